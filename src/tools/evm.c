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
     "                [--state.fork NAME] [--state.chainid N] [--state.reward N]"},
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

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(2);
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)
        return usage(0);
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
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
