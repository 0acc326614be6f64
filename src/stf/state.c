/* The parent's state as tries over a source: a vm_reader for the executor, and the root
 * after its delta. The tries stay in memory between the two, so what was read is not
 * fetched again for the root.
 *
 * The EVM turns some reader errors into results (a block hash that is not there is zero);
 * therefore the first failure is kept here, and stf_execute looks at it at the end. */
#include "stf_int.h"

#define ACCOUNTS_MAX (1u << 24)

struct stf_account {
    hash32 key; /* keccak of the address */
    struct account account;
    bool exists;
    struct stf_storage *storage; /* NULL until a slot is asked for */
};

/* One trie and how its nodes are found. */
struct stf_storage {
    struct stf_state *state;
    const hash32 *owner;
    hash32 owner_hash;
    struct trie *trie;
};

static mt_err fail(struct stf_state *s, mt_err err, const char *what, const hash32 *hash)
{
    if (s->failed != MT_OK)
        return s->failed;
    if (err == MT_ENOTFOUND)
        mt_fail(&s->diag, err, "%s %s is not in the witness", what, hash32_text(hash).s);
    else
        mt_fail(&s->diag, err, "%s %s: %s", what, hash32_text(hash).s, mt_err_text(err));
    s->failed = err;
    /* Not MT_ENOTFOUND: to the EVM that may be an answer. */
    return MT_ECORRUPT;
}

static mt_err resolve(void *ctx, const uint8_t *path, size_t path_len, const hash32 *hash,
                      slice *rlp)
{
    struct stf_storage *st = ctx;
    const struct stf_source *src = st->state->source;
    mt_err err = src->node(src->ctx, st->owner, path, path_len, hash, rlp);
    return err == MT_OK ? MT_OK : fail(st->state, err, "trie node", hash);
}

static struct stf_storage *open_trie(struct stf_state *s, const hash32 *owner,
                                     const hash32 *root)
{
    struct stf_storage *st = arena_zalloc(s->arena, 1, sizeof *st);
    if (st == NULL)
        return NULL;
    st->state = s;
    if (owner != NULL) {
        st->owner_hash = *owner;
        st->owner = &st->owner_hash;
    }
    st->trie = trie_new(s->arena, root, resolve, st);
    return st->trie == NULL ? NULL : st;
}

/* ---- reading ---- */

static mt_err load(struct stf_state *s, const address *addr, struct stf_account **out)
{
    struct stf_account *a = map_get(&s->cache, addr);
    if (a == NULL) {
        struct stf_account new = {.key = keccak256(addr->b, 20)};
        slice rlp;
        new.account = account_empty();
        mt_err err = trie_get(s->accounts, &new.key, &rlp);
        if (err == MT_OK && rlp.len > 0) {
            new.exists = true;
            err = account_decode(rlp, &new.account);
        }
        if (err != MT_OK)
            return fail(s, err, "account", &new.key);
        a = map_put(&s->cache, addr, NULL);
        if (a == NULL)
            return fail(s, MT_ELIMIT, "account", &new.key);
        *a = new;
    }
    *out = a;
    return MT_OK;
}

static mt_err storage_of(struct stf_state *s, struct stf_account *a)
{
    if (a->storage == NULL)
        a->storage = open_trie(s, &a->key, &a->account.storage_root);
    return a->storage == NULL ? fail(s, MT_ELIMIT, "storage of", &a->key) : MT_OK;
}

static mt_err read_account(void *ctx, const address *addr, struct account *out,
                           bool *exists)
{
    struct stf_account *a;
    MT_TRY(load(ctx, addr, &a));
    *out = a->account;
    *exists = a->exists;
    return MT_OK;
}

static mt_err read_storage(void *ctx, const address *addr, const hash32 *slot, u256 *out)
{
    struct stf_state *s = ctx;
    struct stf_account *a;
    slice rlp;
    MT_TRY(load(s, addr, &a));
    MT_TRY(storage_of(s, a));
    hash32 key = keccak256(slot->b, 32);
    mt_err err = trie_get(a->storage->trie, &key, &rlp);
    u256 value = U256_ZERO;
    if (err == MT_OK && rlp.len > 0) {
        struct rlp r = rlp_reader(rlp);
        err = rlp_get_u256(&r, &value);
        if (err == MT_OK)
            err = rlp_finish(&r);
    }
    if (err != MT_OK)
        return fail(s, err, "slot", &key);
    *out = value;
    return MT_OK;
}

