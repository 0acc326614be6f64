/* Precompile 0x05, MODEXP: EIP-198, repriced by EIP-2565 (Berlin) and EIP-7883 (Osaka),
 * bounded by EIP-7823 (Osaka).
 *
 *   input: length of base | length of exponent | length of modulus | base | exponent | modulus
 *          32               32                   32                  zeros follow its end
 *
 * Before Osaka an exponent of many megabytes is cheap when the modulus is a byte or two. It
 * can only be zeros past the end of the input, so that part is not laid out in memory:
 * b^(e * 256^k) = (b^e)^(256^k), done in pieces of at most 1 KiB. */
#include "metisvm_int.h"

#define ZEROS_MAX 1024u

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

/* How often the loop over the exponent's bits runs, from its length and first 32 bytes. */
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
    mt_u128 c = complexity(fork, len.w[0]), n = iterations(fork, &in);
    if (n > ((mt_u128)UINT64_MAX << 6) / c)
        return UINT64_MAX;
    mt_u128 gas = c * n / (osaka ? 1 : (berlin ? 3 : 20));
    if (gas > UINT64_MAX)
        return UINT64_MAX;
    return MT_MAX((uint64_t)gas, least);
}

/* The len bytes at off: the input itself where it reaches, else a padded copy. */
static mt_err operand(struct arena *arena, slice input, u256 off, size_t len, slice *out)
{
    static const uint8_t none;
    *out = slice_of(&none, 0);
    if (len == 0)
        return MT_OK;
    size_t have = u256_is_u64(off) && off.w[0] < input.len ? input.len - off.w[0] : 0;
    if (have >= len) {
        *out = slice_of(input.ptr + off.w[0], len);
        return MT_OK;
    }
    uint8_t *copy = arena_zalloc(arena, len, 1);
    if (copy == NULL)
        return MT_ELIMIT;
    if (have != 0)
        memcpy(copy, input.ptr + off.w[0], have);
    *out = slice_of(copy, len);
    return MT_OK;
}

/* out^(256^zeros) mod m, in place. */
static mt_err raise_by_zeros(const struct crypto_ops *ops, uint8_t *out, slice mod,
                             uint64_t zeros, struct arena *arena)
{
    static const uint8_t power[1 + ZEROS_MAX] = {1};
    uint8_t *base = arena_alloc(arena, mod.len);
    if (base == NULL)
        return MT_ELIMIT;
    while (zeros != 0) {
        size_t n = (size_t)MT_MIN(zeros, ZEROS_MAX);
        struct arena_mark mark = arena_mark(arena);
        memcpy(base, out, mod.len);
        MT_TRY(ops->modexp(slice_of(base, mod.len), slice_of(power, 1 + n), mod, out,
                           arena));
        arena_rewind(arena, mark);
        zeros -= n;
    }
    return MT_OK;
}

mt_err modexp_run(struct vm *vm, slice input, bool *ok)
{
    struct arena *arena = vm->env.arena;
    struct modexp_in in = split(input);
    *ok = true;
    if (u256_is_zero(in.mod_len))
        return MT_OK; /* no output */
    size_t base_len = in.base_len.w[0], mod_len = in.mod_len.w[0];
    uint64_t exp_len = in.exp_len.w[0];
    MT_TRY(vm_ret_room(vm, mod_len));
    struct arena_mark mark = arena_mark(arena);
    u256 exp_at = u256_add(u256_from(96), in.base_len);
    u256 mod_at = u256_add(exp_at, in.exp_len);
    slice base, exp, mod;
    size_t past =
        u256_is_u64(exp_at) && exp_at.w[0] < input.len ? input.len - exp_at.w[0] : 0;
    uint64_t written = MT_MIN(exp_len, past); /* of the exponent */
    MT_TRY(operand(arena, input, u256_from(96), base_len, &base));
    MT_TRY(operand(arena, input, exp_at, written, &exp));
    MT_TRY(operand(arena, input, mod_at, mod_len, &mod));
    mt_err err = vm->env.crypto->modexp(base, exp, mod, vm->ret, arena);
    /* An exponent of zeros only is 0 and stays so; 1 to any power is 1. */
    if (err == MT_OK && written != 0 && exp_len > written)
        err = raise_by_zeros(vm->env.crypto, vm->ret, mod, exp_len - written, arena);
    if (err == MT_ECRYPTO) {
        *ok = false;
        err = MT_OK;
    }
    arena_rewind(arena, mark);
    return err;
}
