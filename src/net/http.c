/* HTTP requests and replies of one connection: what is accepted, who may ask, and the
 * order of the answers. Requests get consecutive ids; a reply waits in its slot until
 * those before it are written. */
#include "net_int.h"
#include <strings.h>

static bool ascii_ieq(slice s, const char *lower)
{
    size_t n = strlen(lower);
    if (s.len != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = s.ptr[i];
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
        if (c != (uint8_t)lower[i])
            return false;
    }
    return true;
}

static slice trim(slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* True when one of a header's comma-separated tokens is the word. */
static bool has_token(slice list, const char *lower)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.ptr, ',', list.len);
        size_t n = comma == NULL ? list.len : (size_t)(comma - list.ptr);
        if (ascii_ieq(trim(slice_of(list.ptr, n)), lower))
            return true;
        n += comma != NULL;
        list = slice_of(list.ptr + n, list.len - n);
    }
    return false;
}

const char *http_status_text(unsigned status)
{
    switch (status) {
    case 101:
        return "Switching Protocols";
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 417:
        return "Expectation Failed";
    case 426:
        return "Upgrade Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Status";
    }
}

/* ---- who may ask ---- */

static bool is_ip_literal(slice host)
{
    if (host.len == 0)
        return false;
    if (host.ptr[0] == '[')
        return true;
    unsigned dots = 0;
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] == '.')
            dots++;
        else if (host.ptr[i] < '0' || host.ptr[i] > '9')
            return false;
    }
    return dots == 3;
}

static bool host_allowed(const struct net_server_options *opt, slice host)
{
    if (host.len > 0 && host.ptr[0] != '[') {
        const uint8_t *colon = memchr(host.ptr, ':', host.len);
        if (colon != NULL)
            host.len = (size_t)(colon - host.ptr);
    }
    if (is_ip_literal(host))
        return true;
    for (size_t i = 0; i < opt->vhost_num; i++)
        if (strcmp(opt->vhosts[i], "*") == 0 || ascii_ieq(host, opt->vhosts[i]))
            return true;
    return false;
}

static int origin_allowed(const struct net_server_options *opt, slice origin)
{
    for (size_t i = 0; i < opt->cors_num; i++)
        if (strcmp(opt->cors[i], "*") == 0 || ascii_ieq(origin, opt->cors[i]))
            return (int)i;
    return -2;
}

/* A page that this server itself sent may always ask: its Origin is our own address, and
 * that Host was accepted, so no foreign name leads here. */
static bool same_origin(const struct http_request *r)
{
    const char *at = r->asked_by;
    if (strncmp(at, "http", 4) != 0)
        return false;
    at += at[4] == 's' ? 5 : 4;
    return strncmp(at, "://", 3) == 0 && r->host[0] != 0 &&
           strcasecmp(at + 3, r->host) == 0;
}

static bool content_type_ok(slice value)
{
    const uint8_t *semi = value.len == 0 ? NULL : memchr(value.ptr, ';', value.len);
    if (semi != NULL)
        value.len = (size_t)(semi - value.ptr);
    value = trim(value);
    return ascii_ieq(value, "application/json") ||
           ascii_ieq(value, "application/json-rpc") ||
           ascii_ieq(value, "application/jsonrequest");
}

/* ---- events of the parser ---- */

static void on_begin(void *ctx)
{
    struct conn *c = ctx;
    c->req = (struct http_request){.origin = -1};
    c->view = (slice){0};
    http_drop_body(c, false);
    c->phase = CONN_HEAD;
    c->deadline_ms = uv_now(c->server->loop) + c->server->opt.header_timeout_ms;
}

static void keep_word(char out[NET_WORD_KEEP], slice value)
{
    size_t n = value.len < NET_WORD_KEEP ? value.len : 0;
    if (n > 0)
        memcpy(out, value.ptr, n);
    out[n] = 0;
}

