/* metis-bench node: the road of a transaction inside the node, without sockets —
 * decoding, recovery on the workers, pool, selection, execution, root, commit, receipts.
 *
 * Each run signs its transactions first (not timed), then submits all and makes blocks
 * until none is left. Clusters: sender i works only with recipient i (pair i), so K
 * clusters are K groups that meet nowhere but in the coinbase and, for tokens, in the
 * token's account.
 *   transfer  native value
 *   erc20     transfer of a token whose balances lie at keccak(holder . 0), as in
 * Solidity
 *   uniswap   in turn a token transfer to the pair and a swap; the pair's runtime code is
 *             Uniswap v2's, from the build file of its npm package (--pair FILE) */
#include "bench.h"

#include "metis/builder.h"
#include "metis/crypto.h"
#include "metis/pool.h"

#include <ftw.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLUSTERS_MAX 1024u
#define TXS_MAX      200000u

/* balanceOf(address) and transfer(address,uint256), the latter for every other selector:
 *   b = sload(k(caller)); if amount > b revert; sstore(k(caller), b - amount);
 *   sstore(k(to), sload(k(to)) + amount); log3(Transfer); return 1 */
static const char TOKEN_CODE[] =
    "5f3560e01c6370a0823114606f57335f5260405f208054602435818111606b57900390556004355f5260"
    "405f2080546024350190556024355f52600435337fddf252ad1be2c89b69c2b068fc378daa952ba7f163"
    "c4a11628f55a4df523b3ef60205fa360015f5260205ff35b5f5ffd5b6004355f5260405f20545f526020"
    "5ff3";
static const address TOKENS[2] = {{{0x70, 0}}, {{0x70, 1}}};

#define PAIR_CODE_MAX 32768u

struct bench_node {
    const char *genesis_path, *workload, *pair_path;
    unsigned clusters, threads, txs, runs;
    bool access_lists;
    char dir[64];
    struct arena arena;
    struct genesis genesis;
    struct metisdb *db;
    struct chain *chain;
    struct workers *workers;
    struct mailbox *to_loop;
    struct pool *pool;
    hash32 *keys;
    address *senders;
    uint8_t token_code[sizeof TOKEN_CODE / 2], pair_code[PAIR_CODE_MAX];
    size_t token_code_len, pair_code_len;
    struct buf *raw; /* of one run, by submission order */
    double *submitted_s, *answered_s;
    size_t answered, refused;
    char why[192];
};

static mt_err setup_fail(mt_err err, const char *what, const struct mt_diag *diag)
{
    bench_fail(1, "%s: %s", what, log_err_text(err, diag));
    return err;
}

static address recipient(unsigned cluster)
{
    address a = {{0x72}};
    store_be32(a.b + 16, cluster);
    return a;
}

/* ---- set-up ---- */

static bool is_workload(const struct bench_node *b, const char *name)
{
    return strcmp(b->workload, name) == 0;
}

static hash32 balance_slot(const address *holder)
{
    uint8_t in[64] = {0};
    memcpy(in + 12, holder->b, 20);
    return keccak256(in, sizeof in);
}

static int change_cmp(const void *a, const void *b)
{
    return address_cmp(&((const struct account_change *)a)->addr,
                       &((const struct account_change *)b)->addr);
}

static int slot_cmp(const void *a, const void *b)
{
    return hash32_cmp(&((const struct slot_change *)a)->slot,
                      &((const struct slot_change *)b)->slot);
}

static struct account_change contract(const address *addr, const void *code, size_t len,
                                      struct slot_change *slots, size_t num)
{
    qsort(slots, num, sizeof *slots, slot_cmp);
    return (struct account_change){.addr = *addr,
                                   .flags = CHANGE_CODE,
                                   .nonce = 1,
                                   .code_hash = keccak256(code, len),
                                   .code = slice_of(code, len),
                                   .slots = slots,
                                   .slot_num = num};
}

#define PAIR_SLOTS   4u
#define PAIR_RESERVE ((uint64_t)1 << 60)

/* What a pair's constructor, initialize and first mint leave: tokens in slots 6 and 7,
 * both reserves in slot 8, and the lock of slot 12 open. */
static struct account_change pair_change(const struct bench_node *b, unsigned cluster,
                                         struct slot_change slots[PAIR_SLOTS])
{
    address addr = recipient(cluster);
    u256 reserve = u256_from(PAIR_RESERVE);
    slots[0] =
        (struct slot_change){u256_to_hash(u256_from(6)), u256_from_address(&TOKENS[0])};
    slots[1] =
        (struct slot_change){u256_to_hash(u256_from(7)), u256_from_address(&TOKENS[1])};
    slots[2] = (struct slot_change){u256_to_hash(u256_from(8)),
                                    u256_or(reserve, u256_shl(reserve, 112))};
    slots[3] = (struct slot_change){u256_to_hash(u256_from(12)), U256_ONE};
    return contract(&addr, b->pair_code, b->pair_code_len, slots, PAIR_SLOTS);
}

