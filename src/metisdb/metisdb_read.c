/* Reading: pooled transactions, snapshots of new and old blocks, proofs.
 *
 * A snapshot is one LMDB read transaction out of a pool: begun once, then only reset and
 * renewed, which needs no lock and about as long as one look-up. The newest block is read
 * from the tables as they are. An older block B looks first into the history, where every
 * change left what stood before it: the first entry of a key with a version after B's
 * last one holds the value at B; without one the table still does. Trie nodes are kept
 * the same way, so proofs at old blocks are read, not recomputed. */
#include "metisdb_int.h"

/* ---- the pool ---- */

mt_err reader_claim(struct metisdb *db, struct metisdb_snapshot **out)
{
    for (unsigned i = 0; i < db->opt.readers_max; i++) {
        struct metisdb_snapshot *s = &db->pool[i];
        if (atomic_load_explicit(&s->busy, memory_order_relaxed) ||
            atomic_exchange(&s->busy, true))
            continue;
        int rc;
        if (s->txn == NULL)
            rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &s->txn);
        else
            rc = mdb_txn_renew(s->txn);
        if (rc != 0) {
            mt_err err = lmdb_err(rc, "read", NULL);
            atomic_store(&s->busy, false);
            return err;
        }
        s->db = db;
        s->old = false;
        s->history_ready = false;
        s->has_addr = false;
        *out = s;
        return MT_OK;
    }
    return MT_EBUSY;
}

void reader_release(struct metisdb_snapshot *s)
{
    mdb_txn_reset(s->txn);
    atomic_store(&s->busy, false);
}

mt_err metisdb_snapshot_open(struct metisdb *db, uint64_t number,
                             struct metisdb_snapshot **out, struct mt_diag *diag)
{
    struct metisdb_snapshot *s;
    struct state_meta state;
    mt_err err = reader_claim(db, &s);
    if (err != MT_OK)
        return mt_fail(diag, err, "no free reader of %u", db->opt.readers_max);
    err = state_meta_read(db, s->txn, &state);
    uint64_t head = err == MT_OK ? version_number(state.version) : 0;
    if (err == MT_ENOTFOUND)
        mt_fail(diag, err, "the database is empty");
    else if (err != MT_OK)
        mt_fail(diag, err, "damaged state record");
    else if (number != METISDB_LATEST && number > head)
        err = mt_fail(diag, MT_ENOTFOUND, "no block %llu: the head is %llu",
                      (unsigned long long)number, (unsigned long long)head);
    else if (number < state.undo_from)
        err = mt_fail(diag, MT_ENOTFOUND, "state of block %llu is not kept: from %llu on",
                      (unsigned long long)number, (unsigned long long)state.undo_from);
    if (err != MT_OK) {
        reader_release(s);
        return err;
    }
    s->number = MT_MIN(number, head);
    s->old = s->number < head;
    s->last = (s->number << PATCH_BITS) | ((1u << PATCH_BITS) - 1);
    *out = s;
    return MT_OK;
}

mt_err metisdb_kept(struct metisdb *db, uint64_t *from, uint64_t *blocks)
{
    struct metisdb_snapshot *s;
    struct state_meta state;
    MT_TRY(reader_claim(db, &s));
    mt_err err = state_meta_read(db, s->txn, &state);
    reader_release(s);
    MT_TRY(err);
    *from = state.undo_from;
    *blocks = db->opt.undo_blocks == UINT64_MAX ? 0 : db->opt.undo_blocks;
    return MT_OK;
}

void metisdb_snapshot_close(struct metisdb_snapshot *s)
{
    MT_ASSERT(s->batch == NULL);
    reader_release(s);
}

uint64_t metisdb_snapshot_number(const struct metisdb_snapshot *s)
{
    return s->number;
}

/* ---- keys and values ---- */

