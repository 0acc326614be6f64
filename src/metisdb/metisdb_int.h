/* The store's inside: tables, versions, keys. Bytes are drawn in docs/FORMAT.md. */
#ifndef METIS_METISDB_INT_H
#define METIS_METISDB_INT_H

#include "metis/metisdb.h"
#include "metis/trie.h"

#include <lmdb.h>
#include <stdatomic.h>

/* X(ID, name in the file). The numbers of the first four stand in history keys: append
 * only. Those four have a history; their values are at most METISDB_VALUE_MAX bytes. */
#define METISDB_TABLES(X)                                                                \
    X(ACCOUNTS, "accounts")                                                              \
    X(STORAGE, "storage")                                                                \
    X(ACCOUNT_NODES, "account_nodes")                                                    \
    X(STORAGE_NODES, "storage_nodes")                                                    \
    X(CODES, "codes")                                                                    \
    X(HISTORY, "history")                                                                \
    X(UNDO, "undo")                                                                      \
    X(BLOCKS, "blocks")                                                                  \
    X(CANONICAL, "canonical")                                                            \
    X(TXS, "transactions")                                                               \
    X(LOGS, "logs")                                                                      \
    X(HEADS, "heads")                                                                    \
    X(META, "meta")                                                                      \
    X(PREIMAGES, "preimages")                                                            \
    X(BAD, "bad_blocks")
enum table {
#define METISDB_TABLE_ENUM(id, name) TABLE_##id,
    METISDB_TABLES(METISDB_TABLE_ENUM)
#undef METISDB_TABLE_ENUM
        TABLE_COUNT
};

#define METISDB_VALUE_MAX 1024
#define METISDB_KEY_MAX   128
#define PATCH_BITS        16
#define VERSION_NONE      UINT64_MAX

static inline uint64_t version_number(uint64_t version)
{
    return version >> PATCH_BITS;
}

/* The record "state" of table meta. */
struct state_meta {
    uint64_t version;
    uint64_t undo_from; /* oldest block whose state can be read */
    hash32 root;
};

struct metisdb_snapshot {
    _Atomic bool busy;
    struct metisdb *db;
    struct metisdb_batch *batch; /* NULL: a reader's */
    MDB_txn *txn;                /* kept between uses, reset */
    MDB_cursor *history;         /* made at first use, renewed */
    bool history_ready;
    bool old;      /* not the newest state: look into the history first */
    uint64_t last; /* last version that belongs to it */
    uint64_t number;
    bool has_addr; /* one hashed address is remembered */
    address addr;
    hash32 addr_key;
};

struct metisdb_batch {
    struct metisdb *db;
    bool open;
    mt_err failed; /* first error: nothing but abort is possible */
    MDB_txn *txn;
    MDB_cursor *cursor[TABLE_COUNT];
    struct metisdb_snapshot view;
    bool has_state;
    struct state_meta state;
    bool version_open; /* state.version was begun by this batch */
    uint32_t seq;      /* next undo record of it */
    bool has_head;
    struct block_id head;
    unsigned block_num;   /* blocks put by this batch */
    struct map codes;     /* code hash -> slice in keep */
    struct arena keep;    /* until the batch ends */
    struct arena scratch; /* one apply */
    struct arena storage; /* one storage trie */
    struct buf undo;      /* keys touched by one apply */
    struct buf record;    /* one block record */
};

struct metisdb {
    struct metisdb_options opt;
    char *path;
    int lock_fd;
    MDB_env *env;
    MDB_dbi dbi[TABLE_COUNT];
    struct metisdb_batch batch;
    struct metisdb_snapshot *pool; /* opt.readers_max */
    _Atomic bool writing;
    _Atomic bool logs_stale; /* see metisdb_logs_stale */
    _Atomic bool broken;     /* a commit or fsync failed: no more writes */
    bool preimages;          /* recorded; decided when the store was made */
    _Atomic uint64_t version;
    _Atomic uint64_t durable_seq; /* odd while durable is written */
    _Atomic uint64_t durable[5];  /* number, hash */
    _Atomic bool has_durable;
};

