/* ots_*: what the Otterscan explorer asks for (API level 8), as Erigon answers it.
 *
 * Two questions look for one block in the whole chain: which transaction had this nonce,
 * and which made this contract. Nonces only grow, and code comes once, so both are found
 * by halving the range of blocks on their states: some twenty look-ups, no index and no
 * scan. The histories of accounts are searched in ots_search.c. */
#include "trace_int.h"

#define API_LEVEL     8u
#define PAGE_SIZE_MAX 1000u

static const struct trace_options tree_options = {.kinds = TRACE_CALL};

enum call_status m_ots_api_level(struct call *c)
{
    json_u64(&c->out, API_LEVEL);
    return CALL_DONE;
}

/* ---- one transaction ---- */

/* Value moved, contracts made and destroyed inside a transaction, those that stand. */
enum call_status m_ots_internal(struct call *c)
{
    struct replay r;
    struct tx_outcome o;
    struct json_out *j = &c->out;
    if (!args_num(c, 1, 1))
        return CALL_DONE;
    if (replay_tx(&r, c, 0, &tree_options, NULL, &o)) {
        json_arr(j);
        for (const struct trace_frame *f = r.t.root; f != NULL; f = f->after) {
            bool moves = strcmp(f->type, "CALL") == 0 && !u256_is_zero(f->value);
            unsigned kind = f->destruct                       ? 1
                            : strcmp(f->type, "CREATE2") == 0 ? 3
                            : f->create                       ? 2
                                                              : 0;
            if (f->parent == NULL || !(moves || kind != 0) || !frame_stands(f))
                continue;
            json_obj(j);
            json_kv_u64(j, "type", kind);
            json_kv_addr(j, "from", &f->from);
            json_kv_addr(j, "to", &f->to);
            json_kv_hex_u256(j, "value", f->value);
            json_obj_end(j);
        }
        json_arr_end(j);
    }
    replay_close(&r);
    return CALL_DONE;
}

static void put_entry(struct json_out *j, const struct trace_frame *f)
{
    bool valued = f->has_value && strcmp(f->type, "DELEGATECALL") != 0;
    json_obj(j);
    json_kv_str(j, "type", f->type);
    json_kv_u64(j, "depth", f->depth);
    json_kv_addr(j, "from", &f->from);
    json_kv_addr(j, "to", &f->to);
    json_key(j, "value");
    if (valued)
        json_hex_u256(j, f->value);
    else
        json_nil(j);
    json_kv_hex(j, "input", f->input.ptr, f->input.len);
    json_kv_hex(j, "output", f->output.ptr, f->output.len);
    json_obj_end(j);
}

enum call_status m_ots_trace(struct call *c)
{
    struct replay r;
    struct tx_outcome o;
    if (!args_num(c, 1, 1))
        return CALL_DONE;
    if (replay_tx(&r, c, 0, &tree_options, NULL, &o)) {
        json_arr(&c->out);
        for (const struct trace_frame *f = r.t.root; f != NULL; f = f->after)
            put_entry(&c->out, f);
        json_arr_end(&c->out);
    }
    replay_close(&r);
    return CALL_DONE;
}

/* What a failed transaction gave back; 0x for one that went well. */
enum call_status m_ots_error(struct call *c)
{
    static const struct trace_options none = {.kinds = TRACE_NOOP};
    struct chain_block *b;
    struct replay r;
    struct tx_outcome o;
    hash32 hash;
    uint32_t idx;
    if (!args_num(c, 1, 1) || !arg_hash(c, 0, &hash))
        return CALL_DONE;
    mt_err err = chain_find_tx(c->rpc->opt.chain, &hash, &b, &idx);
    if (err == MT_ENOTFOUND) {
        json_nil(&c->out);
        return CALL_DONE;
    }
    if (err != MT_OK)
        return call_error(c, err, NULL);
    if (!b->receipts[idx].has_root && b->receipts[idx].success) {
        chain_block_drop(b);
        json_hex(&c->out, NULL, 0);
        return CALL_DONE;
    }
    if (replay_open(&r, c, b, &none) && replay_to(&r, idx) && replay_next(&r, &o))
        json_hex(&c->out, o.output.ptr, o.halt == VM_REVERT ? o.output.len : 0);
    replay_close(&r);
    return CALL_DONE;
}

enum call_status m_ots_has_code(struct call *c)
{
    struct block_arg at;
    struct chain_state *s = NULL;
    struct account a;
    address addr;
    bool exists;
    if (!args_num(c, 1, 2) || !arg_address(c, 0, &addr) ||
        !ots_arg_block(c, 1, true, &at))
        return CALL_DONE;
    enum call_status st = call_state(c, &at, &s);
    if (s == NULL)
        return st;
    mt_err err = s->reader.account(s->reader.ctx, &addr, &a, &exists);
    if (err != MT_OK)
        return call_error(c, err, NULL);
    json_bool(&c->out, exists && !hash32_eq(&a.code_hash, &KECCAK_EMPTY));
    return CALL_DONE;
}

/* ---- blocks ---- */

