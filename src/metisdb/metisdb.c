/* The store as a whole: opening and what is checked then, heads, fsync, statistics.
 *
 * One LMDB environment holds every table. A lock on the file LOCK keeps other processes
 * out. Space for the file to grow is reserved as addresses up front (map_size_max),
 * because a map cannot grow under its readers. Writes go through the page cache, never
 * through the map, so a stray store cannot reach the file.
 *
 * The durable head is not stored: at opening the file is fsynced and the head found there
 * is durable; later commits or sync ticks move it. */
#include "metisdb_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_META_SIZE   48
#define READERS_SPARE     8 /* slots for tools of other processes */
#define BATCH_MEMORY_MAX  (4ull << 30)
#define RECORD_MAX        (1u << 30)
#define PATH_TEXT_MAX     4096
#define NETWORK_NAME_MAX  64
#define CODES_IN_BATCH    (1u << 20)
#define DEFAULT_READERS   126
#define DEFAULT_MAP_BYTES (1ull << 40)
#define PEEK_MAP_BYTES    (1ull << 36)
#define TABLE_NONE        UINT_MAX
#define FORMAT_OLDEST     1 /* read, and brought forward by metisdb_logs_rebuild */

static const char *const table_names[] = {
#define TABLE_NAME(id, name) name,
    METISDB_TABLES(TABLE_NAME)
#undef TABLE_NAME
};

static const char *const head_names[] = {
#define HEAD_NAME(id, name) name,
    METISDB_HEADS(HEAD_NAME)
#undef HEAD_NAME
};

mt_err lmdb_err(int rc, const char *what, struct mt_diag *diag)
{
    mt_err err;
    switch (rc) {
    case 0:
        return MT_OK;
    case MDB_NOTFOUND:
        return MT_ENOTFOUND;
    case MDB_MAP_FULL:
        err = MT_ELIMIT;
        break;
    case MDB_READERS_FULL:
        return mt_fail(diag, MT_EBUSY, "too many readers");
    case MDB_VERSION_MISMATCH:
        err = MT_EVERSION;
        break;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PANIC:
        err = MT_ECORRUPT;
        break;
    case ENOMEM:
        err = MT_ENOMEM;
        break;
    case EBUSY:
        err = MT_EBUSY;
        break;
    default:
        err = MT_EIO;
        break;
    }
    if (diag == NULL)
        log_error("metisdb", "LMDB refused", KV_STR("call", what),
                  KV_STR("reason", mdb_strerror(rc)), KV_END);
    return mt_fail(diag, err, "%s: %s", what, mdb_strerror(rc));
}

/* ---- records of table meta ---- */

mt_err state_meta_read(struct metisdb *db, MDB_txn *txn, struct state_meta *out)
{
    MDB_val key = val_of("state", 5), val;
    MT_TRY(lmdb_err(mdb_get(txn, db->dbi[TABLE_META], &key, &val), "state", NULL));
    if (val.mv_size != STATE_META_SIZE)
        return MT_ECORRUPT;
    const uint8_t *p = val.mv_data;
    out->version = load_be64(p);
    out->undo_from = load_be64(p + 8);
    memcpy(out->root.b, p + 16, 32);
    return MT_OK;
}

static mt_err head_get(MDB_txn *txn, MDB_dbi heads, enum metisdb_head which,
                       struct block_id *out)
{
    MDB_val key = val_of(head_names[which], strlen(head_names[which])), val;
    MT_TRY(lmdb_err(mdb_get(txn, heads, &key, &val), "head", NULL));
    if (val.mv_size != 40)
        return MT_ECORRUPT;
    out->number = load_be64(val.mv_data);
    memcpy(out->hash.b, (const uint8_t *)val.mv_data + 8, 32);
    return MT_OK;
}

mt_err head_read(struct metisdb *db, MDB_txn *txn, enum metisdb_head which,
                 struct block_id *out)
{
    return head_get(txn, db->dbi[TABLE_HEADS], which, out);
}

