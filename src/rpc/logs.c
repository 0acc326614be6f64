/* Log queries: the filter object, eth_getLogs, and filters that are polled. A polled
 * filter keeps the last block it has told about; what is new is a query from there on.
 * When blocks are taken off that it has told about, it keeps them until it is asked:
 * their logs come first then, marked as removed. */
#include "rpc_int.h"

#define PENDING_KEEP  4096u
#define INLINE_BLOCKS 8u
#define REMOVED_KEEP  256u /* blocks taken off since the last question */

enum filter_kind { FILTER_LOGS, FILTER_BLOCKS, FILTER_PENDING };

struct filter {
    struct filter *next;
    uint64_t id;
    enum filter_kind kind;
    struct log_query query; /* in arena */
    struct arena arena;
    uint64_t told;     /* number of the last block told about */
    uint64_t asked_ms; /* for removal when idle */
    hash32 *hashes;    /* pending transactions since the last question */
    size_t hash_num;
    struct chain_block **removed; /* held, in the order in which they went */
    size_t removed_num;
};

/* ---- the filter object ---- */

static bool too_many(struct call *c, const char *what)
{
    call_fail(c, RPC_PARAMS, "invalid argument 0: exceed max %s (%zu)", what,
              c->rpc->opt.log_terms_max);
    return false;
}

static bool addresses(struct call *c, const json_t *v, struct log_filter *f)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    address *list = arena_zalloc(c->arena, n + 1, sizeof(*list));
    if (n > c->rpc->opt.log_terms_max || list == NULL)
        return too_many(c, "addresses");
    if (!json_is_array(v)) {
        if (!val_address(c, 0, v, &list[0]))
            return false;
    } else {
        for (size_t i = 0; i < n; i++)
            if (!val_address(c, 0, json_array_get(v, i), &list[i]))
                return false;
    }
    f->addrs = list;
    f->addr_num = n;
    return true;
}

static bool topic_position(struct call *c, const json_t *v, struct log_filter *f,
                           size_t pos)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    hash32 *list = arena_zalloc(c->arena, n + 1, sizeof(*list));
    if (n > c->rpc->opt.log_terms_max || list == NULL)
        return too_many(c, "topics");
    for (size_t i = 0; i < n; i++) {
        const json_t *t = json_is_array(v) ? json_array_get(v, i) : v;
        if (json_is_null(t)) { /* null among alternatives: anything */
            n = 0;
            break;
        }
        if (!val_hash(c, 0, t, &list[i]))
            return false;
    }
    f->topics[pos] = list;
    f->topic_num[pos] = n;
    return true;
}

static bool topics(struct call *c, const json_t *v, struct log_filter *f)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > 4) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: exceed max topics (4)");
        return false;
    }
    f->topic_positions = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *t = json_array_get(v, i);
        if (!json_is_null(t) && !topic_position(c, t, f, i))
            return false;
    }
    return true;
}

static const json_t *field(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
}

static bool range_end(struct call *c, const json_t *v, bool *has, uint64_t *out)
{
    struct block_arg at;
    if (v == NULL)
        return true;
    if (!json_is_string(v) || json_string_length(v) == 66) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: not a block number or tag");
        return false;
    }
    if (!val_block(c, 0, v, &at))
        return false;
    *has = true;
    *out = at.number;
    return true;
}

bool val_log_query(struct call *c, const json_t *v, struct log_query *q)
{
    *q = (struct log_query){0};
    q->from = q->to = c->view->head->block.header.number;
    if (!json_is_object(v)) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: not an object");
        return false;
    }
    const json_t *hash = field(v, "blockHash");
    const json_t *from = field(v, "fromBlock"), *to = field(v, "toBlock");
    if (hash != NULL && (from != NULL || to != NULL)) {
        call_fail(c, RPC_PARAMS,
                  "invalid argument 0: cannot specify both BlockHash and "
                  "FromBlock/ToBlock, choose one or the other");
        return false;
    }
    q->by_hash = hash != NULL;
    if (hash != NULL && !val_hash(c, 0, hash, &q->hash))
        return false;
    if (!range_end(c, from, &q->has_from, &q->from) ||
        !range_end(c, to, &q->has_to, &q->to))
        return false;
    const json_t *a = field(v, "address"), *t = field(v, "topics");
    return (a == NULL || addresses(c, a, &q->filter)) &&
           (t == NULL || topics(c, t, &q->filter));
}

