/* The rules of a chain as RLP (docs/FORMAT.md, "Witness"): everything of a chain_spec
 * that can change a root. Forks stand by their names, so that a fork added later moves
 * nothing. */
#include "stf_int.h"

/* X(bit, field): the yes-or-no rules. */
#define SPEC_FLAGS(X)                                                                    \
    X(0, merge_by_ttd)                                                                   \
    X(1, dao_support)                                                                    \
    X(2, metis)                                                                          \
    X(3, equal_time)                                                                     \
    X(4, no_blobs)                                                                       \
    X(5, push0)                                                                          \
    X(6, l1_fee)                                                                         \
    X(7, base_fee_vault)                                                                 \
    X(8, native_token)                                                                   \
    X(9, fixed_coinbase)                                                                 \
    X(10, code_senders)
#define SPEC_FLAGS_ALL 0x7ffu

/* X(field): the addresses, in order. */
#define SPEC_ADDRESSES(X)                                                                \
    X(deposit_contract)                                                                  \
    X(gas_price_oracle)                                                                  \
    X(vault)                                                                             \
    X(token)                                                                             \
    X(native_transfer)                                                                   \
    X(coinbase)

void stf_spec_encode(const struct chain_spec *spec, struct buf *out)
{
    uint64_t flags = 0;
    size_t all = rlp_begin(out), list, item;
#define SPEC_FLAG_GET(bit, field) flags |= (uint64_t)spec->field << (bit);
    SPEC_FLAGS(SPEC_FLAG_GET)
#undef SPEC_FLAG_GET
    rlp_put_u64(out, spec->chain_id);
    rlp_put_u64(out, flags);
    rlp_put_u256(out, spec->merge_by_ttd ? spec->ttd : U256_ZERO);
    list = rlp_begin(out);
    for (unsigned f = 0; f < FORK_COUNT; f++) {
        if (spec->fork_at[f] == FORK_NEVER)
            continue;
        slice name = slice_str(fork_name((enum fork)f));
        const struct blob_params *b = &spec->blobs[f];
        item = rlp_begin(out);
        rlp_put_bytes(out, name.ptr, name.len);
        rlp_put_u64(out, spec->fork_at[f]);
        rlp_put_u64(out, b->target);
        rlp_put_u64(out, b->max);
        rlp_put_u64(out, b->base_fee_update_fraction);
        rlp_end(out, item);
    }
    rlp_end(out, list);
#define SPEC_ADDRESS_PUT(field) rlp_put_bytes(out, spec->field.b, 20);
    SPEC_ADDRESSES(SPEC_ADDRESS_PUT)
#undef SPEC_ADDRESS_PUT
    rlp_end(out, all);
}

static mt_err take_fork(struct rlp *list, struct chain_spec *spec, unsigned *next)
{
    struct rlp in;
    slice name;
    MT_TRY(rlp_get_list(list, &in));
    MT_TRY(rlp_get_bytes(&in, &name));
    /* In the order of the table: each once. */
    while (*next < FORK_COUNT &&
           !slice_eq(name, slice_str(fork_name((enum fork) * next))))
        ++*next;
    if (*next == FORK_COUNT)
        return MT_EDECODE;
    struct blob_params *b = &spec->blobs[*next];
    MT_TRY(rlp_get_u64(&in, &spec->fork_at[*next]));
    MT_TRY(rlp_get_u64(&in, &b->target));
    MT_TRY(rlp_get_u64(&in, &b->max));
    MT_TRY(rlp_get_u64(&in, &b->base_fee_update_fraction));
    /* The products of these numbers with the gas of a blob stay in 64 bits. */
    if (b->target > b->max || b->max > 1u << 20)
        return MT_EDECODE;
    ++*next;
    return rlp_finish(&in);
}

static mt_err take_spec(slice rlp, struct chain_spec *spec)
{
    struct rlp r = rlp_reader(rlp), in, list;
    uint64_t flags;
    unsigned next = 0;
    MT_TRY(rlp_get_list(&r, &in));
    MT_TRY(rlp_get_u64(&in, &spec->chain_id));
    MT_TRY(rlp_get_u64(&in, &flags));
    MT_TRY(rlp_get_u256(&in, &spec->ttd));
    if (flags > SPEC_FLAGS_ALL)
        return MT_EDECODE;
#define SPEC_FLAG_SET(bit, field) spec->field = (flags >> (bit)) & 1;
    SPEC_FLAGS(SPEC_FLAG_SET)
#undef SPEC_FLAG_SET
    MT_TRY(rlp_get_list(&in, &list));
    while (!rlp_at_end(&list))
        MT_TRY(take_fork(&list, spec, &next));
#define SPEC_ADDRESS_GET(field) MT_TRY(rlp_get_fixed(&in, spec->field.b, 20));
    SPEC_ADDRESSES(SPEC_ADDRESS_GET)
#undef SPEC_ADDRESS_GET
    return rlp_finish(&in);
}

mt_err stf_spec_decode(slice rlp, struct chain_spec *out, struct mt_diag *diag)
{
    memset(out, 0, sizeof *out);
    for (unsigned f = 0; f < FORK_COUNT; f++)
        out->fork_at[f] = FORK_NEVER;
    if (take_spec(rlp, out) != MT_OK)
        return mt_fail(diag, MT_EDECODE, "witness: rules: malformed");
    return MT_OK;
}
