/* Reasons against an encoding: a reader that goes on after a fault where it can, and
 * tells the field it was in. Each name is that of a rule, so several may hold at once. */
#include "evm_reasons.h"

void tx_reasons_add(struct tx_reasons *r, const char *name)
{
    size_t len = strlen(r->names);
    if (name[0] != 0)
        mt_fmt(r->names + len, sizeof r->names - len, "%s%s", len > 0 ? "|" : "", name);
}

static bool has_name(const char *list, const char *name, size_t name_len)
{
    while (*list != 0) {
        size_t len = strcspn(list, "|");
        if (len == name_len && memcmp(list, name, len) == 0)
            return true;
        list += len + (list[len] == '|');
    }
    return false;
}

bool reasons_meet(const char *ours, const char *expected)
{
    while (*expected != 0) {
        size_t len = strcspn(expected, "|");
        const char *dot = memchr(expected, '.', len);
        size_t skip = dot == NULL ? 0 : (size_t)(dot + 1 - expected);
        if (has_name(ours, expected + skip, len - skip))
            return true;
        expected += len + (expected[len] == '|');
    }
    return false;
}

/* ================= items ================= */

struct item {
    slice payload;
    bool is_list;
    bool loose_size; /* the length is written longer than it need be */
};

enum item_result { ITEM_OK, ITEM_EOF, ITEM_SIZE, ITEM_ZEROS };

/* Length of n bytes; ITEM_ZEROS when it begins with zero (it is read all the same). */
static enum item_result read_length(const uint8_t *p, size_t n, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out = *out << 8 | p[i];
    return p[0] == 0 ? ITEM_ZEROS : ITEM_OK;
}

/* The item at *in, past which *in is moved. */
static enum item_result next_item(slice *in, struct item *out)
{
    if (in->len == 0)
        return ITEM_EOF;
    uint8_t b = in->ptr[0];
    *out = (struct item){.is_list = b >= 0xc0};
    size_t header = b < 0x80 ? 0 : 1;
    uint64_t len = b < 0x80 ? 1 : (uint64_t)b - (out->is_list ? 0xc0 : 0x80);
    if (header == 1 && len > 55) {
        size_t n = (size_t)len - 55;
        if (in->len - 1 < n)
            return ITEM_EOF;
        if (read_length(in->ptr + 1, n, &len) == ITEM_ZEROS || len <= 55)
            out->loose_size = true;
        header += n;
    }
    if (len > in->len - header)
        return out->loose_size ? ITEM_ZEROS : ITEM_SIZE;
    out->payload = slice_of(in->ptr + header, (size_t)len);
    if (header == 1 && len == 1 && !out->is_list && in->ptr[1] < 0x80)
        out->loose_size = true;
    *in = slice_of(in->ptr + header + len, in->len - header - (size_t)len);
    return ITEM_OK;
}

static void add_item_fault(struct tx_reasons *r, enum item_result fault)
{
    if (fault == ITEM_EOF)
        tx_reasons_add(r, "RLP_ERROR_EOF");
    if (fault == ITEM_ZEROS)
        tx_reasons_add(r, "RLP_ERROR_SIZE_LEADING_ZEROS");
    tx_reasons_add(r, "RLP_ERROR_SIZE");
}

/* ================= fields ================= */

enum kind { K_U64, K_U256, K_TO, K_TO_ALWAYS, K_BYTES, K_ACCESS, K_HASHES, K_AUTHS };

struct field {
    enum kind kind;
    const char *name;  /* RLP_INVALID_<name> when it is a list */
    const char *zeros; /* RLP_LEADING_ZEROS_<zeros> */
    const char
        *overflow; /* whole name when the number is too long, or nothing is there */
};

#define F_CHAIN                                                                          \
    {                                                                                    \
        K_U64, "CHAINID", "CHAINID", "INVALID_CHAINID"                                   \
    }
#define F_NONCE                                                                          \
    {                                                                                    \
        K_U64, "NONCE", "NONCE", "NONCE_OVERFLOW"                                        \
    }
#define F_PRICE                                                                          \
    {                                                                                    \
        K_U256, "GASPRICE", "GASPRICE", "GASPRICE_OVERFLOW"                              \
    }
#define F_TIP                                                                            \
    {                                                                                    \
        K_U256, "PRIORITY_FEE", "PRIORITY_FEE", "PRIORITY_OVERFLOW"                      \
    }
