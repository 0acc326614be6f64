/* Transactions in: signed ones to the pool, and those of accounts that this node may
 * use. */
#include "rpc_int.h"

static enum call_status put_verdict(struct call *c, const struct pool_verdict *v)
{
    if (v->reason == POOL_OK)
        json_hash(&c->out, &v->hash);
    else if (v->reason == POOL_BUSY)
        call_fail(c, RPC_LIMIT, "%s", v->text);
    else
        call_fail(c, RPC_SERVER, "%s", v->text);
    return CALL_DONE;
}

static void submitted(void *ctx, const struct pool_verdict *v)
{
    struct call *c = ctx;
    put_verdict(c, v);
    call_finish(c);
}

/* ---- to the pool and on to the followed node ---- */

struct sending {
    struct rpc *rpc;
    pool_done_fn *done;
    void *ctx;
    struct pool_verdict here;
    size_t len;
    uint8_t raw[];
};

/* The followed node's word is final: what it refuses leaves this pool too, unless it
 * was here before. */
static void forwarded(void *ctx, const struct pool_verdict *v)
{
    struct sending *s = ctx;
    struct pool_verdict all = *v;
    all.hash = s->here.hash;
    if (v->reason != POOL_OK && s->here.reason == POOL_OK)
        pool_remove(s->rpc->opt.pool, &all.hash, POOL_UPSTREAM, TX_OK);
    s->done(s->ctx, &all);
    mt_free(s);
}

/* One that is known here is handed on again: the followed node may have lost it. */
static void checked(void *ctx, const struct pool_verdict *v)
{
    struct sending *s = ctx;
    if (v->reason != POOL_OK && v->reason != POOL_KNOWN) {
        s->done(s->ctx, v);
        mt_free(s);
        return;
    }
    s->here = *v;
    s->rpc->opt.forward(s->rpc->opt.forward_ctx, slice_of(s->raw, s->len), forwarded, s);
}

static struct sending *sending_new(struct rpc *r, slice raw, pool_done_fn *done,
                                   void *ctx)
{
    struct sending *s = mt_alloc(sizeof *s + raw.len);
    s->rpc = r;
    s->done = done;
    s->ctx = ctx;
    s->len = raw.len;
    memcpy(s->raw, raw.ptr, raw.len);
    return s;
}

void send_raw(struct rpc *r, slice raw, pool_done_fn *done, void *ctx)
{
    if (r->opt.forward == NULL)
        pool_submit(r->opt.pool, raw, clock_unix_ms(), done, ctx);
    else
        pool_submit(r->opt.pool, raw, clock_unix_ms(), checked,
                    sending_new(r, raw, done, ctx));
}

enum call_status m_send_raw(struct call *c)
{
    slice raw;
    if (!args_num(c, 1, 1) || !arg_data(c, 0, &raw))
        return CALL_DONE;
    if (raw.len == 0)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: empty transaction");
    call_later(c);
    send_raw(c->rpc, raw, submitted, c);
    return CALL_LATER;
}

/* ---- accounts of this node ---- */

const struct rpc_account *send_account(const struct rpc *r, const address *addr)
{
    for (size_t i = 0; i < r->opt.account_num; i++)
        if (address_eq(&r->opt.accounts[i].addr, addr))
            return &r->opt.accounts[i];
    return NULL;
}

enum call_status m_accounts(struct call *c)
{
    json_arr(&c->out);
    for (size_t i = 0; i < c->rpc->opt.account_num; i++)
        json_addr(&c->out, &c->rpc->opt.accounts[i].addr);
    json_arr_end(&c->out);
    return CALL_DONE;
}

static enum call_status sign_message(struct call *c, const address *addr, slice data)
{
    char prefix[64];
    sig s;
    const struct rpc_account *account = send_account(c->rpc, addr);
    if (account == NULL)
        return call_fail(c, RPC_SERVER, "unknown account");
    size_t n = mt_fmt(prefix, sizeof(prefix),
                      "\x19"
                      "Ethereum Signed Message:\n%zu",
                      data.len);
    struct keccak k;
    keccak_init(&k);
    keccak_add(&k, prefix, n);
    keccak_add(&k, data.ptr, data.len);
    hash32 digest = keccak_done(&k);
    mt_err err = secp_sign(&digest, &account->key, &s);
    if (err != MT_OK)
        return call_error(c, err, NULL);
    uint8_t out[65];
    memcpy(out, s.r.b, 32);
    memcpy(out + 32, s.s.b, 32);
    out[64] = (uint8_t)(27 + s.y_parity);
    json_hex(&c->out, out, sizeof(out));
    return CALL_DONE;
}

enum call_status m_sign(struct call *c)
{
    address addr;
    slice data;
    if (!args_num(c, 2, 2) || !arg_address(c, 0, &addr) || !arg_data(c, 1, &data))
        return CALL_DONE;
    return sign_message(c, &addr, data);
}

/* The account is unlocked, so a password is not looked at. */
enum call_status m_personal_sign(struct call *c)
{
    address addr;
    slice data;
    if (!args_num(c, 2, 3) || !arg_data(c, 0, &data) || !arg_address(c, 1, &addr))
        return CALL_DONE;
    return sign_message(c, &addr, data);
}

/* Fees that were left open: twice the base fee and the usual tip. */
static void fill_fees(struct call *c, struct call_tx *t)
{
    struct tx *tx = &t->tx;
    u256 base = c->view->next_base_fee, tip = suggest_tip(c);
    bool london = header_has_base_fee(&c->view->head->block.header);
    if (t->has_price)
        return;
    if (!t->has_fees && (!london || (t->has_type && tx->type < TX_DYNAMIC_FEE))) {
        tx->gas_price = tx->max_fee = tx->max_priority_fee = u256_add(base, tip);
        return;
    }
    if (!t->has_fees) {
        tx->max_priority_fee = tip;
        tx->max_fee = u256_add(u256_add(base, base), tip);
    }
    if (tx->type < TX_DYNAMIC_FEE)
        tx->type = TX_DYNAMIC_FEE;
}

