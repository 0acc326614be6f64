/* The instruction loop of the reference engine.
 *
 * opcodes.def is expanded into a label an opcode; each checks the opcode's fork, stack
 * bounds and static gas (constants there, so most of it folds away), runs op_<NAME> and
 * jumps on to the next opcode's label by itself: the processor predicts a jump of each
 * opcode's own better than one of them all. Simple instructions are inline here and work
 * on the registers below; the others (VM_FAR_OPS) live in ops_*.c and see the registers
 * in the frame.
 *
 * The loop (interp_loop.inc) is built three times: plain, counting steps, and counting
 * and calling the tracer. Only the last hands the registers' address out, which keeps
 * them in memory.
 * Code ends with zeros (STOP), so the instruction pointer needs no bound. */
#include "metisvm_int.h"

struct regs {
    const uint8_t *ip;
    u256 *sp; /* next free slot */
    uint64_t gas;
    uint8_t *mem;
    uint64_t mem_size;
};

#define TOP(r, n) ((r)->sp[-1 - (ptrdiff_t)(n)])

/* Items go in and out limb by limb: of a struct that is copied whole, gcc keeps a second
 * copy in the loop's stack frame that nothing reads. */
VM_INLINE u256 get(const u256 *item)
{
    return (u256){{item->w[0], item->w[1], item->w[2], item->w[3]}};
}

VM_INLINE void set(u256 *item, u256 v)
{
    item->w[0] = v.w[0];
    item->w[1] = v.w[1];
    item->w[2] = v.w[2];
    item->w[3] = v.w[3];
}

VM_INLINE void push(struct regs *r, u256 v)
{
    set(r->sp++, v);
}

VM_INLINE int next(struct regs *r)
{
    r->ip++;
    return OP_GO;
}

/* ---- arithmetic, comparison, bits ---- */

#define OP(name) VM_INLINE int op_##name(struct vm *vm, struct frame *f, struct regs *r)

#define BINARY(name, expr)                                                               \
    OP(name)                                                                             \
    {                                                                                    \
        (void)vm, (void)f;                                                               \
        u256 a = get(&TOP(r, 0)), b = get(&TOP(r, 1));                                   \
        r->sp--;                                                                         \
        set(&TOP(r, 0), (expr));                                                         \
        return next(r);                                                                  \
    }
#define UNARY(name, expr)                                                                \
    OP(name)                                                                             \
    {                                                                                    \
        (void)vm, (void)f;                                                               \
        u256 a = get(&TOP(r, 0));                                                        \
        set(&TOP(r, 0), (expr));                                                         \
        return next(r);                                                                  \
    }
#define TERNARY(name, fn)                                                                \
    OP(name)                                                                             \
    {                                                                                    \
        (void)vm, (void)f;                                                               \
        u256 v = fn(TOP(r, 0), TOP(r, 1), TOP(r, 2));                                    \
        r->sp -= 2;                                                                      \
        TOP(r, 0) = v;                                                                   \
        return next(r);                                                                  \
    }
#define PUSHES(name, expr)                                                               \
    OP(name)                                                                             \
    {                                                                                    \
        (void)vm, (void)f;                                                               \
        push(r, (expr));                                                                 \
        return next(r);                                                                  \
    }

VM_INLINE u256 truth(bool b)
{
    return u256_from(b);
}

VM_INLINE uint64_t shift_of(u256 n)
{
    return u256_is_u64(n) && n.w[0] < 256 ? n.w[0] : 256;
}

BINARY(ADD, u256_add(a, b))
BINARY(MUL, u256_mul(a, b))
BINARY(SUB, u256_sub(a, b))
BINARY(DIV, u256_div(a, b))
BINARY(SDIV, u256_sdiv(a, b))
BINARY(MOD, u256_mod(a, b))
BINARY(SMOD, u256_smod(a, b))
TERNARY(ADDMOD, u256_addmod)
TERNARY(MULMOD, u256_mulmod)
BINARY(SIGNEXTEND, u256_signextend(a, b))
BINARY(LT, truth(u256_lt(a, b)))
BINARY(GT, truth(u256_lt(b, a)))
BINARY(SLT, truth(u256_slt(a, b)))
BINARY(SGT, truth(u256_slt(b, a)))
BINARY(EQ, truth(u256_eq(a, b)))
UNARY(ISZERO, truth(u256_is_zero(a)))
BINARY(AND, u256_and(a, b))
BINARY(OR, u256_or(a, b))
BINARY(XOR, u256_xor(a, b))
UNARY(NOT, u256_not(a))
BINARY(BYTE, u256_byte(a, b))
BINARY(SHL, u256_shl(b, shift_of(a)))
BINARY(SHR, u256_shr(b, shift_of(a)))
BINARY(SAR, u256_sar(b, shift_of(a)))
UNARY(CLZ, u256_from(256 - u256_bits(a)))

