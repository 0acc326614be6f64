/* The BLS12-381 precompiles of EIP-2537 on blst.
 *
 * Encodings: a base-field element is 64 bytes, 16 of them zero, big endian, below p; an
 * extension element is c0 then c1; a point is x then y, infinity all zeros. Additions
 * check the curve only, multi-scalar products and pairings the subgroup too, as the EIP
 * says. Without blst every function reports MT_EUNSUPPORTED. */
#include "crypto_int.h"

#ifndef METIS_NO_KZG

#include <blst.h>

/* Points a multi-scalar product takes at a time: bounds the arena's use, costs nothing.
 */
#define MSM_CHUNK 1024

static const uint8_t modulus[48] = {
    0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6,
    0x43, 0x4b, 0xac, 0xd7, 0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf,
    0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24, 0x1e, 0xab, 0xff, 0xfe,
    0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab};

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t acc = 0;
    for (size_t i = 0; i < n; i++)
        acc |= p[i];
    return acc == 0;
}

/* ---- decoding and encoding ---- */

static mt_err fp_get(const uint8_t in[64], blst_fp *out)
{
    if (!all_zero(in, 16) || memcmp(in + 16, modulus, 48) >= 0)
        return MT_ECRYPTO;
    blst_fp_from_bendian(out, in + 16);
    return MT_OK;
}

static void fp_put(uint8_t out[64], const blst_fp *v)
{
    memset(out, 0, 16);
    blst_bendian_from_fp(out + 16, v);
}

static mt_err fp2_get(const uint8_t in[128], blst_fp2 *out)
{
    MT_TRY(fp_get(in, &out->fp[0]));
    return fp_get(in + 64, &out->fp[1]);
}

static mt_err g1_get(const uint8_t in[128], blst_p1_affine *out)
{
    MT_TRY(fp_get(in, &out->x));
    MT_TRY(fp_get(in + 64, &out->y));
    if (all_zero(in, 128)) /* blst's affine infinity is (0, 0) as well */
        return MT_OK;
    return blst_p1_affine_on_curve(out) ? MT_OK : MT_ECRYPTO;
}

static mt_err g2_get(const uint8_t in[256], blst_p2_affine *out)
{
    MT_TRY(fp2_get(in, &out->x));
    MT_TRY(fp2_get(in + 128, &out->y));
    if (all_zero(in, 256))
        return MT_OK;
    return blst_p2_affine_on_curve(out) ? MT_OK : MT_ECRYPTO;
}

static void g1_put(uint8_t out[128], const blst_p1 *p)
{
    blst_p1_affine a;
    memset(out, 0, 128);
    if (blst_p1_is_inf(p))
        return;
    blst_p1_to_affine(&a, p);
    fp_put(out, &a.x);
    fp_put(out + 64, &a.y);
}

static void g2_put(uint8_t out[256], const blst_p2 *p)
{
    blst_p2_affine a;
    memset(out, 0, 256);
    if (blst_p2_is_inf(p))
        return;
    blst_p2_to_affine(&a, p);
    fp_put(out, &a.x.fp[0]);
    fp_put(out + 64, &a.x.fp[1]);
    fp_put(out + 128, &a.y.fp[0]);
    fp_put(out + 192, &a.y.fp[1]);
}

/* As *_get, and in the subgroup of order r. */
static mt_err g1_get_checked(const uint8_t in[128], blst_p1_affine *out)
{
    MT_TRY(g1_get(in, out));
    return blst_p1_affine_is_inf(out) || blst_p1_affine_in_g1(out) ? MT_OK : MT_ECRYPTO;
}

static mt_err g2_get_checked(const uint8_t in[256], blst_p2_affine *out)
{
    MT_TRY(g2_get(in, out));
    return blst_p2_affine_is_inf(out) || blst_p2_affine_in_g2(out) ? MT_OK : MT_ECRYPTO;
}

/* ---- additions ---- */

