/* The wire of `metisd attach`. A unix socket stays open and carries a reply a line; HTTP
 * and HTTPS go through net's client, whose loop turns only while a call is under way. */
#include "attach.h"
#include "private.h"

#include "metis/http_client.h"
#include "metis/net.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#define REPLY_MAX  (256u << 20)
#define TIMEOUT_S  120
#define CHUNK_SIZE 65536u

struct attach_link {
    int fd;        /* the unix socket, or -1 */
    struct buf in; /* bytes after the last reply */
    bool has_loop, has_secret;
    uv_loop_t loop;
    struct http_client *http; /* or NULL */
    uint8_t secret[32];
    char url[1024];
};

static void set_timeouts(int fd)
{
    struct timeval t = {.tv_sec = TIMEOUT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

static mt_err send_all(int fd, slice data, struct mt_diag *diag)
{
    while (data.len > 0) {
        ssize_t n = send(fd, data.ptr, data.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return mt_fail(diag, MT_EIO, "the node does not take the request: %s",
                           strerror(errno));
        data = slice_of(data.ptr + n, data.len - (size_t)n);
    }
    return MT_OK;
}

/* *n is 0 at the end of the stream. */
static mt_err receive(int fd, struct buf *in, size_t *n, struct mt_diag *diag)
{
    uint8_t *at = buf_reserve(in, CHUNK_SIZE);
    if (at == NULL)
        return mt_fail(diag, MT_ELIMIT, "the reply is larger than %u bytes", REPLY_MAX);
    ssize_t got;
    do
        got = recv(fd, at, CHUNK_SIZE, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return mt_fail(diag, MT_ETIMEOUT, "the node did not answer in %d s", TIMEOUT_S);
    if (got < 0)
        return mt_fail(diag, MT_EIO, "the node does not answer: %s", strerror(errno));
    in->len += (size_t)got;
    *n = (size_t)got;
    return MT_OK;
}

/* ---- unix socket ---- */

static mt_err open_unix(struct attach_link *l, const char *path, struct mt_diag *diag)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof addr.sun_path)
        return mt_fail(diag, MT_ELIMIT, "%s: too long for a unix socket", path);
    memcpy(addr.sun_path, path, strlen(path));
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&addr, sizeof addr) != 0)
        return mt_fail(diag, MT_EIO, "%s: %s; is the node running?", path,
                       strerror(errno));
    set_timeouts(l->fd);
    return MT_OK;
}

static mt_err call_unix(struct attach_link *l, slice request, struct buf *reply,
                        struct mt_diag *diag)
{
    size_t seen = 0, got;
    MT_TRY(send_all(l->fd, request, diag));
    for (;;) {
        const uint8_t *end =
            l->in.len > seen ? memchr(l->in.ptr + seen, '\n', l->in.len - seen) : NULL;
        if (end != NULL) {
            size_t n = (size_t)(end - l->in.ptr);
            buf_put(reply, l->in.ptr, n);
            memmove(l->in.ptr, end + 1, l->in.len - n - 1);
            l->in.len -= n + 1;
            return MT_OK;
        }
        seen = l->in.len;
        MT_TRY(receive(l->fd, &l->in, &got, diag));
        if (got == 0)
            return mt_fail(diag, MT_EIO, "the node closed the connection");
    }
}

/* ---- HTTP ---- */

/* The port of a node when the address has none; https is what a proxy speaks, at 443. */
static mt_err set_url(struct attach_link *l, const char *text, struct mt_diag *diag)
{
    const char *host = strstr(text, "://") + 3;
    size_t n = (size_t)(host - text);
    size_t host_len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?");
    if (host_len == 0 || strlen(text) + sizeof ":8545" > sizeof l->url ||
        !http_url_ok(text))
        return mt_fail(diag, MT_EINVAL, "%.200s: not an address", text);
    const char *rest = host + host_len;
    bool as_is = *rest == ':' || strncmp(text, "https", 5) == 0;
    mt_fmt(l->url, sizeof l->url, "%.*s%s%s", (int)(n + host_len), text,
           as_is ? "" : ":8545", rest);
    return MT_OK;
}

