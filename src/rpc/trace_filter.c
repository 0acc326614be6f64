/* trace_filter: the traces of a range of blocks that come from or go to given accounts.
 * Every block of the range is run again, so the range, the time and the reply are all
 * bounded; what goes over a bound is refused with the part of the range that can be had.
 * `after` and `count` page through the matches: the search ends when they are filled. */
#include "trace_int.h"

#define RANGE_MAX   10000u
#define MATCHES_MAX 10000u

struct query {
    uint64_t from, to;
    const address *froms, *tos;
    size_t from_num, to_num;
    bool both; /* a trace must match both lists; else one is enough */
    uint64_t after, count;
};

struct search {
    struct call *c;
    const struct query *q;
    uint64_t seen, put;
    bool full; /* count is reached */
    bool over; /* without a count, MATCHES_MAX is */
};

/* ---- the query ---- */

static bool addresses(struct call *c, const json_t *v, const address **out, size_t *num)
{
    if (v == NULL || json_is_null(v))
        return true;
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    address *list = arena_zalloc(c->arena, n + 1, sizeof(*list));
    if (n > c->rpc->opt.log_terms_max || list == NULL) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: exceed max addresses (%zu)",
                  c->rpc->opt.log_terms_max);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!val_address(c, 0, json_is_array(v) ? json_array_get(v, i) : v, &list[i]))
            return false;
    *out = list;
    *num = n;
    return true;
}

/* A JSON number, or hex as quantities are written. */
static bool number(struct call *c, const json_t *o, const char *key, uint64_t *out)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_integer(v))
        return val_u64(c, 0, v, out);
    if (json_integer_value(v) < 0) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: %s is negative", key);
        return false;
    }
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static bool range_end(struct call *c, const json_t *v, uint64_t *out)
{
    struct block_arg at;
    if (v == NULL || json_is_null(v))
        return true;
    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        *out = (uint64_t)json_integer_value(v);
        return true;
    }
    if (!val_block(c, 0, v, &at))
        return false;
    if (at.kind == BLOCK_HASH) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: a range has numbers or tags");
        return false;
    }
    *out = at.number;
    return true;
}

static bool val_query(struct call *c, const json_t *o, struct query *q)
{
    const char *mode = json_string_value(json_object_get(o, "mode"));
    uint64_t head = c->view->head->block.header.number;
    *q = (struct query){.from = head, .to = head, .count = UINT64_MAX};
    if (!json_is_object(o)) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: not an object");
        return false;
    }
    if (!range_end(c, json_object_get(o, "fromBlock"), &q->from) ||
        !range_end(c, json_object_get(o, "toBlock"), &q->to) ||
        !addresses(c, json_object_get(o, "fromAddress"), &q->froms, &q->from_num) ||
        !addresses(c, json_object_get(o, "toAddress"), &q->tos, &q->to_num) ||
        !number(c, o, "after", &q->after) || !number(c, o, "count", &q->count))
        return false;
    if (mode != NULL && strcmp(mode, "union") != 0 && strcmp(mode, "intersection") != 0) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: mode is union or intersection");
        return false;
    }
    q->both = mode != NULL && mode[0] == 'i';
    return true;
}

/* ---- matching ---- */

static bool listed(const address *list, size_t num, const address *a)
{
    for (size_t i = 0; i < num; i++)
        if (address_eq(&list[i], a))
            return true;
    return false;
}

static bool matches(const struct query *q, const address *from, const address *to)
{
    bool by_from = from != NULL && listed(q->froms, q->from_num, from);
    bool by_to = to != NULL && listed(q->tos, q->to_num, to);
    if (q->from_num == 0 && q->to_num == 0)
        return true;
    if (q->from_num == 0)
        return by_to;
    if (q->to_num == 0)
        return by_from;
    return q->both ? by_from && by_to : by_from || by_to;
}

