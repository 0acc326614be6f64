/* Private to node: following another node — the pure state machine (follow.c) and its
 * driver (follower.c).
 *
 *         GREET --- same network ---> RUN --- a block is refused ---> COMPARE --> HALTED
 *           ^  \                      | ^                                           ^
 *   request |   \- another: EXIT      | | fetch, import, rewind                     |
 *   fails   +-------------------------+ +- rewind past what is kept, local error ---+
 *
 * follow_step takes one input with the time and randomness in it and writes effects
 * for the driver to carry out; it has no clock and does no I/O. At most one request is
 * under way. What was fetched and not yet imported is the window; it is bounded in
 * bytes. */
#ifndef METIS_NODE_FOLLOW_H
#define METIS_NODE_FOLLOW_H

#include "metis/metisdb.h"

enum follow_phase {
    FOLLOW_GREET,   /* is it there, is it our network? */
    FOLLOW_RUN,     /* fetching and importing */
    FOLLOW_COMPARE, /* a block's results differ: its receipts are being compared */
    FOLLOW_HALTED,  /* nothing more is imported until a restart */
    FOLLOW_STOPPED
};

struct follow_config {
    uint64_t window_bytes; /* nothing more is fetched while so much waits */
    uint64_t wait_ms;      /* how long the followed node may hold back an empty answer */
    uint64_t retry_max_ms; /* longest pause between tries */
};

enum follow_input_kind {
    FI_START,    /* head: ours */
    FI_GREETED,  /* it has our genesis and chain id */
    FI_STRANGER, /* it has not */
    FI_ANSWER,   /* to FE_FETCH */
    FI_FAILED,   /* a request failed */
    FI_IMPORTED, /* one FE_IMPORT is done: head, bytes */
    FI_REFUSED,  /* one FE_IMPORT met an invalid block: head, bytes, executed */
    FI_BROKEN,   /* the store or memory failed, or a rewind went past what is kept */
    FI_REWOUND,  /* head */
    FI_COMPARED, /* the report is complete */
    FI_TIMER,    /* the one set by FE_TIMER */
    FI_STOP
};

struct follow_input {
    enum follow_input_kind kind;
    uint64_t now_ms;      /* any clock that does not go back */
    uint64_t random;      /* FI_FAILED: spreads the next try */
    struct block_id head; /* START, IMPORTED, REFUSED, REWOUND: our head */
    uint64_t bytes;       /* ANSWER: of its blocks; IMPORTED, REFUSED: of the import */
    bool executed;        /* REFUSED: its results differ, so receipts can be compared */
    /* ANSWER */
    bool has_base;          /* it has one of our blocks */
    struct block_id base;   /* the highest of those it was told of */
    struct block_id common; /* the highest it showed that is canonical here too */
    size_t block_num;
    struct block_id last; /* of the blocks */
    struct block_id upstream;
    bool syncing; /* it is catching up itself */
    bool tags;    /* its safe or finalized block is not what we have */
};

enum follow_effect_kind {
    FE_GREET,
    FE_FETCH,   /* blocks after tip */
    FE_IMPORT,  /* the answer just given: its blocks and tags */
    FE_REWIND,  /* make `to`, a block of ours, the head */
    FE_COMPARE, /* fetch the refused block's receipts and compare */
    FE_HALT,    /* say why, loudly */
    FE_EXIT,    /* another network: end the program */
    FE_UP,      /* it answers (again): say so */
    FE_DOWN,    /* it does not: say so once */
    FE_TIMER    /* wake me at at_ms; replaces the earlier wish */
};

struct follow_effect {
    enum follow_effect_kind kind;
    struct block_id to;
    uint64_t at_ms;
};

#define FOLLOW_EFFECTS_MAX 4

/* Plain data; initialise with follow_init. */
struct follow {
    struct follow_config config;
    enum follow_phase phase;
    bool connected; /* the last request was answered */
    bool told;      /* connected or not has been said */
    bool asking;    /* a request is under way */
    bool rewinding;
    bool drain;                /* the chains parted: no fetch until the window is empty */
    bool syncing;              /* catching up, as eth_syncing has it */
    bool informed;             /* where it stands is known, and it answers since */
    struct block_id head, tip; /* imported; fetched */
    uint64_t window, imports;  /* bytes and answers not imported yet */
    struct block_id upstream;
    uint64_t starting; /* head when catching up began */
    uint64_t failures; /* in a row */
    uint64_t ask_ms;   /* when the request under way was sent */
    uint64_t next_ms;  /* no request before this */
    uint64_t pause_ms; /* of the next empty answer that comes too early */
    uint64_t since_ms; /* connected or not since */
};

void follow_init(struct follow *f, const struct follow_config *config);

/* Writes at most FOLLOW_EFFECTS_MAX effects and returns how many. */
size_t follow_step(struct follow *f, const struct follow_input *in,
                   struct follow_effect out[FOLLOW_EFFECTS_MAX]);

/* Blocks that the followed node is known to be ahead. */
static inline uint64_t follow_lag(const struct follow *f)
{
    return f->upstream.number > f->head.number ? f->upstream.number - f->head.number : 0;
}

#endif
