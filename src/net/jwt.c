/* Bearer tokens of the private HTTP listener: JWT (RFC 7519) signed with HMAC-SHA256, as
 * geth's authrpc takes them. Issued within a minute of our clock, "exp" kept when there
 * is one; any other algorithm is refused before anything is computed with it. Tokens are
 * also made here, for a client that has the secret. */
#include "net_int.h"

#include "metis/codec.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>

#define TOKEN_MAX  4096u
#define SKEW_S     60
#define CLAIMS_MAX 64u /* depth and size of the two objects */

static int digit_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* base64url without padding; returns the number of bytes, or -1. */
static int decode(slice in, uint8_t *out)
{
    uint32_t acc = 0;
    unsigned bits = 0;
    int n = 0;
    for (size_t i = 0; i < in.len; i++) {
        int d = digit_of(in.ptr[i]);
        if (d < 0)
            return -1;
        acc = acc << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t)(acc >> bits);
        }
    }
    /* what is left of the last digit must be nothing: one text a token */
    return bits < 6 && (acc & ((1u << bits) - 1)) == 0 ? n : -1;
}

static json_t *part_of(slice text)
{
    uint8_t bytes[TOKEN_MAX];
    json_t *doc = NULL;
    int n = decode(text, bytes);
    if (n <= 0 || json_parse(slice_of(bytes, (size_t)n), TOKEN_MAX, CLAIMS_MAX, &doc,
                             NULL) != MT_OK)
        return NULL;
    return doc;
}

static bool algorithm_ok(slice head)
{
    json_t *doc = part_of(head);
    const char *alg = json_string_value(json_object_get(doc, "alg"));
    bool ok = alg != NULL && strcmp(alg, "HS256") == 0;
    json_free(doc);
    return ok;
}

static bool claims_ok(slice claims, uint64_t now_s)
{
    json_t *doc = part_of(claims);
    const json_t *iat = json_object_get(doc, "iat"), *exp = json_object_get(doc, "exp");
    json_int_t now = (json_int_t)now_s;
    bool ok = json_is_integer(iat) && json_integer_value(iat) >= now - SKEW_S &&
              json_integer_value(iat) <= now + SKEW_S &&
              (exp == NULL || (json_is_integer(exp) && json_integer_value(exp) > now));
    json_free(doc);
    return ok;
}

static bool signature_ok(const uint8_t secret[32], slice text, slice signature)
{
    uint8_t want[32], given[TOKEN_MAX];
    unsigned len = sizeof(want);
    return decode(signature, given) == 32 &&
           HMAC(EVP_sha256(), secret, 32, text.ptr, text.len, want, &len) != NULL &&
           CRYPTO_memcmp(want, given, sizeof(want)) == 0;
}

bool jwt_bearer_ok(const uint8_t secret[32], slice value, uint64_t now_s)
{
    if (value.len < 7 || value.len > TOKEN_MAX || memcmp(value.ptr, "Bearer ", 7) != 0)
        return false;
    slice token = slice_of(value.ptr + 7, value.len - 7);
    const uint8_t *end = token.ptr + token.len;
    const uint8_t *one = memchr(token.ptr, '.', token.len);
    const uint8_t *two =
        one == NULL ? NULL : memchr(one + 1, '.', (size_t)(end - one - 1));
    if (two == NULL)
        return false;
    slice head = slice_of(token.ptr, (size_t)(one - token.ptr));
    slice claims = slice_of(one + 1, (size_t)(two - one - 1));
    slice signature = slice_of(two + 1, (size_t)(end - two - 1));
    return algorithm_ok(head) &&
           signature_ok(secret, slice_of(token.ptr, (size_t)(two - token.ptr)),
                        signature) &&
           claims_ok(claims, now_s);
}

static void encode(struct buf *out, slice in)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < in.len; i++) {
        acc = acc << 8 | in.ptr[i];
        for (bits += 8; bits >= 6; bits -= 6)
            buf_put_u8(out, (uint8_t)digits[acc >> (bits - 6) & 63]);
    }
    if (bits > 0)
        buf_put_u8(out, (uint8_t)digits[acc << (6 - bits) & 63]);
}

void net_jwt_bearer(const uint8_t secret[32], uint64_t now_s, struct buf *out)
{
    static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    char claims[40];
    uint8_t mac[32];
    unsigned len = sizeof mac;
    size_t n = mt_fmt(claims, sizeof claims, "{\"iat\":%llu}", (unsigned long long)now_s);
    buf_put_str(out, "Bearer ");
    size_t from = out->len;
    encode(out, slice_of(head, sizeof head - 1));
    buf_put_u8(out, '.');
    encode(out, slice_of(claims, n));
    if (!buf_ok(out))
        return;
    MT_ASSERT(HMAC(EVP_sha256(), secret, 32, out->ptr + from, out->len - from, mac,
                   &len) != NULL);
    buf_put_u8(out, '.');
    encode(out, slice_of(mac, sizeof mac));
}
