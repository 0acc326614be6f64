/* RLP: the examples of the yellow paper's appendix and of the public RLP tests, encodings
 * that must be refused, round trips of random items. */
#include "metis/codec.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static size_t unhex(const char *s, uint8_t *out, size_t room)
{
    size_t n = 0;
    cr_assert_eq(hex_decode(s, strlen(s), out, room, &n), MT_OK);
    return n;
}

static void expect(const struct buf *b, const char *hex)
{
    uint8_t want[512];
    size_t n = unhex(hex, want, sizeof(want));
    cr_assert(slice_eq(buf_slice(b), slice_of(want, n)), "wanted %s", hex);
}

Test(codec_rlp, published_strings)
{
    static const struct {
        const char *text, *rlp;
    } rows[] = {
        {"", "80"},
        {"a", "61"},
        {"dog", "83646f67"},
        {"Lorem ipsum dolor sit amet, consectetur adipisicing eli",
         "b74c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e73656374657475"
         "7220616469706973696369"
         "6e6720656c69"},
        {"Lorem ipsum dolor sit amet, consectetur adipisicing elit",
         "b8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e736563746574"
         "7572206164697069736963"
         "696e6720656c6974"},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        struct buf b;
        slice back;
        buf_init(&b, 1000);
        rlp_put_bytes(&b, rows[i].text, strlen(rows[i].text));
        expect(&b, rows[i].rlp);
        struct rlp r = rlp_reader(buf_slice(&b));
        cr_assert_eq(rlp_get_bytes(&r, &back), MT_OK);
        cr_assert(slice_eq(back, slice_str(rows[i].text)));
        cr_assert_eq(rlp_finish(&r), MT_OK);
        buf_fini(&b);
    }
}

Test(codec_rlp, published_numbers)
{
    static const struct {
        const char *dec, *rlp;
    } rows[] = {
        {"0", "80"},
        {"1", "01"},
        {"16", "10"},
        {"79", "4f"},
        {"127", "7f"},
        {"128", "8180"},
        {"1000", "8203e8"},
        {"1024", "820400"},
        {"100000", "830186a0"},
        {"83729609699884896815286331701780722", "8f102030405060708090a0b0c0d0e0f2"},
        {"105315505618206987246253880190783558935785933862974822347068935681",
         "9c0100020003000400050006000700080009000a000b000c000d000e01"},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        struct buf b;
        u256 v, back;
        uint64_t small;
        cr_assert_eq(u256_parse(rows[i].dec, strlen(rows[i].dec), &v), MT_OK);
        buf_init(&b, 100);
        rlp_put_u256(&b, v);
        expect(&b, rows[i].rlp);
        struct rlp r = rlp_reader(buf_slice(&b));
        cr_assert_eq(rlp_get_u256(&r, &back), MT_OK);
        cr_assert(u256_eq(v, back));
        r = rlp_reader(buf_slice(&b));
        cr_assert_eq(rlp_get_u64(&r, &small), u256_is_u64(v) ? MT_OK : MT_EDECODE);
        if (u256_is_u64(v)) {
            cr_assert_eq(small, v.w[0]);
            buf_reset(&b);
            rlp_put_u64(&b, small);
            expect(&b, rows[i].rlp);
        }
        buf_fini(&b);
    }
}

Test(codec_rlp, published_lists)
{
    struct buf b;
    buf_init(&b, 1000);
    size_t at = rlp_begin(&b);
    rlp_put_bytes(&b, "cat", 3);
    rlp_put_bytes(&b, "dog", 3);
    rlp_end(&b, at);
    expect(&b, "c88363617483646f67");
    /* [ [], [[]], [ [], [[]] ] ] */
    buf_reset(&b);
    size_t outer = rlp_begin(&b);
    rlp_put_empty_list(&b);
    size_t one = rlp_begin(&b);
    rlp_put_empty_list(&b);
    rlp_end(&b, one);
    size_t two = rlp_begin(&b);
    rlp_put_empty_list(&b);
    size_t three = rlp_begin(&b);
    rlp_put_empty_list(&b);
    rlp_end(&b, three);
    rlp_end(&b, two);
    rlp_end(&b, outer);
    expect(&b, "c7c0c1c0c3c0c1c0");
    struct rlp r = rlp_reader(buf_slice(&b)), in;
    size_t n;
    cr_assert(rlp_peek_list(&r));
    cr_assert_eq(rlp_get_list(&r, &in), MT_OK);
    cr_assert_eq(rlp_count(&in, &n), MT_OK);
    cr_assert_eq(n, 3);
    buf_fini(&b);
}

/* Malformed items, most of them from the public suite of invalid RLP. */
Test(codec_rlp, malformed)
{
    static const char *const rows[] = {
        "", /* nothing */
        "8100",
        "8101",
        "817f", /* a single byte with a header */
        "b800",
        "b801ff",
        "b837", /* long form of a short length */
        "b90038",
        "b900ff", /* length with a leading zero */
        "81",
        "8261",
        "b8", /* truncated */
        "b838aa",
        "b90100aa",
        "bf0f000000000000021111", /* length beyond memory */
        "bfffffffffffffffff",
        "ffffffffffffffffff",
        "ff0f000000000000021111",
        "c1",
        "c3c0c0",
        "f800", /* lists likewise */
        "f837",
        "f90038",
        "f8",
        "f9",
        "f838c0",
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        uint8_t in[64];
        size_t n = unhex(rows[i], in, sizeof(in));
        struct rlp r = rlp_reader(slice_of(in, n));
        const uint8_t *at = r.ptr;
        slice payload, whole;
        bool is_list;
        cr_assert_eq(rlp_next(&r, &payload, &is_list, &whole), MT_EDECODE, "%s", rows[i]);
        cr_assert_eq(r.ptr, at, "%s moved", rows[i]);
    }
}

