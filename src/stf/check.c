/* What makes a block valid after the merge, but for its transactions: the header
 * against the parent's (EIP-1559, 3675, 4844, 7691, 7918), the lists against the
 * header (EIP-4895, 7934), the results against the header (EIP-7685). */
#include "stf_int.h"

#define GAS_LIMIT_MIN  5000u
#define GAS_LIMIT_MAX  0x7fffffffffffffffu
#define EXTRA_DATA_MAX 32u
#define BLOCK_RLP_MAX  8388608u /* EIP-7934: 10 MiB less 2 MiB for the beacon block */

static mt_err number_differs(struct mt_diag *diag, const char *what, uint64_t is,
                             uint64_t should)
{
    return mt_fail(diag, MT_EINVALID_BLOCK, "%s %llu, should be %llu", what,
                   (unsigned long long)is, (unsigned long long)should);
}

static mt_err hash_differs(struct mt_diag *diag, const char *what, const hash32 *is,
                           const hash32 *should)
{
    return mt_fail(diag, MT_EINVALID_BLOCK, "%s %s, should be %s", what,
                   hash32_text(is).s, hash32_text(should).s);
}

static mt_err invalid(struct mt_diag *diag, const char *why)
{
    return mt_fail(diag, MT_EINVALID_BLOCK, "%s", why);
}

/* ---- header ---- */

static mt_err check_shape(const struct header *h, const struct header *parent,
                          const struct rules *rules, struct mt_diag *diag)
{
    static const uint8_t no_nonce[8];
    if (h->field_num != header_fields_for(rules))
        return number_differs(diag, "header fields", h->field_num,
                              header_fields_for(rules));
    if (h->number == 0 || h->number - 1 != parent->number)
        return number_differs(diag, "number", h->number, parent->number + 1);
    if (h->timestamp < parent->timestamp ||
        (h->timestamp == parent->timestamp && !rules->spec->equal_time))
        return invalid(diag, "timestamp is not after the parent's");
    if (h->extra_data.len > EXTRA_DATA_MAX)
        return invalid(diag, "extra data is too long");
    if (rules->spec->fixed_coinbase && !address_eq(&h->coinbase, &rules->spec->coinbase))
        return invalid(diag, "coinbase is not the network's");
    if (!u256_is_zero(h->difficulty))
        return invalid(diag, "difficulty is not zero");
    if (memcmp(h->nonce, no_nonce, 8) != 0)
        return invalid(diag, "nonce is not zero");
    return MT_OK;
}

static mt_err check_gas(const struct header *h, const struct header *parent,
                        const struct rules *rules, const struct rules *parent_rules,
                        struct mt_diag *diag)
{
    uint64_t base = parent->gas_limit;
    if (rules->fork >= FORK_LONDON && parent_rules->fork < FORK_LONDON)
        base *= 2;
    uint64_t diff = h->gas_limit > base ? h->gas_limit - base : base - h->gas_limit;
    if (h->gas_limit < GAS_LIMIT_MIN || h->gas_limit > GAS_LIMIT_MAX ||
        diff >= base / 1024)
        return invalid(diag, "gas limit is too far from the parent's");
    if (h->gas_used > h->gas_limit)
        return invalid(diag, "gas used is above the limit");
    return MT_OK;
}

mt_err stf_check_header(const struct header *h, const struct header *parent,
                        const struct rules *rules, const struct rules *parent_rules,
                        struct mt_diag *diag)
{
    MT_TRY(check_shape(h, parent, rules, diag));
    MT_TRY(check_gas(h, parent, rules, parent_rules, diag));
    if (rules->fork >= FORK_LONDON &&
        !u256_eq(h->base_fee, next_base_fee(parent, rules, parent_rules)))
        return invalid(diag, "base fee is not the one that follows from the parent");
    if (rules->fork < FORK_CANCUN)
        return MT_OK;
    uint64_t excess = next_excess_blob_gas(parent, rules, parent_rules);
    if (h->excess_blob_gas != excess)
        return number_differs(diag, "excess blob gas", h->excess_blob_gas, excess);
    return MT_OK;
}

