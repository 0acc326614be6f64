/* The driver of the solo sequencer: see the header. One build at a time is under way;
 * while it runs on the executor its parameters belong to the build_job. */
#include "metis/sequencer.h"

struct request {
    uint64_t id;
    uint64_t timestamp; /* 0: by the clock */
    sequencer_done_fn *done;
    void *ctx;
};

struct sequencer {
    struct sequencer_options opt;
    struct consensus cs;
    struct sequencer_dev dev;
    uint64_t parent_time;   /* of the head the loop knows */
    uint64_t parent_number; /* likewise */
    bool pending;           /* the pool told us since the last turn */
    bool building;
    bool draining;
    unsigned held;       /* enum sequencer_hold */
    uint64_t gas_target; /* 0: the spec's */
    uint64_t request_next;
    struct request requests[CS_REQUESTS_MAX + 1]; /* unordered, id 0 is free */
    char last_error[MT_DIAG_TEXT_MAX];
};

struct build_job {
    struct exec_job job; /* to the executor */
    struct task task;    /* back to the loop */
    struct sequencer *s;
    struct pool_selection selection;
    struct build_params params;
    struct build_result result;
    uint64_t request;
    mt_err err;
    struct mt_diag diag;
};

static void step(struct sequencer *s, struct cs_input in);

uint64_t sequencer_now_ms(const struct sequencer *s)
{
    uint64_t now = clock_unix_ms();
    if (s->opt.fixed_time != 0)
        now = 1000 * MT_MAX(s->opt.fixed_time, s->parent_time + s->opt.time_step);
    return (uint64_t)((int64_t)now + s->dev.time_offset_ms);
}

/* What the machine's slots and timer go by: the clock, where blocks do not. */
static int64_t slot_offset_ms(const struct sequencer *s)
{
    return s->opt.fixed_time != 0 ? 0 : s->dev.time_offset_ms;
}

/* ---- building ---- */

static void answer(struct sequencer *s, uint64_t id, mt_err err,
                   const struct mt_diag *diag, struct chain_block *block)
{
    for (size_t i = 0; id != 0 && i < MT_ARRAY_LEN(s->requests); i++) {
        if (s->requests[i].id != id)
            continue;
        struct request r = s->requests[i];
        s->requests[i].id = 0;
        r.done(r.ctx, err, diag, block);
        return;
    }
}

static void failed(struct sequencer *s, uint64_t request, mt_err err,
                   const struct mt_diag *diag)
{
    mt_fmt(s->last_error, sizeof(s->last_error), "%s",
           diag->text[0] != 0 ? diag->text : mt_err_text(err));
    metric_add(METRIC_sequencer_failures_total, s->opt.metric_net, 1);
    log_error("sequencer", "block could not be built", KV_STR("error", s->last_error),
              KV_END);
    answer(s, request, err, diag, NULL);
    step(s, (struct cs_input){.kind = CS_FAILED});
}

static void note_parent(struct sequencer *s, const struct chain_block *b)
{
    s->parent_time = b->block.header.timestamp;
    s->parent_number = b->block.header.number;
}

static void log_block(const struct chain_block *b)
{
    const struct header *h = &b->block.header;
    log_info("sequencer", "sealed block", KV_U64("number", h->number),
             KV_HASH("hash", &b->block.hash), KV_U64("txs", b->block.tx_num),
             KV_U64("gas", h->gas_used), KV_END);
}

/* Nothing is left to build for: the drain ends as a hold. */
static void drained(struct sequencer *s)
{
    size_t pending, queued;
    pool_count(s->opt.pool, &pending, &queued);
    if (!s->draining || s->building || pending > 0 || pool_ingest_len(s->opt.pool) > 0)
        return;
    log_info("sequencer", "drained: no executable transaction is left",
             KV_U64("queued", queued), KV_END);
    s->draining = false;
    sequencer_hold(s, SEQUENCER_HELD_OPERATOR);
}

/* On the loop, after the chain_update of the same block has been handled. */
static void build_done(struct task *task)
{
    struct build_job *j =
        (struct build_job *)(void *)((char *)task - offsetof(struct build_job, task));
    struct sequencer *s = j->s;
    size_t pending, queued;
    s->building = false;
    if (j->err != MT_OK) {
        failed(s, j->request, j->err, &j->diag);
    } else {
        for (size_t i = 0; i < j->result.drop_num; i++)
            pool_remove(s->opt.pool, &j->result.drops[i].hash, POOL_TX,
                        j->result.drops[i].error);
        s->last_error[0] = 0;
        note_parent(s, j->result.block);
        log_block(j->result.block);
        answer(s, j->request, MT_OK, NULL, j->result.block);
        pool_count(s->opt.pool, &pending, &queued);
        /* A block that took nothing although something was offered must not spin. */
        if (j->result.block->block.tx_num == 0 && j->selection.num > 0)
            pending = 0;
        step(s, (struct cs_input){.kind = CS_BUILT, .count = pending});
        drained(s);
    }
    pool_selection_free(&j->selection);
    build_result_fini(&j->result);
    mt_free(j);
}

