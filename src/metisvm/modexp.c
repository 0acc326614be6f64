/* Precompile 0x05, MODEXP: EIP-198, repriced by EIP-2565 (Berlin) and EIP-7883 (Osaka),
 * bounded by EIP-7823 (Osaka).
 *
 *   input: length of base | length of exponent | length of modulus | base | exponent |
 * modulus
 *          32               32                   32                  zeros follow its end
 *
 * Before Osaka an exponent of many megabytes is cheap when the modulus is a byte or two.
 * But where it reaches past the end of the input the modulus behind it is zero, and so is
 * the result: only an exponent that is there in full is ever used, in place. */
#include "metisvm_int.h"

struct modexp_in {
    slice input;
    u256 base_len, exp_len, mod_len;
};

/* The n <= 32 bytes of input at off as a number; zeros past its end. */
static u256 number_at(slice input, u256 off, size_t n)
{
    uint8_t word[32] = {0};
    if (u256_is_u64(off) && off.w[0] < input.len)
        memcpy(word + 32 - n, input.ptr + off.w[0], MT_MIN(n, input.len - off.w[0]));
    return u256_load_be(word);
}

static struct modexp_in split(slice input)
{
    return (struct modexp_in){input, number_at(input, u256_from(0), 32),
                              number_at(input, u256_from(32), 32),
                              number_at(input, u256_from(64), 32)};
}

static mt_u128 complexity(enum fork fork, uint64_t len)
{
    mt_u128 x = len, words = ((mt_u128)len + 7) / 8;
    if (fork >= FORK_OSAKA)
        return len <= 32 ? 16 : 2 * words * words;
    if (fork >= FORK_BERLIN)
        return words * words;
    if (len <= 64)
        return x * x;
    if (len <= 1024)
        return x * x / 4 + 96 * x - 3072;
    return x * x / 16 + 480 * x - 199680;
}

/* How often the exponent's loop runs, from its length and first 32 bytes. */
static mt_u128 iterations(enum fork fork, const struct modexp_in *in)
{
    uint64_t len = in->exp_len.w[0]; /* the caller has bounded it */
    u256 at = u256_add(u256_from(96), in->base_len);
    unsigned bits = u256_bits(number_at(in->input, at, MT_MIN(len, 32)));
    mt_u128 n = bits == 0 ? 0 : bits - 1;
    if (len > 32)
        n += (mt_u128)(fork >= FORK_OSAKA ? 16 : 8) * (len - 32);
    return n == 0 ? 1 : n;
}

uint64_t modexp_gas(enum fork fork, slice input)
{
    struct modexp_in in = split(input);
    bool berlin = fork >= FORK_BERLIN, osaka = fork >= FORK_OSAKA;
    uint64_t least = osaka ? 500 : (berlin ? 200 : 0);
    u256 len = u256_lt(in.base_len, in.mod_len) ? in.mod_len : in.base_len;
    if (osaka && (!u256_is_u64(in.exp_len) || in.exp_len.w[0] > 1024 ||
                  !u256_is_u64(len) || len.w[0] > 1024))
        return UINT64_MAX; /* EIP-7823 */
    if (u256_is_zero(len) && !osaka)
        return least; /* no complexity, whatever the exponent */
    /* More than 2^32 bytes cost more gas than 64 bits hold, or nearly: 2^55 and up. */
    if (!u256_is_u64(len) || len.w[0] >> 32 != 0)
        return UINT64_MAX;
    if (!u256_is_u64(in.exp_len) || in.exp_len.w[0] >> 60 != 0)
        return UINT64_MAX;
    /* below 2^61 times 2^65 */
    mt_u128 c = complexity(fork, len.w[0]), n = iterations(fork, &in);
    mt_u128 gas = c * n / (osaka ? 1u : (berlin ? 3u : 20u));
    if (gas > UINT64_MAX)
        return UINT64_MAX;
    return MT_MAX((uint64_t)gas, least);
}

/* The len bytes at off, which lies in the input: there, or a copy when they reach past
 * its end. */
static mt_err padded(struct arena *arena, slice input, size_t off, size_t len, slice *out)
{
    size_t have = input.len - off;
    if (have >= len) {
        *out = slice_of(input.ptr + off, len);
        return MT_OK;
    }
    uint8_t *copy = arena_zalloc(arena, len, 1);
    if (copy == NULL)
        return MT_ELIMIT;
    memcpy(copy, input.ptr + off, have);
    *out = slice_of(copy, len);
    return MT_OK;
}

mt_err modexp_run(struct vm *vm, slice input, bool *ok)
{
    struct arena *arena = vm->env.arena;
    struct modexp_in in = split(input);
    *ok = true;
    if (u256_is_zero(in.mod_len))
        return MT_OK; /* no output */
    size_t mod_len = in.mod_len.w[0];
    MT_TRY(vm_ret_room(vm, mod_len));
    memset(vm->ret, 0, mod_len);
    u256 exp_at = u256_add(u256_from(96), in.base_len);
    u256 mod_at = u256_add(exp_at, in.exp_len);
    if (!u256_is_u64(mod_at) || mod_at.w[0] >= input.len)
        return MT_OK; /* the modulus is zero */
    struct arena_mark mark = arena_mark(arena);
    slice base = slice_of(input.ptr + 96, in.base_len.w[0]), mod;
    slice exp = slice_of(input.ptr + exp_at.w[0], in.exp_len.w[0]);
    mt_err err = padded(arena, input, mod_at.w[0], mod_len, &mod);
    if (err == MT_OK)
        err = vm->env.crypto->modexp(base, exp, mod, vm->ret, arena);
    *ok = err != MT_ECRYPTO;
    arena_rewind(arena, mark);
    return err == MT_ECRYPTO ? MT_OK : err;
}
