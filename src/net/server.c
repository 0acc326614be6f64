/* The table of connections and its generations, one timer for all deadlines, replies,
 * and stopping. */
#include "net_int.h"

void net_options_default(struct net_server_options *opt)
{
    static const char *const local[] = {"localhost"};
    *opt = (struct net_server_options){
        .host = "127.0.0.1",
        .header_bytes_max = 16u * 1024u,
        .header_num_max = 64,
        .header_timeout_ms = 10000,
        .body_timeout_ms = 30000,
        .write_timeout_ms = 30000,
        .idle_timeout_ms = 120000,
        .ping_ms = 30000,
        .body_max = 5u * 1024u * 1024u,
        .ws_message_max = 32u * 1024u * 1024u,
        .ws_queue_max = 32u * 1024u * 1024u,
        .held_max = (size_t)1 << 30,
        .conn_max = 4096,
        .conn_ip_max = 1024,
        .pipeline_max = 16,
        .ws_inflight_max = 256,
        .vhosts = local,
        .vhost_num = 1,
        .metric_net = METRIC_NODE,
    };
}

struct conn *net_conn_of(struct net_server *s, struct net_ref ref)
{
    if (ref.idx >= s->opt.conn_max + NET_REFUSE_MAX || ref.gen == 0)
        return NULL;
    struct conn *c = s->conns[ref.idx];
    return c != NULL && c->ref.gen == ref.gen && !c->closing ? c : NULL;
}

/* ---- stopping ---- */

static struct net_server *server_of(uv_handle_t *handle)
{
    if (handle->type == UV_TIMER)
        return handle->data;
    return ((struct listener *)handle->data)->server;
}

static void handle_closed_cb(uv_handle_t *handle)
{
    struct net_server *s = server_of(handle);
    if (--s->handles == 0)
        s->stop_done(s->stop_ctx);
}

static void finish_stop(struct net_server *s)
{
    if (!uv_is_closing((uv_handle_t *)&s->timer))
        uv_close((uv_handle_t *)&s->timer, handle_closed_cb);
}

void server_conn_gone(struct conn *c)
{
    struct net_server *s = c->server;
    struct net_ref ref = c->ref;
    bool websocket = conn_pushes(c);
    s->conns[ref.idx] = NULL;
    s->free_idx[s->free_num++] = ref.idx;
    s->conn_num--;
    metric_move(METRIC_net_connections, s->opt.metric_net, -1);
    conn_free(c);
    if (s->cb.on_close != NULL)
        s->cb.on_close(s->ctx, ref, websocket);
    if (s->conn_num > 0)
        return;
    if (s->stopping)
        finish_stop(s);
    else
        uv_timer_stop(&s->timer);
}

static void timer_cb(uv_timer_t *timer)
{
    struct net_server *s = timer->data;
    uint64_t now_ms = uv_now(s->loop);
    bool late = s->stopping && now_ms >= s->stop_deadline_ms;
    for (uint32_t i = 0; i < s->opt.conn_max + NET_REFUSE_MAX; i++) {
        struct conn *c = s->conns[i];
        if (c == NULL)
            continue;
        if (late || (s->stopping && c->linger))
            conn_close(c);
        else
            conn_tick(c, now_ms);
    }
}

static uint64_t tick_ms(const struct net_server_options *opt)
{
    uint64_t t = MT_MIN(opt->header_timeout_ms, opt->body_timeout_ms);
    t = MT_MIN(t, opt->write_timeout_ms);
    t = MT_MIN(t, opt->idle_timeout_ms) / 4;
    return MT_MAX(MT_MIN(t, 1000), 20);
}

void server_tick_start(struct net_server *s)
{
    uv_timer_start(&s->timer, timer_cb, tick_ms(&s->opt), tick_ms(&s->opt));
}

void net_server_stop(struct net_server *s, void (*done)(void *ctx), void *ctx)
{
    if (s->stopping)
        return;
    s->stopping = true;
    s->stop_done = done;
    s->stop_ctx = ctx;
    uv_update_time(s->loop);
    s->stop_deadline_ms = uv_now(s->loop) + NET_DRAIN_MS;
    listen_close(s, handle_closed_cb);
    for (uint32_t i = 0; i < s->opt.conn_max + NET_REFUSE_MAX; i++) {
        struct conn *c = s->conns[i];
        if (c == NULL || c->closing)
            continue;
        if (c->ws != NULL)
            ws_close(c, 1001);
        conn_drain(c);
        if (c->ws == NULL && !conn_owes(c) && c->out_head == NULL)
            conn_close(c);
        else
            conn_flush(c);
    }
    if (s->conn_num == 0)
        finish_stop(s);
    else
        uv_timer_start(&s->timer, timer_cb, 10, 10);
}

