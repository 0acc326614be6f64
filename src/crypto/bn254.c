/* BN254: the curve groups and the three precompiles of EIP-196 and EIP-197.
 *
 * Scalar multiplication in G1 splits the scalar by the endomorphism (x, y) -> (beta x,
 * y) (Gallant, Lambert, Vanstone 2001) into two of half the length. Membership in G2 is
 * tested with the endomorphism psi instead of a multiplication by r (El Housni,
 * Guillevic, Piellard, "Co-factor clearing and subgroup membership testing", 2022). */
#include "bn254_int.h"

#define JAC_F      fp
#define JAC_F_(op) fp_##op
#define JAC_T      g1_jac
#define JAC_(op)   g1_jac_##op
#include "bn254_jac.inc"

#define JAC_F      fp2
#define JAC_F_(op) fp2_##op
#define JAC_T      g2_jac
#define JAC_(op)   g2_jac_##op
#include "bn254_jac.inc"

/* 3, and 3 / (9 + i). */
static const fp g1_b = {
    {0x7a17caa950ad28d7, 0x1f6ac17ae15521b9, 0x334bea4e696bd284, 0x2a1f6744ce179d8e}};
static const fp2 g2_b = {
    {{{0x3bf938e377b802a8, 0x020b1b273633535d, 0x26b7edf049755260, 0x2514c6324384a86d}},
     {{0x38e7ecccd1dcff67, 0x65f0b37d93ce0d3e, 0xd749d0dd22ac00aa, 0x0141b9ce4a688d4d}}}};

static const u256 order = {
    {0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029}};

/* ---- membership ---- */

bool g1_on_curve(const g1_affine *p)
{
    fp l, r;
    if (g1_is_inf(p))
        return true;
    fp_sqr(&l, &p->y);
    fp_sqr(&r, &p->x);
    fp_mul(&r, &r, &p->x);
    fp_add(&r, &r, &g1_b);
    return fp_eq(&l, &r);
}

bool g2_on_curve(const g2_affine *q)
{
    fp2 l, r;
    if (g2_is_inf(q))
        return true;
    fp2_sqr(&l, &q->y);
    fp2_sqr(&r, &q->x);
    fp2_mul(&r, &r, &q->x);
    fp2_add(&r, &r, &g2_b);
    return fp2_eq(&l, &r);
}

/* Frobenius carried to the twist: satisfies psi^2 - t psi + p = 0, t = 6u^2 + 1. */
static void psi(g2_jac *r, const g2_jac *q)
{
    fp2_conj(&r->x, &q->x);
    fp2_mul(&r->x, &r->x, &bn_frob[0][1]);
    fp2_conj(&r->y, &q->y);
    fp2_mul(&r->y, &r->y, &bn_frob[0][2]);
    fp2_conj(&r->z, &q->z);
}

/* [u] q by double and add. */
static void g2_mul_u(g2_jac *r, const g2_jac *q)
{
    const uint64_t u = 4965661367192848881u;
    g2_jac acc = *q;
    for (int i = 61; i >= 0; i--) {
        g2_jac_dbl(&acc, &acc);
        if ((u >> i) & 1)
            g2_jac_add(&acc, &acc, q);
    }
    *r = acc;
}

/* f(psi) q = 0 with f = (u + 1) + u psi + u psi^2 - 2u psi^3. The norm of f(psi) in
 * Z[psi] is a multiple of r whose other factor is prime to the order of the twist, so
 * f(psi) kills exactly the points of order r. */
bool g2_in_group(const g2_affine *q)
{
    g2_jac p = {q->x, q->y, {{fp_one, {{0, 0, 0, 0}}}}}, a, sum, t;
    if (!g2_on_curve(q))
        return false;
    if (g2_is_inf(q))
        return true;
    g2_mul_u(&a, &p);
    g2_jac_add(&sum, &a, &p);
    psi(&t, &a);
    g2_jac_add(&sum, &sum, &t);
    psi(&t, &t);
    g2_jac_add(&sum, &sum, &t);
    psi(&t, &t);
    g2_jac_dbl(&t, &t);
    fp2_neg(&t.y, &t.y);
    g2_jac_add(&sum, &sum, &t);
    return fp2_is_zero(&sum.z);
}

/* ---- encoding ---- */

static mt_err g1_load(const uint8_t in[64], g1_affine *out)
{
    if (!fp_load(&out->x, in) || !fp_load(&out->y, in + 32))
        return MT_ECRYPTO;
    return g1_on_curve(out) ? MT_OK : MT_ECRYPTO;
}

