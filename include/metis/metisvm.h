/* metisvm: the EVM. Yellow paper sections 8 and 9 and the EIPs of all forks to Amsterdam.
 *
 * The parts:
 *   struct vm_state   the per-transaction view of the state: accounts, slots, warm sets,
 *                     transient storage, logs, refund, with an append-only undo journal.
 *                     On a miss it asks the vm_reader, the only indirect call there.
 *   struct vm         runs one message call with all its inner calls. Frames live on a
 *                     heap arena, there is no C recursion; vm_run can stop after a
 *                     budget of steps and go on later.
 *
 * Everything here is part of the provable core: time, block data, state and crypto come
 * in as arguments; one thread at a time uses a vm or a vm_state. Out-of-gas, revert and
 * the like are results (vm_halt); an mt_err is a failure of the machine around the EVM (a
 * reader's I/O error, an arena cap) and voids the whole transaction. */
#ifndef METIS_METISVM_H
#define METIS_METISVM_H

#include "metis/types.h"

/* ================= opcodes and limits ================= */

/* The one opcode table, in opcodes.def: X(VALUE, NAME, static gas, stack in, stack out,
 * since fork, immediate bytes). Interpreters, disassemblers, tracers and tests expand
 * it. */
const char *vm_opcode_name(uint8_t op); /* "INVALID" for undefined ones */
/* Stack items it leaves where its operands were; DUPn and SWAPn count all they reach. */
unsigned vm_opcode_pushes(uint8_t op);

#define VM_STACK_MAX 1024
#define VM_DEPTH_MAX 1024

/* The most bytes of a contract's code (EIP-170, EIP-7954) and of the code that makes one
 * (EIP-3860). */
static inline size_t vm_code_size_max(enum fork fork)
{
    return fork >= FORK_AMSTERDAM ? 65536 : 24576;
}
static inline size_t vm_initcode_max(enum fork fork)
{
    return 2 * vm_code_size_max(fork);
}

/* The EVM's gas table per fork is private; what transactions pay by the same prices
 * before their first instruction (mpef) is here. State gas (EIP-8037) is 0 before
 * Amsterdam. */
struct vm_prices {
    uint64_t warm_access, cold_account, cold_slot;
    uint64_t account_write;     /* EIP-8038 ACCOUNT_WRITE */
    uint64_t state_new_account; /* state gas of an account that was not there */
    uint64_t state_delegation;  /* ... of a delegation designator */
    uint64_t state_new_slot;    /* ... of a slot that was zero */
};
struct vm_prices vm_prices_of(const struct rules *rules);

/* ================= how a call ends ================= */

/* X(ID, text): text is geth's, tools match on it. */
#define VM_HALTS(X)                                                                      \
    X(SUCCESS, "success")                                                                \
    X(REVERT, "execution reverted")                                                      \
    X(OUT_OF_GAS, "out of gas")                                                          \
    X(BAD_OPCODE, "invalid opcode")                                                      \
    X(STACK_UNDERFLOW, "stack underflow")                                                \
    X(STACK_OVERFLOW, "stack limit reached 1024 (1023)")                                 \
    X(BAD_JUMP, "invalid jump destination")                                              \
    X(STATIC_WRITE, "write protection")                                                  \
    X(RETURN_DATA_BOUNDS, "return data out of bounds")                                   \
    X(DEPTH, "max call depth exceeded")                                                  \
    X(BALANCE, "insufficient balance for transfer")                                      \
    X(COLLISION, "contract address collision")                                           \
    X(CODE_SIZE, "max code size exceeded")                                               \
    X(INITCODE_SIZE, "max initcode size exceeded")                                       \
    X(CODE_PREFIX, "invalid code: must not begin with 0xef")                             \
    X(CODE_STORE_GAS, "contract creation code storage out of gas")                       \
    X(NONCE_OVERFLOW, "nonce uint64 overflow")                                           \
    X(PRECOMPILE, "precompile failed")

enum vm_halt {
#define VM_HALT_ENUM(id, text) VM_##id,
    VM_HALTS(VM_HALT_ENUM)
#undef VM_HALT_ENUM
        VM_HALT_COUNT
};
const char *vm_halt_text(enum vm_halt h);

/* ================= the state seam ================= */

/* Where vm_state gets what it has not seen yet: a database snapshot, a block overlay,
 * multi-version memory, a test's map. Each call writes *out on MT_OK; MT_ENEEDSTATE makes
 * vm_run stop with VM_NEED_STATE, any other error with VM_FAILED. */
