/* metisd account: key files. */
#include "cli.h"
#include "files.h"

#include "metis/accounts.h"

#include <errno.h>
#include <stdio.h>

/* The folder of key files: accounts.keystore, else keystore in the data folder. */
static mt_err keystore_of(struct cli *cli, struct file_path *out)
{
    const char *given = config_text(&cli->config, NULL, OPT_accounts_keystore);
    const char *datadir = config_text(&cli->config, NULL, OPT_node_datadir);
    if (given[0] != 0) {
        mt_fmt(out->s, sizeof out->s, "%s", given);
        return MT_OK;
    }
    if (datadir[0] == 0)
        return cli_misuse(cli, "--keystore is needed");
    return files_join(datadir, "keystore", out, &cli->diag);
}

/* The password never comes from the command line, where others can see it. */
static mt_err read_password(struct cli *cli, char out[PASSWORD_SIZE_MAX], size_t *len)
{
    const char *path = config_text(&cli->config, NULL, OPT_accounts_password);
    if (path[0] == 0)
        return cli_misuse(cli,
                          "--password FILE is needed: its first line is the password");
    return password_read(path, out, len, &cli->diag);
}

static mt_err read_key_text(struct cli *cli, const char *path, uint8_t *out, size_t size,
                            size_t *len)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return mt_fail(&cli->diag, MT_EIO, "%s: %s", path, strerror(errno));
    *len = fread(out, 1, size, f);
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed)
        return mt_fail(&cli->diag, MT_EIO, "%s: cannot be read", path);
    if (*len == size)
        return mt_fail(&cli->diag, MT_ELIMIT, "%s: too large for a key file", path);
    return MT_OK;
}

static void print_account(const address *addr, const char *path)
{
    printf("%s %s\n", address_text(addr).s, path);
}

static mt_err make_account(struct cli *cli, const char *dir, slice password)
{
    address addr;
    char path[KEYSTORE_PATH_MAX];
    MT_TRY(keystore_create(dir, password, KEYFILE_STANDARD, &addr, path, &cli->diag));
    print_account(&addr, path);
    return MT_OK;
}

static mt_err import_account(struct cli *cli, const char *dir, slice password)
{
    static uint8_t text[KEYFILE_SIZE_MAX];
    address addr;
    char path[KEYSTORE_PATH_MAX];
    size_t len = 0;
    mt_err err = read_key_text(cli, cli->args[1], text, sizeof text, &len);
    if (err == MT_OK)
        err = keystore_import(dir, slice_of(text, len), password, KEYFILE_STANDARD, &addr,
                              path, &cli->diag);
    explicit_bzero(text, sizeof text);
    if (err == MT_OK)
        print_account(&addr, path);
    return err;
}

static mt_err list_accounts(struct cli *cli, const char *dir)
{
    struct arena arena;
    struct keystore_entry *entries;
    size_t num = 0;
    arena_init(&arena, 64u << 20);
    mt_err err = keystore_list(dir, &arena, &entries, &num, &cli->diag);
    for (size_t i = 0; err == MT_OK && i < num; i++)
        print_account(&entries[i].addr, entries[i].path);
    arena_fini(&arena);
    return err;
}

static mt_err change_keystore(struct cli *cli, const char *dir)
{
    char password[PASSWORD_SIZE_MAX];
    size_t len = 0;
    MT_TRY(read_password(cli, password, &len));
    mt_err err = cli->arg_num == 1 ? make_account(cli, dir, slice_of(password, len))
                                   : import_account(cli, dir, slice_of(password, len));
    explicit_bzero(password, sizeof password);
    return err;
}

int cmd_account(struct cli *cli)
{
    const char *what = cli->args[0];
    bool list = strcmp(what, "list") == 0 && cli->arg_num == 1;
    bool make = strcmp(what, "new") == 0 && cli->arg_num == 1;
    bool import = strcmp(what, "import") == 0 && cli->arg_num == 2;
    struct file_path dir;
    if (!list && !make && !import) {
        cli_misuse(cli, "account: new, list or import KEYFILE");
        return cli_fail(cli);
    }
    mt_err err = keystore_of(cli, &dir);
    if (err == MT_OK)
        err = list ? list_accounts(cli, dir.s) : change_keystore(cli, dir.s);
    return err == MT_OK ? CLI_OK : cli_fail(cli);
}
