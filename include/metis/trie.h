/* trie: the Merkle Patricia trie of the yellow paper, appendix D. Part of module metisdb
 * and of the provable core.
 *
 * One implementation serves the store (nodes found by path), the witness (nodes found by
 * hash) and memory: unresolved nodes are fetched through a callback. Keys are 32-byte
 * hashes of the secure trie; values are RLP. Roots are exact Ethereum roots. */
#ifndef METIS_TRIE_H
#define METIS_TRIE_H

#include "metis/types.h"

/* Finds a node that is not in memory. path: nibbles from the root, one a byte; hash: what
 * its encoding must hash to (the caller of the trie may check it). *rlp is borrowed until
 * the trie is freed. */
typedef mt_err trie_resolve_fn(void *ctx, const uint8_t *path, size_t path_len,
                               const hash32 *hash, slice *rlp);

/* Receives what changed: rlp of a new or changed node, or an empty slice for a node that
 * is no more. Called in no particular order, each path once. Nodes shorter than 32 bytes
 * live in their parent and are not reported (the root always is). */
typedef mt_err trie_emit_fn(void *ctx, const uint8_t *path, size_t path_len, slice rlp);

/* The most bytes of a key of the general form below. */
#define TRIE_KEY_MAX 64

struct trie;

/* A trie with this root (KECCAK_RLP_EMPTY: empty). resolve may be NULL for a trie that is
 * wholly in memory. All memory comes from arena. NULL when the arena is full. */
struct trie *trie_new(struct arena *arena, const hash32 *root, trie_resolve_fn *resolve,
                      void *ctx);

/* MT_OK with *value borrowed until the key changes; empty when absent. */
mt_err trie_get(struct trie *t, const hash32 *key, slice *value);

/* Sets (value not empty; copied) or removes. MT_ECORRUPT for a malformed node, any error
 * of resolve, MT_ELIMIT when the arena is full; the trie is then unusable. */
mt_err trie_put(struct trie *t, const hash32 *key, slice value);
mt_err trie_del(struct trie *t, const hash32 *key);

/* The same with keys of any length up to TRIE_KEY_MAX, where one may begin another: lists
 * by index, tries that are not secure. MT_EINVAL for a longer key. trie_put_borrowed
 * keeps value instead of a copy: it must outlive the trie. */
mt_err trie_get_key(struct trie *t, slice key, slice *value);
mt_err trie_put_key(struct trie *t, slice key, slice value);
mt_err trie_put_borrowed(struct trie *t, slice key, slice value);
mt_err trie_del_key(struct trie *t, slice key);

/* Root hash of the present content; emit (may be NULL) gets the changes since trie_new or
 * the last call; path and rlp are valid during the call, which must not allocate from the
 * trie's arena. Hashes level by level with keccak256_many. */
mt_err trie_root(struct trie *t, hash32 *root, trie_emit_fn *emit, void *ctx);

/* The nodes on the way to key, root first, as eth_getProof gives them (embedded nodes are
 * part of their parent); none for an empty trie. nodes: array in the arena. MT_EINVAL
 * when there are changes since the last trie_root. */
mt_err trie_proof(struct trie *t, const hash32 *key, slice **nodes, size_t *num);

/* Root of the trie rlp(i) -> values[i]: transactions, receipts, withdrawals. */
mt_err trie_ordered_root(struct arena *scratch, const slice *values, size_t num,
                         hash32 *root);

/* Root of a state given in full: every account with every slot (flags are ignored, zero
 * slots and CHANGE_DELETED accounts skipped). The plain oracle for the store. */
mt_err state_root_full(struct arena *scratch, const struct state_delta *state,
                       hash32 *root);

/* A storage value as it stands in the trie: RLP of the number, at most 33 bytes, in out.
 */
slice trie_slot_encode(u256 value, uint8_t out[33]);

/* The account as it stands in the state trie: [nonce, balance, storage root, code hash].
 */
void account_encode(const struct account *a, struct buf *out);
#define TRIE_ACCOUNT_MAX 112
slice trie_account_encode(const struct account *a, uint8_t out[TRIE_ACCOUNT_MAX]);
mt_err account_decode(slice rlp, struct account *out);

#endif
