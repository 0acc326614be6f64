/* crypto, private: what the files of this module share. */
#ifndef METIS_CRYPTO_INT_H
#define METIS_CRYPTO_INT_H

#include "metis/crypto.h"

#define KECCAK_RATE 136

/* ---- keccak ---- */

extern const uint64_t keccak_round_constants[24];

/* The permutation on one state, plain C. */
void keccak_f1600(uint64_t s[25]);

/* Up to `lanes` states at once, interleaved: s[25][lanes], aligned to 64 bytes. */
void keccak_f1600_x4(uint64_t *s);
void keccak_f1600_x8(uint64_t *s);

/* The processor (and operating system) can run a path. */
bool keccak_cpu_has(enum keccak_isa isa);

/* Picks the widest path, or what METIS_KECCAK names. */
mt_err keccak_setup(void);

/* ---- set-up of the other parts, called by crypto_init ---- */

mt_err secp_setup(void);
void kzg_setup(void);

/* [tau]G2, compressed; a test compares it with the set-up's text. */
extern const uint8_t kzg_tau_g2[96];
slice kzg_setup_text_get(void);

/* ---- entries of crypto_native ---- */

mt_err modexp_gmp(slice base, slice exp, slice mod, uint8_t *out, struct arena *scratch);

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
void p256_verify(const uint8_t in[160], bool *valid);

#endif