struct identity {
    uint32_t format;
    char network[NETWORK_NAME_MAX];
    uint64_t chain_id;
    hash32 spec_hash;
};

static mt_err identity_read(MDB_txn *txn, MDB_dbi meta, struct identity *out)
{
    MDB_val key = val_of("identity", 8), val;
    MT_TRY(lmdb_err(mdb_get(txn, meta, &key, &val), "identity", NULL));
    const uint8_t *p = val.mv_data;
    if (val.mv_size < 4)
        return MT_ECORRUPT;
    memset(out, 0, sizeof(*out));
    out->format = load_be32(p);
    if (out->format < FORMAT_OLDEST || out->format > METISDB_FORMAT_VERSION)
        return MT_EVERSION;
    if (val.mv_size < 44 || val.mv_size - 44 >= NETWORK_NAME_MAX)
        return MT_ECORRUPT;
    out->chain_id = load_be64(p + 4);
    memcpy(out->spec_hash.b, p + 12, 32);
    memcpy(out->network, p + 44, val.mv_size - 44);
    return MT_OK;
}

static mt_err identity_write(struct metisdb *db, MDB_txn *txn, struct mt_diag *diag)
{
    uint8_t rec[44 + NETWORK_NAME_MAX];
    size_t len = strlen(db->opt.network);
    if (len >= NETWORK_NAME_MAX)
        return mt_fail(diag, MT_EINVAL, "network name is too long");
    store_be32(rec, METISDB_FORMAT_VERSION);
    store_be64(rec + 4, db->opt.chain_id);
    memcpy(rec + 12, db->opt.spec_hash.b, 32);
    memcpy(rec + 44, db->opt.network, len);
    MDB_val key = val_of("identity", 8), val = val_of(rec, 44 + len);
    return lmdb_err(mdb_put(txn, db->dbi[TABLE_META], &key, &val, 0), "identity", diag);
}

/* Whether preimages are kept is decided when the store is made, so that none is missing
 * whoever writes to it later. */
static mt_err preimages_mark(struct metisdb *db, MDB_txn *txn, struct mt_diag *diag)
{
    static const uint8_t on = 1;
    MDB_val key = val_of("preimages", 9), val = val_of(&on, 1);
    if (!db->opt.preimages)
        return MT_OK;
    return lmdb_err(mdb_put(txn, db->dbi[TABLE_META], &key, &val, 0), "preimages", diag);
}

static bool preimages_marked(struct metisdb *db, MDB_txn *txn)
{
    MDB_val key = val_of("preimages", 9), val;
    return mdb_get(txn, db->dbi[TABLE_META], &key, &val) == 0;
}

static mt_err identity_check(struct metisdb *db, MDB_txn *txn, struct mt_diag *diag)
{
    const struct metisdb_options *o = &db->opt;
    struct identity id;
    mt_err err = identity_read(txn, db->dbi[TABLE_META], &id);
    if (err == MT_ENOTFOUND && o->network == NULL)
        return mt_fail(diag, err, "%s: no database", o->path);
    if (err == MT_ENOTFOUND) {
        MT_TRY(preimages_mark(db, txn, diag));
        return identity_write(db, txn, diag);
    }
    if (err == MT_EVERSION)
        return mt_fail(diag, err,
                       "%s: format version %u, this program reads %u: use the program "
                       "that wrote it, or another folder and import anew",
                       o->path, id.format, (unsigned)METISDB_FORMAT_VERSION);
    if (err != MT_OK)
        return mt_fail(diag, err, "%s: damaged identity record", o->path);
    atomic_store(&db->logs_stale, id.format < METISDB_FORMAT_VERSION);
    if (o->network == NULL)
        return MT_OK;
    if (strcmp(id.network, o->network) != 0)
        return mt_fail(diag, MT_EVERSION,
                       "%s: belongs to network %s, not %s: use another "
                       "folder",
                       o->path, id.network, o->network);
    if (id.chain_id != o->chain_id)
        return mt_fail(diag, MT_EVERSION,
                       "%s: has chain id %llu, not %llu: use another "
                       "folder",
                       o->path, (unsigned long long)id.chain_id,
                       (unsigned long long)o->chain_id);
    if (!hash32_eq(&id.spec_hash, &o->spec_hash))
        return mt_fail(diag, MT_EVERSION,
                       "%s: was made with other rules or another "
                       "genesis (the spec hash differs): use another folder, or the "
                       "genesis file it was made with",
                       o->path);
    return MT_OK;
}

