/* metis-evm t8n: the command line. Options are taken as geth takes them: with one dash or
 * two, the value after a space or after '='; a switch is on by itself. */
#include "evm_t8n.h"

#include <stdio.h>

enum kind { TEXT, SWITCH, SWITCH_NOT, CHAIN_ID, REWARD, NUMBER };

#define AT(field) offsetof(struct t8n_options, field)

static const struct option {
    const char *name;
    enum kind kind;
    size_t at; /* of the text or the switch in t8n_options */
    const char *help;
} OPTIONS[] = {
    {"input.alloc", TEXT, AT(alloc), "FILE  state before; stdin, or a file [alloc.json]"},
    {"input.env", TEXT, AT(env), "FILE  the block's surroundings [env.json]"},
    {"input.txs", TEXT, AT(txs), "FILE  transactions; .rlp: a signed list [txs.json]"},
    {"output.basedir", TEXT, AT(basedir), "FOLDER  where files go; made when missing"},
    {"output.alloc", TEXT, AT(out_alloc),
     "FILE  state after; stdout, stderr or a file [alloc.json]"},
    {"output.result", TEXT, AT(out_result), "FILE  roots and receipts [result.json]"},
    {"output.body", TEXT, AT(out_body), "FILE  RLP of the transactions"},
    {"state.fork", TEXT, AT(fork), "NAME  rules, see below [GrayGlacier]"},
    {"state.chainid", CHAIN_ID, 0, "N  [1]"},
    {"state.reward", REWARD, 0, "N  wei for the block's author; -1: none [0]"},
    {"trace", SWITCH, AT(trace),
     "writes trace-<index>-<hash>.jsonl for each transaction (EIP-3155)"},
    {"trace.memory", SWITCH, AT(trace_memory), "traces with the memory"},
    {"trace.nomemory", SWITCH_NOT, AT(trace_memory), "traces without it, as is usual"},
    {"trace.nostack", SWITCH, AT(trace_no_stack), "traces without the stack"},
    {"trace.returndata", SWITCH, AT(trace_return_data), "traces with return data"},
    {"trace.noreturndata", SWITCH_NOT, AT(trace_return_data),
     "traces without them, as is usual"},
    {"trace.callframes", SWITCH, AT(trace_frames), "traces with a line for each call"},
    {"trace.tracer", TEXT, AT(tracer), "NAME  no tracer has a name here: an error"},
    {"trace.jsonconfig", TEXT, SIZE_MAX, "JSON  of --trace.tracer; not looked at"},
    {"verbosity", NUMBER, 0, "N  nothing is logged here; not looked at"},
};

/* ================= forks ================= */

/* Names that geth has besides those of the suites. */
static const char *const ALIASES[][2] = {
    {"Petersburg", "ConstantinopleFix"},
    {"TangerineWhistle", "EIP150"},
    {"SpuriousDragon", "EIP158"},
};

bool t8n_network(const char *name, uint64_t chain_id, struct chain_spec *out)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(ALIASES); i++)
        if (strcmp(name, ALIASES[i][0]) == 0)
            name = ALIASES[i][1];
    return fx_network(name, chain_id, out);
}

static void print_help(void)
{
    printf("usage: metis-evm t8n [OPTIONS]\n"
           "Executes one block: state, surroundings and transactions in; state and\n"
           "result out, as go-ethereum's `evm t8n` does.\n\nOPTIONS\n");
    for (size_t i = 0; i < MT_ARRAY_LEN(OPTIONS); i++)
        printf("  --%-18s %s\n", OPTIONS[i].name, OPTIONS[i].help);
    printf("  --%-18s this text\n\nFORKS of --state.fork\n", "help, -h");
    for (unsigned f = 0; f < FORK_COUNT; f++)
        printf("  %s\n", fork_name((enum fork)f));
    printf("  Merge\n");
    for (size_t i = 0; i < MT_ARRAY_LEN(ALIASES); i++)
        printf("  %s\n", ALIASES[i][0]);
    printf("and a change from one to a later one at a block or a time:\n"
           "  BerlinToLondonAt5, ShanghaiToCancunAtTime15k\n");
}

/* ================= values ================= */

static bool parse_number(const char *text, u256 *out)
{
    return u256_parse(text, strlen(text), out) == MT_OK;
}

/* Go's words for a truth value. */
static bool parse_bool(const char *text, bool *out)
{
    static const char *const YES[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const NO[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < MT_ARRAY_LEN(YES); i++) {
        *out = strcmp(text, YES[i]) == 0;
        if (*out || strcmp(text, NO[i]) == 0)
            return true;
    }
    return false;
}

/* False when value is not one of the option's. */
static bool take(struct t8n_options *o, const struct option *option, const char *value)
{
    u256 n;
    bool on;
    switch (option->kind) {
    case TEXT:
        if (option->at != SIZE_MAX)
            memcpy((char *)o + option->at, &value, sizeof value);
        return true;
    case SWITCH:
    case SWITCH_NOT:
        if (!parse_bool(value, &on))
            return false;
        on = on != (option->kind == SWITCH_NOT);
        memcpy((char *)o + option->at, &on, sizeof on);
        return true;
    case CHAIN_ID:
        if (!parse_number(value, &n) || !u256_is_u64(n))
            return false;
        o->chain_id = n.w[0];
        return true;
    case REWARD:
        o->has_reward = value[0] != '-';
        return o->has_reward ? parse_number(value, &o->reward)
                             : parse_number(value + 1, &n);
    case NUMBER:
        return parse_number(value, &n);
    }
    return false;
}

/* By its name, of which len bytes count. */
static const struct option *find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < MT_ARRAY_LEN(OPTIONS); i++)
        if (strlen(OPTIONS[i].name) == len && memcmp(OPTIONS[i].name, name, len) == 0)
            return &OPTIONS[i];
    return NULL;
}

static bool is_switch(const struct option *option)
{
    return option->kind == SWITCH || option->kind == SWITCH_NOT;
}

int t8n_options_parse(struct t8n_options *o, int argc, char **argv)
{
    *o = (struct t8n_options){
        .alloc = "alloc.json",
        .env = "env.json",
        .txs = "txs.json",
        .basedir = "",
        .out_alloc = "alloc.json",
        .out_result = "result.json",
        .out_body = "",
        .fork = "GrayGlacier",
        .chain_id = 1,
        .has_reward = true,
        .tracer = "",
    };
    for (int i = 1; i < argc; i++) {
        const char *given = argv[i], *name = given, *value = strchr(given, '=');
        name += name[0] == '-';
        name += name != given && name[0] == '-';
        size_t len = value == NULL ? strlen(name) : (size_t)(value - name);
        if (strcmp(given, "-h") == 0 || (name != given && strcmp(name, "help") == 0)) {
            print_help();
            return T8N_OK;
        }
        const struct option *option = name == given ? NULL : find_option(name, len);
        if (value != NULL)
            value++;
        else if (option != NULL && is_switch(option))
            value = "true";
        else if (option != NULL && i + 1 < argc)
            value = argv[++i];
        if (option == NULL || value == NULL || !take(o, option, value)) {
            fprintf(stderr, "metis-evm t8n: %s: no such option, or not its value\n",
                    given);
            return T8N_USAGE;
        }
    }
    return -1;
}
