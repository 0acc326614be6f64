/* Requests in, replies out: framing, batches, parameters, errors, limits. Codes and
 * texts are those of the JSON-RPC 2.0 specification, execution-apis and geth. */
#include "rpc_fixture.h"

static struct rpc_fixture f;

static void setup(void)
{
    fixture_init(&f);
    fixture_start(&f, CS_DEMAND);
}

static void teardown(void)
{
    fixture_close(&f);
}

#define EXPECT(request, want)                                                            \
    do {                                                                                 \
        const char *got_ = ask(&f, (request));                                           \
        cr_expect_str_eq(got_, (want), "%s\n gives %s\n want  %s", (request), got_,      \
                         (want));                                                        \
    } while (0)

#define CONTAINS(text, part)                                                             \
    do {                                                                                 \
        const char *text_ = (text);                                                      \
        cr_expect_not_null(strstr(text_, (part)), "%s\n lacks %s", text_, (part));       \
    } while (0)

Test(rpc_calls, framing, .init = setup, .fini = teardown)
{
    EXPECT("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"eth_chainId\",\"params\":[]}",
           "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x309\"}");
    EXPECT("{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"method\":\"net_version\"}",
           "{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"result\":\"777\"}");
    EXPECT("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"eth_syncing\"}",
           "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":false}");
    EXPECT("{\"jsonrpc\":\"2.0\",\"method\":\"eth_syncing\"}", "");
    CONTAINS(ask(&f, "{"),
             "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,");
    CONTAINS(ask(&f, ""), "\"code\":-32700");
    CONTAINS(ask(&f, "{\"a\":1,\"a\":2}"), "\"code\":-32700");
    CONTAINS(ask(&f, "3"), "\"code\":-32600");
    CONTAINS(ask(&f, "{\"id\":1,\"method\":\"eth_chainId\"}"),
             "\"id\":1,\"error\":{\"code\":-32600");
    CONTAINS(ask(&f, "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"eth_chainId\"}"),
             "\"code\":-32600");
    EXPECT("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_nothing\"}",
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"the "
           "method "
           "eth_nothing does not exist/is not available\"}}");
    CONTAINS(
        ask(&f,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\",\"params\":{}}"),
        "\"code\":-32602");
}

Test(rpc_calls, batches, .init = setup, .fini = teardown)
{
    EXPECT("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\"},"
           "{\"jsonrpc\":\"2.0\",\"method\":\"eth_chainId\"},"
           "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"eth_call\",\"params\":[{}]},"
           "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"net_version\"}]",
           "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x309\"},"
           "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"0x\"},"
           "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":\"777\"}]");
    EXPECT("[{\"jsonrpc\":\"2.0\",\"method\":\"eth_chainId\"}]", "");
    CONTAINS(ask(&f, "[]"), "\"code\":-32600");
    CONTAINS(ask(&f, "[1]"),
             "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600");
}

