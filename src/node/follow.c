/* Following another node as a pure state machine: see the header.
 *
 * A request says where our chain stands, so an answer that begins at our tip carries
 * it on and any other tells of a fork: then what is in the window is imported first,
 * because only the committed chain can be compared with, and the head goes back to the
 * last block in common. A node that is itself catching up is not gone back for: it is
 * behind, not on another chain. */
#include "follow.h"

#define RETRY_MIN_MS    50u
#define PAUSE_MIN_MS    10u
#define PAUSE_MAX_MS    1000u
#define BEHIND_PAUSE_MS 1000u
#define SYNC_BLOCKS     16u /* so far behind counts as catching up */
#define COMPARE_TRIES   5u

struct step {
    struct follow *f;
    const struct follow_input *in;
    struct follow_effect *out;
    size_t num;
};

static struct follow_effect *put(struct step *s, enum follow_effect_kind kind)
{
    struct follow_effect *e = &s->out[s->num++];
    *e = (struct follow_effect){.kind = kind};
    return e;
}

void follow_init(struct follow *f, const struct follow_config *config)
{
    *f = (struct follow){.config = *config, .phase = FOLLOW_STOPPED};
}

static bool same(const struct block_id *a, const struct block_id *b)
{
    return a->number == b->number && hash32_eq(&a->hash, &b->hash);
}

/* ---- what follows from the state ---- */

static bool may_fetch(const struct follow *f)
{
    return !f->rewinding && !f->drain && f->window < f->config.window_bytes;
}

/* Sends the next request, or asks to be woken when it is due. */
static void go_on(struct step *s)
{
    static const enum follow_effect_kind asks[] = {[FOLLOW_GREET] = FE_GREET,
                                                   [FOLLOW_RUN] = FE_FETCH,
                                                   [FOLLOW_COMPARE] = FE_COMPARE};
    struct follow *f = s->f;
    if (f->phase > FOLLOW_COMPARE || f->asking ||
        (f->phase == FOLLOW_RUN && !may_fetch(f)))
        return;
    if (s->in->now_ms < f->next_ms) {
        put(s, FE_TIMER)->at_ms = f->next_ms;
        return;
    }
    f->asking = true;
    f->ask_ms = s->in->now_ms;
    put(s, asks[f->phase]);
}

static void halt(struct step *s)
{
    s->f->phase = FOLLOW_HALTED;
    s->f->syncing = false;
    put(s, FE_HALT);
}

static void set_connected(struct step *s, bool connected)
{
    struct follow *f = s->f;
    if (f->told && f->connected == connected)
        return;
    f->told = true;
    f->connected = connected;
    f->since_ms = s->in->now_ms;
    put(s, connected ? FE_UP : FE_DOWN);
}

/* Doubles from RETRY_MIN_MS to the maximum; a random half of it is taken off, so that
 * many followers do not come back in step. */
static uint64_t backoff_ms(const struct follow *f, uint64_t random)
{
    uint64_t ms = RETRY_MIN_MS;
    for (uint64_t i = 1; i < f->failures && ms < f->config.retry_max_ms; i++)
        ms *= 2;
    ms = MT_MAX(MT_MIN(ms, f->config.retry_max_ms), 2);
    return ms - random % (ms / 2);
}

static void update_syncing(struct follow *f)
{
    uint64_t lag = follow_lag(f);
    if (!f->syncing && lag > SYNC_BLOCKS)
        f->starting = f->head.number;
    f->syncing = lag > (f->syncing ? 0 : SYNC_BLOCKS);
}

/* ---- inputs ---- */

static void failed(struct step *s)
{
    struct follow *f = s->f;
    if (!f->asking)
        return;
    f->asking = f->informed = false;
    f->failures++;
    f->next_ms = s->in->now_ms + backoff_ms(f, s->in->random);
    if (f->phase == FOLLOW_COMPARE) {
        if (f->failures >= COMPARE_TRIES)
            halt(s);
        return;
    }
    f->phase = FOLLOW_GREET; /* another may have taken its place */
    set_connected(s, false);
}

