/* Blocks made here: what the sequencer seals, a follower accepts; branches of the same
 * network replace each other; dev patches and their undoing. */
#include "chain_fixture.h"

static struct fixture seq, follower;

/* Key and address of account 0 of the public test mnemonic. */
static const char KEY[] =
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
static const char FROM[] = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266";

static const char ANDROMEDA[] =
    "{\"config\":{\"chainId\":1088,\"homesteadBlock\":0,\"eip150Block\":0,"
    "\"eip155Block\":0,"
    "\"eip158Block\":0,\"byzantiumBlock\":0,\"constantinopleBlock\":0,"
    "\"petersburgBlock\":0,\"istanbulBlock\":0,\"berlinBlock\":0,"
    "\"metis\":{\"name\":\"berlin\",\"equalTime\":true,\"push0\":true,\"gasLimit\":"
    "40000000,"
    "\"coinbase\":\"0x4200000000000000000000000000000000000011\"}},"
    "\"gasLimit\":\"0x1c9c380\",\"difficulty\":\"0x0\","
    "\"alloc\":{\"f39fd6e51aad88f6f4ce6ab8827279cfffb92266\":"
    "{\"balance\":\"0x21e19e0c9bab2400000\"}}}";

static const char HYPERION[] =
    "{\"config\":{\"chainId\":1088,\"homesteadBlock\":0,\"eip150Block\":0,"
    "\"eip155Block\":0,"
    "\"eip158Block\":0,\"byzantiumBlock\":0,\"constantinopleBlock\":0,"
    "\"petersburgBlock\":0,\"istanbulBlock\":0,\"berlinBlock\":0,\"londonBlock\":0,"
    "\"terminalTotalDifficulty\":0,\"shanghaiTime\":0,\"cancunTime\":0,"
    "\"metis\":{\"name\":\"cancun\",\"equalTime\":true,"
    "\"baseFeeVault\":\"0x4200000000000000000000000000000000000011\"}},"
    "\"gasLimit\":\"0x1c9c380\",\"difficulty\":\"0x0\","
    "\"alloc\":{\"f39fd6e51aad88f6f4ce6ab8827279cfffb92266\":"
    "{\"balance\":\"0x21e19e0c9bab2400000\"}}}";

static void start(const char *genesis)
{
    fixture_start(&seq, slice_str(genesis));
    fixture_start(&follower, slice_str(genesis));
}

static void end(void)
{
    fixture_end(&seq);
    fixture_end(&follower);
}

static struct tx transfer_with(struct arena *a, uint64_t nonce, uint64_t wei, slice data)
{
    struct tx tx = {.type = TX_LEGACY,
                    .has_chain_id = true,
                    .chain_id = 1088,
                    .nonce = nonce,
                    .gas = 21000 + 4 * data.len, /* of zeros */
                    .has_to = true,
                    .data = data,
                    .value = u256_from(wei)};
    struct buf b;
    hash32 key, digest;
    sig sg;
    memset(tx.to.b, 0x77, 20);
    tx.gas_price = tx.max_fee = tx.max_priority_fee = u256_from(2000000000);
    cr_assert_eq(hex_decode_fixed(KEY, key.b, 32), MT_OK);
    digest = tx_signing_hash(&tx);
    cr_assert_eq(secp_sign(&digest, &key, &sg), MT_OK);
    tx_set_sig(&tx, &sg);
    buf_init_arena(&b, a, 4096 + data.len);
    tx_encode(&tx, &b);
    cr_assert_eq(tx_decode(buf_slice(&b), a, &tx, NULL), MT_OK);
    cr_assert_eq(tx_recover(&tx, true, crypto_native(), NULL), MT_OK);
    cr_assert_eq(memcmp(address_text(&tx.from).s + 2, FROM, 40), 0);
    return tx;
}

static struct tx transfer(struct arena *a, uint64_t nonce, uint64_t wei)
{
    return transfer_with(a, nonce, wei, (slice){0});
}

