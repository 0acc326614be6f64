/* Folders and files of the node. */
#include "files.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

mt_err files_join(const char *dir, const char *name, struct file_path *out,
                  struct mt_diag *diag)
{
    size_t n = mt_fmt(out->s, sizeof out->s, "%s/%s", dir, name);
    if (n + 1 >= sizeof out->s)
        return mt_fail(diag, MT_ELIMIT, "%.100s…: the path is too long", dir);
    return MT_OK;
}

/* ---- the configuration folder ---- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* The folder of the running program. */
static bool program_dir(struct file_path *out)
{
    ssize_t n = readlink("/proc/self/exe", out->s, sizeof out->s - 1);
    if (n <= 0)
        return false;
    out->s[n] = 0;
    char *slash = strrchr(out->s, '/');
    if (slash == NULL)
        return false;
    *slash = 0;
    return true;
}

static bool try_file(const char *dir, const char *sub, const char *word,
                     struct file_path *out)
{
    size_t n = mt_fmt(out->s, sizeof out->s, "%s/%s/%s.json", dir, sub, word);
    return n + 1 < sizeof out->s && access(out->s, R_OK) == 0;
}

mt_err files_find_genesis(const char *word, struct file_path *out, struct mt_diag *diag)
{
    struct file_path program;
    if (strchr(word, '/') != NULL || ends_with(word, ".json")) {
        if (mt_fmt(out->s, sizeof out->s, "%s", word) + 1 >= sizeof out->s)
            return mt_fail(diag, MT_ELIMIT, "%.100s…: the path is too long", word);
        if (access(out->s, R_OK) != 0)
            return mt_fail(diag, MT_ENOTFOUND, "%s: %s", word, strerror(errno));
        return MT_OK;
    }
    if (program_dir(&program) && (try_file(program.s, "../conf", word, out) ||
                                  try_file(program.s, "../share/metisd/conf", word, out)))
        return MT_OK;
    if (try_file("/etc", "metisd", word, out) ||
        try_file("/usr/share/metisd", "conf", word, out))
        return MT_OK;
    return mt_fail(
        diag, MT_ENOTFOUND,
        "network %.64s: no %.64s.json in the conf folder beside the program's, "
        "in ../share/metisd/conf, /etc/metisd or /usr/share/metisd/conf",
        word, word);
}

/* ---- folders ---- */

mt_err files_make_dir(const char *path, struct mt_diag *diag)
{
    struct file_path p;
    struct stat st;
    if (mt_fmt(p.s, sizeof p.s, "%s", path) + 1 >= sizeof p.s)
        return mt_fail(diag, MT_ELIMIT, "%.100s…: the path is too long", path);
    for (char *at = p.s + 1;; at++) {
        if (*at != '/' && *at != 0)
            continue;
        char end = *at;
        *at = 0;
        if (mkdir(p.s, 0700) != 0 && errno != EEXIST)
            return mt_fail(diag, MT_EIO, "%s: %s", p.s, strerror(errno));
        if (end == 0)
            break;
        *at = end;
    }
    if (stat(path, &st) != 0)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return mt_fail(diag, MT_EIO, "%s: is not a folder", path);
    return MT_OK;
}

mt_err files_temp_dir(struct file_path *out, struct mt_diag *diag)
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] != '/')
        base = "/tmp";
    MT_TRY(files_join(base, "metisd-dev-XXXXXX", out, diag));
    if (mkdtemp(out->s) == NULL)
        return mt_fail(diag, MT_EIO, "%s: %s", base, strerror(errno));
    return MT_OK;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    if (remove(path) != 0)
        log_warn("node", "temporary file was not removed", KV_STR("path", path),
                 KV_STR("error", strerror(errno)), KV_END);
    return 0;
}

void files_remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
