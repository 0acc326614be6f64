/* metis-evm difficultytest: difficulty of proof-of-work blocks, the DifficultyTests of
 * the public suites.
 *
 * The present form is {name: {fork: {case: {...}}}}; an old one is {case: {...}}, where
 * only the file's name says the network ("difficultyRopsten.json"). A parent with ommers
 * is told by parentUncles: 0 or 1, or the hash of the parent's ommers. */
#include "evm.h"
#include "evm_fixture.h"
#include "metis/chain.h"

#define NAME_MAX_LEN 64

/* Ropsten, whose old cases are still in the suites. */
static struct chain_spec ropsten(void)
{
    struct chain_spec spec;
    chain_spec_for_fork(FORK_SPURIOUS, 3, &spec);
    spec.fork_at[FORK_DAO] = FORK_NEVER;
    spec.fork_at[FORK_SPURIOUS] = 10;
    spec.fork_at[FORK_BYZANTIUM] = 1700000;
    spec.fork_at[FORK_CONSTANTINOPLE] = 4230000;
    spec.fork_at[FORK_PETERSBURG] = 4939394;
    spec.fork_at[FORK_ISTANBUL] = 6485846;
    spec.fork_at[FORK_MUIR_GLACIER] = 7117117;
    spec.fork_at[FORK_BERLIN] = 9812189;
    spec.fork_at[FORK_LONDON] = 10499401;
    return spec;
}

/* Mainnet as far as it was known when the old cases were written. */
static struct chain_spec old_mainnet(void)
{
    struct chain_spec spec;
    chain_spec_for_fork(FORK_BYZANTIUM, 1, &spec);
    spec.fork_at[FORK_HOMESTEAD] = 1150000;
    spec.fork_at[FORK_DAO] = 1920000;
    spec.fork_at[FORK_TANGERINE] = 2463000;
    spec.fork_at[FORK_SPURIOUS] = 2675000;
    spec.fork_at[FORK_BYZANTIUM] = 4370000;
    return spec;
}

/* Ommers are told by a number, or by a hash that is not the empty list's; not at all
 * where the rule does not look at them. */
static bool has_ommers(const json_t *test, bool *out)
{
    u256 v;
    *out = false;
    if (json_object_get(test, "parentUncles") == NULL)
        return true;
    if (!fx_u256(test, "parentUncles", &v))
        return false;
    *out = !u256_is_zero(v) && !u256_eq(v, u256_from_hash(&KECCAK_RLP_EMPTY_LIST));
    return true;
}

static void run_case(struct suite *s, const struct chain_spec *spec, const char *name,
                     const char *network, const json_t *test, struct buf *report)
{
    char error[256] = "";
    struct header parent = {0};
    uint64_t number, timestamp;
    u256 want;
    bool ommers;
    if (!suite_wants(s, name, network))
        return;
    if (!fx_u64(test, "currentBlockNumber", &number) ||
        !fx_u64(test, "currentTimestamp", &timestamp) ||
        !fx_u256(test, "currentDifficulty", &want) ||
        !fx_u64(test, "parentTimestamp", &parent.timestamp) ||
        !fx_u256(test, "parentDifficulty", &parent.difficulty) ||
        !has_ommers(test, &ommers)) {
        suite_case(s, report, name, network, NULL, "malformed case");
        return;
    }
    struct rules rules = chain_rules(spec, number, timestamp, false);
    u256 got = chain_difficulty(&rules, number, timestamp, &parent, ommers);
    if (!u256_eq(got, want))
        mt_fmt(error, sizeof error, "difficulty %s, should be %s", u256_hex(got).s,
               u256_hex(want).s);
    suite_case(s, report, name, network, NULL, error);
}

static void run_cases(struct suite *s, const struct chain_spec *spec, const char *network,
                      json_t *cases, struct buf *report)
{
    const char *name;
    json_t *test;
    json_object_foreach(cases, name, test)
    {
        if (strcmp(name, "_info") != 0)
            run_case(s, spec, name, network, test, report);
    }
}

/* The network that an old file's name ends with: "difficultyCustomHomestead.json". */
static bool network_of_file(const char *path, char network[NAME_MAX_LEN],
                            struct chain_spec *spec)
{
    static const char prefix[] = "difficulty";
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    name += sizeof prefix - 1;
    if (strncmp(name, "Custom", 6) == 0)
        name += 6;
    mt_fmt(network, NAME_MAX_LEN, "%.*s", (int)strcspn(name, "."), name);
    *spec = strcmp(network, "Ropsten") == 0 ? ropsten() : old_mainnet();
    return strcmp(network, "Ropsten") == 0 || strcmp(network, "MainNetwork") == 0 ||
           fx_network(network, 1, spec);
}

static void run_forks(struct suite *s, const char *name, json_t *forks,
                      struct buf *report)
{
    const char *network;
    json_t *cases;
    json_object_foreach(forks, network, cases)
    {
        struct chain_spec spec;
        if (strcmp(network, "_info") == 0)
            continue;
        if (fx_network(network, 1, &spec))
            run_cases(s, &spec, network, cases, report);
        else
            suite_case(s, report, name, network, NULL, "unknown network");
    }
}

static void run_file(struct suite *s, const char *path, json_t *doc, struct buf *report)
{
    char network[NAME_MAX_LEN];
    struct chain_spec spec;
    const char *name;
    json_t *test;
    json_t *first = json_object_iter_value(json_object_iter(doc));
    if (json_object_get(first, "parentDifficulty") != NULL) {
        if (network_of_file(path, network, &spec))
            run_cases(s, &spec, network, doc, report);
        else
            suite_case(s, report, path, "", NULL, "no network in the file's name");
        return;
    }
    json_object_foreach(doc, name, test)
    {
        if (json_is_object(test))
            run_forks(s, name, test, report);
        else
            suite_case(s, report, name, "", NULL, "malformed test");
    }
}

int evm_difficultytest_main(int argc, char **argv)
{
    struct suite s;
    int status = suite_options(&s, argc, argv);
    return status != 0 ? status : suite_main(&s, run_file);
}
