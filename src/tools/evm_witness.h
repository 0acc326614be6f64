/* metis-evm: blockchain tests that also write witnesses. The runner is blocktest's; it
 * calls these where a sink is given. */
#ifndef METIS_EVM_WITNESS_H
#define METIS_EVM_WITNESS_H

#include "evm.h"
#include "evm_fixture.h"
#include "metis/chain.h"

struct witness_sink;

/* evm_blocktest.c: the suite; sink NULL: no witnesses. */
int blocktest_main(struct suite *s, struct witness_sink *sink);

/* evm_witness.c */
bool witness_wants(struct witness_sink *w, const char *name, const char *network);
/* Before a good block is imported: its witness. Blocks that the core does not take are
 * left out without an error. */
mt_err witness_prepare(struct witness_sink *w, struct chain *c, slice block,
                       struct mt_diag *diag);
/* After it became the head: the files. */
mt_err witness_write(struct witness_sink *w, const char *network,
                     const struct header *head, struct mt_diag *diag);

#endif
