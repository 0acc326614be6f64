/* metis_getBlocks: what a follower is given, where chains part, and waiting for the
 * next head. Blocks are held against debug_getRawBlock, which is another road to the
 * same bytes. */
#include "rpc_fixture.h"

static struct rpc_fixture f;

static void setup(void)
{
    fixture_init(&f);
    fixture_start(&f, CS_MANUAL);
    for (int i = 0; i < 5; i++)
        call(&f, "evm_mine", "[]");
}

static void teardown(void)
{
    fixture_close(&f);
}

TestSuite(rpc_feed, .init = setup, .fini = teardown);

static json_t *result(const char *reply)
{
    json_t *doc = json_loads(reply, 0, NULL);
    json_t *r = json_object_get(doc, "result");
    cr_assert_not_null(r, "%s", reply);
    json_incref(r);
    json_decref(doc);
    return r;
}

static void hash_at(uint64_t number, char out[67])
{
    hash32 h;
    cr_assert_eq(chain_canonical_hash(f.dev.chain, number, &h), MT_OK);
    memcpy(out, hash32_text(&h).s, 67);
}

/* One entry of a locator. */
static const char *at(uint64_t number)
{
    static char text[128];
    char hash[67];
    hash_at(number, hash);
    snprintf(text, sizeof text, "{\"number\":\"0x%llx\",\"hash\":\"%s\"}",
             (unsigned long long)number, hash);
    return text;
}

#define STRANGER                                                                         \
    "{\"number\":\"0x3\",\"hash\":"                                                      \
    "\"0x1111111111111111111111111111111111111111111111111111111111111111\"}"

static json_t *get_blocks(const char *locator, const char *options)
{
    char params[1024];
    snprintf(params, sizeof params, "[[%s],%s]", locator, options);
    return result(call(&f, "metis_getBlocks", params));
}

static const char *text_at(const json_t *o, const char *key, const char *inner)
{
    const char *s = json_string_value(json_object_get(json_object_get(o, key), inner));
    return s != NULL ? s : "";
}

static void expect_blocks(const json_t *r, uint64_t first, size_t num)
{
    const json_t *blocks = json_object_get(r, "blocks");
    cr_assert_eq(json_array_size(blocks), num);
    for (size_t i = 0; i < num; i++) {
        char params[32];
        snprintf(params, sizeof params, "[\"0x%llx\"]", (unsigned long long)(first + i));
        json_t *raw = result(call(&f, "debug_getRawBlock", params));
        cr_expect(json_equal(raw, json_array_get(blocks, i)), "block %zu", i);
        json_decref(raw);
    }
}

Test(rpc_feed, blocks_after_a_place)
{
    char hash[67];
    json_t *r = get_blocks(at(2), "{}");
    expect_blocks(r, 3, 3);
    hash_at(5, hash);
    cr_expect_str_eq(text_at(r, "base", "number"), "0x2");
    cr_expect_str_eq(text_at(r, "head", "number"), "0x5");
    cr_expect_str_eq(text_at(r, "head", "hash"), hash);
    cr_expect_str_eq(text_at(r, "finalized", "number"), "0x0");
    cr_expect(json_is_false(json_object_get(r, "syncing")));
    json_decref(r);
    r = get_blocks(at(0), "{\"count\":\"0x2\"}");
    expect_blocks(r, 1, 2);
    json_decref(r);
    r = get_blocks(at(0), "{\"bytes\":\"0x1\"}"); /* one always fits */
    expect_blocks(r, 1, 1);
    json_decref(r);
    r = get_blocks(at(4), "{}");
    expect_blocks(r, 5, 1);
    json_decref(r);
    r = get_blocks(at(5), "{}");
    expect_blocks(r, 6, 0);
    json_decref(r);
}

Test(rpc_feed, the_first_of_the_locator_that_is_known)
{
    char locator[512];
    json_t *r = get_blocks(STRANGER, "{\"waitMs\":\"0x2710\"}");
    cr_expect(json_is_null(json_object_get(r, "base")));
    expect_blocks(r, 1, 0);
    json_decref(r);
    snprintf(locator, sizeof locator, "%s,", STRANGER);
    strcat(locator, at(4));
    strcat(locator, ",");
    strcat(locator, at(0));
    r = get_blocks(locator, "{\"waitMs\":\"0x2710\"}");
    cr_expect_str_eq(text_at(r, "base", "number"), "0x4");
    expect_blocks(r, 5, 1);
    json_decref(r);
}

