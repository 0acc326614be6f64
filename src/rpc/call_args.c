/* The transaction object of eth_call, eth_estimateGas and eth_sendTransaction, field
 * by field, into a transaction. */
#include "rpc_int.h"

bool opt_u256(struct call *c, size_t i, const json_t *o, const char *key, u256 *out,
              bool *has)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_null(v))
        return true;
    if (has != NULL)
        *has = true;
    return val_u256(c, i, v, out);
}

bool opt_u64(struct call *c, size_t i, const json_t *o, const char *key, uint64_t *out,
             bool *has)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_null(v))
        return true;
    if (has != NULL)
        *has = true;
    return val_u64(c, i, v, out);
}

bool opt_address(struct call *c, size_t i, const json_t *o, const char *key, address *out,
                 bool *has)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_null(v))
        return true;
    if (has != NULL)
        *has = true;
    return val_address(c, i, v, out);
}

bool list_refused(struct call *c, size_t i)
{
    call_fail(c, RPC_PARAMS, "invalid argument %zu: list too long or not a list", i);
    return false;
}

static bool hash_list(struct call *c, size_t i, const json_t *list, const hash32 **out,
                      size_t *num)
{
    *num = json_array_size(list);
    hash32 *h = arena_zalloc(c->arena, *num + 1, sizeof(*h));
    if ((list != NULL && !json_is_array(list)) || *num > ITEMS_MAX || h == NULL)
        return list_refused(c, i);
    for (size_t k = 0; k < *num; k++)
        if (!val_hash(c, i, json_array_get(list, k), &h[k]))
            return false;
    *out = h;
    return true;
}

static bool access_list(struct call *c, size_t i, const json_t *list, struct tx *tx)
{
    size_t n = json_array_size(list);
    struct access_entry *e = arena_zalloc(c->arena, n + 1, sizeof(*e));
    if (!json_is_array(list) || n > ITEMS_MAX || e == NULL)
        return list_refused(c, i);
    for (size_t k = 0; k < n; k++) {
        const json_t *o = json_array_get(list, k);
        if (!val_address(c, i, json_object_get(o, "address"), &e[k].addr) ||
            !hash_list(c, i, json_object_get(o, "storageKeys"), &e[k].slots,
                       &e[k].slot_num))
            return false;
    }
    tx->access_list = e;
    tx->access_num = n;
    tx->type = TX_ACCESS_LIST;
    return true;
}

static bool auth_list(struct call *c, size_t i, const json_t *list, struct tx *tx)
{
    size_t n = json_array_size(list);
    struct authorization *a = arena_zalloc(c->arena, n + 1, sizeof(*a));
    if (!json_is_array(list) || n > ITEMS_MAX || a == NULL)
        return list_refused(c, i);
    for (size_t k = 0; k < n; k++) {
        const json_t *o = json_array_get(list, k);
        uint64_t parity = 0;
        if (!opt_u256(c, i, o, "chainId", &a[k].chain_id, NULL) ||
            !val_address(c, i, json_object_get(o, "address"), &a[k].addr) ||
            !opt_u64(c, i, o, "nonce", &a[k].nonce, NULL) ||
            !opt_u64(c, i, o, "yParity", &parity, NULL) ||
            !opt_u256(c, i, o, "r", &a[k].r, NULL) ||
            !opt_u256(c, i, o, "s", &a[k].s, NULL))
            return false;
        a[k].y_parity = (uint8_t)(parity > 255 ? 255 : parity);
    }
    tx->auths = a;
    tx->auth_num = n;
    return true;
}

/* Calls take input before data; who sends has to say one thing (send_read). */
static bool call_data(struct call *c, size_t i, const json_t *o, struct tx *tx)
{
    const json_t *data = json_object_get(o, "data");
    const json_t *input = json_object_get(o, "input");
    if (json_is_null(data))
        data = NULL;
    if (json_is_null(input))
        input = NULL;
    return (data == NULL || val_data(c, i, data, &tx->data)) &&
           (input == NULL || val_data(c, i, input, &tx->data));
}

