/* mpef: transaction and fee rules, and block execution. Here is the sequential executor,
 * the specification that every faster path must equal to the byte; it is part of the
 * provable core (sender recovery over worker threads is not).
 *
 * A block is executed step by step: begin (system calls, irregular changes), one call a
 * transaction, end (withdrawals, rewards, requests). Import, building, eth_call, traces
 * and tests all take this one road. The block's changes gather in an overlay over a
 * vm_reader and leave as one ordered delta. */
#ifndef METIS_MPEF_H
#define METIS_MPEF_H

#include "metis/metisdb.h"
#include "metis/metisvm.h"
#include "metis/trie.h"

/* ================= why a transaction is invalid ================= */

/* X(ID, text, fixture names): text in geth's words, tools match on them; the names are
 * those of the public test suites' TransactionException, '|' between them. */
#define TX_ERRORS(X)                                                                     \
    X(OK, "ok", "")                                                                      \
    X(TYPE_UNSUPPORTED, "transaction type not supported", "TYPE_NOT_SUPPORTED")          \
    X(SIGNATURE, "invalid transaction v, r, s values", "INVALID_SIGNATURE_VRS")          \
    X(CHAIN_ID, "invalid chain id for signer", "INVALID_CHAINID")                        \
    X(NONCE_TOO_LOW, "nonce too low", "NONCE_MISMATCH_TOO_LOW")                          \
    X(NONCE_TOO_HIGH, "nonce too high", "NONCE_MISMATCH_TOO_HIGH")                       \
    X(NONCE_MAX, "nonce has max value", "NONCE_IS_MAX|NONCE_TOO_BIG")                    \
    X(SENDER_NOT_EOA, "sender not an eoa", "SENDER_NOT_EOA")                             \
    X(TX_GAS_CAP, "transaction gas limit too high", "GAS_LIMIT_EXCEEDS_MAXIMUM")         \
    X(BLOCK_GAS, "exceeds block gas limit", "GAS_ALLOWANCE_EXCEEDED|GAS_USED_OVERFLOW")  \
    X(TIP_ABOVE_FEE_CAP, "max priority fee per gas higher than max fee per gas",         \
      "PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS|PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS_2")   \
    X(FEE_CAP_TOO_LOW, "max fee per gas less than block base fee",                       \
      "INSUFFICIENT_MAX_FEE_PER_GAS")                                                    \
    X(INSUFFICIENT_FUNDS, "insufficient funds for gas * price + value",                  \
      "INSUFFICIENT_ACCOUNT_FUNDS|GASLIMIT_PRICE_PRODUCT_OVERFLOW")                      \
    X(INTRINSIC_GAS, "intrinsic gas too low", "INTRINSIC_GAS_TOO_LOW")                   \
    X(FLOOR_GAS, "insufficient gas for floor data gas cost",                             \
      "INTRINSIC_GAS_BELOW_FLOOR_GAS_COST|INTRINSIC_GAS_TOO_LOW")                        \
    X(INITCODE_SIZE, "max initcode size exceeded", "INITCODE_SIZE_EXCEEDED")             \
    X(BLOBS_REFUSED, "blob transactions are not accepted on this network", "")           \
    X(BLOB_NONE, "blob transaction missing blob hashes", "TYPE_3_TX_ZERO_BLOBS")         \
    X(BLOB_COUNT, "blob transaction has too many blobs",                                 \
      "TYPE_3_TX_BLOB_COUNT_EXCEEDED|TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED")         \
    X(BLOB_VERSION, "blob has an invalid hash version",                                  \
      "TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH")                                           \
    X(BLOB_CREATE, "blob transaction of type create", "TYPE_3_TX_CONTRACT_CREATION")     \
    X(BLOB_FEE, "max fee per blob gas less than block blob gas fee",                     \
      "INSUFFICIENT_MAX_FEE_PER_BLOB_GAS")                                               \
    X(AUTH_NONE, "EIP-7702 transaction with empty auth list",                            \
      "TYPE_4_EMPTY_AUTHORIZATION_LIST")                                                 \
    X(AUTH_CREATE, "EIP-7702 transaction cannot be used to create contract",             \
      "TYPE_4_TX_CONTRACT_CREATION")                                                     \
    X(L1_FEE_GAS, "gas limit too small for the L1 data fee", "")

enum tx_error {
#define TX_ERROR_ENUM(id, text, names) TX_##id,
    TX_ERRORS(TX_ERROR_ENUM)
#undef TX_ERROR_ENUM
        TX_ERROR_COUNT
};
const char *tx_error_text(enum tx_error e);
/* The fixture names, '|' between them; a type before its fork has a name by type. */
const char *tx_error_names(enum tx_error e, const struct tx *tx);

/* ================= fee rules ================= */

