/* Genesis files: geth's form, plus config.metis{} for the named rules of Metis
 * networks.
 *
 * Every error names the key's path ("genesis: alloc.0x…: balance: …"). Keys of geth's
 * that we have no use for are passed over; a key of config.metis that we do not know
 * is an error, because a rule that is silently ignored forks the network. */
#include "chain_int.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_SIZE_MAX ((size_t)64 << 20)
#define DEPTH_MAX     16u
#define CODE_SIZE_MAX ((size_t)1 << 20)

struct reader {
    struct arena *arena;
    struct genesis *g;
    struct mt_diag *diag;
};

__attribute__((format(printf, 3, 4))) static mt_err
bad(struct reader *r, const char *path, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    mt_vfmt(text, sizeof(text), fmt, ap);
    va_end(ap);
    return mt_fail(r->diag, MT_EDECODE, "genesis: %s: %s", path, text);
}

/* ---- values ---- */

/* A number: JSON integer, "0x…" or decimal text. */
static mt_err to_u256(struct reader *r, const char *path, const json_t *v, u256 *out)
{
    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        *out = u256_from((uint64_t)json_integer_value(v));
        return MT_OK;
    }
    if (!json_is_string(v) ||
        u256_parse(json_string_value(v), json_string_length(v), out) != MT_OK)
        return bad(r, path, "not a number (write it as an integer or as 0x… text)");
    return MT_OK;
}

static mt_err to_u64(struct reader *r, const char *path, const json_t *v, uint64_t *out)
{
    u256 n;
    MT_TRY(to_u256(r, path, v, &n));
    if (!u256_is_u64(n))
        return bad(r, path, "number is above 64 bits");
    *out = n.w[0];
    return MT_OK;
}

static mt_err to_bytes(struct reader *r, const char *path, const json_t *v,
                       size_t size_max, slice *out)
{
    size_t len, text = json_is_string(v) ? json_string_length(v) : 0;
    if (!json_is_string(v))
        return bad(r, path, "not a string of hex digits");
    uint8_t *p = arena_alloc(r->arena, text / 2 + 1);
    if (p == NULL || text / 2 > size_max + 1)
        return bad(r, path, "too long");
    if (hex_decode(json_string_value(v), text, p, size_max, &len) != MT_OK)
        return bad(r, path, "not hex, or above %zu bytes", size_max);
    *out = slice_of(p, len);
    return MT_OK;
}

/* Hex of at most n bytes, padded with zeros on the left. */
static mt_err to_padded(struct reader *r, const char *path, const char *text,
                        uint8_t *out, size_t n)
{
    char full[65];
    size_t len = strlen(text), skip = len >= 2 && text[0] == '0' && (text[1] | 32) == 'x';
    text += 2 * skip;
    len -= 2 * skip;
    if (len > 2 * n)
        return bad(r, path, "above %zu bytes", n);
    memset(full, '0', 2 * n);
    memcpy(full + 2 * n - len, text, len);
    full[2 * n] = 0;
    if (hex_decode_fixed(full, out, n) != MT_OK)
        return bad(r, path, "not hex");
    return MT_OK;
}

static mt_err to_address(struct reader *r, const char *path, const json_t *v,
                         address *out)
{
    if (!json_is_string(v) || hex_decode_fixed(json_string_value(v), out->b, 20) != MT_OK)
        return bad(r, path, "not an address of 20 bytes");
    return MT_OK;
}

/* A key's value, NULL when it is missing or null. */
static json_t *get(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
}

/* ---- config ---- */

static const struct {
    const char *key;
    const char *name;
} FORKS[FORK_COUNT] = {
#define FORK_ROW(id, name, key, by) {key, name},
    MT_FORKS(FORK_ROW)
#undef FORK_ROW
};

/* Forks of one kind come in the order of the table; the DAO fork and the net split are
 * events of their own, and a parameter fork may come at any time after Osaka. */
