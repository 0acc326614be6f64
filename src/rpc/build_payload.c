/* testing_buildBlockV1: an execution payload on top of a block, made in memory, from the
 * transactions given or from the pool's; nothing becomes the head. For networks given as
 * a plain genesis file, where no sequencer decides what a block is. */
#include "rpc_int.h"

#define TXS_MAX    10000u
#define GAS_TARGET 60000000u /* geth's, where the network names none */

/* The pool's transactions on their way to a reader: one allocation. */
struct pooled {
    size_t num;
    slice list[]; /* network form; the bytes follow */
};

struct payload {
    struct call *c;
    struct chain_sim *sim;
    struct header header;
    struct withdrawal *withdrawals;
    size_t withdrawal_num;
    bool skip_invalid; /* the pool's: one that does not fit is left out */
    const slice *raws;
    size_t raw_num;
    struct tx *txs;
    size_t tx_num;
    u256 value;
    struct mt_diag diag;
};

/* ---- from the pool: on the loop ---- */

static size_t network_size(const struct tx *tx)
{
    return tx->raw.len + tx->sidecar.len + 16;
}

/* [0x03, [payload, sidecar…]] of a blob transaction; others as they are. */
static void put_network(const struct tx *tx, struct buf *b)
{
    if (tx->sidecar.len == 0) {
        buf_put_slice(b, tx->raw);
        return;
    }
    buf_put_u8(b, tx->raw.ptr[0]);
    size_t list = rlp_begin(b);
    buf_put(b, tx->raw.ptr + 1, tx->raw.len - 1);
    buf_put_slice(b, tx->sidecar);
    rlp_end(b, list);
}

static enum call_status take_pool(struct call *c)
{
    struct pool_selection sel;
    struct buf b;
    uint64_t gas = c->view->head->block.header.gas_limit;
    pool_select(c->rpc->opt.pool, c->view->next_base_fee, gas, TXS_MAX, &sel);
    size_t room = 0;
    for (size_t i = 0; i < sel.num; i++)
        room += network_size(&sel.txs[i]->tx);
    struct pooled *p = mt_alloc(sizeof(*p) + sel.num * sizeof(slice) + room);
    uint8_t *at = (uint8_t *)&p->list[sel.num];
    buf_init(&b, room + 64);
    p->num = sel.num;
    for (size_t i = 0; i < sel.num; i++) {
        buf_reset(&b);
        put_network(&sel.txs[i]->tx, &b);
        MT_ASSERT(buf_ok(&b) && b.len <= network_size(&sel.txs[i]->tx));
        memcpy(at, b.ptr, b.len);
        p->list[i] = slice_of(at, b.len);
        at += b.len;
    }
    buf_fini(&b);
    pool_selection_free(&sel);
    c->handoff = p;
    return CALL_TO_READER;
}

/* ---- what was asked for ---- */

static bool read_attributes(struct payload *p, const json_t *o)
{
    struct call *c = p->c;
    struct header *h = &p->header;
    if (!json_is_object(o)) {
        call_fail(c, RPC_PARAMS, "invalid argument 1: not an object");
        return false;
    }
    const json_t *beacon = json_object_get(o, "parentBeaconBlockRoot");
    const json_t *extra = arg(c, 3);
    if (!val_u64(c, 1, json_object_get(o, "timestamp"), &h->timestamp) ||
        !val_hash(c, 1, json_object_get(o, "prevRandao"), &h->mix_hash) ||
        !val_address(c, 1, json_object_get(o, "suggestedFeeRecipient"), &h->coinbase) ||
        (beacon != NULL && !json_is_null(beacon) &&
         !val_hash(c, 1, beacon, &h->parent_beacon_root)) ||
        !val_withdrawals(c, 1, json_object_get(o, "withdrawals"), &p->withdrawals,
                         &p->withdrawal_num) ||
        (extra != NULL && !val_data(c, 3, extra, &h->extra_data)))
        return false;
    if (h->extra_data.len <= 32)
        return true;
    call_fail(c, RPC_PARAMS, "invalid argument 3: more than 32 bytes");
    return false;
}

