/* metis-evm suitetest, blocks of an OP-stack chain: a folder with block.json (as
 * eth_getBlockByNumber gives it, with whole transactions) and pre_state.json (accounts
 * with code hashes), and bytecodes.bincode.gz beside the folder.
 *
 * Such a block begins with deposits: transactions of the derivation, without signature,
 * that buy no gas. They are executed here with the checks of fees and nonces off. The
 * stack's own fees (L1 data, base fee to a vault) move balances that no transaction of
 * a block like this reads, and the pre-state has no trie nodes, so the state root is
 * not compared; the receipts root is, and with it all gas, statuses and logs, as are
 * hash and sender of every signed transaction. Deposit receipts: OP-stack
 * specification, "deposits", Regolith and Canyon. */
#include "evm_opblock.h"
#include "metis/codec.h"
#include "metis/trie.h"

#include <zlib.h>

#define CODES_SIZE_MAX ((size_t)64 << 20)
#define TX_MAX         10000u
#define PATH_MAX_OP    1024u
#define DEPOSIT_TYPE   0x7e
#define DEPOSIT_FLAGS                                                                    \
    (EXEC_SKIP_NONCE | EXEC_SKIP_FUNDS | EXEC_SKIP_FEES | EXEC_SKIP_GAS_CAPS)

/* ================= input ================= */

static mt_err gunzip(const char *path, struct buf *out, struct mt_diag *diag)
{
    gzFile f = gzopen(path, "rb");
    if (f == NULL)
        return mt_fail(diag, MT_EIO, "%s: cannot be read", path);
    uint8_t part[65536];
    int n;
    while ((n = gzread(f, part, sizeof part)) > 0)
        buf_put(out, part, (size_t)n);
    gzclose(f);
    if (n < 0 || !buf_ok(out))
        return mt_fail(diag, MT_EDECODE, "%s: not gzip, or too large", path);
    return MT_OK;
}

/* A length of bincode: one byte, or 251, 252, 253 and 2, 4, 8 bytes, little endian. */
static bool take_len(slice *in, size_t *out)
{
    if (in->len == 0)
        return false;
    uint8_t first = in->ptr[0];
    size_t width = first == 251 ? 2 : first == 252 ? 4 : first == 253 ? 8 : 0;
    if (first > 253 || in->len < 1 + width)
        return false;
    uint64_t n = width == 0 ? first : 0;
    for (size_t i = width; i > 0; i--)
        n = n << 8 | in->ptr[i];
    *in = slice_of(in->ptr + 1 + width, in->len - 1 - width);
    *out = (size_t)n;
    return true;
}

static bool take(slice *in, slice *out)
{
    size_t n;
    if (!take_len(in, &n) || n > in->len)
        return false;
    *out = slice_of(in->ptr, n);
    *in = slice_of(in->ptr + n, in->len - n);
    return true;
}

/* One code as revm keeps it: the kind (0, analysed), the code with padding, its length
 * without, and a bitmap of jump destinations: order, width and start of its words,
 * bits, words. */
static bool take_code(slice *in, slice *out)
{
    size_t kind, len, skip;
    slice order, words;
    if (!take_len(in, &kind) || kind != 0 || !take(in, out) || !take_len(in, &len) ||
        len > out->len || !take(in, &order) || !take_len(in, &skip) ||
        !take_len(in, &skip) || !take_len(in, &skip) || !take(in, &words))
        return false;
    out->len = len;
    return true;
}

/* Gives every account of the pre-state whose code hash is in the file that code. */
static mt_err put_codes(json_t *pre, slice codes, struct mt_diag *diag)
{
    size_t num;
    slice hash, code;
    struct buf text;
    const char *key;
    json_t *account;
    bool ok = take_len(&codes, &num);
    buf_init(&text, CODES_SIZE_MAX);
    for (size_t i = 0; ok && i < num; i++) {
        hash32 want;
        ok = take(&codes, &hash) && take_code(&codes, &code);
        if (!ok)
            break;
        hash32 real = keccak256(code.ptr, code.len);
        ok = hash.len == 32 && memcmp(hash.ptr, real.b, 32) == 0;
        buf_reset(&text);
        struct json_out out = json_out(&text);
        json_hex(&out, code.ptr, code.len);
        json_object_foreach(pre, key, account)
        {
            if (fx_hash(account, "code_hash", &want) && hash32_eq(&want, &real))
                /* without the quotes of the writer */
                json_object_set_new(
                    account, "code",
                    json_stringn((const char *)text.ptr + 1, text.len - 2));
        }
    }
    ok = ok && buf_ok(&text);
    buf_fini(&text);
    return ok ? MT_OK : mt_fail(diag, MT_EDECODE, "bytecodes.bincode.gz: malformed");
}

