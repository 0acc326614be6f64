/* The plain-C table of the provable core against the node's (OpenSSL, libsecp256k1, GMP,
 * blst's assembly), which has vectors of its own: every entry on random input and on edges. */
#include "metis/stf.h"

#include <criterion/criterion.h>

#ifdef METIS_STF

#define SEED 0x5eed0001u

static uint64_t state;

/* The freestanding build has no heap for arenas to grow on. */
static uint8_t memory[1u << 24];

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)next();
}

static void setup(void)
{
    state = SEED;
    cr_assert_eq(crypto_init(), MT_OK);
}

TestSuite(stf_crypto, .init = setup);

Test(stf_crypto, digests)
{
    const struct crypto_ops *a = metis_stf_crypto(), *b = crypto_native();
    uint8_t in[300], x[32], y[32];
    fill(in, sizeof in);
    for (size_t n = 0; n <= sizeof in; n++) {
        a->sha256(in, n, x);
        b->sha256(in, n, y);
        cr_assert_arr_eq(x, y, 32, "sha256 of %zu bytes", n);
        a->ripemd160(in, n, x);
        b->ripemd160(in, n, y);
        cr_assert_arr_eq(x, y, 20, "ripemd160 of %zu bytes", n);
    }
}

Test(stf_crypto, recovery)
{
    const struct crypto_ops *a = metis_stf_crypto(), *b = crypto_native();
    for (unsigned i = 0; i < 200; i++) {
        hash32 digest, key;
        sig s;
        address x = {{0}}, y = {{0}};
        fill(digest.b, 32);
        fill(key.b, 32);
        cr_assert_eq(secp_sign(&digest, &key, &s), MT_OK);
        if (i % 4 == 1) /* mostly without a key, sometimes with another */
            fill(s.r.b, 32);
        if (i % 4 == 2)
            memset(i % 8 == 2 ? s.s.b : s.r.b, i % 16 == 2 ? 0 : 0xff, 32);
        if (i % 4 == 3)
            s.y_parity ^= 1;
        mt_err err = a->recover(&digest, &s, &x);
        cr_assert_eq(err, b->recover(&digest, &s, &y), "%u", i);
        cr_assert_arr_eq(x.b, y.b, 20, "%u", i);
    }
}

/* A number of n bytes with runs of zeros and ones, where carries are born. */
static void fill_odd(uint8_t *p, size_t n)
{
    fill(p, n);
    for (size_t i = 0; i + 8 <= n; i += 8)
        if (next() % 4 == 0)
            memset(p + i, next() % 2 ? 0xff : 0, 8);
}

Test(stf_crypto, modexp)
{
    const struct crypto_ops *a = metis_stf_crypto(), *b = crypto_native();
    struct arena arena;
    arena_init_fixed(&arena, memory, sizeof memory);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t base[96], exp[40], mod[96], x[96], y[96];
        size_t nb = next() % sizeof base, ne = next() % sizeof exp,
               nm = next() % sizeof mod;
        fill_odd(base, nb);
        fill_odd(exp, ne);
        fill_odd(mod, nm);
        if (nm > 0 && i % 3 == 0)
            mod[nm - 1] &= 0xfe;
        if (i % 7 == 0)
            memset(mod, 0, nm / 2);
        mt_err err = a->modexp(slice_of(base, nb), slice_of(exp, ne), slice_of(mod, nm),
                               x, &arena);
        cr_assert_eq(err, MT_OK);
        err = b->modexp(slice_of(base, nb), slice_of(exp, ne), slice_of(mod, nm), y,
                        &arena);
        cr_assert_eq(err, MT_OK);
        cr_assert(memcmp(x, y, nm) == 0, "%u: %zu ^ %zu mod %zu", i, nb, ne, nm);
    }
}

/* One good signature over P-256: NIST CAVS 11.0, SigVer, P-256 with SHA-256, the first that
 * passes; then every bit of its words matters. */
