/* Running transactions again, watched: a block is begun on its parent's state and its
 * transactions run one after the other; the hooks are there only while a wanted one runs.
 * The block's changes live in the call's arena, its call frames and the notes of the
 * tracers in arenas that every transaction begins anew, so that a block of many
 * transactions needs no more than its largest. */
#include "trace_int.h"

/* ---- hooks ---- */

void trace_fail(struct trace *t, mt_err err)
{
    if (t->err == MT_OK)
        t->err = err;
}

static void on_step(void *ctx, const struct vm_step_view *v)
{
    struct trace *t = ctx;
    if (t->err != MT_OK || !buf_ok(&t->c->buf))
        return;
    if (t->opt->kinds & TRACE_PRESTATE)
        prestate_step(t, v);
    if (t->opt->kinds & TRACE_STEPS)
        steps_step(t, v);
    if (t->opt->kinds & TRACE_VM)
        vm_trace_step(t, v);
    if ((t->opt->kinds & (TRACE_STEPS | TRACE_VM)) && !call_part(t->c))
        trace_fail(t, MT_ECANCELED);
}

static void on_enter(void *ctx, unsigned depth, const struct vm_msg *msg)
{
    struct trace *t = ctx;
    if (t->opt->kinds & TRACE_TREE)
        tree_enter(t, depth, msg);
    if (t->opt->kinds & TRACE_VM)
        vm_trace_enter(t, depth, msg);
    if (t->opt->kinds & TRACE_PRESTATE) {
        prestate_flush(t);
        prestate_created(t, msg);
    }
}

static void on_leave(void *ctx, unsigned depth, enum vm_halt halt, uint64_t gas_used,
                     slice output)
{
    struct trace *t = ctx;
    if (t->opt->kinds & TRACE_TREE)
        tree_leave(t, depth, halt, gas_used, output);
    if (t->opt->kinds & TRACE_VM)
        vm_trace_leave(t, depth);
    if (t->opt->kinds & TRACE_PRESTATE)
        prestate_flush(t);
    if (depth == 0 && ((t->opt->kinds & TRACE_STEPS) || t->opt->parity) &&
        (halt == VM_SUCCESS || halt == VM_REVERT)) {
        uint8_t *p = arena_copy(t->arena, output.ptr, output.len);
        if (p == NULL)
            trace_fail(t, MT_ELIMIT);
        else
            t->output = slice_of(p, output.len);
    }
    t->faulted = false;
}

static void on_log(void *ctx, unsigned depth, const struct log *log)
{
    struct trace *t = ctx;
    if (t->opt->kinds & TRACE_CALL)
        tree_log(t, depth, log);
}

static void on_destruct(void *ctx, unsigned depth, const address *from,
                        const address *beneficiary, u256 balance)
{
    struct trace *t = ctx;
    (void)depth;
    if (t->opt->kinds & TRACE_TREE)
        tree_destruct(t, from, beneficiary, balance);
}

static void on_fault(void *ctx, unsigned depth, enum vm_halt halt,
                     const struct vm_fault *fault)
{
    struct trace *t = ctx;
    (void)depth;
    t->faulted = true;
    t->fault_text = trace_fault_text(t, halt, fault);
    if (halt == VM_OUT_OF_GAS || halt == VM_STACK_UNDERFLOW || halt == VM_STACK_OVERFLOW)
        t->pending = false;
    if (t->opt->kinds & TRACE_STEPS)
        steps_fault(t, halt, t->fault_text);
    if (t->opt->kinds & TRACE_VM)
        vm_trace_fault(t);
}

static bool trace_should_stop(void *ctx)
{
    const struct trace *t = ctx;
    return t->err != MT_OK || !buf_ok(&t->c->buf) || call_should_stop(t->c) ||
           (t->deadline_ns != 0 && clock_mono_ns() > t->deadline_ns + t->c->waited_ns);
}

/* ---- one transaction ---- */

static void hooks_on(struct trace *t)
{
    bool steps = (t->opt->kinds & (TRACE_STEPS | TRACE_PRESTATE | TRACE_VM)) != 0;
    t->hooks = (struct vm_tracer){
        .step = steps ? on_step : NULL,
        .enter = on_enter,
        .leave = on_leave,
        .log = on_log,
        .self_destruct = on_destruct,
        .fault = on_fault,
        .ctx = t,
    };
    if (t->opt->timeout_ns != 0)
        t->deadline_ns = clock_mono_ns() + t->opt->timeout_ns;
}

