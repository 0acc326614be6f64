/* A whole network without sockets: chain, executor, pool, sequencer, readers and the
 * rpc on top, with the test as the event loop. */
#ifndef METIS_TESTS_RPC_FIXTURE_H
#define METIS_TESTS_RPC_FIXTURE_H

#include "../unit/dev_chain.h"
#include "metis/rpc.h"

#include <jansson.h>
#include <unistd.h>

struct rpc_fixture {
    struct dev_chain dev;
    struct mailbox *to_loop;
    struct workers *readers;
    struct executor *executor;
    struct pool *pool;
    struct sequencer *sequencer;
    struct rpc *rpc;
    struct rpc_options opt;
    struct rpc_account account;
    struct buf reply;
    uint64_t tick_ms; /* the sequencer's timer; 0: off */
    bool answered;
};

struct fixture_update {
    struct task task;
    struct rpc_fixture *f;
    struct chain_update *u;
};

static inline void fixture_updated(struct task *task)
{
    struct fixture_update *t = (struct fixture_update *)task;
    pool_update(t->f->pool, t->u, clock_unix_ms());
    sequencer_update(t->f->sequencer, t->u);
    rpc_update(t->f->rpc, t->u);
    chain_update_free(t->u);
    free(t);
}

/* Executor thread. */
static inline void fixture_on_update(void *ctx, struct chain_update *u)
{
    struct rpc_fixture *f = ctx;
    if (f->rpc == NULL) { /* the genesis */
        chain_update_free(u);
        return;
    }
    struct fixture_update *t = calloc(1, sizeof(*t));
    t->task.run = fixture_updated;
    t->f = f;
    t->u = u;
    cr_assert_eq(mailbox_post(f->to_loop, &t->task), MT_OK);
}

static inline void fixture_pending(void *ctx, struct pool_tx *tx)
{
    struct rpc_fixture *f = ctx;
    sequencer_pending(f->sequencer);
    rpc_pending(f->rpc, tx);
}

static inline void fixture_timer(void *ctx, uint64_t at_ms)
{
    ((struct rpc_fixture *)ctx)->tick_ms = at_ms;
}

/* Limits may be set in f->opt between fixture_init and fixture_start. */
static inline void fixture_init(struct rpc_fixture *f)
{
    static const char *const apis[] = {"eth", "net",   "web3", "debug",   "txpool",
                                       "rpc", "metis", "evm",  "hardhat", "anvil"};
    memset(f, 0, sizeof(*f));
    rpc_options_default(&f->opt);
    f->opt.apis = apis;
    f->opt.api_num = MT_ARRAY_LEN(apis);
    f->opt.client_version = "metisd/test";
}

static inline void fixture_start(struct rpc_fixture *f, enum cs_mode mode)
{
    struct mt_diag diag = {0};
    dev_chain_open_for(&f->dev, fixture_on_update, f);
    f->to_loop = mailbox_new(4096, NULL, NULL);
    f->readers = workers_new("readers", 2, 1024);
    f->account = (struct rpc_account){f->dev.addrs[0], f->dev.keys[0]};
    struct head_view *view = chain_view(f->dev.chain);
    struct pool_options po = {.tx_max = 1000,
                              .sender_max = 100,
                              .tx_size_max = 131072,
                              .bytes_max = 1u << 24,
                              .price_bump_percent = 10,
                              .ingest_max = 64,
                              .chain = f->dev.chain,
                              .on_pending = fixture_pending,
                              .ctx = f};
    f->pool = pool_new(&po, view);
    f->executor = executor_new(f->dev.chain, "test", 64);
    struct sequencer_options so = {.chain = f->dev.chain,
                                   .executor = f->executor,
                                   .pool = f->pool,
                                   .to_loop = f->to_loop,
                                   .config = {.mode = mode, .equal_time = true},
                                   .tx_max = 1000,
                                   .set_timer = fixture_timer,
                                   .ctx = f};
    f->sequencer = sequencer_new(&so, view);
    f->opt.chain = f->dev.chain;
    f->opt.pool = f->pool;
    f->opt.executor = f->executor;
    f->opt.sequencer = f->sequencer;
    f->opt.readers = f->readers;
    f->opt.to_loop = f->to_loop;
    f->opt.accounts = &f->account;
    f->opt.account_num = 1;
    cr_assert_eq(rpc_new(&f->opt, view, &f->rpc, &diag), MT_OK, "%s", diag.text);
    head_view_drop(view);
    buf_init(&f->reply, 64u << 20);
    sequencer_start(f->sequencer);
}

static inline void fixture_turn(struct rpc_fixture *f)
{
    mailbox_run(f->to_loop, 64);
    pool_flush(f->pool);
    if (f->tick_ms != 0 && clock_unix_ms() >= f->tick_ms) {
        f->tick_ms = 0;
        sequencer_tick(f->sequencer);
    }
    sequencer_turn(f->sequencer);
}

static inline void fixture_close(struct rpc_fixture *f)
{
    rpc_stop(f->rpc);
    sequencer_stop(f->sequencer);
    while (!rpc_idle(f->rpc) || !sequencer_idle(f->sequencer))
        fixture_turn(f);
    workers_free(f->readers);
    executor_free(f->executor);
    mailbox_run(f->to_loop, 4096);
    rpc_free(f->rpc);
    sequencer_free(f->sequencer);
    pool_free(f->pool);
    mailbox_free(f->to_loop);
    buf_fini(&f->reply);
    dev_chain_close(&f->dev);
}

static inline void fixture_done(void *ctx, struct buf *reply)
{
    struct rpc_fixture *f = ctx;
    buf_reset(&f->reply);
    buf_put_slice(&f->reply, buf_slice(reply));
    buf_put_u8(&f->reply, 0);
    f->answered = true;
}

/* The reply's text, until the next call. */
static inline const char *ask(struct rpc_fixture *f, const char *request)
{
    uint64_t t0 = clock_mono_ns();
    fixture_turn(f);
    f->answered = false;
    rpc_handle(f->rpc, slice_str(request), fixture_done, f);
    while (!f->answered && clock_mono_ns() - t0 < 20000000000u) {
        fixture_turn(f);
        if (!f->answered)
            usleep(100);
    }
    cr_assert(f->answered, "no answer to %s", request);
    return (const char *)f->reply.ptr;
}

/* method and params as JSON text. */
static inline const char *call(struct rpc_fixture *f, const char *method,
                               const char *params)
{
    static char request[1 << 20];
    int n = snprintf(request, sizeof(request),
                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}",
                     method, params);
    cr_assert(n > 0 && (size_t)n < sizeof(request));
    return ask(f, request);
}

#endif
