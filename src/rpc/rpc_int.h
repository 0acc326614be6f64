/* rpc, private: the call in progress, its helpers, and the seams between the files.
 *   rpc.c       options, table, life
 *   dispatch.c  bodies -> calls -> replies; readers; completion
 *   stream.c    replies that leave while they are made
 *   gzip.c      large replies in gzip
 *   scan.c      the usual shape of a request
 *   rate.c      what an address may ask for
 *   params.c    parameters        wire.c   JSON forms of chain values
 *   trace*.c    traces, see trace_int.h
 *   feed.c      metis_getBlocks, for followers
 *   dev*.c      development, see dev_int.h
 *   state.c block.c fee.c call.c call_args.c logs.c send.c sub.c misc.c admin.c:
 *   methods */
#ifndef METIS_RPC_INT_H
#define METIS_RPC_INT_H

#include "metis/rpc.h"
#include "metis/rpc/scan.h"
#include <jansson.h>

/* Error codes: X(name, code, meaning), the table of docs/RPC.md. */
#define RPC_ERRORS(X)                                                                    \
    X(REVERT, 3, "execution reverted; data holds the revert data")                       \
    X(SYNC_TIMEOUT, 4, "the transaction was not included in time; data holds its hash")  \
    X(SYNC_UNREADY, 5,                                                                   \
      "the transaction waits for an earlier nonce; data holds its hash")                 \
    X(PARSE, -32700, "the body is not JSON, or too deep")                                \
    X(REQUEST, -32600, "not a JSON-RPC 2.0 request; batch empty or too long")            \
    X(METHOD, -32601, "the method does not exist or is not available")                   \
    X(PARAMS, -32602, "a parameter is missing, malformed or out of range")               \
    X(INTERNAL, -32603, "internal error")                                                \
    X(SERVER, -32000, "the request cannot be done; the message says why")                \
    X(NOT_FOUND, -32001, "no such block, or it has no access list")                      \
    X(TIMEOUT, -32002, "the call took too long or the node is stopping")                 \
    X(TOO_LARGE, -32003, "the reply is larger than the limit")                           \
    X(UNSUPPORTED, -32004, "not supported on this node")                                 \
    X(LIMIT, -32005, "a limit of the node is exceeded")                                  \
    X(VM_ERROR, -32015, "simulation: a call failed otherwise than by a revert")          \
    X(NONCE_LOW, -38010, "simulation: nonce too low")                                    \
    X(NONCE_HIGH, -38011, "simulation: nonce too high")                                  \
    X(FEE_CAP_LOW, -38012, "simulation: max fee below the block's base fee")             \
    X(INTRINSIC_GAS, -38013, "simulation: not enough gas for the transaction itself")    \
    X(FUNDS, -38014, "simulation: not enough funds for gas and value")                   \
    X(BLOCK_GAS, -38015, "simulation: the block's gas limit is reached")                 \
    X(BLOCK_NUMBER, -38020, "simulation: block numbers must rise")                       \
    X(BLOCK_TIME, -38021, "simulation: timestamps must rise")                            \
    X(MOVE_SELF, -38022, "a precompile is moved to its own address")                     \
    X(MOVE_TWICE, -38023, "two precompiles are moved to one address")                    \
    X(SENDER_CODE, -38024, "simulation: the sender is not an externally owned account")  \
    X(INITCODE_SIZE, -38025, "simulation: init code too large")                          \
    X(SIM_LIMIT, -38026, "simulation: a limit of the node is exceeded")

enum rpc_code {
#define RPC_CODE_ENUM(name, code, text) RPC_##name = (code),
    RPC_ERRORS(RPC_CODE_ENUM)
#undef RPC_CODE_ENUM
};

/* EITHER: begins on the loop and goes to a reader when it turns out to be long. */
enum rpc_where { RPC_INLINE, RPC_READER, RPC_EITHER };

/* What a handler did: finished (result or error written), handed the call on, or asks
 * to be run again on a reader. */
enum call_status { CALL_DONE, CALL_LATER, CALL_TO_READER };

struct call;
typedef enum call_status rpc_handler(struct call *c);

struct method {
    const char *name;
    rpc_handler *run;
    enum rpc_where where;
    unsigned cost;
    const char *help;
};

struct request;

/* The id to repeat, as a value or as text; neither: a notification. */
struct call_id {
    const json_t *json;
    slice text;
};

