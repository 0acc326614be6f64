/* A folder of key files, and password files.
 *
 * A new file is written under a temporary name with mode 0600, flushed, and then linked
 * into place, so that it appears whole or not at all and never replaces another. */
#include "metis/accounts.h"
#include "metis/codec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES_MAX 4096

/* ---- files ---- */

/* Reads at most max bytes of a regular file; MT_ELIMIT when there are more. */
static mt_err read_small(const char *path, char *out, size_t max, size_t *len,
                         struct mt_diag *diag)
{
    struct stat st;
    size_t n = 0;
    ssize_t got = 1;
    mt_err err = MT_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return mt_fail(diag, errno == ENOENT ? MT_ENOTFOUND : MT_EIO, "%s: %s", path,
                       strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return mt_fail(diag, MT_EINVAL, "%s: not a regular file", path);
    }
    while (got > 0 && n < max) {
        got = read(fd, out + n, max - n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0)
            err = mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
        else
            n += (size_t)got;
    }
    close(fd);
    if (err == MT_OK && n == max)
        err = mt_fail(diag, MT_ELIMIT, "%s: longer than %zu bytes", path, max - 1);
    if (err == MT_OK)
        *len = n;
    return err;
}

static mt_err write_all(int fd, slice data)
{
    while (data.len != 0) {
        ssize_t n = write(fd, data.ptr, data.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return MT_EIO;
        data = slice_of(data.ptr + n, data.len - (size_t)n);
    }
    return fsync(fd) == 0 ? MT_OK : MT_EIO;
}

static mt_err sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc == 0 ? MT_OK : MT_EIO;
}

