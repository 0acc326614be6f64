/* One network: how its parts are made, wired, fed and ended. */
#include "daemon.h"
#include "follower.h"

#include "metis/version.h"

#include <unistd.h>

#define EXECUTOR_QUEUE_MAX 4096u
#define BLOCK_TX_MAX       100000u
#define PORT_STEP          1000u
#define CLIENT_VERSION     "metisd/v" MT_VERSION "-" MT_COMMIT "/linux/c"
#define RPC_TICK_MS        250u

/* ---- the head moves: executor thread -> loop ---- */

struct update_task {
    struct task task;
    struct network *net;
    struct chain_update *update;
};

/* A rule that asks for an increase sees none in a series that begins with its first
 * event, so those of conf/alerts.yml are there from the start. */
static void metrics_begin(unsigned net)
{
    metric_add(METRIC_chain_rejected_blocks_total, net, 0);
    metric_add(METRIC_chain_reorgs_total, net, 0);
    metric_add(METRIC_sequencer_failures_total, net, 0);
    metric_add(METRIC_net_auth_failures_total, net, 0);
    metric_add(METRIC_log_dropped_total, METRIC_NODE, 0);
}

static void count_blocks(const struct network *net, const struct chain_update *u)
{
    for (size_t i = 0; i < u->added_num; i++) {
        const struct block *b = &u->added[i]->block;
        metric_add(METRIC_chain_blocks_total, net->metric, 1);
        metric_add(METRIC_chain_transactions_total, net->metric, b->tx_num);
        metric_add(METRIC_chain_gas_total, net->metric, b->header.gas_used);
    }
    if (u->removed_num > 0)
        metric_add(METRIC_chain_reorgs_total, net->metric, 1);
    const struct header *head = &u->view->head->block.header;
    metric_set(METRIC_chain_head_block, net->metric, (int64_t)head->number);
    metric_set(METRIC_chain_head_timestamp_seconds, net->metric,
               (int64_t)head->timestamp);
}

static void take_update(struct task *task)
{
    struct update_task *t = (struct update_task *)(void *)task;
    struct network *net = t->net;
    if (net->rpc != NULL) { /* else the start failed */
        head_view_drop(net->view);
        net->view = t->update->view;
        head_view_hold(net->view);
        count_blocks(net, t->update);
        pool_update(net->pool, t->update, clock_unix_ms());
        if (net->sequencer != NULL)
            sequencer_update(net->sequencer, t->update);
        rpc_update(net->rpc, t->update);
        if (net->follower != NULL)
            follower_progress(net->follower);
    }
    chain_update_free(t->update);
    mt_free(t);
}

/* The loop drains its mailbox every turn, so a full one is a matter of microseconds;
 * until then the executor waits, which is the back-pressure we want. */
static void on_update(void *ctx, struct chain_update *update)
{
    struct network *net = ctx;
    struct update_task *t = mt_alloc(sizeof *t);
    *t = (struct update_task){{take_update}, net, update};
    while (mailbox_post(net->node->to_loop, &t->task) == MT_EBUSY)
        thread_sleep_us(100);
}

/* ---- pool ---- */

static void on_pending(void *ctx, struct pool_tx *tx)
{
    struct network *net = ctx;
    if (net->sequencer != NULL)
        sequencer_pending(net->sequencer);
    if (net->rpc != NULL)
        rpc_pending(net->rpc, tx);
}

static uint64_t option(const struct network *net, enum opt id)
{
    return config_num(net->node->config, net->ledger.name, id);
}