size_t account_pack(const struct account *a, uint8_t out[ACCOUNT_PACKED_MAX])
{
    uint8_t nonce[8];
    hash32 balance = u256_to_hash(a->balance);
    unsigned balance_len = u256_bytes(a->balance), nonce_len = 8;
    bool code = !hash32_eq(&a->code_hash, &KECCAK_EMPTY);
    bool storage = !hash32_eq(&a->storage_root, &KECCAK_RLP_EMPTY);
    store_be64(nonce, a->nonce);
    while (nonce_len > 0 && nonce[8 - nonce_len] == 0)
        nonce_len--;
    uint8_t *w = out;
    *w++ = (uint8_t)(nonce_len | (code ? 0x10 : 0) | (storage ? 0x20 : 0));
    *w++ = (uint8_t)balance_len;
    memcpy(w, nonce + 8 - nonce_len, nonce_len);
    w += nonce_len;
    memcpy(w, balance.b + 32 - balance_len, balance_len);
    w += balance_len;
    if (code) {
        memcpy(w, a->code_hash.b, 32);
        w += 32;
    }
    if (storage) {
        memcpy(w, a->storage_root.b, 32);
        w += 32;
    }
    return (size_t)(w - out);
}

mt_err account_unpack(slice in, struct account *out)
{
    if (in.len < 2)
        return MT_ECORRUPT;
    const uint8_t *p = in.ptr;
    size_t nonce_len = p[0] & 0x0f, balance_len = p[1];
    bool code = (p[0] & 0x10) != 0, storage = (p[0] & 0x20) != 0;
    if (nonce_len > 8 || balance_len > 32 || p[0] > 0x3f ||
        in.len != 2 + nonce_len + balance_len + (code ? 32 : 0) + (storage ? 32 : 0))
        return MT_ECORRUPT;
    p += 2;
    *out = account_empty();
    for (size_t i = 0; i < nonce_len; i++)
        out->nonce = out->nonce << 8 | *p++;
    out->balance = u256_load_be_n(p, balance_len);
    p += balance_len;
    if (code) {
        memcpy(out->code_hash.b, p, 32);
        p += 32;
    }
    if (storage)
        memcpy(out->storage_root.b, p, 32);
    return MT_OK;
}

size_t node_key(uint8_t out[METISDB_KEY_MAX], const hash32 *addr, const uint8_t *path,
                size_t path_len)
{
    size_t n = 0;
    MT_ASSERT(path_len <= 64);
    if (addr != NULL) {
        memcpy(out, addr->b, 32);
        n = 32;
    }
    out[n++] = (uint8_t)path_len;
    for (size_t i = 0; i + 1 < path_len; i += 2)
        out[n++] = (uint8_t)(path[i] << 4 | path[i + 1]);
    if (path_len % 2 == 1)
        out[n++] = (uint8_t)(path[path_len - 1] << 4);
    return n;
}

size_t history_key(uint8_t out[METISDB_KEY_MAX + 9], enum table table, slice key,
                   uint64_t version)
{
    out[0] = (uint8_t)table;
    memcpy(out + 1, key.ptr, key.len);
    store_be64(out + 1 + key.len, version);
    return key.len + 9;
}

/* ---- look-ups ---- */

/* MT_ENOTFOUND: no change since, the table holds the value. */
static mt_err history_get(struct metisdb_snapshot *s, enum table table, slice key,
                          slice *out, bool *present)
{
    uint8_t want[METISDB_KEY_MAX + 9];
    size_t len = history_key(want, table, key, s->last + 1);
    MDB_val k = val_of(want, len), v;
    int rc = 0;
    if (s->history == NULL)
        rc = mdb_cursor_open(s->txn, s->db->dbi[TABLE_HISTORY], &s->history);
    else if (!s->history_ready)
        rc = mdb_cursor_renew(s->txn, s->history);
    if (rc == 0) {
        s->history_ready = true;
        rc = mdb_cursor_get(s->history, &k, &v, MDB_SET_RANGE);
    }
    MT_TRY(lmdb_err(rc, "history", NULL));
    if (k.mv_size != len || memcmp(k.mv_data, want, len - 8) != 0)
        return MT_ENOTFOUND;
    const uint8_t *p = v.mv_data;
    if (v.mv_size == 0 || p[0] > 1)
        return MT_ECORRUPT;
    *present = p[0] == 1;
    *out = slice_of(p + 1, v.mv_size - 1);
    return MT_OK;
}

