/* Message calls: frames, creations by fork, delegations, self-destruction, the native
 * transfer; and that stopping at any instruction or question changes nothing. */
#include "metisvm_host.h"

static u256 slot_of(struct host *h, uint64_t account, uint64_t key)
{
    address a = host_addr(account);
    hash32 k = u256_to_hash(u256_from(key));
    u256 current, original;
    cr_assert_eq(vm_state_load(h->state, &a, &k, &current, &original), MT_OK);
    return current;
}

static const struct vm_account *account_of(struct host *h, const address *a)
{
    struct vm_account *out;
    cr_assert_eq(vm_state_account(h->state, a, &out), MT_OK);
    return out;
}

static const struct account_change *change_of(const struct state_delta *d,
                                              const address *a)
{
    for (size_t i = 0; i < d->account_num; i++) {
        if (address_eq(&d->accounts[i].addr, a))
            return &d->accounts[i];
    }
    return NULL;
}

static struct state_delta delta_of(struct host *h)
{
    struct state_delta d;
    cr_assert_eq(vm_state_delta(h->state, &h->arena, &d), MT_OK);
    for (size_t i = 1; i < d.account_num; i++)
        cr_assert_lt(address_cmp(&d.accounts[i - 1].addr, &d.accounts[i].addr), 0);
    return d;
}

/* A contract that calls itself until it cannot, counting in slot 0: SLOAD 0, 1 ADD,
 * SSTORE 0; CALL(GAS, ADDRESS, 0...). Before EIP-150 only the depth of 1024 ends it: 1025
 * frames. */
Test(calls, depth)
{
    struct host h;
    host_init(&h, FORK_HOMESTEAD);
    host_put(&h, 0xaa, "6000546001016000556000600060006000600030619c405a03f100", 0);
    host_call(&h, 0xaa, 100000000);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    cr_expect_eq(slot_of(&h, 0xaa, 0).w[0], 1025);
    host_fini(&h);
}

/* A mixed program for the stopping tests: balances, storage of two accounts, a call that
 * reverts, a delegate call, a creation, logs, a block hash; it returns a hash of all. */
static void put_mixed(struct host *h)
{
    host_init(h, FORK_OSAKA);
    host_put(h, 0xca11e4, "", 1000000);
    /* slot 1 = slot 1 + 5, return BALANCE(0xdd) */
    host_put(h, 0xbb, "60015460050160015560dd3160005260206000f3", 50);
    /* slot 2 = 9, revert with memory word */
    host_put(h, 0xcc, "600960025560aa60005260206000fd", 60);
    host_put(h, 0xdd, "", 77);
    host_put(h, 0xaa,
             "6020600060006000600060bb5af1"   /* CALL bb -> memory 0 */
             "6020602060006000600060cc5af1"   /* CALL cc -> memory 20, reverts */
             "602060406000600060bb5af4"       /* DELEGATECALL bb -> memory 40 */
             "6103e740606052"                 /* BLOCKHASH(999) -> memory 60 */
             "60ee3b608052"                   /* EXTCODESIZE of nobody -> memory 80 */
             "6a600160005560dd3160025560a052" /* init code: slots 0, 2 -> memory b5 */
             "600b60b56001f060c052"           /* CREATE(1, b5, 11) -> memory c0 */
             "60015460025401600355"           /* slot 3 = slot 1 + slot 2 */
             "60ff602060206000a2"             /* LOG2 */
             "610100600020600052"             /* hash of the memory */
             "60206000f3",
             500);
    host_slot(h, 0xbb, 1, 30);
    host_slot(h, 0xaa, 1, 40);
}

struct outcome {
    enum vm_halt halt;
    uint64_t gas_used;
    int64_t refund;
    u256 word;
    hash32 delta;
    size_t logs;
};

static hash32 hash_delta(const struct state_delta *d)
{
    struct keccak k;
    keccak_init(&k);
    for (size_t i = 0; i < d->account_num; i++) {
        const struct account_change *c = &d->accounts[i];
        keccak_add(&k, c->addr.b, 20);
        keccak_add(&k, &c->flags, sizeof c->flags);
        keccak_add(&k, &c->nonce, sizeof c->nonce);
        keccak_add(&k, &c->balance, sizeof c->balance);
        keccak_add(&k, c->code_hash.b, 32);
        if (c->slot_num != 0)
            keccak_add(&k, c->slots, c->slot_num * sizeof *c->slots);
    }
    return keccak_done(&k);
}

