/* Stages: what the program is doing now, so that a watchdog can name what is stuck.
 *
 * One X-macro names the stages. A stage is entered and left by the one thread that does
 * the work, and looked at by any; each network has its own. A cell is a few relaxed
 * atomics: entering costs a clock read and two stores. */
#ifndef METIS_BASE_STAGE_H
#define METIS_BASE_STAGE_H

#include "metis/base/metrics.h"

/* X(name, what): outer ones first. */
#define METIS_STAGES(X)                                                                  \
    X(loop, "the event loop: sockets, timers, pool")                                     \
    X(import, "taking in a block")                                                       \
    X(build, "building a block")                                                         \
    X(execute, "executing a block")                                                      \
    X(commit, "committing a block to the database")                                      \
    X(flush, "flushing the database to the disk")                                        \
    X(disk, "asking for the free space of the disk")

enum stage {
#define STAGE_ENUM(name, what) STAGE_##name,
    METIS_STAGES(STAGE_ENUM)
#undef STAGE_ENUM
        STAGE_COUNT
};

/* net as for metrics: a network's index or METRIC_NODE. what is the block's number, or
 * 0. Nothing happens when it is entered twice; leaving keeps the last error. */
void stage_enter(enum stage stage, unsigned net, uint64_t what);
void stage_leave(enum stage stage, unsigned net);

/* What went wrong there last, cut at 159 bytes; NULL clears it. */
void stage_failed(enum stage stage, unsigned net, const char *error);

struct stage_view {
    uint64_t since_ns; /* clock_mono_ns of the entry; 0: at rest */
    uint64_t what;
    char error[160]; /* "" for none */
};
void stage_look(enum stage stage, unsigned net, struct stage_view *out);

/* Of the stages of net in mask (1u << stage) the one that has been busy for longer than
 * limit_ns at now_ns, the latest entered of them; STAGE_COUNT when none is. *out is its
 * view (may be NULL). */
#define STAGE_ALL ((1u << STAGE_COUNT) - 1)
enum stage stage_blocked(unsigned mask, unsigned net, uint64_t now_ns, uint64_t limit_ns,
                         struct stage_view *out);

const char *stage_name(enum stage stage);
const char *stage_what(enum stage stage);

#endif