mt_err state_get(struct metisdb_snapshot *s, enum table table, slice key, slice *out)
{
    if (s->old) {
        bool present;
        mt_err err = history_get(s, table, key, out, &present);
        if (err != MT_ENOTFOUND)
            return err != MT_OK ? err : present ? MT_OK : MT_ENOTFOUND;
    }
    MDB_val k = val_of(key.ptr, key.len), v;
    MT_TRY(lmdb_err(mdb_get(s->txn, s->db->dbi[table], &k, &v), "get", NULL));
    *out = slice_of(v.mv_data, v.mv_size);
    return MT_OK;
}

static const hash32 *addr_key(struct metisdb_snapshot *s, const address *addr)
{
    if (!s->has_addr || !address_eq(&s->addr, addr)) {
        s->addr = *addr;
        s->addr_key = keccak256(addr->b, 20);
        s->has_addr = true;
    }
    return &s->addr_key;
}

static mt_err get_account(struct metisdb_snapshot *s, const hash32 *key,
                          struct account *out, bool *exists)
{
    slice packed;
    mt_err err = state_get(s, TABLE_ACCOUNTS, slice_of(key->b, 32), &packed);
    if (err == MT_ENOTFOUND) {
        *out = account_empty();
        *exists = false;
        return MT_OK;
    }
    MT_TRY(err);
    MT_TRY(account_unpack(packed, out));
    *exists = true;
    return MT_OK;
}

static mt_err get_storage(struct metisdb_snapshot *s, const struct storage_key *key,
                          u256 *out)
{
    slice v;
    mt_err err = state_get(s, TABLE_STORAGE, slice_of(key, sizeof(*key)), &v);
    if (err == MT_ENOTFOUND) {
        *out = u256_from(0);
        return MT_OK;
    }
    MT_TRY(err);
    if (v.len == 0 || v.len > 32)
        return MT_ECORRUPT;
    *out = u256_load_be_n(v.ptr, v.len);
    return MT_OK;
}

mt_err metisdb_get_account(struct metisdb_snapshot *s, const address *addr,
                           struct account *out, bool *exists)
{
    return get_account(s, addr_key(s, addr), out, exists);
}

mt_err metisdb_get_storage(struct metisdb_snapshot *s, const address *addr,
                           const hash32 *slot, u256 *out)
{
    struct storage_key key = {*addr_key(s, addr), keccak256(slot->b, 32)};
    return get_storage(s, &key, out);
}

/* Within a batch the page a value lies on may move at the next write: the batch keeps a
 * copy. */
static mt_err keep_code(struct metisdb_batch *b, const hash32 *hash, slice code,
                        slice *out)
{
    uint8_t *copy = arena_copy(&b->keep, code.ptr, code.len);
    slice *kept = copy == NULL ? NULL : map_put(&b->codes, hash->b, NULL);
    if (kept == NULL)
        return MT_ELIMIT;
    *kept = *out = slice_of(copy, code.len);
    return MT_OK;
}

mt_err metisdb_get_code(struct metisdb_snapshot *s, const hash32 *code_hash, slice *out)
{
    if (hash32_eq(code_hash, &KECCAK_EMPTY)) {
        *out = (slice){NULL, 0};
        return MT_OK;
    }
    if (s->batch != NULL) {
        const slice *kept = map_get(&s->batch->codes, code_hash->b);
        if (kept != NULL) {
            *out = *kept;
            return MT_OK;
        }
    }
    MDB_val k = val_of(code_hash->b, 32), v;
    MT_TRY(lmdb_err(mdb_get(s->txn, s->db->dbi[TABLE_CODES], &k, &v), "code", NULL));
    slice code = slice_of(v.mv_data, v.mv_size);
    if (s->batch != NULL)
        return keep_code(s->batch, code_hash, code, out);
    *out = code;
    return MT_OK;
}

#define WANT_BATCH 64

mt_err metisdb_get_many(struct metisdb_snapshot *s, struct metisdb_want *wants,
                        size_t num)
{
    for (size_t at = 0; at < num; at += WANT_BATCH) {
        slice in[2 * WANT_BATCH];
        hash32 keys[2 * WANT_BATCH];
        size_t n = MT_MIN(num - at, (size_t)WANT_BATCH), m = 0;
        for (size_t i = 0; i < n; i++) {
            in[m++] = slice_of(wants[at + i].addr.b, 20);
            if (wants[at + i].is_slot)
                in[m++] = slice_of(wants[at + i].slot.b, 32);
        }
        keccak256_many(in, keys, m);
        m = 0;
        for (size_t i = 0; i < n; i++) {
            struct metisdb_want *w = &wants[at + i];
            struct storage_key key = {.addr = keys[m++]};
            if (w->is_slot) {
                key.slot = keys[m++];
                MT_TRY(get_storage(s, &key, &w->value));
            } else {
                MT_TRY(get_account(s, &key.addr, &w->account, &w->exists));
            }
        }
    }
    return MT_OK;
}

