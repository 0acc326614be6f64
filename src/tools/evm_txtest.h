/* Every reason against an encoded transaction, by the names that the public suites use
 * (TransactionException). The decoder of the node stops at the first; a fixture may name
 * any of them. */
#ifndef METIS_EVM_TXTEST_H
#define METIS_EVM_TXTEST_H

#include "metis/mpef.h"

struct tx_reasons {
    char names[1024]; /* '|' between them */
};

void tx_reasons_add(struct tx_reasons *r, const char *name);
/* True when one of expected ('|' between, prefixes allowed) is among them. */
bool tx_reasons_meet(const struct tx_reasons *r, const char *expected);

/* What is wrong with the encoding itself under these rules: types, sizes, leading zeros,
 * lists in the place of strings, fields missing or too many, numbers too long. */
void tx_reasons_of_encoding(slice raw, const struct rules *rules, struct tx_reasons *r);

#endif
