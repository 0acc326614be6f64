/* Private to base: the one place where memory comes from the system. */
#ifndef METIS_BASE_INT_H
#define METIS_BASE_INT_H

#include <stddef.h>

#ifdef METIS_FREESTANDING
/* The provable core has only the memory its caller gave it. */
static inline void *base_heap_get(size_t size)
{
    (void)size;
    return NULL;
}

static inline void *base_heap_resize(void *ptr, size_t size)
{
    (void)ptr;
    (void)size;
    return NULL;
}

static inline void base_heap_put(void *ptr)
{
    (void)ptr;
}
#else
#include <stdlib.h>

static inline void *base_heap_get(size_t size)
{
    return malloc(size);
}

static inline void *base_heap_resize(void *ptr, size_t size)
{
    return realloc(ptr, size);
}

static inline void base_heap_put(void *ptr)
{
    free(ptr);
}
#endif

#endif
