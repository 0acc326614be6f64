/* The bytes of one connection. Input is parsed where libuv put it; what may not be
 * handled yet (too many requests open, too much output waiting) is kept in a backlog
 * of at most one read, and reading stops. Output gathers in chunks while the
 * connection is corked and leaves with uv_try_write; only what the socket does not
 * take at once costs a uv_write. */
#include "net_int.h"

#define IOV_MAX_NET 16u
#define CHUNK_MAX   (64u * 1024u * 1024u)

bool conn_stalled(const struct conn *c)
{
    const struct net_server_options *opt = &c->server->opt;
    if (c->out_bytes > NET_OUT_HIGH)
        return true;
    if (conn_pushes(c))
        return c->ws_inflight >= opt->ws_inflight_max;
    return c->next_id - c->head_id >= opt->pipeline_max;
}

bool conn_may_hold(const struct conn *c, size_t len)
{
    const struct net_server *s = c->server;
    return s->held <= s->opt.held_max && len <= s->opt.held_max - s->held;
}

/* ---- output ---- */

static void out_more(struct conn *c, size_t len)
{
    c->out_bytes += len;
    c->server->held += len;
}

static void out_less(struct conn *c, size_t len)
{
    c->out_bytes -= len;
    c->server->held -= len;
}

static struct chunk *chunk_new(struct net_server *s)
{
    struct chunk *k = s->spare;
    if (k != NULL) {
        s->spare = k->next;
        s->spare_num--;
        buf_reset(&k->b);
    } else {
        k = mt_alloc(sizeof(*k));
        buf_init(&k->b, CHUNK_MAX);
    }
    k->next = NULL;
    k->off = 0;
    k->frozen = false;
    return k;
}

static void chunk_free(struct net_server *s, struct chunk *k)
{
    if (s->spare_num < NET_SPARE_MAX && k->b.cap <= NET_READ_SIZE) {
        k->next = s->spare;
        s->spare = k;
        s->spare_num++;
        return;
    }
    buf_fini(&k->b);
    mt_free(k);
}

static struct chunk *push_chunk(struct conn *c)
{
    struct chunk *k = chunk_new(c->server);
    if (c->out_tail == NULL)
        c->out_head = k;
    else
        c->out_tail->next = k;
    c->out_tail = k;
    return k;
}

void conn_put(struct conn *c, const void *ptr, size_t len)
{
    struct chunk *k = c->out_tail;
    if (k == NULL || k->frozen || k->b.len + len > NET_READ_SIZE)
        k = push_chunk(c);
    buf_put(&k->b, ptr, len);
    if (!buf_ok(&k->b))
        conn_close(c);
    else
        out_more(c, len);
}

void conn_put_buf(struct conn *c, struct buf *b)
{
    if (b->len < NET_MOVE_MIN || b->arena != NULL) {
        if (b->len > 0)
            conn_put(c, b->ptr, b->len);
        buf_reset(b);
        return;
    }
    struct chunk *k = push_chunk(c);
    buf_fini(&k->b);
    k->b = *b;
    k->frozen = true;
    out_more(c, b->len);
    *b = (struct buf){.size_max = b->size_max};
}

static void pop_chunk(struct conn *c)
{
    struct chunk *k = c->out_head;
    out_less(c, k->b.len - k->off);
    c->out_head = k->next;
    if (k->next == NULL)
        c->out_tail = NULL;
    chunk_free(c->server, k);
}

static void tell_flow(struct conn *c)
{
    if (MT_UNLIKELY(c->flow != NULL))
        c->flow->unsent = c->out_bytes;
}

void conn_consume(struct conn *c, size_t n)
{
    metric_add(METRIC_net_sent_bytes_total, c->server->opt.metric_net, n);
    while (n > 0) {
        struct chunk *k = c->out_head;
        size_t left = k->b.len - k->off;
        if (n < left) {
            k->off += n;
            out_less(c, n);
            break;
        }
        n -= left;
        pop_chunk(c);
    }
    tell_flow(c);
}

static unsigned gather(struct conn *c, uv_buf_t iov[IOV_MAX_NET], size_t *total)
{
    unsigned n = 0;
    *total = 0;
    for (struct chunk *k = c->out_head; k != NULL && n < IOV_MAX_NET; k = k->next) {
        size_t len = k->b.len - k->off;
        iov[n++] = uv_buf_init((char *)k->b.ptr + k->off, (unsigned)len);
        *total += len;
    }
    return n;
}

