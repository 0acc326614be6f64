/* Gas and refunds: the tables of EIP-1283, EIP-2200 and EIP-3529, the 63/64 rule of
 * EIP-150, and prices by fork. */
#include "metisvm_host.h"

struct sstore_case {
    const char *code;
    uint64_t original;
    uint64_t gas;
    int64_t refund;
};

static void check_sstore(enum fork fork, const struct sstore_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct host h;
        bool was_warm;
        host_init(&h, fork);
        host_put(&h, 0xaa, cases[i].code, 0);
        host_slot(&h, 0xaa, 0, cases[i].original);
        address a = host_addr(0xaa);
        hash32 zero = {{0}};
        vm_state_warm_slot(h.state, &a, &zero, &was_warm); /* the tables assume it */
        uint64_t used = host_call(&h, 0xaa, 100000);
        cr_expect_eq(h.result.halt, VM_SUCCESS);
        cr_expect_eq(used, cases[i].gas, "%s %s from %lu: gas %lu, not %lu",
                     fork_name(fork), cases[i].code, cases[i].original, used,
                     cases[i].gas);
        cr_expect_eq(vm_state_refund(h.state), cases[i].refund,
                     "%s %s from %lu: refund %ld", fork_name(fork), cases[i].code,
                     cases[i].original, vm_state_refund(h.state));
        host_fini(&h);
    }
}

Test(gas, eip1283)
{
    static const struct sstore_case cases[] = {
        {"60006000556000600055", 0, 412, 0},
        {"60006000556001600055", 0, 20212, 0},
        {"60016000556000600055", 0, 20212, 19800},
        {"60016000556002600055", 0, 20212, 0},
        {"60016000556001600055", 0, 20212, 0},
        {"60006000556000600055", 1, 5212, 15000},
        {"60006000556001600055", 1, 5212, 4800},
        {"60006000556002600055", 1, 5212, 0},
        {"60026000556000600055", 1, 5212, 15000},
        {"60026000556003600055", 1, 5212, 0},
        {"60026000556001600055", 1, 5212, 4800},
        {"60026000556002600055", 1, 5212, 0},
        {"60016000556000600055", 1, 5212, 15000},
        {"60016000556002600055", 1, 5212, 0},
        {"60016000556001600055", 1, 412, 0},
        {"600160005560006000556001600055", 0, 40218, 19800},
        {"600060005560016000556000600055", 1, 10218, 19800},
    };
    check_sstore(FORK_CONSTANTINOPLE, cases, MT_ARRAY_LEN(cases));
}

Test(gas, eip2200)
{
    static const struct sstore_case cases[] = {
        {"60006000556000600055", 0, 1612, 0},
        {"60006000556001600055", 0, 20812, 0},
        {"60016000556000600055", 0, 20812, 19200},
        {"60016000556002600055", 0, 20812, 0},
        {"60016000556001600055", 0, 20812, 0},
        {"60006000556000600055", 1, 5812, 15000},
        {"60006000556001600055", 1, 5812, 4200},
        {"60006000556002600055", 1, 5812, 0},
        {"60026000556000600055", 1, 5812, 15000},
        {"60026000556003600055", 1, 5812, 0},
        {"60026000556001600055", 1, 5812, 4200},
        {"60026000556002600055", 1, 5812, 0},
        {"60016000556000600055", 1, 5812, 15000},
        {"60016000556002600055", 1, 5812, 0},
        {"60016000556001600055", 1, 1612, 0},
        {"600160005560006000556001600055", 0, 40818, 19200},
        {"600060005560016000556000600055", 1, 10818, 19200},
    };
    check_sstore(FORK_ISTANBUL, cases, MT_ARRAY_LEN(cases));
}

Test(gas, eip3529)
{
    static const struct sstore_case cases[] = {
        {"60006000556000600055", 0, 212, 0},
        {"60006000556001600055", 0, 20112, 0},
        {"60016000556000600055", 0, 20112, 19900},
        {"60016000556002600055", 0, 20112, 0},
        {"60016000556001600055", 0, 20112, 0},
        {"60006000556000600055", 1, 3012, 4800},
        {"60006000556001600055", 1, 3012, 2800},
        {"60006000556002600055", 1, 3012, 0},
        {"60026000556000600055", 1, 3012, 4800},
        {"60026000556003600055", 1, 3012, 0},
        {"60026000556001600055", 1, 3012, 2800},
        {"60026000556002600055", 1, 3012, 0},
        {"60016000556000600055", 1, 3012, 4800},
        {"60016000556002600055", 1, 3012, 0},
        {"60016000556001600055", 1, 212, 0},
        {"600160005560006000556001600055", 0, 40118, 19900},
        {"600060005560016000556000600055", 1, 5918, 7600},
    };
    check_sstore(FORK_LONDON, cases, MT_ARRAY_LEN(cases));
}

