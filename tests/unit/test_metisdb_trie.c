/* The trie against py-trie's roots and proofs, ethereum/tests' secure tries, and a plain
 * recursive oracle under random changes; what trie_root reports kept as a store of nodes.
 */
#include "metis/trie.h"
#include "unit/metisdb_naive.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

struct trie_step {
    const char *key, *value, *root;
};
struct trie_proof_case {
    const char *key;
    size_t num;
    const char *nodes[12];
};
#include "unit/metisdb_trie_table.h"

#define ARENA_MAX (256u << 20)

static slice unhex(struct arena *a, const char *s)
{
    size_t n = strlen(s);
    uint8_t *out = arena_alloc(a, n / 2 + 1);
    cr_assert_eq(hex_decode(s, n, out, n / 2 + 1, &n), MT_OK);
    return slice_of(out, n);
}

static hash32 hash_of(const char *s)
{
    hash32 h;
    cr_assert_eq(hex_decode_fixed(s, h.b, 32), MT_OK);
    return h;
}

#define cr_assert_hash(got, want)                                                        \
    cr_assert(hash32_eq(&(got), &(want)), "%s != %s", hash32_text(&(got)).s,             \
              hash32_text(&(want)).s)

/* ---- a store of nodes by path, fed by trie_root ---- */

struct path_key {
    uint8_t len, nib[TRIE_KEY_MAX * 2];
};

struct store {
    struct map map; /* path -> slice */
    struct arena arena;
};

static void store_init(struct store *s)
{
    arena_init(&s->arena, ARENA_MAX);
    map_init(&s->map, NULL, sizeof(struct path_key), sizeof(slice), 1 << 20, 7);
}

static void store_fini(struct store *s)
{
    map_fini(&s->map);
    arena_fini(&s->arena);
}

static struct path_key path_key(const uint8_t *path, size_t len)
{
    struct path_key k = {.len = (uint8_t)len};
    memcpy(k.nib, path, len);
    return k;
}

static mt_err store_emit(void *ctx, const uint8_t *path, size_t len, slice rlp)
{
    struct store *s = ctx;
    struct path_key k = path_key(path, len);
    if (rlp.len == 0) {
        cr_assert(map_del(&s->map, &k), "a node reported gone was never there");
        return MT_OK;
    }
    slice *v = map_put(&s->map, &k, NULL);
    *v = slice_of(arena_copy(&s->arena, rlp.ptr, rlp.len), rlp.len);
    return MT_OK;
}

static mt_err store_resolve(void *ctx, const uint8_t *path, size_t len,
                            const hash32 *hash, slice *rlp)
{
    struct store *s = ctx;
    struct path_key k = path_key(path, len);
    slice *v = map_get(&s->map, &k);
    cr_assert_not_null(v, "a node is missing");
    hash32 h = keccak256(v->ptr, v->len);
    cr_assert_hash(h, *hash);
    *rlp = *v;
    return MT_OK;
}

static void store_same(const struct store *a, const struct store *b)
{
    uint32_t it = 0;
    const void *key;
    void *value;
    cr_assert_eq(map_count(&a->map), map_count(&b->map));
    while (map_next(&a->map, &it, &key, &value)) {
        slice *other = map_get(&b->map, key);
        cr_assert_not_null(other);
        cr_assert(slice_eq(*(slice *)value, *other));
    }
}

/* ---- vectors ---- */

