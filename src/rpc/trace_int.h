/* Traces, private: what a running transaction is watched with, and its seams.
 *   trace.c           running again what a block did, watched
 *   trace_opt.c       options of debug_trace*     trace_debug.c   its methods for blocks
 *   trace_many.c      debug_traceCall, traceCallMany
 *   trace_call.c      the tree of calls: callTracer
 *   trace_flat.c      the tree as a list: flatCallTracer, trace_*; 4byteTracer
 *   trace_prestate.c  prestateTracer
 *   trace_step.c      structLogs, the default
 *   trace_vm.c        vmTrace of trace_*          trace_diff.c    stateDiff of trace_*
 *   trace_parity.c    methods of trace_*          trace_filter.c  trace_filter
 *   storage_range.c   debug_storageRangeAt           trace_cache.c   replies of lately
 *   ots.c ots_search.c   what Otterscan asks for
 * A muxTracer runs several at once; one tree of calls serves all that need it. What is
 * remembered of a transaction lives in an arena that is reset before the next one. */
#ifndef METIS_TRACE_INT_H
#define METIS_TRACE_INT_H

#include "rpc_int.h"

enum trace_kind {
    TRACE_STEPS = 1,
    TRACE_CALL = 2,
    TRACE_PRESTATE = 4,
    TRACE_4BYTE = 8,
    TRACE_FLAT = 16,
    TRACE_NOOP = 32,
    TRACE_VM = 64,
    TRACE_DIFF = 128
};
#define TRACE_TREE (TRACE_CALL | TRACE_FLAT | TRACE_4BYTE)

struct trace_options {
    unsigned kinds; /* bits of enum trace_kind */
    bool mux;
    bool only_top, with_log;                       /* callTracer */
    bool diff, no_code, no_storage, include_empty; /* prestateTracer */
    bool parity_errors, precompiles;               /* flatCallTracer */
    bool parity; /* the list as trace_* has it, gas without what is paid before calls */
    bool stack_off, storage_off, memory_on, return_data_on;
    uint64_t limit; /* structLogs; 0: none */
    uint64_t timeout_ns;
};

/* ---- the tree of calls ---- */

struct frame_log {
    struct frame_log *next;
    struct log log;
    unsigned position; /* calls of the frame before it */
};

struct trace_frame {
    struct trace_frame *parent, *first, *last, *next; /* next sibling */
    struct trace_frame *after;                        /* in order of beginning */
    const char *type;
    bool create, destruct, has_value, reverts, hidden, precompile;
    unsigned depth;
    unsigned call_num; /* children */
    unsigned flat_num; /* those that the list shows */
    unsigned flat_idx;
    address from, to;
    u256 value;
    uint64_t gas, gas_used;
    slice input, output;
    const char *error; /* NULL: none */
    struct frame_log *logs, *logs_last;
};

/* It and all its callers went well: what it did stands. */
static inline bool frame_stands(const struct trace_frame *f)
{
    while (f != NULL && f->error == NULL)
        f = f->parent;
    return f == NULL;
}

struct vm_level; /* trace_vm.c */

/* One run. */
struct trace {
    struct call *c;
    struct arena *arena; /* of the running transaction's notes */
    const struct trace_options *opt;
    struct vm_tracer hooks; /* all NULL while nothing is watched */
    struct block_exec *be;
    const struct rules *rules;
    const struct call_env *env; /* of debug_traceCall; else NULL */
    const struct tx *tx;
    mt_err err; /* of a hook; stops the run */
    uint64_t deadline_ns;
    /* where the transaction stands, for lists; b NULL: a call */
    const struct chain_block *b;
    uint64_t number;
    uint32_t idx;

    struct trace_frame *root, *cur, *last; /* trace_call.c */
    const char *fault_text;
    bool faulted; /* fault_text belongs to the next end of a frame */

    struct map accounts, slots; /* trace_prestate.c, trace_diff.c */
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

    struct vm_level *level; /* trace_vm.c */
};

/* Fails the run from inside a hook. */
void trace_fail(struct trace *t, mt_err err);

/* ---- trace.c: running again ---- */

