/* Mailboxes, threads, the worker pool and clocks: the project's only mutexes.
 *
 * A mailbox is a ring under a mutex. A lock-free ring would save a few tens of
 * nanoseconds a message, but messages cross threads in batches and the cost of a hand-off
 * is the wake-up, which the ring's kind does not change. */
#include "metis/base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    void **ring;
    size_t capacity;
    size_t head; /* oldest */
    size_t len;
    bool closed;
    void (*wake)(void *ctx);
    void *ctx;
};

static void must(int rc)
{
    MT_ASSERT(rc == 0);
}

static void cond_init_monotonic(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(c, &attr));
    pthread_condattr_destroy(&attr);
}

struct mailbox *mailbox_new(size_t capacity, void (*wake)(void *ctx), void *ctx)
{
    MT_ASSERT(capacity > 0 && capacity <= SIZE_MAX / sizeof(void *));
    struct mailbox *m = mt_alloc(sizeof *m);
    m->ring = mt_alloc(capacity * sizeof *m->ring);
    m->capacity = capacity;
    m->wake = wake;
    m->ctx = ctx;
    must(pthread_mutex_init(&m->lock, NULL));
    cond_init_monotonic(&m->filled);
    return m;
}

void mailbox_free(struct mailbox *m)
{
    if (m == NULL)
        return;
    pthread_cond_destroy(&m->filled);
    pthread_mutex_destroy(&m->lock);
    mt_free(m->ring);
    mt_free(m);
}

mt_err mailbox_post(struct mailbox *m, void *msg)
{
    mt_err err = MT_OK;
    bool was_empty = false;
    must(pthread_mutex_lock(&m->lock));
    if (m->closed) {
        err = MT_ECANCELED;
    } else if (m->len == m->capacity) {
        err = MT_EBUSY;
    } else {
        was_empty = m->len == 0;
        size_t at = m->head + m->len++;
        m->ring[at >= m->capacity ? at - m->capacity : at] = msg;
        if (was_empty)
            pthread_cond_signal(&m->filled);
    }
    must(pthread_mutex_unlock(&m->lock));
    if (was_empty && m->wake != NULL)
        m->wake(m->ctx);
    return err;
}

static size_t take_locked(struct mailbox *m, void **msgs, size_t n)
{
    size_t got = 0;
    while (got < n && m->len > 0) {
        msgs[got++] = m->ring[m->head];
        m->head = m->head + 1 == m->capacity ? 0 : m->head + 1;
        m->len--;
    }
    return got;
}

size_t mailbox_take(struct mailbox *m, void **msgs, size_t n)
{
    must(pthread_mutex_lock(&m->lock));
    size_t got = take_locked(m, msgs, n);
    must(pthread_mutex_unlock(&m->lock));
    return got;
}

size_t mailbox_wait(struct mailbox *m, void **msgs, size_t n, int timeout_ms)
{
    struct timespec until = {0};
    if (timeout_ms >= 0) {
        uint64_t ns = clock_mono_ns() + (uint64_t)timeout_ms * 1000000u;
        until.tv_sec = (time_t)(ns / 1000000000u);
        until.tv_nsec = (long)(ns % 1000000000u);
    }
    must(pthread_mutex_lock(&m->lock));
    int rc = 0;
    while (m->len == 0 && !m->closed && rc != ETIMEDOUT) {
        if (timeout_ms < 0)
            rc = pthread_cond_wait(&m->filled, &m->lock);
        else
            rc = pthread_cond_timedwait(&m->filled, &m->lock, &until);
    }
    size_t got = take_locked(m, msgs, n);
    must(pthread_mutex_unlock(&m->lock));
    return got;
}

size_t mailbox_run(struct mailbox *m, size_t n)
{
    void *tasks[64];
    size_t done = 0;
    while (done < n) {
        size_t got = mailbox_take(m, tasks, MT_MIN(n - done, MT_ARRAY_LEN(tasks)));
        for (size_t i = 0; i < got; i++) {
            struct task *t = tasks[i];
            t->run(t);
        }
        done += got;
        if (got == 0)
            break;
    }
    return done;
}

