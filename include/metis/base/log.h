/* Structured log: constant message, variables in keys; logfmt or JSON lines on stderr.
 *
 * log_info("chain", "imported block", KV_U64("number", n), KV_HASH("hash", &h),
 *          KV_END);
 * Safe from any thread; one write(2) a line. */
#ifndef METIS_BASE_LOG_H
#define METIS_BASE_LOG_H

#include "metis/base/u256.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_kv {
    const char *key;
    enum {
        LOG_KV_STR,
        LOG_KV_U64,
        LOG_KV_I64,
        LOG_KV_F64,
        LOG_KV_BYTES,
        LOG_KV_BOOL
    } kind;
    union {
        const char *str;
        uint64_t u64;
        int64_t i64;
        double f64;
        slice bytes;
        bool b;
    } v;
};

#define KV_STR(k, s)    ((struct log_kv){(k), LOG_KV_STR, {.str = (s)}})
#define KV_U64(k, n)    ((struct log_kv){(k), LOG_KV_U64, {.u64 = (uint64_t)(n)}})
#define KV_I64(k, n)    ((struct log_kv){(k), LOG_KV_I64, {.i64 = (int64_t)(n)}})
#define KV_F64(k, x)    ((struct log_kv){(k), LOG_KV_F64, {.f64 = (x)}})
#define KV_BOOL(k, x)   ((struct log_kv){(k), LOG_KV_BOOL, {.b = (x)}})
#define KV_HEX(k, s)    ((struct log_kv){(k), LOG_KV_BYTES, {.bytes = (s)}})
#define KV_HASH(k, h)   KV_HEX((k), slice_of((h)->b, 32))
#define KV_ADDR(k, a)   KV_HEX((k), slice_of((a)->b, 20))
#define KV_END          ((struct log_kv){NULL, LOG_KV_U64, {.u64 = 0}})
#define KV_ERR(k, e, d) KV_STR((k), log_err_text((e), (d)))

/* The detail of a failure, or its code's text when there is none (diag may be NULL). */
static inline const char *log_err_text(mt_err err, const struct mt_diag *diag)
{
    return diag != NULL && diag->text[0] != 0 ? diag->text : mt_err_text(err);
}

/* Set once at start (or by the operator at run time). Default: info, logfmt, stderr. */
void log_setup(enum log_level level, enum log_format format);

/* Level of one module, overriding the general one; at most 32 modules. */
mt_err log_module_level(const char *module, enum log_level level);
mt_err log_level_parse(const char *text, enum log_level *out);
/* Nobody takes what is written to stderr. *dropped (may be NULL): lines lost that way. */
bool log_stuck(uint64_t *dropped);

/* The level of a module (NULL: the general one), and a level's name. */
enum log_level log_level_of(const char *module);
const char *log_level_name(enum log_level level);
bool log_enabled(const char *module, enum log_level level);

/* kvs ends at the first entry whose key is NULL (KV_END). */
void log_write(enum log_level level, const char *module, const char *msg,
               const struct log_kv *kvs);

/* The variables always end with KV_END: log_info("node", "stopped", KV_END). */
#define LOG_AT_(lvl, mod, msg, ...)                                                      \
    do {                                                                                 \
        if (log_enabled((mod), (lvl)))                                                   \
            log_write((lvl), (mod), (msg), (const struct log_kv[]){__VA_ARGS__});        \
    } while (0)
#define log_error(mod, msg, ...) LOG_AT_(LOG_ERROR, mod, msg, __VA_ARGS__)
#define log_warn(mod, msg, ...)  LOG_AT_(LOG_WARN, mod, msg, __VA_ARGS__)
#define log_info(mod, msg, ...)  LOG_AT_(LOG_INFO, mod, msg, __VA_ARGS__)
#define log_debug(mod, msg, ...) LOG_AT_(LOG_DEBUG, mod, msg, __VA_ARGS__)

#endif