static void make_pool(struct network *net)
{
    u256 metis = u256_from(1000000000000000000u);
    struct pool_options opt = {
        .tx_max = (size_t)option(net, OPT_txpool_max),
        .sender_max = (size_t)option(net, OPT_txpool_sender_max),
        .tx_size_max = (size_t)option(net, OPT_txpool_tx_size_max),
        .bytes_max = (size_t)option(net, OPT_txpool_bytes_max),
        .price_bump_percent = (unsigned)option(net, OPT_txpool_price_bump),
        .min_tip = u256_from(option(net, OPT_txpool_price_limit)),
        .lifetime_ms = option(net, OPT_txpool_lifetime),
        .fee_cap = u256_mul(u256_from(option(net, OPT_txpool_fee_cap)), metis),
        .allow_unprotected = option(net, OPT_txpool_allow_unprotected) != 0,
        .ingest_max = (size_t)option(net, OPT_txpool_ingest_max),
        .chain = net->ledger.chain,
        .workers = net->node->workers,
        .to_loop = net->node->to_loop,
        .metric_net = net->metric,
        .on_pending = on_pending,
        .ctx = net,
    };
    net->pool = pool_new(&opt, net->view);
}

/* ---- sequencer ---- */

static void timer_cb(uv_timer_t *timer)
{
    struct network *net = timer->data;
    sequencer_tick(net->sequencer);
}

static void set_timer(void *ctx, uint64_t at_ms)
{
    struct network *net = ctx;
    if (net->node->stopping)
        return;
    if (at_ms == 0) {
        uv_timer_stop(&net->timer);
        return;
    }
    uint64_t now = clock_unix_ms();
    uv_update_time(&net->node->loop);
    /* At least a millisecond: libuv runs timers without a delay in a row before it looks
     * at anything else. */
    uv_timer_start(&net->timer, timer_cb, at_ms > now ? at_ms - now : 1, 0);
}

static void mode_of(const struct network *net, struct cs_config *out)
{
    const struct chain_spec *spec = &net->ledger.genesis.spec;
    uint64_t period = net->node->dev ? option(net, OPT_dev_period_ms) : spec->period_ms;
    *out = (struct cs_config){.equal_time = spec->equal_time, .period_ms = period};
    if (net->node->dev && option(net, OPT_dev_no_mining) != 0)
        out->mode = CS_MANUAL;
    else
        out->mode = period != 0 ? CS_PERIOD : CS_DEMAND;
}

static mt_err coinbase_of(const struct network *net, address *out, struct mt_diag *diag)
{
    const char *text =
        config_text(net->node->config, net->ledger.name, OPT_node_coinbase);
    const struct chain_spec *spec = &net->ledger.genesis.spec;
    memset(out, 0, sizeof *out);
    if (spec->fixed_coinbase)
        *out = spec->coinbase;
    else if (!address_is_zero(&net->ledger.genesis.header.coinbase))
        *out = net->ledger.genesis.header.coinbase;
    else if (net->node->account_num > 0)
        *out = net->node->accounts[0].addr;
    if (text[0] != 0 && hex_decode_fixed(text, out->b, 20) != MT_OK)
        return mt_fail(diag, MT_EINVAL, "node.coinbase: \"%s\" is not an address", text);
    if (text[0] != 0 && spec->fixed_coinbase && !address_eq(out, &spec->coinbase))
        return mt_fail(diag, MT_EINVAL, "node.coinbase: the network's coinbase is fixed");
    return MT_OK;
}

static mt_err make_sequencer(struct network *net, struct mt_diag *diag)
{
    struct node *n = net->node;
    if (!n->dev && option(net, OPT_node_sequencer) == 0)
        return MT_OK;
    if (!net->ledger.genesis.spec.metis)
        return mt_fail(diag, MT_EINVAL,
                       "%s: a plain genesis file can only be followed, not sequenced",
                       net->ledger.name);
    struct sequencer_options opt = {
        .chain = net->ledger.chain,
        .executor = net->executor,
        .pool = net->pool,
        .to_loop = n->to_loop,
        .gas_limit = n->dev ? option(net, OPT_dev_gas_limit) : 0,
        .tx_max = BLOCK_TX_MAX,
        .fixed_time = n->dev ? option(net, OPT_dev_timestamp) : 0,
        .time_step = option(net, OPT_dev_time_step),
        .make_randao = n->dev,
        .seed = option(net, OPT_dev_seed),
        .metric_net = net->metric,
        .set_timer = set_timer,
        .ctx = net,
    };
    mode_of(net, &opt.config);
    MT_TRY(coinbase_of(net, &opt.coinbase, diag));
    if (!n->dev)
        MT_TRY(sequencer_lock(
            net, n->account_num > 0 ? &n->accounts[0].addr : &opt.coinbase, diag));
    net->sequencer = sequencer_new(&opt, net->view);
    return MT_OK;
}