static struct outcome run_mixed(bool shy, uint64_t budget, uint64_t gas)
{
    struct host h;
    struct outcome o = {0};
    put_mixed(&h);
    h.shy = shy;
    o.gas_used = host_call_in(&h, 0xaa, gas, (slice){0}, budget);
    h.shy = false;
    o.halt = h.result.halt;
    o.refund = vm_state_refund(h.state);
    if (h.result.output.len == 32)
        o.word = u256_load_be(h.result.output.ptr);
    address aa = host_addr(0xaa), made = vm_create_address(&aa, 1);
    if (o.halt == VM_SUCCESS)
        cr_assert_eq(account_of(&h, &made)->nonce, 1);
    struct state_delta d = delta_of(&h);
    o.delta = hash_delta(&d);
    vm_state_logs(h.state, &o.logs);
    host_fini(&h);
    return o;
}

static void expect_same(const struct outcome *a, const struct outcome *b, const char *how)
{
    cr_expect_eq(a->halt, b->halt, "%s", how);
    cr_expect_eq(a->gas_used, b->gas_used, "%s: gas %lu, %lu", how, a->gas_used,
                 b->gas_used);
    cr_expect_eq(a->refund, b->refund, "%s", how);
    cr_expect(u256_eq(a->word, b->word), "%s", how);
    cr_expect(hash32_eq(&a->delta, &b->delta), "%s", how);
    cr_expect_eq(a->logs, b->logs, "%s", how);
}

Test(calls, stopping_changes_nothing)
{
    struct outcome plain = run_mixed(false, UINT64_MAX, 1000000);
    cr_assert_eq(plain.halt, VM_SUCCESS, "%s", vm_halt_text(plain.halt));
    cr_expect_eq(plain.logs, 1);
    for (uint64_t budget = 1; budget < 20; budget += 3) {
        struct outcome pieces = run_mixed(false, budget, 1000000);
        expect_same(&plain, &pieces, "budget");
        struct outcome shy = run_mixed(true, budget, 1000000);
        expect_same(&plain, &shy, "budget and missing state");
    }
    struct outcome shy = run_mixed(true, UINT64_MAX, 1000000);
    expect_same(&plain, &shy, "missing state");
}

/* The same where gas ends somewhere in the middle. */
Test(calls, stopping_and_running_out)
{
    for (uint64_t gas = 100; gas < 120000; gas += 1777) {
        struct outcome plain = run_mixed(false, UINT64_MAX, gas);
        struct outcome shy = run_mixed(true, 1, gas);
        expect_same(&plain, &shy, "out of gas");
    }
}

/* ---- creations ---- */

static void create(struct host *h, const char *init_hex, uint64_t gas)
{
    static uint8_t init[65536];
    size_t len;
    bool exists = host_find(h, &h->tx.origin) != NULL;
    if (!exists)
        host_put(h, 0xca11e4, "", 1000000)->account.nonce = 1;
    cr_assert_eq(hex_decode(init_hex, strlen(init_hex), init, sizeof init, &len), MT_OK);
    struct vm_msg msg = {.kind = VM_CREATE,
                         .gas = gas,
                         .caller = h->tx.origin,
                         .input = slice_of(init, len)};
    cr_assert_eq(vm_call(&h->env, &msg, &h->result), MT_OK);
}

/* Init code that returns 32 zero bytes: 6400 gas for the code. */
#define RETURNS_WORD "60206000f3"

Test(calls, create_without_gas_for_the_code)
{
    for (int fork = FORK_FRONTIER; fork <= FORK_OSAKA; fork++) {
        struct host h;
        host_init(&h, (enum fork)fork);
        create(&h, RETURNS_WORD, 6000);
        if (fork == FORK_FRONTIER) { /* EIP-2 came with Homestead */
            cr_expect_eq(h.result.halt, VM_SUCCESS);
            cr_expect_eq(h.result.gas_left, 6000 - 9);
            cr_expect_eq(account_of(&h, &h.result.created)->code.len, 0);
        } else {
            cr_expect_eq(h.result.halt, VM_CODE_STORE_GAS);
            cr_expect_eq(h.result.gas_left, 0);
        }
        host_fini(&h);
    }
}

