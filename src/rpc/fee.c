/* Prices: what to pay now, and what was paid. */
#include "rpc_int.h"

#define TIP_BLOCKS      10u
#define TIP_PER_BLOCK   3u
#define TIP_PERCENTILE  60u
#define TIP_DEFAULT     1000000000u /* 1 gwei, when nothing was paid lately */
#define TIP_MAX         500000000000u
#define HISTORY_MAX     1024u
#define PERCENTILES_MAX 100u

static u256 tip_of(const struct tx *tx, u256 base_fee)
{
    u256 price = tx_effective_gas_price(tx, base_fee);
    return u256_lt(price, base_fee) ? U256_ZERO : u256_sub(price, base_fee);
}

static void insert_sorted(u256 *list, size_t *num, size_t max, u256 v)
{
    size_t i = *num;
    if (i == max) {
        if (!u256_lt(v, list[i - 1]))
            return;
        i--;
    } else {
        (*num)++;
    }
    for (; i > 0 && u256_lt(v, list[i - 1]); i--)
        list[i] = list[i - 1];
    list[i] = v;
}

/* Of each recent block the three lowest tips; their 60th percentile, once a head.
 * Never less than the pool takes: what is sent with it must be admitted. */
u256 suggest_tip(struct call *c)
{
    struct rpc *r = c->rpc;
    const struct block *head = &c->view->head->block;
    u256 all[TIP_BLOCKS * TIP_PER_BLOCK];
    size_t num = 0;
    if (hash32_eq(&r->tip_at, &head->hash))
        return r->tip;
    for (uint64_t i = 0; i < TIP_BLOCKS && i < head->header.number; i++) {
        struct block_arg at = {.number = head->header.number - i};
        struct chain_block *b;
        u256 low[TIP_PER_BLOCK];
        size_t low_num = 0;
        if (!block_find(c, &at, &b) || b == NULL)
            break;
        for (size_t k = 0; k < b->block.tx_num; k++)
            if (!address_eq(&b->block.txs[k].from, &b->block.header.coinbase))
                insert_sorted(low, &low_num, TIP_PER_BLOCK,
                              tip_of(&b->block.txs[k], b->block.header.base_fee));
        for (size_t k = 0; k < low_num; k++)
            insert_sorted(all, &num, MT_ARRAY_LEN(all), low[k]);
        chain_block_drop(b);
    }
    u256 tip = u256_from(TIP_DEFAULT);
    if (num > 0)
        tip = all[(num - 1) * TIP_PERCENTILE / 100];
    if (u256_lt(u256_from(TIP_MAX), tip))
        tip = u256_from(TIP_MAX);
    if (u256_lt(tip, pool_min_tip(r->opt.pool)))
        tip = pool_min_tip(r->opt.pool);
    r->tip = tip;
    r->tip_at = head->hash;
    return tip;
}

/* Enough for the next block, and for a call on the head, whose base fee may be the higher
 * one: clients try what they send there first, with this price. */
u256 suggest_price(struct call *c)
{
    u256 tip = suggest_tip(c), head = c->view->head->block.header.base_fee;
    bool falls = u256_lt(c->view->next_base_fee, head);
    return u256_add(tip, falls ? head : c->view->next_base_fee);
}

enum call_status m_max_priority_fee(struct call *c)
{
    u256 tip = suggest_tip(c);
    if (!c->failed)
        json_hex_u256(&c->out, tip);
    return CALL_DONE;
}

enum call_status m_gas_price(struct call *c)
{
    u256 price = suggest_price(c);
    if (!c->failed)
        json_hex_u256(&c->out, price);
    return CALL_DONE;
}

enum call_status m_base_fee(struct call *c)
{
    json_hex_u256(&c->out, c->view->next_base_fee);
    return CALL_DONE;
}

enum call_status m_blob_base_fee(struct call *c)
{
    json_hex_u256(&c->out, c->view->next_blob_fee);
    return CALL_DONE;
}

/* ---- fee history ---- */

