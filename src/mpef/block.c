/* A block, step by step: begin, transactions, end (yellow paper, section 11). The steps
 * share one vm_state, forgotten after each, and one overlay, which holds what they
 * did. */
#include "mpef_int.h"

static struct vm_block vm_block_of(const struct header *h, const struct rules *rules)
{
    return (struct vm_block){
        .number = h->number,
        .timestamp = h->timestamp,
        .coinbase = h->coinbase,
        .gas_limit = h->gas_limit,
        .base_fee = rules->fork >= FORK_LONDON ? h->base_fee : U256_ZERO,
        .difficulty = h->difficulty,
        .prev_randao = h->mix_hash,
        .blob_base_fee = rules->fork >= FORK_CANCUN
                             ? blob_base_fee(h->excess_blob_gas, rules)
                             : U256_ZERO,
        .slot_number = h->slot_number,
    };
}

struct block_exec *block_exec_new(const struct block_exec_in *in)
{
    struct block_exec *be = arena_zalloc(in->arena, 1, sizeof *be);
    if (be == NULL)
        return NULL;
    be->in = *in;
    be->arena = in->arena;
    be->scratch = in->scratch != NULL ? in->scratch : in->arena;
    access_init(&be->access, in->arena,
                in->access_list || in->rules->fork >= FORK_AMSTERDAM, in->seed);
    overlay_init(&be->overlay, in->arena, in->reader, in->seed);
    be->reader = overlay_reader(&be->overlay);
    be->state = vm_state_new(in->arena, &be->reader, in->seed);
    be->block = vm_block_of(in->header, in->rules);
    if (in->blob_base_fee != NULL)
        be->block.blob_base_fee = *in->blob_base_fee;
    if (be->state == NULL)
        return NULL;
    vm_state_reset(be->state, in->rules);
    return be;
}

void exec_reset(struct block_exec *be)
{
    vm_state_reset(be->state, be->in.rules);
    if (be->in.scratch != NULL)
        arena_reset(be->scratch);
}

uint64_t block_exec_gas_used(const struct block_exec *be)
{
    return MT_MAX(be->regular_gas, be->state_gas);
}

uint64_t block_exec_blob_gas_used(const struct block_exec *be)
{
    return be->blob_gas_used;
}

const struct vm_reader *block_exec_reader(struct block_exec *be)
{
    return &be->reader;
}

mt_err block_exec_slots(const struct block_exec *be, const address *addr,
                        struct arena *arena, struct slot_change **slots, size_t *num,
                        bool *whole)
{
    return overlay_slots(&be->overlay, addr, arena, slots, num, whole);
}

const struct vm_state *block_exec_state(const struct block_exec *be)
{
    return be->state;
}

mt_err block_exec_patch(struct block_exec *be, const struct state_delta *delta)
{
    return overlay_apply(&be->overlay, delta, false);
}

/* ================= begin ================= */

mt_err block_exec_begin(struct block_exec *be, struct mt_diag *diag)
{
    const struct chain_spec *spec = be->in.rules->spec;
    struct state_delta delta = {NULL, 0};
    if (spec->dao_support && be->block.number == spec->fork_at[FORK_DAO]) {
        exec_reset(be);
        MT_TRY(dao_fork(be->state));
        MT_TRY(exec_commit(be, &delta));
    }
    MT_TRY(system_begin(be, &delta, diag));
    if (be->in.rules->fork >= FORK_BYZANTIUM || be->in.root == NULL ||
        delta_is_empty(&delta))
        return MT_OK;
    hash32 root;
    return be->in.root(be->in.root_ctx, &delta, &root);
}

/* ================= end ================= */

static mt_err receipts_root(struct block_exec *be, struct block_exec_out *out)
{
    size_t n = be->receipt_num;
    slice *values = arena_zalloc(be->arena, MT_MAX(n, 1), sizeof *values);
    if (values == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < n; i++) {
        struct buf b;
        buf_init_arena(&b, be->arena, SIZE_MAX / 2);
        receipt_encode(&be->receipts[i], &b);
        if (!buf_ok(&b))
            return MT_ELIMIT;
        values[i] = buf_slice(&b);
        for (size_t k = 0; k < sizeof out->bloom; k++)
            out->bloom[k] |= be->receipts[i].bloom[k];
    }
    return trie_ordered_root(be->arena, values, n, &out->receipts_root);
}

static mt_err access_list(struct block_exec *be, struct block_exec_out *out,
                          struct mt_diag *diag)
{
    uint64_t num, most = be->block.gas_limit / ACCESS_ITEM_COST;
    MT_TRY(access_encode(&be->access, &out->access_list, &num));
    out->access_list_hash = keccak256(out->access_list.ptr, out->access_list.len);
    if (be->in.rules->fork < FORK_AMSTERDAM || num <= most)
        return MT_OK;
    be->error_names = "BLOCK_ACCESS_LIST_GAS_LIMIT_EXCEEDED";
    return mt_fail(diag, MT_EINVALID_BLOCK,
                   "access list of %llu entries, the gas limit allows %llu",
                   (unsigned long long)num, (unsigned long long)most);
}

mt_err block_exec_end(struct block_exec *be, const struct header *ommers,
                      size_t ommer_num, const struct withdrawal *withdrawals,
                      size_t withdrawal_num, struct block_exec_out *out,
                      struct mt_diag *diag)
{
    const struct rules *rules = be->in.rules;
    struct block_exec_out o = {
        .gas_used = block_exec_gas_used(be),
        .blob_gas_used = be->blob_gas_used,
        .receipts = be->receipts,
        .receipt_num = be->receipt_num,
    };
    struct state_delta delta;
    be->access.index = (uint32_t)be->receipt_num + 1;
    exec_reset(be);
    if (rules_have_work(rules))
        MT_TRY(rewards_apply(be->state, rules, be->in.header, ommers, ommer_num));
    if (rules->fork >= FORK_SHANGHAI)
        MT_TRY(withdrawals_apply(be->state, withdrawals, withdrawal_num));
    MT_TRY(exec_commit(be, &delta));
    if (rules->fork >= FORK_PRAGUE)
        MT_TRY(requests_collect(be, &o, diag));
    MT_TRY(receipts_root(be, &o));
    MT_TRY(access_list(be, &o, diag));
    MT_TRY(overlay_delta(&be->overlay, be->arena, &o.delta));
    *out = o;
    return MT_OK;
}

mt_err block_exec_all(struct block_exec *be, const struct block *block,
                      struct block_exec_out *out, struct mt_diag *diag)
{
    MT_TRY(block_exec_begin(be, diag));
    for (size_t i = 0; i < block->tx_num; i++) {
        struct tx_outcome o;
        mt_err err = block_exec_tx(be, &block->txs[i], 0, &o, diag);
        if (err == MT_EINVALID_TX) {
            be->error_names = tx_error_names(o.error, &block->txs[i]);
            err = MT_EINVALID_BLOCK;
        }
        if (err != MT_OK)
            return mt_wrap(diag, err, "transaction %zu", i);
    }
    return block_exec_end(be, block->ommers, block->ommer_num, block->withdrawals,
                          block->withdrawal_num, out, diag);
}

const char *block_exec_error_names(const struct block_exec *be)
{
    return be->error_names != NULL ? be->error_names : "";
}
