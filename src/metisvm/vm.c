/* Message calls: how frames are entered and left (yellow paper, sections 7 and 8).
 *
 *   vm_run -> enter first_msg -> loop: CALL -> vm_enter_call -> frame pushed
 *                                      RETURN, halt -> vm_leave -> frame popped
 *
 * Everything that can fail for want of state happens before an effect that the caller of
 * the entering function could not undo by reverting the journal, so it can be run again.
 *
 * Memory: frames are made when their depth is first reached and reused after; a frame has
 * its stack (32 KiB) and, for init code and code that the cache does not take, a buffer.
 * vm_arena_size bounds the sum by the gas. */
#include "metisvm_int.h"

#define MEMORY_MIN 8192u
#define RETURN_MIN 256u

/* ---- memory ---- */

static uint64_t mem_cost(uint64_t words)
{
    return 3 * words + words * words / 512;
}

bool vm_mem_charge(const struct frame *f, u256 off, u256 len, uint64_t *size,
                   uint64_t *gas)
{
    /* Near 2^37 bytes the price is 2^55, and 64 bits would not hold it for long. */
    const uint64_t too_much = ((uint64_t)1 << 37) - 32;
    *size = f->mem_size;
    if (u256_is_zero(len))
        return true;
    if (!u256_is_u64(off) || !u256_is_u64(len) || off.w[0] > too_much ||
        len.w[0] > too_much || off.w[0] + len.w[0] > too_much)
        return false;
    uint64_t words = (off.w[0] + len.w[0] + 31) / 32;
    if (words * 32 <= f->mem_size)
        return true;
    uint64_t cost = mem_cost(words) - mem_cost(f->mem_size / 32);
    if (*gas < cost)
        return false;
    *gas -= cost;
    *size = words * 32;
    return true;
}

mt_err vm_mem_grow(struct vm *vm, struct frame *f, uint64_t size)
{
    if (size <= f->mem_size)
        return MT_OK;
    size_t used = f->mem_base + f->mem_size, need = f->mem_base + size;
    if (need > vm->mem_cap) {
        size_t cap = vm->mem_cap;
        while (cap < need)
            cap *= 2;
        uint8_t *mem = arena_alloc(vm->env.arena, cap);
        if (mem == NULL)
            return MT_ELIMIT;
        memcpy(mem, vm->mem, used);
        vm->mem = mem;
        vm->mem_cap = cap;
    }
    memset(vm->mem + used, 0, need - used);
    f->mem_size = size;
    return MT_OK;
}

mt_err vm_ret_room(struct vm *vm, size_t len)
{
    if (len > vm->ret_cap) {
        size_t cap = vm->ret_cap == 0 ? RETURN_MIN : vm->ret_cap;
        while (cap < len)
            cap *= 2;
        uint8_t *ret = arena_alloc(vm->env.arena, cap);
        if (ret == NULL)
            return MT_ELIMIT;
        vm->ret = ret;
        vm->ret_cap = cap;
    }
    vm->ret_len = len;
    return MT_OK;
}