struct vm_reader {
    /* *exists false: *out is account_empty(). */
    mt_err (*account)(void *ctx, const address *addr, struct account *out, bool *exists);
    /* slot is the 32-byte key before hashing. Zero when absent. */
    mt_err (*storage)(void *ctx, const address *addr, const hash32 *slot, u256 *out);
    /* Borrowed until the reader's owner says (at least the end of the transaction). */
    mt_err (*code)(void *ctx, const hash32 *code_hash, slice *out);
    /* Hash of a block among the 256 before the current one. */
    mt_err (*block_hash)(void *ctx, uint64_t number, hash32 *out);
    void *ctx;
};

/* ================= the per-transaction state ================= */

struct vm_state;

/* One account in the table. Read freely; change only through vm_state functions. */
struct vm_account {
    address addr;
    bool exists;     /* now, in the sense of the trie (before EIP-161 clearing) */
    bool warm;       /* EIP-2929 */
    bool created;    /* CREATE/CREATE2 or creation transaction in this transaction */
    bool destructed; /* SELFDESTRUCT took effect in this transaction */
    bool touched;    /* EIP-161 */
    bool dirty;      /* nonce, balance or code changed */
    bool code_changed;
    bool storage_cleared; /* storage before this transaction does not count */
    uint8_t
        note;  /* the transaction's owner's, for what it keeps by account; 0 at first */
    bool seen; /* belongs into the access list (EIP-7928); not undone by a revert */
    bool code_loaded;
    uint64_t nonce;
    u256 balance;
    hash32 code_hash;
    hash32 storage_root; /* as read */
    slice code;          /* when code_loaded */
};

/* A state over reader; memory for tables and journal comes from arena and is kept for
 * reuse until the arena is dropped. The reader is copied; its ctx must outlive the state.
 * Call vm_state_reset before the first transaction. seed keys the hash tables (any value;
 * no effect on results). NULL when out of arena. */
struct vm_state *vm_state_new(struct arena *arena, const struct vm_reader *reader,
                              uint64_t seed);

/* Ready for the next transaction: forgets everything (the caller takes the delta
 * first). */
void vm_state_reset(struct vm_state *s, const struct rules *rules);

/* The account, loaded at need. *out stays valid until vm_state_reset. */
mt_err vm_state_account(struct vm_state *s, const address *addr, struct vm_account **out);
/* The account with its code loaded. */
mt_err vm_state_code(struct vm_state *s, const address *addr, struct vm_account **out);

/* Journalled changes. Balances: add cannot overflow in practice and wraps; sub is asked
 * only after a check (asserted). All of them touch the account. */
mt_err vm_state_add_balance(struct vm_state *s, const address *addr, u256 amount);
mt_err vm_state_sub_balance(struct vm_state *s, const address *addr, u256 amount);
mt_err vm_state_set_balance(struct vm_state *s, const address *addr, u256 balance);
mt_err vm_state_set_nonce(struct vm_state *s, const address *addr, uint64_t nonce);
mt_err vm_state_set_code(struct vm_state *s, const address *addr, slice code);
mt_err vm_state_touch(struct vm_state *s, const address *addr);

/* Storage: current value, and value at the start of the transaction (EIP-2200). */
mt_err vm_state_load(struct vm_state *s, const address *addr, const hash32 *slot,
                     u256 *current, u256 *original);
mt_err vm_state_store(struct vm_state *s, const address *addr, const hash32 *slot,
                      u256 v);
mt_err vm_state_tload(struct vm_state *s, const address *addr, const hash32 *slot,
                      u256 *v);
mt_err vm_state_tstore(struct vm_state *s, const address *addr, const hash32 *slot,
                       u256 v);

/* EIP-2929: marks warm, *was_warm tells the state before. Journalled. */
mt_err vm_state_warm_account(struct vm_state *s, const address *addr, bool *was_warm);
mt_err vm_state_warm_slot(struct vm_state *s, const address *addr, const hash32 *slot,
                          bool *was_warm);

mt_err vm_state_log(struct vm_state *s, const struct log *log); /* data is copied */
/* Not journalled: for what a transaction gives before its first call (EIP-7702). */
void vm_state_add_refund(struct vm_state *s, int64_t amount);
int64_t vm_state_refund(const struct vm_state *s);

/* Marks for reverting: everything after a mark is undone by vm_state_revert. */
uint32_t vm_state_mark(const struct vm_state *s);
void vm_state_revert(struct vm_state *s, uint32_t mark);

