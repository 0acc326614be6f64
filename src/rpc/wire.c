/* JSON forms of blocks, transactions, receipts and logs, as the Ethereum JSON-RPC
 * specification (execution-apis) has them. Values are written straight into the reply. */
#include "rpc_int.h"

void wire_checksum(const address *a, char out[43])
{
    char digits[40];
    hex_encode(slice_of(a->b, 20), digits);
    hash32 h = keccak256(digits, 40);
    out[0] = '0';
    out[1] = 'x';
    for (unsigned i = 0; i < 40; i++) {
        unsigned nibble = (unsigned)(h.b[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15u;
        bool upper = digits[i] >= 'a' && nibble >= 8;
        out[2 + i] = upper ? (char)(digits[i] - 32) : digits[i];
    }
    out[42] = 0;
}

/* ---- transactions ---- */

void wire_access_list(struct json_out *j, const struct access_entry *list, size_t num)
{
    json_arr(j);
    for (size_t i = 0; i < num; i++) {
        json_obj(j);
        json_kv_addr(j, "address", &list[i].addr);
        json_key(j, "storageKeys");
        json_arr(j);
        for (size_t k = 0; k < list[i].slot_num; k++)
            json_hash(j, &list[i].slots[k]);
        json_arr_end(j);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void wire_auths(struct json_out *j, const struct tx *tx)
{
    json_key(j, "authorizationList");
    json_arr(j);
    for (size_t i = 0; i < tx->auth_num; i++) {
        const struct authorization *a = &tx->auths[i];
        json_obj(j);
        json_kv_hex_u256(j, "chainId", a->chain_id);
        json_kv_addr(j, "address", &a->addr);
        json_kv_hex_u64(j, "nonce", a->nonce);
        json_kv_hex_u64(j, "yParity", a->y_parity);
        json_kv_hex_u256(j, "r", a->r);
        json_kv_hex_u256(j, "s", a->s);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void wire_tx_place(struct json_out *j, const struct chain_block *b, uint32_t idx)
{
    if (b == NULL) {
        json_kv_nil(j, "blockHash");
        json_kv_nil(j, "blockNumber");
        json_kv_nil(j, "blockTimestamp");
        json_kv_nil(j, "transactionIndex");
        return;
    }
    json_kv_hash(j, "blockHash", &b->block.hash);
    json_kv_hex_u64(j, "blockNumber", b->block.header.number);
    json_kv_hex_u64(j, "blockTimestamp", b->block.header.timestamp);
    json_kv_hex_u64(j, "transactionIndex", idx);
}

static void wire_tx_fees(struct json_out *j, const struct tx *tx,
                         const struct chain_block *b)
{
    if (tx->type < TX_DYNAMIC_FEE) {
        json_kv_hex_u256(j, "gasPrice", tx->gas_price);
        return;
    }
    u256 price = tx->max_fee;
    if (b != NULL)
        price = tx_effective_gas_price(tx, b->block.header.base_fee);
    json_kv_hex_u256(j, "gasPrice", price);
    json_kv_hex_u256(j, "maxFeePerGas", tx->max_fee);
    json_kv_hex_u256(j, "maxPriorityFeePerGas", tx->max_priority_fee);
    if (tx->type == TX_BLOB) {
        json_kv_hex_u256(j, "maxFeePerBlobGas", tx->max_fee_per_blob_gas);
        json_key(j, "blobVersionedHashes");
        json_arr(j);
        for (size_t i = 0; i < tx->blob_num; i++)
            json_hash(j, &tx->blob_hashes[i]);
        json_arr_end(j);
    }
}

/* Without the end of the object. */
static void tx_members(struct json_out *j, const struct tx *tx,
                       const struct chain_block *b, uint32_t idx, size_t input_max)
{
    json_obj(j);
    wire_tx_place(j, b, idx);
    json_kv_addr(j, "from", &tx->from);
    json_kv_hex_u64(j, "gas", tx->gas);
    wire_tx_fees(j, tx, b);
    json_kv_hash(j, "hash", &tx->hash);
    json_kv_hex(j, "input", tx->data.ptr, MT_MIN(tx->data.len, input_max));
    json_kv_hex_u64(j, "nonce", tx->nonce);
    if (tx->has_to)
        json_kv_addr(j, "to", &tx->to);
    else
        json_kv_nil(j, "to");
    json_kv_hex_u256(j, "value", tx->value);
    json_kv_hex_u64(j, "type", tx->type);
    if (tx->has_chain_id)
        json_kv_hex_u64(j, "chainId", tx->chain_id);
    if (tx->type != TX_LEGACY) {
        json_key(j, "accessList");
        wire_access_list(j, tx->access_list, tx->access_num);
    }
    if (tx->type == TX_SET_CODE)
        wire_auths(j, tx);
    json_kv_hex_u256(j, "v", tx->type == TX_LEGACY ? tx->v : u256_from(tx->y_parity));
    json_kv_hex_u256(j, "r", tx->r);
    json_kv_hex_u256(j, "s", tx->s);
    if (tx->type != TX_LEGACY)
        json_kv_hex_u64(j, "yParity", tx->y_parity);
}

void wire_tx(struct json_out *j, const struct tx *tx, const struct chain_block *b,
             uint32_t idx)
{
    wire_tx_cut(j, tx, b, idx, SIZE_MAX);
}

void wire_tx_cut(struct json_out *j, const struct tx *tx, const struct chain_block *b,
                 uint32_t idx, size_t input_max)
{
    tx_members(j, tx, b, idx, input_max);
    json_obj_end(j);
}

void wire_tx_open(struct json_out *j, const struct tx *tx, const struct chain_block *b,
                  uint32_t idx)
{
    tx_members(j, tx, b, idx, SIZE_MAX);
}

/* ---- blocks ---- */

static void wire_header_fields(struct json_out *j, const struct header *h,
                               const hash32 *hash, bool bloom)
{
    if (hash != NULL)
        json_kv_hash(j, "hash", hash);
    else
        json_kv_nil(j, "hash");
    json_kv_hex_u64(j, "number", h->number);
    json_kv_hash(j, "parentHash", &h->parent_hash);
    json_kv_hash(j, "sha3Uncles", &h->ommers_hash);
    json_kv_addr(j, "miner", &h->coinbase);
    json_kv_hash(j, "stateRoot", &h->state_root);
    json_kv_hash(j, "transactionsRoot", &h->tx_root);
    json_kv_hash(j, "receiptsRoot", &h->receipts_root);
    if (bloom)
        json_kv_hex(j, "logsBloom", h->bloom, 256);
    else
        json_kv_nil(j, "logsBloom");
    json_kv_hex_u256(j, "difficulty", h->difficulty);
    json_kv_hex_u64(j, "gasLimit", h->gas_limit);
    json_kv_hex_u64(j, "gasUsed", h->gas_used);
    json_kv_hex_u64(j, "timestamp", h->timestamp);
    json_kv_hex(j, "extraData", h->extra_data.ptr, h->extra_data.len);
    json_kv_hash(j, "mixHash", &h->mix_hash);
    if (hash != NULL)
        json_kv_hex(j, "nonce", h->nonce, 8);
    else
        json_kv_nil(j, "nonce");
    if (h->field_num >= 16)
        json_kv_hex_u256(j, "baseFeePerGas", h->base_fee);
    if (h->field_num >= 17)
        json_kv_hash(j, "withdrawalsRoot", &h->withdrawals_root);
    if (h->field_num >= 18)
        json_kv_hex_u64(j, "blobGasUsed", h->blob_gas_used);
    if (h->field_num >= 19)
        json_kv_hex_u64(j, "excessBlobGas", h->excess_blob_gas);
    if (h->field_num >= 20)
        json_kv_hash(j, "parentBeaconBlockRoot", &h->parent_beacon_root);
    if (h->field_num >= 21)
        json_kv_hash(j, "requestsHash", &h->requests_hash);
    if (h->field_num >= 22)
        json_kv_hash(j, "blockAccessListHash", &h->block_access_list_hash);
    if (h->field_num >= 23)
        json_kv_hex_u64(j, "slotNumber", h->slot_number);
}

void wire_header(struct json_out *j, const struct header *h, const hash32 *hash)
{
    json_obj(j);
    wire_header_fields(j, h, hash, true);
    json_obj_end(j);
}

static size_t block_size(const struct block *b)
{
    if (b->raw.len > 0)
        return b->raw.len;
    struct buf tmp;
    buf_init(&tmp, 64u * 1024u * 1024u);
    block_encode(b, &tmp);
    size_t n = tmp.len;
    buf_fini(&tmp);
    return n;
}

static void wire_withdrawals(struct json_out *j, const struct block *b)
{
    json_key(j, "withdrawals");
    json_arr(j);
    for (size_t i = 0; i < b->withdrawal_num; i++) {
        const struct withdrawal *w = &b->withdrawals[i];
        json_obj(j);
        json_kv_hex_u64(j, "index", w->index);
        json_kv_hex_u64(j, "validatorIndex", w->validator);
        json_kv_addr(j, "address", &w->addr);
        json_kv_hex_u64(j, "amount", w->amount_gwei);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void wire_block_tail(struct json_out *j, const struct block *b)
{
    json_key(j, "uncles");
    json_arr(j);
    for (size_t i = 0; i < b->ommer_num; i++) {
        hash32 h = header_hash(&b->ommers[i]);
        json_hash(j, &h);
    }
    json_arr_end(j);
    if (b->has_withdrawals)
        wire_withdrawals(j, b);
}

/* Up to the list of transactions, which is begun. */
static void block_begin(struct json_out *j, const struct block *b)
{
    /* A block that is only pending has no hash yet. */
    json_obj(j);
    wire_header_fields(j, &b->header, hash32_is_zero(&b->hash) ? NULL : &b->hash, true);
    json_kv_hex_u64(j, "size", block_size(b));
    json_key(j, "transactions");
    json_arr(j);
}

bool wire_block_by(struct json_out *j, const struct chain_block *b,
                   bool (*put)(void *ctx, const struct chain_block *b, uint32_t idx),
                   void *ctx)
{
    block_begin(j, &b->block);
    for (size_t i = 0; i < b->block.tx_num; i++)
        if (!put(ctx, b, (uint32_t)i))
            return false;
    json_arr_end(j);
    wire_block_tail(j, &b->block);
    json_obj_end(j);
    return true;
}

void wire_block_open(struct json_out *j, const struct chain_block *cb, bool full)
{
    const struct block *b = &cb->block;
    block_begin(j, b);
    for (size_t i = 0; i < b->tx_num; i++) {
        if (full)
            wire_tx(j, &b->txs[i], cb, (uint32_t)i);
        else
            json_hash(j, &b->txs[i].hash);
    }
    json_arr_end(j);
    wire_block_tail(j, b);
}

void wire_block(struct json_out *j, const struct chain_block *b, bool full)
{
    wire_block_open(j, b, full);
    json_obj_end(j);
}

void wire_payload_fields(struct json_out *j, const struct block *b, slice access_list)
{
    const struct header *h = &b->header;
    json_kv_hash(j, "parentHash", &h->parent_hash);
    json_kv_addr(j, "feeRecipient", &h->coinbase);
    json_kv_hash(j, "stateRoot", &h->state_root);
    json_kv_hash(j, "receiptsRoot", &h->receipts_root);
    json_kv_hex(j, "logsBloom", h->bloom, 256);
    json_kv_hash(j, "prevRandao", &h->mix_hash);
    json_kv_hex_u64(j, "blockNumber", h->number);
    json_kv_hex_u64(j, "gasLimit", h->gas_limit);
    json_kv_hex_u64(j, "gasUsed", h->gas_used);
    json_kv_hex_u64(j, "timestamp", h->timestamp);
    json_kv_hex(j, "extraData", h->extra_data.ptr, h->extra_data.len);
    json_kv_hex_u256(j, "baseFeePerGas", h->base_fee);
    json_kv_hash(j, "blockHash", &b->hash);
    if (b->has_withdrawals)
        wire_withdrawals(j, b);
    if (h->field_num >= 19) {
        json_kv_hex_u64(j, "blobGasUsed", h->blob_gas_used);
        json_kv_hex_u64(j, "excessBlobGas", h->excess_blob_gas);
    }
    if (h->field_num >= 23) {
        json_kv_hex(j, "blockAccessList", access_list.ptr, access_list.len);
        json_kv_hex_u64(j, "slotNumber", h->slot_number);
    }
}

void wire_block_page(struct json_out *j, const struct chain_block *cb, bool txs,
                     size_t from, size_t to)
{
    const struct block *b = &cb->block;
    json_obj(j);
    wire_header_fields(j, &b->header, &b->hash, false);
    json_kv_hex_u64(j, "size", block_size(b));
    json_kv_u64(j, "transactionCount", b->tx_num);
    if (txs) {
        json_key(j, "transactions");
        json_arr(j);
        for (size_t i = from; i < to; i++)
            wire_tx_cut(j, &b->txs[i], cb, (uint32_t)i, 4);
        json_arr_end(j);
    }
    wire_block_tail(j, b);
    json_obj_end(j);
}

/* ---- receipts and logs ---- */

void wire_log_hit(struct json_out *j, const struct log_hit *hit, bool removed)
{
    const struct log *log = hit->log;
    json_obj(j);
    json_kv_addr(j, "address", &log->addr);
    json_key(j, "topics");
    json_arr(j);
    for (uint32_t i = 0; i < log->topic_num; i++)
        json_hash(j, &log->topics[i]);
    json_arr_end(j);
    json_kv_hex(j, "data", log->data.ptr, log->data.len);
    json_kv_hex_u64(j, "blockNumber", hit->number);
    json_kv_hash(j, "transactionHash", &hit->tx_hash);
    json_kv_hex_u64(j, "transactionIndex", hit->tx_idx);
    json_kv_hash(j, "blockHash", &hit->block_hash);
    json_kv_hex_u64(j, "blockTimestamp", hit->timestamp);
    json_kv_hex_u64(j, "logIndex", hit->log_idx);
    json_kv_bool(j, "removed", removed);
    json_obj_end(j);
}

void wire_log(struct json_out *j, const struct chain_block *b, uint32_t tx_idx,
              uint64_t log_idx, const struct log *log, bool removed)
{
    struct log_hit hit = {.number = b->block.header.number,
                          .timestamp = b->block.header.timestamp,
                          .block_hash = b->block.hash,
                          .tx_hash = b->block.txs[tx_idx].hash,
                          .tx_idx = tx_idx,
                          .log_idx = (uint32_t)log_idx,
                          .log = log};
    wire_log_hit(j, &hit, removed);
}

uint64_t wire_first_log(const struct chain_block *b, uint32_t idx)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < idx; i++)
        n += b->receipts[i].log_num;
    return n;
}

void wire_removed_logs(struct json_out *j, const struct chain_block *b,
                       const struct log_filter *f)
{
    uint32_t num = (uint32_t)b->block.tx_num;
    uint64_t log_idx = wire_first_log(b, num);
    for (uint32_t i = num; i-- > 0;) {
        for (size_t k = b->receipts[i].log_num; k-- > 0;) {
            const struct log *log = &b->receipts[i].logs[k];
            log_idx--;
            if (log_filter_match(f, log))
                wire_log(j, b, i, log_idx, log, true);
        }
    }
}

/* scalar / 10^decimals as decimal text, without trailing zeros. */
static void scaled_text(u256 scalar, uint64_t decimals, char out[160])
{
    u256_text t = u256_dec(scalar);
    size_t len = strlen(t.s), d = decimals > 64 ? 64 : (size_t)decimals, n = 0;
    size_t whole = len > d ? len - d : 0;
    if (whole == 0)
        out[n++] = '0';
    memcpy(out + n, t.s, whole);
    n += whole;
    size_t point = n;
    out[n++] = '.';
    for (size_t i = len; i < d; i++)
        out[n++] = '0';
    memcpy(out + n, t.s + whole, len - whole);
    n += len - whole;
    while (n > point && (out[n - 1] == '0' || out[n - 1] == '.'))
        if (out[--n] == '.')
            break;
    out[n] = 0;
}

static void wire_l1_fee(struct json_out *j, const struct receipt *r)
{
    char text[160];
    scaled_text(r->l1_scalar, r->l1_decimals, text);
    json_kv_hex_u256(j, "l1Fee", r->l1_fee);
    json_kv_hex_u256(j, "l1GasPrice", r->l1_gas_price);
    json_kv_hex_u64(j, "l1GasUsed", r->l1_gas_used);
    json_kv_str(j, "l1FeeScalar", text);
}

void wire_receipt(struct json_out *j, const struct chain_block *b, uint32_t idx,
                  uint64_t first_log)
{
    json_obj(j);
    wire_receipt_fields(j, b, idx, first_log, true);
    json_obj_end(j);
}

void wire_receipt_fields(struct json_out *j, const struct chain_block *b, uint32_t idx,
                         uint64_t first_log, bool logs)
{
    const struct tx *tx = &b->block.txs[idx];
    const struct receipt *r = &b->receipts[idx];
    json_kv_hash(j, "blockHash", &b->block.hash);
    json_kv_hex_u64(j, "blockNumber", b->block.header.number);
    if (r->has_contract)
        json_kv_addr(j, "contractAddress", &r->contract);
    else
        json_kv_nil(j, "contractAddress");
    json_kv_hex_u64(j, "cumulativeGasUsed", r->cumulative_gas);
    json_kv_hex_u256(j, "effectiveGasPrice", r->effective_gas_price);
    json_kv_addr(j, "from", &tx->from);
    json_kv_hex_u64(j, "gasUsed", r->gas_used);
    if (tx->type == TX_BLOB) {
        json_kv_hex_u64(j, "blobGasUsed", r->blob_gas_used);
        json_kv_hex_u256(j, "blobGasPrice", r->blob_gas_price);
    }
    if (logs) {
        json_key(j, "logs");
        json_arr(j);
        for (size_t i = 0; i < r->log_num; i++)
            wire_log(j, b, idx, first_log + i, &r->logs[i], false);
        json_arr_end(j);
        json_kv_hex(j, "logsBloom", r->bloom, 256);
    } else {
        json_kv_nil(j, "logs");
        json_kv_nil(j, "logsBloom");
    }
    if (r->has_root)
        json_kv_hash(j, "root", &r->root);
    else
        json_kv_hex_u64(j, "status", r->success ? 1 : 0);
    if (tx->has_to)
        json_kv_addr(j, "to", &tx->to);
    else
        json_kv_nil(j, "to");
    json_kv_hash(j, "transactionHash", &tx->hash);
    json_kv_hex_u64(j, "transactionIndex", idx);
    json_kv_hex_u64(j, "type", tx->type);
    if (r->has_l1_fee)
        wire_l1_fee(j, r);
}
