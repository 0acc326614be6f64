/* ECDSA verification on secp256r1 (EIP-7951; FIPS 186-4, section 6.4), on the 256-bit
 * numbers of base: u1 * G + u2 * Q by doubling and adding in Jacobian coordinates. */
#include "core.h"

/* SEC 2, section 2.4.2; a = p - 3. */
static const u256 p256_p = {
    {0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001}};
static const u256 p256_n = {
    {0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}};
static const u256 p256_b = {
    {0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7}};
static const u256 p256_gx = {
    {0xf4a13945d898c296, 0x77037d812deb33a0, 0xf8bce6e563a440f2, 0x6b17d1f2e12c4247}};
static const u256 p256_gy = {
    {0xcbb6406837bf51f5, 0x2bce33576b315ece, 0x8ee7eb4a7c0f9e16, 0x4fe342e2fe1a7f9b}};

/* (x / z^2, y / z^3); z zero: infinity. */
struct point {
    u256 x, y, z;
};

static u256 mul(u256 a, u256 b)
{
    return u256_mulmod(a, b, p256_p);
}

static u256 add(u256 a, u256 b)
{
    return u256_addmod(a, b, p256_p);
}

static u256 sub(u256 a, u256 b)
{
    return u256_addmod(a, u256_sub(p256_p, b), p256_p);
}

static bool bit(u256 v, unsigned i)
{
    return (v.w[i / 64] >> (i % 64)) & 1;
}

/* a^(m - 2): the inverse modulo a prime. */
static u256 inverse(u256 a, u256 m)
{
    u256 e = u256_sub(m, u256_from(2)), r = U256_ONE;
    for (unsigned i = 256; i-- > 0;) {
        r = u256_mulmod(r, r, m);
        if (bit(e, i))
            r = u256_mulmod(r, a, m);
    }
    return r;
}

static struct point twice(struct point p)
{
    struct point r;
    if (u256_is_zero(p.z))
        return p;
    u256 zz = mul(p.z, p.z), yy = mul(p.y, p.y);
    u256 s = mul(p.x, yy), m = mul(sub(p.x, zz), add(p.x, zz));
    s = add(add(s, s), add(s, s)); /* 4 x y^2 */
    m = add(m, add(m, m));         /* 3 (x - z^2) (x + z^2), as a = -3 */
    r.x = sub(mul(m, m), add(s, s));
    u256 y4 = mul(yy, yy);
    y4 = add(y4, y4);
    y4 = add(y4, y4);
    r.y = sub(mul(m, sub(s, r.x)), add(y4, y4));
    r.z = mul(p.y, p.z);
    r.z = add(r.z, r.z);
    return r;
}

static struct point sum(struct point p, struct point q)
{
    struct point r;
    if (u256_is_zero(p.z))
        return q;
    if (u256_is_zero(q.z))
        return p;
    u256 pz = mul(p.z, p.z), qz = mul(q.z, q.z);
    u256 u1 = mul(p.x, qz), u2 = mul(q.x, pz);
    u256 s1 = mul(p.y, mul(qz, q.z)), s2 = mul(q.y, mul(pz, p.z));
    u256 h = sub(u2, u1), d = sub(s2, s1);
    if (u256_is_zero(h) && u256_is_zero(d))
        return twice(p);
    u256 hh = mul(h, h), hhh = mul(hh, h), v = mul(u1, hh);
    r.x = sub(sub(mul(d, d), hhh), add(v, v));
    r.y = sub(mul(d, sub(v, r.x)), mul(s1, hhh));
    r.z = mul(h, mul(p.z, q.z));
    return r;
}

static bool in_range(u256 v)
{
    return !u256_is_zero(v) && u256_lt(v, p256_n);
}

static bool on_curve(u256 x, u256 y)
{
    if (!u256_lt(x, p256_p) || !u256_lt(y, p256_p))
        return false;
    u256 right = add(mul(x, sub(mul(x, x), u256_from(3))), p256_b);
    return u256_eq(mul(y, y), right);
}

static u256 word(const uint8_t in[160], unsigned i)
{
    return u256_load_be(in + (size_t)32 * i);
}

void plain_p256_verify(const uint8_t in[160], bool *valid)
{
    u256 e = word(in, 0), r = word(in, 1), s = word(in, 2), x = word(in, 3),
         y = word(in, 4);
    *valid = false;
    if (!in_range(r) || !in_range(s) || !on_curve(x, y))
        return;
    u256 w = inverse(s, p256_n);
    u256 u1 = u256_mulmod(e, w, p256_n), u2 = u256_mulmod(r, w, p256_n);
    struct point g = {p256_gx, p256_gy, U256_ONE}, q = {x, y, U256_ONE};
    struct point both = sum(g, q), acc = {U256_ONE, U256_ONE, U256_ZERO};
    for (unsigned i = 256; i-- > 0;) {
        acc = twice(acc);
        if (bit(u1, i) && bit(u2, i))
            acc = sum(acc, both);
        else if (bit(u1, i))
            acc = sum(acc, g);
        else if (bit(u2, i))
            acc = sum(acc, q);
    }
    if (u256_is_zero(acc.z))
        return;
    u256 zi = inverse(acc.z, p256_p);
    u256 ax = mul(acc.x, mul(zi, zi));
    if (!u256_lt(ax, p256_n))
        ax = u256_sub(ax, p256_n);
    *valid = u256_eq(ax, r);
}
