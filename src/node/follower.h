/* Private to node: the driver of the follow machine (follow.h) for one network.
 *
 *   follower.c       effects -> requests, jobs, logs; what comes back -> inputs (loop)
 *   follow_wire.c    questions and answers in JSON
 *   follow_import.c  jobs of the executor: importing, going back
 *   follow_report.c  where a refused block differs, and the folder with the evidence
 *   forward.c        transactions that go to the followed node
 *
 * An answer is one object that travels: loop (bytes) -> worker (decoded) -> loop (the
 * machine) -> executor (imported) -> loop. */
#ifndef METIS_NODE_FOLLOWER_H
#define METIS_NODE_FOLLOWER_H

#include "follow.h"

#include "metis/builder.h"
#include "metis/http_client.h"

#include <stdatomic.h>
#include <uv.h>

struct network;
struct follower;
struct forward;

#define FOLLOW_REPLY_MAX   ((size_t)64 << 20)
#define FOLLOW_LOCATOR_MAX 64u

/* ---- follow_wire.c ---- */

struct follow_block {
    slice rlp;
    struct block_id id;
};

struct follow_answer {
    struct job job;       /* decoding */
    struct exec_job exec; /* importing */
    struct task task;     /* the way back from either */
    struct follower *f;
    uint64_t seq; /* of the request */
    uint64_t arrived_ns;
    struct buf body;
    struct arena arena; /* holds what was decoded */
    mt_err err;
    struct mt_diag diag;
    bool has_base, has_safe, has_finalized, syncing;
    struct block_id base, upstream, safe, finalized;
    struct follow_block *blocks;
    size_t block_num;
    uint64_t bytes; /* of the blocks */
    /* after importing */
    struct block_id head;
    uint64_t done_num; /* blocks imported */
    struct block_id refused;
    bool has_mismatch;
    struct chain_mismatch mismatch;
};
void follow_answer_free(struct follow_answer *a);

/* The question for what comes after the blocks of the locator. */
void follow_ask_blocks(struct buf *out, const struct block_id *locator, size_t num,
                       uint64_t count, uint64_t bytes, uint64_t wait_ms);
/* Decodes a->body into the rest. Blocks are checked to be a chain on top of base; what
 * comes after a break is left out. MT_EDECODE, MT_EUNSUPPORTED (it has no such
 * method), MT_EIO (its own error). Any thread. */
mt_err follow_read_blocks(struct follow_answer *a);

/* The question for chain id and genesis, and whether its answer is this chain's: *same
 * false with the difference in diag. */
void follow_ask_greeting(struct buf *out, uint64_t genesis_number);
mt_err follow_read_greeting(slice body, uint64_t chain_id, const hash32 *genesis,
                            bool *same_chain, struct mt_diag *diag);

/* ---- follow_report.c ---- */

/* Why and where a block was refused; outlives the halt. */
struct follow_report {
    struct task task;
    struct job job;
    struct follower *f;
    uint64_t seq;
    struct buf theirs; /* eth_getBlockReceipts of the followed node; empty: none came */
    struct buf ours;   /* the same of this node */
    struct block_id block;
    struct chain_mismatch mismatch;
    char reason[MT_DIAG_TEXT_MAX];
    bool compared, differs;
    uint64_t tx_idx; /* the first transaction that differs */
    char tx_hash[68];
    char field[32];
    char our_value[80], their_value[80];
    char folder[512]; /* with the evidence; "" when it could not be written */
};
/* Worker: compares and writes the folder. */
void follow_report_make(struct follow_report *r, const char *dir);

/* ---- forward.c ---- */

struct forward *forward_new(struct http_client *http, const char *url,
                            uint64_t timeout_ms, unsigned metric_net);
/* Takes a copy of raw; done runs once, later, with POOL_OK or the followed node's
 * words. */
void forward_tx(struct forward *w, slice raw, pool_done_fn *done, void *ctx);
/* It waits or is under way. */
bool forward_has(const struct forward *w, slice raw);
/* Whatever waits is refused, and what comes from now on. */
void forward_stop(struct forward *w);
void forward_free(struct forward *w);

/* ---- follower.c ---- */

struct follower {
    struct network *net;
    struct follow machine;
    struct http_client *http;
    struct forward *forward;
    uv_timer_t timer;
    char *url;
    char shown[256]; /* the URL without a password, for logs */
    uint64_t count, bytes, wait_ms, timeout_ms;
    uint64_t seq;  /* of the request under way; answers to others are dropped */
    unsigned jobs; /* on workers and executor */
    bool started, stopping;
    _Atomic bool stop; /* the executor ends what it does */
    bool broken;       /* executor: a block was refused, the rest is passed over */
    struct follow_answer *answer; /* while the machine looks at it */
    struct follow_report *report;
    char why[MT_DIAG_TEXT_MAX];  /* last failure of a request, or of this node */
    bool behind, told_any;       /* catching up; a line said so */
    uint64_t behind_ns;          /* since */
    uint64_t told_ns, told_head; /* of the last line */
};

/* opt is the network's configuration; MT_EINVAL for a bad URL. */
mt_err follower_new(struct network *net, struct follower **out, struct mt_diag *diag);
void follower_start(struct follower *f);
void follower_stop(struct follower *f);
bool follower_idle(const struct follower *f);
/* Only when idle; handles are released by the next turn of the loop. NULL is allowed. */
void follower_free(struct follower *f);
/* rpc_options.forward; ctx is the follower. */
void follower_forward(void *ctx, slice raw, pool_done_fn *done, void *done_ctx);
/* The head moved: progress for eth_syncing and the metrics. */
void follower_progress(struct follower *f);
/* Is this node fit to answer? text says why not, or how it stands. */
bool follower_ready(const struct follower *f, char *text, size_t size);

/* ---- follow_import.c ---- */

/* Hands the answer to the executor; it comes back by follower_imported on the loop. */
mt_err follow_import(struct follow_answer *a);
void follower_imported(struct follow_answer *a);
/* Makes a block of ours the head; comes back by follower_rewound. */
mt_err follow_rewind(struct follower *f, const struct block_id *to);
void follower_rewound(struct follower *f, mt_err err, const struct mt_diag *diag,
                      const struct block_id *head);
/* Also from other threads: waits while the loop's mailbox is full. */
void follower_post(struct follower *f, struct task *task);

#endif
