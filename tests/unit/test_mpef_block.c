/* Steps of a block on a small world: who pays whom, what an invalid transaction leaves,
 * system calls and requests, withdrawals and rewards, patches. Expected values are worked out
 * by hand from the EIPs named at each test; hashes come from gen_mpef.py. */
#include "metisvm_host.h"

#include "metis/mpef.h"
#include "mpef_requests_table.h"

enum {
    SENDER = 0xca11e4,
    COINBASE = 0xc0ffee,
    RECIPIENT = 0xbeef,
    VAULT = 0x7a017,
    ORACLE = 0x0f
};

static const uint64_t GWEI = 1000000000;
static const uint64_t RICH = 10000000000000000000u; /* 10 ether */

/* EIP-2935 and EIP-4788, from their texts. */
static const char HISTORY_CODE[] =
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f3560014303811160"
    "4"
    "257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";
static const char BEACON_CODE[] = "3373fffffffffffffffffffffffffffffffffffffffe14604d5760"
                                  "2036146024575f5ffd5b5f3580156049"
                                  "5762001fff810690815414603c575f5ffd5b62001fff01545f5260"
                                  "205ff35b5f5ffd5b62001fff42064281"
                                  "555f359062001fff015500";

struct world {
    struct host host;
    struct header header;
    struct block_exec_in in;
    struct block_exec *be;
    struct mt_diag diag;
};

static struct world w;

static void world_init(enum fork fork)
{
    host_init(&w.host, fork);
    chain_spec_for_fork(fork, 1, &w.host.spec);
    w.host.rules = chain_rules(&w.host.spec, 1, 1, true);
    w.header = (struct header){.number = 1000,
                               .timestamp = 12345,
                               .gas_limit = 30000000,
                               .coinbase = host_addr(COINBASE),
                               .base_fee = u256_from(7 * GWEI),
                               .parent_hash = {{0xaa, 1}},
                               .parent_beacon_root = {{0xbb, 2}},
                               .field_num = header_fields_for(&w.host.rules)};
    host_put(&w.host, SENDER, "", RICH);
}

/* Puts a contract at an address given in hex. */
static void put_at(const char *addr, const char *code)
{
    struct host_account *a = host_put(&w.host, 0, code, 0);
    cr_assert_eq(hex_decode_fixed(addr, a->addr.b, 20), MT_OK);
}

static void world_start(void)
{
    w.in = (struct block_exec_in){.rules = &w.host.rules,
                                  .header = &w.header,
                                  .reader = &w.host.reader,
                                  .crypto = crypto_native(),
                                  .arena = &w.host.arena};
    w.be = block_exec_new(&w.in);
    cr_assert_not_null(w.be);
}

static struct tx transfer(uint64_t nonce, uint64_t value, uint64_t gas)
{
    return (struct tx){.type = TX_DYNAMIC_FEE,
                       .nonce = nonce,
                       .max_priority_fee = u256_from(2 * GWEI),
                       .max_fee = u256_from(20 * GWEI),
                       .gas = gas,
                       .has_to = true,
                       .to = host_addr(RECIPIENT),
                       .value = u256_from(value),
                       .has_from = true,
                       .from = host_addr(SENDER)};
}

static u256 balance(uint64_t n)
{
    const struct vm_reader *r = block_exec_reader(w.be);
    struct account a;
    bool exists;
    address addr = host_addr(n);
    cr_assert_eq(r->account(r->ctx, &addr, &a, &exists), MT_OK);
    return a.balance;
}

static u256 storage(const char *addr, uint64_t slot)
{
    const struct vm_reader *r = block_exec_reader(w.be);
    address a;
    hash32 key = u256_to_hash(u256_from(slot));
    u256 v;
    hex_decode_fixed(addr, a.b, 20);
    cr_assert_eq(r->storage(r->ctx, &a, &key, &v), MT_OK);
    return v;
}

