/* The operators' methods: parameters are read here; what they ask for is the affair of
 * the program around, which rpc knows only by its ask function. */
#include "rpc_int.h"

static enum call_status ask_in(struct call *c, enum rpc_ask what,
                               const struct rpc_ask_in *in)
{
    const struct rpc_options *opt = &c->rpc->opt;
    struct mt_diag diag = {0};
    if (opt->ask == NULL)
        return call_fail(c, RPC_UNSUPPORTED, "not supported on this node");
    mt_err err = opt->ask(opt->ask_ctx, what, in, &c->out, &diag);
    return err == MT_OK ? CALL_DONE : call_error(c, err, &diag);
}

static enum call_status ask(struct call *c, enum rpc_ask what)
{
    static const struct rpc_ask_in none = {0};
    if (!args_num(c, 0, 0))
        return CALL_DONE;
    return ask_in(c, what, &none);
}

enum call_status m_admin_node_info(struct call *c)
{
    return ask(c, RPC_ASK_NODE_INFO);
}

enum call_status m_admin_datadir(struct call *c)
{
    return ask(c, RPC_ASK_DATADIR);
}

enum call_status m_admin_db_stat(struct call *c)
{
    return ask(c, RPC_ASK_DB_STAT);
}

enum call_status m_admin_reload(struct call *c)
{
    return ask(c, RPC_ASK_RELOAD);
}

enum call_status m_admin_sequencer_status(struct call *c)
{
    return ask(c, RPC_ASK_SEQUENCER_STATUS);
}

enum call_status m_admin_sequencer_drain(struct call *c)
{
    return ask(c, RPC_ASK_SEQUENCER_DRAIN);
}

enum call_status m_admin_sequencer_start(struct call *c)
{
    return ask(c, RPC_ASK_SEQUENCER_START);
}

enum call_status m_admin_sequencer_stop(struct call *c)
{
    return ask(c, RPC_ASK_SEQUENCER_STOP);
}

enum call_status m_node_config(struct call *c)
{
    return ask(c, RPC_ASK_CONFIG);
}

enum call_status m_health(struct call *c)
{
    return ask(c, RPC_ASK_HEALTH);
}

/* Nodes do not connect to each other yet: the list is that of net_peerCount, 0. */
enum call_status m_admin_peers(struct call *c)
{
    if (!args_num(c, 0, 0))
        return CALL_DONE;
    json_arr(&c->out);
    json_arr_end(&c->out);
    return CALL_DONE;
}

enum call_status m_admin_log_level(struct call *c)
{
    struct rpc_ask_in in = {0};
    if (!args_num(c, 1, 2))
        return CALL_DONE;
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = arg(c, i);
        if (v != NULL && !json_is_string(v))
            return call_fail(c, RPC_PARAMS, "invalid argument %zu: not a string", i);
        in.text[i] = json_string_value(v);
    }
    if (in.text[0] == NULL)
        return call_fail(c, RPC_PARAMS, "missing value for required argument 0");
    return ask_in(c, RPC_ASK_LOG_LEVEL, &in);
}

enum call_status m_admin_set_gas_limit(struct call *c)
{
    struct rpc_ask_in in = {0};
    if (!args_num(c, 1, 1) || !arg_number(c, 0, &in.num))
        return CALL_DONE;
    return ask_in(c, RPC_ASK_GAS_LIMIT, &in);
}
