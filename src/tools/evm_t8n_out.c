/* t8n's outputs: the state after the block, the result and the body, each to a file, to
 * standard output or to standard error. */
#include "evm_t8n.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define OUTPUT_MAX ((size_t)4 << 30)

/* ================= alloc ================= */

static void put_account(struct json_out *j, const struct account_change *a)
{
    json_key(j, address_text(&a->addr).s);
    json_obj(j);
    if (a->code.len > 0)
        json_kv_hex(j, "code", a->code.ptr, a->code.len);
    if (a->slot_num > 0) {
        json_key(j, "storage");
        json_obj(j);
        for (size_t i = 0; i < a->slot_num; i++) {
            hash32 value = u256_to_hash(a->slots[i].value);
            json_kv_hash(j, hash32_text(&a->slots[i].slot).s, &value);
        }
        json_obj_end(j);
    }
    json_kv_hex_u256(j, "balance", a->balance);
    if (a->nonce > 0)
        json_kv_hex_u64(j, "nonce", a->nonce);
    json_obj_end(j);
}

static void put_alloc(struct t8n *t, struct json_out *j)
{
    const struct state_delta *s = &t->result.post.full;
    json_obj(j);
    for (size_t i = 0; i < s->account_num; i++)
        put_account(j, &s->accounts[i]);
    json_obj_end(j);
}

/* ================= result ================= */

/* What geth gives as the hash of a block that has none yet. */
static const hash32 BLOCK_HASH = {{0x13, 0x37}};

static void put_log(struct t8n *t, struct json_out *j, const struct log *log, size_t tx,
                    size_t at)
{
    json_obj(j);
    json_kv_addr(j, "address", &log->addr);
    json_key(j, "topics");
    json_arr(j);
    for (uint32_t i = 0; i < log->topic_num; i++)
        json_hash(j, &log->topics[i]);
    json_arr_end(j);
    json_kv_hex(j, "data", log->data.ptr, log->data.len);
    json_kv_hex_u64(j, "blockNumber", t->env.header.number);
    json_kv_hash(j, "transactionHash", &t->result.included[tx]->hash);
    json_kv_hex_u64(j, "transactionIndex", tx);
    json_kv_hash(j, "blockHash", &BLOCK_HASH);
    json_kv_hex_u64(j, "blockTimestamp", t->env.header.timestamp);
    json_kv_hex_u64(j, "logIndex", at);
    json_kv_bool(j, "removed", false);
    json_obj_end(j);
}

/* *log_at: the place of its first log in the block, moved past them. */
static void put_receipt(struct t8n *t, struct json_out *j, size_t i, size_t *log_at)
{
    const struct receipt *r = &t->result.out.receipts[i];
    const struct tx *tx = t->result.included[i];
    static const address none;
    json_obj(j);
    if (tx->type != TX_LEGACY)
        json_kv_hex_u64(j, "type", tx->type);
    json_kv_hex(j, "root", r->root.b, r->has_root ? 32 : 0);
    json_kv_hex_u64(j, "status", r->success);
    json_kv_hex_u64(j, "cumulativeGasUsed", r->cumulative_gas);
    json_kv_hex(j, "logsBloom", r->bloom, sizeof r->bloom);
    json_key(j, "logs");
    if (r->log_num == 0) {
        json_nil(j);
    } else {
        json_arr(j);
        for (size_t k = 0; k < r->log_num; k++)
            put_log(t, j, &r->logs[k], i, (*log_at)++);
        json_arr_end(j);
    }
    json_kv_hash(j, "transactionHash", &tx->hash);
    json_kv_addr(j, "contractAddress", r->has_contract ? &r->contract : &none);
    json_kv_hex_u64(j, "gasUsed", r->gas_used);
    json_kv_nil(j, "effectiveGasPrice");
    if (tx->type == TX_BLOB) {
        json_kv_hex_u64(j, "blobGasUsed", r->blob_gas_used);
        json_kv_hex_u256(j, "blobGasPrice", r->blob_gas_price);
    }
    json_kv_hash(j, "blockHash", &BLOCK_HASH);
    json_kv_hex_u64(j, "blockNumber", t->env.header.number);
    json_kv_hex_u64(j, "transactionIndex", i);
    json_obj_end(j);
}

static void put_lists(struct t8n *t, struct json_out *j)
{
    const struct t8n_result *r = &t->result;
    size_t log_at = 0;
    json_key(j, "receipts");
    json_arr(j);
    for (size_t i = 0; i < r->out.receipt_num; i++)
        put_receipt(t, j, i, &log_at);
    json_arr_end(j);
    if (r->rejected_num == 0)
        return;
    json_key(j, "rejected");
    json_arr(j);
    for (size_t i = 0; i < r->rejected_num; i++) {
        json_obj(j);
        json_kv_u64(j, "index", r->rejected[i].index);
        json_kv_str(j, "error", r->rejected[i].error);
        json_obj_end(j);
    }
    json_arr_end(j);
}

/* Members that forks brought. */
static void put_newer(struct t8n *t, struct json_out *j)
{
    const struct t8n_result *r = &t->result;
    enum fork f = t->rules.fork;
    if (t->env.has_base_fee)
        json_kv_hex_u256(j, "currentBaseFee", t->env.header.base_fee);
    if (t->env.has_withdrawals)
        json_kv_hash(j, "withdrawalsRoot", &r->withdrawals_root);
    if (f >= FORK_CANCUN && t->env.has_blob_fee) {
        json_kv_hex_u64(j, "currentExcessBlobGas", t->env.header.excess_blob_gas);
        json_kv_hex_u64(j, "blobGasUsed", r->out.blob_gas_used);
    }
    if (f < FORK_PRAGUE) {
        json_kv_nil(j, "requests");
    } else {
        json_kv_hash(j, "requestsHash", &r->out.requests_hash);
        json_key(j, "requests");
        json_arr(j);
        for (size_t i = 0; i < r->out.request_num; i++)
            json_hex(j, r->out.requests[i].ptr, r->out.requests[i].len);
        json_arr_end(j);
    }
}

