/* prestateTracer: what of the state a transaction needed, as it was before it; with
 * diffMode what it changed, before and after. Named are the accounts that instructions
 * name; values come from under the running transaction, whose changes reach the overlay
 * only at its end. */
#include "trace_int.h"
#include <stdlib.h>

struct trace_slot {
    struct trace_slot *next;
    hash32 key;
    u256 before, after;
};

struct trace_account {
    struct trace_account *next;
    address addr;
    struct account before, after;
    slice code, code_after;
    bool empty, created, deleted;
    struct trace_slot *slots;
    size_t slot_num;
};

static bool reads(struct trace *t, mt_err err)
{
    if (err != MT_OK)
        trace_fail(t, err);
    return err == MT_OK;
}

static struct trace_account *look_up(struct trace *t, const address *addr)
{
    const struct vm_reader *r = block_exec_reader(t->be);
    struct trace_account **at = map_put(&t->accounts, addr, NULL);
    bool exists;
    if (at != NULL && *at != NULL)
        return *at;
    struct trace_account *a = arena_zalloc(t->arena, 1, sizeof(*a));
    if (at == NULL || a == NULL) {
        trace_fail(t, MT_ELIMIT);
        return NULL;
    }
    *at = a;
    a->addr = *addr;
    a->before = account_empty();
    if (!reads(t, r->account(r->ctx, addr, &a->before, &exists)))
        return NULL;
    if (!hash32_eq(&a->before.code_hash, &KECCAK_EMPTY) &&
        !reads(t, r->code(r->ctx, &a->before.code_hash, &a->code)))
        return NULL;
    a->empty =
        a->before.nonce == 0 && u256_is_zero(a->before.balance) && a->code.len == 0;
    return a;
}

static void look_up_slot(struct trace *t, const address *addr, const hash32 *key)
{
    const struct vm_reader *r = block_exec_reader(t->be);
    struct trace_account *a = look_up(t, addr);
    uint8_t name[52];
    memcpy(name, addr->b, 20);
    memcpy(name + 20, key->b, 32);
    if (a == NULL || t->opt->no_storage || map_get(&t->slots, name) != NULL)
        return;
    struct trace_slot *s = arena_zalloc(t->arena, 1, sizeof(*s));
    struct trace_slot **at = map_put(&t->slots, name, NULL);
    if (s == NULL || at == NULL) {
        trace_fail(t, MT_ELIMIT);
        return;
    }
    *at = s;
    s->key = *key;
    s->next = a->slots;
    a->slots = s;
    a->slot_num++;
    reads(t, r->storage(r->ctx, addr, key, &s->before));
}

/* A callee, and what it delegates to (EIP-7702). */
static void look_up_callee(struct trace *t, const address *addr)
{
    address target;
    const struct trace_account *a = look_up(t, addr);
    if (a != NULL && t->rules->fork >= FORK_PRAGUE && vm_delegation(a->code, &target))
        look_up(t, &target);
}

void prestate_begin(struct trace *t, const struct header *h)
{
    const struct tx *tx = t->tx;
    address a;
    map_init(&t->accounts, t->arena, 20, sizeof(void *), 1u << 20, t->c->start_ns);
    map_init(&t->slots, t->arena, 52, sizeof(void *), 1u << 22, t->c->start_ns);
    const struct trace_account *from = look_up(t, &tx->from);
    if (from == NULL)
        return;
    a = tx->has_to ? tx->to : vm_create_address(&tx->from, from->before.nonce);
    look_up_callee(t, &a);
    look_up(t, &h->coinbase);
    for (size_t i = 0; i < tx->auth_num; i++)
        if (auth_recover(&tx->auths[i], crypto_native(), &a) == MT_OK)
            look_up(t, &a);
}

void prestate_created(struct trace *t, const struct vm_msg *msg)
{
    struct trace_account *a;
    if (t->err == MT_OK && (msg->kind == VM_CREATE || msg->kind == VM_CREATE2) &&
        (a = look_up(t, &msg->to)) != NULL)
        a->created = true;
}

