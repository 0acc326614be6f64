/* A stand-in for Criterion that runs the tests one after the other in this process. Criterion
 * maps memory where ThreadSanitizer keeps its shadow, so the tsan build uses this instead; the
 * tests' sources are the same. Only what they use is here. A test that expects a signal or an
 * exit status needs a process of its own and is left to the other builds. */
#ifndef METIS_PLAIN_CRITERION_H
#define METIS_PLAIN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plain_options {
    int unused;
    void (*init)(void);
    void (*fini)(void);
    double timeout;
    int signal;
    int exit_code;
    bool disabled;
    const char *description;
};

struct plain_test {
    const char *suite, *name; /* name is NULL for a suite's options */
    void (*run)(void);
    const struct plain_options *options;
    struct plain_test *next;
};

void plain_add(struct plain_test *test);
void plain_fail(const char *file, int line, const char *what);
_Noreturn void plain_leave(bool skipped);

#define PLAIN_ADD(id, suite_, name_, fn, ...)                                            \
    static const struct plain_options plain_options_##id = {.unused = 0, __VA_ARGS__};   \
    static struct plain_test plain_test_##id = {suite_, name_, fn, &plain_options_##id,  \
                                                NULL};                                   \
    __attribute__((constructor)) static void plain_add_##id(void)                        \
    {                                                                                    \
        plain_add(&plain_test_##id);                                                     \
    }

#define Test(suite, name, ...)                                                           \
    static void plain_run_##suite##_##name(void);                                        \
    PLAIN_ADD(suite##_##name, #suite, #name, plain_run_##suite##_##name, __VA_ARGS__)    \
    static void plain_run_##suite##_##name(void)

#define TestSuite(suite, ...) PLAIN_ADD(suite, #suite, NULL, NULL, __VA_ARGS__)

#define PLAIN_EXPECT(cond, text) ((cond) ? (void)0 : plain_fail(__FILE__, __LINE__, text))
#define PLAIN_ASSERT(cond, text)                                                         \
    ((cond) ? (void)0 : (plain_fail(__FILE__, __LINE__, text), plain_leave(false)))

#define cr_expect(c, ...)               PLAIN_EXPECT(c, #c)
#define cr_expect_not(c, ...)           PLAIN_EXPECT(!(c), "not " #c)
#define cr_expect_eq(a, b, ...)         PLAIN_EXPECT((a) == (b), #a " == " #b)
#define cr_expect_neq(a, b, ...)        PLAIN_EXPECT((a) != (b), #a " != " #b)
#define cr_expect_lt(a, b, ...)         PLAIN_EXPECT((a) < (b), #a " < " #b)
#define cr_expect_leq(a, b, ...)        PLAIN_EXPECT((a) <= (b), #a " <= " #b)
#define cr_expect_gt(a, b, ...)         PLAIN_EXPECT((a) > (b), #a " > " #b)
#define cr_expect_geq(a, b, ...)        PLAIN_EXPECT((a) >= (b), #a " >= " #b)
#define cr_expect_null(a, ...)          PLAIN_EXPECT((a) == NULL, #a " is NULL")
#define cr_expect_not_null(a, ...)      PLAIN_EXPECT((a) != NULL, #a " is not NULL")
#define cr_expect_str_eq(a, b, ...)     PLAIN_EXPECT(strcmp(a, b) == 0, #a " == " #b)
#define cr_expect_str_neq(a, b, ...)    PLAIN_EXPECT(strcmp(a, b) != 0, #a " != " #b)
#define cr_expect_arr_eq(a, b, n, ...)  PLAIN_EXPECT(memcmp(a, b, n) == 0, #a " == " #b)
#define cr_expect_arr_neq(a, b, n, ...) PLAIN_EXPECT(memcmp(a, b, n) != 0, #a " != " #b)
#define cr_assert(c, ...)               PLAIN_ASSERT(c, #c)
#define cr_assert_not(c, ...)           PLAIN_ASSERT(!(c), "not " #c)
#define cr_assert_eq(a, b, ...)         PLAIN_ASSERT((a) == (b), #a " == " #b)
#define cr_assert_neq(a, b, ...)        PLAIN_ASSERT((a) != (b), #a " != " #b)
#define cr_assert_lt(a, b, ...)         PLAIN_ASSERT((a) < (b), #a " < " #b)
#define cr_assert_leq(a, b, ...)        PLAIN_ASSERT((a) <= (b), #a " <= " #b)
#define cr_assert_gt(a, b, ...)         PLAIN_ASSERT((a) > (b), #a " > " #b)
#define cr_assert_geq(a, b, ...)        PLAIN_ASSERT((a) >= (b), #a " >= " #b)
#define cr_assert_null(a, ...)          PLAIN_ASSERT((a) == NULL, #a " is NULL")
#define cr_assert_not_null(a, ...)      PLAIN_ASSERT((a) != NULL, #a " is not NULL")
#define cr_assert_str_eq(a, b, ...)     PLAIN_ASSERT(strcmp(a, b) == 0, #a " == " #b)
#define cr_assert_str_neq(a, b, ...)    PLAIN_ASSERT(strcmp(a, b) != 0, #a " != " #b)
#define cr_assert_str_empty(a, ...)     PLAIN_ASSERT((a)[0] == '\0', #a " is empty")
#define cr_assert_str_not_empty(a, ...) PLAIN_ASSERT((a)[0] != '\0', #a " is not empty")
#define cr_assert_arr_eq(a, b, n, ...)  PLAIN_ASSERT(memcmp(a, b, n) == 0, #a " == " #b)
#define cr_assert_arr_neq(a, b, n, ...) PLAIN_ASSERT(memcmp(a, b, n) != 0, #a " != " #b)
#define cr_assert_fail(...)             PLAIN_ASSERT(false, "reached")
#define cr_fail(...)                    PLAIN_EXPECT(false, "reached")
#define cr_fatal(...)                   PLAIN_ASSERT(false, "reached")
#define cr_skip(...)                    plain_leave(true)
#define cr_skip_test(...)               plain_leave(true)
#define cr_log_info(...)                (printf(__VA_ARGS__), (void)putchar('\n'))
#define cr_log_warn(...)                cr_log_info(__VA_ARGS__)
#define cr_log_error(...)               cr_log_info(__VA_ARGS__)

#endif
