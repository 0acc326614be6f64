/* JSON in: jansson behind caps. Its own depth limit (2048) is far too generous, so
 * nesting is counted before it sees the text: a scan that only has to know strings
 * from structure. */
#include "metis/codec.h"

#include <jansson.h>

/* Bytes of an array with one element, of a member of an object: the heaviest values. */
#define VALUE_WEIGHT 96u

/* Deepest nesting of brackets outside strings; stops counting beyond max. */
static unsigned nesting(slice text, unsigned max)
{
    unsigned depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len && deepest <= max; i++) {
        uint8_t c = text.ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = MT_MAX(deepest, depth);
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

size_t json_weight(slice text)
{
    size_t values = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else {
            values += c == '{' || c == '[' || c == ',' || c == ':';
        }
    }
    return text.len + values * VALUE_WEIGHT;
}

static mt_err parse(slice text, size_t size_max, unsigned depth_max, size_t flags,
                    struct json_t **out, struct mt_diag *diag)
{
    json_error_t e;
    if (text.len > size_max)
        return mt_fail(diag, MT_ELIMIT, "JSON text of %zu bytes, limit %zu", text.len,
                       size_max);
    if (nesting(text, depth_max) > depth_max)
        return mt_fail(diag, MT_ELIMIT, "JSON nested deeper than %u levels", depth_max);
    json_t *doc = json_loadb((const char *)text.ptr, text.len,
                             JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | flags, &e);
    if (doc == NULL)
        return mt_fail(diag, MT_EDECODE, "line %d column %d: %s", e.line, e.column,
                       e.text);
    *out = doc;
    return MT_OK;
}

mt_err json_parse(slice text, size_t size_max, unsigned depth_max, struct json_t **out,
                  struct mt_diag *diag)
{
    return parse(text, size_max, depth_max, 0, out, diag);
}

mt_err json_parse_nul(slice text, size_t size_max, unsigned depth_max,
                      struct json_t **out, struct mt_diag *diag)
{
    return parse(text, size_max, depth_max, JSON_ALLOW_NUL, out, diag);
}

void json_free(struct json_t *doc)
{
    json_decref(doc);
}
