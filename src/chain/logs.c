/* Log search: the store's index gives the places of each condition, and a place at which
 * all of them stand is a hit. Its block's stored receipts are walked up to that log, and
 * only the transaction that emitted it is hashed. */
#include "chain_int.h"

#define RECEIPT_FIELDS_BEFORE_LOGS 7
#define HEADER_FIELDS_BEFORE_TIME  11

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

/* ---- one block: from log to log, forward only ---- */

struct walk {
    struct rlp receipts, txs; /* after those of hit.tx_idx */
    struct rlp logs;          /* of that receipt, from log `next` on */
    slice tx;                 /* that transaction's item */
    bool tx_is_list, begun, hashed;
    uint32_t next;
    struct log log;
    struct log_hit hit;
};

static mt_err skip(struct rlp *r, unsigned num)
{
    slice payload;
    bool is_list;
    while (num-- > 0)
        MT_TRY(rlp_next(r, &payload, &is_list, NULL));
    return MT_OK;
}

static mt_err walk_begin(struct walk *w, const struct block_record *rec)
{
    struct rlp top = rlp_reader(rec->header), header, body;
    *w = (struct walk){
        .hit = {.number = rec->id.number, .block_hash = rec->id.hash, .log = NULL}};
    MT_TRY(rlp_get_list(&top, &header));
    MT_TRY(skip(&header, HEADER_FIELDS_BEFORE_TIME));
    MT_TRY(rlp_get_u64(&header, &w->hit.timestamp));
    top = rlp_reader(rec->body);
    MT_TRY(rlp_get_list(&top, &body));
    MT_TRY(rlp_get_list(&body, &w->txs));
    top = rlp_reader(rec->receipts);
    if (rec->receipts.len > 0) /* genesis has none */
        MT_TRY(rlp_get_list(&top, &w->receipts));
    return MT_OK;
}

static mt_err next_receipt(struct walk *w)
{
    struct rlp receipt;
    slice payload;
    MT_TRY(rlp_get_list(&w->receipts, &receipt));
    MT_TRY(skip(&receipt, RECEIPT_FIELDS_BEFORE_LOGS));
    MT_TRY(rlp_get_list(&receipt, &w->logs));
    MT_TRY(rlp_next(&w->txs, &payload, &w->tx_is_list, &w->tx));
    if (!w->tx_is_list)
        w->tx = payload; /* a typed transaction stands in a string */
    w->hit.tx_idx += w->begun ? 1 : 0;
    w->begun = true;
    w->hashed = false;
    return MT_OK;
}

/* The block's next log into w->log; MT_ENOTFOUND after the last one. */
static mt_err walk_next(struct walk *w)
{
    while (rlp_at_end(&w->logs)) {
        if (rlp_at_end(&w->receipts))
            return MT_ENOTFOUND;
        MT_TRY(next_receipt(w));
    }
    w->log = (struct log){0};
    w->hit.log_idx = w->next++;
    return chain_log_decode(&w->logs, &w->log);
}

/* The log at an index; MT_ECORRUPT when there is none. */
static mt_err walk_to(struct walk *w, uint32_t idx)
{
    mt_err err;
    do
        err = walk_next(w);
    while (err == MT_OK && w->hit.log_idx < idx);
    return err == MT_ENOTFOUND ? MT_ECORRUPT : err;
}

/* ---- the search ---- */

#define NO_PLACE ((struct metisdb_log_at){UINT64_MAX, UINT32_MAX})

struct place {
    bool known;
    struct metisdb_log_at at; /* NO_PLACE: no more */
};

struct search {
    struct metisdb_logs *logs;
    const struct log_filter *filter;
    bool (*fn)(void *ctx, const struct log_hit *hit);
    void *ctx;
    bool (*should_stop)(void *ctx);
    void *stop_ctx;
    bool ended; /* fn wants no more */
    /* Terms first[i] to first[i + 1] are alternatives; one of each group must hold. */
    size_t group_num, first[6];
    struct place *places; /* of each term */
    struct walk walk;
    bool walking;
};

static mt_err add_group(struct search *s, enum metisdb_log_key kind, const void *keys,
                        size_t num, size_t size)
{
    size_t first = s->first[s->group_num];
    if (num == 0)
        return MT_OK;
    for (size_t i = 0; i < num; i++)
        MT_TRY(metisdb_logs_term(s->logs, kind,
                                 slice_of((const uint8_t *)keys + i * size, size)));
    s->first[++s->group_num] = first + num;
    return MT_OK;
}

static mt_err add_groups(struct search *s)
{
    const struct log_filter *f = s->filter;
    MT_TRY(add_group(s, METISDB_LOG_ADDRESS, f->addrs, f->addr_num, 20));
    for (unsigned pos = 0; pos < f->topic_positions; pos++)
        MT_TRY(add_group(s, METISDB_LOG_TOPIC0 + pos, f->topics[pos], f->topic_num[pos],
                         32));
    return MT_OK;
}

static bool before(struct metisdb_log_at a, struct metisdb_log_at b)
{
    return a.number != b.number ? a.number < b.number : a.idx < b.idx;
}

/* The first place of a term not before `at`, known from earlier or looked up. */
static mt_err term_at(struct search *s, size_t term, struct metisdb_log_at at)
{
    struct place *p = &s->places[term];
    if (p->known && !before(p->at, at))
        return MT_OK;
    mt_err err = metisdb_logs_seek(s->logs, term, at, &p->at);
    p->known = true;
    if (err == MT_ENOTFOUND)
        p->at = NO_PLACE;
    return err == MT_ENOTFOUND ? MT_OK : err;
}

