/* BN254: the innermost field operations for x86-64, as bn254_int.h describes them. */
#ifndef METIS_CRYPTO_BN254_X86_H
#define METIS_CRYPTO_BN254_X86_H

static const uint64_t bn_p[4] = {BN_P0, BN_P1, BN_P2, BN_P3};

static inline void fp_reduce(fp *r, const fp *v)
{
    uint64_t s0 = v->l[0], s1 = v->l[1], s2 = v->l[2], s3 = v->l[3];
    uint64_t v0 = s0, v1 = s1, v2 = s2, v3 = s3;
    __asm__("subq %[p0], %[s0]\n\tsbbq %[p1], %[s1]\n\t"
            "sbbq %[p2], %[s2]\n\tsbbq %[p3], %[s3]\n\t"
            "cmovcq %[v0], %[s0]\n\tcmovcq %[v1], %[s1]\n\t"
            "cmovcq %[v2], %[s2]\n\tcmovcq %[v3], %[s3]"
            : [s0] "+&r"(s0), [s1] "+&r"(s1), [s2] "+&r"(s2), [s3] "+&r"(s3)
            : [v0] "r"(v0), [v1] "r"(v1), [v2] "r"(v2), [v3] "r"(v3), [p0] "m"(bn_p[0]),
              [p1] "m"(bn_p[1]), [p2] "m"(bn_p[2]), [p3] "m"(bn_p[3])
            : "cc");
    *r = (fp){{s0, s1, s2, s3}};
}

static inline void fp_add_lazy(fp *r, const fp *a, const fp *b)
{
    uint64_t t0 = a->l[0], t1 = a->l[1], t2 = a->l[2], t3 = a->l[3];
    __asm__("addq %[b0], %[t0]\n\tadcq %[b1], %[t1]\n\t"
            "adcq %[b2], %[t2]\n\tadcq %[b3], %[t3]"
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3)
            : [b0] "m"(b->l[0]), [b1] "m"(b->l[1]), [b2] "m"(b->l[2]), [b3] "m"(b->l[3])
            : "cc");
    *r = (fp){{t0, t1, t2, t3}};
}

static inline void fp_add(fp *r, const fp *a, const fp *b)
{
    fp t;
    fp_add_lazy(&t, a, b);
    fp_reduce(r, &t);
}

static inline void fp_sub(fp *r, const fp *a, const fp *b)
{
    uint64_t t0 = a->l[0], t1 = a->l[1], t2 = a->l[2], t3 = a->l[3];
    uint64_t m0, m1 = BN_P1, m2 = BN_P2, m3 = BN_P3;
    __asm__("subq %[b0], %[t0]\n\tsbbq %[b1], %[t1]\n\t"
            "sbbq %[b2], %[t2]\n\tsbbq %[b3], %[t3]\n\t"
            "sbbq %[m0], %[m0]\n\t"
            "andq %[m0], %[m1]\n\tandq %[m0], %[m2]\n\tandq %[m0], %[m3]\n\t"
            "andq %[p0], %[m0]\n\t"
            "addq %[m0], %[t0]\n\tadcq %[m1], %[t1]\n\t"
            "adcq %[m2], %[t2]\n\tadcq %[m3], %[t3]"
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3),
              [m0] "=&r"(m0), [m1] "+&r"(m1), [m2] "+&r"(m2), [m3] "+&r"(m3)
            : [b0] "m"(b->l[0]), [b1] "m"(b->l[1]), [b2] "m"(b->l[2]), [b3] "m"(b->l[3]),
              [p0] "m"(bn_p[0])
            : "cc");
    *r = (fp){{t0, t1, t2, t3}};
}

/* t_i += x * y_i + carry, the carry left in c. */
#define BN_STEP(y, t)                                                                    \
    "movq %[" y "], %%rax\n\tmulq %[x]\n\t"                                              \
    "addq %[c], %%rax\n\tadcq $0, %%rdx\n\t"                                             \
    "addq %%rax, %[" t "]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[c]\n\t"

