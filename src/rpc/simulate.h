/* eth_simulateV1, private: one call's result, and the logs of a call with what it moved
 * of the native coin as logs between them. */
#ifndef METIS_RPC_SIMULATE_H
#define METIS_RPC_SIMULATE_H

#include "rpc_int.h"

struct sim_log {
    struct log log;
    uint64_t index; /* in the block */
};

struct sim_result {
    enum vm_halt halt;
    uint64_t gas_used, gas_peak;
    slice output;
    const struct sim_log *logs;
    size_t log_num;
};

/* The receipts' logs are the executor's own; these are heard through its hooks, because
 * transfers stand among them. */
struct sim_logs {
    bool transfers; /* wanted */
    struct vm_tracer tracer;
    /* of the block */
    bool synthetic; /* wanted and not made by the protocol itself (EIP-7708) */
    uint64_t next;  /* log index */
    /* of the call in progress; the block's system calls are none */
    bool active, full;
    struct arena *arena;
    struct sim_log *list;
    size_t num, cap;
    size_t open[VM_DEPTH_MAX + 2]; /* num when each open call began */
    size_t depth;
};

void sim_logs_init(struct sim_logs *l);
void sim_logs_block(struct sim_logs *l, const struct rules *rules);
void sim_logs_begin(struct sim_logs *l, struct arena *arena);
/* The call's logs into its result; false: memory was exhausted. */
bool sim_logs_end(struct sim_logs *l, struct sim_result *out);

#endif
