/* chain: the ledger of one network: genesis, validation, import, heads, reorganisation,
 * blocks and receipts as values, log search.
 *
 * All writing is done by one thread, the network's executor; all queries may come from
 * any thread and work on the store's own snapshots. The outcome of every write leaves as
 * a chain_update, which the node carries to the event loop. */
#ifndef METIS_CHAIN_H
#define METIS_CHAIN_H

#include "metis/metisdb.h"
#include "metis/mpef.h"
#include "metis/types.h"

/* ================= genesis and networks ================= */

struct genesis {
    struct chain_spec spec;
    struct header header; /* complete, state root included */
    hash32 hash;
    /* keccak over every rule and the genesis hash, stored in the database */
    hash32 spec_hash;
    struct state_delta alloc;
    slice json; /* the text it came from */
};

/* Genesis in geth's form, with config.metis{} for the named rules (docs/NETWORKS.md).
 * Results live in arena. MT_EDECODE names the key's path. Unknown keys of config.metis
 * are errors, unknown keys of geth's are ignored as geth does. */
mt_err genesis_parse(slice json, struct arena *arena, struct genesis *out,
                     struct mt_diag *diag);
/* From a file (at most 64 MiB). */
mt_err genesis_load(const char *path, struct arena *arena, struct genesis *out,
                    struct mt_diag *diag);

/* ================= blocks as values ================= */

/* A block with its receipts and senders, decoded; refcounted, immutable, in memory of its
 * own. */
struct chain_block {
    _Atomic uint32_t refs; /* private */
    struct block block;    /* senders set */
    struct receipt *receipts;
    u256 total_difficulty;
    bool canonical;
    struct arena arena; /* private: holds everything */
};
void chain_block_hold(struct chain_block *b);
void chain_block_drop(struct chain_block *b); /* NULL is allowed */

/* ================= heads ================= */

/* What is true after a commit. Immutable, refcounted; any thread that holds it may read.
 */
struct head_view {
    _Atomic uint32_t refs; /* private */
    struct chain_block *head;
    struct block_id heads[METISDB_HEAD_COUNT];
    bool has_head[METISDB_HEAD_COUNT];
    struct rules rules; /* of the head */
    u256 next_base_fee; /* of a child now; zero before London */
    u256 next_blob_fee;
    uint64_t state_version; /* moves with dev patches too */
};
void head_view_hold(struct head_view *v);
void head_view_drop(struct head_view *v);

/* One write's outcome: blocks taken off (newest first) and put on (oldest first), and
 * the view after it. */
struct chain_update {
    struct chain_block **removed;
    size_t removed_num;
    struct chain_block **added;
    size_t added_num;
    struct head_view *view;
};
void chain_update_free(struct chain_update *u); /* drops all it holds */

/* ================= the chain ================= */

struct chain;

struct chain_options {
    struct metisdb *db;
    const struct genesis *genesis; /* must outlive the chain */
    struct workers *workers;       /* sender recovery; NULL: on the executor */
    const struct crypto_ops *crypto;
    enum vm_engine engine;
    const struct vm_tracer *tracer; /* sees what blocks run; NULL: none */
    size_t block_memory_max;        /* arena cap of one block's execution */
    bool access_lists; /* keep a list (EIP-7928) beside every block, not from Amsterdam on
                        * only, where the header commits to it */
    unsigned metric_net; /* index for the metrics */
    /* Called on the executor thread after each commit; takes ownership of update. NULL:
     * none. */
    void (*on_update)(void *ctx, struct chain_update *update);
    void *ctx;
};

/* Commits the genesis to an empty store, else checks that it is the same (MT_EVERSION).
 */
mt_err chain_open(const struct chain_options *opt, struct chain **out,
                  struct mt_diag *diag);
void chain_close(struct chain *c);

const struct genesis *chain_genesis(const struct chain *c);
const struct chain_spec *chain_spec_of(const struct chain *c);
struct metisdb *chain_db(const struct chain *c);

/* The present view, held for the caller. Executor thread only (others get views by
 * updates), or before the executor starts. */
struct head_view *chain_view(struct chain *c);

/* Rules of a block by number and time on this chain (total difficulty known from
 * parent). */
struct rules chain_rules_at(const struct chain *c, uint64_t number, uint64_t timestamp,
                            const u256 *parent_td);

/* ---- writing: executor thread ---- */

enum import_status { IMPORT_CANONICAL, IMPORT_SIDE, IMPORT_KNOWN };

/* One block's RLP: decoded, validated in full (every header and body field against its
 * parent), executed, compared, stored. A side block is stored after its header and body
 * have been checked and takes over by total difficulty before the merge; after it the
 * head moves by import only along its own children, or by chain_set_canonical.
 * MT_EINVALID_BLOCK with the reason, MT_ENOTFOUND: parent unknown. */
mt_err chain_import(struct chain *c, slice rlp, enum import_status *status,
                    struct mt_diag *diag);

/* Why the last MT_EINVALID_BLOCK of chain_import was one: a fixture exception name, for
 * suites that want the exact reason ("" when none). */