static void trace_failed(struct trace *t, mt_err err, const struct mt_diag *diag)
{
    struct call *c = t->c;
    if (t->err != MT_OK)
        err = t->err;
    if (c->failed) /* that is why */
        return;
    if (!buf_ok(&c->buf))
        call_fail(c, RPC_TOO_LARGE, "response too large: at most %zu bytes",
                  c->rpc->opt.reply_max);
    else if (err == MT_ELIMIT)
        call_fail(c, RPC_LIMIT, "the trace needs more memory than a call may have");
    else if (err == MT_ECANCELED && !call_should_stop(c))
        call_fail(c, RPC_TIMEOUT, "execution timeout");
    else if (err == MT_EINVALID_TX)
        call_fail(c, RPC_SERVER, "tracing failed: %s", log_err_text(err, diag));
    else
        call_error(c, err, diag);
}

bool replay_run(struct replay *r, const struct tx *tx, unsigned flags,
                struct tx_outcome *out)
{
    struct trace *t = &r->t;
    struct mt_diag diag = {0};
    *out = (struct tx_outcome){0};
    arena_reset(&r->notes);
    t->tx = tx;
    t->root = t->cur = t->last = NULL;
    t->level = NULL;
    t->pending = t->faulted = t->step_open = t->step_sload = false;
    t->step_num = 0;
    t->output = (slice){0};
    if (t->opt->kinds & TRACE_PRESTATE)
        prestate_begin(t, &r->header);
    if (t->opt->kinds & TRACE_STEPS)
        steps_begin(t);
    if (t->opt->kinds & TRACE_VM)
        vm_trace_begin(t);
    hooks_on(t);
    mt_err err = block_exec_tx(t->be, tx, flags | EXEC_NO_BLOOM, out, &diag);
    t->hooks = (struct vm_tracer){0};
    t->deadline_ns = 0;
    if (err == MT_OK && t->err == MT_OK && buf_ok(&t->c->buf))
        return true;
    trace_failed(t, err, &diag);
    return false;
}

/* ---- blocks ---- */

static bool exec_open(struct replay *r, const struct vm_reader *reader)
{
    struct trace *t = &r->t;
    struct block_exec_in in = {
        .rules = &r->rules,
        .header = &r->header,
        .reader = reader,
        .crypto = crypto_native(),
        .arena = t->c->arena,
        .scratch = &r->frames,
        .engine = VM_ENGINE_AUTO,
        .tracer = &t->hooks,
        .moves = t->env != NULL ? &t->env->overrides.moves : NULL,
        .blob_base_fee =
            t->env != NULL && t->env->has_blob_fee ? &t->env->blob_fee : NULL,
        .seed = t->c->start_ns,
        .should_stop = trace_should_stop,
        .stop_ctx = t,
    };
    t->be = block_exec_new(&in);
    if (t->be == NULL)
        trace_failed(t, MT_ELIMIT, NULL);
    return t->be != NULL;
}

/* The state before a block, which must stand on the canonical chain. */
static bool parent_open(struct call *c, const struct header *h)
{
    struct mt_diag diag = {0};
    hash32 parent;
    if (h->number == 0) {
        call_fail(c, RPC_SERVER, "genesis is not traceable");
        return false;
    }
    mt_err err = chain_canonical_hash(c->rpc->opt.chain, h->number - 1, &parent);
    if (err == MT_OK && !hash32_eq(&parent, &h->parent_hash)) {
        call_fail(c, RPC_SERVER, "the block's parent is not canonical");
        return false;
    }
    if (err == MT_OK)
        err = chain_state_open(c->rpc->opt.chain, h->number - 1, &c->state, &diag);
    if (err != MT_OK) {
        call_error(c, err, &diag);
        return false;
    }
    c->has_state = true;
    return true;
}

struct rules trace_rules_of(const struct call *c, const struct chain_block *b)
{
    const struct header *h = &b->block.header;
    u256 parent_td = u256_sub(b->total_difficulty, h->difficulty);
    return chain_rules_at(c->rpc->opt.chain, h->number, h->timestamp, &parent_td);
}

