/* Blocks of an OP-stack chain as cases of suitetest: evm_opblock.c. */
#ifndef METIS_EVM_OPBLOCK_H
#define METIS_EVM_OPBLOCK_H

#include "evm_fixture.h"

/* The document is such a block.json. */
bool opblock_is(const json_t *doc);

/* Runs it as one case, named by its path. The arenas are the caller's, used from
 * empty. */
void opblock_run(struct suite *s, const char *path, const json_t *doc,
                 struct arena *arena, struct arena *scratch, struct buf *report);

#endif
