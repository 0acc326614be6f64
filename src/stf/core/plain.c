/* The table of cryptography of the provable core: BN254 and BLS12-381 are the node's own
 * files built portably, the rest is in this folder. */
#include "core.h"

/* kzg_versioned_hash asks for it by this name. */
hash32 sha256(const void *ptr, size_t len)
{
    hash32 h;
    plain_sha256(ptr, len, h.b);
    return h;
}

/* The lines of the two fixed points cost more than one evaluation: made at first use. */
static mt_err point_evaluation(const uint8_t in[192])
{
    kzg_setup();
    return kzg_point_evaluation(in);
}

const struct crypto_ops *metis_stf_crypto(void)
{
    static const struct crypto_ops ops = {
        .recover = plain_recover,
        .sha256 = plain_sha256,
        .ripemd160 = plain_ripemd160,
        .modexp = plain_modexp,
        .bn254_add = bn254_add,
        .bn254_mul = bn254_mul,
        .bn254_pairing = bn254_pairing,
        .kzg_point_evaluation = point_evaluation,
        .bls_g1_add = bls_g1_add,
        .bls_g1_msm = bls_g1_msm,
        .bls_g2_add = bls_g2_add,
        .bls_g2_msm = bls_g2_msm,
        .bls_pairing = bls_pairing,
        .bls_map_g1 = bls_map_g1,
        .bls_map_g2 = bls_map_g2,
        .p256_verify = plain_p256_verify,
    };
    return &ops;
}
