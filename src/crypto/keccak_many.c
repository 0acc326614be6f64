/* keccak-256 of many messages: run-time choice of path, and the lane scheduler.
 *
 * A wide permutation works on `lanes` states at once. Each lane carries its own message;
 * a lane whose message ends writes its digest and takes the next one, so messages of
 * mixed lengths keep all lanes busy. The last message alone is finished on the scalar
 * path. Output never depends on the path. */
#include "crypto_int.h"

#include <stdlib.h>

static enum keccak_isa isa_in_use = KECCAK_SCALAR;

const char *keccak_isa_name(enum keccak_isa isa)
{
    switch (isa) {
    case KECCAK_SCALAR:
        return "scalar";
    case KECCAK_AVX2:
        return "avx2";
    case KECCAK_AVX512:
        return "avx512";
    }
    return "unknown";
}

bool keccak_cpu_has(enum keccak_isa isa)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (isa == KECCAK_AVX2)
        return __builtin_cpu_supports("avx2");
    if (isa == KECCAK_AVX512)
        return __builtin_cpu_supports("avx512f");
#endif
    return isa == KECCAK_SCALAR;
}

enum keccak_isa keccak_isa(void)
{
    return __atomic_load_n(&isa_in_use, __ATOMIC_RELAXED);
}

mt_err keccak_force_isa(enum keccak_isa isa)
{
    if (!keccak_cpu_has(isa))
        return MT_EUNSUPPORTED;
    __atomic_store_n(&isa_in_use, isa, __ATOMIC_RELAXED);
    return MT_OK;
}

mt_err keccak_setup(void)
{
    const char *want = getenv("METIS_KECCAK");
    if (want != NULL && want[0] != '\0') {
        for (int i = KECCAK_SCALAR; i <= KECCAK_AVX512; i++)
            if (strcmp(want, keccak_isa_name((enum keccak_isa)i)) == 0)
                return keccak_force_isa((enum keccak_isa)i);
        return MT_EINVAL;
    }
    if (keccak_force_isa(KECCAK_AVX512) != MT_OK &&
        keccak_force_isa(KECCAK_AVX2) != MT_OK)
        return keccak_force_isa(KECCAK_SCALAR);
    return MT_OK;
}

#ifdef __x86_64__

#define LANES_MAX 8

/* What a lane is working on. */
struct lane {
    slice rest; /* bytes not yet absorbed */
    size_t idx; /* message number */
    bool busy;
    bool last; /* the block just absorbed was the padded one */
};

struct lanes {
    _Alignas(64) uint64_t s[25 * LANES_MAX];
    struct lane lane[LANES_MAX];
    size_t busy; /* lanes with a message */
};

/* The number of lanes is a constant in every copy of the functions below. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE void lane_start(struct lanes *l, size_t lanes, size_t j, slice msg,
                              size_t idx)
{
    for (size_t i = 0; i < 25; i++)
        l->s[i * lanes + j] = 0;
    l->lane[j] = (struct lane){.rest = msg, .idx = idx, .busy = true};
}

ALWAYS_INLINE void xor_word(uint64_t *s, const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    *s ^= w;
}

/* The last block goes in without a padded copy: whole words, then the rest with the
 * padding bit behind it. */
ALWAYS_INLINE void lane_absorb(struct lanes *l, size_t lanes, size_t j)
{
    struct lane *a = &l->lane[j];
    const uint8_t *p = a->rest.ptr;
    const size_t len = a->rest.len;
    uint64_t *s = l->s + j, tail = 0;
    if (len >= KECCAK_RATE) {
        for (size_t i = 0; i < KECCAK_RATE / 8; i++)
            xor_word(&s[i * lanes], p + 8 * i);
        a->rest = slice_of(p + KECCAK_RATE, len - KECCAK_RATE);
        return;
    }
    for (size_t i = 0; i < len / 8; i++)
        xor_word(&s[i * lanes], p + 8 * i);
    for (size_t i = 0; i < len % 8; i++)
        tail |= (uint64_t)p[len / 8 * 8 + i] << (8 * i);
    s[len / 8 * lanes] ^= tail | (uint64_t)1 << (8 * (len % 8));
    s[(KECCAK_RATE / 8 - 1) * lanes] ^= (uint64_t)1 << 63;
    a->last = true;
}

/* One message left: its state goes on in the scalar form. */
static void finish_scalar(const struct lanes *l, size_t lanes, hash32 *out)
{
    for (size_t j = 0; j < lanes; j++) {
        const struct lane *a = &l->lane[j];
        struct keccak k;
        if (!a->busy)
            continue;
        for (size_t i = 0; i < 25; i++)
            k.s[i] = l->s[i * lanes + j];
        k.used = 0;
        keccak_add(&k, a->rest.ptr, a->rest.len);
        out[a->idx] = keccak_done(&k);
    }
}

ALWAYS_INLINE void run_lanes(const slice *in, hash32 *out, size_t n, const size_t lanes,
                             void (*permute)(uint64_t *))
{
    struct lanes l;
    size_t next = 0;
    memset(&l, 0, sizeof l);
    for (; next < n && next < lanes; next++)
        lane_start(&l, lanes, next, in[next], next);
    l.busy = next;
    while (l.busy > 1) {
        for (size_t j = 0; j < lanes; j++)
            if (l.lane[j].busy)
                lane_absorb(&l, lanes, j);
        permute(l.s);
        for (size_t j = 0; j < lanes; j++) {
            struct lane *a = &l.lane[j];
            if (!a->busy || !a->last)
                continue;
            for (size_t i = 0; i < 4; i++)
                memcpy(out[a->idx].b + 8 * i, &l.s[i * lanes + j], 8);
            if (next < n) {
                lane_start(&l, lanes, j, in[next], next);
                next++;
            } else {
                a->busy = false;
                l.busy--;
            }
        }
    }
    if (l.busy == 1)
        finish_scalar(&l, lanes, out);
}

static void run_x8(const slice *in, hash32 *out, size_t n)
{
    run_lanes(in, out, n, 8, keccak_f1600_x8);
}

static void run_x4(const slice *in, hash32 *out, size_t n)
{
    run_lanes(in, out, n, 4, keccak_f1600_x4);
}

#endif

void keccak256_many(const slice *in, hash32 *out, size_t n)
{
#ifdef __x86_64__
    enum keccak_isa isa = keccak_isa();
    if (n > 1 && isa == KECCAK_AVX512) {
        run_x8(in, out, n);
        return;
    }
    if (n > 1 && isa == KECCAK_AVX2) {
        run_x4(in, out, n);
        return;
    }
#endif
    for (size_t i = 0; i < n; i++)
        out[i] = keccak256(in[i].ptr, in[i].len);
}
