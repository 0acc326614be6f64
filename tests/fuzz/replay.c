/* Runs a fuzz target without a fuzzer: every file of the folders given, as it is and in a
 * fixed number of mutated forms. The generator's seed is constant, so that a failure comes
 * again; the file, the seed and the round are printed on the way down.
 *
 *   fuzz_x [-mutations=N] [-seed=N] FILE|FOLDER… */
#include "fuzz.h"
#include "metis/base.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)1 << 20)

static struct {
    char path[512];
    uint64_t seed;
    unsigned round, mutations;
    uint64_t state;
    unsigned long files, runs;
    uint8_t *input, *mutant;
} replay = {.seed = 1, .mutations = 300};

static void on_crash(int number)
{
    char text[700];
    size_t n = mt_fmt(text, sizeof(text), "%s: seed %llu, round %u: signal %d\n",
                      replay.path, (unsigned long long)replay.seed, replay.round, number);
    if (write(STDERR_FILENO, text, n) < 0)
        _exit(2);
    signal(number, SIG_DFL);
    raise(number);
}

/* splitmix64 */
static uint64_t next_random(void)
{
    uint64_t z = replay.state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Changes 1 to 4 places: bits, interesting bytes, a cut, a copied or removed run. */
static size_t mutate(uint8_t *p, size_t n)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0x7f, 0x80, 0x81, 0xb7, 0xb8,
                                    0xbf, 0xc0, 0xf7, 0xf8, 0xff, '"',  '{'};
    for (uint64_t k = next_random() % 4 + 1; k > 0 && n > 0; k--) {
        size_t at = next_random() % n, len = next_random() % MT_MIN(n - at, 64) + 1;
        switch (next_random() % 6) {
        case 0:
            p[at] ^= (uint8_t)(1u << next_random() % 8);
            break;
        case 1:
            p[at] = bytes[next_random() % sizeof(bytes)];
            break;
        case 2:
            p[at] = (uint8_t)next_random();
            break;
        case 3:
            n = at;
            break;
        case 4:
            memmove(p + at, p + at + len, n - at - len);
            n -= len;
            break;
        default:
            if (n + len <= INPUT_MAX) {
                memmove(p + at + len, p + at, n - at);
                n += len;
            }
        }
    }
    return n;
}

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    size_t n = fread(replay.input, 1, INPUT_MAX, f);
    fclose(f);
    mt_fmt(replay.path, sizeof(replay.path), "%s", path);
    replay.state = replay.seed;
    for (replay.round = 0; replay.round <= replay.mutations; replay.round++) {
        /* A copy of its own size: a sanitizer sees one byte past the end. */
        size_t len = n;
        memcpy(replay.mutant, replay.input, n);
        if (replay.round > 0)
            len = mutate(replay.mutant, n);
        uint8_t *exact = malloc(len > 0 ? len : 1);
        if (exact == NULL)
            return 1;
        memcpy(exact, replay.mutant, len);
        LLVMFuzzerTestOneInput(exact, len);
        free(exact);
        replay.runs++;
    }
    replay.files++;
    return 0;
}

static int run_path(const char *path)
{
    struct stat st;
    struct dirent *e;
    int failed = 0;
    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: no such file or folder\n", path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode))
        return run_file(path);
    DIR *d = opendir(path);
    if (d == NULL)
        return 1;
    while ((e = readdir(d)) != NULL) {
        char file[600];
        if (e->d_name[0] == '.')
            continue;
        mt_fmt(file, sizeof(file), "%s/%s", path, e->d_name);
        failed |= run_file(file);
    }
    closedir(d);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    replay.input = malloc(INPUT_MAX);
    replay.mutant = malloc(INPUT_MAX);
    if (replay.input == NULL || replay.mutant == NULL)
        return 1;
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-mutations=", 11) == 0)
            replay.mutations = (unsigned)strtoul(argv[i] + 11, NULL, 10);
        else if (strncmp(argv[i], "-seed=", 6) == 0)
            replay.seed = strtoull(argv[i] + 6, NULL, 10);
        else
            failed |= run_path(argv[i]);
    }
    if (replay.files == 0) {
        fprintf(stderr, "usage: %s [-mutations=N] [-seed=N] FILE|FOLDER...\n", argv[0]);
        failed = 1;
    }
    printf("%lu files, %lu runs, seed %llu\n", replay.files, replay.runs,
           (unsigned long long)replay.seed);
    free(replay.input);
    free(replay.mutant);
    return failed;
}
