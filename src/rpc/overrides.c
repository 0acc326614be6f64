/* Overrides of eth_call, eth_estimateGas, debug_traceCall and eth_simulateV1: what a
 * caller wants to be different in the state and in the block. The state's become a change
 * of the parent state, the block's fields of a header. */
#include "rpc_int.h"
#include <stdlib.h>

#define WITHDRAWALS_MAX 1024u

/* ---- accounts ---- */

int slot_change_cmp(const void *a, const void *b)
{
    return hash32_cmp(&((const struct slot_change *)a)->slot,
                      &((const struct slot_change *)b)->slot);
}

int account_change_cmp(const void *a, const void *b)
{
    return address_cmp(&((const struct account_change *)a)->addr,
                       &((const struct account_change *)b)->addr);
}

static bool override_slots(struct call *c, size_t i, const json_t *map,
                           struct account_change *a)
{
    const char *name;
    json_t *value;
    size_t n = json_object_size(map);
    if (!json_is_object(map) || n > ITEMS_MAX)
        return list_refused(c, i);
    a->slots = arena_zalloc(c->arena, n + 1, sizeof(*a->slots));
    if (a->slots == NULL)
        return list_refused(c, i);
    json_object_foreach((json_t *)(uintptr_t)map, name, value)
    {
        struct slot_change *s = &a->slots[a->slot_num];
        hash32 v;
        if (strlen(name) != 66 || hex_decode_fixed(name, s->slot.b, 32) != MT_OK) {
            call_fail(c, RPC_PARAMS, "invalid argument %zu: bad storage key", i);
            return false;
        }
        if (!val_hash(c, i, value, &v))
            return false;
        s->value = u256_from_hash(&v);
        a->slot_num++;
    }
    qsort(a->slots, a->slot_num, sizeof(*a->slots), slot_change_cmp);
    for (size_t k = 1; k < a->slot_num; k++)
        if (hash32_eq(&a->slots[k].slot, &a->slots[k - 1].slot))
            return list_refused(c, i);
    return true;
}

static bool override_storage(struct call *c, size_t i, const json_t *o,
                             struct account_change *a)
{
    const json_t *state = json_object_get(o, "state");
    const json_t *diff = json_object_get(o, "stateDiff");
    if (json_is_null(state))
        state = NULL;
    if (json_is_null(diff))
        diff = NULL;
    if (state != NULL && diff != NULL) {
        call_fail(c, RPC_SERVER, "account %s has both 'state' and 'stateDiff'",
                  address_text(&a->addr).s);
        return false;
    }
    if (state != NULL)
        a->flags |= CHANGE_STORAGE_CLEARED;
    if (state == NULL && diff == NULL)
        return true;
    return override_slots(c, i, state != NULL ? state : diff, a);
}

static bool override_account(struct call *c, size_t i, const json_t *o,
                             const struct vm_reader *reader, struct account_change *a)
{
    struct account now;
    bool exists;
    mt_err err = reader->account(reader->ctx, &a->addr, &now, &exists);
    if (err != MT_OK) {
        call_error(c, err, NULL);
        return false;
    }
    a->nonce = now.nonce;
    a->balance = now.balance;
    a->code_hash = now.code_hash;
    if (!opt_u64(c, i, o, "nonce", &a->nonce, NULL) ||
        !opt_u256(c, i, o, "balance", &a->balance, NULL))
        return false;
    const json_t *code = json_object_get(o, "code");
    if (code != NULL && !json_is_null(code)) {
        if (!val_data(c, i, code, &a->code))
            return false;
        a->flags |= CHANGE_CODE;
        a->code_hash = keccak256(a->code.ptr, a->code.len);
    }
    return override_storage(c, i, o, a);
}

/* ---- precompiles ---- */

/* True when the map has this address, in whatever letters. */
static bool map_has(const json_t *map, const address *addr)
{
    const char *name;
    json_t *value;
    address a;
    json_object_foreach((json_t *)(uintptr_t)map, name, value)
    {
        if (strlen(name) == 42 && hex_decode_fixed(name, a.b, 20) == MT_OK &&
            address_eq(&a, addr))
            return true;
    }
    return false;
}

static bool check_target(struct call *c, const json_t *map, const address *from,
                         const address *to, const struct vm_moves *moves)
{
    if (address_eq(from, to)) {
        call_fail(c, RPC_MOVE_SELF, "movePrecompileToAddress of %s names itself",
                  address_text(from).s);
        return false;
    }
    for (size_t k = 0; k < moves->num; k++) {
        if (!moves->list[k].none && address_eq(&moves->list[k].at, to)) {
            call_fail(c, RPC_MOVE_TWICE, "two precompiles are moved to %s",
                      address_text(to).s);
            return false;
        }
    }
    if (!map_has(map, to))
        return true;
    call_fail(c, RPC_SERVER, "account %s is already overridden", address_text(to).s);
    return false;
}

/* There are few precompiles, and no address twice, so the list stays short. */
static bool override_precompile(struct call *c, size_t i, const json_t *map,
                                const json_t *o, const address *addr,
                                const struct rules *rules, struct vm_moves *moves,
                                struct vm_move *list)
{
    bool is = vm_is_precompile(rules, addr), has = false;
    address to;
    if (!opt_address(c, i, o, "movePrecompileToAddress", &to, &has))
        return false;
    if (has && !is) {
        call_fail(c, RPC_SERVER, "account %s is not a precompile", address_text(addr).s);
        return false;
    }
    if (has && !check_target(c, map, addr, &to, moves))
        return false;
    moves->list = list;
    if (is)
        list[moves->num++] = (struct vm_move){.at = *addr, .none = true};
    if (has)
        list[moves->num++] = (struct vm_move){.at = to, .from = *addr};
    return true;
}

