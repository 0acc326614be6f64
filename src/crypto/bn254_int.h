/* BN254 (alt_bn128), private: fields, tower and curve arithmetic shared by the bn254
 * files.
 *
 *   Fp    integers modulo p, four limbs, Montgomery form (factor 2^256)
 *   Fp2   Fp[i]  / (i^2 + 1)           c[0] + c[1] i
 *   Fp6   Fp2[v] / (v^3 - xi)          xi = 9 + i
 *   Fp12  Fp6[w] / (w^2 - v)
 *   G1    y^2 = x^3 + 3 over Fp, order r (cofactor 1)
 *   G2    y^2 = x^3 + 3/xi over Fp2, the subgroup of order r
 *
 * With u = 4965661367192848881: p = 36u^4 + 36u^3 + 24u^2 + 6u + 1 and r = 36u^4 + 36u^3
 * + 18u^2 + 6u + 1 (Barreto, Naehrig 2005; EIP-196, EIP-197). All values are public, so
 * nothing here is constant-time. Part of the provable core. Field elements are always
 * fully reduced. */
#ifndef METIS_CRYPTO_BN254_INT_H
#define METIS_CRYPTO_BN254_INT_H

#include "crypto_int.h"

typedef struct fp {
    uint64_t l[4];
} fp;

typedef struct fp2 {
    fp c[2];
} fp2;

typedef struct fp6 {
    fp2 c[3];
} fp6;

typedef struct fp12 {
    fp6 c[2];
} fp12;

/* Affine; (0, 0) is infinity, as in the encodings. */
typedef struct g1_affine {
    fp x, y;
} g1_affine;

typedef struct g2_affine {
    fp2 x, y;
} g2_affine;

/* ---- Fp ---- */

#define BN_P0    0x3c208c16d87cfd47u
#define BN_P1    0x97816a916871ca8du
#define BN_P2    0xb85045b68181585du
#define BN_P3    0x30644e72e131a029u
#define BN_P_INV 0x87d20782e4866389u /* -1/p modulo 2^64 */

extern const fp fp_one; /* 2^256 modulo p */

static inline uint64_t bn_addc(uint64_t a, uint64_t b, uint64_t *carry)
{
    mt_u128 t = (mt_u128)a + b + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
}

static inline uint64_t bn_subb(uint64_t a, uint64_t b, uint64_t *borrow)
{
    mt_u128 t = (mt_u128)a - b - *borrow;
    *borrow = (uint64_t)(t >> 64) & 1;
    return (uint64_t)t;
}

/* t + a * b + carry; never overflows 128 bits. */
static inline uint64_t bn_mac(uint64_t t, uint64_t a, uint64_t b, uint64_t *carry)
{
    mt_u128 x = (mt_u128)a * b + t + *carry;
    *carry = (uint64_t)(x >> 64);
    return (uint64_t)x;
}

/* ---- the innermost operations: in C, and for x86-64 in the carry instructions that
 * compilers do not find by themselves. All give the same numbers. ----
 *
 *   fp_reduce     v modulo p for v < 2p
 *   fp_add_lazy   the sum without reduction, below 2p < 2^255: allowed as one factor
 *   fp_add fp_sub modulo p
 *   bn_mul_row    t += a * b
 *   bn_redc_row   one row of Montgomery's method: t = (t + m * p) / 2^64 with m chosen so
 *                 that the division is exact
 */
#if defined(__x86_64__) && !defined(METIS_FREESTANDING)
#include "bn254_x86.h"
#else

static inline void fp_reduce(fp *r, const fp *v)
{
    uint64_t borrow = 0, mask;
    uint64_t s0 = bn_subb(v->l[0], BN_P0, &borrow), s1 = bn_subb(v->l[1], BN_P1, &borrow);
    uint64_t s2 = bn_subb(v->l[2], BN_P2, &borrow), s3 = bn_subb(v->l[3], BN_P3, &borrow);
    mask = 0 - borrow;
    r->l[0] = (v->l[0] & mask) | (s0 & ~mask);
    r->l[1] = (v->l[1] & mask) | (s1 & ~mask);
    r->l[2] = (v->l[2] & mask) | (s2 & ~mask);
    r->l[3] = (v->l[3] & mask) | (s3 & ~mask);
}