static void replay_init(struct replay *r, struct call *c, const struct header *h,
                        const struct rules *rules, const struct trace_options *opt)
{
    r->header = *h;
    r->rules = *rules;
    r->next = 0;
    r->kept = false;
    r->mark = arena_mark(c->arena);
    arena_init(&r->frames, c->rpc->opt.call_memory_max);
    arena_init(&r->notes, c->rpc->opt.call_memory_max);
    r->t = (struct trace){
        .c = c,
        .arena = &r->notes,
        .opt = opt,
        .rules = &r->rules,
        .number = h->number,
    };
}

bool replay_open(struct replay *r, struct call *c, struct chain_block *b,
                 const struct trace_options *opt)
{
    const struct header *h = &b->block.header;
    struct mt_diag diag = {0};
    struct rules rules = trace_rules_of(c, b);
    replay_init(r, c, h, &rules, opt);
    r->b = b;
    r->t.b = b;
    if (!parent_open(c, h) || !exec_open(r, &c->state.reader))
        return false;
    mt_err err = block_exec_begin(r->t.be, &diag);
    if (err != MT_OK)
        trace_failed(&r->t, err, &diag);
    return err == MT_OK;
}

static bool env_begin(struct replay *r, const struct call_env *env,
                      const struct vm_reader *reader)
{
    mt_err err = MT_OK;
    r->t.env = env;
    if (!exec_open(r, reader))
        return false;
    if (env->overrides.patch.account_num > 0)
        err = block_exec_patch(r->t.be, &env->overrides.patch);
    if (err != MT_OK)
        trace_failed(&r->t, err, NULL);
    return err == MT_OK;
}

bool replay_open_call(struct replay *r, struct call *c, const struct call_env *env,
                      const struct trace_options *opt)
{
    replay_init(r, c, &env->header, &env->rules, opt);
    r->b = NULL;
    return env_begin(r, env, env->reader);
}

bool replay_layer(struct replay *r, const struct call_env *env)
{
    const struct vm_reader *below = block_exec_reader(r->t.be);
    r->header = env->header;
    r->rules = env->rules;
    r->t.b = NULL;
    r->t.number = env->header.number;
    return env_begin(r, env, below);
}

bool replay_to(struct replay *r, uint32_t idx)
{
    struct tx_outcome o;
    struct mt_diag diag = {0};
    for (; r->next < idx; r->next++) {
        mt_err err =
            block_exec_tx(r->t.be, &r->b->block.txs[r->next], EXEC_NO_BLOOM, &o, &diag);
        if (err != MT_OK) {
            trace_failed(&r->t, err, &diag);
            return false;
        }
    }
    return true;
}

bool replay_next(struct replay *r, struct tx_outcome *out)
{
    r->t.idx = r->next++;
    return replay_run(r, &r->b->block.txs[r->t.idx], 0, out);
}

void replay_close(struct replay *r)
{
    struct call *c = r->t.c;
    if (r->t.err != MT_OK && !c->failed) /* of a writer */
        trace_failed(&r->t, r->t.err, NULL);
    if (r->kept)
        trace_cache_put(c, &r->key, r->text);
    arena_fini(&r->frames);
    arena_fini(&r->notes);
    arena_rewind(c->arena, r->mark);
    if (r->b == NULL)
        return;
    if (c->has_state)
        chain_state_close(&c->state);
    c->has_state = false;
    chain_block_drop(r->b);
}

bool replay_tx(struct replay *r, struct call *c, size_t i,
               const struct trace_options *opt, const char *missing,
               struct tx_outcome *out)
{
    struct chain_block *b;
    hash32 hash;
    uint32_t idx;
    *r = (struct replay){.t.c = c};
    r->mark = arena_mark(c->arena);
    if (!arg_hash(c, i, &hash))
        return false;
    mt_err err = chain_find_tx(c->rpc->opt.chain, &hash, &b, &idx);
    if (err == MT_ENOTFOUND) {
        if (missing != NULL)
            call_fail(c, RPC_SERVER, "%s", missing);
        else
            json_nil(&c->out);
        return false;
    }
    if (err != MT_OK) {
        call_error(c, err, NULL);
        return false;
    }
    hash32 key;
    bool keep = trace_cache_key(c, &b->block.hash, &key);
    if (keep && trace_cache_get(c, &key)) {
        chain_block_drop(b);
        return false;
    }
    if (!replay_open(r, c, b, opt) || !replay_to(r, idx))
        return false;
    r->kept = keep;
    r->key = key;
    r->text = c->buf.len;
    return replay_next(r, out);
}
