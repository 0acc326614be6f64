/* keccak-256, one message at a time: plain C, part of the provable core.
 *
 * The same code serves the freestanding build and every short hash of the node; the wide
 * paths for many messages are in keccak_many.c. Little-endian machines only, as the rest
 * of the project. Padding is the original submission's 0x01, not SHA-3's 0x06. */
#include "crypto_int.h"
#include "keccak_round.h"

const uint64_t keccak_round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

const hash32 KECCAK_EMPTY = {{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c,
                              0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, 0xc0,
                              0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b,
                              0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}};

const hash32 KECCAK_RLP_EMPTY = {{0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6,
                                  0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e,
                                  0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0,
                                  0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21}};

const hash32 KECCAK_RLP_EMPTY_LIST = {{0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a,
                                       0xab, 0x85, 0xb5, 0x67, 0xb6, 0xcc, 0xd4, 0x1a,
                                       0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a, 0x74, 0x13,
                                       0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47}};

#define KX_XOR(a, b)     ((a) ^ (b))
#define KX_XOR3(a, b, c) ((a) ^ (b) ^ (c))
#define KX_CHI(a, b, c)  ((a) ^ (~(b) & (c)))
#define KX_ROL(a, n)     rol64((a), (n))

static inline uint64_t rol64(uint64_t v, unsigned n)
{
    return n == 0 ? v : (v << n) | (v >> (64 - n));
}

/* The body; the compiler makes two versions of it below. */
static inline __attribute__((always_inline)) void permute(uint64_t s[25])
{
    uint64_t a[25], e[25], c[5], d[5], b0, b1, b2, b3, b4;
    memcpy(a, s, sizeof a);
    for (int i = 0; i < 24; i += 2) {
        KX_ROUND(a, e, keccak_round_constants[i]);
        KX_ROUND(e, a, keccak_round_constants[i + 1]);
    }
    memcpy(s, a, sizeof a);
}

#if defined(__x86_64__) && !defined(METIS_FREESTANDING)
/* andn and rorx save about a sixth of the instructions; asked of the processor once. */
__attribute__((target("bmi,bmi2"))) static void permute_bmi(uint64_t s[25])
{
    permute(s);
}

static void permute_plain(uint64_t s[25])
{
    permute(s);
}

void keccak_f1600(uint64_t s[25])
{
    static int have_bmi = -1;
    int have = __atomic_load_n(&have_bmi, __ATOMIC_RELAXED);
    if (MT_UNLIKELY(have < 0)) {
        __builtin_cpu_init();
        have = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
        __atomic_store_n(&have_bmi, have, __ATOMIC_RELAXED);
    }
    if (MT_LIKELY(have))
        permute_bmi(s);
    else
        permute_plain(s);
}
#else
void keccak_f1600(uint64_t s[25])
{
    permute(s);
}
#endif

static inline void absorb(uint64_t s[25], const uint8_t *block)
{
    for (int i = 0; i < KECCAK_RATE / 8; i++) {
        uint64_t w;
        memcpy(&w, block + 8 * i, 8);
        s[i] ^= w;
    }
}

void keccak_init(struct keccak *k)
{
    memset(k->s, 0, sizeof k->s);
    k->used = 0;
}

void keccak_add(struct keccak *k, const void *ptr, size_t len)
{
    const uint8_t *p = ptr;
    if (len == 0)
        return;
    if (k->used != 0) {
        size_t n = MT_MIN(len, KECCAK_RATE - k->used);
        memcpy(k->block + k->used, p, n);
        k->used += n;
        p += n;
        len -= n;
        if (k->used < KECCAK_RATE)
            return;
        absorb(k->s, k->block);
        keccak_f1600(k->s);
        k->used = 0;
    }
    for (; len >= KECCAK_RATE; p += KECCAK_RATE, len -= KECCAK_RATE) {
        absorb(k->s, p);
        keccak_f1600(k->s);
    }
    if (len != 0)
        memcpy(k->block, p, len);
    k->used = len;
}

hash32 keccak_done(struct keccak *k)
{
    hash32 h;
    memset(k->block + k->used, 0, KECCAK_RATE - k->used);
    k->block[k->used] = 0x01;
    k->block[KECCAK_RATE - 1] |= 0x80;
    absorb(k->s, k->block);
    keccak_f1600(k->s);
    memcpy(h.b, k->s, 32);
    return h;
}

hash32 keccak256(const void *ptr, size_t len)
{
    uint64_t s[25] = {0};
    uint8_t last[KECCAK_RATE] = {0};
    const uint8_t *p = ptr;
    hash32 h;
    for (; len >= KECCAK_RATE; p += KECCAK_RATE, len -= KECCAK_RATE) {
        absorb(s, p);
        keccak_f1600(s);
    }
    if (len != 0)
        memcpy(last, p, len);
    last[len] = 0x01;
    last[KECCAK_RATE - 1] |= 0x80;
    absorb(s, last);
    keccak_f1600(s);
    memcpy(h.b, s, 32);
    return h;
}

#ifdef METIS_FREESTANDING
void keccak256_many(const slice *in, hash32 *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = keccak256(in[i].ptr, in[i].len);
}
#endif