/* The most words that gas buys one frame: the root of w^2/512 + 3w = gas. */
static uint64_t words_for(uint64_t gas)
{
    uint64_t lo = 0, hi = (uint64_t)1 << 32;
    while (lo + 1 < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (mem_cost(mid) <= gas)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

size_t vm_arena_size(uint64_t gas)
{
    const uint64_t frames = VM_DEPTH_MAX + 1;
    /* The price is convex, so most memory is bought by equal shares for every depth. */
    uint64_t live = frames * 32 * words_for(gas / frames + 1);
    /* Memory, return data and code buffers are doubled by copying (4 times each at most);
     * tables and journal take at most 16 bytes for a unit of gas; 128 MiB hold the stacks
     * and the code of 1025 frames. */
    uint64_t size = (uint64_t)128 << 20;
    if (gas > UINT64_MAX / 64 || __builtin_add_overflow(size, 16 * live, &size) ||
        __builtin_add_overflow(size, 16 * gas, &size) || size > SIZE_MAX / 2)
        return SIZE_MAX / 2;
    return (size_t)size;
}

/* ---- frames ---- */

static mt_err frame_at(struct vm *vm, unsigned depth, struct frame **out)
{
    if (depth == vm->frame_num) {
        struct frame *f = arena_alloc(vm->env.arena, sizeof *f);
        u256 *stack =
            arena_alloc_aligned(vm->env.arena, VM_STACK_MAX * sizeof *stack, 32);
        if (f == NULL || stack == NULL)
            return MT_ELIMIT;
        *f = (struct frame){.stack = stack};
        vm->frames[vm->frame_num++] = f;
    }
    *out = vm->frames[depth];
    return MT_OK;
}

static mt_err own_code(struct vm *vm, struct frame *f, slice code)
{
    size_t room = code_room(code.len);
    if (room > f->code_cap) {
        size_t cap = MT_MAX(room, 2 * f->code_cap);
        uint8_t *buf = arena_alloc(vm->env.arena, cap);
        if (buf == NULL)
            return MT_ELIMIT;
        f->code_buf = buf;
        f->code_cap = cap;
    }
    code_prepare(code, f->code_buf, &f->code);
    return MT_OK;
}

/* The depth of a frame that the running one would enter. */
static unsigned next_depth(const struct vm *vm)
{
    return vm->frame == NULL ? 0 : vm->depth + 1;
}

static void push_frame(struct vm *vm, struct frame *f, const struct vm_msg *msg,
                       struct acct *self, uint32_t mark)
{
    f->ip = f->code.ptr;
    f->sp = f->stack;
    f->gas = msg->gas;
    f->mem_base = vm->frame == NULL ? 0 : vm->frame->mem_base + vm->frame->mem_size;
    f->mem_size = 0;
    f->self = self;
    f->msg = *msg;
    f->mark = mark;
    f->out_off = f->out_len = 0;
    bool first = vm->frame == NULL;
    f->reservoir0 = first ? vm->first_msg.state_gas : vm->reservoir;
    f->state_used0 = first ? 0 : vm->state_used;
    f->spilled = first ? vm->first_spill : 0;
    vm->depth = next_depth(vm);
    vm->frame = f;
    vm->ret_len = 0;
}

static void trace_enter(struct vm *vm, const struct vm_msg *msg)
{
    const struct vm_tracer *t = vm->env.tracer;
    if (t != NULL && t->enter != NULL)
        t->enter(t->ctx, next_depth(vm), msg);
}

static void trace_leave(struct vm *vm, unsigned depth, enum vm_halt halt, uint64_t used)
{
    const struct vm_tracer *t = vm->env.tracer;
    if (t != NULL && t->leave != NULL)
        t->leave(t->ctx, depth, halt, used, slice_of(vm->ret, vm->ret_len));
}

/* Ends a message that got no frame. */
static int ended(struct vm *vm, const struct vm_msg *msg, enum vm_halt how, uint64_t left,
                 enum vm_halt *halt, uint64_t *gas_left)
{
    *halt = how;
    *gas_left = left;
    if (how != VM_SUCCESS)
        vm->ret_len = 0;
    trace_leave(vm, next_depth(vm), how, msg->gas - left);
    return OP_GO;
}

/* ---- calls ---- */

/* The code to run for msg, through a delegation (EIP-7702). */
static mt_err load_callee(struct vm *vm, const struct vm_msg *msg, struct acct **out)
{
    struct acct *a;
    address target;
    MT_TRY(state_find(vm->state, &msg->code_from, true, &a));
    if (vm->fork >= FORK_PRAGUE) {
        MT_TRY(state_load_code(vm->state, a));
        if (vm_delegation(a->pub.code, &target)) {
            bool was_warm;
            MT_TRY(vm_state_warm_account(vm->state, &target, &was_warm));
            MT_TRY(state_find(vm->state, &target, true, &a));
        }
    }
    *out = a;
    return MT_OK;
}

/* ---- state gas (EIP-8037) ---- */

bool vm_charge_state(struct vm *vm, struct frame *f, uint64_t amount, uint64_t *gas)
{
    uint64_t stored = MT_MIN(amount, vm->reservoir);
    if (!take(gas, amount - stored))
        return false;
    vm->reservoir -= stored;
    vm->state_used += (int64_t)amount;
    f->spilled += amount - stored;
    return true;
}

void vm_credit_state(struct vm *vm, struct frame *f, uint64_t amount)
{
    uint64_t gas = MT_MIN(amount, f->spilled);
    f->gas += gas;
    f->spilled -= gas;
    vm->reservoir += amount - gas;
    vm->state_used -= (int64_t)amount;
}

/* The charge of the outermost message, before it has a frame. */
static void charge_first(struct vm *vm)
{
    struct vm_msg *msg = &vm->first_msg;
    uint64_t stored = MT_MIN(msg->state_charge, msg->state_gas);
    MT_ASSERT(msg->gas >= msg->state_charge - stored);
    vm->first_spill = msg->state_charge - stored;
    msg->gas -= vm->first_spill;
    vm->reservoir = msg->state_gas - stored;
    vm->state_used = (int64_t)msg->state_charge;
}

/* A frame that failed leaves the counters as they were; what it paid out of gas goes with
 * its gas: back to the caller (REVERT) or up in smoke. */
static void fail_state(struct vm *vm, struct frame *f)
{
    vm->reservoir = f->reservoir0;
    vm->state_used = f->state_used0;
    f->gas += f->spilled;
    f->spilled = 0;
}

/* ---- transfers ---- */

mt_err vm_transfer_log(struct vm *vm, const struct acct *from, const struct acct *to,
                       u256 value)
{
    /* keccak256("Transfer(address,address,uint256)") */
    static const hash32 transfer = {{0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b,
                                     0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa,
                                     0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16,
                                     0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef}};
    uint8_t data[32];
    if (vm->fork < FORK_AMSTERDAM || from == to || u256_is_zero(value))
        return MT_OK;
    u256_store_be(value, data);
    struct log log = {
        .addr = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}},
        .topic_num = 3,
        .topics = {transfer, u256_to_hash(u256_from_address(&from->pub.addr)),
                   u256_to_hash(u256_from_address(&to->pub.addr))},
        .data = slice_of(data, sizeof data),
    };
    MT_TRY(vm_state_log(vm->state, &log));
    const struct vm_tracer *t = vm->env.tracer;
    if (t != NULL && t->log != NULL)
        t->log(t->ctx, vm->depth, &log);
    return MT_OK;
}

