/* Transactions: what is accepted encodes to the same bytes, and recovering never touches
 * memory it should not. */
#include "fuzz.h"
#include "metis/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct tx tx, again;
    struct buf out;
    slice in = slice_of(data, size);
    if (crypto_init() != MT_OK)
        return 0;
    arena_init(&a, 64 * size + 65536);
    buf_init(&out, 2 * size + 64);
    if (tx_decode(in, &a, &tx, NULL) == MT_OK) {
        tx_encode(&tx, &out);
        MT_ASSERT(buf_ok(&out) && slice_eq(buf_slice(&out), in));
        MT_ASSERT(tx.sidecar.len == 0);
        hash32 digest = tx_signing_hash(&tx);
        buf_reset(&out);
        tx_encode_unsigned(&tx, &out);
        hash32 direct = keccak256(out.ptr, out.len);
        MT_ASSERT(hash32_eq(&digest, &direct));
        if (tx_recover(&tx, true, crypto_native(), NULL) == MT_OK)
            MT_ASSERT(tx.y_parity <= 1 && tx.has_from);
        for (size_t i = 0; i < tx.auth_num && i < 4; i++) {
            address who;
            (void)auth_recover(&tx.auths[i], crypto_native(), &who);
        }
    }
    if (tx_decode_network(in, &a, &tx, NULL) == MT_OK) {
        MT_ASSERT(tx_decode(tx.raw, &a, &again, NULL) == MT_OK);
        MT_ASSERT(hash32_eq(&tx.hash, &again.hash));
        MT_ASSERT(tx.type == TX_BLOB || tx.sidecar.len == 0);
    }
    buf_fini(&out);
    arena_fini(&a);
    return 0;
}
