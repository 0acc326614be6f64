/* The cells of the stages. Errors are texts and rare: a lock guards them alone. */
#include "metis/base/stage.h"
#include "metis/base/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define SERIES_MAX (METRIC_NETWORKS_MAX + 1)

static const struct {
    const char *name;
    const char *what;
} table[STAGE_COUNT] = {
#define STAGE_ROW(name, what) {#name, what},
    METIS_STAGES(STAGE_ROW)
#undef STAGE_ROW
};

static struct cell {
    _Alignas(64) _Atomic uint64_t since_ns;
    _Atomic uint64_t what;
    char error[160]; /* under error_lock */
} cells[STAGE_COUNT][SERIES_MAX];
static pthread_mutex_t error_lock = PTHREAD_MUTEX_INITIALIZER;

static struct cell *cell_of(enum stage stage, unsigned net)
{
    MT_ASSERT((unsigned)stage < STAGE_COUNT);
    return &cells[stage][net < SERIES_MAX ? net : METRIC_NODE];
}

void stage_enter(enum stage stage, unsigned net, uint64_t what)
{
    struct cell *c = cell_of(stage, net);
    if (atomic_load_explicit(&c->since_ns, memory_order_relaxed) != 0)
        return;
    atomic_store_explicit(&c->what, what, memory_order_relaxed);
    atomic_store_explicit(&c->since_ns, clock_mono_ns(), memory_order_release);
}

void stage_leave(enum stage stage, unsigned net)
{
    atomic_store_explicit(&cell_of(stage, net)->since_ns, 0, memory_order_relaxed);
}

void stage_failed(enum stage stage, unsigned net, const char *error)
{
    struct cell *c = cell_of(stage, net);
    pthread_mutex_lock(&error_lock);
    snprintf(c->error, sizeof c->error, "%s", error == NULL ? "" : error);
    pthread_mutex_unlock(&error_lock);
}

void stage_look(enum stage stage, unsigned net, struct stage_view *out)
{
    struct cell *c = cell_of(stage, net);
    out->since_ns = atomic_load_explicit(&c->since_ns, memory_order_acquire);
    out->what = atomic_load_explicit(&c->what, memory_order_relaxed);
    pthread_mutex_lock(&error_lock);
    memcpy(out->error, c->error, sizeof out->error);
    pthread_mutex_unlock(&error_lock);
}

enum stage stage_blocked(unsigned mask, unsigned net, uint64_t now_ns, uint64_t limit_ns,
                         struct stage_view *out)
{
    enum stage found = STAGE_COUNT;
    uint64_t latest = 0;
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        uint64_t since = atomic_load_explicit(&cell_of((enum stage)i, net)->since_ns,
                                              memory_order_relaxed);
        if ((mask >> i & 1) == 0 || since == 0 || since < latest || now_ns < since ||
            now_ns - since <= limit_ns)
            continue;
        latest = since;
        found = (enum stage)i;
    }
    if (found != STAGE_COUNT && out != NULL)
        stage_look(found, net, out);
    return found;
}

const char *stage_name(enum stage stage)
{
    MT_ASSERT((unsigned)stage < STAGE_COUNT);
    return table[stage].name;
}

const char *stage_what(enum stage stage)
{
    MT_ASSERT((unsigned)stage < STAGE_COUNT);
    return table[stage].what;
}
