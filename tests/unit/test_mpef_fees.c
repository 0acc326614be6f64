/* Fee rules against tables that Python worked out from the EIPs' texts (gen_mpef.py):
 * the L1 data fee, the base fee, the blob fee. Intrinsic gas by hand from the yellow paper,
 * appendix G, and EIPs 2028, 2930, 3860, 7623, 7702. */
#include <criterion/criterion.h>

#include "metis/mpef.h"

struct l1_case {
    uint64_t nonce;
    u256 price;
    uint64_t gas;
    const char *to;
    u256 value;
    const char *data, *typed;
    u256 slots[5]; /* of the oracle, from slot 1 on */
    uint64_t l1_gas;
    u256 fee;
    uint64_t extra;
};
struct base_fee_case {
    uint64_t limit, used;
    u256 fee, next;
};
struct blob_case {
    enum fork fork;
    struct blob_params params;
    uint64_t excess, used;
    u256 base_fee;
    uint64_t next;
    u256 price;
};
#include "mpef_fees_table.h"

static struct rules rules_of(enum fork f)
{
    static struct chain_spec specs[FORK_COUNT];
    chain_spec_for_fork(f, 1, &specs[f]);
    return (struct rules){.spec = &specs[f], .fork = f};
}

static slice hex(const char *text, uint8_t *room, size_t max)
{
    size_t n;
    cr_assert_eq(hex_decode(text, strlen(text), room, max, &n), MT_OK);
    return slice_of(room, n);
}

static mt_err read_slot(void *ctx, const hash32 *slot, u256 *out)
{
    const struct l1_case *c = ctx;
    cr_assert(slot->b[31] >= 1 && slot->b[31] <= 5);
    *out = c->slots[slot->b[31] - 1];
    return MT_OK;
}

Test(mpef_fees, l1_data_fee)
{
    static uint8_t data[4096], typed[4096];
    for (size_t i = 0; i < MT_ARRAY_LEN(l1_cases); i++) {
        struct l1_case c = l1_cases[i];
        struct l1_fee f;
        struct tx tx = {.nonce = c.nonce,
                        .gas_price = c.price,
                        .gas = c.gas,
                        .has_to = c.to[0] != 0,
                        .value = c.value,
                        .data = hex(c.data, data, sizeof data)};
        if (tx.has_to)
            hex_decode_fixed(c.to, tx.to.b, 20);
        if (c.typed[0] != 0) {
            tx.type = TX_DYNAMIC_FEE;
            tx.raw = hex(c.typed, typed, sizeof typed);
        }
        cr_assert_eq(l1_fee_compute(&tx, c.price, read_slot, &c, &f), MT_OK);
        cr_assert_eq(f.l1_gas, c.l1_gas, "case %zu: l1 gas %lu, not %lu", i, f.l1_gas,
                     c.l1_gas);
        cr_assert(u256_eq(f.fee, c.fee), "case %zu: fee", i);
        cr_assert_eq(f.extra_gas, c.extra, "case %zu: extra gas", i);
    }
}

Test(mpef_fees, l1_data_fee_saturates)
{
    struct l1_case c = {.slots = {U256_ONE, U256_MAX, U256_MAX, U256_MAX, U256_ZERO}};
    struct tx tx = {.type = TX_LEGACY};
    struct l1_fee f;
    cr_assert_eq(l1_fee_compute(&tx, U256_ONE, read_slot, &c, &f), MT_OK);
    cr_assert_eq(f.extra_gas, UINT64_MAX);
    c.slots[4] = u256_from(1000); /* decimals */
    cr_assert_eq(l1_fee_compute(&tx, U256_ONE, read_slot, &c, &f), MT_OK);
    cr_assert(u256_eq(f.fee, U256_ONE), "rounded up");
}

Test(mpef_fees, base_fee)
{
    struct rules london = rules_of(FORK_LONDON), berlin = rules_of(FORK_BERLIN);
    for (size_t i = 0; i < MT_ARRAY_LEN(base_fee_cases); i++) {
        const struct base_fee_case *c = &base_fee_cases[i];
        struct header h = {
            .gas_limit = c->limit, .gas_used = c->used, .base_fee = c->fee};
        cr_assert(u256_eq(next_base_fee(&h, &london, &london), c->next), "case %zu", i);
        cr_assert(u256_eq(next_base_fee(&h, &london, &berlin), u256_from(1000000000)));
        cr_assert(u256_is_zero(next_base_fee(&h, &berlin, &berlin)));
    }
}

Test(mpef_fees, blob_fee)
{
    struct rules shanghai = rules_of(FORK_SHANGHAI);
    for (size_t i = 0; i < MT_ARRAY_LEN(blob_cases); i++) {
        const struct blob_case *c = &blob_cases[i];
        struct rules r = rules_of(c->fork);
        struct header h = {.excess_blob_gas = c->excess,
                           .blob_gas_used = c->used,
                           .base_fee = c->base_fee};
        r.blobs = c->params;
        cr_assert_eq(next_excess_blob_gas(&h, &r, &r), c->next, "case %zu", i);
        cr_assert_eq(next_excess_blob_gas(&h, &r, &shanghai), 0);
        cr_assert(u256_eq(blob_base_fee(c->excess, &r), c->price), "case %zu", i);
    }
}

