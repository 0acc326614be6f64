/* The stdio.h of the freestanding build: empty but for a name that third-party macros
 * mention. */
#ifndef METIS_RV64_INCLUDE_STDIO_H
#define METIS_RV64_INCLUDE_STDIO_H

typedef struct file FILE;
extern FILE *stderr;
int fprintf(FILE *file, const char *fmt, ...);

#endif
