/* Commands that work on a data folder without running a node: init, import, export. */
#include "cli.h"
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* import and init make a database that keeps every reverse diff, and flush in intervals:
 * a lost file can be imported again. */
static void bulk_defaults(struct config *c)
{
    config_command_default(c, OPT_db_sync, "interval");
    config_command_default(c, OPT_db_history, "18446744073709551615");
}

/* The one network of the command; datadir is needed. */
static mt_err load_one(struct cli *cli, struct ledger *l)
{
    size_t num;
    const char *const *words = config_list(&cli->config, NULL, OPT_node_network, &num);
    if (num != 1)
        return cli_misuse(cli, "--network: one network is needed");
    if (config_text(&cli->config, NULL, OPT_node_datadir)[0] == 0)
        return cli_misuse(cli, "--datadir is needed");
    return ledger_load(words[0], l, &cli->diag);
}

/* make: a database that is not there is made; else it is an error. */
static mt_err open_one(struct cli *cli, struct ledger *l, bool make)
{
    const char *datadir = config_text(&cli->config, NULL, OPT_node_datadir);
    struct file_path dir;
    memset(l, 0, sizeof *l);
    MT_TRY(load_one(cli, l));
    MT_TRY(files_join(datadir, l->name, &dir, &cli->diag));
    if (!make && access(dir.s, F_OK) != 0)
        return mt_fail(&cli->diag, MT_ENOTFOUND,
                       "%s: there is no database (metisd init makes one)", dir.s);
    return ledger_open(&cli->config, datadir, NULL, l, &cli->diag);
}

static void print_head(const struct ledger *l)
{
    struct head_view *view = chain_view(l->chain);
    const struct block *b = &view->head->block;
    printf("head %" PRIu64 " %s stateRoot %s\n", b->header.number,
           hash32_text(&b->hash).s, hash32_text(&b->header.state_root).s);
    head_view_drop(view);
}

static int finish(struct cli *cli, struct ledger *l, mt_err err)
{
    if (err != MT_OK)
        mt_fmt(cli->diag.text, sizeof cli->diag.text, "%s",
               cli->diag.text[0] != 0 ? cli->diag.text : mt_err_text(err));
    ledger_close(l);
    return err == MT_OK ? CLI_OK : cli_fail(cli);
}

int cmd_init(struct cli *cli)
{
    struct ledger *l = mt_alloc(sizeof *l);
    bulk_defaults(&cli->config);
    mt_err err = open_one(cli, l, true);
    if (err == MT_OK)
        print_head(l);
    int status = finish(cli, l, err);
    mt_free(l);
    return status;
}

/* ---- import ---- */

struct progress {
    uint64_t told_ns; /* when the last line was written */
};

static void tell_progress(void *ctx, uint64_t number, uint64_t done_bytes,
                          uint64_t all_bytes)
{
    struct progress *p = ctx;
    uint64_t now = clock_mono_ns();
    if (now - p->told_ns < 2000000000u)
        return;
    p->told_ns = now;
    log_info("chain", "importing", KV_U64("number", number),
             KV_U64("percent", all_bytes != 0 ? done_bytes * 100 / all_bytes : 100),
             KV_END);
}

int cmd_import(struct cli *cli)
{
    struct ledger *l = mt_alloc(sizeof *l);
    struct progress progress = {clock_mono_ns()};
    bulk_defaults(&cli->config);
    mt_err err = open_one(cli, l, true);
    bool opened = err == MT_OK;
    if (opened)
        err = chain_import_file(l->chain, cli->args[0], true, tell_progress, &progress,
                                &cli->diag);
    if (opened)
        print_head(l); /* what was good before an error is kept */
    int status = finish(cli, l, err);
    mt_free(l);
    return status;
}

/* ---- export ---- */

static mt_err parse_number(struct cli *cli, const char *text, uint64_t *out)
{
    u256 v;
    if (u256_parse(text, strlen(text), &v) == MT_OK && u256_is_u64(v)) {
        *out = v.w[0];
        return MT_OK;
    }
    cli->misused = true;
    return mt_fail(&cli->diag, MT_EINVAL, "\"%.40s\" is not a block number", text);
}

/* last stays as it is when it is not given. */
static mt_err parse_range(struct cli *cli, uint64_t *first, uint64_t *last)
{
    if (cli->arg_num >= 2)
        MT_TRY(parse_number(cli, cli->args[1], first));
    return cli->arg_num < 3 ? MT_OK : parse_number(cli, cli->args[2], last);
}

static mt_err export_blocks(struct cli *cli, struct ledger *l, uint64_t first,
                            uint64_t last)
{
    struct head_view *view = chain_view(l->chain);
    uint64_t head = view->head->block.header.number;
    head_view_drop(view);
    if (last == UINT64_MAX)
        last = head;
    if (last > head)
        return mt_fail(&cli->diag, MT_EINVAL,
                       "there is no block %" PRIu64 ": the head is %" PRIu64, last, head);
    if (first > last)
        return mt_fail(&cli->diag, MT_EINVAL,
                       "there is no block from %" PRIu64 " to "
                       "%" PRIu64,
                       first, last);
    return chain_export_file(l->chain, cli->args[0], first, last, &cli->diag);
}

int cmd_export(struct cli *cli)
{
    struct ledger *l = mt_alloc(sizeof *l);
    uint64_t first = 1, last = UINT64_MAX;
    memset(l, 0, sizeof *l);
    mt_err err = parse_range(cli, &first, &last);
    if (err == MT_OK)
        err = open_one(cli, l, false);
    if (err == MT_OK)
        err = export_blocks(cli, l, first, last);
    int status = finish(cli, l, err);
    mt_free(l);
    return status;
}
