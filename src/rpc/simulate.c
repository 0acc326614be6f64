/* eth_simulateV1: blocks of calls on top of a stored block, each block made like a real
 * one (chain_sim), with its roots and hash, and forgotten at the end.
 *
 * A first pass reads the blocks' overrides, fills gaps in the numbers with empty blocks
 * and checks that numbers and times rise; the second makes block after block and writes
 * each into the reply before the next begins. Gas of the whole call is bounded by the
 * node's cap, memory by three arenas, time by the reader's deadline. */
#include "simulate.h"

#define BLOCKS_MAX      CHAIN_SIM_BLOCKS_MAX
#define TIME_STEP       12u /* seconds between blocks where the network has no period */
#define CALLS_BLOCK_MAX 10000u

struct sim_block {
    struct block_overrides overrides;
    const json_t *state, *calls;
};

struct sim {
    struct call *c;
    struct chain_state *base;
    bool validation, full;
    struct sim_block *blocks;
    size_t block_num;
    struct chain_sim *chain;
    struct sim_logs logs;
    uint64_t gas_budget; /* of all calls */
    /* the block in work */
    const struct sim_block *block;
    uint64_t gas_used;
    struct tx *txs;
    struct sim_result *results;
    size_t tx_num;
};

/* ---- the blocks that were asked for ---- */

static bool add_block(struct sim *s, const struct sim_block *b)
{
    if (s->block_num == BLOCKS_MAX) {
        call_fail(s->c, RPC_SIM_LIMIT, "too many blocks");
        return false;
    }
    s->blocks[s->block_num++] = *b;
    return true;
}

static uint64_t time_step(const struct sim *s)
{
    uint64_t period_ms = chain_spec_of(s->c->rpc->opt.chain)->period_ms;
    return period_ms == 0 ? TIME_STEP : MT_MAX(period_ms / 1000, 1u);
}

/* Puts a block behind those before it, after empty ones for the numbers between. */
static bool place_block(struct sim *s, struct sim_block *b, uint64_t *number,
                        uint64_t *time)
{
    struct block_overrides *o = &b->overrides;
    uint64_t base = s->base->block->block.header.number, step = time_step(s);
    if (!o->has_number)
        o->number = *number + 1;
    if (o->number <= *number) {
        call_fail(s->c, RPC_BLOCK_NUMBER, "block numbers must be in order: %llu <= %llu",
                  (unsigned long long)o->number, (unsigned long long)*number);
        return false;
    }
    if (o->number - base > BLOCKS_MAX) {
        call_fail(s->c, RPC_SIM_LIMIT, "too many blocks");
        return false;
    }
    for (uint64_t n = *number + 1; n < o->number; n++) {
        struct sim_block gap = {.overrides = {.has_time = true, .time = *time + step}};
        *time += step;
        if (!add_block(s, &gap))
            return false;
    }
    if (!o->has_time)
        o->time = *time + step;
    if (o->time <= *time) {
        call_fail(s->c, RPC_BLOCK_TIME, "block timestamps must be in order: %llu <= %llu",
                  (unsigned long long)o->time, (unsigned long long)*time);
        return false;
    }
    o->has_time = true;
    *number = o->number;
    *time = o->time;
    return add_block(s, b);
}

static bool read_blocks(struct sim *s, const json_t *list)
{
    struct call *c = s->c;
    const struct header *base = &s->base->block->block.header;
    uint64_t number = base->number, time = base->timestamp;
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n == 0) {
        call_fail(c, RPC_PARAMS, "empty input");
        return false;
    }
    s->blocks = arena_zalloc(c->arena, BLOCKS_MAX, sizeof(*s->blocks));
    if (n > BLOCKS_MAX || s->blocks == NULL) {
        call_fail(c, RPC_SIM_LIMIT, "too many blocks");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        struct sim_block b = {.state = json_object_get(o, "stateOverrides"),
                              .calls = json_object_get(o, "calls")};
        if (!json_is_object(o) || json_array_size(b.calls) > CALLS_BLOCK_MAX) {
            call_fail(c, RPC_PARAMS,
                      "invalid argument 0: block %zu: not an object, or "
                      "too many calls",
                      i);
            return false;
        }
        if (!block_overrides_read(c, 0, json_object_get(o, "blockOverrides"),
                                  &b.overrides) ||
            !place_block(s, &b, &number, &time))
            return false;
    }
    return true;
}

