/* The log index against plain memory: random chains of random logs, with blocks taken off
 * and others put on, asked with random filters. The answer that counts is a loop over
 * every log of the test's own arrays. Also the way of a store of format 1. */
#include "chain_fixture.h"
#include "chain_int.h"

#include <lmdb.h>
#include <time.h>

#define BLOCKS   800
#define TXS_MAX  4
#define LOGS_MAX 8
#define WORDS    6 /* different addresses, and topics a position */

static struct fixture fx;
static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
    seed += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

/* A block as the test knows it. */
struct made {
    struct block block;
    struct tx txs[TXS_MAX];
    struct receipt receipts[TXS_MAX];
    struct log logs[TXS_MAX][LOGS_MAX];
    uint8_t data[40];
};
static struct made *chain;
static uint64_t head;

/* Word 0 is in nearly every log, the last in few. */
static uint8_t word(void)
{
    uint64_t r = rnd(1000);
    return r < 800 ? 0 : r < 900 ? 1 : r < 960 ? 2 : r < 990 ? 3 : r < 997 ? 4 : 5;
}

static void make_log(struct made *m, struct log *l)
{
    l->addr.b[19] = word();
    l->topic_num = (uint32_t)rnd(5);
    for (uint32_t i = 0; i < l->topic_num; i++) {
        l->topics[i].b[0] = (uint8_t)(i + 1);
        l->topics[i].b[31] = word();
    }
    l->data = slice_of(m->data, rnd(sizeof m->data));
}

static void make_tx(struct tx *t, uint64_t nonce)
{
    struct buf b;
    *t = (struct tx){.type = rnd(2) == 0 ? TX_LEGACY : TX_DYNAMIC_FEE,
                     .has_chain_id = true,
                     .chain_id = fx.genesis.spec.chain_id,
                     .nonce = nonce,
                     .gas = 21000,
                     .has_to = true,
                     .r = u256_from(1 + rnd(1000)),
                     .s = u256_from(1 + rnd(1000))};
    t->v = u256_from(t->type == TX_LEGACY ? 2 * t->chain_id + 35 : 0);
    buf_init_arena(&b, &fx.mem, 1 << 16);
    tx_encode(t, &b);
    t->raw = buf_slice(&b);
    t->hash = keccak256(b.ptr, b.len);
}

static void make_block(uint64_t number)
{
    struct made *m = &chain[number];
    *m = (struct made){0};
    m->block.header = fx.genesis.header;
    m->block.header.number = number;
    m->block.header.timestamp += number * 3 + rnd(3);
    m->block.header.parent_hash =
        number == 1 ? fx.genesis.hash : chain[number - 1].block.hash;
    m->block.hash = header_hash(&m->block.header);
    m->block.has_withdrawals = fx.genesis.header.field_num >= 17;
    m->block.txs = m->txs;
    m->block.tx_num = rnd(3) == 0 ? 0 : rnd(TXS_MAX + 1);
    for (size_t i = 0; i < m->block.tx_num; i++) {
        make_tx(&m->txs[i], number * TXS_MAX + i);
        m->receipts[i].logs = m->logs[i];
        m->receipts[i].log_num = rnd(LOGS_MAX + 1);
        for (size_t k = 0; k < m->receipts[i].log_num; k++)
            make_log(m, &m->logs[i][k]);
    }
}

static struct metisdb_block_index index_of(const struct made *m, hash32 hashes[TXS_MAX])
{
    for (size_t i = 0; i < m->block.tx_num; i++)
        hashes[i] = m->txs[i].hash;
    return (struct metisdb_block_index){hashes, m->block.tx_num, m->receipts,
                                        m->block.tx_num};
}

