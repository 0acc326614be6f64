/* secp256k1 recovery by the portable C of libsecp256k1, compiled as one unit with this
 * file (third_party/secp256k1, an old version: the one that npm carries). Its context
 * lives in static memory and is made at first use; the table for the generator is
 * small (ECMULT_WINDOW_SIZE), as it is built in every run of a proof. Nothing is
 * signed, so the library's other table and its build step are not needed. */
#include "core.h"
#include "secp256k1_unit.h"

#define CONTEXT_MAX 16384

/* What the library calls on a breach of its own rules. */
void secp256k1_default_illegal_callback_fn(const char *str, void *data)
{
    (void)data;
    mt_assert_fail(str, __FILE_NAME__, __LINE__);
}

void secp256k1_default_error_callback_fn(const char *str, void *data)
{
    (void)data;
    mt_assert_fail(str, __FILE_NAME__, __LINE__);
}

static const secp256k1_context *context(void)
{
    static _Alignas(16) uint8_t mem[CONTEXT_MAX];
    static const secp256k1_context *ctx;
    if (ctx == NULL) {
        MT_ASSERT(secp256k1_context_preallocated_size(SECP256K1_CONTEXT_VERIFY) <=
                  sizeof mem);
        ctx = secp256k1_context_preallocated_create(mem, SECP256K1_CONTEXT_VERIFY);
    }
    return ctx;
}

mt_err plain_recover(const hash32 *digest, const sig *s, address *out)
{
    const secp256k1_context *ctx = context();
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
    hash32 h = keccak256(full + 1, 64);
    memcpy(out->b, h.b + 12, 20);
    return MT_OK;
}
