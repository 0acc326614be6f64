/* Balances that a block gives without a transaction: rewards of proof of work (yellow
 * paper, section 11.3, EIP-649, EIP-1234) and withdrawals (EIP-4895). */
#include "mpef_int.h"

static u256 block_reward(const struct rules *rules)
{
    uint64_t ether = rules->fork >= FORK_CONSTANTINOPLE ? 2
                     : rules->fork >= FORK_BYZANTIUM    ? 3
                                                        : 5;
    return u256_mul(u256_from(ether), u256_from(1000000000000000000u));
}

u256 reward_of_author(const struct rules *rules, size_t ommer_num)
{
    u256 reward = block_reward(rules);
    u256 each = u256_div(reward, u256_from(32));
    return u256_add(reward, u256_mul(each, u256_from(ommer_num)));
}

/* (8 - depth) / 8; validation has seen to it that depth is 1 to 6 */
u256 reward_of_ommer(const struct rules *rules, uint64_t depth)
{
    return u256_div(u256_mul(block_reward(rules), u256_from(8 - depth)), u256_from(8));
}

mt_err rewards_apply(struct vm_state *s, const struct rules *rules,
                     const struct header *header, const struct header *ommers,
                     size_t ommer_num)
{
    for (size_t i = 0; i < ommer_num; i++) {
        uint64_t depth = header->number - ommers[i].number;
        if (depth == 0 || depth >= 8)
            return MT_EINVALID_BLOCK;
        u256 share = reward_of_ommer(rules, depth);
        MT_TRY(vm_state_add_balance(s, &ommers[i].coinbase, share));
    }
    return vm_state_add_balance(s, &header->coinbase, reward_of_author(rules, ommer_num));
}

mt_err withdrawals_apply(struct vm_state *s, const struct withdrawal *w, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        u256 amount = u256_mul(u256_from(w[i].amount_gwei), u256_from(1000000000u));
        MT_TRY(vm_state_add_balance(s, &w[i].addr, amount));
    }
    return MT_OK;
}
