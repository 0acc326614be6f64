/* metisdb: the store of one network behind one header: state with exact Merkle Patricia
 * roots, block records, receipts, indexes, heads.
 *
 * One writer (the executor thread) works in batches: a batch holds everything of one or
 * more blocks and becomes visible and crash-safe as a whole. Any number of readers work
 * on snapshots, each a consistent view of the state after some block, which outlives
 * later commits. Old blocks are read through reverse diffs.
 *
 * This implementation is plain LMDB; docs/FORMAT.md draws every table. A head is served
 * once its commit survives a kill of the process; whether it survives a loss of power is
 * told by the durable head, which db.sync governs. */
#ifndef METIS_METISDB_H
#define METIS_METISDB_H

#include "metis/types.h"

#define METISDB_FORMAT_VERSION 2

struct metisdb;          /* one open store; thread-safe where said */
struct metisdb_snapshot; /* a reader's view; one thread at a time */
struct metisdb_batch;    /* the writer's open change; writer thread only */

enum metisdb_sync {
    METISDB_SYNC_BLOCK,    /* fsync in every commit */
    METISDB_SYNC_INTERVAL, /* fsync every interval_ms by metisdb_sync_tick */
    METISDB_SYNC_OFF       /* fsync only at close */
};

struct metisdb_options {
    const char *path;    /* folder, made when missing */
    const char *network; /* stored at creation, compared at open; NULL: open only what
                               is there, whatever it is (tools) */
    uint64_t chain_id;
    hash32 spec_hash; /* likewise */
    enum metisdb_sync sync;
    uint64_t interval_ms;
    uint64_t undo_blocks;  /* reverse diffs kept; UINT64_MAX: all */
    uint64_t map_size_max; /* bytes of address space, the cap of the file; 0: 1 TiB */
    unsigned readers_max;  /* snapshots and queries at once; 0: 126 */
    bool preimages; /* of a store made now: keep what hashed keys are made of, from then
                       on whoever opens it (development networks) */
};

/* Opens or creates. MT_EBUSY: another process holds it; MT_EVERSION: other format,
 * network, chain id or spec, text says which and what to do; MT_ECORRUPT; MT_EIO. */
mt_err metisdb_open(const struct metisdb_options *opt, struct metisdb **out,
                    struct mt_diag *diag);
/* Syncs and closes; no snapshot or batch may be open. */
void metisdb_close(struct metisdb *db);
/* Empties the store and gives it the identity of opt (network, chain_id, spec_hash; the
 * rest of opt is not read), as if it had been opened in an empty folder, which costs many
 * times more. MT_EBUSY: a snapshot or batch is open. After another error it is to be
 * closed. */
mt_err metisdb_clear(struct metisdb *db, const struct metisdb_options *opt,
                     struct mt_diag *diag);

/* ---- heads ---- */

/* X(ID, name): one table for all. head: last executed block, durable: last fsynced, soft:
 * voted by the sequencer set, committed: final in consensus, safe and finalized: by L1.
 */
#define METISDB_HEADS(X)                                                                 \
    X(HEAD, "head")                                                                      \
    X(DURABLE, "durable")                                                                \
    X(SOFT, "soft")                                                                      \
    X(COMMITTED, "committed")                                                            \
    X(SAFE, "safe")                                                                      \
    X(FINALIZED, "finalized")
enum metisdb_head {
#define METISDB_HEAD_ENUM(id, name) METISDB_##id,
    METISDB_HEADS(METISDB_HEAD_ENUM)
#undef METISDB_HEAD_ENUM
        METISDB_HEAD_COUNT
};

struct block_id {
    uint64_t number;
    hash32 hash;
};

/* Any thread. MT_ENOTFOUND when never set (an empty store has no head). */
mt_err metisdb_get_head(struct metisdb *db, enum metisdb_head which,
                        struct block_id *out);

/* ---- snapshots (any thread, each snapshot one thread at a time) ---- */

#define METISDB_LATEST UINT64_MAX

/* The state after canonical block `number`. MT_ENOTFOUND: no such block or its state is
 * no longer kept (diag says from which block on); MT_EBUSY: readers_max. */
mt_err metisdb_snapshot_open(struct metisdb *db, uint64_t number,
                             struct metisdb_snapshot **out, struct mt_diag *diag);
