/* Hashes of short inputs, remembered.
 *
 * Contracts hash the same few words again and again: the slot of a mapping when it is
 * read and when it is written (64 bytes), the address of a pair (85). A hash costs about
 * 240 ns, finding it here a tenth of that. One entry an index, the newest stays; a hash
 * is a pure function of its input, so what is remembered never changes a result. */
#include "metisvm_int.h"

#define MEMO_ENTRIES 128u
#define MEMO_MIN     32u
#define MEMO_MAX     96u

struct hash_memo {
    uint8_t len[MEMO_ENTRIES]; /* of the input; 0: none yet */
    struct {
        uint8_t in[MEMO_MAX];
        hash32 hash;
    } entry[MEMO_ENTRIES];
};

/* Which entry: any mix will do, a clash costs one hash. */
static unsigned index_of(const uint8_t *in, size_t len)
{
    const uint64_t odd = 0x9e3779b97f4a7c15;
    uint64_t mix = len, word;
    for (size_t i = 0; i + 8 <= len; i += 8) {
        memcpy(&word, in + i, 8);
        mix = (mix ^ word) * odd;
        mix ^= mix >> 32;
    }
    memcpy(&word, in + len - 8, 8);
    mix = (mix ^ word) * odd;
    return (unsigned)(mix >> 57);
}
_Static_assert(MEMO_ENTRIES == 128, "index_of gives seven bits");

hash32 hash_memo_keccak(struct vm_state *s, const uint8_t *in, size_t len)
{
    if (len < MEMO_MIN || len > MEMO_MAX)
        return keccak256(in, len);
    struct hash_memo *m = s->hashes;
    if (MT_UNLIKELY(m == NULL)) {
        m = s->hashes = arena_alloc(s->arena, sizeof *m);
        if (m == NULL)
            return keccak256(in, len);
        memset(m->len, 0, sizeof m->len);
    }
    unsigned i = index_of(in, len);
    if (m->len[i] != len || memcmp(m->entry[i].in, in, len) != 0) {
        m->len[i] = (uint8_t)len;
        memcpy(m->entry[i].in, in, len);
        m->entry[i].hash = keccak256(in, len);
    }
    return m->entry[i].hash;
}
