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

/* [tau]G2, compressed; a test compares it with the set-up's text. */
extern const uint8_t kzg_tau_g2[96];
slice kzg_setup_text_get(void);

/* ---- entries of crypto_native ---- */

mt_err modexp_gmp(slice base, slice exp, slice mod, uint8_t *out, struct arena *scratch);

void p256_verify(const uint8_t in[160], bool *valid);

#endif
