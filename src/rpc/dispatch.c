/* From a body to a reply. A body is parsed once; each call of it writes its whole
 * reply object into a buffer of its own, so that calls of a batch may end in any order
 * on any thread, and the request is answered when the last one has ended. A handler
 * that fails after it began to write is no trouble: its buffer is rewound. Two kinds of
 * large replies leave before they are whole: that of a reader (stream.c), and a batch,
 * whose ended calls go out in their order. */
#include "rpc_int.h"
#include <time.h>

#define SPARE_MAX    64u
#define KEEP_BUF_MAX (64u * 1024u)
#define KEEP_ARENA   (8u * 1024u * 1024u)
#define DEPTH_MAX    64u
#define ID_SIZE_MAX  1024u
#define WEIGH_MIN    4096u
#define WEIGHT_MAX   100u

/* The data member of an error, in one of two forms. */
struct error_data {
    const slice *hex;
    const char *json;
};

/* ---- requests ---- */

struct request *request_new(struct rpc *r)
{
    struct request *q = r->spare;
    if (q != NULL) {
        struct buf keep = q->one.buf;
        r->spare = q->next;
        r->spare_num--;
        memset(q, 0, sizeof(*q));
        q->one.buf = keep;
    } else {
        q = mt_alloc(sizeof(*q));
        buf_init(&q->one.buf, r->opt.reply_max);
    }
    q->rpc = r;
    q->more = r->requests;
    if (q->more != NULL)
        q->more->prev = q;
    r->requests = q;
    return q;
}

void requests_gone(struct rpc *r, struct net_ref ref)
{
    for (struct request *q = r->requests; q != NULL; q = q->more)
        if (net_ref_eq(q->ref, ref))
            q->gone = true;
}

void request_free(struct request *q)
{
    struct rpc *r = q->rpc;
    if (q->prev != NULL)
        q->prev->more = q->more;
    else
        r->requests = q->more;
    if (q->more != NULL)
        q->more->prev = q->prev;
    r->tree_bytes -= q->tree_bytes;
    if (q->calls != NULL && q->calls != &q->one) {
        for (unsigned i = 0; i < q->call_num; i++)
            buf_fini(&q->calls[i].buf);
        mt_free(q->calls);
    }
    json_free(q->doc);
    buf_reset(&q->one.buf);
    if (r->spare_num < SPARE_MAX && q->one.buf.cap <= KEEP_BUF_MAX) {
        q->next = r->spare;
        r->spare = q;
        r->spare_num++;
        return;
    }
    buf_fini(&q->one.buf);
    mt_free(q);
}

/* False: the request lives on until its reply is compressed. */
static bool send_reply(struct request *q, struct buf *b)
{
    if (gzip_reply(q, b))
        return false;
    if (q->done != NULL)
        q->done(q->done_ctx, b);
    else
        net_reply(q->rpc->net, q->ref, q->net_id, b);
    return true;
}

static void write_error(struct buf *b, struct call_id id, int code, const char *text,
                        const struct error_data *data);

/* ---- batches ---- */

/* Puts the replies of calls that ended together; those past the size limit become
 * errors. */
static void join_calls(struct request *q, struct buf *all)
{
    size_t size_max = q->rpc->opt.reply_max;
    for (; q->sent < q->ready; q->sent++) {
        struct call *c = &q->calls[q->sent];
        if (c->buf.len == 0)
            continue;
        buf_put_u8(all, q->any ? ',' : '[');
        q->any = true;
        if (all->len + c->buf.len + 2 > size_max)
            write_error(all, c->id, RPC_TOO_LARGE, "response too large", NULL);
        else
            buf_put_slice(all, buf_slice(&c->buf));
        buf_fini(&c->buf);
    }
}

static void send_joined(struct request *q, bool last)
{
    struct buf all;
    buf_init(&all, q->rpc->opt.reply_max + 1024u * q->call_num);
    join_calls(q, &all);
    if (last && q->any)
        buf_put_u8(&all, ']');
    q->ready_bytes = 0;
    if (!net_part(q->rpc->net, q->ref, q->net_id, &all, NULL, false, last))
        q->gone = true;
    buf_fini(&all);
}