Test(mpef_fees, blob_fee_saturates)
{
    struct rules r = rules_of(FORK_CANCUN);
    r.blobs = (struct blob_params){3, 6, 3338477};
    cr_assert(u256_eq(blob_base_fee(UINT64_MAX, &r), U256_MAX));
    cr_assert(u256_eq(blob_base_fee(0, &r), U256_ONE));
}

/* ================= intrinsic gas ================= */

static uint64_t intrinsic(const struct tx *tx, enum fork f, uint64_t *floor)
{
    struct rules r = rules_of(f);
    return tx_intrinsic_gas(tx, &r, floor);
}

Test(mpef_fees, intrinsic_gas)
{
    static const uint8_t data[40] = {1, 2, 3}; /* 3 others, 37 zeros */
    static const hash32 slots[3];
    struct access_entry list[2] = {{.slots = slots, .slot_num = 3}, {.slot_num = 0}};
    struct authorization auths[2] = {{.nonce = 0}, {.nonce = 0}};
    struct tx tx = {.has_to = true};
    uint64_t floor;
    cr_assert_eq(intrinsic(&tx, FORK_FRONTIER, &floor), 21000);
    cr_assert_eq(floor, 0);
    cr_assert_eq(intrinsic(&tx, FORK_OSAKA, &floor), 21000);
    cr_assert_eq(floor, 21000);
    tx.data = slice_of(data, sizeof data);
    cr_assert_eq(intrinsic(&tx, FORK_PETERSBURG, NULL), 21000 + 37 * 4 + 3 * 68);
    cr_assert_eq(intrinsic(&tx, FORK_ISTANBUL, NULL), 21000 + 37 * 4 + 3 * 16);
    cr_assert_eq(intrinsic(&tx, FORK_PRAGUE, &floor), 21000 + 37 * 4 + 3 * 16);
    cr_assert_eq(floor, 21000 + 10 * (37 + 3 * 4));
    tx.has_to = false;
    cr_assert_eq(intrinsic(&tx, FORK_FRONTIER, NULL), 21000 + 37 * 4 + 3 * 68);
    cr_assert_eq(intrinsic(&tx, FORK_HOMESTEAD, NULL), 53000 + 37 * 4 + 3 * 68);
    cr_assert_eq(intrinsic(&tx, FORK_PARIS, NULL), 53000 + 37 * 4 + 3 * 16);
    cr_assert_eq(intrinsic(&tx, FORK_SHANGHAI, NULL), 53000 + 37 * 4 + 3 * 16 + 2 * 2);
    tx = (struct tx){.type = TX_SET_CODE,
                     .has_to = true,
                     .access_list = list,
                     .access_num = 2,
                     .auths = auths,
                     .auth_num = 2};
    cr_assert_eq(intrinsic(&tx, FORK_PRAGUE, NULL),
                 21000 + 2 * 2400 + 3 * 1900 + 2 * 25000);
}

Test(mpef_fees, static_checks)
{
    struct rules osaka = rules_of(FORK_OSAKA);
    struct tx tx = {.has_to = true, .gas = 20999};
    cr_assert_eq(tx_check_static(&tx, &osaka), TX_INTRINSIC_GAS);
    tx.gas = 21000;
    cr_assert_eq(tx_check_static(&tx, &osaka), TX_OK);
    tx.gas = 16777217;
    cr_assert_eq(tx_check_static(&tx, &osaka), TX_TX_GAS_CAP);
    tx.gas = 16777216;
    tx.max_priority_fee = U256_ONE;
    cr_assert_eq(tx_check_static(&tx, &osaka), TX_TIP_ABOVE_FEE_CAP);
    tx.max_fee = U256_ONE;
    tx.nonce = UINT64_MAX;
    cr_assert_eq(tx_check_static(&tx, &osaka), TX_NONCE_MAX);
    tx.nonce = 0;
    tx.has_chain_id = true;
    tx.chain_id = 2;
    cr_assert_eq(tx_check_static(&tx, &osaka), TX_CHAIN_ID);
    tx.chain_id = 1;
    tx.type = TX_SET_CODE;
    cr_assert_eq(tx_check_static(&tx, &osaka), TX_AUTH_NONE);
    struct rules cancun = rules_of(FORK_CANCUN);
    cr_assert_eq(tx_check_static(&tx, &cancun), TX_TYPE_UNSUPPORTED);
}

Test(mpef_fees, error_names)
{
    struct tx tx = {.type = TX_DYNAMIC_FEE};
    cr_assert_str_eq(tx_error_names(TX_INTRINSIC_GAS, &tx), "INTRINSIC_GAS_TOO_LOW");
    cr_assert_str_eq(tx_error_names(TX_OK, &tx), "");
    cr_assert_str_eq(tx_error_names(TX_TYPE_UNSUPPORTED, &tx),
                     "TYPE_2_TX_PRE_FORK|TYPE_NOT_SUPPORTED");
    tx.type = TX_SET_CODE;
    cr_assert_str_eq(tx_error_names(TX_TYPE_UNSUPPORTED, &tx),
                     "TYPE_4_TX_PRE_FORK|TYPE_NOT_SUPPORTED");
}