/* ---- transactions ---- */

static bool sender_nonce(struct sim *s, const address *from, uint64_t *out)
{
    const struct vm_reader *r = block_exec_reader(chain_sim_exec(s->chain));
    struct account a;
    bool exists;
    mt_err err = r->account(r->ctx, from, &a, &exists);
    if (err != MT_OK)
        call_error(s->c, err, NULL);
    *out = err == MT_OK ? a.nonce : 0;
    return err == MT_OK;
}

static bool limit_gas(struct sim *s, struct call_tx *t)
{
    uint64_t limit = chain_sim_header(s->chain)->gas_limit;
    uint64_t room = limit - MT_MIN(s->gas_used, limit);
    if (!t->has_gas)
        t->tx.gas = room;
    if (t->tx.gas > room) {
        call_fail(s->c, RPC_BLOCK_GAS,
                  "block gas limit reached: remaining: %llu, required: %llu",
                  (unsigned long long)room, (unsigned long long)t->tx.gas);
        return false;
    }
    if (s->gas_budget == 0) {
        call_fail(s->c, RPC_SIM_LIMIT, "the gas cap of the simulation (%llu) is used up",
                  (unsigned long long)s->c->rpc->opt.call_gas_max);
        return false;
    }
    t->tx.gas = MT_MIN(t->tx.gas, s->gas_budget);
    return true;
}

/* What stands in the block: as the caller has it, else a dynamic-fee transaction, with
 * an empty signature. */
static bool make_tx(struct sim *s, const json_t *o, struct call_tx *t)
{
    struct tx *tx = &t->tx;
    bool london = chain_sim_rules(s->chain)->fork >= FORK_LONDON;
    if (!val_tx(s->c, 0, o, t))
        return false;
    const json_t *cap = json_object_get(o, "maxFeePerGas");
    if (t->has_fees && (cap == NULL || json_is_null(cap)))
        tx->max_fee = U256_ZERO;
    if (!t->has_price && tx->type < TX_DYNAMIC_FEE && london)
        tx->type = TX_DYNAMIC_FEE;
    tx->has_chain_id = tx->type != TX_LEGACY;
    if (!t->has_nonce && !sender_nonce(s, &tx->from, &tx->nonce))
        return false;
    if (!limit_gas(s, t))
        return false;
    struct buf raw;
    buf_init_arena(&raw, chain_sim_arena(s->chain), s->c->rpc->opt.body_max);
    tx_encode(tx, &raw);
    if (!buf_ok(&raw)) {
        call_fail(s->c, RPC_SIM_LIMIT, "out of memory for the simulation");
        return false;
    }
    tx->raw = buf_slice(&raw);
    tx->hash = keccak256(raw.ptr, raw.len);
    return true;
}

/* A sender may be a contract, and the cap of one transaction does not hold (the caller's
 * is the node's). Without validation calls need no price, no nonce and no L1 fee. */
static unsigned flags_of(const struct sim *s, const struct tx *tx)
{
    unsigned flags = EXEC_SKIP_EOA | EXEC_SKIP_GAS_CAPS;
    if (s->validation)
        return flags;
    flags |= EXEC_SKIP_NONCE | EXEC_SKIP_L1_FEE;
    if (u256_is_zero(tx->max_fee) && u256_is_zero(tx->max_priority_fee))
        flags |= EXEC_SKIP_FEES | EXEC_SHOW_FEES;
    return flags;
}

static int code_of(enum tx_error e)
{
    switch (e) {
    case TX_NONCE_TOO_LOW:
        return RPC_NONCE_LOW;
    case TX_NONCE_TOO_HIGH:
        return RPC_NONCE_HIGH;
    case TX_FEE_CAP_TOO_LOW:
        return RPC_FEE_CAP_LOW;
    case TX_INTRINSIC_GAS:
    case TX_FLOOR_GAS:
    case TX_L1_FEE_GAS:
        return RPC_INTRINSIC_GAS;
    case TX_INSUFFICIENT_FUNDS:
        return RPC_FUNDS;
    case TX_BLOCK_GAS:
        return RPC_BLOCK_GAS;
    case TX_SENDER_NOT_EOA:
        return RPC_SENDER_CODE;
    case TX_INITCODE_SIZE:
        return RPC_INITCODE_SIZE;
    case TX_TIP_ABOVE_FEE_CAP:
        return RPC_PARAMS;
    default:
        return RPC_INTERNAL;
    }
}