static bool read_raws(struct payload *p, const json_t *list)
{
    struct call *c = p->c;
    size_t n = json_array_size(list);
    const struct pooled *pooled = c->handoff;
    if (pooled != NULL) {
        p->raws = pooled->list;
        p->raw_num = pooled->num;
        p->skip_invalid = true;
        return true;
    }
    slice *raws = arena_zalloc(c->arena, n + 1, sizeof(*raws));
    if (!json_is_array(list) || n > TXS_MAX || raws == NULL)
        return list_refused(c, 2);
    for (size_t i = 0; i < n; i++)
        if (!val_data(c, 2, json_array_get(list, i), &raws[i]))
            return false;
    p->raws = raws;
    p->raw_num = n;
    return true;
}

/* ---- the block ---- */

static bool failed(struct payload *p, mt_err err)
{
    call_error(p->c, err, &p->diag);
    return false;
}

static bool open_block(struct payload *p)
{
    struct call *c = p->c;
    const struct chain_spec *spec = chain_spec_of(c->rpc->opt.chain);
    const struct header *parent = chain_sim_parent(p->sim);
    struct header *h = &p->header;
    if (h->timestamp <= parent->timestamp) {
        call_fail(c, RPC_PARAMS,
                  "invalid argument 1: timestamp is not after the parent's");
        return false;
    }
    struct rules rules = chain_rules(spec, parent->number + 1, h->timestamp, true);
    const struct rules *before = chain_sim_parent_rules(p->sim);
    h->gas_limit = chain_next_gas_limit(
        parent, &rules, before, spec->gas_limit != 0 ? spec->gas_limit : GAS_TARGET);
    if (rules.fork >= FORK_LONDON)
        h->base_fee = next_base_fee(parent, &rules, before);
    struct chain_sim_in in = {
        .header = *h, .withdrawals = p->withdrawals, .withdrawal_num = p->withdrawal_num};
    mt_err err = chain_sim_begin(p->sim, &in, &p->diag);
    return err == MT_OK ? true : failed(p, err);
}

static bool invalid_tx(struct payload *p, const struct tx *tx, enum tx_error e)
{
    if (p->skip_invalid)
        return true;
    call_fail(p->c, RPC_SERVER, "%s: address %s, tx nonce: %llu", tx_error_text(e),
              address_text(&tx->from).s, (unsigned long long)tx->nonce);
    return false;
}

static bool add_tx(struct payload *p, slice raw)
{
    struct tx *tx = &p->txs[p->tx_num];
    struct tx_outcome o = {0};
    mt_err err = tx_decode_network(raw, chain_sim_arena(p->sim), tx, &p->diag);
    if (err == MT_OK)
        err = tx_recover(tx, true, crypto_native(), &p->diag);
    if (err == MT_OK)
        err = block_exec_tx(chain_sim_exec(p->sim), tx, 0, &o, &p->diag);
    if (err == MT_EINVALID_TX)
        return invalid_tx(p, tx, o.error);
    if (err != MT_OK)
        return failed(p, err);
    u256 base = chain_sim_header(p->sim)->base_fee;
    u256 tip = u256_sub(o.receipt.effective_gas_price, base);
    p->value = u256_add(p->value, u256_mul(tip, u256_from(o.gas_used)));
    p->tx_num++;
    return !call_should_stop(p->c) ? true : failed(p, MT_ECANCELED);
}

/* ---- the reply ---- */

static void put_list(struct json_out *j, const char *key, const slice *items, size_t num)
{
    json_key(j, key);
    json_arr(j);
    for (size_t i = 0; i < num; i++)
        json_hex(j, items[i].ptr, items[i].len);
    json_arr_end(j);
}

