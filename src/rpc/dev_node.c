/* Dev methods about the node itself: its pool, its switches, what it says of itself. */
#include "dev_int.h"

/* ---- the pool ---- */

static enum call_status drop(struct call *c, bool anvil)
{
    hash32 hash;
    if (!args_num(c, 1, 1) || !arg_hash(c, 0, &hash))
        return CALL_DONE;
    struct pool_tx *t = pool_get(c->rpc->opt.pool, &hash);
    if (t != NULL)
        pool_remove(c->rpc->opt.pool, &hash, POOL_BY_HAND, TX_OK);
    if (!anvil)
        json_bool(&c->out, t != NULL);
    else if (t != NULL)
        json_hash(&c->out, &hash);
    else
        json_nil(&c->out);
    if (t != NULL)
        pool_tx_drop(t);
    return CALL_DONE;
}

/* Hardhat tells whether it was there, anvil gives its hash. */
enum call_status m_dev_drop_tx(struct call *c)
{
    return drop(c, strncmp(c->method->name, "anvil", 5) == 0);
}

enum call_status m_dev_drop_all(struct call *c)
{
    if (!args_num(c, 0, 0))
        return CALL_DONE;
    pool_clear(c->rpc->opt.pool);
    return dev_ok(c);
}

struct of_sender {
    address addr;
    hash32 *hashes; /* in the arena */
    size_t num, cap;
    bool full;
    struct arena *arena;
};

static void note_sender(void *ctx, struct pool_tx *t, bool is_pending)
{
    struct of_sender *s = ctx;
    (void)is_pending;
    if (!address_eq(&t->tx.from, &s->addr) || s->full)
        return;
    if (s->num == s->cap) {
        size_t cap = s->cap * 2 + 64;
        hash32 *more = arena_zalloc(s->arena, cap, sizeof(*more));
        s->full = more == NULL;
        if (s->full)
            return;
        if (s->num > 0)
            memcpy(more, s->hashes, s->num * sizeof(*more));
        s->hashes = more;
        s->cap = cap;
    }
    s->hashes[s->num++] = t->tx.hash;
}

enum call_status m_dev_drop_sender(struct call *c)
{
    struct of_sender s = {.arena = c->arena};
    if (!args_num(c, 1, 1) || !arg_address(c, 0, &s.addr))
        return CALL_DONE;
    pool_each(c->rpc->opt.pool, note_sender, &s);
    if (s.full)
        return call_error(c, MT_ELIMIT, NULL);
    while (s.num > 0)
        pool_remove(c->rpc->opt.pool, &s.hashes[--s.num], POOL_BY_HAND, TX_OK);
    return dev_ok(c);
}

/* ---- switches ---- */

enum call_status m_dev_auto_impersonate(struct call *c)
{
    bool on;
    if (!args_num(c, 1, 1) || !arg_bool(c, 0, &on))
        return CALL_DONE;
    c->rpc->dev->auto_impersonate = on;
    return dev_ok(c);
}

/* What a developer reads along: sealed blocks and console.log. */
enum call_status m_dev_set_logging(struct call *c)
{
    bool on;
    if (!args_num(c, 1, 1) || !arg_bool(c, 0, &on))
        return CALL_DONE;
    log_module_level("sequencer", on ? LOG_INFO : LOG_ERROR);
    log_module_level("console", on ? LOG_INFO : LOG_ERROR);
    return dev_ok(c);
}

enum call_status m_dev_accepted(struct call *c)
{
    return args_num(c, 0, 1) ? dev_ok(c) : CALL_DONE;
}

enum call_status m_dev_get_interval(struct call *c)
{
    if (!dev_can_build(c) || !args_num(c, 0, 0))
        return CALL_DONE;
    const struct cs_config *config = sequencer_config(c->rpc->opt.sequencer);
    if (config->mode == CS_PERIOD)
        json_u64(&c->out, MT_MAX(config->period_ms / 1000, 1));
    else
        json_nil(&c->out);
    return CALL_DONE;
}

