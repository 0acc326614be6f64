/* Executing a block on the writer's batch and comparing every result with its header. */
#include "chain_int.h"

/* ---- hashes of ancestors ---- */

void ancestry_init(struct ancestry *a, struct chain *c, uint64_t parent_number,
                   const hash32 *parent_hash)
{
    a->chain = c;
    a->parent_number = parent_number;
    a->hashes[0] = *parent_hash;
    a->known = 1;
}

/* Walks back block by block: the branch being executed need not be the canonical one. */
mt_err ancestry_hash(void *ctx, uint64_t number, hash32 *out)
{
    struct ancestry *a = ctx;
    if (number > a->parent_number || a->parent_number - number >= MT_ARRAY_LEN(a->hashes))
        return MT_ENOTFOUND;
    size_t want = (size_t)(a->parent_number - number);
    while (a->known <= want) {
        struct chain_block *b;
        MT_TRY(chain_block_by_hash(a->chain, &a->hashes[a->known - 1], &b));
        a->hashes[a->known++] = b->block.header.parent_hash;
        chain_block_drop(b);
    }
    *out = a->hashes[want];
    return MT_OK;
}

/* ---- execution ---- */

static mt_err intermediate_root(void *ctx, const struct state_delta *delta, hash32 *out)
{
    struct execution *x = ctx;
    return metisdb_apply(x->batch, x->number, delta, out);
}

mt_err execution_begin(struct execution *x, struct chain *c, struct metisdb_batch *batch,
                       const struct header *h, const struct rules *rules,
                       struct mt_diag *diag)
{
    x->chain = c;
    x->batch = batch;
    x->rules = *rules;
    x->number = h->number;
    ancestry_init(&x->ancestry, c, h->number - 1, &h->parent_hash);
    x->sr =
        (struct snapshot_reader){metisdb_batch_view(batch), ancestry_hash, &x->ancestry};
    x->reader = vm_reader_of_snapshot(&x->sr);
    struct block_exec_in in = {
        .rules = &x->rules,
        .header = h,
        .reader = &x->reader,
        .crypto = c->opt.crypto,
        .arena = &c->arena,
        .scratch = &c->scratch,
        .engine = c->opt.engine,
        .tracer = c->opt.tracer,
        .seed = clock_mono_ns(),
        .access_list = c->opt.access_lists,
        .root = rules->fork < FORK_BYZANTIUM ? intermediate_root : NULL,
        .root_ctx = x,
        .should_stop = c->should_stop,
        .stop_ctx = c->stop_ctx,
    };
    x->exec = block_exec_new(&in);
    if (x->exec == NULL)
        return mt_fail(diag, MT_ELIMIT, "block memory is exhausted");
    return MT_OK;
}

static mt_err compare(struct chain *c, const struct header *h, const struct rules *rules,
                      const struct block_exec_out *out, struct mt_diag *diag)
{
    if (out->gas_used != h->gas_used)
        return block_invalid(c, "INVALID_GAS_USED", diag, "gas used %llu, executed %llu",
                             (unsigned long long)h->gas_used,
                             (unsigned long long)out->gas_used);
    if (memcmp(out->bloom, h->bloom, 256) != 0)
        return block_invalid(c, "INVALID_LOG_BLOOM", diag, "logs bloom differs");
    if (!hash32_eq(&out->receipts_root, &h->receipts_root))
        return block_invalid(
            c, "INVALID_RECEIPTS_ROOT", diag, "receipts root %s, executed %s",
            hash32_text(&h->receipts_root).s, hash32_text(&out->receipts_root).s);
    if (rules->fork >= FORK_PRAGUE && !hash32_eq(&out->requests_hash, &h->requests_hash))
        return block_invalid(c, "INVALID_REQUESTS", diag, "requests hash %s, executed %s",
                             hash32_text(&h->requests_hash).s,
                             hash32_text(&out->requests_hash).s);
    /* The list is no part of the block: one that is out of order, too, is only seen as
     * another hash. */
    if (rules->fork >= FORK_AMSTERDAM &&
        !hash32_eq(&out->access_list_hash, &h->block_access_list_hash))
        return block_invalid(c, "INVALID_BLOCK_ACCESS_LIST|INCORRECT_BLOCK_FORMAT", diag,
                             "access list hash %s, executed %s",
                             hash32_text(&h->block_access_list_hash).s,
                             hash32_text(&out->access_list_hash).s);
    return MT_OK;
}

static mt_err store(struct chain *c, struct metisdb_batch *batch, const struct block *b,
                    const struct block_exec_out *out, u256 td, struct chain_block **value)
{
    struct block_record rec;
    struct chain_block *v;
    struct metisdb_block_index idx;
    MT_TRY(
        chain_record_of_block(b, out->receipts, out->receipt_num, td, &c->arena, &rec));
    rec.access_list = out->access_list;
    MT_TRY(chain_block_of_record(&rec, true, &v));
    mt_err err = chain_index_of_block(v, &c->arena, &idx);
    if (err == MT_OK)
        err = metisdb_put_block(batch, &rec, &idx, true);
    if (err != MT_OK) {
        chain_block_drop(v);
        return err;
    }
    *value = v;
    return MT_OK;
}

/* Keeps what this node made of a block whose results are not its header's. */
static void note_mismatch(struct chain *c, const struct block *b,
                          const struct block_exec_out *out, const hash32 *root, u256 td)
{
    struct block_record rec;
    struct chain_block *v;
    if (chain_record_of_block(b, out->receipts, out->receipt_num, td, &c->arena, &rec) !=
            MT_OK ||
        chain_block_of_record(&rec, false, &v) != MT_OK)
        return; /* memory is out: the refusal itself is what matters */
    if (c->has_mismatch)
        chain_block_drop(c->mismatch.block);
    c->has_mismatch = true;
    c->mismatch = (struct chain_mismatch){v, *root, out->receipts_root, out->gas_used};
}

mt_err execute_and_store(struct chain *c, struct metisdb_batch *batch, struct block *b,
                         const struct rules *rules, u256 total_difficulty,
                         struct chain_block **value, struct mt_diag *diag)
{
    struct execution x;
    struct block_exec_out out;
    hash32 root;
    MT_TRY(execution_begin(&x, c, batch, &b->header, rules, diag));
    uint64_t start_ns = clock_mono_ns();
    stage_enter(STAGE_execute, c->opt.metric_net, b->header.number);
    mt_err err = block_exec_all(x.exec, b, &out, diag);
    stage_leave(STAGE_execute, c->opt.metric_net);
    metric_observe_ns(METRIC_chain_execute_seconds, c->opt.metric_net,
                      clock_mono_ns() - start_ns);
    if (err == MT_EINVALID_BLOCK)
        c->block_error = block_exec_error_names(x.exec);
    MT_TRY(err);
    MT_TRY(metisdb_apply(batch, b->header.number, &out.delta, &root));
    err = compare(c, &b->header, rules, &out, diag);
    if (err == MT_OK && !hash32_eq(&root, &b->header.state_root))
        err = block_invalid(c, "INVALID_STATE_ROOT", diag, "state root %s, executed %s",
                            hash32_text(&b->header.state_root).s, hash32_text(&root).s);
    if (err != MT_OK) {
        note_mismatch(c, b, &out, &root, total_difficulty);
        return err;
    }
    return store(c, batch, b, &out, total_difficulty, value);
}
