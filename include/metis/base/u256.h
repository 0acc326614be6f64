/* Unsigned 256-bit integers modulo 2^256: the EVM's word (yellow paper, section 9).
 *
 * A u256 is a value of four 64-bit limbs, w[0] the least significant. All functions are
 * total: division by zero gives zero, as the EVM defines it. Part of the provable core.
 * */
#ifndef METIS_BASE_U256_H
#define METIS_BASE_U256_H

#include "metis/base/bytes.h"

/* The 128-bit helper type of both compilers, named once so that -Wpedantic stays on. */
__extension__ typedef unsigned __int128 mt_u128;

typedef struct u256 {
    uint64_t w[4];
} u256;

#define U256_ZERO ((u256){{0, 0, 0, 0}})
#define U256_ONE  ((u256){{1, 0, 0, 0}})
#define U256_MAX  ((u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}})

static inline u256 u256_from(uint64_t v)
{
    return (u256){{v, 0, 0, 0}};
}

static inline bool u256_is_zero(u256 a)
{
    return (a.w[0] | a.w[1] | a.w[2] | a.w[3]) == 0;
}

static inline bool u256_eq(u256 a, u256 b)
{
    return ((a.w[0] ^ b.w[0]) | (a.w[1] ^ b.w[1]) | (a.w[2] ^ b.w[2]) |
            (a.w[3] ^ b.w[3])) == 0;
}

/* True when the value fits 64 bits. */
static inline bool u256_is_u64(u256 a)
{
    return (a.w[1] | a.w[2] | a.w[3]) == 0;
}

/* The low 64 bits, or UINT64_MAX when the value does not fit: for gas and sizes, where a
 * saturated value fails the following limit test. */
static inline uint64_t u256_to_u64_sat(u256 a)
{
    return u256_is_u64(a) ? a.w[0] : UINT64_MAX;
}

/* One limb of a sum or difference with carry in and out. (The compilers turn the builtins
 * into a chain of adc or sbb, which they do not find in 128-bit arithmetic.) */
static inline uint64_t u64_add_c(uint64_t a, uint64_t b, unsigned char *carry)
{
#if defined(__x86_64__)
    unsigned long long r;
    *carry = __builtin_ia32_addcarryx_u64(*carry, a, b, &r);
    return r;
#else
    mt_u128 t = (mt_u128)a + b + *carry;
    *carry = (unsigned char)(t >> 64);
    return (uint64_t)t;
#endif
}

static inline uint64_t u64_sub_b(uint64_t a, uint64_t b, unsigned char *borrow)
{
#if defined(__x86_64__)
    unsigned long long r;
#if defined(__clang__)
    *borrow = __builtin_ia32_subborrow_u64(*borrow, a, b, &r);
#else
    *borrow = __builtin_ia32_sbb_u64(*borrow, a, b, &r);
#endif
    return r;
#else
    mt_u128 t = (mt_u128)a - b - *borrow;
    *borrow = (unsigned char)((t >> 64) & 1);
    return (uint64_t)t;
#endif
}

/* Sum modulo 2^256; *carry tells whether it wrapped. */
static inline u256 u256_add_c(u256 a, u256 b, bool *carry)
{
    u256 r;
    unsigned char c = 0;
    r.w[0] = u64_add_c(a.w[0], b.w[0], &c);
    r.w[1] = u64_add_c(a.w[1], b.w[1], &c);
    r.w[2] = u64_add_c(a.w[2], b.w[2], &c);
    r.w[3] = u64_add_c(a.w[3], b.w[3], &c);
    *carry = c != 0;
    return r;
}

/* Difference modulo 2^256; *borrow tells whether it wrapped (a < b). */
static inline u256 u256_sub_b(u256 a, u256 b, bool *borrow)
{
    u256 r;
    unsigned char c = 0;
    r.w[0] = u64_sub_b(a.w[0], b.w[0], &c);
    r.w[1] = u64_sub_b(a.w[1], b.w[1], &c);
    r.w[2] = u64_sub_b(a.w[2], b.w[2], &c);
    r.w[3] = u64_sub_b(a.w[3], b.w[3], &c);
    *borrow = c != 0;
    return r;
}

static inline u256 u256_add(u256 a, u256 b)
{
    bool carry;
    return u256_add_c(a, b, &carry);
}

static inline u256 u256_sub(u256 a, u256 b)
{
    bool borrow;
    return u256_sub_b(a, b, &borrow);
}

static inline bool u256_lt(u256 a, u256 b)
{
    bool borrow;
    u256_sub_b(a, b, &borrow);
    return borrow;
}

/* -1, 0, 1. */
static inline int u256_cmp(u256 a, u256 b)
{
    return u256_lt(a, b) ? -1 : (u256_eq(a, b) ? 0 : 1);
}

static inline u256 u256_and(u256 a, u256 b)
{
    return (u256){{a.w[0] & b.w[0], a.w[1] & b.w[1], a.w[2] & b.w[2], a.w[3] & b.w[3]}};
}

static inline u256 u256_or(u256 a, u256 b)
{
    return (u256){{a.w[0] | b.w[0], a.w[1] | b.w[1], a.w[2] | b.w[2], a.w[3] | b.w[3]}};
}