bool log_filter_copy(struct arena *a, const struct log_filter *in, struct log_filter *out)
{
    *out = *in;
    out->addrs = arena_copy(a, in->addrs, in->addr_num * sizeof(address));
    bool ok = out->addrs != NULL;
    for (size_t i = 0; i < 4; i++) {
        out->topics[i] = arena_copy(a, in->topics[i], in->topic_num[i] * sizeof(hash32));
        ok = ok && out->topics[i] != NULL;
    }
    return ok;
}

bool log_filter_excludes(const struct log_filter *f, const uint8_t bloom[256])
{
    bool any = f->addr_num == 0;
    for (size_t i = 0; !any && i < f->addr_num; i++)
        any = bloom_may_contain(bloom, slice_of(f->addrs[i].b, 20));
    for (size_t p = 0; any && p < 4; p++) {
        if (f->topic_num[p] == 0)
            continue;
        any = false;
        for (size_t i = 0; !any && i < f->topic_num[p]; i++)
            any = bloom_may_contain(bloom, slice_of(f->topics[p][i].b, 32));
    }
    return !any;
}

/* ---- scanning ---- */

/* One search. A reply that grows large is to leave in parts, after which nothing can be
 * refused any more; so from a certain size on the search only counts to its end, and when
 * that is within the limits a second one writes what comes after the first piece. */
struct scan {
    struct call *c;
    size_t num;   /* logs so far */
    size_t bytes; /* at least those of the reply */
    bool counts;  /* no more is written */
    struct log_place {
        uint64_t number;
        uint32_t idx;
    } next; /* the first log that is not written yet */
    bool full;
    uint64_t full_at; /* block whose logs went over the limit */
};

#define LOG_TEXT_MAX 1024u /* of a log without its data */

static bool is_full(struct scan *s, const struct log_hit *hit)
{
    const struct rpc_options *opt = &s->c->rpc->opt;
    s->bytes += LOG_TEXT_MAX + 2 * hit->log->data.len;
    s->full = s->num >= opt->logs_max || !buf_ok(&s->c->buf) ||
              (s->counts && s->bytes > opt->stream_max);
    s->full_at = hit->number;
    return s->full;
}

static bool take_log(void *ctx, const struct log_hit *hit)
{
    struct scan *s = ctx;
    struct call *c = s->c;
    if (hit->number > c->view->head->block.header.number || is_full(s, hit))
        return false;
    s->num++;
    if (s->counts)
        return true;
    if (c->buf.len >= RPC_PART_FIRST && stream_may(c)) {
        s->counts = true;
        s->next = (struct log_place){hit->number, hit->log_idx};
        return true;
    }
    wire_log_hit(&c->out, hit, false);
    return true;
}

/* The second search. */
static bool put_log(void *ctx, const struct log_hit *hit)
{
    struct scan *s = ctx;
    struct call *c = s->c;
    if (hit->number > c->view->head->block.header.number)
        return false;
    if (hit->number == s->next.number && hit->log_idx < s->next.idx)
        return true;
    wire_log_hit(&c->out, hit, false);
    return call_part(c);
}

/* Names blocks that work, in words and for programs: who asks for them, and then from
 * the block after them on, gets everything. */
static enum call_status range_error(struct call *c, uint64_t from, uint64_t to,
                                    uint64_t limit, const char *before, const char *after)
{
    char data[128];
    unsigned long long a = from, b = to, n = limit;
    mt_fmt(data, sizeof(data), "{\"from\":\"0x%llx\",\"to\":\"0x%llx\",\"limit\":%llu}",
           a, b, n);
    return call_fail_json(c, RPC_LIMIT, data,
                          "%s %llu%s. Try with this block range [0x%llx, 0x%llx].",
                          before, n, after, a, b);
}

static enum call_status scan_block(struct call *c, const struct log_query *q)
{
    struct block_arg at = {.kind = BLOCK_HASH, .hash = q->hash};
    struct chain_block *b;
    uint32_t log_idx = 0;
    if (!block_find(c, &at, &b))
        return CALL_DONE;
    if (b == NULL)
        return call_fail(c, RPC_SERVER, "unknown block");
    json_arr(&c->out);
    for (uint32_t i = 0; i < b->block.tx_num; i++) {
        for (size_t k = 0; k < b->receipts[i].log_num; k++, log_idx++)
            if (log_filter_match(&q->filter, &b->receipts[i].logs[k]))
                wire_log(&c->out, b, i, log_idx, &b->receipts[i].logs[k], false);
        if (!call_part(c))
            break;
    }
    json_arr_end(&c->out);
    chain_block_drop(b);
    return CALL_DONE;
}

