/* rpc, private: what the files of the dev methods share.
 *   dev.c        state by decree, snapshots, time, impersonation
 *   dev_chain.c  back to earlier blocks: reset, rollback, reorg
 *   dev_node.c   the pool, switches, what the node says of itself
 *   dev_mine.c   blocks on demand
 *   dev_token.c  balances and allowances of tokens
 *   dev_dump.c   the whole state as a file of anvil's
 *   dev_load.c   such a file into the state          dev_gzip.c   its compression
 *   console.c    console.log */
#ifndef METIS_RPC_DEV_INT_H
#define METIS_RPC_DEV_INT_H

#include "rpc_int.h"

#define SNAPSHOTS_MAX   1024u
#define IMPERSONATE_MAX 256u
#define MINE_MAX        10000u
#define DEV_TIME_MAX    (UINT32_MAX * (uint64_t)1000) /* seconds: far, and no overflow */

struct dev_snapshot {
    uint64_t id;
    uint64_t number, state_version;
    hash32 hash;
    struct sequencer_dev settings;
};

struct dev {
    struct dev_snapshot snapshots[SNAPSHOTS_MAX];
    size_t snapshot_num;
    uint64_t next_id;
    address impersonated[IMPERSONATE_MAX];
    size_t impersonated_num;
    bool auto_impersonate;
    unsigned rewinds; /* on their way */
};

/* False after an error when this node makes no blocks. */
bool dev_can_build(struct call *c);

/* Done, with nothing to tell: null under an anvil_ name, as clients of anvil decode it,
 * true under the others. */
enum call_status dev_ok(struct call *c);

/* Takes the chain back to a block and, where version is not CHAIN_KEEP_PATCHES, its state
 * to that version. The pool is emptied, so that the transactions of the blocks that went
 * do not come back; meanwhile nothing is built, after it as before. Then, on the loop,
 * `then` ends the call like a handler (NULL: dev_ok). */
enum call_status dev_rewind(struct call *c, uint64_t number, uint64_t version,
                            rpc_handler *then);

/* Other work on the executor; then, on the loop, `then` ends the call like a handler. */
typedef mt_err dev_work(struct call *c, struct chain *chain, struct mt_diag *diag);
enum call_status dev_on_executor(struct call *c, dev_work *work, rpc_handler *then);

/* Sets a storage slot and ends the call by dev_ok. */
enum call_status dev_set_slot(struct call *c, const address *addr, const hash32 *slot,
                              u256 value);
/* A number of any form: JSON number, hex or decimal text. False after call_fail. */
bool dev_arg_u256(struct call *c, size_t i, u256 *out);

/* Blocks built one after the other. */
enum mine_answer { ANSWER_OK, ANSWER_TRUE, ANSWER_ZERO, ANSWER_BLOCKS };
struct dev_mining {
    uint64_t num;
    uint64_t timestamp; /* of the first; 0: the clock's */
    uint64_t step;      /* seconds from one to the next */
    enum mine_answer answer;
    bool has_last; /* fields of the last one */
    u256 last_base_fee;
    hash32 last_randao;
};
/* For a call that waits already (call_later); ends it. CALL_LATER. */
enum call_status dev_mine(struct call *c, const struct dev_mining *how);

/* ---- dev_gzip.c ---- */

/* What is put comes out compressed, as hex digits appended to out; its cap is the end of
 * it. free appends the rest. */
struct gzip_hex;
struct gzip_hex *gzip_hex_new(struct buf *out);
void gzip_hex_put(struct gzip_hex *g, slice text);
void gzip_hex_free(struct gzip_hex *g);
bool gzip_is(slice in);
/* MT_ELIMIT: more than out may hold; MT_EDECODE. */
mt_err gunzip(slice in, struct buf *out);

/* Mode and period of the sequencer. */
void dev_configure(struct call *c, enum cs_mode mode, uint64_t period_ms);

#endif
