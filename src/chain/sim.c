/* Blocks in memory only. Three layers of state:
 *
 *   the block in work   the overlay of its block_exec
 *   the blocks before   the overlay of a second block_exec that executes nothing
 *   the base            a snapshot of the store
 *
 * Roots come from tries over the same snapshot, of which only the nodes on the way to
 * what changed are ever loaded. What lasts from block to block is in the caller's arena,
 * the rest in two of the sim's own, one for results, one for call frames. */
#include "chain_int.h"

struct chain_sim {
    struct chain_sim_options opt;
    struct vm_reader base;     /* of the snapshot, ancestors' hashes by block_hash */
    struct block_exec *before; /* only its overlay is used */
    struct vm_reader reader;   /* over it */
    struct store_source store;
    struct stf_source source;
    struct stf_state *tries;
    struct header parent;
    struct rules parent_rules;
    hash32 parent_hash;
    hash32 hashes[CHAIN_SIM_BLOCKS_MAX]; /* of the blocks made, oldest first */
    uint64_t made;
    /* the block in work */
    struct arena arena, frames;
    struct chain_sim_in in;
    struct header header;
    struct rules rules;
    struct block_exec *exec;
};

/* ---- the state between blocks ---- */

static mt_err read_account(void *ctx, const address *addr, struct account *out,
                           bool *exists)
{
    const struct vm_reader *r = block_exec_reader(((struct chain_sim *)ctx)->before);
    return r->account(r->ctx, addr, out, exists);
}

static mt_err read_storage(void *ctx, const address *addr, const hash32 *slot, u256 *out)
{
    const struct vm_reader *r = block_exec_reader(((struct chain_sim *)ctx)->before);
    return r->storage(r->ctx, addr, slot, out);
}

static mt_err read_code(void *ctx, const hash32 *code_hash, slice *out)
{
    const struct vm_reader *r = block_exec_reader(((struct chain_sim *)ctx)->before);
    return r->code(r->ctx, code_hash, out);
}

static mt_err read_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    const struct chain_sim *s = ctx;
    uint64_t base = s->opt.base->block->block.header.number;
    if (number <= base)
        return s->opt.base->reader.block_hash(s->opt.base->reader.ctx, number, out);
    if (number - base > s->made)
        return MT_ENOTFOUND;
    *out = s->hashes[number - base - 1];
    return MT_OK;
}

/* A delta on top of the blocks before. Its codes stay for good. */
static mt_err put_delta(struct chain_sim *s, const struct state_delta *delta, bool copy,
                        hash32 *root)
{
    for (size_t i = 0; copy && i < delta->account_num; i++) {
        struct account_change *a = &delta->accounts[i];
        if ((a->flags & CHANGE_CODE) == 0)
            continue;
        const uint8_t *code = arena_copy(s->opt.arena, a->code.ptr, a->code.len);
        if (code == NULL)
            return MT_ELIMIT;
        a->code.ptr = code;
    }
    MT_TRY(block_exec_patch(s->before, delta));
    return stf_state_root(s->tries, delta, root);
}

/* ---- life ---- */

static mt_err set_up(struct chain_sim *s)
{
    const struct chain_state *base = s->opt.base;
    struct header top = s->parent; /* with the root that the state has, also patched */
    MT_TRY(metisdb_snapshot_root(base->snapshot, &top.state_root));
    struct block_exec_in in = {
        .rules = &s->parent_rules,
        .header = &s->parent,
        .reader = &base->reader,
        .crypto = crypto_native(),
        .arena = s->opt.arena,
        .seed = s->opt.seed,
    };
    s->before = block_exec_new(&in);
    s->reader =
        (struct vm_reader){read_account, read_storage, read_code, read_block_hash, s};
    s->store = (struct store_source){base->chain, base->snapshot, s->opt.arena};
    s->source = stf_source_of_store(&s->store);
    s->tries = stf_state_new(&s->source, s->opt.arena, &top, &s->parent_hash);
    return s->before != NULL && s->tries != NULL ? MT_OK : MT_ELIMIT;
}

mt_err chain_sim_new(const struct chain_sim_options *opt, struct chain_sim **out)
{
    const struct block *b = &opt->base->block->block;
    struct chain_sim *s = arena_zalloc(opt->arena, 1, sizeof(*s));
    if (s == NULL)
        return MT_ELIMIT;
    s->opt = *opt;
    s->parent = b->header;
    s->parent_hash = b->hash;
    u256 td = u256_sub(opt->base->block->total_difficulty, b->header.difficulty);
    s->parent_rules =
        chain_rules_at(opt->base->chain, b->header.number, b->header.timestamp, &td);
    arena_init(&s->arena, opt->memory_max);
    arena_init(&s->frames, opt->memory_max);
    mt_err err = set_up(s);
    if (err != MT_OK)
        chain_sim_free(s);
    else
        *out = s;
    return err;
}

