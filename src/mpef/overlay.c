/* The overlay: accounts, slots and code that the block's transactions have changed so
 * far, looked up before the parent's state. It also keeps what was only read, since every
 * transaction starts with an empty table of its own. */
#include "mpef_int.h"

#define ENTRIES_MAX (1u << 27)

struct ov_slot_key {
    uint8_t addr[20];
    uint32_t generation;
    hash32 slot;
};
_Static_assert(sizeof(struct ov_slot_key) == 56, "hashed as bytes: no padding");

static struct ov_slot_key slot_key(const address *addr, uint32_t generation,
                                   const hash32 *slot)
{
    struct ov_slot_key k;
    memcpy(k.addr, addr->b, sizeof k.addr);
    k.generation = generation;
    k.slot = *slot;
    return k;
}

void overlay_init(struct overlay *ov, struct arena *arena, const struct vm_reader *base,
                  uint64_t seed)
{
    ov->base = base;
    map_init(&ov->accounts, arena, sizeof(address), sizeof(struct ov_account),
             ENTRIES_MAX, seed);
    map_init(&ov->slots, arena, sizeof(struct ov_slot_key), sizeof(struct ov_slot),
             ENTRIES_MAX, seed);
    map_init(&ov->codes, arena, sizeof(hash32), sizeof(slice), ENTRIES_MAX, seed);
}

/* ================= reading ================= */

static mt_err load(struct overlay *ov, const address *addr, struct ov_account **out)
{
    struct ov_account *a = map_get(&ov->accounts, addr);
    if (a == NULL) {
        struct account base;
        bool exists;
        MT_TRY(ov->base->account(ov->base->ctx, addr, &base, &exists));
        a = map_put(&ov->accounts, addr, NULL);
        if (a == NULL)
            return MT_ELIMIT;
        a->account = exists ? base : account_empty();
        a->exists = exists;
    }
    *out = a;
    return MT_OK;
}

static mt_err read_account(void *ctx, const address *addr, struct account *out,
                           bool *exists)
{
    struct ov_account *a;
    MT_TRY(load(ctx, addr, &a));
    *out = a->account;
    *exists = a->exists;
    return MT_OK;
}

static mt_err read_storage(void *ctx, const address *addr, const hash32 *slot, u256 *out)
{
    struct overlay *ov = ctx;
    const struct ov_account *a = map_get(&ov->accounts, addr);
    uint32_t generation = a == NULL ? 0 : a->generation;
    struct ov_slot_key key = slot_key(addr, generation, slot);
    struct ov_slot *s = map_get(&ov->slots, &key);
    if (s == NULL) {
        u256 value = U256_ZERO;
        if (generation == 0)
            MT_TRY(ov->base->storage(ov->base->ctx, addr, slot, &value));
        s = map_put(&ov->slots, &key, NULL);
        if (s == NULL)
            return MT_ELIMIT;
        s->value = value;
    }
    *out = s->value;
    return MT_OK;
}

static mt_err read_code(void *ctx, const hash32 *code_hash, slice *out)
{
    struct overlay *ov = ctx;
    const slice *own = map_get(&ov->codes, code_hash);
    if (own == NULL)
        return ov->base->code(ov->base->ctx, code_hash, out);
    *out = *own;
    return MT_OK;
}

static mt_err read_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    struct overlay *ov = ctx;
    return ov->base->block_hash(ov->base->ctx, number, out);
}

struct vm_reader overlay_reader(struct overlay *ov)
{
    return (struct vm_reader){read_account, read_storage, read_code, read_block_hash, ov};
}

mt_err overlay_slots(const struct overlay *ov, const address *addr, struct arena *arena,
                     struct slot_change **slots, size_t *num, bool *whole)
{
    const struct ov_account *a = map_get(&ov->accounts, addr);
    uint32_t it = 0, generation = a == NULL ? 0 : a->generation;
    const void *key;
    void *value;
    size_t n = 0;
    while (map_next(&ov->slots, &it, &key, &value))
        n += memcmp(key, addr->b, sizeof addr->b) == 0;
    struct slot_change *list = arena_zalloc(arena, MT_MAX(n, 1), sizeof *list);
    if (list == NULL)
        return MT_ELIMIT;
    *slots = list;
    *num = 0;
    *whole = generation > 0;
    it = 0;
    while (map_next(&ov->slots, &it, &key, &value)) {
        struct ov_slot_key k;
        memcpy(&k, key, sizeof k);
        if (memcmp(k.addr, addr->b, sizeof k.addr) != 0 || k.generation != generation)
            continue;
        const struct ov_slot *s = value;
        list[(*num)++] = (struct slot_change){k.slot, s->value};
    }
    return MT_OK;
}

/* ================= changing ================= */

static mt_err apply_account(struct overlay *ov, const struct account_change *c,
                            bool in_block, uint32_t *generation)
{
    struct ov_account *a;
    MT_TRY(load(ov, &c->addr, &a));
    bool deleted = (c->flags & CHANGE_DELETED) != 0;
    a->changed = a->changed || in_block;
    if (deleted || (c->flags & CHANGE_STORAGE_CLEARED)) {
        a->generation++;
        a->cleared = a->cleared || in_block;
        a->account.storage_root = KECCAK_RLP_EMPTY;
    }
    a->exists = !deleted;
    *generation = a->generation;
    if (deleted) {
        a->account = account_empty();
        a->code_changed = false;
        return MT_OK;
    }
    a->account.nonce = c->nonce;
    a->account.balance = c->balance;
    a->account.code_hash = c->code_hash;
    if (!(c->flags & CHANGE_CODE))
        return MT_OK;
    a->code_changed = a->code_changed || in_block;
    a->code = c->code;
    slice *code = map_put(&ov->codes, &c->code_hash, NULL);
    if (code == NULL)
        return MT_ELIMIT;
    *code = c->code;
    return MT_OK;
}

