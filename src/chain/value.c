/* Blocks as values: between the store's record and a decoded, refcounted chain_block.
 *
 * Storage form of receipts, one list a transaction:
 *   [ status (0, 1 or 32-byte root), cumulative gas, gas used, contract or "",
 *     effective gas price, blob gas used, blob gas price, logs,
 *     [] or [l1 fee, l1 gas price, l1 gas used, l1 scalar, l1 decimals] ]
 * Blooms are computed again when read; logs are [address, topics, data] as in the
 * receipt. */
#include "chain_int.h"

#include <stdatomic.h>

#define ENCODED_MAX ((size_t)1 << 30)

static void put_l1(struct buf *b, const struct receipt *r)
{
    size_t list = rlp_begin(b);
    if (r->has_l1_fee) {
        rlp_put_u256(b, r->l1_fee);
        rlp_put_u256(b, r->l1_gas_price);
        rlp_put_u64(b, r->l1_gas_used);
        rlp_put_u256(b, r->l1_scalar);
        rlp_put_u64(b, r->l1_decimals);
    }
    rlp_end(b, list);
}

static void put_receipts(struct buf *b, const struct receipt *rs, size_t num)
{
    size_t list = rlp_begin(b);
    for (size_t i = 0; i < num; i++) {
        const struct receipt *r = &rs[i];
        size_t item = rlp_begin(b);
        if (r->has_root)
            rlp_put_bytes(b, r->root.b, 32);
        else
            rlp_put_u64(b, r->success ? 1 : 0);
        rlp_put_u64(b, r->cumulative_gas);
        rlp_put_u64(b, r->gas_used);
        rlp_put_bytes(b, r->contract.b, r->has_contract ? 20 : 0);
        rlp_put_u256(b, r->effective_gas_price);
        rlp_put_u64(b, r->blob_gas_used);
        rlp_put_u256(b, r->blob_gas_price);
        logs_encode(r->logs, r->log_num, b);
        put_l1(b, r);
        rlp_end(b, item);
    }
    rlp_end(b, list);
}

mt_err chain_record_of_block(const struct block *b, const struct receipt *receipts,
                             size_t receipt_num, u256 total_difficulty,
                             struct arena *arena, struct block_record *out)
{
    struct buf body, whole, stored;
    struct rlp top, r;
    slice h_payload, h_whole;
    bool is_list;
    buf_init_arena(&body, arena, ENCODED_MAX);
    buf_init_arena(&whole, arena, ENCODED_MAX);
    buf_init_arena(&stored, arena, ENCODED_MAX);
    block_encode(b, &whole);
    if (receipts != NULL)
        put_receipts(&stored, receipts, receipt_num);
    uint8_t *senders = arena_alloc(arena, b->tx_num * 20 + 1);
    if (!buf_ok(&whole) || !buf_ok(&stored) || senders == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < b->tx_num; i++)
        memcpy(senders + 20 * i, b->txs[i].from.b, 20);
    top = rlp_reader(buf_slice(&whole));
    MT_TRY(rlp_get_list(&top, &r));
    MT_TRY(rlp_next(&r, &h_payload, &is_list, &h_whole));
    rlp_put_header(&body, (size_t)(r.end - r.ptr), true);
    buf_put(&body, r.ptr, (size_t)(r.end - r.ptr));
    if (!buf_ok(&body))
        return MT_ELIMIT;
    *out = (struct block_record){
        .id = {b->header.number, b->hash},
        .parent = b->header.parent_hash,
        .header = h_whole,
        .body = buf_slice(&body),
        .receipts = buf_slice(&stored),
        .senders = slice_of(senders, b->tx_num * 20),
        .total_difficulty = total_difficulty,
    };
    return MT_OK;
}

/* ---- reading ---- */

mt_err chain_log_decode(struct rlp *list, struct log *l)
{
    struct rlp r, topics;
    MT_TRY(rlp_get_list(list, &r));
    MT_TRY(rlp_get_fixed(&r, l->addr.b, 20));
    MT_TRY(rlp_get_list(&r, &topics));
    while (!rlp_at_end(&topics)) {
        if (l->topic_num == 4)
            return MT_ECORRUPT;
        MT_TRY(rlp_get_fixed(&topics, l->topics[l->topic_num++].b, 32));
    }
    return rlp_get_bytes(&r, &l->data);
}

static mt_err get_logs(struct rlp *r, struct arena *arena, struct bloom_memo *memo,
                       struct receipt *out)
{
    struct rlp list;
    size_t n;
    MT_TRY(rlp_get_list(r, &list));
    MT_TRY(rlp_count(&list, &n));
    struct log *logs = arena_zalloc(arena, n, sizeof(*logs));
    if (logs == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < n; i++)
        MT_TRY(chain_log_decode(&list, &logs[i]));
    out->logs = logs;
    out->log_num = n;
    bloom_of_logs(logs, n, memo, out->bloom);
    return MT_OK;
}

static mt_err get_l1(struct rlp *r, struct receipt *out)
{
    struct rlp l;
    MT_TRY(rlp_get_list(r, &l));
    if (rlp_at_end(&l))
        return MT_OK;
    out->has_l1_fee = true;
    MT_TRY(rlp_get_u256(&l, &out->l1_fee));
    MT_TRY(rlp_get_u256(&l, &out->l1_gas_price));
    MT_TRY(rlp_get_u64(&l, &out->l1_gas_used));
    MT_TRY(rlp_get_u256(&l, &out->l1_scalar));
    return rlp_get_u64(&l, &out->l1_decimals);
}

