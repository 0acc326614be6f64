/* Keccak-f[1600] on four (AVX2) and eight (AVX-512) states at once.
 *
 * The states are interleaved, s[25][lanes], so a vector holds the same lane of every
 * state and the round is the scalar one with wider words. AVX-512 has rotate and
 * three-input logic in one instruction each and 32 registers. Called only after
 * keccak_cpu_has. */
#include "crypto_int.h"
#include "keccak_round.h"

#ifdef __x86_64__

#include <immintrin.h>

#define KX_XOR(a, b)     _mm256_xor_si256((a), (b))
#define KX_XOR3(a, b, c) _mm256_xor_si256(_mm256_xor_si256((a), (b)), (c))
#define KX_CHI(a, b, c)  _mm256_xor_si256((a), _mm256_andnot_si256((b), (c)))
#define KX_ROL(a, n)                                                                     \
    ((n) == 0 ? (a)                                                                      \
              : _mm256_or_si256(_mm256_slli_epi64((a), (n)),                             \
                                _mm256_srli_epi64((a), (64 - (n)) & 63)))

__attribute__((target("avx2"))) void keccak_f1600_x4(uint64_t *s)
{
    __m256i a[25], e[25], c[5], d[5], b0, b1, b2, b3, b4;
    for (int i = 0; i < 25; i++)
        a[i] = _mm256_load_si256((const __m256i *)(const void *)(s + 4 * i));
    for (int i = 0; i < 24; i += 2) {
        KX_ROUND(a, e, _mm256_set1_epi64x((long long)keccak_round_constants[i]));
        KX_ROUND(e, a, _mm256_set1_epi64x((long long)keccak_round_constants[i + 1]));
    }
    for (int i = 0; i < 25; i++)
        _mm256_store_si256((__m256i *)(void *)(s + 4 * i), a[i]);
}

#undef KX_XOR
#undef KX_XOR3
#undef KX_CHI
#undef KX_ROL
#define KX_XOR(a, b)     _mm512_xor_si512((a), (b))
#define KX_XOR3(a, b, c) _mm512_ternarylogic_epi64((a), (b), (c), 0x96)
#define KX_CHI(a, b, c)  _mm512_ternarylogic_epi64((a), (b), (c), 0xd2)
#define KX_ROL(a, n)     _mm512_rol_epi64((a), (n))

__attribute__((target("avx512f"))) void keccak_f1600_x8(uint64_t *s)
{
    __m512i a[25], e[25], c[5], d[5], b0, b1, b2, b3, b4;
    for (int i = 0; i < 25; i++)
        a[i] = _mm512_load_si512(s + 8 * i);
    for (int i = 0; i < 24; i += 2) {
        KX_ROUND(a, e, _mm512_set1_epi64((long long)keccak_round_constants[i]));
        KX_ROUND(e, a, _mm512_set1_epi64((long long)keccak_round_constants[i + 1]));
    }
    for (int i = 0; i < 25; i++)
        _mm512_store_si512(s + 8 * i, a[i]);
}

#endif
