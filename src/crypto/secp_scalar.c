/* The range of secp256k1 scalars. Apart from the library's functions: the provable
 * core asks for it too. */
#include "crypto_int.h"

/* n and n/2 (SEC 2, section 2.4.1). */
static const u256 order = {
    {0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff}};
static const u256 order_half = {
    {0xdfe92f46681b20a0, 0x5d576e7357a4501d, 0xffffffffffffffff, 0x7fffffffffffffff}};

bool secp_scalar_valid(const hash32 *v)
{
    u256 x = u256_from_hash(v);
    return !u256_is_zero(x) && u256_lt(x, order);
}

bool secp_scalar_is_low(const hash32 *v)
{
    return !u256_lt(order_half, u256_from_hash(v));
}
