/* Headers, blocks, receipts, blooms: mainnet's genesis header, the public test chain of
 * execution-apis (54 blocks over all forks), vectors that can be derived by hand. */
#include "metis/types.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena mem;

static void setup(void)
{
    cr_assert_eq(crypto_init(), MT_OK);
    arena_init(&mem, 1 << 24);
}

static void teardown(void)
{
    arena_fini(&mem);
}

TestSuite(types_block, .init = setup, .fini = teardown);

static void fill(const char *hex, void *out, size_t n)
{
    cr_assert_eq(hex_decode_fixed(hex, out, n), MT_OK);
}

static void expect_hash(hash32 h, const char *hex)
{
    cr_assert_str_eq(hash32_text(&h).s, hex);
}

/* Mainnet block 0: every field is published. */
static struct header mainnet_genesis(uint8_t extra[32])
{
    struct header h = {.field_num = 15, .gas_limit = 5000};
    h.ommers_hash = KECCAK_RLP_EMPTY_LIST;
    h.tx_root = h.receipts_root = KECCAK_RLP_EMPTY;
    h.difficulty = u256_from(17179869184);
    fill("d7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
         h.state_root.b, 32);
    fill("11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa", extra, 32);
    h.extra_data = slice_of(extra, 32);
    h.nonce[7] = 0x42;
    return h;
}

