/* rpc, private: what the files of the dev methods share.
 *   dev.c        state by decree, snapshots, mining, time, impersonation
 *   dev_chain.c  back to earlier blocks: reset, rollback, reorg
 *   dev_node.c   the pool, switches, what the node says of itself
 *   console.c    console.log */
#ifndef METIS_RPC_DEV_INT_H
#define METIS_RPC_DEV_INT_H

#include "rpc_int.h"

#define SNAPSHOTS_MAX   1024u
#define IMPERSONATE_MAX 256u

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

/* Mode and period of the sequencer. */
void dev_configure(struct call *c, enum cs_mode mode, uint64_t period_ms);

#endif
