/* The server over real sockets on loopback: what it accepts, what it refuses and how,
 * the order of replies, WebSocket frames, limits, and stopping. Each test drives the
 * loop itself; the client side is plain non-blocking sockets. Expected bytes follow
 * RFC 9112 and 6455. */
#include "metis/net.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define HELD_MAX 256

struct fixture {
    uv_loop_t loop;
    struct net_server *s;
    struct net_server_options opt;
    bool hold; /* do not answer at once */
    struct {
        struct net_ref ref;
        uint64_t id;
    } held[HELD_MAX];
    unsigned held_num, requests, closed;
    bool stopped, websocket;
    struct net_ref last;
    size_t reply_size; /* 0: echo */
};

static void answer(struct fixture *f, struct net_ref ref, uint64_t id, slice text)
{
    struct buf b;
    buf_init(&b, 64u << 20);
    buf_put_slice(&b, text);
    while (b.len < f->reply_size)
        buf_put_u8(&b, 'x');
    net_reply(f->s, ref, id, &b);
    buf_fini(&b);
}

static void on_request(void *ctx, struct net_ref ref, uint64_t id, slice body, bool ws)
{
    struct fixture *f = ctx;
    f->requests++;
    f->websocket = ws;
    f->last = ref;
    if (f->hold) {
        cr_assert_lt(f->held_num, HELD_MAX);
        f->held[f->held_num].ref = ref;
        f->held[f->held_num++].id = id;
        return;
    }
    answer(f, ref, id, body);
}

static bool on_get(void *ctx, slice path, unsigned *status, const char **type,
                   struct buf *body)
{
    (void)ctx;
    if (!slice_eq(path, slice_str("/livez")))
        return false;
    *status = 200;
    *type = "text/plain";
    buf_put_str(body, "alive");
    return true;
}

static void on_close(void *ctx, struct net_ref ref, bool ws)
{
    struct fixture *f = ctx;
    (void)ref;
    (void)ws;
    f->closed++;
}

static void start(struct fixture *f)
{
    static const struct net_callbacks cb = {on_request, on_get, on_close};
    struct mt_diag diag = {0};
    cr_assert_eq(uv_loop_init(&f->loop), 0);
    cr_assert_eq(net_server_new(&f->loop, &f->opt, &cb, f, &f->s, &diag), MT_OK, "%s",
                 diag.text);
}

static void init(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    net_options_default(&f->opt);
}

static void on_stopped(void *ctx)
{
    ((struct fixture *)ctx)->stopped = true;
}

static void finish(struct fixture *f)
{
    uint64_t t0 = clock_mono_ns();
    net_server_stop(f->s, on_stopped, f);
    while (!f->stopped && clock_mono_ns() - t0 < 5000000000u)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    cr_assert(f->stopped);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    net_server_free(f->s);
    cr_assert_eq(uv_loop_close(&f->loop), 0);
}

