/* The nodes of a trie in memory and what the trie's files share.
 *
 *   TRIE_REF     a child known by its hash only, not fetched yet
 *   TRIE_LEAF    key (rest of the nibbles), value
 *   TRIE_EXT     key (at least one nibble), child, which is a branch
 *   TRIE_BRANCH  16 children, a value where a key ends here (never with secure keys)
 *
 * A node's ref is how its parent names it: 0xa0 and the hash, or the encoding itself
 * where that is shorter than 32 bytes. A dirty node has no valid ref. Every ancestor of a
 * dirty node is dirty. A stored node stands in the store under its path; what stops being
 * valid there is noted in the trie's list of touched paths, so that trie_root can report
 * it. */
#ifndef METIS_TRIE_NODE_H
#define METIS_TRIE_NODE_H

#include "metis/trie.h"

#define TRIE_NIBBLES_MAX (2 * TRIE_KEY_MAX)

enum trie_kind { TRIE_REF, TRIE_LEAF, TRIE_EXT, TRIE_BRANCH };

struct trie_node {
    uint8_t kind;
    uint8_t ref_len;
    bool dirty;
    bool stored;
    const uint8_t *ref;
};

struct trie_short { /* leaf, extension */
    struct trie_node node;
    uint8_t own[33]; /* where ref points after hashing */
    uint8_t key_len; /* nibbles */
    const uint8_t *key;
    slice value;
    struct trie_node *child;
};

struct trie_branch {
    struct trie_node node;
    uint8_t own[33];
    slice value;
    struct trie_node *child[16];
};

struct trie_touched {
    struct trie_touched *next;
    const uint8_t *path;
    size_t path_len;
};

struct trie {
    struct arena *arena;
    struct trie_node *root; /* NULL: empty */
    hash32 root_hash;       /* valid while the root is not dirty */
    trie_resolve_fn *resolve;
    void *ctx;
    struct trie_touched *touched;
    bool failed;
};

static inline struct trie_short *trie_as_short(struct trie_node *n)
{
    return (struct trie_short *)(void *)n;
}

static inline struct trie_branch *trie_as_branch(struct trie_node *n)
{
    return (struct trie_branch *)(void *)n;
}

/* New nodes, dirty; NULL when the arena is full. key and value are borrowed. */
struct trie_node *trie_new_short(struct arena *a, enum trie_kind kind, const uint8_t *key,
                                 size_t key_len);
struct trie_branch *trie_new_branch(struct arena *a);

/* One encoded node; borrows from rlp. MT_ECORRUPT, MT_ELIMIT. */
mt_err trie_decode(struct arena *a, slice rlp, struct trie_node **out);

/* The encoding of a node whose children all have refs; empty slice: the arena is full. */
slice trie_encode(struct arena *a, struct trie_node *n);

/* Fetches *link if it is a reference. path: its place. */
mt_err trie_load(struct trie *t, struct trie_node **link, const uint8_t *path,
                 size_t path_len);

#endif
