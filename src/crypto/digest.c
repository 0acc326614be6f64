/* SHA-256 and RIPEMD-160 by OpenSSL's block functions.
 *
 * The one-shot forms keep their state on the stack: no allocation, no provider look-up,
 * no failure, hence safe from any thread. They are marked deprecated in favour of EVP,
 * which allocates a context a call and may lack RIPEMD-160 by configuration; consensus
 * code can afford neither. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto_int.h"

#include <openssl/ripemd.h>
#include <openssl/sha.h>

hash32 sha256(const void *ptr, size_t len)
{
    SHA256_CTX ctx;
    hash32 h;
    SHA256_Init(&ctx);
    if (len != 0)
        SHA256_Update(&ctx, ptr, len);
    SHA256_Final(h.b, &ctx);
    return h;
}

void ripemd160(const void *ptr, size_t len, uint8_t out[20])
{
    RIPEMD160_CTX ctx;
    RIPEMD160_Init(&ctx);
    if (len != 0)
        RIPEMD160_Update(&ctx, ptr, len);
    RIPEMD160_Final(out, &ctx);
}
