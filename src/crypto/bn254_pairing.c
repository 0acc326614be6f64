/* BN254: the optimal ate pairing (Vercauteren 2010).
 *
 * Miller's loop over 6u + 2 in signed digits, then the two Frobenius lines. The running
 * point is homogeneous on the twist, (X : Y : Z) = (X/Z, Y/Z) (Costello, Lange, Naehrig
 * 2010); a line is s0 + s1 w + s3 v w, free up to factors of Fp2, which the final
 * exponentiation removes. Several pairs share the squarings of the accumulator. */
#include "bn254_int.h"

/* 6u + 2 in non-adjacent form, most significant digit (1) left out. */
static const int8_t loop_digits[65] = {
    0, -1, 0, 1,  0, 0, 0, -1, 0, -1, 0,  0, 0,  -1, 0, 1, 0, -1, 0, 0, -1, 0,
    0, 0,  0, 0,  1, 0, 0, -1, 0, 1,  0,  0, -1, 0,  0, 0, 0, -1, 0, 1, 0,  0,
    0, -1, 0, -1, 0, 0, 1, 0,  0, 0,  -1, 0, 0,  -1, 0, 1, 0, 1,  0, 0, 0};

/* 9 / (9 + i), three times the twist's constant. */
static const fp2 three_b = {
    {{{0x3baa927cb62e0d6a, 0xd71e7c52d1b664fd, 0x03873e63d95d4664, 0x0e75b5b1082ab8f4}},
     {{0xaab7c6667596fe35, 0x31d21a78bb6a27ba, 0x85dd7297680401ff, 0x03c52d6adf39a7e9}}}};

struct point {
    fp2 x, y, z;
};

struct line {
    fp2 s0, s1, s3; /* s0 still lacks the factor y_P, s1 the factor x_P */
};

/* t = 2t and the tangent: 2YZ y_P - 3X^2 x_P w + (Y^2 - 3b'Z^2) w^3. */
static void step_dbl(struct point *t, struct line *l)
{
    fp2 xy, b, e, f, h, s;
    fp2_mul(&xy, &t->x, &t->y);
    fp2_dbl(&xy, &xy);
    fp2_sqr(&b, &t->y);
    fp2_sqr(&e, &t->z);
    fp2_mul(&e, &e, &three_b);
    fp2_dbl(&f, &e);
    fp2_add(&f, &f, &e);
    fp2_mul(&h, &t->y, &t->z);
    fp2_dbl(&h, &h);
    fp2_sqr(&s, &t->x);
    fp2_dbl(&l->s1, &s);
    fp2_add(&l->s1, &l->s1, &s);
    fp2_neg(&l->s1, &l->s1);
    l->s0 = h;
    fp2_sub(&l->s3, &b, &e);
    /* Four times the point: X = 2XY (B - F), Y = (B + F)^2 - 12 E^2, Z = 4 B H. */
    fp2_sub(&s, &b, &f);
    fp2_mul(&t->x, &xy, &s);
    fp2_add(&s, &b, &f);
    fp2_sqr(&t->y, &s);
    fp2_sqr(&s, &e);
    fp2_dbl(&s, &s);
    fp2_dbl(&s, &s);
    fp2_sub(&t->y, &t->y, &s);
    fp2_sub(&t->y, &t->y, &s);
    fp2_sub(&t->y, &t->y, &s);
    fp2_mul(&t->z, &b, &h);
    fp2_dbl(&t->z, &t->z);
    fp2_dbl(&t->z, &t->z);
}

/* t = t + q and the chord: lambda y_P - theta x_P w + (theta x_Q - lambda y_Q) w^3 with
 * theta = Y - y_Q Z, lambda = X - x_Q Z. q is never t, -t or infinity (prime order). */
static void step_add(struct point *t, const g2_affine *q, struct line *l)
{
    fp2 theta, lambda, c, d, e, f, g, h;
    fp2_mul(&theta, &q->y, &t->z);
    fp2_sub(&theta, &t->y, &theta);
    fp2_mul(&lambda, &q->x, &t->z);
    fp2_sub(&lambda, &t->x, &lambda);
    fp2_sqr(&c, &theta);
    fp2_sqr(&d, &lambda);
    fp2_mul(&e, &d, &lambda);
    fp2_mul(&f, &t->z, &c);
    fp2_mul(&g, &t->x, &d);
    fp2_add(&h, &e, &f);
    fp2_sub(&h, &h, &g);
    fp2_sub(&h, &h, &g);
    fp2_mul(&t->x, &lambda, &h);
    fp2_sub(&g, &g, &h);
    fp2_mul(&g, &g, &theta);
    fp2_mul(&f, &e, &t->y);
    fp2_sub(&t->y, &g, &f);
    fp2_mul(&t->z, &t->z, &e);
    l->s0 = lambda;
    fp2_neg(&l->s1, &theta);
    fp2_mul(&g, &theta, &q->x);
    fp2_mul(&h, &lambda, &q->y);
    fp2_sub(&l->s3, &g, &h);
}

