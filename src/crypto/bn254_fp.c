/* BN254: products, inversion and encoding in Fp, and the products of Fp2.
 *
 * Montgomery's method, one row a limb. p < 2^254 leaves two spare bits in the top limb,
 * so five limbs hold every intermediate value (rows stay below 3p < 2^256) and one
 * subtraction ends it. A product in Fp2 is two sums of products with one reduction each
 * (Longa, "Efficient algorithms for large prime characteristic fields", 2022): (2p^2 +
 * 2^256 p) / 2^256 < 2p. */
#include "bn254_int.h"

#ifdef BN_HAVE_ADX
#include <cpuid.h>
#endif

const fp fp_one = {
    {0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f}};

/* 2^512 modulo p: multiplying by it enters Montgomery form. */
static const fp fp_r2 = {
    {0xf32cfc5b538afa89, 0xb5e71911d44501fb, 0x47ab1eff0a417ff6, 0x06d89f71cab8351f}};

/* Defines the products over one kind of row. */
#define DEFINE_PRODUCTS(suffix, mul_row, redc_row)                                       \
    static inline void mul_##suffix(fp *r, const fp *a, const fp *b)                     \
    {                                                                                    \
        uint64_t t[5] = {0, 0, 0, 0, 0};                                                 \
        fp v;                                                                            \
        mul_row(t, a, b->l[0]);                                                          \
        redc_row(t);                                                                     \
        mul_row(t, a, b->l[1]);                                                          \
        redc_row(t);                                                                     \
        mul_row(t, a, b->l[2]);                                                          \
        redc_row(t);                                                                     \
        mul_row(t, a, b->l[3]);                                                          \
        redc_row(t);                                                                     \
        v = (fp){{t[0], t[1], t[2], t[3]}};                                              \
        fp_reduce(r, &v);                                                                \
    }                                                                                    \
    static inline void mul2_##suffix(fp *r, const fp *a, const fp *b, const fp *c,       \
                                     const fp *d)                                        \
    {                                                                                    \
        uint64_t t[5] = {0, 0, 0, 0, 0};                                                 \
        fp v;                                                                            \
        mul_row(t, a, b->l[0]);                                                          \
        mul_row(t, c, d->l[0]);                                                          \
        redc_row(t);                                                                     \
        mul_row(t, a, b->l[1]);                                                          \
        mul_row(t, c, d->l[1]);                                                          \
        redc_row(t);                                                                     \
        mul_row(t, a, b->l[2]);                                                          \
        mul_row(t, c, d->l[2]);                                                          \
        redc_row(t);                                                                     \
        mul_row(t, a, b->l[3]);                                                          \
        mul_row(t, c, d->l[3]);                                                          \
        redc_row(t);                                                                     \
        v = (fp){{t[0], t[1], t[2], t[3]}};                                              \
        fp_reduce(r, &v);                                                                \
    }

DEFINE_PRODUCTS(general, bn_mul_row, bn_redc_row)

#ifdef BN_HAVE_ADX
DEFINE_PRODUCTS(adx, bn_mul_row_adx, bn_redc_row_adx)

static bool use_adx;

bool bn254_setup(bool fast)
{
    unsigned a, b = 0, c, d;
    const unsigned bmi2 = 1u << 8, adx = 1u << 19;
    bool have = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bmi2) && (b & adx);
    use_adx = fast && have;
    return use_adx;
}

#define CHOOSE(general_call, adx_call)                                                   \
    do {                                                                                 \
        if (MT_LIKELY(use_adx))                                                          \
            adx_call;                                                                    \
        else                                                                             \
            general_call;                                                                \
    } while (0)
#else
bool bn254_setup(bool fast)
{
    (void)fast;
    return false;
}

#define CHOOSE(general_call, adx_call) general_call
#endif

/* ---- Fp ---- */

void fp_mul(fp *r, const fp *a, const fp *b)
{
    CHOOSE(mul_general(r, a, b), mul_adx(r, a, b));
}

void fp_mul2(fp *r, const fp *a, const fp *b, const fp *c, const fp *d)
{
    CHOOSE(mul2_general(r, a, b, c, d), mul2_adx(r, a, b, c, d));
}

/* Plain 256-bit integers for the inversion. */

static inline void int_add(fp *a, const fp *b)
{
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++)
        a->l[i] = bn_addc(a->l[i], b->l[i], &carry);
}

static inline void int_sub(fp *a, const fp *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++)
        a->l[i] = bn_subb(a->l[i], b->l[i], &borrow);
}

static inline bool int_less(const fp *a, const fp *b)
{
    for (int i = 3; i > 0; i--)
        if (a->l[i] != b->l[i])
            return a->l[i] < b->l[i];
    return a->l[0] < b->l[0];
}

