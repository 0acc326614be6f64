/* Genesis files: any text is refused with a reason or gives the same network twice. */
#include "fuzz.h"
#include "metis/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct genesis g, again;
    struct mt_diag diag = {0};
    if (crypto_init() != MT_OK)
        return 0;
    arena_init(&a, 256 * size + (1u << 20));
    if (genesis_parse(slice_of(data, size), &a, &g, &diag) != MT_OK) {
        MT_ASSERT(diag.text[0] != 0);
    } else {
        hash32 hash = header_hash(&g.header);
        MT_ASSERT(hash32_eq(&hash, &g.hash));
        MT_ASSERT(slice_eq(g.json, slice_of(data, size)));
        for (size_t i = 1; i < g.alloc.account_num; i++)
            MT_ASSERT(address_cmp(&g.alloc.accounts[i - 1].addr,
                                  &g.alloc.accounts[i].addr) < 0);
        if (genesis_parse(g.json, &a, &again, NULL) == MT_OK)
            MT_ASSERT(hash32_eq(&g.spec_hash, &again.spec_hash));
    }
    arena_fini(&a);
    return 0;
}
