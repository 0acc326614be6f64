/* The command line: finds the command, reads its options, reports failures the same
 * way. */
#include "cli.h"

#include "metis/crypto.h"
#include "metis/node.h"
#include "metis/version.h"

#include <stdio.h>
#include <stdlib.h>

struct command {
    const char *name;
    int (*run)(struct cli *cli);
    const char *sections;
    size_t least, most;
    const char *usage;
    const char *help;
};

static const struct command commands[] = {
#define CLI_ROW(name, fn, sections, least, most, usage, help)                            \
    {name, fn, sections, least, most, usage, help},
    CLI_COMMANDS(CLI_ROW)
#undef CLI_ROW
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

int cli_fail(struct cli *cli)
{
    fprintf(stderr, "metisd: %s\n", cli->diag.text);
    return cli->misused ? CLI_USAGE : CLI_FAILED;
}

mt_err cli_misuse(struct cli *cli, const char *what)
{
    cli->misused = true;
    return mt_fail(&cli->diag, MT_EINVAL, "%s", what);
}

static int usage_fail(const struct command *cmd, const char *what)
{
    fprintf(stderr, "metisd: %s\n", what);
    if (cmd != NULL)
        fprintf(stderr, "usage: metisd %s %s\n", cmd->name, cmd->usage);
    fprintf(stderr, "`metisd help%s%s` says more\n", cmd != NULL ? " " : "",
            cmd != NULL ? cmd->name : "");
    return CLI_USAGE;
}

/* A command's sections as a NULL-terminated list in the caller's memory. */
struct sections {
    char text[96];
    const char *list[16];
};

static void split_sections(const struct command *cmd, struct sections *s)
{
    size_t n = 0;
    mt_fmt(s->text, sizeof s->text, "%s", cmd->sections);
    for (char *p = s->text; *p != 0;) {
        s->list[n++] = p;
        p += strcspn(p, " ");
        if (*p != 0)
            *p++ = 0;
    }
    s->list[n] = NULL;
}

/* --config FILE: known before the other flags, because the file is weaker than they
 * are. */
static bool is_config_flag(const char *arg)
{
    return strcmp(arg, "--config") == 0 || strncmp(arg, "--config=", 9) == 0;
}

static mt_err find_config_file(struct cli *cli)
{
    for (int i = 2; i < cli->argc; i++) {
        const char *arg = cli->argv[i];
        if (!is_config_flag(arg))
            continue;
        if (cli->config_file != NULL)
            return mt_fail(&cli->diag, MT_EINVAL, "--config: given twice");
        if (arg[8] == '=')
            cli->config_file = arg + 9;
        else if (i + 1 < cli->argc)
            cli->config_file = cli->argv[i + 1];
        else
            return mt_fail(&cli->diag, MT_EINVAL, "--config needs a value");
    }
    return MT_OK;
}

static mt_err read_words(struct cli *cli, const struct command *cmd)
{
    struct sections sections;
    split_sections(cmd, &sections);
    for (int at = 2; at < cli->argc;) {
        const char *arg = cli->argv[at];
        if (is_config_flag(arg)) {
            at += arg[8] == '=' ? 1 : 2;
        } else if (arg[0] == '-' && arg[1] != 0) {
            MT_TRY(config_read_flag(&cli->config, cli->argc, cli->argv, &at,
                                    sections.list, &cli->diag));
        } else if (cli->arg_num == cmd->most || cli->arg_num == CLI_ARGS_MAX) {
            return mt_fail(&cli->diag, MT_EINVAL, "unexpected word \"%.100s\"", arg);
        } else {
            cli->args[cli->arg_num++] = arg;
            at++;
        }
    }
    if (cli->arg_num < cmd->least)
        return mt_fail(&cli->diag, MT_EINVAL, "%s: something is missing", cmd->name);
    return MT_OK;
}

static mt_err set_up_log(struct cli *cli)
{
    const struct config *c = &cli->config;
    log_setup((enum log_level)config_num(c, NULL, OPT_log_level),
              (enum log_format)config_num(c, NULL, OPT_log_format));
    return config_log_modules(&cli->config, &cli->diag);
}

/* Flags are wrong usage; a wrong file or variable is a failure of what was asked for. */
static int run_command(struct cli *cli, const struct command *cmd)
{
    if (find_config_file(cli) != MT_OK)
        return usage_fail(cmd, cli->diag.text);
    if (cli->config_file != NULL &&
        config_read_file(&cli->config, cli->config_file, &cli->diag) != MT_OK)
        return cli_fail(cli);
    if (config_read_env(&cli->config, cli->env, &cli->diag) != MT_OK)
        return cli_fail(cli);
    if (read_words(cli, cmd) != MT_OK)
        return usage_fail(cmd, cli->diag.text);
    if (set_up_log(cli) != MT_OK)
        return cli_fail(cli);
    mt_err err = crypto_init();
    if (err != MT_OK) {
        mt_fail(&cli->diag, err, "cryptographic libraries: %s", mt_err_text(err));
        return cli_fail(cli);
    }
    return cmd->run(cli);
}

int node_main(int argc, char *const *argv, char *const *env)
{
    if (argc < 2)
        return usage_fail(NULL, "a command is missing");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *cmd = find_command(name);
    if (cmd == NULL) {
        char text[160];
        mt_fmt(text, sizeof text, "unknown command \"%.100s\"", name);
        return usage_fail(NULL, text);
    }
    struct cli *cli = mt_alloc(sizeof *cli);
    cli->argc = argc;
    cli->argv = argv;
    cli->env = env;
    config_init(&cli->config);
    int status;
    if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
        cli->args[0] = cmd->name;
        cli->arg_num = 1;
        status = cmd_help(cli);
    } else {
        status = run_command(cli, cmd);
    }
    config_fini(&cli->config);
    mt_free(cli);
    return status;
}

