/* Which transactions are valid before any state is looked at, what they cost before their
 * first instruction, and the names of the reasons against them. The pool and the executor
 * both start here, so that a rule stands once. */
#include "mpef_int.h"

static const char *const ERROR_TEXTS[] = {
#define TX_ERROR_TEXT(id, text, names) [TX_##id] = text,
    TX_ERRORS(TX_ERROR_TEXT)
#undef TX_ERROR_TEXT
};

static const char *const ERROR_NAMES[] = {
#define TX_ERROR_NAMES(id, text, names) [TX_##id] = names,
    TX_ERRORS(TX_ERROR_NAMES)
#undef TX_ERROR_NAMES
};

const char *tx_error_text(enum tx_error e)
{
    return (unsigned)e < TX_ERROR_COUNT ? ERROR_TEXTS[e] : "unknown";
}

const char *tx_error_names(enum tx_error e, const struct tx *tx)
{
    static const char *const pre_fork[] = {
        [TX_LEGACY] = "TYPE_NOT_SUPPORTED",
        [TX_ACCESS_LIST] = "TYPE_1_TX_PRE_FORK|TYPE_NOT_SUPPORTED",
        [TX_DYNAMIC_FEE] = "TYPE_2_TX_PRE_FORK|TYPE_NOT_SUPPORTED",
        [TX_BLOB] = "TYPE_3_TX_PRE_FORK|TYPE_NOT_SUPPORTED",
        [TX_SET_CODE] = "TYPE_4_TX_PRE_FORK|TYPE_NOT_SUPPORTED",
    };
    if (e == TX_TYPE_UNSUPPORTED && tx->type == TX_BLOB && tx->blob_num == 0)
        return "TYPE_3_TX_ZERO_BLOBS_PRE_FORK|TYPE_3_TX_PRE_FORK|TYPE_NOT_SUPPORTED";
    if (e == TX_TYPE_UNSUPPORTED)
        return pre_fork[tx->type];
    return (unsigned)e < TX_ERROR_COUNT ? ERROR_NAMES[e] : "";
}

/* ================= gas before the first instruction ================= */

static uint64_t sat_add(uint64_t a, uint64_t b)
{
    uint64_t r;
    return __builtin_add_overflow(a, b, &r) ? UINT64_MAX : r;
}

static uint64_t sat_mul(uint64_t a, uint64_t b)
{
    uint64_t r;
    return __builtin_mul_overflow(a, b, &r) ? UINT64_MAX : r;
}

static size_t count_zeros(slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.ptr[i] == 0;
    return n;
}

/* What a transaction pays before its first instruction, one row a change; a fork without
 * a row has its predecessor's. */
struct tx_prices {
    enum fork since;
    bool draft;      /* only with spec->draft_prices */
    uint16_t base;   /* TX_BASE */
    uint16_t create; /* beside it */
    uint16_t to;     /* EIP-2780: another account than the sender */
    uint16_t value;  /* ... that gets something */
    uint8_t data_zero, data_other;
    uint8_t initcode_word; /* EIP-3860 */
    uint16_t access_addr, access_slot;
    uint16_t auth;
    uint8_t floor_zero, floor_other; /* EIP-7623, EIP-7976: a byte of data */
    uint8_t access_byte;             /* EIP-7981: paid, and counted by the floor */
};

static const struct tx_prices *tx_prices_of(const struct rules *rules)
{
    static const struct tx_prices rows[] = {
        /* base, create, to, value, data, word, access list, auth, floor, access byte */
        {FORK_AMSTERDAM, true, 21000, 9000, 0, 0, 4, 16, 2, 2400, 1900, 7500, 64, 64, 64},
        {FORK_AMSTERDAM, false, 12000, 12000, 3000, 6000, 4, 16, 2, 2900, 2000, 7816, 64,
         64, 64},
        {FORK_PRAGUE, false, 21000, 32000, 0, 0, 4, 16, 2, 2400, 1900, 25000, 10, 40, 0},
        {FORK_SHANGHAI, false, 21000, 32000, 0, 0, 4, 16, 2, 2400, 1900, 0, 0, 0, 0},
        {FORK_ISTANBUL, false, 21000, 32000, 0, 0, 4, 16, 0, 2400, 1900, 0, 0, 0, 0},
        {FORK_HOMESTEAD, false, 21000, 32000, 0, 0, 4, 68, 0, 0, 0, 0, 0, 0, 0},
        {FORK_FRONTIER, false, 21000, 0, 0, 0, 4, 68, 0, 0, 0, 0, 0, 0, 0},
    };
    size_t i = 0;
    while (rows[i].since > rules->fork || (rows[i].draft && !rules->spec->draft_prices))
        i++;
    return &rows[i];
}

/* The transaction itself, without what it carries (EIP-2780). */
static uint64_t base_gas(const struct tx *tx, const struct tx_prices *p)
{
    if (!tx->has_to)
        return (uint64_t)p->base + p->create;
    if (tx->has_from && address_eq(&tx->from, &tx->to))
        return p->base;
    return (uint64_t)p->base + p->to + (u256_is_zero(tx->value) ? 0 : p->value);
}

