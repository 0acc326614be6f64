/* What a fuzz target is: one function over one input, which aborts when a property fails. */
#ifndef METIS_TESTS_FUZZ_H
#define METIS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0. Called many times in one process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
