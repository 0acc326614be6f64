/* Accounts, code, storage, proofs. The head's state is read on the loop through one
 * snapshot that lives as long as the head; older states on a reader. */
#include "rpc_int.h"

/* Opens the state for (address, …, block at i). CALL_DONE with *s NULL: an error
 * stands. */
static enum call_status open_state(struct call *c, size_t min, size_t max, size_t at_idx,
                                   struct chain_state **s)
{
    struct block_arg at;
    *s = NULL;
    if (!args_num(c, min, max) || !arg_block(c, at_idx, true, &at))
        return CALL_DONE;
    return call_state(c, &at, s);
}

static bool get_account(struct call *c, struct chain_state *s, const address *addr,
                        struct account *out)
{
    bool exists;
    mt_err err = metisdb_get_account(s->snapshot, addr, out, &exists);
    if (err != MT_OK)
        call_error(c, err, NULL);
    return err == MT_OK;
}

/* Reads the account of (address, block), and its code where code is asked for. True: it
 * is there; else *st is what the method answers. */
static bool open_account(struct call *c, struct account *a, slice *code,
                         enum call_status *st)
{
    address addr;
    struct chain_state *s;
    *st = CALL_DONE;
    if (!args_num(c, 1, 2) || !arg_address(c, 0, &addr))
        return false;
    *st = open_state(c, 1, 2, 1, &s);
    if (s == NULL || !get_account(c, s, &addr, a))
        return false;
    if (code == NULL || hash32_eq(&a->code_hash, &KECCAK_EMPTY))
        return true;
    mt_err err = metisdb_get_code(s->snapshot, &a->code_hash, code);
    if (err != MT_OK)
        *st = call_error(c, err, NULL);
    return err == MT_OK;
}

enum call_status m_balance(struct call *c)
{
    struct account a;
    enum call_status st;
    if (open_account(c, &a, NULL, &st))
        json_hex_u256(&c->out, a.balance);
    return st;
}

enum call_status m_nonce(struct call *c)
{
    address addr;
    struct account a;
    struct block_arg at;
    struct chain_state *s = NULL;
    if (!args_num(c, 1, 2) || !arg_address(c, 0, &addr) || !arg_block(c, 1, true, &at))
        return CALL_DONE;
    if (at.kind == BLOCK_PENDING) {
        uint64_t nonce;
        mt_err err = pool_nonce(c->rpc->opt.pool, &addr, &nonce);
        if (err != MT_OK)
            return call_error(c, err, NULL);
        json_hex_u64(&c->out, nonce);
        return CALL_DONE;
    }
    enum call_status st = call_state(c, &at, &s);
    if (s != NULL && get_account(c, s, &addr, &a))
        json_hex_u64(&c->out, a.nonce);
    return st;
}

enum call_status m_code(struct call *c)
{
    struct account a;
    slice code = {0};
    enum call_status st;
    if (open_account(c, &a, &code, &st))
        json_hex(&c->out, code.ptr, code.len);
    return st;
}

enum call_status m_account_info(struct call *c)
{
    struct account a;
    slice code = {0};
    enum call_status st;
    if (!open_account(c, &a, &code, &st))
        return st;
    json_obj(&c->out);
    json_kv_hex_u256(&c->out, "balance", a.balance);
    json_kv_hex_u64(&c->out, "nonce", a.nonce);
    json_kv_hex(&c->out, "code", code.ptr, code.len);
    json_obj_end(&c->out);
    return st;
}

enum call_status m_account(struct call *c)
{
    struct account a;
    enum call_status st;
    if (!open_account(c, &a, NULL, &st))
        return st;
    json_obj(&c->out);
    json_kv_hex_u256(&c->out, "balance", a.balance);
    json_kv_hex_u64(&c->out, "nonce", a.nonce);
    json_kv_hash(&c->out, "codeHash", &a.code_hash);
    json_kv_hash(&c->out, "storageRoot", &a.storage_root);
    json_obj_end(&c->out);
    return st;
}

/* Codes are kept for good, so the block that may be named says nothing. */
enum call_status m_code_by_hash(struct call *c)
{
    struct block_arg at = {.kind = BLOCK_NUMBER};
    struct chain_state *s = NULL;
    slice code = {0};
    hash32 hash;
    if (!args_num(c, 1, 2) || !arg_hash(c, 0, &hash))
        return CALL_DONE;
    at.number = c->view->head->block.header.number;
    enum call_status st = call_state(c, &at, &s);
    if (s == NULL)
        return st;
    mt_err err = metisdb_get_code(s->snapshot, &hash, &code);
    if (err != MT_OK && err != MT_ENOTFOUND)
        return call_error(c, err, NULL);
    json_hex(&c->out, code.ptr, code.len);
    return CALL_DONE;
}

static bool put_slot(struct call *c, struct chain_state *s, const address *addr,
                     const hash32 *slot)
{
    u256 v;
    mt_err err = metisdb_get_storage(s->snapshot, addr, slot, &v);
    if (err != MT_OK) {
        call_error(c, err, NULL);
        return false;
    }
    hash32 h = u256_to_hash(v);
    json_hash(&c->out, &h);
    return true;
}