bool ots_arg_block(struct call *c, size_t i, bool optional, struct block_arg *out)
{
    *out = (struct block_arg){0};
    if (json_is_integer(arg(c, i)))
        return arg_number(c, i, &out->number);
    return arg_block(c, i, optional, out);
}

/* Otterscan knocks with a JSON number. */
enum call_status m_erigon_header(struct call *c)
{
    struct block_arg at;
    struct chain_block *b;
    if (!args_num(c, 1, 1) || !ots_arg_block(c, 0, false, &at) || !block_find(c, &at, &b))
        return CALL_DONE;
    if (b == NULL) {
        json_nil(&c->out);
        return CALL_DONE;
    }
    wire_header(&c->out, &b->block.header, &b->block.hash);
    chain_block_drop(b);
    return CALL_DONE;
}

static void put_issuance(struct call *c, const struct chain_block *b)
{
    struct json_out *j = &c->out;
    const struct header *h = &b->block.header;
    struct rules rules = trace_rules_of(c, b);
    u256 own = U256_ZERO, uncles = U256_ZERO;
    if (rules_have_work(&rules) && h->number > 0) {
        own = reward_of_author(&rules, b->block.ommer_num);
        for (size_t i = 0; i < b->block.ommer_num; i++)
            uncles = u256_add(
                uncles, reward_of_ommer(&rules, h->number - b->block.ommers[i].number));
    }
    json_key(j, "issuance");
    json_obj(j);
    json_kv_hex_u256(j, "blockReward", own);
    json_kv_hex_u256(j, "uncleReward", uncles);
    json_kv_hex_u256(j, "issuance", u256_add(own, uncles));
    json_obj_end(j);
}

static enum call_status put_details(struct call *c, const struct block_arg *at)
{
    struct json_out *j = &c->out;
    struct chain_block *b;
    u256 fees = U256_ZERO;
    if (!block_find(c, at, &b))
        return CALL_DONE;
    if (b == NULL) {
        json_nil(j);
        return CALL_DONE;
    }
    for (size_t i = 0; i < b->block.tx_num; i++)
        fees = u256_add(fees, u256_mul(u256_from(b->receipts[i].gas_used),
                                       b->receipts[i].effective_gas_price));
    json_obj(j);
    json_key(j, "block");
    wire_block_page(j, b, false, 0, 0);
    put_issuance(c, b);
    json_kv_hex_u256(j, "totalFees", fees);
    json_obj_end(j);
    chain_block_drop(b);
    return CALL_DONE;
}

enum call_status m_ots_block(struct call *c)
{
    struct block_arg at;
    if (!args_num(c, 1, 1) || !ots_arg_block(c, 0, false, &at))
        return CALL_DONE;
    return put_details(c, &at);
}

enum call_status m_ots_block_by_hash(struct call *c)
{
    struct block_arg at = {.kind = BLOCK_HASH};
    if (!args_num(c, 1, 1) || !arg_hash(c, 0, &at.hash))
        return CALL_DONE;
    return put_details(c, &at);
}

bool ots_arg_page_size(struct call *c, size_t i, uint64_t *out)
{
    if (!arg_number(c, i, out))
        return false;
    if (*out > 0 && *out <= PAGE_SIZE_MAX)
        return true;
    call_fail(c, RPC_LIMIT, "invalid argument %zu: page size is 1 to %u", i,
              PAGE_SIZE_MAX);
    return false;
}

/* Pages count from the block's end, within a page the order is the block's. */
enum call_status m_ots_block_txs(struct call *c)
{
    struct json_out *j = &c->out;
    struct block_arg at;
    struct chain_block *b;
    uint64_t page, size;
    if (!args_num(c, 3, 3) || !ots_arg_block(c, 0, false, &at) ||
        !arg_number(c, 1, &page) || !ots_arg_page_size(c, 2, &size) ||
        !block_find(c, &at, &b))
        return CALL_DONE;
    if (b == NULL) {
        json_nil(j);
        return CALL_DONE;
    }
    uint64_t num = b->block.tx_num;
    uint64_t to = page > num / size ? 0 : num - page * size;
    uint64_t from = to > size ? to - size : 0;
    json_obj(j);
    json_key(j, "fullblock");
    wire_block_page(j, b, true, from, to);
    json_key(j, "receipts");
    json_arr(j);
    for (uint64_t i = from; i < to; i++) {
        json_obj(j);
        wire_receipt_fields(j, b, (uint32_t)i, 0, false);
        json_obj_end(j);
    }
    json_arr_end(j);
    json_obj_end(j);
    chain_block_drop(b);
    return CALL_DONE;
}

/* ---- one block of the whole chain ---- */

/* A fact about an account that is so from some block on. */
typedef bool account_fact(const void *ctx, struct chain_state *s,
                          const struct account *a);

struct first {
    struct call *c;
    address addr;
    account_fact *fact;
    const void *ctx;
};

