/* The plain oracle for tries and states: root by the yellow paper's own recursion over a
 * sorted list (appendix D, functions TRIE, c and n), RLP written out here, and a verifier
 * of proofs that reads nodes byte by byte. Shares nothing with the code under test but
 * keccak. */
#ifndef METISDB_NAIVE_H
#define METISDB_NAIVE_H

#include "metis/crypto.h"
#include <stdlib.h>
#include <string.h>

struct naive_item {
    uint8_t nib[128];
    size_t len;
    slice value;
};

struct naive_buf {
    uint8_t b[2048];
    size_t len;
};

static inline void naive_put(struct naive_buf *o, const void *p, size_t n)
{
    if (o->len + n > sizeof o->b)
        abort();
    if (n > 0)
        memcpy(o->b + o->len, p, n);
    o->len += n;
}

static inline void naive_header(struct naive_buf *o, size_t n, uint8_t base)
{
    uint8_t h[3] = {(uint8_t)(base + n)};
    size_t len = 1;
    if (n > 255) {
        h[0] = (uint8_t)(base + 57);
        h[1] = (uint8_t)(n >> 8);
        h[2] = (uint8_t)n;
        len = 3;
    } else if (n > 55) {
        h[0] = (uint8_t)(base + 56);
        h[1] = (uint8_t)n;
        len = 2;
    }
    naive_put(o, h, len);
}

static inline void naive_string(struct naive_buf *o, const uint8_t *p, size_t n)
{
    if (n != 1 || p[0] > 0x7f)
        naive_header(o, n, 0x80);
    naive_put(o, p, n);
}

static inline void naive_list(struct naive_buf *out, const struct naive_buf *payload)
{
    out->len = 0;
    naive_header(out, payload->len, 0xc0);
    naive_put(out, payload->b, payload->len);
}

/* HP(x, t) */
static inline void naive_hp(struct naive_buf *o, const uint8_t *x, size_t n, bool t)
{
    uint8_t hp[70];
    size_t len = 0;
    uint8_t f = t ? 2 : 0;
    if (n % 2 == 1) {
        hp[len++] = (uint8_t)(16 * (f + 1) + x[0]);
        x++;
        n--;
    } else {
        hp[len++] = (uint8_t)(16 * f);
    }
    for (size_t i = 0; i < n; i += 2)
        hp[len++] = (uint8_t)(16 * x[i] + x[i + 1]);
    naive_string(o, hp, len);
}

static inline void naive_c(const struct naive_item *j, size_t n, size_t i,
                           struct naive_buf *out);

/* n(J, i): nothing, the encoding when short, else its hash; appended as an item. */
static inline void naive_n(const struct naive_item *j, size_t n, size_t i,
                           struct naive_buf *out)
{
    struct naive_buf c;
    if (n == 0) {
        naive_string(out, NULL, 0);
        return;
    }
    naive_c(j, n, i, &c);
    if (c.len < 32) {
        naive_put(out, c.b, c.len);
    } else {
        hash32 h = keccak256(c.b, c.len);
        naive_string(out, h.b, 32);
    }
}

/* c(J, i); items are sorted by nibbles, all share the first i of them. */
static inline void naive_c(const struct naive_item *j, size_t n, size_t i,
                           struct naive_buf *out)
{
    struct naive_buf p = {.len = 0};
    if (n == 1) {
        naive_hp(&p, j[0].nib + i, j[0].len - i, true);
        naive_string(&p, j[0].value.ptr, j[0].value.len);
        naive_list(out, &p);
        return;
    }
    size_t common = i;
    while (common < j[0].len && common < j[n - 1].len &&
           j[0].nib[common] == j[n - 1].nib[common])
        common++;
    if (common > i) {
        naive_hp(&p, j[0].nib + i, common - i, false);
        naive_n(j, n, common, &p);
        naive_list(out, &p);
        return;
    }
    size_t at = j[0].len == i ? 1 : 0;
    slice value = at == 1 ? j[0].value : (slice){NULL, 0};
    for (uint8_t k = 0; k < 16; k++) {
        size_t end = at;
        while (end < n && j[end].nib[i] == k)
            end++;
        naive_n(j + at, end - at, i + 1, &p);
        at = end;
    }
    naive_string(&p, value.ptr, value.len);
    naive_list(out, &p);
}

