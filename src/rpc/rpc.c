/* Options, the table of methods, and life from start to stop. */
#include "rpc_int.h"
#include <stdlib.h>

#define X(name, handler, where, cost, help) {#name, handler, RPC_##where, cost, help},
const struct method rpc_methods[] = {
#include "methods.def"
};
#undef X
const size_t rpc_method_num = MT_ARRAY_LEN(rpc_methods);

/* Names in order, made once; the table itself is in the order of reading. */
static const struct method *sorted[MT_ARRAY_LEN(rpc_methods)];

static int by_name(const void *a, const void *b)
{
    const struct method *x = *(const struct method *const *)a;
    const struct method *y = *(const struct method *const *)b;
    return strcmp(x->name, y->name);
}

static void sort_once(void)
{
    if (sorted[0] != NULL)
        return;
    for (size_t i = 0; i < rpc_method_num; i++)
        sorted[i] = &rpc_methods[i];
    qsort(sorted, rpc_method_num, sizeof(sorted[0]), by_name);
}

const struct method *rpc_find(const struct rpc *r, const char *name, bool trusted)
{
    size_t lo = 0, hi = rpc_method_num;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int d = strcmp(name, sorted[mid]->name);
        if (d == 0)
            return r->enabled[(trusted ? rpc_method_num : 0) +
                              (size_t)(sorted[mid] - rpc_methods)]
                       ? sorted[mid]
                       : NULL;
        if (d < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

void rpc_options_default(struct rpc_options *opt)
{
    static const char *const apis[] = {"eth",    "net",   "web3",    "debug", "txpool",
                                       "rpc",    "metis", "trace",   "ots",   "erigon",
                                       "rollup", "mvm",   "personal"};
    *opt = (struct rpc_options){
        .client_version = "metisd",
        .version = "0",
        .commit = "",
        .apis = apis,
        .api_num = MT_ARRAY_LEN(apis),
        .body_max = 5u * 1024u * 1024u,
        .message_max = 32u * 1024u * 1024u,
        .batch_max = 1000,
        .reply_max = 25u * 1024u * 1024u,
        .stream_max = (size_t)1 << 30,
        .gzip = true,
        .readers_max = 1024,
        .trees_max = (size_t)256 * 1024 * 1024,
        .call_gas_max = 50000000,
        .call_timeout_ms = 5000,
        .call_memory_max = (size_t)512 * 1024 * 1024,
        .logs_range_max = 100000,
        .logs_max = 20000,
        .log_terms_max = 1000,
        .subs_conn_max = 100,
        .filters_max = 1000,
        .filter_idle_ms = 300000,
        .metric_net = METRIC_NODE,
    };
}

static bool has_namespace(const char *method, const char *ns)
{
    size_t n = strlen(ns);
    return strncmp(method, ns, n) == 0 && (method[n] == '_' || method[n] == '.');
}

static bool known_namespace(const char *ns)
{
    for (size_t i = 0; i < rpc_method_num; i++)
        if (has_namespace(rpc_methods[i].name, ns))
            return true;
    return false;
}

/* Not for the public port: they change the node or tell of the machine. */
static bool is_private(const char *method)
{
    return has_namespace(method, "admin") || strcmp(method, "metis_config") == 0;
}

static bool is_open(const char *method, const char *const *apis, size_t num)
{
    for (size_t i = 0; i < num; i++)
        if (has_namespace(method, apis[i]))
            return true;
    return false;
}

static void enable_methods(struct rpc *r)
{
    struct rpc_options d;
    rpc_options_default(&d);
    r->enabled = mt_alloc(2 * rpc_method_num * sizeof(*r->enabled));
    for (size_t m = 0; m < rpc_method_num; m++) {
        const char *name = rpc_methods[m].name;
        bool open = is_open(name, r->opt.apis, r->opt.api_num);
        r->enabled[m] = open && !is_private(name);
        r->enabled[rpc_method_num + m] =
            open || is_private(name) || is_open(name, d.apis, d.api_num);
    }
}

static mt_err check_namespaces(const struct rpc_options *opt, struct mt_diag *diag)
{
    bool metis = chain_spec_of(opt->chain)->metis;
    for (size_t i = 0; i < opt->api_num; i++) {
        if (!known_namespace(opt->apis[i]))
            return mt_fail(diag, MT_EINVAL, "rpc: no namespace is named %s",
                           opt->apis[i]);
        if (metis && strcmp(opt->apis[i], "testing") == 0)
            return mt_fail(diag, MT_EINVAL,
                           "rpc: testing is for networks given as a plain genesis file");
    }
    return MT_OK;
}

mt_err rpc_new(const struct rpc_options *opt, struct head_view *view, struct rpc **out,
               struct mt_diag *diag)
{
    MT_TRY(check_namespaces(opt, diag));
    sort_once();
    struct rpc *r = mt_alloc(sizeof(*r));
    r->opt = *opt;
    enable_methods(r);
    arena_init(&r->arena, opt->call_memory_max);
    r->arena_num = workers_count(opt->readers);
    r->reader_arenas = mt_alloc(r->arena_num * sizeof(*r->reader_arenas));
    for (unsigned i = 0; i < r->arena_num; i++)
        arena_init(&r->reader_arenas[i], opt->call_memory_max);
    if (r->opt.traces_max == 0)
        r->opt.traces_max = MT_MAX(r->arena_num / 2, 1u);
    r->rate = rate_new(opt);
    head_view_hold(view);
    r->view = view;
    r->dev = dev_new(r);
    r->traces = trace_cache_new();
    *out = r;
    return MT_OK;
}

void rpc_attach(struct rpc *r, struct net_server *net)
{
    r->net = net;
}

static void on_request(void *ctx, struct net_ref ref, uint64_t req_id, slice body,
                       bool websocket)
{
    struct rpc *r = ctx;
    struct request *q = request_new(r);
    q->ref = ref;
    q->net_id = req_id;
    q->websocket = websocket;
    q->trusted = net_trusted(r->net, ref);
    rpc_request(r, q, body);
}

static bool on_get(void *ctx, slice path, unsigned *status, const char **content_type,
                   struct buf *body)
{
    struct rpc *r = ctx;
    return r->opt.on_get != NULL &&
           r->opt.on_get(r->opt.on_get_ctx, path, status, content_type, body);
}

static void on_close(void *ctx, struct net_ref ref, bool websocket)
{
    struct rpc *r = ctx;
    if (websocket)
        sub_gone(r, ref);
    requests_gone(r, ref);
    feed_gone(r, ref);
}

struct net_callbacks rpc_net_callbacks(void)
{
    return (struct net_callbacks){
        .on_request = on_request,
        .on_get = on_get,
        .on_close = on_close,
    };
}

void rpc_handle(struct rpc *r, slice body, rpc_done_fn *done, void *ctx)
{
    struct request *q = request_new(r);
    q->done = done;
    q->done_ctx = ctx;
    rpc_request(r, q, body);
}

static void drop_head_state(struct rpc *r)
{
    if (r->has_head_state)
        chain_state_close(&r->head_state);
    r->has_head_state = false;
}

void rpc_update(struct rpc *r, const struct chain_update *u)
{
    drop_head_state(r);
    head_view_hold(u->view);
    head_view_drop(r->view);
    r->view = u->view;
    sync_update(r, u);
    filters_update(r, u);
    sub_update(r, u);
    feed_update(r);
}

void rpc_pending(struct rpc *r, struct pool_tx *tx)
{
    if (!dev_rewinds(r))
        sub_pending(r, tx);
}

void rpc_tick(struct rpc *r, uint64_t now_ns)
{
    feed_tick(r, now_ns);
    sync_expire(r, now_ns);
    sub_tick(r, now_ns);
}

void rpc_sync(struct rpc *r, const struct rpc_sync *sync)
{
    bool turned = sync->syncing != r->sync.syncing;
    r->follows = true;
    r->sync = *sync;
    if (turned)
        sub_syncing(r);
}

void rpc_stop(struct rpc *r)
{
    r->stopping = true;
    feed_update(r);
    sync_expire(r, UINT64_MAX);
}

bool rpc_idle(const struct rpc *r)
{
    return r->reader_num == 0 && r->later_num == 0;
}

void rpc_free(struct rpc *r)
{
    if (r == NULL)
        return;
    drop_head_state(r);
    sub_free(r);
    rate_free(r->rate);
    dev_free(r->dev);
    ref_cache_free(r->traces);
    while (r->spare != NULL) {
        struct request *q = r->spare;
        r->spare = q->next;
        buf_fini(&q->one.buf);
        mt_free(q);
    }
    for (unsigned i = 0; i < r->arena_num; i++)
        arena_fini(&r->reader_arenas[i]);
    mt_free(r->reader_arenas);
    arena_fini(&r->arena);
    head_view_drop(r->view);
    mt_free(r->enabled);
    mt_free(r);
}

const char *const *rpc_method_names(size_t *num)
{
    static const char *names[MT_ARRAY_LEN(rpc_methods)];
    sort_once();
    for (size_t i = 0; i < rpc_method_num; i++)
        names[i] = sorted[i]->name;
    *num = rpc_method_num;
    return names;
}

static void write_limits(const struct rpc_options *d, struct buf *out)
{
    char range[24] = "no limit";
    if (d->logs_range_max > 0)
        mt_fmt(range, sizeof(range), "%llu", (unsigned long long)d->logs_range_max);
    buf_printf(
        out,
        "\n## Limits (defaults)\n| limit | value | answer |\n|---|---|---|\n"
        "| body over HTTP | %zu bytes | HTTP 413 |\n"
        "| message over WebSocket and the unix socket | %zu bytes | close 1009, closed "
        "|\n"
        "| depth of JSON | 64 | -32700 |\n"
        "| calls of a batch | %u | -32600 |\n"
        "| reply, batches included | %zu bytes | -32003 |\n"
        "| reply that leaves in parts (rpc.stream-max) | %zu bytes | closed before "
        "the last chunk |\n"
        "| calls on readers and waiting for them | %u | -32005 |\n"
        "| traces at once | half of the readers | the others wait |\n"
        "| cost of an address (rpc.rate) | off | -32005, data.retryAfterMs |\n"
        "| parsed JSON of all requests | %zu bytes | -32005 |\n"
        "| gas of eth_call, eth_estimateGas | %llu | capped |\n"
        "| time of a reader call | %llu ms | -32002 |\n"
        "| blocks of eth_getLogs | %s | -32005, data: the range that works |\n"
        "| logs of eth_getLogs | %zu | -32005, data: the range that works |\n"
        "| addresses, or topics at a position | %zu | -32602 |\n"
        "| a state dump that is loaded, unpacked | a quarter of rpc.job_memory; "
        "its accounts, parsed: half | -32005 |\n"
        "| blocks built up to a dump's head | 10000 | -32005 |\n"
        "| bundles, and all calls, of debug_traceCallMany | 64, 1000 | -32602 |\n"
        "| slots that dealERC20 and setERC20Allowance try | 64 | -32000 |\n"
        "| subscriptions of a connection | %u | -32005 |\n"
        "| filters | %u, idle %llu ms | -32005 |\n",
        d->body_max, d->message_max, d->batch_max, d->reply_max, d->stream_max,
        d->readers_max, d->trees_max, (unsigned long long)d->call_gas_max,
        (unsigned long long)d->call_timeout_ms, range, d->logs_max, d->log_terms_max,
        d->subs_conn_max, d->filters_max, (unsigned long long)d->filter_idle_ms);
}

void rpc_write_docs(const struct rpc_options *limits, struct buf *out)
{
    static const char *const places[] = {
        [RPC_INLINE] = "loop", [RPC_READER] = "reader", [RPC_EITHER] = "loop or reader"};
    sort_once();
    buf_put_str(out,
                "# JSON-RPC methods\n"
                "Generated from src/rpc/methods.def and src/rpc/signatures.def; a node "
                "gives the same by rpc.discover. Calls on the loop are short; those on a "
                "reader have a snapshot, a memory cap and a time limit of their own. "
                "`name?` may be left out, `type?` may be null. admin_* and "
                "metis_config are answered on the unix socket and the JWT listener "
                "only.\n\n"
                "| method | parameters | result | place | cost | what it does |\n"
                "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < rpc_method_num; i++) {
        const char *params, *result;
        method_signature(sorted[i], &params, &result);
        buf_printf(out, "| %s | %s | %s | %s | %u | %s |\n", sorted[i]->name, params,
                   result, places[sorted[i]->where], sorted[i]->cost, sorted[i]->help);
    }
    buf_put_str(out, "\n## Error codes\n| code | meaning |\n|---|---|\n");
#define X(name, code, text) buf_printf(out, "| %d | %s |\n", code, text);
    RPC_ERRORS(X)
#undef X
    write_limits(limits, out);
}