/* *known false: that block's state is not kept. False after an error was written. */
static bool fact_at(const struct first *f, uint64_t number, bool *known, bool *so)
{
    struct chain_state s;
    struct account a;
    struct mt_diag diag = {0};
    bool exists;
    *so = false;
    mt_err err = chain_state_open(f->c->rpc->opt.chain, number, &s, &diag);
    *known = err == MT_OK;
    if (err == MT_ENOTFOUND)
        return true;
    if (err == MT_OK) {
        err = s.reader.account(s.reader.ctx, &f->addr, &a, &exists);
        *so = err == MT_OK && exists && f->fact(f->ctx, &s, &a);
        chain_state_close(&s);
    }
    if (err != MT_OK)
        call_error(f->c, err, &diag);
    return err == MT_OK;
}

/* The first block after which the fact is so; *found false: it is not so, or was so in
 * the genesis block. False after an error was written. */
static bool find_first(const struct first *f, uint64_t *out, bool *found)
{
    uint64_t lo = 0, hi = f->c->view->head->block.header.number;
    bool known, so, lo_known;
    *found = false;
    if (!fact_at(f, hi, &known, &so) || !so || hi == 0)
        return !f->c->failed;
    if (!fact_at(f, 0, &lo_known, &so) || so)
        return !f->c->failed;
    while (hi - lo > 1) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (!fact_at(f, mid, &known, &so))
            return false;
        if (so) {
            hi = mid;
        } else {
            lo = mid;
            lo_known = known;
        }
    }
    if (!lo_known) {
        call_fail(f->c, RPC_SERVER, "the state before block %llu is no longer kept",
                  (unsigned long long)hi);
        return false;
    }
    *out = hi;
    *found = true;
    return true;
}

static bool nonce_above(const void *ctx, struct chain_state *s, const struct account *a)
{
    (void)s;
    return a->nonce > *(const uint64_t *)ctx;
}

/* The transaction of a sender with this nonce: its hash, or all of it. */
static enum call_status by_nonce(struct call *c, bool whole)
{
    uint64_t nonce, number;
    bool found;
    struct chain_block *b;
    struct first f = {.c = c, .fact = nonce_above, .ctx = &nonce};
    if (!args_num(c, 2, 2) || !arg_address(c, 0, &f.addr) || !arg_number(c, 1, &nonce) ||
        !find_first(&f, &number, &found))
        return CALL_DONE;
    if (found) {
        mt_err err = chain_block_by_number(c->rpc->opt.chain, number, &b);
        if (err != MT_OK)
            return call_error(c, err, NULL);
        size_t i = 0;
        while (i < b->block.tx_num && (b->block.txs[i].nonce != nonce ||
                                       !address_eq(&b->block.txs[i].from, &f.addr)))
            i++;
        found = i < b->block.tx_num;
        if (found && whole)
            wire_tx(&c->out, &b->block.txs[i], b, (uint32_t)i);
        else if (found)
            json_hash(&c->out, &b->block.txs[i].hash);
        chain_block_drop(b);
    }
    if (!found)
        json_nil(&c->out);
    return CALL_DONE;
}

enum call_status m_ots_by_nonce(struct call *c)
{
    return by_nonce(c, false);
}

enum call_status m_tx_by_nonce(struct call *c)
{
    return by_nonce(c, true);
}

static bool has_code(const void *ctx, struct chain_state *s, const struct account *a)
{
    slice code;
    address target;
    (void)ctx;
    return !hash32_eq(&a->code_hash, &KECCAK_EMPTY) &&
           s->reader.code(s->reader.ctx, &a->code_hash, &code) == MT_OK &&
           !vm_delegation(code, &target);
}

/* Writes who made addr in this block; false when nobody did, or after an error. */
static bool creator_in(struct call *c, struct chain_block *b, const address *addr)
{
    struct json_out *j = &c->out;
    struct replay r;
    struct tx_outcome o;
    bool found = false, ok = replay_open(&r, c, b, &tree_options);
    for (uint32_t i = 0; ok && !found && i < b->block.tx_num; i++) {
        ok = replay_next(&r, &o);
        for (const struct trace_frame *f = r.t.root; ok && f != NULL; f = f->after) {
            if (!f->create || !address_eq(&f->to, addr) || !frame_stands(f))
                continue;
            found = true;
            json_obj(j);
            json_kv_hash(j, "hash", &b->block.txs[i].hash);
            json_kv_addr(j, "creator", &f->from);
            json_obj_end(j);
            break;
        }
    }
    replay_close(&r);
    return found;
}

enum call_status m_ots_creator(struct call *c)
{
    struct first f = {.c = c, .fact = has_code};
    struct chain_block *b;
    uint64_t number;
    bool found;
    if (!args_num(c, 1, 1) || !arg_address(c, 0, &f.addr) ||
        !find_first(&f, &number, &found))
        return CALL_DONE;
    if (found) {
        mt_err err = chain_block_by_number(c->rpc->opt.chain, number, &b);
        if (err != MT_OK)
            return call_error(c, err, NULL);
        found = creator_in(c, b, &f.addr);
    }
    if (!found && !c->failed)
        json_nil(&c->out);
    return CALL_DONE;
}
