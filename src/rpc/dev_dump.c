/* anvil_dumpState: everything a development network holds, in the form of anvil 1.7 (JSON
 * under gzip in hex), so that either program loads it: accounts with code and storage,
 * the head as a block's environment, all blocks, and transactions with their receipts.
 *
 * The store knows hashes of addresses and slots only; a development network keeps what
 * they are made of (metisdb_options.preimages). Where one is missing the store was made
 * by another command, and the dump is refused as a whole rather than being incomplete.
 *
 * The text is compressed piece by piece while it is written, so that what the call needs
 * is the reply, under the reply's cap, and one piece: at most a block, under the call's
 * memory cap. */
#include "dev_int.h"
#include "trace_int.h"

#define PIECE_MIN ((size_t)64 * 1024)

struct dump {
    struct call *c;
    struct metisdb_snapshot *s;
    struct gzip_hex *gzip;
    struct buf text; /* what waits to be compressed */
    struct json_out out;
    mt_err err;
    bool missing; /* a preimage */
    hash32 key;   /* its hash */
};

/* Compresses what was written so far; false: no need to write on. */
static bool flush(struct dump *d, size_t least)
{
    if (d->err == MT_OK && !buf_ok(&d->text))
        d->err = MT_ELIMIT;
    if (d->err == MT_OK && call_should_stop(d->c))
        d->err = MT_ECANCELED;
    if (d->err != MT_OK || d->missing || !buf_ok(&d->c->buf))
        return false;
    if (d->text.len < least)
        return true;
    gzip_hex_put(d->gzip, buf_slice(&d->text));
    d->text.len = 0;
    return true;
}

static void put_addr(struct json_out *j, const char *key, const address *a)
{
    json_key(j, key);
    if (a != NULL)
        json_addr(j, a);
    else
        json_nil(j);
}

static void put_empty(struct json_out *j, const char *key)
{
    json_key(j, key);
    json_arr(j);
    json_arr_end(j);
}

/* ---- accounts ---- */

static bool preimage(struct dump *d, const hash32 *key, size_t len, void *out)
{
    slice pre;
    mt_err err = metisdb_preimage(d->s, key, &pre);
    if (err == MT_ENOTFOUND) {
        d->missing = true;
        d->key = *key;
        return false;
    }
    if (err == MT_OK && pre.len != len)
        err = MT_ECORRUPT;
    d->err = err;
    if (err == MT_OK)
        memcpy(out, pre.ptr, len);
    return err == MT_OK;
}

static bool dump_slot(void *ctx, const hash32 *key, u256 value)
{
    struct dump *d = ctx;
    hash32 slot, word = u256_to_hash(value);
    if (!preimage(d, key, 32, slot.b))
        return false;
    json_kv_hash(&d->out, hash32_text(&slot).s, &word);
    return flush(d, PIECE_MIN);
}

static bool dump_account(void *ctx, const hash32 *key, const struct account *a)
{
    struct dump *d = ctx;
    struct json_out *j = &d->out;
    address addr;
    slice code;
    if (!preimage(d, key, 20, addr.b))
        return false;
    d->err = metisdb_get_code(d->s, &a->code_hash, &code);
    if (d->err != MT_OK)
        return false;
    json_key(j, address_text(&addr).s);
    json_obj(j);
    json_kv_u64(j, "nonce", a->nonce);
    json_kv_hex_u256(j, "balance", a->balance);
    json_kv_hex(j, "code", code.ptr, code.len);
    json_key(j, "storage");
    json_obj(j);
    mt_err err = metisdb_each_slot(d->s, key, NULL, dump_slot, d);
    if (d->err == MT_OK)
        d->err = err;
    json_obj_end(j);
    json_obj_end(j);
    return flush(d, PIECE_MIN);
}

/* ---- blocks ---- */