struct call {
    struct job job;   /* on a reader */
    struct task task; /* on the way back */
    struct rpc *rpc;
    struct request *req;
    const struct method *method;
    const json_t *params; /* array, or NULL for none */
    struct call_id id;
    struct buf buf; /* the whole reply object */
    struct json_out out;
    bool failed;
    bool on_reader;
    struct arena *arena;        /* of the reader, or of the loop; reset after the call */
    struct head_view *view;     /* borrowed on the loop, held on a reader */
    bool pending;               /* the block asked for, by call_state */
    struct sequencer_next next; /* of a pending block; set on the loop */
    bool has_state;
    struct chain_state state; /* opened by call_state on a reader */
    uint64_t deadline_ns;
    uint64_t start_ns;
    /* Runs on the loop after a reader is done, when set and nothing failed. */
    rpc_handler *after;
    u256 tip;           /* suggested, for readers that must know it */
    uint64_t gas;       /* between the stages of a handler */
    uint64_t cheap_key; /* eth_call: what its duration is remembered under; 0: nothing */
    uint64_t run_ns;    /* on a reader */
    uint64_t waited_ns; /* of it for the client to take its reply */
    unsigned accepts;   /* NET_ bits of the client; of calls on a reader */
    struct stream *stream;  /* the reply leaves in parts, and has begun to */
    bool ended;             /* of a batch: buf has its whole reply */
    struct call *wait_next; /* a trace that waits for its turn */
    void *handoff;          /* likewise; one allocation, freed with the call */
};

struct request {
    struct rpc *rpc;
    struct request *next; /* free list */
    struct net_ref ref;
    uint64_t net_id;
    bool websocket, batch, trusted;
    _Atomic bool gone;           /* nobody waits for the reply: stop */
    struct request *prev, *more; /* in progress */
    size_t reply_bytes;          /* of a batch's ended calls */
    unsigned ready, sent;        /* its calls that ended before the first that has not;
                                    of them those that went out in parts */
    size_t ready_bytes;          /* of those that did not */
    bool in_parts, any;          /* parts were sent; the batch has a reply at all */
    size_t tree_bytes;           /* that doc takes */
    rpc_done_fn *done;           /* instead of the net */
    void *done_ctx;
    json_t *doc; /* what the calls borrow from: the body, or the params alone */
    char id_text[64];
    unsigned call_num, open;
    struct call *calls; /* &one unless a batch */
    struct call one;
};

struct sub;
struct filter;
struct feed_wait;
struct dev;

#define CHEAP_SLOTS 1024u

/* How long calls of one function took lately: those known as short run on the loop. */
struct cheap {
    uint64_t key;
    uint64_t ns;
};

struct rpc {
    struct rpc_options opt;
    struct net_server *net;
    struct head_view *view;
    bool *enabled;      /* by index in the method table: for all, then for the trusted */
    struct arena arena; /* of inline calls */
    struct arena *reader_arenas; /* by worker */
    unsigned arena_num;
    bool has_head_state;
    struct chain_state head_state;
    struct request *spare;
    unsigned spare_num;
    unsigned reader_num;                   /* calls on readers, waiting traces included */
    unsigned trace_num;                    /* traces on readers */
    _Atomic unsigned stream_num;           /* replies that leave in parts */
    struct call *trace_first, *trace_last; /* waiting ones */
    struct request *requests;              /* in progress */
    size_t tree_bytes;
    struct rate *rate;  /* NULL: no limit */
    unsigned later_num; /* calls that wait for pool or executor */
    _Atomic bool stopping;
    struct sub *subs;
    unsigned sub_num;
    struct filter *filters;
    unsigned filter_num;
    struct feed_wait *feed_waits; /* calls that wait for the next head */
    unsigned feed_wait_num;
    struct rpc_sync sync;
    bool follows;                      /* rpc_sync was called */
    uint64_t sync_told_ns;             /* when the subscribers were last told */
    struct sync_wait *sync_waits[256]; /* SYNC_BUCKETS, by hash */
    unsigned sync_num;
    struct dev *dev;
    struct ref_cache *traces; /* trace_cache.c */
    struct cheap cheap[CHEAP_SLOTS];
    uint64_t inline_off_ns; /* no calls on the loop until then: one took too long */
    u256 tip;               /* suggested, for tip_at */
    hash32 tip_at;
};

/* ---- rpc.c ---- */
extern const struct method rpc_methods[];
extern const size_t rpc_method_num;
const struct method *rpc_find(const struct rpc *r, const char *name, bool trusted);

