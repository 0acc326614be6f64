/* A whole state in memory, as the suites' "pre" objects give it: sorted accounts with
 * sorted slots, searched by halving. */
#include "evm_fixture.h"

#include <stdlib.h>

#define ENTRIES_MAX (1u << 26)

static int cmp_slots(const void *a, const void *b)
{
    const struct slot_change *x = a, *y = b;
    return hash32_cmp(&x->slot, &y->slot);
}

static int cmp_accounts(const void *a, const void *b)
{
    const struct account_change *x = a, *y = b;
    return address_cmp(&x->addr, &y->addr);
}

static mt_err parse_storage(json_t *storage, struct arena *arena,
                            struct account_change *a)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    struct slot_change *s = arena_zalloc(arena, json_object_size(storage) + 1, sizeof *s);
    if (s == NULL)
        return MT_ELIMIT;
    json_object_foreach(storage, key, value)
    {
        u256 slot;
        MT_TRY(u256_parse(key, strlen(key), &slot));
        if (!fx_u256(storage, key, &s[n].value))
            return MT_EDECODE;
        s[n].slot = u256_to_hash(slot);
        n += !u256_is_zero(s[n].value);
    }
    qsort(s, n, sizeof *s, cmp_slots);
    a->slots = s;
    a->slot_num = n;
    return MT_OK;
}

static mt_err parse_account(const char *key, json_t *value, struct arena *arena,
                            struct account_change *a)
{
    MT_TRY(hex_decode_fixed(key, a->addr.b, sizeof a->addr.b));
    bool has_nonce = json_object_get(value, "nonce") != NULL;
    bool has_code = json_object_get(value, "code") != NULL;
    if (!fx_u256(value, "balance", &a->balance) ||
        (has_nonce && !fx_u64(value, "nonce", &a->nonce)) ||
        (has_code && !fx_bytes(value, "code", arena, &a->code)))
        return MT_EDECODE;
    a->code_hash = keccak256(a->code.ptr, a->code.len);
    return parse_storage(json_object_get(value, "storage"), arena, a);
}

/* Finds code by hash. */
static mt_err build_maps(struct mem_state *s, struct arena *arena)
{
    map_init(&s->codes, arena, sizeof(hash32), sizeof(slice), ENTRIES_MAX, 0);
    for (size_t i = 0; i < s->full.account_num; i++) {
        const struct account_change *a = &s->full.accounts[i];
        if (a->code.len == 0)
            continue;
        slice *code = map_put(&s->codes, &a->code_hash, NULL);
        if (code == NULL)
            return MT_ELIMIT;
        *code = a->code;
    }
    return MT_OK;
}

mt_err mem_state_parse(const json_t *pre, struct arena *arena, struct mem_state *out,
                       struct mt_diag *diag)
{
    struct mem_state s = {.block_hash = NULL};
    const char *key;
    json_t *value;
    size_t n = 0;
    if (!json_is_object(pre))
        return mt_fail(diag, MT_EDECODE, "pre: not an object");
    struct account_change *list =
        arena_zalloc(arena, json_object_size(pre) + 1, sizeof *list);
    if (list == NULL)
        return MT_ELIMIT;
    json_object_foreach((json_t *)(uintptr_t)pre, key, value)
    {
        mt_err err = parse_account(key, value, arena, &list[n++]);
        if (err != MT_OK)
            return mt_fail(diag, err, "pre: account %s", key);
    }
    qsort(list, n, sizeof *list, cmp_accounts);
    s.full = (struct state_delta){list, n};
    MT_TRY(build_maps(&s, arena));
    *out = s;
    return MT_OK;
}

mt_err mem_state_next(const struct mem_state *s, const struct state_delta *delta,
                      struct arena *arena, struct mem_state *out)
{
    struct mem_state next = *s;
    MT_TRY(delta_merge(arena, &s->full, delta, &next.full));
    size_t n = 0;
    for (size_t i = 0; i < next.full.account_num; i++) {
        struct account_change *a = &next.full.accounts[i];
        size_t m = 0;
        if (a->flags & CHANGE_DELETED)
            continue;
        for (size_t j = 0; j < a->slot_num; j++)
            if (!u256_is_zero(a->slots[j].value))
                a->slots[m++] = a->slots[j];
        a->slot_num = m;
        /* Full entries carry their code; the merge kept it only beside its flag. */
        if (a->code.len == 0 && !hash32_eq(&a->code_hash, &KECCAK_EMPTY)) {
            const slice *code = map_get(&s->codes, &a->code_hash);
            if (code == NULL)
                return MT_ECORRUPT;
            a->code = *code;
        }
        a->flags = 0;
        next.full.accounts[n++] = *a;
    }
    next.full.account_num = n;
    MT_TRY(build_maps(&next, arena));
    *out = next;
    return MT_OK;
}

mt_err mem_state_root(const struct mem_state *s, struct arena *scratch, hash32 *out)
{
    return state_root_full(scratch, &s->full, out);
}

/* ================= reading ================= */

static const struct account_change *find(const struct mem_state *s, const address *addr)
{
    struct account_change key = {.addr = *addr};
    return bsearch(&key, s->full.accounts, s->full.account_num, sizeof key, cmp_accounts);
}

static mt_err read_account(void *ctx, const address *addr, struct account *out,
                           bool *exists)
{
    /* Any root but the empty one says that there is storage; its value is not asked
     * for. */
    static const hash32 some_root = {{1}};
    const struct account_change *a = find(ctx, addr);
    *exists = a != NULL;
    *out = account_empty();
    if (a == NULL)
        return MT_OK;
    out->nonce = a->nonce;
    out->balance = a->balance;
    out->code_hash = a->code_hash;
    if (a->slot_num > 0)
        out->storage_root = some_root;
    return MT_OK;
}

static mt_err read_storage(void *ctx, const address *addr, const hash32 *slot, u256 *out)
{
    const struct account_change *a = find(ctx, addr);
    struct slot_change key = {.slot = *slot};
    const struct slot_change *s =
        a == NULL ? NULL : bsearch(&key, a->slots, a->slot_num, sizeof key, cmp_slots);
    *out = s == NULL ? U256_ZERO : s->value;
    return MT_OK;
}

static mt_err read_code(void *ctx, const hash32 *code_hash, slice *out)
{
    const struct mem_state *s = ctx;
    const slice *code = map_get(&s->codes, code_hash);
    if (code == NULL)
        return MT_ENOTFOUND;
    *out = *code;
    return MT_OK;
}

static mt_err read_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    const struct mem_state *s = ctx;
    return s->block_hash(s->block_hash_ctx, number, out);
}

struct vm_reader mem_state_reader(struct mem_state *s)
{
    return (struct vm_reader){read_account, read_storage, read_code, read_block_hash, s};
}

mt_err mem_root_after(void *ctx, const struct state_delta *delta, hash32 *out)
{
    struct mem_roots *r = ctx;
    struct mem_state next;
    MT_TRY(mem_state_next(&r->now, delta, r->arena, &next));
    r->now = next;
    return mem_state_root(&r->now, r->arena, out);
}
