/* Private to mpef: the overlay, the block executor's record and what its files share. */
#ifndef METIS_MPEF_INT_H
#define METIS_MPEF_INT_H

#include "metis/mpef.h"

#define TX_BLOBS_MAX      6u     /* EIP-7594 */
#define AUTH_EXISTING_GAS 12500u /* EIP-7702: given back for an authority that exists */
#define SYSTEM_CALL_GAS   30000000u
#define SYSTEM_CALL_SLOTS 16u   /* EIP-8037: new slots that a system call can pay */
#define ACCESS_ITEM_COST  2000u /* EIP-7928 */

/* ---- sorting (merge sort: stable, no recursion, no libc) ---- */

/* Sorts num items of size bytes; scratch holds as many. */
void mpef_sort(void *items, void *scratch, size_t num, size_t size,
               int (*cmp)(const void *a, const void *b));

/* ---- the overlay: what the block has changed so far, over a reader ---- */

/* An account as it stands after the transactions so far. Entries that were only read are
 * kept as a cache. Storage is cleared by a new generation: slots are keyed by (address,
 * generation, slot), and below generation 0 stands the parent's state. */
struct ov_account {
    struct account account;
    bool exists;
    bool changed;      /* by this block */
    bool cleared;      /* by this block */
    bool code_changed; /* by this block */
    uint32_t generation;
    slice code; /* with code_changed */
};

struct ov_slot {
    u256 value;
    bool changed;
};

struct overlay {
    const struct vm_reader *base;
    struct map accounts; /* address -> struct ov_account */
    struct map slots;    /* struct ov_slot_key -> struct ov_slot */
    struct map codes;    /* code hash -> slice */
};

void overlay_init(struct overlay *ov, struct arena *arena, const struct vm_reader *base,
                  uint64_t seed);
struct vm_reader overlay_reader(struct overlay *ov);
/* in_block false: as if it had been in the parent state. Code slices are kept by
 * reference. */
mt_err overlay_apply(struct overlay *ov, const struct state_delta *delta, bool in_block);
mt_err overlay_slots(const struct overlay *ov, const address *addr, struct arena *arena,
                     struct slot_change **slots, size_t *num, bool *whole);
/* Everything the block has changed, ordered. */
mt_err overlay_delta(const struct overlay *ov, struct arena *arena,
                     struct state_delta *out);

/* ---- the block's access list (EIP-7928) ---- */

struct access_log {
    struct arena *arena;
    bool on;
    uint32_t index; /* of the running step: 0, transactions from 1, then the end */
    struct map accounts, slots;
};

void access_init(struct access_log *log, struct arena *arena, bool on, uint64_t seed);

/* Takes over what a step saw; before its state is reset, after its delta is made. */
mt_err access_record(struct access_log *log, const struct vm_state *s);
/* The RLP of the list, in the arena, and how many accounts and slots it names. */
mt_err access_encode(struct access_log *log, slice *out, uint64_t *count);

/* ---- the block executor ---- */

struct block_exec {
    struct block_exec_in in;
    struct arena *arena;   /* results */
    struct arena *scratch; /* frames; rewound after each call when it is not arena */
    struct overlay overlay;
    struct vm_reader reader; /* of the overlay */
    struct vm_state *state;
    struct vm_block block;
    uint64_t gas_used; /* by the receipts: what was paid for */
    /* What the block's limit is compared with: gas_used but for refunds (EIP-7778), in
     * two dimensions (EIP-8037). Before Amsterdam regular is gas_used. */
    uint64_t regular_gas, state_gas;
    uint64_t blob_gas_used;
    struct access_log access;
    struct receipt *receipts;
    size_t receipt_num;
    size_t receipt_cap;
    struct bloom_memo bloom_memo;
    const char *error_names; /* fixture names of why the block is invalid, or NULL */
};

/* Runs msg in be->state to its end or MT_ECANCELED; output is in scratch. */
mt_err exec_message(struct block_exec *be, const struct vm_msg *msg,
                    const struct vm_tx *tx, const struct vm_block *block,
                    struct vm_result *out);

/* Forgets the state (and the frames) of the last call. */
void exec_reset(struct block_exec *be);

/* Takes the state's delta (in the arena), puts it into the overlay. */
mt_err exec_commit(struct block_exec *be, struct state_delta *out);

/* True when a delta would change nothing. */
static inline bool delta_is_empty(const struct state_delta *d)
{
    return d->account_num == 0;
}

/* A call by the system address with 30,000,000 gas that no block pays for. *found is
 * false when the contract has no code. Output is copied to the arena. */
mt_err system_call(struct block_exec *be, const address *to, slice input, bool *found,
                   enum vm_halt *halt, slice *output, struct state_delta *delta);

/* EIP-4788 and EIP-2935, into the overlay; deltas are merged into *delta. */
mt_err system_begin(struct block_exec *be, struct state_delta *delta,
                    struct mt_diag *diag);

/* EIP-7685: deposits from the receipts' logs, withdrawal and consolidation requests by
 * system calls; their hash. */
mt_err requests_collect(struct block_exec *be, struct block_exec_out *out,
                        struct mt_diag *diag);

/* EIP-779, on be->state. */
mt_err dao_fork(struct vm_state *s);

/* Block and ommer rewards by fork; withdrawals. On a state that the caller commits. */
mt_err rewards_apply(struct vm_state *s, const struct rules *rules,
                     const struct header *header, const struct header *ommers,
                     size_t ommer_num);
mt_err withdrawals_apply(struct vm_state *s, const struct withdrawal *w, size_t num);

/* tx_check_static with the EXEC_* departures. */
enum tx_error tx_check_rules(const struct tx *tx, const struct rules *rules,
                             unsigned flags, uint64_t extra_gas);

/* Gas of a transaction's blobs. */
static inline uint64_t tx_blob_gas(const struct tx *tx)
{
    return (uint64_t)tx->blob_num * GAS_PER_BLOB;
}

#endif
