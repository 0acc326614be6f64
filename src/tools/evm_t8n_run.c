/* t8n's block: begin, each transaction that is valid, end; then rewards as the options
 * say (the spec is one without work, so that the executor gives none). */
#include "evm_t8n.h"

static mt_err find_hash(void *ctx, uint64_t number, hash32 *out)
{
    struct t8n *t = ctx;
    for (size_t i = 0; i < t->env.hash_num; i++) {
        if (t->env.hashes[i].number == number) {
            *out = t->env.hashes[i].hash;
            return MT_OK;
        }
    }
    if (!t->hash_missing)
        t->hash_wanted = number;
    t->hash_missing = true;
    *out = (hash32){{0}};
    return MT_OK;
}

/* ================= rewards ================= */

/* Adds to one account. Also with nothing to add: before EIP-161 it then comes to be, from
 * there on it goes when it is empty. */
static mt_err add_balance(struct t8n *t, const address *addr, u256 amount)
{
    struct mem_state *s = &t->result.post, next;
    struct vm_reader reader = mem_state_reader(s);
    struct account a;
    bool exists;
    MT_TRY(reader.account(reader.ctx, addr, &a, &exists));
    struct account_change change = {
        .addr = *addr,
        .nonce = a.nonce,
        .balance = u256_add(a.balance, amount),
        .code_hash = a.code_hash,
    };
    bool empty = change.nonce == 0 && u256_is_zero(change.balance) &&
                 hash32_eq(&change.code_hash, &KECCAK_EMPTY);
    if (empty && t->rules.fork >= FORK_SPURIOUS) {
        if (!exists)
            return MT_OK;
        change.flags = CHANGE_DELETED;
    }
    struct state_delta delta = {&change, 1};
    MT_TRY(mem_state_next(s, &delta, &t->arena, &next));
    *s = next;
    return MT_OK;
}

/* Under every rule, the merge's too: who fills tests says whether there is a reward. */
static mt_err give_rewards(struct t8n *t)
{
    u256 reward = t->opt.reward, own = reward;
    if (!t->opt.has_reward)
        return MT_OK;
    for (size_t i = 0; i < t->env.ommer_num; i++) {
        const struct t8n_ommer *o = &t->env.ommers[i];
        u256 share = u256_mul(reward, u256_from(8 - o->delta));
        MT_TRY(add_balance(t, &o->addr, u256_div(share, u256_from(8))));
        own = u256_add(own, u256_div(reward, u256_from(32)));
    }
    return add_balance(t, &t->env.header.coinbase, own);
}

/* Before Shanghai the executor knows of none; geth gives them whenever env has some. */
static mt_err give_withdrawals(struct t8n *t)
{
    for (size_t i = 0; t->rules.fork < FORK_SHANGHAI && i < t->env.withdrawal_num; i++) {
        const struct withdrawal *w = &t->env.withdrawals[i];
        u256 amount = u256_mul(u256_from(w->amount_gwei), u256_from(1000000000));
        MT_TRY(add_balance(t, &w->addr, amount));
    }
    return MT_OK;
}

/* ================= transactions ================= */

/* What geth looks at before it begins with a transaction; false when it is rejected for
 * that. One that gets further has a trace, if only an empty one. */
static mt_err admit(struct t8n *t, struct block_exec *be, size_t i, bool *ok)
{
    struct t8n_tx *each = &t->txs[i];
    struct mt_diag diag = {0};
    bool low_s = t->rules.fork >= FORK_HOMESTEAD;
    *ok = false;
    if (each->refused != NULL)
        return t8n_reject(t, i, each->refused);
    if (each->tx.type == TX_BLOB && !t->env.has_blob_fee)
        return t8n_reject(t, i, "blob tx used but field env.ExcessBlobGas missing");
    enum tx_error error = tx_check_static(&each->tx, &t->rules);
    if (error == TX_TYPE_UNSUPPORTED || error == TX_SIGNATURE || error == TX_CHAIN_ID)
        return t8n_reject_invalid(t, be, i, error);
    if (tx_recover(&each->tx, low_s, crypto_native(), &diag) != MT_OK)
        return t8n_reject(t, i, diag.text);
    return t8n_check_blobs(t, be, i, ok);
}

static mt_err run_tx(struct t8n *t, struct block_exec *be, size_t i, size_t *included)
{
    struct tx *tx = &t->txs[i].tx;
    struct mt_diag diag = {0};
    struct tx_outcome o;
    bool ok;
    MT_TRY(admit(t, be, i, &ok));
    if (!ok)
        return MT_OK;
    if (t8n_trace_begin(t->trace, be, &tx->hash) != T8N_OK)
        return MT_EIO;
    mt_err err = block_exec_tx(be, tx, 0, &o, &diag);
    if (t8n_trace_end(t->trace) != T8N_OK)
        return MT_EIO;
    if (err == MT_EINVALID_TX)
        return t8n_reject_invalid(t, be, i, o.error);
    if (err != MT_OK) {
        t->diag = diag;
        return err;
    }
    t->result.included[(*included)++] = tx;
    return MT_OK;
}

