/* The pool as a whole: life, following the head, queries. */
#include "pool_int.h"

#define EXPIRY_SWEEP_MS 60000u

/* ---- the state at the head ---- */

static mt_err state_open(struct pool_state *s)
{
    if (s->snapshot != NULL)
        return MT_OK;
    return metisdb_snapshot_open(chain_db(s->pool->opt.chain),
                                 s->pool->view->head->block.header.number, &s->snapshot,
                                 NULL);
}

mt_err pool_state_account(struct pool_state *s, const address *addr, struct account *out)
{
    bool exists;
    MT_TRY(state_open(s));
    return metisdb_get_account(s->snapshot, addr, out, &exists);
}

mt_err pool_state_code(struct pool_state *s, const hash32 *code_hash, slice *out)
{
    MT_TRY(state_open(s));
    return metisdb_get_code(s->snapshot, code_hash, out);
}

mt_err pool_state_slot(struct pool_state *s, const address *addr, const hash32 *slot,
                       u256 *out)
{
    MT_TRY(state_open(s));
    return metisdb_get_storage(s->snapshot, addr, slot, out);
}

void pool_state_close(struct pool_state *s)
{
    if (s->snapshot != NULL)
        metisdb_snapshot_close(s->snapshot);
    s->snapshot = NULL;
}

/* ---- life ---- */

static void set_view(struct pool *p, struct head_view *view)
{
    head_view_hold(view);
    if (p->view != NULL)
        head_view_drop(p->view);
    p->view = view;
    memset(&p->oracle, 0, sizeof(p->oracle));
    const struct header *h = &view->head->block.header;
    p->rules = chain_rules_at(p->opt.chain, h->number + 1, h->timestamp + 1,
                              &view->head->total_difficulty);
}

struct pool *pool_new(const struct pool_options *opt, struct head_view *view)
{
    struct pool *p = mt_alloc(sizeof(*p));
    uint64_t seed = clock_mono_ns();
    uint32_t most = (uint32_t)MT_MIN(opt->tx_max + 1, UINT32_MAX / 2);
    p->opt = *opt;
    map_init(&p->by_hash, NULL, 32, sizeof(struct pool_tx *), most, seed);
    map_init(&p->senders, NULL, 20, sizeof(struct sender *), most, seed);
    map_init(&p->why, NULL, 32, sizeof(struct why), WHY_MAX, seed);
    map_init(&p->why_old, NULL, 32, sizeof(struct why), WHY_MAX, seed);
    p->ingest = ingest_new(p);
    set_view(p, view);
    return p;
}

void pool_forget(struct pool *p, struct sender *s, size_t at, enum pool_reason reason,
                 enum tx_error error)
{
    struct pool_tx *t = s->txs[at];
    sender_remove_at(p, s, at);
    map_del(&p->by_hash, t->tx.hash.b);
    p->bytes -= t->tx.raw.len;
    why_put(p, &t->tx.hash, reason, error);
    if (error != TX_NONCE_TOO_LOW) /* else a block has it, or one in its place */
        metric_add(METRIC_pool_dropped_total, p->opt.metric_net, 1);
    pool_tx_drop(t);
}

void pool_clear(struct pool *p)
{
    uint32_t it = 0;
    void *value;
    while (map_next(&p->senders, &it, NULL, &value)) {
        struct sender *s = *(struct sender **)value;
        for (size_t i = 0; i < s->num; i++)
            pool_tx_drop(s->txs[i]);
        mt_free(s->txs);
        mt_free(s);
    }
    map_clear(&p->senders);
    map_clear(&p->by_hash);
    p->bytes = 0;
    p->pending_num = 0;
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    pool_clear(p);
    ingest_free(p->ingest);
    map_fini(&p->by_hash);
    map_fini(&p->senders);
    map_fini(&p->why);
    map_fini(&p->why_old);
    head_view_drop(p->view);
    mt_free(p);
}

static void add(struct pool *p, const struct tx *tx, uint64_t now_ms,
                struct pool_verdict *v)
{
    struct pool_tx *t;
    struct mt_diag diag = {0};
    *v = (struct pool_verdict){.hash = tx->hash};
    if (pool_tx_new(tx->raw, &t, &diag) != MT_OK) {
        pool_refuse(v, POOL_DECODE, TX_OK, ": %s", diag.text);
        return;
    }
    t->tx.has_from = true;
    t->tx.from = tx->from;
    t->arrival_ms = now_ms;
    if (pool_precheck(p, t, v)) {
        struct pool_state st = {.pool = p};
        pool_admit(p, &st, t, true, v);
        pool_state_close(&st);
    }
    pool_tx_drop(t);
}

void pool_add(struct pool *p, const struct tx *tx, uint64_t now_ms,
              struct pool_verdict *v)
{
    *v = (struct pool_verdict){.hash = tx->hash};
    if (p->closed)
        pool_refuse(v, POOL_CLOSED, TX_OK, NULL);
    else
        add(p, tx, now_ms, v);
}

void pool_close(struct pool *p, bool closed)
{
    p->closed = closed;
}

/* ---- following the head ---- */

