/* The trie over nodes of any kind: a store or witness may hold anything. Input: the
 * number of nodes, each with its length (two bytes), then operations of four bytes: what,
 * and three bytes of a key. A node is found by its hash, else by the hash's first byte,
 * so that malformed and looping tries are walked too. When every step was accepted, the
 * root is the same when asked twice, and what was just put is read back. */
#include "fuzz.h"
#include "metis/trie.h"

#define NODES_MAX 64

struct nodes {
    slice node[NODES_MAX];
    hash32 hash[NODES_MAX];
    size_t num;
};

static mt_err resolve(void *ctx, const uint8_t *path, size_t path_len, const hash32 *hash,
                      slice *rlp)
{
    const struct nodes *n = ctx;
    (void)path;
    MT_ASSERT(path_len <= 2 * TRIE_KEY_MAX);
    if (n->num == 0)
        return MT_ENOTFOUND;
    for (size_t i = 0; i < n->num; i++) {
        if (hash32_eq(&n->hash[i], hash)) {
            *rlp = n->node[i];
            return MT_OK;
        }
    }
    *rlp = n->node[hash->b[0] % n->num];
    return MT_OK;
}

static slice take_nodes(slice in, struct nodes *out)
{
    size_t num = in.len > 0 ? in.ptr[0] % NODES_MAX : 0, at = 1;
    out->num = 0;
    for (; out->num < num && in.len >= at + 2; out->num++) {
        size_t len = (size_t)in.ptr[at] << 8 | in.ptr[at + 1];
        at += 2;
        len = MT_MIN(len, in.len - at);
        out->node[out->num] = slice_of(in.ptr + at, len);
        out->hash[out->num] = keccak256(in.ptr + at, len);
        at += len;
    }
    at = MT_MIN(at, in.len);
    return slice_of(in.ptr + at, in.len - at);
}

static mt_err operate(struct trie *t, const uint8_t op[4], hash32 *root)
{
    hash32 key = {{op[1], op[2]}}, again;
    slice value, *proof;
    size_t num;
    key.b[31] = op[3];
    switch (op[0] % 5) {
    case 0:
        return trie_get(t, &key, &value);
    case 1:
        return trie_del(t, &key);
    case 2:
        MT_TRY(trie_put(t, &key, slice_of(op, 4)));
        MT_TRY(trie_get(t, &key, &value));
        MT_ASSERT(slice_eq(value, slice_of(op, 4)));
        return MT_OK;
    case 3:
        MT_TRY(trie_put_key(t, slice_of(op, 1u + op[1] % 4), slice_of(op, 4)));
        return trie_del_key(t, slice_of(op, 1u + op[2] % 4));
    default:
        MT_TRY(trie_root(t, root, NULL, NULL));
        MT_TRY(trie_root(t, &again, NULL, NULL));
        MT_ASSERT(hash32_eq(root, &again));
        return trie_proof(t, &key, &proof, &num);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nodes nodes;
    struct arena a;
    hash32 root;
    mt_err err = MT_OK;
    slice ops = take_nodes(slice_of(data, size), &nodes);
    root = nodes.num > 0 ? nodes.hash[0] : KECCAK_RLP_EMPTY;
    arena_init(&a, 8u << 20);
    struct trie *t = trie_new(&a, &root, resolve, &nodes);
    for (size_t at = 0; t != NULL && err == MT_OK && at + 4 <= ops.len; at += 4)
        err = operate(t, ops.ptr + at, &root);
    arena_fini(&a);
    return 0;
}
