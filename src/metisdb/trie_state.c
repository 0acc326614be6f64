/* The trie's uses that need no store: ordered lists (transactions, receipts, withdrawals)
 * and whole states, and the account as a trie value. */
#include "trie_node.h"

#define HASH_BATCH 64

slice trie_account_encode(const struct account *a, uint8_t out[TRIE_ACCOUNT_MAX])
{
    uint8_t *w = out + 2, *field;
    hash32 num[2] = {u256_to_hash(u256_from(a->nonce)), u256_to_hash(a->balance)};
    for (unsigned i = 0; i < 2; i++) {
        unsigned n = u256_bytes(u256_from_hash(&num[i]));
        if (n != 1 || num[i].b[31] >= 0x80)
            *w++ = (uint8_t)(0x80 + n);
        memcpy(w, num[i].b + 32 - n, n);
        w += n;
    }
    field = w;
    field[0] = field[33] = 0xa0;
    memcpy(field + 1, a->storage_root.b, 32);
    memcpy(field + 34, a->code_hash.b, 32);
    out[0] = 0xf8; /* 68 to 108 bytes follow */
    out[1] = (uint8_t)(field + 66 - (out + 2));
    return slice_of(out, out[1] + 2u);
}

void account_encode(const struct account *a, struct buf *out)
{
    uint8_t rlp[TRIE_ACCOUNT_MAX];
    buf_put_slice(out, trie_account_encode(a, rlp));
}

mt_err account_decode(slice rlp, struct account *out)
{
    struct account a;
    struct rlp r = rlp_reader(rlp), in;
    MT_TRY(rlp_get_list(&r, &in));
    MT_TRY(rlp_finish(&r));
    MT_TRY(rlp_get_u64(&in, &a.nonce));
    MT_TRY(rlp_get_u256(&in, &a.balance));
    MT_TRY(rlp_get_fixed(&in, a.storage_root.b, 32));
    MT_TRY(rlp_get_fixed(&in, a.code_hash.b, 32));
    MT_TRY(rlp_finish(&in));
    *out = a;
    return MT_OK;
}

/* rlp(i) as a key; returns its length. */
static size_t index_key(size_t i, uint8_t out[9])
{
    size_t n = 0;
    if (i == 0) {
        out[0] = 0x80;
        return 1;
    }
    if (i < 0x80) {
        out[0] = (uint8_t)i;
        return 1;
    }
    for (size_t v = i; v > 0; v >>= 8)
        n++;
    out[0] = (uint8_t)(0x80 + n);
    for (size_t k = 0; k < n; k++)
        out[1 + k] = (uint8_t)(i >> (8 * (n - 1 - k)));
    return n + 1;
}

mt_err trie_ordered_root(struct arena *scratch, const slice *values, size_t num,
                         hash32 *root)
{
    struct arena_mark mark = arena_mark(scratch);
    struct trie *t = trie_new(scratch, &KECCAK_RLP_EMPTY, NULL, NULL);
    mt_err err = t == NULL ? MT_ELIMIT : MT_OK;
    for (size_t i = 0; i < num && err == MT_OK; i++) {
        uint8_t key[9];
        if (values[i].len > 0)
            err = trie_put_borrowed(t, slice_of(key, index_key(i, key)), values[i]);
    }
    if (err == MT_OK)
        err = trie_root(t, root, NULL, NULL);
    arena_rewind(scratch, mark);
    return err;
}

static mt_err put_slots(struct trie *t, const struct slot_change *slots, size_t num)
{
    slice in[HASH_BATCH];
    hash32 keys[HASH_BATCH];
    for (size_t at = 0; at < num; at += HASH_BATCH) {
        size_t n = MT_MIN(num - at, (size_t)HASH_BATCH);
        for (size_t i = 0; i < n; i++)
            in[i] = slice_of(slots[at + i].slot.b, 32);
        keccak256_many(in, keys, n);
        for (size_t i = 0; i < n; i++) {
            uint8_t rlp[33];
            if (u256_is_zero(slots[at + i].value))
                continue;
            MT_TRY(trie_put(t, &keys[i], trie_slot_encode(slots[at + i].value, rlp)));
        }
    }
    return MT_OK;
}

slice trie_slot_encode(u256 value, uint8_t out[33])
{
    unsigned n = u256_bytes(value);
    u256_store_be(value, out + 1);
    if (n == 1 && out[32] < 0x80)
        return slice_of(out + 32, 1);
    out[32 - n] = (uint8_t)(0x80 + n);
    return slice_of(out + 32 - n, n + 1);
}

static mt_err storage_root_full(struct arena *scratch, const struct account_change *c,
                                hash32 *root)
{
    struct arena_mark mark = arena_mark(scratch);
    struct trie *t = trie_new(scratch, &KECCAK_RLP_EMPTY, NULL, NULL);
    mt_err err = t == NULL ? MT_ELIMIT : put_slots(t, c->slots, c->slot_num);
    if (err == MT_OK)
        err = trie_root(t, root, NULL, NULL);
    arena_rewind(scratch, mark);
    return err;
}

static mt_err put_account(struct arena *scratch, struct trie *t,
                          const struct account_change *c)
{
    uint8_t rlp[TRIE_ACCOUNT_MAX];
    struct account a = {c->nonce, c->balance, c->code_hash, KECCAK_RLP_EMPTY};
    hash32 key = keccak256(c->addr.b, 20);
    if (c->slot_num > 0)
        MT_TRY(storage_root_full(scratch, c, &a.storage_root));
    return trie_put(t, &key, trie_account_encode(&a, rlp));
}

mt_err state_root_full(struct arena *scratch, const struct state_delta *state,
                       hash32 *root)
{
    struct arena_mark mark = arena_mark(scratch);
    struct trie *t = trie_new(scratch, &KECCAK_RLP_EMPTY, NULL, NULL);
    mt_err err = t == NULL ? MT_ELIMIT : MT_OK;
    for (size_t i = 0; i < state->account_num && err == MT_OK; i++) {
        if ((state->accounts[i].flags & CHANGE_DELETED) == 0)
            err = put_account(scratch, t, &state->accounts[i]);
    }
    if (err == MT_OK)
        err = trie_root(t, root, NULL, NULL);
    arena_rewind(scratch, mark);
    return err;
}
