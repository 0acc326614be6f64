/* The log: a line is put together on the stack and leaves in one write(2), so lines of
 * several threads never mix and nothing is lost in a buffer when the program dies.
 * A reader that stops reading (a full pipe) must not stop the node: a line waits at most
 * WAIT_MS for it, the following ones not at all until it reads again, and the next line
 * that gets through says how many were dropped.
 *
 *   logfmt  t=2026-01-02T03:04:05.678Z lvl=info mod=chain msg="imported block" number=7
 *   json    {"t":"2026-…","lvl":"info","mod":"chain","msg":"imported block","number":7}
 *
 * Under systemd each line starts with the syslog priority that journald understands. A
 * line over LINE_MAX_ bytes is cut at a value and says so. One place in the program
 * writes at most LINES_PER_S_MAX lines a second (debug and trace excepted). */
#include "metis/base/log.h"
#include "metis/base/mem.h"
#include "metis/base/metrics.h"
#include "metis/base/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_    4096u
#define MODULES_MAX  32u
#define NAME_MAX_    16u
#define WAIT_MS      100
#define HEX_SHOW_MAX 256u /* bytes of a byte value that are written */

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};

static _Atomic int general_level = LOG_INFO;
static _Atomic int general_format = LOG_LOGFMT;
static atomic_bool journal;

/* Entries are written before the count is published; names never change after that. */
static struct {
    char name[NAME_MAX_];
    _Atomic int level;
} modules[MODULES_MAX];
static _Atomic unsigned modules_len;
static pthread_mutex_t modules_lock = PTHREAD_MUTEX_INITIALIZER;

void log_setup(enum log_level level, enum log_format format)
{
    atomic_store(&general_level, (int)level);
    atomic_store(&general_format, (int)format);
    atomic_store(&journal, getenv("JOURNAL_STREAM") != NULL);
}

static unsigned find_module(const char *module, unsigned n)
{
    unsigned i = 0;
    while (i < n && strcmp(modules[i].name, module) != 0)
        i++;
    return i;
}

mt_err log_module_level(const char *module, enum log_level level)
{
    if (strlen(module) >= NAME_MAX_)
        return MT_EINVAL;
    mt_err err = MT_OK;
    pthread_mutex_lock(&modules_lock);
    unsigned n = atomic_load(&modules_len), i = find_module(module, n);
    if (i == MODULES_MAX) {
        err = MT_ELIMIT;
    } else {
        atomic_store(&modules[i].level, (int)level);
        if (i == n) {
            memcpy(modules[i].name, module, strlen(module) + 1);
            atomic_store(&modules_len, n + 1);
        }
    }
    pthread_mutex_unlock(&modules_lock);
    return err;
}

mt_err log_level_parse(const char *text, enum log_level *out)
{
    for (unsigned i = 0; i < MT_ARRAY_LEN(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return MT_OK;
        }
    }
    return MT_EINVAL;
}

