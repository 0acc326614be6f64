/* Transactions out: encodings, the hash that is signed, senders, prices. EIP-155,
 * 2718, 2930, 1559, 4844, 7702. */
#include "types_int.h"

/* secp256k1: order of the group and its half (EIP-2). */
static const u256 ORDER = {
    {0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff}};
static const u256 ORDER_HALF = {
    {0xdfe92f46681b20a0, 0x5d576e7357a4501d, 0xffffffffffffffff, 0x7fffffffffffffff}};

/* ---- encoding ---- */

static void sink_to(struct sink *s, const struct tx *tx)
{
    sink_bytes(s, tx->to.b, tx->has_to ? sizeof(tx->to.b) : 0);
}

static void sink_hashes(struct sink *s, const hash32 *h, size_t n)
{
    sink_header(s, n * 33, true);
    for (size_t i = 0; i < n; i++)
        sink_bytes(s, h[i].b, 32);
}

static size_t access_entry_size(const struct access_entry *e)
{
    size_t slots = e->slot_num * 33;
    return 21 + rlp_header_size(slots) + slots;
}

static void sink_access_list(struct sink *s, const struct tx *tx)
{
    size_t len = 0;
    for (size_t i = 0; i < tx->access_num; i++) {
        size_t n = access_entry_size(&tx->access_list[i]);
        len += rlp_header_size(n) + n;
    }
    sink_header(s, len, true);
    for (size_t i = 0; i < tx->access_num; i++) {
        const struct access_entry *e = &tx->access_list[i];
        sink_header(s, access_entry_size(e), true);
        sink_bytes(s, e->addr.b, 20);
        sink_hashes(s, e->slots, e->slot_num);
    }
}

static void sink_auth_fields(struct sink *s, const struct authorization *a)
{
    sink_u256(s, a->chain_id);
    sink_bytes(s, a->addr.b, 20);
    sink_u64(s, a->nonce);
    sink_u64(s, a->y_parity);
    sink_u256(s, a->r);
    sink_u256(s, a->s);
}

static void sink_auths(struct sink *s, const struct tx *tx)
{
    size_t len = 0;
    for (size_t i = 0; i < tx->auth_num; i++) {
        struct sink count = {0};
        sink_auth_fields(&count, &tx->auths[i]);
        len += rlp_header_size(count.len) + count.len;
    }
    sink_header(s, len, true);
    for (size_t i = 0; i < tx->auth_num; i++) {
        struct sink count = {0};
        sink_auth_fields(&count, &tx->auths[i]);
        sink_header(s, count.len, true);
        sink_auth_fields(s, &tx->auths[i]);
    }
}

static void sink_legacy(struct sink *s, const struct tx *tx, bool is_signed)
{
    sink_u64(s, tx->nonce);
    sink_u256(s, tx->gas_price);
    sink_u64(s, tx->gas);
    sink_to(s, tx);
    sink_u256(s, tx->value);
    sink_bytes(s, tx->data.ptr, tx->data.len);
    if (!is_signed && tx->has_chain_id) {
        sink_u64(s, tx->chain_id);
        sink_u64(s, 0);
        sink_u64(s, 0);
    }
}

static void sink_typed(struct sink *s, const struct tx *tx)
{
    sink_u64(s, tx->chain_id);
    sink_u64(s, tx->nonce);
    if (tx->type == TX_ACCESS_LIST) {
        sink_u256(s, tx->gas_price);
    } else {
        sink_u256(s, tx->max_priority_fee);
        sink_u256(s, tx->max_fee);
    }
    sink_u64(s, tx->gas);
    sink_to(s, tx);
    sink_u256(s, tx->value);
    sink_bytes(s, tx->data.ptr, tx->data.len);
    sink_access_list(s, tx);
    if (tx->type == TX_BLOB) {
        sink_u256(s, tx->max_fee_per_blob_gas);
        sink_hashes(s, tx->blob_hashes, tx->blob_num);
    } else if (tx->type == TX_SET_CODE) {
        sink_auths(s, tx);
    }
}

static void sink_fields(struct sink *s, const struct tx *tx, bool is_signed)
{
    if (tx->type == TX_LEGACY)
        sink_legacy(s, tx, is_signed);
    else
        sink_typed(s, tx);
    if (is_signed) {
        sink_u256(s, tx->v);
        sink_u256(s, tx->r);
        sink_u256(s, tx->s);
    }
}

