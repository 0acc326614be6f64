/* The store around the state: identity, locks, heads, block records, indexes, readers
 * next to the writer. */
#include "unit/metisdb_model.h"

#include "metis/base/thread.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* ---- opening ---- */

static void refuse(const struct metisdb_options *opt, mt_err want, const char *word)
{
    struct metisdb *db;
    struct mt_diag diag = {0};
    cr_assert_eq(metisdb_open(opt, &db, &diag), want, "%s", diag.text);
    cr_assert_not_null(strstr(diag.text, word), "%s", diag.text);
}

Test(metisdb_store, identity_is_checked)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    char name[16];
    uint64_t chain_id;
    hash32 spec;
    struct mt_diag diag = {0};
    opt.network = NULL;
    refuse(&opt, MT_ENOTFOUND, "no database");
    opt.network = "test";
    opt.spec_hash.b[0] = 9;
    metisdb_close(test_open(&opt));
    OK(metisdb_peek(dir.path, name, sizeof name, &chain_id, &spec, &diag));
    cr_assert_str_eq(name, "test");
    cr_assert_eq(chain_id, 7);
    cr_assert_eq(spec.b[0], 9);
    struct metisdb_stat st;
    OK(metisdb_peek_stat(dir.path, &st, &diag));
    cr_assert_gt(st.table_num, 10);
    cr_assert_gt(st.file_bytes, 0);
    cr_assert_eq(metisdb_peek_stat("/nonexistent", &st, &diag), MT_ENOTFOUND);
    cr_assert_eq(metisdb_peek(dir.path, name, 3, &chain_id, &spec, &diag), MT_ELIMIT);
    cr_assert_eq(metisdb_peek("/nonexistent", name, sizeof name, &chain_id, &spec, &diag),
                 MT_ENOTFOUND);
    opt.chain_id = 8;
    refuse(&opt, MT_EVERSION, "chain id");
    opt.chain_id = 7;
    opt.network = "tests";
    refuse(&opt, MT_EVERSION, "network");
    opt.network = "test";
    opt.spec_hash.b[31] = 1;
    refuse(&opt, MT_EVERSION, "spec hash");
    opt.network = NULL; /* tools take what is there */
    metisdb_close(test_open(&opt));
    test_dir_remove(&dir);
}

Test(metisdb_store, one_process_at_a_time)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    struct metisdb *db = test_open(&opt);
    refuse(&opt, MT_EBUSY, "another process");
    metisdb_close(db);
    metisdb_close(test_open(&opt));
    test_dir_remove(&dir);
}

Test(metisdb_store, damaged_file)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    struct metisdb *db;
    struct mt_diag diag = {0};
    char name[300];
    static const char junk[20000] = "this is not a database";
    snprintf(name, sizeof name, "%s/data.mdb", dir.path);
    FILE *f = fopen(name, "w");
    fwrite(junk, 1, sizeof junk, f);
    fclose(f);
    cr_assert_eq(metisdb_open(&opt, &db, &diag), MT_ECORRUPT);
    cr_assert_neq(diag.text[0], 0);
    test_dir_remove(&dir);
}

/* ---- heads ---- */

static void genesis(struct metisdb *db)
{
    struct metisdb_batch *b;
    struct state_delta empty = {NULL, 0};
    hash32 root;
    OK(metisdb_begin(db, &b, NULL));
    OK(metisdb_apply(b, 0, &empty, &root));
    cr_assert_hash(root, KECCAK_RLP_EMPTY);
    OK(test_put(b, test_id(0, 0), (hash32){{0}}, true));
    OK(metisdb_commit(b));
}

static void next_block(struct metisdb *db, uint64_t n)
{
    struct metisdb_batch *b;
    OK(metisdb_begin(db, &b, NULL));
    OK(test_put(b, test_id(n, 0), test_id(n - 1, 0).hash, true));
    OK(metisdb_commit(b));
}

