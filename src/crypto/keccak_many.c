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
    size_t n;    /* 4 or 8 */
    size_t busy; /* lanes with a message */
};

static void lane_start(struct lanes *l, size_t j, slice msg, size_t idx)
{
    for (size_t i = 0; i < 25; i++)
        l->s[i * l->n + j] = 0;
    l->lane[j] = (struct lane){.rest = msg, .idx = idx, .busy = true};
}

static void lane_absorb(struct lanes *l, size_t j)
{
    struct lane *a = &l->lane[j];
    uint8_t pad[KECCAK_RATE];
    const uint8_t *p = a->rest.ptr;
    if (a->rest.len >= KECCAK_RATE) {
        a->rest = slice_of(p + KECCAK_RATE, a->rest.len - KECCAK_RATE);
    } else {
        memset(pad, 0, sizeof pad);
        if (a->rest.len != 0)
            memcpy(pad, p, a->rest.len);
        pad[a->rest.len] = 0x01;
        pad[KECCAK_RATE - 1] |= 0x80;
        p = pad;
        a->last = true;
    }
    for (size_t i = 0; i < KECCAK_RATE / 8; i++) {
        uint64_t w;
        memcpy(&w, p + 8 * i, 8);
        l->s[i * l->n + j] ^= w;
    }
}

/* One message left: its state goes on in the scalar form. */
static void finish_scalar(const struct lanes *l, hash32 *out)
{
    for (size_t j = 0; j < l->n; j++) {
        const struct lane *a = &l->lane[j];
        struct keccak k;
        if (!a->busy)
            continue;
        for (size_t i = 0; i < 25; i++)
            k.s[i] = l->s[i * l->n + j];
        k.used = 0;
        keccak_add(&k, a->rest.ptr, a->rest.len);
        out[a->idx] = keccak_done(&k);
    }
}

static void run_lanes(const slice *in, hash32 *out, size_t n, size_t lanes,
                      void (*permute)(uint64_t *))
{
    struct lanes l;
    size_t next = 0;
    memset(&l, 0, sizeof l);
    l.n = lanes;
    for (; next < n && next < lanes; next++)
        lane_start(&l, next, in[next], next);
    l.busy = next;
    while (l.busy > 1) {
        for (size_t j = 0; j < lanes; j++)
            if (l.lane[j].busy)
                lane_absorb(&l, j);
        permute(l.s);
        for (size_t j = 0; j < lanes; j++) {
            struct lane *a = &l.lane[j];
            if (!a->busy || !a->last)
                continue;
            for (size_t i = 0; i < 4; i++)
                memcpy(out[a->idx].b + 8 * i, &l.s[i * lanes + j], 8);
            if (next < n) {
                lane_start(&l, j, in[next], next);
                next++;
            } else {
                a->busy = false;
                l.busy--;
            }
        }
    }
    if (l.busy == 1)
        finish_scalar(&l, out);
}

#endif

void keccak256_many(const slice *in, hash32 *out, size_t n)
{
#ifdef __x86_64__
    enum keccak_isa isa = keccak_isa();
    if (n > 1 && isa == KECCAK_AVX512) {
        run_lanes(in, out, n, 8, keccak_f1600_x8);
        return;
    }
    if (n > 1 && isa == KECCAK_AVX2) {
        run_lanes(in, out, n, 4, keccak_f1600_x4);
        return;
    }
#endif
    for (size_t i = 0; i < n; i++)
        out[i] = keccak256(in[i].ptr, in[i].len);
}