mt_err identity_renew(struct metisdb_batch *b)
{
    uint8_t rec[44 + NETWORK_NAME_MAX];
    MDB_dbi meta = b->db->dbi[TABLE_META];
    MDB_val key = val_of("identity", 8), val;
    MT_TRY(lmdb_err(mdb_get(b->txn, meta, &key, &val), "identity", NULL));
    if (val.mv_size < 4 || val.mv_size > sizeof(rec))
        return MT_ECORRUPT;
    memcpy(rec, val.mv_data, val.mv_size);
    store_be32(rec, METISDB_FORMAT_VERSION);
    val = val_of(rec, val.mv_size);
    return lmdb_err(mdb_put(b->txn, meta, &key, &val, 0), "identity", NULL);
}

/* ---- the durable head: five words under a sequence number ---- */

static void durable_set(struct metisdb *db, const struct block_id *id)
{
    uint64_t words[5] = {id->number};
    memcpy(words + 1, id->hash.b, 32);
    atomic_fetch_add(&db->durable_seq, 1);
    for (unsigned i = 0; i < 5; i++)
        atomic_store(&db->durable[i], words[i]);
    atomic_fetch_add(&db->durable_seq, 1);
    atomic_store(&db->has_durable, true);
}

static mt_err durable_get(struct metisdb *db, struct block_id *out)
{
    uint64_t words[5], seq;
    if (!atomic_load(&db->has_durable))
        return MT_ENOTFOUND;
    do {
        seq = atomic_load(&db->durable_seq);
        for (unsigned i = 0; i < 5; i++)
            words[i] = atomic_load(&db->durable[i]);
    } while (seq % 2 != 0 || seq != atomic_load(&db->durable_seq));
    out->number = words[0];
    memcpy(out->hash.b, words + 1, 32);
    return MT_OK;
}

mt_err metisdb_get_head(struct metisdb *db, enum metisdb_head which, struct block_id *out)
{
    struct metisdb_snapshot *r;
    if (which >= METISDB_HEAD_COUNT)
        return MT_EINVAL;
    if (which == METISDB_DURABLE)
        return durable_get(db, out);
    MT_TRY(reader_claim(db, &r));
    mt_err err = head_read(db, r->txn, which, out);
    reader_release(r);
    return err;
}

mt_err metisdb_set_head(struct metisdb_batch *b, enum metisdb_head which,
                        const struct block_id *id)
{
    uint8_t rec[40];
    if (which >= METISDB_HEAD_COUNT || which == METISDB_HEAD || which == METISDB_DURABLE)
        return MT_EINVAL;
    if (b->failed != MT_OK)
        return b->failed;
    store_be64(rec, id->number);
    memcpy(rec + 8, id->hash.b, 32);
    MDB_val key = val_of(head_names[which], strlen(head_names[which]));
    MDB_val val = val_of(rec, 40);
    return batch_fail(b, lmdb_err(mdb_put(b->txn, b->db->dbi[TABLE_HEADS], &key, &val, 0),
                                  "head", NULL));
}

/* ---- the one change ---- */