static enum call_status too_many_logs(struct call *c, const struct log_query *q,
                                      const struct scan *s)
{
    const struct rpc_options *opt = &c->rpc->opt;
    bool bytes = s->num < opt->logs_max;
    uint64_t limit = !bytes      ? opt->logs_max
                     : s->counts ? opt->stream_max
                                 : opt->reply_max;
    if (s->full_at > q->from)
        return range_error(c, q->from, s->full_at - 1, limit, "query returned more than",
                           bytes ? " bytes" : " results");
    return call_fail(c, RPC_LIMIT,
                     "one block has more logs than a reply may have: "
                     "narrow the filter by address or topics");
}

/* The last block of the range; zeros when it is not there (any more). */
static hash32 end_of(struct call *c, const struct log_query *q)
{
    hash32 hash;
    if (chain_canonical_hash(c->rpc->opt.chain, q->to, &hash) == MT_OK)
        return hash;
    return (hash32){0};
}

/* The logs that were only counted. Both searches must have seen the same chain: its last
 * block stands for all before it. */
static bool write_rest(struct call *c, const struct log_query *q, struct scan *s,
                       const hash32 *last)
{
    mt_err err = chain_scan_logs(c->rpc->opt.chain, &q->filter, s->next.number, q->to,
                                 put_log, s, call_should_stop, c);
    hash32 now = end_of(c, q);
    if (err != MT_OK)
        call_error(c, err, NULL);
    else if (!c->failed && !hash32_eq(&now, last))
        call_fail(c, RPC_SERVER, "the chain was reorganised during the search");
    return !c->failed;
}

enum call_status logs_scan(struct call *c, const struct log_query *q)
{
    uint64_t head = c->view->head->block.header.number;
    uint64_t range_max = c->rpc->opt.logs_range_max;
    struct scan s = {.c = c};
    if (q->by_hash)
        return scan_block(c, q);
    if (q->from > q->to)
        return call_fail(c, RPC_PARAMS, "invalid block range params");
    if (q->to > head)
        return call_fail(c, RPC_PARAMS, "block range extends beyond current head block");
    if (range_max > 0 && q->to - q->from >= range_max)
        return range_error(c, q->from, q->from + range_max - 1, range_max,
                           "query exceeds max block range", "");
    json_arr(&c->out);
    if (q->before.len > 0)
        json_raw(&c->out, q->before);
    hash32 last = end_of(c, q);
    mt_err err = chain_scan_logs(c->rpc->opt.chain, &q->filter, q->from, q->to, take_log,
                                 &s, call_should_stop, c);
    if (err != MT_OK)
        return call_error(c, err, NULL);
    if (s.full)
        return too_many_logs(c, q, &s);
    if (s.counts && !write_rest(c, q, &s, &last))
        return CALL_DONE;
    json_arr_end(&c->out);
    return CALL_DONE;
}

enum call_status m_logs(struct call *c)
{
    struct log_query q;
    if (!args_num(c, 1, 1) || !val_log_query(c, arg(c, 0), &q))
        return CALL_DONE;
    return logs_scan(c, &q);
}

/* ---- filters ---- */

static void removed_clear(struct filter *f)
{
    for (size_t i = 0; i < f->removed_num; i++)
        chain_block_drop(f->removed[i]);
    f->removed_num = 0;
}

static void filter_drop(struct rpc *r, struct filter **at)
{
    struct filter *f = *at;
    *at = f->next;
    r->filter_num--;
    arena_fini(&f->arena);
    removed_clear(f);
    mt_free(f->removed);
    mt_free(f->hashes);
    mt_free(f);
}

void filters_free(struct rpc *r)
{
    while (r->filters != NULL)
        filter_drop(r, &r->filters);
}

static void drop_idle(struct rpc *r, uint64_t now_ms)
{
    struct filter **at = &r->filters;
    while (*at != NULL) {
        if (now_ms - (*at)->asked_ms > r->opt.filter_idle_ms)
            filter_drop(r, at);
        else
            at = &(*at)->next;
    }
}

