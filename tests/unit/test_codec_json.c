/* JSON out against texts of RFC 8259's grammar, and read back by the parser; JSON in: caps. */
#include "metis/codec.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

static void expect(struct buf *b, const char *text)
{
    cr_assert(slice_eq(buf_slice(b), slice_str(text)), "%.*s", (int)b->len,
              (const char *)b->ptr);
    buf_reset(b);
}

Test(codec_json, structure)
{
    struct buf b;
    buf_init(&b, 1000);
    struct json_out j = json_out(&b);
    json_obj(&j);
    json_key(&j, "a");
    json_arr(&j);
    json_u64(&j, 0);
    json_u64(&j, UINT64_MAX);
    json_nil(&j);
    json_bool(&j, true);
    json_bool(&j, false);
    json_arr(&j);
    json_arr_end(&j);
    json_obj(&j);
    json_obj_end(&j);
    json_arr_end(&j);
    json_key(&j, "b");
    json_raw(&j, slice_str("{\"x\":1}"));
    json_key(&j, "c");
    json_str(&j, "");
    json_obj_end(&j);
    expect(&b, "{\"a\":[0,18446744073709551615,null,true,false,[],{}],\"b\":{\"x\":1},"
               "\"c\":\"\"}");
    buf_fini(&b);
}

Test(codec_json, hex_forms)
{
    struct buf b;
    hash32 h = {{0x00, 0xff}};
    address a = {{0xde, 0xad}};
    buf_init(&b, 1000);
    struct json_out j = json_out(&b);
    json_arr(&j);
    json_hex_u64(&j, 0);
    json_hex_u64(&j, 15);
    json_hex_u64(&j, 16);
    json_hex_u64(&j, 0x1234);
    json_hex_u64(&j, UINT64_MAX);
    json_hex_u256(&j, U256_ZERO);
    json_hex_u256(&j, u256_shl(u256_from(1), 64));
    json_hex_u256(&j, U256_MAX);
    json_hex(&j, "", 0);
    json_hex(&j, "\x00\x0f\xf0", 3);
    json_hash(&j, &h);
    json_addr(&j, &a);
    json_arr_end(&j);
    expect(&b, "[\"0x0\",\"0xf\",\"0x10\",\"0x1234\",\"0xffffffffffffffff\",\"0x0\","
               "\"0x10000000000000000\","
               "\"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\","
               "\"0x\",\"0x000ff0\","
               "\"0x00ff000000000000000000000000000000000000000000000000000000000000\","
               "\"0xdead000000000000000000000000000000000000\"]");
    buf_fini(&b);
}

/* Any bytes become a string that a parser accepts; text without errors comes back as it
 * was. */
Test(codec_json, strings_read_back)
{
    uint64_t rng = 99;
    for (unsigned round = 0; round < 3000; round++) {
        char text[40];
        struct buf b;
        struct json_t *doc;
        struct mt_diag diag = {0};
        buf_init(&b, 1000);
        struct json_out j = json_out(&b);
        for (unsigned i = 0; i < sizeof(text); i++) {
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            text[i] = (char)(rng >> 40);
            if (round % 2 == 0)
                text[i] = (char)(1 + (text[i] & 0x7f) % 127);
            else if (text[i] == 0)
                text[i] = 1; /* NUL is refused by the parser, see below */
        }
        json_str_n(&j, text, sizeof(text));
        cr_assert_eq(json_parse(buf_slice(&b), 1000, 4, &doc, &diag), MT_OK,
                     "seed 99, round %u: %s", round, diag.text);
        if (round % 2 == 0)
            cr_assert(json_string_length(doc) == sizeof(text) &&
                      memcmp(json_string_value(doc), text, sizeof(text)) == 0);
        json_free(doc);
        buf_fini(&b);
    }
}

Test(codec_json, invalid_utf8_is_replaced)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
         "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"a\x80z", "\"a\xef\xbf\xbdz\""},
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {"\xf5", "\"\xef\xbf\xbd\""},
        {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""}, /* truncated */
        {"\"\\\n\t\r\x01", "\"\\\"\\\\\\n\\t\\r\\u0001\""},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        struct buf b;
        buf_init(&b, 1000);
        struct json_out j = json_out(&b);
        json_str(&j, rows[i].in);
        expect(&b, rows[i].out);
        buf_fini(&b);
    }
}

Test(codec_json, doubles)
{
    static const double values[] = {
        0.0, 1.0, -1.5, 0.1, 1e300, 5e-324, 0.3333333333333333};
    for (size_t i = 0; i < MT_ARRAY_LEN(values); i++) {
        struct buf b;
        struct json_t *doc;
        buf_init(&b, 100);
        struct json_out j = json_out(&b);
        json_f64(&j, values[i]);
        cr_assert_eq(json_parse(buf_slice(&b), 100, 1, &doc, NULL), MT_OK);
        cr_assert_eq(json_number_value(doc), values[i]);
        json_free(doc);
        buf_fini(&b);
    }
    struct buf b;
    buf_init(&b, 100);
    struct json_out j = json_out(&b);
    json_arr(&j);
    json_f64(&j, INFINITY);
    json_f64(&j, NAN);
    json_arr_end(&j);
    expect(&b, "[null,null]");
    buf_fini(&b);
}

Test(codec_json, caps)
{
    struct json_t *doc;
    struct mt_diag d = {0};
    cr_assert_eq(json_parse(slice_str("[[[]]]"), 100, 3, &doc, &d), MT_OK);
    json_free(doc);
    cr_assert_eq(json_parse(slice_str("[[[]]]"), 100, 2, &doc, &d), MT_ELIMIT);
    cr_assert_eq(json_parse(slice_str("[[[]]]"), 5, 3, &doc, &d), MT_ELIMIT);
    /* brackets in strings, also behind escapes, are no nesting */
    cr_assert_eq(json_parse(slice_str("[\"[[[\\\"[[[\\\\\",1]"), 100, 1, &doc, &d),
                 MT_OK);
    json_free(doc);
}

Test(codec_json, refused)
{
    static const char *const rows[] = {
        "",          "[",   "[1,]",        "{\"a\":1,\"a\":2}",
        "[1] [2]",   "'a'", "{\"a\" 1}",   "[01]",
        "\"\x01\"",  "nul", "\"\\u0000\"", "\"\\ud800\"",
        "[\"\xff\"]"};
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        struct json_t *doc;
        struct mt_diag d = {0};
        cr_assert_eq(json_parse(slice_str(rows[i]), 1000, 8, &doc, &d), MT_EDECODE, "%s",
                     rows[i]);
        cr_assert_gt(strlen(d.text), 0);
    }
    struct mt_diag d = {0};
    struct json_t *doc;
    cr_assert_eq(json_parse(slice_str("{\n \"a\": ?"), 1000, 8, &doc, &d), MT_EDECODE);
    cr_assert_not_null(strstr(d.text, "line 2"), "%s", d.text);
}