Test(rpc_calls, parameters, .init = setup, .fini = teardown)
{
    CONTAINS(call(&f, "eth_getBalance", "[]"),
             "\"code\":-32602,\"message\":\"missing value for required argument 0\"");
    CONTAINS(call(&f, "eth_getBalance", "[\"0x00\"]"),
             "-32602,\"message\":\"invalid argument 0: hex string has length 2, want 40");
    CONTAINS(call(&f, "eth_getBalance", "[\"00\"]"), "hex string without 0x prefix");
    CONTAINS(call(&f, "eth_getBalance", "[7]"), "-32602");
    CONTAINS(
        call(&f, "eth_getBalance", "[\"0x0x00000000000000000000000000000000000000\"]"),
        "-32602");
    CONTAINS(call(&f, "eth_getBalance",
                  "[\"0x0000000000000000000000000000000000000000\",\"latest\",1]"),
             "too many arguments, want at most 2");
    CONTAINS(call(&f, "eth_getBalance",
                  "[\"0x0000000000000000000000000000000000000000\",\"0x01\"]"),
             "hex number with leading zero digits");
    CONTAINS(call(&f, "eth_getBalance",
                  "[\"0x0000000000000000000000000000000000000000\",\"newest\"]"),
             "-32602");
    CONTAINS(call(&f, "eth_getBalance",
                  "[\"0x0000000000000000000000000000000000000000\",\"0x99\"]"),
             "\"code\":-32000,\"message\":\"header not found\"");
    CONTAINS(
        call(
            &f, "eth_getBalance",
            "[\"0x0000000000000000000000000000000000000000\",{\"blockNumber\":\"0x0\"}]"),
        "\"result\":\"0x0\"");
    CONTAINS(call(&f, "eth_getBlockByNumber", "[\"0x99\",false]"), "\"result\":null");
    CONTAINS(call(&f, "web3_sha3", "[\"0x68656c6c6f\"]"), /* keccak256("hello") */
             "0x1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8");
    CONTAINS(call(&f, "web3_sha3", "[\"0x686\"]"), "hex string of odd length");
    CONTAINS(call(&f, "eth_feeHistory", "[\"0x1\",\"latest\",[50,40]]"), "-32602");
    CONTAINS(call(&f, "eth_feeHistory", "[1,\"0x9\",[]]"), "request beyond head block");
    CONTAINS(call(&f, "eth_subscribe", "[\"newHeads\"]"), "notifications not supported");
    CONTAINS(call(&f, "eth_getLogs", "[{\"topics\":[[],[],[],[],[]]}]"),
             "exceed max topics");
    CONTAINS(call(&f, "eth_call", "[{\"data\":\"0x0\",\"input\":\"0x02\"}]"), "-32602");
    CONTAINS(call(&f, "eth_signTransaction", "[{\"data\":\"0x01\",\"input\":\"0x02\"}]"),
             "-32000,\"message\":\"both");
    CONTAINS(call(&f, "eth_call", "[{\"gasPrice\":\"0x1\",\"maxFeePerGas\":\"0x1\"}]"),
             "both gasPrice and");
    CONTAINS(call(&f, "eth_call", "[{\"chainId\":\"0x1\"}]"), "chainId does not match");
}

/* Code, hex, at address 0xbb in an override of eth_call. */
static const char *run_code(const char *code)
{
    static char params[4096];
    snprintf(params, sizeof(params),
             "[{\"to\":\"0x00000000000000000000000000000000000000bb\"},\"latest\","
             "{\"0x00000000000000000000000000000000000000bb\":{\"code\":\"%s\"}}]",
             code);
    return call(&f, "eth_call", params);
}

Test(rpc_calls, how_calls_end, .init = setup, .fini = teardown)
{
    /* MSTORE(0, 42) RETURN(0, 32) */
    CONTAINS(run_code("0x602a60005260206000f3"),
             "\"result\":"
             "\"0x000000000000000000000000000000000000000000000000000000000000002a\"");
    /* REVERT(0, 0): code 3 with data although it is empty */
    CONTAINS(run_code("0x60006000fd"),
             "\"error\":{\"code\":3,\"message\":\"execution reverted\",\"data\":\"0x\"}");
    /* CODECOPY(0, 12, 100) REVERT(0, 100), then Error("no") in ABI form */
    CONTAINS(run_code("0x6064600c60003960646000fd08c379a0"
                      "0000000000000000000000000000000000000000000000000000000000000020"
                      "0000000000000000000000000000000000000000000000000000000000000002"
                      "6e6f000000000000000000000000000000000000000000000000000000000000"),
             "\"code\":3,\"message\":\"execution reverted: no\",\"data\":\"0x08c379a0");
    CONTAINS(run_code("0x6024600c60003960246000fd4e487b71"
                      "0000000000000000000000000000000000000000000000000000000000000011"),
             "execution reverted: arithmetic underflow or overflow");
    /* a length in the reason that points outside of the data is no reason */
    CONTAINS(run_code("0x6064600c60003960646000fd08c379a0"
                      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
                      "0000000000000000000000000000000000000000000000000000000000000002"
                      "6e6f000000000000000000000000000000000000000000000000000000000000"),
             "\"message\":\"execution reverted\"");
    CONTAINS(run_code("0xfe"), "\"code\":-32000,\"message\":\"invalid opcode");
    CONTAINS(run_code("0x5b600056"), "\"message\":\"out of gas\"");
    CONTAINS(call(&f, "eth_call",
                  "[{\"to\":\"0x00000000000000000000000000000000000000bb\",\"value\":"
                  "\"0x1\"}]"),
             "insufficient funds");
}