static inline void fp_add_lazy(fp *r, const fp *a, const fp *b)
{
    uint64_t carry = 0;
    r->l[0] = bn_addc(a->l[0], b->l[0], &carry);
    r->l[1] = bn_addc(a->l[1], b->l[1], &carry);
    r->l[2] = bn_addc(a->l[2], b->l[2], &carry);
    r->l[3] = bn_addc(a->l[3], b->l[3], &carry);
}

static inline void fp_add(fp *r, const fp *a, const fp *b)
{
    fp t;
    fp_add_lazy(&t, a, b);
    fp_reduce(r, &t);
}

static inline void fp_sub(fp *r, const fp *a, const fp *b)
{
    uint64_t borrow = 0, carry = 0, mask;
    uint64_t d0 = bn_subb(a->l[0], b->l[0], &borrow),
             d1 = bn_subb(a->l[1], b->l[1], &borrow);
    uint64_t d2 = bn_subb(a->l[2], b->l[2], &borrow),
             d3 = bn_subb(a->l[3], b->l[3], &borrow);
    mask = 0 - borrow;
    r->l[0] = bn_addc(d0, BN_P0 & mask, &carry);
    r->l[1] = bn_addc(d1, BN_P1 & mask, &carry);
    r->l[2] = bn_addc(d2, BN_P2 & mask, &carry);
    r->l[3] = bn_addc(d3, BN_P3 & mask, &carry);
}

static inline void bn_redc_row(uint64_t t[5])
{
    uint64_t m = t[0] * BN_P_INV, carry = 0;
    (void)bn_mac(t[0], m, BN_P0, &carry);
    t[0] = bn_mac(t[1], m, BN_P1, &carry);
    t[1] = bn_mac(t[2], m, BN_P2, &carry);
    t[2] = bn_mac(t[3], m, BN_P3, &carry);
    t[3] = t[4] + carry;
    t[4] = 0;
}

static inline void bn_mul_row(uint64_t t[5], const fp *a, uint64_t b)
{
    uint64_t carry = 0;
    t[0] = bn_mac(t[0], a->l[0], b, &carry);
    t[1] = bn_mac(t[1], a->l[1], b, &carry);
    t[2] = bn_mac(t[2], a->l[2], b, &carry);
    t[3] = bn_mac(t[3], a->l[3], b, &carry);
    t[4] += carry;
}

#endif

static inline bool fp_is_zero(const fp *a)
{
    return (a->l[0] | a->l[1] | a->l[2] | a->l[3]) == 0;
}

static inline bool fp_eq(const fp *a, const fp *b)
{
    return ((a->l[0] ^ b->l[0]) | (a->l[1] ^ b->l[1]) | (a->l[2] ^ b->l[2]) |
            (a->l[3] ^ b->l[3])) == 0;
}

static inline void fp_neg(fp *r, const fp *a)
{
    const fp zero = {{0, 0, 0, 0}};
    fp_sub(r, &zero, a);
}

/* Product; one factor may be below 2p. */
void fp_mul(fp *r, const fp *a, const fp *b);
/* a * b + c * d. */
void fp_mul2(fp *r, const fp *a, const fp *b, const fp *c, const fp *d);

static inline void fp_sqr(fp *r, const fp *a)
{
    fp_mul(r, a, a);
}

/* Chooses the fast products where the processor has MULX and ADX; crypto_init does. False
 * keeps the general ones. Returns what is in use. */
bool bn254_setup(bool fast);

/* 1/a; 0 for 0. */
void fp_inv(fp *r, const fp *a);