/* ---- discover.c ---- */
/* Parameters and result as signatures.def has them; false, and empty texts, for a method
 * that is not in it. */
bool method_signature(const struct method *m, const char **params, const char **result);

/* ---- dispatch.c ---- */
void rpc_request(struct rpc *r, struct request *req, slice body);
struct request *request_new(struct rpc *r);
void request_free(struct request *q);

/* Ends a call with an error; returns CALL_DONE for the handler to return. data NULL:
 * none. */
__attribute__((format(printf, 3, 4))) enum call_status call_fail(struct call *c, int code,
                                                                 const char *fmt, ...);
/* With an error object's data in JSON. */
__attribute__((format(printf, 4, 5))) enum call_status
call_fail_json(struct call *c, int code, const char *data, const char *fmt, ...);
enum call_status call_fail_data(struct call *c, int code, slice data, const char *text);
/* An mt_err of a lower module as a fitting error. */
enum call_status call_error(struct call *c, mt_err err, const struct mt_diag *diag);
/* A handler that returns CALL_LATER calls this before, and call_finish at its answer. */
void call_later(struct call *c);
void call_finish(struct call *c);
/* Or it goes on on a reader, where its handler is run again. */
void call_read(struct call *c);
/* From another thread to the loop; waits while the mailbox is full. */
void rpc_post(struct rpc *r, struct task *task);
/* should_stop of long work on a reader; ctx is the call. */
bool call_should_stop(void *ctx);

/* A connection is gone: its calls stop. */
void requests_gone(struct rpc *r, struct net_ref ref);

/* ---- stream.c ---- */
#define RPC_PART_FIRST ((size_t)1024 * 1024) /* replies up to this size are one piece */
#define RPC_PART       ((size_t)256 * 1024)
/* What is written so far may leave, if the client takes parts and enough is written. Once
 * it has begun, a failure of the call cuts the connection, so whoever calls this has
 * checked before what can be checked. False: nobody wants the rest, or the call
 * failed. */
bool stream_part(struct call *c);
static inline bool call_part(struct call *c)
{
    return c->buf.len < RPC_PART || stream_part(c);
}
/* The reply of this call would leave in parts if it were large. */
bool stream_may(const struct call *c);
/* On the reader: what is left of a reply that has begun, in order or not. */
void stream_seal(struct call *c);
/* On the loop, after all parts: ends the reply or cuts the connection. */
void stream_end(struct call *c);

/* ---- gzip.c ---- */
struct gzip;
struct gzip *gzip_new(void);
void gzip_free(struct gzip *g); /* NULL is allowed */
/* Adds the text; what is ready of the compressed bytes goes to out, with last all. */
void gzip_put(struct gzip *g, slice text, bool last, struct buf *out);
/* A large reply to a client that takes gzip: compressed on a reader, then sent, and then
 * the request is freed. False: it is sent as it is. */
bool gzip_reply(struct request *q, struct buf *body);

/* ---- overrides.c: orders for qsort ---- */
int slot_change_cmp(const void *a, const void *b);    /* by slot */
int account_change_cmp(const void *a, const void *b); /* by address */

/* ---- rate.c ---- */
struct rate;
struct rate *rate_new(const struct rpc_options *opt); /* NULL: no limit */
void rate_free(struct rate *l);
/* Takes the cost of a call; else the milliseconds until it can be taken. */
uint64_t rate_take(struct rate *l, const struct net_peer *peer, unsigned cost,
                   uint64_t now_ms);

/* ---- params.c: each false after call_fail ---- */
bool args_num(struct call *c, size_t min, size_t max);
const json_t *arg(const struct call *c, size_t i); /* NULL: absent or null */
bool arg_address(struct call *c, size_t i, address *out);
bool arg_hash(struct call *c, size_t i, hash32 *out);
bool arg_u64(struct call *c, size_t i, uint64_t *out);
bool arg_u256(struct call *c, size_t i, u256 *out);
bool arg_data(struct call *c, size_t i, slice *out); /* in c->arena */
bool arg_bool(struct call *c, size_t i, bool *out);  /* absent: false */
/* A number as dev tools send them: JSON number, hex or decimal text. */
bool arg_number(struct call *c, size_t i, uint64_t *out);
/* The same on a value inside a parameter; i and what are for the message. */
bool val_address(struct call *c, size_t i, const json_t *v, address *out);
bool val_hash(struct call *c, size_t i, const json_t *v, hash32 *out);
bool val_u64(struct call *c, size_t i, const json_t *v, uint64_t *out);
bool val_u256(struct call *c, size_t i, const json_t *v, u256 *out);
bool val_data(struct call *c, size_t i, const json_t *v, slice *out);
/* A storage key: up to 32 bytes of hex, odd counts allowed. */
bool val_key(struct call *c, size_t i, const json_t *v, hash32 *out, bool *full);

