/* Instructions that change state or make calls: storage, logs, CALL and CREATE families,
 * SELFDESTRUCT. Each loads what it needs, pays, tells the tracer, then acts. */
#include "metisvm_int.h"

#define TOP(f, n) ((f)->sp[-1 - (ptrdiff_t)(n)])

/* ---- storage ---- */

int far_SLOAD(struct vm *vm, struct frame *f)
{
    hash32 key = u256_to_hash(TOP(f, 0));
    struct slot *slot;
    uint64_t cost = vm->gas_rules->sload;
    OP_TRY(state_slot(vm->state, f->self, &key, &slot));
    if (vm->gas_rules->access) {
        bool was_warm;
        OP_TRY(state_slot_warm(vm->state, slot, &was_warm));
        cost = was_warm ? GAS_WARM : GAS_COLD_SLOT;
    }
    if (f->gas < cost)
        return OP_HALT(OUT_OF_GAS);
    slot->seen = true;
    vm_charged(vm, f, f->gas - cost);
    f->gas -= cost;
    TOP(f, 0) = slot->current;
    return OP_GO;
}

/* Price without the cold surcharge, and what goes to the refund counter. Before EIP-1283
 * and in Petersburg only current and new value count; then also the original one. */
static uint64_t sstore_cost(const struct gas_rules *g, const struct slot *e, u256 v,
                            int64_t *refund)
{
    bool from_zero = u256_is_zero(e->current), to_zero = u256_is_zero(v);
    bool orig_zero = u256_is_zero(e->original);
    *refund = 0;
    if (!g->net_sstore) {
        if (!from_zero && to_zero)
            *refund = g->sstore_refund;
        return from_zero && !to_zero ? g->sstore_set : g->sstore_reset;
    }
    if (u256_eq(e->current, v))
        return g->sstore_noop;
    if (u256_eq(e->original, e->current)) {
        if (!orig_zero && to_zero)
            *refund = g->sstore_refund;
        return orig_zero ? g->sstore_set : g->sstore_reset;
    }
    if (!orig_zero)
        *refund += (int64_t)g->sstore_refund * ((to_zero ? 1 : 0) - (from_zero ? 1 : 0));
    if (u256_eq(e->original, v))
        *refund +=
            (orig_zero ? g->sstore_set : g->sstore_reset) - (int64_t)g->sstore_noop;
    return g->sstore_noop;
}

/* EIP-8037: a slot that was zero before the transaction grows the state while it is
 * not. */
static bool sstore_state(struct vm *vm, struct frame *f, const struct slot *e, u256 v,
                         uint64_t *gas)
{
    const struct gas_rules *g = vm->gas_rules;
    uint64_t amount = (uint64_t)g->slot_bytes * g->state_byte;
    bool was_zero = u256_is_zero(e->current), is_zero = u256_is_zero(v);
    if (!u256_is_zero(e->original) || was_zero == is_zero)
        return true;
    if (was_zero)
        return vm_charge_state(vm, f, amount, gas);
    f->gas = *gas;
    vm_credit_state(vm, f, amount);
    *gas = f->gas;
    return true;
}

int far_SSTORE(struct vm *vm, struct frame *f)
{
    const struct gas_rules *g = vm->gas_rules;
    hash32 key = u256_to_hash(TOP(f, 0));
    u256 v = TOP(f, 1);
    struct slot *slot;
    bool was_warm = true;
    int64_t refund;
    if (f->msg.is_static)
        return OP_HALT(STATIC_WRITE);
    if (g->sstore_sentry && f->gas <= GAS_CALL_STIPEND)
        return OP_HALT(OUT_OF_GAS);
    OP_TRY(state_slot(vm->state, f->self, &key, &slot));
    if (g->access)
        OP_TRY(state_slot_warm(vm->state, slot, &was_warm));
    uint64_t access = was_warm ? g->sstore_warm : GAS_COLD_SLOT, gas = f->gas;
    if (!take(&gas, access))
        return OP_HALT(OUT_OF_GAS);
    slot->seen = true;
    if (!take(&gas, sstore_cost(g, slot, v, &refund)) ||
        !sstore_state(vm, f, slot, v, &gas))
        return OP_HALT(OUT_OF_GAS);
    OP_TRY(state_add_refund(vm->state, refund)); /* a tracer's step has it already */
    vm_charged(vm, f, gas);
    OP_TRY(state_slot_set(vm->state, slot, v));
    f->gas = gas;
    f->sp -= 2;
    return OP_GO;
}