static inline u256 u256_xor(u256 a, u256 b)
{
    return (u256){{a.w[0] ^ b.w[0], a.w[1] ^ b.w[1], a.w[2] ^ b.w[2], a.w[3] ^ b.w[3]}};
}

static inline u256 u256_not(u256 a)
{
    return (u256){{~a.w[0], ~a.w[1], ~a.w[2], ~a.w[3]}};
}

/* Product modulo 2^256. */
static inline u256 u256_mul(u256 a, u256 b)
{
    mt_u128 t = (mt_u128)a.w[0] * b.w[0];
    uint64_t r0 = (uint64_t)t;
    mt_u128 t01 = (mt_u128)a.w[0] * b.w[1];
    mt_u128 t10 = (mt_u128)a.w[1] * b.w[0];
    mt_u128 mid = (t >> 64) + (uint64_t)t01 + (uint64_t)t10;
    uint64_t r1 = (uint64_t)mid;
    mt_u128 top = (mid >> 64) + (t01 >> 64) + (t10 >> 64);
    top += (mt_u128)a.w[0] * b.w[2];
    top += (mt_u128)a.w[1] * b.w[1];
    top += (mt_u128)a.w[2] * b.w[0];
    uint64_t r3 = (uint64_t)(top >> 64) + a.w[0] * b.w[3] + a.w[1] * b.w[2] +
                  a.w[2] * b.w[1] + a.w[3] * b.w[0];
    return (u256){{r0, r1, (uint64_t)top, r3}};
}

/* Product and whether it exceeded 2^256 - 1. */
u256 u256_mul_o(u256 a, u256 b, bool *overflow);

/* Full 512-bit product, 8 limbs, least significant first. */
void u256_mul_full(u256 a, u256 b, uint64_t out[8]);

/* Quotient and remainder; both zero when b is zero. rem may be NULL. */
u256 u256_divmod(u256 a, u256 b, u256 *rem);
u256 u256_div(u256 a, u256 b);
u256 u256_mod(u256 a, u256 b);

/* Two's complement division and remainder, SDIV and SMOD of the yellow paper: the
 * remainder takes the dividend's sign; MIN / -1 is MIN. */
u256 u256_sdiv(u256 a, u256 b);
u256 u256_smod(u256 a, u256 b);

/* (a + b) mod m and (a * b) mod m over the unbounded integers; zero when m is zero. */
u256 u256_addmod(u256 a, u256 b, u256 m);
u256 u256_mulmod(u256 a, u256 b, u256 m);

/* a to the power e modulo 2^256; 0^0 is 1. */
u256 u256_exp(u256 a, u256 e);

/* Shifts by n bits; n >= 256 gives zero (or all sign bits for sar). */
u256 u256_shl(u256 a, uint64_t n);
u256 u256_shr(u256 a, uint64_t n);
u256 u256_sar(u256 a, uint64_t n);

/* SIGNEXTEND: extends the sign bit of byte i (0 = least significant); i >= 31 is
 * identity. */
u256 u256_signextend(u256 i, u256 a);

/* BYTE: byte i counted from the most significant, zero when i >= 32. */
u256 u256_byte(u256 i, u256 a);

/* Signed less-than (two's complement). */
bool u256_slt(u256 a, u256 b);

/* Number of significant bits, 0 for zero; and the same rounded up to bytes. */
unsigned u256_bits(u256 a);
static inline unsigned u256_bytes(u256 a)
{
    return (u256_bits(a) + 7) / 8;
}

/* Big-endian conversion. The n-byte form takes at most 32 bytes, shorter ones are numbers
 * without leading zeros needed. */
static inline u256 u256_load_be(const uint8_t b[32])
{
    return (u256){{load_be64(b + 24), load_be64(b + 16), load_be64(b + 8), load_be64(b)}};
}

static inline void u256_store_be(u256 a, uint8_t b[32])
{
    store_be64(b, a.w[3]);
    store_be64(b + 8, a.w[2]);
    store_be64(b + 16, a.w[1]);
    store_be64(b + 24, a.w[0]);
}

u256 u256_load_be_n(const uint8_t *b, size_t n);

static inline hash32 u256_to_hash(u256 a)
{
    hash32 h;
    u256_store_be(a, h.b);
    return h;
}

static inline u256 u256_from_hash(const hash32 *h)
{
    return u256_load_be(h->b);
}

static inline u256 u256_from_address(const address *a)
{
    uint8_t b[32] = {0};
    memcpy(b + 12, a->b, 20);
    return u256_load_be(b);
}

/* The low 20 bytes. */
static inline address u256_to_address(u256 v)
{
    uint8_t b[32];
    address a;
    u256_store_be(v, b);
    memcpy(a.b, b + 12, 20);
    return a;
}

/* Parses decimal or 0x-hex text (at least one digit, nothing after it). MT_EDECODE on
 * anything else, MT_ELIMIT past 2^256 - 1. */
mt_err u256_parse(const char *s, size_t len, u256 *out);

/* Minimal 0x-hex ("0x0" for zero) and decimal text, NUL-terminated. */
typedef struct u256_text {
    char s[80];
} u256_text;
u256_text u256_hex(u256 a);
u256_text u256_dec(u256 a);

#endif
