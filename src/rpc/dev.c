/* Methods of development networks: state by decree, time, mining on demand, snapshots.
 * What changes the chain runs on the executor; its update reaches the loop before the
 * answer, so that a client sees what it was told. */
#include "dev_int.h"

struct dev *dev_new(struct rpc *r)
{
    static const char *const names[] = {"evm_snapshot", "hardhat_mine", "anvil_mine"};
    for (size_t i = 0; i < MT_ARRAY_LEN(names); i++) {
        if (rpc_find(r, names[i], false) == NULL)
            continue;
        struct dev *d = mt_alloc(sizeof(*d));
        d->next_id = 1;
        rpc_console(); /* its table is made here, before readers ask for it */
        return d;
    }
    return NULL;
}

void dev_free(struct dev *d)
{
    mt_free(d);
}

bool dev_impersonates(const struct rpc *r, const address *addr)
{
    if (r->dev != NULL && r->dev->auto_impersonate)
        return true;
    for (size_t i = 0; r->dev != NULL && i < r->dev->impersonated_num; i++)
        if (address_eq(&r->dev->impersonated[i], addr))
            return true;
    return false;
}

/* What the pool takes back meanwhile leaves it at the end: nobody is told of it. */
bool dev_rewinds(const struct rpc *r)
{
    return r->dev != NULL && r->dev->rewinds > 0;
}

/* False after an error when this node makes no blocks. */
bool dev_can_build(struct call *c)
{
    if (c->rpc->opt.sequencer == NULL)
        call_fail(c, RPC_UNSUPPORTED, "this node does not build blocks");
    return c->rpc->opt.sequencer != NULL;
}

static enum call_status put_true(struct call *c)
{
    json_bool(&c->out, true);
    return CALL_DONE;
}

enum call_status dev_ok(struct call *c)
{
    if (strncmp(c->method->name, "anvil_", 6) != 0)
        return put_true(c);
    json_nil(&c->out);
    return CALL_DONE;
}

/* ---- changes of the state, on the executor ---- */

enum change_kind {
    CHANGE_BALANCE_OF,
    ADD_BALANCE_TO,
    CHANGE_NONCE_OF,
    CHANGE_CODE_OF,
    CHANGE_SLOT_OF,
    OTHER_WORK,
    REWIND
};

struct dev_job {
    struct exec_job job;
    struct task task;
    struct call *c;
    enum change_kind kind;
    address addr;
    u256 value;
    hash32 slot;
    uint64_t nonce;
    uint8_t *code;
    size_t code_len;
    uint64_t number, state_version;
    enum cs_mode mode; /* of the sequencer, to go back to after a rewind */
    dev_work *work;
    rpc_handler *then;
    mt_err err;
    struct mt_diag diag;
};

static mt_err read_account(struct chain *chain, const address *addr, struct account *out,
                           struct mt_diag *diag)
{
    struct metisdb_snapshot *s;
    bool exists;
    MT_TRY(metisdb_snapshot_open(chain_db(chain), METISDB_LATEST, &s, diag));
    mt_err err = metisdb_get_account(s, addr, out, &exists);
    metisdb_snapshot_close(s);
    return err;
}

static mt_err change_account(struct dev_job *j, struct chain *chain)
{
    struct account now;
    bool over;
    MT_TRY(read_account(chain, &j->addr, &now, &j->diag));
    struct slot_change slot = {.slot = j->slot, .value = j->value};
    struct account_change a = {
        .addr = j->addr,
        .nonce = now.nonce,
        .balance = now.balance,
        .code_hash = now.code_hash,
    };
    struct state_delta delta = {.accounts = &a, .account_num = 1};
    switch (j->kind) {
    case CHANGE_BALANCE_OF:
        a.balance = j->value;
        break;
    case ADD_BALANCE_TO:
        a.balance = u256_add_c(now.balance, j->value, &over);
        if (over)
            return mt_fail(&j->diag, MT_EINVAL, "the balance would not fit");
        break;
    case CHANGE_NONCE_OF:
        a.nonce = j->nonce;
        break;
    case CHANGE_CODE_OF:
        a.code = slice_of(j->code, j->code_len);
        a.code_hash = keccak256(j->code, j->code_len);
        a.flags = CHANGE_CODE;
        break;
    default:
        a.slots = &slot;
        a.slot_num = 1;
        break;
    }
    bool empty = a.nonce == 0 && u256_is_zero(a.balance) &&
                 hash32_eq(&a.code_hash, &KECCAK_EMPTY) && a.slot_num == 0;
    if (empty)
        a.flags = CHANGE_DELETED;
    return chain_patch_state(chain, &delta, &j->diag);
}

