/* Transactions: encodings, hashes and senders made by eth_account and rlp (gen_types_tx.py),
 * the example of EIP-155, and what must be refused. */
#include "metis/types.h"
#include "types_tx_table.h"

#include <criterion/criterion.h>

static struct arena mem;

static void setup(void)
{
    cr_assert_eq(crypto_init(), MT_OK);
    arena_init(&mem, 1 << 22);
}

static void teardown(void)
{
    arena_fini(&mem);
}

TestSuite(types_tx, .init = setup, .fini = teardown);

static slice unhex(const char *s)
{
    size_t n = strlen(s) / 2, len;
    uint8_t *p = arena_alloc(&mem, n + 1);
    cr_assert_eq(hex_decode(s, strlen(s), p, n + 1, &len), MT_OK);
    return slice_of(p, len);
}

static struct tx decoded(slice raw)
{
    struct tx tx;
    struct mt_diag d = {0};
    cr_assert_eq(tx_decode(raw, &mem, &tx, &d), MT_OK, "%s", d.text);
    return tx;
}

static void expect_bytes(const void *p, size_t n, const char *hex, const char *what)
{
    cr_assert(slice_eq(slice_of(p, n), unhex(hex)), "%s", what);
}

Test(types_tx, table)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(tx_table); i++) {
        const char *name = tx_table[i].name;
        slice raw = unhex(tx_table[i].raw);
        struct tx tx = decoded(raw);
        struct buf b;
        struct mt_diag d = {0};
        cr_assert_eq((int)tx.type, tx_table[i].type, "%s", name);
        expect_bytes(tx.hash.b, 32, tx_table[i].hash, name);
        hash32 signing = tx_signing_hash(&tx);
        expect_bytes(signing.b, 32, tx_table[i].signing_hash, name);
        cr_assert_eq(tx_recover(&tx, true, crypto_native(), &d), MT_OK, "%s: %s", name,
                     d.text);
        expect_bytes(tx.from.b, 20, tx_table[i].from, name);
        buf_init(&b, 1 << 16);
        tx_encode(&tx, &b);
        cr_assert(slice_eq(buf_slice(&b), raw), "%s", name);
        buf_reset(&b);
        tx_encode_unsigned(&tx, &b);
        hash32 again = keccak256(b.ptr, b.len);
        cr_assert(hash32_eq(&again, &signing));
        buf_fini(&b);
    }
}

Test(types_tx, fields)
{
    struct tx tx = decoded(unhex(tx_table[1].raw)); /* legacy_create */
    cr_assert(!tx.has_to && tx.has_chain_id && tx.chain_id == 1088 && tx.nonce == 127);
    cr_assert(u256_eq(tx.gas_price, u256_from(1000000000000000000u)));
    cr_assert(tx.gas == 1ull << 40 && tx.data.len == 1 && tx.data.ptr[0] == 0);
    cr_assert(u256_eq(tx.max_fee, tx.gas_price) &&
              u256_eq(tx.max_priority_fee, tx.gas_price));
    tx = decoded(unhex(tx_table[4].raw)); /* access_list */
    cr_assert(tx.access_num == 5 && tx.access_list[4].slot_num == 4);
    cr_assert_eq(tx.access_list[4].addr.b[19], 5);
    cr_assert_eq(tx.access_list[4].slots[3].b[31], 16 + 4 + 3);
    tx = decoded(unhex(tx_table[7].raw)); /* blob */
    cr_assert(tx.blob_num == 2 && tx.blob_hashes[1].b[0] == 1);
    cr_assert_eq(tx.blob_hashes[1].b[31], 0xbb);
    cr_assert(u256_eq(tx.max_fee_per_blob_gas, u256_shl(U256_ONE, 70)));
    tx = decoded(unhex(tx_table[8].raw)); /* set_code */
    cr_assert(tx.auth_num == 3 && tx.auths[1].nonce == 1ull << 63);
    for (size_t i = 0; i < 3; i++) {
        address who;
        cr_assert_eq(auth_recover(&tx.auths[i], crypto_native(), &who), MT_OK);
        expect_bytes(who.b, 20, auth_authorities[i], "authority");
    }
    struct authorization bad = tx.auths[0];
    address who;
    bad.y_parity = 2;
    cr_assert_eq(auth_recover(&bad, crypto_native(), &who), MT_ECRYPTO);
    bad = tx.auths[0];
    bad.r = U256_ZERO;
    cr_assert_eq(auth_recover(&bad, crypto_native(), &who), MT_ECRYPTO);
}

