/* metisd attach: a line is a method and its parameters, each JSON or a bare word, which
 * is a string: `eth_getBalance 0x71… latest`. Results go to stdout, one a line unless
 * stdout is a terminal; errors to stderr. */
#include "attach.h"
#include "cli.h"
#include "files.h"
#include "ledger.h"

#include "metis/rpc.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#define REPLY_MAX   (256u << 20)
#define REQUEST_MAX (64u << 20)

struct session {
    struct attach_link *link;
    uint64_t id;
    bool terminal; /* results are indented */
    bool failed;   /* a call was */
};

/* ---- where to ---- */

static mt_err socket_of_network(struct cli *cli, const char *datadir, const char *word,
                                struct file_path *out)
{
    struct ledger *l = mt_alloc(sizeof *l);
    struct file_path dir;
    mt_err err = ledger_load(word, l, &cli->diag);
    if (err == MT_OK)
        err = files_join(datadir, l->name, &dir, &cli->diag);
    if (err == MT_OK)
        err = files_join(dir.s, "metisd.ipc", out, &cli->diag);
    ledger_close(l);
    mt_free(l);
    return err;
}

/* The one socket under a data folder. */
static mt_err find_socket(struct cli *cli, const char *datadir, struct file_path *out)
{
    struct file_path dir, path;
    const struct dirent *e;
    unsigned num = 0;
    DIR *d = opendir(datadir);
    if (d == NULL)
        return mt_fail(&cli->diag, MT_EIO, "%s: %s", datadir, strerror(errno));
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.' || files_join(datadir, e->d_name, &dir, NULL) != MT_OK ||
            files_join(dir.s, "metisd.ipc", &path, NULL) != MT_OK ||
            access(path.s, F_OK) != 0)
            continue;
        num++;
        *out = path;
    }
    closedir(d);
    if (num == 1)
        return MT_OK;
    return mt_fail(&cli->diag, MT_ENOTFOUND,
                   num == 0 ? "%s: no network has a metisd.ipc; is the node running?"
                            : "%s: several networks run; choose one with --network",
                   datadir);
}

static mt_err find_target(struct cli *cli, struct file_path *out)
{
    size_t num;
    const char *const *words = config_list(&cli->config, NULL, OPT_node_network, &num);
    const char *datadir = config_text(&cli->config, NULL, OPT_node_datadir);
    const char *given =
        cli->arg_num > 0 ? cli->args[0] : config_text(&cli->config, NULL, OPT_attach_ipc);
    if (given[0] == 0)
        given = config_text(&cli->config, NULL, OPT_rpc_ipc);
    if (given[0] != 0) {
        if (mt_fmt(out->s, sizeof out->s, "%s", given) + 1 >= sizeof out->s)
            return mt_fail(&cli->diag, MT_ELIMIT, "the path is too long");
        return MT_OK;
    }
    if (datadir[0] == 0)
        return cli_misuse(cli, "attach: a path, a URL, --ipc or --datadir is needed");
    if (num > 1)
        return cli_misuse(cli, "attach: one network at a time");
    return num == 1 ? socket_of_network(cli, datadir, words[0], out)
                    : find_socket(cli, datadir, out);
}

/* ---- a line as a request ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',';
}

/* The next parameter: JSON if it reads as such up to a blank, else a bare word. */
static json_t *next_param(const char **p, struct mt_diag *diag)
{
    json_error_t e;
    const char *s = *p;
    json_t *v = json_loadb(s, strlen(s), JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &e);
    size_t used = v == NULL ? 0 : (size_t)e.position;
    if (v != NULL && (s[used] == 0 || is_blank(s[used]))) {
        *p = s + used;
        return v;
    }
    json_decref(v);
    if (*s == '{' || *s == '[' || *s == '"') {
        mt_fail(diag, MT_EDECODE, "not JSON at \"%.40s\": %s", s, e.text);
        return NULL;
    }
    size_t n = 0;
    while (s[n] != 0 && !is_blank(s[n]))
        n++;
    *p = s + n;
    return json_stringn(s, n);
}

static json_t *request_of(struct session *s, const char *line, struct mt_diag *diag)
{
    size_t n = strcspn(line, " \t\r\n");
    json_t *params = json_array();
    for (const char *p = line + n;;) {
        while (is_blank(*p))
            p++;
        if (*p == 0)
            break;
        json_t *v = next_param(&p, diag);
        if (v == NULL || json_array_append_new(params, v) != 0) {
            json_decref(params);
            return NULL;
        }
    }
    return json_pack("{s:s, s:I, s:s%, s:o}", "jsonrpc", "2.0", "id", (json_int_t)++s->id,
                     "method", line, n, "params", params);
}

/* ---- a reply as text ---- */

static void print_json(const struct session *s, FILE *to, const json_t *v)
{
    json_dumpf(v, to, JSON_ENCODE_ANY | (s->terminal ? JSON_INDENT(2) : JSON_COMPACT));
    fputc('\n', to);
}

static void print_error(struct session *s, const json_t *error)
{
    const json_t *data = json_object_get(error, "data");
    const char *message = json_string_value(json_object_get(error, "message"));
    s->failed = true;
    fflush(stdout);
    fprintf(stderr, "error %lld: %s\n",
            (long long)json_integer_value(json_object_get(error, "code")),
            message == NULL ? "" : message);
    if (data != NULL)
        print_json(s, stderr, data);
}

