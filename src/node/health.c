/* GET paths of the RPC port: is the loop alive, is the network fit to answer, metrics. */
#include "daemon.h"
#include "follower.h"

#include "metis/codec.h"

#include <dirent.h>
#include <sys/resource.h>

/* The checks as they are written: {"name":{"ok":…,"detail":…}}, and who failed. */
#define CHECKS_MAX 8u
struct checks {
    struct json_out *j;
    const char *failing[CHECKS_MAX];
    unsigned failing_num;
};

static void put_check(struct checks *c, const char *name, bool ok, const char *detail)
{
    json_key(c->j, name);
    json_obj(c->j);
    json_kv_bool(c->j, "ok", ok);
    json_kv_str(c->j, "detail", detail);
    json_obj_end(c->j);
    if (!ok && c->failing_num < CHECKS_MAX)
        c->failing[c->failing_num++] = name;
}

static void check_node(const struct network *net, struct checks *c)
{
    bool ok = net->node->ready && !net->node->stopping;
    put_check(c, "node", ok, net->node->stopping ? "stopping" : ok ? "ok" : "starting");
}

static void check_head(const struct network *net, struct checks *c)
{
    const struct header *h = &net->view->head->block.header;
    uint64_t now = clock_unix_ms() / 1000;
    uint64_t age = now > h->timestamp ? now - h->timestamp : 0;
    uint64_t max_ms = config_num(net->node->config, net->ledger.name, OPT_node_ready_age);
    char text[128];
    mt_fmt(text, sizeof text, "block %llu, %llu s old", (unsigned long long)h->number,
           (unsigned long long)age);
    put_check(c, "head", max_ms == 0 || age * 1000 <= max_ms, text);
}

static void check_executor(const struct network *net, struct checks *c)
{
    char text[64];
    size_t waiting = executor_len(net->executor);
    mt_fmt(text, sizeof text, "%zu jobs wait", waiting);
    put_check(c, "executor", waiting < 1024, text);
}

static void check_sequencer(const struct network *net, struct checks *c)
{
    if (net->sequencer == NULL) {
        put_check(c, "sequencer", true, "this node follows");
        return;
    }
    const char *error = sequencer_last_error(net->sequencer);
    bool builds =
        sequencer_held(net->sequencer) == 0 && !sequencer_draining(net->sequencer);
    put_check(c, "sequencer", builds && error[0] == 0,
              builds && error[0] != 0 ? error : sequencer_state(net));
}

static void check_disk(const struct network *net, struct checks *c)
{
    char text[64];
    mt_fmt(text, sizeof text, "%lld bytes free",
           (long long)metric_value(METRIC_db_disk_free_bytes, net->metric));
    put_check(c, "disk", !watch_disk_low(net, 0),
              atomic_load(&net->disk_known) ? text : "not asked yet");
}

static void check_log(struct checks *c)
{
    uint64_t dropped;
    bool stuck = log_stuck(&dropped);
    char text[96];
    mt_fmt(text, sizeof text, "%s, %llu lines dropped since the start",
           stuck ? "nobody reads the log" : "ok", (unsigned long long)dropped);
    put_check(c, "log", !stuck, text);
}

/* The stage of the network, or of the program, that is stuck; STAGE_COUNT for none. */
static enum stage blocked_stage(const struct network *net, uint64_t now_ns,
                                struct stage_view *v)
{
    const struct node *n = net->node;
    enum stage s =
        stage_blocked(STAGE_ALL, net->metric, now_ns, watch_limit_ns(n, net->metric), v);
    if (s != STAGE_COUNT)
        return s;
    return stage_blocked(STAGE_ALL, METRIC_NODE, now_ns, watch_limit_ns(n, METRIC_NODE),
                         v);
}

static void check_stages(const struct network *net, struct checks *c)
{
    struct stage_view v;
    char text[192];
    uint64_t now = clock_mono_ns();
    enum stage s = blocked_stage(net, now, &v);
    if (s == STAGE_COUNT) {
        put_check(c, "stages", true, "none is blocked");
        return;
    }
    mt_fmt(text, sizeof text, "%s (%s), block %llu, is blocked for %llu ms",
           stage_name(s), stage_what(s), (unsigned long long)v.what,
           (unsigned long long)((now - v.since_ns) / 1000000u));
    put_check(c, "stages", false, text);
}

