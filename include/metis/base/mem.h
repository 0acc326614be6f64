/* Memory: arenas and growing buffers, both with hard caps.
 *
 * An arena hands out memory that is released all at once; a buffer grows up to a stated
 * maximum. Neither aborts when its cap is hit: the allocation fails and the caller
 * reports MT_ELIMIT. Part of the provable core (with caller-supplied memory). */
#ifndef METIS_BASE_MEM_H
#define METIS_BASE_MEM_H

#include "metis/base/bytes.h"

/* Aborting heap allocation for small things made at start. Zeroed. Not in the
 * freestanding build. Release with mt_free. */
void *mt_alloc(size_t size);
void *mt_realloc(void *ptr, size_t size);
char *mt_strdup(const char *s);
void mt_free(void *ptr);

struct arena_chunk; /* header of one block of memory, private */

/* Fields are private; the struct is public so that it can be embedded. */
struct arena {
    struct arena_chunk *head; /* newest chunk */
    uint8_t *next;            /* next free byte of the newest chunk */
    uint8_t *end;
    size_t size;     /* bytes of all chunks */
    size_t size_max; /* cap over all chunks */
    bool fixed;      /* memory is the caller's: one chunk, never freed */
};

/* A heap-backed arena that holds at most size_max bytes; allocates nothing yet. */
void arena_init(struct arena *a, size_t size_max);

/* An arena in the caller's memory. */
void arena_init_fixed(struct arena *a, void *mem, size_t size);

/* Uninitialised memory, align a power of two; NULL when the cap is hit. */
void *arena_alloc_aligned(struct arena *a, size_t size, size_t align);

static inline void *arena_alloc(struct arena *a, size_t size)
{
    return arena_alloc_aligned(a, size, 16);
}

/* Zeroed; n * size is checked for overflow. NULL when the cap is hit. */
void *arena_zalloc(struct arena *a, size_t n, size_t size);

/* A copy in the arena; NULL when the cap is hit (and for an empty slice a non-NULL
 * one). */
void *arena_copy(struct arena *a, const void *ptr, size_t size);

/* A point to go back to; everything allocated after it is released by arena_rewind. */
struct arena_mark {
    struct arena_chunk *head;
    uint8_t *next;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

/* Releases everything allocated; keeps the largest chunk for reuse. */
void arena_reset(struct arena *a);
void arena_fini(struct arena *a);

/* A growing byte buffer. Append functions never fail at once: when the maximum (or the
 * arena) is hit the buffer is marked failed and further appends do nothing; the caller
 * tests buf_ok once at the end. */
struct buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    size_t size_max;
    struct arena *arena; /* NULL: heap */
    bool failed;
};

void buf_init(struct buf *b, size_t size_max);                        /* heap */
void buf_init_arena(struct buf *b, struct arena *a, size_t size_max); /* in a */
void buf_fini(struct buf *b);  /* releases a heap buffer; harmless on an arena one */
void buf_reset(struct buf *b); /* empties, clears failed, keeps the memory */

/* Room for n more bytes at ptr + len, or NULL (and failed). len is not moved. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *ptr, size_t n);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_str(struct buf *b, const char *s);
void buf_put_slice(struct buf *b, slice s);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *fmt,
                                                      ...);

static inline bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

static inline slice buf_slice(const struct buf *b)
{
    return slice_of(b->ptr, b->len);
}

#endif
