/* Which blocks changed an account: its reverse diffs say so, they stand side by side in
 * the history table, by version. */
#include "metisdb_int.h"

/* The entry at or after key, or the last one before it, if it is of the same account. */
static mt_err change_at(MDB_cursor *c, const uint8_t *key, size_t len, bool back,
                        uint64_t *number)
{
    MDB_val k = val_of(key, len), v;
    int rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
    if (back)
        rc = mdb_cursor_get(c, &k, &v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
    if (rc != 0)
        return lmdb_err(rc, "history", NULL);
    if (k.mv_size != len || memcmp(k.mv_data, key, len - 8) != 0)
        return MT_ENOTFOUND;
    *number = version_number(load_be64((const uint8_t *)k.mv_data + len - 8));
    return MT_OK;
}

mt_err metisdb_find_change(struct metisdb *db, const address *addr, uint64_t at,
                           bool back, uint64_t *number)
{
    struct metisdb_snapshot *r;
    MDB_cursor *c;
    uint8_t key[METISDB_KEY_MAX + 9];
    hash32 h = keccak256(addr->b, 20);
    /* back: the first key behind block at */
    size_t len = history_key(key, TABLE_ACCOUNTS, slice_of(h.b, 32),
                             (back ? at + 1 : at) << PATCH_BITS);
    MT_TRY(reader_claim(db, &r));
    mt_err err =
        lmdb_err(mdb_cursor_open(r->txn, db->dbi[TABLE_HISTORY], &c), "history", NULL);
    if (err == MT_OK) {
        err = change_at(c, key, len, back, number);
        mdb_cursor_close(c);
    }
    reader_release(r);
    return err;
}
