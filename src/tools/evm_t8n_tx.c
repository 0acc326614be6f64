/* t8n's transactions: JSON objects, signed or with a secretKey to sign with, or an RLP
 * list. All of them end as encodings that the node's own decoder has read. */
#include "evm_t8n.h"

#define TXS_MAX 1000000u

/* ================= JSON ================= */

static bool has(const json_t *doc, const char *key)
{
    const json_t *v = json_object_get(doc, key);
    return v != NULL && !json_is_null(v);
}

static bool get_u256(const json_t *doc, const char *key, u256 *out)
{
    return !has(doc, key) || fx_u256(doc, key, out);
}

static bool read_hashes(const json_t *list, struct arena *arena, struct tx *tx)
{
    size_t n = json_array_size(list);
    hash32 *h = arena_zalloc(arena, n + 1, sizeof *h);
    for (size_t i = 0; i < n && h != NULL; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL || hex_decode_fixed(text, h[i].b, 32) != MT_OK)
            return false;
    }
    tx->blob_hashes = h;
    tx->blob_num = n;
    return h != NULL;
}

static bool read_auths(const json_t *list, struct arena *arena, struct tx *tx)
{
    size_t n = json_array_size(list);
    struct authorization *a = arena_zalloc(arena, n + 1, sizeof *a);
    for (size_t i = 0; i < n && a != NULL; i++) {
        const json_t *each = json_array_get(list, i);
        uint64_t parity;
        if (!fx_u256(each, "chainId", &a[i].chain_id) ||
            !fx_address(each, "address", &a[i].addr) ||
            !fx_u64(each, "nonce", &a[i].nonce) || !fx_u64(each, "yParity", &parity) ||
            !fx_u256(each, "r", &a[i].r) || !fx_u256(each, "s", &a[i].s) || parity > 255)
            return false;
        a[i].y_parity = (uint8_t)parity;
    }
    tx->auths = a;
    tx->auth_num = n;
    return a != NULL;
}

static bool read_fees(const json_t *doc, struct tx *tx)
{
    if (tx->type <= TX_ACCESS_LIST) {
        if (!fx_u256(doc, "gasPrice", &tx->gas_price))
            return false;
        tx->max_fee = tx->max_priority_fee = tx->gas_price;
        return true;
    }
    return fx_u256(doc, "maxFeePerGas", &tx->max_fee) &&
           fx_u256(doc, "maxPriorityFeePerGas", &tx->max_priority_fee);
}

static bool read_to(const json_t *doc, struct tx *tx)
{
    const char *to = fx_str(doc, "to");
    tx->has_to = to != NULL && to[0] != 0 && strcmp(to, "0x") != 0;
    if (!tx->has_to && tx->type >= TX_BLOB)
        return false;
    return !tx->has_to || fx_address(doc, "to", &tx->to);
}

/* What makes no transaction of its type when it is not there. */
static bool has_required(const json_t *doc, enum tx_type type)
{
    if (type == TX_BLOB)
        return has(doc, "to") && has(doc, "maxFeePerBlobGas") &&
               has(doc, "blobVersionedHashes");
    return type != TX_SET_CODE || (has(doc, "to") && has(doc, "authorizationList"));
}

static bool read_fields(const json_t *doc, struct arena *arena, struct tx *tx)
{
    uint64_t type = 0;
    if ((has(doc, "type") && !fx_u64(doc, "type", &type)) || type > TX_SET_CODE)
        return false;
    if (!has_required(doc, (enum tx_type)type))
        return false;
    *tx = (struct tx){.type = (enum tx_type)type, .has_chain_id = type != TX_LEGACY};
    const char *data = has(doc, "input") ? "input" : "data";
    const char *gas = has(doc, "gas") ? "gas" : "gasLimit";
    const char *v = has(doc, "v") ? "v" : "yParity";
    return (!has(doc, "chainId") || fx_u64(doc, "chainId", &tx->chain_id)) &&
           fx_u64(doc, "nonce", &tx->nonce) && fx_u64(doc, gas, &tx->gas) &&
           fx_u256(doc, "value", &tx->value) && fx_bytes(doc, data, arena, &tx->data) &&
           read_to(doc, tx) && read_fees(doc, tx) &&
           fx_access_list(json_object_get(doc, "accessList"), arena, tx) &&
           get_u256(doc, "maxFeePerBlobGas", &tx->max_fee_per_blob_gas) &&
           read_hashes(json_object_get(doc, "blobVersionedHashes"), arena, tx) &&
           read_auths(json_object_get(doc, "authorizationList"), arena, tx) &&
           get_u256(doc, v, &tx->v) && get_u256(doc, "r", &tx->r) &&
           get_u256(doc, "s", &tx->s);
}

