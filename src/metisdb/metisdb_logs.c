/* The log index: for each address and each topic at its position the places of the logs
 * that have it, so that a search walks only what it finds.
 *
 *   key    kind [1] || address or topic || number [8] || index [4]   of the first place
 *   value  the places after it: number's difference, then the index (its difference
 *          within one block), both as LEB128
 *
 * A list is cut into rows of at most ROW_MAX bytes, so that a commit rewrites one short
 * row for a busy key and adds an empty one for a key seen once. Blocks enter in order and
 * leave from the end, which is all that reorganisation asks for. */
#include "metisdb_int.h"

#include <stdlib.h>

#define ROW_MAX       1000u
#define PLACE_SIZE    12u /* in a key */
#define ENTRY_MAX     15u /* two LEB128 numbers of 64 and 32 bits */
#define PREFIX_MAX    33u
#define KEY_MAX       (PREFIX_MAX + PLACE_SIZE)
#define STEPS_MAX     32u /* in a row before the table is asked */
#define REBUILD_BATCH 1000u

static int compare_places(struct metisdb_log_at a, struct metisdb_log_at b)
{
    if (a.number != b.number)
        return a.number < b.number ? -1 : 1;
    return a.idx < b.idx ? -1 : a.idx > b.idx;
}

/* ---- rows ---- */

struct key {
    uint8_t b[KEY_MAX];
    size_t prefix; /* bytes before the place */
};

static struct key key_of(enum metisdb_log_key kind, const void *ptr, size_t len)
{
    struct key k = {.b = {(uint8_t)kind}, .prefix = 1 + len};
    memcpy(k.b + 1, ptr, len);
    return k;
}

static MDB_val key_at(struct key *k, struct metisdb_log_at at)
{
    store_be64(k->b + k->prefix, at.number);
    store_be32(k->b + k->prefix + 8, at.idx);
    return val_of(k->b, k->prefix + PLACE_SIZE);
}

static bool is_row_of(const struct key *k, const MDB_val *found)
{
    return found->mv_size == k->prefix + PLACE_SIZE &&
           memcmp(found->mv_data, k->b, k->prefix) == 0;
}

static struct metisdb_log_at place_of(const struct key *k, const MDB_val *found)
{
    const uint8_t *p = (const uint8_t *)found->mv_data + k->prefix;
    return (struct metisdb_log_at){load_be64(p), load_be32(p + 8)};
}