static void put_on(uint64_t number)
{
    struct metisdb_batch *b;
    struct block_record rec;
    struct made *m = &chain[number];
    struct arena a;
    hash32 hashes[TXS_MAX];
    make_block(number);
    arena_init(&a, 1 << 20);
    cr_assert_eq(chain_record_of_block(&m->block, m->receipts, m->block.tx_num, U256_ZERO,
                                       &a, &rec),
                 MT_OK);
    struct metisdb_block_index idx = index_of(m, hashes);
    cr_assert_eq(metisdb_begin(fx.db, &b, NULL), MT_OK);
    cr_assert_eq(metisdb_put_block(b, &rec, &idx, true), MT_OK);
    cr_assert_eq(metisdb_commit(b), MT_OK);
    arena_fini(&a);
    head = number;
}

static void take_off(void)
{
    struct metisdb_batch *b;
    hash32 hashes[TXS_MAX];
    struct metisdb_block_index idx = index_of(&chain[head], hashes);
    cr_assert_eq(metisdb_begin(fx.db, &b, NULL), MT_OK);
    cr_assert_eq(metisdb_undo_block(b, &idx), MT_OK);
    cr_assert_eq(metisdb_commit(b), MT_OK);
    head--;
}

/* ---- questions ---- */

struct question {
    struct log_filter f;
    address addrs[WORDS];
    hash32 topics[4][WORDS];
    uint64_t from, to;
};

static void make_question(struct question *q)
{
    *q = (struct question){.from = rnd(head + 1)};
    q->to = rnd(4) == 0 ? q->from : q->from + rnd(head + 20 - q->from);
    q->f.addrs = q->addrs;
    q->f.addr_num = rnd(2) == 0 ? 0 : rnd(4);
    for (size_t i = 0; i < q->f.addr_num; i++)
        q->addrs[i].b[19] = (uint8_t)rnd(WORDS + 1); /* maybe one that is nowhere */
    q->f.topic_positions = rnd(5);
    for (size_t p = 0; p < q->f.topic_positions; p++) {
        q->f.topics[p] = q->topics[p];
        q->f.topic_num[p] = rnd(2) == 0 ? 0 : rnd(4);
        for (size_t i = 0; i < q->f.topic_num[p]; i++) {
            q->topics[p][i].b[0] = (uint8_t)(p + 1);
            q->topics[p][i].b[31] = (uint8_t)rnd(WORDS);
        }
    }
}

/* The place in the test's arrays up to which the answers agreed. */
struct check {
    const struct question *q;
    uint64_t number;
    uint32_t tx, log, idx;
    size_t num;
};

/* To the next log that matches, plainly; false: none. */
static bool next_match(struct check *c)
{
    for (; c->number <= c->q->to && c->number <= head; c->number++) {
        const struct made *m = &chain[c->number];
        for (; c->tx < m->block.tx_num; c->tx++, c->log = 0)
            for (; c->log < m->receipts[c->tx].log_num; c->log++, c->idx++)
                if (log_filter_match(&c->q->f, &m->logs[c->tx][c->log]))
                    return true;
        c->tx = c->log = c->idx = 0;
    }
    return false;
}

static bool on_hit(void *ctx, const struct log_hit *h)
{
    struct check *c = ctx;
    cr_assert(next_match(c), "one too many: block %lu log %u", h->number, h->log_idx);
    const struct made *m = &chain[c->number];
    const struct log *want = &m->logs[c->tx][c->log];
    cr_assert(h->number == c->number && h->tx_idx == c->tx && h->log_idx == c->idx);
    cr_assert(h->timestamp == m->block.header.timestamp &&
              hash32_eq(&h->block_hash, &m->block.hash) &&
              hash32_eq(&h->tx_hash, &m->txs[c->tx].hash));
    cr_assert(address_eq(&h->log->addr, &want->addr) &&
              h->log->topic_num == want->topic_num &&
              memcmp(h->log->topics, want->topics, sizeof want->topics) == 0 &&
              slice_eq(h->log->data, want->data));
    c->log++;
    c->idx++;
    c->num++;
    return true;
}

