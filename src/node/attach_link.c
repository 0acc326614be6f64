/* The wire of `metisd attach`. A unix socket stays open and carries a reply a line; over
 * HTTP each call is a connection of its own in HTTP/1.0, whose reply ends with it: an
 * operator's line client has no need to be faster. */
#include "attach.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_MAX  (256u << 20)
#define TIMEOUT_S  120
#define HOST_MAX   256u
#define CHUNK_SIZE 65536u

struct attach_link {
    int fd;        /* the unix socket, or -1 */
    struct buf in; /* bytes after the last reply */
    char host[HOST_MAX];
    char port[8];
    char path[1024];
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

static mt_err parse_url(struct attach_link *l, const char *url, struct mt_diag *diag)
{
    const char *p = url + strlen("http://");
    size_t host_len = strcspn(p, ":/");
    if (*p == '[') { /* an IPv6 literal */
        p++;
        host_len = strcspn(p, "]");
    }
    const char *rest = p + host_len + (p[-1] == '[' && p[host_len] == ']');
    size_t port_len = *rest == ':' ? strcspn(rest + 1, "/") : 0;
    if (host_len == 0 || host_len >= sizeof l->host || port_len >= sizeof l->port)
        return mt_fail(diag, MT_EINVAL, "%.200s: not an address", url);
    mt_fmt(l->host, sizeof l->host, "%.*s", (int)host_len, p);
    mt_fmt(l->port, sizeof l->port, "%.*s", port_len > 0 ? (int)port_len : 4,
           port_len > 0 ? rest + 1 : "8545");
    rest += *rest == ':' ? port_len + 1 : 0;
    if (mt_fmt(l->path, sizeof l->path, "%s", *rest == 0 ? "/" : rest) + 1 >=
        sizeof l->path)
        return mt_fail(diag, MT_ELIMIT, "%.200s…: too long", url);
    return MT_OK;
}

static mt_err dial(const struct attach_link *l, int *out, struct mt_diag *diag)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int fd = -1, r = getaddrinfo(l->host, l->port, &hints, &list);
    if (r != 0)
        return mt_fail(diag, MT_EIO, "%s: %s", l->host, gai_strerror(r));
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        return mt_fail(diag, MT_EIO, "%s port %s: %s; is the node running?", l->host,
                       l->port, strerror(errno));
    set_timeouts(fd);
    *out = fd;
    return MT_OK;
}

/* Status 200 gives the body; another is an error with what the server says. */
static mt_err take_reply(struct buf *raw, struct buf *reply, struct mt_diag *diag)
{
    static const char end_mark[] = "\r\n\r\n";
    const uint8_t *end = raw->len == 0 ? NULL : memmem(raw->ptr, raw->len, end_mark, 4);
    if (raw->len < 12 || memcmp(raw->ptr, "HTTP/1.", 7) != 0 || end == NULL)
        return mt_fail(diag, MT_EDECODE, "the server does not speak HTTP");
    size_t head = (size_t)(end - raw->ptr) + 4;
    if (memcmp(raw->ptr + 9, "200", 3) != 0)
        return mt_fail(diag, MT_EIO, "HTTP status %.3s: %.*s", (const char *)raw->ptr + 9,
                       (int)MT_MIN(raw->len - head, 200u), (const char *)raw->ptr + head);
    buf_put(reply, raw->ptr + head, raw->len - head);
    return buf_ok(reply) ? MT_OK : mt_fail(diag, MT_ELIMIT, "the reply is too large");
}

static mt_err call_http(const struct attach_link *l, slice request, struct buf *reply,
                        struct mt_diag *diag)
{
    struct buf raw;
    size_t got = 1;
    bool v6 = strchr(l->host, ':') != NULL;
    int fd = -1;
    MT_TRY(dial(l, &fd, diag));
    buf_init(&raw, REPLY_MAX);
    buf_printf(&raw,
               "POST %s HTTP/1.0\r\nHost: %s%s%s\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\n\r\n",
               l->path, v6 ? "[" : "", l->host, v6 ? "]" : "", request.len);
    buf_put_slice(&raw, request);
    mt_err err = send_all(fd, buf_slice(&raw), diag);
    buf_reset(&raw);
    while (err == MT_OK && got != 0)
        err = receive(fd, &raw, &got, diag);
    if (err == MT_OK)
        err = take_reply(&raw, reply, diag);
    buf_fini(&raw);
    close(fd);
    return err;
}

/* ---- both ---- */

mt_err attach_open(const char *target, struct attach_link **out, struct mt_diag *diag)
{
    struct attach_link *l = mt_alloc(sizeof *l);
    l->fd = -1;
    buf_init(&l->in, REPLY_MAX);
    mt_err err;
    if (strncmp(target, "http://", 7) == 0)
        err = parse_url(l, target, diag);
    else if (strstr(target, "://") != NULL)
        err = mt_fail(diag, MT_EUNSUPPORTED,
                      "%.200s: attach speaks to a unix socket or http://", target);
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
    return l->fd >= 0 ? call_unix(l, request, reply, diag)
                      : call_http(l, request, reply, diag);
}

void attach_close(struct attach_link *l)
{
    if (l == NULL)
        return;
    if (l->fd >= 0)
        close(l->fd);
    buf_fini(&l->in);
    mt_free(l);
}