void net_server_free(struct net_server *s)
{
    if (s == NULL)
        return;
    while (s->spare != NULL) {
        struct chunk *k = s->spare;
        s->spare = k->next;
        buf_fini(&k->b);
        mt_free(k);
    }
    net_tls_free(s->tls);
    mt_free(s->conns);
    mt_free(s->gens);
    mt_free(s->free_idx);
    mt_free(s);
}

static void failed_cb(uv_handle_t *handle)
{
    struct net_server *s = server_of(handle);
    if (--s->handles == 0)
        net_server_free(s);
}

mt_err net_server_new(struct uv_loop_s *loop, const struct net_server_options *opt,
                      const struct net_callbacks *cb, void *ctx, struct net_server **out,
                      struct mt_diag *diag)
{
    if (opt->pipeline_max == 0 || opt->pipeline_max > NET_PIPELINE_MAX ||
        opt->conn_max == 0 || opt->conn_max > 1u << 20 || opt->ws_inflight_max == 0 ||
        opt->header_bytes_max < 256 || opt->header_bytes_max > 1u << 20)
        return mt_fail(diag, MT_EINVAL, "a limit of the server is out of range");
    struct net_server *s = mt_alloc(sizeof(*s));
    uint32_t places = opt->conn_max + NET_REFUSE_MAX;
    s->loop = loop;
    s->opt = *opt;
    s->cb = *cb;
    s->ctx = ctx;
    s->conns = mt_alloc(places * sizeof(*s->conns));
    s->gens = mt_alloc(places * sizeof(*s->gens));
    s->free_idx = mt_alloc(places * sizeof(*s->free_idx));
    while (s->free_num < places) {
        s->free_idx[s->free_num] = places - 1 - s->free_num;
        s->free_num++;
    }
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    s->handles = 1;
    http_in_size_max(opt->header_bytes_max);
    mt_err err = listen_first(s, diag);
    if (err != MT_OK) {
        listen_close(s, failed_cb);
        uv_close((uv_handle_t *)&s->timer, failed_cb);
        return err;
    }
    *out = s;
    return MT_OK;
}

uint16_t net_server_port(const struct net_server *s)
{
    return s->port;
}

void net_peer_of(struct net_server *s, struct net_ref ref, struct net_peer *out)
{
    struct conn *c = net_conn_of(s, ref);
    *out = c != NULL ? c->peer : (struct net_peer){0};
}

void net_set_tls(struct net_server *s, struct net_tls *t)
{
    net_tls_free(s->tls);
    s->tls = t;
}

bool net_trusted(const struct net_server *s, struct net_ref ref)
{
    const struct conn *c = ref.gen == 0 ? NULL : s->conns[ref.idx];
    return c != NULL && c->ref.gen == ref.gen && c->listener->trusted;
}

unsigned net_conn_count(const struct net_server *s)
{
    return s->conn_num;
}

/* ---- replies ---- */

/* One message to a WebSocket or unix socket: move's bytes, or the slice's. */
static bool push_message(struct conn *c, struct buf *move, slice message)
{
    size_t len = move != NULL ? move->len : message.len;
    if (c->out_bytes > 0 && c->corks > 0 && !c->writing &&
        c->out_bytes + len > c->server->opt.ws_queue_max) {
        unsigned corks = c->corks;
        c->corks = 0;
        conn_flush(c);
        c->corks = corks;
    }
    if (c->closing || c->draining)
        return false;
    if ((c->out_bytes > 0 && c->out_bytes + len > c->server->opt.ws_queue_max) ||
        !conn_may_hold(c, len)) {
        if (c->ipc) {
            conn_close(c);
            return false;
        }
        ws_close(c, 1013);
        conn_flush(c);
        return false;
    }
    if (c->ws != NULL)
        ws_put_header(c, len);
    if (move != NULL)
        conn_put_buf(c, move);
    else if (len > 0)
        conn_put(c, message.ptr, len);
    if (c->ipc)
        conn_put(c, "\n", 1);
    conn_flush(c);
    return true;
}

