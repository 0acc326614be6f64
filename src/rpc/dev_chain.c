/* Dev methods that take the chain back: reset to the genesis, rollback by a number of
 * blocks, and reorg, which then builds as many other blocks: subscribers see the removed
 * logs and heads of a real reorganisation. */
#include "dev_int.h"

/* ---- reset ---- */

static enum call_status after_reset(struct call *c)
{
    struct dev *d = c->rpc->dev;
    d->snapshot_num = 0;
    d->impersonated_num = 0;
    d->auto_impersonate = false;
    *sequencer_dev(c->rpc->opt.sequencer) = (struct sequencer_dev){0};
    return dev_ok(c);
}

enum call_status m_dev_reset(struct call *c)
{
    if (!dev_can_build(c) || !args_num(c, 0, 1))
        return CALL_DONE;
    const json_t *o = arg(c, 0), *fork = json_object_get(o, "forking");
    if (o != NULL && !json_is_object(o))
        return call_fail(c, RPC_PARAMS, "invalid argument 0: not an object");
    if (json_is_object(fork) && json_object_size(fork) > 0)
        return call_fail(c, RPC_UNSUPPORTED, "this node does not fork another network");
    return dev_rewind(c, 0, 0, after_reset);
}

/* ---- rollback ---- */

static bool depth_ok(struct call *c, uint64_t depth)
{
    uint64_t head = c->view->head->block.header.number;
    if (depth <= head)
        return true;
    call_fail(c, RPC_PARAMS, "depth %llu is more than the %llu blocks there are",
              (unsigned long long)depth, (unsigned long long)head);
    return false;
}

enum call_status m_dev_rollback(struct call *c)
{
    uint64_t depth = 1;
    if (!dev_can_build(c) || !args_num(c, 0, 1) ||
        (arg(c, 0) != NULL && !arg_number(c, 0, &depth)) || !depth_ok(c, depth))
        return CALL_DONE;
    return dev_rewind(c, c->view->head->block.header.number - depth, CHAIN_KEEP_PATCHES,
                      NULL);
}

/* ---- reorg ---- */

/* One call's work, step by step on the loop: the transactions of a block are submitted,
 * and when all are answered the block is built. */
struct reorg {
    uint64_t depth, done;
    const json_t *pairs; /* [[raw transaction, block], ...]; of the request */
    size_t waiting;      /* submissions not answered */
    bool refused;
    struct pool_verdict verdict; /* of the first refused */
    enum cs_mode mode;
    uint64_t period_ms;
    hash32 old_head;
};

static void next_block(struct call *c);

static void reorg_end(struct call *c)
{
    struct reorg *g = c->handoff;
    dev_configure(c, g->mode, g->period_ms);
    if (!c->failed)
        dev_ok(c);
    call_finish(c);
}

static void built(void *ctx, mt_err err, const struct mt_diag *diag,
                  struct chain_block *block)
{
    struct call *c = ctx;
    struct reorg *g = c->handoff;
    (void)block;
    g->done++;
    if (err != MT_OK)
        call_error(c, err, diag);
    if (err != MT_OK || g->done == g->depth || c->rpc->stopping)
        reorg_end(c);
    else
        next_block(c);
}

/* The time and the transactions may be the old block's: another prevRandao makes sure of
 * another hash. */
static void build(struct call *c)
{
    struct reorg *g = c->handoff;
    struct sequencer_dev *dev = sequencer_dev(c->rpc->opt.sequencer);
    uint8_t seed[40];
    memcpy(seed, g->old_head.b, 32);
    store_be64(seed + 32, g->done);
    dev->has_next_prev_randao = true;
    dev->next_prev_randao = keccak256(seed, sizeof(seed));
    mt_err err = sequencer_mine(c->rpc->opt.sequencer, 0, built, c);
    if (err == MT_OK)
        return;
    call_error(c, err, NULL);
    reorg_end(c);
}

