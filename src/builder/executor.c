/* The executor thread: the only writer of one network's chain. Jobs run one after the
 * other in the order they were posted. */
#include "metis/builder.h"

#define BATCH 32

struct executor {
    struct chain *chain;
    struct mailbox *jobs;
    struct thread *thread;
};

static void executor_main(void *ctx)
{
    struct executor *e = ctx;
    void *jobs[BATCH];
    for (;;) {
        size_t n = mailbox_wait(e->jobs, jobs, BATCH, -1);
        if (n == 0 && mailbox_closed(e->jobs))
            return;
        for (size_t i = 0; i < n; i++) {
            struct exec_job *job = jobs[i];
            job->run(job, e->chain);
        }
    }
}

struct executor *executor_new(struct chain *chain, const char *name, size_t queue_max)
{
    struct executor *e = mt_alloc(sizeof(*e));
    e->chain = chain;
    e->jobs = mailbox_new(queue_max, NULL, NULL);
    e->thread = thread_start(name, executor_main, e);
    return e;
}

void executor_free(struct executor *e)
{
    if (e == NULL)
        return;
    mailbox_close(e->jobs);
    thread_join(e->thread);
    mailbox_free(e->jobs);
    mt_free(e);
}

mt_err executor_post(struct executor *e, struct exec_job *job)
{
    return mailbox_post(e->jobs, job);
}

size_t executor_len(const struct executor *e)
{
    return mailbox_len(e->jobs);
}