static void build_run(struct exec_job *job, struct chain *chain)
{
    struct build_job *j = (struct build_job *)(void *)job;
    struct sequencer *s = j->s;
    if (s->opt.build_max_ms != 0)
        j->params.deadline_ns = clock_mono_ns() + s->opt.build_max_ms * 1000000u;
    j->err = build_block(chain, &j->params, &j->result, &j->diag);
    while (mailbox_post(s->opt.to_loop, &j->task) == MT_EBUSY)
        thread_sleep_us(100);
}

static uint64_t pick_timestamp(const struct sequencer *s, uint64_t wanted)
{
    uint64_t least = s->parent_time + (s->cs.config.equal_time ? 0 : 1);
    uint64_t t = wanted;
    if (s->dev.min_time_step != 0)
        t = s->parent_time + s->dev.min_time_step;
    if (s->dev.next_timestamp != 0)
        t = s->dev.next_timestamp;
    return MT_MAX(t, least);
}

static hash32 make_randao(const struct sequencer *s)
{
    uint8_t in[16];
    store_be64(in, s->opt.seed);
    store_be64(in + 8, s->parent_number + 1);
    return keccak256(in, sizeof(in));
}

/* The time that was asked for, or the machine's by the clock. */
static uint64_t wanted_time(const struct sequencer *s, const struct cs_effect *e)
{
    if (s->opt.fixed_time == 0)
        return e->timestamp;
    for (size_t i = 0; e->request != 0 && i < MT_ARRAY_LEN(s->requests); i++)
        if (s->requests[i].id == e->request && s->requests[i].timestamp != 0)
            return s->requests[i].timestamp;
    return sequencer_now_ms(s) / 1000;
}

static void fill_draft(struct sequencer *s, const struct cs_effect *e,
                       struct chain_draft_in *d)
{
    *d = (struct chain_draft_in){
        .coinbase = s->dev.has_coinbase ? s->dev.coinbase : s->opt.coinbase,
        .timestamp = pick_timestamp(s, wanted_time(s, e)),
        .gas_limit = s->dev.gas_limit != 0 ? s->dev.gas_limit : s->opt.gas_limit,
        .gas_target = s->gas_target,
        .prev_randao = s->dev.next_prev_randao,
        .extra_data = s->opt.extra_data,
        .override_base_fee = s->dev.has_next_base_fee,
        .base_fee = s->dev.next_base_fee,
    };
    if (s->opt.make_randao && !s->dev.has_next_prev_randao)
        d->prev_randao = make_randao(s);
    if (s->opt.fixed_time != 0)
        s->dev.time_offset_ms = 0;
    s->dev.next_timestamp = 0;
    s->dev.has_next_base_fee = false;
    s->dev.has_next_prev_randao = false;
    memset(&s->dev.next_prev_randao, 0, sizeof(s->dev.next_prev_randao));
}

struct sequencer_next sequencer_next(const struct sequencer *s)
{
    return (struct sequencer_next){
        .timestamp = pick_timestamp(s, sequencer_now_ms(s) / 1000),
        .base_fee =
            s->dev.has_next_base_fee ? s->dev.next_base_fee : pool_base_fee(s->opt.pool),
        .coinbase = s->dev.has_coinbase ? s->dev.coinbase : s->opt.coinbase,
        .gas_limit = s->dev.gas_limit != 0 ? s->dev.gas_limit : s->opt.gas_limit,
    };
}

static void build(struct sequencer *s, const struct cs_effect *e)
{
    struct build_job *j = mt_alloc(sizeof(*j));
    j->job.run = build_run;
    j->task.run = build_done;
    j->s = s;
    j->request = e->request;
    fill_draft(s, e, &j->params.draft);
    /* The selection is only by fee: the builder meets the exact base fee and gas. */
    u256 base_fee = j->params.draft.override_base_fee ? j->params.draft.base_fee
                                                      : pool_base_fee(s->opt.pool);
    pool_select(s->opt.pool, base_fee, 0, s->opt.tx_max, &j->selection);
    j->params.selection = &j->selection;
    s->building = true;
    if (executor_post(s->opt.executor, &j->job) == MT_OK)
        return;
    s->building = false;
    mt_fail(&j->diag, MT_EBUSY, "the executor's queue is full");
    failed(s, j->request, MT_EBUSY, &j->diag);
    pool_selection_free(&j->selection);
    mt_free(j);
}

/* ---- steps ---- */

static bool step_refused(struct sequencer *s, struct cs_input in)
{
    struct cs_effect effects[CS_EFFECTS_MAX];
    bool refused = false;
    in.now_ms = (uint64_t)((int64_t)clock_unix_ms() + slot_offset_ms(s));
    in.parent_time = s->parent_time;
    size_t n = consensus_step(&s->cs, &in, effects, &refused);
    for (size_t i = 0; i < n; i++) {
        if (effects[i].kind == CS_BUILD)
            build(s, &effects[i]);
        else if (effects[i].at_ms == 0)
            s->opt.set_timer(s->opt.ctx, 0);
        else
            s->opt.set_timer(s->opt.ctx,
                             (uint64_t)((int64_t)effects[i].at_ms - slot_offset_ms(s)));
    }
    return refused;
}

