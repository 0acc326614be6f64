/* Genesis files: the public test chain's hash, every named rule, the texts of errors; and the
 * difficulty of proof of work against the public tables. */
#include "chain_difficulty_table.h"
#include "chain_fixture.h"

static struct arena mem;

static void setup(void)
{
    cr_assert_eq(crypto_init(), MT_OK);
    arena_init(&mem, (size_t)1 << 26);
}

static void teardown(void)
{
    arena_fini(&mem);
}

TestSuite(chain_genesis, .init = setup, .fini = teardown);

static struct genesis parsed(const char *text)
{
    struct genesis g;
    struct mt_diag d = {0};
    cr_assert_eq(genesis_parse(slice_str(text), &mem, &g, &d), MT_OK, "%s", d.text);
    return g;
}

/* The parent of block 1 of chain.rlp names the hash of this genesis. */
Test(chain_genesis, public_chain)
{
    slice text = read_whole("genesis.json"), file = read_whole("chain.rlp");
    struct genesis g;
    struct mt_diag d = {0};
    struct rlp r = rlp_reader(file);
    slice payload, whole;
    bool is_list;
    struct block b;
    cr_assert_eq(genesis_parse(text, &mem, &g, &d), MT_OK, "%s", d.text);
    cr_assert_eq(rlp_next(&r, &payload, &is_list, &whole), MT_OK);
    cr_assert_eq(block_decode(whole, &mem, &b, &d), MT_OK);
    cr_assert(hash32_eq(&g.hash, &b.header.parent_hash));
    cr_assert_eq(g.spec.chain_id, 3503995874084926u);
    cr_assert(g.spec.merge_by_ttd && u256_eq(g.spec.ttd, u256_from(4732352)));
    cr_assert_eq(g.spec.fork_at[FORK_BPO2], 540);
    cr_assert_eq(g.spec.fork_at[FORK_DAO], FORK_NEVER);
    cr_assert_eq(g.spec.blobs[FORK_BPO1].max, 15);
    cr_assert(!g.spec.metis && !g.spec.no_blobs);
    free((void *)(uintptr_t)text.ptr);
    free((void *)(uintptr_t)file.ptr);
}

/* Case test1 of the public GenesisTests (ethereum/tests). */
Test(chain_genesis, public_genesis_test)
{
    struct genesis g = parsed(
        "{\"config\":{\"chainId\":1},\"nonce\":\"0x123123123123123f\",\"alloc\":{"
        "\"9ca0e998df92c5351cecbbb6dba82ac2266f7e0c\":{\"code\":\"0x606060606060606060\","
        "\"storage\":{\"0x03\":\"0x07\"}},"
        "\"cd2a3d9f938e13cd947ec05abc7fe734df8dd826\":{\"balance\":"
        "\"1234567000000000000000\"}},"
        "\"timestamp\":\"0x539\",\"extraData\":\"0x686f727365\",\"gasLimit\":\"0x1388\","
        "\"difficulty\":\"0x400000\",\"mixHash\":\"0x00\",\"coinbase\":"
        "\"0x3333333333333333333333333333333333333333\"}");
    cr_assert_str_eq(
        hash32_text(&g.hash).s,
        "0xd2aa14378fcc82856e4bc3967a9f1cc2156c0884505f178280558de947852316");
}