/* A block named by number, tag, hash or object. */
enum block_kind { BLOCK_NUMBER, BLOCK_HASH, BLOCK_PENDING };
struct block_arg {
    enum block_kind kind;
    uint64_t number;
    hash32 hash;
    bool canonical; /* requireCanonical */
};
/* Absent: latest when optional, else an error. */
bool arg_block(struct call *c, size_t i, bool optional, struct block_arg *out);
bool val_block(struct call *c, size_t i, const json_t *v, struct block_arg *out);
/* The block itself, held; *out NULL when there is none. Pending gives the head. */
bool block_find(struct call *c, const struct block_arg *b, struct chain_block **out);

/* A mined transaction's block, held, or NULL. False after an error was written. */
bool find_tx(struct call *c, const hash32 *hash, struct chain_block **b, uint32_t *idx);

/* The state after a block (of pending: of the head). CALL_DONE with *out set;
 * CALL_TO_READER: return that; CALL_DONE with c->failed: return that. */
enum call_status call_state(struct call *c, const struct block_arg *b,
                            struct chain_state **out);

/* ---- wire.c ---- */
void wire_tx(struct json_out *j, const struct tx *tx, const struct chain_block *b,
             uint32_t idx); /* b NULL: pending */
/* The same with at most so many bytes of input. */
void wire_tx_cut(struct json_out *j, const struct tx *tx, const struct chain_block *b,
                 uint32_t idx, size_t input_max);
/* The same without the end of the object. */
void wire_tx_open(struct json_out *j, const struct tx *tx, const struct chain_block *b,
                  uint32_t idx);
void wire_block(struct json_out *j, const struct chain_block *b, bool full);
/* The same without the end of the object. */
void wire_block_open(struct json_out *j, const struct chain_block *b, bool full);
/* A whole one whose transactions put writes; false when that said so. */
bool wire_block_by(struct json_out *j, const struct chain_block *b,
                   bool (*put)(void *ctx, const struct chain_block *b, uint32_t idx),
                   void *ctx);
/* Otterscan's form: no bloom, a count, transactions [from, to) with the function's
 * selector alone as input, or none. */
void wire_block_page(struct json_out *j, const struct chain_block *b, bool txs,
                     size_t from, size_t to);
void wire_header(struct json_out *j, const struct header *h, const hash32 *hash);
/* first_log: index in the block of the receipt's first log. */
void wire_receipt(struct json_out *j, const struct chain_block *b, uint32_t idx,
                  uint64_t first_log);
/* Its members; logs: with logs and bloom, else null. */
void wire_receipt_fields(struct json_out *j, const struct chain_block *b, uint32_t idx,
                         uint64_t first_log, bool logs);
uint64_t wire_first_log(const struct chain_block *b, uint32_t idx);
void wire_log(struct json_out *j, const struct chain_block *b, uint32_t tx_idx,
              uint64_t log_idx, const struct log *log, bool removed);
void wire_log_hit(struct json_out *j, const struct log_hit *hit, bool removed);
/* Those logs of a block taken off that match, the last one first. */
void wire_removed_logs(struct json_out *j, const struct chain_block *b,
                       const struct log_filter *f);
/* The members of an execution payload (Engine API) but for its transactions. */
void wire_payload_fields(struct json_out *j, const struct block *b, slice access_list);
void wire_access_list(struct json_out *j, const struct access_entry *list, size_t num);
/* Progress as eth_syncing and its subscription have it. */
void wire_syncing(struct json_out *j, const struct rpc_sync *s);
/* EIP-55. */
void wire_checksum(const address *a, char out[43]);

/* ---- call.c, call_args.c ---- */
struct call_tx { /* a transaction as eth_call and friends take it */
    struct tx tx;
    bool has_gas, has_nonce, has_price, has_fees, has_chain_id, has_blob_fee, has_type;
};
bool arg_tx(struct call *c, size_t i, struct call_tx *out);
/* The same on an object inside parameter i. */
bool val_tx(struct call *c, size_t i, const json_t *o, struct call_tx *out);
/* A field of an object in parameter i, left alone when absent or null; has may be
 * NULL. */
