/* t8n's traces: a file a transaction, a line an instruction (EIP-3155), a line the end of
 * each call, as go-ethereum writes them.
 *
 * An instruction's line waits for what comes after it. When it failed before it did
 * anything (no gas, no room on the stack) its line says so; when it failed while at work,
 * REVERT too, a second line does, with the stack and the memory as it left them. */
#include "evm_t8n.h"

#include <stdio.h>

#define LINE_MAX ((size_t)1 << 30)

enum {
    OP_RETURNDATACOPY = 0x3e,
    OP_SSTORE = 0x55,
    OP_JUMP = 0x56,
    OP_JUMPI = 0x57,
    OP_LOG0 = 0xa0,
    OP_LOG4 = 0xa4,
    OP_CREATE = 0xf0,
    OP_CALL = 0xf1,
    OP_RETURN = 0xf3,
    OP_CREATE2 = 0xf5,
    OP_REVERT = 0xfd,
    OP_INVALID = 0xfe,
};

struct t8n_trace {
    struct t8n *t;
    struct vm_tracer hooks;
    const struct block_exec *be;
    FILE *out; /* of the running transaction */
    size_t file_num;
    bool bad; /* a line could not be written */
    struct buf line;
    bool pending; /* step waits; its views are the copies below */
    struct vm_step_view step;
    u256 stack[VM_STACK_MAX];
    struct buf memory, return_data;
    bool faulted; /* and its call has not ended */
    char fault[64];
    bool destructs; /* likewise; by self for heir */
    address self, heir;
    u256 balance;
};

/* ================= lines ================= */

static const char *op_text(uint8_t op, char text[32])
{
    const char *name = vm_opcode_name(op);
    if (op == OP_INVALID || strcmp(name, "INVALID") != 0)
        return name;
    mt_fmt(text, 32, "opcode 0x%x not defined", op);
    return text;
}

static void end_line(struct t8n_trace *tr, struct json_out *j)
{
    json_obj_end(j);
    buf_put_u8(j->buf, '\n');
    tr->bad |=
        !buf_ok(j->buf) || fwrite(j->buf->ptr, 1, j->buf->len, tr->out) != j->buf->len;
}

static void put_stack(const struct t8n_trace *tr, struct json_out *j, size_t num)
{
    json_key(j, "stack");
    if (tr->t->opt.trace_no_stack) {
        json_nil(j);
        return;
    }
    json_arr(j);
    for (size_t i = 0; i < num; i++)
        json_hex_u256(j, tr->stack[i]);
    json_arr_end(j);
}

/* The memory, with zeros up to size. */
static void put_memory(const struct t8n_trace *tr, struct json_out *j, size_t size)
{
    struct buf *b = j->buf;
    if (!tr->t->opt.trace_memory || size == 0)
        return;
    json_kv_hex(j, "memory", tr->memory.ptr, tr->memory.len);
    /* Within the string that was just closed. */
    b->len -= b->len > 0;
    for (size_t i = tr->memory.len; i < size && buf_ok(b); i++)
        buf_put_str(b, "00");
    buf_put_u8(b, '"');
}

static void put_step(struct t8n_trace *tr, size_t stack_num, size_t memory_size,
                     bool with_return_data, const char *error)
{
    char name[32];
    const struct vm_step_view *v = &tr->step;
    buf_reset(&tr->line);
    struct json_out j = json_out(&tr->line);
    json_obj(&j);
    json_kv_u64(&j, "pc", v->pc);
    json_kv_u64(&j, "op", v->op);
    json_kv_hex_u64(&j, "gas", v->gas);
    json_kv_hex_u64(&j, "gasCost", v->gas_cost);
    put_memory(tr, &j, memory_size);
    json_kv_u64(&j, "memSize", memory_size);
    put_stack(tr, &j, stack_num);
    if (with_return_data && tr->return_data.len > 0)
        json_kv_hex(&j, "returnData", tr->return_data.ptr, tr->return_data.len);
    json_kv_u64(&j, "depth", v->depth);
    json_kv_u64(&j, "refund", v->refund > 0 ? (uint64_t)v->refund : 0);
    json_kv_str(&j, "opName", op_text(v->op, name));
    if (error != NULL)
        json_kv_str(&j, "error", error);
    end_line(tr, &j);
}

static void flush(struct t8n_trace *tr, const char *error)
{
    if (tr->pending)
        put_step(tr, tr->step.stack_num, tr->step.memory.len, true, error);
    tr->pending = false;
}

static void put_end(struct t8n_trace *tr, slice output, uint64_t gas_used,
                    const char *error)
{
    buf_reset(&tr->line);
    struct json_out j = json_out(&tr->line);
    json_obj(&j);
    json_key(&j, "output");
    size_t at = j.buf->len;
    json_hex(&j, output.ptr, output.len);
    /* Bare digits, without 0x. */
    if (buf_ok(j.buf)) {
        memmove(j.buf->ptr + at + 1, j.buf->ptr + at + 3, j.buf->len - at - 3);
        j.buf->len -= 2;
    }
    json_kv_hex_u64(&j, "gasUsed", gas_used);
    if (error != NULL)
        json_kv_str(&j, "error", error);
    end_line(tr, &j);
}

