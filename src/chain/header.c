/* Header rules: yellow paper 4.3.4, EIP-1559, 3675, 4788, 4844, 4895, 7685, 7691, 7918
 * and the difficulty of proof of work with its bombs. What the header says of its body
 * and of the execution's results is compared elsewhere (body.c, execute.c). */
#include "chain_int.h"

#define GAS_LIMIT_MIN   5000u
#define GAS_LIMIT_MAX   0x7fffffffffffffffu
#define EXTRA_DATA_MAX  32u
#define DAO_EXTRA_RANGE 10u
#define MIN_DIFFICULTY  131072u

/* ---- difficulty ---- */

/* How many blocks each fork holds the bomb back (EIP-649, 1234, 2384, 3554, 4345,
 * 5133). */
static uint64_t bomb_delay(enum fork f)
{
    if (f >= FORK_GRAY_GLACIER)
        return 11400000;
    if (f >= FORK_ARROW_GLACIER)
        return 10700000;
    if (f >= FORK_LONDON)
        return 9700000;
    if (f >= FORK_MUIR_GLACIER)
        return 9000000;
    if (f >= FORK_CONSTANTINOPLE)
        return 5000000;
    return f >= FORK_BYZANTIUM ? 3000000 : 0;
}

/* parent / 2048 times x, added or taken away; never below the minimum. */
static u256 adjust(u256 parent, bool up, uint64_t times)
{
    u256 step = u256_mul(u256_shr(parent, 11), u256_from(times));
    if (up)
        return u256_add(parent, step);
    return u256_lt(parent, step) ? U256_ZERO : u256_sub(parent, step);
}

static u256 base_difficulty(const struct rules *rules, uint64_t timestamp,
                            const struct header *parent, bool parent_has_ommers)
{
    uint64_t gap = timestamp - parent->timestamp;
    u256 d = parent->difficulty;
    if (rules->fork < FORK_HOMESTEAD)
        return adjust(d, gap < 13, 1);
    /* Homestead: max(1 - gap/10, -99); Byzantium: max(y - gap/9, -99), y by ommers. */
    uint64_t y = rules->fork >= FORK_BYZANTIUM && parent_has_ommers ? 2 : 1;
    uint64_t n = gap / (rules->fork >= FORK_BYZANTIUM ? 9 : 10);
    if (n <= y)
        return adjust(d, true, y - n);
    return adjust(d, false, MT_MIN(n - y, 99));
}

u256 chain_difficulty(const struct rules *rules, uint64_t number, uint64_t timestamp,
                      const struct header *parent, bool parent_has_ommers)
{
    u256 d = base_difficulty(rules, timestamp, parent, parent_has_ommers);
    u256 least = u256_from(MIN_DIFFICULTY);
    uint64_t delay = bomb_delay(rules->fork);
    uint64_t fake = number > delay ? number - delay : 0;
    uint64_t period = fake / 100000;
    if (period > 1)
        d = u256_add(d, u256_shl(U256_ONE, period - 2));
    /* The maximum last, as the yellow paper and EIP-2 have it; some clients add the bomb
     * after it, which no chain of valid blocks can tell. */
    return u256_lt(d, least) ? least : d;
}

/* ---- parts of the check ---- */

static mt_err check_shape(struct chain *c, const struct header *h,
                          const struct header *parent, const struct rules *rules,
                          struct mt_diag *diag)
{
    uint8_t want = header_fields_for(rules);
    if (h->field_num != want)
        return block_invalid(c, "INCORRECT_BLOCK_FORMAT|RLP_STRUCTURES_ENCODING", diag,
                             "header has %u fields, %s has %u", (unsigned)h->field_num,
                             fork_name(rules->fork), (unsigned)want);
    if (h->number != parent->number + 1)
        return block_invalid(c, "INVALID_BLOCK_NUMBER", diag,
                             "number %llu does not follow the parent's %llu",
                             (unsigned long long)h->number,
                             (unsigned long long)parent->number);
    bool equal_ok = rules->spec->equal_time;
    if (h->timestamp < parent->timestamp ||
        (h->timestamp == parent->timestamp && !equal_ok))
        return block_invalid(c, "INVALID_BLOCK_TIMESTAMP_OLDER_THAN_PARENT", diag,
                             "timestamp %llu is not after the parent's %llu",
                             (unsigned long long)h->timestamp,
                             (unsigned long long)parent->timestamp);
    if (h->extra_data.len > EXTRA_DATA_MAX)
        return block_invalid(c, "EXTRA_DATA_TOO_BIG", diag,
                             "extra data of %zu bytes, at most %u", h->extra_data.len,
                             EXTRA_DATA_MAX);
    if (rules->spec->fixed_coinbase && !address_eq(&h->coinbase, &rules->spec->coinbase))
        return block_invalid(c, "", diag, "coinbase %s, the network's is %s",
                             address_text(&h->coinbase).s,
                             address_text(&rules->spec->coinbase).s);
    return MT_OK;
}

