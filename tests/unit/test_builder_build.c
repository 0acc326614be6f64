/* Building blocks from a pool's selection, and the pool following the head: what is included
 * leaves, what cannot be included stays or is dropped with its reason. */
#include <criterion/criterion.h>

#include "../unit/dev_chain.h"
#include "metis/builder.h"

#define GWEI 1000000000u

static struct dev_chain dev;
static struct pool *pool;

static void setup(void)
{
    dev_chain_open(&dev);
    struct pool_options opt = {.tx_max = 100,
                               .sender_max = 50,
                               .tx_size_max = 131072,
                               .bytes_max = 1u << 24,
                               .price_bump_percent = 10,
                               .ingest_max = 64,
                               .chain = dev.chain};
    struct head_view *view = chain_view(dev.chain);
    pool = pool_new(&opt, view);
    head_view_drop(view);
}

static void teardown(void)
{
    pool_free(pool);
    dev_chain_close(&dev);
}

TestSuite(builder_build, .init = setup, .fini = teardown);

static void add(unsigned from, uint64_t nonce, uint64_t fee, uint64_t tip)
{
    struct pool_verdict v;
    struct tx tx = dev_chain_tx(&dev, from, nonce, fee, tip);
    tx.from = dev.addrs[from];
    tx.has_from = true;
    pool_add(pool, &tx, 1, &v);
    cr_assert_eq(v.reason, POOL_OK, "%s", v.text);
}

static struct build_result build(uint64_t timestamp)
{
    struct pool_selection s;
    struct build_result r;
    struct mt_diag diag = {0};
    pool_select(pool, pool_base_fee(pool), 0, 100, &s);
    struct build_params in = {.draft = {.timestamp = timestamp}, .selection = &s};
    mt_err err = build_block(dev.chain, &in, &r, &diag);
    cr_assert_eq(err, MT_OK, "%s", diag.text);
    pool_selection_free(&s);
    pool_update(pool, dev.updates[dev.update_num - 1], 2);
    return r;
}

Test(builder_build, includes_and_forgets)
{
    size_t pending, queued;
    add(0, 0, 3u * GWEI, 10);
    add(0, 1, 3u * GWEI, 10);
    add(1, 0, 3u * GWEI, 20);
    struct build_result r = build(100);
    cr_assert_eq(r.block->block.tx_num, 3);
    cr_assert_eq(r.block->block.header.number, 1);
    cr_assert_eq(r.block->block.header.gas_used, 63000);
    cr_assert_eq(r.drop_num, 0);
    pool_count(pool, &pending, &queued);
    cr_assert_eq(pending + queued, 0);
    /* the state really moved */
    struct chain_state st;
    struct account a;
    bool exists;
    cr_assert_eq(chain_state_open(dev.chain, 1, &st, NULL), MT_OK);
    cr_assert_eq(metisdb_get_account(st.snapshot, &dev.addrs[0], &a, &exists), MT_OK);
    cr_assert_eq(a.nonce, 2);
    chain_state_close(&st);
    build_result_fini(&r);
}

Test(builder_build, what_was_built_imports_elsewhere)
{
    add(0, 0, 3u * GWEI, 10);
    struct build_result r = build(100);
    struct dev_chain *other = mt_alloc(sizeof(*other));
    enum import_status status;
    struct mt_diag diag = {0};
    dev_chain_open(other);
    mt_err err = chain_import(other->chain, r.block->block.raw, &status, &diag);
    cr_assert_eq(err, MT_OK, "%s", diag.text);
    cr_assert_eq(status, IMPORT_CANONICAL);
    dev_chain_close(other);
    mt_free(other);
    build_result_fini(&r);
}

Test(builder_build, rewind_brings_transactions_back)
{
    size_t pending, queued;
    struct mt_diag diag = {0};
    add(0, 0, 3u * GWEI, 10);
    struct build_result r = build(100);
    build_result_fini(&r);
    cr_assert_eq(chain_rewind(dev.chain, 0, CHAIN_KEEP_PATCHES, &diag), MT_OK, "%s",
                 diag.text);
    pool_update(pool, dev.updates[dev.update_num - 1], 3);
    pool_count(pool, &pending, &queued);
    cr_assert_eq(pending, 1);
    r = build(101);
    cr_assert_eq(r.block->block.tx_num, 1);
    cr_assert_eq(r.block->block.header.number, 1);
    build_result_fini(&r);
}

Test(builder_build, empty_blocks_and_equal_times)
{
    struct build_result a = build(100), b = build(100);
    cr_assert_eq(b.block->block.header.number, 2);
    cr_assert_eq(b.block->block.header.timestamp, a.block->block.header.timestamp);
    build_result_fini(&a);
    build_result_fini(&b);
    struct build_result r;
    struct mt_diag diag = {0};
    struct build_params in = {.draft = {.timestamp = 99}};
    cr_assert_eq(build_block(dev.chain, &in, &r, &diag), MT_EINVAL);
}
