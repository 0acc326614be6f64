/* The RLP encoder behind transactions' and headers' hashes; see types_int.h. */
#include "types_int.h"

void sink_raw(struct sink *s, const void *ptr, size_t len)
{
    s->len += len;
    if (len == 0)
        return;
    if (s->buf != NULL)
        buf_put(s->buf, ptr, len);
    if (s->keccak != NULL)
        keccak_add(s->keccak, ptr, len);
}

void sink_header(struct sink *s, size_t len, bool is_list)
{
    uint8_t h[9];
    size_t n = rlp_header_size(len);
    uint8_t base = is_list ? 0xc0 : 0x80;
    if (n == 1) {
        h[0] = (uint8_t)(base + len);
    } else {
        h[0] = (uint8_t)(base + 55 + n - 1);
        for (size_t i = 1; i < n; i++)
            h[i] = (uint8_t)(len >> (8 * (n - 1 - i)));
    }
    sink_raw(s, h, n);
}

void sink_bytes(struct sink *s, const void *ptr, size_t len)
{
    if (len != 1 || *(const uint8_t *)ptr >= 0x80)
        sink_header(s, len, false);
    sink_raw(s, ptr, len);
}

void sink_u256(struct sink *s, u256 v)
{
    uint8_t be[32];
    size_t n = u256_bytes(v);
    u256_store_be(v, be);
    sink_bytes(s, be + 32 - n, n);
}

void sink_u64(struct sink *s, uint64_t v)
{
    sink_u256(s, u256_from(v));
}
