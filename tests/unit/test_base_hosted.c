/* Mailboxes, workers, metrics, log. */
#include "metis/base.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic int wakes;

static void count_wake(void *ctx)
{
    (void)ctx;
    wakes++;
}

Test(base_thread, mailbox_order_bound_close)
{
    struct mailbox *m = mailbox_new(3, count_wake, NULL);
    int v[5];
    void *got[5];
    for (int i = 0; i < 3; i++)
        cr_assert_eq(mailbox_post(m, &v[i]), MT_OK);
    cr_assert_eq(wakes, 1, "only the post that found it empty wakes");
    cr_assert_eq(mailbox_post(m, &v[3]), MT_EBUSY);
    cr_assert_eq(mailbox_take(m, got, 2), 2);
    cr_assert(got[0] == &v[0] && got[1] == &v[1]);
    cr_assert_eq(mailbox_post(m, &v[3]), MT_OK);
    cr_assert_eq(mailbox_len(m), 2);
    cr_assert_eq(mailbox_wait(m, got, 5, -1), 2);
    cr_assert(got[0] == &v[2] && got[1] == &v[3]);
    cr_assert_eq(mailbox_wait(m, got, 5, 5), 0);
    mailbox_close(m);
    cr_assert(mailbox_closed(m));
    cr_assert_eq(mailbox_post(m, &v[0]), MT_ECANCELED);
    cr_assert_eq(mailbox_wait(m, got, 5, -1), 0);
    mailbox_free(m);
}

#define MESSAGES 20000

static void produce(void *ctx)
{
    struct mailbox *m = ctx;
    for (uintptr_t i = 1; i <= MESSAGES; i++)
        while (mailbox_post(m, (void *)i) == MT_EBUSY)
            usleep(10);
}

Test(base_thread, many_producers)
{
    struct mailbox *m = mailbox_new(128, NULL, NULL);
    struct thread *t[3];
    for (int i = 0; i < 3; i++)
        t[i] = thread_start("producer", produce, m);
    uint64_t sum = 0, n = 0;
    while (n < 3 * MESSAGES) {
        void *got[32];
        size_t k = mailbox_wait(m, got, 32, -1);
        for (size_t i = 0; i < k; i++)
            sum += (uintptr_t)got[i];
        n += k;
    }
    cr_assert_eq(sum, (uint64_t)3 * MESSAGES * (MESSAGES + 1) / 2);
    for (int i = 0; i < 3; i++)
        thread_join(t[i]);
    mailbox_free(m);
}

static void mark(void *ctx, size_t i)
{
    _Atomic unsigned char *seen = ctx;
    seen[i]++;
}

Test(base_thread, workers_for_runs_each_index_once)
{
    static _Atomic unsigned char seen[10000];
    struct workers *w = workers_new("test", 3, 4);
    for (unsigned round = 1; round <= 50; round++) {
        workers_for(w, 10000, round, mark, seen);
        for (size_t i = 0; i < 10000; i++)
            cr_assert_eq(seen[i], round);
    }
    workers_for(w, 0, 1, mark, seen);
    workers_for(NULL, 10000, 7, mark, seen);
    cr_assert_eq(seen[9999], 51);
    workers_free(w);
}

struct counted {
    struct job job;
    _Atomic int *runs;
};

static void run_counted(struct job *job, unsigned idx)
{
    cr_assert(idx < 2);
    (*((struct counted *)job)->runs)++;
}

Test(base_thread, workers_finish_what_is_queued)
{
    _Atomic int runs = 0;
    struct counted c[100];
    struct workers *w = workers_new("test", 2, 100);
    for (int i = 0; i < 100; i++) {
        c[i] = (struct counted){{run_counted}, &runs};
        cr_assert_eq(workers_submit(w, &c[i].job), MT_OK);
    }
    workers_free(w);
    cr_assert_eq(runs, 100);
}

Test(base_metrics, exposition)
{
    unsigned a, b, c;
    cr_assert_eq(metrics_network("andromeda", &a), MT_OK);
    cr_assert_eq(metrics_network("hyperion-dev", &b), MT_OK);
    cr_assert_eq(metrics_network("andromeda", &c), MT_OK);
    cr_assert(a == 0 && b == 1 && c == 0);
    cr_assert_eq(metrics_network("a\"b", &c), MT_EINVAL);
    metric_add(METRIC_chain_blocks_total, a, 2);
    metric_add(METRIC_chain_blocks_total, a, 1);
    metric_set(METRIC_pool_pending, b, -4);
    metric_move(METRIC_pool_pending, b, 1);
    metric_set(METRIC_node_memory_bytes, METRIC_NODE, 77);
    metric_observe_ns(METRIC_rpc_duration_seconds, a, 10000);       /* first bucket */
    metric_observe_ns(METRIC_rpc_duration_seconds, a, 10001);       /* second */
    metric_observe_ns(METRIC_rpc_duration_seconds, a, 90000000000); /* beyond all */
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_write(&out);
    buf_put_u8(&out, 0);
    const char *text = (const char *)out.ptr;
    static const char *const lines[] = {
        "# TYPE metis_chain_blocks_total counter\n",
        "\nmetis_chain_blocks_total{network=\"andromeda\"} 3\n",
        "\nmetis_pool_pending{network=\"hyperion-dev\"} -3\n",
        "\nmetis_node_memory_bytes 77\n",
        "metis_rpc_duration_seconds_bucket{network=\"andromeda\",le=\"0.000010000\"} 1\n",
        "metis_rpc_duration_seconds_bucket{network=\"andromeda\",le=\"0.000040000\"} 2\n",
        "metis_rpc_duration_seconds_bucket{network=\"andromeda\",le=\"41.943040000\"} "
        "2\n",
        "metis_rpc_duration_seconds_bucket{network=\"andromeda\",le=\"+Inf\"} 3\n",
        "metis_rpc_duration_seconds_sum{network=\"andromeda\"} 90.000020001\n",
        "metis_rpc_duration_seconds_count{network=\"andromeda\"} 3\n",
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(lines); i++)
        cr_assert_not_null(strstr(text, lines[i]), "missing %s in\n%s", lines[i], text);
    cr_assert_null(strstr(text, "metis_chain_build_"), "untouched series are left out");
    buf_fini(&out);
}