/* A block with one transaction (NULL: none) on the sequencer's head. */
static struct chain_block *build_with(uint64_t timestamp, const struct tx *tx)
{
    struct chain_draft_in in = {.timestamp = timestamp};
    struct chain_draft *d;
    struct chain_block *b;
    struct tx_outcome o;
    cr_assert_eq(chain_draft_begin(seq.chain, &in, &d, &seq.diag), MT_OK, "%s",
                 seq.diag.text);
    if (tx != NULL)
        cr_assert_eq(block_exec_tx(chain_draft_exec(d), tx, 0, &o, &seq.diag), MT_OK,
                     "%s", seq.diag.text);
    cr_assert_eq(chain_draft_seal(d, &tx, tx != NULL, &seq.diag), MT_OK, "%s",
                 seq.diag.text);
    cr_assert_eq(chain_draft_commit(d, &b, &seq.diag), MT_OK, "%s", seq.diag.text);
    return b;
}

/* The same with a transfer of the amount given (0: none). */
static struct chain_block *build(uint64_t timestamp, uint64_t nonce, uint64_t wei)
{
    struct arena a;
    struct tx tx;
    arena_init(&a, 1 << 20);
    if (wei != 0)
        tx = transfer(&a, nonce, wei);
    struct chain_block *b = build_with(timestamp, wei != 0 ? &tx : NULL);
    arena_fini(&a);
    return b;
}

static enum import_status follow(struct chain_block *b)
{
    enum import_status status;
    cr_assert_eq(chain_import(follower.chain, b->block.raw, &status, &follower.diag),
                 MT_OK, "block %llu: %s", (unsigned long long)b->block.header.number,
                 follower.diag.text);
    return status;
}

static u256 balance(struct fixture *f, uint8_t byte)
{
    struct head_view *v = chain_view(f->chain);
    struct chain_state s;
    struct account a;
    bool exists;
    address who;
    memset(who.b, byte, 20);
    cr_assert_eq(chain_state_open(f->chain, v->head->block.header.number, &s, &f->diag),
                 MT_OK);
    cr_assert_eq(metisdb_get_account(s.snapshot, &who, &a, &exists), MT_OK);
    chain_state_close(&s);
    head_view_drop(v);
    return a.balance;
}

static void sequence_and_follow(const char *genesis)
{
    start(genesis);
    for (unsigned i = 0; i < 5; i++) {
        struct chain_block *b = build(1000 + i / 2, i / 2, i % 2 == 0 ? 7 : 0);
        cr_assert(u256_is_zero(b->block.header.difficulty));
        cr_assert_eq(follow(b), IMPORT_CANONICAL);
        cr_assert_eq(follow(b), IMPORT_KNOWN);
        chain_block_drop(b);
    }
    cr_assert(u256_eq(balance(&seq, 0x77), u256_from(21)));
    cr_assert(u256_eq(balance(&follower, 0x77), u256_from(21)));
    end();
}

Test(chain_draft, follower_accepts_berlin_with_push0)
{
    sequence_and_follow(ANDROMEDA);
}

Test(chain_draft, follower_accepts_cancun)
{
    sequence_and_follow(HYPERION);
}

Test(chain_draft, gas_limit_moves_by_less_than_a_1024th)
{
    start(ANDROMEDA);
    struct chain_block *b = build(5, 0, 0);
    cr_assert_eq(b->block.header.gas_limit, 30000000 + 30000000 / 1024 - 1);
    cr_assert_str_eq(address_text(&b->block.header.coinbase).s,
                     "0x4200000000000000000000000000000000000011");
    cr_assert_eq(follow(b), IMPORT_CANONICAL);
    chain_block_drop(b);
    end();
}

Test(chain_draft, time_rule)
{
    start(HYPERION);
    struct chain_draft_in in = {.timestamp = 9};
    struct chain_draft *d;
    chain_block_drop(build(10, 0, 0));
    chain_block_drop(build(10, 0, 0)); /* equal times are this network's rule */
    cr_assert_eq(chain_draft_begin(seq.chain, &in, &d, &seq.diag), MT_EINVAL);
    end();
}

