/* The driver of the follow machine: carries out its effects and feeds it what comes
 * back. All of it runs on the loop thread; decoding is done by the workers, importing
 * by the executor. */
#include "follower.h"

#include "daemon.h"

#include "metis/codec.h"
#include "metis/crypto.h"
#include "metis/version.h"

#define CONNECTIONS_MAX    8u
#define REQUESTS_MAX       64u
#define CONNECT_TIMEOUT_MS 10000u
#define GREETING_MAX       ((size_t)4 << 20)
#define QUESTION_MAX       ((size_t)64 << 10)
#define DENSE_LOCATOR      8u          /* the last blocks one by one, then ever fewer */
#define PROGRESS_NS        2000000000u /* as metisd import tells its own */
#define AWAY_MS            30000u /* not ready after the followed node was away so long */

static void step(struct follower *f, struct follow_input *in);

static uint64_t now_ms(void)
{
    return clock_mono_ns() / 1000000u;
}

static void simple_step(struct follower *f, enum follow_input_kind kind)
{
    struct follow_input in = {.kind = kind};
    step(f, &in);
}

static void fail_step(struct follower *f, const char *why)
{
    struct follow_input in = {.kind = FI_FAILED};
    mt_fmt(f->why, sizeof f->why, "%s", why);
    metric_add(METRIC_follow_failures_total, f->net->metric, 1);
    if (random_bytes(&in.random, sizeof in.random) != MT_OK)
        in.random = f->seq; /* spreads less well, but does */
    step(f, &in);
}

/* ---- requests: at most one counts, by its number ---- */

struct asked {
    struct follower *f;
    uint64_t seq;
    void (*read)(struct follower *f, const struct http_result *r);
};

static void got(void *ctx, const struct http_result *r)
{
    struct asked *a = ctx;
    struct follower *f = a->f;
    bool current = a->seq == f->seq && !f->stopping;
    if (r->err == MT_OK)
        metric_add(METRIC_follow_received_bytes_total, f->net->metric, r->body->len);
    if (current && r->err != MT_OK) {
        fail_step(f, r->text);
    } else if (current && r->status != 200) {
        char text[64];
        mt_fmt(text, sizeof text, "it answered HTTP %u", r->status);
        fail_step(f, text);
    } else if (current) {
        a->read(f, r);
    }
    mt_free(a);
}

static void post(struct follower *f, struct buf *body, size_t reply_max,
                 uint64_t timeout_ms,
                 void (*read)(struct follower *f, const struct http_result *r))
{
    struct mt_diag diag = {0};
    struct asked *a = mt_alloc(sizeof *a);
    *a = (struct asked){f, ++f->seq, read};
    mt_err err = http_post(f->http, f->url, body, reply_max, timeout_ms, got, a, &diag);
    buf_fini(body);
    if (err != MT_OK) {
        mt_free(a);
        fail_step(f, diag.text);
    }
}

/* ---- greeting ---- */

static void read_greeting(struct follower *f, const struct http_result *r)
{
    const struct genesis *g = chain_genesis(f->net->ledger.chain);
    struct mt_diag diag = {0};
    bool same_chain = false;
    mt_err err = follow_read_greeting(buf_slice(r->body), g->spec.chain_id, &g->hash,
                                      &same_chain, &diag);
    mt_fmt(f->why, sizeof f->why, "%s", diag.text);
    if (err != MT_OK)
        fail_step(f, log_err_text(err, &diag));
    else
        simple_step(f, same_chain ? FI_GREETED : FI_STRANGER);
}

static void greet(struct follower *f)
{
    struct buf body;
    buf_init(&body, QUESTION_MAX);
    follow_ask_greeting(&body, chain_genesis(f->net->ledger.chain)->header.number);
    post(f, &body, GREETING_MAX, f->timeout_ms, read_greeting);
}

/* ---- fetching ---- */

static void give_answer(struct follower *f, struct follow_answer *a);

static void decoded(struct task *task)
{
    struct follow_answer *a =
        (struct follow_answer *)((char *)task - offsetof(struct follow_answer, task));
    struct follower *f = a->f;
    f->jobs--;
    if (a->seq != f->seq || f->stopping)
        follow_answer_free(a);
    else
        give_answer(f, a);
}

static void decode_run(struct job *job, unsigned worker_idx)
{
    struct follow_answer *a = (struct follow_answer *)job;
    (void)worker_idx;
    follow_read_blocks(a);
    a->task.run = decoded;
    follower_post(a->f, &a->task);
}

