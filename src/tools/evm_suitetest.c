/* metis-evm suitetest: whole mainnet blocks with their senders given and no signatures.
 *
 * A test has `env`, `pre` (code and the slots that the block reads), `transactions` by
 * index + 1, `block_hashes`, and what must come out: `logs` of each transaction, and
 * `post` (accounts, nonces, codes, slots) where the whole state is known. Rules are
 * mainnet's at the block's number and time. The pre-states have no trie nodes: there is
 * no root to compare. A block.json of an OP-stack chain is a case too: evm_opblock.c. */
#include "evm.h"
#include "evm_fixture.h"
#include "evm_opblock.h"

#include <stdlib.h>

#define CASE_MEMORY_MAX ((size_t)2 << 30)
#define ERROR_MAX       512u

struct test {
    struct suite *suite;
    struct arena *arena, *scratch;
    const json_t *doc;
    struct mem_state pre;
    struct header header;
    struct chain_spec spec;
    struct rules rules;
    char *error; /* the first difference, ERROR_MAX bytes */
};

/* ================= mainnet ================= */

static const struct {
    enum fork fork;
    uint64_t at; /* number, from Shanghai on time */
} MAINNET[] = {
    {FORK_FRONTIER, 0},
    {FORK_HOMESTEAD, 1150000},
    {FORK_DAO, 1920000},
    {FORK_TANGERINE, 2463000},
    {FORK_SPURIOUS, 2675000},
    {FORK_BYZANTIUM, 4370000},
    {FORK_CONSTANTINOPLE, 7280000},
    {FORK_PETERSBURG, 7280000},
    {FORK_ISTANBUL, 9069000},
    {FORK_MUIR_GLACIER, 9200000},
    {FORK_BERLIN, 12244000},
    {FORK_LONDON, 12965000},
    {FORK_ARROW_GLACIER, 13773000},
    {FORK_GRAY_GLACIER, 15050000},
    {FORK_PARIS, 15537394},
    {FORK_SHANGHAI, 1681338455},
    {FORK_CANCUN, 1710338135},
    {FORK_PRAGUE, 1746612311},
    {FORK_OSAKA, 1764798551},
    {FORK_BPO1, 1765290071},
    {FORK_BPO2, 1767747671},
};

static struct chain_spec mainnet(void)
{
    struct chain_spec spec;
    chain_spec_for_fork(FORK_BPO2, 1, &spec);
    for (size_t i = 0; i < MT_ARRAY_LEN(MAINNET); i++)
        spec.fork_at[MAINNET[i].fork] = MAINNET[i].at;
    spec.dao_support = true;
    return spec;
}

/* ================= input ================= */

static mt_err find_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    const json_t *hashes = json_object_get(((struct test *)ctx)->doc, "block_hashes");
    char key[24];
    mt_fmt(key, sizeof key, "%llu", (unsigned long long)number);
    if (!fx_hash(hashes, key, out))
        *out = (hash32){{0}}; /* not given: the block does not ask for it */
    return MT_OK;
}

static bool parse_env(struct test *t)
{
    const json_t *env = json_object_get(t->doc, "env");
    struct header *h = &t->header;
    *h = (struct header){.field_num = HEADER_FIELDS_MAX};
    bool ok = fx_u64(env, "block_number", &h->number) &&
              fx_address(env, "current_coinbase", &h->coinbase) &&
              fx_u64(env, "current_gas_limit", &h->gas_limit) &&
              fx_u64(env, "current_timestamp", &h->timestamp) &&
              fx_hash(env, "previous_hash", &h->parent_hash);
    fx_u256(env, "current_difficulty", &h->difficulty);
    fx_u256(env, "base_fee_per_gas", &h->base_fee);
    fx_u64(env, "excess_blob_gas", &h->excess_blob_gas);
    fx_hash(env, "mix_hash", &h->mix_hash);
    t->spec = mainnet();
    t->rules = chain_rules(&t->spec, h->number, h->timestamp, h->number >= 15537394);
    return ok;
}

/* Nobody signed it: only what execution reads is filled in. A cap above zero makes it an
 * EIP-1559 transaction. */
