/* EIP-712: the digest of structured data.
 *
 *   digest = keccak(0x19 0x01 || hashStruct(domain) || hashStruct(message))
 *   hashStruct(s) = keccak(typeHash || encodeData(s)),
 *   typeHash = keccak(encodeType(s)): the struct's own members, then those of the structs
 *   that it refers to, by name
 *
 * Types come from the caller: their number, the number and depth of values and the length
 * of names are bounded. */
#include "rpc_int.h"
#include <stdlib.h>

#define TYPES_MAX  256u
#define VALUES_MAX 20000u
#define NAME_MAX_  128u

struct typed {
    const json_t *types;
    struct arena *arena;
    struct mt_diag *diag;
    unsigned *left; /* values that may still come */
};

static mt_err bad(const struct typed *t, const char *what, const char *name)
{
    return mt_fail(t->diag, MT_EINVAL, "typed data: %s: %.100s", what, name);
}

/* ---- types ---- */

/* The name without array brackets. */
static size_t base_len(const char *type)
{
    return strcspn(type, "[");
}

static const json_t *struct_of(const struct typed *t, const char *type, size_t len)
{
    char name[NAME_MAX_];
    if (len >= sizeof(name))
        return NULL;
    memcpy(name, type, len);
    name[len] = 0;
    return json_object_get(t->types, name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A member's name and type; NULL when it has none. */
static const char *member(const json_t *fields, size_t i, const char **type)
{
    const json_t *m = json_array_get(fields, i);
    const char *name = json_string_value(json_object_get(m, "name"));
    *type = json_string_value(json_object_get(m, "type"));
    return *type == NULL || strlen(*type) >= NAME_MAX_ ? NULL : name;
}

static bool listed(const char **list, size_t num, const char *type, size_t len)
{
    for (size_t i = 0; i < num; i++)
        if (strncmp(list[i], type, len) == 0 && list[i][len] == 0)
            return true;
    return false;
}

/* Adds what the types from list[at] on refer to, each once: breadth first, no
 * recursion. The names are those of the table itself. */
static mt_err collect(const struct typed *t, const char **list, size_t *num)
{
    for (size_t at = 0; at < *num; at++) {
        const json_t *fields = json_object_get(t->types, list[at]);
        for (size_t i = 0; i < json_array_size(fields); i++) {
            const char *type, *key;
            json_t *value;
            if (member(fields, i, &type) == NULL)
                return bad(t, "a member without name or type in", list[at]);
            size_t len = base_len(type);
            if (struct_of(t, type, len) == NULL || listed(list, *num, type, len))
                continue;
            if (*num == TYPES_MAX)
                return bad(t, "too many types", type);
            json_object_foreach((json_t *)(uintptr_t)t->types, key, value)
            {
                if (strncmp(key, type, len) == 0 && key[len] == 0)
                    list[*num] = key;
            }
            (*num)++;
        }
    }
    return MT_OK;
}

static void put_type(const struct typed *t, struct buf *b, const char *name)
{
    const json_t *fields = json_object_get(t->types, name);
    buf_put_str(b, name);
    buf_put_u8(b, '(');
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *type;
        const char *field = member(fields, i, &type);
        if (i > 0)
            buf_put_u8(b, ',');
        buf_put_str(b, type);
        buf_put_u8(b, ' ');
        buf_put_str(b, field);
    }
    buf_put_u8(b, ')');
}

static mt_err type_hash(const struct typed *t, const char *name, hash32 *out)
{
    const char *list[TYPES_MAX];
    size_t num = 1;
    struct buf b;
    list[0] = name;
    MT_TRY(collect(t, list, &num));
    qsort(list + 1, num - 1, sizeof(list[0]), by_name);
    buf_init_arena(&b, t->arena, 1u << 20);
    for (size_t i = 0; i < num; i++)
        put_type(t, &b, list[i]);
    if (!buf_ok(&b))
        return bad(t, "too large", name);
    *out = keccak256(b.ptr, b.len);
    return MT_OK;
}

/* ---- values ---- */

/* Bits of uintN, intN, or bytes of bytesN; 0: not of that kind or out of range. */
static unsigned width(const char *type, const char *kind, unsigned most, unsigned step)
{
    size_t n = strlen(kind);
    char *end;
    if (strncmp(type, kind, n) != 0)
        return 0;
    if (type[n] == 0)
        return step == 8 ? most : 0; /* uint, int: 256 bits */
    if (type[n] < '1' || type[n] > '9')
        return 0;
    unsigned long v = strtoul(type + n, &end, 10);
    return *end != 0 || v > most || v % step != 0 ? 0 : (unsigned)v;
}

static mt_err number(const struct typed *t, const char *type, const json_t *v,
                     unsigned bits, bool is_signed, hash32 *out)
{
    bool minus = false;
    u256 n;
    if (json_is_integer(v)) {
        json_int_t i = json_integer_value(v);
        minus = i < 0;
        n = u256_from(minus ? (uint64_t)0 - (uint64_t)i : (uint64_t)i);
    } else if (json_is_string(v)) {
        const char *s = json_string_value(v);
        minus = s[0] == '-';
        if (u256_parse(s + minus, json_string_length(v) - minus, &n) != MT_OK)
            return bad(t, "not a number for", type);
    } else {
        return bad(t, "not a number for", type);
    }
    /* The magnitude fits below the sign bit; the lowest value of all is one more. */
    unsigned used = u256_bits(n), room = is_signed ? bits - 1 : bits;
    bool lowest =
        is_signed && minus && used == bits && u256_eq(n, u256_shl(U256_ONE, bits - 1));
    if ((minus && !is_signed) || (used > room && !lowest))
        return bad(t, "number out of range for", type);
    *out = u256_to_hash(minus ? u256_sub(U256_ZERO, n) : n);
    return MT_OK;
}

static mt_err bytes(const struct typed *t, const char *type, const json_t *v,
                    unsigned fixed, hash32 *out)
{
    size_t n = json_string_length(v), len;
    const char *s = json_string_value(v);
    if (s == NULL || n < 2 || s[0] != '0' || s[1] != 'x' || n % 2 != 0)
        return bad(t, "not hex for", type);
    len = n / 2 - 1;
    uint8_t *p = arena_zalloc(t->arena, len + 1, 1);
    if (p == NULL)
        return MT_ELIMIT;
    if (hex_decode_fixed(s, p, len) != MT_OK || (fixed != 0 && len != fixed))
        return bad(t, "not hex of that length for", type);
    if (fixed == 0) {
        *out = keccak256(p, len);
        return MT_OK;
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->b, p, len);
    return MT_OK;
}

static mt_err atomic(const struct typed *t, const char *type, const json_t *v,
                     hash32 *out)
{
    unsigned n;
    memset(out, 0, sizeof(*out));
    if (strcmp(type, "string") == 0) {
        if (!json_is_string(v))
            return bad(t, "not a text for", type);
        *out = keccak256(json_string_value(v), json_string_length(v));
        return MT_OK;
    }
    if (strcmp(type, "bytes") == 0)
        return bytes(t, type, v, 0, out);
    if (strcmp(type, "bool") == 0) {
        if (!json_is_boolean(v))
            return bad(t, "not a boolean for", type);
        out->b[31] = json_is_true(v);
        return MT_OK;
    }
    if (strcmp(type, "address") == 0) {
        const char *s = json_string_value(v);
        if (s == NULL || strlen(s) != 42 || hex_decode_fixed(s, out->b + 12, 20) != MT_OK)
            return bad(t, "not an address for", type);
        return MT_OK;
    }
    if ((n = width(type, "uint", 256, 8)) != 0)
        return number(t, type, v, n, false, out);
    if ((n = width(type, "int", 256, 8)) != 0)
        return number(t, type, v, n, true, out);
    if ((n = width(type, "bytes", 32, 1)) != 0)
        return bytes(t, type, v, n, out);
    return bad(t, "unknown type", type);
}

static mt_err hash_struct(const struct typed *t, const char *name, const json_t *v,
                          unsigned depth, hash32 *out);

/* T[] and T[n]: the keccak of the elements' encodings. The last bracket is the outermost
 * dimension. Depth is bounded by that of the JSON text. */
static mt_err encode(const struct typed *t, const char *type, const json_t *v,
                     unsigned depth, hash32 *out)
{
    size_t len = strlen(type);
    if (depth > TYPED_DEPTH_MAX || *t->left == 0)
        return bad(t, "too deep or too many values", type);
    --*t->left;
    if (len > 0 && type[len - 1] == ']') {
        char inner[NAME_MAX_];
        size_t at = len - 1, n = json_array_size(v);
        struct buf b;
        while (at > 0 && type[at] != '[')
            at--;
        memcpy(inner, type, at);
        inner[at] = 0;
        unsigned long want = strtoul(type + at + 1, NULL, 10);
        if (!json_is_array(v) || at == 0 || (at + 2 < len && n != want))
            return bad(t, "not a list for", type);
        buf_init_arena(&b, t->arena, 32u << 20);
        for (size_t i = 0; i < n; i++) {
            hash32 h;
            MT_TRY(encode(t, inner, json_array_get(v, i), depth + 1, &h));
            buf_put(&b, h.b, 32);
        }
        if (!buf_ok(&b))
            return MT_ELIMIT;
        *out = keccak256(b.ptr, b.len);
        return MT_OK;
    }
    if (json_object_get(t->types, type) == NULL)
        return atomic(t, type, v, out);
    memset(out, 0, sizeof(*out));
    if (v == NULL || json_is_null(v)) /* as wallets have it: an absent struct is zero */
        return MT_OK;
    return hash_struct(t, type, v, depth + 1, out);
}

static mt_err hash_struct(const struct typed *t, const char *name, const json_t *v,
                          unsigned depth, hash32 *out)
{
    const json_t *fields = json_object_get(t->types, name);
    struct buf b;
    hash32 h;
    if (!json_is_array(fields))
        return bad(t, "no type named", name);
    if (!json_is_object(v))
        return bad(t, "not an object for", name);
    buf_init_arena(&b, t->arena, 1u << 20);
    MT_TRY(type_hash(t, name, &h));
    buf_put(&b, h.b, 32);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *type, *field = member(fields, i, &type);
        const json_t *value = json_object_get(v, field);
        if (value == NULL && struct_of(t, type, strlen(type)) == NULL)
            return bad(t, "missing value of", field);
        MT_TRY(encode(t, type, value, depth, &h));
        buf_put(&b, h.b, 32);
    }
    if (!buf_ok(&b))
        return MT_ELIMIT;
    *out = keccak256(b.ptr, b.len);
    return MT_OK;
}

mt_err typed_data_digest(const json_t *data, struct arena *arena, hash32 *out,
                         struct mt_diag *diag)
{
    unsigned left = VALUES_MAX;
    struct typed t = {json_object_get(data, "types"), arena, diag, &left};
    const char *primary = json_string_value(json_object_get(data, "primaryType"));
    uint8_t text[66] = {0x19, 0x01};
    hash32 h;
    size_t len = 34;
    if (!json_is_object(t.types) || json_object_size(t.types) > TYPES_MAX ||
        primary == NULL)
        return bad(&t, "want types, primaryType, domain, message", "missing");
    MT_TRY(hash_struct(&t, "EIP712Domain", json_object_get(data, "domain"), 0, &h));
    memcpy(text + 2, h.b, 32);
    if (strcmp(primary, "EIP712Domain") != 0) {
        MT_TRY(hash_struct(&t, primary, json_object_get(data, "message"), 0, &h));
        memcpy(text + 34, h.b, 32);
        len = 66;
    }
    *out = keccak256(text, len);
    return MT_OK;
}
