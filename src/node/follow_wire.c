/* What a follower asks and how it reads the answers. Nothing in an answer is trusted:
 * sizes are capped, blocks must be a chain, and whether they are valid is found by
 * executing them. */
#include "follower.h"

#include "metis/codec.h"

#include <jansson.h>

#define DEPTH_MAX      16u
#define GREETING_MAX   ((size_t)4 << 20)
#define BLOCKS_NUM_MAX 4096u

/* ---- reading JSON ---- */

static bool read_u64(const json_t *v, uint64_t *out)
{
    const char *s = json_string_value(v);
    u256 n;
    if (s == NULL || strncmp(s, "0x", 2) != 0 ||
        u256_parse(s, json_string_length(v), &n) != MT_OK || !u256_is_u64(n))
        return false;
    *out = n.w[0];
    return true;
}

static bool read_hash(const json_t *v, hash32 *out)
{
    return json_is_string(v) && json_string_length(v) == 66 &&
           hex_decode_fixed(json_string_value(v), out->b, 32) == MT_OK;
}

static bool read_id(const json_t *v, struct block_id *out)
{
    return read_u64(json_object_get(v, "number"), &out->number) &&
           read_hash(json_object_get(v, "hash"), &out->hash);
}

/* The result of one reply, borrowed from it. */
static mt_err result_of(const json_t *reply, const json_t **out, struct mt_diag *diag)
{
    const json_t *error = json_object_get(reply, "error");
    *out = json_object_get(reply, "result");
    if (json_is_object(error)) {
        const char *text = json_string_value(json_object_get(error, "message"));
        json_int_t code = json_integer_value(json_object_get(error, "code"));
        if (code == -32601)
            return mt_fail(diag, MT_EUNSUPPORTED,
                           "it cannot be followed: %.160s; it must be a metisd whose "
                           "rpc.api has eth and metis",
                           text == NULL ? "" : text);
        return mt_fail(diag, MT_EIO, "it answered: %.200s", text == NULL ? "" : text);
    }
    return *out != NULL ? MT_OK
                        : mt_fail(diag, MT_EDECODE, "its answer is no JSON-RPC reply");
}

/* ---- the greeting ---- */

void follow_ask_greeting(struct buf *out, uint64_t genesis_number)
{
    buf_printf(out,
               "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\",\"params\":[]},"
               "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"eth_getBlockByNumber\","
               "\"params\":[\"0x%llx\",false]}]",
               (unsigned long long)genesis_number);
}

static const json_t *reply_with_id(const json_t *doc, json_int_t id)
{
    for (size_t i = 0; i < json_array_size(doc); i++) {
        const json_t *r = json_array_get(doc, i);
        if (json_integer_value(json_object_get(r, "id")) == id)
            return r;
    }
    return NULL;
}

static mt_err read_greeting(const json_t *doc, uint64_t *chain_id, hash32 *genesis,
                            struct mt_diag *diag)
{
    const json_t *v;
    if (json_is_object(doc)) /* a batch refused as a whole */
        MT_TRY(result_of(doc, &v, diag));
    MT_TRY(result_of(reply_with_id(doc, 1), &v, diag));
    if (!read_u64(v, chain_id))
        return mt_fail(diag, MT_EDECODE, "its chain id is no number");
    MT_TRY(result_of(reply_with_id(doc, 2), &v, diag));
    if (!read_hash(json_object_get(v, "hash"), genesis))
        return mt_fail(diag, MT_EDECODE, "its genesis block has no hash");
    return MT_OK;
}

mt_err follow_read_greeting(slice body, uint64_t chain_id, const hash32 *genesis,
                            bool *same_chain, struct mt_diag *diag)
{
    json_t *doc;
    uint64_t their_id = 0;
    hash32 theirs;
    MT_TRY(json_parse(body, GREETING_MAX, DEPTH_MAX, &doc, diag));
    mt_err err = read_greeting(doc, &their_id, &theirs, diag);
    json_free(doc);
    MT_TRY(err);
    *same_chain = their_id == chain_id && hash32_eq(&theirs, genesis);
    if (their_id != chain_id)
        mt_fail(diag, MT_EVERSION, "its chain id is %llu, this network's is %llu",
                (unsigned long long)their_id, (unsigned long long)chain_id);
    else if (!*same_chain)
        mt_fail(diag, MT_EVERSION, "its genesis is %s, this network's is %s",
                hash32_text(&theirs).s, hash32_text(genesis).s);
    return MT_OK;
}

/* ---- blocks ---- */

