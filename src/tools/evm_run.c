/* metis-evm run: one piece of code on an empty state, its output as hex.
 *
 *   metis-evm run --code 6001600201 --trace
 *
 * The code stands at 0x...c0de and is called by 0x...ca11. --trace prints a JSON line an
 * instruction in the form of EIP-3155 and one at the end; --bench runs it again and again
 * for about a second and prints the median time. Exit status 0: the call succeeded. */
#include "evm.h"

#include "metis/metisvm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX      (16u * 1024 * 1024)
#define BENCH_RUNS_MAX 100000u
#define BENCH_NS       1000000000u

struct options {
    slice code, input;
    uint64_t gas;
    enum fork fork;
    enum vm_engine engine;
    bool bench, trace;
};

/* ---- the world: one account with the code, nothing else ---- */

static const address CODE_AT = {{[18] = 0xc0, [19] = 0xde}};
static const address CALLER = {{[18] = 0xca, [19] = 0x11}};

struct world {
    slice code;
    hash32 code_hash;
};

static mt_err read_account(void *ctx, const address *addr, struct account *out,
                           bool *exists)
{
    const struct world *w = ctx;
    *out = account_empty();
    *exists = address_eq(addr, &CODE_AT);
    if (*exists) {
        out->nonce = 1;
        out->code_hash = w->code_hash;
    }
    return MT_OK;
}

static mt_err read_storage(void *ctx, const address *addr, const hash32 *slot, u256 *out)
{
    (void)ctx, (void)addr, (void)slot;
    *out = U256_ZERO;
    return MT_OK;
}

static mt_err read_code(void *ctx, const hash32 *hash, slice *out)
{
    const struct world *w = ctx;
    *out = hash32_eq(hash, &w->code_hash) ? w->code : (slice){0};
    return MT_OK;
}

static mt_err read_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    (void)ctx, (void)number;
    *out = (hash32){{0}};
    return MT_OK;
}

/* ---- the trace ---- */

static void print_hex(slice s)
{
    fputs("0x", stdout);
    for (size_t i = 0; i < s.len; i++)
        printf("%02x", s.ptr[i]);
}

static void trace_step(void *ctx, const struct vm_step_view *v)
{
    (void)ctx;
    printf(
        "{\"pc\":%lu,\"op\":%u,\"gas\":\"0x%lx\",\"gasCost\":\"0x%lx\",\"memSize\":%zu,"
        "\"stack\":[",
        v->pc, v->op, v->gas, v->gas_cost, v->memory.len);
    for (size_t i = 0; i < v->stack_num; i++)
        printf("%s\"%s\"", i == 0 ? "" : ",", u256_hex(v->stack[i]).s);
    printf("],\"depth\":%u,\"refund\":%ld,\"opName\":\"%s\"}\n", v->depth, v->refund,
           vm_opcode_name(v->op));
}

/* ---- running ---- */