mt_err bls_g1_add(const uint8_t in[256], uint8_t out[128])
{
    blst_p1_affine a, b;
    blst_p1 sum;
    MT_TRY(g1_get(in, &a));
    MT_TRY(g1_get(in + 128, &b));
    blst_p1_from_affine(&sum, &a);
    blst_p1_add_or_double_affine(&sum, &sum, &b);
    g1_put(out, &sum);
    return MT_OK;
}

mt_err bls_g2_add(const uint8_t in[512], uint8_t out[256])
{
    blst_p2_affine a, b;
    blst_p2 sum;
    MT_TRY(g2_get(in, &a));
    MT_TRY(g2_get(in + 256, &b));
    blst_p2_from_affine(&sum, &a);
    blst_p2_add_or_double_affine(&sum, &sum, &b);
    g2_put(out, &sum);
    return MT_OK;
}

/* ---- multi-scalar products ---- */

/* Scalars are any 256-bit numbers; the points have order r, so they are reduced. Terms
 * that are infinity are left out, blst's bucket method does not want them. */
static mt_err g1_msm_chunk(slice in, blst_p1 *acc, struct arena *scratch)
{
    size_t n = in.len / 160, used = 0;
    blst_p1_affine *points = arena_alloc(scratch, n * sizeof *points);
    blst_scalar *scalars = arena_alloc(scratch, n * sizeof *scalars);
    limb_t *work = arena_alloc(scratch, blst_p1s_mult_pippenger_scratch_sizeof(n));
    const blst_p1_affine *point_list[2] = {points, NULL};
    const byte *scalar_list[2] = {(const byte *)scalars, NULL};
    blst_p1 part;
    if (points == NULL || scalars == NULL || work == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < n; i++) {
        MT_TRY(g1_get_checked(in.ptr + 160 * i, &points[used]));
        if (!blst_scalar_from_be_bytes(&scalars[used], in.ptr + 160 * i + 128, 32))
            continue; /* zero modulo r */
        if (!blst_p1_affine_is_inf(&points[used]))
            used++;
    }
    if (used == 0)
        return MT_OK;
    blst_p1s_mult_pippenger(&part, point_list, used, scalar_list, 255, work);
    blst_p1_add_or_double(acc, acc, &part);
    return MT_OK;
}

static mt_err g2_msm_chunk(slice in, blst_p2 *acc, struct arena *scratch)
{
    size_t n = in.len / 288, used = 0;
    blst_p2_affine *points = arena_alloc(scratch, n * sizeof *points);
    blst_scalar *scalars = arena_alloc(scratch, n * sizeof *scalars);
    limb_t *work = arena_alloc(scratch, blst_p2s_mult_pippenger_scratch_sizeof(n));
    const blst_p2_affine *point_list[2] = {points, NULL};
    const byte *scalar_list[2] = {(const byte *)scalars, NULL};
    blst_p2 part;
    if (points == NULL || scalars == NULL || work == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < n; i++) {
        MT_TRY(g2_get_checked(in.ptr + 288 * i, &points[used]));
        if (!blst_scalar_from_be_bytes(&scalars[used], in.ptr + 288 * i + 256, 32))
            continue;
        if (!blst_p2_affine_is_inf(&points[used]))
            used++;
    }
    if (used == 0)
        return MT_OK;
    blst_p2s_mult_pippenger(&part, point_list, used, scalar_list, 255, work);
    blst_p2_add_or_double(acc, acc, &part);
    return MT_OK;
}

mt_err bls_g1_msm(slice in, uint8_t out[128], struct arena *scratch)
{
    struct arena_mark mark = arena_mark(scratch);
    blst_p1 acc;
    mt_err err = MT_OK;
    if (in.len == 0 || in.len % 160 != 0)
        return MT_ECRYPTO;
    memset(&acc, 0, sizeof acc);
    for (size_t at = 0; err == MT_OK && at < in.len; at += (size_t)MSM_CHUNK * 160) {
        size_t len = MT_MIN(in.len - at, (size_t)MSM_CHUNK * 160);
        err = g1_msm_chunk(slice_of(in.ptr + at, len), &acc, scratch);
        arena_rewind(scratch, mark);
    }
    if (err == MT_OK)
        g1_put(out, &acc);
    return err;
}

