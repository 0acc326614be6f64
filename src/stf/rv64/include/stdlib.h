/* The stdlib.h of the freestanding build: names that third-party headers mention in
 * functions the core never calls. They have no definition, so a call would not link. */
#ifndef METIS_RV64_INCLUDE_STDLIB_H
#define METIS_RV64_INCLUDE_STDLIB_H

#include <stddef.h>

void *malloc(size_t size);
void free(void *ptr);
_Noreturn void abort(void);

#endif
