/* Bump memory over an arena, reusable as a whole.
 *
 * An arena shared with others cannot be rewound for one of its users; a pool takes blocks
 * from it and keeps them, so the tables of a state live through thousands of transactions
 * in the memory of the largest. Blocks double from 4 KiB to 1 MiB. */
#include "metisvm_int.h"

#define BLOCK_MIN 4096u
#define BLOCK_MAX (1024u * 1024u)

struct pool_block {
    struct pool_block *next;
    size_t size; /* of the bytes after this header */
};

void pool_init(struct pool *p, struct arena *arena)
{
    *p = (struct pool){.arena = arena};
}

static void use_block(struct pool *p, struct pool_block *b)
{
    p->current = b;
    p->next = (uint8_t *)(b + 1);
    p->end = p->next + b->size;
}

static bool next_block(struct pool *p, size_t need)
{
    size_t size = BLOCK_MIN;
    while (p->current != NULL) {
        if (p->current->next == NULL) {
            size = MT_MIN(2 * p->current->size, BLOCK_MAX);
            break;
        }
        use_block(p, p->current->next);
        if (p->current->size >= need)
            return true;
    }
    size = MT_MAX(size, need);
    struct pool_block *b = arena_alloc(p->arena, sizeof *b + size);
    if (b == NULL)
        return false;
    b->next = NULL;
    b->size = size;
    if (p->current == NULL)
        p->first = b;
    else
        p->current->next = b;
    use_block(p, b);
    return true;
}

void *pool_alloc(struct pool *p, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + 15) & ~(size_t)15;
    if (size > (size_t)(p->end - p->next) && !next_block(p, size))
        return NULL;
    void *at = p->next;
    p->next += size;
    return at;
}

void *pool_copy(struct pool *p, const void *ptr, size_t size)
{
    void *at = pool_alloc(p, size);
    if (at != NULL && size != 0)
        memcpy(at, ptr, size);
    return at;
}

void pool_reset(struct pool *p)
{
    if (p->first != NULL)
        use_block(p, p->first);
}
