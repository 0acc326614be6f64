/* Transactions in: strict decoding of the canonical encoding and of the network form
 * of blob transactions.
 *
 *   legacy  rlp([nonce, price, gas, to, value, data, v, r, s])
 *   typed   type || rlp([chain id, nonce, fees.., gas, to, value, data, access, ..])
 *   network 3 || rlp([[body of type 3], sidecar items..])
 *
 * Only what makes an encoding a transaction is checked; a v or y_parity out of range
 * stays in v and is refused by tx_recover, so that the reason is told. */
#include "types_int.h"

static mt_err bad(struct mt_diag *diag, const char *field)
{
    return mt_fail(diag, MT_EDECODE, "transaction: malformed %s", field);
}

static mt_err full(struct mt_diag *diag)
{
    return mt_fail(diag, MT_ELIMIT, "transaction: does not fit the memory allowed");
}

static mt_err get_to(struct rlp *r, struct tx *tx, struct mt_diag *diag)
{
    slice to;
    bool optional = tx->type < TX_BLOB;
    if (rlp_get_bytes(r, &to) != MT_OK || (to.len != 20 && (to.len != 0 || !optional)))
        return bad(diag, optional ? "to" : "to (this type cannot create a contract)");
    tx->has_to = to.len == 20;
    if (tx->has_to)
        memcpy(tx->to.b, to.ptr, 20);
    return MT_OK;
}

/* List of 32-byte strings. */
static mt_err get_hashes(struct rlp *r, struct arena *a, const hash32 **out, size_t *num,
                         const char *field, struct mt_diag *diag)
{
    struct rlp list;
    size_t n;
    if (rlp_get_list(r, &list) != MT_OK || rlp_count(&list, &n) != MT_OK)
        return bad(diag, field);
    hash32 *h = arena_zalloc(a, n, sizeof(*h));
    if (h == NULL)
        return full(diag);
    for (size_t i = 0; i < n; i++)
        if (rlp_get_fixed(&list, h[i].b, 32) != MT_OK)
            return bad(diag, field);
    *out = h;
    *num = n;
    return MT_OK;
}

static mt_err get_access_list(struct rlp *r, struct arena *a, struct tx *tx,
                              struct mt_diag *diag)
{
    struct rlp list;
    size_t n;
    if (rlp_get_list(r, &list) != MT_OK || rlp_count(&list, &n) != MT_OK)
        return bad(diag, "access list");
    struct access_entry *e = arena_zalloc(a, n, sizeof(*e));
    if (e == NULL)
        return full(diag);
    for (size_t i = 0; i < n; i++) {
        struct rlp pair;
        if (rlp_get_list(&list, &pair) != MT_OK ||
            rlp_get_fixed(&pair, e[i].addr.b, 20) != MT_OK)
            return bad(diag, "access list");
        MT_TRY(get_hashes(&pair, a, &e[i].slots, &e[i].slot_num, "access list", diag));
        if (!rlp_at_end(&pair))
            return bad(diag, "access list");
    }
    tx->access_list = e;
    tx->access_num = n;
    return MT_OK;
}

/* One [chain id, address, nonce, y parity, r, s] with the widths of EIP-7702. */
static mt_err get_auth(struct rlp *list, struct authorization *out)
{
    struct rlp r;
    uint64_t parity;
    MT_TRY(rlp_get_list(list, &r));
    MT_TRY(rlp_get_u256(&r, &out->chain_id));
    MT_TRY(rlp_get_fixed(&r, out->addr.b, 20));
    MT_TRY(rlp_get_u64(&r, &out->nonce));
    MT_TRY(rlp_get_u64(&r, &parity));
    MT_TRY(rlp_get_u256(&r, &out->r));
    MT_TRY(rlp_get_u256(&r, &out->s));
    if (parity > UINT8_MAX)
        return MT_EDECODE;
    out->y_parity = (uint8_t)parity;
    return rlp_finish(&r);
}

static mt_err get_auths(struct rlp *r, struct arena *a, struct tx *tx,
                        struct mt_diag *diag)
{
    struct rlp list;
    size_t n;
    if (rlp_get_list(r, &list) != MT_OK || rlp_count(&list, &n) != MT_OK)
        return bad(diag, "authorization list");
    struct authorization *auths = arena_zalloc(a, n, sizeof(*auths));
    if (auths == NULL)
        return full(diag);
    for (size_t i = 0; i < n; i++)
        if (get_auth(&list, &auths[i]) != MT_OK)
            return bad(diag, "authorization list");
    tx->auths = auths;
    tx->auth_num = n;
    return MT_OK;
}

static mt_err get_sig(struct rlp *r, struct tx *tx, struct mt_diag *diag)
{
    if (rlp_get_u256(r, &tx->v) != MT_OK)
        return bad(diag, tx->type == TX_LEGACY ? "v" : "y parity");
    if (rlp_get_u256(r, &tx->r) != MT_OK)
        return bad(diag, "r");
    if (rlp_get_u256(r, &tx->s) != MT_OK)
        return bad(diag, "s");
    if (!rlp_at_end(r))
        return bad(diag, "list: too many fields");
    return MT_OK;
}

/* gas, to, value, data: in this order in every type. */
static mt_err get_common(struct rlp *r, struct tx *tx, struct mt_diag *diag)
{
    if (rlp_get_u64(r, &tx->gas) != MT_OK)
        return bad(diag, "gas limit");
    MT_TRY(get_to(r, tx, diag));
    if (rlp_get_u256(r, &tx->value) != MT_OK)
        return bad(diag, "value");
    if (rlp_get_bytes(r, &tx->data) != MT_OK)
        return bad(diag, "data");
    return MT_OK;
}