static void batch_end(struct metisdb_batch *b)
{
    struct metisdb *db = b->db;
    map_clear(&b->codes);
    arena_reset(&b->keep);
    arena_reset(&b->scratch);
    arena_reset(&b->storage);
    b->txn = NULL;
    b->open = false;
    atomic_store(&db->writing, false);
}

mt_err metisdb_begin(struct metisdb *db, struct metisdb_batch **out, struct mt_diag *diag)
{
    struct metisdb_batch *b = &db->batch;
    if (atomic_exchange(&db->writing, true))
        return mt_fail(diag, MT_EBUSY, "a batch is open");
    mt_err err = MT_OK;
    if (atomic_load(&db->broken))
        err = mt_fail(diag, MT_EIO, "an earlier write failed: restart to recover");
    if (err == MT_OK)
        err = lmdb_err(mdb_txn_begin(db->env, NULL, 0, &b->txn), "begin", diag);
    if (err != MT_OK) {
        atomic_store(&db->writing, false);
        return err;
    }
    b->open = true;
    b->failed = MT_OK;
    b->version_open = false;
    b->seq = 0;
    b->block_num = 0;
    memset(b->cursor, 0, sizeof(b->cursor));
    memset(&b->view, 0, sizeof(b->view));
    b->view.db = db;
    b->view.batch = b;
    b->view.txn = b->txn;
    err = state_meta_read(db, b->txn, &b->state);
    b->has_state = err == MT_OK;
    if (err == MT_OK || err == MT_ENOTFOUND)
        err = head_read(db, b->txn, METISDB_HEAD, &b->head);
    b->has_head = err == MT_OK;
    if (!b->has_state)
        b->state = (struct state_meta){0, 0, KECCAK_RLP_EMPTY};
    b->view.number = version_number(b->state.version);
    if (err == MT_OK || err == MT_ENOTFOUND) {
        *out = b;
        return MT_OK;
    }
    metisdb_abort(b);
    return mt_fail(diag, err, "damaged head or state record");
}

struct metisdb_snapshot *metisdb_batch_view(struct metisdb_batch *b)
{
    return &b->view;
}

static void close_cursors(struct metisdb_batch *b)
{
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        if (b->cursor[i] != NULL)
            mdb_cursor_close(b->cursor[i]);
        b->cursor[i] = NULL;
    }
}

void metisdb_abort(struct metisdb_batch *b)
{
    close_cursors(b);
    mdb_txn_abort(b->txn);
    batch_end(b);
}

static mt_err state_meta_write(struct metisdb_batch *b)
{
    uint8_t rec[STATE_META_SIZE];
    store_be64(rec, b->state.version);
    store_be64(rec + 8, b->state.undo_from);
    memcpy(rec + 16, b->state.root.b, 32);
    MDB_val key = val_of("state", 5), val = val_of(rec, STATE_META_SIZE);
    return lmdb_err(mdb_put(b->txn, b->db->dbi[TABLE_META], &key, &val, 0), "state",
                    NULL);
}

mt_err metisdb_commit(struct metisdb_batch *b)
{
    struct metisdb *db = b->db;
    mt_err err = b->failed;
    if (err == MT_OK && b->has_state != b->has_head)
        err = MT_EINVAL; /* a state without its block */
    if (err == MT_OK && b->has_state &&
        version_number(b->state.version) != b->head.number)
        err = MT_EINVAL;
    if (err == MT_OK && b->has_state)
        err = history_prune(b);
    if (err == MT_OK && b->has_state)
        err = state_meta_write(b);
    if (err != MT_OK) {
        metisdb_abort(b);
        return err;
    }
    close_cursors(b);
    err = lmdb_err(mdb_txn_commit(b->txn), "commit", NULL);
    if (err != MT_OK) {
        if (err != MT_ELIMIT) /* a full map harms nothing */
            atomic_store(&db->broken, true);
    } else if (b->has_state) {
        atomic_store(&db->version, b->state.version);
        if (db->opt.sync == METISDB_SYNC_BLOCK)
            durable_set(db, &b->head);
    }
    batch_end(b);
    return err;
}

