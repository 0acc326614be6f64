/* anvil_dealERC20, anvil_setERC20Allowance: a balance or an allowance of a token by
 * decree. Tokens keep them in a mapping whose slot nobody tells, so the token is asked:
 * balanceOf, or allowance, is run and the slots it loads are noted; the one that, set to
 * the wanted value and to another, makes the token answer exactly these is it. Found on a
 * reader; then the slot is set like any other. */
#include "dev_int.h"

#define SLOTS_SEEN_MAX 64u
#define INPUT_MAX      68u

struct seen {
    address addr;
    hash32 slot;
};

struct probe {
    struct call *c;
    struct chain_state *state;
    struct tx tx;
    struct seen seen[SLOTS_SEEN_MAX];
    size_t num;
};

/* What the reader found, for the loop. */
struct found {
    struct seen at;
    u256 value;
};

static void on_step(void *ctx, const struct vm_step_view *v)
{
    struct probe *p = ctx;
    if (v->op != 0x54 || v->stack_num < 1 || p->num == SLOTS_SEEN_MAX) /* SLOAD */
        return;
    struct seen s = {v->msg->to, u256_to_hash(v->stack[v->stack_num - 1])};
    for (size_t i = 0; i < p->num; i++)
        if (address_eq(&p->seen[i].addr, &s.addr) && hash32_eq(&p->seen[i].slot, &s.slot))
            return;
    p->seen[p->num++] = s;
}

/* The token's answer, with a slot changed where at is not NULL. MT_EINVAL: it gave none,
 * *out is zero. */
static mt_err ask(struct probe *p, const struct seen *at, u256 value,
                  const struct vm_tracer *tracer, u256 *out)
{
    struct call *c = p->c;
    struct call_env env = {0};
    struct tx_outcome o;
    struct slot_change slot = {.value = value};
    struct account_change a = {.slots = &slot, .slot_num = 1};
    struct account now;
    bool exists;
    *out = U256_ZERO;
    if (!call_env_open(c, p->state, 0, NULL, NULL, &env))
        return MT_EINVAL;
    if (at != NULL) {
        MT_TRY(env.reader->account(env.reader->ctx, &at->addr, &now, &exists));
        a.addr = at->addr;
        a.nonce = now.nonce;
        a.balance = now.balance;
        a.code_hash = now.code_hash;
        slot.slot = at->slot;
        env.overrides.patch = (struct state_delta){&a, 1};
    }
    struct arena_mark mark = arena_mark(c->arena);
    mt_err err = call_env_run(c, &env, &p->tx, tracer, &o, NULL);
    bool answered = err == MT_OK && o.halt == VM_SUCCESS && o.output.len >= 32;
    if (answered)
        *out = u256_load_be(o.output.ptr);
    arena_rewind(c->arena, mark);
    return err != MT_OK || answered ? err : MT_EINVAL;
}

/* The slot decides the answer. */
static mt_err decides(struct probe *p, const struct seen *at, u256 value, bool *yes)
{
    u256 one, other, flipped = u256_xor(value, U256_ONE);
    mt_err err = ask(p, at, value, NULL, &one);
    if (err == MT_OK && u256_eq(one, value))
        err = ask(p, at, flipped, NULL, &other);
    else
        other = value;
    *yes = err == MT_OK && u256_eq(one, value) && u256_eq(other, flipped);
    return err == MT_EINVAL ? MT_OK : err;
}

static enum call_status find(struct probe *p, u256 value)
{
    struct call *c = p->c;
    const struct vm_tracer tracer = {.step = on_step, .ctx = p};
    u256 now;
    mt_err err = ask(p, NULL, U256_ZERO, &tracer, &now);
    bool yes = false;
    size_t i = 0;
    for (; err == MT_OK && i < p->num && !yes; i++)
        err = decides(p, &p->seen[i], value, &yes);
    if (c->failed)
        return CALL_DONE;
    if (err != MT_OK && err != MT_EINVAL)
        return call_error(c, err, NULL);
    if (!yes)
        return call_fail(c, RPC_SERVER,
                         "no slot of the token was found that holds this value alone");
    struct found *f = c->handoff = mt_alloc(sizeof(*f));
    *f = (struct found){p->seen[i - 1], value};
    json_nil(&c->out); /* replaced by the next stage */
    return CALL_DONE;
}

static enum call_status set_found(struct call *c)
{
    const struct found *f = c->handoff;
    return dev_set_slot(c, &f->at.addr, &f->at.slot, f->value);
}

/* selector and addresses, the token among the parameters, the value last. */
static enum call_status set_token(struct call *c, uint32_t selector, size_t addr_num)
{
    struct probe p = {.c = c};
    struct mt_diag diag = {0};
    uint8_t input[INPUT_MAX] = {0};
    u256 value;
    if (!dev_can_build(c) || !args_num(c, addr_num + 2, addr_num + 2) ||
        !arg_address(c, addr_num, &p.tx.to) || !dev_arg_u256(c, addr_num + 1, &value))
        return CALL_DONE;
    store_be32(input, selector);
    for (size_t i = 0; i < addr_num; i++) {
        address a;
        if (!arg_address(c, i, &a))
            return CALL_DONE;
        memcpy(input + 4 + 32 * i + 12, a.b, 20);
    }
    p.tx.has_to = p.tx.has_from = true;
    p.tx.gas = call_gas_cap(c);
    p.tx.data = slice_of(input, 4 + 32 * addr_num);
    mt_err err = chain_state_open(c->rpc->opt.chain, METISDB_LATEST, &c->state, &diag);
    if (err != MT_OK)
        return call_error(c, err, &diag);
    c->has_state = true;
    p.state = &c->state;
    c->after = set_found;
    return find(&p, value);
}

enum call_status m_dev_deal_erc20(struct call *c)
{
    return set_token(c, 0x70a08231, 1); /* balanceOf(address) */
}

enum call_status m_dev_set_allowance(struct call *c)
{
    return set_token(c, 0xdd62ed3e, 2); /* allowance(address,address) */
}
