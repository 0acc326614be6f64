/* BN254: the tower Fp2, Fp6, Fp12.
 *
 * Karatsuba at the two upper levels, sums of products below (bn254_fp.c). Formulas:
 * Devegili, O hEigeartaigh, Scott, Dahab, "Multiplication and squaring on
 * pairing-friendly fields" (2006); cyclotomic squaring by Granger and Scott (2010). */
#include "bn254_int.h"

const fp12 fp12_one = {{{{{{{{0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c,
                              0x0e0a77c19a07df2f}},
                            {{0, 0, 0, 0}}}}}}}};

const fp2 bn_frob[3][5] = {
    {{{{{0xaf9ba69633144907, 0xca6b1d7387afb78a, 0x11bded5ef08a2087, 0x02f34d751a1f3a7c}},
       {{0xa222ae234c492d72, 0xd00f02a4565de15b, 0xdc2ff3a253dfc926,
         0x10a75716b3899551}}}},
     {{{{0xb5773b104563ab30, 0x347f91c8a9aa6454, 0x7a007127242e0991, 0x1956bcd8118214ec}},
       {{0x6e849f1ea0aa4757, 0xaa1c7b6d89f89141, 0xb6e713cdfae0ca3a,
         0x26694fbb4e82ebc3}}}},
     {{{{0xe4bbdd0c2936b629, 0xbb30f162e133bacb, 0x31a9d1b6f9645366, 0x253570bea500f8dd}},
       {{0xa1d77ce45ffe77c7, 0x07affd117826d1db, 0x6d16bd27bb7edc6b,
         0x2c87200285defecc}}}},
     {{{{0x7361d77f843abe92, 0xa5bb2bd3273411fb, 0x9c941f314b3e2399, 0x15df9cddbb9fd3ec}},
       {{0x5dddfd154bd8c949, 0x62cb29a5a4445b60, 0x37bc870a0c7dd2b9,
         0x24830a9d3171f0fd}}}},
     {{{{0xc970692f41690fe7, 0xe240342127694b0b, 0x32bee66b83c459e8, 0x12aabced0ab08841}},
       {{0x0d485d2340aebfa9, 0x05193418ab2fcc57, 0xd3b0a40b8a4910f5,
         0x2f21ebb535d2925a}}}}},
    {{{{{0xca8d800500fa1bf2, 0xf0c5d61468b39769, 0x0e201271ad0d4418, 0x04290f65bad856e6}},
       {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
         0x0000000000000000}}}},
     {{{{0x3350c88e13e80b9c, 0x7dce557cdb5e56b9, 0x6001b4b8b615564a, 0x2682e617020217e0}},
       {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
         0x0000000000000000}}}},
     {{{{0x68c3488912edefaa, 0x8d087f6872aabf4f, 0x51e1a24709081231, 0x2259d6b14729c0fa}},
       {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
         0x0000000000000000}}}},
     {{{{0x71930c11d782e155, 0xa6bb947cffbe3323, 0xaa303344d4741444, 0x2c3b3f0d26594943}},
       {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
         0x0000000000000000}}}},
     {{{{0x08cfc388c494f1ab, 0x19b315148d1373d4, 0x584e90fdcb6c0213, 0x09e1685bdf2f8849}},
       {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
         0x0000000000000000}}}}},
    {{{{{0x365316184e46d97d, 0x0af7129ed4c96d9f, 0x659da72fca1009b5, 0x08116d8983a20d23}},
       {{0xb1df4af7c39c1939, 0x3d9f02878a73bf7f, 0x9b2220928caf0ae0,
         0x26684515eff054a6}}}},
     {{{{0xc9af22f716ad6bad, 0xb311782a4aa662b2, 0x19eeaf64e248c7f4, 0x20273e77e3439f82}},
       {{0xacc02860f7ce93ac, 0x3933d5817ba76b4c, 0x69e6188b446c8467,
         0x0a46036d4417cc55}}}},
     {{{{0x5764af0aaf46471e, 0xdc50792e873e0fc1, 0x86a673ff881d04f6, 0x0b2eddb43c30a74c}},
       {{0x9a490f32787e8580, 0x8fd16d7ff04af8b1, 0x4b39888ec6027bf2,
         0x03dd2e705b52a15d}}}},
     {{{{0x448a93a57b6762df, 0xbfd62df528fdeadf, 0xd858f5d00e9bd47a, 0x06b03d4d3476ec58}},
       {{0x2b19daf4bcc936d1, 0xa1a54e7a56f4299f, 0xb533eee05adeaef1,
         0x170c812b84dda0b2}}}},
     {{{{0xe0bc4b2275cf559f, 0xc238b945c154e60f, 0x803982a5929a7d5e, 0x15ce052df7e4a37e}},
       {{0x2d28efbdbf3799a7, 0x9b097e3c1ad60773, 0x982d4113af4a535b,
         0x24e18991e3056063}}}}},
};

