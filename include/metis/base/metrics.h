/* Counters, gauges and histograms of the whole program, and their Prometheus text.
 *
 * One X-macro names every metric; the exposition, docs/METRICS.md and the tests expand
 * it. A metric has one series for the program and one for each network (a label); the
 * series that were never touched are left out. All functions are safe from any thread: a
 * series is a few relaxed atomics, so reading while others write may mix two neighbouring
 * moments. */
#ifndef METIS_BASE_METRICS_H
#define METIS_BASE_METRICS_H

#include "metis/base/mem.h"

/* X(name, kind, help): exported as metis_<name>. Kinds: COUNTER (only grows; the name
 * ends in _total), GAUGE (a signed value), SECONDS (a histogram of durations, buckets
 * below), TABLE (a gauge with a label of its own, kept elsewhere and written by
 * metrics_write_table). */
#define METIS_METRICS(X)                                                                 \
    X(chain_head_block, GAUGE, "Number of the head block")                               \
    X(chain_head_timestamp_seconds, GAUGE, "Timestamp of the head block")                \
    X(chain_blocks_total, COUNTER, "Blocks committed")                                   \
    X(chain_transactions_total, COUNTER, "Transactions in committed blocks")             \
    X(chain_gas_total, COUNTER, "Gas used by committed blocks")                          \
    X(chain_rejected_blocks_total, COUNTER, "Blocks refused by validation")              \
    X(chain_reorgs_total, COUNTER, "Heads that were replaced by another branch")         \
    X(chain_execute_seconds, SECONDS, "Time to execute a block")                         \
    X(chain_commit_seconds, SECONDS, "Time to compute the root and commit a block")      \
    X(chain_build_seconds, SECONDS, "Time to build, seal and commit a block here")       \
    X(pool_pending, GAUGE, "Transactions that could be included now")                    \
    X(pool_queued, GAUGE, "Transactions that wait for an earlier nonce")                 \
    X(pool_added_total, COUNTER, "Transactions admitted")                                \
    X(pool_rejected_total, COUNTER, "Transactions refused at admission")                 \
    X(pool_dropped_total, COUNTER, "Transactions removed without inclusion")             \
    X(rpc_requests_total, COUNTER, "RPC calls, each element of a batch counted")         \
    X(rpc_errors_total, COUNTER, "RPC calls answered with an error")                     \
    X(rpc_duration_seconds, SECONDS, "Time from a decoded RPC call to its reply")        \
    X(rpc_in_flight, GAUGE, "RPC calls on the reader threads")                           \
    X(rpc_streams_total, COUNTER, "Replies that left in parts")                          \
    X(rpc_stream_cuts_total, COUNTER, "Replies in parts that were cut off")              \
    X(rpc_subscriptions, GAUGE, "Open subscriptions")                                    \
    X(net_connections, GAUGE, "Open client connections")                                 \
    X(net_accepted_total, COUNTER, "Client connections accepted")                        \
    X(net_refused_total, COUNTER, "Client connections refused by a limit")               \
    X(net_received_bytes_total, COUNTER, "Bytes read from clients")                      \
    X(net_sent_bytes_total, COUNTER, "Bytes written to clients")                         \
    X(follow_upstream_head, GAUGE, "Head of the node that is followed")                  \
    X(follow_lag_blocks, GAUGE, "Blocks that the followed node is ahead")                \
    X(follow_connected, GAUGE, "1 while the followed node answers")                      \
    X(follow_syncing, GAUGE, "1 while catching up")                                      \
    X(follow_halted, GAUGE, "1 after a block was refused: nothing more is imported")     \
    X(follow_blocks_total, COUNTER, "Blocks fetched, executed and verified")             \
    X(follow_received_bytes_total, COUNTER, "Bytes of answers of the followed node")     \
    X(follow_failures_total, COUNTER, "Requests to the followed node that failed")       \
    X(follow_rewinds_total, COUNTER, "Times the followed node's chain went back")        \
    X(follow_import_seconds, SECONDS,                                                    \
      "Time from an answer's arrival to its last commit")                                \
    X(follow_forwarded_total, COUNTER, "Transactions handed to the followed node")       \
    X(follow_forward_refused_total, COUNTER,                                             \
      "Transactions that the followed node refused or could not be asked about")         \
    X(net_tls_failures_total, COUNTER, "TLS connections that broke the protocol")        \
    X(net_auth_failures_total, COUNTER, "Requests refused for want of a valid token")    \
    X(db_durable_block, GAUGE, "Number of the last block that is on the disk")           \
    X(db_durable_lag_blocks, GAUGE,                                                      \
      "Blocks above it: what a power failure would take (a kill takes none)")            \
    X(db_size_bytes, GAUGE, "Size of the database on disk")                              \
    X(db_disk_free_bytes, GAUGE, "Free space of the disk that holds the database")       \
    X(db_free_list_bytes, GAUGE, "Pages of the database that are free for reuse")        \
    X(db_readers, GAUGE, "Snapshots of the database that are open")                      \
    X(db_oldest_reader_commits, GAUGE,                                                   \
      "Commits since the oldest open snapshot; pages freed since then cannot be reused") \
    X(db_table_bytes, TABLE, "Size of a table of the database")                          \
    X(sequencer_held, GAUGE,                                                             \
      "Why no blocks are built: 1 by the operator, 2 for want of disk, 3 both, 0 built") \
    X(sequencer_failures_total, COUNTER, "Blocks that could not be built")               \
    X(log_dropped_total, COUNTER, "Lines of the log that nobody read")                   \
    X(node_blocked, GAUGE, "1 while a stage is blocked")                                 \
    X(node_stalls_total, COUNTER, "Times that a stage was blocked")                      \
    X(node_start_time_seconds, GAUGE, "Unix time at which the program started")          \
    X(node_memory_bytes, GAUGE, "Resident memory of the program")                        \
    X(node_cpu_milliseconds_total, COUNTER, "Processor time used by the program")        \
    X(node_open_files, GAUGE, "Open file descriptors")