/* ---- environment ---- */

PUSHES(ADDRESS, u256_from_address(&f->msg.to))
PUSHES(ORIGIN, u256_from_address(&vm->env.tx->origin))
PUSHES(CALLER, u256_from_address(&f->msg.caller))
PUSHES(CALLVALUE, f->msg.value)
PUSHES(CALLDATASIZE, u256_from(f->msg.input.len))
PUSHES(CODESIZE, u256_from(f->code.len))
PUSHES(GASPRICE, vm->env.tx->gas_price)
PUSHES(RETURNDATASIZE, u256_from(vm->ret_len))
PUSHES(COINBASE, u256_from_address(&vm->env.block->coinbase))
PUSHES(TIMESTAMP, u256_from(vm->env.block->timestamp))
PUSHES(NUMBER, u256_from(vm->env.block->number))
PUSHES(DIFFICULTY, vm->fork >= FORK_PARIS ? u256_from_hash(&vm->env.block->prev_randao)
                                          : vm->env.block->difficulty)
PUSHES(GASLIMIT, u256_from(vm->env.block->gas_limit))
PUSHES(CHAINID, u256_from(vm->env.rules->spec->chain_id))
PUSHES(BASEFEE, vm->env.block->base_fee)
PUSHES(BLOBBASEFEE, vm->env.block->blob_base_fee)
PUSHES(SLOTNUM, u256_from(vm->env.block->slot_number))
PUSHES(PC, u256_from((uint64_t)(r->ip - f->code.ptr)))
PUSHES(MSIZE, u256_from(r->mem_size))
PUSHES(GAS, u256_from(r->gas))
PUSHES(PUSH0, U256_ZERO)

UNARY(BLOBHASH, u256_is_u64(a) && a.w[0] < vm->env.tx->blob_num
                    ? u256_from_hash(&vm->env.tx->blob_hashes[a.w[0]])
                    : U256_ZERO)

OP(CALLDATALOAD)
{
    (void)vm;
    slice in = f->msg.input;
    u256 at = get(&TOP(r, 0)), v = U256_ZERO;
    if (u256_is_u64(at) && at.w[0] < in.len) {
        size_t left = in.len - at.w[0];
        if (left >= 32) {
            v = u256_load_be(in.ptr + at.w[0]);
        } else {
            uint8_t word[32] = {0};
            memcpy(word, in.ptr + at.w[0], left);
            v = u256_load_be(word);
        }
    }
    set(&TOP(r, 0), v);
    return next(r);
}

/* ---- stack ---- */

OP(POP)
{
    (void)vm, (void)f;
    r->sp--;
    return next(r);
}

/* n is a constant: each limb is one load, or a load and a shift. The bytes after a short
 * immediate are code or padding. */
VM_INLINE int push_n(struct regs *r, unsigned n)
{
    const uint8_t *p = r->ip + 1;
    u256 v;
    for (unsigned i = 0; i < 4; i++) {
        if (n >= 8 * i + 8)
            v.w[i] = load_be64(p + n - 8 * i - 8);
        else if (n > 8 * i)
            v.w[i] = load_be64(p) >> (64 - 8 * (n - 8 * i));
        else
            v.w[i] = 0;
    }
    push(r, v);
    r->ip += 1 + n;
    return OP_GO;
}