static enum tx_error refused(const struct tx *tx)
{
    struct tx_outcome o;
    cr_assert_eq(block_exec_tx(w.be, tx, 0, &o, &w.diag), MT_EINVALID_TX);
    cr_assert_str_eq(w.diag.text, tx_error_text(o.error));
    return o.error;
}

static struct tx_outcome done(const struct tx *tx, unsigned flags)
{
    struct tx_outcome o;
    cr_assert_eq(block_exec_tx(w.be, tx, flags, &o, &w.diag), MT_OK, "%s", w.diag.text);
    return o;
}

/* ================= fees ================= */

/* EIP-1559: price = min(20, 7 + 2) gwei; 2 to the coinbase, 7 burnt. */
Test(mpef_block, fees_of_a_transfer)
{
    world_init(FORK_OSAKA);
    world_start();
    struct tx tx = transfer(0, 5, 21000);
    struct tx_outcome o = done(&tx, 0);
    cr_assert_eq(o.gas_used, 21000);
    cr_assert(o.receipt.success);
    cr_assert_eq(o.receipt.cumulative_gas, 21000);
    cr_assert_eq(o.receipt.effective_gas_price.w[0], 9 * GWEI);
    cr_assert_eq(balance(SENDER).w[0], RICH - 5 - 21000 * 9 * GWEI);
    cr_assert_eq(balance(COINBASE).w[0], 21000 * 2 * GWEI);
    cr_assert_eq(balance(RECIPIENT).w[0], 5);
    cr_assert_eq(o.delta.account_num, 3);
    cr_assert_eq(block_exec_gas_used(w.be), 21000);
}

Test(mpef_block, base_fee_goes_to_the_vault)
{
    world_init(FORK_OSAKA);
    w.host.spec.base_fee_vault = true;
    w.host.spec.vault = host_addr(VAULT);
    world_start();
    struct tx tx = transfer(0, 5, 50000);
    done(&tx, 0);
    cr_assert_eq(balance(VAULT).w[0], 21000 * 7 * GWEI);
    cr_assert_eq(balance(COINBASE).w[0], 21000 * 2 * GWEI);
    cr_assert_eq(balance(SENDER).w[0], RICH - 5 - 21000 * 9 * GWEI);
}

/* EIP-3529: PUSH0 PUSH0 SSTORE on a slot that was 1 refunds 4800, of at most a fifth. */
Test(mpef_block, refund_is_capped)
{
    world_init(FORK_OSAKA);
    host_put(&w.host, RECIPIENT, "5f5f5500", 0);
    host_slot(&w.host, RECIPIENT, 0, 1);
    world_start();
    struct tx tx = transfer(0, 0, 100000);
    struct tx_outcome o = done(&tx, 0);
    const uint64_t used = 21000 + 2 + 2 + 5000; /* cold slot 2100 + reset 2900 */
    cr_assert_eq(o.gas_refunded, 4800);
    cr_assert_eq(o.gas_used, used - 4800);
}

/* EIP-7623: 100 bytes of 1 cost 16 a byte to run but 40 a byte at least. */
Test(mpef_block, floor_of_call_data)
{
    static uint8_t data[100];
    memset(data, 1, sizeof data);
    world_init(FORK_PRAGUE);
    world_start();
    struct tx tx = transfer(0, 0, 30000);
    tx.data = slice_of(data, sizeof data);
    cr_assert_eq(done(&tx, 0).gas_used, 21000 + 100 * 40);
    tx.nonce = 1;
    tx.gas = 21000 + 100 * 40 - 1;
    cr_assert_eq(refused(&tx), TX_FLOOR_GAS);
}

/* ================= the L1 data fee ================= */

static void put_oracle(uint64_t l1_base_fee)
{
    w.host.spec.l1_fee = true;
    w.host.spec.gas_price_oracle = host_addr(ORACLE);
    host_slot(&w.host, ORACLE, 2, l1_base_fee);
    host_slot(&w.host, ORACLE, 3, 2100); /* overhead */
    host_slot(&w.host, ORACLE, 4, 1);    /* scalar */
}