/* 27 and 28, or 35 + 2 * chain id + parity; anything else is left for tx_recover. */
static void split_v(struct tx *tx)
{
    u256 v = tx->v;
    if (u256_lt(v, u256_from(35))) {
        tx->y_parity = (uint8_t)((v.w[0] - 27) & 1);
        return;
    }
    u256 rest = u256_sub(v, u256_from(35));
    u256 id = u256_shr(rest, 1);
    tx->y_parity = (uint8_t)(rest.w[0] & 1);
    tx->has_chain_id = true;
    tx->chain_id = u256_to_u64_sat(id);
}

static mt_err decode_legacy(struct rlp *r, struct tx *tx, struct mt_diag *diag)
{
    if (rlp_get_u64(r, &tx->nonce) != MT_OK)
        return bad(diag, "nonce");
    if (rlp_get_u256(r, &tx->gas_price) != MT_OK)
        return bad(diag, "gas price");
    tx->max_fee = tx->max_priority_fee = tx->gas_price;
    MT_TRY(get_common(r, tx, diag));
    MT_TRY(get_sig(r, tx, diag));
    split_v(tx);
    return MT_OK;
}

static mt_err get_fees(struct rlp *r, struct tx *tx, struct mt_diag *diag)
{
    if (tx->type == TX_ACCESS_LIST) {
        if (rlp_get_u256(r, &tx->gas_price) != MT_OK)
            return bad(diag, "gas price");
        tx->max_fee = tx->max_priority_fee = tx->gas_price;
        return MT_OK;
    }
    if (rlp_get_u256(r, &tx->max_priority_fee) != MT_OK)
        return bad(diag, "max priority fee per gas");
    if (rlp_get_u256(r, &tx->max_fee) != MT_OK)
        return bad(diag, "max fee per gas");
    return MT_OK;
}

static mt_err decode_typed(struct rlp *r, struct arena *a, struct tx *tx,
                           struct mt_diag *diag)
{
    tx->has_chain_id = true;
    if (rlp_get_u64(r, &tx->chain_id) != MT_OK)
        return bad(diag, "chain id");
    if (rlp_get_u64(r, &tx->nonce) != MT_OK)
        return bad(diag, "nonce");
    MT_TRY(get_fees(r, tx, diag));
    MT_TRY(get_common(r, tx, diag));
    MT_TRY(get_access_list(r, a, tx, diag));
    if (tx->type == TX_BLOB) {
        if (rlp_get_u256(r, &tx->max_fee_per_blob_gas) != MT_OK)
            return bad(diag, "max fee per blob gas");
        MT_TRY(get_hashes(r, a, &tx->blob_hashes, &tx->blob_num, "blob hashes", diag));
    } else if (tx->type == TX_SET_CODE) {
        MT_TRY(get_auths(r, a, tx, diag));
    }
    MT_TRY(get_sig(r, tx, diag));
    tx->y_parity = (uint8_t)(tx->v.w[0] & 1);
    return MT_OK;
}

/* The one list that must fill in. */
static mt_err only_list(slice in, struct rlp *inner, struct mt_diag *diag)
{
    struct rlp r = rlp_reader(in);
    if (rlp_get_list(&r, inner) != MT_OK)
        return bad(diag, "list");
    if (!rlp_at_end(&r))
        return mt_fail(diag, MT_EDECODE, "transaction: %zu bytes after its end",
                       (size_t)(r.end - r.ptr));
    return MT_OK;
}

mt_err tx_decode(slice raw, struct arena *a, struct tx *out, struct mt_diag *diag)
{
    struct tx tx = {.raw = raw};
    struct rlp r;
    if (raw.len == 0)
        return mt_fail(diag, MT_EDECODE, "transaction: empty");
    if (raw.ptr[0] >= 0xc0) {
        MT_TRY(only_list(raw, &r, diag));
        MT_TRY(decode_legacy(&r, &tx, diag));
    } else {
        if (raw.ptr[0] < TX_ACCESS_LIST || raw.ptr[0] > TX_SET_CODE)
            return mt_fail(diag, MT_EDECODE, "transaction type not supported");
        tx.type = (enum tx_type)raw.ptr[0];
        MT_TRY(only_list(slice_of(raw.ptr + 1, raw.len - 1), &r, diag));
        MT_TRY(decode_typed(&r, a, &tx, diag));
    }
    tx.hash = keccak256(raw.ptr, raw.len);
    *out = tx;
    return MT_OK;
}

mt_err tx_decode_network(slice raw, struct arena *a, struct tx *out, struct mt_diag *diag)
{
    struct rlp r;
    slice body, payload;
    bool is_list;
    if (raw.len == 0 || raw.ptr[0] != TX_BLOB)
        return tx_decode(raw, a, out, diag);
    MT_TRY(only_list(slice_of(raw.ptr + 1, raw.len - 1), &r, diag));
    if (!rlp_peek_list(&r))
        return tx_decode(raw, a, out, diag);
    size_t items;
    if (rlp_count(&r, &items) != MT_OK ||
        rlp_next(&r, &payload, &is_list, &body) != MT_OK)
        return bad(diag, "blob sidecar");
    uint8_t *copy = arena_alloc(a, body.len + 1);
    if (copy == NULL)
        return full(diag);
    copy[0] = TX_BLOB;
    memcpy(copy + 1, body.ptr, body.len);
    MT_TRY(tx_decode(slice_of(copy, body.len + 1), a, out, diag));
    out->sidecar = slice_of(r.ptr, (size_t)(r.end - r.ptr));
    return MT_OK;
}