/* The example in EIP-155. */
Test(types_tx, eip155_example)
{
    struct tx tx = decoded(unhex(
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a"
        "76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa6362"
        "76a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"));
    hash32 h = tx_signing_hash(&tx), key;
    sig sg;
    expect_bytes(h.b, 32,
                 "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53",
                 "signing hash");
    cr_assert(tx.has_chain_id && tx.chain_id == 1);
    cr_assert_eq(tx_recover(&tx, true, crypto_native(), NULL), MT_OK);
    memset(key.b, 0x46, 32);
    address from;
    cr_assert_eq(secp_address(&key, &from), MT_OK);
    cr_assert(address_eq(&from, &tx.from));
    cr_assert_eq(secp_sign(&h, &key, &sg), MT_OK);
    struct tx mine = tx;
    mine.v = mine.r = mine.s = U256_ZERO;
    tx_set_sig(&mine, &sg);
    cr_assert(u256_eq(mine.v, tx.v) && u256_eq(mine.r, tx.r) && u256_eq(mine.s, tx.s));
}

Test(types_tx, set_sig_by_type)
{
    sig sg = {.y_parity = 1};
    struct tx tx = {.type = TX_LEGACY};
    tx_set_sig(&tx, &sg);
    cr_assert(u256_eq(tx.v, u256_from(28)));
    tx.has_chain_id = true;
    tx.chain_id = UINT64_MAX;
    tx_set_sig(&tx, &sg); /* 36 + 2 * (2^64 - 1) = 2^65 + 34 */
    cr_assert(u256_eq(tx.v, u256_add(u256_shl(U256_ONE, 65), u256_from(34))));
    tx.type = TX_DYNAMIC_FEE;
    tx_set_sig(&tx, &sg);
    cr_assert(u256_eq(tx.v, U256_ONE));
}

/* A copy of a decoded transaction with one part changed, encoded and decoded again, so that
 * only tx_recover can refuse it. */
static mt_err recover_with(size_t row, u256 v, u256 r, u256 s, bool low_s)
{
    struct tx tx = decoded(unhex(tx_table[row].raw));
    struct buf b;
    tx.v = v;
    tx.r = r;
    tx.s = s;
    buf_init_arena(&b, &mem, 1 << 16);
    tx_encode(&tx, &b);
    tx = decoded(buf_slice(&b));
    return tx_recover(&tx, low_s, crypto_native(), NULL);
}

Test(types_tx, signature_range)
{
    u256 one = U256_ONE, order, half, high;
    u256_parse("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 66,
               &order);
    half = u256_shr(order, 1);
    struct tx legacy = decoded(unhex(tx_table[0].raw)),
              fee = decoded(unhex(tx_table[5].raw));
    cr_assert_eq(recover_with(0, legacy.v, legacy.r, legacy.s, true), MT_OK);
    /* v that no rule gives: 0, 1, 26, 29, 34, and a chain id beyond 64 bits */
    for (unsigned v = 0; v < 35; v++)
        if (v != 27 && v != 28)
            cr_assert_eq(recover_with(0, u256_from(v), legacy.r, legacy.s, true),
                         MT_ECRYPTO);
    cr_assert_eq(recover_with(0, u256_shl(one, 66), legacy.r, legacy.s, true),
                 MT_ECRYPTO);
    cr_assert_eq(recover_with(5, u256_from(2), fee.r, fee.s, true), MT_ECRYPTO);
    cr_assert_eq(recover_with(5, u256_from(27), fee.r, fee.s, true), MT_ECRYPTO);
    cr_assert_eq(recover_with(5, u256_shl(one, 64), fee.r, fee.s, true), MT_ECRYPTO);
    /* r and s in 1..n-1, s at most n/2 from Homestead on */
    cr_assert_eq(recover_with(5, fee.v, U256_ZERO, fee.s, true), MT_ECRYPTO);
    cr_assert_eq(recover_with(5, fee.v, order, fee.s, true), MT_ECRYPTO);
    cr_assert_eq(recover_with(5, fee.v, fee.r, U256_ZERO, true), MT_ECRYPTO);
    cr_assert_eq(recover_with(5, fee.v, fee.r, u256_add(half, one), true), MT_ECRYPTO);
    cr_assert_eq(recover_with(5, fee.v, fee.r, half, true), MT_OK);
    high = u256_sub(order, fee.s);
    cr_assert_eq(recover_with(5, fee.v, fee.r, high, true), MT_ECRYPTO);
    cr_assert_eq(recover_with(5, fee.v, fee.r, high, false), MT_OK);
    cr_assert_eq(recover_with(5, fee.v, fee.r, order, false), MT_ECRYPTO);
}

