/* Blocks: what is accepted encodes to the same bytes, also when each transaction is encoded
 * anew. */
#include "fuzz.h"
#include "metis/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct block b;
    struct buf out;
    slice in = slice_of(data, size);
    arena_init(&a, 64 * size + 65536);
    if (block_decode(in, &a, &b, NULL) == MT_OK) {
        hash32 hash = header_hash(&b.header);
        MT_ASSERT(hash32_eq(&hash, &b.hash));
        buf_init(&out, 2 * size + 64);
        block_encode(&b, &out);
        MT_ASSERT(buf_ok(&out) && slice_eq(buf_slice(&out), in));
        for (size_t i = 0; i < b.tx_num; i++)
            b.txs[i].raw = slice_of(NULL, 0);
        buf_reset(&out);
        block_encode(&b, &out);
        MT_ASSERT(buf_ok(&out) && slice_eq(buf_slice(&out), in));
        buf_fini(&out);
    }
    arena_fini(&a);
    return 0;
}
