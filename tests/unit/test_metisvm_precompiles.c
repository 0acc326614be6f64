/* Precompiles called as a message: the prices published in their EIPs, fork by fork, and
 * how they fail. What they compute is tested in crypto; here it is the input rules
 * around it. */
#include "metisvm_host.h"

#define GAS 20000000u

static struct host h;

static void setup(void)
{
    host_init(&h, FORK_OSAKA);
}

static void teardown(void)
{
    host_fini(&h);
}

TestSuite(metisvm_precompiles, .init = setup, .fini = teardown);

static uint64_t call(enum fork fork, uint64_t at, slice in, uint64_t gas)
{
    h.rules.fork = fork;
    vm_state_reset(h.state, &h.rules);
    return host_call_in(&h, at, gas, in, UINT64_MAX);
}

/* Succeeds for exactly this price, and not for less. */
static void expect_price(enum fork fork, uint64_t at, slice in, uint64_t want)
{
    uint64_t used = call(fork, at, in, GAS);
    cr_expect_eq(h.result.halt, VM_SUCCESS, "%s 0x%x, %zu bytes: %s", fork_name(fork),
                 (unsigned)at, in.len, vm_halt_text(h.result.halt));
    cr_expect_eq(used, want, "%s 0x%x, %zu bytes: %llu, want %llu", fork_name(fork),
                 (unsigned)at, in.len, (unsigned long long)used,
                 (unsigned long long)want);
    if (want == 0)
        return;
    call(fork, at, in, want);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    call(fork, at, in, want - 1);
    cr_expect_eq(h.result.halt, VM_OUT_OF_GAS, "%s 0x%x", fork_name(fork), (unsigned)at);
}

static void expect_failure(enum fork fork, uint64_t at, slice in)
{
    cr_expect_eq(call(fork, at, in, GAS), GAS, "%s 0x%x, %zu bytes", fork_name(fork),
                 (unsigned)at, in.len);
    cr_expect_eq(h.result.halt, VM_PRECOMPILE, "%s 0x%x, %zu bytes: %s", fork_name(fork),
                 (unsigned)at, in.len, vm_halt_text(h.result.halt));
    cr_expect_eq(h.result.output.len, 0);
}

/* Zeros; every point of them is infinity. */
static uint8_t zeros[130 * 288];

static slice z(size_t len)
{
    cr_assert_leq(len, sizeof zeros);
    return slice_of(zeros, len);
}

/* Yellow paper, appendix E. */
Test(metisvm_precompiles, frontier)
{
    expect_price(FORK_FRONTIER, 1, z(0), 3000);
    expect_price(FORK_OSAKA, 1, z(128), 3000);
    cr_expect_eq(h.result.output.len, 0);
    expect_price(FORK_FRONTIER, 2, z(0), 60);
    expect_price(FORK_FRONTIER, 2, z(1), 72);
    expect_price(FORK_FRONTIER, 2, z(32), 72);
    expect_price(FORK_FRONTIER, 2, z(33), 84);
    expect_price(FORK_FRONTIER, 3, z(0), 600);
    expect_price(FORK_FRONTIER, 3, z(33), 840);
    expect_price(FORK_FRONTIER, 4, z(0), 15);
    expect_price(FORK_FRONTIER, 4, z(33), 21);
    cr_expect_eq(call(FORK_FRONTIER, 4, z(33), GAS), 21);
    cr_expect_eq(h.result.output.len, 33);
}

/* The example signature of the yellow paper's test suite: v, r, s and their bounds. */
Test(metisvm_precompiles, ecrecover_bounds)
{
    static const char hex[] =
        "ce0677bb30baa8cf067c88db9811f4333d131bf8bcf12fe7065d211dce971008"
        "000000000000000000000000000000000000000000000000000000000000001c"
        "90f27b8b488db00b00606796d2987f6a5f59ae62ea05effe84fef5b8b0e54998"
        "4a691139ad57a3f0b906637673aa2f63d1f55cb1a69199d4009eea23ceaddc93";
    uint8_t in[160] = {0}, key[64];
    cr_assert_eq(hex_decode_fixed(hex, in, 128), MT_OK);
    cr_assert_eq(hex_decode_fixed(
                     "e32df42865e97135acfb65f3bae71bdc86f4d49150ad6a440b6f15878109880a"
                     "0a2b2667f7e725ceea70c673093bf67663e0312623c8e091b13cf2c0f11ef652",
                     key, 64),
                 MT_OK);
    hash32 hash = keccak256(key, 64);
    memset(hash.b, 0, 12);
    u256 want = u256_from_hash(&hash);
    call(FORK_OSAKA, 1, slice_of(in, 128), GAS);
    cr_expect(u256_eq(host_word(&h), want));
    call(FORK_OSAKA, 1, slice_of(in, 160), GAS); /* more input does not matter */
    cr_expect(u256_eq(host_word(&h), want));
    call(FORK_OSAKA, 1, slice_of(in, 127), GAS);
    in[63] = 29;
    call(FORK_OSAKA, 1, slice_of(in, 128), GAS);
    cr_expect_eq(h.result.output.len, 0);
    in[63] = 0x1c;
    in[32] = 1; /* v is a whole word */
    call(FORK_OSAKA, 1, slice_of(in, 128), GAS);
    cr_expect_eq(h.result.output.len, 0);
    in[32] = 0;
    memset(in + 96, 0, 32); /* s = 0 */
    call(FORK_OSAKA, 1, slice_of(in, 128), GAS);
    cr_expect_eq(h.result.output.len, 0);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
}