/* A call has ended. What stands before the first that has not may go out when it is much:
 * an item is a whole reply, result or error, and nothing that comes later changes it. */
static void batch_goes_on(struct request *q)
{
    while (q->ready < q->call_num && q->calls[q->ready].ended)
        q->ready_bytes += q->calls[q->ready++].buf.len;
    if (MT_LIKELY(q->ready_bytes < RPC_PART_FIRST) || q->open == 0 || q->done != NULL ||
        q->websocket || q->gone || q->rpc->opt.stream_max == 0)
        return;
    if (!q->in_parts && (net_accepts(q->rpc->net, q->ref, q->net_id) & NET_PARTS) == 0)
        return;
    if (!q->in_parts)
        metric_add(METRIC_rpc_streams_total, q->rpc->opt.metric_net, 1);
    q->in_parts = true;
    send_joined(q, false);
}

static bool batch_end(struct request *q)
{
    if (q->in_parts) {
        send_joined(q, true);
        return true;
    }
    struct buf all;
    buf_init(&all, q->rpc->opt.reply_max + 1024u * q->call_num);
    join_calls(q, &all);
    if (q->any)
        buf_put_u8(&all, ']');
    bool sent = send_reply(q, &all);
    buf_fini(&all);
    return sent;
}

static void request_end(struct request *q)
{
    bool sent = true;
    if (q->batch)
        sent = batch_end(q);
    else if (q->one.stream != NULL)
        stream_end(&q->one);
    else
        sent = send_reply(q, &q->one.buf);
    if (sent)
        request_free(q);
}

static void request_less(struct request *q)
{
    q->open--;
    if (q->batch)
        batch_goes_on(q);
    if (q->open == 0)
        request_end(q);
}

/* ---- writing a reply ---- */

static void put_id(struct buf *b, struct call_id id)
{
    char text[ID_SIZE_MAX];
    size_t n = 0;
    if (id.text.len > 0) {
        buf_put_slice(b, id.text);
        return;
    }
    if (id.json != NULL && !json_is_null(id.json))
        n = json_dumpb(id.json, text, sizeof(text), JSON_ENCODE_ANY | JSON_COMPACT);
    if (n == 0 || n > sizeof(text))
        buf_put(b, "null", 4);
    else
        buf_put(b, text, n);
}

static void write_head(struct buf *b, struct call_id id)
{
    buf_put_str(b, "{\"jsonrpc\":\"2.0\",\"id\":");
    put_id(b, id);
}

static void write_error(struct buf *b, struct call_id id, int code, const char *text,
                        const struct error_data *data)
{
    struct json_out j = json_out(b);
    write_head(b, id);
    buf_printf(b, ",\"error\":{\"code\":%d,\"message\":", code);
    json_str(&j, text);
    if (data != NULL)
        buf_put_str(b, ",\"data\":");
    j.comma = false;
    if (data != NULL && data->hex != NULL)
        json_hex(&j, data->hex->ptr, data->hex->len);
    else if (data != NULL)
        buf_put_str(b, data->json);
    buf_put_str(b, "}}");
}

static enum call_status put_failure(struct call *c, int code, const char *text,
                                    const struct error_data *data)
{
    if (c->stream != NULL) { /* too late to say so: it will be cut off */
        if (!c->failed)
            log_debug("rpc", "a reply is cut off", KV_STR("method", c->method->name),
                      KV_STR("reason", text), KV_END);
        c->failed = true;
        buf_reset(&c->buf);
        return CALL_DONE;
    }
    c->failed = true;
    metric_add(METRIC_rpc_errors_total, c->rpc->opt.metric_net, 1);
    buf_reset(&c->buf);
    write_error(&c->buf, c->id, code, text, data);
    if (!buf_ok(&c->buf)) {
        buf_reset(&c->buf);
        write_error(&c->buf, c->id, RPC_TOO_LARGE, "response too large", NULL);
    }
    return CALL_DONE;
}