static void refresh_addr(struct pool *p, struct pool_state *st, const address *addr)
{
    struct sender *s = sender_get(p, addr);
    if (s != NULL && sender_refresh(p, st, s) != MT_OK)
        log_warn("pool", "state of a sender could not be read", KV_ADDR("sender", addr),
                 KV_END);
}

static void refresh_block(struct pool *p, struct pool_state *st,
                          const struct chain_block *b)
{
    for (size_t i = 0; i < b->block.tx_num; i++) {
        const struct tx *tx = &b->block.txs[i];
        refresh_addr(p, st, &tx->from);
        if (tx->has_to)
            refresh_addr(p, st, &tx->to);
        for (size_t k = 0; k < tx->auth_num; k++) {
            address authority;
            if (auth_recover(&tx->auths[k], crypto_native(), &authority) == MT_OK)
                refresh_addr(p, st, &authority);
        }
    }
}

/* A branch was left: all senders are looked at again, then its transactions come back. */
static void refresh_all(struct pool *p, struct pool_state *st)
{
    size_t num = map_count(&p->senders), n = 0;
    address *addrs = mt_alloc((num + 1) * sizeof(*addrs)); /* bounded by tx_max */
    uint32_t it = 0;
    const void *key;
    while (map_next(&p->senders, &it, &key, NULL))
        memcpy(&addrs[n++], key, 20);
    for (size_t i = 0; i < n; i++)
        refresh_addr(p, st, &addrs[i]);
    mt_free(addrs);
}

static void readmit(struct pool *p, const struct chain_block *b, uint64_t now_ms)
{
    struct pool_verdict v;
    for (size_t i = 0; i < b->block.tx_num; i++) {
        if (b->block.txs[i].type != TX_BLOB) /* its sidecar is gone */
            add(p, &b->block.txs[i], now_ms, &v);
    }
}

static void sweep_expired(struct pool *p, uint64_t now_ms)
{
    if (p->opt.lifetime_ms == 0 || now_ms < p->expiry_ms)
        return;
    p->expiry_ms = now_ms + EXPIRY_SWEEP_MS;
    uint32_t it = 0;
    void *value;
    while (map_next(&p->senders, &it, NULL, &value)) {
        struct sender *s = *(struct sender **)value;
        while (s->num > s->pending &&
               s->txs[s->num - 1]->arrival_ms + p->opt.lifetime_ms < now_ms)
            pool_forget(p, s, s->num - 1, POOL_EXPIRED, TX_OK);
        if (s->num == 0) {
            sender_free(p, s); /* deleting the entry we stand on is allowed */
        }
    }
}

void pool_update(struct pool *p, const struct chain_update *u, uint64_t now_ms)
{
    struct pool_state st = {.pool = p};
    bool patched = u->added_num == 0 || u->removed_num > 0;
    set_view(p, u->view);
    if (patched)
        refresh_all(p, &st);
    for (size_t i = 0; i < u->added_num && !patched; i++)
        refresh_block(p, &st, u->added[i]);
    pool_state_close(&st);
    for (size_t i = u->removed_num; i-- > 0;)
        readmit(p, u->removed[i], now_ms);
    sweep_expired(p, now_ms);
}

void pool_remove(struct pool *p, const hash32 *hash, enum pool_reason reason,
                 enum tx_error error)
{
    struct pool_tx **slot = map_get(&p->by_hash, hash->b);
    if (slot == NULL)
        return;
    struct sender *s = sender_get(p, &(*slot)->tx.from);
    pool_forget(p, s, sender_find(s, (*slot)->tx.nonce), reason, error);
    sender_settle(p, s);
}

/* ---- queries ---- */

struct pool_tx *pool_get(struct pool *p, const hash32 *hash)
{
    struct pool_tx **slot = map_get(&p->by_hash, hash->b);
    if (slot == NULL)
        return NULL;
    pool_tx_hold(*slot);
    return *slot;
}

mt_err pool_nonce(struct pool *p, const address *addr, uint64_t *out)
{
    struct sender *s = sender_get(p, addr);
    if (s != NULL) {
        *out = s->nonce + s->pending;
        return MT_OK;
    }
    struct pool_state st = {.pool = p};
    struct account a;
    mt_err err = pool_state_account(&st, addr, &a);
    pool_state_close(&st);
    if (err == MT_OK)
        *out = a.nonce;
    return err;
}

u256 pool_min_tip(const struct pool *p)
{
    return p->opt.min_tip;
}

u256 pool_base_fee(const struct pool *p)
{
    return p->view->next_base_fee;
}

void pool_count(const struct pool *p, size_t *pending, size_t *queued)
{
    *pending = p->pending_num;
    *queued = map_count(&p->by_hash) - p->pending_num;
}

void pool_each(struct pool *p, void (*fn)(void *ctx, struct pool_tx *tx, bool is_pending),
               void *ctx)
{
    uint32_t it = 0;
    void *value;
    while (map_next(&p->senders, &it, NULL, &value)) {
        struct sender *s = *(struct sender **)value;
        for (size_t i = 0; i < s->num; i++)
            fn(ctx, s->txs[i], i < s->pending);
    }
}
