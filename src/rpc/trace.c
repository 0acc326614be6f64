/* debug_trace*: runs transactions of past blocks again, or calls, and tells what they
 * did. A block is begun on its parent's state and its transactions run one after the
 * other; the hooks are there only while a wanted one runs. */
#include "trace_int.h"

#define MUX_NAME "muxTracer"

static const struct {
    const char *name;
    unsigned kind;
} kinds[] = {
    /* in the order of a muxTracer's reply */
    {"4byteTracer", TRACE_4BYTE},       {"callTracer", TRACE_CALL},
    {"flatCallTracer", TRACE_FLAT},     {"noopTracer", TRACE_NOOP},
    {"prestateTracer", TRACE_PRESTATE},
};

/* ---- options ---- */

static bool opt_bool(struct call *c, size_t i, const json_t *o, const char *key,
                     bool *out)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_boolean(v)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: %s is not a boolean", i, key);
        return false;
    }
    *out = json_is_true(v);
    return true;
}

static bool kind_options(struct call *c, size_t i, unsigned kind, const json_t *o,
                         struct trace_options *opt)
{
    opt->kinds |= kind;
    if (o == NULL || json_is_null(o))
        return true;
    if (!json_is_object(o)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: tracerConfig is not an object",
                  i);
        return false;
    }
    if (kind == TRACE_CALL)
        return opt_bool(c, i, o, "onlyTopCall", &opt->only_top) &&
               opt_bool(c, i, o, "withLog", &opt->with_log);
    if (kind == TRACE_FLAT)
        return opt_bool(c, i, o, "convertParityErrors", &opt->parity_errors) &&
               opt_bool(c, i, o, "includePrecompiles", &opt->precompiles);
    if (kind != TRACE_PRESTATE)
        return true;
    if (!opt_bool(c, i, o, "diffMode", &opt->diff) ||
        !opt_bool(c, i, o, "disableCode", &opt->no_code) ||
        !opt_bool(c, i, o, "disableStorage", &opt->no_storage) ||
        !opt_bool(c, i, o, "includeEmpty", &opt->include_empty))
        return false;
    if (opt->diff && opt->include_empty) {
        call_fail(c, RPC_SERVER, "cannot use diffMode with includeEmpty");
        return false;
    }
    return true;
}

static bool named_tracer(struct call *c, size_t i, const char *name, const json_t *config,
                         struct trace_options *opt)
{
    for (size_t k = 0; k < MT_ARRAY_LEN(kinds); k++)
        if (strcmp(kinds[k].name, name) == 0)
            return kind_options(c, i, kinds[k].kind, config, opt);
    call_fail(c, RPC_UNSUPPORTED, "unknown tracer \"%.60s\": no JavaScript here", name);
    return false;
}

static bool mux_options(struct call *c, size_t i, const json_t *config,
                        struct trace_options *opt)
{
    const char *name;
    json_t *value;
    opt->mux = true;
    if (!json_is_object(config)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: muxTracer wants a tracerConfig",
                  i);
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)config, name, value)
    {
        if (!named_tracer(c, i, name, value, opt))
            return false;
    }
    return true;
}

/* "5s", "300ms", "1m30s": nanoseconds; 0 when it is not one. */
static uint64_t duration(const char *s)
{
    double all = 0;
    while (*s != 0) {
        double n = 0, place = 1;
        bool digits = false;
        for (; (*s >= '0' && *s <= '9') || (*s == '.' && place == 1.0); s++) {
            if (*s == '.') {
                place = 0.1;
                continue;
            }
            digits = true;
            if (place < 1) {
                n += place * (*s - '0');
                place /= 10;
            } else {
                n = n * 10 + (*s - '0');
            }
        }
        static const struct {
            const char *unit;
            double ns;
        } units[] = {{"ms", 1e6}, {"us", 1e3}, {"ns", 1},
                     {"s", 1e9},  {"m", 6e10}, {"h", 3.6e12}};
        size_t k = 0;
        while (k < MT_ARRAY_LEN(units) &&
               strncmp(s, units[k].unit, strlen(units[k].unit)) != 0)
            k++;
        if (!digits || k == MT_ARRAY_LEN(units))
            return 0;
        all += n * units[k].ns;
        s += strlen(units[k].unit);
    }
    return all > 1e18 ? (uint64_t)1e18 : (uint64_t)all;
}

