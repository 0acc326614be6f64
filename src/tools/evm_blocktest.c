/* metis-evm blocktest: blockchain tests of the public suites, through the node's own
 * chain and store: genesis from `genesisRLP` and `pre`, every block imported from its
 * bytes, blocks with expectException refused for that reason, `lastblockhash` the head at
 * the end. What the fixture says besides must agree: headers member by member, and the
 * state after the last block (`postState`, or `postStateHash`), by its root.
 *
 * Each file has a store in a temporary folder ($TMPDIR, else /dev/shm, else /tmp), which
 * is emptied before each of its tests, never synced, and removed at the end. */
#include "evm_reasons.h"
#include "evm_witness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEST_MEMORY_MAX  ((size_t)1 << 30)
#define BLOCK_MEMORY_MAX ((size_t)4 << 30)
#define STORE_SIZE_MAX   ((uint64_t)1 << 30)

/* Where witnesses go, for `metis-evm witness`; set once, before the suite runs. */
static struct witness_sink *witness;

struct test {
    struct suite *suite;
    const char *name;
    json_t *doc;
    struct arena *arena;
    struct genesis genesis;
    struct metisdb *db;
    char dir[256];
};

/* ================= genesis ================= */

static mt_err load_genesis(struct test *t, struct mt_diag *diag)
{
    struct genesis *g = &t->genesis;
    struct mem_state pre;
    struct block block;
    slice rlp;
    uint64_t chain_id = 1;
    const char *differs;
    const json_t *config = json_object_get(t->doc, "config");
    if (json_object_get(config, "chainid") != NULL &&
        !fx_u64(config, "chainid", &chain_id))
        return mt_fail(diag, MT_EDECODE, "config: chainid is no number");
    *g = (struct genesis){.json = {NULL, 0}};
    if (!fx_network(fx_str(t->doc, "network"), chain_id, &g->spec) ||
        !fx_blob_schedule(config, &g->spec))
        return mt_fail(diag, MT_EDECODE, "config: not understood");
    g->spec.draft_prices = t->suite->draft;
    if (!fx_bytes(t->doc, "genesisRLP", t->arena, &rlp))
        return mt_fail(diag, MT_EDECODE, "genesisRLP: missing or malformed");
    MT_TRY(block_decode(rlp, t->arena, &block, diag));
    differs = fx_header_difference(json_object_get(t->doc, "genesisBlockHeader"),
                                   &block.header, t->arena);
    if (differs != NULL)
        return mt_fail(diag, MT_EDECODE, "genesisBlockHeader: %s differs from genesisRLP",
                       differs);
    MT_TRY(mem_state_parse(json_object_get(t->doc, "pre"), t->arena, &pre, diag));
    for (size_t i = 0; i < pre.full.account_num; i++)
        if (pre.full.accounts[i].code.len > 0)
            pre.full.accounts[i].flags = CHANGE_CODE;
    g->header = block.header;
    g->hash = header_hash(&block.header);
    g->spec_hash = g->hash;
    g->alloc = pre.full;
    return MT_OK;
}

/* ================= blocks ================= */

/* --bal: the stored list of an accepted block against the fixture's. */
static void check_access_list(struct test *t, const json_t *entry, size_t i, char *error,
                              size_t room)
{
    const json_t *list = json_object_get(entry, "blockAccessList");
    struct block_record rec;
    hash32 hash;
    slice want;
    if (list == NULL)
        return;
    if (!fx_block_access_list(list, t->arena, &want) ||
        !fx_hash(json_object_get(entry, "blockHeader"), "hash", &hash))
        mt_fmt(error, room, "block %zu: blockAccessList: malformed", i);
    else if (metisdb_block_by_hash(t->db, &hash, t->arena, &rec) != MT_OK)
        mt_fmt(error, room, "block %zu: not in the store", i);
    else if (!slice_eq(rec.access_list, want))
        mt_fmt(error, room, "block %zu: access list differs", i);
}

