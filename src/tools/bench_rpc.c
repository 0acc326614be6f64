/* metis-bench rpc: a load generator for JSON-RPC over keep-alive connections, each with
 * one request in flight. One thread, epoll; what it measures is the server: requests a
 * second, latency, and with --pid the server's CPU time per request. Either one request
 * over and over (--method, --params), or the lines of a file once (--bodies): with N
 * connections, line i is sent by connection i mod N, in the order of the file. */
#include "bench.h"
#include "evm_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024u
#define REPLY_MAX       (64u << 20)
#define BODIES_MAX      (1u << 30)

struct conn {
    int fd;
    double sent_s;
    struct buf in;
    size_t want; /* whole reply's size, 0 while the header is not complete */
    size_t next; /* the request it sends next */
};

struct load {
    const char *url, *method, *params, *bodies, *peer;
    char host[256], port[8];
    size_t connections, requests, runs;
    long pid;
    struct buf text; /* the requests, one after another */
    size_t *ends;    /* where each ends in text */
    size_t num;      /* of different requests; `requests` when they come from a file */
    struct conn *conns;
    int epoll_fd;
    double *latency;
    size_t done, errors;
};

static bool parse_url(struct load *l)
{
    const char *s = l->url, *colon;
    if (strncmp(s, "http://", 7) != 0)
        return false;
    s += 7;
    size_t n = strcspn(s, "/");
    colon = memchr(s, ':', n);
    size_t host = colon != NULL ? (size_t)(colon - s) : n;
    size_t port = colon != NULL ? n - host - 1 : 0;
    if (host == 0 || host >= sizeof(l->host) || port >= sizeof(l->port))
        return false;
    memcpy(l->host, s, host);
    memcpy(l->port, port > 0 ? colon + 1 : "80", port > 0 ? port : 2);
    return true;
}

static int open_socket(const struct load *l)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *res;
    int fd, one = 1;
    if (getaddrinfo(l->host, l->port, &hints, &res) != 0)
        return -1;
    fd = socket(res->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, res->ai_addr, res->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(res);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static void add_request(struct load *l, const char *body, size_t n)
{
    buf_printf(&l->text,
               "POST / HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\n\r\n",
               l->host, l->port, n);
    buf_put(&l->text, body, n);
    l->ends[l->num++] = l->text.len;
}

static void make_request(struct load *l)
{
    struct buf body;
    buf_init(&body, 8u << 20);
    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":", l->method);
    buf_put_str(&body, l->params);
    buf_put_str(&body, "}");
    l->ends = mt_alloc(sizeof(*l->ends));
    add_request(l, (const char *)body.ptr, body.len);
    buf_fini(&body);
}

/* A request for each line of the file; false when there is none or it cannot be read. */
static bool read_requests(struct load *l)
{
    struct buf file;
    buf_init(&file, BODIES_MAX);
    if (fx_read_file(l->bodies, &file) != MT_OK)
        return false;
    const char *p = (const char *)file.ptr, *end = p + file.len;
    size_t lines = 1;
    for (const char *q = p; q < end; q++)
        lines += *q == '\n';
    l->ends = mt_alloc(lines * sizeof(*l->ends));
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop != NULL ? stop : end;
        add_request(l, p, (size_t)(stop - p));
        p = stop + 1;
    }
    buf_fini(&file);
    l->requests = l->num;
    return l->num > 0 && buf_ok(&l->text);
}

