/* A pooled transaction: one arena that holds the copy of its bytes and everything decoded
 * from them, shared by reference count. */
#include "pool_int.h"

#include <stdatomic.h>

mt_err pool_tx_new(slice raw, struct pool_tx **out, struct mt_diag *diag)
{
    struct pool_tx *t = mt_alloc(sizeof(*t));
    t->refs = 1;
    /* Decoding needs at most a small multiple of the encoding. */
    arena_init(&t->arena, raw.len * 8 + 4096);
    void *copy = arena_copy(&t->arena, raw.ptr, raw.len);
    mt_err err = copy == NULL ? mt_fail(diag, MT_ELIMIT, "transaction too large")
                              : tx_decode_network(slice_of(copy, raw.len), &t->arena,
                                                  &t->tx, diag);
    if (err != MT_OK) {
        arena_fini(&t->arena);
        mt_free(t);
        return err;
    }
    *out = t;
    return MT_OK;
}

void pool_tx_hold(struct pool_tx *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
}

void pool_tx_drop(struct pool_tx *t)
{
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_fini(&t->arena);
    mt_free(t);
}

static u256 add_sat(u256 a, u256 b)
{
    bool carry;
    u256 r = u256_add_c(a, b, &carry);
    return carry ? U256_MAX : r;
}

static u256 mul_sat(u256 a, uint64_t b)
{
    bool over;
    u256 r = u256_mul_o(a, u256_from(b), &over);
    return over ? U256_MAX : r;
}

u256 tx_cost(const struct tx *tx)
{
    u256 c = add_sat(mul_sat(tx->max_fee, tx->gas), tx->value);
    return add_sat(c, mul_sat(tx->max_fee_per_blob_gas, tx->blob_num * GAS_PER_BLOB));
}

u256 tx_tip(const struct tx *tx, u256 base_fee)
{
    if (u256_lt(tx->max_fee, base_fee))
        return U256_ZERO;
    u256 room = u256_sub(tx->max_fee, base_fee);
    return u256_lt(room, tx->max_priority_fee) ? room : tx->max_priority_fee;
}
