/* The hash map: an index of slots over a dense array of entries.
 *
 *   index   [ 0 | 3 | 0 | 1 | gone | 2 ]       slot -> entry number + 1
 *   entries [ live key value ][ ... ][ ... ]   in insertion order
 *
 * Linear probing at a load of at most 3/4. A deleted entry stays in the array, marked
 * dead, until there is no room left and it is squeezed out; iteration skips it. The hash
 * multiplies 64-bit words with a seeded state and folds the 128-bit product: a few cycles
 * a word, and every bit depends on the seed. */
#include "metis/base/map.h"
#include "metis/base/u256.h"
#include "base_int.h"

#define CAPACITY_MIN 16u
#define CAPACITY_MAX (1u << 31)
#define GONE         UINT32_MAX

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    mt_u128 p = (mt_u128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t hash_key(const struct map *m, const uint8_t *key)
{
    uint64_t h = m->seed ^ 0x9e3779b97f4a7c15u;
    uint32_t n = m->key_size;
    for (; n >= 8; n -= 8, key += 8) {
        uint64_t w;
        memcpy(&w, key, 8);
        h = fold(h ^ w, 0xa0761d6478bd642fu ^ m->seed) + 0xe7037ed1a0b428dbu;
    }
    uint64_t w = 0;
    memcpy(&w, key, n);
    h = fold(h ^ w, 0x8ebc6af09c88c6e3u ^ m->seed);
    return fold(h ^ m->key_size, 0x589965cc75374cc3u);
}

/* An entry: key (padded to 8), value (padded to 8), a word that is 1 while it is live. */
static inline uint32_t pad8(uint32_t n)
{
    return (n + 7) & ~7u;
}

static inline uint8_t *entry_at(const struct map *m, uint32_t i)
{
    return m->entries + (size_t)i * m->stride;
}

static inline uint8_t *entry_value(const struct map *m, uint8_t *entry)
{
    return entry + pad8(m->key_size);
}

static bool entry_live(const struct map *m, const uint8_t *entry)
{
    uint64_t live;
    memcpy(&live, entry + m->stride - 8, 8);
    return live != 0;
}

static void entry_mark(const struct map *m, uint8_t *entry, uint64_t live)
{
    memcpy(entry + m->stride - 8, &live, 8);
}

void map_init(struct map *m, struct arena *arena, uint32_t key_size, uint32_t value_size,
              uint32_t count_max, uint64_t seed)
{
    *m = (struct map){
        .count_max = count_max,
        .key_size = key_size,
        .value_size = value_size,
        .stride = pad8(key_size) + pad8(value_size) + 8,
        .seed = seed,
        .arena = arena,
    };
}

static void release(struct map *m)
{
    if (m->arena == NULL) {
        base_heap_put(m->index);
        base_heap_put(m->entries);
    }
    m->index = NULL;
    m->entries = NULL;
}

void map_fini(struct map *m)
{
    release(m);
    m->capacity = m->count = m->live = 0;
}

void map_clear(struct map *m)
{
    if (m->index != NULL && m->count != 0)
        memset(m->index, 0, (size_t)m->capacity * sizeof *m->index);
    m->count = m->live = 0;
}

/* The slot that holds the key, or -1. */
static int64_t find_slot(const struct map *m, const void *key)
{
    if (m->live == 0)
        return -1;
    uint32_t mask = m->capacity - 1;
    uint32_t slot = (uint32_t)hash_key(m, key) & mask;
    for (;; slot = (slot + 1) & mask) {
        uint32_t e = m->index[slot];
        if (e == 0)
            return -1;
        if (e != GONE && memcmp(entry_at(m, e - 1), key, m->key_size) == 0)
            return slot;
    }
}

void *map_get(const struct map *m, const void *key)
{
    int64_t slot = find_slot(m, key);
    return slot < 0 ? NULL : entry_value(m, entry_at(m, m->index[slot] - 1));
}

static void index_entry(struct map *m, const uint8_t *entry, uint32_t number)
{
    uint32_t mask = m->capacity - 1;
    uint32_t slot = (uint32_t)hash_key(m, entry) & mask;
    while (m->index[slot] != 0 && m->index[slot] != GONE)
        slot = (slot + 1) & mask;
    m->index[slot] = number + 1;
}

static uint32_t entries_max(uint32_t capacity)
{
    return capacity / 4 * 3;
}

static void *memory(struct map *m, size_t size)
{
    return m->arena != NULL ? arena_alloc(m->arena, size) : base_heap_get(size);
}

/* Squeezes the dead entries out where they are; no memory is needed. */
static void compact(struct map *m)
{
    uint32_t n = 0;
    memset(m->index, 0, (size_t)m->capacity * sizeof *m->index);
    for (uint32_t i = 0; i < m->count; i++) {
        uint8_t *from = entry_at(m, i), *to = entry_at(m, n);
        if (!entry_live(m, from))
            continue;
        if (to != from)
            memcpy(to, from, m->stride);
        index_entry(m, to, n++);
    }
    m->count = n;
}

/* Room for at least one more entry: the dead ones' when they are many, else new arrays.
 * */
static bool make_room(struct map *m)
{
    if (m->capacity != 0 && m->live < entries_max(m->capacity) / 2) {
        compact(m);
        return true;
    }
    if (m->capacity >= CAPACITY_MAX)
        return false;
    uint32_t capacity = m->capacity == 0 ? CAPACITY_MIN : 2 * m->capacity;
    struct map next = *m;
    next.capacity = capacity;
    next.index = memory(m, (size_t)capacity * sizeof *m->index);
    next.entries = memory(m, (size_t)entries_max(capacity) * m->stride);
    if (next.index == NULL || next.entries == NULL) {
        if (m->arena == NULL)
            release(&next);
        return false;
    }
    memset(next.index, 0, (size_t)capacity * sizeof *m->index);
    next.count = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        uint8_t *from = entry_at(m, i);
        if (!entry_live(m, from))
            continue;
        uint8_t *to = entry_at(&next, next.count);
        memcpy(to, from, m->stride);
        index_entry(&next, to, next.count++);
    }
    release(m);
    *m = next;
    return true;
}

void *map_put(struct map *m, const void *key, bool *inserted)
{
    void *value = map_get(m, key);
    if (inserted != NULL)
        *inserted = value == NULL;
    if (value != NULL)
        return value;
    if (m->live >= m->count_max)
        return NULL;
    if ((m->capacity == 0 || m->count >= entries_max(m->capacity)) && !make_room(m))
        return NULL;
    uint8_t *e = entry_at(m, m->count);
    memset(e, 0, m->stride);
    memcpy(e, key, m->key_size);
    entry_mark(m, e, 1);
    index_entry(m, e, m->count++);
    m->live++;
    return entry_value(m, e);
}

bool map_del(struct map *m, const void *key)
{
    int64_t slot = find_slot(m, key);
    if (slot < 0)
        return false;
    entry_mark(m, entry_at(m, m->index[slot] - 1), 0);
    m->index[slot] = GONE;
    if (--m->live == 0)
        map_clear(m);
    return true;
}

bool map_next(const struct map *m, uint32_t *it, const void **key, void **value)
{
    while (*it < m->count) {
        uint8_t *e = entry_at(m, (*it)++);
        if (!entry_live(m, e))
            continue;
        if (key != NULL)
            *key = e;
        if (value != NULL)
            *value = entry_value(m, e);
        return true;
    }
    return false;
}
