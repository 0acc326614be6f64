/* The shared cache of refcounted values: a few dozen entries, found by a linear look at
 * the first bytes of their hashes, guarded by one mutex held for a few hundred
 * nanoseconds. */
#include "metis/base.h"

#include <pthread.h>

struct entry {
    hash32 key;
    void *value; /* NULL: free */
    uint64_t used;
};

struct ref_cache {
    pthread_mutex_t lock;
    void (*hold)(void *value);
    void (*drop)(void *value);
    uint64_t clock;
    size_t capacity;
    struct entry entries[];
};

struct ref_cache *ref_cache_new(size_t capacity, void (*hold)(void *value),
                                void (*drop)(void *value))
{
    struct ref_cache *c = mt_alloc(sizeof(*c) + capacity * sizeof(c->entries[0]));
    MT_ASSERT(pthread_mutex_init(&c->lock, NULL) == 0);
    c->hold = hold;
    c->drop = drop;
    c->capacity = capacity;
    return c;
}

void ref_cache_free(struct ref_cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->capacity; i++) {
        if (c->entries[i].value != NULL)
            c->drop(c->entries[i].value);
    }
    pthread_mutex_destroy(&c->lock);
    mt_free(c);
}

static struct entry *find(struct ref_cache *c, const hash32 *key)
{
    for (size_t i = 0; i < c->capacity; i++) {
        if (c->entries[i].value != NULL && hash32_eq(&c->entries[i].key, key))
            return &c->entries[i];
    }
    return NULL;
}

void *ref_cache_get(struct ref_cache *c, const hash32 *key)
{
    void *value = NULL;
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, key);
    if (e != NULL) {
        e->used = ++c->clock;
        value = e->value;
        c->hold(value);
    }
    pthread_mutex_unlock(&c->lock);
    return value;
}

/* The entry to fill: the key's own, a free one, or the one unused for longest. */
static struct entry *place(struct ref_cache *c, const hash32 *key)
{
    struct entry *e = find(c, key);
    if (e != NULL)
        return e;
    e = &c->entries[0];
    for (size_t i = 1; i < c->capacity && e->value != NULL; i++) {
        if (c->entries[i].value == NULL || c->entries[i].used < e->used)
            e = &c->entries[i];
    }
    return e;
}

void ref_cache_put(struct ref_cache *c, const hash32 *key, void *value)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = place(c, key);
    void *old = e->value;
    c->hold(value);
    *e = (struct entry){*key, value, ++c->clock};
    pthread_mutex_unlock(&c->lock);
    if (old != NULL)
        c->drop(old);
}

void ref_cache_del(struct ref_cache *c, const hash32 *key)
{
    void *old = NULL;
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, key);
    if (e != NULL) {
        old = e->value;
        e->value = NULL;
    }
    pthread_mutex_unlock(&c->lock);
    if (old != NULL)
        c->drop(old);
}