static enum call_status add_filter(struct call *c, enum filter_kind kind,
                                   const struct log_query *q)
{
    struct rpc *r = c->rpc;
    uint64_t now_ms = clock_mono_ns() / 1000000u;
    drop_idle(r, now_ms);
    if (r->filter_num >= r->opt.filters_max)
        return call_fail(c, RPC_LIMIT, "too many filters (max %u)", r->opt.filters_max);
    struct filter *f = mt_alloc(sizeof(*f));
    arena_init(&f->arena, 1u << 20);
    f->kind = kind;
    f->told = c->view->head->block.header.number;
    f->asked_ms = now_ms;
    if (random_bytes(&f->id, sizeof(f->id)) != MT_OK)
        f->id = now_ms;
    if (q != NULL) {
        f->query = *q;
        if (!log_filter_copy(&f->arena, &q->filter, &f->query.filter)) {
            arena_fini(&f->arena);
            mt_free(f);
            return call_fail(c, RPC_LIMIT, "filter too large");
        }
    }
    f->next = r->filters;
    r->filters = f;
    r->filter_num++;
    json_hex_u64(&c->out, f->id);
    return CALL_DONE;
}

enum call_status m_new_filter(struct call *c)
{
    struct log_query q;
    if (!args_num(c, 1, 1) || !val_log_query(c, arg(c, 0), &q))
        return CALL_DONE;
    /* A last block that is named by a tag moves on, and the range with it. */
    const char *to = json_string_value(json_object_get(arg(c, 0), "toBlock"));
    if (q.has_from && to != NULL && to[0] == '0' && q.from > q.to)
        return call_fail(c, RPC_PARAMS, "invalid block range params");
    return add_filter(c, FILTER_LOGS, &q);
}

enum call_status m_new_block_filter(struct call *c)
{
    return add_filter(c, FILTER_BLOCKS, NULL);
}

enum call_status m_new_pending_filter(struct call *c)
{
    return add_filter(c, FILTER_PENDING, NULL);
}

static struct filter **find_filter(struct call *c)
{
    uint64_t id;
    if (!args_num(c, 1, 1) || !arg_u64(c, 0, &id))
        return NULL;
    for (struct filter **at = &c->rpc->filters; *at != NULL; at = &(*at)->next)
        if ((*at)->id == id)
            return at;
    call_fail(c, RPC_SERVER, "filter not found");
    return NULL;
}

enum call_status m_uninstall_filter(struct call *c)
{
    uint64_t id;
    if (!args_num(c, 1, 1) || !arg_u64(c, 0, &id))
        return CALL_DONE;
    struct filter **at = &c->rpc->filters;
    while (*at != NULL && (*at)->id != id)
        at = &(*at)->next;
    json_bool(&c->out, *at != NULL);
    if (*at != NULL)
        filter_drop(c->rpc, at);
    return CALL_DONE;
}

static enum call_status new_blocks(struct call *c, struct filter *f)
{
    uint64_t head = c->view->head->block.header.number;
    uint64_t from = MT_MIN(f->told, head) + 1;
    if (head + 1 - from > 1024)
        from = head - 1023;
    json_arr(&c->out);
    for (uint64_t n = from; n <= head; n++) {
        hash32 h;
        if (chain_canonical_hash(c->rpc->opt.chain, n, &h) == MT_OK)
            json_hash(&c->out, &h);
    }
    json_arr_end(&c->out);
    f->told = head;
    return CALL_DONE;
}

/* A query of more than a few blocks goes to a reader, in memory of its own. */
static enum call_status scan_somewhere(struct call *c, const struct log_query *q)
{
    size_t size = sizeof(*q) + 6 * 16 + q->filter.addr_num * sizeof(address);
    struct arena a;
    if (q->by_hash || q->from > q->to || q->to - q->from < INLINE_BLOCKS) {
        c->deadline_ns = c->start_ns + c->rpc->opt.call_timeout_ms * 1000000u;
        return logs_scan(c, q);
    }
    for (size_t i = 0; i < 4; i++)
        size += q->filter.topic_num[i] * sizeof(hash32);
    size += q->before.len + 1024; /* alignment and the arena's own header */
    struct log_query *copy = mt_alloc(size);
    *copy = *q;
    arena_init_fixed(&a, copy + 1, size - sizeof(*copy));
    c->handoff = copy;
    void *before = arena_copy(&a, q->before.ptr, q->before.len);
    if (before == NULL || !log_filter_copy(&a, &q->filter, &copy->filter))
        return call_error(c, MT_ELIMIT, NULL);
    copy->before = slice_of(before, q->before.len);
    return CALL_TO_READER;
}

/* The logs of the blocks that went, as the elements of a list; false: more than a reply
 * may have. Newest first, as a stack is taken down. */
