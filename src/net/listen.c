/* Listeners: TCP and unix sockets, and accepting within the limits. A unix socket is made
 * with mode 0600 before it listens, so nobody else gets in between. */
#include "net_int.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- accepting ---- */

static void peer_ip(struct conn *c)
{
    struct sockaddr_storage ss;
    int len = sizeof(ss);
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&ss, &len) != 0)
        return;
    if (ss.ss_family == AF_INET)
        memcpy(c->peer.ip, &((struct sockaddr_in *)&ss)->sin_addr, 4);
    else if (ss.ss_family == AF_INET6)
        memcpy(c->peer.ip, &((struct sockaddr_in6 *)&ss)->sin6_addr, 16);
    c->peer.v6 = ss.ss_family == AF_INET6;
    if (uv_ip_name((struct sockaddr *)&ss, c->peer.text, sizeof(c->peer.text)) != 0)
        c->peer.text[0] = 0;
}

static unsigned count_ip(const struct net_server *s, const uint8_t ip[16])
{
    unsigned n = 0;
    for (uint32_t i = 0; i < s->opt.conn_max + NET_REFUSE_MAX; i++)
        if (s->conns[i] != NULL && memcmp(s->conns[i]->peer.ip, ip, 16) == 0)
            n++;
    return n;
}

static struct conn *conn_new(struct net_server *s, const struct listener *l)
{
    struct conn *c = mt_alloc(sizeof(*c));
    c->server = s;
    uint32_t idx = s->free_idx[--s->free_num];
    if (++s->gens[idx] == 0)
        s->gens[idx] = 1;
    c->ref = (struct net_ref){idx, s->gens[idx]};
    s->conns[idx] = c;
    c->listener = l;
    if (l->local)
        uv_pipe_init(s->loop, &c->pipe, 0);
    else
        uv_tcp_init(s->loop, &c->tcp);
    c->tcp.data = c;
    s->conn_num++;
    metric_add(METRIC_net_accepted_total, s->opt.metric_net, 1);
    metric_move(METRIC_net_connections, s->opt.metric_net, 1);
    return c;
}

static void refuse_cb(uv_handle_t *handle)
{
    mt_free(handle);
}

/* Past all places: accepted and closed, so that the queue of the kernel moves on. */
static void refuse_silently(struct listener *l)
{
    union uv_any_handle *h = mt_alloc(sizeof(*h));
    if (l->local)
        uv_pipe_init(l->server->loop, &h->pipe, 0);
    else
        uv_tcp_init(l->server->loop, &h->tcp);
    uv_accept((uv_stream_t *)&l->tcp, &h->stream);
    uv_close(&h->handle, refuse_cb);
}

/* The HTTP status with which a connection is refused, or 0. An operator still gets in
 * when clients have taken every place. */
static unsigned refusal(const struct conn *c)
{
    const struct net_server *s = c->server;
    if (c->listener->trusted)
        return 0;
    if (s->conn_num > s->opt.conn_max)
        return 503;
    if (s->opt.conn_ip_max > 0 && count_ip(s, c->peer.ip) > s->opt.conn_ip_max)
        return 429;
    return 0;
}

static void connection_cb(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;
    struct net_server *s = l->server;
    if (status < 0 || s->stopping)
        return;
    if (s->free_num == 0) {
        metric_add(METRIC_net_refused_total, s->opt.metric_net, 1);
        refuse_silently(l);
        return;
    }
    struct conn *c = conn_new(s, l);
    if (s->conn_num == 1)
        server_tick_start(s);
    if (uv_accept(stream, (uv_stream_t *)&c->tcp) != 0) {
        conn_close(c);
        return;
    }
    if (!l->local) {
        uv_tcp_nodelay(&c->tcp, 1);
        peer_ip(c);
    }
    if (s->tls != NULL && l == &s->listeners[0] && !tls_start(c, s->tls)) {
        conn_close(c);
        return;
    }
    conn_start(c);
    unsigned refuse = refusal(c);
    if (refuse != 0 && !c->closing) {
        metric_add(METRIC_net_refused_total, s->opt.metric_net, 1);
        if (c->tls != NULL) { /* there is no handshake to say it in */
            conn_close(c);
            return;
        }
        http_refuse(c, refuse);
        conn_flush(c);
    }
}

