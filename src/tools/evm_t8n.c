/* metis-evm t8n: options, inputs and the order of the steps (evm_t8n.h). */
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

/* ================= options ================= */

struct option {
    const char *name;
    size_t at; /* of the text in t8n_options */
};

#define TEXT(name, field)                                                                \
    {                                                                                    \
        name, offsetof(struct t8n_options, field)                                        \
    }

static const struct option TEXTS[] = {
    TEXT("--input.alloc", alloc),      TEXT("--input.env", env),
    TEXT("--input.txs", txs),          TEXT("--output.basedir", basedir),
    TEXT("--output.alloc", out_alloc), TEXT("--output.result", out_result),
    TEXT("--output.body", out_body),   TEXT("--state.fork", fork),
};

static bool parse_number(const char *text, u256 *out)
{
    return u256_parse(text, strlen(text), out) == MT_OK;
}

/* False when name is no option or value not one of its values. */
static bool take_option(struct t8n_options *o, const char *name, const char *value)
{
    u256 n;
    for (size_t i = 0; i < MT_ARRAY_LEN(TEXTS); i++) {
        if (strcmp(name, TEXTS[i].name) == 0) {
            memcpy((char *)o + TEXTS[i].at, &value, sizeof value);
            return true;
        }
    }
    if (strcmp(name, "--state.chainid") == 0) {
        if (!parse_number(value, &n) || !u256_is_u64(n))
            return false;
        o->chain_id = n.w[0];
        return true;
    }
    if (strcmp(name, "--state.reward") == 0) {
        o->has_reward = strcmp(value, "-1") != 0;
        return !o->has_reward || parse_number(value, &o->reward);
    }
    return strcmp(name, "--verbosity") == 0 && parse_number(value, &n);
}

static bool parse_options(struct t8n_options *o, int argc, char **argv)
{
    *o = (struct t8n_options){
        .alloc = "alloc.json",
        .env = "env.json",
        .txs = "txs.json",
        .basedir = "",
        .out_alloc = "alloc.json",
        .out_result = "result.json",
        .out_body = "",
        .fork = "GrayGlacier",
        .chain_id = 1,
        .has_reward = true,
    };
    for (int i = 1; i < argc; i++) {
        char name[64];
        const char *equals = strchr(argv[i], '=');
        size_t len = equals == NULL ? strlen(argv[i]) : (size_t)(equals - argv[i]);
        mt_fmt(name, sizeof name, "%.*s", (int)MT_MIN(len, sizeof name), argv[i]);
        const char *value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL || !take_option(o, name, value)) {
            fprintf(stderr, "metis-evm t8n: %s: no such option, or not its value\n",
                    name);
            return false;
        }
    }
    return true;
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

static int read_alloc(struct t8n *t, const json_t *alloc)
{
    struct mt_diag diag = {0};
    mt_err err = mem_state_parse(alloc, &t->arena, &t->pre, &diag);
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

/* Names that geth has besides those of the suites. */
static bool find_spec(struct t8n *t)
{
    static const char *const ALIASES[][2] = {
        {"Petersburg", "ConstantinopleFix"},
        {"TangerineWhistle", "EIP150"},
        {"SpuriousDragon", "EIP158"},
    };
    const char *name = t->opt.fork;
    for (size_t i = 0; i < MT_ARRAY_LEN(ALIASES); i++)
        if (strcmp(name, ALIASES[i][0]) == 0)
            name = ALIASES[i][1];
    return fx_network(name, t->opt.chain_id, &t->spec);
}

static int transition(struct t8n *t, struct inputs *in)
{
    int status = read_inputs(t, in);
    if (status == T8N_OK)
        status = read_alloc(t, in->alloc);
    if (status == T8N_OK && !find_spec(t))
        status = t8n_fail(t, T8N_CONFIG,
                          "failed constructing chain configuration: unsupported fork "
                          "\"%s\"",
                          t->opt.fork);
    if (status == T8N_OK)
        status = t8n_read_env(t, in->env);
    if (status == T8N_OK)
        status = read_txs(t, in);
    if (status == T8N_OK)
        status = t8n_run(t);
    return status == T8N_OK ? t8n_write(t) : status;
}

int evm_t8n_main(int argc, char **argv)
{
    struct t8n t = {.tx_num = 0};
    struct inputs in = {NULL, NULL, NULL, NULL};
    if (!parse_options(&t.opt, argc, argv))
        return T8N_USAGE;
    arena_init(&t.arena, MEMORY_MAX);
    arena_init(&t.scratch, MEMORY_MAX);
    int status = transition(&t, &in);
    if (status != T8N_OK)
        fprintf(stderr, "ERROR(%d): %s\n", status, t.diag.text);
    drop_inputs(&in);
    arena_fini(&t.arena);
    arena_fini(&t.scratch);
    return status;
}
