/* Admission, replacement, limits, selection, following the head. The texts are geth's
 * (core/txpool/errors.go), the rules follow from pool.h. */
#include <criterion/criterion.h>

#include "../unit/dev_chain.h"
#include "metis/pool.h"

#define GWEI 1000000000u

static struct dev_chain dev;
static struct pool *pool;
static struct pool_verdict last;
static size_t answers, announced;

static void on_done(void *ctx, const struct pool_verdict *v)
{
    (void)ctx;
    last = *v;
    answers++;
}

static void on_pending(void *ctx, struct pool_tx *tx)
{
    (void)ctx, (void)tx;
    announced++;
}

static void open_pool(size_t tx_max, size_t sender_max)
{
    dev_chain_open(&dev);
    struct pool_options opt = {.tx_max = tx_max,
                               .sender_max = sender_max,
                               .tx_size_max = 131072,
                               .bytes_max = 1u << 24,
                               .price_bump_percent = 10,
                               .ingest_max = 64,
                               .chain = dev.chain,
                               .on_pending = on_pending};
    struct head_view *view = chain_view(dev.chain);
    pool = pool_new(&opt, view);
    head_view_drop(view);
    answers = announced = 0;
}

static void setup(void)
{
    open_pool(100, 50);
}

static void teardown(void)
{
    pool_free(pool);
    dev_chain_close(&dev);
}

static enum pool_reason submit_raw(slice raw)
{
    size_t before = answers;
    pool_submit(pool, raw, 1, on_done, NULL);
    pool_flush(pool);
    cr_assert_eq(answers, before + 1, "answered exactly once");
    if (last.reason != POOL_OK)
        cr_log_info("%s", last.text);
    return last.reason;
}

static enum pool_reason submit(unsigned from, uint64_t nonce, uint64_t fee, uint64_t tip)
{
    struct tx tx = dev_chain_tx(&dev, from, nonce, fee, tip);
    return submit_raw(tx.raw);
}

static void counts(size_t pending, size_t queued)
{
    size_t p, q;
    pool_count(pool, &p, &q);
    cr_assert_eq(p, pending, "pending %zu, expected %zu", p, pending);
    cr_assert_eq(q, queued, "queued %zu, expected %zu", q, queued);
}

TestSuite(pool_admission, .init = setup, .fini = teardown);

Test(pool_admission, accepts_and_refuses_known)
{
    cr_assert_eq(submit(0, 0, 3u * GWEI, GWEI), POOL_OK);
    counts(1, 0);
    cr_assert_eq(announced, 1);
    cr_assert_eq(submit(0, 0, 3u * GWEI, GWEI), POOL_KNOWN);
    cr_assert_str_eq(last.text, "already known");
}

Test(pool_admission, gap_is_queued_until_filled)
{
    cr_assert_eq(submit(0, 1, 3u * GWEI, GWEI), POOL_OK);
    counts(0, 1);
    uint64_t nonce = 9;
    cr_assert_eq(pool_nonce(pool, &dev.addrs[0], &nonce), MT_OK);
    cr_assert_eq(nonce, 0);
    cr_assert_eq(submit(0, 0, 3u * GWEI, GWEI), POOL_OK);
    counts(2, 0);
    cr_assert_eq(announced, 2);
    cr_assert_eq(pool_nonce(pool, &dev.addrs[0], &nonce), MT_OK);
    cr_assert_eq(nonce, 2);
}

Test(pool_admission, replacement_needs_ten_percent_of_both)
{
    cr_assert_eq(submit(0, 0, 3000, 1000), POOL_OK);
    cr_assert_eq(submit(0, 0, 3299, 1100), POOL_REPLACE_UNDERPRICED);
    cr_assert_str_eq(last.text, "replacement transaction underpriced");
    cr_assert_eq(submit(0, 0, 3300, 1099), POOL_REPLACE_UNDERPRICED);
    cr_assert_eq(submit(0, 0, 3300, 1100), POOL_OK);
    counts(1, 0);
}