/* Cases test2 and test3 of the same file (its "wei" is geth's "balance", its "0x" 0). */
Test(chain_genesis, public_genesis_test2)
{
    struct genesis g = parsed(
        "{\"config\":{\"chainId\":1},\"nonce\":\"0xdeadbeefdeadbeef\",\"timestamp\":\""
        "0x0\",\"extraData\":\"0x\",\"gasLimit\":\"0x2fefd8\",\"difficulty\":\"0x20000\","
        "\"mixHash\":\"0x00000000000000000000000000000000000000000000000000000"
        "00000000000\",\"coinbase\":\"0x333333333333333333333333333333333333333"
        "3\",\"alloc\":{\"b9c015918bdaba24b4ff057a92a3873d6eb201be\":{\"balance\":"
        "\"1606938044258990275541962092341162602522202993782792835301376\"},\""
        "e4157b34ea9615cfbde6b4fda419828124b70c78\":{\"balance\":\"160693804425"
        "8990275541962092341162602522202993782792835301376\"},\"0000000000000"
        "000000000000000000000000002\":{\"balance\":\"1\"},\"00000000000000000000"
        "00000000000000000003\":{\"balance\":\"1\"},\"000000000000000000000000000"
        "0000000000004\":{\"balance\":\"1\"},\"6c386a4b26f73c802f34673f7248bb118f"
        "97424a\":{\"balance\":\"1606938044258990275541962092341162602522202993"
        "782792835301376\"},\"dbdbdb2cbd23b783741e8d7fcf51e459b497e4a6\":{\"bal"
        "ance\":\"16069380442589902755419620923411626025222029937827928353013"
        "76\"},\"cd2a3d9f938e13cd947ec05abc7fe734df8dd826\":{\"balance\":\"160693"
        "8044258990275541962092341162602522202993782792835301376\"},\"2ef4710"
        "0e0787b915105fd5e3f4ff6752079d5cb\":{\"balance\":\"1606938044258990275"
        "541962092341162602522202993782792835301376\"},\"e6716f9544a56c530d86"
        "8e4bfbacb172315bdead\":{\"balance\":\"16069380442589902755419620923411"
        "62602522202993782792835301376\"},\"000000000000000000000000000000000"
        "0000001\":{\"balance\":\"1\"},\"1a26338f0d905e295fccb71fa9ea849ffa12aaf4"
        "\":{\"balance\":\"1606938044258990275541962092341162602522202993782792"
        "835301376\"}}}");
    cr_expect_str_eq(
        hash32_text(&g.hash).s,
        "0x08799a72ece04859d8593426b93eec5b547b2629c84435418fd3690041e8a359");
}

Test(chain_genesis, public_genesis_test3)
{
    struct genesis g = parsed(
        "{\"config\":{\"chainId\":1},\"nonce\":\"0x0000000000000042\",\"timestamp\":\""
        "0x54655307\",\"extraData\":\"0x03030303030303030303\",\"gasLimit\":\"0x138"
        "8\",\"difficulty\":\"0x400000000\",\"mixHash\":\"0x00000000000000000000000"
        "00000000000000000000000000000000000000000\",\"coinbase\":\"0x333333333"
        "3333333333333333333333333333333\",\"alloc\":{}}");
    cr_expect_str_eq(
        hash32_text(&g.hash).s,
        "0x5bc6d58c2f379eff18855ade5bd229b946fdef084ab207e7ec96efcdf5724d77");
}

#define MINIMAL(config, more)                                                            \
    "{\"config\":{\"chainId\":7" config "},\"gasLimit\":\"0x1388\",\"difficulty\":1,"    \
    "\"alloc\":{}" more "}"

