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

/* Adds to one account; with nothing to add it still comes to be, where forks keep empty
 * accounts (before EIP-161). */
static mt_err add_balance(struct t8n *t, const address *addr, u256 amount)
{
    struct mem_state *s = &t->result.post, next;
    struct vm_reader reader = mem_state_reader(s);
    struct account a;
    bool exists;
    MT_TRY(reader.account(reader.ctx, addr, &a, &exists));
    if (!exists && u256_is_zero(amount) && t->rules.fork >= FORK_SPURIOUS)
        return MT_OK;
    struct account_change change = {
        .addr = *addr,
        .nonce = a.nonce,
        .balance = u256_add(a.balance, amount),
        .code_hash = a.code_hash,
    };
    struct state_delta delta = {&change, 1};
    MT_TRY(mem_state_next(s, &delta, &t->arena, &next));
    *s = next;
    return MT_OK;
}

static mt_err give_rewards(struct t8n *t)
{
    u256 reward = t->opt.reward, own = reward;
    if (!t->opt.has_reward || t->rules.fork >= FORK_PARIS)
        return MT_OK;
    for (size_t i = 0; i < t->env.ommer_num; i++) {
        const struct t8n_ommer *o = &t->env.ommers[i];
        u256 share = u256_mul(reward, u256_from(8 - o->delta));
        MT_TRY(add_balance(t, &o->addr, u256_div(share, u256_from(8))));
        own = u256_add(own, u256_div(reward, u256_from(32)));
    }
    return add_balance(t, &t->env.header.coinbase, own);
}

/* ================= transactions ================= */

static mt_err reject(struct t8n *t, size_t i, const char *why)
{
    struct t8n_rejected *r = &t->result.rejected[t->result.rejected_num++];
    r->index = i;
    r->error = arena_copy(&t->arena, why, strlen(why) + 1);
    return r->error == NULL ? MT_ELIMIT : MT_OK;
}

/* With the checksum of EIP-55. */
static hex_text checksummed(const address *addr)
{
    hex_text text = address_text(addr);
    hash32 h = keccak256(text.s + 2, 40);
    for (size_t i = 0; i < 40; i++) {
        unsigned nibble = i % 2 == 0 ? h.b[i / 2] >> 4 : h.b[i / 2] & 15u;
        char c = text.s[2 + i];
        if (c >= 'a' && nibble >= 8)
            text.s[2 + i] = (char)(c - 'a' + 'A');
    }
    return text;
}

/* The reason in geth's words, with the numbers it adds to a wrong nonce. */
static mt_err reject_invalid(struct t8n *t, struct block_exec *be, size_t i,
                             enum tx_error error, const struct mt_diag *diag)
{
    char text[MT_DIAG_TEXT_MAX + 128];
    const struct tx *tx = &t->txs[i].tx;
    const struct vm_reader *r = block_exec_reader(be);
    struct account a;
    bool exists;
    if (error == TX_BLOCK_GAS)
        return reject(t, i, "gas limit reached");
    if (error != TX_NONCE_TOO_LOW && error != TX_NONCE_TOO_HIGH)
        return reject(t, i, diag->text);
    MT_TRY(r->account(r->ctx, &tx->from, &a, &exists));
    mt_fmt(text, sizeof text, "%s: address %s, tx: %llu state: %llu", diag->text,
           checksummed(&tx->from).s, (unsigned long long)tx->nonce,
           (unsigned long long)a.nonce);
    return reject(t, i, text);
}

static mt_err run_tx(struct t8n *t, struct block_exec *be, size_t i, size_t *included)
{
    struct t8n_tx *each = &t->txs[i];
    struct mt_diag diag = {0};
    struct tx_outcome o;
    bool low_s = t->rules.fork >= FORK_HOMESTEAD;
    if (each->refused != NULL)
        return reject(t, i, each->refused);
    if (tx_recover(&each->tx, low_s, crypto_native(), &diag) != MT_OK)
        return reject(t, i, diag.text);
    mt_err err = block_exec_tx(be, &each->tx, 0, &o, &diag);
    if (err == MT_EINVALID_TX)
        return reject_invalid(t, be, i, o.error, &diag);
    if (err != MT_OK) {
        t->diag = diag;
        return err;
    }
    t->result.included[(*included)++] = &each->tx;
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
    MT_TRY(list_roots(t));
    return mem_state_root(&t->result.post, &t->arena, &t->result.state_root);
}

int t8n_run(struct t8n *t)
{
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