mt_err overlay_apply(struct overlay *ov, const struct state_delta *delta, bool in_block)
{
    for (size_t i = 0; i < delta->account_num; i++) {
        const struct account_change *c = &delta->accounts[i];
        uint32_t generation;
        MT_TRY(apply_account(ov, c, in_block, &generation));
        if (c->flags & CHANGE_DELETED)
            continue;
        for (size_t j = 0; j < c->slot_num; j++) {
            struct ov_slot_key key = slot_key(&c->addr, generation, &c->slots[j].slot);
            struct ov_slot *s = map_put(&ov->slots, &key, NULL);
            if (s == NULL)
                return MT_ELIMIT;
            s->value = c->slots[j].value;
            s->changed = s->changed || in_block;
        }
    }
    return MT_OK;
}

/* ================= the block's delta ================= */

/* One changed slot on its way into the delta. */
struct slot_item {
    address addr;
    struct slot_change change;
};

static int cmp_slot_item(const void *a, const void *b)
{
    const struct slot_item *x = a, *y = b;
    int c = address_cmp(&x->addr, &y->addr);
    return c != 0 ? c : hash32_cmp(&x->change.slot, &y->change.slot);
}

static int cmp_change(const void *a, const void *b)
{
    const struct account_change *x = a, *y = b;
    return address_cmp(&x->addr, &y->addr);
}

/* Changed accounts in order, without slots. */
static mt_err collect_accounts(const struct overlay *ov, struct arena *arena,
                               struct state_delta *out)
{
    size_t room = MT_MAX(map_count(&ov->accounts), 1u);
    struct account_change *list = arena_zalloc(arena, room, sizeof *list);
    struct account_change *spare = arena_zalloc(arena, room, sizeof *list);
    if (list == NULL || spare == NULL)
        return MT_ELIMIT;
    size_t n = 0;
    uint32_t it = 0;
    const void *key;
    void *value;
    while (map_next(&ov->accounts, &it, &key, &value)) {
        const struct ov_account *a = value;
        if (!a->changed)
            continue;
        struct account_change *c = &list[n++];
        memcpy(c->addr.b, key, sizeof c->addr.b);
        c->flags = a->cleared ? CHANGE_STORAGE_CLEARED : 0;
        c->flags |= a->exists ? 0 : CHANGE_DELETED | CHANGE_STORAGE_CLEARED;
        c->flags |= a->exists && a->code_changed ? CHANGE_CODE : 0;
        c->nonce = a->account.nonce;
        c->balance = a->account.balance;
        c->code_hash = a->account.code_hash;
        c->code = a->code_changed ? a->code : slice_of(NULL, 0);
    }
    mpef_sort(list, spare, n, sizeof *list, cmp_change);
    *out = (struct state_delta){list, n};
    return MT_OK;
}

/* Changed slots of the accounts' present generations, in order. */
static mt_err collect_slots(const struct overlay *ov, struct arena *arena,
                            struct slot_item **out, size_t *num)
{
    size_t room = MT_MAX(map_count(&ov->slots), 1u);
    struct slot_item *list = arena_zalloc(arena, room, sizeof *list);
    struct slot_item *spare = arena_zalloc(arena, room, sizeof *list);
    if (list == NULL || spare == NULL)
        return MT_ELIMIT;
    size_t n = 0;
    uint32_t it = 0;
    const void *key;
    void *value;
    while (map_next(&ov->slots, &it, &key, &value)) {
        struct ov_slot_key k;
        const struct ov_slot *s = value;
        if (!s->changed)
            continue;
        memcpy(&k, key, sizeof k);
        const struct ov_account *a = map_get(&ov->accounts, k.addr);
        if (a == NULL || !a->exists || a->generation != k.generation)
            continue;
        memcpy(list[n].addr.b, k.addr, sizeof k.addr);
        list[n++].change = (struct slot_change){k.slot, s->value};
    }
    mpef_sort(list, spare, n, sizeof *list, cmp_slot_item);
    *out = list;
    *num = n;
    return MT_OK;
}

mt_err overlay_delta(const struct overlay *ov, struct arena *arena,
                     struct state_delta *out)
{
    struct state_delta d;
    struct slot_item *items;
    size_t num, at = 0;
    MT_TRY(collect_accounts(ov, arena, &d));
    MT_TRY(collect_slots(ov, arena, &items, &num));
    struct slot_change *slots = arena_zalloc(arena, MT_MAX(num, 1), sizeof *slots);
    if (slots == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < d.account_num; i++) {
        size_t first = at;
        while (at < num && address_eq(&items[at].addr, &d.accounts[i].addr)) {
            slots[at] = items[at].change;
            at++;
        }
        d.accounts[i].slots = at > first ? slots + first : NULL;
        d.accounts[i].slot_num = at - first;
    }
    MT_ASSERT(at == num);
    *out = d;
    return MT_OK;
}