enum call_status call_fail(struct call *c, int code, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    mt_vfmt(text, sizeof(text), fmt, ap);
    va_end(ap);
    return put_failure(c, code, text, NULL);
}

enum call_status call_fail_json(struct call *c, int code, const char *data,
                                const char *fmt, ...)
{
    char text[512];
    struct error_data d = {NULL, data};
    va_list ap;
    va_start(ap, fmt);
    mt_vfmt(text, sizeof(text), fmt, ap);
    va_end(ap);
    return put_failure(c, code, text, &d);
}

enum call_status call_fail_data(struct call *c, int code, slice data, const char *text)
{
    struct error_data d = {&data, NULL};
    return put_failure(c, code, text, &d);
}

enum call_status call_error(struct call *c, mt_err err, const struct mt_diag *diag)
{
    const char *text = log_err_text(err, diag);
    switch (err) {
    case MT_EINVAL:
    case MT_EDECODE:
        return call_fail(c, RPC_PARAMS, "%s", text);
    case MT_ECANCELED:
    case MT_ETIMEOUT:
        if (c->rpc->stopping)
            return call_fail(c, RPC_TIMEOUT, "the node is stopping");
        return call_fail(c, RPC_TIMEOUT, "execution aborted (timeout = %llu ms)",
                         (unsigned long long)c->rpc->opt.call_timeout_ms);
    case MT_ELIMIT:
    case MT_EBUSY:
        return call_fail(c, RPC_LIMIT, "%s", text);
    case MT_EIO:
    case MT_ECORRUPT:
    case MT_ENOMEM:
        return call_fail(c, RPC_INTERNAL, "internal error: %s", text);
    default:
        return call_fail(c, RPC_SERVER, "%s", text);
    }
}

/* ---- one call ---- */

static void call_begin(struct call *c)
{
    buf_reset(&c->buf);
    write_head(&c->buf, c->id);
    buf_put_str(&c->buf, ",\"result\":");
    c->out = json_out(&c->buf);
    c->failed = false;
}

/* The reply object is complete, unless it went over its limit or nobody wants it. */
static void call_seal(struct call *c)
{
    if (c->stream != NULL)
        return;
    if (!c->failed)
        buf_put_u8(&c->buf, '}');
    if (!buf_ok(&c->buf))
        call_fail(c, RPC_TOO_LARGE, "response too large");
    bool notification = c->id.json == NULL && c->id.text.len == 0;
    if (notification || c->req->gone)
        buf_reset(&c->buf);
    if (!c->req->batch)
        return;
    /* What is put together cannot be sent: do not keep it until the end. */
    if (c->req->reply_bytes + c->buf.len > c->rpc->opt.reply_max)
        call_fail(c, RPC_TOO_LARGE, "response too large");
    c->req->reply_bytes += c->buf.len;
}

static void call_end(struct call *c)
{
    call_seal(c);
    mt_free(c->handoff);
    c->handoff = NULL;
    metric_observe_ns(METRIC_rpc_duration_seconds, c->rpc->opt.metric_net,
                      clock_mono_ns() - c->start_ns);
    c->ended = true;
    request_less(c->req);
}

void call_later(struct call *c)
{
    c->rpc->later_num++;
}

void call_finish(struct call *c)
{
    c->rpc->later_num--;
    call_end(c);
}

bool call_should_stop(void *ctx)
{
    const struct call *c = ctx;
    return c->rpc->stopping || c->req->gone || clock_mono_ns() > c->deadline_ns;
}

/* Between calls; a large one's memory is given back. */
static void arena_renew(const struct rpc *r, struct arena *a)
{
    if (a->size > KEEP_ARENA) {
        arena_fini(a);
        arena_init(a, r->opt.call_memory_max);
    } else {
        arena_reset(a);
    }
}

/* ---- readers ---- */

static void start_trace(struct rpc *r);

/* Runs transactions again: may take its whole budget, so these have a share of the
 * readers and leave the rest to everybody else. */
