/* t8n's env: the block's surroundings. What the fork needs must be there, or what it can
 * be computed from: base fee (EIP-1559), difficulty, excess blob gas (EIP-4844). */
#include "evm_t8n.h"
#include "metis/chain.h"

#define LIST_MAX 65536u

static bool has(const json_t *env, const char *key)
{
    return json_is_string(json_object_get(env, key)) ||
           json_is_integer(json_object_get(env, key));
}

/* Optional members: absent leaves *out; false when malformed. */
static bool get_u64(const json_t *env, const char *key, uint64_t *out)
{
    return !has(env, key) || fx_u64(env, key, out);
}

static bool get_u256(const json_t *env, const char *key, u256 *out)
{
    return !has(env, key) || fx_u256(env, key, out);
}

static bool get_hash(const json_t *env, const char *key, hash32 *out)
{
    return !has(env, key) || fx_hash(env, key, out);
}

/* ================= lists ================= */

static bool read_hashes(struct t8n *t, json_t *hashes)
{
    const char *key;
    json_t *value;
    size_t n = json_object_size(hashes);
    struct t8n_hash *list = arena_zalloc(&t->arena, n + 1, sizeof *list);
    if (list == NULL || n > LIST_MAX)
        return false;
    t->env.hashes = list;
    json_object_foreach(hashes, key, value)
    {
        u256 number;
        if (u256_parse(key, strlen(key), &number) != MT_OK || !u256_is_u64(number) ||
            !fx_hash(hashes, key, &list[t->env.hash_num].hash))
            return false;
        list[t->env.hash_num++].number = number.w[0];
    }
    return true;
}

static bool read_ommers(struct t8n *t, const json_t *ommers)
{
    size_t n = json_array_size(ommers);
    t->env.ommers = arena_zalloc(&t->arena, n + 1, sizeof *t->env.ommers);
    if (t->env.ommers == NULL || n > LIST_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *each = json_array_get(ommers, i);
        struct t8n_ommer *o = &t->env.ommers[i];
        if (!fx_u64(each, "delta", &o->delta) || !fx_address(each, "address", &o->addr) ||
            o->delta > 8)
            return false;
    }
    t->env.ommer_num = n;
    return true;
}

static bool read_withdrawals(struct t8n *t, const json_t *list)
{
    size_t n = json_array_size(list);
    struct withdrawal *w = arena_zalloc(&t->arena, n + 1, sizeof *w);
    if (w == NULL || n > LIST_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *each = json_array_get(list, i);
        if (!fx_u64(each, "index", &w[i].index) ||
            !fx_u64(each, "validatorIndex", &w[i].validator) ||
            !fx_address(each, "address", &w[i].addr) ||
            !fx_u64(each, "amount", &w[i].amount_gwei))
            return false;
    }
    t->env.has_withdrawals = json_is_array(list);
    t->env.withdrawals = w;
    t->env.withdrawal_num = n;
    return true;
}

/* ================= what is computed ================= */

struct parent {
    struct header header;
    hash32 ommers_hash;
    struct rules rules;
};

static bool read_parent(struct t8n *t, const json_t *env, struct parent *p)
{
    struct header *h = &p->header;
    *p = (struct parent){.ommers_hash = {{0}}};
    bool ok = get_u64(env, "parentTimestamp", &h->timestamp) &&
              get_u64(env, "parentGasUsed", &h->gas_used) &&
              get_u64(env, "parentGasLimit", &h->gas_limit) &&
              get_u256(env, "parentBaseFee", &h->base_fee) &&
              get_u256(env, "parentDifficulty", &h->difficulty) &&
              get_u64(env, "parentBlobGasUsed", &h->blob_gas_used) &&
              get_u64(env, "parentExcessBlobGas", &h->excess_blob_gas) &&
              get_hash(env, "parentUncleHash", &p->ommers_hash);
    h->number = t->env.header.number - (t->env.header.number > 0);
    p->rules = chain_rules(&t->spec, h->number, h->timestamp, true);
    return ok;
}

static int set_base_fee(struct t8n *t, const json_t *env, const struct parent *p)
{
    struct header *h = &t->env.header;
    bool given = has(env, "currentBaseFee");
    t->env.has_base_fee = given || t->rules.fork >= FORK_LONDON;
    if (t->rules.fork < FORK_LONDON || given)
        return T8N_OK;
    if (!has(env, "parentBaseFee") || h->number == 0)
        return t8n_fail(t, T8N_CONFIG,
                        "EIP-1559 config but missing 'parentBaseFee' in env section");
    h->base_fee = next_base_fee(&p->header, &t->rules, &p->rules);
    return T8N_OK;
}

