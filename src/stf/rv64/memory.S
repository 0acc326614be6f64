/* The regions of build/stf.rv64 that have no content: input, then memory (see rv64.h). */
    .section .memory, "aw", @nobits
    .globl rv64_regions
rv64_regions:
    .zero 0x210000000 /* RV64_INPUT_MAX + RV64_MEMORY_MAX */