static uint64_t head_number(struct metisdb *db, enum metisdb_head which)
{
    struct block_id id;
    OK(metisdb_get_head(db, which, &id));
    struct block_id want = test_id(id.number, 0);
    cr_assert_hash(id.hash, want.hash);
    return id.number;
}

Test(metisdb_store, clear_is_a_new_store)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    struct metisdb *db = test_open(&opt);
    struct metisdb_snapshot *s;
    struct metisdb_stat st, fresh;
    struct block_id id;
    struct mt_diag diag = {0};
    OK(metisdb_get_stat(db, &fresh));
    genesis(db);
    next_block(db, 1);
    opt.network = "other";
    opt.chain_id = 99;
    OK(metisdb_snapshot_open(db, METISDB_LATEST, &s, &diag));
    cr_assert_eq(metisdb_clear(db, &opt, &diag), MT_EBUSY);
    metisdb_snapshot_close(s);
    cr_assert_eq(head_number(db, METISDB_HEAD), 1); /* refused: nothing is lost */
    OK(metisdb_clear(db, &opt, &diag));
    for (unsigned i = 0; i < METISDB_HEAD_COUNT; i++)
        cr_assert_eq(metisdb_get_head(db, i, &id), MT_ENOTFOUND);
    cr_assert_eq(metisdb_snapshot_open(db, METISDB_LATEST, &s, &diag), MT_ENOTFOUND);
    OK(metisdb_get_stat(db, &st));
    cr_assert_eq(st.table_num, fresh.table_num);
    for (size_t i = 0; i < st.table_num; i++)
        cr_assert_eq(st.tables[i].entries, fresh.tables[i].entries, "%s",
                     st.tables[i].name);
    genesis(db);
    next_block(db, 1);
    cr_assert_eq(head_number(db, METISDB_HEAD), 1);
    metisdb_close(db);
    metisdb_close(test_open(&opt)); /* it has the identity that it was given */
    opt.chain_id = 7;
    refuse(&opt, MT_EVERSION, "chain id");
    test_dir_remove(&dir);
}

Test(metisdb_store, heads)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    struct metisdb *db = test_open(&opt);
    struct metisdb_batch *b;
    struct metisdb_snapshot *s;
    struct block_id id;
    struct mt_diag diag = {0};
    for (unsigned i = 0; i < METISDB_HEAD_COUNT; i++)
        cr_assert_eq(metisdb_get_head(db, i, &id), MT_ENOTFOUND);
    cr_assert_eq(metisdb_snapshot_open(db, METISDB_LATEST, &s, &diag), MT_ENOTFOUND);
    OK(metisdb_sync_tick(db));
    genesis(db);
    next_block(db, 1);
    OK(metisdb_begin(db, &b, NULL));
    id = test_id(1, 0);
    OK(metisdb_set_head(b, METISDB_SAFE, &id));
    id = test_id(0, 0);
    OK(metisdb_set_head(b, METISDB_FINALIZED, &id));
    cr_assert_eq(metisdb_set_head(b, METISDB_HEAD, &id), MT_EINVAL);
    cr_assert_eq(metisdb_set_head(b, METISDB_DURABLE, &id), MT_EINVAL);
    OK(metisdb_commit(b));
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(head_number(db, METISDB_HEAD), 1);
        cr_assert_eq(head_number(db, METISDB_SAFE), 1);
        cr_assert_eq(head_number(db, METISDB_FINALIZED), 0);
        cr_assert_eq(metisdb_get_head(db, METISDB_SOFT, &id), MT_ENOTFOUND);
        metisdb_close(db);
        db = test_open(&opt);
    }
    metisdb_close(db);
    test_dir_remove(&dir);
}

