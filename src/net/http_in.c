/* Adapter around http-parser: bytes in, five events out. It joins header parts that
 * arrive in pieces, bounds their count, ignores trailers, and turns every failure into
 * an HTTP status. It keeps the parser strict: lenient headers and Content-Length
 * beside chunked stay off. */
#include "net_int.h"
#include <http_parser.h>

struct http_in {
    http_parser parser;
    const struct http_in_events *ev;
    void *ctx;
    unsigned header_num, header_num_max;
    unsigned status; /* refusal */
    bool head_done;  /* header fields from here on are trailers */
    bool upgrade, stop;
    bool in_value;
    slice name, value; /* of the header being read: in the input or in spill */
    struct buf spill;  /* url, name and value of an unfinished head between two feeds */
    struct buf joined[3]; /* url, name, value that came in pieces */
    slice url;
};

/* Longer by the part at (ptr, len). Parts of one feed follow each other in the input;
 * a part that an earlier feed left behind lies in spill (see keep_pieces) and is
 * joined there. */
static bool join(struct http_in *h, slice *s, const char *ptr, size_t len)
{
    const uint8_t *p = (const uint8_t *)ptr;
    if (s->len == 0 || s->ptr + s->len == p) {
        if (s->len == 0)
            s->ptr = p;
        s->len += len;
        return true;
    }
    struct buf whole;
    buf_init(&whole, h->spill.size_max);
    buf_put_slice(&whole, *s);
    buf_put(&whole, p, len);
    struct buf *keep = s == &h->url    ? &h->joined[0]
                       : s == &h->name ? &h->joined[1]
                                       : &h->joined[2];
    if (!buf_ok(&whole)) {
        buf_fini(&whole);
        return false;
    }
    buf_fini(keep);
    *keep = whole;
    *s = buf_slice(keep);
    return true;
}

static int refuse(struct http_in *h, unsigned status)
{
    h->status = status;
    return -1;
}

static int emit_header(struct http_in *h)
{
    if (h->name.len == 0)
        return 0;
    unsigned status = 0;
    if (++h->header_num > h->header_num_max)
        status = 431;
    else if (!h->head_done)
        status = h->ev->header(h->ctx, h->name, h->value);
    h->name = h->value = (slice){0};
    h->in_value = false;
    return status == 0 ? 0 : refuse(h, status);
}

static int on_begin(http_parser *p)
{
    struct http_in *h = p->data;
    h->header_num = 0;
    h->head_done = h->upgrade = h->stop = h->in_value = false;
    h->name = h->value = h->url = (slice){0};
    h->ev->begin(h->ctx);
    return 0;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
    struct http_in *h = p->data;
    if (!join(h, &h->url, at, len) || h->url.len > NET_PATH_MAX)
        return refuse(h, 414);
    return 0;
}

static int on_field(http_parser *p, const char *at, size_t len)
{
    struct http_in *h = p->data;
    if (h->in_value && emit_header(h) != 0)
        return -1;
    return join(h, &h->name, at, len) ? 0 : refuse(h, 431);
}

static int on_value(http_parser *p, const char *at, size_t len)
{
    struct http_in *h = p->data;
    h->in_value = true;
    return join(h, &h->value, at, len) ? 0 : refuse(h, 431);
}

static enum http_in_method method_of(unsigned method)
{
    switch (method) {
    case HTTP_POST:
        return HTTP_IN_POST;
    case HTTP_GET:
        return HTTP_IN_GET;
    case HTTP_OPTIONS:
        return HTTP_IN_OPTIONS;
    default:
        return HTTP_IN_OTHER;
    }
}

