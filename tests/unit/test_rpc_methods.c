/* Simulations, access lists, signatures of structured data, the receipt in one call:
 * their bounds, and what published texts say of them. Whole runs against other nodes are
 * in tests/rpc/methods.mjs and tests/rpc/run.mjs. */
#include "rpc_fixture.h"

static struct rpc_fixture f;

static void setup(void)
{
    fixture_init(&f);
    f.opt.call_gas_max = 1000000;
    fixture_start(&f, CS_MANUAL);
}

static void teardown(void)
{
    fixture_close(&f);
}

TestSuite(rpc_methods, .init = setup, .fini = teardown);

#define CONTAINS(text, part)                                                             \
    do {                                                                                 \
        const char *text_ = (text);                                                      \
        cr_expect_not_null(strstr(text_, (part)), "%s\n lacks %s", text_, (part));       \
    } while (0)

/* The example of EIP-712 ("Ether Mail"), whose signature by the key keccak("cow") stands
 * in the EIP's own test. */
static const char MAIL[] =
    "{\"types\":{\"EIP712Domain\":[{\"name\":\"name\",\"type\":\"string\"},"
    "{\"name\":\"version\",\"type\":\"string\"},{\"name\":\"chainId\",\"type\":"
    "\"uint256\"},"
    "{\"name\":\"verifyingContract\",\"type\":\"address\"}],"
    "\"Person\":[{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"wallet\",\"type\":"
    "\"address\"}],\"Mail\":[{\"name\":\"from\",\"type\":\"Person\"},"
    "{\"name\":\"to\",\"type\":\"Person\"},{\"name\":\"contents\",\"type\":\"string\"}]},"
    "\"primaryType\":\"Mail\",\"domain\":{\"name\":\"Ether Mail\",\"version\":\"1\","
    "\"chainId\":1,\"verifyingContract\":\"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC\"},"
    "\"message\":{\"from\":{\"name\":\"Cow\",\"wallet\":"
    "\"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826\"},\"to\":{\"name\":\"Bob\","
    "\"wallet\":\"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB\"},"
    "\"contents\":\"Hello, Bob!\"}}";

Test(rpc_methods, the_mail_of_eip_712)
{
    char params[4096];
    f.account.key = keccak256("cow", 3);
    cr_assert_eq(secp_address(&f.account.key, &f.account.addr), MT_OK);
    cr_assert_str_eq(address_text(&f.account.addr).s,
                     "0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826");
    snprintf(params, sizeof(params), "[\"%s\",%s]", address_text(&f.account.addr).s,
             MAIL);
    CONTAINS(call(&f, "eth_signTypedData_v4", params),
             "\"0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
             "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c\"");
}

Test(rpc_methods, types_are_bounded)
{
    static char params[1 << 17];
    size_t n = (size_t)snprintf(params, sizeof(params),
                                "[\"%s\",{\"primaryType\":\"A\",\"domain\":{},"
                                "\"message\":{},\"types\":{\"EIP712Domain\":[]",
                                address_text(&f.account.addr).s);
    for (unsigned i = 0; i < 300; i++)
        n += (size_t)snprintf(params + n, sizeof(params) - n, ",\"T%u\":[]", i);
    snprintf(params + n, sizeof(params) - n, "}}]");
    CONTAINS(call(&f, "eth_signTypedData_v4", params), "\"code\":-32602");
    /* a type that contains itself ends with the message */
    snprintf(params, sizeof(params),
             "[\"%s\",{\"primaryType\":\"A\",\"domain\":{},\"message\":{\"a\":{\"a\":"
             "null}},\"types\":{\"EIP712Domain\":[],\"A\":[{\"name\":\"a\",\"type\":"
             "\"A\"}]}}]",
             address_text(&f.account.addr).s);
    CONTAINS(call(&f, "eth_signTypedData_v4", params), "\"result\":\"0x");
}

/* More values than are allowed, in one list. */
Test(rpc_methods, values_are_bounded)
{
    static char params[1 << 18];
    size_t n = (size_t)snprintf(params, sizeof(params),
                                "[\"%s\",{\"primaryType\":\"A\",\"domain\":{},\"types\":"
                                "{\"EIP712Domain\":[],\"A\":[{\"name\":\"a\",\"type\":"
                                "\"uint8[]\"}]},\"message\":{\"a\":[1",
                                address_text(&f.account.addr).s);
    for (unsigned i = 0; i < 20000; i++)
        n += (size_t)snprintf(params + n, sizeof(params) - n, ",1");
    snprintf(params + n, sizeof(params) - n, "]}}]");
    CONTAINS(call(&f, "eth_signTypedData_v4", params), "\"code\":-32602");
}

/* ---- simulation ---- */

static const char *simulate(const char *blocks)
{
    char params[8192];
    snprintf(params, sizeof(params), "[{\"blockStateCalls\":%s}]", blocks);
    return call(&f, "eth_simulateV1", params);
}