void prestate_step(struct trace *t, const struct vm_step_view *v)
{
    prestate_flush(t);
    switch (v->op) {
    case 0x31: /* BALANCE */
    case 0x3b: /* EXTCODESIZE */
    case 0x3c: /* EXTCODECOPY */
    case 0x3f: /* EXTCODEHASH */
    case 0x54: /* SLOAD */
    case 0x55: /* SSTORE */
    case 0xff: /* SELFDESTRUCT */
        t->operand_num = 1;
        break;
    case 0xf1: /* CALL */
    case 0xf2: /* CALLCODE */
    case 0xf4: /* DELEGATECALL */
    case 0xfa: /* STATICCALL */
        t->operand_num = 2;
        break;
    default:
        return;
    }
    if (v->stack_num < t->operand_num)
        return;
    t->pending = true;
    t->op = v->op;
    t->self = v->msg->to;
    t->operand = v->stack[v->stack_num - t->operand_num];
}

void prestate_flush(struct trace *t)
{
    if (!t->pending || t->err != MT_OK)
        return;
    t->pending = false;
    hash32 key = u256_to_hash(t->operand);
    address addr = u256_to_address(t->operand);
    struct trace_account *a;
    if (t->op == 0x54 || t->op == 0x55) {
        look_up_slot(t, &t->self, &key);
    } else if (t->operand_num == 2) {
        look_up_callee(t, &addr);
    } else {
        look_up(t, &addr);
        /* EIP-6780: only what this transaction made goes away */
        if (t->op == 0xff && (a = look_up(t, &t->self)) != NULL)
            a->deleted = t->rules->fork < FORK_CANCUN || a->created;
    }
}

/* ---- the result ---- */

static int account_order(const void *a, const void *b)
{
    return address_cmp(&(*(struct trace_account *const *)a)->addr,
                       &(*(struct trace_account *const *)b)->addr);
}

static int slot_order(const void *a, const void *b)
{
    return hash32_cmp(&(*(struct trace_slot *const *)a)->key,
                      &(*(struct trace_slot *const *)b)->key);
}

/* The slots of an account, ascending. */
static struct trace_slot **sorted_slots(struct trace *t, const struct trace_account *a)
{
    size_t n = 0;
    struct trace_slot **list = arena_zalloc(t->arena, a->slot_num + 1, sizeof(*list));
    if (list == NULL) {
        trace_fail(t, MT_ELIMIT);
        return NULL;
    }
    for (struct trace_slot *s = a->slots; s != NULL; s = s->next)
        list[n++] = s;
    qsort(list, n, sizeof(struct trace_slot *), slot_order);
    return list;
}

static struct trace_account **sorted_accounts(struct trace *t, size_t *num)
{
    void *value;
    uint32_t it = 0;
    size_t n = 0;
    struct trace_account **list =
        arena_zalloc(t->arena, map_count(&t->accounts) + 1u, sizeof(*list));
    if (list == NULL) {
        trace_fail(t, MT_ELIMIT);
        return NULL;
    }
    while (map_next(&t->accounts, &it, NULL, &value))
        list[n++] = *(struct trace_account **)value;
    qsort(list, n, sizeof(struct trace_account *), account_order);
    *num = n;
    return list;
}

/* The member "storage", if any slot belongs there: values before or after; changed: of
 * the slots that changed, those with a value. */
static void put_storage(struct trace *t, struct json_out *j,
                        const struct trace_account *a, bool after, bool changed)
{
    struct trace_slot **slots = sorted_slots(t, a);
    bool any = false;
    for (size_t i = 0; slots != NULL && i < a->slot_num; i++) {
        const struct trace_slot *s = slots[i];
        u256 value = after ? s->after : s->before;
        hash32 word = u256_to_hash(value);
        if (changed && (u256_is_zero(value) || u256_eq(s->before, s->after)))
            continue;
        if (!any) {
            json_key(j, "storage");
            json_obj(j);
        }
        any = true;
        json_kv_hash(j, hash32_text(&s->key).s, &word);
    }
    if (any)
        json_obj_end(j);
}

