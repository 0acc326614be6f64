/* eth_call and eth_estimateGas: a transaction that nobody sent, run on the state after
 * a block by the same executor that runs blocks. Overrides are put under it as a
 * change of the parent state. */
#include "rpc_int.h"

#define ESTIMATE_RUNS_MAX 64u
#define TX_GAS            21000u
#define OSAKA_TX_GAS_MAX  16777216u /* EIP-7825 */

/* Where blocks are built here the pending block is the one that would be built now: a
 * contract that counts seconds must see the time that its transaction will. */
static void move_to_next_block(const struct call *c, struct call_env *env)
{
    struct sequencer *seq = c->rpc->opt.sequencer;
    struct header *h = &env->header;
    if (seq == NULL || h->number != c->view->head->block.header.number)
        return;
    struct sequencer_next n = c->on_reader ? c->next : sequencer_next(seq);
    h->number++;
    h->timestamp = n.timestamp;
    h->gas_limit = n.gas_limit != 0 ? n.gas_limit : h->gas_limit;
    if (!chain_spec_of(c->rpc->opt.chain)->fixed_coinbase)
        h->coinbase = n.coinbase;
    if (header_has_base_fee(h))
        h->base_fee = n.base_fee;
}

bool call_env_open(struct call *c, struct chain_state *s, size_t i,
                   const json_t *overrides, const json_t *block, struct call_env *env)
{
    env->header = s->block->block.header;
    if (c->pending)
        move_to_next_block(c, env);
    return call_env_fill(c, s->block, &s->reader, i, overrides, block, env);
}

bool call_env_fill(struct call *c, const struct chain_block *b,
                   const struct vm_reader *reader, size_t i, const json_t *overrides,
                   const json_t *block, struct call_env *env)
{
    u256 parent_td = u256_sub(b->total_difficulty, b->block.header.difficulty);
    struct block_overrides o = {0};
    env->reader = reader;
    if (!block_overrides_read(c, i + 1, block, &o))
        return false;
    block_overrides_apply(&o, &env->header);
    env->has_blob_fee = o.has_blob_fee;
    env->blob_fee = o.blob_fee;
    env->rules = chain_rules_at(c->rpc->opt.chain, env->header.number,
                                env->header.timestamp, &parent_td);
    return state_overrides_read(c, i, overrides, reader, &env->rules, &env->overrides);
}

/* ---- running ---- */

mt_err call_env_run(struct call *c, struct call_env *env, const struct tx *tx,
                    const struct vm_tracer *tracer, struct tx_outcome *out,
                    struct mt_diag *diag)
{
    struct block_exec_in in = {
        .rules = &env->rules,
        .header = &env->header,
        .reader = env->reader,
        .crypto = crypto_native(),
        .arena = c->arena,
        .engine = VM_ENGINE_AUTO,
        .tracer = tracer,
        .moves = &env->overrides.moves,
        .blob_base_fee = env->has_blob_fee ? &env->blob_fee : NULL,
        .seed = c->start_ns,
        .should_stop = call_should_stop,
        .stop_ctx = c,
    };
    *out = (struct tx_outcome){0};
    struct block_exec *be = block_exec_new(&in);
    if (be == NULL)
        return mt_fail(diag, MT_ELIMIT, "out of memory for the call");
    if (env->overrides.patch.account_num > 0)
        MT_TRY(block_exec_patch(be, &env->overrides.patch));
    return block_exec_tx(be, tx, call_flags(tx) | EXEC_SKIP_L1_FEE, out, diag);
}

/* A call that names a price is held to the base fee, one that does not pays nothing. */
unsigned call_flags(const struct tx *tx)
{
    unsigned free_of_fees = u256_is_zero(tx->max_fee) ? EXEC_SKIP_FEES : 0;
    return EXEC_SKIP_NONCE | EXEC_SKIP_EOA | EXEC_SKIP_GAS_CAPS | free_of_fees;
}

uint64_t call_gas_cap(const struct call *c)
{
    uint64_t max = c->rpc->opt.call_gas_max;
    return max > 0 ? max : UINT64_MAX / 2;
}

