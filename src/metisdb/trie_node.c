/* Trie nodes to and from their encoding (yellow paper, appendix D): a list of two items
 * (hex-prefix key; value or child) or of seventeen (children; value). Decoding borrows
 * from the encoding, so a branch of sixteen hashes costs one allocation and no copies.
 * Nodes come from a database or a witness: everything malformed is MT_ECORRUPT. */
#include "trie_node.h"

struct trie_node *trie_new_short(struct arena *a, enum trie_kind kind, const uint8_t *key,
                                 size_t key_len)
{
    struct trie_short *s = arena_zalloc(a, 1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->node.kind = (uint8_t)kind;
    s->node.dirty = true;
    s->key = key;
    s->key_len = (uint8_t)key_len;
    return &s->node;
}

struct trie_branch *trie_new_branch(struct arena *a)
{
    struct trie_branch *b = arena_zalloc(a, 1, sizeof(*b));
    if (b == NULL)
        return NULL;
    b->node.kind = TRIE_BRANCH;
    b->node.dirty = true;
    return b;
}

/* ---- decoding ---- */

/* The nibbles of a hex-prefix string and whether it ends a key. */
static mt_err decode_key(struct arena *a, slice hp, const uint8_t **key, size_t *len,
                         bool *is_leaf)
{
    if (hp.len == 0 || hp.len > TRIE_KEY_MAX + 1 || hp.ptr[0] > 0x3f)
        return MT_ECORRUPT;
    bool odd = (hp.ptr[0] & 0x10) != 0;
    if (!odd && (hp.ptr[0] & 0x0f) != 0)
        return MT_ECORRUPT;
    uint8_t *out = arena_alloc_aligned(a, 2 * hp.len, 1);
    if (out == NULL)
        return MT_ELIMIT;
    size_t n = 0;
    if (odd)
        out[n++] = hp.ptr[0] & 0x0f;
    for (size_t i = 1; i < hp.len; i++) {
        out[n++] = hp.ptr[i] >> 4;
        out[n++] = hp.ptr[i] & 0x0f;
    }
    *key = out;
    *len = n;
    *is_leaf = (hp.ptr[0] & 0x20) != 0;
    return MT_OK;
}

/* A child: nothing, a hash, or a node within its parent. *spare is memory for a
 * reference. */
static mt_err decode_child(struct arena *a, struct rlp *in, struct trie_node *spare,
                           struct trie_node **out)
{
    slice payload, whole;
    bool is_list;
    if (rlp_next(in, &payload, &is_list, &whole) != MT_OK)
        return MT_ECORRUPT;
    if (is_list) {
        if (whole.len >= 32)
            return MT_ECORRUPT;
        return trie_decode(a, whole, out);
    }
    if (payload.len == 0) {
        *out = NULL;
        return MT_OK;
    }
    if (payload.len != 32)
        return MT_ECORRUPT;
    *spare = (struct trie_node){TRIE_REF, 33, false, true, whole.ptr};
    *out = spare;
    return MT_OK;
}

static mt_err decode_branch(struct arena *a, struct rlp *in, struct trie_node **out)
{
    struct trie_branch *b = trie_new_branch(a);
    struct trie_node *spare = arena_alloc(a, 16 * sizeof(*spare));
    if (b == NULL || spare == NULL)
        return MT_ELIMIT;
    for (unsigned i = 0; i < 16; i++)
        MT_TRY(decode_child(a, in, &spare[i], &b->child[i]));
    if (rlp_get_bytes(in, &b->value) != MT_OK)
        return MT_ECORRUPT;
    *out = &b->node;
    return MT_OK;
}

static mt_err decode_short(struct arena *a, struct rlp *in, struct trie_node **out)
{
    slice hp;
    const uint8_t *key;
    size_t key_len;
    bool is_leaf;
    if (rlp_get_bytes(in, &hp) != MT_OK)
        return MT_ECORRUPT;
    MT_TRY(decode_key(a, hp, &key, &key_len, &is_leaf));
    struct trie_node *n = trie_new_short(a, is_leaf ? TRIE_LEAF : TRIE_EXT, key, key_len);
    if (n == NULL)
        return MT_ELIMIT;
    struct trie_short *s = trie_as_short(n);
    if (is_leaf) {
        if (rlp_get_bytes(in, &s->value) != MT_OK || s->value.len == 0)
            return MT_ECORRUPT;
    } else {
        struct trie_node *spare = arena_alloc(a, sizeof(*spare));
        if (spare == NULL)
            return MT_ELIMIT;
        MT_TRY(decode_child(a, in, spare, &s->child));
        if (key_len == 0 || s->child == NULL || s->child->kind == TRIE_LEAF ||
            s->child->kind == TRIE_EXT)
            return MT_ECORRUPT;
    }
    *out = n;
    return MT_OK;
}

mt_err trie_decode(struct arena *a, slice rlp, struct trie_node **out)
{
    struct rlp r = rlp_reader(rlp), in;
    size_t n;
    if (rlp_get_list(&r, &in) != MT_OK || rlp_finish(&r) != MT_OK ||
        rlp_count(&in, &n) != MT_OK)
        return MT_ECORRUPT;
    if (n != 17 && n != 2)
        return MT_ECORRUPT;
    MT_TRY(n == 17 ? decode_branch(a, &in, out) : decode_short(a, &in, out));
    (*out)->dirty = false;
    if (rlp.len < 32) {
        (*out)->ref = rlp.ptr;
        (*out)->ref_len = (uint8_t)rlp.len;
    }
    return MT_OK;
}

mt_err trie_load(struct trie *t, struct trie_node **link, const uint8_t *path,
                 size_t path_len)
{
    struct trie_node *ref = *link, *n;
    if (ref == NULL || ref->kind != TRIE_REF)
        return MT_OK;
    if (t->resolve == NULL)
        return MT_ECORRUPT;
    hash32 hash;
    slice rlp;
    memcpy(hash.b, ref->ref + 1, 32);
    MT_TRY(t->resolve(t->ctx, path, path_len, &hash, &rlp));
    MT_TRY(trie_decode(t->arena, rlp, &n));
    n->ref = ref->ref;
    n->ref_len = 33;
    n->stored = true;
    *link = n;
    return MT_OK;
}

/* ---- encoding: sizes first, so that every byte is written once ---- */

static size_t header_size(size_t len)
{
    return len < 56 ? 1 : len < 256 ? 2 : len < 65536 ? 3 : len < 16777216 ? 4 : 5;
}

static size_t string_size(slice s)
{
    return s.len == 1 && s.ptr[0] < 0x80 ? 1 : header_size(s.len) + s.len;
}

static uint8_t *put_header(uint8_t *w, size_t len, uint8_t base)
{
    if (len < 56) {
        *w++ = (uint8_t)(base + len);
        return w;
    }
    size_t n = header_size(len) - 1;
    *w++ = (uint8_t)(base + 55 + n);
    while (n-- > 0)
        *w++ = (uint8_t)(len >> (8 * n));
    return w;
}

static uint8_t *put_string(uint8_t *w, slice s)
{
    if (s.len != 1 || s.ptr[0] >= 0x80)
        w = put_header(w, s.len, 0x80);
    if (s.len > 0)
        memcpy(w, s.ptr, s.len);
    return w + s.len;
}

static uint8_t *put_ref(uint8_t *w, const struct trie_node *n)
{
    if (n == NULL) {
        *w = 0x80;
        return w + 1;
    }
    memcpy(w, n->ref, n->ref_len);
    return w + n->ref_len;
}

static slice encode_branch(struct arena *a, const struct trie_branch *b)
{
    size_t len = string_size(b->value);
    for (unsigned i = 0; i < 16; i++)
        len += b->child[i] == NULL ? 1 : b->child[i]->ref_len;
    size_t size = header_size(len) + len;
    uint8_t *out = arena_alloc_aligned(a, size, 1);
    if (out == NULL)
        return (slice){NULL, 0};
    uint8_t *w = put_header(out, len, 0xc0);
    for (unsigned i = 0; i < 16; i++)
        w = put_ref(w, b->child[i]);
    put_string(w, b->value);
    return slice_of(out, size);
}

static slice encode_short(struct arena *a, const struct trie_short *s)
{
    uint8_t hp[TRIE_KEY_MAX + 1];
    bool is_leaf = s->node.kind == TRIE_LEAF;
    size_t odd = s->key_len & 1, hp_len = s->key_len / 2 + 1;
    hp[0] = (uint8_t)((is_leaf ? 0x20 : 0) | (odd ? 0x10 | s->key[0] : 0));
    for (size_t i = 1; i < hp_len; i++)
        hp[i] = (uint8_t)(s->key[odd + 2 * i - 2] << 4 | s->key[odd + 2 * i - 1]);
    slice key = slice_of(hp, hp_len);
    size_t len = string_size(key) + (is_leaf ? string_size(s->value) : s->child->ref_len);
    size_t size = header_size(len) + len;
    uint8_t *out = arena_alloc_aligned(a, size, 1);
    if (out == NULL)
        return (slice){NULL, 0};
    uint8_t *w = put_string(put_header(out, len, 0xc0), key);
    if (is_leaf)
        put_string(w, s->value);
    else
        put_ref(w, s->child);
    return slice_of(out, size);
}

slice trie_encode(struct arena *a, struct trie_node *n)
{
    return n->kind == TRIE_BRANCH ? encode_branch(a, trie_as_branch(n))
                                  : encode_short(a, trie_as_short(n));
}
