/* metis-evm: what the runners of public test suites share — finding and reading files,
 * many at once; JSON values in the suites' spelling; a state in memory; counting and
 * reporting. Fixtures are input like any other: a malformed one is a failed case with a
 * reason. */
#ifndef METIS_EVM_FIXTURE_H
#define METIS_EVM_FIXTURE_H

#include "metis/mpef.h"

#include <jansson.h>
#include <regex.h>
#include <stdatomic.h>

/* ================= options and totals ================= */

struct suite {
    bool json;
    bool has_run;
    regex_t run; /* names that match are run */
    bool has_fork;
    char fork[32]; /* cases of this fork only */
    enum vm_engine engine;
    unsigned jobs;
    bool access_lists; /* --bal: the fixture's access lists are compared byte by byte */
    bool draft;        /* --draft-prices: Amsterdam at the prices of the public archive */
    /* --exclude: names of cases that must fail, sorted; text owns them. A case that
     * passes although it is in the list fails. */
    char *exclude_text;
    char **exclude;
    size_t exclude_num;
    const char *stubs[8]; /* --stub, blockexec */
    size_t stub_num;
    char **paths;
    size_t path_num;
    _Atomic uint64_t passed, failed, excluded;
};

/* Options that all suites take; argv[0] is the command. 0, or an exit status with the
 * reason on stderr. */
int suite_options(struct suite *s, int argc, char **argv);

/* Calls file(s, path, doc, report) for each .json file under the paths, s->jobs at once;
 * then the summary line. Returns the exit status: 0 only when something ran and nothing
 * failed. */
typedef void suite_file_fn(struct suite *s, const char *path, json_t *doc,
                           struct buf *report);
int suite_main(struct suite *s, suite_file_fn *file);

bool suite_wants(const struct suite *s, const char *name, const char *fork);

/* One finished case: counted, and written to the report (failures, or a JSON line). error
 * is empty for a passed case; root may be NULL. */
void suite_case(struct suite *s, struct buf *report, const char *name, const char *fork,
                const hash32 *root, const char *error);

/* ================= JSON values ================= */

/* Members of obj: hex ("0x0b", "0x" is zero) or decimal numbers,
 * also as JSON integers, bytes in the arena.
 * False when absent or malformed. */
bool fx_u256(const json_t *obj, const char *key, u256 *out);
bool fx_u64(const json_t *obj, const char *key, uint64_t *out);
bool fx_hash(const json_t *obj, const char *key, hash32 *out);
bool fx_address(const json_t *obj, const char *key, address *out);
bool fx_bytes(const json_t *obj, const char *key, struct arena *arena, slice *out);
const char *fx_str(const json_t *obj, const char *key); /* NULL when absent */

/* The spec of a network by its name: a fork ("Cancun"), or a transition with its place
 * ("BerlinToLondonAt5", "ShanghaiToCancunAtTime15k"). False for other names. */
bool fx_network(const char *network, uint64_t chain_id, struct chain_spec *out);

/* A whole file ("-": standard input) into out, up to its cap. MT_EIO or MT_ELIMIT. */
mt_err fx_read_file(const char *path, struct buf *out);
#define FX_FILE_SIZE_MAX ((size_t)256 << 20)
#define FX_DEPTH_MAX     64u /* of JSON */

/* The first member of a fixture's header that differs from h, NULL when all agree; its
 * hash must be there. */
const char *fx_header_difference(const json_t *want, const struct header *h,
                                 struct arena *arena);

/* A list of {address, storageKeys} into tx; absent is empty. */
bool fx_access_list(const json_t *list, struct arena *arena, struct tx *tx);

/* The blob schedule of a fixture's config, over that of spec. */
bool fx_blob_schedule(const json_t *config, struct chain_spec *spec);

/* A `blockAccessList` as RLP (EIP-7928), in the arena. */
bool fx_block_access_list(const json_t *list, struct arena *arena, slice *out);

/* ================= a state in memory ================= */

/* An ordered, full state as a reader. Values live in the arena. */
struct mem_state {
    struct state_delta full;
    struct map codes; /* code hash -> slice */
    mt_err (*block_hash)(void *ctx, uint64_t number, hash32 *out);
    void *block_hash_ctx;
};

/* From a "pre" object. MT_EDECODE names the account. */
mt_err mem_state_parse(const json_t *pre, struct arena *arena, struct mem_state *out,
                       struct mt_diag *diag);
/* The state after a delta. */
mt_err mem_state_next(const struct mem_state *s, const struct state_delta *delta,
                      struct arena *arena, struct mem_state *out);
struct vm_reader mem_state_reader(struct mem_state *s);
mt_err mem_state_root(const struct mem_state *s, struct arena *scratch, hash32 *out);

/* Before Byzantium: the state as it is after each transaction of a block, and its root,
 * as block_exec_in.root wants it. */
struct mem_roots {
    struct mem_state now;
    struct arena *arena;
};
mt_err mem_root_after(void *ctx, const struct state_delta *delta, hash32 *out);

#endif
