/* Byte-shaped values: slice, hash32, address; big-endian loads and stores; hex.
 * Part of the provable core. */
#ifndef METIS_BASE_BYTES_H
#define METIS_BASE_BYTES_H

#include "metis/base/err.h"
#include <string.h>

/* A borrowed run of bytes; the lifetime is that of what it was taken from. ptr may be
 * NULL when len is 0. */
typedef struct slice {
    const uint8_t *ptr;
    size_t len;
} slice;

typedef struct hash32 {
    uint8_t b[32];
} hash32;

typedef struct address {
    uint8_t b[20];
} address;

static inline slice slice_of(const void *ptr, size_t len)
{
    return (slice){(const uint8_t *)ptr, len};
}

static inline slice slice_str(const char *s)
{
    return (slice){(const uint8_t *)s, strlen(s)};
}

static inline bool slice_eq(slice a, slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool hash32_eq(const hash32 *a, const hash32 *b)
{
    return memcmp(a->b, b->b, 32) == 0;
}

static inline bool hash32_is_zero(const hash32 *a)
{
    static const hash32 zero;
    return memcmp(a->b, zero.b, 32) == 0;
}

static inline bool address_eq(const address *a, const address *b)
{
    return memcmp(a->b, b->b, 20) == 0;
}

static inline bool address_is_zero(const address *a)
{
    static const address zero;
    return memcmp(a->b, zero.b, 20) == 0;
}

/* Total order by bytes, for sorted deltas: <0, 0, >0. */
static inline int hash32_cmp(const hash32 *a, const hash32 *b)
{
    return memcmp(a->b, b->b, 32);
}

static inline int address_cmp(const address *a, const address *b)
{
    return memcmp(a->b, b->b, 20);
}

static inline uint64_t load_be64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

static inline void store_be64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

static inline uint32_t load_be32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

/* Writes 2 * in.len lower-case digits, no prefix, no NUL; out has room for them. */
void hex_encode(slice in, char *out);

/* Decodes exactly len characters ("0x" optional, both cases) into out (room for out_max);
 * *out_len is the number of bytes. MT_EDECODE on an odd count or a bad digit, MT_ELIMIT
 * when it does not fit. */
mt_err hex_decode(const char *s, size_t len, uint8_t *out, size_t out_max,
                  size_t *out_len);

/* Exactly n bytes from NUL-terminated hex, 0x optional. MT_EDECODE otherwise. */
mt_err hex_decode_fixed(const char *s, uint8_t *out, size_t n);

/* Text of a value with 0x prefix, for logs and messages; NUL-terminated. */
typedef struct hex_text {
    char s[68];
} hex_text;
hex_text hash32_text(const hash32 *h);
/* Lower case: EIP-55 checksums are rpc's affair. */
hex_text address_text(const address *a);

#endif
