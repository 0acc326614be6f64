/* Modular exponentiation (EIP-198): left to right, four bits of the exponent at a
 * time. An odd modulus goes by Montgomery's product; an even one by long products and
 * Knuth's division (The Art of Computer Programming, volume 2, algorithm D). Numbers
 * are arrays of 64-bit limbs, lowest first. */
#include "core.h"

__extension__ typedef unsigned __int128 u128;

struct field {
    const uint64_t *m; /* the top limb is not zero */
    size_t n;
    uint64_t inv; /* -1/m[0] modulo 2^64; odd m only */
    bool odd;
    uint64_t *wide;  /* 2n + 2 limbs of working space */
    uint64_t *shift; /* n + 1 limbs: the modulus shifted for division */
    uint64_t *parts; /* room for the dividend while it is divided */
};

static slice strip(slice s)
{
    while (s.len > 0 && s.ptr[0] == 0) {
        s.ptr++;
        s.len--;
    }
    return s;
}

static void load(slice s, uint64_t *out, size_t limbs)
{
    memset(out, 0, limbs * sizeof *out);
    for (size_t i = 0; i < s.len; i++)
        out[i / 8] |= (uint64_t)s.ptr[s.len - 1 - i] << (8 * (i % 8));
}

static uint64_t sub(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t n)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < n; i++) {
        u128 d = (u128)a[i] - b[i] - borrow;
        r[i] = (uint64_t)d;
        borrow = (uint64_t)(d >> 64) & 1;
    }
    return borrow;
}

static bool below(const uint64_t *a, const uint64_t *b, size_t n)
{
    while (n-- > 0)
        if (a[n] != b[n])
            return a[n] < b[n];
    return false;
}

/* ---- division ---- */

/* One digit of the quotient: takes q * v off u[0..n], v normalised. */
static void divide_step(uint64_t *u, const uint64_t *v, size_t n)
{
    u128 top = (u128)u[n] << 64 | u[n - 1];
    u128 q = u[n] >= v[n - 1] ? (u128)UINT64_MAX : top / v[n - 1];
    u128 rest = top - q * v[n - 1];
    while (n > 1 && rest >> 64 == 0 && q * v[n - 2] > (rest << 64 | u[n - 2])) {
        q--;
        rest += v[n - 1];
    }
    uint64_t borrow = 0, carry = 0;
    for (size_t i = 0; i < n; i++) {
        u128 p = q * v[i] + carry;
        u128 d = (u128)u[i] - (uint64_t)p - borrow;
        carry = (uint64_t)(p >> 64);
        u[i] = (uint64_t)d;
        borrow = (uint64_t)(d >> 64) & 1;
    }
    u128 d = (u128)u[n] - carry - borrow;
    u[n] = (uint64_t)d;
    while ((uint64_t)(d >> 64) & 1) { /* q was too large: add v back */
        uint64_t c = 0;
        for (size_t i = 0; i < n; i++) {
            u128 s = (u128)u[i] + v[i] + c;
            u[i] = (uint64_t)s;
            c = (uint64_t)(s >> 64);
        }
        u[n] += c;
        if (c != 0)
            break;
    }
}

/* r = a modulo m; a has len limbs and room for them is in f->parts (len + 1). */
static void reduce(const struct field *f, const uint64_t *a, size_t len, uint64_t *r)
{
    size_t n = f->n;
    unsigned s = (unsigned)__builtin_clzll(f->m[n - 1]);
    uint64_t *u = f->parts, *v = f->shift;
    if (len < n) {
        memset(r, 0, n * sizeof *r);
        memcpy(r, a, len * sizeof *r);
        return;
    }
    for (size_t i = n; i-- > 0;)
        v[i] = f->m[i] << s | (s > 0 && i > 0 ? f->m[i - 1] >> (64 - s) : 0);
    u[len] = s > 0 ? a[len - 1] >> (64 - s) : 0;
    for (size_t i = len; i-- > 0;)
        u[i] = a[i] << s | (s > 0 && i > 0 ? a[i - 1] >> (64 - s) : 0);
    for (size_t j = len - n + 1; j-- > 0;)
        divide_step(u + j, v, n);
    for (size_t i = 0; i < n; i++)
        r[i] = u[i] >> s | (s > 0 && i + 1 < n ? u[i + 1] << (64 - s) : 0);
}

/* ---- products ---- */