/* What a fixture says of an accepted block besides its bytes. */
static void check_accepted(struct test *t, const json_t *entry, size_t i, slice rlp,
                           char *error, size_t room)
{
    struct rlp whole = rlp_reader(rlp), block;
    struct header h;
    slice payload, header;
    bool is_list;
    const char *differs = "rlp";
    if (rlp_get_list(&whole, &block) == MT_OK &&
        rlp_next(&block, &payload, &is_list, &header) == MT_OK &&
        header_decode(header, &h, NULL) == MT_OK)
        differs =
            fx_header_difference(json_object_get(entry, "blockHeader"), &h, t->arena);
    if (differs != NULL)
        mt_fmt(error, room, "block %zu: blockHeader: %s differs from rlp", i, differs);
    else if (t->suite->access_lists)
        check_access_list(t, entry, i, error, room);
}

/* The witness of the block that has just become the head. */
static mt_err write_witness(struct test *t, struct chain *c, struct mt_diag *diag)
{
    struct head_view *v = chain_view(c);
    mt_err err =
        witness_write(witness, fx_str(t->doc, "network"), &v->head->block.header, diag);
    head_view_drop(v);
    return err;
}

/* Imports one block; error stays empty when the fixture agrees. */
static void import_block(struct test *t, struct chain *c, size_t i, char *error,
                         size_t room)
{
    const json_t *entry = json_array_get(json_object_get(t->doc, "blocks"), i);
    const char *expected = fx_str(entry, "expectException");
    struct mt_diag diag = {0};
    enum import_status status;
    slice rlp;
    bool malformed =
        expected == NULL && json_object_get(entry, "expectException") != NULL;
    if (malformed || !fx_bytes(entry, "rlp", t->arena, &rlp)) {
        mt_fmt(error, room, "block %zu: malformed entry", i);
        return;
    }
    if (witness != NULL && expected == NULL) {
        mt_err made = witness_prepare(witness, c, rlp, &diag);
        if (made != MT_OK) {
            mt_fmt(error, room, "block %zu: witness: %s", i, log_err_text(made, &diag));
            return;
        }
    }
    mt_err err = chain_import(c, rlp, &status, &diag);
    if (witness != NULL && expected == NULL && err == MT_OK && status == IMPORT_CANONICAL)
        err = write_witness(t, c, &diag);
    struct tx_reasons names = {""};
    bool refused = err == MT_EINVALID_BLOCK || err == MT_EDECODE || err == MT_ENOTFOUND;
    tx_reasons_add(&names, chain_last_block_error(c));
    if (err == MT_EDECODE)
        tx_reasons_of_block(rlp, &t->genesis.spec, t->arena, &names);
    if (err != MT_OK && !refused)
        mt_fmt(error, room, "block %zu: not executed: %s", i, log_err_text(err, &diag));
    else if (refused && expected == NULL)
        mt_fmt(error, room, "block %zu: refused: %s", i, log_err_text(err, &diag));
    else if (!refused && expected != NULL)
        mt_fmt(error, room, "block %zu: accepted, should be refused: %s", i, expected);
    else if (refused && !reasons_meet(names.names, expected))
        mt_fmt(error, room, "block %zu: refused for another reason: %s (%s), not %s", i,
               log_err_text(err, &diag), names.names, expected);
    else if (!refused)
        check_accepted(t, entry, i, rlp, error, room);
}

/* The state after the head against the fixture's, by its root; what it does not have is
 * in the head's hash all the same. */
static void check_post(struct test *t, const hash32 *root, char *error, size_t room)
{
    const json_t *given = json_object_get(t->doc, "postState");
    struct mt_diag diag = {0};
    struct mem_state post;
    hash32 want;
    if (given == NULL) {
        if (json_object_get(t->doc, "postStateHash") != NULL &&
            (!fx_hash(t->doc, "postStateHash", &want) || !hash32_eq(&want, root)))
            mt_fmt(error, room, "postStateHash differs from the head's root %s",
                   hash32_text(root).s);
        return;
    }
    mt_err err = mem_state_parse(given, t->arena, &post, &diag);
    if (err == MT_OK)
        err = mem_state_root(&post, t->arena, &want);
    if (err != MT_OK)
        mt_fmt(error, room, "postState: %s", log_err_text(err, &diag));
    else if (!hash32_eq(&want, root))
        mt_fmt(error, room, "postState has root %s, the head %s", hash32_text(&want).s,
               hash32_text(root).s);
}

