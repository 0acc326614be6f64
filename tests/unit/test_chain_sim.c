/* Blocks in memory: the public test chain of execution-apis is made again block by block
 * without a write, and every hash must be the one it has. Then states and
 * reorganisations: a state belongs to the block that it says. */
#include "chain_fixture.h"
#include "dev_chain.h"

#include <stdatomic.h>

#define BLOCKS 54u

static struct fixture fx;
static slice genesis_text, chain_rlp;
static struct chain_block *blocks[BLOCKS + 1];

static void setup(void)
{
    struct rlp r;
    genesis_text = read_whole("genesis.json");
    chain_rlp = read_whole("chain.rlp");
    fixture_start(&fx, genesis_text);
    r = rlp_reader(chain_rlp);
    for (unsigned i = 0; i < BLOCKS; i++) {
        enum import_status status;
        slice payload, item;
        bool is_list;
        cr_assert_eq(rlp_next(&r, &payload, &is_list, &item), MT_OK);
        cr_assert_eq(chain_import(fx.chain, item, &status, &fx.diag), MT_OK, "%s",
                     fx.diag.text);
    }
    for (unsigned i = 0; i <= BLOCKS; i++)
        cr_assert_eq(chain_block_by_number(fx.chain, i, &blocks[i]), MT_OK);
}

static void teardown(void)
{
    for (unsigned i = 0; i <= BLOCKS; i++)
        chain_block_drop(blocks[i]);
    fixture_end(&fx);
    free((void *)(uintptr_t)genesis_text.ptr);
    free((void *)(uintptr_t)chain_rlp.ptr);
}

TestSuite(chain_sim, .init = setup, .fini = teardown);

/* What a caller decides about a block, taken from the real one. */
static struct header wishes(const struct header *h)
{
    struct header w = {.coinbase = h->coinbase,
                       .difficulty = h->difficulty,
                       .gas_limit = h->gas_limit,
                       .timestamp = h->timestamp,
                       .extra_data = h->extra_data,
                       .mix_hash = h->mix_hash,
                       .base_fee = h->base_fee,
                       .parent_beacon_root = h->parent_beacon_root};
    memcpy(w.nonce, h->nonce, sizeof(w.nonce));
    return w;
}

static void make_again(struct chain_sim *s, const struct block *b)
{
    struct chain_sim_in in = {.header = wishes(&b->header),
                              .withdrawals = b->withdrawals,
                              .withdrawal_num = b->withdrawal_num};
    struct chain_block made;
    struct mt_diag diag = {0};
    cr_assert_eq(chain_sim_begin(s, &in, &diag), MT_OK, "block %llu: %s",
                 (unsigned long long)b->header.number, diag.text);
    for (size_t i = 0; i < b->tx_num; i++) {
        struct tx_outcome o;
        cr_assert_eq(block_exec_tx(chain_sim_exec(s), &b->txs[i], 0, &o, &diag), MT_OK,
                     "block %llu: %s", (unsigned long long)b->header.number, diag.text);
    }
    cr_assert_eq(chain_sim_seal(s, b->txs, b->tx_num, &made, NULL, &diag), MT_OK, "%s",
                 diag.text);
    cr_assert_str_eq(hash32_text(&made.block.header.state_root).s,
                     hash32_text(&b->header.state_root).s, "block %llu",
                     (unsigned long long)b->header.number);
    cr_assert(hash32_eq(&made.block.hash, &b->hash), "block %llu",
              (unsigned long long)b->header.number);
}

static void open_sim(uint64_t number, struct chain_state *state, struct arena *arena,
                     struct chain_sim **s)
{
    struct chain_sim_options opt = {
        .base = state, .arena = arena, .memory_max = (size_t)256 << 20, .seed = 7};
    arena_init(arena, (size_t)256 << 20);
    cr_assert_eq(chain_state_open(fx.chain, number, state, &fx.diag), MT_OK, "%s",
                 fx.diag.text);
    cr_assert_eq(chain_sim_new(&opt, s), MT_OK);
}

static void close_sim(struct chain_state *state, struct arena *arena, struct chain_sim *s)
{
    chain_sim_free(s);
    chain_state_close(state);
    arena_fini(arena);
}

/* Each block alone, on the stored state of its parent: states old and new. */
Test(chain_sim, each_block_on_its_parent)
{
    for (unsigned i = 1; i <= BLOCKS; i++) {
        struct chain_state state;
        struct arena arena;
        struct chain_sim *s;
        if (blocks[i]->block.ommer_num > 0)
            continue; /* made here are none */
        open_sim(i - 1, &state, &arena, &s);
        make_again(s, &blocks[i]->block);
        close_sim(&state, &arena, s);
    }
}

/* Block on block: states, hashes and roots go on in memory, over every fork of the chain;
 * a block with ommers is begun from anew. */
Test(chain_sim, block_after_block)
{
    for (unsigned i = 1; i <= BLOCKS; i++) {
        struct chain_state state;
        struct arena arena;
        struct chain_sim *s;
        open_sim(i - 1, &state, &arena, &s);
        for (; i <= BLOCKS && blocks[i]->block.ommer_num == 0; i++)
            make_again(s, &blocks[i]->block);
        close_sim(&state, &arena, s);
    }
    struct head_view *v = chain_view(fx.chain);
    cr_assert_eq(v->head->block.header.number, BLOCKS); /* nothing was written */
    head_view_drop(v);
}

