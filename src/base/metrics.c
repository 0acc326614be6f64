/* The metrics' cells and their text form. A cell is a value and, for histograms, a sum
 * and buckets; all cells exist from the start (no allocation, no lock on any path), one
 * cache line apart so that two threads that count different things do not meet. */
#include "metis/base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

#define BUCKETS    METRIC_BUCKETS
#define NAME_MAX_  32u
#define SERIES_MAX (METRIC_NETWORKS_MAX + 1)

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_SECONDS, KIND_TABLE };

static const struct {
    const char *name;
    const char *help;
    enum kind kind;
} table[METRIC_COUNT] = {
#define METRIC_ROW(name, kind, help) {#name, help, KIND_##kind},
    METIS_METRICS(METRIC_ROW)
#undef METRIC_ROW
};

struct cell {
    _Alignas(64) _Atomic uint64_t value; /* histograms: observations */
    _Atomic uint64_t sum_ns;
    _Atomic uint32_t bucket[BUCKETS]; /* not cumulative */
    atomic_bool touched;
};

static struct cell cells[METRIC_COUNT][SERIES_MAX];

/* Names are written before the count is published and never change. */
static char names[METRIC_NETWORKS_MAX][NAME_MAX_];
static _Atomic unsigned names_len;
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;

static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n >= NAME_MAX_)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

mt_err metrics_network(const char *name, unsigned *net)
{
    if (!name_ok(name))
        return MT_EINVAL;
    mt_err err = MT_OK;
    pthread_mutex_lock(&names_lock);
    unsigned n = atomic_load(&names_len), i = 0;
    while (i < n && strcmp(names[i], name) != 0)
        i++;
    if (i == METRIC_NETWORKS_MAX) {
        err = MT_ELIMIT;
    } else if (i == n) {
        memcpy(names[i], name, strlen(name) + 1);
        atomic_store(&names_len, n + 1);
    }
    pthread_mutex_unlock(&names_lock);
    if (err == MT_OK)
        *net = i;
    return err;
}

static struct cell *cell_of(enum metric metric, unsigned net)
{
    MT_ASSERT((unsigned)metric < METRIC_COUNT);
    struct cell *c = &cells[metric][net < SERIES_MAX ? net : METRIC_NODE];
    if (!atomic_load_explicit(&c->touched, memory_order_relaxed))
        atomic_store_explicit(&c->touched, true, memory_order_relaxed);
    return c;
}

void metric_add(enum metric metric, unsigned net, uint64_t n)
{
    atomic_fetch_add_explicit(&cell_of(metric, net)->value, n, memory_order_relaxed);
}

void metric_set_total(enum metric metric, unsigned net, uint64_t total)
{
    atomic_store_explicit(&cell_of(metric, net)->value, total, memory_order_relaxed);
}

void metric_set(enum metric metric, unsigned net, int64_t value)
{
    metric_set_total(metric, net, (uint64_t)value);
}

void metric_move(enum metric metric, unsigned net, int64_t by)
{
    metric_add(metric, net, (uint64_t)by);
}

uint64_t metric_bucket_ns(unsigned i)
{
    return (uint64_t)10000 << (2 * i);
}

void metric_observe_ns(enum metric metric, unsigned net, uint64_t ns)
{
    struct cell *c = cell_of(metric, net);
    unsigned i = 0;
    while (i < BUCKETS && ns > metric_bucket_ns(i))
        i++;
    if (i < BUCKETS)
        atomic_fetch_add_explicit(&c->bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->sum_ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->value, 1, memory_order_relaxed);
}

int64_t metric_value(enum metric metric, unsigned net)
{
    MT_ASSERT((unsigned)metric < METRIC_COUNT && net < SERIES_MAX);
    return (int64_t)atomic_load_explicit(&cells[metric][net].value, memory_order_relaxed);
}

void metric_histogram(enum metric metric, unsigned net, struct metric_histogram *out)
{
    MT_ASSERT((unsigned)metric < METRIC_COUNT && net < SERIES_MAX);
    const struct cell *c = &cells[metric][net];
    for (unsigned i = 0; i < BUCKETS; i++)
        out->bucket[i] = atomic_load_explicit(&c->bucket[i], memory_order_relaxed);
    out->sum_ns = atomic_load_explicit(&c->sum_ns, memory_order_relaxed);
    out->count = atomic_load_explicit(&c->value, memory_order_relaxed);
}

