/* What the HTTP listeners need of files: the certificate of the RPC port, and the shared
 * secret of the private listener, whose requests carry a JWT signed with it. */
#include "daemon.h"
#include "private.h"

#include "metis/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PORT_STEP 1000u

/* ---- TLS ---- */

static mt_err load_tls(const struct network *net, struct net_tls **out,
                       struct mt_diag *diag)
{
    const struct config *c = net->node->config;
    const char *cert = config_text(c, net->ledger.name, OPT_rpc_tls_cert);
    const char *key = config_text(c, net->ledger.name, OPT_rpc_tls_key);
    *out = NULL;
    if (cert[0] == 0 && key[0] == 0)
        return MT_OK;
    if (cert[0] == 0 || key[0] == 0)
        return mt_fail(diag, MT_EINVAL, "rpc.tls_cert and rpc.tls_key belong together");
    return net_tls_new(cert, key, out, diag);
}

mt_err private_tls(struct network *net, struct mt_diag *diag)
{
    struct net_tls *tls;
    MT_TRY(load_tls(net, &tls, diag));
    net->tls = tls != NULL;
    if (tls != NULL)
        net_set_tls(net->server, tls);
    return MT_OK;
}

/* ---- the secret ---- */

/* 64 hex digits, 0x before them or not, blanks around them. */
static mt_err parse_secret(const char *path, char *text, uint8_t out[32],
                           struct mt_diag *diag)
{
    char with_prefix[67] = "0x";
    char *from = text + strspn(text, " \t\r\n");
    size_t n = strcspn(from, " \t\r\n");
    from[n] = 0;
    if (n == 64) {
        memcpy(with_prefix + 2, from, 65);
        from = with_prefix;
    }
    mt_err err = hex_decode_fixed(from, out, 32);
    explicit_bzero(with_prefix, sizeof with_prefix);
    if (err != MT_OK)
        return mt_fail(diag, MT_EINVAL, "%s: not a secret of 64 hex digits", path);
    return MT_OK;
}

/* As geth does: the first start makes the file, for its owner alone. */
static mt_err make_secret(const char *path, uint8_t out[32], struct mt_diag *diag)
{
    char text[65];
    MT_TRY(random_bytes(out, 32));
    hex_encode(slice_of(out, 32), text);
    text[64] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text, sizeof text) == (ssize_t)sizeof text;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    explicit_bzero(text, sizeof text);
    if (!ok)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(saved));
    log_info("node", "made a secret for the private listener", KV_STR("file", path),
             KV_END);
    return MT_OK;
}

mt_err private_secret(const char *path, bool make, uint8_t out[32], struct mt_diag *diag)
{
    char text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make)
        return make_secret(path, out, diag);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(saved));
    text[n] = 0;
    mt_err err = parse_secret(path, text, out, diag);
    explicit_bzero(text, sizeof text);
    return err;
}

mt_err private_listen(struct network *net, struct mt_diag *diag)
{
    const struct config *c = net->node->config;
    const char *name = net->ledger.name;
    const struct opt_value *port = config_value(c, name, OPT_rpc_auth_port);
    const char *path = config_text(c, name, OPT_rpc_jwt_secret);
    uint8_t secret[32];
    if (path[0] == 0)
        return MT_OK;
    uint64_t number = port->num;
    if (port == &c->general[OPT_rpc_auth_port] && number != 0)
        number += (uint64_t)net->idx * PORT_STEP;
    if (number > UINT16_MAX)
        return mt_fail(diag, MT_EINVAL, "%s: there is no port %llu", name,
                       (unsigned long long)number);
    net->auth_host = config_text(c, name, OPT_rpc_auth_host);
    MT_TRY(private_secret(path, true, secret, diag));
    struct net_listen_options opt = {.host = net->auth_host,
                                     .port = (uint16_t)number,
                                     .trusted = true,
                                     .jwt_secret = secret};
    mt_err err = net_listen(net->server, &opt, &net->auth_port, diag);
    explicit_bzero(secret, sizeof secret);
    return err;
}
