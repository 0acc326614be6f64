/* Stages: what is entered is seen, what is late is named, errors stay. */
#include <criterion/criterion.h>

#include "metis/base.h"

Test(base_stage, the_latest_of_those_over_the_limit_is_named)
{
    struct stage_view v;
    uint64_t now = clock_mono_ns();
    cr_assert_eq(stage_blocked(STAGE_ALL, 0, now, 0, &v), STAGE_COUNT, "all at rest");
    stage_enter(STAGE_build, 0, 7);
    thread_sleep_us(2000);
    stage_enter(STAGE_commit, 0, 8);
    now = clock_mono_ns() + 1000000000u; /* one second on */
    cr_assert_eq(stage_blocked(STAGE_ALL, 0, now, 500000000u, &v), STAGE_commit);
    cr_assert_eq(v.what, 8);
    stage_look(STAGE_build, 0, &v);
    uint64_t build_ns = v.since_ns;
    stage_look(STAGE_commit, 0, &v);
    cr_assert_gt(v.since_ns, build_ns);
    /* a limit between the two names the outer one */
    uint64_t limit_ns = now - build_ns - 1;
    cr_assert_eq(stage_blocked(STAGE_ALL, 0, now, limit_ns, &v), STAGE_build);
    cr_assert_eq(stage_blocked(1u << STAGE_flush, 0, now, 0, &v), STAGE_COUNT);
    cr_assert_eq(stage_blocked(STAGE_ALL, 1, now, 0, &v), STAGE_COUNT, "another network");
    stage_leave(STAGE_commit, 0);
    cr_assert_eq(stage_blocked(STAGE_ALL, 0, now, 500000000u, &v), STAGE_build);
    cr_assert_eq(v.what, 7);
}

Test(base_stage, errors_stay_until_cleared_and_are_cut)
{
    struct stage_view v;
    char text[400];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    stage_failed(STAGE_flush, METRIC_NODE, text);
    stage_look(STAGE_flush, METRIC_NODE, &v);
    cr_assert_eq(strlen(v.error), sizeof v.error - 1);
    stage_failed(STAGE_flush, METRIC_NODE, "disk full");
    stage_enter(STAGE_flush, METRIC_NODE, 1);
    stage_leave(STAGE_flush, METRIC_NODE);
    stage_look(STAGE_flush, METRIC_NODE, &v);
    cr_assert_str_eq(v.error, "disk full");
    stage_failed(STAGE_flush, METRIC_NODE, NULL);
    stage_look(STAGE_flush, METRIC_NODE, &v);
    cr_assert_str_eq(v.error, "");
}