void call_cap_gas(const struct call *c, struct call_tx *t)
{
    uint64_t cap = call_gas_cap(c);
    if (!t->has_gas || t->tx.gas > cap)
        t->tx.gas = cap;
}

const char *panic_text(uint64_t code)
{
    switch (code) {
    case 0x00:
        return "generic panic";
    case 0x01:
        return "assert(false)";
    case 0x11:
        return "arithmetic underflow or overflow";
    case 0x12:
        return "division or modulo by zero";
    case 0x21:
        return "enum overflow";
    case 0x22:
        return "invalid encoded storage byte array accessed";
    case 0x31:
        return "out-of-bounds array access; popping on an empty array";
    case 0x32:
        return "out-of-bounds access of an array or bytesN";
    case 0x41:
        return "out of memory";
    case 0x51:
        return "uninitialized function";
    default:
        return NULL;
    }
}

void revert_text(slice data, char text[REVERT_TEXT_MAX])
{
    static const uint8_t error_sel[4] = {0x08, 0xc3, 0x79, 0xa0};
    static const uint8_t panic_sel[4] = {0x4e, 0x48, 0x7b, 0x71};
    mt_fmt(text, REVERT_TEXT_MAX, "execution reverted");
    if (data.len >= 36 && memcmp(data.ptr, panic_sel, 4) == 0) {
        u256 code = u256_load_be(data.ptr + 4);
        const char *why = u256_is_u64(code) ? panic_text(code.w[0]) : NULL;
        if (why != NULL)
            mt_fmt(text, REVERT_TEXT_MAX, "execution reverted: %s", why);
        else
            mt_fmt(text, REVERT_TEXT_MAX, "execution reverted: unknown panic code: %s",
                   u256_hex(code).s);
    } else if (data.len >= 68 && memcmp(data.ptr, error_sel, 4) == 0) {
        uint64_t at = u256_to_u64_sat(u256_load_be(data.ptr + 4));
        uint64_t room = data.len - 4;
        if (at <= room - 32) {
            uint64_t len = u256_to_u64_sat(u256_load_be(data.ptr + 4 + at));
            if (len <= room - 32 - at)
                mt_fmt(text, REVERT_TEXT_MAX, "execution reverted: %.*s",
                       (int)MT_MIN(len, 300), (const char *)data.ptr + 4 + at + 32);
        }
    }
}

static enum call_status fail_revert(struct call *c, slice data)
{
    char text[REVERT_TEXT_MAX];
    revert_text(data, text);
    return call_fail_data(c, RPC_REVERT, data, text);
}

/* A creation answers with the code it made. */
slice outcome_output(const struct tx_outcome *o)
{
    if (!o->receipt.has_contract || o->halt != VM_SUCCESS)
        return o->output;
    for (size_t i = 0; i < o->delta.account_num; i++)
        if (address_eq(&o->delta.accounts[i].addr, &o->receipt.contract))
            return o->delta.accounts[i].code;
    return (slice){0};
}

enum call_status call_run_failed(struct call *c, mt_err err, const struct tx *tx,
                                 const struct tx_outcome *o, const struct mt_diag *diag)
{
    if (err != MT_EINVALID_TX)
        return call_error(c, err, diag);
    const char *text = diag->text[0] != 0 ? diag->text : tx_error_text(o->error);
    return call_fail(c, RPC_SERVER, "err: %s (supplied gas %llu)", text,
                     (unsigned long long)tx->gas);
}

static enum call_status fail_halt(struct call *c, const struct tx_outcome *o)
{
    if (o->halt == VM_REVERT)
        return fail_revert(c, o->output);
    return call_fail(c, RPC_SERVER, "%s", vm_halt_text(o->halt));
}

/* ---- short calls on the loop ---- Handing a call to a reader and back costs several
 * times what a short one takes. A call of a function that was short lately runs on the
 * loop; one to an account without code always is. A contract may change its mind: such
 * a call is stopped after a slice and begins again on a reader, and for a while
 * nothing more runs here. */