static mt_err run_block(struct t8n *t, struct block_exec *be)
{
    size_t included = 0;
    MT_TRY(block_exec_begin(be, &t->diag));
    for (size_t i = 0; i < t->tx_num && !t->hash_missing; i++)
        MT_TRY(run_tx(t, be, i, &included));
    return block_exec_end(be, NULL, 0, t->env.withdrawals, t->env.withdrawal_num,
                          &t->result.out, &t->diag);
}

/* ================= roots ================= */

static mt_err list_roots(struct t8n *t)
{
    struct t8n_result *r = &t->result;
    size_t n = r->out.receipt_num, m = t->env.withdrawal_num, log_num = 0;
    slice *values = arena_zalloc(&t->arena, n + m + 1, sizeof *values);
    if (values == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < n; i++) {
        values[i] = r->included[i]->raw;
        log_num += r->out.receipts[i].log_num;
    }
    MT_TRY(trie_ordered_root(&t->arena, values, n, &r->tx_root));
    for (size_t i = 0; i < m; i++) {
        struct buf b;
        buf_init_arena(&b, &t->arena, SIZE_MAX / 2);
        withdrawal_encode(&t->env.withdrawals[i], &b);
        if (!buf_ok(&b))
            return MT_ELIMIT;
        values[i] = buf_slice(&b);
    }
    MT_TRY(trie_ordered_root(&t->arena, values, m, &r->withdrawals_root));
    struct log *logs = arena_zalloc(&t->arena, log_num + 1, sizeof *logs);
    struct buf b;
    buf_init_arena(&b, &t->arena, SIZE_MAX / 2);
    if (logs == NULL)
        return MT_ELIMIT;
    for (size_t i = 0, k = 0; i < n; i++)
        for (size_t j = 0; j < r->out.receipts[i].log_num; j++)
            logs[k++] = r->out.receipts[i].logs[j];
    logs_encode(logs, log_num, &b);
    if (!buf_ok(&b))
        return MT_ELIMIT;
    r->logs_hash = keccak256(b.ptr, b.len);
    return MT_OK;
}

static mt_err finish(struct t8n *t)
{
    MT_TRY(mem_state_next(&t->pre, &t->result.out.delta, &t->arena, &t->result.post));
    MT_TRY(give_rewards(t));
    MT_TRY(give_withdrawals(t));
    MT_TRY(list_roots(t));
    return mem_state_root(&t->result.post, &t->arena, &t->result.state_root);
}

int t8n_run(struct t8n *t)
{
    if (t->opt.trace && (t->trace = t8n_trace_new(t)) == NULL)
        return t8n_fail(t, T8N_EVM, "out of memory");
    t->pre.block_hash = find_hash;
    t->pre.block_hash_ctx = t;
    t->spec.metis = t->rules.fork < FORK_PARIS;
    struct vm_reader reader = mem_state_reader(&t->pre);
    struct mem_roots roots = {.now = t->pre, .arena = &t->arena};
    struct block_exec_in in = {
        .rules = &t->rules,
        .header = &t->env.header,
        .reader = &reader,
        .crypto = crypto_native(),
        .tracer = t8n_trace_hooks(t->trace),
        .arena = &t->arena,
        .scratch = &t->scratch,
        .root = t->rules.fork < FORK_BYZANTIUM ? mem_root_after : NULL,
        .root_ctx = &roots,
    };
    struct block_exec *be = block_exec_new(&in);
    struct t8n_result *r = &t->result;
    r->included = arena_zalloc(&t->arena, t->tx_num + 1, sizeof *r->included);
    r->rejected = arena_zalloc(&t->arena, t->tx_num + 1, sizeof *r->rejected);
    if (be == NULL || r->included == NULL || r->rejected == NULL)
        return t8n_fail(t, T8N_EVM, "out of memory");
    mt_err err = run_block(t, be);
    if (err == MT_EIO)
        return T8N_IO;
    if (t->hash_missing)
        return t8n_fail(t, T8N_BLOCKHASH,
                        "getHash(%llu) invoked, blockhash for that block not provided",
                        (unsigned long long)t->hash_wanted);
    if (err == MT_OK)
        err = finish(t);
    if (err != MT_OK && t->diag.text[0] == 0)
        return t8n_fail(t, T8N_EVM, "%s", mt_err_text(err));
    return err == MT_OK ? T8N_OK : T8N_EVM;
}