static mt_err check_fork_order(struct reader *r)
{
    const struct chain_spec *s = &r->g->spec;
    unsigned last = FORK_FRONTIER;
    char path[64];
    if (s->fork_at[FORK_AMSTERDAM] < s->fork_at[FORK_OSAKA])
        return bad(r, "config.amsterdamTime", "is before osakaTime");
    for (unsigned f = FORK_HOMESTEAD; f <= FORK_OSAKA; f++) {
        if (f == FORK_DAO || f == FORK_PARIS || s->fork_at[f] == FORK_NEVER)
            continue;
        bool same_kind = (f >= FORK_SHANGHAI) == (last >= FORK_SHANGHAI);
        mt_fmt(path, sizeof(path), "config.%s", FORKS[f].key);
        if (same_kind && s->fork_at[f] < s->fork_at[last])
            return bad(r, path, "is before %s", FORKS[last].key);
        last = f;
    }
    return MT_OK;
}

static mt_err read_forks(struct reader *r, const json_t *config)
{
    struct chain_spec *s = &r->g->spec;
    char path[64];
    s->fork_at[FORK_FRONTIER] = 0;
    for (unsigned f = FORK_HOMESTEAD; f < FORK_COUNT; f++) {
        const json_t *v = get(config, FORKS[f].key);
        s->fork_at[f] = FORK_NEVER;
        mt_fmt(path, sizeof(path), "config.%s", FORKS[f].key);
        if (v != NULL)
            MT_TRY(to_u64(r, path, v, &s->fork_at[f]));
    }
    const json_t *ttd = get(config, "terminalTotalDifficulty");
    s->merge_by_ttd = ttd != NULL;
    if (ttd != NULL)
        MT_TRY(to_u256(r, "config.terminalTotalDifficulty", ttd, &s->ttd));
    s->dao_support = json_is_true(json_object_get(config, "daoForkSupport"));
    return check_fork_order(r);
}

static bool same_lower(const char *lower, const char *name)
{
    for (; *lower != 0 && *name != 0; lower++, name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
        if (c != *lower)
            return false;
    }
    return *lower == *name;
}

static mt_err read_blobs(struct reader *r, const json_t *config)
{
    struct chain_spec *s = &r->g->spec, mainnet;
    const json_t *schedule = get(config, "blobSchedule");
    const char *key;
    json_t *v;
    char path[96];
    chain_spec_for_fork(FORK_OSAKA, s->chain_id, &mainnet);
    if (schedule == NULL)
        memcpy(s->blobs, mainnet.blobs, sizeof(s->blobs));
    json_object_foreach((json_t *)(uintptr_t)schedule, key, v)
    {
        unsigned f = FORK_CANCUN;
        while (f < FORK_COUNT && !same_lower(key, FORKS[f].name))
            f++;
        mt_fmt(path, sizeof(path), "config.blobSchedule.%.40s", key);
        if (f == FORK_COUNT)
            return bad(r, path, "no such fork");
        MT_TRY(to_u64(r, path, json_object_get(v, "target"), &s->blobs[f].target));
        MT_TRY(to_u64(r, path, json_object_get(v, "max"), &s->blobs[f].max));
        MT_TRY(to_u64(r, path, json_object_get(v, "baseFeeUpdateFraction"),
                      &s->blobs[f].base_fee_update_fraction));
        if (s->blobs[f].base_fee_update_fraction == 0)
            return bad(r, path, "baseFeeUpdateFraction is zero");
    }
    return MT_OK;
}

/* ---- config.metis: one row a rule ---- */

enum rule_kind { RULE_NAME, RULE_U64, RULE_BOOL, RULE_NOT, RULE_ADDRESS };

/* X(key, kind, field, flag field set by presence) */
#define RULES(X)                                                                         \
    X("name", RULE_NAME, name, metis)                                                    \
    X("periodMs", RULE_U64, period_ms, metis)                                            \
    X("gasLimit", RULE_U64, gas_limit, metis)                                            \
    X("equalTime", RULE_BOOL, equal_time, metis)                                         \
    X("blobTransactions", RULE_NOT, no_blobs, metis)                                     \
    X("codeSenders", RULE_BOOL, code_senders, metis)                                     \
    X("push0", RULE_BOOL, push0, metis)                                                  \
    X("l1Fee", RULE_BOOL, l1_fee, metis)                                                 \
    X("gasPriceOracle", RULE_ADDRESS, gas_price_oracle, metis)                           \
    X("baseFeeVault", RULE_ADDRESS, vault, base_fee_vault)                               \
    X("nativeToken", RULE_ADDRESS, token, native_token)                                  \
    X("nativeTransfer", RULE_ADDRESS, native_transfer, native_token)                     \
    X("coinbase", RULE_ADDRESS, coinbase, fixed_coinbase)

