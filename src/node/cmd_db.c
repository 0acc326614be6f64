/* db stat: what a data folder's databases say of themselves. Read only and without
 * opening a chain, so it also answers next to a running node. */
#include "cli.h"
#include "ledger.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_LEN 128
#define FOLDERS_MAX  64

static mt_err print_stat(const char *dir, struct mt_diag *diag)
{
    static const char *const heads[] = {
#define HEAD_NAME(id, name) name,
        METISDB_HEADS(HEAD_NAME)
#undef HEAD_NAME
    };
    struct metisdb_stat s;
    char network[NAME_MAX_LEN];
    uint64_t chain_id;
    hash32 spec;
    MT_TRY(metisdb_peek(dir, network, sizeof network, &chain_id, &spec, diag));
    MT_TRY(metisdb_peek_stat(dir, &s, diag));
    printf("network %s, chain id %" PRIu64 "\nfolder %s\n", network, chain_id, dir);
    for (unsigned i = 0; i < METISDB_HEAD_COUNT; i++) {
        if (s.has_head[i])
            printf("%s %" PRIu64 " %s\n", heads[i], s.heads[i].number,
                   hash32_text(&s.heads[i].hash).s);
    }
    printf("oldest state %" PRIu64 "\n", s.undo_from);
    printf("file %" PRIu64 " bytes, %" PRIu64 " of them free\nreaders %u\n\n",
           s.file_bytes, s.free_bytes, s.readers);
    printf("%-16s %14s %16s\n", "table", "entries", "bytes");
    for (size_t i = 0; i < s.table_num; i++)
        printf("%-16s %14" PRIu64 " %16" PRIu64 "\n", s.tables[i].name,
               s.tables[i].entries, s.tables[i].bytes);
    printf("\n");
    return MT_OK;
}

static bool has_database(const char *datadir, const char *name, struct file_path *dir)
{
    struct file_path file;
    return files_join(datadir, name, dir, NULL) == MT_OK &&
           files_join(dir->s, "data.mdb", &file, NULL) == MT_OK &&
           access(file.s, F_OK) == 0;
}

static mt_err stat_named(struct cli *cli, const char *datadir, const char *word)
{
    struct ledger *l = mt_alloc(sizeof *l);
    struct file_path dir;
    mt_err err = ledger_load(word, l, &cli->diag);
    if (err == MT_OK) {
        if (has_database(datadir, l->name, &dir))
            err = print_stat(dir.s, &cli->diag);
        else
            err = mt_fail(&cli->diag, MT_ENOTFOUND,
                          "%s: there is no database (metisd init makes one)", dir.s);
        ledger_close(l);
    }
    mt_free(l);
    return err;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Every database in the folder, by name. */
static mt_err stat_all(struct cli *cli, const char *datadir)
{
    char names[FOLDERS_MAX][NAME_MAX_LEN];
    struct file_path dir;
    const struct dirent *e;
    size_t num = 0;
    DIR *d = opendir(datadir);
    if (d == NULL)
        return mt_fail(&cli->diag, MT_EIO, "%s: %s", datadir, strerror(errno));
    while ((e = readdir(d)) != NULL && num < FOLDERS_MAX) {
        size_t len = strlen(e->d_name);
        if (e->d_name[0] != '.' && len < NAME_MAX_LEN &&
            has_database(datadir, e->d_name, &dir))
            memcpy(names[num++], e->d_name, len + 1);
    }
    closedir(d);
    if (num == 0)
        return mt_fail(&cli->diag, MT_ENOTFOUND, "%s: there is no database", datadir);
    qsort(names, num, sizeof names[0], compare_names);
    for (size_t i = 0; i < num; i++) {
        if (has_database(datadir, names[i], &dir))
            MT_TRY(print_stat(dir.s, &cli->diag));
    }
    return MT_OK;
}

int cmd_db(struct cli *cli)
{
    size_t num;
    const char *const *words = config_list(&cli->config, NULL, OPT_node_network, &num);
    const char *datadir = config_text(&cli->config, NULL, OPT_node_datadir);
    mt_err err = MT_OK;
    if (strcmp(cli->args[0], "stat") != 0) {
        char text[160];
        mt_fmt(text, sizeof text, "db: there is no \"%.60s\", only `metisd db stat`",
               cli->args[0]);
        cli_misuse(cli, text);
        return cli_fail(cli);
    }
    if (datadir[0] == 0)
        err = cli_misuse(cli, "--datadir is needed");
    else if (num == 0)
        err = stat_all(cli, datadir);
    for (size_t i = 0; i < num && err == MT_OK; i++)
        err = stat_named(cli, datadir, words[i]);
    return err == MT_OK ? CLI_OK : cli_fail(cli);
}
