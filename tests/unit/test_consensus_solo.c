/* The solo sequencer: demand, period, requests, time rules. Expected values follow from the
 * rules in consensus.h, worked out by hand. */
#include <criterion/criterion.h>

#include "metis/consensus.h"

static struct cs_effect effects[CS_EFFECTS_MAX];

static size_t step(struct consensus *c, struct cs_input in)
{
    return consensus_step(c, &in, effects, NULL);
}

static struct consensus make(enum cs_mode mode, uint64_t period_ms, bool equal_time)
{
    struct consensus c;
    struct cs_config cfg = {
        .mode = mode, .period_ms = period_ms, .equal_time = equal_time};
    consensus_init(&c, &cfg);
    return c;
}

Test(consensus_solo, demand_builds_when_something_is_pending)
{
    struct consensus c = make(CS_DEMAND, 0, true);
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_PENDING, .count = 1}), 0);
    cr_assert_eq(
        step(&c, (struct cs_input){.kind = CS_START, .now_ms = 5000, .parent_time = 2}),
        1);
    cr_assert_eq(effects[0].kind, CS_BUILD);
    cr_assert_eq(effects[0].timestamp, 5);
    cr_assert_eq(effects[0].request, 0);
    /* one at a time */
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_PENDING, .count = 2}), 0);
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_BUILT,
                                            .now_ms = 5100,
                                            .parent_time = 5,
                                            .count = 1}),
                 1);
    cr_assert_eq(effects[0].timestamp, 5, "equal times are allowed here");
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_BUILT, .now_ms = 1, .count = 0}),
                 0);
}

Test(consensus_solo, strict_time_runs_ahead_of_the_clock)
{
    struct consensus c = make(CS_DEMAND, 0, false);
    step(&c, (struct cs_input){.kind = CS_START, .now_ms = 5000, .parent_time = 5});
    step(&c, (struct cs_input){.kind = CS_PENDING, .now_ms = 5000, .count = 1});
    cr_assert_eq(effects[0].timestamp, 6);
}

Test(consensus_solo, manual_answers_requests_in_order)
{
    struct consensus c = make(CS_MANUAL, 0, true);
    step(&c, (struct cs_input){.kind = CS_START, .now_ms = 1000, .parent_time = 1});
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_PENDING, .count = 9}), 0);
    cr_assert_eq(
        step(&c, (struct cs_input){.kind = CS_MINE, .now_ms = 2000, .request = 7}), 1);
    cr_assert_eq(effects[0].request, 7);
    cr_assert_eq(effects[0].timestamp, 2);
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_MINE,
                                            .now_ms = 2000,
                                            .request = 8,
                                            .timestamp = 99}),
                 0);
    cr_assert_eq(
        step(&c, (struct cs_input){.kind = CS_BUILT, .now_ms = 2001, .parent_time = 2}),
        1);
    cr_assert_eq(effects[0].request, 8);
    cr_assert_eq(effects[0].timestamp, 99);
}

Test(consensus_solo, requests_are_bounded)
{
    struct consensus c = make(CS_MANUAL, 0, true);
    bool refused = false;
    for (unsigned i = 0; i <= CS_REQUESTS_MAX; i++) {
        struct cs_input in = {.kind = CS_MINE, .request = i + 1};
        cr_assert_not(refused);
        consensus_step(&c, &in, effects, &refused);
    }
    cr_assert(refused);
}

Test(consensus_solo, period_keeps_its_slots)
{
    struct consensus c = make(CS_PERIOD, 250, true);
    cr_assert_eq(
        step(&c, (struct cs_input){.kind = CS_START, .now_ms = 1000, .parent_time = 0}),
        1);
    cr_assert_eq(effects[0].kind, CS_TIMER);
    cr_assert_eq(effects[0].at_ms, 1250);
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_TICK, .now_ms = 1253}), 2);
    cr_assert_eq(effects[0].kind, CS_BUILD);
    cr_assert_eq(effects[1].kind, CS_TIMER);
    cr_assert_eq(effects[1].at_ms, 1500, "late by 3 ms, the slots do not drift");
    step(&c, (struct cs_input){.kind = CS_BUILT, .now_ms = 1260, .parent_time = 1});
    /* ten slots missed: one block now, the next one a period later */
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_TICK, .now_ms = 4000}), 2);
    cr_assert_eq(effects[1].at_ms, 4250);
}