/* A contract that is short at first (and so runs on the loop) and then never ends: the
 * call moves to a reader and runs out of gas there. Code: JUMPI to an endless loop
 * when slot 0 is set, else STOP. */
Test(rpc_calls, calls_that_change_their_mind, .init = setup, .fini = teardown)
{
    static const char params[] =
        "[{\"to\":\"0x00000000000000000000000000000000000000cc\"}]";
    call(&f, "hardhat_setCode",
         "[\"0x00000000000000000000000000000000000000cc\",\"0x600054600757005b600756\"]");
    for (int i = 0; i < 5; i++)
        CONTAINS(call(&f, "eth_call", params), "\"result\":\"0x\"");
    call(&f, "hardhat_setStorageAt",
         "[\"0x00000000000000000000000000000000000000cc\",\"0x0\",\"0x1\"]");
    for (int i = 0; i < 3; i++)
        CONTAINS(call(&f, "eth_call", params), "\"message\":\"out of gas\"");
    call(&f, "hardhat_setStorageAt",
         "[\"0x00000000000000000000000000000000000000cc\",\"0x0\",\"0x0\"]");
    CONTAINS(call(&f, "eth_call", params), "\"result\":\"0x\"");
}

Test(rpc_calls, overrides, .init = setup, .fini = teardown)
{
    /* SLOAD(0) with state and stateDiff */
    CONTAINS(
        call(
            &f, "eth_call",
            "[{\"to\":\"0x00000000000000000000000000000000000000bb\"},\"latest\","
            "{\"0x00000000000000000000000000000000000000bb\":{\"code\":"
            "\"0x60005460005260206000f3\",\"state\":{"
            "\"0x0000000000000000000000000000000000000000000000000000000000000000\":"
            "\"0x0000000000000000000000000000000000000000000000000000000000000007\"}}}]"),
        "0000000000000000000000000000000000000000000000000000000000000007\"");
    /* NUMBER and TIMESTAMP from a block override */
    CONTAINS(call(&f, "eth_call",
                  "[{\"to\":\"0x00000000000000000000000000000000000000bb\"},\"latest\","
                  "{\"0x00000000000000000000000000000000000000bb\":{\"code\":"
                  "\"0x43600052426020526040 6000f3\"}},{\"number\":\"0x10\"}]"),
             "-32602");
    CONTAINS(call(&f, "eth_call",
                  "[{\"to\":\"0x00000000000000000000000000000000000000bb\"},\"latest\","
                  "{\"0x00000000000000000000000000000000000000bb\":{\"code\":"
                  "\"0x436000524260205260406000f3\"}},{\"number\":\"0x10\",\"time\":"
                  "\"0x20000\"}]"),
             "0000000000000000000000000000000000000000000000000000000000000010"
             "0000000000000000000000000000000000000000000000000000000000020000\"");
    /* the balance of the caller */
    CONTAINS(
        call(
            &f, "eth_call",
            "[{\"from\":\"0x00000000000000000000000000000000000000cc\",\"value\":\"0x5\","
            "\"to\":\"0x00000000000000000000000000000000000000bb\"},\"latest\","
            "{\"0x00000000000000000000000000000000000000cc\":{\"balance\":\"0x5\"}}]"),
        "\"result\":\"0x\"");
    CONTAINS(call(&f, "eth_call", "[{},\"latest\",{\"0xzz\":{}}]"), "-32602");
}