/* An LMDB result as one of ours, with text; logged when there is no diag. MT_OK for 0. */
mt_err lmdb_err(int rc, const char *what, struct mt_diag *diag);

static inline MDB_val val_of(const void *ptr, size_t len)
{
    return (MDB_val){len, (void *)(uintptr_t)ptr};
}

/* A pooled reader without a state: any table. MT_EBUSY. */
mt_err reader_claim(struct metisdb *db, struct metisdb_snapshot **out);
void reader_release(struct metisdb_snapshot *s);

/* MT_ENOTFOUND when the store is empty. */
mt_err state_meta_read(struct metisdb *db, MDB_txn *txn, struct state_meta *out);
mt_err head_read(struct metisdb *db, MDB_txn *txn, enum metisdb_head which,
                 struct block_id *out);

/* One value of a table with history as the snapshot sees it; MT_ENOTFOUND. Borrowed from
 * the transaction. */
mt_err state_get(struct metisdb_snapshot *s, enum table table, slice key, slice *out);

/* ---- keys and values ---- */

/* Account as kept: see docs/FORMAT.md. */
#define ACCOUNT_PACKED_MAX (2 + 8 + 32 + 32 + 32)
size_t account_pack(const struct account *a, uint8_t out[ACCOUNT_PACKED_MAX]);
mt_err account_unpack(slice in, struct account *out);

/* keccak(addr) || keccak(slot) */
struct storage_key {
    hash32 addr, slot;
};

/* Node of the account trie, or of the storage trie of addr when that is not NULL; returns
 * the length. */
size_t node_key(uint8_t out[METISDB_KEY_MAX], const hash32 *addr, const uint8_t *path,
                size_t path_len);

/* table || key || version; returns the length. */
size_t history_key(uint8_t out[METISDB_KEY_MAX + 9], enum table table, slice key,
                   uint64_t version);

/* Where a trie's nodes come from. */
struct node_source {
    struct metisdb_snapshot *snapshot;
    const hash32 *addr; /* NULL: account trie */
    struct arena *arena;
    bool check; /* hash what is read */
};
mt_err node_resolve(void *ctx, const uint8_t *path, size_t path_len, const hash32 *hash,
                    slice *rlp);

/* ---- records and indexes ---- */

mt_err record_get(struct metisdb *db, MDB_txn *txn, const hash32 *hash, slice *out);
/* Slices of out borrow from in. */
mt_err record_decode(const hash32 *hash, slice in, struct block_record *out);
mt_err canonical_get(struct metisdb *db, MDB_txn *txn, uint64_t number, hash32 *out);

/* ---- writing, batch only ---- */

/* The places of a block's logs into the log index, and out of it again (number is then
 * the last in it). */
mt_err logs_add(struct metisdb_batch *b, uint64_t number,
                const struct metisdb_block_index *idx);
mt_err logs_remove(struct metisdb_batch *b, uint64_t number,
                   const struct metisdb_block_index *idx);
/* Marks the store as of the present format. */
mt_err identity_renew(struct metisdb_batch *b);

MDB_cursor *batch_cursor(struct metisdb_batch *b, enum table table);
/* Remembers the first error and returns it. */
mt_err batch_fail(struct metisdb_batch *b, mt_err err);
/* Undoes the newest version; MT_ENOTFOUND when its diff is not kept. */
mt_err version_undo(struct metisdb_batch *b);
/* Begins version number<<16 or the next patch; see metisdb_apply. */
mt_err version_begin(struct metisdb_batch *b, uint64_t number);
/* Writes the keys in b->undo as the version's next undo record. */
mt_err version_note(struct metisdb_batch *b, uint64_t prev, const hash32 *prev_root);
mt_err history_prune(struct metisdb_batch *b);

#endif
