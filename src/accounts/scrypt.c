/* scrypt (RFC 7914): PBKDF2, p memory-hard mixes, PBKDF2.
 *
 * Own code because OpenSSL keeps to the RFC's bound n < 2^(16 r), while key files in the
 * wild (and the public test suite) have n = 2^18 with r = 1. */
#include "accounts_int.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static inline uint32_t rol32(uint32_t v, unsigned n)
{
    return (v << n) | (v >> (32 - n));
}

#define QUARTER(a, b, c, d)                                                              \
    do {                                                                                 \
        x[b] ^= rol32(x[a] + x[d], 7);                                                   \
        x[c] ^= rol32(x[b] + x[a], 9);                                                   \
        x[d] ^= rol32(x[c] + x[b], 13);                                                  \
        x[a] ^= rol32(x[d] + x[c], 18);                                                  \
    } while (0)

/* b = Salsa20/8(b ^ in). */
static void salsa_xor(uint32_t b[16], const uint32_t in[16])
{
    uint32_t x[16];
    for (int i = 0; i < 16; i++)
        x[i] = b[i] ^= in[i];
    for (int i = 0; i < 4; i++) {
        QUARTER(0, 4, 8, 12);
        QUARTER(5, 9, 13, 1);
        QUARTER(10, 14, 2, 6);
        QUARTER(15, 3, 7, 11);
        QUARTER(0, 1, 2, 3);
        QUARTER(5, 6, 7, 4);
        QUARTER(10, 11, 8, 9);
        QUARTER(15, 12, 13, 14);
    }
    for (int i = 0; i < 16; i++)
        b[i] += x[i];
}

/* scryptBlockMix: 2r blocks of 16 words from in to out, even ones first. */
static void block_mix(const uint32_t *in, uint32_t *out, size_t r)
{
    uint32_t x[16];
    memcpy(x, in + (2 * r - 1) * 16, sizeof x);
    for (size_t i = 0; i < 2 * r; i++) {
        salsa_xor(x, in + 16 * i);
        memcpy(out + 16 * (i / 2 + (i % 2 != 0 ? r : 0)), x, sizeof x);
    }
}

/* scryptROMix of one block of 32 r words; v has room for n of them, t for two. */
static void rom_mix(uint32_t *b, uint64_t n, size_t r, uint32_t *v, uint32_t *t)
{
    const size_t words = 32 * r;
    uint32_t *x = t, *y = t + words, *swap;
    memcpy(v, b, 4 * words);
    for (uint64_t i = 1; i < n; i++)
        block_mix(v + (i - 1) * words, v + i * words, r);
    block_mix(v + (n - 1) * words, x, r);
    for (uint64_t i = 0; i < n; i++) {
        const uint32_t *w = x + words - 16;
        const uint64_t j = (w[0] | (uint64_t)w[1] << 32) & (n - 1);
        for (size_t k = 0; k < words; k++)
            x[k] ^= v[j * words + k];
        block_mix(x, y, r);
        swap = x;
        x = y;
        y = swap;
    }
    memcpy(b, x, 4 * words);
}

mt_err scrypt(slice password, slice salt, struct keyfile_cost cost, uint8_t *out,
              size_t len)
{
    const size_t words = 32 * (size_t)cost.r, block = 4 * words, blocks = block * cost.p;
    const size_t total = block * (cost.n + 2) + blocks;
    struct arena mem;
    mt_err err = MT_ENOMEM;
    uint32_t *v;
    uint8_t *b;
    arena_init(&mem, total + 4096);
    v = arena_alloc_aligned(&mem, total, 64);
    if (v == NULL)
        goto out;
    b = (uint8_t *)(v + words * (cost.n + 2));
    if (PKCS5_PBKDF2_HMAC((const char *)password.ptr, (int)password.len, salt.ptr,
                          (int)salt.len, 1, EVP_sha256(), (int)blocks, b) != 1)
        goto out;
    for (uint32_t i = 0; i < cost.p; i++)
        rom_mix((uint32_t *)(void *)(b + block * i), cost.n, cost.r, v,
                v + words * cost.n);
    if (PKCS5_PBKDF2_HMAC((const char *)password.ptr, (int)password.len, b, (int)blocks,
                          1, EVP_sha256(), (int)len, out) == 1)
        err = MT_OK;
    OPENSSL_cleanse(v, total);
out:
    arena_fini(&mem);
    return err;
}