static void check_follower(const struct network *net, struct checks *c)
{
    char text[MT_DIAG_TEXT_MAX + 64];
    bool ok = follower_ready(net->follower, text, sizeof text);
    put_check(c, "follow", ok, text);
}

/* "checks", "failing" and "ready"; true when all are well. */
static bool put_checks(const struct network *net, struct json_out *j)
{
    struct checks c = {.j = j};
    json_key(j, "checks");
    json_obj(j);
    check_node(net, &c);
    check_head(net, &c);
    check_executor(net, &c);
    check_sequencer(net, &c);
    if (net->follower != NULL)
        check_follower(net, &c);
    check_disk(net, &c);
    check_log(&c);
    check_stages(net, &c);
    json_obj_end(j);
    json_key(j, "failing");
    json_arr(j);
    for (unsigned i = 0; i < c.failing_num; i++)
        json_str(j, c.failing[i]);
    json_arr_end(j);
    json_kv_bool(j, "ready", c.failing_num == 0);
    return c.failing_num == 0;
}

static void put_ready(const struct network *net, unsigned *status, struct buf *body)
{
    struct json_out j = json_out(body);
    json_obj(&j);
    json_kv_str(&j, "network", net->ledger.name);
    *status = put_checks(net, &j) ? 200 : 503;
    json_obj_end(&j);
}

/* ---- metis_health ---- */

static void put_blocked(const struct network *net, struct json_out *j)
{
    struct stage_view v;
    uint64_t now = clock_mono_ns();
    enum stage s = blocked_stage(net, now, &v);
    json_key(j, "blocked");
    if (s == STAGE_COUNT) {
        json_nil(j);
        return;
    }
    json_obj(j);
    json_kv_str(j, "stage", stage_name(s));
    json_kv_u64(j, "block", v.what);
    json_kv_u64(j, "ms", (now - v.since_ns) / 1000000u);
    json_obj_end(j);
}

/* Every stage: how long it has been at it (0: at rest), the block, its last error. */
static void put_stages(const struct network *net, struct json_out *j)
{
    uint64_t now = clock_mono_ns();
    json_key(j, "stages");
    json_obj(j);
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        struct stage_view v;
        enum stage s = (enum stage)i;
        stage_look(s, s == STAGE_loop ? METRIC_NODE : net->metric, &v);
        json_key(j, stage_name(s));
        json_obj(j);
        json_key(j, "ms");
        json_u64(j,
                 v.since_ns == 0 || now < v.since_ns ? 0 : (now - v.since_ns) / 1000000u);
        json_kv_u64(j, "block", v.what);
        json_key(j, "lastError");
        if (v.error[0] == 0)
            json_nil(j);
        else
            json_str(j, v.error);
        json_obj_end(j);
    }
    json_obj_end(j);
}

void health_put(const struct network *net, struct json_out *j)
{
    const struct block *head = &net->view->head->block;
    json_obj(j);
    json_kv_str(j, "network", net->ledger.name);
    json_key(j, "head");
    json_obj(j);
    json_kv_u64(j, "number", head->header.number);
    json_kv_hash(j, "hash", &head->hash);
    json_kv_u64(j, "timestamp", head->header.timestamp);
    json_obj_end(j);
    put_checks(net, j);
    put_blocked(net, j);
    put_stages(net, j);
    json_key(j, "lastError");
    if (net->sequencer != NULL && sequencer_last_error(net->sequencer)[0] != 0)
        json_str(j, sequencer_last_error(net->sequencer));
    else
        json_nil(j);
    json_obj_end(j);
}

static bool is(slice path, const char *text)
{
    return slice_eq(path, slice_str(text));
}

