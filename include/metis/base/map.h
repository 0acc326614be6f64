/* Open-addressing hash map with fixed-size inline keys and values.
 *
 * Keys are key_size bytes compared in full; the hash is seeded, so an adversary that
 * chooses keys cannot choose collisions. Iteration runs in insertion order, which makes
 * output independent of the seed. Memory comes from an arena (dropped with it) or the
 * heap. Part of the provable core. Not thread-safe. */
#ifndef METIS_BASE_MAP_H
#define METIS_BASE_MAP_H

#include "metis/base/mem.h"

struct map {
    uint32_t *index;   /* slot -> entry + 1, 0 is empty, UINT32_MAX deleted */
    uint8_t *entries;  /* insertion order: key, value (value 8-aligned) */
    uint32_t capacity; /* slots, a power of two */
    uint32_t count;    /* entries written, live or dead */
    uint32_t live;
    uint32_t count_max; /* most entries ever, MT_ELIMIT beyond */
    uint32_t key_size;
    uint32_t value_size;
    uint32_t stride;
    uint64_t seed;
    struct arena *arena; /* NULL: heap */
};

void map_init(struct map *m, struct arena *arena, uint32_t key_size, uint32_t value_size,
              uint32_t count_max, uint64_t seed);
void map_fini(struct map *m);
void map_clear(struct map *m);

/* The value of a key or NULL. Valid until the next insertion. */
void *map_get(const struct map *m, const void *key);

/* The value of a key, inserted zeroed when absent (*inserted tells). NULL when count_max
 * or the arena's cap is hit. Valid until the next insertion. inserted may be NULL. */
void *map_put(struct map *m, const void *key, bool *inserted);

/* True when the key was there. */
bool map_del(struct map *m, const void *key);

/* Iteration: start with *it = 0; false at the end. key and value may be NULL. */
bool map_next(const struct map *m, uint32_t *it, const void **key, void **value);

static inline uint32_t map_count(const struct map *m)
{
    return m->live;
}

#endif