/* Gives senders native value and tokens, tokens and pairs their code. */
static mt_err fund(struct bench_node *b)
{
    size_t k = b->clusters, num = 0;
    struct account_change *changes = mt_alloc((2 * k + 2) * sizeof *changes);
    struct slot_change *slots = mt_alloc((4 + PAIR_SLOTS) * k * sizeof *slots);
    struct slot_change *pair_slots = slots + 4 * k;
    struct mt_diag diag = {0};
    for (unsigned i = 0; i < k; i++) {
        address to = recipient(i);
        b->keys[i] = keccak256(&i, sizeof i);
        MT_TRY(secp_address(&b->keys[i], &b->senders[i]));
        for (size_t t = 0; t < 2; t++) {
            slots[2 * (t * k + i)] = (struct slot_change){balance_slot(&b->senders[i]),
                                                          u256_from(PAIR_RESERVE)};
            slots[2 * (t * k + i) + 1] =
                (struct slot_change){balance_slot(&to), u256_from(PAIR_RESERVE)};
        }
        changes[num++] = (struct account_change){.addr = b->senders[i],
                                                 .balance = {{0, 1u << 20, 0, 0}},
                                                 .code_hash = KECCAK_EMPTY};
        if (is_workload(b, "uniswap"))
            changes[num++] = pair_change(b, i, pair_slots + PAIR_SLOTS * i);
    }
    for (size_t t = 0; t < 2; t++)
        changes[num++] = contract(&TOKENS[t], b->token_code, b->token_code_len,
                                  slots + 2 * t * k, 2 * k);
    qsort(changes, num, sizeof *changes, change_cmp);
    struct state_delta delta = {changes, num};
    mt_err err = chain_patch_state(b->chain, &delta, &diag);
    mt_free(changes);
    mt_free(slots);
    return err == MT_OK ? MT_OK : setup_fail(err, "funding", &diag);
}

/* evm.deployedBytecode.object of the build file. */
static mt_err load_code(struct bench_node *b)
{
    MT_TRY(hex_decode(TOKEN_CODE, strlen(TOKEN_CODE), b->token_code, sizeof b->token_code,
                      &b->token_code_len));
    if (!is_workload(b, "uniswap"))
        return MT_OK;
    json_t *doc = json_load_file(b->pair_path, 0, NULL);
    const char *hex = json_string_value(json_object_get(
        json_object_get(json_object_get(doc, "evm"), "deployedBytecode"), "object"));
    mt_err err = hex == NULL ? MT_EDECODE
                             : hex_decode(hex, strlen(hex), b->pair_code,
                                          sizeof b->pair_code, &b->pair_code_len);
    json_decref(doc);
    return err == MT_OK ? MT_OK : setup_fail(err, b->pair_path, NULL);
}

static mt_err open_all(struct bench_node *b)
{
    struct mt_diag diag = {0};
    mt_fmt(b->dir, sizeof b->dir, "/tmp/metis-bench-XXXXXX");
    if (mkdtemp(b->dir) == NULL)
        return setup_fail(MT_EIO, b->dir, NULL);
    arena_init(&b->arena, (size_t)1 << 30);
    MT_TRY(load_code(b));
    mt_err err = genesis_load(b->genesis_path, &b->arena, &b->genesis, &diag);
    if (err != MT_OK)
        return setup_fail(err, b->genesis_path, &diag);
    struct metisdb_options db = {.path = b->dir,
                                 .network = "bench",
                                 .chain_id = b->genesis.spec.chain_id,
                                 .spec_hash = b->genesis.spec_hash,
                                 .sync = METISDB_SYNC_OFF,
                                 .undo_blocks = 256,
                                 .map_size_max = (size_t)1 << 40,
                                 .readers_max = 64};
    if ((err = metisdb_open(&db, &b->db, &diag)) != MT_OK)
        return setup_fail(err, "database", &diag);
    if (b->threads > 1)
        b->workers = workers_new("worker", b->threads - 1, TXS_MAX);
    struct chain_options chain = {.db = b->db,
                                  .genesis = &b->genesis,
                                  .workers = b->workers,
                                  .crypto = crypto_native(),
                                  .block_memory_max = (size_t)4 << 30,
                                  .access_lists = b->access_lists};
    if ((err = chain_open(&chain, &b->chain, &diag)) != MT_OK)
        return setup_fail(err, "chain", &diag);
    b->to_loop = mailbox_new(TXS_MAX, NULL, NULL);
    return fund(b);
}