enum log_level log_level_of(const char *module)
{
    unsigned n = atomic_load_explicit(&modules_len, memory_order_acquire);
    if (n != 0 && module != NULL) {
        unsigned i = find_module(module, n);
        if (i < n)
            return (enum log_level)atomic_load(&modules[i].level);
    }
    return (enum log_level)atomic_load_explicit(&general_level, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

bool log_enabled(const char *module, enum log_level level)
{
    return level <= log_level_of(module);
}

/* ---- how often a place may speak ----
 * A message is a constant, so its address names the place. Places that fall on the same
 * slot share a share. What was held back is counted and told by the next line that gets
 * through in a later second. */
#define SITES           256u
#define LINES_PER_S_MAX 100u

static struct {
    _Atomic uint64_t second;
    _Atomic uint32_t num; /* lines wanted in that second */
} sites[SITES];

static bool admit(const char *msg, uint32_t *held_back)
{
    uint64_t now = clock_mono_ns() / 1000000000u;
    unsigned slot = (unsigned)(((uintptr_t)msg * 0x9e3779b97f4a7c15u) >> 56) % SITES;
    uint64_t last = atomic_load(&sites[slot].second);
    *held_back = 0;
    if (last != now && atomic_compare_exchange_strong(&sites[slot].second, &last, now)) {
        uint32_t num = atomic_exchange(&sites[slot].num, 0);
        if (num > LINES_PER_S_MAX)
            *held_back = num - LINES_PER_S_MAX;
    }
    return atomic_fetch_add(&sites[slot].num, 1) < LINES_PER_S_MAX;
}

/* A string inside quotes; both formats escape alike. */
static void put_quoted(struct buf *b, const char *s)
{
    buf_put_u8(b, '"');
    for (; *s != 0; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            buf_put_u8(b, '\\');
            buf_put_u8(b, c);
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(b, "\\u%04x", (unsigned)c);
        } else {
            buf_put_u8(b, c);
        }
    }
    buf_put_u8(b, '"');
}

static bool plain(const char *s)
{
    if (*s == 0)
        return false;
    for (; *s != 0; s++) {
        unsigned char c = (unsigned char)*s;
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return true;
}

static void put_text(struct buf *b, enum log_format format, const char *s)
{
    if (s == NULL)
        s = "";
    if (format == LOG_LOGFMT && plain(s))
        buf_put_str(b, s);
    else
        put_quoted(b, s);
}

static void put_bytes(struct buf *b, enum log_format format, slice v)
{
    char text[2 + 2 * HEX_SHOW_MAX + 1] = "0x";
    size_t n = MT_MIN(v.len, HEX_SHOW_MAX);
    hex_encode(slice_of(v.ptr, n), text + 2);
    text[2 + 2 * n] = 0;
    put_text(b, format, text);
}

static void put_double(struct buf *b, enum log_format format, double v)
{
    char text[40];
    bool finite = v - v == 0;
    snprintf(text, sizeof text, "%.6g", v);
    if (format == LOG_JSON && !finite)
        buf_put_str(b, "null");
    else
        buf_put_str(b, text);
}

static void put_value(struct buf *b, enum log_format format, const struct log_kv *kv)
{
    switch (kv->kind) {
    case LOG_KV_STR:
        put_text(b, format, kv->v.str);
        break;
    case LOG_KV_U64:
        buf_printf(b, "%llu", (unsigned long long)kv->v.u64);
        break;
    case LOG_KV_I64:
        buf_printf(b, "%lld", (long long)kv->v.i64);
        break;
    case LOG_KV_F64:
        put_double(b, format, kv->v.f64);
        break;
    case LOG_KV_BYTES:
        put_bytes(b, format, kv->v.bytes);
        break;
    case LOG_KV_BOOL:
        buf_put_str(b, kv->v.b ? "true" : "false");
        break;
    }
}

static void put_time(struct buf *b)
{
    uint64_t ms = clock_unix_ms();
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(ms % 1000));
}

static void put_head(struct buf *b, enum log_format format, enum log_level level,
                     const char *module, const char *msg)
{
    static const char priorities[] = "34677"; /* syslog's numbers of the levels */
    if (atomic_load_explicit(&journal, memory_order_relaxed))
        buf_printf(b, "<%c>", priorities[level]);
    buf_put_str(b, format == LOG_JSON ? "{\"t\":\"" : "t=");
    put_time(b);
    if (format == LOG_JSON) {
        buf_printf(b, "\",\"lvl\":\"%s\",\"mod\":", level_names[level]);
        put_quoted(b, module);
        buf_put_str(b, ",\"msg\":");
    } else {
        buf_printf(b, " lvl=%s mod=%s msg=", level_names[level], module);
    }
    put_quoted(b, msg);
}

static void put_kv(struct buf *b, enum log_format format, const struct log_kv *kv)
{
    if (format == LOG_JSON) {
        buf_put_u8(b, ',');
        put_quoted(b, kv->key);
        buf_put_u8(b, ':');
    } else {
        buf_printf(b, " %s=", kv->key);
    }
    put_value(b, format, kv);
}

static atomic_bool stuck;
static _Atomic uint64_t dropped_all;    /* since the start */
static _Atomic uint64_t dropped_untold; /* since a line got through */

bool log_stuck(uint64_t *dropped)
{
    if (dropped != NULL)
        *dropped = atomic_load(&dropped_all);
    return atomic_load(&stuck);
}

static bool must_wait(void)
{
    struct pollfd f = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&f, 1, 0) == 0;
}

/* A line is shorter than PIPE_BUF, and a pipe that takes anything takes that much. */
static void write_all(const uint8_t *p, size_t n)
{
    struct pollfd f = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&f, 1, atomic_load(&stuck) ? 0 : WAIT_MS) == 0) {
        atomic_store(&stuck, true);
        atomic_fetch_add(&dropped_all, 1);
        metric_add(METRIC_log_dropped_total, METRIC_NODE, 1);
        atomic_fetch_add(&dropped_untold, 1);
        return;
    }
    atomic_store(&stuck, false);
    while (n > 0) {
        ssize_t w = write(STDERR_FILENO, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return; /* nobody is left to tell */
        p += w;
        n -= (size_t)w;
    }
}

void log_write(enum log_level level, const char *module, const char *msg,
               const struct log_kv *kvs)
{
    static const char cut_text[] = " cut=true", cut_json[] = ",\"cut\":true";
    _Alignas(16) uint8_t mem[LINE_MAX_ + 64];
    enum log_format format = (enum log_format)atomic_load(&general_format);
    struct arena arena;
    struct buf b;
    uint32_t held_back = 0;
    int saved_errno = errno;
    if (level <= LOG_INFO && !admit(msg, &held_back))
        return;
    arena_init_fixed(&arena, mem, sizeof mem);
    buf_init_arena(&b, &arena, LINE_MAX_ - 32);
    b.ptr = mem; /* the whole line's memory at once: nothing is ever moved */
    b.cap = LINE_MAX_ - 32;
    put_head(&b, format, level, module, msg);
    if (held_back != 0)
        put_kv(&b, format, &KV_U64("heldBack", held_back));
    if (atomic_load_explicit(&dropped_untold, memory_order_relaxed) != 0 && !must_wait())
        put_kv(&b, format, &KV_U64("dropped", atomic_exchange(&dropped_untold, 0)));
    for (const struct log_kv *kv = kvs; buf_ok(&b) && kv->key != NULL; kv++) {
        size_t before = b.len;
        put_kv(&b, format, kv);
        if (!buf_ok(&b))
            b.len = before;
    }
    size_t n = b.len;
    if (!buf_ok(&b)) {
        const char *cut = format == LOG_JSON ? cut_json : cut_text;
        memcpy(mem + n, cut, strlen(cut));
        n += strlen(cut);
    }
    if (format == LOG_JSON)
        mem[n++] = '}';
    mem[n++] = '\n';
    write_all(mem, n);
    errno = saved_errno;
}
