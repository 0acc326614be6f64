/* eth_sendRawTransactionSync (EIP-7966): submits and answers with the receipt, in the
 * loop turn that hears of the block. One that waits for an earlier nonce is told so: at
 * once, or by a node that follows another one at the end of its time. Calls that wait
 * stand in a table by the hash of their transaction. */
#include "rpc_int.h"

#define TIMEOUT_MS     2000u  /* by EIP-7966, where the caller names none that is valid */
#define TIMEOUT_MAX_MS 60000u /* the most that a caller may ask for */

struct sync_wait {
    struct sync_wait *next;
    struct call *c;
    hash32 hash;
    uint64_t timeout_ms;
    uint64_t deadline_ns;
};

static struct sync_wait **bucket(struct rpc *r, const hash32 *hash)
{
    return &r->sync_waits[hash->b[0] % SYNC_BUCKETS];
}

/* The call is the caller's to finish; the wait itself is freed with it. */
static struct call *take(struct rpc *r, struct sync_wait **at)
{
    struct sync_wait *w = *at;
    *at = w->next;
    r->sync_num--;
    return w->c;
}

/* ---- how a transaction stands ---- */

static bool in_pool(struct rpc *r, const hash32 *hash, bool *ready)
{
    uint64_t next = 0;
    struct pool_tx *t = pool_get(r->opt.pool, hash);
    if (t == NULL)
        return false;
    *ready = pool_nonce(r->opt.pool, &t->tx.from, &next) == MT_OK && t->tx.nonce < next;
    pool_tx_drop(t);
    return true;
}

/* Writes the receipt when there is one already: a followed node may be quicker with the
 * block than with its answer. */
static bool included(struct call *c, const hash32 *hash)
{
    struct chain_block *b;
    uint32_t idx;
    if (chain_find_tx(c->rpc->opt.chain, hash, &b, &idx) != MT_OK)
        return false;
    bool seen = b->block.header.number <= c->rpc->view->head->block.header.number;
    if (seen)
        wire_receipt(&c->out, b, idx, wire_first_log(b, idx));
    chain_block_drop(b);
    return seen;
}

/* ---- timeouts ---- */

static enum call_status unready(struct call *c, const hash32 *hash)
{
    return call_fail_data(c, RPC_SYNC_UNREADY, slice_of(hash->b, 32),
                          "the transaction was added to the pool but waits for an "
                          "earlier nonce");
}

static void fail_wait(struct rpc *r, struct sync_wait **at)
{
    struct sync_wait *w = *at;
    struct call *c = take(r, at);
    char text[128];
    mt_fmt(text, sizeof(text),
           r->stopping ? "the node is stopping: the transaction is in the pool"
                       : "the transaction was added to the pool but not included in "
                         "%llu ms",
           (unsigned long long)w->timeout_ms);
    bool ready = true;
    if (!r->stopping && in_pool(r, &w->hash, &ready) && !ready)
        unready(c, &w->hash);
    else
        call_fail_data(c, RPC_SYNC_TIMEOUT, slice_of(w->hash.b, 32), text);
    call_finish(c);
}

void sync_expire(struct rpc *r, uint64_t now_ns)
{
    for (size_t i = 0; i < SYNC_BUCKETS && r->sync_num > 0; i++) {
        struct sync_wait **at = &r->sync_waits[i];
        while (*at != NULL) {
            if ((*at)->deadline_ns <= now_ns)
                fail_wait(r, at);
            else
                at = &(*at)->next;
        }
    }
}

/* ---- receipts ---- */

static void answer(struct rpc *r, const struct chain_block *b, uint32_t idx)
{
    const hash32 *hash = &b->block.txs[idx].hash;
    struct sync_wait **at = bucket(r, hash);
    while (*at != NULL) {
        if (!hash32_eq(&(*at)->hash, hash)) {
            at = &(*at)->next;
            continue;
        }
        struct call *c = take(r, at);
        wire_receipt(&c->out, b, idx, wire_first_log(b, idx));
        call_finish(c);
    }
}

void sync_update(struct rpc *r, const struct chain_update *u)
{
    for (size_t i = 0; i < u->added_num && r->sync_num > 0; i++)
        for (uint32_t k = 0; k < u->added[i]->block.tx_num; k++)
            answer(r, u->added[i], k);
}

/* ---- the call ---- */

void sync_admitted(void *ctx, const struct pool_verdict *v)
{
    struct sync_wait *w = ctx;
    struct call *c = w->c;
    struct rpc *r = c->rpc;
    if (v->reason != POOL_OK) {
        call_fail(c, v->reason == POOL_BUSY ? RPC_LIMIT : RPC_SERVER, "%s", v->text);
        call_finish(c);
        return;
    }
    if (included(c, &v->hash)) {
        call_finish(c);
        return;
    }
    /* On a node that follows, an earlier nonce that is missing here, or a place in the
     * pool that is empty again, may only mean that the two are not level: the followed
     * node took the transaction, so its block is waited for. */
    bool ready = false;
    if (r->opt.forward == NULL && !(in_pool(r, &v->hash, &ready) && ready)) {
        unready(c, &v->hash);
        call_finish(c);
        return;
    }
    w->hash = v->hash;
    w->deadline_ns = clock_mono_ns() + w->timeout_ms * 1000000u;
    w->next = *bucket(r, &w->hash);
    *bucket(r, &w->hash) = w;
    r->sync_num++;
}

struct sync_wait *sync_new(struct call *c, uint64_t timeout_ms)
{
    if (c->rpc->sync_num >= SYNC_WAITS_MAX) {
        call_fail(c, RPC_LIMIT, "too many calls wait for receipts (max %u)",
                  SYNC_WAITS_MAX);
        return NULL;
    }
    if (timeout_ms == 0 || timeout_ms > TIMEOUT_MAX_MS)
        timeout_ms = TIMEOUT_MS;
    struct sync_wait *w = mt_alloc(sizeof(*w));
    *w = (struct sync_wait){.c = c, .timeout_ms = timeout_ms};
    c->handoff = w;
    call_later(c);
    return w;
}

enum call_status m_send_raw_sync(struct call *c)
{
    slice raw;
    uint64_t timeout = 0;
    if (!args_num(c, 1, 2) || !arg_data(c, 0, &raw))
        return CALL_DONE;
    if (arg(c, 1) != NULL && !arg_number(c, 1, &timeout))
        return CALL_DONE;
    if (raw.len == 0)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: empty transaction");
    struct sync_wait *w = sync_new(c, timeout);
    if (w == NULL)
        return CALL_DONE;
    send_raw(c->rpc, raw, sync_admitted, w);
    return CALL_LATER;
}