static bool parse_tx(const json_t *doc, struct arena *arena, struct tx *tx)
{
    const char *to = fx_str(doc, "to");
    *tx = (struct tx){.type = TX_LEGACY, .has_from = true};
    if (!fx_address(doc, "sender", &tx->from) || !fx_u64(doc, "nonce", &tx->nonce) ||
        !fx_u64(doc, "gas_limit", &tx->gas) || !fx_u256(doc, "value", &tx->value) ||
        !fx_u256(doc, "gas_price", &tx->gas_price) ||
        !fx_bytes(doc, "data", arena, &tx->data) ||
        !fx_access_list(json_object_get(doc, "access_list"), arena, tx))
        return false;
    tx->has_to = to != NULL && to[0] != 0 && strcmp(to, "0x") != 0;
    if (tx->has_to && !fx_address(doc, "to", &tx->to))
        return false;
    tx->max_fee = tx->max_priority_fee = tx->gas_price;
    u256 cap;
    if (fx_u256(doc, "max_fee_per_gas", &cap) && !u256_is_zero(cap)) {
        tx->type = TX_DYNAMIC_FEE;
        tx->max_fee = cap;
        tx->max_priority_fee = U256_ZERO;
        fx_u256(doc, "max_priority_fee_per_gas", &tx->max_priority_fee);
    } else if (tx->access_num > 0) {
        tx->type = TX_ACCESS_LIST;
    }
    return true;
}

/* ================= logs ================= */

struct expected {
    uint64_t at; /* place in the block */
    const json_t *log;
};

