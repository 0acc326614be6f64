/* Building one block: a draft on the head takes the selection's transactions in order.
 * One that does not fit or is not valid now is left out together with the later ones of
 * its sender (their nonces would have a gap); one that can never become valid is reported
 * as a drop. */
#include "metis/builder.h"

struct building {
    const struct build_params *in;
    struct chain_draft *draft;
    const struct tx **taken;
    size_t taken_num;
    struct map skipped; /* senders of which nothing more is tried */
    struct build_result *result;
};

/* Reasons that may pass without the transaction changing: it stays in the pool. */
static bool is_passing(enum tx_error e)
{
    return e == TX_NONCE_TOO_HIGH || e == TX_BLOCK_GAS || e == TX_FEE_CAP_TOO_LOW ||
           e == TX_BLOB_FEE || e == TX_BLOB_COUNT;
}

static void skip_sender(struct building *b, const struct tx *tx, enum tx_error error)
{
    map_put(&b->skipped, tx->from.b, NULL);
    if (is_passing(error))
        return;
    struct build_drop *d = &b->result->drops[b->result->drop_num++];
    d->hash = tx->hash;
    d->error = error;
}

static mt_err take_all(struct building *b, struct mt_diag *diag)
{
    struct block_exec *exec = chain_draft_exec(b->draft);
    uint64_t gas_limit = chain_draft_header(b->draft)->gas_limit;
    const struct pool_selection *sel = b->in->selection;
    for (size_t i = 0; sel != NULL && i < sel->num; i++) {
        const struct tx *tx = &sel->txs[i]->tx;
        if (b->in->deadline_ns != 0 && clock_mono_ns() >= b->in->deadline_ns)
            break;
        if (gas_limit - block_exec_gas_used(exec) < 21000)
            break;
        if (map_get(&b->skipped, tx->from.b) != NULL)
            continue;
        struct tx_outcome out;
        mt_err err = block_exec_tx(exec, tx, 0, &out, diag);
        if (err == MT_EINVALID_TX && !b->in->stop_on_invalid)
            skip_sender(b, tx, out.error);
        else if (err != MT_OK)
            return err;
        else
            b->taken[b->taken_num++] = tx;
    }
    return MT_OK;
}

mt_err build_block(struct chain *chain, const struct build_params *in,
                   struct build_result *out, struct mt_diag *diag)
{
    size_t num = in->selection != NULL ? in->selection->num : 0;
    *out = (struct build_result){0};
    struct building b = {.in = in, .result = out};
    MT_TRY(chain_draft_begin(chain, &in->draft, &b.draft, diag));
    b.taken = mt_alloc((num + 1) * sizeof(*b.taken));
    out->drops = mt_alloc((num + 1) * sizeof(*out->drops));
    map_init(&b.skipped, NULL, 20, 0, UINT32_MAX / 2, clock_mono_ns());
    mt_err err = take_all(&b, diag);
    if (err == MT_OK)
        err = chain_draft_seal(b.draft, b.taken, b.taken_num, diag);
    if (err == MT_OK)
        err = chain_draft_commit(b.draft, &out->block, diag);
    else
        chain_draft_abort(b.draft);
    map_fini(&b.skipped);
    mt_free(b.taken);
    if (err != MT_OK)
        build_result_fini(out);
    return err;
}

void build_result_fini(struct build_result *r)
{
    chain_block_drop(r->block);
    mt_free(r->drops);
    *r = (struct build_result){0};
}
