/* JSON: the parser behind its caps; and any bytes, written as a string, are a document that
 * it accepts. */
#include "fuzz.h"
#include "metis/codec.h"

#include <jansson.h>

/* Writes a parsed document with our writer; it must be read again as an equal one. */
static void write_value(struct json_out *out, const json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        json_obj(out);
        json_object_foreach((json_t *)(uintptr_t)v, key, item)
        {
            /* json_key takes trusted names only */
            json_str(out, key);
            buf_put_u8(out->buf, ':');
            out->comma = false;
            write_value(out, item);
        }
        json_obj_end(out);
        break;
    case JSON_ARRAY:
        json_arr(out);
        json_array_foreach(v, i, item) write_value(out, item);
        json_arr_end(out);
        break;
    case JSON_STRING:
        json_str_n(out, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        if (json_integer_value(v) >= 0)
            json_u64(out, (uint64_t)json_integer_value(v));
        else
            buf_printf(out->buf, "%s%lld", out->comma ? "," : "",
                       (long long)json_integer_value(v));
        out->comma = true;
        break;
    case JSON_REAL:
        json_f64(out, json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        json_bool(out, json_is_true(v));
        break;
    default:
        json_nil(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_t *doc, *again;
    struct buf b;
    buf_init(&b, 8 * size + 64);
    struct json_out out = json_out(&b);
    if (json_parse(slice_of(data, size), 1 << 20, 32, &doc, NULL) == MT_OK) {
        write_value(&out, doc);
        MT_ASSERT(buf_ok(&b));
        MT_ASSERT(json_parse(buf_slice(&b), 1 << 24, 32, &again, NULL) == MT_OK);
        /* A real that is whole may come back as an integer; all else is equal. */
        MT_ASSERT(json_typeof(doc) == json_typeof(again) || json_is_number(doc));
        json_free(again);
        json_free(doc);
    }
    buf_reset(&b);
    out = json_out(&b);
    json_str_n(&out, (const char *)data, size);
    if (memchr(data, 0, size) == NULL || size == 0) {
        MT_ASSERT(buf_ok(&b));
        MT_ASSERT(json_parse(buf_slice(&b), 1 << 24, 1, &doc, NULL) == MT_OK);
        json_free(doc);
    }
    buf_fini(&b);
    return 0;
}