/* The lengths and exponents of the vectors in EIP-2565 and EIP-7883, with the prices
 * from the tables there; the modulus is zero, which does not change them. */
Test(metisvm_precompiles, modexp_prices)
{
    static const struct {
        size_t len; /* of base and modulus */
        uint32_t exp;
        size_t exp_len;
        uint64_t byzantium, berlin, osaka;
    } row[] = {
        {64, 2, 1, 204, 200, 500},
        {64, 3, 1, 204, 200, 500},
        {64, 0x10001, 3, 3276, 341, 2048},
        {128, 2, 1, 665, 200, 512},
        {128, 3, 1, 665, 200, 512},
        {128, 0x10001, 3, 10649, 1365, 8192},
        {256, 2, 1, 1894, 341, 2048},
        {256, 3, 1, 1894, 341, 2048},
        {256, 0x10001, 3, 30310, 5461, 32768},
        {512, 2, 1, 5580, 1365, 8192},
        {512, 3, 1, 5580, 1365, 8192},
        {512, 0x10001, 3, 89292, 21845, 131072},
        {1024, 2, 1, 17868, 5461, 32768},
        {1024, 3, 1, 17868, 5461, 32768},
        {1024, 0x10001, 3, 285900, 87381, 524288},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(row); i++) {
        uint8_t in[96 + 3 + 2048] = {0};
        uint8_t exp[4];
        slice s = slice_of(in, 96 + 2 * row[i].len + row[i].exp_len);
        store_be64(in + 24, row[i].len);
        store_be64(in + 56, row[i].exp_len);
        store_be64(in + 88, row[i].len);
        store_be32(exp, row[i].exp);
        memcpy(in + 96 + row[i].len, exp + 4 - row[i].exp_len, row[i].exp_len);
        expect_price(FORK_BYZANTIUM, 5, s, row[i].byzantium);
        expect_price(FORK_ISTANBUL, 5, s, row[i].byzantium);
        expect_price(FORK_BERLIN, 5, s, row[i].berlin);
        expect_price(FORK_OSAKA, 5, s, row[i].osaka);
        cr_expect_eq(h.result.output.len, 0); /* the last call ran out of gas */
    }
}

/* EIP-198's examples: 3^(p-1) mod p with p the field of secp256k1; base length 0; a
 * length beyond all memory with nothing to do. */
Test(metisvm_precompiles, modexp_examples)
{
    static const char first[] =
        "0000000000000000000000000000000000000000000000000000000000000001"
        "0000000000000000000000000000000000000000000000000000000000000020"
        "0000000000000000000000000000000000000000000000000000000000000020"
        "03"
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e"
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
    static const char second[] =
        "0000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000020"
        "0000000000000000000000000000000000000000000000000000000000000020"
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e"
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
    /* 3^0xffff mod 2^255: the modulus is cut short and followed by zeros. */
    static const char fifth[] =
        "0000000000000000000000000000000000000000000000000000000000000001"
        "0000000000000000000000000000000000000000000000000000000000000002"
        "0000000000000000000000000000000000000000000000000000000000000020"
        "03ffff80";
    uint8_t in[256];
    size_t len;
    cr_assert_eq(hex_decode(first, strlen(first), in, sizeof in, &len), MT_OK);
    cr_expect_eq(call(FORK_BYZANTIUM, 5, slice_of(in, len), GAS), 13056);
    cr_expect(u256_eq(host_word(&h), U256_ONE));
    cr_expect_eq(call(FORK_BERLIN, 5, slice_of(in, len), GAS), 1360);
    cr_expect_eq(call(FORK_OSAKA, 5, slice_of(in, len), GAS), 4080);
    cr_assert_eq(hex_decode(second, strlen(second), in, sizeof in, &len), MT_OK);
    cr_expect_eq(call(FORK_BYZANTIUM, 5, slice_of(in, len), GAS), 13056);
    cr_expect(u256_is_zero(host_word(&h)));
    cr_assert_eq(hex_decode(fifth, strlen(fifth), in, sizeof in, &len), MT_OK);
    cr_expect_eq(call(FORK_BYZANTIUM, 5, slice_of(in, len), GAS), 768);
    cr_expect(u256_eq(
        host_word(&h),
        host_hex("0x3b01b01ac41f2d6e917c6d6a221ce793802469026d9ab7578fa2e79e4da6aaab")));
}

