/* Block records and the indexes over canonical blocks.
 *
 * A record is kept under its hash, canonical or not, and never rewritten by the store.
 * The indexes hold canonical blocks only: number -> hash, transaction -> place, and the
 * log index (metisdb_logs.c). */
#include "metisdb_int.h"

#define RECORD_PARTS 8

/* ---- records ---- */

static void record_parts(struct block_record *r, slice *parts[RECORD_PARTS])
{
    slice *all[RECORD_PARTS] = {&r->header,        &r->body,       &r->receipts,
                                &r->senders,       &r->seal,       &r->l1_origin,
                                &r->sequencer_sig, &r->access_list};
    memcpy(parts, all, sizeof(all));
}

static void record_encode(const struct block_record *rec, struct buf *out)
{
    struct block_record r = *rec;
    slice *parts[RECORD_PARTS];
    uint8_t head[1 + 8 + 32 + 32], len[4];
    head[0] = METISDB_RECORD_VERSION;
    store_be64(head + 1, r.id.number);
    memcpy(head + 9, r.parent.b, 32);
    u256_store_be(r.total_difficulty, head + 41);
    buf_put(out, head, sizeof(head));
    record_parts(&r, parts);
    for (unsigned i = 0; i < RECORD_PARTS; i++) {
        if (parts[i]->len > UINT32_MAX)
            out->failed = true;
        store_be32(len, (uint32_t)parts[i]->len);
        buf_put(out, len, 4);
        buf_put_slice(out, *parts[i]);
    }
}

mt_err record_decode(const hash32 *hash, slice in, struct block_record *out)
{
    struct block_record r = {.id.hash = *hash};
    slice *parts[RECORD_PARTS];
    size_t at = 73;
    if (in.len < at)
        return MT_ECORRUPT;
    if (in.ptr[0] != METISDB_RECORD_VERSION)
        return MT_EVERSION;
    r.id.number = load_be64(in.ptr + 1);
    memcpy(r.parent.b, in.ptr + 9, 32);
    r.total_difficulty = u256_load_be(in.ptr + 41);
    record_parts(&r, parts);
    for (unsigned i = 0; i < RECORD_PARTS; i++) {
        if (in.len - at < 4)
            return MT_ECORRUPT;
        size_t len = load_be32(in.ptr + at);
        at += 4;
        if (in.len - at < len)
            return MT_ECORRUPT;
        *parts[i] = slice_of(in.ptr + at, len);
        at += len;
    }
    if (at != in.len)
        return MT_ECORRUPT;
    *out = r;
    return MT_OK;
}

mt_err record_get(struct metisdb *db, MDB_txn *txn, const hash32 *hash, slice *out)
{
    MDB_val k = val_of(hash->b, 32), v;
    MT_TRY(lmdb_err(mdb_get(txn, db->dbi[TABLE_BLOCKS], &k, &v), "block", NULL));
    *out = slice_of(v.mv_data, v.mv_size);
    return MT_OK;
}

mt_err canonical_get(struct metisdb *db, MDB_txn *txn, uint64_t number, hash32 *out)
{
    uint8_t key[8];
    store_be64(key, number);
    MDB_val k = val_of(key, 8), v;
    MT_TRY(lmdb_err(mdb_get(txn, db->dbi[TABLE_CANONICAL], &k, &v), "canonical", NULL));
    if (v.mv_size != 32)
        return MT_ECORRUPT;
    memcpy(out->b, v.mv_data, 32);
    return MT_OK;
}

/* hash NULL: the canonical one of number. */
static mt_err get_block(struct metisdb *db, const hash32 *hash, uint64_t number,
                        struct arena *arena, struct block_record *out)
{
    struct metisdb_snapshot *r;
    hash32 found = {{0}};
    slice rec = {NULL, 0};
    const uint8_t *copy = NULL;
    MT_TRY(reader_claim(db, &r));
    mt_err err = MT_OK;
    if (hash != NULL)
        found = *hash;
    else
        err = canonical_get(db, r->txn, number, &found);
    if (err == MT_OK)
        err = record_get(db, r->txn, &found, &rec);
    if (err == MT_OK && (copy = arena_copy(arena, rec.ptr, rec.len)) == NULL)
        err = MT_ELIMIT;
    reader_release(r);
    MT_TRY(err);
    return record_decode(&found, slice_of(copy, rec.len), out);
}

mt_err metisdb_block_by_hash(struct metisdb *db, const hash32 *hash, struct arena *arena,
                             struct block_record *out)
{
    return get_block(db, hash, 0, arena, out);
}

mt_err metisdb_block_by_number(struct metisdb *db, uint64_t number, struct arena *arena,
                               struct block_record *out)
{
    return get_block(db, NULL, number, arena, out);
}

mt_err metisdb_canonical_hash(struct metisdb *db, uint64_t number, hash32 *out)
{
    struct metisdb_snapshot *r;
    MT_TRY(reader_claim(db, &r));
    mt_err err = canonical_get(db, r->txn, number, out);
    reader_release(r);
    return err;
}

mt_err metisdb_snapshot_hash(const struct metisdb_snapshot *s, uint64_t number,
                             hash32 *out)
{
    return canonical_get(s->db, s->txn, number, out);
}

/* ---- transactions ---- */

static mt_err tx_get(struct metisdb *db, MDB_txn *txn, const hash32 *hash,
                     struct tx_location *out)
{
    MDB_val k = val_of(hash->b, 32), v;
    MT_TRY(lmdb_err(mdb_get(txn, db->dbi[TABLE_TXS], &k, &v), "transaction", NULL));
    if (v.mv_size != 12)
        return MT_ECORRUPT;
    out->number = load_be64(v.mv_data);
    out->idx = load_be32((const uint8_t *)v.mv_data + 8);
    return MT_OK;
}

