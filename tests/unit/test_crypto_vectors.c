/* Curves, pairings, KZG and modexp against tests/vectors/crypto/<topic>.txt, made by
 * tests/vectors/crypto.py from independent implementations: `operation input expected`.
 */
#include "bn254_int.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES (64 * 1024)

struct vector {
    const char *op;
    slice in;
    slice want;
    bool fail; /* the operation must refuse */
};

struct result {
    uint8_t bytes[1024];
    size_t len;
};

typedef mt_err (*run_fn)(const struct vector *v, struct result *r, struct arena *scratch);

static slice unhex(char *text, uint8_t *mem)
{
    size_t len = 0;
    if (strcmp(text, "-") == 0)
        return slice_of(mem, 0);
    cr_assert_eq(hex_decode(text, strlen(text), mem, LINE_MAX_BYTES, &len), MT_OK);
    return slice_of(mem, len);
}

static void run_file(const char *topic, run_fn run, size_t rows_min)
{
    static char line[LINE_MAX_BYTES];
    static uint8_t in[LINE_MAX_BYTES], want[LINE_MAX_BYTES];
    char path[512];
    size_t rows = 0;
    struct arena scratch;
    FILE *f;
    arena_init(&scratch, 8 << 20);
    mt_fmt(path, sizeof path, "%s/tests/vectors/crypto/%s.txt", METIS_SOURCE_DIR, topic);
    f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    while (fgets(line, sizeof line, f) != NULL) {
        char *save, *op = strtok_r(line, " \n", &save);
        char *text = strtok_r(NULL, " \n", &save), *expect = strtok_r(NULL, " \n", &save);
        struct vector v = {.op = op, .fail = strcmp(expect, "fail") == 0};
        struct result r = {.len = 0};
        mt_err err;
        char flag[3] = {'0', expect[0], '\0'};
        rows++;
        v.in = unhex(text, in);
        if (!v.fail)
            v.want = unhex(strlen(expect) == 1 && expect[0] != '-' ? flag : expect, want);
        memset(r.bytes, 0xee, sizeof r.bytes);
        err = run(&v, &r, &scratch);
        if (v.fail) {
            cr_expect(err == MT_ECRYPTO, "%s line %zu: %s not refused (%d)", topic, rows,
                      op, (int)err);
            cr_expect(r.bytes[0] == 0xee, "%s line %zu: output on failure", topic, rows);
            continue;
        }
        cr_expect(err == MT_OK, "%s line %zu: %s fails", topic, rows, op);
        cr_expect(slice_eq(slice_of(r.bytes, r.len), v.want), "%s line %zu: %s differs",
                  topic, rows, op);
    }
    fclose(f);
    arena_fini(&scratch);
    cr_assert_geq(rows, rows_min);
}

/* A verdict as one byte. */
static void put_flag(struct result *r, mt_err err, bool flag)
{
    if (err != MT_OK)
        return;
    r->bytes[0] = flag;
    r->len = 1;
}

static mt_err run_bn254(const struct vector *v, struct result *r, struct arena *scratch)
{
    const struct crypto_ops *ops = crypto_native();
    bool flag = false;
    mt_err err;
    (void)scratch;
    if (strcmp(v->op, "pairing") == 0) {
        err = ops->bn254_pairing(v->in, &flag);
        put_flag(r, err, flag);
        return err;
    }
    r->len = 64;
    if (strcmp(v->op, "add") == 0)
        return ops->bn254_add(v->in.ptr, v->in.ptr + 64, r->bytes);
    cr_assert_str_eq(v->op, "mul");
    return ops->bn254_mul(v->in.ptr, v->in.ptr + 64, r->bytes);
}

Test(crypto_vectors, bn254)
{
    cr_assert_eq(crypto_init(), MT_OK);
    run_file("bn254", run_bn254, 150);
}

/* The products without MULX and ADX. */
Test(crypto_vectors, bn254_general)
{
    cr_assert_not(bn254_setup(false));
    run_file("bn254", run_bn254, 150);
}