static int cmp_expected(const void *a, const void *b)
{
    const struct expected *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static bool log_equals(const struct log *log, const json_t *want, struct arena *arena)
{
    address addr;
    slice data;
    const json_t *topics = json_object_get(want, "topics");
    if (!fx_address(want, "address", &addr) || !fx_bytes(want, "data", arena, &data) ||
        !address_eq(&addr, &log->addr) || !slice_eq(data, log->data) ||
        json_array_size(topics) != log->topic_num)
        return false;
    for (uint32_t i = 0; i < log->topic_num; i++) {
        hash32 topic;
        const char *text = json_string_value(json_array_get(topics, i));
        if (text == NULL || hex_decode_fixed(text, topic.b, 32) != MT_OK ||
            !hash32_eq(&topic, &log->topics[i]))
            return false;
    }
    return true;
}

static bool compare_logs(struct test *t, size_t i, const struct receipt *r)
{
    char key[24];
    const char *at;
    json_t *log;
    mt_fmt(key, sizeof key, "%zu", i);
    json_t *logs = json_object_get(json_object_get(t->doc, "logs"), key);
    size_t n = json_object_size(logs), k = 0;
    if (!json_is_object(logs) || n != r->log_num) {
        mt_fmt(t->error, ERROR_MAX, "transaction %zu: %zu logs, should be %zu", i,
               r->log_num, n);
        return false;
    }
    struct expected *list = arena_zalloc(t->arena, n + 1, sizeof *list);
    json_object_foreach(logs, at, log)
    {
        u256 place;
        if (list == NULL || u256_parse(at, strlen(at), &place) != MT_OK) {
            mt_fmt(t->error, ERROR_MAX, "transaction %zu: malformed logs", i);
            return false;
        }
        list[k++] = (struct expected){u256_to_u64_sat(place), log};
    }
    if (n > 1)
        qsort(list, n, sizeof *list, cmp_expected);
    for (k = 0; k < n; k++) {
        if (!log_equals(&r->logs[k], list[k].log, t->arena)) {
            mt_fmt(t->error, ERROR_MAX, "transaction %zu: log %zu differs", i, k);
            return false;
        }
    }
    return true;
}

/* ================= the state after ================= */

static bool account_equals(const struct account_change *a, const struct account_change *b)
{
    if (!address_eq(&a->addr, &b->addr) || a->nonce != b->nonce ||
        !hash32_eq(&a->code_hash, &b->code_hash) || a->slot_num != b->slot_num)
        return false;
    for (size_t i = 0; i < a->slot_num; i++)
        if (!hash32_eq(&a->slots[i].slot, &b->slots[i].slot) ||
            !u256_eq(a->slots[i].value, b->slots[i].value))
            return false;
    return true;
}

/* Both are sorted by address. Balances are left out: those of the one file with a post
 * (issue208) are from before half of its transactions were added. They are 318,946 gas
 * of fees away from pre, what its first two transactions use, while its nonces count all
 * four; no execution fits both. */
static void compare_post(struct test *t, const struct state_delta *delta)
{
    struct mt_diag diag = {0};
    struct mem_state post, want;
    const json_t *given = json_object_get(t->doc, "post");
    if (given == NULL)
        return;
    mt_err err = mem_state_parse(given, t->arena, &want, &diag);
    if (err == MT_OK)
        err = mem_state_next(&t->pre, delta, t->arena, &post);
    if (err != MT_OK) {
        mt_fmt(t->error, ERROR_MAX, "post: %s", log_err_text(err, &diag));
        return;
    }
    size_t n = MT_MIN(post.full.account_num, want.full.account_num);
    for (size_t i = 0; i < n; i++) {
        const struct account_change *a = &post.full.accounts[i];
        const struct account_change *b = &want.full.accounts[i];
        if (!account_equals(a, b)) {
            mt_fmt(t->error, ERROR_MAX,
                   "post: account %s: nonce %llu, %zu slots; should be %s: %llu, %zu",
                   address_text(&a->addr).s, (unsigned long long)a->nonce, a->slot_num,
                   address_text(&b->addr).s, (unsigned long long)b->nonce, b->slot_num);
            return;
        }
    }
    if (post.full.account_num != want.full.account_num)
        mt_fmt(t->error, ERROR_MAX, "post: %zu accounts, should be %zu",
               post.full.account_num, want.full.account_num);
}

/* ================= one test ================= */

static mt_err run_txs(struct test *t, struct block_exec *be, struct mt_diag *diag)
{
    const json_t *txs = json_object_get(t->doc, "transactions");
    size_t num = json_object_size(txs);
    if (num == 0)
        return mt_fail(diag, MT_EDECODE, "no transactions");
    if (json_object_size(json_object_get(t->doc, "logs")) != num)
        return mt_fail(diag, MT_EDECODE, "logs: not of as many transactions");
    for (size_t i = 0; i < num && t->error[0] == 0; i++) {
        char key[24];
        struct tx tx;
        struct tx_outcome o;
        mt_fmt(key, sizeof key, "%zu", i + 1);
        if (!parse_tx(json_object_get(txs, key), t->arena, &tx))
            return mt_fail(diag, MT_EDECODE, "transaction %zu: malformed", i);
        mt_err err = block_exec_tx(be, &tx, 0, &o, diag);
        if (err != MT_OK)
            return mt_wrap(diag, err, "transaction %zu", i);
        compare_logs(t, i, &o.receipt);
    }
    return MT_OK;
}

static mt_err run_block(struct test *t, struct mt_diag *diag)
{
    struct block_exec_out out;
    struct vm_reader reader = mem_state_reader(&t->pre);
    struct block_exec_in in = {
        .rules = &t->rules,
        .header = &t->header,
        .reader = &reader,
        .crypto = crypto_native(),
        .arena = t->arena,
        .scratch = t->scratch,
        .engine = t->suite->engine,
    };
    struct block_exec *be = block_exec_new(&in);
    if (be == NULL)
        return MT_ELIMIT;
    MT_TRY(block_exec_begin(be, diag));
    MT_TRY(run_txs(t, be, diag));
    if (t->error[0] != 0)
        return MT_OK;
    MT_TRY(block_exec_end(be, NULL, 0, NULL, 0, &out, diag));
    compare_post(t, &out.delta);
    return MT_OK;
}

static void run_test(struct test *t, const char *name, struct buf *report)
{
    struct mt_diag diag = {0};
    char error[ERROR_MAX] = "";
    t->error = error;
    arena_reset(t->arena);
    mt_err err = parse_env(t) ? MT_OK : mt_fail(&diag, MT_EDECODE, "env: malformed");
    if (!suite_wants(t->suite, name, fork_name(t->rules.fork)))
        return;
    if (err == MT_OK)
        err = mem_state_parse(json_object_get(t->doc, "pre"), t->arena, &t->pre, &diag);
    t->pre.block_hash = find_block_hash;
    t->pre.block_hash_ctx = t;
    if (err == MT_OK)
        err = run_block(t, &diag);
    if (err != MT_OK)
        mt_fmt(error, sizeof error, "not executed: %s", log_err_text(err, &diag));
    suite_case(t->suite, report, name, fork_name(t->rules.fork), NULL, error);
}

static void run_file(struct suite *s, const char *path, json_t *doc, struct buf *report)
{
    struct arena arena, scratch;
    struct test t = {.suite = s, .arena = &arena, .scratch = &scratch};
    const char *name;
    json_t *test;
    arena_init(&arena, CASE_MEMORY_MAX);
    arena_init(&scratch, CASE_MEMORY_MAX);
    if (opblock_is(doc))
        opblock_run(s, path, doc, &arena, &scratch, report);
    json_object_foreach(doc, name, test)
    {
        char where[1024];
        t.doc = test;
        mt_fmt(where, sizeof where, "%s/%s", path, name);
        if (json_object_get(test, "env") != NULL)
            run_test(&t, where, report);
    }
    arena_fini(&arena);
    arena_fini(&scratch);
}

int evm_suitetest_main(int argc, char **argv)
{
    struct suite s;
    int status = suite_options(&s, argc, argv);
    return status != 0 ? status : suite_main(&s, run_file);
}
