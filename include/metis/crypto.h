/* crypto: hashes, signatures, curves and pairings.
 *
 * Two ways in. Plain functions for the node (keccak with run-time dispatch,
 * libsecp256k1, OpenSSL, GMP, blst). And `struct crypto_ops`, the table through which
 * the provable core reaches everything but keccak, so that the same EVM runs
 * freestanding on plain C. All functions are pure and thread-safe; crypto_init is called
 * once before any of them. */
#ifndef METIS_CRYPTO_H
#define METIS_CRYPTO_H

#include "metis/base.h"

/* ---- keccak-256 (the original padding, not SHA-3's) ---- */

hash32 keccak256(const void *ptr, size_t len);

/* Incremental form. */
struct keccak {
    uint64_t s[25];
    uint8_t block[136];
    size_t used;
};
void keccak_init(struct keccak *k);
void keccak_add(struct keccak *k, const void *ptr, size_t len);
hash32 keccak_done(struct keccak *k);

/* n independent messages; fills AVX-512 (8) or AVX2 (4) lanes where the processor has
 * them, otherwise one after the other. Same output on every path. */
void keccak256_many(const slice *in, hash32 *out, size_t n);

/* keccak256 of nothing, of the RLP empty string 0x80 (empty trie), of the empty list
 * 0xc0. */
extern const hash32 KECCAK_EMPTY;
extern const hash32 KECCAK_RLP_EMPTY;
extern const hash32 KECCAK_RLP_EMPTY_LIST;

enum keccak_isa { KECCAK_SCALAR, KECCAK_AVX2, KECCAK_AVX512 };
/* The path in use, its name, and a way for tests to force one (MT_EUNSUPPORTED when the
 * processor lacks it). */
enum keccak_isa keccak_isa(void);
const char *keccak_isa_name(enum keccak_isa isa);
mt_err keccak_force_isa(enum keccak_isa isa);

/* ---- set-up ---- */

/* Chooses instruction sets, makes the secp256k1 context. Idempotent. */
mt_err crypto_init(void);

/* ---- secp256k1 ---- */

typedef struct sig {
    hash32 r, s;      /* big endian */
    uint8_t y_parity; /* 0 or 1 */
} sig;

/* The address that signed digest. MT_ECRYPTO when the signature has no key. Does not
 * check low s (EIP-2): that is the caller's rule. ~33 us. */
mt_err secp_recover(const hash32 *digest, const sig *s, address *out);

/* As above, the 64-byte public key. */
mt_err secp_recover_pubkey(const hash32 *digest, const sig *s, uint8_t out[64]);

/* Deterministic (RFC 6979), low s. MT_EINVAL for a key outside 1..n-1. */
mt_err secp_sign(const hash32 *digest, const hash32 *key, sig *out);
mt_err secp_address(const hash32 *key, address *out);

/* The public key x||y of a private one. MT_EINVAL for a key outside 1..n-1. */
mt_err secp_pubkey(const hash32 *key, uint8_t out[64]);

/* key + tweak modulo n, for key derivation (BIP-32). MT_EINVAL when an operand or the
 * sum is out of range; tweak may be zero. */
mt_err secp_key_add(const hash32 *key, const hash32 *tweak, hash32 *out);

/* True when 0 < v < n; true when v <= n/2 (EIP-2). */
bool secp_scalar_valid(const hash32 *v);
bool secp_scalar_is_low(const hash32 *v);

/* ---- digests by OpenSSL and our own ---- */

hash32 sha256(const void *ptr, size_t len);
void ripemd160(const void *ptr, size_t len, uint8_t out[20]);
/* BLAKE2b compression F (RFC 7693, EIP-152). */
void blake2f(uint32_t rounds, uint64_t h[8], const uint64_t m[16], uint64_t t0,
             uint64_t t1, bool final);

/* From the operating system. Only for keys and seeds, never inside consensus. */
mt_err random_bytes(void *out, size_t len);

/* ---- the table the provable core uses ----
 * Each entry is a precompile's function without its gas rule: input as the precompile
 * sees it, already padded or length-checked where its EIP says so. MT_ECRYPTO: the
 * precompile fails (all gas) unless stated. Outputs are written only on MT_OK. */
