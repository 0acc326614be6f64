/* The file of a witness: what is written is read, and what is not one is refused. */
#include "metis/stf.h"

#include <criterion/criterion.h>

static struct arena arena;

static void setup(void)
{
    cr_assert_eq(crypto_init(), MT_OK);
    arena_init(&arena, 1u << 22);
}

static void teardown(void)
{
    arena_fini(&arena);
}

TestSuite(stf_witness, .init = setup, .fini = teardown);

Test(stf_witness, rules_of_every_fork)
{
    for (unsigned f = 0; f < FORK_COUNT; f++) {
        struct chain_spec spec, back;
        struct buf b, again;
        chain_spec_for_fork((enum fork)f, 1088 + f, &spec);
        spec.metis = f % 2 == 0;
        spec.fixed_coinbase = f % 3 == 0;
        spec.code_senders = f % 5 == 0;
        memset(spec.coinbase.b, (int)f + 1, 20);
        buf_init_arena(&b, &arena, 1u << 16);
        buf_init_arena(&again, &arena, 1u << 16);
        stf_spec_encode(&spec, &b);
        cr_assert_eq(stf_spec_decode(buf_slice(&b), &back, NULL), MT_OK);
        stf_spec_encode(&back, &again);
        cr_assert(slice_eq(buf_slice(&b), buf_slice(&again)));
        cr_assert_eq(back.chain_id, 1088 + f);
        cr_assert_eq(back.metis, f % 2 == 0);
        cr_assert_eq(back.fixed_coinbase, f % 3 == 0);
        cr_assert_eq(back.code_senders, f % 5 == 0);
        cr_assert(address_eq(&back.coinbase, &spec.coinbase));
        for (unsigned i = 0; i < FORK_COUNT; i++) {
            cr_assert_eq(back.fork_at[i], spec.fork_at[i], "fork %u", i);
            if (spec.fork_at[i] != FORK_NEVER)
                cr_assert_eq(back.blobs[i].max, spec.blobs[i].max, "fork %u", i);
        }
    }
}

Test(stf_witness, parts_by_their_hash)
{
    struct chain_spec spec;
    struct stf_input in;
    struct buf b;
    const uint8_t node[40] = {1, 2, 3}, code[3] = {0x60, 0, 0}, header[2] = {0xc1, 0x80};
    slice headers[] = {slice_of(header, 2)}, nodes[] = {slice_of(node, 40)},
          codes[] = {slice_of(code, 3)}, found;
    chain_spec_for_fork(FORK_CANCUN, 1, &spec);
    buf_init_arena(&b, &arena, 1u << 16);
    stf_input_encode(&spec, slice_of(header, 2), headers, 1, nodes, 1, codes, 1, &b);
    cr_assert_eq(stf_input_decode(buf_slice(&b), &arena, &in, NULL), MT_OK);
    /* the hash a result carries is that of the file's rules */
    struct buf rules;
    buf_init_arena(&rules, &arena, 1u << 16);
    stf_spec_encode(&spec, &rules);
    hash32 want = keccak256(rules.ptr, rules.len);
    cr_assert(hash32_eq(&in.spec_hash, &want));
    struct stf_source s = stf_input_source(&in);
    hash32 node_hash = keccak256(node, 40), code_hash = keccak256(code, 3),
           header_hash = keccak256(header, 2);
    cr_assert_eq(s.node(s.ctx, NULL, NULL, 0, &node_hash, &found), MT_OK);
    cr_assert(slice_eq(found, nodes[0]));
    cr_assert_eq(s.code(s.ctx, &code_hash, &found), MT_OK);
    cr_assert(slice_eq(found, codes[0]));
    cr_assert_eq(s.header(s.ctx, &header_hash, &found), MT_OK);
    cr_assert(slice_eq(found, headers[0]));
    /* Kinds do not mix. */
    cr_assert_eq(s.code(s.ctx, &node_hash, &found), MT_ENOTFOUND);
    cr_assert_eq(s.node(s.ctx, NULL, NULL, 0, &code_hash, &found), MT_ENOTFOUND);
}

Test(stf_witness, every_shorter_file_is_refused)
{
    struct chain_spec spec;
    struct buf b;
    const uint8_t list[1] = {0xc0};
    slice none[1] = {slice_of(list, 1)};
    chain_spec_for_fork(FORK_OSAKA, 1, &spec);
    buf_init_arena(&b, &arena, 1u << 16);
    stf_input_encode(&spec, none[0], none, 1, none, 1, none, 1, &b);
    for (size_t n = 0; n < b.len; n++) {
        struct arena_mark mark = arena_mark(&arena);
        struct stf_input in;
        struct mt_diag diag = {0};
        cr_assert_eq(stf_input_decode(slice_of(b.ptr, n), &arena, &in, &diag), MT_EDECODE,
                     "%zu bytes", n);
        cr_assert_neq(diag.text[0], 0);
        arena_rewind(&arena, mark);
    }
}

Test(stf_witness, other_versions_are_refused)
{
    struct stf_input in;
    const uint8_t file[] = {0xc1, 0x02};
    cr_assert_eq(stf_input_decode(slice_of(file, 2), &arena, &in, NULL), MT_EVERSION);
}