static bool is_trace(const struct method *m)
{
    return m->where == RPC_READER && (strncmp(m->name, "trace_", 6) == 0 ||
                                      strncmp(m->name, "debug_trace", 11) == 0 ||
                                      strncmp(m->name, "debug_storage", 13) == 0 ||
                                      strncmp(m->name, "ots_", 4) == 0);
}

/* Back on the loop. */
static void reader_back(struct task *task)
{
    struct call *c = (struct call *)((char *)task - offsetof(struct call, task));
    struct rpc *r = c->rpc;
    r->reader_num--;
    if (is_trace(c->method)) {
        r->trace_num--;
        start_trace(r);
    }
    metric_move(METRIC_rpc_in_flight, r->opt.metric_net, -1);
    head_view_drop(c->view);
    c->view = r->view;
    c->on_reader = false;
    if (c->cheap_key != 0)
        cheap_note(r, c->cheap_key, c->run_ns);
    c->arena = &r->arena;
    if (c->after != NULL && !c->failed) {
        call_begin(c);
        enum call_status st = c->after(c);
        arena_renew(r, &r->arena);
        if (st == CALL_LATER)
            return;
    }
    call_end(c);
}

void rpc_post(struct rpc *r, struct task *task)
{
    static const struct timespec pause = {.tv_nsec = 100000};
    /* What is in flight is bounded; a full mailbox empties soon. */
    while (mailbox_post(r->opt.to_loop, task) == MT_EBUSY)
        nanosleep(&pause, NULL);
}

static void reader_run(struct job *job, unsigned worker_idx)
{
    struct call *c = (struct call *)job;
    struct rpc *r = c->rpc;
    c->arena = &r->reader_arenas[worker_idx];
    uint64_t t0 = clock_mono_ns();
    c->deadline_ns = t0 + r->opt.call_timeout_ms * 1000000u;
    if (c->req->gone) {
        call_fail(c, RPC_TIMEOUT, "the client is gone");
    } else if (t0 - c->start_ns > 4 * r->opt.call_timeout_ms * 1000000u) {
        call_fail(c, RPC_TIMEOUT, "the node is too busy: the call waited too long");
    } else {
        call_begin(c);
        enum call_status st = c->method->run(c);
        MT_ASSERT(st == CALL_DONE);
    }
    if (c->has_state)
        chain_state_close(&c->state);
    c->has_state = false;
    if (c->stream != NULL)
        stream_seal(c);
    arena_renew(r, c->arena);
    c->run_ns = clock_mono_ns() - t0 - c->waited_ns;
    c->task.run = reader_back;
    rpc_post(r, &c->task);
}

static void trace_waits(struct rpc *r, struct call *c)
{
    c->wait_next = NULL;
    if (r->trace_first == NULL)
        r->trace_first = c;
    else
        r->trace_last->wait_next = c;
    r->trace_last = c;
}

static void to_reader(struct call *c)
{
    struct rpc *r = c->rpc;
    c->on_reader = true;
    c->view = r->view;
    c->job.run = reader_run;
    if (r->opt.sequencer != NULL)
        c->next = sequencer_next(r->opt.sequencer);
    if (chain_spec_of(r->opt.chain)->l1_fee)
        c->tip = suggest_tip(c);
    if (!c->req->batch && !c->req->websocket && c->req->done == NULL)
        c->accepts = net_accepts(r->net, c->req->ref, c->req->net_id);
    bool trace = is_trace(c->method), wait = trace && r->trace_num >= r->opt.traces_max;
    if (r->reader_num >= r->opt.readers_max ||
        (!wait && workers_submit(r->opt.readers, &c->job) != MT_OK)) {
        c->on_reader = false;
        call_fail(c, RPC_LIMIT, "too many calls in progress: try again later");
        call_end(c);
        return;
    }
    if (wait)
        trace_waits(r, c);
    else if (trace)
        r->trace_num++;
    head_view_hold(r->view);
    r->reader_num++;
    metric_move(METRIC_rpc_in_flight, r->opt.metric_net, 1);
}