/* ---- malformed encodings ---- */

Test(types_tx, every_truncation_and_extension_is_refused)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(tx_table); i++) {
        slice raw = unhex(tx_table[i].raw);
        struct tx tx;
        for (size_t n = 0; n < raw.len; n++)
            cr_assert_eq(tx_decode(slice_of(raw.ptr, n), &mem, &tx, NULL), MT_EDECODE,
                         "%s cut to %zu", tx_table[i].name, n);
        uint8_t *more = arena_alloc(&mem, raw.len + 1);
        memcpy(more, raw.ptr, raw.len);
        more[raw.len] = 0;
        cr_assert_eq(tx_decode(slice_of(more, raw.len + 1), &mem, &tx, NULL), MT_EDECODE);
    }
}

/* The items of a transaction's list with item at replaced by the given encoding (NULL: left
 * out) and more appended. */
static slice rebuilt(size_t row, int at, const char *item, const char *more)
{
    slice raw = unhex(tx_table[row].raw);
    size_t skip = tx_table[row].type == 0 ? 0 : 1;
    struct rlp r = rlp_reader(slice_of(raw.ptr + skip, raw.len - skip)), list;
    struct buf b;
    buf_init_arena(&b, &mem, 1 << 16);
    buf_put(&b, raw.ptr, skip);
    cr_assert_eq(rlp_get_list(&r, &list), MT_OK);
    size_t begin = rlp_begin(&b);
    for (int i = 0; !rlp_at_end(&list); i++) {
        slice payload, whole;
        bool is_list;
        cr_assert_eq(rlp_next(&list, &payload, &is_list, &whole), MT_OK);
        if (i != at)
            buf_put_slice(&b, whole);
        else if (item != NULL)
            buf_put_slice(&b, unhex(item));
    }
    if (more != NULL)
        buf_put_slice(&b, unhex(more));
    rlp_end(&b, begin);
    cr_assert(buf_ok(&b));
    return buf_slice(&b);
}

Test(types_tx, malformed_fields)
{
    static const struct {
        size_t row;
        int at;
        const char *item, *more;
    } rows[] = {
        {0, -1, NULL, "80"}, /* one field too many */
        {0, 0, NULL, NULL},  /* one too few */
        {5, -1, NULL, "80"},
        {5, 3, NULL, NULL},
        {0, 0, "00", NULL},                   /* nonce with a leading zero */
        {0, 0, "89010000000000000000", NULL}, /* nonce of 65 bits */
        {0, 2, "89010000000000000000", NULL}, /* gas of 65 bits */
        {0, 3, "9300000000000000000000000000000000000000", NULL}, /* to of 19 bytes */
        {0, 3, "00", NULL},
        {0, 3, "c0", NULL},
        {0, 4, "a1010000000000000000000000000000000000000000000000000000000000000000",
         NULL},                               /* value of 257 bits */
        {0, 5, "c0", NULL},                   /* data is a list */
        {5, 0, "89010000000000000000", NULL}, /* chain id of 65 bits */
        {5, 8, "80", NULL},                   /* access list is a string */
        {5, 8, "c1c0", NULL},                 /* entry without fields */
        {5, 8, "d7d69400000000000000000000000000000000000000008000", NULL},
        {5, 8, "d6d5940000000000000000000000000000000000000000", NULL}, /* no slots */
        {5, 8, "d8d7940000000000000000000000000000000000000000c101",
         NULL}, /* short slot */
        {5, 8, "d8d7940000000000000000000000000000000000000000c0c0",
         NULL},                /* third item */
        {7, 5, "80", NULL},    /* blob without to */
        {7, 10, "c101", NULL}, /* blob hash of one byte */
        {8, 5, "80", NULL},    /* set code without to */
        {8, 9, "c1c0", NULL},  /* empty authorisation tuple */
        {8, 9, "dddc809400000000000000000000000000000000000000008082010001018080", NULL},
        {8, 9, "80", NULL},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        struct tx tx;
        struct mt_diag d = {0};
        slice raw = rebuilt(rows[i].row, rows[i].at, rows[i].item, rows[i].more);
        cr_assert_eq(tx_decode(raw, &mem, &tx, &d), MT_EDECODE, "row %zu", i);
        cr_assert_gt(strlen(d.text), 0);
    }
    /* the rebuilding itself is sound */
    struct tx tx;
    cr_assert_eq(tx_decode(rebuilt(8, 9, "c0", NULL), &mem, &tx, NULL), MT_OK);
    cr_assert_eq(
        tx_decode(rebuilt(5, 8, "d7d6940000000000000000000000000000000000000000c0", NULL),
                  &mem, &tx, NULL),
        MT_OK);
}