mt_err header_gas_limit_ok(struct chain *c, const struct header *h,
                           const struct header *parent, const struct rules *rules,
                           const struct rules *parent_rules, struct mt_diag *diag)
{
    uint64_t base = parent->gas_limit;
    if (rules->fork >= FORK_LONDON && parent_rules->fork < FORK_LONDON)
        base *= 2; /* EIP-1559: the elasticity multiplier at the fork */
    uint64_t diff = h->gas_limit > base ? h->gas_limit - base : base - h->gas_limit;
    if (h->gas_limit < GAS_LIMIT_MIN || h->gas_limit > GAS_LIMIT_MAX ||
        diff >= base / 1024)
        return block_invalid(c,
                             h->gas_limit > GAS_LIMIT_MAX
                                 ? "INVALID_GASLIMIT|GASLIMIT_TOO_BIG"
                                 : "INVALID_GASLIMIT",
                             diag, "gas limit %llu is too far from the parent's %llu",
                             (unsigned long long)h->gas_limit, (unsigned long long)base);
    if (h->gas_used > h->gas_limit)
        return block_invalid(c, "GAS_USED_OVERFLOW|INVALID_GAS_USED_ABOVE_LIMIT", diag,
                             "gas used %llu is above the limit %llu",
                             (unsigned long long)h->gas_used,
                             (unsigned long long)h->gas_limit);
    return MT_OK;
}

static bool dao_extra_ok(const struct header *h, const struct rules *rules)
{
    uint64_t at = rules->spec->fork_at[FORK_DAO];
    if (at == FORK_NEVER || !rules->spec->dao_support || h->number < at ||
        h->number - at >= DAO_EXTRA_RANGE)
        return true;
    return slice_eq(h->extra_data, slice_str("dao-hard-fork"));
}

static mt_err check_work(struct chain *c, const struct header *h,
                         const struct header *parent, const struct rules *rules,
                         struct mt_diag *diag)
{
    bool parent_has_ommers = !hash32_eq(&parent->ommers_hash, &KECCAK_RLP_EMPTY_LIST);
    u256 want =
        chain_difficulty(rules, h->number, h->timestamp, parent, parent_has_ommers);
    if (!u256_eq(h->difficulty, want))
        return block_invalid(c, "INVALID_DIFFICULTY", diag, "difficulty %s, expected %s",
                             u256_dec(h->difficulty).s, u256_dec(want).s);
    if (!dao_extra_ok(h, rules))
        return block_invalid(c, "EXTRA_DATA_INVALID_DAO", diag,
                             "extra data is not the DAO fork's");
    return MT_OK;
}

static mt_err check_stake(struct chain *c, const struct header *h, struct mt_diag *diag)
{
    static const uint8_t no_nonce[8];
    if (!u256_is_zero(h->difficulty))
        return block_invalid(c,
                             "IMPORT_IMPOSSIBLE_DIFFICULTY_OVER_PARIS|INVALID_DIFFICULTY",
                             diag, "difficulty is not zero after the merge");
    if (memcmp(h->nonce, no_nonce, 8) != 0)
        return block_invalid(c, "", diag, "nonce is not zero after the merge");
    if (!hash32_eq(&h->ommers_hash, &KECCAK_RLP_EMPTY_LIST))
        return block_invalid(c, "IMPORT_IMPOSSIBLE_UNCLES_OVER_PARIS|INVALID_UNCLES_HASH",
                             diag, "ommers are not empty after the merge");
    return MT_OK;
}

static mt_err check_fees(struct chain *c, const struct header *h,
                         const struct header *parent, const struct rules *rules,
                         const struct rules *parent_rules, struct mt_diag *diag)
{
    if (rules->fork >= FORK_LONDON) {
        u256 want = next_base_fee(parent, rules, parent_rules);
        if (!u256_eq(h->base_fee, want))
            return block_invalid(c, "INVALID_BASEFEE_PER_GAS", diag,
                                 "base fee %s, expected %s", u256_dec(h->base_fee).s,
                                 u256_dec(want).s);
    }
    if (rules->fork < FORK_CANCUN)
        return MT_OK;
    uint64_t excess = next_excess_blob_gas(parent, rules, parent_rules);
    if (h->excess_blob_gas != excess)
        return block_invalid(
            c, "INCORRECT_EXCESS_BLOB_GAS", diag, "excess blob gas %llu, expected %llu",
            (unsigned long long)h->excess_blob_gas, (unsigned long long)excess);
    if (h->blob_gas_used % GAS_PER_BLOB != 0)
        return block_invalid(c, "INCORRECT_BLOB_GAS_USED", diag,
                             "blob gas used %llu is not a number of blobs",
                             (unsigned long long)h->blob_gas_used);
    if (h->blob_gas_used > rules->blobs.max * GAS_PER_BLOB)
        return block_invalid(c,
                             "BLOB_GAS_USED_ABOVE_LIMIT|INCORRECT_BLOB_GAS_USED|"
                             "TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED|"
                             "TYPE_3_TX_BLOB_COUNT_EXCEEDED",
                             diag, "blob gas used %llu is above the limit of %llu",
                             (unsigned long long)h->blob_gas_used,
                             (unsigned long long)rules->blobs.max * GAS_PER_BLOB);
    return MT_OK;
}

mt_err chain_check_header(struct chain *c, const struct header *h,
                          const struct header *parent, const u256 *parent_td,
                          struct mt_diag *diag)
{
    struct rules rules = chain_rules_at(c, h->number, h->timestamp, parent_td);
    u256 grand_td = u256_sub(*parent_td, parent->difficulty);
    struct rules parent_rules =
        chain_rules_at(c, parent->number, parent->timestamp, &grand_td);
    MT_TRY(check_shape(c, h, parent, &rules, diag));
    MT_TRY(header_gas_limit_ok(c, h, parent, &rules, &parent_rules, diag));
    if (rules_have_work(&rules))
        MT_TRY(check_work(c, h, parent, &rules, diag));
    else
        MT_TRY(check_stake(c, h, diag));
    return check_fees(c, h, parent, &rules, &parent_rules, diag);
}