static void answered(void *ctx, const struct pool_verdict *v)
{
    struct call *c = ctx;
    struct reorg *g = c->handoff;
    if (v->reason != POOL_OK && !g->refused) {
        g->refused = true;
        g->verdict = *v;
    }
    if (--g->waiting > 0)
        return;
    if (!g->refused) {
        build(c);
        return;
    }
    call_fail(c, RPC_SERVER, "block %llu: %s", (unsigned long long)g->done,
              g->verdict.text);
    reorg_end(c);
}

static bool pair_of(struct call *c, const json_t *pair, const json_t **raw, uint64_t *at)
{
    const json_t *n = json_array_get(pair, 1);
    *raw = json_array_get(pair, 0);
    if (json_is_integer(n) && json_integer_value(n) >= 0)
        *at = (uint64_t)json_integer_value(n);
    else if (!val_u64(c, 1, n, at))
        return false;
    if (json_is_string(*raw))
        return true;
    call_fail(c, RPC_PARAMS, "invalid argument 1: transactions must be raw, signed ones");
    return false;
}

static void next_block(struct call *c)
{
    struct reorg *g = c->handoff;
    size_t i;
    json_t *pair;
    g->waiting = 1; /* ours: an answer may come at once */
    json_array_foreach((json_t *)(uintptr_t)g->pairs, i, pair)
    {
        const json_t *raw;
        uint64_t at;
        slice bytes;
        if (!pair_of(c, pair, &raw, &at) || at != g->done || !val_data(c, 1, raw, &bytes))
            continue;
        g->waiting++;
        pool_submit(c->rpc->opt.pool, bytes, clock_unix_ms(), answered, c);
    }
    answered(c, &(struct pool_verdict){.reason = POOL_OK});
}

static enum call_status after_rewind(struct call *c)
{
    struct reorg *g = c->handoff;
    dev_configure(c, CS_MANUAL, 0);
    if (g->depth == 0)
        reorg_end(c);
    else
        next_block(c);
    return CALL_LATER;
}

static bool reorg_args(struct call *c, uint64_t *depth, const json_t **pairs)
{
    const json_t *o = arg(c, 0);
    *pairs = arg(c, 1);
    if (json_is_object(o)) { /* the form of anvil's own clients */
        const json_t *d = json_object_get(o, "depth");
        *pairs = json_object_get(o, "txBlockPairs");
        if (!json_is_integer(d) || json_integer_value(d) < 0) {
            call_fail(c, RPC_PARAMS, "invalid argument 0: depth missing");
            return false;
        }
        *depth = (uint64_t)json_integer_value(d);
    } else if (!arg_number(c, 0, depth)) {
        return false;
    }
    if (*pairs != NULL && (!json_is_array(*pairs) || json_array_size(*pairs) > ITEMS_MAX))
        return list_refused(c, 1);
    size_t i;
    json_t *pair;
    json_array_foreach((json_t *)(uintptr_t)*pairs, i, pair)
    {
        const json_t *raw;
        uint64_t at;
        slice bytes;
        if (!pair_of(c, pair, &raw, &at) || !val_data(c, 1, raw, &bytes))
            return false;
        if (at >= *depth) {
            call_fail(c, RPC_PARAMS, "invalid argument 1: block %llu of a reorg of %llu",
                      (unsigned long long)at, (unsigned long long)*depth);
            return false;
        }
    }
    return depth_ok(c, *depth);
}

enum call_status m_dev_reorg(struct call *c)
{
    uint64_t depth;
    const json_t *pairs;
    if (!dev_can_build(c) || !args_num(c, 1, 2) || !reorg_args(c, &depth, &pairs))
        return CALL_DONE;
    const struct cs_config *config = sequencer_config(c->rpc->opt.sequencer);
    struct reorg *g = mt_alloc(sizeof(*g));
    *g = (struct reorg){.depth = depth,
                        .pairs = pairs,
                        .mode = config->mode,
                        .period_ms = config->period_ms,
                        .old_head = c->view->head->block.hash};
    c->handoff = g;
    return dev_rewind(c, c->view->head->block.header.number - depth, CHAIN_KEEP_PATCHES,
                      after_rewind);
}
