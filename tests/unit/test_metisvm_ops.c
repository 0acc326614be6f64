/* Instructions against the examples of the EIPs that brought them. */
#include "metisvm_host.h"

/* Runs PUSH32 b, PUSH32 a, op and returns the word. */
static u256 binary(enum fork fork, uint8_t op, const char *a, const char *b)
{
    struct host h;
    char code[200];
    host_init(&h, fork);
    snprintf(code, sizeof code, "7f%064d7f%064d%02x60005260206000f3", 0, 0, op);
    struct host_account *acct = host_put(&h, 0xaa, code, 0);
    u256_store_be(host_hex(b), acct->code + 1);
    u256_store_be(host_hex(a), acct->code + 34);
    acct->account.code_hash = keccak256(acct->code, acct->code_len);
    host_call(&h, 0xaa, 100000);
    u256 v = host_word(&h);
    host_fini(&h);
    return v;
}

#define MAX   "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define MAX63 "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define TOP1  "0x8000000000000000000000000000000000000000000000000000000000000000"

/* EIP-145: shift, value, result. */
Test(ops, eip145)
{
    static const struct {
        uint8_t op;
        const char *shift, *value, *result;
    } cases[] = {
        {0x1b, "0x0", "0x1", "0x1"},
        {0x1b, "0x1", "0x1", "0x2"},
        {0x1b, "0xff", "0x1", TOP1},
        {0x1b, "0x100", "0x1", "0x0"},
        {0x1b, "0x101", "0x1", "0x0"},
        {0x1b, "0x0", MAX, MAX},
        {0x1b, "0xff", MAX, TOP1},
        {0x1b, "0x100", MAX, "0x0"},
        {0x1c, "0x0", "0x1", "0x1"},
        {0x1c, "0x1", "0x1", "0x0"},
        {0x1c, "0xff", TOP1, "0x1"},
        {0x1c, "0x100", TOP1, "0x0"},
        {0x1c, "0x1", MAX, MAX63},
        {0x1c, "0xff", MAX, "0x1"},
        {0x1d, "0x1", "0x1", "0x0"},
        {0x1d, "0x1", TOP1,
         "0xc000000000000000000000000000000000000000000000000000000000000000"},
        {0x1d, "0xff", TOP1, MAX},
        {0x1d, "0x100", TOP1, MAX},
        {0x1d, "0x101", TOP1, MAX},
        {0x1d, "0xff", MAX63, "0x0"},
        {0x1d, "0xfe", MAX63, "0x1"},
        {0x1d, "0x100", MAX63, "0x0"},
        {0x1d, MAX, MAX, MAX},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        u256 v = binary(FORK_CONSTANTINOPLE, cases[i].op, cases[i].shift, cases[i].value);
        cr_expect(u256_eq(v, host_hex(cases[i].result)), "case %zu: %s", i,
                  u256_hex(v).s);
    }
}

/* EIP-7939: value, leading zeros. The unused second operand stays below. */
Test(ops, eip7939)
{
    static const struct {
        const char *value;
        uint64_t zeros;
    } cases[] = {
        {"0x0", 256},
        {TOP1, 0},
        {MAX, 0},
        {MAX63, 1},
        {"0x1", 255},
        {"0x4000000000000000000000000000000000000000000000000000000000000000", 1}};
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++)
        cr_expect_eq(binary(FORK_OSAKA, 0x1e, cases[i].value, "0x0").w[0],
                     cases[i].zeros);
}

/* EIP-1014's examples. */
Test(ops, eip1014)
{
    static const struct {
        const char *creator, *salt, *init_code, *result;
    } cases[] = {
        {"0x0", "0x0", "0x00", "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"},
        {"0xdeadbeef00000000000000000000000000000000", "0x0", "0x00",
         "0xB928f69Bb1D91Cd65274e3c79d8986362984fDA3"},
        {"0xdeadbeef00000000000000000000000000000000",
         "0x000000000000000000000000feed000000000000000000000000000000000000", "0x00",
         "0xD04116cDd17beBE565EB2422F2497E06cC1C9833"},
        {"0x0", "0x0", "0xdeadbeef", "0x70f2b2914A2a4b783FaEFb75f459A580616Fcb5e"},
        {"0x00000000000000000000000000000000deadbeef", "0xcafebabe", "0xdeadbeef",
         "0x60f3f640a8508fC6a86d45DF051962668E1e8AC7"},
        {"0x00000000000000000000000000000000deadbeef", "0xcafebabe",
         "0xdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadb"
         "eef"
         "deadbeef",
         "0x1d8bfDC5D46DC4f61D6b6115972536eBE6A8854C"},
        {"0x0", "0x0", "0x", "0xE33C0C7F7df4809055C3ebA6c09CFe4BaF1BD9e0"},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        uint8_t code[64];
        size_t len;
        address creator = u256_to_address(host_hex(cases[i].creator));
        hash32 salt = u256_to_hash(host_hex(cases[i].salt));
        hex_decode(cases[i].init_code, strlen(cases[i].init_code), code, sizeof code,
                   &len);
        address a = vm_create2_address(&creator, &salt, slice_of(code, len));
        address want = u256_to_address(host_hex(cases[i].result));
        cr_expect(address_eq(&a, &want), "case %zu: %s", i, address_text(&a).s);
    }
}

