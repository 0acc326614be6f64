/* Private to node: commands. */
#ifndef METIS_NODE_CLI_H
#define METIS_NODE_CLI_H

#include "config.h"

#define CLI_OK     0
#define CLI_FAILED 1
#define CLI_USAGE  2

#define CLI_ARGS_MAX 8

/* What a command gets: its options and the words that are no flags. */
struct cli {
    struct config config;
    const char *config_file; /* --config, or NULL */
    char *const *env;
    int argc;
    char *const *argv;
    const char *args[CLI_ARGS_MAX]; /* after the command's name */
    size_t arg_num;
    struct mt_diag diag; /* why the command failed */
    bool misused;        /* it was not asked for rightly */
};

/* X(name, function, sections, least and most further words, usage, help): the commands.
 * The sections are those whose options the command takes. */
#define CLI_COMMANDS(X)                                                                  \
    X("run", cmd_run, "node rpc txpool db follow accounts metrics log", 0, 0,            \
      "--network NAME|GENESIS.json --datadir DIR [--sequencer | --follow URL]",          \
      "Run networks.")                                                                   \
    X("dev", cmd_dev, "node dev rpc txpool db accounts metrics log", 0, 0,               \
      "[--network NAME] [--dev.period-ms MS] [--dev.no-mining]",                         \
      "Run the dev networks in a temporary folder.")                                     \
    X("init", cmd_init, "node db log", 0, 0, "--network G --datadir DIR",                \
      "Make the database of a network.")                                                 \
    X("import", cmd_import, "node db log", 1, 1, "--network G --datadir DIR FILE.rlp",   \
      "Import blocks, one RLP item after the other.")                                    \
    X("export", cmd_export, "node db log", 1, 3,                                         \
      "--network G --datadir DIR FILE [FIRST LAST]", "Write blocks as RLP.")             \
    X("attach", cmd_attach, "node rpc attach log", 0, 1,                                 \
      "[PATH | URL [--jwt FILE] | --datadir DIR --network G] [--exec \"CALL; …\"]",      \
      "Speak to a running node: a line is a method and its parameters.")                 \
    X("account", cmd_account, "node accounts log", 1, 2,                                 \
      "new | list | import KEYFILE, --keystore DIR --password FILE",                     \
      "Manage key files.")                                                               \
    X("config", cmd_config, "node dev rpc txpool db follow accounts metrics log", 1, 2,  \
      "print | check", "Show every option and its origin; check a file.")                \
    X("db", cmd_db, "node db log", 1, 1, "stat --datadir DIR [--network G]",             \
      "Say what is in a database.")                                                      \
    X("version", cmd_version, "", 0, 0, "", "Print the version.")                        \
    X("help", cmd_help, "", 0, 1, "[COMMAND]", "Print this, or a command's options.")

#define CLI_DECLARE(name, fn, sections, least, most, usage, help) int fn(struct cli *cli);
CLI_COMMANDS(CLI_DECLARE)
#undef CLI_DECLARE

/* Completion for bash from the tables of commands and options. */
void cli_write_completion(struct buf *out);

/* One line "metisd: what" on stderr; returns CLI_FAILED, CLI_USAGE after cli_misuse. */
int cli_fail(struct cli *cli);
/* Words or flags that are missing or make no sense: MT_EINVAL with this text. */
mt_err cli_misuse(struct cli *cli, const char *what);

#endif
