/* anvil_loadState: a dump of anvil 1.7's form, or of this program, into the state.
 *
 * What anvil does is done: the accounts that the dump names get its balance, code and
 * slots and the higher one of both nonces; other accounts and other slots stay. The
 * dump's blocks belong to another genesis, so they are not taken over: where its head is
 * higher than ours, empty blocks are built up to its number, the last one with its time,
 * base fee and prevRandao, and the chain goes on from there. In a dump only the accounts
 * and the head are parsed; its blocks, transactions and old states are passed over.
 *
 * A reader unpacks and parses, within the memory of a call; the executor changes the
 * state at once; then the sequencer builds. */
#include "dev_int.h"
#include <stdlib.h>

#define TEXT_SHARE 4 /* of a call's memory: the unpacked text */
#define TREE_SHARE 2 /* the parsed accounts */
#define DEPTH_MAX  8

/* One allocation with all that it points to. */
struct load {
    struct state_delta delta;
    bool has_head;
    uint64_t number, timestamp;
    u256 base_fee;
    hash32 randao;
};

/* ---- the members that matter ---- */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_space(slice *in)
{
    while (in->len > 0 && is_space(*in->ptr))
        *in = slice_of(in->ptr + 1, in->len - 1);
}

static bool take(slice *in, uint8_t c)
{
    skip_space(in);
    if (in->len == 0 || *in->ptr != c)
        return false;
    *in = slice_of(in->ptr + 1, in->len - 1);
    return true;
}

/* A string or anything else up to the comma or bracket that ends it. */
static slice take_value(slice *in)
{
    unsigned depth = 0;
    bool in_string = false;
    skip_space(in);
    size_t i = 0;
    for (; i < in->len; i++) {
        uint8_t c = in->ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (depth == 0 && (c == ',' || c == ':' || c == '}' || c == ']'))
            break;
        in_string = c == '"';
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
    }
    size_t n = MT_MIN(i, in->len);
    slice value = slice_of(in->ptr, n);
    *in = slice_of(in->ptr + n, in->len - n);
    while (value.len > 0 && is_space(value.ptr[value.len - 1]))
        value.len--;
    return value;
}

/* Makes a small document of what is needed. False: the text is no object. */
static bool pick_members(slice text, struct buf *out)
{
    static const char *const wanted[] = {"\"block\"", "\"accounts\"",
                                         "\"best_block_number\""};
    bool first = true;
    if (!take(&text, '{'))
        return false;
    buf_put_u8(out, '{');
    bool empty = take(&text, '}');
    while (!empty) {
        slice name = take_value(&text);
        if (!take(&text, ':'))
            return false;
        slice value = take_value(&text);
        for (size_t i = 0; i < MT_ARRAY_LEN(wanted); i++) {
            if (!slice_eq(name, slice_str(wanted[i])))
                continue;
            if (!first)
                buf_put_u8(out, ',');
            buf_put_slice(out, name);
            buf_put_u8(out, ':');
            buf_put_slice(out, value);
            first = false;
        }
        if (take(&text, '}'))
            break;
        if (!take(&text, ','))
            return false;
    }
    buf_put_u8(out, '}');
    skip_space(&text);
    return text.len == 0;
}

/* ---- accounts ---- */

static bool number(const json_t *v, u256 *out)
{
    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        *out = u256_from((uint64_t)json_integer_value(v));
        return true;
    }
    return json_is_string(v) &&
           u256_parse(json_string_value(v), json_string_length(v), out) == MT_OK;
}

static bool number_u64(const json_t *v, uint64_t *out)
{
    u256 n;
    if (!number(v, &n) || !u256_is_u64(n))
        return false;
    *out = u256_to_u64_sat(n);
    return true;
}

static bool word(const char *text, hash32 *out)
{
    size_t n = strlen(text);
    u256 v;
    if (n < 3 || n > 66 || u256_parse(text, n, &v) != MT_OK)
        return false;
    *out = u256_to_hash(v);
    return true;
}

/* Where the next things go in the allocation. */
struct room {
    struct slot_change *slots;
    uint8_t *bytes;
};