uint64_t metisdb_version(struct metisdb *db)
{
    return atomic_load(&db->version);
}

mt_err metisdb_sync_tick(struct metisdb *db)
{
    struct block_id head;
    mt_err err = metisdb_get_head(db, METISDB_HEAD, &head);
    if (err == MT_ENOTFOUND)
        return MT_OK;
    MT_TRY(err);
    err = lmdb_err(mdb_env_sync(db->env, 1), "fsync", NULL);
    if (err == MT_OK)
        durable_set(db, &head);
    else
        atomic_store(&db->broken, true);
    return err;
}

/* ---- opening and closing ---- */

static mt_err make_folder(const char *path, struct mt_diag *diag)
{
    char part[PATH_TEXT_MAX];
    size_t len = strlen(path);
    if (len == 0 || len + 16 > sizeof(part))
        return mt_fail(diag, MT_EINVAL, "bad database path");
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char was = part[i];
        part[i] = 0;
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return mt_fail(diag, MT_EIO, "%s: %s", part, strerror(errno));
        part[i] = was;
    }
    return MT_OK;
}

static mt_err take_lock(struct metisdb *db, struct mt_diag *diag)
{
    char name[PATH_TEXT_MAX];
    if (mt_fmt(name, sizeof(name), "%s/LOCK", db->path) + 1 >= sizeof(name))
        return mt_fail(diag, MT_EINVAL, "path is too long");
    db->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (db->lock_fd < 0)
        return mt_fail(diag, MT_EIO, "%s: %s", name, strerror(errno));
    if (flock(db->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return MT_OK;
    if (errno == EWOULDBLOCK)
        return mt_fail(diag, MT_EBUSY, "%s: in use by another process", db->path);
    return mt_fail(diag, MT_EIO, "%s: %s", name, strerror(errno));
}

static mt_err open_env(const char *path, size_t map, unsigned readers, unsigned flags,
                       MDB_env **out, struct mt_diag *diag)
{
    MDB_env *env;
    MT_TRY(lmdb_err(mdb_env_create(&env), "create", diag));
    int rc = mdb_env_set_maxdbs(env, TABLE_COUNT + 3);
    if (rc == 0)
        rc = mdb_env_set_mapsize(env, map);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(env, readers + READERS_SPARE);
    if (rc == 0)
        rc = mdb_env_open(env, path, flags | MDB_NOTLS, 0644);
    if (rc == 0) {
        *out = env;
        return MT_OK;
    }
    mdb_env_close(env);
    if (rc == ENOMEM)
        return mt_fail(diag, MT_ENOMEM,
                       "%s: no address space for %llu bytes: lower "
                       "map_size_max",
                       path, (unsigned long long)map);
    return lmdb_err(rc, path, diag);
}

/* Opens the tables, checks or writes the identity, reads the head. */
static mt_err load(struct metisdb *db, struct mt_diag *diag)
{
    MDB_txn *txn;
    struct state_meta state;
    struct block_id head;
    int dead;
    MT_TRY(lmdb_err(mdb_reader_check(db->env, &dead), "readers", diag));
    MT_TRY(lmdb_err(mdb_txn_begin(db->env, NULL, 0, &txn), "begin", diag));
    mt_err err = MT_OK;
    for (unsigned i = 0; i < TABLE_COUNT && err == MT_OK; i++)
        err = lmdb_err(mdb_dbi_open(txn, table_names[i], MDB_CREATE, &db->dbi[i]),
                       table_names[i], diag);
    if (err == MT_OK)
        err = identity_check(db, txn, diag);
    if (err != MT_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    db->preimages = preimages_marked(db, txn);
    err = state_meta_read(db, txn, &state);
    if (err == MT_OK) {
        atomic_store(&db->version, state.version);
        err = head_read(db, txn, METISDB_HEAD, &head);
    }
    if (err != MT_OK && err != MT_ENOTFOUND) {
        mdb_txn_abort(txn);
        return mt_fail(diag, err, "%s: damaged head or state record", db->path);
    }
    bool has_head = err == MT_OK;
    MT_TRY(lmdb_err(mdb_txn_commit(txn), "commit", diag));
    MT_TRY(lmdb_err(mdb_env_sync(db->env, 1), "fsync", diag));
    if (has_head)
        durable_set(db, &head);
    return MT_OK;
}

/* Makes a new file's name durable as well. */
static mt_err sync_folder(const char *path, struct mt_diag *diag)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    int rc = fsync(fd);
    close(fd);
    return rc == 0 ? MT_OK : mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
}

static void release(struct metisdb *db)
{
    struct metisdb_batch *b = &db->batch;
    for (unsigned i = 0; db->pool != NULL && i < db->opt.readers_max; i++) {
        if (db->pool[i].history != NULL)
            mdb_cursor_close(db->pool[i].history);
        if (db->pool[i].txn != NULL)
            mdb_txn_abort(db->pool[i].txn);
    }
    if (db->env != NULL)
        mdb_env_close(db->env);
    if (db->lock_fd >= 0)
        close(db->lock_fd);
    map_fini(&b->codes);
    arena_fini(&b->keep);
    arena_fini(&b->scratch);
    arena_fini(&b->storage);
    buf_fini(&b->undo);
    buf_fini(&b->record);
    mt_free(db->pool);
    mt_free(db->path);
    mt_free(db);
}

mt_err metisdb_open(const struct metisdb_options *opt, struct metisdb **out,
                    struct mt_diag *diag)
{
    if (opt->network != NULL)
        MT_TRY(make_folder(opt->path, diag));
    struct metisdb *db = mt_alloc(sizeof(*db));
    struct metisdb_batch *b = &db->batch;
    db->lock_fd = -1;
    db->opt = *opt;
    db->path = mt_strdup(opt->path);
    db->opt.path = db->path;
    if (db->opt.readers_max == 0)
        db->opt.readers_max = DEFAULT_READERS;
    if (db->opt.map_size_max == 0)
        db->opt.map_size_max = DEFAULT_MAP_BYTES;
    db->pool = mt_alloc(db->opt.readers_max * sizeof(*db->pool));
    b->db = db;
    arena_init(&b->keep, BATCH_MEMORY_MAX);
    arena_init(&b->scratch, BATCH_MEMORY_MAX);
    arena_init(&b->storage, BATCH_MEMORY_MAX);
    buf_init(&b->undo, RECORD_MAX);
    buf_init(&b->record, RECORD_MAX);
    map_init(&b->codes, NULL, 32, sizeof(slice), CODES_IN_BATCH, 0);
    mt_err err = take_lock(db, diag);
    if (err == MT_OK)
        err =
            open_env(db->path, db->opt.map_size_max, db->opt.readers_max,
                     db->opt.sync == METISDB_SYNC_BLOCK ? 0 : MDB_NOSYNC, &db->env, diag);
    if (err == MT_OK)
        err = load(db, diag);
    if (err == MT_OK)
        err = sync_folder(db->path, diag);
    db->opt.network = NULL; /* the caller's; not needed any more */
    if (err == MT_OK)
        *out = db;
    else
        release(db);
    return err;
}

void metisdb_close(struct metisdb *db)
{
    MT_ASSERT(!atomic_load(&db->writing));
    for (unsigned i = 0; i < db->opt.readers_max; i++)
        MT_ASSERT(!atomic_load(&db->pool[i].busy));
    if (!atomic_load(&db->broken))
        lmdb_err(mdb_env_sync(db->env, 1), "fsync", NULL);
    release(db);
}

static mt_err drop_all(struct metisdb *db, struct mt_diag *diag)
{
    MDB_txn *txn;
    MT_TRY(lmdb_err(mdb_txn_begin(db->env, NULL, 0, &txn), "begin", diag));
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        mt_err err = lmdb_err(mdb_drop(txn, db->dbi[i], 0), table_names[i], diag);
        if (err != MT_OK) {
            mdb_txn_abort(txn);
            return err;
        }
    }
    return lmdb_err(mdb_txn_commit(txn), "commit", diag);
}

mt_err metisdb_clear(struct metisdb *db, const struct metisdb_options *opt,
                     struct mt_diag *diag)
{
    bool busy = atomic_load(&db->writing);
    for (unsigned i = 0; i < db->opt.readers_max; i++)
        busy = busy || atomic_load(&db->pool[i].busy);
    if (busy)
        return mt_fail(diag, MT_EBUSY, "%s: a snapshot or batch is open", db->path);
    MT_TRY(drop_all(db, diag));
    atomic_store(&db->version, 0);
    atomic_store(&db->logs_stale, false);
    atomic_store(&db->has_durable, false);
    db->opt.network = opt->network;
    db->opt.chain_id = opt->chain_id;
    db->opt.spec_hash = opt->spec_hash;
    mt_err err = load(db, diag);
    db->opt.network = NULL; /* the caller's */
    return err;
}

/* ---- for operators ---- */

static mt_err stat_free(MDB_txn *txn, unsigned page_size, uint64_t *out)
{
    MDB_cursor *c;
    MDB_val key, val;
    int rc;
    MT_TRY(
        lmdb_err(mdb_cursor_open(txn, 0, &c), "free list", NULL)); /* its number is 0 */
    while ((rc = mdb_cursor_get(c, &key, &val, MDB_NEXT)) == 0) {
        size_t pages;
        memcpy(&pages, val.mv_data, sizeof(pages));
        *out += (uint64_t)pages * page_size;
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? MT_OK : lmdb_err(rc, "free list", NULL);
}

static mt_err stat_heads(MDB_txn *txn, const MDB_dbi *dbi, struct metisdb_stat *out)
{
    for (unsigned i = 0; i < METISDB_HEAD_COUNT; i++) {
        mt_err err = head_get(txn, dbi[TABLE_HEADS], i, &out->heads[i]);
        out->has_head[i] = err == MT_OK;
        if (err != MT_OK && err != MT_ENOTFOUND)
            return err;
    }
    return MT_OK;
}

/* LMDB tells its readers as lines "pid thread txnid", with "-" for a place at rest. */
struct reader_walk {
    unsigned open;
    uint64_t oldest;
};

static int walk_reader(const char *line, void *ctx)
{
    struct reader_walk *w = ctx;
    unsigned long long txn;
    if (sscanf(line, "%*d %*x %llu", &txn) != 1)
        return 0; /* the heading, or a place at rest */
    w->open++;
    w->oldest = w->open == 1 ? txn : MT_MIN(w->oldest, (uint64_t)txn);
    return 0;
}

static void stat_readers(MDB_env *env, uint64_t last_txn, struct metisdb_stat *out)
{
    struct reader_walk w = {0};
    mdb_reader_list(env, walk_reader, &w);
    out->readers_open = w.open;
    if (w.open > 0 && last_txn > w.oldest)
        out->oldest_reader_commits = last_txn - w.oldest;
}

static mt_err stat_env(MDB_env *env, MDB_txn *txn, const MDB_dbi *dbi,
                       struct metisdb_stat *out)
{
    MDB_envinfo info;
    MDB_stat st;
    MDB_val key = val_of("state", 5), val;
    MT_TRY(lmdb_err(mdb_env_info(env, &info), "info", NULL));
    out->map_bytes = info.me_mapsize;
    out->readers = info.me_numreaders;
    stat_readers(env, info.me_last_txnid, out);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        if (dbi[i] == TABLE_NONE)
            continue;
        struct metisdb_table_stat *t = &out->tables[out->table_num++];
        MT_TRY(lmdb_err(mdb_stat(txn, dbi[i], &st), "stat", NULL));
        mt_fmt(t->name, sizeof(t->name), "%s", table_names[i]);
        t->entries = st.ms_entries;
        t->bytes = (uint64_t)st.ms_psize *
                   (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages);
    }
    out->file_bytes = (uint64_t)st.ms_psize * (info.me_last_pgno + 1);
    int rc = mdb_get(txn, dbi[TABLE_META], &key, &val);
    if (rc == 0 && val.mv_size == STATE_META_SIZE)
        out->undo_from = load_be64((const uint8_t *)val.mv_data + 8);
    else if (rc != MDB_NOTFOUND)
        return MT_ECORRUPT;
    MT_TRY(stat_heads(txn, dbi, out));
    return stat_free(txn, st.ms_psize, &out->free_bytes);
}

mt_err metisdb_get_stat(struct metisdb *db, struct metisdb_stat *out)
{
    struct metisdb_snapshot *r;
    struct metisdb_stat s = {0};
    MT_TRY(reader_claim(db, &r));
    mt_err err = stat_env(db->env, r->txn, db->dbi, &s);
    reader_release(r);
    if (err == MT_OK)
        *out = s;
    return err;
}

/* A read-only look at a folder that another process may have open. */
static mt_err peek_open(const char *path, MDB_env **env, MDB_txn **txn,
                        struct mt_diag *diag)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return mt_fail(diag, MT_ENOTFOUND, "%s: no database", path);
    MT_TRY(open_env(path, PEEK_MAP_BYTES, 1, MDB_RDONLY, env, diag));
    mt_err err = lmdb_err(mdb_txn_begin(*env, NULL, MDB_RDONLY, txn), "begin", diag);
    if (err != MT_OK)
        mdb_env_close(*env);
    return err;
}

