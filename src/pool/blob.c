/* Sidecars of blob transactions in their network form (EIP-4844, EIP-7594):
 *   version 0: blobs, commitments, proofs           one proof a blob
 *   version 1: 1, blobs, commitments, cell proofs   128 proofs a blob */
#include "pool_int.h"

#define BLOB_SIZE  131072u
#define PROOF_SIZE 48u
#define CELLS      128u
#define BLOBS_MOST 9u /* far above any schedule's limit for one transaction */

/* A list of num items of size bytes each, copied to out back to back. */
static mt_err gather(struct rlp *r, size_t num, size_t size, uint8_t *out)
{
    struct rlp list;
    MT_TRY(rlp_get_list(r, &list));
    for (size_t i = 0; i < num; i++)
        MT_TRY(rlp_get_fixed(&list, out + i * size, size));
    return rlp_finish(&list);
}

static mt_err check_hashes(const struct tx *tx, const uint8_t *commitments,
                           struct mt_diag *diag)
{
    for (size_t i = 0; i < tx->blob_num; i++) {
        hash32 h = kzg_versioned_hash(commitments + i * PROOF_SIZE);
        if (!hash32_eq(&h, &tx->blob_hashes[i]))
            return mt_fail(diag, MT_ECRYPTO, "blob %zu: hash does not match commitment",
                           i);
    }
    return MT_OK;
}

mt_err blob_sidecar_check(const struct kzg *kzg, const struct tx *tx,
                          struct mt_diag *diag)
{
    struct rlp r = rlp_reader(tx->sidecar);
    size_t n = tx->blob_num;
    uint64_t version = 0;
    if (tx->sidecar.len == 0)
        return mt_fail(diag, MT_EDECODE, "missing sidecar in blob transaction");
    if (n > BLOBS_MOST)
        return mt_fail(diag, MT_ELIMIT, "too many blobs in one transaction");
    if (!rlp_peek_list(&r))
        MT_TRY(rlp_get_u64(&r, &version));
    if (version > 1)
        return mt_fail(diag, MT_EUNSUPPORTED, "unknown blob sidecar version");
    size_t proofs = version == 0 ? n : n * CELLS;
    uint8_t *mem = mt_alloc(n * BLOB_SIZE + (n + proofs) * PROOF_SIZE);
    uint8_t *commitments = mem + n * BLOB_SIZE, *proof = commitments + n * PROOF_SIZE;
    bool valid = false;
    mt_err err = gather(&r, n, BLOB_SIZE, mem);
    if (err == MT_OK)
        err = gather(&r, n, PROOF_SIZE, commitments);
    if (err == MT_OK)
        err = gather(&r, proofs, PROOF_SIZE, proof);
    if (err == MT_OK)
        err = rlp_finish(&r);
    if (err != MT_OK)
        mt_fail(diag, err, "malformed blob sidecar");
    if (err == MT_OK)
        err = check_hashes(tx, commitments, diag);
    if (err == MT_OK)
        err = version == 0 ? kzg_verify_blobs(kzg, mem, commitments, proof, n, &valid)
                           : kzg_verify_cells(kzg, mem, commitments, proof, n, &valid);
    if (err == MT_OK && !valid)
        err = mt_fail(diag, MT_ECRYPTO, "invalid blob proof");
    mt_free(mem);
    return err;
}
