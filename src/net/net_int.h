/* net, private: the server, its connections and the seams between its files.
 *   server.c  table of connections, timers, stop, replies
 *   listen.c  listeners, accepting
 *   conn.c    bytes of one connection: reading, stalling, output chunks, closing
 *   http_in.c adapter around http-parser
 *   http.c    requests and replies
 *   ws.c      handshake and frames
 *   tls.c     TLS under either; jwt.c who may use the private listener
 *   ipc.c     JSON values on a unix socket */
#ifndef METIS_NET_INT_H
#define METIS_NET_INT_H

#include "metis/net.h"
#include <uv.h>

#define NET_READ_SIZE  (64u * 1024u)
#define NET_MOVE_MIN   (8u * 1024u)    /* larger reply bodies are moved, not copied */
#define NET_OUT_HIGH   (1024u * 1024u) /* output waiting: no more requests are read */
#define NET_PATH_MAX   1024u
#define NET_PATH_KEEP  128u
#define NET_WORD_KEEP  96u /* of Host, Origin and If-None-Match; longer: as if absent */
#define NET_SPARE_MAX  64u
#define NET_LINGER_MS  1000u
#define NET_REFUSE_MAX 64u /* connections over the limit that get an answer at once */
#define NET_DRAIN_MS   80u
#define NET_HALF_MS    1000u
#define NET_LISTEN_MAX 4u

/* ---- http_in.c: bytes -> begin, header, body, complete, error ---- */

enum http_in_method { HTTP_IN_POST, HTTP_IN_GET, HTTP_IN_OPTIONS, HTTP_IN_OTHER };

struct http_in_head {
    enum http_in_method method;
    slice path; /* without the query; borrowed for the call */
    bool version_10;
    bool keep_alive;
    bool has_body;
    uint64_t content_length; /* UINT64_MAX: not stated */
};

/* A handler returns 0 or an HTTP status, with which the request is refused. */
struct http_in_events {
    void (*begin)(void *ctx);
    unsigned (*header)(void *ctx, slice name, slice value);
    /* After the headers. *upgrade: the bytes after them belong to another protocol. */
    unsigned (*head)(void *ctx, const struct http_in_head *head, bool *upgrade);
    unsigned (*body)(void *ctx, slice part);
    /* True: stop here, the rest of the input is not read now. */
    bool (*complete)(void *ctx);
};

struct http_in;
struct http_in *http_in_new(const struct http_in_events *ev, void *ctx,
                            unsigned header_num_max);
void http_in_free(struct http_in *h);
/* Feeds bytes; returns how many were used (all, unless complete asked to stop, there
 * was an upgrade or an error). *status: 0 or the refusal; the parser is then dead. */
size_t http_in_feed(struct http_in *h, slice in, unsigned *status, bool *upgraded);
void http_in_size_max(size_t header_bytes_max);

/* ---- connections ---- */

struct chunk {
    struct chunk *next;
    struct buf b;
    size_t off;
    bool frozen; /* handed to libuv: not to be grown */
};

struct slot { /* an unanswered request of an HTTP connection */
    bool done;
    bool close;    /* the connection ends after this one */
    bool say_keep; /* HTTP/1.0 must be told that it does not */
    uint16_t status;
    const char *type;
    const char *cors;
    const struct net_file *file; /* whose headers go with the reply */
    bool gzip;
    uint8_t accepts; /* NET_PARTS, NET_GZIP */
    bool parts;      /* the reply comes in parts; body has those that wait for its turn */
    bool last;       /* and all of them are there */
    struct net_flow *flow;
    struct buf body;
};

enum conn_phase { CONN_IDLE, CONN_HEAD, CONN_BODY };

struct http_request { /* what is kept of the request being read */
    enum http_in_method method;
    bool keep_alive, ctype_ok, host_seen, host_ok, expect, ws_upgrade, ws_version;
    bool connection_upgrade, version_10, auth_ok;
    int origin; /* -1: none sent, -2: not allowed, else index into opt->cors */
    bool gzip;  /* accepted */
    char host[NET_WORD_KEEP];     /* texts, empty when absent */
    char asked_by[NET_WORD_KEEP]; /* Origin */
    char etag[NET_WORD_KEEP];     /* If-None-Match */
    char path[NET_PATH_KEEP];
    size_t path_len;
    char ws_key[25];
};

struct ws;
struct tls;

struct listener {
    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    struct net_server *server;
    bool local; /* a unix socket */
    bool trusted;
    bool has_jwt;
    uint8_t jwt_secret[32];
};

/* Where the value that is being read stands (ipc.c). */
struct ipc_scan {
    unsigned depth;
    bool begun, in_string, escaped;
};

