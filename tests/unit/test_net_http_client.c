/* The HTTP client against this module's own server and against sockets that answer
 * badly: what comes back, the limits and their errors, the end of requests under way. */
#include "metis/http_client.h"
#include "metis/net.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define ENDED_MAX 64

struct ended {
    mt_err err;
    unsigned status;
    char body[64];
    size_t len;
    char text[128];
};

struct fixture {
    uv_loop_t loop;
    struct net_server *s;
    struct http_client *c;
    struct http_client_options opt;
    bool hold, stopped;
    size_t reply_size; /* 0: echo */
    unsigned requests;
    struct ended ended[ENDED_MAX];
    unsigned ended_num;
    char url[64];
};

static void on_request(void *ctx, struct net_ref ref, uint64_t id, slice body, bool ws)
{
    struct fixture *f = ctx;
    struct buf b;
    (void)ws;
    f->requests++;
    if (f->hold)
        return;
    buf_init(&b, 64u << 20);
    buf_put_slice(&b, body);
    while (b.len < f->reply_size)
        buf_put_u8(&b, 'x');
    net_reply(f->s, ref, id, &b);
    buf_fini(&b);
}

static void start(struct fixture *f)
{
    static const struct net_callbacks cb = {.on_request = on_request};
    struct net_server_options opt;
    memset(f, 0, sizeof *f);
    f->opt = (struct http_client_options){
        .connections_max = 4, .requests_max = 16, .connect_timeout_ms = 2000};
    net_options_default(&opt);
    cr_assert_eq(uv_loop_init(&f->loop), 0);
    cr_assert_eq(net_server_new(&f->loop, &opt, &cb, f, &f->s, NULL), MT_OK);
    cr_assert_eq(http_client_new(&f->loop, &f->opt, &f->c, NULL), MT_OK);
    mt_fmt(f->url, sizeof f->url, "http://127.0.0.1:%u/",
           (unsigned)net_server_port(f->s));
}

static void on_stopped(void *ctx)
{
    ((struct fixture *)ctx)->stopped = true;
}

static void finish(struct fixture *f)
{
    http_client_free(f->c);
    net_server_stop(f->s, on_stopped, f);
    while (!f->stopped)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    net_server_free(f->s);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&f->loop), 0);
}

static void done(void *ctx, const struct http_result *r)
{
    struct fixture *f = ctx;
    cr_assert_lt(f->ended_num, ENDED_MAX);
    struct ended *e = &f->ended[f->ended_num++];
    e->err = r->err;
    e->status = r->status;
    e->len = r->body->len;
    if (e->len > 0) /* an empty body has no bytes to point to */
        memcpy(e->body, r->body->ptr, MT_MIN(e->len, sizeof e->body - 1));
    mt_fmt(e->text, sizeof e->text, "%s", r->text);
}

static mt_err post(struct fixture *f, const char *url, const char *text, size_t reply_max,
                   uint64_t timeout_ms)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_put_str(&b, text);
    mt_err err = http_post(f->c, url, &b, reply_max, timeout_ms, done, f, NULL);
    cr_assert_eq(b.len, err == MT_OK ? 0 : strlen(text));
    buf_fini(&b);
    return err;
}

static void run_until(struct fixture *f, unsigned num)
{
    uint64_t t0 = clock_mono_ns();
    while (f->ended_num < num && clock_mono_ns() - t0 < 20000000000u)
        uv_run(&f->loop, UV_RUN_ONCE);
    cr_assert_eq(f->ended_num, num);
}

Test(http_client, answers_come_back_and_connections_are_kept)
{
    struct fixture f;
    start(&f);
    for (unsigned i = 0; i < 8; i++) {
        cr_assert_eq(post(&f, f.url, "[1,2]", 100, 5000), MT_OK);
        run_until(&f, i + 1);
        cr_assert_eq(f.ended[i].err, MT_OK, "%s", f.ended[i].text);
        cr_assert_eq(f.ended[i].status, 200);
        cr_assert_str_eq(f.ended[i].body, "[1,2]");
    }
    cr_assert_eq(net_conn_count(f.s), 1);
    finish(&f);
}

Test(http_client, many_at_once_share_the_connections_and_one_too_many_is_refused)
{
    struct fixture f;
    start(&f);
    for (unsigned i = 0; i < 16; i++)
        cr_assert_eq(post(&f, f.url, "x", 100, 5000), MT_OK);
    cr_assert_eq(post(&f, f.url, "x", 100, 5000), MT_EBUSY);
    cr_assert_eq(http_client_len(f.c), 16);
    run_until(&f, 16);
    for (unsigned i = 0; i < 16; i++)
        cr_assert_eq(f.ended[i].err, MT_OK, "%s", f.ended[i].text);
    cr_assert_leq(net_conn_count(f.s), 4);
    finish(&f);
}

Test(http_client, large_bodies_both_ways_and_the_cap)
{
    struct fixture f;
    start(&f);
    f.reply_size = 3u << 20;
    cr_assert_eq(post(&f, f.url, "x", 4u << 20, 5000), MT_OK);
    run_until(&f, 1);
    cr_assert_eq(f.ended[0].err, MT_OK);
    cr_assert_eq(f.ended[0].len, 3u << 20);
    cr_assert_eq(post(&f, f.url, "x", (3u << 20) - 1, 5000), MT_OK);
    run_until(&f, 2);
    cr_assert_eq(f.ended[1].err, MT_ELIMIT);
    cr_assert_str_eq(f.ended[1].text, "the answer is larger than the limit");
    finish(&f);
}