static mt_err load_pre(const char *path, struct arena *arena, struct mem_state *out,
                       struct mt_diag *diag)
{
    char name[PATH_MAX_OP];
    const char *end = strrchr(path, '/');
    int dir = end != NULL ? (int)(end - path) : 0;
    struct buf text, codes;
    json_t *pre = NULL;
    buf_init(&text, FX_FILE_SIZE_MAX);
    buf_init(&codes, CODES_SIZE_MAX);
    mt_fmt(name, sizeof name, "%.*s/pre_state.json", dir, path);
    mt_err err = fx_read_file(name, &text);
    if (err == MT_OK)
        err = json_parse(buf_slice(&text), FX_FILE_SIZE_MAX, FX_DEPTH_MAX, &pre, diag);
    mt_fmt(name, sizeof name, "%.*s/../bytecodes.bincode.gz", dir, path);
    if (err == MT_OK)
        err = gunzip(name, &codes, diag);
    if (err == MT_OK)
        err = put_codes(pre, buf_slice(&codes), diag);
    if (err == MT_OK)
        err = mem_state_parse(pre, arena, out, diag);
    json_free(pre);
    buf_fini(&text);
    buf_fini(&codes);
    return err;
}

static bool parse_header(const json_t *doc, struct header *h)
{
    *h = (struct header){.field_num = HEADER_FIELDS_MAX};
    return fx_u64(doc, "number", &h->number) && fx_address(doc, "miner", &h->coinbase) &&
           fx_u64(doc, "gasLimit", &h->gas_limit) &&
           fx_u64(doc, "gasUsed", &h->gas_used) &&
           fx_u64(doc, "timestamp", &h->timestamp) &&
           fx_hash(doc, "parentHash", &h->parent_hash) &&
           fx_hash(doc, "receiptsRoot", &h->receipts_root) &&
           fx_hash(doc, "mixHash", &h->mix_hash) &&
           fx_u256(doc, "baseFeePerGas", &h->base_fee) &&
           fx_hash(doc, "parentBeaconBlockRoot", &h->parent_beacon_root);
}

static bool parse_tx(const json_t *doc, struct arena *arena, struct tx *tx, bool *deposit)
{
    uint64_t type;
    *tx = (struct tx){.has_from = true};
    if (!fx_u64(doc, "type", &type) || !fx_address(doc, "from", &tx->from) ||
        !fx_u64(doc, "nonce", &tx->nonce) || !fx_u64(doc, "gas", &tx->gas) ||
        !fx_u256(doc, "value", &tx->value) || !fx_bytes(doc, "input", arena, &tx->data) ||
        !fx_u256(doc, "gasPrice", &tx->gas_price) || !fx_u256(doc, "v", &tx->v) ||
        !fx_u256(doc, "r", &tx->r) || !fx_u256(doc, "s", &tx->s) ||
        !fx_access_list(json_object_get(doc, "accessList"), arena, tx))
        return false;
    tx->has_to = fx_address(doc, "to", &tx->to);
    tx->has_chain_id = fx_u64(doc, "chainId", &tx->chain_id);
    tx->max_fee = tx->max_priority_fee = tx->gas_price;
    *deposit = type == DEPOSIT_TYPE;
    if (*deposit)
        return true;
    tx->type = (enum tx_type)type;
    u256 parity = tx->v;
    if (type == TX_LEGACY)
        parity = u256_sub(tx->v, u256_from(tx->has_chain_id ? 35 : 27));
    tx->y_parity = (uint8_t)(u256_to_u64_sat(parity) & 1);
    return type == TX_LEGACY || type == TX_ACCESS_LIST ||
           (type == TX_DYNAMIC_FEE && fx_u256(doc, "maxFeePerGas", &tx->max_fee) &&
            fx_u256(doc, "maxPriorityFeePerGas", &tx->max_priority_fee));
}

/* ================= execution ================= */

struct op_block {
    const json_t *txs;
    struct header header;
    struct rules rules;
    struct arena *arena;
    slice *receipts;
};

/* A signed transaction is the one that was signed. */
static mt_err check_signed(const json_t *doc, struct tx *tx, struct arena *arena,
                           struct mt_diag *diag)
{
    struct buf raw;
    hash32 want;
    address from = tx->from;
    buf_init_arena(&raw, arena, 1u << 20);
    tx_encode(tx, &raw);
    hash32 hash = keccak256(raw.ptr, raw.len);
    if (!buf_ok(&raw) || !fx_hash(doc, "hash", &want) || !hash32_eq(&hash, &want))
        return mt_fail(diag, MT_EDECODE, "its hash is another one");
    MT_TRY(tx_recover(tx, true, crypto_native(), diag));
    if (!address_eq(&from, &tx->from))
        return mt_fail(diag, MT_EDECODE, "another account signed it");
    return MT_OK;
}

