/* Fixture files, options and reports of metis-evm's suites. */
#include "evm_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE_MAX   FX_FILE_SIZE_MAX
#define REPORT_SIZE_MAX ((size_t)64 << 20)
#define FILES_MAX       1000000u

/* ================= options ================= */

static mt_err read_stream(FILE *in, struct buf *out)
{
    size_t n = 1;
    while (n > 0) {
        uint8_t *room = buf_reserve(out, 1u << 16);
        if (room == NULL)
            break;
        n = fread(room, 1, 1u << 16, in);
        out->len += n;
    }
    return ferror(in) != 0 ? MT_EIO : buf_ok(out) ? MT_OK : MT_ELIMIT;
}

mt_err fx_read_file(const char *path, struct buf *out)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (in == NULL)
        return MT_EIO;
    mt_err err = read_stream(in, out);
    if (in != stdin)
        fclose(in);
    return err;
}

static int usage(const char *command, const char *problem)
{
    fprintf(stderr,
            "metis-evm %s: %s\nusage: metis-evm %s [--json] [--run REGEX] [--fork NAME] "
            "[--engine E] [--jobs N] [--exclude FILE] [--bal] [--draft-prices] PATH...\n",
            command, problem, command);
    return 2;
}

static bool parse_jobs(const char *text, unsigned *out)
{
    u256 v;
    if (u256_parse(text, strlen(text), &v) != MT_OK || !u256_is_u64(v) || v.w[0] == 0 ||
        v.w[0] > 256)
        return false;
    *out = (unsigned)v.w[0];
    return true;
}

static int cmp_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One case a line, a tab and the reason behind it; lines that begin with # are
 * comments. */
static const char *load_excluded(struct suite *s, const char *path)
{
    struct buf b;
    buf_init(&b, FILE_SIZE_MAX);
    if (s->exclude_text != NULL || fx_read_file(path, &b) != MT_OK) {
        buf_fini(&b);
        return "--exclude wants one file that can be read";
    }
    char *text = mt_alloc(b.len + 1);
    memcpy(text, b.ptr, b.len);
    s->exclude = mt_alloc((b.len / 2 + 1) * sizeof *s->exclude);
    s->exclude_text = text;
    buf_fini(&b);
    for (char *line = text, *next; *line != 0; line = next) {
        size_t len = strcspn(line, "\n");
        next = line + len + (line[len] == '\n');
        line[len] = 0;
        line[strcspn(line, "\t")] = 0;
        if (line[0] != 0 && line[0] != '#')
            s->exclude[s->exclude_num++] = line;
    }
    if (s->exclude_num > 1)
        qsort(s->exclude, s->exclude_num, sizeof *s->exclude, cmp_names);
    return NULL;
}

static bool is_excluded(const struct suite *s, const char *name)
{
    return s->exclude_num > 0 && bsearch(&name, s->exclude, s->exclude_num,
                                         sizeof *s->exclude, cmp_names) != NULL;
}

/* One option without a value; false when it is none. */
static bool take_flag(struct suite *s, const char *name)
{
    bool *flag = strcmp(name, "--json") == 0           ? &s->json
                 : strcmp(name, "--bal") == 0          ? &s->access_lists
                 : strcmp(name, "--draft-prices") == 0 ? &s->draft
                                                       : NULL;
    if (flag != NULL)
        *flag = true;
    return flag != NULL;
}