/* A call whose answer does not come at once. */
struct waiting {
    bool answered;
    char text[65536];
};

static void later(void *ctx, struct buf *reply)
{
    struct waiting *w = ctx;
    w->answered = true;
    snprintf(w->text, sizeof w->text, "%.*s", (int)reply->len, (const char *)reply->ptr);
}

static void begin(struct waiting *w, const char *locator, const char *wait)
{
    char request[1024];
    memset(w, 0, sizeof *w);
    snprintf(
        request, sizeof request,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"metis_getBlocks\",\"params\":[[%s],"
        "{\"waitMs\":\"%s\"}]}",
        locator, wait);
    rpc_handle(f.rpc, slice_str(request), later, w);
}

Test(rpc_feed, waits_for_the_next_head)
{
    static struct waiting w;
    begin(&w, at(5), "0xea60");
    cr_assert(!w.answered);
    rpc_tick(f.rpc, clock_mono_ns());
    cr_assert(!w.answered);
    call(&f, "evm_mine", "[]");
    cr_assert(w.answered);
    json_t *r = result(w.text);
    expect_blocks(r, 6, 1);
    cr_expect_str_eq(text_at(r, "head", "number"), "0x6");
    json_decref(r);
}

Test(rpc_feed, a_wait_ends_in_time_at_a_rewind_and_at_the_stop)
{
    static struct waiting w;
    begin(&w, at(5), "0x64");
    rpc_tick(f.rpc, clock_mono_ns() + 200000000u);
    cr_assert(w.answered);
    json_t *r = result(w.text);
    expect_blocks(r, 6, 0);
    json_decref(r);

    call(&f, "evm_snapshot", "[]");
    call(&f, "evm_mine", "[]");
    begin(&w, at(6), "0xea60");
    cr_assert(!w.answered);
    call(&f, "evm_revert", "[\"0x1\"]");
    cr_assert(w.answered);
    r = result(w.text);
    cr_expect(json_is_null(json_object_get(r, "base")));
    cr_expect_str_eq(text_at(r, "head", "number"), "0x5");
    json_decref(r);

    begin(&w, at(5), "0xea60");
    cr_assert(!w.answered);
    rpc_stop(f.rpc);
    cr_assert(w.answered);
}

Test(rpc_feed, so_many_may_wait_and_no_more)
{
    static struct waiting w[65];
    for (size_t i = 0; i < 64; i++) {
        begin(&w[i], at(5), "0xea60");
        cr_assert(!w[i].answered);
    }
    begin(&w[64], at(5), "0xea60");
    cr_assert(w[64].answered);
    json_t *r = result(w[64].text);
    expect_blocks(r, 6, 0);
    json_decref(r);
    call(&f, "evm_mine", "[]");
    for (size_t i = 0; i < 64; i++)
        cr_assert(w[i].answered);
}

Test(rpc_feed, bad_parameters)
{
    static const char *const bad[] = {
        "[]",
        "[[]]",
        "[{}]",
        "[[1]]",
        "[[{\"number\":\"0x1\"}]]",
        "[[{\"number\":1,\"hash\":\"0x00\"}]]",
        "[[" STRANGER "],5]",
        "[[" STRANGER "],{\"count\":\"many\"}]",
        "[[" STRANGER "],{},{}]",
    };
    char many[65 * 128] = "[[";
    for (size_t i = 0; i < MT_ARRAY_LEN(bad); i++)
        cr_expect_not_null(strstr(call(&f, "metis_getBlocks", bad[i]), "-32602"), "%s",
                           bad[i]);
    for (size_t i = 0; i < 65; i++) {
        strcat(many, i == 0 ? "" : ",");
        strcat(many, STRANGER);
    }
    strcat(many, "]]");
    cr_expect_not_null(strstr(call(&f, "metis_getBlocks", many), "-32602"));
}
