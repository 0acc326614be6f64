/* The HTTP client: libcurl's multi interface on libuv. libcurl names the sockets that
 * it wants watched (on_socket) and when it wants to be called (on_timer); what libuv
 * sees goes back through curl_multi_socket_action. A finished request is taken from
 * libcurl's queue after that call, so callbacks of ours never run inside libcurl. */
#include "metis/http_client.h"

#include <curl/curl.h>
#include <uv.h>

#define HEADER_BYTES_MAX (64u * 1024u)

struct request {
    struct request *next, **link; /* of the client's list */
    struct http_client *client;
    CURL *easy;
    struct buf sent;
    struct buf body;
    size_t header_bytes;
    bool too_large;
    http_done_fn *done;
    void *ctx;
    char text[CURL_ERROR_SIZE];
};

/* One watched socket. */
struct watch {
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t fd;
    int events;
};

struct http_client {
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    struct curl_slist *headers;
    struct request *requests;
    unsigned request_num;
    struct http_client_options opt;
    char *ca_file, *user_agent;
    unsigned handles; /* open at libuv: the timer and the polls */
    bool closing;
};

/* ---- handles ---- */

static void handle_gone(struct http_client *c)
{
    if (--c->handles > 0)
        return;
    mt_free(c->ca_file);
    mt_free(c->user_agent);
    mt_free(c);
}

static void timer_closed(uv_handle_t *h)
{
    handle_gone(h->data);
}

static void poll_closed(uv_handle_t *h)
{
    struct watch *w = (struct watch *)(void *)h;
    struct http_client *c = w->client;
    mt_free(w);
    handle_gone(c);
}

/* ---- the end of a request ---- */

static mt_err error_of(const struct request *q, CURLcode code)
{
    if (q->too_large)
        return MT_ELIMIT;
    switch (code) {
    case CURLE_OK:
        return MT_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return MT_ETIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return MT_ENOMEM;
    default:
        return MT_EIO;
    }
}

static void unlink_request(struct request *q)
{
    *q->link = q->next;
    if (q->next != NULL)
        q->next->link = q->link;
    q->client->request_num--;
}

/* Takes the request out of libcurl and tells its owner. */
static void finish(struct request *q, mt_err err, const char *text)
{
    struct http_result r = {.err = err, .body = &q->body, .text = text};
    if (err == MT_OK) {
        long status = 0;
        curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
        r.status = (unsigned)status;
    }
    curl_multi_remove_handle(q->client->multi, q->easy);
    curl_easy_cleanup(q->easy);
    unlink_request(q);
    q->done(q->ctx, &r);
    buf_fini(&q->sent);
    buf_fini(&q->body);
    mt_free(q);
}

static void take_finished(struct http_client *c)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct request *q;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &q);
        if (q->too_large)
            finish(q, MT_ELIMIT, "the answer is larger than the limit");
        else
            finish(q, error_of(q, code),
                   q->text[0] != 0 ? q->text : curl_easy_strerror(code));
    }
}

/* ---- libcurl's wishes ---- */

/* libuv stops watching a socket with an error on it, but what came before the error
 * may still be read: libcurl finds it, then the error, by itself. */
static void poll_cb(uv_poll_t *poll, int status, int events)
{
    struct watch *w = (struct watch *)(void *)poll;
    struct http_client *c = w->client;
    int flags = 0, running;
    if (status < 0) {
        flags = CURL_CSELECT_IN | CURL_CSELECT_OUT;
        uv_poll_start(&w->poll, w->events, poll_cb);
    }
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(c->multi, w->fd, flags, &running);
    take_finished(c);
}

static void timer_cb(uv_timer_t *timer)
{
    struct http_client *c = timer->data;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_finished(c);
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct http_client *c = ctx;
    (void)multi;
    if (timeout_ms < 0 || c->closing)
        uv_timer_stop(&c->timer);
    else
        uv_timer_start(&c->timer, timer_cb, (uint64_t)timeout_ms, 0);
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct http_client *c = ctx;
    struct watch *w = socket_ctx;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w == NULL)
            return 0;
        uv_poll_stop(&w->poll);
        uv_close((uv_handle_t *)&w->poll, poll_closed);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    if (w == NULL) {
        w = mt_alloc(sizeof *w);
        w->client = c;
        w->fd = fd;
        if (uv_poll_init_socket(c->loop, &w->poll, fd) != 0) {
            mt_free(w);
            return -1;
        }
        c->handles++;
        curl_multi_assign(c->multi, fd, w);
    }
    w->events = 0;
    if (what & CURL_POLL_IN)
        w->events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        w->events |= UV_WRITABLE;
    return uv_poll_start(&w->poll, w->events, poll_cb) == 0 ? 0 : -1;
}

/* ---- one request ---- */

static size_t on_body(char *ptr, size_t size, size_t num, void *ctx)
{
    struct request *q = ctx;
    buf_put(&q->body, ptr, size * num);
    q->too_large = !buf_ok(&q->body);
    return q->too_large ? 0 : size * num;
}

static size_t on_header(char *ptr, size_t size, size_t num, void *ctx)
{
    struct request *q = ctx;
    (void)ptr;
    q->header_bytes += size * num;
    q->too_large = q->header_bytes > HEADER_BYTES_MAX;
    return q->too_large ? 0 : size * num;
}

