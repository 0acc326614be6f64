/* u256: a table computed with Python's integers, and random operands against a second
 * implementation that divides bit by bit. */
#include "metis/base/u256.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum op {
    OP_mul,
    OP_div,
    OP_mod,
    OP_sdiv,
    OP_smod,
    OP_addmod,
    OP_mulmod,
    OP_exp,
    OP_add,
    OP_sub,
    OP_slt,
    OP_lt,
    OP_shl,
    OP_shr,
    OP_sar,
    OP_signextend,
    OP_byte,
    OP_bits,
};

struct u256_case {
    enum op op;
    u256 a, b, c, result;
};

#include "base_u256_table.h"

static u256 apply(const struct u256_case *t)
{
    switch (t->op) {
    case OP_mul:
        return u256_mul(t->a, t->b);
    case OP_div:
        return u256_div(t->a, t->b);
    case OP_mod:
        return u256_mod(t->a, t->b);
    case OP_sdiv:
        return u256_sdiv(t->a, t->b);
    case OP_smod:
        return u256_smod(t->a, t->b);
    case OP_addmod:
        return u256_addmod(t->a, t->b, t->c);
    case OP_mulmod:
        return u256_mulmod(t->a, t->b, t->c);
    case OP_exp:
        return u256_exp(t->a, t->b);
    case OP_add:
        return u256_add(t->a, t->b);
    case OP_sub:
        return u256_sub(t->a, t->b);
    case OP_slt:
        return u256_from(u256_slt(t->a, t->b));
    case OP_lt:
        return u256_from(u256_lt(t->a, t->b));
    case OP_shl:
        return u256_shl(t->a, u256_to_u64_sat(t->b));
    case OP_shr:
        return u256_shr(t->a, u256_to_u64_sat(t->b));
    case OP_sar:
        return u256_sar(t->a, u256_to_u64_sat(t->b));
    case OP_signextend:
        return u256_signextend(t->a, t->b);
    case OP_byte:
        return u256_byte(t->a, t->b);
    case OP_bits:
        return u256_from(u256_bits(t->a));
    }
    return U256_ZERO;
}

Test(base_u256, table)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(u256_cases); i++) {
        const struct u256_case *t = &u256_cases[i];
        u256 got = apply(t);
        cr_assert(u256_eq(got, t->result), "case %zu op %d a=%s b=%s c=%s got %s want %s",
                  i, (int)t->op, u256_hex(t->a).s, u256_hex(t->b).s, u256_hex(t->c).s,
                  u256_hex(got).s, u256_hex(t->result).s);
    }
}

static uint64_t rng_state;

static uint64_t next_random(void)
{
    rng_state += 0x9e3779b97f4a7c15u;
    uint64_t z = rng_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static u256 random_value(void)
{
    u256 v;
    uint64_t kinds = next_random();
    for (int i = 0; i < 4; i++, kinds >>= 3) {
        static const uint64_t edges[] = {0, UINT64_MAX, 1, (uint64_t)1 << 63};
        v.w[i] = (kinds & 4) != 0 ? next_random() : edges[kinds & 3];
    }
    return u256_shr(v, next_random() % 5 * 64 % 256);
}

/* n[0..8) mod m, one bit at a time. */
static u256 slow_mod(const uint64_t n[8], u256 m)
{
    u256 r = U256_ZERO;
    if (u256_is_zero(m))
        return r;
    for (int i = 511; i >= 0; i--) {
        bool top = r.w[3] >> 63;
        r = u256_shl(r, 1);
        r.w[0] |= n[i / 64] >> (i % 64) & 1;
        if (top || !u256_lt(r, m))
            r = u256_sub(r, m);
    }
    return r;
}

static void check_one(u256 a, u256 b, u256 m)
{
    uint64_t p[8];
    u256 rem, q = u256_divmod(a, b, &rem);
    if (!u256_is_zero(b)) {
        bool carry;
        uint64_t wide[8] = {a.w[0], a.w[1], a.w[2], a.w[3]};
        u256_mul_full(q, b, p);
        cr_assert((p[4] | p[5] | p[6] | p[7]) == 0);
        u256 back = u256_add_c((u256){{p[0], p[1], p[2], p[3]}}, rem, &carry);
        cr_assert(!carry && u256_eq(back, a) && u256_lt(rem, b));
        cr_assert(u256_eq(rem, slow_mod(wide, b)));
    }
    u256_mul_full(a, b, p);
    cr_assert(u256_eq(u256_mulmod(a, b, m), slow_mod(p, m)), "mulmod %s %s %s",
              u256_hex(a).s, u256_hex(b).s, u256_hex(m).s);
    cr_assert(u256_eq(u256_mul(a, b), (u256){{p[0], p[1], p[2], p[3]}}));
    bool over;
    u256_mul_o(a, b, &over);
    cr_assert_eq(over, (p[4] | p[5] | p[6] | p[7]) != 0);
}

Test(base_u256, random_against_bitwise)
{
    const char *given = getenv("METIS_SEED");
    rng_state = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    fprintf(stderr, "seed %llu\n", (unsigned long long)rng_state);
    for (int i = 0; i < 20000; i++)
        check_one(random_value(), random_value(), random_value());
}

Test(base_u256, text)
{
    u256 v;
    cr_assert_eq(u256_parse("0x0", 3, &v), MT_OK);
    cr_assert(u256_is_zero(v));
    const char *max = "115792089237316195423570985008687907853269984665640564039457584007"
                      "913129639935";
    cr_assert_eq(u256_parse(max, strlen(max), &v), MT_OK);
    cr_assert(u256_eq(v, U256_MAX));
    cr_assert_str_eq(u256_dec(v).s, max);
    char over[80];
    snprintf(over, sizeof over, "%s", max);
    over[strlen(over) - 1] = '6';
    cr_assert_eq(u256_parse(over, strlen(over), &v), MT_ELIMIT);
    cr_assert_eq(u256_parse("", 0, &v), MT_EDECODE);
    cr_assert_eq(u256_parse("0x", 2, &v), MT_EDECODE);
    cr_assert_eq(u256_parse("12a", 3, &v), MT_EDECODE);
    cr_assert_eq(u256_parse("-1", 2, &v), MT_EDECODE);
    cr_assert_eq(u256_parse("0xDeadBEEF", 10, &v), MT_OK);
    cr_assert_str_eq(u256_hex(v).s, "0xdeadbeef");
    cr_assert_str_eq(u256_dec(v).s, "3735928559");
    cr_assert_str_eq(u256_hex(U256_ZERO).s, "0x0");
    cr_assert_str_eq(u256_dec(U256_ZERO).s, "0");
    /* 10^38 + 7: groups of nineteen digits with inner zeros */
    const char *gaps = "100000000000000000000000000000000000007";
    cr_assert_eq(u256_parse(gaps, strlen(gaps), &v), MT_OK);
    cr_assert_str_eq(u256_dec(v).s, gaps);
}

Test(base_u256, big_endian)
{
    uint8_t b[32], in[3] = {1, 2, 3};
    cr_assert_str_eq(u256_hex(u256_load_be_n(in, 3)).s, "0x10203");
    cr_assert(u256_is_zero(u256_load_be_n(NULL, 0)));
    u256_store_be(u256_from(0x0102), b);
    cr_assert(b[31] == 2 && b[30] == 1 && b[29] == 0);
    cr_assert(u256_eq(u256_load_be(b), u256_from(0x0102)));
    cr_assert_eq(u256_to_u64_sat((u256){{5, 0, 1, 0}}), UINT64_MAX);
}