Test(base_metrics, names_follow_the_rule)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        struct metric_info m = metric_info((enum metric)i);
        size_t n = strlen(m.name);
        bool total = n > 6 && strcmp(m.name + n - 6, "_total") == 0;
        cr_assert_eq(total, strcmp(m.kind, "counter") == 0, "%s", m.name);
    }
}

static size_t captured(char *out, size_t size, FILE *f)
{
    rewind(f);
    size_t n = fread(out, 1, size - 1, f);
    out[n] = 0;
    return n;
}

Test(base_log, json_lines_parse)
{
    FILE *f = tmpfile();
    unsetenv("JOURNAL_STREAM");
    fflush(stderr);
    int saved = dup(2);
    dup2(fileno(f), 2);
    log_setup(LOG_INFO, LOG_JSON);
    hash32 h = {{1, 2}};
    struct mt_diag d = {MT_EIO, "it \"broke\"\n\\"};
    log_info("chain", "imported \"block\"", KV_U64("number", 7), KV_HASH("hash", &h),
             KV_ERR("err", MT_EIO, &d), KV_BOOL("ok", true), KV_I64("low", -3),
             KV_F64("rate", 0.5), KV_END);
    log_debug("chain", "not shown", KV_END);
    char big[6000];
    memset(big, 'z', sizeof big - 1);
    big[sizeof big - 1] = 0;
    log_warn("chain", "long", KV_U64("first", 1), KV_STR("big", big), KV_END);
    dup2(saved, 2);
    char text[10000];
    captured(text, sizeof text, f);
    char *line = strtok(text, "\n");
    const char *tail = ",\"lvl\":\"info\",\"mod\":\"chain\","
                       "\"msg\":\"imported \\\"block\\\"\",\"number\":7,"
                       "\"hash\":\"0x01020000000000000000000000000000"
                       "00000000000000000000000000000000\","
                       "\"err\":\"it \\\"broke\\\"\\u000a\\\\\","
                       "\"ok\":true,\"low\":-3,\"rate\":0.5}";
    cr_assert_eq(strncmp(line, "{\"t\":\"20", 8), 0);
    cr_assert_not_null(strstr(line, tail), "%s", line);
    line = strtok(NULL, "\n");
    cr_assert_not_null(strstr(line, ",\"msg\":\"long\",\"first\":1,\"cut\":true}"));
    cr_assert_null(strtok(NULL, "\n"));
}

Test(base_log, a_place_is_held_back)
{
    FILE *f = tmpfile();
    unsetenv("JOURNAL_STREAM");
    int saved = dup(2);
    dup2(fileno(f), 2);
    log_setup(LOG_DEBUG, LOG_LOGFMT);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < (round == 0 ? 2000u : 1u); i++)
            log_warn("test", "again", KV_U64("i", i), KV_END);
        usleep(1100000);
    }
    for (unsigned i = 0; i < 500; i++)
        log_debug("test", "detail", KV_END);
    dup2(saved, 2);
    static char text[400000];
    captured(text, sizeof text, f);
    size_t again = 0, detail = 0;
    for (const char *p = text; (p = strstr(p, "msg=\"again\"")) != NULL; p++)
        again++;
    for (const char *p = text; (p = strstr(p, "msg=\"detail\"")) != NULL; p++)
        detail++;
    /* a hundred of each second that it took, and the late one */
    cr_assert(again >= 101 && again < 1900, "%zu", again);
    cr_assert_not_null(strstr(text, "heldBack="));
    cr_assert_eq(detail, 500);
}

Test(base_log, levels)
{
    enum log_level l;
    log_setup(LOG_WARN, LOG_LOGFMT);
    cr_assert(log_enabled("rpc", LOG_WARN) && !log_enabled("rpc", LOG_INFO));
    cr_assert_eq(log_module_level("rpc", LOG_DEBUG), MT_OK);
    cr_assert(log_enabled("rpc", LOG_DEBUG) && !log_enabled("chain", LOG_INFO));
    cr_assert_eq(log_level_parse("debug", &l), MT_OK);
    cr_assert_eq(l, LOG_DEBUG);
    cr_assert_eq(log_level_parse("loud", &l), MT_EINVAL);
}
