/* Private to types: one RLP encoder for buffers, hashes and sizes.
 *
 * A sink takes the same calls three ways: into a buffer, into a running keccak, or
 * only counting. Encoders run once to count a list's payload and once to write it, so
 * nothing is moved and a hash needs no memory. */
#ifndef METIS_TYPES_INT_H
#define METIS_TYPES_INT_H

#include "metis/types.h"

struct sink {
    struct buf *buf;       /* may be NULL */
    struct keccak *keccak; /* may be NULL */
    size_t len;            /* bytes that went in */
};

void sink_raw(struct sink *s, const void *ptr, size_t len);
void sink_header(struct sink *s, size_t len, bool is_list);
void sink_bytes(struct sink *s, const void *ptr, size_t len);
void sink_u64(struct sink *s, uint64_t v);
void sink_u256(struct sink *s, u256 v);

/* A transaction, signed or in the form that is signed. */
void sink_tx(struct sink *s, const struct tx *tx, bool is_signed);

#endif