/* ---- listening ---- */

static mt_err listen_tcp(struct listener *l, const struct net_listen_options *opt,
                         uint16_t *port, struct mt_diag *diag)
{
    struct sockaddr_storage ss;
    int len = sizeof(ss);
    bool v6 = strchr(opt->host, ':') != NULL;
    int r = v6 ? uv_ip6_addr(opt->host, opt->port, (struct sockaddr_in6 *)&ss)
               : uv_ip4_addr(opt->host, opt->port, (struct sockaddr_in *)&ss);
    if (r != 0)
        return mt_fail(diag, MT_EINVAL, "not an IP address to listen on: %s", opt->host);
    r = uv_tcp_bind(&l->tcp, (struct sockaddr *)&ss, 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&l->tcp, 1024, connection_cb);
    if (r == 0)
        r = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&ss, &len);
    if (r != 0)
        return mt_fail(diag, MT_EIO, "cannot listen on %s port %u: %s", opt->host,
                       opt->port, uv_strerror(r));
    *port = ntohs(v6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
                     : ((struct sockaddr_in *)&ss)->sin_port);
    return MT_OK;
}

/* A socket file that nobody answers on is what a killed process left behind. */
static mt_err clear_path(const char *path, struct mt_diag *diag)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;
    if (lstat(path, &st) != 0)
        return MT_OK;
    if (!S_ISSOCK(st.st_mode))
        return mt_fail(diag, MT_EIO, "%s: is there and is not a socket", path);
    memcpy(addr.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    bool alive = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
    close(fd);
    if (alive)
        return mt_fail(diag, MT_EIO, "%s: another process listens there", path);
    if (unlink(path) != 0)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    return MT_OK;
}

static mt_err listen_unix(struct listener *l, const char *path, struct mt_diag *diag)
{
    struct sockaddr_un addr;
    if (strlen(path) >= sizeof(addr.sun_path))
        return mt_fail(diag, MT_ELIMIT,
                       "%s: too long for a unix socket (at most %zu characters)", path,
                       sizeof(addr.sun_path) - 1);
    MT_TRY(clear_path(path, diag));
    int r = uv_pipe_bind(&l->pipe, path);
    if (r == 0 && chmod(path, 0600) != 0)
        r = -errno;
    if (r == 0)
        r = uv_listen((uv_stream_t *)&l->pipe, 64, connection_cb);
    if (r != 0)
        return mt_fail(diag, MT_EIO, "cannot listen on %s: %s", path, uv_strerror(r));
    return MT_OK;
}

mt_err net_listen(struct net_server *s, const struct net_listen_options *opt,
                  uint16_t *port, struct mt_diag *diag)
{
    uint16_t any;
    if (s->listener_num == NET_LISTEN_MAX)
        return mt_fail(diag, MT_ELIMIT, "at most %u listeners", NET_LISTEN_MAX);
    struct listener *l = &s->listeners[s->listener_num++];
    *l = (struct listener){
        .server = s, .local = opt->unix_path != NULL, .trusted = opt->trusted};
    if (opt->jwt_secret != NULL) {
        l->has_jwt = true;
        memcpy(l->jwt_secret, opt->jwt_secret, sizeof(l->jwt_secret));
    }
    if (l->local)
        uv_pipe_init(s->loop, &l->pipe, 0);
    else
        uv_tcp_init(s->loop, &l->tcp);
    l->tcp.data = l;
    s->handles++;
    if (l->local)
        return listen_unix(l, opt->unix_path, diag);
    return listen_tcp(l, opt, port == NULL ? &any : port, diag);
}

mt_err listen_first(struct net_server *s, struct mt_diag *diag)
{
    struct net_listen_options first = {.host = s->opt.host, .port = s->opt.port};
    return net_listen(s, &first, &s->port, diag);
}

void listen_close(struct net_server *s, uv_close_cb cb)
{
    for (unsigned i = 0; i < s->listener_num; i++)
        uv_close((uv_handle_t *)&s->listeners[i].tcp, cb);
}