/* Signs, or for an account without a key writes a signature that only marks the place. */
bool send_sign(struct call *c, struct tx *tx)
{
    const struct rpc_account *account = send_account(c->rpc, &tx->from);
    sig s = {.y_parity = 0};
    if (account != NULL) {
        hash32 digest = tx_signing_hash(tx);
        mt_err err = secp_sign(&digest, &account->key, &s);
        if (err != MT_OK) {
            call_error(c, err, NULL);
            return false;
        }
    } else {
        memcpy(s.r.b + 12, tx->from.b, 20);
        s.s.b[31] = 1;
    }
    tx->r = u256_from_hash(&s.r);
    tx->s = u256_from_hash(&s.s);
    tx->y_parity = s.y_parity;
    tx->v = u256_from(s.y_parity);
    if (tx->type == TX_LEGACY)
        tx->v = u256_add(u256_add(u256_from(tx->chain_id), u256_from(tx->chain_id)),
                         u256_from(35u + s.y_parity));
    struct buf raw;
    buf_init_arena(&raw, c->arena, c->rpc->opt.body_max);
    tx_encode(tx, &raw);
    if (!buf_ok(&raw)) {
        call_error(c, MT_ELIMIT, NULL);
        return false;
    }
    tx->raw = buf_slice(&raw);
    tx->hash = keccak256(raw.ptr, raw.len);
    return true;
}

bool send_fill(struct call *c, struct call_tx *t)
{
    if (!t->has_nonce) {
        mt_err err = pool_nonce(c->rpc->opt.pool, &t->tx.from, &t->tx.nonce);
        if (err != MT_OK) {
            call_error(c, err, NULL);
            return false;
        }
    }
    fill_fees(c, t);
    return !c->failed;
}

/* Ends with the receipt. */
static enum call_status add_tx_sync(struct call *c, struct tx *tx)
{
    struct pool_verdict v = {0};
    struct sync_wait *w = sync_new(c, 0);
    if (w == NULL)
        return CALL_DONE;
    pool_add(c->rpc->opt.pool, tx, clock_unix_ms(), &v);
    if (v.reason != POOL_OK || c->rpc->opt.forward == NULL)
        sync_admitted(w, &v);
    else
        checked(sending_new(c->rpc, tx->raw, sync_admitted, w), &v);
    return CALL_LATER;
}

static enum call_status add_tx(struct call *c, struct call_tx *t)
{
    struct pool_verdict v = {0};
    struct tx *tx = &t->tx;
    if (!send_fill(c, t) || !send_sign(c, tx))
        return CALL_DONE;
    if (c->method->run == m_send_tx_sync)
        return add_tx_sync(c, tx);
    pool_add(c->rpc->opt.pool, tx, clock_unix_ms(), &v);
    if (v.reason != POOL_OK || c->rpc->opt.forward == NULL)
        return put_verdict(c, &v);
    call_later(c);
    checked(sending_new(c->rpc, tx->raw, submitted, c), &v);
    return CALL_LATER;
}

/* What is signed must not depend on which of the two a client means. */
static bool one_input(struct call *c)
{
    const json_t *data = json_object_get(arg(c, 0), "data");
    const json_t *input = json_object_get(arg(c, 0), "input");
    slice a, b;
    if (!json_is_string(data) || !json_is_string(input))
        return true;
    if (!val_data(c, 0, data, &a) || !val_data(c, 0, input, &b))
        return false;
    if (!slice_eq(a, b))
        call_fail(c, RPC_SERVER,
                  "both \"data\" and \"input\" are set and not equal. Please use "
                  "\"input\" to pass transaction call data");
    return !c->failed;
}

bool send_read(struct call *c, struct call_tx *t)
{
    const struct rpc *r = c->rpc;
    if (!args_num(c, 1, 1) || !arg_tx(c, 0, t) || !one_input(c))
        return false;
    const json_t *from = json_object_get(arg(c, 0), "from");
    if (from != NULL && !json_is_null(from))
        return true;
    if (r->dev == NULL || r->opt.account_num == 0) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: from missing");
        return false;
    }
    t->tx.from = r->opt.accounts[0].addr; /* as anvil does */
    return true;
}

static enum call_status after_estimate(struct call *c)
{
    struct call_tx t;
    if (!send_read(c, &t))
        return CALL_DONE;
    t.tx.gas = c->gas;
    return add_tx(c, &t);
}

enum call_status m_send_tx(struct call *c)
{
    struct call_tx t;
    struct block_arg at;
    struct chain_state *s = NULL;
    if (!send_read(c, &t))
        return CALL_DONE;
    if (!c->on_reader) {
        if (send_account(c->rpc, &t.tx.from) == NULL &&
            !dev_impersonates(c->rpc, &t.tx.from))
            return call_fail(c, RPC_SERVER, "unknown account");
        if (t.has_gas)
            return add_tx(c, &t);
        c->after = after_estimate;
        return CALL_TO_READER;
    }
    if (!arg_block(c, 1, true, &at))
        return CALL_DONE;
    call_state(c, &at, &s);
    if (s != NULL && estimate_gas(c, &t, s, NULL, NULL, &c->gas))
        json_nil(&c->out); /* replaced by the second stage */
    return CALL_DONE;
}

enum call_status m_send_tx_sync(struct call *c)
{
    return m_send_tx(c);
}
