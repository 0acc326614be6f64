/* Making a block on top of the head: open a batch, execute into it, seal, commit. One
 * draft is open at a time; it holds the writer's batch. */
#include "chain_int.h"

struct chain_draft {
    struct chain *chain;
    struct metisdb_batch *batch;
    struct execution x;
    struct header header;
    struct chain_draft_in in;
    uint64_t gas_limit_wanted;
    bool sealed;
    struct chain_block *value;
    uint64_t start_ns;
};

uint64_t chain_next_gas_limit(const struct header *parent, const struct rules *rules,
                              const struct rules *parent_rules, uint64_t want)
{
    uint64_t base = parent->gas_limit;
    if (rules->fork >= FORK_LONDON && parent_rules->fork < FORK_LONDON)
        base *= 2;
    uint64_t most = base / 1024 > 0 ? base / 1024 - 1 : 0;
    if (want == 0 || want == base)
        return base;
    return want > base ? base + MT_MIN(want - base, most)
                       : base - MT_MIN(base - want, most);
}

static void fill_fees(struct chain_draft *d, const struct header *parent,
                      const struct rules *parent_rules)
{
    struct header *h = &d->header;
    const struct rules *rules = &d->x.rules;
    if (rules->fork >= FORK_LONDON)
        h->base_fee = d->in.override_base_fee
                          ? d->in.base_fee
                          : next_base_fee(parent, rules, parent_rules);
    if (rules->fork >= FORK_CANCUN)
        h->excess_blob_gas = next_excess_blob_gas(parent, rules, parent_rules);
}

static mt_err fill_header(struct chain_draft *d, struct mt_diag *diag)
{
    struct chain *c = d->chain;
    const struct chain_block *head = c->view->head;
    const struct header *parent = &head->block.header;
    const struct rules *parent_rules = &c->view->rules;
    struct header *h = &d->header;
    d->x.rules =
        chain_rules_at(c, parent->number + 1, d->in.timestamp, &head->total_difficulty);
    if (rules_have_work(&d->x.rules))
        return mt_fail(diag, MT_EUNSUPPORTED, "proof-of-work blocks are not made here");
    *h = (struct header){
        .parent_hash = head->block.hash,
        .ommers_hash = KECCAK_RLP_EMPTY_LIST,
        .coinbase =
            c->genesis->spec.fixed_coinbase ? c->genesis->spec.coinbase : d->in.coinbase,
        .number = parent->number + 1,
        .timestamp = d->in.timestamp,
        .extra_data = d->in.extra_data,
        .mix_hash = d->in.prev_randao,
        .withdrawals_root = KECCAK_RLP_EMPTY,
        .parent_beacon_root = d->in.parent_beacon_root,
        .slot_number = parent->slot_number + 1, /* EIP-7843: a block a slot */
    };
    h->field_num = header_fields_for(&d->x.rules);
    uint64_t want = d->in.gas_target != 0 ? d->in.gas_target : c->genesis->spec.gas_limit;
    h->gas_limit = d->in.gas_limit != 0
                       ? d->in.gas_limit
                       : chain_next_gas_limit(parent, &d->x.rules, parent_rules, want);
    fill_fees(d, parent, parent_rules);
    uint64_t least = parent->timestamp + (c->genesis->spec.equal_time ? 0 : 1);
    if (h->timestamp < least)
        return mt_fail(diag, MT_EINVAL, "timestamp %llu is before the parent's %llu",
                       (unsigned long long)h->timestamp,
                       (unsigned long long)parent->timestamp);
    return MT_OK;
}

mt_err chain_draft_begin(struct chain *c, const struct chain_draft_in *in,
                         struct chain_draft **out, struct mt_diag *diag)
{
    MT_ASSERT(c->draft == NULL);
    arena_reset(&c->arena);
    struct chain_draft *d = mt_alloc(sizeof(*d));
    d->chain = c;
    d->in = *in;
    d->start_ns = clock_mono_ns();
    mt_err err = fill_header(d, diag);
    if (err == MT_OK)
        err = metisdb_begin(c->db, &d->batch, diag);
    if (err != MT_OK) {
        mt_free(d);
        return err;
    }
    c->draft = d;
    stage_enter(STAGE_build, c->opt.metric_net, d->header.number);
    struct rules rules = d->x.rules;
    err = execution_begin(&d->x, c, d->batch, &d->header, &rules, diag);
    if (err == MT_OK)
        err = block_exec_begin(d->x.exec, diag);
    if (err != MT_OK) {
        chain_draft_abort(d);
        return err;
    }
    *out = d;
    return MT_OK;
}

