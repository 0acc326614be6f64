/* trace_*: traces in the form of Parity, as Erigon serves it. Two families: lists of
 * calls placed in the chain (trace_block, trace_transaction, trace_get, trace_filter),
 * and the three views of one run - trace, vmTrace, stateDiff - of transactions of the
 * chain (trace_replay*) and of calls (trace_call, trace_callMany, trace_rawTransaction).
 * As there, the outermost call's gas is what is left after the intrinsic gas. */
#include "trace_int.h"

#define CALLS_MAX 1000u /* of one trace_callMany */

const struct trace_options trace_list_options = {
    .kinds = TRACE_FLAT,
    .parity = true,
    .parity_errors = true,
};

/* ---- the three views ---- */

/* ["trace", "vmTrace", "stateDiff"] */
static bool val_views(struct call *c, size_t i, const json_t *v,
                      struct trace_options *opt)
{
    static const struct {
        const char *name;
        unsigned kind;
    } views[] = {{"trace", TRACE_FLAT}, {"vmTrace", TRACE_VM}, {"stateDiff", TRACE_DIFF}};
    *opt = trace_list_options;
    opt->kinds = 0;
    if (!json_is_array(v)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: not a list of trace types", i);
        return false;
    }
    for (size_t k = 0; k < json_array_size(v); k++) {
        const char *name = json_string_value(json_array_get(v, k));
        size_t n = 0;
        while (n < MT_ARRAY_LEN(views) &&
               (name == NULL || strcmp(views[n].name, name) != 0))
            n++;
        if (n == MT_ARRAY_LEN(views)) {
            call_fail(c, RPC_PARAMS,
                      "invalid argument %zu: trace types are trace, vmTrace, stateDiff",
                      i);
            return false;
        }
        opt->kinds |= views[n].kind;
    }
    return true;
}

/* After a run; vmTrace, when wanted, stands in the open object already. */
static void put_views(struct trace *t, const hash32 *hash)
{
    struct json_out *j = &t->c->out;
    if (!(t->opt->kinds & TRACE_VM)) {
        json_obj(j);
        json_kv_nil(j, "vmTrace");
    } else if (!j->comma) { /* no call was made */
        json_nil(j);
    }
    json_kv_hex(j, "output", t->output.ptr, t->output.len);
    json_key(j, "stateDiff");
    if (t->opt->kinds & TRACE_DIFF)
        diff_write(t, j);
    else
        json_nil(j);
    json_key(j, "trace");
    json_arr(j);
    for (const struct trace_frame *f = t->root; f != NULL; f = f->after)
        if (!f->hidden)
            flat_put(t, j, f, false);
    json_arr_end(j);
    if (hash != NULL)
        json_kv_hash(j, "transactionHash", hash);
    json_obj_end(j);
}

/* ---- lists ---- */

void trace_rewards(struct json_out *j, const struct chain_block *b,
                   const struct rules *rules, trace_reward_filter *wanted, void *ctx)
{
    const struct header *h = &b->block.header;
    if (!rules_have_work(rules) || h->number == 0)
        return;
    for (size_t i = 0; i <= b->block.ommer_num; i++) {
        const struct header *of = i == 0 ? h : &b->block.ommers[i - 1];
        u256 value = i == 0 ? reward_of_author(rules, b->block.ommer_num)
                            : reward_of_ommer(rules, h->number - of->number);
        if (wanted != NULL && !wanted(ctx, &of->coinbase))
            continue;
        json_obj(j);
        json_key(j, "action");
        json_obj(j);
        json_kv_addr(j, "author", &of->coinbase);
        json_kv_str(j, "rewardType", i == 0 ? "block" : "uncle");
        json_kv_hex_u256(j, "value", value);
        json_obj_end(j);
        json_kv_hash(j, "blockHash", &b->block.hash);
        json_kv_u64(j, "blockNumber", h->number);
        json_kv_nil(j, "result");
        json_kv_u64(j, "subtraces", 0);
        json_key(j, "traceAddress");
        json_arr(j);
        json_arr_end(j);
        json_kv_str(j, "type", "reward");
        json_obj_end(j);
    }
}

