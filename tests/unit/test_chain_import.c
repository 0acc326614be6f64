/* The public test chain of execution-apis: 54 blocks over all forks. Every block is executed
 * and compared with its header, so roots, receipts, gas and blooms are those of the
 * implementation that made it. Then reorganisation, damage, queries, files. */
#include "chain_fixture.h"

#define BLOCKS 54u

static const char HEAD[] =
    "0xd226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7";

static struct fixture fx;
static slice genesis_text, chain_rlp;
static slice blocks[BLOCKS];

static void setup(void)
{
    genesis_text = read_whole("genesis.json");
    chain_rlp = read_whole("chain.rlp");
    struct rlp r = rlp_reader(chain_rlp);
    for (unsigned i = 0; i < BLOCKS; i++) {
        slice payload;
        bool is_list;
        cr_assert_eq(rlp_next(&r, &payload, &is_list, &blocks[i]), MT_OK);
    }
    fixture_start(&fx, genesis_text);
}

static void teardown(void)
{
    fixture_end(&fx);
    free((void *)(uintptr_t)genesis_text.ptr);
    free((void *)(uintptr_t)chain_rlp.ptr);
}

TestSuite(chain_import, .init = setup, .fini = teardown);

static enum import_status import_block(unsigned i)
{
    enum import_status status;
    cr_assert_eq(chain_import(fx.chain, blocks[i], &status, &fx.diag), MT_OK,
                 "block %u: %s", i + 1, fx.diag.text);
    return status;
}

static void import_to(unsigned num)
{
    for (unsigned i = 0; i < num; i++)
        cr_assert_eq(import_block(i), IMPORT_CANONICAL);
}

static uint64_t head_number(void)
{
    struct head_view *v = chain_view(fx.chain);
    uint64_t n = v->head->block.header.number;
    head_view_drop(v);
    return n;
}

static void expect_head(void)
{
    struct head_view *v = chain_view(fx.chain);
    cr_assert_str_eq(hash32_text(&v->head->block.hash).s, HEAD);
    cr_assert_eq(v->rules.fork, FORK_BPO2);
    head_view_drop(v);
}

Test(chain_import, all_blocks)
{
    import_to(BLOCKS);
    expect_head();
    cr_assert_eq(fx.added, BLOCKS);
    cr_assert_eq(fx.removed, 0);
    cr_assert_eq(import_block(10), IMPORT_KNOWN);
    fixture_close(&fx);
    fixture_open(&fx); /* from the disk */
    expect_head();
}

Test(chain_import, forks_by_number_time_and_difficulty)
{
    static const enum fork want[] = {
        FORK_HOMESTEAD,      FORK_TANGERINE,  FORK_SPURIOUS,      FORK_BYZANTIUM,
        FORK_CONSTANTINOPLE, FORK_PETERSBURG, FORK_ISTANBUL,      FORK_MUIR_GLACIER,
        FORK_BERLIN,         FORK_LONDON,     FORK_ARROW_GLACIER, FORK_GRAY_GLACIER,
        FORK_PARIS};
    import_to(BLOCKS);
    for (uint64_t n = 0; n < 39; n++) {
        struct chain_block *b;
        cr_assert_eq(chain_block_by_number(fx.chain, n, &b), MT_OK);
        u256 parent_td = u256_sub(b->total_difficulty, b->block.header.difficulty);
        struct rules r =
            chain_rules_at(fx.chain, n, b->block.header.timestamp, &parent_td);
        cr_assert_eq(r.fork, want[n / 3], "block %llu is %s", (unsigned long long)n,
                     fork_name(r.fork));
        chain_block_drop(b);
    }
}

/* Undoing everything and doing it again gives the same head, also over the merge. */
Test(chain_import, rewind_and_forward)
{
    import_to(BLOCKS);
    struct head_view *v = chain_view(fx.chain);
    hash32 head = v->head->block.hash;
    head_view_drop(v);
    static const uint64_t targets[] = {53, 40, 36, 35, 27, 8, 1, 0};
    for (size_t i = 0; i < MT_ARRAY_LEN(targets); i++) {
        fx.removed = fx.added = 0;
        cr_assert_eq(chain_rewind(fx.chain, targets[i], CHAIN_KEEP_PATCHES, &fx.diag),
                     MT_OK, "%s", fx.diag.text);
        cr_assert_eq(head_number(), targets[i]);
        cr_assert_eq(fx.removed, BLOCKS - targets[i]);
        cr_assert_eq(chain_set_canonical(fx.chain, &head, &fx.diag), MT_OK, "to %llu: %s",
                     (unsigned long long)targets[i], fx.diag.text);
        cr_assert_eq(fx.added, BLOCKS - targets[i]);
        expect_head();
    }
}