enum metric {
#define METRIC_ENUM(name, kind, help) METRIC_##name,
    METIS_METRICS(METRIC_ENUM)
#undef METRIC_ENUM
        METRIC_COUNT
};

/* The series of the program itself; networks are 0..METRIC_NETWORKS_MAX - 1. */
#define METRIC_NETWORKS_MAX 4u
#define METRIC_NODE         METRIC_NETWORKS_MAX

/* Names the next network's label; *net is the index to pass on. A name that is known gets
 * its old index. MT_ELIMIT past four, MT_EINVAL for a name over 31 characters or with
 * anything but letters, digits, '-', '_' and '.'. */
mt_err metrics_network(const char *name, unsigned *net);

/* n more, for a counter. An unknown network index counts for METRIC_NODE. */
void metric_add(enum metric metric, unsigned net, uint64_t n);

/* A counter whose total is kept elsewhere (processor time). */
void metric_set_total(enum metric metric, unsigned net, uint64_t total);

/* A gauge's value, or a change of it. */
void metric_set(enum metric metric, unsigned net, int64_t value);
void metric_move(enum metric metric, unsigned net, int64_t by);

/* One duration into a histogram. The buckets' upper limits are 10 us * 4^i, i = 0..11 (10
 * us to about 42 s), and infinity. */
void metric_observe_ns(enum metric metric, unsigned net, uint64_t ns);

/* The present value (of a histogram: the number of observations). */
int64_t metric_value(enum metric metric, unsigned net);

/* What a histogram has seen. bucket[i]: durations up to metric_bucket_ns(i) and over the
 * one before; count - their sum: longer ones. */
#define METRIC_BUCKETS 12u
struct metric_histogram {
    uint64_t count, sum_ns;
    uint32_t bucket[METRIC_BUCKETS];
};
void metric_histogram(enum metric metric, unsigned net, struct metric_histogram *out);
uint64_t metric_bucket_ns(unsigned i);

/* A TABLE metric: its header with first, then one series {network, label="value"}. */
void metrics_write_table(struct buf *out, enum metric metric, bool first, unsigned net,
                         const char *label, const char *text, int64_t value);

/* Everything as Prometheus text, version 0.0.4. */
void metrics_write(struct buf *out);

/* Name without the prefix, kind ("counter", "gauge", "histogram") and help of a metric,
 * for the documentation; constant strings. */
struct metric_info {
    const char *name;
    const char *kind;
    const char *help;
};
struct metric_info metric_info(enum metric metric);

#endif
