/* The follow machine on virtual time, and what it is told by answers: catching up
 * within the window, waiting at the tip, failures and their pauses, forks, refusals,
 * stopping; decoding of answers that are not to be trusted. */
#include "follower.h"

#include "metis/codec.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct follow m;
static struct follow_effect out[FOLLOW_EFFECTS_MAX];
static size_t num;
static uint64_t now_ms;

/* Block n of branch b. */
static struct block_id id(uint64_t n, uint8_t b)
{
    struct block_id i = {.number = n};
    i.hash.b[0] = (uint8_t)n;
    i.hash.b[1] = b;
    return i;
}

static void step(struct follow_input in)
{
    in.now_ms = now_ms;
    num = follow_step(&m, &in, out);
    cr_assert_leq(num, FOLLOW_EFFECTS_MAX);
}

static const struct follow_effect *effect(enum follow_effect_kind kind)
{
    for (size_t i = 0; i < num; i++)
        if (out[i].kind == kind)
            return &out[i];
    return NULL;
}

#define EXPECT(kind)    cr_assert_not_null(effect(kind), "no " #kind)
#define EXPECT_NO(kind) cr_assert_null(effect(kind), "a " #kind)

static void start(uint64_t head)
{
    struct follow_config c = {
        .window_bytes = 1000, .wait_ms = 20000, .retry_max_ms = 5000};
    now_ms = 1000000;
    follow_init(&m, &c);
    step((struct follow_input){.kind = FI_START, .head = id(head, 0)});
    EXPECT(FE_GREET);
    step((struct follow_input){.kind = FI_GREETED});
    EXPECT(FE_UP);
    EXPECT(FE_FETCH);
}

/* An answer that carries our tip on by `blocks`, of `bytes` in all. */
static struct follow_input more(uint64_t blocks, uint64_t bytes, uint64_t upstream)
{
    return (struct follow_input){.kind = FI_ANSWER,
                                 .has_base = true,
                                 .base = m.tip,
                                 .common = m.tip,
                                 .block_num = blocks,
                                 .bytes = bytes,
                                 .last = id(m.tip.number + blocks, 0),
                                 .upstream = id(upstream, 0)};
}

static struct follow_input forked(uint64_t common, uint64_t upstream)
{
    return (struct follow_input){.kind = FI_ANSWER,
                                 .has_base = true,
                                 .base = id(common, 0),
                                 .common = id(common, 0),
                                 .block_num = upstream > common ? 1 : 0,
                                 .last = id(common + 1, 1),
                                 .bytes = 10,
                                 .upstream = id(upstream, 1)};
}

static struct follow_input imported(uint64_t head, uint64_t bytes)
{
    return (struct follow_input){
        .kind = FI_IMPORTED, .head = id(head, 0), .bytes = bytes};
}

Test(node_follow, catches_up_within_the_window)
{
    start(0);
    step(more(100, 600, 250));
    EXPECT(FE_IMPORT);
    EXPECT(FE_FETCH); /* ahead of the execution */
    cr_assert(m.syncing);
    step(more(100, 600, 250));
    EXPECT(FE_IMPORT);
    EXPECT_NO(FE_FETCH); /* 1200 bytes wait */
    step(imported(100, 600));
    EXPECT(FE_FETCH);
    cr_assert_eq(follow_lag(&m), 150);
    step(imported(200, 600));
    EXPECT_NO(FE_FETCH); /* one is under way */
    step(more(50, 300, 250));
    step(imported(250, 300));
    cr_assert(!m.syncing);
    cr_assert_eq(follow_lag(&m), 0);
    cr_assert_eq(m.window, 0);
}

Test(node_follow, a_few_blocks_behind_is_no_catching_up)
{
    start(10);
    step(more(16, 100, 26));
    cr_assert(!m.syncing);
    step(imported(26, 100));
    step(more(17, 100, 43));
    cr_assert(m.syncing);
    cr_assert_eq(m.starting, 26);
    step(imported(42, 100));
    cr_assert(m.syncing); /* to the end, once begun */
    step(imported(43, 0));
    cr_assert(!m.syncing);
}

