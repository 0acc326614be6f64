/* JSON values on a unix socket, one after the other: where one ends, in whatever pieces
 * the bytes come; what is no value; the limit; bytes that are no UTF-8. What the values
 * should be was cut by hand. */
#include "metis/net.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#define SEEN_MAX 64

struct fixture {
    uv_loop_t loop;
    struct net_server *s;
    struct net_server_options opt;
    char dir[32];
    char path[64];
    struct buf seen[SEEN_MAX];
    unsigned seen_num;
    bool stopped;
};

static void on_request(void *ctx, struct net_ref ref, uint64_t id, slice body, bool ws)
{
    struct fixture *f = ctx;
    struct buf b;
    cr_assert(ws);
    cr_assert_lt(f->seen_num, SEEN_MAX);
    struct buf *seen = &f->seen[f->seen_num++];
    buf_init(seen, 64u << 20);
    buf_put_slice(seen, body);
    buf_init(&b, 64);
    buf_printf(&b, "%u", f->seen_num);
    net_reply(f->s, ref, id, &b);
    buf_fini(&b);
}

static void start(struct fixture *f, size_t message_max)
{
    static const struct net_callbacks cb = {.on_request = on_request};
    struct mt_diag diag = {0};
    memset(f, 0, sizeof *f);
    net_options_default(&f->opt);
    if (message_max > 0)
        f->opt.ws_message_max = message_max;
    mt_fmt(f->dir, sizeof f->dir, "/tmp/metis-ipc-XXXXXX");
    cr_assert_not_null(mkdtemp(f->dir));
    mt_fmt(f->path, sizeof f->path, "%s/s", f->dir);
    cr_assert_eq(uv_loop_init(&f->loop), 0);
    cr_assert_eq(net_server_new(&f->loop, &f->opt, &cb, f, &f->s, &diag), MT_OK);
    struct net_listen_options listen = {.unix_path = f->path, .trusted = true};
    cr_assert_eq(net_listen(f->s, &listen, NULL, &diag), MT_OK, "%s", diag.text);
}

static void forget(struct fixture *f)
{
    while (f->seen_num > 0)
        buf_fini(&f->seen[--f->seen_num]);
}

static void on_stopped(void *ctx)
{
    ((struct fixture *)ctx)->stopped = true;
}