static mt_err run_once(const struct vm_env *env, const struct options *o,
                       struct vm_result *out)
{
    struct vm_msg msg = {.kind = VM_CALL,
                         .gas = o->gas,
                         .caller = CALLER,
                         .to = CODE_AT,
                         .code_from = CODE_AT,
                         .input = o->input};
    vm_state_reset(env->state, env->rules);
    return vm_call(env, &msg, out);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static mt_err run_bench(const struct vm_env *env, const struct options *o)
{
    uint64_t *ns = mt_alloc(BENCH_RUNS_MAX * sizeof *ns), total = 0, gas = 0;
    size_t n = 0;
    mt_err err = MT_OK;
    while (err == MT_OK && n < BENCH_RUNS_MAX && (n < 5 || total < BENCH_NS)) {
        struct vm_result r;
        struct arena_mark mark = arena_mark(env->arena);
        uint64_t start = clock_mono_ns();
        err = run_once(env, o, &r);
        ns[n] = clock_mono_ns() - start;
        total += ns[n++];
        if (err == MT_OK)
            gas = o->gas - r.gas_left;
        arena_rewind(env->arena, mark);
    }
    qsort(ns, n, sizeof *ns, by_value);
    if (err == MT_OK)
        printf("{\"runs\":%zu,\"gas\":%lu,\"ns\":%lu,\"nsMin\":%lu,\"mgasPerSecond\":%."
               "1f}\n",
               n, gas, ns[n / 2], ns[0],
               (double)gas * 1000.0 / (double)MT_MAX(ns[n / 2], 1));
    mt_free(ns);
    return err;
}

static int run(const struct options *o)
{
    struct chain_spec spec;
    chain_spec_for_fork(o->fork, 1, &spec);
    struct rules rules = chain_rules(&spec, 1, 1, true);
    struct vm_block block = {.number = 1, .timestamp = 1, .gas_limit = o->gas};
    struct vm_tx tx = {.origin = CALLER};
    struct vm_tracer tracer = {.step = trace_step};
    struct world w = {o->code, keccak256(o->code.ptr, o->code.len)};
    struct vm_reader reader = {read_account, read_storage, read_code, read_block_hash,
                               &w};
    struct arena state_arena, arena;
    arena_init(&state_arena, vm_arena_size(o->gas));
    arena_init(&arena, vm_arena_size(o->gas));
    struct vm_env env = {.rules = &rules,
                         .block = &block,
                         .tx = &tx,
                         .state = vm_state_new(&state_arena, &reader, 1),
                         .crypto = crypto_native(),
                         .tracer = o->trace ? &tracer : NULL,
                         .arena = &arena,
                         .engine = o->engine};
    struct vm_result r = {.halt = VM_SUCCESS};
    mt_err err = env.state == NULL ? MT_ELIMIT : run_once(&env, o, &r);
    int status = 1;
    if (err != MT_OK) {
        fprintf(stderr, "metis-evm: run: %s\n", mt_err_text(err));
    } else if (o->trace) {
        fputs("{\"output\":\"", stdout);
        print_hex(r.output);
        printf("\",\"gasUsed\":\"0x%lx\"", o->gas - r.gas_left);
        if (r.halt != VM_SUCCESS)
            printf(",\"error\":\"%s\"", vm_halt_text(r.halt));
        puts("}");
    } else {
        print_hex(r.output);
        putchar('\n');
        if (r.halt != VM_SUCCESS)
            fprintf(stderr, "metis-evm: run: %s\n", vm_halt_text(r.halt));
    }
    if (err == MT_OK)
        status = r.halt != VM_SUCCESS;
    if (err == MT_OK && o->bench)
        status |= run_bench(&env, o) != MT_OK;
    arena_fini(&arena);
    arena_fini(&state_arena);
    return status;
}

/* ---- options ---- */

static int refuse(const char *what, const char *value)
{
    fprintf(stderr, "metis-evm: run: %s: %s\n", what, value);
    return 2;
}

static bool parse_hex(const char *text, size_t len, slice *out)
{
    size_t n;
    uint8_t *bytes = mt_alloc(len / 2 + 1);
    if (hex_decode(text, len, bytes, len / 2 + 1, &n) != MT_OK) {
        mt_free(bytes);
        return false;
    }
    mt_free((void *)(uintptr_t)out->ptr);
    *out = slice_of(bytes, n);
    return true;
}

/* Hex in a file, white space at the end allowed. */
static bool read_hex_file(const char *path, slice *out)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    char *text = mt_alloc(INPUT_MAX);
    size_t n = fread(text, 1, INPUT_MAX, f);
    bool ok = n < INPUT_MAX && !ferror(f);
    fclose(f);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        n--;
    ok = ok && parse_hex(text, n, out);
    mt_free(text);
    return ok;
}

static bool parse_gas(const char *text, uint64_t *out)
{
    u256 v;
    if (u256_parse(text, strlen(text), &v) != MT_OK || !u256_is_u64(v))
        return false;
    *out = v.w[0];
    return true;
}

static int parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool ok = true;
        if (strcmp(name, "--bench") == 0) {
            o->bench = true;
            continue;
        }
        if (strcmp(name, "--trace") == 0) {
            o->trace = true;
            continue;
        }
        if (value == NULL)
            return refuse("unknown option or no value", name);
        if (strcmp(name, "--code") == 0)
            ok = parse_hex(value, strlen(value), &o->code);
        else if (strcmp(name, "--codefile") == 0)
            ok = read_hex_file(value, &o->code);
        else if (strcmp(name, "--input") == 0)
            ok = parse_hex(value, strlen(value), &o->input);
        else if (strcmp(name, "--gas") == 0)
            ok = parse_gas(value, &o->gas);
        else if (strcmp(name, "--fork") == 0)
            ok = fork_parse(value, &o->fork) == MT_OK;
        else if (strcmp(name, "--engine") == 0)
            ok = vm_engine_parse(value, &o->engine) == MT_OK;
        else
            return refuse("unknown option", name);
        if (!ok)
            return refuse(name, value);
        i++;
    }
    return o->code.ptr == NULL ? refuse("nothing to run", "give --code or --codefile")
                               : 0;
}

int evm_run_main(int argc, char **argv)
{
    struct options o = {
        .gas = 10000000000u, .fork = FORK_OSAKA, .engine = VM_ENGINE_AUTO};
    int status = parse(&o, argc, argv);
    if (status == 0)
        status = run(&o);
    mt_free((void *)(uintptr_t)o.code.ptr);
    mt_free((void *)(uintptr_t)o.input.ptr);
    return status;
}