int far_TLOAD(struct vm *vm, struct frame *f)
{
    hash32 key = u256_to_hash(TOP(f, 0));
    u256 v;
    OP_TRY(state_tload(vm->state, f->self, &key, &v));
    vm_charged(vm, f, f->gas);
    TOP(f, 0) = v;
    return OP_GO;
}

int far_TSTORE(struct vm *vm, struct frame *f)
{
    hash32 key = u256_to_hash(TOP(f, 0));
    if (f->msg.is_static)
        return OP_HALT(STATIC_WRITE);
    vm_charged(vm, f, f->gas);
    OP_TRY(state_tstore(vm->state, f->self, &key, TOP(f, 1)));
    f->sp -= 2;
    return OP_GO;
}

/* ---- logs ---- */

static int log_n(struct vm *vm, struct frame *f, unsigned topics)
{
    u256 off = TOP(f, 0), len = TOP(f, 1);
    uint64_t gas = f->gas, size;
    if (f->msg.is_static)
        return OP_HALT(STATIC_WRITE);
    if (!vm_mem_charge(f, off, len, &size, &gas) || !take(&gas, GAS_LOG_BYTE * len.w[0]))
        return OP_HALT(OUT_OF_GAS);
    vm_charged(vm, f, gas);
    OP_TRY(vm_mem_grow(vm, f, size));
    struct log log = {.addr = f->msg.to, .topic_num = topics};
    for (unsigned i = 0; i < topics; i++)
        log.topics[i] = u256_to_hash(TOP(f, 2 + i));
    if (len.w[0] != 0)
        log.data = slice_of(vm->mem + f->mem_base + off.w[0], len.w[0]);
    OP_TRY(vm_state_log(vm->state, &log));
    f->gas = gas;
    f->sp -= 2 + topics;
    const struct vm_tracer *t = vm->env.tracer;
    if (t != NULL && t->log != NULL)
        t->log(t->ctx, vm->depth, &log);
    return OP_GO;
}

int far_LOG0(struct vm *vm, struct frame *f)
{
    return log_n(vm, f, 0);
}

int far_LOG1(struct vm *vm, struct frame *f)
{
    return log_n(vm, f, 1);
}

int far_LOG2(struct vm *vm, struct frame *f)
{
    return log_n(vm, f, 2);
}

int far_LOG3(struct vm *vm, struct frame *f)
{
    return log_n(vm, f, 3);
}

int far_LOG4(struct vm *vm, struct frame *f)
{
    return log_n(vm, f, 4);
}

/* ---- calls ---- */

/* EIP-2929: the price of naming an account. */
static mt_err name_price(struct vm *vm, const address *addr, uint64_t *price)
{
    bool was_warm;
    *price = vm->gas_rules->call;
    if (!vm->gas_rules->access)
        return MT_OK;
    MT_TRY(vm_state_warm_account(vm->state, addr, &was_warm));
    *price = was_warm ? GAS_WARM : vm->gas_rules->cold_account;
    return MT_OK;
}

/* Pays for the callee and, when it delegates (EIP-7702), for where its code is. Each is
 * seen once it is paid for (EIP-7928); first is what else must be there for that. */
static mt_err take_callee(struct vm *vm, const address *addr, uint64_t first,
                          uint64_t *gas, bool *paid)
{
    struct acct *a;
    address target;
    uint64_t price;
    MT_TRY(name_price(vm, addr, &price));
    *paid = take(gas, price) && *gas >= first;
    if (!*paid || vm->fork < FORK_PRAGUE)
        return MT_OK;
    MT_TRY(state_find(vm->state, addr, true, &a));
    acct_see(a);
    MT_TRY(state_load_code(vm->state, a));
    if (!vm_delegation(a->pub.code, &target))
        return MT_OK;
    MT_TRY(name_price(vm, &target, &price));
    *paid = take(gas, price) && *gas >= first;
    return *paid ? vm_state_see(vm->state, &target) : MT_OK;
}

