/* sequencer: the driver of the consensus state machine of one network — part of module
 * consensus. It feeds inputs with the time in them, carries out the effects (takes a
 * selection from the pool, posts a build to the executor, sets the timer) and holds what
 * dev methods may change about the next block. Everything runs on the loop thread; builds
 * come back as tasks through to_loop. */
#ifndef METIS_SEQUENCER_H
#define METIS_SEQUENCER_H

#include "metis/builder.h"
#include "metis/consensus.h"

struct sequencer;

struct sequencer_options {
    struct chain *chain;
    struct executor *executor;
    struct pool *pool;
    struct mailbox *to_loop;
    struct cs_config config;
    address coinbase;   /* of built blocks where the spec does not fix it */
    slice extra_data;   /* at most 32 bytes, outlives the sequencer */
    uint64_t gas_limit; /* 0: the spec's; with a dev network the limit is taken at once */
    uint64_t build_max_ms; /* no further transaction starts after this; 0: no limit */
    size_t tx_max;         /* transactions a block at most */
    /* A chain that can be made again: blocks do not read the clock. The first has this
     * time (0: the clock's), each further one is time_step later. */
    uint64_t fixed_time, time_step;
    bool make_randao; /* prevRandao is keccak256(seed, number), 8 bytes each; else zero */
    uint64_t seed;
    unsigned metric_net; /* index for the metrics */
    /* Wake me by sequencer_tick at unix time at_ms; 0: never. Replaces the earlier
     * wish. */
    void (*set_timer)(void *ctx, uint64_t at_ms);
    void *ctx;
};

/* view: the head at start. Does nothing before sequencer_start. */
struct sequencer *sequencer_new(const struct sequencer_options *opt,
                                struct head_view *view);
/* No build may be under way: call sequencer_stop and wait until sequencer_idle. */
void sequencer_free(struct sequencer *s);

void sequencer_start(struct sequencer *s);
void sequencer_stop(struct sequencer *s); /* the build under way still finishes */
bool sequencer_idle(const struct sequencer *s);

/* Why no blocks are built although the sequencer was started; several may hold. */
enum sequencer_hold {
    SEQUENCER_HELD_OPERATOR = 1u << 0,
    SEQUENCER_HELD_DISK = 1u << 1,
};
/* The build under way still finishes; mining requests are refused while held. */
void sequencer_hold(struct sequencer *s, enum sequencer_hold why);
void sequencer_release(struct sequencer *s, enum sequencer_hold why);
unsigned sequencer_held(const struct sequencer *s); /* the reasons, or 0 */

/* Closes the pool to new transactions and builds until none is executable; then the
 * operator's hold is on. Releasing that hold opens the pool again. */
void sequencer_drain(struct sequencer *s);
bool sequencer_draining(const struct sequencer *s);

/* The gas limit that built blocks move to, at most 1/1024 of the parent's a block; a dev
 * network's (gas_limit of the options set) is taken at once. 0: the spec's again. */
void sequencer_set_gas_limit(struct sequencer *s, uint64_t gas_limit);
uint64_t sequencer_gas_limit(const struct sequencer *s);

/* Inputs. pending: the pool got an executable transaction (cheap, may be called often;
 * the step is taken once a loop turn by sequencer_turn). update: after pool_update, for
 * every chain_update. */
void sequencer_pending(struct sequencer *s);
void sequencer_update(struct sequencer *s, const struct chain_update *u);
void sequencer_tick(struct sequencer *s);
void sequencer_turn(struct sequencer *s);

/* Builds one block now. timestamp 0: by the clock. done runs on the loop thread exactly
 * once (block is borrowed for the call, NULL on error). MT_EBUSY: too many requests wait;
 * done is then not called. */
typedef void sequencer_done_fn(void *ctx, mt_err err, const struct mt_diag *diag,
                               struct chain_block *block);
mt_err sequencer_mine(struct sequencer *s, uint64_t timestamp, sequencer_done_fn *done,
                      void *ctx);

/* What dev methods change. "next" values count for one block. */
struct sequencer_dev {
    /* Added to the clock (evm_increaseTime); with fixed_time to the next block alone. */
    int64_t time_offset_ms;
    uint64_t next_timestamp; /* 0: none */
    bool has_next_base_fee;
    u256 next_base_fee;
    bool has_next_prev_randao;
    hash32 next_prev_randao;
    bool has_coinbase;
    address coinbase;
    uint64_t gas_limit; /* 0: as configured */
    uint64_t
        min_time_step; /* evm_setBlockTimestampInterval: seconds added a block; 0: off */
};
struct sequencer_dev *sequencer_dev(struct sequencer *s);
/* Mode and period at run time (evm_setAutomine, evm_setIntervalMining). */
void sequencer_configure(struct sequencer *s, const struct cs_config *config);
const struct cs_config *sequencer_config(const struct sequencer *s);
/* Unix time in ms as blocks see it. */
uint64_t sequencer_now_ms(const struct sequencer *s);
/* What the next block will have, were it built now. */
struct sequencer_next {
    uint64_t timestamp;
    u256 base_fee;
    address coinbase;
    uint64_t gas_limit; /* 0: as the chain moves it */
};
struct sequencer_next sequencer_next(const struct sequencer *s);
/* Last failed build, "" when none: for health. */
const char *sequencer_last_error(const struct sequencer *s);

#endif
