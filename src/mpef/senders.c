/* Senders of many transactions at once: recovery costs more than all else a transfer
 * needs, and each is independent of the others. Not part of the provable core. */
#include "metis/mpef.h"

#define CHUNK 8

struct recovery {
    struct tx *txs;
    mt_err *results;
    bool low_s;
};

static void recover_one(void *ctx, size_t i)
{
    struct recovery *r = ctx;
    struct tx *tx = &r->txs[i];
    r->results[i] =
        tx->has_from ? MT_OK : tx_recover(tx, r->low_s, crypto_native(), NULL);
}

mt_err txs_recover(struct workers *w, struct tx *txs, size_t num, bool low_s,
                   struct mt_diag *diag)
{
    mt_err err = MT_OK;
    struct recovery r = {txs, mt_alloc(MT_MAX(num, 1) * sizeof *r.results), low_s};
    workers_for(w, num, CHUNK, recover_one, &r);
    for (size_t i = 0; i < num && err == MT_OK; i++)
        if (r.results[i] != MT_OK)
            err = mt_fail(diag, MT_EINVALID_TX, "transaction %zu: %s", i,
                          tx_error_text(TX_SIGNATURE));
    mt_free(r.results);
    return err;
}