bool opt_u256(struct call *c, size_t i, const json_t *o, const char *key, u256 *out,
              bool *has);
bool opt_u64(struct call *c, size_t i, const json_t *o, const char *key, uint64_t *out,
             bool *has);
bool opt_address(struct call *c, size_t i, const json_t *o, const char *key, address *out,
                 bool *has);
/* Fails the call: parameter i holds a list that is none, or too long. False. */
bool list_refused(struct call *c, size_t i);
#define ITEMS_MAX 10000u
/* ---- overrides.c ---- */

/* Accounts as a caller wants them: changes of the state, and precompiles that are
 * elsewhere. An account that is named is no precompile any more. */
struct state_overrides {
    struct state_delta patch;
    struct vm_moves moves;
};
/* map: of parameter i, NULL for none; what it leaves open is read from reader. False
 * after call_fail. */
bool state_overrides_read(struct call *c, size_t i, const json_t *map,
                          const struct vm_reader *reader, const struct rules *rules,
                          struct state_overrides *out);

/* A block as a caller wants it. */
struct block_overrides {
    bool has_number, has_time, has_gas_limit, has_coinbase, has_randao, has_difficulty,
        has_base_fee, has_blob_fee, has_beacon_root;
    uint64_t number, time, gas_limit;
    address coinbase;
    hash32 randao, beacon_root;
    u256 difficulty, base_fee, blob_fee;
    struct withdrawal *withdrawals;
    size_t withdrawal_num;
};
/* Geth's names and the specification's for the same field. False after call_fail. */
bool block_overrides_read(struct call *c, size_t i, const json_t *o,
                          struct block_overrides *out);
/* All that a header has. */
void block_overrides_apply(const struct block_overrides *o, struct header *h);
/* A list of withdrawals of parameter i. False after call_fail. */
bool val_withdrawals(struct call *c, size_t i, const json_t *list,
                     struct withdrawal **out, size_t *num);

/* What a call runs in. */
struct call_env {
    const struct vm_reader *reader; /* the state, without overrides */
    struct header header;           /* of the block, with overrides */
    bool has_blob_fee;
    u256 blob_fee;
    struct rules rules;
    struct state_overrides overrides;
};
/* overrides: of accounts, parameter i; block: of the header. Either may be NULL. */
bool call_env_open(struct call *c, struct chain_state *s, size_t i,
                   const json_t *overrides, const json_t *block, struct call_env *env);
/* The same where env->header is there already, on any state near block b. */
bool call_env_fill(struct call *c, const struct chain_block *b,
                   const struct vm_reader *reader, size_t i, const json_t *overrides,
                   const json_t *block, struct call_env *env);
/* Runs a call in it, under call_flags and without the L1 data fee; tracer may be NULL. */
mt_err call_env_run(struct call *c, struct call_env *env, const struct tx *tx,
                    const struct vm_tracer *tracer, struct tx_outcome *out,
                    struct mt_diag *diag);
/* The error of a call that did not run. */
enum call_status call_run_failed(struct call *c, mt_err err, const struct tx *tx,
                                 const struct tx_outcome *o, const struct mt_diag *diag);
/* EXEC_* flags that a call runs under. */
unsigned call_flags(const struct tx *tx);
/* The most gas of one call: rpc.gas-cap, or half of all where that is 0 (sums fit). */
uint64_t call_gas_cap(const struct call *c);
/* Gives a call that says no gas the cap, and one that asks for more no more than it. */
void call_cap_gas(const struct call *c, struct call_tx *t);
/* "execution reverted" and what Error(string) or Panic(uint256) say. */
#define REVERT_TEXT_MAX 400
void revert_text(slice data, char text[REVERT_TEXT_MAX]);
/* What a call returned; of a creation the code that it made. */
slice outcome_output(const struct tx_outcome *o);
/* What Solidity means by a panic code; NULL for unknown ones. */
const char *panic_text(uint64_t code);
/* Gas that suffices; writes no result. False after an error was written. */
bool estimate_gas(struct call *c, struct call_tx *t, struct chain_state *state,
                  const json_t *overrides, const json_t *block, uint64_t *out);

/* Loop thread: a call under this key took so long on a reader. */
void cheap_note(struct rpc *r, uint64_t key, uint64_t ns);

