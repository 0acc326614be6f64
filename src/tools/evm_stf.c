/* metis-evm stf: witness files through libmetis-stf, the freestanding build of the
 * state transition; a line a block. build/stf.rv64 is the same program on the bare
 * machine; with --rv64 that one runs, in an interpreter that counts its instructions. */
#include "evm.h"
#include "evm_rv64.h"
#include "metis/stf.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY      ((size_t)8 << 30)
#define OUTPUT_SIZE 65536u

/* How files are run. */
struct runner {
    void *mem; /* libmetis-stf's */
    slice elf; /* empty: libmetis-stf */
};

static bool refuse(const char *name, const char *why)
{
    fprintf(stderr, "%s: refused: %s\n", name, why);
    return false;
}

#ifdef METIS_STF

static bool run_native(const char *name, slice input, const struct runner *r)
{
    struct mt_diag diag = {0};
    struct stf_out out;
    mt_err err = metis_stf_run(input.ptr, input.len, r->mem, MEMORY, &out, &diag);
    if (err != MT_OK)
        return refuse(name, diag.text[0] != 0 ? diag.text : mt_err_text(err));
    printf("%llu %s %s 0\n", (unsigned long long)out.number,
           hash32_text(&out.state_root).s, hash32_text(&out.receipts_root).s);
    return true;
}

#else

static bool run_native(const char *name, slice input, const struct runner *r)
{
    (void)input;
    (void)r;
    return refuse(name, "this build has no libmetis-stf (scripts/setup.sh)");
}

#endif

/* The program's own line, its last word (0) replaced by the count. */
static bool run_rv64(const char *name, slice input, const struct runner *r)
{
    struct mt_diag diag = {0};
    struct rv64_run run = {.input = input};
    buf_init(&run.out, OUTPUT_SIZE);
    buf_init(&run.err, OUTPUT_SIZE);
    mt_err err = rv64_execute(r->elf, &run, &diag);
    bool ok = err == MT_OK && run.status == 0 && run.out.len > 2;
    if (ok) {
        printf("%.*s%llu\n", (int)(run.out.len - 2), (const char *)run.out.ptr,
               (unsigned long long)run.instructions);
    } else if (err != MT_OK) {
        refuse(name, diag.text);
    } else {
        const char *why =
            run.err.len == 0 ? NULL : memmem(run.err.ptr, run.err.len, ": refused: ", 11);
        size_t skip = why == NULL ? 0 : (size_t)(why + 11 - (const char *)run.err.ptr);
        fprintf(stderr, "%s: refused: %.*s", name, (int)(run.err.len - skip),
                (const char *)run.err.ptr + skip);
    }
    buf_fini(&run.err);
    buf_fini(&run.out);
    return ok;
}

/* A file in memory; empty when it is none. */
static slice map_file(const char *name)
{
    struct stat st;
    slice none = {NULL, 0};
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return none;
    void *at = MAP_FAILED;
    size_t len = 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        len = (size_t)st.st_size;
        at = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    return at == MAP_FAILED ? none : slice_of(at, len);
}

static void unmap_file(slice s)
{
    if (s.len > 0)
        munmap((void *)(uintptr_t)s.ptr, s.len);
}

static bool run_file(const char *name, const struct runner *r)
{
    slice input = map_file(name);
    if (input.len == 0)
        return refuse(name, "cannot be read, or is empty");
    bool ok = r->elf.len > 0 ? run_rv64(name, input, r) : run_native(name, input, r);
    unmap_file(input);
    return ok;
}

int evm_stf_main(int argc, char **argv)
{
    struct runner r = {NULL, {NULL, 0}};
    int status = 0, first = 1;
    if (argc > 2 && strcmp(argv[1], "--rv64") == 0) {
        r.elf = map_file(argv[2]);
        first = 3;
        if (r.elf.len == 0) {
            fprintf(stderr, "metis-evm stf: %s: cannot be read\n", argv[2]);
            return 1;
        }
    }
    if (argc <= first || argv[first][0] == '-') {
        fprintf(stderr, "usage: metis-evm stf [--rv64 PROGRAM] FILE...\n");
        return 2;
    }
    r.mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (r.mem == MAP_FAILED) {
        fprintf(stderr, "metis-evm stf: no memory\n");
        return 1;
    }
    for (int i = first; i < argc; i++)
        if (!run_file(argv[i], &r))
            status = 1;
    munmap(r.mem, MEMORY);
    unmap_file(r.elf);
    return status;
}