static mt_err write_new(const char *dir, const char *path, slice data,
                        struct mt_diag *diag)
{
    char temp[KEYSTORE_PATH_MAX];
    mt_err err;
    int fd;
    if (mt_fmt(temp, sizeof temp, "%s/.new-XXXXXX", dir) + 1 >= sizeof temp)
        return mt_fail(diag, MT_ELIMIT, "%s: path too long", dir);
    fd = mkostemp(temp, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return mt_fail(diag, MT_EIO, "%s: %s", temp, strerror(errno));
    err = write_all(fd, data);
    if (close(fd) != 0)
        err = MT_EIO;
    if (err == MT_OK && link(temp, path) != 0)
        err = errno == EEXIST ? MT_EEXIST : MT_EIO;
    if (err != MT_OK)
        err = mt_fail(diag, err, "%s: %s", path, strerror(errno));
    unlink(temp);
    if (err == MT_OK && sync_dir(dir) != MT_OK)
        err = mt_fail(diag, MT_EIO, "%s: %s", dir, strerror(errno));
    return err;
}

/* ---- new files ---- */

/* UTC--2026-01-31T12-34-56.789000000Z--<address>, as other clients name them. */
static mt_err file_name(const char *dir, const address *addr,
                        char path[KEYSTORE_PATH_MAX], struct mt_diag *diag)
{
    uint64_t ms = clock_unix_ms();
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    char hex[40];
    size_t len;
    gmtime_r(&seconds, &t);
    hex_encode(slice_of(addr->b, 20), hex);
    len = mt_fmt(path, KEYSTORE_PATH_MAX,
                 "%s/UTC--%04d-%02d-%02dT%02d-%02d-%02d.%03u000000Z--%.40s", dir,
                 t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                 (unsigned)(ms % 1000), hex);
    if (len + 1 >= KEYSTORE_PATH_MAX)
        return mt_fail(diag, MT_ELIMIT, "%s: path too long", dir);
    return MT_OK;
}

/* The file of an address; MT_ENOTFOUND. path as in struct keystore_entry. */
static mt_err find(const char *dir, const address *addr, struct arena *arena,
                   const char **path, struct mt_diag *diag)
{
    struct keystore_entry *list;
    size_t count;
    MT_TRY(keystore_list(dir, arena, &list, &count, diag));
    for (size_t i = 0; i < count; i++) {
        if (address_eq(&list[i].addr, addr)) {
            *path = list[i].path;
            return MT_OK;
        }
    }
    return mt_fail(diag, MT_ENOTFOUND, "%s has no key file of %s", dir,
                   address_text(addr).s);
}

static mt_err check_new(const char *dir, const address *addr, struct mt_diag *diag)
{
    struct mt_diag ignored = {0};
    struct arena arena;
    const char *path;
    mt_err err;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return mt_fail(diag, MT_EIO, "%s: %s", dir, strerror(errno));
    arena_init(&arena, 4u << 20);
    err = find(dir, addr, &arena, &path, &ignored);
    if (err == MT_OK)
        err = mt_fail(diag, MT_EEXIST, "%s holds %s already", path, address_text(addr).s);
    else if (err == MT_ENOTFOUND)
        err = MT_OK;
    else
        err = mt_fail(diag, err, "%s", ignored.text);
    arena_fini(&arena);
    return err;
}

mt_err keystore_put(const char *dir, const hash32 *key, slice password,
                    struct keyfile_cost cost, address *addr, char *path,
                    struct mt_diag *diag)
{
    char name[KEYSTORE_PATH_MAX];
    struct buf text;
    address own;
    mt_err err;
    if (secp_address(key, &own) != MT_OK)
        return mt_fail(diag, MT_EINVAL, "not a valid private key");
    MT_TRY(check_new(dir, &own, diag));
    MT_TRY(file_name(dir, &own, name, diag));
    buf_init(&text, KEYFILE_SIZE_MAX);
    err = keyfile_encrypt(key, password, cost, &text, diag);
    if (err == MT_OK)
        err = write_new(dir, name, buf_slice(&text), diag);
    buf_fini(&text);
    if (err != MT_OK)
        return err;
    *addr = own;
    if (path != NULL)
        memcpy(path, name, strlen(name) + 1);
    return MT_OK;
}

mt_err keystore_create(const char *dir, slice password, struct keyfile_cost cost,
                       address *addr, char *path, struct mt_diag *diag)
{
    hash32 key;
    mt_err err;
    do
        err = random_bytes(key.b, 32);
    while (err == MT_OK && !secp_scalar_valid(&key));
    if (err == MT_OK)
        err = keystore_put(dir, &key, password, cost, addr, path, diag);
    else
        mt_fail(diag, err, "no randomness from the system");
    OPENSSL_cleanse(&key, sizeof key);
    return err;
}

static slice trim(slice s)
{
    while (s.len != 0 && (s.ptr[0] == ' ' || (s.ptr[0] >= '\t' && s.ptr[0] <= '\r')))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len != 0 && (s.ptr[s.len - 1] == ' ' ||
                          (s.ptr[s.len - 1] >= '\t' && s.ptr[s.len - 1] <= '\r')))
        s.len--;
    return s;
}

mt_err keystore_import(const char *dir, slice text, slice password,
                       struct keyfile_cost cost, address *addr, char *path,
                       struct mt_diag *diag)
{
    hash32 key;
    size_t len = 0;
    mt_err err = MT_OK;
    text = trim(text);
    if (text.len != 0 && text.ptr[0] == '{')
        err = keyfile_decrypt(text, password, &key, diag);
    else if (hex_decode((const char *)text.ptr, text.len, key.b, 32, &len) != MT_OK ||
             len != 32)
        err = mt_fail(diag, MT_EDECODE,
                      "neither a key file nor a private key of 64 hex digits");
    if (err == MT_OK)
        err = keystore_put(dir, &key, password, cost, addr, path, diag);
    OPENSSL_cleanse(&key, sizeof key);
    return err;
}

/* ---- listing ---- */

/* The address a file states in its JSON, else the one at the end of its name. */
static mt_err file_address(const char *path, address *out)
{
    char text[KEYFILE_SIZE_MAX];
    struct json_t *doc;
    size_t len;
    const char *dash = strrchr(path, '-'), *stated = NULL;
    mt_err err;
    MT_TRY(read_small(path, text, sizeof text, &len, NULL));
    MT_TRY(json_parse(slice_of(text, len), sizeof text, 8, &doc, NULL));
    stated = json_string_value(json_object_get(doc, "address"));
    if (stated == NULL && json_is_object(doc) && dash != NULL)
        stated = dash + 1;
    err = stated == NULL ? MT_EDECODE : hex_decode_fixed(stated, out->b, 20);
    json_free(doc);
    return err;
}

