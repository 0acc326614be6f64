/* Transactions on their way to the followed node. What comes while requests are under
 * way goes out together as one batch, so that a busy replica asks seldom and an idle
 * one at once. */
#include "follower.h"

#include "metis/codec.h"
#include "metis/pool.h"

#include <jansson.h>

#define QUEUE_MAX       4096u /* transactions, waiting or under way */
#define QUEUE_BYTES_MAX ((size_t)64 << 20)
#define BATCH_MAX       128u
#define BATCH_BYTES_MAX ((size_t)1 << 20)
#define POSTS_MAX       4u
#define DEPTH_MAX       16u

struct item {
    struct item *next;
    pool_done_fn *done;
    void *ctx;
    hash32 hash; /* of raw */
    size_t len;
    uint8_t raw[];
};

struct post {
    struct forward *w;
    unsigned num;
    struct item *items[BATCH_MAX];
};

struct forward {
    struct http_client *http;
    char *url;
    uint64_t timeout_ms;
    unsigned metric_net;
    struct item *first, **last; /* waiting */
    unsigned num;               /* waiting and under way */
    size_t bytes;
    struct map hashes; /* of those, how often */
    unsigned posts;
    bool stopped;
};

struct forward *forward_new(struct http_client *http, const char *url,
                            uint64_t timeout_ms, unsigned metric_net)
{
    struct forward *w = mt_alloc(sizeof *w);
    *w = (struct forward){.http = http,
                          .url = mt_strdup(url),
                          .timeout_ms = timeout_ms,
                          .metric_net = metric_net};
    w->last = &w->first;
    map_init(&w->hashes, NULL, sizeof(hash32), sizeof(uint32_t), QUEUE_MAX, 0);
    return w;
}

/* ---- verdicts ---- */

static void verdict(enum pool_reason reason, const char *text, struct pool_verdict *out)
{
    *out = (struct pool_verdict){.reason = reason};
    mt_fmt(out->text, sizeof out->text, "%s", text);
}

static void settle(struct forward *w, struct item *it, enum pool_reason reason,
                   const char *text)
{
    struct pool_verdict v;
    verdict(reason, text, &v);
    w->num--;
    w->bytes -= it->len;
    uint32_t *times = map_get(&w->hashes, &it->hash);
    if (--*times == 0)
        map_del(&w->hashes, &it->hash);
    metric_add(reason == POOL_OK ? METRIC_follow_forwarded_total
                                 : METRIC_follow_forward_refused_total,
               w->metric_net, 1);
    it->done(it->ctx, &v);
    mt_free(it);
}

/* One reply of the batch: the hash, or the followed node's refusal in its own words. */
static void settle_reply(struct forward *w, struct item *it, const json_t *reply)
{
    const json_t *error = json_object_get(reply, "error");
    const char *text = json_string_value(json_object_get(error, "message"));
    if (json_is_string(json_object_get(reply, "result")))
        settle(w, it, POOL_OK, "");
    else if (text == NULL)
        settle(w, it, POOL_UPSTREAM, "the followed node gave no answer that can be read");
    else if (json_integer_value(json_object_get(error, "code")) == -32005)
        settle(w, it, POOL_BUSY, text);
    else
        settle(w, it, POOL_UPSTREAM, text);
}

static void settle_all(struct post *p, enum pool_reason reason, const char *text)
{
    for (unsigned i = 0; i < p->num; i++) {
        if (p->items[i] != NULL)
            settle(p->w, p->items[i], reason, text);
        p->items[i] = NULL;
    }
}

static void settle_batch(struct post *p, const json_t *doc)
{
    for (size_t i = 0; i < json_array_size(doc); i++) {
        const json_t *reply = json_array_get(doc, i);
        json_int_t id = json_integer_value(json_object_get(reply, "id"));
        if (id < 1 || id > p->num || p->items[id - 1] == NULL)
            continue;
        settle_reply(p->w, p->items[id - 1], reply);
        p->items[id - 1] = NULL;
    }
    const json_t *error = json_object_get(doc, "error"); /* the batch as a whole */
    const char *text = json_string_value(json_object_get(error, "message"));
    settle_all(p, POOL_UPSTREAM,
               text != NULL ? text : "the followed node left this transaction out");
}

static void flush(struct forward *w);