mt_err metisdb_find_tx(struct metisdb *db, const hash32 *tx_hash, struct tx_location *out)
{
    struct metisdb_snapshot *r;
    MT_TRY(reader_claim(db, &r));
    mt_err err = tx_get(db, r->txn, tx_hash, out);
    reader_release(r);
    return err;
}

static mt_err index_txs(struct metisdb_batch *b, uint64_t number,
                        const struct metisdb_block_index *idx, bool remove)
{
    for (size_t i = 0; i < idx->tx_num; i++) {
        uint8_t place[12];
        struct tx_location now;
        store_be64(place, number);
        store_be32(place + 8, (uint32_t)i);
        MDB_val k = val_of(idx->tx_hashes[i].b, 32), v = val_of(place, 12);
        MDB_dbi dbi = b->db->dbi[TABLE_TXS];
        if (!remove) {
            MT_TRY(lmdb_err(mdb_put(b->txn, dbi, &k, &v, 0), "transaction", NULL));
            continue;
        }
        mt_err err = tx_get(b->db, b->txn, &idx->tx_hashes[i], &now);
        if (err == MT_OK && now.number == number)
            err = lmdb_err(mdb_del(b->txn, dbi, &k, NULL), "transaction", NULL);
        if (err != MT_OK && err != MT_ENOTFOUND)
            return err;
    }
    return MT_OK;
}

/* ---- the canonical chain ---- */

static mt_err set_block_head(struct metisdb_batch *b, const struct block_id *id)
{
    uint8_t rec[40];
    store_be64(rec, id->number);
    memcpy(rec + 8, id->hash.b, 32);
    MDB_val k = val_of("head", 4), v = val_of(rec, 40);
    MT_TRY(lmdb_err(mdb_put(b->txn, b->db->dbi[TABLE_HEADS], &k, &v, 0), "head", NULL));
    b->head = *id;
    b->has_head = true;
    return MT_OK;
}

static mt_err put_canonical(struct metisdb_batch *b, const struct block_record *rec,
                            const struct metisdb_block_index *idx)
{
    uint8_t key[8];
    if (b->has_head &&
        (rec->id.number != b->head.number + 1 || !hash32_eq(&rec->parent, &b->head.hash)))
        return MT_EINVAL;
    /* A block that changes nothing has a version all the same. */
    if (!b->has_state || version_number(b->state.version) != rec->id.number)
        MT_TRY(version_begin(b, rec->id.number));
    store_be64(key, rec->id.number);
    MDB_val k = val_of(key, 8), v = val_of(rec->id.hash.b, 32);
    MT_TRY(lmdb_err(mdb_put(b->txn, b->db->dbi[TABLE_CANONICAL], &k, &v, 0), "canonical",
                    NULL));
    MT_TRY(index_txs(b, rec->id.number, idx, false));
    MT_TRY(logs_add(b, rec->id.number, idx));
    MT_TRY(set_block_head(b, &rec->id));
    b->version_open = false; /* what comes now is a patch */
    b->block_num++;
    return MT_OK;
}

static mt_err put_block(struct metisdb_batch *b, const struct block_record *rec,
                        const struct metisdb_block_index *idx, bool canonical)
{
    buf_reset(&b->record);
    record_encode(rec, &b->record);
    if (!buf_ok(&b->record))
        return MT_ELIMIT;
    MDB_val k = val_of(rec->id.hash.b, 32), v = val_of(b->record.ptr, b->record.len);
    MT_TRY(lmdb_err(mdb_put(b->txn, b->db->dbi[TABLE_BLOCKS], &k, &v, 0), "block", NULL));
    return canonical ? put_canonical(b, rec, idx) : MT_OK;
}

mt_err metisdb_put_block(struct metisdb_batch *b, const struct block_record *rec,
                         const struct metisdb_block_index *idx, bool canonical)
{
    return b->failed != MT_OK ? b->failed
                              : batch_fail(b, put_block(b, rec, idx, canonical));
}

static mt_err undo_block(struct metisdb_batch *b, const struct metisdb_block_index *idx)
{
    uint8_t key[8];
    struct block_record rec;
    struct block_id parent;
    slice raw;
    uint64_t number = b->head.number;
    MT_TRY(record_get(b->db, b->txn, &b->head.hash, &raw));
    MT_TRY(record_decode(&b->head.hash, raw, &rec));
    while (b->has_state && version_number(b->state.version) == number)
        MT_TRY(version_undo(b));
    if (version_number(b->state.version) + 1 != number)
        return MT_ECORRUPT;
    parent = (struct block_id){number - 1, rec.parent};
    store_be64(key, number);
    MDB_val k = val_of(key, 8);
    MT_TRY(lmdb_err(mdb_del(b->txn, b->db->dbi[TABLE_CANONICAL], &k, NULL), "canonical",
                    NULL));
    MT_TRY(index_txs(b, number, idx, true));
    MT_TRY(logs_remove(b, number, idx));
    return set_block_head(b, &parent);
}

mt_err metisdb_undo_block(struct metisdb_batch *b, const struct metisdb_block_index *idx)
{
    if (b->failed != MT_OK)
        return b->failed;
    if (!b->has_head || b->head.number <= b->state.undo_from)
        return MT_ENOTFOUND;
    return batch_fail(b, undo_block(b, idx));
}
