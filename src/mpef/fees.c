/* The fee markets: EIP-1559's base fee and EIP-4844's blob fee with the schedules of
 * EIP-7691 and EIP-7892 (in the rules) and the reserve price of EIP-7918. Pure functions
 * of the parent header and the child's rules. */
#include "mpef_int.h"

#define BASE_FEE_FIRST       1000000000u
#define BASE_FEE_DENOMINATOR 8u
#define ELASTICITY           2u
#define BLOB_BASE_COST       8192u /* EIP-7918 */

u256 next_base_fee(const struct header *parent, const struct rules *rules,
                   const struct rules *parent_rules)
{
    if (rules->fork < FORK_LONDON)
        return U256_ZERO;
    if (parent_rules->fork < FORK_LONDON)
        return u256_from(BASE_FEE_FIRST);
    uint64_t target = parent->gas_limit / ELASTICITY;
    if (parent->gas_used == target || target == 0)
        return parent->base_fee;
    bool up = parent->gas_used > target;
    uint64_t gap = up ? parent->gas_used - target : target - parent->gas_used;
    u256 delta = u256_mul(parent->base_fee, u256_from(gap));
    delta = u256_div(u256_div(delta, u256_from(target)), u256_from(BASE_FEE_DENOMINATOR));
    if (!up)
        return u256_sub(parent->base_fee, delta);
    return u256_add(parent->base_fee, u256_is_zero(delta) ? U256_ONE : delta);
}

/* fake_exponential of EIP-4844 with factor 1: e^(num/den) by its Taylor series in
 * integers. Saturates where the true value has no 256 bits. */
static u256 fake_exponential(uint64_t num, uint64_t den)
{
    u256 sum = U256_ZERO;
    u256 term = u256_from(den);
    for (uint64_t i = 1; !u256_is_zero(term); i++) {
        bool over, carry;
        sum = u256_add_c(sum, term, &carry);
        term = u256_mul_o(term, u256_from(num), &over);
        if (carry || over)
            return U256_MAX;
        term = u256_div(term, u256_mul(u256_from(den), u256_from(i)));
    }
    return u256_div(sum, u256_from(den));
}

u256 blob_base_fee(uint64_t excess_blob_gas, const struct rules *rules)
{
    uint64_t fraction = rules->blobs.base_fee_update_fraction;
    return fraction == 0 ? U256_ONE : fake_exponential(excess_blob_gas, fraction);
}

uint64_t next_excess_blob_gas(const struct header *parent, const struct rules *rules,
                              const struct rules *parent_rules)
{
    if (parent_rules->fork < FORK_CANCUN || rules->fork < FORK_CANCUN)
        return 0;
    uint64_t target = rules->blobs.target * GAS_PER_BLOB;
    uint64_t sum;
    if (__builtin_add_overflow(parent->excess_blob_gas, parent->blob_gas_used, &sum))
        return UINT64_MAX;
    if (sum < target)
        return 0;
    if (rules->fork >= FORK_OSAKA && rules->blobs.max > 0) {
        bool over;
        u256 reserve = u256_mul(parent->base_fee, u256_from(BLOB_BASE_COST));
        u256 price = u256_mul_o(blob_base_fee(parent->excess_blob_gas, rules),
                                u256_from(GAS_PER_BLOB), &over);
        if (!over && u256_lt(price, reserve)) {
            uint64_t room =
                rules->blobs.max - MT_MIN(rules->blobs.max, rules->blobs.target);
            u256 part = u256_mul(u256_from(parent->blob_gas_used), u256_from(room));
            part = u256_div(part, u256_from(rules->blobs.max));
            return parent->excess_blob_gas + u256_to_u64_sat(part);
        }
    }
    return sum - target;
}