/* ---- following ---- */

static mt_err make_follower(struct network *net, struct mt_diag *diag)
{
    if (config_text(net->node->config, net->ledger.name, OPT_follow_url)[0] == 0)
        return MT_OK;
    if (net->node->dev || net->sequencer != NULL)
        return mt_fail(diag, MT_EINVAL,
                       "follow.url: %s builds blocks itself; follow with `metisd run` "
                       "and without --sequencer",
                       net->ledger.name);
    return follower_new(net, &net->follower, diag);
}

/* ---- rpc and server ---- */

void network_rpc_limits(struct config *c, const char *name, struct rpc_options *opt)
{
    opt->body_max = (size_t)config_num(c, name, OPT_rpc_body_max);
    opt->message_max = (size_t)config_num(c, name, OPT_rpc_ws_message_max);
    opt->batch_max = (unsigned)config_num(c, name, OPT_rpc_batch_max);
    opt->reply_max = (size_t)config_num(c, name, OPT_rpc_reply_max);
    opt->stream_max = (size_t)config_num(c, name, OPT_rpc_stream_max);
    opt->gzip = config_num(c, name, OPT_rpc_gzip) != 0;
    opt->readers_max = (unsigned)config_num(c, name, OPT_rpc_queue_max);
    opt->call_gas_max = config_num(c, name, OPT_rpc_gas_cap);
    opt->call_timeout_ms = config_num(c, name, OPT_rpc_evm_timeout);
    opt->call_memory_max = (size_t)config_num(c, name, OPT_rpc_job_memory);
    opt->logs_range_max = config_num(c, name, OPT_rpc_log_range_max);
    opt->logs_max = (size_t)config_num(c, name, OPT_rpc_logs_max);
    opt->subs_conn_max = (unsigned)config_num(c, name, OPT_rpc_subscriptions_max);
    opt->traces_max = (unsigned)config_num(c, name, OPT_rpc_tracing_max);
    opt->rate = config_num(c, name, OPT_rpc_rate);
    opt->rate_burst = config_num(c, name, OPT_rpc_rate_burst);
    opt->rate_exempt = config_list(c, name, OPT_rpc_rate_exempt, &opt->rate_exempt_num);
}

/* Namespaces: what the option says, else those open by default, in dev also dev's, and
 * testing where no sequencer decides what a block is. */
static void rpc_apis(struct network *net, struct rpc_options *opt)
{
    static const char *const more[] = {"hardhat", "evm", "anvil", "testing"};
    bool dev = net->node->dev, plain = !net->ledger.genesis.spec.metis;
    size_t num, first = dev ? 0 : 3, last = plain ? 4 : 3;
    const char *const *words =
        config_list(net->node->config, net->ledger.name, OPT_rpc_api, &num);
    if (num > 0) {
        opt->apis = words;
        opt->api_num = num;
    } else if (first < last) {
        size_t all = opt->api_num + last - first;
        const char **list = arena_zalloc(&net->node->config->arena, all, sizeof *list);
        MT_ASSERT(list != NULL);
        memcpy(list, opt->apis, opt->api_num * sizeof *list);
        memcpy(list + opt->api_num, more + first, (last - first) * sizeof *list);
        opt->apis = list;
        opt->api_num = all;
    }
}

