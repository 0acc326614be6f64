/* pool: transactions that wait for a block. Admission by the rules and in the words of
 * geth's pool, replacement, per-sender queues, limits, eviction.
 *
 * The pool belongs to the loop thread. Senders are recovered in batches on the workers: a
 * submission is queued, pool_flush (once a loop turn) hands the batch over, and the
 * result comes back as a task through the loop's mailbox. The pool knows the state only
 * through the head view's snapshot. */
#ifndef METIS_POOL_H
#define METIS_POOL_H

#include "metis/chain.h"

/* ================= reasons ================= */

/* X(ID, text): why a transaction was not taken or was dropped, beyond tx_error. */
#define POOL_REASONS(X)                                                                  \
    X(OK, "ok")                                                                          \
    X(TX, "invalid transaction") /* tx_error has the reason */                           \
    X(DECODE, "rlp: malformed transaction")                                              \
    X(KNOWN, "already known")                                                            \
    X(UNDERPRICED, "transaction underpriced")                                            \
    X(REPLACE_UNDERPRICED, "replacement transaction underpriced")                        \
    X(OVERSIZED, "oversized data")                                                       \
    X(POOL_FULL, "txpool is full")                                                       \
    X(SENDER_FULL, "account limit exceeded")                                             \
    X(OVERDRAFT, "insufficient funds for gas * price + value")                           \
    X(UNPROTECTED, "only replay-protected (EIP-155) transactions allowed over RPC")      \
    X(FEE_CAP, "tx fee exceeds the configured cap")                                      \
    X(CLOSED, "the sequencer drains its pool: no transactions are taken")                \
    X(BUSY, "transaction admission queue is full")                                       \
    X(STATE, "state of the head is not available")                                       \
    X(EVICTED, "evicted: pool full, fee below others")                                   \
    X(REPLACED, "replaced by a transaction with a higher fee")                           \
    X(EXPIRED, "dropped: waited too long in the queue")                                  \
    X(UPSTREAM, "refused by the followed node")                                          \
    X(BY_HAND, "dropped by hand")

enum pool_reason {
#define POOL_REASON_ENUM(id, text) POOL_##id,
    POOL_REASONS(POOL_REASON_ENUM)
#undef POOL_REASON_ENUM
        POOL_REASON_COUNT
};

/* One verdict: reason, the tx_error behind POOL_TX, and the text as clients expect it. */
struct pool_verdict {
    enum pool_reason reason;
    enum tx_error error;
    char text[448]; /* the longest has four numbers of 78 digits */
    hash32 hash;    /* set when the transaction could be decoded */
};

/* ================= a pooled transaction ================= */

/* Refcounted and immutable but for its place in the pool; readable on any thread that
 * holds it. */
struct pool_tx {
    _Atomic uint32_t refs; /* private */
    struct tx tx;          /* sender known; all its memory is here */
    uint64_t arrival_ms;
    uint64_t seq;       /* order of arrival */
    struct arena arena; /* private */
};
void pool_tx_hold(struct pool_tx *t);
void pool_tx_drop(struct pool_tx *t);

/* ================= the pool ================= */

struct pool;

struct pool_options {
    size_t tx_max;               /* transactions in all */
    size_t sender_max;           /* per sender */
    size_t tx_size_max;          /* bytes of one transaction */
    size_t bytes_max;            /* bytes of all */
    unsigned price_bump_percent; /* replacement must pay this much more */
    u256 min_tip;                /* below it: underpriced */
    uint64_t lifetime_ms;        /* of queued (not executable) transactions */
    u256 fee_cap;                /* gas * price of one transaction over RPC; zero: none */
    bool allow_unprotected;
    size_t ingest_max;   /* submissions waiting for recovery */
    unsigned metric_net; /* index for the metrics */
    struct chain *chain;
    struct workers *workers; /* NULL: recover on the caller */
    struct mailbox *to_loop; /* results of recovery come back here */
    /* Loop thread: a transaction became executable; senders of pushes and the
     * sequencer. */
    void (*on_pending)(void *ctx, struct pool_tx *tx);
    void *ctx;
};

struct pool *pool_new(const struct pool_options *opt, struct head_view *view);
void pool_free(struct pool *p);

/* Queues raw (copied) for admission; done runs on the loop thread, exactly once, possibly
 * before return for a submission refused at once. Call pool_flush once a loop turn. */
typedef void pool_done_fn(void *ctx, const struct pool_verdict *verdict);
void pool_submit(struct pool *p, slice raw, uint64_t now_ms, pool_done_fn *done,
                 void *ctx);
void pool_flush(struct pool *p);
/* Submissions not answered yet. */
size_t pool_ingest_len(const struct pool *p);

/* Admits one transaction whose sender is known (dev accounts); copies it. */
void pool_add(struct pool *p, const struct tx *tx, uint64_t now_ms,
              struct pool_verdict *verdict);

/* A new head: included ones leave, reorganised ones return, everything of the touched
 * senders is checked again. Call on every chain_update. */
void pool_update(struct pool *p, const struct chain_update *u, uint64_t now_ms);

/* Executable transactions for a block, best tip first and by nonce within a sender, held
 * for the caller; stops at gas_max summed gas limits (0: none) or num_max. Release with
 * pool_selection_free. */
struct pool_selection {
    struct pool_tx **txs;
    size_t num;
};
void pool_select(struct pool *p, u256 base_fee, uint64_t gas_max, size_t num_max,
                 struct pool_selection *out);
void pool_selection_free(struct pool_selection *s); /* any thread */

/* The builder found it invalid or unaffordable: leaves the pool with this reason. */
void pool_remove(struct pool *p, const hash32 *hash, enum pool_reason reason,
                 enum tx_error error);
void pool_clear(struct pool *p);
/* Closed: submissions are refused with POOL_CLOSED; what is inside stays. */
void pool_close(struct pool *p, bool closed);

/* ---- queries (loop thread) ---- */

/* Held for the caller, or NULL. */
struct pool_tx *pool_get(struct pool *p, const hash32 *hash);
/* The nonce after the sender's executable transactions (eth_getTransactionCount
 * "pending"). */
mt_err pool_nonce(struct pool *p, const address *addr, uint64_t *out);
/* The least tip that is admitted. */
u256 pool_min_tip(const struct pool *p);
/* Base fee of the next block, as the pool knows the head. */
u256 pool_base_fee(const struct pool *p);
void pool_count(const struct pool *p, size_t *pending, size_t *queued);
/* Every transaction, by sender then nonce; is_pending false: queued. */
void pool_each(struct pool *p, void (*fn)(void *ctx, struct pool_tx *tx, bool is_pending),
               void *ctx);
/* Why a transaction is not (or no longer) here; false when nothing is known. */
bool pool_why(struct pool *p, const hash32 *hash, struct pool_verdict *out);

#endif
