/* Parameters: strict forms, messages in the words of the field. Quantities are 0x-hex
 * without leading zeros; data is 0x-hex of even length. */
#include "rpc_int.h"

const json_t *arg(const struct call *c, size_t i)
{
    const json_t *v = c->params == NULL ? NULL : json_array_get(c->params, i);
    return v == NULL || json_is_null(v) ? NULL : v;
}

bool args_num(struct call *c, size_t min, size_t max)
{
    size_t n = c->params == NULL ? 0 : json_array_size(c->params);
    if (n > max) {
        call_fail(c, RPC_PARAMS, "too many arguments, want at most %zu", max);
        return false;
    }
    for (size_t i = 0; i < min; i++) {
        if (arg(c, i) == NULL) {
            call_fail(c, RPC_PARAMS, "missing value for required argument %zu", i);
            return false;
        }
    }
    return true;
}

static bool bad(struct call *c, size_t i, const char *why)
{
    call_fail(c, RPC_PARAMS, "invalid argument %zu: %s", i, why);
    return false;
}

/* The digits after 0x. */
static bool hex_digits(struct call *c, size_t i, const json_t *v, const char **digits,
                       size_t *len)
{
    if (!json_is_string(v))
        return bad(c, i, "not a string");
    const char *s = json_string_value(v);
    size_t n = json_string_length(v);
    if (n == 0)
        return bad(c, i, "empty hex string");
    if (n < 2 || s[0] != '0' || (s[1] != 'x' && s[1] != 'X'))
        return bad(c, i, "hex string without 0x prefix");
    *digits = s + 2;
    *len = n - 2;
    return true;
}

static bool fixed(struct call *c, size_t i, const json_t *v, uint8_t *out, size_t size,
                  const char *type)
{
    const char *digits;
    size_t len, n;
    if (!hex_digits(c, i, v, &digits, &len))
        return false;
    if (len != 2 * size) {
        call_fail(c, RPC_PARAMS,
                  "invalid argument %zu: hex string has length %zu, want "
                  "%zu for %s",
                  i, len, 2 * size, type);
        return false;
    }
    /* The digits stand without a prefix here, so "0x" inside them is a bad digit. */
    if (digits[0] == '0' && (digits[1] | 0x20) == 'x')
        return bad(c, i, "invalid hex string");
    return hex_decode(digits, len, out, size, &n) == MT_OK ||
           bad(c, i, "invalid hex string");
}

bool val_address(struct call *c, size_t i, const json_t *v, address *out)
{
    return fixed(c, i, v, out->b, 20, "address");
}

bool val_hash(struct call *c, size_t i, const json_t *v, hash32 *out)
{
    return fixed(c, i, v, out->b, 32, "hash");
}

bool val_u256(struct call *c, size_t i, const json_t *v, u256 *out)
{
    const char *digits;
    size_t len;
    if (!hex_digits(c, i, v, &digits, &len))
        return false;
    if (len == 0)
        return bad(c, i, "hex string \"0x\"");
    if (len > 1 && digits[0] == '0')
        return bad(c, i, "hex number with leading zero digits");
    mt_err err = u256_parse(digits - 2, len + 2, out);
    if (err == MT_ELIMIT)
        return bad(c, i, "hex number > 256 bits");
    return err == MT_OK || bad(c, i, "invalid hex string");
}

bool val_u64(struct call *c, size_t i, const json_t *v, uint64_t *out)
{
    u256 n;
    if (!val_u256(c, i, v, &n))
        return false;
    if (!u256_is_u64(n))
        return bad(c, i, "hex number > 64 bits");
    *out = n.w[0];
    return true;
}

bool val_data(struct call *c, size_t i, const json_t *v, slice *out)
{
    const char *digits;
    size_t len, n;
    if (!hex_digits(c, i, v, &digits, &len))
        return false;
    if (len % 2 != 0)
        return bad(c, i, "hex string of odd length");
    if (len >= 2 && digits[0] == '0' && (digits[1] | 0x20) == 'x')
        return bad(c, i, "invalid hex string");
    uint8_t *p = arena_alloc(c->arena, len / 2 + 1);
    if (p == NULL)
        return bad(c, i, "too large");
    if (hex_decode(digits, len, p, len / 2, &n) != MT_OK)
        return bad(c, i, "invalid hex string");
    *out = slice_of(p, n);
    return true;
}

