/* One round of Keccak-f[1600] (FIPS 202, section 3.2) over any lane type.
 *
 * The including file defines the lane type by its operations KX_XOR, KX_XOR3, KX_ROL,
 * KX_CHI (a ^ (~b & c)) and gets KX_ROUND, which reads the state A and writes the state
 * E. Two states and full unrolling let the compiler keep lanes in registers; rho and pi
 * become constant indices. Not a header for anyone but the keccak files. */
#ifndef METIS_CRYPTO_KECCAK_ROUND_H
#define METIS_CRYPTO_KECCAK_ROUND_H

/* Row y of the output: the five source lanes (theta applied, rotated), then chi. */
#define KX_ROW(A, E, y, i0, r0, i1, r1, i2, r2, i3, r3, i4, r4)                          \
    do {                                                                                 \
        b0 = KX_ROL(KX_XOR(A[i0], d[(i0) % 5]), r0);                                     \
        b1 = KX_ROL(KX_XOR(A[i1], d[(i1) % 5]), r1);                                     \
        b2 = KX_ROL(KX_XOR(A[i2], d[(i2) % 5]), r2);                                     \
        b3 = KX_ROL(KX_XOR(A[i3], d[(i3) % 5]), r3);                                     \
        b4 = KX_ROL(KX_XOR(A[i4], d[(i4) % 5]), r4);                                     \
        E[5 * (y)] = KX_CHI(b0, b1, b2);                                                 \
        E[5 * (y) + 1] = KX_CHI(b1, b2, b3);                                             \
        E[5 * (y) + 2] = KX_CHI(b2, b3, b4);                                             \
        E[5 * (y) + 3] = KX_CHI(b3, b4, b0);                                             \
        E[5 * (y) + 4] = KX_CHI(b4, b0, b1);                                             \
    } while (0)

#define KX_COLUMN(A, x)                                                                  \
    KX_XOR3(KX_XOR3(A[x], A[(x) + 5], A[(x) + 10]), A[(x) + 15], A[(x) + 20])

/* Needs `c[5] d[5] b0..b4` of the lane type in scope; rc is a lane. */
#define KX_ROUND(A, E, rc)                                                               \
    do {                                                                                 \
        c[0] = KX_COLUMN(A, 0);                                                          \
        c[1] = KX_COLUMN(A, 1);                                                          \
        c[2] = KX_COLUMN(A, 2);                                                          \
        c[3] = KX_COLUMN(A, 3);                                                          \
        c[4] = KX_COLUMN(A, 4);                                                          \
        d[0] = KX_XOR(c[4], KX_ROL(c[1], 1));                                            \
        d[1] = KX_XOR(c[0], KX_ROL(c[2], 1));                                            \
        d[2] = KX_XOR(c[1], KX_ROL(c[3], 1));                                            \
        d[3] = KX_XOR(c[2], KX_ROL(c[4], 1));                                            \
        d[4] = KX_XOR(c[3], KX_ROL(c[0], 1));                                            \
        KX_ROW(A, E, 0, 0, 0, 6, 44, 12, 43, 18, 21, 24, 14);                            \
        E[0] = KX_XOR(E[0], rc);                                                         \
        KX_ROW(A, E, 1, 3, 28, 9, 20, 10, 3, 16, 45, 22, 61);                            \
        KX_ROW(A, E, 2, 1, 1, 7, 6, 13, 25, 19, 8, 20, 18);                              \
        KX_ROW(A, E, 3, 4, 27, 5, 36, 11, 10, 17, 15, 23, 56);                           \
        KX_ROW(A, E, 4, 2, 62, 8, 55, 14, 39, 15, 41, 21, 2);                            \
    } while (0)

#endif