static void open_pool(struct bench_node *b)
{
    struct head_view *view = chain_view(b->chain);
    struct pool_options opt = {.tx_max = TXS_MAX,
                               .sender_max = TXS_MAX,
                               .tx_size_max = 1u << 17,
                               .bytes_max = (size_t)4 << 30,
                               .price_bump_percent = 10,
                               .min_tip = U256_ONE,
                               .lifetime_ms = 3600000,
                               .ingest_max = TXS_MAX,
                               .chain = b->chain,
                               .workers = b->workers,
                               .to_loop = b->to_loop};
    b->pool = pool_new(&opt, view);
    head_view_drop(view);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void close_all(struct bench_node *b)
{
    if (b->pool != NULL)
        pool_free(b->pool);
    workers_free(b->workers);
    if (b->chain != NULL)
        chain_close(b->chain);
    if (b->db != NULL)
        metisdb_close(b->db);
    mailbox_free(b->to_loop);
    arena_fini(&b->arena);
    nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- transactions ---- */

struct call {
    address to;
    uint8_t data[164];
    size_t len;
};

static void put_word(struct call *c, u256 v)
{
    u256_store_be(v, c->data + c->len);
    c->len += 32;
}

static struct call token_transfer(const address *to, uint64_t amount)
{
    static const uint8_t selector[4] = {0xa9, 0x05, 0x9c, 0xbb};
    struct call c = {.to = TOKENS[0], .len = 4};
    memcpy(c.data, selector, 4);
    put_word(&c, u256_from_address(to));
    put_word(&c, u256_from(amount));
    return c;
}

/* swap(0, amount, to, "") */
static struct call pair_swap(const address *pair, const address *to, uint64_t amount)
{
    static const uint8_t selector[4] = {0x02, 0x2c, 0x0d, 0x9f};
    struct call c = {.to = *pair, .len = 4};
    memcpy(c.data, selector, 4);
    put_word(&c, U256_ZERO);
    put_word(&c, u256_from(amount));
    put_word(&c, u256_from_address(to));
    put_word(&c, u256_from(128));
    put_word(&c, U256_ZERO);
    return c;
}

static mt_err sign_one(struct bench_node *b, unsigned cluster, uint64_t nonce,
                       struct buf *out)
{
    address to = recipient(cluster);
    struct call call = {.to = to};
    sig s;
    if (is_workload(b, "erc20"))
        call = token_transfer(&to, 1);
    else if (is_workload(b, "uniswap") && nonce % 2 == 0)
        call = token_transfer(&to, 1000);
    else if (is_workload(b, "uniswap"))
        call = pair_swap(&to, &b->senders[cluster], 900);
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = b->genesis.spec.chain_id,
                    .nonce = nonce,
                    .max_priority_fee = u256_from(1000000000u),
                    .max_fee = u256_from(100000000000u),
                    .gas = call.len != 0 ? 200000 : 21000,
                    .has_to = true,
                    .to = call.to,
                    .data = slice_of(call.data, call.len),
                    .value = call.len != 0 ? U256_ZERO : U256_ONE};
    hash32 digest = tx_signing_hash(&tx);
    MT_TRY(secp_sign(&digest, &b->keys[cluster], &s));
    tx.r = u256_from_hash(&s.r);
    tx.s = u256_from_hash(&s.s);
    tx.y_parity = s.y_parity;
    tx.v = u256_from(s.y_parity);
    tx_encode(&tx, out);
    return buf_ok(out) ? MT_OK : MT_ELIMIT;
}

struct answer {
    struct bench_node *b;
    size_t idx;
};

static void answered(void *ctx, const struct pool_verdict *v)
{
    struct answer *a = ctx;
    a->b->answered_s[a->idx] = bench_wall_s();
    a->b->answered++;
    if (v->reason != POOL_OK) {
        a->b->refused++;
        mt_fmt(a->b->why, sizeof a->b->why, "%s", v->text);
    }
}

static void submit_all(struct bench_node *b, struct answer *answers)
{
    b->answered = b->refused = 0;
    for (size_t i = 0; i < b->txs; i++) {
        answers[i] = (struct answer){b, i};
        b->submitted_s[i] = bench_wall_s();
        pool_submit(b->pool, buf_slice(&b->raw[i]), clock_unix_ms(), answered,
                    &answers[i]);
        if (i % 32 == 31) { /* one turn of a loop under load */
            pool_flush(b->pool);
            mailbox_run(b->to_loop, SIZE_MAX);
        }
    }
    while (b->answered < b->txs) {
        pool_flush(b->pool);
        if (mailbox_run(b->to_loop, SIZE_MAX) == 0)
            thread_sleep_us(20);
    }
}

/* ---- one run ---- */

struct run_result {
    double submit_s, build_s, cpu_s, build_cpu_s;
    size_t included, blocks;
};

static mt_err make_block(struct bench_node *b, struct run_result *r, struct mt_diag *diag)
{
    struct pool_selection sel;
    struct build_result built = {0};
    struct head_view *view = chain_view(b->chain);
    struct build_params in = {
        .draft = {.coinbase = b->genesis.spec.coinbase,
                  .timestamp = view->head->block.header.timestamp + 1,
                  .gas_limit = 1500000000},
        .selection = &sel};
    pool_select(b->pool, view->next_base_fee, 0, TXS_MAX, &sel);
    mt_err err = build_block(b->chain, &in, &built, diag);
    if (err == MT_OK) {
        struct chain_update u = {
            .added = &built.block, .added_num = 1, .view = chain_view(b->chain)};
        r->included += built.block->block.tx_num;
        for (size_t i = 0; i < built.block->block.tx_num && err == MT_OK; i++) {
            if (!built.block->receipts[i].success)
                err = mt_fail(diag, MT_EINVAL, "transaction %zu of a block failed", i);
        }
        r->blocks++;
        pool_update(b->pool, &u, clock_unix_ms());
        head_view_drop(u.view);
        if (err == MT_OK && built.block->block.tx_num == 0)
            err = mt_fail(diag, MT_EINVAL, "a block took no transaction");
        build_result_fini(&built);
    }
    pool_selection_free(&sel);
    head_view_drop(view);
    return err;
}

static mt_err run_once(struct bench_node *b, unsigned round, struct run_result *r)
{
    struct answer *answers = mt_alloc(b->txs * sizeof *answers);
    struct mt_diag diag = {0};
    uint64_t each = b->txs / b->clusters;
    mt_err err = MT_OK;
    for (size_t i = 0; i < b->txs && err == MT_OK; i++) {
        buf_reset(&b->raw[i]);
        err = sign_one(b, (unsigned)(i % b->clusters), round * each + i / b->clusters,
                       &b->raw[i]);
    }
    *r = (struct run_result){0};
    double t0 = bench_wall_s(), cpu = bench_process_cpu_s(getpid());
    submit_all(b, answers);
    double t1 = bench_wall_s(), build_cpu = bench_process_cpu_s(getpid());
    while (err == MT_OK && b->refused == 0 && r->included < b->txs)
        err = make_block(b, r, &diag);
    r->submit_s = t1 - t0;
    r->build_s = bench_wall_s() - t1;
    r->cpu_s = bench_process_cpu_s(getpid()) - cpu;
    r->build_cpu_s = r->cpu_s - (build_cpu - cpu);
    mt_free(answers);
    if (b->refused != 0)
        err = mt_fail(&diag, MT_EINVAL, "%zu refused, as: %s", b->refused, b->why);
    return err == MT_OK ? MT_OK : setup_fail(err, "run", &diag);
}

/* What the tables of the store hold, free pages left out. */
static uint64_t store_bytes(const struct bench_node *b)
{
    struct metisdb_stat st;
    return metisdb_get_stat(b->db, &st) == MT_OK ? st.file_bytes - st.free_bytes : 0;
}

static void out_u64(struct bench_line *l, const char *key, uint64_t v)
{
    json_kv_u64(&l->json, key, v);
}

static mt_err run_all(struct bench_node *b)
{
    struct bench_stat tps = {0}, submit = {0}, build = {0}, cpu = {0}, build_cpu = {0};
    struct run_result r = {0};
    double *latency = mt_alloc(b->txs * sizeof *latency);
    uint64_t before = store_bytes(b);
    for (unsigned i = 0; i < b->runs; i++) {
        MT_TRY(run_once(b, i, &r));
        double n = (double)b->txs;
        bench_add(&tps, n / (r.submit_s + r.build_s));
        bench_add(&submit, n / r.submit_s);
        bench_add(&build, n / r.build_s);
        bench_add(&cpu, r.cpu_s / n * 1e6);
        bench_add(&build_cpu, r.build_cpu_s / n * 1e6);
    }
    for (size_t i = 0; i < b->txs; i++)
        latency[i] = (b->answered_s[i] - b->submitted_s[i]) * 1e6;
    struct bench_line l;
    bench_begin(&l, "node", b->workload);
    out_u64(&l, "clusters", b->clusters);
    out_u64(&l, "threads", b->threads);
    out_u64(&l, "transactions", b->txs);
    out_u64(&l, "runs", b->runs);
    out_u64(&l, "blocks", r.blocks);
    bench_stat_out(&l, "tx_per_s", &tps);
    bench_stat_out(&l, "submit_per_s", &submit);
    bench_stat_out(&l, "build_per_s", &build);
    bench_stat_out(&l, "cpu_us_per_tx", &cpu);
    bench_stat_out(&l, "build_cpu_us_per_tx", &build_cpu);
    json_key(&l.json, "access_lists");
    json_bool(&l.json, b->access_lists);
    json_kv_f64(&l.json, "store_bytes_per_tx",
                (double)(store_bytes(b) - before) / (double)(b->txs * b->runs));
    json_kv_f64(&l.json, "admission_p50_us", bench_percentile(latency, b->txs, 0.5));
    json_kv_f64(&l.json, "admission_p99_us", bench_percentile(latency, b->txs, 0.99));
    bench_end(&l);
    mt_free(latency);
    return MT_OK;
}

static bool parse_count(const char *text, unsigned max, unsigned *out)
{
    u256 v;
    if (u256_parse(text, strlen(text), &v) != MT_OK || !u256_is_u64(v) || v.w[0] == 0 ||
        v.w[0] > max)
        return false;
    *out = (unsigned)v.w[0];
    return true;
}

static bool parse_options(int argc, char **argv, struct bench_node *b)
{
    static const struct option options[] = {{"workload", required_argument, NULL, 'w'},
                                            {"clusters", required_argument, NULL, 'c'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"txs", required_argument, NULL, 'n'},
                                            {"runs", required_argument, NULL, 'r'},
                                            {"pair", required_argument, NULL, 'p'},
                                            {"genesis", required_argument, NULL, 'g'},
                                            {"no-access-lists", no_argument, NULL, 'a'},
                                            {NULL, 0, NULL, 0}};
    bool ok = true;
    for (int c; ok && (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'w')
            b->workload = optarg;
        else if (c == 'g')
            b->genesis_path = optarg;
        else if (c == 'a')
            b->access_lists = false;
        else if (c == 'p')
            b->pair_path = optarg;
        else if (c == 'c')
            ok = parse_count(optarg, CLUSTERS_MAX, &b->clusters);
        else if (c == 't')
            ok = parse_count(optarg, 256, &b->threads);
        else if (c == 'n')
            ok = parse_count(optarg, TXS_MAX, &b->txs);
        else if (c == 'r')
            ok = parse_count(optarg, BENCH_RUNS_MAX, &b->runs);
        else
            ok = false;
    }
    bool known = is_workload(b, "transfer") || is_workload(b, "erc20") ||
                 (is_workload(b, "uniswap") && b->pair_path != NULL);
    return ok && known && optind == argc;
}

int bench_node_main(int argc, char **argv)
{
    struct bench_node *b = mt_alloc(sizeof *b);
    *b = (struct bench_node){.genesis_path = "conf/hyperion-dev.json",
                             .workload = "transfer",
                             .clusters = 8,
                             .threads = 2,
                             .txs = 2000,
                             .runs = 5,
                             .access_lists = true};
    if (!parse_options(argc, argv, b)) {
        mt_free(b);
        return bench_fail(2, "node --workload transfer|erc20|uniswap [--clusters K] "
                             "[--threads N] [--txs N] [--runs N] [--genesis FILE] "
                             "[--pair UniswapV2Pair.json] [--no-access-lists]");
    }
    b->txs -= b->txs % MT_MIN(b->clusters, b->txs);
    b->keys = mt_alloc(b->clusters * sizeof *b->keys);
    b->senders = mt_alloc(b->clusters * sizeof *b->senders);
    b->raw = mt_alloc(b->txs * sizeof *b->raw);
    b->submitted_s = mt_alloc(b->txs * sizeof *b->submitted_s);
    b->answered_s = mt_alloc(b->txs * sizeof *b->answered_s);
    for (size_t i = 0; i < b->txs; i++)
        buf_init(&b->raw[i], 4096);
    mt_err err = open_all(b);
    if (err == MT_OK) {
        open_pool(b);
        err = run_all(b);
    }
    close_all(b);
    for (size_t i = 0; i < b->txs; i++)
        buf_fini(&b->raw[i]);
    mt_free(b->keys);
    mt_free(b->senders);
    mt_free(b->raw);
    mt_free(b->submitted_s);
    mt_free(b->answered_s);
    mt_free(b);
    return err == MT_OK ? 0 : 1;
}
