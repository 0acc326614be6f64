/* One sequencer a key: two processes that build with one key would fork the network. The
 * lock is a file in the folder of key files, named by chain and address; the kernel drops
 * it with the process, however that ends. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static mt_err lock_path(const struct network *net, const address *key,
                        struct file_path *out, struct mt_diag *diag)
{
    const char *given = config_text(net->node->config, NULL, OPT_accounts_keystore);
    struct file_path dir;
    char name[96];
    if (given[0] != 0)
        mt_fmt(dir.s, sizeof dir.s, "%s", given);
    else
        MT_TRY(files_join(net->node->datadir, "keystore", &dir, diag));
    MT_TRY(files_make_dir(dir.s, diag));
    mt_fmt(name, sizeof name, ".sequencer-%llu-%s.lock",
           (unsigned long long)net->ledger.genesis.spec.chain_id, address_text(key).s);
    return files_join(dir.s, name, out, diag);
}

mt_err sequencer_lock(struct network *net, const address *key, struct mt_diag *diag)
{
    struct file_path path;
    char text[256] = "";
    MT_TRY(lock_path(net, key, &path, diag));
    int fd = open(path.s, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return mt_fail(diag, MT_EIO, "%s: %s", path.s, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = read(fd, text, sizeof text - 1);
        text[n > 0 ? n : 0] = 0;
        close(fd);
        return mt_fail(diag, MT_EBUSY,
                       "%s: chain %llu is sequenced with key %s by another process "
                       "(%s); two on one key would fork the network: stop that one first",
                       net->ledger.name,
                       (unsigned long long)net->ledger.genesis.spec.chain_id,
                       address_text(key).s, text);
    }
    size_t n = mt_fmt(text, sizeof text, "pid %ld, folder %.200s", (long)getpid(),
                      net->ledger.dir.s);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, n, 0) != (ssize_t)n)
        log_warn("node", "the lock does not say who holds it", KV_STR("file", path.s),
                 KV_STR("error", strerror(errno)), KV_END);
    net->lock_fd = fd;
    return MT_OK;
}