Test(node_follow, an_empty_answer_is_asked_for_again_and_early_ones_ever_later)
{
    start(5);
    now_ms += 20000; /* it waited: at once again */
    step(more(0, 0, 5));
    EXPECT(FE_FETCH);
    uint64_t pause = 10;
    for (int i = 0; i < 10; i++) {
        step(more(0, 0, 5));
        EXPECT_NO(FE_FETCH);
        EXPECT(FE_TIMER);
        cr_assert_eq(effect(FE_TIMER)->at_ms, now_ms + pause);
        step((struct follow_input){.kind = FI_TIMER}); /* too early */
        EXPECT_NO(FE_FETCH);
        EXPECT(FE_TIMER);
        now_ms += pause;
        step((struct follow_input){.kind = FI_TIMER});
        EXPECT(FE_FETCH);
        pause = pause * 2 > 1000 ? 1000 : pause * 2;
    }
    step(more(1, 10, 6)); /* a block ends the pauses */
    EXPECT(FE_IMPORT);
    EXPECT(FE_FETCH);
    cr_assert_eq(m.pause_ms, 0);
}

Test(node_follow, tags_alone_are_handed_on)
{
    start(5);
    struct follow_input in = more(0, 0, 5);
    in.tags = true;
    step(in);
    EXPECT(FE_IMPORT);
    step(imported(5, 0));
    cr_assert_eq(m.imports, 0);
}

Test(node_follow, failures_are_said_once_and_retried_with_growing_pauses)
{
    start(5);
    uint64_t last = 0;
    for (int i = 0; i < 12; i++) {
        step((struct follow_input){.kind = FI_FAILED, .random = 0});
        cr_assert_eq(effect(FE_DOWN) != NULL, i == 0);
        EXPECT(FE_TIMER);
        uint64_t pause = effect(FE_TIMER)->at_ms - now_ms;
        cr_assert_geq(pause, last);
        cr_assert_leq(pause, 5000);
        last = pause;
        now_ms += pause;
        step((struct follow_input){.kind = FI_TIMER});
        EXPECT(FE_GREET); /* another may have taken its place */
    }
    cr_assert_eq(last, 5000);
    step((struct follow_input){.kind = FI_GREETED});
    EXPECT(FE_UP);
    EXPECT(FE_FETCH);
    step(more(1, 10, 6));
    step((struct follow_input){.kind = FI_FAILED, .random = 0}); /* counts anew */
    cr_assert_eq(effect(FE_TIMER)->at_ms - now_ms, 50);
}

Test(node_follow, the_pause_is_spread_by_the_random_number)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (uint64_t r = 0; r < 1000; r++) {
        start(5);
        for (int i = 0; i < 8; i++) {
            step((struct follow_input){.kind = FI_FAILED, .random = r * 7919});
            now_ms = effect(FE_TIMER)->at_ms;
            step((struct follow_input){.kind = FI_TIMER});
        }
        uint64_t pause = now_ms - m.ask_ms;
        cr_assert_eq(pause, 0);
        step((struct follow_input){.kind = FI_FAILED, .random = r * 7919});
        pause = effect(FE_TIMER)->at_ms - now_ms;
        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    cr_assert_leq(most, 5000);
    cr_assert_gt(least, 2500 - 1);
    cr_assert_lt(least, 2600);
    cr_assert_gt(most, 4900);
}

Test(node_follow, a_stranger_ends_it)
{
    start(5);
    step((struct follow_input){.kind = FI_FAILED});
    now_ms += 5000;
    step((struct follow_input){.kind = FI_TIMER});
    step((struct follow_input){.kind = FI_STRANGER});
    EXPECT(FE_EXIT);
    step((struct follow_input){.kind = FI_TIMER});
    cr_assert_eq(num, 0);
}

