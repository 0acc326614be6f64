/* Traces, private: what a running transaction is watched with, and its seams.
 *   trace.c           methods, options, running again what a block did
 *   trace_call.c      the tree of calls: callTracer, flatCallTracer, 4byteTracer
 *   trace_prestate.c  prestateTracer
 *   trace_step.c      structLogs, the default
 * A muxTracer runs several at once; one tree of calls serves all that need it. What is
 * remembered of a run lives in the arena of the call and dies with its run. */
#ifndef METIS_TRACE_INT_H
#define METIS_TRACE_INT_H

#include "rpc_int.h"

enum trace_kind {
    TRACE_STEPS = 1,
    TRACE_CALL = 2,
    TRACE_PRESTATE = 4,
    TRACE_4BYTE = 8,
    TRACE_FLAT = 16,
    TRACE_NOOP = 32
};
#define TRACE_TREE (TRACE_CALL | TRACE_FLAT | TRACE_4BYTE)

struct trace_options {
    unsigned kinds; /* bits of enum trace_kind */
    bool mux;
    bool only_top, with_log;                       /* callTracer */
    bool diff, no_code, no_storage, include_empty; /* prestateTracer */
    bool parity_errors, precompiles;               /* flatCallTracer */
    bool stack_off, storage_off, memory_on, return_data_on;
    uint64_t limit; /* structLogs; 0: none */
    uint64_t timeout_ns;
};

struct trace_frame;

/* One run. */
struct trace {
    struct call *c;
    struct arena *arena;
    const struct trace_options *opt;
    struct vm_tracer hooks; /* all NULL while nothing is watched */
    struct block_exec *be;
    const struct rules *rules;
    const struct tx *tx;
    mt_err err; /* of a hook; stops the run */
    uint64_t deadline_ns;
    /* where the transaction stands, for flatCallTracer; b NULL: a call */
    const struct chain_block *b;
    uint64_t number;
    uint32_t idx;

    struct trace_frame *root, *cur, *last; /* trace_call.c */
    const char *fault_text;
    bool faulted; /* fault_text belongs to the next end of a frame */

    struct map accounts, slots; /* trace_prestate.c */
    bool pending;               /* a look-up waits for its instruction to succeed */
    uint8_t op;
    u256 operand;
    size_t operand_num;
    address self; /* the running account */

    struct map contracts; /* trace_step.c */
    uint64_t step_num;
    bool step_open, step_sload;
    u256 step_slot;
    slice output;
};

/* Fails the run from inside a hook. */
void trace_fail(struct trace *t, mt_err err);

/* ---- trace_call.c ---- */
void tree_enter(struct trace *t, unsigned depth, const struct vm_msg *msg);
void tree_leave(struct trace *t, unsigned depth, enum vm_halt halt, uint64_t gas_used,
                slice output);
void tree_log(struct trace *t, unsigned depth, const struct log *log);
void tree_destruct(struct trace *t, const address *from, const address *to, u256 balance);
/* The end of an instruction that failed, in geth's words; in the arena or static. */
const char *trace_fault_text(struct trace *t, enum vm_halt halt,
                             const struct vm_fault *fault);
void call_write(struct trace *t, struct json_out *j, const struct tx_outcome *o);
void flat_write(struct trace *t, struct json_out *j, const struct tx_outcome *o);
void fourbyte_write(struct trace *t, struct json_out *j);

/* ---- trace_prestate.c ---- */
void prestate_begin(struct trace *t, const struct header *h);
void prestate_step(struct trace *t, const struct vm_step_view *v);
/* A creation begins: its address has just been found. */
void prestate_created(struct trace *t, const struct vm_msg *msg);
/* The step before went well. */
void prestate_flush(struct trace *t);
void prestate_write(struct trace *t, struct json_out *j);

/* ---- trace_step.c ---- */
void steps_begin(struct trace *t);
void steps_step(struct trace *t, const struct vm_step_view *v);
void steps_fault(struct trace *t, enum vm_halt halt, const char *text);
void steps_end(struct trace *t, const struct tx_outcome *o);

#endif
