/* Blocks, transactions, receipts, ommers: reading what was stored. */
#include "rpc_int.h"

#define INLINE_TXS_MAX 200u /* larger blocks are written out on a reader */

enum call_status m_block_number(struct call *c)
{
    json_hex_u64(&c->out, c->view->head->block.header.number);
    return CALL_DONE;
}

/* What the next block would look like before it holds anything. */
static void wire_pending_block(struct call *c)
{
    const struct header *head = &c->view->head->block.header;
    struct chain_block next = {0};
    struct header *h = &next.block.header;
    *h = *head;
    h->parent_hash = c->view->head->block.hash;
    h->number = head->number + 1;
    h->timestamp = MT_MAX(head->timestamp + 1, clock_unix_ms() / 1000);
    h->gas_used = 0;
    h->base_fee = c->view->next_base_fee;
    h->blob_gas_used = 0;
    memset(h->bloom, 0, sizeof(h->bloom));
    h->tx_root = h->receipts_root = KECCAK_RLP_EMPTY;
    next.block.has_withdrawals = h->field_num >= 17;
    next.block.hash = (hash32){{0}};
    wire_block(&c->out, &next, false);
}

static enum call_status put_block(struct call *c, const struct block_arg *at, bool full)
{
    struct chain_block *b;
    if (!block_find(c, at, &b))
        return CALL_DONE;
    if (b == NULL) {
        json_nil(&c->out);
        return CALL_DONE;
    }
    bool big = full && b->block.tx_num > INLINE_TXS_MAX;
    if (big && !c->on_reader) {
        chain_block_drop(b);
        return CALL_TO_READER;
    }
    wire_block(&c->out, b, full);
    chain_block_drop(b);
    return CALL_DONE;
}

enum call_status m_block_by_number(struct call *c)
{
    struct block_arg at;
    bool full;
    if (!args_num(c, 1, 2) || !arg_block(c, 0, false, &at) || !arg_bool(c, 1, &full))
        return CALL_DONE;
    if (at.kind == BLOCK_PENDING) {
        wire_pending_block(c);
        return CALL_DONE;
    }
    return put_block(c, &at, full);
}

enum call_status m_block_by_hash(struct call *c)
{
    struct block_arg at = {.kind = BLOCK_HASH};
    bool full;
    if (!args_num(c, 1, 2) || !arg_hash(c, 0, &at.hash) || !arg_bool(c, 1, &full))
        return CALL_DONE;
    return put_block(c, &at, full);
}

static void wire_receipts(struct json_out *j, const struct chain_block *b)
{
    uint64_t first = 0;
    json_arr(j);
    for (uint32_t i = 0; i < b->block.tx_num; i++) {
        wire_receipt(j, b, i, first);
        first += b->receipts[i].log_num;
    }
    json_arr_end(j);
}

void rpc_write_receipts(const struct chain_block *b, struct buf *out)
{
    struct json_out j = json_out(out);
    wire_receipts(&j, b);
}

enum call_status m_block_receipts(struct call *c)
{
    struct block_arg at;
    struct chain_block *b;
    if (!args_num(c, 1, 1) || !arg_block(c, 0, false, &at) || !block_find(c, &at, &b))
        return CALL_DONE;
    if (b == NULL) {
        json_nil(&c->out);
        return CALL_DONE;
    }
    if (b->block.tx_num > INLINE_TXS_MAX && !c->on_reader) {
        chain_block_drop(b);
        return CALL_TO_READER;
    }
    wire_receipts(&c->out, b);
    chain_block_drop(b);
    return CALL_DONE;
}

/* The block that parameter 0 names; *out NULL after the reply was written. */
static bool named_block(struct call *c, bool by_hash, size_t args,
                        struct chain_block **out)
{
    struct block_arg at = {.kind = BLOCK_HASH};
    *out = NULL;
    if (!args_num(c, args, args))
        return false;
    if (by_hash ? !arg_hash(c, 0, &at.hash) : !arg_block(c, 0, false, &at))
        return false;
    if (!block_find(c, &at, out))
        return false;
    if (*out == NULL)
        json_nil(&c->out);
    return *out != NULL;
}