static void put_call(struct t8n_trace *tr, const char *type, const address *from,
                     const address *to, slice input, uint64_t gas, u256 value)
{
    buf_reset(&tr->line);
    struct json_out j = json_out(&tr->line);
    json_obj(&j);
    json_kv_addr(&j, "from", from);
    json_kv_addr(&j, "to", to);
    if (tr->t->opt.trace_memory && input.len > 0)
        json_kv_hex(&j, "input", input.ptr, input.len);
    json_kv_hex_u64(&j, "gas", gas);
    json_kv_hex_u256(&j, "value", value);
    json_kv_str(&j, "type", type);
    end_line(tr, &j);
}

/* ================= instructions that fail at work ================= */

/* What it has taken from the stack by then. */
static size_t taken(uint8_t op)
{
    switch (op) {
    case OP_JUMP:
        return 1;
    case OP_JUMPI:
    case OP_REVERT:
        return 2;
    case OP_RETURNDATACOPY:
        return 3;
    case OP_CALL:
        return 7;
    default:
        return 0;
    }
}

static size_t reach(const struct t8n_trace *tr, size_t offset, size_t size, size_t have)
{
    size_t n = tr->step.stack_num;
    if (n <= offset || n <= size)
        return have;
    u256 from = tr->stack[n - 1 - offset], len = tr->stack[n - 1 - size];
    if (!u256_is_u64(from) || !u256_is_u64(len) || len.w[0] == 0)
        return have;
    return MT_MAX(have, (from.w[0] + len.w[0] + 31) / 32 * 32);
}

/* The memory it has by then; it was paid for, so that nothing overflows. */
static size_t grown(const struct t8n_trace *tr)
{
    size_t have = tr->step.memory.len;
    uint8_t op = tr->step.op;
    if (op == OP_REVERT || (op >= OP_LOG0 && op <= OP_LOG4))
        return reach(tr, 0, 1, have);
    if (op == OP_RETURNDATACOPY)
        return reach(tr, 0, 2, have);
    if (op == OP_CREATE || op == OP_CREATE2)
        return reach(tr, 1, 2, have);
    return op == OP_CALL ? reach(tr, 3, 4, reach(tr, 5, 6, have)) : have;
}

static void flush_failed(struct t8n_trace *tr, const char *error)
{
    size_t num = tr->step.stack_num;
    flush(tr, NULL);
    put_step(tr, num - MT_MIN(num, taken(tr->step.op)), grown(tr), false, error);
}

/* ================= hooks ================= */

static void on_step(void *ctx, const struct vm_step_view *v)
{
    struct t8n_trace *tr = ctx;
    flush(tr, NULL);
    tr->pending = v->code.len > 0; /* a creation without code is no step to geth */
    tr->step = *v;
    memcpy(tr->stack, v->stack, v->stack_num * sizeof *v->stack);
    buf_reset(&tr->memory);
    buf_reset(&tr->return_data);
    if (tr->t->opt.trace_memory || v->op == OP_RETURN)
        buf_put_slice(&tr->memory, v->memory);
    if (tr->t->opt.trace_return_data)
        buf_put_slice(&tr->return_data, v->return_data);
    tr->bad |= !buf_ok(&tr->memory) || !buf_ok(&tr->return_data);
}

static void on_fault(void *ctx, unsigned depth, enum vm_halt halt,
                     const struct vm_fault *fault)
{
    struct t8n_trace *tr = ctx;
    char name[32];
    (void)depth;
    if (halt == VM_BAD_OPCODE)
        mt_fmt(tr->fault, sizeof tr->fault, "invalid opcode: %s",
               op_text(fault->op, name));
    else if (halt == VM_STACK_UNDERFLOW)
        mt_fmt(tr->fault, sizeof tr->fault, "stack underflow (%zu <=> %u)",
               fault->stack_num, fault->stack_need);
    else
        mt_fmt(tr->fault, sizeof tr->fault, "%s", vm_halt_text(halt));
    tr->faulted = true;
    if (!tr->pending)
        return;
    if (halt == VM_OUT_OF_GAS || halt == VM_STACK_UNDERFLOW || halt == VM_STACK_OVERFLOW)
        flush(tr, tr->fault);
    else
        flush_failed(tr, tr->fault);
}

static void on_enter(void *ctx, unsigned depth, const struct vm_msg *msg)
{
    static const char *const NAMES[] = {
        [VM_CALL] = "CALL",
        [VM_CALLCODE] = "CALLCODE",
        [VM_DELEGATECALL] = "DELEGATECALL",
        [VM_STATICCALL] = "STATICCALL",
        [VM_CREATE] = "CREATE",
        [VM_CREATE2] = "CREATE2",
    };
    struct t8n_trace *tr = ctx;
    bool create = msg->kind == VM_CREATE || msg->kind == VM_CREATE2;
    (void)depth;
    flush(tr, NULL);
    if (tr->t->opt.trace_frames)
        put_call(tr, NAMES[msg->kind],
                 msg->kind == VM_DELEGATECALL ? &msg->to : &msg->caller,
                 create ? &msg->to : &msg->code_from, msg->input, msg->gas, msg->value);
}