static void read_blocks(struct follower *f, const struct http_result *r)
{
    struct follow_answer *a = mt_alloc(sizeof *a);
    a->job.run = decode_run;
    a->f = f;
    a->seq = f->seq;
    a->arrived_ns = clock_mono_ns();
    a->body = *r->body;
    buf_init(r->body, 0);
    if (workers_submit(f->net->node->workers, &a->job) == MT_OK) {
        f->jobs++;
        return;
    }
    follow_answer_free(a);
    fail_step(f, "the workers are busy");
}

/* Our chain in few words: what was fetched last, the head and the blocks below it,
 * ever further apart, and the genesis. */
static size_t locate(const struct follower *f, struct block_id *out)
{
    struct chain *chain = f->net->ledger.chain;
    uint64_t genesis = chain_genesis(chain)->header.number;
    uint64_t number = f->machine.head.number, gap = 1;
    size_t num = 0;
    out[num++] = f->machine.tip;
    for (;;) {
        out[num].number = number;
        if (chain_canonical_hash(chain, number, &out[num].hash) == MT_OK)
            num++;
        if (number <= genesis || num == FOLLOW_LOCATOR_MAX)
            return num;
        if (num > DENSE_LOCATOR)
            gap *= 2;
        number = number - genesis > gap ? number - gap : genesis;
    }
}

static void fetch(struct follower *f)
{
    struct block_id locator[FOLLOW_LOCATOR_MAX];
    struct buf body;
    size_t num = locate(f, locator);
    buf_init(&body, QUESTION_MAX);
    follow_ask_blocks(&body, locator, num, f->count, f->bytes, f->wait_ms);
    post(f, &body, FOLLOW_REPLY_MAX, f->wait_ms + f->timeout_ms, read_blocks);
}

/* The highest block that it showed and that is ours as well. */
static struct block_id common_of(const struct follower *f, const struct follow_answer *a)
{
    struct block_id common = a->base;
    hash32 ours;
    for (size_t i = 0; i < a->block_num; i++) {
        const struct block_id *id = &a->blocks[i].id;
        if (chain_canonical_hash(f->net->ledger.chain, id->number, &ours) != MT_OK ||
            !hash32_eq(&ours, &id->hash))
            break;
        common = *id;
    }
    return common;
}

static bool tag_is_new(const struct follower *f, enum metisdb_head which, bool has,
                       const struct block_id *id)
{
    const struct head_view *v = f->net->view;
    return has && id->number <= v->heads[METISDB_HEAD].number &&
           (!v->has_head[which] || !hash32_eq(&v->heads[which].hash, &id->hash));
}

static void give_answer(struct follower *f, struct follow_answer *a)
{
    struct follow_input in = {.kind = FI_ANSWER,
                              .has_base = a->has_base,
                              .base = a->base,
                              .block_num = a->block_num,
                              .bytes = a->bytes,
                              .upstream = a->upstream,
                              .syncing = a->syncing};
    if (a->err != MT_OK) {
        fail_step(f, log_err_text(a->err, &a->diag));
        follow_answer_free(a);
        return;
    }
    if (a->block_num > 0)
        in.last = a->blocks[a->block_num - 1].id;
    if (a->has_base)
        in.common = common_of(f, a);
    in.tags = tag_is_new(f, METISDB_SAFE, a->has_safe, &a->safe) ||
              tag_is_new(f, METISDB_FINALIZED, a->has_finalized, &a->finalized);
    f->answer = a;
    step(f, &in);
    if (f->answer != NULL) /* the machine had no use for it */
        follow_answer_free(a);
    f->answer = NULL;
}

/* ---- importing ---- */

static void import(struct follower *f)
{
    struct follow_answer *a = f->answer;
    f->answer = NULL;
    f->jobs++;
    if (follow_import(a) == MT_OK)
        return;
    /* Its queue holds thousands, the window's answers are few: only others can fill
     * it. */
    a->err = MT_EBUSY;
    mt_fmt(a->diag.text, sizeof a->diag.text, "the executor's queue is full");
    a->head = f->machine.head;
    follower_imported(a);
}

static bool means_bad_block(mt_err err)
{
    return err == MT_EINVALID_BLOCK || err == MT_EINVALID_TX || err == MT_ECRYPTO ||
           err == MT_EDECODE;
}

