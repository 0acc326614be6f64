/* The chain as a whole: opening, the head view, updates, queries by hash and number. */
#include "chain_int.h"

#include <stdatomic.h>

#define CACHE_BLOCKS 64u

mt_err block_invalid(struct chain *c, const char *name, struct mt_diag *diag,
                     const char *fmt, ...)
{
    va_list ap;
    c->block_error = name;
    if (diag != NULL) {
        va_start(ap, fmt);
        diag->code = MT_EINVALID_BLOCK;
        mt_vfmt(diag->text, sizeof(diag->text), fmt, ap);
        va_end(ap);
    }
    return MT_EINVALID_BLOCK;
}

const char *chain_last_block_error(const struct chain *c)
{
    return c->block_error;
}

bool chain_take_mismatch(struct chain *c, struct chain_mismatch *out)
{
    bool has = c->has_mismatch;
    if (has)
        *out = c->mismatch;
    c->has_mismatch = false;
    return has;
}

void chain_set_stop(struct chain *c, bool (*fn)(void *ctx), void *ctx)
{
    c->should_stop = fn;
    c->stop_ctx = ctx;
}

struct rules chain_rules_at(const struct chain *c, uint64_t number, uint64_t timestamp,
                            const u256 *parent_td)
{
    const struct chain_spec *spec = &c->genesis->spec;
    u256 td = parent_td != NULL ? *parent_td : U256_ZERO;
    bool merged = spec->merge_by_ttd && u256_cmp(td, spec->ttd) >= 0;
    return chain_rules(spec, number, timestamp, merged);
}

mt_err commit_batch(struct chain *c, struct metisdb_batch *batch)
{
    uint64_t start_ns = clock_mono_ns();
    stage_enter(STAGE_commit, c->opt.metric_net, 0);
    mt_err err = metisdb_commit(batch);
    stage_leave(STAGE_commit, c->opt.metric_net);
    stage_failed(STAGE_commit, c->opt.metric_net, err == MT_OK ? NULL : mt_err_text(err));
    metric_observe_ns(METRIC_chain_commit_seconds, c->opt.metric_net,
                      clock_mono_ns() - start_ns);
    return err;
}

/* ---- views ---- */

void head_view_hold(struct head_view *v)
{
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
}