Test(calls, create)
{
    struct host h;
    host_init(&h, FORK_OSAKA);
    create(&h, RETURNS_WORD, 10000);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    cr_expect_eq(h.result.gas_left, 10000 - 9 - 6400);
    address want = vm_create_address(&h.tx.origin, 0);
    cr_expect(address_eq(&h.result.created, &want));
    const struct vm_account *a = account_of(&h, &want);
    cr_expect_eq(a->nonce, 1); /* EIP-161 */
    cr_expect_eq(a->code.len, 32);
    struct state_delta d = delta_of(&h);
    const struct account_change *c = change_of(&d, &want);
    cr_assert_not_null(c);
    cr_expect_eq(c->flags, CHANGE_CODE | CHANGE_STORAGE_CLEARED);
    cr_expect_eq(c->code.len, 32);
    host_fini(&h);
}

Test(calls, create_refused)
{
    struct host h;
    host_init(&h, FORK_OSAKA);
    create(&h, "60ef60005360016000f3", 100000); /* EIP-3541 */
    cr_expect_eq(h.result.halt, VM_CODE_PREFIX);
    host_fini(&h);
    host_init(&h, FORK_BERLIN);
    create(&h, "60ef60005360016000f3", 100000);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    host_fini(&h);
    host_init(&h, FORK_OSAKA);
    create(&h, "6160016000f3", 10000000); /* EIP-170: 24577 bytes */
    cr_expect_eq(h.result.halt, VM_CODE_SIZE);
    host_fini(&h);
    host_init(&h, FORK_HOMESTEAD);
    create(&h, "6160016000f3", 10000000);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    host_fini(&h);
}

static void check_collision(uint64_t nonce, bool code, bool storage, bool collides)
{
    struct host h;
    host_init(&h, FORK_OSAKA);
    address at = vm_create_address(&h.tx.origin, 0);
    struct host_account *a = host_put(&h, 0, "", 5);
    a->addr = at;
    a->account.nonce = nonce;
    if (code)
        a->account.code_hash = keccak256("x", 1);
    if (storage)
        a->account.storage_root = keccak256("root", 4);
    create(&h, RETURNS_WORD, 10000);
    cr_expect_eq(h.result.halt, collides ? VM_COLLISION : VM_SUCCESS);
    if (!collides)
        cr_expect_eq(account_of(&h, &at)->balance.w[0], 5);
    host_fini(&h);
}

Test(calls, create_collision) /* EIP-684, EIP-7610 */
{
    check_collision(0, false, false, false);
    check_collision(1, false, false, true);
    check_collision(0, true, false, true);
    check_collision(0, false, true, true);
}

/* ---- static calls ---- */

Test(calls, static_calls_write_nothing)
{
    static const char *const writes[] = {
        "6001600055",        "60006000a0",
        "600060006000f0",    "60bbff",
        "600160005d",        "6000600060006000600160bb5af1", /* with value */
        "6000600060006000f5"};
    for (size_t i = 0; i < MT_ARRAY_LEN(writes); i++) {
        struct host h;
        char code[100];
        host_init(&h, FORK_OSAKA);
        snprintf(code, sizeof code, "%s6001", writes[i]);
        host_put(&h, 0xcc, code, 10);
        /* STATICCALL(100000, cc), and the same through a further plain call */
        host_put(&h, 0xaa, "600060006000600060cc620186a0fa60005260206000f3", 0);
        host_put(&h, 0xdd, "6000600060006000600060cc620186a0f160005260206000f3", 0);
        host_put(&h, 0xee, "602060006000600060dd62030d40fa5060206000f3", 0);
        host_call(&h, 0xaa, 1000000);
        cr_expect(u256_is_zero(host_word(&h)), "%s", writes[i]);
        host_call(&h, 0xee, 1000000);
        cr_expect(u256_is_zero(host_word(&h)), "inherited: %s", writes[i]);
        host_call(&h, 0xdd, 1000000);
        cr_expect_eq(host_word(&h).w[0], 1, "not static: %s", writes[i]);
        host_fini(&h);
    }
}

/* ---- SELFDESTRUCT ---- */

static void self_destruct(enum fork fork, bool to_self, uint64_t *balance, bool *gone,
                          uint64_t *heir)
{
    struct host h;
    host_init(&h, fork);
    host_put(&h, 0xaa, to_self ? "30ff" : "60bbff", 100);
    host_call(&h, 0xaa, 100000);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    struct state_delta d = delta_of(&h);
    address a = host_addr(0xaa), b = host_addr(0xbb);
    const struct account_change *c = change_of(&d, &a);
    *gone = c != NULL && (c->flags & CHANGE_DELETED) != 0;
    *balance = account_of(&h, &a)->balance.w[0];
    *heir = account_of(&h, &b)->balance.w[0];
    host_fini(&h);
}

