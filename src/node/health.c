/* GET paths of the RPC port: is the loop alive, is the network fit to answer, metrics. */
#include "daemon.h"
#include "follower.h"

#include "metis/codec.h"

#include <dirent.h>
#include <sys/resource.h>

/* One check of /readyz: {"name":{"ok":…,"detail":…}}. */
static bool put_check(struct json_out *j, const char *name, bool ok, const char *detail)
{
    json_key(j, name);
    json_obj(j);
    json_key(j, "ok");
    json_bool(j, ok);
    json_key(j, "detail");
    json_str(j, detail);
    json_obj_end(j);
    return ok;
}

static bool check_head(const struct network *net, struct json_out *j)
{
    const struct header *h = &net->view->head->block.header;
    uint64_t now = clock_unix_ms() / 1000;
    uint64_t age = now > h->timestamp ? now - h->timestamp : 0;
    uint64_t max_ms = config_num(net->node->config, net->ledger.name, OPT_node_ready_age);
    char text[128];
    mt_fmt(text, sizeof text, "block %llu, %llu s old", (unsigned long long)h->number,
           (unsigned long long)age);
    return put_check(j, "head", max_ms == 0 || age * 1000 <= max_ms, text);
}

static bool check_executor(const struct network *net, struct json_out *j)
{
    char text[64];
    size_t waiting = executor_len(net->executor);
    mt_fmt(text, sizeof text, "%zu jobs wait", waiting);
    return put_check(j, "executor", waiting < 1024, text);
}

static bool check_sequencer(const struct network *net, struct json_out *j)
{
    if (net->sequencer == NULL)
        return put_check(j, "sequencer", true, "this node follows");
    const char *error = sequencer_last_error(net->sequencer);
    return put_check(j, "sequencer", error[0] == 0, error[0] == 0 ? "ok" : error);
}

static bool check_follower(const struct network *net, struct json_out *j)
{
    char text[MT_DIAG_TEXT_MAX + 64];
    bool ok = follower_ready(net->follower, text, sizeof text);
    return put_check(j, "follow", ok, text);
}

static void put_ready(const struct network *net, unsigned *status, struct buf *body)
{
    struct json_out j = json_out(body);
    bool ok = net->node->ready && !net->node->stopping;
    json_obj(&j);
    json_key(&j, "network");
    json_str(&j, net->ledger.name);
    json_key(&j, "checks");
    json_obj(&j);
    put_check(&j, "node", ok, net->node->stopping ? "stopping" : ok ? "ok" : "starting");
    ok = check_head(net, &j) && ok;
    ok = check_executor(net, &j) && ok;
    ok = check_sequencer(net, &j) && ok;
    if (net->follower != NULL)
        ok = check_follower(net, &j) && ok;
    json_obj_end(&j);
    json_key(&j, "ready");
    json_bool(&j, ok);
    json_obj_end(&j);
    *status = ok ? 200 : 503;
}

static bool is(slice path, const char *text)
{
    return slice_eq(path, slice_str(text));
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

static void measure_network(const struct network *net)
{
    size_t pending, queued;
    struct metisdb_stat stat;
    pool_count(net->pool, &pending, &queued);
    metric_set(METRIC_pool_pending, net->metric, (int64_t)pending);
    metric_set(METRIC_pool_queued, net->metric, (int64_t)queued);
    if (metisdb_get_stat(net->ledger.db, &stat) == MT_OK)
        metric_set(METRIC_db_size_bytes, net->metric, (int64_t)stat.file_bytes);
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
