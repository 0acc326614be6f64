/* The access list that is kept beside a block (EIP-7928): as JSON (execution-apis,
 * block-access-list.yaml), as the RLP that is stored, and as an index of appearances.
 *
 * This node makes a list for blocks of every fork, so those before Amsterdam, which other
 * nodes answer with "resource not found", have one too; the genesis block and blocks of a
 * store that was written without lists have none. */
#include "rpc_int.h"

bool block_access_list(struct call *c, const struct chain_block *b, slice *list)
{
    struct block_record rec;
    mt_err err = metisdb_block_by_hash(chain_db(c->rpc->opt.chain), &b->block.hash,
                                       c->arena, &rec);
    if (err != MT_OK)
        call_error(c, err, NULL);
    *list = err == MT_OK ? rec.access_list : slice_of(NULL, 0);
    return err == MT_OK;
}

/* The list of the block that parameter 0 names. False: *c is answered. */
static bool open_list(struct call *c, bool null_for_unknown, slice *list)
{
    struct block_arg at;
    struct chain_block *b;
    if (!args_num(c, 1, 1) || !arg_block(c, 0, false, &at) || !block_find(c, &at, &b))
        return false;
    if (b == NULL || (null_for_unknown && at.kind == BLOCK_PENDING)) {
        if (null_for_unknown)
            json_nil(&c->out);
        else
            call_fail(c, RPC_NOT_FOUND, "block not found");
        chain_block_drop(b);
        return false;
    }
    bool ok = block_access_list(c, b, list);
    if (ok && list->len == 0)
        call_fail(c, RPC_NOT_FOUND, "no access list is kept for block %llu",
                  (unsigned long long)b->block.header.number);
    chain_block_drop(b);
    return ok && list->len != 0;
}

enum call_status m_raw_block_access(struct call *c)
{
    slice list;
    if (open_list(c, false, &list))
        json_hex(&c->out, list.ptr, list.len);
    return CALL_DONE;
}

/* ---- as JSON: one function for each kind of item ---- */

typedef mt_err item_fn(struct json_out *j, struct rlp *list);

/* The member `key`: the items of the list that comes next in `from`. */
static mt_err put_list(struct json_out *j, const char *key, struct rlp *from,
                       item_fn *item)
{
    struct rlp list;
    MT_TRY(rlp_get_list(from, &list));
    json_key(j, key);
    json_arr(j);
    while (!rlp_at_end(&list))
        MT_TRY(item(j, &list));
    json_arr_end(j);
    return MT_OK;
}

static mt_err get_word(struct rlp *r, hash32 *out)
{
    u256 v;
    MT_TRY(rlp_get_u256(r, &v));
    *out = u256_to_hash(v);
    return MT_OK;
}

/* A change is [index, what it is now]; the object stays open for the latter. */
static mt_err begin_change(struct json_out *j, struct rlp *list, struct rlp *change)
{
    uint64_t index;
    MT_TRY(rlp_get_list(list, change));
    MT_TRY(rlp_get_u64(change, &index));
    json_obj(j);
    json_kv_hex_u64(j, "index", index);
    return MT_OK;
}

static mt_err put_word_change(struct json_out *j, struct rlp *list)
{
    struct rlp change;
    hash32 word;
    MT_TRY(begin_change(j, list, &change));
    MT_TRY(get_word(&change, &word));
    json_kv_hash(j, "value", &word);
    json_obj_end(j);
    return MT_OK;
}

static mt_err put_quantity_change(struct json_out *j, struct rlp *list)
{
    struct rlp change;
    u256 value;
    MT_TRY(begin_change(j, list, &change));
    MT_TRY(rlp_get_u256(&change, &value));
    json_kv_hex_u256(j, "value", value);
    json_obj_end(j);
    return MT_OK;
}

static mt_err put_code_change(struct json_out *j, struct rlp *list)
{
    struct rlp change;
    slice code;
    MT_TRY(begin_change(j, list, &change));
    MT_TRY(rlp_get_bytes(&change, &code));
    json_kv_hex(j, "code", code.ptr, code.len);
    json_obj_end(j);
    return MT_OK;
}

static mt_err put_slot(struct json_out *j, struct rlp *list)
{
    struct rlp slot;
    hash32 key;
    MT_TRY(rlp_get_list(list, &slot));
    MT_TRY(get_word(&slot, &key));
    json_obj(j);
    json_kv_hash(j, "key", &key);
    MT_TRY(put_list(j, "changes", &slot, put_word_change));
    json_obj_end(j);
    return MT_OK;
}

static mt_err put_read(struct json_out *j, struct rlp *list)
{
    hash32 key;
    MT_TRY(get_word(list, &key));
    json_hash(j, &key);
    return MT_OK;
}

static mt_err put_account(struct json_out *j, struct rlp *list)
{
    struct rlp account;
    address addr;
    MT_TRY(rlp_get_list(list, &account));
    MT_TRY(rlp_get_fixed(&account, addr.b, sizeof addr.b));
    json_obj(j);
    json_kv_addr(j, "address", &addr);
    MT_TRY(put_list(j, "storageChanges", &account, put_slot));
    MT_TRY(put_list(j, "storageReads", &account, put_read));
    MT_TRY(put_list(j, "balanceChanges", &account, put_quantity_change));
    MT_TRY(put_list(j, "nonceChanges", &account, put_quantity_change));
    MT_TRY(put_list(j, "codeChanges", &account, put_code_change));
    json_obj_end(j);
    return MT_OK;
}

enum call_status m_block_access(struct call *c)
{
    struct rlp whole, accounts;
    slice list;
    mt_err err;
    if (!open_list(c, true, &list))
        return CALL_DONE;
    whole = rlp_reader(list);
    err = rlp_get_list(&whole, &accounts);
    json_arr(&c->out);
    while (err == MT_OK && !rlp_at_end(&accounts) && buf_ok(&c->buf))
        err = put_account(&c->out, &accounts);
    json_arr_end(&c->out);
    return err == MT_OK ? CALL_DONE : call_error(c, err, NULL);
}
