/* accounts: private keys — key files, derivation from a mnemonic, signing.
 *
 *   key file   web3 secret storage, version 3: one encrypted key a file, named
 *              UTC--<time>--<address>, mode 0600, in a folder (the keystore)
 *   mnemonic   BIP-39 seed, BIP-32 derivation, BIP-44 path m/44'/60'/0'/0/i
 *   accounts   unlocked keys in memory, for signing
 *
 * Opening a key file costs most of a second and 256 MB by design (scrypt): never on the
 * loop thread. Keys and passwords are wiped from memory when they are done with.
 * crypto_init comes first. */
#ifndef METIS_ACCOUNTS_H
#define METIS_ACCOUNTS_H

#include "metis/crypto.h"

/* ---- unlocked keys ----
 * Filled by one thread, then read-only: signing and listing are safe from any thread. */

struct accounts;

struct accounts *accounts_new(void);
void accounts_free(struct accounts *a); /* wipes; NULL is harmless */

/* MT_EINVAL for a key outside 1..n-1, MT_EEXIST when it is there already, MT_ELIMIT past
 * ACCOUNTS_MAX. addr may be NULL. */
#define ACCOUNTS_MAX 1024
mt_err accounts_add(struct accounts *a, const hash32 *key, address *addr);

size_t accounts_count(const struct accounts *a);

/* All addresses in the order they were added; borrowed until the next accounts_add. */
const address *accounts_list(const struct accounts *a);
bool accounts_has(const struct accounts *a, const address *addr);

/* MT_ENOTFOUND when the account is not unlocked here. */
mt_err accounts_sign(const struct accounts *a, const address *addr, const hash32 *digest,
                     sig *out);

/* The key itself, for parts that keep their own table of signers. MT_ENOTFOUND as above.
 */
mt_err accounts_key(const struct accounts *a, const address *addr, hash32 *out);

/* ---- mnemonics ---- */

/* The public test mnemonic of development networks. Its keys are known to everyone. */
extern const char ACCOUNTS_DEV_MNEMONIC[];

/* PBKDF2-HMAC-SHA512 with 2048 rounds over the sentence (BIP-39). Words are not checked
 * against a word list; only printable ASCII is taken (MT_EINVAL), so that no Unicode
 * normalisation is needed. About 2 ms. */
mt_err mnemonic_seed(const char *mnemonic, const char *passphrase, uint8_t seed[64]);

/* Key at a path of BIP-32; HD_HARD marks hardened steps. MT_ECRYPTO in the one case of
 * 2^127 where the path has no key. */
#define HD_HARD 0x80000000u
mt_err hd_key(slice seed, const uint32_t *path, size_t steps, hash32 *out);

/* Adds m/44'/60'/0'/0/0 .. count-1. */
mt_err accounts_add_mnemonic(struct accounts *a, const char *mnemonic, unsigned count);

/* ---- key files ---- */

/* Cost of a new file. Reading accepts n a power of two up to 2^20, r and p up to 64,
 * together at most 512 MB and 2^24 block mixes, pbkdf2 up to 10^7 rounds: MT_ELIMIT
 * beyond. */
struct keyfile_cost {
    uint64_t n;
    uint32_t r, p;
};
extern const struct keyfile_cost KEYFILE_STANDARD; /* n 2^18, r 8, p 1: about 0.7 s */

/* Appends the JSON text of key under password. */
mt_err keyfile_encrypt(const hash32 *key, slice password, struct keyfile_cost cost,
                       struct buf *out, struct mt_diag *diag);

/* MT_EAUTH for a wrong password (the MAC tells), MT_EDECODE for malformed text,
 * MT_EVERSION for another version, MT_EUNSUPPORTED for an unknown cipher or key
 * derivation, MT_ECORRUPT when the key does not belong to the address the file states. */
mt_err keyfile_decrypt(slice json, slice password, hash32 *key, struct mt_diag *diag);

#define KEYFILE_SIZE_MAX  (64u * 1024)
#define KEYSTORE_PATH_MAX 4096
#define PASSWORD_SIZE_MAX 1024

/* Encrypts key into a new file in dir (made with mode 0700 when it is not there). The
 * file appears whole or not at all. MT_EEXIST when the keystore has the address already.
 * path, KEYSTORE_PATH_MAX bytes, may be NULL. */
mt_err keystore_put(const char *dir, const hash32 *key, slice password,
                    struct keyfile_cost cost, address *addr, char *path,
                    struct mt_diag *diag);

/* A fresh random key. */
mt_err keystore_create(const char *dir, slice password, struct keyfile_cost cost,
                       address *addr, char *path, struct mt_diag *diag);

/* The text of a file to import: a bare key in hex, or a key file under the same
 * password. */
mt_err keystore_import(const char *dir, slice text, slice password,
                       struct keyfile_cost cost, address *addr, char *path,
                       struct mt_diag *diag);

struct keystore_entry {
    address addr;
    const char *path; /* in the arena */
};

/* Key files of dir by name, that is by age; other files are passed over. In the arena. */
mt_err keystore_list(const char *dir, struct arena *arena, struct keystore_entry **out,
                     size_t *count, struct mt_diag *diag);

/* The key of one account. MT_ENOTFOUND when dir has no file of it. */
mt_err keystore_unlock(const char *dir, const address *addr, slice password, hash32 *key,
                       struct mt_diag *diag);

/* First line of a password file, without its line end, into out (PASSWORD_SIZE_MAX bytes,
 * wipe it after use). MT_ELIMIT when longer. */
mt_err password_read(const char *path, char *out, size_t *len, struct mt_diag *diag);

#endif