/* ---- Fp2 ---- */

/* (9 + i) a = 9 a0 - a1 + (9 a1 + a0) i. */
void fp2_mul_xi(fp2 *r, const fp2 *a)
{
    fp2 t;
    fp2_dbl(&t, a);
    fp2_dbl(&t, &t);
    fp2_dbl(&t, &t);
    fp2_add(&t, &t, a);
    fp_sub(&t.c[0], &t.c[0], &a->c[1]);
    fp_add(&t.c[1], &t.c[1], &a->c[0]);
    *r = t;
}

void fp2_inv(fp2 *r, const fp2 *a)
{
    fp norm;
    fp_mul2(&norm, &a->c[0], &a->c[0], &a->c[1], &a->c[1]);
    fp_inv(&norm, &norm);
    fp_mul(&r->c[0], &a->c[0], &norm);
    fp_mul(&r->c[1], &a->c[1], &norm);
    fp_neg(&r->c[1], &r->c[1]);
}

/* ---- Fp6 ---- */

static void fp6_add(fp6 *r, const fp6 *a, const fp6 *b)
{
    for (int i = 0; i < 3; i++)
        fp2_add(&r->c[i], &a->c[i], &b->c[i]);
}

static void fp6_sub(fp6 *r, const fp6 *a, const fp6 *b)
{
    for (int i = 0; i < 3; i++)
        fp2_sub(&r->c[i], &a->c[i], &b->c[i]);
}

static void fp6_neg(fp6 *r, const fp6 *a)
{
    for (int i = 0; i < 3; i++)
        fp2_neg(&r->c[i], &a->c[i]);
}

static void fp6_mul_v(fp6 *r, const fp6 *a)
{
    fp2 t;
    fp2_mul_xi(&t, &a->c[2]);
    r->c[2] = a->c[1];
    r->c[1] = a->c[0];
    r->c[0] = t;
}

/* (a_i + a_j)(b_i + b_j) - x - y. */
static void cross(fp2 *r, const fp6 *a, const fp6 *b, int i, int j, const fp2 *x,
                  const fp2 *y)
{
    fp2 s, t;
    fp2_add(&s, &a->c[i], &a->c[j]);
    fp2_add(&t, &b->c[i], &b->c[j]);
    fp2_mul(&s, &s, &t);
    fp2_sub(&s, &s, x);
    fp2_sub(r, &s, y);
}

static void fp6_mul(fp6 *r, const fp6 *a, const fp6 *b)
{
    fp2 v0, v1, v2, t;
    fp6 o;
    fp2_mul(&v0, &a->c[0], &b->c[0]);
    fp2_mul(&v1, &a->c[1], &b->c[1]);
    fp2_mul(&v2, &a->c[2], &b->c[2]);
    cross(&t, a, b, 1, 2, &v1, &v2);
    fp2_mul_xi(&t, &t);
    fp2_add(&o.c[0], &t, &v0);
    cross(&o.c[1], a, b, 0, 1, &v0, &v1);
    fp2_mul_xi(&t, &v2);
    fp2_add(&o.c[1], &o.c[1], &t);
    cross(&o.c[2], a, b, 0, 2, &v0, &v2);
    fp2_add(&o.c[2], &o.c[2], &v1);
    *r = o;
}

