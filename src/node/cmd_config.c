/* metisd config: what holds and where it came from; and the documents made from the
 * tables (`config docs options|metrics|file|rpc`, for scripts/gen.sh,
 * and `completion`, for the package). */
#include "cli.h"
#include "daemon.h"

#include "metis/rpc.h"

#include <stdio.h>

#define TEXT_MAX (4u << 20)

static int put_text(struct cli *cli, struct buf *text)
{
    bool ok = buf_ok(text) && fwrite(text->ptr, 1, text->len, stdout) == text->len &&
              fflush(stdout) == 0;
    buf_fini(text);
    if (ok)
        return CLI_OK;
    mt_fail(&cli->diag, MT_EIO, "stdout: cannot be written");
    return cli_fail(cli);
}

/* The limits are those of a daemon without any option. */
static void write_rpc_docs(struct buf *out)
{
    struct config *c = mt_alloc(sizeof *c);
    struct rpc_options limits;
    config_init(c);
    rpc_options_default(&limits);
    network_rpc_limits(c, NULL, &limits);
    rpc_write_docs(&limits, out);
    config_fini(c);
    mt_free(c);
}

static int print_docs(struct cli *cli, const char *which)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    if (strcmp(which, "options") == 0)
        config_docs_options(&text);
    else if (strcmp(which, "metrics") == 0)
        config_docs_metrics(&text);
    else if (strcmp(which, "file") == 0)
        config_docs_file(&text);
    else if (strcmp(which, "rpc") == 0)
        write_rpc_docs(&text);
    else if (strcmp(which, "completion") == 0)
        cli_write_completion(&text);
    else
        cli_misuse(cli, "config docs: options, metrics, file, rpc or completion");
    if (cli->diag.text[0] == 0)
        return put_text(cli, &text);
    buf_fini(&text);
    return cli_fail(cli);
}

int cmd_config(struct cli *cli)
{
    const char *what = cli->args[0];
    if (strcmp(what, "docs") == 0 && cli->arg_num == 2)
        return print_docs(cli, cli->args[1]);
    if (strcmp(what, "print") == 0 && cli->arg_num == 1) {
        struct buf text;
        buf_init(&text, TEXT_MAX);
        config_print(&cli->config, &text);
        return put_text(cli, &text);
    }
    if (strcmp(what, "check") == 0 && cli->arg_num <= 2) {
        /* the file of --config has been read by now; a file may also be a word */
        if (cli->arg_num == 2 &&
            config_read_file(&cli->config, cli->args[1], &cli->diag) != MT_OK)
            return cli_fail(cli);
        printf("ok\n");
        return CLI_OK;
    }
    cli_misuse(cli, "config: print or check");
    return cli_fail(cli);
}
