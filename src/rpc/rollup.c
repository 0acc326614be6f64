/* What Metis's own tools ask a node: prices, progress, ranges of blocks. Names and shapes
 * are those of l2geth; what this node does not have (L1 blocks read, a queue) is zero. */
#include "rpc_int.h"

#define RANGE_MAX 1000u /* blocks of one eth_getBlockRange, as in l2geth */

/* A slot of the L1 price oracle at the head. */
static bool oracle_slot(struct call *c, uint64_t slot, u256 *out)
{
    struct block_arg at = {.number = c->view->head->block.header.number};
    struct chain_state *s = NULL;
    hash32 key = u256_to_hash(u256_from(slot));
    call_state(c, &at, &s);
    if (s == NULL)
        return false;
    mt_err err = metisdb_get_storage(
        s->snapshot, &chain_spec_of(c->rpc->opt.chain)->gas_price_oracle, &key, out);
    if (err != MT_OK)
        call_error(c, err, NULL);
    return err == MT_OK;
}

enum call_status m_rollup_gas_prices(struct call *c)
{
    u256 l1 = U256_ZERO, price = suggest_price(c);
    if (c->failed)
        return CALL_DONE;
    if (chain_spec_of(c->rpc->opt.chain)->l1_fee &&
        !oracle_slot(c, L1_FEE_SLOT_BASE_FEE, &l1))
        return CALL_DONE;
    json_obj(&c->out);
    json_kv_hex_u256(&c->out, "l1GasPrice", l1);
    json_kv_hex_u256(&c->out, "l2GasPrice", price);
    json_obj_end(&c->out);
    return CALL_DONE;
}

enum call_status m_rollup_seq_working(struct call *c)
{
    const struct sequencer *s = c->rpc->opt.sequencer;
    json_bool(&c->out, s != NULL && sequencer_last_error(s)[0] == 0);
    return CALL_DONE;
}

static uint64_t finalized(const struct call *c)
{
    const struct head_view *v = c->view;
    return v->has_head[METISDB_FINALIZED] ? v->heads[METISDB_FINALIZED].number : 0;
}

enum call_status m_rollup_info(struct call *c)
{
    struct json_out *j = &c->out;
    json_obj(j);
    json_kv_str(j, "mode", c->rpc->opt.sequencer != NULL ? "sequencer" : "verifier");
    json_kv_bool(j, "syncing", false);
    json_key(j, "ethContext"); /* the last L1 block that was read: none */
    json_obj(j);
    json_kv_u64(j, "blockNumber", 0);
    json_kv_u64(j, "timestamp", 0);
    json_obj_end(j);
    json_key(j, "rollupContext");
    json_obj(j);
    json_kv_u64(j, "index", c->view->head->block.header.number);
    json_kv_u64(j, "queueIndex", 0);
    json_kv_u64(j, "verifiedIndex", finalized(c));
    json_obj_end(j);
    json_obj_end(j);
    return CALL_DONE;
}

enum call_status m_mvm_finalized(struct call *c)
{
    json_hex_u64(&c->out, finalized(c));
    return CALL_DONE;
}

enum call_status m_block_range(struct call *c)
{
    struct block_arg from, to;
    bool full;
    if (!args_num(c, 2, 3) || !arg_block(c, 0, false, &from) ||
        !arg_block(c, 1, false, &to) || !arg_bool(c, 2, &full))
        return CALL_DONE;
    uint64_t head = c->view->head->block.header.number;
    if (from.kind == BLOCK_HASH || to.kind == BLOCK_HASH)
        return call_fail(c, RPC_PARAMS, "a range is named by numbers or tags");
    if (from.number > to.number)
        return call_fail(c, RPC_PARAMS, "the start of the range is after its end");
    if (to.number > head)
        return call_fail(c, RPC_SERVER, "the range ends after the head, block %llu",
                         (unsigned long long)head);
    if (to.number - from.number >= RANGE_MAX)
        return call_fail(c, RPC_LIMIT,
                         "the range is too large: at most %u blocks, next range: "
                         "[%llu, %llu]",
                         RANGE_MAX, (unsigned long long)from.number,
                         (unsigned long long)(from.number + RANGE_MAX - 1));
    json_arr(&c->out);
    for (uint64_t n = from.number; n <= to.number && buf_ok(&c->buf); n++) {
        struct block_arg at = {.number = n};
        struct chain_block *b;
        if (call_should_stop(c))
            return call_error(c, MT_ECANCELED, NULL);
        if (!block_find(c, &at, &b))
            return CALL_DONE;
        if (b == NULL) /* a reorganisation took it */
            return call_fail(c, RPC_SERVER, "block %llu not found",
                             (unsigned long long)n);
        wire_block(&c->out, b, full);
        chain_block_drop(b);
    }
    json_arr_end(&c->out);
    return CALL_DONE;
}
