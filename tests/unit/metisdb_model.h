/* A state in plain arrays, deltas made from it at random, its root by the plain oracle,
 * and the folder a test's store lives in. */
#ifndef METISDB_MODEL_H
#define METISDB_MODEL_H

#include "metis/metisdb.h"
#include "metis/trie.h"
#include "unit/metisdb_naive.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MODEL_ADDRS 48
#define MODEL_SLOTS 10
#define MODEL_CODES 3
#define TEST_ARENA  (256u << 20)

struct model_account {
    bool exists;
    uint64_t nonce;
    u256 balance;
    unsigned code; /* 0: none */
    u256 slots[MODEL_SLOTS];
};

struct model {
    struct model_account acc[MODEL_ADDRS];
};

struct rng {
    uint64_t s;
};

static inline uint64_t rnd(struct rng *r)
{
    r->s += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = r->s;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline address model_addr(size_t i)
{
    address a = {{0xaa}};
    a.b[19] = (uint8_t)i; /* ascending */
    return a;
}

static inline hash32 model_slot(size_t i)
{
    hash32 h = {{0}};
    h.b[31] = (uint8_t)(3 * i);
    return h;
}

static inline slice model_code(unsigned code)
{
    static const char *const text[] = {"", "first code", "second, longer code", "third"};
    return slice_str(text[code]);
}

static inline hash32 model_code_hash(unsigned code)
{
    slice c = model_code(code);
    return keccak256(c.ptr, c.len);
}

/* ---- root ---- */

static inline hash32 model_storage_root(const struct model_account *a)
{
    struct naive_item items[MODEL_SLOTS];
    static uint8_t mem[MODEL_SLOTS][40];
    size_t n = 0;
    for (size_t i = 0; i < MODEL_SLOTS; i++) {
        struct naive_buf rlp = {.len = 0};
        uint8_t be[32];
        if (u256_is_zero(a->slots[i]))
            continue;
        u256_store_be(a->slots[i], be);
        size_t skip = 0;
        while (be[skip] == 0)
            skip++;
        naive_string(&rlp, be + skip, 32 - skip);
        memcpy(mem[n], rlp.b, rlp.len);
        hash32 slot = model_slot(i), key = keccak256(slot.b, 32);
        naive_item(&items[n], key.b, 32, slice_of(mem[n], rlp.len));
        n++;
    }
    return naive_root(items, n);
}

static inline void naive_number(struct naive_buf *o, u256 v)
{
    uint8_t be[32];
    size_t skip = 0;
    u256_store_be(v, be);
    while (skip < 32 && be[skip] == 0)
        skip++;
    naive_string(o, be + skip, 32 - skip);
}

static inline struct naive_buf model_account_rlp(const struct model_account *a)
{
    struct naive_buf p = {.len = 0}, out;
    hash32 root = model_storage_root(a), code = model_code_hash(a->code);
    naive_number(&p, u256_from(a->nonce));
    naive_number(&p, a->balance);
    naive_string(&p, root.b, 32);
    naive_string(&p, code.b, 32);
    naive_list(&out, &p);
    return out;
}

static inline hash32 model_root(const struct model *m)
{
    static struct naive_item items[MODEL_ADDRS];
    static struct naive_buf rlp[MODEL_ADDRS];
    size_t n = 0;
    for (size_t i = 0; i < MODEL_ADDRS; i++) {
        if (!m->acc[i].exists)
            continue;
        address addr = model_addr(i);
        hash32 key = keccak256(addr.b, 20);
        rlp[n] = model_account_rlp(&m->acc[i]);
        naive_item(&items[n], key.b, 32, slice_of(rlp[n].b, rlp[n].len));
        n++;
    }
    return naive_root(items, n);
}

/* ---- deltas ---- */

static inline u256 model_value(struct rng *r)
{
    u256 v = {{rnd(r), rnd(r), rnd(r), rnd(r)}};
    switch (rnd(r) % 4) {
    case 0:
        return u256_from(rnd(r) % 200);
    case 1:
        return u256_from(rnd(r));
    case 2:
        return u256_shr(v, rnd(r) % 256);
    default:
        return v;
    }
}

static inline void model_slots(struct rng *r, struct model_account *m,
                               struct account_change *c, struct arena *a, bool all_new)
{
    c->slots = arena_zalloc(a, MODEL_SLOTS, sizeof(*c->slots));
    for (size_t i = 0; i < MODEL_SLOTS; i++) {
        if (rnd(r) % 3 != 0)
            continue;
        u256 v = rnd(r) % 3 == 0 ? u256_from(0) : model_value(r);
        if (all_new && u256_is_zero(v))
            continue;
        m->slots[i] = v;
        c->slots[c->slot_num++] = (struct slot_change){model_slot(i), v};
    }
}

static inline void model_change(struct rng *r, struct model_account *m,
                                struct account_change *c, struct arena *a)
{
    unsigned kind = rnd(r) % 10;
    if (kind == 0) {
        *m = (struct model_account){.exists = false};
        c->flags = CHANGE_DELETED | (rnd(r) % 2 ? CHANGE_STORAGE_CLEARED : 0);
        return;
    }
    if (kind == 1) {
        memset(m->slots, 0, sizeof(m->slots));
        c->flags = CHANGE_STORAGE_CLEARED;
    }
    m->exists = true;
    m->nonce += rnd(r) % 2;
    if (rnd(r) % 2)
        m->balance = model_value(r);
    if (rnd(r) % 4 == 0) {
        m->code = (unsigned)(rnd(r) % (MODEL_CODES + 1));
        c->flags |= CHANGE_CODE;
        c->code = model_code(m->code);
    }
    if (kind < 7)
        model_slots(r, m, c, a, kind == 1);
    c->nonce = m->nonce;
    c->balance = m->balance;
    c->code_hash = model_code_hash(m->code);
}

/* Changes m at random and gives the delta; in arena. */
static inline struct state_delta model_delta(struct rng *r, struct model *m,
                                             struct arena *a)
{
    struct state_delta d = {arena_zalloc(a, MODEL_ADDRS, sizeof(*d.accounts)), 0};
    unsigned one_in = 1 + rnd(r) % 12;
    for (size_t i = 0; i < MODEL_ADDRS; i++) {
        if (rnd(r) % one_in != 0)
            continue;
        struct account_change *c = &d.accounts[d.account_num++];
        c->addr = model_addr(i);
        model_change(r, &m->acc[i], c, a);
    }
    return d;
}

/* The whole state as a delta, for state_root_full. */
static inline struct state_delta model_full(const struct model *m, struct arena *a)
{
    struct state_delta d = {arena_zalloc(a, MODEL_ADDRS, sizeof(*d.accounts)), 0};
    for (size_t i = 0; i < MODEL_ADDRS; i++) {
        const struct model_account *acc = &m->acc[i];
        struct account_change *c = &d.accounts[d.account_num++];
        c->addr = model_addr(i);
        if (!acc->exists) {
            c->flags = CHANGE_DELETED;
            continue;
        }
        c->nonce = acc->nonce;
        c->balance = acc->balance;
        c->code_hash = model_code_hash(acc->code);
        c->slot_num = MODEL_SLOTS;
        c->slots = arena_zalloc(a, MODEL_SLOTS, sizeof(*c->slots));
        for (size_t k = 0; k < MODEL_SLOTS; k++)
            c->slots[k] = (struct slot_change){model_slot(k), acc->slots[k]};
    }
    return d;
}

/* ---- the store's folder ---- */

struct test_dir {
    char path[256];
};

static inline struct test_dir test_dir(void)
{
    struct test_dir d;
    const char *base = getenv("TMPDIR");
    snprintf(d.path, sizeof d.path, "%s/metisdb-XXXXXX", base != NULL ? base : P_tmpdir);
    cr_assert_not_null(mkdtemp(d.path));
    return d;
}

static inline void test_dir_remove(const struct test_dir *d)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "LOCK"};
    char name[300];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s/%s", d->path, files[i]);
        unlink(name);
    }
    rmdir(d->path);
}

