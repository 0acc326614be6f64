/* Blocks on demand: mine, and mine_detailed, which gives the blocks with what their
 * transactions returned. Outputs are not kept, so a reader runs them again. */
#include "dev_int.h"
#include "trace_int.h"

struct mining {
    struct call *c;
    struct dev_mining how;
    uint64_t left, first;
};

/* For a reader. */
struct mined {
    uint64_t first, num;
};

static void mine_end(struct mining *m)
{
    struct call *c = m->c;
    if (!c->failed && m->how.answer == ANSWER_BLOCKS) {
        struct mined *blocks = c->handoff = mt_alloc(sizeof(*blocks));
        *blocks = (struct mined){m->first, m->how.num};
        mt_free(m);
        call_read(c);
        return;
    }
    if (!c->failed && m->how.answer == ANSWER_ZERO)
        json_str(&c->out, "0x0");
    else if (!c->failed && m->how.answer == ANSWER_TRUE)
        json_bool(&c->out, true);
    else if (!c->failed)
        dev_ok(c);
    mt_free(m);
    call_finish(c);
}

static void mine_next(struct mining *m, uint64_t timestamp);

static void mined(void *ctx, mt_err err, const struct mt_diag *diag,
                  struct chain_block *block)
{
    struct mining *m = ctx;
    struct call *c = m->c;
    if (err == MT_OK && m->left == m->how.num)
        m->first = block->block.header.number;
    if (err != MT_OK) {
        call_error(c, err, diag);
    } else if (--m->left > 0 && !c->rpc->stopping) {
        mine_next(m, block->block.header.timestamp + m->how.step);
        return;
    }
    mine_end(m);
}

static void mine_next(struct mining *m, uint64_t timestamp)
{
    struct call *c = m->c;
    if (m->left == 1 && m->how.has_last) {
        struct sequencer_dev *dev = sequencer_dev(c->rpc->opt.sequencer);
        dev->has_next_base_fee = true;
        dev->next_base_fee = m->how.last_base_fee;
        dev->has_next_prev_randao = true;
        dev->next_prev_randao = m->how.last_randao;
    }
    mt_err err = sequencer_mine(c->rpc->opt.sequencer, timestamp, mined, m);
    if (err == MT_OK)
        return;
    call_error(c, err, NULL);
    mine_end(m);
}

enum call_status dev_mine(struct call *c, const struct dev_mining *how)
{
    struct mining *m = mt_alloc(sizeof(*m));
    *m = (struct mining){.c = c, .how = *how, .left = how->num};
    if (how->num == 0)
        mine_end(m);
    else
        mine_next(m, how->timestamp);
    return CALL_LATER;
}

static enum call_status mine(struct call *c, uint64_t num, uint64_t step,
                             uint64_t timestamp, enum mine_answer answer)
{
    struct dev_mining how = {
        .num = num, .step = step, .timestamp = timestamp, .answer = answer};
    if (!dev_can_build(c))
        return CALL_DONE;
    if (num > MINE_MAX)
        return call_fail(c, RPC_LIMIT, "at most %u blocks at once", MINE_MAX);
    if (timestamp > DEV_TIME_MAX || step > UINT32_MAX)
        return call_fail(c, RPC_PARAMS, "invalid argument: too far");
    if (timestamp != 0 && timestamp < c->view->head->block.header.timestamp)
        return call_fail(c, RPC_PARAMS,
                         "Timestamp error: %llu is lower than previous block's timestamp",
                         (unsigned long long)timestamp);
    call_later(c);
    return dev_mine(c, &how);
}

static enum call_status mine_as_asked(struct call *c, enum mine_answer answer)
{
    uint64_t timestamp = 0, num = 1;
    const json_t *v = arg(c, 0);
    if (!args_num(c, 0, 1))
        return CALL_DONE;
    if (json_is_object(v)) {
        const json_t *t = json_object_get(v, "timestamp");
        const json_t *n = json_object_get(v, "blocks");
        if (json_is_integer(t))
            timestamp = (uint64_t)json_integer_value(t);
        else if (t != NULL && !json_is_null(t) && !val_u64(c, 0, t, &timestamp))
            return CALL_DONE;
        if (json_is_integer(n) && json_integer_value(n) >= 0)
            num = (uint64_t)json_integer_value(n);
        else if (n != NULL && !json_is_null(n) && !val_u64(c, 0, n, &num))
            return CALL_DONE;
    } else if (v != NULL && !arg_number(c, 0, &timestamp)) {
        return CALL_DONE;
    }
    return mine(c, num, 1, timestamp, answer);
}

enum call_status m_dev_mine(struct call *c)
{
    return mine_as_asked(c, ANSWER_ZERO);
}

enum call_status m_dev_mine_many(struct call *c)
{
    uint64_t num = 1, step = 1;
    if (!args_num(c, 0, 2) || (arg(c, 0) != NULL && !arg_number(c, 0, &num)) ||
        (arg(c, 1) != NULL && !arg_number(c, 1, &step)))
        return CALL_DONE;
    return mine(c, num, step, 0, ANSWER_OK);
}

/* ---- the blocks in detail ---- */

static bool is_ascii(slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] >= 0x80)
            return false;
    return true;
}

/* abi.encode(string) */
static bool abi_string(slice in, slice *out)
{
    if (in.len < 64)
        return false;
    uint64_t at = u256_to_u64_sat(u256_load_be(in.ptr));
    if (at > in.len - 32)
        return false;
    uint64_t len = u256_to_u64_sat(u256_load_be(in.ptr + at));
    if (len > in.len - 32 - at)
        return false;
    *out = slice_of(in.ptr + at + 32, len);
    return true;
}