struct history {
    uint64_t first, num;
    double percentiles[PERCENTILES_MAX];
    size_t percentile_num;
    struct chain_block **blocks; /* held */
};

static bool read_percentiles(struct call *c, struct history *h)
{
    const json_t *list = arg(c, 2);
    h->percentile_num = json_array_size(list);
    if (list != NULL && !json_is_array(list)) {
        call_fail(c, RPC_PARAMS, "invalid argument 2: not a list");
        return false;
    }
    if (h->percentile_num > PERCENTILES_MAX) {
        call_fail(c, RPC_PARAMS, "too many percentiles (max %u)", PERCENTILES_MAX);
        return false;
    }
    for (size_t i = 0; i < h->percentile_num; i++) {
        const json_t *v = json_array_get(list, i);
        h->percentiles[i] = json_number_value(v);
        bool rising = i == 0 || h->percentiles[i] >= h->percentiles[i - 1];
        if (!json_is_number(v) || h->percentiles[i] < 0 || h->percentiles[i] > 100 ||
            !rising) {
            call_fail(c, RPC_PARAMS, "invalid reward percentile: want 0..100, ascending");
            return false;
        }
    }
    return true;
}

static struct rules rules_of(struct call *c, const struct chain_block *b)
{
    const struct header *h = &b->block.header;
    u256 parent_td = u256_sub(b->total_difficulty, h->difficulty);
    return chain_rules_at(c->rpc->opt.chain, h->number, h->timestamp, &parent_td);
}

struct paid {
    u256 tip;
    uint64_t gas;
};

/* Tips at the percentiles of the block's gas. */
static bool put_rewards(struct call *c, const struct history *h,
                        const struct chain_block *b)
{
    size_t n = b->block.tx_num, k = 0;
    struct arena_mark mark = arena_mark(c->arena);
    struct paid *list = arena_zalloc(c->arena, n + 1, sizeof(*list));
    if (list == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct paid p = {tip_of(&b->block.txs[i], b->block.header.base_fee),
                         b->receipts[i].gas_used};
        size_t lo = 0, hi = i;
        while (lo < hi) {
            size_t mid = (lo + hi) / 2;
            if (u256_lt(p.tip, list[mid].tip))
                hi = mid;
            else
                lo = mid + 1;
        }
        memmove(list + lo + 1, list + lo, (i - lo) * sizeof(*list));
        list[lo] = p;
    }
    uint64_t sum = n > 0 ? list[0].gas : 0;
    json_arr(&c->out);
    for (size_t i = 0; i < h->percentile_num; i++) {
        double want = (double)b->block.header.gas_used * h->percentiles[i] / 100;
        while (k + 1 < n && (double)sum < want)
            sum += list[++k].gas;
        json_hex_u256(&c->out, n > 0 ? list[k].tip : U256_ZERO);
    }
    json_arr_end(&c->out);
    arena_rewind(c->arena, mark);
    return true;
}

static void put_base_fees(struct call *c, const struct history *h)
{
    const struct chain_block *last = h->blocks[h->num - 1];
    uint64_t next = last->block.header.number + 1;
    json_key(&c->out, "baseFeePerGas");
    json_arr(&c->out);
    for (uint64_t i = 0; i < h->num; i++)
        json_hex_u256(&c->out, h->blocks[i]->block.header.base_fee);
    u256 fee = c->view->next_base_fee;
    u256 blob_fee = c->view->next_blob_fee;
    struct block_arg at = {.number = next};
    struct chain_block *b;
    if (block_find(c, &at, &b) && b != NULL) {
        struct rules rules = rules_of(c, b);
        fee = b->block.header.base_fee;
        blob_fee = U256_ZERO;
        if (b->block.header.field_num >= 19)
            blob_fee = blob_base_fee(b->block.header.excess_blob_gas, &rules);
        chain_block_drop(b);
    }
    json_hex_u256(&c->out, fee);
    json_arr_end(&c->out);
    json_key(&c->out, "baseFeePerBlobGas");
    json_arr(&c->out);
    for (uint64_t i = 0; i < h->num; i++) {
        const struct header *head = &h->blocks[i]->block.header;
        struct rules rules = rules_of(c, h->blocks[i]);
        json_hex_u256(&c->out, head->field_num >= 19
                                   ? blob_base_fee(head->excess_blob_gas, &rules)
                                   : U256_ZERO);
    }
    json_hex_u256(&c->out, blob_fee);
    json_arr_end(&c->out);
}