#define F_CAP                                                                            \
    {                                                                                    \
        K_U256, "BASEFEE", "BASEFEE", "GASPRICE_OVERFLOW"                                \
    }
#define F_GAS                                                                            \
    {                                                                                    \
        K_U64, "GASLIMIT", "GASLIMIT", "GASLIMIT_OVERFLOW"                               \
    }
#define F_TO                                                                             \
    {                                                                                    \
        K_TO, "TO", "TO", ""                                                             \
    }
#define F_TO_GIVEN(type)                                                                 \
    {                                                                                    \
        K_TO_ALWAYS, "TO", "TO", type "_TX_CONTRACT_CREATION"                            \
    }
#define F_VALUE                                                                          \
    {                                                                                    \
        K_U256, "VALUE", "VALUE", "VALUE_OVERFLOW"                                       \
    }
#define F_DATA                                                                           \
    {                                                                                    \
        K_BYTES, "DATA", "DATA", ""                                                      \
    }
#define F_ACCESS                                                                         \
    {                                                                                    \
        K_ACCESS, "ACCESS_LIST", "ACCESS_LIST", ""                                       \
    }
#define F_BLOB_CAP                                                                       \
    {                                                                                    \
        K_U256, "BLOB_FEE", "BLOB_FEE", "BLOB_FEE_OVERFLOW"                              \
    }
#define F_BLOBS                                                                          \
    {                                                                                    \
        K_HASHES, "BLOB_HASHES", "BLOB_HASHES", ""                                       \
    }
#define F_AUTHS                                                                          \
    {                                                                                    \
        K_AUTHS, "AUTHORIZATION_LIST", "AUTHORIZATION_LIST", ""                          \
    }
#define F_V                                                                              \
    {                                                                                    \
        K_U256, "SIGNATURE_V", "V", "INVALID_SIGNATURE_VRS"                              \
    }
#define F_R                                                                              \
    {                                                                                    \
        K_U256, "SIGNATURE_R", "R", "INVALID_SIGNATURE_VRS"                              \
    }
#define F_S                                                                              \
    {                                                                                    \
        K_U256, "SIGNATURE_S", "S", "INVALID_SIGNATURE_VRS"                              \
    }

static const struct field LEGACY[] = {F_NONCE, F_PRICE, F_GAS, F_TO, F_VALUE,
                                      F_DATA,  F_V,     F_R,   F_S};
static const struct field ACCESS[] = {F_CHAIN, F_NONCE,  F_PRICE, F_GAS, F_TO, F_VALUE,
                                      F_DATA,  F_ACCESS, F_V,     F_R,   F_S};
static const struct field DYNAMIC[] = {F_CHAIN, F_NONCE, F_TIP,    F_CAP, F_GAS, F_TO,
                                       F_VALUE, F_DATA,  F_ACCESS, F_V,   F_R,   F_S};
static const struct field BLOB[] = {
    F_CHAIN, F_NONCE, F_TIP,    F_CAP,      F_GAS,   F_TO_GIVEN("TYPE_3"),
    F_VALUE, F_DATA,  F_ACCESS, F_BLOB_CAP, F_BLOBS, F_V,
    F_R,     F_S};
static const struct field SET_CODE[] = {
    F_CHAIN,  F_NONCE, F_TIP, F_CAP, F_GAS, F_TO_GIVEN("TYPE_4"), F_VALUE, F_DATA,
    F_ACCESS, F_AUTHS, F_V,   F_R,   F_S};

static const struct {
    const struct field *list;
    size_t num;
    enum fork since;
} TYPES[] = {
    [TX_LEGACY] = {LEGACY, MT_ARRAY_LEN(LEGACY), FORK_FRONTIER},
    [TX_ACCESS_LIST] = {ACCESS, MT_ARRAY_LEN(ACCESS), FORK_BERLIN},
    [TX_DYNAMIC_FEE] = {DYNAMIC, MT_ARRAY_LEN(DYNAMIC), FORK_LONDON},
    [TX_BLOB] = {BLOB, MT_ARRAY_LEN(BLOB), FORK_CANCUN},
    [TX_SET_CODE] = {SET_CODE, MT_ARRAY_LEN(SET_CODE), FORK_PRAGUE},
};

