/* metis-evm: its commands, one file each. argv[0] is the command's name; the result is
 * the exit status: 0 done, 1 failed, 2 wrong usage. */
#ifndef METIS_EVM_H
#define METIS_EVM_H

int evm_run_main(int argc, char **argv);
int evm_statetest_main(int argc, char **argv);
int evm_blocktest_main(int argc, char **argv);
int evm_blockexec_main(int argc, char **argv);
int evm_txtest_main(int argc, char **argv);
int evm_trietest_main(int argc, char **argv);
int evm_difficultytest_main(int argc, char **argv);
int evm_suitetest_main(int argc, char **argv);
int evm_rlptest_main(int argc, char **argv);
int evm_t8n_main(int argc, char **argv); /* statuses as geth's: evm_t8n.h */
int evm_witness_main(int argc, char **argv);
int evm_stf_main(int argc, char **argv);

#endif
