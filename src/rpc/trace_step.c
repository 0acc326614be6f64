/* structLogs: one object an instruction, written while the code runs. An object stays
 * open until the next event, because only then it is known whether its instruction
 * failed, and what an SLOAD loaded. */
#include "trace_int.h"

struct step_slot {
    u256 key, value;
};

/* What a contract has read and written so far, ascending. */
struct step_contract {
    struct step_slot *slots;
    size_t num, cap;
};

void steps_begin(struct trace *t)
{
    struct json_out *j = &t->c->out;
    map_init(&t->contracts, t->arena, 20, sizeof(struct step_contract *), 1u << 20,
             t->c->start_ns);
    json_obj(j);
    json_key(j, "structLogs");
    json_arr(j);
}

static struct step_contract *contract_of(struct trace *t)
{
    struct step_contract **at = map_put(&t->contracts, &t->self, NULL);
    if (at != NULL && *at == NULL)
        *at = arena_zalloc(t->arena, 1, sizeof(**at));
    if (at == NULL || *at == NULL) {
        trace_fail(t, MT_ELIMIT);
        return NULL;
    }
    return *at;
}

static bool slot_set(struct trace *t, struct step_contract *k, u256 key, u256 value)
{
    size_t lo = 0, hi = k->num;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (u256_lt(k->slots[mid].key, key))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < k->num && u256_eq(k->slots[lo].key, key)) {
        k->slots[lo].value = value;
        return true;
    }
    if (k->num == k->cap) {
        size_t cap = MT_MAX(2 * k->cap, 8);
        struct step_slot *more = arena_zalloc(t->arena, cap, sizeof(*more));
        if (more == NULL) {
            trace_fail(t, MT_ELIMIT);
            return false;
        }
        if (k->num > 0)
            memcpy(more, k->slots, k->num * sizeof(*more));
        k->slots = more;
        k->cap = cap;
    }
    memmove(&k->slots[lo + 1], &k->slots[lo], (k->num - lo) * sizeof(*k->slots));
    k->slots[lo] = (struct step_slot){key, value};
    k->num++;
    return true;
}

static void put_storage(struct trace *t, u256 key, u256 value)
{
    struct json_out *j = &t->c->out;
    struct step_contract *k = contract_of(t);
    if (k == NULL || !slot_set(t, k, key, value))
        return;
    json_key(j, "storage");
    json_obj(j);
    for (size_t i = 0; i < k->num && buf_ok(j->buf); i++) {
        hash32 name = u256_to_hash(k->slots[i].key);
        hash32 v = u256_to_hash(k->slots[i].value);
        json_kv_hash(j, hash32_text(&name).s, &v);
    }
    json_obj_end(j);
}

/* Ends the open object; loaded: what an SLOAD put on the stack, when it did. */
static void step_close(struct trace *t, const u256 *loaded)
{
    if (!t->step_open)
        return;
    if (t->step_sload && loaded != NULL)
        put_storage(t, t->step_slot, *loaded);
    json_obj_end(&t->c->out);
    t->step_open = t->step_sload = false;
}

static void put_stack(struct json_out *j, const struct vm_step_view *v)
{
    json_key(j, "stack");
    json_arr(j);
    for (size_t i = 0; i < v->stack_num; i++)
        json_hex_u256(j, v->stack[i]);
    json_arr_end(j);
}

/* Words of 32 bytes. */
static void put_memory(struct json_out *j, slice mem)
{
    json_key(j, "memory");
    json_arr(j);
    for (size_t i = 0; i + 32 <= mem.len && buf_ok(j->buf); i += 32)
        json_hex(j, mem.ptr + i, 32);
    json_arr_end(j);
}

static void put_op(struct json_out *j, uint8_t op)
{
    char text[32];
    const char *name = vm_opcode_name(op);
    mt_fmt(text, sizeof(text), "opcode 0x%x not defined", op);
    json_kv_str(j, "op", op != 0xfe && strcmp(name, "INVALID") == 0 ? text : name);
}

static void put_slot(struct trace *t, const struct vm_step_view *v)
{
    if (t->opt->storage_off || v->stack_num < 1)
        return;
    u256 key = v->stack[v->stack_num - 1];
    t->self = v->msg->to;
    if (v->op == 0x54) { /* SLOAD */
        t->step_sload = true;
        t->step_slot = key;
    } else if (v->op == 0x55 && v->stack_num >= 2) { /* SSTORE */
        put_storage(t, key, v->stack[v->stack_num - 2]);
    }
}

void steps_step(struct trace *t, const struct vm_step_view *v)
{
    struct json_out *j = &t->c->out;
    step_close(t, v->stack_num > 0 ? &v->stack[v->stack_num - 1] : NULL);
    if (t->opt->limit != 0 && t->step_num >= t->opt->limit)
        return;
    t->step_num++;
    t->step_open = true;
    json_obj(j);
    json_kv_u64(j, "pc", v->pc);
    put_op(j, v->op);
    json_kv_u64(j, "gas", v->gas);
    json_kv_u64(j, "gasCost", v->gas_cost);
    json_kv_u64(j, "depth", v->depth);
    if (!t->opt->stack_off)
        put_stack(j, v);
    if (t->opt->return_data_on && v->return_data.len > 0)
        json_kv_hex(j, "returnData", v->return_data.ptr, v->return_data.len);
    if (t->opt->memory_on && v->memory.len > 0)
        put_memory(j, v->memory);
    if (v->refund > 0)
        json_kv_u64(j, "refund", (uint64_t)v->refund);
    put_slot(t, v);
}

/* Of failures, those that come before the instruction does anything are told at it. */
void steps_fault(struct trace *t, enum vm_halt halt, const char *text)
{
    if (!t->step_open || (halt != VM_OUT_OF_GAS && halt != VM_STACK_UNDERFLOW &&
                          halt != VM_STACK_OVERFLOW))
        return;
    json_kv_str(&t->c->out, "error", text);
    step_close(t, NULL);
}

void steps_end(struct trace *t, const struct tx_outcome *o)
{
    struct json_out *j = &t->c->out;
    step_close(t, NULL);
    json_arr_end(j);
    json_kv_u64(j, "gas", o->gas_used);
    json_kv_bool(j, "failed", o->halt != VM_SUCCESS);
    json_kv_hex(j, "returnValue", t->output.ptr, t->output.len);
    json_obj_end(j);
}