void call_read(struct call *c)
{
    c->rpc->later_num--;
    to_reader(c);
}

/* A place among the traces is free. */
static void start_trace(struct rpc *r)
{
    struct call *c = r->trace_first;
    /* Only a full queue of the readers refuses; then the next trace that ends, or the
     * next call that comes back, starts it. */
    if (c == NULL || workers_submit(r->opt.readers, &c->job) != MT_OK)
        return;
    r->trace_first = c->wait_next;
    r->trace_num++;
}

/* ---- parsing ---- */

static const char *request_fault(const json_t *obj, const json_t **id, const char **name,
                                 const json_t **params)
{
    *id = json_object_get(obj, "id");
    *params = json_object_get(obj, "params");
    if (*id != NULL && !json_is_string(*id) && !json_is_number(*id) &&
        !json_is_null(*id)) {
        *id = NULL;
        return "invalid request: id must be a string, a number or null";
    }
    if (*id != NULL && json_is_string(*id) && json_string_length(*id) > ID_SIZE_MAX / 8) {
        *id = NULL;
        return "invalid request: id too long";
    }
    const char *version = json_string_value(json_object_get(obj, "jsonrpc"));
    *name = json_string_value(json_object_get(obj, "method"));
    if (version == NULL || strcmp(version, "2.0") != 0)
        return "invalid request: jsonrpc must be \"2.0\"";
    if (*name == NULL)
        return "invalid request: method missing";
    return NULL;
}

/* False after an error was written: the client's units are used up, or the batch's
 * replies are too large already. */
static bool may_run(struct call *c)
{
    struct rpc *r = c->rpc;
    if (c->req->reply_bytes > r->opt.reply_max - r->opt.reply_max / 64) {
        call_fail(c, RPC_TOO_LARGE, "response too large");
        return false;
    }
    if (r->rate == NULL || r->net == NULL || c->req->trusted)
        return true;
    struct net_peer peer;
    char data[64];
    net_peer_of(r->net, c->req->ref, &peer);
    uint64_t wait_ms = rate_take(r->rate, &peer, c->method->cost, c->start_ns / 1000000u);
    if (wait_ms == 0)
        return true;
    mt_fmt(data, sizeof(data), "{\"retryAfterMs\":%llu}", (unsigned long long)wait_ms);
    call_fail_json(c, RPC_LIMIT, data,
                   "rate limit: %s costs %u units, %llu a second are allowed; try again "
                   "in %llu ms",
                   c->method->name, c->method->cost, (unsigned long long)r->opt.rate,
                   (unsigned long long)wait_ms);
    return false;
}

static void call_open(struct call *c, struct request *q)
{
    struct rpc *r = q->rpc;
    c->rpc = r;
    c->req = q;
    c->start_ns = clock_mono_ns();
    c->arena = &r->arena;
    c->view = r->view;
    metric_add(METRIC_rpc_requests_total, r->opt.metric_net, 1);
}

/* A call whose id and params are set. */
static void run_method(struct call *c, const char *name)
{
    struct rpc *r = c->rpc;
    c->method = rpc_find(r, name, c->req->trusted);
    if (c->method == NULL) {
        call_fail(c, RPC_METHOD, "the method %.100s does not exist/is not available",
                  name);
    } else if (c->params != NULL && !json_is_array(c->params) &&
               !json_is_null(c->params)) {
        call_fail(c, RPC_PARAMS, "non-array args");
    } else if (r->stopping) {
        call_fail(c, RPC_TIMEOUT, "the node is stopping");
    } else if (may_run(c)) {
        if (!json_is_array(c->params))
            c->params = NULL;
        enum call_status st = CALL_TO_READER;
        if (c->method->where != RPC_READER) {
            call_begin(c);
            st = c->method->run(c);
            arena_renew(r, &r->arena);
        }
        if (st == CALL_TO_READER)
            to_reader(c);
        if (st != CALL_DONE)
            return;
    }
    call_end(c);
}

