/* debug_traceCall and debug_traceCallMany: calls that are in no block, traced on the
 * state after a block or inside of it, after so many of its transactions.
 *
 * States lie in layers: the parent's state; what the block did up to the place asked for;
 * what each bundle of calls did. A bundle is a block of its own on the layer below it,
 * one number and one block's time after the one before. */
#include "trace_int.h"

#define CALLS_MAX   1000u
#define BUNDLES_MAX 64u
#define TIME_STEP   12u /* seconds between bundles where the network has no period */

/* Where calls begin. */
struct place {
    struct chain_block *b; /* held */
    bool inside;
    uint32_t idx; /* inside: after so many transactions */
};

/* A transaction index as clients send it: number or text; -1 and null: all. */
static bool val_index(struct call *c, size_t i, const json_t *v, struct place *p)
{
    uint64_t idx;
    if (v == NULL || json_is_null(v) ||
        (json_is_integer(v) && json_integer_value(v) == -1))
        return true;
    if (json_is_integer(v) && json_integer_value(v) >= 0)
        idx = (uint64_t)json_integer_value(v);
    else if (!val_u64(c, i, v, &idx))
        return false;
    if (idx > p->b->block.tx_num) {
        call_fail(c, RPC_SERVER, "transaction index %llu out of range: the block has %zu",
                  (unsigned long long)idx, p->b->block.tx_num);
        return false;
    }
    p->inside = true;
    p->idx = (uint32_t)idx;
    return true;
}

/* False after an error; the block is dropped by replay_close, or here. */
static bool place_find(struct call *c, size_t i, const struct block_arg *at,
                       const json_t *idx, struct place *p)
{
    *p = (struct place){0};
    if (at->kind == BLOCK_PENDING) {
        call_fail(c, RPC_SERVER, "tracing on top of pending is not supported");
        return false;
    }
    if (!block_find(c, at, &p->b))
        return false;
    if (p->b == NULL && at->kind == BLOCK_HASH)
        call_fail(c, RPC_SERVER, "block %s not found", hash32_text(&at->hash).s);
    else if (p->b == NULL)
        call_fail(c, RPC_SERVER, "block #%llu not found", (unsigned long long)at->number);
    if (p->b == NULL)
        return false;
    if (val_index(c, i, idx, p))
        return true;
    chain_block_drop(p->b);
    return false;
}

/* The state there, with overrides (of parameter i) and the block's header under env.
 * Takes the place's hold. replay_close either way, when *open. */
static bool place_open(struct replay *r, struct call *c, struct place *p, size_t i,
                       const json_t *overrides, const json_t *block,
                       const struct trace_options *opt, struct call_env *env, bool *open)
{
    struct mt_diag diag = {0};
    env->header = p->b->block.header;
    *open = p->inside;
    if (p->inside)
        return replay_open(r, c, p->b, opt) && replay_to(r, p->idx) &&
               call_env_fill(c, p->b, block_exec_reader(r->t.be), i, overrides, block,
                             env) &&
               replay_layer(r, env);
    mt_err err =
        chain_state_open(c->rpc->opt.chain, env->header.number, &c->state, &diag);
    if (err != MT_OK) {
        chain_block_drop(p->b);
        call_error(c, err, &diag);
        return false;
    }
    c->has_state = true;
    bool same = hash32_eq(&c->state.block->block.hash, &p->b->block.hash);
    chain_block_drop(p->b);
    if (!same) {
        call_fail(c, RPC_SERVER, "the block is not canonical");
        return false;
    }
    if (!call_env_fill(c, c->state.block, &c->state.reader, i, overrides, block, env))
        return false;
    *open = true;
    return replay_open_call(r, c, env, opt);
}

static bool run_call(struct replay *r, struct call_tx *t)
{
    struct tx_outcome o;
    call_cap_gas(r->t.c, t);
    if (!replay_run(r, &t->tx, call_flags(&t->tx) | EXEC_SKIP_L1_FEE, &o))
        return false;
    trace_write_result(&r->t, &o);
    return true;
}

enum call_status m_trace_call(struct call *c)
{
    struct trace_options opt;
    struct call_tx tx;
    struct block_arg at;
    struct place p;
    struct call_env env = {0};
    struct replay r;
    const json_t *o = arg(c, 2);
    bool open;
    if (!args_num(c, 1, 3) || !arg_tx(c, 0, &tx) || !arg_block(c, 1, true, &at) ||
        !trace_arg_options(c, 2, &opt) ||
        !place_find(c, 2, &at, json_object_get(o, "txIndex"), &p))
        return CALL_DONE;
    if (place_open(&r, c, &p, 2, json_object_get(o, "stateOverrides"),
                   json_object_get(o, "blockOverrides"), &opt, &env, &open))
        run_call(&r, &tx);
    if (open)
        replay_close(&r);
    return CALL_DONE;
}