Test(stf_crypto, p256)
{
    static const char good[] =
        "44acf6b7e36c1342c2c5897204fe09504e1e2efb1a900377dbc4e7a6a133ec56"
        "f3ac8061b514795b8843e3d6629527ed2afd6b1f6a555a7acabb5e6f79c8c2ac"
        "8bf77819ca05a6b2786c76262bf7371cef97b218e96f175a3ccdda2acc058903"
        "1ccbe91c075fc7f4f033bfa248db8fccd3565de94bbfb12f3c59ff46c271bf83"
        "ce4014c68811f9a21a1fdb2c0e6113e06db7ca93b7404e78dc7ccd5ca89a4ca9";
    const struct crypto_ops *a = metis_stf_crypto(), *b = crypto_native();
    uint8_t in[160];
    bool x, y;
    cr_assert_eq(hex_decode_fixed(good, in, sizeof in), MT_OK);
    b->p256_verify(in, &y);
    a->p256_verify(in, &x);
    cr_assert(x && y);
    for (unsigned i = 0; i < 160; i++) {
        in[i] ^= (uint8_t)(1u << (i % 8));
        a->p256_verify(in, &x);
        b->p256_verify(in, &y);
        cr_assert_eq(x, y, "byte %u", i);
        in[i] ^= (uint8_t)(1u << (i % 8));
    }
    for (unsigned word = 0; word < 5; word++) {
        uint8_t edge[160];
        for (unsigned v = 0; v < 2; v++) {
            memcpy(edge, in, sizeof edge);
            memset(edge + (size_t)32 * word, v == 0 ? 0 : 0xff, 32);
            a->p256_verify(edge, &x);
            b->p256_verify(edge, &y);
            cr_assert_eq(x, y, "word %u", word);
        }
    }
}

Test(stf_crypto, curves)
{
    const struct crypto_ops *a = metis_stf_crypto(), *b = crypto_native();
    struct arena arena;
    uint8_t g[64] = {[31] = 1, [63] = 2}, k[32], x[256], y[256], fp[128];
    arena_init_fixed(&arena, memory, sizeof memory);
    for (unsigned i = 0; i < 40; i++) {
        fill(k, 32);
        cr_assert_eq(a->bn254_mul(g, k, x), b->bn254_mul(g, k, y));
        cr_assert_arr_eq(x, y, 64);
        cr_assert_eq(a->bn254_add(g, x, x), b->bn254_add(g, y, y));
        cr_assert_arr_eq(x, y, 64);
        memcpy(g, x, 64);
    }
    for (unsigned i = 0; i < 20; i++) {
        uint8_t terms[2 * 288], sum[512];
        fill(fp, 128);
        memset(fp, 0, 17);
        memset(fp + 64, 0, 17);
        cr_assert_eq(a->bls_map_g1(fp, x), MT_OK);
        cr_assert_eq(b->bls_map_g1(fp, y), MT_OK);
        cr_assert_arr_eq(x, y, 128);
        memcpy(terms, x, 128);
        fill(terms + 128, 32);
        cr_assert_eq(a->bls_g1_msm(slice_of(terms, 160), x, &arena), MT_OK);
        cr_assert_eq(b->bls_g1_msm(slice_of(terms, 160), y, &arena), MT_OK);
        cr_assert_arr_eq(x, y, 128);
        cr_assert_eq(a->bls_map_g2(fp, x), MT_OK);
        cr_assert_eq(b->bls_map_g2(fp, y), MT_OK);
        cr_assert_arr_eq(x, y, 256);
        memcpy(terms, x, 256);
        fill(terms + 256, 32);
        memcpy(terms + 288, terms, 288);
        cr_assert_eq(a->bls_g2_msm(slice_of(terms, 576), y, &arena), MT_OK);
        memcpy(sum, y, 256);
        memcpy(sum + 256, x, 256);
        cr_assert_eq(a->bls_g2_add(sum, x), MT_OK);
        cr_assert_eq(b->bls_g2_msm(slice_of(terms, 576), y, &arena), MT_OK);
        memcpy(sum, y, 256);
        cr_assert_eq(b->bls_g2_add(sum, y), MT_OK);
        cr_assert_arr_eq(x, y, 256);
    }
}

#endif