Test(chain_sim, not_more_than_the_most)
{
    struct chain_state state;
    struct arena arena;
    struct chain_sim *s;
    struct chain_block made;
    struct mt_diag diag = {0};
    struct chain_sim_in in = {.header = wishes(&blocks[BLOCKS]->block.header)};
    open_sim(BLOCKS, &state, &arena, &s);
    for (unsigned i = 0; i < CHAIN_SIM_BLOCKS_MAX; i++) {
        in.header.timestamp++;
        cr_assert_eq(chain_sim_begin(s, &in, &diag), MT_OK, "%s", diag.text);
        cr_assert_eq(chain_sim_seal(s, NULL, 0, &made, NULL, &diag), MT_OK);
    }
    cr_assert_eq(chain_sim_begin(s, &in, &diag), MT_ELIMIT);
    close_sim(&state, &arena, s);
}

/* A state stays what it was opened as, also in what it says of its ancestors. */
Test(chain_sim, state_outlives_a_reorganisation)
{
    struct chain_state state;
    hash32 hash, now;
    cr_assert_eq(chain_state_open(fx.chain, 50, &state, &fx.diag), MT_OK);
    cr_assert_eq(chain_rewind(fx.chain, 40, CHAIN_KEEP_PATCHES, &fx.diag), MT_OK, "%s",
                 fx.diag.text);
    cr_assert_eq(chain_canonical_hash(fx.chain, 45, &now), MT_ENOTFOUND);
    cr_assert_eq(state.reader.block_hash(state.reader.ctx, 45, &hash), MT_OK);
    cr_assert(hash32_eq(&hash, &blocks[45]->block.hash));
    cr_assert(hash32_eq(&state.block->block.hash, &blocks[50]->block.hash));
    chain_state_close(&state);
}

/* ---- two branches that take turns ---- */

static struct dev_chain dev;
static _Atomic bool over;

static struct chain_block *branch(uint64_t timestamp, int coinbase)
{
    struct chain_draft_in in = {.timestamp = timestamp};
    struct mt_diag diag = {0};
    struct chain_draft *d;
    struct chain_block *b;
    struct tx_outcome o;
    struct tx tx = dev_chain_tx(&dev, 0, 0, 2000000000, 1);
    const struct tx *list[1] = {&tx};
    cr_assert_eq(tx_recover(&tx, true, crypto_native(), NULL), MT_OK);
    memset(in.coinbase.b, coinbase, 20);
    cr_assert_eq(chain_draft_begin(dev.chain, &in, &d, &diag), MT_OK, "%s", diag.text);
    cr_assert_eq(block_exec_tx(chain_draft_exec(d), &tx, 0, &o, &diag), MT_OK, "%s",
                 diag.text);
    cr_assert_eq(chain_draft_seal(d, list, 1, &diag), MT_OK);
    cr_assert_eq(chain_draft_commit(d, &b, &diag), MT_OK);
    return b;
}

/* The root that the snapshot's own nodes have, against the header of the block that it
 * came with. */
static void compare_states(void *arg)
{
    size_t *seen = arg;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    while (!over) {
        struct chain_state s;
        struct metisdb_proof p;
        mt_err err = chain_state_open(dev.chain, 1, &s, NULL);
        if (err != MT_OK)
            continue; /* between the branches there is no block 1 */
        arena_reset(&arena);
        cr_assert_eq(metisdb_get_proof(s.snapshot, &dev.addrs[0], NULL, 0, &arena, &p),
                     MT_OK);
        hash32 root = keccak256(p.nodes[0].ptr, p.nodes[0].len);
        cr_assert(hash32_eq(&root, &s.block->block.header.state_root));
        chain_state_close(&s);
        (*seen)++;
    }
    arena_fini(&arena);
}

Test(chain_state, belongs_to_its_block_while_branches_change)
{
    struct mt_diag diag = {0};
    size_t seen = 0;
    dev_chain_open(&dev);
    struct chain_block *a = branch(1000, 0x0a);
    cr_assert_eq(chain_rewind(dev.chain, 0, CHAIN_KEEP_PATCHES, &diag), MT_OK, "%s",
                 diag.text);
    struct chain_block *b = branch(1001, 0x0b);
    cr_assert_not(hash32_eq(&a->block.header.state_root, &b->block.header.state_root));
    struct thread *reader = thread_start("reader", compare_states, &seen);
    for (unsigned i = 0; i < 6000; i++) {
        const hash32 *to = i % 2 == 0 ? &a->block.hash : &b->block.hash;
        cr_assert_eq(chain_set_canonical(dev.chain, to, &diag), MT_OK, "%s", diag.text);
        for (size_t k = 0; k < dev.update_num; k++)
            chain_update_free(dev.updates[k]);
        dev.update_num = 0;
    }
    over = true;
    thread_join(reader);
    cr_assert_gt(seen, 0u);
    chain_block_drop(a);
    chain_block_drop(b);
    dev_chain_close(&dev);
}