static void parted(struct step *s)
{
    struct follow *f = s->f;
    const struct follow_input *in = s->in;
    if (f->imports > 0) {
        f->drain = true;
    } else if (in->syncing) {
        f->next_ms = in->now_ms + BEHIND_PAUSE_MS;
    } else if (same(&in->common, &f->head)) {
        f->tip = f->head; /* what was above it is gone already */
    } else {
        f->rewinding = true;
        put(s, FE_REWIND)->to = in->common;
    }
}

/* An empty answer that came early, though it could have waited, slows the asking down. */
static void nothing_new(struct step *s)
{
    struct follow *f = s->f;
    if (s->in->now_ms - f->ask_ms >= f->config.wait_ms / 2) {
        f->pause_ms = 0;
        return;
    }
    f->pause_ms = MT_MIN(MT_MAX(f->pause_ms * 2, PAUSE_MIN_MS), PAUSE_MAX_MS);
    f->next_ms = s->in->now_ms + f->pause_ms;
}

static void answered(struct step *s)
{
    struct follow *f = s->f;
    const struct follow_input *in = s->in;
    if (f->phase != FOLLOW_RUN || !f->asking)
        return;
    if (!in->has_base) { /* not even the genesis: greeting it will tell */
        failed(s);
        return;
    }
    f->asking = false;
    f->failures = 0;
    f->informed = !in->syncing; /* one that is behind knows no better itself */
    f->upstream = in->upstream;
    if (!same(&in->base, &f->tip)) {
        parted(s);
        return;
    }
    if (in->block_num > 0)
        f->tip = in->last;
    if (in->block_num > 0 || in->tags) {
        f->window += in->bytes;
        f->imports++;
        f->pause_ms = 0;
        put(s, FE_IMPORT);
    } else {
        nothing_new(s);
    }
}

static void imported(struct step *s)
{
    struct follow *f = s->f;
    f->head = s->in->head;
    f->window -= MT_MIN(f->window, s->in->bytes);
    f->imports -= f->imports > 0;
    if (f->imports > 0 || f->phase > FOLLOW_RUN)
        return;
    f->tip = f->drain ? f->head : f->tip;
    f->drain = false;
}

static void refused(struct step *s)
{
    struct follow *f = s->f;
    imported(s);
    if (f->phase > FOLLOW_RUN)
        return;
    f->asking = false; /* the driver has dropped it */
    f->failures = 0;
    f->next_ms = 0;
    f->syncing = false;
    if (s->in->executed)
        f->phase = FOLLOW_COMPARE;
    else
        halt(s);
}

static void rewound(struct step *s)
{
    struct follow *f = s->f;
    f->rewinding = false;
    f->head = f->tip = s->in->head;
}

static void apply(struct step *s)
{
    struct follow *f = s->f;
    switch (s->in->kind) {
    case FI_START:
        f->phase = FOLLOW_GREET;
        f->head = f->tip = s->in->head;
        f->since_ms = s->in->now_ms;
        break;
    case FI_GREETED:
        if (f->phase != FOLLOW_GREET || !f->asking)
            break;
        f->asking = false;
        f->phase = FOLLOW_RUN;
        f->next_ms = 0;
        set_connected(s, true);
        break;
    case FI_STRANGER:
        f->phase = FOLLOW_HALTED;
        put(s, FE_EXIT);
        break;
    case FI_ANSWER:
        answered(s);
        break;
    case FI_FAILED:
        failed(s);
        break;
    case FI_IMPORTED:
        imported(s);
        break;
    case FI_REFUSED:
        refused(s);
        break;
    case FI_BROKEN:
        f->asking = false;
        halt(s);
        break;
    case FI_REWOUND:
        rewound(s);
        break;
    case FI_COMPARED:
        f->asking = false;
        halt(s);
        break;
    case FI_TIMER:
    case FI_STOP:
        break;
    }
}

size_t follow_step(struct follow *f, const struct follow_input *in,
                   struct follow_effect out[FOLLOW_EFFECTS_MAX])
{
    struct step s = {f, in, out, 0};
    if (in->kind == FI_STOP)
        f->phase = FOLLOW_STOPPED;
    if (f->phase == FOLLOW_STOPPED && in->kind != FI_START)
        return 0;
    apply(&s);
    if (f->phase <= FOLLOW_RUN)
        update_syncing(f);
    go_on(&s);
    return s.num;
}