/* One of the sidecars' lists of every blob transaction: 0 blobs, 1 commitments,
 * 2 proofs. */
static void put_sidecars(struct payload *p, const char *key, unsigned which)
{
    struct json_out *j = &p->c->out;
    json_key(j, key);
    json_arr(j);
    for (size_t i = 0; i < p->tx_num; i++) {
        struct rlp r = rlp_reader(p->txs[i].sidecar), list;
        uint64_t version;
        slice item;
        bool ok = p->txs[i].sidecar.len > 0;
        if (ok && !rlp_peek_list(&r))
            ok = rlp_get_u64(&r, &version) == MT_OK;
        for (unsigned k = 0; ok && k <= which; k++)
            ok = rlp_get_list(&r, &list) == MT_OK;
        while (ok && !rlp_at_end(&list) && rlp_get_bytes(&list, &item) == MT_OK)
            json_hex(j, item.ptr, item.len);
    }
    json_arr_end(j);
}

static void put_payload(struct payload *p, const struct block *b,
                        const struct block_exec_out *out)
{
    struct json_out *j = &p->c->out;
    slice *raws = arena_zalloc(chain_sim_arena(p->sim), b->tx_num + 1, sizeof(*raws));
    if (raws == NULL) {
        failed(p, MT_ELIMIT);
        return;
    }
    for (size_t i = 0; i < b->tx_num; i++)
        raws[i] = b->txs[i].raw;
    json_obj(j);
    json_key(j, "executionPayload");
    json_obj(j);
    wire_payload_fields(j, b, out->access_list);
    put_list(j, "transactions", raws, b->tx_num);
    json_obj_end(j);
    json_kv_hex_u256(j, "blockValue", p->value);
    json_key(j, "blobsBundle");
    json_obj(j);
    put_sidecars(p, "commitments", 1);
    put_sidecars(p, "proofs", 2);
    put_sidecars(p, "blobs", 0);
    json_obj_end(j);
    put_list(j, "executionRequests", out->requests, out->request_num);
    json_kv_bool(j, "shouldOverrideBuilder", false);
    json_obj_end(j);
}

static void build(struct payload *p)
{
    struct chain_block block;
    struct block_exec_out out;
    if (!open_block(p))
        return;
    p->txs = arena_zalloc(chain_sim_arena(p->sim), p->raw_num + 1, sizeof(*p->txs));
    if (p->txs == NULL) {
        failed(p, MT_ELIMIT);
        return;
    }
    for (size_t i = 0; i < p->raw_num; i++)
        if (!add_tx(p, p->raws[i]))
            return;
    mt_err err = chain_sim_seal(p->sim, p->txs, p->tx_num, &block, &out, &p->diag);
    if (err != MT_OK)
        failed(p, err);
    else
        put_payload(p, &block.block, &out);
}

enum call_status m_build_payload(struct call *c)
{
    struct block_arg at = {.kind = BLOCK_HASH, .canonical = true};
    struct payload p = {.c = c};
    struct chain_state *s = NULL;
    if (!args_num(c, 2, 4) || !arg_hash(c, 0, &at.hash))
        return CALL_DONE;
    if (!c->on_reader)
        return arg(c, 2) == NULL ? take_pool(c) : CALL_TO_READER;
    if (!read_attributes(&p, arg(c, 1)) || !read_raws(&p, arg(c, 2)))
        return CALL_DONE;
    enum call_status st = call_state(c, &at, &s);
    if (s == NULL)
        return st;
    struct chain_sim_options opt = {.base = s,
                                    .arena = c->arena,
                                    .memory_max = c->rpc->opt.call_memory_max,
                                    .seed = c->start_ns,
                                    .should_stop = call_should_stop,
                                    .stop_ctx = c};
    mt_err err = chain_sim_new(&opt, &p.sim);
    if (err != MT_OK)
        return call_error(c, err, NULL);
    build(&p);
    chain_sim_free(p.sim);
    return CALL_DONE;
}
