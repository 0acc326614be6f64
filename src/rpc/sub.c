/* Subscriptions of WebSocket connections: new heads, logs, waiting transactions, whether
 * the node is catching up. What is pushed is written once per kind and sent with each
 * subscription's id around it. */
#include "rpc_int.h"

#define SYNC_EVERY_NS 60000000000u /* progress while it lasts, as often as geth */

enum sub_kind { SUB_HEADS, SUB_LOGS, SUB_PENDING, SUB_SYNCING };

struct sub {
    struct sub *next;
    char id[35]; /* 0x and 32 digits */
    struct net_ref ref;
    enum sub_kind kind;
    bool full; /* whole transactions */
    bool told; /* syncing: whether the node is */
    struct log_filter filter;
    struct arena arena;
};

static void drop(struct rpc *r, struct sub **at)
{
    struct sub *s = *at;
    *at = s->next;
    r->sub_num--;
    metric_move(METRIC_rpc_subscriptions, r->opt.metric_net, -1);
    arena_fini(&s->arena);
    mt_free(s);
}

void sub_gone(struct rpc *r, struct net_ref ref)
{
    struct sub **at = &r->subs;
    while (*at != NULL) {
        if (net_ref_eq((*at)->ref, ref))
            drop(r, at);
        else
            at = &(*at)->next;
    }
}

void sub_free(struct rpc *r)
{
    while (r->subs != NULL)
        drop(r, &r->subs);
    filters_free(r);
}

/* ---- subscribing ---- */

static unsigned count_of(const struct rpc *r, struct net_ref ref)
{
    unsigned n = 0;
    for (const struct sub *s = r->subs; s != NULL; s = s->next)
        n += net_ref_eq(s->ref, ref);
    return n;
}

static bool read_kind(struct call *c, struct sub *s)
{
    static const char *const names[] = {
        [SUB_HEADS] = "newHeads",
        [SUB_LOGS] = "logs",
        [SUB_PENDING] = "newPendingTransactions",
        [SUB_SYNCING] = "syncing",
    };
    const char *name = json_string_value(arg(c, 0));
    for (size_t i = 0; name != NULL && i < MT_ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            s->kind = (enum sub_kind)i;
            return true;
        }
    }
    call_fail(c, RPC_METHOD, "no \"%.40s\" subscription in eth namespace",
              name == NULL ? "" : name);
    return false;
}

static bool read_filter(struct call *c, struct sub *s)
{
    struct log_query q = {0};
    if (arg(c, 1) != NULL && !val_log_query(c, arg(c, 1), &q))
        return false;
    if (log_filter_copy(&s->arena, &q.filter, &s->filter))
        return true;
    call_fail(c, RPC_LIMIT, "filter too large");
    return false;
}

enum call_status m_subscribe(struct call *c)
{
    struct rpc *r = c->rpc;
    uint8_t id[16];
    if (!c->req->websocket)
        return call_fail(c, RPC_METHOD, "notifications not supported");
    if (!args_num(c, 1, 2))
        return CALL_DONE;
    if (count_of(r, c->req->ref) >= r->opt.subs_conn_max)
        return call_fail(c, RPC_LIMIT, "too many subscriptions (max %u)",
                         r->opt.subs_conn_max);
    if (random_bytes(id, sizeof(id)) != MT_OK)
        return call_error(c, MT_EIO, NULL);
    struct sub *s = mt_alloc(sizeof(*s));
    arena_init(&s->arena, 1u << 20);
    bool ok = read_kind(c, s);
    if (ok && s->kind == SUB_LOGS)
        ok = read_filter(c, s);
    if (ok && s->kind == SUB_PENDING)
        ok = arg_bool(c, 1, &s->full);
    if (!ok) {
        arena_fini(&s->arena);
        mt_free(s);
        return CALL_DONE;
    }
    memcpy(s->id, "0x", 2);
    hex_encode(slice_of(id, 16), s->id + 2);
    s->ref = c->req->ref;
    s->next = r->subs;
    r->subs = s;
    r->sub_num++;
    metric_move(METRIC_rpc_subscriptions, r->opt.metric_net, 1);
    json_str(&c->out, s->id);
    return CALL_DONE;
}

enum call_status m_unsubscribe(struct call *c)
{
    if (!c->req->websocket)
        return call_fail(c, RPC_METHOD, "notifications not supported");
    if (!args_num(c, 1, 1))
        return CALL_DONE;
    const char *id = json_string_value(arg(c, 0));
    for (struct sub **at = &c->rpc->subs; id != NULL && *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->id, id) == 0 && net_ref_eq((*at)->ref, c->req->ref)) {
            drop(c->rpc, at);
            json_bool(&c->out, true);
            return CALL_DONE;
        }
    }
    return call_fail(c, RPC_SERVER, "subscription not found");
}

/* ---- pushing ---- */

/* Sends one notification. A connection that is closed by it (its queue was full) keeps
 * its subscriptions until on_close comes; sends to it do nothing. */
