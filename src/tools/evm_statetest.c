/* metis-evm statetest: state tests of the public suites (ethereum/tests and EEST
 * layouts).
 *
 * Each entry of `post` is a case: one transaction, taken from its signed bytes, on the
 * state `pre` in the block `env`. What must agree: the state root, the hash of the logs,
 * and where an exception is expected its name, the state unchanged. */
#include "evm.h"
#include "evm_fixture.h"
#include "evm_reasons.h"

#define CASE_MEMORY_MAX ((size_t)4 << 30)

/* A test: what its cases share. */
struct test {
    struct suite *suite;
    struct arena *arena, *scratch; /* of the file; the latter for call frames */
    const char *name;
    const json_t *env;
    uint64_t chain_id;
    const json_t *config;
    struct mem_state pre;
};

/* The block hash of a state test is a convention of the suites: keccak of the number's
 * decimal text. */
static mt_err test_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    char text[24];
    (void)ctx;
    size_t n = mt_fmt(text, sizeof text, "%llu", (unsigned long long)number);
    *out = keccak256(text, n);
    return MT_OK;
}

/* ================= one case ================= */

struct verdict {
    hash32 root, logs;
    bool refused;
    struct tx_reasons reasons; /* by name */
    char why[MT_DIAG_TEXT_MAX];
};

static bool make_header(const struct test *t, struct header *h)
{
    const json_t *env = t->env;
    bool ok = fx_address(env, "currentCoinbase", &h->coinbase) &&
              fx_u64(env, "currentGasLimit", &h->gas_limit) &&
              fx_u64(env, "currentNumber", &h->number) &&
              fx_u64(env, "currentTimestamp", &h->timestamp);
    u256 randao;
    if (fx_u256(env, "currentRandom", &randao))
        h->mix_hash = u256_to_hash(randao);
    fx_u256(env, "currentDifficulty", &h->difficulty);
    fx_u256(env, "currentBaseFee", &h->base_fee);
    fx_u64(env, "currentExcessBlobGas", &h->excess_blob_gas);
    h->field_num = HEADER_FIELDS_MAX;
    return ok;
}

static bool get_tx(slice raw, const struct rules *rules, struct arena *arena,
                   struct tx *tx, struct verdict *v)
{
    struct mt_diag diag = {0};
    mt_err err = tx_decode(raw, arena, tx, &diag);
    if (err != MT_OK) {
        tx_reasons_of_encoding(raw, rules, &v->reasons);
    } else {
        err = tx_recover(tx, rules->fork >= FORK_HOMESTEAD, crypto_native(), &diag);
        if (err != MT_OK)
            tx_reasons_of_recovery(&diag, &v->reasons);
    }
    v->refused = err != MT_OK;
    if (err != MT_OK)
        mt_fmt(v->why, sizeof v->why, "txbytes: %s", log_err_text(err, &diag));
    return err == MT_OK;
}

/* Runs the transaction. The root is that of pre where it is refused. */
static mt_err execute(const struct test *t, enum fork fork, slice raw, struct verdict *v)
{
    struct arena *arena = t->arena;
    struct chain_spec spec;
    struct header header = {0};
    struct tx tx;
    struct tx_outcome o = {.error = TX_OK};
    struct mem_state pre = t->pre, post = t->pre;
    chain_spec_for_fork(fork, t->chain_id, &spec);
    if (!fx_blob_schedule(t->config, &spec) || !make_header(t, &header))
        return MT_EDECODE;
    struct rules rules = chain_rules(&spec, header.number, header.timestamp, true);
    struct vm_reader reader = mem_state_reader(&pre);
    struct block_exec_in in = {
        .rules = &rules,
        .header = &header,
        .reader = &reader,
        .crypto = crypto_native(),
        .arena = arena,
        .scratch = t->scratch,
        .engine = t->suite->engine,
    };
    if (get_tx(raw, &rules, arena, &tx, v)) {
        struct mt_diag diag = {0};
        struct block_exec *be = block_exec_new(&in);
        if (be == NULL)
            return MT_ELIMIT;
        mt_err err = block_exec_tx(be, &tx, 0, &o, &diag);
        if (err != MT_OK && err != MT_EINVALID_TX)
            return err;
        if (err == MT_EINVALID_TX) {
            v->refused = true;
            tx_reasons_add(&v->reasons, tx_error_names(o.error, &tx));
            mt_fmt(v->why, sizeof v->why, "%s", diag.text);
        } else {
            MT_TRY(mem_state_next(&pre, &o.delta, arena, &post));
        }
    }
    struct buf logs;
    buf_init_arena(&logs, arena, SIZE_MAX / 2);
    logs_encode(o.receipt.logs, o.receipt.log_num, &logs);
    if (!buf_ok(&logs))
        return MT_ELIMIT;
    v->logs = keccak256(logs.ptr, logs.len);
    return mem_state_root(&post, arena, &v->root);
}