/* False: it was a notification, the answer is still to come. */
static bool print_reply(struct session *s, const json_t *doc)
{
    const json_t *id = json_object_get(doc, "id");
    const json_t *error = json_object_get(doc, "error");
    if (id == NULL && json_object_get(doc, "method") != NULL) {
        print_json(s, stdout, json_object_get(doc, "params"));
        return false;
    }
    if (error != NULL)
        print_error(s, error);
    else
        print_json(s, stdout, json_object_get(doc, "result"));
    return true;
}

static mt_err talk(struct session *s, slice request, struct buf *reply,
                   struct mt_diag *diag)
{
    for (;;) {
        json_t *doc;
        buf_reset(reply);
        MT_TRY(attach_call(s->link, request, reply, diag));
        MT_TRY(json_parse(buf_slice(reply), REPLY_MAX, 1024, &doc, diag));
        bool over = print_reply(s, doc);
        json_free(doc);
        if (over)
            return MT_OK;
        request = (slice){0};
    }
}

static int put_bytes(const char *text, size_t n, void *ctx)
{
    struct buf *b = ctx;
    buf_put(b, text, n);
    return buf_ok(b) ? 0 : -1;
}

/* An error of the link ends the session. */
static mt_err run_line(struct session *s, const char *line, struct mt_diag *diag)
{
    struct buf request, reply;
    struct mt_diag bad = {0};
    mt_err err = MT_OK;
    json_t *doc = request_of(s, line, &bad);
    buf_init(&request, REQUEST_MAX);
    buf_init(&reply, REPLY_MAX);
    if (doc == NULL || json_dump_callback(doc, put_bytes, &request, JSON_COMPACT) != 0) {
        fprintf(stderr, "error: %s\n",
                bad.text[0] != 0 ? bad.text : "the line cannot be sent");
        s->failed = true;
    } else {
        err = talk(s, buf_slice(&request), &reply, diag);
    }
    json_decref(doc);
    buf_fini(&request);
    buf_fini(&reply);
    return err;
}

static void print_help(void)
{
    size_t num;
    const char *const *names = rpc_method_names(&num);
    printf("A line is a method and its parameters: JSON, or bare words for strings.\n"
           "Tab completes the method; exit, quit or Ctrl-D ends. Methods:\n");
    for (size_t i = 0; i < num; i++)
        printf("  %s\n", names[i]);
}

/* *over: the user wants to leave. */
static mt_err take_line(struct session *s, const char *line, bool *over,
                        struct mt_diag *diag)
{
    *over = false;
    while (is_blank(*line))
        line++;
    if (*line == 0 || *line == '#')
        return MT_OK;
    if (strcmp(line, "exit") == 0 || strcmp(line, "quit") == 0) {
        *over = true;
        return MT_OK;
    }
    if (strcmp(line, "help") == 0) {
        print_help();
        return MT_OK;
    }
    return run_line(s, line, diag);
}

/* ---- where lines come from ---- */

/* --exec: calls separated by `;` outside of strings. */
static mt_err run_exec(struct session *s, const char *text, struct mt_diag *diag)
{
    char *line = mt_alloc(strlen(text) + 1);
    mt_err err = MT_OK;
    bool over = false;
    while (err == MT_OK && !over) {
        bool in_string = false;
        size_t n = 0;
        while (text[n] != 0 && (in_string || text[n] != ';')) {
            if (text[n] == '"' && (n == 0 || text[n - 1] != '\\'))
                in_string = !in_string;
            n++;
        }
        memcpy(line, text, n);
        line[n] = 0;
        err = take_line(s, line, &over, diag);
        if (text[n] == 0)
            break;
        text += n + 1;
    }
    mt_free(line);
    return err;
}

static mt_err run_lines(struct session *s, struct mt_diag *diag)
{
    size_t num;
    const char *const *names = rpc_method_names(&num);
    struct line_edit *edit = line_edit_new("> ", names, num);
    const char *line;
    mt_err err = MT_OK;
    bool over = false;
    while (err == MT_OK && !over && (line = line_edit_read(edit)) != NULL)
        err = take_line(s, line, &over, diag);
    line_edit_free(edit);
    return err;
}

static const char *given_or_null(struct cli *cli, enum opt id)
{
    const char *text = config_text(&cli->config, NULL, id);
    return text[0] == 0 ? NULL : text;
}

static mt_err open_link(struct cli *cli, const char *target, struct attach_link **out)
{
    struct attach_options opt = {.target = target,
                                 .jwt_file = given_or_null(cli, OPT_attach_jwt),
                                 .ca_file = given_or_null(cli, OPT_attach_ca)};
    return attach_open(&opt, out, &cli->diag);
}

int cmd_attach(struct cli *cli)
{
    struct session s = {.terminal = isatty(STDOUT_FILENO) != 0};
    struct file_path target;
    const char *exec = config_text(&cli->config, NULL, OPT_attach_exec);
    mt_err err = find_target(cli, &target);
    if (err == MT_OK)
        err = open_link(cli, target.s, &s.link);
    if (err != MT_OK)
        return cli_fail(cli);
    if (exec[0] != 0)
        err = run_exec(&s, exec, &cli->diag);
    else
        err = run_lines(&s, &cli->diag);
    attach_close(s.link);
    fflush(stdout);
    if (err != MT_OK)
        return cli_fail(cli);
    return s.failed ? CLI_FAILED : CLI_OK;
}