enum call_status m_storage(struct call *c)
{
    address addr;
    hash32 slot;
    struct chain_state *s;
    if (!args_num(c, 2, 3) || !arg_address(c, 0, &addr) ||
        !val_key(c, 1, arg(c, 1), &slot, NULL))
        return CALL_DONE;
    enum call_status st = open_state(c, 2, 3, 2, &s);
    if (s != NULL)
        put_slot(c, s, &addr, &slot);
    return st;
}

enum call_status m_storage_values(struct call *c)
{
    struct chain_state *s;
    const char *name;
    json_t *list;
    size_t total = 0;
    if (!args_num(c, 1, 2))
        return CALL_DONE;
    json_t *map = json_array_get(c->params, 0);
    if (!json_is_object(map))
        return call_fail(c, RPC_PARAMS, "invalid argument 0: not an object");
    if (json_object_size(map) == 0)
        return call_fail(c, RPC_PARAMS, "empty request");
    enum call_status st = open_state(c, 1, 2, 1, &s);
    if (s == NULL)
        return st;
    json_obj(&c->out);
    json_object_foreach(map, name, list)
    {
        address addr;
        hash32 slot;
        if (strlen(name) != 42 || name[0] != '0' || name[1] != 'x' ||
            hex_decode_fixed(name, addr.b, 20) != MT_OK || !json_is_array(list))
            return call_fail(c, RPC_PARAMS, "invalid argument 0: not address -> slots");
        total += json_array_size(list);
        if (total > c->rpc->opt.log_terms_max)
            return call_fail(c, RPC_PARAMS, "too many slots (max %zu)",
                             c->rpc->opt.log_terms_max);
        json_key(&c->out, name);
        json_arr(&c->out);
        for (size_t i = 0; i < json_array_size(list); i++)
            if (!val_key(c, 0, json_array_get(list, i), &slot, NULL) ||
                !put_slot(c, s, &addr, &slot))
                return CALL_DONE;
        json_arr_end(&c->out);
    }
    json_obj_end(&c->out);
    return CALL_DONE;
}

/* ---- proofs ---- */

static void put_nodes(struct json_out *j, const slice *nodes, size_t num)
{
    json_arr(j);
    for (size_t i = 0; i < num; i++)
        json_hex(j, nodes[i].ptr, nodes[i].len);
    json_arr_end(j);
}

static void put_proof(struct call *c, const address *addr, const struct metisdb_proof *p,
                      const bool *full)
{
    struct json_out *j = &c->out;
    json_obj(j);
    json_kv_addr(j, "address", addr);
    json_key(j, "accountProof");
    put_nodes(j, p->nodes, p->node_num);
    json_kv_hex_u256(j, "balance", p->account.balance);
    json_kv_hash(j, "codeHash", &p->account.code_hash);
    json_kv_hex_u64(j, "nonce", p->account.nonce);
    json_kv_hash(j, "storageHash", &p->account.storage_root);
    json_key(j, "storageProof");
    json_arr(j);
    for (size_t i = 0; i < p->slot_num; i++) {
        const struct metisdb_slot_proof *s = &p->slots[i];
        json_obj(j);
        json_key(j, "key");
        if (full[i])
            json_hash(j, &s->slot);
        else
            json_hex_u256(j, u256_from_hash(&s->slot));
        json_kv_hex_u256(j, "value", s->value);
        json_key(j, "proof");
        put_nodes(j, s->nodes, s->node_num);
        json_obj_end(j);
    }
    json_arr_end(j);
    json_obj_end(j);
}

enum call_status m_proof(struct call *c)
{
    address addr;
    struct block_arg at;
    struct chain_state *s = NULL;
    struct metisdb_proof proof;
    if (!args_num(c, 2, 3) || !arg_address(c, 0, &addr) || !arg_block(c, 2, true, &at))
        return CALL_DONE;
    const json_t *keys = arg(c, 1);
    size_t n = json_array_size(keys);
    if (!json_is_array(keys))
        return call_fail(c, RPC_PARAMS, "invalid argument 1: not a list of storage keys");
    if (n > c->rpc->opt.log_terms_max)
        return call_fail(c, RPC_PARAMS, "too many keys (max %zu)",
                         c->rpc->opt.log_terms_max);
    hash32 *slots = arena_zalloc(c->arena, n + 1, sizeof(*slots));
    bool *full = arena_zalloc(c->arena, n + 1, sizeof(*full));
    if (slots == NULL || full == NULL)
        return call_error(c, MT_ELIMIT, NULL);
    for (size_t i = 0; i < n; i++)
        if (!val_key(c, 1, json_array_get(keys, i), &slots[i], &full[i]))
            return CALL_DONE;
    enum call_status st = call_state(c, &at, &s);
    if (s == NULL)
        return st;
    mt_err err = metisdb_get_proof(s->snapshot, &addr, slots, n, c->arena, &proof);
    if (err != MT_OK)
        return call_error(c, err, NULL);
    put_proof(c, &addr, &proof, full);
    return CALL_DONE;
}
