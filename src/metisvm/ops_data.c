/* Instructions that read and copy bytes: EXP, hashing, copies, RETURN, BLOCKHASH. (EXP is
 * here for its dynamic price.) Each pays first, tells the tracer, then acts. */
#include "metisvm_int.h"

#define TOP(f, n) ((f)->sp[-1 - (ptrdiff_t)(n)])

static uint64_t words_of(uint64_t bytes)
{
    return bytes / 32 + (bytes % 32 != 0);
}

/* Takes per_word for every word of len, and memory for [off, off + len). */
static bool charge_copy(struct frame *f, u256 off, u256 len, uint64_t per_word,
                        uint64_t *size, uint64_t *gas)
{
    if (!vm_mem_charge(f, off, len, size, gas))
        return false;
    uint64_t cost = per_word * words_of(len.w[0]); /* memory bounded len to 37 bits */
    if (*gas < cost)
        return false;
    *gas -= cost;
    return true;
}

/* The copying instructions' common part: pays, grows, and copies from src, zeros after
 * its end. Pops n. */
static int copy_from(struct vm *vm, struct frame *f, slice src, unsigned first,
                     unsigned n)
{
    u256 to = TOP(f, first), from = TOP(f, first + 1), len = TOP(f, first + 2);
    uint64_t gas = f->gas, size;
    if (!charge_copy(f, to, len, GAS_COPY_WORD, &size, &gas))
        return OP_HALT(OUT_OF_GAS);
    vm_charged(vm, f, gas);
    OP_TRY(vm_mem_grow(vm, f, size));
    f->gas = gas;
    f->sp -= n;
    size_t want = len.w[0], have = 0;
    if (want == 0)
        return OP_GO;
    uint8_t *dst = vm->mem + f->mem_base + to.w[0];
    if (u256_is_u64(from) && from.w[0] < src.len) {
        have = MT_MIN(want, src.len - from.w[0]);
        memcpy(dst, src.ptr + from.w[0], have);
    }
    memset(dst + have, 0, want - have);
    return OP_GO;
}

int far_EXP(struct vm *vm, struct frame *f)
{
    u256 a = TOP(f, 0), e = TOP(f, 1);
    uint64_t cost = (uint64_t)vm->gas_rules->exp_byte * u256_bytes(e);
    if (f->gas < cost)
        return OP_HALT(OUT_OF_GAS);
    vm_charged(vm, f, f->gas - cost);
    f->gas -= cost;
    f->sp--;
    TOP(f, 0) = u256_exp(a, e);
    return OP_GO;
}

int far_KECCAK256(struct vm *vm, struct frame *f)
{
    u256 off = TOP(f, 0), len = TOP(f, 1);
    uint64_t gas = f->gas, size;
    if (!charge_copy(f, off, len, GAS_KECCAK_WORD, &size, &gas))
        return OP_HALT(OUT_OF_GAS);
    vm_charged(vm, f, gas);
    OP_TRY(vm_mem_grow(vm, f, size));
    f->gas = gas;
    f->sp--;
    hash32 h = KECCAK_EMPTY;
    if (len.w[0] != 0)
        h = hash_memo_keccak(vm->state, vm->mem + f->mem_base + off.w[0], len.w[0]);
    TOP(f, 0) = u256_from_hash(&h);
    return OP_GO;
}

int far_CALLDATACOPY(struct vm *vm, struct frame *f)
{
    return copy_from(vm, f, f->msg.input, 0, 3);
}

int far_CODECOPY(struct vm *vm, struct frame *f)
{
    return copy_from(vm, f, slice_of(f->code.ptr, f->code.len), 0, 3);
}

int far_RETURNDATACOPY(struct vm *vm, struct frame *f)
{
    /* EIP-211: unlike its sisters it fails beyond the end. */
    u256 from = TOP(f, 1), len = TOP(f, 2);
    bool carry;
    u256 end = u256_add_c(from, len, &carry);
    if (carry || !u256_is_u64(end) || end.w[0] > vm->ret_len)
        return OP_HALT(RETURN_DATA_BOUNDS);
    return copy_from(vm, f, slice_of(vm->ret, vm->ret_len), 0, 3);
}

int far_MCOPY(struct vm *vm, struct frame *f)
{
    u256 to = TOP(f, 0), from = TOP(f, 1), len = TOP(f, 2);
    uint64_t gas = f->gas, size;
    if (!charge_copy(f, u256_lt(to, from) ? from : to, len, GAS_COPY_WORD, &size, &gas))
        return OP_HALT(OUT_OF_GAS);
    vm_charged(vm, f, gas);
    OP_TRY(vm_mem_grow(vm, f, size));
    f->gas = gas;
    f->sp -= 3;
    uint8_t *mem = vm->mem + f->mem_base;
    if (len.w[0] != 0)
        memmove(mem + to.w[0], mem + from.w[0], len.w[0]);
    return OP_GO;
}

