/* The tables of methods and signatures name the same: every method says what it takes and
 * gives, so that docs/RPC.md and rpc.discover leave nothing out. */
#include "rpc_int.h"

#include <criterion/criterion.h>

Test(rpc_signatures, every_method_has_one)
{
    for (size_t i = 0; i < rpc_method_num; i++) {
        const char *params, *result;
        cr_assert(method_signature(&rpc_methods[i], &params, &result),
                  "%s has no row in signatures.def", rpc_methods[i].name);
    }
}
