/* Private parts of metisvm: the tables behind struct vm_state, frames and the machine.
 *
 *   vm.c          messages: entering calls and creations, leaving frames, vm_run
 *   interp.c      the instruction loop; ops_*.c the instructions that leave its registers
 *   precompile.c  precompiled contracts (modexp.c: 0x05)
 *   state.c       accounts, slots, journal; delta.c: what a transaction leaves behind
 *   pool.c        bump memory that is reused from transaction to transaction
 *   code.c        jump destinations, the code cache, delegations, addresses
 *
 * Memory of calls. All frames share one EVM memory, a child's begins where its caller's
 * ends, so it is zeroed and charged once and released by moving a number:
 *
 *   mem -> [ frame 0 | frame 1 | frame 2 ... ]          grows by doubling, in the arena
 *          ^ mem_base 0        ^ mem_base 2
 *
 * A grown memory is a copy; the old one stays as it was (arenas free nothing piecemeal),
 * so slices that a child was given of its caller's memory remain valid. */
#ifndef METIS_METISVM_INT_H
#define METIS_METISVM_INT_H

#include "metis/metisvm.h"

#define VM_INLINE static inline __attribute__((always_inline))
#define VM_COLD   __attribute__((noinline, cold))

/* ================= pool.c ================= */

struct pool_block;

/* Bump memory over an arena. Nothing is freed, but pool_reset starts over in the same
 * blocks, so an owner that lives long needs as much as its hungriest round did. */
struct pool {
    struct arena *arena;
    struct pool_block *first, *current;
    uint8_t *next, *end;
};

void pool_init(struct pool *p, struct arena *arena);
void *pool_alloc(struct pool *p, size_t size); /* 16-aligned; NULL at the arena's cap */
void *pool_copy(struct pool *p, const void *ptr, size_t size);
void pool_reset(struct pool *p);

/* ================= code.c ================= */

/* Bytes of zeros after code: PUSH32 as last byte reads 32 past the end and stops at the
 * 33rd; the short pushes load whole words, up to 8 bytes from there. */
#define VM_CODE_PADDING 40u

/* Code as the interpreter wants it. */
struct vm_code {
    const uint8_t *ptr; /* len bytes and VM_CODE_PADDING zeros */
    size_t len;
    const uint8_t *jumpdests; /* bit i: byte i is a JUMPDEST that is not push data */
};

VM_INLINE bool code_is_jumpdest(const struct vm_code *c, uint64_t at)
{
    return at < c->len && (c->jumpdests[at >> 3] >> (at & 7) & 1) != 0;
}

/* Bytes that code_prepare needs for len bytes of code. */
size_t code_room(size_t len);
/* Copies, pads and analyses into mem (code_room bytes). */
void code_prepare(slice code, uint8_t *mem, struct vm_code *out);

/* ================= state.c ================= */

struct slot;

/* A link in the list of everything accessed, in order. */
struct access {
    struct access *next;
    struct acct *acct;
    struct slot *slot; /* NULL: the account itself */
};

struct acct {
    struct vm_account pub; /* first: the public view is a cast away */
    uint32_t idx;          /* part of the slots' keys */
    bool loaded;
    bool touch_stuck; /* a reverted touch that counts (EIP-161, address 3) */
    /* at the start of the transaction */
    bool exists0;
    uint64_t nonce0;
    u256 balance0;
    hash32 code_hash0;
    struct slot *slots; /* newest first */
    struct access access;
};

struct slot {
    hash32 key;
    uint32_t acct_idx;
    bool transient; /* EIP-1153; original is not used */
    bool loaded;
    bool warm;
    bool seen; /* EIP-7928 */
    u256 current;
    u256 original;
    struct slot *next; /* of the same account */
    struct access access;
};

/* Open addressing with linear probing, in a pool; entries stay where they are. */
struct table {
    struct table_cell *cells;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};
struct table_cell {
    uint64_t hash; /* never 0 */
    void *entry;   /* NULL: empty */
};

enum undo_kind {
    UNDO_FLAGS,
    UNDO_BALANCE,
    UNDO_NONCE,
    UNDO_CODE,
    UNDO_SLOT,
    UNDO_WARM_ACCOUNT,
    UNDO_WARM_SLOT,
    UNDO_REFUND,
    UNDO_LOG
};

/* One step of the journal: what to put back. */
struct undo {
    uint8_t kind;
    uint8_t flags; /* of the account, before */
    void *entry;   /* struct acct or struct slot; struct undo_code for UNDO_CODE */
    u256 value;
};
struct undo_code {
    struct acct *acct;
    hash32 hash;
    slice code;
    bool loaded;
};

