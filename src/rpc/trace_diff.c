/* stateDiff of trace_*: what a transaction changed, by account: "=" what stayed, "+" what
 * came with a new account, "-" what went with one, "*" what was one thing and is another.
 * The executor's state of the transaction knows both ends of everything it touched. */
#include "trace_int.h"
#include <stdlib.h>

struct diff_slot {
    struct diff_slot *next;
    hash32 key;
    u256 before, after;
};

struct diff_account {
    struct vm_seen_account seen;
    bool told; /* seen is filled */
    struct diff_slot *slots;
    size_t slot_num;
};

static struct diff_account *account_at(struct trace *t, const address *addr)
{
    struct diff_account **at = map_put(&t->accounts, addr, NULL);
    if (at != NULL && *at == NULL)
        *at = arena_zalloc(t->arena, 1, sizeof(**at));
    if (at == NULL || *at == NULL)
        return NULL;
    (*at)->seen.addr = *addr;
    return *at;
}

static mt_err take_account(void *ctx, const struct vm_seen_account *a)
{
    struct diff_account *d = account_at(ctx, &a->addr);
    if (d == NULL)
        return MT_ELIMIT;
    d->seen = *a;
    d->told = true;
    return MT_OK;
}

static mt_err take_slot(void *ctx, const address *addr, const hash32 *slot, u256 before,
                        u256 after)
{
    struct trace *t = ctx;
    if (u256_eq(before, after))
        return MT_OK;
    struct diff_account *d = account_at(t, addr);
    struct diff_slot *s = arena_zalloc(t->arena, 1, sizeof(*s));
    if (d == NULL || s == NULL)
        return MT_ELIMIT;
    *s = (struct diff_slot){d->slots, *slot, before, after};
    d->slots = s;
    d->slot_num++;
    return MT_OK;
}

static bool nothing(u256 balance, uint64_t nonce, const hash32 *code)
{
    return u256_is_zero(balance) && nonce == 0 && hash32_eq(code, &KECCAK_EMPTY);
}

/* How a part of an account is told: the signs are Parity's. */
enum sign { SAME, BORN, DIED, CHANGED };

static enum sign sign_of(const struct diff_account *d, bool same)
{
    const struct vm_seen_account *a = &d->seen;
    if (nothing(a->balance_before, a->nonce_before, &a->code_before))
        return nothing(a->balance_after, a->nonce_after, &a->code_after) ? SAME : BORN;
    if (nothing(a->balance_after, a->nonce_after, &a->code_after))
        return DIED;
    return same ? SAME : CHANGED;
}

/* Opens what stands before the one value or the first of two. */
static void sign_open(struct json_out *j, enum sign s)
{
    json_obj(j);
    json_key(j, s == BORN ? "+" : s == DIED ? "-" : "*");
    if (s == CHANGED) {
        json_obj(j);
        json_key(j, "from");
    }
}

static void sign_close(struct json_out *j, enum sign s)
{
    if (s == CHANGED)
        json_obj_end(j);
    json_obj_end(j);
}

static void put_number(struct json_out *j, const char *key, enum sign s, u256 before,
                       u256 after)
{
    json_key(j, key);
    if (s == SAME) {
        json_str(j, "=");
        return;
    }
    sign_open(j, s);
    json_hex_u256(j, s == BORN ? after : before);
    if (s == CHANGED)
        json_kv_hex_u256(j, "to", after);
    sign_close(j, s);
}

static slice code_of(struct trace *t, const hash32 *hash)
{
    const struct vm_reader *r = block_exec_reader(t->be);
    slice code = {0};
    if (hash32_eq(hash, &KECCAK_EMPTY))
        return code;
    mt_err err = r->code(r->ctx, hash, &code);
    if (err != MT_OK)
        trace_fail(t, err);
    return code;
}