/* What the head was made in. */
static void dump_env(struct dump *d, const struct header *h, const struct rules *rules)
{
    struct json_out *j = &d->out;
    json_key(j, "block");
    json_obj(j);
    json_kv_hex_u64(j, "number", h->number);
    put_addr(j, "beneficiary", &h->coinbase);
    json_kv_hex_u64(j, "timestamp", h->timestamp);
    json_kv_u64(j, "gas_limit", h->gas_limit);
    json_kv_u64(j, "basefee", u256_to_u64_sat(h->base_fee));
    json_kv_hex_u256(j, "difficulty", h->difficulty);
    json_kv_hash(j, "prevrandao", &h->mix_hash);
    json_key(j, "blob_excess_gas_and_price");
    if (rules->fork >= FORK_CANCUN) {
        json_obj(j);
        json_kv_u64(j, "excess_blob_gas", h->excess_blob_gas);
        json_kv_u64(j, "blob_gasprice",
                    u256_to_u64_sat(blob_base_fee(h->excess_blob_gas, rules)));
        json_obj_end(j);
    } else {
        json_nil(j);
    }
    json_kv_u64(j, "slot_num", h->slot_number);
    json_obj_end(j);
}

/* Its signature only marks the place (send_sign). */
static bool is_impersonated(const struct tx *tx)
{
    hash32 r = u256_to_hash(tx->r);
    return u256_eq(tx->s, U256_ONE) && memcmp(r.b + 12, tx->from.b, 20) == 0;
}

/* Anvil gives a transaction of an impersonated sender a name of its own: the hash of its
 * encoding, as it stands in a list, and the sender. Under another one it would not find
 * the receipt. */
static hash32 name_of(struct dump *d, const struct tx *tx)
{
    struct buf b;
    if (!is_impersonated(tx))
        return tx->hash;
    struct arena_mark mark = arena_mark(d->c->arena);
    buf_init_arena(&b, d->c->arena, tx->raw.len + 32);
    if (tx->type == TX_LEGACY)
        buf_put_slice(&b, tx->raw);
    else
        rlp_put_bytes(&b, tx->raw.ptr, tx->raw.len);
    buf_put(&b, tx->from.b, 20);
    if (!buf_ok(&b))
        d->err = MT_ELIMIT;
    hash32 name = keccak256(b.ptr, b.len);
    arena_rewind(d->c->arena, mark);
    return name;
}

static void dump_block(struct dump *d, const struct chain_block *b)
{
    struct json_out *j = &d->out;
    json_obj(j);
    json_key(j, "header");
    wire_header(j, &b->block.header, &b->block.hash);
    json_key(j, "transactions");
    json_arr(j);
    for (size_t i = 0; i < b->block.tx_num; i++) {
        const struct tx *tx = &b->block.txs[i];
        json_obj(j);
        json_key(j, "transaction");
        wire_tx(j, tx, b, (uint32_t)i);
        put_addr(j, "impersonated_sender", is_impersonated(tx) ? &tx->from : NULL);
        json_obj_end(j);
    }
    json_arr_end(j);
    put_empty(j, "ommers");
    json_kv_nil(j, "withdrawals");
    json_obj_end(j);
}

static void dump_receipt(struct json_out *j, const struct receipt *r)
{
    json_obj(j);
    json_kv_hex_u64(j, "type", (uint64_t)r->type);
    json_kv_hex_u64(j, "status", r->success);
    json_kv_hex_u64(j, "cumulativeGasUsed", r->cumulative_gas);
    json_key(j, "logs");
    json_arr(j);
    for (size_t i = 0; i < r->log_num; i++) {
        const struct log *l = &r->logs[i];
        json_obj(j);
        put_addr(j, "address", &l->addr);
        json_key(j, "topics");
        json_arr(j);
        for (size_t k = 0; k < l->topic_num; k++)
            json_hash(j, &l->topics[k]);
        json_arr_end(j);
        json_kv_hex(j, "data", l->data.ptr, l->data.len);
        json_obj_end(j);
    }
    json_arr_end(j);
    json_kv_hex(j, "logsBloom", r->bloom, 256);
    json_obj_end(j);
}