/* By b0 + b1 v. */
static void fp6_mul_01(fp6 *r, const fp6 *a, const fp2 *b0, const fp2 *b1)
{
    fp2 v0, v1, s, t;
    fp6 o;
    fp2_mul(&v0, &a->c[0], b0);
    fp2_mul(&v1, &a->c[1], b1);
    fp2_mul(&t, &a->c[2], b1);
    fp2_mul_xi(&t, &t);
    fp2_add(&o.c[0], &t, &v0);
    fp2_add(&s, &a->c[0], &a->c[1]);
    fp2_add(&t, b0, b1);
    fp2_mul(&s, &s, &t);
    fp2_sub(&s, &s, &v0);
    fp2_sub(&o.c[1], &s, &v1);
    fp2_mul(&t, &a->c[2], b0);
    fp2_add(&o.c[2], &t, &v1);
    *r = o;
}

static void fp6_inv(fp6 *r, const fp6 *a)
{
    fp2 a0, a1, a2, t, n;
    fp2_sqr(&a0, &a->c[0]);
    fp2_mul(&t, &a->c[1], &a->c[2]);
    fp2_mul_xi(&t, &t);
    fp2_sub(&a0, &a0, &t);
    fp2_sqr(&a1, &a->c[2]);
    fp2_mul_xi(&a1, &a1);
    fp2_mul(&t, &a->c[0], &a->c[1]);
    fp2_sub(&a1, &a1, &t);
    fp2_sqr(&a2, &a->c[1]);
    fp2_mul(&t, &a->c[0], &a->c[2]);
    fp2_sub(&a2, &a2, &t);
    fp2_mul(&n, &a->c[2], &a1);
    fp2_mul(&t, &a->c[1], &a2);
    fp2_add(&n, &n, &t);
    fp2_mul_xi(&n, &n);
    fp2_mul(&t, &a->c[0], &a0);
    fp2_add(&n, &n, &t);
    fp2_inv(&n, &n);
    fp2_mul(&r->c[0], &a0, &n);
    fp2_mul(&r->c[1], &a1, &n);
    fp2_mul(&r->c[2], &a2, &n);
}

/* ---- Fp12 ---- */

void fp12_mul(fp12 *r, const fp12 *a, const fp12 *b)
{
    fp6 v0, v1, s, t;
    fp6_mul(&v0, &a->c[0], &b->c[0]);
    fp6_mul(&v1, &a->c[1], &b->c[1]);
    fp6_add(&s, &a->c[0], &a->c[1]);
    fp6_add(&t, &b->c[0], &b->c[1]);
    fp6_mul(&s, &s, &t);
    fp6_sub(&s, &s, &v0);
    fp6_sub(&r->c[1], &s, &v1);
    fp6_mul_v(&t, &v1);
    fp6_add(&r->c[0], &v0, &t);
}

/* (a0 + a1)(a0 + v a1) - (1 + v) a0 a1 + 2 a0 a1 w. */
void fp12_sqr(fp12 *r, const fp12 *a)
{
    fp6 m, s, t;
    fp6_mul(&m, &a->c[0], &a->c[1]);
    fp6_add(&s, &a->c[0], &a->c[1]);
    fp6_mul_v(&t, &a->c[1]);
    fp6_add(&t, &t, &a->c[0]);
    fp6_mul(&s, &s, &t);
    fp6_sub(&s, &s, &m);
    fp6_mul_v(&t, &m);
    fp6_sub(&r->c[0], &s, &t);
    fp6_add(&r->c[1], &m, &m);
}

