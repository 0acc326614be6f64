/* net: an HTTP/1.1 and WebSocket server on one port over libuv. It moves request
 * bodies in and reply bodies out and knows nothing of what they mean.
 *
 *   listener --accept--> connection --bytes--> http_in (http-parser) --> on_request
 *                                        |---> ws (wslay) after an upgrade --|
 *                                        \---> ipc, on a unix socket --------/
 *   net_reply (HTTP: in the order of the requests) --> output chunks --> uv_try_write
 *
 * Everything here runs on the loop's thread. A reply that is made elsewhere is carried
 * to the loop first. A connection is named by a net_ref, whose generation makes a late
 * reply to a connection that is gone harmless. Each limit has an answer of its own:
 *
 *   limit                      HTTP                     WebSocket
 *   connections, all           503, closed
 *   connections of one address 429, closed
 *   bytes or count of headers  431
 *   length of the path         414
 *   time for header or body    408
 *   body                       413                      close 1009
 *   requests in flight         reading stops            reading stops
 *   replies not taken          reading stops, dropped   close 1013
 *                              after write_timeout_ms
 *   a reply in parts that      closed without the last
 *   cannot be finished         chunk
 *   idle                       closed                   closed (pings count)
 *   its half closed            what is ready within 1 s, then closed
 *   bytes held for clients,    503, closed              close 1013
 *   all connections together
 *   time for a TLS handshake   closed (that of the header)
 * / */
#ifndef METIS_NET_H
#define METIS_NET_H

#include "metis/base.h"

struct uv_loop_s;
struct net_server;

/* A connection, by place and generation. Copied freely; {0, 0} is never valid. */
struct net_ref {
    uint32_t idx;
    uint32_t gen;
};

static inline bool net_ref_eq(struct net_ref a, struct net_ref b)
{
    return a.idx == b.idx && a.gen == b.gen;
}

#define NET_PIPELINE_MAX 32u

/* A file that is served as it is, by GET of exactly its path, with `Cache-Control:
 * no-cache`: a client that names the same etag gets 304. All of it is constant. */
struct net_file {
    const char *path;    /* "/", "/web/app.js" */
    const char *type;    /* Content-Type */
    const char *etag;    /* with its quotes */
    const char *headers; /* further header lines, each ended by CRLF; "" for none */
    const void *data;
    size_t data_len;
    const void *gzip; /* the same in gzip, for clients that accept it; NULL: none */
    size_t gzip_len;
};

/* A certificate with its key, for TLS 1.2 and 1.3. */
struct net_tls;
/* Two PEM files: the chain, leaf first, and the key. MT_EINVAL names the file. */
mt_err net_tls_new(const char *cert, const char *key, struct net_tls **out,
                   struct mt_diag *diag);
void net_tls_free(struct net_tls *t); /* NULL is allowed */

struct net_server_options {
    const char *host;        /* IP literal to listen on */
    uint16_t port;           /* 0: any free one */
    size_t header_bytes_max; /* request line and headers; one value a process */
    unsigned header_num_max;
    uint64_t header_timeout_ms; /* from the first byte (or accept) to the empty line */
    uint64_t body_timeout_ms;
    uint64_t write_timeout_ms; /* no progress in sending */
    uint64_t idle_timeout_ms;
    uint64_t ping_ms;      /* WebSocket: a ping after this much silence */
    size_t body_max;       /* bytes of one HTTP request */
    size_t ws_message_max; /* bytes of one WebSocket message */
    size_t ws_queue_max;   /* bytes of output waiting on a WebSocket */
    size_t held_max;       /* bytes of unfinished requests and untaken replies, all
                             connections together */
    unsigned conn_max;
    unsigned conn_ip_max;     /* from one address; 0: no limit */
    unsigned pipeline_max;    /* unanswered requests of an HTTP connection, to
                                   NET_PIPELINE_MAX */
    unsigned ws_inflight_max; /* unanswered requests of a WebSocket */
    const char *const *cors;  /* origins allowed in browsers, "*" for any; pages of this
                                   server itself always are */
    size_t cors_num;
    const char *const
        *vhosts; /* names allowed in Host, "*" for any; IP literals always */
    size_t vhost_num;
    const struct net_file *files; /* what on_get does not answer is looked for here */
    size_t file_num;
    unsigned metric_net; /* index for the metrics, METRIC_NODE for none */
};

/* Sensible limits, host 127.0.0.1, port 0, vhost "localhost", no CORS origin. */
void net_options_default(struct net_server_options *opt);

struct net_callbacks {
    /* One request: a POST body or a WebSocket message, borrowed for the call. It is
     * answered by exactly one net_reply with this ref and id, during the call or
     * later. */
    void (*on_request)(void *ctx, struct net_ref ref, uint64_t req_id, slice body,
                       bool websocket);
    /* GET of a path (without query). True: *status, *content_type (a constant string) and
     * body were set. False: a file of the options, else 200 without body for "/", else
     * 404. May be NULL. */
    bool (*on_get)(void *ctx, slice path, unsigned *status, const char **content_type,
                   struct buf *body);
    /* The connection is gone; its ref is dead, and what it asked for need not be
     * answered. May be NULL. */
    void (*on_close)(void *ctx, struct net_ref ref, bool websocket);
};

