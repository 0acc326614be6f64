/* types: the chain's values — transactions, headers, blocks, receipts, logs, state
 * changes — and the chain spec that says which rules hold when. Part of the provable
 * core.
 *
 * Decoded values borrow byte strings from the encoding they were read from and keep
 * arrays in the arena given to the decoder; both must outlive the value. */
#ifndef METIS_TYPES_H
#define METIS_TYPES_H

#include "metis/base.h"
#include "metis/codec.h"
#include "metis/crypto.h"

/* ================= forks and rules ================= */

/* X(ID, name as in test fixtures, key in a geth genesis, by) — in order of activation;
 * by is B (block number) or T (timestamp). */
#define MT_FORKS(X)                                                                      \
    X(FRONTIER, "Frontier", "", B)                                                       \
    X(HOMESTEAD, "Homestead", "homesteadBlock", B)                                       \
    X(DAO, "DAOFork", "daoForkBlock", B)                                                 \
    X(TANGERINE, "EIP150", "eip150Block", B)                                             \
    X(SPURIOUS, "EIP158", "eip158Block", B)                                              \
    X(BYZANTIUM, "Byzantium", "byzantiumBlock", B)                                       \
    X(CONSTANTINOPLE, "Constantinople", "constantinopleBlock", B)                        \
    X(PETERSBURG, "ConstantinopleFix", "petersburgBlock", B)                             \
    X(ISTANBUL, "Istanbul", "istanbulBlock", B)                                          \
    X(MUIR_GLACIER, "MuirGlacier", "muirGlacierBlock", B)                                \
    X(BERLIN, "Berlin", "berlinBlock", B)                                                \
    X(LONDON, "London", "londonBlock", B)                                                \
    X(ARROW_GLACIER, "ArrowGlacier", "arrowGlacierBlock", B)                             \
    X(GRAY_GLACIER, "GrayGlacier", "grayGlacierBlock", B)                                \
    X(PARIS, "Paris", "mergeNetsplitBlock", B)                                           \
    X(SHANGHAI, "Shanghai", "shanghaiTime", T)                                           \
    X(CANCUN, "Cancun", "cancunTime", T)                                                 \
    X(PRAGUE, "Prague", "pragueTime", T)                                                 \
    X(OSAKA, "Osaka", "osakaTime", T)                                                    \
    X(BPO1, "BPO1", "bpo1Time", T)                                                       \
    X(BPO2, "BPO2", "bpo2Time", T)                                                       \
    X(BPO3, "BPO3", "bpo3Time", T)                                                       \
    X(BPO4, "BPO4", "bpo4Time", T)                                                       \
    X(BPO5, "BPO5", "bpo5Time", T)                                                       \
    X(AMSTERDAM, "Amsterdam", "amsterdamTime", T)

enum fork {
#define MT_FORK_ENUM(id, name, key, by) FORK_##id,
    MT_FORKS(MT_FORK_ENUM)
#undef MT_FORK_ENUM
        FORK_COUNT
};

const char *fork_name(enum fork f);
/* By fixture name ("Merge" is Paris); MT_ENOTFOUND otherwise. */
mt_err fork_parse(const char *name, enum fork *out);

#define FORK_NEVER UINT64_MAX

struct blob_params {
    uint64_t target; /* blobs a block */
    uint64_t max;
    uint64_t base_fee_update_fraction;
};

/* Everything that can change a hash on a network. Plain data, copied freely. */
struct chain_spec {
    char name[32];
    uint64_t chain_id;
    uint64_t fork_at[FORK_COUNT]; /* block number or timestamp, FORK_NEVER when off */
    bool merge_by_ttd;            /* Paris starts when total difficulty reaches ttd */
    u256 ttd;
    bool dao_support;
    struct blob_params
        blobs[FORK_COUNT];    /* from Cancun on; a fork without an entry of its
                                             own has its predecessor's */
    address deposit_contract; /* EIP-6110 */

    /* Named rules of Metis networks; all off on a plain Ethereum genesis. */
    bool metis;         /* a sequencer seals: no proof of work before Paris either,
                              so difficulty 0, no ommers, no rewards */
    uint64_t period_ms; /* block period of a sequencer; 0: on demand */
    uint64_t gas_limit; /* target of built blocks */
    bool equal_time;    /* a child may have its parent's timestamp */
    bool no_blobs;      /* blob transactions are invalid */
    bool code_senders;  /* accounts with code may send (no EIP-3607): development */
    bool push0;         /* PUSH0 before Shanghai (Andromeda: Berlin + PUSH0) */
    bool l1_fee;        /* L1 data fee as extra gas, by the oracle's slots */
    address gas_price_oracle;
    bool base_fee_vault; /* the base fee is credited to vault instead of burnt */
    address vault;
    bool native_token; /* token may move native value through native_transfer */
    address token;
    address native_transfer;
    /* For the public Amsterdam archive alone: the prices of the draft it was filled with
     * instead of those of EIPs 2780, 8037 and 8038 as scheduled (docs/CONFORMANCE.md). No
     * genesis can set it. */
    bool draft_prices;
    bool fixed_coinbase; /* header.coinbase must be coinbase */
    address coinbase;
};