static int end_with(struct vm *vm, struct frame *f, int end)
{
    u256 off = TOP(f, 0), len = TOP(f, 1);
    uint64_t gas = f->gas, size;
    if (!vm_mem_charge(f, off, len, &size, &gas))
        return OP_HALT(OUT_OF_GAS);
    vm_charged(vm, f, gas);
    OP_TRY(vm_mem_grow(vm, f, size));
    f->gas = gas;
    f->ret_len = len.w[0];
    f->ret_off = len.w[0] == 0 ? 0 : off.w[0];
    return end;
}

int far_RETURN(struct vm *vm, struct frame *f)
{
    return end_with(vm, f, OP_HALT(SUCCESS));
}

int far_REVERT(struct vm *vm, struct frame *f)
{
    return end_with(vm, f, OP_HALT(REVERT));
}

/* ---- accounts' code and balances ---- */

/* EIP-2929: the price of looking at an account; marks it warm. Before Berlin:
 * old_price. */
static mt_err access_account(struct vm *vm, const address *addr, uint64_t old_price,
                             uint64_t *price)
{
    bool was_warm;
    *price = old_price;
    if (!vm->gas_rules->access)
        return MT_OK;
    MT_TRY(vm_state_warm_account(vm->state, addr, &was_warm));
    *price = was_warm ? GAS_WARM : vm->gas_rules->cold_account;
    return MT_OK;
}

/* The account whose address is on top of the stack, paid for; NULL: out of gas. */
static mt_err operand_account(struct vm *vm, struct frame *f, uint64_t old_price,
                              uint64_t *gas, struct acct **out)
{
    address addr = u256_to_address(TOP(f, 0));
    uint64_t price;
    *out = NULL;
    MT_TRY(access_account(vm, &addr, old_price, &price));
    if (*gas < price)
        return MT_OK;
    *gas -= price;
    return state_find(vm->state, &addr, true, out);
}

int far_BALANCE(struct vm *vm, struct frame *f)
{
    struct acct *a;
    uint64_t gas = f->gas;
    OP_TRY(operand_account(vm, f, vm->gas_rules->balance, &gas, &a));
    if (a == NULL)
        return OP_HALT(OUT_OF_GAS);
    acct_see(a);
    vm_charged(vm, f, gas);
    f->gas = gas;
    TOP(f, 0) = a->pub.balance;
    return OP_GO;
}

int far_SELFBALANCE(struct vm *vm, struct frame *f)
{
    vm_charged(vm, f, f->gas);
    *f->sp++ = f->self->pub.balance;
    return OP_GO;
}

int far_EXTCODESIZE(struct vm *vm, struct frame *f)
{
    struct acct *a;
    uint64_t gas = f->gas;
    OP_TRY(operand_account(vm, f, vm->gas_rules->ext_code, &gas, &a));
    if (a == NULL || !take(&gas, vm->gas_rules->code_extra))
        return OP_HALT(OUT_OF_GAS);
    acct_see(a);
    OP_TRY(state_load_code(vm->state, a));
    vm_charged(vm, f, gas);
    f->gas = gas;
    TOP(f, 0) = u256_from(a->pub.code.len);
    return OP_GO;
}

int far_EXTCODEHASH(struct vm *vm, struct frame *f)
{
    struct acct *a;
    uint64_t gas = f->gas;
    OP_TRY(operand_account(vm, f, vm->gas_rules->ext_hash, &gas, &a));
    if (a == NULL)
        return OP_HALT(OUT_OF_GAS);
    acct_see(a);
    vm_charged(vm, f, gas);
    f->gas = gas;
    /* EIP-1052: 0 for what is not there or dead */
    TOP(f, 0) = acct_is_empty(a) ? U256_ZERO : u256_from_hash(&a->pub.code_hash);
    return OP_GO;
}

int far_EXTCODECOPY(struct vm *vm, struct frame *f)
{
    struct acct *a;
    uint64_t gas = f->gas;
    OP_TRY(operand_account(vm, f, vm->gas_rules->ext_code, &gas, &a));
    if (a == NULL || !take(&gas, vm->gas_rules->code_extra))
        return OP_HALT(OUT_OF_GAS);
    OP_TRY(state_load_code(vm->state, a));
    f->gas = gas;
    int end = copy_from(vm, f, a->pub.code, 1, 4);
    if (end == OP_GO)
        acct_see(a);
    return end;
}

int far_BLOCKHASH(struct vm *vm, struct frame *f)
{
    u256 n = TOP(f, 0);
    uint64_t now = vm->env.block->number;
    hash32 h = {{0}};
    if (u256_is_u64(n) && n.w[0] < now && now - n.w[0] <= 256)
        OP_TRY(vm->state->reader.block_hash(vm->state->reader.ctx, n.w[0], &h));
    vm_charged(vm, f, f->gas);
    TOP(f, 0) = u256_from_hash(&h);
    return OP_GO;
}
