/* Applying a delta: flat tables, tries, history, root.
 *
 * Everything is done in the order of the hashed keys, in which LMDB keeps them: a cursor
 * then mostly finds the next key on the page where it stands. All keys of a delta are
 * hashed in one sweep. A value that does not change is not written and leaves no history.
 */
#include "metisdb_int.h"

#include <stdlib.h>

/* One account with its hashed key, and its slots likewise. */
struct hashed_slot {
    hash32 key;
    const struct slot_change *slot;
};

struct hashed_account {
    hash32 key;
    const struct account_change *change;
    struct hashed_slot *slots;
};

static int compare_accounts(const void *x, const void *y)
{
    const struct hashed_account *a = x, *b = y;
    return hash32_cmp(&a->key, &b->key);
}

static int compare_slots(const void *x, const void *y)
{
    const struct hashed_slot *a = x, *b = y;
    return hash32_cmp(&a->key, &b->key);
}

static void hash_sweep(struct hashed_account *acc, size_t num, slice *in, hash32 *keys)
{
    size_t n = 0;
    for (size_t i = 0; i < num; i++) {
        in[n++] = slice_of(acc[i].change->addr.b, 20);
        for (size_t k = 0; k < acc[i].change->slot_num; k++)
            in[n++] = slice_of(acc[i].change->slots[k].slot.b, 32);
    }
    keccak256_many(in, keys, n);
    n = 0;
    for (size_t i = 0; i < num; i++) {
        size_t slot_num = acc[i].change->slot_num;
        acc[i].key = keys[n++];
        for (size_t k = 0; k < slot_num; k++)
            acc[i].slots[k] = (struct hashed_slot){keys[n++], &acc[i].change->slots[k]};
        if (slot_num > 1)
            qsort(acc[i].slots, slot_num, sizeof(*acc[i].slots), compare_slots);
    }
    qsort(acc, num, sizeof(*acc), compare_accounts);
}

/* The delta with hashed keys, in their order; in the scratch arena. */
static mt_err hash_delta(struct arena *a, const struct state_delta *delta,
                         struct hashed_account **out)
{
    size_t num = delta->account_num, slots = 0;
    for (size_t i = 0; i < num; i++)
        slots += delta->accounts[i].slot_num;
    struct hashed_account *acc = arena_zalloc(a, num, sizeof(*acc));
    struct hashed_slot *slot = arena_zalloc(a, slots, sizeof(*slot));
    if (acc == NULL || slot == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < num; i++) {
        acc[i].change = &delta->accounts[i];
        acc[i].slots = slot;
        slot += acc[i].change->slot_num;
    }
    struct arena_mark mark = arena_mark(a);
    slice *in = arena_alloc(a, (num + slots) * sizeof(*in));
    hash32 *keys = arena_alloc(a, (num + slots) * sizeof(*keys));
    if (in == NULL || keys == NULL)
        return MT_ELIMIT;
    hash_sweep(acc, num, in, keys);
    arena_rewind(a, mark);
    *out = acc;
    return MT_OK;
}

/* ---- one key ---- */

/* Leaves the old value (NULL: absent) of a key in the history, once a version. */
static mt_err leave(struct metisdb_batch *b, enum table table, slice key,
                    const MDB_val *old)
{
    uint8_t hk[METISDB_KEY_MAX + 9], hv[METISDB_VALUE_MAX + 1];
    if (b->seq == UINT32_MAX)
        return MT_OK;
    size_t size = old == NULL ? 0 : old->mv_size;
    hv[0] = old != NULL;
    if (size > 0)
        memcpy(hv + 1, old->mv_data, size);
    MDB_cursor *c = batch_cursor(b, TABLE_HISTORY);
    if (c == NULL)
        return MT_EIO;
    MDB_val k = val_of(hk, history_key(hk, table, key, b->state.version));
    MDB_val v = val_of(hv, size + 1);
    int rc = mdb_cursor_put(c, &k, &v, MDB_NOOVERWRITE);
    if (rc == MDB_KEYEXIST)
        return MT_OK;
    MT_TRY(lmdb_err(rc, "history", NULL));
    buf_put_u8(&b->undo, (uint8_t)table);
    buf_put_u8(&b->undo, (uint8_t)key.len);
    buf_put_slice(&b->undo, key);
    return MT_OK;
}

/* Sets or (empty value) removes one key of a table with history; *added: there was
 * none. */