/* The sizes of the databases' tables, written as they are read. */
static void write_tables(const struct node *n, struct buf *body)
{
    struct metisdb_stat stat;
    bool first = true;
    for (unsigned i = 0; i < n->network_num; i++) {
        const struct network *net = &n->networks[i];
        if (metisdb_get_stat(net->ledger.db, &stat) != MT_OK)
            continue;
        for (size_t t = 0; t < stat.table_num; t++) {
            metrics_write_table(body, METRIC_db_table_bytes, first, net->metric, "table",
                                stat.tables[t].name, (int64_t)stat.tables[t].bytes);
            first = false;
        }
    }
}

bool health_get(void *ctx, slice path, unsigned *status, const char **content_type,
                struct buf *body)
{
    const struct network *net = ctx;
    if (is(path, "/livez")) {
        *status = 200;
        *content_type = "text/plain";
        buf_put_str(body, "ok\n");
        return true;
    }
    if (is(path, "/readyz") || is(path, "/health")) {
        *content_type = "application/json";
        put_ready(net, status, body);
        return true;
    }
    if (is(path, "/metrics") &&
        config_bool(net->node->config, net->ledger.name, OPT_rpc_metrics)) {
        *status = 200;
        *content_type = "text/plain; version=0.0.4; charset=utf-8";
        health_measure(net->node);
        metrics_write(body);
        write_tables(net->node, body);
        return true;
    }
    if (is(path, "/debug/metrics/prometheus") &&
        config_num(net->node->config, net->ledger.name, OPT_metrics_compat) != 0) {
        *status = 200;
        *content_type = "text/plain; version=0.0.4; charset=utf-8";
        health_measure(net->node);
        metrics_write_geth(net, body);
        return true;
    }
    return web_get(net, path, status, content_type, body);
}

static int64_t open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int64_t num = -3; /* ".", ".." and the folder itself */
    if (d == NULL)
        return 0;
    while (readdir(d) != NULL)
        num++;
    closedir(d);
    return num;
}

static uint64_t timeval_ms(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_usec / 1000;
}

/* Blocks that a power failure would take: above the last one that is on the disk. Before
 * the first flush of a new store that is the genesis, which can always be made again. */
static void measure_durable(const struct network *net)
{
    struct block_id id;
    uint64_t head = net->view->heads[METISDB_HEAD].number;
    uint64_t durable = chain_genesis(net->ledger.chain)->header.number;
    if (metisdb_get_head(net->ledger.db, METISDB_DURABLE, &id) == MT_OK)
        durable = id.number;
    metric_set(METRIC_db_durable_block, net->metric, (int64_t)durable);
    metric_set(METRIC_db_durable_lag_blocks, net->metric,
               head > durable ? (int64_t)(head - durable) : 0);
}

static void measure_network(const struct network *net)
{
    size_t pending, queued;
    struct metisdb_stat stat;
    pool_count(net->pool, &pending, &queued);
    metric_set(METRIC_pool_pending, net->metric, (int64_t)pending);
    metric_set(METRIC_pool_queued, net->metric, (int64_t)queued);
    if (net->sequencer != NULL)
        metric_set(METRIC_sequencer_held, net->metric, sequencer_held(net->sequencer));
    measure_durable(net);
    if (metisdb_get_stat(net->ledger.db, &stat) != MT_OK)
        return;
    metric_set(METRIC_db_size_bytes, net->metric, (int64_t)stat.file_bytes);
    metric_set(METRIC_db_free_list_bytes, net->metric, (int64_t)stat.free_bytes);
    metric_set(METRIC_db_readers, net->metric, stat.readers_open);
    metric_set(METRIC_db_oldest_reader_commits, net->metric,
               (int64_t)stat.oldest_reader_commits);
}

void health_measure(struct node *n)
{
    size_t rss = 0;
    struct rusage use;
    if (uv_resident_set_memory(&rss) == 0)
        metric_set(METRIC_node_memory_bytes, METRIC_NODE, (int64_t)rss);
    if (getrusage(RUSAGE_SELF, &use) == 0)
        metric_set_total(METRIC_node_cpu_milliseconds_total, METRIC_NODE,
                         timeval_ms(use.ru_utime) + timeval_ms(use.ru_stime));
    metric_set(METRIC_node_open_files, METRIC_NODE, open_files());
    for (unsigned i = 0; i < n->network_num; i++)
        measure_network(&n->networks[i]);
}