static enum call_status put_header(struct call *c, bool by_hash)
{
    struct chain_block *b;
    if (!named_block(c, by_hash, 1, &b))
        return CALL_DONE;
    wire_header(&c->out, &b->block.header, &b->block.hash);
    chain_block_drop(b);
    return CALL_DONE;
}

enum call_status m_header_by_hash(struct call *c)
{
    return put_header(c, true);
}

enum call_status m_header_by_number(struct call *c)
{
    return put_header(c, false);
}

static enum call_status tx_count(struct call *c, bool by_hash)
{
    struct chain_block *b;
    if (!named_block(c, by_hash, 1, &b))
        return CALL_DONE;
    json_hex_u64(&c->out, b->block.tx_num);
    chain_block_drop(b);
    return CALL_DONE;
}

enum call_status m_tx_count_by_hash(struct call *c)
{
    return tx_count(c, true);
}

enum call_status m_tx_count_by_number(struct call *c)
{
    return tx_count(c, false);
}

static enum call_status uncle_count(struct call *c, bool by_hash)
{
    struct chain_block *b;
    if (!named_block(c, by_hash, 1, &b))
        return CALL_DONE;
    json_hex_u64(&c->out, b->block.ommer_num);
    chain_block_drop(b);
    return CALL_DONE;
}

enum call_status m_uncle_count_by_hash(struct call *c)
{
    return uncle_count(c, true);
}

enum call_status m_uncle_count_by_number(struct call *c)
{
    return uncle_count(c, false);
}

static enum call_status uncle_at(struct call *c, bool by_hash)
{
    struct chain_block *b;
    uint64_t i;
    if (!named_block(c, by_hash, 2, &b))
        return CALL_DONE;
    if (arg_u64(c, 1, &i)) {
        if (i < b->block.ommer_num) {
            struct chain_block uncle = {0};
            uncle.block.header = b->block.ommers[i];
            uncle.block.hash = header_hash(&b->block.ommers[i]);
            wire_block(&c->out, &uncle, false);
        } else {
            json_nil(&c->out);
        }
    }
    chain_block_drop(b);
    return CALL_DONE;
}

enum call_status m_uncle_by_hash(struct call *c)
{
    return uncle_at(c, true);
}

enum call_status m_uncle_by_number(struct call *c)
{
    return uncle_at(c, false);
}

static enum call_status tx_at(struct call *c, bool by_hash, bool raw)
{
    struct chain_block *b;
    uint64_t i;
    if (!named_block(c, by_hash, 2, &b))
        return CALL_DONE;
    if (arg_u64(c, 1, &i)) {
        if (i >= b->block.tx_num)
            json_nil(&c->out);
        else if (raw)
            json_hex(&c->out, b->block.txs[i].raw.ptr, b->block.txs[i].raw.len);
        else
            wire_tx(&c->out, &b->block.txs[i], b, (uint32_t)i);
    }
    chain_block_drop(b);
    return CALL_DONE;
}

enum call_status m_tx_by_hash_idx(struct call *c)
{
    return tx_at(c, true, false);
}

enum call_status m_tx_by_number_idx(struct call *c)
{
    return tx_at(c, false, false);
}

enum call_status m_raw_tx_by_hash_idx(struct call *c)
{
    return tx_at(c, true, true);
}

enum call_status m_raw_tx_by_number_idx(struct call *c)
{
    return tx_at(c, false, true);
}

bool find_tx(struct call *c, const hash32 *hash, struct chain_block **b, uint32_t *idx)
{
    mt_err err = chain_find_tx(c->rpc->opt.chain, hash, b, idx);
    if (err == MT_OK)
        return true;
    *b = NULL;
    if (err == MT_ENOTFOUND)
        return true;
    call_error(c, err, NULL);
    return false;
}