void metisdb_snapshot_close(struct metisdb_snapshot *s);
uint64_t metisdb_snapshot_number(const struct metisdb_snapshot *s);
/* The canonical hash of a block as it was when the snapshot was opened: what is read with
 * it belongs to this state, whatever was reorganised since. MT_ENOTFOUND. */
mt_err metisdb_snapshot_hash(const struct metisdb_snapshot *s, uint64_t number,
                             hash32 *out);

/* The root of this state. It is not its block's where dev methods patched it. */
mt_err metisdb_snapshot_root(struct metisdb_snapshot *s, hash32 *out);

/* *exists false: *out is account_empty(). storage_root is the committed one. */
mt_err metisdb_get_account(struct metisdb_snapshot *s, const address *addr,
                           struct account *out, bool *exists);
/* Zero when absent. */
mt_err metisdb_get_storage(struct metisdb_snapshot *s, const address *addr,
                           const hash32 *slot, u256 *out);
/* Borrowed until the snapshot closes. */
mt_err metisdb_get_code(struct metisdb_snapshot *s, const hash32 *code_hash, slice *out);

/* The first block from `at` on that changed the account (nonce, balance, code or
 * storage), or back: the last one up to it; canonical blocks whose reverse diffs are
 * kept, without the first of the store. Any thread. MT_ENOTFOUND. */
mt_err metisdb_find_change(struct metisdb *db, const address *addr, uint64_t at,
                           bool back, uint64_t *number);

/* Many at once, so that a store can overlap its cache misses. kind: slot NULL asks for
 * the account. */
struct metisdb_want {
    address addr;
    bool is_slot;
    hash32 slot;
    struct account account; /* out */
    bool exists;            /* out */
    u256 value;             /* out */
};
mt_err metisdb_get_many(struct metisdb_snapshot *s, struct metisdb_want *wants,
                        size_t num);

/* Merkle proofs as eth_getProof wants them, in arena: the account's nodes, then for each
 * slot its value and nodes. */
struct metisdb_slot_proof {
    hash32 slot;
    u256 value;
    slice *nodes;
    size_t node_num;
};
struct metisdb_proof {
    struct account account;
    bool exists;
    slice *nodes;
    size_t node_num;
    struct metisdb_slot_proof *slots;
    size_t slot_num;
};
mt_err metisdb_get_proof(struct metisdb_snapshot *s, const address *addr,
                         const hash32 *slots, size_t slot_num, struct arena *arena,
                         struct metisdb_proof *out);

/* ---- walks over hashed keys, in their order (readers' snapshots) ---- */

/* fn says whether to go on; what it is given lasts for its call. from: the first key;
 * NULL: from the start. O(keys walked), at old blocks also those that only later ones
 * have. */
typedef bool metisdb_account_fn(void *ctx, const hash32 *key, const struct account *a);
mt_err metisdb_each_account(struct metisdb_snapshot *s, const hash32 *from,
                            metisdb_account_fn *fn, void *ctx);
/* Of the account with this hashed address. */
typedef bool metisdb_slot_fn(void *ctx, const hash32 *key, u256 value);
mt_err metisdb_each_slot(struct metisdb_snapshot *s, const hash32 *addr_hash,
                         const hash32 *from, metisdb_slot_fn *fn, void *ctx);

/* What a hashed key is the hash of: an address (20 bytes) or a slot (32), borrowed until
 * the snapshot closes. MT_ENOTFOUND: not recorded, see metisdb_options.preimages. */
mt_err metisdb_preimage(struct metisdb_snapshot *s, const hash32 *key, slice *out);

/* One trie node by its place, for witnesses: addr_hash is keccak of the address whose
 * storage trie it is in, NULL for the account trie; path: nibbles from that trie's root,
 * at most 64. A copy in arena, checked to have this hash. MT_ECORRUPT when another node
 * or none stands there. */
mt_err metisdb_get_node(struct metisdb_snapshot *s, const hash32 *addr_hash,
                        const uint8_t *path, size_t path_len, const hash32 *hash,
                        struct arena *arena, slice *rlp);

/* ---- block records ---- */

#define METISDB_RECORD_VERSION 1