static mt_err read_code(void *ctx, const hash32 *code_hash, slice *out)
{
    struct stf_state *s = ctx;
    if (hash32_eq(code_hash, &KECCAK_EMPTY)) {
        *out = slice_of(NULL, 0);
        return MT_OK;
    }
    mt_err err = s->source->code(s->source->ctx, code_hash, out);
    return err == MT_OK ? MT_OK : fail(s, err, "code", code_hash);
}

static mt_err read_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    struct stf_state *s = ctx;
    if (number > s->parent_number ||
        s->parent_number - number >= MT_ARRAY_LEN(s->ancestors))
        return MT_ENOTFOUND;
    size_t want = (size_t)(s->parent_number - number);
    while (s->ancestor_num <= want) {
        const hash32 *last = &s->ancestors[s->ancestor_num - 1];
        struct header h;
        slice rlp;
        mt_err err = s->source->header(s->source->ctx, last, &rlp);
        if (err == MT_OK)
            err = header_decode(rlp, &h, NULL);
        if (err != MT_OK)
            return fail(s, err, "header", last);
        s->ancestors[s->ancestor_num++] = h.parent_hash;
    }
    *out = s->ancestors[want];
    return MT_OK;
}

struct stf_state *stf_state_new(const struct stf_source *source, struct arena *arena,
                                const struct header *parent, const hash32 *parent_hash)
{
    struct stf_state *s = arena_zalloc(arena, 1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->source = source;
    s->arena = arena;
    s->parent_number = parent->number;
    s->ancestors[0] = *parent_hash;
    s->ancestor_num = 1;
    map_init(&s->cache, arena, sizeof(address), sizeof(struct stf_account), ACCOUNTS_MAX,
             0);
    struct stf_storage *st = open_trie(s, NULL, &parent->state_root);
    if (st == NULL)
        return NULL;
    s->accounts = st->trie;
    return s;
}

struct vm_reader stf_state_reader(struct stf_state *s)
{
    return (struct vm_reader){read_account, read_storage, read_code, read_block_hash, s};
}

/* ---- the new root ---- */

static mt_err change_slots(struct trie *t, const struct account_change *c, hash32 *root)
{
    for (size_t i = 0; i < c->slot_num; i++) {
        uint8_t rlp[33];
        hash32 key = keccak256(c->slots[i].slot.b, 32);
        if (u256_is_zero(c->slots[i].value))
            MT_TRY(trie_del(t, &key));
        else
            MT_TRY(trie_put(t, &key, trie_slot_encode(c->slots[i].value, rlp)));
    }
    return trie_root(t, root, NULL, NULL);
}

static mt_err change_account(struct stf_state *s, const struct account_change *c)
{
    struct stf_account *a;
    uint8_t rlp[TRIE_ACCOUNT_MAX];
    MT_TRY(load(s, &c->addr, &a));
    if (c->flags & CHANGE_DELETED) {
        a->account = account_empty();
        a->exists = false;
        a->storage = NULL;
        return trie_del(s->accounts, &a->key);
    }
    struct account new = {c->nonce, c->balance, c->code_hash, a->account.storage_root};
    if (c->flags & CHANGE_STORAGE_CLEARED) {
        a->account.storage_root = new.storage_root = KECCAK_RLP_EMPTY;
        a->storage = NULL;
    }
    if (c->slot_num > 0) {
        MT_TRY(storage_of(s, a));
        MT_TRY(change_slots(a->storage->trie, c, &new.storage_root));
    }
    a->account = new;
    a->exists = true;
    return trie_put(s->accounts, &a->key, trie_account_encode(&new, rlp));
}

mt_err stf_state_root(struct stf_state *s, const struct state_delta *delta, hash32 *out)
{
    for (size_t i = 0; i < delta->account_num; i++)
        MT_TRY(change_account(s, &delta->accounts[i]));
    return trie_root(s->accounts, out, NULL, NULL);
}