Test(metisdb_store, durable_head)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    struct block_id id;
    opt.sync = METISDB_SYNC_BLOCK;
    struct metisdb *db = test_open(&opt);
    genesis(db);
    cr_assert_eq(head_number(db, METISDB_DURABLE), 0);
    metisdb_close(db);
    opt.sync = METISDB_SYNC_INTERVAL;
    db = test_open(&opt);
    cr_assert_eq(head_number(db, METISDB_DURABLE), 0);
    next_block(db, 1);
    next_block(db, 2);
    cr_assert_eq(head_number(db, METISDB_DURABLE), 0);
    OK(metisdb_sync_tick(db));
    cr_assert_eq(head_number(db, METISDB_DURABLE), 2);
    next_block(db, 3);
    metisdb_close(db);
    db = test_open(&opt);
    cr_assert_eq(head_number(db, METISDB_DURABLE), 3);
    cr_assert_eq(metisdb_get_head(db, METISDB_HEAD_COUNT, &id), MT_EINVAL);
    metisdb_close(db);
    test_dir_remove(&dir);
}

/* ---- block records and indexes ---- */

struct found {
    uint64_t numbers[16];
    size_t num;
};

/* Blocks in [from, to] that have a log under the key. */
static size_t scan(struct metisdb *db, enum metisdb_log_key kind, const void *key,
                   size_t len, uint64_t from, uint64_t to, struct found *f)
{
    struct metisdb_logs *l;
    struct metisdb_log_at at = {from, 0};
    *f = (struct found){.num = 0};
    OK(metisdb_logs_open(db, 1, &l));
    OK(metisdb_logs_term(l, kind, slice_of(key, len)));
    while (metisdb_logs_seek(l, 0, at, &at) == MT_OK && at.number <= to) {
        cr_assert_eq(at.idx, 0); /* three logs alike, from the first on */
        f->numbers[f->num++] = at.number;
        at = (struct metisdb_log_at){at.number + 1, 0};
    }
    metisdb_logs_close(l);
    return f->num;
}

static struct block_record full_record(uint64_t n, uint8_t fork)
{
    struct block_record r = {.id = test_id(n, fork),
                             .header = slice_str("header"),
                             .body = slice_str("body, longer"),
                             .receipts = slice_str("r"),
                             .senders = slice_str("senders"),
                             .l1_origin = slice_str("origin"),
                             .sequencer_sig = slice_str("signature"),
                             .access_list = slice_str("list"),
                             .total_difficulty = u256_shl(u256_from(5), 200)};
    if (n > 0)
        r.parent = test_id(n - 1, fork).hash;
    return r;
}

static void check_record(struct metisdb *db, uint64_t n, uint8_t fork, bool canonical)
{
    struct arena a;
    struct block_record want = full_record(n, fork), got;
    arena_init(&a, TEST_ARENA);
    OK(metisdb_block_by_hash(db, &want.id.hash, &a, &got));
    if (canonical)
        OK(metisdb_block_by_number(db, n, &a, &got));
    cr_assert_eq(got.id.number, n);
    cr_assert_hash(got.id.hash, want.id.hash);
    cr_assert_hash(got.parent, want.parent);
    cr_assert(slice_eq(got.header, want.header) && slice_eq(got.body, want.body));
    cr_assert(slice_eq(got.receipts, want.receipts) &&
              slice_eq(got.senders, want.senders));
    cr_assert(got.seal.len == 0 && slice_eq(got.l1_origin, want.l1_origin));
    cr_assert(slice_eq(got.sequencer_sig, want.sequencer_sig));
    cr_assert(slice_eq(got.access_list, want.access_list));
    cr_assert(u256_eq(got.total_difficulty, want.total_difficulty));
    arena_fini(&a);
}

/* Block n: two transactions; logs of address n%2 with topics n and 100. */
struct content {
    hash32 txs[2];
    struct log logs[3];
    struct receipt receipts[2];
    struct metisdb_block_index idx;
};

static void make_content(struct content *c, uint64_t n)
{
    memset(c, 0, sizeof *c);
    for (unsigned i = 0; i < 2; i++) {
        c->txs[i].b[0] = (uint8_t)n;
        c->txs[i].b[1] = (uint8_t)(1 + i);
    }
    for (unsigned i = 0; i < 3; i++) {
        c->logs[i].addr.b[0] = (uint8_t)(n % 2);
        c->logs[i].topic_num = 2;
        c->logs[i].topics[0].b[0] = (uint8_t)n;
        c->logs[i].topics[1].b[0] = 100;
    }
    c->receipts[1].logs = c->logs;
    c->receipts[1].log_num = 3;
    c->idx = (struct metisdb_block_index){c->txs, 2, c->receipts, 2};
}