/* One block as it is kept. Parts may be empty; all are opaque bytes to the store but for
 * the indexes it derives from the arguments of metisdb_put_block. */
struct block_record {
    struct block_id id;
    hash32 parent;
    slice header;   /* RLP */
    slice body;     /* RLP of the whole block's list without the header */
    slice receipts; /* chain's own storage form, see chain.h */
    slice senders;  /* 20 bytes a transaction */
    slice seal;     /* empty for a solo sequencer */
    slice l1_origin;
    slice sequencer_sig;
    slice access_list; /* EIP-7928 bytes */
    u256 total_difficulty;
};

/* By hash (canonical or not) or by canonical number; slices are copies in arena. Any
 * thread, short read transaction of its own. MT_ENOTFOUND. */
mt_err metisdb_block_by_hash(struct metisdb *db, const hash32 *hash, struct arena *arena,
                             struct block_record *out);
mt_err metisdb_block_by_number(struct metisdb *db, uint64_t number, struct arena *arena,
                               struct block_record *out);
mt_err metisdb_canonical_hash(struct metisdb *db, uint64_t number, hash32 *out);

/* ---- blocks that were refused ---- */

#define METISDB_BAD_MAX 10u /* the newest are kept */

struct metisdb_bad {
    hash32 hash;
    slice rlp, reason; /* of the reason at most 65,535 bytes */
};
/* i 0: the newest; slices are copies in arena. Any thread. MT_ENOTFOUND. */
mt_err metisdb_bad_block(struct metisdb *db, size_t i, struct arena *arena,
                         struct metisdb_bad *out);

struct tx_location {
    uint64_t number; /* canonical block */
    uint32_t idx;
};
mt_err metisdb_find_tx(struct metisdb *db, const hash32 *tx_hash,
                       struct tx_location *out);

/* ---- the log index ---- */

/* A log by place: canonical block, and the log's index in it. */
struct metisdb_log_at {
    uint64_t number;
    uint32_t idx;
};

/* What a log is found by: its address (20 bytes), a topic at its position (32 bytes), or,
 * with an empty key, the first log of each block that has any. */
enum metisdb_log_key {
    METISDB_LOG_ADDRESS,
    METISDB_LOG_TOPIC0,
    METISDB_LOG_TOPIC1,
    METISDB_LOG_TOPIC2,
    METISDB_LOG_TOPIC3,
    METISDB_LOG_BLOCK
};

/* One search: a consistent view of the index and of the canonical blocks, whatever is
 * committed meanwhile. One thread at a time; open for a short time only (like a
 * snapshot it keeps old pages). MT_EBUSY: readers_max. */
struct metisdb_logs;
mt_err metisdb_logs_open(struct metisdb *db, size_t terms_max, struct metisdb_logs **out);
void metisdb_logs_close(struct metisdb_logs *l);
/* Adds a term; terms are numbered from 0 in the order of these calls. MT_EINVAL: wrong
 * length; MT_ELIMIT: more than terms_max. */
mt_err metisdb_logs_term(struct metisdb_logs *l, enum metisdb_log_key kind, slice key);
/* The term's first place not before `from`, which must not go back from call to call.
 * MT_ENOTFOUND: no more. */
mt_err metisdb_logs_seek(struct metisdb_logs *l, size_t term, struct metisdb_log_at from,
                         struct metisdb_log_at *out);
/* The head and a canonical block of the view; slices are borrowed until close. */
mt_err metisdb_logs_head(struct metisdb_logs *l, struct block_id *out);
mt_err metisdb_logs_block(struct metisdb_logs *l, uint64_t number,
                          struct block_record *out);

/* ---- the writer ---- */

/* Opens the one change; blocks readers never. MT_EBUSY when one is open. */
mt_err metisdb_begin(struct metisdb *db, struct metisdb_batch **out,
                     struct mt_diag *diag);

/* State of the head plus this batch, for the executor: same functions as on a snapshot.
 * The snapshot belongs to the batch and sees its applied deltas; closed by commit or
 * abort. */
struct metisdb_snapshot *metisdb_batch_view(struct metisdb_batch *b);

/* Applies an ordered delta as (part of) block `number` and gives the state root. May be
 * called again for the same number (receipt roots before Byzantium) or for the next one.
 * Reverse diffs are kept for it. number equal to the head's patches the head's state (dev
 * methods); metisdb_version tells patches apart. */