static bool read_slots(struct call *c, const json_t *map, struct account_change *a,
                       struct room *room)
{
    const char *key;
    json_t *value;
    a->slots = room->slots;
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        struct slot_change *s = &a->slots[a->slot_num++];
        hash32 v;
        if (!word(key, &s->slot) || !json_is_string(value) ||
            !word(json_string_value(value), &v)) {
            call_fail(c, RPC_PARAMS, "storage of %s: a slot is malformed",
                      address_text(&a->addr).s);
            return false;
        }
        s->value = u256_from_hash(&v);
    }
    room->slots += a->slot_num;
    if (a->slot_num > 1)
        qsort(a->slots, a->slot_num, sizeof(*a->slots), slot_change_cmp);
    for (size_t i = 1; i < a->slot_num; i++) {
        if (!hash32_eq(&a->slots[i].slot, &a->slots[i - 1].slot))
            continue;
        call_fail(c, RPC_PARAMS, "storage of %s: slot %s is there twice",
                  address_text(&a->addr).s, hash32_text(&a->slots[i].slot).s);
        return false;
    }
    return true;
}

static bool read_code(const json_t *v, struct account_change *a, struct room *room)
{
    const char *text = json_string_value(v);
    size_t n = json_string_length(v);
    if (text == NULL || n < 2 || n % 2 != 0 ||
        hex_decode_fixed(text, room->bytes, n / 2 - 1) != MT_OK)
        return false;
    a->code = slice_of(room->bytes, n / 2 - 1);
    a->code_hash = keccak256(a->code.ptr, a->code.len);
    a->flags = CHANGE_CODE;
    room->bytes += a->code.len;
    return true;
}

static bool read_account(struct call *c, const char *name, const json_t *o,
                         struct account_change *a, struct room *room)
{
    if (strlen(name) != 42 || hex_decode_fixed(name, a->addr.b, 20) != MT_OK) {
        call_fail(c, RPC_PARAMS, "accounts: \"%.66s\" is not an address", name);
        return false;
    }
    const json_t *slots = json_object_get(o, "storage");
    const char *bad = NULL;
    if (!number_u64(json_object_get(o, "nonce"), &a->nonce))
        bad = "nonce";
    else if (!number(json_object_get(o, "balance"), &a->balance))
        bad = "balance";
    else if (!read_code(json_object_get(o, "code"), a, room))
        bad = "code";
    else if (!json_is_object(slots))
        bad = "storage";
    if (bad == NULL)
        return read_slots(c, slots, a, room);
    call_fail(c, RPC_PARAMS, "account %s: %s is missing or malformed", name, bad);
    return false;
}

/* Bytes of the allocation. */
static size_t size_of(const json_t *accounts)
{
    size_t n = sizeof(struct load);
    const char *name;
    json_t *o;
    json_object_foreach((json_t *)(uintptr_t)accounts, name, o)
    {
        n +=
            sizeof(struct account_change) +
            json_object_size(json_object_get(o, "storage")) * sizeof(struct slot_change) +
            json_string_length(json_object_get(o, "code"));
    }
    return n;
}

static bool read_accounts(struct call *c, const json_t *accounts, struct load *l)
{
    struct state_delta *d = &l->delta;
    size_t num = json_object_size(accounts), slots = 0;
    const char *name;
    json_t *o;
    d->accounts = (struct account_change *)(l + 1);
    json_object_foreach((json_t *)(uintptr_t)accounts, name, o) slots +=
        json_object_size(json_object_get(o, "storage"));
    struct room room = {.slots = (struct slot_change *)(d->accounts + num)};
    room.bytes = (uint8_t *)(room.slots + slots);
    json_object_foreach((json_t *)(uintptr_t)accounts, name, o)
    {
        if (!read_account(c, name, o, &d->accounts[d->account_num++], &room))
            return false;
    }
    qsort(d->accounts, num, sizeof(*d->accounts), account_change_cmp);
    for (size_t i = 1; i < num; i++) {
        if (!address_eq(&d->accounts[i].addr, &d->accounts[i - 1].addr))
            continue;
        call_fail(c, RPC_PARAMS, "account %s is there twice",
                  address_text(&d->accounts[i].addr).s);
        return false;
    }
    return true;
}

/* ---- the head ---- */

static bool read_head(struct call *c, const json_t *doc, struct load *l)
{
    const json_t *block = json_object_get(doc, "block");
    const json_t *best = json_object_get(doc, "best_block_number");
    const json_t *randao = json_object_get(block, "prevrandao");
    if (block == NULL || json_is_null(block))
        return true;
    l->has_head = true;
    if (best == NULL || json_is_null(best))
        best = json_object_get(block, "number");
    if (!number_u64(best, &l->number) ||
        !number_u64(json_object_get(block, "timestamp"), &l->timestamp) ||
        !number(json_object_get(block, "basefee"), &l->base_fee) ||
        (json_is_string(randao) && !word(json_string_value(randao), &l->randao)) ||
        l->timestamp > DEV_TIME_MAX) {
        call_fail(c, RPC_PARAMS,
                  "block: number, timestamp, basefee or prevrandao is malformed");
        return false;
    }
    uint64_t head = c->view->head->block.header.number;
    if (l->number <= head || l->number - head <= MINE_MAX)
        return true;
    call_fail(c, RPC_LIMIT,
              "the dump's head is block %llu, this network's %llu: at most %u blocks are "
              "built to get there; mine some first",
              (unsigned long long)l->number, (unsigned long long)head, MINE_MAX);
    return false;
}