static slice modexp_lengths(uint8_t in[96], uint64_t base, uint64_t exp, uint64_t mod)
{
    memset(in, 0, 96);
    store_be64(in + 24, base);
    store_be64(in + 56, exp);
    store_be64(in + 88, mod);
    return slice_of(in, 96);
}

/* EIP-7823: at most 1024 bytes each from Osaka on; lengths that no gas pays for before.
 */
Test(metisvm_precompiles, modexp_limits)
{
    uint8_t in[96];
    expect_price(FORK_OSAKA, 5, modexp_lengths(in, 0, 0, 0), 500);
    expect_price(FORK_OSAKA, 5, modexp_lengths(in, 1024, 0, 0), 32768);
    expect_price(FORK_OSAKA, 5, modexp_lengths(in, 0, 1024, 0),
                 253952); /* 16 * 16 * 992 */
    call(FORK_OSAKA, 5, modexp_lengths(in, 1025, 0, 0), GAS);
    cr_expect_neq(h.result.halt, VM_SUCCESS);
    cr_expect_eq(h.result.gas_left, 0);
    call(FORK_OSAKA, 5, modexp_lengths(in, 0, 1025, 0), GAS);
    cr_expect_neq(h.result.halt, VM_SUCCESS);
    call(FORK_OSAKA, 5, modexp_lengths(in, 0, 0, 1025), GAS);
    cr_expect_neq(h.result.halt, VM_SUCCESS);
    expect_price(FORK_BYZANTIUM, 5, modexp_lengths(in, 0, UINT64_MAX, 0), 0);
    expect_price(FORK_BERLIN, 5, modexp_lengths(in, 0, UINT64_MAX, 0), 200);
    modexp_lengths(in, 0, 0, 0);
    memset(in + 32, 0xff, 32);
    expect_price(FORK_BERLIN, 5, slice_of(in, 96), 200);
    for (size_t at = 0; at < 96; at += 64) {
        modexp_lengths(in, 1, 1, 1);
        in[at] = 1;
        call(FORK_BERLIN, 5, slice_of(in, 96), GAS);
        cr_expect_eq(h.result.halt, VM_OUT_OF_GAS);
    }
}

/* EIP-196, EIP-197, repriced by EIP-1108. */
Test(metisvm_precompiles, bn254)
{
    uint8_t bad[192] = {[31] = 1, [63] = 1}; /* (1, 1) is not on the curve */
    expect_price(FORK_BYZANTIUM, 6, z(0), 500);
    expect_price(FORK_PETERSBURG, 6, z(128), 500);
    expect_price(FORK_ISTANBUL, 6, z(500), 150);
    expect_price(FORK_BYZANTIUM, 7, z(96), 40000);
    expect_price(FORK_ISTANBUL, 7, z(3), 6000);
    expect_price(FORK_BYZANTIUM, 8, z(0), 100000);
    expect_price(FORK_BYZANTIUM, 8, z(384), 260000);
    expect_price(FORK_ISTANBUL, 8, z(0), 45000);
    cr_expect_eq(call(FORK_ISTANBUL, 8, z(384), GAS), 113000);
    cr_expect(u256_eq(host_word(&h), U256_ONE));
    expect_failure(FORK_ISTANBUL, 8, z(191));
    expect_failure(FORK_ISTANBUL, 6, slice_of(bad, 128));
    expect_failure(FORK_ISTANBUL, 7, slice_of(bad, 96));
    expect_failure(FORK_ISTANBUL, 8, slice_of(bad, 192));
    /* An account like any other before its fork. */
    cr_expect_eq(call(FORK_SPURIOUS, 6, slice_of(bad, 128), GAS), 0);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
}

/* EIP-152. */
Test(metisvm_precompiles, blake2f)
{
    uint8_t in[214] = {0};
    in[3] = 12;
    expect_price(FORK_ISTANBUL, 9, slice_of(in, 213), 12);
    cr_expect_eq(call(FORK_ISTANBUL, 9, slice_of(in, 213), GAS), 12);
    cr_expect_eq(h.result.output.len, 64);
    expect_failure(FORK_ISTANBUL, 9, slice_of(in, 212));
    expect_failure(FORK_ISTANBUL, 9, slice_of(in, 214));
    in[212] = 2;
    expect_failure(FORK_ISTANBUL, 9, slice_of(in, 213));
    in[212] = 1;
    memset(in, 0xff, 4);
    call(FORK_ISTANBUL, 9, slice_of(in, 213), GAS);
    cr_expect_eq(h.result.halt, VM_OUT_OF_GAS);
}