Test(calls, self_destruct)
{
    uint64_t balance, heir;
    bool gone;
    self_destruct(FORK_SHANGHAI, false, &balance, &gone, &heir);
    cr_expect(gone && heir == 100);
    self_destruct(FORK_SHANGHAI, true, &balance, &gone, &heir);
    cr_expect(gone && balance == 0); /* burnt */
    self_destruct(FORK_CANCUN, false, &balance, &gone, &heir);
    cr_expect(!gone && balance == 0 && heir == 100); /* EIP-6780 */
    self_destruct(FORK_CANCUN, true, &balance, &gone, &heir);
    cr_expect(!gone && balance == 100);
}

/* EIP-6780: created and destroyed in one transaction, it goes as before. */
Test(calls, self_destruct_when_created)
{
    struct host h;
    host_init(&h, FORK_CANCUN);
    create(&h, "60bbff", 100000);
    address at = vm_create_address(&h.tx.origin, 0);
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    struct state_delta d = delta_of(&h);
    cr_expect_null(change_of(&d, &at)); /* it was never there */
    host_fini(&h);
}

/* ---- empty accounts ---- */

/* EIP-161: a touched empty account goes; before it a call brings one to life. */
Test(calls, touching_the_empty)
{
    address e = host_addr(0xee), n = host_addr(0xff01);
    for (int late = 0; late < 2; late++) {
        struct host h;
        host_init(&h, late ? FORK_SPURIOUS : FORK_TANGERINE);
        host_put(&h, 0xee, "", 0);
        host_put(&h, 0xaa,
                 "6000600060006000600060ee6000f1"    /* CALL ee */
                 "6000600060006000600061ff016000f1", /* CALL ff01 */
                 0);
        host_call(&h, 0xaa, 100000);
        cr_expect_eq(h.result.halt, VM_SUCCESS);
        struct state_delta d = delta_of(&h);
        const struct account_change *ce = change_of(&d, &e), *cn = change_of(&d, &n);
        if (late) {
            cr_assert_not_null(ce);
            cr_expect_neq(ce->flags & CHANGE_DELETED, 0);
            cr_expect_null(cn);
        } else {
            cr_expect_null(ce);
            cr_assert_not_null(cn);
            cr_expect_eq(cn->flags, 0);
        }
        host_fini(&h);
    }
}

/* Yellow paper, appendix K.1: of reverted touches only that of address 3 counts. */
Test(calls, touch_of_address_3_survives)
{
    for (uint64_t at = 2; at <= 4; at++) {
        struct host h;
        char code[100];
        host_init(&h, FORK_SPURIOUS);
        host_put(&h, at, "", 0);
        snprintf(code, sizeof code, "6000600060006000600060%02lx6000f1fe", at);
        host_put(&h, 0xaa, code, 0);
        host_call(&h, 0xaa, 100000);
        cr_expect_eq(h.result.halt, VM_BAD_OPCODE);
        struct state_delta d = delta_of(&h);
        cr_expect_eq(d.account_num, at == 3 ? 1 : 0);
        host_fini(&h);
    }
}

/* ---- EIP-7702 ---- */

Test(calls, delegation)
{
    struct host h;
    host_init(&h, FORK_PRAGUE);
    /* bb delegates to cc, which returns ADDRESS; aa shows bb's code size and calls it */
    host_put(&h, 0xbb, "ef010000000000000000000000000000000000000000cc", 0);
    host_put(&h, 0xcc, "3060005260206000f3", 0);
    host_put(&h, 0xaa, "6020600060006000600060bb5af15060206000f3", 0);
    host_put(&h, 0xdd, "60bb3b60005260206000f3", 0);
    uint64_t used = host_call(&h, 0xaa, 100000);
    cr_expect_eq(host_word(&h).w[0], 0xbb);
    /* aa: 17 + 2 (GAS) + 5200 + 3 + 2 + 6; cc: 2 + 3 + 6 + 6 */
    cr_expect_eq(used, 17 + 1 + 2 + 5200 + 3 + 2 + 6 + 17, "%lu", used);
    host_call(&h, 0xdd, 100000);
    cr_expect_eq(host_word(&h).w[0], 23);
    host_fini(&h);
    /* before Prague the designator is code, and 0xef no instruction */
    host_init(&h, FORK_CANCUN);
    host_put(&h, 0xbb, "ef010000000000000000000000000000000000000000cc", 0);
    host_call(&h, 0xbb, 100000);
    cr_expect_eq(h.result.halt, VM_BAD_OPCODE);
    host_fini(&h);
}