struct crypto_ops {
    /* 0x01: address of signer, s in 1..n-1; MT_ECRYPTO gives empty output there. */
    mt_err (*recover)(const hash32 *digest, const sig *s, address *out);
    void (*sha256)(const void *ptr, size_t len, uint8_t out[32]);
    void (*ripemd160)(const void *ptr, size_t len, uint8_t out[20]);
    /* base^exp mod m, big endian, out has mod.len bytes; m = 0 gives zeros. scratch is
     * for big numbers. MT_ELIMIT when it is exhausted. */
    mt_err (*modexp)(slice base, slice exp, slice mod, uint8_t *out,
                     struct arena *scratch);
    /* 0x06, 0x07, 0x08 (EIP-196, 197): points as 64 bytes x||y, scalars 32 bytes. */
    mt_err (*bn254_add)(const uint8_t a[64], const uint8_t b[64], uint8_t out[64]);
    mt_err (*bn254_mul)(const uint8_t p[64], const uint8_t scalar[32], uint8_t out[64]);
    mt_err (*bn254_pairing)(slice pairs, bool *is_one); /* k * 192 bytes */
    /* 0x0a (EIP-4844): 192-byte input, versioned hash included. */
    mt_err (*kzg_point_evaluation)(const uint8_t in[192]);
    /* 0x0b..0x11 (EIP-2537): 128-byte G1, 256-byte G2 points, 32-byte scalars. */
    mt_err (*bls_g1_add)(const uint8_t in[256], uint8_t out[128]);
    mt_err (*bls_g1_msm)(slice in, uint8_t out[128], struct arena *scratch);
    mt_err (*bls_g2_add)(const uint8_t in[512], uint8_t out[256]);
    mt_err (*bls_g2_msm)(slice in, uint8_t out[256], struct arena *scratch);
    mt_err (*bls_pairing)(slice pairs, bool *is_one); /* k * 384 bytes */
    mt_err (*bls_map_g1)(const uint8_t in[64], uint8_t out[128]);
    mt_err (*bls_map_g2)(const uint8_t in[128], uint8_t out[256]);
    /* 0x100 (EIP-7951): hash||r||s||x||y; *valid tells. */
    void (*p256_verify)(const uint8_t in[160], bool *valid);
};

/* The node's table: OpenSSL, libsecp256k1, GMP, blst, own BN254. */
const struct crypto_ops *crypto_native(void);

/* Entries that are plain C, or C over blst, and build freestanding: for other tables.
 * kzg_setup makes the lines of the set-up's points; once, before the evaluation. */
mt_err bn254_add(const uint8_t a[64], const uint8_t b[64], uint8_t out[64]);
mt_err bn254_mul(const uint8_t p[64], const uint8_t scalar[32], uint8_t out[64]);
mt_err bn254_pairing(slice pairs, bool *is_one);

mt_err kzg_point_evaluation(const uint8_t in[192]);
mt_err bls_g1_add(const uint8_t in[256], uint8_t out[128]);
mt_err bls_g1_msm(slice in, uint8_t out[128], struct arena *scratch);
mt_err bls_g2_add(const uint8_t in[512], uint8_t out[256]);
mt_err bls_g2_msm(slice in, uint8_t out[256], struct arena *scratch);
mt_err bls_pairing(slice pairs, bool *is_one);
mt_err bls_map_g1(const uint8_t in[64], uint8_t out[128]);
mt_err bls_map_g2(const uint8_t in[128], uint8_t out[256]);
void kzg_setup(void);

/* ---- blobs (EIP-4844, EIP-7594), loaded lazily: seconds, so never on a hot thread ----
 */

struct kzg;
/* Reads the trusted set-up compiled into the program. ~2 s. */
mt_err kzg_new(struct kzg **out);
void kzg_free(struct kzg *k);
mt_err kzg_verify_blobs(const struct kzg *k, const uint8_t *blobs,
                        const uint8_t *commitments, const uint8_t *proofs, size_t n,
                        bool *valid);
/* As above with 128 cell proofs a blob (EIP-7594), in order. */
mt_err kzg_verify_cells(const struct kzg *k, const uint8_t *blobs,
                        const uint8_t *commitments, const uint8_t *cell_proofs, size_t n,
                        bool *valid);
/* sha256(commitment) with version byte 1. */
hash32 kzg_versioned_hash(const uint8_t commitment[48]);

#endif