/* One option with its value; NULL when it is well, else the problem. */
static const char *take_option(struct suite *s, const char *name, const char *value)
{
    enum fork fork;
    if (strcmp(name, "--run") == 0) {
        if (s->has_run || regcomp(&s->run, value, REG_EXTENDED | REG_NOSUB) != 0)
            return "--run wants one regular expression";
        s->has_run = true;
    } else if (strcmp(name, "--fork") == 0) {
        /* transitions ("ShanghaiToCancunAtTime15k") are names of their own */
        if (fork_parse(value, &fork) != MT_OK && strstr(value, "To") == NULL)
            return "--fork: unknown fork";
        s->has_fork = true;
        mt_fmt(s->fork, sizeof s->fork, "%s", value);
    } else if (strcmp(name, "--engine") == 0) {
        if (vm_engine_parse(value, &s->engine) != MT_OK)
            return "--engine: this build has no such engine";
    } else if (strcmp(name, "--jobs") == 0) {
        if (!parse_jobs(value, &s->jobs))
            return "--jobs wants a number from 1 to 256";
    } else if (strcmp(name, "--stub") == 0) {
        if (s->stub_num == MT_ARRAY_LEN(s->stubs))
            return "--stub: too many";
        s->stubs[s->stub_num++] = value;
    } else if (strcmp(name, "--exclude") == 0) {
        return load_excluded(s, value);
    } else {
        return "unknown option";
    }
    return NULL;
}

int suite_options(struct suite *s, int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *s = (struct suite){.jobs = cores < 1 ? 1 : (unsigned)MT_MIN(cores, 256)};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (take_flag(s, argv[i]))
            continue;
        if (i + 1 >= argc)
            return usage(argv[0], "option without a value, or unknown");
        const char *problem = take_option(s, argv[i], argv[i + 1]);
        if (problem != NULL)
            return usage(argv[0], problem);
        i++;
    }
    s->paths = argv + i;
    s->path_num = (size_t)(argc - i);
    return s->path_num == 0 ? usage(argv[0], "no path") : 0;
}

bool suite_wants(const struct suite *s, const char *name, const char *fork)
{
    if (s->has_fork && strcmp(s->fork, fork) != 0)
        return false;
    return !s->has_run || regexec(&s->run, name, 0, NULL, 0) == 0;
}

/* ================= files ================= */

struct files {
    char **paths;
    size_t num, cap;
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static void add_file(struct files *f, const char *path)
{
    if (f->num == f->cap) {
        f->cap = MT_MAX(2 * f->cap, 64);
        f->paths = mt_realloc(f->paths, f->cap * sizeof *f->paths);
    }
    f->paths[f->num++] = mt_strdup(path);
}

static int cmp_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void drop_files(struct files *f)
{
    for (size_t i = 0; i < f->num; i++)
        mt_free(f->paths[i]);
    mt_free(f->paths);
}

/* The entries of a folder that are folders or .json files, sorted. */
static mt_err list_folder(const char *path, struct files *out)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return MT_EIO;
    for (const struct dirent *e; (e = readdir(dir)) != NULL && out->num < FILES_MAX;) {
        char child[4096];
        struct stat st;
        size_t len = mt_fmt(child, sizeof child, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.' && len + 1 < sizeof child && stat(child, &st) == 0 &&
            (S_ISDIR(st.st_mode) || ends_with(child, ".json")))
            add_file(out, child);
    }
    closedir(dir);
    if (out->num > 1)
        qsort(out->paths, out->num, sizeof *out->paths, cmp_paths);
    return MT_OK;
}

static mt_err find_files(struct files *f, const char *path, unsigned depth)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return MT_EIO;
    if (!S_ISDIR(st.st_mode)) {
        add_file(f, path);
        return MT_OK;
    }
    if (depth >= FX_DEPTH_MAX)
        return MT_ELIMIT;
    struct files children = {0};
    mt_err err = list_folder(path, &children);
    for (size_t i = 0; i < children.num && err == MT_OK; i++)
        err = find_files(f, children.paths[i], depth + 1);
    drop_files(&children);
    return err;
}

struct suite_run {
    struct suite *suite;
    struct files files;
    suite_file_fn *file;
};

static void run_file(void *ctx, size_t i)
{
    struct suite_run *r = ctx;
    const char *path = r->files.paths[i];
    struct mt_diag diag = {0};
    struct buf text, report;
    json_t *doc = NULL;
    buf_init(&text, FILE_SIZE_MAX);
    buf_init(&report, REPORT_SIZE_MAX);
    mt_err err = fx_read_file(path, &text);
    if (err == MT_OK)
        err = json_parse_nul(buf_slice(&text), FILE_SIZE_MAX, FX_DEPTH_MAX, &doc, &diag);
    if (err == MT_OK && !json_is_object(doc))
        err = mt_fail(&diag, MT_EDECODE, "not a JSON object");
    if (err != MT_OK)
        suite_case(r->suite, &report, path, "", NULL, log_err_text(err, &diag));
    else
        r->file(r->suite, path, doc, &report);
    json_free(doc);
    if (report.len > 0)
        fwrite(report.ptr, 1, report.len,
               stdout); /* one call: lines of a file stay whole */
    buf_fini(&text);
    buf_fini(&report);
}