static void put_full(struct metisdb *db, uint64_t n, bool canonical, uint8_t fork)
{
    struct metisdb_batch *b;
    struct block_record rec = full_record(n, fork);
    struct content c;
    make_content(&c, n);
    OK(metisdb_begin(db, &b, NULL));
    OK(metisdb_put_block(b, &rec, &c.idx, canonical));
    OK(metisdb_commit(b));
}

Test(metisdb_store, records_and_indexes)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    struct metisdb *db = test_open(&opt);
    struct metisdb_batch *b;
    struct arena a;
    struct found f;
    struct block_record got;
    struct tx_location at;
    struct content c;
    hash32 hash, key = {{0}};
    address addr = {{0}};
    arena_init(&a, TEST_ARENA);
    for (uint64_t n = 0; n <= 6; n++)
        put_full(db, n, true, 0);
    put_full(db, 6, false, 1); /* a side block */
    for (uint64_t n = 0; n <= 6; n++)
        check_record(db, n, 0, true);
    check_record(db, 6, 1, false);
    cr_assert_eq(metisdb_block_by_number(db, 7, &a, &got), MT_ENOTFOUND);
    cr_assert_eq(metisdb_block_by_hash(db, &key, &a, &got), MT_ENOTFOUND);
    make_content(&c, 4);
    OK(metisdb_find_tx(db, &c.txs[1], &at));
    cr_assert(at.number == 4 && at.idx == 1);
    cr_assert_eq(metisdb_find_tx(db, &key, &at), MT_ENOTFOUND);
    cr_assert_eq(scan(db, METISDB_LOG_ADDRESS, addr.b, 20, 0, 100, &f), 4);
    cr_assert(f.numbers[0] == 0 && f.numbers[1] == 2 && f.numbers[3] == 6);
    cr_assert_eq(scan(db, METISDB_LOG_ADDRESS, addr.b, 20, 1, 5, &f), 2);
    key.b[0] = 100;
    cr_assert_eq(scan(db, METISDB_LOG_TOPIC1, key.b, 32, 0, 100, &f), 7);
    cr_assert_eq(scan(db, METISDB_LOG_TOPIC0, key.b, 32, 0, 100, &f), 0);
    key.b[0] = 3;
    cr_assert_eq(scan(db, METISDB_LOG_TOPIC0, key.b, 32, 0, 100, &f), 1);
    cr_assert_eq(scan(db, METISDB_LOG_BLOCK, "", 0, 2, 5, &f), 4);
    struct metisdb_logs *l;
    OK(metisdb_logs_open(db, 1, &l));
    cr_assert_eq(metisdb_logs_term(l, METISDB_LOG_TOPIC0, slice_of(addr.b, 20)),
                 MT_EINVAL);
    OK(metisdb_logs_term(l, METISDB_LOG_TOPIC0, slice_of(key.b, 32)));
    cr_assert_eq(metisdb_logs_term(l, METISDB_LOG_TOPIC0, slice_of(key.b, 32)),
                 MT_ELIMIT);
    metisdb_logs_close(l);
    /* Off again: indexes go, the record stays. */
    make_content(&c, 6);
    OK(metisdb_begin(db, &b, NULL));
    OK(metisdb_undo_block(b, &c.idx));
    OK(metisdb_commit(b));
    cr_assert_eq(head_number(db, METISDB_HEAD), 5);
    check_record(db, 6, 0, false);
    cr_assert_eq(metisdb_find_tx(db, &c.txs[0], &at), MT_ENOTFOUND);
    cr_assert_eq(metisdb_canonical_hash(db, 6, &hash), MT_ENOTFOUND);
    OK(metisdb_canonical_hash(db, 5, &hash));
    cr_assert_eq(scan(db, METISDB_LOG_ADDRESS, addr.b, 20, 0, 100, &f), 3);
    put_full(db, 6, true, 0);
    check_record(db, 6, 0, true);
    arena_fini(&a);
    metisdb_close(db);
    test_dir_remove(&dir);
}

