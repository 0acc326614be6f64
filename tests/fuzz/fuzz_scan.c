/* The scanner of requests against jansson. */
#include "fuzz.h"
#include "rpc/rpc_int.h"

#include "scan_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool taken;
    const char *why = scan_differs(slice_of(data, size), &taken);
    MT_ASSERT(why == NULL);
    return 0;
}
