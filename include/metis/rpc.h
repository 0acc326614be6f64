/* rpc: JSON-RPC 2.0 of one network — dispatch, wire forms, subscriptions, dev methods.
 *
 * One table, src/rpc/methods.def, names every method with its handler, namespace,
 * place of work and cost; the dispatcher, docs/RPC.md and the tests expand it. A
 * request arrives from net on the loop thread, is parsed once and split into calls. A
 * call runs
 *   INLINE    on the loop, from the immutable head view: bounded, tens of microseconds;
 *   READER    on the readers, with a snapshot, an arena and a time budget of its own;
 *   LATER     it waits for the pool or the executor and is finished by their answer.
 * Replies are written once, in their final form, by the JSON writer; a batch is
 * answered when its last call is. Large replies of readers and large batches leave in
 * parts over HTTP/1.1, see stream_max; large ones in one piece are compressed.
 *
 * admin_* and metis_config are answered on trusted connections only (net_trusted),
 * whatever apis says; those see every namespace that is open by default too.
 *
 * Everything here is called on the loop thread. Limits each have an error:
 * docs/RPC.md. */
#ifndef METIS_RPC_H
#define METIS_RPC_H

#include "metis/chain.h"
#include "metis/codec.h"
#include "metis/net.h"
#include "metis/pool.h"
#include "metis/sequencer.h"

struct rpc;

/* An unlocked account: signs for eth_sendTransaction. */
struct rpc_account {
    address addr;
    hash32 key;
};

/* What the operators' methods ask of the program around. */
enum rpc_ask {
    RPC_ASK_NODE_INFO,
    RPC_ASK_DATADIR,
    RPC_ASK_DB_STAT,
    RPC_ASK_CONFIG,
    RPC_ASK_HEALTH,
    /* text[0]: module, "*" for all others; text[1]: level, NULL asks */
    RPC_ASK_LOG_LEVEL,
    RPC_ASK_RELOAD,
    RPC_ASK_SEQUENCER_STATUS,
    RPC_ASK_SEQUENCER_DRAIN,
    RPC_ASK_SEQUENCER_START,
    RPC_ASK_SEQUENCER_STOP,
    RPC_ASK_GAS_LIMIT /* num */
};
struct rpc_ask_in {
    const char *text[2];
    uint64_t num;
};
/* Writes one JSON value and returns MT_OK, or says in diag why not. */
typedef mt_err rpc_ask_fn(void *ctx, enum rpc_ask what, const struct rpc_ask_in *in,
                          struct json_out *out, struct mt_diag *diag);

struct rpc_options {
    const char *client_version;   /* web3_clientVersion */
    const char *version, *commit; /* of anvil_metadata */
    struct chain *chain;
    struct pool *pool;
    struct executor *executor;   /* dev changes of the state */
    struct sequencer *sequencer; /* NULL: this node only follows */
    struct workers *readers;
    struct mailbox *to_loop;            /* finished reader jobs come back here */
    const struct rpc_account *accounts; /* outlives the rpc */
    size_t account_num;
    const char *const
        *apis; /* namespaces that are open: "eth", "net", …; as in the table */
    size_t api_num;
    size_t body_max;      /* bytes of one request */
    size_t message_max;   /* the same over WebSocket and the unix socket */
    unsigned batch_max;   /* calls of one batch */
    size_t reply_max;     /* bytes of one reply in one piece, and of a batch */
    size_t stream_max;    /* bytes of one that leaves in parts, while it is made; 0: none
                                  does */
    bool gzip;            /* large replies, for clients that take it */
    unsigned readers_max; /* calls on the readers at once; then -32005 */
    unsigned traces_max;  /* of them traces that run at once, the others wait; 0: half
                                  of the readers, at least one */
    uint64_t rate;        /* cost units a second and address; 0: no limit */
    uint64_t rate_burst;  /* units that gather at most; 0: ten seconds' worth */
    const char *const *rate_exempt; /* addresses (text) that are not charged */
    size_t rate_exempt_num;
    size_t trees_max;         /* bytes of parsed JSON, all requests together */
    uint64_t call_gas_max;    /* eth_call, eth_estimateGas */
    uint64_t call_timeout_ms; /* one reader call */
    size_t call_memory_max;   /* arena of one reader call */
    uint64_t logs_range_max;  /* blocks of one eth_getLogs; 0: no limit */
    size_t logs_max;          /* logs of one eth_getLogs */
    size_t log_terms_max;     /* addresses, and topics a position */
    unsigned subs_conn_max;   /* subscriptions of one connection */
    unsigned filters_max;     /* installed filters */
    uint64_t filter_idle_ms;  /* a filter not asked for this long is removed */
    unsigned metric_net;
    /* A node that follows another: transactions that its own pool took go there as well.
     * done runs once with POOL_OK or the other node's refusal. NULL: they stay here. */
    void (*forward)(void *ctx, slice raw, pool_done_fn *done, void *done_ctx);
    void *forward_ctx;
    /* GET paths (health, metrics) for the server's on_get; may be NULL. */
    bool (*on_get)(void *ctx, slice path, unsigned *status, const char **content_type,
                   struct buf *body);
    void *on_get_ctx;
    rpc_ask_fn *ask; /* NULL: the operators' methods are not supported */
    void *ask_ctx;
};