struct conn {
    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    const struct listener *listener;
    uv_write_t write;
    uv_shutdown_t shutdown;
    unsigned write_chunks; /* chunks in the write that is under way */
    size_t write_left;     /* bytes of it at the last tick */
    struct net_server *server;
    struct net_ref ref;
    struct net_peer peer;
    struct tls *tls; /* NULL: plain */
    struct http_in *http;
    struct http_request req;
    struct ws *ws;
    bool ipc;
    struct ipc_scan scan;
    /* input */
    slice view;         /* the body so far, when it lies in the read buffer */
    struct buf body;    /* the body so far, otherwise */
    struct buf backlog; /* input that was read but may not be handled yet */
    enum conn_phase phase;
    uint64_t deadline_ms; /* of the phase; 0: none */
    uint64_t last_in_ms;
    /* requests */
    struct slot slots[NET_PIPELINE_MAX];
    uint64_t next_id, head_id; /* open ones: head_id .. next_id - 1 */
    unsigned ws_inflight;      /* of a WebSocket or unix socket */
    /* output */
    struct chunk *out_head, *out_tail;
    size_t out_bytes;
    struct net_flow *flow; /* of the reply in parts that is being sent; or NULL */
    uint64_t write_deadline_ms;
    unsigned corks;
    bool writing, reading, stalled;
    bool draining; /* close when the output is sent */
    bool half;     /* the peer closed its half: deadline_ms ends the wait for replies */
    bool linger;   /* output sent and shut down: discarding input until it ends */
    bool closing;
    bool pinged;
};

struct net_server {
    uv_loop_t *loop;
    struct listener listeners[NET_LISTEN_MAX];
    unsigned listener_num;
    uv_timer_t timer;
    struct net_server_options opt;
    struct net_callbacks cb;
    void *ctx;
    struct conn **conns; /* by ref.idx */
    uint32_t *gens;
    uint32_t *free_idx; /* stack of free places */
    unsigned free_num;
    unsigned conn_num;
    size_t held; /* see held_max */
    struct chunk *spare;
    unsigned spare_num;
    unsigned handles; /* open libuv handles of the server itself */
    bool stopping;
    uint64_t stop_deadline_ms;
    void (*stop_done)(void *ctx);
    void *stop_ctx;
    uint16_t port;
    struct net_tls *tls;
    char read_buf[NET_READ_SIZE];
    char tls_buf[16u * 1024u]; /* a record in plain */
};

/* What may be pushed to, and is answered in any order. */
static inline bool conn_pushes(const struct conn *c)
{
    return c->ws != NULL || c->ipc;
}

static inline struct slot *slot_of(struct conn *c, uint64_t id)
{
    return &c->slots[id % NET_PIPELINE_MAX];
}

/* Requests of it are not answered yet. */
static inline bool conn_owes(const struct conn *c)
{
    return conn_pushes(c) ? c->ws_inflight > 0 : c->head_id != c->next_id;
}

/* listen.c: the first listener is the one of the server's options. */
mt_err listen_first(struct net_server *s, struct mt_diag *diag);
void listen_close(struct net_server *s, uv_close_cb cb); /* all of them */

/* tls.c */
bool tls_start(struct conn *c, const struct net_tls *t);
void tls_free(struct tls *t);
void tls_read(struct conn *c, slice in); /* bytes of the socket */
bool tls_flush(struct conn *c);          /* false: more is to be sent, or it is over */

/* jwt.c: value is that of an Authorization header. */
bool jwt_bearer_ok(const uint8_t secret[32], slice value, uint64_t now_s);

/* ipc.c */
size_t ipc_feed(struct conn *c, slice in); /* bytes used */

/* server.c */
void server_tick_start(struct net_server *s);
struct conn *net_conn_of(struct net_server *s, struct net_ref ref); /* NULL: gone */
void server_conn_gone(struct conn *c); /* handle closed: frees */

/* conn.c */
void conn_start(struct conn *c);
void conn_free(struct conn *c);  /* after the handle is closed */
void conn_close(struct conn *c); /* at once */
void conn_drain(struct conn *c); /* after the output */
/* False: the connections hold so much that nothing may be added. */
bool conn_may_hold(const struct conn *c, size_t len);
void conn_put(struct conn *c, const void *ptr, size_t len);
void conn_put_buf(struct conn *c, struct buf *b); /* moves or copies; b is empty after */
void conn_flush(struct conn *c);                  /* unless corked */
void conn_resume(struct conn *c);                 /* handles the backlog if it may */
bool conn_stalled(const struct conn *c);
void conn_input(struct conn *c, slice in);   /* plain bytes, borrowed */
void conn_consume(struct conn *c, size_t n); /* output that is sent or sealed */
void conn_eof(struct conn *c);               /* the peer sends nothing more */
void conn_tick(struct conn *c, uint64_t now_ms);

/* http.c */
extern const struct http_in_events http_events;
void http_refuse(struct conn *c, unsigned status);
void http_keep_view(struct conn *c);           /* the read buffer is about to go */
void http_drop_body(struct conn *c, bool all); /* all: its memory too */
void http_answer(struct conn *c, uint64_t id, unsigned status, const char *type,
                 struct buf *body);
void http_part(struct conn *c, uint64_t id, struct buf *part, struct net_flow *flow,
               bool gzip, bool last);
const char *http_status_text(unsigned status);

/* ws.c */
bool ws_start(struct conn *c, const char *key); /* writes the 101 */
void ws_free(struct conn *c);
size_t ws_feed(struct conn *c, slice in);       /* bytes used */
void ws_put_header(struct conn *c, size_t len); /* of a message; its bytes follow */
void ws_close(struct conn *c, uint16_t code);
void ws_ping(struct conn *c);

#endif