static bool steps_options(struct call *c, size_t i, const json_t *o,
                          struct trace_options *opt)
{
    const json_t *limit = json_object_get(o, "limit");
    opt->kinds = TRACE_STEPS;
    if (limit != NULL && !json_is_null(limit)) {
        if (!json_is_integer(limit) || json_integer_value(limit) < 0) {
            call_fail(c, RPC_PARAMS, "invalid argument %zu: limit is not a number", i);
            return false;
        }
        opt->limit = (uint64_t)json_integer_value(limit);
    }
    return opt_bool(c, i, o, "disableStack", &opt->stack_off) &&
           opt_bool(c, i, o, "disableStorage", &opt->storage_off) &&
           opt_bool(c, i, o, "enableMemory", &opt->memory_on) &&
           opt_bool(c, i, o, "enableReturnData", &opt->return_data_on);
}

static bool arg_options(struct call *c, size_t i, struct trace_options *opt)
{
    const json_t *o = arg(c, i);
    *opt = (struct trace_options){.kinds = TRACE_STEPS};
    if (o == NULL)
        return true;
    if (!json_is_object(o)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: not an object", i);
        return false;
    }
    const json_t *tracer = json_object_get(o, "tracer");
    const json_t *config = json_object_get(o, "tracerConfig");
    const json_t *timeout = json_object_get(o, "timeout");
    if (timeout != NULL && !json_is_null(timeout)) {
        const char *text = json_string_value(timeout);
        opt->timeout_ns = text == NULL ? 0 : duration(text);
        if (opt->timeout_ns == 0) {
            call_fail(c, RPC_PARAMS, "invalid argument %zu: timeout is no duration", i);
            return false;
        }
    }
    if (tracer == NULL || json_is_null(tracer))
        return steps_options(c, i, o, opt);
    opt->kinds = 0;
    if (!json_is_string(tracer)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: tracer is not a string", i);
        return false;
    }
    if (strcmp(json_string_value(tracer), MUX_NAME) == 0)
        return mux_options(c, i, config, opt);
    return named_tracer(c, i, json_string_value(tracer), config, opt);
}

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
}

