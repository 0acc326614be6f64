/* 256-bit arithmetic beyond the inline functions of the header.
 *
 * Division is Knuth's algorithm D (The Art of Computer Programming, volume 2, section
 * 4.3.1) with 64-bit digits; one-digit divisors, the common case in contracts, take a
 * shorter loop. The same routine reduces the 512-bit products of MULMOD and the 257-bit
 * sums of ADDMOD. */
#include "metis/base/u256.h"

void u256_mul_full(u256 a, u256 b, uint64_t out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            mt_u128 t = (mt_u128)a.w[i] * b.w[j] + out[i + j] + carry;
            out[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        out[i + 4] = carry;
    }
}

u256 u256_mul_o(u256 a, u256 b, bool *overflow)
{
    uint64_t p[8];
    u256_mul_full(a, b, p);
    *overflow = (p[4] | p[5] | p[6] | p[7]) != 0;
    return (u256){{p[0], p[1], p[2], p[3]}};
}

/* Division by a digit that is used more than once goes through its reciprocal (Möller and
 * Granlund, "Improved division by invariant integers", 2011): two multiplications in
 * place of a machine division, and for two-digit divisors an estimate that is nearly
 * always exact. A normalised divisor has its top bit set. */

/* floor((2^128 - 1) / d) - 2^64 for a normalised d. */
static inline uint64_t reciprocal_1(uint64_t d)
{
#if defined(__x86_64__)
    uint64_t q, r;
    __asm__("divq %4" : "=a"(q), "=d"(r) : "0"(UINT64_MAX), "1"(~d), "r"(d) : "cc");
    return q;
#else
    return (uint64_t)(((mt_u128)~d << 64 | UINT64_MAX) / d);
#endif
}

/* floor((2^192 - 1) / (d1:d0)) - 2^64 for a normalised d1 (algorithm 6). */
static inline uint64_t reciprocal_2(uint64_t d1, uint64_t d0)
{
    uint64_t v = reciprocal_1(d1);
    uint64_t p = d1 * v + d0;
    if (p < d0) {
        v--;
        if (p >= d1) {
            v--;
            p -= d1;
        }
        p -= d1;
    }
    mt_u128 t = (mt_u128)v * d0;
    p += (uint64_t)(t >> 64);
    if (p < (uint64_t)(t >> 64)) {
        v--;
        if (p > d1 || (p == d1 && (uint64_t)t >= d0))
            v--;
    }
    return v;
}

/* (u1:u0) / d with u1 < d and d's reciprocal v (algorithm 4). */
static inline uint64_t div_2by1(uint64_t u1, uint64_t u0, uint64_t d, uint64_t v,
                                uint64_t *rem)
{
    mt_u128 q = (mt_u128)v * u1 + ((mt_u128)u1 << 64 | u0);
    uint64_t q1 = (uint64_t)(q >> 64) + 1;
    uint64_t r = u0 - q1 * d;
    if (r > (uint64_t)q) {
        q1--;
        r += d;
    }
    if (MT_UNLIKELY(r >= d)) {
        q1++;
        r -= d;
    }
    *rem = r;
    return q1;
}

/* (u2:u1:u0) / (d1:d0) with (u2:u1) < (d1:d0) and their reciprocal v (algorithm 5). */
static inline uint64_t div_3by2(uint64_t u2, uint64_t u1, uint64_t u0, mt_u128 d,
                                uint64_t v, mt_u128 *rem)
{
    mt_u128 q = (mt_u128)v * u2 + ((mt_u128)u2 << 64 | u1);
    uint64_t q1 = (uint64_t)(q >> 64);
    uint64_t r1 = u1 - q1 * (uint64_t)(d >> 64);
    mt_u128 r = ((mt_u128)r1 << 64 | u0) - (mt_u128)q1 * (uint64_t)d - d;
    q1++;
    if ((uint64_t)(r >> 64) >= (uint64_t)q) {
        q1--;
        r += d;
    }
    if (MT_UNLIKELY(r >= d)) {
        q1++;
        r -= d;
    }
    *rem = r;
    return q1;
}

