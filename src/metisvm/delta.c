/* What a transaction leaves behind: the ordered delta of its net changes, and the list of
 * everything it looked at. */
#include "metisvm_int.h"

/* Sorts n pointers by cmp: merge sort bottom-up, tmp has room for n. (The provable core
 * has no qsort; merging is stable and its worst case is its usual one.) */
static void sort_ptrs(void **v, void **tmp, size_t n,
                      int (*cmp)(const void *, const void *))
{
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = MT_MIN(lo + width, n), hi = MT_MIN(lo + 2 * width, n);
            size_t i = lo, j = mid;
            for (size_t k = lo; k < hi; k++)
                tmp[k] = i < mid && (j >= hi || cmp(v[i], v[j]) <= 0) ? v[i++] : v[j++];
        }
        memcpy(v, tmp, n * sizeof *v);
    }
}

static int acct_cmp(const void *a, const void *b)
{
    const struct acct *x = a, *y = b;
    return address_cmp(&x->pub.addr, &y->pub.addr);
}

static int slot_cmp(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    return hash32_cmp(&x->key, &y->key);
}

/* EIP-8246: what is left of a contract that destructed itself is its balance. */
static bool is_stripped(const struct vm_state *s, const struct acct *a)
{
    return a->pub.destructed && s->rules->fork >= FORK_AMSTERDAM &&
           !u256_is_zero(a->pub.balance);
}

static bool is_deleted(const struct vm_state *s, const struct acct *a)
{
    if (a->pub.destructed)
        return !is_stripped(s, a);
    return s->rules->fork >= FORK_SPURIOUS && (a->pub.touched || a->touch_stuck) &&
           acct_is_empty(a);
}

static size_t slots_changed(const struct acct *a)
{
    size_t n = 0;
    for (const struct slot *e = a->slots; e != NULL; e = e->next)
        n += !u256_eq(e->current, e->original);
    return n;
}

/* True when the account differs from what was below. */
static bool is_changed(const struct vm_state *s, const struct acct *a)
{
    if (is_deleted(s, a))
        return a->exists0;
    if (!a->pub.exists)
        return false;
    return !a->exists0 || a->pub.nonce != a->nonce0 || a->pub.created ||
           !u256_eq(a->pub.balance, a->balance0) ||
           !hash32_eq(&a->pub.code_hash, &a->code_hash0) || slots_changed(a) != 0;
}

static mt_err put_slots(const struct acct *a, struct arena *arena,
                        struct account_change *out)
{
    size_t n = slots_changed(a), i = 0;
    if (n == 0)
        return MT_OK;
    struct slot_change *changes = arena_alloc(arena, n * sizeof *changes);
    struct arena_mark mark = arena_mark(arena);
    void **v = arena_alloc(arena, 2 * n * sizeof *v);
    if (changes == NULL || v == NULL)
        return MT_ELIMIT;
    for (struct slot *e = a->slots; e != NULL; e = e->next) {
        if (!u256_eq(e->current, e->original))
            v[i++] = e;
    }
    sort_ptrs(v, v + n, n, slot_cmp);
    for (i = 0; i < n; i++) {
        const struct slot *e = v[i];
        changes[i] = (struct slot_change){e->key, e->current};
    }
    arena_rewind(arena, mark);
    out->slots = changes;
    out->slot_num = n;
    return MT_OK;
}

static mt_err put_account(const struct vm_state *s, const struct acct *a,
                          struct arena *arena, struct account_change *out)
{
    struct account below = account_empty();
    if (is_deleted(s, a)) {
        *out = (struct account_change){.addr = a->pub.addr,
                                       .flags = CHANGE_DELETED | CHANGE_STORAGE_CLEARED,
                                       .code_hash = below.code_hash};
        return MT_OK;
    }
    if (is_stripped(s, a)) {
        *out = (struct account_change){.addr = a->pub.addr,
                                       .flags = CHANGE_STORAGE_CLEARED,
                                       .balance = a->pub.balance,
                                       .code_hash = below.code_hash};
        return MT_OK;
    }
    *out = (struct account_change){.addr = a->pub.addr,
                                   .nonce = a->pub.nonce,
                                   .balance = a->pub.balance,
                                   .code_hash = a->pub.code_hash};
    if (a->pub.storage_cleared)
        out->flags |= CHANGE_STORAGE_CLEARED;
    if (!hash32_eq(&a->pub.code_hash, &a->code_hash0)) {
        uint8_t *code = arena_copy(arena, a->pub.code.ptr, a->pub.code.len);
        if (code == NULL)
            return MT_ELIMIT;
        out->flags |= CHANGE_CODE;
        out->code = slice_of(code, a->pub.code.len);
    }
    return put_slots(a, arena, out);
}

mt_err vm_state_delta(struct vm_state *s, struct arena *arena, struct state_delta *out)
{
    size_t n = 0, i = 0;
    for (const struct access *x = s->first; x != NULL; x = x->next)
        n += x->slot == NULL && is_changed(s, x->acct);
    *out = (struct state_delta){0};
    if (n == 0)
        return MT_OK;
    struct account_change *changes = arena_alloc(arena, n * sizeof *changes);
    void **v = pool_alloc(&s->pool, 2 * n * sizeof *v);
    if (changes == NULL || v == NULL)
        return MT_ELIMIT;
    for (const struct access *x = s->first; x != NULL; x = x->next) {
        if (x->slot == NULL && is_changed(s, x->acct))
            v[i++] = x->acct;
    }
    sort_ptrs(v, v + n, n, acct_cmp);
    for (i = 0; i < n; i++)
        MT_TRY(put_account(s, v[i], arena, &changes[i]));
    *out = (struct state_delta){changes, n};
    return MT_OK;
}

/* ---- what the block's access list takes from here (EIP-7928) ---- */

static mt_err tell_account(const struct vm_state *s, const struct acct *a,
                           const struct vm_seen *to)
{
    bool gone = is_deleted(s, a), stripped = is_stripped(s, a);
    struct vm_seen_account v = {
        .addr = a->pub.addr,
        .balance_before = a->balance0,
        .balance_after = gone ? U256_ZERO : a->pub.balance,
        .nonce_before = a->nonce0,
        .nonce_after = gone || stripped ? 0 : a->pub.nonce,
        .code_before = a->code_hash0,
        .code_after = gone || stripped ? KECCAK_EMPTY : a->pub.code_hash,
    };
    if (!hash32_eq(&v.code_after, &v.code_before) &&
        !hash32_eq(&v.code_after, &KECCAK_EMPTY))
        v.code = a->pub.code;
    return to->account(to->ctx, &v);
}

mt_err vm_state_seen(const struct vm_state *s, const struct vm_seen *to)
{
    for (const struct access *x = s->first; x != NULL; x = x->next) {
        const struct acct *a = x->acct;
        if (x->slot == NULL) {
            if (a->pub.seen)
                MT_TRY(tell_account(s, a, to));
            continue;
        }
        if (!x->slot->seen)
            continue;
        u256 after = a->pub.destructed ? x->slot->original : x->slot->current;
        MT_TRY(to->slot(to->ctx, &a->pub.addr, &x->slot->key, x->slot->original, after));
    }
    return MT_OK;
}

void vm_state_accessed(const struct vm_state *s,
                       void (*fn)(void *ctx, const address *addr, const hash32 *slot),
                       void *ctx)
{
    for (const struct access *x = s->first; x != NULL; x = x->next)
        fn(ctx, &x->acct->pub.addr, x->slot == NULL ? NULL : &x->slot->key);
}
