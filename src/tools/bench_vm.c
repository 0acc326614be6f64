/* metis-bench vm: programs in state-test form.
 *
 * Each entry of a file's `post` is a case: its transaction is executed once and checked
 * against the state root and logs hash there, then timed in two ways: `call_ns`, the
 * message call alone on a state that is reset each time (code analysis cached), and
 * `tx_ns`, the whole transaction from the block executor to its delta. Both in thread-CPU
 * time. */
#include "bench.h"
#include "evm_fixture.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLE_S   0.02 /* a sample repeats the case until it took that long */
#define REPEAT_MAX 100000u
#define MEMORY_MAX ((size_t)4 << 30)

struct bench_case {
    const json_t *env, *transaction, *entry;
    enum fork fork;
    enum vm_engine engine;
    size_t runs;
    struct arena *arena, *scratch; /* values of the case; memory of one run */
    struct chain_spec spec;
    struct rules rules;
    struct header header;
    struct mem_state pre;
    struct vm_reader reader;
    struct tx tx;
    uint64_t tx_gas, call_gas;
    struct bench_stat call_ns, tx_ns, wall_s, mgas;
};

static mt_err test_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    char text[24];
    (void)ctx;
    *out = keccak256(text, mt_fmt(text, sizeof text, "%llu", (unsigned long long)number));
    return MT_OK;
}

/* ---- the case ---- */

/* The member `key` of the transaction; of a list, the one that `indexes` chooses. */
static json_t *chosen(const struct bench_case *c, const char *key, const char *index)
{
    uint64_t i = 0;
    const json_t *indexes = json_object_get(c->entry, "indexes");
    json_t *v = json_object_get(c->transaction, key);
    json_t *at = json_object_get(indexes, index);
    if (json_is_integer(at))
        i = (uint64_t)json_integer_value(at);
    return json_is_array(v) ? json_array_get(v, i) : v;
}

static bool make_tx(struct bench_case *c)
{
    json_t *flat = json_object();
    json_object_set(flat, "data", chosen(c, "data", "data"));
    json_object_set(flat, "gas", chosen(c, "gasLimit", "gas"));
    json_object_set(flat, "value", chosen(c, "value", "value"));
    struct tx *tx = &c->tx;
    *tx = (struct tx){.type = TX_LEGACY, .has_to = true, .has_from = true};
    bool ok = fx_bytes(flat, "data", c->arena, &tx->data) &&
              fx_u64(flat, "gas", &tx->gas) && fx_u256(flat, "value", &tx->value) &&
              fx_u256(c->transaction, "gasPrice", &tx->gas_price) &&
              fx_u64(c->transaction, "nonce", &tx->nonce) &&
              fx_address(c->transaction, "to", &tx->to) &&
              fx_address(c->transaction, "sender", &tx->from);
    tx->max_fee = tx->max_priority_fee = tx->gas_price;
    json_decref(flat);
    return ok;
}

static bool make_header(struct bench_case *c)
{
    u256 randao;
    struct header *h = &c->header;
    *h = (struct header){.field_num = HEADER_FIELDS_MAX};
    if (fx_u256(c->env, "currentRandom", &randao))
        h->mix_hash = u256_to_hash(randao);
    fx_u256(c->env, "currentDifficulty", &h->difficulty);
    fx_u256(c->env, "currentBaseFee", &h->base_fee);
    return fx_address(c->env, "currentCoinbase", &h->coinbase) &&
           fx_u64(c->env, "currentGasLimit", &h->gas_limit) &&
           fx_u64(c->env, "currentNumber", &h->number) &&
           fx_u64(c->env, "currentTimestamp", &h->timestamp);
}

/* ---- one run ---- */

static mt_err run_tx(struct bench_case *c, struct arena *arena, struct tx_outcome *out)
{
    struct mt_diag diag = {0};
    struct block_exec_in in = {.rules = &c->rules,
                               .header = &c->header,
                               .reader = &c->reader,
                               .crypto = crypto_native(),
                               .arena = arena,
                               .scratch = c->scratch,
                               .engine = c->engine};
    struct block_exec *be = block_exec_new(&in);
    if (be == NULL)
        return MT_ELIMIT;
    return block_exec_tx(be, &c->tx, 0, out, &diag);
}

