/* Replies that leave while they are made. A reader writes into the call's buffer as ever;
 * when enough is there, at a place where it may, the buffer is handed to the loop as one
 * part and the reader goes on with an empty one:
 *
 *   reader: text -> [gzip] -> part --to_loop--> loop: net_part -> chunk -> socket
 *              ^------------- net_flow: how much is not taken yet <-----------|
 *
 * The reader runs ahead of the socket by RUN_AHEAD at most; then it waits for the client,
 * all in all as long as a call may run and WAIT_MAX_MS at most, because it keeps a thread
 * and a snapshot. A client that is slower than that finds the rest of its reply buffered,
 * up to the size of a reply in one piece (reply_max); one for which even that does not do
 * is cut off. So no client holds more memory than without parts, and none a reader for
 * longer than twice its time. Half of the readers may be at it; a call that finds no
 * place writes a reply in one piece.
 *
 * Nothing can be taken back once it has been sent. A failure after that - time, a store
 * that cannot be read, a chain that was reorganised below a search - closes the
 * connection before the last chunk: the client has an error instead of a reply that only
 * looks whole. */
#include "rpc_int.h"
#include <stdatomic.h>

#define RUN_AHEAD   ((size_t)1024 * 1024)
#define WAIT_MAX_MS 30000u
#define REST_US     500u

struct stream {
    struct net_flow flow;
    struct gzip *gzip; /* NULL: plain */
    uint64_t posted;   /* bytes handed to the loop */
    uint64_t text;     /* of the reply, before gzip */
    uint64_t waited_ns;
};

struct part {
    struct task task;
    struct call *c;
    struct buf b;
};

bool stream_may(const struct call *c)
{
    bool silent = c->id.json == NULL && c->id.text.len == 0;
    return c->on_reader && (c->accepts & NET_PARTS) != 0 && !silent &&
           c->rpc->opt.stream_max > 0;
}

static bool begin(struct call *c)
{
    struct rpc *r = c->rpc;
    unsigned places = MT_MAX(r->arena_num / 2, 1u);
    if (!stream_may(c))
        return false;
    if (atomic_fetch_add(&r->stream_num, 1) >= places) {
        atomic_fetch_sub(&r->stream_num, 1);
        return false;
    }
    c->stream = mt_alloc(sizeof(*c->stream));
    if (r->opt.gzip && (c->accepts & NET_GZIP) != 0)
        c->stream->gzip = gzip_new();
    metric_add(METRIC_rpc_streams_total, r->opt.metric_net, 1);
    return true;
}

/* ---- on the reader ---- */

static size_t ahead(struct stream *s)
{
    uint64_t way = s->posted - s->flow.arrived; /* first: a part may arrive in between */
    return (size_t)(way + s->flow.unsent);
}

/* Until there is room for len bytes. False: there will be none. */
static bool wait_for_room(struct call *c, size_t len)
{
    struct stream *s = c->stream;
    struct rpc *r = c->rpc;
    uint64_t max_ns = MT_MIN(r->opt.call_timeout_ms, WAIT_MAX_MS) * (uint64_t)1000000;
    uint64_t t0 = clock_mono_ns(), waited = 0;
    size_t there = ahead(s);
    while (there > 0 && there + len > RUN_AHEAD && s->waited_ns + waited < max_ns) {
        if (c->req->gone || r->stopping)
            return false;
        thread_sleep_us(REST_US);
        waited = clock_mono_ns() - t0;
        there = ahead(s);
    }
    s->waited_ns += waited;
    c->deadline_ns += waited; /* the client's time is not the call's */
    c->waited_ns += waited;
    if (there == 0 || there + len <= RUN_AHEAD || there + len <= r->opt.reply_max)
        return true;
    call_fail(c, RPC_TIMEOUT, "the client takes its reply too slowly");
    return false;
}

static void part_arrived(struct task *task)
{
    struct part *p = (struct part *)task;
    struct call *c = p->c;
    struct stream *s = c->stream;
    struct request *q = c->req;
    if (!net_part(c->rpc->net, q->ref, q->net_id, &p->b, &s->flow, s->gzip != NULL,
                  false))
        q->gone = true;
    buf_fini(&p->b);
    mt_free(p);
}

static bool post_part(struct call *c, bool last)
{
    struct stream *s = c->stream;
    struct part *p = mt_alloc(sizeof(*p));
    *p = (struct part){.task.run = part_arrived, .c = c};
    s->text += c->buf.len;
    if (s->gzip != NULL) {
        buf_init(&p->b, 2 * c->buf.len + RPC_PART);
        gzip_put(s->gzip, buf_slice(&c->buf), last, &p->b);
        buf_reset(&c->buf);
    } else {
        p->b = c->buf;
        buf_init(&c->buf, c->rpc->opt.reply_max);
        if (!last)
            buf_reserve(&c->buf, RPC_PART + RPC_PART / 4);
    }
    size_t len = p->b.len;
    if (!wait_for_room(c, len)) {
        buf_fini(&p->b);
        mt_free(p);
        return false;
    }
    s->posted += len;
    rpc_post(c->rpc, &p->task);
    return true;
}

bool stream_part(struct call *c)
{
    if (c->failed || !buf_ok(&c->buf))
        return false;
    if (c->stream == NULL && (c->buf.len < RPC_PART_FIRST || !begin(c)))
        return true;
    if (c->stream->text + c->buf.len > c->rpc->opt.stream_max) {
        call_fail(c, RPC_TOO_LARGE, "response too large: at most %zu bytes",
                  c->rpc->opt.stream_max);
        return false;
    }
    if (post_part(c, false))
        return true;
    if (!c->failed)
        call_fail(c, RPC_TIMEOUT, "the client is gone");
    return false;
}

void stream_seal(struct call *c)
{
    if (c->failed)
        return;
    buf_put_u8(&c->buf, '}');
    if (!buf_ok(&c->buf))
        call_fail(c, RPC_TOO_LARGE, "response too large");
    else if (!post_part(c, true) && !c->failed)
        call_fail(c, RPC_TIMEOUT, "the client is gone");
}

/* ---- on the loop ---- */

void stream_end(struct call *c)
{
    struct rpc *r = c->rpc;
    struct request *q = c->req;
    struct buf none;
    buf_init(&none, 0);
    if (c->failed) {
        metric_add(METRIC_rpc_stream_cuts_total, r->opt.metric_net, 1);
        net_cut(r->net, q->ref, q->net_id);
    } else {
        net_part(r->net, q->ref, q->net_id, &none, &c->stream->flow, false, true);
    }
    atomic_fetch_sub(&r->stream_num, 1);
    gzip_free(c->stream->gzip);
    mt_free(c->stream);
    c->stream = NULL;
}