void mailbox_close(struct mailbox *m)
{
    must(pthread_mutex_lock(&m->lock));
    m->closed = true;
    pthread_cond_broadcast(&m->filled);
    must(pthread_mutex_unlock(&m->lock));
    if (m->wake != NULL)
        m->wake(m->ctx);
}

/* The two questions take the lock of a mailbox that is const to its reader. */
bool mailbox_closed(const struct mailbox *m)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&m->lock;
    must(pthread_mutex_lock(lock));
    bool closed = m->closed;
    must(pthread_mutex_unlock(lock));
    return closed;
}

size_t mailbox_len(const struct mailbox *m)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&m->lock;
    must(pthread_mutex_lock(lock));
    size_t len = m->len;
    must(pthread_mutex_unlock(lock));
    return len;
}

/* ---- threads ---- */

struct thread {
    pthread_t id;
    void (*fn)(void *ctx);
    void *ctx;
    char name[16]; /* the kernel's limit */
};

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    pthread_setname_np(pthread_self(), t->name);
    t->fn(t->ctx);
    return NULL;
}

struct thread *thread_start(const char *name, void (*fn)(void *ctx), void *ctx)
{
    struct thread *t = mt_alloc(sizeof *t);
    t->fn = fn;
    t->ctx = ctx;
    mt_fmt(t->name, sizeof t->name, "%s", name);
    must(pthread_create(&t->id, NULL, thread_main, t));
    return t;
}

void thread_join(struct thread *t)
{
    if (t == NULL)
        return;
    must(pthread_join(t->id, NULL));
    mt_free(t);
}

/* ---- workers ---- */

struct worker {
    struct workers *pool;
    struct thread *thread;
    unsigned idx;
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct job **ring;
    size_t capacity;
    size_t head;
    size_t len;
    bool closing;
    unsigned count;
    struct worker worker[];
};

static struct job *next_job(struct workers *w)
{
    struct job *job = NULL;
    must(pthread_mutex_lock(&w->lock));
    while (w->len == 0 && !w->closing)
        must(pthread_cond_wait(&w->filled, &w->lock));
    if (w->len > 0) {
        job = w->ring[w->head];
        w->head = w->head + 1 == w->capacity ? 0 : w->head + 1;
        w->len--;
    }
    must(pthread_mutex_unlock(&w->lock));
    return job;
}

static void worker_main(void *ctx)
{
    struct worker *me = ctx;
    struct job *job;
    while ((job = next_job(me->pool)) != NULL)
        job->run(job, me->idx);
}

struct workers *workers_new(const char *name, unsigned threads, size_t queue_max)
{
    MT_ASSERT(threads > 0 && threads <= 1024 && queue_max > 0);
    struct workers *w = mt_alloc(sizeof *w + threads * sizeof w->worker[0]);
    w->ring = mt_alloc(queue_max * sizeof(struct job *));
    w->capacity = queue_max;
    w->count = threads;
    must(pthread_mutex_init(&w->lock, NULL));
    must(pthread_cond_init(&w->filled, NULL));
    for (unsigned i = 0; i < threads; i++) {
        char thread_name[16];
        mt_fmt(thread_name, sizeof thread_name, "%.10s-%u", name, i);
        w->worker[i].pool = w;
        w->worker[i].idx = i;
        w->worker[i].thread = thread_start(thread_name, worker_main, &w->worker[i]);
    }
    return w;
}

void workers_free(struct workers *w)
{
    if (w == NULL)
        return;
    must(pthread_mutex_lock(&w->lock));
    w->closing = true;
    pthread_cond_broadcast(&w->filled);
    must(pthread_mutex_unlock(&w->lock));
    for (unsigned i = 0; i < w->count; i++)
        thread_join(w->worker[i].thread);
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    mt_free(w->ring);
    mt_free(w);
}

unsigned workers_count(const struct workers *w)
{
    return w == NULL ? 0 : w->count;
}

