/* Blocks that were refused at import: the newest few, for a look at what was wrong. Keys
 * are a running number, so that the last key is the newest. */
#include "metisdb_int.h"

#define HEAD_SIZE 34 /* hash, length of the reason */

static mt_err decode(const MDB_val *v, struct metisdb_bad *out)
{
    const uint8_t *p = v->mv_data;
    if (v->mv_size < HEAD_SIZE)
        return MT_ECORRUPT;
    size_t reason = (size_t)p[32] << 8 | p[33];
    if (v->mv_size - HEAD_SIZE < reason)
        return MT_ECORRUPT;
    memcpy(out->hash.b, p, 32);
    out->reason = slice_of(p + HEAD_SIZE, reason);
    out->rlp = slice_of(p + HEAD_SIZE + reason, v->mv_size - HEAD_SIZE - reason);
    return MT_OK;
}

static mt_err find(MDB_cursor *c, size_t i, struct arena *arena, struct metisdb_bad *out)
{
    MDB_val k, v;
    int rc = mdb_cursor_get(c, &k, &v, MDB_LAST);
    for (; rc == 0 && i > 0; i--)
        rc = mdb_cursor_get(c, &k, &v, MDB_PREV);
    MT_TRY(lmdb_err(rc, "bad block", NULL));
    uint8_t *copy = arena_copy(arena, v.mv_data, v.mv_size);
    if (copy == NULL)
        return MT_ELIMIT;
    v.mv_data = copy;
    return decode(&v, out);
}

mt_err metisdb_bad_block(struct metisdb *db, size_t i, struct arena *arena,
                         struct metisdb_bad *out)
{
    struct metisdb_snapshot *r;
    MDB_cursor *c;
    MT_TRY(reader_claim(db, &r));
    mt_err err =
        lmdb_err(mdb_cursor_open(r->txn, db->dbi[TABLE_BAD], &c), "bad block", NULL);
    if (err == MT_OK) {
        err = find(c, i, arena, out);
        mdb_cursor_close(c);
    }
    reader_release(r);
    return err;
}

/* Takes out the same block, or else the oldest one when there are too many. */
static mt_err make_room(MDB_cursor *c, const hash32 *hash, size_t num)
{
    MDB_val k, v;
    int rc;
    MDB_cursor_op op = MDB_FIRST;
    for (; (rc = mdb_cursor_get(c, &k, &v, op)) == 0; op = MDB_NEXT) {
        struct metisdb_bad old;
        MT_TRY(decode(&v, &old));
        if (hash32_eq(&old.hash, hash))
            return lmdb_err(mdb_cursor_del(c, 0), "bad block", NULL);
    }
    if (rc != MDB_NOTFOUND)
        return lmdb_err(rc, "bad block", NULL);
    if (num < METISDB_BAD_MAX)
        return MT_OK;
    MT_TRY(lmdb_err(mdb_cursor_get(c, &k, &v, MDB_FIRST), "bad block", NULL));
    return lmdb_err(mdb_cursor_del(c, 0), "bad block", NULL);
}

static mt_err put_bad(struct metisdb_batch *b, const struct metisdb_bad *bad)
{
    MDB_dbi dbi = b->db->dbi[TABLE_BAD];
    MDB_cursor *c = batch_cursor(b, TABLE_BAD);
    MDB_stat st;
    uint8_t key[8];
    MDB_val k, v;
    uint64_t next = 0;
    if (c == NULL)
        return MT_EIO;
    MT_TRY(lmdb_err(mdb_stat(b->txn, dbi, &st), "bad block", NULL));
    int rc = mdb_cursor_get(c, &k, &v, MDB_LAST);
    if (rc == 0 && k.mv_size == 8)
        next = load_be64(k.mv_data) + 1;
    else if (rc != MDB_NOTFOUND)
        return rc == 0 ? MT_ECORRUPT : lmdb_err(rc, "bad block", NULL);
    MT_TRY(make_room(c, &bad->hash, st.ms_entries));
    size_t reason = MT_MIN(bad->reason.len, (size_t)UINT16_MAX);
    buf_reset(&b->record);
    buf_put(&b->record, bad->hash.b, 32);
    buf_put_u8(&b->record, (uint8_t)(reason >> 8));
    buf_put_u8(&b->record, (uint8_t)reason);
    buf_put(&b->record, bad->reason.ptr, reason);
    buf_put_slice(&b->record, bad->rlp);
    if (!buf_ok(&b->record))
        return MT_ELIMIT;
    store_be64(key, next);
    k = val_of(key, 8);
    v = val_of(b->record.ptr, b->record.len);
    return lmdb_err(mdb_put(b->txn, dbi, &k, &v, 0), "bad block", NULL);
}

mt_err metisdb_put_bad(struct metisdb_batch *b, const struct metisdb_bad *bad)
{
    return b->failed != MT_OK ? b->failed : batch_fail(b, put_bad(b, bad));
}
