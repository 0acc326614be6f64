/* Key files against the published cases of ethereum/tests
 * (KeyStoreTests/basic_tests.json, MIT licence, all five),
 * malformed and hostile files, and the folder. */
#include "accounts_int.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASS(s) slice_str(s)

static const struct keyfile_cost cheap = {2, 8, 1};

static void setup(void)
{
    cr_assert_eq(crypto_init(), MT_OK);
}

TestSuite(accounts_keystore, .init = setup);

#define PBKDF2_BODY(version, c, mac)                                                     \
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":"                  \
    "\"6087dab2f9fdbbfaddc31a909735c1e6\"},\"ciphertext\":"                              \
    "\"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46\","              \
    "\"kdf\":\"pbkdf2\",\"kdfparams\":{\"c\":" c ",\"dklen\":32,"                        \
    "\"prf\":\"hmac-sha256\",\"salt\":"                                                  \
    "\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\"},\"mac\":"     \
    "\"" mac "\"},\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":" version  \
    "}"
#define PBKDF2_MAC "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"

#define SCRYPT_FILE(n, r, p)                                                             \
    "{\"version\":3,\"id\":\"0eb785e0-340a-4290-9c42-90a11973ee47\",\"address\":"        \
    "\"460121576cc7df020759730751f92bd62fd78dd6\",\"crypto\":{\"ciphertext\":"           \
    "\"54ae683c6287fa3d58321f09d56e26d94e58a00d4f90bdd95782ae0e4aab618b\","              \
    "\"cipherparams\":{\"iv\":\"681679cdb125bba9495d068b002816a4\"},\"cipher\":"         \
    "\"aes-128-ctr\",\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,\"salt\":"           \
    "\"c3407f363fce02a66e3c4bf4a8f6b7da1c1f54266cef66381f0625c251c32785\",\"n\":" n      \
    ",\"r\":" r ",\"p\":" p "},\"mac\":"                                                 \
    "\"dea6bdf22a2f522166ed82808c22a6311e84c355f4bbe100d4260483ff675a46\"}}"

/* The second case: scrypt with n 2^18, r 1, p 8. */
static const char scrypt_p8[] =
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":"
    "\"83dbcc02d8ccb40e466191a123791e0e\"},\"ciphertext\":"
    "\"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c\",\"kdf\":"
    "\"scrypt\","
    "\"kdfparams\":{\"dklen\":32,\"n\":262144,\"r\":1,\"p\":8,\"salt\":"
    "\"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19\"},\"mac\":"
    "\"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097\"},\"id\":"
    "\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";

static const char evil_nonce[] =
    "{\"version\":3,\"crypto\":{\"ciphertext\":"
    "\"d69313b6470ac1942f75d72ebf8818a0d484ac78478a132ee081cd954d6bd7a9\","
    "\"cipherparams\":"
    "{\"iv\":\"ffffffffffffffffffffffffffffffff\"},\"kdf\":\"pbkdf2\",\"kdfparams\":{"
    "\"dklen\":32,\"c\":262144,\"prf\":\"hmac-sha256\",\"salt\":"
    "\"c82ef14476014cbf438081a42709e2ed\"},\"mac\":"
    "\"cf6bfbcc77142a22c4a908784b4a16f1023a1d0e2aff404c20158fa4f1587177\",\"cipher\":"
    "\"aes-128-ctr\",\"version\":1},\"id\":\"abb67040-8dbe-0dad-fc39-2b082ef0ee5f\"}";

/* An iv of which the first digit is zero. */
static const char odd_iv[] =
    "{\"version\":3,\"crypto\":{\"ciphertext\":\"ee75456c006b1e468133c5d2a91"
    "6bacd3cf515ced4d9b021b5c59978007d1e87\",\"version\":1,\"kdf\":\"pbkdf2"
    "\",\"kdfparams\":{\"dklen\":32,\"c\":262144,\"prf\":\"hmac-sha256\",\"salt\":"
    "\"504490577620f64f43d73f29479c2cf0\"},\"mac\":\"196815708465de9af7504"
    "144a1360d08874fc3c30bb0e648ce88fbc36830d35d\",\"cipherparams\":{\"iv"
    "\":\"514ccc8c4fb3e60e5538e0cf1e27c233\"},\"cipher\":\"aes-128-ctr\"},\"i"
    "d\":\"98d193c7-5174-4c7c-5345-c1daf95477b5\"}";