static bool sim_failed(struct sim *s, mt_err err, const struct mt_diag *diag)
{
    if (err == MT_ELIMIT)
        call_fail(s->c, RPC_SIM_LIMIT, "%s", log_err_text(err, diag));
    else
        call_error(s->c, err, diag);
    return false;
}

static bool run_tx(struct sim *s, const json_t *o)
{
    struct call *c = s->c;
    struct call_tx t;
    struct tx_outcome out = {0};
    struct mt_diag diag = {0};
    if (call_should_stop(c))
        return sim_failed(s, MT_ECANCELED, NULL);
    if (!make_tx(s, o, &t))
        return false;
    struct tx *tx = &t.tx;
    sim_logs_begin(&s->logs, chain_sim_arena(s->chain));
    mt_err err =
        block_exec_tx(chain_sim_exec(s->chain), tx, flags_of(s, tx), &out, &diag);
    struct sim_result *r = &s->results[s->tx_num];
    if (!sim_logs_end(&s->logs, r) && err == MT_OK)
        err = MT_ELIMIT;
    if (err == MT_EINVALID_TX) {
        call_fail(c, code_of(out.error), "err: %s: address %s (supplied gas %llu)",
                  tx_error_text(out.error), address_text(&tx->from).s,
                  (unsigned long long)tx->gas);
        return false;
    }
    if (err != MT_OK)
        return sim_failed(s, err, &diag);
    r->halt = out.halt;
    r->gas_used = out.gas_used;
    r->gas_peak = out.gas_peak;
    r->output = outcome_output(&out);
    s->txs[s->tx_num++] = *tx;
    s->gas_used += out.gas_used;
    s->gas_budget -= MT_MIN(out.gas_used, s->gas_budget);
    return true;
}

/* ---- the reply ---- */

static void put_error(struct json_out *j, const struct sim_result *r)
{
    char text[REVERT_TEXT_MAX], code[16];
    bool revert = r->halt == VM_REVERT;
    if (revert)
        revert_text(r->output, text);
    json_key(j, "error");
    json_obj(j);
    json_kv_str(j, "message", revert ? text : vm_halt_text(r->halt));
    json_key(j, "code");
    mt_fmt(code, sizeof(code), "%d", revert ? RPC_REVERT : RPC_VM_ERROR);
    json_raw(j, slice_of(code, strlen(code)));
    if (revert)
        json_kv_hex(j, "data", r->output.ptr, r->output.len);
    json_obj_end(j);
}

static void put_result(struct json_out *j, const struct chain_block *b, uint32_t idx,
                       const struct sim_result *r)
{
    bool ok = r->halt == VM_SUCCESS;
    json_obj(j);
    json_kv_hex(j, "returnData", r->output.ptr, ok ? r->output.len : 0);
    json_key(j, "logs");
    json_arr(j);
    for (size_t i = 0; i < r->log_num; i++)
        wire_log(j, b, idx, r->logs[i].index, &r->logs[i].log, false);
    json_arr_end(j);
    json_kv_hex_u64(j, "gasUsed", r->gas_used);
    json_kv_hex_u64(j, "maxUsedGas", r->gas_peak);
    json_kv_hex_u64(j, "status", ok);
    if (!ok)
        put_error(j, r);
    json_obj_end(j);
}

static void put_block(struct sim *s, const struct chain_block *b)
{
    struct json_out *j = &s->c->out;
    wire_block_open(j, b, s->full);
    json_key(j, "calls");
    json_arr(j);
    for (size_t i = 0; i < s->tx_num; i++)
        put_result(j, b, (uint32_t)i, &s->results[i]);
    json_arr_end(j);
    json_obj_end(j);
}

/* ---- a block ---- */

static struct rules next_rules(const struct sim *s, const struct header *h)
{
    return chain_rules(chain_spec_of(s->c->rpc->opt.chain),
                       chain_sim_parent(s->chain)->number + 1, h->timestamp,
                       u256_is_zero(h->difficulty));
}

/* Coinbase, difficulty and gas limit go on from block to block. */
static void fill_header(struct sim *s, struct header *h)
{
    const struct header *parent = chain_sim_parent(s->chain);
    const struct block_overrides *o = &s->block->overrides;
    *h = (struct header){
        .coinbase = parent->coinbase,
        .difficulty = parent->difficulty,
        .gas_limit = parent->gas_limit,
    };
    block_overrides_apply(o, h);
    struct rules rules = next_rules(s, h);
    if (s->validation && !o->has_base_fee && rules.fork >= FORK_LONDON)
        h->base_fee = next_base_fee(parent, &rules, chain_sim_parent_rules(s->chain));
}

