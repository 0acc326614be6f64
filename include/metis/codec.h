/* codec: RLP both ways (core), JSON requests in, JSON replies out.
 *
 * RLP (yellow paper, appendix B) is decoded strictly: no leading zeros in lengths or
 * numbers, single bytes below 0x80 stand for themselves, no bytes left over. Slices
 * returned by the reader borrow from the input. */
#ifndef METIS_CODEC_H
#define METIS_CODEC_H

#include "metis/base.h"

/* ---- RLP reader: a cursor over the items of one list or one top-level item ---- */

struct rlp {
    const uint8_t *ptr; /* next item */
    const uint8_t *end;
};

static inline struct rlp rlp_reader(slice in)
{
    return (struct rlp){in.ptr, in.len > 0 ? in.ptr + in.len : in.ptr};
}

static inline bool rlp_at_end(const struct rlp *r)
{
    return r->ptr == r->end;
}

/* The next item: *payload without its header, *is_list its kind, *whole (may be NULL)
 * with the header. MT_EDECODE on malformed or missing input; the cursor then has not
 * moved. */
mt_err rlp_next(struct rlp *r, slice *payload, bool *is_list, slice *whole);

/* True when an item is there and is a list (no validation beyond the first byte). */
bool rlp_peek_list(const struct rlp *r);

/* Typed forms. u64 and u256 refuse leading zeros and longer values. fixed wants n bytes.
 */
mt_err rlp_get_list(struct rlp *r, struct rlp *inner);
mt_err rlp_get_bytes(struct rlp *r, slice *out);
mt_err rlp_get_fixed(struct rlp *r, void *out, size_t n);
mt_err rlp_get_u64(struct rlp *r, uint64_t *out);
mt_err rlp_get_u256(struct rlp *r, u256 *out);
mt_err rlp_get_bool(struct rlp *r, bool *out); /* 0x80 or 0x01 */

/* MT_EDECODE unless everything was read. */
mt_err rlp_finish(const struct rlp *r);

/* Number of items from here to the end; MT_EDECODE when one is malformed. */
mt_err rlp_count(const struct rlp *r, size_t *out);

/* ---- RLP writer: appends to a buffer ---- */

void rlp_put_bytes(struct buf *b, const void *ptr, size_t len);
void rlp_put_u64(struct buf *b, uint64_t v);
void rlp_put_u256(struct buf *b, u256 v);
void rlp_put_empty_list(struct buf *b);

/* A list: everything appended between begin and end becomes its payload. */
size_t rlp_begin(struct buf *b);
void rlp_end(struct buf *b, size_t begin);

/* Size of a string or list header for a payload of len bytes, and writing it. */
size_t rlp_header_size(size_t len);
void rlp_put_header(struct buf *b, size_t len, bool is_list);

/* ---- JSON replies: an append-only writer, commas by itself, never a tree ---- */

#ifndef METIS_FREESTANDING

struct json_out {
    struct buf *buf;
    bool comma; /* the next value needs one */
};

static inline struct json_out json_out(struct buf *b)
{
    return (struct json_out){b, false};
}

void json_obj(struct json_out *j);     /* { */
void json_obj_end(struct json_out *j); /* } */
void json_arr(struct json_out *j);
void json_arr_end(struct json_out *j);
/* "key": — the next value belongs to it. key is trusted ASCII. */
void json_key(struct json_out *j, const char *key);
void json_str(struct json_out *j, const char *s); /* escaped */
void json_str_n(struct json_out *j, const char *s,
                size_t n);         /* invalid UTF-8 -> U+FFFD */
void json_nil(struct json_out *j); /* null; json_null is jansson's */
void json_bool(struct json_out *j, bool v);
void json_u64(struct json_out *j, uint64_t v); /* decimal number */
void json_f64(struct json_out *j, double v);
void json_hex_u64(struct json_out *j, uint64_t v);          /* "0x1f": a quantity */
void json_hex_u256(struct json_out *j, u256 v);             /* quantity */
void json_hex(struct json_out *j, const void *p, size_t n); /* "0x…": data, 2n digits */
void json_hash(struct json_out *j, const hash32 *h);
void json_addr(struct json_out *j, const address *a);
void json_raw(struct json_out *j, slice text); /* already JSON */

/* A member: json_key and a value in one. */
#define JSON_MEMBER(name, type)                                                          \
    static inline void json_kv_##name(struct json_out *j, const char *key, type value)   \
    {                                                                                    \
        json_key(j, key);                                                                \
        json_##name(j, value);                                                           \
    }
JSON_MEMBER(str, const char *)
JSON_MEMBER(bool, bool)
JSON_MEMBER(u64, uint64_t)
JSON_MEMBER(f64, double)
JSON_MEMBER(hex_u64, uint64_t)
JSON_MEMBER(hex_u256, u256)
JSON_MEMBER(hash, const hash32 *)
JSON_MEMBER(addr, const address *)
JSON_MEMBER(raw, slice)
#undef JSON_MEMBER

static inline void json_kv_hex(struct json_out *j, const char *key, const void *p,
                               size_t n)
{
    json_key(j, key);
    json_hex(j, p, n);
}

static inline void json_kv_nil(struct json_out *j, const char *key)
{
    json_key(j, key);
    json_nil(j);
}

/* ---- JSON in: jansson behind caps ---- */

struct json_t;

/* Bytes that the tree of a text takes at most, from its punctuation. */
size_t json_weight(slice text);

/* Parses one document. Depth and size are checked before jansson sees it; duplicate keys
 * are refused. MT_ELIMIT or MT_EDECODE with line and column in diag. *out is released
 * with json_free. */
mt_err json_parse(slice text, size_t size_max, unsigned depth_max, struct json_t **out,
                  struct mt_diag *diag);
/* The same for texts whose strings may hold NUL (\u0000): json_string_length counts. */
mt_err json_parse_nul(slice text, size_t size_max, unsigned depth_max,
                      struct json_t **out, struct mt_diag *diag);
void json_free(struct json_t *doc);

#endif
#endif
