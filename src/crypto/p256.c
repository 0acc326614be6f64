/* ECDSA verification on secp256r1 (EIP-7951) by OpenSSL.
 *
 * The equation of FIPS 186-4 section 6.4 is written out over the group functions, which
 * take a constant group: one group made at first use serves all threads, and the raw
 * coordinates need no key object. Past the checks of the input OpenSSL can only fail for
 * want of memory, which aborts as mt_alloc does. */
#include "crypto_int.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

static EC_GROUP *group_get(void)
{
    static EC_GROUP *group;
    EC_GROUP *g = __atomic_load_n(&group, __ATOMIC_ACQUIRE), *seen = NULL;
    if (g != NULL)
        return g;
    g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    MT_ASSERT(g != NULL);
    if (!__atomic_compare_exchange_n(&group, &seen, g, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        EC_GROUP_free(g);
        g = seen;
    }
    return g;
}

struct work {
    BN_CTX *ctx;
    EC_POINT *q;
    BIGNUM *e, *r, *s, *x, *y, *w, *p;
};

static bool in_range(const BIGNUM *v, const BIGNUM *n)
{
    return !BN_is_zero(v) && BN_cmp(v, n) < 0;
}

static bool verify(const EC_GROUP *g, struct work *k)
{
    const BIGNUM *n = EC_GROUP_get0_order(g);
    MT_ASSERT(EC_GROUP_get_curve(g, k->p, NULL, NULL, k->ctx) == 1);
    if (!in_range(k->r, n) || !in_range(k->s, n))
        return false;
    if (BN_cmp(k->x, k->p) >= 0 || BN_cmp(k->y, k->p) >= 0)
        return false;
    /* Refuses points off the curve, hence (0, 0) as well. */
    if (EC_POINT_set_affine_coordinates(g, k->q, k->x, k->y, k->ctx) != 1)
        return false;
    MT_ASSERT(BN_mod_inverse(k->w, k->s, n, k->ctx) != NULL);
    MT_ASSERT(BN_mod_mul(k->x, k->e, k->w, n, k->ctx) == 1);
    MT_ASSERT(BN_mod_mul(k->y, k->r, k->w, n, k->ctx) == 1);
    MT_ASSERT(EC_POINT_mul(g, k->q, k->x, k->q, k->y, k->ctx) == 1);
    if (EC_POINT_is_at_infinity(g, k->q))
        return false;
    MT_ASSERT(EC_POINT_get_affine_coordinates(g, k->q, k->x, NULL, k->ctx) == 1);
    MT_ASSERT(BN_nnmod(k->x, k->x, n, k->ctx) == 1);
    return BN_cmp(k->x, k->r) == 0;
}

void p256_verify(const uint8_t in[160], bool *valid)
{
    const EC_GROUP *g = group_get();
    struct work k = {.ctx = BN_CTX_new(), .q = EC_POINT_new(g)};
    MT_ASSERT(k.ctx != NULL && k.q != NULL);
    BN_CTX_start(k.ctx);
    k.e = BN_CTX_get(k.ctx);
    k.r = BN_CTX_get(k.ctx);
    k.s = BN_CTX_get(k.ctx);
    k.x = BN_CTX_get(k.ctx);
    k.y = BN_CTX_get(k.ctx);
    k.w = BN_CTX_get(k.ctx);
    k.p = BN_CTX_get(k.ctx);
    MT_ASSERT(k.p != NULL);
    MT_ASSERT(BN_bin2bn(in, 32, k.e) != NULL && BN_bin2bn(in + 32, 32, k.r) != NULL &&
              BN_bin2bn(in + 64, 32, k.s) != NULL &&
              BN_bin2bn(in + 96, 32, k.x) != NULL &&
              BN_bin2bn(in + 128, 32, k.y) != NULL);
    *valid = verify(g, &k);
    BN_CTX_end(k.ctx);
    BN_CTX_free(k.ctx);
    EC_POINT_free(k.q);
}