/* ---- calls ---- */

static mt_err call_value(struct vm *vm, const struct vm_msg *msg, struct acct *caller,
                         struct acct *to)
{
    if (msg->kind == VM_CALL) {
        MT_TRY(state_transfer(vm->state, caller, to, msg->value));
        return vm_transfer_log(vm, caller, to, msg->value);
    }
    if (msg->kind == VM_STATICCALL)
        return state_touch(vm->state, to);
    return MT_OK;
}

static int call_precompile(struct vm *vm, enum precompile_id id, const struct vm_msg *msg,
                           uint32_t mark, enum vm_halt *halt, uint64_t *gas_left)
{
    uint64_t gas = msg->gas;
    enum vm_halt how = VM_SUCCESS;
    vm->ret_len = 0;
    OP_TRY(precompile_run(vm, id, msg, &gas, &how));
    if (how != VM_SUCCESS) {
        vm_state_revert(vm->state, mark);
        gas = 0;
    }
    return ended(vm, msg, how, gas, halt, gas_left);
}

int vm_enter_call(struct vm *vm, const struct vm_msg *msg, uint64_t out_off,
                  uint64_t out_len, enum vm_halt *halt, uint64_t *gas_left)
{
    struct vm_state *s = vm->state;
    struct acct *caller, *to, *callee = NULL;
    struct frame *f = NULL;
    bool has_code = false, cached = false;
    OP_TRY(state_find(s, &msg->caller, true, &caller));
    OP_TRY(state_find(s, &msg->to, true, &to));
    enum precompile_id pre =
        precompile_moved(vm->env.rules, vm->env.moves, &msg->code_from);
    if (pre == PRE_NONE && next_depth(vm) <= VM_DEPTH_MAX) {
        OP_TRY(load_callee(vm, msg, &callee));
        has_code = !hash32_eq(&callee->pub.code_hash, &KECCAK_EMPTY);
    }
    if (has_code) {
        OP_TRY(frame_at(vm, next_depth(vm), &f));
        OP_TRY(state_prepared(s, callee, &f->code, &cached));
    }
    trace_enter(vm, msg);
    if (next_depth(vm) > VM_DEPTH_MAX)
        return ended(vm, msg, VM_DEPTH, msg->gas, halt, gas_left);
    if ((msg->kind == VM_CALL || msg->kind == VM_CALLCODE) &&
        u256_lt(caller->pub.balance, msg->value))
        return ended(vm, msg, VM_BALANCE, msg->gas, halt, gas_left);
    uint32_t mark = vm_state_mark(s);
    OP_TRY(call_value(vm, msg, caller, to));
    if (pre != PRE_NONE)
        return call_precompile(vm, pre, msg, mark, halt, gas_left);
    if (!has_code) {
        vm->ret_len = 0;
        return ended(vm, msg, VM_SUCCESS, msg->gas, halt, gas_left);
    }
    if (!cached)
        OP_TRY(own_code(vm, f, callee->pub.code));
    push_frame(vm, f, msg, to, mark);
    f->out_off = out_off;
    f->out_len = out_len;
    return OP_SWITCH;
}

/* ---- creations ---- */

