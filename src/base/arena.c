/* Arenas: a list of chunks, newest first; allocation moves a pointer.
 *
 *   head -> [header | used ......|next   free   |end] -> older chunk -> ...
 *
 * Chunks double from 1 KiB to 1 MiB, so a small job costs one small allocation and a
 * large one few large ones; a request that exceeds the step gets a chunk of its own size.
 * A fixed arena has one chunk inside the caller's memory and never grows. */
#include "metis/base/mem.h"
#include "base_int.h"

#define CHUNK_MIN 1024u
#define CHUNK_MAX (1024u * 1024u)

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* with this header */
};

#define HEADER ((sizeof(struct arena_chunk) + 15) & ~(size_t)15)

static void use_chunk(struct arena *a, struct arena_chunk *c)
{
    a->head = c;
    a->next = (uint8_t *)c + HEADER;
    a->end = (uint8_t *)c + c->size;
}

void arena_init(struct arena *a, size_t size_max)
{
    *a = (struct arena){.size_max = size_max};
}

void arena_init_fixed(struct arena *a, void *mem, size_t size)
{
    *a = (struct arena){.size = size, .size_max = size, .fixed = true};
    uintptr_t start = ((uintptr_t)mem + 15) & ~(uintptr_t)15;
    size_t lost = (size_t)(start - (uintptr_t)mem);
    if (size < lost + HEADER)
        return; /* too small for anything: every allocation fails */
    struct arena_chunk *c = (struct arena_chunk *)start;
    c->older = NULL;
    c->size = size - lost;
    use_chunk(a, c);
}

static bool grow(struct arena *a, size_t need)
{
    if (a->fixed || a->size >= a->size_max)
        return false;
    size_t room = a->size_max - a->size;
    if (need > room - MT_MIN(room, HEADER))
        return false;
    size_t size = a->head == NULL ? CHUNK_MIN : 2 * a->head->size;
    size = MT_MAX(MT_MIN(size, CHUNK_MAX), need + HEADER);
    size = MT_MIN(size, room);
    struct arena_chunk *c = base_heap_get(size);
    if (c == NULL)
        return false;
    c->older = a->head;
    c->size = size;
    a->size += size;
    use_chunk(a, c);
    return true;
}

static void *take(struct arena *a, size_t size, size_t align)
{
    if (a->head == NULL)
        return NULL;
    uintptr_t at = ((uintptr_t)a->next + align - 1) & ~(uintptr_t)(align - 1);
    uintptr_t end = (uintptr_t)a->end;
    if (at > end || size > end - at)
        return NULL;
    uint8_t *p = a->next + (at - (uintptr_t)a->next);
    a->next = p + size;
    return p;
}

void *arena_alloc_aligned(struct arena *a, size_t size, size_t align)
{
    void *p = take(a, size, align);
    if (MT_LIKELY(p != NULL))
        return p;
    if (size > SIZE_MAX - align || !grow(a, size + align))
        return NULL;
    return take(a, size, align);
}

void *arena_zalloc(struct arena *a, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    void *p = arena_alloc(a, total);
    if (p != NULL)
        memset(p, 0, total);
    return p;
}

void *arena_copy(struct arena *a, const void *ptr, size_t size)
{
    void *p = arena_alloc(a, size);
    if (p != NULL && size != 0)
        memcpy(p, ptr, size);
    return p;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->head, a->next};
}

static void drop_head(struct arena *a)
{
    struct arena_chunk *c = a->head;
    a->head = c->older;
    a->size -= c->size;
    base_heap_put(c);
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
    if (mark.head == NULL) {
        arena_reset(a); /* the mark was taken before the first chunk */
        return;
    }
    while (a->head != mark.head)
        drop_head(a);
    use_chunk(a, a->head);
    a->next = mark.next;
}

void arena_reset(struct arena *a)
{
    if (a->head == NULL)
        return;
    if (!a->fixed) {
        struct arena_chunk *largest = a->head, *older;
        for (struct arena_chunk *c = a->head; c != NULL; c = c->older) {
            if (c->size > largest->size)
                largest = c;
        }
        for (struct arena_chunk *c = a->head; c != NULL; c = older) {
            older = c->older;
            if (c != largest)
                base_heap_put(c);
        }
        largest->older = NULL;
        a->head = largest;
        a->size = largest->size;
    }
    use_chunk(a, a->head);
}

void arena_fini(struct arena *a)
{
    while (!a->fixed && a->head != NULL)
        drop_head(a);
    *a = (struct arena){0};
}