/* Overrides are read under the rules of the new block. */
static bool begin_block(struct sim *s)
{
    struct call *c = s->c;
    const struct block_overrides *o = &s->block->overrides;
    struct state_overrides so;
    struct chain_sim_in in = {.tracer = &s->logs.tracer,
                              .withdrawals = o->withdrawals,
                              .withdrawal_num = o->withdrawal_num,
                              .blob_base_fee = o->has_blob_fee ? &o->blob_fee : NULL};
    struct mt_diag diag = {0};
    fill_header(s, &in.header);
    struct rules rules = next_rules(s, &in.header);
    if (!state_overrides_read(c, 0, s->block->state, chain_sim_reader(s->chain), &rules,
                              &so))
        return false;
    struct state_overrides *kept = arena_copy(c->arena, &so, sizeof(so));
    if (kept == NULL)
        return sim_failed(s, MT_ELIMIT, NULL);
    in.patch = &kept->patch;
    in.moves = &kept->moves;
    mt_err err = chain_sim_begin(s->chain, &in, &diag);
    if (err != MT_OK)
        return sim_failed(s, err, &diag);
    size_t n = json_array_size(s->block->calls);
    s->txs = arena_zalloc(chain_sim_arena(s->chain), n + 1, sizeof(*s->txs));
    s->results = arena_zalloc(chain_sim_arena(s->chain), n + 1, sizeof(*s->results));
    s->tx_num = 0;
    s->gas_used = 0;
    sim_logs_block(&s->logs, &rules);
    return s->txs != NULL && s->results != NULL ? true : sim_failed(s, MT_ELIMIT, NULL);
}

static bool make_block(struct sim *s)
{
    struct chain_block block;
    struct mt_diag diag = {0};
    if (!begin_block(s))
        return false;
    for (size_t i = 0; i < json_array_size(s->block->calls); i++)
        if (!run_tx(s, json_array_get(s->block->calls, i)))
            return false;
    mt_err err = chain_sim_seal(s->chain, s->txs, s->tx_num, &block, NULL, &diag);
    if (err != MT_OK)
        return sim_failed(s, err, &diag);
    put_block(s, &block);
    if (buf_ok(&s->c->buf))
        return true;
    call_fail(s->c, RPC_TOO_LARGE, "response too large");
    return false;
}

static void simulate(struct sim *s)
{
    struct call *c = s->c;
    struct chain_sim_options opt = {.base = s->base,
                                    .arena = c->arena,
                                    .memory_max = c->rpc->opt.call_memory_max,
                                    .seed = c->start_ns,
                                    .should_stop = call_should_stop,
                                    .stop_ctx = c};
    mt_err err = chain_sim_new(&opt, &s->chain);
    if (err != MT_OK) {
        sim_failed(s, err, NULL);
        return;
    }
    bool ok = true;
    json_arr(&c->out);
    for (size_t i = 0; ok && i < s->block_num; i++) {
        s->block = &s->blocks[i];
        ok = make_block(s);
    }
    if (ok)
        json_arr_end(&c->out);
    chain_sim_free(s->chain);
}

enum call_status m_simulate(struct call *c)
{
    struct block_arg at;
    uint64_t cap = c->rpc->opt.call_gas_max;
    const json_t *o = arg(c, 0);
    struct sim s = {.c = c, .gas_budget = cap > 0 ? cap : UINT64_MAX};
    if (!args_num(c, 1, 2) || !arg_block(c, 1, true, &at))
        return CALL_DONE;
    if (!json_is_object(o))
        return call_fail(c, RPC_PARAMS, "invalid argument 0: not an object");
    s.validation = json_is_true(json_object_get(o, "validation"));
    s.full = json_is_true(json_object_get(o, "returnFullTransactions"));
    sim_logs_init(&s.logs);
    s.logs.transfers = json_is_true(json_object_get(o, "traceTransfers"));
    enum call_status st = call_state(c, &at, &s.base);
    if (s.base == NULL)
        return st;
    if (read_blocks(&s, json_object_get(o, "blockStateCalls")))
        simulate(&s);
    return CALL_DONE;
}