static void run_call(struct call *c, struct request *q, const json_t *obj)
{
    static const json_t null_id = {.type = JSON_NULL, .refcount = (size_t)-1};
    const char *name = NULL;
    const char *fault = "invalid request: not an object";
    call_open(c, q);
    if (json_is_object(obj))
        fault = request_fault(obj, &c->id.json, &name, &c->params);
    if (fault == NULL) {
        run_method(c, name);
        return;
    }
    if (c->id.json == NULL)
        c->id.json = &null_id;
    call_fail(c, RPC_REQUEST, "%s", fault);
    call_end(c);
}

/* The usual shape; false: nothing was done. */
static bool run_scanned(struct request *q, slice body)
{
    struct scanned s;
    struct call *c = &q->one;
    char name[SCAN_METHOD_MAX];
    if (!rpc_scan(body, &s))
        return false;
    q->doc = s.params;
    q->call_num = q->open = 1;
    q->calls = c;
    call_open(c, q);
    if (s.id.ptr != NULL) {
        MT_ASSERT(s.id.len <= sizeof(q->id_text));
        memcpy(q->id_text, s.id.ptr, s.id.len);
        c->id.text = slice_of(q->id_text, s.id.len);
    }
    c->params = s.params;
    memcpy(name, s.method.ptr, s.method.len);
    name[s.method.len] = 0;
    run_method(c, name);
    return true;
}

static void refuse(struct request *q, int code, const char *text)
{
    write_error(&q->one.buf, (struct call_id){0}, code, text, NULL);
    metric_add(METRIC_rpc_errors_total, q->rpc->opt.metric_net, 1);
    q->batch = false;
    request_end(q);
}

static void run_batch(struct request *q)
{
    struct rpc *r = q->rpc;
    size_t n = json_array_size(q->doc);
    if (n == 0) {
        refuse(q, RPC_REQUEST, "empty batch");
        return;
    }
    if (n > r->opt.batch_max) {
        char text[96];
        mt_fmt(text, sizeof(text), "batch too large: %zu calls, at most %u", n,
               r->opt.batch_max);
        refuse(q, RPC_REQUEST, text);
        return;
    }
    q->batch = true;
    q->call_num = (unsigned)n;
    q->open = q->call_num + 1; /* one for this function */
    q->calls = mt_alloc(n * sizeof(*q->calls));
    for (unsigned i = 0; i < q->call_num; i++) {
        struct call *c = &q->calls[i];
        buf_init(&c->buf, r->opt.reply_max);
        run_call(c, q, json_array_get(q->doc, i));
    }
    request_less(q);
}

void rpc_request(struct rpc *r, struct request *q, slice body)
{
    struct mt_diag diag = {0};
    if (body.len == 0) {
        refuse(q, RPC_PARSE, "parse error: the body is empty");
        return;
    }
    /* Short texts are not worth a look of their own. */
    size_t weight = body.len < WEIGH_MIN ? body.len * WEIGHT_MAX : json_weight(body);
    if (weight > r->opt.trees_max - MT_MIN(r->tree_bytes, r->opt.trees_max)) {
        refuse(q, RPC_LIMIT, "too many large requests in progress: try again later");
        return;
    }
    r->tree_bytes += q->tree_bytes = weight;
    if (body.len < WEIGH_MIN && run_scanned(q, body))
        return;
    size_t max = q->websocket ? r->opt.message_max : r->opt.body_max;
    mt_err err = json_parse(body, max, DEPTH_MAX, &q->doc, &diag);
    if (err != MT_OK) {
        q->doc = NULL;
        char text[MT_DIAG_TEXT_MAX + 32];
        mt_fmt(text, sizeof(text), "parse error: %s", log_err_text(err, &diag));
        refuse(q, RPC_PARSE, text);
        return;
    }
    if (json_is_array(q->doc)) {
        run_batch(q);
        return;
    }
    q->call_num = q->open = 1;
    q->calls = &q->one;
    run_call(&q->one, q, q->doc);
}
