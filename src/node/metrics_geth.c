/* Our metrics under geth's names, for the dashboards people have. Only what we can tell
 * truly is here: there are no counters of single account and storage reads, and no peers.
 *
 * Geth's timers are summaries in nanoseconds; ours are histograms, so a quantile is the
 * upper limit of the bucket that holds it. */
#include "daemon.h"

/* X(geth's name, type, value) */
#define NUMBERS(X)                                                                       \
    X(chain_head_block, gauge, metric_value(METRIC_chain_head_block, m))                 \
    X(chain_head_header, gauge, metric_value(METRIC_chain_head_block, m))                \
    X(chain_head_finalized, gauge, head_number(net, METISDB_FINALIZED))                  \
    X(chain_head_safe, gauge, head_number(net, METISDB_SAFE))                            \
    X(chain_reorg_executes, counter, metric_value(METRIC_chain_reorgs_total, m))         \
    X(txpool_pending, gauge, metric_value(METRIC_pool_pending, m))                       \
    X(txpool_queued, gauge, metric_value(METRIC_pool_queued, m))                         \
    X(txpool_valid, counter, metric_value(METRIC_pool_added_total, m))                   \
    X(txpool_invalid, counter, metric_value(METRIC_pool_rejected_total, m))              \
    X(p2p_peers, gauge, 0)                                                               \
    X(p2p_ingress, counter, 0)                                                           \
    X(p2p_egress, counter, 0)                                                            \
    X(rpc_requests, gauge, metric_value(METRIC_rpc_requests_total, m))                   \
    X(rpc_failure, gauge, metric_value(METRIC_rpc_errors_total, m))                      \
    X(rpc_success, gauge,                                                                \
      metric_value(METRIC_rpc_requests_total, m) -                                       \
          metric_value(METRIC_rpc_errors_total, m))                                      \
    X(system_memory_used, gauge, metric_value(METRIC_node_memory_bytes, METRIC_NODE))    \
    X(eth_db_chaindata_disk_size, gauge, metric_value(METRIC_db_size_bytes, m))

/* X(geth's name, our histogram) */
#define SUMMARIES(X)                                                                     \
    X(chain_inserts, METRIC_chain_build_seconds)                                         \
    X(chain_execution, METRIC_chain_execute_seconds)                                     \
    X(chain_write, METRIC_chain_commit_seconds)                                          \
    X(rpc_duration_all, METRIC_rpc_duration_seconds)

static int64_t head_number(const struct network *net, enum metisdb_head which)
{
    return net->view->has_head[which] ? (int64_t)net->view->heads[which].number : 0;
}

static uint64_t quantile_ns(const struct metric_histogram *h, unsigned per_mille)
{
    uint64_t seen = 0, want = (h->count * per_mille + 999) / 1000;
    unsigned i = 0;
    while (i < METRIC_BUCKETS) {
        seen += h->bucket[i];
        if (seen >= want)
            break;
        i++;
    }
    return h->count == 0 ? 0 : metric_bucket_ns(MT_MIN(i, METRIC_BUCKETS - 1));
}

static void put_summary(struct buf *out, const char *name, enum metric metric, unsigned m)
{
    static const struct {
        const char *text;
        unsigned per_mille;
    } quantiles[] = {{"0.5", 500}, {"0.75", 750}, {"0.95", 950}, {"0.99", 990}};
    struct metric_histogram h;
    metric_histogram(metric, m, &h);
    buf_printf(out, "# TYPE %s summary\n", name);
    for (size_t i = 0; i < MT_ARRAY_LEN(quantiles); i++)
        buf_printf(out, "%s{quantile=\"%s\"} %llu\n", name, quantiles[i].text,
                   (unsigned long long)quantile_ns(&h, quantiles[i].per_mille));
    buf_printf(out, "%s_sum %llu\n%s_count %llu\n", name, (unsigned long long)h.sum_ns,
               name, (unsigned long long)h.count);
}

/* Millions of gas a second of building or executing, since the start. */
static void put_speed(struct buf *out, unsigned m)
{
    struct metric_histogram build, execute;
    metric_histogram(METRIC_chain_build_seconds, m, &build);
    metric_histogram(METRIC_chain_execute_seconds, m, &execute);
    double seconds = (double)(build.sum_ns + execute.sum_ns) / 1e9;
    double gas = (double)metric_value(METRIC_chain_gas_total, m);
    uint64_t kilogas = seconds > 0 ? (uint64_t)(gas / 1e3 / seconds) : 0;
    buf_printf(out, "# TYPE chain_mgasps gauge\nchain_mgasps %llu.%03llu\n",
               (unsigned long long)(kilogas / 1000),
               (unsigned long long)(kilogas % 1000));
}

void metrics_write_geth(const struct network *net, struct buf *out)
{
    unsigned m = net->metric;
#define PUT_NUMBER(name, type, value)                                                    \
    buf_printf(out, "# TYPE " #name " " #type "\n" #name " %lld\n", (long long)(value));
    NUMBERS(PUT_NUMBER)
#undef PUT_NUMBER
#define PUT_SUMMARY(name, metric) put_summary(out, #name, metric, m);
    SUMMARIES(PUT_SUMMARY)
#undef PUT_SUMMARY
    put_speed(out, m);
}