/* A block, or a call on a state, that is run watched. */
struct replay {
    struct trace t;
    struct header header;
    struct rules rules;
    struct arena frames, notes;
    struct arena_mark mark;
    struct chain_block *b;
    uint32_t next;
    bool kept; /* the reply is kept under key; it begins at text */
    hash32 key;
    size_t text;
};
/* On the state before b, whose hold passes to the replay. False after an error was
 * written; replay_close either way. */
bool replay_open(struct replay *r, struct call *c, struct chain_block *b,
                 const struct trace_options *opt);
/* On the state of env, which must outlive the replay. */
bool replay_open_call(struct replay *r, struct call *c, const struct call_env *env,
                      const struct trace_options *opt);
/* From now on calls in env, which outlives the replay, on what the replay's state is. */
bool replay_layer(struct replay *r, const struct call_env *env);
/* Runs the block's transactions before idx, unwatched. */
bool replay_to(struct replay *r, uint32_t idx);
/* Runs the block's next transaction, or tx, watched. What the tracers noted stands until
 * the next run; those that write while code runs have begun to. */
bool replay_next(struct replay *r, struct tx_outcome *out);
bool replay_run(struct replay *r, const struct tx *tx, unsigned flags,
                struct tx_outcome *out);
/* The rules a block stands under. */
struct rules trace_rules_of(const struct call *c, const struct chain_block *b);
/* Gives memory and state back. */
void replay_close(struct replay *r);

/* The transaction that parameter i names by hash, run watched. False: the reply is there,
 * because there is no such transaction (missing: what is said then, NULL: null is
 * written), because the same was asked lately, or after an error. */
bool replay_tx(struct replay *r, struct call *c, size_t i,
               const struct trace_options *opt, const char *missing,
               struct tx_outcome *out);

/* ---- trace_cache.c ---- */
/* The key of a call's reply about a transaction of this block; false: not to be kept. */
bool trace_cache_key(const struct call *c, const hash32 *block, hash32 *key);
/* Writes the reply when it is known. */
bool trace_cache_get(struct call *c, const hash32 *key);
/* Keeps the reply from this place of the call's text on. */
void trace_cache_put(struct call *c, const hash32 *key, size_t from);

/* ---- trace_debug.c ---- */
/* What the wanted tracers say of the transaction that just ran. */
void trace_write_result(struct trace *t, const struct tx_outcome *o);

/* ---- trace_opt.c ---- */
struct trace_kind_name {
    const char *name;
    unsigned kind;
};
extern const struct trace_kind_name trace_kinds[]; /* in the order of muxTracer's reply */
extern const size_t trace_kind_num;
bool trace_arg_options(struct call *c, size_t i, struct trace_options *opt);

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

/* ---- trace_flat.c ---- */
void flat_write(struct trace *t, struct json_out *j, const struct tx_outcome *o);
/* One entry of the list; placed: with its block and transaction. */
void flat_put(const struct trace *t, struct json_out *j, const struct trace_frame *f,
              bool placed);
/* Place of a frame in the tree of shown ones; returns the depth. */
#define FLAT_PATH_MAX (VM_DEPTH_MAX + 2)
unsigned flat_path(const struct trace_frame *f, unsigned path[FLAT_PATH_MAX]);
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

/* ---- trace_vm.c: writes the value while the code runs ---- */
void vm_trace_begin(struct trace *t);
void vm_trace_enter(struct trace *t, unsigned depth, const struct vm_msg *msg);
void vm_trace_step(struct trace *t, const struct vm_step_view *v);
void vm_trace_fault(struct trace *t);
void vm_trace_leave(struct trace *t, unsigned depth);

/* ---- trace_parity.c ---- */
extern const struct trace_options trace_list_options;
/* Rewards of proof of work as entries of the list, those that wanted says; NULL: all. */
typedef bool trace_reward_filter(void *ctx, const address *author);
void trace_rewards(struct json_out *j, const struct chain_block *b,
                   const struct rules *rules, trace_reward_filter *wanted, void *ctx);

/* ---- ots.c ---- */
/* A block named by a JSON number, too. */
bool ots_arg_block(struct call *c, size_t i, bool optional, struct block_arg *out);
bool ots_arg_page_size(struct call *c, size_t i, uint64_t *out);

/* ---- trace_diff.c ---- */
void diff_write(struct trace *t, struct json_out *j);

#endif
