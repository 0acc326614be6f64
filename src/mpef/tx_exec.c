/* One transaction (yellow paper, section 6, and the EIPs since): checked, its gas bought,
 * its authorisations applied, its message run, its refund and fees paid out, its receipt
 * made.
 *
 *  check -> buy -> nonce -> authorisations -> warm -> message -> refund -> fees -> commit
 *
 * From Amsterdam on gas has two dimensions (EIP-8037): what makes the state grow is paid
 * from a reservoir first, which is what the transaction offers beyond EIP-7825's cap, and
 * then from the gas that everything else is paid from. Before it the reservoir is empty.
 *
 * Nothing reaches the overlay before the commit, so an invalid or failed transaction
 * leaves no trace. */
#include "mpef_int.h"

#define STEP_BUDGET 100000u

/* What one transaction's execution carries from step to step. */
struct run {
    struct block_exec *be;
    const struct tx *tx;
    unsigned flags;
    struct vm_block block; /* BASEFEE and BLOBBASEFEE may be zero in calls */
    struct vm_tx vm_tx;
    u256 price;    /* effective, per gas */
    u256 base_fee; /* its share that is burnt or goes to the vault */
    u256 blob_price;
    uint64_t intrinsic, floor;
    struct l1_fee l1;
    struct vm_prices prices;
    uint64_t gas;       /* for the message */
    uint64_t reservoir; /* EIP-8037; state_used is net of what was given back */
    int64_t state_used;
    uint64_t gas_left, reservoir_left;
    uint64_t gas_used;
    uint64_t regular_gas, state_gas; /* for the block's limit */
    uint64_t refunded;
    uint64_t gas_peak;
    address created; /* of a creation, also a failed one */
};

/* ================= running messages ================= */

mt_err exec_message(struct block_exec *be, const struct vm_msg *msg,
                    const struct vm_tx *tx, const struct vm_block *block,
                    struct vm_result *out)
{
    struct vm_env env = {
        .rules = be->in.rules,
        .block = block,
        .tx = tx,
        .state = be->state,
        .crypto = be->in.crypto,
        .tracer = be->in.tracer,
        .moves = be->in.moves,
        .arena = be->scratch,
        .engine = be->in.engine,
    };
    struct vm *vm = vm_new(&env, msg);
    if (vm == NULL)
        return MT_ELIMIT;
    for (;;) {
        switch (vm_run(vm, be->in.should_stop == NULL ? UINT64_MAX : STEP_BUDGET)) {
        case VM_DONE:
            *out = *vm_result(vm);
            return MT_OK;
        case VM_YIELD:
            if (be->in.should_stop != NULL && be->in.should_stop(be->in.stop_ctx))
                return MT_ECANCELED;
            break;
        case VM_NEED_STATE:
            return MT_ENEEDSTATE;
        case VM_FAILED:
            return vm_error(vm);
        }
    }
}

mt_err exec_commit(struct block_exec *be, struct state_delta *out)
{
    MT_TRY(vm_state_delta(be->state, be->arena, out));
    MT_TRY(access_record(&be->access, be->state));
    return overlay_apply(&be->overlay, out, true);
}

/* ================= checks ================= */

static mt_err read_oracle(void *ctx, const hash32 *slot, u256 *out)
{
    struct block_exec *be = ctx;
    u256 original;
    return vm_state_load(be->state, &be->in.rules->spec->gas_price_oracle, slot, out,
                         &original);
}

/* The L1 data fee; a typed transaction that nobody signed yet is counted with a signature
 * of full length. */
static mt_err find_l1_fee(struct run *r)
{
    if (!r->be->in.rules->spec->l1_fee || (r->flags & EXEC_SKIP_L1_FEE))
        return MT_OK;
    struct tx tx = *r->tx;
    if (tx.type != TX_LEGACY && tx.raw.len == 0) {
        struct buf b;
        if (u256_is_zero(tx.r))
            tx.r = tx.s = U256_MAX;
        buf_init_arena(&b, r->be->scratch, SIZE_MAX / 2);
        tx_encode(&tx, &b);
        if (!buf_ok(&b))
            return MT_ELIMIT;
        tx.raw = buf_slice(&b);
    }
    return l1_fee_compute(&tx, r->price, read_oracle, r->be, &r->l1);
}