/* RFC 9110, 12.5.3: gzip among the codings, and not with a weight of nothing. */
static bool takes_gzip(slice list)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.ptr, ',', list.len);
        size_t n = comma == NULL ? list.len : (size_t)(comma - list.ptr);
        slice word = slice_of(list.ptr, n), weight = {0};
        const uint8_t *semi = n == 0 ? NULL : memchr(word.ptr, ';', n);
        if (semi != NULL) {
            word.len = (size_t)(semi - word.ptr);
            weight = trim(slice_of(semi + 1, n - word.len - 1));
        }
        if (ascii_ieq(trim(word), "gzip"))
            return !ascii_ieq(weight, "q=0") && !ascii_ieq(weight, "q=0.0") &&
                   !ascii_ieq(weight, "q=0.00") && !ascii_ieq(weight, "q=0.000");
        n += comma != NULL;
        list = slice_of(list.ptr + n, list.len - n);
    }
    return false;
}

/* Headers that matter to the form of the reply. */
static void reply_header(struct http_request *r, slice name, slice value)
{
    if (ascii_ieq(name, "if-none-match"))
        keep_word(r->etag, value);
    else if (ascii_ieq(name, "accept-encoding"))
        r->gzip = takes_gzip(value);
}

static unsigned on_header(void *ctx, slice name, slice value)
{
    struct conn *c = ctx;
    struct http_request *r = &c->req;
    const struct net_server_options *opt = &c->server->opt;
    value = trim(value);
    switch (name.len) {
    case 4:
        if (ascii_ieq(name, "host")) {
            if (r->host_seen)
                return 400;
            r->host_seen = true;
            r->host_ok = host_allowed(opt, value);
            keep_word(r->host, value);
        }
        break;
    case 6:
        if (ascii_ieq(name, "origin")) {
            r->origin = origin_allowed(opt, value);
            keep_word(r->asked_by, value);
        } else if (ascii_ieq(name, "expect"))
            r->expect = true;
        break;
    case 7:
        if (ascii_ieq(name, "upgrade"))
            r->ws_upgrade = has_token(value, "websocket");
        break;
    case 10:
        if (ascii_ieq(name, "connection") && has_token(value, "upgrade"))
            r->connection_upgrade = true;
        break;
    case 12:
        if (ascii_ieq(name, "content-type"))
            r->ctype_ok = content_type_ok(value);
        break;
    case 13:
        if (ascii_ieq(name, "authorization") && c->listener->has_jwt)
            r->auth_ok =
                jwt_bearer_ok(c->listener->jwt_secret, value, clock_unix_ms() / 1000);
        reply_header(r, name, value);
        break;
    case 15:
        reply_header(r, name, value);
        break;
    case 17:
        if (ascii_ieq(name, "sec-websocket-key") && value.len == 24) {
            memcpy(r->ws_key, value.ptr, 24);
            r->ws_key[24] = 0;
        }
        break;
    case 21:
        if (ascii_ieq(name, "sec-websocket-version"))
            r->ws_version = ascii_ieq(value, "13");
        break;
    default:
        break;
    }
    return 0;
}

/* Decides on a WebSocket request; 0 with *upgrade, or a status. */
static unsigned check_upgrade(const struct conn *c, bool *upgrade)
{
    const struct http_request *r = &c->req;
    if (r->ws_key[0] == 0)
        return 400;
    if (!r->ws_version)
        return 426;
    if (r->origin == -2)
        return 403;
    if (c->head_id != c->next_id)
        return 400;
    *upgrade = true;
    return 0;
}

static unsigned on_head(void *ctx, const struct http_in_head *head, bool *upgrade)
{
    struct conn *c = ctx;
    struct http_request *r = &c->req;
    r->method = head->method;
    r->keep_alive = head->keep_alive;
    r->version_10 = head->version_10;
    r->path_len = MT_MIN(head->path.len, sizeof(r->path));
    memcpy(r->path, head->path.ptr, r->path_len);
    if (!r->host_seen && !head->version_10)
        return 400;
    if (r->host_seen && !r->host_ok)
        return 403;
    if (r->origin == -2 && same_origin(r))
        r->origin = -1;
    if (c->listener->has_jwt && !r->auth_ok) {
        metric_add(METRIC_net_auth_failures_total, c->server->opt.metric_net, 1);
        return 401;
    }
    if (head->method == HTTP_IN_OTHER)
        return 405;
    if (head->content_length != UINT64_MAX &&
        head->content_length > c->server->opt.body_max)
        return 413;
    if (head->method == HTTP_IN_GET && r->ws_upgrade && r->connection_upgrade)
        return check_upgrade(c, upgrade);
    if (head->method == HTTP_IN_POST && !r->ctype_ok)
        return 415;
    if (r->expect && head->has_body) {
        if (c->head_id != c->next_id)
            return 417;
        conn_put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    }
    c->phase = CONN_BODY;
    c->deadline_ms = uv_now(c->server->loop) + c->server->opt.body_timeout_ms;
    return 0;
}