static void put_ratios(struct call *c, const struct history *h)
{
    json_key(&c->out, "gasUsedRatio");
    json_arr(&c->out);
    for (uint64_t i = 0; i < h->num; i++) {
        const struct header *head = &h->blocks[i]->block.header;
        json_f64(&c->out, head->gas_limit == 0
                              ? 0
                              : (double)head->gas_used / (double)head->gas_limit);
    }
    json_arr_end(&c->out);
    json_key(&c->out, "blobGasUsedRatio");
    json_arr(&c->out);
    for (uint64_t i = 0; i < h->num; i++) {
        const struct header *head = &h->blocks[i]->block.header;
        struct rules rules = rules_of(c, h->blocks[i]);
        uint64_t max = rules.blobs.max * GAS_PER_BLOB;
        json_f64(&c->out, head->field_num < 18 || max == 0
                              ? 0
                              : (double)head->blob_gas_used / (double)max);
    }
    json_arr_end(&c->out);
}

static enum call_status put_history(struct call *c, struct history *h)
{
    h->blocks = arena_zalloc(c->arena, (size_t)h->num + 1, sizeof(*h->blocks));
    if (h->blocks == NULL)
        return call_error(c, MT_ELIMIT, NULL);
    for (uint64_t i = 0; i < h->num; i++) {
        struct block_arg at = {.number = h->first + i};
        if (!block_find(c, &at, &h->blocks[i]))
            return CALL_DONE;
        if (h->blocks[i] == NULL || call_should_stop(c))
            return call_error(c, h->blocks[i] == NULL ? MT_ENOTFOUND : MT_ECANCELED,
                              NULL);
    }
    json_obj(&c->out);
    json_kv_hex_u64(&c->out, "oldestBlock", h->first);
    if (h->percentile_num > 0) {
        json_key(&c->out, "reward");
        json_arr(&c->out);
        for (uint64_t i = 0; i < h->num; i++)
            if (!put_rewards(c, h, h->blocks[i]))
                return call_error(c, MT_ELIMIT, NULL);
        json_arr_end(&c->out);
    }
    put_base_fees(c, h);
    put_ratios(c, h);
    json_obj_end(&c->out);
    return CALL_DONE;
}

enum call_status m_fee_history(struct call *c)
{
    struct history h = {0};
    struct block_arg newest;
    uint64_t head = c->view->head->block.header.number;
    if (!args_num(c, 2, 3) || !arg_number(c, 0, &h.num) ||
        !arg_block(c, 1, false, &newest) || !read_percentiles(c, &h))
        return CALL_DONE;
    if (newest.kind == BLOCK_HASH)
        return call_fail(c, RPC_PARAMS, "invalid argument 1: want a number or tag");
    if (newest.number > head)
        return call_fail(c, RPC_SERVER,
                         "request beyond head block: requested %llu, head %llu",
                         (unsigned long long)newest.number, (unsigned long long)head);
    h.num = MT_MIN(MT_MIN(h.num, HISTORY_MAX), newest.number + 1);
    h.first = newest.number + 1 - h.num;
    if (h.num == 0) {
        json_raw(&c->out, slice_str("{\"oldestBlock\":\"0x0\",\"gasUsedRatio\":[]}"));
        return CALL_DONE;
    }
    enum call_status st = put_history(c, &h);
    for (uint64_t i = 0; h.blocks != NULL && i < h.num; i++)
        chain_block_drop(h.blocks[i]);
    return st;
}
