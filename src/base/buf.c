/* Growing byte buffers. Growth doubles, up to the cap. In an arena the old bytes stay
 * where they are until the arena is reset, so an arena buffer costs at most twice its
 * final size; the last allocation of the arena is extended in place. */
#include "metis/base/mem.h"
#include "base_int.h"

#define CAP_MIN 64u

void buf_init(struct buf *b, size_t size_max)
{
    *b = (struct buf){.size_max = size_max};
}

void buf_init_arena(struct buf *b, struct arena *a, size_t size_max)
{
    *b = (struct buf){.size_max = size_max, .arena = a};
}

void buf_fini(struct buf *b)
{
    if (b->arena == NULL)
        base_heap_put(b->ptr);
    *b = (struct buf){.size_max = b->size_max, .arena = b->arena};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

static bool grow_in_arena(struct buf *b, size_t cap)
{
    struct arena *a = b->arena;
    if (b->ptr != NULL && a->next == b->ptr + b->cap &&
        cap - b->cap <= (size_t)(a->end - a->next)) {
        a->next += cap - b->cap;
        return true;
    }
    uint8_t *p = arena_alloc(a, cap);
    if (p == NULL)
        return false;
    if (b->len != 0)
        memcpy(p, b->ptr, b->len);
    b->ptr = p;
    return true;
}

static bool grow(struct buf *b, size_t need)
{
    if (need > b->size_max)
        return false;
    size_t cap = b->cap > b->size_max / 2 ? b->size_max : 2 * b->cap;
    cap = MT_MIN(MT_MAX(MT_MAX(cap, need), CAP_MIN), b->size_max);
    if (b->arena != NULL) {
        if (!grow_in_arena(b, cap))
            return false;
    } else {
        uint8_t *p = base_heap_resize(b->ptr, cap);
        if (p == NULL)
            return false;
        b->ptr = p;
    }
    b->cap = cap;
    return true;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    if (MT_UNLIKELY(b->failed))
        return NULL;
    if (MT_UNLIKELY(n > b->cap - b->len || b->ptr == NULL) &&
        (n > SIZE_MAX - b->len || !grow(b, b->len + n))) {
        b->failed = true;
        return NULL;
    }
    return b->ptr + b->len;
}

void buf_put(struct buf *b, const void *ptr, size_t n)
{
    if (n == 0)
        return;
    uint8_t *p = buf_reserve(b, n);
    if (p == NULL)
        return;
    memcpy(p, ptr, n);
    b->len += n;
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    uint8_t *p = buf_reserve(b, 1);
    if (p == NULL)
        return;
    *p = v;
    b->len++;
}

void buf_put_str(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_put_slice(struct buf *b, slice s)
{
    buf_put(b, s.ptr, s.len);
}

/* The formatter truncates silently, so a result that fills the space is tried again in a
 * larger one until it fits with room to spare. */
void buf_printf(struct buf *b, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    size_t n = mt_vfmt(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n + 1 < sizeof text) {
        buf_put(b, text, n);
        return;
    }
    for (size_t room = 2 * sizeof text;; room *= 2) {
        char *p = (char *)buf_reserve(b, room);
        if (p == NULL)
            return;
        va_start(ap, fmt);
        n = mt_vfmt(p, room, fmt, ap);
        va_end(ap);
        if (n + 1 < room) {
            b->len += n;
            return;
        }
    }
}