static size_t ask(size_t questions)
{
    size_t hits = 0;
    for (size_t i = 0; i < questions; i++) {
        struct question q;
        make_question(&q);
        struct check c = {.q = &q, .number = q.from == 0 ? 1 : q.from};
        cr_assert_eq(
            chain_scan_logs(fx.chain, &q.f, q.from, q.to, on_hit, &c, NULL, NULL), MT_OK);
        cr_assert(!next_match(&c), "missing: block %lu log %u", c.number, c.idx);
        hits += c.num;
    }
    return hits;
}

static void setup(void)
{
    fixture_start(&fx, read_whole("genesis.json"));
    chain = calloc(BLOCKS + 1, sizeof *chain);
    seed = (uint64_t)time(NULL) * 1000003u ^ (uint64_t)getpid();
    fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    head = 0;
}

static void teardown(void)
{
    free(chain);
    fixture_end(&fx);
}

TestSuite(chain_logs, .init = setup, .fini = teardown);

Test(chain_logs, index_as_memory_through_reorganisations)
{
    size_t hits = 0;
    while (head < BLOCKS) {
        put_on(head + 1);
        if (rnd(16) != 0)
            continue;
        for (uint64_t n = rnd(MT_MIN(head, 12)); n > 0; n--)
            take_off();
        hits += ask(20);
    }
    cr_assert_gt(hits + ask(400), 1000u);
    while (head > 0) /* nothing must be left */
        take_off();
    struct metisdb_stat st;
    cr_assert_eq(metisdb_get_stat(fx.db, &st), MT_OK);
    for (size_t i = 0; i < st.table_num; i++)
        if (strcmp(st.tables[i].name, "logs") == 0)
            cr_assert_eq(st.tables[i].entries, 0u);
}

/* ---- format 1 ---- */

static void raw_put(MDB_txn *txn, const char *table, slice key, slice val)
{
    MDB_dbi dbi;
    MDB_val k = {key.len, (void *)(uintptr_t)key.ptr};
    MDB_val v = {val.len, (void *)(uintptr_t)val.ptr};
    cr_assert_eq(mdb_dbi_open(txn, table, 0, &dbi), 0);
    cr_assert_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
}

/* The closed store becomes one of format 1: its number, and rows `kind || key || number`
 * in place of the index. */
static void make_old(void)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta, logs;
    MDB_val k = {8, "identity"}, v;
    uint8_t identity[128], row[29] = {0};
    cr_assert_eq(mdb_env_create(&env), 0);
    cr_assert_eq(mdb_env_set_maxdbs(env, 32), 0);
    cr_assert_eq(mdb_env_set_mapsize(env, (size_t)1 << 30), 0);
    cr_assert_eq(mdb_env_open(env, fx.dir, 0, 0644), 0);
    cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    cr_assert_eq(mdb_get(txn, meta, &k, &v), 0);
    cr_assert(v.mv_size <= sizeof identity);
    memcpy(identity, v.mv_data, v.mv_size);
    cr_assert_eq(load_be32(identity), METISDB_FORMAT_VERSION);
    store_be32(identity, 1);
    raw_put(txn, "meta", slice_str("identity"), slice_of(identity, v.mv_size));
    cr_assert_eq(mdb_dbi_open(txn, "logs", 0, &logs), 0);
    cr_assert_eq(mdb_drop(txn, logs, 0), 0);
    for (uint64_t n = 1; n <= head; n++) {
        store_be64(row + 21, n);
        raw_put(txn, "logs", slice_of(row, sizeof row), slice_of(NULL, 0));
    }
    cr_assert_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

Test(chain_logs, a_store_of_format_1_gets_its_index)
{
    while (head < 60)
        put_on(head + 1);
    fixture_close(&fx);
    make_old();
    fixture_open(&fx);
    cr_assert_gt(ask(300), 100u);
    put_on(head + 1);
    fixture_close(&fx);
    fixture_open(&fx); /* of the present format now */
    cr_assert(!metisdb_logs_stale(fx.db));
    cr_assert_gt(ask(300), 100u);
}
