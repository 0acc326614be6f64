/* Root hash. Dirty nodes are gathered by depth; then each depth, deepest first, is
 * encoded as a whole and hashed with one call of keccak256_many: nodes of one depth never
 * depend on each other. Everything built on the way is given back to the arena at the
 * end; hashes stay in the nodes. */
#include "trie_node.h"

struct work {
    struct work *next;
    struct trie_node *node;
    const uint8_t *path;
    size_t path_len;
};

struct level {
    struct work *first, *last;
    size_t num;
};

struct gather {
    struct arena *arena;
    uint8_t path[TRIE_NIBBLES_MAX];
    struct level level[TRIE_NIBBLES_MAX + 1];
    bool full;
};

static void gather(struct gather *g, struct trie_node *n, size_t depth)
{
    if (n == NULL || !n->dirty || g->full)
        return;
    struct work *w = arena_alloc(g->arena, sizeof(*w));
    const uint8_t *path = arena_copy(g->arena, g->path, depth);
    if (w == NULL || path == NULL) {
        g->full = true;
        return;
    }
    *w = (struct work){NULL, n, path, depth};
    struct level *l = &g->level[depth];
    if (l->last != NULL)
        l->last->next = w;
    else
        l->first = w;
    l->last = w;
    l->num++;
    if (n->kind == TRIE_EXT) {
        struct trie_short *s = trie_as_short(n);
        memcpy(g->path + depth, s->key, s->key_len);
        gather(g, s->child, depth + s->key_len);
    } else if (n->kind == TRIE_BRANCH) {
        for (uint8_t i = 0; i < 16; i++) {
            g->path[depth] = i;
            gather(g, trie_as_branch(n)->child[i], depth + 1);
        }
    }
}

static void set_ref(struct trie_node *n, slice enc, const hash32 *hash)
{
    uint8_t *own =
        n->kind == TRIE_BRANCH ? trie_as_branch(n)->own : trie_as_short(n)->own;
    if (hash != NULL) {
        own[0] = 0xa0;
        memcpy(own + 1, hash->b, 32);
        n->ref_len = 33;
    } else {
        memcpy(own, enc.ptr, enc.len);
        n->ref_len = (uint8_t)enc.len;
    }
    n->ref = own;
    n->dirty = false;
    n->stored = hash != NULL;
}

static mt_err hash_level(struct trie *t, const struct level *l, trie_emit_fn *emit,
                         void *ctx)
{
    slice *enc = arena_alloc(t->arena, l->num * sizeof(*enc));
    hash32 *hash = arena_alloc(t->arena, l->num * sizeof(*hash));
    struct work **hashed = arena_alloc(t->arena, l->num * sizeof(struct work *));
    size_t n = 0;
    if (enc == NULL || hash == NULL || hashed == NULL)
        return MT_ELIMIT;
    for (struct work *w = l->first; w != NULL; w = w->next) {
        slice e = trie_encode(t->arena, w->node);
        if (e.ptr == NULL)
            return MT_ELIMIT;
        if (e.len < 32 && w->node != t->root) {
            set_ref(w->node, e, NULL);
            continue;
        }
        enc[n] = e;
        hashed[n++] = w;
    }
    keccak256_many(enc, hash, n);
    for (size_t i = 0; i < n; i++) {
        set_ref(hashed[i]->node, enc[i], &hash[i]);
        if (emit != NULL)
            MT_TRY(emit(ctx, hashed[i]->path, hashed[i]->path_len, enc[i]));
    }
    return MT_OK;
}

/* True when a node of its own stands at this path. Only paths that were touched are asked
 * for, so everything on the way is in memory. */
static bool stands_at(const struct trie *t, const uint8_t *path, size_t len)
{
    struct trie_node *n = t->root;
    size_t depth = 0;
    while (n != NULL && depth < len) {
        if (n->kind == TRIE_BRANCH) {
            n = trie_as_branch(n)->child[path[depth++]];
        } else if (n->kind == TRIE_EXT) {
            struct trie_short *s = trie_as_short(n);
            if (s->key_len > len - depth || memcmp(s->key, path + depth, s->key_len) != 0)
                return false;
            depth += s->key_len;
            n = s->child;
        } else {
            return false;
        }
    }
    return n != NULL && n->stored;
}

static mt_err emit_gone(struct trie *t, trie_emit_fn *emit, void *ctx)
{
    for (struct trie_touched *e = t->touched; e != NULL; e = e->next) {
        if (emit != NULL && !stands_at(t, e->path, e->path_len))
            MT_TRY(emit(ctx, e->path, e->path_len, (slice){NULL, 0}));
    }
    t->touched = NULL;
    return MT_OK;
}

static mt_err root_of_changes(struct trie *t, trie_emit_fn *emit, void *ctx)
{
    struct gather *g = arena_zalloc(t->arena, 1, sizeof(*g));
    if (g == NULL)
        return MT_ELIMIT;
    g->arena = t->arena;
    gather(g, t->root, 0);
    if (g->full)
        return MT_ELIMIT;
    for (size_t d = TRIE_NIBBLES_MAX + 1; d-- > 0;) {
        if (g->level[d].num == 0)
            continue;
        struct arena_mark mark = arena_mark(t->arena);
        MT_TRY(hash_level(t, &g->level[d], emit, ctx));
        arena_rewind(t->arena, mark);
    }
    memcpy(t->root_hash.b, t->root->ref + 1, 32);
    return MT_OK;
}

mt_err trie_root(struct trie *t, hash32 *root, trie_emit_fn *emit, void *ctx)
{
    mt_err err = MT_OK;
    if (t->failed)
        return MT_EINVAL;
    if (t->root == NULL) {
        t->root_hash = KECCAK_RLP_EMPTY;
    } else if (t->root->dirty) {
        struct arena_mark mark = arena_mark(t->arena);
        err = root_of_changes(t, emit, ctx);
        if (err == MT_OK)
            arena_rewind(t->arena, mark);
    }
    if (err == MT_OK)
        err = emit_gone(t, emit, ctx);
    t->failed = err != MT_OK;
    if (err == MT_OK)
        *root = t->root_hash;
    return err;
}
