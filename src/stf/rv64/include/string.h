/* The string.h of the freestanding build: what string.c beside it defines. */
#ifndef METIS_RV64_INCLUDE_STRING_H
#define METIS_RV64_INCLUDE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

#endif