/* n in 1..63. */
static inline void int_shl(fp *a, unsigned n)
{
    for (int i = 3; i > 0; i--)
        a->l[i] = a->l[i] << n | a->l[i - 1] >> (64 - n);
    a->l[0] <<= n;
}

static inline void int_shr(fp *a, unsigned n)
{
    for (int i = 0; i < 3; i++)
        a->l[i] = a->l[i] >> n | a->l[i + 1] << (64 - n);
    a->l[3] >>= n;
}

/* Makes a odd (it is not zero) and doubles b as often as a was halved; returns how
 * often. */
static inline unsigned halve_all(fp *a, fp *b)
{
    unsigned total = 0;
    while ((a->l[0] & 1) == 0) {
        unsigned n = a->l[0] == 0 ? 63 : (unsigned)__builtin_ctzll(a->l[0]);
        int_shr(a, n);
        int_shl(b, n);
        total += n;
    }
    return total;
}

/* Kaliski's almost inverse (1995): with p = u s + v r throughout, -r ends as 2^k / a,
 * where 254 <= k <= 508 and r < 2p. Montgomery form wants 2^512 / a: 512 - k doublings,
 * made by a product with that power of two. */
void fp_inv(fp *r_out, const fp *a)
{
    fp u = {{BN_P0, BN_P1, BN_P2, BN_P3}}, v = *a, power = {{0, 0, 0, 0}};
    fp r = {{0, 0, 0, 0}}, s = {{1, 0, 0, 0}};
    unsigned k, j;
    if (fp_is_zero(a)) {
        *r_out = *a;
        return;
    }
    k = halve_all(&v, &r);
    while (!fp_eq(&u, &v)) {
        if (int_less(&v, &u)) {
            int_sub(&u, &v);
            int_add(&r, &s);
            k += halve_all(&u, &s);
        } else {
            int_sub(&v, &u);
            int_add(&s, &r);
            k += halve_all(&v, &r);
        }
    }
    int_shl(&r, 1);
    fp_reduce(&r, &r);
    fp_neg(&r, &r);
    for (j = 511 - k; j > 253; j--)
        fp_add(&r, &r, &r);
    power.l[j / 64] = (uint64_t)1 << (j % 64);
    fp_mul(&r, &r, &fp_r2);
    fp_mul(r_out, &r, &power);
}

bool fp_load(fp *r, const uint8_t in[32])
{
    fp v = {{load_be64(in + 24), load_be64(in + 16), load_be64(in + 8), load_be64(in)}};
    uint64_t borrow = 0;
    (void)bn_subb(v.l[0], BN_P0, &borrow);
    (void)bn_subb(v.l[1], BN_P1, &borrow);
    (void)bn_subb(v.l[2], BN_P2, &borrow);
    (void)bn_subb(v.l[3], BN_P3, &borrow);
    if (!borrow)
        return false;
    fp_mul(r, &v, &fp_r2);
    return true;
}

void fp_store(uint8_t out[32], const fp *a)
{
    const fp one = {{1, 0, 0, 0}};
    fp v;
    fp_mul(&v, a, &one);
    for (int i = 0; i < 4; i++)
        store_be64(out + 8 * i, v.l[3 - i]);
}

/* ---- Fp2 ---- */

void fp2_mul(fp2 *r, const fp2 *a, const fp2 *b)
{
    fp2 t;
    fp n;
    fp_neg(&n, &a->c[1]);
    CHOOSE((mul2_general(&t.c[0], &a->c[0], &b->c[0], &n, &b->c[1]),
            mul2_general(&t.c[1], &a->c[0], &b->c[1], &a->c[1], &b->c[0])),
           (mul2_adx(&t.c[0], &a->c[0], &b->c[0], &n, &b->c[1]),
            mul2_adx(&t.c[1], &a->c[0], &b->c[1], &a->c[1], &b->c[0])));
    *r = t;
}

/* (a0 + a1)(a0 - a1) + 2 a0 a1 i. */
void fp2_sqr(fp2 *r, const fp2 *a)
{
    fp sum, diff, twice;
    fp_add_lazy(&sum, &a->c[0], &a->c[1]);
    fp_sub(&diff, &a->c[0], &a->c[1]);
    fp_add_lazy(&twice, &a->c[0], &a->c[0]);
    CHOOSE((mul_general(&r->c[1], &twice, &a->c[1]), mul_general(&r->c[0], &sum, &diff)),
           (mul_adx(&r->c[1], &twice, &a->c[1]), mul_adx(&r->c[0], &sum, &diff)));
}

void fp2_mul_fp(fp2 *r, const fp2 *a, const fp *k)
{
    CHOOSE((mul_general(&r->c[0], &a->c[0], k), mul_general(&r->c[1], &a->c[1], k)),
           (mul_adx(&r->c[0], &a->c[0], k), mul_adx(&r->c[1], &a->c[1], k)));
}
