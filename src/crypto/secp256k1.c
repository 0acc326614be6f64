/* secp256k1 through libsecp256k1: recovery, signing, addresses.
 *
 * Recovery and verification need no secret tables and use the library's static context,
 * so they work from any thread without set-up. Signing uses one context made by
 * crypto_init and blinded with system randomness; the library only reads it afterwards.
 */
#include "crypto_int.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>

static secp256k1_context *sign_ctx;

mt_err secp_setup(void)
{
    uint8_t seed[32];
    secp256k1_context *ctx;
    if (sign_ctx != NULL)
        return MT_OK;
    MT_TRY(random_bytes(seed, sizeof seed));
    ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    if (ctx == NULL)
        return MT_ENOMEM;
    if (!secp256k1_context_randomize(ctx, seed)) {
        secp256k1_context_destroy(ctx);
        return MT_ECRYPTO;
    }
    sign_ctx = ctx;
    return MT_OK;
}

mt_err secp_recover_pubkey(const hash32 *digest, const sig *s, uint8_t out[64])
{
    const secp256k1_context *ctx = secp256k1_context_static;
    secp256k1_ecdsa_recoverable_signature rs;
    secp256k1_pubkey key;
    uint8_t compact[64], full[65];
    size_t len = sizeof full;
    if (s->y_parity > 1)
        return MT_ECRYPTO;
    memcpy(compact, s->r.b, 32);
    memcpy(compact + 32, s->s.b, 32);
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &rs, compact,
                                                             s->y_parity))
        return MT_ECRYPTO;
    if (!secp256k1_ecdsa_recover(ctx, &key, &rs, digest->b))
        return MT_ECRYPTO;
    secp256k1_ec_pubkey_serialize(ctx, full, &len, &key, SECP256K1_EC_UNCOMPRESSED);
    memcpy(out, full + 1, 64);
    return MT_OK;
}

static address pubkey_address(const uint8_t key[64])
{
    hash32 h = keccak256(key, 64);
    address a;
    memcpy(a.b, h.b + 12, 20);
    return a;
}

mt_err secp_recover(const hash32 *digest, const sig *s, address *out)
{
    uint8_t key[64];
    MT_TRY(secp_recover_pubkey(digest, s, key));
    *out = pubkey_address(key);
    return MT_OK;
}

mt_err secp_sign(const hash32 *digest, const hash32 *key, sig *out)
{
    secp256k1_ecdsa_recoverable_signature rs;
    uint8_t compact[64];
    int recid = 0;
    MT_ASSERT(sign_ctx != NULL);
    if (!secp_scalar_valid(key))
        return MT_EINVAL;
    if (!secp256k1_ecdsa_sign_recoverable(sign_ctx, &rs, digest->b, key->b, NULL, NULL))
        return MT_ECRYPTO;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(sign_ctx, compact, &recid,
                                                            &rs);
    /* Bit 1 would say that the nonce point's x lies in n..p-1: no such point is known,
     * and Ethereum has no place for it. */
    if (recid > 1)
        return MT_ECRYPTO;
    memcpy(out->r.b, compact, 32);
    memcpy(out->s.b, compact + 32, 32);
    out->y_parity = (uint8_t)recid;
    return MT_OK;
}

mt_err secp_pubkey(const hash32 *key, uint8_t out[64])
{
    secp256k1_pubkey pub;
    uint8_t full[65];
    size_t len = sizeof full;
    MT_ASSERT(sign_ctx != NULL);
    if (!secp256k1_ec_pubkey_create(sign_ctx, &pub, key->b))
        return MT_EINVAL;
    secp256k1_ec_pubkey_serialize(sign_ctx, full, &len, &pub, SECP256K1_EC_UNCOMPRESSED);
    memcpy(out, full + 1, 64);
    return MT_OK;
}

mt_err secp_address(const hash32 *key, address *out)
{
    uint8_t pub[64];
    MT_TRY(secp_pubkey(key, pub));
    *out = pubkey_address(pub);
    return MT_OK;
}

mt_err secp_key_add(const hash32 *key, const hash32 *tweak, hash32 *out)
{
    hash32 sum = *key;
    if (!secp256k1_ec_seckey_tweak_add(secp256k1_context_static, sum.b, tweak->b))
        return MT_EINVAL;
    *out = sum;
    return MT_OK;
}
