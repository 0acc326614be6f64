/* secp256k1: published recovery and RFC 6979 vectors, ranges, round trips; blobs by
 * c-kzg. */
#include "crypto_int.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static hash32 h32(const char *hex)
{
    hash32 h;
    cr_assert_eq(hex_decode_fixed(hex, h.b, 32), MT_OK);
    return h;
}

#define ORDER      "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
#define ORDER_HALF "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"

/* go-ethereum's and the yellow paper tests' signature of a known key. */
Test(crypto_secp, recover_published)
{
    hash32 digest =
        h32("ce0677bb30baa8cf067c88db9811f4333d131bf8bcf12fe7065d211dce971008");
    sig s = {h32("90f27b8b488db00b00606796d2987f6a5f59ae62ea05effe84fef5b8b0e54998"),
             h32("4a691139ad57a3f0b906637673aa2f63d1f55cb1a69199d4009eea23ceaddc93"), 1};
    uint8_t key[64], want[64];
    cr_assert_eq(hex_decode_fixed(
                     "e32df42865e97135acfb65f3bae71bdc86f4d49150ad6a440b6f15878109880a"
                     "0a2b2667f7e725ceea70c673093bf67663e0312623c8e091b13cf2c0f11ef652",
                     want, 64),
                 MT_OK);
    cr_assert_eq(secp_recover_pubkey(&digest, &s, key), MT_OK);
    cr_expect_arr_eq(key, want, 64);
    s.y_parity = 2;
    cr_expect_eq(secp_recover_pubkey(&digest, &s, key), MT_ECRYPTO);
}

/* Known answer of deterministic signing: key 1, SHA-256("Satoshi Nakamoto"). */
Test(crypto_secp, rfc6979)
{
    hash32 key = h32("0000000000000000000000000000000000000000000000000000000000000001");
    hash32 digest = sha256("Satoshi Nakamoto", 16);
    hash32 r = h32("934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8");
    hash32 v = h32("2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5");
    sig s;
    cr_assert_eq(crypto_init(), MT_OK);
    cr_assert_eq(secp_sign(&digest, &key, &s), MT_OK);
    cr_expect(hash32_eq(&s.r, &r));
    cr_expect(hash32_eq(&s.s, &v));
}

/* First account of the public test mnemonic; key 1. */
Test(crypto_secp, addresses)
{
    hash32 key = h32("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    hash32 one = h32("0000000000000000000000000000000000000000000000000000000000000001");
    address a, want;
    cr_assert_eq(crypto_init(), MT_OK);
    cr_assert_eq(secp_address(&key, &a), MT_OK);
    cr_assert_eq(hex_decode_fixed("f39fd6e51aad88f6f4ce6ab8827279cfffb92266", want.b, 20),
                 MT_OK);
    cr_expect(address_eq(&a, &want));
    cr_assert_eq(secp_address(&one, &a), MT_OK);
    cr_assert_eq(hex_decode_fixed("7e5f4552091a69125d5dfcb7b8c2659029395bdf", want.b, 20),
                 MT_OK);
    cr_expect(address_eq(&a, &want));
}

Test(crypto_secp, ranges)
{
    hash32 zero = {{0}}, n = h32(ORDER), half = h32(ORDER_HALF), v;
    sig s;
    cr_assert_eq(crypto_init(), MT_OK);
    cr_expect_not(secp_scalar_valid(&zero));
    cr_expect_not(secp_scalar_valid(&n));
    v = n;
    v.b[31]--;
    cr_expect(secp_scalar_valid(&v));
    cr_expect_not(secp_scalar_is_low(&v));
    cr_expect(secp_scalar_is_low(&half));
    half.b[31]++;
    cr_expect_not(secp_scalar_is_low(&half));
    cr_expect_eq(secp_sign(&v, &zero, &s), MT_EINVAL);
    cr_expect_eq(secp_sign(&v, &n, &s), MT_EINVAL);
    s = (sig){n, v, 0};
    cr_expect_eq(crypto_native()->recover(&v, &s, &(address){{0}}), MT_ECRYPTO);
    s = (sig){v, zero, 0};
    cr_expect_eq(crypto_native()->recover(&v, &s, &(address){{0}}), MT_ECRYPTO);
}

Test(crypto_secp, sign_and_recover)
{
    cr_assert_eq(crypto_init(), MT_OK);
    for (unsigned i = 1; i < 60; i++) {
        hash32 key = sha256(&i, sizeof i), digest = keccak256(&i, sizeof i);
        address from, got;
        sig s;
        cr_assert_eq(secp_address(&key, &from), MT_OK);
        cr_assert_eq(secp_sign(&digest, &key, &s), MT_OK);
        cr_expect(secp_scalar_is_low(&s.s));
        cr_assert_eq(secp_recover(&digest, &s, &got), MT_OK);
        cr_expect(address_eq(&from, &got));
        s.y_parity ^= 1;
        if (secp_recover(&digest, &s, &got) == MT_OK)
            cr_expect_not(address_eq(&from, &got));
    }
}

/* EIP-4844's example of the versioned hash: of the commitment to the zero blob. */
Test(crypto_secp, versioned_hash)
{
    uint8_t infinity[48] = {0xc0};
    hash32 h = kzg_versioned_hash(infinity);
    hash32 want = h32("010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014");
    cr_expect(hash32_eq(&h, &want));
}

#ifndef METIS_NO_KZG
/* A constant blob has the commitment c * G1 and the proof infinity: checked through the
 * full set-up that is linked in. c = 0 and c = 1 (commitment: the generator). */
Test(crypto_secp, blobs)
{
    enum { BLOB = 4096 * 32 };
    uint8_t *blobs = calloc(2, BLOB), commitments[96] = {0xc0}, proofs[96] = {0xc0};
    struct kzg *k = NULL;
    bool valid = false;
    for (size_t i = 0; i < 4096; i++)
        blobs[BLOB + 32 * i + 31] = 1;
    cr_assert_eq(hex_decode_fixed("97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905"
                                  "a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
                                  commitments + 48, 48),
                 MT_OK);
    proofs[48] = 0xc0;
    cr_assert_eq(kzg_new(&k), MT_OK);
    cr_assert_eq(kzg_verify_blobs(k, blobs, commitments, proofs, 2, &valid), MT_OK);
    cr_expect(valid);
    cr_assert_eq(kzg_verify_blobs(k, blobs, commitments, proofs, 0, &valid), MT_OK);
    cr_expect(valid);
    blobs[31] = 1;
    cr_assert_eq(kzg_verify_blobs(k, blobs, commitments, proofs, 2, &valid), MT_OK);
    cr_expect_not(valid);
    memset(blobs, 0xff, 32); /* not a field element */
    cr_assert_eq(kzg_verify_blobs(k, blobs, commitments, proofs, 2, &valid), MT_OK);
    cr_expect_not(valid);
    kzg_free(k);
    kzg_free(NULL);
    free(blobs);
}
#endif