static void begin_report(struct follower *f, struct follow_answer *a)
{
    struct follow_report *r = mt_alloc(sizeof *r);
    r->f = f;
    r->block = a->refused;
    r->mismatch = a->mismatch;
    a->has_mismatch = false; /* handed over */
    mt_fmt(r->reason, sizeof r->reason, "%s", a->diag.text);
    buf_init(&r->ours, FOLLOW_REPLY_MAX);
    rpc_write_receipts(r->mismatch.block, &r->ours);
    f->report = r;
}

void follower_imported(struct follow_answer *a)
{
    struct follower *f = a->f;
    struct follow_input in = {.kind = FI_IMPORTED, .head = a->head, .bytes = a->bytes};
    f->jobs--;
    metric_add(METRIC_follow_blocks_total, f->net->metric, a->done_num);
    if (a->block_num > 0 && a->err == MT_OK)
        metric_observe_ns(METRIC_follow_import_seconds, f->net->metric,
                          clock_mono_ns() - a->arrived_ns);
    if (means_bad_block(a->err)) {
        in.kind = FI_REFUSED;
        metric_add(METRIC_chain_rejected_blocks_total, f->net->metric, 1);
        in.executed = a->has_mismatch;
        mt_fmt(f->why, sizeof f->why, "block %llu (%s) is refused: %s",
               (unsigned long long)a->refused.number, hash32_text(&a->refused.hash).s,
               log_err_text(a->err, &a->diag));
        if (a->has_mismatch)
            begin_report(f, a);
    }
    if (!f->stopping)
        step(f, &in);
    if (!f->stopping && a->err != MT_OK && a->err != MT_ECANCELED &&
        !means_bad_block(a->err)) {
        mt_fmt(f->why, sizeof f->why, "a block could not be stored: %s",
               log_err_text(a->err, &a->diag));
        simple_step(f, FI_BROKEN);
    }
    follow_answer_free(a);
}

/* ---- going back ---- */

static void rewind_to(struct follower *f, const struct block_id *to)
{
    log_warn("follow", "the followed chain went back or parted from ours; following it",
             KV_STR("network", f->net->ledger.name),
             KV_U64("head", f->machine.head.number), KV_U64("to", to->number),
             KV_HASH("hash", &to->hash), KV_END);
    metric_add(METRIC_follow_rewinds_total, f->net->metric, 1);
    f->jobs++;
    mt_err err = follow_rewind(f, to);
    if (err != MT_OK)
        follower_rewound(f, err, NULL, &f->machine.head);
}

void follower_rewound(struct follower *f, mt_err err, const struct mt_diag *diag,
                      const struct block_id *head)
{
    struct follow_input in = {.kind = FI_REWOUND, .head = *head};
    const char *dir = f->net->ledger.dir.s;
    f->jobs--;
    if (f->stopping)
        return;
    if (err == MT_OK) {
        step(f, &in);
        return;
    }
    if (err == MT_ENOTFOUND)
        mt_fmt(f->why, sizeof f->why,
               "the followed chain parted from ours further back than the states kept "
               "(db.history); stop, run `mv %.80s %.80s.old` and start again",
               dir, dir);
    else
        mt_fmt(f->why, sizeof f->why, "the head cannot go back: %s",
               log_err_text(err, diag));
    simple_step(f, FI_BROKEN);
}

/* ---- a refused block ---- */

static void report_made(struct task *task)
{
    struct follow_report *r = (struct follow_report *)(void *)task;
    r->f->jobs--;
    if (!r->f->stopping)
        simple_step(r->f, FI_COMPARED);
}

static void report_run(struct job *job, unsigned worker_idx)
{
    struct follow_report *r =
        (struct follow_report *)((char *)job - offsetof(struct follow_report, job));
    (void)worker_idx;
    follow_report_make(r, r->f->net->ledger.dir.s);
    r->task.run = report_made;
    follower_post(r->f, &r->task);
}

static void read_receipts(struct follower *f, const struct http_result *r)
{
    struct follow_report *report = f->report;
    report->theirs = *r->body;
    buf_init(r->body, 0);
    report->job.run = report_run;
    f->jobs++;
    if (workers_submit(f->net->node->workers, &report->job) == MT_OK)
        return;
    f->jobs--;
    buf_fini(&report->theirs);
    fail_step(f, "the workers are busy");
}

