/* The JSON writer: appends text to a buffer and knows nothing but whether a comma is due.
 * Hex goes through a table of digit pairs; a large reply is mostly hex. */
#include "metis/codec.h"

#include <math.h>
#include <stdio.h>

static void begin_value(struct json_out *j)
{
    if (j->comma)
        buf_put_u8(j->buf, ',');
    j->comma = true;
}

static void open(struct json_out *j, char c)
{
    begin_value(j);
    buf_put_u8(j->buf, (uint8_t)c);
    j->comma = false;
}

static void close(struct json_out *j, char c)
{
    buf_put_u8(j->buf, (uint8_t)c);
    j->comma = true;
}

void json_obj(struct json_out *j)
{
    open(j, '{');
}

void json_obj_end(struct json_out *j)
{
    close(j, '}');
}

void json_arr(struct json_out *j)
{
    open(j, '[');
}

void json_arr_end(struct json_out *j)
{
    close(j, ']');
}

void json_key(struct json_out *j, const char *key)
{
    size_t n = strlen(key);
    uint8_t *p = buf_reserve(j->buf, n + 4);
    if (p == NULL)
        return;
    uint8_t *at = p;
    if (j->comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, key, n);
    at += n;
    *at++ = '"';
    *at++ = ':';
    j->buf->len += (size_t)(at - p);
    j->comma = false;
}

/* Length of the valid UTF-8 sequence at s (RFC 3629), 0 when there is none. */
static size_t utf8_len(const uint8_t *s, size_t left)
{
    static const struct {
        uint8_t lo, hi, len, second_lo, second_hi;
    } rows[] = {
        {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf},
        {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf},
        {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
        {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf},
        {0xf4, 0xf4, 4, 0x80, 0x8f},
    };
    for (size_t i = 0; i < MT_ARRAY_LEN(rows); i++) {
        if (s[0] < rows[i].lo || s[0] > rows[i].hi)
            continue;
        size_t n = rows[i].len;
        if (n > left || (n > 1 && (s[1] < rows[i].second_lo || s[1] > rows[i].second_hi)))
            return 0;
        for (size_t k = 2; k < n; k++) {
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        }
        return n;
    }
    return 0;
}

static void put_char(struct buf *b, uint8_t c)
{
    switch (c) {
    case '"':
        buf_put_str(b, "\\\"");
        break;
    case '\\':
        buf_put_str(b, "\\\\");
        break;
    case '\n':
        buf_put_str(b, "\\n");
        break;
    case '\r':
        buf_put_str(b, "\\r");
        break;
    case '\t':
        buf_put_str(b, "\\t");
        break;
    default:
        if (c < 0x20)
            buf_printf(b, "\\u%04x", (unsigned)c);
        else
            buf_put_u8(b, c);
    }
}

void json_str_n(struct json_out *j, const char *s, size_t n)
{
    const uint8_t *p = (const uint8_t *)s;
    begin_value(j);
    buf_put_u8(j->buf, '"');
    for (size_t i = 0; i < n;) {
        size_t len = utf8_len(p + i, n - i);
        if (len == 1)
            put_char(j->buf, p[i]);
        else if (len > 1)
            buf_put(j->buf, p + i, len);
        else
            buf_put_str(j->buf, "\xef\xbf\xbd");
        i += MT_MAX(len, 1);
    }
    buf_put_u8(j->buf, '"');
}

void json_str(struct json_out *j, const char *s)
{
    json_str_n(j, s, strlen(s));
}

void json_nil(struct json_out *j)
{
    begin_value(j);
    buf_put_str(j->buf, "null");
}

void json_bool(struct json_out *j, bool v)
{
    begin_value(j);
    buf_put_str(j->buf, v ? "true" : "false");
}

void json_u64(struct json_out *j, uint64_t v)
{
    begin_value(j);
    buf_printf(j->buf, "%llu", (unsigned long long)v);
}

/* Shortest text that reads back as the same number; JSON has no infinities. */
void json_f64(struct json_out *j, double v)
{
    char text[40];
    begin_value(j);
    if (!isfinite(v)) {
        buf_put_str(j->buf, "null");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        double back = 0;
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (sscanf(text, "%lf", &back) == 1 && memcmp(&back, &v, sizeof(v)) == 0)
            break;
    }
    buf_put_str(j->buf, text);
}

static void put_hex(struct json_out *j, const uint8_t *p, size_t n, bool skip_nibble)
{
    begin_value(j);
    uint8_t *at = buf_reserve(j->buf, 2 * n + 4);
    if (at == NULL)
        return;
    size_t digits = 2 * n - (skip_nibble ? 1 : 0);
    memcpy(at, "\"0x", 3);
    /* The digit that is skipped is overwritten by the prefix's x. */
    hex_encode(slice_of(p, n), (char *)at + 3 - (skip_nibble ? 1 : 0));
    at[2] = 'x';
    at[3 + digits] = '"';
    j->buf->len += digits + 4;
}

void json_hex_u256(struct json_out *j, u256 v)
{
    uint8_t be[32];
    unsigned n = MT_MAX(u256_bytes(v), 1);
    u256_store_be(v, be);
    put_hex(j, be + 32 - n, n, be[32 - n] < 0x10);
}

void json_hex_u64(struct json_out *j, uint64_t v)
{
    json_hex_u256(j, u256_from(v));
}

void json_hex(struct json_out *j, const void *p, size_t n)
{
    put_hex(j, p, n, false);
}

void json_hash(struct json_out *j, const hash32 *h)
{
    put_hex(j, h->b, 32, false);
}

void json_addr(struct json_out *j, const address *a)
{
    put_hex(j, a->b, 20, false);
}

void json_raw(struct json_out *j, slice text)
{
    begin_value(j);
    buf_put_slice(j->buf, text);
}