static bool write_removed(struct call *c, struct filter *f, slice *out)
{
    const struct log_query *q = &f->query;
    struct buf text;
    buf_init_arena(&text, c->arena, c->rpc->opt.reply_max);
    struct json_out j = json_out(&text);
    for (size_t i = 0; i < f->removed_num; i++) {
        uint64_t n = f->removed[i]->block.header.number;
        bool late = q->has_to && q->to > q->from && n > q->to;
        if (!late && !(q->has_from && n < q->from))
            wire_removed_logs(&j, f->removed[i], &q->filter);
    }
    *out = buf_slice(&text);
    return buf_ok(&text);
}

static enum call_status new_logs(struct call *c, struct filter *f)
{
    uint64_t head = c->view->head->block.header.number;
    struct log_query q = f->query;
    q.by_hash = false;
    q.from = MT_MIN(f->told, head) + 1;
    if (f->query.has_from)
        q.from = MT_MAX(q.from, f->query.from);
    q.to =
        f->query.has_to && f->query.to > f->query.from ? MT_MIN(head, f->query.to) : head;
    uint64_t range_max = c->rpc->opt.logs_range_max;
    if (range_max > 0 && q.to >= q.from && q.to - q.from >= range_max)
        q.to = q.from + range_max - 1;
    if (!write_removed(c, f, &q.before))
        return call_fail(c, RPC_TOO_LARGE, "response too large");
    removed_clear(f);
    f->told = MT_MAX(q.to, f->told);
    if (q.from <= q.to)
        return scan_somewhere(c, &q);
    json_arr(&c->out);
    if (q.before.len > 0)
        json_raw(&c->out, q.before);
    json_arr_end(&c->out);
    return CALL_DONE;
}

enum call_status m_filter_changes(struct call *c)
{
    if (c->on_reader)
        return logs_scan(c, c->handoff);
    struct filter **at = find_filter(c);
    if (at == NULL)
        return CALL_DONE;
    struct filter *f = *at;
    f->asked_ms = clock_mono_ns() / 1000000u;
    if (f->kind == FILTER_BLOCKS)
        return new_blocks(c, f);
    if (f->kind == FILTER_LOGS)
        return new_logs(c, f);
    json_arr(&c->out);
    for (size_t i = 0; i < f->hash_num; i++)
        json_hash(&c->out, &f->hashes[i]);
    json_arr_end(&c->out);
    f->hash_num = 0;
    return CALL_DONE;
}

enum call_status m_filter_logs(struct call *c)
{
    if (c->on_reader)
        return logs_scan(c, c->handoff);
    struct filter **at = find_filter(c);
    if (at == NULL)
        return CALL_DONE;
    struct filter *f = *at;
    f->asked_ms = clock_mono_ns() / 1000000u;
    if (f->kind != FILTER_LOGS)
        return call_fail(c, RPC_SERVER, "filter not found");
    struct log_query q = f->query;
    uint64_t head = c->view->head->block.header.number;
    q.to = f->query.has_to ? MT_MIN(q.to, head) : head;
    return scan_somewhere(c, &q);
}

void filters_pending(struct rpc *r, const hash32 *hash)
{
    for (struct filter *f = r->filters; f != NULL; f = f->next) {
        if (f->kind != FILTER_PENDING || f->hash_num == PENDING_KEEP)
            continue;
        if (f->hashes == NULL)
            f->hashes = mt_alloc(PENDING_KEEP * sizeof(*f->hashes));
        f->hashes[f->hash_num++] = *hash;
    }
}

/* False: more went than a filter may keep. What it holds is not the whole truth then, so
 * it goes too: "filter not found" tells its owner to begin anew. */
static bool note_removed(struct filter *f, const struct chain_update *u)
{
    uint64_t lowest = u->removed[u->removed_num - 1]->block.header.number;
    for (size_t i = 0; f->kind == FILTER_LOGS && i < u->removed_num; i++) {
        struct chain_block *b = u->removed[i];
        if (b->block.header.number > f->told ||
            log_filter_excludes(&f->query.filter, b->block.header.bloom))
            continue;
        if (f->removed_num == REMOVED_KEEP)
            return false;
        if (f->removed == NULL)
            f->removed = mt_alloc(REMOVED_KEEP * sizeof(struct chain_block *));
        chain_block_hold(b);
        f->removed[f->removed_num++] = b;
    }
    f->told = MT_MIN(f->told, lowest == 0 ? 0 : lowest - 1);
    return true;
}

void filters_update(struct rpc *r, const struct chain_update *u)
{
    struct filter **at = &r->filters;
    while (*at != NULL && u->removed_num > 0) {
        if ((*at)->kind != FILTER_PENDING && !note_removed(*at, u))
            filter_drop(r, at);
        else
            at = &(*at)->next;
    }
}
