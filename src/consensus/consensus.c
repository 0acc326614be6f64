/* The solo sequencer as a pure state machine: see the header. At most one build is under
 * way; a request (evm_mine) is answered before a build of the machine's own accord,
 * requests in the order they came. The timestamp never goes back: where the network wants
 * strictly increasing times the chain may run ahead of the clock by as many seconds as it
 * made blocks too many. */
#include "metis/consensus.h"

void consensus_init(struct consensus *c, const struct cs_config *config)
{
    memset(c, 0, sizeof(*c));
    c->config = *config;
}

static uint64_t block_time(const struct consensus *c, uint64_t wanted)
{
    uint64_t least = c->parent_time + (c->config.equal_time ? 0 : 1);
    return MT_MAX(wanted, least);
}

static bool period_due(const struct consensus *c, uint64_t now_ms)
{
    return c->config.mode == CS_PERIOD && now_ms >= c->next_ms;
}

/* The next slot after now; slots that were missed are not made up for. */
static void period_advance(struct consensus *c, uint64_t now_ms)
{
    uint64_t period = MT_MAX(c->config.period_ms, 1);
    if (c->next_ms + period > now_ms)
        c->next_ms += period;
    else
        c->next_ms = now_ms + period;
}

static bool try_build(struct consensus *c, uint64_t now_ms, struct cs_effect *out)
{
    if (!c->started || c->stopped || c->paused || c->building)
        return false;
    *out = (struct cs_effect){.kind = CS_BUILD};
    if (c->request_num > 0) {
        uint64_t t = c->requests[c->request_head].timestamp;
        out->request = c->requests[c->request_head].request;
        out->timestamp = block_time(c, t != 0 ? t : now_ms / 1000);
        c->request_head = (c->request_head + 1) % CS_REQUESTS_MAX;
        c->request_num--;
    } else if (c->config.mode == CS_DEMAND && c->pending > 0) {
        out->timestamp = block_time(c, now_ms / 1000);
    } else if (period_due(c, now_ms)) {
        period_advance(c, now_ms);
        out->timestamp = block_time(c, now_ms / 1000);
    } else {
        return false;
    }
    c->building = true;
    return true;
}

/* The timer follows the next slot; told only when it changes. A slot that is due while a
 * block is being built needs none: the end of the build looks at the clock again, and a
 * timer in the past would fire without end. */
static bool set_timer(struct consensus *c, uint64_t now_ms, struct cs_effect *out)
{
    bool wanted = c->config.mode == CS_PERIOD && c->started && !c->stopped &&
                  !c->paused && !(c->building && now_ms >= c->next_ms);
    uint64_t at_ms = wanted ? c->next_ms : 0;
    if (at_ms == c->timer_ms)
        return false;
    c->timer_ms = at_ms;
    *out = (struct cs_effect){.kind = CS_TIMER, .at_ms = at_ms};
    return true;
}

static bool enqueue_request(struct consensus *c, const struct cs_input *in)
{
    if (c->stopped || c->request_num == CS_REQUESTS_MAX)
        return false;
    uint32_t at = (c->request_head + c->request_num) % CS_REQUESTS_MAX;
    c->requests[at].request = in->request;
    c->requests[at].timestamp = in->timestamp;
    c->request_num++;
    return true;
}

static void configure(struct consensus *c, const struct cs_input *in)
{
    c->config = in->config;
    c->next_ms = in->now_ms + MT_MAX(in->config.period_ms, 1);
}

static void apply(struct consensus *c, const struct cs_input *in, bool *refused)
{
    switch (in->kind) {
    case CS_START:
        c->started = true;
        c->parent_time = in->parent_time;
        c->next_ms = in->now_ms + c->config.period_ms;
        break;
    case CS_TICK:
        c->timer_ms = 0;
        break;
    case CS_PENDING:
        c->pending = in->count;
        break;
    case CS_MINE:
        *refused = !enqueue_request(c, in);
        break;
    case CS_BUILT:
        c->building = false;
        c->parent_time = in->parent_time;
        c->pending = in->count;
        break;
    case CS_FAILED:
        c->building = false;
        c->pending = 0; /* the next CS_PENDING tries again */
        break;
    case CS_HEAD:
        c->parent_time = in->parent_time;
        break;
    case CS_CONFIGURE:
        configure(c, in);
        break;
    case CS_PAUSE:
        c->paused = true;
        break;
    case CS_RESUME:
        c->paused = false;
        c->pending = in->count;
        c->next_ms = in->now_ms + c->config.period_ms;
        break;
    case CS_STOP:
        c->stopped = true;
        break;
    }
}

size_t consensus_step(struct consensus *c, const struct cs_input *in,
                      struct cs_effect out[CS_EFFECTS_MAX], bool *refused)
{
    bool no = false;
    apply(c, in, &no);
    if (refused != NULL)
        *refused = no;
    size_t n = 0;
    if (try_build(c, in->now_ms, &out[n]))
        n++;
    if (set_timer(c, in->now_ms, &out[n]))
        n++;
    return n;
}