static mt_err group_at(struct search *s, size_t group, struct metisdb_log_at at,
                       struct metisdb_log_at *out)
{
    *out = NO_PLACE;
    for (size_t i = s->first[group]; i < s->first[group + 1]; i++) {
        MT_TRY(term_at(s, i, at));
        if (before(s->places[i].at, *out))
            *out = s->places[i].at;
    }
    return MT_OK;
}

static bool stopped(const struct search *s)
{
    return s->should_stop != NULL && s->should_stop(s->stop_ctx);
}

/* Moves *at to the first place from it on, up to block `to`, at which every group stands;
 * false in *found: none. */
static mt_err all_groups_at(struct search *s, uint64_t to, struct metisdb_log_at *at,
                            bool *found)
{
    size_t agreed = 0, rounds = 0;
    for (size_t g = 0; agreed < s->group_num; g = (g + 1) % s->group_num) {
        struct metisdb_log_at place;
        if ((++rounds & 255) == 0 && stopped(s))
            return MT_ECANCELED;
        MT_TRY(group_at(s, g, *at, &place));
        if (place.number > to) {
            *found = false;
            return MT_OK;
        }
        agreed = before(*at, place) ? 1 : agreed + 1;
        *at = place;
    }
    *found = true;
    return MT_OK;
}

static mt_err to_block(struct search *s, uint64_t number)
{
    struct block_record rec;
    if (s->walking && s->walk.hit.number == number)
        return MT_OK;
    if (stopped(s))
        return MT_ECANCELED;
    MT_TRY(metisdb_logs_block(s->logs, number, &rec));
    s->walking = true;
    return walk_begin(&s->walk, &rec);
}

static void give(struct search *s)
{
    struct walk *w = &s->walk;
    if (!log_filter_match(s->filter, &w->log)) /* too few topics */
        return;
    if (!w->hashed)
        w->hit.tx_hash = keccak256(w->tx.ptr, w->tx.len);
    w->hashed = true;
    w->hit.log = &w->log;
    s->ended = !s->fn(s->ctx, &w->hit);
}

static mt_err search_places(struct search *s, uint64_t from, uint64_t to)
{
    struct metisdb_log_at at = {from, 0};
    bool found;
    while (!s->ended) {
        MT_TRY(all_groups_at(s, to, &at, &found));
        if (!found)
            break;
        MT_TRY(to_block(s, at.number));
        MT_TRY(walk_to(&s->walk, at.idx));
        give(s);
        if (++at.idx == 0)
            at.number++;
    }
    return MT_OK;
}

/* No condition that the index knows: every log of every block that has any. */
static mt_err search_blocks(struct search *s, uint64_t from, uint64_t to)
{
    struct metisdb_log_at at = {from, 0};
    mt_err err = MT_OK;
    while (err == MT_OK && !s->ended) {
        err = metisdb_logs_seek(s->logs, 0, at, &at);
        if (err != MT_OK || at.number > to)
            break;
        err = to_block(s, at.number);
        while (err == MT_OK && !s->ended && (err = walk_next(&s->walk)) == MT_OK)
            give(s);
        if (err == MT_ENOTFOUND)
            err = MT_OK;
        at = (struct metisdb_log_at){at.number + 1, 0};
    }
    return err == MT_ENOTFOUND ? MT_OK : err;
}

static mt_err search_run(struct search *s, uint64_t from, uint64_t to)
{
    struct block_id head;
    MT_TRY(metisdb_logs_head(s->logs, &head));
    to = MT_MIN(to, head.number);
    if (from > to)
        return MT_OK;
    MT_TRY(add_groups(s));
    if (s->group_num > 0)
        return search_places(s, from, to);
    MT_TRY(metisdb_logs_term(s->logs, METISDB_LOG_BLOCK, slice_of(NULL, 0)));
    return search_blocks(s, from, to);
}

mt_err chain_scan_logs(struct chain *c, const struct log_filter *f, uint64_t from,
                       uint64_t to, bool (*fn)(void *ctx, const struct log_hit *hit),
                       void *ctx, bool (*should_stop)(void *ctx), void *stop_ctx)
{
    struct search s = {.filter = f,
                       .fn = fn,
                       .ctx = ctx,
                       .should_stop = should_stop,
                       .stop_ctx = stop_ctx};
    size_t terms = f->addr_num + 1;
    for (size_t pos = 0; pos < f->topic_positions; pos++)
        terms += f->topic_num[pos];
    MT_TRY(metisdb_logs_open(c->db, terms, &s.logs));
    s.places = mt_alloc(terms * sizeof(*s.places));
    mt_err err = search_run(&s, from, to);
    metisdb_logs_close(s.logs);
    mt_free(s.places);
    return err == MT_EDECODE ? MT_ECORRUPT : err;
}

/* ---- the index of an older store ---- */

struct renewal {
    struct chain *chain;
    struct chain_block *block;
    struct arena arena;
};

static mt_err receipts_of(void *ctx, uint64_t number, struct metisdb_block_index *out)
{
    struct renewal *r = ctx;
    chain_block_drop(r->block);
    r->block = NULL;
    arena_reset(&r->arena);
    MT_TRY(chain_block_by_number(r->chain, number, &r->block));
    return chain_index_of_block(r->block, &r->arena, out);
}

mt_err chain_logs_renew(struct chain *c, struct mt_diag *diag)
{
    struct renewal r = {.chain = c};
    arena_init(&r.arena, c->opt.block_memory_max);
    mt_err err = metisdb_logs_rebuild(c->db, receipts_of, &r, diag);
    chain_block_drop(r.block);
    arena_fini(&r.arena);
    return err;
}