enum call_status m_tx_by_hash(struct call *c)
{
    hash32 hash;
    struct chain_block *b;
    uint32_t idx;
    if (!args_num(c, 1, 1) || !arg_hash(c, 0, &hash) || !find_tx(c, &hash, &b, &idx))
        return CALL_DONE;
    if (b != NULL) {
        wire_tx(&c->out, &b->block.txs[idx], b, idx);
        chain_block_drop(b);
        return CALL_DONE;
    }
    struct pool_tx *t = pool_get(c->rpc->opt.pool, &hash);
    if (t == NULL) {
        json_nil(&c->out);
        return CALL_DONE;
    }
    wire_tx(&c->out, &t->tx, NULL, 0);
    pool_tx_drop(t);
    return CALL_DONE;
}

enum call_status m_raw_tx(struct call *c)
{
    hash32 hash;
    struct chain_block *b;
    uint32_t idx;
    if (!args_num(c, 1, 1) || !arg_hash(c, 0, &hash) || !find_tx(c, &hash, &b, &idx))
        return CALL_DONE;
    struct pool_tx *t = b != NULL ? NULL : pool_get(c->rpc->opt.pool, &hash);
    slice raw = b != NULL ? b->block.txs[idx].raw : t != NULL ? t->tx.raw : (slice){0};
    json_hex(&c->out, raw.ptr, raw.len);
    chain_block_drop(b);
    if (t != NULL)
        pool_tx_drop(t);
    return CALL_DONE;
}

enum call_status m_receipt(struct call *c)
{
    hash32 hash;
    struct chain_block *b;
    uint32_t idx;
    if (!args_num(c, 1, 1) || !arg_hash(c, 0, &hash) || !find_tx(c, &hash, &b, &idx))
        return CALL_DONE;
    if (b == NULL) {
        json_nil(&c->out);
        return CALL_DONE;
    }
    /* The loop's view may be a step behind the store; what it has not seen is not
     * there. */
    if (b->block.header.number > c->view->head->block.header.number)
        json_nil(&c->out);
    else
        wire_receipt(&c->out, b, idx, wire_first_log(b, idx));
    chain_block_drop(b);
    return CALL_DONE;
}

/* ---- raw forms ---- */

static bool raw_block(struct call *c, struct chain_block **b)
{
    struct block_arg at;
    if (!args_num(c, 1, 1) || !arg_block(c, 0, false, &at) || !block_find(c, &at, b))
        return false;
    if (*b == NULL)
        call_fail(c, RPC_SERVER, "block not found");
    return *b != NULL;
}

enum call_status m_raw_header(struct call *c)
{
    struct chain_block *b;
    struct buf rlp;
    if (!raw_block(c, &b))
        return CALL_DONE;
    buf_init(&rlp, 4096);
    header_encode(&b->block.header, &rlp);
    json_hex(&c->out, rlp.ptr, rlp.len);
    buf_fini(&rlp);
    chain_block_drop(b);
    return CALL_DONE;
}

enum call_status m_raw_block(struct call *c)
{
    struct chain_block *b;
    struct buf rlp;
    if (!raw_block(c, &b))
        return CALL_DONE;
    buf_init(&rlp, c->rpc->opt.reply_max);
    block_encode(&b->block, &rlp);
    json_hex(&c->out, rlp.ptr, rlp.len);
    if (!buf_ok(&rlp))
        call_fail(c, RPC_TOO_LARGE, "response too large");
    buf_fini(&rlp);
    chain_block_drop(b);
    return CALL_DONE;
}

enum call_status m_raw_receipts(struct call *c)
{
    struct chain_block *b;
    struct buf rlp;
    if (!raw_block(c, &b))
        return CALL_DONE;
    buf_init(&rlp, c->rpc->opt.reply_max);
    json_arr(&c->out);
    for (size_t i = 0; i < b->block.tx_num; i++) {
        buf_reset(&rlp);
        receipt_encode(&b->receipts[i], &rlp);
        json_hex(&c->out, rlp.ptr, rlp.len);
    }
    json_arr_end(&c->out);
    if (!buf_ok(&rlp))
        call_fail(c, RPC_TOO_LARGE, "response too large");
    buf_fini(&rlp);
    chain_block_drop(b);
    return CALL_DONE;
}