/* Gas before the first instruction: 21000 or 53000, data, access list, init code words,
 * authorisations, by fork; and the EIP-7623 floor (0 before Prague). Saturates. */
uint64_t tx_intrinsic_gas(const struct tx *tx, const struct rules *rules,
                          uint64_t *floor);

/* What can be said without state: type, chain id, gas caps, fee order, intrinsic and
 * floor gas, blob and authorisation shape. The pool and the executor both start here. */
enum tx_error tx_check_static(const struct tx *tx, const struct rules *rules);

/* EIP-1559 base fee of the child of parent under the child's rules (first London block: 1
 * gwei). */
u256 next_base_fee(const struct header *parent, const struct rules *rules,
                   const struct rules *parent_rules);
/* EIP-4844/7691/7918 excess of the child; and the price per blob gas for an excess. */
uint64_t next_excess_blob_gas(const struct header *parent, const struct rules *rules,
                              const struct rules *parent_rules);
u256 blob_base_fee(uint64_t excess_blob_gas, const struct rules *rules);
#define GAS_PER_BLOB 131072u

/* EIP-7825: the most gas of one transaction from Osaka on; the extra gas of the L1 data
 * fee is not counted. */
#define TX_GAS_LIMIT_MAX 16777216u

/* The L1 data fee of a transaction (rules->spec->l1_fee; docs/NETWORKS.md has the
 * formula): oracle slots as they stand, result in wei, the L1 gas, and the extra L2 gas
 * at price. */
#define L1_FEE_SLOT_BASE_FEE 2 /* of the oracle: the price of L1 gas */
struct l1_fee {
    u256 l1_base_fee, overhead, scalar;
    uint64_t decimals;
    uint64_t l1_gas;
    u256 fee;
    uint64_t extra_gas;
};
/* read gives a slot of the oracle. The unsigned legacy form or the whole typed encoding
 * is what is paid for. */
mt_err l1_fee_compute(const struct tx *tx, u256 gas_price,
                      mt_err (*read)(void *ctx, const hash32 *slot, u256 *out), void *ctx,
                      struct l1_fee *out);

/* ================= executing a block ================= */

struct block_exec;

/* Departures from a valid transaction's rules, for eth_call, estimates and traces. */
enum {
    EXEC_SKIP_NONCE = 1, /* any nonce and chain id; the sender's nonce is not compared */
    EXEC_SKIP_FUNDS = 2, /* gas is not bought, fees are not paid; value must be there */
    EXEC_SKIP_FEES = 4,  /* caps may be below the base fee; BASEFEE is 0 with price 0 */
    EXEC_SKIP_EOA = 8,   /* senders with code may send */
    EXEC_SKIP_GAS_CAPS = 16, /* no EIP-7825 cap, no block gas limit */
    EXEC_SKIP_L1_FEE = 32,
    EXEC_CALL = 63,
    /* With EXEC_SKIP_FEES: code sees the block's base fees whatever the price is. */
    EXEC_SHOW_FEES = 64,
    EXEC_NO_BLOOM = 128 /* receipts without their bloom: nobody looks at them */
};

struct block_exec_in {
    const struct rules *rules;
    const struct header *header; /* number, coinbase, time, limits, base fee, randao… ;
                                    roots, gas used and bloom are not read */
    const struct vm_reader *reader; /* state after the parent block */
    const struct crypto_ops *crypto;
    struct arena *arena; /* everything made here; results live in it */
    /* Call frames; holds nothing else and is reset by every call, so that a block of many
     * calls stays small (vm_arena_size bounds one). NULL: frames are made in arena and
     * stay there. */
    struct arena *scratch;
    enum vm_engine engine;
    const struct vm_tracer *tracer; /* NULL: none */
    uint64_t seed;                  /* keys hash tables, no effect on results */
    const struct vm_moves *moves;   /* precompiles of a simulation; NULL: none moved */
    const u256 *blob_base_fee;      /* of a simulation; NULL: by the header */
    /* Makes the access list (EIP-7928) also before Amsterdam, for a sidecar. */
    bool access_list;
    /* Before Byzantium a receipt holds the state root after its transaction; called with
     * the delta of the transaction (and of begin, before it). NULL from Byzantium on. */
    mt_err (*root)(void *ctx, const struct state_delta *delta, hash32 *out);
    void *root_ctx;
    /* Asked every 100,000 instructions or so; true ends with MT_ECANCELED. NULL:
     * never. */
    bool (*should_stop)(void *ctx);
    void *stop_ctx;
};