mt_err metisdb_apply(struct metisdb_batch *b, uint64_t number,
                     const struct state_delta *delta, hash32 *root);

/* Stores a record. canonical: number -> hash, tx_hashes and logs enter the indexes and
 * HEAD moves to it. */
struct metisdb_block_index {
    const hash32 *tx_hashes;
    size_t tx_num;
    const struct receipt *receipts; /* for the log index */
    size_t receipt_num;
};
mt_err metisdb_put_block(struct metisdb_batch *b, const struct block_record *rec,
                         const struct metisdb_block_index *idx, bool canonical);

/* Remembers a refused block, one that is remembered already as the newest. */
mt_err metisdb_put_bad(struct metisdb_batch *b, const struct metisdb_bad *bad);

mt_err metisdb_set_head(struct metisdb_batch *b, enum metisdb_head which,
                        const struct block_id *id);

/* Takes the canonical head block off: its state changes are undone, its indexes removed,
 * HEAD moves to its parent; the record stays as a side block. MT_ENOTFOUND past the kept
 * diffs. */
mt_err metisdb_undo_block(struct metisdb_batch *b, const struct metisdb_block_index *idx);

/* State versions: after each applied block and patch. Undo goes back to a version within
 * the head block (dev methods' snapshots). */
uint64_t metisdb_version(struct metisdb *db);
mt_err metisdb_undo_patches(struct metisdb_batch *b, uint64_t version);

/* A store of format 1 has a log index of another form: true until it was made anew.
 * Everything else works as it is. */
bool metisdb_logs_stale(struct metisdb *db);
/* Makes it anew from genesis to head, in batches of its own, and marks the store as of
 * the present format; begins from the start again after an interruption. receipts gives a
 * canonical block's receipts, borrowed until its next call. */
mt_err metisdb_logs_rebuild(struct metisdb *db,
                            mt_err (*receipts)(void *ctx, uint64_t number,
                                               struct metisdb_block_index *out),
                            void *ctx, struct mt_diag *diag);

/* Everything at once, visible to new snapshots on return; fsynced by the sync option. On
 * an error nothing of it happened and the batch is gone. Also prunes old reverse diffs
 * within a small budget. */
mt_err metisdb_commit(struct metisdb_batch *b);
void metisdb_abort(struct metisdb_batch *b);

/* Interval mode: fsync now (housekeeper thread) and move the durable head. After a failed
 * fsync the store takes no more writes (MT_EIO) until it is opened again. */
mt_err metisdb_sync_tick(struct metisdb *db);

/* Which states can be read: from the first block on, and of how many newest blocks they
 * are kept (0: of all). Any thread. */
mt_err metisdb_kept(struct metisdb *db, uint64_t *from, uint64_t *blocks);

/* ---- for operators ---- */

struct metisdb_table_stat {
    char name[32];
    uint64_t entries;
    uint64_t bytes;
};
struct metisdb_stat {
    uint64_t file_bytes;
    uint64_t free_bytes;
    uint64_t map_bytes;
    unsigned readers;               /* places taken, of db.readers_max */
    unsigned readers_open;          /* with a snapshot now */
    uint64_t oldest_reader_commits; /* commits since the oldest of their snapshots */
    uint64_t undo_from;             /* oldest block whose state can be read */
    struct metisdb_table_stat tables[24]; /* in the order of docs/FORMAT.md */
    size_t table_num;
    bool has_head[METISDB_HEAD_COUNT]; /* the stored ones: all but durable */
    struct block_id heads[METISDB_HEAD_COUNT];
};
mt_err metisdb_get_stat(struct metisdb *db, struct metisdb_stat *out);

/* What a store says of itself without opening it for writing (db stat, error texts). */
mt_err metisdb_peek(const char *path, char *network, size_t network_size,
                    uint64_t *chain_id, hash32 *spec_hash, struct mt_diag *diag);

/* Statistics of a store that another process may have open (map_bytes is then that of the
 * look, not of the store). Neither of these two may be
 * called on a store that this process has open. */
mt_err metisdb_peek_stat(const char *path, struct metisdb_stat *out,
                         struct mt_diag *diag);

#endif
