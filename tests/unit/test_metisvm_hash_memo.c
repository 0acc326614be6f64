/* Remembered hashes equal computed ones: of all lengths around the memo's bounds, inputs
 * that come again, that differ in one byte, and that push each other out. */
#include "metisvm_host.h"
#include "metisvm_int.h"

Test(hash_memo, equals_keccak)
{
    struct host h;
    uint8_t in[128] = {0};
    uint64_t random = 1;
    host_init(&h, FORK_OSAKA);
    for (unsigned i = 0; i < 50000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t len = (random >> 33) % 120;
        in[(random >> 40) % sizeof in] = (uint8_t)(random >> 62);
        hash32 got = hash_memo_keccak(h.state, in, len), want = keccak256(in, len);
        cr_assert(hash32_eq(&got, &want), "length %zu, step %u", len, i);
    }
    host_fini(&h);
}
