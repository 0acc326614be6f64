/* metis-evm blocktest: blockchain tests of the public suites, through the node's own
 * chain and store: genesis from `genesisRLP` and `pre`, every block imported from its
 * bytes, blocks with expectException refused for that reason, `lastblockhash` the head at
 * the end.
 *
 * Each test has a store of its own in a temporary folder ($TMPDIR, else /dev/shm, else
 * /tmp), never synced and removed when the test is over. */
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
    const json_t *config = json_object_get(t->doc, "config");
    fx_u64(config, "chainid", &chain_id);
    *g = (struct genesis){.json = {NULL, 0}};
    if (!fx_network(fx_str(t->doc, "network"), chain_id, &g->spec) ||
        !fx_blob_schedule(config, &g->spec))
        return mt_fail(diag, MT_EDECODE, "config: not understood");
    g->spec.draft_prices = t->suite->draft;
    if (!fx_bytes(t->doc, "genesisRLP", t->arena, &rlp))
        return mt_fail(diag, MT_EDECODE, "genesisRLP: missing or malformed");
    MT_TRY(block_decode(rlp, t->arena, &block, diag));
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

static bool same_name(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* True when two lists of names with '|' between them have one in common. Expected names
 * carry the suite's prefix ("BlockException."). */
static bool names_meet(const char *expected, const char *ours)
{
    for (const char *e = expected; *e != 0;) {
        size_t e_len = strcspn(e, "|");
        const char *dot = memchr(e, '.', e_len);
        size_t skip = dot == NULL ? 0 : (size_t)(dot + 1 - e);
        for (const char *o = ours; *o != 0;) {
            size_t o_len = strcspn(o, "|");
            if (same_name(e + skip, e_len - skip, o, o_len))
                return true;
            o += o_len + (o[o_len] == '|');
        }
        e += e_len + (e[e_len] == '|');
    }
    return false;
}

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
    if (!fx_bytes(entry, "rlp", t->arena, &rlp)) {
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
    const char *names = chain_last_block_error(c);
    bool refused = err == MT_EINVALID_BLOCK || err == MT_EDECODE || err == MT_ENOTFOUND;
    if (err != MT_OK && !refused)
        mt_fmt(error, room, "block %zu: not executed: %s", i, log_err_text(err, &diag));
    else if (refused && expected == NULL)
        mt_fmt(error, room, "block %zu: refused: %s", i, log_err_text(err, &diag));
    else if (!refused && expected != NULL)
        mt_fmt(error, room, "block %zu: accepted, should be refused: %s", i, expected);
    else if (refused && !names_meet(expected, names))
        mt_fmt(error, room, "block %zu: refused for another reason: %s (%s), not %s", i,
               log_err_text(err, &diag), names, expected);
    else if (!refused && t->suite->access_lists)
        check_access_list(t, entry, i, error, room);
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

static mt_err run_stored(struct test *t, hash32 *root, char *error, size_t room,
                         struct mt_diag *diag)
{
    struct metisdb *db;
    struct chain *c;
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
    MT_TRY(metisdb_open(&opt, &db, diag));
    t->db = db;
    struct chain_options chain = {
        .db = db,
        .genesis = &t->genesis,
        .crypto = crypto_native(),
        .engine = t->suite->engine,
        .block_memory_max = BLOCK_MEMORY_MAX,
    };
    mt_err err = chain_open(&chain, &c, diag);
    if (err == MT_OK) {
        run_chain(t, c, root, error, room);
        chain_close(c);
    }
    metisdb_close(db);
    return err;
}

static void run_test(struct test *t, struct buf *report)
{
    struct mt_diag diag = {0};
    char error[3 * MT_DIAG_TEXT_MAX] = "";
    hash32 root = {{0}};
    const char *network = fx_str(t->doc, "network");
    if (network == NULL || !suite_wants(t->suite, t->name, network) ||
        (witness != NULL && !witness_wants(witness, t->name, network)))
        return;
    arena_reset(t->arena);
    mt_err err = load_genesis(t, &diag);
    if (err == MT_OK && !make_dir(t->dir, sizeof t->dir))
        err = mt_fail(&diag, MT_EIO, "no temporary folder");
    if (err == MT_OK) {
        err = run_stored(t, &root, error, sizeof error, &diag);
        remove_dir(t->dir);
    }
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
