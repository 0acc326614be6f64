/* eth_createAccessList: the accounts and slots that a call touches and whose listing
 * changes what it costs. A list changes the gas, and gas may change the way a call takes,
 * so the call is run with the list it gave until that stays the same.
 *
 * What is warm anyway is not named: sender, recipient, precompiles, authorities; slots
 * of them are. Accounts are heard of through the operands of instructions, as geth does
 * it, also in calls that are reverted. */
#include "rpc_int.h"

#define ROUNDS_MAX 64u
#define SEEN_MAX   (1u << 18) /* accounts, and slots; then -32005 */

struct seen_slot {
    address addr;
    hash32 slot;
};

struct seen_account {
    uint32_t order; /* of first sight */
    uint32_t slot_num;
};

struct acl {
    struct call *c;
    struct call_env *env;
    struct tx tx;
    struct map accounts; /* address -> struct seen_account */
    struct map slots;    /* struct seen_slot -> nothing, in order of first sight */
    struct map excluded; /* address -> nothing */
    bool full;           /* a map is: memory */
    bool grew;           /* in this round */
};

/* ---- what is seen ---- */

/* NULL when memory is exhausted. */
static struct seen_account *see_account(struct acl *l, const address *addr)
{
    bool fresh;
    uint32_t order = map_count(&l->accounts);
    struct seen_account *a = map_put(&l->accounts, addr, &fresh);
    l->full = l->full || a == NULL;
    if (a != NULL && fresh) {
        a->order = order;
        l->grew = true;
    }
    return a;
}

static void see_slot(struct acl *l, const address *addr, const hash32 *slot)
{
    struct seen_slot key = {*addr, *slot};
    bool fresh = false;
    struct seen_account *a = see_account(l, addr);
    if (a == NULL)
        return;
    l->full = l->full || map_put(&l->slots, &key, &fresh) == NULL;
    a->slot_num += fresh;
    l->grew = l->grew || fresh;
}

static address address_of_word(u256 word)
{
    uint8_t be[32];
    address a;
    u256_store_be(word, be);
    memcpy(a.b, be + 12, 20);
    return a;
}

/* Which operand of an instruction, from the top, names an account; -1: none. */
static int account_operand(uint8_t op)
{
    switch (op) {
    case 0x31: /* BALANCE */
    case 0x3b: /* EXTCODESIZE */
    case 0x3c: /* EXTCODECOPY */
    case 0x3f: /* EXTCODEHASH */
    case 0xff: /* SELFDESTRUCT */
        return 0;
    case 0xf1: /* CALL */
    case 0xf2: /* CALLCODE */
    case 0xf4: /* DELEGATECALL */
    case 0xfa: /* STATICCALL */
        return 1;
    default:
        return -1;
    }
}

static void on_step(void *ctx, const struct vm_step_view *v)
{
    struct acl *l = ctx;
    int at = account_operand(v->op);
    if ((v->op == 0x54 || v->op == 0x55) && v->stack_num >= 1) { /* SLOAD, SSTORE */
        hash32 slot = u256_to_hash(v->stack[v->stack_num - 1]);
        see_slot(l, &v->msg->to, &slot);
    } else if (at >= 0 && v->stack_num >= (at == 0 ? 1u : 5u)) {
        address a = address_of_word(v->stack[v->stack_num - 1 - (size_t)at]);
        if (map_get(&l->excluded, &a) == NULL)
            see_account(l, &a);
    }
}

/* ---- the list ---- */

static bool make_list(struct acl *l)
{
    struct arena *arena = l->c->arena;
    size_t n = map_count(&l->accounts), at = 0;
    struct access_entry *list = arena_zalloc(arena, n + 1, sizeof(*list));
    hash32 **end = arena_zalloc(arena, n + 1, sizeof(hash32 *));
    hash32 *all = arena_zalloc(arena, map_count(&l->slots) + 1, sizeof(*all));
    uint32_t it = 0;
    const void *key;
    void *value;
    if (list == NULL || end == NULL || all == NULL)
        return false;
    while (map_next(&l->accounts, &it, &key, &value)) { /* in order of first sight */
        const struct seen_account *a = value;
        memcpy(list[a->order].addr.b, key, 20);
        list[a->order].slots = end[a->order] = all + at;
        list[a->order].slot_num = a->slot_num;
        at += a->slot_num;
    }
    it = 0;
    while (map_next(&l->slots, &it, &key, NULL)) {
        const struct seen_slot *s = key;
        const struct seen_account *a = map_get(&l->accounts, &s->addr);
        *end[a->order]++ = s->slot;
    }
    l->tx.access_list = list;
    l->tx.access_num = n;
    return true;
}

