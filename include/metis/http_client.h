/* http_client: POSTs to other servers over libuv — part of module net. libcurl does
 * HTTP/1.1, TLS, names and connections; the loop's polls and timer drive it, so
 * nothing blocks.
 *
 *   http_post --> easy handle --> curl_multi --socket, timer wishes--> uv_poll, uv_timer
 *                                     \-- a request is over --> done(result)
 *
 * Everything here runs on the loop's thread. Redirects are not followed and proxies of
 * the environment are not used: a request goes where its URL says or nowhere. Each
 * limit has an error of its own:
 *
 *   limit                                  error
 *   requests under way                     MT_EBUSY from http_post
 *   bytes of an answer's body or headers   MT_ELIMIT
 *   time to connect, time in all           MT_ETIMEOUT
 *   refused, reset, no such host, TLS      MT_EIO
 * / */
#ifndef METIS_HTTP_CLIENT_H
#define METIS_HTTP_CLIENT_H

#include "metis/base.h"

struct uv_loop_s;
struct http_client;

struct http_client_options {
    unsigned connections_max;    /* open at once; further requests wait for one */
    unsigned requests_max;       /* under way, the waiting ones included */
    uint64_t connect_timeout_ms; /* name, TCP and TLS together */
    const char *ca_file;         /* PEM, trusted for https; NULL: the system's */
    const char *user_agent;
};

/* Strings are copied. MT_EIO when libcurl cannot be set up. */
mt_err http_client_new(struct uv_loop_s *loop, const struct http_client_options *opt,
                       struct http_client **out, struct mt_diag *diag);

/* One way a request can end. On MT_OK status is the answer's and body its bytes, which
 * the receiver may take (and must then release); otherwise status is 0 and text says
 * what went wrong where. Text and what is left of the body live for the call. */
struct http_result {
    mt_err err;
    unsigned status;
    struct buf *body;
    const char *text;
};
typedef void http_done_fn(void *ctx, const struct http_result *r);

/* POSTs JSON to an http or https URL. The bytes are taken out of body. done runs
 * exactly once, from the loop and never before the return of http_post; it may post
 * again but must not free the client. Errors (done is then not called, body is left
 * alone): MT_EBUSY, MT_EINVAL for a URL that is none. */
mt_err http_post(struct http_client *c, const char *url, struct buf *body,
                 size_t reply_max, uint64_t timeout_ms, http_done_fn *done, void *ctx,
                 struct mt_diag *diag);

/* The value of the Authorization header that requests carry from now on; NULL: none. Only
 * while no request is under way. */
void http_client_authorize(struct http_client *c, const char *value);

/* Whether a text is an http or https URL with a host, and nothing else. */
bool http_url_ok(const char *url);

/* Requests under way. */
unsigned http_client_len(const struct http_client *c);

/* Ends every request now: done is called with MT_ECANCELED for each. */
void http_client_cancel(struct http_client *c);

/* Cancels as above and frees; the loop must run once more to release the handles. NULL is
 * allowed. */
void http_client_free(struct http_client *c);

#endif
