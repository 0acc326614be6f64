/* What the operators' RPC methods ask for (admin_*, metis_config), and the unix socket
 * they come in through. Loop thread, but for the statistics of the database. */
#include "daemon.h"

#include "metis/codec.h"
#include "metis/version.h"

#define NAME "metisd/v" MT_VERSION "-" MT_COMMIT "/linux/c"

static void put_str(struct json_out *j, const char *key, const char *value)
{
    json_kv_str(j, key, value);
}

static void put_u64(struct json_out *j, const char *key, uint64_t value)
{
    json_kv_u64(j, key, value);
}

/* Geth's form, without what belongs to a peer-to-peer network. */
static void put_node_info(const struct network *net, struct json_out *j)
{
    const struct chain_block *head = net->view->head;
    json_obj(j);
    put_str(j, "name", NAME);
    put_str(j, "id", "");
    put_str(j, "enode", "");
    put_str(j, "ip", net->host);
    put_str(j, "network", net->ledger.name);
    put_str(j, "role", net->sequencer != NULL ? "sequencer" : "follower");
    put_u64(j, "uptimeSeconds", (clock_mono_ns() - net->node->start_ns) / 1000000000u);
    json_key(j, "ports");
    json_obj(j);
    put_u64(j, "discovery", 0);
    put_u64(j, "listener", 0);
    put_u64(j, "rpc", net->port);
    json_obj_end(j);
    json_key(j, "protocols");
    json_obj(j);
    json_key(j, "eth");
    json_obj(j);
    put_u64(j, "network", net->ledger.genesis.spec.chain_id);
    json_kv_hash(j, "genesis", &net->ledger.genesis.hash);
    json_kv_hash(j, "head", &head->block.hash);
    put_u64(j, "number", head->block.header.number);
    json_obj_end(j);
    json_obj_end(j);
    json_obj_end(j);
}

static mt_err put_db_stat(const struct network *net, struct json_out *j)
{
    static const char *const heads[] = {
#define HEAD_NAME(id, name) name,
        METISDB_HEADS(HEAD_NAME)
#undef HEAD_NAME
    };
    struct metisdb_stat s;
    MT_TRY(metisdb_get_stat(net->ledger.db, &s));
    json_obj(j);
    put_str(j, "folder", net->ledger.dir.s);
    put_u64(j, "fileBytes", s.file_bytes);
    put_u64(j, "freeBytes", s.free_bytes);
    put_u64(j, "mapBytes", s.map_bytes);
    put_u64(j, "readers", s.readers);
    put_u64(j, "oldestState", s.undo_from);
    json_key(j, "heads");
    json_obj(j);
    for (unsigned i = 0; i < METISDB_HEAD_COUNT; i++) {
        if (!s.has_head[i])
            continue;
        json_key(j, heads[i]);
        json_obj(j);
        put_u64(j, "number", s.heads[i].number);
        json_kv_hash(j, "hash", &s.heads[i].hash);
        json_obj_end(j);
    }
    json_obj_end(j);
    json_key(j, "tables");
    json_obj(j);
    for (size_t i = 0; i < s.table_num; i++) {
        json_key(j, s.tables[i].name);
        json_obj(j);
        put_u64(j, "entries", s.tables[i].entries);
        put_u64(j, "bytes", s.tables[i].bytes);
        json_obj_end(j);
    }
    json_obj_end(j);
    json_obj_end(j);
    return MT_OK;
}

static void put_config(const struct network *net, struct json_out *j)
{
    json_obj(j);
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        char origin[512];
        struct opt_name name = opt_name((enum opt)i);
        const struct opt_value *v =
            config_value(net->node->config, net->ledger.name, (enum opt)i);
        config_origin_text(v, origin, sizeof origin);
        json_key(j, name.s);
        json_obj(j);
        put_str(j, "value", v->text);
        put_str(j, "origin", origin);
        json_obj_end(j);
    }
    json_obj_end(j);
}

static mt_err ask_log_level(const struct network *net, const struct rpc_ask_in *in,
                            struct json_out *j, struct mt_diag *diag)
{
    const char *module = in->text[0];
    enum log_level level;
    bool all = strcmp(module, "*") == 0;
    if (in->text[1] == NULL) {
        json_str(j, log_level_name(log_level_of(all ? NULL : module)));
        return MT_OK;
    }
    if (log_level_parse(in->text[1], &level) != MT_OK)
        return mt_fail(diag, MT_EINVAL,
                       "\"%.40s\" is no level: error, warn, info, debug or trace",
                       in->text[1]);
    if (all)
        log_setup(level,
                  (enum log_format)config_num(net->node->config, NULL, OPT_log_format));
    else if (log_module_level(module, level) != MT_OK)
        return mt_fail(diag, MT_EINVAL, "\"%.40s\" is no module, or there are too many",
                       module);
    log_info("node", "log level changed", KV_STR("module", module),
             KV_STR("level", in->text[1]), KV_END);
    json_str(j, in->text[1]);
    return MT_OK;
}

/* ---- the sequencer ---- */

const char *sequencer_state(const struct network *net)
{
    unsigned held = sequencer_held(net->sequencer);
    if ((held & SEQUENCER_HELD_OPERATOR) != 0)
        return "stopped by the operator";
    if ((held & SEQUENCER_HELD_DISK) != 0)
        return "stopped: the disk is nearly full";
    return sequencer_draining(net->sequencer) ? "draining" : "running";
}

