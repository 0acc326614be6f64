/* The way in: submissions wait for the end of the loop turn, go to the workers in batches
 * for sender recovery (33 us each, so never on the loop), come back as one task a batch
 * and are admitted in the order they were submitted.
 *
 * Blob transactions of networks that take them travel alone, one at a time: the worker
 * also checks the sidecar and, the first time, loads the trusted set-up (seconds). That
 * one job at a time is also what makes p->kzg safe without a lock. */
#include "pool_int.h"

#define BATCH_MAX 32u

struct ingest_item {
    struct pool_tx *tx;
    pool_done_fn *done;
    void *ctx;
    uint64_t now_ms;
    mt_err err; /* of the recovery */
    struct mt_diag diag;
};

struct ingest_batch {
    struct job job;   /* to a worker */
    struct task task; /* back to the loop */
    struct ingest *ingest;
    bool blobs;
    size_t num;
    struct ingest_item items[BATCH_MAX];
};

struct ingest {
    struct pool *pool;
    struct ingest_item *queue; /* ring of opt.ingest_max */
    size_t head, num;
    size_t in_flight; /* items at the workers */
    bool blob_busy;
    struct kzg *kzg; /* touched only by the one blob job */
};

struct ingest *ingest_new(struct pool *p)
{
    struct ingest *in = mt_alloc(sizeof(*in));
    in->pool = p;
    in->queue = mt_alloc(MT_MAX(p->opt.ingest_max, 1) * sizeof(*in->queue));
    return in;
}

void ingest_free(struct ingest *in)
{
    MT_ASSERT(in->in_flight == 0);
    struct pool_verdict v = {0};
    for (; in->num > 0; in->num--) {
        struct ingest_item *it = &in->queue[in->head];
        pool_refuse(&v, POOL_BUSY, TX_OK, NULL);
        v.hash = it->tx->tx.hash;
        it->done(it->ctx, &v);
        pool_tx_drop(it->tx);
        in->head = (in->head + 1) % in->pool->opt.ingest_max;
    }
    kzg_free(in->kzg);
    mt_free(in->queue);
    mt_free(in);
}

size_t pool_ingest_len(const struct pool *p)
{
    return p->ingest->num + p->ingest->in_flight;
}

static void recover_item(struct ingest *in, struct ingest_item *it)
{
    struct tx *tx = &it->tx->tx;
    it->err = MT_OK;
    if (!tx->has_from)
        it->err = tx_recover(tx, true, crypto_native(), &it->diag);
    if (it->err != MT_OK || tx->type != TX_BLOB)
        return;
    if (in->kzg == NULL)
        it->err = kzg_new(&in->kzg);
    if (it->err == MT_OK)
        it->err = blob_sidecar_check(in->kzg, tx, &it->diag);
}

/* Back on the loop: admit in order, answer each. */
static void batch_done(struct task *task)
{
    struct ingest_batch *b =
        (struct ingest_batch *)(void *)((char *)task -
                                        offsetof(struct ingest_batch, task));
    struct pool *p = b->ingest->pool;
    struct pool_state st = {.pool = p};
    b->ingest->in_flight -= b->num;
    if (b->blobs)
        b->ingest->blob_busy = false;
    for (size_t i = 0; i < b->num; i++) {
        struct ingest_item *it = &b->items[i];
        struct pool_verdict v = {.hash = it->tx->tx.hash};
        it->tx->arrival_ms = it->now_ms;
        if (it->err == MT_OK) {
            pool_admit(p, &st, it->tx, false, &v);
        } else {
            pool_refuse(&v, POOL_TX, TX_SIGNATURE, ": %s",
                        it->diag.text[0] != 0 ? it->diag.text : mt_err_text(it->err));
            why_put(p, &v.hash, v.reason, v.error);
            metric_add(METRIC_pool_rejected_total, p->opt.metric_net, 1);
        }
        it->done(it->ctx, &v);
        pool_tx_drop(it->tx);
    }
    pool_state_close(&st);
    mt_free(b);
    pool_flush(p);
}