/* Whether the call brings an account to life, for which it has to pay. */
static mt_err makes_account(struct vm *vm, enum vm_kind kind, const address *addr,
                            bool has_value, bool *out)
{
    struct acct *a;
    *out = false;
    if (kind != VM_CALL || (vm->fork >= FORK_SPURIOUS && !has_value))
        return MT_OK;
    MT_TRY(state_find(vm->state, addr, true, &a));
    *out = vm->fork >= FORK_SPURIOUS ? acct_is_empty(a) : !a->pub.exists;
    return MT_OK;
}

/* EIP-8037: state gas of an account, 0 for none. */
static uint64_t account_state(const struct vm *vm, bool made)
{
    return made ? (uint64_t)vm->gas_rules->account_bytes * vm->gas_rules->state_byte : 0;
}

struct call_regions {
    u256 in_off, in_len, out_off, out_len;
};

/* Memory for both regions: the larger of the two prices. */
static bool charge_regions(const struct frame *f, const struct call_regions *c,
                           uint64_t *size, uint64_t *gas)
{
    uint64_t in_gas = *gas, out_gas = *gas, in_size, out_size;
    if (!vm_mem_charge(f, c->in_off, c->in_len, &in_size, &in_gas) ||
        !vm_mem_charge(f, c->out_off, c->out_len, &out_size, &out_gas))
        return false;
    *size = MT_MAX(in_size, out_size);
    *gas = MT_MIN(in_gas, out_gas);
    return true;
}

/* What the callee gets: as asked before EIP-150, then at most all but a 64th. */
static bool split_gas(const struct vm *vm, u256 asked, uint64_t *gas, uint64_t *child)
{
    *child = u256_to_u64_sat(asked);
    if (vm->fork >= FORK_TANGERINE)
        *child = MT_MIN(*child, *gas - *gas / 64);
    return take(gas, *child);
}

static void call_msg(const struct frame *f, enum vm_kind kind, const address *addr,
                     u256 value, struct vm_msg *out)
{
    bool own = kind == VM_CALLCODE || kind == VM_DELEGATECALL; /* runs on own storage */
    *out = (struct vm_msg){
        .kind = kind,
        .is_static = f->msg.is_static || kind == VM_STATICCALL,
        .caller = kind == VM_DELEGATECALL ? f->msg.caller : f->msg.to,
        .to = own ? f->msg.to : *addr,
        .code_from = *addr,
        .value = kind == VM_DELEGATECALL ? f->msg.value : value,
    };
}

/* Hands a result to the frame that called: as vm_leave does for a frame. */
static void call_result(struct vm *vm, struct frame *f, enum vm_halt halt,
                        uint64_t gas_left, uint64_t out_off, uint64_t out_len)
{
    f->gas += gas_left;
    *f->sp++ = u256_from(halt == VM_SUCCESS);
    size_t n = MT_MIN(out_len, vm->ret_len);
    if (n != 0)
        memcpy(vm->mem + f->mem_base + out_off, vm->ret, n);
}

static int call_enter(struct vm *vm, struct frame *f, const struct vm_msg *msg,
                      const struct call_regions *c, unsigned operands, uint64_t gas)
{
    enum vm_halt halt;
    uint64_t left, old_gas = f->gas;
    uint64_t out_off = c->out_len.w[0] == 0 ? 0 : c->out_off.w[0];
    f->sp -= operands;
    f->gas = gas;
    int end = vm_enter_call(vm, msg, out_off, c->out_len.w[0], &halt, &left);
    if (end == OP_GO) {
        call_result(vm, f, halt, left, out_off, c->out_len.w[0]);
        if (halt != VM_SUCCESS)
            vm_credit_state(vm, f, msg->state_charge);
    } else if (end == OP_ERR) {
        f->sp += operands;
        f->gas = old_gas;
    }
    return end;
}

