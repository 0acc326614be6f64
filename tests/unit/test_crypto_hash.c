/* keccak on every path, SHA-256, RIPEMD-160, BLAKE2 F: published vectors, and the paths
 * against each other. */
#include "crypto_int.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static hash32 h32(const char *hex)
{
    hash32 h;
    cr_assert_eq(hex_decode_fixed(hex, h.b, 32), MT_OK);
    return h;
}

static void expect_hash(hash32 got, const char *want)
{
    hash32 w = h32(want);
    cr_expect(hash32_eq(&got, &w), "got %s, want %s", hash32_text(&got).s, want);
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Yellow paper's constants, the Keccak team's ShortMsgKAT, "abc". */
Test(crypto_hash, keccak_published)
{
    expect_hash(keccak256("", 0),
                "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    expect_hash(KECCAK_EMPTY,
                "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    expect_hash(keccak256("abc", 3),
                "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    expect_hash(keccak256("\xcc", 1),
                "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a");
    expect_hash(keccak256("\x80", 1),
                "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
    expect_hash(KECCAK_RLP_EMPTY,
                "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
    expect_hash(keccak256("\xc0", 1),
                "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
    expect_hash(KECCAK_RLP_EMPTY_LIST,
                "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
}

static void check_isa(enum keccak_isa isa)
{
    static uint8_t data[4096];
    uint64_t seed = 0x9e3779b97f4a7c15;
    slice in[64];
    hash32 out[64];
    if (keccak_force_isa(isa) != MT_OK)
        cr_skip_test("the processor lacks %s", keccak_isa_name(isa));
    cr_assert_eq(keccak_isa(), isa);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)next(&seed);
    for (unsigned round = 0; round < 300; round++) {
        size_t n = next(&seed) % 65, len_max = round % 3 == 0 ? 70 : 1200;
        for (size_t i = 0; i < n; i++)
            in[i] = slice_of(data + next(&seed) % 2000, next(&seed) % len_max);
        if (n > 2)
            in[n / 2] = slice_of(NULL, 0);
        memset(out, 0, sizeof out);
        keccak256_many(in, out, n);
        for (size_t i = 0; i < n; i++) {
            hash32 one = keccak256(in[i].ptr, in[i].len);
            cr_assert(hash32_eq(&one, &out[i]), "%s: round %u message %zu of %zu",
                      keccak_isa_name(isa), round, i, n);
        }
    }
}

Test(crypto_hash, keccak_many_scalar)
{
    check_isa(KECCAK_SCALAR);
}

Test(crypto_hash, keccak_many_avx2)
{
    check_isa(KECCAK_AVX2);
}

Test(crypto_hash, keccak_many_avx512)
{
    check_isa(KECCAK_AVX512);
}

Test(crypto_hash, keccak_incremental)
{
    static uint8_t data[1500];
    uint64_t seed = 42;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)next(&seed);
    for (unsigned round = 0; round < 500; round++) {
        size_t len = next(&seed) % sizeof data, at = 0;
        hash32 whole = keccak256(data, len), parts;
        struct keccak k;
        keccak_init(&k);
        while (at < len) {
            size_t want = next(&seed) % 300, n = MT_MIN(len - at, want);
            keccak_add(&k, data + at, n);
            at += n;
        }
        parts = keccak_done(&k);
        cr_assert(hash32_eq(&whole, &parts), "round %u, %zu bytes", round, len);
    }
}

Test(crypto_hash, keccak_environment)
{
    setenv("METIS_KECCAK", "scalar", 1);
    cr_expect_eq(keccak_setup(), MT_OK);
    cr_expect_eq(keccak_isa(), KECCAK_SCALAR);
    setenv("METIS_KECCAK", "sse9", 1);
    cr_expect_eq(keccak_setup(), MT_EINVAL);
    unsetenv("METIS_KECCAK");
    cr_expect_eq(crypto_init(), MT_OK);
    cr_expect_eq(crypto_init(), MT_OK);
}

/* FIPS 180-4, and the table's entry. */
Test(crypto_hash, sha256)
{
    hash32 h;
    expect_hash(sha256("", 0),
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_hash(sha256("abc", 3),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_native()->sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                            56, h.b);
    expect_hash(h, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Dobbertin, Bosselaers, Preneel: RIPEMD-160, appendix B. */
Test(crypto_hash, ripemd160)
{
    uint8_t got[20], want[20];
    ripemd160("", 0, got);
    cr_assert_eq(hex_decode_fixed("9c1185a5c5e9fc54612808977ee8f548b2258d31", want, 20),
                 MT_OK);
    cr_expect_arr_eq(got, want, 20);
    ripemd160("abc", 3, got);
    cr_assert_eq(hex_decode_fixed("8eb208f7e05d987a9b044a8e98c6b087f15a0bfc", want, 20),
                 MT_OK);
    cr_expect_arr_eq(got, want, 20);
}

/* EIP-152, test vectors 4 to 7. */
static void check_blake2f(uint32_t rounds, bool final, const char *want)
{
    uint8_t h_bytes[64], out[64], want_bytes[64];
    uint64_t h[8], m[16] = {0x636261};
    cr_assert_eq(
        hex_decode_fixed("48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af5"
                         "4fa5d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e13"
                         "19cde05b",
                         h_bytes, 64),
        MT_OK);
    cr_assert_eq(hex_decode_fixed(want, want_bytes, 64), MT_OK);
    memcpy(h, h_bytes, 64);
    blake2f(rounds, h, m, 3, 0, final);
    memcpy(out, h, 64);
    cr_expect_arr_eq(out, want_bytes, 64, "rounds %u", rounds);
}

Test(crypto_hash, blake2f)
{
    check_blake2f(0, true,
                  "08c9bcf367e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
                  "d282e6ad7f520e511f6c3e2b8c68059b9442be0454267ce079217e1319cde05b");
    check_blake2f(12, true,
                  "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                  "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    check_blake2f(12, false,
                  "75ab69d3190a562c51aef8d88f1c2775876944407270c42c9844252c26d28752"
                  "98743e7f6d5ea2f2d3e8d226039cd31b4e426ac4f2d3d666a610c2116fde4735");
    check_blake2f(1, true,
                  "b63a380cb2897d521994a85234ee2c181b5f844d2c624c002677e9703449d2fb"
                  "a551b3a8333bcdf5f2f7e08993d53923de3d64fcc68c034e717b9293fed7a421");
}

Test(crypto_hash, random_differs)
{
    hash32 a, b;
    cr_assert_eq(random_bytes(a.b, 32), MT_OK);
    cr_assert_eq(random_bytes(b.b, 32), MT_OK);
    cr_expect_not(hash32_eq(&a, &b));
    cr_expect_eq(random_bytes(NULL, 0), MT_OK);
}