static int by_path(const void *a, const void *b)
{
    const struct keystore_entry *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static mt_err add_entry(const char *dir, const char *name, struct arena *arena,
                        struct keystore_entry *list, size_t *n, struct mt_diag *diag)
{
    char path[KEYSTORE_PATH_MAX];
    size_t len = mt_fmt(path, sizeof path, "%s/%s", dir, name);
    if (name[0] == '.' || len + 1 >= sizeof path ||
        file_address(path, &list[*n].addr) != MT_OK)
        return MT_OK;
    if (*n == ENTRIES_MAX)
        return mt_fail(diag, MT_ELIMIT, "%s: more than %u key files", dir, ENTRIES_MAX);
    list[*n].path = arena_copy(arena, path, len + 1);
    if (list[*n].path == NULL)
        return mt_fail(diag, MT_ELIMIT, "%s: too many key files", dir);
    ++*n;
    return MT_OK;
}

mt_err keystore_list(const char *dir, struct arena *arena, struct keystore_entry **out,
                     size_t *count, struct mt_diag *diag)
{
    struct keystore_entry *list = arena_alloc(arena, (ENTRIES_MAX + 1) * sizeof *list);
    struct dirent *e;
    size_t n = 0;
    mt_err err = MT_OK;
    DIR *d;
    if (list == NULL)
        return mt_fail(diag, MT_ELIMIT, "%s: no memory to list it", dir);
    d = opendir(dir);
    if (d == NULL)
        return mt_fail(diag, errno == ENOENT ? MT_ENOTFOUND : MT_EIO, "%s: %s", dir,
                       strerror(errno));
    while (err == MT_OK && (e = readdir(d)) != NULL)
        err = add_entry(dir, e->d_name, arena, list, &n, diag);
    closedir(d);
    if (err != MT_OK)
        return err;
    qsort(list, n, sizeof *list, by_path);
    *out = list;
    *count = n;
    return MT_OK;
}

/* ---- unlocking ---- */

mt_err keystore_unlock(const char *dir, const address *addr, slice password, hash32 *key,
                       struct mt_diag *diag)
{
    char text[KEYFILE_SIZE_MAX];
    struct arena arena;
    const char *path;
    hash32 found;
    address own;
    size_t len;
    mt_err err;
    arena_init(&arena, 4u << 20);
    err = find(dir, addr, &arena, &path, diag);
    if (err == MT_OK)
        err = read_small(path, text, sizeof text, &len, diag);
    if (err == MT_OK) {
        err = keyfile_decrypt(slice_of(text, len), password, &found, diag);
        if (err != MT_OK)
            err = mt_wrap(diag, err, "%s", path);
    }
    if (err == MT_OK && (secp_address(&found, &own) != MT_OK || !address_eq(&own, addr)))
        err = mt_fail(diag, MT_ECORRUPT, "%s holds another key than its name says", path);
    if (err == MT_OK)
        *key = found;
    OPENSSL_cleanse(&found, sizeof found);
    arena_fini(&arena);
    return err;
}

mt_err password_read(const char *path, char *out, size_t *len, struct mt_diag *diag)
{
    char text[PASSWORD_SIZE_MAX + 3];
    size_t n;
    mt_err err = read_small(path, text, sizeof text, &n, diag);
    if (err == MT_OK) {
        const char *end = memchr(text, '\n', n);
        if (end != NULL)
            n = (size_t)(end - text);
        if (n != 0 && text[n - 1] == '\r')
            n--;
        if (n > PASSWORD_SIZE_MAX)
            err = mt_fail(diag, MT_ELIMIT, "%s: password longer than %u bytes", path,
                          PASSWORD_SIZE_MAX);
    }
    if (err == MT_OK) {
        memcpy(out, text, n);
        *len = n;
    }
    OPENSSL_cleanse(text, sizeof text);
    return err;
}
