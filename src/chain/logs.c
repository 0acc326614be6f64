/* Log search: the store's index names the blocks in which the filter's narrowest
 * condition can hold, the block's bloom and then its logs decide. Without any
 * condition every block of the range is looked at. */
#include "chain_int.h"

#include <stdlib.h>

bool log_filter_match(const struct log_filter *f, const struct log *log)
{
    bool found = f->addr_num == 0;
    for (size_t i = 0; i < f->addr_num && !found; i++)
        found = address_eq(&f->addrs[i], &log->addr);
    if (!found || log->topic_num < f->topic_positions)
        return false;
    for (size_t pos = 0; pos < f->topic_positions; pos++) {
        found = f->topic_num[pos] == 0;
        for (size_t i = 0; i < f->topic_num[pos] && !found; i++)
            found = hash32_eq(&f->topics[pos][i], &log->topics[pos]);
        if (!found)
            return false;
    }
    return true;
}

static bool bloom_allows(const struct log_filter *f, const uint8_t bloom[256])
{
    bool found = f->addr_num == 0;
    for (size_t i = 0; i < f->addr_num && !found; i++)
        found = bloom_may_contain(bloom, slice_of(f->addrs[i].b, 20));
    if (!found)
        return false;
    for (size_t pos = 0; pos < f->topic_positions; pos++) {
        found = f->topic_num[pos] == 0;
        for (size_t i = 0; i < f->topic_num[pos] && !found; i++)
            found = bloom_may_contain(bloom, slice_of(f->topics[pos][i].b, 32));
        if (!found)
            return false;
    }
    return true;
}

/* ---- candidates: an ascending list of block numbers ---- */

#define CANDIDATES_MAX ((size_t)1 << 22)

struct candidates {
    uint64_t *numbers;
    size_t num, cap;
    bool overflow;
    bool (*should_stop)(void *ctx);
    void *stop_ctx;
};

static bool add_candidate(void *ctx, uint64_t number)
{
    struct candidates *c = ctx;
    if (c->num == CANDIDATES_MAX) {
        c->overflow = true;
        return false;
    }
    if (c->num == c->cap) {
        c->cap = c->cap == 0 ? 256 : c->cap * 2;
        c->numbers = mt_realloc(c->numbers, c->cap * sizeof(*c->numbers));
    }
    c->numbers[c->num++] = number;
    return c->should_stop == NULL || (c->num & 1023) != 0 || !c->should_stop(c->stop_ctx);
}

/* The position to look up: addresses when given, else the first topic position with
 * alternatives. False: the filter has no condition. */
static bool pick(const struct log_filter *f, enum metisdb_log_key *kind, size_t *pos)
{
    *kind = METISDB_LOG_ADDRESS;
    if (f->addr_num > 0)
        return true;
    for (*pos = 0; *pos < f->topic_positions; ++*pos) {
        *kind = (enum metisdb_log_key)(METISDB_LOG_TOPIC0 + *pos);
        if (f->topic_num[*pos] > 0)
            return true;
    }
    return false;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static void sort_unique(struct candidates *c)
{
    size_t n = 0;
    if (c->num == 0)
        return;
    qsort(c->numbers, c->num, sizeof(*c->numbers), by_number);
    for (size_t i = 1; i < c->num; i++) {
        if (c->numbers[i] != c->numbers[n])
            c->numbers[++n] = c->numbers[i];
    }
    c->num = n + 1;
}

static mt_err collect(struct chain *c, const struct log_filter *f,
                      enum metisdb_log_key kind, size_t pos, uint64_t from, uint64_t to,
                      struct candidates *out)
{
    size_t n = kind == METISDB_LOG_ADDRESS ? f->addr_num : f->topic_num[pos];
    for (size_t i = 0; i < n; i++) {
        slice key = kind == METISDB_LOG_ADDRESS ? slice_of(f->addrs[i].b, 20)
                                                : slice_of(f->topics[pos][i].b, 32);
        MT_TRY(metisdb_scan_logs(c->db, kind, key, from, to, add_candidate, out));
        if (out->overflow)
            return MT_ELIMIT;
        if (out->should_stop != NULL && out->should_stop(out->stop_ctx))
            return MT_ECANCELED;
    }
    sort_unique(out);
    return MT_OK;
}

/* ---- one block ---- */

struct scan {
    struct chain *chain;
    const struct log_filter *filter;
    bool (*fn)(void *ctx, const struct chain_block *b, uint32_t tx_idx, uint32_t log_idx,
               const struct log *log);
    void *ctx;
    bool ended; /* fn wants no more */
};

static void scan_block(struct scan *s, const struct chain_block *b)
{
    uint32_t log_idx = 0;
    if (b->receipts == NULL || !bloom_allows(s->filter, b->block.header.bloom))
        return;
    for (uint32_t t = 0; t < b->block.tx_num; t++) {
        for (size_t i = 0; i < b->receipts[t].log_num; i++, log_idx++) {
            const struct log *log = &b->receipts[t].logs[i];
            if (!log_filter_match(s->filter, log))
                continue;
            if (!s->fn(s->ctx, b, t, log_idx, log)) {
                s->ended = true;
                return;
            }
        }
    }
}

static mt_err scan_number(struct scan *s, uint64_t number)
{
    struct chain_block *b;
    MT_TRY(chain_block_by_number(s->chain, number, &b));
    scan_block(s, b);
    chain_block_drop(b);
    return MT_OK;
}

mt_err chain_scan_logs(struct chain *c, const struct log_filter *f, uint64_t from,
                       uint64_t to,
                       bool (*fn)(void *ctx, const struct chain_block *b, uint32_t tx_idx,
                                  uint32_t log_idx, const struct log *log),
                       void *ctx, bool (*should_stop)(void *ctx), void *stop_ctx)
{
    struct scan s = {c, f, fn, ctx, false};
    struct candidates found = {.should_stop = should_stop, .stop_ctx = stop_ctx};
    struct block_id head;
    enum metisdb_log_key kind;
    size_t pos = 0;
    mt_err err = MT_OK;
    MT_TRY(metisdb_get_head(c->db, METISDB_HEAD, &head));
    to = MT_MIN(to, head.number);
    bool indexed = pick(f, &kind, &pos);
    if (indexed)
        err = collect(c, f, kind, pos, from, to, &found);
    for (uint64_t i = 0; err == MT_OK && !s.ended; i++) {
        if (indexed ? i >= found.num : from > to || i > to - from)
            break;
        if (should_stop != NULL && should_stop(stop_ctx))
            err = MT_ECANCELED;
        else
            err = scan_number(&s, indexed ? found.numbers[i] : from + i);
    }
    mt_free(found.numbers);
    return err;
}
