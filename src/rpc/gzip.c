/* Large replies in gzip (RFC 1952), for clients that say that they take it. Compressing
 * costs milliseconds a megabyte, so it is never done on the loop: a whole reply makes a
 * detour over a reader thread, a reply in parts is compressed by the reader that makes
 * it. Level 1: hex text shrinks by more than half there, further levels gain little. */
#include "rpc_int.h"
#include <zlib.h>

#define REPLY_MIN ((size_t)32 * 1024) /* shorter ones fit a few packets */
#define LEVEL     1
#define GZIP_BITS (15 + 16) /* the largest window, with the frame of gzip */
#define MEMORY    8         /* zlib's own default */
#define ROOM      ((size_t)32 * 1024)

struct gzip {
    z_stream z;
};

static void *take(void *ctx, unsigned num, unsigned size)
{
    (void)ctx;
    return mt_alloc((size_t)num * size);
}

static void give(void *ctx, void *ptr)
{
    (void)ctx;
    mt_free(ptr);
}

struct gzip *gzip_new(void)
{
    struct gzip *g = mt_alloc(sizeof(*g));
    g->z = (z_stream){.zalloc = take, .zfree = give};
    int r = deflateInit2(&g->z, LEVEL, Z_DEFLATED, GZIP_BITS, MEMORY, Z_DEFAULT_STRATEGY);
    MT_ASSERT(r == Z_OK); /* memory and constants are in order */
    return g;
}

void gzip_free(struct gzip *g)
{
    if (g == NULL)
        return;
    deflateEnd(&g->z);
    mt_free(g);
}

void gzip_put(struct gzip *g, slice text, bool last, struct buf *out)
{
    int r = Z_OK;
    g->z.next_in = (Bytef *)(uintptr_t)text.ptr;
    g->z.avail_in = (uInt)text.len;
    while (r != Z_STREAM_END && (g->z.avail_in > 0 || last || g->z.avail_out == 0)) {
        uint8_t *at = buf_reserve(out, ROOM);
        if (at == NULL)
            return;
        g->z.next_out = at;
        g->z.avail_out = (uInt)ROOM;
        r = deflate(&g->z, last ? Z_FINISH : Z_NO_FLUSH);
        out->len += ROOM - g->z.avail_out;
        if (r == Z_BUF_ERROR) /* nothing was left to do */
            break;
    }
}

/* ---- whole replies ---- */

struct gzip_job {
    struct job job;
    struct task task;
    struct request *q;
    struct buf in, out;
};

static void compressed(struct task *task)
{
    struct gzip_job *j =
        (struct gzip_job *)((char *)task - offsetof(struct gzip_job, task));
    struct request *q = j->q;
    struct rpc *r = q->rpc;
    r->later_num--;
    if (buf_ok(&j->out))
        net_reply_gzip(r->net, q->ref, q->net_id, &j->out);
    else
        net_reply(r->net, q->ref, q->net_id, &j->in);
    buf_fini(&j->in);
    buf_fini(&j->out);
    request_free(q);
    mt_free(j);
}

static void compress_run(struct job *job, unsigned worker_idx)
{
    struct gzip_job *j = (struct gzip_job *)job;
    struct gzip *g = gzip_new();
    (void)worker_idx;
    gzip_put(g, buf_slice(&j->in), true, &j->out);
    gzip_free(g);
    j->task.run = compressed;
    rpc_post(j->q->rpc, &j->task);
}

bool gzip_reply(struct request *q, struct buf *body)
{
    struct rpc *r = q->rpc;
    if (MT_LIKELY(body->len < REPLY_MIN) || !r->opt.gzip || q->done != NULL ||
        q->websocket || (net_accepts(r->net, q->ref, q->net_id) & NET_GZIP) == 0)
        return false;
    struct gzip_job *j = mt_alloc(sizeof(*j));
    *j = (struct gzip_job){.job.run = compress_run, .q = q, .in = *body};
    buf_init(&j->out, body->len); /* else it is not worth it */
    if (workers_submit(r->opt.readers, &j->job) != MT_OK) {
        mt_free(j);
        return false;
    }
    r->later_num++;
    *body = (struct buf){.size_max = body->size_max};
    return true;
}