/* u[0..n) -= q * v[0..n); what has to be borrowed from u[n]. */
static inline uint64_t sub_mul(uint64_t *u, const uint64_t *v, int n, uint64_t q)
{
    uint64_t borrow = 0;
    for (int i = 0; i < n; i++) {
        mt_u128 p = (mt_u128)q * v[i] + borrow;
        uint64_t low = (uint64_t)p;
        borrow = (uint64_t)(p >> 64) + (u[i] < low);
        u[i] -= low;
    }
    return borrow;
}

/* u[0..n) += v[0..n), the carry out is dropped by the caller's sense. */
static inline void add_back(uint64_t *u, const uint64_t *v, int n)
{
    uint64_t carry = 0;
    for (int i = 0; i < n; i++) {
        mt_u128 s = (mt_u128)u[i] + v[i] + carry;
        u[i] = (uint64_t)s;
        carry = (uint64_t)(s >> 64);
    }
}

/* One step of algorithm D: the quotient digit of u[0..n] / v[0..n) (n >= 2, v normalised,
 * the top n digits of u below v); leaves the remainder in u[0..n). */
static inline uint64_t divide_step(uint64_t *u, const uint64_t *v, int n,
                                   uint64_t reciprocal)
{
    mt_u128 d = (mt_u128)v[n - 1] << 64 | v[n - 2], r;
    if (MT_UNLIKELY(u[n] == v[n - 1] && u[n - 1] == v[n - 2])) {
        /* The top digits' quotient is 2^64; the true one is then 2^64 - 1, because
         * u - (2^64 - 1) v is at least v less a unit of the second digit. */
        uint64_t q = UINT64_MAX;
        sub_mul(u, v, n, q);
        return q;
    }
    uint64_t q = div_3by2(u[n], u[n - 1], u[n - 2], d, reciprocal, &r);
    uint64_t borrow = sub_mul(u, v, n - 2, q);
    bool below = r < borrow;
    r -= borrow;
    u[n - 2] = (uint64_t)r;
    u[n - 1] = (uint64_t)(r >> 64);
    if (MT_UNLIKELY(below)) {
        add_back(u, v, n);
        q--;
    }
    return q;
}

/* num[0..nn) / den[0], nn >= 1. */
static uint64_t divide_by_digit(const uint64_t *num, int nn, uint64_t den, uint64_t *quot)
{
    int shift = __builtin_clzll(den);
    uint64_t d = den << shift, v = reciprocal_1(d);
    uint64_t r = shift == 0 ? 0 : num[nn - 1] >> (64 - shift);
    for (int i = nn - 1; i >= 0; i--) {
        uint64_t low = num[i] << shift;
        if (shift != 0 && i > 0)
            low |= num[i - 1] >> (64 - shift);
        uint64_t q = div_2by1(r, low, d, v, &r);
        if (quot != NULL)
            quot[i] = q;
    }
    return r >> shift;
}

/* num[0..nn) / den[0..nd), den[nd - 1] not zero, nd <= nn <= 8, nd <= 4. quot (nn digits)
 * may be NULL; rem has nd digits. */
static void divide(const uint64_t *num, int nn, const uint64_t *den, int nd,
                   uint64_t *quot, uint64_t *rem)
{
    if (nd == 1) {
        rem[0] = divide_by_digit(num, nn, den[0], quot);
        return;
    }
    uint64_t u[9], v[4];
    int shift = __builtin_clzll(den[nd - 1]);
    for (int i = nd - 1; i > 0; i--)
        v[i] = shift == 0 ? den[i] : den[i] << shift | den[i - 1] >> (64 - shift);
    v[0] = den[0] << shift;
    u[nn] = shift == 0 ? 0 : num[nn - 1] >> (64 - shift);
    for (int i = nn - 1; i > 0; i--)
        u[i] = shift == 0 ? num[i] : num[i] << shift | num[i - 1] >> (64 - shift);
    u[0] = num[0] << shift;
    uint64_t reciprocal = reciprocal_2(v[nd - 1], v[nd - 2]);
    for (int j = nn - nd; j >= 0; j--) {
        uint64_t q = divide_step(u + j, v, nd, reciprocal);
        if (quot != NULL)
            quot[j] = q;
    }
    u[nd] = 0;
    for (int i = 0; i < nd; i++)
        rem[i] = shift == 0 ? u[i] : u[i] >> shift | u[i + 1] << (64 - shift);
}