Test(rpc_calls, estimates, .init = setup, .fini = teardown)
{
    char params[512];
    const char *from = address_text(&f.dev.addrs[0]).s;
    snprintf(params, sizeof(params),
             "[{\"from\":\"%s\",\"to\":\"0x00000000000000000000000000000000000000dd\","
             "\"value\":\"0x1\"}]",
             from);
    CONTAINS(call(&f, "eth_estimateGas", params), "\"result\":\"0x5208\"");
    CONTAINS(call(&f, "eth_estimateGas",
                  "[{\"to\":\"0x00000000000000000000000000000000000000bb\"},\"latest\","
                  "{\"0x00000000000000000000000000000000000000bb\":{\"code\":"
                  "\"0x60006000fd\"}}]"),
             "\"code\":3,\"message\":\"execution reverted\"");
    CONTAINS(
        call(
            &f, "eth_estimateGas",
            "[{\"to\":\"0x00000000000000000000000000000000000000bb\",\"gas\":\"0x6000\"},"
            "\"latest\",{\"0x00000000000000000000000000000000000000bb\":{\"code\":"
            "\"0x5b600056\"}}]"),
        "gas required exceeds allowance (24576)");
    /* A contract that wants 100,000 gas left: JUMPI over REVERT when GAS > 100000. The
     * gas that suffices is more than what is used. */
    CONTAINS(call(&f, "eth_estimateGas",
                  "[{\"to\":\"0x00000000000000000000000000000000000000bb\"},\"latest\","
                  "{\"0x00000000000000000000000000000000000000bb\":{\"code\":"
                  "\"0x620186a05a11600d57600060 00fd5b00\"}}]"),
             "-32602");
    const char *got = call(&f, "eth_estimateGas",
                           "[{\"to\":\"0x00000000000000000000000000000000000000bb\"},"
                           "\"latest\",{\"0x00000000000000000000000000000000000000bb\":"
                           "{\"code\":\"0x620186a05a11600e5760006000fd5b00\"}}]");
    /* 21000 + PUSH3 3 + GAS 2, after which more than 100000 must be left: 100001 */
    char want[64];
    snprintf(want, sizeof(want), "\"result\":\"0x%x\"", 21000 + 3 + 2 + 100001);
    CONTAINS(got, want);
}

Test(rpc_calls, time_limit)
{
    fixture_init(&f);
    f.opt.call_timeout_ms = 30;
    f.opt.call_gas_max = (uint64_t)1 << 60;
    fixture_start(&f, CS_MANUAL);
    uint64_t t0 = clock_mono_ns();
    CONTAINS(run_code("0x5b600056"), "\"code\":-32002");
    cr_expect_lt(clock_mono_ns() - t0, 10000000000u);
    fixture_close(&f);
}

Test(rpc_calls, limits)
{
    static char big[200 * 130 + 64];
    fixture_init(&f);
    f.opt.reply_max = 1400;
    f.opt.batch_max = 4;
    f.opt.body_max = sizeof(big);
    fixture_start(&f, CS_MANUAL);
    /* a header of 537 bytes fits as hex, a whole block in JSON does not */
    CONTAINS(call(&f, "eth_getBlockByNumber", "[\"0x0\",true]"), "\"code\":-32003");
    CONTAINS(ask(&f, "[1,2,3,4,5]"), "\"code\":-32600");
    CONTAINS(ask(&f, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"debug_getRawHeader\","
                     "\"params\":[\"0x0\"]},"
                     "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"debug_getRawHeader\","
                     "\"params\":[\"0x0\"]}]"),
             "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32003");
    memset(big, '[', 100);
    memset(big + 100, ']', 100);
    big[200] = 0;
    CONTAINS(ask(&f, big), "\"code\":-32700");
    memset(big, ' ', sizeof(big) - 1);
    CONTAINS(ask(&f, big), "\"code\":-32700");
    fixture_close(&f);
}

