/* Body rules: the roots in the header are those of the lists, ommers are real ones,
 * blob gas and size are within their limits (EIP-4844, EIP-7934). */
#include "chain_int.h"

#define OMMERS_MAX    2u
#define OMMER_DEPTH   6u
#define BLOCK_RLP_MAX 8388608u /* EIP-7934: 10 MiB less 2 MiB for the beacon block */

mt_err txs_root(struct arena *scratch, const struct tx *txs, size_t num, hash32 *out)
{
    slice *values = arena_zalloc(scratch, num + 1, sizeof(*values));
    if (values == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < num; i++)
        values[i] = txs[i].raw;
    return trie_ordered_root(scratch, values, num, out);
}

mt_err withdrawals_root(struct arena *scratch, const struct withdrawal *w, size_t num,
                        hash32 *out)
{
    slice *values = arena_zalloc(scratch, num + 1, sizeof(*values));
    if (values == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < num; i++) {
        struct buf b;
        buf_init_arena(&b, scratch, 256);
        size_t item = rlp_begin(&b);
        rlp_put_u64(&b, w[i].index);
        rlp_put_u64(&b, w[i].validator);
        rlp_put_bytes(&b, w[i].addr.b, 20);
        rlp_put_u64(&b, w[i].amount_gwei);
        rlp_end(&b, item);
        if (!buf_ok(&b))
            return MT_ELIMIT;
        values[i] = buf_slice(&b);
    }
    return trie_ordered_root(scratch, values, num, out);
}

static hash32 ommers_hash(const struct block *b)
{
    struct buf buf;
    buf_init(&buf, 1u << 20);
    size_t list = rlp_begin(&buf);
    for (size_t i = 0; i < b->ommer_num; i++)
        header_encode(&b->ommers[i], &buf);
    rlp_end(&buf, list);
    hash32 h = keccak256(buf.ptr, buf.len);
    buf_fini(&buf);
    return h;
}

static mt_err check_withdrawals(struct chain *c, const struct block *b,
                                const struct rules *rules, struct mt_diag *diag)
{
    hash32 root;
    if (b->has_withdrawals != (rules->fork >= FORK_SHANGHAI))
        return block_invalid(c, "INCORRECT_BLOCK_FORMAT|RLP_WITHDRAWALS_NOT_READ", diag,
                             "withdrawals list where the fork has %s",
                             b->has_withdrawals ? "none" : "one");
    if (!b->has_withdrawals)
        return MT_OK;
    MT_TRY(withdrawals_root(&c->arena, b->withdrawals, b->withdrawal_num, &root));
    if (!hash32_eq(&root, &b->header.withdrawals_root))
        return block_invalid(
            c, "INVALID_WITHDRAWALS_ROOT", diag, "withdrawals root %s, the list's is %s",
            hash32_text(&b->header.withdrawals_root).s, hash32_text(&root).s);
    return MT_OK;
}

static mt_err check_blobs(struct chain *c, const struct block *b,
                          const struct rules *rules, struct mt_diag *diag)
{
    uint64_t blobs = 0;
    if (rules->fork < FORK_CANCUN)
        return MT_OK;
    for (size_t i = 0; i < b->tx_num; i++)
        blobs += b->txs[i].blob_num;
    if (blobs > rules->blobs.max)
        return block_invalid(c,
                             "TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED|"
                             "BLOB_GAS_USED_ABOVE_LIMIT|TYPE_3_TX_BLOB_COUNT_EXCEEDED",
                             diag, "%llu blobs, the block may have %llu",
                             (unsigned long long)blobs,
                             (unsigned long long)rules->blobs.max);
    if (blobs * GAS_PER_BLOB != b->header.blob_gas_used)
        return block_invalid(c, "INCORRECT_BLOB_GAS_USED", diag,
                             "blob gas used %llu, the transactions' is %llu",
                             (unsigned long long)b->header.blob_gas_used,
                             (unsigned long long)(blobs * GAS_PER_BLOB));
    return MT_OK;
}