static mt_err make_rpc(struct network *net, struct mt_diag *diag)
{
    struct node *n = net->node;
    struct rpc_options opt;
    rpc_options_default(&opt);
    opt.client_version = CLIENT_VERSION;
    opt.version = MT_VERSION;
    opt.commit = MT_COMMIT;
    if (n->dev) /* Hardhat's helpers work only on nodes whose name begins like this */
        opt.client_version = "anvil/" CLIENT_VERSION;
    opt.chain = net->ledger.chain;
    opt.pool = net->pool;
    opt.executor = net->executor;
    opt.sequencer = net->sequencer;
    opt.readers = n->readers;
    opt.to_loop = n->to_loop;
    opt.accounts = n->accounts;
    opt.account_num = n->account_num;
    opt.metric_net = net->metric;
    opt.on_get = health_get;
    opt.on_get_ctx = net;
    opt.forward = net->follower != NULL ? follower_forward : NULL;
    opt.forward_ctx = net->follower;
    opt.ask = operator_ask;
    opt.ask_ctx = net;
    network_rpc_limits(n->config, net->ledger.name, &opt);
    rpc_apis(net, &opt);
    return rpc_new(&opt, net->view, &net->rpc, diag);
}

/* The port: one given for this network is taken as it is; a general one is the first
 * network's and each further one is 1000 above; the dev networks' own are the same way
 * around, so that hyperion-dev alone still has its own. */
static mt_err port_of(const struct network *net, uint16_t *out, struct mt_diag *diag)
{
    const struct opt_value *v =
        config_value(net->node->config, net->ledger.name, OPT_rpc_port);
    const struct opt_value *general = &net->node->config->general[OPT_rpc_port];
    uint64_t port = v->num;
    bool own_default = v->origin == ORIGIN_DEFAULT && net->node->dev;
    if (own_default)
        port += strcmp(net->ledger.name, "hyperion-dev") == 0 ? PORT_STEP : 0;
    else if (v == general && port != 0)
        port += net->idx * PORT_STEP;
    if (port > UINT16_MAX)
        return mt_fail(diag, MT_EINVAL, "%s: there is no port %llu", net->ledger.name,
                       (unsigned long long)port);
    *out = (uint16_t)port;
    return MT_OK;
}

static void rpc_timer_cb(uv_timer_t *timer)
{
    struct network *net = timer->data;
    rpc_tick(net->rpc, clock_mono_ns());
}

mt_err network_listen(struct network *net, struct mt_diag *diag)
{
    struct config *c = net->node->config;
    const char *name = net->ledger.name;
    struct net_server_options opt;
    struct net_callbacks cb = rpc_net_callbacks();
    net_options_default(&opt);
    net->host = config_text(c, name, OPT_rpc_host);
    opt.host = net->host;
    MT_TRY(port_of(net, &opt.port, diag));
    opt.header_timeout_ms = option(net, OPT_rpc_header_timeout);
    opt.idle_timeout_ms = option(net, OPT_rpc_idle_timeout);
    opt.body_max = (size_t)option(net, OPT_rpc_body_max);
    opt.ws_message_max = (size_t)option(net, OPT_rpc_ws_message_max);
    opt.ws_queue_max = (size_t)option(net, OPT_rpc_ws_queue_max);
    opt.held_max = (size_t)option(net, OPT_rpc_held_max);
    opt.conn_max = (unsigned)option(net, OPT_rpc_connections_max);
    opt.conn_ip_max = (unsigned)option(net, OPT_rpc_connections_per_ip);
    opt.cors = config_list(c, name, OPT_rpc_cors, &opt.cors_num);
    opt.vhosts = config_list(c, name, OPT_rpc_vhosts, &opt.vhost_num);
    opt.metric_net = net->metric;
    if (config_bool(c, name, OPT_rpc_web)) {
        opt.files = web_files;
        opt.file_num = web_file_num;
    }
    MT_TRY(net_server_new(&net->node->loop, &opt, &cb, net->rpc, &net->server, diag));
    net->port = net_server_port(net->server);
    rpc_attach(net->rpc, net->server);
    MT_TRY(private_tls(net, diag));
    MT_TRY(operator_listen(net, diag));
    MT_TRY(private_listen(net, diag));
    uv_timer_start(&net->rpc_timer, rpc_timer_cb, RPC_TICK_MS, RPC_TICK_MS);
    if (net->follower != NULL)
        follower_start(net->follower);
    if (net->sequencer != NULL)
        sequencer_start(net->sequencer);
    return MT_OK;
}

