/* Headers: what is accepted encodes to the same bytes and hashes as they do. */
#include "fuzz.h"
#include "metis/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header h;
    struct buf out;
    slice in = slice_of(data, size);
    if (header_decode(in, &h, NULL) != MT_OK)
        return 0;
    MT_ASSERT(h.field_num >= HEADER_FIELDS_MIN && h.field_num <= HEADER_FIELDS_MAX);
    buf_init(&out, 2 * size + 64);
    header_encode(&h, &out);
    MT_ASSERT(buf_ok(&out) && slice_eq(buf_slice(&out), in));
    buf_fini(&out);
    hash32 hash = header_hash(&h), direct = keccak256(data, size);
    MT_ASSERT(hash32_eq(&hash, &direct));
    return 0;
}
