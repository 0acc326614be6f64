/* Admission: the checks of geth's pool in its order and words. What needs no sender comes
 * first (pool_precheck, before the costly recovery), then what needs the state. */
#include "pool_int.h"

static const char *const REASON_TEXTS[] = {
#define REASON_TEXT(id, text) [POOL_##id] = text,
    POOL_REASONS(REASON_TEXT)
#undef REASON_TEXT
};

void pool_refuse(struct pool_verdict *v, enum pool_reason reason, enum tx_error error,
                 const char *fmt, ...)
{
    v->reason = reason;
    v->error = error;
    const char *text = reason == POOL_TX ? tx_error_text(error) : REASON_TEXTS[reason];
    size_t n = mt_fmt(v->text, sizeof(v->text), "%s", text);
    if (fmt == NULL)
        return;
    va_list ap;
    va_start(ap, fmt);
    mt_vfmt(v->text + n, sizeof(v->text) - n, fmt, ap);
    va_end(ap);
}

static bool static_rules(struct pool *p, const struct tx *tx, struct pool_verdict *v)
{
    enum tx_error e = tx_check_static(tx, &p->rules);
    uint64_t limit = p->view->head->block.header.gas_limit;
    if (e == TX_OK && tx->gas > MT_MAX(limit, p->rules.spec->gas_limit))
        e = TX_BLOCK_GAS;
    if (e == TX_INTRINSIC_GAS || e == TX_FLOOR_GAS) {
        uint64_t floor, need = tx_intrinsic_gas(tx, &p->rules, &floor);
        pool_refuse(v, POOL_TX, e, ": gas %llu, minimum needed %llu",
                    (unsigned long long)tx->gas,
                    (unsigned long long)(e == TX_FLOOR_GAS ? floor : need));
        return false;
    }
    if (e != TX_OK) {
        pool_refuse(v, POOL_TX, e, NULL);
        return false;
    }
    return true;
}

bool pool_precheck(struct pool *p, const struct pool_tx *t, struct pool_verdict *v)
{
    const struct tx *tx = &t->tx;
    v->hash = tx->hash;
    if (map_get(&p->by_hash, tx->hash.b) != NULL) {
        pool_refuse(v, POOL_KNOWN, TX_OK, NULL);
        return false;
    }
    if (!static_rules(p, tx, v))
        return false;
    if (tx->raw.len > p->opt.tx_size_max) {
        pool_refuse(v, POOL_OVERSIZED, TX_OK, ": transaction size %zu, limit %zu",
                    tx->raw.len, p->opt.tx_size_max);
        return false;
    }
    if (tx->type == TX_LEGACY && !tx->has_chain_id && !p->opt.allow_unprotected) {
        pool_refuse(v, POOL_UNPROTECTED, TX_OK, NULL);
        return false;
    }
    if (u256_lt(tx->max_priority_fee, p->opt.min_tip)) {
        pool_refuse(v, POOL_UNDERPRICED, TX_OK, ": gas tip cap %s, minimum needed %s",
                    u256_dec(tx->max_priority_fee).s, u256_dec(p->opt.min_tip).s);
        return false;
    }
    bool over;
    u256 fee = u256_mul_o(tx->max_fee, u256_from(tx->gas), &over);
    if (!u256_is_zero(p->opt.fee_cap) && (over || u256_lt(p->opt.fee_cap, fee))) {
        pool_refuse(v, POOL_FEE_CAP, TX_OK, ": %s wei, cap %s wei", u256_dec(fee).s,
                    u256_dec(p->opt.fee_cap).s);
        return false;
    }
    return true;
}

/* ---- with the state ---- */

/* Every transaction asks for the same few slots of the head. */
static mt_err read_oracle(void *ctx, const hash32 *slot, u256 *out)
{
    struct pool_state *st = ctx;
    struct pool *p = st->pool;
    u256 number = u256_from_hash(slot);
    size_t at = (size_t)u256_to_u64_sat(number);
    if (at >= MT_ARRAY_LEN(p->oracle.value))
        return pool_state_slot(st, &p->rules.spec->gas_price_oracle, slot, out);
    if (!p->oracle.known[at]) {
        MT_TRY(pool_state_slot(st, &p->rules.spec->gas_price_oracle, slot,
                               &p->oracle.value[at]));
        p->oracle.known[at] = true;
    }
    *out = p->oracle.value[at];
    return MT_OK;
}

static bool l1_fee_fits(struct pool *p, struct pool_state *st, const struct tx *tx,
                        struct pool_verdict *v)
{
    if (!p->rules.spec->l1_fee)
        return true;
    struct l1_fee fee;
    u256 price = tx_effective_gas_price(tx, p->view->next_base_fee);
    if (l1_fee_compute(tx, price, read_oracle, st, &fee) != MT_OK) {
        pool_refuse(v, POOL_STATE, TX_OK, NULL);
        return false;
    }
    uint64_t floor, need = tx_intrinsic_gas(tx, &p->rules, &floor);
    if (tx->gas - need < fee.extra_gas) {
        pool_refuse(v, POOL_TX, TX_L1_FEE_GAS,
                    ": gas %llu, intrinsic %llu, L1 data fee %llu",
                    (unsigned long long)tx->gas, (unsigned long long)need,
                    (unsigned long long)fee.extra_gas);
        return false;
    }
    if (p->rules.fork >= FORK_OSAKA && tx->gas - fee.extra_gas > TX_GAS_LIMIT_MAX) {
        pool_refuse(v, POOL_TX, TX_TX_GAS_CAP, NULL);
        return false;
    }
    return true;
}