static void keep(struct conn *c, slice part)
{
    size_t was = c->body.len;
    buf_put_slice(&c->body, part);
    c->server->held += c->body.len - was;
}

static unsigned on_body(void *ctx, slice part)
{
    struct conn *c = ctx;
    size_t have = c->body.len + c->view.len;
    if (part.len > c->server->opt.body_max - have)
        return 413;
    if (c->body.len == 0 && c->view.len == 0) {
        c->view = part;
        return 0;
    }
    if (!conn_may_hold(c, have + part.len))
        return 503;
    http_keep_view(c);
    keep(c, part);
    return buf_ok(&c->body) ? 0 : 413;
}

void http_keep_view(struct conn *c)
{
    if (c->view.len == 0)
        return;
    keep(c, c->view);
    c->view = (slice){0};
}

void http_drop_body(struct conn *c, bool all)
{
    c->server->held -= c->body.len;
    buf_reset(&c->body);
    if (all || c->body.cap > NET_READ_SIZE)
        buf_fini(&c->body);
}

static const char *cors_value(const struct conn *c)
{
    return c->req.origin < 0 ? NULL : c->server->opt.cors[c->req.origin];
}

static uint64_t open_slot(struct conn *c)
{
    uint64_t id = c->next_id++;
    struct slot *slot = &c->slots[id % NET_PIPELINE_MAX];
    slot->done = false;
    slot->close = !c->req.keep_alive;
    slot->say_keep = c->req.keep_alive && c->req.version_10;
    slot->type = NULL;
    slot->cors = cors_value(c);
    slot->file = NULL;
    slot->gzip = slot->parts = slot->last = false;
    slot->accepts =
        (uint8_t)((c->req.version_10 ? 0 : NET_PARTS) | (c->req.gzip ? NET_GZIP : 0));
    slot->flow = NULL;
    return id;
}

static const struct net_file *find_file(const struct net_server *s, slice path)
{
    for (size_t i = 0; i < s->opt.file_num; i++)
        if (slice_eq(path, slice_str(s->opt.files[i].path)))
            return &s->opt.files[i];
    return NULL;
}

static void answer_file(struct conn *c, uint64_t id, const struct net_file *f,
                        struct buf *body)
{
    struct slot *slot = &c->slots[id % NET_PIPELINE_MAX];
    slot->file = f;
    slot->gzip = c->req.gzip && f->gzip != NULL;
    if (strcmp(c->req.etag, f->etag) == 0) {
        http_answer(c, id, 304, NULL, body);
        return;
    }
    buf_put(body, slot->gzip ? f->gzip : f->data, slot->gzip ? f->gzip_len : f->data_len);
    http_answer(c, id, 200, f->type, body);
}

static void answer_get(struct conn *c, uint64_t id)
{
    struct net_server *s = c->server;
    unsigned status = 200;
    const char *type = "text/plain";
    struct buf body;
    buf_init(&body, 16u * 1024u * 1024u);
    slice path = slice_of(c->req.path, c->req.path_len);
    if (s->cb.on_get == NULL || !s->cb.on_get(s->ctx, path, &status, &type, &body)) {
        buf_reset(&body);
        const struct net_file *f = find_file(s, path);
        if (f != NULL) {
            answer_file(c, id, f, &body);
            buf_fini(&body);
            return;
        }
        status = path.len == 1 && path.ptr[0] == '/' ? 200 : 404;
        type = NULL;
    }
    http_answer(c, id, status, type, &body);
    buf_fini(&body);
}

