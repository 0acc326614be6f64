/* TLS on a connection: OpenSSL between two memory BIOs, libuv moves the bytes.
 *
 *   socket --read_cb--> [in] --SSL_read--> handle_input     (plain bytes, as without TLS)
 *   output chunks --SSL_write--> [out] --> wire --uv_try_write / uv_write--> socket
 *
 * At most TLS_WIRE_MAX sealed bytes wait; the rest stays in the plain chunks, whose
 * limits hold. The handshake must end within the header timeout of the connection, for
 * until then no request has begun. TLS 1.2 and 1.3, no renegotiation, no compression. */
#include "net_int.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define TLS_WIRE_MAX (256u * 1024u)
#define RECORD_SIZE  (16u * 1024u)

struct net_tls {
    SSL_CTX *ctx;
};

struct tls {
    SSL *ssl;
    BIO *in, *out;   /* the SSL's */
    struct buf wire; /* sealed, from wire_off on */
    size_t wire_off;
    bool closed; /* our close_notify is said */
};

/* ---- the certificate ---- */

static mt_err tls_fail(struct mt_diag *diag, const char *path)
{
    char text[160];
    ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
    ERR_clear_error();
    return mt_fail(diag, MT_EINVAL, "%s: %s", path, text);
}

mt_err net_tls_new(const char *cert, const char *key, struct net_tls **out,
                   struct mt_diag *diag)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    mt_err err = MT_OK;
    if (ctx == NULL)
        return tls_fail(diag, "TLS");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        err = tls_fail(diag, cert);
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(ctx) != 1)
        err = tls_fail(diag, key);
    if (err != MT_OK) {
        SSL_CTX_free(ctx);
        return err;
    }
    struct net_tls *t = mt_alloc(sizeof(*t));
    t->ctx = ctx;
    *out = t;
    return MT_OK;
}

void net_tls_free(struct net_tls *t)
{
    if (t == NULL)
        return;
    SSL_CTX_free(t->ctx);
    mt_free(t);
}

/* ---- a connection ---- */

bool tls_start(struct conn *c, const struct net_tls *t)
{
    SSL *ssl = SSL_new(t->ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (ssl == NULL || in == NULL || out == NULL) {
        SSL_free(ssl);
        BIO_free(in);
        BIO_free(out);
        ERR_clear_error();
        return false;
    }
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    c->tls = mt_alloc(sizeof(*c->tls));
    *c->tls = (struct tls){.ssl = ssl, .in = in, .out = out};
    buf_init(&c->tls->wire, 2u * TLS_WIRE_MAX);
    return true;
}

void tls_free(struct tls *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    buf_fini(&t->wire);
    mt_free(t);
}

/* False: the peer broke the protocol or said goodbye; what is to be told it is on the
 * wire. */
static bool is_over(struct conn *c, int r)
{
    int why = SSL_get_error(c->tls->ssl, r);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return false;
    if (why == SSL_ERROR_SSL)
        metric_add(METRIC_net_tls_failures_total, c->server->opt.metric_net, 1);
    ERR_clear_error();
    return true;
}

void tls_read(struct conn *c, slice in)
{
    struct net_server *s = c->server;
    ERR_clear_error();
    if (BIO_write(c->tls->in, in.ptr, (int)in.len) != (int)in.len) {
        conn_close(c);
        return;
    }
    bool over = false;
    while (!c->closing && !c->draining && !over) {
        int n = SSL_read(c->tls->ssl, s->tls_buf, sizeof(s->tls_buf));
        if (n > 0)
            conn_input(c, slice_of(s->tls_buf, (size_t)n));
        else if (is_over(c, n))
            over = true;
        else
            break;
    }
    if (c->closing)
        return;
    conn_flush(c);
    if (over && !c->closing)
        conn_eof(c);
}

/* ---- output ---- */

static void take_sealed(struct tls *t)
{
    size_t n = BIO_ctrl_pending(t->out);
    uint8_t *at = n == 0 ? NULL : buf_reserve(&t->wire, n);
    if (at != NULL && BIO_read(t->out, at, (int)n) == (int)n)
        t->wire.len += n;
}

static void seal(struct conn *c)
{
    struct tls *t = c->tls;
    while (c->out_head != NULL && SSL_is_init_finished(t->ssl) &&
           t->wire.len - t->wire_off < TLS_WIRE_MAX) {
        struct chunk *k = c->out_head;
        size_t left = k->b.len - k->off;
        int n = left == 0 ? 0
                          : SSL_write(t->ssl, k->b.ptr + k->off,
                                      (int)MT_MIN(left, RECORD_SIZE));
        if (n < 0 || (n == 0 && left > 0)) {
            ERR_clear_error();
            conn_close(c);
            return;
        }
        conn_consume(c, (size_t)n);
        take_sealed(t);
    }
    take_sealed(t);
}

static void wire_sent(struct tls *t, size_t n)
{
    t->wire_off += n;
    if (t->wire_off == t->wire.len) {
        t->wire_off = 0;
        buf_reset(&t->wire);
    }
}

static void write_cb(uv_write_t *req, int status)
{
    struct conn *c = req->data;
    c->writing = false;
    c->write_deadline_ms = 0;
    if (c->closing)
        return;
    if (status < 0) {
        conn_close(c);
        return;
    }
    wire_sent(c->tls, c->tls->wire.len - c->tls->wire_off);
    conn_flush(c);
    if (!c->closing)
        conn_resume(c);
}

/* False: the wire is full, or the connection is closing. */
static bool send_wire(struct conn *c)
{
    struct tls *t = c->tls;
    size_t left = t->wire.len - t->wire_off;
    uv_buf_t b = uv_buf_init((char *)t->wire.ptr + t->wire_off, (unsigned)left);
    if (left == 0)
        return true;
    int r = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    if (r < 0 && r != UV_EAGAIN) {
        conn_close(c);
        return false;
    }
    wire_sent(t, r < 0 ? 0 : (size_t)r);
    left = t->wire.len - t->wire_off;
    if (left == 0)
        return true;
    b = uv_buf_init((char *)t->wire.ptr + t->wire_off, (unsigned)left);
    c->write.data = c;
    c->write_left = left;
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, write_cb) != 0) {
        conn_close(c);
        return false;
    }
    c->writing = true;
    c->write_deadline_ms = uv_now(c->server->loop) + c->server->opt.write_timeout_ms;
    return false;
}

bool tls_flush(struct conn *c)
{
    struct tls *t = c->tls;
    for (;;) {
        seal(c);
        if (c->closing || !send_wire(c))
            return false;
        if (c->out_head != NULL && SSL_is_init_finished(t->ssl))
            continue;
        bool said = c->draining && (c->ws != NULL || !conn_owes(c));
        if (!said || t->closed)
            return c->out_head == NULL;
        t->closed = true; /* goodbye leaves in the next round */
        SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
}
