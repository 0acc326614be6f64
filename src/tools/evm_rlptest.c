/* metis-evm rlptest: RLP both ways, {name: {in, out}}.
 *
 * `out` is the encoding in hex. `in` is the value: a string stands for its bytes, "#123"
 * and JSON integers for numbers, lists for lists; our codec must make out of it, and read
 * it back. "INVALID": out is no encoding and must be refused; "VALID": out must be
 * read. */
#include "evm.h"
#include "evm_fixture.h"

#define CASE_MEMORY_MAX ((size_t)256 << 20)
#define NESTING_MAX     1024u

/* Writes and reads run over the same value, so that a fault in one is not hidden by the
 * other: what is written is compared with out, what is read with in. */

static mt_err number_of(const json_t *v, u256 *out)
{
    const char *s = json_string_value(v);
    if (json_is_string(v))
        return u256_parse(s + 1, strlen(s + 1), out);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return MT_EDECODE;
    *out = u256_from((uint64_t)json_integer_value(v));
    return MT_OK;
}

static bool is_text(const json_t *v)
{
    return json_is_string(v) && json_string_value(v)[0] != '#';
}

/* Bounded by the depth that the JSON reader allows. */
static mt_err put_value(const json_t *v, struct buf *out)
{
    u256 number;
    if (is_text(v)) {
        rlp_put_bytes(out, json_string_value(v), json_string_length(v));
        return MT_OK;
    }
    if (json_is_array(v)) {
        size_t begin = rlp_begin(out);
        for (size_t i = 0; i < json_array_size(v); i++)
            MT_TRY(put_value(json_array_get(v, i), out));
        rlp_end(out, begin);
        return MT_OK;
    }
    MT_TRY(number_of(v, &number));
    rlp_put_u256(out, number);
    return MT_OK;
}

/* MT_EDECODE unless the next item is v. */
static mt_err match_value(struct rlp *r, const json_t *v)
{
    u256 want, got;
    slice bytes;
    struct rlp inner;
    if (is_text(v)) {
        slice text = slice_of(json_string_value(v), json_string_length(v));
        MT_TRY(rlp_get_bytes(r, &bytes));
        return slice_eq(bytes, text) ? MT_OK : MT_EDECODE;
    }
    if (json_is_array(v)) {
        MT_TRY(rlp_get_list(r, &inner));
        for (size_t i = 0; i < json_array_size(v); i++)
            MT_TRY(match_value(&inner, json_array_get(v, i)));
        return rlp_finish(&inner);
    }
    MT_TRY(number_of(v, &want));
    MT_TRY(rlp_get_u256(r, &got));
    return u256_eq(want, got) ? MT_OK : MT_EDECODE;
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
    if (put_value(in, &mine) != MT_OK || !buf_ok(&mine))
        return "malformed case: in is not a value";
    if (!slice_eq(buf_slice(&mine), out))
        return "written otherwise";
    return match_value(&r, in) == MT_OK ? "" : "read as another value";
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
        if (json_object_get(test, "in") != NULL && json_object_get(test, "out") != NULL)
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
