/* build/stf.rv64: `metis-evm stf` on the bare machine. Witness files by name, or one
 * on the standard input; a line a block on the standard output, refusals on the
 * standard error. Status 0 when no file was refused. */
#include "metis/stf.h"
#include "rv64.h"

static uint8_t *const input = (uint8_t *)0x100000000;
static uint8_t *const memory = (uint8_t *)0x100000000 + RV64_INPUT_MAX;

static void print(int fd, const char *text, size_t len)
{
    while (len > 0) {
        long n = rv64_call(RV64_WRITE, fd, (long)text, (long)len, 0);
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* All of a file into the input region; its size, or -1. */
static long read_all(int fd)
{
    size_t len = 0;
    for (;;) {
        if (len == RV64_INPUT_MAX)
            return -1;
        long n = rv64_call(RV64_READ, fd, (long)(input + len),
                           (long)(RV64_INPUT_MAX - len), 0);
        if (n < 0)
            return -1;
        if (n == 0)
            return (long)len;
        len += (size_t)n;
    }
}

/* False when the file is refused. */
static bool run(const char *name, int fd)
{
    struct mt_diag diag = {0};
    struct stf_out out;
    char line[2 * MT_DIAG_TEXT_MAX];
    long len = read_all(fd);
    mt_err err = MT_EIO;
    if (len < 0)
        mt_fail(&diag, err, "cannot be read, or is too long");
    else
        err = metis_stf_run(input, (size_t)len, memory, RV64_MEMORY_MAX, &out, &diag);
    if (err != MT_OK) {
        size_t n = mt_fmt(line, sizeof line, "%.*s: refused: %s\n", 200, name,
                          diag.text[0] != 0 ? diag.text : mt_err_text(err));
        print(2, line, n);
        return false;
    }
    size_t n = mt_fmt(line, sizeof line, "%llu %s %s 0\n", (unsigned long long)out.number,
                      hash32_text(&out.state_root).s, hash32_text(&out.receipts_root).s);
    print(1, line, n);
    return true;
}

int rv64_main(const uintptr_t *stack)
{
    bool ok = true;
    uintptr_t argc = stack[0];
    if (argc < 2)
        return run("standard input", 0) ? 0 : 1;
    for (uintptr_t i = 1; i < argc; i++) {
        long fd = rv64_call(RV64_OPENAT, -100, (long)stack[1 + i], 0, 0);
        if (!run((const char *)stack[1 + i], fd < 0 ? -1 : (int)fd))
            ok = false;
        if (fd >= 0)
            rv64_call(RV64_CLOSE, fd, 0, 0, 0);
    }
    return ok ? 0 : 1;
}