Test(types_block, mainnet_genesis)
{
    uint8_t extra[32];
    struct header h = mainnet_genesis(extra);
    expect_hash(header_hash(&h),
                "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
}

Test(types_block, header_round_trip_of_every_length)
{
    uint8_t extra[32];
    for (uint8_t n = HEADER_FIELDS_MIN; n <= HEADER_FIELDS_MAX; n++) {
        struct header h = mainnet_genesis(extra), back;
        struct buf b, again;
        struct mt_diag d = {0};
        h.base_fee = u256_shl(U256_ONE, 200);
        h.blob_gas_used = 131072;
        h.excess_blob_gas = UINT64_MAX;
        h.slot_number = 77;
        memset(h.withdrawals_root.b, 1, 32);
        memset(h.parent_beacon_root.b, 2, 32);
        memset(h.requests_hash.b, 3, 32);
        memset(h.block_access_list_hash.b, 4, 32);
        h.field_num = n;
        buf_init(&b, 4096);
        buf_init(&again, 4096);
        header_encode(&h, &b);
        cr_assert_eq(header_decode(buf_slice(&b), &back, &d), MT_OK, "%s", d.text);
        cr_assert_eq(back.field_num, n);
        header_encode(&back, &again);
        cr_assert(slice_eq(buf_slice(&b), buf_slice(&again)));
        hash32 direct = keccak256(b.ptr, b.len), hash = header_hash(&back);
        cr_assert(hash32_eq(&direct, &hash));
        for (size_t cut = 0; cut < b.len; cut++)
            cr_assert_eq(header_decode(slice_of(b.ptr, cut), &back, &d), MT_EDECODE);
        buf_fini(&b);
        buf_fini(&again);
    }
}

Test(types_block, header_field_count)
{
    uint8_t extra[32];
    struct header h = mainnet_genesis(extra), back;
    struct buf b, other;
    struct rlp r, list;
    struct mt_diag d = {0};
    buf_init(&b, 8192);
    buf_init(&other, 8192);
    h.field_num = 23;
    header_encode(&h, &b);
    r = rlp_reader(buf_slice(&b));
    cr_assert_eq(rlp_get_list(&r, &list), MT_OK);
    const uint8_t *first = list.ptr;
    /* 24 fields */
    size_t at = rlp_begin(&other);
    buf_put(&other, first, (size_t)(list.end - first));
    rlp_put_u64(&other, 1);
    rlp_end(&other, at);
    cr_assert_eq(header_decode(buf_slice(&other), &back, &d), MT_EDECODE);
    cr_assert_str_eq(d.text, "header: more than 23 fields");
    /* 14 fields */
    for (unsigned i = 0; i < 14; i++) {
        slice payload;
        bool is_list;
        cr_assert_eq(rlp_next(&list, &payload, &is_list, NULL), MT_OK);
    }
    buf_reset(&other);
    at = rlp_begin(&other);
    buf_put(&other, first, (size_t)(list.ptr - first));
    rlp_end(&other, at);
    cr_assert_eq(header_decode(buf_slice(&other), &back, &d), MT_EDECODE);
    cr_assert_str_eq(d.text, "header: 14 fields, at least 15 are needed");
    buf_fini(&other);
    buf_fini(&b);
}

/* ---- the public chain ---- */

static slice chain_file(void)
{
    FILE *f = fopen(METIS_SOURCE_DIR "/tests/vectors/rpc/chain.rlp", "rb");
    uint8_t *p = arena_alloc(&mem, 1 << 20);
    cr_assert_not_null(f);
    size_t n = fread(p, 1, 1 << 20, f);
    fclose(f);
    return slice_of(p, n);
}

static void check_txs(struct block *b)
{
    for (size_t i = 0; i < b->tx_num; i++) {
        struct buf t;
        struct mt_diag d = {0};
        buf_init(&t, 1 << 20);
        tx_encode(&b->txs[i], &t);
        cr_assert(slice_eq(buf_slice(&t), b->txs[i].raw));
        cr_assert_eq(tx_recover(&b->txs[i], true, crypto_native(), &d), MT_OK, "%s",
                     d.text);
        buf_fini(&t);
    }
}

Test(types_block, public_chain)
{
    struct rlp r = rlp_reader(chain_file());
    hash32 prev = {{0}};
    size_t blocks = 0, types[5] = {0}, withdrawals = 0;
    for (; !rlp_at_end(&r); blocks++) {
        slice payload, whole;
        bool is_list;
        struct block b;
        struct mt_diag d = {0};
        struct buf out;
        cr_assert_eq(rlp_next(&r, &payload, &is_list, &whole), MT_OK);
        cr_assert_eq(block_decode(whole, &mem, &b, &d), MT_OK, "%s", d.text);
        buf_init(&out, 1 << 20);
        block_encode(&b, &out);
        cr_assert(slice_eq(buf_slice(&out), whole));
        buf_reset(&out);
        for (size_t i = 0; i < b.tx_num; i++) {
            types[b.txs[i].type]++;
            b.txs[i].raw = slice_of(NULL, 0); /* encoded anew, not copied */
        }
        block_encode(&b, &out);
        cr_assert(slice_eq(buf_slice(&out), whole));
        buf_fini(&out);
        hash32 h = header_hash(&b.header);
        cr_assert(hash32_eq(&h, &b.hash));
        if (blocks > 0)
            cr_assert(hash32_eq(&prev, &b.header.parent_hash), "block %zu", blocks);
        prev = b.hash;
        cr_assert_eq(block_decode(whole, &mem, &b, &d), MT_OK);
        check_txs(&b);
        withdrawals += b.withdrawal_num;
    }
    cr_assert_eq(blocks, 54);
    for (size_t t = 0; t < 5; t++)
        cr_assert_gt(types[t], 0, "type %zu", t);
    cr_assert_gt(withdrawals, 0);
    expect_hash(prev,
                "0xd226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7");
}

/* Any cut of a block is refused, and so is every byte flipped in the structure: what decodes
 * must encode to the same bytes. */
Test(types_block, damaged_blocks)
{
    slice file = chain_file();
    struct rlp r = rlp_reader(file);
    uint64_t rng = 5;
    while (!rlp_at_end(&r)) {
        slice payload, whole;
        bool is_list;
        struct arena a;
        struct block b;
        cr_assert_eq(rlp_next(&r, &payload, &is_list, &whole), MT_OK);
        arena_init(&a, 1 << 22);
        for (size_t n = 0; n < whole.len; n += 13)
            cr_assert_eq(block_decode(slice_of(whole.ptr, n), &a, &b, NULL), MT_EDECODE);
        uint8_t *copy = arena_alloc(&mem, whole.len);
        for (unsigned i = 0; i < 200; i++) {
            memcpy(copy, whole.ptr, whole.len);
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            copy[(rng >> 33) % whole.len] ^= (uint8_t)(1u << (rng >> 60) % 8);
            arena_reset(&a);
            if (block_decode(slice_of(copy, whole.len), &a, &b, NULL) != MT_OK)
                continue;
            struct buf out;
            buf_init(&out, 1 << 20);
            block_encode(&b, &out);
            cr_assert(slice_eq(buf_slice(&out), slice_of(copy, whole.len)));
            buf_fini(&out);
        }
        arena_fini(&a);
    }
}

/* A block around the given body items (hex), on mainnet's genesis header. */
static mt_err decode_body(const char *body)
{
    uint8_t extra[32], items[512];
    struct header h = mainnet_genesis(extra);
    struct buf b;
    struct block out;
    size_t n;
    cr_assert_eq(hex_decode(body, strlen(body), items, sizeof(items), &n), MT_OK);
    buf_init_arena(&b, &mem, 4096);
    size_t at = rlp_begin(&b);
    header_encode(&h, &b);
    buf_put(&b, items, n);
    rlp_end(&b, at);
    return block_decode(buf_slice(&b), &mem, &out, NULL);
}

Test(types_block, body_shapes)
{
    cr_assert_eq(decode_body("c0c0"), MT_OK);
    cr_assert_eq(decode_body("c0c0c0"), MT_OK);
    cr_assert_eq(decode_body(""), MT_EDECODE);
    cr_assert_eq(decode_body("c0"), MT_EDECODE);
    cr_assert_eq(decode_body("c0c0c0c0"), MT_EDECODE);
    cr_assert_eq(decode_body("80c0"), MT_EDECODE);
    cr_assert_eq(decode_body("c080"), MT_EDECODE);
    cr_assert_eq(decode_body("c0c080"), MT_EDECODE);
    cr_assert_eq(decode_body("c180c0"), MT_EDECODE); /* empty envelope */
    cr_assert_eq(decode_body("c101c0"), MT_EDECODE); /* type 1 without a list */
    cr_assert_eq(decode_body("c0c1c0"), MT_EDECODE); /* ommer without fields */
    cr_assert_eq(decode_body("c0c0c1c0"), MT_EDECODE);
    /* withdrawal: index 1, validator 2, address, amount 3; then with a fifth item */
    cr_assert_eq(decode_body("c0c0d9d8010294000000000000000000000000000000000000000003"),
                 MT_OK);
    cr_assert_eq(
        decode_body("c0c0dad901029400000000000000000000000000000000000000000304"),
        MT_EDECODE);
}

/* A legacy transaction may not hide in a byte string (EIP-2718). */
Test(types_block, legacy_in_an_envelope)
{
    const char *tx = "df8001825208940000000000000000000000000000000000000000808025"
                     "0101";
    char body[200];
    snprintf(body, sizeof(body), "e0%sc0", tx);
    cr_assert_eq(decode_body(body), MT_OK);
    snprintf(body, sizeof(body), "e1a0%sc0", tx);
    cr_assert_eq(decode_body(body), MT_EDECODE);
}

/* ---- forks ---- */

Test(types_block, fork_names)
{
    enum fork f;
    cr_assert(fork_parse("Merge", &f) == MT_OK && f == FORK_PARIS);
    cr_assert(fork_parse("ConstantinopleFix", &f) == MT_OK && f == FORK_PETERSBURG);
    cr_assert_eq(fork_parse("Nowhere", &f), MT_ENOTFOUND);
    for (unsigned i = 0; i < FORK_COUNT; i++) {
        struct chain_spec spec;
        cr_assert(fork_parse(fork_name((enum fork)i), &f) == MT_OK && (unsigned)f == i);
        chain_spec_for_fork(f, 1, &spec);
        cr_assert_eq(chain_rules(&spec, 0, 0, false).fork, f);
        cr_assert_eq(chain_rules(&spec, 1000, 1000, false).fork, f);
    }
}

Test(types_block, schedule_by_number_time_and_difficulty)
{
    struct chain_spec s;
    chain_spec_for_fork(FORK_BERLIN, 1, &s);
    s.fork_at[FORK_LONDON] = 10;
    s.fork_at[FORK_SHANGHAI] = 1000;
    s.fork_at[FORK_CANCUN] = 2000;
    s.merge_by_ttd = true;
    s.ttd = u256_from(5);
    cr_assert_eq(chain_rules(&s, 9, 5000, false).fork, FORK_BERLIN);
    cr_assert_eq(chain_rules(&s, 10, 5000, false).fork, FORK_LONDON);
    cr_assert_eq(chain_rules(&s, 11, 999, true).fork, FORK_PARIS);
    cr_assert_eq(chain_rules(&s, 11, 1000, true).fork, FORK_SHANGHAI);
    cr_assert(!chain_rules(&s, 11, 999, true).push0);
    cr_assert(chain_rules(&s, 11, 1000, true).push0);
    struct rules r = chain_rules(&s, 11, 2000, true);
    cr_assert_eq(r.fork, FORK_CANCUN);
    cr_assert_eq(r.blobs.max, 6);
    s.push0 = true;
    cr_assert(chain_rules(&s, 0, 0, false).push0);
}

/* A parameter fork counts from its time, also when Amsterdam came before it. */
Test(types_block, blob_schedule)
{
    struct chain_spec s;
    chain_spec_for_fork(FORK_OSAKA, 1, &s);
    s.fork_at[FORK_BPO1] = 100;
    s.fork_at[FORK_AMSTERDAM] = 200;
    s.fork_at[FORK_BPO2] = 300;
    s.blobs[FORK_AMSTERDAM].base_fee_update_fraction = 0; /* its predecessor's */
    cr_assert_eq(chain_rules(&s, 0, 99, false).blobs.max, 9);
    cr_assert_eq(chain_rules(&s, 0, 100, false).blobs.max, 15);
    cr_assert_eq(chain_rules(&s, 0, 200, false).blobs.max, 15);
    cr_assert_eq(chain_rules(&s, 0, 300, false).blobs.max, 21);
    cr_assert_eq(chain_rules(&s, 0, 300, false).fork, FORK_AMSTERDAM);
    chain_spec_for_fork(FORK_SHANGHAI, 1, &s);
    cr_assert_eq(chain_rules(&s, 0, 0, false).blobs.max, 0);
}

Test(types_block, header_fields_by_fork)
{
    static const struct {
        enum fork f;
        uint8_t n;
    } rows[] = {{FORK_FRONTIER, 15}, {FORK_BERLIN, 15},   {FORK_LONDON, 16},
                {FORK_PARIS, 16},    {FORK_SHANGHAI, 17}, {FORK_CANCUN, 20},
                {FORK_PRAGUE, 21},   {FORK_BPO2, 21},     {FORK_AMSTERDAM, 23}};
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        struct rules r = {.fork = rows[i].f};
        cr_assert_eq(header_fields_for(&r), rows[i].n);
    }
}