static mt_err write_key(struct metisdb_batch *b, enum table table, slice key, slice value,
                        bool *changed, bool *added)
{
    MDB_cursor *c = batch_cursor(b, table);
    MDB_val k = val_of(key.ptr, key.len), old;
    if (c == NULL)
        return MT_EIO;
    int rc = mdb_cursor_get(c, &k, &old, MDB_SET);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return lmdb_err(rc, "get", NULL);
    bool had = rc == 0;
    *added = !had && value.len > 0;
    *changed = had ? !slice_eq(slice_of(old.mv_data, old.mv_size), value) : value.len > 0;
    if (!*changed)
        return MT_OK;
    if (had && old.mv_size > METISDB_VALUE_MAX)
        return MT_ECORRUPT;
    MT_TRY(leave(b, table, key, had ? &old : NULL));
    if (value.len == 0)
        return lmdb_err(mdb_cursor_del(c, 0), "del", NULL);
    MDB_val v = val_of(value.ptr, value.len);
    k = val_of(key.ptr, key.len);
    return lmdb_err(mdb_cursor_put(c, &k, &v, 0), "put", NULL);
}

/* What a new key is the hash of, in a store that keeps this. A key that is there has its
 * preimage: it came when the key did, and is never removed. */
static mt_err put_preimage(struct metisdb_batch *b, const hash32 *key, const void *ptr,
                           size_t len)
{
    if (!b->db->preimages)
        return MT_OK;
    MDB_val k = val_of(key->b, 32), v = val_of(ptr, len);
    int rc = mdb_put(b->txn, b->db->dbi[TABLE_PREIMAGES], &k, &v, MDB_NOOVERWRITE);
    return rc == MDB_KEYEXIST ? MT_OK : lmdb_err(rc, "preimage", NULL);
}

/* Removes every key of a table that begins with prefix. */
static mt_err clear_prefix(struct metisdb_batch *b, enum table table,
                           const hash32 *prefix)
{
    MDB_cursor *c = batch_cursor(b, table);
    if (c == NULL)
        return MT_EIO;
    for (;;) {
        uint8_t key[METISDB_KEY_MAX];
        MDB_val k = val_of(prefix->b, 32), v;
        int rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
        if (rc == MDB_NOTFOUND)
            return MT_OK;
        MT_TRY(lmdb_err(rc, "clear", NULL));
        if (k.mv_size < 32 || memcmp(k.mv_data, prefix->b, 32) != 0)
            return MT_OK;
        if (k.mv_size > sizeof(key) || v.mv_size > METISDB_VALUE_MAX)
            return MT_ECORRUPT;
        memcpy(key, k.mv_data, k.mv_size);
        MT_TRY(leave(b, table, slice_of(key, k.mv_size), &v));
        MT_TRY(lmdb_err(mdb_cursor_del(c, 0), "clear", NULL));
    }
}

/* ---- tries ---- */

struct node_sink {
    struct metisdb_batch *b;
    const hash32 *addr; /* NULL: account trie */
};

static mt_err node_emit(void *ctx, const uint8_t *path, size_t path_len, slice rlp)
{
    const struct node_sink *sink = ctx;
    uint8_t key[METISDB_KEY_MAX];
    bool changed, added;
    size_t len = node_key(key, sink->addr, path, path_len);
    return write_key(sink->b,
                     sink->addr == NULL ? TABLE_ACCOUNT_NODES : TABLE_STORAGE_NODES,
                     slice_of(key, len), rlp, &changed, &added);
}

/* The account's slots into table and trie; *root from the old root to the new one. */
static mt_err apply_slots(struct metisdb_batch *b, const struct hashed_account *acc,
                          hash32 *root)
{
    struct node_source src = {&b->view, &acc->key, &b->storage, false};
    struct node_sink sink = {b, &acc->key};
    struct storage_key key = {.addr = acc->key};
    arena_reset(&b->storage);
    struct trie *t = trie_new(&b->storage, root, node_resolve, &src);
    if (t == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < acc->change->slot_num; i++) {
        uint8_t be[32], rlp[33];
        u256 value = acc->slots[i].slot->value;
        unsigned len = u256_bytes(value);
        bool changed, added;
        key.slot = acc->slots[i].key;
        u256_store_be(value, be);
        MT_TRY(write_key(b, TABLE_STORAGE, slice_of(&key, sizeof(key)),
                         slice_of(be + 32 - len, len), &changed, &added));
        if (added)
            MT_TRY(put_preimage(b, &key.slot, acc->slots[i].slot->slot.b, 32));
        if (!changed)
            continue;
        MT_TRY(len == 0 ? trie_del(t, &key.slot)
                        : trie_put(t, &key.slot, trie_slot_encode(value, rlp)));
    }
    return trie_root(t, root, node_emit, &sink);
}