/* The i-th newest is this one. */
static void check_bad(struct metisdb *db, size_t i, unsigned which)
{
    struct arena a;
    struct metisdb_bad bad;
    char want[32];
    arena_init(&a, TEST_ARENA);
    OK(metisdb_bad_block(db, i, &a, &bad));
    snprintf(want, sizeof want, "reason %u", which);
    cr_assert(slice_eq(bad.reason, slice_str(want)));
    cr_assert_eq(bad.rlp.len, which);
    cr_assert(which == 0 || bad.rlp.ptr[which - 1] == which);
    cr_assert_eq(bad.hash.b[5], which);
    arena_fini(&a);
}

static void put_bad(struct metisdb *db, unsigned which)
{
    struct metisdb_batch *b;
    struct metisdb_bad bad = {0};
    uint8_t rlp[64];
    char reason[32];
    memset(rlp, (int)which, sizeof rlp);
    snprintf(reason, sizeof reason, "reason %u", which);
    bad.hash.b[5] = (uint8_t)which;
    bad.rlp = slice_of(rlp, which);
    bad.reason = slice_str(reason);
    OK(metisdb_begin(db, &b, NULL));
    OK(metisdb_put_bad(b, &bad));
    OK(metisdb_commit(b));
}

Test(metisdb_store, the_newest_bad_blocks)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    struct metisdb *db = test_open(&opt);
    struct arena a;
    struct metisdb_bad bad;
    arena_init(&a, TEST_ARENA);
    cr_assert_eq(metisdb_bad_block(db, 0, &a, &bad), MT_ENOTFOUND);
    for (unsigned i = 0; i < 25; i++) {
        put_bad(db, i);
        for (unsigned k = 0; k < MT_MIN(i + 1, METISDB_BAD_MAX); k++)
            check_bad(db, k, i - k);
    }
    put_bad(db, 20); /* known: the newest now, none is lost for it */
    metisdb_close(db);
    db = test_open(&opt);
    static const unsigned want[METISDB_BAD_MAX] = {20, 24, 23, 22, 21,
                                                   19, 18, 17, 16, 15};
    for (unsigned k = 0; k < METISDB_BAD_MAX; k++)
        check_bad(db, k, want[k]);
    cr_assert_eq(metisdb_bad_block(db, METISDB_BAD_MAX, &a, &bad), MT_ENOTFOUND);
    arena_fini(&a);
    metisdb_close(db);
    test_dir_remove(&dir);
}

Test(metisdb_store, readers_are_bounded)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    opt.readers_max = 3;
    struct metisdb *db = test_open(&opt);
    struct metisdb_snapshot *s[4];
    struct mt_diag diag = {0};
    genesis(db);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 3; i++)
            OK(metisdb_snapshot_open(db, 0, &s[i], NULL));
        cr_assert_eq(metisdb_snapshot_open(db, 0, &s[3], &diag), MT_EBUSY);
        for (unsigned i = 0; i < 3; i++)
            metisdb_snapshot_close(s[i]);
    }
    metisdb_close(db);
    test_dir_remove(&dir);
}

/* The file may not outgrow its cap: an error, and the store goes on. */
Test(metisdb_store, full_map)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    static uint8_t big[3 << 20];
    opt.map_size_max = 2 << 20;
    struct metisdb *db = test_open(&opt);
    struct metisdb_batch *b;
    struct block_record rec = full_record(1, 0);
    struct metisdb_block_index none = {0};
    genesis(db);
    rec.body = slice_of(big, sizeof big);
    rec.parent = test_id(0, 0).hash;
    OK(metisdb_begin(db, &b, NULL));
    cr_assert_eq(metisdb_put_block(b, &rec, &none, true), MT_ELIMIT);
    cr_assert_eq(metisdb_commit(b), MT_ELIMIT);
    next_block(db, 1);
    cr_assert_eq(head_number(db, METISDB_HEAD), 1);
    metisdb_close(db);
    test_dir_remove(&dir);
}

