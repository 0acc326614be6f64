/* Modular exponentiation of EIP-198 by GMP.
 *
 * The three numbers become limb arrays in the caller's arena, which GMP reads in place.
 * GMP takes its own working space from the heap: at most the window table of mpz_powm
 * plus a few products. As much is reserved in the arena first, so that the arena's cap
 * bounds both. */
#include "crypto_int.h"

#include <gmp.h>

static slice strip(slice s)
{
    while (s.len != 0 && s.ptr[0] == 0) {
        s.ptr++;
        s.len--;
    }
    return s;
}

/* A read-only mpz over limbs in the arena; false when the arena is full. */
static bool view(mpz_t z, slice s, struct arena *arena)
{
    size_t limbs = s.len / 8 + 1;
    mp_limb_t *l = arena_alloc(arena, limbs * sizeof *l);
    if (l == NULL)
        return false;
    memset(l, 0, limbs * sizeof *l);
    for (size_t i = 0; i < s.len; i++)
        l[i / 8] |= (mp_limb_t)s.ptr[s.len - 1 - i] << (8 * (i % 8));
    mpz_roinit_n(z, l, (mp_size_t)limbs);
    return true;
}

/* Window table: 2^(k-1) residues, where k grows with the logarithm of the exponent's
 * bits. */
static size_t working_space(size_t mod_len, size_t exp_len, size_t base_len)
{
    size_t window = 16, bits = exp_len;
    for (; bits > 8 && window < 1024; bits /= 3)
        window *= 2;
    return (window + 8) * (mod_len + 8) + 2 * base_len;
}

mt_err modexp_gmp(slice base, slice exp, slice mod, uint8_t *out, struct arena *scratch)
{
    struct arena_mark mark = arena_mark(scratch);
    mt_err err = MT_ELIMIT;
    slice b = strip(base), e = strip(exp), m = strip(mod);
    mpz_t zb, ze, zm, r;
    size_t space = working_space(m.len, e.len, b.len), len = 0;
    if (mod.len == 0)
        return MT_OK;
    if (m.len == 0 || (m.len == 1 && m.ptr[0] == 1)) {
        memset(out, 0, mod.len);
        return MT_OK;
    }
    if (arena_alloc(scratch, space) == NULL)
        goto out;
    arena_rewind(scratch, mark);
    if (!view(zb, b, scratch) || !view(ze, e, scratch) || !view(zm, m, scratch))
        goto out;
    mpz_init(r);
    mpz_powm(r, zb, ze, zm);
    memset(out, 0, mod.len);
    if (mpz_sgn(r) != 0) {
        len = (mpz_sizeinbase(r, 2) + 7) / 8;
        mpz_export(out + mod.len - len, NULL, 1, 1, 1, 0, r);
    }
    mpz_clear(r);
    err = MT_OK;
out:
    arena_rewind(scratch, mark);
    return err;
}