static void put_list(const struct trace *t, struct json_out *j)
{
    for (const struct trace_frame *f = t->root; f != NULL; f = f->after)
        if (!f->hidden)
            flat_put(t, j, f, true);
}

enum call_status m_parity_block(struct call *c)
{
    struct block_arg at;
    struct chain_block *b;
    struct replay r;
    struct tx_outcome o;
    if (!args_num(c, 1, 1) || !arg_block(c, 0, false, &at) || !block_find(c, &at, &b))
        return CALL_DONE;
    if (b == NULL) {
        json_nil(&c->out);
        return CALL_DONE;
    }
    struct rules rules = trace_rules_of(c, b);
    uint32_t num = (uint32_t)b->block.tx_num;
    json_arr(&c->out);
    chain_block_hold(b);
    bool ok = num == 0 || replay_open(&r, c, b, &trace_list_options);
    for (uint32_t i = 0; ok && i < num; i++) {
        ok = replay_next(&r, &o);
        if (ok)
            put_list(&r.t, &c->out);
    }
    if (num > 0)
        replay_close(&r);
    else
        chain_block_drop(b);
    if (ok)
        trace_rewards(&c->out, b, &rules, NULL, NULL);
    chain_block_drop(b);
    if (ok)
        json_arr_end(&c->out);
    return CALL_DONE;
}

enum call_status m_parity_tx(struct call *c)
{
    struct replay r;
    struct tx_outcome o;
    if (!args_num(c, 1, 1))
        return CALL_DONE;
    if (replay_tx(&r, c, 0, &trace_list_options, NULL, &o))
        flat_write(&r.t, &c->out, &o);
    replay_close(&r);
    return CALL_DONE;
}

/* The trace at a place in the tree: [] is the outermost call. */
enum call_status m_parity_get(struct call *c)
{
    struct replay r;
    struct tx_outcome o;
    unsigned want[FLAT_PATH_MAX], path[FLAT_PATH_MAX];
    const json_t *v = arg(c, 1);
    size_t n = json_array_size(v);
    if (!args_num(c, 2, 2))
        return CALL_DONE;
    if (!json_is_array(v) || n >= FLAT_PATH_MAX)
        return call_fail(c, RPC_PARAMS, "invalid argument 1: not a list of positions");
    for (size_t i = 0; i < n; i++) {
        uint64_t at;
        if (!val_u64(c, 1, json_array_get(v, i), &at))
            return CALL_DONE;
        want[i] = (unsigned)MT_MIN(at, (uint64_t)UINT32_MAX);
    }
    if (replay_tx(&r, c, 0, &trace_list_options, NULL, &o)) {
        const struct trace_frame *f = r.t.root;
        while (f != NULL && (f->hidden || flat_path(f, path) != n ||
                             memcmp(path, want, n * sizeof(*want)) != 0))
            f = f->after;
        if (f != NULL)
            flat_put(&r.t, &c->out, f, true);
        else
            json_nil(&c->out);
    }
    replay_close(&r);
    return CALL_DONE;
}

/* ---- transactions again ---- */

enum call_status m_parity_replay_tx(struct call *c)
{
    struct trace_options opt;
    struct replay r;
    struct tx_outcome o;
    if (!args_num(c, 2, 2) || !val_views(c, 1, arg(c, 1), &opt))
        return CALL_DONE;
    if (replay_tx(&r, c, 0, &opt, NULL, &o))
        put_views(&r.t, &r.t.tx->hash);
    replay_close(&r);
    return CALL_DONE;
}

enum call_status m_parity_replay_block(struct call *c)
{
    struct trace_options opt;
    struct block_arg at;
    struct chain_block *b;
    struct replay r;
    struct tx_outcome o;
    if (!args_num(c, 2, 2) || !arg_block(c, 0, false, &at) ||
        !val_views(c, 1, arg(c, 1), &opt) || !block_find(c, &at, &b))
        return CALL_DONE;
    if (b == NULL) {
        json_nil(&c->out);
        return CALL_DONE;
    }
    json_arr(&c->out);
    if (b->block.tx_num == 0) {
        json_arr_end(&c->out);
        chain_block_drop(b);
        return CALL_DONE;
    }
    bool ok = replay_open(&r, c, b, &opt);
    for (uint32_t i = 0; ok && i < b->block.tx_num; i++) {
        ok = replay_next(&r, &o);
        if (ok)
            put_views(&r.t, &b->block.txs[i].hash);
    }
    if (ok)
        json_arr_end(&c->out);
    replay_close(&r);
    return CALL_DONE;
}