void sink_tx(struct sink *s, const struct tx *tx, bool is_signed)
{
    struct sink count = {0};
    uint8_t type = (uint8_t)tx->type;
    sink_fields(&count, tx, is_signed);
    if (tx->type != TX_LEGACY)
        sink_raw(s, &type, 1);
    sink_header(s, count.len, true);
    sink_fields(s, tx, is_signed);
}

void tx_encode(const struct tx *tx, struct buf *out)
{
    struct sink s = {.buf = out};
    sink_tx(&s, tx, true);
}

void tx_encode_unsigned(const struct tx *tx, struct buf *out)
{
    struct sink s = {.buf = out};
    sink_tx(&s, tx, false);
}

hash32 tx_signing_hash(const struct tx *tx)
{
    struct keccak k;
    struct sink s = {.keccak = &k};
    keccak_init(&k);
    sink_tx(&s, tx, false);
    return keccak_done(&k);
}

void tx_set_sig(struct tx *tx, const sig *sg)
{
    tx->y_parity = sg->y_parity;
    tx->r = u256_from_hash(&sg->r);
    tx->s = u256_from_hash(&sg->s);
    if (tx->type != TX_LEGACY)
        tx->v = u256_from(sg->y_parity);
    else if (!tx->has_chain_id)
        tx->v = u256_from(27u + sg->y_parity);
    else
        tx->v = u256_add(u256_add(u256_from(tx->chain_id), u256_from(tx->chain_id)),
                         u256_from(35u + sg->y_parity));
}

/* ---- senders ---- */

static bool scalars_valid(u256 r, u256 s, bool low_s)
{
    return !u256_is_zero(r) && u256_lt(r, ORDER) && !u256_is_zero(s) &&
           (low_s ? !u256_lt(ORDER_HALF, s) : u256_lt(s, ORDER));
}

/* v as the type and the chain id want it. */
static bool v_valid(const struct tx *tx)
{
    struct tx want = *tx;
    sig sg = {.y_parity = tx->y_parity};
    if (tx->y_parity > 1)
        return false;
    tx_set_sig(&want, &sg);
    return u256_eq(want.v, tx->v);
}

mt_err tx_recover(struct tx *tx, bool low_s, const struct crypto_ops *ops,
                  struct mt_diag *diag)
{
    if (!v_valid(tx) || !scalars_valid(tx->r, tx->s, low_s))
        return mt_fail(diag, MT_ECRYPTO, "invalid transaction v, r, s values");
    hash32 digest = tx_signing_hash(tx);
    sig sg = {u256_to_hash(tx->r), u256_to_hash(tx->s), tx->y_parity};
    address from;
    if (ops->recover(&digest, &sg, &from) != MT_OK)
        return mt_fail(diag, MT_ECRYPTO, "invalid signature: no public key fits");
    tx->from = from;
    tx->has_from = true;
    return MT_OK;
}

mt_err auth_recover(const struct authorization *auth, const struct crypto_ops *ops,
                    address *out)
{
    struct keccak k;
    struct sink count = {0}, s = {.keccak = &k};
    static const uint8_t magic = 0x05;
    if (auth->y_parity > 1 || !scalars_valid(auth->r, auth->s, true))
        return MT_ECRYPTO;
    sink_u256(&count, auth->chain_id);
    sink_bytes(&count, auth->addr.b, 20);
    sink_u64(&count, auth->nonce);
    keccak_init(&k);
    sink_raw(&s, &magic, 1);
    sink_header(&s, count.len, true);
    sink_u256(&s, auth->chain_id);
    sink_bytes(&s, auth->addr.b, 20);
    sink_u64(&s, auth->nonce);
    hash32 digest = keccak_done(&k);
    sig sg = {u256_to_hash(auth->r), u256_to_hash(auth->s), auth->y_parity};
    return ops->recover(&digest, &sg, out) == MT_OK ? MT_OK : MT_ECRYPTO;
}

u256 tx_effective_gas_price(const struct tx *tx, u256 base_fee)
{
    bool carry;
    u256 price = u256_add_c(tx->max_priority_fee, base_fee, &carry);
    return carry || u256_lt(tx->max_fee, price) ? tx->max_fee : price;
}
