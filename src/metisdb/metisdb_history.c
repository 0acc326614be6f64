/* Versions: what every change leaves behind, and the way back.
 *
 * A version is a block's number and a patch number: block << 16 | patch. While a version
 * is open, the first change of a key puts what stood there before into the history (key,
 * version) -> old value, and the key into the version's undo record. The same entries
 * serve reads of old blocks and undoing: undo walks the record, restores the old values
 * and removes both. Pruning removes both without restoring, oldest version first. The
 * first version of a store has no state before it and leaves nothing. */
#include "metisdb_int.h"

#define UNDO_HEADER 40

mt_err batch_fail(struct metisdb_batch *b, mt_err err)
{
    if (b->failed == MT_OK)
        b->failed = err;
    return err;
}

MDB_cursor *batch_cursor(struct metisdb_batch *b, enum table table)
{
    if (b->cursor[table] == NULL) {
        int rc = mdb_cursor_open(b->txn, b->db->dbi[table], &b->cursor[table]);
        if (rc != 0) {
            lmdb_err(rc, "cursor", NULL);
            b->cursor[table] = NULL;
        }
    }
    return b->cursor[table];
}

mt_err version_begin(struct metisdb_batch *b, uint64_t number)
{
    uint64_t now = b->state.version;
    if (number > UINT64_MAX >> (PATCH_BITS + 1))
        return MT_EINVAL;
    b->view.number = number;
    if (!b->has_state) {
        b->has_state = true;
        b->version_open = true;
        b->state.version = number << PATCH_BITS;
        b->state.undo_from = number;
        b->seq = UINT32_MAX; /* no diffs: nothing stood before */
        return MT_OK;
    }
    if (number == version_number(now) && b->version_open)
        return MT_OK;
    if (number == version_number(now)) {
        if (version_number(now + 1) != number)
            return MT_ELIMIT;
        b->state.version = now + 1;
    } else if (number == version_number(now) + 1) {
        b->state.version = number << PATCH_BITS;
    } else {
        return MT_EINVAL;
    }
    b->version_open = true;
    b->seq = 0;
    buf_reset(&b->undo);
    return version_note(b, now, &b->state.root);
}

static void undo_key(uint8_t out[12], uint64_t version, uint32_t seq)
{
    store_be64(out, version);
    store_be32(out + 8, seq);
}

mt_err version_note(struct metisdb_batch *b, uint64_t prev, const hash32 *prev_root)
{
    uint8_t key[12], header[UNDO_HEADER];
    slice rec = buf_slice(&b->undo);
    if (b->seq == UINT32_MAX)
        return MT_OK;
    if (!buf_ok(&b->undo))
        return MT_ELIMIT;
    if (b->seq == 0) {
        store_be64(header, prev);
        memcpy(header + 8, prev_root->b, 32);
        rec = slice_of(header, sizeof(header));
    } else if (rec.len == 0) {
        return MT_OK;
    }
    undo_key(key, b->state.version, b->seq++);
    MDB_val k = val_of(key, sizeof(key)), v = val_of(rec.ptr, rec.len);
    return lmdb_err(mdb_put(b->txn, b->db->dbi[TABLE_UNDO], &k, &v, MDB_NOOVERWRITE),
                    "undo", NULL);
}

/* ---- the way back ---- */

/* One key of a record: table, length, key. */
static bool next_touched(slice *rec, enum table *table, slice *key)
{
    if (rec->len < 2 || rec->ptr[0] > TABLE_STORAGE_NODES || rec->ptr[1] == 0 ||
        rec->ptr[1] > METISDB_KEY_MAX || rec->len < 2u + rec->ptr[1])
        return false;
    *table = (enum table)rec->ptr[0];
    *key = slice_of(rec->ptr + 2, rec->ptr[1]);
    *rec = slice_of(key->ptr + key->len, rec->len - 2 - key->len);
    return true;
}

/* Takes one history entry away; restore: its value goes back to the table first. */
static mt_err take_entry(struct metisdb_batch *b, enum table table, slice key,
                         bool restore)
{
    uint8_t hk[METISDB_KEY_MAX + 9], old[METISDB_VALUE_MAX + 1];
    MDB_cursor *c = batch_cursor(b, TABLE_HISTORY);
    MDB_val k = val_of(hk, history_key(hk, table, key, b->state.version)), v;
    if (c == NULL)
        return MT_EIO;
    mt_err err = lmdb_err(mdb_cursor_get(c, &k, &v, MDB_SET), "history", NULL);
    if (err != MT_OK)
        return err == MT_ENOTFOUND ? MT_ECORRUPT : err;
    if (v.mv_size == 0 || v.mv_size > sizeof(old))
        return MT_ECORRUPT;
    memcpy(old, v.mv_data, v.mv_size);
    MT_TRY(lmdb_err(mdb_cursor_del(c, 0), "history", NULL));
    if (!restore)
        return MT_OK;
    MDB_val tk = val_of(key.ptr, key.len), tv = val_of(old + 1, v.mv_size - 1);
    int rc = old[0] == 1 ? mdb_put(b->txn, b->db->dbi[table], &tk, &tv, 0)
                         : mdb_del(b->txn, b->db->dbi[table], &tk, NULL);
    /* A key that came and went within the version is absent before and after. */
    return rc == MDB_NOTFOUND ? MT_OK : lmdb_err(rc, "undo", NULL);
}