static void expect_key(const char *json, const char *password, const char *want)
{
    struct mt_diag d = {0};
    hash32 key, w;
    cr_assert_eq(hex_decode_fixed(want, w.b, 32), MT_OK);
    cr_assert_eq(keyfile_decrypt(slice_str(json), PASS(password), &key, &d), MT_OK, "%s",
                 d.text);
    cr_expect(hash32_eq(&key, &w));
}

Test(accounts_keystore, published)
{
    const char *key = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
    expect_key(PBKDF2_BODY("3", "262144", PBKDF2_MAC), "testpassword", key);
    expect_key(scrypt_p8, "testpassword", key);
    expect_key(evil_nonce, "bar",
               "0202020202020202020202020202020202020202020202020202020202020202");
    expect_key(odd_iv, "foo",
               "0101010101010101010101010101010101010101010101010101010101010101");
    expect_key(SCRYPT_FILE("8192", "8", "1"), "foobartest121",
               "05a4d3eb46c742cb8850440145ce70cbc80b59f891cf5f50fd3e9c280b50c4e4");
}

/* RFC 7914, section 12. */
static void check_scrypt(const char *password, const char *salt, struct keyfile_cost cost,
                         const char *want)
{
    uint8_t got[64], bytes[64];
    cr_assert_eq(hex_decode_fixed(want, bytes, 64), MT_OK);
    cr_assert_eq(scrypt(slice_str(password), slice_str(salt), cost, got, 64), MT_OK);
    cr_expect_arr_eq(got, bytes, 64, "%s", password);
}

