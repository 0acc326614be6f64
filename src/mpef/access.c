/* The block-level access list (EIP-7928): what the block looked at, and what stood there
 * after each step that changed it.
 *
 * One entry an account and one a slot, found by hash, each with its changes in the order
 * of the steps, which is the order in which they come; only at the end the accounts and
 * each account's slots are sorted:
 *
 *   [address, [slot, [index, value]...]..., [read slots], [index, balance]...,
 *    [index, nonce]..., [index, code]...]
 *
 * The steps before the first and after the last transaction are several calls with one
 * index: of their changes in one place the first before and the last after count, so what
 * they undo between themselves is none. */
#include "mpef_int.h"

#define ENTRIES_MAX (1u << 27)

struct change {
    struct change *next;
    u256 before, after; /* codes: their hashes */
    slice code;
    uint32_t index;
};
struct changes {
    struct change *first, *last;
};
struct access_slot {
    struct access_slot *next; /* of the account */
    hash32 slot;
    struct changes values;
};
struct access_account {
    address addr;
    size_t slot_num;
    struct access_slot *slots;
    struct changes balances, nonces, codes;
};
struct slot_key {
    address addr;
    hash32 slot;
};
_Static_assert(sizeof(struct slot_key) == 52, "hashed as bytes: no padding");

void access_init(struct access_log *log, struct arena *arena, bool on, uint64_t seed)
{
    *log = (struct access_log){.arena = arena, .on = on};
    map_init(&log->accounts, arena, sizeof(address), sizeof(struct access_account *),
             ENTRIES_MAX, seed);
    map_init(&log->slots, arena, sizeof(struct slot_key), sizeof(struct access_slot *),
             ENTRIES_MAX, seed);
}

/* Places that did not change get no entry. */
static mt_err put_change(struct access_log *log, struct changes *list, u256 before,
                         u256 after, slice code)
{
    struct change *c = list->last;
    if (c != NULL && c->index == log->index) {
        c->after = after;
        c->code = code;
        return MT_OK;
    }
    if (u256_eq(before, after))
        return MT_OK;
    c = arena_alloc(log->arena, sizeof *c);
    if (c == NULL)
        return MT_ELIMIT;
    *c = (struct change){NULL, before, after, code, log->index};
    if (list->last == NULL)
        list->first = c;
    else
        list->last->next = c;
    list->last = c;
    return MT_OK;
}

static struct access_account *account_of(struct access_log *log, const address *addr)
{
    bool is_new;
    struct access_account **at = map_put(&log->accounts, addr, &is_new);
    if (at == NULL || !is_new)
        return at == NULL ? NULL : *at;
    *at = arena_zalloc(log->arena, 1, sizeof **at);
    if (*at != NULL)
        (*at)->addr = *addr;
    return *at;
}

static mt_err on_account(void *ctx, const struct vm_seen_account *s)
{
    struct access_log *log = ctx;
    const slice none = {0};
    struct access_account *a = account_of(log, &s->addr);
    if (a == NULL)
        return MT_ELIMIT;
    MT_TRY(put_change(log, &a->balances, s->balance_before, s->balance_after, none));
    MT_TRY(put_change(log, &a->nonces, u256_from(s->nonce_before),
                      u256_from(s->nonce_after), none));
    bool again = a->codes.last != NULL && a->codes.last->index == log->index;
    if (hash32_eq(&s->code_before, &s->code_after) && !again)
        return MT_OK;
    const uint8_t *code = arena_copy(log->arena, s->code.ptr, s->code.len);
    if (code == NULL)
        return MT_ELIMIT;
    return put_change(log, &a->codes, u256_from_hash(&s->code_before),
                      u256_from_hash(&s->code_after), slice_of(code, s->code.len));
}

static mt_err on_slot(void *ctx, const address *addr, const hash32 *slot, u256 before,
                      u256 after)
{
    struct access_log *log = ctx;
    struct slot_key key = {*addr, *slot};
    bool is_new;
    struct access_slot **at = map_put(&log->slots, &key, &is_new);
    if (at == NULL)
        return MT_ELIMIT;
    if (is_new) {
        struct access_account *a = account_of(log, addr);
        *at = arena_zalloc(log->arena, 1, sizeof **at);
        if (a == NULL || *at == NULL)
            return MT_ELIMIT;
        (*at)->slot = *slot;
        (*at)->next = a->slots;
        a->slots = *at;
        a->slot_num++;
    }
    return put_change(log, &(*at)->values, before, after, slice_of(NULL, 0));
}

