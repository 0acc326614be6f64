/* Walks over the state's hashed keys, at the newest block and at old ones.
 *
 * The newest state stands in its table in the order of the keys. An older one is that
 * table and the history together: every key of the old state is in the table still, or
 * it was removed since and left a history entry. Two cursors give the keys of both in
 * order; the look-up of every old read says which value, if any, a key had. */
#include "metisdb_int.h"

struct walk {
    struct metisdb_snapshot *s;
    enum table table;
    slice prefix; /* of all keys */
    size_t key_len;
    MDB_cursor *now; /* the table */
    MDB_cursor *was; /* the history; NULL: the newest state */
    bool has_now, has_was;
    MDB_val now_key, now_value;
    uint8_t was_key[METISDB_KEY_MAX];
};

static bool mine(const struct walk *w, const MDB_val *k, size_t at)
{
    return k->mv_size >= at + w->prefix.len &&
           (w->prefix.len == 0 ||
            memcmp((uint8_t *)k->mv_data + at, w->prefix.ptr, w->prefix.len) == 0);
}

static mt_err now_take(struct walk *w, int rc)
{
    w->has_now = rc == 0 && mine(w, &w->now_key, 0);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return lmdb_err(rc, "walk", NULL);
    return w->has_now && w->now_key.mv_size != w->key_len ? MT_ECORRUPT : MT_OK;
}

/* The first history entry from (key, version) on. */
static mt_err was_seek(struct walk *w, const uint8_t *key, uint64_t version)
{
    uint8_t from[METISDB_KEY_MAX + 9];
    size_t len = history_key(from, w->table, slice_of(key, w->key_len), version);
    MDB_val k = val_of(from, len), v;
    if (w->was == NULL)
        return MT_OK;
    int rc = mdb_cursor_get(w->was, &k, &v, MDB_SET_RANGE);
    w->has_was = rc == 0 && *(uint8_t *)k.mv_data == (uint8_t)w->table && mine(w, &k, 1);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return lmdb_err(rc, "walk", NULL);
    if (!w->has_was)
        return MT_OK;
    if (k.mv_size != len)
        return MT_ECORRUPT;
    memcpy(w->was_key, (uint8_t *)k.mv_data + 1, w->key_len);
    return MT_OK;
}

static mt_err walk_open(struct walk *w, const uint8_t *from)
{
    struct metisdb_snapshot *s = w->s;
    MT_ASSERT(s->batch == NULL && w->key_len <= METISDB_KEY_MAX);
    int rc = mdb_cursor_open(s->txn, s->db->dbi[w->table], &w->now);
    if (rc == 0 && s->old)
        rc = mdb_cursor_open(s->txn, s->db->dbi[TABLE_HISTORY], &w->was);
    MT_TRY(lmdb_err(rc, "walk", NULL));
    w->now_key = val_of(from, w->key_len);
    MT_TRY(
        now_take(w, mdb_cursor_get(w->now, &w->now_key, &w->now_value, MDB_SET_RANGE)));
    return was_seek(w, from, 0);
}

static void walk_close(struct walk *w)
{
    if (w->now != NULL)
        mdb_cursor_close(w->now);
    if (w->was != NULL)
        mdb_cursor_close(w->was);
}

/* The next key with its value, borrowed; *done: there is none. */
static mt_err walk_next(struct walk *w, uint8_t *key, slice *value, bool *done)
{
    mt_err err;
    *done = false;
    do {
        if (!w->has_now && !w->has_was) {
            *done = true;
            return MT_OK;
        }
        int order = !w->has_was   ? -1
                    : !w->has_now ? 1
                                  : memcmp(w->now_key.mv_data, w->was_key, w->key_len);
        memcpy(key, order <= 0 ? w->now_key.mv_data : w->was_key, w->key_len);
        *value = slice_of(w->now_value.mv_data, w->now_value.mv_size);
        err = MT_OK;
        if (w->was != NULL)
            err = state_get(w->s, w->table, slice_of(key, w->key_len), value);
        if (err != MT_OK && err != MT_ENOTFOUND)
            return err;
        if (order <= 0)
            MT_TRY(now_take(
                w, mdb_cursor_get(w->now, &w->now_key, &w->now_value, MDB_NEXT)));
        if (order >= 0)
            MT_TRY(was_seek(w, key, UINT64_MAX));
    } while (err == MT_ENOTFOUND);
    return MT_OK;
}

/* ---- accounts, slots ---- */

static mt_err walk_accounts(struct walk *w, metisdb_account_fn *fn, void *ctx)
{
    hash32 key;
    slice value;
    for (;;) {
        struct account a;
        bool done;
        MT_TRY(walk_next(w, key.b, &value, &done));
        if (done)
            return MT_OK;
        MT_TRY(account_unpack(value, &a));
        if (!fn(ctx, &key, &a))
            return MT_OK;
    }
}

mt_err metisdb_each_account(struct metisdb_snapshot *s, const hash32 *from,
                            metisdb_account_fn *fn, void *ctx)
{
    static const hash32 first;
    struct walk w = {.s = s, .table = TABLE_ACCOUNTS, .key_len = 32};
    mt_err err = walk_open(&w, (from != NULL ? from : &first)->b);
    if (err == MT_OK)
        err = walk_accounts(&w, fn, ctx);
    walk_close(&w);
    return err;
}

static mt_err walk_slots(struct walk *w, metisdb_slot_fn *fn, void *ctx)
{
    uint8_t key[sizeof(struct storage_key)];
    slice value;
    for (;;) {
        hash32 slot;
        bool done;
        MT_TRY(walk_next(w, key, &value, &done));
        if (done)
            return MT_OK;
        if (value.len == 0 || value.len > 32)
            return MT_ECORRUPT;
        memcpy(slot.b, key + 32, 32);
        if (!fn(ctx, &slot, u256_load_be_n(value.ptr, value.len)))
            return MT_OK;
    }
}

mt_err metisdb_each_slot(struct metisdb_snapshot *s, const hash32 *addr_hash,
                         const hash32 *from, metisdb_slot_fn *fn, void *ctx)
{
    struct storage_key first = {.addr = *addr_hash};
    struct walk w = {.s = s,
                     .table = TABLE_STORAGE,
                     .prefix = slice_of(addr_hash->b, 32),
                     .key_len = sizeof(first)};
    if (from != NULL)
        first.slot = *from;
    mt_err err = walk_open(&w, (const uint8_t *)&first);
    if (err == MT_OK)
        err = walk_slots(&w, fn, ctx);
    walk_close(&w);
    return err;
}

/* ---- what the keys are made of ---- */

mt_err metisdb_preimage(struct metisdb_snapshot *s, const hash32 *key, slice *out)
{
    MDB_val k = val_of(key->b, 32), v;
    MT_TRY(
        lmdb_err(mdb_get(s->txn, s->db->dbi[TABLE_PREIMAGES], &k, &v), "preimage", NULL));
    *out = slice_of(v.mv_data, v.mv_size);
    return MT_OK;
}