/* Nonce, code, balance: geth's ValidateTransactionWithState. at is where tx would
 * stand. */
static bool state_rules(const struct sender *s, const struct tx *tx, size_t at,
                        struct pool_verdict *v)
{
    if (s->has_code) {
        pool_refuse(v, POOL_TX, TX_SENDER_NOT_EOA, ": address %s",
                    address_text(&s->addr).s);
        return false;
    }
    if (tx->nonce < s->nonce) {
        pool_refuse(v, POOL_TX, TX_NONCE_TOO_LOW, ": next nonce %llu, tx nonce %llu",
                    (unsigned long long)s->nonce, (unsigned long long)tx->nonce);
        return false;
    }
    u256 cost = tx_cost(tx);
    if (u256_lt(s->balance, cost)) {
        pool_refuse(v, POOL_TX, TX_INSUFFICIENT_FUNDS,
                    ": balance %s, tx cost %s, overshot %s", u256_dec(s->balance).s,
                    u256_dec(cost).s, u256_dec(u256_sub(cost, s->balance)).s);
        return false;
    }
    /* Together with what is already pending; a replacement takes its predecessor's
     * place. */
    u256 spent = s->pending_cost;
    if (s->pending == 0 || at > s->pending)
        return true;
    if (at < s->num && s->txs[at]->tx.nonce == tx->nonce && at < s->pending)
        spent = u256_sub(spent, tx_cost(&s->txs[at]->tx));
    bool carry;
    u256 sum = u256_add_c(spent, cost, &carry);
    if (carry || u256_lt(s->balance, sum)) {
        pool_refuse(v, POOL_OVERDRAFT, TX_OK,
                    ": balance %s, queued cost %s, tx cost %s, overshot %s",
                    u256_dec(s->balance).s, u256_dec(spent).s, u256_dec(cost).s,
                    u256_dec(u256_sub(sum, s->balance)).s);
        return false;
    }
    return true;
}

/* fee >= old * (100 + bump) / 100 */
static bool bumped(u256 fee, u256 old, unsigned percent)
{
    bool over_a, over_b;
    u256 a = u256_mul_o(fee, u256_from(100), &over_a);
    u256 b = u256_mul_o(old, u256_from(100 + percent), &over_b);
    return over_a || (!over_b && u256_cmp(a, b) >= 0);
}

static bool replaces(struct pool *p, const struct tx *old, const struct tx *tx,
                     struct pool_verdict *v)
{
    unsigned bump = p->opt.price_bump_percent;
    if (bumped(tx->max_fee, old->max_fee, bump) &&
        bumped(tx->max_priority_fee, old->max_priority_fee, bump))
        return true;
    pool_refuse(v, POOL_REPLACE_UNDERPRICED, TX_OK, NULL);
    return false;
}

static void enter(struct pool *p, struct sender *s, size_t at, struct pool_tx *t)
{
    struct pool_tx **slot = map_put(&p->by_hash, t->tx.hash.b, NULL);
    MT_ASSERT(slot != NULL); /* the map holds tx_max, and room was made */
    *slot = t;
    pool_tx_hold(t);
    p->bytes += t->tx.raw.len;
    t->seq = ++p->seq;
    sender_insert(p, s, at, t);
    sender_settle(p, s);
}

static void admit_to(struct pool *p, struct pool_state *st, struct sender *s,
                     struct pool_tx *t, bool local, struct pool_verdict *v)
{
    const struct tx *tx = &t->tx;
    size_t at = sender_find(s, tx->nonce);
    bool same = at < s->num && s->txs[at]->tx.nonce == tx->nonce;
    if (!state_rules(s, tx, at, v) || !l1_fee_fits(p, st, tx, v))
        return;
    if (same && !replaces(p, &s->txs[at]->tx, tx, v))
        return;
    if (same) {
        pool_forget(p, s, at, POOL_REPLACED, TX_OK);
    } else if (s->num >= p->opt.sender_max) {
        pool_refuse(v, POOL_SENDER_FULL, TX_OK, ": %zu transactions of one sender",
                    s->num);
        return;
    } else if (!local && !pool_make_room(p, t)) {
        pool_refuse(v, POOL_UNDERPRICED, TX_OK, NULL);
        return;
    }
    /* Making room may have thinned or freed this very sender. */
    if (sender_open(p, st, &tx->from, &s) != MT_OK ||
        map_count(&p->by_hash) >= p->opt.tx_max) {
        pool_refuse(v, POOL_POOL_FULL, TX_OK, NULL);
        return;
    }
    enter(p, s, sender_find(s, tx->nonce), t);
    v->reason = POOL_OK;
}

void pool_admit(struct pool *p, struct pool_state *st, struct pool_tx *t, bool local,
                struct pool_verdict *v)
{
    *v = (struct pool_verdict){.reason = POOL_OK, .hash = t->tx.hash};
    struct sender *s;
    if (map_get(&p->by_hash, t->tx.hash.b) != NULL) {
        pool_refuse(v, POOL_KNOWN, TX_OK, NULL);
        return;
    }
    if (sender_open(p, st, &t->tx.from, &s) != MT_OK)
        pool_refuse(v, POOL_STATE, TX_OK, NULL);
    else
        admit_to(p, st, s, t, local, v);
    metric_add(v->reason == POOL_OK ? METRIC_pool_added_total
                                    : METRIC_pool_rejected_total,
               p->opt.metric_net, 1);
    if (v->reason != POOL_OK) {
        why_put(p, &t->tx.hash, v->reason, v->error);
        s = sender_get(p, &t->tx.from);
        if (s != NULL && s->num == 0)
            sender_free(p, s);
    }
}
