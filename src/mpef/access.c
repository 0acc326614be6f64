/* The block-level access list (EIP-7928): what the block looked at, and what stood there
 * after each step that changed it.
 *
 * Execution only appends: one item for everything a step saw, with the values before and
 * after. The list is made at the end by one sort:
 *
 *   address, kind, slot, index  ->  [address, [slot, [index, value]...]..., [read slots],
 *                                    [index, balance]..., [index, nonce]...,
 *                                    [index, code]...]
 *
 * The steps before the first and after the last transaction are several calls with one
 * index: their items meet in the sort, and only the first before and the last after
 * count, so what they undo between themselves is not a change. */
#include "mpef_int.h"

enum kind { KIND_ACCOUNT, KIND_SLOT, KIND_BALANCE, KIND_NONCE, KIND_CODE };

struct access_item {
    address addr;
    uint8_t kind;
    uint32_t index;
    hash32 slot;
    u256 before, after; /* codes: their hashes */
    slice code;
};

static mt_err put(struct access_log *log, const struct access_item *item)
{
    if (log->num == log->cap) {
        size_t cap = MT_MAX(2 * log->cap, 64);
        struct access_item *items = arena_alloc(log->arena, cap * sizeof *items);
        if (items == NULL)
            return MT_ELIMIT;
        if (log->num != 0)
            memcpy(items, log->items, log->num * sizeof *items);
        log->items = items;
        log->cap = cap;
    }
    log->items[log->num++] = *item;
    return MT_OK;
}

static mt_err put_change(struct access_log *log, const address *addr, enum kind kind,
                         u256 before, u256 after)
{
    if (u256_eq(before, after))
        return MT_OK;
    struct access_item item = {.addr = *addr,
                               .kind = (uint8_t)kind,
                               .index = log->index,
                               .before = before,
                               .after = after};
    return put(log, &item);
}

static mt_err on_account(void *ctx, const struct vm_seen_account *a)
{
    struct access_log *log = ctx;
    struct access_item item = {.addr = a->addr, .kind = KIND_ACCOUNT};
    MT_TRY(put(log, &item));
    MT_TRY(put_change(log, &a->addr, KIND_BALANCE, a->balance_before, a->balance_after));
    MT_TRY(put_change(log, &a->addr, KIND_NONCE, u256_from(a->nonce_before),
                      u256_from(a->nonce_after)));
    if (hash32_eq(&a->code_before, &a->code_after))
        return MT_OK;
    const uint8_t *code = arena_copy(log->arena, a->code.ptr, a->code.len);
    if (code == NULL)
        return MT_ELIMIT;
    item = (struct access_item){.addr = a->addr,
                                .kind = KIND_CODE,
                                .index = log->index,
                                .before = u256_from_hash(&a->code_before),
                                .after = u256_from_hash(&a->code_after),
                                .code = slice_of(code, a->code.len)};
    return put(log, &item);
}

static mt_err on_slot(void *ctx, const address *addr, const hash32 *slot, u256 before,
                      u256 after)
{
    struct access_log *log = ctx;
    struct access_item item = {.addr = *addr,
                               .kind = KIND_SLOT,
                               .index = log->index,
                               .slot = *slot,
                               .before = before,
                               .after = after};
    return put(log, &item);
}

mt_err access_record(struct access_log *log, const struct vm_state *s)
{
    struct vm_seen to = {on_account, on_slot, log};
    return log->on ? vm_state_seen(s, &to) : MT_OK;
}

/* ================= the list ================= */

static int cmp_item(const void *a, const void *b)
{
    const struct access_item *x = a, *y = b;
    int c = address_cmp(&x->addr, &y->addr);
    if (c != 0)
        return c;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    c = hash32_cmp(&x->slot, &y->slot);
    if (c != 0)
        return c;
    return x->index == y->index ? 0 : x->index < y->index ? -1 : 1;
}

static bool same_place(const struct access_item *a, const struct access_item *b)
{
    return a->kind == b->kind && address_eq(&a->addr, &b->addr) &&
           hash32_eq(&a->slot, &b->slot);
}

/* Makes one item of those of one place and index, without what was no change after all
 * (slots stay: they were read). */