bool val_key(struct call *c, size_t i, const json_t *v, hash32 *out, bool *full)
{
    const char *digits;
    size_t len;
    char text[66] = {'0', 'x'};
    u256 n = U256_ZERO;
    if (!hex_digits(c, i, v, &digits, &len))
        return false;
    if (len > 64) {
        call_fail(c, RPC_PARAMS,
                  "storage key too long (want at most 32 bytes): \"%.100s\"",
                  json_string_value(v));
        return false;
    }
    memcpy(text + 2, digits, len);
    if (len > 0 && u256_parse(text, len + 2, &n) != MT_OK)
        return bad(c, i, "invalid hex string in storage key");
    *out = u256_to_hash(n);
    if (full != NULL)
        *full = len == 64;
    return true;
}

bool arg_address(struct call *c, size_t i, address *out)
{
    return val_address(c, i, arg(c, i), out);
}

bool arg_hash(struct call *c, size_t i, hash32 *out)
{
    return val_hash(c, i, arg(c, i), out);
}

bool arg_u64(struct call *c, size_t i, uint64_t *out)
{
    return val_u64(c, i, arg(c, i), out);
}

bool arg_u256(struct call *c, size_t i, u256 *out)
{
    return val_u256(c, i, arg(c, i), out);
}

bool arg_data(struct call *c, size_t i, slice *out)
{
    return val_data(c, i, arg(c, i), out);
}

bool arg_bool(struct call *c, size_t i, bool *out)
{
    const json_t *v = arg(c, i);
    *out = false;
    if (v == NULL)
        return true;
    if (!json_is_boolean(v))
        return bad(c, i, "not a boolean");
    *out = json_is_true(v);
    return true;
}

bool arg_number(struct call *c, size_t i, uint64_t *out)
{
    const json_t *v = arg(c, i);
    u256 n;
    if (json_is_integer(v)) {
        if (json_integer_value(v) < 0)
            return bad(c, i, "negative number");
        *out = (uint64_t)json_integer_value(v);
        return true;
    }
    if (!json_is_string(v))
        return bad(c, i, "not a number");
    if (u256_parse(json_string_value(v), json_string_length(v), &n) != MT_OK ||
        !u256_is_u64(n))
        return bad(c, i, "not a number below 2^64");
    *out = n.w[0];
    return true;
}

/* ---- blocks ---- */

static bool block_tag(struct call *c, size_t i, const char *tag, struct block_arg *out)
{
    static const struct {
        const char *name;
        int head;
    } heads[] = {{"latest", METISDB_HEAD},
                 {"safe", METISDB_SAFE},
                 {"finalized", METISDB_FINALIZED}};
    out->kind = BLOCK_NUMBER;
    if (strcmp(tag, "pending") == 0) {
        out->kind = BLOCK_PENDING;
        out->number = c->view->head->block.header.number;
        return true;
    }
    if (strcmp(tag, "earliest") == 0) {
        out->number = 0;
        return true;
    }
    for (size_t k = 0; k < MT_ARRAY_LEN(heads); k++) {
        if (strcmp(tag, heads[k].name) != 0)
            continue;
        if (heads[k].head == METISDB_HEAD)
            out->number = c->view->head->block.header.number;
        else if (c->view->has_head[heads[k].head])
            out->number = c->view->heads[heads[k].head].number;
        else /* nothing is settled yet but the genesis */
            out->number = 0;
        return true;
    }
    return bad(c, i, "hex string without 0x prefix");
}

static bool block_object(struct call *c, size_t i, const json_t *v, struct block_arg *out)
{
    const json_t *hash = json_object_get(v, "blockHash");
    const json_t *number = json_object_get(v, "blockNumber");
    if ((hash == NULL) == (number == NULL))
        return bad(c, i, "want one of blockHash and blockNumber");
    if (number != NULL)
        return val_block(c, i, number, out);
    out->kind = BLOCK_HASH;
    out->canonical = json_is_true(json_object_get(v, "requireCanonical"));
    return val_hash(c, i, hash, &out->hash);
}

