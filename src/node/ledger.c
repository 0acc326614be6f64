/* Opening a network. */
#include "ledger.h"

#include "metis/crypto.h"

#define GENESIS_MEMORY_MAX ((size_t)1 << 30)

/* A genesis file in plain geth form has no name: the chain id names its folder. */
static void set_name(struct ledger *l)
{
    if (l->genesis.spec.name[0] != 0)
        mt_fmt(l->name, sizeof l->name, "%s", l->genesis.spec.name);
    else
        mt_fmt(l->name, sizeof l->name, "chain-%llu",
               (unsigned long long)l->genesis.spec.chain_id);
}

mt_err ledger_load(const char *word, struct ledger *l, struct mt_diag *diag)
{
    memset(l, 0, sizeof *l);
    MT_TRY(files_find_genesis(word, &l->genesis_path, diag));
    arena_init(&l->arena, GENESIS_MEMORY_MAX);
    mt_err err = genesis_load(l->genesis_path.s, &l->arena, &l->genesis, diag);
    if (err != MT_OK) {
        arena_fini(&l->arena);
        return err;
    }
    set_name(l);
    return MT_OK;
}

static void db_options(const struct config *c, const struct ledger *l,
                       const struct ledger_hooks *hooks, struct metisdb_options *out)
{
    *out = (struct metisdb_options){
        .path = l->dir.s,
        .network = l->name,
        .chain_id = l->genesis.spec.chain_id,
        .spec_hash = l->genesis.spec_hash,
        .sync = (enum metisdb_sync)config_num(c, l->name, OPT_db_sync),
        .interval_ms = config_num(c, l->name, OPT_db_interval),
        .undo_blocks = config_num(c, l->name, OPT_db_history),
        .map_size_max = config_num(c, l->name, OPT_db_size_max),
        .readers_max = (unsigned)config_num(c, l->name, OPT_db_readers_max),
        .preimages = hooks != NULL && hooks->preimages,
    };
}

static mt_err open_chain(const struct config *c, const struct ledger_hooks *hooks,
                         struct ledger *l, struct mt_diag *diag)
{
    struct chain_options opt = {
        .db = l->db,
        .genesis = &l->genesis,
        .crypto = crypto_native(),
        .metric_net = METRIC_NODE,
        .block_memory_max = (size_t)config_num(c, l->name, OPT_node_block_memory),
        .access_lists = true,
    };
    if (hooks != NULL) {
        opt.workers = hooks->workers;
        opt.metric_net = hooks->metric_net;
        opt.on_update = hooks->on_update;
        opt.ctx = hooks->ctx;
        opt.tracer = hooks->tracer;
    }
    const char *engine = config_num(c, NULL, OPT_node_engine) == 0 ? "auto" : "reference";
    mt_err err = vm_engine_parse(engine, &opt.engine);
    if (err != MT_OK)
        return mt_fail(diag, err, "node.engine: this build has no engine %s", engine);
    return chain_open(&opt, &l->chain, diag);
}

mt_err ledger_open(const struct config *c, const char *datadir,
                   const struct ledger_hooks *hooks, struct ledger *l,
                   struct mt_diag *diag)
{
    struct metisdb_options opt;
    MT_TRY(files_join(datadir, l->name, &l->dir, diag));
    MT_TRY(files_make_dir(l->dir.s, diag));
    db_options(c, l, hooks, &opt);
    mt_err err = metisdb_open(&opt, &l->db, diag);
    if (err == MT_OK)
        err = open_chain(c, hooks, l, diag);
    if (err != MT_OK) {
        if (l->db != NULL)
            metisdb_close(l->db);
        l->db = NULL;
        return mt_wrap(diag, err, "network %s", l->name);
    }
    return MT_OK;
}

void ledger_close(struct ledger *l)
{
    if (l->chain != NULL)
        chain_close(l->chain);
    if (l->db != NULL)
        metisdb_close(l->db);
    arena_fini(&l->arena);
    memset(l, 0, sizeof *l);
}