/* a * (1 / a) = 1 for the small, the large, powers of two and many others. */
Test(crypto_vectors, bn254_inverse)
{
    uint8_t bytes[32];
    fp a, inv, zero = {{0}};
    fp_inv(&inv, &zero);
    cr_expect(fp_is_zero(&inv));
    for (uint32_t i = 0; i < 3000; i++) {
        memset(bytes, 0, 32);
        if (i < 254) {
            bytes[31 - i / 8] = (uint8_t)(1u << (i % 8));
        } else {
            hash32 h = keccak256(&i, sizeof i);
            memcpy(bytes + i % 32, h.b, 32 - i % 32);
            bytes[0] &= 0x1f;
        }
        if (!fp_load(&a, bytes) || fp_is_zero(&a))
            continue;
        if (i % 2 != 0)
            fp_neg(&a, &a);
        fp_inv(&inv, &a);
        fp_mul(&inv, &inv, &a);
        cr_assert(fp_eq(&inv, &fp_one), "round %u", i);
        /* and the element whose stored form is that number */
        a = (fp){{load_be64(bytes + 24), load_be64(bytes + 16), load_be64(bytes + 8),
                  load_be64(bytes)}};
        fp_inv(&inv, &a);
        fp_mul(&inv, &inv, &a);
        cr_assert(fp_eq(&inv, &fp_one), "stored form, round %u", i);
    }
}

static mt_err run_bls(const struct vector *v, struct result *r, struct arena *scratch)
{
    const struct crypto_ops *ops = crypto_native();
    const uint8_t *in = v->in.ptr;
    bool flag = false;
    mt_err err;
    r->len = v->op[1] == '1' || strcmp(v->op, "map_g1") == 0 ? 128 : 256;
    if (strcmp(v->op, "g1_add") == 0)
        return ops->bls_g1_add(in, r->bytes);
    if (strcmp(v->op, "g2_add") == 0)
        return ops->bls_g2_add(in, r->bytes);
    if (strcmp(v->op, "g1_msm") == 0)
        return ops->bls_g1_msm(v->in, r->bytes, scratch);
    if (strcmp(v->op, "g2_msm") == 0)
        return ops->bls_g2_msm(v->in, r->bytes, scratch);
    if (strcmp(v->op, "map_g1") == 0)
        return ops->bls_map_g1(in, r->bytes);
    if (strcmp(v->op, "map_g2") == 0)
        return ops->bls_map_g2(in, r->bytes);
    cr_assert_str_eq(v->op, "pairing");
    err = ops->bls_pairing(v->in, &flag);
    put_flag(r, err, flag);
    return err;
}

static mt_err run_kzg(const struct vector *v, struct result *r, struct arena *scratch)
{
    mt_err err = crypto_native()->kzg_point_evaluation(v->in.ptr);
    (void)scratch;
    put_flag(r, err, true);
    return err;
}

#ifndef METIS_NO_KZG
Test(crypto_vectors, bls)
{
    cr_assert_eq(crypto_init(), MT_OK);
    run_file("bls", run_bls, 100);
}

Test(crypto_vectors, kzg)
{
    cr_assert_eq(crypto_init(), MT_OK);
    run_file("kzg", run_kzg, 60);
}

/* The same term many times crosses the chunk of the bucket method: 1500 * 3 = 4500. */
Test(crypto_vectors, bls_msm_chunks)
{
    const struct crypto_ops *ops = crypto_native();
    static uint8_t in[1500 * 288];
    uint8_t term[288] = {0}, many[256], one[256];
    struct arena scratch;
    arena_init(&scratch, 8 << 20);
    /* Any point of the group: the image of 1. */
    memset(in, 0, 128);
    in[63] = 1;
    cr_assert_eq(ops->bls_map_g1(in, term), MT_OK);
    term[159] = 3;
    for (size_t i = 0; i < 1500; i++)
        memcpy(in + 160 * i, term, 160);
    cr_assert_eq(ops->bls_g1_msm(slice_of(in, 1500 * 160), many, &scratch), MT_OK);
    term[158] = 4500 >> 8;
    term[159] = 4500 & 255;
    cr_assert_eq(ops->bls_g1_msm(slice_of(term, 160), one, &scratch), MT_OK);
    cr_expect_arr_eq(many, one, 128);

    memset(in, 0, 128);
    in[63] = 1;
    memset(term, 0, sizeof term);
    cr_assert_eq(ops->bls_map_g2(in, term), MT_OK);
    term[287] = 3;
    for (size_t i = 0; i < 1500; i++)
        memcpy(in + 288 * i, term, 288);
    cr_assert_eq(ops->bls_g2_msm(slice_of(in, 1500 * 288), many, &scratch), MT_OK);
    term[286] = 4500 >> 8;
    term[287] = 4500 & 255;
    cr_assert_eq(ops->bls_g2_msm(slice_of(term, 288), one, &scratch), MT_OK);
    cr_expect_arr_eq(many, one, 256);
    cr_expect_eq(scratch.size <= 8 << 20, true);
    arena_fini(&scratch);
}