mt_err bls_g2_msm(slice in, uint8_t out[256], struct arena *scratch)
{
    struct arena_mark mark = arena_mark(scratch);
    blst_p2 acc;
    mt_err err = MT_OK;
    if (in.len == 0 || in.len % 288 != 0)
        return MT_ECRYPTO;
    memset(&acc, 0, sizeof acc);
    for (size_t at = 0; err == MT_OK && at < in.len; at += (size_t)MSM_CHUNK * 288) {
        size_t len = MT_MIN(in.len - at, (size_t)MSM_CHUNK * 288);
        err = g2_msm_chunk(slice_of(in.ptr + at, len), &acc, scratch);
        arena_rewind(scratch, mark);
    }
    if (err == MT_OK)
        g2_put(out, &acc);
    return err;
}

/* ---- pairing ---- */

#define PAIRS_AT_ONCE 16

mt_err bls_pairing(slice pairs, bool *is_one)
{
    blst_p1_affine p[PAIRS_AT_ONCE];
    blst_p2_affine q[PAIRS_AT_ONCE];
    const blst_p1_affine *p_list[2] = {p, NULL};
    const blst_p2_affine *q_list[2] = {q, NULL};
    blst_fp12 acc = *blst_fp12_one(), part;
    size_t n = 0;
    if (pairs.len == 0 || pairs.len % 384 != 0)
        return MT_ECRYPTO;
    for (size_t at = 0; at < pairs.len; at += 384) {
        MT_TRY(g1_get_checked(pairs.ptr + at, &p[n]));
        MT_TRY(g2_get_checked(pairs.ptr + at + 128, &q[n]));
        if (!blst_p1_affine_is_inf(&p[n]) && !blst_p2_affine_is_inf(&q[n]))
            n++;
        if (n == PAIRS_AT_ONCE || (n != 0 && at + 384 == pairs.len)) {
            blst_miller_loop_n(&part, q_list, p_list, n);
            blst_fp12_mul(&acc, &acc, &part);
            n = 0;
        }
    }
    blst_final_exp(&acc, &acc);
    *is_one = blst_fp12_is_one(&acc);
    return MT_OK;
}

/* ---- maps ---- */

mt_err bls_map_g1(const uint8_t in[64], uint8_t out[128])
{
    blst_fp u;
    blst_p1 p;
    MT_TRY(fp_get(in, &u));
    blst_map_to_g1(&p, &u, NULL);
    g1_put(out, &p);
    return MT_OK;
}

mt_err bls_map_g2(const uint8_t in[128], uint8_t out[256])
{
    blst_fp2 u;
    blst_p2 p;
    MT_TRY(fp2_get(in, &u));
    blst_map_to_g2(&p, &u, NULL);
    g2_put(out, &p);
    return MT_OK;
}

#else

mt_err bls_g1_add(const uint8_t in[256], uint8_t out[128])
{
    (void)in, (void)out;
    return MT_EUNSUPPORTED;
}

mt_err bls_g1_msm(slice in, uint8_t out[128], struct arena *scratch)
{
    (void)in, (void)out, (void)scratch;
    return MT_EUNSUPPORTED;
}

mt_err bls_g2_add(const uint8_t in[512], uint8_t out[256])
{
    (void)in, (void)out;
    return MT_EUNSUPPORTED;
}

mt_err bls_g2_msm(slice in, uint8_t out[256], struct arena *scratch)
{
    (void)in, (void)out, (void)scratch;
    return MT_EUNSUPPORTED;
}

mt_err bls_pairing(slice pairs, bool *is_one)
{
    (void)pairs, (void)is_one;
    return MT_EUNSUPPORTED;
}

mt_err bls_map_g1(const uint8_t in[64], uint8_t out[128])
{
    (void)in, (void)out;
    return MT_EUNSUPPORTED;
}

mt_err bls_map_g2(const uint8_t in[128], uint8_t out[256])
{
    (void)in, (void)out;
    return MT_EUNSUPPORTED;
}

#endif
