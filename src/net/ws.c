/* WebSocket (RFC 6455) on a connection: our own handshake, wslay for what comes in and
 * for control frames. Messages that go out are single unmasked frames, whose header of
 * 2 to 10 bytes is written here, so that payloads are not copied through another
 * queue. No extensions are negotiated. */
#include "net_int.h"
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <wslay/wslay.h>

struct ws {
    wslay_event_context_ptr ctx;
    slice in;    /* what is being fed */
    size_t held; /* bytes of the message so far; wslay keeps them */
    bool in_control;
    bool closed;
};

static ssize_t recv_cb(wslay_event_context_ptr ctx, uint8_t *out, size_t len, int flags,
                       void *user)
{
    struct conn *c = user;
    struct ws *w = c->ws;
    (void)flags;
    if (w->in.len == 0 || conn_stalled(c)) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t n = MT_MIN(len, w->in.len);
    memcpy(out, w->in.ptr, n);
    w->in = slice_of(w->in.ptr + n, w->in.len - n);
    return (ssize_t)n;
}

static ssize_t send_cb(wslay_event_context_ptr ctx, const uint8_t *data, size_t len,
                       int flags, void *user)
{
    struct conn *c = user;
    (void)ctx;
    (void)flags;
    conn_put(c, data, len);
    return (ssize_t)len;
}

static void frame_cb(wslay_event_context_ptr ctx,
                     const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    struct conn *c = user;
    (void)ctx;
    c->ws->in_control = wslay_is_ctrl_frame(arg->opcode);
}

/* A stated length is believed only as its bytes arrive: a promise of 32 MB costs nobody
 * else anything. */
static void part_cb(wslay_event_context_ptr ctx,
                    const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user)
{
    struct conn *c = user;
    (void)ctx;
    if (c->ws->in_control || c->closing)
        return;
    c->ws->held += arg->data_length;
    c->server->held += arg->data_length;
    if (!conn_may_hold(c, 0))
        ws_close(c, 1013);
}

static void release(struct conn *c)
{
    c->server->held -= c->ws->held;
    c->ws->held = 0;
}

static void message_cb(wslay_event_context_ptr ctx,
                       const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    struct conn *c = user;
    struct net_server *s = c->server;
    (void)ctx;
    if (wslay_is_ctrl_frame(arg->opcode))
        return;
    release(c);
    if (c->closing || c->draining)
        return;
    c->ws_inflight++;
    s->cb.on_request(s->ctx, c->ref, c->next_id++, slice_of(arg->msg, arg->msg_length),
                     true);
}

static void accept_key(const char *key, char out[29])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t text[24 + sizeof(guid) - 1];
    uint8_t digest[SHA_DIGEST_LENGTH];
    memcpy(text, key, 24);
    memcpy(text + 24, guid, sizeof(guid) - 1);
    SHA1(text, sizeof(text), digest);
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
}

bool ws_start(struct conn *c, const char *key)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = recv_cb,
        .send_callback = send_cb,
        .on_frame_recv_start_callback = frame_cb,
        .on_frame_recv_chunk_callback = part_cb,
        .on_msg_recv_callback = message_cb,
    };
    char accept[29], head[256];
    struct ws *w = mt_alloc(sizeof(*w));
    if (wslay_event_context_server_init(&w->ctx, &callbacks, c) != 0) {
        mt_free(w);
        return false;
    }
    wslay_event_config_set_max_recv_msg_length(w->ctx, c->server->opt.ws_message_max);
    c->ws = w;
    accept_key(key, accept);
    size_t n = mt_fmt(head, sizeof(head),
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                      accept);
    conn_put(c, head, n);
    return true;
}

void ws_free(struct conn *c)
{
    struct ws *w = c->ws;
    if (w == NULL)
        return;
    release(c);
    wslay_event_context_free(w->ctx);
    mt_free(w);
}

/* Control frames that wslay has queued go to the output. */
static void send_control(struct conn *c)
{
    struct ws *w = c->ws;
    if (wslay_event_want_write(w->ctx) && wslay_event_send(w->ctx) != 0) {
        conn_close(c);
        return;
    }
    if (wslay_event_get_close_sent(w->ctx)) {
        w->closed = true;
        conn_drain(c);
    }
}

size_t ws_feed(struct conn *c, slice in)
{
    struct ws *w = c->ws;
    w->in = in;
    int r = wslay_event_recv(w->ctx);
    size_t used = in.len - w->in.len;
    w->in = (slice){0};
    if (c->closing)
        return in.len;
    if (r != 0) {
        conn_close(c);
        return in.len;
    }
    send_control(c);
    /* After a close frame or an error nothing more is read. */
    return w->closed || !wslay_event_get_read_enabled(w->ctx) ? in.len : used;
}

void ws_put_header(struct conn *c, size_t len)
{
    uint8_t head[10] = {0x81};
    size_t n;
    if (len < 126) {
        head[1] = (uint8_t)len;
        n = 2;
    } else if (len <= UINT16_MAX) {
        head[1] = 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        n = 4;
    } else {
        head[1] = 127;
        store_be64(head + 2, len);
        n = 10;
    }
    conn_put(c, head, n);
}

void ws_close(struct conn *c, uint16_t code)
{
    if (c->ws->closed)
        return;
    wslay_event_queue_close(c->ws->ctx, code, NULL, 0);
    send_control(c);
    if (!c->closing)
        conn_drain(c);
}

void ws_ping(struct conn *c)
{
    static const struct wslay_event_msg ping = {.opcode = WSLAY_PING};
    if (wslay_event_queue_msg(c->ws->ctx, &ping) == 0)
        send_control(c);
}