/* To geth a call of its own, which comes after the instruction's line; and that waits for
 * the refund. */
static void on_self_destruct(void *ctx, unsigned depth, const address *from,
                             const address *beneficiary, u256 balance)
{
    struct t8n_trace *tr = ctx;
    (void)depth;
    tr->destructs = true;
    tr->self = *from;
    tr->heir = *beneficiary;
    tr->balance = balance;
}

static void put_destruct(struct t8n_trace *tr)
{
    tr->destructs = false;
    tr->step.refund = vm_state_refund(block_exec_state(tr->be));
    flush(tr, NULL);
    if (tr->t->opt.trace_frames)
        put_call(tr, "SELFDESTRUCT", &tr->self, &tr->heir, slice_of(NULL, 0), 0,
                 tr->balance);
    put_end(tr, slice_of(NULL, 0), 0, NULL);
}

/* The code that a creation made and may not keep, for geth its output all the same: what
 * the last step returned. */
static slice refused_code(struct t8n_trace *tr)
{
    size_t n = tr->step.stack_num, have = tr->memory.len;
    if (tr->step.op != OP_RETURN || n < 2 || u256_is_zero(tr->stack[n - 2]))
        return slice_of(NULL, 0);
    size_t size = reach(tr, 0, 1, have) - have;
    uint8_t *zeros = buf_reserve(&tr->memory, size);
    if (zeros == NULL)
        return slice_of(NULL, 0);
    memset(zeros, 0, size);
    return slice_of(tr->memory.ptr + tr->stack[n - 1].w[0], tr->stack[n - 2].w[0]);
}

static void on_leave(void *ctx, unsigned depth, enum vm_halt halt, uint64_t gas_used,
                     slice output)
{
    struct t8n_trace *tr = ctx;
    const char *error = halt == VM_SUCCESS ? NULL : vm_halt_text(halt);
    (void)depth;
    if (tr->faulted)
        error = tr->fault;
    tr->faulted = false;
    if (tr->destructs)
        put_destruct(tr);
    if (tr->pending && halt == VM_REVERT)
        flush_failed(tr, error);
    flush(tr, NULL);
    if (halt == VM_CODE_STORE_GAS || halt == VM_CODE_SIZE || halt == VM_CODE_PREFIX)
        output = refused_code(tr);
    else if (halt != VM_SUCCESS && halt != VM_REVERT)
        output = slice_of(NULL, 0);
    put_end(tr, output, gas_used, error);
}

/* ================= files ================= */

struct t8n_trace *t8n_trace_new(struct t8n *t)
{
    struct t8n_trace *tr = arena_zalloc(&t->arena, 1, sizeof *tr);
    if (tr == NULL)
        return NULL;
    tr->t = t;
    tr->hooks.ctx = tr;
    buf_init(&tr->line, LINE_MAX);
    buf_init(&tr->memory, LINE_MAX);
    buf_init(&tr->return_data, LINE_MAX);
    return tr;
}

void t8n_trace_free(struct t8n_trace *tr)
{
    if (tr == NULL)
        return;
    if (tr->out != NULL)
        fclose(tr->out);
    buf_fini(&tr->line);
    buf_fini(&tr->memory);
    buf_fini(&tr->return_data);
}

const struct vm_tracer *t8n_trace_hooks(struct t8n_trace *tr)
{
    return tr == NULL ? NULL : &tr->hooks;
}

int t8n_trace_begin(struct t8n_trace *tr, const struct block_exec *be, const hash32 *tx)
{
    char name[128], path[4096];
    if (tr == NULL)
        return T8N_OK;
    mt_fmt(name, sizeof name, "trace-%zu-%s.jsonl", tr->file_num++, hash32_text(tx).s);
    int status = t8n_path(tr->t, name, path, sizeof path);
    if (status != T8N_OK)
        return status;
    tr->out = fopen(path, "wb");
    if (tr->out == NULL)
        return t8n_fail(tr->t, T8N_IO, "failed creating trace-file %s", path);
    tr->be = be;
    tr->pending = tr->faulted = tr->destructs = false;
    tr->hooks = (struct vm_tracer){
        .step = on_step,
        .enter = on_enter,
        .leave = on_leave,
        .self_destruct = on_self_destruct,
        .fault = on_fault,
        .ctx = tr,
    };
    return T8N_OK;
}

int t8n_trace_end(struct t8n_trace *tr)
{
    if (tr == NULL || tr->out == NULL)
        return T8N_OK;
    tr->hooks = (struct vm_tracer){.ctx = tr};
    tr->bad |= fclose(tr->out) != 0;
    tr->out = NULL;
    return tr->bad ? t8n_fail(tr->t, T8N_IO, "failed writing a trace") : T8N_OK;
}
