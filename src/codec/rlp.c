/* RLP, yellow paper appendix B. The reader accepts exactly the canonical encodings: a
 * decoder that took two encodings for one value would give one block two hashes. */
#include "metis/codec.h"

/* ---- reader ---- */

/* Big-endian length of n bytes, 1..8, without leading zeros and above 55. */
static mt_err long_length(const uint8_t *p, size_t n, size_t *out)
{
    uint64_t len = 0;
    if (n > 8 || p[0] == 0)
        return MT_EDECODE;
    for (size_t i = 0; i < n; i++)
        len = len << 8 | p[i];
    if (len <= 55 || len > SIZE_MAX / 2)
        return MT_EDECODE;
    *out = (size_t)len;
    return MT_OK;
}

/* Header of the item at p: its own size and the payload's, both within left. */
static mt_err item_header(const uint8_t *p, size_t left, size_t *header, size_t *payload,
                          bool *is_list)
{
    if (left == 0)
        return MT_EDECODE;
    uint8_t b = p[0];
    *is_list = b >= 0xc0;
    if (b < 0x80) {
        *header = 0;
        *payload = 1;
        return MT_OK;
    }
    uint8_t base = *is_list ? 0xc0 : 0x80;
    *header = 1;
    *payload = (size_t)(b - base);
    if (*payload > 55) {
        size_t n = *payload - 55;
        if (left - 1 < n)
            return MT_EDECODE;
        MT_TRY(long_length(p + 1, n, payload));
        *header = 1 + n;
    }
    if (*payload > left - *header)
        return MT_EDECODE;
    bool is_single = !*is_list && *header == 1 && *payload == 1;
    return is_single && p[1] < 0x80 ? MT_EDECODE : MT_OK;
}

mt_err rlp_next(struct rlp *r, slice *payload, bool *is_list, slice *whole)
{
    size_t header, len;
    bool list;
    MT_TRY(item_header(r->ptr, (size_t)(r->end - r->ptr), &header, &len, &list));
    *payload = slice_of(r->ptr + header, len);
    *is_list = list;
    if (whole != NULL)
        *whole = slice_of(r->ptr, header + len);
    r->ptr += header + len;
    return MT_OK;
}

bool rlp_peek_list(const struct rlp *r)
{
    return r->ptr != r->end && *r->ptr >= 0xc0;
}

mt_err rlp_get_list(struct rlp *r, struct rlp *inner)
{
    struct rlp at = *r;
    slice payload;
    bool is_list;
    MT_TRY(rlp_next(&at, &payload, &is_list, NULL));
    if (!is_list)
        return MT_EDECODE;
    *inner = rlp_reader(payload);
    *r = at;
    return MT_OK;
}

mt_err rlp_get_bytes(struct rlp *r, slice *out)
{
    struct rlp at = *r;
    slice payload;
    bool is_list;
    MT_TRY(rlp_next(&at, &payload, &is_list, NULL));
    if (is_list)
        return MT_EDECODE;
    *out = payload;
    *r = at;
    return MT_OK;
}

mt_err rlp_get_fixed(struct rlp *r, void *out, size_t n)
{
    struct rlp at = *r;
    slice payload;
    MT_TRY(rlp_get_bytes(&at, &payload));
    if (payload.len != n)
        return MT_EDECODE;
    memcpy(out, payload.ptr, n);
    *r = at;
    return MT_OK;
}

mt_err rlp_get_u256(struct rlp *r, u256 *out)
{
    struct rlp at = *r;
    slice payload;
    MT_TRY(rlp_get_bytes(&at, &payload));
    if (payload.len > 32 || (payload.len > 0 && payload.ptr[0] == 0))
        return MT_EDECODE;
    *out = u256_load_be_n(payload.ptr, payload.len);
    *r = at;
    return MT_OK;
}

mt_err rlp_get_u64(struct rlp *r, uint64_t *out)
{
    struct rlp at = *r;
    u256 v;
    MT_TRY(rlp_get_u256(&at, &v));
    if (!u256_is_u64(v))
        return MT_EDECODE;
    *out = v.w[0];
    *r = at;
    return MT_OK;
}

mt_err rlp_get_bool(struct rlp *r, bool *out)
{
    struct rlp at = *r;
    uint64_t v;
    MT_TRY(rlp_get_u64(&at, &v));
    if (v > 1)
        return MT_EDECODE;
    *out = v == 1;
    *r = at;
    return MT_OK;
}

mt_err rlp_finish(const struct rlp *r)
{
    return rlp_at_end(r) ? MT_OK : MT_EDECODE;
}

mt_err rlp_count(const struct rlp *r, size_t *out)
{
    struct rlp at = *r;
    size_t n = 0;
    for (; !rlp_at_end(&at); n++) {
        slice payload;
        bool is_list;
        MT_TRY(rlp_next(&at, &payload, &is_list, NULL));
    }
    *out = n;
    return MT_OK;
}

/* ---- writer ---- */

static size_t length_bytes(size_t len)
{
    size_t n = 0;
    for (; len != 0; len >>= 8)
        n++;
    return n;
}

size_t rlp_header_size(size_t len)
{
    return len <= 55 ? 1 : 1 + length_bytes(len);
}

/* Writes the header at p, which has rlp_header_size(len) bytes. */
static void write_header(uint8_t *p, size_t len, bool is_list)
{
    uint8_t base = is_list ? 0xc0 : 0x80;
    if (len <= 55) {
        p[0] = (uint8_t)(base + len);
        return;
    }
    size_t n = length_bytes(len);
    p[0] = (uint8_t)(base + 55 + n);
    for (size_t i = 0; i < n; i++)
        p[1 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
}

void rlp_put_header(struct buf *b, size_t len, bool is_list)
{
    size_t n = rlp_header_size(len);
    uint8_t *p = buf_reserve(b, n);
    if (p == NULL)
        return;
    write_header(p, len, is_list);
    b->len += n;
}

void rlp_put_bytes(struct buf *b, const void *ptr, size_t len)
{
    const uint8_t *p = ptr;
    if (len != 1 || p[0] >= 0x80)
        rlp_put_header(b, len, false);
    buf_put(b, ptr, len);
}

void rlp_put_u256(struct buf *b, u256 v)
{
    uint8_t be[32];
    unsigned n = u256_bytes(v);
    u256_store_be(v, be);
    rlp_put_bytes(b, be + 32 - n, n);
}

void rlp_put_u64(struct buf *b, uint64_t v)
{
    rlp_put_u256(b, u256_from(v));
}

void rlp_put_empty_list(struct buf *b)
{
    buf_put_u8(b, 0xc0);
}

size_t rlp_begin(struct buf *b)
{
    return b->len;
}

void rlp_end(struct buf *b, size_t begin)
{
    if (!buf_ok(b))
        return;
    size_t len = b->len - begin, n = rlp_header_size(len);
    if (buf_reserve(b, n) == NULL)
        return;
    memmove(b->ptr + begin + n, b->ptr + begin, len);
    write_header(b->ptr + begin, len, true);
    b->len += n;
}