/* The message call of the transaction; its gas. */
static mt_err run_call(struct bench_case *c, struct vm_state *state, uint64_t *gas)
{
    struct vm_block block = {.number = c->header.number,
                             .timestamp = c->header.timestamp,
                             .coinbase = c->header.coinbase,
                             .gas_limit = c->header.gas_limit,
                             .base_fee = c->header.base_fee,
                             .difficulty = c->header.difficulty,
                             .prev_randao = c->header.mix_hash};
    struct vm_tx tx = {.origin = c->tx.from, .gas_price = c->tx.gas_price};
    struct vm_env env = {.rules = &c->rules,
                         .block = &block,
                         .tx = &tx,
                         .state = state,
                         .crypto = crypto_native(),
                         .arena = c->scratch,
                         .engine = c->engine};
    struct vm_msg msg = {.kind = VM_CALL,
                         .gas = c->tx.gas,
                         .caller = c->tx.from,
                         .to = c->tx.to,
                         .code_from = c->tx.to,
                         .value = c->tx.value,
                         .input = c->tx.data};
    struct vm_result r;
    bool was_warm;
    vm_state_reset(state, &c->rules);
    MT_TRY(vm_state_warm_account(state, &c->tx.to, &was_warm));
    MT_TRY(vm_call(&env, &msg, &r));
    *gas = c->tx.gas - r.gas_left;
    return MT_OK;
}

/* Executes once and compares with the fixture. */
static bool check(struct bench_case *c)
{
    struct tx_outcome o;
    struct mem_state post;
    struct buf logs;
    hash32 root, want_root, want_logs;
    mt_err err = run_tx(c, c->arena, &o);
    if (err == MT_OK)
        err = mem_state_next(&c->pre, &o.delta, c->arena, &post);
    if (err == MT_OK)
        err = mem_state_root(&post, c->arena, &root);
    if (err != MT_OK || !fx_hash(c->entry, "hash", &want_root) ||
        !fx_hash(c->entry, "logs", &want_logs))
        return false;
    buf_init_arena(&logs, c->arena, SIZE_MAX / 2);
    logs_encode(o.receipt.logs, o.receipt.log_num, &logs);
    hash32 logs_hash = keccak256(logs.ptr, logs.len);
    c->tx_gas = o.gas_used;
    return hash32_eq(&root, &want_root) && hash32_eq(&logs_hash, &want_logs);
}

/* ---- timing ---- */

static mt_err once(struct bench_case *c, struct vm_state *state)
{
    struct tx_outcome o;
    mt_err err;
    if (state != NULL) {
        err = run_call(c, state, &c->call_gas);
    } else {
        struct arena_mark mark = arena_mark(c->arena);
        err = run_tx(c, c->arena, &o);
        arena_rewind(c->arena, mark);
    }
    arena_reset(c->scratch);
    return err;
}

/* Seconds of thread CPU per repetition; *repeat grows until a sample is long enough. */
static mt_err sample(struct bench_case *c, struct vm_state *state, size_t *repeat,
                     double *out)
{
    for (;;) {
        double start = bench_thread_cpu_s();
        for (size_t i = 0; i < *repeat; i++)
            MT_TRY(once(c, state));
        double used = bench_thread_cpu_s() - start;
        *out = used / (double)*repeat;
        if (used >= SAMPLE_S || *repeat >= REPEAT_MAX)
            return MT_OK;
        *repeat *= 2;
    }
}

static mt_err measure(struct bench_case *c, struct arena *state_arena)
{
    size_t call_repeat = 1, tx_repeat = 1;
    struct vm_state *state = vm_state_new(state_arena, &c->reader, 1);
    if (state == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < c->runs; i++) {
        double call, tx, start = bench_wall_s();
        MT_TRY(sample(c, state, &call_repeat, &call));
        MT_TRY(sample(c, NULL, &tx_repeat, &tx));
        bench_add(&c->call_ns, call * 1e9);
        bench_add(&c->tx_ns, tx * 1e9);
        bench_add(&c->mgas, (double)c->call_gas / 1e6 / call);
        bench_add(&c->wall_s, bench_wall_s() - start);
    }
    return MT_OK;
}

