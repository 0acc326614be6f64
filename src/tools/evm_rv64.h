/* metis-evm: an interpreter of rv64im (The RISC-V Instruction Set Manual, volume I,
 * 20191213: RV64I 2.1 and M 2.0), enough for build/stf.rv64: user mode, one thread, no
 * interrupts. It exists to count instructions; each is one, as a prover's trace has
 * it. */
#ifndef METIS_EVM_RV64_H
#define METIS_EVM_RV64_H

#include "metis/base.h"

struct rv64_run {
    slice input;           /* what the program reads from descriptor 0 */
    struct buf out, err;   /* what it writes to 1 and 2; made by the caller */
    uint64_t instructions; /* out */
    int status;            /* out: its exit status */
};

/* Runs a static ELF program from its beginning. MT_EDECODE: not such a program;
 * MT_ECORRUPT: an instruction, a memory access or a system call that the machine does
 * not have (text with the address); MT_ENOMEM. */
mt_err rv64_execute(slice elf, struct rv64_run *run, struct mt_diag *diag);

#endif
