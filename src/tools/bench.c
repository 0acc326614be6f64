/* metis-bench: the command table and what the commands share (statistics, clocks,
 * JSON). */
#include "bench.h"

#include "metis/crypto.h"
#include "metis/version.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} COMMANDS[] = {
    {"vm", bench_vm_main, "vm [--engine E] [--runs N] FILE..."},
    {"rpc", bench_rpc_main,
     "rpc --url U --method M [--params JSON] | --bodies FILE [--connections N] "
     "[--requests N] [--runs N] [--pid P] [--peer NAME=COMMAND]"},
    {"parse", bench_parse_main, "parse [--runs N]"},
    {"node", bench_node_main,
     "node --workload transfer|erc20|uniswap [--clusters K] [--threads N] [--txs N] "
     "[--runs N] [--genesis FILE] [--pair UniswapV2Pair.json] "
     "[--no-access-lists]"},
};

static int usage(int status)
{
    FILE *out = status == 0 ? stdout : stderr;
    fprintf(out, "usage: metis-bench COMMAND [OPTIONS]\n");
    for (size_t i = 0; i < MT_ARRAY_LEN(COMMANDS); i++)
        fprintf(out, "  metis-bench %s\n", COMMANDS[i].help);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(2);
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)
        return usage(0);
    MT_ASSERT(crypto_init() == MT_OK);
    for (size_t i = 0; i < MT_ARRAY_LEN(COMMANDS); i++) {
        if (strcmp(argv[1], COMMANDS[i].name) == 0)
            return COMMANDS[i].run(argc - 1, argv + 1);
    }
    return usage(2);
}

int bench_fail(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("metis-bench: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return status;
}

/* ---- statistics ---- */

static int by_value(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

void bench_add(struct bench_stat *s, double v)
{
    if (s->num < BENCH_RUNS_MAX)
        s->v[s->num++] = v;
}

double bench_percentile(double *v, size_t num, double p)
{
    if (num == 0)
        return 0;
    qsort(v, num, sizeof(*v), by_value);
    size_t at = (size_t)(p * (double)(num - 1) + 0.5);
    return v[MT_MIN(at, num - 1)];
}

double bench_median(const struct bench_stat *s)
{
    struct bench_stat c = *s;
    return bench_percentile(c.v, c.num, 0.5);
}

double bench_min(const struct bench_stat *s)
{
    struct bench_stat c = *s;
    return bench_percentile(c.v, c.num, 0);
}

double bench_max(const struct bench_stat *s)
{
    struct bench_stat c = *s;
    return bench_percentile(c.v, c.num, 1);
}

/* ---- clocks ---- */

static double seconds(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double bench_wall_s(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double bench_thread_cpu_s(void)
{
    return seconds(CLOCK_THREAD_CPUTIME_ID);
}

double bench_process_cpu_s(long pid)
{
    clockid_t id;
    if (pid <= 0 || clock_getcpuclockid((pid_t)pid, &id) != 0)
        return -1;
    return seconds(id);
}

/* ---- result lines ---- */

void bench_begin(struct bench_line *l, const char *bench, const char *name)
{
    buf_init(&l->buf, 1u << 20);
    l->json = json_out(&l->buf);
    json_obj(&l->json);
    json_kv_str(&l->json, "bench", bench);
    json_kv_str(&l->json, "case", name);
    json_kv_str(&l->json, "isa", keccak_isa_name(keccak_isa()));
    json_kv_str(&l->json, "commit", MT_COMMIT);
}

void bench_stat_out(struct bench_line *l, const char *key, const struct bench_stat *s)
{
    json_key(&l->json, key);
    json_obj(&l->json);
    json_kv_f64(&l->json, "median", bench_median(s));
    json_kv_f64(&l->json, "min", bench_min(s));
    json_kv_f64(&l->json, "max", bench_max(s));
    json_obj_end(&l->json);
}

void bench_end(struct bench_line *l)
{
    json_obj_end(&l->json);
    printf("%.*s\n", (int)l->buf.len, (const char *)l->buf.ptr);
    fflush(stdout);
    buf_fini(&l->buf);
}

/* ---- peers ---- */

static bool number_of(const char *line, const char *key, double *out)
{
    json_t *doc = json_loads(line, 0, NULL);
    json_t *v = json_object_get(doc, key);
    if (json_is_object(v))
        v = json_object_get(v, "median");
    bool ok = json_is_number(v);
    if (ok)
        *out = json_number_value(v);
    json_decref(doc);
    return ok;
}

bool bench_peer(const char *command, const char *key, double *out)
{
    char line[8192];
    bool found = false;
    FILE *f = popen(command, "r");
    if (f == NULL)
        return false;
    while (fgets(line, sizeof(line), f) != NULL)
        found = number_of(line, key, out) || found;
    return pclose(f) == 0 && found;
}
