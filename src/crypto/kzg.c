/* KZG commitments: the point-evaluation precompile and blob verification (EIP-4844).
 *
 * The precompile needs one point of the trusted set-up, [tau]G2, kept here as a
 * constant; e(C - y*G1 + z*proof, G2) = e(proof, [tau]G2) moves z onto the G1 side, so
 * both G2 points are fixed and their line functions are computed once at start. Blobs
 * need the whole set-up: its text is linked into the program and given to c-kzg by
 * kzg_new. Without the two libraries every function reports MT_EUNSUPPORTED. */
#include "crypto_int.h"

hash32 kzg_versioned_hash(const uint8_t commitment[48])
{
    hash32 h = sha256(commitment, 48);
    h.b[0] = 0x01;
    return h;
}

#ifndef METIS_NO_KZG

#include <blst.h>
#include <ckzg.h>
#include <stdio.h>

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

/* ---- blobs ---- */

/* The set-up's text, as published, between two symbols. */
__asm__(".pushsection .rodata, \"a\", @progbits\n"
        ".balign 16\n"
        ".type kzg_setup_text, @object\n"
        "kzg_setup_text:\n"
        ".incbin \"" METIS_TRUSTED_SETUP "\"\n"
        ".type kzg_setup_text_end, @object\n"
        "kzg_setup_text_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const char kzg_setup_text[] __attribute__((visibility("hidden")));
extern const char kzg_setup_text_end[] __attribute__((visibility("hidden")));

slice kzg_setup_text_get(void)
{
    return slice_of(kzg_setup_text, (size_t)(kzg_setup_text_end - kzg_setup_text));
}

struct kzg {
    KZGSettings settings;
};

mt_err kzg_new(struct kzg **out)
{
    slice text = kzg_setup_text_get();
    struct kzg *k;
    C_KZG_RET ret;
    FILE *f = fmemopen((void *)(uintptr_t)text.ptr, text.len, "r");
    if (f == NULL)
        return MT_ENOMEM;
    k = mt_alloc(sizeof *k);
    ret = load_trusted_setup_file(&k->settings, f, 0);
    fclose(f);
    if (ret != C_KZG_OK) {
        mt_free(k);
        return ret == C_KZG_MALLOC ? MT_ENOMEM : MT_ECORRUPT;
    }
    *out = k;
    return MT_OK;
}

void kzg_free(struct kzg *k)
{
    if (k == NULL)
        return;
    free_trusted_setup(&k->settings);
    mt_free(k);
}

mt_err kzg_verify_blobs(const struct kzg *k, const uint8_t *blobs,
                        const uint8_t *commitments, const uint8_t *proofs, size_t n,
                        bool *valid)
{
    bool ok = false;
    C_KZG_RET ret = verify_blob_kzg_proof_batch(
        &ok, (const Blob *)(const void *)blobs,
        (const Bytes48 *)(const void *)commitments, (const Bytes48 *)(const void *)proofs,
        n, &k->settings);
    if (ret == C_KZG_MALLOC)
        return MT_ENOMEM;
    if (ret != C_KZG_OK && ret != C_KZG_BADARGS)
        return MT_ECRYPTO;
    *valid =
        ret == C_KZG_OK && ok; /* bad arguments: not a field element or not a point */
    return MT_OK;
}

/* The cells are computed from the blobs, so that the proofs are checked against the data
 * that came with them. */
mt_err kzg_verify_cells(const struct kzg *k, const uint8_t *blobs,
                        const uint8_t *commitments, const uint8_t *cell_proofs, size_t n,
                        bool *valid)
{
    size_t num = n * CELLS_PER_EXT_BLOB;
    Cell *cells = mt_alloc(num * sizeof *cells);
    Bytes48 *points = mt_alloc(num * sizeof *points);
    uint64_t *idx = mt_alloc(num * sizeof *idx);
    C_KZG_RET ret = C_KZG_OK;
    bool ok = false;
    for (size_t i = 0; i < n && ret == C_KZG_OK; i++) {
        ret = compute_cells_and_kzg_proofs(cells + i * CELLS_PER_EXT_BLOB, NULL,
                                           (const Blob *)(const void *)blobs + i,
                                           &k->settings);
        for (size_t j = 0; j < CELLS_PER_EXT_BLOB; j++) {
            memcpy(&points[i * CELLS_PER_EXT_BLOB + j], commitments + i * 48, 48);
            idx[i * CELLS_PER_EXT_BLOB + j] = j;
        }
    }
    if (ret == C_KZG_OK)
        ret = verify_cell_kzg_proof_batch(&ok, points, idx, cells,
                                          (const Bytes48 *)(const void *)cell_proofs, num,
                                          &k->settings);
    mt_free(cells);
    mt_free(points);
    mt_free(idx);
    if (ret == C_KZG_MALLOC)
        return MT_ENOMEM;
    if (ret != C_KZG_OK && ret != C_KZG_BADARGS)
        return MT_ECRYPTO;
    *valid = ret == C_KZG_OK && ok;
    return MT_OK;
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

mt_err kzg_new(struct kzg **out)
{
    (void)out;
    return MT_EUNSUPPORTED;
}

void kzg_free(struct kzg *k)
{
    (void)k;
}

mt_err kzg_verify_blobs(const struct kzg *k, const uint8_t *blobs,
                        const uint8_t *commitments, const uint8_t *proofs, size_t n,
                        bool *valid)
{
    (void)k, (void)blobs, (void)commitments, (void)proofs, (void)n, (void)valid;
    return MT_EUNSUPPORTED;
}

mt_err kzg_verify_cells(const struct kzg *k, const uint8_t *blobs,
                        const uint8_t *commitments, const uint8_t *cell_proofs, size_t n,
                        bool *valid)
{
    (void)k, (void)blobs, (void)commitments, (void)cell_proofs, (void)n, (void)valid;
    return MT_EUNSUPPORTED;
}

#endif