Test(node_follow, goes_back_to_the_last_block_in_common)
{
    start(20);
    step(forked(17, 19));
    EXPECT(FE_REWIND);
    cr_assert_eq(effect(FE_REWIND)->to.number, 17);
    EXPECT_NO(FE_FETCH);
    EXPECT_NO(FE_IMPORT);
    step((struct follow_input){.kind = FI_REWOUND, .head = id(17, 0)});
    EXPECT(FE_FETCH);
    cr_assert_eq(m.tip.number, 17);
    step(more(2, 20, 19));
    EXPECT(FE_IMPORT);
}

Test(node_follow, what_waits_is_imported_before_going_back)
{
    start(10);
    step(more(5, 50, 15));
    EXPECT(FE_FETCH);
    step(forked(12, 13)); /* 13 to 15 are gone there, and not yet imported here */
    EXPECT_NO(FE_REWIND);
    EXPECT_NO(FE_FETCH);
    step(imported(15, 50));
    EXPECT(FE_FETCH);
    cr_assert_eq(m.tip.number, 15);
    step(forked(12, 13));
    EXPECT(FE_REWIND);
}

Test(node_follow, a_node_that_is_behind_is_waited_for)
{
    start(20);
    struct follow_input in = forked(7, 7);
    in.syncing = true;
    step(in);
    EXPECT_NO(FE_REWIND);
    EXPECT(FE_TIMER);
    cr_assert_eq(effect(FE_TIMER)->at_ms, now_ms + 1000);
}

Test(node_follow, a_rewind_that_cannot_be_done_halts)
{
    start(20);
    step(forked(7, 9));
    step((struct follow_input){.kind = FI_BROKEN});
    EXPECT(FE_HALT);
    now_ms += 100000;
    step((struct follow_input){.kind = FI_TIMER});
    cr_assert_eq(num, 0);
}

Test(node_follow, a_refused_block_is_compared_then_halts)
{
    start(20);
    step(more(5, 50, 30));
    step(more(5, 50, 30));
    step((struct follow_input){
        .kind = FI_REFUSED, .head = id(22, 0), .bytes = 50, .executed = true});
    EXPECT(FE_COMPARE);
    cr_assert_eq(m.head.number, 22);
    step(imported(22, 50)); /* the rest was passed over */
    cr_assert_eq(num, 0);
    step(more(5, 50, 30)); /* late: of no use */
    cr_assert_eq(num, 0);
    step((struct follow_input){.kind = FI_COMPARED});
    EXPECT(FE_HALT);
    cr_assert_eq(m.phase, FOLLOW_HALTED);
}

Test(node_follow, the_comparison_is_tried_a_few_times)
{
    start(20);
    step(more(5, 50, 30));
    step((struct follow_input){.kind = FI_REFUSED, .head = id(20, 0), .executed = true});
    for (int i = 0; i < 4; i++) {
        step((struct follow_input){.kind = FI_FAILED});
        EXPECT_NO(FE_HALT);
        now_ms = effect(FE_TIMER)->at_ms;
        step((struct follow_input){.kind = FI_TIMER});
        EXPECT(FE_COMPARE);
    }
    step((struct follow_input){.kind = FI_FAILED});
    EXPECT(FE_HALT);
    cr_assert_eq(num, 1);
}

Test(node_follow, a_block_that_could_not_be_executed_halts_at_once)
{
    start(20);
    step(more(5, 50, 30));
    step((struct follow_input){.kind = FI_REFUSED, .head = id(20, 0)});
    EXPECT(FE_HALT);
    EXPECT_NO(FE_COMPARE);
}

Test(node_follow, nothing_is_done_after_the_stop)
{
    static const enum follow_input_kind all[] = {FI_GREETED,  FI_ANSWER,   FI_FAILED,
                                                 FI_IMPORTED, FI_REFUSED,  FI_BROKEN,
                                                 FI_REWOUND,  FI_COMPARED, FI_TIMER};
    start(20);
    step((struct follow_input){.kind = FI_STOP});
    cr_assert_eq(num, 0);
    for (size_t i = 0; i < MT_ARRAY_LEN(all); i++) {
        step((struct follow_input){.kind = all[i]});
        cr_assert_eq(num, 0);
    }
}

