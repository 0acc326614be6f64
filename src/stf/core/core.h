/* stf, the freestanding part, private: cryptography in plain C, written for size and
 * certainty. Only proofs and their checks run it; the node has its own table. */
#ifndef METIS_CORE_CORE_H
#define METIS_CORE_CORE_H

#include "metis/stf.h"

void plain_sha256(const void *ptr, size_t len, uint8_t out[32]);
void plain_ripemd160(const void *ptr, size_t len, uint8_t out[20]);
mt_err plain_modexp(slice base, slice exp, slice mod, uint8_t *out,
                    struct arena *scratch);
mt_err plain_recover(const hash32 *digest, const sig *s, address *out);
void plain_p256_verify(const uint8_t in[160], bool *valid);

#endif
