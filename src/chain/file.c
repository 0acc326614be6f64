/* Chain files: RLP blocks one after the other, as geth exports and imports them. */
#include "chain_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Maps a whole file read-only. */
static mt_err map_file(const char *path, slice *out, struct mt_diag *diag)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        mt_err err = mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return err;
    }
    void *p = st.st_size > 0
                  ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
                  : NULL;
    close(fd);
    if (p == MAP_FAILED)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    *out = slice_of(p, (size_t)st.st_size);
    return MT_OK;
}

static mt_err import_all(struct chain *c, const char *path, slice file,
                         void (*progress)(void *ctx, uint64_t number, uint64_t done_bytes,
                                          uint64_t all_bytes),
                         void *ctx, struct mt_diag *diag)
{
    struct rlp r = rlp_reader(file);
    for (uint64_t n = 0; !rlp_at_end(&r); n++) {
        slice payload, whole;
        bool is_list;
        enum import_status status;
        uint64_t at = (uint64_t)(r.ptr - file.ptr);
        if (rlp_next(&r, &payload, &is_list, &whole) != MT_OK || !is_list)
            return mt_fail(diag, MT_EDECODE, "%s: byte %llu: not an RLP block", path,
                           (unsigned long long)at);
        mt_err err = chain_import(c, whole, &status, diag);
        if (err != MT_OK)
            return mt_wrap(diag, err, "%s: block %llu of the file, byte %llu", path,
                           (unsigned long long)n, (unsigned long long)at);
        if (progress != NULL)
            progress(ctx, c->view->head->block.header.number,
                     (uint64_t)(r.ptr - file.ptr), file.len);
    }
    return MT_OK;
}

mt_err chain_import_file(struct chain *c, const char *path, bool heads_at_end,
                         void (*progress)(void *ctx, uint64_t number, uint64_t done_bytes,
                                          uint64_t all_bytes),
                         void *ctx, struct mt_diag *diag)
{
    slice file = {0};
    MT_TRY(map_file(path, &file, diag));
    mt_err err = import_all(c, path, file, progress, ctx, diag);
    if (file.len > 0)
        munmap((void *)(uintptr_t)file.ptr, file.len);
    if (err == MT_OK && heads_at_end) {
        hash32 head = c->view->head->block.hash;
        err = chain_set_head(c, METISDB_SAFE, &head, diag);
        if (err == MT_OK)
            err = chain_set_head(c, METISDB_FINALIZED, &head, diag);
    }
    return err;
}

static mt_err write_block(struct chain *c, FILE *f, uint64_t number, struct mt_diag *diag)
{
    struct chain_block *b;
    mt_err err = chain_block_by_number(c, number, &b);
    if (err != MT_OK)
        return mt_fail(diag, err, "block %llu cannot be read",
                       (unsigned long long)number);
    if (fwrite(b->block.raw.ptr, 1, b->block.raw.len, f) != b->block.raw.len)
        err = mt_fail(diag, MT_EIO, "block %llu: %s", (unsigned long long)number,
                      strerror(errno));
    chain_block_drop(b);
    return err;
}

static mt_err write_blocks(struct chain *c, const char *path, uint64_t first,
                           uint64_t last, struct mt_diag *diag)
{
    mt_err err = MT_OK;
    FILE *f = fopen(path, "wbe");
    if (f == NULL)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    for (uint64_t n = first; n <= last && err == MT_OK; n++)
        err = write_block(c, f, n, diag);
    if (fclose(f) != 0 && err == MT_OK)
        err = mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    return err;
}

/* Beside the file and in its place when it is whole: nothing half-done is kept, and one
 * that was there stays until then. A pipe or device, and what a link leads to, is written
 * as it is. */
mt_err chain_export_file(struct chain *c, const char *path, uint64_t first, uint64_t last,
                         struct mt_diag *diag)
{
    struct stat st;
    char part[4096];
    bool there = lstat(path, &st) == 0;
    if (there && !S_ISREG(st.st_mode))
        return write_blocks(c, path, first, last, diag);
    if (mt_fmt(part, sizeof(part), "%s.part", path) + 1 >= sizeof(part))
        return mt_fail(diag, MT_ELIMIT, "the path is too long");
    mt_err err = write_blocks(c, part, first, last, diag);
    if (err == MT_OK && rename(part, path) != 0)
        err = mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    if (err != MT_OK)
        unlink(part);
    return err;
}