static void ask_receipts(struct follower *f)
{
    struct buf body;
    buf_init(&body, QUESTION_MAX);
    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getBlockReceipts\","
               "\"params\":[\"0x%llx\"]}",
               (unsigned long long)f->report->block.number);
    post(f, &body, FOLLOW_REPLY_MAX, f->timeout_ms, read_receipts);
}

static void log_divergence(const struct follower *f, const struct follow_report *r)
{
    const struct header *h = &r->mismatch.block->block.header;
    char first[160] = "no receipt differs";
    if (r->differs)
        mt_fmt(first, sizeof first, "%llu %s", (unsigned long long)r->tx_idx, r->tx_hash);
    else if (!r->compared)
        mt_fmt(first, sizeof first, "unknown: the followed node gave no receipts");
    log_error(
        "follow",
        "HALTED: a block of the followed node gives other results here; nothing more is "
        "imported; compare versions, keep the folder for a report, restart to try again",
        KV_STR("network", f->net->ledger.name), KV_U64("number", r->block.number),
        KV_HASH("hash", &r->block.hash), KV_STR("reason", r->reason),
        KV_HASH("stateRoot", &r->mismatch.state_root),
        KV_HASH("theirStateRoot", &h->state_root),
        KV_HASH("receiptsRoot", &r->mismatch.receipts_root),
        KV_HASH("theirReceiptsRoot", &h->receipts_root),
        KV_STR("firstTransaction", first), KV_STR("field", r->field),
        KV_STR("ours", r->our_value), KV_STR("theirs", r->their_value),
        KV_STR("folder", r->folder), KV_END);
}

static void halt(struct follower *f)
{
    struct follow_report *r = f->report;
    if (r == NULL) {
        log_error("follow", "HALTED: nothing more is imported",
                  KV_STR("network", f->net->ledger.name), KV_STR("reason", f->why),
                  KV_U64("head", f->machine.head.number), KV_END);
        return;
    }
    if (r->theirs.len == 0) /* not compared: what there is is kept all the same */
        follow_report_make(r, f->net->ledger.dir.s);
    log_divergence(f, r);
}

/* ---- progress ---- */

static void progress_line(struct follower *f, uint64_t now)
{
    uint64_t head = f->machine.head.number, left = follow_lag(&f->machine);
    uint64_t num = head > f->told_head ? head - f->told_head : 0;
    double rate = (double)num / ((double)(now - f->told_ns) / 1e9);
    char eta[32] = "unknown"; /* nothing was imported since the last line */
    if (num > 0)
        mt_fmt(eta, sizeof eta, "%llus", (unsigned long long)((double)left / rate));
    log_info("follow", "catching up", KV_STR("network", f->net->ledger.name),
             KV_U64("head", head), KV_U64("target", f->machine.upstream.number),
             KV_F64("blocks_per_s", rate), KV_STR("eta", eta), KV_END);
    f->told_ns = now;
    f->told_head = head;
    f->told_any = true;
}

static void tell_progress(struct follower *f)
{
    uint64_t now = clock_mono_ns(), head = f->machine.head.number;
    if (!f->machine.syncing) {
        if (f->behind && f->told_any)
            log_info("follow", "caught up", KV_STR("network", f->net->ledger.name),
                     KV_U64("head", head), KV_U64("blocks", head - f->machine.starting),
                     KV_F64("seconds", (double)(now - f->behind_ns) / 1e9), KV_END);
        f->behind = f->told_any = false;
    } else if (!f->behind) {
        f->behind = true;
        f->behind_ns = f->told_ns = now;
        f->told_head = head;
    } else if (now - f->told_ns >= PROGRESS_NS) {
        progress_line(f, now);
    }
}

/* ---- the machine ---- */

static void timer_cb(uv_timer_t *timer)
{
    simple_step(timer->data, FI_TIMER);
}

static void log_connected(const struct follower *f, bool up)
{
    if (up)
        log_info("follow", "following", KV_STR("network", f->net->ledger.name),
                 KV_STR("url", f->shown), KV_U64("head", f->machine.head.number), KV_END);
    else
        log_warn("follow", "the followed node cannot be used; trying again until it can",
                 KV_STR("network", f->net->ledger.name), KV_STR("url", f->shown),
                 KV_STR("error", f->why), KV_END);
}

/* ---- what the followed node may have lost ---- */