/* Any order of inputs: at most one request under way, effects within their number, no
 * fetch over a full window. */
Test(node_follow, random_inputs)
{
    uint64_t seed = 20260727;
    printf("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 200; round++) {
        start(50);
        int asking = 1;
        for (int i = 0; i < 500; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint64_t r = seed >> 33;
            struct follow_input in = more(r % 7, r % 400, m.head.number + r % 40);
            if (r % 11 == 0)
                in = forked(m.head.number - r % 3, m.head.number + r % 4);
            static const enum follow_input_kind kinds[] = {
                FI_ANSWER, FI_ANSWER,   FI_ANSWER,   FI_FAILED,
                FI_TIMER,  FI_IMPORTED, FI_IMPORTED, FI_REWOUND};
            in.kind = kinds[(r >> 8) % MT_ARRAY_LEN(kinds)];
            if (in.kind == FI_ANSWER && m.phase == FOLLOW_GREET)
                in.kind = FI_GREETED;
            in.random = r;
            in.syncing = r % 13 == 0;
            if (in.kind == FI_IMPORTED) {
                if (m.imports == 0)
                    continue;
                in.head = m.imports == 1 ? m.tip : m.head;
                in.bytes = m.imports == 1 ? m.window : 0;
            }
            if (in.kind == FI_REWOUND && !m.rewinding)
                continue;
            if (in.kind == FI_REWOUND)
                in.head = id(m.head.number - 1, 0);
            now_ms += r % 50;
            asking = m.asking;
            step(in);
            int asked = (effect(FE_FETCH) != NULL) + (effect(FE_GREET) != NULL);
            cr_assert_leq(asked, 1);
            if (in.kind != FI_ANSWER && in.kind != FI_FAILED && in.kind != FI_GREETED)
                cr_assert(asked == 0 || !asking);
            if (effect(FE_FETCH) != NULL)
                cr_assert_leq(m.window, 1000 + 400);
            if (m.imports == 0)
                cr_assert_eq(m.window, 0);
        }
    }
}

/* ---- answers ---- */

static struct follow_answer *answer_of(const char *text)
{
    struct follow_answer *a = mt_alloc(sizeof *a);
    buf_init(&a->body, 1u << 20);
    buf_put_str(&a->body, text);
    follow_read_blocks(a);
    return a;
}

static void block_text(uint64_t number, const hash32 *parent, char *out_text,
                       hash32 *hash)
{
    struct block b = {
        .header = {.number = number, .parent_hash = *parent, .field_num = 15}};
    struct buf rlp;
    buf_init(&rlp, 65536);
    block_encode(&b, &rlp);
    strcpy(out_text, "0x");
    hex_encode(buf_slice(&rlp), out_text + 2);
    out_text[2 + 2 * rlp.len] = 0;
    *hash = header_hash(&b.header);
    buf_fini(&rlp);
}

#define H "\"0x1100000000000000000000000000000000000000000000000000000000000000\""

Test(node_follow, blocks_are_taken_as_far_as_they_are_a_chain)
{
    static char b1[4096], b2[4096], b4[4096], text[32768];
    hash32 base = {{0x11}}, h1, h2, h4;
    block_text(1, &base, b1, &h1);
    block_text(2, &h1, b2, &h2);
    block_text(4, &h2, b4, &h4);
    snprintf(
        text, sizeof text,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"base\":{\"number\":\"0x0\","
        "\"hash\":" H
        "},\"blocks\":[\"%s\",\"%s\",\"%s\"],\"head\":{\"number\":\"0x9\",\"hash\":" H
        "},\"safe\":null,\"finalized\":{\"number\":\"0x0\",\"hash\":" H
        "},\"syncing\":true}}",
        b1, b2, b4);
    struct follow_answer *a = answer_of(text);
    cr_assert_eq(a->err, MT_OK, "%s", a->diag.text);
    cr_assert_eq(a->block_num, 2);
    cr_assert(hash32_eq(&a->blocks[0].id.hash, &h1));
    cr_assert(hash32_eq(&a->blocks[1].id.hash, &h2));
    cr_assert_eq(a->blocks[1].id.number, 2);
    cr_assert_eq(a->upstream.number, 9);
    cr_assert(a->has_base && !a->has_safe && a->has_finalized && a->syncing);
    follow_answer_free(a);
}