static bool on_complete(void *ctx)
{
    struct conn *c = ctx;
    struct net_server *s = c->server;
    c->phase = CONN_IDLE;
    c->deadline_ms = uv_now(s->loop) + s->opt.idle_timeout_ms;
    if (c->req.method == HTTP_IN_GET && c->req.ws_upgrade && c->req.connection_upgrade)
        return true;
    struct buf none;
    buf_init(&none, 0);
    uint64_t id = open_slot(c);
    if (!c->req.keep_alive)
        c->draining = true;
    if (c->req.method == HTTP_IN_OPTIONS) {
        http_answer(c, id, 204, NULL, &none);
    } else if (c->req.method == HTTP_IN_GET) {
        answer_get(c, id);
    } else {
        slice body = c->body.len > 0 ? buf_slice(&c->body) : c->view;
        s->cb.on_request(s->ctx, c->ref, id, body, false);
    }
    c->view = (slice){0};
    http_drop_body(c, false);
    return c->closing || c->draining || conn_stalled(c);
}

const struct http_in_events http_events = {
    .begin = on_begin,
    .header = on_header,
    .head = on_head,
    .body = on_body,
    .complete = on_complete,
};

/* ---- replies ---- */

/* The headers of a file and the end of the head; a 304 has them too. */
static void put_file_headers(struct conn *c, const struct slot *slot)
{
    char head[256];
    size_t n =
        mt_fmt(head, sizeof(head),
               "ETag: %s\r\nCache-Control: no-cache\r\nVary: Accept-Encoding\r\n%s",
               slot->file->etag,
               slot->gzip && slot->status == 200 ? "Content-Encoding: gzip\r\n" : "");
    conn_put(c, head, n);
    conn_put(c, slot->file->headers, strlen(slot->file->headers));
    conn_put(c, "\r\n", 2);
}

/* A head is put together of pieces: a formatter costs more than all of the rest here. */
struct head_text {
    size_t len;
    char text[512];
};

static void add(struct head_text *h, const char *s, size_t len)
{
    MT_ASSERT(len <= sizeof(h->text) - h->len);
    memcpy(h->text + h->len, s, len);
    h->len += len;
}

static void add_str(struct head_text *h, const char *s)
{
    add(h, s, strlen(s));
}

static void add_num(struct head_text *h, size_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    add(h, digits + at, sizeof(digits) - at);
}

static void add_cors(struct head_text *h, const struct slot *slot)
{
    add_str(h, "Access-Control-Allow-Origin: ");
    add(h, slot->cors, strnlen(slot->cors, 200));
    add_str(h, "\r\nVary: Origin\r\n");
    if (slot->status == 204)
        add_str(h, "Access-Control-Allow-Methods: POST, GET, OPTIONS\r\n"
                   "Access-Control-Allow-Headers: Content-Type\r\n"
                   "Access-Control-Max-Age: 600\r\n");
}

/* What single statuses must say. */
static void add_demands(struct head_text *h, unsigned status)
{
    if (status == 401)
        add_str(h, "WWW-Authenticate: Bearer\r\n");
    if (status == 405)
        add_str(h, "Allow: POST, GET, OPTIONS\r\n");
    if (status == 426)
        add_str(h, "Sec-WebSocket-Version: 13\r\n");
}