static void put_seconds(struct buf *out, uint64_t ns)
{
    buf_printf(out, "%llu.%09llu", (unsigned long long)(ns / 1000000000),
               (unsigned long long)(ns % 1000000000));
}

/* `{network="x"` and, with more to come, the comma; nothing for the program's series. */
static void put_label(struct buf *out, unsigned net, bool more)
{
    if (net < METRIC_NETWORKS_MAX)
        buf_printf(out, "{network=\"%s\"%s", names[net], more ? "," : "}");
    else if (more)
        buf_put_str(out, "{");
}

static void write_histogram(struct buf *out, const char *name, unsigned net,
                            const struct cell *c)
{
    uint64_t below = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        below += atomic_load_explicit(&c->bucket[i], memory_order_relaxed);
        buf_printf(out, "metis_%s_bucket", name);
        put_label(out, net, true);
        buf_put_str(out, "le=\"");
        put_seconds(out, metric_bucket_ns(i));
        buf_printf(out, "\"} %llu\n", (unsigned long long)below);
    }
    /* The count is read after the buckets, so that the last one is never below them. */
    uint64_t count = atomic_load_explicit(&c->value, memory_order_relaxed);
    count = MT_MAX(count, below);
    buf_printf(out, "metis_%s_bucket", name);
    put_label(out, net, true);
    buf_printf(out, "le=\"+Inf\"} %llu\nmetis_%s_sum", (unsigned long long)count, name);
    put_label(out, net, false);
    buf_put_str(out, " ");
    put_seconds(out, atomic_load_explicit(&c->sum_ns, memory_order_relaxed));
    buf_printf(out, "\nmetis_%s_count", name);
    put_label(out, net, false);
    buf_printf(out, " %llu\n", (unsigned long long)count);
}

static void write_series(struct buf *out, unsigned m, unsigned net)
{
    const struct cell *c = &cells[m][net];
    if (table[m].kind == KIND_SECONDS) {
        write_histogram(out, table[m].name, net, c);
        return;
    }
    uint64_t v = atomic_load_explicit(&c->value, memory_order_relaxed);
    buf_printf(out, "metis_%s", table[m].name);
    put_label(out, net, false);
    if (table[m].kind == KIND_GAUGE)
        buf_printf(out, " %lld\n", (long long)v);
    else
        buf_printf(out, " %llu\n", (unsigned long long)v);
}

static void write_header(struct buf *out, enum metric metric)
{
    struct metric_info info = metric_info(metric);
    buf_printf(out, "# HELP metis_%s %s\n# TYPE metis_%s %s\n", info.name, info.help,
               info.name, info.kind);
}

void metrics_write_table(struct buf *out, enum metric metric, bool first, unsigned net,
                         const char *label, const char *text, int64_t value)
{
    MT_ASSERT(net < METRIC_NETWORKS_MAX && table[metric].kind == KIND_TABLE);
    if (first)
        write_header(out, metric);
    buf_printf(out, "metis_%s", table[metric].name);
    put_label(out, net, true);
    buf_printf(out, "%s=\"%s\"} %lld\n", label, text, (long long)value);
}

void metrics_write(struct buf *out)
{
    unsigned nets = atomic_load(&names_len);
    for (unsigned m = 0; m < METRIC_COUNT; m++) {
        bool headed = false;
        for (unsigned s = 0; s < SERIES_MAX; s++) {
            bool named = s < nets || s == METRIC_NODE;
            if (!named ||
                !atomic_load_explicit(&cells[m][s].touched, memory_order_relaxed))
                continue;
            if (!headed)
                write_header(out, (enum metric)m);
            headed = true;
            write_series(out, m, s);
        }
    }
}

struct metric_info metric_info(enum metric metric)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram", "gauge"};
    MT_ASSERT((unsigned)metric < METRIC_COUNT);
    return (struct metric_info){table[metric].name, kinds[table[metric].kind],
                                table[metric].help};
}
