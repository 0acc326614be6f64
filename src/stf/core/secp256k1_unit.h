/* libsecp256k1 as part of the unit that includes this, configured for 64-bit portable
 * C. */
#ifndef METIS_CORE_SECP256K1_UNIT_H
#define METIS_CORE_SECP256K1_UNIT_H

#define USE_NUM_NONE                   1
#define USE_FIELD_INV_BUILTIN          1
#define USE_SCALAR_INV_BUILTIN         1
#define USE_FIELD_5X52                 1
#define USE_SCALAR_4X64                1
#define HAVE___INT128                  1
#define ECMULT_WINDOW_SIZE             5
#define ECMULT_GEN_PREC_BITS           2
#define ENABLE_MODULE_RECOVERY         1
#define USE_EXTERNAL_DEFAULT_CALLBACKS 1

#pragma GCC system_header
#include "src/secp256k1.c"

#endif