/* Operands: gas, address, (value,) in offset, in length, out offset, out length. */
static int call_op(struct vm *vm, struct frame *f, enum vm_kind kind)
{
    bool with_value = kind == VM_CALL || kind == VM_CALLCODE;
    unsigned operands = with_value ? 7 : 6, k = with_value ? 3 : 2;
    address addr = u256_to_address(TOP(f, 1));
    u256 value = with_value ? TOP(f, 2) : U256_ZERO;
    bool has_value = !u256_is_zero(value);
    struct call_regions c = {TOP(f, k), TOP(f, k + 1), TOP(f, k + 2), TOP(f, k + 3)};
    uint64_t gas = f->gas, size, child;
    uint64_t value_gas = has_value ? vm->gas_rules->call_value : 0;
    bool paid, makes;
    if (kind == VM_CALL && has_value && f->msg.is_static)
        return OP_HALT(STATIC_WRITE);
    if (!charge_regions(f, &c, &size, &gas))
        return OP_HALT(OUT_OF_GAS);
    OP_TRY(take_callee(vm, &addr, value_gas, &gas, &paid));
    if (!paid)
        return OP_HALT(OUT_OF_GAS);
    OP_TRY(makes_account(vm, kind, &addr, has_value, &makes));
    uint64_t state = account_state(vm, makes);
    if (!take(&gas, value_gas + (makes ? vm->gas_rules->new_account : 0)) ||
        !vm_charge_state(vm, f, state, &gas) || !split_gas(vm, TOP(f, 0), &gas, &child))
        return OP_HALT(OUT_OF_GAS);
    vm_charged(vm, f, gas);
    OP_TRY(vm_mem_grow(vm, f, size));
    struct vm_msg msg;
    call_msg(f, kind, &addr, value, &msg);
    msg.gas = child + (has_value ? GAS_CALL_STIPEND : 0);
    msg.state_charge = state;
    if (c.in_len.w[0] != 0)
        msg.input = slice_of(vm->mem + f->mem_base + c.in_off.w[0], c.in_len.w[0]);
    return call_enter(vm, f, &msg, &c, operands, gas);
}

int far_CALL(struct vm *vm, struct frame *f)
{
    return call_op(vm, f, VM_CALL);
}

int far_CALLCODE(struct vm *vm, struct frame *f)
{
    return call_op(vm, f, VM_CALLCODE);
}

int far_DELEGATECALL(struct vm *vm, struct frame *f)
{
    return call_op(vm, f, VM_DELEGATECALL);
}

int far_STATICCALL(struct vm *vm, struct frame *f)
{
    return call_op(vm, f, VM_STATICCALL);
}

/* ---- creations ---- */

static int create_enter(struct vm *vm, struct frame *f, struct vm_msg *msg,
                        unsigned operands, uint64_t gas)
{
    enum vm_halt halt;
    uint64_t left, old_gas = f->gas;
    f->sp -= operands;
    f->gas = gas;
    int end = vm_enter_create(vm, msg, &halt, &left);
    if (end == OP_GO) { /* no frame: it failed */
        f->gas += left;
        vm_credit_state(vm, f, msg->state_charge);
        *f->sp++ = U256_ZERO;
    } else if (end == OP_ERR) {
        f->sp += operands;
        f->gas = old_gas;
    }
    return end;
}

/* EIP-8037: a creation where nothing is yet pays for the account. Without the means it
 * was still looked at (EIP-7928). */
static mt_err take_new_account(struct vm *vm, struct frame *f, struct vm_msg *msg,
                               uint64_t *gas, bool *paid)
{
    struct acct *to;
    address addr;
    *paid = true;
    if (vm->gas_rules->state_byte == 0)
        return MT_OK;
    addr = msg->kind == VM_CREATE
               ? vm_create_address(&msg->caller, f->self->pub.nonce)
               : vm_create2_address(&msg->caller, &msg->salt, msg->input);
    MT_TRY(state_find(vm->state, &addr, true, &to));
    msg->state_charge = account_state(vm, acct_is_empty(to));
    *paid = vm_charge_state(vm, f, msg->state_charge, gas);
    if (!*paid)
        acct_see(to);
    return MT_OK;
}

