/* metis-evm t8n: the transition tool, with the flags, the JSON and the exit statuses of
 * go-ethereum's `evm t8n`.
 *
 * One block: a state (`alloc`), its surroundings (`env`) and transactions go in; the
 * state after it and what its header would say come out. A transaction that is not valid
 * is listed as rejected and the block goes on. */
#ifndef METIS_EVM_T8N_H
#define METIS_EVM_T8N_H

#include "evm_fixture.h"

enum t8n_status {
    T8N_OK = 0,
    T8N_USAGE = 1,
    T8N_EVM = 2,       /* the block cannot be executed */
    T8N_CONFIG = 3,    /* the fork asks for something that env lacks */
    T8N_BLOCKHASH = 4, /* BLOCKHASH of a block whose hash was not given */
    T8N_JSON = 10,
    T8N_IO = 11,
    T8N_RLP = 12,
};

struct t8n_options {
    const char *alloc, *env, *txs; /* files, or "stdin" */
    const char *basedir;
    const char *out_alloc, *out_result, *out_body; /* files, "stdout", "stderr" or "" */
    const char *fork;
    uint64_t chain_id;
    bool has_reward; /* false: --state.reward -1 */
    u256 reward;
    bool trace, trace_memory, trace_no_stack, trace_return_data, trace_frames;
    const char *tracer; /* --trace.tracer; "" for the lines of EIP-3155 */
};

struct t8n_hash {
    uint64_t number;
    hash32 hash;
};

struct t8n_ommer {
    uint64_t delta;
    address addr;
};

/* The block's surroundings, complete: what env left out is computed. */
struct t8n_env {
    struct header header;
    bool has_base_fee; /* the fork's, or given for an older one */
    bool has_blob_fee; /* excess blob gas is given, or what it is computed from */
    bool has_withdrawals;
    struct t8n_hash *hashes;
    size_t hash_num;
    struct t8n_ommer *ommers;
    size_t ommer_num;
    struct withdrawal *withdrawals;
    size_t withdrawal_num;
};

/* A transaction as given: decoded, or the reason why it is none. */
struct t8n_tx {
    struct tx tx;
    const char *refused; /* NULL: decoded */
};

struct t8n_rejected {
    size_t index;
    const char *error;
};

struct t8n_result {
    struct mem_state post;
    struct block_exec_out out;
    hash32 state_root, tx_root, logs_hash, withdrawals_root;
    const struct tx **included; /* one a receipt */
    struct t8n_rejected *rejected;
    size_t rejected_num;
};

struct t8n_trace;

struct t8n {
    struct t8n_options opt;
    struct arena arena, scratch;
    struct chain_spec spec;
    struct rules rules;
    struct mem_state pre;
    struct t8n_env env;
    struct t8n_tx *txs;
    size_t tx_num;
    struct t8n_result result;
    struct mt_diag diag; /* the reason of a status that is not T8N_OK */
    bool hash_missing;   /* and the number that was asked for */
    uint64_t hash_wanted;
    struct t8n_trace *trace; /* NULL: none is wanted */
};

/* Sets the reason and returns status. */
__attribute__((format(printf, 3, 4))) int t8n_fail(struct t8n *t, int status,
                                                   const char *fmt, ...);

/* evm_t8n_opt.c: the command line, which is borrowed. -1: go on; else the exit status,
 * everything that is to be said is said. */
int t8n_options_parse(struct t8n_options *o, int argc, char **argv);
/* False for a name that --state.fork does not know. */
bool t8n_network(const char *name, uint64_t chain_id, struct chain_spec *out);
/* evm_t8n_env.c: env into t->env, with spec, and t->rules from it. */
int t8n_read_env(struct t8n *t, const json_t *env);
/* evm_t8n_tx.c: transactions as a JSON list, or as an RLP list. */
int t8n_read_txs(struct t8n *t, const json_t *list);
int t8n_read_txs_rlp(struct t8n *t, slice rlp);
/* evm_t8n_run.c: the block; t->result. */
int t8n_run(struct t8n *t);
/* evm_t8n_reject.c: lists transaction i as rejected, in geth's words: by why, or for what
 * the rules or the executor found. */
mt_err t8n_reject(struct t8n *t, size_t i, const char *why);
mt_err t8n_reject_invalid(struct t8n *t, struct block_exec *be, size_t i,
                          enum tx_error error);
/* *ok false: transaction i has more blobs than the block has room for; it is rejected. */
mt_err t8n_check_blobs(struct t8n *t, struct block_exec *be, size_t i, bool *ok);
/* evm_t8n_trace.c: one file a transaction. The hooks do something only between a begin
 * and its end. NULL: out of memory. */
struct t8n_trace *t8n_trace_new(struct t8n *t);
void t8n_trace_free(struct t8n_trace *tr);
const struct vm_tracer *t8n_trace_hooks(struct t8n_trace *tr);
int t8n_trace_begin(struct t8n_trace *tr, const struct block_exec *be, const hash32 *tx);
int t8n_trace_end(struct t8n_trace *tr);
/* evm_t8n_out.c: the path of a file in the base folder, which is made; and the three
 * outputs, where the options want them. */
int t8n_path(struct t8n *t, const char *place, char *out, size_t size);
int t8n_write(struct t8n *t);

#endif