#define CHEAP_NS      60000u
#define SLICE_NS      1000000u
#define SLOW_NS       300000u
#define INLINE_OFF_NS 10000000000u
#define CHEAP_BATCH   8u

/* Function and size of the arguments of a call to a contract. */
static uint64_t cheap_key(const struct rpc *r, const struct tx *tx)
{
    uint64_t seed = (uint64_t)(uintptr_t)r, k = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < 20; i++)
        k = (k ^ tx->to.b[i]) * 0x100000001b3u;
    for (size_t i = 0; i < 4 && i < tx->data.len; i++)
        k = (k ^ tx->data.ptr[i]) * 0x100000001b3u;
    k = (k ^ tx->data.len) * 0x100000001b3u;
    return k | 1;
}

void cheap_note(struct rpc *r, uint64_t key, uint64_t ns)
{
    struct cheap *e = &r->cheap[(key >> 20) % CHEAP_SLOTS];
    if (e->key != key)
        *e = (struct cheap){.key = key, .ns = ns};
    else
        e->ns = ns > e->ns ? ns : (3 * e->ns + ns) / 4;
}

/* True when this call may be tried on the loop. */
static bool short_call(struct call *c, const struct call_tx *t, struct chain_state *s)
{
    struct rpc *r = c->rpc;
    struct account a;
    bool exists;
    if (arg(c, 2) != NULL || arg(c, 3) != NULL || !t->tx.has_to ||
        t->tx.type != TX_LEGACY || t->tx.data.len > 4096 ||
        c->req->call_num > CHEAP_BATCH || c->start_ns < r->inline_off_ns)
        return false;
    c->cheap_key = cheap_key(r, &t->tx);
    const struct cheap *e = &r->cheap[(c->cheap_key >> 20) % CHEAP_SLOTS];
    if (e->key == c->cheap_key)
        return e->ns < CHEAP_NS;
    return !vm_is_precompile(&c->view->rules, &t->tx.to) &&
           s->reader.account(s->reader.ctx, &t->tx.to, &a, &exists) == MT_OK &&
           hash32_eq(&a.code_hash, &KECCAK_EMPTY);
}

static const struct vm_tracer *console_of(const struct call *c)
{
    return c->rpc->dev != NULL ? rpc_console() : NULL;
}

static enum call_status call_run(struct call *c, struct call_tx *t, struct chain_state *s)
{
    struct call_env env = {0};
    struct tx_outcome o;
    struct mt_diag diag = {0};
    if (!call_env_open(c, s, 2, arg(c, 2), arg(c, 3), &env))
        return CALL_DONE;
    call_cap_gas(c, t);
    mt_err err = call_env_run(c, &env, &t->tx, console_of(c), &o, &diag);
    if (err == MT_ECANCELED && !c->on_reader)
        return CALL_TO_READER;
    if (err != MT_OK)
        return call_run_failed(c, err, &t->tx, &o, &diag);
    if (o.halt != VM_SUCCESS)
        return fail_halt(c, &o);
    slice output = outcome_output(&o);
    json_hex(&c->out, output.ptr, output.len);
    return CALL_DONE;
}

enum call_status m_call(struct call *c)
{
    struct call_tx t;
    struct block_arg at;
    struct chain_state *s = NULL;
    if (!args_num(c, 1, 4) || !arg_tx(c, 0, &t) || !arg_block(c, 1, true, &at))
        return CALL_DONE;
    enum call_status st = call_state(c, &at, &s);
    if (s == NULL || c->on_reader)
        return s == NULL ? st : call_run(c, &t, s);
    if (!short_call(c, &t, s))
        return CALL_TO_READER;
    uint64_t t0 = clock_mono_ns();
    c->deadline_ns = t0 + SLICE_NS;
    st = call_run(c, &t, s);
    uint64_t ns = clock_mono_ns() - t0;
    cheap_note(c->rpc, c->cheap_key, ns);
    if (ns > SLOW_NS)
        c->rpc->inline_off_ns = t0 + INLINE_OFF_NS;
    return st;
}