static bool get_number(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; *p != end && shift < 64; shift += 7) {
        uint8_t byte = *(*p)++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

static size_t put_number(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

/* The place after *at, read from *p on. */
static mt_err next_place(const uint8_t **p, const uint8_t *end, struct metisdb_log_at *at)
{
    uint64_t blocks, idx;
    if (!get_number(p, end, &blocks) || !get_number(p, end, &idx))
        return MT_ECORRUPT;
    idx += blocks == 0 ? at->idx : 0;
    if (idx > UINT32_MAX || at->number + blocks < blocks)
        return MT_ECORRUPT;
    at->number += blocks;
    at->idx = (uint32_t)idx;
    return MT_OK;
}

/* ---- writing ---- */

struct entry {
    struct key key;
    uint32_t idx;
};

static int compare_entries(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    int order = memcmp(a->key.b, b->key.b, PREFIX_MAX); /* a kind has one length */
    return order != 0 ? order : (a->idx > b->idx) - (a->idx < b->idx);
}

/* What a block adds, in the order of the table; in the scratch arena. */
static mt_err entries_of(struct metisdb_batch *b, const struct metisdb_block_index *idx,
                         struct entry **out, size_t *num)
{
    size_t max = 1, n = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < idx->receipt_num; i++)
        max += 5 * idx->receipts[i].log_num;
    arena_reset(&b->scratch);
    struct entry *list = arena_alloc(&b->scratch, max * sizeof(*list));
    if (list == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < idx->receipt_num; i++) {
        for (size_t k = 0; k < idx->receipts[i].log_num; k++, at++) {
            const struct log *log = &idx->receipts[i].logs[k];
            list[n++] = (struct entry){key_of(METISDB_LOG_ADDRESS, log->addr.b, 20), at};
            for (unsigned t = 0; t < log->topic_num && t < 4; t++)
                list[n++] = (struct entry){
                    key_of(METISDB_LOG_TOPIC0 + t, log->topics[t].b, 32), at};
        }
    }
    if (at > 0)
        list[n++] = (struct entry){key_of(METISDB_LOG_BLOCK, "", 0), 0};
    qsort(list, n, sizeof(*list), compare_entries);
    *out = list;
    *num = n;
    return MT_OK;
}

/* The last row of a key, the cursor on it; MT_ENOTFOUND. */
static mt_err last_row(MDB_cursor *c, const struct key *key, MDB_val *k, MDB_val *v)
{
    struct key end = *key;
    *k = key_at(&end, (struct metisdb_log_at){UINT64_MAX, UINT32_MAX});
    int rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
    if (rc == 0)
        rc = mdb_cursor_get(c, k, v, MDB_PREV);
    else if (rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(c, k, v, MDB_LAST);
    MT_TRY(lmdb_err(rc, "logs", NULL));
    return is_row_of(key, k) ? MT_OK : MT_ENOTFOUND;
}

/* A row being written. */
struct row {
    struct key key;
    struct metisdb_log_at first, last;
    uint8_t b[ROW_MAX];
    size_t len;
};

static mt_err row_put(MDB_cursor *c, struct row *r)
{
    MDB_val k = key_at(&r->key, r->first), v = val_of(r->b, r->len);
    return lmdb_err(mdb_cursor_put(c, &k, &v, 0), "logs", NULL);
}

/* Reads the key's last row; false in *found when there is none. */
static mt_err row_open(MDB_cursor *c, struct row *r, bool *found)
{
    MDB_val k, v;
    mt_err err = last_row(c, &r->key, &k, &v);
    *found = err == MT_OK;
    if (err != MT_OK)
        return err == MT_ENOTFOUND ? MT_OK : err;
    if (v.mv_size > ROW_MAX)
        return MT_ECORRUPT;
    r->first = r->last = place_of(&r->key, &k);
    r->len = v.mv_size;
    if (r->len > 0)
        memcpy(r->b, v.mv_data, r->len);
    for (const uint8_t *p = r->b; p != r->b + r->len;)
        MT_TRY(next_place(&p, r->b + r->len, &r->last));
    return MT_OK;
}

/* Entries of one key. */
static mt_err append(MDB_cursor *c, const struct entry *list, size_t num, uint64_t number)
{
    struct row r = {.key = list[0].key};
    bool open;
    MT_TRY(row_open(c, &r, &open));
    for (size_t i = 0; i < num; i++) {
        struct metisdb_log_at at = {number, list[i].idx};
        if (open && compare_places(r.last, at) >= 0)
            return MT_ECORRUPT;
        if (open && r.len + ENTRY_MAX > ROW_MAX) {
            MT_TRY(row_put(c, &r));
            open = false;
        }
        if (open) {
            uint64_t blocks = number - r.last.number;
            r.len += put_number(r.b + r.len, blocks);
            r.len += put_number(r.b + r.len, blocks == 0 ? at.idx - r.last.idx : at.idx);
        } else {
            r.first = at;
            r.len = 0;
            open = true;
        }
        r.last = at;
    }
    return row_put(c, &r);
}

/* Every place of the key from block number on. */
static mt_err cut(MDB_cursor *c, const struct key *key, uint64_t number)
{
    for (;;) {
        struct row r = {.key = *key};
        bool found;
        MT_TRY(row_open(c, &r, &found));
        if (!found)
            return MT_OK;
        if (r.first.number >= number) {
            MT_TRY(lmdb_err(mdb_cursor_del(c, 0), "logs", NULL));
            continue;
        }
        if (r.last.number < number)
            return MT_OK;
        const uint8_t *p = r.b, *end = r.b + r.len;
        for (struct metisdb_log_at at = r.first; at.number < number;) {
            r.len = (size_t)(p - r.b);
            MT_TRY(next_place(&p, end, &at));
        }
        return row_put(c, &r);
    }
}

static mt_err each_key(struct metisdb_batch *b, uint64_t number,
                       const struct metisdb_block_index *idx, bool remove)
{
    struct entry *list;
    size_t num, n;
    MT_TRY(entries_of(b, idx, &list, &num));
    MDB_cursor *c = batch_cursor(b, TABLE_LOGS);
    if (c == NULL)
        return MT_EIO;
    for (size_t i = 0; i < num; i += n) {
        for (n = 1; i + n < num; n++)
            if (memcmp(list[i].key.b, list[i + n].key.b, PREFIX_MAX) != 0)
                break;
        MT_TRY(remove ? cut(c, &list[i].key, number) : append(c, &list[i], n, number));
    }
    return MT_OK;
}

mt_err logs_add(struct metisdb_batch *b, uint64_t number,
                const struct metisdb_block_index *idx)
{
    return each_key(b, number, idx, false);
}

mt_err logs_remove(struct metisdb_batch *b, uint64_t number,
                   const struct metisdb_block_index *idx)
{
    return each_key(b, number, idx, true);
}

/* ---- searching ---- */

struct term {
    MDB_cursor *cursor; /* on the row in work */
    struct key key;
    bool begun, ended;
    const uint8_t *p, *end; /* of the row, borrowed from the view */
    struct metisdb_log_at at;
};

struct metisdb_logs {
    struct metisdb_snapshot *view;
    size_t num, max;
    struct term terms[];
};

mt_err metisdb_logs_open(struct metisdb *db, size_t terms_max, struct metisdb_logs **out)
{
    struct metisdb_snapshot *view;
    MT_TRY(reader_claim(db, &view));
    struct metisdb_logs *l = mt_alloc(sizeof(*l) + terms_max * sizeof(l->terms[0]));
    l->view = view;
    l->max = terms_max;
    *out = l;
    return MT_OK;
}

void metisdb_logs_close(struct metisdb_logs *l)
{
    for (size_t i = 0; i < l->num; i++)
        mdb_cursor_close(l->terms[i].cursor);
    reader_release(l->view);
    mt_free(l);
}

mt_err metisdb_logs_term(struct metisdb_logs *l, enum metisdb_log_key kind, slice key)
{
    size_t len = kind == METISDB_LOG_BLOCK ? 0 : kind == METISDB_LOG_ADDRESS ? 20 : 32;
    if (kind > METISDB_LOG_BLOCK || key.len != len)
        return MT_EINVAL;
    if (l->num == l->max)
        return MT_ELIMIT;
    struct term *t = &l->terms[l->num];
    *t = (struct term){.key = key_of(kind, len > 0 ? key.ptr : (const uint8_t *)"", len)};
    MDB_dbi dbi = l->view->db->dbi[TABLE_LOGS];
    MT_TRY(lmdb_err(mdb_cursor_open(l->view->txn, dbi, &t->cursor), "logs", NULL));
    l->num++;
    return MT_OK;
}

/* Takes the row that the cursor moved to; rc is the move's. */
static mt_err take_row(struct term *t, int rc, const MDB_val *k, const MDB_val *v)
{
    if (rc != 0 && rc != MDB_NOTFOUND)
        return lmdb_err(rc, "logs", NULL);
    t->ended = rc == MDB_NOTFOUND || !is_row_of(&t->key, k);
    if (t->ended)
        return MT_ENOTFOUND;
    t->at = place_of(&t->key, k);
    t->p = v->mv_data;
    t->end = t->p + v->mv_size;
    return MT_OK;
}

/* Forward in the row, at most `steps`; *there tells whether `from` was reached. */
static mt_err walk_row(struct term *t, struct metisdb_log_at from, size_t steps,
                       bool *there)
{
    while (steps-- > 0 && compare_places(t->at, from) < 0 && t->p != t->end)
        MT_TRY(next_place(&t->p, t->end, &t->at));
    *there = compare_places(t->at, from) >= 0;
    return MT_OK;
}

/* To the row in which `from` stands or would stand, and on to the place. */
static mt_err jump(struct term *t, struct metisdb_log_at from)
{
    MDB_val k = key_at(&t->key, from), v;
    bool there;
    int rc = mdb_cursor_get(t->cursor, &k, &v, MDB_SET_RANGE);
    if (rc == 0 && is_row_of(&t->key, &k) &&
        compare_places(place_of(&t->key, &k), from) == 0)
        return take_row(t, rc, &k, &v);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return lmdb_err(rc, "logs", NULL);
    rc = mdb_cursor_get(t->cursor, &k, &v, rc == 0 ? MDB_PREV : MDB_LAST);
    mt_err err = take_row(t, rc, &k, &v);
    if (err == MT_OK) {
        MT_TRY(walk_row(t, from, SIZE_MAX, &there));
        if (there)
            return MT_OK;
    } else if (err != MT_ENOTFOUND) {
        return err;
    }
    /* What comes next begins after `from`. PREV before the first row leaves the cursor
     * there, so the table is asked again. */
    k = key_at(&t->key, from);
    return take_row(t, mdb_cursor_get(t->cursor, &k, &v, MDB_SET_RANGE), &k, &v);
}

mt_err metisdb_logs_seek(struct metisdb_logs *l, size_t term, struct metisdb_log_at from,
                         struct metisdb_log_at *out)
{
    struct term *t = &l->terms[term];
    bool there = false;
    MT_ASSERT(term < l->num);
    if (t->ended)
        return MT_ENOTFOUND;
    if (t->begun)
        MT_TRY(walk_row(t, from, STEPS_MAX, &there));
    t->begun = true;
    if (!there)
        MT_TRY(jump(t, from));
    *out = t->at;
    return MT_OK;
}

mt_err metisdb_logs_head(struct metisdb_logs *l, struct block_id *out)
{
    return head_read(l->view->db, l->view->txn, METISDB_HEAD, out);
}

mt_err metisdb_logs_block(struct metisdb_logs *l, uint64_t number,
                          struct block_record *out)
{
    hash32 hash;
    slice raw;
    MT_TRY(canonical_get(l->view->db, l->view->txn, number, &hash));
    MT_TRY(record_get(l->view->db, l->view->txn, &hash, &raw));
    return record_decode(&hash, raw, out);
}

/* ---- from format 1 ---- */

bool metisdb_logs_stale(struct metisdb *db)
{
    return atomic_load(&db->logs_stale);
}

static mt_err drop_all(struct metisdb *db, struct mt_diag *diag)
{
    struct metisdb_batch *b;
    MT_TRY(metisdb_begin(db, &b, diag));
    mt_err err =
        batch_fail(b, lmdb_err(mdb_drop(b->txn, db->dbi[TABLE_LOGS], 0), "logs", diag));
    if (err == MT_OK)
        return metisdb_commit(b);
    metisdb_abort(b);
    return err;
}

/* Some blocks from *number on; past the last one the store is marked. */
static mt_err rebuild_some(struct metisdb *db, uint64_t *number, uint64_t last,
                           mt_err (*receipts)(void *ctx, uint64_t number,
                                              struct metisdb_block_index *out),
                           void *ctx, struct mt_diag *diag)
{
    struct metisdb_batch *b;
    mt_err err = MT_OK;
    MT_TRY(metisdb_begin(db, &b, diag));
    for (unsigned i = 0; err == MT_OK && i < REBUILD_BATCH && *number <= last; i++) {
        struct metisdb_block_index idx;
        err = receipts(ctx, *number, &idx);
        if (err == MT_OK)
            err = logs_add(b, *number, &idx);
        ++*number;
    }
    if (err == MT_OK && *number > last)
        err = identity_renew(b);
    if (batch_fail(b, err) == MT_OK)
        return metisdb_commit(b);
    metisdb_abort(b);
    return mt_fail(diag, err, "block %llu: the log index cannot be made: %s",
                   (unsigned long long)*number - 1, mt_err_text(err));
}

mt_err metisdb_logs_rebuild(struct metisdb *db,
                            mt_err (*receipts)(void *ctx, uint64_t number,
                                               struct metisdb_block_index *out),
                            void *ctx, struct mt_diag *diag)
{
    struct block_id head;
    uint64_t number = 0;
    hash32 hash;
    mt_err err = metisdb_get_head(db, METISDB_HEAD, &head);
    if (err != MT_OK)
        return mt_fail(diag, err, "the head cannot be read");
    MT_TRY(drop_all(db, diag));
    while (number < head.number &&
           metisdb_canonical_hash(db, number, &hash) == MT_ENOTFOUND)
        number++; /* a genesis need not be block 0 */
    while (number <= head.number) {
        MT_TRY(rebuild_some(db, &number, head.number, receipts, ctx, diag));
        log_info("metisdb", "log index made anew", KV_U64("blocks", number),
                 KV_U64("of", head.number + 1), KV_END);
    }
    atomic_store(&db->logs_stale, false);
    return MT_OK;
}
