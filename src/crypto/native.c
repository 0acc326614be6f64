/* The node's table of cryptography, and the module's set-up. */
#include "bn254_int.h"

mt_err crypto_init(void)
{
    MT_TRY(keccak_setup());
    MT_TRY(secp_setup());
    bn254_setup(true);
    kzg_setup();
    return MT_OK;
}

static void op_sha256(const void *ptr, size_t len, uint8_t out[32])
{
    hash32 h = sha256(ptr, len);
    memcpy(out, h.b, 32);
}

const struct crypto_ops *crypto_native(void)
{
    static const struct crypto_ops ops = {
        .recover = secp_recover,
        .sha256 = op_sha256,
        .ripemd160 = ripemd160,
        .modexp = modexp_gmp,
        .bn254_add = bn254_add,
        .bn254_mul = bn254_mul,
        .bn254_pairing = bn254_pairing,
        .kzg_point_evaluation = kzg_point_evaluation,
        .bls_g1_add = bls_g1_add,
        .bls_g1_msm = bls_g1_msm,
        .bls_g2_add = bls_g2_add,
        .bls_g2_msm = bls_g2_msm,
        .bls_pairing = bls_pairing,
        .bls_map_g1 = bls_map_g1,
        .bls_map_g2 = bls_map_g2,
        .p256_verify = p256_verify,
    };
    return &ops;
}
