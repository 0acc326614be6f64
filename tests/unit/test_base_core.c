/* Errors, formatter, hex, arenas, buffers, map. */
#include "metis/base.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The C library's snprintf is the independent formatter. */
#define SAME(...)                                                                        \
    do {                                                                                 \
        char want[200], got[200];                                                        \
        int n = snprintf(want, sizeof want, __VA_ARGS__);                                \
        size_t m = mt_fmt(got, sizeof got, __VA_ARGS__);                                 \
        cr_assert_str_eq(got, want);                                                     \
        cr_assert_eq(m, (size_t)n);                                                      \
    } while (0)

Test(base_err, formatter_agrees_with_libc)
{
    SAME("plain %% text");
    SAME("%s|%10s|%-10s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
    SAME("%c%c", 'x', 'y');
    SAME("%d %i %5d %-5d| %05d", 0, -7, 42, 42, -42);
    SAME("%u %lu %llu %zu", 1u, 2ul, 3ull, (size_t)4);
    SAME("%x %X %08x %lx", 0xabcu, 0xabcu, 0xabcu, 0xabcul);
    SAME("%lld %lld", (long long)INT64_MIN, (long long)INT64_MAX);
    SAME("%" PRIu64 " %" PRIx64, UINT64_MAX, UINT64_MAX);
    SAME("%ld %zd", -5l, (ssize_t)-6);
}

Test(base_err, formatter_truncates)
{
    char b[5];
    cr_assert_eq(mt_fmt(b, sizeof b, "%s", "abcdefgh"), 4);
    cr_assert_str_eq(b, "abcd");
    cr_assert_eq(mt_fmt(b, sizeof b, "%10d", 7), 4);
    cr_assert_str_eq(b, "    ");
    cr_assert_eq(mt_fmt(b, 0, "x"), 0);
}

Test(base_err, diagnostics)
{
    struct mt_diag d = {0};
    cr_assert_eq(mt_fail(&d, MT_EDECODE, "field %u", 3u), MT_EDECODE);
    cr_assert_eq(mt_wrap(&d, MT_EDECODE, "header"), MT_EDECODE);
    cr_assert_str_eq(d.text, "header: field 3");
    cr_assert_eq(mt_fail(NULL, MT_EIO, "x"), MT_EIO);
    struct mt_diag empty = {0};
    mt_wrap(&empty, MT_EBUSY, "queue");
    cr_assert_str_eq(empty.text, "queue: busy");
    cr_assert_str_eq(mt_err_text((mt_err)999), "unknown error");
    cr_assert_str_eq(mt_err_text(MT_OK), "ok");
}

Test(base_bytes, hex)
{
    uint8_t out[4];
    size_t n = 99;
    cr_assert_eq(hex_decode("0xdeadBEEF", 10, out, 4, &n), MT_OK);
    cr_assert(n == 4 && memcmp(out, "\xde\xad\xbe\xef", 4) == 0);
    cr_assert_eq(hex_decode("abc", 3, out, 4, &n), MT_EDECODE);
    cr_assert_eq(hex_decode("0xzz", 4, out, 4, &n), MT_EDECODE);
    cr_assert_eq(hex_decode("0x0g", 4, out, 4, &n), MT_EDECODE);
    cr_assert_eq(hex_decode("0x@0", 4, out, 4, &n), MT_EDECODE);
    cr_assert_eq(hex_decode("0x1122334455", 12, out, 4, &n), MT_ELIMIT);
    cr_assert_eq(hex_decode("0x", 2, out, 4, &n), MT_OK);
    cr_assert_eq(n, 0);
    cr_assert_eq(hex_decode_fixed("0x11223344", out, 4), MT_OK);
    cr_assert_eq(hex_decode_fixed("112233", out, 4), MT_EDECODE);
    address a = {{0xAB, 1}};
    cr_assert_str_eq(address_text(&a).s, "0xab01000000000000000000000000000000000000");
}

Test(base_mem, arena_caps_and_marks)
{
    struct arena a;
    arena_init(&a, 100000);
    cr_assert_null(arena_alloc(&a, 100001));
    cr_assert_null(arena_alloc(&a, SIZE_MAX));
    cr_assert_null(arena_zalloc(&a, SIZE_MAX / 2, 4));
    uint8_t *first = arena_alloc(&a, 10);
    cr_assert_not_null(first);
    memset(first, 7, 10);
    struct arena_mark m = arena_mark(&a);
    size_t got = 0;
    while (arena_alloc(&a, 1000) != NULL)
        got += 1000;
    cr_assert(got > 60000 && got < 100000);
    cr_assert(a.size <= 100000);
    arena_rewind(&a, m);
    uint8_t *again = arena_alloc_aligned(&a, 64, 64);
    cr_assert_eq((uintptr_t)again % 64, 0);
    cr_assert(first[0] == 7 && first[9] == 7);
    arena_reset(&a);
    cr_assert_not_null(arena_alloc(&a, 3000));
    arena_fini(&a);
}

Test(base_mem, fixed_arena)
{
    uint8_t mem[1000];
    struct arena a;
    arena_init_fixed(&a, mem + 1, 999);
    uint8_t *p = arena_alloc(&a, 500);
    cr_assert(p >= mem && p + 500 <= mem + sizeof mem && (uintptr_t)p % 16 == 0);
    cr_assert_null(arena_alloc(&a, 600));
    arena_reset(&a);
    cr_assert_not_null(arena_alloc(&a, 600));
    arena_init_fixed(&a, mem, 8);
    cr_assert_null(arena_alloc(&a, 1));
    arena_reset(&a);
    cr_assert_null(arena_alloc(&a, 1));
}

static void fill_and_check(struct buf *b)
{
    for (unsigned i = 0; i < 1000; i++)
        buf_put_u8(b, (uint8_t)i);
    cr_assert(buf_ok(b) && b->len == 1000);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(b->ptr[i], (uint8_t)i);
    uint8_t big[600] = {0};
    buf_put(b, big, sizeof big);
    cr_assert(!buf_ok(b));
    cr_assert_eq(b->len, 1000);
    buf_put_u8(b, 1);
    cr_assert_eq(b->len, 1000, "a failed buffer takes nothing more");
    buf_reset(b);
    buf_printf(b, "%s", "hello");
    cr_assert(slice_eq(buf_slice(b), slice_str("hello")));
}

Test(base_mem, buffers)
{
    struct buf b;
    buf_init(&b, 1500);
    fill_and_check(&b);
    buf_fini(&b);
    struct arena a;
    arena_init(&a, 1 << 20);
    buf_init_arena(&b, &a, 1500);
    fill_and_check(&b);
    /* another allocation in between forces a move */
    struct buf c;
    buf_init_arena(&c, &a, 1 << 16);
    buf_put_str(&c, "kept");
    cr_assert_not_null(arena_alloc(&a, 8));
    for (int i = 0; i < 100; i++)
        buf_put_str(&c, "0123456789");
    cr_assert(buf_ok(&c) && memcmp(c.ptr, "kept0123", 8) == 0);
    arena_fini(&a);
}

Test(base_mem, long_printf)
{
    struct buf b;
    char text[3001];
    memset(text, 'y', 3000);
    text[3000] = 0;
    buf_init(&b, 1 << 16);
    buf_printf(&b, "<%s>", text);
    cr_assert_eq(b.len, 3002);
    cr_assert(b.ptr[0] == '<' && b.ptr[3001] == '>' && b.ptr[1500] == 'y');
    buf_fini(&b);
}

#define KEYS 5000u

/* A plain array is the model; keys are found in it by walking. */
struct model {
    uint64_t key[KEYS];
    uint32_t value[KEYS];
    bool live[KEYS];
    uint32_t len;
};

static void check_same(const struct map *m, const struct model *model, uint32_t live)
{
    cr_assert_eq(map_count(m), live);
    uint32_t it = 0, at = 0;
    const void *key;
    void *value;
    while (map_next(m, &it, &key, &value)) {
        while (!model->live[at])
            at++;
        cr_assert_eq(memcmp(key, &model->key[at], 8), 0, "insertion order");
        cr_assert_eq(*(uint32_t *)value, model->value[at]);
        at++;
    }
    uint32_t rest = 0;
    for (; at < model->len; at++)
        rest += model->live[at];
    cr_assert_eq(rest, 0);
}

static void run_map(struct arena *arena, uint64_t seed)
{
    static struct model model;
    memset(&model, 0, sizeof model);
    struct map m;
    map_init(&m, arena, 8, 4, KEYS, seed);
    cr_assert_null(map_get(&m, "12345678"));
    cr_assert(!map_del(&m, "12345678"));
    srand(7);
    uint32_t live = 0;
    while (model.len < KEYS) {
        uint64_t k = (uint64_t)rand() % 3000;
        uint32_t *v = map_get(&m, &k);
        if (v != NULL && rand() % 2 == 0) {
            for (uint32_t i = 0; i < model.len; i++)
                if (model.live[i] && model.key[i] == k)
                    model.live[i] = false;
            cr_assert(map_del(&m, &k) && map_get(&m, &k) == NULL);
            live--;
            continue;
        }
        bool inserted;
        uint32_t *p = map_put(&m, &k, &inserted);
        cr_assert_not_null(p);
        cr_assert_eq(inserted, v == NULL);
        if (!inserted)
            continue;
        cr_assert_eq(*p, 0, "a new value is zero");
        *p = (uint32_t)rand();
        model.key[model.len] = k;
        model.value[model.len] = *p;
        model.live[model.len++] = true;
        live++;
    }
    check_same(&m, &model, live);
    map_clear(&m);
    cr_assert_eq(map_count(&m), 0);
    uint64_t k = 1;
    cr_assert_null(map_get(&m, &k));
    cr_assert_not_null(map_put(&m, &k, NULL));
    map_fini(&m);
}

Test(base_map, model)
{
    struct arena a;
    run_map(NULL, 1);
    arena_init(&a, 16 << 20);
    run_map(&a, 0xfeedface);
    arena_fini(&a);
}

Test(base_map, limits)
{
    struct map m;
    map_init(&m, NULL, 20, 40, 10, 3);
    for (uint8_t i = 0; i < 10; i++) {
        address a = {{i}};
        uint8_t *v = map_put(&m, &a, NULL);
        cr_assert_not_null(v);
        cr_assert_eq((uintptr_t)v % 8, 0);
        v[39] = i;
    }
    address more = {{99}}, seven = {{7}};
    cr_assert_null(map_put(&m, &more, NULL));
    cr_assert_not_null(map_put(&m, &seven, NULL), "a known key is not an insertion");
    cr_assert(map_del(&m, &seven));
    cr_assert_not_null(map_put(&m, &more, NULL));
    map_fini(&m);
    /* the arena's cap is not passed over */
    struct arena a;
    arena_init(&a, 4096);
    map_init(&m, &a, 32, 32, 1000000, 3);
    uint32_t n = 0;
    for (hash32 h = {{0}};; n++) {
        memcpy(h.b, &n, 4);
        if (map_put(&m, &h, NULL) == NULL)
            break;
    }
    cr_assert(n >= 12 && n < 60 && map_count(&m) == n);
    arena_fini(&a);
}

/* Deleting and inserting for ever must not need more memory. */
Test(base_map, churn_in_bounded_memory)
{
    struct arena a;
    struct map m;
    arena_init(&a, 16384);
    map_init(&m, &a, 8, 8, 100, 3);
    for (uint64_t k = 0; k < 100000; k++) {
        cr_assert_not_null(map_put(&m, &k, NULL));
        uint64_t old = k - 20;
        if (k >= 20)
            cr_assert(map_del(&m, &old));
    }
    cr_assert_eq(map_count(&m), 20);
    arena_fini(&a);
}