Test(pool_admission, funds)
{
    /* account 2 has 1e14 wei; 21000 gas at 5 gwei cost 1.05e14 */
    cr_assert_eq(submit(2, 0, 5u * GWEI - GWEI, 1), POOL_OK);
    cr_assert_eq(submit(2, 1, 2u * GWEI, 1), POOL_OVERDRAFT);
    cr_assert_eq(strncmp(last.text, "insufficient funds for gas * price + value", 42), 0);
    cr_assert_eq(submit(2, 0, 6000000000u, 2), POOL_TX);
    cr_assert_eq(last.error, TX_INSUFFICIENT_FUNDS);
}

Test(pool_admission, malformed_and_foreign)
{
    static const uint8_t junk[] = {0x02, 0xc0};
    cr_assert_eq(submit_raw(slice_of(junk, 2)), POOL_DECODE);
    cr_assert_eq(submit_raw(slice_of(NULL, 0)), POOL_DECODE);
    struct tx tx = dev_chain_tx(&dev, 0, 0, GWEI, 1);
    uint8_t copy[512];
    memcpy(copy, tx.raw.ptr, tx.raw.len);
    copy[tx.raw.len - 1] ^= 1; /* another s: some other sender without funds, or no key */
    cr_assert_eq(submit_raw(slice_of(copy, tx.raw.len)), POOL_TX);
    counts(0, 0);
}

Test(pool_admission, why_is_remembered)
{
    struct pool_verdict v;
    struct tx tx = dev_chain_tx(&dev, 2, 0, 6000000000u, 2);
    cr_assert_eq(submit_raw(tx.raw), POOL_TX);
    cr_assert(pool_why(pool, &tx.hash, &v));
    cr_assert_str_eq(v.text, "insufficient funds for gas * price + value");
}

Test(pool_admission, selection_is_by_tip_then_nonce)
{
    struct pool_selection s;
    submit(0, 0, 3u * GWEI, 10);
    submit(0, 1, 3u * GWEI, 500);
    submit(1, 0, 3u * GWEI, 100);
    submit(1, 5, 3u * GWEI, 900); /* queued: not selected */
    pool_select(pool, u256_from(GWEI), 0, 10, &s);
    cr_assert_eq(s.num, 3);
    cr_assert(address_eq(&s.txs[0]->tx.from, &dev.addrs[1]));
    cr_assert_eq(s.txs[1]->tx.nonce, 0);
    cr_assert_eq(s.txs[2]->tx.nonce, 1);
    pool_selection_free(&s);
    pool_select(pool, u256_from(4ull * GWEI), 0, 10, &s);
    cr_assert_eq(s.num, 0, "none pays this base fee");
    pool_selection_free(&s);
}

Test(pool_limits, sender_and_pool)
{
    open_pool(8, 3);
    cr_assert_eq(submit(0, 0, 3u * GWEI, 10), POOL_OK);
    cr_assert_eq(submit(0, 1, 3u * GWEI, 10), POOL_OK);
    cr_assert_eq(submit(0, 2, 3u * GWEI, 10), POOL_OK);
    cr_assert_eq(submit(0, 3, 3u * GWEI, 10), POOL_SENDER_FULL);
    teardown();
    open_pool(4, 10);
    for (uint64_t n = 0; n < 4; n++)
        cr_assert_eq(submit(0, n, 3u * GWEI, 10), POOL_OK);
    cr_assert_eq(submit(1, 0, 3u * GWEI, 5), POOL_UNDERPRICED);
    counts(4, 0);
    cr_assert_eq(submit(1, 0, 3u * GWEI, 50), POOL_OK,
                 "pushes out the last of the chain");
    counts(4, 0);
    uint64_t nonce;
    cr_assert_eq(pool_nonce(pool, &dev.addrs[0], &nonce), MT_OK);
    cr_assert_eq(nonce, 3);
    teardown();
}