/* The header fields each fork adds, with the values their EIPs give to a first block. */
Test(chain_genesis, header_by_fork)
{
    struct genesis g = parsed(MINIMAL("", ""));
    cr_assert_eq(g.header.field_num, 15);
    cr_assert(hash32_eq(&g.header.state_root, &KECCAK_RLP_EMPTY));
    g = parsed(MINIMAL(",\"londonBlock\":0", ""));
    cr_assert_eq(g.header.field_num, 16);
    cr_assert(u256_eq(g.header.base_fee, u256_from(1000000000)));
    g = parsed(MINIMAL(",\"londonBlock\":0", ",\"baseFeePerGas\":\"0x7\""));
    cr_assert(u256_eq(g.header.base_fee, u256_from(7)));
    g = parsed(MINIMAL(",\"terminalTotalDifficulty\":0,\"shanghaiTime\":0", ""));
    cr_assert_eq(g.header.field_num, 17);
    cr_assert(hash32_eq(&g.header.withdrawals_root, &KECCAK_RLP_EMPTY));
    g = parsed(
        MINIMAL(",\"terminalTotalDifficulty\":0,\"shanghaiTime\":0,\"cancunTime\":0,"
                "\"pragueTime\":0",
                ",\"excessBlobGas\":\"0x20000\""));
    cr_assert_eq(g.header.field_num, 21);
    cr_assert_eq(g.header.excess_blob_gas, 0x20000);
    cr_assert_str_eq(
        hash32_text(&g.header.requests_hash).s,
        "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* Mainnet's total difficulty is an integer of 23 digits. */
Test(chain_genesis, long_integers)
{
    struct genesis g =
        parsed(MINIMAL(",\"terminalTotalDifficulty\":58750000000000000000000", ""));
    u256 want;
    u256_parse("58750000000000000000000", 23, &want);
    cr_assert(u256_eq(g.spec.ttd, want));
    g = parsed(
        MINIMAL("", ",\"extraData\":\"0x31323334353637383930313233343536373839\""));
    cr_assert_eq(g.header.extra_data.len, 19);
}

Test(chain_genesis, alloc)
{
    struct genesis g = parsed(
        "{\"config\":{\"chainId\":1},\"gasLimit\":5000,\"difficulty\":\"17\",\"alloc\":{"
        "\"0x00000000000000000000000000000000000000ff\":{\"balance\":\"1000\"},"
        "\"00000000000000000000000000000000000000aa\":{\"balance\":\"0x10\",\"nonce\":5,"
        "\"code\":\"0x6000\",\"storage\":{\"0x2\":\"0x0a\",\"0x01\":\"0x00\",\"0x0\":"
        "\"0x0b\"}}}}");
    cr_assert_eq(g.alloc.account_num, 2);
    const struct account_change *a = &g.alloc.accounts[0];
    cr_assert_eq(a->addr.b[19], 0xaa);
    cr_assert(u256_eq(a->balance, u256_from(16)) && a->nonce == 5);
    cr_assert((a->flags & CHANGE_CODE) != 0 && a->code.len == 2);
    cr_assert_eq(a->slot_num, 2); /* a zero is no slot */
    cr_assert_eq(a->slots[0].slot.b[31], 0);
    cr_assert(u256_eq(a->slots[0].value, u256_from(11)));
    cr_assert_eq(a->slots[1].slot.b[31], 2);
    cr_assert(u256_eq(g.alloc.accounts[1].balance, u256_from(1000)));
    cr_assert(u256_eq(g.header.difficulty, u256_from(17)));
}

#define METIS(rules) MINIMAL(",\"metis\":{\"name\":\"m\"" rules "}", "")
#define ADDR         "\"0x4200000000000000000000000000000000000011\""

Test(chain_genesis, named_rules)
{
    struct genesis g = parsed(METIS(""));
    cr_assert(g.spec.metis && strcmp(g.spec.name, "m") == 0);
    cr_assert(!g.spec.fixed_coinbase && !g.spec.base_fee_vault && !g.spec.native_token);
    cr_assert(!g.spec.code_senders);
    cr_assert(parsed(METIS(",\"codeSenders\":true")).spec.code_senders);
    g = parsed(METIS(",\"periodMs\":500,\"gasLimit\":30000000,\"equalTime\":true,"
                     "\"blobTransactions\":false,\"push0\":true,\"l1Fee\":true,"
                     "\"gasPriceOracle\":" ADDR ",\"baseFeeVault\":" ADDR
                     ",\"nativeToken\":" ADDR ",\"nativeTransfer\":" ADDR
                     ",\"coinbase\":" ADDR));
    const struct chain_spec *s = &g.spec;
    cr_assert(s->period_ms == 500 && s->gas_limit == 30000000 && s->equal_time);
    cr_assert(s->no_blobs && s->push0 && s->l1_fee && s->base_fee_vault);
    cr_assert(s->native_token && s->fixed_coinbase && s->vault.b[19] == 0x11);
    cr_assert(s->coinbase.b[0] == 0x42 && s->token.b[0] == 0x42);
    cr_assert(s->native_transfer.b[0] == 0x42 && s->gas_price_oracle.b[0] == 0x42);
    g = parsed(METIS(",\"blobTransactions\":true"));
    cr_assert(!g.spec.no_blobs);
}

/* Any rule moves the hash of the spec. */
Test(chain_genesis, spec_hash)
{
    static const char *const texts[] = {
        (MINIMAL("", "")),
        (MINIMAL(",\"homesteadBlock\":0", "")),
        (MINIMAL(",\"homesteadBlock\":1", "")),
        (MINIMAL(",\"terminalTotalDifficulty\":5", "")),
        (MINIMAL(",\"daoForkSupport\":true", "")),
        (MINIMAL(",\"depositContractAddress\":" ADDR, "")),
        (MINIMAL(",\"blobSchedule\":{\"cancun\":{\"target\":1,\"max\":2,"
                 "\"baseFeeUpdateFraction\":3}}",
                 "")),
        (MINIMAL("", ",\"timestamp\":1")),
        (METIS("")),
        (METIS(",\"periodMs\":500")),
        (METIS(",\"gasLimit\":500")),
        (METIS(",\"equalTime\":true")),
        (METIS(",\"blobTransactions\":false")),
        (METIS(",\"push0\":true")),
        (METIS(",\"l1Fee\":true,\"gasPriceOracle\":" ADDR)),
        (METIS(",\"gasPriceOracle\":" ADDR)),
        (METIS(",\"baseFeeVault\":" ADDR)),
        (METIS(",\"nativeToken\":" ADDR ",\"nativeTransfer\":" ADDR)),
        (METIS(",\"coinbase\":" ADDR)),
        "{\"config\":{\"chainId\":8},\"gasLimit\":5000,\"difficulty\":1,\"alloc\":{}}",
    };
    hash32 hashes[MT_ARRAY_LEN(texts)];
    for (size_t i = 0; i < MT_ARRAY_LEN(texts); i++) {
        hashes[i] = parsed(texts[i]).spec_hash;
        hash32 again = parsed(texts[i]).spec_hash;
        cr_assert(hash32_eq(&hashes[i], &again));
        for (size_t k = 0; k < i; k++)
            cr_assert(!hash32_eq(&hashes[i], &hashes[k]), "%zu is %zu", i, k);
    }
}

Test(chain_genesis, errors_name_the_key)
{
    static const struct {
        const char *text, *path;
    } rows[] = {
        {"[]", "top"},
        {"{", "line"},
        {"{\"gasLimit\":1,\"alloc\":{}}", "config"},
        {"{\"config\":{},\"gasLimit\":1,\"alloc\":{}}", "config.chainId"},
        {"{\"config\":{\"chainId\":\"x\"}}", "config.chainId"},
        {"{\"config\":{\"chainId\":18446744073709551616}}", "config.chainId"},
        {"{\"config\":{\"chainId\":-1}}", "config.chainId"},
        {"{\"config\":{\"chainId\":1},\"alloc\":{}}", "gasLimit"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1}", "alloc"},
        {MINIMAL(",\"berlinBlock\":\"soon\"", ""), "config.berlinBlock"},
        {MINIMAL(",\"berlinBlock\":5,\"londonBlock\":4", ""), "config.londonBlock"},
        {MINIMAL(",\"shanghaiTime\":5,\"cancunTime\":4", ""), "config.cancunTime"},
        {MINIMAL(",\"amsterdamTime\":4", ""), "config.amsterdamTime"},
        {MINIMAL(",\"blobSchedule\":{\"nextyear\":{}}", ""),
         "config.blobSchedule.nextyear"},
        {MINIMAL(",\"blobSchedule\":{\"prague\":{\"target\":1,\"max\":2,"
                 "\"baseFeeUpdateFraction\":0}}",
                 ""),
         "config.blobSchedule.prague"},
        {MINIMAL(",\"blobSchedule\":{\"prague\":{\"target\":1}}", ""),
         "config.blobSchedule.prague"},
        {MINIMAL(",\"metis\":{}", ""), "config.metis.name"},
        {MINIMAL(",\"metis\":{\"name\":\"../x\"}", ""), "config.metis.name"},
        {MINIMAL(",\"metis\":{\"name\":\"0123456789012345678901234567890123\"}", ""),
         "config.metis.name"},
        {METIS(",\"perioudMs\":5"), "config.metis.perioudMs"},
        {METIS(",\"push0\":1"), "config.metis.push0"},
        {METIS(",\"coinbase\":\"0x12\""), "config.metis.coinbase"},
        {METIS(",\"l1Fee\":true"), "config.metis.gasPriceOracle"},
        {METIS(",\"nativeToken\":" ADDR), "config.metis"},
        {MINIMAL("", ",\"timestamp\":\"0x10000000000000000\""), "timestamp"},
        {MINIMAL("", ",\"nonce\":\"0x10000000000000000\""), "nonce"},
        {MINIMAL("", ",\"extraData\":\"0xzz\""), "extraData"},
        {MINIMAL("", ",\"coinbase\":\"0x00\""), "coinbase"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"alloc\":{\"0x12\":{}}}",
         "alloc.0x12"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"alloc\":{"
         "\"0x00000000000000000000000000000000000000aa\":{\"balance\":\"\"}}}",
         "alloc.0x00000000000000000000000000000000000000aa"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"alloc\":{"
         "\"0x00000000000000000000000000000000000000aa\":{},"
         "\"00000000000000000000000000000000000000aa\":{}}}",
         "alloc"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"alloc\":{"
         "\"0x00000000000000000000000000000000000000aa\":{\"storage\":{\"0x1\":\"0x1\","
         "\"0x01\":\"0x2\"}}}}",
         "alloc.0x00000000000000000000000000000000000000aa"},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        struct genesis g;
        struct mt_diag d = {0};
        mt_err err = genesis_parse(slice_str(rows[i].text), &mem, &g, &d);
        cr_assert(err == MT_EDECODE, "row %zu (%s): %s", i, rows[i].path,
                  mt_err_text(err));
        cr_assert_not_null(strstr(d.text, rows[i].path), "row %zu: %s", i, d.text);
    }
}

/* The networks that come with the project: read, and their store agrees with the plain
 * oracle on the root. */
Test(chain_genesis, networks)
{
    static const struct {
        const char *file;
        uint64_t id;
        enum fork fork;
        bool l1_fee;
    } rows[] = {
        {"andromeda", 1088, FORK_BERLIN, true},
        {"andromeda-sepolia", 59902, FORK_BERLIN, true},
        {"hyperion-testnet", 133717, FORK_PRAGUE, false},
        {"andromeda-dev", 1088001, FORK_OSAKA, true},
        {"hyperion-dev", 133717001, FORK_OSAKA, false},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        char path[300];
        struct genesis g;
        struct mt_diag d = {0};
        snprintf(path, sizeof(path), METIS_SOURCE_DIR "/conf/%s.json", rows[i].file);
        cr_assert_eq(genesis_load(path, &mem, &g, &d), MT_OK, "%s", d.text);
        cr_assert_str_eq(g.spec.name, rows[i].file);
        cr_assert(g.spec.chain_id == rows[i].id && g.spec.l1_fee == rows[i].l1_fee);
        struct rules r = chain_rules(&g.spec, 1, g.header.timestamp, true);
        cr_assert_eq(r.fork, rows[i].fork);
        cr_assert(r.push0 && !rules_have_work(&r));
        struct fixture f;
        fixture_start(&f, g.json);
        struct head_view *v = chain_view(f.chain);
        cr_assert(hash32_eq(&v->head->block.hash, &g.hash));
        cr_assert_eq(v->rules.fork, rows[i].fork);
        head_view_drop(v);
        fixture_end(&f);
    }
    struct genesis g;
    struct mt_diag d = {0};
    cr_assert_eq(genesis_load("/nowhere.json", &mem, &g, &d), MT_EIO);
}

/* Another genesis on a filled store is refused, even where the spec hash was not asked. */
Test(chain_genesis, another_genesis)
{
    struct fixture f;
    fixture_start(&f, slice_str(MINIMAL("", "")));
    fixture_close(&f);
    struct genesis other = parsed(MINIMAL("", ",\"timestamp\":9"));
    struct metisdb_options db = {.path = f.dir,
                                 .network = f.genesis.spec.name,
                                 .chain_id = f.genesis.spec.chain_id,
                                 .spec_hash = other.spec_hash,
                                 .sync = METISDB_SYNC_OFF,
                                 .undo_blocks = UINT64_MAX,
                                 .map_size_max = (uint64_t)1 << 30,
                                 .readers_max = 16};
    struct mt_diag d = {0};
    struct metisdb *none;
    cr_assert_eq(metisdb_open(&db, &none, &d), MT_EVERSION);
    db.spec_hash = f.genesis.spec_hash;
    cr_assert_eq(metisdb_open(&db, &f.db, &d), MT_OK, "%s", d.text);
    struct chain_options opt = {.db = f.db,
                                .genesis = &other,
                                .crypto = crypto_native(),
                                .block_memory_max = (size_t)1 << 26};
    struct chain *c;
    cr_assert_eq(chain_open(&opt, &c, &d), MT_EVERSION);
    metisdb_close(f.db);
    fixture_open(&f);
    fixture_end(&f);
}

/* ---- difficulty ---- */

Test(chain_genesis, difficulty_tables)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(difficulty_table); i++) {
        enum fork fork;
        cr_assert_eq(fork_parse(difficulty_table[i].fork, &fork), MT_OK);
        struct rules r = {.fork = fork};
        struct header parent = {.timestamp = difficulty_table[i].parent_time,
                                .difficulty =
                                    u256_from(difficulty_table[i].parent_difficulty),
                                .number = difficulty_table[i].number - 1};
        u256 d =
            chain_difficulty(&r, difficulty_table[i].number, difficulty_table[i].time,
                             &parent, difficulty_table[i].ommers != 0);
        cr_assert(u256_eq(d, u256_from(difficulty_table[i].want)), "row %zu: %s", i,
                  u256_dec(d).s);
    }
}
