/* The main program of the stand-in for Criterion (criterion/criterion.h): every test in the
 * order in which the program's files registered it, and Criterion's last line. */
#include <criterion/criterion.h>

#include <setjmp.h>

static struct plain_test *tests;
static struct plain_test **tests_end = &tests;
static unsigned failures; /* of the running test */
static jmp_buf leave;

void plain_add(struct plain_test *test)
{
    *tests_end = test;
    tests_end = &test->next;
}

void plain_fail(const char *file, int line, const char *what)
{
    printf("[----] %s:%d: %s\n", file, line, what);
    failures++;
}

void plain_leave(bool skipped)
{
    longjmp(leave, skipped ? 2 : 1);
}

static const struct plain_options *suite_of(const struct plain_test *test)
{
    static const struct plain_options none;
    for (const struct plain_test *t = tests; t != NULL; t = t->next)
        if (t->name == NULL && strcmp(t->suite, test->suite) == 0)
            return t->options;
    return &none;
}

static void hook(void (*f)(void))
{
    if (f != NULL)
        f();
}

/* 0 passed, 1 failed, 2 skipped. */
static int run(const struct plain_test *test)
{
    if (test->options->signal != 0 || test->options->exit_code != 0 ||
        test->options->disabled)
        return 2;
    failures = 0;
    int how = setjmp(leave);
    if (how == 0) {
        hook(suite_of(test)->init);
        hook(test->options->init);
        test->run();
        hook(test->options->fini);
        hook(suite_of(test)->fini);
    }
    return failures > 0 ? 1 : how == 2 ? 2 : 0;
}

int main(void)
{
    unsigned count[3] = {0};
    for (const struct plain_test *t = tests; t != NULL; t = t->next) {
        if (t->name == NULL)
            continue;
        int how = run(t);
        count[how]++;
        if (how == 1)
            printf("[FAIL] %s::%s\n", t->suite, t->name);
        fflush(stdout);
    }
    printf("[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: 0 \n",
           count[0] + count[1], count[0], count[1]);
    return count[1] > 0;
}