static enum tx_error check_fees(const struct run *r)
{
    const struct tx *tx = r->tx;
    const struct rules *rules = r->be->in.rules;
    if (r->flags & EXEC_SKIP_FEES)
        return TX_OK;
    if (rules->fork >= FORK_LONDON && u256_lt(tx->max_fee, r->be->block.base_fee))
        return TX_FEE_CAP_TOO_LOW;
    if (tx->type == TX_BLOB &&
        u256_lt(tx->max_fee_per_blob_gas, r->be->block.blob_base_fee))
        return TX_BLOB_FEE;
    return TX_OK;
}

static enum tx_error check_block_room(const struct run *r)
{
    const struct block_exec *be = r->be;
    if (r->flags & EXEC_SKIP_GAS_CAPS)
        return TX_OK;
    uint64_t limit = be->block.gas_limit, regular = r->tx->gas;
    if (be->in.rules->fork >= FORK_AMSTERDAM) /* EIP-8037 */
        regular = MT_MIN(regular, TX_GAS_LIMIT_MAX);
    if (regular > limit - MT_MIN(be->regular_gas, limit))
        return TX_BLOCK_GAS;
    if (be->in.rules->fork >= FORK_AMSTERDAM &&
        r->tx->gas > limit - MT_MIN(be->state_gas, limit))
        return TX_BLOCK_GAS;
    uint64_t blob_max = be->in.rules->blobs.max * GAS_PER_BLOB;
    if (r->tx->type == TX_BLOB && be->blob_gas_used + tx_blob_gas(r->tx) > blob_max)
        return TX_BLOB_COUNT;
    return TX_OK;
}

/* a * b + sum; over is set when it does not fit and left alone otherwise. */
static u256 mul_add(u256 a, u256 b, u256 sum, bool *over)
{
    bool wide, carry;
    u256 r = u256_add_c(u256_mul_o(a, b, &wide), sum, &carry);
    *over = *over || wide || carry;
    return r;
}

/* The most the transaction may cost, against the balance. */
static enum tx_error check_funds(const struct run *r, const struct vm_account *sender)
{
    const struct tx *tx = r->tx;
    bool over = false;
    if (r->flags & EXEC_SKIP_FUNDS)
        return u256_lt(sender->balance, tx->value) ? TX_INSUFFICIENT_FUNDS : TX_OK;
    u256 need = mul_add(u256_from(tx->gas), tx->max_fee, tx->value, &over);
    if (tx->type == TX_BLOB)
        need = mul_add(u256_from(tx_blob_gas(tx)), tx->max_fee_per_blob_gas, need, &over);
    return over || u256_lt(sender->balance, need) ? TX_INSUFFICIENT_FUNDS : TX_OK;
}

static mt_err check_sender(const struct run *r, struct vm_account **sender,
                           enum tx_error *error)
{
    const struct tx *tx = r->tx;
    address target;
    MT_TRY(vm_state_account(r->be->state, &tx->from, sender));
    const struct vm_account *a = *sender;
    *error = TX_OK;
    if (!(r->flags & EXEC_SKIP_NONCE) && tx->nonce != a->nonce) {
        *error = tx->nonce < a->nonce ? TX_NONCE_TOO_LOW : TX_NONCE_TOO_HIGH;
    } else if (!(r->flags & EXEC_SKIP_EOA) && !r->be->in.rules->spec->code_senders &&
               !hash32_eq(&a->code_hash, &KECCAK_EMPTY)) {
        /* EIP-3607, but for EIP-7702's delegations */
        MT_TRY(vm_state_code(r->be->state, &tx->from, sender));
        if (!vm_delegation((*sender)->code, &target))
            *error = TX_SENDER_NOT_EOA;
    }
    return MT_OK;
}

