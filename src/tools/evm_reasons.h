/* Every reason against an encoded transaction, by the names that the public suites use
 * (TransactionException). The decoder of the node stops at the first; a fixture may name
 * any of them. */
#ifndef METIS_EVM_REASONS_H
#define METIS_EVM_REASONS_H

#include "metis/mpef.h"

struct tx_reasons {
    char names[1024]; /* '|' between them */
};

void tx_reasons_add(struct tx_reasons *r, const char *name);
/* True when one of the names that a fixture expects ("TransactionException.A|B": prefixes
 * allowed) is among ours ('|' between). */
bool reasons_meet(const char *ours, const char *expected);

/* What is wrong with the encoding itself under these rules: types, sizes, leading zeros,
 * lists in the place of strings, fields missing or too many, numbers too long. */
void tx_reasons_of_encoding(slice raw, const struct rules *rules, struct tx_reasons *r);
/* The same for the transactions of an encoded block that do not decode. */
void tx_reasons_of_block(slice rlp, const struct chain_spec *spec, struct arena *arena,
                         struct tx_reasons *r);
/* Why tx_recover refused: diag is what it left. */
void tx_reasons_of_recovery(const struct mt_diag *diag, struct tx_reasons *r);

#endif
