/* The scanner of requests: what it takes, what it leaves, and mutations of requests on
 * which it and jansson must not disagree. */
#include "rpc_int.h"

#include "fuzz/scan_check.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static bool takes(const char *text)
{
    bool taken;
    const char *why = scan_differs(slice_str(text), &taken);
    cr_assert(why == NULL, "%s: %s", why, text);
    return taken;
}

static const char *const usual[] = {
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_blockNumber\",\"params\":[]}",
    "{\"jsonrpc\":\"2.0\",\"method\":\"eth_chainId\",\"id\":\"a-1\"}",
    "{\"id\":null,\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":[null,true,false,0,12]"
    "}",
    " { \"method\" : \"eth_call\" , \"params\" : [ { \"to\" : \"0xaa\", \"data\" : "
    "\"0x\" "
    "} , \"latest\" , { } , [ ] ] ,\n\t\"id\" : 999999999999999999 , \"jsonrpc\" : "
    "\"2.0\" } ",
    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"eth_getLogs\",\"params\":[{\"topics\":["
    "null,["
    "\"0x01\",\"0x02\"]],\"fromBlock\":\"0x0\"}]}",
};

Test(rpc_scan, takes_the_usual)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(usual); i++)
        cr_assert(takes(usual[i]), "%s", usual[i]);
}

Test(rpc_scan, leaves_the_rest)
{
    static const char *const rest[] = {
        "",
        "[]",
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}]",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"x\"}",
        "{\"id\":1,\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":-1,\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":01,\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1e3,\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":9223372036854775808,\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"more\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\u0078\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"\xc3\xa9\",\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":null}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[{\"a\":1,\"a\":2}]}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[1,]}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[nul]}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[truest]}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":"
        "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",}",
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rest); i++)
        cr_assert(!takes(rest[i]), "%s", rest[i]);
}

/* Bytes that mean something to JSON, put in, taken out, doubled. */
Test(rpc_scan, mutations_as_jansson)
{
    static const char bytes[] = "{}[]:,\"\\ \n0123456789-+.eEtruefalsn/x\x7f\x80\xc3\x1f";
    unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
    size_t taken = 0;
    fprintf(stderr, "seed %u\n", seed);
    for (unsigned round = 0; round < 200000; round++) {
        char text[600];
        size_t n = strlen(usual[round % MT_ARRAY_LEN(usual)]);
        memcpy(text, usual[round % MT_ARRAY_LEN(usual)], n);
        for (int m = rand_r(&seed) % 3; m >= 0; m--) {
            size_t at = (size_t)rand_r(&seed) % n, len = (size_t)rand_r(&seed) % 12;
            char b = bytes[(size_t)rand_r(&seed) % (sizeof(bytes) - 1)];
            switch (rand_r(&seed) % 4) {
            case 0:
                text[at] = b;
                break;
            case 1:
                memmove(text + at + 1, text + at, n - at);
                text[at] = b;
                n++;
                break;
            case 2:
                len = MT_MIN(len, n - at - 1);
                memmove(text + at, text + at + len, n - at - len);
                n -= len;
                break;
            default:
                len = MT_MIN(len, n - at);
                memmove(text + at + len, text + at, n - at);
                n += len;
                break;
            }
        }
        bool took;
        const char *why = scan_differs(slice_of(text, n), &took);
        cr_assert(why == NULL, "%s: %.*s", why, (int)n, text);
        taken += took;
    }
    cr_assert_gt(taken, 1000u);
}
