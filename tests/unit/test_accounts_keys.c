/* Derivation against the published vectors of BIP-32 and BIP-39 and the well-known
 * addresses of the test mnemonic; signing with unlocked keys. */
#include "metis/accounts.h"

#include <criterion/criterion.h>

static hash32 h32(const char *hex)
{
    hash32 h;
    cr_assert_eq(hex_decode_fixed(hex, h.b, 32), MT_OK);
    return h;
}

static address addr_of(const char *hex)
{
    address a;
    cr_assert_eq(hex_decode_fixed(hex, a.b, 20), MT_OK);
    return a;
}

/* BIP-39, first vector of the reference list (passphrase TREZOR). */
Test(accounts_keys, bip39)
{
    uint8_t seed[64], want[64];
    cr_assert_eq(
        hex_decode_fixed("c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e534"
                         "95531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698"
                         "e7463b04",
                         want, 64),
        MT_OK);
    cr_assert_eq(
        mnemonic_seed("abandon abandon abandon abandon abandon abandon abandon abandon "
                      "abandon abandon abandon about",
                      "TREZOR", seed),
        MT_OK);
    cr_expect_arr_eq(seed, want, 64);
    cr_expect_eq(mnemonic_seed("caf\xc3\xa9", "", seed), MT_EINVAL);
    cr_expect_eq(mnemonic_seed("", "", seed), MT_EINVAL);
}

/* BIP-32, test vector 1. */
Test(accounts_keys, bip32)
{
    static const uint32_t path[] = {0 | HD_HARD, 1, 2 | HD_HARD, 2, 1000000000};
    static const char *const want[] = {
        "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35",
        "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea",
        "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368",
        "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca",
        "0f479245fb19a38a1954c5c7c0ebab2f9bdfd96a17563ef28a6a4b1a2a764ef4",
        "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8"};
    uint8_t seed[16];
    cr_assert_eq(crypto_init(), MT_OK);
    cr_assert_eq(hex_decode_fixed("000102030405060708090a0b0c0d0e0f", seed, 16), MT_OK);
    for (size_t i = 0; i < MT_ARRAY_LEN(want); i++) {
        hash32 key, w = h32(want[i]);
        cr_assert_eq(hd_key(slice_of(seed, 16), path, i, &key), MT_OK);
        cr_expect(hash32_eq(&key, &w), "depth %zu", i);
    }
}

/* The accounts that Hardhat and Anvil print at start. */
Test(accounts_keys, dev_accounts)
{
    static const char *const want[10] = {"f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
                                         "70997970c51812dc3a010c7d01b50e0d17dc79c8",
                                         "3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
                                         "90f79bf6eb2c4f870365e785982e1f101e93b906",
                                         "15d34aaf54267db7d7c367839aaf71a00a2c6a65",
                                         "9965507d1a55bcc2695c58ba16fb37d819b0a4dc",
                                         "976ea74026e726554db657fa54763abd0c3a0aa9",
                                         "14dc79964da2c08b23698b3d3cc7ca32193d9955",
                                         "23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f",
                                         "a0ee7a142d267c1f36714e4a8f75612f20a79720"};
    struct accounts *a;
    hash32 key,
        first = h32("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    address other = addr_of("00000000000000000000000000000000000000aa");
    sig s;
    cr_assert_eq(crypto_init(), MT_OK);
    a = accounts_new();
    cr_assert_eq(accounts_add_mnemonic(a, ACCOUNTS_DEV_MNEMONIC, 10), MT_OK);
    cr_assert_eq(accounts_count(a), 10);
    for (size_t i = 0; i < 10; i++) {
        address w = addr_of(want[i]), got;
        hash32 digest = keccak256(&i, sizeof i);
        cr_expect(address_eq(&accounts_list(a)[i], &w), "account %zu", i);
        cr_expect(accounts_has(a, &w));
        cr_assert_eq(accounts_sign(a, &w, &digest, &s), MT_OK);
        cr_assert_eq(secp_recover(&digest, &s, &got), MT_OK);
        cr_expect(address_eq(&got, &w));
    }
    cr_assert_eq(accounts_key(a, &accounts_list(a)[0], &key), MT_OK);
    cr_expect(hash32_eq(&key, &first));
    cr_expect_eq(accounts_sign(a, &other, &key, &s), MT_ENOTFOUND);
    cr_expect_eq(accounts_key(a, &other, &key), MT_ENOTFOUND);
    cr_expect_eq(accounts_add(a, &first, NULL), MT_EEXIST);
    cr_expect_eq(accounts_add(a, &(hash32){{0}}, NULL), MT_EINVAL);
    accounts_free(a);
    accounts_free(NULL);
}

Test(accounts_keys, limit)
{
    struct accounts *a;
    hash32 key = {{0}};
    cr_assert_eq(crypto_init(), MT_OK);
    a = accounts_new();
    for (uint32_t i = 1; i <= ACCOUNTS_MAX; i++) {
        store_be32(key.b + 28, i);
        cr_assert_eq(accounts_add(a, &key, NULL), MT_OK);
    }
    store_be32(key.b + 28, ACCOUNTS_MAX + 1);
    cr_expect_eq(accounts_add(a, &key, NULL), MT_ELIMIT);
    accounts_free(a);
}

/* BasicTests/keyaddrtest.json (ethereum/tests, MIT licence): keys from a seed, and their
 * addresses. Its signatures are left out: they do not recover to the addresses over any
 * digest of the empty string (keccak256, sha256, zeros). */
Test(accounts_keys, published_addresses)
{
    static const struct {
        const char *seed, *key, *addr;
    } cases[] = {
        {"cow", "c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4",
         "cd2a3d9f938e13cd947ec05abc7fe734df8dd826"},
        {"horse", "c87f65ff3f271bf5dc8643484f66b200109caffe4bf98c4cb393dc35740b28c0",
         "13978aee95f38490e9769c39b2773ed763d9cd5f"},
    };
    cr_assert_eq(crypto_init(), MT_OK);
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        hash32 key = h32(cases[i].key), seeded;
        address want = addr_of(cases[i].addr), got;
        seeded = keccak256(cases[i].seed, strlen(cases[i].seed));
        cr_expect(hash32_eq(&seeded, &key));
        cr_assert_eq(secp_address(&key, &got), MT_OK);
        cr_expect(address_eq(&got, &want));
    }
}