#define BN_FIRST(y, t)                                                                   \
    "movq %[" y "], %%rax\n\tmulq %[x]\n\t"                                              \
    "addq %%rax, %[" t "]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[c]\n\t"

#define BN_ROW                                                                           \
    BN_FIRST("y0", "t0")                                                                 \
    BN_STEP("y1", "t1") BN_STEP("y2", "t2") BN_STEP("y3", "t3") "addq %[c], %[t4]"

static inline void bn_mul_row(uint64_t t[5], const fp *a, uint64_t b)
{
    uint64_t c;
    __asm__(BN_ROW
            : [t0] "+&r"(t[0]), [t1] "+&r"(t[1]), [t2] "+&r"(t[2]), [t3] "+&r"(t[3]),
              [t4] "+&r"(t[4]), [c] "=&r"(c)
            : [x] "r"(b), [y0] "m"(a->l[0]), [y1] "m"(a->l[1]), [y2] "m"(a->l[2]),
              [y3] "m"(a->l[3])
            : "rax", "rdx", "cc");
}

static inline void bn_redc_row(uint64_t t[5])
{
    uint64_t c, m = t[0] * BN_P_INV;
    __asm__(BN_ROW
            : [t0] "+&r"(t[0]), [t1] "+&r"(t[1]), [t2] "+&r"(t[2]), [t3] "+&r"(t[3]),
              [t4] "+&r"(t[4]), [c] "=&r"(c)
            : [x] "r"(m), [y0] "m"(bn_p[0]), [y1] "m"(bn_p[1]), [y2] "m"(bn_p[2]),
              [y3] "m"(bn_p[3])
            : "rax", "rdx", "cc");
    t[0] = t[1];
    t[1] = t[2];
    t[2] = t[3];
    t[3] = t[4];
    t[4] = 0;
}

/* The same rows with MULX and the two independent carry chains of ADX. */
#define BN_HAVE_ADX 1
#define BN_STEP_ADX(y, t, u)                                                             \
    "mulxq %[" y "], %[lo], %[hi]\n\tadcxq %[lo], %[" t "]\n\tadoxq %[hi], %[" u "]\n\t"

#define BN_ROW_ADX                                                                       \
    "xorl %k[c], %k[c]\n\t" BN_STEP_ADX("y0", "t0", "t1") BN_STEP_ADX("y1", "t1", "t2")  \
        BN_STEP_ADX("y2", "t2", "t3") BN_STEP_ADX("y3", "t3", "t4") "adcxq %[c], %[t4]"

static inline void bn_mul_row_adx(uint64_t t[5], const fp *a, uint64_t b)
{
    uint64_t c, lo, hi;
    __asm__(BN_ROW_ADX
            : [t0] "+&r"(t[0]), [t1] "+&r"(t[1]), [t2] "+&r"(t[2]), [t3] "+&r"(t[3]),
              [t4] "+&r"(t[4]), [c] "=&r"(c), [lo] "=&r"(lo), [hi] "=&r"(hi)
            : "d"(b), [y0] "m"(a->l[0]), [y1] "m"(a->l[1]), [y2] "m"(a->l[2]),
              [y3] "m"(a->l[3])
            : "cc");
}

static inline void bn_redc_row_adx(uint64_t t[5])
{
    uint64_t c, lo, hi, m = t[0] * BN_P_INV;
    __asm__(BN_ROW_ADX
            : [t0] "+&r"(t[0]), [t1] "+&r"(t[1]), [t2] "+&r"(t[2]), [t3] "+&r"(t[3]),
              [t4] "+&r"(t[4]), [c] "=&r"(c), [lo] "=&r"(lo), [hi] "=&r"(hi)
            : "d"(m), [y0] "m"(bn_p[0]), [y1] "m"(bn_p[1]), [y2] "m"(bn_p[2]),
              [y3] "m"(bn_p[3])
            : "cc");
    t[0] = t[1];
    t[1] = t[2];
    t[2] = t[3];
    t[3] = t[4];
    t[4] = 0;
}

#undef BN_STEP_ADX
#undef BN_ROW_ADX
#undef BN_STEP
#undef BN_FIRST
#undef BN_ROW

#endif
