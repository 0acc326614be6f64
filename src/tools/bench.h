/* metis-bench: what its commands share. Every result is one JSON object a line: bench,
 * case, parameters, runs, median and spread, thread-CPU and wall time, instruction set,
 * commit. */
#ifndef METIS_BENCH_H
#define METIS_BENCH_H

#include "metis/base.h"
#include "metis/codec.h"

#define BENCH_RUNS_MAX 101

/* Samples of one figure over the runs. */
struct bench_stat {
    double v[BENCH_RUNS_MAX];
    size_t num;
};
void bench_add(struct bench_stat *s, double v);
double bench_median(const struct bench_stat *s);
double bench_min(const struct bench_stat *s);
double bench_max(const struct bench_stat *s);
/* Nearest-rank percentile of an unsorted array, which gets sorted. */
double bench_percentile(double *v, size_t num, double p);

/* Seconds: wall, and CPU of the calling thread. */
double bench_wall_s(void);
double bench_thread_cpu_s(void);
/* User and system CPU seconds of a process so far; negative when it cannot be read. */
double bench_process_cpu_s(long pid);

/* A result line: begin writes bench, case, isa and commit; stat adds {median,min,max};
 * end prints it on stdout. */
struct bench_line {
    struct buf buf;
    struct json_out json;
};
void bench_begin(struct bench_line *l, const char *bench, const char *name);
void bench_stat_out(struct bench_line *l, const char *key, const struct bench_stat *s);
void bench_end(struct bench_line *l);

/* Runs COMMAND by the shell and reads the number under key from the last JSON line it
 * prints; for --peer NAME=COMMAND. False when there is none. */
bool bench_peer(const char *command, const char *key, double *out);

/* Usage and other errors: one line on stderr; returns the exit status given. */
__attribute__((format(printf, 2, 3))) int bench_fail(int status, const char *fmt, ...);

/* Commands, one file each. */
int bench_rpc_main(int argc, char **argv);
int bench_vm_main(int argc, char **argv);
int bench_node_main(int argc, char **argv);
int bench_parse_main(int argc, char **argv);

#endif