struct code_entry {
    hash32 hash;
    struct vm_code code;
};

struct vm_state {
    struct arena *arena;
    struct vm_reader reader;
    uint64_t seed;
    const struct rules *rules;
    struct pool pool; /* accounts, slots, log data, new code */
    struct table accounts;
    struct table slots;
    uint32_t account_num;
    struct access *first, *last;
    struct undo *journal;
    uint32_t journal_len, journal_cap;
    struct log *logs;
    uint32_t log_num, log_cap;
    int64_t refund;
    /* prepared code by hash; outlives transactions, flushed when its budget is used up */
    struct pool code_pool;
    struct table codes;
    size_t code_bytes;
    struct hash_memo *hashes; /* NULL before the first; outlives transactions */
};

/* keccak256 of the instruction, remembered for short inputs (hash_memo.c). */
hash32 hash_memo_keccak(struct vm_state *s, const uint8_t *in, size_t len);

/* The entry of an address; not read from below unless load. */
mt_err state_find(struct vm_state *s, const address *addr, bool load, struct acct **out);
mt_err state_load_code(struct vm_state *s, struct acct *a);
/* Prepared code of an account from the cache. false in *cached: the cache is full, the
 * caller prepares it (a->pub.code) for itself. */
mt_err state_prepared(struct vm_state *s, struct acct *a, struct vm_code *out,
                      bool *cached);

mt_err state_slot(struct vm_state *s, struct acct *a, const hash32 *key,
                  struct slot **out); /* loaded */
mt_err state_slot_set(struct vm_state *s, struct slot *slot, u256 v);
mt_err state_slot_warm(struct vm_state *s, struct slot *slot, bool *was_warm);
mt_err state_tload(struct vm_state *s, struct acct *a, const hash32 *key, u256 *v);
mt_err state_tstore(struct vm_state *s, struct acct *a, const hash32 *key, u256 v);

mt_err state_touch(struct vm_state *s, struct acct *a);
mt_err state_set_balance(struct vm_state *s, struct acct *a, u256 balance);
mt_err state_set_nonce(struct vm_state *s, struct acct *a, uint64_t nonce);
mt_err state_set_code(struct vm_state *s, struct acct *a, slice code);
/* Moves value, or touches to when it is zero. from has it. */
mt_err state_transfer(struct vm_state *s, struct acct *from, struct acct *to, u256 value);
/* A new contract: no storage but its own. */
mt_err state_create(struct vm_state *s, struct acct *a);
mt_err state_destruct(struct vm_state *s, struct acct *a);
mt_err state_add_refund(struct vm_state *s, int64_t amount);

/* EIP-7928: it belongs into the access list. */
VM_INLINE void acct_see(struct acct *a)
{
    a->pub.seen = true;
}

/* Dead in the sense of EIP-161: no nonce, balance or code. */
VM_INLINE bool acct_is_empty(const struct acct *a)
{
    return a->pub.nonce == 0 && u256_is_zero(a->pub.balance) &&
           hash32_eq(&a->pub.code_hash, &KECCAK_EMPTY);
}

/* ================= the machine ================= */

enum {
#define X(value, name, gas, in, out, since, imm) OP_VALUE_##name = value,
#include "opcodes.def"
#undef X
};

/* Prices that changed over the forks, and switches that gas depends on. */
struct gas_rules {
    uint16_t balance;
    uint16_t ext_code; /* EXTCODESIZE, EXTCODECOPY */
    uint16_t ext_hash;
    uint16_t sload;
    uint16_t call;
    uint16_t selfdestruct;
    uint16_t exp_byte;
    /* SSTORE */
    bool net_sstore;      /* EIP-1283, 2200, 2929 */
    bool sstore_sentry;   /* EIP-2200: not with 2300 gas or less */
    uint16_t sstore_noop; /* unchanged or already dirty */
    uint16_t sstore_reset;
    uint16_t sstore_refund; /* of clearing */
    bool access;            /* EIP-2929: cold and warm; the prices above are then 0 */
    uint16_t sstore_set;
    uint16_t sstore_warm; /* EIP-8038: access to a warm slot, beside the write */
    uint16_t cold_account;
    uint16_t code_extra; /* EIP-8038: EXTCODESIZE and EXTCODECOPY read a second leaf */
    uint16_t call_value;
    uint16_t new_account; /* by CALL with value */
    uint16_t new_heir;    /* by SELFDESTRUCT with a balance */
    uint16_t create;
    uint16_t code_byte;     /* of a contract's deposit */
    uint16_t code_word;     /* ... its hash (EIP-8037) */
    uint16_t account_write; /* EIP-8038 */
    /* EIP-8037: state gas */
    uint16_t state_byte;
    uint8_t account_bytes, slot_bytes, delegation_bytes;
};
const struct gas_rules *gas_rules_of(const struct rules *rules);

