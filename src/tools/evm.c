/* metis-evm: the command table. Each command is a file of its own, see evm.h. */
#include "evm.h"

#include "metis/crypto.h"
#include "metis/version.h"

#include <stdio.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} COMMANDS[] = {
    {"statetest", evm_statetest_main,
     "statetest [--json] [--run REGEX] [--fork NAME] [--engine E] [--jobs N] PATH..."},
    {"blocktest", evm_blocktest_main,
     "blocktest [--json] [--run REGEX] [--fork NAME] [--engine E] [--jobs N]\n"
     "                      [--exclude FILE] [--bal] [--draft-prices] PATH..."},
    {"blockexec", evm_blockexec_main,
     "blockexec [--run REGEX] [--fork NAME] [--engine E] [--jobs N] [--draft-prices]\n"
     "                      [--stub ADDRESS]... PATH..."},
    {"txtest", evm_txtest_main,
     "txtest [--json] [--run REGEX] [--fork NAME] [--jobs N] PATH..."},
    {"trietest", evm_trietest_main,
     "trietest [--json] [--run REGEX] [--fork NAME] [--jobs N] PATH..."},
    {"difficultytest", evm_difficultytest_main,
     "difficultytest [--json] [--run REGEX] [--fork NAME] [--jobs N] PATH..."},
    {"suitetest", evm_suitetest_main,
     "suitetest [--json] [--run REGEX] [--fork NAME] [--jobs N] PATH..."},
    {"rlptest", evm_rlptest_main,
     "rlptest [--json] [--run REGEX] [--fork NAME] [--jobs N] PATH..."},
    {"t8n", evm_t8n_main,
     "t8n [--input.alloc F] [--input.env F] [--input.txs F] [--output.basedir D]\n"
     "                [--output.alloc F] [--output.result F] [--output.body F]\n"
     "                [--state.fork NAME] [--state.chainid N] [--state.reward N]\n"
     "                [--trace] [--trace.memory] [--trace.returndata] [--help]"},
    {"transition", evm_t8n_main, "transition: the same as t8n"},
    {"witness", evm_witness_main,
     "witness --out DIR [--per-network N] [--every N] [blocktest's OPTIONS] PATH..."},
    {"stf", evm_stf_main, "stf [--rv64 PROGRAM] FILE..."},
    {"run", evm_run_main,
     "run [--code HEX | --codefile FILE] [--input HEX] [--gas N] [--fork NAME] "
     "[--bench]\n"
     "                [--engine E] [--trace]"},
};

static int usage(int status)
{
    FILE *out = status == 0 ? stdout : stderr;
    fprintf(out, "usage: metis-evm COMMAND [OPTIONS]\n");
    for (size_t i = 0; i < MT_ARRAY_LEN(COMMANDS); i++)
        fprintf(out, "  metis-evm %s\n", COMMANDS[i].help);
    return status;
}

/* What go-ethereum's evm takes before the command and tools hand it: --verbosity N, which
 * says nothing here. The number of arguments that are it. */
static int global_options(int argc, char **argv)
{
    int i = 1;
    while (i < argc) {
        const char *name = argv[i] + (strncmp(argv[i], "--", 2) == 0);
        if (strncmp(name, "-verbosity=", 11) == 0)
            i++;
        else if (strcmp(name, "-verbosity") == 0 && i + 1 < argc)
            i += 2;
        else
            break;
    }
    return i - 1;
}

static bool is_one_of(const char *arg, const char *a, const char *b, const char *c)
{
    return strcmp(arg, a) == 0 || strcmp(arg, b) == 0 || strcmp(arg, c) == 0;
}

int main(int argc, char **argv)
{
    int skip = global_options(argc, argv);
    argc -= skip;
    argv += skip;
    if (argc < 2)
        return usage(2);
    if (is_one_of(argv[1], "help", "--help", "-h"))
        return usage(0);
    /* Fillers of tests know a transition tool of this kind by its first words. */
    if (is_one_of(argv[1], "--version", "-version", "-v")) {
        printf("evm version %s-metisd-%s\n", MT_VERSION, MT_COMMIT);
        return 0;
    }
    if (strcmp(argv[1], "version") == 0) {
        printf("metis-evm %s (%s)\n", MT_VERSION, MT_COMMIT);
        return 0;
    }
    MT_ASSERT(crypto_init() == MT_OK);
    for (size_t i = 0; i < MT_ARRAY_LEN(COMMANDS); i++) {
        if (strcmp(argv[1], COMMANDS[i].name) == 0)
            return COMMANDS[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "metis-evm: there is no command '%s'\n", argv[1]);
    return usage(2);
}