static void apply(fp12 *f, struct line *l, const g1_affine *p)
{
    fp2_mul_fp(&l->s0, &l->s0, &p->y);
    fp2_mul_fp(&l->s1, &l->s1, &p->x);
    fp12_mul_line(f, f, &l->s0, &l->s1, &l->s3);
}

static void add_and_apply(fp12 *f, struct point *t, const g2_affine *q,
                          const g1_affine *p)
{
    struct line l;
    step_add(t, q, &l);
    apply(f, &l, p);
}

/* pi(q) and -pi^2(q), pi the Frobenius of the full curve carried to the twist;
 * xi^((p^2 - 1) / 2) = -1 makes the second sign. */
static void frobenius_points(const g2_affine *q, g2_affine *q1, g2_affine *q2_neg)
{
    fp2_conj(&q1->x, &q->x);
    fp2_mul(&q1->x, &q1->x, &bn_frob[0][1]);
    fp2_conj(&q1->y, &q->y);
    fp2_mul(&q1->y, &q1->y, &bn_frob[0][2]);
    fp2_mul(&q2_neg->x, &q->x, &bn_frob[1][1]);
    q2_neg->y = q->y;
}

void bn_miller(fp12 *f, const g1_affine *p, const g2_affine *q, size_t n)
{
    struct point t[BN_PAIRS_MAX];
    g2_affine minus[BN_PAIRS_MAX], q1, q2_neg;
    struct line l;
    fp12 acc = fp12_one;
    MT_ASSERT(n <= BN_PAIRS_MAX);
    for (size_t j = 0; j < n; j++) {
        t[j] = (struct point){q[j].x, q[j].y, {{fp_one, {{0, 0, 0, 0}}}}};
        minus[j].x = q[j].x;
        fp2_neg(&minus[j].y, &q[j].y);
    }
    for (size_t i = 0; i < sizeof loop_digits; i++) {
        if (i != 0)
            fp12_sqr(&acc, &acc);
        for (size_t j = 0; j < n; j++) {
            step_dbl(&t[j], &l);
            apply(&acc, &l, &p[j]);
            if (loop_digits[i] != 0)
                add_and_apply(&acc, &t[j], loop_digits[i] > 0 ? &q[j] : &minus[j], &p[j]);
        }
    }
    for (size_t j = 0; j < n; j++) {
        frobenius_points(&q[j], &q1, &q2_neg);
        add_and_apply(&acc, &t[j], &q1, &p[j]);
        add_and_apply(&acc, &t[j], &q2_neg, &p[j]);
    }
    fp12_mul(f, f, &acc);
}

/* a^u in the cyclotomic subgroup. */
static void pow_u(fp12 *r, const fp12 *a)
{
    const uint64_t u = 4965661367192848881u;
    fp12 acc = *a, base = *a;
    for (int i = 61; i >= 0; i--) {
        fp12_sqr_cyc(&acc, &acc);
        if ((u >> i) & 1)
            fp12_mul(&acc, &acc, &base);
    }
    *r = acc;
}

/* Easy part (p^6 - 1)(p^2 + 1); hard part 2u (6u^2 + 3u + 1) (p^4 - p^2 + 1) / r, which
 * is l0 + l1 p + l2 p^2 + l3 p^3 with l1 = 12u^3 + 6u^2 + 4u, l2 = l1 + 2u, l3 = l1 - 1
 * and l0 = l2 + 6u^2 + 1 (Fuentes-Castaneda, Knapp, Rodriguez-Henriquez 2011). */
void bn_final_exp(fp12 *r, const fp12 *f)
{
    fp12 m, t, u2, u4, u6, uu6, e1, e2;
    fp12_inv(&t, f);
    fp12_conj(&m, f);
    fp12_mul(&m, &m, &t);
    fp12_frob(&t, &m, 2);
    fp12_mul(&m, &m, &t);

    pow_u(&t, &m);
    fp12_sqr_cyc(&u2, &t);
    fp12_sqr_cyc(&u4, &u2);
    fp12_mul(&u6, &u4, &u2);
    pow_u(&uu6, &u6); /* 6u^2 */
    fp12_sqr_cyc(&t, &uu6);
    pow_u(&t, &t); /* 12u^3 */
    fp12_mul(&t, &t, &uu6);
    fp12_mul(&e1, &t, &u4); /* l1 */
    fp12_mul(&e2, &t, &u6); /* l2 */

    fp12_mul(&t, &e2, &uu6);
    fp12_mul(&t, &t, &m); /* l0 */
    fp12_conj(&m, &m);
    fp12_mul(&m, &m, &e1); /* l3 */
    fp12_frob(&e1, &e1, 1);
    fp12_mul(&t, &t, &e1);
    fp12_frob(&e2, &e2, 2);
    fp12_mul(&t, &t, &e2);
    fp12_frob(&m, &m, 3);
    fp12_mul(r, &t, &m);
}
