/* Error codes, diagnostics and assertions of the whole project.
 *
 * One X-macro holds every code with its text. The detail of a failure (text and cause) is
 * carried in a `struct mt_diag` that belongs to the job or call; there is no thread-local
 * error state. Part of the provable core: builds freestanding. */
#ifndef METIS_BASE_ERR_H
#define METIS_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, text): the value is the position, MT_OK is 0. */
#define MT_ERRORS(X)                                                                     \
    X(OK, "ok")                                                                          \
    X(EINVAL, "invalid argument")                                                        \
    X(EDECODE, "malformed encoding")                                                     \
    X(ELIMIT, "limit exceeded")                                                          \
    X(ENOMEM, "out of memory")                                                           \
    X(ENOTFOUND, "not found")                                                            \
    X(EEXIST, "already exists")                                                          \
    X(EIO, "input/output error")                                                         \
    X(ECORRUPT, "data corrupt")                                                          \
    X(EVERSION, "version mismatch")                                                      \
    X(EBUSY, "busy")                                                                     \
    X(ETIMEOUT, "timed out")                                                             \
    X(ECANCELED, "canceled")                                                             \
    X(EUNSUPPORTED, "not supported")                                                     \
    X(EAUTH, "not authorised")                                                           \
    X(ECRYPTO, "cryptographic check failed")                                             \
    X(EINVALID_TX, "invalid transaction")                                                \
    X(EINVALID_BLOCK, "invalid block")                                                   \
    X(ENEEDSTATE, "state not available yet")

typedef enum mt_err {
#define MT_ERR_ENUM(name, text) MT_##name,
    MT_ERRORS(MT_ERR_ENUM)
#undef MT_ERR_ENUM
        MT_ERR_COUNT
} mt_err;

#define MT_DIAG_TEXT_MAX 256

/* Detail of one failure, owned by whoever made the call. Zero-initialise before use. */
struct mt_diag {
    mt_err code;
    char text[MT_DIAG_TEXT_MAX]; /* always NUL-terminated */
};

/* The constant text of a code ("unknown error" for a value outside the table). */
const char *mt_err_text(mt_err code);

/* Formats (own formatter, see mt_vfmt) into diag when diag is not NULL and returns
 * code, so that `return mt_fail(diag, MT_EDECODE, "...")` is one statement. code is not
 * MT_OK. */
__attribute__((format(printf, 3, 4))) mt_err mt_fail(struct mt_diag *diag, mt_err code,
                                                     const char *fmt, ...);

/* Puts "prefix: " before the text already in diag (place of a nested failure); returns
 * code. */
__attribute__((format(printf, 3, 4))) mt_err mt_wrap(struct mt_diag *diag, mt_err code,
                                                     const char *fmt, ...);

/* A small freestanding formatter: %s %.*s %c %d %i %u %x %p %% with l, ll, z, width, and
 * 0 padding. Writes at most size - 1 characters and a NUL; returns the length written. */
size_t mt_vfmt(char *out, size_t size, const char *fmt, va_list ap);
__attribute__((format(printf, 3, 4))) size_t mt_fmt(char *out, size_t size,
                                                    const char *fmt, ...);

/* Prints the expression and place on stderr (hosted) and aborts. */
_Noreturn void mt_assert_fail(const char *expr, const char *file, int line);

/* Invariants, in release builds too. Never on input. */
#define MT_ASSERT(expr)                                                                  \
    ((expr) ? (void)0 : mt_assert_fail(#expr, __FILE_NAME__, __LINE__))

#ifdef METIS_DCHECK
#define MT_DCHECK(expr) MT_ASSERT(expr)
#else
#define MT_DCHECK(expr) ((void)0)
#endif

/* Evaluates a fallible call and returns its error from the current function. */
#define MT_TRY(call)                                                                     \
    do {                                                                                 \
        mt_err mt_try_err_ = (call);                                                     \
        if (mt_try_err_ != MT_OK)                                                        \
            return mt_try_err_;                                                          \
    } while (0)

#define MT_LIKELY(x)    __builtin_expect(!!(x), 1)
#define MT_UNLIKELY(x)  __builtin_expect(!!(x), 0)
#define MT_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MT_MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MT_MAX(a, b)    ((a) > (b) ? (a) : (b))

#endif
