/* debug_trace*: transactions of past blocks, whole blocks and calls, in geth's forms. */
#include "trace_int.h"

/* ---- results ---- */

static void write_kind(struct trace *t, unsigned kind, const struct tx_outcome *o)
{
    struct json_out *j = &t->c->out;
    switch (kind) {
    case TRACE_CALL:
        call_write(t, j, o);
        break;
    case TRACE_FLAT:
        flat_write(t, j, o);
        break;
    case TRACE_4BYTE:
        fourbyte_write(t, j);
        break;
    case TRACE_PRESTATE:
        prestate_write(t, j);
        break;
    default:
        json_obj(j);
        json_obj_end(j);
    }
}

static void write_result(struct trace *t, const struct tx_outcome *o)
{
    struct json_out *j = &t->c->out;
    if (t->opt->kinds & TRACE_STEPS) {
        steps_end(t, o);
        return;
    }
    if (t->opt->mux)
        json_obj(j);
    for (size_t i = 0; i < trace_kind_num; i++) {
        if (!(t->opt->kinds & trace_kinds[i].kind))
            continue;
        if (t->opt->mux)
            json_key(j, trace_kinds[i].name);
        write_kind(t, trace_kinds[i].kind, o);
    }
    if (t->opt->mux)
        json_obj_end(j);
}

/* ---- blocks ---- */

/* Takes the hold of b. */
static enum call_status every_tx(struct call *c, struct chain_block *b,
                                 const struct trace_options *opt)
{
    struct replay r;
    struct tx_outcome o;
    struct json_out *j = &c->out;
    json_arr(j);
    bool ok = replay_open(&r, c, b, opt);
    for (uint32_t i = 0; ok && i < b->block.tx_num; i++) {
        json_obj(j);
        json_key(j, "txHash");
        json_hash(j, &b->block.txs[i].hash);
        json_key(j, "result");
        ok = replay_next(&r, &o);
        if (ok) {
            write_result(&r.t, &o);
            json_obj_end(j);
        }
    }
    if (ok)
        json_arr_end(j);
    replay_close(&r);
    return CALL_DONE;
}

static enum call_status whole_block(struct call *c, const struct block_arg *at)
{
    struct trace_options opt;
    struct chain_block *b;
    if (!trace_arg_options(c, 1, &opt) || !block_find(c, at, &b))
        return CALL_DONE;
    if (b == NULL && at->kind == BLOCK_HASH)
        return call_fail(c, RPC_SERVER, "block %s not found", hash32_text(&at->hash).s);
    if (b == NULL)
        return call_fail(c, RPC_SERVER, "block #%llu not found",
                         (unsigned long long)at->number);
    return every_tx(c, b, &opt);
}

enum call_status m_trace_block_by_number(struct call *c)
{
    struct block_arg at;
    if (!args_num(c, 1, 2) || !arg_block(c, 0, false, &at))
        return CALL_DONE;
    return whole_block(c, &at);
}

enum call_status m_trace_block_by_hash(struct call *c)
{
    struct block_arg at = {.kind = BLOCK_HASH};
    if (!args_num(c, 1, 2) || !arg_hash(c, 0, &at.hash))
        return CALL_DONE;
    return whole_block(c, &at);
}

/* A block that is no part of the chain, on a parent that is. */
enum call_status m_trace_block_raw(struct call *c)
{
    struct trace_options opt;
    struct mt_diag diag = {0};
    struct chain_block *parent, *b;
    slice raw;
    if (!args_num(c, 1, 2) || !arg_data(c, 0, &raw) || !trace_arg_options(c, 1, &opt))
        return CALL_DONE;
    b = arena_zalloc(c->arena, 1, sizeof(*b));
    if (b == NULL)
        return call_error(c, MT_ELIMIT, NULL);
    b->refs = 2; /* it stays in the arena when the replay drops it */
    mt_err err = block_decode(raw, c->arena, &b->block, &diag);
    if (err == MT_OK)
        err = txs_recover(NULL, b->block.txs, b->block.tx_num, true, &diag);
    if (err != MT_OK)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: %s",
                         log_err_text(err, &diag));
    const struct header *h = &b->block.header;
    err = chain_block_by_hash(c->rpc->opt.chain, &h->parent_hash, &parent);
    if (err == MT_ENOTFOUND)
        return call_fail(c, RPC_SERVER, "parent %s not found",
                         hash32_text(&h->parent_hash).s);
    if (err != MT_OK)
        return call_error(c, err, NULL);
    b->total_difficulty = u256_add(parent->total_difficulty, h->difficulty);
    bool next = h->number == parent->block.header.number + 1;
    chain_block_drop(parent);
    if (!next)
        return call_fail(c, RPC_SERVER,
                         "the block's number does not follow its parent's");
    return every_tx(c, b, &opt);
}

enum call_status m_trace_tx(struct call *c)
{
    struct trace_options opt;
    struct replay r;
    struct tx_outcome o;
    if (!args_num(c, 1, 2) || !trace_arg_options(c, 1, &opt))
        return CALL_DONE;
    if (replay_tx(&r, c, 0, &opt, "transaction not found", &o))
        write_result(&r.t, &o);
    replay_close(&r);
    return CALL_DONE;
}

/* ---- calls ---- */

enum call_status m_trace_call(struct call *c)
{
    struct trace_options opt;
    struct call_tx tx;
    struct block_arg at;
    struct chain_state *s = NULL;
    struct call_env env = {0};
    struct replay r;
    struct tx_outcome o;
    const json_t *arg2 = arg(c, 2);
    if (!args_num(c, 1, 3) || !arg_tx(c, 0, &tx) || !arg_block(c, 1, true, &at) ||
        !trace_arg_options(c, 2, &opt))
        return CALL_DONE;
    if (at.kind == BLOCK_PENDING)
        return call_fail(c, RPC_SERVER, "tracing on top of pending is not supported");
    if (!json_is_null(json_object_get(arg2, "txIndex")) &&
        json_object_get(arg2, "txIndex"))
        return call_fail(c, RPC_UNSUPPORTED, "txIndex is not supported");
    enum call_status st = call_state(c, &at, &s);
    if (s == NULL || !call_env_open(c, s, 2, json_object_get(arg2, "stateOverrides"),
                                    json_object_get(arg2, "blockOverrides"), &env))
        return st;
    uint64_t cap = c->rpc->opt.call_gas_max;
    if (!tx.has_gas || (cap > 0 && tx.tx.gas > cap))
        tx.tx.gas = cap > 0 ? cap : UINT64_MAX / 2;
    if (replay_open_call(&r, c, &env, &opt) &&
        replay_run(&r, &tx.tx, call_flags(&tx.tx) | EXEC_SKIP_L1_FEE, &o))
        write_result(&r.t, &o);
    replay_close(&r);
    return CALL_DONE;
}