static void put_code(struct trace *t, struct json_out *j, enum sign s,
                     const struct vm_seen_account *a)
{
    json_key(j, "code");
    if (s == SAME) {
        json_str(j, "=");
        return;
    }
    slice before = code_of(t, &a->code_before), after = code_of(t, &a->code_after);
    sign_open(j, s);
    slice first = s == BORN ? after : before;
    json_hex(j, first.ptr, first.len);
    if (s == CHANGED)
        json_kv_hex(j, "to", after.ptr, after.len);
    sign_close(j, s);
}

static int slot_order(const void *a, const void *b)
{
    const struct diff_slot *const *x = a, *const *y = b;
    return memcmp((*x)->key.b, (*y)->key.b, 32);
}

static void put_slots(struct trace *t, struct json_out *j, const struct diff_account *d)
{
    struct diff_slot **list = arena_zalloc(t->arena, d->slot_num + 1, sizeof(*list));
    size_t n = 0;
    enum sign s = sign_of(d, false);
    if (s == SAME) /* storage is all it has */
        s = CHANGED;
    if (list == NULL) {
        trace_fail(t, MT_ELIMIT);
        return;
    }
    for (struct diff_slot *x = d->slots; x != NULL; x = x->next)
        list[n++] = x;
    qsort(list, n, sizeof(struct diff_slot *), slot_order);
    json_key(j, "storage");
    json_obj(j);
    for (size_t i = 0; i < n; i++) {
        hash32 before = u256_to_hash(list[i]->before);
        hash32 after = u256_to_hash(list[i]->after);
        json_key(j, hash32_text(&list[i]->key).s);
        sign_open(j, s);
        json_hash(j, s == BORN ? &after : &before);
        if (s == CHANGED)
            json_kv_hash(j, "to", &after);
        sign_close(j, s);
    }
    json_obj_end(j);
}

static bool differs(const struct diff_account *d)
{
    const struct vm_seen_account *a = &d->seen;
    return d->slot_num > 0 ||
           (d->told && (!u256_eq(a->balance_before, a->balance_after) ||
                        a->nonce_before != a->nonce_after ||
                        !hash32_eq(&a->code_before, &a->code_after)));
}

static void put_account(struct trace *t, struct json_out *j, const struct diff_account *d)
{
    const struct vm_seen_account *a = &d->seen;
    json_key(j, address_text(&a->addr).s);
    json_obj(j);
    put_number(j, "balance", sign_of(d, u256_eq(a->balance_before, a->balance_after)),
               a->balance_before, a->balance_after);
    put_code(t, j, sign_of(d, hash32_eq(&a->code_before, &a->code_after)), a);
    put_number(j, "nonce", sign_of(d, a->nonce_before == a->nonce_after),
               u256_from(a->nonce_before), u256_from(a->nonce_after));
    put_slots(t, j, d);
    json_obj_end(j);
}

static int account_order(const void *a, const void *b)
{
    const struct diff_account *const *x = a, *const *y = b;
    return memcmp((*x)->seen.addr.b, (*y)->seen.addr.b, 20);
}

void diff_write(struct trace *t, struct json_out *j)
{
    struct vm_seen to = {take_account, take_slot, t};
    uint32_t it = 0;
    size_t n = 0;
    void *value;
    map_init(&t->accounts, t->arena, 20, sizeof(void *), 1u << 20, t->c->start_ns);
    mt_err err = vm_state_seen(block_exec_state(t->be), &to);
    struct diff_account **list =
        arena_zalloc(t->arena, map_count(&t->accounts) + 1u, sizeof(*list));
    if (err != MT_OK || list == NULL) {
        trace_fail(t, err != MT_OK ? err : MT_ELIMIT);
        return;
    }
    while (map_next(&t->accounts, &it, NULL, &value)) {
        struct diff_account *d = *(struct diff_account **)value;
        if (differs(d))
            list[n++] = d;
    }
    qsort(list, n, sizeof(struct diff_account *), account_order);
    json_obj(j);
    for (size_t i = 0; i < n && buf_ok(j->buf); i++)
        put_account(t, j, list[i]);
    json_obj_end(j);
}
