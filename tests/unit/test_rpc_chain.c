/* Transactions through the whole node: submitted, mined, read back, reverted by
 * snapshots. */
#include "rpc_fixture.h"

static struct rpc_fixture f;

#define CONTAINS(text, part)                                                             \
    do {                                                                                 \
        const char *text_ = (text);                                                      \
        cr_expect_not_null(strstr(text_, (part)), "%s\n lacks %s", text_, (part));       \
    } while (0)

#define TO "0x00000000000000000000000000000000000000dd"

static void open_demand(void)
{
    fixture_init(&f);
    fixture_start(&f, CS_DEMAND);
}

static void open_manual(void)
{
    fixture_init(&f);
    fixture_start(&f, CS_MANUAL);
}

static void teardown(void)
{
    fixture_close(&f);
}

/* A copy of the text value of "result". */
static void result_of(const char *reply, char out[256])
{
    json_t *doc = json_loads(reply, 0, NULL);
    const char *s = json_string_value(json_object_get(doc, "result"));
    cr_assert_not_null(s, "%s", reply);
    snprintf(out, 256, "%s", s);
    json_decref(doc);
}

static void wait_block(uint64_t number)
{
    char want[64];
    snprintf(want, sizeof(want), "\"result\":\"0x%llx\"", (unsigned long long)number);
    for (int i = 0; i < 2000; i++) {
        if (strstr(call(&f, "eth_blockNumber", "[]"), want) != NULL)
            return;
        usleep(1000);
    }
    cr_assert_fail("block %llu did not come", (unsigned long long)number);
}

static void send_raw(char out[4096], unsigned from, uint64_t nonce)
{
    struct tx tx = dev_chain_tx(&f.dev, from, nonce, 10000000000u, 1000000000u);
    size_t n = (size_t)snprintf(out, 4096, "[\"0x");
    hex_encode(tx.raw, out + n);
    n += 2 * tx.raw.len;
    snprintf(out + n, 4096 - n, "\"]");
}

Test(rpc_chain, a_raw_transaction_is_mined, .init = open_demand, .fini = teardown)
{
    char raw[4096], hash[256], params[300];
    send_raw(raw, 0, 0);
    result_of(call(&f, "eth_sendRawTransaction", raw), hash);
    wait_block(1);
    snprintf(params, sizeof(params), "[\"%s\"]", hash);
    const char *receipt = call(&f, "eth_getTransactionReceipt", params);
    CONTAINS(receipt, "\"status\":\"0x1\"");
    CONTAINS(receipt, "\"gasUsed\":\"0x5208\"");
    CONTAINS(receipt, "\"blockNumber\":\"0x1\"");
    CONTAINS(receipt, "\"contractAddress\":null");
    const char *tx = call(&f, "eth_getTransactionByHash", params);
    CONTAINS(tx, "\"transactionIndex\":\"0x0\"");
    CONTAINS(tx, "\"type\":\"0x2\"");
    CONTAINS(tx, "\"chainId\":\"0x309\"");
    CONTAINS(call(&f, "eth_getBlockTransactionCountByNumber", "[\"latest\"]"),
             "\"result\":\"0x1\"");
    CONTAINS(call(&f, "eth_getTransactionByBlockNumberAndIndex", "[\"0x1\",\"0x0\"]"),
             hash);
    CONTAINS(call(&f, "eth_getTransactionByBlockNumberAndIndex", "[\"0x1\",\"0x1\"]"),
             "\"result\":null");
    CONTAINS(call(&f, "eth_getBlockReceipts", "[\"0x1\"]"), hash);
    raw[strlen(raw) - 2] = 0;
    snprintf(params, sizeof(params), "[\"%s\"]", hash);
    CONTAINS(call(&f, "eth_getRawTransactionByHash", params), raw + 2);
    send_raw(raw, 0, 0);
    CONTAINS(call(&f, "eth_sendRawTransaction", raw), "nonce too low");
}