static void print(const struct bench_case *c, const char *name, const char *input)
{
    struct bench_line line;
    bench_begin(&line, "vm", name);
    struct json_out *j = &line.json;
    json_kv_str(j, "input", input);
    json_kv_str(j, "fork", fork_name(c->fork));
    json_kv_str(j, "engine", "reference");
    json_kv_u64(j, "runs", c->runs);
    json_kv_u64(j, "gas", c->call_gas);
    json_kv_u64(j, "tx_gas", c->tx_gas);
    bench_stat_out(&line, "call_ns", &c->call_ns);
    bench_stat_out(&line, "mgas_per_s", &c->mgas);
    bench_stat_out(&line, "tx_ns", &c->tx_ns);
    bench_stat_out(&line, "wall_s", &c->wall_s);
    bench_end(&line);
}

/* ---- files ---- */

/* The name that the fixture gives to the input of an entry, or its number. */
static void input_name(const struct bench_case *c, const json_t *test, char *out,
                       size_t n)
{
    char key[24];
    const json_t *labels = json_object_get(json_object_get(test, "_info"), "labels");
    const json_t *i = json_object_get(json_object_get(c->entry, "indexes"), "data");
    mt_fmt(key, sizeof key, "%lld", (long long)json_integer_value(i));
    const char *label = fx_str(labels, key);
    mt_fmt(out, n, "%s", label == NULL ? key : label);
}

static int run_case(struct bench_case *c, const char *name, const json_t *test)
{
    struct arena arena, scratch, state_arena;
    struct mt_diag diag = {0};
    char input[64];
    int status = 1;
    arena_init(&arena, MEMORY_MAX);
    arena_init(&scratch, MEMORY_MAX);
    arena_init(&state_arena, MEMORY_MAX);
    c->arena = &arena;
    c->scratch = &scratch;
    chain_spec_for_fork(c->fork, 1, &c->spec);
    input_name(c, test, input, sizeof input);
    if (!make_header(c) || !make_tx(c) ||
        mem_state_parse(json_object_get(test, "pre"), &arena, &c->pre, &diag) != MT_OK) {
        bench_fail(1, "vm: %s: malformed test %s", name, diag.text);
        goto out;
    }
    c->pre.block_hash = test_block_hash;
    c->rules = chain_rules(&c->spec, c->header.number, c->header.timestamp, true);
    c->reader = mem_state_reader(&c->pre);
    if (!check(c)) {
        bench_fail(1, "vm: %s, %s: the result is not that of the test", name, input);
        goto out;
    }
    mt_err err = measure(c, &state_arena);
    if (err != MT_OK) {
        bench_fail(1, "vm: %s: %s", name, mt_err_text(err));
        goto out;
    }
    print(c, name, input);
    status = 0;
out:
    arena_fini(&state_arena);
    arena_fini(&scratch);
    arena_fini(&arena);
    return status;
}

static int run_file(const char *path, enum vm_engine engine, size_t runs)
{
    const char *name, *fork;
    json_t *test, *entries, *doc = json_load_file(path, 0, NULL);
    int status = 0;
    if (doc == NULL)
        return bench_fail(1, "vm: cannot read %s", path);
    json_object_foreach(doc, name, test)
        json_object_foreach(json_object_get(test, "post"), fork, entries)
    {
        for (size_t i = 0; i < json_array_size(entries); i++) {
            struct bench_case c = {.env = json_object_get(test, "env"),
                                   .transaction = json_object_get(test, "transaction"),
                                   .entry = json_array_get(entries, i),
                                   .engine = engine,
                                   .runs = runs};
            if (fork_parse(fork, &c.fork) == MT_OK)
                status |= run_case(&c, name, test);
        }
    }
    json_decref(doc);
    return status;
}

int bench_vm_main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"engine", 1, NULL, 'e'}, {"runs", 1, NULL, 'r'}, {0}};
    enum vm_engine engine = VM_ENGINE_AUTO;
    size_t runs = 7;
    int status = 0;
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (o == 'e' && vm_engine_parse(optarg, &engine) != MT_OK)
            return bench_fail(2, "vm: this build has no engine '%s'", optarg);
        else if (o == 'r')
            runs = strtoul(optarg, NULL, 10);
        else if (o != 'e')
            return 2;
    }
    if (optind == argc || runs == 0 || runs > BENCH_RUNS_MAX)
        return bench_fail(2, "vm: FILE... is needed, and 1 to %d runs", BENCH_RUNS_MAX);
    for (int i = optind; i < argc; i++)
        status |= run_file(argv[i], engine, runs);
    return status;
}
