/* The transactions of an account, page by page: ots_searchTransactionsBefore and After.
 *
 * No index of appearances is kept: it would cost every block several writes for a
 * question that only explorers ask. The store knows it already. A block is one of the
 * account's when it changed the account, which its reverse diffs tell
 * (metisdb_find_change: every sender, every recipient of value, every contract whose
 * storage moved), or when its access list names it (EIP-7928: all that was called). Such
 * a block is run again and the calls decide, those from inside too.
 *
 * The walk is bounded by blocks and by the call's time: then a page may be shorter than
 * asked for without being the last, and when nothing was found the error says where to go
 * on. */
#include "trace_int.h"
#include <stdlib.h>

#define WALK_MAX 100000u /* blocks */
#define ROOM     4096u   /* a page may be exceeded by what its last block holds */

static const struct trace_options tree_options = {.kinds = TRACE_CALL};

struct hit {
    struct chain_block *b; /* held */
    uint32_t idx;
};

struct walk {
    struct call *c;
    address addr;
    uint64_t size;
    bool back;
    uint64_t at, end;  /* next block, last one */
    bool done;         /* the end was reached */
    bool cut;          /* a bound was */
    bool change_known; /* change is the next block that changed the account */
    uint64_t change;   /* UINT64_MAX: none */
    struct hit *hits;
    size_t num, cap;
};

/* ---- which blocks ---- */

static bool changed(struct walk *w, uint64_t number)
{
    bool passed = w->back ? w->change > number : w->change < number;
    if (w->change_known && (w->change == UINT64_MAX || !passed))
        return w->change == number;
    mt_err err = metisdb_find_change(chain_db(w->c->rpc->opt.chain), &w->addr, number,
                                     w->back, &w->change);
    if (err == MT_ENOTFOUND)
        w->change = UINT64_MAX;
    else if (err != MT_OK)
        call_error(w->c, err, NULL);
    w->change_known = true;
    return w->change == number;
}

/* The block's access list names the account, or it has none. The address as an item of
 * the list is looked for anywhere in it: where the same bytes are part of a slot or of
 * code, running the block tells. False also after an error was written. */
static bool named(const struct walk *w, const struct chain_block *b)
{
    struct arena_mark mark = arena_mark(w->c->arena);
    uint8_t item[21] = {0x94};
    slice list;
    memcpy(item + 1, w->addr.b, 20);
    bool found = block_access_list(w->c, b, &list) &&
                 (list.len == 0 || memmem(list.ptr, list.len, item, sizeof item) != NULL);
    arena_rewind(w->c->arena, mark);
    return found;
}

/* ---- which transactions ---- */

static bool takes_part(const struct walk *w, const struct trace *t)
{
    for (const struct trace_frame *f = t->root; f != NULL; f = f->after)
        if (address_eq(&f->from, &w->addr) || address_eq(&f->to, &w->addr))
            return true;
    return false;
}

/* False after an error was written. */
static bool search_block(struct walk *w, struct chain_block *b)
{
    struct replay r;
    struct tx_outcome o;
    chain_block_hold(b);
    bool ok = replay_open(&r, w->c, b, &tree_options);
    for (uint32_t i = 0; ok && i < b->block.tx_num && w->num < w->cap; i++) {
        ok = replay_next(&r, &o);
        if (!ok || !takes_part(w, &r.t))
            continue;
        chain_block_hold(b);
        w->hits[w->num++] = (struct hit){b, i};
    }
    replay_close(&r);
    return ok;
}

static bool walk(struct walk *w)
{
    struct call *c = w->c;
    uint64_t left = WALK_MAX;
    while (!w->done && !w->cut && w->num < w->size) {
        struct chain_block *b;
        mt_err err = chain_block_by_number(c->rpc->opt.chain, w->at, &b);
        if (err != MT_OK) {
            call_error(c, err, NULL);
            return false;
        }
        bool wanted = b->block.tx_num > 0 && (changed(w, w->at) || named(w, b));
        bool ok = !c->failed && (!wanted || search_block(w, b));
        chain_block_drop(b);
        w->cut = --left == 0 || call_should_stop(c);
        if (!ok && !w->cut)
            return false;
        w->done = ok && w->at == w->end;
        if (ok && !w->done)
            w->at = w->back ? w->at - 1 : w->at + 1;
    }
    return true;
}

/* ---- the page ---- */

static void put_hit_receipt(struct json_out *j, const struct hit *h)
{
    json_obj(j);
    wire_receipt_fields(j, h->b, h->idx, wire_first_log(h->b, h->idx), true);
    json_kv_u64(j, "timestamp", h->b->block.header.timestamp);
    json_obj_end(j);
}

static int hit_order(const struct hit *a, const struct hit *b)
{
    uint64_t x = a->b->block.header.number, y = b->b->block.header.number;
    return x != y ? (x > y ? -1 : 1) : (a->idx > b->idx ? -1 : a->idx < b->idx);
}

static int compare_hits(const void *a, const void *b)
{
    return hit_order(a, b);
}

/* Newest first, whichever way was walked. */
static void put_page(struct walk *w, bool first, bool last)
{
    struct json_out *j = &w->c->out;
    qsort(w->hits, w->num, sizeof(*w->hits), compare_hits);
    json_obj(j);
    json_key(j, "txs");
    json_arr(j);
    for (size_t i = 0; i < w->num; i++) {
        const struct hit *h = &w->hits[i];
        wire_tx(j, &h->b->block.txs[h->idx], h->b, h->idx);
    }
    json_arr_end(j);
    json_key(j, "receipts");
    json_arr(j);
    for (size_t i = 0; i < w->num; i++)
        put_hit_receipt(j, &w->hits[i]);
    json_arr_end(j);
    json_kv_bool(j, "firstPage", first);
    json_kv_bool(j, "lastPage", last);
    json_obj_end(j);
}

/* The block of parameter 1 is not searched itself; 0 begins at the chain's end. */
static enum call_status search(struct call *c, bool back)
{
    uint64_t from, head = c->view->head->block.header.number;
    struct walk w = {.c = c, .back = back, .end = back ? 0 : head};
    if (!args_num(c, 3, 3) || !arg_address(c, 0, &w.addr) || !arg_number(c, 1, &from) ||
        !ots_arg_page_size(c, 2, &w.size))
        return CALL_DONE;
    if (from > head)
        return call_fail(c, RPC_PARAMS, "invalid argument 1: beyond current head block");
    w.at = back ? (from == 0 ? head : from - 1) : (from == 0 ? 0 : from + 1);
    w.done = !back && from == head;
    w.cap = w.size + ROOM;
    w.hits = arena_zalloc(c->arena, w.cap, sizeof(*w.hits));
    if (w.hits == NULL)
        return call_error(c, MT_ELIMIT, NULL);
    bool ok = walk(&w);
    if (ok && w.cut && w.num == 0)
        call_fail(c, RPC_LIMIT, "nothing found yet: search on %s block %llu",
                  back ? "before" : "after",
                  (unsigned long long)(back ? w.at + 1 : w.at - 1));
    else if (ok)
        put_page(&w, back ? from == 0 : w.done, back ? w.done : from == 0);
    for (size_t i = 0; i < w.num; i++)
        chain_block_drop(w.hits[i].b);
    return CALL_DONE;
}

enum call_status m_ots_search_before(struct call *c)
{
    return search(c, true);
}

enum call_status m_ots_search_after(struct call *c)
{
    return search(c, false);
}
