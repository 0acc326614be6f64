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