/* EIP-2200: 2300 gas is not enough to ask for a write, even one that costs less. */
Test(gas, sstore_sentry)
{
    struct host h;
    host_init(&h, FORK_ISTANBUL);
    host_put(&h, 0xaa, "6000600055", 0);
    host_call(&h, 0xaa, 2306);
    cr_expect_eq(h.result.halt, VM_OUT_OF_GAS);
    host_call(&h, 0xaa, 2307);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    host_fini(&h);
}

/* A price by fork: the code runs with exactly gas, and not with one less. */
static void check_price(enum fork fork, const char *code, uint64_t gas)
{
    for (int less = 0; less < 2; less++) {
        struct host h;
        host_init(&h, fork);
        host_put(&h, 0xaa, code, 0);
        host_put(&h, 0xbb, "00", 7);
        host_call(&h, 0xaa, gas - (uint64_t)less);
        cr_expect_eq(h.result.halt, less ? VM_OUT_OF_GAS : VM_SUCCESS, "%s %s %lu: %s",
                     fork_name(fork), code, gas - (uint64_t)less,
                     vm_halt_text(h.result.halt));
        host_fini(&h);
    }
}

Test(gas, prices_by_fork)
{
    static const struct {
        const char *code; /* all with 0xbb as operand or slot; PUSH is 3 gas */
        uint64_t frontier, tangerine, istanbul, berlin;
    } rows[] = {
        {"60bb31", 23, 403, 703, 2603},                 /* BALANCE */
        {"60bb3b", 23, 703, 703, 2603},                 /* EXTCODESIZE */
        {"60bb54", 53, 203, 803, 2103},                 /* SLOAD */
        {"60bb3160bb31", 46, 806, 1406, 2706},          /* twice: warm */
        {"60bb5460bb54", 106, 406, 1606, 2206},         /* twice: warm */
        {"600060006000600060bb3c", 35, 715, 715, 2615}, /* EXTCODECOPY of nothing */
        {"6000600060006000600060bb6000f1", 61, 721, 721, 2621}, /* CALL with 0 gas */
        {"60bbff", 3, 5003, 5003, 7603}, /* SELFDESTRUCT, heir alive */
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        check_price(FORK_FRONTIER, rows[i].code, rows[i].frontier);
        check_price(FORK_TANGERINE, rows[i].code, rows[i].tangerine);
        check_price(FORK_ISTANBUL, rows[i].code, rows[i].istanbul);
        check_price(FORK_BERLIN, rows[i].code, rows[i].berlin);
    }
    check_price(FORK_FRONTIER, "61010060020a", 36);            /* EXP: 2^256, 2 bytes */
    check_price(FORK_SPURIOUS, "61010060020a", 116);           /* EIP-160 */
    check_price(FORK_CONSTANTINOPLE, "60bb3f", 403);           /* EIP-1052 */
    check_price(FORK_ISTANBUL, "60bb3f", 703);                 /* EIP-1884 */
    check_price(FORK_FRONTIER, "6000600020", 36);              /* KECCAK256 of nothing */
    check_price(FORK_FRONTIER, "6021600020", 6 + 30 + 12 + 6); /* 33 bytes: 2 words */
    check_price(FORK_FRONTIER, "600061040052", 6 + 3 + 33 * 3 + 2);
}

/* EIP-150: the callee gets at most all but a 64th of what is left. The callee returns
 * GAS. */
Test(gas, all_but_one_64th)
{
    struct host h;
    host_init(&h, FORK_TANGERINE);
    host_put(&h, 0xbb, "5a60005260206000f3", 0);
    host_put(&h, 0xaa, "6020600060006000600060bb61fffff160206000f3", 0);
    host_call(&h, 0xaa, 10000);
    /* 10000 - 7 pushes (21) - 700 - one word of memory (3) = 9276; 9276 - 144 = 9132; GAS
     * itself costs 2. */
    cr_expect_eq(host_word(&h).w[0], 9276 - 9276 / 64 - 2);
    host_fini(&h);
}

/* Before it, asking for more than there is fails. */
Test(gas, frontier_call_needs_the_gas)
{
    struct host h;
    host_init(&h, FORK_HOMESTEAD);
    host_put(&h, 0xbb, "00", 0);
    host_put(&h, 0xaa, "6000600060006000600060bb61fffff1", 0);
    host_call(&h, 0xaa, 60000);
    cr_expect_eq(h.result.halt, VM_OUT_OF_GAS);
    host_call(&h, 0xaa, 70000);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    host_fini(&h);
}
