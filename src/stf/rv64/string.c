/* The memory functions the compiler and the core call; there is no library under them.
 * Words at a time where both sides are aligned. */
#include <string.h>

#include <stdint.h>

typedef uint64_t __attribute__((may_alias)) word;

#define WORD_MASK (sizeof(word) - 1)

static int aligned(const void *a, const void *b)
{
    return (((uintptr_t)a | (uintptr_t)b) & WORD_MASK) == 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((((uintptr_t)t ^ (uintptr_t)f) & WORD_MASK) == 0) {
        for (; n > 0 && ((uintptr_t)t & WORD_MASK) != 0; n--)
            *t++ = *f++;
        for (; n >= sizeof(word); n -= sizeof(word)) {
            *(word *)(void *)t = *(const word *)(const void *)f;
            t += sizeof(word);
            f += sizeof(word);
        }
    }
    while (n-- > 0)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t - (uintptr_t)f >= n)
        return memcpy(to, from, n);
    if (aligned(t + n, f + n)) {
        for (; n >= sizeof(word); n -= sizeof(word))
            *(word *)(void *)(t + n - sizeof(word)) =
                *(const word *)(const void *)(f + n - sizeof(word));
    }
    while (n-- > 0)
        t[n] = f[n];
    return to;
}

void *memset(void *to, int c, size_t n)
{
    uint8_t *t = to;
    word all = (uint8_t)c * (word)0x0101010101010101;
    for (; n > 0 && ((uintptr_t)t & WORD_MASK) != 0; n--)
        *t++ = (uint8_t)c;
    for (; n >= sizeof(word); n -= sizeof(word)) {
        *(word *)(void *)t = all;
        t += sizeof(word);
    }
    while (n-- > 0)
        *t++ = (uint8_t)c;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    if (aligned(x, y)) {
        while (n >= sizeof(word) &&
               *(const word *)(const void *)x == *(const word *)(const void *)y) {
            x += sizeof(word);
            y += sizeof(word);
            n -= sizeof(word);
        }
    }
    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n] != 0)
        n++;
    return n;
}