static int digits(const uint64_t *w, int n)
{
    while (n > 0 && w[n - 1] == 0)
        n--;
    return n;
}

u256 u256_divmod(u256 a, u256 b, u256 *rem)
{
    u256 q = U256_ZERO, r = U256_ZERO;
    int nb = digits(b.w, 4), na = digits(a.w, 4);
    if (nb == 0) {
        /* both stay zero */
    } else if (na < nb) {
        r = a;
    } else if (na == 1) {
        q.w[0] = a.w[0] / b.w[0];
        r.w[0] = a.w[0] % b.w[0];
    } else {
        divide(a.w, na, b.w, nb, q.w, r.w);
    }
    if (rem != NULL)
        *rem = r;
    return q;
}

u256 u256_div(u256 a, u256 b)
{
    return u256_divmod(a, b, NULL);
}

u256 u256_mod(u256 a, u256 b)
{
    u256 r;
    u256_divmod(a, b, &r);
    return r;
}

static inline bool negative(u256 a)
{
    return (a.w[3] >> 63) != 0;
}

static inline u256 negate(u256 a)
{
    return u256_sub(U256_ZERO, a);
}

u256 u256_sdiv(u256 a, u256 b)
{
    bool na = negative(a), nb = negative(b);
    u256 q = u256_div(na ? negate(a) : a, nb ? negate(b) : b);
    return na != nb ? negate(q) : q;
}

u256 u256_smod(u256 a, u256 b)
{
    bool na = negative(a);
    u256 r = u256_mod(na ? negate(a) : a, negative(b) ? negate(b) : b);
    return na ? negate(r) : r;
}

static u256 reduce(const uint64_t *num, int nn, u256 m)
{
    u256 r = U256_ZERO;
    int nm = digits(m.w, 4);
    nn = digits(num, nn);
    if (nm == 0)
        return r;
    if (nn < nm) {
        for (int i = 0; i < nn; i++)
            r.w[i] = num[i];
        return r;
    }
    divide(num, nn, m.w, nm, NULL, r.w);
    return r;
}

u256 u256_addmod(u256 a, u256 b, u256 m)
{
    bool carry;
    u256 s = u256_add_c(a, b, &carry);
    uint64_t num[5] = {s.w[0], s.w[1], s.w[2], s.w[3], carry};
    return reduce(num, 5, m);
}

u256 u256_mulmod(u256 a, u256 b, u256 m)
{
    uint64_t num[8];
    u256_mul_full(a, b, num);
    return reduce(num, 8, m);
}

u256 u256_exp(u256 a, u256 e)
{
    u256 r = U256_ONE;
    unsigned n = u256_bits(e);
    for (unsigned i = n; i-- > 0;) {
        r = u256_mul(r, r);
        if ((e.w[i / 64] >> (i % 64)) & 1)
            r = u256_mul(r, a);
    }
    return r;
}

/* Shifts take their limbs from a row with zeros on the side that moves in. The second
 * shift is split so that it is defined for whole limbs, where it gives zero. */
u256 u256_shl(u256 a, uint64_t n)
{
    if (n >= 256)
        return U256_ZERO;
    const uint64_t row[8] = {0, 0, 0, 0, a.w[0], a.w[1], a.w[2], a.w[3]};
    const uint64_t *p = row + 4 - n / 64;
    unsigned up = (unsigned)(n % 64), down = 63 - up;
    return (u256){{p[0] << up | p[-1] >> down >> 1, p[1] << up | p[0] >> down >> 1,
                   p[2] << up | p[1] >> down >> 1, p[3] << up | p[2] >> down >> 1}};
}