static void write_cb(uv_write_t *req, int status)
{
    struct conn *c = req->data;
    c->writing = false;
    c->write_deadline_ms = 0;
    if (status < 0) {
        if (!c->closing)
            conn_close(c);
        return;
    }
    for (unsigned i = 0; i < c->write_chunks; i++) {
        metric_add(METRIC_net_sent_bytes_total, c->server->opt.metric_net,
                   c->out_head->b.len - c->out_head->off);
        pop_chunk(c);
    }
    if (c->closing)
        return;
    tell_flow(c);
    conn_flush(c);
    conn_resume(c);
}

static void write_rest(struct conn *c)
{
    uv_buf_t iov[IOV_MAX_NET];
    size_t total;
    unsigned n = gather(c, iov, &total);
    struct chunk *k = c->out_head;
    for (unsigned i = 0; i < n; i++, k = k->next)
        k->frozen = true;
    c->write.data = c;
    c->write_chunks = n;
    c->write_left = total;
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, iov, n, write_cb) != 0) {
        conn_close(c);
        return;
    }
    c->writing = true;
    c->write_deadline_ms = uv_now(c->server->loop) + c->server->opt.write_timeout_ms;
}

static void shutdown_cb(uv_shutdown_t *req, int status)
{
    (void)req;
    (void)status;
}

static void alloc_cb(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct conn *c = handle->data;
    (void)size;
    *buf = uv_buf_init(c->server->read_buf, NET_READ_SIZE);
}

static void read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void set_reading(struct conn *c, bool on)
{
    if (c->reading == on || c->closing)
        return;
    c->reading = on;
    if (!on)
        uv_read_stop((uv_stream_t *)&c->tcp);
    else if (uv_read_start((uv_stream_t *)&c->tcp, alloc_cb, read_cb) != 0)
        conn_close(c);
}

/* Everything is said: tell the peer, and read away what it still sends, because closing
 * with unread input would reset the connection under the last reply. */
static void begin_linger(struct conn *c)
{
    if (c->linger)
        return;
    c->linger = true;
    c->deadline_ms = uv_now(c->server->loop) + NET_LINGER_MS;
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, shutdown_cb) != 0)
        conn_close(c);
    else
        set_reading(c, true);
}

void conn_flush(struct conn *c)
{
    if (c->corks > 0 || c->writing || c->closing)
        return;
    if (c->tls != NULL && !tls_flush(c))
        return;
    while (c->out_head != NULL) {
        uv_buf_t iov[IOV_MAX_NET];
        size_t total;
        unsigned n = gather(c, iov, &total);
        int r = uv_try_write((uv_stream_t *)&c->tcp, iov, n);
        if (r < 0 && r != UV_EAGAIN) {
            conn_close(c);
            return;
        }
        size_t sent = r < 0 ? 0 : (size_t)r;
        conn_consume(c, sent);
        if (sent < total) {
            write_rest(c);
            return;
        }
    }
    if (c->draining && (c->ws != NULL || !conn_owes(c)))
        begin_linger(c);
}

/* ---- input ---- */

static slice feed_http(struct conn *c, slice in)
{
    unsigned status;
    bool upgraded;
    size_t n = http_in_feed(c->http, in, &status, &upgraded);
    if (c->closing)
        return (slice){0};
    if (status != 0) {
        http_refuse(c, status);
        return (slice){0};
    }
    in = slice_of(in.ptr + n, in.len - n);
    if (upgraded) {
        http_in_free(c->http);
        c->http = NULL;
        if (!ws_start(c, c->req.ws_key))
            conn_close(c);
    }
    return in;
}

void conn_input(struct conn *c, slice in)
{
    c->corks++;
    if (c->ws != NULL && in.len == 0)
        ws_feed(c, in);
    while (in.len > 0 && !c->closing && !c->draining) {
        if (conn_stalled(c)) {
            c->stalled = true;
            buf_put_slice(&c->backlog, in);
            if (!buf_ok(&c->backlog))
                conn_close(c);
            break;
        }
        if (!conn_pushes(c)) {
            in = feed_http(c, in);
        } else if (c->ipc) {
            size_t n = ipc_feed(c, in);
            in = slice_of(in.ptr + n, in.len - n);
        } else {
            size_t n = ws_feed(c, in);
            in = slice_of(in.ptr + n, in.len - n);
        }
    }
    if (conn_pushes(c) && conn_stalled(c))
        c->stalled = true;
    c->corks--;
    if (c->closing)
        return;
    http_keep_view(c);
    if (c->stalled)
        set_reading(c, false);
    conn_flush(c);
}