/* A body of some MiB is stored, imported and read again like any other. */
Test(chain_draft, large_block)
{
    start(HYPERION);
    struct arena a;
    struct chain_block *again;
    const size_t size = (size_t)3 << 20;
    arena_init(&a, 8 * size);
    struct tx tx = transfer_with(&a, 0, 7, slice_of(arena_zalloc(&a, size, 1), size));
    struct chain_block *b = build_with(10, &tx);
    cr_assert_gt(b->block.raw.len, size);
    cr_assert_eq(follow(b), IMPORT_CANONICAL);
    cr_assert_eq(chain_block_by_hash(follower.chain, &b->block.hash, &again), MT_OK);
    cr_assert(slice_eq(again->block.raw, b->block.raw));
    chain_block_drop(again);
    chain_block_drop(b);
    arena_fini(&a);
    end();
}

Test(chain_draft, abort_leaves_nothing)
{
    start(HYPERION);
    struct chain_draft_in in = {.timestamp = 20};
    struct chain_draft *d;
    struct arena a;
    struct tx_outcome o;
    enum import_status status;
    arena_init(&a, 1 << 20);
    cr_assert_eq(chain_draft_begin(seq.chain, &in, &d, &seq.diag), MT_OK);
    struct tx tx = transfer(&a, 0, 5);
    cr_assert_eq(block_exec_tx(chain_draft_exec(d), &tx, 0, &o, &seq.diag), MT_OK);
    cr_assert_eq(chain_import(seq.chain, slice_str("x"), &status, &seq.diag), MT_EBUSY);
    chain_draft_abort(d);
    cr_assert(u256_is_zero(balance(&seq, 0x77)));
    struct chain_block *b = build(20, 0, 6);
    cr_assert(u256_eq(balance(&seq, 0x77), u256_from(6)));
    chain_block_drop(b);
    arena_fini(&a);
    end();
}

/* Two branches from one block: a follower keeps the first, stores the second, and goes over
 * to it when told; back again too. Balances, indexes and updates follow. */
Test(chain_draft, branches)
{
    struct chain_block *common, *a[2], *b[3];
    start(HYPERION);
    common = build(100, 0, 1);
    a[0] = build(101, 1, 10);
    a[1] = build(102, 2, 10);
    cr_assert_eq(chain_rewind(seq.chain, 1, CHAIN_KEEP_PATCHES, &seq.diag), MT_OK, "%s",
                 seq.diag.text);
    cr_assert(u256_eq(balance(&seq, 0x77), u256_from(1)));
    b[0] = build(201, 1, 100);
    b[1] = build(202, 2, 100);
    b[2] = build(203, 3, 100);
    cr_assert_eq(follow(common), IMPORT_CANONICAL);
    cr_assert_eq(follow(a[0]), IMPORT_CANONICAL);
    cr_assert_eq(follow(a[1]), IMPORT_CANONICAL);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(follow(b[i]), IMPORT_SIDE);
    cr_assert(u256_eq(balance(&follower, 0x77), u256_from(21)));
    follower.added = follower.removed = 0;
    cr_assert_eq(chain_set_canonical(follower.chain, &b[2]->block.hash, &follower.diag),
                 MT_OK, "%s", follower.diag.text);
    cr_assert(follower.removed == 2 && follower.added == 3);
    cr_assert(u256_eq(balance(&follower, 0x77), u256_from(301)));
    struct chain_block *at;
    uint32_t idx;
    cr_assert_eq(chain_find_tx(follower.chain, &a[1]->block.txs[0].hash, &at, &idx),
                 MT_ENOTFOUND);
    cr_assert_eq(chain_find_tx(follower.chain, &b[2]->block.txs[0].hash, &at, &idx),
                 MT_OK);
    cr_assert_eq(at->block.header.number, 4);
    chain_block_drop(at);
    cr_assert_eq(chain_block_by_hash(follower.chain, &a[0]->block.hash, &at), MT_OK);
    cr_assert(!at->canonical);
    chain_block_drop(at);
    cr_assert_eq(chain_set_canonical(follower.chain, &a[1]->block.hash, &follower.diag),
                 MT_OK, "%s", follower.diag.text);
    cr_assert(u256_eq(balance(&follower, 0x77), u256_from(21)));
    cr_assert_eq(chain_set_canonical(follower.chain, &b[0]->block.hash, &follower.diag),
                 MT_OK);
    cr_assert(u256_eq(balance(&follower, 0x77), u256_from(101)));
    hash32 unknown = {{9}};
    cr_assert_eq(chain_set_canonical(follower.chain, &unknown, &follower.diag),
                 MT_ENOTFOUND);
    chain_block_drop(common);
    for (unsigned i = 0; i < 3; i++)
        chain_block_drop(b[i]);
    chain_block_drop(a[0]);
    chain_block_drop(a[1]);
    end();
}