#define GAS_COLD_SLOT     2100u
#define GAS_WARM          100u
#define GAS_TRANSFER      9000u /* the native transfer, a named rule */
#define GAS_CALL_STIPEND  2300u
#define GAS_COPY_WORD     3u
#define GAS_KECCAK_WORD   6u
#define GAS_INITCODE_WORD 2u
#define GAS_LOG_BYTE      8u

struct frame {
    /* registers while another frame runs */
    const uint8_t *ip;
    u256 *sp; /* next free slot */
    uint64_t gas;
    uint64_t mem_base, mem_size;
    struct vm_code code;
    struct acct *self; /* whose storage */
    struct vm_msg msg;
    uint32_t mark; /* journal mark at entry */
    /* EIP-8037: counters at entry, and what was paid out of gas since
     * (msg.state_charge is what the calling frame paid for this one's account) */
    uint64_t reservoir0;
    int64_t state_used0;
    uint64_t spilled;
    uint64_t out_off, out_len; /* where in the caller's memory the output goes */
    uint64_t ret_off, ret_len; /* RETURN's or REVERT's region */
    /* kept for the next frame of the same depth */
    uint8_t *code_buf;
    size_t code_cap;
    u256 *stack; /* VM_STACK_MAX slots */
};

struct vm {
    struct vm_env env;
    struct vm_state *state;
    const struct gas_rules *gas_rules;
    enum fork fork;
    bool push0;
    bool started;
    struct vm_msg first_msg;
    struct frame *frame; /* running; NULL before the start and after the end */
    unsigned depth;      /* of frame, 0 is the outermost */
    uint8_t *mem;
    size_t mem_cap;
    uint8_t *ret; /* return data of the last call */
    size_t ret_len, ret_cap;
    mt_err err;
    bool done;
    uint64_t reservoir; /* EIP-8037 */
    int64_t state_used;
    uint64_t first_spill; /* of the outermost message's charge at entry */
    struct vm_result result;
    /* the step hook of an instruction that has not yet summed up its price */
    bool step_pending;
    const uint8_t *step_ip;
    uint64_t step_gas, step_mem_size;
    unsigned frame_num; /* frames[] that exist */
    struct frame *frames[VM_DEPTH_MAX + 1];
};

/* What an instruction says to the loop. */
enum {
    OP_GO = 0,
    OP_HALT_BASE = 1,                         /* + enum vm_halt: the frame ends */
    OP_SWITCH = OP_HALT_BASE + VM_HALT_COUNT, /* vm->frame changed, or the end */
    OP_ERR                                    /* vm->err is set, nothing happened */
};
#define OP_HALT(id) (OP_HALT_BASE + VM_##id)

VM_INLINE int op_err(struct vm *vm, mt_err err)
{
    vm->err = err;
    return OP_ERR;
}

/* In instructions: leave with OP_ERR on a failure below. */
#define OP_TRY(call)                                                                     \
    do {                                                                                 \
        mt_err op_try_err_ = (call);                                                     \
        if (MT_UNLIKELY(op_try_err_ != MT_OK))                                           \
            return op_err(vm, op_try_err_);                                              \
    } while (0)

/* Pays cost; false: out of gas. */
VM_INLINE bool take(uint64_t *gas, uint64_t cost)
{
    if (*gas < cost)
        return false;
    *gas -= cost;
    return true;
}

/* interp.c: runs until the outermost frame ends, the budget is used up (OP_GO) or
 * OP_ERR. */
int interp_run(struct vm *vm, uint64_t budget);
extern const uint16_t OP_STATIC_GAS[256];

/* vm.c */

/* Starts a call or creation from the running frame or, when outermost, as first message.
 * OP_SWITCH: a frame was pushed. OP_GO: it ended at once: *halt, *gas_left, and
 * vm->ret. */
int vm_enter_call(struct vm *vm, const struct vm_msg *msg, uint64_t out_off,
                  uint64_t out_len, enum vm_halt *halt, uint64_t *gas_left);