Test(node_follow, answers_that_are_refused)
{
    static const struct {
        const char *text;
        mt_err err;
    } cases[] = {
        {"", MT_EDECODE},
        {"[]", MT_EDECODE},
        {"{}", MT_EDECODE},
        {"{\"result\":null}", MT_EDECODE},
        {"{\"error\":{\"code\":-32601,\"message\":\"no method\"}}", MT_EUNSUPPORTED},
        {"{\"error\":{\"code\":-32005,\"message\":\"slow down\"}}", MT_EIO},
        {"{\"result\":{\"base\":null,\"head\":{\"number\":\"0x1\",\"hash\":" H "}}}",
         MT_EDECODE}, /* no blocks */
        {"{\"result\":{\"base\":null,\"blocks\":[\"0x\"],\"head\":{\"number\":\"0x1\","
         "\"hash\":" H "}}}",
         MT_EDECODE}, /* blocks on nothing */
        {"{\"result\":{\"base\":null,\"blocks\":[],\"head\":{\"number\":\"1\",\"hash\":" H
         "}}}",
         MT_EDECODE},
        {"{\"result\":{\"base\":null,\"blocks\":[],\"head\":{\"number\":\"0x1\",\"hash\":"
         "\"0x11\"}}}",
         MT_EDECODE},
    };
    static const char *const blocks[] = {
        "\"\"", "\"0x\"", "\"0xc0\"", "\"0xzz\"",   "\"0xf83\"",
        "1",    "null",   "{}",       "\"0xc1c0\"", "\"0xf8ff\""};
    char text[1024];
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        struct follow_answer *a = answer_of(cases[i].text);
        cr_expect_eq(a->err, cases[i].err, "%s: %s", cases[i].text, a->diag.text);
        follow_answer_free(a);
    }
    for (size_t i = 0; i < MT_ARRAY_LEN(blocks); i++) {
        snprintf(text, sizeof text,
                 "{\"result\":{\"base\":{\"number\":\"0x0\",\"hash\":" H
                 "},\"blocks\":[%s],\"head\":{\"number\":\"0x1\",\"hash\":" H "}}}",
                 blocks[i]);
        struct follow_answer *a = answer_of(text);
        cr_expect_eq(a->err, MT_EDECODE, "%s", blocks[i]);
        follow_answer_free(a);
    }
}

Test(node_follow, greetings)
{
    static const struct {
        const char *text;
        mt_err err;
        bool same;
    } cases[] = {
        {"[{\"id\":2,\"result\":{\"hash\":" H "}},{\"id\":1,\"result\":\"0x7\"}]", MT_OK,
         true},
        {"[{\"id\":1,\"result\":\"0x8\"},{\"id\":2,\"result\":{\"hash\":" H "}}]", MT_OK,
         false},
        {"[{\"id\":1,\"result\":\"0x7\"},{\"id\":2,\"result\":null}]", MT_EDECODE, false},
        {"[{\"id\":1,\"result\":\"7\"}]", MT_EDECODE, false},
        {"{\"error\":{\"code\":-32600,\"message\":\"no batches\"}}", MT_EIO, false},
        {"<html>", MT_EDECODE, false},
    };
    hash32 genesis = {{0x11}}, other = {{0x12}};
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        struct mt_diag diag = {0};
        bool same = false;
        cr_expect_eq(
            follow_read_greeting(slice_str(cases[i].text), 7, &genesis, &same, &diag),
            cases[i].err, "%s", cases[i].text);
        cr_expect_eq(same, cases[i].same, "%s", cases[i].text);
        if (cases[i].same) {
            cr_expect_eq(
                follow_read_greeting(slice_str(cases[i].text), 7, &other, &same, &diag),
                MT_OK);
            cr_expect(!same);
            cr_expect_not_null(strstr(diag.text, "genesis"));
        }
    }
}