/* ---- the native transfer ---- */

#define NATIVE 0x4200
#define TOKEN  0x7070

/* Copies its call data into the call given by op and returns the result. */
static void put_forwarder(struct host *h, uint64_t at, const char *op, bool with_value,
                          unsigned len)
{
    char code[200];
    snprintf(code, sizeof code,
             "60606000600037600060006%c%02x6000%s614200620186a0%s"
             "60005260206000f3",
             '0', len, with_value ? "6000" : "", op);
    host_put(h, at, code, 50);
}

static void native_host(struct host *h, const char *op, bool with_value, unsigned len)
{
    host_init(h, FORK_BERLIN);
    h->spec.native_token = true;
    h->spec.token = host_addr(TOKEN);
    h->spec.native_transfer = host_addr(NATIVE);
    put_forwarder(h, TOKEN, op, with_value, len);
    put_forwarder(h, 0x7171, op, with_value, len);
    host_put(h, 0x1111, "", 1000);
}

static uint64_t native_transfer(struct host *h, uint64_t caller, uint64_t amount)
{
    uint8_t in[96] = {0};
    u256_store_be(u256_from(0x1111), in);
    u256_store_be(u256_from(0x2222), in + 32);
    u256_store_be(u256_from(amount), in + 64);
    host_call_in(h, caller, 1000000, slice_of(in, sizeof in), UINT64_MAX);
    return host_word(h).w[0];
}

static void expect_balances(struct host *h, uint64_t from, uint64_t to)
{
    address a = host_addr(0x1111), b = host_addr(0x2222);
    cr_expect_eq(account_of(h, &a)->balance.w[0], from);
    cr_expect_eq(account_of(h, &b)->balance.w[0], to);
}

Test(calls, native_transfer)
{
    struct host h;
    native_host(&h, "f1", true, 96);
    address native = host_addr(NATIVE);
    cr_expect(vm_is_precompile(&h.rules, &native));
    cr_expect_eq(native_transfer(&h, TOKEN, 300), 1);
    expect_balances(&h, 700, 300);
    cr_expect_eq(native_transfer(&h, TOKEN, 701), 0, "more than there is");
    expect_balances(&h, 700, 300);
    cr_expect_eq(native_transfer(&h, 0x7171, 1), 0, "another caller");
    expect_balances(&h, 700, 300);
    host_fini(&h);
    static const struct {
        const char *op;
        bool with_value;
        unsigned len;
    } refused[] = {
        {"f4", false, 96}, {"f2", true, 96}, {"fa", false, 96}, {"f1", true, 95}};
    for (size_t i = 0; i < MT_ARRAY_LEN(refused); i++) {
        native_host(&h, refused[i].op, refused[i].with_value, refused[i].len);
        cr_expect_eq(native_transfer(&h, TOKEN, 1), 0, "case %zu", i);
        expect_balances(&h, 1000, 0);
        host_fini(&h);
    }
}

Test(calls, native_transfer_is_off_elsewhere)
{
    struct host h;
    native_host(&h, "f1", true, 96);
    h.spec.native_token = false;
    address native = host_addr(NATIVE);
    cr_expect(!vm_is_precompile(&h.rules, &native));
    cr_expect_eq(native_transfer(&h, TOKEN, 300), 1); /* an empty account */
    expect_balances(&h, 1000, 0);
    host_fini(&h);
}

/* ---- precompiles ---- */

Test(calls, precompile_sets)
{
    static const struct {
        enum fork fork;
        unsigned num;
    } sets[] = {{FORK_FRONTIER, 4}, {FORK_SPURIOUS, 4}, {FORK_BYZANTIUM, 8},
                {FORK_ISTANBUL, 9}, {FORK_LONDON, 9},   {FORK_CANCUN, 10},
                {FORK_PRAGUE, 17},  {FORK_OSAKA, 18}};
    for (size_t i = 0; i < MT_ARRAY_LEN(sets); i++) {
        struct host h;
        unsigned it = 0, n = 0;
        address a;
        host_init(&h, sets[i].fork);
        while (vm_precompile_next(&h.rules, &it, &a)) {
            cr_expect(vm_is_precompile(&h.rules, &a));
            n++;
        }
        cr_expect_eq(n, sets[i].num, "%s", fork_name(sets[i].fork));
        a = host_addr(0x100);
        cr_expect_eq(vm_is_precompile(&h.rules, &a), sets[i].fork >= FORK_OSAKA);
        a = host_addr(0);
        cr_expect(!vm_is_precompile(&h.rules, &a));
        host_fini(&h);
    }
}

