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

/* One row a price change; a fork without its own row has its predecessor's prices. */
const struct gas_rules *gas_rules_of(enum fork fork)
{
    static const struct {
        enum fork since;
        struct gas_rules rules;
    } rows[] = {
        /* balance, ext_code, ext_hash, sload, call, selfdestruct, exp_byte,
         * net_sstore, sentry, noop, reset, refund, access */
        {FORK_LONDON, /* EIP-3529 */
         {0, 0, 0, 0, 0, 5000, 50, true, true, 100, 2900, 4800, true}},
        {FORK_BERLIN, {0, 0, 0, 0, 0, 5000, 50, true, true, 100, 2900, 15000, true}},
        {FORK_ISTANBUL,
         {700, 700, 700, 800, 700, 5000, 50, true, true, 800, 5000, 15000, false}},
        {FORK_PETERSBURG,
         {400, 700, 400, 200, 700, 5000, 50, false, false, 5000, 5000, 15000, false}},
        {FORK_CONSTANTINOPLE, /* EIP-1283, withdrawn in Petersburg */
         {400, 700, 400, 200, 700, 5000, 50, true, false, 200, 5000, 15000, false}},
        {FORK_SPURIOUS, /* EIP-160 */
         {400, 700, 0, 200, 700, 5000, 50, false, false, 5000, 5000, 15000, false}},
        {FORK_TANGERINE, /* EIP-150 */
         {400, 700, 0, 200, 700, 5000, 10, false, false, 5000, 5000, 15000, false}},
        {FORK_FRONTIER,
         {20, 20, 0, 50, 40, 0, 10, false, false, 5000, 5000, 15000, false}},
    };
    size_t i = 0;
    while (rows[i].since > fork)
        i++;
    return &rows[i].rules;
}
