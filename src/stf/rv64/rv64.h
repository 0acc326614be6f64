/* stf.rv64, private: the machine under the freestanding program. Three Linux system
 * calls are all it knows; a prover or an interpreter answers the same ones. */
#ifndef METIS_RV64_RV64_H
#define METIS_RV64_RV64_H

#include <stddef.h>
#include <stdint.h>

#define RV64_INPUT_MAX  ((size_t)256 << 20)
#define RV64_MEMORY_MAX ((size_t)8 << 30)

/* System call numbers of Linux on RISC-V. */
enum { RV64_OPENAT = 56, RV64_CLOSE = 57, RV64_READ = 63, RV64_WRITE = 64 };

/* start.S */
long rv64_call(long number, long a, long b, long c, long d);
/* main.c; stack: argc, argv[0], ... Returns the exit status. */
int rv64_main(const uintptr_t *stack);

#endif