static void dev_back(struct task *task)
{
    struct dev_job *j = (struct dev_job *)((char *)task - offsetof(struct dev_job, task));
    struct call *c = j->c;
    enum call_status st = CALL_DONE;
    if (j->kind == REWIND) {
        c->rpc->dev->rewinds--;
        pool_clear(c->rpc->opt.pool);
        dev_configure(c, j->mode, sequencer_config(c->rpc->opt.sequencer)->period_ms);
    }
    if (j->err != MT_OK)
        call_error(c, j->err, &j->diag);
    else if (j->then != NULL)
        st = j->then(c);
    else
        put_true(c);
    mt_free(j->code);
    mt_free(j);
    if (st != CALL_LATER)
        call_finish(c);
}

static void dev_run(struct exec_job *job, struct chain *chain)
{
    struct dev_job *j = (struct dev_job *)job;
    struct rpc *r = j->c->rpc;
    if (j->kind == REWIND)
        j->err = chain_rewind(chain, j->number, j->state_version, &j->diag);
    else if (j->kind == OTHER_WORK)
        j->err = j->work(j->c, chain, &j->diag);
    else
        j->err = change_account(j, chain);
    j->task.run = dev_back;
    rpc_post(r, &j->task);
}

static struct dev_job *job_new(struct call *c, enum change_kind kind)
{
    struct dev_job *j = mt_alloc(sizeof(*j));
    j->then = dev_ok;
    j->job.run = dev_run;
    j->c = c;
    j->kind = kind;
    return j;
}

static enum call_status job_post(struct dev_job *j)
{
    struct call *c = j->c;
    call_later(c);
    if (executor_post(c->rpc->opt.executor, &j->job) == MT_OK)
        return CALL_LATER;
    c->rpc->later_num--;
    mt_free(j->code);
    mt_free(j);
    return call_fail(c, RPC_LIMIT, "the executor's queue is full");
}

bool dev_arg_u256(struct call *c, size_t i, u256 *out)
{
    const json_t *v = arg(c, i);
    uint64_t n;
    if (json_is_integer(v)) {
        if (!arg_number(c, i, &n))
            return false;
        *out = u256_from(n);
        return true;
    }
    if (json_is_string(v) &&
        u256_parse(json_string_value(v), json_string_length(v), out) == MT_OK)
        return true;
    call_fail(c, RPC_PARAMS, "invalid argument %zu: not a number", i);
    return false;
}

static enum call_status balance(struct call *c, enum change_kind kind)
{
    address addr;
    u256 value;
    if (!args_num(c, 2, 2) || !arg_address(c, 0, &addr) || !dev_arg_u256(c, 1, &value))
        return CALL_DONE;
    struct dev_job *j = job_new(c, kind);
    j->addr = addr;
    j->value = value;
    return job_post(j);
}

enum call_status m_dev_set_balance(struct call *c)
{
    return balance(c, CHANGE_BALANCE_OF);
}

enum call_status m_dev_add_balance(struct call *c)
{
    return balance(c, ADD_BALANCE_TO);
}

enum call_status m_dev_set_nonce(struct call *c)
{
    address addr;
    uint64_t nonce;
    if (!args_num(c, 2, 2) || !arg_address(c, 0, &addr) || !arg_number(c, 1, &nonce))
        return CALL_DONE;
    struct dev_job *j = job_new(c, CHANGE_NONCE_OF);
    j->addr = addr;
    j->nonce = nonce;
    return job_post(j);
}

enum call_status m_dev_set_code(struct call *c)
{
    address addr;
    slice code;
    if (!args_num(c, 2, 2) || !arg_address(c, 0, &addr) || !arg_data(c, 1, &code))
        return CALL_DONE;
    struct dev_job *j = job_new(c, CHANGE_CODE_OF);
    j->addr = addr;
    j->code = mt_alloc(code.len + 1);
    j->code_len = code.len;
    memcpy(j->code, code.ptr, code.len);
    return job_post(j);
}

enum call_status m_dev_set_storage(struct call *c)
{
    address addr;
    hash32 slot, value;
    if (!args_num(c, 3, 3) || !arg_address(c, 0, &addr) ||
        !val_key(c, 1, arg(c, 1), &slot, NULL) || !val_key(c, 2, arg(c, 2), &value, NULL))
        return CALL_DONE;
    struct dev_job *j = job_new(c, CHANGE_SLOT_OF);
    j->addr = addr;
    j->slot = slot;
    j->value = u256_from_hash(&value);
    j->then = put_true;
    return job_post(j);
}

enum call_status dev_set_slot(struct call *c, const address *addr, const hash32 *slot,
                              u256 value)
{
    struct dev_job *j = job_new(c, CHANGE_SLOT_OF);
    j->addr = *addr;
    j->slot = *slot;
    j->value = value;
    return job_post(j);
}

