/* KZG commitments of blobs (EIP-4844, EIP-7594). They need the whole trusted set-up: its
 * text is linked into the program and given to c-kzg by kzg_new. Without the library
 * every function reports MT_EUNSUPPORTED. */
#include "crypto_int.h"

#ifndef METIS_NO_KZG

#include <ckzg.h>
#include <stdio.h>

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
