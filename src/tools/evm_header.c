/* A header as a fixture writes it (genesisBlockHeader, blockHeader) against the one that
 * was decoded from its bytes: every member that is there must agree. */
#include "evm_fixture.h"

#include <stddef.h>

enum kind { K_HASH, K_ADDRESS, K_U64, K_U256, K_BYTES };

/* size: of K_BYTES, where it is not a slice. */
static const struct {
    const char *key;
    enum kind kind;
    size_t at, size;
} MEMBERS[] = {
    {"parentHash", K_HASH, offsetof(struct header, parent_hash), 0},
    {"uncleHash", K_HASH, offsetof(struct header, ommers_hash), 0},
    {"coinbase", K_ADDRESS, offsetof(struct header, coinbase), 0},
    {"stateRoot", K_HASH, offsetof(struct header, state_root), 0},
    {"transactionsTrie", K_HASH, offsetof(struct header, tx_root), 0},
    {"receiptTrie", K_HASH, offsetof(struct header, receipts_root), 0},
    {"bloom", K_BYTES, offsetof(struct header, bloom), 256},
    {"difficulty", K_U256, offsetof(struct header, difficulty), 0},
    {"number", K_U64, offsetof(struct header, number), 0},
    {"gasLimit", K_U64, offsetof(struct header, gas_limit), 0},
    {"gasUsed", K_U64, offsetof(struct header, gas_used), 0},
    {"timestamp", K_U64, offsetof(struct header, timestamp), 0},
    {"extraData", K_BYTES, offsetof(struct header, extra_data), 0},
    {"mixHash", K_HASH, offsetof(struct header, mix_hash), 0},
    {"nonce", K_BYTES, offsetof(struct header, nonce), 8},
    {"baseFeePerGas", K_U256, offsetof(struct header, base_fee), 0},
    {"withdrawalsRoot", K_HASH, offsetof(struct header, withdrawals_root), 0},
    {"blobGasUsed", K_U64, offsetof(struct header, blob_gas_used), 0},
    {"excessBlobGas", K_U64, offsetof(struct header, excess_blob_gas), 0},
    {"parentBeaconBlockRoot", K_HASH, offsetof(struct header, parent_beacon_root), 0},
    {"requestsHash", K_HASH, offsetof(struct header, requests_hash), 0},
    {"blockAccessListHash", K_HASH, offsetof(struct header, block_access_list_hash), 0},
    {"slotNumber", K_U64, offsetof(struct header, slot_number), 0},
};

static bool member_equals(const json_t *want, size_t i, const struct header *h,
                          struct arena *arena)
{
    const char *key = MEMBERS[i].key;
    const void *at = (const uint8_t *)h + MEMBERS[i].at;
    hash32 hash;
    address addr;
    uint64_t number;
    u256 wide;
    slice bytes, ours;
    switch (MEMBERS[i].kind) {
    case K_HASH:
        return fx_hash(want, key, &hash) && hash32_eq(&hash, at);
    case K_ADDRESS:
        return fx_address(want, key, &addr) && address_eq(&addr, at);
    case K_U64:
        return fx_u64(want, key, &number) && number == *(const uint64_t *)at;
    case K_U256:
        return fx_u256(want, key, &wide) && u256_eq(wide, *(const u256 *)at);
    case K_BYTES:
        ours = MEMBERS[i].size > 0 ? slice_of(at, MEMBERS[i].size) : *(const slice *)at;
        return fx_bytes(want, key, arena, &bytes) && slice_eq(bytes, ours);
    }
    return false;
}

const char *fx_header_difference(const json_t *want, const struct header *h,
                                 struct arena *arena)
{
    hash32 hash, ours = header_hash(h);
    for (size_t i = 0; i < MT_ARRAY_LEN(MEMBERS); i++)
        if (json_object_get(want, MEMBERS[i].key) != NULL &&
            !member_equals(want, i, h, arena))
            return MEMBERS[i].key;
    return fx_hash(want, "hash", &hash) && hash32_eq(&hash, &ours) ? NULL : "hash";
}