static mt_err open_http(struct attach_link *l, const struct attach_options *opt,
                        struct mt_diag *diag)
{
    struct http_client_options o = {.connections_max = 1,
                                    .requests_max = 1,
                                    .connect_timeout_ms = TIMEOUT_S * 1000,
                                    .ca_file = opt->ca_file};
    if (opt->ca_file != NULL && access(opt->ca_file, R_OK) != 0)
        return mt_fail(diag, MT_EIO, "%s: %s", opt->ca_file, strerror(errno));
    MT_TRY(set_url(l, opt->target, diag));
    if (opt->jwt_file != NULL) {
        MT_TRY(private_secret(opt->jwt_file, false, l->secret, diag));
        l->has_secret = true;
    }
    MT_ASSERT(uv_loop_init(&l->loop) == 0);
    l->has_loop = true;
    return http_client_new(&l->loop, &o, &l->http, diag);
}

/* A token is good for a minute: each request has its own. */
static void authorize(struct attach_link *l)
{
    struct buf value;
    buf_init(&value, 4096);
    net_jwt_bearer(l->secret, clock_unix_ms() / 1000, &value);
    buf_put_u8(&value, 0);
    MT_ASSERT(buf_ok(&value));
    http_client_authorize(l->http, (const char *)value.ptr);
    buf_fini(&value);
}

struct answer {
    bool over;
    mt_err err;
    struct buf *reply;
    struct mt_diag *diag;
};

/* Status 200 gives the body; another is an error with what the server says. */
static void on_answer(void *ctx, const struct http_result *r)
{
    struct answer *a = ctx;
    a->over = true;
    if (r->err != MT_OK) {
        a->err = mt_fail(a->diag, r->err, "the node does not answer: %s", r->text);
    } else if (r->status != 200) {
        a->err = mt_fail(a->diag, MT_EIO, "HTTP status %u: %.*s", r->status,
                         (int)MT_MIN(r->body->len, 200u),
                         r->body->len == 0 ? "" : (const char *)r->body->ptr);
    } else {
        buf_put_slice(a->reply, buf_slice(r->body));
        a->err = buf_ok(a->reply) ? MT_OK
                                  : mt_fail(a->diag, MT_ELIMIT, "the reply is too large");
    }
}

static mt_err call_http(struct attach_link *l, slice request, struct buf *reply,
                        struct mt_diag *diag)
{
    struct answer a = {.reply = reply, .diag = diag};
    struct buf body;
    if (l->has_secret)
        authorize(l);
    buf_init(&body, request.len + 1);
    buf_put_slice(&body, request);
    mt_err err = http_post(l->http, l->url, &body, REPLY_MAX, TIMEOUT_S * 1000, on_answer,
                           &a, diag);
    buf_fini(&body);
    MT_TRY(err);
    while (!a.over)
        uv_run(&l->loop, UV_RUN_ONCE);
    return a.err;
}

static void close_http(struct attach_link *l)
{
    if (!l->has_loop)
        return;
    http_client_free(l->http);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    uv_loop_close(&l->loop);
}

/* ---- both ---- */

mt_err attach_open(const struct attach_options *opt, struct attach_link **out,
                   struct mt_diag *diag)
{
    const char *target = opt->target;
    bool http = strncmp(target, "http://", 7) == 0 || strncmp(target, "https://", 8) == 0;
    struct attach_link *l = mt_alloc(sizeof *l);
    l->fd = -1;
    buf_init(&l->in, REPLY_MAX);
    mt_err err;
    if (http)
        err = open_http(l, opt, diag);
    else if (strstr(target, "://") != NULL)
        err = mt_fail(diag, MT_EUNSUPPORTED,
                      "%.200s: attach speaks to a unix socket, http:// or https://",
                      target);
    else if (opt->jwt_file != NULL)
        err = mt_fail(diag, MT_EINVAL, "a token is of use for an http or https URL only");
    else
        err = open_unix(l, target, diag);
    if (err == MT_OK)
        *out = l;
    else
        attach_close(l);
    return err;
}

mt_err attach_call(struct attach_link *l, slice request, struct buf *reply,
                   struct mt_diag *diag)
{
    return l->http == NULL ? call_unix(l, request, reply, diag)
                           : call_http(l, request, reply, diag);
}

void attach_close(struct attach_link *l)
{
    if (l == NULL)
        return;
    if (l->fd >= 0)
        close(l->fd);
    close_http(l);
    explicit_bzero(l->secret, sizeof l->secret);
    buf_fini(&l->in);
    mt_free(l);
}