/* Imaginary part first (EIP-197). */
static mt_err g2_load(const uint8_t in[128], g2_affine *out)
{
    if (!fp_load(&out->x.c[1], in) || !fp_load(&out->x.c[0], in + 32) ||
        !fp_load(&out->y.c[1], in + 64) || !fp_load(&out->y.c[0], in + 96))
        return MT_ECRYPTO;
    return g2_in_group(out) ? MT_OK : MT_ECRYPTO;
}

static void g1_store(uint8_t out[64], const g1_affine *p)
{
    fp_store(out, &p->x);
    fp_store(out + 32, &p->y);
}

/* ---- addition ---- */

static void g1_add_affine(g1_affine *r, const g1_affine *a, const g1_affine *b)
{
    fp num, den, slope, x, t;
    fp_sub(&den, &b->x, &a->x);
    fp_sub(&num, &b->y, &a->y);
    if (fp_is_zero(&den)) {
        if (!fp_is_zero(&num)) { /* b = -a */
            memset(r, 0, sizeof *r);
            return;
        }
        fp_sqr(&t, &a->x);
        fp_add(&num, &t, &t);
        fp_add(&num, &num, &t);
        fp_add(&den, &a->y, &a->y); /* y = 0 would need x^3 = -3: not on this curve */
    }
    fp_inv(&den, &den);
    fp_mul(&slope, &num, &den);
    fp_sqr(&x, &slope);
    fp_sub(&x, &x, &a->x);
    fp_sub(&x, &x, &b->x);
    fp_sub(&t, &a->x, &x);
    fp_mul(&t, &slope, &t);
    fp_sub(&r->y, &t, &a->y);
    r->x = x;
}

mt_err bn254_add(const uint8_t a[64], const uint8_t b[64], uint8_t out[64])
{
    g1_affine p, q, sum;
    MT_TRY(g1_load(a, &p));
    MT_TRY(g1_load(b, &q));
    if (g1_is_inf(&p))
        sum = q;
    else if (g1_is_inf(&q))
        sum = p;
    else
        g1_add_affine(&sum, &p, &q);
    g1_store(out, &sum);
    return MT_OK;
}

/* ---- multiplication ---- */

/* A signed half-length scalar. */
struct half {
    mt_u128 abs;
    bool neg;
};

static struct half half_of(u256 v)
{
    struct half h = {0, (v.w[3] >> 63) != 0};
    if (h.neg)
        v = u256_sub(U256_ZERO, v);
    MT_DCHECK((v.w[2] | v.w[3]) == 0);
    h.abs = ((mt_u128)v.w[1] << 64) | v.w[0];
    return h;
}

/* floor(k * g / 2^256). */
static u256 mul_high(u256 k, u256 g)
{
    uint64_t full[8];
    u256 r;
    u256_mul_full(k, g, full);
    memcpy(r.w, full + 4, sizeof r.w);
    return r;
}

/* k = k1 + k2 lambda modulo r. The short vectors (a1, -b1) and (a2, a1) of the lattice {
 * (x, y): x + y lambda = 0 modulo r } are a1 = 2u + 1, b1 = 6u^2 + 2u and a2 = 6u^2 + 4u
 * + 1; c1, c2 round k's coordinates down, which leaves |k1|, |k2| < 2^128. */
static void split(u256 k, struct half *k1, struct half *k2)
{
    static const u256 a1 = {{0x89d3256894d213e3, 0, 0, 0}};
    static const u256 b1 = {{0x8211bbeb7d4f1128, 0x6f4d8248eeb859fc, 0, 0}};
    static const u256 a2 = {{0x0be4e1541221250b, 0x6f4d8248eeb859fd, 0, 0}};
    static const u256 g1 = {{0xd91d232ec7e0b3d7, 0x0000000000000002, 0x0000000000000000,
                             0x0000000000000000}}; /* floor(2^256 a1 / r) */
    static const u256 g2 = {{0x7a7bd9d4391eb18d, 0x4ccef014a773d2cf, 0x0000000000000002,
                             0x0000000000000000}}; /* floor(2^256 b1 / r) */
    u256 c1 = mul_high(k, g1), c2 = mul_high(k, g2);
    u256 x = u256_sub(u256_sub(k, u256_mul(c1, a1)), u256_mul(c2, a2));
    u256 y = u256_sub(u256_mul(c1, b1), u256_mul(c2, a1));
    *k1 = half_of(x);
    *k2 = half_of(y);
}