bool state_overrides_read(struct call *c, size_t i, const json_t *map,
                          const struct vm_reader *reader, const struct rules *rules,
                          struct state_overrides *out)
{
    const char *name;
    json_t *value;
    struct state_delta *patch = &out->patch;
    *out = (struct state_overrides){0};
    if (map == NULL || json_is_null(map))
        return true;
    size_t n = json_object_size(map);
    if (!json_is_object(map) || n > ITEMS_MAX)
        return list_refused(c, i);
    patch->accounts = arena_zalloc(c->arena, n + 1, sizeof(*patch->accounts));
    struct vm_move *moves = arena_zalloc(c->arena, 2 * n + 1, sizeof(*moves));
    if (patch->accounts == NULL || moves == NULL)
        return list_refused(c, i);
    json_object_foreach((json_t *)(uintptr_t)map, name, value)
    {
        struct account_change *a = &patch->accounts[patch->account_num];
        if (strlen(name) != 42 || hex_decode_fixed(name, a->addr.b, 20) != MT_OK) {
            call_fail(c, RPC_PARAMS, "invalid argument %zu: bad address", i);
            return false;
        }
        if (!override_precompile(c, i, map, value, &a->addr, rules, &out->moves, moves) ||
            !override_account(c, i, value, reader, a))
            return false;
        patch->account_num++;
    }
    qsort(patch->accounts, patch->account_num, sizeof(*patch->accounts),
          account_change_cmp);
    for (size_t k = 1; k < patch->account_num; k++)
        if (address_eq(&patch->accounts[k].addr, &patch->accounts[k - 1].addr))
            return list_refused(c, i);
    return true;
}

/* ---- blocks ---- */

bool val_withdrawals(struct call *c, size_t i, const json_t *list,
                     struct withdrawal **out, size_t *num)
{
    size_t n = json_array_size(list);
    *num = 0;
    if (list == NULL || json_is_null(list))
        return true;
    struct withdrawal *w = arena_zalloc(c->arena, n + 1, sizeof(*w));
    if (!json_is_array(list) || n > WITHDRAWALS_MAX || w == NULL)
        return list_refused(c, i);
    for (size_t k = 0; k < n; k++) {
        const json_t *o = json_array_get(list, k);
        if (!val_u64(c, i, json_object_get(o, "index"), &w[k].index) ||
            !val_u64(c, i, json_object_get(o, "validatorIndex"), &w[k].validator) ||
            !val_address(c, i, json_object_get(o, "address"), &w[k].addr) ||
            !val_u64(c, i, json_object_get(o, "amount"), &w[k].amount_gwei))
            return false;
    }
    *out = w;
    *num = n;
    return true;
}

static bool opt_hash(struct call *c, size_t i, const json_t *o, const char *key,
                     hash32 *out, bool *has)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_null(v))
        return true;
    *has = true;
    return val_hash(c, i, v, out);
}

bool block_overrides_read(struct call *c, size_t i, const json_t *o,
                          struct block_overrides *out)
{
    struct block_overrides *b = out;
    *out = (struct block_overrides){0};
    if (o == NULL || json_is_null(o))
        return true;
    if (!json_is_object(o)) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: not an object", i);
        return false;
    }
    return opt_u64(c, i, o, "number", &b->number, &b->has_number) &&
           opt_u64(c, i, o, "time", &b->time, &b->has_time) &&
           opt_u64(c, i, o, "gasLimit", &b->gas_limit, &b->has_gas_limit) &&
           opt_address(c, i, o, "feeRecipient", &b->coinbase, &b->has_coinbase) &&
           opt_address(c, i, o, "coinbase", &b->coinbase, &b->has_coinbase) &&
           opt_hash(c, i, o, "random", &b->randao, &b->has_randao) &&
           opt_hash(c, i, o, "prevRandao", &b->randao, &b->has_randao) &&
           opt_u256(c, i, o, "difficulty", &b->difficulty, &b->has_difficulty) &&
           opt_u256(c, i, o, "baseFee", &b->base_fee, &b->has_base_fee) &&
           opt_u256(c, i, o, "baseFeePerGas", &b->base_fee, &b->has_base_fee) &&
           opt_u256(c, i, o, "blobBaseFee", &b->blob_fee, &b->has_blob_fee) &&
           opt_hash(c, i, o, "beaconRoot", &b->beacon_root, &b->has_beacon_root) &&
           opt_hash(c, i, o, "parentBeaconBlockRoot", &b->beacon_root,
                    &b->has_beacon_root) &&
           val_withdrawals(c, i, json_object_get(o, "withdrawals"), &b->withdrawals,
                           &b->withdrawal_num);
}

void block_overrides_apply(const struct block_overrides *o, struct header *h)
{
    if (o->has_number)
        h->number = o->number;
    if (o->has_time)
        h->timestamp = o->time;
    if (o->has_gas_limit)
        h->gas_limit = o->gas_limit;
    if (o->has_coinbase)
        h->coinbase = o->coinbase;
    if (o->has_randao)
        h->mix_hash = o->randao;
    if (o->has_difficulty)
        h->difficulty = o->difficulty;
    if (o->has_base_fee)
        h->base_fee = o->base_fee;
    if (o->has_beacon_root)
        h->parent_beacon_root = o->beacon_root;
}