/* ---- readers next to the writer ---- */

/* Each block moves balances between accounts and writes its number into a slot of each:
 * any consistent view has the same sum and one number everywhere. */
#define SHARED_ACCOUNTS 8
#define SHARED_TOTAL    (SHARED_ACCOUNTS * 1000u)

struct shared {
    struct metisdb *db;
    _Atomic bool stop;
    _Atomic uint64_t views;
    _Atomic uint64_t wrong;
};

static void read_view(struct shared *sh, uint64_t number)
{
    struct metisdb_snapshot *s;
    uint64_t sum = 0;
    hash32 slot = {{0}};
    if (metisdb_snapshot_open(sh->db, number, &s, NULL) != MT_OK)
        return; /* an old block that was pruned meanwhile */
    uint64_t n = metisdb_snapshot_number(s);
    for (size_t i = 0; i < SHARED_ACCOUNTS; i++) {
        address addr = model_addr(i);
        struct account acc;
        bool exists;
        u256 v;
        if (metisdb_get_account(s, &addr, &acc, &exists) != MT_OK ||
            metisdb_get_storage(s, &addr, &slot, &v) != MT_OK || v.w[0] != n + 1)
            atomic_fetch_add(&sh->wrong, 1);
        sum += acc.balance.w[0];
    }
    if (sum != SHARED_TOTAL)
        atomic_fetch_add(&sh->wrong, 1);
    metisdb_snapshot_close(s);
    atomic_fetch_add(&sh->views, 1);
}

static void reader(void *ctx)
{
    struct shared *sh = ctx;
    struct rng r = {(uint64_t)(uintptr_t)&r};
    while (!atomic_load(&sh->stop)) {
        struct block_id head, durable;
        if (metisdb_get_head(sh->db, METISDB_HEAD, &head) != MT_OK ||
            metisdb_get_head(sh->db, METISDB_DURABLE, &durable) != MT_OK ||
            durable.hash.b[7] != (uint8_t)durable.number)
            atomic_fetch_add(&sh->wrong, 1);
        uint64_t back = rnd(&r) % 6;
        read_view(sh, METISDB_LATEST);
        read_view(sh, head.number > back ? head.number - back : 0);
    }
}

static void syncer(void *ctx)
{
    struct shared *sh = ctx;
    while (!atomic_load(&sh->stop)) {
        if (metisdb_sync_tick(sh->db) != MT_OK)
            atomic_fetch_add(&sh->wrong, 1);
        thread_sleep_us(2000);
    }
}

static void write_shared(struct metisdb *db, struct rng *r, uint64_t n,
                         uint64_t *balances)
{
    struct account_change acc[SHARED_ACCOUNTS] = {0};
    struct slot_change slots[SHARED_ACCOUNTS] = {0};
    struct metisdb_batch *b;
    hash32 root;
    for (unsigned i = 0; n > 0 && i < 20; i++) {
        uint64_t *from = &balances[rnd(r) % SHARED_ACCOUNTS];
        uint64_t part = rnd(r) % (*from + 1);
        *from -= part;
        balances[rnd(r) % SHARED_ACCOUNTS] += part;
    }
    for (size_t i = 0; i < SHARED_ACCOUNTS; i++) {
        slots[i].value = u256_from(n + 1);
        acc[i] = (struct account_change){.addr = model_addr(i),
                                         .balance = u256_from(balances[i]),
                                         .code_hash = KECCAK_EMPTY,
                                         .slots = &slots[i],
                                         .slot_num = 1};
    }
    struct state_delta d = {acc, SHARED_ACCOUNTS};
    OK(metisdb_begin(db, &b, NULL));
    OK(metisdb_apply(b, n, &d, &root));
    OK(test_put(b, test_id(n, 0), n == 0 ? (hash32){{0}} : test_id(n - 1, 0).hash, true));
    OK(metisdb_commit(b));
}

