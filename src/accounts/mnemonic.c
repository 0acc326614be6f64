/* From a sentence to keys: BIP-39 (seed), BIP-32 (derivation), BIP-44 (path). */
#include "metis/accounts.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

const char ACCOUNTS_DEV_MNEMONIC[] =
    "test test test test test test test test test test test junk";

/* An extended private key. */
struct node {
    hash32 key;
    hash32 chain;
};

static bool printable(const char *s)
{
    for (; *s != '\0'; s++)
        if (*s < 0x20 || *s > 0x7e)
            return false;
    return true;
}

mt_err mnemonic_seed(const char *mnemonic, const char *passphrase, uint8_t seed[64])
{
    char salt[256];
    size_t len = mt_fmt(salt, sizeof salt, "mnemonic%s", passphrase);
    if (!printable(mnemonic) || !printable(passphrase) || mnemonic[0] == '\0' ||
        strlen(mnemonic) > 1024 || strlen(passphrase) + 9 > sizeof salt)
        return MT_EINVAL;
    int ok = PKCS5_PBKDF2_HMAC(mnemonic, (int)strlen(mnemonic), (const uint8_t *)salt,
                               (int)len, 2048, EVP_sha512(), 64, seed);
    OPENSSL_cleanse(salt, sizeof salt);
    return ok == 1 ? MT_OK : MT_ENOMEM;
}

static mt_err hmac_sha512(slice key, const uint8_t *data, size_t len, uint8_t out[64])
{
    unsigned n = 64;
    if (HMAC(EVP_sha512(), key.ptr, (int)key.len, data, len, out, &n) == NULL)
        return MT_ENOMEM;
    return MT_OK;
}

static mt_err master(slice seed, struct node *out)
{
    uint8_t i[64];
    MT_TRY(hmac_sha512(slice_str("Bitcoin seed"), seed.ptr, seed.len, i));
    memcpy(out->key.b, i, 32);
    memcpy(out->chain.b, i + 32, 32);
    OPENSSL_cleanse(i, sizeof i);
    return secp_scalar_valid(&out->key) ? MT_OK : MT_ECRYPTO;
}

/* CKDpriv: HMAC over 0 || key (hardened) or the compressed public key, then the index. */
static mt_err child(struct node *n, uint32_t index)
{
    uint8_t data[37], i[64], pub[64];
    hash32 tweak;
    mt_err err;
    if (index & HD_HARD) {
        data[0] = 0;
        memcpy(data + 1, n->key.b, 32);
    } else {
        MT_TRY(secp_pubkey(&n->key, pub));
        data[0] = 2 + (pub[63] & 1);
        memcpy(data + 1, pub, 32);
    }
    store_be32(data + 33, index);
    err = hmac_sha512(slice_of(n->chain.b, 32), data, sizeof data, i);
    if (err == MT_OK) {
        memcpy(tweak.b, i, 32);
        memcpy(n->chain.b, i + 32, 32);
        err = secp_key_add(&n->key, &tweak, &n->key) == MT_OK ? MT_OK : MT_ECRYPTO;
    }
    OPENSSL_cleanse(data, sizeof data);
    OPENSSL_cleanse(i, sizeof i);
    OPENSSL_cleanse(&tweak, sizeof tweak);
    return err;
}

static mt_err walk(struct node *n, const uint32_t *path, size_t steps)
{
    for (size_t i = 0; i < steps; i++)
        MT_TRY(child(n, path[i]));
    return MT_OK;
}

mt_err hd_key(slice seed, const uint32_t *path, size_t steps, hash32 *out)
{
    struct node n;
    mt_err err = master(seed, &n);
    if (err == MT_OK)
        err = walk(&n, path, steps);
    if (err == MT_OK)
        *out = n.key;
    OPENSSL_cleanse(&n, sizeof n);
    return err;
}

mt_err accounts_add_mnemonic(struct accounts *a, const char *mnemonic, unsigned count)
{
    static const uint32_t base[4] = {44 | HD_HARD, 60 | HD_HARD, 0 | HD_HARD, 0};
    uint8_t seed[64];
    struct node parent, leaf;
    mt_err err = mnemonic_seed(mnemonic, "", seed);
    if (err == MT_OK)
        err = master(slice_of(seed, sizeof seed), &parent);
    if (err == MT_OK)
        err = walk(&parent, base, MT_ARRAY_LEN(base));
    for (uint32_t i = 0; err == MT_OK && i < count; i++) {
        leaf = parent;
        err = child(&leaf, i);
        if (err == MT_OK)
            err = accounts_add(a, &leaf.key, NULL);
    }
    OPENSSL_cleanse(seed, sizeof seed);
    OPENSSL_cleanse(&parent, sizeof parent);
    OPENSSL_cleanse(&leaf, sizeof leaf);
    return err;
}