Test(types_tx, unknown_types)
{
    struct tx tx;
    for (unsigned t = 0; t < 0xc0; t++) {
        uint8_t raw[2] = {(uint8_t)t, 0xc0};
        cr_assert_eq(tx_decode(slice_of(raw, 2), &mem, &tx, NULL), MT_EDECODE);
    }
    cr_assert_eq(tx_decode(slice_of(NULL, 0), &mem, &tx, NULL), MT_EDECODE);
}

Test(types_tx, network_form)
{
    slice raw = unhex(tx_table[7].raw);
    struct buf b;
    struct tx tx;
    buf_init_arena(&b, &mem, 1 << 16);
    buf_put_u8(&b, 3);
    size_t at = rlp_begin(&b);
    buf_put(&b, raw.ptr + 1, raw.len - 1);
    rlp_put_u64(&b, 1);
    rlp_put_empty_list(&b);
    rlp_put_empty_list(&b);
    rlp_put_empty_list(&b);
    rlp_end(&b, at);
    cr_assert_eq(tx_decode_network(buf_slice(&b), &mem, &tx, NULL), MT_OK);
    cr_assert(slice_eq(tx.raw, raw));
    cr_assert(slice_eq(tx.sidecar, unhex("01c0c0c0")));
    expect_bytes(tx.hash.b, 32, tx_table[7].hash, "hash without the sidecar");
    cr_assert_eq(tx_decode(buf_slice(&b), &mem, &tx, NULL), MT_EDECODE);
    for (size_t i = 0; i < MT_ARRAY_LEN(tx_table); i++) {
        cr_assert_eq(tx_decode_network(unhex(tx_table[i].raw), &mem, &tx, NULL), MT_OK);
        cr_assert_eq(tx.sidecar.len, 0);
    }
}

Test(types_tx, small_arena_is_a_limit)
{
    struct arena small;
    struct tx tx;
    arena_init(&small, 16);
    cr_assert_eq(tx_decode(unhex(tx_table[4].raw), &small, &tx, NULL), MT_ELIMIT);
    arena_fini(&small);
}

Test(types_tx, effective_price)
{
    struct tx tx = {.max_fee = u256_from(100), .max_priority_fee = u256_from(7)};
    cr_assert(u256_eq(tx_effective_gas_price(&tx, u256_from(50)), u256_from(57)));
    cr_assert(u256_eq(tx_effective_gas_price(&tx, u256_from(93)), u256_from(100)));
    cr_assert(u256_eq(tx_effective_gas_price(&tx, u256_from(99)), u256_from(100)));
    tx.max_priority_fee = tx.max_fee = U256_MAX;
    cr_assert(u256_eq(tx_effective_gas_price(&tx, u256_from(5)), U256_MAX));
    tx.max_priority_fee = tx.max_fee = u256_from(9); /* legacy */
    cr_assert(u256_eq(tx_effective_gas_price(&tx, U256_ZERO), u256_from(9)));
}
