/* Randomness from the kernel. Never used where a consensus result depends on it. */
#include "crypto_int.h"

#include <errno.h>
#include <sys/random.h>

mt_err random_bytes(void *out, size_t len)
{
    uint8_t *p = out;
    while (len != 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return MT_EIO;
        p += n;
        len -= (size_t)n;
    }
    return MT_OK;
}