enum call_status dev_rewind(struct call *c, uint64_t number, uint64_t version,
                            rpc_handler *then)
{
    struct dev_job *j = job_new(c, REWIND);
    const struct cs_config *config = sequencer_config(c->rpc->opt.sequencer);
    j->number = number;
    j->state_version = version;
    j->mode = config->mode;
    if (then != NULL)
        j->then = then;
    enum call_status st = job_post(j);
    if (st == CALL_LATER) {
        c->rpc->dev->rewinds++;
        dev_configure(c, CS_MANUAL, config->period_ms);
    }
    return st;
}

enum call_status dev_on_executor(struct call *c, dev_work *work, rpc_handler *then)
{
    struct dev_job *j = job_new(c, OTHER_WORK);
    j->work = work;
    j->then = then;
    return job_post(j);
}

/* ---- snapshots ---- */

enum call_status m_dev_snapshot(struct call *c)
{
    struct dev *d = c->rpc->dev;
    if (!dev_can_build(c))
        return CALL_DONE;
    if (d->snapshot_num == SNAPSHOTS_MAX) {
        d->snapshot_num--;
        memmove(d->snapshots, d->snapshots + 1,
                d->snapshot_num * sizeof(d->snapshots[0]));
    }
    struct dev_snapshot *s = &d->snapshots[d->snapshot_num++];
    s->id = d->next_id++;
    s->number = c->view->head->block.header.number;
    s->hash = c->view->head->block.hash;
    s->state_version = c->view->state_version;
    s->settings = *sequencer_dev(c->rpc->opt.sequencer);
    json_hex_u64(&c->out, s->id);
    return CALL_DONE;
}

enum call_status m_dev_revert(struct call *c)
{
    struct dev *d = c->rpc->dev;
    uint64_t id;
    size_t i = 0;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_number(c, 0, &id))
        return CALL_DONE;
    while (i < d->snapshot_num && d->snapshots[i].id != id)
        i++;
    if (i == d->snapshot_num) {
        json_bool(&c->out, false);
        return CALL_DONE;
    }
    /* It and all later ones are used up. */
    struct sequencer_dev settings = d->snapshots[i].settings;
    enum call_status st =
        dev_rewind(c, d->snapshots[i].number, d->snapshots[i].state_version, put_true);
    if (st != CALL_LATER)
        return st;
    *sequencer_dev(c->rpc->opt.sequencer) = settings;
    d->snapshot_num = i;
    return st;
}

/* ---- when blocks are built ---- */

void dev_configure(struct call *c, enum cs_mode mode, uint64_t period_ms)
{
    struct cs_config config = *sequencer_config(c->rpc->opt.sequencer);
    config.mode = mode;
    config.period_ms = period_ms;
    sequencer_configure(c->rpc->opt.sequencer, &config);
}

static enum call_status configure(struct call *c, enum cs_mode mode, uint64_t period_ms)
{
    dev_configure(c, mode, period_ms);
    return dev_ok(c);
}

enum call_status m_dev_set_automine(struct call *c)
{
    bool on;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_bool(c, 0, &on))
        return CALL_DONE;
    return configure(c, on ? CS_DEMAND : CS_MANUAL, 0);
}

enum call_status m_dev_get_automine(struct call *c)
{
    if (dev_can_build(c))
        json_bool(&c->out, sequencer_config(c->rpc->opt.sequencer)->mode == CS_DEMAND);
    return CALL_DONE;
}

enum call_status m_dev_set_interval(struct call *c)
{
    uint64_t ms;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_number(c, 0, &ms))
        return CALL_DONE;
    if (strncmp(c->method->name, "anvil_", 6) == 0) /* anvil counts seconds */
        ms = ms > UINT32_MAX ? UINT64_MAX : ms * 1000;
    if (ms > 3600000)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: more than an hour");
    if (ms > 0)
        return configure(c, CS_PERIOD, ms);
    if (sequencer_config(c->rpc->opt.sequencer)->mode == CS_PERIOD)
        return configure(c, CS_MANUAL, 0);
    return dev_ok(c);
}

/* ---- time and the next block ---- */

enum call_status m_dev_increase_time(struct call *c)
{
    uint64_t seconds;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_number(c, 0, &seconds))
        return CALL_DONE;
    if (seconds > UINT32_MAX)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: too far");
    struct sequencer_dev *dev = sequencer_dev(c->rpc->opt.sequencer);
    dev->time_offset_ms += (int64_t)(seconds * 1000);
    json_u64(&c->out, (uint64_t)(dev->time_offset_ms / 1000));
    return CALL_DONE;
}