/* ---- body ---- */

static mt_err txs_root(const struct block *b, struct arena *a, hash32 *out)
{
    slice *values = arena_zalloc(a, b->tx_num + 1, sizeof *values);
    if (values == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < b->tx_num; i++)
        values[i] = b->txs[i].raw;
    return trie_ordered_root(a, values, b->tx_num, out);
}

static mt_err withdrawals_root(const struct block *b, struct arena *a, hash32 *out)
{
    slice *values = arena_zalloc(a, b->withdrawal_num + 1, sizeof *values);
    if (values == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < b->withdrawal_num; i++) {
        struct buf w;
        buf_init_arena(&w, a, 256);
        withdrawal_encode(&b->withdrawals[i], &w);
        if (!buf_ok(&w))
            return MT_ELIMIT;
        values[i] = buf_slice(&w);
    }
    return trie_ordered_root(a, values, b->withdrawal_num, out);
}

static mt_err check_blobs(const struct block *b, const struct rules *rules,
                          struct mt_diag *diag)
{
    uint64_t blobs = 0;
    for (size_t i = 0; i < b->tx_num; i++)
        blobs += b->txs[i].blob_num;
    if (rules->fork < FORK_CANCUN)
        return MT_OK;
    if (blobs > rules->blobs.max)
        return number_differs(diag, "blobs", blobs, rules->blobs.max);
    if (b->header.blob_gas_used != blobs * GAS_PER_BLOB)
        return number_differs(diag, "blob gas used", b->header.blob_gas_used,
                              blobs * GAS_PER_BLOB);
    return MT_OK;
}

mt_err stf_check_body(const struct block *b, const struct rules *rules,
                      struct arena *scratch, struct mt_diag *diag)
{
    hash32 root;
    if (rules->fork >= FORK_OSAKA && b->raw.len > BLOCK_RLP_MAX)
        return invalid(diag, "the block is too long");
    MT_TRY(txs_root(b, scratch, &root));
    if (!hash32_eq(&root, &b->header.tx_root))
        return hash_differs(diag, "transactions root", &b->header.tx_root, &root);
    if (b->ommer_num > 0 || !hash32_eq(&b->header.ommers_hash, &KECCAK_RLP_EMPTY_LIST))
        return invalid(diag, "ommers after the merge");
    if (b->has_withdrawals != (rules->fork >= FORK_SHANGHAI))
        return invalid(diag, "withdrawals do not fit the fork");
    if (b->has_withdrawals) {
        MT_TRY(withdrawals_root(b, scratch, &root));
        if (!hash32_eq(&root, &b->header.withdrawals_root))
            return hash_differs(diag, "withdrawals root", &b->header.withdrawals_root,
                                &root);
    }
    return check_blobs(b, rules, diag);
}

/* ---- results ---- */

mt_err stf_check_result(const struct header *h, const struct rules *rules,
                        const struct block_exec_out *out, struct mt_diag *diag)
{
    if (out->gas_used != h->gas_used)
        return number_differs(diag, "gas used", h->gas_used, out->gas_used);
    if (memcmp(out->bloom, h->bloom, sizeof out->bloom) != 0)
        return invalid(diag, "logs bloom differs");
    if (!hash32_eq(&out->receipts_root, &h->receipts_root))
        return hash_differs(diag, "receipts root", &h->receipts_root,
                            &out->receipts_root);
    if (rules->fork >= FORK_PRAGUE && !hash32_eq(&out->requests_hash, &h->requests_hash))
        return hash_differs(diag, "requests hash", &h->requests_hash,
                            &out->requests_hash);
    if (rules->fork >= FORK_AMSTERDAM &&
        !hash32_eq(&out->access_list_hash, &h->block_access_list_hash))
        return hash_differs(diag, "access list hash", &h->block_access_list_hash,
                            &out->access_list_hash);
    return MT_OK;
}