/* ---- proofs ---- */

mt_err node_resolve(void *ctx, const uint8_t *path, size_t path_len, const hash32 *hash,
                    slice *rlp)
{
    const struct node_source *src = ctx;
    uint8_t key[METISDB_KEY_MAX];
    slice found;
    if (path_len > 64)
        return MT_ECORRUPT;
    size_t len = node_key(key, src->addr, path, path_len);
    enum table table = src->addr == NULL ? TABLE_ACCOUNT_NODES : TABLE_STORAGE_NODES;
    mt_err err = state_get(src->snapshot, table, slice_of(key, len), &found);
    if (err == MT_ENOTFOUND)
        return MT_ECORRUPT;
    MT_TRY(err);
    if (src->check) {
        hash32 got = keccak256(found.ptr, found.len);
        if (!hash32_eq(&got, hash))
            return MT_ECORRUPT;
    }
    /* The writer changes pages while the trie is in use: a copy, half a kilobyte at most.
     */
    const uint8_t *copy = arena_copy(src->arena, found.ptr, found.len);
    if (copy == NULL)
        return MT_ELIMIT;
    *rlp = slice_of(copy, found.len);
    return MT_OK;
}

mt_err metisdb_get_node(struct metisdb_snapshot *s, const hash32 *addr_hash,
                        const uint8_t *path, size_t path_len, const hash32 *hash,
                        struct arena *arena, slice *rlp)
{
    struct node_source src = {s, addr_hash, arena, true};
    return node_resolve(&src, path, path_len, hash, rlp);
}

/* The state's root as its root node says, for blocks old and new. */
mt_err metisdb_snapshot_root(struct metisdb_snapshot *s, hash32 *out)
{
    uint8_t key[METISDB_KEY_MAX] = {0};
    slice node;
    size_t len = node_key(key, NULL, key, 0);
    mt_err err = state_get(s, TABLE_ACCOUNT_NODES, slice_of(key, len), &node);
    if (err == MT_OK)
        *out = keccak256(node.ptr, node.len);
    else if (err == MT_ENOTFOUND)
        *out = KECCAK_RLP_EMPTY;
    return err == MT_ENOTFOUND ? MT_OK : err;
}

static mt_err slot_proofs(struct metisdb_snapshot *s, struct node_source *src,
                          const hash32 *slots, struct arena *arena,
                          struct metisdb_proof *p)
{
    struct trie *t = trie_new(arena, &p->account.storage_root, node_resolve, src);
    if (t == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < p->slot_num; i++) {
        struct metisdb_slot_proof *sp = &p->slots[i];
        struct storage_key key = {*src->addr, keccak256(slots[i].b, 32)};
        sp->slot = slots[i];
        MT_TRY(get_storage(s, &key, &sp->value));
        MT_TRY(trie_proof(t, &key.slot, &sp->nodes, &sp->node_num));
    }
    return MT_OK;
}

mt_err metisdb_get_proof(struct metisdb_snapshot *s, const address *addr,
                         const hash32 *slots, size_t slot_num, struct arena *arena,
                         struct metisdb_proof *out)
{
    struct metisdb_proof p = {.slot_num = slot_num};
    struct node_source src = {s, NULL, arena, true};
    hash32 root, key = *addr_key(s, addr);
    MT_TRY(metisdb_snapshot_root(s, &root));
    MT_TRY(get_account(s, &key, &p.account, &p.exists));
    struct trie *t = trie_new(arena, &root, node_resolve, &src);
    p.slots = arena_zalloc(arena, slot_num, sizeof(*p.slots));
    if (t == NULL || p.slots == NULL)
        return MT_ELIMIT;
    MT_TRY(trie_proof(t, &key, &p.nodes, &p.node_num));
    src.addr = &key;
    MT_TRY(slot_proofs(s, &src, slots, arena, &p));
    *out = p;
    return MT_OK;
}