#define PUSH_N(n)                                                                        \
    OP(PUSH##n)                                                                          \
    {                                                                                    \
        (void)vm, (void)f;                                                               \
        return push_n(r, n);                                                             \
    }
#define DUP_N(n)                                                                         \
    OP(DUP##n)                                                                           \
    {                                                                                    \
        (void)vm, (void)f;                                                               \
        push(r, get(&TOP(r, (n)-1)));                                                    \
        return next(r);                                                                  \
    }
#define SWAP_N(n)                                                                        \
    OP(SWAP##n)                                                                          \
    {                                                                                    \
        (void)vm, (void)f;                                                               \
        u256 a = get(&TOP(r, 0));                                                        \
        set(&TOP(r, 0), get(&TOP(r, n)));                                                \
        set(&TOP(r, n), a);                                                              \
        return next(r);                                                                  \
    }
#define EACH_16(X)                                                                       \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)
#define EACH_17_TO_32(X)                                                                 \
    X(17)                                                                                \
    X(18)                                                                                \
    X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32)

EACH_16(PUSH_N)
EACH_17_TO_32(PUSH_N)
EACH_16(DUP_N)
EACH_16(SWAP_N)

/* EIP-8024: the immediate of DUPN and SWAPN, 17 to 235; 0: it would read as JUMPDEST or
 * PUSH. Past the code's end it is the padding's 0. */
VM_INLINE unsigned deep_operand(const struct regs *r)
{
    uint8_t x = r->ip[1];
    return x > 0x5a && x < 0x80 ? 0 : (x + 145u) & 0xff;
}

OP(DUPN)
{
    (void)vm;
    unsigned n = deep_operand(r);
    if (n == 0)
        return OP_HALT(BAD_OPCODE);
    if (r->sp - f->stack < (ptrdiff_t)n)
        return OP_HALT(STACK_UNDERFLOW);
    push(r, TOP(r, n - 1));
    r->ip += 2;
    return OP_GO;
}

VM_INLINE int swap_deep(struct frame *f, struct regs *r, unsigned n, unsigned m)
{
    if (r->sp - f->stack <= (ptrdiff_t)MT_MAX(n, m))
        return OP_HALT(STACK_UNDERFLOW);
    u256 a = TOP(r, n);
    TOP(r, n) = TOP(r, m);
    TOP(r, m) = a;
    r->ip += 2;
    return OP_GO;
}

OP(SWAPN)
{
    (void)vm;
    unsigned n = deep_operand(r);
    return n == 0 ? OP_HALT(BAD_OPCODE) : swap_deep(f, r, 0, n);
}

/* EIP-8024: the immediate holds a pair n < m with n + m at most 30. */
OP(EXCHANGE)
{
    (void)vm;
    uint8_t x = r->ip[1];
    if (x > 0x51 && x < 0x80)
        return OP_HALT(BAD_OPCODE);
    unsigned k = x ^ 0x8fu, high = k >> 4, low = k & 15;
    return high < low ? swap_deep(f, r, high + 1, low + 1)
                      : swap_deep(f, r, low + 1, 29 - high);
}

/* ---- memory ---- */

/* Makes [off, off + len) accessible: pays for it and grows the memory. */
static __attribute__((noinline)) int grow(struct vm *vm, struct frame *f, u256 off,
                                          uint64_t len, uint64_t *gas)
{
    uint64_t size;
    if (!vm_mem_charge(f, off, u256_from(len), &size, gas))
        return OP_HALT(OUT_OF_GAS);
    mt_err err = vm_mem_grow(vm, f, size);
    return err == MT_OK ? OP_GO : op_err(vm, err);
}

VM_INLINE int reach(struct vm *vm, struct frame *f, struct regs *r, u256 off,
                    uint64_t len)
{
    if (MT_LIKELY(u256_is_u64(off) && r->mem_size >= len &&
                  off.w[0] <= r->mem_size - len))
        return OP_GO;
    uint64_t gas = r->gas;
    int end = grow(vm, f, off, len, &gas);
    if (end != OP_GO)
        return end;
    r->gas = gas;
    r->mem = vm->mem + f->mem_base;
    r->mem_size = f->mem_size;
    return OP_GO;
}

OP(MLOAD)
{
    u256 off = get(&TOP(r, 0));
    int end = reach(vm, f, r, off, 32);
    if (MT_UNLIKELY(end != OP_GO))
        return end;
    set(&TOP(r, 0), u256_load_be(r->mem + off.w[0]));
    return next(r);
}

OP(MSTORE)
{
    u256 off = get(&TOP(r, 0));
    int end = reach(vm, f, r, off, 32);
    if (MT_UNLIKELY(end != OP_GO))
        return end;
    u256_store_be(get(&TOP(r, 1)), r->mem + off.w[0]);
    r->sp -= 2;
    return next(r);
}

OP(MSTORE8)
{
    u256 off = get(&TOP(r, 0));
    int end = reach(vm, f, r, off, 1);
    if (MT_UNLIKELY(end != OP_GO))
        return end;
    r->mem[off.w[0]] = (uint8_t)TOP(r, 1).w[0];
    r->sp -= 2;
    return next(r);
}

/* ---- flow ---- */

VM_INLINE int jump(struct frame *f, struct regs *r, u256 to)
{
    if (MT_UNLIKELY(!u256_is_u64(to) || !code_is_jumpdest(&f->code, to.w[0])))
        return OP_HALT(BAD_JUMP);
    r->ip = f->code.ptr + to.w[0];
    return OP_GO;
}

OP(JUMP)
{
    (void)vm;
    r->sp--;
    return jump(f, r, get(r->sp));
}

OP(JUMPI)
{
    (void)vm;
    r->sp -= 2;
    if (u256_is_zero(get(r->sp)))
        return next(r);
    return jump(f, r, get(r->sp + 1));
}

OP(JUMPDEST)
{
    (void)vm, (void)f;
    return next(r);
}

OP(STOP)
{
    (void)vm, (void)r;
    f->ret_len = 0;
    return OP_HALT(SUCCESS);
}

OP(INVALID)
{
    (void)vm, (void)f, (void)r;
    return OP_HALT(BAD_OPCODE);
}

/* ---- the far instructions ---- */

VM_INLINE int far(struct vm *vm, struct frame *f, struct regs *r,
                  int (*fn)(struct vm *, struct frame *))
{
    uint32_t mark = vm_state_mark(vm->state);
    uint64_t reservoir = vm->reservoir, spilled = f->spilled;
    int64_t state_used = vm->state_used;
    f->ip = r->ip + 1;
    f->sp = r->sp;
    f->gas = r->gas;
    int end = fn(vm, f);
    if (MT_UNLIKELY(end == OP_ERR)) {
        vm_state_revert(vm->state, mark);
        vm->reservoir = reservoir;
        vm->state_used = state_used;
        f->spilled = spilled;
        f->mem_size = r->mem_size; /* so that it is paid for again */
        return end;
    }
    r->ip = f->ip;
    r->sp = f->sp;
    r->gas = f->gas;
    r->mem = vm->mem + f->mem_base;
    r->mem_size = f->mem_size;
    return end;
}

#define FAR_OP(name)                                                                     \
    OP(name)                                                                             \
    {                                                                                    \
        return far(vm, f, r, far_##name);                                                \
    }
VM_FAR_OPS(FAR_OP)

/* ---- the tracer ---- */

static bool is_far(uint8_t op)
{
    switch (op) {
#define FAR_CASE(name) case OP_VALUE_##name:
        VM_FAR_OPS(FAR_CASE)
        return true;
    default:
        return false;
    }
}

void vm_step_hook(struct vm *vm, struct frame *f, uint64_t gas)
{
    struct vm_step_view view = {
        .pc = (uint64_t)(vm->step_ip - f->code.ptr),
        .op = *vm->step_ip,
        .gas = vm->step_gas,
        .gas_cost = vm->step_gas - gas,
        .depth = vm->depth + 1,
        .refund = vm_state_refund(vm->state),
        .stack = f->stack,
        .stack_num = (size_t)(f->sp - f->stack),
        .memory = slice_of(vm->mem + f->mem_base, vm->step_mem_size),
        .return_data = slice_of(vm->ret, vm->ret_len),
        .code = slice_of(f->code.ptr, f->code.len),
        .msg = &f->msg,
    };
    vm->step_pending = false;
    vm->env.tracer->step(vm->env.tracer->ctx, &view);
}

/* Before an instruction. A far one reports itself when it knows its price; the price of
 * the others is the static one and, for three, memory. */
static VM_COLD void trace(struct vm *vm, struct frame *f, const struct regs *r)
{
    uint8_t op = *r->ip;
    f->sp = r->sp;
    vm->step_pending = true;
    vm->step_ip = r->ip;
    vm->step_gas = r->gas;
    vm->step_mem_size = r->mem_size;
    if (is_far(op))
        return;
    uint64_t left = r->gas - MT_MIN(r->gas, OP_STATIC_GAS[op]), size;
    bool word = op == OP_VALUE_MLOAD || op == OP_VALUE_MSTORE;
    if ((word || op == OP_VALUE_MSTORE8) && r->sp != f->stack)
        (void)vm_mem_charge(f, TOP(r, 0), u256_from(word ? 32 : 1), &size, &left);
    vm_step_hook(vm, f, left);
}

static VM_COLD void trace_fault(struct vm *vm, const struct frame *f, enum vm_halt halt)
{
    static const uint8_t need[256] = {
#define X(value, name, gas, in, out, since, imm) [value] = in,
#include "opcodes.def"
#undef X
    };
    const struct vm_tracer *t = vm->env.tracer;
    if (t == NULL || t->fault == NULL || halt == VM_SUCCESS || halt == VM_REVERT)
        return;
    struct vm_fault fault = {
        .op = *f->ip,
        .stack_num = (size_t)(f->sp - f->stack),
        .stack_need = need[*f->ip],
    };
    t->fault(t->ctx, vm->depth, halt, &fault);
}

/* ---- the loop ---- */

/* The checks before an instruction; in, out and gas are constants. */
VM_INLINE int admit(struct regs *r, const u256 *base, unsigned in, unsigned out,
                    uint64_t gas)
{
    if (in != 0 && MT_UNLIKELY(r->sp < base + in))
        return OP_HALT(STACK_UNDERFLOW);
    if (out > in && MT_UNLIKELY(r->sp > base + VM_STACK_MAX - (out - in)))
        return OP_HALT(STACK_OVERFLOW);
    if (MT_UNLIKELY(r->gas < gas))
        return OP_HALT(OUT_OF_GAS);
    r->gas -= gas;
    return OP_GO;
}

VM_INLINE bool exists(const struct vm *vm, unsigned op, enum fork since)
{
    return since == FORK_FRONTIER || vm->fork >= since ||
           (op == OP_VALUE_PUSH0 && vm->push0);
}

VM_INLINE struct regs load_regs(const struct vm *vm, const struct frame *f)
{
    return (struct regs){f->ip, f->sp, f->gas, vm->mem + f->mem_base, f->mem_size};
}

static inline void save_regs(struct frame *f, const struct regs *r)
{
    f->ip = r->ip;
    f->sp = r->sp;
    f->gas = r->gas;
}

/* After an instruction that did not just go on. OP_GO: the loop goes on in vm->frame. */
static int turn(struct vm *vm, struct frame *f, int end)
{
    if (end == OP_ERR) {
        f->gas += OP_STATIC_GAS[*f->ip]; /* the instruction will be run again */
        vm->step_pending = false;
        return OP_ERR;
    }
    if (end != OP_SWITCH) {
        if (vm->step_pending)
            vm_step_hook(vm, f, f->gas); /* it failed before its price was known */
        trace_fault(vm, f, (enum vm_halt)(end - OP_HALT_BASE));
        end = vm_leave(vm, (enum vm_halt)(end - OP_HALT_BASE));
    }
    return end == OP_SWITCH ? OP_GO : end;
}

/* The three loops, from one text. */
#define LOOP_NAME    loop_plain
#define LOOP_COUNTED 0
#define LOOP_TRACED  0
#include "interp_loop.inc"
#define LOOP_NAME    loop_counted
#define LOOP_COUNTED 1
#define LOOP_TRACED  0
#include "interp_loop.inc"
#define LOOP_NAME    loop_traced
#define LOOP_COUNTED 1
#define LOOP_TRACED  1
#include "interp_loop.inc"

int interp_run(struct vm *vm, uint64_t budget)
{
    if (vm->env.tracer != NULL && vm->env.tracer->step != NULL)
        return loop_traced(vm, budget);
    return budget == UINT64_MAX ? loop_plain(vm, budget) : loop_counted(vm, budget);
}