/* A branch whose second block lies about its state: the head stays where it was. */
Test(chain_draft, bad_branch)
{
    struct chain_block *a, *b[2];
    enum import_status status;
    struct buf lie;
    start(HYPERION);
    a = build(100, 0, 1);
    cr_assert_eq(chain_rewind(seq.chain, 0, CHAIN_KEEP_PATCHES, &seq.diag), MT_OK);
    b[0] = build(200, 0, 2);
    b[1] = build(201, 1, 3);
    struct block changed = b[1]->block;
    changed.header.state_root.b[0] ^= 1;
    buf_init(&lie, 1 << 16);
    block_encode(&changed, &lie);
    hash32 hash = header_hash(&changed.header);
    cr_assert_eq(follow(a), IMPORT_CANONICAL);
    cr_assert_eq(follow(b[0]), IMPORT_SIDE);
    cr_assert_eq(chain_import(follower.chain, buf_slice(&lie), &status, &follower.diag),
                 MT_OK);
    cr_assert_eq(status, IMPORT_SIDE);
    follower.added = follower.removed = 0;
    cr_assert_eq(chain_set_canonical(follower.chain, &hash, &follower.diag),
                 MT_EINVALID_BLOCK);
    cr_assert_str_eq(chain_last_block_error(follower.chain), "INVALID_STATE_ROOT");
    cr_assert(follower.added == 0 && follower.removed == 0);
    struct head_view *v = chain_view(follower.chain);
    cr_assert(hash32_eq(&v->head->block.hash, &a->block.hash));
    head_view_drop(v);
    cr_assert(u256_eq(balance(&follower, 0x77), u256_from(1)));
    buf_fini(&lie);
    chain_block_drop(a);
    chain_block_drop(b[0]);
    chain_block_drop(b[1]);
    end();
}

/* Dev patches change the head's state in place; a version goes back to before them. */
Test(chain_draft, patches)
{
    start(HYPERION);
    struct account_change change = {.balance = u256_from(500), .code_hash = KECCAK_EMPTY};
    struct state_delta delta = {&change, 1};
    memset(change.addr.b, 0x55, 20);
    chain_block_drop(build(100, 0, 1));
    struct head_view *before = chain_view(seq.chain);
    cr_assert_eq(chain_patch_state(seq.chain, &delta, &seq.diag), MT_OK, "%s",
                 seq.diag.text);
    struct head_view *after = chain_view(seq.chain);
    cr_assert_neq(before->state_version, after->state_version);
    cr_assert(u256_eq(balance(&seq, 0x55), u256_from(500)));
    chain_block_drop(build(101, 1, 1)); /* on top of the patched state */
    cr_assert(u256_eq(balance(&seq, 0x55), u256_from(500)));
    cr_assert_eq(chain_rewind(seq.chain, 1, before->state_version, &seq.diag), MT_OK,
                 "%s", seq.diag.text);
    cr_assert(u256_is_zero(balance(&seq, 0x55)));
    cr_assert(u256_eq(balance(&seq, 0x77), u256_from(1)));
    head_view_drop(before);
    head_view_drop(after);
    end();
}