/* Listens. Strings and arrays of opt must outlive the server. MT_EIO when the address
 * cannot be bound, MT_EINVAL for a bad host or limit; the loop must run once more
 * after a failure, which releases what was opened. */
mt_err net_server_new(struct uv_loop_s *loop, const struct net_server_options *opt,
                      const struct net_callbacks *cb, void *ctx, struct net_server **out,
                      struct mt_diag *diag);

/* A further listener of the same server: its connections stand in the same table, under
 * the same limits and callbacks. */
struct net_listen_options {
    /* A unix socket, mode 0600, that speaks JSON values one after the other without other
     * framing, each reply followed by a newline, as geth's IPC does; NULL: HTTP on host
     * and port. Its connections count as WebSockets: they may be pushed to. */
    const char *unix_path;
    const char *host;
    uint16_t port;
    bool trusted; /* what net_trusted says of its connections */
    /* HTTP: 32 bytes, copied; requests need `Authorization: Bearer` and a JWT signed with
     * it (HS256, iat within 60 s), else 401. NULL: none. */
    const uint8_t *jwt_secret;
};
/* MT_EIO when the place is taken, MT_ELIMIT for a path too long for a socket; a socket
 * file that nobody answers on is replaced. port may be NULL. */
mt_err net_listen(struct net_server *s, const struct net_listen_options *opt,
                  uint16_t *port, struct mt_diag *diag);

/* The server's first listener speaks TLS from the next connection on; takes t, frees the
 * one before. Open connections keep theirs. */
void net_set_tls(struct net_server *s, struct net_tls *t);

/* Appends "Bearer TOKEN" for an Authorization header that such a listener takes within a
 * minute of now_s (JWT of RFC 7519, HS256, claim "iat"). */
void net_jwt_bearer(const uint8_t secret[32], uint64_t now_s, struct buf *out);

/* The connection came in through a trusted listener. */
bool net_trusted(const struct net_server *s, struct net_ref ref);

/* The port in use. */
uint16_t net_server_port(const struct net_server *s);

/* Stops listening, closes idle connections, gives the others 80 ms to send what is queued
 * (1001 on WebSockets), then calls done from the loop. on_close is called for each. */
void net_server_stop(struct net_server *s, void (*done)(void *ctx), void *ctx);

/* Only after done was called. NULL is allowed. */
void net_server_free(struct net_server *s);

/* Answers a request. The bytes are taken out of body: it is empty afterwards and may be
 * used again. An empty body is 200 without content (a message of nothing is not sent on a
 * WebSocket). False when the connection is gone or the id is not an open one. */
bool net_reply(struct net_server *s, struct net_ref ref, uint64_t req_id,
               struct buf *body);

/* As net_reply with another HTTP status (WebSocket: as net_reply). */
bool net_reply_status(struct net_server *s, struct net_ref ref, uint64_t req_id,
                      unsigned status, struct buf *body);

/* As net_reply with a body in gzip, for a client that takes it. */
bool net_reply_gzip(struct net_server *s, struct net_ref ref, uint64_t req_id,
                    struct buf *body);

/* What the client of an open request takes, bits; none for WebSockets, unix sockets and
 * clients that are gone. */
#define NET_PARTS 1u /* HTTP/1.1: a reply in parts */
#define NET_GZIP  2u
unsigned net_accepts(struct net_server *s, struct net_ref ref, uint64_t req_id);

/* How far a reply in parts is ahead of its client, for whoever makes the parts on another
 * thread: what was handed over since is the difference of his count and `arrived`. */
struct net_flow {
    _Atomic uint64_t arrived; /* bytes that net_part was given */
    _Atomic uint64_t unsent;  /* bytes that stand on the connection, not yet taken by the
                                 socket; at least those of them */
};

/* One part of a reply whose length is not known: HTTP/1.1 with `Transfer-Encoding:
 * chunked`, only for clients with NET_PARTS. The bytes are taken out of body; last may
 * come with none. flow (NULL: nobody asks) is kept up to the last part, net_cut or until
 * a call has said false; it must live as long. gzip is that of the first part. False:
 * the connection is gone, further parts are not wanted. */
bool net_part(struct net_server *s, struct net_ref ref, uint64_t req_id, struct buf *body,
              struct net_flow *flow, bool gzip, bool last);

/* A reply of which parts were given cannot be finished: its connection is closed before
 * the last chunk, from which every HTTP client knows that the reply is not whole. */
void net_cut(struct net_server *s, struct net_ref ref, uint64_t req_id);

/* Sends one WebSocket message on our own account. False when the connection is gone,
 * is not a WebSocket, or its queue was full (it is then being closed with 1013). */
bool net_send(struct net_server *s, struct net_ref ref, slice message);

/* Delays sending until uncork, so that several messages leave in one write. Nests. */
void net_cork(struct net_server *s, struct net_ref ref);
void net_uncork(struct net_server *s, struct net_ref ref);

/* Who is at the other end. text is empty when the connection is gone. */
struct net_peer {
    uint8_t ip[16]; /* v4: the first four bytes */
    bool v6;
    char text[48];
};
void net_peer_of(struct net_server *s, struct net_ref ref, struct net_peer *out);

/* Open connections. */
unsigned net_conn_count(const struct net_server *s);

#endif