static const struct {
    const char *key;
    enum rule_kind kind;
    size_t field, flag;
} RULE_TABLE[] = {
#define RULE_ROW(key, kind, field, flag)                                                 \
    {key, kind, offsetof(struct chain_spec, field), offsetof(struct chain_spec, flag)},
    RULES(RULE_ROW)
#undef RULE_ROW
};

/* The name becomes a folder and a label: letters, digits, '-' and '_'. */
static bool good_name(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char low = (char)(s[i] | 32);
        bool word = (low >= 'a' && low <= 'z') || (s[i] >= '0' && s[i] <= '9');
        if (!word && s[i] != '-' && s[i] != '_')
            return false;
    }
    return len > 0;
}

static mt_err set_rule(struct reader *r, const char *path, size_t i, const json_t *v)
{
    char *base = (char *)&r->g->spec, *at = base + RULE_TABLE[i].field;
    bool yes = true, value = json_is_true(v);
    memcpy(base + RULE_TABLE[i].flag, &yes, sizeof(yes));
    switch (RULE_TABLE[i].kind) {
    case RULE_NAME:
        if (!json_is_string(v) || json_string_length(v) >= sizeof(r->g->spec.name) ||
            !good_name(json_string_value(v), json_string_length(v)))
            return bad(r, path, "not a name of 1 to 31 letters, digits, - and _");
        memcpy(at, json_string_value(v), json_string_length(v) + 1);
        return MT_OK;
    case RULE_U64: {
        uint64_t n;
        MT_TRY(to_u64(r, path, v, &n));
        memcpy(at, &n, sizeof(n));
        return MT_OK;
    }
    case RULE_BOOL:
    case RULE_NOT:
        if (!json_is_boolean(v))
            return bad(r, path, "neither true nor false");
        value = RULE_TABLE[i].kind == RULE_NOT ? !value : value;
        memcpy(at, &value, sizeof(value));
        return MT_OK;
    case RULE_ADDRESS: {
        address a;
        MT_TRY(to_address(r, path, v, &a));
        memcpy(at, a.b, 20);
        return MT_OK;
    }
    }
    return MT_EINVAL;
}

static mt_err read_metis(struct reader *r, const json_t *metis)
{
    struct chain_spec *s = &r->g->spec;
    const char *key;
    json_t *v;
    char path[96];
    if (!json_is_object(metis))
        return bad(r, "config.metis", "not an object");
    s->metis = true;
    json_object_foreach((json_t *)(uintptr_t)metis, key, v)
    {
        size_t i = 0;
        mt_fmt(path, sizeof(path), "config.metis.%.40s", key);
        while (i < MT_ARRAY_LEN(RULE_TABLE) && strcmp(key, RULE_TABLE[i].key) != 0)
            i++;
        if (i == MT_ARRAY_LEN(RULE_TABLE))
            return bad(r, path, "unknown rule");
        MT_TRY(set_rule(r, path, i, v));
    }
    if (s->name[0] == 0)
        return bad(r, "config.metis.name", "missing");
    if (s->l1_fee && address_is_zero(&s->gas_price_oracle))
        return bad(r, "config.metis.gasPriceOracle", "missing, but l1Fee is on");
    if (s->native_token &&
        (address_is_zero(&s->token) || address_is_zero(&s->native_transfer)))
        return bad(r, "config.metis", "nativeToken and nativeTransfer go together");
    return MT_OK;
}

static mt_err read_config(struct reader *r, const json_t *top)
{
    const json_t *config = json_object_get(top, "config"), *v;
    struct chain_spec *s = &r->g->spec;
    if (!json_is_object(config))
        return bad(r, "config", "missing");
    MT_TRY(to_u64(r, "config.chainId", json_object_get(config, "chainId"), &s->chain_id));
    MT_TRY(read_forks(r, config));
    MT_TRY(read_blobs(r, config));
    v = get(config, "depositContractAddress");
    if (v != NULL)
        MT_TRY(to_address(r, "config.depositContractAddress", v, &s->deposit_contract));
    v = get(config, "metis");
    if (v != NULL)
        return read_metis(r, v);
    mt_fmt(s->name, sizeof(s->name), "chain-%llu", (unsigned long long)s->chain_id);
    return MT_OK;
}