/* Returns 0, 2 (upgrade) or -1, as http-parser wants it. */
static int on_head(http_parser *p)
{
    struct http_in *h = p->data;
    if (emit_header(h) != 0)
        return -1;
    h->head_done = true;
    if (p->http_major != 1)
        return refuse(h, 505);
    slice path = h->url;
    const uint8_t *query = path.len == 0 ? NULL : memchr(path.ptr, '?', path.len);
    if (query != NULL)
        path.len = (size_t)(query - path.ptr);
    bool chunked = p->uses_transfer_encoding;
    bool sized = p->content_length != UINT64_MAX;
    struct http_in_head head = {
        .method = method_of(p->method),
        .path = path,
        .version_10 = p->http_minor == 0,
        .keep_alive = http_should_keep_alive(p) != 0,
        .has_body = chunked || (sized && p->content_length > 0),
        .content_length = chunked || !sized ? UINT64_MAX : p->content_length,
    };
    p->upgrade = 0;
    unsigned status = h->ev->head(h->ctx, &head, &h->upgrade);
    h->url = (slice){0};
    if (status != 0)
        return refuse(h, status);
    return h->upgrade ? 2 : 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
    struct http_in *h = p->data;
    unsigned status = h->ev->body(h->ctx, slice_of(at, len));
    return status == 0 ? 0 : refuse(h, status);
}

static int on_complete(http_parser *p)
{
    struct http_in *h = p->data;
    if (emit_header(h) != 0)
        return -1;
    if (h->ev->complete(h->ctx)) {
        h->stop = true;
        http_parser_pause(p, 1);
    }
    return 0;
}

static const http_parser_settings settings = {
    .on_message_begin = on_begin,
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

struct http_in *http_in_new(const struct http_in_events *ev, void *ctx,
                            unsigned header_num_max)
{
    struct http_in *h = mt_alloc(sizeof(*h));
    http_parser_init(&h->parser, HTTP_REQUEST);
    h->parser.data = h;
    h->ev = ev;
    h->ctx = ctx;
    h->header_num_max = header_num_max;
    buf_init(&h->spill, 256u * 1024u);
    for (size_t i = 0; i < MT_ARRAY_LEN(h->joined); i++)
        buf_init(&h->joined[i], 256u * 1024u);
    return h;
}

void http_in_free(struct http_in *h)
{
    if (h == NULL)
        return;
    buf_fini(&h->spill);
    for (size_t i = 0; i < MT_ARRAY_LEN(h->joined); i++)
        buf_fini(&h->joined[i]);
    mt_free(h);
}

void http_in_size_max(size_t header_bytes_max)
{
    http_parser_set_max_header_size((uint32_t)header_bytes_max);
}

static unsigned status_of(enum http_errno e)
{
    return e == HPE_HEADER_OVERFLOW ? 431 : e == HPE_INVALID_VERSION ? 505 : 400;
}

/* Moves the pieces of an unfinished header into spill; the slices are re-based because
 * the buffer may have moved. */
static bool keep_pieces(struct http_in *h)
{
    if (h->url.len + h->name.len + h->value.len == 0) /* not within a head or a trailer */
        return true;
    size_t url = h->url.len, name = h->name.len, value = h->value.len;
    struct buf fresh;
    buf_init(&fresh, h->spill.size_max);
    buf_put_slice(&fresh, h->url);
    buf_put_slice(&fresh, h->name);
    buf_put_slice(&fresh, h->value);
    if (!buf_ok(&fresh)) {
        buf_fini(&fresh);
        return false;
    }
    buf_fini(&h->spill);
    h->spill = fresh;
    h->url = slice_of(fresh.ptr, url);
    h->name = slice_of(fresh.ptr + url, name);
    h->value = slice_of(fresh.ptr + url + name, value);
    return true;
}

size_t http_in_feed(struct http_in *h, slice in, unsigned *status, bool *upgraded)
{
    *status = 0;
    *upgraded = false;
    if (HTTP_PARSER_ERRNO(&h->parser) == HPE_PAUSED)
        http_parser_pause(&h->parser, 0);
    size_t n = http_parser_execute(&h->parser, &settings, (const char *)in.ptr, in.len);
    enum http_errno e = HTTP_PARSER_ERRNO(&h->parser);
    if (h->status != 0) {
        *status = h->status;
    } else if (e != HPE_OK && e != HPE_PAUSED) {
        *status = status_of(e);
    } else if (h->upgrade) {
        *upgraded = true;
    } else if (!keep_pieces(h)) {
        *status = 431;
    }
    return n;
}