/* A bit flipped anywhere in a block: refused, and the good block still follows. What is not
 * covered by the block's own hash chain is covered by the parent's or by execution. */
Test(chain_import, damaged_blocks_are_refused)
{
    uint64_t rng = 3;
    uint8_t *copy = malloc(1 << 16);
    for (unsigned i = 0; i < BLOCKS; i++) {
        for (unsigned k = 0; k < 12; k++) {
            enum import_status status;
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            memcpy(copy, blocks[i].ptr, blocks[i].len);
            copy[(rng >> 33) % blocks[i].len] ^= (uint8_t)(1u << (rng >> 61));
            mt_err err =
                chain_import(fx.chain, slice_of(copy, blocks[i].len), &status, &fx.diag);
            struct head_view *v = chain_view(fx.chain);
            bool free_field = err == MT_OK; /* extra data, coinbase… bind nothing else */
            if (free_field)
                cr_assert_eq(status, IMPORT_CANONICAL);
            head_view_drop(v);
            if (free_field)
                cr_assert_eq(chain_rewind(fx.chain, i, CHAIN_KEEP_PATCHES, &fx.diag),
                             MT_OK);
            else
                cr_assert(err == MT_EINVALID_BLOCK || err == MT_EDECODE ||
                              err == MT_ENOTFOUND,
                          "block %u: %s", i + 1, mt_err_text(err));
        }
        import_block(i);
        cr_assert_eq(head_number(), i + 1);
    }
    free(copy);
    expect_head();
}

Test(chain_import, unknown_parent)
{
    enum import_status status;
    cr_assert_eq(chain_import(fx.chain, blocks[1], &status, &fx.diag), MT_ENOTFOUND);
    cr_assert_str_eq(chain_last_block_error(fx.chain), "UNKNOWN_PARENT");
    cr_assert_eq(chain_import(fx.chain, slice_str("junk"), &status, &fx.diag),
                 MT_EDECODE);
    import_block(0);
    cr_assert_str_eq(chain_last_block_error(fx.chain), "");
}

/* One header field changed at a time: the reason is the fixtures' name for it. */
struct header_case {
    const char *name;
    void (*change)(struct header *h);
};
static void c_number(struct header *h)
{
    h->number++;
}
static void c_time(struct header *h)
{
    h->timestamp -= 10; /* the parent's: a block every ten seconds */
}
static void c_extra(struct header *h)
{
    static const uint8_t bytes[33];
    h->extra_data = slice_of(bytes, 33);
}
static void c_limit(struct header *h)
{
    h->gas_limit += h->gas_limit / 1000;
}
static void c_used(struct header *h)
{
    h->gas_used++;
}
static void c_used_above(struct header *h)
{
    h->gas_used = h->gas_limit + 1;
}
static void c_base_fee(struct header *h)
{
    h->base_fee = u256_add(h->base_fee, U256_ONE);
}
static void c_tx_root(struct header *h)
{
    h->tx_root.b[5] ^= 1;
}
static void c_receipts(struct header *h)
{
    h->receipts_root.b[5] ^= 1;
}
static void c_state(struct header *h)
{
    h->state_root.b[5] ^= 1;
}
static void c_bloom(struct header *h)
{
    h->bloom[9] ^= 1;
}
static void c_ommers(struct header *h)
{
    h->ommers_hash.b[1] ^= 1;
}
static void c_withdrawals(struct header *h)
{
    h->withdrawals_root.b[1] ^= 1;
}
static void c_excess(struct header *h)
{
    h->excess_blob_gas += GAS_PER_BLOB;
}
static void c_blob_used(struct header *h)
{
    h->blob_gas_used += GAS_PER_BLOB;
}
static void c_requests(struct header *h)
{
    h->requests_hash.b[0] ^= 1;
}
static void c_difficulty(struct header *h)
{
    h->difficulty = u256_add(h->difficulty, U256_ONE);
}
static void c_fields(struct header *h)
{
    h->field_num--;
}