mt_err chain_check_body(struct chain *c, const struct block *b, const struct rules *rules,
                        struct mt_diag *diag)
{
    hash32 root, ommers = ommers_hash(b);
    if (rules->fork >= FORK_OSAKA && b->raw.len > BLOCK_RLP_MAX)
        return block_invalid(c, "RLP_BLOCK_LIMIT_EXCEEDED", diag,
                             "block of %zu bytes, at most %u", b->raw.len, BLOCK_RLP_MAX);
    MT_TRY(txs_root(&c->arena, b->txs, b->tx_num, &root));
    if (!hash32_eq(&root, &b->header.tx_root))
        return block_invalid(c, "INVALID_TRANSACTIONS_ROOT", diag,
                             "transactions root %s, the list's is %s",
                             hash32_text(&b->header.tx_root).s, hash32_text(&root).s);
    if (!hash32_eq(&ommers, &b->header.ommers_hash))
        return block_invalid(
            c, "INVALID_UNCLES_HASH", diag, "ommers hash %s, the list's is %s",
            hash32_text(&b->header.ommers_hash).s, hash32_text(&ommers).s);
    if (!rules_have_work(rules) && b->ommer_num > 0)
        return block_invalid(c, "IMPORT_IMPOSSIBLE_UNCLES_OVER_PARIS", diag,
                             "ommers after the merge");
    MT_TRY(check_withdrawals(c, b, rules, diag));
    return check_blobs(c, b, rules, diag);
}

/* ---- ommers (yellow paper 11.1) ---- */

/* The ancestors an ommer may belong to, nearest first: [0] is the parent. */
struct family {
    struct chain_block *blocks[OMMER_DEPTH + 1];
    size_t num;
};

static mt_err load_family(struct chain *c, const struct block *b, struct family *f)
{
    hash32 next = b->header.parent_hash;
    f->num = 0;
    while (f->num <= OMMER_DEPTH) {
        mt_err err = chain_block_by_hash(c, &next, &f->blocks[f->num]);
        if (err != MT_OK)
            return err;
        const struct header *h = &f->blocks[f->num++]->block.header;
        if (h->number == 0)
            break;
        next = h->parent_hash;
    }
    return MT_OK;
}

static bool already_known(const struct family *f, const hash32 *hash)
{
    for (size_t i = 0; i < f->num; i++) {
        if (hash32_eq(&f->blocks[i]->block.hash, hash))
            return true;
        for (size_t k = 0; k < f->blocks[i]->block.ommer_num; k++) {
            hash32 h = header_hash(&f->blocks[i]->block.ommers[k]);
            if (hash32_eq(&h, hash))
                return true;
        }
    }
    return false;
}

static mt_err check_ommer(struct chain *c, const struct family *f, const struct header *o,
                          struct mt_diag *diag)
{
    hash32 hash = header_hash(o);
    if (already_known(f, &hash))
        return block_invalid(c, "UNCLE_IN_CHAIN|UNCLE_IS_ANCESTOR", diag,
                             "ommer %s is an ancestor or already included",
                             hash32_text(&hash).s);
    /* Its parent is an ancestor, but not this block's parent (it would be a sibling). */
    for (size_t i = 1; i < f->num; i++) {
        const struct chain_block *p = f->blocks[i];
        if (!hash32_eq(&p->block.hash, &o->parent_hash))
            continue;
        mt_err err =
            chain_check_header(c, o, &p->block.header, &p->total_difficulty, diag);
        return err == MT_OK ? MT_OK : mt_wrap(diag, err, "ommer");
    }
    return block_invalid(c, "UNCLE_PARENT_INCORRECT|UNCLE_UNKNOWN_PARENT", diag,
                         "ommer %s has no parent among the last %u ancestors",
                         hash32_text(&hash).s, OMMER_DEPTH);
}

mt_err ommers_check(struct chain *c, const struct block *b, struct mt_diag *diag)
{
    struct family f;
    mt_err err;
    if (b->ommer_num == 0)
        return MT_OK;
    if (b->ommer_num > OMMERS_MAX)
        return block_invalid(c, "TOO_MANY_UNCLES", diag, "%zu ommers, at most %u",
                             b->ommer_num, OMMERS_MAX);
    err = load_family(c, b, &f);
    for (size_t i = 0; i < b->ommer_num && err == MT_OK; i++) {
        hash32 h = header_hash(&b->ommers[i]), first = header_hash(&b->ommers[0]);
        if (i > 0 && hash32_eq(&h, &first))
            err = block_invalid(c, "UNCLE_IN_CHAIN|UNCLE_IS_BROTHER", diag,
                                "the two ommers are one");
        else
            err = check_ommer(c, &f, &b->ommers[i], diag);
    }
    for (size_t i = 0; i < f.num; i++)
        chain_block_drop(f.blocks[i]);
    return err;
}