/* ---- completion ---- */

static bool takes_section(const struct command *cmd, const char *section)
{
    struct sections s;
    split_sections(cmd, &s);
    for (const char **p = s.list; *p != NULL; p++)
        if (strcmp(*p, section) == 0)
            return true;
    return false;
}

static void put_flags(struct buf *out, const struct command *cmd)
{
    buf_put_str(out, "--config --help");
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        const struct opt_info *o = opt_info((enum opt)i);
        if (!takes_section(cmd, o->section))
            continue;
        buf_printf(out, " --%s", opt_name((enum opt)i).s);
        if (o->alias[0] != 0)
            buf_printf(out, " --%s", o->alias);
    }
}

void cli_write_completion(struct buf *out)
{
    buf_put_str(out, "# bash completion for metisd, made from its tables\n"
                     "_metisd() {\n"
                     "    local word=${COMP_WORDS[COMP_CWORD]} words\n"
                     "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"");
    for (size_t i = 0; i < MT_ARRAY_LEN(commands); i++)
        buf_printf(out, "%s%s", i == 0 ? "" : " ", commands[i].name);
    buf_put_str(out, "\"\n    elif [ \"${word#-}\" = \"$word\" ]; then\n"
                     "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
                     "        return\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < MT_ARRAY_LEN(commands); i++) {
        buf_printf(out, "        %s) words=\"", commands[i].name);
        put_flags(out, &commands[i]);
        buf_put_str(out, "\" ;;\n");
    }
    buf_put_str(out, "        esac\n    fi\n"
                     "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                     "}\ncomplete -o filenames -F _metisd metisd\n");
}

/* ---- help and version ---- */

static void print_options(const struct command *cmd)
{
    struct sections sections;
    split_sections(cmd, &sections);
    printf(
        "\nOptions (--config FILE reads them from a file; docs/OPTIONS.md says all):\n");
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        const struct opt_info *o = opt_info((enum opt)i);
        bool mine = false;
        for (const char **s = sections.list; *s != NULL; s++)
            mine |= strcmp(*s, o->section) == 0;
        if (!mine)
            continue;
        printf("  --%-24s %s", opt_name((enum opt)i).s, o->help);
        if (o->def[0] != 0)
            printf(" [%s]", o->def);
        if (o->alias[0] != 0)
            printf(" (also --%s)", o->alias);
        printf("\n");
    }
}

int cmd_help(struct cli *cli)
{
    if (cli->arg_num == 1) {
        const struct command *cmd = find_command(cli->args[0]);
        if (cmd == NULL) {
            mt_fail(&cli->diag, MT_EINVAL, "unknown command \"%.100s\"", cli->args[0]);
            return usage_fail(NULL, cli->diag.text);
        }
        printf("metisd %s %s\n%s\n", cmd->name, cmd->usage, cmd->help);
        if (cmd->sections[0] != 0)
            print_options(cmd);
        return CLI_OK;
    }
    printf("metisd: Metis networks in one daemon\n\n");
    for (size_t i = 0; i < MT_ARRAY_LEN(commands); i++) {
        const struct command *cmd = &commands[i];
        printf("  metisd %s %s\n      %s\n", cmd->name, cmd->usage, cmd->help);
    }
    return CLI_OK;
}

int cmd_version(struct cli *cli)
{
    (void)cli;
    printf("metisd %s (%s)\n", MT_VERSION, MT_COMMIT);
    return CLI_OK;
}