void head_view_drop(struct head_view *v)
{
    if (v == NULL || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
        return;
    chain_block_drop(v->head);
    mt_free(v);
}

static void view_fees(struct chain *c, struct head_view *v)
{
    const struct header *h = &v->head->block.header;
    const u256 *td = &v->head->total_difficulty;
    uint64_t step = c->genesis->spec.equal_time ? 0 : 1;
    struct rules child = chain_rules_at(c, h->number + 1, h->timestamp + step, td);
    if (child.fork >= FORK_LONDON)
        v->next_base_fee = next_base_fee(h, &child, &v->rules);
    if (child.fork >= FORK_CANCUN)
        v->next_blob_fee =
            blob_base_fee(next_excess_blob_gas(h, &child, &v->rules), &child);
}

static struct head_view *view_new(struct chain *c, struct chain_block *head)
{
    struct head_view *v = mt_alloc(sizeof(*v));
    const struct header *h = &head->block.header;
    u256 parent_td = u256_sub(head->total_difficulty, h->difficulty);
    v->refs = 1;
    v->head = head;
    chain_block_hold(head);
    for (int i = 0; i < METISDB_HEAD_COUNT; i++)
        v->has_head[i] =
            metisdb_get_head(c->db, (enum metisdb_head)i, &v->heads[i]) == MT_OK;
    v->rules = chain_rules_at(c, h->number, h->timestamp, &parent_td);
    v->state_version = metisdb_version(c->db);
    view_fees(c, v);
    return v;
}

struct head_view *chain_view(struct chain *c)
{
    head_view_hold(c->view);
    return c->view;
}

/* ---- updates ---- */

void update_begin(struct update_builder *ub)
{
    *ub = (struct update_builder){.u = mt_alloc(sizeof(*ub->u))};
}

static void push(struct chain_block ***list, size_t *num, size_t *cap,
                 struct chain_block *b)
{
    if (*num == *cap) {
        *cap = *cap == 0 ? 4 : *cap * 2;
        *list = mt_realloc(*list, *cap * sizeof(**list));
    }
    (*list)[(*num)++] = b;
}

void update_removed(struct update_builder *ub, struct chain_block *b)
{
    push(&ub->u->removed, &ub->u->removed_num, &ub->removed_cap, b);
}

void update_added(struct update_builder *ub, struct chain_block *b)
{
    push(&ub->u->added, &ub->u->added_num, &ub->added_cap, b);
}

void chain_update_free(struct chain_update *u)
{
    if (u == NULL)
        return;
    for (size_t i = 0; i < u->removed_num; i++)
        chain_block_drop(u->removed[i]);
    for (size_t i = 0; i < u->added_num; i++)
        chain_block_drop(u->added[i]);
    mt_free(u->removed);
    mt_free(u->added);
    head_view_drop(u->view);
    mt_free(u);
}

void update_cancel(struct update_builder *ub)
{
    chain_update_free(ub->u);
    ub->u = NULL;
}

static mt_err load_head(struct chain *c, struct chain_block **out, struct mt_diag *diag)
{
    struct block_id id;
    mt_err err = metisdb_get_head(c->db, METISDB_HEAD, &id);
    if (err == MT_OK)
        err = chain_block_by_hash(c, &id.hash, out);
    return err == MT_OK
               ? MT_OK
               : mt_fail(diag, err, "head block cannot be read: %s", mt_err_text(err));
}

mt_err update_publish(struct chain *c, struct update_builder *ub, struct mt_diag *diag)
{
    struct chain_block *head;
    if (ub->u->removed_num > 0)
        atomic_fetch_add(&c->reorgs, 1);
    for (size_t i = 0; i < ub->u->removed_num; i++) /* their values say canonical */
        ref_cache_del(c->cache, &ub->u->removed[i]->block.hash);
    for (size_t i = 0; i < ub->u->added_num; i++)
        ref_cache_put(c->cache, &ub->u->added[i]->block.hash, ub->u->added[i]);
    mt_err err = load_head(c, &head, diag);
    if (err != MT_OK) {
        update_cancel(ub);
        return err;
    }
    head_view_drop(c->view);
    c->view = view_new(c, head);
    chain_block_drop(head);
    ub->u->view = c->view;
    head_view_hold(c->view);
    if (c->opt.on_update != NULL)
        c->opt.on_update(c->opt.ctx, ub->u);
    else
        chain_update_free(ub->u);
    ub->u = NULL;
    return MT_OK;
}

/* ---- opening ---- */

static mt_err commit_genesis(struct chain *c, struct mt_diag *diag)
{
    const struct genesis *g = c->genesis;
    struct block b = {.header = g->header, .hash = g->hash};
    struct block_record rec;
    struct metisdb_batch *batch;
    hash32 root;
    struct block_id id = {g->header.number, g->hash};
    b.has_withdrawals = g->header.field_num >= 17;
    MT_TRY(chain_record_of_block(&b, NULL, 0, g->header.difficulty, &c->arena, &rec));
    MT_TRY(metisdb_begin(c->db, &batch, diag));
    mt_err err = metisdb_apply(batch, g->header.number, &g->alloc, &root);
    if (err == MT_OK && !hash32_eq(&root, &g->header.state_root))
        err = mt_fail(diag, MT_ECORRUPT,
                      "genesis: the store's root differs from the oracle");
    struct metisdb_block_index none = {0};
    if (err == MT_OK)
        err = metisdb_put_block(batch, &rec, &none, true);
    if (err == MT_OK)
        err = metisdb_set_head(batch, METISDB_SAFE, &id);
    if (err == MT_OK)
        err = metisdb_set_head(batch, METISDB_FINALIZED, &id);
    if (err == MT_OK)
        return metisdb_commit(batch);
    metisdb_abort(batch);
    return err;
}

static mt_err check_genesis(struct chain *c, struct mt_diag *diag)
{
    hash32 stored;
    MT_TRY(metisdb_canonical_hash(c->db, c->genesis->header.number, &stored));
    if (hash32_eq(&stored, &c->genesis->hash))
        return MT_OK;
    return mt_fail(diag, MT_EVERSION,
                   "the database holds a chain with genesis %s, the network's is %s; use "
                   "another --datadir",
                   hash32_text(&stored).s, hash32_text(&c->genesis->hash).s);
}

static void hold_block(void *value)
{
    chain_block_hold(value);
}

static void drop_block(void *value)
{
    chain_block_drop(value);
}

mt_err chain_open(const struct chain_options *opt, struct chain **out,
                  struct mt_diag *diag)
{
    struct block_id id;
    struct chain_block *head;
    struct chain *c = mt_alloc(sizeof(*c));
    c->opt = *opt;
    c->genesis = opt->genesis;
    c->db = opt->db;
    c->block_error = "";
    arena_init(&c->arena, opt->block_memory_max);
    arena_init(&c->scratch, opt->block_memory_max);
    c->cache = ref_cache_new(CACHE_BLOCKS, hold_block, drop_block);
    mt_err err = metisdb_get_head(c->db, METISDB_HEAD, &id);
    if (err == MT_ENOTFOUND)
        err = commit_genesis(c, diag);
    else if (err == MT_OK)
        err = check_genesis(c, diag);
    if (err == MT_OK && metisdb_logs_stale(c->db))
        err = chain_logs_renew(c, diag);
    if (err == MT_OK)
        err = load_head(c, &head, diag);
    if (err != MT_OK) {
        chain_close(c);
        return err;
    }
    c->view = view_new(c, head);
    chain_block_drop(head);
    *out = c;
    return MT_OK;
}

void chain_close(struct chain *c)
{
    if (c == NULL)
        return;
    MT_ASSERT(c->draft == NULL);
    if (c->has_mismatch)
        chain_block_drop(c->mismatch.block);
    head_view_drop(c->view);
    ref_cache_free(c->cache);
    arena_fini(&c->arena);
    arena_fini(&c->scratch);
    mt_free(c);
}

const struct genesis *chain_genesis(const struct chain *c)
{
    return c->genesis;
}

const struct chain_spec *chain_spec_of(const struct chain *c)
{
    return &c->genesis->spec;
}

struct metisdb *chain_db(const struct chain *c)
{
    return c->db;
}

/* ---- queries ---- */

mt_err chain_canonical_hash(struct chain *c, uint64_t number, hash32 *out)
{
    return metisdb_canonical_hash(c->db, number, out);
}

static mt_err load_block(struct chain *c, const hash32 *hash, struct chain_block **out)
{
    struct arena arena;
    struct block_record rec;
    hash32 canonical;
    uint64_t reorgs = atomic_load(&c->reorgs);
    arena_init(&arena, (size_t)1 << 30);
    mt_err err = metisdb_block_by_hash(c->db, hash, &arena, &rec);
    if (err == MT_OK) {
        bool is = metisdb_canonical_hash(c->db, rec.id.number, &canonical) == MT_OK &&
                  hash32_eq(&canonical, hash);
        err = chain_block_of_record(&rec, is, out);
        /* Only canonical ones are cached: a side block's standing may change. */
        if (err == MT_OK && is) {
            ref_cache_put(c->cache, hash, *out);
            /* Read before a reorganisation, put after the writer had cleared it: out
             * again. */
            if (atomic_load(&c->reorgs) != reorgs)
                ref_cache_del(c->cache, hash);
        }
    }
    arena_fini(&arena);
    return err;
}

mt_err chain_block_by_hash(struct chain *c, const hash32 *hash, struct chain_block **out)
{
    struct chain_block *b = ref_cache_get(c->cache, hash);
    if (b == NULL)
        return load_block(c, hash, out);
    *out = b;
    return MT_OK;
}

mt_err chain_block_by_number(struct chain *c, uint64_t number, struct chain_block **out)
{
    hash32 hash;
    MT_TRY(metisdb_canonical_hash(c->db, number, &hash));
    return chain_block_by_hash(c, &hash, out);
}

mt_err chain_find_tx(struct chain *c, const hash32 *tx_hash, struct chain_block **block,
                     uint32_t *idx)
{
    struct tx_location at;
    struct chain_block *b;
    MT_TRY(metisdb_find_tx(c->db, tx_hash, &at));
    MT_TRY(chain_block_by_number(c, at.number, &b));
    /* A reorganisation between the two reads may have moved it. */
    if (at.idx >= b->block.tx_num || !hash32_eq(&b->block.txs[at.idx].hash, tx_hash)) {
        chain_block_drop(b);
        return MT_ENOTFOUND;
    }
    *block = b;
    *idx = at.idx;
    return MT_OK;
}

static mt_err canonical_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    struct chain_state *s = ctx;
    if (number == s->block->block.header.number) {
        *out = s->block->block.hash;
        return MT_OK;
    }
    if (number > s->block->block.header.number) { /* a call that is told a later number */
        *out = (hash32){{0}};
        return MT_OK;
    }
    return metisdb_snapshot_hash(s->snapshot, number, out);
}

mt_err chain_state_open(struct chain *c, uint64_t number, struct chain_state *out,
                        struct mt_diag *diag)
{
    *out = (struct chain_state){.chain = c};
    MT_TRY(metisdb_snapshot_open(c->db, number, &out->snapshot, diag));
    /* The snapshot itself says which block it belongs to: one that was taken off since is
     * still there as a side block. */
    hash32 hash;
    mt_err err = metisdb_snapshot_hash(out->snapshot,
                                       metisdb_snapshot_number(out->snapshot), &hash);
    if (err == MT_OK)
        err = chain_block_by_hash(c, &hash, &out->block);
    if (err != MT_OK) {
        metisdb_snapshot_close(out->snapshot);
        return mt_fail(diag, err, "block of the state cannot be read");
    }
    out->sr = (struct snapshot_reader){out->snapshot, canonical_block_hash, out};
    out->reader = vm_reader_of_snapshot(&out->sr);
    return MT_OK;
}

void chain_state_close(struct chain_state *s)
{
    if (s->snapshot != NULL)
        metisdb_snapshot_close(s->snapshot);
    chain_block_drop(s->block);
    *s = (struct chain_state){0};
}
