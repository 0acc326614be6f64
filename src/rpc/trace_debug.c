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

void trace_write_result(struct trace *t, const struct tx_outcome *o)
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
        json_kv_hash(j, "txHash", &b->block.txs[i].hash);
        json_key(j, "result");
        ok = replay_next(&r, &o);
        if (ok) {
            trace_write_result(&r.t, &o);
            json_obj_end(j);
            ok = call_part(c);
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

/* A block that may be none of the chain's, in the arena; NULL after an error. */
static struct chain_block *foreign_block(struct call *c, slice raw, struct mt_diag *diag,
                                         mt_err *err)
{
    struct chain_block *b = arena_zalloc(c->arena, 1, sizeof(*b));
    *err = b == NULL ? MT_ELIMIT : block_decode(raw, c->arena, &b->block, diag);
    return *err == MT_OK ? b : NULL;
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
    mt_err err;
    b = foreign_block(c, raw, &diag, &err);
    if (err == MT_ELIMIT)
        return call_error(c, err, NULL);
    if (err == MT_OK)
        err = txs_recover(NULL, b->block.txs, b->block.tx_num, true, &diag);
    if (err != MT_OK)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: %s",
                         log_err_text(err, &diag));
    b->refs = 2; /* it stays in the arena when the replay drops it */
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
        trace_write_result(&r.t, &o);
    replay_close(&r);
    return CALL_DONE;
}

/* ---- refused blocks ---- */

enum call_status m_bad_blocks(struct call *c)
{
    struct json_out *j = &c->out;
    struct metisdb_bad bad;
    mt_err err = MT_OK;
    if (!args_num(c, 0, 0))
        return CALL_DONE;
    json_arr(j);
    for (size_t i = 0; err == MT_OK && buf_ok(&c->buf); i++) {
        struct arena_mark mark = arena_mark(c->arena);
        err = metisdb_bad_block(chain_db(c->rpc->opt.chain), i, c->arena, &bad);
        struct chain_block *b =
            err == MT_OK ? foreign_block(c, bad.rlp, NULL, &err) : NULL;
        if (b != NULL) {
            /* A signature may be what was wrong: then the sender stays zero. */
            txs_recover(NULL, b->block.txs, b->block.tx_num, true, NULL);
            json_obj(j);
            json_kv_hash(j, "hash", &bad.hash);
            json_key(j, "block");
            wire_block(j, b, true);
            json_kv_hex(j, "rlp", bad.rlp.ptr, bad.rlp.len);
            json_key(j, "reason");
            json_str_n(j, (const char *)bad.reason.ptr, bad.reason.len);
            json_obj_end(j);
        }
        arena_rewind(c->arena, mark);
    }
    json_arr_end(j);
    return err == MT_OK || err == MT_ENOTFOUND ? CALL_DONE : call_error(c, err, NULL);
}