/* prefix, name and suffix as one reason. */
static void add3(struct tx_reasons *r, const char *a, const char *b, const char *c)
{
    char name[96];
    mt_fmt(name, sizeof name, "%s%s%s", a, b, c);
    tx_reasons_add(r, name);
}

/* A string of exactly n bytes. */
static void check_fixed(slice *in, size_t n, const char *what, struct tx_reasons *r)
{
    struct item it;
    enum item_result fault = next_item(in, &it);
    if (fault != ITEM_OK) {
        add_item_fault(r, fault);
        *in = slice_of(NULL, 0);
        return;
    }
    if (it.is_list)
        add3(r, "RLP_INVALID_", what, "");
    else if (it.payload.len != n)
        add3(r, "RLP_INVALID_", what, it.payload.len < n ? "_TOO_SHORT" : "_TOO_LONG");
}

static void check_hashes(slice in, const char *what, struct tx_reasons *r)
{
    while (in.len > 0)
        check_fixed(&in, 32, what, r);
}

/* [[address, [slot, ...]], ...] */
static void check_access(slice in, struct tx_reasons *r)
{
    while (in.len > 0) {
        struct item pair, slots;
        enum item_result fault = next_item(&in, &pair);
        if (fault != ITEM_OK) {
            add_item_fault(r, fault);
            return;
        }
        slice rest = pair.payload;
        if (!pair.is_list) {
            tx_reasons_add(r, "RLP_INVALID_ACCESS_LIST");
            continue;
        }
        check_fixed(&rest, 20, "ACCESS_LIST_ADDRESS", r);
        if (next_item(&rest, &slots) != ITEM_OK || !slots.is_list || rest.len > 0)
            tx_reasons_add(r, "RLP_INVALID_ACCESS_LIST");
        else
            check_hashes(slots.payload, "ACCESS_LIST_STORAGE", r);
    }
}

/* [[chain id, address, nonce, y parity, r, s], ...] (EIP-7702). */
static void check_auths(slice in, struct tx_reasons *r)
{
    static const size_t sizes[] = {32, 20, 8, 1, 32, 32};
    while (in.len > 0) {
        struct item auth, it;
        enum item_result fault = next_item(&in, &auth);
        if (fault != ITEM_OK) {
            add_item_fault(r, fault);
            return;
        }
        slice rest = auth.is_list ? auth.payload : slice_of(NULL, 0);
        size_t i = 0;
        for (; i < MT_ARRAY_LEN(sizes); i++) {
            if (next_item(&rest, &it) != ITEM_OK || it.is_list || it.loose_size ||
                it.payload.len > sizes[i] || (i == 1 && it.payload.len != 20))
                break;
        }
        if (i > 2 && i < MT_ARRAY_LEN(sizes))
            tx_reasons_add(r, "TYPE_4_INVALID_AUTHORITY_SIGNATURE|"
                              "TYPE_4_INVALID_AUTHORITY_SIGNATURE_S_TOO_HIGH");
        if (i < MT_ARRAY_LEN(sizes) || rest.len > 0)
            tx_reasons_add(r, "TYPE_4_INVALID_AUTHORIZATION_FORMAT");
    }
}

static void check_number(const struct field *f, slice n, struct tx_reasons *r)
{
    if (n.len > 0 && n.ptr[0] == 0)
        add3(r, "RLP_LEADING_ZEROS_", f->zeros, "");
    if (n.len > (f->kind == K_U64 ? 8 : 32))
        tx_reasons_add(r, f->overflow);
}

static void check_to(const struct field *f, size_t len, struct tx_reasons *r)
{
    if (len == 0 && f->kind == K_TO_ALWAYS)
        tx_reasons_add(r, f->overflow);
    else if (len != 0 && len != 20)
        tx_reasons_add(r, len < 20 ? "ADDRESS_TOO_SHORT" : "ADDRESS_TOO_LONG");
}

