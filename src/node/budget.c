/* What a network may use at most, told at start: each part has an option, and an operator
 * who adds the machine's other users to the total knows what to give to it. */
#include "daemon.h"

static uint64_t option(const struct network *net, enum opt id)
{
    return config_num(net->node->config, net->ledger.name, id);
}

void budget_log(const struct network *net)
{
    struct rpc_options d;
    rpc_options_default(&d);
    uint64_t jobs = workers_count(net->node->readers) + 1; /* and the loop's own */
    uint64_t calls = jobs * option(net, OPT_rpc_job_memory);
    /* A reply grows by doubling, and a batch is put together beside its parts. */
    uint64_t replies = 2 * jobs * option(net, OPT_rpc_reply_max);
    uint64_t held = option(net, OPT_rpc_held_max);
    uint64_t pool = option(net, OPT_txpool_bytes_max);
    uint64_t block = option(net, OPT_node_block_memory);
    log_info("node", "memory budget", KV_STR("network", net->ledger.name),
             KV_U64("total", calls + replies + held + d.trees_max + pool + block),
             KV_U64("calls", calls), KV_U64("replies", replies),
             KV_U64("connections", held), KV_U64("requests", d.trees_max),
             KV_U64("pool", pool), KV_U64("block", block), KV_END);
}