/* Big-endian conversion; false when the number is not below p. */
bool fp_load(fp *r, const uint8_t in[32]);
void fp_store(uint8_t out[32], const fp *a);

/* ---- Fp2 ---- */

static inline void fp2_add(fp2 *r, const fp2 *a, const fp2 *b)
{
    fp_add(&r->c[0], &a->c[0], &b->c[0]);
    fp_add(&r->c[1], &a->c[1], &b->c[1]);
}

static inline void fp2_sub(fp2 *r, const fp2 *a, const fp2 *b)
{
    fp_sub(&r->c[0], &a->c[0], &b->c[0]);
    fp_sub(&r->c[1], &a->c[1], &b->c[1]);
}

static inline void fp2_dbl(fp2 *r, const fp2 *a)
{
    fp2_add(r, a, a);
}

static inline void fp2_neg(fp2 *r, const fp2 *a)
{
    fp_neg(&r->c[0], &a->c[0]);
    fp_neg(&r->c[1], &a->c[1]);
}

static inline void fp2_conj(fp2 *r, const fp2 *a)
{
    r->c[0] = a->c[0];
    fp_neg(&r->c[1], &a->c[1]);
}

static inline bool fp2_is_zero(const fp2 *a)
{
    return fp_is_zero(&a->c[0]) && fp_is_zero(&a->c[1]);
}

static inline bool fp2_eq(const fp2 *a, const fp2 *b)
{
    return fp_eq(&a->c[0], &b->c[0]) && fp_eq(&a->c[1], &b->c[1]);
}

void fp2_mul(fp2 *r, const fp2 *a, const fp2 *b);
void fp2_sqr(fp2 *r, const fp2 *a);
void fp2_mul_fp(fp2 *r, const fp2 *a, const fp *k);
void fp2_mul_xi(fp2 *r, const fp2 *a);
void fp2_inv(fp2 *r, const fp2 *a);

/* ---- Fp12 ---- */

extern const fp12 fp12_one;

void fp12_mul(fp12 *r, const fp12 *a, const fp12 *b);
void fp12_sqr(fp12 *r, const fp12 *a);
/* By the sparse s0 + s1 w + s3 v w, the shape of a line. */
void fp12_mul_line(fp12 *r, const fp12 *a, const fp2 *s0, const fp2 *s1, const fp2 *s3);
void fp12_inv(fp12 *r, const fp12 *a);
/* a^(p^6); the inverse for elements of the cyclotomic subgroup. */
void fp12_conj(fp12 *r, const fp12 *a);
/* Square of an element of the cyclotomic subgroup (order dividing p^4 - p^2 + 1). */
void fp12_sqr_cyc(fp12 *r, const fp12 *a);
/* a^(p^n), n = 1, 2, 3. */
void fp12_frob(fp12 *r, const fp12 *a, int n);
bool fp12_is_one(const fp12 *a);

/* xi^(i * (p^n - 1) / 6), i = 1..5, at [n - 1][i - 1]. */
extern const fp2 bn_frob[3][5];

/* ---- curve and pairing ---- */

bool g1_on_curve(const g1_affine *p);
bool g2_on_curve(const g2_affine *q);
/* On the curve and of order r; infinity passes. */
bool g2_in_group(const g2_affine *q);

static inline bool g1_is_inf(const g1_affine *p)
{
    return fp_is_zero(&p->x) && fp_is_zero(&p->y);
}

static inline bool g2_is_inf(const g2_affine *q)
{
    return fp2_is_zero(&q->x) && fp2_is_zero(&q->y);
}

/* f times the Miller values of n <= BN_PAIRS_MAX pairs, none of them infinity. */
#define BN_PAIRS_MAX 8
void bn_miller(fp12 *f, const g1_affine *p, const g2_affine *q, size_t n);
/* f^(k (p^12 - 1) / r) for a fixed k prime to r: one exactly when the pairing is one. */
void bn_final_exp(fp12 *r, const fp12 *f);

#endif