static void on_enter(void *ctx, unsigned depth, const struct vm_msg *msg)
{
    struct trace *t = ctx;
    if (t->opt->kinds & TRACE_TREE)
        tree_enter(t, depth, msg);
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
    if (t->opt->kinds & TRACE_PRESTATE)
        prestate_flush(t);
    if (depth == 0 && (t->opt->kinds & TRACE_STEPS)) {
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
}

static bool trace_should_stop(void *ctx)
{
    const struct trace *t = ctx;
    return t->err != MT_OK || !buf_ok(&t->c->buf) || call_should_stop(t->c) ||
           (t->deadline_ns != 0 && clock_mono_ns() > t->deadline_ns);
}

/* ---- one transaction ---- */

static void hooks_on(struct trace *t)
{
    bool steps = (t->opt->kinds & (TRACE_STEPS | TRACE_PRESTATE)) != 0;
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

static void write_kind(struct trace *t, unsigned kind, const struct tx_outcome *o)
{
    struct json_out *j = &t->c->out;
    switch (kind) {
    case TRACE_CALL:
        call_write(t, j, o);
        break;
    case TRACE_FLAT:
        flat_write(t, j, o);
        break;
    case TRACE_4BYTE:
        fourbyte_write(t, j);
        break;
    case TRACE_PRESTATE:
        prestate_write(t, j);
        break;
    default:
        json_obj(j);
        json_obj_end(j);
    }
}

static void write_result(struct trace *t, const struct tx_outcome *o)
{
    struct json_out *j = &t->c->out;
    if (t->opt->kinds & TRACE_STEPS) {
        steps_end(t, o);
        return;
    }
    if (t->opt->mux)
        json_obj(j);
    for (size_t i = 0; i < MT_ARRAY_LEN(kinds); i++) {
        if (!(t->opt->kinds & kinds[i].kind))
            continue;
        if (t->opt->mux)
            json_key(j, kinds[i].name);
        write_kind(t, kinds[i].kind, o);
    }
    if (t->opt->mux)
        json_obj_end(j);
}

static enum call_status trace_failed(struct trace *t, mt_err err,
                                     const struct mt_diag *diag)
{
    struct call *c = t->c;
    if (!buf_ok(&c->buf))
        return call_fail(c, RPC_TOO_LARGE, "response too large: at most %zu bytes",
                         c->rpc->opt.reply_max);
    if (t->err != MT_OK)
        err = t->err;
    if (err == MT_ELIMIT)
        return call_fail(c, RPC_LIMIT,
                         "the trace needs more memory than a call may have");
    if (err == MT_ECANCELED && !call_should_stop(c))
        return call_fail(c, RPC_TIMEOUT, "execution timeout");
    if (err == MT_EINVALID_TX)
        return call_fail(c, RPC_SERVER, "tracing failed: %s", log_err_text(err, diag));
    return call_error(c, err, diag);
}

/* Runs tx watched and writes its trace; false after an error was written. */
static bool trace_one(struct trace *t, const struct header *h, const struct tx *tx,
                      unsigned flags)
{
    struct tx_outcome o = {0};
    struct mt_diag diag = {0};
    t->tx = tx;
    t->root = t->cur = t->last = NULL;
    t->pending = t->faulted = t->step_open = t->step_sload = false;
    t->step_num = 0;
    t->output = (slice){0};
    if (t->opt->kinds & TRACE_PRESTATE)
        prestate_begin(t, h);
    if (t->opt->kinds & TRACE_STEPS)
        steps_begin(t);
    hooks_on(t);
    mt_err err = block_exec_tx(t->be, tx, flags, &o, &diag);
    t->hooks = (struct vm_tracer){0};
    t->deadline_ns = 0;
    if (err == MT_OK && t->err == MT_OK && buf_ok(&t->c->buf))
        write_result(t, &o);
    if (err == MT_OK && t->err == MT_OK && buf_ok(&t->c->buf))
        return true;
    trace_failed(t, err, &diag);
    return false;
}

/* ---- blocks ---- */

static bool exec_open(struct trace *t, struct chain_state *s, const struct header *h,
                      struct arena *frames)
{
    struct block_exec_in in = {
        .rules = t->rules,
        .header = h,
        .reader = &s->reader,
        .crypto = crypto_native(),
        .arena = t->arena,
        .scratch = frames,
        .engine = VM_ENGINE_AUTO,
        .tracer = &t->hooks,
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
static bool parent_open(struct call *c, const struct chain_block *b)
{
    struct mt_diag diag = {0};
    const struct header *h = &b->block.header;
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

/* Transactions [0, num) of b again; the last one is traced, or all in a list. */
static bool replay(struct trace *t, const struct chain_block *b, uint32_t num, bool all)
{
    struct mt_diag diag = {0};
    struct tx_outcome o;
    struct json_out *j = &t->c->out;
    mt_err err = block_exec_begin(t->be, &diag);
    if (all)
        json_arr(j);
    for (uint32_t i = 0; i < num && err == MT_OK; i++) {
        const struct tx *tx = &b->block.txs[i];
        t->idx = i;
        if (!all && i + 1 < num) {
            err = block_exec_tx(t->be, tx, 0, &o, &diag);
            continue;
        }
        if (all) {
            json_obj(j);
            json_key(j, "txHash");
            json_hash(j, &tx->hash);
            json_key(j, "result");
        }
        if (!trace_one(t, &b->block.header, tx, 0))
            return false;
        if (all)
            json_obj_end(j);
    }
    if (all)
        json_arr_end(j);
    if (err != MT_OK)
        trace_failed(t, err, &diag);
    return err == MT_OK;
}

static enum call_status trace_block(struct call *c, struct chain_block *b, uint32_t num,
                                    bool all, const struct trace_options *opt)
{
    const struct header *h = &b->block.header;
    u256 parent_td = u256_sub(b->total_difficulty, h->difficulty);
    struct rules rules =
        chain_rules_at(c->rpc->opt.chain, h->number, h->timestamp, &parent_td);
    struct trace t = {.c = c, .arena = c->arena, .opt = opt, .rules = &rules};
    struct arena frames;
    t.b = b;
    t.number = h->number;
    arena_init(&frames, c->rpc->opt.call_memory_max);
    if (parent_open(c, b) && exec_open(&t, &c->state, h, &frames))
        replay(&t, b, num, all);
    arena_fini(&frames);
    chain_block_drop(b);
    return CALL_DONE;
}

static enum call_status whole_block(struct call *c, const struct block_arg *at)
{
    struct trace_options opt;
    struct chain_block *b;
    if (!arg_options(c, 1, &opt) || !block_find(c, at, &b))
        return CALL_DONE;
    if (b == NULL && at->kind == BLOCK_HASH)
        return call_fail(c, RPC_SERVER, "block %s not found", hash32_text(&at->hash).s);
    if (b == NULL)
        return call_fail(c, RPC_SERVER, "block #%llu not found",
                         (unsigned long long)at->number);
    return trace_block(c, b, (uint32_t)b->block.tx_num, true, &opt);
}

enum call_status m_trace_block_by_number(struct call *c)
{
    struct block_arg at;
    if (!args_num(c, 1, 2) || !arg_block(c, 0, false, &at))
        return CALL_DONE;
    return whole_block(c, &at);
}

enum call_status m_trace_block_by_hash(struct call *c)
{
    struct block_arg at = {.kind = BLOCK_HASH};
    if (!args_num(c, 1, 2) || !arg_hash(c, 0, &at.hash))
        return CALL_DONE;
    return whole_block(c, &at);
}

enum call_status m_trace_tx(struct call *c)
{
    struct trace_options opt;
    struct chain_block *b;
    hash32 hash;
    uint32_t idx;
    if (!args_num(c, 1, 2) || !arg_hash(c, 0, &hash) || !arg_options(c, 1, &opt))
        return CALL_DONE;
    mt_err err = chain_find_tx(c->rpc->opt.chain, &hash, &b, &idx);
    if (err == MT_ENOTFOUND)
        return call_fail(c, RPC_SERVER, "transaction not found");
    if (err != MT_OK)
        return call_error(c, err, NULL);
    return trace_block(c, b, idx + 1, false, &opt);
}

/* ---- calls ---- */

enum call_status m_trace_call(struct call *c)
{
    struct trace_options opt;
    struct call_tx tx;
    struct block_arg at;
    struct chain_state *s = NULL;
    struct call_env env = {0};
    const json_t *o = arg(c, 2);
    if (!args_num(c, 1, 3) || !arg_tx(c, 0, &tx) || !arg_block(c, 1, true, &at) ||
        !arg_options(c, 2, &opt))
        return CALL_DONE;
    if (at.kind == BLOCK_PENDING)
        return call_fail(c, RPC_SERVER, "tracing on top of pending is not supported");
    if (!json_is_null(json_object_get(o, "txIndex")) && json_object_get(o, "txIndex"))
        return call_fail(c, RPC_UNSUPPORTED, "txIndex is not supported");
    enum call_status st = call_state(c, &at, &s);
    if (s == NULL || !call_env_open(c, s, 2, json_object_get(o, "stateOverrides"),
                                    json_object_get(o, "blockOverrides"), &env))
        return st;
    uint64_t cap = c->rpc->opt.call_gas_max;
    if (!tx.has_gas || (cap > 0 && tx.tx.gas > cap))
        tx.tx.gas = cap > 0 ? cap : UINT64_MAX / 2;
    struct trace t = {.c = c, .arena = c->arena, .opt = &opt, .rules = &env.rules};
    struct arena frames;
    mt_err err = MT_OK;
    t.number = env.header.number;
    arena_init(&frames, c->rpc->opt.call_memory_max);
    if (exec_open(&t, s, &env.header, &frames)) {
        if (env.patch.account_num > 0)
            err = block_exec_patch(t.be, &env.patch);
        if (err != MT_OK)
            trace_failed(&t, err, NULL);
        else
            trace_one(&t, &env.header, &tx.tx, call_flags(&tx.tx) | EXEC_SKIP_L1_FEE);
    }
    arena_fini(&frames);
    return CALL_DONE;
}
