/* Headers: 15 fields of the yellow paper (4.4) and up to 8 that forks have appended. */
#include "types_int.h"

/* ---- decoding ---- */

static const char *const field_names[HEADER_FIELDS_MAX] = {"parent hash",
                                                           "ommers hash",
                                                           "coinbase",
                                                           "state root",
                                                           "transactions root",
                                                           "receipts root",
                                                           "bloom",
                                                           "difficulty",
                                                           "number",
                                                           "gas limit",
                                                           "gas used",
                                                           "timestamp",
                                                           "extra data",
                                                           "mix hash",
                                                           "nonce",
                                                           "base fee",
                                                           "withdrawals root",
                                                           "blob gas used",
                                                           "excess blob gas",
                                                           "parent beacon root",
                                                           "requests hash",
                                                           "block access list hash",
                                                           "slot number"};

static mt_err get_required(struct rlp *r, unsigned field, struct header *h)
{
    switch (field) {
    case 0:
        return rlp_get_fixed(r, h->parent_hash.b, 32);
    case 1:
        return rlp_get_fixed(r, h->ommers_hash.b, 32);
    case 2:
        return rlp_get_fixed(r, h->coinbase.b, 20);
    case 3:
        return rlp_get_fixed(r, h->state_root.b, 32);
    case 4:
        return rlp_get_fixed(r, h->tx_root.b, 32);
    case 5:
        return rlp_get_fixed(r, h->receipts_root.b, 32);
    case 6:
        return rlp_get_fixed(r, h->bloom, 256);
    case 7:
        return rlp_get_u256(r, &h->difficulty);
    case 8:
        return rlp_get_u64(r, &h->number);
    case 9:
        return rlp_get_u64(r, &h->gas_limit);
    case 10:
        return rlp_get_u64(r, &h->gas_used);
    case 11:
        return rlp_get_u64(r, &h->timestamp);
    case 12:
        return rlp_get_bytes(r, &h->extra_data);
    case 13:
        return rlp_get_fixed(r, h->mix_hash.b, 32);
    default:
        return rlp_get_fixed(r, h->nonce, 8);
    }
}

static mt_err get_optional(struct rlp *r, unsigned field, struct header *h)
{
    switch (field) {
    case 15:
        return rlp_get_u256(r, &h->base_fee);
    case 16:
        return rlp_get_fixed(r, h->withdrawals_root.b, 32);
    case 17:
        return rlp_get_u64(r, &h->blob_gas_used);
    case 18:
        return rlp_get_u64(r, &h->excess_blob_gas);
    case 19:
        return rlp_get_fixed(r, h->parent_beacon_root.b, 32);
    case 20:
        return rlp_get_fixed(r, h->requests_hash.b, 32);
    case 21:
        return rlp_get_fixed(r, h->block_access_list_hash.b, 32);
    default:
        return rlp_get_u64(r, &h->slot_number);
    }
}

mt_err header_decode(slice raw, struct header *out, struct mt_diag *diag)
{
    struct header h;
    struct rlp r = rlp_reader(raw), f;
    memset(&h, 0, sizeof(h));
    if (rlp_get_list(&r, &f) != MT_OK || !rlp_at_end(&r))
        return mt_fail(diag, MT_EDECODE, "header: not one list");
    unsigned i = 0;
    for (; i < HEADER_FIELDS_MAX && !rlp_at_end(&f); i++) {
        mt_err err =
            i < HEADER_FIELDS_MIN ? get_required(&f, i, &h) : get_optional(&f, i, &h);
        if (err != MT_OK)
            return mt_fail(diag, MT_EDECODE, "header: malformed %s", field_names[i]);
    }
    if (i < HEADER_FIELDS_MIN)
        return mt_fail(diag, MT_EDECODE, "header: %u fields, at least 15 are needed", i);
    if (!rlp_at_end(&f))
        return mt_fail(diag, MT_EDECODE, "header: more than 23 fields");
    h.field_num = (uint8_t)i;
    *out = h;
    return MT_OK;
}

/* ---- encoding ---- */

static void sink_optional(struct sink *s, const struct header *h)
{
    unsigned n = h->field_num;
    if (n > 15)
        sink_u256(s, h->base_fee);
    if (n > 16)
        sink_bytes(s, h->withdrawals_root.b, 32);
    if (n > 17)
        sink_u64(s, h->blob_gas_used);
    if (n > 18)
        sink_u64(s, h->excess_blob_gas);
    if (n > 19)
        sink_bytes(s, h->parent_beacon_root.b, 32);
    if (n > 20)
        sink_bytes(s, h->requests_hash.b, 32);
    if (n > 21)
        sink_bytes(s, h->block_access_list_hash.b, 32);
    if (n > 22)
        sink_u64(s, h->slot_number);
}

static void sink_fields(struct sink *s, const struct header *h)
{
    sink_bytes(s, h->parent_hash.b, 32);
    sink_bytes(s, h->ommers_hash.b, 32);
    sink_bytes(s, h->coinbase.b, 20);
    sink_bytes(s, h->state_root.b, 32);
    sink_bytes(s, h->tx_root.b, 32);
    sink_bytes(s, h->receipts_root.b, 32);
    sink_bytes(s, h->bloom, 256);
    sink_u256(s, h->difficulty);
    sink_u64(s, h->number);
    sink_u64(s, h->gas_limit);
    sink_u64(s, h->gas_used);
    sink_u64(s, h->timestamp);
    sink_bytes(s, h->extra_data.ptr, h->extra_data.len);
    sink_bytes(s, h->mix_hash.b, 32);
    sink_bytes(s, h->nonce, 8);
    sink_optional(s, h);
}

static void sink_header_list(struct sink *s, const struct header *h)
{
    struct sink count = {0};
    sink_fields(&count, h);
    sink_header(s, count.len, true);
    sink_fields(s, h);
}

void header_encode(const struct header *h, struct buf *out)
{
    struct sink s = {.buf = out};
    sink_header_list(&s, h);
}

hash32 header_hash(const struct header *h)
{
    struct keccak k;
    struct sink s = {.keccak = &k};
    keccak_init(&k);
    sink_header_list(&s, h);
    return keccak_done(&k);
}

uint8_t header_fields_for(const struct rules *rules)
{
    if (rules->fork >= FORK_AMSTERDAM)
        return 23;
    if (rules->fork >= FORK_PRAGUE)
        return 21;
    if (rules->fork >= FORK_CANCUN)
        return 20;
    if (rules->fork >= FORK_SHANGHAI)
        return 17;
    return rules->fork >= FORK_LONDON ? 16 : 15;
}