static size_t merge(struct access_item *items, size_t num)
{
    size_t n = 0;
    for (size_t i = 0; i < num;) {
        struct access_item item = items[i++];
        while (i < num && same_place(&items[i], &item) && items[i].index == item.index) {
            item.after = items[i].after;
            item.code = items[i++].code;
        }
        if (item.kind == KIND_ACCOUNT || item.kind == KIND_SLOT ||
            !u256_eq(item.before, item.after))
            items[n++] = item;
    }
    return n;
}

/* The end of the items of one slot; *changed tells whether any is a change. */
static size_t slot_end(const struct access_item *items, size_t at, size_t end,
                       bool *changed)
{
    size_t i = at;
    for (*changed = false; i < end && same_place(&items[i], &items[at]); i++)
        *changed = *changed || !u256_eq(items[i].before, items[i].after);
    return i;
}

static void put_slots(const struct access_item *items, size_t at, size_t end, bool writes,
                      struct buf *out, uint64_t *count)
{
    size_t list = rlp_begin(out);
    for (size_t next; at < end; at = next) {
        bool changed;
        next = slot_end(items, at, end, &changed);
        if (changed != writes)
            continue;
        (*count)++;
        if (!writes) {
            rlp_put_u256(out, u256_from_hash(&items[at].slot));
            continue;
        }
        size_t slot = rlp_begin(out);
        rlp_put_u256(out, u256_from_hash(&items[at].slot));
        size_t changes = rlp_begin(out);
        for (size_t i = at; i < next; i++) {
            if (u256_eq(items[i].before, items[i].after))
                continue;
            size_t change = rlp_begin(out);
            rlp_put_u64(out, items[i].index);
            rlp_put_u256(out, items[i].after);
            rlp_end(out, change);
        }
        rlp_end(out, changes);
        rlp_end(out, slot);
    }
    rlp_end(out, list);
}

static void put_changes(const struct access_item *items, size_t *at, size_t end,
                        enum kind kind, struct buf *out)
{
    size_t list = rlp_begin(out);
    for (; *at < end && items[*at].kind == kind; (*at)++) {
        const struct access_item *item = &items[*at];
        size_t change = rlp_begin(out);
        rlp_put_u64(out, item->index);
        if (kind == KIND_CODE)
            rlp_put_bytes(out, item->code.ptr, item->code.len);
        else
            rlp_put_u256(out, item->after);
        rlp_end(out, change);
    }
    rlp_end(out, list);
}

/* One account's items, from the one that stands for itself. */
static void put_account(const struct access_item *items, size_t at, size_t end,
                        struct buf *out, uint64_t *count)
{
    size_t account = rlp_begin(out), slots = at + 1;
    rlp_put_bytes(out, items[at].addr.b, sizeof items[at].addr.b);
    (*count)++;
    for (at = slots; at < end && items[at].kind == KIND_SLOT;)
        at++;
    put_slots(items, slots, at, true, out, count);
    put_slots(items, slots, at, false, out, count);
    put_changes(items, &at, end, KIND_BALANCE, out);
    put_changes(items, &at, end, KIND_NONCE, out);
    put_changes(items, &at, end, KIND_CODE, out);
    rlp_end(out, account);
}

mt_err access_encode(struct access_log *log, slice *out, uint64_t *count)
{
    struct buf b;
    *count = 0;
    *out = slice_of(NULL, 0);
    if (!log->on)
        return MT_OK;
    struct access_item *spare =
        arena_alloc(log->arena, MT_MAX(log->num, 1) * sizeof *spare);
    if (spare == NULL)
        return MT_ELIMIT;
    mpef_sort(log->items, spare, log->num, sizeof *spare, cmp_item);
    log->num = merge(log->items, log->num);
    buf_init_arena(&b, log->arena, SIZE_MAX / 2);
    size_t list = rlp_begin(&b);
    for (size_t i = 0, next; i < log->num; i = next) {
        for (next = i;
             next < log->num && address_eq(&log->items[next].addr, &log->items[i].addr);)
            next++;
        put_account(log->items, i, next, &b, count);
    }
    rlp_end(&b, list);
    if (!buf_ok(&b))
        return MT_ELIMIT;
    *out = buf_slice(&b);
    return MT_OK;
}