static bool call_fees(struct call *c, size_t i, const json_t *o, struct call_tx *t)
{
    struct tx *tx = &t->tx;
    bool has_tip = false, has_cap = false;
    if (!opt_u256(c, i, o, "gasPrice", &tx->gas_price, &t->has_price) ||
        !opt_u256(c, i, o, "maxFeePerGas", &tx->max_fee, &has_cap) ||
        !opt_u256(c, i, o, "maxPriorityFeePerGas", &tx->max_priority_fee, &has_tip) ||
        !opt_u256(c, i, o, "maxFeePerBlobGas", &tx->max_fee_per_blob_gas,
                  &t->has_blob_fee))
        return false;
    t->has_fees = has_tip || has_cap;
    if (t->has_price && t->has_fees) {
        call_fail(c, RPC_SERVER,
                  "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) "
                  "specified");
        return false;
    }
    if (t->has_price)
        tx->max_fee = tx->max_priority_fee = tx->gas_price;
    if (has_tip && !has_cap)
        tx->max_fee = u256_add(u256_add(c->view->next_base_fee, c->view->next_base_fee),
                               tx->max_priority_fee);
    if (has_cap && u256_lt(tx->max_fee, tx->max_priority_fee)) {
        /* geth: a wrong parameter only where a transaction is made of the call */
        call_fail(c, c->method->run == m_simulate ? RPC_PARAMS : RPC_SERVER,
                  "maxFeePerGas (%s) < maxPriorityFeePerGas (%s)",
                  u256_dec(tx->max_fee).s, u256_dec(tx->max_priority_fee).s);
        return false;
    }
    return true;
}

static bool call_lists(struct call *c, size_t i, const json_t *o, struct call_tx *t)
{
    struct tx *tx = &t->tx;
    const json_t *access = json_object_get(o, "accessList");
    const json_t *blobs = json_object_get(o, "blobVersionedHashes");
    const json_t *auths = json_object_get(o, "authorizationList");
    if (access != NULL && !json_is_null(access) && !access_list(c, i, access, tx))
        return false;
    if (t->has_fees)
        tx->type = TX_DYNAMIC_FEE;
    if (blobs != NULL && !json_is_null(blobs)) {
        if (!hash_list(c, i, blobs, &tx->blob_hashes, &tx->blob_num))
            return false;
        tx->type = TX_BLOB;
    }
    if (auths != NULL && !json_is_null(auths)) {
        if (!auth_list(c, i, auths, tx))
            return false;
        tx->type = TX_SET_CODE;
    }
    return true;
}

/* A stated type counts where the fields leave it open. */
static bool call_type(struct call *c, size_t i, const json_t *o, struct call_tx *t)
{
    uint64_t type = 0;
    if (!opt_u64(c, i, o, "type", &type, &t->has_type))
        return false;
    if (type > TX_SET_CODE) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: transaction type not supported",
                  i);
        return false;
    }
    if (t->has_type && t->tx.type < TX_DYNAMIC_FEE && type <= TX_DYNAMIC_FEE &&
        type > (uint64_t)t->tx.type)
        t->tx.type = (enum tx_type)type;
    return true;
}

bool arg_tx(struct call *c, size_t i, struct call_tx *t)
{
    return val_tx(c, i, arg(c, i), t);
}

bool val_tx(struct call *c, size_t i, const json_t *o, struct call_tx *t)
{
    struct tx *tx = &t->tx;
    uint64_t chain_id = chain_spec_of(c->rpc->opt.chain)->chain_id;
    *t = (struct call_tx){0};
    if (!json_is_object(o)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: not an object", i);
        return false;
    }
    tx->chain_id = chain_id;
    if (!opt_address(c, i, o, "from", &tx->from, NULL) ||
        !opt_address(c, i, o, "to", &tx->to, &tx->has_to) ||
        !opt_u64(c, i, o, "gas", &tx->gas, &t->has_gas) ||
        !opt_u256(c, i, o, "value", &tx->value, NULL) ||
        !opt_u64(c, i, o, "nonce", &tx->nonce, &t->has_nonce) ||
        !opt_u64(c, i, o, "chainId", &tx->chain_id, &t->has_chain_id) ||
        !call_data(c, i, o, tx) || !call_fees(c, i, o, t) || !call_lists(c, i, o, t))
        return false;
    if (tx->chain_id != chain_id) {
        call_fail(c, RPC_SERVER, "chainId does not match node's (have=%llu, want=%llu)",
                  (unsigned long long)tx->chain_id, (unsigned long long)chain_id);
        return false;
    }
    tx->has_chain_id = true;
    tx->has_from = true;
    return call_type(c, i, o, t);
}
