/* GET /status: what the web page (src/web/) shows of the daemon beyond JSON-RPC. One JSON
 * object, made on the loop from what is there anyway; read-only and open like /readyz. */
#include "daemon.h"

#include "metis/codec.h"
#include "metis/version.h"

static const char *role_of(const struct network *net)
{
    if (net->sequencer == NULL)
        return "follows";
    return net->node->dev ? "dev" : "sequences";
}

static void put_network(struct json_out *j, const struct network *net)
{
    const struct config *c = net->node->config;
    const struct header *head = &net->view->head->block.header;
    size_t pending, queued;
    struct metisdb_stat stat;
    pool_count(net->pool, &pending, &queued);
    json_obj(j);
    json_kv_str(j, "name", net->ledger.name);
    json_kv_u64(j, "chainId", net->ledger.genesis.spec.chain_id);
    json_kv_u64(j, "port", net->port);
    json_kv_str(j, "role", role_of(net));
    json_kv_u64(j, "head", head->number);
    json_kv_u64(j, "headTime", head->timestamp);
    json_kv_u64(j, "pending", pending);
    json_kv_u64(j, "queued", queued);
    json_kv_u64(j, "poolMax", config_num(c, net->ledger.name, OPT_txpool_max));
    json_kv_u64(j, "jobs", executor_len(net->executor));
    json_kv_u64(j, "connections", net->server == NULL ? 0 : net_conn_count(net->server));
    if (metisdb_get_stat(net->ledger.db, &stat) == MT_OK) {
        json_kv_u64(j, "dbBytes", stat.file_bytes);
        json_kv_u64(j, "dbFreeBytes", stat.free_bytes);
        json_kv_u64(j, "dbMaxBytes", stat.map_bytes);
        json_kv_u64(j, "stateFrom", stat.undo_from);
    }
    json_obj_end(j);
}

static void put_status(const struct network *net, struct buf *body)
{
    const struct node *n = net->node;
    struct json_out j = json_out(body);
    size_t rss = 0;
    uv_resident_set_memory(&rss);
    json_obj(&j);
    json_kv_str(&j, "version", MT_VERSION);
    json_kv_str(&j, "commit", MT_COMMIT);
    json_kv_str(&j, "network", net->ledger.name);
    json_kv_u64(&j, "uptimeMs", (clock_mono_ns() - n->start_ns) / 1000000u);
    json_kv_u64(&j, "memoryBytes", rss);
    json_key(&j, "networks");
    json_arr(&j);
    for (unsigned i = 0; i < n->network_num; i++)
        put_network(&j, &n->networks[i]);
    json_arr_end(&j);
    json_obj_end(&j);
}

bool web_get(const struct network *net, slice path, unsigned *status,
             const char **content_type, struct buf *body)
{
    if (!slice_eq(path, slice_str("/status")) ||
        !config_bool(net->node->config, net->ledger.name, OPT_rpc_web))
        return false;
    *status = 200;
    *content_type = "application/json";
    put_status(net, body);
    return true;
}
