/* Making room in a full pool: the worst sixty-fourth goes at once, so that the cost of
 * finding the worst is shared by many admissions. A transaction is worth the least tip
 * among itself and its predecessors of the same sender (it cannot be included before
 * them); at equal worth later nonces go first, so a sender's chain is cut from its
 * end. */
#include "pool_int.h"

#include <stdlib.h>

struct candidate {
    u256 worth;
    struct pool_tx *tx;
};

static int worse_first(const void *va, const void *vb)
{
    const struct candidate *a = va, *b = vb;
    int c = u256_cmp(a->worth, b->worth);
    if (c != 0)
        return c;
    if (address_eq(&a->tx->tx.from, &b->tx->tx.from))
        return a->tx->tx.nonce < b->tx->tx.nonce ? 1 : -1;
    return a->tx->seq < b->tx->seq ? 1 : -1;
}

static size_t collect(struct pool *p, struct candidate *out)
{
    size_t n = 0;
    uint32_t it = 0;
    void *value;
    while (map_next(&p->senders, &it, NULL, &value)) {
        struct sender *s = *(struct sender **)value;
        u256 worth = U256_MAX;
        for (size_t i = 0; i < s->num; i++) {
            u256 tip = i < s->pending ? tx_tip(&s->txs[i]->tx, p->view->next_base_fee)
                                      : U256_ZERO;
            worth = u256_lt(tip, worth) ? tip : worth;
            out[n++] = (struct candidate){worth, s->txs[i]};
        }
    }
    return n;
}

static bool is_full(const struct pool *p, size_t bytes)
{
    return map_count(&p->by_hash) >= p->opt.tx_max || p->bytes + bytes > p->opt.bytes_max;
}

bool pool_make_room(struct pool *p, const struct pool_tx *tx)
{
    size_t bytes = tx->tx.raw.len;
    if (!is_full(p, bytes))
        return true;
    size_t num = map_count(&p->by_hash), goal = num / 64 + 1, gone = 0;
    u256 tip = tx_tip(&tx->tx, p->view->next_base_fee);
    struct candidate *c = mt_alloc((num + 1) * sizeof(*c)); /* bounded by tx_max */
    num = collect(p, c);
    qsort(c, num, sizeof(*c), worse_first);
    for (size_t i = 0; i < num && (gone < goal || is_full(p, bytes)); i++) {
        if (u256_cmp(c[i].worth, tip) >= 0)
            break;
        struct sender *s = sender_get(p, &c[i].tx->tx.from);
        size_t at = sender_find(s, c[i].tx->tx.nonce);
        pool_forget(p, s, at, POOL_EVICTED, TX_OK);
        sender_settle(p, s);
        gone++;
    }
    mt_free(c);
    return !is_full(p, bytes);
}