static mt_err get_receipt(struct rlp *list, struct arena *arena, struct bloom_memo *memo,
                          struct receipt *out)
{
    struct rlp r;
    slice status, contract;
    MT_TRY(rlp_get_list(list, &r));
    MT_TRY(rlp_get_bytes(&r, &status));
    out->has_root = status.len == 32;
    if (out->has_root)
        memcpy(out->root.b, status.ptr, 32);
    out->success = status.len == 1 && status.ptr[0] == 1;
    MT_TRY(rlp_get_u64(&r, &out->cumulative_gas));
    MT_TRY(rlp_get_u64(&r, &out->gas_used));
    MT_TRY(rlp_get_bytes(&r, &contract));
    out->has_contract = contract.len == 20;
    if (out->has_contract)
        memcpy(out->contract.b, contract.ptr, 20);
    MT_TRY(rlp_get_u256(&r, &out->effective_gas_price));
    MT_TRY(rlp_get_u64(&r, &out->blob_gas_used));
    MT_TRY(rlp_get_u256(&r, &out->blob_gas_price));
    MT_TRY(get_logs(&r, arena, memo, out));
    return get_l1(&r, out);
}

static mt_err read_receipts(slice stored, struct chain_block *b)
{
    struct rlp top = rlp_reader(stored), list;
    struct bloom_memo memo = {0};
    if (stored.len == 0) /* a side block: never executed */
        return MT_OK;
    MT_TRY(rlp_get_list(&top, &list));
    b->receipts = arena_zalloc(&b->arena, b->block.tx_num, sizeof(*b->receipts));
    if (b->receipts == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < b->block.tx_num; i++) {
        MT_TRY(get_receipt(&list, &b->arena, &memo, &b->receipts[i]));
        b->receipts[i].type = b->block.txs[i].type;
    }
    return rlp_finish(&list);
}

/* Header and body put together again as the block's own encoding. */
static mt_err whole_block(const struct block_record *rec, struct arena *arena, slice *out)
{
    struct rlp top = rlp_reader(rec->body), body;
    struct buf b;
    MT_TRY(rlp_get_list(&top, &body));
    size_t len = (size_t)(body.end - body.ptr);
    buf_init_arena(&b, arena, rec->header.len + len + 16);
    if (buf_reserve(&b, rec->header.len + len + 16) == NULL)
        return MT_ELIMIT;
    rlp_put_header(&b, rec->header.len + len, true);
    buf_put_slice(&b, rec->header);
    buf_put(&b, body.ptr, len);
    *out = buf_slice(&b);
    return buf_ok(&b) ? MT_OK : MT_ELIMIT;
}

static mt_err read_block(const struct block_record *rec, struct chain_block *b)
{
    slice whole, receipts;
    MT_TRY(whole_block(rec, &b->arena, &whole));
    MT_TRY(block_decode(whole, &b->arena, &b->block, NULL));
    if (rec->senders.len != b->block.tx_num * 20)
        return MT_ECORRUPT;
    for (size_t i = 0; i < b->block.tx_num; i++) {
        memcpy(b->block.txs[i].from.b, rec->senders.ptr + 20 * i, 20);
        b->block.txs[i].has_from = true;
    }
    void *copy = arena_copy(&b->arena, rec->receipts.ptr, rec->receipts.len);
    if (copy == NULL)
        return MT_ELIMIT;
    receipts = slice_of(copy, rec->receipts.len);
    return read_receipts(receipts, b);
}

mt_err chain_block_of_record(const struct block_record *rec, bool canonical,
                             struct chain_block **out)
{
    struct chain_block *b = mt_alloc(sizeof(*b));
    b->refs = 1;
    b->canonical = canonical;
    b->total_difficulty = rec->total_difficulty;
    /* Decoded values are larger than their encoding by a bounded factor (a receipt
     * with its bloom against some 60 bytes is the worst). */
    arena_init(&b->arena, (rec->body.len + rec->receipts.len) * 64 + (1u << 20));
    mt_err err = read_block(rec, b);
    if (err != MT_OK) {
        chain_block_drop(b);
        return err == MT_EDECODE ? MT_ECORRUPT : err;
    }
    *out = b;
    return MT_OK;
}

mt_err chain_index_of_block(const struct chain_block *b, struct arena *arena,
                            struct metisdb_block_index *out)
{
    hash32 *hashes = arena_zalloc(arena, b->block.tx_num + 1, sizeof(*hashes));
    if (hashes == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < b->block.tx_num; i++)
        hashes[i] = b->block.txs[i].hash;
    *out = (struct metisdb_block_index){
        .tx_hashes = hashes,
        .tx_num = b->block.tx_num,
        .receipts = b->receipts,
        .receipt_num = b->receipts != NULL ? b->block.tx_num : 0,
    };
    return MT_OK;
}

void chain_block_hold(struct chain_block *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

void chain_block_drop(struct chain_block *b)
{
    if (b == NULL || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_fini(&b->arena);
    mt_free(b);
}