/* The rules of one block: the answer to every "which fork" question below the chain. */
struct rules {
    const struct chain_spec *spec;
    enum fork fork;
    struct blob_params blobs;
    bool push0;
};

/* True where blocks are mined: difficulty, ommers and rewards exist. */
static inline bool rules_have_work(const struct rules *r)
{
    return r->fork < FORK_PARIS && !r->spec->metis;
}

/* The rules at (number, timestamp). after_merge says whether the parent's total
 * difficulty reached the TTD (only asked when spec->merge_by_ttd). */
struct rules chain_rules(const struct chain_spec *spec, uint64_t number,
                         uint64_t timestamp, bool after_merge);

/* A spec with every fork up to f active from genesis; for tools and tests. */
void chain_spec_for_fork(enum fork f, uint64_t chain_id, struct chain_spec *out);

/* ================= transactions ================= */

enum tx_type { TX_LEGACY, TX_ACCESS_LIST, TX_DYNAMIC_FEE, TX_BLOB, TX_SET_CODE };

struct access_entry {
    address addr;
    const hash32 *slots;
    size_t slot_num;
};

/* EIP-7702. authority is recovered later; valid tells whether it was. */
struct authorization {
    u256 chain_id;
    address addr;
    uint64_t nonce;
    uint8_t y_parity;
    u256 r, s;
};

struct tx {
    enum tx_type type;
    bool has_chain_id; /* false: legacy without EIP-155 */
    uint64_t chain_id;
    uint64_t nonce;
    u256 gas_price;        /* legacy, access list */
    u256 max_priority_fee; /* = gas_price for types 0, 1 */
    u256 max_fee;          /* = gas_price for types 0, 1 */
    uint64_t gas;
    bool has_to; /* false: contract creation */
    address to;
    u256 value;
    slice data;
    const struct access_entry *access_list;
    size_t access_num;
    u256 max_fee_per_blob_gas;
    const hash32 *blob_hashes;
    size_t blob_num;
    const struct authorization *auths;
    size_t auth_num;
    uint8_t y_parity; /* 0 or 1 */
    u256 v;           /* as encoded (legacy: 27, 28 or EIP-155) */
    u256 r, s;
    slice raw;   /* canonical encoding: what is hashed and stands in a block's tx trie */
    hash32 hash; /* keccak256(raw) */
    slice sidecar; /* network form of a blob transaction: the rest; else empty */
    bool has_from;
    address from; /* set by tx_recover or by a tool */
};

/* Decodes one canonical encoding (EIP-2718): typed bytes or a legacy list. Structure
 * only: signatures are range-checked by tx_recover, semantics by mpef. */
mt_err tx_decode(slice raw, struct arena *a, struct tx *out, struct mt_diag *diag);

/* As above, also taking the network form of blob transactions (with sidecar). */
mt_err tx_decode_network(slice raw, struct arena *a, struct tx *out,
                         struct mt_diag *diag);

/* Appends the canonical encoding (signature included). */
void tx_encode(const struct tx *tx, struct buf *out);

/* Puts a signature into r, s, y_parity and v (by type and has_chain_id). raw, hash and
 * from are not touched. */
void tx_set_sig(struct tx *tx, const sig *sg);

/* The hash that is signed; uses tx->has_chain_id for legacy. */
hash32 tx_signing_hash(const struct tx *tx);
/* Appends the unsigned form that tx_signing_hash hashes. */
void tx_encode_unsigned(const struct tx *tx, struct buf *out);

/* Recovers the sender through ops and stores it in tx. low_s: EIP-2 (Homestead).
 * MT_ECRYPTO with text when r, s or v are out of range or no key fits. */
mt_err tx_recover(struct tx *tx, bool low_s, const struct crypto_ops *ops,
                  struct mt_diag *diag);

/* The authority of an EIP-7702 tuple; MT_ECRYPTO when invalid. */
mt_err auth_recover(const struct authorization *auth, const struct crypto_ops *ops,
                    address *out);

/* Price per gas the sender pays with this base fee (zero before London). */
u256 tx_effective_gas_price(const struct tx *tx, u256 base_fee);

/* ================= headers and blocks ================= */

struct header {
    hash32 parent_hash;
    hash32 ommers_hash;
    address coinbase;
    hash32 state_root;
    hash32 tx_root;
    hash32 receipts_root;
    uint8_t bloom[256];
    u256 difficulty;
    uint64_t number;
    uint64_t gas_limit;
    uint64_t gas_used;
    uint64_t timestamp;
    slice extra_data; /* at most 32 bytes valid; borrowed */
    hash32 mix_hash;  /* prev_randao after Paris */
    uint8_t nonce[8];
    /* optional fields, in order; field_num says how many there are */
    u256 base_fee;                 /* 16: London */
    hash32 withdrawals_root;       /* 17: Shanghai */
    uint64_t blob_gas_used;        /* 18: Cancun */
    uint64_t excess_blob_gas;      /* 19 */
    hash32 parent_beacon_root;     /* 20 */
    hash32 requests_hash;          /* 21: Prague */
    hash32 block_access_list_hash; /* 22: Amsterdam (EIP-7928) */
    uint64_t slot_number;          /* 23: Amsterdam (EIP-7843) */
    uint8_t field_num;             /* 15..23 */
};

