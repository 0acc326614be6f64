/* The tree of calls as a list: flatCallTracer, the traces of trace_* (the same list in
 * the words of Parity), and the functions that were called, counted (4byteTracer). */
#include "trace_int.h"
#include <stdlib.h>

/* ---- the list ---- */

static const char *parity_error(const char *e)
{
    static const struct {
        const char *geth, *parity;
    } rows[] = {
        {"contract creation code storage out of gas", "Out of gas"},
        {"out of gas", "Out of gas"},
        {"max code size exceeded", "Out of gas"},
        {"invalid jump destination", "Bad jump destination"},
        {"execution reverted", "Reverted"},
        {"return data out of bounds", "Out of bounds"},
        {"stack limit reached 1024 (1023)", "Out of stack"},
        {"precompile failed", "Built-in failed"},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].geth, e) == 0)
            return rows[i].parity;
    if (strncmp(e, "invalid opcode", 14) == 0)
        return "Bad instruction";
    return strncmp(e, "stack underflow", 15) == 0 ? "Stack underflow" : e;
}

static void flat_action(struct json_out *j, const struct trace_frame *f)
{
    json_key(j, "action");
    json_obj(j);
    if (f->destruct) {
        json_kv_addr(j, "address", &f->from);
        json_kv_hex_u256(j, "balance", f->value);
        json_kv_addr(j, "refundAddress", &f->to);
        json_obj_end(j);
        return;
    }
    if (!f->create) {
        char type[16] = "";
        for (size_t i = 0; f->type[i] != 0 && i + 1 < sizeof(type); i++)
            type[i] = (char)(f->type[i] | 0x20);
        json_kv_str(j, "callType", type);
    } else {
        json_kv_str(j, "creationMethod",
                    strcmp(f->type, "CREATE2") == 0 ? "create2" : "create");
    }
    json_kv_addr(j, "from", &f->from);
    json_kv_hex_u64(j, "gas", f->gas);
    json_kv_hex(j, f->create ? "init" : "input", f->input.ptr, f->input.len);
    if (!f->create)
        json_kv_addr(j, "to", &f->to);
    json_kv_hex_u256(j, "value", f->value);
    json_obj_end(j);
}

static void flat_result(const struct trace *t, struct json_out *j,
                        const struct trace_frame *f)
{
    bool none = f->destruct || (f->error != NULL && !f->reverts);
    if (none && !t->opt->parity)
        return;
    json_key(j, "result");
    if (none) {
        json_nil(j);
        return;
    }
    json_obj(j);
    if (f->create && f->error == NULL)
        json_kv_addr(j, "address", &f->to);
    if (f->create)
        json_kv_hex(j, "code", f->output.ptr, f->output.len);
    json_kv_hex_u64(j, "gasUsed", f->gas_used);
    if (!f->create)
        json_kv_hex(j, "output", f->output.ptr, f->output.len);
    json_obj_end(j);
}

unsigned flat_path(const struct trace_frame *f, unsigned path[FLAT_PATH_MAX])
{
    unsigned n = 0, deep = 0;
    for (const struct trace_frame *p = f; p->parent != NULL; p = p->parent)
        deep++;
    for (const struct trace_frame *p = f; p->parent != NULL; p = p->parent)
        path[deep - ++n] = p->flat_idx;
    return deep;
}

static void flat_block(const struct trace *t, struct json_out *j)
{
    json_key(j, "blockHash");
    if (t->b != NULL)
        json_hash(j, &t->b->block.hash);
    else
        json_nil(j);
    json_kv_u64(j, "blockNumber", t->number);
}

static void flat_place(const struct trace *t, struct json_out *j,
                       const struct trace_frame *f, bool placed)
{
    unsigned path[FLAT_PATH_MAX], n = flat_path(f, path);
    json_kv_u64(j, "subtraces", f->flat_num);
    json_key(j, "traceAddress");
    json_arr(j);
    for (unsigned i = 0; i < n; i++)
        json_u64(j, path[i]);
    json_arr_end(j);
    if (!placed)
        return;
    json_key(j, "transactionHash");
    if (t->b != NULL)
        json_hash(j, &t->tx->hash);
    else
        json_nil(j);
    json_kv_u64(j, "transactionPosition", t->idx);
}

void flat_put(const struct trace *t, struct json_out *j, const struct trace_frame *f,
              bool placed)
{
    json_obj(j);
    flat_action(j, f);
    if (placed)
        flat_block(t, j);
    if (f->error != NULL) {
        json_kv_str(j, "error",
                    t->opt->parity_errors ? parity_error(f->error) : f->error);
    }
    flat_result(t, j, f);
    flat_place(t, j, f, placed);
    json_kv_str(j, "type", f->destruct ? "suicide" : f->create ? "create" : "call");
    json_obj_end(j);
}

void flat_write(struct trace *t, struct json_out *j, const struct tx_outcome *o)
{
    if (t->root != NULL && !t->opt->parity)
        t->root->gas_used = o->gas_used;
    json_arr(j);
    for (const struct trace_frame *f = t->root; f != NULL; f = f->after)
        if (!f->hidden)
            flat_put(t, j, f, true);
    json_arr_end(j);
}

/* ---- 4byteTracer ---- */

struct selector {
    char key[32];
};

static int selector_cmp(const void *a, const void *b)
{
    return strcmp(((const struct selector *)a)->key, ((const struct selector *)b)->key);
}

/* Functions called, with the size of their arguments: "0x27dc297e-128": 1. */
void fourbyte_write(struct trace *t, struct json_out *j)
{
    size_t n = 0, k = 0;
    for (const struct trace_frame *f = t->root; f != NULL; f = f->after)
        n++;
    struct selector *all = arena_zalloc(t->arena, n + 1, sizeof(*all));
    if (all == NULL) {
        trace_fail(t, MT_ELIMIT);
        return;
    }
    for (const struct trace_frame *f = t->root; f != NULL; f = f->after) {
        if (f->create || f->destruct || f->precompile || f->input.len < 4)
            continue;
        mt_fmt(all[k++].key, sizeof(all->key), "0x%08x-%zu", load_be32(f->input.ptr),
               f->input.len - 4);
    }
    qsort(all, k, sizeof(*all), selector_cmp);
    json_obj(j);
    for (size_t i = 0, same; i < k; i += same) {
        for (same = 1; i + same < k && strcmp(all[i].key, all[i + same].key) == 0;)
            same++;
        json_kv_u64(j, all[i].key, same);
    }
    json_obj_end(j);
}
