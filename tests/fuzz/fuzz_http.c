/* HTTP requests: the adapter around the parser reports the same events, stops at the
 * same byte and refuses the same requests, however the bytes are cut into pieces; and
 * no line break gets into the name or value of a header. The first byte of an input
 * says how to cut. */
#include "fuzz.h"
#include "net/net_int.h"

#define TRACE_MAX  ((size_t)1 << 24)
#define HEADER_MAX 16u

/* What was seen: the events as text, the bytes of the body in a hash of their own,
 * since they come in pieces. */
struct seen {
    struct buf trace;
    struct buf body;
    bool stop_each; /* pause after every request, as a stalled connection does */
    bool upgraded, refused;
    size_t begun; /* where the last request begins in trace */
};

static void on_begin(void *ctx)
{
    struct seen *s = ctx;
    s->begun = s->trace.len;
    buf_put_str(&s->trace, "begin\n");
}

static bool one_line(slice s)
{
    return s.len == 0 ||
           (memchr(s.ptr, '\n', s.len) == NULL && memchr(s.ptr, '\r', s.len) == NULL);
}

static unsigned on_header(void *ctx, slice name, slice value)
{
    struct seen *s = ctx;
    MT_ASSERT(name.len > 0 && one_line(name) && one_line(value));
    buf_put_slice(&s->trace, name);
    buf_put_str(&s->trace, ": ");
    buf_put_slice(&s->trace, value);
    buf_put_u8(&s->trace, '\n');
    return name.len == 3 && memcmp(name.ptr, "no:", 2) == 0 ? 421 : 0;
}

static unsigned on_head(void *ctx, const struct http_in_head *head, bool *upgrade)
{
    struct seen *s = ctx;
    buf_printf(&s->trace, "head %u %u %u %u %llu ", (unsigned)head->method,
               head->version_10, head->keep_alive, head->has_body,
               (unsigned long long)head->content_length);
    buf_put_slice(&s->trace, head->path);
    buf_put_u8(&s->trace, '\n');
    MT_ASSERT(head->path.len <= NET_PATH_MAX);
    *upgrade = head->method == HTTP_IN_GET && slice_eq(head->path, slice_of("/ws", 3));
    return head->content_length != UINT64_MAX && head->content_length > 1u << 20 ? 413
                                                                                 : 0;
}

static unsigned on_body(void *ctx, slice part)
{
    struct seen *s = ctx;
    buf_put_slice(&s->body, part);
    return 0;
}

static bool on_complete(void *ctx)
{
    struct seen *s = ctx;
    buf_printf(&s->trace, "complete after %zu bytes of bodies\n", s->body.len);
    return s->stop_each;
}

static const struct http_in_events events = {.begin = on_begin,
                                             .header = on_header,
                                             .head = on_head,
                                             .body = on_body,
                                             .complete = on_complete};

/* Feeds all of it in pieces of `step` bytes; returns how many bytes were used. Like a
 * connection, it hands each piece over in a block of memory of its own. */
static size_t feed(struct seen *s, slice in, size_t step)
{
    struct http_in *h = http_in_new(&events, s, HEADER_MAX);
    size_t used = 0;
    unsigned status = 0;
    while (used < in.len && status == 0 && !s->upgraded) {
        size_t len = MT_MIN(step, in.len - used), n = 0;
        uint8_t *piece = mt_alloc(len);
        memcpy(piece, in.ptr + used, len);
        while (n < len && status == 0 && !s->upgraded) {
            size_t k =
                http_in_feed(h, slice_of(piece + n, len - n), &status, &s->upgraded);
            MT_ASSERT(k <= len - n && (k > 0 || status != 0 || s->stop_each));
            n += k;
        }
        used += n;
        mt_free(piece);
    }
    s->refused = status != 0;
    buf_printf(&s->trace, "%s\n", s->upgraded ? " upgraded" : "");
    http_in_free(h);
    return status == 0 ? used : 0;
}

static void seen_init(struct seen *s, bool stop_each)
{
    *s = (struct seen){.stop_each = stop_each};
    buf_init(&s->trace, TRACE_MAX);
    buf_init(&s->body, TRACE_MAX);
}

static void seen_fini(struct seen *s)
{
    buf_fini(&s->trace);
    buf_fini(&s->body);
}

/* Of a request that is refused, how much was reported before the bad byte, and which of
 * its faults was met first, depends on the pieces; all before it does not. */
static slice certain(const struct seen *s)
{
    return slice_of(s->trace.ptr, s->refused ? s->begun : s->trace.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 1u << 16)
        return 0;
    http_in_size_max(1u << 20); /* its own cap depends on the pieces; ours do not */
    slice in = slice_of(data + 1, size - 1);
    size_t step = (size_t)(data[0] & 0x7f) + 1;
    struct seen whole, cut;
    seen_init(&whole, data[0] >> 7);
    seen_init(&cut, data[0] >> 7);
    size_t a = feed(&whole, in, MT_MAX(in.len, (size_t)1));
    size_t b = feed(&cut, in, step);
    MT_ASSERT(buf_ok(&whole.trace) && buf_ok(&cut.trace));
    MT_ASSERT(whole.refused == cut.refused && a == b);
    MT_ASSERT(whole.begun == cut.begun);
    MT_ASSERT(slice_eq(certain(&whole), certain(&cut)));
    MT_ASSERT(whole.refused || slice_eq(buf_slice(&whole.body), buf_slice(&cut.body)));
    seen_fini(&whole);
    seen_fini(&cut);
    return 0;
}