u256 u256_shr(u256 a, uint64_t n)
{
    if (n >= 256)
        return U256_ZERO;
    const uint64_t row[8] = {a.w[0], a.w[1], a.w[2], a.w[3], 0, 0, 0, 0};
    const uint64_t *p = row + n / 64;
    unsigned down = (unsigned)(n % 64), up = 63 - down;
    return (u256){{p[0] >> down | p[1] << up << 1, p[1] >> down | p[2] << up << 1,
                   p[2] >> down | p[3] << up << 1, p[3] >> down | p[4] << up << 1}};
}

u256 u256_sar(u256 a, uint64_t n)
{
    if (!negative(a))
        return u256_shr(a, n);
    return n >= 256 ? U256_MAX : u256_not(u256_shr(u256_not(a), n));
}

u256 u256_signextend(u256 i, u256 a)
{
    if (!u256_is_u64(i) || i.w[0] >= 31)
        return a;
    unsigned up = 248 - 8 * (unsigned)i.w[0];
    return u256_sar(u256_shl(a, up), up);
}

u256 u256_byte(u256 i, u256 a)
{
    if (!u256_is_u64(i) || i.w[0] >= 32)
        return U256_ZERO;
    unsigned shift = 8 * (31 - (unsigned)i.w[0]);
    return u256_from((a.w[shift / 64] >> (shift % 64)) & 0xff);
}

bool u256_slt(u256 a, u256 b)
{
    bool na = negative(a), nb = negative(b);
    return na != nb ? na : u256_lt(a, b);
}

unsigned u256_bits(u256 a)
{
    int n = digits(a.w, 4);
    if (n == 0)
        return 0;
    return (unsigned)(64 * n - __builtin_clzll(a.w[n - 1]));
}

u256 u256_load_be_n(const uint8_t *b, size_t n)
{
    MT_ASSERT(n <= 32);
    uint8_t full[32] = {0};
    if (n != 0)
        memcpy(full + 32 - n, b, n);
    return u256_load_be(full);
}

static mt_err parse_digits(const char *s, size_t len, unsigned base, u256 *out)
{
    u256 v = U256_ZERO;
    if (len == 0)
        return MT_EDECODE;
    mt_err err = MT_OK;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        unsigned d = c - (unsigned)'0';
        if (d > 9) {
            d = (c | 0x20u) - (unsigned)'a';
            d = d < 6 ? d + 10 : 16;
        }
        if (d >= base)
            return MT_EDECODE;
        bool over, carry;
        v = u256_mul_o(v, u256_from(base), &over);
        v = u256_add_c(v, u256_from(d), &carry);
        if (over || carry)
            err = MT_ELIMIT; /* but a bad digit further on is still malformed */
    }
    if (err == MT_OK)
        *out = v;
    return err;
}

mt_err u256_parse(const char *s, size_t len, u256 *out)
{
    if (len >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return parse_digits(s + 2, len - 2, 16, out);
    return parse_digits(s, len, 10, out);
}

u256_text u256_hex(u256 a)
{
    u256_text t = {"0x0"};
    unsigned n = (u256_bits(a) + 3) / 4;
    for (unsigned i = 0; i < n; i++) {
        unsigned at = 4 * (n - 1 - i);
        t.s[2 + i] = "0123456789abcdef"[(a.w[at / 64] >> (at % 64)) & 15];
    }
    t.s[2 + MT_MAX(n, 1u)] = 0;
    return t;
}

u256_text u256_dec(u256 a)
{
    const uint64_t ten19 = 10000000000000000000u;
    char rev[80];
    size_t n = 0;
    while (!u256_is_u64(a)) {
        u256 r;
        a = u256_divmod(a, u256_from(ten19), &r);
        for (int i = 0; i < 19; i++, r.w[0] /= 10)
            rev[n++] = (char)('0' + r.w[0] % 10);
    }
    do {
        rev[n++] = (char)('0' + a.w[0] % 10);
        a.w[0] /= 10;
    } while (a.w[0] != 0);
    u256_text t;
    for (size_t i = 0; i < n; i++)
        t.s[i] = rev[n - 1 - i];
    t.s[n] = 0;
    return t;
}
