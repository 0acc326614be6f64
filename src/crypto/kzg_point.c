/* The point-evaluation precompile (EIP-4844).
 *
 * It needs one point of the trusted set-up, [tau]G2, kept here as a constant;
 * e(C - y*G1 + z*proof, G2) = e(proof, [tau]G2) moves z onto the G1 side, so both G2
 * points are fixed and their line functions are computed once at start. Part of the
 * provable core. Without blst every function reports MT_EUNSUPPORTED. */
#include "crypto_int.h"

hash32 kzg_versioned_hash(const uint8_t commitment[48])
{
    hash32 h = sha256(commitment, 48);
    h.b[0] = 0x01;
    return h;
}

#ifndef METIS_NO_KZG

#include <blst.h>

/* [tau]G2, compressed: the second G2 point of the set-up. */
const uint8_t kzg_tau_g2[96] = {
    0xb5, 0xbf, 0xd7, 0xdd, 0x8c, 0xde, 0xb1, 0x28, 0x84, 0x3b, 0xc2, 0x87, 0x23, 0x0a,
    0xf3, 0x89, 0x26, 0x18, 0x70, 0x75, 0xcb, 0xfb, 0xef, 0xa8, 0x10, 0x09, 0xa2, 0xce,
    0x61, 0x5a, 0xc5, 0x3d, 0x29, 0x14, 0xe5, 0x87, 0x0c, 0xb4, 0x52, 0xd2, 0xaf, 0xaa,
    0xab, 0x24, 0xf3, 0x49, 0x9f, 0x72, 0x18, 0x5c, 0xbf, 0xee, 0x53, 0x49, 0x27, 0x14,
    0x73, 0x44, 0x29, 0xb7, 0xb3, 0x86, 0x08, 0xe2, 0x39, 0x26, 0xc9, 0x11, 0xcc, 0xec,
    0xea, 0xc9, 0xa3, 0x68, 0x51, 0x47, 0x7b, 0xa4, 0xc6, 0x0b, 0x08, 0x70, 0x41, 0xde,
    0x62, 0x10, 0x00, 0xed, 0xc9, 0x8e, 0xda, 0xda, 0x20, 0xc1, 0xde, 0xf2};

static blst_fp6 lines_g2[68], lines_tau_g2[68];
static bool lines_ready;

void kzg_setup(void)
{
    blst_p2_affine tau;
    if (lines_ready)
        return;
    MT_ASSERT(blst_p2_uncompress(&tau, kzg_tau_g2) == BLST_SUCCESS);
    blst_precompute_lines(lines_tau_g2, &tau);
    blst_precompute_lines(lines_g2, &BLS12_381_G2);
    lines_ready = true;
}

static mt_err scalar_get(const uint8_t in[32], blst_scalar *out)
{
    blst_scalar_from_bendian(out, in);
    return blst_scalar_fr_check(out) ? MT_OK : MT_ECRYPTO;
}

static mt_err point_get(const uint8_t in[48], blst_p1_affine *out)
{
    if (blst_p1_uncompress(out, in) != BLST_SUCCESS)
        return MT_ECRYPTO;
    return blst_p1_affine_is_inf(out) || blst_p1_affine_in_g1(out) ? MT_OK : MT_ECRYPTO;
}

/* acc times e(p, Q), Q given by its lines. */
static void pair_in(blst_fp12 *acc, const blst_fp6 lines[68], const blst_p1 *p)
{
    blst_p1_affine a;
    blst_fp12 f;
    if (blst_p1_is_inf(p))
        return;
    blst_p1_to_affine(&a, p);
    blst_miller_loop_lines(&f, lines, &a);
    blst_fp12_mul(acc, acc, &f);
}

mt_err kzg_point_evaluation(const uint8_t in[192])
{
    blst_scalar z, y;
    blst_p1_affine commitment, proof;
    blst_p1 left, right, term;
    blst_fp12 f = *blst_fp12_one();
    hash32 h = kzg_versioned_hash(in + 96);
    MT_ASSERT(lines_ready);
    if (memcmp(h.b, in, 32) != 0)
        return MT_ECRYPTO;
    MT_TRY(scalar_get(in + 32, &z));
    MT_TRY(scalar_get(in + 64, &y));
    MT_TRY(point_get(in + 96, &commitment));
    MT_TRY(point_get(in + 144, &proof));
    blst_p1_from_affine(&right, &proof);
    blst_p1_mult(&left, &right, z.b, 255);
    blst_p1_add_or_double_affine(&left, &left, &commitment);
    blst_p1_mult(&term, blst_p1_generator(), y.b, 255);
    blst_p1_cneg(&term, true);
    blst_p1_add_or_double(&left, &left, &term);
    blst_p1_cneg(&right, true);
    pair_in(&f, lines_g2, &left);
    pair_in(&f, lines_tau_g2, &right);
    blst_final_exp(&f, &f);
    return blst_fp12_is_one(&f) ? MT_OK : MT_ECRYPTO;
}

#else

void kzg_setup(void)
{
}

mt_err kzg_point_evaluation(const uint8_t in[192])
{
    (void)in;
    return MT_EUNSUPPORTED;
}

#endif
