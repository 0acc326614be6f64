/* net, web3, rpc, txpool, and other small things. */
#include "rpc_int.h"

enum call_status m_chain_id(struct call *c)
{
    json_hex_u64(&c->out, chain_spec_of(c->rpc->opt.chain)->chain_id);
    return CALL_DONE;
}

enum call_status m_net_version(struct call *c)
{
    char text[24];
    mt_fmt(text, sizeof(text), "%llu",
           (unsigned long long)chain_spec_of(c->rpc->opt.chain)->chain_id);
    json_str(&c->out, text);
    return CALL_DONE;
}

enum call_status m_listening(struct call *c)
{
    json_bool(&c->out, true);
    return CALL_DONE;
}

enum call_status m_peer_count(struct call *c)
{
    json_hex_u64(&c->out, 0);
    return CALL_DONE;
}

enum call_status m_coinbase(struct call *c)
{
    if (c->rpc->opt.sequencer == NULL)
        return call_fail(c, RPC_UNSUPPORTED, "this node does not build blocks");
    struct sequencer_next next = sequencer_next(c->rpc->opt.sequencer);
    const struct chain_spec *spec = chain_spec_of(c->rpc->opt.chain);
    json_addr(&c->out, spec->fixed_coinbase ? &spec->coinbase : &next.coinbase);
    return CALL_DONE;
}

void wire_syncing(struct json_out *j, const struct rpc_sync *s)
{
    json_obj(j);
    json_kv_hex_u64(j, "startingBlock", s->starting);
    json_kv_hex_u64(j, "currentBlock", s->current);
    json_kv_hex_u64(j, "highestBlock", s->highest);
    json_obj_end(j);
}

enum call_status m_syncing(struct call *c)
{
    if (c->rpc->sync.syncing)
        wire_syncing(&c->out, &c->rpc->sync);
    else
        json_bool(&c->out, false);
    return CALL_DONE;
}

enum call_status m_client_version(struct call *c)
{
    json_str(&c->out, c->rpc->opt.client_version);
    return CALL_DONE;
}

enum call_status m_sha3(struct call *c)
{
    slice data;
    if (!args_num(c, 1, 1) || !arg_data(c, 0, &data))
        return CALL_DONE;
    hash32 h = keccak256(data.ptr, data.len);
    json_hash(&c->out, &h);
    return CALL_DONE;
}

enum call_status m_modules(struct call *c)
{
    json_obj(&c->out);
    for (size_t i = 0; i < c->rpc->opt.api_num; i++)
        json_kv_str(&c->out, c->rpc->opt.apis[i], "1.0");
    if (c->req->trusted)
        json_kv_str(&c->out, "admin", "1.0");
    json_obj_end(&c->out);
    return CALL_DONE;
}

enum call_status m_pool_why(struct call *c)
{
    hash32 hash;
    struct pool_verdict v;
    struct chain_block *b;
    uint32_t idx;
    if (!args_num(c, 1, 1) || !arg_hash(c, 0, &hash) || !find_tx(c, &hash, &b, &idx))
        return CALL_DONE;
    if (b != NULL) {
        mt_fmt(v.text, sizeof(v.text), "included in block %llu",
               (unsigned long long)b->block.header.number);
        chain_block_drop(b);
    } else if (!pool_why(c->rpc->opt.pool, &hash, &v)) {
        json_nil(&c->out);
        return CALL_DONE;
    }
    json_obj(&c->out);
    json_kv_hash(&c->out, "hash", &hash);
    json_kv_str(&c->out, "reason", v.text);
    json_obj_end(&c->out);
    return CALL_DONE;
}

/* ---- txpool ---- */

enum call_status m_pool_status(struct call *c)
{
    size_t pending, queued;
    pool_count(c->rpc->opt.pool, &pending, &queued);
    json_obj(&c->out);
    json_kv_hex_u64(&c->out, "pending", pending);
    json_kv_hex_u64(&c->out, "queued", queued);
    json_obj_end(&c->out);
    return CALL_DONE;
}

/* Writes one of the two halves of the pool, grouped by sender. */
struct pool_walk {
    struct json_out *out;
    bool want_pending;
    bool inspect;        /* a sentence instead of the transaction */
    const address *only; /* one sender, without the level of senders */
    bool open;           /* a sender's object is open */
    address sender;
};

static void put_sentence(struct json_out *j, const struct tx *tx)
{
    char text[256];
    hex_text to = address_text(&tx->to);
    mt_fmt(text, sizeof(text), "%s: %s wei + %llu gas × %s wei",
           tx->has_to ? to.s : "contract creation", u256_dec(tx->value).s,
           (unsigned long long)tx->gas, u256_dec(tx->max_fee).s);
    json_str(j, text);
}

static void walk_tx(void *ctx, struct pool_tx *t, bool is_pending)
{
    struct pool_walk *w = ctx;
    char key[43];
    if (is_pending != w->want_pending)
        return;
    if (w->only != NULL && !address_eq(w->only, &t->tx.from))
        return;
    if (w->only == NULL && (!w->open || !address_eq(&w->sender, &t->tx.from))) {
        if (w->open)
            json_obj_end(w->out);
        w->open = true;
        w->sender = t->tx.from;
        wire_checksum(&t->tx.from, key);
        json_key(w->out, key);
        json_obj(w->out);
    }
    mt_fmt(key, sizeof(key), "%llu", (unsigned long long)t->tx.nonce);
    json_key(w->out, key);
    if (w->inspect)
        put_sentence(w->out, &t->tx);
    else
        wire_tx(w->out, &t->tx, NULL, 0);
}

static void put_pool(struct call *c, const address *only, bool inspect)
{
    json_obj(&c->out);
    for (int half = 0; half < 2; half++) {
        struct pool_walk w = {
            .out = &c->out, .want_pending = half == 0, .inspect = inspect, .only = only};
        json_key(&c->out, half == 0 ? "pending" : "queued");
        json_obj(&c->out);
        pool_each(c->rpc->opt.pool, walk_tx, &w);
        if (w.open)
            json_obj_end(&c->out);
        json_obj_end(&c->out);
    }
    json_obj_end(&c->out);
}

enum call_status m_pool_content(struct call *c)
{
    put_pool(c, NULL, false);
    return CALL_DONE;
}

enum call_status m_pool_inspect(struct call *c)
{
    put_pool(c, NULL, true);
    return CALL_DONE;
}

enum call_status m_pool_content_from(struct call *c)
{
    address addr;
    if (!args_num(c, 1, 1) || !arg_address(c, 0, &addr))
        return CALL_DONE;
    put_pool(c, &addr, false);
    return CALL_DONE;
}
