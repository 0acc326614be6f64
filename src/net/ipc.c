/* A unix socket: JSON values one after the other, as geth's IPC has them. Where a value
 * ends is found by counting brackets outside of strings; whether it is JSON is the
 * request's own affair. What is no object or array cannot be framed: it is handed on up
 * to the end of its line, to be refused, and the connection ends. */
#include "net_int.h"

static bool is_blank(uint8_t b)
{
    return b == ' ' || b == '\n' || b == '\r' || b == '\t';
}

/* True when this byte ends a value. */
static bool step(struct ipc_scan *s, uint8_t b)
{
    if (s->in_string) {
        if (s->escaped)
            s->escaped = false;
        else if (b == '\\')
            s->escaped = true;
        else if (b == '"')
            s->in_string = false;
        return false;
    }
    switch (b) {
    case '"':
        s->in_string = true;
        return false;
    case '{':
    case '[':
        s->depth++;
        return false;
    case '}':
    case ']':
        return --s->depth == 0;
    default:
        return false;
    }
}

static void keep(struct conn *c, slice part)
{
    size_t was = c->body.len;
    buf_put_slice(&c->body, part);
    c->server->held += c->body.len - was;
}

static void hand_on(struct conn *c, slice last)
{
    struct net_server *s = c->server;
    slice body = last;
    if (c->body.len > 0) {
        keep(c, last);
        body = buf_slice(&c->body);
    }
    c->scan = (struct ipc_scan){0};
    if (!buf_ok(&c->body) || body.len > s->opt.ws_message_max) {
        conn_close(c);
        return;
    }
    c->ws_inflight++;
    s->cb.on_request(s->ctx, c->ref, c->next_id++, body, true);
    http_drop_body(c, false);
}

static size_t refuse_line(struct conn *c, slice in)
{
    const uint8_t *end = memchr(in.ptr, '\n', in.len);
    size_t n = end == NULL ? in.len : (size_t)(end - in.ptr);
    hand_on(c, slice_of(in.ptr, n));
    if (!c->closing)
        conn_drain(c);
    return in.len;
}

size_t ipc_feed(struct conn *c, slice in)
{
    size_t from = 0;
    if (!c->scan.begun) {
        while (from < in.len && is_blank(in.ptr[from]))
            from++;
        if (from == in.len)
            return in.len;
        if (in.ptr[from] != '{' && in.ptr[from] != '[')
            return refuse_line(c, slice_of(in.ptr + from, in.len - from)) + from;
        c->scan.begun = true;
    }
    for (size_t i = from; i < in.len; i++) {
        if (!step(&c->scan, in.ptr[i]))
            continue;
        hand_on(c, slice_of(in.ptr + from, i + 1 - from));
        return i + 1;
    }
    keep(c, slice_of(in.ptr + from, in.len - from));
    if (!buf_ok(&c->body))
        conn_close(c);
    return in.len;
}