Test(rpc_chain, waiting_transactions, .init = open_manual, .fini = teardown)
{
    char raw[4096], hash[256], params[300];
    const char *from = address_text(&f.dev.addrs[0]).s;
    send_raw(raw, 0, 0);
    result_of(call(&f, "eth_sendRawTransaction", raw), hash);
    CONTAINS(call(&f, "eth_sendRawTransaction", raw), "already known");
    snprintf(params, sizeof(params), "[\"%s\"]", hash);
    const char *tx = call(&f, "eth_getTransactionByHash", params);
    CONTAINS(tx, "\"blockHash\":null");
    CONTAINS(tx, "\"blockNumber\":null");
    CONTAINS(call(&f, "eth_getTransactionReceipt", params), "\"result\":null");
    snprintf(params, sizeof(params), "[\"%s\",\"pending\"]", from);
    CONTAINS(call(&f, "eth_getTransactionCount", params), "\"result\":\"0x1\"");
    snprintf(params, sizeof(params), "[\"%s\",\"latest\"]", from);
    CONTAINS(call(&f, "eth_getTransactionCount", params), "\"result\":\"0x0\"");
    CONTAINS(call(&f, "txpool_status", "[]"), "{\"pending\":\"0x1\",\"queued\":\"0x0\"}");
    CONTAINS(call(&f, "txpool_content", "[]"), hash);
    send_raw(raw, 0, 5);
    call(&f, "eth_sendRawTransaction", raw);
    CONTAINS(call(&f, "txpool_status", "[]"), "{\"pending\":\"0x1\",\"queued\":\"0x1\"}");
    CONTAINS(call(&f, "evm_mine", "[]"), "\"result\":\"0x0\"");
    CONTAINS(call(&f, "eth_blockNumber", "[]"), "\"result\":\"0x1\"");
    snprintf(params, sizeof(params), "[\"%s\",\"latest\"]", from);
    CONTAINS(call(&f, "eth_getTransactionCount", params), "\"result\":\"0x1\"");
    CONTAINS(call(&f, "eth_sendRawTransaction", "[\"0x01\"]"), "\"code\":-32000");
    CONTAINS(call(&f, "eth_sendRawTransaction", "[\"0x\"]"), "\"code\":-32602");
}

Test(rpc_chain, unlocked_accounts, .init = open_demand, .fini = teardown)
{
    char params[512], hash[256];
    const char *from = address_text(&f.dev.addrs[0]).s;
    CONTAINS(call(&f, "eth_accounts", "[]"), from);
    snprintf(params, sizeof(params),
             "[{\"from\":\"%s\",\"to\":\"" TO "\",\"value\":\"0x7\"}]", from);
    result_of(call(&f, "eth_sendTransaction", params), hash);
    wait_block(1);
    CONTAINS(call(&f, "eth_getBalance", "[\"" TO "\",\"latest\"]"), "\"result\":\"0x7\"");
    CONTAINS(call(&f, "eth_getBalance", "[\"" TO "\",\"0x0\"]"), "\"result\":\"0x0\"");
    snprintf(params, sizeof(params), "[{\"from\":\"" TO "\",\"to\":\"%s\"}]", from);
    CONTAINS(call(&f, "eth_sendTransaction", params), "unknown account");
    CONTAINS(call(&f, "hardhat_impersonateAccount", "[\"" TO "\"]"), "true");
    CONTAINS(call(&f, "hardhat_setBalance", "[\"" TO "\",\"0xde0b6b3a7640000\"]"),
             "true");
    result_of(call(&f, "eth_sendTransaction", params), hash);
    wait_block(2);
    snprintf(params, sizeof(params), "[\"%s\"]", hash);
    CONTAINS(call(&f, "eth_getTransactionReceipt", params), "\"from\":\"" TO "\"");
    /* a transaction that must revert is refused with its data while it is estimated */
    call(&f, "hardhat_setCode",
         "[\"0x00000000000000000000000000000000000000aa\",\"0x60006000fd\"]");
    snprintf(params, sizeof(params),
             "[{\"from\":\"%s\",\"to\":\"0x00000000000000000000000000000000000000aa\"}]",
             from);
    CONTAINS(call(&f, "eth_sendTransaction", params), "\"code\":3");
}

/* eth_sign of geth's account tests: key 1's signature recovers to its address. */
Test(rpc_chain, signed_messages, .init = open_manual, .fini = teardown)
{
    char params[256], text[256];
    snprintf(params, sizeof(params), "[\"%s\",\"0xdeadbeef\"]",
             address_text(&f.dev.addrs[0]).s);
    result_of(call(&f, "eth_sign", params), text);
    uint8_t bytes[65];
    cr_assert_eq(hex_decode_fixed(text, bytes, 65), MT_OK);
    hash32 digest = keccak256("\x19"
                              "Ethereum Signed Message:\n4\xde\xad\xbe\xef",
                              31);
    sig s = {.y_parity = (uint8_t)(bytes[64] - 27)};
    address a;
    memcpy(s.r.b, bytes, 32);
    memcpy(s.s.b, bytes + 32, 32);
    cr_assert_eq(secp_recover(&digest, &s, &a), MT_OK);
    cr_expect(address_eq(&a, &f.dev.addrs[0]));
}