/* Whether a match is on the wanted page; counts it. */
static bool take(struct search *s)
{
    if (s->full || s->over)
        return false;
    if (s->seen++ < s->q->after)
        return false;
    if (s->q->count == UINT64_MAX && s->put == MATCHES_MAX) {
        s->over = true;
        return false;
    }
    s->put++;
    s->full = s->put >= s->q->count;
    return true;
}

static bool reward_wanted(void *ctx, const address *author)
{
    struct search *s = ctx;
    return matches(s->q, NULL, author) && take(s);
}

static void search_tx(struct search *s, const struct trace *t)
{
    for (const struct trace_frame *f = t->root; f != NULL; f = f->after) {
        bool made = !f->create || f->error == NULL;
        if (!f->hidden && matches(s->q, &f->from, made ? &f->to : NULL) && take(s))
            flat_put(t, &s->c->out, f, true);
    }
}

static bool wants_more(const struct search *s)
{
    return !s->full && !s->over && buf_ok(&s->c->buf);
}

/* False after an error was written. */
static bool search_block(struct search *s, uint64_t at)
{
    struct call *c = s->c;
    struct chain_block *b;
    struct replay r;
    struct tx_outcome o;
    mt_err err = chain_block_by_number(c->rpc->opt.chain, at, &b);
    if (err != MT_OK) {
        call_error(c, err, NULL);
        return false;
    }
    struct rules rules = trace_rules_of(c, b);
    bool ok = true;
    if (b->block.tx_num > 0) {
        chain_block_hold(b);
        ok = replay_open(&r, c, b, &trace_list_options);
        for (uint32_t i = 0; ok && i < b->block.tx_num && wants_more(s); i++) {
            ok = replay_next(&r, &o);
            if (ok)
                search_tx(s, &r.t);
        }
        replay_close(&r);
    }
    if (ok)
        trace_rewards(&c->out, b, &rules, reward_wanted, s);
    chain_block_drop(b);
    return ok;
}

/* A refusal that names what can be asked for; at: the block that could not be done. */
static enum call_status refuse(struct call *c, const struct query *q, uint64_t at,
                               const char *why)
{
    if (at <= q->from)
        return call_fail(c, RPC_LIMIT, "%s in one block: use after and count", why);
    return call_fail(c, RPC_LIMIT, "%s: try [0x%llx, 0x%llx]", why,
                     (unsigned long long)q->from, (unsigned long long)(at - 1));
}

static enum call_status search_range(struct call *c, const struct query *q)
{
    struct search s = {.c = c, .q = q};
    json_arr(&c->out);
    for (uint64_t n = q->from; n <= q->to && !s.full; n++) {
        bool ok = n == 0 || search_block(&s, n);
        if (call_should_stop(c) && !c->rpc->stopping)
            return refuse(c, q, n, "query takes longer than a call may");
        if (!buf_ok(&c->buf))
            return refuse(c, q, n, "response too large");
        if (!ok)
            return CALL_DONE;
        if (s.over)
            return refuse(c, q, n, "query returned more than 10000 traces");
    }
    json_arr_end(&c->out);
    return CALL_DONE;
}

enum call_status m_parity_filter(struct call *c)
{
    struct query q;
    uint64_t head = c->view->head->block.header.number;
    if (!args_num(c, 1, 1) || !val_query(c, arg(c, 0), &q))
        return CALL_DONE;
    if (q.from > q.to)
        return call_fail(c, RPC_PARAMS, "invalid block range params");
    if (q.to > head)
        return call_fail(c, RPC_PARAMS, "block range extends beyond current head block");
    if (q.to - q.from >= RANGE_MAX)
        return call_fail(c, RPC_LIMIT,
                         "query exceeds max block range %u: try [0x%llx, 0x%llx]",
                         RANGE_MAX, (unsigned long long)q.from,
                         (unsigned long long)(q.from + RANGE_MAX - 1));
    if (q.count == 0) {
        json_arr(&c->out);
        json_arr_end(&c->out);
        return CALL_DONE;
    }
    return search_range(c, &q);
}