static mt_err check(struct run *r, struct vm_account **sender, enum tx_error *error)
{
    MT_TRY(find_l1_fee(r));
    *error = tx_check_rules(r->tx, r->be->in.rules, r->flags, r->l1.extra_gas);
    if (*error != TX_OK)
        return MT_OK;
    r->intrinsic = tx_intrinsic_gas(r->tx, r->be->in.rules, &r->floor);
    MT_TRY(check_sender(r, sender, error));
    if (*error == TX_OK)
        *error = check_block_room(r);
    if (*error == TX_OK)
        *error = check_fees(r);
    if (*error == TX_OK)
        *error = check_funds(r, *sender);
    return MT_OK;
}

/* ================= before the message ================= */

/* Prices; calls without a price see blocks without one. */
static void set_prices(struct run *r)
{
    const struct block_exec *be = r->be;
    const struct tx *tx = r->tx;
    r->block = be->block;
    if ((r->flags & EXEC_SKIP_FEES) && u256_is_zero(tx->max_fee))
        r->block.base_fee = U256_ZERO;
    if ((r->flags & EXEC_SKIP_FEES) && tx->type == TX_BLOB &&
        u256_is_zero(tx->max_fee_per_blob_gas))
        r->block.blob_base_fee = U256_ZERO;
    r->price = tx_effective_gas_price(tx, r->block.base_fee);
    r->base_fee = u256_lt(r->price, r->block.base_fee) ? r->price : r->block.base_fee;
    r->blob_price = r->block.blob_base_fee;
    if (r->flags & EXEC_SHOW_FEES) {
        r->block.base_fee = be->block.base_fee;
        r->block.blob_base_fee = be->block.blob_base_fee;
    }
    r->vm_tx = (struct vm_tx){tx->from, r->price, tx->blob_hashes, tx->blob_num};
}

static mt_err buy_gas(struct run *r, const struct vm_account *sender)
{
    struct vm_state *s = r->be->state;
    const struct tx *tx = r->tx;
    if (!(r->flags & EXEC_SKIP_FUNDS)) {
        u256 cost = u256_mul(u256_from(tx->gas), r->price);
        if (tx->type == TX_BLOB)
            cost = u256_add(cost, u256_mul(u256_from(tx_blob_gas(tx)), r->blob_price));
        MT_TRY(vm_state_sub_balance(s, &tx->from, cost));
    }
    if (!tx->has_to)
        r->created = vm_create_address(&tx->from, sender->nonce);
    /* Only in calls can it wrap around. */
    return vm_state_set_nonce(s, &tx->from, sender->nonce + 1);
}

/* EIP-8037: the two pools that the message will start with. */
static void fill_pools(struct run *r)
{
    uint64_t offered = r->tx->gas - r->intrinsic - r->l1.extra_gas, most = offered;
    r->prices = vm_prices_of(r->be->in.rules);
    if (r->be->in.rules->fork >= FORK_AMSTERDAM && !(r->flags & EXEC_SKIP_GAS_CAPS))
        most = TX_GAS_LIMIT_MAX - MT_MIN(r->intrinsic, TX_GAS_LIMIT_MAX);
    r->gas = MT_MIN(offered, most);
    r->reservoir = offered - r->gas;
}

/* Takes regular and state gas; false: the transaction cannot pay. */
static bool take_gas(struct run *r, uint64_t regular, uint64_t state)
{
    uint64_t stored = MT_MIN(state, r->reservoir);
    if (r->gas < regular || r->gas - regular < state - stored)
        return false;
    r->gas -= regular + (state - stored);
    r->reservoir -= stored;
    r->state_used += (int64_t)state;
    return true;
}

