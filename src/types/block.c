/* Blocks: [header, [transactions], [ommers], [withdrawals]?]. A legacy transaction
 * stands as a list, a typed one as a byte string (EIP-2718). */
#include "types_int.h"

static mt_err bad(struct mt_diag *diag, const char *what)
{
    return mt_fail(diag, MT_EDECODE, "block: malformed %s", what);
}

static mt_err full(struct mt_diag *diag)
{
    return mt_fail(diag, MT_ELIMIT, "block: does not fit the memory allowed");
}

static mt_err get_txs(struct rlp *r, struct arena *a, struct block *b,
                      struct mt_diag *diag)
{
    struct rlp list;
    size_t n;
    if (rlp_get_list(r, &list) != MT_OK || rlp_count(&list, &n) != MT_OK)
        return bad(diag, "transaction list");
    struct tx *txs = arena_zalloc(a, n, sizeof(*txs));
    if (txs == NULL)
        return full(diag);
    for (size_t i = 0; i < n; i++) {
        slice payload, whole;
        bool is_list;
        MT_TRY(rlp_next(&list, &payload, &is_list, &whole));
        if (!is_list && (payload.len == 0 || payload.ptr[0] >= 0xc0))
            return mt_fail(diag, MT_EDECODE, "block: transaction %zu: no typed envelope",
                           i);
        mt_err err = tx_decode(is_list ? whole : payload, a, &txs[i], diag);
        if (err != MT_OK)
            return mt_wrap(diag, err, "block: transaction %zu", i);
    }
    b->txs = txs;
    b->tx_num = n;
    return MT_OK;
}

static mt_err get_ommers(struct rlp *r, struct arena *a, struct block *b,
                         struct mt_diag *diag)
{
    struct rlp list;
    size_t n;
    if (rlp_get_list(r, &list) != MT_OK || rlp_count(&list, &n) != MT_OK)
        return bad(diag, "ommer list");
    struct header *ommers = arena_zalloc(a, n, sizeof(*ommers));
    if (ommers == NULL)
        return full(diag);
    for (size_t i = 0; i < n; i++) {
        slice payload, whole;
        bool is_list;
        MT_TRY(rlp_next(&list, &payload, &is_list, &whole));
        mt_err err = header_decode(whole, &ommers[i], diag);
        if (err != MT_OK)
            return mt_wrap(diag, err, "block: ommer %zu", i);
    }
    b->ommers = ommers;
    b->ommer_num = n;
    return MT_OK;
}

static mt_err get_withdrawal(struct rlp *list, struct withdrawal *w)
{
    struct rlp r;
    MT_TRY(rlp_get_list(list, &r));
    MT_TRY(rlp_get_u64(&r, &w->index));
    MT_TRY(rlp_get_u64(&r, &w->validator));
    MT_TRY(rlp_get_fixed(&r, w->addr.b, 20));
    MT_TRY(rlp_get_u64(&r, &w->amount_gwei));
    return rlp_finish(&r);
}

static mt_err get_withdrawals(struct rlp *r, struct arena *a, struct block *b,
                              struct mt_diag *diag)
{
    struct rlp list;
    size_t n;
    if (rlp_get_list(r, &list) != MT_OK || rlp_count(&list, &n) != MT_OK)
        return bad(diag, "withdrawal list");
    struct withdrawal *w = arena_zalloc(a, n, sizeof(*w));
    if (w == NULL)
        return full(diag);
    for (size_t i = 0; i < n; i++)
        if (get_withdrawal(&list, &w[i]) != MT_OK)
            return mt_fail(diag, MT_EDECODE, "block: malformed withdrawal %zu", i);
    b->has_withdrawals = true;
    b->withdrawals = w;
    b->withdrawal_num = n;
    return MT_OK;
}

mt_err block_decode(slice raw, struct arena *a, struct block *out, struct mt_diag *diag)
{
    struct rlp r = rlp_reader(raw), items;
    struct block b;
    slice payload, header;
    bool is_list;
    memset(&b, 0, sizeof(b));
    b.raw = raw;
    if (rlp_get_list(&r, &items) != MT_OK || !rlp_at_end(&r))
        return bad(diag, "list");
    if (rlp_next(&items, &payload, &is_list, &header) != MT_OK)
        return bad(diag, "header");
    mt_err err = header_decode(header, &b.header, diag);
    if (err != MT_OK)
        return mt_wrap(diag, err, "block");
    MT_TRY(get_txs(&items, a, &b, diag));
    MT_TRY(get_ommers(&items, a, &b, diag));
    if (!rlp_at_end(&items))
        MT_TRY(get_withdrawals(&items, a, &b, diag));
    if (!rlp_at_end(&items))
        return bad(diag, "list: too many items");
    b.hash = keccak256(header.ptr, header.len);
    *out = b;
    return MT_OK;
}

/* ---- encoding ---- */

void withdrawal_encode(const struct withdrawal *w, struct buf *out)
{
    size_t at = rlp_begin(out);
    rlp_put_u64(out, w->index);
    rlp_put_u64(out, w->validator);
    rlp_put_bytes(out, w->addr.b, 20);
    rlp_put_u64(out, w->amount_gwei);
    rlp_end(out, at);
}

/* The canonical bytes when they are known, else made anew behind a header that is put in
 * front afterwards. */
static void put_tx(const struct tx *tx, struct buf *out)
{
    if (tx->type == TX_LEGACY) {
        if (tx->raw.len > 0)
            buf_put_slice(out, tx->raw);
        else
            tx_encode(tx, out);
        return;
    }
    if (tx->raw.len > 0) {
        rlp_put_bytes(out, tx->raw.ptr, tx->raw.len);
        return;
    }
    struct sink count = {0};
    sink_tx(&count, tx, true);
    rlp_put_header(out, count.len, false);
    tx_encode(tx, out);
}

void block_encode(const struct block *b, struct buf *out)
{
    size_t whole = rlp_begin(out);
    header_encode(&b->header, out);
    size_t at = rlp_begin(out);
    for (size_t i = 0; i < b->tx_num; i++)
        put_tx(&b->txs[i], out);
    rlp_end(out, at);
    at = rlp_begin(out);
    for (size_t i = 0; i < b->ommer_num; i++)
        header_encode(&b->ommers[i], out);
    rlp_end(out, at);
    if (b->has_withdrawals) {
        at = rlp_begin(out);
        for (size_t i = 0; i < b->withdrawal_num; i++)
            withdrawal_encode(&b->withdrawals[i], out);
        rlp_end(out, at);
    }
    rlp_end(out, whole);
}
