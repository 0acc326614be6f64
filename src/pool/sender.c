/* Per-sender queues: a sorted array of transactions whose first part is executable. */
#include "pool_int.h"

struct sender *sender_get(struct pool *p, const address *addr)
{
    struct sender **slot = map_get(&p->senders, addr->b);
    return slot != NULL ? *slot : NULL;
}

static mt_err read_state(struct pool_state *st, struct sender *s)
{
    struct account a;
    MT_TRY(pool_state_account(st, &s->addr, &a));
    s->nonce = a.nonce;
    s->balance = a.balance;
    s->has_code = false;
    if (!hash32_eq(&a.code_hash, &KECCAK_EMPTY) && !st->pool->rules.spec->code_senders) {
        slice code;
        address target;
        MT_TRY(pool_state_code(st, &a.code_hash, &code));
        s->has_code = !vm_delegation(code, &target);
    }
    return MT_OK;
}

mt_err sender_open(struct pool *p, struct pool_state *st, const address *addr,
                   struct sender **out)
{
    struct sender *s = sender_get(p, addr);
    if (s == NULL) {
        struct sender fresh = {.addr = *addr};
        MT_TRY(read_state(st, &fresh));
        struct sender **slot = map_put(&p->senders, addr->b, NULL);
        if (slot == NULL)
            return MT_ELIMIT;
        s = mt_alloc(sizeof(*s));
        *s = fresh;
        *slot = s;
    }
    *out = s;
    return MT_OK;
}

size_t sender_find(const struct sender *s, uint64_t nonce)
{
    size_t lo = 0, hi = s->num;
    /* Most arrive in order: try the end first. */
    if (hi > 0 && s->txs[hi - 1]->tx.nonce < nonce)
        return hi;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->txs[mid]->tx.nonce < nonce)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void sender_insert(struct pool *p, struct sender *s, size_t at, struct pool_tx *tx)
{
    if (s->num == s->cap) {
        s->cap = s->cap == 0 ? 4 : s->cap * 2;
        s->txs = mt_realloc(s->txs, s->cap * sizeof(*s->txs));
    }
    memmove(s->txs + at + 1, s->txs + at, (s->num - at) * sizeof(*s->txs));
    s->txs[at] = tx;
    s->num++;
    if (at <
        s->pending) { /* cannot happen for a fresh nonce, but keeps the prefix exact */
        p->pending_num -= s->pending - at;
        s->pending = at;
    }
}

/* The cost of the pending prefix is kept as a running sum, so a cut recomputes it. */
static void cut_pending(struct pool *p, struct sender *s, size_t to)
{
    if (s->pending <= to)
        return;
    p->pending_num -= s->pending - to;
    s->pending = to;
    s->pending_cost = U256_ZERO;
    for (size_t i = 0; i < to; i++)
        s->pending_cost = u256_add(s->pending_cost, tx_cost(&s->txs[i]->tx));
}

void sender_remove_at(struct pool *p, struct sender *s, size_t at)
{
    cut_pending(p, s, at);
    memmove(s->txs + at, s->txs + at + 1, (s->num - at - 1) * sizeof(*s->txs));
    s->num--;
}

void sender_free(struct pool *p, struct sender *s)
{
    map_del(&p->senders, s->addr.b);
    mt_free(s->txs);
    mt_free(s);
}

static bool joins_pending(const struct sender *s, u256 *sum)
{
    const struct tx *tx = &s->txs[s->pending]->tx;
    bool carry;
    if (tx->nonce != s->nonce + s->pending)
        return false;
    *sum = u256_add_c(s->pending_cost, tx_cost(tx), &carry);
    return !carry && u256_cmp(*sum, s->balance) <= 0;
}

void sender_settle(struct pool *p, struct sender *s)
{
    u256 sum;
    if (s->num == 0) {
        sender_free(p, s);
        return;
    }
    if (s->pending == 0)
        s->pending_cost = U256_ZERO;
    size_t before = s->pending;
    while (s->pending < s->num && joins_pending(s, &sum)) {
        s->pending_cost = sum;
        s->pending++;
        p->pending_num++;
    }
    for (size_t i = before; i < s->pending && p->opt.on_pending != NULL; i++)
        p->opt.on_pending(p->opt.ctx, s->txs[i]);
}

/* Drops what the state has passed, then rebuilds the pending prefix from the new
 * balance. */
static void sender_follow_state(struct pool *p, struct sender *s)
{
    size_t was = s->pending;
    cut_pending(p, s, 0);
    while (s->num > 0 && s->txs[0]->tx.nonce < s->nonce) {
        pool_forget(p, s, 0, POOL_TX, TX_NONCE_TOO_LOW);
        was -= was > 0 ? 1 : 0;
    }
    u256 sum;
    s->pending_cost = U256_ZERO;
    while (s->pending < MT_MIN(was, s->num) && joins_pending(s, &sum)) {
        s->pending_cost = sum;
        s->pending++;
        p->pending_num++;
    }
    sender_settle(p, s); /* beyond `was` they are newly pending and announced */
}

mt_err sender_refresh(struct pool *p, struct pool_state *st, struct sender *s)
{
    MT_TRY(read_state(st, s));
    sender_follow_state(p, s);
    return MT_OK;
}
