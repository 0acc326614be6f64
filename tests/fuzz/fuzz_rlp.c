/* RLP: an item that is accepted is the encoding the writer makes of it, all the way down. */
#include "fuzz.h"
#include "metis/codec.h"

#define DEPTH_MAX 64u

static void copy_items(struct rlp *r, struct buf *out, unsigned depth)
{
    while (!rlp_at_end(r)) {
        const uint8_t *at = r->ptr;
        slice payload, whole;
        bool is_list;
        if (rlp_next(r, &payload, &is_list, &whole) != MT_OK) {
            MT_ASSERT(r->ptr == at);
            buf_put(out, r->ptr, (size_t)(r->end - r->ptr));
            return;
        }
        MT_ASSERT(whole.ptr == at && payload.ptr + payload.len == r->ptr);
        MT_ASSERT(r->ptr > at && r->ptr <= r->end);
        if (is_list && depth < DEPTH_MAX) {
            struct rlp in = rlp_reader(payload);
            size_t begin = rlp_begin(out);
            copy_items(&in, out, depth + 1);
            rlp_end(out, begin);
        } else if (is_list) {
            rlp_put_header(out, payload.len, true);
            buf_put_slice(out, payload);
        } else {
            rlp_put_bytes(out, payload.ptr, payload.len);
        }
    }
}

/* Numbers that are accepted are written back as they were. */
static void numbers(slice in)
{
    struct rlp a = rlp_reader(in), b = a, c = a;
    uint64_t small = 0;
    u256 v = U256_ZERO;
    bool flag = false;
    struct buf out;
    mt_err wide = rlp_get_u256(&a, &v), narrow = rlp_get_u64(&b, &small);
    MT_ASSERT((narrow == MT_OK) == (wide == MT_OK && u256_is_u64(v)));
    MT_ASSERT(narrow != MT_OK || small == v.w[0]);
    if (rlp_get_bool(&c, &flag) == MT_OK)
        MT_ASSERT(narrow == MT_OK && small == (flag ? 1 : 0));
    if (wide != MT_OK)
        return;
    buf_init(&out, 64);
    rlp_put_u256(&out, v);
    MT_ASSERT(slice_eq(buf_slice(&out), slice_of(in.ptr, (size_t)(a.ptr - in.ptr))));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct rlp r = rlp_reader(in);
    struct buf out;
    size_t n = 0;
    buf_init(&out, 2 * size + 64);
    copy_items(&r, &out, 0);
    MT_ASSERT(buf_ok(&out) && slice_eq(buf_slice(&out), in));
    buf_fini(&out);
    r = rlp_reader(in);
    if (rlp_count(&r, &n) == MT_OK)
        MT_ASSERT(n <= size);
    numbers(in);
    return 0;
}
