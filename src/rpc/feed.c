/* metis_getBlocks: what a follower lives on. One call says where the follower stands and
 * brings what comes after it, or waits for it:
 *
 *   locator  blocks the follower has, its tip first, then ever fewer towards the genesis.
 *            The first of them that is canonical here is the base: no round trips to find
 *            where two chains part.
 *   blocks   canonical RLP blocks after the base, as many as count and bytes allow, one
 *            at least.
 *   waitMs   when there is nothing after the follower's tip, the answer waits that long
 *            for the next change of the head. A head that goes back ends the wait too.
 *
 * Waiting calls are bounded; beyond the bound an empty answer comes at once. */
#include "rpc_int.h"

#define LOCATOR_MAX  64u
#define BLOCKS_MAX   1024u
#define BYTES_MAX    (16u * 1024u * 1024u)
#define INLINE_BYTES (256u * 1024u)
#define WAIT_MAX_MS  60000u
#define WAITERS_MAX  64u

struct feed_query {
    struct block_id locator[LOCATOR_MAX];
    size_t locator_num;
    uint64_t count, bytes, wait_ms;
};

struct feed_wait {
    struct feed_wait *next;
    struct call *call;
    struct feed_query query;
    uint64_t deadline_ns;
};

/* ---- the parameters ---- */

static bool read_id(struct call *c, const json_t *v, struct block_id *out)
{
    if (!json_is_object(v)) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: not a list of {number, hash}");
        return false;
    }
    return val_u64(c, 0, json_object_get(v, "number"), &out->number) &&
           val_hash(c, 0, json_object_get(v, "hash"), &out->hash);
}

static bool read_query(struct call *c, struct feed_query *q)
{
    if (!args_num(c, 1, 2))
        return false;
    const json_t *list = arg(c, 0), *o = arg(c, 1);
    q->locator_num = json_array_size(list);
    if (q->locator_num == 0 || q->locator_num > LOCATOR_MAX) {
        call_fail(c, RPC_PARAMS, "invalid argument 0: 1 to %u blocks are wanted",
                  LOCATOR_MAX);
        return false;
    }
    for (size_t i = 0; i < q->locator_num; i++) {
        if (!read_id(c, json_array_get(list, i), &q->locator[i]))
            return false;
    }
    q->count = BLOCKS_MAX;
    q->bytes = BYTES_MAX;
    q->wait_ms = 0;
    if (o != NULL && !json_is_object(o)) {
        call_fail(c, RPC_PARAMS, "invalid argument 1: not an object");
        return false;
    }
    if (o != NULL && (!opt_u64(c, 1, o, "count", &q->count, NULL) ||
                      !opt_u64(c, 1, o, "bytes", &q->bytes, NULL) ||
                      !opt_u64(c, 1, o, "waitMs", &q->wait_ms, NULL)))
        return false;
    q->count = MT_MIN(q->count, BLOCKS_MAX);
    q->bytes = MT_MIN(q->bytes, MT_MIN(BYTES_MAX, c->rpc->opt.reply_max / 3));
    q->wait_ms = MT_MIN(q->wait_ms, WAIT_MAX_MS);
    return true;
}

/* ---- the answer ---- */

/* The first of the locator that is canonical here. */
static bool find_base(struct call *c, const struct feed_query *q, struct block_id *out)
{
    hash32 hash;
    for (size_t i = 0; i < q->locator_num; i++) {
        if (chain_canonical_hash(c->rpc->opt.chain, q->locator[i].number, &hash) ==
                MT_OK &&
            hash32_eq(&hash, &q->locator[i].hash)) {
            *out = q->locator[i];
            return true;
        }
    }
    return false;
}

static void put_id(struct json_out *j, const char *key, const struct block_id *id)
{
    json_key(j, key);
    if (id == NULL) {
        json_nil(j);
        return;
    }
    json_obj(j);
    json_kv_hex_u64(j, "number", id->number);
    json_kv_hash(j, "hash", &id->hash);
    json_obj_end(j);
}

/* A record holds the header and the list of the rest: one list of both is the block. */
static bool put_block(struct json_out *j, const struct block_record *rec, struct buf *rlp)
{
    struct rlp top = rlp_reader(rec->body), body;
    if (rlp_get_list(&top, &body) != MT_OK)
        return false;
    size_t len = (size_t)(body.end - body.ptr);
    buf_reset(rlp);
    rlp_put_header(rlp, rec->header.len + len, true);
    buf_put_slice(rlp, rec->header);
    buf_put(rlp, body.ptr, len);
    json_hex(j, rlp->ptr, rlp->len);
    return buf_ok(rlp);
}

/* Blocks after *last while they fit; *last becomes the last one written. Each is the
 * child of the one before, whatever happens to the chain meanwhile. */