/* EIP-198's examples: the second has an empty base (0^p), the third a long exponent that
 * the input does not hold, so that the modulus is zero; and 3^5 mod 100 with a modulus of
 * two bytes of which one is there (25600). */
Test(calls, modexp)
{
    static const char p[] =
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
    static const struct {
        unsigned base_len, exp_len, mod_len;
        const char *rest;
        u256 result;
    } cases[] = {
        {1,
         32,
         32,
         "03fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e",
         {{1, 0, 0, 0}}},
        {0,
         32,
         32,
         "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e",
         {{0, 0, 0, 0}}},
        {1, 4097, 1, "0301", {{0, 0, 0, 0}}},
        {1, 1, 2, "030564", {{243, 0, 0, 0}}},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(cases); i++) {
        struct host h;
        char hex[400];
        uint8_t in[200];
        size_t len;
        host_init(&h, FORK_BYZANTIUM);
        snprintf(hex, sizeof hex, "%064x%064x%064x%s%s", cases[i].base_len,
                 cases[i].exp_len, cases[i].mod_len, cases[i].rest, i < 2 ? p : "");
        cr_assert_eq(hex_decode(hex, strlen(hex), in, sizeof in, &len), MT_OK);
        host_call_in(&h, 5, 1000000, slice_of(in, len), UINT64_MAX);
        cr_expect_eq(h.result.halt, VM_SUCCESS);
        cr_assert_eq(h.result.output.len, cases[i].mod_len);
        u256 v = u256_load_be_n(h.result.output.ptr, h.result.output.len);
        cr_expect(u256_eq(v, cases[i].result), "case %zu: %s", i, u256_hex(v).s);
        host_fini(&h);
    }
}

/* EIP-198's gas example: 3^(p-1) mod p costs 13056, which EIP-2565 makes 1360. */
Test(calls, modexp_gas)
{
    struct host h;
    uint8_t in[161] = {0};
    in[31] = 1, in[63] = 32, in[95] = 32, in[96] = 3;
    memset(in + 97, 0xff, 64);
    for (unsigned at = 97; at < 161; at += 32)
        in[at + 27] = 0xfe, in[at + 30] = 0xfc, in[at + 31] = 0x2f;
    in[128] = 0x2e;
    host_init(&h, FORK_BYZANTIUM);
    cr_expect_eq(host_call_in(&h, 5, 100000, slice_of(in, sizeof in), UINT64_MAX), 13056);
    host_fini(&h);
    host_init(&h, FORK_BERLIN);
    cr_expect_eq(host_call_in(&h, 5, 100000, slice_of(in, sizeof in), UINT64_MAX), 1360);
    host_fini(&h);
}

/* The most memory that gas buys: equal shares in a thousand frames, 100 KiB each. The host's
 * arena has vm_arena_size of this gas. */
Test(calls, memory_of_the_deepest_calls_fits)
{
    struct host h;
    host_init(&h, FORK_HOMESTEAD);
    /* MSTORE(0x18000, 0); CALL(GAS - 255, ADDRESS, 0...) */
    host_put(&h, 0xaa,
             "600062018000526000600060006000600030" /* value 0 to itself */
             "60ff5a03f100",
             0);
    host_call(&h, 0xaa, 30000000); /* asserts that the machine did not fail */
    cr_expect_eq(h.result.halt, VM_SUCCESS);
    cr_expect_gt(h.arena.size, (size_t)100 << 20);
    host_fini(&h);
}

Test(calls, arena_size_grows_with_gas)
{
    cr_expect_geq(vm_arena_size(0), (size_t)64 << 20);
    for (uint64_t gas = 1000; gas < UINT64_MAX / 32; gas *= 8)
        cr_expect_geq(vm_arena_size(gas * 8), vm_arena_size(gas));
    cr_expect_gt(vm_arena_size(UINT64_MAX), vm_arena_size(30000000));
}