Test(rpc_chain, snapshots, .init = open_demand, .fini = teardown)
{
    char raw[4096], id[256], params[300];
    result_of(call(&f, "evm_snapshot", "[]"), id);
    send_raw(raw, 0, 0);
    call(&f, "eth_sendRawTransaction", raw);
    wait_block(1);
    CONTAINS(call(&f, "hardhat_setBalance", "[\"" TO "\",\"0x99\"]"), "true");
    CONTAINS(call(&f, "eth_getBalance", "[\"" TO "\",\"latest\"]"), "\"0x99\"");
    snprintf(params, sizeof(params), "[\"%s\"]", id);
    CONTAINS(call(&f, "evm_revert", params), "\"result\":true");
    CONTAINS(call(&f, "eth_blockNumber", "[]"), "\"result\":\"0x0\"");
    CONTAINS(call(&f, "eth_getBalance", "[\"" TO "\",\"latest\"]"), "\"result\":\"0x0\"");
    CONTAINS(call(&f, "txpool_status", "[]"), "{\"pending\":\"0x0\",\"queued\":\"0x0\"}");
    CONTAINS(call(&f, "evm_revert", params), "\"result\":false");
    send_raw(raw, 0, 0); /* the same nonce is free again, and blocks are made on demand */
    call(&f, "eth_sendRawTransaction", raw);
    wait_block(1);
    /* patches within one block */
    call(&f, "hardhat_setBalance", "[\"" TO "\",\"0x1\"]");
    result_of(call(&f, "evm_snapshot", "[]"), id);
    call(&f, "hardhat_setBalance", "[\"" TO "\",\"0x2\"]");
    snprintf(params, sizeof(params), "[\"%s\"]", id);
    CONTAINS(call(&f, "evm_revert", params), "\"result\":true");
    CONTAINS(call(&f, "eth_getBalance", "[\"" TO "\",\"latest\"]"), "\"result\":\"0x1\"");
}

Test(rpc_chain, dev_changes, .init = open_manual, .fini = teardown)
{
    CONTAINS(call(&f, "anvil_setNonce", "[\"" TO "\",\"0x5\"]"), "\"result\":null");
    CONTAINS(call(&f, "eth_getTransactionCount", "[\"" TO "\",\"latest\"]"), "\"0x5\"");
    CONTAINS(call(&f, "hardhat_setCode", "[\"" TO "\",\"0x6001\"]"), "true");
    CONTAINS(call(&f, "eth_getCode", "[\"" TO "\",\"latest\"]"), "\"0x6001\"");
    CONTAINS(call(&f, "anvil_setStorageAt", "[\"" TO "\",\"0x3\",\"0x2a\"]"), "true");
    CONTAINS(call(&f, "eth_getStorageAt", "[\"" TO "\",\"0x3\",\"latest\"]"),
             "000000000000000000000000000000000000002a\"");
    CONTAINS(call(&f, "evm_setNextBlockTimestamp", "[\"0xffffffff\"]"),
             "\"result\":null");
    CONTAINS(call(&f, "evm_mine", "[]"), "\"0x0\"");
    CONTAINS(call(&f, "eth_getBlockByNumber", "[\"latest\",false]"),
             "\"timestamp\":\"0xffffffff\"");
    CONTAINS(call(&f, "evm_setNextBlockTimestamp", "[1]"), "\"code\":-32602");
    CONTAINS(call(&f, "hardhat_mine", "[\"0x3\",\"0x64\"]"), "true");
    CONTAINS(call(&f, "eth_blockNumber", "[]"), "\"0x4\"");
    CONTAINS(call(&f, "hardhat_mine", "[\"0xffffff\"]"), "\"code\":-32005");
    CONTAINS(call(&f, "hardhat_setNextBlockBaseFeePerGas", "[\"0x64\"]"), "true");
    call(&f, "evm_mine", "[]");
    CONTAINS(call(&f, "eth_getBlockByNumber", "[\"latest\",false]"),
             "\"baseFeePerGas\":\"0x64\"");
    CONTAINS(call(&f, "hardhat_getAutomine", "[]"), "false");
}

