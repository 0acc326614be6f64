/* Private parts of the chain module.
 *
 * genesis.c  geth's JSON -> spec, header, alloc   value.c    records <-> chain_block
 * header.c   header rules, difficulty              chain.c    open, views, updates
 * body.c     body rules, ommers                    execute.c  one block on a batch
 * draft.c    making a block                        import.c   importing, reorganising
 * logs.c     log search                            file.c     import, export of files
 * witness.c  witnesses for the provable core       sim.c      blocks in memory only */
#ifndef METIS_CHAIN_INT_H
#define METIS_CHAIN_INT_H

#include "metis/chain.h"
#include "metis/codec.h"
#include "metis/stf.h"

struct chain {
    struct chain_options opt;
    const struct genesis *genesis;
    struct metisdb *db;
    struct ref_cache *cache; /* blocks by hash; shared by all threads */
    _Atomic uint64_t reorgs; /* moves when blocks were taken off; guards the cache */
    /* the executor's own */
    struct head_view *view;
    struct arena arena;        /* of the block in work */
    struct arena scratch;      /* of the call in work: frames and EVM memory */
    const char *block_error;   /* fixture name of the last invalid block, "" when none */
    struct chain_draft *draft; /* the one open, or NULL */
    bool has_mismatch;
    struct chain_mismatch mismatch;
    bool (*should_stop)(void *ctx); /* may be NULL */
    void *stop_ctx;
};

/* Records why a block is invalid (name as in the public fixtures) and returns
 * MT_EINVALID_BLOCK with the text. */
__attribute__((format(printf, 4, 5))) mt_err block_invalid(struct chain *c,
                                                           const char *name,
                                                           struct mt_diag *diag,
                                                           const char *fmt, ...);

/* ---- value.c ---- */

/* A block as a value from its record; *out is held for the caller. */
mt_err chain_block_of_record(const struct block_record *rec, bool canonical,
                             struct chain_block **out);
/* The record of a block: parts are encoded into arena. receipts NULL: none kept. */
mt_err chain_record_of_block(const struct block *b, const struct receipt *receipts,
                             size_t receipt_num, u256 total_difficulty,
                             struct arena *arena, struct block_record *out);
/* The next log of a stored receipt; data is borrowed from it. l is zeroed before. */
mt_err chain_log_decode(struct rlp *list, struct log *l);
/* Index arguments of a block value; array in arena. */
mt_err chain_index_of_block(const struct chain_block *b, struct arena *arena,
                            struct metisdb_block_index *out);

/* ---- logs.c ---- */

/* The log index of a store of format 1 is made anew. */
mt_err chain_logs_renew(struct chain *c, struct mt_diag *diag);

/* ---- chain.c ---- */

/* metisdb_commit, timed. */
mt_err commit_batch(struct chain *c, struct metisdb_batch *batch);

/* Collects what a write does, then publishes it. */
struct update_builder {
    struct chain_update *u;
    size_t removed_cap, added_cap;
};
void update_begin(struct update_builder *ub);
void update_removed(struct update_builder *ub, struct chain_block *b); /* takes the ref */
void update_added(struct update_builder *ub, struct chain_block *b);   /* takes the ref */
void update_cancel(struct update_builder *ub);
/* After the commit: reads heads, makes the view, hands the update to on_update. head
 * NULL: as before. */
mt_err update_publish(struct chain *c, struct update_builder *ub, struct mt_diag *diag);

/* ---- header.c ---- */

mt_err header_gas_limit_ok(struct chain *c, const struct header *h,
                           const struct header *parent, const struct rules *rules,
                           const struct rules *parent_rules, struct mt_diag *diag);

/* ---- draft.c ---- */

/* What execution gave, into the header of a block that is being made. */
mt_err header_seal(struct header *h, const struct block *b,
                   const struct block_exec_out *out, const hash32 *state_root,
                   struct arena *scratch);

/* ---- body.c ---- */

mt_err txs_root(struct arena *scratch, const struct tx *txs, size_t num, hash32 *out);
mt_err withdrawals_root(struct arena *scratch, const struct withdrawal *w, size_t num,
                        hash32 *out);
/* Ommers of a proof-of-work block against its ancestors. */
mt_err ommers_check(struct chain *c, const struct block *b, struct mt_diag *diag);

/* ---- witness.c ---- */

/* The store as a source of trie nodes, codes and headers; copies are made in arena. */
struct store_source {
    struct chain *chain;
    struct metisdb_snapshot *snapshot;
    struct arena *arena;
};
struct stf_source stf_source_of_store(struct store_source *s);

/* ---- execute.c ---- */

/* Finds hashes of the ancestors of a block by walking back from its parent. */
struct ancestry {
    struct chain *chain;
    uint64_t parent_number;
    size_t known;
    hash32 hashes[256]; /* hashes[i] is that of parent_number - i */
};
void ancestry_init(struct ancestry *a, struct chain *c, uint64_t parent_number,
                   const hash32 *parent_hash);
mt_err ancestry_hash(void *ctx, uint64_t number, hash32 *out);

/* A block executor over an open batch. */
struct execution {
    struct chain *chain;
    struct metisdb_batch *batch;
    struct rules rules;
    struct ancestry ancestry;
    struct snapshot_reader sr;
    struct vm_reader reader;
    struct block_exec *exec;
    uint64_t number;
};
mt_err execution_begin(struct execution *x, struct chain *c, struct metisdb_batch *batch,
                       const struct header *h, const struct rules *rules,
                       struct mt_diag *diag);

/* Executes b (senders recovered) on the batch whose state is its parent's, compares every
 * result with the header and stores it as canonical. *value is held for the caller. */
mt_err execute_and_store(struct chain *c, struct metisdb_batch *batch, struct block *b,
                         const struct rules *rules, u256 total_difficulty,
                         struct chain_block **value, struct mt_diag *diag);

#endif