/* A typed transaction of 10 other and 10 zero bytes: 4 * 10 + 16 * (10 + 68) + 2100 = 3388
 * L1 gas, at 9 gwei each and 9 gwei a gas: 3388 more gas. */
Test(mpef_block, l1_fee_is_extra_gas)
{
    static uint8_t raw[20] = {2, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    world_init(FORK_OSAKA);
    put_oracle(9 * GWEI);
    world_start();
    struct tx tx = transfer(0, 5, 21000 + 3388 - 1);
    tx.raw = slice_of(raw, sizeof raw);
    cr_assert_eq(refused(&tx), TX_L1_FEE_GAS);
    tx.gas++;
    struct tx_outcome o = done(&tx, 0);
    cr_assert_eq(o.gas_used, 21000 + 3388);
    cr_assert_eq(block_exec_gas_used(w.be), 21000 + 3388);
    cr_assert(o.receipt.has_l1_fee);
    cr_assert_eq(o.receipt.l1_gas_used, 3388);
    cr_assert_eq(o.receipt.l1_fee.w[0], 3388 * 9 * GWEI);
    cr_assert_eq(o.receipt.l1_gas_price.w[0], 9 * GWEI);
    cr_assert_eq(balance(SENDER).w[0], RICH - 5 - (21000 + 3388) * 9 * GWEI);
    cr_assert_eq(balance(COINBASE).w[0], (21000 + 3388) * 2 * GWEI);
}

/* Outside EIP-7825's cap: 2^24 gas beside the extra gas is allowed, one more is not. */
Test(mpef_block, l1_fee_is_outside_the_gas_cap)
{
    static uint8_t raw[20] = {2, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    world_init(FORK_OSAKA);
    put_oracle(9 * GWEI);
    world_start();
    struct tx tx = transfer(0, 5, 16777216 + 3388 + 1);
    tx.raw = slice_of(raw, sizeof raw);
    cr_assert_eq(refused(&tx), TX_TX_GAS_CAP);
    tx.gas--;
    cr_assert_eq(done(&tx, 0).gas_used, 21000 + 3388);
}

/* Outside EIP-7623's floor: the floor holds for what is left beside the extra gas. */
Test(mpef_block, l1_fee_is_outside_the_floor)
{
    static uint8_t raw[20] = {2, 1, 1, 1, 1, 1, 1, 1, 1, 1}, data[100];
    memset(data, 1, sizeof data);
    world_init(FORK_OSAKA);
    put_oracle(9 * GWEI);
    world_start();
    struct tx tx = transfer(0, 0, 25000 + 3388);
    tx.raw = slice_of(raw, sizeof raw);
    tx.data = slice_of(data, sizeof data);
    cr_assert_eq(done(&tx, 0).gas_used, 25000 + 3388);
    tx.nonce = 1;
    tx.gas--;
    cr_assert_eq(refused(&tx), TX_FLOOR_GAS);
}

/* ================= invalid transactions and calls ================= */

Test(mpef_block, invalid_transactions_change_nothing)
{
    world_init(FORK_OSAKA);
    host_put(&w.host, 0x5e4de4, "6000", RICH);
    world_start();
    struct tx tx = transfer(1, 5, 21000);
    cr_assert_eq(refused(&tx), TX_NONCE_TOO_HIGH);
    tx.nonce = 0;
    tx.value = u256_from(RICH);
    cr_assert_eq(refused(&tx), TX_INSUFFICIENT_FUNDS);
    tx.value = U256_MAX;
    cr_assert_eq(refused(&tx), TX_INSUFFICIENT_FUNDS);
    tx.value = U256_ZERO;
    tx.max_fee = u256_from(7 * GWEI - 1);
    tx.max_priority_fee = U256_ZERO;
    cr_assert_eq(refused(&tx), TX_FEE_CAP_TOO_LOW);
    tx = transfer(0, 5, 16000000);
    w.header.gas_limit = 15999999;
    world_start();
    cr_assert_eq(refused(&tx), TX_BLOCK_GAS);
    tx = transfer(1, 0, 21000);
    tx.from = host_addr(0x5e4de4);
    cr_assert_eq(refused(&tx), TX_SENDER_NOT_EOA);
    cr_assert_eq(balance(SENDER).w[0], RICH);
    cr_assert_eq(block_exec_gas_used(w.be), 0);
    tx = transfer(0, 0, 21000);
    done(&tx, 0);
    cr_assert_eq(refused(&tx), TX_NONCE_TOO_LOW);
}

/* A call: BASEFEE reads 0 without a price, nothing is paid, a contract may send. */
Test(mpef_block, calls_depart_from_the_rules)
{
    world_init(FORK_OSAKA);
    host_put(&w.host, RECIPIENT, "485f5260205ff3", 0); /* returns BASEFEE */
    world_start();
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .nonce = 77,
                    .gas = 40000000,
                    .has_to = true,
                    .to = host_addr(RECIPIENT),
                    .has_from = true,
                    .from = host_addr(RECIPIENT)};
    struct tx_outcome o = done(&tx, EXEC_CALL);
    cr_assert_eq(o.halt, VM_SUCCESS);
    cr_assert_eq(o.output.len, 32);
    cr_assert(u256_is_zero(u256_load_be(o.output.ptr)));
    cr_assert(u256_is_zero(balance(COINBASE)));
    tx.max_fee = u256_from(8 * GWEI);
    o = done(&tx, EXEC_CALL);
    cr_assert_eq(u256_load_be(o.output.ptr).w[0], 7 * GWEI);
    tx.value = U256_ONE;
    struct tx_outcome bad;
    cr_assert_eq(block_exec_tx(w.be, &tx, EXEC_CALL, &bad, NULL), MT_EINVALID_TX);
    cr_assert_eq(bad.error, TX_INSUFFICIENT_FUNDS);
}

static bool stop(void *ctx)
{
    return ++*(int *)ctx >= 3;
}

Test(mpef_block, cancelled_on_request)
{
    int asked = 0;
    world_init(FORK_OSAKA);
    host_put(&w.host, RECIPIENT, "5b5f56", 0); /* a loop */
    world_start();
    w.in.should_stop = stop;
    w.in.stop_ctx = &asked;
    w.be = block_exec_new(&w.in);
    struct tx tx = transfer(0, 0, 16000000);
    struct tx_outcome o;
    cr_assert_eq(block_exec_tx(w.be, &tx, 0, &o, NULL), MT_ECANCELED);
    cr_assert_eq(asked, 3);
    cr_assert_eq(balance(SENDER).w[0], RICH);
}

/* ================= begin and end ================= */

static const char HISTORY[] = "0000f90827f1c53a10cb7a02335b175320002935";
static const char BEACON[] = "000f3df6d732807ef1319fb7b8bb8522d0beac02";
static const char WITHDRAWALS[] = "00000961ef480eb55e80d19ad83579a64c007002";
static const char CONSOLIDATIONS[] = "0000bbddc7ce488642fb579f8b00f3a590007251";

/* EIP-2935: slot (number - 1) % 8191. EIP-4788: timestamp % 8191 and 8191 further. */
Test(mpef_block, system_calls_store_hashes)
{
    world_init(FORK_PRAGUE);
    put_at(HISTORY, HISTORY_CODE);
    put_at(BEACON, BEACON_CODE);
    world_start();
    cr_assert_eq(block_exec_begin(w.be, &w.diag), MT_OK);
    cr_assert(u256_eq(storage(HISTORY, 999), u256_from_hash(&w.header.parent_hash)));
    cr_assert_eq(storage(BEACON, 12345 % 8191).w[0], 12345);
    cr_assert(u256_eq(storage(BEACON, 12345 % 8191 + 8191),
                      u256_from_hash(&w.header.parent_beacon_root)));
    cr_assert_eq(block_exec_gas_used(w.be), 0);
}

Test(mpef_block, missing_history_contracts_are_passed_over)
{
    world_init(FORK_PRAGUE);
    world_start();
    cr_assert_eq(block_exec_begin(w.be, &w.diag), MT_OK);
    cr_assert(u256_is_zero(storage(HISTORY, 999)));
}

static mt_err end(struct block_exec_out *out)
{
    return block_exec_end(w.be, NULL, 0, NULL, 0, out, &w.diag);
}

/* EIP-7002: without code the block is invalid, and so it is when the call fails. */
Test(mpef_block, request_contracts_must_answer)
{
    struct block_exec_out out;
    world_init(FORK_PRAGUE);
    world_start();
    cr_assert_eq(end(&out), MT_EINVALID_BLOCK);
    cr_assert_str_eq(block_exec_error_names(w.be), "SYSTEM_CONTRACT_EMPTY");
    world_init(FORK_PRAGUE);
    put_at(WITHDRAWALS, "00");
    put_at(CONSOLIDATIONS, "fe");
    world_start();
    cr_assert_eq(end(&out), MT_EINVALID_BLOCK);
    cr_assert_str_eq(block_exec_error_names(w.be), "SYSTEM_CONTRACT_CALL_FAILED");
}

static void check_hash(const hash32 *h, const char *hex)
{
    cr_assert_str_eq(hash32_text(h).s + 2, hex);
}

/* EIP-6110: a contract at the deposit address that logs its call data as the event. */
static void world_with_deposits(void)
{
    world_init(FORK_PRAGUE);
    put_at(WITHDRAWALS, "00");
    put_at(CONSOLIDATIONS, "00");
    put_at("00000000219ab540356cbb839cbe05303d7705fa",
           "365f5f377f649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5"
           "365fa1");
    world_start();
}

Test(mpef_block, deposits_are_read_from_logs)
{
    static uint8_t data[576];
    struct block_exec_out out;
    size_t n;
    cr_assert_eq(hex_decode(deposit_data, strlen(deposit_data), data, sizeof data, &n),
                 MT_OK);
    world_with_deposits();
    struct tx tx = transfer(0, 0, 1000000);
    tx.to = w.host.spec.deposit_contract;
    tx.data = slice_of(data, n);
    cr_assert_eq(done(&tx, 0).receipt.log_num, 1);
    cr_assert_eq(end(&out), MT_OK);
    check_hash(&out.requests_hash, deposit_requests_hash);
    cr_assert_eq(out.receipt_num, 1);
    cr_assert(bloom_may_contain(out.bloom, slice_of(tx.to.b, 20)));

    world_with_deposits();
    cr_assert_eq(end(&out), MT_OK);
    check_hash(&out.requests_hash, empty_requests_hash);

    world_with_deposits();
    data[31]++; /* the first offset */
    done(&tx, 0);
    cr_assert_eq(end(&out), MT_EINVALID_BLOCK);
    cr_assert_str_eq(block_exec_error_names(w.be), "INVALID_DEPOSIT_EVENT_LAYOUT");
}

/* EIP-4895: gwei; an amount of zero makes no account. */
Test(mpef_block, withdrawals)
{
    struct block_exec_out out;
    struct withdrawal list[] = {{.addr = host_addr(1001), .amount_gwei = 3},
                                {.addr = host_addr(1002), .amount_gwei = 0},
                                {.addr = host_addr(1001), .amount_gwei = 4}};
    world_init(FORK_SHANGHAI);
    world_start();
    cr_assert_eq(block_exec_end(w.be, NULL, 0, list, 3, &out, &w.diag), MT_OK);
    cr_assert_eq(balance(1001).w[0], 7 * GWEI);
    cr_assert_eq(out.delta.account_num, 1);
    cr_assert(hash32_eq(&out.receipts_root, &KECCAK_RLP_EMPTY));
}

/* Yellow paper, 11.3: 5 ether, 1/32 of it for each ommer, (8 - depth)/8 for its maker. */
Test(mpef_block, rewards)
{
    struct block_exec_out out;
    struct header ommer = {.number = 998, .coinbase = host_addr(1003)};
    const uint64_t ether = 1000000000000000000u;
    world_init(FORK_HOMESTEAD);
    world_start();
    cr_assert_eq(block_exec_end(w.be, &ommer, 1, NULL, 0, &out, &w.diag), MT_OK);
    cr_assert_eq(balance(COINBASE).w[0], 5 * ether + 5 * ether / 32);
    cr_assert_eq(balance(1003).w[0], 5 * ether / 8 * 6);
    world_init(FORK_BYZANTIUM);
    world_start();
    cr_assert_eq(end(&out), MT_OK);
    cr_assert_eq(balance(COINBASE).w[0], 3 * ether);
    world_init(FORK_LONDON);
    world_start();
    cr_assert_eq(end(&out), MT_OK);
    cr_assert_eq(balance(COINBASE).w[0], 2 * ether);
    world_init(FORK_PARIS);
    world_start();
    cr_assert_eq(end(&out), MT_OK);
    cr_assert_eq(out.delta.account_num, 0);
}

/* EIP-779 */
Test(mpef_block, dao_fork_moves_balances)
{
    static const char drained[] = "bb9bc244d798123fde783fcc1c72d3bb8c189413";
    static const char refund[] = "bf4ed7b27f1d666546e30d74d50d173d20bca754";
    struct block_exec_out out;
    world_init(FORK_DAO);
    w.host.spec.dao_support = true;
    w.host.spec.fork_at[FORK_DAO] = 1000;
    struct host_account *a = host_put(&w.host, 0, "00", 17);
    cr_assert_eq(hex_decode_fixed(drained, a->addr.b, 20), MT_OK);
    world_start();
    cr_assert_eq(block_exec_begin(w.be, &w.diag), MT_OK);
    cr_assert_eq(end(&out), MT_OK);
    cr_assert_eq(out.delta.account_num, 118); /* the 116 of EIP-779, refund, coinbase */
    for (size_t i = 0; i < out.delta.account_num; i++) {
        const struct account_change *c = &out.delta.accounts[i];
        uint64_t want = strncmp(address_text(&c->addr).s + 2, refund, 40) == 0 ? 17 : 0;
        if (!address_eq(&c->addr, &w.header.coinbase))
            cr_assert_eq(c->balance.w[0], want);
    }
}

/* ================= the overlay ================= */

/* A patch counts as the parent's state: it is seen, but is no change of the block. */
Test(mpef_block, patches_are_not_in_the_delta)
{
    struct block_exec_out out;
    struct account_change c = {.addr = host_addr(RECIPIENT),
                               .balance = u256_from(99),
                               .code_hash = KECCAK_EMPTY};
    struct state_delta patch = {&c, 1};
    world_init(FORK_SHANGHAI);
    world_start();
    cr_assert_eq(block_exec_patch(w.be, &patch), MT_OK);
    cr_assert_eq(balance(RECIPIENT).w[0], 99);
    cr_assert_eq(end(&out), MT_OK);
    cr_assert_eq(out.delta.account_num, 0);
}

/* The slots that the block has of the recipient, by number; *whole as it is told. */
static size_t slots_of(u256 out[4], bool *whole)
{
    address addr = host_addr(RECIPIENT);
    struct slot_change *slots;
    size_t num;
    memset(out, 0, 4 * sizeof(out[0]));
    cr_assert_eq(block_exec_slots(w.be, &addr, &w.host.arena, &slots, &num, whole),
                 MT_OK);
    for (size_t i = 0; i < num; i++) {
        uint64_t n = u256_to_u64_sat(u256_from_hash(&slots[i].slot));
        cr_assert_lt(n, 4);
        out[n] = slots[i].value;
    }
    return num;
}

/* Before Cancun SELFDESTRUCT takes all slots away (yellow paper 9, EIP-6780). */
Test(mpef_block, slots_of_an_account_so_far)
{
    u256 v[4];
    bool whole;
    struct tx tx = transfer(0, 5, 100000);
    world_init(FORK_SHANGHAI);
    /* value 5: s[1] = s[0] + 5; value 6: is destroyed */
    host_put(&w.host, RECIPIENT, "34600614600f575f543401600155005b5fff", 0);
    host_slot(&w.host, RECIPIENT, 0, 7);
    world_start();
    cr_assert_eq(slots_of(v, &whole), 0);
    cr_assert(!whole);
    done(&tx, 0);
    cr_assert_eq(slots_of(v, &whole), 2);
    cr_assert(!whole && u256_eq(v[0], u256_from(7)) && u256_eq(v[1], u256_from(12)));
    tx = transfer(1, 6, 100000);
    done(&tx, 0);
    cr_assert_eq(slots_of(v, &whole), 0);
    cr_assert(whole);
}

/* The block's delta is that of its transactions in turn. */
Test(mpef_block, delta_of_a_block_is_the_merge_of_its_transactions)
{
    struct block_exec_out out;
    struct state_delta merged = {NULL, 0};
    world_init(FORK_SHANGHAI);
    /* adds 1 to slot CALLVALUE */
    host_put(&w.host, RECIPIENT, "345460010134553400", 0);
    host_slot(&w.host, RECIPIENT, 3, 41);
    world_start();
    for (uint64_t i = 0; i < 5; i++) {
        struct tx tx = transfer(i, i % 4, 100000);
        struct tx_outcome o = done(&tx, 0);
        cr_assert(o.receipt.success);
        cr_assert_eq(delta_merge(&w.host.arena, &merged, &o.delta, &merged), MT_OK);
    }
    cr_assert_eq(end(&out), MT_OK);
    cr_assert_eq(out.delta.account_num, merged.account_num);
    for (size_t i = 0; i < merged.account_num; i++) {
        const struct account_change *a = &merged.accounts[i], *b = &out.delta.accounts[i];
        cr_assert(address_eq(&a->addr, &b->addr));
        cr_assert(u256_eq(a->balance, b->balance));
        cr_assert_eq(a->nonce, b->nonce);
        cr_assert_eq(a->slot_num, b->slot_num);
        for (size_t j = 0; j < a->slot_num; j++) {
            cr_assert(hash32_eq(&a->slots[j].slot, &b->slots[j].slot));
            cr_assert(u256_eq(a->slots[j].value, b->slots[j].value));
        }
    }
}

/* ================= Amsterdam ================= */

/* The state gas of an account: 120 bytes at 1530 (EIP-8037). */
#define NEW_ACCOUNT (120u * 1530u)

/* EIP-2780: 12000 for the transaction, 3000 for another account, 6000 for value; EIP-8037:
 * the account that the value makes, in a dimension of its own; EIP-7708: a log of it. */
Test(mpef_block, amsterdam_transfers)
{
    world_init(FORK_AMSTERDAM);
    world_start();
    struct tx tx = transfer(0, 0, 15000);
    cr_assert_eq(done(&tx, 0).gas_used, 15000);
    tx = transfer(1, 5, 21000 + NEW_ACCOUNT);
    struct tx_outcome o = done(&tx, 0);
    cr_assert(o.receipt.success);
    cr_assert_eq(o.gas_used, 21000 + NEW_ACCOUNT);
    cr_assert_eq(o.receipt.log_num, 1);
    cr_assert_eq(o.receipt.logs[0].topic_num, 3);
    cr_assert(u256_eq(u256_load_be(o.receipt.logs[0].data.ptr), u256_from(5)));
    tx = transfer(2, 5, 21000);
    cr_assert_eq(done(&tx, 0).gas_used, 21000);
    cr_assert_eq(block_exec_gas_used(w.be), NEW_ACCOUNT); /* the larger dimension */
    tx.to = tx.from;
    tx.nonce = 3;
    tx.gas = 12000;
    o = done(&tx, 0);
    cr_assert_eq(o.gas_used, 12000);
    cr_assert_eq(o.receipt.log_num, 0);
}

/* EIP-8037: who cannot pay for the account keeps it from being made and loses the gas. */
Test(mpef_block, amsterdam_account_is_not_paid)
{
    world_init(FORK_AMSTERDAM);
    world_start();
    struct tx tx = transfer(0, 5, 21000 + NEW_ACCOUNT - 1);
    struct tx_outcome o = done(&tx, 0);
    cr_assert_not(o.receipt.success);
    cr_assert_eq(o.gas_used, 21000 + NEW_ACCOUNT - 1);
    cr_assert_eq(o.receipt.log_num, 0);
    cr_assert(u256_is_zero(balance(RECIPIENT)));
}

static void put_balance(struct buf *b, u256 value)
{
    size_t list = rlp_begin(b), change = rlp_begin(b);
    rlp_put_u64(b, 1);
    rlp_put_u256(b, value);
    rlp_end(b, change);
    rlp_end(b, list);
}

/* [address, [], [], balance, nonce, []] */
static void put_seen(struct buf *b, const address *addr, u256 value, uint64_t nonce)
{
    size_t list = rlp_begin(b);
    rlp_put_bytes(b, addr->b, 20);
    rlp_put_empty_list(b);
    rlp_put_empty_list(b);
    if (u256_is_zero(value))
        rlp_put_empty_list(b);
    else
        put_balance(b, value);
    if (nonce == 0)
        rlp_put_empty_list(b);
    else
        put_balance(b, u256_from(nonce));
    rlp_put_empty_list(b);
    rlp_end(b, list);
}

/* EIP-7928: every account in order, contracts of the end of the block without a change. */
Test(mpef_block, amsterdam_access_list)
{
    /* EIP-7002, 7251 and 8282, in the order of their addresses */
    static const char *const contracts[] = {"00000961ef480eb55e80d19ad83579a64c007002",
                                            "0000bbddc7ce488642fb579f8b00f3a590007251",
                                            "0000bff46984e3725691fa540a8c7589300d8282",
                                            "000064d678505ad48f8ccb093bc65613800e8282"};
    static const size_t order[] = {0, 3, 1, 2};
    struct block_exec_out out;
    struct buf want;
    world_init(FORK_AMSTERDAM);
    for (size_t i = 0; i < MT_ARRAY_LEN(contracts); i++)
        put_at(contracts[i], "00");
    world_start();
    struct tx tx = transfer(0, 5, 21000 + NEW_ACCOUNT);
    uint64_t gas = done(&tx, 0).gas_used;
    cr_assert_eq(end(&out), MT_OK);
    address recipient = host_addr(RECIPIENT), coinbase = host_addr(COINBASE);
    address sender = host_addr(SENDER);
    buf_init(&want, 1 << 20);
    size_t list = rlp_begin(&want);
    put_seen(&want, &recipient, u256_from(5), 0); /* 0x00…beef */
    put_seen(&want, &coinbase, u256_from(2 * GWEI * gas), 0);
    put_seen(&want, &sender, u256_from(RICH - 5 - 9 * GWEI * gas), 1);
    for (size_t i = 0; i < MT_ARRAY_LEN(order); i++) {
        address a;
        cr_assert_eq(hex_decode_fixed(contracts[order[i]], a.b, 20), MT_OK);
        put_seen(&want, &a, U256_ZERO, 0);
    }
    rlp_end(&want, list);
    cr_assert(slice_eq(out.access_list, buf_slice(&want)));
    hash32 hash = keccak256(want.ptr, want.len);
    cr_assert(hash32_eq(&out.access_list_hash, &hash));
    buf_fini(&want);
}
