/* Hexadecimal text of bytes and back. */
#include "metis/base/bytes.h"

static const char hex_digits[] = "0123456789abcdef";

/* Eight digits of four bytes at once, the first digit in the top byte. */
static uint64_t eight_digits(uint32_t bytes)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t n = bytes;
    n = (n << 16 | n) & 0x0000ffff0000ffff;
    n = (n << 8 | n) & 0x00ff00ff00ff00ff;
    n = (n << 4 | n) & 0x0f0f0f0f0f0f0f0f;
    uint64_t letters = ((n + 6 * ones) >> 4) & ones; /* 1 where the digit is above 9 */
    return n + '0' * ones + ('a' - '9' - 1) * letters;
}

void hex_encode(slice in, char *out)
{
    size_t i = 0;
    for (; i + 4 <= in.len; i += 4)
        store_be64((uint8_t *)out + 2 * i, eight_digits(load_be32(in.ptr + i)));
    for (; i < in.len; i++) {
        out[2 * i] = hex_digits[in.ptr[i] >> 4];
        out[2 * i + 1] = hex_digits[in.ptr[i] & 15];
    }
}

/* The value of a digit, or 16 and more for anything else. */
static unsigned digit_value(char c)
{
    unsigned d = (unsigned char)c - (unsigned)'0';
    if (d < 10)
        return d;
    d = ((unsigned char)c | 0x20u) - (unsigned)'a';
    return d < 6 ? d + 10 : 16;
}

mt_err hex_decode(const char *s, size_t len, uint8_t *out, size_t out_max,
                  size_t *out_len)
{
    if (len >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        s += 2;
        len -= 2;
    }
    if (len % 2 != 0)
        return MT_EDECODE;
    size_t n = len / 2;
    if (n > out_max)
        return MT_ELIMIT;
    for (size_t i = 0; i < n; i++) {
        unsigned hi = digit_value(s[2 * i]), lo = digit_value(s[2 * i + 1]);
        if ((hi | lo) > 15)
            return MT_EDECODE;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    *out_len = n;
    return MT_OK;
}

mt_err hex_decode_fixed(const char *s, uint8_t *out, size_t n)
{
    size_t len = strlen(s), got;
    size_t prefix = len >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 2 : 0;
    if (len - prefix != 2 * n)
        return MT_EDECODE;
    return hex_decode(s, len, out, n, &got);
}

static hex_text text_of(slice v)
{
    hex_text t;
    t.s[0] = '0';
    t.s[1] = 'x';
    hex_encode(v, t.s + 2);
    t.s[2 + 2 * v.len] = 0;
    return t;
}

hex_text hash32_text(const hash32 *h)
{
    return text_of(slice_of(h->b, 32));
}

hex_text address_text(const address *a)
{
    return text_of(slice_of(a->b, 20));
}