uint64_t tx_intrinsic_gas(const struct tx *tx, const struct rules *rules, uint64_t *floor)
{
    const struct tx_prices *p = tx_prices_of(rules);
    uint64_t zeros = count_zeros(tx->data), others = tx->data.len - zeros;
    uint64_t base = base_gas(tx, p), gas = base, slots = 0;
    gas = sat_add(gas, sat_mul(zeros, p->data_zero));
    gas = sat_add(gas, sat_mul(others, p->data_other));
    if (!tx->has_to)
        gas = sat_add(gas, sat_mul(((uint64_t)tx->data.len + 31) / 32, p->initcode_word));
    for (size_t i = 0; i < tx->access_num; i++)
        slots = sat_add(slots, tx->access_list[i].slot_num);
    uint64_t listed = sat_add(sat_mul(tx->access_num, 20), sat_mul(slots, 32));
    listed = sat_mul(listed, p->access_byte);
    gas = sat_add(gas, sat_mul(tx->access_num, p->access_addr));
    gas = sat_add(gas, sat_mul(slots, p->access_slot));
    gas = sat_add(gas, listed);
    gas = sat_add(gas, sat_mul(tx->auth_num, p->auth));
    if (floor == NULL)
        return gas;
    *floor = 0;
    if (p->floor_other != 0) {
        uint64_t data =
            sat_add(sat_mul(zeros, p->floor_zero), sat_mul(others, p->floor_other));
        *floor = sat_add(sat_add(p->to != 0 ? base : p->base, data), listed);
    }
    return gas;
}

/* ================= shape ================= */

static enum fork type_since(enum tx_type type)
{
    switch (type) {
    case TX_LEGACY:
        return FORK_FRONTIER;
    case TX_ACCESS_LIST:
        return FORK_BERLIN;
    case TX_DYNAMIC_FEE:
        return FORK_LONDON;
    case TX_BLOB:
        return FORK_CANCUN;
    case TX_SET_CODE:
        return FORK_PRAGUE;
    }
    return FORK_COUNT;
}

static enum tx_error check_blobs(const struct tx *tx, const struct rules *rules)
{
    if (!tx->has_to)
        return TX_BLOB_CREATE;
    if (tx->blob_num == 0)
        return TX_BLOB_NONE;
    if (tx->blob_num > rules->blobs.max)
        return TX_BLOB_COUNT;
    if (rules->fork >= FORK_OSAKA && tx->blob_num > TX_BLOBS_MAX)
        return TX_BLOB_COUNT;
    for (size_t i = 0; i < tx->blob_num; i++)
        if (tx->blob_hashes[i].b[0] != 1)
            return TX_BLOB_VERSION;
    return TX_OK;
}

enum tx_error tx_check_rules(const struct tx *tx, const struct rules *rules,
                             unsigned flags, uint64_t extra_gas)
{
    if (rules->fork < type_since(tx->type))
        return TX_TYPE_UNSUPPORTED;
    if (tx->type == TX_BLOB && rules->spec->no_blobs)
        return TX_BLOBS_REFUSED;
    if (tx->type == TX_LEGACY && tx->has_chain_id && rules->fork < FORK_SPURIOUS)
        return TX_SIGNATURE;
    /* A call that nobody signed need not name the chain. */
    if (tx->has_chain_id && tx->chain_id != rules->spec->chain_id &&
        !(flags & EXEC_SKIP_NONCE))
        return TX_CHAIN_ID;
    uint64_t floor;
    uint64_t intrinsic = tx_intrinsic_gas(tx, rules, &floor);
    if (tx->gas < intrinsic)
        return TX_INTRINSIC_GAS;
    if (tx->gas - intrinsic < extra_gas)
        return TX_L1_FEE_GAS;
    if (tx->gas - extra_gas < floor)
        return TX_FLOOR_GAS;
    if (tx->nonce == UINT64_MAX && !(flags & EXEC_SKIP_NONCE)) /* EIP-2681 */
        return TX_NONCE_MAX;
    if (!tx->has_to && rules->fork >= FORK_SHANGHAI &&
        tx->data.len > vm_initcode_max(rules->fork))
        return TX_INITCODE_SIZE;
    /* EIP-7825; what pays for new state may lie above it (EIP-8037). */
    uint64_t capped =
        rules->fork >= FORK_AMSTERDAM ? MT_MAX(intrinsic, floor) : tx->gas - extra_gas;
    if (rules->fork >= FORK_OSAKA && capped > TX_GAS_LIMIT_MAX &&
        !(flags & EXEC_SKIP_GAS_CAPS))
        return TX_TX_GAS_CAP;
    if (u256_lt(tx->max_fee, tx->max_priority_fee))
        return TX_TIP_ABOVE_FEE_CAP;
    if (tx->type == TX_BLOB)
        return check_blobs(tx, rules);
    if (tx->type == TX_SET_CODE && !tx->has_to)
        return TX_AUTH_CREATE;
    if (tx->type == TX_SET_CODE && tx->auth_num == 0)
        return TX_AUTH_NONE;
    return TX_OK;
}

enum tx_error tx_check_static(const struct tx *tx, const struct rules *rules)
{
    /* With the L1 data fee the cap holds for what is left after the extra gas, which only
     * the executor knows. */
    return tx_check_rules(tx, rules, rules->spec->l1_fee ? EXEC_SKIP_GAS_CAPS : 0, 0);
}