/* ---- alloc ---- */

static int slot_order(const void *a, const void *b)
{
    return hash32_cmp(&((const struct slot_change *)a)->slot,
                      &((const struct slot_change *)b)->slot);
}

static int account_order(const void *a, const void *b)
{
    return address_cmp(&((const struct account_change *)a)->addr,
                       &((const struct account_change *)b)->addr);
}

static mt_err read_storage(struct reader *r, const char *path, const json_t *storage,
                           struct account_change *out)
{
    const char *key;
    json_t *v;
    size_t n = 0;
    out->slots =
        arena_zalloc(r->arena, json_object_size(storage) + 1, sizeof(*out->slots));
    if (out->slots == NULL)
        return bad(r, path, "too many slots");
    json_object_foreach((json_t *)(uintptr_t)storage, key, v)
    {
        hash32 value;
        MT_TRY(to_padded(r, path, key, out->slots[n].slot.b, 32));
        if (!json_is_string(v))
            return bad(r, path, "storage value is not text");
        MT_TRY(to_padded(r, path, json_string_value(v), value.b, 32));
        out->slots[n].value = u256_from_hash(&value);
        n += u256_is_zero(out->slots[n].value) ? 0 : 1;
    }
    qsort(out->slots, n, sizeof(*out->slots), slot_order);
    for (size_t i = 1; i < n; i++) {
        if (hash32_eq(&out->slots[i].slot, &out->slots[i - 1].slot))
            return bad(r, path, "storage slot given twice");
    }
    out->slot_num = n;
    return MT_OK;
}

static mt_err read_account(struct reader *r, const char *key, const json_t *v,
                           struct account_change *out)
{
    char path[80];
    const json_t *field;
    size_t len = mt_fmt(path, sizeof(path), "alloc.%.50s", key);
    char *end = path + len; /* the field's name goes here */
    size_t room = sizeof(path) - len;
    if (hex_decode_fixed(key, out->addr.b, 20) != MT_OK)
        return bad(r, path, "not an address of 20 bytes");
    if (!json_is_object(v))
        return bad(r, path, "not an object");
    out->code_hash = KECCAK_EMPTY;
    mt_fmt(end, room, ".balance");
    if ((field = get(v, "balance")) != NULL)
        MT_TRY(to_u256(r, path, field, &out->balance));
    mt_fmt(end, room, ".nonce");
    if ((field = get(v, "nonce")) != NULL)
        MT_TRY(to_u64(r, path, field, &out->nonce));
    mt_fmt(end, room, ".code");
    if ((field = get(v, "code")) != NULL) {
        MT_TRY(to_bytes(r, path, field, CODE_SIZE_MAX, &out->code));
        out->flags = out->code.len > 0 ? CHANGE_CODE : 0;
        out->code_hash = keccak256(out->code.ptr, out->code.len);
    }
    mt_fmt(end, room, ".storage");
    if ((field = get(v, "storage")) != NULL)
        MT_TRY(read_storage(r, path, field, out));
    return MT_OK;
}

static mt_err read_alloc(struct reader *r, const json_t *top)
{
    const json_t *alloc = json_object_get(top, "alloc");
    struct state_delta *d = &r->g->alloc;
    const char *key;
    json_t *v;
    if (!json_is_object(alloc))
        return bad(r, "alloc", "missing");
    d->accounts =
        arena_zalloc(r->arena, json_object_size(alloc) + 1, sizeof(*d->accounts));
    if (d->accounts == NULL)
        return bad(r, "alloc", "too many accounts");
    json_object_foreach((json_t *)(uintptr_t)alloc, key, v)
        MT_TRY(read_account(r, key, v, &d->accounts[d->account_num++]));
    qsort(d->accounts, d->account_num, sizeof(*d->accounts), account_order);
    for (size_t i = 1; i < d->account_num; i++) {
        if (address_eq(&d->accounts[i].addr, &d->accounts[i - 1].addr))
            return bad(r, "alloc", "account %s given twice",
                       address_text(&d->accounts[i].addr).s);
    }
    return MT_OK;
}

/* ---- header ---- */

