/* What this node is set up for: eth_config (EIP-7910) tells the rules now, next and last;
 * eth_capabilities which history can be asked for. */
#include "rpc_int.h"

/* ---- EIP-7910 ---- */

/* The names that EIP-7910 agreed on, in order of the index in the address. */
static const struct {
    uint16_t at;
    const char *name;
} PRECOMPILE_NAMES[] = {
    {0x01, "ECREC"},
    {0x02, "SHA256"},
    {0x03, "RIPEMD160"},
    {0x04, "ID"},
    {0x05, "MODEXP"},
    {0x06, "BN254_ADD"},
    {0x07, "BN254_MUL"},
    {0x08, "BN254_PAIRING"},
    {0x09, "BLAKE2F"},
    {0x0a, "KZG_POINT_EVALUATION"},
    {0x0b, "BLS12_G1ADD"},
    {0x0c, "BLS12_G1MSM"},
    {0x0d, "BLS12_G2ADD"},
    {0x0e, "BLS12_G2MSM"},
    {0x0f, "BLS12_PAIRING_CHECK"},
    {0x10, "BLS12_MAP_FP_TO_G1"},
    {0x11, "BLS12_MAP_FP2_TO_G2"},
    {0x100, "P256VERIFY"},
};

static const struct {
    enum fork since;
    const char *name, *addr;
} SYSTEM_CONTRACTS[] = {
    {FORK_CANCUN, "BEACON_ROOTS_ADDRESS", "0x000f3df6d732807ef1319fb7b8bb8522d0beac02"},
    {FORK_PRAGUE, "CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS",
     "0x0000bbddc7ce488642fb579f8b00f3a590007251"},
    {FORK_PRAGUE, "DEPOSIT_CONTRACT_ADDRESS", NULL}, /* the network's */
    {FORK_PRAGUE, "HISTORY_STORAGE_ADDRESS",
     "0x0000f90827f1c53a10cb7a02335b175320002935"},
    {FORK_PRAGUE, "WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS",
     "0x00000961ef480eb55e80d19ad83579a64c007002"},
};

static const char *precompile_name(const address *a)
{
    unsigned at = (unsigned)a->b[18] << 8 | a->b[19];
    for (size_t i = 0; i < MT_ARRAY_LEN(PRECOMPILE_NAMES); i++)
        if (PRECOMPILE_NAMES[i].at == at)
            return PRECOMPILE_NAMES[i].name;
    return NULL;
}

/* EIP-2124: CRC-32 (IEEE) over the genesis hash and the forks that have passed, each
 * once; those of the genesis itself are not counted. */
static uint32_t crc32_add(uint32_t crc, const uint8_t *p, size_t n)
{
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1u)));
    }
    return ~crc;
}

static uint32_t fork_hash(const struct genesis *g, uint64_t number, uint64_t time)
{
    static const bool by_time[] = {
#define X(id, name, key, by) by_##by,
#define by_B                 false
#define by_T                 true
        MT_FORKS(X)
#undef by_T
#undef by_B
#undef X
    };
    uint32_t crc = crc32_add(0, g->hash.b, 32);
    for (int pass = 0; pass < 2; pass++) { /* numbers, then times, each rising */
        uint64_t done = pass == 0 ? 0 : g->header.timestamp;
        uint64_t now = pass == 0 ? number : time;
        for (;;) {
            uint64_t at = UINT64_MAX;
            for (int f = 0; f < FORK_COUNT; f++)
                if (by_time[f] == (pass == 1) && g->spec.fork_at[f] > done)
                    at = MT_MIN(at, g->spec.fork_at[f]);
            if (at > now || at == FORK_NEVER)
                break;
            uint8_t be[8];
            store_be64(be, at);
            crc = crc32_add(crc, be, 8);
            done = at;
        }
    }
    return crc;
}

static void put_precompiles(struct json_out *j, const struct rules *rules)
{
    address a;
    json_key(j, "precompiles");
    json_obj(j);
    for (unsigned i = 0; vm_precompile_next(rules, &i, &a);) {
        const char *name = precompile_name(&a);
        if (name == NULL)
            continue; /* the network's own are no part of the EIP */
        json_kv_addr(j, name, &a);
    }
    json_obj_end(j);
}

