/* gzip both ways, for dumps of a development network's state: out as hex digits of a JSON
 * string while the text is being made, in under a cap, whatever a small input says it
 * unfolds to. */
#include "dev_int.h"

#define ZLIB_CONST
#include <zlib.h>

#define GZIP_WINDOW 31 /* 32 KiB, with gzip's header */
#define LEVEL       6
#define PIECE       ((size_t)32 * 1024)

static voidpf zlib_alloc(voidpf ctx, uInt num, uInt size)
{
    (void)ctx;
    return mt_alloc((size_t)num * size);
}

static void zlib_free(voidpf ctx, voidpf ptr)
{
    (void)ctx;
    mt_free(ptr);
}

struct gzip_hex {
    z_stream z;
    struct buf *out;
    uint8_t piece[PIECE];
};

struct gzip_hex *gzip_hex_new(struct buf *out)
{
    struct gzip_hex *g = mt_alloc(sizeof(*g));
    g->z.zalloc = zlib_alloc;
    g->z.zfree = zlib_free;
    g->out = out;
    int rc = deflateInit2(&g->z, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY);
    MT_ASSERT(rc == Z_OK);
    return g;
}

static void run(struct gzip_hex *g, int flush)
{
    do {
        g->z.next_out = g->piece;
        g->z.avail_out = PIECE;
        deflate(&g->z, flush);
        size_t n = PIECE - g->z.avail_out;
        uint8_t *to = buf_reserve(g->out, 2 * n);
        if (to == NULL)
            return;
        hex_encode(slice_of(g->piece, n), (char *)to);
        g->out->len += 2 * n;
    } while (g->z.avail_out == 0);
}

void gzip_hex_put(struct gzip_hex *g, slice text)
{
    while (text.len > 0 && buf_ok(g->out)) {
        size_t n = MT_MIN(text.len, (size_t)1 << 30);
        g->z.next_in = text.ptr;
        g->z.avail_in = (uInt)n;
        run(g, Z_NO_FLUSH);
        text = slice_of(text.ptr + n, text.len - n);
    }
}

void gzip_hex_free(struct gzip_hex *g)
{
    if (buf_ok(g->out))
        run(g, Z_FINISH);
    deflateEnd(&g->z);
    mt_free(g);
}

bool gzip_is(slice in)
{
    return in.len >= 2 && in.ptr[0] == 0x1f && in.ptr[1] == 0x8b;
}

mt_err gunzip(slice in, struct buf *out)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};
    int rc = inflateInit2(&z, GZIP_WINDOW);
    MT_ASSERT(rc == Z_OK);
    MT_ASSERT(in.len <= UINT32_MAX);
    z.next_in = in.ptr;
    z.avail_in = (uInt)in.len;
    while (rc == Z_OK) {
        size_t room = MT_MIN(PIECE, out->size_max - out->len);
        if (room == 0)
            break;
        z.next_out = buf_reserve(out, room);
        if (z.next_out == NULL)
            break;
        z.avail_out = (uInt)room;
        rc = inflate(&z, Z_NO_FLUSH);
        out->len += room - z.avail_out;
    }
    inflateEnd(&z);
    if (rc == Z_OK)
        return MT_ELIMIT;
    return rc == Z_STREAM_END && z.avail_in == 0 ? MT_OK : MT_EDECODE;
}