int suite_main(struct suite *s, suite_file_fn *file)
{
    struct suite_run r = {.suite = s, .file = file};
    for (size_t i = 0; i < s->path_num; i++) {
        if (find_files(&r.files, s->paths[i], 0) != MT_OK) {
            fprintf(stderr, "metis-evm: %s: cannot be read\n", s->paths[i]);
            s->failed++;
        }
    }
    struct workers *w = s->jobs > 1 ? workers_new("suite", s->jobs - 1, 64) : NULL;
    workers_for(w, r.files.num, 1, run_file, &r);
    if (w != NULL)
        workers_free(w);
    drop_files(&r.files);
    if (s->has_run)
        regfree(&s->run);
    mt_free(s->exclude);
    mt_free(s->exclude_text);
    printf("%llu passed, %llu failed", (unsigned long long)s->passed,
           (unsigned long long)s->failed);
    if (s->excluded > 0)
        printf(", %llu excluded", (unsigned long long)s->excluded);
    printf("\n");
    fflush(stdout);
    if (s->passed == 0 && s->failed == 0)
        fprintf(stderr, "metis-evm: no case was run\n");
    return s->passed > 0 && s->failed == 0 ? 0 : 1;
}

void suite_case(struct suite *s, struct buf *report, const char *name, const char *fork,
                const hash32 *root, const char *error)
{
    bool pass = error[0] == 0;
    if (is_excluded(s, name)) {
        if (!pass) {
            s->excluded++;
            return;
        }
        pass = false;
        error = "passes, but is in the list of the excluded";
    }
    if (pass)
        s->passed++;
    else
        s->failed++;
    if (s->json) {
        struct json_out j = json_out(report);
        json_obj(&j);
        json_kv_str(&j, "name", name);
        json_kv_str(&j, "fork", fork);
        json_kv_bool(&j, "pass", pass);
        json_key(&j, "stateRoot");
        if (root != NULL)
            json_hash(&j, root);
        else
            json_nil(&j);
        json_kv_str(&j, "error", error);
        json_obj_end(&j);
        buf_put_u8(report, '\n');
    } else if (!pass) {
        buf_printf(report, "FAIL %s [%s]: %s\n", name, fork, error);
    }
}

/* ================= JSON values ================= */

const char *fx_str(const json_t *obj, const char *key)
{
    return json_string_value(json_object_get(obj, key));
}

bool fx_u256(const json_t *obj, const char *key, u256 *out)
{
    const json_t *value = json_object_get(obj, key);
    const char *s = json_string_value(value);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = u256_from((uint64_t)json_integer_value(value));
        return true;
    }
    if (s == NULL)
        return false;
    if (strcmp(s, "0x") == 0) {
        *out = U256_ZERO;
        return true;
    }
    return u256_parse(s, strlen(s), out) == MT_OK;
}

bool fx_u64(const json_t *obj, const char *key, uint64_t *out)
{
    u256 v;
    if (!fx_u256(obj, key, &v) || !u256_is_u64(v))
        return false;
    *out = v.w[0];
    return true;
}

bool fx_hash(const json_t *obj, const char *key, hash32 *out)
{
    const char *s = fx_str(obj, key);
    return s != NULL && hex_decode_fixed(s, out->b, sizeof out->b) == MT_OK;
}

bool fx_address(const json_t *obj, const char *key, address *out)
{
    const char *s = fx_str(obj, key);
    return s != NULL && hex_decode_fixed(s, out->b, sizeof out->b) == MT_OK;
}