/* Operands: value, offset, length (, salt). */
static int create_op(struct vm *vm, struct frame *f, enum vm_kind kind)
{
    u256 off = TOP(f, 1), len = TOP(f, 2);
    uint64_t gas = f->gas, size, word = 0;
    if (f->msg.is_static)
        return OP_HALT(STATIC_WRITE);
    if (!vm_mem_charge(f, off, len, &size, &gas))
        return OP_HALT(OUT_OF_GAS);
    if (vm->fork >= FORK_SHANGHAI) { /* EIP-3860 */
        if (len.w[0] > vm_initcode_max(vm->fork))
            return OP_HALT(INITCODE_SIZE);
        word += GAS_INITCODE_WORD;
    }
    if (kind == VM_CREATE2)
        word += GAS_KECCAK_WORD;
    if (!take(&gas, vm->gas_rules->create + word * ((len.w[0] + 31) / 32)))
        return OP_HALT(OUT_OF_GAS);
    vm_charged(vm, f, gas);
    OP_TRY(vm_mem_grow(vm, f, size));
    struct vm_msg msg = {.kind = kind, .caller = f->msg.to, .value = TOP(f, 0)};
    if (len.w[0] != 0)
        msg.input = slice_of(vm->mem + f->mem_base + off.w[0], len.w[0]);
    if (kind == VM_CREATE2)
        msg.salt = u256_to_hash(TOP(f, 3));
    bool paid;
    OP_TRY(take_new_account(vm, f, &msg, &gas, &paid));
    if (!paid)
        return OP_HALT(OUT_OF_GAS);
    uint64_t child = vm->fork >= FORK_TANGERINE ? gas - gas / 64 : gas;
    msg.gas = child;
    return create_enter(vm, f, &msg, kind == VM_CREATE2 ? 4 : 3, gas - child);
}

int far_CREATE(struct vm *vm, struct frame *f)
{
    return create_op(vm, f, VM_CREATE);
}

int far_CREATE2(struct vm *vm, struct frame *f)
{
    return create_op(vm, f, VM_CREATE2);
}

/* ---- SELFDESTRUCT ---- */

/* Pays for the instruction, the heir and, where it is new, its account. */
static mt_err take_destruct(struct vm *vm, struct frame *f, struct acct *heir,
                            uint64_t *gas, bool *paid)
{
    bool was_warm = true, makes = false;
    uint64_t price = vm->gas_rules->selfdestruct;
    if (vm->gas_rules->access)
        MT_TRY(vm_state_warm_account(vm->state, &heir->pub.addr, &was_warm));
    if (!was_warm)
        price += vm->gas_rules->cold_account;
    *paid = take(gas, price);
    if (!*paid)
        return MT_OK;
    acct_see(heir);
    if (vm->fork >= FORK_SPURIOUS) /* EIP-161 */
        makes = acct_is_empty(heir) && !u256_is_zero(f->self->pub.balance);
    else if (vm->fork >= FORK_TANGERINE) /* EIP-150 */
        makes = !heir->pub.exists;
    *paid = take(gas, makes ? vm->gas_rules->new_heir : 0) &&
            vm_charge_state(vm, f, account_state(vm, makes), gas);
    return MT_OK;
}

/* The whole balance goes to heir. Being its own heir burns it, but from Cancun on
 * (EIP-6780) only where the account goes too, and from Amsterdam on (EIP-8246) not. */
static mt_err bequeath(struct vm *vm, struct acct *self, struct acct *heir, bool destroys)
{
    u256 balance = self->pub.balance;
    if (heir != self) {
        MT_TRY(state_transfer(vm->state, self, heir, balance));
        return vm_transfer_log(vm, self, heir, balance);
    }
    if (destroys && vm->fork < FORK_AMSTERDAM)
        return state_set_balance(vm->state, self, U256_ZERO);
    return state_touch(vm->state, self);
}

int far_SELFDESTRUCT(struct vm *vm, struct frame *f)
{
    struct vm_state *s = vm->state;
    struct acct *self = f->self, *heir;
    address addr = u256_to_address(TOP(f, 0));
    uint64_t gas = f->gas;
    bool paid;
    if (f->msg.is_static)
        return OP_HALT(STATIC_WRITE);
    OP_TRY(state_find(s, &addr, true, &heir));
    OP_TRY(take_destruct(vm, f, heir, &gas, &paid));
    if (!paid)
        return OP_HALT(OUT_OF_GAS);
    vm_charged(vm, f, gas);
    const struct vm_tracer *t = vm->env.tracer;
    if (t != NULL && t->self_destruct != NULL)
        t->self_destruct(t->ctx, vm->depth, &f->msg.to, &addr, self->pub.balance);
    bool destroys = vm->fork < FORK_CANCUN || self->pub.created;
    if (vm->fork < FORK_LONDON && !self->pub.destructed)
        OP_TRY(state_add_refund(s, 24000));
    OP_TRY(bequeath(vm, self, heir, destroys));
    if (destroys && !self->pub.destructed)
        OP_TRY(state_destruct(s, self));
    f->gas = gas;
    f->ret_len = 0;
    return OP_HALT(SUCCESS);
}
