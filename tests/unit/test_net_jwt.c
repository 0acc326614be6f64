/* Tokens of the private listener: what is taken, and that nothing else is. Tokens are put
 * together here with OpenSSL's own base64 and HMAC; the two that are written out are by
 * Python's hmac and Node's crypto. */
#include "net_int.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NOW  UINT64_C(1700000000)
#define HEAD "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static const char VALUE[] =
    "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDB9."
    "uAxdaUtr1_HpYPtNDLNlQ_sHMiP5eBV-ra8EjL3ScS8";
static const char VALUE_0[] = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjB9."
                              "EOp_CqLEmwdr3t5CFW_alucgMpie_ViZSQo8NwVsfss";

/* 0, 1, 2, … 31 */
static const uint8_t *secret(void)
{
    static uint8_t s[32];
    for (unsigned i = 0; i < sizeof s; i++)
        s[i] = (uint8_t)i;
    return s;
}

/* base64url without padding. */
static size_t b64(char *out, const void *in, size_t len)
{
    size_t n = (size_t)EVP_EncodeBlock((uint8_t *)out, in, (int)len);
    while (n > 0 && out[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    out[n] = 0;
    return n;
}

static char made[16384];

/* A whole value; md: what it is signed with. */
static const char *make(const char *head, const char *claims, const EVP_MD *md)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len;
    memcpy(made, "Bearer ", 7);
    size_t n = 7 + b64(made + 7, head, strlen(head));
    made[n++] = '.';
    n += b64(made + n, claims, strlen(claims));
    HMAC(md, secret(), 32, (uint8_t *)made + 7, n - 7, mac, &mac_len);
    made[n++] = '.';
    b64(made + n, mac, mac_len);
    return made;
}

static bool ok_at(const char *value, uint64_t now_s)
{
    /* in memory of its own, so that reading past the end shows */
    size_t n = strlen(value);
    char *copy = mt_alloc(n + 1);
    memcpy(copy, value, n);
    bool ok = jwt_bearer_ok(secret(), slice_of(copy, n), now_s);
    mt_free(copy);
    return ok;
}

static bool ok_claims(const char *claims)
{
    return ok_at(make(HEAD, claims, EVP_sha256()), NOW);
}

static bool ok_head(const char *head)
{
    return ok_at(make(head, "{\"iat\":1700000000}", EVP_sha256()), NOW);
}

Test(net_jwt, what_other_implementations_sign_is_taken)
{
    cr_assert(ok_at(VALUE, NOW));
    cr_assert(ok_at(VALUE_0, 0));
    cr_assert(ok_at(VALUE_0, 60));
    cr_assert_str_eq(make(HEAD, "{\"iat\":1700000000}", EVP_sha256()), VALUE);
}

Test(net_jwt, what_is_made_is_what_others_make)
{
    struct buf b;
    buf_init(&b, 4096);
    net_jwt_bearer(secret(), NOW, &b);
    cr_assert_eq(b.len, sizeof VALUE - 1);
    cr_assert_arr_eq(b.ptr, VALUE, b.len);
    buf_reset(&b);
    net_jwt_bearer(secret(), 0, &b);
    cr_assert_eq(b.len, sizeof VALUE_0 - 1);
    cr_assert_arr_eq(b.ptr, VALUE_0, b.len);
    buf_fini(&b);
}

Test(net_jwt, every_changed_character_is_seen)
{
    char value[sizeof VALUE];
    for (size_t i = 0; i < sizeof VALUE - 1; i++) {
        for (const char *c = "AQgw08-_.=+ \x80"; *c != 0; c++) {
            memcpy(value, VALUE, sizeof VALUE);
            if (value[i] == *c)
                continue;
            value[i] = *c;
            cr_assert_not(ok_at(value, NOW), "position %zu: %s", i, value);
        }
    }
}

Test(net_jwt, every_part_of_a_token_alone_is_refused)
{
    char value[sizeof VALUE + 8];
    for (size_t n = 0; n < sizeof VALUE - 1; n++) {
        memcpy(value, VALUE, n);
        value[n] = 0;
        cr_assert_not(ok_at(value, NOW), "%zu bytes", n);
    }
    const char *more[] = {"A", ".", "=", " ", "\n", ".A"};
    for (size_t i = 0; i < MT_ARRAY_LEN(more); i++) {
        mt_fmt(value, sizeof value, "%s%s", VALUE, more[i]);
        cr_assert_not(ok_at(value, NOW), "with \"%s\" after it", more[i]);
    }
    cr_assert_not(ok_at("Bearer ..", NOW));
    cr_assert_not(ok_at("Basic dXNlcjpwYXNz", NOW));
}

Test(net_jwt, only_hs256_is_an_algorithm)
{
    cr_assert(ok_head("{\"alg\":\"HS256\"}"));
    cr_assert(ok_head("{ \"typ\" : \"JWT\", \"kid\": 7, \"alg\" : \"HS256\" }"));
    const char *heads[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":null}",
        "{\"alg\":256}",
        "{\"alg\":[\"HS256\"]}",
        "{\"typ\":\"JWT\"}",
        "{}",
        "[]",
        "\"HS256\"",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\\u0000\"}",
        "{\"alg\":\"HS256\"}x",
        "{\"alg\":\"HS256\xff\"}",
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(heads); i++)
        cr_assert_not(ok_head(heads[i]), "%s", heads[i]);
    /* an unsigned one, with and without the dot, and one signed with SHA-512 */
    char *value =
        strdup(make("{\"alg\":\"none\"}", "{\"iat\":1700000000}", EVP_sha256()));
    *(strrchr(value, '.') + 1) = 0;
    cr_assert_not(ok_at(value, NOW));
    *strrchr(value, '.') = 0;
    cr_assert_not(ok_at(value, NOW));
    free(value);
    cr_assert_not(ok_at(make(HEAD, "{\"iat\":1700000000}", EVP_sha512()), NOW));
    cr_assert_not(
        ok_at(make("{\"alg\":\"HS512\"}", "{\"iat\":1700000000}", EVP_sha512()), NOW));
}

Test(net_jwt, issued_within_a_minute)
{
    cr_assert(ok_at(VALUE, NOW - 60));
    cr_assert(ok_at(VALUE, NOW + 60));
    cr_assert_not(ok_at(VALUE, NOW - 61), "from the future");
    cr_assert_not(ok_at(VALUE, NOW + 61), "too old");
    cr_assert_not(ok_at(VALUE, 0));
    cr_assert_not(ok_at(VALUE_0, NOW));
    const char *bad[] = {
        "{}",
        "{\"iat\":null}",
        "{\"iat\":\"1700000000\"}",
        "{\"iat\":1700000000.0}",
        "{\"iat\":1.7e9}",
        "{\"iat\":true}",
        "{\"iat\":-1700000000}",
        "{\"iat\":[1700000000]}",
        "{\"iat\":9223372036854775807}",
        "{\"iat\":-9223372036854775808}",
        "{\"iat\":18446744073709551615}",
        "{\"iat\":1700000000",
        "1700000000",
        "",
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(bad); i++)
        cr_assert_not(ok_claims(bad[i]), "%s", bad[i]);
}

Test(net_jwt, an_end_is_kept_when_there_is_one)
{
    cr_assert(ok_claims("{\"iat\":1700000000,\"exp\":1700000001}"));
    cr_assert(ok_claims("{\"iat\":1700000000,\"exp\":9223372036854775807,\"id\":\"a\"}"));
    const char *bad[] = {
        "{\"iat\":1700000000,\"exp\":1700000000}",
        "{\"iat\":1700000000,\"exp\":1699999999}",
        "{\"iat\":1700000000,\"exp\":0}",
        "{\"iat\":1700000000,\"exp\":\"1700000100\"}",
        "{\"iat\":1700000000,\"exp\":1700000100.5}",
        "{\"iat\":1700000000,\"exp\":null}",
        "{\"exp\":1700000100}",
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(bad); i++)
        cr_assert_not(ok_claims(bad[i]), "%s", bad[i]);
}

/* A value of just n bytes; 0 when base64 has no such length. */
static const char *make_of_size(size_t n)
{
    static char claims[8192];
    for (size_t pad = 1; pad < sizeof claims - 64; pad++) {
        mt_fmt(claims, sizeof claims, "{\"iat\":1700000000,\"pad\":\"%*s\"}", (int)pad,
               "x");
        const char *value = make(HEAD, claims, EVP_sha256());
        if (strlen(value) >= n)
            return strlen(value) == n ? value : NULL;
    }
    return NULL;
}

Test(net_jwt, long_ones_are_refused_unread)
{
    const char *value = NULL;
    size_t n = 4096;
    while ((value = make_of_size(n)) == NULL)
        n--;
    cr_assert_geq(n, 4094);
    cr_assert(ok_at(value, NOW), "%zu bytes are taken", n);
    n = 4097;
    while ((value = make_of_size(n)) == NULL)
        n++;
    cr_assert_leq(n, 4099);
    cr_assert_not(ok_at(value, NOW), "%zu bytes are not", n);
}

Test(net_jwt, another_secret_is_another_signature)
{
    uint8_t other[32];
    for (unsigned bit = 0; bit < 256; bit++) {
        memcpy(other, secret(), 32);
        other[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(jwt_bearer_ok(other, slice_of(VALUE, sizeof VALUE - 1), NOW));
    }
}
