/* Private to node: a network's genesis, store and chain, opened together. The commands
 * that work on a data folder and the daemon use the same opening. */
#ifndef METIS_NODE_LEDGER_H
#define METIS_NODE_LEDGER_H

#include "config.h"
#include "files.h"

#include "metis/chain.h"

struct ledger {
    struct arena arena;
    struct genesis genesis;
    char name[CONFIG_NAME_MAX]; /* the genesis file's, or chain-<id> */
    struct file_path genesis_path;
    struct file_path dir; /* <datadir>/<name> */
    struct metisdb *db;
    struct chain *chain;
};

struct ledger_hooks {
    struct workers *workers;
    unsigned metric_net;
    void (*on_update)(void *ctx, struct chain_update *update);
    void *ctx;
    const struct vm_tracer *tracer; /* NULL: none */
    bool preimages;                 /* see metisdb_options */
};

/* Reads the genesis file of a --network word; everything else stays closed. */
mt_err ledger_load(const char *word, struct ledger *l, struct mt_diag *diag);

/* Opens store and chain under datadir, making them when they are not there. hooks may be
 * NULL. On an error everything is closed but the genesis. */
mt_err ledger_open(const struct config *c, const char *datadir,
                   const struct ledger_hooks *hooks, struct ledger *l,
                   struct mt_diag *diag);

/* Closes what is open and frees the genesis. Harmless on a zeroed ledger. */
void ledger_close(struct ledger *l);

#endif
