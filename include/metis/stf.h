/* stf: the state transition as a pure function, the entry of the provable core.
 *
 *     stf(witness, block) -> state root, receipts root
 *
 * A witness holds what a block reads: the chain's rules, the parent's header and the
 * ancestors that BLOCKHASH looks at, the trie nodes on the way to every account and
 * slot touched (and the siblings that a collapsing branch needs), and the codes.
 * Nothing in it is believed: the block names its parent by hash, the parent names the
 * state by root, and every header, node and code is found by the hash of its own
 * bytes, made when it enters. A changed part is therefore a missing part, and a
 * missing part is a refusal with its hash in the text; there is no witness that leads
 * to another root. The chain's rules are the one part the block does not commit to:
 * who checks a result has to know the chain, and gets the hash of the rules with the
 * result.
 *
 * Part of the provable core: builds freestanding; all memory comes from the caller.
 * The byte format is drawn in docs/FORMAT.md. */
#ifndef METIS_STF_H
#define METIS_STF_H

#include "metis/mpef.h"

#define STF_FORMAT_VERSION 1

/* ================= where the parts come from ================= */

/* Parts by hash. A source answers with bytes that have this hash (the caller does not
 * hash again), borrowed until stf_execute returns; MT_ENOTFOUND when it has none. */
struct stf_source {
    /* A trie node. owner: keccak of the address whose storage it belongs to, NULL for the
     * account trie; path: nibbles from that trie's root. */
    mt_err (*node)(void *ctx, const hash32 *owner, const uint8_t *path, size_t path_len,
                   const hash32 *hash, slice *rlp);
    mt_err (*code)(void *ctx, const hash32 *hash, slice *code);
    mt_err (*header)(void *ctx, const hash32 *hash, slice *rlp);
    void *ctx;
};

/* ================= the function ================= */

struct stf_in {
    const struct chain_spec *spec;
    slice block; /* RLP */
    const struct stf_source *source;
    const struct crypto_ops *crypto;
    struct arena *arena;   /* the block and its execution */
    struct arena *state;   /* tries and the tables over them */
    struct arena *scratch; /* call frames; reset by every call */
};

struct stf_out {
    uint64_t number;
    hash32 block_hash;
    hash32 parent_hash;
    hash32 state_root;
    hash32 receipts_root;
    hash32 spec_hash; /* keccak of the rules (stf_spec_encode) that held */
};

/* Executes the block on its parent's state. Every field of its header and every list of
 * its body is checked, so that MT_OK also says that the block is valid. Senders are
 * recovered through the table of cryptography.
 *   MT_EDECODE        the block or a part does not decode
 *   MT_ENOTFOUND      a part is missing; the text says which
 *   MT_EINVALID_BLOCK the block breaks a rule or its header differs from what it did
 *   MT_EUNSUPPORTED   the block is from before Byzantium or is mined
 *   MT_ELIMIT         an arena is full */
mt_err stf_execute(const struct stf_in *in, struct stf_out *out, struct mt_diag *diag);

/* ================= a state over tries ================= */

/* The state after a block as tries over a source, for roots of states that are nowhere
 * stored. */
struct stf_state;

/* parent and its hash: the block whose state it is. Memory comes from arena, source must
 * outlive the state. NULL when the arena is full. */
struct stf_state *stf_state_new(const struct stf_source *source, struct arena *arena,
                                const struct header *parent, const hash32 *parent_hash);

/* Applies an ordered delta and gives the root; the next delta goes on top of it. Errors
 * as of stf_execute; the state is then unusable. */
mt_err stf_state_root(struct stf_state *s, const struct state_delta *delta, hash32 *out);

/* ================= the file: witness and block ================= */

/* A decoded file; byte strings borrow from the input, tables are in the arena. */
struct stf_input {
    struct chain_spec spec;
    hash32 spec_hash; /* keccak of the rules as they stand in the file */
    slice block;
    struct map parts[3]; /* hash -> slice: headers, nodes, codes */
};

/* Hashes every part. MT_EDECODE, MT_EVERSION, MT_ELIMIT. */
mt_err stf_input_decode(slice raw, struct arena *arena, struct stf_input *out,
                        struct mt_diag *diag);
/* The parts of a decoded file; ctx is the input. */
struct stf_source stf_input_source(struct stf_input *in);

/* Appends a file. Each list in the given order, without repeats. */
void stf_input_encode(const struct chain_spec *spec, slice block, const slice *headers,
                      size_t header_num, const slice *nodes, size_t node_num,
                      const slice *codes, size_t code_num, struct buf *out);

/* A chain's rules as RLP, and back. */
void stf_spec_encode(const struct chain_spec *spec, struct buf *out);
mt_err stf_spec_decode(slice rlp, struct chain_spec *out, struct mt_diag *diag);

/* ================= writing a witness ================= */

/* Keeps every part that it hands on from another source. */
struct stf_recorder {
    const struct stf_source *from;
    struct arena *arena; /* copies of the parts */
    struct map parts[3]; /* hash -> slice, in order of first use */
};
void stf_recorder_init(struct stf_recorder *r, const struct stf_source *from,
                       struct arena *arena);
struct stf_source stf_recorder_source(struct stf_recorder *r);
/* Appends the file of what was handed on. MT_ELIMIT: the arena is full. */
mt_err stf_recorder_encode(const struct stf_recorder *r, const struct chain_spec *spec,
                           slice block, struct buf *out);

/* ================= the freestanding build ================= */

/* What libmetis-stf and build/stf.rv64 export: a whole file in, memory of the caller's.
 * mem_size of 4 GiB is enough for any block of 100 million gas, 8 GiB for the largest of
 * the public suites (a gigabyte of memory in a thousand frames); little of it is used. */
mt_err metis_stf_run(const uint8_t *input, size_t len, void *mem, size_t mem_size,
                     struct stf_out *out, struct mt_diag *diag);
/* Its table of cryptography in plain C, for tests. */
const struct crypto_ops *metis_stf_crypto(void);

#endif