static int dial(struct fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(net_server_port(f->s)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    int one = 1; /* small frames leave at once */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < 5; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void put(struct fixture *f, int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
        turn(f);
        if (n < 0 && errno != EAGAIN)
            return;
    }
}

static void put_text(struct fixture *f, int fd, const char *text)
{
    put(f, fd, text, strlen(text));
}

/* What has come in until `want` bytes are there, the peer closed (*eof), or 3 s went
 * by. */
static size_t get(struct fixture *f, int fd, char *out, size_t size, size_t want,
                  bool *eof)
{
    size_t n = 0;
    uint64_t t0 = clock_mono_ns();
    *eof = false;
    while (n < want && clock_mono_ns() - t0 < 3000000000u) {
        turn(f);
        ssize_t r = recv(fd, out + n, size - 1 - n, 0);
        if (r > 0) {
            n += (size_t)r;
        } else if (r == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
            *eof = true;
            break;
        } else {
            usleep(200);
        }
    }
    out[n] = 0;
    return n;
}

/* One exchange on a connection of its own, read to its end or for as long as nothing
 * comes. */
static void exchange(struct fixture *f, const char *request, char *out, size_t size)
{
    int fd = dial(f);
    bool eof;
    size_t n = 0;
    put_text(f, fd, request);
    for (int i = 0; i < 50 && n == 0; i++) {
        turn(f);
        ssize_t r = recv(fd, out, size - 1, 0);
        n = r > 0 ? (size_t)r : 0;
        if (n == 0)
            usleep(2000);
    }
    (void)eof;
    out[n] = 0;
    close(fd);
    turn(f);
}

#define HEAD                                                                             \
    "POST / HTTP/1.1\r\nHost: localhost:8545\r\nContent-Type: application/json\r\n"

static void expect_status(struct fixture *f, const char *request, const char *status)
{
    char got[4096], want[64];
    exchange(f, request, got, sizeof(got));
    snprintf(want, sizeof(want), "HTTP/1.1 %s ", status);
    cr_expect_eq(strncmp(got, want, strlen(want)), 0, "want %s, got: %.200s\nfor: %.200s",
                 status, got, request);
}

Test(net_http, post_is_echoed)
{
    struct fixture f;
    char got[1024];
    init(&f);
    start(&f);
    exchange(&f, HEAD "Content-Length: 2\r\n\r\n{}", got, sizeof(got));
    cr_expect_str_eq(got, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                          "Content-Length: 2\r\n\r\n{}");
    exchange(&f,
             HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n",
             got, sizeof(got));
    cr_expect_not_null(strstr(got, "\r\n\r\n[1,2]"));
    finish(&f);
}

Test(net_http, version_1_0)
{
    struct fixture f;
    char got[1024];
    init(&f);
    start(&f);
    exchange(&f, "GET /livez HTTP/1.0\r\n\r\n", got, sizeof(got));
    cr_expect_not_null(strstr(got, "Connection: close\r\n"));
    exchange(&f, "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", got,
             sizeof(got));
    cr_expect_not_null(strstr(got, "Connection: keep-alive\r\n"));
    finish(&f);
}

Test(net_http, byte_by_byte)
{
    struct fixture f;
    char got[1024];
    bool eof;
    static const char request[] =
        HEAD "X-Other: some value\r\nContent-Length: 5\r\n\r\nhello";
    init(&f);
    start(&f);
    int fd = dial(&f);
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        put(&f, fd, request + i, 1);
    get(&f, fd, got, sizeof(got), 70, &eof);
    cr_expect_not_null(strstr(got, "200 OK"));
    cr_expect_not_null(strstr(got, "\r\n\r\nhello"));
    close(fd);
    finish(&f);
}

Test(net_http, refusals)
{
    struct fixture f;
    init(&f);
    start(&f);
    expect_status(&f, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "200");
    expect_status(&f, "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "200");
    expect_status(&f, "GET /other HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "404");
    expect_status(&f, "GET / HTTP/1.1\r\n\r\n", "400");
    expect_status(&f, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403");
    expect_status(&f, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400");
    expect_status(&f, "PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n", "405");
    expect_status(&f, "nonsense\r\n\r\n", "400");
    expect_status(&f, "GET / HTTP/7.3\r\nHost: localhost\r\n\r\n", "505");
    expect_status(&f,
                  "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/html\r\n"
                  "Content-Length: 2\r\n\r\n{}",
                  "415");
    expect_status(&f, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
                  "415");
    expect_status(&f, HEAD "Content-Length: 99999999\r\n\r\n", "413");
    expect_status(&f,
                  HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                  "400");
    expect_status(&f, HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "400");
    expect_status(&f, HEAD "Content-Length: -1\r\n\r\n", "400");
    cr_expect_eq(f.requests, 0u);
    finish(&f);
}

Test(net_http, limits_of_the_head)
{
    struct fixture f;
    char *text = calloc(1, 1 << 17);
    init(&f);
    f.opt.header_bytes_max = 2048;
    f.opt.header_num_max = 10;
    start(&f);
    strcpy(text, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ");
    memset(text + strlen(text), 'a', 4000);
    strcat(text, "\r\n\r\n");
    expect_status(&f, text, "431");
    strcpy(text, "GET / HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 20; i++)
        strcat(text, "A: b\r\n");
    strcat(text, "\r\n");
    expect_status(&f, text, "431");
    memset(text, 0, 1 << 17);
    strcpy(text, "GET /");
    memset(text + 5, 'p', 1500);
    strcat(text, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect_status(&f, text, "414");
    free(text);
    finish(&f);
}

Test(net_http, body_limit_counts_chunks)
{
    struct fixture f;
    init(&f);
    f.opt.body_max = 8;
    start(&f);
    expect_status(&f, HEAD "Content-Length: 8\r\n\r\n12345678", "200");
    expect_status(&f, HEAD "Content-Length: 9\r\n\r\n123456789", "413");
    expect_status(
        &f, HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n5\r\n12345\r\n", "413");
    finish(&f);
}

Test(net_http, cors)
{
    static const char *const origins[] = {"https://app.example"};
    struct fixture f;
    char got[1024];
    init(&f);
    f.opt.cors = origins;
    f.opt.cors_num = 1;
    start(&f);
    exchange(&f,
             "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n"
             "Access-Control-Request-Method: POST\r\n\r\n",
             got, sizeof(got));
    cr_expect_not_null(strstr(got, "HTTP/1.1 204"));
    cr_expect_not_null(
        strstr(got, "Access-Control-Allow-Origin: https://app.example\r\n"));
    cr_expect_not_null(strstr(got, "Access-Control-Allow-Methods:"));
    exchange(&f, HEAD "Origin: https://app.example\r\nContent-Length: 2\r\n\r\n{}", got,
             sizeof(got));
    cr_expect_not_null(
        strstr(got, "Access-Control-Allow-Origin: https://app.example\r\n"));
    exchange(&f, HEAD "Origin: https://other.example\r\nContent-Length: 2\r\n\r\n{}", got,
             sizeof(got));
    cr_expect_null(strstr(got, "Access-Control"));
    finish(&f);
}

Test(net_http, files)
{
    static const struct net_file files[] = {
        {"/", "text/html", "\"e1\"", "X-Frame: none\r\n", "<p>plain</p>", 12, "gz", 2},
        {"/livez", "text/html", "\"e2\"", "", "never", 5, NULL, 0},
        {"/only-plain", "text/css", "\"e3\"", "", "p{}", 3, NULL, 0}};
    struct fixture f;
    char got[1024];
    init(&f);
    f.opt.files = files;
    f.opt.file_num = MT_ARRAY_LEN(files);
    start(&f);
    exchange(&f, "GET /?q=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", got, sizeof(got));
    cr_expect_str_eq(got, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                          "Content-Length: 12\r\nETag: \"e1\"\r\n"
                          "Cache-Control: no-cache\r\nVary: Accept-Encoding\r\n"
                          "X-Frame: none\r\n\r\n<p>plain</p>");
    exchange(&f, "GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: br, gzip\r\n\r\n",
             got, sizeof(got));
    cr_expect_not_null(strstr(got, "Content-Length: 2\r\n"));
    cr_expect_not_null(strstr(got, "Content-Encoding: gzip\r\n"));
    cr_expect_not_null(strstr(got, "\r\n\r\ngz"));
    exchange(&f,
             "GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n"
             "If-None-Match: \"e1\"\r\n\r\n",
             got, sizeof(got));
    cr_expect_str_eq(got, "HTTP/1.1 304 Not Modified\r\nETag: \"e1\"\r\n"
                          "Cache-Control: no-cache\r\nVary: Accept-Encoding\r\n"
                          "X-Frame: none\r\n\r\n");
    exchange(&f,
             "GET /only-plain HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n"
             "If-None-Match: \"e1\"\r\n\r\n",
             got, sizeof(got));
    cr_expect_not_null(strstr(got, "\r\n\r\np{}"));
    cr_expect_null(strstr(got, "Content-Encoding"));
    exchange(&f, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", got, sizeof(got));
    cr_expect_not_null(strstr(got, "\r\n\r\nalive")); /* on_get comes first */
    expect_status(&f, "GET /only-plain/x HTTP/1.1\r\nHost: localhost\r\n\r\n", "404");
    expect_status(&f, HEAD "Content-Length: 2\r\n\r\n{}", "200");
    finish(&f);
}

Test(net_http, files_in_a_pipeline)
{
    static const struct net_file file = {"/",   "text/html", "\"e\"", "",
                                         "<p>", 3,           NULL,    0};
    struct fixture f;
    char got[1024];
    bool eof;
    init(&f);
    f.opt.files = &file;
    f.opt.file_num = 1;
    f.hold = true;
    start(&f);
    int fd = dial(&f);
    put_text(&f, fd, HEAD "Content-Length: 2\r\n\r\n{}");
    put_text(&f, fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    turn(&f);
    cr_assert_eq(f.held_num, 1);
    answer(&f, f.held[0].ref, f.held[0].id, slice_str("[]"));
    get(&f, fd, got, sizeof(got), 195, &eof);
    const char *first = strstr(got, "\r\n\r\n[]HTTP/1.1 200 OK");
    cr_assert_not_null(first, "%s", got);
    cr_expect_not_null(strstr(first, "ETag: \"e\"\r\n"));
    close(fd);
    finish(&f);
}

Test(net_http, replies_keep_the_order_of_requests)
{
    struct fixture f;
    char got[2048];
    bool eof;
    init(&f);
    f.hold = true;
    start(&f);
    int fd = dial(&f);
    for (int i = 0; i < 3; i++)
        put_text(&f, fd, HEAD "Content-Length: 1\r\n\r\nx");
    turn(&f);
    cr_assert_eq(f.held_num, 3u);
    answer(&f, f.held[2].ref, f.held[2].id, slice_str("third"));
    answer(&f, f.held[1].ref, f.held[1].id, slice_str("second"));
    cr_expect_eq(get(&f, fd, got, sizeof(got), 0, &eof), 0u);
    answer(&f, f.held[0].ref, f.held[0].id, slice_str("first"));
    size_t n = get(&f, fd, got, sizeof(got), 3 * 75, &eof);
    cr_assert_gt(n, 0u);
    char *a = strstr(got, "first"), *b = strstr(got, "second"), *c = strstr(got, "third");
    cr_expect(a != NULL && b != NULL && c != NULL && a < b && b < c, "%s", got);
    close(fd);
    finish(&f);
}

Test(net_http, pipeline_is_bounded_and_goes_on)
{
    struct fixture f;
    char *got = calloc(1, 1 << 20);
    bool eof;
    init(&f);
    f.hold = true;
    f.opt.pipeline_max = 4;
    start(&f);
    int fd = dial(&f);
    for (int i = 0; i < 20; i++)
        put_text(&f, fd, HEAD "Content-Length: 1\r\n\r\nx");
    turn(&f);
    cr_expect_eq(f.held_num, 4u);
    for (unsigned i = 0; i < 20; i++) {
        turn(&f);
        cr_assert_lt(i, f.held_num);
        cr_expect_leq(f.held_num, i + 4u);
        answer(&f, f.held[i].ref, f.held[i].id, slice_str("ok"));
    }
    get(&f, fd, got, 1 << 20, 20 * 71, &eof);
    unsigned n = 0;
    for (char *p = got; (p = strstr(p, "HTTP/1.1 200")) != NULL; p++)
        n++;
    cr_expect_eq(n, 20u);
    free(got);
    close(fd);
    finish(&f);
}

Test(net_http, late_reply_to_a_dead_connection_is_dropped)
{
    struct fixture f;
    struct buf b;
    init(&f);
    f.hold = true;
    start(&f);
    int fd = dial(&f);
    put_text(&f, fd, HEAD "Content-Length: 1\r\n\r\nx");
    cr_assert_eq(f.held_num, 1u);
    struct linger reset = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    for (int i = 0; i < 100 && f.closed == 0; i++) {
        turn(&f);
        usleep(1000);
    }
    cr_assert_eq(f.closed, 1u);
    int other = dial(&f); /* takes the same place with a new generation */
    put_text(&f, other, HEAD "Content-Length: 1\r\n\r\ny");
    buf_init(&b, 100);
    buf_put_str(&b, "late");
    cr_expect_not(net_reply(f.s, f.held[0].ref, f.held[0].id, &b));
    cr_expect_eq(b.len, 0u);
    buf_fini(&b);
    close(other);
    finish(&f);
}

Test(net_http, big_replies_to_a_slow_reader)
{
    struct fixture f;
    size_t size = 8u << 20, n = 0;
    char *got = malloc(size + 4096);
    init(&f);
    f.reply_size = size;
    start(&f);
    int fd = dial(&f);
    put_text(&f, fd, HEAD "Content-Length: 1\r\n\r\nx");
    usleep(20000);
    uint64_t t0 = clock_mono_ns();
    while (n < size && clock_mono_ns() - t0 < 5000000000u) {
        turn(&f);
        ssize_t r = recv(fd, got + n, size + 4096 - n, 0);
        n += r > 0 ? (size_t)r : 0;
    }
    cr_expect_gt(n, size);
    cr_expect_eq(got[n - 1], 'x');
    free(got);
    close(fd);
    finish(&f);
}

Test(net_http, expect_continue)
{
    struct fixture f;
    char got[1024];
    bool eof;
    init(&f);
    start(&f);
    int fd = dial(&f);
    put_text(&f, fd, HEAD "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    get(&f, fd, got, sizeof(got), 25, &eof);
    cr_expect_str_eq(got, "HTTP/1.1 100 Continue\r\n\r\n");
    put_text(&f, fd, "{}");
    get(&f, fd, got, sizeof(got), 70, &eof);
    cr_expect_not_null(strstr(got, "200 OK"));
    close(fd);
    finish(&f);
}

Test(net_http, slow_senders_are_told_408)
{
    struct fixture f;
    char got[1024];
    bool eof;
    init(&f);
    f.opt.header_timeout_ms = 100;
    f.opt.body_timeout_ms = 100;
    start(&f);
    int a = dial(&f), b = dial(&f);
    put_text(&f, a, "POST / HTTP/1.1\r\nHost: loc");
    put_text(&f, b, HEAD "Content-Length: 10\r\n\r\nxy");
    get(&f, a, got, sizeof(got), 1000, &eof);
    cr_expect_not_null(strstr(got, "HTTP/1.1 408"));
    cr_expect(eof);
    get(&f, b, got, sizeof(got), 1000, &eof);
    cr_expect_not_null(strstr(got, "HTTP/1.1 408"));
    close(a);
    close(b);
    finish(&f);
}

Test(net_http, idle_connections_end)
{
    struct fixture f;
    char got[256];
    bool eof;
    init(&f);
    f.opt.idle_timeout_ms = 100;
    start(&f);
    int fd = dial(&f);
    put_text(&f, fd, HEAD "Content-Length: 2\r\n\r\n{}");
    get(&f, fd, got, sizeof(got), 200, &eof);
    cr_expect(eof);
    close(fd);
    finish(&f);
}

Test(net_http, too_many_connections)
{
    struct fixture f;
    char got[256];
    bool eof;
    init(&f);
    f.opt.conn_max = 2;
    start(&f);
    int a = dial(&f), b = dial(&f), c = dial(&f);
    get(&f, c, got, sizeof(got), 200, &eof);
    cr_expect_not_null(strstr(got, "HTTP/1.1 503"));
    close(c);
    put_text(&f, a, HEAD "Content-Length: 2\r\n\r\n{}");
    get(&f, a, got, sizeof(got), 60, &eof);
    cr_expect_not_null(strstr(got, "200 OK"));
    close(a);
    close(b);
    finish(&f);

    init(&f);
    f.opt.conn_ip_max = 1;
    start(&f);
    a = dial(&f), b = dial(&f);
    get(&f, b, got, sizeof(got), 200, &eof);
    cr_expect_not_null(strstr(got, "HTTP/1.1 429"));
    close(a);
    close(b);
    finish(&f);
}

Test(net_http, half_closed_peer_gets_its_reply)
{
    struct fixture f;
    char got[256];
    bool eof;
    init(&f);
    f.hold = true;
    start(&f);
    int fd = dial(&f);
    put_text(&f, fd, HEAD "Content-Length: 2\r\n\r\n{}");
    shutdown(fd, SHUT_WR);
    turn(&f);
    cr_assert_eq(f.held_num, 1u);
    answer(&f, f.held[0].ref, f.held[0].id, slice_str("done"));
    get(&f, fd, got, sizeof(got), 200, &eof);
    cr_expect_not_null(strstr(got, "\r\n\r\ndone"));
    cr_expect(eof);
    close(fd);
    finish(&f);
}

Test(net_http, stop_lets_replies_out_and_is_quick)
{
    struct fixture f;
    char got[256];
    init(&f);
    f.hold = true;
    start(&f);
    int idle = dial(&f), busy = dial(&f);
    put_text(&f, busy, HEAD "Content-Length: 2\r\n\r\n{}");
    cr_assert_eq(f.held_num, 1u);
    net_server_stop(f.s, on_stopped, &f);
    answer(&f, f.held[0].ref, f.held[0].id, slice_str("last"));
    uint64_t t0 = clock_mono_ns();
    while (!f.stopped && clock_mono_ns() - t0 < 5000000000u)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    cr_assert(f.stopped);
    ssize_t n = recv(busy, got, sizeof(got) - 1, 0);
    cr_assert_gt(n, 0);
    got[n] = 0;
    cr_expect_not_null(strstr(got, "\r\n\r\nlast"));
    close(idle);
    close(busy);
    uv_run(&f.loop, UV_RUN_NOWAIT);
    net_server_free(f.s);
    cr_expect_eq(uv_loop_close(&f.loop), 0);
}

Test(net_http, bad_options)
{
    struct fixture f;
    struct mt_diag diag = {0};
    struct net_callbacks cb = {on_request, NULL, NULL};
    init(&f);
    cr_assert_eq(uv_loop_init(&f.loop), 0);
    f.opt.host = "not an address";
    cr_expect_eq(net_server_new(&f.loop, &f.opt, &cb, &f, &f.s, &diag), MT_EINVAL);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    f.opt.host = "127.0.0.1";
    f.opt.pipeline_max = 0;
    cr_expect_eq(net_server_new(&f.loop, &f.opt, &cb, &f, &f.s, &diag), MT_EINVAL);
    cr_expect_eq(uv_loop_close(&f.loop), 0);
}

/* ---- WebSocket ---- */

#define UPGRADE                                                                          \
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

static int dial_ws(struct fixture *f)
{
    char got[512];
    bool eof;
    int fd = dial(f);
    put_text(f, fd, UPGRADE);
    get(f, fd, got, sizeof(got), 129, &eof);
    cr_assert_not_null(strstr(got, "HTTP/1.1 101"));
    /* the sample nonce and its answer of RFC 6455, section 1.3 */
    cr_assert_not_null(
        strstr(got, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "%s", got);
    return fd;
}

static void put_frame(struct fixture *f, int fd, unsigned first, const char *text,
                      size_t n)
{
    uint8_t *b = malloc(n + 16);
    static const uint8_t mask[4] = {1, 2, 3, 4};
    size_t h = 2;
    b[0] = (uint8_t)first;
    if (n < 126) {
        b[1] = (uint8_t)(0x80 | n);
    } else if (n < 65536) {
        b[1] = 0x80 | 126;
        b[2] = (uint8_t)(n >> 8);
        b[3] = (uint8_t)n;
        h = 4;
    } else {
        b[1] = 0x80 | 127;
        store_be64(b + 2, n);
        h = 10;
    }
    memcpy(b + h, mask, 4);
    for (size_t i = 0; i < n; i++)
        b[h + 4 + i] = (uint8_t)text[i] ^ mask[i % 4];
    put(f, fd, b, h + 4 + n);
    free(b);
}

/* The close code that comes, or 0. */
static unsigned close_code(struct fixture *f, int fd)
{
    char got[4096];
    bool eof;
    size_t n = get(f, fd, got, sizeof(got), 4000, &eof);
    for (size_t i = 0; i + 4 <= n; i++)
        if ((uint8_t)got[i] == 0x88 && got[i + 1] >= 2)
            return (unsigned)(uint8_t)got[i + 2] << 8 | (uint8_t)got[i + 3];
    return 0;
}

Test(net_ws, echo_and_fragments)
{
    struct fixture f;
    char got[512];
    bool eof;
    init(&f);
    start(&f);
    int fd = dial_ws(&f);
    put_frame(&f, fd, 0x81, "hello", 5);
    cr_expect_eq(get(&f, fd, got, sizeof(got), 7, &eof), 7u);
    cr_expect_eq(memcmp(got, "\x81\x05hello", 7), 0);
    cr_expect(f.websocket);
    put_frame(&f, fd, 0x01, "one ", 4);
    put_frame(&f, fd, 0x89, "ping", 4); /* a control frame between fragments */
    put_frame(&f, fd, 0x80, "two", 3);
    cr_expect_eq(get(&f, fd, got, sizeof(got), 15, &eof), 15u);
    cr_expect_eq(memcmp(got, "\x8a\x04ping\x81\x07one two", 15), 0);
    close(fd);
    finish(&f);
}

Test(net_ws, bytes_one_at_a_time_and_big_messages)
{
    struct fixture f;
    size_t n = 200000;
    char *text = malloc(n), *got = malloc(n + 100);
    bool eof;
    memset(text, 'q', n);
    init(&f);
    start(&f);
    int fd = dial_ws(&f);
    static const uint8_t frame[] = {0x81, 0x83, 0, 0, 0, 0, 'a', 'b', 'c'};
    for (size_t i = 0; i < sizeof(frame); i++)
        put(&f, fd, frame + i, 1);
    cr_expect_eq(get(&f, fd, got, 100, 5, &eof), 5u);
    cr_expect_eq(memcmp(got,
                        "\x81\x03"
                        "abc",
                        5),
                 0);
    put_frame(&f, fd, 0x81, text, n);
    cr_expect_eq(get(&f, fd, got, n + 100, n + 10, &eof), n + 10);
    cr_expect_eq((uint8_t)got[1], 127u);
    cr_expect_eq(load_be64((uint8_t *)got + 2), n);
    cr_expect_eq(memcmp(got + 10, text, n), 0);
    free(text);
    free(got);
    close(fd);
    finish(&f);
}

Test(net_ws, protocol_errors_close_with_their_code)
{
    struct fixture f;
    init(&f);
    f.opt.ws_message_max = 1000;
    start(&f);
    int fd = dial_ws(&f);
    put(&f, fd,
        "\x81\x03"
        "abc",
        5); /* not masked */
    cr_expect_eq(close_code(&f, fd), 1002u);
    close(fd);
    fd = dial_ws(&f);
    put_frame(&f, fd, 0xC1, "abc", 3); /* RSV1 without an extension */
    cr_expect_eq(close_code(&f, fd), 1002u);
    close(fd);
    fd = dial_ws(&f);
    put_frame(&f, fd, 0x81, "\xff\xfe", 2); /* not UTF-8 */
    cr_expect_eq(close_code(&f, fd), 1007u);
    close(fd);
    fd = dial_ws(&f);
    char big[1001] = {0};
    memset(big, 'x', sizeof(big));
    put_frame(&f, fd, 0x81, big, sizeof(big));
    cr_expect_eq(close_code(&f, fd), 1009u);
    close(fd);
    fd = dial_ws(&f);
    put_frame(&f, fd, 0x88, "\x03\xe8", 2); /* a proper close is answered alike */
    cr_expect_eq(close_code(&f, fd), 1000u);
    close(fd);
    cr_expect_eq(f.requests, 0u);
    finish(&f);
}

Test(net_ws, handshake_refusals)
{
    struct fixture f;
    init(&f);
    start(&f);
    expect_status(&f,
                  "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
                  "400");
    expect_status(&f,
                  "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                  "426");
    expect_status(&f,
                  "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Origin: https://evil.example\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                  "403");
    expect_status(&f,
                  "GET / HTTP/1.1\r\nHost: 127.0.0.1:8545\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Origin: http://127.0.0.1:9545\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                  "403");
    expect_status(&f, /* a page of this server, whatever the order of the headers */
                  "GET / HTTP/1.1\r\nOrigin: http://127.0.0.1:8545\r\n"
                  "Host: 127.0.0.1:8545\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                  "101");
    finish(&f);
}

Test(net_ws, pushes_and_the_full_queue)
{
    struct fixture f;
    char got[512], *big = malloc(1 << 20);
    bool eof;
    memset(big, 'z', 1 << 20);
    init(&f);
    f.opt.ws_queue_max = 4u << 20;
    start(&f);
    int fd = dial_ws(&f);
    put_frame(&f, fd, 0x81, "x", 1);
    get(&f, fd, got, sizeof(got), 3, &eof);
    cr_expect(net_send(f.s, f.last, slice_str("news")));
    cr_expect_eq(get(&f, fd, got, sizeof(got), 6, &eof), 6u);
    cr_expect_eq(memcmp(got, "\x81\x04news", 6), 0);
    unsigned sent = 0;
    while (sent < 64 && net_send(f.s, f.last, slice_of(big, 1 << 20)))
        sent++;
    cr_expect_lt(sent, 64u); /* the client does not read: refused at some point */
    cr_expect_not(net_send(f.s, f.last, slice_str("more")));
    /* reading on, the close frame with 1013 stands at the end */
    uint64_t t0 = clock_mono_ns();
    uint8_t tail[4] = {0};
    size_t n = 0;
    while (clock_mono_ns() - t0 < 5000000000u) {
        turn(&f);
        ssize_t r = recv(fd, big, 1 << 20, 0);
        if (r == 0)
            break;
        if (r < 4)
            continue;
        memcpy(tail, big + r - 4, 4);
        n += (size_t)r;
    }
    cr_expect_gt(n, (size_t)sent << 20);
    cr_expect_eq(memcmp(tail, "\x88\x02\x03\xf5", 4), 0);
    free(big);
    close(fd);
    finish(&f);
}

Test(net_ws, requests_in_flight_are_bounded)
{
    struct fixture f;
    init(&f);
    f.hold = true;
    f.opt.ws_inflight_max = 4;
    start(&f);
    int fd = dial_ws(&f);
    char big[3000];
    memset(big, 'b', sizeof(big));
    for (int i = 0; i < 30; i++)
        put_frame(&f, fd, 0x81, big, sizeof(big));
    /* what lies in the frame reader's own 4 KB may still come through */
    cr_expect_leq(f.held_num, 4u + 2u);
    for (unsigned i = 0; i < 30; i++) {
        for (int k = 0; k < 100 && i >= f.held_num; k++)
            turn(&f);
        cr_assert_lt(i, f.held_num);
        answer(&f, f.held[i].ref, f.held[i].id, slice_str("r"));
    }
    cr_expect_eq(f.requests, 30u);
    close(fd);
    finish(&f);
}

Test(net_ws, silence_is_pinged_then_closed)
{
    struct fixture f;
    char got[64];
    bool eof;
    init(&f);
    f.opt.ping_ms = 60;
    f.opt.idle_timeout_ms = 200;
    start(&f);
    int fd = dial_ws(&f);
    cr_expect_eq(get(&f, fd, got, sizeof(got), 2, &eof), 2u);
    cr_expect_eq(memcmp(got, "\x89\x00", 2), 0);
    put_frame(&f, fd, 0x8A, "", 0);
    get(&f, fd, got, sizeof(got), 60, &eof);
    cr_expect(eof);
    close(fd);
    finish(&f);
}

Test(net_ws, stop_says_1001)
{
    struct fixture f;
    char got[64];
    init(&f);
    start(&f);
    int fd = dial_ws(&f);
    finish(&f);
    ssize_t n = recv(fd, got, sizeof(got), 0);
    cr_expect_eq(n, 4);
    cr_expect_eq(memcmp(got, "\x88\x02\x03\xe9", 4), 0);
    close(fd);
}