bool http_url_ok(const char *url)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL;
    bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] != 0 &&
              (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return ok;
}

static bool set_options(struct request *q, const char *url, uint64_t timeout_ms)
{
    const struct http_client *c = q->client;
    CURL *e = q->easy;
    bool ok = true;
#define SET(option, value)                                                               \
    ok = curl_easy_setopt(e, CURLOPT_##option, value) == CURLE_OK && ok
    SET(URL, url);
    SET(PROTOCOLS_STR, "http,https");
    SET(PROXY, "");
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(HTTPHEADER, c->headers);
    SET(POSTFIELDS, (char *)q->sent.ptr);
    SET(POSTFIELDSIZE_LARGE, (curl_off_t)q->sent.len);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, q);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, q);
    SET(ERRORBUFFER, q->text);
    SET(PRIVATE, q);
    SET(NOSIGNAL, 1L);
    SET(TCP_KEEPALIVE, 1L);
    SET(CONNECTTIMEOUT_MS, (long)c->opt.connect_timeout_ms);
    SET(TIMEOUT_MS, (long)timeout_ms);
    SET(QUICK_EXIT, 1L); /* a resolver that hangs does not hold up the end */
    if (c->user_agent != NULL)
        SET(USERAGENT, c->user_agent);
    if (c->ca_file != NULL)
        SET(CAINFO, c->ca_file);
#undef SET
    return ok;
}

mt_err http_post(struct http_client *c, const char *url, struct buf *body,
                 size_t reply_max, uint64_t timeout_ms, http_done_fn *done, void *ctx,
                 struct mt_diag *diag)
{
    if (c->request_num >= c->opt.requests_max)
        return mt_fail(diag, MT_EBUSY, "%u requests are under way", c->request_num);
    if (!http_url_ok(url))
        return mt_fail(diag, MT_EINVAL, "%.200s is no http or https URL", url);
    struct request *q = mt_alloc(sizeof *q);
    q->client = c;
    q->done = done;
    q->ctx = ctx;
    q->easy = curl_easy_init();
    MT_ASSERT(q->easy != NULL); /* memory is out */
    q->sent = *body;
    buf_init(&q->body, reply_max);
    if (!set_options(q, url, timeout_ms) ||
        curl_multi_add_handle(c->multi, q->easy) != CURLM_OK) {
        curl_easy_cleanup(q->easy);
        mt_free(q);
        return mt_fail(diag, MT_EINVAL, "%.200s: libcurl refuses the request", url);
    }
    buf_init(body, body->size_max);
    q->next = c->requests;
    q->link = &c->requests;
    if (q->next != NULL)
        q->next->link = &q->next;
    c->requests = q;
    c->request_num++;
    return MT_OK;
}

static void add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    MT_ASSERT(longer != NULL); /* memory is out */
    *list = longer;
}

void http_client_authorize(struct http_client *c, const char *value)
{
    MT_ASSERT(c->request_num == 0); /* libcurl reads the list of each */
    curl_slist_free_all(c->headers);
    c->headers = NULL;
    add_header(&c->headers, "Content-Type: application/json");
    add_header(&c->headers, "Expect:"); /* no 100-continue */
    if (value == NULL)
        return;
    struct buf line;
    buf_init(&line, HEADER_BYTES_MAX);
    buf_printf(&line, "Authorization: %s", value);
    buf_put_u8(&line, 0);
    MT_ASSERT(buf_ok(&line));
    add_header(&c->headers, (const char *)line.ptr);
    buf_fini(&line);
}

unsigned http_client_len(const struct http_client *c)
{
    return c->request_num;
}

/* ---- life ---- */

mt_err http_client_new(uv_loop_t *loop, const struct http_client_options *opt,
                       struct http_client **out, struct mt_diag *diag)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return mt_fail(diag, MT_EIO, "libcurl cannot be set up");
    CURLM *multi = curl_multi_init();
    MT_ASSERT(multi != NULL); /* memory is out */
    struct http_client *c = mt_alloc(sizeof *c);
    c->loop = loop;
    c->multi = multi;
    c->opt = *opt;
    c->ca_file = opt->ca_file != NULL ? mt_strdup(opt->ca_file) : NULL;
    c->user_agent = opt->user_agent != NULL ? mt_strdup(opt->user_agent) : NULL;
    http_client_authorize(c, NULL);
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    c->handles = 1;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)opt->connections_max);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)opt->connections_max);
    *out = c;
    return MT_OK;
}

void http_client_cancel(struct http_client *c)
{
    unsigned num = c->request_num; /* what a callback posts anew is not its concern */
    while (num-- > 0 && c->requests != NULL) {
        struct request *q = c->requests;
        while (q->next != NULL) /* the oldest first */
            q = q->next;
        finish(q, MT_ECANCELED, "canceled");
    }
}

void http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    c->opt.requests_max = 0; /* nothing new comes in */
    http_client_cancel(c);
    c->closing = true;
    curl_multi_cleanup(c->multi); /* closes connections: on_socket hears of each */
    curl_slist_free_all(c->headers);
    uv_close((uv_handle_t *)&c->timer, timer_closed);
    curl_global_cleanup();
}