/* A deposit's receipt has the sender's nonce and a version behind the usual fields. */
static mt_err put_receipt(const json_t *doc, const struct receipt *r, bool deposit,
                          struct arena *arena, slice *out, struct mt_diag *diag)
{
    struct buf b, all;
    buf_init_arena(&b, arena, 1u << 24);
    receipt_encode(r, &b);
    *out = buf_slice(&b);
    if (!buf_ok(&b))
        return MT_ELIMIT;
    if (!deposit)
        return MT_OK;
    uint64_t nonce, version;
    slice fields, whole;
    bool list;
    struct rlp in = rlp_reader(*out);
    MT_TRY(rlp_next(&in, &fields, &list, &whole));
    if (!fx_u64(doc, "nonce", &nonce) || !fx_u64(doc, "depositReceiptVersion", &version))
        return mt_fail(diag, MT_EDECODE, "a deposit without nonce or receipt version");
    buf_init_arena(&all, arena, 1u << 24);
    buf_put_u8(&all, DEPOSIT_TYPE);
    size_t begin = rlp_begin(&all);
    buf_put_slice(&all, fields);
    rlp_put_u64(&all, nonce);
    rlp_put_u64(&all, version);
    rlp_end(&all, begin);
    *out = buf_slice(&all);
    return buf_ok(&all) ? MT_OK : MT_ELIMIT;
}

static mt_err run_txs(struct op_block *b, struct block_exec *be, struct mt_diag *diag)
{
    for (size_t i = 0; i < json_array_size(b->txs); i++) {
        const json_t *doc = json_array_get(b->txs, i);
        struct tx tx;
        struct tx_outcome o;
        bool deposit;
        mt_err err = MT_EDECODE;
        if (parse_tx(doc, b->arena, &tx, &deposit))
            err = deposit ? MT_OK : check_signed(doc, &tx, b->arena, diag);
        if (err == MT_OK)
            err = block_exec_tx(be, &tx, deposit ? DEPOSIT_FLAGS : 0, &o, diag);
        if (err == MT_OK)
            err = put_receipt(doc, &o.receipt, deposit, b->arena, &b->receipts[i], diag);
        if (err != MT_OK)
            return mt_wrap(diag, err, "transaction %zu", i);
    }
    return MT_OK;
}

static mt_err run_block(struct op_block *b, struct mem_state *pre, struct suite *s,
                        struct arena *scratch, struct mt_diag *diag)
{
    struct vm_reader reader = mem_state_reader(pre);
    struct block_exec_in in = {.rules = &b->rules,
                               .header = &b->header,
                               .reader = &reader,
                               .crypto = crypto_native(),
                               .arena = b->arena,
                               .scratch = scratch,
                               .engine = s->engine};
    size_t num = json_array_size(b->txs);
    hash32 root;
    if (num == 0 || num > TX_MAX)
        return mt_fail(diag, MT_EDECODE, "no transactions, or more than %u", TX_MAX);
    b->receipts = arena_zalloc(b->arena, num, sizeof *b->receipts);
    struct block_exec *be = block_exec_new(&in);
    if (be == NULL || b->receipts == NULL)
        return MT_ELIMIT;
    MT_TRY(block_exec_begin(be, diag));
    MT_TRY(run_txs(b, be, diag));
    uint64_t gas = block_exec_gas_used(be);
    if (gas != b->header.gas_used)
        return mt_fail(diag, MT_EINVALID_BLOCK, "%llu gas used, should be %llu",
                       (unsigned long long)gas, (unsigned long long)b->header.gas_used);
    MT_TRY(trie_ordered_root(scratch, b->receipts, num, &root));
    if (!hash32_eq(&root, &b->header.receipts_root))
        return mt_fail(diag, MT_EINVALID_BLOCK, "another receipts root");
    return MT_OK;
}

static mt_err no_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    (void)ctx;
    (void)number;
    *out = (hash32){{0}};
    return MT_OK;
}

bool opblock_is(const json_t *doc)
{
    return json_is_array(json_object_get(doc, "transactions")) &&
           json_is_string(json_object_get(doc, "receiptsRoot"));
}

void opblock_run(struct suite *s, const char *path, const json_t *doc,
                 struct arena *arena, struct arena *scratch, struct buf *report)
{
    struct mt_diag diag = {0};
    struct mem_state pre;
    struct op_block b = {.txs = json_object_get(doc, "transactions"), .arena = arena};
    uint64_t chain_id = 0;
    size_t i;
    json_t *tx;
    json_array_foreach(b.txs, i, tx) fx_u64(tx, "chainId", &chain_id);
    struct chain_spec spec;
    chain_spec_for_fork(FORK_PRAGUE, chain_id, &spec);
    if (!suite_wants(s, path, fork_name(FORK_PRAGUE)))
        return;
    mt_err err = parse_header(doc, &b.header)
                     ? MT_OK
                     : mt_fail(&diag, MT_EDECODE, "the header is malformed");
    b.rules = chain_rules(&spec, b.header.number, b.header.timestamp, true);
    if (err == MT_OK)
        err = load_pre(path, arena, &pre, &diag);
    if (err == MT_OK) {
        pre.block_hash = no_block_hash;
        err = run_block(&b, &pre, s, scratch, &diag);
    }
    suite_case(s, report, path, fork_name(FORK_PRAGUE), NULL,
               err == MT_OK ? "" : log_err_text(err, &diag));
}
