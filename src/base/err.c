/* Error texts, diagnostics, the assertion's end, and a small formatter.
 *
 * The formatter exists because the provable core has no libc: it knows integers, strings,
 * characters and pointers, widths, precisions of strings and zero padding. It is not
 * printf: no floating point, no positions. An unknown conversion is written as it stands,
 * so that a mistake is seen in the message instead of being undefined behaviour. */
#include "metis/base/err.h"

#include <string.h>
#ifndef METIS_FREESTANDING
#include <stdlib.h>
#include <unistd.h>
#endif

const char *mt_err_text(mt_err code)
{
    static const char *const texts[] = {
#define ERR_TEXT(name, text) text,
        MT_ERRORS(ERR_TEXT)
#undef ERR_TEXT
    };
    unsigned i = (unsigned)code;
    return i < MT_ARRAY_LEN(texts) ? texts[i] : "unknown error";
}

/* The output cursor: counts what is kept, drops what does not fit. */
struct out {
    char *ptr;
    size_t len;
    size_t cap; /* without the NUL */
};

static void put(struct out *o, const char *s, size_t n)
{
    size_t room = o->cap - o->len;
    if (n > room)
        n = room;
    memcpy(o->ptr + o->len, s, n);
    o->len += n;
}

static void pad(struct out *o, char c, size_t n)
{
    while (n-- > 0 && o->len < o->cap)
        o->ptr[o->len++] = c;
}

/* One conversion: % [-0] [width] [.precision] [length] letter. */
struct spec {
    size_t width;
    size_t precision;
    bool has_precision;
    bool left;
    bool zero;
    int longs; /* 0 int, 1 and more 64 bits, on every machine we build for */
};

static void put_padded(struct out *o, const struct spec *s, const char *sign,
                       const char *text, size_t n)
{
    size_t sign_len = sign[0] == 0 ? 0 : (sign[1] == 0 ? 1 : 2);
    size_t total = n + sign_len;
    size_t fill = s->width > total ? s->width - total : 0;
    if (!s->left && !s->zero)
        pad(o, ' ', fill);
    put(o, sign, sign_len);
    if (!s->left && s->zero)
        pad(o, '0', fill);
    put(o, text, n);
    if (s->left)
        pad(o, ' ', fill);
}

static void put_number(struct out *o, const struct spec *s, const char *sign, uint64_t v,
                       unsigned base, const char *digits)
{
    char text[20];
    size_t at = sizeof text;
    do {
        text[--at] = digits[v % base];
        v /= base;
    } while (v != 0);
    put_padded(o, s, sign, text + at, sizeof text - at);
}

static const char *parse_spec(const char *f, struct spec *s, va_list *ap)
{
    *s = (struct spec){0};
    for (; *f == '-' || *f == '0'; f++) {
        s->left |= *f == '-';
        s->zero |= *f == '0';
    }
    if (*f == '*') {
        int w = va_arg(*ap, int);
        s->width = w > 0 ? (size_t)w : 0;
        f++;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        s->width = s->width < 10000 ? s->width * 10 + (size_t)(*f - '0') : s->width;
    if (*f == '.') {
        s->has_precision = true;
        f++;
        if (*f == '*') {
            int p = va_arg(*ap, int);
            s->precision = p > 0 ? (size_t)p : 0;
            s->has_precision = p >= 0;
            f++;
        }
        for (; *f >= '0' && *f <= '9'; f++)
            s->precision = s->precision < 10000 ? s->precision * 10 + (size_t)(*f - '0')
                                                : s->precision;
    }
    for (; *f == 'l' || *f == 'z' || *f == 'j' || *f == 'h'; f++)
        s->longs += *f != 'h';
    return f;
}

static void put_string(struct out *o, struct spec *s, const char *text)
{
    size_t n = 0;
    if (text == NULL)
        text = "(null)";
    while ((!s->has_precision || n < s->precision) && text[n] != 0)
        n++;
    s->zero = false;
    put_padded(o, s, "", text, n);
}

static void put_conversion(struct out *o, const char *start, const char *f,
                           struct spec *s, va_list *ap)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    switch (*f) {
    case 's':
        put_string(o, s, va_arg(*ap, const char *));
        return;
    case 'c': {
        char c = (char)va_arg(*ap, int);
        put_padded(o, s, "", &c, 1);
        return;
    }
    case 'd':
    case 'i': {
        int64_t v = s->longs > 0 ? va_arg(*ap, int64_t) : va_arg(*ap, int);
        uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
        put_number(o, s, v < 0 ? "-" : "", magnitude, 10, lower);
        return;
    }
    case 'u':
    case 'x':
    case 'X': {
        uint64_t v = s->longs > 0 ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned);
        put_number(o, s, "", v, *f == 'u' ? 10 : 16, *f == 'X' ? upper : lower);
        return;
    }
    case 'p':
        put_number(o, s, "0x", (uint64_t)(uintptr_t)va_arg(*ap, void *), 16, lower);
        return;
    case '%':
        put(o, "%", 1);
        return;
    default:
        put(o, start, (size_t)(f - start) + (*f != 0));
    }
}

size_t mt_vfmt(char *out, size_t size, const char *fmt, va_list ap)
{
    if (size == 0)
        return 0;
    struct out o = {out, 0, size - 1};
    va_list args;
    va_copy(args, ap);
    for (const char *f = fmt; *f != 0;) {
        const char *start = f;
        while (*f != 0 && *f != '%')
            f++;
        put(&o, start, (size_t)(f - start));
        if (*f == 0)
            break;
        struct spec s;
        start = f;
        f = parse_spec(f + 1, &s, &args);
        put_conversion(&o, start, f, &s, &args);
        if (*f != 0)
            f++;
    }
    va_end(args);
    out[o.len] = 0;
    return o.len;
}

size_t mt_fmt(char *out, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t n = mt_vfmt(out, size, fmt, ap);
    va_end(ap);
    return n;
}

mt_err mt_fail(struct mt_diag *diag, mt_err code, const char *fmt, ...)
{
    if (diag != NULL) {
        va_list ap;
        va_start(ap, fmt);
        diag->code = code;
        mt_vfmt(diag->text, sizeof diag->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

mt_err mt_wrap(struct mt_diag *diag, mt_err code, const char *fmt, ...)
{
    if (diag != NULL) {
        char prefix[MT_DIAG_TEXT_MAX], inner[MT_DIAG_TEXT_MAX];
        va_list ap;
        va_start(ap, fmt);
        mt_vfmt(prefix, sizeof prefix, fmt, ap);
        va_end(ap);
        memcpy(inner, diag->text, sizeof inner);
        inner[sizeof inner - 1] = 0;
        diag->code = code;
        mt_fmt(diag->text, sizeof diag->text, "%s: %s", prefix,
               inner[0] != 0 ? inner : mt_err_text(code));
    }
    return code;
}

void mt_assert_fail(const char *expr, const char *file, int line)
{
#ifdef METIS_FREESTANDING
    (void)expr;
    (void)file;
    (void)line;
    __builtin_trap();
#else
    char text[512];
    size_t n =
        mt_fmt(text, sizeof text, "assertion failed: %s (%s:%d)\n", expr, file, line);
    ssize_t written = write(STDERR_FILENO, text, n);
    (void)written; /* the process ends here either way */
    abort();
#endif
}