struct block_exec *chain_draft_exec(struct chain_draft *d)
{
    return d->x.exec;
}

const struct header *chain_draft_header(const struct chain_draft *d)
{
    return &d->header;
}

const struct rules *chain_draft_rules(const struct chain_draft *d)
{
    return &d->x.rules;
}

mt_err header_seal(struct header *h, const struct block *b,
                   const struct block_exec_out *out, const hash32 *state_root,
                   struct arena *scratch)
{
    h->state_root = *state_root;
    h->receipts_root = out->receipts_root;
    h->gas_used = out->gas_used;
    h->blob_gas_used = out->blob_gas_used;
    h->requests_hash = out->requests_hash;
    h->block_access_list_hash = out->access_list_hash;
    memcpy(h->bloom, out->bloom, 256);
    if (h->field_num >= 17)
        MT_TRY(withdrawals_root(scratch, b->withdrawals, b->withdrawal_num,
                                &h->withdrawals_root));
    return txs_root(scratch, b->txs, b->tx_num, &h->tx_root);
}

static mt_err store_draft(struct chain_draft *d, struct block *b,
                          const struct block_exec_out *out)
{
    struct chain *c = d->chain;
    struct block_record rec;
    struct metisdb_block_index idx;
    u256 td = u256_add(c->view->head->total_difficulty, d->header.difficulty);
    b->header = d->header;
    b->hash = header_hash(&d->header);
    MT_TRY(
        chain_record_of_block(b, out->receipts, out->receipt_num, td, &c->arena, &rec));
    rec.access_list = out->access_list;
    MT_TRY(chain_block_of_record(&rec, true, &d->value));
    MT_TRY(chain_index_of_block(d->value, &c->arena, &idx));
    return metisdb_put_block(d->batch, &rec, &idx, true);
}

mt_err chain_draft_seal(struct chain_draft *d, const struct tx *const *txs, size_t num,
                        struct mt_diag *diag)
{
    struct block_exec_out out;
    hash32 root;
    struct block b = {
        .has_withdrawals = d->header.field_num >= 17,
        .withdrawals = d->in.withdrawals,
        .withdrawal_num = d->in.withdrawal_num,
        .tx_num = num,
    };
    b.txs = arena_zalloc(&d->chain->arena, num + 1, sizeof(*b.txs));
    if (b.txs == NULL)
        return mt_fail(diag, MT_ELIMIT, "block memory is exhausted");
    for (size_t i = 0; i < num; i++)
        b.txs[i] = *txs[i];
    MT_TRY(
        block_exec_end(d->x.exec, NULL, 0, b.withdrawals, b.withdrawal_num, &out, diag));
    MT_TRY(metisdb_apply(d->batch, d->header.number, &out.delta, &root));
    MT_TRY(header_seal(&d->header, &b, &out, &root, &d->chain->arena));
    MT_TRY(store_draft(d, &b, &out));
    d->sealed = true;
    return MT_OK;
}

mt_err chain_draft_commit(struct chain_draft *d, struct chain_block **out,
                          struct mt_diag *diag)
{
    struct chain *c = d->chain;
    struct chain_block *value = d->value;
    struct update_builder ub;
    MT_ASSERT(d->sealed);
    mt_err err = commit_batch(c, d->batch);
    stage_leave(STAGE_build, c->opt.metric_net);
    metric_observe_ns(METRIC_chain_build_seconds, c->opt.metric_net,
                      clock_mono_ns() - d->start_ns);
    c->draft = NULL;
    mt_free(d);
    if (err != MT_OK) {
        chain_block_drop(value);
        return mt_fail(diag, err, "commit failed: %s", mt_err_text(err));
    }
    if (out != NULL) {
        chain_block_hold(value);
        *out = value;
    }
    update_begin(&ub);
    update_added(&ub, value);
    return update_publish(c, &ub, diag);
}

void chain_draft_abort(struct chain_draft *d)
{
    stage_leave(STAGE_build, d->chain->opt.metric_net);
    metisdb_abort(d->batch);
    d->chain->draft = NULL;
    chain_block_drop(d->value);
    mt_free(d);
}
