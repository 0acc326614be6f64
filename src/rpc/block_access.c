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

/* ---- as JSON ---- */

static mt_err get_word(struct rlp *r, hash32 *out)
{
    u256 v;
    MT_TRY(rlp_get_u256(r, &v));
    *out = u256_to_hash(v);
    return MT_OK;
}

/* [[slot, [[index, value]...]]...] */
static mt_err put_slots(struct json_out *j, struct rlp *account)
{
    struct rlp slots, slot, changes, change;
    MT_TRY(rlp_get_list(account, &slots));
    while (!rlp_at_end(&slots)) {
        hash32 word;
        uint64_t index;
        MT_TRY(rlp_get_list(&slots, &slot));
        MT_TRY(get_word(&slot, &word));
        MT_TRY(rlp_get_list(&slot, &changes));
        json_obj(j);
        json_kv_hash(j, "key", &word);
        json_key(j, "changes");
        json_arr(j);
        while (!rlp_at_end(&changes)) {
            MT_TRY(rlp_get_list(&changes, &change));
            MT_TRY(rlp_get_u64(&change, &index));
            MT_TRY(get_word(&change, &word));
            json_obj(j);
            json_kv_hex_u64(j, "index", index);
            json_kv_hash(j, "value", &word);
            json_obj_end(j);
        }
        json_arr_end(j);
        json_obj_end(j);
    }
    return MT_OK;
}

static mt_err put_reads(struct json_out *j, struct rlp *account)
{
    struct rlp reads;
    hash32 word;
    MT_TRY(rlp_get_list(account, &reads));
    while (!rlp_at_end(&reads)) {
        MT_TRY(get_word(&reads, &word));
        json_hash(j, &word);
    }
    return MT_OK;
}

/* [[index, quantity]...] */
static mt_err put_quantities(struct json_out *j, struct rlp *account)
{
    struct rlp changes, change;
    MT_TRY(rlp_get_list(account, &changes));
    while (!rlp_at_end(&changes)) {
        uint64_t index;
        u256 value;
        MT_TRY(rlp_get_list(&changes, &change));
        MT_TRY(rlp_get_u64(&change, &index));
        MT_TRY(rlp_get_u256(&change, &value));
        json_obj(j);
        json_kv_hex_u64(j, "index", index);
        json_kv_hex_u256(j, "value", value);
        json_obj_end(j);
    }
    return MT_OK;
}

static mt_err put_codes(struct json_out *j, struct rlp *account)
{
    struct rlp changes, change;
    MT_TRY(rlp_get_list(account, &changes));
    while (!rlp_at_end(&changes)) {
        uint64_t index;
        slice code;
        MT_TRY(rlp_get_list(&changes, &change));
        MT_TRY(rlp_get_u64(&change, &index));
        MT_TRY(rlp_get_bytes(&change, &code));
        json_obj(j);
        json_kv_hex_u64(j, "index", index);
        json_kv_hex(j, "code", code.ptr, code.len);
        json_obj_end(j);
    }
    return MT_OK;
}

static mt_err put_account(struct json_out *j, struct rlp *account)
{
    static const struct {
        const char *key;
        mt_err (*put)(struct json_out *j, struct rlp *account);
    } parts[] = {
        {"storageChanges", put_slots},      {"storageReads", put_reads},
        {"balanceChanges", put_quantities}, {"nonceChanges", put_quantities},
        {"codeChanges", put_codes},
    };
    address addr;
    MT_TRY(rlp_get_fixed(account, addr.b, sizeof addr.b));
    json_obj(j);
    json_kv_addr(j, "address", &addr);
    for (size_t i = 0; i < MT_ARRAY_LEN(parts); i++) {
        json_key(j, parts[i].key);
        json_arr(j);
        MT_TRY(parts[i].put(j, account));
        json_arr_end(j);
    }
    json_obj_end(j);
    return MT_OK;
}

enum call_status m_block_access(struct call *c)
{
    struct rlp whole, accounts, account;
    slice list;
    mt_err err;
    if (!open_list(c, true, &list))
        return CALL_DONE;
    whole = rlp_reader(list);
    err = rlp_get_list(&whole, &accounts);
    json_arr(&c->out);
    while (err == MT_OK && !rlp_at_end(&accounts) && buf_ok(&c->buf)) {
        err = rlp_get_list(&accounts, &account);
        if (err == MT_OK)
            err = put_account(&c->out, &account);
    }
    json_arr_end(&c->out);
    return err == MT_OK ? CALL_DONE : call_error(c, err, NULL);
}
