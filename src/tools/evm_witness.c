/* metis-evm witness: blockchain tests, run as blocktest does, and for each block that
 * the node accepts from Byzantium on without mining, a witness file (docs/FORMAT.md)
 * beside a line with the node's own result in DIR/expected: FILE NUMBER STATEROOT
 * RECEIPTSROOT. */
#include "evm_witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NETWORKS_MAX     64
#define WITNESS_SIZE_MAX ((size_t)256 << 20)

struct witness_sink {
    const char *dir;
    uint64_t per_network; /* most cases of a network */
    uint64_t every;       /* one case of so many, chosen by the hash of its name */
    struct {
        char name[32];
        uint64_t cases, files;
    } network[NETWORKS_MAX];
    size_t network_num;
    FILE *expected;
    struct buf buf;
    bool ready; /* buf holds the witness of the block in work */
};

static size_t network_of(struct witness_sink *w, const char *name)
{
    size_t i = 0;
    while (i < w->network_num && strcmp(w->network[i].name, name) != 0)
        i++;
    if (i == w->network_num && i < NETWORKS_MAX) {
        mt_fmt(w->network[i].name, sizeof w->network[i].name, "%s", name);
        w->network_num++;
    }
    return i;
}

bool witness_wants(struct witness_sink *w, const char *name, const char *network)
{
    hash32 h = keccak256(name, strlen(name));
    size_t i = network_of(w, network);
    if (i == NETWORKS_MAX || load_be64(h.b) % w->every != 0 ||
        w->network[i].cases >= w->per_network)
        return false;
    w->network[i].cases++;
    return true;
}

mt_err witness_prepare(struct witness_sink *w, struct chain *c, slice block,
                       struct mt_diag *diag)
{
    buf_reset(&w->buf);
    mt_err err = chain_witness(c, block, &w->buf, diag);
    w->ready = err == MT_OK;
    return err == MT_EUNSUPPORTED ? MT_OK : err;
}

mt_err witness_write(struct witness_sink *w, const char *network,
                     const struct header *head, struct mt_diag *diag)
{
    char file[96], path[512];
    size_t i = network_of(w, network);
    if (!w->ready || i == NETWORKS_MAX)
        return MT_OK;
    mt_fmt(file, sizeof file, "%s-%05llu.stf", network,
           (unsigned long long)w->network[i].files++);
    mt_fmt(path, sizeof path, "%s/%s", w->dir, file);
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        return mt_fail(diag, MT_EIO, "%s: cannot be written", path);
    bool ok = fwrite(w->buf.ptr, 1, w->buf.len, f) == w->buf.len;
    if (fclose(f) != 0 || !ok)
        return mt_fail(diag, MT_EIO, "%s: cannot be written", path);
    fprintf(w->expected, "%s %llu %s %s\n", file, (unsigned long long)head->number,
            hash32_text(&head->state_root).s, hash32_text(&head->receipts_root).s);
    return MT_OK;
}

/* ---- options ---- */

static bool take_number(const char *text, uint64_t *out)
{
    u256 v;
    if (u256_parse(text, strlen(text), &v) != MT_OK || !u256_is_u64(v) || v.w[0] == 0)
        return false;
    *out = v.w[0];
    return true;
}

/* Takes this command's own options out of argv; the rest is blocktest's. */
static int own_options(struct witness_sink *w, int argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        bool value = i + 1 < argc, good = true;
        if (strcmp(argv[i], "--out") == 0 && value)
            w->dir = argv[++i];
        else if (strcmp(argv[i], "--per-network") == 0 && value)
            good = take_number(argv[++i], &w->per_network);
        else if (strcmp(argv[i], "--every") == 0 && value)
            good = take_number(argv[++i], &w->every);
        else
            argv[kept++] = argv[i];
        if (!good)
            return 0;
    }
    return w->dir == NULL ? 0 : kept;
}

int evm_witness_main(int argc, char **argv)
{
    struct witness_sink w = {.per_network = UINT64_MAX, .every = 1};
    struct suite s;
    char path[512];
    int kept = own_options(&w, argc, argv);
    if (kept == 0) {
        fprintf(stderr, "usage: metis-evm witness --out DIR [--per-network N] "
                        "[--every N] [OPTIONS of blocktest] PATH...\n");
        return 2;
    }
    int status = suite_options(&s, kept, argv);
    if (status == 0 && s.draft) {
        fprintf(stderr, "metis-evm witness: a witness cannot say --draft-prices\n");
        status = 2;
    }
    if (status != 0)
        return status;
    s.jobs = 1; /* files are numbered in the order of the tests */
    mkdir(w.dir, 0777);
    mt_fmt(path, sizeof path, "%s/expected", w.dir);
    w.expected = fopen(path, "w");
    if (w.expected == NULL) {
        fprintf(stderr, "metis-evm witness: %s: cannot be written\n", path);
        return 1;
    }
    buf_init(&w.buf, WITNESS_SIZE_MAX);
    status = blocktest_main(&s, &w);
    buf_fini(&w.buf);
    if (fclose(w.expected) != 0)
        status = 1;
    return status;
}