bool fx_bytes(const json_t *obj, const char *key, struct arena *arena, slice *out)
{
    const char *s = fx_str(obj, key);
    if (s == NULL)
        return false;
    size_t len = strlen(s), n;
    uint8_t *room = arena_alloc(arena, len / 2 + 1);
    if (room == NULL || hex_decode(s, len, room, len / 2 + 1, &n) != MT_OK)
        return false;
    *out = slice_of(room, n);
    return true;
}

bool fx_access_list(const json_t *list, struct arena *arena, struct tx *tx)
{
    size_t n = json_array_size(list);
    struct access_entry *e = arena_zalloc(arena, n + 1, sizeof *e);
    for (size_t i = 0; i < n && e != NULL; i++) {
        const json_t *each = json_array_get(list, i);
        const json_t *keys = json_object_get(each, "storageKeys");
        if (keys == NULL)
            keys = json_object_get(each, "storage_keys");
        size_t m = json_array_size(keys);
        hash32 *slots = arena_zalloc(arena, m + 1, sizeof *slots);
        if (slots == NULL || !fx_address(each, "address", &e[i].addr))
            return false;
        for (size_t k = 0; k < m; k++) {
            const char *text = json_string_value(json_array_get(keys, k));
            if (text == NULL || hex_decode_fixed(text, slots[k].b, 32) != MT_OK)
                return false;
        }
        e[i].slots = slots;
        e[i].slot_num = m;
    }
    tx->access_list = e;
    tx->access_num = n;
    return e != NULL;
}

bool fx_blob_schedule(const json_t *config, struct chain_spec *spec)
{
    json_t *schedule = json_object_get(config, "blobSchedule");
    const char *name;
    json_t *entry;
    json_object_foreach(schedule, name, entry)
    {
        enum fork f;
        struct blob_params p;
        if (fork_parse(name, &f) != MT_OK)
            continue; /* a fork of another network */
        if (!fx_u64(entry, "target", &p.target) || !fx_u64(entry, "max", &p.max) ||
            !fx_u64(entry, "baseFeeUpdateFraction", &p.base_fee_update_fraction))
            return false;
        spec->blobs[f] = p;
    }
    return true;
}

/* ================= networks ================= */

/* "FromToToAtTime15k", "BerlinToLondonAt5": To is active from there on, From before. */
static bool parse_transition(const char *network, char from[32], char to[32],
                             uint64_t *at)
{
    const char *mid = strstr(network, "To"), *end = strstr(network, "At");
    if (mid == NULL || end == NULL || end < mid + 2 || mid - network > 31 ||
        end - mid - 2 > 31)
        return false;
    mt_fmt(from, 32, "%.*s", (int)(mid - network), network);
    mt_fmt(to, 32, "%.*s", (int)(end - mid - 2), mid + 2);
    end += strncmp(end, "AtTime", 6) == 0 ? 6 : 2;
    size_t len = strlen(end);
    uint64_t unit = len > 0 && end[len - 1] == 'k' ? 1000 : 1;
    u256 n;
    if (u256_parse(end, unit == 1 ? len : len - 1, &n) != MT_OK || !u256_is_u64(n))
        return false;
    *at = n.w[0] * unit;
    return true;
}

bool fx_network(const char *network, uint64_t chain_id, struct chain_spec *out)
{
    enum fork first, last;
    char from[32], to[32];
    uint64_t at;
    if (network == NULL)
        return false;
    if (fork_parse(network, &last) == MT_OK) {
        chain_spec_for_fork(last, chain_id, out);
        return true;
    }
    if (!parse_transition(network, from, to, &at) || fork_parse(from, &first) != MT_OK ||
        fork_parse(strcmp(to, "Dao") == 0 ? "DAOFork" : to, &last) != MT_OK ||
        first >= last)
        return false;
    chain_spec_for_fork(last, chain_id, out);
    out->dao_support = last == FORK_DAO;
    for (unsigned f = (unsigned)first + 1; f <= (unsigned)last; f++)
        if (out->fork_at[f] != FORK_NEVER)
            out->fork_at[f] = at;
    return true;
}