/* All of an account before; diff: of its slots those that changed and were not empty. */
static void put_before(struct trace *t, struct json_out *j, const struct trace_account *a,
                       bool diff)
{
    json_key(j, address_text(&a->addr).s);
    json_obj(j);
    json_kv_hex_u256(j, "balance", a->before.balance);
    if (!t->opt->no_code && a->code.len > 0)
        json_kv_hex(j, "code", a->code.ptr, a->code.len);
    if (!hash32_eq(&a->before.code_hash, &KECCAK_EMPTY))
        json_kv_hash(j, "codeHash", &a->before.code_hash);
    if (a->before.nonce != 0)
        json_kv_u64(j, "nonce", a->before.nonce);
    put_storage(t, j, a, false, diff && !a->deleted);
    json_obj_end(j);
}

static void put_after(struct trace *t, struct json_out *j, const struct trace_account *a)
{
    static const hash32 none = {{0}};
    bool code = !hash32_eq(&a->before.code_hash, &a->after.code_hash);
    json_key(j, address_text(&a->addr).s);
    json_obj(j);
    if (!u256_eq(a->before.balance, a->after.balance))
        json_kv_hex_u256(j, "balance", a->after.balance);
    if (code && !t->opt->no_code && a->code_after.len > 0)
        json_kv_hex(j, "code", a->code_after.ptr, a->code_after.len);
    if (code) {
        bool gone = hash32_eq(&a->after.code_hash, &KECCAK_EMPTY);
        json_kv_hash(j, "codeHash", gone ? &none : &a->after.code_hash);
    }
    if (a->before.nonce != a->after.nonce && a->after.nonce != 0)
        json_kv_u64(j, "nonce", a->after.nonce);
    put_storage(t, j, a, true, true);
    json_obj_end(j);
}

/* Reads the account as it is now; true when something is different. */
static bool compare(struct trace *t, struct trace_account *a)
{
    const struct vm_reader *r = block_exec_reader(t->be);
    bool exists, changed;
    a->after = account_empty();
    if (!reads(t, r->account(r->ctx, &a->addr, &a->after, &exists)))
        return false;
    if (!hash32_eq(&a->after.code_hash, &KECCAK_EMPTY) &&
        !reads(t, r->code(r->ctx, &a->after.code_hash, &a->code_after)))
        return false;
    changed = !u256_eq(a->before.balance, a->after.balance) ||
              a->before.nonce != a->after.nonce ||
              !hash32_eq(&a->before.code_hash, &a->after.code_hash);
    for (struct trace_slot *s = a->slots; s != NULL; s = s->next) {
        if (!reads(t, r->storage(r->ctx, &a->addr, &s->key, &s->after)))
            return false;
        changed = changed || !u256_eq(s->before, s->after);
    }
    return changed;
}

static void put_diff(struct trace *t, struct json_out *j, struct trace_account **list,
                     size_t num)
{
    bool *changed = arena_zalloc(t->arena, num + 1, sizeof(*changed));
    if (changed == NULL) {
        trace_fail(t, MT_ELIMIT);
        return;
    }
    json_obj(j);
    json_key(j, "post");
    json_obj(j);
    for (size_t i = 0; i < num && t->err == MT_OK; i++) {
        changed[i] = !list[i]->deleted && compare(t, list[i]);
        if (changed[i])
            put_after(t, j, list[i]);
    }
    json_obj_end(j);
    json_key(j, "pre");
    json_obj(j);
    for (size_t i = 0; i < num && t->err == MT_OK; i++)
        if ((changed[i] || list[i]->deleted) && !list[i]->empty)
            put_before(t, j, list[i], true);
    json_obj_end(j);
    json_obj_end(j);
}

void prestate_write(struct trace *t, struct json_out *j)
{
    size_t num = 0;
    struct trace_account **list = sorted_accounts(t, &num);
    if (list == NULL)
        return;
    if (t->opt->diff) {
        put_diff(t, j, list, num);
        return;
    }
    json_obj(j);
    for (size_t i = 0; i < num && t->err == MT_OK; i++)
        if (!list[i]->empty || t->opt->include_empty)
            put_before(t, j, list[i], false);
    json_obj_end(j);
}