/* What struct vm_account's note holds here. */
enum {
    NOTE_SEEN = 1,      /* an authorisation of it held; the next three are valid */
    NOTE_DELEGATED = 2, /* it had a designator before the transaction */
    NOTE_DESIGNATOR = 4 /* one was paid for */
};

/* EIP-8037, 8038: what an authorisation that holds pays for: the first write to the
 * account, the account and the designator when they are new, each once a transaction. */
static bool take_auth(struct run *r, struct vm_account *a, bool clears)
{
    const struct tx *tx = r->tx;
    address target;
    bool delegated = vm_delegation(a->code, &target);
    bool written = address_eq(&a->addr, &tx->from) || (a->note & NOTE_SEEN) ||
                   (address_eq(&a->addr, &tx->to) && !u256_is_zero(tx->value));
    uint64_t state = a->exists ? 0 : r->prices.state_new_account;
    if (!(a->note & NOTE_SEEN))
        a->note = (uint8_t)(NOTE_SEEN | (delegated ? NOTE_DELEGATED : 0));
    if (!clears && !delegated && !(a->note & (NOTE_DELEGATED | NOTE_DESIGNATOR))) {
        state += r->prices.state_delegation;
        a->note |= NOTE_DESIGNATOR;
    }
    return take_gas(r, written ? 0 : r->prices.account_write, state);
}

/* One EIP-7702 tuple; a tuple that does not hold is passed over. *paid false: it would
 * hold, but the gas is used up (EIP-8037). */
static mt_err apply_auth(struct run *r, const struct authorization *auth, bool *paid)
{
    struct vm_state *s = r->be->state;
    struct vm_account *a;
    address authority, target;
    bool was_warm;
    u256 chain = u256_from(r->be->in.rules->spec->chain_id);
    if (!u256_is_zero(auth->chain_id) && !u256_eq(auth->chain_id, chain))
        return MT_OK;
    if (auth->nonce == UINT64_MAX)
        return MT_OK;
    mt_err err = auth_recover(auth, r->be->in.crypto, &authority);
    if (err == MT_ECRYPTO)
        return MT_OK;
    MT_TRY(err);
    MT_TRY(vm_state_warm_account(s, &authority, &was_warm));
    MT_TRY(vm_state_see(s, &authority));
    MT_TRY(vm_state_code(s, &authority, &a));
    if (a->code.len != 0 && !vm_delegation(a->code, &target))
        return MT_OK;
    if (a->nonce != auth->nonce)
        return MT_OK;
    bool clears = address_is_zero(&auth->addr);
    bool state_gas = r->be->in.rules->fork >= FORK_AMSTERDAM;
    if (a->exists && !state_gas)
        vm_state_add_refund(s, AUTH_EXISTING_GAS);
    *paid = !state_gas || take_auth(r, a, clears);
    if (!*paid)
        return MT_OK;
    uint8_t code[23] = {0xef, 0x01, 0x00};
    memcpy(code + 3, auth->addr.b, sizeof auth->addr.b);
    MT_TRY(vm_state_set_code(s, &authority, slice_of(code, clears ? 0 : sizeof code)));
    return vm_state_set_nonce(s, &authority, auth->nonce + 1);
}

