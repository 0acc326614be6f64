/* consensus: who makes the next block and when — a pure state machine.
 *
 * consensus_step takes one input with the time in it and writes effects for the driver to
 * carry out; it has no clock and does no I/O, so that a simulator can run it on virtual
 * time. This is the solo sequencer, the case n = 1: no votes are needed, every block it
 * builds is committed at once. A set of sequencers adds inputs (messages) and effects
 * (SEND, WAL, VALIDATE) to the same seam. */
#ifndef METIS_CONSENSUS_H
#define METIS_CONSENSUS_H

#include "metis/base.h"

enum cs_mode {
    CS_MANUAL, /* only when asked (evm_mine) */
    CS_DEMAND, /* as soon as a transaction is executable */
    CS_PERIOD  /* every period_ms, empty blocks included */
};

struct cs_config {
    enum cs_mode mode;
    uint64_t period_ms; /* CS_PERIOD */
    bool equal_time;    /* a child may have its parent's timestamp */
};

enum cs_input_kind {
    CS_START,   /* head known: parent_time */
    CS_TICK,    /* the timer set by CS_TIMER fired */
    CS_PENDING, /* the pool has executable transactions (count) */
    CS_MINE,    /* one block is asked for; timestamp 0: the clock decides */
    CS_BUILT,  /* the block of the last CS_BUILD is committed: parent_time; count: pending
                   transactions left that are worth a block (0: the last one took none) */
    CS_FAILED, /* it could not be built */
    CS_HEAD,   /* the head moved otherwise (import, rewind): parent_time */
    CS_CONFIGURE, /* config changed at run time */
    CS_PAUSE,     /* no builds until CS_RESUME; requests wait */
    CS_RESUME,    /* count: pending transactions */
    CS_STOP       /* finish: no more builds */
};

struct cs_input {
    enum cs_input_kind kind;
    uint64_t now_ms;      /* unix time */
    uint64_t parent_time; /* seconds, of the head */
    uint64_t timestamp;   /* CS_MINE */
    uint64_t request;     /* CS_MINE: comes back in the CS_BUILD that answers it */
    size_t count;
    struct cs_config config; /* CS_CONFIGURE */
};

enum cs_effect_kind {
    CS_BUILD, /* build and commit one block with this timestamp */
    CS_TIMER  /* wake me with CS_TICK at at_ms (replaces the earlier timer; 0: none) */
};

struct cs_effect {
    enum cs_effect_kind kind;
    uint64_t timestamp; /* seconds */
    uint64_t request;   /* 0: of its own accord */
    uint64_t at_ms;
};

#define CS_EFFECTS_MAX  4
#define CS_REQUESTS_MAX 1024

/* Plain data; initialise with consensus_init. */
struct consensus {
    struct cs_config config;
    bool started, stopped, paused, building;
    uint64_t parent_time;
    size_t pending;
    uint64_t next_ms; /* CS_PERIOD: when the next block is due */
    uint64_t timer_ms;
    struct {
        uint64_t request, timestamp;
    } requests[CS_REQUESTS_MAX]; /* asked for, oldest first from request_head */
    uint32_t request_head, request_num;
};

void consensus_init(struct consensus *c, const struct cs_config *config);

/* Writes at most CS_EFFECTS_MAX effects, returns how many. MT_ELIMIT never: a CS_MINE
 * beyond CS_REQUESTS_MAX is refused through *refused (may be NULL for other inputs). */
size_t consensus_step(struct consensus *c, const struct cs_input *in,
                      struct cs_effect out[CS_EFFECTS_MAX], bool *refused);

#endif
