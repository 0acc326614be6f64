/* metisd run and metisd dev: what the daemon is given before it starts. */
#include "cli.h"
#include "daemon.h"

#include "metis/accounts.h"

#include <stdio.h>

#define DEV_ACCOUNTS 10u

static mt_err keep_accounts(struct node *n, const struct accounts *keys)
{
    const address *list = accounts_list(keys);
    n->account_num = accounts_count(keys);
    n->accounts = mt_alloc(n->account_num * sizeof *n->accounts);
    for (size_t i = 0; i < n->account_num; i++) {
        n->accounts[i].addr = list[i];
        MT_TRY(accounts_key(keys, &list[i], &n->accounts[i].key));
    }
    return MT_OK;
}

static mt_err dev_accounts(struct node *n, struct mt_diag *diag)
{
    struct accounts *keys = accounts_new();
    mt_err err = accounts_add_mnemonic(keys, ACCOUNTS_DEV_MNEMONIC, DEV_ACCOUNTS);
    if (err == MT_OK)
        err = keep_accounts(n, keys);
    accounts_free(keys);
    return err == MT_OK ? MT_OK
                        : mt_fail(diag, err, "dev accounts: %s", mt_err_text(err));
}

/* accounts.unlock: before anything else runs, since each costs most of a second. */
static mt_err unlock_one(struct cli *cli, const char *dir, slice password,
                         const char *text, struct accounts *keys)
{
    address addr;
    hash32 key;
    if (hex_decode_fixed(text, addr.b, 20) != MT_OK)
        return mt_fail(&cli->diag, MT_EINVAL, "accounts.unlock: \"%.60s\" is no address",
                       text);
    MT_TRY(keystore_unlock(dir, &addr, password, &key, &cli->diag));
    mt_err err = accounts_add(keys, &key, NULL);
    explicit_bzero(&key, sizeof key);
    if (err != MT_OK)
        return mt_fail(&cli->diag, err, "accounts.unlock: %s: %s", text,
                       mt_err_text(err));
    return MT_OK;
}

static mt_err unlock_accounts(struct cli *cli, struct node *n, struct accounts *keys)
{
    size_t num, len = 0;
    const char *const *words = config_list(n->config, NULL, OPT_accounts_unlock, &num);
    const char *given = config_text(n->config, NULL, OPT_accounts_keystore);
    const char *file = config_text(n->config, NULL, OPT_accounts_password);
    char password[PASSWORD_SIZE_MAX];
    struct file_path dir;
    if (num == 0)
        return MT_OK;
    if (file[0] == 0)
        return cli_misuse(cli, "accounts.unlock needs accounts.password");
    if (given[0] != 0)
        mt_fmt(dir.s, sizeof dir.s, "%s", given);
    else
        MT_TRY(files_join(n->datadir, "keystore", &dir, &cli->diag));
    MT_TRY(password_read(file, password, &len, &cli->diag));
    mt_err err = MT_OK;
    for (size_t i = 0; err == MT_OK && i < num; i++)
        err = unlock_one(cli, dir.s, slice_of(password, len), words[i], keys);
    explicit_bzero(password, sizeof password);
    return err == MT_OK ? keep_accounts(n, keys) : err;
}

static struct node *node_new(struct cli *cli, bool dev)
{
    struct node *n = mt_alloc(sizeof *n);
    n->start_ns = clock_mono_ns();
    n->config = &cli->config;
    n->config_file = cli->config_file;
    n->dev = dev;
    n->datadir = config_text(&cli->config, NULL, OPT_node_datadir);
    return n;
}

static int node_end(struct cli *cli, struct node *n, mt_err err)
{
    if (n->temp_dir.s[0] != 0)
        files_remove_tree(n->temp_dir.s);
    if (n->accounts != NULL)
        explicit_bzero(n->accounts, n->account_num * sizeof *n->accounts);
    mt_free(n->accounts);
    mt_free(n);
    if (err == MT_OK)
        return CLI_OK;
    if (cli->diag.text[0] == 0)
        mt_fail(&cli->diag, err, "%s", mt_err_text(err));
    return cli_fail(cli);
}

int cmd_run(struct cli *cli)
{
    size_t num;
    const char *const *words = config_list(&cli->config, NULL, OPT_node_network, &num);
    if (num == 0 || config_text(&cli->config, NULL, OPT_node_datadir)[0] == 0) {
        cli_misuse(cli, "run: --network and --datadir are needed");
        return cli_fail(cli);
    }
    struct node *n = node_new(cli, false);
    struct accounts *keys = accounts_new();
    mt_err err = unlock_accounts(cli, n, keys);
    accounts_free(keys);
    if (err == MT_OK)
        err = node_run(n, words, num, &cli->diag);
    return node_end(cli, n, err);
}

/* What differs from run by default: nothing is kept, so nothing waits for the disk; tests
 * send many transactions at once. */
static void dev_defaults(struct config *c)
{
    config_command_default(c, OPT_db_sync, "interval");
    config_command_default(c, OPT_db_history, "18446744073709551615");
    config_command_default(c, OPT_db_disk_free_min, "0");
    config_command_default(c, OPT_txpool_max, "50000");
    config_command_default(c, OPT_txpool_sender_max, "20000");
}

/* A public network by name is refused: dev's methods change its state at will. A genesis
 * file of one's own (a path) may be anything. */
static mt_err dev_networks_ok(struct cli *cli, const char *const *words, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        size_t len = strlen(words[i]);
        bool is_path = strchr(words[i], '/') != NULL ||
                       (len > 5 && strcmp(words[i] + len - 5, ".json") == 0);
        if (!is_path && (len < 4 || strcmp(words[i] + len - 4, "-dev") != 0))
            return mt_fail(&cli->diag, MT_EINVAL,
                           "dev: %.64s is not a dev network; take andromeda-dev or "
                           "hyperion-dev, or metisd run",
                           words[i]);
    }
    return MT_OK;
}

int cmd_dev(struct cli *cli)
{
    static const char *const both[] = {"andromeda-dev", "hyperion-dev", NULL};
    size_t num;
    dev_defaults(&cli->config);
    const char *const *words = config_list(&cli->config, NULL, OPT_node_network, &num);
    if (num == 0) {
        words = both;
        num = 2;
    }
    struct node *n = node_new(cli, true);
    mt_err err = dev_networks_ok(cli, words, num);
    if (err == MT_OK && n->datadir[0] == 0) {
        err = files_temp_dir(&n->temp_dir, &cli->diag);
        n->datadir = n->temp_dir.s;
    }
    if (err == MT_OK)
        err = dev_accounts(n, &cli->diag);
    if (err == MT_OK)
        err = node_run(n, words, num, &cli->diag);
    return node_end(cli, n, err);
}