const char *chain_last_block_error(const struct chain *c);

/* What executing the last block gave that chain_import refused for its results: for a
 * report of where two nodes part. */
struct chain_mismatch {
    struct chain_block
        *block; /* the block with the receipts of this node; the caller's */
    hash32 state_root, receipts_root; /* of this node; the block's are in its header */
    uint64_t gas_used;
};
/* False when the last refusal had another reason, or after it was taken. */
bool chain_take_mismatch(struct chain *c, struct chain_mismatch *out);

/* Executing a block ends early with MT_ECANCELED when fn says so; asked often, on the
 * executor thread. Before the executor starts. */
void chain_set_stop(struct chain *c, bool (*fn)(void *ctx), void *ctx);

/* Makes a known block the head: rewinds to the common ancestor, executes the branch. */
mt_err chain_set_canonical(struct chain *c, const hash32 *hash, struct mt_diag *diag);

/* Moves safe, finalized, … heads. */
mt_err chain_set_head(struct chain *c, enum metisdb_head which, const hash32 *hash,
                      struct mt_diag *diag);

/* A block being made on top of the head: the builder's road. begin opens the batch and
 * runs the system calls; transactions go to chain_draft_exec's block_exec; seal fills
 * roots, gas used, bloom and hash into the header; commit stores it and moves the head.
 */
struct chain_draft;
struct chain_draft_in {
    address coinbase;
    uint64_t timestamp;
    uint64_t gas_limit;  /* 0: move from the parent's towards gas_target */
    uint64_t gas_target; /* 0: the spec's */
    hash32 prev_randao;
    slice extra_data;
    hash32 parent_beacon_root;
    bool override_base_fee; /* dev: setNextBlockBaseFeePerGas */
    u256 base_fee;
    const struct withdrawal *withdrawals;
    size_t withdrawal_num;
};
mt_err chain_draft_begin(struct chain *c, const struct chain_draft_in *in,
                         struct chain_draft **out, struct mt_diag *diag);
struct block_exec *chain_draft_exec(struct chain_draft *d);
const struct header *chain_draft_header(const struct chain_draft *d);
const struct rules *chain_draft_rules(const struct chain_draft *d);
/* The transactions that were executed, in order (their memory is copied). */
mt_err chain_draft_seal(struct chain_draft *d, const struct tx *const *txs, size_t num,
                        struct mt_diag *diag);
/* Commits and frees; on_update is called; *out (may be NULL) is held for the caller. */
mt_err chain_draft_commit(struct chain_draft *d, struct chain_block **out,
                          struct mt_diag *diag);
void chain_draft_abort(struct chain_draft *d);

/* Dev methods: change the head's state in place; go back to an earlier head and version.
 */
mt_err chain_patch_state(struct chain *c, const struct state_delta *delta,
                         struct mt_diag *diag);
#define CHAIN_KEEP_PATCHES UINT64_MAX /* for state_version: as the block's state is */
mt_err chain_rewind(struct chain *c, uint64_t number, uint64_t state_version,
                    struct mt_diag *diag);

/* ---- queries: any thread ---- */

/* Held for the caller. MT_ENOTFOUND. Recent blocks come from a small cache. */
mt_err chain_block_by_hash(struct chain *c, const hash32 *hash, struct chain_block **out);
mt_err chain_block_by_number(struct chain *c, uint64_t number, struct chain_block **out);
mt_err chain_canonical_hash(struct chain *c, uint64_t number, hash32 *out);
mt_err chain_find_tx(struct chain *c, const hash32 *tx_hash, struct chain_block **block,
                     uint32_t *idx);

/* Empty lists match everything; topics by position, alternatives within. */
struct log_filter {
    const address *addrs;
    size_t addr_num;
    const hash32 *topics[4];
    size_t topic_num[4];    /* alternatives at each position, 0: any */
    size_t topic_positions; /* logs with fewer topics do not match */
};
bool log_filter_match(const struct log_filter *f, const struct log *log);

/* A log with its place. */
struct log_hit {
    uint64_t number, timestamp;
    hash32 block_hash, tx_hash;
    uint32_t tx_idx, log_idx; /* in the block */
    const struct log *log;    /* borrowed for the call */
};

/* Logs of canonical blocks [from, to] in order, as of one moment. fn returns false to
 * stop. The store's index gives the places at which every condition holds; of a block
 * only the logs asked for are decoded. The work is that of the narrowest condition and of
 * the hits; memory does not grow with either. MT_ECANCELED when should_stop says so. */
mt_err chain_scan_logs(struct chain *c, const struct log_filter *f, uint64_t from,
                       uint64_t to, bool (*fn)(void *ctx, const struct log_hit *hit),
                       void *ctx, bool (*should_stop)(void *ctx), void *stop_ctx);

/* A vm environment to execute on top of a block's state: snapshot, ancestors' hashes. For
 * eth_call, estimates, traces. Close it after use. */
