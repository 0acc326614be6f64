/* The tree of calls of a transaction, and its nested form (callTracer). Walked without
 * recursion: a tree is as deep as calls may nest. */
#include "trace_int.h"

static bool keep(struct trace *t, slice in, slice *out)
{
    uint8_t *p = arena_copy(t->arena, in.ptr, in.len);
    if (p == NULL) {
        trace_fail(t, MT_ELIMIT);
        return false;
    }
    *out = slice_of(p, in.len);
    return true;
}

static struct trace_frame *frame_new(struct trace *t)
{
    struct trace_frame *f = arena_zalloc(t->arena, 1, sizeof(*f));
    if (f == NULL) {
        trace_fail(t, MT_ELIMIT);
        return NULL;
    }
    f->parent = t->cur;
    if (t->root == NULL)
        t->root = f;
    else
        t->last->after = f;
    t->last = f;
    if (t->cur != NULL) {
        f->depth = t->cur->depth + 1;
        t->cur->call_num++;
        if (t->cur->last == NULL)
            t->cur->first = f;
        else
            t->cur->last->next = f;
        t->cur->last = f;
    }
    return f;
}

static const char *kind_name(enum vm_kind kind)
{
    switch (kind) {
    case VM_CALLCODE:
        return "CALLCODE";
    case VM_DELEGATECALL:
        return "DELEGATECALL";
    case VM_STATICCALL:
        return "STATICCALL";
    case VM_CREATE:
        return "CREATE";
    case VM_CREATE2:
        return "CREATE2";
    default:
        return "CALL";
    }
}

/* Only the outermost call is wanted. */
static bool shallow(const struct trace *t)
{
    return t->opt->only_top && (t->opt->kinds & TRACE_TREE) == TRACE_CALL;
}

void tree_enter(struct trace *t, unsigned depth, const struct vm_msg *msg)
{
    if (t->err != MT_OK || (depth > 0 && shallow(t)))
        return;
    struct trace_frame *f = frame_new(t);
    if (f == NULL)
        return;
    f->type = kind_name(msg->kind);
    f->create = msg->kind == VM_CREATE || msg->kind == VM_CREATE2;
    f->from = msg->kind == VM_DELEGATECALL ? msg->to : msg->caller;
    f->to = f->create ? msg->to : msg->code_from;
    f->has_value = msg->kind != VM_STATICCALL;
    f->value = msg->value;
    f->gas = depth == 0 && !t->opt->parity ? t->tx->gas : msg->gas;
    f->precompile = !f->create && vm_is_precompile(t->rules, &f->to);
    f->hidden = f->precompile && depth > 0 && !t->opt->precompiles &&
                (msg->kind == VM_CALL || msg->kind == VM_STATICCALL) &&
                !(t->opt->parity && f->has_value && !u256_is_zero(f->value));
    if (f->parent != NULL && !f->hidden)
        f->flat_idx = f->parent->flat_num++;
    keep(t, msg->input, &f->input);
    t->cur = f;
}

const char *trace_fault_text(struct trace *t, enum vm_halt halt,
                             const struct vm_fault *fault)
{
    char *text = arena_alloc(t->arena, 64);
    const char *name = vm_opcode_name(fault->op);
    if (text == NULL)
        return vm_halt_text(halt);
    if (halt == VM_BAD_OPCODE && fault->op != 0xfe && strcmp(name, "INVALID") == 0)
        mt_fmt(text, 64, "invalid opcode: opcode 0x%x not defined", fault->op);
    else if (halt == VM_BAD_OPCODE)
        mt_fmt(text, 64, "invalid opcode: %s", name);
    else if (halt == VM_STACK_UNDERFLOW)
        mt_fmt(text, 64, "stack underflow (%zu <=> %u)", fault->stack_num,
               fault->stack_need);
    else
        return vm_halt_text(halt);
    return text;
}

void tree_leave(struct trace *t, unsigned depth, enum vm_halt halt, uint64_t gas_used,
                slice output)
{
    struct trace_frame *f = t->cur;
    if (t->err != MT_OK || (depth > 0 && shallow(t)) || f == NULL)
        return;
    f->gas_used = gas_used;
    f->reverts = halt == VM_REVERT;
    if (halt != VM_SUCCESS)
        f->error = t->faulted ? t->fault_text : vm_halt_text(halt);
    if (halt == VM_SUCCESS || halt == VM_REVERT)
        keep(t, output, &f->output);
    t->cur = f->parent;
}