static void check_field(const struct field *f, const struct item *it,
                        struct tx_reasons *r)
{
    bool wants_list = f->kind >= K_ACCESS;
    if (it->loose_size)
        add3(r, "RLP_LEADING_ZEROS_", f->zeros, "_SIZE");
    if (it->is_list != wants_list) {
        add3(r, "RLP_INVALID_", f->name, "");
        return;
    }
    switch (f->kind) {
    case K_U64:
    case K_U256:
        check_number(f, it->payload, r);
        break;
    case K_TO:
    case K_TO_ALWAYS:
        check_to(f, it->payload.len, r);
        break;
    case K_BYTES:
        break;
    case K_ACCESS:
        check_access(it->payload, r);
        break;
    case K_HASHES:
        check_hashes(it->payload, f->name, r);
        break;
    case K_AUTHS:
        check_auths(it->payload, r);
        break;
    }
}

static void check_fields(enum tx_type type, slice in, struct tx_reasons *r)
{
    for (size_t i = 0; i < TYPES[type].num; i++) {
        struct item it;
        if (in.len == 0) {
            tx_reasons_add(r, "RLP_TOO_FEW_ELEMENTS");
            return;
        }
        enum item_result fault = next_item(&in, &it);
        if (fault != ITEM_OK) {
            add_item_fault(r, fault);
            return;
        }
        if (i == 0 && type == TX_BLOB && it.is_list) /* as nodes send it to each other */
            tx_reasons_add(r, "TYPE_3_TX_WITH_FULL_BLOBS");
        check_field(&TYPES[type].list[i], &it, r);
    }
    if (in.len > 0)
        tx_reasons_add(r, "RLP_TOO_MANY_ELEMENTS");
}

void tx_reasons_of_encoding(slice raw, const struct rules *rules, struct tx_reasons *r)
{
    struct item outer;
    enum tx_type type = TX_LEGACY;
    if (raw.len == 0) {
        tx_reasons_add(r, "RLP_ERROR_EOF");
        return;
    }
    if (raw.ptr[0] < 0xc0) {
        if (raw.ptr[0] >= 0x80) { /* a string where a list should be */
            enum item_result fault = next_item(&raw, &outer);
            tx_reasons_add(r, "TYPE_NOT_SUPPORTED|RLP_INVALID_HEADER");
            if (fault != ITEM_OK)
                add_item_fault(r, fault);
            return;
        }
        if (raw.ptr[0] < TX_ACCESS_LIST || raw.ptr[0] > TX_SET_CODE ||
            rules->fork < TYPES[raw.ptr[0]].since)
            tx_reasons_add(r, "TYPE_NOT_SUPPORTED");
        if (raw.ptr[0] < TX_ACCESS_LIST || raw.ptr[0] > TX_SET_CODE)
            return;
        type = (enum tx_type)raw.ptr[0];
        raw = slice_of(raw.ptr + 1, raw.len - 1);
    }
    enum item_result fault = next_item(&raw, &outer);
    if (fault != ITEM_OK) {
        add_item_fault(r, fault);
        return;
    }
    if (!outer.is_list) {
        tx_reasons_add(r, "RLP_INVALID_HEADER");
        return;
    }
    if (outer.loose_size)
        tx_reasons_add(r, "RLP_ERROR_SIZE_LEADING_ZEROS");
    if (raw.len > 0)
        tx_reasons_add(r, "RLP_ERROR_SIZE");
    check_fields(type, outer.payload, r);
}

void tx_reasons_of_recovery(const struct mt_diag *diag, struct tx_reasons *r)
{
    bool no_key = strstr(diag->text, "no public key") != NULL;
    tx_reasons_add(r, no_key ? "EC_RECOVERY_FAIL" : "INVALID_SIGNATURE_VRS");
}

void tx_reasons_of_block(slice rlp, const struct chain_spec *spec, struct arena *arena,
                         struct tx_reasons *r)
{
    struct rlp whole = rlp_reader(rlp), block, txs;
    struct header h;
    struct tx tx;
    slice payload, item;
    bool is_list;
    if (rlp_get_list(&whole, &block) != MT_OK ||
        rlp_next(&block, &payload, &is_list, &item) != MT_OK ||
        header_decode(item, &h, NULL) != MT_OK || rlp_get_list(&block, &txs) != MT_OK)
        return;
    struct rules rules = chain_rules(spec, h.number, h.timestamp, true);
    while (!rlp_at_end(&txs) && rlp_next(&txs, &payload, &is_list, &item) == MT_OK) {
        slice raw = is_list ? item : payload;
        if (tx_decode(raw, arena, &tx, NULL) != MT_OK)
            tx_reasons_of_encoding(raw, &rules, r);
    }
}