Test(rpc_methods, simulated_blocks_stand_on_each_other)
{
    char blocks[1024];
    snprintf(blocks, sizeof(blocks),
             "[{\"calls\":[{\"from\":\"%s\",\"to\":\"%s\",\"value\":\"0x5\"}]},"
             "{\"calls\":[{\"from\":\"%s\",\"to\":\"%s\",\"value\":\"0x5\"}]}]",
             address_text(&f.dev.addrs[0]).s,
             "0x00000000000000000000000000000000000000aa",
             "0x00000000000000000000000000000000000000aa",
             "0x00000000000000000000000000000000000000bb");
    const char *got = simulate(blocks);
    CONTAINS(got, "\"number\":\"0x1\"");
    CONTAINS(got, "\"number\":\"0x2\"");
    CONTAINS(got, "\"gasUsed\":\"0x5208\",\"maxUsedGas\":\"0x5208\",\"status\":\"0x1\"");
    cr_expect_null(strstr(got, "\"error\""));
    /* nothing of it stays */
    CONTAINS(
        call(&f, "eth_getBalance", "[\"0x00000000000000000000000000000000000000bb\"]"),
        "\"result\":\"0x0\"");
    CONTAINS(call(&f, "eth_blockNumber", "[]"), "\"result\":\"0x0\"");
}

Test(rpc_methods, the_gas_of_a_simulation_is_bounded)
{
    char blocks[1024];
    /* loops forever: the first call takes the node's whole cap */
    snprintf(blocks, sizeof(blocks),
             "[{\"stateOverrides\":{\"%s\":{\"code\":\"0x5b600056\"}},"
             "\"calls\":[{\"to\":\"%s\"}%s]}]",
             "0x00000000000000000000000000000000000000aa",
             "0x00000000000000000000000000000000000000aa", "");
    CONTAINS(simulate(blocks), "\"gasUsed\":\"0xf4240\"");
    CONTAINS(simulate(blocks), "{\"message\":\"out of gas\",\"code\":-32015}");
    snprintf(blocks, sizeof(blocks),
             "[{\"stateOverrides\":{\"%s\":{\"code\":\"0x5b600056\"}},"
             "\"calls\":[{\"to\":\"%s\"},{\"to\":\"%s\"}]}]",
             "0x00000000000000000000000000000000000000aa",
             "0x00000000000000000000000000000000000000aa",
             "0x00000000000000000000000000000000000000aa");
    CONTAINS(simulate(blocks), "\"code\":-38026");
}

Test(rpc_methods, the_blocks_of_a_simulation_are_bounded)
{
    char blocks[256];
    snprintf(blocks, sizeof(blocks), "[{\"blockOverrides\":{\"number\":\"0x101\"}}]");
    CONTAINS(simulate(blocks), "\"code\":-38026");
    snprintf(blocks, sizeof(blocks), "[{\"blockOverrides\":{\"number\":\"0x100\"}}]");
    CONTAINS(simulate(blocks), "\"number\":\"0x100\"");
}

/* ---- the receipt in one call ---- */

static void raw_params(char *out, size_t size, uint64_t nonce, const char *more)
{
    struct tx tx = dev_chain_tx(&f.dev, 1, nonce, 2000000000, 1);
    size_t n = (size_t)snprintf(out, size, "[\"0x");
    hex_encode(tx.raw, out + n);
    n += 2 * tx.raw.len;
    snprintf(out + n, size - n, "\"%s]", more);
}

Test(rpc_methods, the_receipt_that_does_not_come)
{
    char params[1024];
    /* nothing is mined here, and the owner of the loop ticks by itself */
    raw_params(params, sizeof(params), 0, ",1");
    static char request[2048];
    snprintf(request, sizeof(request),
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_sendRawTransactionSync\","
             "\"params\":%s}",
             params);
    f.answered = false;
    rpc_handle(f.rpc, slice_str(request), fixture_done, &f);
    for (unsigned i = 0; i < 20000 && !f.answered; i++) {
        fixture_turn(&f);
        rpc_tick(f.rpc, clock_mono_ns());
        usleep(100);
    }
    cr_assert(f.answered);
    CONTAINS((const char *)f.reply.ptr, "\"code\":4,");
    CONTAINS((const char *)f.reply.ptr, "\"data\":\"0x");
    raw_params(params, sizeof(params), 7, "");
    CONTAINS(call(&f, "eth_sendRawTransactionSync", params), "\"code\":5,");
    CONTAINS(call(&f, "eth_sendRawTransactionSync", "[\"0x02\"]"), "\"code\":-32000");
}

/* Calls that wait are answered when the node stops (fixture_close waits for them). */
Test(rpc_methods, a_stop_ends_the_waiting)
{
    char params[1024];
    static char request[2048];
    raw_params(params, sizeof(params), 0, ",60000");
    snprintf(request, sizeof(request),
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_sendRawTransactionSync\","
             "\"params\":%s}",
             params);
    f.answered = false;
    rpc_handle(f.rpc, slice_str(request), fixture_done, &f);
    for (unsigned i = 0; i < 50; i++)
        fixture_turn(&f);
    cr_assert_not(f.answered);
    rpc_stop(f.rpc);
    cr_assert(f.answered);
    CONTAINS((const char *)f.reply.ptr, "\"code\":4,");
}