static void exclude(struct acl *l, const address *a)
{
    l->full = l->full || map_put(&l->excluded, a, NULL) == NULL;
}

static void exclude_warm(struct acl *l, uint64_t nonce)
{
    address a = l->tx.has_to ? l->tx.to : vm_create_address(&l->tx.from, nonce);
    exclude(l, &l->tx.from);
    exclude(l, &a);
    for (unsigned i = 0; vm_precompile_next(&l->env->rules, &i, &a);)
        exclude(l, &a);
    for (size_t i = 0; i < l->tx.auth_num; i++)
        if (auth_recover(&l->tx.auths[i], crypto_native(), &a) == MT_OK)
            exclude(l, &a);
}

/* What the caller gave is where it begins. */
static void take_given(struct acl *l)
{
    for (size_t i = 0; i < l->tx.access_num; i++) {
        const struct access_entry *e = &l->tx.access_list[i];
        see_account(l, &e->addr);
        for (size_t k = 0; k < e->slot_num; k++)
            see_slot(l, &e->addr, &e->slots[k]);
    }
}

/* ---- running ---- */

static enum call_status put_list(struct acl *l, const struct tx_outcome *o)
{
    struct json_out *j = &l->c->out;
    char text[REVERT_TEXT_MAX];
    json_obj(j);
    json_key(j, "accessList");
    wire_access_list(j, l->tx.access_list, l->tx.access_num);
    if (o->halt == VM_REVERT)
        revert_text(o->output, text);
    if (o->halt != VM_SUCCESS)
        json_kv_str(j, "error", o->halt == VM_REVERT ? text : vm_halt_text(o->halt));
    json_kv_hex_u64(j, "gasUsed", o->gas_used);
    json_obj_end(j);
    return CALL_DONE;
}

static enum call_status find_list(struct acl *l)
{
    struct call *c = l->c;
    struct vm_tracer tracer = {.step = on_step, .ctx = l};
    for (unsigned i = 0; i < ROUNDS_MAX; i++) {
        struct tx_outcome o;
        struct mt_diag diag = {0};
        if (l->full || !make_list(l))
            return call_error(c, MT_ELIMIT, NULL);
        l->grew = false;
        mt_err err = call_env_run(c, l->env, &l->tx, &tracer, &o, &diag);
        if (err != MT_OK)
            return call_run_failed(c, err, &l->tx, &o, &diag);
        if (!l->grew)
            return put_list(l, &o);
    }
    return call_fail(c, RPC_LIMIT, "the list still grows after %u runs", ROUNDS_MAX);
}

static enum call_status begin(struct acl *l, struct call_tx *t)
{
    struct call *c = l->c;
    const struct vm_reader *r = l->env->reader;
    struct account a;
    bool exists;
    call_cap_gas(c, t);
    mt_err err = r->account(r->ctx, &t->tx.from, &a, &exists);
    if (err != MT_OK)
        return call_error(c, err, NULL);
    l->tx = t->tx;
    l->tx.type = MT_MAX(l->tx.type, TX_ACCESS_LIST);
    map_init(&l->accounts, c->arena, sizeof(address), sizeof(struct seen_account),
             SEEN_MAX, c->start_ns);
    map_init(&l->slots, c->arena, sizeof(struct seen_slot), 1, SEEN_MAX, c->start_ns);
    map_init(&l->excluded, c->arena, sizeof(address), 1, SEEN_MAX, c->start_ns);
    take_given(l);
    exclude_warm(l, t->has_nonce ? t->tx.nonce : a.nonce);
    return find_list(l);
}

enum call_status m_create_access_list(struct call *c)
{
    struct call_tx t;
    struct block_arg at;
    struct chain_state *s = NULL;
    struct call_env env = {0};
    struct acl l = {.c = c, .env = &env};
    if (!args_num(c, 1, 4) || !arg_tx(c, 0, &t) || !arg_block(c, 1, true, &at))
        return CALL_DONE;
    enum call_status st = call_state(c, &at, &s);
    if (s == NULL || !call_env_open(c, s, 2, arg(c, 2), arg(c, 3), &env))
        return st;
    return begin(&l, &t);
}