static void mul_long(const struct field *f, uint64_t *r, const uint64_t *a,
                     const uint64_t *b)
{
    uint64_t *w = f->wide;
    memset(w, 0, 2 * f->n * sizeof *w);
    for (size_t i = 0; i < f->n; i++) {
        uint64_t carry = 0;
        for (size_t j = 0; j < f->n; j++) {
            u128 t = (u128)a[i] * b[j] + w[i + j] + carry;
            w[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        w[i + f->n] = carry;
    }
    reduce(f, w, 2 * f->n, r);
}

static void mul_mont(const struct field *f, uint64_t *r, const uint64_t *a,
                     const uint64_t *b)
{
    uint64_t *w = f->wide;
    size_t n = f->n;
    memset(w, 0, (n + 2) * sizeof *w);
    for (size_t i = 0; i < n; i++) {
        uint64_t carry = 0;
        for (size_t j = 0; j < n; j++) {
            u128 t = (u128)a[i] * b[j] + w[j] + carry;
            w[j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        u128 top = (u128)w[n] + carry;
        uint64_t q = w[0] * f->inv;
        carry = (uint64_t)(((u128)q * f->m[0] + w[0]) >> 64);
        for (size_t j = 1; j < n; j++) {
            u128 t = (u128)q * f->m[j] + w[j] + carry;
            w[j - 1] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        u128 t = (u128)(uint64_t)top + carry;
        w[n - 1] = (uint64_t)t;
        w[n] = (uint64_t)(top >> 64) + (uint64_t)(t >> 64);
    }
    if (w[n] != 0 || !below(w, f->m, n))
        sub(r, w, f->m, n);
    else
        memcpy(r, w, n * sizeof *r);
}

static void mul(const struct field *f, uint64_t *r, const uint64_t *a, const uint64_t *b)
{
    if (f->odd)
        mul_mont(f, r, a, b);
    else
        mul_long(f, r, a, b);
}

/* ---- the power ---- */

static uint64_t *limbs(struct arena *a, size_t n)
{
    return arena_zalloc(a, n, sizeof(uint64_t));
}

/* table[i] = base^i for i < 16; then x = x^16 * table[digit] for each digit. */
static mt_err power(const struct field *f, const uint64_t *one, const uint64_t *base,
                    slice e, uint64_t *x, struct arena *a)
{
    size_t n = f->n, bytes = n * sizeof(uint64_t);
    uint64_t *table = limbs(a, 16 * n);
    if (table == NULL)
        return MT_ELIMIT;
    memcpy(table, one, bytes);
    for (size_t i = 1; i < 16; i++)
        mul(f, table + i * n, table + (i - 1) * n, base);
    memcpy(x, one, bytes);
    for (size_t i = 0; i < 2 * e.len; i++) {
        unsigned digit = i % 2 == 0 ? e.ptr[i / 2] >> 4 : e.ptr[i / 2] & 15;
        for (unsigned k = 0; k < 4 && i > 0; k++)
            mul(f, x, x, x);
        if (digit != 0)
            mul(f, x, x, table + digit * n);
    }
    return MT_OK;
}

static mt_err field_init(struct field *f, slice m, size_t base_limbs, struct arena *a)
{
    size_t n = (m.len + 7) / 8, wide = MT_MAX(2 * n + 2, base_limbs + 2);
    uint64_t *mod = limbs(a, n);
    f->wide = limbs(a, wide);
    f->shift = limbs(a, n + 1);
    f->parts = limbs(a, wide);
    if (mod == NULL || f->wide == NULL || f->shift == NULL || f->parts == NULL)
        return MT_ELIMIT;
    load(m, mod, n);
    f->m = mod;
    f->n = n;
    f->odd = (mod[0] & 1) != 0;
    uint64_t inv =
        mod[0]; /* Newton: each step doubles the good bits, three to begin with */
    for (unsigned i = 0; i < 5; i++)
        inv *= 2 - mod[0] * inv;
    f->inv = 0 - inv;
    return MT_OK;
}

static mt_err run(slice b, slice e, slice m, uint8_t *out, size_t out_len,
                  struct arena *a)
{
    struct field f;
    size_t base_limbs = (b.len + 7) / 8;
    MT_TRY(field_init(&f, m, base_limbs, a));
    uint64_t *wide = limbs(a, MT_MAX(base_limbs, 2 * f.n + 1));
    uint64_t *base = limbs(a, f.n), *one = limbs(a, f.n), *x = limbs(a, f.n);
    if (wide == NULL || base == NULL || one == NULL || x == NULL)
        return MT_ELIMIT;
    load(b, wide, base_limbs);
    reduce(&f, wide, base_limbs, base);
    memset(wide, 0, (2 * f.n + 1) * sizeof *wide);
    wide[f.odd ? f.n : 0] = 1; /* one, in Montgomery's form 2^(64 n) */
    reduce(&f, wide, f.n + 1, one);
    if (f.odd) { /* base times 2^(128 n), times 2^(-64 n) */
        uint64_t *square = limbs(a, f.n);
        if (square == NULL)
            return MT_ELIMIT;
        memset(wide, 0, (2 * f.n + 1) * sizeof *wide);
        wide[2 * f.n] = 1;
        reduce(&f, wide, 2 * f.n + 1, square);
        mul_mont(&f, base, base, square);
    }
    MT_TRY(power(&f, one, base, e, x, a));
    if (f.odd) {
        memset(base, 0, f.n * sizeof *base);
        base[0] = 1;
        mul_mont(&f, x, x, base);
    }
    memset(out, 0, out_len);
    for (size_t i = 0; i < m.len; i++)
        out[out_len - 1 - i] = (uint8_t)(x[i / 8] >> (8 * (i % 8)));
    return MT_OK;
}

mt_err plain_modexp(slice base, slice exp, slice mod, uint8_t *out, struct arena *scratch)
{
    struct arena_mark mark = arena_mark(scratch);
    slice m = strip(mod);
    if (mod.len == 0)
        return MT_OK;
    if (m.len == 0 || (m.len == 1 && m.ptr[0] == 1)) {
        memset(out, 0, mod.len);
        return MT_OK;
    }
    mt_err err = run(strip(base), strip(exp), m, out, mod.len, scratch);
    arena_rewind(scratch, mark);
    return err;
}