static void put_result(struct t8n *t, struct json_out *j)
{
    const struct t8n_result *r = &t->result;
    json_obj(j);
    json_kv_hash(j, "stateRoot", &r->state_root);
    json_kv_hash(j, "txRoot", &r->tx_root);
    json_kv_hash(j, "receiptsRoot", &r->out.receipts_root);
    json_kv_hash(j, "logsHash", &r->logs_hash);
    json_kv_hex(j, "logsBloom", r->out.bloom, sizeof r->out.bloom);
    put_lists(t, j);
    json_key(j, "currentDifficulty");
    if (t->rules.fork >= FORK_PARIS)
        json_nil(j);
    else
        json_hex_u256(j, t->env.header.difficulty);
    json_kv_hex_u64(j, "gasUsed", r->out.gas_used);
    put_newer(t, j);
    json_obj_end(j);
}

/* ================= body ================= */

static void put_body(struct t8n *t, struct json_out *j)
{
    struct buf body;
    buf_init(&body, OUTPUT_MAX);
    size_t begin = rlp_begin(&body);
    for (size_t i = 0; i < t->result.out.receipt_num; i++) {
        const struct tx *tx = t->result.included[i];
        if (tx->type == TX_LEGACY)
            buf_put_slice(&body, tx->raw);
        else
            rlp_put_bytes(&body, tx->raw.ptr, tx->raw.len);
    }
    rlp_end(&body, begin);
    json_hex(j, body.ptr, buf_ok(&body) ? body.len : 0);
    j->buf->failed |= !buf_ok(&body);
    buf_fini(&body);
}

/* ================= where to ================= */

static const struct {
    const char *name;
    void (*put)(struct t8n *t, struct json_out *j);
} OUTPUTS[] = {{"alloc", put_alloc}, {"result", put_result}, {"body", put_body}};

static const char *place_of(const struct t8n *t, size_t i)
{
    const char *const places[] = {t->opt.out_alloc, t->opt.out_result, t->opt.out_body};
    return places[i];
}

static int write_text(struct t8n *t, FILE *out, const struct buf *text, const char *name)
{
    bool bad = fwrite(text->ptr, 1, text->len, out) != text->len || fflush(out) != 0;
    return bad ? t8n_fail(t, T8N_IO, "failed writing %s", name) : T8N_OK;
}

/* The folder and those above it. */
static void make_folders(const char *path)
{
    char part[4096];
    size_t len = strlen(path);
    for (size_t i = 1; i <= len && i < sizeof part; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        mt_fmt(part, sizeof part, "%.*s", (int)i, path);
        mkdir(part, 0755); /* what is missing shows at the first file */
    }
}

int t8n_path(struct t8n *t, const char *place, char *out, size_t size)
{
    const char *base = t->opt.basedir;
    if (base[0] != 0)
        make_folders(base);
    size_t len = mt_fmt(out, size, "%s%s%s", base, base[0] != 0 ? "/" : "", place);
    if (len + 1 >= size)
        return t8n_fail(t, T8N_IO, "failed writing output: name too long");
    return T8N_OK;
}

static int write_file(struct t8n *t, const char *place, const struct buf *text)
{
    char path[4096];
    int status = t8n_path(t, place, path, sizeof path);
    if (status != T8N_OK)
        return status;
    FILE *out = fopen(path, "wb");
    if (out == NULL)
        return t8n_fail(t, T8N_IO, "failed writing output: %s", path);
    status = write_text(t, out, text, path);
    if (fclose(out) != 0 && status == T8N_OK)
        status = t8n_fail(t, T8N_IO, "failed writing %s", path);
    return status;
}

/* All outputs for one stream as members of one object. */
static int write_stream(struct t8n *t, const char *place, FILE *out)
{
    struct buf text;
    bool any = false;
    buf_init(&text, OUTPUT_MAX);
    struct json_out j = json_out(&text);
    json_obj(&j);
    for (size_t i = 0; i < MT_ARRAY_LEN(OUTPUTS); i++) {
        if (strcmp(place_of(t, i), place) != 0)
            continue;
        any = true;
        json_key(&j, OUTPUTS[i].name);
        OUTPUTS[i].put(t, &j);
    }
    json_obj_end(&j);
    buf_put_u8(&text, '\n');
    int status = T8N_OK;
    if (any)
        status = buf_ok(&text) ? write_text(t, out, &text, place)
                               : t8n_fail(t, T8N_JSON, "output is too large");
    buf_fini(&text);
    return status;
}

int t8n_write(struct t8n *t)
{
    if (t->opt.basedir[0] != 0)
        make_folders(t->opt.basedir); /* also when no file goes there */
    for (size_t i = 0; i < MT_ARRAY_LEN(OUTPUTS); i++) {
        const char *place = place_of(t, i);
        if (place[0] == 0 || strcmp(place, "stdout") == 0 || strcmp(place, "stderr") == 0)
            continue;
        struct buf text;
        buf_init(&text, OUTPUT_MAX);
        struct json_out j = json_out(&text);
        OUTPUTS[i].put(t, &j);
        int status = buf_ok(&text) ? write_file(t, place, &text)
                                   : t8n_fail(t, T8N_JSON, "output is too large");
        buf_fini(&text);
        if (status != T8N_OK)
            return status;
    }
    int status = write_stream(t, "stdout", stdout);
    return status == T8N_OK ? write_stream(t, "stderr", stderr) : status;
}