static int set_difficulty(struct t8n *t, const json_t *env, const struct parent *p)
{
    struct header *h = &t->env.header;
    if (t->rules.fork >= FORK_PARIS) {
        if (!has(env, "currentRandom"))
            return t8n_fail(t, T8N_CONFIG,
                            "post-merge requires currentRandom to be defined in env");
        if (!u256_is_zero(h->difficulty))
            return t8n_fail(t, T8N_CONFIG,
                            "post-merge difficulty must be zero (or omitted) in env");
        return T8N_OK;
    }
    if (has(env, "currentDifficulty"))
        return T8N_OK;
    if (!has(env, "parentDifficulty"))
        return t8n_fail(t, T8N_CONFIG,
                        "currentDifficulty was not provided, and cannot be calculated "
                        "due to missing parentDifficulty");
    if (h->number == 0)
        return t8n_fail(t, T8N_CONFIG,
                        "currentDifficulty needs to be provided for block number 0");
    if (h->timestamp <= p->header.timestamp)
        return t8n_fail(t, T8N_CONFIG,
                        "currentDifficulty cannot be calculated -- currentTime (%llu) "
                        "needs to be after parent time (%llu)",
                        (unsigned long long)h->timestamp,
                        (unsigned long long)p->header.timestamp);
    bool ommers = !hash32_is_zero(&p->ommers_hash) &&
                  !hash32_eq(&p->ommers_hash, &KECCAK_RLP_EMPTY_LIST);
    h->difficulty =
        chain_difficulty(&t->rules, h->number, h->timestamp, &p->header, ommers);
    return T8N_OK;
}

static int set_blobs(struct t8n *t, const json_t *env, const struct parent *p)
{
    t->env.has_blob_fee =
        has(env, "currentExcessBlobGas") ||
        (has(env, "parentExcessBlobGas") && has(env, "parentBlobGasUsed"));
    if (t->rules.fork < FORK_CANCUN)
        return T8N_OK;
    if (!has(env, "parentBeaconBlockRoot"))
        return t8n_fail(t, T8N_CONFIG,
                        "post-cancun env requires parentBeaconBlockRoot to be set");
    if (!has(env, "currentExcessBlobGas"))
        t->env.header.excess_blob_gas =
            next_excess_blob_gas(&p->header, &t->rules, &t->rules);
    return T8N_OK;
}

/* ================= all of it ================= */

static bool read_header(const json_t *env, struct header *h)
{
    u256 random = U256_ZERO;
    *h = (struct header){.field_num = HEADER_FIELDS_MAX};
    bool ok = fx_address(env, "currentCoinbase", &h->coinbase) &&
              fx_u64(env, "currentGasLimit", &h->gas_limit) &&
              fx_u64(env, "currentNumber", &h->number) &&
              fx_u64(env, "currentTimestamp", &h->timestamp) &&
              get_u256(env, "currentDifficulty", &h->difficulty) &&
              get_u256(env, "currentRandom", &random) &&
              get_u256(env, "currentBaseFee", &h->base_fee) &&
              get_u64(env, "currentExcessBlobGas", &h->excess_blob_gas) &&
              get_hash(env, "parentBeaconBlockRoot", &h->parent_beacon_root) &&
              get_u64(env, "slotNumber", &h->slot_number);
    h->mix_hash = u256_to_hash(random);
    return ok;
}

int t8n_read_env(struct t8n *t, const json_t *env)
{
    struct header *h = &t->env.header;
    struct parent parent;
    if (!json_is_object(env) || !read_header(env, h) ||
        !read_hashes(t, json_object_get(env, "blockHashes")) ||
        !read_ommers(t, json_object_get(env, "ommers")) ||
        !read_withdrawals(t, json_object_get(env, "withdrawals")) ||
        !read_parent(t, env, &parent))
        return t8n_fail(t, T8N_JSON, "env: a field is missing or malformed");
    t->rules = chain_rules(&t->spec, h->number, h->timestamp, true);
    for (size_t i = 0; i < t->env.hash_num; i++)
        if (h->number > 0 && t->env.hashes[i].number == h->number - 1)
            h->parent_hash = t->env.hashes[i].hash;
    int status = set_base_fee(t, env, &parent);
    if (status == T8N_OK && t->rules.fork >= FORK_SHANGHAI && !t->env.has_withdrawals)
        status = t8n_fail(t, T8N_CONFIG,
                          "Shanghai config but missing 'withdrawals' in env section");
    if (status == T8N_OK)
        status = set_difficulty(t, env, &parent);
    return status == T8N_OK ? set_blobs(t, env, &parent) : status;
}