/* A contract that logs once a call: LOG1(0, 0, 7). */
Test(rpc_chain, logs_and_filters, .init = open_manual, .fini = teardown)
{
    char params[512], logs[256], blocks[256], pending[256], hash[256];
    const char *from = address_text(&f.dev.addrs[0]).s;
    static const char topic[] =
        "0x0000000000000000000000000000000000000000000000000000000000000007";
    call(&f, "hardhat_setCode", "[\"" TO "\",\"0x600760006000a100\"]");
    snprintf(params, sizeof(params), "[{\"address\":\"" TO "\",\"topics\":[\"%s\"]}]",
             topic);
    result_of(call(&f, "eth_newFilter", params), logs);
    result_of(call(&f, "eth_newBlockFilter", "[]"), blocks);
    result_of(call(&f, "eth_newPendingTransactionFilter", "[]"), pending);
    for (int i = 0; i < 2; i++) {
        snprintf(params, sizeof(params), "[{\"from\":\"%s\",\"to\":\"" TO "\"}]", from);
        result_of(call(&f, "eth_sendTransaction", params), hash);
        call(&f, "evm_mine", "[]");
    }
    CONTAINS(call(&f, "eth_getLogs", "[{\"fromBlock\":\"0x1\"}]"), topic);
    snprintf(params, sizeof(params),
             "[{\"fromBlock\":\"0x1\",\"toBlock\":\"0x2\","
             "\"topics\":[null]}]");
    CONTAINS(call(&f, "eth_getLogs", params), hash);
    CONTAINS(call(&f, "eth_getLogs", "[{\"fromBlock\":\"0x1\",\"topics\":[null,null]}]"),
             "\"result\":[]");
    CONTAINS(call(&f, "eth_getLogs", "[{\"fromBlock\":\"0x2\",\"toBlock\":\"0x1\"}]"),
             "-32602");
    snprintf(params, sizeof(params), "[\"%s\"]", logs);
    CONTAINS(call(&f, "eth_getFilterChanges", params), "\"blockNumber\":\"0x1\"");
    CONTAINS(call(&f, "eth_getFilterChanges", params), "\"result\":[]");
    CONTAINS(call(&f, "eth_getFilterLogs", params), "\"result\":[");
    snprintf(params, sizeof(params), "[\"%s\"]", blocks);
    CONTAINS(call(&f, "eth_getFilterChanges", params), "\"result\":[\"0x");
    snprintf(params, sizeof(params), "[\"%s\"]", pending);
    CONTAINS(call(&f, "eth_getFilterChanges", params), hash);
    CONTAINS(call(&f, "eth_uninstallFilter", params), "true");
    CONTAINS(call(&f, "eth_getFilterChanges", params), "filter not found");
}

Test(rpc_chain, log_limits_name_the_next_range)
{
    fixture_init(&f);
    f.opt.logs_range_max = 3;
    f.opt.logs_max = 2;
    fixture_start(&f, CS_MANUAL);
    char params[256];
    call(&f, "hardhat_setCode", "[\"" TO "\",\"0x600760006000a100\"]");
    for (int i = 0; i < 4; i++) {
        snprintf(params, sizeof(params), "[{\"from\":\"%s\",\"to\":\"" TO "\"}]",
                 address_text(&f.dev.addrs[0]).s);
        call(&f, "eth_sendTransaction", params);
        call(&f, "evm_mine", "[]");
    }
    CONTAINS(call(&f, "eth_getLogs", "[{\"fromBlock\":\"0x0\",\"toBlock\":\"0x4\"}]"),
             "-32005,\"message\":\"query exceeds max block range 3. Try with this block "
             "range [0x0, 0x2].");
    CONTAINS(call(&f, "eth_getLogs", "[{\"fromBlock\":\"0x1\",\"toBlock\":\"0x3\"}]"),
             "-32005,\"message\":\"query returned more than 2 results. Try with this "
             "block range [0x1, 0x2].");
    CONTAINS(call(&f, "eth_getLogs", "[{\"fromBlock\":\"0x1\",\"toBlock\":\"0x2\"}]"),
             "\"result\":[{");
    fixture_close(&f);
}

Test(rpc_chain, stopping_refuses, .init = open_manual, .fini = teardown)
{
    rpc_stop(f.rpc);
    CONTAINS(call(&f, "eth_chainId", "[]"), "\"code\":-32002");
}