static void batch_run(struct job *job, unsigned worker_idx)
{
    (void)worker_idx;
    struct ingest_batch *b = (struct ingest_batch *)(void *)job;
    for (size_t i = 0; i < b->num; i++)
        recover_item(b->ingest, &b->items[i]);
    /* A full mailbox means that the loop is behind: wait for it here, on the worker. */
    struct mailbox *to_loop = b->ingest->pool->opt.to_loop;
    while (mailbox_post(to_loop, &b->task) == MT_EBUSY)
        thread_sleep_us(100);
}

/* Takes the next run of submissions of one kind off the queue. NULL when there is none
 * that may go now. */
static struct ingest_batch *next_batch(struct ingest *in, size_t share)
{
    if (in->num == 0)
        return NULL;
    bool blobs = in->queue[in->head].tx->tx.type == TX_BLOB;
    if (blobs && in->blob_busy)
        return NULL;
    struct ingest_batch *b = mt_alloc(sizeof(*b));
    b->job.run = batch_run;
    b->task.run = batch_done;
    b->ingest = in;
    b->blobs = blobs;
    size_t most = blobs ? 1 : MT_MIN(share, BATCH_MAX);
    while (b->num < most && in->num > 0) {
        struct ingest_item *it = &in->queue[in->head];
        if ((it->tx->tx.type == TX_BLOB) != blobs)
            break;
        b->items[b->num++] = *it;
        in->head = (in->head + 1) % in->pool->opt.ingest_max;
        in->num--;
    }
    return b;
}

static void unqueue(struct ingest *in, struct ingest_batch *b)
{
    for (size_t i = b->num; i-- > 0;) {
        in->head = (in->head + in->pool->opt.ingest_max - 1) % in->pool->opt.ingest_max;
        in->queue[in->head] = b->items[i];
        in->num++;
    }
    mt_free(b);
}

void pool_flush(struct pool *p)
{
    struct ingest *in = p->ingest;
    unsigned workers = p->opt.workers != NULL ? workers_count(p->opt.workers) : 1;
    /* Small turns are split evenly over the workers, large ones into full batches. */
    size_t share = (in->num + workers - 1) / workers;
    struct ingest_batch *b;
    while ((b = next_batch(in, share)) != NULL) {
        in->blob_busy = in->blob_busy || b->blobs;
        in->in_flight += b->num;
        if (p->opt.workers == NULL) {
            for (size_t i = 0; i < b->num; i++)
                recover_item(in, &b->items[i]);
            batch_done(&b->task);
            return; /* batch_done flushed the rest */
        }
        if (workers_submit(p->opt.workers, &b->job) == MT_OK)
            continue;
        in->in_flight -= b->num; /* the workers' queue is full: next turn */
        in->blob_busy = in->blob_busy && !b->blobs;
        unqueue(in, b);
        return;
    }
}

void pool_submit(struct pool *p, slice raw, uint64_t now_ms, pool_done_fn *done,
                 void *ctx)
{
    struct ingest *in = p->ingest;
    struct pool_verdict v = {0};
    struct mt_diag diag = {0};
    struct pool_tx *t;
    if (p->closed) {
        pool_refuse(&v, POOL_CLOSED, TX_OK, NULL);
    } else if (in->num + in->in_flight >= p->opt.ingest_max) {
        pool_refuse(&v, POOL_BUSY, TX_OK, NULL);
    } else if (pool_tx_new(raw, &t, &diag) != MT_OK) {
        pool_refuse(&v, POOL_DECODE, TX_OK, ": %s", diag.text);
    } else if (!pool_precheck(p, t, &v)) {
        if (v.reason != POOL_KNOWN)
            why_put(p, &v.hash, v.reason, v.error);
        pool_tx_drop(t);
    } else {
        size_t at = (in->head + in->num++) % p->opt.ingest_max;
        in->queue[at] =
            (struct ingest_item){.tx = t, .done = done, .ctx = ctx, .now_ms = now_ms};
        return;
    }
    metric_add(METRIC_pool_rejected_total, p->opt.metric_net, 1);
    done(ctx, &v);
}