/* Traces are made again by whoever wants them, so none are in it. */
static void dump_txs(struct dump *d, const struct chain_block *b)
{
    struct json_out *j = &d->out;
    for (size_t i = 0; i < b->block.tx_num; i++) {
        const struct tx *tx = &b->block.txs[i];
        const struct receipt *r = &b->receipts[i];
        hash32 name = name_of(d, tx);
        json_obj(j);
        json_key(j, "info");
        json_obj(j);
        json_kv_hash(j, "transaction_hash", &name);
        json_kv_u64(j, "transaction_index", i);
        put_addr(j, "from", &tx->from);
        put_addr(j, "to", tx->has_to ? &tx->to : NULL);
        put_addr(j, "contract_address", r->has_contract ? &r->contract : NULL);
        put_empty(j, "traces");
        json_kv_str(j, "exit", r->success ? "Stop" : "Revert");
        json_kv_nil(j, "out");
        json_kv_u64(j, "nonce", tx->nonce);
        json_kv_u64(j, "gas_used", r->gas_used);
        json_obj_end(j);
        json_key(j, "receipt");
        dump_receipt(j, r);
        json_kv_hash(j, "block_hash", &b->block.hash);
        json_kv_u64(j, "block_number", b->block.header.number);
        json_obj_end(j);
    }
}

static void each_block(struct dump *d, const char *key, uint64_t last,
                       void (*fn)(struct dump *d, const struct chain_block *b))
{
    json_key(&d->out, key);
    json_arr(&d->out);
    for (uint64_t n = 0; n <= last && flush(d, PIECE_MIN); n++) {
        struct chain_block *b;
        hash32 hash;
        d->err = metisdb_snapshot_hash(d->s, n, &hash);
        if (d->err == MT_OK)
            d->err = chain_block_by_hash(d->c->rpc->opt.chain, &hash, &b);
        if (d->err != MT_OK)
            return;
        fn(d, b);
        chain_block_drop(b);
    }
    json_arr_end(&d->out);
}

/* ---- the whole ---- */

static void dump_all(struct dump *d, const struct chain_block *head,
                     const struct rules *rules)
{
    struct json_out *j = &d->out;
    uint64_t last = head->block.header.number;
    json_obj(j);
    dump_env(d, &head->block.header, rules);
    json_key(j, "accounts");
    json_obj(j);
    mt_err err = metisdb_each_account(d->s, NULL, dump_account, d);
    if (d->err == MT_OK)
        d->err = err;
    json_obj_end(j);
    json_kv_u64(j, "best_block_number", last);
    each_block(d, "blocks", last, dump_block);
    each_block(d, "transactions", last, dump_txs);
    json_kv_nil(j, "historical_states");
    json_obj_end(j);
    flush(d, 0);
}

static enum call_status dump_failed(const struct dump *d)
{
    if (d->missing)
        return call_fail(d->c, RPC_UNSUPPORTED,
                         "the key with hash %s is not known: this database was not made "
                         "by a development network, which keeps them",
                         hash32_text(&d->key).s);
    if (!buf_ok(&d->c->buf))
        return call_fail(d->c, RPC_TOO_LARGE,
                         "the dump is larger than a reply of %zu bytes (rpc.reply_max)",
                         d->c->rpc->opt.reply_max);
    if (d->err == MT_ELIMIT)
        return call_fail(d->c, RPC_LIMIT,
                         "a block of the dump needs more than %zu bytes (rpc.job_memory)",
                         d->c->rpc->opt.call_memory_max);
    return call_error(d->c, d->err, NULL);
}

enum call_status m_dev_dump_state(struct call *c)
{
    struct dump d = {.c = c};
    struct mt_diag diag = {0};
    bool old_states;
    if (!args_num(c, 0, 1) || !arg_bool(c, 0, &old_states))
        return CALL_DONE;
    if (old_states)
        return call_fail(c, RPC_UNSUPPORTED, "a dump holds the newest state alone");
    mt_err err = chain_state_open(c->rpc->opt.chain, METISDB_LATEST, &c->state, &diag);
    if (err != MT_OK)
        return call_error(c, err, &diag);
    c->has_state = true;
    struct rules rules = trace_rules_of(c, c->state.block);
    d.s = c->state.snapshot;
    buf_init(&d.text, c->rpc->opt.call_memory_max);
    d.out = json_out(&d.text);
    buf_put_str(&c->buf, "\"0x");
    d.gzip = gzip_hex_new(&c->buf);
    dump_all(&d, c->state.block, &rules);
    gzip_hex_free(d.gzip);
    buf_fini(&d.text);
    buf_put_u8(&c->buf, '"');
    if (d.err != MT_OK || d.missing || !buf_ok(&c->buf))
        return dump_failed(&d);
    return CALL_DONE;
}