void conn_resume(struct conn *c)
{
    while (c->stalled && c->corks == 0 && !c->closing && !conn_stalled(c)) {
        struct buf backlog = c->backlog;
        buf_init(&c->backlog, backlog.size_max);
        c->stalled = false;
        conn_input(c, buf_slice(&backlog));
        buf_fini(&backlog);
        if (!c->stalled)
            set_reading(c, true);
    }
}

/* A peer that only closed its half still gets the replies it waits for. */
void conn_eof(struct conn *c)
{
    if (c->ws != NULL || c->linger || (!conn_owes(c) && c->out_head == NULL)) {
        conn_close(c);
        return;
    }
    set_reading(c, false);
    conn_drain(c);
    if (!c->ipc) { /* an operator's call may take its time */
        c->half = true;
        c->deadline_ms = uv_now(c->server->loop) + NET_HALF_MS;
    }
    conn_flush(c);
}

static void read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (n == 0 || c->closing)
        return;
    if (n < 0) {
        if (n == UV_EOF)
            conn_eof(c);
        else
            conn_close(c);
        return;
    }
    metric_add(METRIC_net_received_bytes_total, c->server->opt.metric_net, (uint64_t)n);
    c->last_in_ms = uv_now(c->server->loop);
    c->pinged = false;
    if (c->linger || c->draining)
        return;
    slice in = slice_of(buf->base, (size_t)n);
    if (c->tls != NULL)
        tls_read(c, in);
    else
        conn_input(c, in);
}

/* ---- life ---- */

void conn_start(struct conn *c)
{
    struct net_server *s = c->server;
    c->ipc = c->listener->local;
    if (!c->ipc)
        c->http = http_in_new(&http_events, c, s->opt.header_num_max);
    buf_init(&c->body, c->ipc ? s->opt.ws_message_max : s->opt.body_max);
    buf_init(&c->backlog, 2u * NET_READ_SIZE);
    c->phase = CONN_IDLE;
    c->req.origin = -1;
    c->last_in_ms = uv_now(s->loop);
    c->deadline_ms = c->last_in_ms + s->opt.header_timeout_ms;
    set_reading(c, true);
}

void conn_free(struct conn *c)
{
    while (c->out_head != NULL)
        pop_chunk(c);
    for (uint64_t id = c->head_id; !conn_pushes(c) && id != c->next_id; id++) {
        struct slot *slot = &c->slots[id % NET_PIPELINE_MAX];
        if (!slot->done && !slot->parts)
            continue;
        c->server->held -= slot->body.len;
        buf_fini(&slot->body);
    }
    http_in_free(c->http);
    ws_free(c);
    tls_free(c->tls);
    http_drop_body(c, true);
    buf_fini(&c->backlog);
    mt_free(c);
}

static void closed_cb(uv_handle_t *handle)
{
    server_conn_gone(handle->data);
}

void conn_close(struct conn *c)
{
    if (c->closing)
        return;
    c->closing = true;
    c->flow = NULL;
    uv_close((uv_handle_t *)&c->tcp, closed_cb);
}

void conn_drain(struct conn *c)
{
    c->draining = true;
}

static void tick_ws(struct conn *c, uint64_t now_ms)
{
    const struct net_server_options *opt = &c->server->opt;
    uint64_t silent = now_ms - c->last_in_ms;
    if (silent > opt->idle_timeout_ms) {
        conn_close(c);
    } else if (silent > opt->ping_ms && !c->pinged) {
        c->pinged = true;
        ws_ping(c);
        conn_flush(c);
    }
}

void conn_tick(struct conn *c, uint64_t now_ms)
{
    if (c->closing)
        return;
    if (c->writing && now_ms > c->write_deadline_ms) {
        size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
        if (left >= c->write_left) {
            conn_close(c);
            return;
        }
        c->write_left = left;
        c->write_deadline_ms = now_ms + c->server->opt.write_timeout_ms;
    }
    bool begun = c->flow != NULL; /* a reply on its way is not broken off */
    if ((c->linger || (c->half && c->out_head == NULL && !begun)) &&
        now_ms > c->deadline_ms) {
        conn_close(c);
    } else if (!c->draining && c->ws != NULL) {
        tick_ws(c, now_ms);
    } else if (!c->draining && !c->ipc && now_ms > c->deadline_ms && !c->stalled) {
        if (c->phase != CONN_IDLE) {
            http_refuse(c, 408);
            conn_flush(c);
        } else if (c->head_id == c->next_id && c->out_head == NULL) {
            conn_close(c);
        }
    }
}