static inline struct metisdb_options test_options(const struct test_dir *d)
{
    return (struct metisdb_options){.path = d->path,
                                    .network = "test",
                                    .chain_id = 7,
                                    .sync = METISDB_SYNC_OFF,
                                    .undo_blocks = UINT64_MAX,
                                    .map_size_max = 1u << 30,
                                    .readers_max = 16};
}

static inline struct metisdb *test_open(const struct metisdb_options *opt)
{
    struct metisdb *db;
    struct mt_diag diag = {0};
    cr_assert_eq(metisdb_open(opt, &db, &diag), MT_OK, "%s", diag.text);
    return db;
}

/* The id of a made-up block; fork tells branches apart. */
static inline struct block_id test_id(uint64_t number, uint8_t fork)
{
    struct block_id id = {number, {{0}}};
    store_be64(id.hash.b, number);
    id.hash.b[31] = (uint8_t)(1 + fork);
    return id;
}

static inline mt_err test_put(struct metisdb_batch *b, struct block_id id, hash32 parent,
                              bool canonical)
{
    struct block_record rec = {.id = id, .parent = parent};
    struct metisdb_block_index none = {0};
    return metisdb_put_block(b, &rec, &none, canonical);
}

#define cr_assert_hash(got, want)                                                        \
    cr_assert(hash32_eq(&(got), &(want)), "%s != %s", hash32_text(&(got)).s,             \
              hash32_text(&(want)).s)
#define OK(call) cr_assert_eq((call), MT_OK, "%s", #call)

#endif
