/* Private to node: the running daemon.
 *
 *   loop thread    sockets, timers, pools, sequencers, cheap calls; runs the tasks of
 * to_loop
 *   executor       one a network; its chain_updates come to the loop as tasks
 *   workers        signatures, trie hashing; shared
 *   readers        calls, traces, proofs; shared
 *   housekeeper    flushes databases whose db.sync is interval
 *
 * Start: networks are opened one after the other, then all listen, then the ready line.
 * Stop: servers and sequencers are told to stop; when calls and builds have ended,
 * threads are joined and databases closed. What was served is in the databases by then.
 * */
#ifndef METIS_NODE_DAEMON_H
#define METIS_NODE_DAEMON_H

#include "ledger.h"

#include "metis/builder.h"
#include "metis/net.h"
#include "metis/pool.h"
#include "metis/rpc.h"
#include "metis/sequencer.h"

#include <stdatomic.h>
#include <uv.h>

#define NODE_NETWORKS_MAX METRIC_NETWORKS_MAX

struct node;
struct follower;

/* One network of the daemon. */
struct network {
    struct node *node;
    unsigned idx;
    unsigned metric;
    struct ledger ledger;
    struct head_view *view; /* what the loop knows */
    struct executor *executor;
    struct pool *pool;
    struct sequencer *sequencer; /* NULL: follows */
    struct follower *follower;   /* NULL: follows nobody */
    struct rpc *rpc;
    struct net_server *server;
    const char *host;
    uint16_t port;
    uv_timer_t timer;            /* the sequencer's wish */
    uv_timer_t rpc_timer;        /* waits of calls */
    uint64_t sync_every_ns;      /* 0: the housekeeper does not flush */
    uint64_t last_sync_ns;       /* housekeeper's */
    struct file_path ipc;        /* the unix socket; empty: none */
    enum stage told, told_flush; /* what the watchdog reported last */
    _Atomic bool disk_known;     /* the free space was asked for */
    bool server_stopped;
    bool tls; /* the RPC port speaks it */
    const char *auth_host;
    uint16_t auth_port;   /* of the private listener; 0: none */
    int lock_fd;          /* of the sequencer's key; 0: none */
    uint64_t status_head; /* head of the last status line */
};

struct node {
    struct config *config;
    const char *config_file; /* for SIGHUP; NULL: none */
    bool dev;
    const char *datadir;
    struct file_path temp_dir; /* removed at the end; empty: none */
    uv_loop_t loop;
    uv_async_t wake;         /* tasks wait in to_loop */
    uv_check_t turn;         /* once a loop turn */
    uv_signal_t signals[3];  /* TERM, INT, HUP */
    uv_timer_t status_timer; /* metrics, status line, watchdog */
    uv_timer_t stop_timer;   /* while stopping: are all idle? */
    struct mailbox *to_loop;
    struct workers *workers;
    struct workers *readers;
    struct thread *housekeeper;
    struct mailbox *housekeeper_stop; /* closed to end it */
    struct rpc_account *accounts;
    size_t account_num;
    struct network networks[NODE_NETWORKS_MAX];
    unsigned network_num;
    uint64_t start_ns;
    uint64_t stop_ns;
    uint64_t watchdog_ms;
    uint64_t last_status_ns;
    _Atomic uint64_t stall_ns; /* node.stall_after */
    enum stage told_loop;
    bool ready;
    bool stopping;
    mt_err fail_err; /* why it stops, when not asked to */
    struct mt_diag fail_diag;
};

/* Runs until a signal; words are the --network words. Everything is released on return.
 * The error is in diag when it could not start. */
mt_err node_run(struct node *n, const char *const *words, size_t word_num,
                struct mt_diag *diag);

/* Stops the program for good reason, exit status 1. Loop thread. */
void node_fail(struct node *n, mt_err err, const struct mt_diag *diag);

/* SIGHUP: reads the file again and takes over the values that may change. */
mt_err node_reload(struct node *n, struct mt_diag *diag);

/* ---- one network (network.c) ---- */

/* Opens, starts the executor, makes pool, sequencer and rpc. On an error what was made is
 * left for network_join and network_close. */
/* The limits of the options, over the defaults of rpc; name NULL: without a network's own
 * values. */
void network_rpc_limits(struct config *c, const char *name, struct rpc_options *opt);
mt_err network_open(struct network *net, const char *word, struct mt_diag *diag);
/* Listens; then starts the sequencer. */
mt_err network_listen(struct network *net, struct mt_diag *diag);
void network_turn(struct network *net);
void network_stop(struct network *net);
bool network_idle(const struct network *net);
/* Only when idle, or after a failed start: ends the executor's thread; then the tasks
 * that it left in to_loop are run, and the rest is freed. */
void network_join(struct network *net);
void network_close(struct network *net);

/* ---- budget (budget.c) ---- */

void budget_log(const struct network *net);

/* ---- health (health.c) ---- */

/* rpc's on_get: /livez, /readyz (and /health), /metrics, /status. ctx is the network. */
bool health_get(void *ctx, slice path, unsigned *status, const char **content_type,
                struct buf *body);
/* The web page's part of it (web.c): /status, when rpc.web is on. */
bool web_get(const struct network *net, slice path, unsigned *status,
             const char **content_type, struct buf *body);
/* The page's files, built in from src/web/. */
extern const struct net_file web_files[];
extern const size_t web_file_num;
/* The value of metis_health. */
void health_put(const struct network *net, struct json_out *j);
/* Gauges that are asked for, not counted: memory, files, pools, databases. */
void health_measure(struct node *n);

/* ---- operators (operator.c) ---- */

/* rpc's ask; ctx is the network. */
mt_err operator_ask(void *ctx, enum rpc_ask what, const struct rpc_ask_in *in,
                    struct json_out *out, struct mt_diag *diag);
/* Opens the unix socket (rpc.ipc). */
mt_err operator_listen(struct network *net, struct mt_diag *diag);
/* "running", or why no blocks are built; only with a sequencer. */
const char *sequencer_state(const struct network *net);

/* ---- listeners (private.c) ---- */

/* The certificate of the RPC port, at start and when the configuration was read again. */
mt_err private_tls(struct network *net, struct mt_diag *diag);
/* Opens the JWT listener when there is a secret. */
mt_err private_listen(struct network *net, struct mt_diag *diag);

/* ---- one sequencer a key (seq_lock.c) ---- */

/* Until the process ends or network_close. MT_EBUSY names the other one. */
mt_err sequencer_lock(struct network *net, const address *key, struct mt_diag *diag);

/* metrics_geth.c */
void metrics_write_geth(const struct network *net, struct buf *out);

/* ---- the watchdog (watch.c) ---- */

/* How long a stage of a network, or of the program (METRIC_NODE), may take. */
uint64_t watch_limit_ns(const struct node *n, unsigned series);
void watch_beat(struct node *n);          /* loop, every second: it is alive */
void watch_others(struct node *n);        /* housekeeper: loop and executors */
void watch_housekeeper(struct node *n);   /* loop */
void watch_disk(struct network *net);     /* housekeeper: asks for the free space */
void watch_disk_act(struct network *net); /* loop: holds or releases the sequencer */
/* Less than db.disk_free_min and margin percent of it is free. */
bool watch_disk_low(const struct network *net, uint64_t margin);

#endif