static const char *panic_name(uint64_t code)
{
    static const struct {
        uint64_t code;
        const char *name;
    } names[] = {
        {0x00, "generic/unspecified error"},
        {0x01, "assertion failed"},
        {0x11, "arithmetic underflow or overflow"},
        {0x12, "division or modulo by zero"},
        {0x21, "failed to convert value into enum type"},
        {0x22, "storage byte array incorrectly encoded"},
        {0x31, "called `.pop()` on an empty array"},
        {0x32, "array out-of-bounds access"},
        {0x41, "memory allocation error"},
        {0x51, "called an invalid internal function"},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(names); i++)
        if (names[i].code == code)
            return names[i].name;
    return "unknown code";
}

static void put_panic(struct json_out *j, u256 code)
{
    char text[160], number[80];
    const char *name = u256_is_u64(code) ? panic_name(code.w[0]) : "unknown code";
    mt_fmt(number, sizeof(number), "%s", u256_hex(code).s);
    if (u256_is_u64(code)) /* at least two digits */
        mt_fmt(number, sizeof(number), "0x%02llx", (unsigned long long)code.w[0]);
    mt_fmt(text, sizeof(text), "panic: %s (%s)", name, number);
    json_str(j, text);
}

/* "custom error 0x01020304: text or digits" */
static void put_custom(struct call *c, slice data)
{
    struct buf b;
    slice rest = slice_of(data.ptr, 0);
    buf_init_arena(&b, c->arena, 2 * data.len + 64);
    buf_put_str(&b, data.len < 4 ? "custom error bytes 0x" : "custom error 0x");
    size_t digits = MT_MIN(data.len, (size_t)4);
    uint8_t *to = buf_reserve(&b, 2 * data.len + 2);
    if (to == NULL) {
        call_error(c, MT_ELIMIT, NULL);
        return;
    }
    hex_encode(slice_of(data.ptr, digits), (char *)to);
    b.len += 2 * digits;
    if (data.len > 4) {
        rest = slice_of(data.ptr + 4, data.len - 4);
        buf_put_str(&b, ": ");
        if (is_ascii(rest)) {
            buf_put_slice(&b, rest);
        } else {
            hex_encode(rest, (char *)b.ptr + b.len);
            b.len += 2 * rest.len;
        }
    }
    json_str_n(&c->out, (const char *)b.ptr, b.len);
}

/* As foundry reads it: Error(string), Panic(uint256), a string, ASCII, or anything. */
static void put_reason(struct call *c, slice data)
{
    static const uint8_t error_sel[4] = {0x08, 0xc3, 0x79, 0xa0};
    static const uint8_t cheat_sel[4] = {0xee, 0xaa, 0x9e, 0x6f};
    static const uint8_t panic_sel[4] = {0x4e, 0x48, 0x7b, 0x71};
    struct json_out *j = &c->out;
    slice text, rest = data.len >= 4 ? slice_of(data.ptr + 4, data.len - 4) : data;
    bool named = data.len >= 4 && (memcmp(data.ptr, error_sel, 4) == 0 ||
                                   memcmp(data.ptr, cheat_sel, 4) == 0);
    json_key(j, "revertReason");
    if ((named && abi_string(rest, &text)) || abi_string(data, &text))
        json_str_n(j, (const char *)text.ptr, text.len);
    else if (data.len >= 36 && memcmp(data.ptr, panic_sel, 4) == 0)
        put_panic(j, u256_load_be(rest.ptr));
    else if (is_ascii(data))
        json_str_n(j, (const char *)data.ptr, data.len);
    else
        put_custom(c, data);
}

/* Members of a transaction in anvil's detailed blocks; of one that failed otherwise than
 * by a revert there is nothing. */
static void put_output(struct call *c, const struct tx_outcome *o)
{
    slice output = outcome_output(o);
    if (o->halt != VM_SUCCESS && o->halt != VM_REVERT)
        return;
    json_kv_hex(&c->out, "output", output.ptr, output.len);
    if (o->halt == VM_REVERT && output.len > 0)
        put_reason(c, output);
}

static bool put_tx(void *ctx, const struct chain_block *b, uint32_t idx)
{
    struct replay *r = ctx;
    struct call *c = r->t.c;
    struct tx_outcome o;
    if (!replay_next(r, &o))
        return false;
    wire_tx_open(&c->out, &b->block.txs[idx], b, idx);
    put_output(c, &o);
    json_obj_end(&c->out);
    return !c->failed;
}

static bool put_detailed(struct call *c, uint64_t number)
{
    static const struct trace_options unwatched;
    struct chain_block *b;
    struct replay r;
    mt_err err = chain_block_by_number(c->rpc->opt.chain, number, &b);
    if (err != MT_OK) {
        call_error(c, err, NULL);
        return false;
    }
    if (b->block.tx_num == 0) {
        wire_block(&c->out, b, true);
        chain_block_drop(b);
        return !call_should_stop(c);
    }
    bool ok = replay_open(&r, c, b, &unwatched) && wire_block_by(&c->out, b, put_tx, &r);
    replay_close(&r);
    return ok;
}

enum call_status m_dev_mine_detailed(struct call *c)
{
    if (!c->on_reader)
        return mine_as_asked(c, ANSWER_BLOCKS);
    const struct mined *blocks = c->handoff;
    json_arr(&c->out);
    for (uint64_t i = 0; i < blocks->num; i++) {
        if (put_detailed(c, blocks->first + i))
            continue;
        if (!c->failed)
            call_error(c, MT_ECANCELED, NULL);
        return CALL_DONE;
    }
    json_arr_end(&c->out);
    return CALL_DONE;
}
