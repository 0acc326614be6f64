/* One encrypted key: web3 secret storage, version 3.
 *
 *   derived = scrypt or pbkdf2-hmac-sha256 (password, salt), 32 bytes or more
 *   ciphertext = aes-128-ctr(key derived[0..16], iv, private key)
 *   mac = keccak256(derived[16..32] || ciphertext)
 *
 * Everything in a file is untrusted: sizes and costs are limited before any work is
 * done. */
#include "accounts_int.h"
#include "metis/codec.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define SALT_MAX       256
#define DERIVED_MAX    64
#define SCRYPT_MEM_MAX (512u << 20)
#define SCRYPT_MIX_MAX (1u << 24)
#define PBKDF2_MAX     10000000

const struct keyfile_cost KEYFILE_STANDARD = {1u << 18, 8, 1};

struct keyfile {
    bool scrypt;
    struct keyfile_cost cost; /* scrypt */
    uint32_t rounds;          /* pbkdf2 */
    uint8_t salt[SALT_MAX];
    size_t salt_len;
    size_t derived_len;
    uint8_t iv[16];
    uint8_t cipher[32];
    hash32 mac;
    bool has_address;
    address addr;
};

/* ---- the cryptography ---- */

static mt_err cost_check(struct keyfile_cost c, struct mt_diag *diag)
{
    if (c.n < 2 || (c.n & (c.n - 1)) != 0 || c.r == 0 || c.p == 0)
        return mt_fail(diag, MT_EDECODE,
                       "key file: scrypt n=%llu r=%u p=%u: n must be a power of two, "
                       "r and p positive",
                       (unsigned long long)c.n, c.r, c.p);
    if (c.n > 1u << 20 || c.r > 64 || c.p > 64 ||
        128 * c.n * c.r + 128ull * c.r * c.p > SCRYPT_MEM_MAX ||
        c.n * c.r * c.p > SCRYPT_MIX_MAX)
        return mt_fail(diag, MT_ELIMIT,
                       "key file: scrypt n=%llu r=%u p=%u costs more than is allowed",
                       (unsigned long long)c.n, c.r, c.p);
    return MT_OK;
}

static mt_err derive(const struct keyfile *k, slice password, uint8_t *out,
                     struct mt_diag *diag)
{
    bool ok;
    if (password.len > PASSWORD_SIZE_MAX)
        return mt_fail(diag, MT_ELIMIT, "password longer than %u bytes",
                       PASSWORD_SIZE_MAX);
    if (k->scrypt)
        ok = scrypt(password, slice_of(k->salt, k->salt_len), k->cost, out,
                    k->derived_len) == MT_OK;
    else
        ok = PKCS5_PBKDF2_HMAC((const char *)password.ptr, (int)password.len, k->salt,
                               (int)k->salt_len, (int)k->rounds, EVP_sha256(),
                               (int)k->derived_len, out) == 1;
    if (!ok)
        return mt_fail(diag, MT_ENOMEM, "key file: no memory to derive the key");
    return MT_OK;
}

static mt_err aes_ctr(const uint8_t key[16], const uint8_t iv[16], const uint8_t in[32],
                      uint8_t out[32])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    bool ok = ctx != NULL &&
              EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv) == 1 &&
              EVP_EncryptUpdate(ctx, out, &len, in, 32) == 1 && len == 32;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? MT_OK : MT_ENOMEM;
}

static hash32 mac_of(const uint8_t *derived, const uint8_t cipher[32])
{
    uint8_t data[48];
    hash32 h;
    memcpy(data, derived + 16, 16);
    memcpy(data + 16, cipher, 32);
    h = keccak256(data, sizeof data);
    OPENSSL_cleanse(data, sizeof data);
    return h;
}

/* ---- reading ---- */

static mt_err get_object(const json_t *obj, const char *name, const json_t **out,
                         struct mt_diag *diag)
{
    *out = json_object_get(obj, name);
    if (!json_is_object(*out))
        return mt_fail(diag, MT_EDECODE, "key file: \"%s\" is missing or not an object",
                       name);
    return MT_OK;
}

static mt_err get_text(const json_t *obj, const char *name, const char **out,
                       struct mt_diag *diag)
{
    const json_t *v = json_object_get(obj, name);
    if (!json_is_string(v))
        return mt_fail(diag, MT_EDECODE, "key file: \"%s\" is missing or not a string",
                       name);
    *out = json_string_value(v);
    return MT_OK;
}

static mt_err get_number(const json_t *obj, const char *name, uint64_t *out,
                         struct mt_diag *diag)
{
    const json_t *v = json_object_get(obj, name);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return mt_fail(diag, MT_EDECODE,
                       "key file: \"%s\" is missing or not a positive integer", name);
    *out = (uint64_t)json_integer_value(v);
    return MT_OK;
}