/* ---- life ---- */

static void log_network(const struct network *net)
{
    const struct ledger *l = &net->ledger;
    log_info("node", "network opened", KV_STR("network", l->name),
             KV_U64("chainId", l->genesis.spec.chain_id),
             KV_HASH("genesis", &l->genesis.hash), KV_HASH("spec", &l->genesis.spec_hash),
             KV_U64("head", net->view->head->block.header.number),
             KV_HASH("hash", &net->view->head->block.hash), KV_STR("folder", l->dir.s),
             KV_END);
}

mt_err network_open(struct network *net, const char *word, struct mt_diag *diag)
{
    struct node *n = net->node;
    MT_TRY(ledger_load(word, &net->ledger, diag));
    for (unsigned i = 0; i < net->idx; i++) {
        if (strcmp(n->networks[i].ledger.name, net->ledger.name) == 0)
            return mt_fail(diag, MT_EINVAL, "network %s is named twice",
                           net->ledger.name);
    }
    MT_TRY(metrics_network(net->ledger.name, &net->metric));
    metrics_begin(net->metric);
    struct ledger_hooks hooks = {
        n->workers, net->metric, on_update, net, n->dev ? rpc_console() : NULL, n->dev};
    MT_TRY(ledger_open(n->config, n->datadir, &hooks, &net->ledger, diag));
    net->view = chain_view(net->ledger.chain);
    if (option(net, OPT_db_sync) == METISDB_SYNC_INTERVAL)
        net->sync_every_ns = option(net, OPT_db_interval) * 1000000u;
    net->executor = executor_new(net->ledger.chain, "executor", EXECUTOR_QUEUE_MAX);
    make_pool(net);
    MT_TRY(make_sequencer(net, diag));
    MT_TRY(make_follower(net, diag));
    MT_TRY(make_rpc(net, diag));
    log_network(net);
    budget_log(net);
    return MT_OK;
}

void network_turn(struct network *net)
{
    if (net->pool == NULL)
        return; /* the start failed before it was made */
    pool_flush(net->pool);
    if (net->sequencer != NULL)
        sequencer_turn(net->sequencer);
}

static void server_stopped(void *ctx)
{
    struct network *net = ctx;
    net->server_stopped = true;
}

void network_stop(struct network *net)
{
    uv_timer_stop(&net->timer);
    uv_timer_stop(&net->rpc_timer);
    if (net->sequencer != NULL)
        sequencer_stop(net->sequencer);
    if (net->follower != NULL)
        follower_stop(net->follower);
    if (net->rpc != NULL)
        rpc_stop(net->rpc);
    if (net->server != NULL)
        net_server_stop(net->server, server_stopped, net);
    else
        net->server_stopped = true;
}

bool network_idle(const struct network *net)
{
    return net->server_stopped && (net->rpc == NULL || rpc_idle(net->rpc)) &&
           (net->pool == NULL || pool_ingest_len(net->pool) == 0) &&
           (net->executor == NULL || executor_len(net->executor) == 0) &&
           (net->sequencer == NULL || sequencer_idle(net->sequencer)) &&
           (net->follower == NULL || follower_idle(net->follower));
}

void network_join(struct network *net)
{
    executor_free(net->executor);
    net->executor = NULL;
}

void network_close(struct network *net)
{
    net_server_free(net->server);
    rpc_free(net->rpc);
    follower_free(net->follower);
    sequencer_free(net->sequencer);
    if (net->pool != NULL)
        pool_free(net->pool);
    if (net->view != NULL)
        head_view_drop(net->view);
    if (net->lock_fd > 0)
        close(net->lock_fd);
    ledger_close(&net->ledger);
}