static void put_sequencer(const struct network *net, struct json_out *j)
{
    const struct chain_block *head = net->view->head;
    struct sequencer *s = net->sequencer;
    size_t pending, queued;
    unsigned held = sequencer_held(s);
    pool_count(net->pool, &pending, &queued);
    json_obj(j);
    put_str(j, "state",
            held != 0               ? "stopped"
            : sequencer_draining(s) ? "draining"
                                    : "running");
    put_str(j, "reason", sequencer_state(net));
    json_kv_bool(j, "building", !sequencer_idle(s));
    put_u64(j, "pending", pending);
    put_u64(j, "queued", queued);
    put_u64(j, "gasLimit", sequencer_gas_limit(s));
    put_u64(j, "number", head->block.header.number);
    json_kv_hash(j, "hash", &head->block.hash);
    put_str(j, "lastError", sequencer_last_error(s));
    json_obj_end(j);
}

static mt_err set_gas_limit(const struct network *net, uint64_t gas_limit,
                            struct mt_diag *diag)
{
    if (gas_limit != 0 && (gas_limit < 5000 || gas_limit > INT64_MAX))
        return mt_fail(diag, MT_EINVAL, "a gas limit is 5000 to %lld, or 0",
                       (long long)INT64_MAX);
    sequencer_set_gas_limit(net->sequencer, gas_limit);
    return MT_OK;
}

static mt_err ask_sequencer(struct network *net, enum rpc_ask what,
                            const struct rpc_ask_in *in, struct json_out *j,
                            struct mt_diag *diag)
{
    struct sequencer *s = net->sequencer;
    if (s == NULL)
        return mt_fail(diag, MT_EUNSUPPORTED, "this node does not build blocks");
    if (what == RPC_ASK_SEQUENCER_DRAIN)
        sequencer_drain(s);
    else if (what == RPC_ASK_SEQUENCER_START)
        sequencer_release(s, SEQUENCER_HELD_OPERATOR);
    else if (what == RPC_ASK_SEQUENCER_STOP)
        sequencer_hold(s, SEQUENCER_HELD_OPERATOR);
    else if (what == RPC_ASK_GAS_LIMIT)
        MT_TRY(set_gas_limit(net, in->num, diag));
    if (what != RPC_ASK_SEQUENCER_STATUS)
        log_info("node", "the operator changed the sequencer",
                 KV_STR("network", net->ledger.name),
                 KV_STR("state", sequencer_state(net)),
                 KV_U64("gasLimit", sequencer_gas_limit(s)), KV_END);
    put_sequencer(net, j);
    return MT_OK;
}

mt_err operator_ask(void *ctx, enum rpc_ask what, const struct rpc_ask_in *in,
                    struct json_out *out, struct mt_diag *diag)
{
    struct network *net = ctx;
    switch (what) {
    case RPC_ASK_NODE_INFO:
        put_node_info(net, out);
        return MT_OK;
    case RPC_ASK_DATADIR:
        json_str(out, net->node->datadir);
        return MT_OK;
    case RPC_ASK_DB_STAT:
        return put_db_stat(net, out);
    case RPC_ASK_CONFIG:
        put_config(net, out);
        return MT_OK;
    case RPC_ASK_HEALTH:
        health_put(net, out);
        return MT_OK;
    case RPC_ASK_LOG_LEVEL:
        return ask_log_level(net, in, out, diag);
    case RPC_ASK_RELOAD:
        MT_TRY(node_reload(net->node, diag));
        json_bool(out, true);
        return MT_OK;
    default:
        return ask_sequencer(net, what, in, out, diag);
    }
}

/* ---- the unix socket ---- */

mt_err operator_listen(struct network *net, struct mt_diag *diag)
{
    const struct config *c = net->node->config;
    const struct opt_value *v = config_value(c, net->ledger.name, OPT_rpc_ipc);
    struct net_listen_options opt = {.unix_path = net->ipc.s, .trusted = true};
    if (strcmp(v->text, "off") == 0)
        return MT_OK;
    if (v->text[0] == 0) {
        MT_TRY(files_join(net->ledger.dir.s, "metisd.ipc", &net->ipc, diag));
    } else if (v == &c->general[OPT_rpc_ipc] && net->node->network_num > 1) {
        return mt_fail(diag, MT_EINVAL,
                       "rpc.ipc: one path cannot serve several networks; give it as "
                       "--%s.rpc.ipc",
                       net->ledger.name);
    } else if (mt_fmt(net->ipc.s, sizeof net->ipc.s, "%s", v->text) + 1 >=
               sizeof net->ipc.s) {
        return mt_fail(diag, MT_ELIMIT, "rpc.ipc: the path is too long");
    }
    mt_err err = net_listen(net->server, &opt, NULL, diag);
    if (err == MT_ELIMIT && v->text[0] == 0) { /* nobody asked for this path */
        log_warn("node", "no unix socket: give a shorter path with rpc.ipc",
                 KV_STR("error", diag->text), KV_END);
        diag->text[0] = 0;
        net->ipc.s[0] = 0;
        return MT_OK;
    }
    return err;
}