/* ---- calls ---- */

/* The state after block parameter i, and what runs on it. */
static bool open_env(struct call *c, size_t i, struct call_env *env,
                     enum call_status *status)
{
    struct block_arg at;
    struct chain_state *s = NULL;
    *status = CALL_DONE;
    *env = (struct call_env){0};
    if (!arg_block(c, i, true, &at))
        return false;
    *status = call_state(c, &at, &s);
    return s != NULL && call_env_open(c, s, i, NULL, NULL, env);
}

static bool run_call(struct replay *r, struct call_tx *t)
{
    struct tx_outcome o;
    call_cap_gas(r->t.c, t);
    if (!replay_run(r, &t->tx, call_flags(&t->tx) | EXEC_SKIP_L1_FEE, &o))
        return false;
    put_views(&r->t, NULL);
    return true;
}

enum call_status m_parity_call(struct call *c)
{
    struct trace_options opt;
    struct call_tx tx;
    struct call_env env;
    struct replay r;
    enum call_status st;
    if (!args_num(c, 2, 3) || !arg_tx(c, 0, &tx) || !val_views(c, 1, arg(c, 1), &opt) ||
        !open_env(c, 2, &env, &st))
        return c->failed ? CALL_DONE : st;
    if (replay_open_call(&r, c, &env, &opt))
        run_call(&r, &tx);
    replay_close(&r);
    return CALL_DONE;
}

/* Each call sees what those before it did. */
enum call_status m_parity_call_many(struct call *c)
{
    const json_t *list = arg(c, 0);
    struct trace_options opt = trace_list_options;
    struct call_env env;
    struct replay r;
    enum call_status st;
    size_t n = json_array_size(list);
    if (!args_num(c, 1, 2))
        return CALL_DONE;
    if (!json_is_array(list) || n > CALLS_MAX)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: not a list of at most %u",
                         CALLS_MAX);
    struct call_tx *txs = arena_zalloc(c->arena, n + 1, sizeof(*txs));
    struct trace_options *opts = arena_zalloc(c->arena, n + 1, sizeof(*opts));
    if (txs == NULL || opts == NULL)
        return call_error(c, MT_ELIMIT, NULL);
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(list, i);
        if (!val_tx(c, 0, json_array_get(pair, 0), &txs[i]) ||
            !val_views(c, 0, json_array_get(pair, 1), &opts[i]))
            return CALL_DONE;
    }
    if (!open_env(c, 1, &env, &st))
        return st;
    json_arr(&c->out);
    bool ok = replay_open_call(&r, c, &env, &opt);
    for (size_t i = 0; ok && i < n; i++) {
        r.t.opt = &opts[i];
        ok = run_call(&r, &txs[i]);
    }
    if (ok)
        json_arr_end(&c->out);
    replay_close(&r);
    return CALL_DONE;
}

/* A signed transaction as it would run on the state of the head, by all its rules. */
enum call_status m_parity_raw(struct call *c)
{
    struct trace_options opt;
    struct call_env env;
    struct replay r;
    struct tx_outcome o;
    struct tx tx;
    struct mt_diag diag = {0};
    enum call_status st;
    slice raw;
    if (!args_num(c, 2, 2) || !arg_data(c, 0, &raw) || !val_views(c, 1, arg(c, 1), &opt))
        return CALL_DONE;
    mt_err err = tx_decode_network(raw, c->arena, &tx, &diag);
    if (err == MT_OK)
        err = tx_recover(&tx, true, crypto_native(), &diag);
    if (err != MT_OK)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: %s",
                         log_err_text(err, &diag));
    if (!open_env(c, 2, &env, &st))
        return st;
    if (replay_open_call(&r, c, &env, &opt) && replay_run(&r, &tx, 0, &o))
        put_views(&r.t, &tx.hash);
    replay_close(&r);
    return CALL_DONE;
}