struct chain_state {
    struct metisdb_snapshot *snapshot;
    struct snapshot_reader sr;
    struct vm_reader reader;
    struct chain_block *block; /* held */
    struct chain *chain;
};
mt_err chain_state_open(struct chain *c, uint64_t number, struct chain_state *out,
                        struct mt_diag *diag);
void chain_state_close(struct chain_state *s);

/* ---- blocks in memory: any thread ---- */

/* Blocks made one on another above a stored block and kept in memory only: what a draft
 * is to the writer, for simulations and for payloads that shall not become the head.
 * begin, transactions through the block_exec, seal; then the next. One thread at a
 * time. */
struct chain_sim;
#define CHAIN_SIM_BLOCKS_MAX 256u

struct chain_sim_options {
    struct chain_state *base; /* outlives the sim */
    struct arena *arena;      /* what lasts from block to block; outlives the sim */
    size_t memory_max;        /* of the results of one block, and of one call's frames */
    uint64_t seed;            /* keys hash tables, no effect on results */
    bool (*should_stop)(void *ctx); /* as of block_exec_in */
    void *stop_ctx;
};
/* MT_ELIMIT: the arena is full. */
mt_err chain_sim_new(const struct chain_sim_options *opt, struct chain_sim **out);
void chain_sim_free(struct chain_sim *s); /* NULL is allowed */

/* The newest block, sealed, and its rules: the parent of the next. */
const struct header *chain_sim_parent(const struct chain_sim *s);
const struct rules *chain_sim_parent_rules(const struct chain_sim *s);
/* The state after it. */
const struct vm_reader *chain_sim_reader(const struct chain_sim *s);

struct chain_sim_in {
    /* What the caller decides: coinbase, timestamp, gas limit, base fee, difficulty,
     * prev_randao, extra data, parent beacon root. The rest is filled in. */
    struct header header;
    const struct state_delta *patch; /* of the state before the block; NULL: none */
    const struct vm_moves *moves;    /* precompiles; NULL: none */
    const u256 *blob_base_fee;       /* NULL: by the parent */
    const struct vm_tracer *tracer;
    const struct withdrawal *withdrawals;
    size_t withdrawal_num;
};
/* Begins the block after the newest one and runs its system calls; all pointers of in
 * last until it is sealed. Results of the block before are gone. MT_ELIMIT after
 * CHAIN_SIM_BLOCKS_MAX blocks. */
mt_err chain_sim_begin(struct chain_sim *s, const struct chain_sim_in *in,
                       struct mt_diag *diag);
/* Of the block in work. The arena is for the caller's things of this block. */
struct block_exec *chain_sim_exec(struct chain_sim *s);
const struct header *chain_sim_header(const struct chain_sim *s);
const struct rules *chain_sim_rules(const struct chain_sim *s);
struct arena *chain_sim_arena(struct chain_sim *s);
/* Ends it: withdrawals, requests, roots, hash. txs are those that were executed, in
 * order, with raw and hash set. *out borrows from them and from the sim, until the next
 * begin; it may be read, not held. results may be NULL. */
mt_err chain_sim_seal(struct chain_sim *s, struct tx *txs, size_t num,
                      struct chain_block *out, struct block_exec_out *results,
                      struct mt_diag *diag);

/* Appends the witness file (docs/FORMAT.md) of a block whose parent is canonical and
 * whose parent's state is kept: the block is executed by the provable core on the
 * store, and everything it was given is recorded. The block need not be known.
 * Executor thread only. MT_EINVALID_BLOCK: it is not valid; MT_ENOTFOUND: no such
 * parent or state. */
mt_err chain_witness(struct chain *c, slice block_rlp, struct buf *out,
                     struct mt_diag *diag);

/* ---- files ---- */

/* Header against its parent and body against its header, without executing. */
mt_err chain_check_header(struct chain *c, const struct header *h,
                          const struct header *parent, const u256 *parent_td,
                          struct mt_diag *diag);
mt_err chain_check_body(struct chain *c, const struct block *b, const struct rules *rules,
                        struct mt_diag *diag);

/* The gas limit of a child on its way to want (0: stays): a step is less than 1/1024 of
 * the parent's (yellow paper 4.3.4). */
uint64_t chain_next_gas_limit(const struct header *parent, const struct rules *rules,
                              const struct rules *parent_rules, uint64_t want);

/* Difficulty of a proof-of-work child (yellow paper 4.3.4 with the bombs of each fork).
 */
u256 chain_difficulty(const struct rules *rules, uint64_t number, uint64_t timestamp,
                      const struct header *parent, bool parent_has_ommers);

/* Concatenated RLP blocks. progress may be NULL. Stops at the first bad block, keeps
 * what was good before it. heads_at_end: safe and finalized follow the last block. */
mt_err chain_import_file(struct chain *c, const char *path, bool heads_at_end,
                         void (*progress)(void *ctx, uint64_t number, uint64_t done_bytes,
                                          uint64_t all_bytes),
                         void *ctx, struct mt_diag *diag);
mt_err chain_export_file(struct chain *c, const char *path, uint64_t first, uint64_t last,
                         struct mt_diag *diag);

#endif
