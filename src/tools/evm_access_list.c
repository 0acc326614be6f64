/* A fixture's `blockAccessList` as the bytes of EIP-7928, in the order in which the
 * fixture has it: what the node produced is compared with them. */
#include "evm_fixture.h"

static void put_u256(const json_t *obj, const char *key, struct buf *out, bool *ok)
{
    u256 v = U256_ZERO;
    *ok = *ok && fx_u256(obj, key, &v);
    rlp_put_u256(out, v);
}

static void put_code(const json_t *obj, const char *key, struct arena *arena,
                     struct buf *out, bool *ok)
{
    slice code = {0};
    *ok = *ok && fx_bytes(obj, key, arena, &code);
    rlp_put_bytes(out, code.ptr, code.len);
}

/* [index, value] of each change; value NULL: code. */
static void put_changes(const json_t *list, const char *value, struct arena *arena,
                        struct buf *out, bool *ok)
{
    size_t all = rlp_begin(out);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *change = json_array_get(list, i);
        size_t one = rlp_begin(out);
        put_u256(change, "blockAccessIndex", out, ok);
        if (value == NULL)
            put_code(change, "newCode", arena, out, ok);
        else
            put_u256(change, value, out, ok);
        rlp_end(out, one);
    }
    rlp_end(out, all);
}

static void put_slots(const json_t *list, struct arena *arena, struct buf *out, bool *ok)
{
    size_t all = rlp_begin(out);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *slot = json_array_get(list, i);
        size_t one = rlp_begin(out);
        put_u256(slot, "slot", out, ok);
        put_changes(json_object_get(slot, "slotChanges"), "postValue", arena, out, ok);
        rlp_end(out, one);
    }
    rlp_end(out, all);
}

static void put_reads(const json_t *list, struct buf *out, bool *ok)
{
    size_t all = rlp_begin(out);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *hex = json_string_value(json_array_get(list, i));
        u256 v = U256_ZERO;
        *ok = *ok && hex != NULL && u256_parse(hex, strlen(hex), &v) == MT_OK;
        rlp_put_u256(out, v);
    }
    rlp_end(out, all);
}

bool fx_block_access_list(const json_t *list, struct arena *arena, slice *out)
{
    struct buf b;
    bool ok = json_is_array(list);
    buf_init_arena(&b, arena, SIZE_MAX / 2);
    size_t all = rlp_begin(&b);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *a = json_array_get(list, i);
        address addr = {{0}};
        size_t one = rlp_begin(&b);
        ok = ok && fx_address(a, "address", &addr);
        rlp_put_bytes(&b, addr.b, sizeof addr.b);
        put_slots(json_object_get(a, "storageChanges"), arena, &b, &ok);
        put_reads(json_object_get(a, "storageReads"), &b, &ok);
        put_changes(json_object_get(a, "balanceChanges"), "postBalance", arena, &b, &ok);
        put_changes(json_object_get(a, "nonceChanges"), "postNonce", arena, &b, &ok);
        put_changes(json_object_get(a, "codeChanges"), NULL, arena, &b, &ok);
        rlp_end(&b, one);
    }
    rlp_end(&b, all);
    *out = buf_slice(&b);
    return ok && buf_ok(&b);
}