mt_err access_record(struct access_log *log, const struct vm_state *s)
{
    struct vm_seen to = {on_account, on_slot, log};
    return log->on ? vm_state_seen(s, &to) : MT_OK;
}

/* ================= the list ================= */

static int cmp_account(const void *a, const void *b)
{
    const struct access_account *const *x = a, *const *y = b;
    return address_cmp(&(*x)->addr, &(*y)->addr);
}

static int cmp_slot(const void *a, const void *b)
{
    const struct access_slot *const *x = a, *const *y = b;
    return hash32_cmp(&(*x)->slot, &(*y)->slot);
}

static bool is_change(const struct change *c)
{
    return !u256_eq(c->before, c->after);
}

static bool changed(const struct changes *list)
{
    const struct change *c = list->first;
    while (c != NULL && !is_change(c))
        c = c->next;
    return c != NULL;
}

static void put_changes(const struct changes *from, bool codes, struct buf *out)
{
    size_t list = rlp_begin(out);
    for (const struct change *c = from->first; c != NULL; c = c->next) {
        if (!is_change(c))
            continue;
        size_t change = rlp_begin(out);
        rlp_put_u64(out, c->index);
        if (codes)
            rlp_put_bytes(out, c->code.ptr, c->code.len);
        else
            rlp_put_u256(out, c->after);
        rlp_end(out, change);
    }
    rlp_end(out, list);
}

/* The slots that were written, with their changes, and those that were only read. */
static void put_slots(struct access_slot *const *slots, size_t num, struct buf *out)
{
    size_t list = rlp_begin(out);
    for (size_t i = 0; i < num; i++) {
        if (!changed(&slots[i]->values))
            continue;
        size_t slot = rlp_begin(out);
        rlp_put_u256(out, u256_from_hash(&slots[i]->slot));
        put_changes(&slots[i]->values, false, out);
        rlp_end(out, slot);
    }
    rlp_end(out, list);
    list = rlp_begin(out);
    for (size_t i = 0; i < num; i++)
        if (!changed(&slots[i]->values))
            rlp_put_u256(out, u256_from_hash(&slots[i]->slot));
    rlp_end(out, list);
}

/* slots, spare: room for the account's slots. */
static void put_account(const struct access_account *a, struct access_slot **slots,
                        struct access_slot **spare, struct buf *out)
{
    size_t account = rlp_begin(out), n = 0;
    for (struct access_slot *s = a->slots; s != NULL; s = s->next)
        slots[n++] = s;
    mpef_sort(slots, spare, n, sizeof(struct access_slot *), cmp_slot);
    rlp_put_bytes(out, a->addr.b, sizeof a->addr.b);
    put_slots(slots, n, out);
    put_changes(&a->balances, false, out);
    put_changes(&a->nonces, false, out);
    put_changes(&a->codes, true, out);
    rlp_end(out, account);
}

mt_err access_encode(struct access_log *log, slice *out, uint64_t *count)
{
    size_t num = map_count(&log->accounts), n = 0;
    size_t room = MT_MAX(MT_MAX(num, map_count(&log->slots)), 1);
    uint32_t it = 0;
    void *value;
    struct buf b;
    *count = num + map_count(&log->slots);
    *out = slice_of(NULL, 0);
    if (!log->on)
        return MT_OK;
    struct access_account **accounts = arena_alloc(log->arena, room * sizeof(void *));
    struct access_slot **slots = arena_alloc(log->arena, room * sizeof(void *));
    void *spare = arena_alloc(log->arena, room * sizeof(void *));
    if (accounts == NULL || slots == NULL || spare == NULL)
        return MT_ELIMIT;
    while (map_next(&log->accounts, &it, NULL, &value))
        accounts[n++] = *(struct access_account **)value;
    mpef_sort(accounts, spare, num, sizeof(struct access_account *), cmp_account);
    buf_init_arena(&b, log->arena, SIZE_MAX / 2);
    size_t list = rlp_begin(&b);
    for (size_t i = 0; i < num; i++)
        put_account(accounts[i], slots, spare, &b);
    rlp_end(&b, list);
    if (!buf_ok(&b))
        return MT_ELIMIT;
    *out = buf_slice(&b);
    return MT_OK;
}