static void resent(void *ctx, const struct pool_verdict *v)
{
    (void)ctx; /* known there or included: well. Refused: its next block will tell */
    (void)v;
}

/* Not what is on its way: where the first of two is in a block before the second comes,
 * the second is refused, and that would be the word that the sender gets. */
static void resend_raw(struct follower *f, slice raw)
{
    if (!forward_has(f->forward, raw))
        forward_tx(f->forward, raw, resent, NULL);
}

/* The network form of a blob transaction (EIP-4844): the list of its body, which stands
 * alone in `raw`, and the sidecar, in a list of both. */
static void resend_blobs(struct follower *f, const struct tx *tx)
{
    struct buf whole;
    slice body = slice_of(tx->raw.ptr + 1, tx->raw.len - 1);
    buf_init(&whole, 16 + tx->raw.len + tx->sidecar.len);
    buf_put_u8(&whole, tx->raw.ptr[0]);
    rlp_put_header(&whole, body.len + tx->sidecar.len, true);
    buf_put_slice(&whole, body);
    buf_put_slice(&whole, tx->sidecar);
    if (buf_ok(&whole))
        resend_raw(f, buf_slice(&whole));
    buf_fini(&whole);
}

static void resend_one(void *ctx, struct pool_tx *tx, bool is_pending)
{
    struct follower *f = ctx;
    (void)is_pending;
    if (tx->tx.type != TX_BLOB)
        resend_raw(f, tx->tx.raw);
    else if (tx->tx.sidecar.len > 0)
        resend_blobs(f, &tx->tx);
}

/* The followed node's pool does not survive a kill. Transactions that were accepted
 * here and there and are in no block yet are handed to it again, as many as the queue
 * takes. */
static void resend(struct follower *f)
{
    pool_each(f->net->pool, resend_one, f);
}

static void leave(struct follower *f)
{
    struct mt_diag diag = {0};
    mt_fail(&diag, MT_EVERSION, "follow.url: %s is another network: %s", f->shown,
            f->why);
    node_fail(f->net->node, MT_EVERSION, &diag);
}

static void carry_out(struct follower *f, const struct follow_effect *e)
{
    uint64_t now = now_ms();
    switch (e->kind) {
    case FE_GREET:
        greet(f);
        break;
    case FE_FETCH:
        fetch(f);
        break;
    case FE_IMPORT:
        import(f);
        break;
    case FE_REWIND:
        rewind_to(f, &e->to);
        break;
    case FE_COMPARE:
        ask_receipts(f);
        break;
    case FE_HALT:
        halt(f);
        break;
    case FE_EXIT:
        leave(f);
        break;
    case FE_UP:
        log_connected(f, true);
        resend(f);
        break;
    case FE_DOWN:
        log_connected(f, false);
        break;
    case FE_TIMER:
        uv_update_time(&f->net->node->loop);
        uv_timer_start(&f->timer, timer_cb, e->at_ms > now ? e->at_ms - now : 0, 0);
        break;
    }
}

void follower_progress(struct follower *f)
{
    const struct follow *m = &f->machine;
    unsigned net = f->net->metric;
    uint64_t head = f->net->view->head->block.header.number;
    uint64_t top = MT_MAX(m->upstream.number, head);
    /* Halted is behind as well: what is served is not the followed node's head. */
    bool behind = m->syncing || m->phase == FOLLOW_COMPARE || m->phase == FOLLOW_HALTED;
    struct rpc_sync sync = {behind && top > head, !m->informed, m->starting, head, top};
    metric_set(METRIC_follow_upstream_head, net, (int64_t)m->upstream.number);
    metric_set(METRIC_follow_lag_blocks, net, (int64_t)(top - head));
    metric_set(METRIC_follow_connected, net, m->connected);
    metric_set(METRIC_follow_syncing, net, m->syncing && top > head);
    metric_set(METRIC_follow_halted, net, m->phase == FOLLOW_HALTED);
    if (f->net->rpc != NULL) /* else the start failed */
        rpc_sync(f->net->rpc, &sync);
}

static void step(struct follower *f, struct follow_input *in)
{
    struct follow_effect effects[FOLLOW_EFFECTS_MAX];
    in->now_ms = now_ms();
    size_t num = follow_step(&f->machine, in, effects);
    follower_progress(f);
    tell_progress(f);
    for (size_t i = 0; i < num && !f->stopping; i++)
        carry_out(f, &effects[i]);
}