struct tx_outcome {
    enum tx_error error; /* not OK: the transaction is invalid and nothing changed */
    enum vm_halt halt;
    uint64_t gas_used; /* after refunds and floor, L1 extra gas included */
    uint64_t gas_refunded;
    uint64_t gas_peak;        /* before refunds; with floor and L1 extra gas */
    slice output;             /* return or revert data; in the arena */
    struct receipt receipt;   /* complete but for nothing; logs in the arena */
    struct state_delta delta; /* of this transaction alone; in the arena */
};

struct block_exec *block_exec_new(const struct block_exec_in *in);

/* System calls before the transactions (EIP-4788, EIP-2935), the DAO fork's irregular
 * change. */
mt_err block_exec_begin(struct block_exec *be, struct mt_diag *diag);

/* One transaction; tx->has_from must be set. MT_EINVALID_TX with out->error set when it
 * is invalid (the block goes on as if it had not been tried); other errors void the
 * block. flags are EXEC_* (0 in blocks). */
mt_err block_exec_tx(struct block_exec *be, const struct tx *tx, unsigned flags,
                     struct tx_outcome *out, struct mt_diag *diag);

/* Puts a change into the overlay as if it had been in the parent state (state overrides,
 * dev methods). */
mt_err block_exec_patch(struct block_exec *be, const struct state_delta *delta);

/* What of the block's gas limit is taken: from Amsterdam on the larger dimension. */
uint64_t block_exec_gas_used(const struct block_exec *be);
uint64_t block_exec_blob_gas_used(const struct block_exec *be);

/* The overlay as a reader: what the next transaction would see. Valid while be is. */
const struct vm_reader *block_exec_reader(struct block_exec *be);

/* Slots of an account that were read or changed so far, as they are now, in no order; in
 * the arena. *whole: slots that are not listed are zero, else the parent state's. */
mt_err block_exec_slots(const struct block_exec *be, const address *addr,
                        struct arena *arena, struct slot_change **slots, size_t *num,
                        bool *whole);

/* The state of the last block_exec_tx, until the next call: what it accessed
 * (vm_state_accessed). */
const struct vm_state *block_exec_state(const struct block_exec *be);

/* Request types of the newest fork. */
#define EXEC_REQUESTS_MAX 8u

struct block_exec_out {
    uint64_t gas_used;
    uint64_t blob_gas_used;
    uint8_t bloom[256];
    struct receipt *receipts; /* one a valid transaction, in order */
    size_t receipt_num;
    hash32 receipts_root;
    hash32 requests_hash; /* EIP-7685, from Prague on */
    /* the requests behind it: by type, each with its type byte first; only the types that
     * have some */
    slice requests[EXEC_REQUESTS_MAX];
    size_t request_num;
    slice access_list; /* EIP-7928, from Amsterdam on or when asked for; else empty */
    hash32 access_list_hash;
    struct state_delta delta; /* of the whole block */
};

/* Withdrawals, ommer and block rewards, requests (EIP-6110, 7002, 7251). Outputs live in
 * the arena. */
mt_err block_exec_end(struct block_exec *be, const struct header *ommers,
                      size_t ommer_num, const struct withdrawal *withdrawals,
                      size_t withdrawal_num, struct block_exec_out *out,
                      struct mt_diag *diag);

/* What a block of proof of work gives its author, and the author of an ommer that is
 * depth blocks older (1 to 6). Yellow paper 11.3, EIP-649, EIP-1234. */
u256 reward_of_author(const struct rules *rules, size_t ommer_num);
u256 reward_of_ommer(const struct rules *rules, uint64_t depth);

/* The whole of a block: senders must be recovered. MT_EINVALID_BLOCK names the
 * transaction and reason. */
mt_err block_exec_all(struct block_exec *be, const struct block *block,
                      struct block_exec_out *out, struct mt_diag *diag);

/* After block_exec_all answered MT_EINVALID_BLOCK: the fixture names of the reason, '|'
 * between them; "" when there are none. Static text. */
const char *block_exec_error_names(const struct block_exec *be);

/* ================= around the executor ================= */

/* Merges next into base (both ordered): the delta of doing both in turn. In arena. */
mt_err delta_merge(struct arena *arena, const struct state_delta *base,
                   const struct state_delta *next, struct state_delta *out);

#ifndef METIS_FREESTANDING

/* A reader over a database snapshot. hashes finds ancestors' hashes by number (the chain
 * of the block being executed, not only the canonical one). */
struct snapshot_reader {
    struct metisdb_snapshot *snapshot;
    mt_err (*block_hash)(void *ctx, uint64_t number, hash32 *out);
    void *ctx;
};
struct vm_reader vm_reader_of_snapshot(struct snapshot_reader *sr);

/* Recovers all senders over the pool (w NULL: here). MT_EINVALID_TX names the first bad
 * one; senders already known are kept. */
mt_err txs_recover(struct workers *w, struct tx *txs, size_t num, bool low_s,
                   struct mt_diag *diag);

#endif
#endif
