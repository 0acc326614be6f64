/* metis-evm blockexec: executes the blocks of blockchain tests whatever their headers say
 * of the result, and prints what came out: one JSON line a block. For comparison with
 * another implementation under rules that are not those the test was filled with.
 *
 * State stands in memory and goes on from block to block; a block that is not valid
 * leaves it as it was. --stub ADDRESS (several) puts the code `STOP` at an address of
 * every pre: system contracts that a test older than their EIP does not have. */
#include "evm.h"
#include "evm_fixture.h"

#include <stdio.h>
#include <string.h>

#define TEST_MEMORY_MAX ((size_t)2 << 30)
#define BLOCK_GAS_LOCAL 200000000u

struct test {
    const char *name;
    const json_t *doc;
    struct suite *suite;
    struct arena *arena, *scratch;
    struct chain_spec spec;
    struct mem_state state;
    const json_t *blocks;
};

/* The hash that the test's own blocks give for a number. */
static mt_err block_hash(void *ctx, uint64_t number, hash32 *out)
{
    const struct test *t = ctx;
    uint64_t n;
    if (fx_u64(json_object_get(t->doc, "genesisBlockHeader"), "number", &n) &&
        n == number &&
        fx_hash(json_object_get(t->doc, "genesisBlockHeader"), "hash", out))
        return MT_OK;
    for (size_t i = 0; i < json_array_size(t->blocks); i++) {
        const json_t *h = json_object_get(json_array_get(t->blocks, i), "blockHeader");
        if (fx_u64(h, "number", &n) && n == number && fx_hash(h, "hash", out))
            return MT_OK;
    }
    return MT_ENOTFOUND;
}

static void report_receipts(struct json_out *j, const struct block_exec_out *out)
{
    json_key(j, "receipts");
    json_arr(j);
    for (size_t i = 0; i < out->receipt_num; i++) {
        const struct receipt *r = &out->receipts[i];
        json_arr(j);
        json_u64(j, r->success);
        json_u64(j, r->cumulative_gas);
        json_u64(j, r->log_num);
        json_arr_end(j);
    }
    json_arr_end(j);
}

static void report(const struct test *t, size_t i, const char *error,
                   const struct block_exec_out *out, const hash32 *root, struct buf *buf)
{
    struct json_out j = json_out(buf);
    json_obj(&j);
    json_kv_str(&j, "name", t->name);
    json_kv_u64(&j, "block", i);
    if (error != NULL) {
        json_kv_str(&j, "error", error);
    } else {
        json_kv_u64(&j, "gasUsed", out->gas_used);
        json_kv_hash(&j, "stateRoot", root);
        json_kv_hash(&j, "receiptsRoot", &out->receipts_root);
        json_kv_hash(&j, "requestsHash", &out->requests_hash);
        json_kv_hex(&j, "logsBloom", out->bloom, sizeof out->bloom);
        json_kv_hash(&j, "accessListHash", &out->access_list_hash);
        report_receipts(&j, out);
        json_kv_hex(&j, "accessList", out->access_list.ptr, out->access_list.len);
    }
    json_obj_end(&j);
    buf_put_u8(buf, '\n');
}

static mt_err execute(struct test *t, const struct block *b, const struct rules *rules,
                      struct block_exec_out *out, struct mt_diag *diag)
{
    struct vm_reader reader = mem_state_reader(&t->state);
    struct mem_roots roots = {.now = t->state, .arena = t->arena};
    struct block_exec_in in = {
        .rules = rules,
        .header = &b->header,
        .reader = &reader,
        .crypto = crypto_native(),
        .arena = t->arena,
        .scratch = t->scratch,
        .engine = t->suite->engine,
        .root = rules->fork < FORK_BYZANTIUM ? mem_root_after : NULL,
        .root_ctx = &roots,
    };
    MT_TRY(txs_recover(NULL, b->txs, b->tx_num, true, diag));
    struct block_exec *be = block_exec_new(&in);
    return be == NULL ? MT_ELIMIT : block_exec_all(be, b, out, diag);
}

static void run_block(struct test *t, size_t i, struct buf *buf)
{
    const json_t *entry = json_array_get(t->blocks, i);
    struct mt_diag diag = {0};
    struct block_exec_out out;
    struct mem_state next;
    struct block b;
    hash32 root;
    slice rlp;
    t->state.block_hash = block_hash;
    t->state.block_hash_ctx = t;
    mt_err err = fx_bytes(entry, "rlp", t->arena, &rlp) ? MT_OK : MT_EDECODE;
    if (err == MT_OK)
        err = block_decode(rlp, t->arena, &b, &diag);
    if (err == MT_OK) {
        struct rules rules =
            chain_rules(&t->spec, b.header.number, b.header.timestamp, true);
        err = execute(t, &b, &rules, &out, &diag);
    }
    if (err == MT_OK)
        err = mem_state_next(&t->state, &out.delta, t->arena, &next);
    if (err == MT_OK)
        err = mem_state_root(&next, t->arena, &root);
    if (err == MT_OK)
        t->state = next;
    report(t, i, err == MT_OK ? NULL : log_err_text(err, &diag), &out, &root, buf);
}

/* `pre` with a STOP at the stubs. */
static mt_err load_state(struct test *t)
{
    struct mt_diag diag = {0};
    const char *const *stub = t->suite->stubs;
    json_t *pre = json_deep_copy(json_object_get(t->doc, "pre"));
    for (size_t i = 0; i < t->suite->stub_num; i++) {
        json_t *a = json_pack("{s:s, s:s, s:s, s:{}}", "nonce", "0x01", "balance", "0x00",
                              "code", "0x00", "storage");
        json_object_set_new(pre, stub[i], a);
    }
    mt_err err = mem_state_parse(pre, t->arena, &t->state, &diag);
    json_decref(pre);
    return err;
}

static void run_file(struct suite *s, const char *path, json_t *doc, struct buf *buf)
{
    struct arena arena, scratch;
    struct test t = {.suite = s, .arena = &arena, .scratch = &scratch};
    json_t *value;
    (void)path;
    arena_init(&arena, TEST_MEMORY_MAX);
    arena_init(&scratch, vm_arena_size(BLOCK_GAS_LOCAL));
    json_object_foreach(doc, t.name, value)
    {
        const char *network = fx_str(value, "network");
        uint64_t chain_id = 1;
        const json_t *config = json_object_get(value, "config");
        fx_u64(config, "chainid", &chain_id);
        if (network == NULL || !suite_wants(s, t.name, network) ||
            !fx_network(network, chain_id, &t.spec))
            continue;
        arena_reset(&arena);
        t.doc = value;
        t.blocks = json_object_get(value, "blocks");
        t.spec.draft_prices = s->draft;
        if (!fx_blob_schedule(config, &t.spec) || load_state(&t) != MT_OK) {
            s->failed++;
            continue;
        }
        for (size_t i = 0; i < json_array_size(t.blocks); i++)
            run_block(&t, i, buf);
        s->passed++;
    }
    arena_fini(&arena);
    arena_fini(&scratch);
}

int evm_blockexec_main(int argc, char **argv)
{
    struct suite s;
    int status = suite_options(&s, argc, argv);
    return status != 0 ? status : suite_main(&s, run_file);
}
