/* A small chain in a temporary folder, for tests of the modules above chain: Osaka from
 * genesis, METIS rules, three funded accounts whose keys are 1, 2 and 3. */
#ifndef METIS_TESTS_DEV_CHAIN_H
#define METIS_TESTS_DEV_CHAIN_H

#include "metis/chain.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define DEV_CHAIN_ID 777u

struct dev_chain {
    struct arena arena;
    struct genesis genesis;
    struct metisdb *db;
    struct chain *chain;
    struct chain_update *updates[64];
    size_t update_num;
    hash32 keys[3];
    address addrs[3];
    char folder[64];
};

static inline void dev_chain_on_update(void *ctx, struct chain_update *u)
{
    struct dev_chain *d = ctx;
    cr_assert_lt(d->update_num, 64u);
    d->updates[d->update_num++] = u;
}

static inline void dev_chain_genesis(struct dev_chain *d)
{
    static char json[4096];
    struct mt_diag diag = {0};
    for (unsigned i = 0; i < 3; i++) {
        d->keys[i].b[31] = (uint8_t)(i + 1);
        cr_assert_eq(secp_address(&d->keys[i], &d->addrs[i]), MT_OK);
    }
    int n = snprintf(
        json, sizeof(json),
        "{\"config\":{\"chainId\":%u,\"terminalTotalDifficulty\":0,\"homesteadBlock\":0,"
        "\"eip150Block\":0,\"eip158Block\":0,\"byzantiumBlock\":0,"
        "\"constantinopleBlock\":0,"
        "\"petersburgBlock\":0,\"istanbulBlock\":0,\"berlinBlock\":0,\"londonBlock\":0,"
        "\"shanghaiTime\":0,\"metis\":{\"name\":\"test\",\"gasLimit\":30000000,"
        "\"equalTime\":true,\"blobTransactions\":false}},"
        "\"gasLimit\":\"0x1c9c380\",\"timestamp\":\"0x64\",\"alloc\":{"
        "\"%s\":{\"balance\":\"1000000000000000000\"},"
        "\"%s\":{\"balance\":\"1000000000000000000\"},"
        "\"%s\":{\"balance\":\"100000000000000\"}}}",
        DEV_CHAIN_ID, address_text(&d->addrs[0]).s, address_text(&d->addrs[1]).s,
        address_text(&d->addrs[2]).s);
    cr_assert(n > 0 && (size_t)n < sizeof(json));
    mt_err err = genesis_parse(slice_str(json), &d->arena, &d->genesis, &diag);
    cr_assert_eq(err, MT_OK, "%s", diag.text);
}

/* A chain of its own in a new folder; what becomes of it goes to on_update(ctx). */
static inline void
dev_chain_open_for(struct dev_chain *d,
                   void (*on_update)(void *ctx, struct chain_update *u), void *ctx)
{
    struct mt_diag diag = {0};
    cr_assert_eq(crypto_init(), MT_OK);
    arena_init(&d->arena, (size_t)64 << 20);
    dev_chain_genesis(d);
    snprintf(d->folder, sizeof(d->folder), "/tmp/metis-test-XXXXXX");
    cr_assert_not_null(mkdtemp(d->folder));
    struct metisdb_options opt = {.path = d->folder,
                                  .network = "test",
                                  .chain_id = DEV_CHAIN_ID,
                                  .spec_hash = d->genesis.spec_hash,
                                  .sync = METISDB_SYNC_OFF,
                                  .undo_blocks = UINT64_MAX,
                                  .map_size_max = (uint64_t)1 << 30,
                                  .readers_max = 64};
    cr_assert_eq(metisdb_open(&opt, &d->db, &diag), MT_OK, "%s", diag.text);
    struct chain_options co = {.db = d->db,
                               .genesis = &d->genesis,
                               .crypto = crypto_native(),
                               .block_memory_max = (size_t)1 << 30,
                               .on_update = on_update,
                               .ctx = ctx};
    cr_assert_eq(chain_open(&co, &d->chain, &diag), MT_OK, "%s", diag.text);
}

static inline void dev_chain_open(struct dev_chain *d)
{
    memset(d, 0, sizeof(*d));
    dev_chain_open_for(d, dev_chain_on_update, d);
}

static inline void dev_chain_close(struct dev_chain *d)
{
    char command[96];
    for (size_t i = 0; i < d->update_num; i++)
        chain_update_free(d->updates[i]);
    chain_close(d->chain);
    metisdb_close(d->db);
    arena_fini(&d->arena);
    snprintf(command, sizeof(command), "rm -rf %s", d->folder);
    cr_assert_eq(system(command), 0);
}

/* A signed transfer of 1 wei to account 2, in the chain's arena. */
static inline struct tx dev_chain_tx(struct dev_chain *d, unsigned from, uint64_t nonce,
                                     uint64_t max_fee, uint64_t tip)
{
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = DEV_CHAIN_ID,
                    .nonce = nonce,
                    .max_fee = u256_from(max_fee),
                    .max_priority_fee = u256_from(tip),
                    .gas = 21000,
                    .has_to = true,
                    .to = d->addrs[2],
                    .value = U256_ONE};
    hash32 digest = tx_signing_hash(&tx);
    struct buf b;
    struct tx out;
    sig s;
    cr_assert_eq(secp_sign(&digest, &d->keys[from], &s), MT_OK);
    tx_set_sig(&tx, &s);
    buf_init_arena(&b, &d->arena, 4096);
    tx_encode(&tx, &b);
    cr_assert(buf_ok(&b));
    cr_assert_eq(tx_decode(buf_slice(&b), &d->arena, &out, NULL), MT_OK);
    return out;
}

#endif