/* Logs of the transaction so far, in order; valid until reset. */
const struct log *vm_state_logs(const struct vm_state *s, size_t *num);

/* The ordered delta of the transaction, after destructs and EIP-161 clearing (from
 * Spurious Dragon: touched empty accounts are deleted; before it they stay). Arrays and
 * code are put in arena. The state may be reset afterwards. */
mt_err vm_state_delta(struct vm_state *s, struct arena *arena, struct state_delta *out);

/* Every account and slot accessed, for access lists and witnesses: callbacks in order of
 * first access. slot NULL: the account itself. */
void vm_state_accessed(const struct vm_state *s,
                       void (*fn)(void *ctx, const address *addr, const hash32 *slot),
                       void *ctx);

/* What the block's access list (EIP-7928) has to know of the transaction: one call an
 * account, then one a slot of it, for all that was seen. before and after are what stands
 * in the trie before and after the transaction; a slot's before == after is a read. */
struct vm_seen_account {
    address addr;
    u256 balance_before, balance_after;
    uint64_t nonce_before, nonce_after;
    hash32 code_before, code_after;
    slice code; /* after */
};
struct vm_seen {
    mt_err (*account)(void *ctx, const struct vm_seen_account *a);
    mt_err (*slot)(void *ctx, const address *addr, const hash32 *slot, u256 before,
                   u256 after);
    void *ctx;
};
mt_err vm_state_seen(const struct vm_state *s, const struct vm_seen *to);
/* Marks an account as seen (it is loaded). Every change marks the account by itself. */
mt_err vm_state_see(struct vm_state *s, const address *addr);

/* ================= running code ================= */

/* Block values the EVM can see. */
struct vm_block {
    uint64_t number;
    uint64_t timestamp;
    address coinbase;
    uint64_t gas_limit;
    u256 base_fee;
    u256 difficulty;    /* before Paris */
    hash32 prev_randao; /* from Paris on */
    u256 blob_base_fee;
    uint64_t slot_number;
};

/* Transaction values the EVM can see. */
struct vm_tx {
    address origin;
    u256 gas_price; /* effective */
    const hash32 *blob_hashes;
    size_t blob_num;
};

enum vm_kind {
    VM_CALL,
    VM_CALLCODE,
    VM_DELEGATECALL,
    VM_STATICCALL,
    VM_CREATE,
    VM_CREATE2
};

struct vm_msg {
    enum vm_kind kind;
    bool is_static;
    uint64_t gas;
    address caller;
    address to;        /* whose storage; for creations the new address, set by the vm */
    address code_from; /* whose code runs (calls) */
    u256 value;        /* moved for CALL and creations; only shown for DELEGATECALL */
    slice input;       /* call data or init code */
    hash32 salt;       /* CREATE2 */
    /* EIP-8037, outermost message only: the reservoir, and what is charged to it (then to
     * gas) at entry, given back when the message fails. The caller has seen to it that
     * both together suffice. */
    uint64_t state_gas;
    uint64_t state_charge;
};

/* Hooks. Any may be NULL. The vm is stopped inside a hook, views are valid during it.
 * step comes before each instruction, also before one that then fails; an instruction
 * that has to wait for state (VM_NEED_STATE) may be reported again. */
struct vm_step_view {
    uint64_t pc;
    uint8_t op;
    uint64_t gas;      /* before the instruction */
    uint64_t gas_cost; /* all of it; of a call with the gas handed on */
    unsigned depth;    /* 1 is the outermost call */
    int64_t refund;
    const u256 *stack; /* bottom first */
    size_t stack_num;
    slice memory;
    slice return_data;
    slice code;
    const struct vm_msg *msg;
};
/* What an instruction that ended its call failed at. */
struct vm_fault {
    uint8_t op;
    size_t stack_num;
    unsigned stack_need; /* operands of op */
};
struct vm_tracer {
    void (*step)(void *ctx, const struct vm_step_view *view);
    /* A call starts (after gas is set aside) and ends; depth 0 is the transaction's. */
    void (*enter)(void *ctx, unsigned depth, const struct vm_msg *msg);
    void (*leave)(void *ctx, unsigned depth, enum vm_halt halt, uint64_t gas_used,
                  slice output);
    void (*log)(void *ctx, unsigned depth, const struct log *log);
    void (*self_destruct)(void *ctx, unsigned depth, const address *from,
                          const address *beneficiary, u256 balance);
    /* An instruction failed; the leave of its call comes next. Not for REVERT. */
    void (*fault)(void *ctx, unsigned depth, enum vm_halt halt,
                  const struct vm_fault *fault);
    void *ctx;
};