/* Geth's limits; apis eth, net, web3, debug, txpool, rpc, metis, trace, ots, erigon. */
void rpc_options_default(struct rpc_options *opt);

/* view: the head at start (held). Strings and arrays of opt outlive the rpc. MT_EINVAL
 * names an unknown namespace. */
mt_err rpc_new(const struct rpc_options *opt, struct head_view *view, struct rpc **out,
               struct mt_diag *diag);

/* Callbacks for net_server_new; their ctx is the rpc. */
struct net_callbacks rpc_net_callbacks(void);

/* The server that replies go to; before the first request. */
void rpc_attach(struct rpc *r, struct net_server *net);

/* For every chain_update, after pool_update: moves the view, pushes newHeads and logs. */
void rpc_update(struct rpc *r, const struct chain_update *u);

/* From the pool's on_pending: pushes newPendingTransactions. */
void rpc_pending(struct rpc *r, struct pool_tx *tx);

/* A few times a second: ends waits whose time is over. */
void rpc_tick(struct rpc *r, uint64_t now_ns);

/* Progress of a node that follows another one, as eth_syncing tells it; a change of
 * syncing goes to the subscribers. False as long as it was never called. */
struct rpc_sync {
    bool syncing;
    bool unsure; /* how far behind is not known yet; metis_getBlocks then says syncing */
    uint64_t starting, current, highest;
};
void rpc_sync(struct rpc *r, const struct rpc_sync *sync);

/* Refuses new calls from now on; reader calls end soon with an error. */
void rpc_stop(struct rpc *r);
/* No call is under way on readers, pool or executor. */
bool rpc_idle(const struct rpc *r);

/* Only when idle and after the server was stopped. NULL is allowed. */
void rpc_free(struct rpc *r);

/* Answers one request outside of a connection, for tests and tools: body in, reply out
 * when done is called (once, maybe before return). */
typedef void rpc_done_fn(void *ctx, struct buf *reply);
void rpc_handle(struct rpc *r, slice body, rpc_done_fn *done, void *ctx);

/* What eth_getBlockReceipts answers for a block, for reports; also of one that is not in
 * the chain. Any thread. */
void rpc_write_receipts(const struct chain_block *b, struct buf *out);

/* For chain_options.tracer of a development network: writes console.log lines to the log.
 * Call it once before threads use it. */
const struct vm_tracer *rpc_console(void);

/* The methods' names in order, for completion; *num of them, constant. */
const char *const *rpc_method_names(size_t *num);

/* docs/RPC.md from the table and these limits. */
void rpc_write_docs(const struct rpc_options *limits, struct buf *out);

#endif