static void run_steps(const struct trie_step *steps, size_t num)
{
    struct arena a;
    struct store s;
    hash32 root, kept = KECCAK_RLP_EMPTY;
    arena_init(&a, ARENA_MAX);
    store_init(&s);
    struct trie *t = trie_new(&a, &KECCAK_RLP_EMPTY, NULL, NULL);
    for (size_t i = 0; i < num; i++) {
        slice key = unhex(&a, steps[i].key), value = unhex(&a, steps[i].value);
        hash32 want = hash_of(steps[i].root);
        /* One trie that lives on, one that is read back from the stored nodes each time.
         */
        struct trie *u = trie_new(&a, &kept, store_resolve, &s);
        cr_assert_eq(value.len > 0 ? trie_put_key(t, key, value) : trie_del_key(t, key),
                     MT_OK);
        cr_assert_eq(value.len > 0 ? trie_put_key(u, key, value) : trie_del_key(u, key),
                     MT_OK);
        cr_assert_eq(trie_root(t, &root, NULL, NULL), MT_OK);
        cr_assert_hash(root, want);
        cr_assert_eq(trie_root(u, &kept, store_emit, &s), MT_OK);
        cr_assert_hash(kept, want);
    }
    store_fini(&s);
    arena_fini(&a);
}

#define STEPS(name)                                                                      \
    Test(metisdb_trie, name)                                                             \
    {                                                                                    \
        run_steps(trie_##name, MT_ARRAY_LEN(trie_##name));                               \
    }
STEPS(secure_0)
STEPS(secure_1)
STEPS(secure_2)
STEPS(secure_3)
STEPS(general_0)
STEPS(general_1)
STEPS(general_2)
STEPS(general_3)

Test(metisdb_trie, ordered_roots)
{
    struct arena a;
    arena_init(&a, ARENA_MAX);
    for (size_t c = 0; c < MT_ARRAY_LEN(trie_ordered); c++) {
        slice values[300];
        hash32 root, want = hash_of(trie_ordered[c].root);
        for (size_t i = 0; i < trie_ordered[c].num; i++) {
            uint8_t *v = arena_alloc(&a, 50);
            for (size_t j = 0; j < 50; j++)
                v[j] = (uint8_t)(7 * i + j);
            values[i] = slice_of(v, i % 50 + 1);
        }
        cr_assert_eq(trie_ordered_root(&a, values, trie_ordered[c].num, &root), MT_OK);
        cr_assert_hash(root, want);
    }
    arena_fini(&a);
}

Test(metisdb_trie, proofs_as_py_trie)
{
    struct arena a;
    hash32 root;
    arena_init(&a, ARENA_MAX);
    struct trie *t = trie_new(&a, &KECCAK_RLP_EMPTY, NULL, NULL);
    for (size_t i = 0; i < MT_ARRAY_LEN(trie_secure_0); i++) {
        slice key = unhex(&a, trie_secure_0[i].key);
        slice value = unhex(&a, trie_secure_0[i].value);
        cr_assert_eq(value.len > 0 ? trie_put_key(t, key, value) : trie_del_key(t, key),
                     MT_OK);
    }
    hash32 key0 = {{0}};
    slice *nodes;
    size_t num;
    cr_assert_eq(trie_proof(t, &key0, &nodes, &num), MT_EINVAL); /* not hashed yet */
    cr_assert_eq(trie_root(t, &root, NULL, NULL), MT_OK);
    for (size_t i = 0; i < MT_ARRAY_LEN(trie_proof_cases); i++) {
        const struct trie_proof_case *c = &trie_proof_cases[i];
        hash32 key = hash_of(c->key);
        slice value, shown;
        cr_assert_eq(trie_proof(t, &key, &nodes, &num), MT_OK);
        cr_assert_eq(num, c->num);
        for (size_t k = 0; k < num; k++)
            cr_assert(slice_eq(nodes[k], unhex(&a, c->nodes[k])));
        cr_assert_eq(trie_get(t, &key, &value), MT_OK);
        cr_assert(naive_verify(&root, key.b, 32, nodes, num, &shown));
        cr_assert(slice_eq(value, shown));
    }
    arena_fini(&a);
}

/* ethereum/tests TrieTests/hex_encoded_securetrie_test.json, test1 (keys are hashed). */
Test(metisdb_trie, secure_trie_of_ethereum_tests)
{
    static const char *const kv[][2] = {
        {"a94f5374fce5edbc8e2a8697c15331677e6ebf0b",
         "f848018405f446a7a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b"
         "42"
         "1a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"095e7baea6a6c7c4c2dfeb977efac326af552d87",
         "f8440101a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a004b"
         "cc"
         "c5d94f4d1f99aab44369a910179931772f2a5c001c3229f57831c102769"},
        {"d2571607e241ecf590ed94b12d87c94babe36db6",
         "f8440180a0ba4b47865c55a341a4a78759bb913cd15c3ee8eaf30a62fa8d1c8863113d84e8a0c5d"
         "24"
         "60186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"62c01474f089b07dae603491675dc5b5748f7049",
         "f8448080a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a0c5d"
         "24"
         "60186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"2adc25665018aa1fe0e6bc666dac8fc2697ff9ba",
         "f8478083019a59a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b42"
         "1a"
         "0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
    };
    struct arena a;
    hash32 root;
    hash32 want =
        hash_of("730a444e08ab4b8dee147c9b232fc52d34a223d600031c1e9d25bfc985cbd797");
    arena_init(&a, ARENA_MAX);
    struct trie *t = trie_new(&a, &KECCAK_RLP_EMPTY, NULL, NULL);
    for (size_t i = 0; i < MT_ARRAY_LEN(kv); i++) {
        slice addr = unhex(&a, kv[i][0]);
        hash32 key = keccak256(addr.ptr, addr.len);
        cr_assert_eq(trie_put(t, &key, unhex(&a, kv[i][1])), MT_OK);
    }
    cr_assert_eq(trie_root(t, &root, NULL, NULL), MT_OK);
    cr_assert_hash(root, want);
    arena_fini(&a);
}

/* ---- random changes ---- */

struct rng {
    uint64_t s;
};

static uint64_t rnd(struct rng *r)
{
    r->s += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = r->s;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#define KEYS 400

static hash32 random_key(struct rng *r)
{
    hash32 k = {{0}};
    unsigned kind = rnd(r) % 3;
    for (unsigned i = 0; i < 32; i++)
        k.b[i] = (uint8_t)(kind == 0 ? rnd(r) : kind == 1 ? rnd(r) & 0x11 : 0);
    k.b[rnd(r) % 32] ^= (uint8_t)rnd(r);
    return k;
}

struct model {
    hash32 keys[KEYS];
    slice values[KEYS];
};

static hash32 model_root(const struct model *m, struct store *nodes)
{
    static struct naive_item items[KEYS];
    struct arena a;
    size_t n = 0;
    hash32 root;
    arena_init(&a, ARENA_MAX);
    struct trie *t = trie_new(&a, &KECCAK_RLP_EMPTY, NULL, NULL);
    for (size_t i = 0; i < KEYS; i++) {
        if (m->values[i].len == 0)
            continue;
        naive_item(&items[n++], m->keys[i].b, 32, m->values[i]);
        cr_assert_eq(trie_put(t, &m->keys[i], m->values[i]), MT_OK);
    }
    cr_assert_eq(trie_root(t, &root, store_emit, nodes), MT_OK);
    hash32 want = naive_root(items, n);
    cr_assert_hash(root, want);
    arena_fini(&a);
    return want;
}

static void check_proofs(struct rng *r, const struct model *m, struct trie *t,
                         const hash32 *root)
{
    for (unsigned i = 0; i < 20; i++) {
        size_t at = rnd(r) % KEYS;
        hash32 key = i < 16 ? m->keys[at] : random_key(r);
        slice *nodes, value, shown;
        size_t num;
        cr_assert_eq(trie_get(t, &key, &value), MT_OK);
        if (i < 16)
            cr_assert(slice_eq(value, m->values[at]));
        cr_assert_eq(trie_proof(t, &key, &nodes, &num), MT_OK);
        cr_assert(naive_verify(root, key.b, 32, nodes, num, &shown));
        cr_assert(slice_eq(shown, value));
    }
}

static void change(struct rng *r, struct model *m, struct trie *t, struct arena *keep)
{
    size_t at = rnd(r) % KEYS;
    if (rnd(r) % 2 == 0) {
        m->values[at] = (slice){NULL, 0};
        cr_assert_eq(trie_del(t, &m->keys[at]), MT_OK);
        return;
    }
    size_t len = rnd(r) % 3 == 0 ? 1 : 1 + rnd(r) % 80;
    uint8_t *v = arena_alloc(keep, len);
    for (size_t i = 0; i < len; i++)
        v[i] = (uint8_t)(1 + rnd(r) % 255);
    m->values[at] = slice_of(v, len);
    cr_assert_eq(trie_put(t, &m->keys[at], m->values[at]), MT_OK);
}

Test(metisdb_trie, random_changes_roots_and_reported_nodes)
{
    static struct model m;
    struct rng r = {(uint64_t)time(NULL)};
    struct arena keep;
    struct store s;
    hash32 root = KECCAK_RLP_EMPTY;
    printf("seed %llu\n", (unsigned long long)r.s);
    arena_init(&keep, ARENA_MAX);
    store_init(&s);
    for (size_t i = 0; i < KEYS; i++) {
        m.keys[i] = random_key(&r);
        for (size_t k = 0; k < i; k++) {
            if (hash32_eq(&m.keys[k], &m.keys[i])) {
                i--; /* taken: once more */
                break;
            }
        }
    }
    for (unsigned round = 0; round < 150; round++) {
        struct arena a;
        struct store fresh;
        arena_init(&a, ARENA_MAX);
        store_init(&fresh);
        struct trie *t = trie_new(&a, &root, store_resolve, &s);
        /* Some rounds hash in the middle: changes on top of clean, unstored nodes. */
        unsigned num = rnd(&r) % 60, parts = 1 + rnd(&r) % 3;
        for (unsigned p = 0; p < parts; p++) {
            for (unsigned i = 0; i < num; i++)
                change(&r, &m, t, &keep);
            cr_assert_eq(trie_root(t, &root, store_emit, &s), MT_OK);
        }
        hash32 want = model_root(&m, &fresh);
        cr_assert_hash(root, want);
        store_same(&s, &fresh);
        check_proofs(&r, &m, t, &root);
        store_fini(&fresh);
        arena_fini(&a);
    }
    store_fini(&s);
    arena_fini(&keep);
}

/* A full arena is an error, never a crash. */
Test(metisdb_trie, every_arena_size)
{
    static uint8_t mem[60000];
    for (size_t size = 0; size < sizeof mem; size += 97) {
        struct arena a;
        mt_err err = MT_OK;
        hash32 root;
        arena_init_fixed(&a, mem, size);
        struct trie *t = trie_new(&a, &KECCAK_RLP_EMPTY, NULL, NULL);
        for (size_t i = 0; i < MT_ARRAY_LEN(trie_secure_1) && t != NULL && err == MT_OK;
             i++) {
            uint8_t key[32], value[300];
            size_t len = strlen(trie_secure_1[i].value) / 2;
            cr_assert_eq(hex_decode_fixed(trie_secure_1[i].key, key, 32), MT_OK);
            cr_assert_eq(hex_decode_fixed(trie_secure_1[i].value, value, len), MT_OK);
            slice k = slice_of(key, 32), v = slice_of(value, len);
            err = len > 0 ? trie_put_key(t, k, v) : trie_del_key(t, k);
            if (err == MT_OK)
                err = trie_root(t, &root, NULL, NULL);
        }
        cr_assert(err == MT_OK || err == MT_ELIMIT);
        if (err != MT_OK)
            cr_assert_eq(trie_root(t, &root, NULL, NULL), MT_EINVAL);
    }
}

/* ---- hostile nodes ---- */

static mt_err bad_resolve(void *ctx, const uint8_t *path, size_t len, const hash32 *hash,
                          slice *rlp)
{
    (void)path;
    (void)len;
    (void)hash;
    *rlp = *(slice *)ctx;
    return MT_OK;
}

Test(metisdb_trie, malformed_nodes)
{
    static const char *const bad[] = {
        "",
        "80",
        "c0",
        "c3808080",
        "c220",                                   /* one item */
        "c22001ff",                               /* bytes left over */
        "c28001",                                 /* empty hex-prefix string */
        "c24001",                                 /* prefix nibble past 3 */
        "c22101",                                 /* even, but padding is not zero */
        "c22080",                                 /* leaf without value */
        "c211c0",                                 /* child is an empty list */
        "c21180",                                 /* extension to nothing */
        "c20081",                                 /* cut */
        "c411c22001",                             /* extension to a leaf */
        "d2808080808080808080808080808080808080", /* 18 items */
        "d18180808080808080808080808080808080",   /* not the shortest form */
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(bad); i++) {
        struct arena a;
        hash32 root = {{1}}, key = {{0x11}};
        slice value;
        arena_init(&a, ARENA_MAX);
        slice rlp = unhex(&a, bad[i]);
        struct trie *t = trie_new(&a, &root, bad_resolve, &rlp);
        cr_assert_eq(trie_get(t, &key, &value), MT_ECORRUPT, "%s", bad[i]);
        arena_fini(&a);
    }
}

/* A node that names itself: the walk ends with the key. */
Test(metisdb_trie, endless_nodes)
{
    struct arena a;
    hash32 root = {{1}}, key = {{0}};
    slice value, rlp;
    uint8_t ext[35] = {0xe2, 0x10, 0xa0, 1}, branch[532] = {0xf9, 0x02, 0x11};
    for (unsigned i = 0; i < 16; i++)
        branch[3 + 33 * i] = 0xa0;
    branch[531] = 0x80;
    arena_init(&a, ARENA_MAX);
    rlp = slice_of(ext, 35);
    struct trie *t = trie_new(&a, &root, bad_resolve, &rlp);
    cr_assert_eq(trie_get(t, &key, &value), MT_ECORRUPT);
    rlp = slice_of(branch, 532);
    t = trie_new(&a, &root, bad_resolve, &rlp);
    cr_assert_eq(trie_get(t, &key, &value), MT_OK);
    cr_assert_eq(value.len, 0);
    cr_assert_eq(trie_put(t, &key, slice_str("x")), MT_OK);
    arena_fini(&a);
}

Test(metisdb_trie, accounts)
{
    /* An account of ethereum/tests' securetrie test3, field by field. */
    struct arena a;
    struct buf b;
    struct account acc, again;
    uint8_t small[TRIE_ACCOUNT_MAX];
    arena_init(&a, ARENA_MAX);
    slice rlp = unhex(
        &a,
        "f84c01880de0b6b3a7614bc3a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc0016"
        "22fb5e363b421a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a4"
        "70");
    cr_assert_eq(account_decode(rlp, &acc), MT_OK);
    cr_assert_eq(acc.nonce, 1);
    cr_assert(u256_eq(acc.balance, u256_from(0x0de0b6b3a7614bc3u)));
    cr_assert(hash32_eq(&acc.storage_root, &KECCAK_RLP_EMPTY));
    cr_assert(hash32_eq(&acc.code_hash, &KECCAK_EMPTY));
    buf_init_arena(&b, &a, 1000);
    account_encode(&acc, &b);
    cr_assert(slice_eq(buf_slice(&b), rlp));
    cr_assert_eq(account_decode(slice_of(rlp.ptr, rlp.len - 1), &acc), MT_EDECODE);
    acc.nonce = UINT64_MAX;
    acc.balance = u256_not(u256_from(0));
    rlp = trie_account_encode(&acc, small);
    cr_assert_eq(rlp.len, 110);
    cr_assert_eq(account_decode(rlp, &again), MT_OK);
    cr_assert_eq(again.nonce, UINT64_MAX);
    cr_assert(u256_eq(again.balance, acc.balance));
    arena_fini(&a);
}