#ifndef METIS_NO_KZG
/* EIP-4844: the zero polynomial; its output is a constant of the EIP. */
Test(metisvm_precompiles, point_evaluation)
{
    uint8_t in[193] = {[96] = 0xc0, [144] = 0xc0};
    hash32 v = kzg_versioned_hash(in + 96);
    u256 modulus =
        host_hex("0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    memcpy(in, v.b, 32);
    expect_price(FORK_CANCUN, 10, slice_of(in, 192), 50000);
    cr_expect_eq(call(FORK_CANCUN, 10, slice_of(in, 192), GAS), 50000);
    cr_assert_eq(h.result.output.len, 64);
    cr_expect(u256_eq(u256_load_be(h.result.output.ptr), u256_from(4096)));
    cr_expect(u256_eq(u256_load_be(h.result.output.ptr + 32), modulus));
    expect_failure(FORK_CANCUN, 10, slice_of(in, 193));
    expect_failure(FORK_CANCUN, 10, slice_of(in, 191));
    in[95] = 1;
    expect_failure(FORK_CANCUN, 10, slice_of(in, 192));
}

/* EIP-2537; k pairs cost k * unit * discount(k) / 1000. */
Test(metisvm_precompiles, bls12_381)
{
    expect_price(FORK_PRAGUE, 0x0b, z(256), 375);
    expect_price(FORK_PRAGUE, 0x0c, z(160), 12000);
    expect_price(FORK_PRAGUE, 0x0c, z(2 * 160), 22776);
    expect_price(FORK_PRAGUE, 0x0c, z(128 * 160), 797184);
    expect_price(FORK_PRAGUE, 0x0c, z(129 * 160), 803412);
    expect_price(FORK_PRAGUE, 0x0d, z(512), 600);
    expect_price(FORK_PRAGUE, 0x0e, z(288), 22500);
    expect_price(FORK_PRAGUE, 0x0e, z(2 * 288), 45000);
    expect_price(FORK_PRAGUE, 0x0e, z(3 * 288), 62302);
    expect_price(FORK_PRAGUE, 0x0e, z(128 * 288), 1509120);
    expect_price(FORK_PRAGUE, 0x0e, z(129 * 288), 1520910);
    expect_price(FORK_PRAGUE, 0x0f, z(384), 70300);
    expect_price(FORK_PRAGUE, 0x0f, z(2 * 384), 102900);
    expect_price(FORK_PRAGUE, 0x10, z(64), 5500);
    expect_price(FORK_PRAGUE, 0x11, z(128), 23800);
    static const uint16_t unit[7] = {256, 160, 512, 288, 384, 64, 128};
    for (uint64_t i = 0; i < 7; i++) {
        expect_failure(FORK_PRAGUE, 0x0b + i, z(0));
        expect_failure(FORK_PRAGUE, 0x0b + i, z(unit[i] - 1));
        expect_failure(FORK_PRAGUE, 0x0b + i, z(unit[i] + 1));
        cr_expect_eq(call(FORK_CANCUN, 0x0b + i, z(unit[i]), GAS), 0);
    }
}
#endif

/* EIP-7951: never a failure, output 1 or nothing. */
Test(metisvm_precompiles, p256)
{
    expect_price(FORK_OSAKA, 0x100, z(0), 6900);
    expect_price(FORK_OSAKA, 0x100, z(160), 6900);
    expect_price(FORK_OSAKA, 0x100, z(161), 6900);
    cr_expect_eq(call(FORK_OSAKA, 0x100, z(160), GAS), 6900);
    cr_expect_eq(h.result.output.len, 0);
    cr_expect_eq(call(FORK_PRAGUE, 0x100, z(160), GAS), 0);
}

/* How many there are, fork by fork. */
Test(metisvm_precompiles, enumeration)
{
    static const struct {
        enum fork fork;
        unsigned count;
    } row[] = {{FORK_FRONTIER, 4}, {FORK_SPURIOUS, 4}, {FORK_BYZANTIUM, 8},
               {FORK_ISTANBUL, 9}, {FORK_SHANGHAI, 9}, {FORK_CANCUN, 10},
               {FORK_PRAGUE, 17},  {FORK_OSAKA, 18}};
    for (size_t i = 0; i < MT_ARRAY_LEN(row); i++) {
        unsigned at = 0, n = 0;
        address a;
        h.rules.fork = row[i].fork;
        while (vm_precompile_next(&h.rules, &at, &a)) {
            cr_expect(vm_is_precompile(&h.rules, &a));
            n++;
        }
        cr_expect_eq(n, row[i].count, "%s: %u", fork_name(row[i].fork), n);
    }
}