Test(crypto_vectors, bls_msm_arena_cap)
{
    uint8_t in[160] = {0}, out[128];
    struct arena scratch;
    arena_init(&scratch, 64);
    cr_expect_eq(crypto_native()->bls_g1_msm(slice_of(in, 160), out, &scratch),
                 MT_ELIMIT);
    arena_fini(&scratch);
}

/* The constant is the second G2 point of the published set-up. */
Test(crypto_vectors, kzg_constant)
{
    slice text = kzg_setup_text_get();
    const char *p = (const char *)text.ptr, *end = p + text.len;
    char hex[193];
    /* Two counts, 4096 points of G1, then those of G2: one token a line. */
    for (size_t line = 0; line < 2 + 4096 + 1; line++) {
        p = memchr(p, '\n', (size_t)(end - p));
        cr_assert_not_null(p);
        p++;
    }
    cr_assert_gt(end - p, 192);
    hex[hex_encode(slice_of(kzg_tau_g2, 96), hex), 192] = '\0';
    cr_expect_eq(memcmp(p, hex, 192), 0);
    cr_expect_eq(p[192], '\n');
}
#else
Test(crypto_vectors, unsupported)
{
    uint8_t in[512] = {0}, out[256];
    bool flag;
    const struct crypto_ops *ops = crypto_native();
    (void)run_bls, (void)run_kzg;
    cr_expect_eq(ops->bls_g1_add(in, out), MT_EUNSUPPORTED);
    cr_expect_eq(ops->bls_pairing(slice_of(in, 384), &flag), MT_EUNSUPPORTED);
    cr_expect_eq(ops->kzg_point_evaluation(in), MT_EUNSUPPORTED);
}
#endif

static mt_err run_p256(const struct vector *v, struct result *r, struct arena *scratch)
{
    bool valid = false;
    (void)scratch;
    crypto_native()->p256_verify(v->in.ptr, &valid);
    put_flag(r, MT_OK, valid);
    return MT_OK;
}

Test(crypto_vectors, p256)
{
    run_file("p256", run_p256, 30);
}

/* The input is that of EIP-198: three lengths, then the numbers. */
static mt_err run_modexp(const struct vector *v, struct result *r, struct arena *scratch)
{
    size_t len[3];
    slice part[3];
    const uint8_t *p = v->in.ptr + 96;
    for (int i = 0; i < 3; i++) {
        len[i] = (size_t)load_be64(v->in.ptr + 32 * i + 24);
        part[i] = slice_of(p, len[i]);
        p += len[i];
    }
    r->len = len[2];
    return crypto_native()->modexp(part[0], part[1], part[2], r->bytes, scratch);
}

Test(crypto_vectors, modexp)
{
    run_file("modexp", run_modexp, 60);
}

Test(crypto_vectors, modexp_arena_cap)
{
    uint8_t big[512], out[512];
    struct arena scratch;
    memset(big, 0xff, sizeof big);
    arena_init(&scratch, 4096);
    cr_expect_eq(crypto_native()->modexp(slice_of(big, 512), slice_of(big, 512),
                                         slice_of(big, 512), out, &scratch),
                 MT_ELIMIT);
    arena_fini(&scratch);
}

static mt_err run_keccak(const struct vector *v, struct result *r, struct arena *scratch)
{
    hash32 h = keccak256(v->in.ptr, v->in.len);
    (void)scratch;
    memcpy(r->bytes, h.b, 32);
    r->len = 32;
    return MT_OK;
}

Test(crypto_vectors, keccak)
{
    run_file("keccak", run_keccak, 20);
}