/* EIP-2929, 2930, 3651, 7702: what is warm from the start. */
static mt_err warm_up(struct run *r)
{
    const struct rules *rules = r->be->in.rules;
    const struct tx *tx = r->tx;
    struct vm_state *s = r->be->state;
    bool was;
    address a;
    if (rules->fork < FORK_BERLIN)
        return MT_OK;
    MT_TRY(vm_state_warm_account(s, &tx->from, &was));
    MT_TRY(vm_state_warm_account(s, tx->has_to ? &tx->to : &r->created, &was));
    for (unsigned i = 0; vm_precompile_next(rules, &i, &a);)
        MT_TRY(vm_state_warm_account(s, &a, &was));
    if (rules->fork >= FORK_SHANGHAI)
        MT_TRY(vm_state_warm_account(s, &r->block.coinbase, &was));
    for (size_t i = 0; i < tx->access_num; i++) {
        const struct access_entry *e = &tx->access_list[i];
        MT_TRY(vm_state_warm_account(s, &e->addr, &was));
        for (size_t j = 0; j < e->slot_num; j++)
            MT_TRY(vm_state_warm_slot(s, &e->addr, &e->slots[j], &was));
    }
    if (rules->fork < FORK_PRAGUE || rules->fork >= FORK_AMSTERDAM || !tx->has_to)
        return MT_OK; /* Amsterdam: take_recipient */
    struct vm_account *to;
    MT_TRY(vm_state_code(s, &tx->to, &to));
    return vm_delegation(to->code, &a) ? vm_state_warm_account(s, &a, &was) : MT_OK;
}

/* EIP-2780: a recipient that delegates costs another access. Each is seen once paid for;
 * spill is what must remain. */
static mt_err take_recipient(struct run *r, uint64_t spill, bool *paid)
{
    struct vm_state *s = r->be->state;
    struct vm_account *to;
    address target;
    bool was_warm;
    MT_TRY(vm_state_see(s, &r->tx->to));
    MT_TRY(vm_state_code(s, &r->tx->to, &to));
    if (!vm_delegation(to->code, &target))
        return MT_OK;
    MT_TRY(vm_state_warm_account(s, &target, &was_warm));
    uint64_t price = was_warm ? r->prices.warm_access : r->prices.cold_account;
    if (r->be->in.rules->spec->draft_prices)
        price = 0;
    *paid = r->gas - spill >= price;
    r->gas -= *paid ? price : 0;
    return *paid ? vm_state_see(s, &target) : MT_OK;
}

/* EIP-2780, 8037: what depends on the state and is paid before the first instruction: the
 * account that the message makes (*charge, taken by the vm, which gives it back when the
 * message fails) and the recipient's delegation. */
static mt_err take_entry(struct run *r, uint64_t *charge, bool *paid)
{
    const struct tx *tx = r->tx;
    struct vm_account *a;
    bool makes = !tx->has_to;
    *charge = 0;
    *paid = true;
    if (r->be->in.rules->fork < FORK_AMSTERDAM)
        return MT_OK;
    if (tx->has_to && !u256_is_zero(tx->value))
        makes = !r->be->in.rules->spec->draft_prices;
    MT_TRY(vm_state_account(r->be->state, tx->has_to ? &tx->to : &r->created, &a));
    if (makes && a->nonce == 0 && u256_is_zero(a->balance) &&
        hash32_eq(&a->code_hash, &KECCAK_EMPTY))
        *charge = r->prices.state_new_account;
    uint64_t spill = *charge - MT_MIN(*charge, r->reservoir);
    *paid = r->gas >= spill;
    return *paid && tx->has_to ? take_recipient(r, spill, paid) : MT_OK;
}

static mt_err run_message(struct run *r, struct vm_result *out, bool *paid)
{
    const struct tx *tx = r->tx;
    uint64_t charge;
    MT_TRY(take_entry(r, &charge, paid));
    if (!*paid)
        return MT_OK;
    struct vm_msg msg = {
        .kind = tx->has_to ? VM_CALL : VM_CREATE,
        .gas = r->gas,
        .state_gas = r->reservoir,
        .state_charge = charge,
        .caller = tx->from,
        .to = tx->has_to ? tx->to : r->created,
        .code_from = tx->has_to ? tx->to : r->created,
        .value = tx->value,
        .input = tx->data,
    };
    MT_TRY(exec_message(r->be, &msg, &r->vm_tx, &r->block, out));
    r->gas_left = out->gas_left;
    r->reservoir_left = out->state_gas_left;
    r->state_used += out->state_gas_used;
    return MT_OK;
}

/* Authorisations and the message. When what comes before its first instruction cannot be
 * paid (from Amsterdam on) all of that is undone and only the reservoir stays. */