#define NAF_MAX 130

/* Width-4 non-adjacent form: odd digits of at most 7, signs folded in; returns the
 * length. */
static int naf4(struct half h, int8_t digit[NAF_MAX])
{
    mt_u128 k = h.abs;
    int len = 0;
    for (; k != 0; k >>= 1) {
        int d = 0;
        if (k & 1) {
            unsigned low = (unsigned)(k & 15);
            d = low > 8 ? (int)low - 16 : (int)low;
            k = low > 8 ? k + (16 - low) : k - low;
        }
        digit[len++] = (int8_t)(h.neg ? -d : d);
    }
    return len;
}

/* acc += [digit] P from the odd multiples P, 3P, 5P, 7P. */
static void add_digit(g1_jac *acc, const g1_jac table[4], int digit)
{
    g1_jac t;
    if (digit == 0)
        return;
    t = table[(digit > 0 ? digit : -digit) / 2];
    if (digit < 0)
        fp_neg(&t.y, &t.y);
    g1_jac_add(acc, acc, &t);
}

static void g1_mul(g1_jac *r, const g1_affine *p, u256 k)
{
    /* A cube root of unity modulo p; its partner modulo r is lambda. */
    static const fp beta = {
        {0x71930c11d782e155, 0xa6bb947cffbe3323, 0xaa303344d4741444, 0x2c3b3f0d26594943}};
    g1_jac table[4], image[4], twice, acc;
    struct half k1, k2;
    int8_t d1[NAF_MAX], d2[NAF_MAX];
    int n1, n2;
    split(k, &k1, &k2);
    n1 = naf4(k1, d1);
    n2 = naf4(k2, d2);
    table[0] = (g1_jac){p->x, p->y, fp_one};
    g1_jac_dbl(&twice, &table[0]);
    for (int i = 1; i < 4; i++)
        g1_jac_add(&table[i], &table[i - 1], &twice);
    for (int i = 0; i < 4; i++) {
        image[i] = table[i];
        fp_mul(&image[i].x, &image[i].x, &beta);
    }
    memset(&acc, 0, sizeof acc);
    for (int i = MT_MAX(n1, n2) - 1; i >= 0; i--) {
        g1_jac_dbl(&acc, &acc);
        add_digit(&acc, table, i < n1 ? d1[i] : 0);
        add_digit(&acc, image, i < n2 ? d2[i] : 0);
    }
    *r = acc;
}

static void g1_to_affine(g1_affine *r, const g1_jac *p)
{
    fp zi, zi2;
    if (fp_is_zero(&p->z)) {
        memset(r, 0, sizeof *r);
        return;
    }
    fp_inv(&zi, &p->z);
    fp_sqr(&zi2, &zi);
    fp_mul(&r->x, &p->x, &zi2);
    fp_mul(&zi2, &zi2, &zi);
    fp_mul(&r->y, &p->y, &zi2);
}

mt_err bn254_mul(const uint8_t p[64], const uint8_t scalar[32], uint8_t out[64])
{
    g1_affine a;
    g1_jac prod;
    u256 k = u256_load_be(scalar);
    MT_TRY(g1_load(p, &a));
    while (!u256_lt(k, order)) /* at most five times: 2^256 < 6r */
        k = u256_sub(k, order);
    if (!g1_is_inf(&a)) {
        g1_mul(&prod, &a, k);
        g1_to_affine(&a, &prod);
    }
    g1_store(out, &a);
    return MT_OK;
}

/* ---- pairing check ---- */

mt_err bn254_pairing(slice pairs, bool *is_one)
{
    g1_affine p[BN_PAIRS_MAX];
    g2_affine q[BN_PAIRS_MAX];
    fp12 f = fp12_one;
    size_t n = 0;
    if (pairs.len % 192 != 0)
        return MT_ECRYPTO;
    for (size_t at = 0; at < pairs.len; at += 192) {
        MT_TRY(g1_load(pairs.ptr + at, &p[n]));
        MT_TRY(g2_load(pairs.ptr + at + 64, &q[n]));
        if (!g1_is_inf(&p[n]) && !g2_is_inf(&q[n]))
            n++;
        if (n == BN_PAIRS_MAX) {
            bn_miller(&f, p, q, n);
            n = 0;
        }
    }
    if (n != 0)
        bn_miller(&f, p, q, n);
    bn_final_exp(&f, &f);
    *is_one = fp12_is_one(&f);
    return MT_OK;
}