static void put_contracts(struct json_out *j, const struct rules *rules)
{
    json_key(j, "systemContracts");
    json_obj(j);
    for (size_t i = 0; i < MT_ARRAY_LEN(SYSTEM_CONTRACTS); i++) {
        if (rules->fork < SYSTEM_CONTRACTS[i].since)
            continue;
        json_key(j, SYSTEM_CONTRACTS[i].name);
        if (SYSTEM_CONTRACTS[i].addr != NULL)
            json_str(j, SYSTEM_CONTRACTS[i].addr);
        else
            json_addr(j, &rules->spec->deposit_contract);
    }
    json_obj_end(j);
}

/* The rules from the fork at this time on. */
static void put_config(struct call *c, uint64_t number, uint64_t time, uint64_t since)
{
    struct json_out *j = &c->out;
    const struct genesis *g = chain_genesis(c->rpc->opt.chain);
    struct rules rules = chain_rules(&g->spec, number, time, true);
    char id[16];
    mt_fmt(id, sizeof(id), "0x%08x", fork_hash(g, number, time));
    json_obj(j);
    json_kv_u64(j, "activationTime", since);
    json_key(j, "blobSchedule");
    if (rules.fork >= FORK_CANCUN) {
        json_obj(j);
        json_kv_u64(j, "baseFeeUpdateFraction", rules.blobs.base_fee_update_fraction);
        json_kv_u64(j, "max", rules.blobs.max);
        json_kv_u64(j, "target", rules.blobs.target);
        json_obj_end(j);
    } else {
        json_nil(j);
    }
    json_kv_hex_u64(j, "chainId", g->spec.chain_id);
    json_kv_str(j, "forkId", id);
    put_precompiles(j, &rules);
    put_contracts(j, &rules);
    json_obj_end(j);
}

enum call_status m_config(struct call *c)
{
    const struct header *h = &c->view->head->block.header;
    const struct chain_spec *spec = chain_spec_of(c->rpc->opt.chain);
    uint64_t since = 0, next = FORK_NEVER, last = 0;
    for (int f = FORK_SHANGHAI; f < FORK_COUNT; f++) {
        uint64_t at = spec->fork_at[f];
        if (at == FORK_NEVER)
            continue;
        last = MT_MAX(last, at);
        if (at <= h->timestamp)
            since = MT_MAX(since, at);
        else
            next = MT_MIN(next, at);
    }
    json_obj(&c->out);
    json_key(&c->out, "current");
    put_config(c, h->number, h->timestamp, since);
    json_key(&c->out, "next");
    if (next != FORK_NEVER)
        put_config(c, h->number, next, next);
    else
        json_nil(&c->out);
    json_key(&c->out, "last");
    if (next != FORK_NEVER)
        put_config(c, h->number, last, last);
    else
        json_nil(&c->out);
    json_obj_end(&c->out);
    return CALL_DONE;
}

/* ---- capabilities ---- */

static void put_resource(struct json_out *j, const char *name, uint64_t oldest,
                         uint64_t window)
{
    json_key(j, name);
    json_obj(j);
    json_kv_bool(j, "disabled", false);
    json_kv_hex_u64(j, "oldestBlock", oldest);
    if (window != 0) {
        json_key(j, "deleteStrategy");
        json_obj(j);
        json_kv_str(j, "type", "window");
        json_kv_hex_u64(j, "retentionBlocks", window);
        json_obj_end(j);
    }
    json_obj_end(j);
}

/* Blocks, receipts and their indexes are kept for good; states and the trie nodes of
 * their proofs as far back as the reverse diffs go. */
enum call_status m_capabilities(struct call *c)
{
    struct json_out *j = &c->out;
    const struct block *head = &c->view->head->block;
    uint64_t first = chain_genesis(c->rpc->opt.chain)->header.number, undo_from, window;
    struct metisdb *db = chain_db(c->rpc->opt.chain);
    mt_err err = metisdb_kept(db, &undo_from, &window);
    if (err != MT_OK)
        return call_error(c, err, NULL);
    json_obj(j);
    json_key(j, "head");
    json_obj(j);
    json_kv_hex_u64(j, "number", head->header.number);
    json_kv_hash(j, "hash", &head->hash);
    json_obj_end(j);
    put_resource(j, "state", undo_from, window);
    put_resource(j, "tx", first, 0);
    put_resource(j, "logs", first, 0);
    put_resource(j, "receipts", first, 0);
    put_resource(j, "blocks", first, 0);
    put_resource(j, "stateproofs", undo_from, window);
    json_obj_end(j);
    return CALL_DONE;
}