enum call_status m_dev_set_min_price(struct call *c)
{
    u256 price;
    if (!args_num(c, 1, 1) || !arg_u256(c, 0, &price))
        return CALL_DONE;
    return call_fail(c, RPC_PARAMS,
                     "a least gas price cannot be set where EIP-1559 has a base fee; see "
                     "setNextBlockBaseFeePerGas and the option txpool.price-limit");
}

enum call_status m_dev_set_chain_id(struct call *c)
{
    return call_fail(
        c, RPC_UNSUPPORTED,
        "the chain id %llu is the genesis file's: run a genesis file of your "
        "own, metisd dev --network FILE",
        (unsigned long long)chain_spec_of(c->rpc->opt.chain)->chain_id);
}

/* ---- what the node says of itself ---- */

enum call_status m_dev_genesis_time(struct call *c)
{
    if (args_num(c, 0, 0))
        json_u64(&c->out, chain_genesis(c->rpc->opt.chain)->header.timestamp);
    return CALL_DONE;
}

static void put_fork_name(struct json_out *j, const struct rules *rules)
{
    json_kv_str(j, "hardFork", fork_name(rules->fork));
}

enum call_status m_dev_node_info(struct call *c)
{
    struct json_out *j = &c->out;
    const struct header *h = &c->view->head->block.header;
    if (!dev_can_build(c) || !args_num(c, 0, 0))
        return CALL_DONE;
    u256 price = suggest_price(c);
    json_obj(j);
    json_kv_hex_u64(j, "currentBlockNumber", h->number);
    json_kv_u64(j, "currentBlockTimestamp", h->timestamp);
    json_kv_hash(j, "currentBlockHash", &c->view->head->block.hash);
    put_fork_name(j, &c->view->rules);
    json_kv_str(j, "transactionOrder", "fees");
    json_key(j, "environment");
    json_obj(j);
    json_kv_hex_u256(j, "baseFee", c->view->next_base_fee);
    json_kv_u64(j, "chainId", chain_spec_of(c->rpc->opt.chain)->chain_id);
    json_kv_hex_u64(j, "gasLimit", h->gas_limit);
    json_kv_hex_u256(j, "gasPrice", price);
    json_obj_end(j);
    json_key(j, "forkConfig");
    json_obj(j);
    json_kv_nil(j, "forkUrl");
    json_kv_nil(j, "forkBlockNumber");
    json_kv_nil(j, "forkRetryBackoff");
    json_obj_end(j);
    json_obj_end(j);
    return CALL_DONE;
}

enum call_status m_dev_metadata(struct call *c)
{
    struct json_out *j = &c->out;
    const struct dev *d = c->rpc->dev;
    const struct block *head = &c->view->head->block;
    char key[20];
    json_obj(j);
    json_kv_str(j, "clientVersion", c->rpc->opt.client_version);
    json_kv_str(j, "clientSemver", c->rpc->opt.version);
    json_kv_str(j, "clientCommitSha", c->rpc->opt.commit);
    json_kv_u64(j, "chainId", chain_spec_of(c->rpc->opt.chain)->chain_id);
    json_kv_hash(j, "instanceId", &chain_genesis(c->rpc->opt.chain)->hash);
    json_kv_u64(j, "latestBlockNumber", head->header.number);
    json_kv_hash(j, "latestBlockHash", &head->hash);
    json_kv_nil(j, "forkedNetwork");
    json_key(j, "snapshots");
    json_obj(j);
    for (size_t i = 0; i < d->snapshot_num; i++) {
        mt_fmt(key, sizeof(key), "0x%llx", (unsigned long long)d->snapshots[i].id);
        json_key(j, key);
        json_arr(j);
        json_u64(j, d->snapshots[i].number);
        json_hash(j, &d->snapshots[i].hash);
        json_arr_end(j);
    }
    json_obj_end(j);
    json_obj_end(j);
    return CALL_DONE;
}