/* min to max bytes in hex. */
static mt_err get_hex(const json_t *obj, const char *name, uint8_t *out, size_t min,
                      size_t max, size_t *len, struct mt_diag *diag)
{
    const char *text = "";
    size_t n;
    MT_TRY(get_text(obj, name, &text, diag));
    if (hex_decode(text, strlen(text), out, max, &n) != MT_OK || n < min)
        return mt_fail(diag, MT_EDECODE,
                       "key file: \"%s\" is not hex of %zu to %zu bytes", name, min, max);
    if (len != NULL)
        *len = n;
    return MT_OK;
}

static mt_err get_kdf(const json_t *crypto, struct keyfile *k, struct mt_diag *diag)
{
    const json_t *params;
    const char *kdf = "", *prf = "";
    uint64_t v[3];
    MT_TRY(get_text(crypto, "kdf", &kdf, diag));
    MT_TRY(get_object(crypto, "kdfparams", &params, diag));
    MT_TRY(get_hex(params, "salt", k->salt, 1, SALT_MAX, &k->salt_len, diag));
    MT_TRY(get_number(params, "dklen", &v[0], diag));
    if (v[0] < 32 || v[0] > DERIVED_MAX)
        return mt_fail(diag, MT_EDECODE, "key file: \"dklen\" is not within 32 to %u",
                       DERIVED_MAX);
    k->derived_len = (size_t)v[0];
    if (strcmp(kdf, "scrypt") == 0) {
        k->scrypt = true;
        MT_TRY(get_number(params, "n", &v[0], diag));
        MT_TRY(get_number(params, "r", &v[1], diag));
        MT_TRY(get_number(params, "p", &v[2], diag));
        if (v[1] > UINT32_MAX || v[2] > UINT32_MAX)
            return mt_fail(diag, MT_ELIMIT,
                           "key file: scrypt costs more than is allowed");
        k->cost = (struct keyfile_cost){v[0], (uint32_t)v[1], (uint32_t)v[2]};
        return cost_check(k->cost, diag);
    }
    if (strcmp(kdf, "pbkdf2") != 0)
        return mt_fail(diag, MT_EUNSUPPORTED,
                       "key file: unknown key derivation \"%.40s\"", kdf);
    MT_TRY(get_text(params, "prf", &prf, diag));
    if (strcmp(prf, "hmac-sha256") != 0)
        return mt_fail(diag, MT_EUNSUPPORTED,
                       "key file: unknown pbkdf2 function \"%.40s\"", prf);
    MT_TRY(get_number(params, "c", &v[0], diag));
    if (v[0] == 0 || v[0] > PBKDF2_MAX)
        return mt_fail(diag, v[0] == 0 ? MT_EDECODE : MT_ELIMIT,
                       "key file: pbkdf2 rounds not within 1 to %d", PBKDF2_MAX);
    k->rounds = (uint32_t)v[0];
    return MT_OK;
}

static mt_err get_crypto(const json_t *crypto, struct keyfile *k, struct mt_diag *diag)
{
    const json_t *params;
    const char *cipher = "";
    MT_TRY(get_text(crypto, "cipher", &cipher, diag));
    if (strcmp(cipher, "aes-128-ctr") != 0)
        return mt_fail(diag, MT_EUNSUPPORTED, "key file: unknown cipher \"%.40s\"",
                       cipher);
    MT_TRY(get_object(crypto, "cipherparams", &params, diag));
    MT_TRY(get_hex(params, "iv", k->iv, 16, 16, NULL, diag));
    MT_TRY(get_hex(crypto, "ciphertext", k->cipher, 32, 32, NULL, diag));
    MT_TRY(get_hex(crypto, "mac", k->mac.b, 32, 32, NULL, diag));
    return get_kdf(crypto, k, diag);
}

static mt_err parse(const json_t *doc, struct keyfile *k, struct mt_diag *diag)
{
    const json_t *crypto = json_object_get(doc, "crypto");
    const json_t *version = json_object_get(doc, "version");
    if (!json_is_object(doc))
        return mt_fail(diag, MT_EDECODE, "key file: not a JSON object");
    if (!json_is_integer(version) || json_integer_value(version) != 3)
        return mt_fail(diag, version == NULL ? MT_EDECODE : MT_EVERSION,
                       "key file: \"version\" is not 3");
    if (crypto == NULL)
        crypto = json_object_get(doc, "Crypto"); /* spelled so by early writers */
    if (!json_is_object(crypto))
        return mt_fail(diag, MT_EDECODE,
                       "key file: \"crypto\" is missing or not an object");
    if (json_object_get(doc, "address") != NULL) {
        k->has_address = true;
        MT_TRY(get_hex(doc, "address", k->addr.b, 20, 20, NULL, diag));
    }
    return get_crypto(crypto, k, diag);
}

