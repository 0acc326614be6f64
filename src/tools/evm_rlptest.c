/* metis-evm rlptest: RLP both ways, {name: {in, out}}.
 *
 * `out` is the encoding in hex. `in` is the value: a string stands for its bytes, "0x12"
 * for those, "#123" (of any size) and JSON integers for numbers, lists for lists; our
 * codec must make out of it, and read it back. "INVALID": out is no encoding and must be
 * refused; "VALID": out must be read. */
#include "evm.h"
#include "evm_fixture.h"

#define CASE_MEMORY_MAX ((size_t)256 << 20)
#define NESTING_MAX     1024u
#define NUMBER_MAX      256u /* bytes */

/* Writes and reads run over the same value, so that a fault in one is not hidden by the
 * other: what is written is compared with out, what is read with in. */

/* Big-endian, the value at the end. */
struct number {
    uint8_t be[NUMBER_MAX];
};

static mt_err add_digit(struct number *n, char digit)
{
    unsigned carry = (unsigned)(digit - '0');
    if (digit < '0' || digit > '9')
        return MT_EDECODE;
    for (size_t i = NUMBER_MAX; i-- > 0;) {
        carry += 10u * n->be[i];
        n->be[i] = (uint8_t)carry;
        carry >>= 8;
    }
    return carry == 0 ? MT_OK : MT_ELIMIT;
}

static mt_err number_of(const json_t *v, struct number *out)
{
    char digits[24];
    const char *s = json_string_value(v);
    if (s == NULL && (!json_is_integer(v) || json_integer_value(v) < 0))
        return MT_EDECODE;
    if (s == NULL)
        mt_fmt(digits, sizeof digits, "#%llu", (unsigned long long)json_integer_value(v));
    s = s == NULL ? digits : s;
    memset(out, 0, sizeof *out);
    for (s++; *s != 0; s++)
        MT_TRY(add_digit(out, *s));
    return MT_OK;
}

static slice number_bytes(const struct number *n)
{
    size_t zeros = 0;
    while (zeros < NUMBER_MAX && n->be[zeros] == 0)
        zeros++;
    return slice_of(n->be + zeros, NUMBER_MAX - zeros);
}

/* Bytes that a string stands for; hex where it is hex. */
static mt_err text_bytes(const json_t *v, struct arena *arena, slice *out)
{
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    *out = slice_of(s, len);
    if (len < 2 || s[0] != '0' || s[1] != 'x' || len % 2 != 0)
        return MT_OK;
    uint8_t *bytes = arena_alloc(arena, len / 2);
    if (bytes == NULL)
        return MT_ELIMIT;
    if (hex_decode_fixed(s, bytes, len / 2 - 1) == MT_OK)
        *out = slice_of(bytes, len / 2 - 1);
    return MT_OK;
}

static bool is_text(const json_t *v)
{
    return json_is_string(v) && json_string_value(v)[0] != '#';
}

/* Bounded by the depth that the JSON reader allows. */
static mt_err put_value(const json_t *v, struct arena *arena, struct buf *out)
{
    struct number number;
    slice bytes;
    if (is_text(v)) {
        MT_TRY(text_bytes(v, arena, &bytes));
        rlp_put_bytes(out, bytes.ptr, bytes.len);
        return MT_OK;
    }
    if (json_is_array(v)) {
        size_t begin = rlp_begin(out);
        for (size_t i = 0; i < json_array_size(v); i++)
            MT_TRY(put_value(json_array_get(v, i), arena, out));
        rlp_end(out, begin);
        return MT_OK;
    }
    MT_TRY(number_of(v, &number));
    bytes = number_bytes(&number);
    if (bytes.len <= 32)
        rlp_put_u256(out, u256_load_be(number.be + NUMBER_MAX - 32));
    else
        rlp_put_bytes(out, bytes.ptr, bytes.len);
    return MT_OK;
}