int vm_enter_create(struct vm *vm, struct vm_msg *msg, enum vm_halt *halt,
                    uint64_t *gas_left);
/* EIP-8037: takes state gas from the reservoir, then from *gas, on the account of f;
 * false: out of gas, nothing is taken. Gives it back, last out first in. */
bool vm_charge_state(struct vm *vm, struct frame *f, uint64_t amount, uint64_t *gas);
void vm_credit_state(struct vm *vm, struct frame *f, uint64_t amount);
/* EIP-7708: the log of value that went from one account to another; none before it. */
mt_err vm_transfer_log(struct vm *vm, const struct acct *from, const struct acct *to,
                       u256 value);

/* Ends the running frame; OP_SWITCH or OP_ERR. */
int vm_leave(struct vm *vm, enum vm_halt halt);
/* Room for len bytes of return data; its length becomes len. */
mt_err vm_ret_room(struct vm *vm, size_t len);

/* The price of [off, off + len) in the frame's memory: takes it from *gas; *size is what
 * the memory grows to. False: out of gas. */
bool vm_mem_charge(const struct frame *f, u256 off, u256 len, uint64_t *size,
                   uint64_t *gas);
/* Grows the frame's memory to size (as charged). */
mt_err vm_mem_grow(struct vm *vm, struct frame *f, uint64_t size);

/* Reports the instruction whose price is now known (gas: what it leaves). */
void vm_step_hook(struct vm *vm, struct frame *f, uint64_t gas);
VM_INLINE void vm_charged(struct vm *vm, struct frame *f, uint64_t gas)
{
    if (MT_UNLIKELY(vm->step_pending))
        vm_step_hook(vm, f, gas);
}

/* The instructions outside the loop's registers. On entry f->sp, f->gas are current
 * (static gas taken); on OP_ERR they are as before, and the loop undoes the journal. */
/* clang-format off */
#define VM_FAR_OPS(X)                                                                   \
    X(EXP) X(KECCAK256) X(BALANCE) X(CALLDATACOPY) X(CODECOPY) X(EXTCODESIZE)           \
    X(EXTCODECOPY) X(RETURNDATACOPY) X(EXTCODEHASH) X(BLOCKHASH) X(SELFBALANCE)         \
    X(SLOAD) X(SSTORE) X(TLOAD) X(TSTORE) X(MCOPY) X(LOG0) X(LOG1) X(LOG2) X(LOG3)      \
    X(LOG4) X(CREATE) X(CALL) X(CALLCODE) X(RETURN) X(DELEGATECALL) X(CREATE2)          \
    X(STATICCALL) X(REVERT) X(SELFDESTRUCT)
/* clang-format on */
#define VM_FAR_OP(name) int far_##name(struct vm *vm, struct frame *f);
VM_FAR_OPS(VM_FAR_OP)
#undef VM_FAR_OP

/* precompile.c */

/* Number of the precompile at addr under these rules, 0 for none. */
enum precompile_id {
    PRE_NONE,
    PRE_ECRECOVER,
    PRE_SHA256,
    PRE_RIPEMD160,
    PRE_IDENTITY,
    PRE_MODEXP,
    PRE_BN_ADD,
    PRE_BN_MUL,
    PRE_BN_PAIRING,
    PRE_BLAKE2F,
    PRE_POINT_EVALUATION,
    PRE_BLS_G1ADD,
    PRE_BLS_G1MSM,
    PRE_BLS_G2ADD,
    PRE_BLS_G2MSM,
    PRE_BLS_PAIRING,
    PRE_BLS_MAP_G1,
    PRE_BLS_MAP_G2,
    PRE_P256VERIFY,
    PRE_NATIVE_TRANSFER
};
enum precompile_id precompile_find(const struct rules *rules, const address *addr);
/* The same where some are moved; moves may be NULL. */
enum precompile_id precompile_moved(const struct rules *rules,
                                    const struct vm_moves *moves, const address *addr);

/* Runs it: output in vm->ret. MT_OK with *halt SUCCESS, OUT_OF_GAS or PRECOMPILE; *gas is
 * reduced. Other errors as from the state or arena. */
mt_err precompile_run(struct vm *vm, enum precompile_id id, const struct vm_msg *msg,
                      uint64_t *gas, enum vm_halt *halt);

/* modexp.c */
uint64_t modexp_gas(enum fork fork, slice input); /* UINT64_MAX: more than there can be */
mt_err modexp_run(struct vm *vm, slice input, bool *ok);

#endif