void fp12_mul_line(fp12 *r, const fp12 *a, const fp2 *s0, const fp2 *s1, const fp2 *s3)
{
    fp6 v0, v1, s, t;
    fp2 sum;
    for (int i = 0; i < 3; i++)
        fp2_mul(&v0.c[i], &a->c[0].c[i], s0);
    fp6_mul_01(&v1, &a->c[1], s1, s3);
    fp6_add(&s, &a->c[0], &a->c[1]);
    fp2_add(&sum, s0, s1);
    fp6_mul_01(&s, &s, &sum, s3);
    fp6_sub(&s, &s, &v0);
    fp6_sub(&r->c[1], &s, &v1);
    fp6_mul_v(&t, &v1);
    fp6_add(&r->c[0], &v0, &t);
}

void fp12_inv(fp12 *r, const fp12 *a)
{
    fp6 n, t;
    fp6_mul(&n, &a->c[0], &a->c[0]);
    fp6_mul(&t, &a->c[1], &a->c[1]);
    fp6_mul_v(&t, &t);
    fp6_sub(&n, &n, &t);
    fp6_inv(&n, &n);
    fp6_mul(&r->c[0], &a->c[0], &n);
    fp6_mul(&r->c[1], &a->c[1], &n);
    fp6_neg(&r->c[1], &r->c[1]);
}

void fp12_conj(fp12 *r, const fp12 *a)
{
    r->c[0] = a->c[0];
    fp6_neg(&r->c[1], &a->c[1]);
}

/* (a + b s)^2 over Fp2 with s^2 = xi. */
static void fp4_sqr(fp2 *r0, fp2 *r1, const fp2 *a, const fp2 *b)
{
    fp2 t0, t1, s;
    fp2_sqr(&t0, a);
    fp2_sqr(&t1, b);
    fp2_add(&s, a, b);
    fp2_sqr(&s, &s);
    fp2_sub(&s, &s, &t0);
    fp2_sub(r1, &s, &t1);
    fp2_mul_xi(&t1, &t1);
    fp2_add(r0, &t0, &t1);
}

/* 3 t - 2 a, or 3 t + 2 a. */
static void three_minus_two(fp2 *r, const fp2 *t, const fp2 *a)
{
    fp2 d;
    fp2_sub(&d, t, a);
    fp2_dbl(&d, &d);
    fp2_add(r, &d, t);
}

static void three_plus_two(fp2 *r, const fp2 *t, const fp2 *a)
{
    fp2 d;
    fp2_add(&d, t, a);
    fp2_dbl(&d, &d);
    fp2_add(r, &d, t);
}

void fp12_sqr_cyc(fp12 *r, const fp12 *a)
{
    const fp2 *x = a->c[0].c, *y = a->c[1].c;
    fp2 t0, t1, t2, t3, t4, t5;
    fp12 o;
    fp4_sqr(&t0, &t1, &x[0], &y[1]);
    fp4_sqr(&t2, &t3, &y[0], &x[2]);
    fp4_sqr(&t4, &t5, &x[1], &y[2]);
    fp2_mul_xi(&t5, &t5);
    three_minus_two(&o.c[0].c[0], &t0, &x[0]);
    three_minus_two(&o.c[0].c[1], &t2, &x[1]);
    three_minus_two(&o.c[0].c[2], &t4, &x[2]);
    three_plus_two(&o.c[1].c[0], &t5, &y[0]);
    three_plus_two(&o.c[1].c[1], &t1, &y[1]);
    three_plus_two(&o.c[1].c[2], &t3, &y[2]);
    *r = o;
}

/* Coefficient of w^k: c[k % 2].c[k / 2]; Frobenius conjugates it (n odd) and multiplies
 * it by xi^(k (p^n - 1) / 6). */
void fp12_frob(fp12 *r, const fp12 *a, int n)
{
    for (int k = 0; k < 6; k++) {
        fp2 t = a->c[k % 2].c[k / 2];
        if (n % 2 != 0)
            fp2_conj(&t, &t);
        if (k != 0)
            fp2_mul(&t, &t, &bn_frob[n - 1][k - 1]);
        r->c[k % 2].c[k / 2] = t;
    }
}

bool fp12_is_one(const fp12 *a)
{
    return memcmp(a, &fp12_one, sizeof *a) == 0;
}