mt_err metisdb_peek(const char *path, char *network, size_t network_size,
                    uint64_t *chain_id, hash32 *spec_hash, struct mt_diag *diag)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;
    struct identity id;
    MT_TRY(peek_open(path, &env, &txn, diag));
    mt_err err =
        lmdb_err(mdb_dbi_open(txn, table_names[TABLE_META], 0, &meta), "meta", diag);
    if (err == MT_OK)
        err = identity_read(txn, meta, &id);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    if (err == MT_EVERSION)
        return mt_fail(diag, err, "%s: format version %u, this program reads %u", path,
                       id.format, (unsigned)METISDB_FORMAT_VERSION);
    if (err != MT_OK)
        return mt_fail(diag, err, "%s: not a database of this program", path);
    if (strlen(id.network) >= network_size)
        return mt_fail(diag, MT_ELIMIT, "network name does not fit");
    memcpy(network, id.network, strlen(id.network) + 1);
    *chain_id = id.chain_id;
    *spec_hash = id.spec_hash;
    return MT_OK;
}

mt_err metisdb_peek_stat(const char *path, struct metisdb_stat *out, struct mt_diag *diag)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi[TABLE_COUNT];
    struct metisdb_stat s = {0};
    MT_TRY(peek_open(path, &env, &txn, diag));
    mt_err err = MT_OK;
    for (unsigned i = 0; i < TABLE_COUNT && err == MT_OK; i++) {
        err = lmdb_err(mdb_dbi_open(txn, table_names[i], 0, &dbi[i]), "open", diag);
        if (err == MT_ENOTFOUND &&
            i > TABLE_META) { /* from before there was such a one */
            dbi[i] = TABLE_NONE;
            err = MT_OK;
        }
    }
    if (err == MT_OK)
        err = stat_env(env, txn, dbi, &s);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    if (err != MT_OK)
        return mt_fail(diag, err, "%s: not a database of this program", path);
    *out = s;
    return MT_OK;
}
