/* Filling and signing without sending: eth_fillTransaction makes a whole transaction of
 * what the caller left open, eth_signTransaction signs it too, eth_signTypedData_v4 signs
 * structured data (EIP-712). Keys are those of the unlocked accounts. */
#include "rpc_int.h"

/* ---- transactions ---- */

static void put_filled(struct call *c, struct tx *tx)
{
    struct buf raw;
    buf_init_arena(&raw, c->arena, c->rpc->opt.body_max);
    tx_encode(tx, &raw);
    if (!buf_ok(&raw)) {
        call_error(c, MT_ELIMIT, NULL);
        return;
    }
    tx->hash = keccak256(raw.ptr, raw.len);
    json_obj(&c->out);
    json_kv_hex(&c->out, "raw", raw.ptr, raw.len);
    json_key(&c->out, "tx");
    wire_tx(&c->out, tx, NULL, 0);
    json_obj_end(&c->out);
}

/* All is known: on the loop. */
static enum call_status finish(struct call *c, struct call_tx *t)
{
    struct tx *tx = &t->tx;
    if (!send_fill(c, t))
        return CALL_DONE;
    if (c->method->run == m_fill_tx)
        put_filled(c, tx);
    else if (send_sign(c, tx))
        json_hex(&c->out, tx->raw.ptr, tx->raw.len);
    return CALL_DONE;
}

static enum call_status after_estimate(struct call *c)
{
    struct call_tx t;
    if (!send_read(c, &t))
        return CALL_DONE;
    t.tx.gas = c->gas;
    return finish(c, &t);
}

static enum call_status fill(struct call *c, struct call_tx *t)
{
    struct block_arg at = {.kind = BLOCK_PENDING,
                           .number = c->view->head->block.header.number};
    struct chain_state *s = NULL;
    if (!c->on_reader) {
        if (t->has_gas)
            return finish(c, t);
        c->after = after_estimate;
        return CALL_TO_READER;
    }
    call_state(c, &at, &s);
    if (s != NULL && estimate_gas(c, t, s, NULL, NULL, &c->gas))
        json_nil(&c->out); /* replaced by the second stage */
    return CALL_DONE;
}

enum call_status m_fill_tx(struct call *c)
{
    struct call_tx t;
    return send_read(c, &t) ? fill(c, &t) : CALL_DONE;
}

enum call_status m_sign_tx(struct call *c)
{
    struct call_tx t;
    if (!send_read(c, &t))
        return CALL_DONE;
    if (send_account(c->rpc, &t.tx.from) == NULL)
        return call_fail(c, RPC_SERVER, "unknown account");
    return fill(c, &t);
}

/* ---- data ---- */

enum call_status m_sign_typed_data(struct call *c)
{
    address addr;
    hash32 digest;
    sig s;
    uint8_t out[65];
    struct mt_diag diag = {0};
    const json_t *data = arg(c, 1);
    json_t *parsed = NULL;
    if (!args_num(c, 2, 2) || !arg_address(c, 0, &addr))
        return CALL_DONE;
    const struct rpc_account *account = send_account(c->rpc, &addr);
    if (account == NULL)
        return call_fail(c, RPC_SERVER, "unknown account");
    if (json_is_string(data)) { /* wallets send it as text too */
        slice text = slice_of(json_string_value(data), json_string_length(data));
        mt_err err =
            json_parse(text, c->rpc->opt.body_max, TYPED_DEPTH_MAX, &parsed, &diag);
        if (err != MT_OK)
            return call_fail(c, RPC_PARAMS, "invalid argument 1: %s", diag.text);
        data = parsed;
    }
    mt_err err = typed_data_digest(data, c->arena, &digest, &diag);
    if (err == MT_OK)
        err = secp_sign(&digest, &account->key, &s);
    json_free(parsed);
    if (err != MT_OK)
        return call_error(c, err, &diag);
    memcpy(out, s.r.b, 32);
    memcpy(out + 32, s.s.b, 32);
    out[64] = (uint8_t)(27 + s.y_parity);
    json_hex(&c->out, out, sizeof(out));
    return CALL_DONE;
}