/* ---- life ---- */

/* The URL without user and password. */
static void shown_url(const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    size_t len = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', len);
    mt_fmt(out, size, "%.*s%s", (int)(host - url), url, at == NULL ? host : at + 1);
}

mt_err follower_new(struct network *net, struct follower **out, struct mt_diag *diag)
{
    const struct config *c = net->node->config;
    const char *name = net->ledger.name;
    const char *url = config_text(c, name, OPT_follow_url);
    const char *ca = config_text(c, name, OPT_follow_ca_file);
    struct http_client_options opt = {
        .connections_max = CONNECTIONS_MAX,
        .requests_max = REQUESTS_MAX,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .ca_file = ca[0] != 0 ? ca : NULL,
        .user_agent = "metisd/" MT_VERSION,
    };
    if (!http_url_ok(url))
        return mt_fail(diag, MT_EINVAL, "follow.url: not an http or https URL");
    struct follower *f = mt_alloc(sizeof *f);
    mt_err err = http_client_new(&net->node->loop, &opt, &f->http, diag);
    if (err != MT_OK) {
        mt_free(f);
        return err;
    }
    f->net = net;
    f->url = mt_strdup(url);
    shown_url(url, f->shown, sizeof f->shown);
    f->count = config_num(c, name, OPT_follow_batch);
    f->bytes = config_num(c, name, OPT_follow_batch_bytes);
    f->wait_ms = config_num(c, name, OPT_follow_wait);
    f->timeout_ms = config_num(c, name, OPT_follow_timeout);
    struct follow_config mc = {config_num(c, name, OPT_follow_window), f->wait_ms,
                               config_num(c, name, OPT_follow_retry_max)};
    follow_init(&f->machine, &mc);
    f->forward = forward_new(f->http, url, f->timeout_ms, net->metric);
    uv_timer_init(&net->node->loop, &f->timer);
    f->timer.data = f;
    *out = f;
    return MT_OK;
}

/* A block whose execution takes long does not hold up the end. */
static bool should_stop(void *ctx)
{
    return atomic_load(&((struct follower *)ctx)->stop);
}

void follower_start(struct follower *f)
{
    struct follow_input in = {.kind = FI_START,
                              .head = f->net->view->heads[METISDB_HEAD]};
    chain_set_stop(f->net->ledger.chain, should_stop, f); /* no job was posted yet */
    step(f, &in);
}

void follower_stop(struct follower *f)
{
    if (f->stopping)
        return;
    simple_step(f, FI_STOP);
    f->stopping = true;
    atomic_store(&f->stop, true);
    uv_timer_stop(&f->timer);
    forward_stop(f->forward);
    http_client_cancel(f->http); /* answers the transactions that were under way */
}

bool follower_idle(const struct follower *f)
{
    return f->jobs == 0 && http_client_len(f->http) == 0;
}

static void timer_closed(uv_handle_t *handle)
{
    mt_free(handle->data);
}

void follower_free(struct follower *f)
{
    if (f == NULL)
        return;
    http_client_free(f->http);
    forward_free(f->forward);
    if (f->report != NULL) {
        buf_fini(&f->report->ours);
        buf_fini(&f->report->theirs);
        chain_block_drop(f->report->mismatch.block);
        mt_free(f->report);
    }
    mt_free(f->url);
    uv_close((uv_handle_t *)&f->timer, timer_closed);
}

void follower_forward(void *ctx, slice raw, pool_done_fn *done, void *done_ctx)
{
    struct follower *f = ctx;
    forward_tx(f->forward, raw, done, done_ctx);
}

bool follower_ready(const struct follower *f, char *text, size_t size)
{
    const struct follow *m = &f->machine;
    uint64_t away_ms = m->connected ? 0 : now_ms() - m->since_ms;
    unsigned long long lag = follow_lag(m);
    if (m->phase == FOLLOW_HALTED || m->phase == FOLLOW_COMPARE)
        mt_fmt(text, size, "halted: %s", f->why);
    else if (!m->connected)
        mt_fmt(text, size, "the followed node is away for %llu s: %s",
               (unsigned long long)away_ms / 1000, f->why);
    else
        mt_fmt(text, size, "%s, %llu blocks behind",
               m->syncing ? "catching up" : "following", lag);
    return m->phase <= FOLLOW_RUN && !m->syncing && away_ms < AWAY_MS;
}