static bool collides(const struct acct *a)
{
    /* EIP-684 and EIP-7610 */
    return a->pub.nonce != 0 || !hash32_eq(&a->pub.code_hash, &KECCAK_EMPTY) ||
           !hash32_eq(&a->pub.storage_root, &KECCAK_RLP_EMPTY);
}

static address creation_address(const struct vm_msg *msg, uint64_t nonce)
{
    if (msg->kind == VM_CREATE)
        return vm_create_address(&msg->caller, nonce);
    return vm_create2_address(&msg->caller, &msg->salt, msg->input);
}

int vm_enter_create(struct vm *vm, struct vm_msg *msg, enum vm_halt *halt,
                    uint64_t *gas_left)
{
    struct vm_state *s = vm->state;
    struct acct *caller, *to;
    struct frame *f = NULL;
    bool outermost = vm->frame == NULL, was_warm;
    vm->ret_len = 0;
    OP_TRY(state_find(s, &msg->caller, true, &caller));
    uint64_t nonce = caller->pub.nonce - (outermost ? 1 : 0);
    msg->to = msg->code_from = creation_address(msg, nonce);
    OP_TRY(state_find(s, &msg->to, true, &to));
    if (next_depth(vm) <= VM_DEPTH_MAX) {
        OP_TRY(frame_at(vm, next_depth(vm), &f));
        OP_TRY(own_code(vm, f, msg->input));
    }
    trace_enter(vm, msg);
    if (next_depth(vm) > VM_DEPTH_MAX)
        return ended(vm, msg, VM_DEPTH, msg->gas, halt, gas_left);
    if (u256_lt(caller->pub.balance, msg->value))
        return ended(vm, msg, VM_BALANCE, msg->gas, halt, gas_left);
    if (nonce == UINT64_MAX)
        return ended(vm, msg, VM_NONCE_OVERFLOW, msg->gas, halt, gas_left);
    if (!outermost)
        OP_TRY(state_set_nonce(s, caller, nonce + 1));
    OP_TRY(vm_state_warm_account(s, &msg->to, &was_warm));
    acct_see(to);
    if (collides(to))
        return ended(vm, msg, VM_COLLISION, 0, halt, gas_left);
    uint32_t mark = vm_state_mark(s);
    OP_TRY(state_create(s, to));
    if (vm->fork >= FORK_SPURIOUS)
        OP_TRY(state_set_nonce(s, to, 1));
    OP_TRY(state_transfer(s, caller, to, msg->value));
    OP_TRY(vm_transfer_log(vm, caller, to, msg->value));
    struct vm_msg inner = *msg;
    inner.input = (slice){0};
    push_frame(vm, f, &inner, to, mark);
    return OP_SWITCH;
}

/* ---- the end of a frame ---- */

/* Pays for and stores the code that a creation returned. */
static mt_err store_code(struct vm *vm, struct frame *f, enum vm_halt *halt)
{
    slice code = slice_of(vm->ret, vm->ret_len);
    const struct gas_rules *g = vm->gas_rules;
    uint64_t gas = f->gas, state = (uint64_t)g->state_byte * code.len;
    uint64_t cost = (uint64_t)g->code_byte * code.len +
                    (uint64_t)g->code_word * ((code.len + 31) / 32);
    if (vm->fork >= FORK_SPURIOUS && code.len > vm_code_size_max(vm->fork)) {
        *halt = VM_CODE_SIZE;
    } else if (vm->fork >= FORK_LONDON && code.len != 0 && code.ptr[0] == 0xef) {
        *halt = VM_CODE_PREFIX;
    } else if (!take(&gas, cost) || !vm_charge_state(vm, f, state, &gas)) {
        if (vm->fork >= FORK_HOMESTEAD)
            *halt = VM_CODE_STORE_GAS; /* EIP-2; before it the contract stays empty */
    } else {
        f->gas = gas;
        if (code.len != 0)
            return state_set_code(vm->state, f->self, code);
    }
    return MT_OK;
}

static void finish(struct vm *vm, enum vm_halt halt, uint64_t gas_left, bool create,
                   const address *created)
{
    vm->done = true;
    vm->frame = NULL;
    vm->result = (struct vm_result){.halt = halt};
    if (halt == VM_SUCCESS || halt == VM_REVERT)
        vm->result.gas_left = gas_left;
    vm->result.state_gas_left = vm->reservoir;
    vm->result.state_gas_used = vm->state_used;
    if (create && halt == VM_SUCCESS)
        vm->result.created = *created;
    if ((halt == VM_SUCCESS && !create) || halt == VM_REVERT)
        vm->result.output = slice_of(vm->ret, vm->ret_len);
}

