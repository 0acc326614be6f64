/* Names and prices by number: the tables behind the EVM's enums. */
#include "metisvm_int.h"

static const char *const OPCODE_NAMES[256] = {
#define X(value, name, gas, in, out, since, imm) [value] = #name,
#include "opcodes.def"
#undef X
};

const uint16_t OP_STATIC_GAS[256] = {
#define X(value, name, gas, in, out, since, imm) [value] = gas,
#include "opcodes.def"
#undef X
};

static const uint8_t OPCODE_PUSHES[256] = {
#define X(value, name, gas, in, out, since, imm) [value] = out,
#include "opcodes.def"
#undef X
};

unsigned vm_opcode_pushes(uint8_t op)
{
    return OPCODE_PUSHES[op];
}

const char *vm_opcode_name(uint8_t op)
{
    const char *name = OPCODE_NAMES[op];
    return name == NULL ? "INVALID" : name;
}

const char *vm_halt_text(enum vm_halt h)
{
    static const char *const texts[VM_HALT_COUNT] = {
#define VM_HALT_TEXT(id, text) [VM_##id] = text,
        VM_HALTS(VM_HALT_TEXT)
#undef VM_HALT_TEXT
    };
    return (unsigned)h < VM_HALT_COUNT ? texts[h] : "unknown";
}

mt_err vm_engine_parse(const char *name, enum vm_engine *out)
{
    static const struct {
        const char *name;
        enum vm_engine engine;
    } engines[] = {{"auto", VM_ENGINE_AUTO}, {"reference", VM_ENGINE_REFERENCE}};
    for (size_t i = 0; i < MT_ARRAY_LEN(engines); i++) {
        if (slice_eq(slice_str(engines[i].name), slice_str(name))) {
            *out = engines[i].engine;
            return MT_OK;
        }
    }
    return MT_EUNSUPPORTED;
}

/* What every fork before Amsterdam charges. */
#define OLD_PRICES                                                                       \
    .sstore_set = 20000, .cold_account = 2600, .call_value = 9000, .new_account = 25000, \
    .new_heir = 25000, .create = 32000, .code_byte = 200

/* One row a price change; a fork without its own row has its predecessor's prices. */
static const struct {
    enum fork since;
    bool draft; /* only with spec->draft_prices */
    struct gas_rules rules;
} PRICES[] = {
    /* balance, ext_code, ext_hash, sload, call, selfdestruct, exp_byte,
     * net_sstore, sentry, noop, reset, refund, access */
    {FORK_AMSTERDAM,
     true,
     {0,
      0,
      0,
      0,
      0,
      5000,
      50,
      true,
      true,
      100,
      2900,
      4800,
      true,
      .sstore_set = 2900,
      .cold_account = 2600,
      .call_value = 9000,
      .create = 9000,
      .code_word = 6,
      .state_byte = 1174,
      .account_bytes = 112,
      .slot_bytes = 32,
      .delegation_bytes = 23}},
    {FORK_AMSTERDAM,
     false, /* EIP-8037, 8038 */
     {0,
      0,
      0,
      0,
      0,
      5000,
      50,
      true,
      true,
      0,
      10000,
      11616,
      true,
      .sstore_set = 10000,
      .sstore_warm = GAS_WARM,
      .cold_account = 3000,
      .code_extra = GAS_WARM,
      .call_value = 11300,
      .new_heir = 9000,
      .create = 12000,
      .code_word = 6,
      .account_write = 9000,
      .state_byte = 1530,
      .account_bytes = 120,
      .slot_bytes = 64,
      .delegation_bytes = 23}},
    {FORK_LONDON,
     false, /* EIP-3529 */
     {0, 0, 0, 0, 0, 5000, 50, true, true, 100, 2900, 4800, true, OLD_PRICES}},
    {FORK_BERLIN,
     false,
     {0, 0, 0, 0, 0, 5000, 50, true, true, 100, 2900, 15000, true, OLD_PRICES}},
    {FORK_ISTANBUL,
     false,
     {700, 700, 700, 800, 700, 5000, 50, true, true, 800, 5000, 15000, false,
      OLD_PRICES}},
    {FORK_PETERSBURG,
     false,
     {400, 700, 400, 200, 700, 5000, 50, false, false, 5000, 5000, 15000, false,
      OLD_PRICES}},
    {FORK_CONSTANTINOPLE,
     false, /* EIP-1283, withdrawn in Petersburg */
     {400, 700, 400, 200, 700, 5000, 50, true, false, 200, 5000, 15000, false,
      OLD_PRICES}},
    {FORK_SPURIOUS,
     false, /* EIP-160 */
     {400, 700, 0, 200, 700, 5000, 50, false, false, 5000, 5000, 15000, false,
      OLD_PRICES}},
    {FORK_TANGERINE,
     false, /* EIP-150 */
     {400, 700, 0, 200, 700, 5000, 10, false, false, 5000, 5000, 15000, false,
      OLD_PRICES}},
    {FORK_FRONTIER,
     false,
     {20, 20, 0, 50, 40, 0, 10, false, false, 5000, 5000, 15000, false, OLD_PRICES}},
};

const struct gas_rules *gas_rules_of(const struct rules *rules)
{
    size_t i = 0;
    while (PRICES[i].since > rules->fork ||
           (PRICES[i].draft && !rules->spec->draft_prices))
        i++;
    return &PRICES[i].rules;
}

struct vm_prices vm_prices_of(const struct rules *rules)
{
    const struct gas_rules *g = gas_rules_of(rules);
    return (struct vm_prices){
        .warm_access = GAS_WARM,
        .cold_account = g->cold_account,
        .cold_slot = GAS_COLD_SLOT,
        .account_write = g->account_write,
        .state_new_account = (uint64_t)g->account_bytes * g->state_byte,
        .state_delegation = (uint64_t)g->delegation_bytes * g->state_byte,
        .state_new_slot = (uint64_t)g->slot_bytes * g->state_byte,
    };
}
