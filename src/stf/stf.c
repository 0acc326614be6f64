/* The function: parent, rules, checks, senders, execution, roots. Nothing of the
 * result is written before all of it stands. */
#include "stf_int.h"

/* A block after the merge says so by its difficulty; before it nothing here applies. */
static mt_err rules_of(const struct chain_spec *spec, const struct header *h,
                       struct rules *out, struct mt_diag *diag)
{
    *out = chain_rules(spec, h->number, h->timestamp, u256_is_zero(h->difficulty));
    if (rules_have_work(out) || out->fork < FORK_BYZANTIUM)
        return mt_fail(diag, MT_EUNSUPPORTED, "a block of %s, from before the merge",
                       fork_name(out->fork));
    return MT_OK;
}

static mt_err parent_of(const struct stf_in *in, const struct block *b,
                        struct header *parent, struct mt_diag *diag)
{
    slice rlp;
    mt_err err = in->source->header(in->source->ctx, &b->header.parent_hash, &rlp);
    if (err != MT_OK)
        return mt_fail(diag, err, "header %s, the parent's, is not in the witness",
                       hash32_text(&b->header.parent_hash).s);
    return header_decode(rlp, parent, diag);
}

static mt_err recover_senders(const struct stf_in *in, struct block *b,
                              struct mt_diag *diag)
{
    for (size_t i = 0; i < b->tx_num; i++) {
        mt_err err = tx_recover(&b->txs[i], true, in->crypto, diag);
        if (err == MT_ECRYPTO)
            err = MT_EINVALID_BLOCK;
        if (err != MT_OK)
            return mt_wrap(diag, err, "transaction %zu", i);
    }
    return MT_OK;
}

static mt_err execute(const struct stf_in *in, const struct block *b,
                      const struct rules *rules, const struct vm_reader *reader,
                      struct block_exec_out *out, struct mt_diag *diag)
{
    struct block_exec_in x = {
        .rules = rules,
        .header = &b->header,
        .reader = reader,
        .crypto = in->crypto,
        .arena = in->arena,
        .scratch = in->scratch,
        .engine = VM_ENGINE_REFERENCE,
    };
    struct block_exec *exec = block_exec_new(&x);
    if (exec == NULL)
        return mt_fail(diag, MT_ELIMIT, "block memory is exhausted");
    return block_exec_all(exec, b, out, diag);
}

/* The block does not commit to the rules: whoever checks the result compares this. */
static mt_err spec_hash_of(const struct stf_in *in, hash32 *out, struct mt_diag *diag)
{
    struct buf b;
    buf_init_arena(&b, in->arena, 1u << 16);
    stf_spec_encode(in->spec, &b);
    if (!buf_ok(&b))
        return mt_fail(diag, MT_ELIMIT, "block memory is exhausted");
    *out = keccak256(b.ptr, b.len);
    return MT_OK;
}

mt_err stf_execute(const struct stf_in *in, struct stf_out *out, struct mt_diag *diag)
{
    struct block b;
    struct header parent;
    struct rules rules, parent_rules;
    struct block_exec_out result;
    struct stf_out o;
    MT_TRY(block_decode(in->block, in->arena, &b, diag));
    MT_TRY(parent_of(in, &b, &parent, diag));
    MT_TRY(rules_of(in->spec, &b.header, &rules, diag));
    parent_rules = chain_rules(in->spec, parent.number, parent.timestamp,
                               u256_is_zero(parent.difficulty));
    MT_TRY(stf_check_header(&b.header, &parent, &rules, &parent_rules, diag));
    MT_TRY(stf_check_body(&b, &rules, in->arena, diag));
    MT_TRY(recover_senders(in, &b, diag));
    struct stf_state *state =
        stf_state_new(in->source, in->state, &parent, &b.header.parent_hash);
    if (state == NULL)
        return mt_fail(diag, MT_ELIMIT, "state memory is exhausted");
    struct vm_reader reader = stf_state_reader(state);
    mt_err err = execute(in, &b, &rules, &reader, &result, diag);
    if (err == MT_OK && state->failed == MT_OK)
        err = stf_check_result(&b.header, &rules, &result, diag);
    if (err == MT_OK && state->failed == MT_OK)
        err = stf_state_root(state, &result.delta, &o.state_root);
    if (state->failed != MT_OK) {
        if (diag != NULL)
            *diag = state->diag;
        return state->failed;
    }
    if (err != MT_OK)
        return err;
    if (!hash32_eq(&o.state_root, &b.header.state_root))
        return mt_fail(diag, MT_EINVALID_BLOCK, "state root %s, should be %s",
                       hash32_text(&b.header.state_root).s, hash32_text(&o.state_root).s);
    MT_TRY(spec_hash_of(in, &o.spec_hash, diag));
    o.number = b.header.number;
    o.block_hash = b.hash;
    o.parent_hash = b.header.parent_hash;
    o.receipts_root = result.receipts_root;
    *out = o;
    return MT_OK;
}