static void posted(void *ctx, const struct http_result *r)
{
    struct post *p = ctx;
    struct forward *w = p->w;
    struct pool_verdict v;
    json_t *doc;
    w->posts--;
    if (r->err != MT_OK || r->status != 200) {
        mt_fmt(
            v.text, sizeof v.text,
            "the followed node did not answer (%s); the transaction may have reached it",
            r->err != MT_OK ? r->text : "not HTTP 200");
        settle_all(p, POOL_UPSTREAM, v.text);
    } else if (json_parse(buf_slice(r->body), BATCH_BYTES_MAX, DEPTH_MAX, &doc, NULL) !=
               MT_OK) {
        settle_all(p, POOL_UPSTREAM, "the followed node's answer is no JSON");
    } else {
        settle_batch(p, doc);
        json_free(doc);
    }
    mt_free(p);
    flush(w);
}

/* ---- sending ---- */

static void put_item(struct json_out *j, const struct item *it, unsigned id)
{
    json_obj(j);
    json_kv_str(j, "jsonrpc", "2.0");
    json_kv_u64(j, "id", id);
    json_kv_str(j, "method", "eth_sendRawTransaction");
    json_key(j, "params");
    json_arr(j);
    json_hex(j, it->raw, it->len);
    json_arr_end(j);
    json_obj_end(j);
}

static void send_batch(struct forward *w)
{
    struct post *p = mt_alloc(sizeof *p);
    struct mt_diag diag = {0};
    struct buf body;
    size_t bytes = 0;
    p->w = w;
    buf_init(&body, QUEUE_BYTES_MAX * 3);
    struct json_out j = json_out(&body);
    json_arr(&j);
    while (w->first != NULL && p->num < BATCH_MAX &&
           (p->num == 0 || bytes + w->first->len <= BATCH_BYTES_MAX)) {
        struct item *it = w->first;
        w->first = it->next;
        if (w->first == NULL)
            w->last = &w->first;
        bytes += it->len;
        p->items[p->num++] = it;
        put_item(&j, it, p->num);
    }
    json_arr_end(&j);
    w->posts++;
    mt_err err = http_post(w->http, w->url, &body, BATCH_BYTES_MAX, w->timeout_ms, posted,
                           p, &diag);
    buf_fini(&body);
    if (err != MT_OK) {
        w->posts--;
        settle_all(p, POOL_BUSY, diag.text);
        mt_free(p);
    }
}

static void flush(struct forward *w)
{
    while (w->first != NULL && w->posts < POSTS_MAX && !w->stopped)
        send_batch(w);
}

void forward_tx(struct forward *w, slice raw, pool_done_fn *done, void *ctx)
{
    struct pool_verdict v;
    if (w->stopped || w->num >= QUEUE_MAX || w->bytes + raw.len > QUEUE_BYTES_MAX) {
        verdict(w->stopped ? POOL_UPSTREAM : POOL_BUSY,
                w->stopped ? "the node is stopping"
                           : "too many transactions wait for the followed node",
                &v);
        done(ctx, &v);
        return;
    }
    struct item *it = mt_alloc(sizeof *it + raw.len);
    it->done = done;
    it->ctx = ctx;
    it->hash = keccak256(raw.ptr, raw.len);
    it->len = raw.len;
    memcpy(it->raw, raw.ptr, raw.len);
    uint32_t *times = map_put(&w->hashes, &it->hash, NULL);
    MT_ASSERT(times != NULL);
    ++*times;
    *w->last = it;
    w->last = &it->next;
    w->num++;
    w->bytes += raw.len;
    flush(w);
}

bool forward_has(const struct forward *w, slice raw)
{
    hash32 hash = keccak256(raw.ptr, raw.len);
    return map_get(&w->hashes, &hash) != NULL;
}

void forward_stop(struct forward *w)
{
    w->stopped = true;
    while (w->first != NULL) {
        struct item *it = w->first;
        w->first = it->next;
        settle(w, it, POOL_UPSTREAM, "the node is stopping");
    }
    w->last = &w->first;
}

void forward_free(struct forward *w)
{
    if (w == NULL)
        return;
    MT_ASSERT(w->posts == 0);
    forward_stop(w);
    map_fini(&w->hashes);
    mt_free(w->url);
    mt_free(w);
}