/* MT_EDECODE unless the next item is v. */
static mt_err match_value(struct rlp *r, const json_t *v, struct arena *arena)
{
    struct number want;
    u256 got;
    slice bytes, ours;
    struct rlp inner;
    if (is_text(v)) {
        MT_TRY(text_bytes(v, arena, &bytes));
        MT_TRY(rlp_get_bytes(r, &ours));
        return slice_eq(bytes, ours) ? MT_OK : MT_EDECODE;
    }
    if (json_is_array(v)) {
        MT_TRY(rlp_get_list(r, &inner));
        for (size_t i = 0; i < json_array_size(v); i++)
            MT_TRY(match_value(&inner, json_array_get(v, i), arena));
        return rlp_finish(&inner);
    }
    MT_TRY(number_of(v, &want));
    bytes = number_bytes(&want);
    if (bytes.len > 32) {
        MT_TRY(rlp_get_bytes(r, &ours));
        return slice_eq(bytes, ours) ? MT_OK : MT_EDECODE;
    }
    MT_TRY(rlp_get_u256(r, &got));
    return u256_eq(u256_load_be(want.be + NUMBER_MAX - 32), got) ? MT_OK : MT_EDECODE;
}

/* Every item of r, lists to their leaves. */
static mt_err walk(struct rlp *r, unsigned depth)
{
    slice payload;
    bool is_list;
    if (depth > NESTING_MAX)
        return MT_ELIMIT;
    while (!rlp_at_end(r)) {
        MT_TRY(rlp_next(r, &payload, &is_list, NULL));
        if (!is_list)
            continue;
        struct rlp inner = rlp_reader(payload);
        MT_TRY(walk(&inner, depth + 1));
    }
    return MT_OK;
}

/* Exactly one item, well formed to its leaves. */
static mt_err read_one(slice in)
{
    struct rlp r = rlp_reader(in);
    slice payload, whole;
    bool is_list;
    MT_TRY(rlp_next(&r, &payload, &is_list, &whole));
    MT_TRY(rlp_finish(&r));
    struct rlp again = rlp_reader(whole);
    return walk(&again, 0);
}

static const char *judge(const json_t *in, slice out, struct arena *arena)
{
    const char *word = json_string_value(in);
    struct rlp r = rlp_reader(out);
    struct buf mine;
    mt_err err = read_one(out);
    if (word != NULL && strcmp(word, "INVALID") == 0)
        return err == MT_EDECODE ? "" : "read, should be refused";
    if (err != MT_OK)
        return "refused, should be read";
    if (word != NULL && strcmp(word, "VALID") == 0)
        return "";
    buf_init_arena(&mine, arena, CASE_MEMORY_MAX / 2);
    if (put_value(in, arena, &mine) != MT_OK || !buf_ok(&mine))
        return "malformed case: in is not a value";
    if (!slice_eq(buf_slice(&mine), out))
        return "written otherwise";
    return match_value(&r, in, arena) == MT_OK ? "" : "read as another value";
}

static void run_case(struct suite *s, const char *name, const json_t *test,
                     struct arena *arena, struct buf *report)
{
    slice out;
    const char *error = "malformed case: out is not hex";
    if (!suite_wants(s, name, ""))
        return;
    if (fx_bytes(test, "out", arena, &out))
        error = judge(json_object_get(test, "in"), out, arena);
    suite_case(s, report, name, "", NULL, error);
}

static void run_file(struct suite *s, const char *path, json_t *doc, struct buf *report)
{
    const char *name;
    json_t *test;
    struct arena arena;
    (void)path;
    arena_init(&arena, CASE_MEMORY_MAX);
    json_object_foreach(doc, name, test)
    {
        arena_reset(&arena);
        if (strcmp(name, "_info") != 0)
            run_case(s, name, test, &arena, report);
    }
    arena_fini(&arena);
}

int evm_rlptest_main(int argc, char **argv)
{
    struct suite s;
    int status = suite_options(&s, argc, argv);
    return status != 0 ? status : suite_main(&s, run_file);
}
