/* t8n's rejected transactions, in geth's words with geth's numbers: fillers of tests find
 * the name of the exception by them. */
#include "evm_t8n.h"

mt_err t8n_reject(struct t8n *t, size_t i, const char *why)
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

/* What is behind the reason, as geth has it; empty for a reason that is said alone. */
struct details {
    const struct t8n *t;
    const struct tx *tx;
    hex_text from;
    struct account sender;
    slice code;
    char *out;
    size_t size;
};

/* The nonce's place in the order: geth compares it before it looks for the last one. */
static void put_nonce(const struct details *d)
{
    mt_fmt(d->out, d->size, ": address %s, tx: %llu state: %llu", d->from.s,
           (unsigned long long)d->tx->nonce, (unsigned long long)d->sender.nonce);
}

static void put_funds(const struct details *d)
{
    const struct tx *tx = d->tx;
    bool over[5] = {false};
    u256 blobs = u256_from((uint64_t)tx->blob_num * GAS_PER_BLOB);
    u256 want = u256_mul_o(u256_from(tx->gas), tx->max_fee, &over[0]);
    want = u256_add_c(want, tx->value, &over[1]);
    if (tx->type == TX_BLOB)
        want = u256_add_c(want, u256_mul_o(blobs, tx->max_fee_per_blob_gas, &over[2]),
                          &over[3]);
    if (over[0] || over[1] || over[2] || over[3])
        mt_fmt(d->out, d->size, ": address %s required balance exceeds 256 bits",
               d->from.s);
    else
        mt_fmt(d->out, d->size, ": address %s have %s want %s", d->from.s,
               u256_dec(d->sender.balance).s, u256_dec(want).s);
}

static void put_gas(const struct details *d, bool floor)
{
    uint64_t lowest, intrinsic = tx_intrinsic_gas(d->tx, &d->t->rules, &lowest);
    mt_fmt(d->out, d->size, ": have %llu, want %llu", (unsigned long long)d->tx->gas,
           (unsigned long long)(floor ? lowest : intrinsic));
}

static void put_fees(const struct details *d, enum tx_error error)
{
    const struct header *h = &d->t->env.header;
    const struct tx *tx = d->tx;
    if (error == TX_TIP_ABOVE_FEE_CAP)
        mt_fmt(d->out, d->size,
               ": address %s, maxPriorityFeePerGas: %s, maxFeePerGas: %s", d->from.s,
               u256_dec(tx->max_priority_fee).s, u256_dec(tx->max_fee).s);
    else if (error == TX_FEE_CAP_TOO_LOW)
        mt_fmt(d->out, d->size, ": address %s, maxFeePerGas: %s, baseFee: %s", d->from.s,
               u256_dec(tx->max_fee).s, u256_dec(h->base_fee).s);
    else
        mt_fmt(d->out, d->size, ": address %s blobGasFeeCap: %s, blobBaseFee: %s",
               d->from.s, u256_dec(tx->max_fee_per_blob_gas).s,
               u256_dec(blob_base_fee(h->excess_blob_gas, &d->t->rules)).s);
}

static void put_details(const struct details *d, enum tx_error error)
{
    switch (error) {
    case TX_NONCE_TOO_LOW:
    case TX_NONCE_TOO_HIGH:
        put_nonce(d);
        break;
    case TX_NONCE_MAX:
        mt_fmt(d->out, d->size, ": address %s, nonce: %llu", d->from.s,
               (unsigned long long)d->sender.nonce);
        break;
    case TX_SENDER_NOT_EOA:
        mt_fmt(d->out, d->size, ": address %s, len(code): %zu", d->from.s, d->code.len);
        break;
    case TX_TX_GAS_CAP:
        mt_fmt(d->out, d->size, " (cap: %u, tx: %llu)", TX_GAS_LIMIT_MAX,
               (unsigned long long)d->tx->gas);
        break;
    case TX_TIP_ABOVE_FEE_CAP:
    case TX_FEE_CAP_TOO_LOW:
    case TX_BLOB_FEE:
        put_fees(d, error);
        break;
    case TX_INSUFFICIENT_FUNDS:
        put_funds(d);
        break;
    case TX_INTRINSIC_GAS:
    case TX_FLOOR_GAS:
        put_gas(d, error == TX_FLOOR_GAS);
        break;
    case TX_INITCODE_SIZE:
        mt_fmt(d->out, d->size, ": code size %zu limit %zu", d->tx->data.len,
               vm_initcode_max(d->t->rules.fork));
        break;
    case TX_CHAIN_ID:
        mt_fmt(d->out, d->size, ": have %llu want %llu",
               (unsigned long long)d->tx->chain_id,
               (unsigned long long)d->t->spec.chain_id);
        break;
    case TX_AUTH_NONE:
    case TX_AUTH_CREATE:
        mt_fmt(d->out, d->size, " (sender %s)", d->from.s);
        break;
    default:
        break;
    }
}

static mt_err reject_version(struct t8n *t, size_t i)
{
    char text[64];
    const struct tx *tx = &t->txs[i].tx;
    size_t k = 0;
    while (k < tx->blob_num && tx->blob_hashes[k].b[0] == 1)
        k++;
    mt_fmt(text, sizeof text, "blob %zu has invalid hash version", k);
    return t8n_reject(t, i, text);
}

mt_err t8n_reject_invalid(struct t8n *t, struct block_exec *be, size_t i,
                          enum tx_error error)
{
    char text[512], more[384] = "";
    const struct tx *tx = &t->txs[i].tx;
    const struct vm_reader *r = block_exec_reader(be);
    bool exists;
    struct details d = {
        .t = t,
        .tx = tx,
        .from = checksummed(&tx->from),
        .out = more,
        .size = sizeof more,
    };
    if (error == TX_BLOCK_GAS)
        return t8n_reject(t, i, "gas limit reached");
    if (error == TX_BLOB_VERSION)
        return reject_version(t, i);
    MT_TRY(r->account(r->ctx, &tx->from, &d.sender, &exists));
    if (error == TX_SENDER_NOT_EOA)
        MT_TRY(r->code(r->ctx, &d.sender.code_hash, &d.code));
    if (error == TX_NONCE_MAX && d.sender.nonce != tx->nonce)
        error = TX_NONCE_TOO_HIGH;
    put_details(&d, error);
    mt_fmt(text, sizeof text, "%s%s", tx_error_text(error), more);
    return t8n_reject(t, i, text);
}

mt_err t8n_check_blobs(struct t8n *t, struct block_exec *be, size_t i, bool *ok)
{
    char text[128];
    const struct tx *tx = &t->txs[i].tx;
    uint64_t most = t->rules.blobs.max * GAS_PER_BLOB;
    uint64_t used = block_exec_blob_gas_used(be) + tx->blob_num * GAS_PER_BLOB;
    *ok = tx->type != TX_BLOB || used <= most;
    if (*ok)
        return MT_OK;
    mt_fmt(text, sizeof text, "blob gas (%llu) would exceed maximum allowance %llu",
           (unsigned long long)used, (unsigned long long)most);
    return t8n_reject(t, i, text);
}
