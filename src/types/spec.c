/* Which rules hold when: fork names, the fork of a block, the blob schedule, and specs
 * for tools and tests. The fork of a block is the last one in the table that is active
 * there; a network may leave forks out. */
#include "metis/types.h"

static const char *const fork_names[FORK_COUNT] = {
#define FORK_NAME(id, name, key, by) [FORK_##id] = name,
    MT_FORKS(FORK_NAME)
#undef FORK_NAME
};

enum activation { BY_B, BY_T };

static const enum activation fork_by[FORK_COUNT] = {
#define FORK_BY(id, name, key, by) [FORK_##id] = BY_##by,
    MT_FORKS(FORK_BY)
#undef FORK_BY
};

const char *fork_name(enum fork f)
{
    return (unsigned)f < FORK_COUNT ? fork_names[f] : "unknown";
}

static bool same_text(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

mt_err fork_parse(const char *name, enum fork *out)
{
    if (same_text(name, "Merge"))
        name = fork_names[FORK_PARIS];
    for (unsigned f = 0; f < FORK_COUNT; f++) {
        if (same_text(name, fork_names[f])) {
            *out = (enum fork)f;
            return MT_OK;
        }
    }
    return MT_ENOTFOUND;
}

/* Forks by time come after the merge and need it. */
static bool is_active(const struct chain_spec *spec, enum fork f, uint64_t number,
                      uint64_t timestamp, bool merged)
{
    if (fork_by[f] == BY_T)
        return merged && spec->fork_at[f] != FORK_NEVER && timestamp >= spec->fork_at[f];
    if (f == FORK_PARIS)
        return merged;
    return spec->fork_at[f] != FORK_NEVER && number >= spec->fork_at[f];
}

struct rules chain_rules(const struct chain_spec *spec, uint64_t number,
                         uint64_t timestamp, bool after_merge)
{
    struct rules r = {.spec = spec, .fork = FORK_FRONTIER};
    uint64_t blobs_since = 0, paris = spec->fork_at[FORK_PARIS];
    bool merged =
        (paris != FORK_NEVER && number >= paris) || (spec->merge_by_ttd && after_merge);
    for (unsigned i = 0; i < FORK_COUNT; i++) {
        enum fork f = (enum fork)i;
        if (!is_active(spec, f, number, timestamp, merged))
            continue;
        r.fork = f;
        /* The schedule that was activated last counts, also where a network gives a
         * blob-parameter fork a later time than a fork that follows it in the table. */
        bool has_entry = i >= FORK_CANCUN && spec->blobs[i].base_fee_update_fraction != 0;
        if (has_entry && spec->fork_at[i] >= blobs_since) {
            blobs_since = spec->fork_at[i];
            r.blobs = spec->blobs[i];
        }
    }
    r.push0 = spec->push0 || r.fork >= FORK_SHANGHAI;
    return r;
}

void chain_spec_for_fork(enum fork f, uint64_t chain_id, struct chain_spec *out)
{
    static const struct chain_spec plain = {
        .name = "fork",
        .dao_support = false,
        .blobs =
            {
                [FORK_CANCUN] = {3, 6, 3338477},
                [FORK_PRAGUE] = {6, 9, 5007716},
                [FORK_OSAKA] = {6, 9, 5007716},
                [FORK_BPO1] = {10, 15, 8346193},
                [FORK_BPO2] = {14, 21, 11684671},
                [FORK_BPO3] = {21, 32, 20609697},
                [FORK_BPO4] = {14, 21, 13739630},
                [FORK_AMSTERDAM] = {14, 21, 11684671},
            },
        .deposit_contract = {{0x00, 0x00, 0x00, 0x00, 0x21, 0x9a, 0xb5,
                              0x40, 0x35, 0x6c, 0xbb, 0x83, 0x9c, 0xbe,
                              0x05, 0x30, 0x3d, 0x77, 0x05, 0xfa}},
    };
    *out = plain;
    out->chain_id = chain_id;
    for (unsigned i = 0; i < FORK_COUNT; i++)
        out->fork_at[i] = i <= (unsigned)f ? 0 : FORK_NEVER;
    if (f != FORK_DAO)
        out->fork_at[FORK_DAO] = FORK_NEVER;
}