/* With a key and no signature yet: signs for the network, with EIP-155 unless the
 * transaction is told to do without; a fork before it then refuses it. */
static bool sign(struct t8n *t, const json_t *doc, struct tx *tx)
{
    hash32 key;
    sig sg;
    const json_t *protect = json_object_get(doc, "protected");
    if (!has(doc, "secretKey") || !u256_is_zero(tx->v) || !u256_is_zero(tx->r) ||
        !u256_is_zero(tx->s))
        return true;
    if (tx->type == TX_LEGACY)
        tx->has_chain_id = !json_is_false(protect);
    if (tx->type == TX_LEGACY || tx->chain_id == 0)
        tx->chain_id = t->spec.chain_id;
    if (tx->chain_id != t->spec.chain_id || !fx_hash(doc, "secretKey", &key))
        return false;
    hash32 digest = tx_signing_hash(tx);
    if (secp_sign(&digest, &key, &sg) != MT_OK)
        return false;
    tx_set_sig(tx, &sg);
    return true;
}

/* The encoding through the decoder; a refusal is a reason, not a fault. */
static int add_raw(struct t8n *t, slice raw)
{
    struct mt_diag diag = {0};
    struct t8n_tx *out = &t->txs[t->tx_num++];
    mt_err err = tx_decode(raw, &t->arena, &out->tx, &diag);
    if (err == MT_OK)
        return T8N_OK;
    const char *text = log_err_text(err, &diag);
    out->refused = arena_copy(&t->arena, text, strlen(text) + 1);
    if (err == MT_ELIMIT || out->refused == NULL)
        return t8n_fail(t, T8N_EVM, "out of memory");
    return T8N_OK;
}

int t8n_read_txs(struct t8n *t, const json_t *list)
{
    size_t n = json_array_size(list);
    if ((list != NULL && !json_is_null(list) && !json_is_array(list)) || n > TXS_MAX)
        return t8n_fail(t, T8N_JSON, "txs: not a list of at most %u", TXS_MAX);
    t->txs = arena_zalloc(&t->arena, n + 1, sizeof *t->txs);
    for (size_t i = 0; i < n; i++) {
        const json_t *doc = json_array_get(list, i);
        struct tx tx;
        struct buf raw;
        if (t->txs == NULL || !read_fields(doc, &t->arena, &tx))
            return t8n_fail(t, T8N_JSON, "tx %zu: a field is missing or malformed", i);
        if (!sign(t, doc, &tx))
            return t8n_fail(t, T8N_JSON, "tx %zu: failed to sign tx", i);
        buf_init_arena(&raw, &t->arena, SIZE_MAX / 2);
        tx_encode(&tx, &raw);
        if (!buf_ok(&raw))
            return t8n_fail(t, T8N_EVM, "out of memory");
        int status = add_raw(t, buf_slice(&raw));
        if (status != T8N_OK)
            return status;
    }
    return T8N_OK;
}

/* ================= RLP ================= */

int t8n_read_txs_rlp(struct t8n *t, slice rlp)
{
    struct rlp r = rlp_reader(rlp), list;
    size_t n;
    if (rlp_get_list(&r, &list) != MT_OK || rlp_finish(&r) != MT_OK ||
        rlp_count(&list, &n) != MT_OK || n > TXS_MAX)
        return t8n_fail(t, T8N_RLP, "transactions: not an RLP list");
    t->txs = arena_zalloc(&t->arena, n + 1, sizeof *t->txs);
    if (t->txs == NULL)
        return t8n_fail(t, T8N_EVM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        slice payload, whole;
        bool is_list;
        if (rlp_next(&list, &payload, &is_list, &whole) != MT_OK)
            return t8n_fail(t, T8N_RLP, "transaction %zu: malformed", i);
        int status = add_raw(t, is_list ? whole : payload);
        if (status != T8N_OK)
            return status;
    }
    return T8N_OK;
}