Test(rpc_calls, readers_are_bounded)
{
    static char batch[40 * 200];
    size_t n = 0;
    unsigned refused = 0;
    fixture_init(&f);
    f.opt.readers_max = 4;
    fixture_start(&f, CS_MANUAL);
    for (int i = 0; i < 40; i++)
        n += (size_t)snprintf(batch + n, sizeof(batch) - n,
                              "%c{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"eth_call\","
                              "\"params\":[{}]}",
                              i == 0 ? '[' : ',', i);
    snprintf(batch + n, sizeof(batch) - n, "]");
    for (const char *p = ask(&f, batch); (p = strstr(p, "-32005")) != NULL; p++)
        refused++;
    cr_expect_eq(refused, 36u); /* results come back only when the loop turns */
    fixture_close(&f);
}

/* Every method of the table answers every odd parameter list with one valid reply
 * object that has a result or an error, and -32603 never. */
Test(rpc_calls, odd_parameters, .init = setup, .fini = teardown)
{
    static const char *const names[] = {
#define X(name, handler, where, cost, help) #name,
#include "methods.def"
#undef X
    };
    static const char *const odd[] = {
        "[]",
        "[null]",
        "[\"\"]",
        "[\"0x\"]",
        "[{}]",
        "[[]]",
        "[true,true,true]",
        "[-1]",
        "[\"0xffffffffffffffff\"]",
        "[\"latest\",\"latest\",\"latest\"]",
        "[{\"a\":{\"b\":[]}},{},{}]",
        "[\"0x0000000000000000000000000000000000000000\",{},{}]",
        "[\"0x0000000000000000000000000000000000000000\",\"0x1\",\"0x2\"]",
        "[\"0x0000000000000000000000000000000000000000000000000000000000000000\","
        "\"0x0\"]",
        "[\"0x0\",\"0xfffffffffffffff\"]",
        "[{\"fromBlock\":\"0x0\",\"toBlock\":\"0xffffffffffffffff\"}]",
        "[{\"fromBlock\":{},\"address\":{},\"topics\":7}]",
        "[{\"from\":7,\"gas\":\"-1\",\"accessList\":[1],\"authorizationList\":[{}]}]",
    };
    for (size_t m = 0; m < MT_ARRAY_LEN(names); m++) {
        for (size_t i = 0; i < MT_ARRAY_LEN(odd); i++) {
            json_error_t e;
            const char *reply = call(&f, names[m], odd[i]);
            json_t *doc = json_loads(reply, 0, &e);
            cr_assert_not_null(doc, "%s%s: %.300s", names[m], odd[i], reply);
            bool result = json_object_get(doc, "result") != NULL;
            json_t *error = json_object_get(doc, "error");
            cr_expect(result == (error == NULL), "%s%s: %.300s", names[m], odd[i], reply);
            cr_expect_neq(json_integer_value(json_object_get(error, "code")), -32603,
                          "%s%s: %.300s", names[m], odd[i], reply);
            json_decref(doc);
        }
    }
}

Test(rpc_calls, namespaces)
{
    static const char *const few[] = {"net"}, *const wrong[] = {"eth", "ethereum"};
    struct mt_diag diag = {0};
    struct rpc *r;
    fixture_init(&f);
    f.opt.apis = few;
    f.opt.api_num = 1;
    fixture_start(&f, CS_MANUAL);
    CONTAINS(call(&f, "net_version", "[]"), "\"777\"");
    CONTAINS(call(&f, "eth_chainId", "[]"), "-32601");
    CONTAINS(call(&f, "evm_mine", "[]"), "-32601");
    struct rpc_options opt = f.opt;
    opt.apis = wrong;
    opt.api_num = 2;
    struct head_view *view = chain_view(f.dev.chain);
    cr_expect_eq(rpc_new(&opt, view, &r, &diag), MT_EINVAL);
    cr_expect_not_null(strstr(diag.text, "ethereum"));
    head_view_drop(view);
    fixture_close(&f);
}