static void push(struct rpc *r, const struct sub *s, slice value)
{
    struct buf b;
    buf_init(&b, r->opt.reply_max);
    buf_put_str(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{"
                    "\"subscription\":\"");
    buf_put_str(&b, s->id);
    buf_put_str(&b, "\",\"result\":");
    buf_put_slice(&b, value);
    buf_put_str(&b, "}}");
    if (buf_ok(&b))
        net_send(r->net, s->ref, buf_slice(&b));
    buf_fini(&b);
}

static bool any_of(const struct rpc *r, enum sub_kind kind)
{
    for (const struct sub *s = r->subs; s != NULL; s = s->next)
        if (s->kind == kind)
            return true;
    return false;
}

static void push_head(struct rpc *r, const struct chain_block *b)
{
    struct buf value;
    buf_init(&value, r->opt.reply_max);
    struct json_out j = json_out(&value);
    wire_header(&j, &b->block.header, &b->block.hash);
    for (const struct sub *s = r->subs; s != NULL; s = s->next)
        if (s->kind == SUB_HEADS)
            push(r, s, buf_slice(&value));
    buf_fini(&value);
}

static void push_log(struct rpc *r, const struct sub *s, const struct chain_block *b,
                     uint32_t tx_idx, uint64_t log_idx, const struct log *log,
                     bool removed, struct buf *value)
{
    if (!log_filter_match(&s->filter, log))
        return;
    buf_reset(value);
    struct json_out j = json_out(value);
    wire_log(&j, b, tx_idx, log_idx, log, removed);
    push(r, s, buf_slice(value));
}

/* What is taken off comes last log first, as it is undone. */
static void push_logs_to(struct rpc *r, const struct sub *s, const struct chain_block *b,
                         bool removed)
{
    struct buf value;
    uint32_t num = (uint32_t)b->block.tx_num;
    uint64_t at = removed ? wire_first_log(b, num) : 0;
    if (log_filter_excludes(&s->filter, b->block.header.bloom))
        return;
    buf_init(&value, r->opt.reply_max);
    net_cork(r->net, s->ref);
    for (uint32_t i = 0; !removed && i < num; i++)
        for (size_t k = 0; k < b->receipts[i].log_num; k++)
            push_log(r, s, b, i, at++, &b->receipts[i].logs[k], false, &value);
    for (uint32_t i = num; removed && i-- > 0;)
        for (size_t k = b->receipts[i].log_num; k-- > 0;)
            push_log(r, s, b, i, --at, &b->receipts[i].logs[k], true, &value);
    net_uncork(r->net, s->ref);
    buf_fini(&value);
}

static void push_logs(struct rpc *r, const struct chain_block *b, bool removed)
{
    for (const struct sub *s = r->subs; s != NULL; s = s->next)
        if (s->kind == SUB_LOGS)
            push_logs_to(r, s, b, removed);
}

void sub_update(struct rpc *r, const struct chain_update *u)
{
    if (r->subs == NULL || r->net == NULL)
        return;
    bool logs = any_of(r, SUB_LOGS), heads = any_of(r, SUB_HEADS);
    for (size_t i = 0; logs && i < u->removed_num; i++)
        push_logs(r, u->removed[i], true);
    for (size_t i = 0; i < u->added_num; i++) {
        if (heads)
            push_head(r, u->added[i]);
        if (logs)
            push_logs(r, u->added[i], false);
    }
}

void sub_pending(struct rpc *r, struct pool_tx *tx)
{
    filters_pending(r, &tx->tx.hash);
    if (r->subs == NULL || r->net == NULL || !any_of(r, SUB_PENDING))
        return;
    for (const struct sub *s = r->subs; s != NULL; s = s->next) {
        struct buf value;
        if (s->kind != SUB_PENDING)
            continue;
        buf_init(&value, r->opt.reply_max);
        struct json_out j = json_out(&value);
        if (s->full)
            wire_tx(&j, &tx->tx, NULL, 0);
        else
            json_hash(&j, &tx->tx.hash);
        push(r, s, buf_slice(&value));
        buf_fini(&value);
    }
}

/* As geth has it: {syncing: true, status} when catching up begins and now and then while
 * it lasts, false at its end. */
static void push_syncing(struct rpc *r, bool fresh_only)
{
    struct buf value;
    buf_init(&value, r->opt.reply_max);
    struct json_out j = json_out(&value);
    if (r->sync.syncing) {
        json_obj(&j);
        json_kv_bool(&j, "syncing", true);
        json_key(&j, "status");
        wire_syncing(&j, &r->sync);
        json_obj_end(&j);
    } else {
        json_bool(&j, false);
    }
    for (struct sub *s = r->subs; s != NULL; s = s->next) {
        if (s->kind != SUB_SYNCING || (fresh_only && s->told))
            continue;
        s->told = true;
        push(r, s, buf_slice(&value));
    }
    buf_fini(&value);
}

void sub_syncing(struct rpc *r)
{
    if (r->subs == NULL || r->net == NULL || !any_of(r, SUB_SYNCING))
        return;
    r->sync_told_ns = clock_mono_ns();
    push_syncing(r, false);
}

/* New subscribers hear how things stand, after their reply; a node that does not follow
 * another has nothing to tell. */
void sub_tick(struct rpc *r, uint64_t now_ns)
{
    if (!r->follows || r->subs == NULL || r->net == NULL || !any_of(r, SUB_SYNCING))
        return;
    if (r->sync.syncing && now_ns - r->sync_told_ns > SYNC_EVERY_NS)
        sub_syncing(r);
    else
        push_syncing(r, true);
}
