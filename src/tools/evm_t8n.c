/* metis-evm t8n: inputs and the order of the steps (evm_t8n.h). */
#include "evm_t8n.h"
#include "evm.h"

#include <stdarg.h>
#include <stdio.h>

#define MEMORY_MAX ((size_t)4 << 30)

int t8n_fail(struct t8n *t, int status, const char *fmt, ...)
{
    char text[MT_DIAG_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    mt_fail(&t->diag, MT_EINVAL, "%s", text);
    return status;
}

/* ================= inputs ================= */

struct inputs {
    json_t *from_stdin; /* an object with the parts that are not in files */
    json_t *alloc, *env, *txs;
};

static bool is_stdin(const char *name)
{
    return strcmp(name, "stdin") == 0;
}

/* A document of a file or of standard input. */
static int read_json(struct t8n *t, const char *path, json_t **out)
{
    struct buf text;
    buf_init(&text, FX_FILE_SIZE_MAX);
    struct mt_diag diag = {0};
    int status = T8N_OK;
    mt_err err = fx_read_file(is_stdin(path) ? "-" : path, &text);
    if (err != MT_OK) {
        status = t8n_fail(t, T8N_IO, "failed reading %s: %s", path, mt_err_text(err));
    } else {
        err = json_parse(buf_slice(&text), FX_FILE_SIZE_MAX, FX_DEPTH_MAX, out, &diag);
        if (err != MT_OK)
            status = t8n_fail(t, T8N_JSON, "failed unmarshaling %s: %s", path,
                              log_err_text(err, &diag));
    }
    buf_fini(&text);
    return status;
}

/* One part: from its file (then *out is owned), or borrowed from standard input's. */
static int read_part(struct t8n *t, const struct inputs *in, const char *path,
                     const char *key, json_t **out)
{
    if (!is_stdin(path))
        return read_json(t, path, out);
    *out = json_incref(json_object_get(in->from_stdin, key));
    return T8N_OK;
}

/* Without one the state is empty. */
static int read_alloc(struct t8n *t, const json_t *alloc)
{
    struct mt_diag diag = {0};
    json_t *none = json_object();
    mt_err err = mem_state_parse(alloc == NULL || json_is_null(alloc) ? none : alloc,
                                 &t->arena, &t->pre, &diag);
    json_free(none);
    if (err != MT_OK)
        return t8n_fail(t, T8N_JSON, "alloc: %s", log_err_text(err, &diag));
    return T8N_OK;
}

/* The text of an RLP list in hex. */
static int read_rlp_text(struct t8n *t, const json_t *text)
{
    const char *s = json_string_value(text);
    size_t len = json_string_length(text), n;
    if (s == NULL)
        return t8n_fail(t, T8N_JSON, "transactions: not a string of hex");
    uint8_t *room = arena_alloc(&t->arena, len / 2 + 1);
    if (room == NULL || hex_decode(s, len, room, len / 2 + 1, &n) != MT_OK)
        return t8n_fail(t, T8N_RLP, "transactions: not hex");
    return t8n_read_txs_rlp(t, slice_of(room, n));
}

static int read_txs(struct t8n *t, const struct inputs *in)
{
    size_t len = strlen(t->opt.txs);
    if (is_stdin(t->opt.txs)) {
        const json_t *rlp = json_object_get(in->from_stdin, "txsRlp");
        if (json_string_length(rlp) > 0)
            return read_rlp_text(t, rlp);
    } else if (len >= 4 && strcmp(t->opt.txs + len - 4, ".rlp") == 0) {
        return read_rlp_text(t, in->txs);
    }
    return t8n_read_txs(t, in->txs);
}

/* One line of an RLP file is a JSON string, which the parser of documents takes only
 * within one: it is put into a list. */
static int read_rlp_file(struct t8n *t, const char *path, json_t **out)
{
    struct buf text;
    buf_init(&text, FX_FILE_SIZE_MAX);
    mt_err err = fx_read_file(path, &text);
    int status = T8N_OK;
    slice s = buf_slice(&text);
    while (s.len > 0 && strchr(" \t\r\n\"", s.ptr[s.len - 1]) != NULL)
        s.len--;
    while (s.len > 0 && strchr(" \t\r\n\"", s.ptr[0]) != NULL)
        s = slice_of(s.ptr + 1, s.len - 1);
    if (err != MT_OK)
        status = t8n_fail(t, T8N_IO, "failed reading %s: %s", path, mt_err_text(err));
    else if ((*out = json_stringn((const char *)s.ptr, s.len)) == NULL)
        status = t8n_fail(t, T8N_JSON, "%s: not text", path);
    buf_fini(&text);
    return status;
}

static int read_inputs(struct t8n *t, struct inputs *in)
{
    const struct t8n_options *o = &t->opt;
    size_t len = strlen(o->txs);
    int status = T8N_OK;
    if (is_stdin(o->alloc) || is_stdin(o->env) || is_stdin(o->txs))
        status = read_json(t, "stdin", &in->from_stdin);
    if (status == T8N_OK)
        status = read_part(t, in, o->alloc, "alloc", &in->alloc);
    if (status == T8N_OK)
        status = read_part(t, in, o->env, "env", &in->env);
    if (status != T8N_OK)
        return status;
    if (!is_stdin(o->txs) && len >= 4 && strcmp(o->txs + len - 4, ".rlp") == 0)
        return read_rlp_file(t, o->txs, &in->txs);
    return read_part(t, in, o->txs, "txs", &in->txs);
}

static void drop_inputs(struct inputs *in)
{
    json_free(in->alloc);
    json_free(in->env);
    json_free(in->txs);
    json_free(in->from_stdin);
}

/* ================= the whole ================= */

static int transition(struct t8n *t, struct inputs *in)
{
    int status = read_inputs(t, in);
    if (status == T8N_OK)
        status = read_alloc(t, in->alloc);
    if (status == T8N_OK && !t8n_network(t->opt.fork, t->opt.chain_id, &t->spec))
        status = t8n_fail(t, T8N_CONFIG,
                          "failed constructing chain configuration: unsupported fork "
                          "\"%s\"",
                          t->opt.fork);
    if (status == T8N_OK)
        status = t8n_read_env(t, in->env);
    if (status == T8N_OK)
        status = read_txs(t, in);
    if (status == T8N_OK && t->opt.tracer[0] != 0)
        status = t8n_fail(t, T8N_CONFIG,
                          "failed instantiating tracer: there is no tracer \"%s\" here, "
                          "only --trace",
                          t->opt.tracer);
    if (status == T8N_OK)
        status = t8n_run(t);
    return status == T8N_OK ? t8n_write(t) : status;
}

int evm_t8n_main(int argc, char **argv)
{
    struct t8n t = {.tx_num = 0};
    struct inputs in = {NULL, NULL, NULL, NULL};
    int asked = t8n_options_parse(&t.opt, argc, argv);
    if (asked >= 0)
        return asked;
    arena_init(&t.arena, MEMORY_MAX);
    arena_init(&t.scratch, MEMORY_MAX);
    int status = transition(&t, &in);
    if (status != T8N_OK)
        fprintf(stderr, "ERROR(%d): %s\n", status, t.diag.text);
    drop_inputs(&in);
    t8n_trace_free(t.trace);
    arena_fini(&t.arena);
    arena_fini(&t.scratch);
    return status;
}
