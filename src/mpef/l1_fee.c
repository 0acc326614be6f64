/* The L1 data fee of Andromeda (docs/NETWORKS.md): what publishing the transaction costs,
 * by the price oracle's slots, turned into gas at the transaction's own price.
 *
 *   l1Gas = 4 * zeros + 16 * (others + 68) + overhead
 *   l1Fee = ceil(l1Gas * l1BaseFee * scalar / 10^decimals)
 *   extra = ceil(l1Fee / gas price), the oracle's own price where that is zero
 *
 * over the bytes of the unsigned legacy list, signature items left out but counted in its
 * length prefix, or over the whole encoding of a typed transaction. Integers
 * throughout. */
#include "mpef_int.h"

enum {
    SLOT_GAS_PRICE = 1,
    SLOT_L1_BASE_FEE = L1_FEE_SLOT_BASE_FEE,
    SLOT_OVERHEAD,
    SLOT_SCALAR,
    SLOT_DECIMALS
};

#define DECIMALS_MAX 77 /* 10^77 is the greatest power of ten below 2^256 */

/* Bytes by kind; fields are counted in their RLP form without building it. */
struct count {
    uint64_t zeros, others;
};

static void count_bytes(struct count *c, slice s)
{
    size_t zeros = 0;
    for (size_t i = 0; i < s.len; i++)
        zeros += s.ptr[i] == 0;
    c->zeros += zeros;
    c->others += s.len - zeros;
}

/* Header of a string or list; its length bytes may hold zeros. */
static void count_header(struct count *c, size_t len)
{
    c->others++;
    if (len <= 55)
        return;
    bool leading = true;
    for (int shift = 56; shift >= 0; shift -= 8) {
        uint8_t b = (uint8_t)((uint64_t)len >> shift);
        leading = leading && b == 0;
        if (leading)
            continue;
        c->zeros += b == 0;
        c->others += b != 0;
    }
}

static size_t string_size(slice s)
{
    return s.len == 1 && s.ptr[0] < 0x80 ? 1 : rlp_header_size(s.len) + s.len;
}

static void count_string(struct count *c, slice s)
{
    if (!(s.len == 1 && s.ptr[0] < 0x80))
        count_header(c, s.len);
    count_bytes(c, s);
}

/* The minimal big-endian form of a number, in room. */
static slice number(u256 v, uint8_t room[32])
{
    u256_store_be(v, room);
    size_t n = u256_bytes(v);
    return slice_of(room + 32 - n, n);
}

static struct count count_tx(const struct tx *tx)
{
    struct count c = {0, 0};
    if (tx->type != TX_LEGACY) {
        count_bytes(&c, tx->raw);
        return c;
    }
    uint8_t room[4][32];
    slice fields[6] = {
        number(u256_from(tx->nonce), room[0]),
        number(tx->gas_price, room[1]),
        number(u256_from(tx->gas), room[2]),
        tx->has_to ? slice_of(tx->to.b, sizeof tx->to.b) : slice_of(NULL, 0),
        number(tx->value, room[3]),
        tx->data,
    };
    size_t len = 3; /* v, r, s: empty, cut off behind the list's prefix */
    for (size_t i = 0; i < MT_ARRAY_LEN(fields); i++)
        len += string_size(fields[i]);
    count_header(&c, len);
    for (size_t i = 0; i < MT_ARRAY_LEN(fields); i++)
        count_string(&c, fields[i]);
    return c;
}

static u256 mul_sat(u256 a, u256 b)
{
    bool over;
    u256 r = u256_mul_o(a, b, &over);
    return over ? U256_MAX : r;
}

static u256 div_up(u256 a, u256 b)
{
    u256 rem;
    u256 q = u256_divmod(a, b, &rem);
    return u256_is_zero(rem) ? q : u256_add(q, U256_ONE);
}

static mt_err read_slot(mt_err (*read)(void *ctx, const hash32 *slot, u256 *out),
                        void *ctx, uint64_t slot, u256 *out)
{
    hash32 key = u256_to_hash(u256_from(slot));
    return read(ctx, &key, out);
}

mt_err l1_fee_compute(const struct tx *tx, u256 gas_price,
                      mt_err (*read)(void *ctx, const hash32 *slot, u256 *out), void *ctx,
                      struct l1_fee *out)
{
    struct l1_fee f = {.l1_gas = 0};
    u256 decimals;
    MT_TRY(read_slot(read, ctx, SLOT_L1_BASE_FEE, &f.l1_base_fee));
    MT_TRY(read_slot(read, ctx, SLOT_OVERHEAD, &f.overhead));
    MT_TRY(read_slot(read, ctx, SLOT_SCALAR, &f.scalar));
    MT_TRY(read_slot(read, ctx, SLOT_DECIMALS, &decimals));
    if (u256_is_zero(gas_price))
        MT_TRY(read_slot(read, ctx, SLOT_GAS_PRICE, &gas_price));
    f.decimals = u256_to_u64_sat(decimals);

    struct count c = count_tx(tx);
    bool carry;
    u256 l1_gas = u256_from(4 * c.zeros + 16 * (c.others + 68));
    l1_gas = u256_add_c(l1_gas, f.overhead, &carry);
    if (carry)
        l1_gas = U256_MAX;
    f.l1_gas = u256_to_u64_sat(l1_gas);

    f.fee = mul_sat(mul_sat(l1_gas, f.l1_base_fee), f.scalar);
    if (f.decimals > DECIMALS_MAX)
        f.fee = u256_is_zero(f.fee) ? U256_ZERO : U256_ONE;
    else
        f.fee = div_up(f.fee, u256_exp(u256_from(10), decimals));
    /* Where nothing has a price there is nothing to count the fee in. */
    if (!u256_is_zero(gas_price))
        f.extra_gas = u256_to_u64_sat(div_up(f.fee, gas_price));
    *out = f;
    return MT_OK;
}
