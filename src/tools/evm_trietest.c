/* metis-evm trietest: key/value lists to roots, the TrieTests of the public suites.
 *
 * `in` is an object, or a list of [key, value] pairs in the order of writing, where null
 * removes. Strings that begin with 0x are hex. A file with "secure" in its name holds
 * tries by keccak256 of the key. Where the order is free (an object) it is tried both
 * ways. */
#include "evm.h"
#include "evm_fixture.h"

#include <strings.h>

#define CASE_MEMORY_MAX ((size_t)256 << 20)
#define PAIRS_MAX       1000000u

struct pair {
    slice key, value; /* no value: the key is removed */
};

struct pairs {
    struct pair *list;
    size_t num;
};

static mt_err text_bytes(const char *text, size_t len, struct arena *arena, slice *out)
{
    size_t n;
    if (len < 2 || text[0] != '0' || text[1] != 'x') {
        *out = slice_of(text, len);
        return MT_OK;
    }
    uint8_t *room = arena_alloc(arena, len / 2 + 1);
    if (room == NULL)
        return MT_ELIMIT;
    MT_TRY(hex_decode(text, len, room, len / 2 + 1, &n));
    *out = slice_of(room, n);
    return MT_OK;
}

/* The key as it stands in the trie, and the value. */
static mt_err parse_pair(slice key, const json_t *value, bool secure, struct arena *arena,
                         struct pair *out)
{
    MT_TRY(text_bytes((const char *)key.ptr, key.len, arena, &out->key));
    out->value = slice_of(NULL, 0);
    if (secure) {
        hash32 h = keccak256(out->key.ptr, out->key.len);
        const uint8_t *copy = arena_copy(arena, h.b, sizeof h.b);
        if (copy == NULL)
            return MT_ELIMIT;
        out->key = slice_of(copy, sizeof h.b);
    }
    if (json_is_null(value))
        return MT_OK;
    if (!json_is_string(value))
        return MT_EDECODE;
    return text_bytes(json_string_value(value), json_string_length(value), arena,
                      &out->value);
}

static mt_err parse_pairs(json_t *in, bool secure, struct arena *arena, struct pairs *out)
{
    const char *key;
    json_t *value;
    size_t n = json_is_array(in) ? json_array_size(in) : json_object_size(in);
    if ((!json_is_array(in) && !json_is_object(in)) || n > PAIRS_MAX)
        return MT_EDECODE;
    out->num = n;
    out->list = arena_zalloc(arena, n + 1, sizeof *out->list);
    if (out->list == NULL)
        return MT_ELIMIT;
    if (json_is_object(in)) {
        size_t i = 0;
        json_object_foreach(in, key, value)
        {
            MT_TRY(parse_pair(slice_str(key), value, secure, arena, &out->list[i++]));
        }
        return MT_OK;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *each = json_array_get(in, i);
        const json_t *name = json_array_get(each, 0);
        if (!json_is_string(name) || json_array_size(each) != 2)
            return MT_EDECODE;
        slice text = slice_of(json_string_value(name), json_string_length(name));
        MT_TRY(parse_pair(text, json_array_get(each, 1), secure, arena, &out->list[i]));
    }
    return MT_OK;
}

static mt_err build(const struct pairs *p, bool backwards, struct arena *arena,
                    hash32 *root)
{
    struct trie *t = trie_new(arena, &KECCAK_RLP_EMPTY, NULL, NULL);
    if (t == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < p->num; i++) {
        const struct pair *each = &p->list[backwards ? p->num - 1 - i : i];
        if (each->value.len > 0)
            MT_TRY(trie_put_key(t, each->key, each->value));
        else
            MT_TRY(trie_del_key(t, each->key));
    }
    return trie_root(t, root, NULL, NULL);
}

static void run_case(struct suite *s, const char *name, bool secure, const json_t *test,
                     struct arena *arena, struct buf *report)
{
    char error[256] = "";
    struct pairs pairs;
    hash32 want, root = {{0}};
    json_t *in = json_object_get(test, "in");
    if (!suite_wants(s, name, ""))
        return;
    mt_err err = fx_hash(test, "root", &want) ? MT_OK : MT_EDECODE;
    if (err == MT_OK)
        err = parse_pairs(in, secure, arena, &pairs);
    unsigned ways = json_is_object(in) ? 2 : 1;
    for (unsigned way = 0; way < ways && err == MT_OK && error[0] == 0; way++) {
        err = build(&pairs, way == 1, arena, &root);
        if (err == MT_OK && !hash32_eq(&root, &want))
            mt_fmt(error, sizeof error, "root %s%s, should be %s", hash32_text(&root).s,
                   way == 1 ? " when written backwards" : "", hash32_text(&want).s);
    }
    if (err != MT_OK)
        mt_fmt(error, sizeof error, "not built: %s", mt_err_text(err));
    suite_case(s, report, name, secure ? "secure" : "plain", &root, error);
}

static void run_file(struct suite *s, const char *path, json_t *doc, struct buf *report)
{
    const char *name;
    json_t *test;
    const char *slash = strrchr(path, '/');
    bool secure = strcasestr(slash == NULL ? path : slash, "secure") != NULL;
    struct arena arena;
    arena_init(&arena, CASE_MEMORY_MAX);
    json_object_foreach(doc, name, test)
    {
        arena_reset(&arena);
        if (strcmp(name, "_info") != 0)
            run_case(s, name, secure, test, &arena, report);
    }
    arena_fini(&arena);
}

int evm_trietest_main(int argc, char **argv)
{
    struct suite s;
    int status = suite_options(&s, argc, argv);
    return status != 0 ? status : suite_main(&s, run_file);
}