/* The head of a reply; chunked: of one whose length nobody knows yet. */
static void put_head(struct conn *c, const struct slot *slot, size_t len, bool chunked)
{
    struct head_text h;
    h.len = 0; /* the text is not cleared first */
    add_str(&h, "HTTP/1.1 ");
    add_num(&h, slot->status);
    add_str(&h, " ");
    add_str(&h, http_status_text(slot->status));
    if (slot->type != NULL && (len > 0 || chunked)) {
        add_str(&h, "\r\nContent-Type: ");
        add_str(&h, slot->type);
    }
    if (chunked) {
        add_str(&h, "\r\nTransfer-Encoding: chunked");
    } else if (slot->status != 204 && slot->status != 304) {
        add_str(&h, "\r\nContent-Length: ");
        add_num(&h, len);
    }
    add_str(&h, "\r\n");
    if (slot->cors != NULL)
        add_cors(&h, slot);
    if (slot->status != 200)
        add_demands(&h, slot->status);
    if (slot->close)
        add_str(&h, "Connection: close\r\n");
    else if (slot->say_keep)
        add_str(&h, "Connection: keep-alive\r\n");
    if (slot->gzip && slot->file == NULL)
        add_str(&h, "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
    if (slot->file == NULL)
        add_str(&h, "\r\n");
    conn_put(c, h.text, h.len);
    if (slot->file != NULL)
        put_file_headers(c, slot);
}

static void put_reply(struct conn *c, const struct slot *slot, struct buf *body)
{
    put_head(c, slot, body->len, false);
    conn_put_buf(c, body);
    if (slot->close)
        conn_drain(c);
}

/* ---- replies in parts ---- */

static void put_chunk(struct conn *c, struct buf *part)
{
    char text[24];
    if (part->len == 0) /* that would be the end */
        return;
    conn_put(c, text, mt_fmt(text, sizeof(text), "%zx\r\n", part->len));
    conn_put_buf(c, part);
    conn_put(c, "\r\n", 2);
}

static void end_parts(struct conn *c, struct slot *slot)
{
    conn_put(c, "0\r\n\r\n", 5);
    c->flow = slot->flow = NULL;
    slot->parts = false;
    if (slot->close)
        conn_drain(c);
}

/* Its turn has come: the head, and the parts that had to wait. */
static void begin_parts(struct conn *c, struct slot *slot)
{
    put_head(c, slot, 0, true);
    c->flow = slot->flow;
    c->server->held -= slot->body.len;
    put_chunk(c, &slot->body);
    buf_fini(&slot->body);
    if (c->flow != NULL)
        c->flow->unsent = c->out_bytes;
}

/* The replies after the one that has just been sent whose turn has come. */
static void next_replies(struct conn *c)
{
    c->head_id++;
    while (c->head_id != c->next_id) {
        struct slot *slot = slot_of(c, c->head_id);
        if (slot->parts) {
            begin_parts(c, slot);
            if (!slot->last)
                return;
            end_parts(c, slot);
        } else if (slot->done) {
            c->server->held -= slot->body.len;
            put_reply(c, slot, &slot->body);
            buf_fini(&slot->body);
            slot->done = false;
        } else {
            return;
        }
        c->head_id++;
    }
}

static void part_waits(struct conn *c, struct slot *slot, struct buf *part)
{
    size_t len = part->len;
    buf_put_slice(&slot->body, buf_slice(part));
    buf_reset(part);
    if (!buf_ok(&slot->body)) {
        conn_close(c);
        return;
    }
    c->server->held += len;
    if (slot->flow != NULL)
        slot->flow->unsent = slot->body.len;
}

void http_part(struct conn *c, uint64_t id, struct buf *part, struct net_flow *flow,
               bool gzip, bool last)
{
    struct slot *slot = slot_of(c, id);
    bool first = !slot->parts, turn = id == c->head_id;
    if (first) {
        slot->parts = true;
        slot->status = 200;
        slot->type = "application/json";
        slot->gzip = gzip;
        slot->flow = flow;
        buf_init(&slot->body, c->server->opt.held_max);
        if (turn)
            begin_parts(c, slot);
    }
    slot->last = last;
    if (last)
        slot->flow = NULL; /* its owner may go */
    if (!turn) {
        part_waits(c, slot, part);
        return;
    }
    put_chunk(c, part);
    if (flow != NULL)
        flow->unsent = c->out_bytes;
    if (last) {
        end_parts(c, slot);
        next_replies(c);
    }
}

void http_answer(struct conn *c, uint64_t id, unsigned status, const char *type,
                 struct buf *body)
{
    struct slot *slot = slot_of(c, id);
    slot->status = (uint16_t)status;
    slot->type = type;
    if (id != c->head_id) { /* one before it is still open: wait in the slot */
        slot->done = true;
        buf_init(&slot->body, body->size_max);
        if (body->arena == NULL) {
            slot->body = *body;
            *body = (struct buf){.size_max = body->size_max};
        } else {
            buf_put_slice(&slot->body, buf_slice(body));
            buf_reset(body);
        }
        c->server->held += slot->body.len;
        return;
    }
    put_reply(c, slot, body);
    next_replies(c);
}

void http_refuse(struct conn *c, unsigned status)
{
    struct buf body;
    buf_init(&body, 256);
    c->req.keep_alive = false;
    uint64_t id = open_slot(c);
    buf_printf(&body, "%s\n",
               status == 403 ? "invalid host specified" : http_status_text(status));
    if (status == 403 && c->req.origin == -2) {
        buf_reset(&body);
        buf_put_str(&body, "origin not allowed\n");
    }
    http_answer(c, id, status, "text/plain", &body);
    buf_fini(&body);
    c->draining = true;
}
