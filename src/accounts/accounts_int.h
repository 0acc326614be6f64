/* accounts, private: what the files of this module share. */
#ifndef METIS_ACCOUNTS_INT_H
#define METIS_ACCOUNTS_INT_H

#include "metis/accounts.h"

/* scrypt (RFC 7914). n is a power of two above 1, p * (128 * r + 64) and all lengths fit
 * an int: the caller has checked the costs. Takes 128 * r * (n + p + 2) bytes while it
 * runs; MT_ENOMEM when they are not to be had. */
mt_err scrypt(slice password, slice salt, struct keyfile_cost cost, uint8_t *out,
              size_t len);

#endif