static inline int naive_cmp(const void *x, const void *y)
{
    const struct naive_item *a = x, *b = y;
    size_t n = a->len < b->len ? a->len : b->len;
    int c = memcmp(a->nib, b->nib, n);
    return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

static inline void naive_item(struct naive_item *it, const uint8_t *key, size_t len,
                              slice value)
{
    it->len = 2 * len;
    for (size_t i = 0; i < len; i++) {
        it->nib[2 * i] = key[i] >> 4;
        it->nib[2 * i + 1] = key[i] & 15;
    }
    it->value = value;
}

/* Sorts items in place. */
static inline hash32 naive_root(struct naive_item *items, size_t n)
{
    struct naive_buf c;
    if (n == 0)
        return keccak256("\x80", 1);
    qsort(items, n, sizeof *items, naive_cmp);
    naive_c(items, n, 0, &c);
    return keccak256(c.b, c.len);
}

/* ---- proofs ---- */

/* One item at p (end is the limit): payload, kind, length with header; false: malformed.
 */
static inline bool naive_read(const uint8_t *p, const uint8_t *end, slice *payload,
                              bool *list, size_t *whole)
{
    if (p >= end)
        return false;
    size_t room = (size_t)(end - p), head = 1, len;
    *list = p[0] >= 0xc0;
    unsigned base = *list ? 0xc0 : 0x80;
    if (p[0] < 0x80) {
        head = 0;
        len = 1;
    } else if (p[0] - base <= 55) {
        len = p[0] - base;
    } else {
        size_t k = p[0] - base - 55;
        if (k > 3 || room < 1 + k)
            return false;
        len = 0;
        for (size_t i = 0; i < k; i++)
            len = len << 8 | p[1 + i];
        head += k;
    }
    if (len > room - head)
        return false;
    *payload = slice_of(p + head, len);
    *whole = head + len;
    return true;
}

/* The items of one node: their raw form, payloads, kinds; false: malformed. */
struct naive_node {
    size_t num;
    slice raw[17], item[17];
    bool list[17];
};

static inline bool naive_node(slice node, struct naive_node *out)
{
    slice list;
    bool is_list;
    size_t whole;
    if (!naive_read(node.ptr, node.ptr + node.len, &list, &is_list, &whole) || !is_list ||
        whole != node.len)
        return false;
    out->num = 0;
    for (const uint8_t *p = list.ptr; p < list.ptr + list.len; out->num++) {
        size_t i = out->num;
        if (i == 17 ||
            !naive_read(p, list.ptr + list.len, &out->item[i], &out->list[i], &whole))
            return false;
        out->raw[i] = slice_of(p, whole);
        p += whole;
    }
    return out->num == 17 || (out->num == 2 && out->item[0].len > 0);
}

/* One step down at nibble *at: the item to follow, or -1 when the way ends in this node
 * with *value (empty: the key is not there). */
static inline int naive_step(const struct naive_node *n, const struct naive_item *key,
                             size_t *at, slice *value)
{
    if (n->num == 17) {
        if (*at < key->len)
            return key->nib[(*at)++];
        *value = n->item[16];
        return -1;
    }
    uint8_t nib[130], first = n->item[0].ptr[0];
    size_t m = 0;
    if (first & 0x10)
        nib[m++] = first & 15;
    for (size_t i = 1; i < n->item[0].len && m < 128; i++) {
        nib[m++] = n->item[0].ptr[i] >> 4;
        nib[m++] = n->item[0].ptr[i] & 15;
    }
    bool fits = m <= key->len - *at && memcmp(nib, key->nib + *at, m) == 0;
    if ((first & 0x20) == 0 && fits) {
        *at += m;
        return 1;
    }
    if (fits && *at + m == key->len)
        *value = n->item[1];
    return -1;
}

/* The value the proof shows for the key (empty: shown to be absent); false: no proof. */
static inline bool naive_verify(const hash32 *root, const uint8_t *key, size_t key_len,
                                const slice *nodes, size_t num, slice *value)
{
    struct naive_item k;
    naive_item(&k, key, key_len, (slice){NULL, 0});
    hash32 want = keccak256("\x80", 1);
    size_t at = 0;
    slice in_parent = {NULL, 0};
    *value = (slice){NULL, 0};
    if (num == 0)
        return hash32_eq(&want, root);
    want = *root;
    for (size_t used = 0;;) {
        struct naive_node n;
        if (in_parent.len == 0) {
            if (used == num)
                return false;
            hash32 h = keccak256(nodes[used].ptr, nodes[used].len);
            if (!hash32_eq(&h, &want) || !naive_node(nodes[used++], &n))
                return false;
        } else if (!naive_node(in_parent, &n)) {
            return false;
        }
        int next = naive_step(&n, &k, &at, value);
        if (next < 0)
            return used == num;
        if (!n.list[next] && n.item[next].len == 0)
            return used == num;
        in_parent = n.list[next] ? n.raw[next] : (slice){NULL, 0};
        if (!n.list[next] && n.item[next].len != 32)
            return false;
        if (!n.list[next])
            memcpy(want.b, n.item[next].ptr, 32);
    }
}

#endif
