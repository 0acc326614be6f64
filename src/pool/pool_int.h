/* Private parts of the pool.
 *
 *   by_hash   hash -> struct pool_tx *            every transaction here
 *   senders   address -> struct sender *          those with at least one
 *   sender    txs ascending by nonce: [ pending … | queued … ]
 *
 * The first `pending` transactions of a sender continue the state's nonce without a gap
 * and are paid for together by its balance; the rest is queued. All of it belongs to the
 * loop thread but for `struct ingest_batch`, which travels to a worker and back. */
#ifndef METIS_POOL_INT_H
#define METIS_POOL_INT_H

#include "metis/pool.h"

struct sender {
    address addr;
    uint64_t nonce; /* of the state at the head */
    u256 balance;
    bool has_code; /* code that is no delegation: may not send (EIP-3607) */
    struct pool_tx **txs;
    size_t num, cap;
    size_t pending;
    u256 pending_cost; /* sum of tx_cost over the pending ones */
};

/* What pool_why remembers of one transaction that was refused or dropped. */
struct why {
    hash32 hash;
    enum pool_reason reason;
    enum tx_error error;
};
#define WHY_MAX 16384u

/* blob.c: commitments, hashes and proofs of a blob transaction's sidecar. On a worker. */
mt_err blob_sidecar_check(const struct kzg *kzg, const struct tx *tx,
                          struct mt_diag *diag);

struct ingest; /* ingest.c */

struct pool {
    struct pool_options opt;
    struct head_view *view;
    struct rules rules; /* of the next block */
    struct map by_hash;
    struct map senders;
    size_t bytes;
    size_t pending_num;
    bool closed;
    uint64_t seq;
    uint64_t expiry_ms; /* next sweep for expired ones */
    struct map why;     /* hash -> struct why; cleared by halves, see why.c */
    struct map why_old;
    struct ingest *ingest;
    /* The price oracle's first slots at view, as far as they were asked for. */
    struct {
        bool known[8];
        u256 value[8];
    } oracle;
};

/* The state at the head, opened at first need and closed with state_close. */
struct pool_state {
    struct pool *pool;
    struct metisdb_snapshot *snapshot;
};
mt_err pool_state_account(struct pool_state *s, const address *addr, struct account *out);
mt_err pool_state_code(struct pool_state *s, const hash32 *code_hash, slice *out);
mt_err pool_state_slot(struct pool_state *s, const address *addr, const hash32 *slot,
                       u256 *out);
void pool_state_close(struct pool_state *s);

/* pool_tx.c: a transaction in memory of its own, decoded from a copy of raw (network
 * form). */
mt_err pool_tx_new(slice raw, struct pool_tx **out, struct mt_diag *diag);
/* gas * max_fee + value + blob gas * max blob fee; saturates at U256_MAX. */
u256 tx_cost(const struct tx *tx);
/* What a block's builder gets per gas at this base fee; zero when the cap is below it. */
u256 tx_tip(const struct tx *tx, u256 base_fee);

/* sender.c */
struct sender *sender_get(struct pool *p, const address *addr);
mt_err sender_open(struct pool *p, struct pool_state *st, const address *addr,
                   struct sender **out);
/* Index of the first transaction with nonce >= n. */
size_t sender_find(const struct sender *s, uint64_t nonce);
void sender_insert(struct pool *p, struct sender *s, size_t at, struct pool_tx *tx);
void sender_remove_at(struct pool *p, struct sender *s, size_t at);
/* Computes the pending prefix anew; newly pending ones are announced. Frees the sender
 * when it is empty (s is then gone). */
void sender_settle(struct pool *p, struct sender *s);
void sender_free(struct pool *p, struct sender *s);
/* Reads nonce and balance at the head again and drops or demotes accordingly; s may be
 * gone afterwards. */
mt_err sender_refresh(struct pool *p, struct pool_state *st, struct sender *s);

/* admit.c: the rules; on POOL_OK the pool holds tx (its own reference). */
void pool_admit(struct pool *p, struct pool_state *st, struct pool_tx *tx, bool local,
                struct pool_verdict *v);
/* What can be refused before the sender is known. False: *v has the verdict. */
bool pool_precheck(struct pool *p, const struct pool_tx *tx, struct pool_verdict *v);
__attribute__((format(printf, 4, 5))) void pool_refuse(struct pool_verdict *v,
                                                       enum pool_reason reason,
                                                       enum tx_error error,
                                                       const char *fmt, ...);

/* evict.c: makes room for one more of this size and tip; false when it is itself the
 * worst. */
bool pool_make_room(struct pool *p, const struct pool_tx *tx);

/* why.c */
void why_put(struct pool *p, const hash32 *hash, enum pool_reason reason,
             enum tx_error error);

/* blob.c: commitments, hashes and proofs of a blob transaction's sidecar. Worker
 * thread. */
mt_err blob_sidecar_check(const struct kzg *kzg, const struct tx *tx,
                          struct mt_diag *diag);

/* ingest.c */
struct ingest *ingest_new(struct pool *p);
void ingest_free(struct ingest *in);

/* Takes a transaction out of all tables and drops the pool's reference. */
void pool_forget(struct pool *p, struct sender *s, size_t at, enum pool_reason reason,
                 enum tx_error error);

#endif