Test(metisdb_store, readers_next_to_the_writer)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    struct rng r = {42};
    uint64_t balances[SHARED_ACCOUNTS];
    struct metisdb_block_index none = {0};
    struct metisdb_batch *b;
    opt.undo_blocks = 20;
    opt.sync = METISDB_SYNC_INTERVAL;
    struct shared sh = {.db = test_open(&opt)};
    for (size_t i = 0; i < SHARED_ACCOUNTS; i++)
        balances[i] = 1000;
    write_shared(sh.db, &r, 0, balances);
    OK(metisdb_sync_tick(sh.db));
    struct thread *t[4];
    for (unsigned i = 0; i < 3; i++)
        t[i] = thread_start("reader", reader, &sh);
    t[3] = thread_start("syncer", syncer, &sh);
    uint64_t n = 1;
    for (unsigned round = 0; round < 300; round++, n++) {
        write_shared(sh.db, &r, n, balances);
        if (round % 10 == 9) { /* any sum-keeping state may follow */
            OK(metisdb_begin(sh.db, &b, NULL));
            OK(metisdb_undo_block(b, &none));
            OK(metisdb_undo_block(b, &none));
            OK(metisdb_commit(b));
            n -= 2;
        }
    }
    atomic_store(&sh.stop, true);
    for (unsigned i = 0; i < 4; i++)
        thread_join(t[i]);
    cr_assert_eq(atomic_load(&sh.wrong), 0);
    cr_assert_gt(atomic_load(&sh.views), 0);
    metisdb_close(sh.db);
    test_dir_remove(&dir);
}

/* ---- a writer that is killed ---- */

/* The child commits block after block and tells each number after its commit; the parent
 * kills it and opens what is left: every told block must be there, whole. */
static void killed_writer(const struct metisdb_options *opt, int out)
{
    struct rng r = {7};
    uint64_t balances[SHARED_ACCOUNTS], n = 0;
    struct block_id head;
    struct metisdb *db = test_open(opt);
    if (metisdb_get_head(db, METISDB_HEAD, &head) == MT_OK)
        n = head.number + 1;
    for (size_t i = 0; i < SHARED_ACCOUNTS; i++)
        balances[i] = 1000;
    for (;; n++) {
        write_shared(db, &r, n, balances);
        if (write(out, &n, sizeof n) != sizeof n)
            _exit(1);
    }
}

Test(metisdb_store, killed_writer_keeps_what_it_told)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    struct rng r = {(uint64_t)time(NULL)};
    printf("seed %llu\n", (unsigned long long)r.s);
    for (unsigned round = 0; round < 12; round++) {
        int fd[2];
        uint64_t told = 0, n;
        cr_assert_eq(pipe2(fd, O_CLOEXEC), 0);
        opt.sync = (enum metisdb_sync)(rnd(&r) % 3);
        pid_t pid = fork();
        if (pid == 0) {
            killed_writer(&opt, fd[1]);
            _exit(0);
        }
        close(fd[1]);
        cr_assert_eq(read(fd[0], &n, sizeof n), (ssize_t)sizeof n);
        thread_sleep_us((unsigned)(rnd(&r) % 40000));
        kill(pid, SIGKILL);
        told = n;
        while (read(fd[0], &n, sizeof n) == (ssize_t)sizeof n)
            told = n;
        close(fd[0]);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        struct shared sh = {.db = test_open(&opt)};
        uint64_t head = head_number(sh.db, METISDB_HEAD);
        cr_assert(head == told || head == told + 1, "told %llu, found %llu",
                  (unsigned long long)told, (unsigned long long)head);
        cr_assert_eq(head_number(sh.db, METISDB_DURABLE), head);
        read_view(&sh, METISDB_LATEST);
        read_view(&sh, head / 2);
        cr_assert_eq(atomic_load(&sh.views), 2);
        cr_assert_eq(atomic_load(&sh.wrong), 0);
        metisdb_close(sh.db);
    }
    test_dir_remove(&dir);
}