static void put_blocks(struct call *c, const struct feed_query *q, struct block_id *last)
{
    struct metisdb *db = chain_db(c->rpc->opt.chain);
    struct block_record rec;
    struct buf rlp;
    uint64_t bytes = 0;
    buf_init(&rlp, c->rpc->opt.reply_max);
    json_key(&c->out, "blocks");
    json_arr(&c->out);
    for (uint64_t i = 0; i < q->count && !c->rpc->stopping; i++) {
        struct arena_mark mark = arena_mark(c->arena);
        if (metisdb_block_by_number(db, last->number + 1, c->arena, &rec) != MT_OK ||
            !hash32_eq(&rec.parent, &last->hash))
            break;
        bytes += rec.header.len + rec.body.len;
        if ((i > 0 && bytes > q->bytes) || !put_block(&c->out, &rec, &rlp))
            break;
        *last = rec.id;
        arena_rewind(c->arena, mark);
    }
    json_arr_end(&c->out);
    buf_fini(&rlp);
}

static void put_answer(struct call *c, const struct feed_query *q,
                       const struct block_id *base)
{
    static const struct feed_query none = {.count = 0};
    const struct head_view *v = c->view;
    struct block_id head = v->heads[METISDB_HEAD];
    struct block_id last = base != NULL ? *base : (struct block_id){0};
    json_obj(&c->out);
    put_id(&c->out, "base", base);
    put_blocks(c, base != NULL ? q : &none, &last);
    if (last.number > head.number) /* committed, and on its way to this thread */
        head = last;
    put_id(&c->out, "head", &head);
    put_id(&c->out, "safe", v->has_head[METISDB_SAFE] ? &v->heads[METISDB_SAFE] : NULL);
    put_id(&c->out, "finalized",
           v->has_head[METISDB_FINALIZED] ? &v->heads[METISDB_FINALIZED] : NULL);
    json_kv_bool(&c->out, "syncing", c->rpc->sync.syncing || c->rpc->sync.unsure);
    json_obj_end(&c->out);
}

/* ---- waiting ---- */

static bool wait(struct call *c, const struct feed_query *q)
{
    struct rpc *r = c->rpc;
    if (q->wait_ms == 0 || r->feed_wait_num >= WAITERS_MAX)
        return false;
    struct feed_wait *w = mt_alloc(sizeof *w);
    *w = (struct feed_wait){
        .next = r->feed_waits,
        .call = c,
        .query = *q,
        .deadline_ns = clock_mono_ns() + q->wait_ms * 1000000u,
    };
    w->query.bytes = MT_MIN(q->bytes, INLINE_BYTES);
    r->feed_waits = w;
    r->feed_wait_num++;
    call_later(c);
    return true;
}

static void answer_wait(struct rpc *r, struct feed_wait **at)
{
    struct feed_wait *w = *at;
    struct block_id base;
    *at = w->next;
    r->feed_wait_num--;
    w->call->view = r->view;
    put_answer(w->call, &w->query, find_base(w->call, &w->query, &base) ? &base : NULL);
    arena_reset(&r->arena);
    call_finish(w->call);
    mt_free(w);
}

void feed_update(struct rpc *r)
{
    while (r->feed_waits != NULL)
        answer_wait(r, &r->feed_waits);
}

void feed_tick(struct rpc *r, uint64_t now_ns)
{
    struct feed_wait **at = &r->feed_waits;
    while (*at != NULL) {
        if (now_ns >= (*at)->deadline_ns)
            answer_wait(r, at);
        else
            at = &(*at)->next;
    }
}

void feed_gone(struct rpc *r, struct net_ref ref)
{
    struct feed_wait **at = &r->feed_waits;
    while (*at != NULL) {
        const struct request *q = (*at)->call->req;
        if (q->done == NULL && net_ref_eq(q->ref, ref))
            answer_wait(r, at);
        else
            at = &(*at)->next;
    }
}

enum call_status m_get_blocks(struct call *c)
{
    struct feed_query q;
    struct block_id base;
    const struct block_id *head = &c->view->heads[METISDB_HEAD];
    if (!read_query(c, &q))
        return CALL_DONE;
    bool found = find_base(c, &q, &base);
    if (!c->on_reader) {
        bool at_tip = found && hash32_eq(&base.hash, &q.locator[0].hash);
        if (at_tip && base.number >= head->number && wait(c, &q))
            return CALL_LATER;
        /* One block, as at the tip of the chain, is written here; more on a reader. */
        if (found && base.number + 1 < head->number)
            return CALL_TO_READER;
        q.count = MT_MIN(q.count, 1);
    }
    put_answer(c, &q, found ? &base : NULL);
    return CALL_DONE;
}