static void finish(struct fixture *f)
{
    net_server_stop(f->s, on_stopped, f);
    while (!f->stopped)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    net_server_free(f->s);
    cr_assert_eq(uv_loop_close(&f->loop), 0);
    forget(f);
    unlink(f->path);
    rmdir(f->dir);
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < 4; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

static int dial(struct fixture *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, f->path, strlen(f->path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    turn(f);
    return fd;
}

/* False: the other end is gone. */
static bool put(struct fixture *f, int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        turn(f);
        if (n < 0 && errno != EAGAIN)
            return false;
        p += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Reads to the end of the stream, or until want lines are there; returns the lines. */
static unsigned get_lines(struct fixture *f, int fd, unsigned want, bool *eof)
{
    char c;
    unsigned lines = 0;
    uint64_t t0 = clock_mono_ns();
    *eof = false;
    while (lines < want && clock_mono_ns() - t0 < 20000000000u) {
        ssize_t n = recv(fd, &c, 1, 0);
        if (n == 1) {
            lines += c == '\n';
        } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
            *eof = true;
            break;
        }
        turn(f);
    }
    return lines;
}

static void expect(const struct fixture *f, unsigned i, const char *text, size_t len)
{
    cr_assert_lt(i, f->seen_num);
    cr_assert_eq(f->seen[i].len, len, "value %u: %zu bytes, not %zu: %.*s", i,
                 f->seen[i].len, len, (int)f->seen[i].len, (char *)f->seen[i].ptr);
    cr_assert_arr_eq(f->seen[i].ptr, text, len);
}

static const char STREAM[] = " \r\n\t{\"a\":1}{\"b\":[1,{\"c\":\"}]\\\"{\"}]}\n[]\n[[[]],"
                             "{}]   {\"\\\\\":\"\\\\\"}[\"\\\\\\\"]\"]";
static const char *const VALUES[] = {
    "{\"a\":1}",
    "{\"b\":[1,{\"c\":\"}]\\\"{\"}]}",
    "[]",
    "[[[]],{}]",
    "{\"\\\\\":\"\\\\\"}",
    "[\"\\\\\\\"]\"]",
};

static void expect_values(const struct fixture *f)
{
    cr_assert_eq(f->seen_num, MT_ARRAY_LEN(VALUES));
    for (unsigned i = 0; i < f->seen_num; i++)
        expect(f, i, VALUES[i], strlen(VALUES[i]));
}

Test(net_ipc, one_write_or_a_byte_at_a_time)
{
    struct fixture f;
    bool eof;
    start(&f, 0);
    int fd = dial(&f);
    cr_assert(put(&f, fd, STREAM, strlen(STREAM)));
    cr_assert_eq(get_lines(&f, fd, MT_ARRAY_LEN(VALUES), &eof), MT_ARRAY_LEN(VALUES));
    expect_values(&f);
    forget(&f);
    for (size_t i = 0; i < strlen(STREAM); i++)
        cr_assert(put(&f, fd, STREAM + i, 1));
    cr_assert_eq(get_lines(&f, fd, MT_ARRAY_LEN(VALUES), &eof), MT_ARRAY_LEN(VALUES));
    expect_values(&f);
    close(fd);
    finish(&f);
}

Test(net_ipc, cut_in_two_anywhere)
{
    struct fixture f;
    bool eof;
    start(&f, 0);
    int fd = dial(&f);
    for (size_t i = 1; i < strlen(STREAM); i++) {
        cr_assert(put(&f, fd, STREAM, i));
        cr_assert(put(&f, fd, STREAM + i, strlen(STREAM) - i));
        cr_assert_eq(get_lines(&f, fd, MT_ARRAY_LEN(VALUES), &eof), MT_ARRAY_LEN(VALUES));
        expect_values(&f);
        forget(&f);
    }
    close(fd);
    finish(&f);
}

Test(net_ipc, a_value_without_an_end_waits_and_goes_with_its_connection)
{
    struct fixture f;
    bool eof;
    start(&f, 0);
    int fd = dial(&f);
    cr_assert(put(&f, fd, "{\"a\":\"}]", 8));
    for (int i = 0; i < 50; i++)
        turn(&f);
    cr_assert_eq(f.seen_num, 0);
    close(fd);
    while (net_conn_count(f.s) > 0)
        uv_run(&f.loop, UV_RUN_ONCE);
    cr_assert_eq(f.seen_num, 0);
    fd = dial(&f); /* the next one begins anew */
    cr_assert(put(&f, fd, "{}", 2));
    cr_assert_eq(get_lines(&f, fd, 1, &eof), 1);
    expect(&f, 0, "{}", 2);
    close(fd);
    finish(&f);
}

Test(net_ipc, what_is_no_value_is_handed_on_to_be_refused_and_ends_it)
{
    static const struct {
        const char *in, *seen;
    } cases[] = {
        {"hello\n{}", "hello"},
        {"\"text\"\n", "\"text\""},
        {"17\n", "17"},
        {"}\n{}\n", "}"},
        {"null", "null"},
        {" \t]]\n", "]]"},
        {"\x00\x01\n", ""},
        {"\xef\xbb\xbf{}\n", "\xef\xbb\xbf{}"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r"},
    };
    struct fixture f;
    bool eof;
    start(&f, 0);
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        int fd = dial(&f);
        bool nul = cases[i].in[0] == 0;
        put(&f, fd, cases[i].in, nul ? 3 : strlen(cases[i].in));
        cr_assert_eq(get_lines(&f, fd, 2, &eof), 1, "case %zu", i);
        cr_assert(eof, "case %zu", i);
        cr_assert_eq(f.seen_num, 1);
        expect(&f, 0, nul ? "\x00\x01" : cases[i].seen, nul ? 2 : strlen(cases[i].seen));
        forget(&f);
        close(fd);
    }
    finish(&f);
}

/* Brackets that do not belong together still end a value: whether it is JSON is for the
 * one who reads it to say, and the connection goes on. */
Test(net_ipc, brackets_are_counted_not_matched)
{
    struct fixture f;
    bool eof;
    start(&f, 0);
    int fd = dial(&f);
    cr_assert(put(&f, fd, "{]\n[}{}", 7));
    cr_assert_eq(get_lines(&f, fd, 3, &eof), 3);
    expect(&f, 0, "{]", 2);
    expect(&f, 1, "[}", 2);
    expect(&f, 2, "{}", 2);
    close(fd);
    finish(&f);
}

Test(net_ipc, depth_does_not_matter)
{
    struct fixture f;
    bool eof;
    size_t n = 300000;
    char *deep = mt_alloc(2 * n);
    memset(deep, '[', n);
    memset(deep + n, ']', n);
    start(&f, 0);
    int fd = dial(&f);
    cr_assert(put(&f, fd, deep, 2 * n));
    cr_assert_eq(get_lines(&f, fd, 1, &eof), 1);
    expect(&f, 0, deep, 2 * n);
    mt_free(deep);
    close(fd);
    finish(&f);
}

/* Bytes that no UTF-8 has, in strings and outside of them, overlong forms of brackets and
 * halves of surrogates: none ends a value or begins a string, all arrive as they are. */
Test(net_ipc, bytes_that_are_no_utf8)
{
    static const char in[] = "{\"a\":\"\xff\xfe\xc0\xfd\xed\xa0\x80\"}"
                             "[\xc1\x9d\xc1\x9b\xe0\x81\xbd\x80\xa2]"
                             "{\"\xe2\x82\":\"\xf0\x9f\x98\"}";
    static const size_t len[] = {15, 11, 12};
    struct fixture f;
    bool eof;
    start(&f, 0);
    int fd = dial(&f);
    cr_assert_eq(sizeof in - 1, len[0] + len[1] + len[2]);
    for (int times = 0; times < 2; times++) { /* at once, then a byte at a time */
        size_t piece = times == 0 ? sizeof in - 1 : 1;
        for (size_t i = 0; i < sizeof in - 1; i += piece)
            cr_assert(put(&f, fd, in + i, piece));
        cr_assert_eq(get_lines(&f, fd, 3, &eof), 3);
        expect(&f, 0, in, len[0]);
        expect(&f, 1, in + len[0], len[1]);
        expect(&f, 2, in + len[0] + len[1], len[2]);
        forget(&f);
    }
    close(fd);
    finish(&f);
}

/* A value of n bytes, in pieces; true: it was taken, false: the connection was closed. */
static bool taken(struct fixture *f, size_t n, size_t piece, bool ended)
{
    bool eof;
    char *text = mt_alloc(n);
    memset(text, 'x', n);
    memcpy(text, "{\"", 2);
    if (ended)
        memcpy(text + n - 2, "\"}", 2);
    int fd = dial(f);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i += piece)
        ok = put(f, fd, text + i, MT_MIN(piece, n - i));
    unsigned lines = get_lines(f, fd, 1, &eof);
    cr_assert_eq(f->seen_num, lines);
    if (lines == 1)
        expect(f, 0, text, n);
    else
        cr_assert(eof);
    forget(f);
    close(fd);
    mt_free(text);
    return lines == 1;
}

Test(net_ipc, the_limit_of_a_value)
{
    struct fixture f;
    start(&f, 200000);
    size_t pieces[] = {200001, 65536, 7919};
    for (size_t i = 0; i < MT_ARRAY_LEN(pieces); i++) {
        cr_assert(taken(&f, 200000, pieces[i], true));
        cr_assert_not(taken(&f, 200001, pieces[i], true));
        cr_assert_not(taken(&f, 300000, pieces[i], false), "closed before it ends");
    }
    finish(&f);
    start(&f, 1024); /* below what one read brings */
    cr_assert(taken(&f, 1024, 1024, true));
    cr_assert_not(taken(&f, 1025, 1025, true));
    cr_assert_not(taken(&f, 1025, 1, true));
    finish(&f);
}

/* None is lost, the order stays. */
Test(net_ipc, many_in_one_write)
{
    struct fixture f;
    bool eof;
    char text[SEEN_MAX * 8];
    size_t n = 0;
    start(&f, 0);
    int fd = dial(&f);
    for (int i = 0; i < SEEN_MAX; i++)
        n += mt_fmt(text + n, sizeof text - n, "[%d]", i);
    cr_assert(put(&f, fd, text, n));
    cr_assert_eq(get_lines(&f, fd, SEEN_MAX, &eof), SEEN_MAX);
    for (unsigned i = 0; i < SEEN_MAX; i++) {
        char want[8];
        size_t len = mt_fmt(want, sizeof want, "[%u]", i);
        expect(&f, i, want, len);
    }
    close(fd);
    finish(&f);
}