static void expect_reason(unsigned i, const struct header_case *hc)
{
    struct arena a;
    struct block b;
    struct buf out;
    enum import_status status;
    arena_init(&a, 1 << 22);
    cr_assert_eq(block_decode(blocks[i], &a, &b, NULL), MT_OK);
    hc->change(&b.header);
    buf_init(&out, 1 << 20);
    block_encode(&b, &out);
    mt_err err = chain_import(fx.chain, buf_slice(&out), &status, &fx.diag);
    cr_assert(err == MT_EINVALID_BLOCK, "block %u, %s: %s", i + 1, hc->name,
              mt_err_text(err));
    cr_assert_not_null(strstr(chain_last_block_error(fx.chain), hc->name),
                       "block %u: %s (%s), wanted %s", i + 1,
                       chain_last_block_error(fx.chain), fx.diag.text, hc->name);
    buf_fini(&out);
    arena_fini(&a);
}

Test(chain_import, reasons_with_proof_of_stake)
{
    static const struct header_case cases[] = {
        {"INVALID_BLOCK_NUMBER", c_number},
        {"INVALID_BLOCK_TIMESTAMP_OLDER_THAN_PARENT", c_time},
        {"EXTRA_DATA_TOO_BIG", c_extra},
        {"INVALID_GASLIMIT", c_limit},
        {"INVALID_GAS_USED", c_used},
        {"INVALID_GAS_USED_ABOVE_LIMIT", c_used_above},
        {"INVALID_BASEFEE_PER_GAS", c_base_fee},
        {"INVALID_TRANSACTIONS_ROOT", c_tx_root},
        {"INVALID_RECEIPTS_ROOT", c_receipts},
        {"INVALID_STATE_ROOT", c_state},
        {"INVALID_LOG_BLOOM", c_bloom},
        {"IMPORT_IMPOSSIBLE_UNCLES_OVER_PARIS", c_ommers},
        {"INVALID_WITHDRAWALS_ROOT", c_withdrawals},
        {"INCORRECT_EXCESS_BLOB_GAS", c_excess},
        {"INCORRECT_BLOB_GAS_USED", c_blob_used},
        {"INVALID_REQUESTS", c_requests},
        {"IMPORT_IMPOSSIBLE_DIFFICULTY_OVER_PARIS", c_difficulty},
        {"INCORRECT_BLOCK_FORMAT", c_fields},
    };
    import_to(BLOCKS - 1);
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++)
        expect_reason(BLOCKS - 1, &cases[i]);
    import_block(BLOCKS - 1);
    expect_head();
}

Test(chain_import, reasons_with_proof_of_work)
{
    static const struct header_case cases[] = {
        {"INVALID_DIFFICULTY", c_difficulty},     {"INVALID_UNCLES_HASH", c_ommers},
        {"INVALID_TRANSACTIONS_ROOT", c_tx_root}, {"INVALID_RECEIPTS_ROOT", c_receipts},
        {"INVALID_STATE_ROOT", c_state},          {"INVALID_GAS_USED", c_used},
    };
    for (unsigned b = 0; b < 36; b++) {
        if (b % 3 == 0)
            for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++)
                expect_reason(b, &cases[i]);
        import_block(b);
    }
}

/* ---- queries ---- */

Test(chain_import, queries)
{
    import_to(BLOCKS);
    size_t txs = 0;
    for (uint64_t n = 1; n <= BLOCKS; n++) {
        struct chain_block *b, *same;
        cr_assert_eq(chain_block_by_number(fx.chain, n, &b), MT_OK);
        cr_assert(slice_eq(b->block.raw, blocks[n - 1]));
        cr_assert(b->canonical);
        cr_assert_eq(chain_block_by_hash(fx.chain, &b->block.hash, &same), MT_OK);
        cr_assert_eq(same->block.header.number, n);
        uint8_t bloom[256] = {0};
        for (uint32_t i = 0; i < b->block.tx_num; i++, txs++) {
            uint32_t idx;
            struct chain_block *at;
            cr_assert_eq(chain_find_tx(fx.chain, &b->block.txs[i].hash, &at, &idx),
                         MT_OK);
            cr_assert(idx == i && at->block.header.number == n);
            chain_block_drop(at);
            cr_assert(b->block.txs[i].has_from);
            for (unsigned k = 0; k < 256; k++)
                bloom[k] |= b->receipts[i].bloom[k];
        }
        cr_assert_eq(memcmp(bloom, b->block.header.bloom, 256), 0);
        if (b->block.tx_num > 0)
            cr_assert_eq(b->receipts[b->block.tx_num - 1].cumulative_gas,
                         b->block.header.gas_used);
        chain_block_drop(b);
        chain_block_drop(same);
    }
    cr_assert_eq(txs, 249);
    struct chain_block *none;
    hash32 zero = {{0}};
    uint32_t idx;
    cr_assert_eq(chain_block_by_number(fx.chain, BLOCKS + 1, &none), MT_ENOTFOUND);
    cr_assert_eq(chain_block_by_hash(fx.chain, &zero, &none), MT_ENOTFOUND);
    cr_assert_eq(chain_find_tx(fx.chain, &zero, &none, &idx), MT_ENOTFOUND);
}