Test(codec_rlp, typed_forms_refuse)
{
    uint8_t in[64];
    uint64_t v;
    u256 w;
    bool flag;
    uint8_t four[4];
    struct rlp r, inner;
    slice s;
    /* leading zeros, also the zero byte itself; nine bytes; 33 bytes; a list */
    static const char *const numbers[] = {"00", "820001", "89010000000000000000", "c0",
                                          "c101"};
    for (size_t i = 0; i < MT_ARRAY_LEN(numbers); i++) {
        r = rlp_reader(slice_of(in, unhex(numbers[i], in, sizeof(in))));
        cr_assert_eq(rlp_get_u64(&r, &v), MT_EDECODE, "%s", numbers[i]);
        cr_assert_eq(r.ptr, in);
    }
    size_t n =
        unhex("a1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", in,
              sizeof(in));
    r = rlp_reader(slice_of(in, n));
    cr_assert_eq(rlp_get_u256(&r, &w), MT_EDECODE);
    r = rlp_reader(slice_of("\x02", 1));
    cr_assert_eq(rlp_get_bool(&r, &flag), MT_EDECODE);
    r = rlp_reader(slice_of("\x80\x01", 2));
    cr_assert(rlp_get_bool(&r, &flag) == MT_OK && !flag);
    cr_assert_eq(rlp_finish(&r), MT_EDECODE);
    cr_assert(rlp_get_bool(&r, &flag) == MT_OK && flag);
    cr_assert_eq(rlp_finish(&r), MT_OK);
    r = rlp_reader(slice_of("\x83\xaa\xbb\xcc", 4));
    cr_assert_eq(rlp_get_fixed(&r, four, 4), MT_EDECODE);
    cr_assert_eq(rlp_get_list(&r, &inner), MT_EDECODE);
    cr_assert_eq(rlp_get_fixed(&r, four, 3), MT_OK);
    cr_assert_eq(rlp_get_bytes(&r, &s), MT_EDECODE);
    r = rlp_reader(slice_of(NULL, 0));
    cr_assert(rlp_at_end(&r) && !rlp_peek_list(&r));
}

/* ---- random trees: written and read back, header sizes at every boundary ---- */

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void put_tree(struct buf *b, uint64_t *rng, unsigned depth)
{
    static const size_t sizes[] = {0, 1, 2, 31, 32, 54, 55, 56, 57, 255, 256, 257, 70000};
    uint8_t bytes[300];
    for (unsigned i = 0; i < 300; i++)
        bytes[i] = (uint8_t)next_random(rng);
    if (depth > 0 && next_random(rng) % 3 != 0) {
        size_t at = rlp_begin(b);
        for (unsigned n = next_random(rng) % 5; n > 0; n--)
            put_tree(b, rng, depth - 1);
        rlp_end(b, at);
        return;
    }
    size_t n = sizes[next_random(rng) % (MT_ARRAY_LEN(sizes) - 1)];
    rlp_put_bytes(b, bytes, n);
}

static void copy_tree(struct rlp *r, struct buf *out)
{
    while (!rlp_at_end(r)) {
        slice payload, whole;
        bool is_list;
        cr_assert_eq(rlp_next(r, &payload, &is_list, &whole), MT_OK);
        if (is_list) {
            struct rlp in = rlp_reader(payload);
            size_t at = rlp_begin(out);
            copy_tree(&in, out);
            rlp_end(out, at);
        } else {
            rlp_put_bytes(out, payload.ptr, payload.len);
        }
    }
}

Test(codec_rlp, round_trip)
{
    uint64_t rng = 7;
    for (unsigned i = 0; i < 2000; i++) {
        struct buf a, b;
        buf_init(&a, 1 << 24);
        buf_init(&b, 1 << 24);
        put_tree(&a, &rng, 5);
        struct rlp r = rlp_reader(buf_slice(&a));
        copy_tree(&r, &b);
        cr_assert(slice_eq(buf_slice(&a), buf_slice(&b)), "seed 7, tree %u", i);
        buf_fini(&a);
        buf_fini(&b);
    }
}

Test(codec_rlp, header_sizes)
{
    static const struct {
        size_t len, size;
    } rows[] = {{0, 1},     {55, 1},    {56, 2},       {255, 2},      {256, 3},
                {65535, 3}, {65536, 4}, {0xffffff, 4}, {0x1000000, 5}};
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        struct buf b;
        buf_init(&b, 100);
        cr_assert_eq(rlp_header_size(rows[i].len), rows[i].size);
        rlp_put_header(&b, rows[i].len, true);
        cr_assert_eq(b.len, rows[i].size);
        buf_fini(&b);
    }
}

/* A buffer that is full stays failed and consistent. */
Test(codec_rlp, full_buffer)
{
    struct buf b;
    buf_init(&b, 10);
    size_t at = rlp_begin(&b);
    rlp_put_bytes(&b, "0123456789", 9);
    rlp_end(&b, at);
    cr_assert(!buf_ok(&b));
    cr_assert_leq(b.len, 10);
    buf_fini(&b);
}