static mt_err run_paid(struct run *r, struct vm_result *out)
{
    uint64_t reservoir = r->reservoir;
    uint32_t mark = vm_state_mark(r->be->state);
    bool paid = true;
    for (size_t i = 0; i < r->tx->auth_num && paid; i++)
        MT_TRY(apply_auth(r, &r->tx->auths[i], &paid));
    if (paid) {
        MT_TRY(warm_up(r));
        MT_TRY(run_message(r, out, &paid));
    }
    if (paid)
        return MT_OK;
    vm_state_revert(r->be->state, mark);
    r->gas_left = 0;
    r->reservoir_left = reservoir;
    r->state_used = 0;
    *out = (struct vm_result){.halt = VM_OUT_OF_GAS};
    return MT_OK;
}

/* ================= after the message ================= */

/* Refund (EIP-3529), floor (EIP-7623), L1 gas; what is left goes back to the sender. The
 * block counts without the refund (EIP-7778) and state apart (EIP-8037). */
static mt_err settle_gas(struct run *r)
{
    struct vm_state *s = r->be->state;
    bool london = r->be->in.rules->fork >= FORK_LONDON;
    uint64_t used = r->tx->gas - r->l1.extra_gas - r->gas_left - r->reservoir_left;
    uint64_t state = (uint64_t)MT_MAX(r->state_used, 0);
    uint64_t regular = MT_MAX(used - MT_MIN(state, used), r->floor);
    int64_t counter = vm_state_refund(s);
    r->refunded = MT_MIN((uint64_t)MT_MAX(counter, 0), used / (london ? 5 : 2));
    r->gas_peak = MT_MAX(used, r->floor) + r->l1.extra_gas;
    used = MT_MAX(used - r->refunded, r->floor);
    r->gas_used = used + r->l1.extra_gas;
    bool two = r->be->in.rules->fork >= FORK_AMSTERDAM;
    r->regular_gas = two ? regular + r->l1.extra_gas : r->gas_used;
    r->state_gas = two ? state : 0;
    if (r->flags & EXEC_SKIP_FUNDS)
        return MT_OK;
    u256 back = u256_mul(u256_from(r->tx->gas - r->gas_used), r->price);
    return vm_state_add_balance(s, &r->tx->from, back);
}

static mt_err pay_fees(struct run *r)
{
    struct vm_state *s = r->be->state;
    const struct chain_spec *spec = r->be->in.rules->spec;
    if (r->flags & EXEC_SKIP_FUNDS)
        return MT_OK; /* nothing was paid */
    u256 used = u256_from(r->gas_used);
    u256 tip = u256_mul(used, u256_sub(r->price, r->base_fee));
    MT_TRY(vm_state_add_balance(s, &r->block.coinbase, tip));
    if (!spec->base_fee_vault || u256_is_zero(r->base_fee))
        return MT_OK; /* burnt */
    return vm_state_add_balance(s, &spec->vault, u256_mul(used, r->base_fee));
}

static mt_err copy_logs(struct run *r, struct receipt *out)
{
    size_t num;
    const struct log *from = vm_state_logs(r->be->state, &num);
    if (num == 0)
        return MT_OK;
    struct log *logs = arena_zalloc(r->be->arena, num, sizeof *logs);
    if (logs == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < num; i++) {
        logs[i] = from[i];
        uint8_t *data = arena_copy(r->be->arena, from[i].data.ptr, from[i].data.len);
        if (data == NULL)
            return MT_ELIMIT;
        logs[i].data.ptr = data;
    }
    out->logs = logs;
    out->log_num = num;
    if (!(r->flags & EXEC_NO_BLOOM))
        bloom_of_logs(logs, num, &r->be->bloom_memo, out->bloom);
    return MT_OK;
}