#define HEADER_FIELDS_MIN 15
#define HEADER_FIELDS_MAX 23

static inline bool header_has_base_fee(const struct header *h)
{
    return h->field_num >= 16;
}

/* How many fields a header has under these rules. */
uint8_t header_fields_for(const struct rules *rules);

struct withdrawal {
    uint64_t index;
    uint64_t validator;
    address addr;
    uint64_t amount_gwei;
};

struct block {
    struct header header;
    hash32 hash;
    struct tx *txs;
    size_t tx_num;
    const struct header *ommers;
    size_t ommer_num;
    bool has_withdrawals;
    const struct withdrawal *withdrawals;
    size_t withdrawal_num;
    slice raw; /* whole encoding when decoded */
};

mt_err header_decode(slice raw, struct header *out, struct mt_diag *diag);
void header_encode(const struct header *h, struct buf *out);
hash32 header_hash(const struct header *h);

/* One block [header, txs, ommers, withdrawals?]; senders are not recovered. */
mt_err block_decode(slice raw, struct arena *a, struct block *out, struct mt_diag *diag);
/* A transaction with raw set is copied from there. */
void block_encode(const struct block *b, struct buf *out);

/* [index, validator, address, amount]: the value in the withdrawals trie (EIP-4895). */
void withdrawal_encode(const struct withdrawal *w, struct buf *out);

/* ================= receipts, logs, bloom ================= */

struct log {
    address addr;
    uint32_t topic_num; /* 0..4 */
    hash32 topics[4];
    slice data;
};

struct receipt {
    enum tx_type type;
    bool has_root; /* before Byzantium: root instead of status */
    hash32 root;
    bool success;
    uint64_t cumulative_gas;
    uint8_t bloom[256];
    const struct log *logs;
    size_t log_num;
    /* not part of the encoding: stored beside it */
    uint64_t gas_used;
    bool has_contract;
    address contract;
    u256 effective_gas_price;
    uint64_t blob_gas_used;
    u256 blob_gas_price;
    bool has_l1_fee; /* networks with the L1 data fee */
    u256 l1_fee;
    u256 l1_gas_price;
    uint64_t l1_gas_used;
    u256 l1_scalar; /* value of the oracle's scalar slot */
    uint64_t l1_decimals;
};

void bloom_add(uint8_t bloom[256], slice item);
bool bloom_may_contain(const uint8_t bloom[256], slice item);
/* The bits of items that were seen lately: the logs of a block repeat their addresses and
 * topics, and a hash costs more than a look. All zero at first; the caller's. */
#define BLOOM_MEMO_NUM 64u
struct bloom_memo {
    struct {
        uint8_t item[32];
        uint8_t len; /* 0: free */
        uint16_t bits[3];
    } slots[BLOOM_MEMO_NUM];
};
void bloom_of_logs(const struct log *logs, size_t n, struct bloom_memo *memo,
                   uint8_t bloom[256]);

/* Consensus encoding, as hashed into the receipts trie. */
void receipt_encode(const struct receipt *r, struct buf *out);
/* RLP list of logs: its keccak is the `logs` field of state tests. */
void logs_encode(const struct log *logs, size_t n, struct buf *out);

/* ================= state changes ================= */

struct account {
    uint64_t nonce;
    u256 balance;
    hash32 code_hash;    /* KECCAK_EMPTY when there is no code */
    hash32 storage_root; /* of the last committed state; KECCAK_RLP_EMPTY when empty */
};

static inline struct account account_empty(void)
{
    return (struct account){0, {{0, 0, 0, 0}}, KECCAK_EMPTY, KECCAK_RLP_EMPTY};
}

struct slot_change {
    hash32 slot;
    u256 value; /* zero: the slot is removed */
};

enum {
    CHANGE_DELETED = 1, /* the account is gone; no other field counts but the next */
    CHANGE_STORAGE_CLEARED = 2, /* all storage before this delta is gone; slots are new */
    CHANGE_CODE = 4,            /* code holds new code */
};

/* One account after a transaction or block. nonce, balance and code_hash are always
 * full. */
struct account_change {
    address addr;
    uint32_t flags;
    uint64_t nonce;
    u256 balance;
    hash32 code_hash;
    slice code;
    struct slot_change *slots; /* ascending by slot, no repeats */
    size_t slot_num;
};

/* An ordered delta: ascending by address, no repeats. */
struct state_delta {
    struct account_change *accounts;
    size_t account_num;
};

#endif