/* Queues as many of the n jobs as fit; returns how many. */
static size_t submit(struct workers *w, struct job *const *jobs, size_t n)
{
    must(pthread_mutex_lock(&w->lock));
    size_t room = w->closing ? 0 : w->capacity - w->len;
    n = MT_MIN(n, room);
    for (size_t i = 0; i < n; i++) {
        size_t at = w->head + w->len++;
        w->ring[at >= w->capacity ? at - w->capacity : at] = jobs[i];
        pthread_cond_signal(&w->filled);
    }
    must(pthread_mutex_unlock(&w->lock));
    return n;
}

mt_err workers_submit(struct workers *w, struct job *job)
{
    return submit(w, &job, 1) == 1 ? MT_OK : MT_EBUSY;
}

/* One workers_for call. It lives on the heap with a count of its users, because a helper
 * may be picked up from the queue long after the caller and the others have finished;
 * such a helper finds no index left and touches nothing of the caller's. */
struct loop {
    struct job job; /* the same job is queued once for every helper */
    void (*fn)(void *ctx, size_t i);
    void *ctx;
    size_t n;
    size_t chunk;
    _Atomic size_t next;
    _Atomic size_t done;
    _Atomic unsigned users;
    pthread_mutex_t lock;
    pthread_cond_t finished;
};

static void loop_drop(struct loop *l)
{
    if (atomic_fetch_sub(&l->users, 1) != 1)
        return;
    pthread_cond_destroy(&l->finished);
    pthread_mutex_destroy(&l->lock);
    mt_free(l);
}

static void loop_work(struct loop *l)
{
    for (;;) {
        size_t from = atomic_load(&l->next), to;
        do {
            if (from >= l->n)
                return;
            to = l->n - from > l->chunk ? from + l->chunk : l->n;
        } while (!atomic_compare_exchange_weak(&l->next, &from, to));
        for (size_t i = from; i < to; i++)
            l->fn(l->ctx, i);
        if (atomic_fetch_add(&l->done, to - from) + (to - from) == l->n) {
            must(pthread_mutex_lock(&l->lock));
            pthread_cond_signal(&l->finished);
            must(pthread_mutex_unlock(&l->lock));
        }
    }
}

static void loop_run(struct job *job, unsigned worker_idx)
{
    struct loop *l = (struct loop *)job; /* the first member */
    (void)worker_idx;
    loop_work(l);
    loop_drop(l);
}

#define HELPERS_MAX 64u

void workers_for(struct workers *w, size_t n, size_t chunk,
                 void (*fn)(void *ctx, size_t i), void *ctx)
{
    chunk = MT_MAX(chunk, 1u);
    if (w == NULL || n <= chunk) {
        for (size_t i = 0; i < n; i++)
            fn(ctx, i);
        return;
    }
    size_t helpers = MT_MIN((n - 1) / chunk, MT_MIN(w->count, HELPERS_MAX));
    struct loop *l = mt_alloc(sizeof *l);
    l->job.run = loop_run;
    l->fn = fn;
    l->ctx = ctx;
    l->n = n;
    l->chunk = chunk;
    atomic_init(&l->users, (unsigned)helpers + 1);
    must(pthread_mutex_init(&l->lock, NULL));
    must(pthread_cond_init(&l->finished, NULL));
    struct job *jobs[HELPERS_MAX];
    for (size_t i = 0; i < helpers; i++)
        jobs[i] = &l->job;
    for (size_t missed = helpers - submit(w, jobs, helpers); missed > 0; missed--)
        loop_drop(l); /* the queue is full: the caller does their part */
    loop_work(l);
    must(pthread_mutex_lock(&l->lock));
    while (atomic_load(&l->done) != n)
        must(pthread_cond_wait(&l->finished, &l->lock));
    must(pthread_mutex_unlock(&l->lock));
    loop_drop(l);
}

void thread_sleep_us(unsigned us)
{
    struct timespec t = {.tv_sec = us / 1000000u,
                         .tv_nsec = (long)(us % 1000000u) * 1000};
    nanosleep(&t, NULL);
}

/* ---- clocks ---- */

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;
    must(clock_gettime(id, &t));
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_unix_ms(void)
{
    return clock_ns(CLOCK_REALTIME) / 1000000u;
}
