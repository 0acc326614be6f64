/* The trie: look-ups, changes with splits and collapses, proofs. Hashing is
 * trie_root.c's.
 *
 * All walks are loops over links (pointers to where a node hangs), and a change is made
 * at the end of its walk, so the nodes on the way turn dirty only when something did
 * change. A branch never moves: its place is the common prefix of the keys below it.
 * Leaves and extensions are replaced when their place or key changes. */
#include "trie_node.h"

/* The way from the root to where a walk ended. */
struct walk {
    const uint8_t *nib; /* the key's nibbles */
    size_t len;
    struct trie_node **link; /* where the walk ended */
    size_t depth;            /* nibbles before *link */
    struct {
        struct trie_node **link;
        size_t depth;
    } step[TRIE_NIBBLES_MAX + 1]; /* the nodes before it */
    size_t step_num;
};

static void to_nibbles(slice key, uint8_t *out)
{
    for (size_t i = 0; i < key.len; i++) {
        out[2 * i] = key.ptr[i] >> 4;
        out[2 * i + 1] = key.ptr[i] & 0x0f;
    }
}

static size_t common_prefix(const uint8_t *a, size_t a_len, const uint8_t *b,
                            size_t b_len)
{
    size_t n = MT_MIN(a_len, b_len), i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

struct trie *trie_new(struct arena *arena, const hash32 *root, trie_resolve_fn *resolve,
                      void *ctx)
{
    struct trie *t = arena_zalloc(arena, 1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->arena = arena;
    t->root_hash = *root;
    t->resolve = resolve;
    t->ctx = ctx;
    if (hash32_eq(root, &KECCAK_RLP_EMPTY))
        return t;
    struct trie_node *n = arena_zalloc(arena, 1, sizeof(*n) + 33);
    if (n == NULL)
        return NULL;
    uint8_t *ref = (uint8_t *)(n + 1);
    ref[0] = 0xa0;
    memcpy(ref + 1, root->b, 32);
    *n = (struct trie_node){TRIE_REF, 33, false, true, ref};
    t->root = n;
    return t;
}

/* Goes down until the key ends, a leaf or nothing is met, or an extension parts from the
 * key. */
static mt_err descend(struct trie *t, struct walk *w)
{
    w->link = &t->root;
    w->depth = 0;
    w->step_num = 0;
    bool after_ext = false;
    for (;;) {
        MT_TRY(trie_load(t, w->link, w->nib, w->depth));
        struct trie_node *n = *w->link;
        if (after_ext && n->kind != TRIE_BRANCH)
            return MT_ECORRUPT;
        if (n == NULL || n->kind == TRIE_LEAF)
            return MT_OK;
        size_t rest = w->len - w->depth;
        struct trie_node **next;
        size_t skip;
        if (n->kind == TRIE_BRANCH) {
            if (rest == 0)
                return MT_OK;
            skip = 1;
            next = &trie_as_branch(n)->child[w->nib[w->depth]];
        } else {
            struct trie_short *s = trie_as_short(n);
            skip = s->key_len;
            if (common_prefix(s->key, skip, w->nib + w->depth, rest) < skip)
                return MT_OK;
            next = &s->child;
        }
        after_ext = n->kind == TRIE_EXT;
        w->step[w->step_num].link = w->link;
        w->step[w->step_num++].depth = w->depth;
        w->link = next;
        w->depth += skip;
    }
}

/* The value a finished walk ended at; empty when the key is not there. */
static slice *value_at(struct walk *w)
{
    struct trie_node *n = *w->link;
    if (n == NULL)
        return NULL;
    if (n->kind == TRIE_BRANCH)
        return &trie_as_branch(n)->value;
    struct trie_short *s = trie_as_short(n);
    size_t rest = w->len - w->depth;
    if (n->kind != TRIE_LEAF || s->key_len != rest ||
        common_prefix(s->key, rest, w->nib + w->depth, rest) != rest)
        return NULL;
    return &s->value;
}

mt_err trie_get_key(struct trie *t, slice key, slice *value)
{
    uint8_t nib[TRIE_NIBBLES_MAX];
    struct walk w;
    if (key.len > TRIE_KEY_MAX)
        return MT_EINVAL;
    to_nibbles(key, nib);
    w.nib = nib;
    w.len = 2 * key.len;
    MT_TRY(descend(t, &w));
    slice *v = value_at(&w);
    *value = v == NULL ? (slice){NULL, 0} : *v;
    return MT_OK;
}

/* ---- changes ---- */

static mt_err touch(struct trie *t, struct trie_node *n, const uint8_t *path, size_t len)
{
    if (!n->stored)
        return MT_OK;
    struct trie_touched *e = arena_alloc(t->arena, sizeof(*e));
    if (e == NULL)
        return MT_ELIMIT;
    *e = (struct trie_touched){t->touched, path, len};
    t->touched = e;
    n->stored = false;
    return MT_OK;
}

/* Everything on the way now differs. */
static mt_err mark_way(struct trie *t, const struct walk *w)
{
    for (size_t i = w->step_num; i-- > 0;) {
        struct trie_node *n = *w->step[i].link;
        if (n->dirty)
            return MT_OK;
        n->dirty = true;
        MT_TRY(touch(t, n, w->nib, w->step[i].depth));
    }
    return MT_OK;
}

static struct trie_node *new_leaf(struct trie *t, const uint8_t *key, size_t len,
                                  slice value)
{
    struct trie_node *n = trie_new_short(t->arena, TRIE_LEAF, key, len);
    if (n != NULL)
        trie_as_short(n)->value = value;
    return n;
}

static struct trie_node *new_ext(struct trie *t, const uint8_t *key, size_t len,
                                 struct trie_node *child)
{
    struct trie_node *n = trie_new_short(t->arena, TRIE_EXT, key, len);
    if (n != NULL)
        trie_as_short(n)->child = child;
    return n;
}

/* What is left of a split leaf or extension goes below the new branch; at: place where it
 * parts. */
static mt_err split_old(struct trie *t, struct trie_branch *b, const struct trie_short *s,
                        size_t at)
{
    if (s->node.kind == TRIE_LEAF && at == s->key_len) {
        b->value = s->value;
        return MT_OK;
    }
    const uint8_t *rest = s->key + at + 1;
    size_t rest_len = s->key_len - at - 1;
    struct trie_node *n;
    if (s->node.kind == TRIE_LEAF)
        n = new_leaf(t, rest, rest_len, s->value);
    else
        n = rest_len == 0 ? s->child : new_ext(t, rest, rest_len, s->child);
    b->child[s->key[at]] = n;
    return n == NULL ? MT_ELIMIT : MT_OK;
}

/* The walk ended at a leaf or extension that does not lead to the key. */
static mt_err split(struct trie *t, struct walk *w, slice value)
{
    struct trie_short *s = trie_as_short(*w->link);
    const uint8_t *rest = w->nib + w->depth;
    size_t rest_len = w->len - w->depth;
    size_t at = common_prefix(s->key, s->key_len, rest, rest_len);
    struct trie_branch *b = trie_new_branch(t->arena);
    if (b == NULL)
        return MT_ELIMIT;
    MT_TRY(split_old(t, b, s, at));
    if (at == rest_len) {
        b->value = value;
    } else {
        struct trie_node *leaf = new_leaf(t, rest + at + 1, rest_len - at - 1, value);
        if (leaf == NULL)
            return MT_ELIMIT;
        b->child[rest[at]] = leaf;
    }
    struct trie_node *top = at == 0 ? &b->node : new_ext(t, rest, at, &b->node);
    if (top == NULL)
        return MT_ELIMIT;
    MT_TRY(touch(t, &s->node, w->nib, w->depth));
    *w->link = top;
    return MT_OK;
}

static mt_err put(struct trie *t, const uint8_t *nib, size_t len, slice value)
{
    struct walk w;
    w.nib = nib;
    w.len = len;
    MT_TRY(descend(t, &w));
    struct trie_node *n = *w.link;
    slice *old = value_at(&w);
    if (n == NULL) {
        *w.link = new_leaf(t, nib + w.depth, len - w.depth, value);
        if (*w.link == NULL)
            return MT_ELIMIT;
    } else if (old == NULL) {
        MT_TRY(split(t, &w, value));
    } else {
        if (slice_eq(*old, value))
            return MT_OK;
        *old = value;
        n->dirty = true;
        MT_TRY(touch(t, n, nib, w.depth));
    }
    return mark_way(t, &w);
}

mt_err trie_put_borrowed(struct trie *t, slice key, slice value)
{
    if (t->failed || value.len == 0 || key.len > TRIE_KEY_MAX)
        return MT_EINVAL;
    uint8_t *nib = arena_alloc_aligned(t->arena, 2 * key.len + 1, 1);
    mt_err err = MT_ELIMIT;
    if (nib != NULL) {
        to_nibbles(key, nib);
        err = put(t, nib, 2 * key.len, value);
    }
    t->failed = err != MT_OK;
    return err;
}

mt_err trie_put_key(struct trie *t, slice key, slice value)
{
    const uint8_t *copy = arena_copy(t->arena, value.ptr, value.len);
    if (copy == NULL) {
        t->failed = true;
        return MT_ELIMIT;
    }
    return trie_put_borrowed(t, key, slice_of(copy, value.len));
}

/* Nibbles joined: a, then b. NULL when the arena is full. */
static uint8_t *join(struct trie *t, const uint8_t *a, size_t a_len, const uint8_t *b,
                     size_t b_len)
{
    uint8_t *out = arena_alloc_aligned(t->arena, a_len + b_len + 1, 1);
    if (out == NULL)
        return NULL;
    memcpy(out, a, a_len);
    if (b_len > 0)
        memcpy(out + a_len, b, b_len);
    return out;
}

/* The short node that stands for a branch with a single child, at index i. */
static mt_err only_child(struct trie *t, struct trie_branch *b, uint8_t i,
                         const uint8_t *path, size_t path_len, struct trie_node **out)
{
    uint8_t *child_path = join(t, path, path_len, &i, 1);
    if (child_path == NULL)
        return MT_ELIMIT;
    MT_TRY(trie_load(t, &b->child[i], child_path, path_len + 1));
    struct trie_node *child = b->child[i];
    if (child->kind == TRIE_BRANCH) {
        *out = new_ext(t, child_path + path_len, 1, child);
        return *out == NULL ? MT_ELIMIT : MT_OK;
    }
    struct trie_short *s = trie_as_short(child);
    if (path_len + 1 + s->key_len > TRIE_NIBBLES_MAX)
        return MT_ECORRUPT;
    uint8_t *key = join(t, &i, 1, s->key, s->key_len);
    if (key == NULL)
        return MT_ELIMIT;
    *out = child->kind == TRIE_LEAF ? new_leaf(t, key, s->key_len + 1u, s->value)
                                    : new_ext(t, key, s->key_len + 1u, s->child);
    if (*out == NULL)
        return MT_ELIMIT;
    return touch(t, child, child_path, path_len + 1);
}

/* An extension and the short node that took the place of its branch become one. */
static mt_err merge_up(struct trie *t, struct walk *w, struct trie_node *low)
{
    struct trie_node **link = w->step[w->step_num - 1].link;
    struct trie_short *up = trie_as_short(*link), *s = trie_as_short(low);
    if (up->key_len + (size_t)s->key_len > TRIE_NIBBLES_MAX)
        return MT_ECORRUPT;
    uint8_t *key = join(t, up->key, up->key_len, s->key, s->key_len);
    if (key == NULL)
        return MT_ELIMIT;
    s->key = key;
    s->key_len = (uint8_t)(up->key_len + s->key_len);
    MT_TRY(touch(t, &up->node, w->nib, w->step[w->step_num - 1].depth));
    *link = low;
    w->step_num--;
    return MT_OK;
}

/* The branch at link lost an item; when one is left it turns into a short node. The
 * walk's steps are those before the branch. */
static mt_err collapse(struct trie *t, struct walk *w, struct trie_node **link,
                       size_t depth)
{
    struct trie_branch *b = trie_as_branch(*link);
    unsigned num = 0;
    uint8_t last = 0;
    for (uint8_t i = 0; i < 16; i++) {
        if (b->child[i] != NULL) {
            num++;
            last = i;
        }
    }
    b->node.dirty = true;
    MT_TRY(touch(t, &b->node, w->nib, depth));
    if (num + (b->value.len > 0) > 1)
        return mark_way(t, w);
    struct trie_node *n;
    if (num == 1)
        MT_TRY(only_child(t, b, last, w->nib, depth, &n));
    else if (b->value.len == 0)
        return MT_ECORRUPT; /* it had one item before */
    else if ((n = new_leaf(t, w->nib + depth, 0, b->value)) == NULL)
        return MT_ELIMIT;
    if (w->step_num > 0 && (*w->step[w->step_num - 1].link)->kind == TRIE_EXT)
        MT_TRY(merge_up(t, w, n));
    else
        *link = n;
    return mark_way(t, w);
}

static mt_err del(struct trie *t, const uint8_t *nib, size_t len)
{
    struct walk w;
    w.nib = nib;
    w.len = len;
    MT_TRY(descend(t, &w));
    slice *value = value_at(&w);
    if (value == NULL || value->len == 0)
        return MT_OK;
    struct trie_node *n = *w.link;
    *value = (slice){NULL, 0};
    if (n->kind == TRIE_BRANCH)
        return collapse(t, &w, w.link, w.depth);
    MT_TRY(touch(t, n, nib, w.depth));
    *w.link = NULL;
    if (w.step_num == 0)
        return MT_OK;
    w.step_num--; /* a branch: descend lets nothing else stand before a leaf */
    return collapse(t, &w, w.step[w.step_num].link, w.step[w.step_num].depth);
}

mt_err trie_del_key(struct trie *t, slice key)
{
    if (t->failed || key.len > TRIE_KEY_MAX)
        return MT_EINVAL;
    uint8_t *nib = arena_alloc_aligned(t->arena, 2 * key.len + 1, 1);
    mt_err err = MT_ELIMIT;
    if (nib != NULL) {
        to_nibbles(key, nib);
        err = del(t, nib, 2 * key.len);
    }
    t->failed = err != MT_OK;
    return err;
}

mt_err trie_get(struct trie *t, const hash32 *key, slice *value)
{
    return trie_get_key(t, slice_of(key->b, 32), value);
}

mt_err trie_put(struct trie *t, const hash32 *key, slice value)
{
    return trie_put_key(t, slice_of(key->b, 32), value);
}

mt_err trie_del(struct trie *t, const hash32 *key)
{
    return trie_del_key(t, slice_of(key->b, 32));
}

/* ---- proofs ---- */

mt_err trie_proof(struct trie *t, const hash32 *key, slice **nodes, size_t *num)
{
    uint8_t nib[64];
    slice found[TRIE_NIBBLES_MAX + 2];
    struct walk w;
    size_t n = 0;
    if (t->failed || (t->root != NULL && t->root->dirty))
        return MT_EINVAL;
    to_nibbles(slice_of(key->b, 32), nib);
    w.nib = nib;
    w.len = 64;
    MT_TRY(descend(t, &w));
    for (size_t i = 0; i <= w.step_num; i++) {
        struct trie_node *node = i < w.step_num ? *w.step[i].link : *w.link;
        if (node == NULL || (i > 0 && node->ref_len < 33))
            continue;
        found[n] = trie_encode(t->arena, node);
        if (found[n++].ptr == NULL)
            return MT_ELIMIT;
    }
    slice *out = arena_copy(t->arena, found, n * sizeof(*out));
    if (out == NULL)
        return MT_ELIMIT;
    *nodes = out;
    *num = n;
    return MT_OK;
}
