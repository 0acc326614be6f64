/* WebSocket: frames of a client on a connection without a socket. The messages handed
 * on are the same however the input is cut. What is answered is a 101 and then unmasked
 * control frames of at most 125 bytes, and nothing follows a close frame; which pongs
 * are still sent before it, and its code, depend on the pieces. The first byte of an
 * input says how to cut. */
#include "fuzz.h"
#include "net/net_int.h"

#define MESSAGE_MAX (64u * 1024u)
#define TRACE_MAX   ((size_t)1 << 24)

struct seen {
    struct buf messages;
    struct buf answer;
};

static uv_loop_t loop;
static struct net_server server;
static struct conn *place[1];
static uint32_t free_idx[1];

static void on_request(void *ctx, struct net_ref ref, uint64_t req_id, slice body,
                       bool websocket)
{
    struct seen **s = ctx;
    MT_ASSERT(ref.gen == 1 && websocket && body.len <= MESSAGE_MAX);
    buf_printf(&(*s)->messages, "%llu: %zu bytes ", (unsigned long long)req_id, body.len);
    buf_put_slice(&(*s)->messages, body);
    buf_put_u8(&(*s)->messages, '\n');
}

static struct seen *now;

static void server_open(void)
{
    uv_loop_init(&loop);
    server.loop = &loop;
    net_options_default(&server.opt);
    server.opt.conn_max = 1;
    server.opt.ws_message_max = MESSAGE_MAX;
    server.opt.ws_inflight_max = UINT32_MAX;
    server.cb.on_request = on_request;
    server.ctx = &now;
    server.conns = place;
    server.free_idx = free_idx;
    uv_timer_init(&loop, &server.timer);
}

static struct conn *conn_open(void)
{
    struct conn *c = mt_alloc(sizeof(*c));
    c->server = &server;
    c->ref = (struct net_ref){.idx = 0, .gen = 1};
    c->corks = 1; /* nothing is sent: the output is looked at instead */
    uv_tcp_init(&loop, &c->tcp);
    c->tcp.data = c;
    place[0] = c;
    server.conn_num = 1;
    server.free_num = 0;
    return c;
}

/* As conn.c hands input over, without the reading. */
static void feed(struct conn *c, slice in)
{
    while (in.len > 0 && !c->closing && !c->draining) {
        size_t n = ws_feed(c, in);
        MT_ASSERT(n <= in.len && (n > 0 || conn_stalled(c)));
        if (n == 0)
            break;
        in = slice_of(in.ptr + n, in.len - n);
    }
}

static void run(struct seen *s, slice in, size_t step)
{
    buf_init(&s->messages, TRACE_MAX);
    buf_init(&s->answer, TRACE_MAX);
    now = s;
    struct conn *c = conn_open();
    MT_ASSERT(ws_start(c, "dGhlIHNhbXBsZSBub25jZQ=="));
    for (size_t at = 0; at < in.len; at += step) {
        size_t len = MT_MIN(step, in.len - at);
        uint8_t *piece = mt_alloc(len);
        memcpy(piece, in.ptr + at, len);
        feed(c, slice_of(piece, len));
        mt_free(piece);
    }
    for (const struct chunk *k = c->out_head; k != NULL; k = k->next)
        buf_put(&s->answer, k->b.ptr + k->off, k->b.len - k->off);
    conn_close(c);
    uv_run(&loop, UV_RUN_DEFAULT);
    MT_ASSERT(place[0] == NULL);
}

/* The handshake of RFC 6455's example, then control frames only. */
static void check_answer(slice out)
{
    static const char accept[] =
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    const uint8_t *end = memmem(out.ptr, out.len, accept, sizeof(accept) - 1);
    MT_ASSERT(end != NULL);
    size_t at = (size_t)(end - out.ptr) + sizeof(accept) - 1;
    bool closed = false;
    while (at < out.len) {
        MT_ASSERT(!closed && out.len - at >= 2);
        unsigned op = out.ptr[at] & 0x0f, len = out.ptr[at + 1];
        MT_ASSERT((out.ptr[at] & 0xf0) == 0x80 && (op == 8 || op == 10));
        MT_ASSERT(len <= 125 && out.len - at >= 2 + len && (op != 8 || len != 1));
        closed = op == 8;
        at += 2 + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 1u << 16)
        return 0;
    if (server.loop == NULL)
        server_open();
    slice in = slice_of(data + 1, size - 1);
    struct seen whole, cut;
    run(&whole, in, MT_MAX(in.len, (size_t)1));
    run(&cut, in, (size_t)data[0] + 1);
    MT_ASSERT(slice_eq(buf_slice(&whole.messages), buf_slice(&cut.messages)));
    check_answer(buf_slice(&whole.answer));
    check_answer(buf_slice(&cut.answer));
    buf_fini(&whole.messages);
    buf_fini(&whole.answer);
    buf_fini(&cut.messages);
    buf_fini(&cut.answer);
    return 0;
}