struct seen {
    size_t num, stop_after;
    uint64_t hash; /* of the order and place of what was seen */
};

static bool on_log(void *ctx, const struct log_hit *h)
{
    struct seen *s = ctx;
    s->num++;
    s->hash = s->hash * 1000003 + h->number * 64 + h->tx_idx * 8 + h->log_idx;
    s->hash = s->hash * 1000003 + h->timestamp + load_be64(h->tx_hash.b) +
              load_be64(h->block_hash.b) + h->log->addr.b[19] + h->log->data.len;
    return s->num != s->stop_after;
}

/* Every log asked for by its own address and topics, against a search without the index. */
static struct seen naive(const struct log_filter *f, uint64_t from, uint64_t to)
{
    struct seen s = {0};
    for (uint64_t n = from; n <= to; n++) {
        struct chain_block *b;
        cr_assert_eq(chain_block_by_number(fx.chain, n, &b), MT_OK);
        uint32_t log_idx = 0;
        for (uint32_t t = 0; t < b->block.tx_num; t++) {
            for (size_t i = 0; i < b->receipts[t].log_num; i++, log_idx++) {
                const struct log *log = &b->receipts[t].logs[i];
                struct log_hit h = {n,
                                    b->block.header.timestamp,
                                    b->block.hash,
                                    b->block.txs[t].hash,
                                    t,
                                    log_idx,
                                    log};
                if (log_filter_match(f, log))
                    on_log(&s, &h);
            }
        }
        chain_block_drop(b);
    }
    return s;
}

static size_t compare(const struct log_filter *f, uint64_t from, uint64_t to)
{
    struct seen s = {0}, want = naive(f, from, to);
    cr_assert_eq(chain_scan_logs(fx.chain, f, from, to, on_log, &s, NULL, NULL), MT_OK);
    cr_assert(s.num == want.num && s.hash == want.hash);
    return s.num;
}

Test(chain_import, logs_by_index_as_by_search)
{
    import_to(BLOCKS);
    struct log_filter all = {0};
    size_t total = compare(&all, 0, BLOCKS);
    cr_assert_gt(total, 20);
    for (uint64_t n = 1; n <= BLOCKS; n++) {
        struct chain_block *b;
        cr_assert_eq(chain_block_by_number(fx.chain, n, &b), MT_OK);
        for (uint32_t t = 0; t < b->block.tx_num; t++) {
            for (size_t i = 0; i < b->receipts[t].log_num; i++) {
                const struct log *l = &b->receipts[t].logs[i];
                struct log_filter f = {.addrs = &l->addr, .addr_num = 1};
                cr_assert_gt(compare(&f, 0, BLOCKS), 0);
                f.topic_positions = l->topic_num;
                for (uint32_t k = 0; k < l->topic_num; k++) {
                    f.topics[k] = &l->topics[k];
                    f.topic_num[k] = 1;
                }
                cr_assert_gt(compare(&f, 0, BLOCKS), 0);
                f.addr_num = 0;
                f.topic_num[0] = 0; /* any topic first */
                cr_assert_gt(compare(&f, n, BLOCKS), 0);
                compare(&f, n + 1, BLOCKS);
            }
        }
        chain_block_drop(b);
    }
    struct seen s = {.stop_after = 3};
    cr_assert_eq(chain_scan_logs(fx.chain, &all, 0, BLOCKS, on_log, &s, NULL, NULL),
                 MT_OK);
    cr_assert_eq(s.num, 3);
    s = (struct seen){0};
    cr_assert_eq(chain_scan_logs(fx.chain, &all, 50, 10, on_log, &s, NULL, NULL), MT_OK);
    cr_assert_eq(s.num, 0);
}