/* ---- many ---- */

struct bundle {
    struct call_tx *txs;
    size_t num;
    const json_t *block; /* overrides */
};

static bool read_bundle(struct call *c, const json_t *o, struct bundle *b, size_t *room)
{
    const json_t *list = json_object_get(o, "transactions");
    b->num = json_array_size(list);
    b->block = json_object_get(o, "blockOverride");
    if (b->block == NULL)
        b->block = json_object_get(o, "blockOverrides");
    if (!json_is_array(list) || b->num > *room) {
        call_fail(c, RPC_PARAMS,
                  "invalid argument 0: a bundle has a list of transactions, all bundles "
                  "at most %u",
                  CALLS_MAX);
        return false;
    }
    *room -= b->num;
    b->txs = arena_zalloc(c->arena, b->num + 1, sizeof(*b->txs));
    if (b->txs == NULL) {
        call_error(c, MT_ELIMIT, NULL);
        return false;
    }
    for (size_t i = 0; i < b->num; i++)
        if (!val_tx(c, 0, json_array_get(list, i), &b->txs[i]))
            return false;
    return true;
}

static bool read_bundles(struct call *c, struct bundle **out, size_t *num)
{
    const json_t *list = arg(c, 0);
    size_t n = json_array_size(list), room = CALLS_MAX;
    if (!json_is_array(list) || n == 0 || n > BUNDLES_MAX) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: not a list of 1 to %u bundles",
                  BUNDLES_MAX);
        return false;
    }
    struct bundle *b = arena_zalloc(c->arena, n, sizeof(*b));
    if (b == NULL) {
        call_error(c, MT_ELIMIT, NULL);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!read_bundle(c, json_array_get(list, i), &b[i], &room))
            return false;
    *out = b;
    *num = n;
    return true;
}

static void step(const struct call *c, struct header *h)
{
    uint64_t period_ms = chain_spec_of(c->rpc->opt.chain)->period_ms;
    h->number++;
    h->timestamp += period_ms == 0 ? TIME_STEP : MT_MAX(period_ms / 1000, 1u);
}

/* The layer of a bundle after the first; header is the last one's without overrides. */
static bool next_layer(struct replay *r, const struct call_env *first,
                       const struct chain_block *b, const struct header *header,
                       const struct bundle *bundle)
{
    struct call *c = r->t.c;
    struct call_env *env = arena_zalloc(c->arena, 1, sizeof(*env));
    if (env == NULL) {
        call_error(c, MT_ELIMIT, NULL);
        return false;
    }
    env->header = *header;
    if (!call_env_fill(c, b, block_exec_reader(r->t.be), 0, NULL, bundle->block, env))
        return false;
    env->overrides.moves = first->overrides.moves;
    return replay_layer(r, env);
}

static void run_bundles(struct replay *r, const struct call_env *first,
                        const struct chain_block *b, const struct bundle *bundles,
                        size_t num)
{
    struct json_out *j = &r->t.c->out;
    struct header h = b->block.header;
    json_arr(j);
    for (size_t i = 0; i < num; i++) {
        if (i > 0) {
            step(r->t.c, &h);
            if (!next_layer(r, first, b, &h, &bundles[i]))
                return;
        }
        json_arr(j);
        for (size_t k = 0; k < bundles[i].num; k++)
            if (!run_call(r, &bundles[i].txs[k]))
                return;
        json_arr_end(j);
    }
    json_arr_end(j);
}

/* What the calls of earlier bundles and of the same one did stands. */
enum call_status m_trace_call_many(struct call *c)
{
    struct trace_options opt;
    struct bundle *bundles;
    struct block_arg at;
    struct place p;
    struct call_env env = {0};
    struct replay r;
    size_t num;
    bool open;
    const json_t *context = arg(c, 1), *o = arg(c, 2);
    const json_t *number = json_object_get(context, "blockNumber");
    if (!args_num(c, 1, 3))
        return CALL_DONE;
    if (context != NULL && !json_is_object(context))
        return call_fail(c, RPC_PARAMS, "invalid argument 1: not an object");
    at = (struct block_arg){.number = c->view->head->block.header.number};
    if (number != NULL && !json_is_null(number) && !val_block(c, 1, number, &at))
        return CALL_DONE;
    if (!read_bundles(c, &bundles, &num) || !trace_arg_options(c, 2, &opt) ||
        !place_find(c, 1, &at, json_object_get(context, "transactionIndex"), &p))
        return CALL_DONE;
    struct chain_block *b = p.b;
    chain_block_hold(b);
    if (place_open(&r, c, &p, 2, json_object_get(o, "stateOverrides"), bundles[0].block,
                   &opt, &env, &open))
        run_bundles(&r, &env, b, bundles, num);
    if (open)
        replay_close(&r);
    chain_block_drop(b);
    return CALL_DONE;
}