static mt_err read_numbers(struct reader *r, const json_t *top)
{
    struct header *h = &r->g->header;
    const struct {
        const char *key;
        uint64_t *out;
    } rows[] = {{"number", &h->number},
                {"gasLimit", &h->gas_limit},
                {"gasUsed", &h->gas_used},
                {"timestamp", &h->timestamp},
                {"excessBlobGas", &h->excess_blob_gas},
                {"blobGasUsed", &h->blob_gas_used}};
    const json_t *v;
    u256 nonce = U256_ZERO;
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        if ((v = get(top, rows[i].key)) != NULL)
            MT_TRY(to_u64(r, rows[i].key, v, rows[i].out));
    }
    if (get(top, "gasLimit") == NULL)
        return bad(r, "gasLimit", "missing");
    if ((v = get(top, "difficulty")) != NULL)
        MT_TRY(to_u256(r, "difficulty", v, &h->difficulty));
    h->base_fee = u256_from(1000000000);
    if ((v = get(top, "baseFeePerGas")) != NULL)
        MT_TRY(to_u256(r, "baseFeePerGas", v, &h->base_fee));
    if ((v = get(top, "nonce")) != NULL)
        MT_TRY(to_u256(r, "nonce", v, &nonce));
    if (!u256_is_u64(nonce))
        return bad(r, "nonce", "number is above 64 bits");
    store_be64(h->nonce, nonce.w[0]);
    return MT_OK;
}

static mt_err read_header(struct reader *r, const json_t *top)
{
    struct header *h = &r->g->header;
    const json_t *v;
    MT_TRY(read_numbers(r, top));
    if ((v = get(top, "extraData")) != NULL)
        MT_TRY(to_bytes(r, "extraData", v, 1024, &h->extra_data));
    if ((v = get(top, "coinbase")) != NULL)
        MT_TRY(to_address(r, "coinbase", v, &h->coinbase));
    if ((v = get(top, "mixHash")) != NULL && json_is_string(v))
        MT_TRY(to_padded(r, "mixHash", json_string_value(v), h->mix_hash.b, 32));
    if ((v = get(top, "parentHash")) != NULL && json_is_string(v))
        MT_TRY(to_padded(r, "parentHash", json_string_value(v), h->parent_hash.b, 32));
    return MT_OK;
}

/* Fields that follow from the rest. */
static mt_err complete_header(struct reader *r)
{
    struct genesis *g = r->g;
    struct header *h = &g->header;
    bool merged = g->spec.merge_by_ttd && u256_is_zero(g->spec.ttd);
    struct rules rules = chain_rules(&g->spec, h->number, h->timestamp, merged);
    h->ommers_hash = KECCAK_RLP_EMPTY_LIST;
    h->tx_root = h->receipts_root = h->withdrawals_root = KECCAK_RLP_EMPTY;
    h->requests_hash = sha256(NULL, 0); /* EIP-7685: no requests */
    h->block_access_list_hash = KECCAK_RLP_EMPTY_LIST;
    h->field_num = header_fields_for(&rules);
    MT_TRY(state_root_full(r->arena, &g->alloc, &h->state_root));
    g->hash = header_hash(h);
    return MT_OK;
}

/* ---- the hash of the spec ---- */

/* Every rule in the order of the struct, numbers as 8 or 32 bytes big endian, then the
 * genesis hash. A new rule is added at the end, so that old databases stay valid where
 * it is off. */
static hash32 hash_spec(const struct genesis *g)
{
    const struct chain_spec *s = &g->spec;
    struct keccak k;
    uint8_t n[8];
    keccak_init(&k);
#define ADD_U64(v) (store_be64(n, (uint64_t)(v)), keccak_add(&k, n, 8))
    keccak_add(&k, s->name, sizeof(s->name));
    ADD_U64(s->chain_id);
    for (unsigned f = 0; f < FORK_COUNT; f++) {
        ADD_U64(s->fork_at[f]);
        ADD_U64(s->blobs[f].target);
        ADD_U64(s->blobs[f].max);
        ADD_U64(s->blobs[f].base_fee_update_fraction);
    }
    hash32 ttd = u256_to_hash(s->ttd);
    ADD_U64(s->merge_by_ttd);
    keccak_add(&k, ttd.b, 32);
    ADD_U64(s->dao_support);
    keccak_add(&k, s->deposit_contract.b, 20);
    ADD_U64(s->metis);
    ADD_U64(s->period_ms);
    ADD_U64(s->gas_limit);
    ADD_U64(s->equal_time);
    ADD_U64(s->no_blobs);
    ADD_U64(s->code_senders);
    ADD_U64(s->push0);
    ADD_U64(s->l1_fee);
    keccak_add(&k, s->gas_price_oracle.b, 20);
    ADD_U64(s->base_fee_vault);
    keccak_add(&k, s->vault.b, 20);
    ADD_U64(s->native_token);
    keccak_add(&k, s->token.b, 20);
    keccak_add(&k, s->native_transfer.b, 20);
    ADD_U64(s->fixed_coinbase);
    keccak_add(&k, s->coinbase.b, 20);
#undef ADD_U64
    keccak_add(&k, g->hash.b, 32);
    return keccak_done(&k);
}