/* What differs of root and logs, both where both do. */
static void compare(const hash32 *root, const hash32 *logs, const struct verdict *v,
                    char *error, size_t room)
{
    bool root_differs = !hash32_eq(root, &v->root);
    size_t n = 0;
    if (root_differs)
        n = mt_fmt(error, room, "state root %s, should be %s", hash32_text(&v->root).s,
                   hash32_text(root).s);
    if (!hash32_eq(logs, &v->logs))
        mt_fmt(error + n, room - n, "%slogs hash %s, should be %s",
               root_differs ? "; " : "", hash32_text(&v->logs).s, hash32_text(logs).s);
}

/* Compares with what the fixture says; the difference goes to error. */
static void judge(const json_t *entry, const struct verdict *v, char *error, size_t room)
{
    hash32 root, logs;
    const char *expected = fx_str(entry, "expectException");
    bool malformed =
        expected == NULL && json_object_get(entry, "expectException") != NULL;
    error[0] = 0;
    if (malformed || !fx_hash(entry, "hash", &root) || !fx_hash(entry, "logs", &logs))
        mt_fmt(error, room, "malformed entry");
    else if (v->refused && expected == NULL)
        mt_fmt(error, room, "refused: %s", v->why);
    else if (!v->refused && expected != NULL)
        mt_fmt(error, room, "accepted, should be refused: %s", expected);
    else if (v->refused && !reasons_meet(v->reasons.names, expected))
        mt_fmt(error, room, "refused for another reason: %s (%s), not %s", v->why,
               v->reasons.names, expected);
    else
        compare(&root, &logs, v, error, room);
}

static void run_case(const struct test *t, enum fork fork, const json_t *entry,
                     const char *name, struct buf *report)
{
    struct verdict v = {.refused = false};
    char error[2 * MT_DIAG_TEXT_MAX + sizeof v.reasons];
    slice raw;
    mt_err err = MT_EDECODE;
    if (fx_bytes(entry, "txbytes", t->arena, &raw))
        err = execute(t, fork, raw, &v);
    if (err != MT_OK)
        mt_fmt(error, sizeof error, "not executed: %s", mt_err_text(err));
    else
        judge(entry, &v, error, sizeof error);
    suite_case(t->suite, report, name, fork_name(fork), err == MT_OK ? &v.root : NULL,
               error);
}

/* ================= files ================= */

/* The cases of one fork; the arena is rewound after each. */
static void run_fork(const struct test *t, const char *fork_text, const json_t *entries,
                     struct buf *report)
{
    enum fork fork;
    size_t num = json_array_size(entries);
    if (!suite_wants(t->suite, t->name, fork_text))
        return;
    if (fork_parse(fork_text, &fork) != MT_OK || !json_is_array(entries)) {
        suite_case(t->suite, report, t->name, fork_text, NULL,
                   json_is_array(entries) ? "unknown fork" : "malformed post");
        return;
    }
    for (size_t i = 0; i < num; i++) {
        char name[1024];
        struct arena_mark mark = arena_mark(t->arena);
        mt_fmt(name, sizeof name, num > 1 ? "%s#%zu" : "%s", t->name, i);
        run_case(t, fork, json_array_get(entries, i), name, report);
        arena_rewind(t->arena, mark);
    }
}

static void run_test(struct test *t, json_t *doc, struct buf *report)
{
    struct mt_diag diag = {0};
    const char *fork;
    json_t *entries;
    json_t *post = json_object_get(doc, "post");
    if (strcmp(t->name, "_info") == 0)
        return;
    if (!json_is_object(post)) {
        suite_case(t->suite, report, t->name, "", NULL, "malformed test: no post");
        return;
    }
    arena_reset(t->arena);
    t->env = json_object_get(doc, "env");
    t->config = json_object_get(doc, "config");
    t->chain_id = 1;
    fx_u64(t->config, "chainid", &t->chain_id);
    mt_err err = mem_state_parse(json_object_get(doc, "pre"), t->arena, &t->pre, &diag);
    t->pre.block_hash = test_block_hash;
    if (err != MT_OK) {
        suite_case(t->suite, report, t->name, "", NULL, log_err_text(err, &diag));
        return;
    }
    json_object_foreach(post, fork, entries)
    {
        run_fork(t, fork, entries, report);
    }
}

static void run_file(struct suite *s, const char *path, json_t *doc, struct buf *report)
{
    struct arena arena, scratch;
    struct test t = {.suite = s, .arena = &arena, .scratch = &scratch};
    json_t *test;
    (void)path;
    arena_init(&arena, CASE_MEMORY_MAX);
    arena_init(&scratch, CASE_MEMORY_MAX);
    json_object_foreach(doc, t.name, test)
    {
        run_test(&t, test, report);
    }
    arena_fini(&arena);
    arena_fini(&scratch);
}

int evm_statetest_main(int argc, char **argv)
{
    struct suite s;
    int status = suite_options(&s, argc, argv);
    return status != 0 ? status : suite_main(&s, run_file);
}
