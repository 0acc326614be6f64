/* The shape in which nearly all requests come - one object with jsonrpc, method, params
 * and id in ASCII without escapes - read in one pass: only params become a tree, the id
 * stays the text that the reply repeats. Whatever differs in anything is left to jansson,
 * which is also the oracle: what is accepted here it accepts with the same meaning
 * (tests/unit/test_rpc_scan.c, tests/fuzz/fuzz_scan.c). */
#include "rpc_int.h"

#define NEST_MAX   16u
#define DIGITS_MAX 18u
#define ID_MAX     64u

struct cursor {
    const uint8_t *p, *end;
};

static void skip_space(struct cursor *c)
{
    while (c->p != c->end &&
           (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
        c->p++;
}

/* After optional white space. */
static bool take(struct cursor *c, uint8_t want)
{
    skip_space(c);
    if (c->p == c->end || *c->p != want)
        return false;
    c->p++;
    return true;
}

/* A string of printable ASCII without escapes. */
static bool take_text(struct cursor *c, slice *out)
{
    if (!take(c, '"'))
        return false;
    const uint8_t *begin = c->p;
    while (c->p != c->end && *c->p != '"') {
        if (*c->p < 0x20 || *c->p > 0x7e || *c->p == '\\')
            return false;
        c->p++;
    }
    *out = slice_of(begin, (size_t)(c->p - begin));
    return take(c, '"');
}

/* A number without sign, fraction, exponent or leading zero. */
static bool take_number(struct cursor *c, slice *text, uint64_t *value)
{
    skip_space(c);
    const uint8_t *begin = c->p;
    *value = 0;
    while (c->p != c->end && *c->p >= '0' && *c->p <= '9') {
        if (c->p - begin == DIGITS_MAX)
            return false;
        *value = *value * 10 + (uint64_t)(*c->p++ - '0');
    }
    *text = slice_of(begin, (size_t)(c->p - begin));
    if (text->len == 0 || (text->len > 1 && *begin == '0'))
        return false;
    return c->p == c->end || (*c->p != '.' && *c->p != 'e' && *c->p != 'E');
}

static bool take_word(struct cursor *c, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return false;
    c->p += n;
    return true;
}

static json_t *take_value(struct cursor *c, unsigned depth);

static json_t *take_list(struct cursor *c, unsigned depth)
{
    json_t *list = json_array(), *v;
    if (take(c, ']'))
        return list;
    do {
        v = take_value(c, depth);
        if (v == NULL || json_array_append_new(list, v) != 0)
            goto refused;
    } while (take(c, ','));
    if (take(c, ']'))
        return list;
refused:
    json_decref(list);
    return NULL;
}

static json_t *take_object(struct cursor *c, unsigned depth)
{
    json_t *o = json_object(), *v;
    slice key;
    if (take(c, '}'))
        return o;
    do {
        if (!take_text(c, &key) || !take(c, ':'))
            goto refused;
        const char *k = (const char *)key.ptr;
        if (json_object_getn(o, k, key.len) != NULL) /* jansson words the error */
            goto refused;
        v = take_value(c, depth);
        if (v == NULL || json_object_setn_new_nocheck(o, k, key.len, v) != 0)
            goto refused;
    } while (take(c, ','));
    if (take(c, '}'))
        return o;
refused:
    json_decref(o);
    return NULL;
}

/* NULL: not for us. */
static json_t *take_value(struct cursor *c, unsigned depth)
{
    slice text;
    uint64_t number;
    skip_space(c);
    if (c->p == c->end || depth == NEST_MAX)
        return NULL;
    switch (*c->p) {
    case '"':
        return take_text(c, &text)
                   ? json_stringn_nocheck((const char *)text.ptr, text.len)
                   : NULL;
    case '{':
        c->p++;
        return take_object(c, depth + 1);
    case '[':
        c->p++;
        return take_list(c, depth + 1);
    case 't':
        return take_word(c, "true") ? json_true() : NULL;
    case 'f':
        return take_word(c, "false") ? json_false() : NULL;
    case 'n':
        return take_word(c, "null") ? json_null() : NULL;
    default:
        return take_number(c, &text, &number) ? json_integer((json_int_t)number) : NULL;
    }
}

/* The id as it stands; text includes the quotes of a string. */
static bool take_id(struct cursor *c, slice *out)
{
    slice text;
    uint64_t number;
    skip_space(c);
    const uint8_t *begin = c->p;
    if (c->p == c->end)
        return false;
    bool ok = *c->p == '"'   ? take_text(c, &text)
              : *c->p == 'n' ? take_word(c, "null")
                             : take_number(c, &text, &number);
    *out = slice_of(begin, (size_t)(c->p - begin));
    return ok && out->len <= ID_MAX;
}

static bool take_member(struct cursor *c, struct scanned *s, bool *version)
{
    slice key, text;
    if (!take_text(c, &key) || !take(c, ':'))
        return false;
    if (slice_eq(key, slice_str("jsonrpc"))) {
        if (*version || !take_text(c, &text) || !slice_eq(text, slice_str("2.0")))
            return false;
        *version = true;
        return true;
    }
    if (slice_eq(key, slice_str("method")))
        return s->method.ptr == NULL && take_text(c, &s->method) && s->method.len > 0 &&
               s->method.len < SCAN_METHOD_MAX;
    if (slice_eq(key, slice_str("id")))
        return s->id.ptr == NULL && take_id(c, &s->id);
    if (slice_eq(key, slice_str("params"))) {
        if (s->params != NULL || !take(c, '['))
            return false;
        s->params = take_list(c, 2);
        return s->params != NULL;
    }
    return false;
}

bool rpc_scan(slice body, struct scanned *out)
{
    struct cursor c = {body.ptr, body.ptr + body.len};
    bool version = false, ok = take(&c, '{');
    *out = (struct scanned){0};
    while (ok) {
        ok = take_member(&c, out, &version);
        if (ok && !take(&c, ','))
            break;
    }
    ok = ok && take(&c, '}');
    skip_space(&c);
    if (ok && c.p == c.end && version && out->method.ptr != NULL)
        return true;
    json_decref(out->params);
    *out = (struct scanned){0};
    return false;
}