Test(http_client, time_out_cancel_and_free_end_what_is_under_way)
{
    struct fixture f;
    start(&f);
    f.hold = true;
    cr_assert_eq(post(&f, f.url, "x", 100, 50), MT_OK);
    run_until(&f, 1);
    cr_assert_eq(f.ended[0].err, MT_ETIMEOUT);
    cr_assert_eq(post(&f, f.url, "x", 100, 60000), MT_OK);
    cr_assert_eq(post(&f, f.url, "x", 100, 60000), MT_OK);
    while (f.requests < 3)
        uv_run(&f.loop, UV_RUN_ONCE);
    http_client_cancel(f.c);
    cr_assert_eq(f.ended_num, 3);
    cr_assert_eq(f.ended[1].err, MT_ECANCELED);
    cr_assert_eq(http_client_len(f.c), 0);
    cr_assert_eq(post(&f, f.url, "x", 100, 60000), MT_OK); /* still of use */
    uv_run(&f.loop, UV_RUN_NOWAIT);
    finish(&f);
    cr_assert_eq(f.ended_num, 4);
    cr_assert_eq(f.ended[3].err, MT_ECANCELED);
}

Test(http_client, nobody_there_and_bad_urls)
{
    struct fixture f;
    start(&f);
    cr_assert_eq(post(&f, "http://127.0.0.1:1/", "x", 100, 5000), MT_OK);
    run_until(&f, 1);
    cr_assert_eq(f.ended[0].err, MT_EIO);
    cr_assert(strstr(f.ended[0].text, "127.0.0.1") != NULL, "%s", f.ended[0].text);
    static const char *const bad[] = {
        "", "127.0.0.1:80", "ftp://a/", "file:///etc/passwd", "http://", "http://a:b/"};
    for (size_t i = 0; i < MT_ARRAY_LEN(bad); i++) {
        cr_assert(!http_url_ok(bad[i]), "%s", bad[i]);
        cr_assert_eq(post(&f, bad[i], "x", 100, 5000), MT_EINVAL, "%s", bad[i]);
    }
    cr_assert(http_url_ok("https://user:pw@node.example:8545/path?x=1"));
    cr_assert(http_url_ok("http://[::1]:8545"));
    finish(&f);
}

/* A listener that says `answer` to whoever asks something and closes. */
struct liar {
    uv_tcp_t tcp;
    const char *answer;
    size_t filler; /* bytes of one header added */
};

static void closed(uv_handle_t *h)
{
    mt_free(h);
}

static void wrote(uv_write_t *w, int status)
{
    (void)status;
    uv_close((uv_handle_t *)w->handle, closed);
    mt_free(w->data);
    mt_free(w);
}

static void room(uv_handle_t *h, size_t hint, uv_buf_t *out)
{
    static char bytes[4096];
    (void)h;
    (void)hint;
    *out = uv_buf_init(bytes, sizeof bytes);
}

static void asked(uv_stream_t *peer, ssize_t got, const uv_buf_t *b)
{
    const struct liar *l = peer->data;
    uv_write_t *w = mt_alloc(sizeof *w);
    size_t n = strlen(l->answer);
    char *text = mt_alloc(n + l->filler + 16);
    (void)b;
    cr_assert_gt(got, 0);
    uv_read_stop(peer);
    memcpy(text, l->answer, n);
    if (l->filler > 0) {
        memset(text + n, 'a', l->filler);
        memcpy(text + n + l->filler, ": 1\r\n\r\n", 7);
        n += l->filler + 7;
    }
    w->data = text;
    uv_buf_t out = uv_buf_init(text, (unsigned)n);
    uv_write(w, peer, &out, 1, wrote);
}

static void came(uv_stream_t *s, int status)
{
    uv_tcp_t *peer = mt_alloc(sizeof *peer);
    cr_assert_eq(status, 0);
    uv_tcp_init(s->loop, peer);
    cr_assert_eq(uv_accept(s, (uv_stream_t *)peer), 0);
    peer->data = s->data;
    uv_read_start((uv_stream_t *)peer, room, asked);
}

Test(http_client, answers_that_are_none)
{
    static const struct {
        const char *answer;
        size_t filler;
        mt_err err;
        unsigned status;
    } cases[] = {
        {"", 0, MT_EIO, 0},
        {"hello\r\n\r\n", 0, MT_EIO, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", 0, MT_EIO, 0},
        {"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", 0, MT_OK, 503},
        {"HTTP/1.1 301 Go\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
         0, MT_OK, 301},
        {"HTTP/1.1 200 OK\r\n", 90000, MT_ELIMIT, 0},
    };
    struct fixture f;
    start(&f);
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        struct liar l = {.answer = cases[i].answer, .filler = cases[i].filler};
        struct sockaddr_in a;
        int size = sizeof a;
        char url[64];
        uv_ip4_addr("127.0.0.1", 0, &a);
        uv_tcp_init(&f.loop, &l.tcp);
        l.tcp.data = &l;
        cr_assert_eq(uv_tcp_bind(&l.tcp, (struct sockaddr *)&a, 0), 0);
        cr_assert_eq(uv_listen((uv_stream_t *)&l.tcp, 4, came), 0);
        uv_tcp_getsockname(&l.tcp, (struct sockaddr *)&a, &size);
        mt_fmt(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)ntohs(a.sin_port));
        cr_assert_eq(post(&f, url, "x", 100, 5000), MT_OK);
        run_until(&f, (unsigned)i + 1);
        cr_assert_eq(f.ended[i].err, cases[i].err, "case %zu: %s", i, f.ended[i].text);
        cr_assert_eq(f.ended[i].status, cases[i].status, "case %zu", i);
        uv_close((uv_handle_t *)&l.tcp, NULL);
        uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    finish(&f);
}