static mt_err old_account(struct metisdb_batch *b, const hash32 *key, struct account *out)
{
    slice packed;
    mt_err err = state_get(&b->view, TABLE_ACCOUNTS, slice_of(key->b, 32), &packed);
    *out = account_empty();
    if (err == MT_ENOTFOUND)
        return MT_OK;
    MT_TRY(err);
    return account_unpack(packed, out);
}

static mt_err put_code(struct metisdb_batch *b, const struct account_change *c)
{
    if ((c->flags & CHANGE_CODE) == 0 || c->code.len == 0)
        return MT_OK;
    MDB_val k = val_of(c->code_hash.b, 32), v = val_of(c->code.ptr, c->code.len);
    int rc = mdb_put(b->txn, b->db->dbi[TABLE_CODES], &k, &v, MDB_NOOVERWRITE);
    return rc == MDB_KEYEXIST ? MT_OK : lmdb_err(rc, "code", NULL);
}

static mt_err apply_account(struct metisdb_batch *b, const struct hashed_account *acc,
                            struct trie *t)
{
    const struct account_change *c = acc->change;
    bool deleted = (c->flags & CHANGE_DELETED) != 0, changed, added;
    uint8_t packed[ACCOUNT_PACKED_MAX], rlp[TRIE_ACCOUNT_MAX];
    slice key = slice_of(acc->key.b, 32);
    struct account a;
    MT_TRY(old_account(b, &acc->key, &a));
    if ((deleted || (c->flags & CHANGE_STORAGE_CLEARED) != 0) &&
        !hash32_eq(&a.storage_root, &KECCAK_RLP_EMPTY)) {
        MT_TRY(clear_prefix(b, TABLE_STORAGE, &acc->key));
        MT_TRY(clear_prefix(b, TABLE_STORAGE_NODES, &acc->key));
        a.storage_root = KECCAK_RLP_EMPTY;
    }
    if (deleted) {
        MT_TRY(write_key(b, TABLE_ACCOUNTS, key, (slice){NULL, 0}, &changed, &added));
        return changed ? trie_del(t, &acc->key) : MT_OK;
    }
    if (c->slot_num > 0)
        MT_TRY(apply_slots(b, acc, &a.storage_root));
    a.nonce = c->nonce;
    a.balance = c->balance;
    a.code_hash = c->code_hash;
    MT_TRY(put_code(b, c));
    MT_TRY(write_key(b, TABLE_ACCOUNTS, key, slice_of(packed, account_pack(&a, packed)),
                     &changed, &added));
    if (added)
        MT_TRY(put_preimage(b, &acc->key, c->addr.b, 20));
    return changed ? trie_put(t, &acc->key, trie_account_encode(&a, rlp)) : MT_OK;
}

static mt_err apply_delta(struct metisdb_batch *b, const struct state_delta *delta)
{
    struct node_source src = {&b->view, NULL, &b->scratch, false};
    struct node_sink sink = {b, NULL};
    struct hashed_account *acc;
    MT_TRY(hash_delta(&b->scratch, delta, &acc));
    struct trie *t = trie_new(&b->scratch, &b->state.root, node_resolve, &src);
    if (t == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < delta->account_num; i++)
        MT_TRY(apply_account(b, &acc[i], t));
    return trie_root(t, &b->state.root, node_emit, &sink);
}

mt_err metisdb_apply(struct metisdb_batch *b, uint64_t number,
                     const struct state_delta *delta, hash32 *root)
{
    if (b->failed != MT_OK)
        return b->failed;
    MT_TRY(batch_fail(b, version_begin(b, number)));
    arena_reset(&b->scratch);
    buf_reset(&b->undo);
    MT_TRY(batch_fail(b, apply_delta(b, delta)));
    MT_TRY(batch_fail(b, version_note(b, 0, NULL)));
    *root = b->state.root;
    return MT_OK;
}