static mt_err open_key(const struct keyfile *k, slice password, hash32 *key,
                       struct mt_diag *diag)
{
    uint8_t derived[DERIVED_MAX];
    hash32 mac, plain;
    address own;
    mt_err err = derive(k, password, derived, diag);
    if (err != MT_OK)
        goto out;
    mac = mac_of(derived, k->cipher);
    if (CRYPTO_memcmp(mac.b, k->mac.b, 32) != 0) {
        err =
            mt_fail(diag, MT_EAUTH, "key file: wrong password (the MAC does not match)");
        goto out;
    }
    err = aes_ctr(derived, k->iv, k->cipher, plain.b);
    if (err != MT_OK)
        goto out;
    if (secp_address(&plain, &own) != MT_OK)
        err = mt_fail(diag, MT_ECORRUPT, "key file: holds no valid key");
    else if (k->has_address && !address_eq(&own, &k->addr))
        err = mt_fail(diag, MT_ECORRUPT, "key file: the key belongs to %s, not to %s",
                      address_text(&own).s, address_text(&k->addr).s);
    else
        *key = plain;
out:
    OPENSSL_cleanse(derived, sizeof derived);
    OPENSSL_cleanse(&plain, sizeof plain);
    return err;
}

mt_err keyfile_decrypt(slice json, slice password, hash32 *key, struct mt_diag *diag)
{
    struct keyfile k = {0};
    struct json_t *doc;
    mt_err err = json_parse(json, KEYFILE_SIZE_MAX, 8, &doc, diag);
    if (err != MT_OK)
        return mt_wrap(diag, err, "key file");
    err = parse(doc, &k, diag);
    json_free(doc);
    if (err != MT_OK)
        return err;
    return open_key(&k, password, key, diag);
}

/* ---- writing ---- */

static void put_hex(struct json_out *j, const char *name, const void *p, size_t n)
{
    char text[2 * SALT_MAX + 1];
    MT_ASSERT(n <= SALT_MAX);
    hex_encode(slice_of(p, n), text);
    text[2 * n] = '\0';
    json_kv_str(j, name, text);
}

/* A random identifier (RFC 9562, version 4). */
static void put_id(struct json_out *j, uint8_t id[16])
{
    char hex[32], text[37];
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    hex_encode(slice_of(id, 16), hex);
    mt_fmt(text, sizeof text, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
           hex + 16, hex + 20);
    json_kv_str(j, "id", text);
}

static void write_json(const struct keyfile *k, uint8_t id[16], struct buf *out)
{
    struct json_out j = json_out(out);
    json_obj(&j);
    put_hex(&j, "address", k->addr.b, 20);
    json_key(&j, "crypto");
    json_obj(&j);
    json_kv_str(&j, "cipher", "aes-128-ctr");
    put_hex(&j, "ciphertext", k->cipher, 32);
    json_key(&j, "cipherparams");
    json_obj(&j);
    put_hex(&j, "iv", k->iv, 16);
    json_obj_end(&j);
    json_kv_str(&j, "kdf", "scrypt");
    json_key(&j, "kdfparams");
    json_obj(&j);
    json_kv_u64(&j, "dklen", k->derived_len);
    json_kv_u64(&j, "n", k->cost.n);
    json_kv_u64(&j, "p", k->cost.p);
    json_kv_u64(&j, "r", k->cost.r);
    put_hex(&j, "salt", k->salt, k->salt_len);
    json_obj_end(&j);
    put_hex(&j, "mac", k->mac.b, 32);
    json_obj_end(&j);
    put_id(&j, id);
    json_kv_u64(&j, "version", 3);
    json_obj_end(&j);
}

mt_err keyfile_encrypt(const hash32 *key, slice password, struct keyfile_cost cost,
                       struct buf *out, struct mt_diag *diag)
{
    struct keyfile k = {.scrypt = true, .cost = cost, .salt_len = 32, .derived_len = 32};
    uint8_t derived[DERIVED_MAX], id[16];
    mt_err err;
    MT_TRY(cost_check(cost, diag));
    if (secp_address(key, &k.addr) != MT_OK)
        return mt_fail(diag, MT_EINVAL, "not a valid private key");
    MT_TRY(random_bytes(k.salt, k.salt_len));
    MT_TRY(random_bytes(k.iv, sizeof k.iv));
    MT_TRY(random_bytes(id, sizeof id));
    err = derive(&k, password, derived, diag);
    if (err == MT_OK)
        err = aes_ctr(derived, k.iv, key->b, k.cipher);
    if (err == MT_OK) {
        k.mac = mac_of(derived, k.cipher);
        write_json(&k, id, out);
        err = buf_ok(out) ? MT_OK : MT_ELIMIT;
    }
    OPENSSL_cleanse(derived, sizeof derived);
    return err;
}