/* ---- on a reader: from bytes to a change ---- */

static void read_doc(struct call *c, const json_t *doc)
{
    const json_t *accounts = json_object_get(doc, "accounts");
    if (!json_is_object(accounts)) {
        call_fail(c, RPC_PARAMS, "the dump has no accounts");
        return;
    }
    struct load *l = c->handoff = mt_alloc(size_of(accounts));
    if (read_accounts(c, accounts, l) && read_head(c, doc, l))
        json_nil(&c->out); /* replaced by the next stage */
}

static void read_text(struct call *c, slice text)
{
    struct mt_diag diag = {0};
    struct buf picked;
    json_t *doc = NULL;
    size_t most = c->rpc->opt.call_memory_max / TREE_SHARE;
    buf_init(&picked, text.len + 64);
    if (!pick_members(text, &picked) || !buf_ok(&picked))
        call_fail(c, RPC_PARAMS, "the dump is not a JSON object");
    else if (json_weight(buf_slice(&picked)) > most)
        call_fail(c, RPC_LIMIT,
                  "the dump's accounts need more than %zu bytes: half of "
                  "rpc.job_memory",
                  most);
    else if (json_parse(buf_slice(&picked), picked.len, DEPTH_MAX, &doc, &diag) != MT_OK)
        call_fail(c, RPC_PARAMS, "the dump: %s", diag.text);
    buf_fini(&picked);
    if (doc != NULL)
        read_doc(c, doc);
    json_free(doc);
}

static void read_dump(struct call *c, slice raw)
{
    struct buf text;
    size_t most = c->rpc->opt.call_memory_max / TEXT_SHARE;
    if (!gzip_is(raw)) {
        read_text(c, raw);
        return;
    }
    buf_init(&text, most);
    mt_err err = gunzip(raw, &text);
    if (err == MT_OK)
        read_text(c, buf_slice(&text));
    else if (err == MT_ELIMIT)
        call_fail(c, RPC_LIMIT,
                  "the dump unpacks to more than %zu bytes: a quarter of "
                  "rpc.job_memory",
                  most);
    else
        call_fail(c, RPC_PARAMS, "the dump's compression is damaged");
    buf_fini(&text);
}

/* ---- on the executor and the loop ---- */

static mt_err apply(struct call *c, struct chain *chain, struct mt_diag *diag)
{
    struct load *l = c->handoff;
    struct metisdb_snapshot *s;
    mt_err err = MT_OK;
    MT_TRY(metisdb_snapshot_open(chain_db(chain), METISDB_LATEST, &s, diag));
    for (size_t i = 0; i < l->delta.account_num && err == MT_OK; i++) {
        struct account_change *a = &l->delta.accounts[i];
        struct account now;
        bool exists;
        err = metisdb_get_account(s, &a->addr, &now, &exists);
        if (err != MT_OK)
            break;
        a->nonce = MT_MAX(a->nonce, now.nonce);
        if (a->nonce == 0 && u256_is_zero(a->balance) && a->code.len == 0 &&
            a->slot_num == 0)
            a->flags = CHANGE_DELETED; /* an empty account is none (EIP-161) */
    }
    metisdb_snapshot_close(s);
    return err == MT_OK ? chain_patch_state(chain, &l->delta, diag) : err;
}

static enum call_status build_up(struct call *c)
{
    const struct load *l = c->handoff;
    const struct header *head = &c->rpc->view->head->block.header;
    struct dev_mining how = {.answer = ANSWER_TRUE, .step = 1};
    if (l->has_head && l->number > head->number) {
        how.num = l->number - head->number;
        how.timestamp = head->timestamp + 1;
        if (l->timestamp >= how.num)
            how.timestamp = MT_MAX(how.timestamp, l->timestamp - how.num + 1);
        how.has_last = true;
        how.last_base_fee = l->base_fee;
        how.last_randao = l->randao;
    }
    return dev_mine(c, &how);
}

static enum call_status change_state(struct call *c)
{
    return dev_on_executor(c, apply, build_up);
}

enum call_status m_dev_load_state(struct call *c)
{
    slice raw;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_data(c, 0, &raw))
        return CALL_DONE;
    c->after = change_state;
    read_dump(c, raw);
    return CALL_DONE;
}