/* The addresses of a well-known sender's first contracts. */
Test(ops, create_addresses)
{
    static const struct {
        uint64_t nonce;
        const char *result;
    } cases[] = {{0, "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"},
                 {1, "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"},
                 {2, "0xf778b86fa74e846c4f0a1fbd1335fe81c00a0c91"},
                 {3, "0xfffd933a0bc612844eaf0c6fe3e5b8e9b6c1d19c"}};
    address creator =
        u256_to_address(host_hex("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0"));
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        address a = vm_create_address(&creator, cases[i].nonce);
        address want = u256_to_address(host_hex(cases[i].result));
        cr_expect(address_eq(&a, &want), "nonce %lu: %s", cases[i].nonce,
                  address_text(&a).s);
    }
}

/* EIP-5656's examples: memory before, destination, source, length, memory after. */
Test(ops, eip5656)
{
    static const struct {
        uint8_t dst, src, len;
        const char *after;
    } cases[] = {
        {0, 32, 32, "0x202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"},
        {0, 0, 32, "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
        {0, 1, 8, "0x010203040506070808090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
        {1, 0, 8, "0x000001020304050607090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        struct host h;
        char code[400];
        uint8_t input[64];
        for (unsigned k = 0; k < 64; k++)
            input[k] = (uint8_t)k;
        host_init(&h, FORK_CANCUN);
        /* CALLDATACOPY(0, 0, 64); MCOPY; RETURN(0, 32) */
        snprintf(code, sizeof code,
                 "60406000600037"
                 "60%02x60%02x60%02x5e60206000f3",
                 cases[i].len, cases[i].src, cases[i].dst);
        host_put(&h, 0xaa, code, 0);
        host_call_in(&h, 0xaa, 100000, slice_of(input, 64), UINT64_MAX);
        cr_expect(u256_eq(host_word(&h), host_hex(cases[i].after)), "case %zu", i);
        host_fini(&h);
    }
}

static enum vm_halt halt_of(enum fork fork, const char *code)
{
    struct host h;
    host_init(&h, fork);
    host_put(&h, 0xaa, code, 0);
    host_call(&h, 0xaa, 1000000);
    enum vm_halt halt = h.result.halt;
    host_fini(&h);
    return halt;
}

/* An instruction exists from its fork on. */
Test(ops, since_forks)
{
    static const struct {
        const char *code;
        enum fork since;
    } cases[] = {
        {"600060006000600060006000f4", FORK_HOMESTEAD}, /* DELEGATECALL */
        {"60006000fd", FORK_BYZANTIUM},                 /* REVERT */
        {"3d", FORK_BYZANTIUM},                         /* RETURNDATASIZE */
        {"600060006000600060006000fa", FORK_BYZANTIUM}, /* STATICCALL */
        {"600060001b", FORK_CONSTANTINOPLE},            /* SHL */
        {"60003f", FORK_CONSTANTINOPLE},                /* EXTCODEHASH */
        {"6000600060006000f5", FORK_CONSTANTINOPLE},    /* CREATE2 */
        {"46", FORK_ISTANBUL},                          /* CHAINID */
        {"47", FORK_ISTANBUL},                          /* SELFBALANCE */
        {"48", FORK_LONDON},                            /* BASEFEE */
        {"5f", FORK_SHANGHAI},                          /* PUSH0 */
        {"600049", FORK_CANCUN},                        /* BLOBHASH */
        {"4a", FORK_CANCUN},                            /* BLOBBASEFEE */
        {"60005c", FORK_CANCUN},                        /* TLOAD */
        {"600060005d", FORK_CANCUN},                    /* TSTORE */
        {"6000600060005e", FORK_CANCUN},                /* MCOPY */
        {"60001e", FORK_OSAKA},                         /* CLZ */
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        for (int f = FORK_FRONTIER; f <= FORK_OSAKA; f++) {
            enum vm_halt halt = halt_of((enum fork)f, cases[i].code);
            cr_expect_eq(halt == VM_BAD_OPCODE, f < (int)cases[i].since, "%s in %s: %s",
                         cases[i].code, fork_name((enum fork)f), vm_halt_text(halt));
        }
    }
}

Test(ops, push0_rule)
{
    struct host h;
    host_init(&h, FORK_BERLIN);
    host_put(&h, 0xaa, "5f5f5260205ff3", 0);
    host_call(&h, 0xaa, 1000);
    cr_expect_eq(h.result.halt, VM_BAD_OPCODE);
    h.rules.push0 = true;
    host_call(&h, 0xaa, 1000);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    host_fini(&h);
}

Test(ops, halts)
{
    cr_expect_eq(halt_of(FORK_OSAKA, "01"), VM_STACK_UNDERFLOW);
    cr_expect_eq(halt_of(FORK_OSAKA, "5b60006000565b"), VM_STACK_OVERFLOW);
    cr_expect_eq(halt_of(FORK_OSAKA, "600156"), VM_BAD_JUMP);
    cr_expect_eq(halt_of(FORK_OSAKA, "6003565b"), VM_SUCCESS);
    cr_expect_eq(halt_of(FORK_OSAKA, "600456605b"), VM_BAD_JUMP); /* inside push data */
    cr_expect_eq(halt_of(FORK_OSAKA, "60016000600160003e"), VM_RETURN_DATA_BOUNDS);
    cr_expect_eq(halt_of(FORK_OSAKA, "fe"), VM_BAD_OPCODE);
    cr_expect_eq(halt_of(FORK_OSAKA, "0c"), VM_BAD_OPCODE);
    cr_expect_eq(halt_of(FORK_OSAKA, "7f"), VM_SUCCESS); /* data past the end is zero */
    cr_expect_eq(halt_of(FORK_OSAKA, "6000610100600a600a600a600afd"), VM_REVERT);
}

/* Every row of the opcode table bounds the stack as it says: one item too few
 * underflows. */
Test(ops, stack_bounds)
{
    static const struct {
        uint8_t op;
        unsigned in, out;
    } rows[] = {
#define X(value, name, gas, in, out, since, imm) {value, in, out},
#include "../../src/metisvm/opcodes.def"
#undef X
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        struct host h;
        if (rows[i].in == 0)
            continue;
        host_init(&h, FORK_OSAKA);
        struct host_account *a = host_put(&h, 0xaa, "00", 0);
        a->code_len = 0;
        for (unsigned k = 0; k + 1 < rows[i].in; k++)
            a->code[a->code_len++] = 0x5f;
        a->code[a->code_len++] = rows[i].op;
        a->account.code_hash = keccak256(a->code, a->code_len);
        host_call(&h, 0xaa, 1000000);
        cr_expect_eq(h.result.halt, VM_STACK_UNDERFLOW, "%s", vm_opcode_name(rows[i].op));
        host_fini(&h);
    }
}

/* EIP-8024, its test vectors: the word on top at the end; "" a halt. */
Test(ops, eip8024)
{
    static const struct {
        const char *code, *top;
    } cases[] = {
        {"60016000808080808080808080808080808080e680", "0x1"},
        {"600160008080808080808080808080808080806002e780", "0x1"},
        {"600060016002e88e", "0x2"},
        {"60016000808080808080808080808080808080e6",
         ""}, /* the immediate is 0: n = 145 */
        {"e75b", ""},
        {"e65b", ""},
        {"e87f", ""},
        {"600456e65b6007", "0x7"}, /* the immediate is a jump destination */
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        struct host h;
        char code[200];
        bool cut = strlen(cases[i].top) == 0;
        host_init(&h, FORK_AMSTERDAM);
        snprintf(code, sizeof code, "%s%s", cases[i].code, cut ? "" : "60005260206000f3");
        host_put(&h, 0xaa, code, 0);
        host_call(&h, 0xaa, 100000);
        if (cut)
            cr_expect_neq(h.result.halt, VM_SUCCESS, "case %zu", i);
        else
            cr_expect(u256_eq(host_word(&h), host_hex(cases[i].top)), "case %zu", i);
        host_fini(&h);
    }
}

/* EIP-8024: they do not exist before; EIP-7843: neither does SLOTNUM. */
Test(ops, amsterdam_is_off_before)
{
    static const char *const codes[] = {"600160016001e88e", "4b"};
    for (size_t i = 0; i < MT_ARRAY_LEN(codes); i++) {
        struct host h;
        host_init(&h, FORK_OSAKA);
        host_put(&h, 0xaa, codes[i], 0);
        host_call(&h, 0xaa, 100000);
        cr_expect_eq(h.result.halt, VM_BAD_OPCODE, "case %zu", i);
        host_fini(&h);
    }
}