void follow_ask_blocks(struct buf *out, const struct block_id *locator, size_t num,
                       uint64_t count, uint64_t bytes, uint64_t wait_ms)
{
    struct json_out j = json_out(out);
    buf_put_str(out, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"metis_getBlocks\","
                     "\"params\":[");
    json_arr(&j);
    for (size_t i = 0; i < num; i++) {
        json_obj(&j);
        json_kv_hex_u64(&j, "number", locator[i].number);
        json_kv_hash(&j, "hash", &locator[i].hash);
        json_obj_end(&j);
    }
    json_arr_end(&j);
    json_obj(&j);
    json_kv_hex_u64(&j, "count", count);
    json_kv_hex_u64(&j, "bytes", bytes);
    json_kv_hex_u64(&j, "waitMs", wait_ms);
    json_obj_end(&j);
    buf_put_str(out, "]}");
}

/* Number, parent and hash of an encoded block; the rest is the import's affair. */
static mt_err block_names(slice rlp, struct block_id *id, hash32 *parent)
{
    struct rlp outer = rlp_reader(rlp), list;
    slice payload, whole;
    struct header h;
    bool is_list;
    MT_TRY(rlp_get_list(&outer, &list));
    MT_TRY(rlp_finish(&outer));
    MT_TRY(rlp_next(&list, &payload, &is_list, &whole));
    MT_TRY(header_decode(whole, &h, NULL));
    id->number = h.number;
    id->hash = keccak256(whole.ptr, whole.len);
    *parent = h.parent_hash;
    return MT_OK;
}

static mt_err read_block(struct follow_answer *a, const json_t *v,
                         struct follow_block *out, hash32 *parent)
{
    size_t len = json_string_length(v);
    const char *text = json_string_value(v);
    uint8_t *bytes = arena_alloc_aligned(&a->arena, len / 2 + 1, 1);
    size_t n;
    if (text == NULL || bytes == NULL || len < 4 || strncmp(text, "0x", 2) != 0 ||
        hex_decode(text, len, bytes, len / 2, &n) != MT_OK)
        return MT_EDECODE;
    out->rlp = slice_of(bytes, n);
    return block_names(out->rlp, &out->id, parent);
}

/* Blocks as long as each is the child of the one before. */
static mt_err read_chain(struct follow_answer *a, const json_t *list)
{
    size_t num = json_array_size(list);
    struct block_id last = a->base;
    if (!json_is_array(list) || num > BLOCKS_NUM_MAX || (num > 0 && !a->has_base))
        return mt_fail(&a->diag, MT_EDECODE, "its blocks are no list, or too many");
    a->blocks = arena_zalloc(&a->arena, num + 1, sizeof *a->blocks);
    if (a->blocks == NULL)
        return mt_fail(&a->diag, MT_ELIMIT, "its answer is too large");
    for (size_t i = 0; i < num; i++) {
        struct follow_block *b = &a->blocks[i];
        hash32 parent;
        bool ok = read_block(a, json_array_get(list, i), b, &parent) == MT_OK &&
                  b->id.number == last.number + 1 && hash32_eq(&parent, &last.hash);
        if (!ok && i == 0)
            return mt_fail(&a->diag, MT_EDECODE,
                           "what it sent after block %llu is not its child",
                           (unsigned long long)last.number);
        if (!ok)
            break;
        a->bytes += b->rlp.len;
        a->block_num++;
        last = b->id;
    }
    return MT_OK;
}

static mt_err read_answer(struct follow_answer *a, const json_t *v)
{
    const json_t *base = json_object_get(v, "base");
    const json_t *safe = json_object_get(v, "safe");
    const json_t *finalized = json_object_get(v, "finalized");
    a->has_base = json_is_object(base);
    a->has_safe = json_is_object(safe);
    a->has_finalized = json_is_object(finalized);
    a->syncing = json_is_true(json_object_get(v, "syncing"));
    if (!read_id(json_object_get(v, "head"), &a->upstream) ||
        (a->has_base && !read_id(base, &a->base)) ||
        (a->has_safe && !read_id(safe, &a->safe)) ||
        (a->has_finalized && !read_id(finalized, &a->finalized)))
        return mt_fail(&a->diag, MT_EDECODE, "its answer has a malformed block id");
    return read_chain(a, json_object_get(v, "blocks"));
}

mt_err follow_read_blocks(struct follow_answer *a)
{
    json_t *doc;
    const json_t *result;
    arena_init(&a->arena, FOLLOW_REPLY_MAX);
    mt_err err =
        json_parse(buf_slice(&a->body), FOLLOW_REPLY_MAX, DEPTH_MAX, &doc, &a->diag);
    if (err == MT_OK) {
        err = result_of(doc, &result, &a->diag);
        if (err == MT_OK)
            err = read_answer(a, result);
        json_free(doc);
    }
    buf_fini(&a->body);
    a->err = err;
    return err;
}

void follow_answer_free(struct follow_answer *a)
{
    if (a->has_mismatch)
        chain_block_drop(a->mismatch.block);
    buf_fini(&a->body);
    arena_fini(&a->arena);
    mt_free(a);
}
