/* console.log's data as text: calls as ethers encodes them, both spellings of a selector,
 * and data that is cut off or points outside of itself. */
#include "metis/rpc.h"

#include <criterion/criterion.h>

bool console_text(slice data, char *out, size_t size);

#define WORD0   "0000000000000000000000000000000000000000000000000000000000000000"
#define W(hex2) "00000000000000000000000000000000000000000000000000000000000000" hex2
#define STRING_UINT                                                                      \
    W("40")                                                                              \
    W("2a")                                                                              \
    W("03") "6e203d0000000000000000000000000000000000000000000000000000000000"

static bool text_of(const char *hex, size_t cut, char *out, size_t size)
{
    uint8_t data[512];
    size_t len = strlen(hex) / 2 - 1;
    cr_assert_eq(hex_decode_fixed(hex, data, len), MT_OK, "%s", hex);
    /* Memory of just this size, so that the sanitizers see a byte too far. */
    uint8_t *copy = mt_alloc(len - cut + 1);
    memcpy(copy, data, len - cut);
    bool fine = console_text(slice_of(copy, len - cut), out, size);
    mt_free(copy);
    return fine;
}

static void expect(const char *hex, const char *want)
{
    char text[256];
    cr_assert(text_of(hex, 0, text, sizeof(text)), "%s", hex);
    cr_assert_str_eq(text, want);
}

Test(rpc_console, known_calls)
{
    rpc_console();
    expect("0xb60e72cc" STRING_UINT, "n = 42");
    expect("0x9710a9d0" STRING_UINT, "n = 42"); /* log(string,uint) of old libraries */
    expect("0x4b5c4277" W("40") W("80")
               W("03") "2573210000000000000000000000000000000000000"
                       "000000000000000000000" W("01") "610000000000000000000000000000000"
                                                       "0000000000000000000000000000000",
           "a!");
    expect("0x2d5b6cb9"
           "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffb",
           "-5");
    expect("0x0be77f56" W("20")
               W("04") "deadbeef00000000000000000000000000000000000000000000000000000000",
           "0xdeadbeef");
}

Test(rpc_console, cut_off_and_out_of_bounds)
{
    static const char hex[] = "0xb60e72cc" STRING_UINT;
    char text[64];
    rpc_console();
    for (size_t cut = 30; cut <= 132; cut++) /* into the string, and all before it */
        cr_assert(!text_of(hex, cut, text, sizeof(text)), "cut %zu", cut);
    cr_assert(
        !text_of("0xb60e72cc"
                 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" WORD0,
                 0, text, sizeof(text)));
    cr_assert(!text_of(
        "0xb60e72cc" W(
            "20") "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        0, text, sizeof(text)));
    cr_assert(!text_of("0x01020304" WORD0, 0, text, sizeof(text))); /* no such overload */
}

Test(rpc_console, long_text_is_cut)
{
    uint8_t data[4 + 64 + 5000] = {0x41, 0x30, 0x4f, 0xac}; /* log(string) */
    char text[2048];
    rpc_console();
    data[4 + 31] = 32;
    data[4 + 62] = 5000 >> 8;
    data[4 + 63] = 5000 & 255;
    memset(data + 68, 'x', 5000);
    cr_assert(console_text(slice_of(data, sizeof(data)), text, sizeof(text)));
    cr_assert(strlen(text) > 500 && strlen(text) < sizeof(text));
}