void chain_sim_free(struct chain_sim *s)
{
    if (s == NULL)
        return;
    arena_fini(&s->arena);
    arena_fini(&s->frames);
}

const struct header *chain_sim_parent(const struct chain_sim *s)
{
    return &s->parent;
}

const struct rules *chain_sim_parent_rules(const struct chain_sim *s)
{
    return &s->parent_rules;
}

const struct vm_reader *chain_sim_reader(const struct chain_sim *s)
{
    return &s->reader;
}

struct block_exec *chain_sim_exec(struct chain_sim *s)
{
    return s->exec;
}

const struct header *chain_sim_header(const struct chain_sim *s)
{
    return &s->header;
}

const struct rules *chain_sim_rules(const struct chain_sim *s)
{
    return &s->rules;
}

struct arena *chain_sim_arena(struct chain_sim *s)
{
    return &s->arena;
}

/* ---- one block ---- */

static void fill_header(struct chain_sim *s)
{
    struct header *h = &s->header;
    h->parent_hash = s->parent_hash;
    h->ommers_hash = KECCAK_RLP_EMPTY_LIST;
    h->number = s->parent.number + 1;
    h->withdrawals_root = KECCAK_RLP_EMPTY;
    h->slot_number = s->parent.slot_number + 1;
    /* After the merge there is no difficulty, before it there is no proof of work. */
    s->rules = chain_rules(&s->opt.base->chain->genesis->spec, h->number, h->timestamp,
                           u256_is_zero(h->difficulty));
    h->field_num = header_fields_for(&s->rules);
    if (s->rules.fork >= FORK_CANCUN)
        h->excess_blob_gas =
            next_excess_blob_gas(&s->parent, &s->rules, &s->parent_rules);
}

/* Before Byzantium a receipt holds a root of its own. */
static mt_err root_after_tx(void *ctx, const struct state_delta *delta, hash32 *out)
{
    struct chain_sim *s = ctx;
    return stf_state_root(s->tries, delta, out);
}

mt_err chain_sim_begin(struct chain_sim *s, const struct chain_sim_in *in,
                       struct mt_diag *diag)
{
    hash32 root;
    if (s->made == CHAIN_SIM_BLOCKS_MAX)
        return mt_fail(diag, MT_ELIMIT, "at most %u blocks can be simulated",
                       CHAIN_SIM_BLOCKS_MAX);
    arena_reset(&s->arena);
    s->in = *in;
    s->header = in->header;
    fill_header(s);
    if (in->patch != NULL && in->patch->account_num > 0)
        MT_TRY(put_delta(s, in->patch, false, &root));
    struct block_exec_in x = {
        .rules = &s->rules,
        .header = &s->header,
        .reader = &s->reader,
        .crypto = crypto_native(),
        .arena = &s->arena,
        .scratch = &s->frames,
        .engine = VM_ENGINE_AUTO,
        .tracer = in->tracer,
        .moves = in->moves,
        .blob_base_fee = in->blob_base_fee,
        .seed = s->opt.seed,
        .root = s->rules.fork < FORK_BYZANTIUM ? root_after_tx : NULL,
        .root_ctx = s,
        .should_stop = s->opt.should_stop,
        .stop_ctx = s->opt.stop_ctx,
    };
    s->exec = block_exec_new(&x);
    if (s->exec == NULL)
        return mt_fail(diag, MT_ELIMIT, "block memory is exhausted");
    return block_exec_begin(s->exec, diag);
}

mt_err chain_sim_seal(struct chain_sim *s, struct tx *txs, size_t num,
                      struct chain_block *out, struct block_exec_out *results,
                      struct mt_diag *diag)
{
    struct block_exec_out r;
    hash32 root;
    struct block b = {
        .txs = txs,
        .tx_num = num,
        .has_withdrawals = s->header.field_num >= 17,
        .withdrawals = s->in.withdrawals,
        .withdrawal_num = s->in.withdrawal_num,
    };
    MT_TRY(block_exec_end(s->exec, NULL, 0, b.withdrawals, b.withdrawal_num, &r, diag));
    MT_TRY(put_delta(s, &r.delta, true, &root));
    MT_TRY(header_seal(&s->header, &b, &r, &root, &s->arena));
    b.header = s->header;
    b.hash = header_hash(&s->header);
    s->parent = s->header;
    s->parent_rules = s->rules;
    s->parent_hash = s->hashes[s->made++] = b.hash;
    *out = (struct chain_block){
        .block = b,
        .receipts = r.receipts,
        .total_difficulty = s->opt.base->block->total_difficulty,
    };
    if (results != NULL)
        *results = r;
    return MT_OK;
}
