/* Where build/stf.rv64 begins: the stack as Linux leaves it (argc, argv...), and the one way
 * out of the program, the system call. */
    .section .text.start
    .globl _start
_start:
    mv    a0, sp
    andi  sp, sp, -16
    call  rv64_main
    li    a7, 93
    ecall

/* long rv64_call(long number, long a, long b, long c, long d) */
    .section .text.rv64_call
    .globl rv64_call
rv64_call:
    mv    a7, a0
    mv    a0, a1
    mv    a1, a2
    mv    a2, a3
    mv    a3, a4
    ecall
    ret