/* The index forgets blocks that were taken off. */
Test(chain_import, index_after_rewind)
{
    import_to(BLOCKS);
    struct chain_block *last;
    cr_assert_eq(chain_block_by_number(fx.chain, BLOCKS, &last), MT_OK);
    cr_assert_eq(chain_rewind(fx.chain, 20, CHAIN_KEEP_PATCHES, &fx.diag), MT_OK);
    struct log_filter all = {0};
    struct seen s = {0}, want = naive(&all, 0, 20);
    cr_assert_eq(chain_scan_logs(fx.chain, &all, 0, BLOCKS, on_log, &s, NULL, NULL),
                 MT_OK);
    cr_assert(s.num == want.num && s.hash == want.hash);
    for (uint32_t i = 0; i < last->block.tx_num; i++) {
        struct chain_block *at;
        uint32_t idx;
        cr_assert_eq(chain_find_tx(fx.chain, &last->block.txs[i].hash, &at, &idx),
                     MT_ENOTFOUND);
    }
    chain_block_drop(last);
}

/* ---- heads, states, files ---- */

Test(chain_import, heads)
{
    import_to(10);
    struct chain_block *b;
    cr_assert_eq(chain_block_by_number(fx.chain, 7, &b), MT_OK);
    cr_assert_eq(chain_set_head(fx.chain, METISDB_SAFE, &b->block.hash, &fx.diag), MT_OK);
    struct head_view *v = chain_view(fx.chain);
    cr_assert(v->has_head[METISDB_SAFE] && v->heads[METISDB_SAFE].number == 7);
    cr_assert_eq(v->heads[METISDB_HEAD].number, 10);
    cr_assert_eq(v->heads[METISDB_FINALIZED].number, 0);
    head_view_drop(v);
    chain_block_drop(b);
}

/* The state of every old block can still be read: its balance of the coinbase grows. */
Test(chain_import, old_states)
{
    import_to(BLOCKS);
    for (uint64_t n = 0; n <= BLOCKS; n++) {
        struct chain_state s;
        struct account a;
        bool exists;
        address who = fx.genesis.alloc.accounts[3].addr;
        cr_assert_eq(chain_state_open(fx.chain, n, &s, &fx.diag), MT_OK, "%s",
                     fx.diag.text);
        cr_assert_eq(s.block->block.header.number, n);
        cr_assert_eq(metisdb_get_account(s.snapshot, &who, &a, &exists), MT_OK);
        if (n == 0)
            cr_assert(u256_eq(a.balance, fx.genesis.alloc.accounts[3].balance));
        chain_state_close(&s);
    }
}

Test(chain_import, files)
{
    char path[128], out[128];
    snprintf(path, sizeof(path), METIS_SOURCE_DIR "/tests/vectors/rpc/chain.rlp");
    snprintf(out, sizeof(out), "%s/out.rlp", fx.dir);
    cr_assert_eq(chain_import_file(fx.chain, path, true, NULL, NULL, &fx.diag), MT_OK,
                 "%s", fx.diag.text);
    expect_head();
    struct head_view *v = chain_view(fx.chain);
    cr_assert_eq(v->heads[METISDB_FINALIZED].number, BLOCKS);
    cr_assert_eq(v->heads[METISDB_SAFE].number, BLOCKS);
    head_view_drop(v);
    cr_assert_eq(chain_export_file(fx.chain, out, 1, BLOCKS, &fx.diag), MT_OK);
    FILE *f = fopen(out, "rb");
    uint8_t *p = malloc(1 << 20);
    size_t n = fread(p, 1, 1 << 20, f);
    fclose(f);
    cr_assert(slice_eq(slice_of(p, n), chain_rlp));
    free(p);
    /* a cut file keeps what was good before the cut */
    cr_assert_eq(chain_rewind(fx.chain, 0, CHAIN_KEEP_PATCHES, &fx.diag), MT_OK);
    cr_assert_eq(truncate(out, (off_t)(chain_rlp.len - 10)), 0);
    cr_assert_eq(chain_import_file(fx.chain, out, true, NULL, NULL, &fx.diag),
                 MT_EDECODE);
    cr_assert_eq(chain_import_file(fx.chain, "/nowhere", true, NULL, NULL, &fx.diag),
                 MT_EIO);
    cr_assert_eq(chain_export_file(fx.chain, "/nowhere/x", 1, 2, &fx.diag), MT_EIO);
}