/* Of an HTTP connection: the slot of a request that is not answered; or NULL. */
static struct slot *open_slot(struct conn *c, uint64_t req_id)
{
    if (conn_pushes(c) || req_id < c->head_id || req_id >= c->next_id)
        return NULL;
    struct slot *slot = slot_of(c, req_id);
    return slot->done ? NULL : slot;
}

static void after_reply(struct conn *c)
{
    struct net_server *s = c->server;
    if (c->phase == CONN_IDLE && !c->linger)
        c->deadline_ms = uv_now(s->loop) + s->opt.idle_timeout_ms;
    conn_flush(c);
}

static bool reply(struct net_server *s, struct net_ref ref, uint64_t req_id,
                  unsigned status, bool gzip, struct buf *body)
{
    struct conn *c = net_conn_of(s, ref);
    bool ok = true;
    if (c == NULL) {
        buf_reset(body);
        return false;
    }
    if (conn_pushes(c)) {
        if (c->ws_inflight > 0)
            c->ws_inflight--;
        if (body->len > 0)
            ok = push_message(c, body, (slice){0});
        buf_reset(body);
    } else {
        struct slot *slot = open_slot(c, req_id);
        if (slot == NULL) {
            buf_reset(body);
            return false;
        }
        slot->gzip = gzip;
        if (!conn_may_hold(c, body->len)) {
            buf_reset(body);
            status = 503;
            slot->close = true;
            slot->gzip = false;
        }
        http_answer(c, req_id, status, "application/json", body);
        after_reply(c);
    }
    if (!c->closing)
        conn_resume(c);
    return ok;
}

bool net_reply_status(struct net_server *s, struct net_ref ref, uint64_t req_id,
                      unsigned status, struct buf *body)
{
    return reply(s, ref, req_id, status, false, body);
}

bool net_reply(struct net_server *s, struct net_ref ref, uint64_t req_id,
               struct buf *body)
{
    return reply(s, ref, req_id, 200, false, body);
}

bool net_reply_gzip(struct net_server *s, struct net_ref ref, uint64_t req_id,
                    struct buf *body)
{
    return reply(s, ref, req_id, 200, true, body);
}

unsigned net_accepts(struct net_server *s, struct net_ref ref, uint64_t req_id)
{
    struct conn *c = net_conn_of(s, ref);
    const struct slot *slot = c == NULL ? NULL : open_slot(c, req_id);
    return slot == NULL ? 0 : slot->accepts;
}

bool net_part(struct net_server *s, struct net_ref ref, uint64_t req_id, struct buf *body,
              struct net_flow *flow, bool gzip, bool last)
{
    struct conn *c = net_conn_of(s, ref);
    struct slot *slot = c == NULL ? NULL : open_slot(c, req_id);
    if (slot != NULL && !conn_may_hold(c, body->len)) {
        conn_close(c);
        slot = NULL;
    }
    if (slot == NULL) {
        buf_reset(body);
        return false;
    }
    size_t len = body->len;
    http_part(c, req_id, body, flow, gzip, last);
    if (flow != NULL) /* after `unsent`: the sum of both is never too small */
        flow->arrived += len;
    if (!c->closing)
        after_reply(c);
    if (!c->closing)
        conn_resume(c);
    return !c->closing;
}

void net_cut(struct net_server *s, struct net_ref ref, uint64_t req_id)
{
    struct conn *c = net_conn_of(s, ref);
    if (c != NULL && open_slot(c, req_id) != NULL)
        conn_close(c);
}

bool net_send(struct net_server *s, struct net_ref ref, slice message)
{
    struct conn *c = net_conn_of(s, ref);
    return c != NULL && conn_pushes(c) && push_message(c, NULL, message);
}

void net_cork(struct net_server *s, struct net_ref ref)
{
    struct conn *c = net_conn_of(s, ref);
    if (c != NULL)
        c->corks++;
}

void net_uncork(struct net_server *s, struct net_ref ref)
{
    struct conn *c = net_conn_of(s, ref);
    if (c == NULL || c->corks == 0)
        return;
    c->corks--;
    conn_flush(c);
    if (!c->closing)
        conn_resume(c);
}