/* ---- estimation ---- */

struct probe {
    bool ok;
    enum vm_halt halt;
    uint64_t gas_used, gas_refunded;
    bool too_low; /* the transaction itself refuses this little gas */
};

/* One run with a gas limit; false after an error was written. */
static bool probe_gas(struct call *c, struct call_env *env, struct call_tx *t,
                      uint64_t gas, bool last, struct probe *out)
{
    struct tx_outcome o;
    struct mt_diag diag = {0};
    struct arena_mark mark = arena_mark(c->arena);
    t->tx.gas = gas;
    /* console.log is heard of the first run, which has all the gas */
    mt_err err = call_env_run(c, env, &t->tx, last ? console_of(c) : NULL, &o, &diag);
    *out = (struct probe){.ok = err == MT_OK && o.halt == VM_SUCCESS,
                          .halt = o.halt,
                          .gas_used = o.gas_used,
                          .gas_refunded = o.gas_refunded};
    bool fine = true;
    if (err == MT_EINVALID_TX &&
        (o.error == TX_INTRINSIC_GAS || o.error == TX_FLOOR_GAS)) {
        out->too_low = true;
    } else if (err != MT_OK) {
        call_run_failed(c, err, &t->tx, &o, &diag);
        fine = false;
    } else if (last && o.halt != VM_SUCCESS && o.halt != VM_OUT_OF_GAS) {
        fail_halt(c, &o);
        fine = false;
    }
    arena_rewind(c->arena, mark);
    return fine;
}

/* The most gas worth trying: what was asked for, the block's limit, what the sender
 * can pay, the node's cap, and the limit of one transaction. */
static bool gas_ceiling(struct call *c, struct call_env *env, struct call_tx *t,
                        uint64_t *out)
{
    uint64_t hi = env->header.gas_limit, cap = c->rpc->opt.call_gas_max;
    struct tx *tx = &t->tx;
    struct account a;
    bool exists;
    if (t->has_gas && tx->gas >= TX_GAS)
        hi = tx->gas;
    if (!u256_is_zero(tx->max_fee)) {
        mt_err err = env->reader->account(env->reader->ctx, &tx->from, &a, &exists);
        if (err != MT_OK) {
            call_error(c, err, NULL);
            return false;
        }
        const struct state_delta *patch = &env->overrides.patch;
        for (size_t i = 0; i < patch->account_num; i++)
            if (address_eq(&patch->accounts[i].addr, &tx->from))
                a.balance = patch->accounts[i].balance;
        if (u256_lt(a.balance, tx->value)) {
            call_fail(c, RPC_SERVER, "insufficient funds for transfer");
            return false;
        }
        u256 afford = u256_div(u256_sub(a.balance, tx->value), tx->max_fee);
        hi = MT_MIN(hi, u256_to_u64_sat(afford));
    }
    if (cap > 0)
        hi = MT_MIN(hi, cap);
    if (env->rules.fork >= FORK_OSAKA)
        hi = MT_MIN(hi, OSAKA_TX_GAS_MAX);
    *out = hi;
    return true;
}

static mt_err read_oracle(void *ctx, const hash32 *slot, u256 *out)
{
    struct call_env *env = ctx;
    const struct vm_reader *r = env->reader;
    return r->storage(r->ctx, &env->rules.spec->gas_price_oracle, slot, out);
}

/* What the fee comes to in gas. The encoding is what is paid for, at the price of the
 * gas: where the caller left them open, the next nonce, the next base fee and the
 * widest signature stand in. */