void tree_log(struct trace *t, unsigned depth, const struct log *log)
{
    struct trace_frame *f = t->cur;
    if (t->err != MT_OK || !t->opt->with_log || f == NULL ||
        (depth > 0 && t->opt->only_top))
        return;
    struct frame_log *l = arena_zalloc(t->arena, 1, sizeof(*l));
    if (l == NULL) {
        trace_fail(t, MT_ELIMIT);
        return;
    }
    l->log = *log;
    l->position = t->opt->only_top ? 0 : f->call_num;
    keep(t, log->data, &l->log.data);
    if (f->logs == NULL)
        f->logs = l;
    else
        f->logs_last->next = l;
    f->logs_last = l;
}

void tree_destruct(struct trace *t, const address *from, const address *to, u256 balance)
{
    if (t->err != MT_OK || shallow(t) || t->cur == NULL)
        return;
    struct trace_frame *f = frame_new(t);
    if (f == NULL)
        return;
    f->type = "SELFDESTRUCT";
    f->destruct = f->has_value = true;
    f->from = *from;
    f->to = *to;
    f->value = balance;
    f->flat_idx = f->parent->flat_num++;
}

/* ---- callTracer ---- */

/* What Error(string) or Panic(uint256) say, as ABI decoders read them. */
static void revert_reason(struct json_out *j, slice data)
{
    static const uint8_t error_sel[4] = {0x08, 0xc3, 0x79, 0xa0};
    static const uint8_t panic_sel[4] = {0x4e, 0x48, 0x7b, 0x71};
    char text[120];
    if (data.len >= 36 && memcmp(data.ptr, panic_sel, 4) == 0) {
        u256 code = u256_load_be(data.ptr + 4);
        const char *why = u256_is_u64(code) ? panic_text(code.w[0]) : NULL;
        mt_fmt(text, sizeof(text), "unknown panic code: %s", u256_hex(code).s);
        json_kv_str(j, "revertReason", why != NULL ? why : text);
    } else if (data.len >= 68 && memcmp(data.ptr, error_sel, 4) == 0) {
        uint64_t at = u256_to_u64_sat(u256_load_be(data.ptr + 4)), room = data.len - 4;
        if (at > room - 32)
            return;
        uint64_t len = u256_to_u64_sat(u256_load_be(data.ptr + 4 + at));
        if (len == 0 || len > room - 32 - at)
            return;
        json_key(j, "revertReason");
        json_str_n(j, (const char *)data.ptr + 4 + at + 32, len);
    }
}

static void call_open(const struct trace *t, struct json_out *j,
                      const struct trace_frame *f)
{
    json_obj(j);
    json_kv_addr(j, "from", &f->from);
    json_kv_hex_u64(j, "gas", f->gas);
    json_kv_hex_u64(j, "gasUsed", f->gas_used);
    if (!f->create || f->error == NULL)
        json_kv_addr(j, "to", &f->to);
    json_kv_hex(j, "input", f->input.ptr, f->input.len);
    if (f->output.len > 0)
        json_kv_hex(j, "output", f->output.ptr, f->output.len);
    if (f->error != NULL)
        json_kv_str(j, "error", f->error);
    if (f->reverts)
        revert_reason(j, f->output);
    if (f->first != NULL && !t->opt->only_top) {
        json_key(j, "calls");
        json_arr(j);
    }
}

static void call_logs(struct json_out *j, const struct trace_frame *f)
{
    if (f->logs == NULL || !frame_stands(f))
        return;
    json_key(j, "logs");
    json_arr(j);
    for (const struct frame_log *l = f->logs; l != NULL; l = l->next) {
        json_obj(j);
        json_kv_addr(j, "address", &l->log.addr);
        json_key(j, "topics");
        json_arr(j);
        for (size_t i = 0; i < l->log.topic_num; i++)
            json_hash(j, &l->log.topics[i]);
        json_arr_end(j);
        json_kv_hex(j, "data", l->log.data.ptr, l->log.data.len);
        json_kv_hex_u64(j, "position", l->position);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void call_close(const struct trace *t, struct json_out *j,
                       const struct trace_frame *f)
{
    if (f->first != NULL && !t->opt->only_top)
        json_arr_end(j);
    call_logs(j, f);
    if (f->has_value)
        json_kv_hex_u256(j, "value", f->value);
    json_kv_str(j, "type", f->type);
    json_obj_end(j);
}

void call_write(struct trace *t, struct json_out *j, const struct tx_outcome *o)
{
    struct trace_frame *f = t->root;
    if (f == NULL) {
        json_nil(j);
        return;
    }
    f->gas_used = o->gas_used;
    call_open(t, j, f);
    while (f != NULL && buf_ok(j->buf)) {
        if (f->first != NULL && !t->opt->only_top) {
            f = f->first;
            call_open(t, j, f);
            continue;
        }
        call_close(t, j, f);
        while (f->next == NULL && f->parent != NULL) {
            f = f->parent;
            call_close(t, j, f);
        }
        f = f->next;
        if (f != NULL)
            call_open(t, j, f);
    }
}
