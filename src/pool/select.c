/* Selection for a block: a heap of each sender's next transaction, best tip first, the
 * earlier arrival at equal tips. */
#include "pool_int.h"

struct head {
    u256 tip;
    struct sender *sender;
    size_t at;
};

static bool better(const struct head *a, const struct head *b)
{
    int c = u256_cmp(a->tip, b->tip);
    return c != 0 ? c > 0 : a->sender->txs[a->at]->seq < b->sender->txs[b->at]->seq;
}

static void sift_down(struct head *h, size_t n, size_t i)
{
    for (;;) {
        size_t best = i, l = 2 * i + 1, r = l + 1;
        if (l < n && better(&h[l], &h[best]))
            best = l;
        if (r < n && better(&h[r], &h[best]))
            best = r;
        if (best == i)
            return;
        struct head t = h[i];
        h[i] = h[best];
        h[best] = t;
        i = best;
    }
}

/* False when the sender's next one cannot pay the base fee: nothing after it can go
 * in. */
static bool head_of(struct sender *s, size_t at, u256 base_fee, struct head *out)
{
    if (at >= s->pending || u256_lt(s->txs[at]->tx.max_fee, base_fee))
        return false;
    *out = (struct head){tx_tip(&s->txs[at]->tx, base_fee), s, at};
    return true;
}

static size_t heads(struct pool *p, u256 base_fee, struct head *h)
{
    size_t n = 0;
    uint32_t it = 0;
    void *value;
    while (map_next(&p->senders, &it, NULL, &value))
        n += head_of(*(struct sender **)value, 0, base_fee, &h[n]) ? 1 : 0;
    for (size_t i = n / 2; i-- > 0;)
        sift_down(h, n, i);
    return n;
}

void pool_select(struct pool *p, u256 base_fee, uint64_t gas_max, size_t num_max,
                 struct pool_selection *out)
{
    size_t room = MT_MIN(num_max, p->pending_num);
    *out = (struct pool_selection){0};
    if (room == 0)
        return;
    out->txs = mt_alloc(room * sizeof(*out->txs));
    struct head *h = mt_alloc((map_count(&p->senders) + 1) * sizeof(*h));
    size_t n = heads(p, base_fee, h);
    uint64_t gas = 0;
    while (n > 0 && out->num < room) {
        struct pool_tx *t = h[0].sender->txs[h[0].at];
        if (gas_max != 0 && t->tx.gas > gas_max - gas)
            break;
        gas += t->tx.gas;
        pool_tx_hold(t);
        out->txs[out->num++] = t;
        if (!head_of(h[0].sender, h[0].at + 1, base_fee, &h[0]))
            h[0] = h[--n];
        sift_down(h, n, 0);
    }
    mt_free(h);
}

void pool_selection_free(struct pool_selection *s)
{
    for (size_t i = 0; i < s->num; i++)
        pool_tx_drop(s->txs[i]);
    mt_free(s->txs);
    *s = (struct pool_selection){0};
}