/* ---- fee.c ---- */
u256 suggest_tip(struct call *c);
u256 suggest_price(struct call *c); /* of a transaction without a tip of its own */

/* ---- logs.c ---- */
struct log_query {
    struct log_filter filter;
    bool by_hash;
    hash32 hash;
    bool has_from, has_to;
    uint64_t from, to;
    slice before; /* elements that stand before the logs in the reply */
};
bool val_log_query(struct call *c, const json_t *v, struct log_query *out);
enum call_status logs_scan(struct call *c, const struct log_query *q);
/* A copy of a filter in an arena. */
bool log_filter_copy(struct arena *a, const struct log_filter *in,
                     struct log_filter *out);
/* True when a block's bloom says that none of its logs can match. */
bool log_filter_excludes(const struct log_filter *f, const uint8_t bloom[256]);
void filters_pending(struct rpc *r, const hash32 *hash);
/* Blocks went: filters that told about them have to say so. */
void filters_update(struct rpc *r, const struct chain_update *u);
void filters_free(struct rpc *r);

/* ---- sub.c ---- */
void sub_update(struct rpc *r, const struct chain_update *u);
void sub_pending(struct rpc *r, struct pool_tx *tx);
void sub_syncing(struct rpc *r);
void sub_tick(struct rpc *r, uint64_t now_ns);
void sub_gone(struct rpc *r, struct net_ref ref);
void sub_free(struct rpc *r);

/* ---- feed.c ---- */
void feed_update(struct rpc *r);
void feed_tick(struct rpc *r, uint64_t now_ns);
void feed_gone(struct rpc *r, struct net_ref ref);

/* ---- send.c ---- */
/* Admits a signed transaction: to the pool, and on a node that follows another to that
 * one too. The way in for every method that sends. */
void send_raw(struct rpc *r, slice raw, pool_done_fn *done, void *ctx);
/* The account may be used without a signature of the caller: unlocked or impersonated. */
const struct rpc_account *send_account(const struct rpc *r, const address *addr);

/* Parameter 0 of a sender's call; on a development node its first account where the
 * caller names none. False after call_fail. */
bool send_read(struct call *c, struct call_tx *t);
/* Nonce and fees that the caller left open, on the loop; false after call_fail. */
bool send_fill(struct call *c, struct call_tx *t);
/* Signs for an account of this node and makes raw and hash; of an impersonated one the
 * signature only marks the place. False after call_fail. */
bool send_sign(struct call *c, struct tx *tx);

/* ---- block_access.c ---- */
/* The block's access list in the call's arena, empty: none is kept. False after an error
 * was written. */
bool block_access_list(struct call *c, const struct chain_block *b, slice *list);

/* ---- send_sync.c ---- */
#define SYNC_WAITS_MAX 4096u /* calls that wait for receipts */
#define SYNC_BUCKETS   256u
struct sync_wait;
/* The call waits (call_later was called) for the receipt of a transaction, from
 * sync_admitted on, which takes the wait and ends the call when the pool refused. NULL
 * after call_fail. timeout_ms 0: the usual one. */
struct sync_wait *sync_new(struct call *c, uint64_t timeout_ms);
void sync_admitted(void *ctx, const struct pool_verdict *v);
void sync_update(struct rpc *r, const struct chain_update *u);
/* Ends those whose time is over; UINT64_MAX: all, the node stops. */
void sync_expire(struct rpc *r, uint64_t now_ns);

/* ---- typed_data.c ---- */
#define TYPED_DEPTH_MAX 32u
/* EIP-712: {types, primaryType, domain, message} -> what is signed. MT_EINVAL says what
 * is wrong. */
mt_err typed_data_digest(const json_t *data, struct arena *arena, hash32 *out,
                         struct mt_diag *diag);
/* ---- trace_cache.c ---- */
struct ref_cache *trace_cache_new(void);

/* ---- dev.c ---- */
struct dev *dev_new(struct rpc *r);
void dev_free(struct dev *d);
bool dev_impersonates(const struct rpc *r, const address *addr);
/* The chain is being taken back. */
bool dev_rewinds(const struct rpc *r);

/* ---- console.c: the line that a console.log call writes; false: unknown form. ---- */
bool console_text(slice data, char *out, size_t size);

#define X(name, handler, where, cost, help) rpc_handler handler;
#include "methods.def"
#undef X

#endif