static bool l1_extra_gas(struct call *c, struct call_env *env, const struct call_tx *t,
                         uint64_t *out)
{
    struct tx tx = t->tx;
    struct account a;
    bool exists;
    struct buf raw;
    struct l1_fee fee;
    u256 price = tx_effective_gas_price(&tx, c->view->next_base_fee);
    mt_err err = env->reader->account(env->reader->ctx, &tx.from, &a, &exists);
    if (err == MT_OK && !t->has_nonce)
        tx.nonce = a.nonce;
    if (u256_is_zero(tx.max_fee)) {
        price = u256_add(c->view->next_base_fee, c->tip);
        if (u256_is_zero(price))
            price = U256_ONE;
        tx.gas_price = tx.max_fee = tx.max_priority_fee = price;
        if (tx.type < TX_DYNAMIC_FEE && header_has_base_fee(&env->header))
            tx.type = TX_DYNAMIC_FEE;
    }
    tx.gas = 0xffffff;
    tx.r = tx.s = U256_MAX;
    tx.y_parity = 1;
    tx.v = u256_from(36 + 2 * tx.chain_id);
    buf_init_arena(&raw, c->arena, c->rpc->opt.body_max);
    tx_encode(&tx, &raw);
    tx.raw = buf_slice(&raw);
    if (err == MT_OK && !buf_ok(&raw))
        err = MT_ELIMIT;
    if (err == MT_OK)
        err = l1_fee_compute(&tx, price, read_oracle, env, &fee);
    if (err != MT_OK) {
        call_error(c, err, NULL);
        return false;
    }
    *out = fee.extra_gas;
    return true;
}

static bool search_gas(struct call *c, struct call_env *env, struct call_tx *t,
                       uint64_t hi, uint64_t *out)
{
    struct probe p;
    if (!probe_gas(c, env, t, hi, true, &p))
        return false;
    if (!p.ok) {
        call_fail(c, RPC_SERVER, "gas required exceeds allowance (%llu)",
                  (unsigned long long)hi);
        return false;
    }
    uint64_t lo = p.gas_used > 0 ? p.gas_used - 1 : 0;
    /* Most calls need what they used, their refund and the stipend, and a 64th more for
     * inner calls; trying that first spares half of the search. */
    uint64_t likely = (p.gas_used + p.gas_refunded + 2300) / 63 * 64 + 64;
    if (likely < hi) {
        if (!probe_gas(c, env, t, likely, false, &p))
            return false;
        if (p.ok)
            hi = likely;
        else
            lo = likely;
    }
    if (lo + 1 < hi) {
        if (!probe_gas(c, env, t, lo + 1, false, &p))
            return false;
        if (p.ok)
            hi = lo + 1;
        else
            lo++;
    }
    for (unsigned i = 0; lo + 1 < hi && i < ESTIMATE_RUNS_MAX; i++) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (mid > lo * 2 && lo > 0)
            mid = lo * 2;
        if (!probe_gas(c, env, t, mid, false, &p))
            return false;
        if (p.ok)
            hi = mid;
        else
            lo = mid;
    }
    *out = hi;
    return true;
}

/* The L1 data fee depends on the encoding and the price alone, so it is added at the
 * end. */
bool estimate_gas(struct call *c, struct call_tx *t, struct chain_state *state,
                  const json_t *overrides, const json_t *block, uint64_t *out)
{
    struct call_env env = {0};
    uint64_t hi, extra = 0;
    /* A transaction stands in a block after the head, not in it. */
    c->pending |= state->block->block.header.number == c->view->head->block.header.number;
    if (!call_env_open(c, state, 2, overrides, block, &env))
        return false;
    if (env.rules.spec->l1_fee && !l1_extra_gas(c, &env, t, &extra))
        return false;
    if (!gas_ceiling(c, &env, t, &hi) || !search_gas(c, &env, t, hi, out))
        return false;
    *out += extra;
    return true;
}

enum call_status m_estimate_gas(struct call *c)
{
    struct call_tx t;
    struct block_arg at;
    struct chain_state *s = NULL;
    uint64_t gas;
    if (!args_num(c, 1, 4) || !arg_tx(c, 0, &t) || !arg_block(c, 1, true, &at))
        return CALL_DONE;
    enum call_status st = call_state(c, &at, &s);
    if (s != NULL && estimate_gas(c, &t, s, arg(c, 2), arg(c, 3), &gas))
        json_hex_u64(&c->out, gas);
    return st;
}
