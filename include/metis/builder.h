/* builder: makes blocks, on the executor thread, which is the only writer of a network.
 *
 * The executor takes jobs from a bounded mailbox: building a block from a selection of
 * the pool, importing one, dev changes. Outcomes travel back to the loop as tasks. */
#ifndef METIS_BUILDER_H
#define METIS_BUILDER_H

#include "metis/chain.h"
#include "metis/pool.h"

/* ================= the executor thread ================= */

struct executor;

/* A job: run is called on the executor with its chain; it owns the job and tells the loop
 * by posting a task of its own. */
struct exec_job {
    void (*run)(struct exec_job *job, struct chain *chain);
};

/* Starts the thread; the chain belongs to it until executor_free, which finishes queued
 * jobs and joins. */
struct executor *executor_new(struct chain *chain, const char *name, size_t queue_max);
void executor_free(struct executor *e);
/* MT_EBUSY when the queue is full; the job is then still the caller's. */
mt_err executor_post(struct executor *e, struct exec_job *job);
size_t executor_len(const struct executor *e);

/* ================= building ================= */

struct build_params {
    struct chain_draft_in draft;
    const struct pool_selection *selection;
    uint64_t
        deadline_ns; /* no further transaction starts after it (clock_mono_ns); 0: none */
    bool stop_on_invalid; /* the first invalid transaction fails the build */
};

/* A transaction that did not get in and must leave the pool (nonce gaps and full blocks
 * do not count). */
struct build_drop {
    hash32 hash;
    enum tx_error error;
};
struct build_result {
    struct chain_block *block; /* held for the caller */
    struct build_drop *drops;  /* freed by build_result_fini */
    size_t drop_num;
};

/* Executes the selection in order on top of the head, skipping senders whose transaction
 * did not fit, seals and commits. Executor thread. */
mt_err build_block(struct chain *chain, const struct build_params *in,
                   struct build_result *out, struct mt_diag *diag);
void build_result_fini(struct build_result *r);

#endif
