/* Threads that own their data: mailboxes between them and a pool of workers.
 *
 * A mailbox is a bounded multi-producer, single-consumer queue of pointers; posting to a
 * full one fails at once (visible back-pressure). The consumer either sleeps in
 * mailbox_wait or is woken through a callback (an event loop's async handle). The only
 * mutexes of the project live behind this header. */
#ifndef METIS_BASE_THREAD_H
#define METIS_BASE_THREAD_H

#include "metis/base/mem.h"

struct mailbox;

/* wake is called after a post that found the mailbox empty, on the poster's thread; NULL
 * for a consumer that uses mailbox_wait. capacity messages at most. Aborts when memory is
 * out. */
struct mailbox *mailbox_new(size_t capacity, void (*wake)(void *ctx), void *ctx);
void mailbox_free(struct mailbox *m); /* must be empty or its messages are lost */

/* Takes ownership of msg on MT_OK; MT_EBUSY when full, MT_ECANCELED after
 * mailbox_close. */
mt_err mailbox_post(struct mailbox *m, void *msg);

/* Takes up to n messages, oldest first, without waiting; returns how many. */
size_t mailbox_take(struct mailbox *m, void **msgs, size_t n);

/* As mailbox_take but sleeps until there is one; timeout_ms < 0 waits without limit.
 * Returns 0 on time-out or when closed and empty. */
size_t mailbox_wait(struct mailbox *m, void **msgs, size_t n, int timeout_ms);

/* No more posts; wakes the consumer. */
void mailbox_close(struct mailbox *m);
bool mailbox_closed(const struct mailbox *m);
size_t mailbox_len(const struct mailbox *m);

/* What travels through the mailboxes between the node's threads: a message that knows
 * what to do on arrival. Embedded as the first member of a larger struct; run owns and
 * frees it. */
struct task {
    void (*run)(struct task *task);
};

/* Takes and runs what is there, at most n tasks; returns how many. */
size_t mailbox_run(struct mailbox *m, size_t n);

/* A named thread. fn runs until it returns; thread_join waits for that and frees it. */
struct thread;
struct thread *thread_start(const char *name, void (*fn)(void *ctx), void *ctx);
void thread_join(struct thread *t);

/* The calling thread rests; for back-pressure, never in place of a wake-up. */
void thread_sleep_us(unsigned us);

/* A shared pool of worker threads with a bounded queue of jobs. */
struct workers;

/* One job: run is called on a worker; the job's memory is the submitter's until run has
 * returned. How completion is told (a mailbox, a countdown) is run's own affair. */
struct job {
    void (*run)(struct job *job, unsigned worker_idx);
};

struct workers *workers_new(const char *name, unsigned threads, size_t queue_max);
void workers_free(struct workers *w); /* finishes what is queued, joins */
unsigned workers_count(const struct workers *w);

/* MT_EBUSY when the queue is full. */
mt_err workers_submit(struct workers *w, struct job *job);

/* Runs fn(ctx, i) for i in 0..n-1 over the pool and the calling thread; returns when all
 * are done. chunk indices are claimed together (hand-offs cost more than small work). w
 * NULL runs all on the caller. Not to be called from a worker. */
void workers_for(struct workers *w, size_t n, size_t chunk,
                 void (*fn)(void *ctx, size_t i), void *ctx);

/* A small cache of refcounted values that several threads share: hash32 -> value, the
 * least recently used leaves first. It holds a reference of its own through the
 * callbacks. */
struct ref_cache;
struct ref_cache *ref_cache_new(size_t capacity, void (*hold)(void *value),
                                void (*drop)(void *value));
void ref_cache_free(struct ref_cache *c);
/* Held for the caller, or NULL. */
void *ref_cache_get(struct ref_cache *c, const hash32 *key);
/* Replaces what was there. */
void ref_cache_put(struct ref_cache *c, const hash32 *key, void *value);
void ref_cache_del(struct ref_cache *c, const hash32 *key);

/* Clocks: monotonic for durations, unix for timestamps. */
uint64_t clock_mono_ns(void);
uint64_t clock_unix_ms(void);

#endif