static void step(struct sequencer *s, struct cs_input in)
{
    step_refused(s, in);
}

struct sequencer *sequencer_new(const struct sequencer_options *opt,
                                struct head_view *view)
{
    struct sequencer *s = mt_alloc(sizeof(*s));
    s->opt = *opt;
    note_parent(s, view->head);
    consensus_init(&s->cs, &opt->config);
    return s;
}

void sequencer_free(struct sequencer *s)
{
    if (s == NULL)
        return;
    MT_ASSERT(!s->building);
    mt_free(s);
}

void sequencer_start(struct sequencer *s)
{
    step(s, (struct cs_input){.kind = CS_START});
}

void sequencer_stop(struct sequencer *s)
{
    step(s, (struct cs_input){.kind = CS_STOP});
    struct mt_diag diag = {0};
    mt_fail(&diag, MT_ECANCELED, "the sequencer is stopping");
    for (size_t i = 0; i < MT_ARRAY_LEN(s->requests); i++)
        answer(s, s->requests[i].id, MT_ECANCELED, &diag, NULL);
}

void sequencer_hold(struct sequencer *s, enum sequencer_hold why)
{
    bool was = s->held != 0;
    s->held |= why;
    if (why == SEQUENCER_HELD_OPERATOR)
        s->draining = false;
    if (!was)
        step(s, (struct cs_input){.kind = CS_PAUSE});
}

void sequencer_release(struct sequencer *s, enum sequencer_hold why)
{
    size_t pending, queued;
    bool was = s->held != 0;
    s->held &= ~(unsigned)why;
    if (why == SEQUENCER_HELD_OPERATOR) {
        s->draining = false;
        pool_close(s->opt.pool, false);
    }
    if (!was || s->held != 0)
        return;
    pool_count(s->opt.pool, &pending, &queued);
    step(s, (struct cs_input){.kind = CS_RESUME, .count = pending});
}

unsigned sequencer_held(const struct sequencer *s)
{
    return s->held;
}

void sequencer_drain(struct sequencer *s)
{
    pool_close(s->opt.pool, true);
    s->draining = (s->held & SEQUENCER_HELD_OPERATOR) == 0;
    drained(s);
}

bool sequencer_draining(const struct sequencer *s)
{
    return s->draining;
}

void sequencer_set_gas_limit(struct sequencer *s, uint64_t gas_limit)
{
    if (s->opt.gas_limit != 0)
        s->dev.gas_limit = gas_limit;
    else
        s->gas_target = gas_limit;
}

uint64_t sequencer_gas_limit(const struct sequencer *s)
{
    if (s->opt.gas_limit != 0)
        return s->dev.gas_limit != 0 ? s->dev.gas_limit : s->opt.gas_limit;
    return s->gas_target != 0 ? s->gas_target : chain_spec_of(s->opt.chain)->gas_limit;
}

bool sequencer_idle(const struct sequencer *s)
{
    return !s->building;
}

void sequencer_pending(struct sequencer *s)
{
    s->pending = true;
}

void sequencer_turn(struct sequencer *s)
{
    size_t pending, queued;
    if (s->draining)
        drained(s);
    if (!s->pending)
        return;
    s->pending = false;
    pool_count(s->opt.pool, &pending, &queued);
    step(s, (struct cs_input){.kind = CS_PENDING, .count = pending});
}

void sequencer_update(struct sequencer *s, const struct chain_update *u)
{
    note_parent(s, u->view->head);
    if (!s->building)
        step(s, (struct cs_input){.kind = CS_HEAD});
}

void sequencer_tick(struct sequencer *s)
{
    step(s, (struct cs_input){.kind = CS_TICK});
}

mt_err sequencer_mine(struct sequencer *s, uint64_t timestamp, sequencer_done_fn *done,
                      void *ctx)
{
    size_t i = 0;
    while (i < MT_ARRAY_LEN(s->requests) && s->requests[i].id != 0)
        i++;
    if (i == MT_ARRAY_LEN(s->requests) || s->cs.stopped || s->held != 0)
        return MT_EBUSY;
    uint64_t id = ++s->request_next;
    s->requests[i] = (struct request){id, timestamp, done, ctx};
    if (step_refused(s, (struct cs_input){
                            .kind = CS_MINE, .timestamp = timestamp, .request = id})) {
        s->requests[i].id = 0;
        return MT_EBUSY;
    }
    return MT_OK;
}

/* ---- dev ---- */

struct sequencer_dev *sequencer_dev(struct sequencer *s)
{
    return &s->dev;
}

void sequencer_configure(struct sequencer *s, const struct cs_config *config)
{
    step(s, (struct cs_input){.kind = CS_CONFIGURE, .config = *config});
}

const struct cs_config *sequencer_config(const struct sequencer *s)
{
    return &s->cs.config;
}

const char *sequencer_last_error(const struct sequencer *s)
{
    return s->last_error;
}