static mt_err make_receipt(struct run *r, enum vm_halt halt,
                           const struct state_delta *delta, struct receipt *out)
{
    struct block_exec *be = r->be;
    struct receipt rc = {
        .type = r->tx->type,
        .success = halt == VM_SUCCESS,
        .cumulative_gas = be->gas_used + r->gas_used,
        .gas_used = r->gas_used,
        .has_contract = !r->tx->has_to,
        .contract = r->created,
        .effective_gas_price = r->price,
        .blob_gas_used = tx_blob_gas(r->tx),
        .blob_gas_price = r->tx->type == TX_BLOB ? r->blob_price : U256_ZERO,
        .has_l1_fee = be->in.rules->spec->l1_fee,
        .l1_fee = r->l1.fee,
        .l1_gas_price = r->l1.l1_base_fee,
        .l1_gas_used = r->l1.l1_gas,
        .l1_scalar = r->l1.scalar,
        .l1_decimals = r->l1.decimals,
    };
    MT_TRY(copy_logs(r, &rc));
    if (be->in.rules->fork < FORK_BYZANTIUM && be->in.root != NULL) {
        MT_TRY(be->in.root(be->in.root_ctx, delta, &rc.root));
        rc.has_root = true;
    }
    *out = rc;
    return MT_OK;
}

static mt_err keep_receipt(struct block_exec *be, const struct receipt *rc)
{
    if (be->receipt_num == be->receipt_cap) {
        size_t cap = MT_MAX(2 * be->receipt_cap, 4);
        struct receipt *list = arena_zalloc(be->arena, cap, sizeof *list);
        if (list == NULL)
            return MT_ELIMIT;
        if (be->receipt_num != 0)
            memcpy(list, be->receipts, be->receipt_num * sizeof *list);
        be->receipts = list;
        be->receipt_cap = cap;
    }
    be->receipts[be->receipt_num++] = *rc;
    return MT_OK;
}

static mt_err finish(struct run *r, const struct vm_result *res, struct tx_outcome *out)
{
    struct block_exec *be = r->be;
    MT_TRY(settle_gas(r));
    MT_TRY(pay_fees(r));
    struct tx_outcome o = {
        .halt = res->halt,
        .gas_used = r->gas_used,
        .gas_refunded = r->refunded,
        .gas_peak = r->gas_peak,
    };
    uint8_t *output = arena_copy(be->arena, res->output.ptr, res->output.len);
    if (output == NULL)
        return MT_ELIMIT;
    o.output = slice_of(output, res->output.len);
    MT_TRY(vm_state_delta(be->state, be->arena, &o.delta));
    be->access.index = (uint32_t)be->receipt_num + 1;
    MT_TRY(access_record(&be->access, be->state));
    MT_TRY(make_receipt(r, res->halt, &o.delta, &o.receipt));
    MT_TRY(overlay_apply(&be->overlay, &o.delta, true));
    MT_TRY(keep_receipt(be, &o.receipt));
    be->gas_used += r->gas_used;
    be->regular_gas += r->regular_gas;
    be->state_gas += r->state_gas;
    be->blob_gas_used += tx_blob_gas(r->tx);
    *out = o;
    return MT_OK;
}

mt_err block_exec_tx(struct block_exec *be, const struct tx *tx, unsigned flags,
                     struct tx_outcome *out, struct mt_diag *diag)
{
    struct run r = {.be = be, .tx = tx, .flags = flags};
    struct vm_account *sender;
    struct vm_result res;
    enum tx_error error;
    MT_ASSERT(tx->has_from);
    exec_reset(be);
    set_prices(&r);
    MT_TRY(check(&r, &sender, &error));
    if (error != TX_OK) {
        *out = (struct tx_outcome){.error = error};
        return mt_fail(diag, MT_EINVALID_TX, "%s", tx_error_text(error));
    }
    fill_pools(&r);
    MT_TRY(buy_gas(&r, sender));
    MT_TRY(run_paid(&r, &res));
    return finish(&r, &res, out);
}