/* ---- receipts and blooms ---- */

/* keccak256 of 20 zero bytes begins 5380c7b7ae81a58e: pairs 0x5380, 0xc7b7, 0xae81 give the
 * bits 0x380, 0x7b7 and 0x681. */
Test(types_block, bloom_of_the_zero_address)
{
    uint8_t bloom[256] = {0};
    address zero = {{0}};
    bloom_add(bloom, slice_of(zero.b, 20));
    for (unsigned bit = 0; bit < 2048; bit++) {
        bool want = bit == 0x380 || bit == 0x7b7 || bit == 0x681;
        cr_assert_eq((bloom[255 - bit / 8] >> bit % 8 & 1) == 1, want, "bit %u", bit);
    }
    cr_assert(bloom_may_contain(bloom, slice_of(zero.b, 20)));
    zero.b[0] = 1;
    cr_assert(!bloom_may_contain(bloom, slice_of(zero.b, 20)));
}

Test(types_block, receipt_encodings)
{
    uint8_t want[700];
    struct log log = {.topic_num = 1, .data = slice_of("\x7f", 1)};
    struct receipt r = {.success = true, .cumulative_gas = 21000};
    struct buf b;
    size_t n;
    buf_init(&b, 4096);
    memset(log.addr.b, 0x11, 20);
    memset(log.topics[0].b, 0x22, 32);
    /* f9 0108: 01, 825208, b90100 and 256 zeros, c0 */
    receipt_encode(&r, &b);
    cr_assert_eq(b.len, 3 + 1 + 3 + 3 + 256 + 1);
    cr_assert_eq(memcmp(b.ptr, "\xf9\x01\x08\x01\x82\x52\x08\xb9\x01\x00", 10), 0);
    cr_assert_eq(b.ptr[b.len - 1], 0xc0);
    /* typed, failed: status is the empty string */
    buf_reset(&b);
    r.type = TX_BLOB;
    r.success = false;
    receipt_encode(&r, &b);
    cr_assert_eq(memcmp(b.ptr, "\x03\xf9\x01\x08\x80", 5), 0);
    /* before Byzantium: the root */
    buf_reset(&b);
    r.type = TX_LEGACY;
    r.has_root = true;
    receipt_encode(&r, &b);
    cr_assert_eq(memcmp(b.ptr, "\xf9\x01\x28\xa0\x00", 5), 0);
    buf_reset(&b);
    logs_encode(&log, 1, &b);
    /* [[addr, [topic], data]]: 21 + 34 + 1 = 56 bytes inside, 58 outside */
    cr_assert_eq(
        hex_decode("f83af838"
                   "941111111111111111111111111111111111111111"
                   "e1a0222222222222222222222222222222222222222222222222222222222222"
                   "22227f",
                   120, want, sizeof(want), &n),
        MT_OK);
    cr_assert(slice_eq(buf_slice(&b), slice_of(want, n)));
    buf_reset(&b);
    logs_encode(NULL, 0, &b);
    hash32 h = keccak256(b.ptr, b.len);
    cr_assert(hash32_eq(&h, &KECCAK_RLP_EMPTY_LIST));
    buf_fini(&b);
}