/* ---- entry ---- */

/* geth writes a total difficulty as an integer of any length, our parser stops at 63
 * bits: a copy in which integers of more than 18 digits stand in quotes. */
static mt_err quote_long_integers(slice json, struct buf *out)
{
    bool in_string = false;
    for (size_t i = 0; i < json.len; i++) {
        uint8_t c = json.ptr[i];
        size_t n = 0;
        while (!in_string && i + n < json.len && json.ptr[i + n] >= '0' &&
               json.ptr[i + n] <= '9')
            n++;
        if (n > 18) {
            buf_put_u8(out, '"');
            buf_put(out, json.ptr + i, n);
            buf_put_u8(out, '"');
        } else if (n > 0) {
            buf_put(out, json.ptr + i, n);
        } else {
            buf_put_u8(out, c);
            if (in_string && c == '\\' && i + 1 < json.len)
                buf_put_u8(out, json.ptr[++i]);
            else if (c == '"')
                in_string = !in_string;
        }
        i += n > 0 ? n - 1 : 0;
    }
    return buf_ok(out) ? MT_OK : MT_ELIMIT;
}

mt_err genesis_parse(slice json, struct arena *arena, struct genesis *out,
                     struct mt_diag *diag)
{
    struct genesis g = {0};
    struct reader r = {arena, &g, diag};
    struct buf text;
    json_t *top;
    if (json.len > FILE_SIZE_MAX)
        return mt_fail(diag, MT_ELIMIT, "genesis: above 64 MiB");
    buf_init(&text, 2 * FILE_SIZE_MAX);
    mt_err err = quote_long_integers(json, &text);
    if (err == MT_OK)
        err = json_parse(buf_slice(&text), 2 * FILE_SIZE_MAX, DEPTH_MAX, &top, diag);
    buf_fini(&text);
    if (err != MT_OK)
        return mt_wrap(diag, err, "genesis");
    if (!json_is_object(top))
        err = bad(&r, "top", "not an object");
    if (err == MT_OK)
        err = read_config(&r, top);
    if (err == MT_OK)
        err = read_header(&r, top);
    if (err == MT_OK)
        err = read_alloc(&r, top);
    json_decref(top);
    MT_TRY(err);
    MT_TRY(complete_header(&r));
    g.spec_hash = hash_spec(&g);
    const void *copy = arena_copy(arena, json.ptr, json.len);
    if (copy == NULL)
        return bad(&r, "file", "too large");
    g.json = slice_of(copy, json.len);
    *out = g;
    return MT_OK;
}

mt_err genesis_load(const char *path, struct arena *arena, struct genesis *out,
                    struct mt_diag *diag)
{
    struct buf b;
    uint8_t *room;
    size_t n = 1;
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    buf_init(&b, FILE_SIZE_MAX);
    while (n > 0 && (room = buf_reserve(&b, 65536)) != NULL)
        b.len += n = fread(room, 1, 65536, f);
    mt_err err =
        ferror(f) ? mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno)) : MT_OK;
    fclose(f);
    if (err == MT_OK && !buf_ok(&b))
        err = mt_fail(diag, MT_ELIMIT, "%s: above 64 MiB", path);
    if (err == MT_OK) {
        err = genesis_parse(buf_slice(&b), arena, out, diag);
        if (err != MT_OK)
            err = mt_wrap(diag, err, "%s", path);
    }
    buf_fini(&b);
    return err;
}
