/* vmTrace of trace_*: every instruction with what it did, the code of calls inside the
 * instruction that called. It is written while the code runs: an instruction's object
 * stays open until the next one of its call, which shows what it left on the stack and in
 * memory. As in Parity `used` is the gas left after it, an instruction that failed has no
 * `ex`, and DUPn and SWAPn push all they reach. */
#include "trace_int.h"

struct vm_level {
    struct vm_level *parent;
    bool code_told; /* the list of instructions is open */
    bool op_open;
    bool sub; /* the open instruction's call was written */
    bool faulted;
    slice init; /* of a creation */
    uint64_t gas_after;
    unsigned pushes;
    uint64_t mem_off, mem_len; /* what the instruction writes */
    bool stores;
    u256 key, value;
};

void vm_trace_begin(struct trace *t)
{
    json_obj(&t->c->out);
    json_key(&t->c->out, "vmTrace");
}

void vm_trace_enter(struct trace *t, unsigned depth, const struct vm_msg *msg)
{
    struct json_out *j = &t->c->out;
    struct vm_level *l = arena_zalloc(t->arena, 1, sizeof(*l));
    if (t->err != MT_OK || l == NULL) {
        trace_fail(t, MT_ELIMIT);
        return;
    }
    if (depth > 0 && t->level != NULL) {
        json_key(j, "sub");
        t->level->sub = true;
    }
    if (msg->kind == VM_CREATE || msg->kind == VM_CREATE2)
        l->init = msg->input;
    l->parent = t->level;
    t->level = l;
    json_obj(j);
}

static void tell_code(struct trace *t, slice code)
{
    struct json_out *j = &t->c->out;
    t->level->code_told = true;
    json_kv_hex(j, "code", code.ptr, code.len);
    json_key(j, "ops");
    json_arr(j);
}

/* next: the step after it in the same call, NULL at the end of the call. */
static void put_effect(struct json_out *j, const struct vm_level *l,
                       const struct vm_step_view *next)
{
    json_obj(j);
    json_key(j, "mem");
    if (next != NULL && l->mem_len > 0 && l->mem_len <= next->memory.len &&
        l->mem_off <= next->memory.len - l->mem_len) {
        json_obj(j);
        json_kv_hex(j, "data", next->memory.ptr + l->mem_off, l->mem_len);
        json_kv_u64(j, "off", l->mem_off);
        json_obj_end(j);
    } else {
        json_nil(j);
    }
    json_key(j, "push");
    json_arr(j);
    for (size_t i = l->pushes; next != NULL && i > 0; i--)
        if (i <= next->stack_num)
            json_hex_u256(j, next->stack[next->stack_num - i]);
    json_arr_end(j);
    json_key(j, "store");
    if (l->stores) {
        json_obj(j);
        json_kv_hex_u256(j, "key", l->key);
        json_kv_hex_u256(j, "val", l->value);
        json_obj_end(j);
    } else {
        json_nil(j);
    }
    json_kv_u64(j, "used", next != NULL ? next->gas : l->gas_after);
    json_obj_end(j);
}

static void close_op(struct trace *t, const struct vm_step_view *next)
{
    struct json_out *j = &t->c->out;
    struct vm_level *l = t->level;
    if (!l->op_open)
        return;
    if (!l->sub)
        json_kv_nil(j, "sub");
    json_key(j, "ex");
    if (l->faulted)
        json_nil(j);
    else
        put_effect(j, l, next);
    json_obj_end(j);
    l->op_open = false;
}

static u256 operand(const struct vm_step_view *v, unsigned n)
{
    return n < v->stack_num ? v->stack[v->stack_num - 1 - n] : U256_ZERO;
}

/* What the instruction is about to write: memory and storage. */
static void note_writes(struct vm_level *l, const struct vm_step_view *v)
{
    /* op, operand that is the place, operand that is the length (or it is fixed) */
    static const struct {
        uint8_t op, off, len, fixed;
    } rows[] = {
        {0x51, 0, 0, 32}, /* MLOAD, as Parity has it */
        {0x52, 0, 0, 32}, /* MSTORE */
        {0x53, 0, 0, 1},  /* MSTORE8 */
        {0x37, 0, 2, 0},  /* CALLDATACOPY */
        {0x39, 0, 2, 0},  /* CODECOPY */
        {0x3c, 1, 3, 0},  /* EXTCODECOPY */
        {0x3e, 0, 2, 0},  /* RETURNDATACOPY */
        {0x5e, 0, 2, 0},  /* MCOPY */
        {0xf1, 5, 6, 0},  /* CALL */
        {0xf2, 5, 6, 0},  /* CALLCODE */
        {0xf4, 4, 5, 0},  /* DELEGATECALL */
        {0xfa, 4, 5, 0},  /* STATICCALL */
    };
    l->mem_len = 0;
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        if (rows[i].op != v->op)
            continue;
        u256 off = operand(v, rows[i].off), len = operand(v, rows[i].len);
        l->mem_off = u256_to_u64_sat(off);
        l->mem_len = rows[i].fixed != 0 ? rows[i].fixed : u256_to_u64_sat(len);
    }
    l->stores = v->op == 0x55; /* SSTORE */
    l->key = operand(v, 0);
    l->value = operand(v, 1);
}

void vm_trace_step(struct trace *t, const struct vm_step_view *v)
{
    struct json_out *j = &t->c->out;
    struct vm_level *l = t->level;
    if (l == NULL)
        return;
    if (!l->code_told)
        tell_code(t, v->code);
    close_op(t, v);
    json_obj(j);
    json_kv_u64(j, "cost", v->gas_cost);
    json_kv_u64(j, "pc", v->pc);
    json_kv_str(j, "op", vm_opcode_name(v->op));
    l->op_open = true;
    l->sub = false;
    l->gas_after = v->gas - MT_MIN(v->gas, v->gas_cost);
    l->pushes = vm_opcode_pushes(v->op);
    note_writes(l, v);
}

void vm_trace_fault(struct trace *t)
{
    if (t->level != NULL)
        t->level->faulted = true;
}

void vm_trace_leave(struct trace *t, unsigned depth)
{
    struct json_out *j = &t->c->out;
    struct vm_level *l = t->level;
    (void)depth;
    if (t->err != MT_OK || l == NULL)
        return;
    if (!l->code_told)
        tell_code(t, l->init);
    close_op(t, NULL);
    json_arr_end(j);
    json_obj_end(j);
    t->level = l->parent;
}