Test(accounts_keystore, scrypt_rfc7914)
{
    check_scrypt("", "", (struct keyfile_cost){16, 1, 1},
                 "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                 "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
    check_scrypt("password", "NaCl", (struct keyfile_cost){1024, 8, 16},
                 "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                 "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
    check_scrypt("pleaseletmein", "SodiumChloride", (struct keyfile_cost){16384, 8, 1},
                 "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                 "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

static void expect_refused(const char *json, const char *password, mt_err want,
                           const char *part)
{
    struct mt_diag d = {0};
    hash32 key;
    mt_err err = keyfile_decrypt(slice_str(json), PASS(password), &key, &d);
    cr_expect_eq(err, want, "%s: %s", mt_err_text(err), d.text);
    cr_expect_not_null(strstr(d.text, part), "\"%s\" not in \"%s\"", part, d.text);
}

Test(accounts_keystore, refused)
{
    expect_refused(SCRYPT_FILE("8192", "8", "1"), "wrong", MT_EAUTH, "password");
    expect_refused(PBKDF2_BODY("3", "1", PBKDF2_MAC), "testpassword", MT_EAUTH, "MAC");
    expect_refused(PBKDF2_BODY("1", "1", PBKDF2_MAC), "x", MT_EVERSION, "version");
    expect_refused(PBKDF2_BODY("\"3\"", "1", PBKDF2_MAC), "x", MT_EVERSION, "version");
    expect_refused(PBKDF2_BODY("3", "0", PBKDF2_MAC), "x", MT_EDECODE, "rounds");
    expect_refused(PBKDF2_BODY("3", "-5", PBKDF2_MAC), "x", MT_EDECODE, "\"c\"");
    expect_refused(PBKDF2_BODY("3", "10000001", PBKDF2_MAC), "x", MT_ELIMIT, "rounds");
    expect_refused(PBKDF2_BODY("3", "1", "517e"), "x", MT_EDECODE, "\"mac\"");
    expect_refused(SCRYPT_FILE("8191", "8", "1"), "x", MT_EDECODE, "power of two");
    expect_refused(SCRYPT_FILE("0", "8", "1"), "x", MT_EDECODE, "power of two");
    expect_refused(SCRYPT_FILE("8192", "0", "1"), "x", MT_EDECODE, "positive");
    expect_refused(SCRYPT_FILE("1048576", "8", "1"), "x", MT_ELIMIT, "costs");
    expect_refused(SCRYPT_FILE("2097152", "1", "1"), "x", MT_ELIMIT, "costs");
    expect_refused(SCRYPT_FILE("2", "4294967296", "1"), "x", MT_ELIMIT, "costs");
    expect_refused(SCRYPT_FILE("2", "1", "4294967295"), "x", MT_ELIMIT, "costs");
    expect_refused(SCRYPT_FILE("9223372036854775808", "1", "1"), "x", MT_EDECODE, "");
    expect_refused("", "x", MT_EDECODE, "key file");
    expect_refused("[]", "x", MT_EDECODE, "not a JSON object");
    expect_refused("{\"version\":3}", "x", MT_EDECODE, "\"crypto\"");
    expect_refused("{\"version\":3,\"crypto\":{}}", "x", MT_EDECODE, "\"cipher\"");
    expect_refused("{\"version\":3,\"crypto\":{\"cipher\":\"aes-256-cbc\"}}", "x",
                   MT_EUNSUPPORTED, "aes-256-cbc");
    expect_refused("{\"version\":3,\"version\":3}", "x", MT_EDECODE, "key file");
    expect_refused("{\"version\":3,\"crypto\":", "x", MT_EDECODE, "line 1");
}

/* A stated address that is not the key's. */
Test(accounts_keystore, wrong_address)
{
    char json[2048];
    char *at;
    mt_fmt(json, sizeof json, "%s", SCRYPT_FILE("8192", "8", "1"));
    at = strstr(json, "4601");
    cr_assert_not_null(at);
    at[0] = '5';
    expect_refused(json, "foobartest121", MT_ECORRUPT, "belongs to");
}

struct folder {
    char dir[64];
};

static struct folder folder_make(void)
{
    struct folder f = {"/tmp/metis-keys-XXXXXX"};
    cr_assert_not_null(mkdtemp(f.dir));
    return f;
}

static void folder_remove(const struct folder *f)
{
    char command[128];
    mt_fmt(command, sizeof command, "rm -rf '%s'", f->dir);
    cr_assert_eq(system(command), 0);
}

static size_t list_len(const char *dir)
{
    struct keystore_entry *list;
    struct arena arena;
    size_t count = 99;
    arena_init(&arena, 4 << 20);
    cr_assert_eq(keystore_list(dir, &arena, &list, &count, NULL), MT_OK);
    for (size_t i = 1; i < count; i++)
        cr_expect_lt(strcmp(list[i - 1].path, list[i].path), 0);
    arena_fini(&arena);
    return count;
}

Test(accounts_keystore, create_list_unlock)
{
    struct folder f = folder_make();
    char dir[80], path[KEYSTORE_PATH_MAX];
    address a, b, own;
    hash32 key;
    struct stat st;
    struct mt_diag d = {0};
    mt_fmt(dir, sizeof dir, "%s/keys", f.dir);
    cr_assert_eq(keystore_create(dir, PASS("one"), cheap, &a, path, &d), MT_OK, "%s",
                 d.text);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 07777, 0600);
    cr_assert_eq(stat(dir, &st), 0);
    cr_expect_eq(st.st_mode & 07777, 0700);
    cr_expect_not_null(strstr(path, "/UTC--20"));
    cr_assert_eq(keystore_create(dir, PASS("two"), cheap, &b, NULL, &d), MT_OK);
    cr_expect_not(address_eq(&a, &b));
    cr_expect_eq(list_len(dir), 2);
    cr_assert_eq(keystore_unlock(dir, &a, PASS("one"), &key, &d), MT_OK);
    cr_assert_eq(secp_address(&key, &own), MT_OK);
    cr_expect(address_eq(&a, &own));
    cr_expect_eq(keystore_unlock(dir, &b, PASS("one"), &key, &d), MT_EAUTH);
    cr_expect_eq(keystore_unlock(dir, &(address){{1}}, PASS("one"), &key, &d),
                 MT_ENOTFOUND);
    cr_expect_eq(keystore_put(dir, &key, PASS("x"), cheap, &own, NULL, &d), MT_EEXIST);
    folder_remove(&f);
}

Test(accounts_keystore, import)
{
    struct folder f = folder_make();
    address a, want;
    hash32 key;
    struct mt_diag d = {0};
    cr_assert_eq(hex_decode_fixed("f39fd6e51aad88f6f4ce6ab8827279cfffb92266", want.b, 20),
                 MT_OK);
    cr_assert_eq(keystore_import(
                     f.dir,
                     slice_str(" 0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae78"
                               "4d7bf4f2ff80\r\n"),
                     PASS("p"), cheap, &a, NULL, &d),
                 MT_OK, "%s", d.text);
    cr_expect(address_eq(&a, &want));
    cr_assert_eq(keystore_unlock(f.dir, &want, PASS("p"), &key, &d), MT_OK);
    cr_assert_eq(keystore_import(f.dir, slice_str(SCRYPT_FILE("8192", "8", "1")),
                                 PASS("foobartest121"), cheap, &a, NULL, &d),
                 MT_OK, "%s", d.text);
    cr_expect_eq(a.b[0], 0x46);
    cr_expect_eq(list_len(f.dir), 2);
    cr_expect_eq(keystore_import(f.dir, slice_str("00"), PASS("p"), cheap, &a, NULL, &d),
                 MT_EDECODE);
    cr_expect_eq(keystore_import(f.dir, slice_str(""), PASS("p"), cheap, &a, NULL, &d),
                 MT_EDECODE);
    cr_expect_eq(
        keystore_import(f.dir,
                        slice_str("0000000000000000000000000000000000000000000000000000"
                                  "000000000000"),
                        PASS("p"), cheap, &a, NULL, &d),
        MT_EINVAL);
    folder_remove(&f);
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    FILE *file;
    mt_fmt(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* What is not a key file is passed over; what states no address is known by its name. */
Test(accounts_keystore, foreign_files)
{
    struct folder f = folder_make();
    char path[256];
    struct arena arena;
    struct keystore_entry *list;
    size_t count;
    address a = {{0xaa}};
    hash32 key;
    struct mt_diag d = {0};
    put_file(f.dir, "README", "not a key");
    put_file(f.dir, ".hidden", SCRYPT_FILE("8192", "8", "1"));
    put_file(f.dir,
             "UTC--2020-01-01T00-00-00.0Z--aa00000000000000000000000000000000000000",
             PBKDF2_BODY("3", "1", PBKDF2_MAC));
    mt_fmt(path, sizeof path, "%s/folder", f.dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    mt_fmt(path, sizeof path, "%s/pipe", f.dir);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(list_len(f.dir), 1);
    cr_expect_eq(keystore_unlock(f.dir, &a, PASS("x"), &key, &d), MT_EAUTH);
    cr_expect_not_null(strstr(d.text, "UTC--2020"));
    arena_init(&arena, 1 << 20);
    cr_expect_eq(keystore_list("/nonexistent/keys", &arena, &list, &count, &d),
                 MT_ENOTFOUND);
    arena_fini(&arena);
    folder_remove(&f);
}

Test(accounts_keystore, password_file)
{
    struct folder f = folder_make();
    char path[256], out[PASSWORD_SIZE_MAX], big[PASSWORD_SIZE_MAX + 2];
    size_t len = 0;
    struct mt_diag d = {0};
    mt_fmt(path, sizeof path, "%s/p", f.dir);
    put_file(f.dir, "p", "secret word\r\nsecond line\n");
    cr_assert_eq(password_read(path, out, &len, &d), MT_OK);
    cr_expect(slice_eq(slice_of(out, len), slice_str("secret word")));
    put_file(f.dir, "p", "bare");
    cr_assert_eq(password_read(path, out, &len, &d), MT_OK);
    cr_expect_eq(len, 4);
    put_file(f.dir, "p", "");
    cr_assert_eq(password_read(path, out, &len, &d), MT_OK);
    cr_expect_eq(len, 0);
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    put_file(f.dir, "p", big);
    cr_expect_eq(password_read(path, out, &len, &d), MT_ELIMIT);
    cr_expect_eq(password_read(f.dir, out, &len, &d), MT_EINVAL);
    cr_expect_eq(password_read("/nonexistent/p", out, &len, &d), MT_ENOTFOUND);
    folder_remove(&f);
}
