/* Heap memory for small things made at start. Running out there leaves nothing sensible
 * to do, so it ends the program; memory whose size an input chooses comes from arenas and
 * buffers, which fail instead. */
#include "metis/base/mem.h"

#include <stdlib.h>

static void *or_die(void *p)
{
    if (p == NULL)
        mt_assert_fail("memory", __FILE_NAME__, __LINE__);
    return p;
}

void *mt_alloc(size_t size)
{
    return or_die(calloc(1, size != 0 ? size : 1));
}

void *mt_realloc(void *ptr, size_t size)
{
    return or_die(realloc(ptr, size != 0 ? size : 1));
}

char *mt_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(mt_alloc(n), s, n);
}

void mt_free(void *ptr)
{
    free(ptr);
}
