/* A tiny world for EVM tests: a few accounts and slots in arrays, behind a vm_reader that
 * can also answer "not yet" once for everything it is asked. */
#ifndef TESTS_METISVM_HOST_H
#define TESTS_METISVM_HOST_H

#include "metis/metisvm.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define HOST_MAX 64

struct host_account {
    address addr;
    struct account account;
    uint8_t code[1024];
    size_t code_len;
};
struct host_slot {
    address addr;
    hash32 key;
    u256 value;
};

struct host {
    struct host_account accounts[HOST_MAX];
    struct host_slot slots[HOST_MAX];
    size_t account_num, slot_num;
    bool shy; /* MT_ENEEDSTATE to every question asked for the first time */
    hash32 asked[256];
    size_t asked_num;
    struct arena arena;
    struct chain_spec spec;
    struct rules rules;
    struct vm_block block;
    struct vm_tx tx;
    struct vm_state *state;
    struct vm_reader reader;
    struct vm_env env;
    struct vm_result result;
};

static inline bool host_refuses(struct host *h, const void *a, size_t n, const void *b,
                                size_t m)
{
    struct keccak k;
    if (!h->shy)
        return false;
    keccak_init(&k);
    keccak_add(&k, a, n);
    keccak_add(&k, b, m);
    hash32 id = keccak_done(&k);
    for (size_t i = 0; i < h->asked_num; i++) {
        if (hash32_eq(&h->asked[i], &id))
            return false;
    }
    cr_assert_lt(h->asked_num, MT_ARRAY_LEN(h->asked));
    h->asked[h->asked_num++] = id;
    return true;
}

static inline struct host_account *host_find(struct host *h, const address *addr)
{
    for (size_t i = 0; i < h->account_num; i++) {
        if (address_eq(&h->accounts[i].addr, addr))
            return &h->accounts[i];
    }
    return NULL;
}

static inline mt_err host_read_account(void *ctx, const address *addr,
                                       struct account *out, bool *exists)
{
    struct host *h = ctx;
    if (host_refuses(h, "a", 1, addr->b, 20))
        return MT_ENEEDSTATE;
    const struct host_account *a = host_find(h, addr);
    *exists = a != NULL;
    *out = a == NULL ? account_empty() : a->account;
    return MT_OK;
}

static inline mt_err host_read_storage(void *ctx, const address *addr, const hash32 *slot,
                                       u256 *out)
{
    struct host *h = ctx;
    if (host_refuses(h, addr->b, 20, slot->b, 32))
        return MT_ENEEDSTATE;
    *out = U256_ZERO;
    for (size_t i = 0; i < h->slot_num; i++) {
        if (address_eq(&h->slots[i].addr, addr) && hash32_eq(&h->slots[i].key, slot))
            *out = h->slots[i].value;
    }
    return MT_OK;
}

static inline mt_err host_read_code(void *ctx, const hash32 *hash, slice *out)
{
    struct host *h = ctx;
    if (host_refuses(h, "c", 1, hash->b, 32))
        return MT_ENEEDSTATE;
    for (size_t i = 0; i < h->account_num; i++) {
        if (hash32_eq(&h->accounts[i].account.code_hash, hash)) {
            *out = slice_of(h->accounts[i].code, h->accounts[i].code_len);
            return MT_OK;
        }
    }
    return MT_ENOTFOUND;
}

static inline mt_err host_read_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    struct host *h = ctx;
    if (host_refuses(h, "b", 1, &number, 8))
        return MT_ENEEDSTATE;
    *out = u256_to_hash(u256_from(0xb10c0000 + number));
    return MT_OK;
}

static inline address host_addr(uint64_t n)
{
    return u256_to_address(u256_from(n));
}

static inline void host_init(struct host *h, enum fork fork)
{
    memset(h, 0, sizeof *h);
    crypto_init();
    arena_init(&h->arena, vm_arena_size(30000000));
    snprintf(h->spec.name, sizeof h->spec.name, "test");
    h->spec.chain_id = 1;
    h->rules =
        (struct rules){.spec = &h->spec, .fork = fork, .push0 = fork >= FORK_SHANGHAI};
    h->block =
        (struct vm_block){.number = 1000, .timestamp = 12345, .gas_limit = 30000000};
    h->tx.origin = host_addr(0xca11e4);
    h->reader = (struct vm_reader){host_read_account, host_read_storage, host_read_code,
                                   host_read_block_hash, h};
    h->state = vm_state_new(&h->arena, &h->reader, 42);
    vm_state_reset(h->state, &h->rules);
    h->env = (struct vm_env){.rules = &h->rules,
                             .block = &h->block,
                             .tx = &h->tx,
                             .state = h->state,
                             .crypto = crypto_native(),
                             .arena = &h->arena};
}

static inline void host_fini(struct host *h)
{
    arena_fini(&h->arena);
}

static inline struct host_account *host_put(struct host *h, uint64_t n,
                                            const char *code_hex, uint64_t balance)
{
    struct host_account *a = &h->accounts[h->account_num++];
    a->addr = host_addr(n);
    a->account = account_empty();
    a->account.balance = u256_from(balance);
    cr_assert_eq(
        hex_decode(code_hex, strlen(code_hex), a->code, sizeof a->code, &a->code_len),
        MT_OK);
    if (a->code_len != 0)
        a->account.code_hash = keccak256(a->code, a->code_len);
    a->account.nonce = a->code_len != 0;
    return a;
}

static inline void host_slot(struct host *h, uint64_t n, uint64_t key, uint64_t value)
{
    h->slots[h->slot_num++] =
        (struct host_slot){host_addr(n), u256_to_hash(u256_from(key)), u256_from(value)};
}

/* Calls account n from the origin; the gas used. Runs in pieces when budget says so. */
static inline uint64_t host_call_in(struct host *h, uint64_t n, uint64_t gas, slice input,
                                    uint64_t budget)
{
    struct vm_msg msg = {.kind = VM_CALL,
                         .gas = gas,
                         .caller = h->tx.origin,
                         .to = host_addr(n),
                         .code_from = host_addr(n),
                         .input = input};
    struct vm *vm = vm_new(&h->env, &msg);
    enum vm_status status;
    cr_assert_not_null(vm);
    do
        status = vm_run(vm, budget);
    while (status == VM_YIELD || status == VM_NEED_STATE);
    cr_assert_eq(status, VM_DONE, "vm_run: %s", mt_err_text(vm_error(vm)));
    h->result = *vm_result(vm);
    return gas - h->result.gas_left;
}

static inline uint64_t host_call(struct host *h, uint64_t n, uint64_t gas)
{
    return host_call_in(h, n, gas, (slice){0}, UINT64_MAX);
}

/* The output as one word. */
static inline u256 host_word(const struct host *h)
{
    cr_assert_eq(h->result.output.len, 32, "halt %s, %zu bytes",
                 vm_halt_text(h->result.halt), h->result.output.len);
    return u256_load_be(h->result.output.ptr);
}

static inline u256 host_hex(const char *hex)
{
    u256 v;
    cr_assert_eq(u256_parse(hex, strlen(hex), &v), MT_OK, "%s", hex);
    return v;
}

#endif