static void run_chain(struct test *t, struct chain *c, hash32 *root, char *error,
                      size_t room)
{
    hash32 want;
    size_t num = json_array_size(json_object_get(t->doc, "blocks"));
    for (size_t i = 0; i < num && error[0] == 0; i++)
        import_block(t, c, i, error, room);
    struct head_view *v = chain_view(c);
    const struct block *head = &v->head->block;
    *root = head->header.state_root;
    if (error[0] != 0)
        ; /* the first difference counts */
    else if (!fx_hash(t->doc, "lastblockhash", &want))
        mt_fmt(error, room, "lastblockhash: missing or malformed");
    else if (!hash32_eq(&want, &head->hash))
        mt_fmt(error, room, "head %s, should be %s", hash32_text(&head->hash).s,
               hash32_text(&want).s);
    else
        check_post(t, root, error, room);
    head_view_drop(v);
}

/* ================= one test ================= */

static bool make_dir(char *out, size_t room)
{
    const char *tmp = getenv("TMPDIR");
    if (tmp == NULL || tmp[0] == 0)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    mt_fmt(out, room, "%s/metis-evm-XXXXXX", tmp);
    return mkdtemp(out) != NULL;
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char file[512];
        mt_fmt(file, sizeof file, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlink(file);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

/* The store of a file, made for its first test, emptied for each of the others. */
static mt_err open_store(struct test *t, struct mt_diag *diag)
{
    struct metisdb_options opt = {
        .path = t->dir,
        .network = "blocktest",
        .chain_id = t->genesis.spec.chain_id,
        .spec_hash = t->genesis.spec_hash,
        .sync = METISDB_SYNC_OFF,
        .undo_blocks = UINT64_MAX,
        .map_size_max = STORE_SIZE_MAX,
        .readers_max = 8,
    };
    if (t->db != NULL)
        return metisdb_clear(t->db, &opt, diag);
    if (!make_dir(t->dir, sizeof t->dir))
        return mt_fail(diag, MT_EIO, "no temporary folder");
    mt_err err = metisdb_open(&opt, &t->db, diag);
    if (err != MT_OK)
        remove_dir(t->dir);
    return err;
}

static void close_store(struct test *t)
{
    if (t->db == NULL)
        return;
    metisdb_close(t->db);
    t->db = NULL;
    remove_dir(t->dir);
}

static mt_err run_stored(struct test *t, hash32 *root, char *error, size_t room,
                         struct mt_diag *diag)
{
    struct chain *c;
    mt_err err = open_store(t, diag);
    struct chain_options chain = {
        .db = t->db,
        .genesis = &t->genesis,
        .crypto = crypto_native(),
        .engine = t->suite->engine,
        .block_memory_max = BLOCK_MEMORY_MAX,
    };
    if (err == MT_OK)
        err = chain_open(&chain, &c, diag);
    if (err == MT_OK) {
        run_chain(t, c, root, error, room);
        chain_close(c);
    } else {
        close_store(t);
    }
    return err;
}

static void run_test(struct test *t, struct buf *report)
{
    struct mt_diag diag = {0};
    char error[3 * MT_DIAG_TEXT_MAX] = "";
    hash32 root = {{0}};
    const char *network = fx_str(t->doc, "network");
    if (strcmp(t->name, "_info") == 0)
        return;
    if (network == NULL) {
        suite_case(t->suite, report, t->name, "", NULL, "malformed test: no network");
        return;
    }
    if (!suite_wants(t->suite, t->name, network) ||
        (witness != NULL && !witness_wants(witness, t->name, network)))
        return;
    arena_reset(t->arena);
    mt_err err = load_genesis(t, &diag);
    if (err == MT_OK)
        err = run_stored(t, &root, error, sizeof error, &diag);
    if (err != MT_OK)
        mt_fmt(error, sizeof error, "not run: %s", log_err_text(err, &diag));
    suite_case(t->suite, report, t->name, network, &root, error);
}

static void run_file(struct suite *s, const char *path, json_t *doc, struct buf *report)
{
    struct arena arena;
    struct test t = {.suite = s, .arena = &arena};
    (void)path;
    arena_init(&arena, TEST_MEMORY_MAX);
    json_object_foreach(doc, t.name, t.doc)
    {
        run_test(&t, report);
    }
    close_store(&t);
    arena_fini(&arena);
}

int blocktest_main(struct suite *s, struct witness_sink *sink)
{
    witness = sink;
    return suite_main(s, run_file);
}

int evm_blocktest_main(int argc, char **argv)
{
    struct suite s;
    int status = suite_options(&s, argc, argv);
    return status != 0 ? status : blocktest_main(&s, NULL);
}