bool val_block(struct call *c, size_t i, const json_t *v, struct block_arg *out)
{
    *out = (struct block_arg){0};
    if (json_is_object(v))
        return block_object(c, i, v, out);
    if (!json_is_string(v))
        return bad(c, i, "not a block number, tag or hash");
    if (json_string_length(v) == 66) {
        out->kind = BLOCK_HASH;
        return val_hash(c, i, v, &out->hash);
    }
    const char *s = json_string_value(v);
    if (s[0] >= 'a' && s[0] <= 'z')
        return block_tag(c, i, s, out);
    out->kind = BLOCK_NUMBER;
    return val_u64(c, i, v, &out->number);
}

bool arg_block(struct call *c, size_t i, bool optional, struct block_arg *out)
{
    const json_t *v = arg(c, i);
    if (v != NULL)
        return val_block(c, i, v, out);
    if (!optional) {
        call_fail(c, RPC_PARAMS, "missing value for required argument %zu", i);
        return false;
    }
    *out = (struct block_arg){.number = c->view->head->block.header.number};
    return true;
}

bool block_find(struct call *c, const struct block_arg *b, struct chain_block **out)
{
    struct chain *chain = c->rpc->opt.chain;
    struct chain_block *head = c->view->head;
    mt_err err = MT_OK;
    *out = NULL;
    if (b->kind == BLOCK_HASH ? hash32_eq(&b->hash, &head->block.hash)
                              : b->number == head->block.header.number) {
        chain_block_hold(head);
        *out = head;
    } else if (b->kind == BLOCK_HASH) {
        err = chain_block_by_hash(chain, &b->hash, out);
    } else if (b->number < head->block.header.number) {
        err = chain_block_by_number(chain, b->number, out);
    }
    if (err != MT_OK && err != MT_ENOTFOUND) {
        *out = NULL;
        call_error(c, err, NULL);
        return false;
    }
    if (err == MT_ENOTFOUND)
        *out = NULL;
    return true;
}

/* The number of a canonical block, for its state. */
static bool state_number(struct call *c, const struct block_arg *b, uint64_t *out)
{
    uint64_t head = c->view->head->block.header.number;
    if (b->kind != BLOCK_HASH) {
        *out = b->number;
        if (b->number > head)
            call_fail(c, RPC_SERVER, "header not found");
        return b->number <= head;
    }
    struct chain_block *block;
    if (!block_find(c, b, &block))
        return false;
    if (block == NULL) {
        call_fail(c, RPC_SERVER, "header for hash not found");
        return false;
    }
    hash32 canonical;
    *out = block->block.header.number;
    bool ok = *out <= head &&
              chain_canonical_hash(c->rpc->opt.chain, *out, &canonical) == MT_OK &&
              hash32_eq(&canonical, &b->hash);
    chain_block_drop(block);
    if (!ok)
        call_fail(c, RPC_SERVER, "hash is not currently canonical");
    return ok;
}

enum call_status call_state(struct call *c, const struct block_arg *b,
                            struct chain_state **out)
{
    struct rpc *r = c->rpc;
    struct mt_diag diag = {0};
    uint64_t number;
    if (!state_number(c, b, &number))
        return CALL_DONE;
    c->pending = b->kind == BLOCK_PENDING;
    if (!c->on_reader) {
        if (number != r->view->head->block.header.number)
            return CALL_TO_READER;
        if (!r->has_head_state) {
            mt_err err = chain_state_open(r->opt.chain, number, &r->head_state, &diag);
            if (err != MT_OK)
                return call_error(c, err, &diag);
            r->has_head_state = true;
        }
        *out = &r->head_state;
        return CALL_DONE;
    }
    mt_err err = chain_state_open(r->opt.chain, number, &c->state, &diag);
    if (err != MT_OK)
        return call_error(c, err, &diag);
    c->has_state = true;
    *out = &c->state;
    return CALL_DONE;
}
