/* metis-evm stf: witness files through libmetis-stf, the freestanding build of the state
 * transition; a line a block. build/stf.rv64 is the same program on the bare machine. */
#include "evm.h"
#include "metis/stf.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef METIS_STF

#define MEMORY ((size_t)4 << 30)

static bool refuse(const char *name, const char *why)
{
    fprintf(stderr, "%s: refused: %s\n", name, why);
    return false;
}

static bool run_bytes(const char *name, const uint8_t *input, size_t len, void *mem)
{
    struct mt_diag diag = {0};
    struct stf_out out;
    mt_err err = metis_stf_run(input, len, mem, MEMORY, &out, &diag);
    if (err != MT_OK)
        return refuse(name, diag.text[0] != 0 ? diag.text : mt_err_text(err));
    printf("%llu %s %s 0\n", (unsigned long long)out.number,
           hash32_text(&out.state_root).s, hash32_text(&out.receipts_root).s);
    return true;
}

static bool run_file(const char *name, void *mem)
{
    struct stat st;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    bool ok = false;
    if (fd < 0)
        return refuse(name, "cannot be read");
    if (fstat(fd, &st) != 0 || st.st_size <= 0) {
        refuse(name, "is empty or no file");
    } else {
        size_t len = (size_t)st.st_size;
        uint8_t *input = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
        ok = input == MAP_FAILED ? refuse(name, "cannot be mapped")
                                 : run_bytes(name, input, len, mem);
        if (input != MAP_FAILED)
            munmap(input, len);
    }
    close(fd);
    return ok;
}

int evm_stf_main(int argc, char **argv)
{
    int status = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: metis-evm stf FILE...\n");
        return 2;
    }
    void *mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mem == MAP_FAILED) {
        fprintf(stderr, "metis-evm stf: no memory\n");
        return 1;
    }
    for (int i = 1; i < argc; i++)
        if (!run_file(argv[i], mem))
            status = 1;
    munmap(mem, MEMORY);
    return status;
}

#else

int evm_stf_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fprintf(stderr, "metis-evm stf: this build has no libmetis-stf (scripts/setup.sh)\n");
    return 2;
}

#endif
