/* Private to node: the secret that the private listener and its clients share. */
#ifndef METIS_NODE_PRIVATE_H
#define METIS_NODE_PRIVATE_H

#include "metis/base.h"

/* From a file of 64 hex digits, 0x before them or not. make: a missing one is made, with
 * a random secret, for its owner alone. The caller wipes out. */
mt_err private_secret(const char *path, bool make, uint8_t out[32], struct mt_diag *diag);

#endif