static bool send_one(struct load *l, struct conn *c)
{
    size_t which = c->next % l->num, begin = which > 0 ? l->ends[which - 1] : 0;
    buf_reset(&c->in);
    c->want = 0;
    c->next += l->connections;
    c->sent_s = bench_wall_s();
    for (size_t off = begin; off < l->ends[which];) {
        ssize_t n = send(c->fd, l->text.ptr + off, l->ends[which] - off, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        off += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* The whole size once it is known; 0: not yet; SIZE_MAX: not a reply we know. A reply in
 * chunks is whole when the last one is there: JSON on one line has no such bytes. */
static size_t reply_size(const struct conn *c)
{
    static const char last[] = "\r\n0\r\n\r\n";
    size_t n = sizeof(last) - 1;
    const char *p = (const char *)c->in.ptr;
    const char *end = memmem(p, c->in.len, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    for (const char *line = p; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "content-length:", 15) == 0)
            return (size_t)(end - p) + 4 + strtoul(line + 15, NULL, 10);
        if (strncasecmp(line, "transfer-encoding: chunked", 26) == 0)
            return memcmp(c->in.ptr + c->in.len - n, last, n) == 0 ? c->in.len : 0;
    }
    return SIZE_MAX;
}

/* True when a whole reply is in c->in. */
static bool receive(struct conn *c, bool *broken)
{
    uint8_t *room = buf_reserve(&c->in, 65537);
    ssize_t n = room != NULL ? recv(c->fd, room, 65536, MSG_DONTWAIT) : -1;
    if (n <= 0) {
        *broken = n == 0 || room == NULL || (errno != EAGAIN && errno != EINTR);
        return false;
    }
    c->in.len += (size_t)n;
    c->in.ptr[c->in.len] = 0; /* room was asked for one more, so strstr ends */
    if (c->want == 0)
        c->want = reply_size(c);
    *broken = c->want == SIZE_MAX;
    return !*broken && c->want != 0 && c->in.len >= c->want;
}

static bool run_once(struct load *l)
{
    struct epoll_event ev[64];
    l->done = l->errors = 0;
    for (size_t i = 0; i < l->connections && i < l->requests; i++) {
        l->conns[i].next = i;
        if (!send_one(l, &l->conns[i]))
            return false;
    }
    while (l->done < l->requests) {
        int n = epoll_wait(l->epoll_fd, ev, 64, 10000);
        if (n <= 0)
            return false;
        for (int i = 0; i < n; i++) {
            struct conn *c = &l->conns[ev[i].data.u32];
            bool broken = false;
            if (!receive(c, &broken)) {
                if (broken)
                    return false;
                continue;
            }
            if (memmem(c->in.ptr, c->in.len, "\"error\"", 7) != NULL)
                l->errors++;
            l->latency[l->done++] = (bench_wall_s() - c->sent_s) * 1e6;
            if (c->next < l->requests && !send_one(l, c))
                return false;
        }
    }
    return true;
}

static bool connect_all(struct load *l)
{
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->conns = mt_alloc(l->connections * sizeof(*l->conns));
    for (size_t i = 0; i < l->connections; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        buf_init(&l->conns[i].in, REPLY_MAX);
        l->conns[i].fd = open_socket(l);
        if (l->conns[i].fd < 0)
            return false;
        epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->conns[i].fd, &ev);
    }
    return true;
}

struct result {
    struct bench_stat rate, wall, cpu, server_cpu, p50, p99;
    size_t errors;
};

static bool run_all(struct load *l, struct result *r)
{
    for (size_t i = l->bodies != NULL ? l->runs : 0; i <= l->runs; i++) {
        double cpu = bench_thread_cpu_s(), server = bench_process_cpu_s(l->pid);
        double start = bench_wall_s();
        if (!run_once(l))
            return false;
        double wall = bench_wall_s() - start;
        if (i == 0 && l->bodies == NULL) /* the first run warms up */
            continue;
        bench_add(&r->rate, (double)l->requests / wall);
        bench_add(&r->wall, wall);
        bench_add(&r->cpu, (bench_thread_cpu_s() - cpu) * 1e6 / (double)l->requests);
        bench_add(&r->p50, bench_percentile(l->latency, l->requests, 0.5));
        bench_add(&r->p99, bench_percentile(l->latency, l->requests, 0.99));
        if (server >= 0)
            bench_add(&r->server_cpu,
                      (bench_process_cpu_s(l->pid) - server) * 1e6 / (double)l->requests);
        r->errors += l->errors;
    }
    return true;
}

static void print(struct load *l, const struct result *r)
{
    struct bench_line line;
    bench_begin(&line, "rpc", l->bodies != NULL ? l->bodies : l->method);
    struct json_out *j = &line.json;
    json_kv_u64(j, "connections", l->connections);
    json_kv_u64(j, "requests", l->requests);
    json_kv_u64(j, "runs", l->bodies != NULL ? 1 : l->runs);
    json_kv_u64(j, "errors", r->errors);
    bench_stat_out(&line, "requests_per_s", &r->rate);
    bench_stat_out(&line, "p50_us", &r->p50);
    bench_stat_out(&line, "p99_us", &r->p99);
    bench_stat_out(&line, "wall_s", &r->wall);
    bench_stat_out(&line, "client_cpu_us", &r->cpu);
    if (r->server_cpu.num > 0)
        bench_stat_out(&line, "server_cpu_us", &r->server_cpu);
    const char *eq = l->peer != NULL ? strchr(l->peer, '=') : NULL;
    const char *key = r->server_cpu.num > 0 ? "server_cpu_us" : "requests_per_s";
    double peer, own = bench_median(r->server_cpu.num > 0 ? &r->server_cpu : &r->rate);
    if (eq != NULL && bench_peer(eq + 1, key, &peer)) {
        json_key(j, "peer");
        json_str_n(j, l->peer, (size_t)(eq - l->peer));
        json_kv_f64(j, "peer_value", peer);
        json_kv_f64(j, "ratio", own / peer);
    }
    bench_end(&line);
}

static bool options(struct load *l, int argc, char **argv)
{
    static const struct option longs[] = {
        {"url", 1, NULL, 'u'},         {"method", 1, NULL, 'm'},
        {"params", 1, NULL, 'p'},      {"bodies", 1, NULL, 'b'},
        {"connections", 1, NULL, 'c'}, {"requests", 1, NULL, 'n'},
        {"runs", 1, NULL, 'r'},        {"pid", 1, NULL, 'i'},
        {"peer", 1, NULL, 'e'},        {0}};
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (o) {
        case 'u':
            l->url = optarg;
            break;
        case 'm':
            l->method = optarg;
            break;
        case 'p':
            l->params = optarg;
            break;
        case 'b':
            l->bodies = optarg;
            break;
        case 'c':
            l->connections = strtoul(optarg, NULL, 10);
            break;
        case 'n':
            l->requests = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            l->runs = strtoul(optarg, NULL, 10);
            break;
        case 'i':
            l->pid = strtol(optarg, NULL, 10);
            break;
        case 'e':
            l->peer = optarg;
            break;
        default:
            return false;
        }
    }
    return l->url != NULL && (l->method != NULL) != (l->bodies != NULL) &&
           optind == argc && l->connections > 0 && l->connections <= CONNECTIONS_MAX &&
           l->requests > 0 && l->requests <= 100000000 && l->runs > 0 &&
           l->runs < BENCH_RUNS_MAX;
}

int bench_rpc_main(int argc, char **argv)
{
    struct load l = {.params = "[]", .connections = 8, .requests = 20000, .runs = 5};
    struct result r = {0};
    if (!options(&l, argc, argv) || !parse_url(&l))
        return bench_fail(2, "rpc: --url http://HOST:PORT and either --method or "
                             "--bodies FILE are needed");
    buf_init(&l.text, BODIES_MAX);
    if (l.bodies == NULL)
        make_request(&l);
    else if (!read_requests(&l))
        return bench_fail(1, "rpc: no requests in %s, or over a gigabyte", l.bodies);
    l.latency = mt_alloc(l.requests * sizeof(*l.latency));
    if (!connect_all(&l))
        return bench_fail(1, "rpc: cannot connect to %s: %s", l.url, strerror(errno));
    if (!run_all(&l, &r))
        return bench_fail(1, "rpc: the connection broke or the server did not answer");
    print(&l, &r);
    return 0;
}