/* Hands the result to the calling frame. */
static void resume(struct vm *vm, const struct frame *f, enum vm_halt halt, bool create)
{
    struct frame *up = vm->frames[--vm->depth];
    vm->frame = up;
    up->gas += f->gas;
    up->spilled += f->spilled;
    if (halt != VM_SUCCESS)
        vm_credit_state(vm, up, f->msg.state_charge);
    if (create) {
        *up->sp++ = halt == VM_SUCCESS ? u256_from_address(&f->msg.to) : U256_ZERO;
        return;
    }
    *up->sp++ = u256_from(halt == VM_SUCCESS);
    size_t n = MT_MIN(f->out_len, vm->ret_len);
    if (n != 0)
        memcpy(vm->mem + up->mem_base + f->out_off, vm->ret, n);
}

int vm_leave(struct vm *vm, enum vm_halt halt)
{
    struct frame *f = vm->frame;
    bool create = f->msg.kind == VM_CREATE || f->msg.kind == VM_CREATE2;
    size_t len = halt == VM_SUCCESS || halt == VM_REVERT ? f->ret_len : 0;
    OP_TRY(vm_ret_room(vm, len));
    if (len != 0)
        memcpy(vm->ret, vm->mem + f->mem_base + f->ret_off, len);
    if (create && halt == VM_SUCCESS)
        OP_TRY(store_code(vm, f, &halt));
    if (halt != VM_SUCCESS) {
        vm_state_revert(vm->state, f->mark);
        fail_state(vm, f);
    }
    if (halt != VM_SUCCESS && halt != VM_REVERT) {
        f->gas = 0;
        vm->ret_len = 0;
    }
    trace_leave(vm, vm->depth, halt, f->msg.gas - f->gas);
    if (create && halt == VM_SUCCESS)
        vm->ret_len = 0;
    if (vm->depth == 0)
        finish(vm, halt, f->gas, create, &f->msg.to);
    else
        resume(vm, f, halt, create);
    return OP_SWITCH;
}

/* ---- the machine ---- */

struct vm *vm_new(const struct vm_env *env, const struct vm_msg *msg)
{
    struct vm *vm = arena_alloc(env->arena, sizeof *vm);
    uint8_t *mem = arena_alloc(env->arena, MEMORY_MIN);
    if (vm == NULL || mem == NULL)
        return NULL;
    /* All but the array of frames, of which frame_num counts the valid ones. */
    memset(vm, 0, offsetof(struct vm, frames));
    vm->env = *env;
    vm->state = env->state;
    vm->fork = env->rules->fork;
    vm->push0 = env->rules->push0;
    vm->gas_rules = gas_rules_of(env->rules);
    vm->first_msg = *msg;
    charge_first(vm);
    vm->mem = mem;
    vm->mem_cap = MEMORY_MIN;
    return vm;
}

static int start(struct vm *vm)
{
    enum vm_halt halt;
    uint64_t gas_left;
    struct vm_msg *msg = &vm->first_msg;
    bool create = msg->kind == VM_CREATE || msg->kind == VM_CREATE2;
    uint32_t mark = vm_state_mark(vm->state);
    int end = create ? vm_enter_create(vm, msg, &halt, &gas_left)
                     : vm_enter_call(vm, msg, 0, 0, &halt, &gas_left);
    if (end == OP_ERR) {
        vm_state_revert(vm->state, mark);
        return end;
    }
    vm->started = true;
    if (end == OP_GO && halt != VM_SUCCESS) { /* no frame, which would do this */
        vm->reservoir = msg->state_gas;
        vm->state_used = 0;
    }
    if (end == OP_GO)
        finish(vm, halt, gas_left, create, &msg->to);
    return OP_GO;
}

enum vm_status vm_run(struct vm *vm, uint64_t step_budget)
{
    int end = OP_GO;
    if (vm->done)
        return VM_DONE;
    if (!vm->started)
        end = start(vm);
    if (end == OP_GO)
        end = interp_run(vm, step_budget);
    if (end == OP_ERR)
        return vm->err == MT_ENEEDSTATE ? VM_NEED_STATE : VM_FAILED;
    return vm->done ? VM_DONE : VM_YIELD;
}

const struct vm_result *vm_result(const struct vm *vm)
{
    return &vm->result;
}

mt_err vm_error(const struct vm *vm)
{
    return vm->err;
}

mt_err vm_call(const struct vm_env *env, const struct vm_msg *msg, struct vm_result *out)
{
    struct vm *vm = vm_new(env, msg);
    if (vm == NULL)
        return MT_ELIMIT;
    if (vm_run(vm, UINT64_MAX) != VM_DONE)
        return vm_error(vm);
    *out = *vm_result(vm);
    return MT_OK;
}