/* Takes one undo record away, and its history entries. */
static mt_err take_record(struct metisdb_batch *b, uint32_t seq, bool restore, slice *out)
{
    uint8_t key[12];
    undo_key(key, b->state.version, seq);
    MDB_val k = val_of(key, sizeof(key)), v;
    MT_TRY(lmdb_err(mdb_get(b->txn, b->db->dbi[TABLE_UNDO], &k, &v), "undo", NULL));
    arena_reset(&b->scratch);
    const uint8_t *copy = arena_copy(&b->scratch, v.mv_data, v.mv_size);
    if (copy == NULL)
        return MT_ELIMIT;
    slice rec = slice_of(copy, v.mv_size), touched;
    enum table table;
    *out = rec;
    MT_TRY(lmdb_err(mdb_del(b->txn, b->db->dbi[TABLE_UNDO], &k, NULL), "undo", NULL));
    if (seq == 0)
        return MT_OK;
    while (next_touched(&rec, &table, &touched))
        MT_TRY(take_entry(b, table, touched, restore));
    return rec.len == 0 ? MT_OK : MT_ECORRUPT;
}

/* Every record of b->state.version; the first one's content to header. */
static mt_err take_version(struct metisdb_batch *b, bool restore,
                           uint8_t header[UNDO_HEADER])
{
    slice rec;
    MT_TRY(take_record(b, 0, restore, &rec));
    if (rec.len != UNDO_HEADER)
        return MT_ECORRUPT;
    memcpy(header, rec.ptr, UNDO_HEADER);
    for (uint32_t seq = 1;; seq++) {
        mt_err err = take_record(b, seq, restore, &rec);
        if (err == MT_ENOTFOUND)
            return MT_OK;
        MT_TRY(err);
    }
}

mt_err version_undo(struct metisdb_batch *b)
{
    uint8_t header[UNDO_HEADER];
    if (!b->has_state)
        return MT_ENOTFOUND;
    MT_TRY(take_version(b, true, header));
    b->state.version = load_be64(header);
    memcpy(b->state.root.b, header + 8, 32);
    b->version_open = false;
    b->view.number = version_number(b->state.version);
    return MT_OK;
}

mt_err history_prune(struct metisdb_batch *b)
{
    uint64_t head = version_number(b->state.version), now = b->state.version;
    if (head < b->db->opt.undo_blocks)
        return MT_OK;
    uint64_t keep_from = head - b->db->opt.undo_blocks + 1;
    mt_err err = MT_OK;
    for (unsigned i = 0; i < 2 * b->block_num + 2 && err == MT_OK; i++) {
        uint8_t header[UNDO_HEADER];
        MDB_val k, v;
        MDB_cursor *c = batch_cursor(b, TABLE_UNDO);
        err = c == NULL ? MT_EIO
                        : lmdb_err(mdb_cursor_get(c, &k, &v, MDB_FIRST), "undo", NULL);
        if (err == MT_OK && k.mv_size != 12)
            err = MT_ECORRUPT;
        if (err != MT_OK || version_number(load_be64(k.mv_data)) >= keep_from)
            break;
        b->state.version = load_be64(k.mv_data); /* what take_version works on */
        err = take_version(b, false, header);
        b->state.undo_from = MT_MAX(b->state.undo_from, version_number(b->state.version));
    }
    b->state.version = now;
    return err == MT_ENOTFOUND ? MT_OK : err;
}

/* ---- operations ---- */

mt_err metisdb_undo_patches(struct metisdb_batch *b, uint64_t version)
{
    if (b->failed != MT_OK)
        return b->failed;
    if (!b->has_state || version > b->state.version ||
        version_number(version) != version_number(b->state.version))
        return MT_EINVAL;
    while (b->state.version != version) {
        MT_TRY(batch_fail(b, version_undo(b)));
        if (b->state.version < version)
            return batch_fail(b, MT_EINVAL); /* no such version */
    }
    return MT_OK;
}