enum call_status m_dev_set_time(struct call *c)
{
    uint64_t t;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_number(c, 0, &t))
        return CALL_DONE;
    if (t > DEV_TIME_MAX)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: too far");
    uint64_t t_ms = t > UINT32_MAX ? t : t * 1000; /* tools send both units */
    struct sequencer_dev *dev = sequencer_dev(c->rpc->opt.sequencer);
    uint64_t now_ms = sequencer_now_ms(c->rpc->opt.sequencer);
    dev->time_offset_ms += (int64_t)t_ms - (int64_t)now_ms;
    /* anvil: whole seconds that the clock went on by, 0 when it went back */
    json_u64(&c->out, t_ms > now_ms ? t_ms / 1000 - now_ms / 1000 : 0);
    return CALL_DONE;
}

enum call_status m_dev_next_time(struct call *c)
{
    uint64_t t, head = c->view->head->block.header.timestamp;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_number(c, 0, &t))
        return CALL_DONE;
    if (t > DEV_TIME_MAX)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: too far");
    bool equal = sequencer_config(c->rpc->opt.sequencer)->equal_time;
    if (t < head || (t == head && !equal))
        return call_fail(c, RPC_PARAMS,
                         "Timestamp %llu is lower than or equal to previous block's "
                         "timestamp %llu",
                         (unsigned long long)t, (unsigned long long)head);
    sequencer_dev(c->rpc->opt.sequencer)->next_timestamp = t;
    json_nil(&c->out);
    return CALL_DONE;
}

enum call_status m_dev_time_step(struct call *c)
{
    uint64_t seconds;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_number(c, 0, &seconds))
        return CALL_DONE;
    if (seconds > UINT32_MAX)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: too far");
    sequencer_dev(c->rpc->opt.sequencer)->min_time_step = seconds;
    return dev_ok(c);
}

enum call_status m_dev_no_time_step(struct call *c)
{
    if (!dev_can_build(c))
        return CALL_DONE;
    sequencer_dev(c->rpc->opt.sequencer)->min_time_step = 0;
    return put_true(c);
}

enum call_status m_dev_set_gas_limit(struct call *c)
{
    uint64_t gas;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_number(c, 0, &gas))
        return CALL_DONE;
    if (gas < 5000)
        return call_fail(c, RPC_PARAMS, "invalid argument 0: below 5000");
    sequencer_dev(c->rpc->opt.sequencer)->gas_limit = gas;
    return put_true(c);
}

enum call_status m_dev_set_coinbase(struct call *c)
{
    address addr;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !arg_address(c, 0, &addr))
        return CALL_DONE;
    struct sequencer_dev *dev = sequencer_dev(c->rpc->opt.sequencer);
    dev->has_coinbase = true;
    dev->coinbase = addr;
    return dev_ok(c);
}

enum call_status m_dev_next_base_fee(struct call *c)
{
    u256 fee;
    if (!dev_can_build(c) || !args_num(c, 1, 1) || !dev_arg_u256(c, 0, &fee))
        return CALL_DONE;
    struct sequencer_dev *dev = sequencer_dev(c->rpc->opt.sequencer);
    dev->has_next_base_fee = true;
    dev->next_base_fee = fee;
    return dev_ok(c);
}

enum call_status m_dev_next_randao(struct call *c)
{
    hash32 randao;
    if (!dev_can_build(c) || !args_num(c, 1, 1) ||
        !val_key(c, 0, arg(c, 0), &randao, NULL))
        return CALL_DONE;
    struct sequencer_dev *dev = sequencer_dev(c->rpc->opt.sequencer);
    dev->has_next_prev_randao = true;
    dev->next_prev_randao = randao;
    return dev_ok(c);
}

/* ---- accounts ---- */

enum call_status m_dev_impersonate(struct call *c)
{
    struct dev *d = c->rpc->dev;
    address addr;
    if (!args_num(c, 1, 1) || !arg_address(c, 0, &addr))
        return CALL_DONE;
    if (dev_impersonates(c->rpc, &addr))
        return dev_ok(c);
    if (d->impersonated_num == IMPERSONATE_MAX)
        return call_fail(c, RPC_LIMIT, "too many impersonated accounts (max %u)",
                         IMPERSONATE_MAX);
    d->impersonated[d->impersonated_num++] = addr;
    return dev_ok(c);
}

enum call_status m_dev_stop_impersonate(struct call *c)
{
    struct dev *d = c->rpc->dev;
    address addr;
    if (!args_num(c, 1, 1) || !arg_address(c, 0, &addr))
        return CALL_DONE;
    for (size_t i = 0; i < d->impersonated_num; i++) {
        if (!address_eq(&d->impersonated[i], &addr))
            continue;
        d->impersonated[i] = d->impersonated[--d->impersonated_num];
        return dev_ok(c);
    }
    if (strncmp(c->method->name, "anvil_", 6) == 0)
        return dev_ok(c);
    json_bool(&c->out, false);
    return CALL_DONE;
}
