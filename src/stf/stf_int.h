/* stf, private: what the files of this module share.
 *
 * witness.c  the file and its parts          spec.c   the chain's rules as RLP
 * state.c    tries as a vm_reader, new root  check.c  header and body rules
 * stf.c      the function                    core/    only in the freestanding build
 *                                            rv64/    only in build/stf.rv64 */
#ifndef METIS_STF_INT_H
#define METIS_STF_INT_H

#include "metis/stf.h"

/* Indexes of the lists of parts. */
enum { STF_HEADERS, STF_NODES, STF_CODES };

/* ---- state.c ---- */

struct stf_state {
    const struct stf_source *source;
    struct arena *arena;
    struct trie *accounts;
    struct map cache; /* address -> struct stf_account */
    uint64_t parent_number;
    hash32 ancestors[256]; /* [i] is the hash of parent_number - i */
    size_t ancestor_num;
    /* The first failure of a part: it voids everything, whatever the EVM made of it. */
    mt_err failed;
    struct mt_diag diag;
};

struct vm_reader stf_state_reader(struct stf_state *s);

/* ---- check.c ---- */

/* Header against its parent. */
mt_err stf_check_header(const struct header *h, const struct header *parent,
                        const struct rules *rules, const struct rules *parent_rules,
                        struct mt_diag *diag);
/* Lists against their header. */
mt_err stf_check_body(const struct block *b, const struct rules *rules,
                      struct arena *scratch, struct mt_diag *diag);
/* What execution gave against the header. */
mt_err stf_check_result(const struct header *h, const struct rules *rules,
                        const struct block_exec_out *out, struct mt_diag *diag);

#endif