Test(consensus_solo, a_build_longer_than_a_slot_leaves_the_timer_alone)
{
    struct consensus c = make(CS_PERIOD, 250, true);
    step(&c, (struct cs_input){.kind = CS_START, .now_ms = 1000});
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_TICK, .now_ms = 1250}), 2);
    cr_assert_eq(effects[1].at_ms, 1500);
    /* the block is not done: nothing to do, and no timer in the past */
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_TICK, .now_ms = 1500}), 0);
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_TICK, .now_ms = 1501}), 0);
    /* done late: the slot's block now, and the timer for the one after it */
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_BUILT, .now_ms = 1600}), 2);
    cr_assert_eq(effects[0].kind, CS_BUILD);
    cr_assert_eq(effects[1].at_ms, 1750);
}

/* Whatever comes in which order: a timer is never set for a time that has passed. */
Test(consensus_solo, no_timer_in_the_past)
{
    static const enum cs_input_kind KINDS[] = {CS_TICK,   CS_TICK,   CS_PENDING, CS_MINE,
                                               CS_PAUSE,  CS_RESUME, CS_HEAD,    CS_BUILT,
                                               CS_FAILED, CS_BUILT};
    struct consensus c = make(CS_PERIOD, 100, true);
    uint64_t now_ms = 1000, x = 20261127;
    bool building = false;
    step(&c, (struct cs_input){.kind = CS_START, .now_ms = now_ms});
    for (unsigned i = 0; i < 200000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        enum cs_input_kind kind = KINDS[(x >> 33) % MT_ARRAY_LEN(KINDS)];
        now_ms += (x >> 50) % 60;
        if ((kind == CS_BUILT || kind == CS_FAILED) && !building)
            continue;
        if (kind == CS_BUILT || kind == CS_FAILED)
            building = false;
        size_t n = step(&c, (struct cs_input){.kind = kind,
                                              .now_ms = now_ms,
                                              .count = (x >> 40) % 3,
                                              .request = i + 1});
        for (size_t k = 0; k < n; k++) {
            if (effects[k].kind == CS_BUILD)
                building = true;
            else
                cr_assert(effects[k].at_ms == 0 || effects[k].at_ms > now_ms,
                          "step %u: a timer for %llu at %llu", i,
                          (unsigned long long)effects[k].at_ms,
                          (unsigned long long)now_ms);
        }
    }
}

Test(consensus_solo, a_pause_holds_builds_and_the_timer)
{
    struct consensus c = make(CS_PERIOD, 1000, true);
    step(&c, (struct cs_input){.kind = CS_START, .now_ms = 0});
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_PAUSE, .now_ms = 10}), 1);
    cr_assert_eq(effects[0].kind, CS_TIMER);
    cr_assert_eq(effects[0].at_ms, 0, "the timer is taken off");
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_TICK, .now_ms = 5000}), 0);
    cr_assert_eq(
        step(&c, (struct cs_input){.kind = CS_MINE, .now_ms = 5000, .request = 3}), 0);
    /* the request that waited comes first, the next slot is a period away */
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_RESUME, .now_ms = 6000}), 2);
    cr_assert_eq(effects[0].kind, CS_BUILD);
    cr_assert_eq(effects[0].request, 3);
    cr_assert_eq(effects[1].at_ms, 7000);
    c = make(CS_DEMAND, 0, true);
    step(&c, (struct cs_input){.kind = CS_START, .now_ms = 0});
    step(&c, (struct cs_input){.kind = CS_PAUSE, .now_ms = 1});
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_PENDING, .now_ms = 2, .count = 4}),
                 0);
    cr_assert_eq(step(&c, (struct cs_input){.kind = CS_RESUME, .now_ms = 3, .count = 4}),
                 1);
    cr_assert_eq(effects[0].kind, CS_BUILD);
}

Test(consensus_solo, stop_and_reconfigure)
{
    struct consensus c = make(CS_PERIOD, 1000, true);
    step(&c, (struct cs_input){.kind = CS_START, .now_ms = 0});
    size_t n =
        step(&c, (struct cs_input){
                     .kind = CS_CONFIGURE, .now_ms = 10, .config = {.mode = CS_DEMAND}});
    cr_assert_eq(n, 1);
    cr_assert_eq(effects[0].at_ms, 0, "the timer is taken off");
    step(&c, (struct cs_input){.kind = CS_STOP, .now_ms = 20});
    cr_assert_eq(
        step(&c, (struct cs_input){.kind = CS_PENDING, .now_ms = 30, .count = 3}), 0);
}