enum vm_engine { VM_ENGINE_AUTO, VM_ENGINE_REFERENCE };
/* "auto", "reference"; MT_EUNSUPPORTED for one this build lacks. */
mt_err vm_engine_parse(const char *name, enum vm_engine *out);

/* Precompiles that a simulation has put elsewhere: at address `at` runs the one whose
 * place is `from`, or, with none set, no precompile at all. The last entry of an address
 * counts; addresses that are not named keep what stands there. Only what a call finds is
 * moved: what is warm from the start (EIP-2929) is not. */
struct vm_move {
    address at;
    bool none;
    address from;
};
struct vm_moves {
    const struct vm_move *list;
    size_t num;
};

/* What a vm runs in; all pointers must outlive it. */
struct vm_env {
    const struct rules *rules;
    const struct vm_block *block;
    const struct vm_tx *tx;
    struct vm_state *state;
    const struct crypto_ops *crypto;
    const struct vm_tracer *tracer; /* NULL: none */
    const struct vm_moves *moves;   /* NULL: every precompile at its place */
    struct arena *arena;            /* frames, memory, outputs; rewound by the caller */
    enum vm_engine engine;
};

/* A cap for an arena that holds a vm and the vm_state of one transaction, so that
 * whatever gas can buy fits under every fork: with it MT_ELIMIT cannot come from the code
 * that runs. (Address space, not use: an idle vm takes 16 KiB, its first frame 33 KiB
 * more. A state that lives through many transactions keeps the memory of the largest.) */
size_t vm_arena_size(uint64_t gas);

enum vm_status {
    VM_DONE,       /* vm_result holds the result */
    VM_YIELD,      /* the step budget is used up: call vm_run again */
    VM_NEED_STATE, /* a reader answered MT_ENEEDSTATE: call vm_run again when it has it */
    VM_FAILED      /* vm_error tells; the transaction is void */
};

struct vm_result {
    enum vm_halt halt;
    uint64_t gas_left; /* 0 for every failure but REVERT */
    uint64_t state_gas_left;
    int64_t state_gas_used; /* net; what failed frames used is given back */
    slice output;    /* return or revert data; in the arena. Empty after a creation */
    address created; /* creations that succeeded */
};

struct vm;

/* Prepares msg as the outermost call: checks depth, balance and collision, moves value,
 * enters the code or precompile. The caller has already bumped the sender's nonce and
 * warmed the access list. A creation's address is derived from nonce - 1 of the caller.
 * The result of a message that ends at once is there on the first vm_run. NULL when out
 * of arena. */
struct vm *vm_new(const struct vm_env *env, const struct vm_msg *msg);

/* Runs at most step_budget instructions (UINT64_MAX: no limit). */
enum vm_status vm_run(struct vm *vm, uint64_t step_budget);
const struct vm_result *vm_result(const struct vm *vm);
mt_err vm_error(const struct vm *vm);

/* vm_new and vm_run to the end. */
mt_err vm_call(const struct vm_env *env, const struct vm_msg *msg, struct vm_result *out);

/* The native transfer, a named rule (rules->spec->native_token): at spec->native_transfer
 * is a stateful precompile that moves native value between any two accounts, for the one
 * contract that shows the native coin as an ERC-20. Input: abi.encode(address from,
 * address to, uint256 amount), exactly 96 bytes, addresses with clean upper bytes. Gas
 * 9000. No output. It takes a plain CALL without value, not inside a static call, whose
 * caller (the storage address of the calling frame) is spec->token. Anything else, a
 * balance of from below amount included, fails and takes all gas that was given: there is
 * no account behind the address. The move is journalled like any transfer and touches
 * both accounts. */

/* True when addr is a precompile under these rules (its index may be its low two bytes).
 * For warming (EIP-2929) enumerate with vm_precompile_next from i = 0. */
bool vm_is_precompile(const struct rules *rules, const address *addr);
bool vm_precompile_next(const struct rules *rules, unsigned *i, address *out);

/* CREATE and CREATE2 addresses. */
address vm_create_address(const address *creator, uint64_t nonce);
address vm_create2_address(const address *creator, const hash32 *salt, slice init_code);

/* EIP-7702: true when code is a delegation designator; *target is where it points. */
bool vm_delegation(slice code, address *target);

#endif
