/* The configuration as text: what holds now with its origins, and the three documents
 * that are made from the option and metric tables. */
#include "config.h"

static const char *type_word(const struct opt_info *o)
{
    static const char *const words[] = {
        [OPT_BOOL] = "true or false",
        [OPT_U64] = "number",
        [OPT_SIZE] = "size (b, kb, mb, gb, tb)",
        [OPT_DURATION] = "time (ms, s, m, h)",
        [OPT_STRING] = "text",
        [OPT_LIST] = "words separated by commas",
        [OPT_ENUM] = "word",
        [OPT_PATH] = "path",
    };
    return words[o->type];
}

void config_origin_text(const struct opt_value *v, char *out, size_t size)
{
    switch (v->origin) {
    case ORIGIN_DEFAULT:
        mt_fmt(out, size, "default");
        break;
    case ORIGIN_COMMAND:
        mt_fmt(out, size, "set by the command");
        break;
    case ORIGIN_FILE:
        mt_fmt(out, size, "%s:%u", v->place, v->line);
        break;
    case ORIGIN_ENV:
        mt_fmt(out, size, "environment %s", v->place);
        break;
    case ORIGIN_FLAG:
        mt_fmt(out, size, "flag %s", v->place);
        break;
    }
}

/* ` ;` starts a comment that runs to the end of the line, as the file reader sees it. A
 * line that would be too long for that reader has its origin on the line above; a value
 * that came from elsewhere and cannot be in a file at all stands in a comment. */
static void put_value(struct buf *out, enum opt id, const struct opt_value *v)
{
    struct opt_name name = opt_name(id);
    const char *key = strchr(name.s, '.') + 1;
    size_t start = out->len;
    char origin[4200];
    config_origin_text(v, origin, sizeof origin);
    buf_printf(out, "%s = %s ; %s", key, v->text, origin);
    if (out->len - start > INI_LINE_MAX || strstr(v->text, " ;") != NULL) {
        bool fits = strlen(key) + 1 + strlen(v->text) <= INI_LINE_MAX &&
                    strstr(v->text, " ;") == NULL;
        out->len = start;
        buf_printf(out, "; %s%s\n%s%s=%s", origin,
                   fits ? "" : ", not possible in a file:", fits ? "" : "; ", key,
                   v->text);
    }
    buf_put_u8(out, '\n');
}

static bool new_section(unsigned i)
{
    return i == 0 || strcmp(opt_info((enum opt)i)->section,
                            opt_info((enum opt)(i - 1))->section) != 0;
}

void config_print(const struct config *c, struct buf *out)
{
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        if (new_section(i))
            buf_printf(out, "%s[%s]\n", i == 0 ? "" : "\n",
                       opt_info((enum opt)i)->section);
        put_value(out, (enum opt)i, &c->general[i]);
    }
    /* A section of a network holds all its values, so each is written at its first one.
     * */
    for (size_t i = 0; i < c->override_num; i++) {
        const struct config_override *o = &c->overrides[i];
        const char *section = opt_info(o->id)->section;
        bool written = false;
        for (size_t j = 0; j < i; j++)
            written |= strcmp(c->overrides[j].network, o->network) == 0 &&
                       strcmp(opt_info(c->overrides[j].id)->section, section) == 0;
        if (written)
            continue;
        buf_printf(out, "\n[%s.%s]\n", o->network, section);
        for (size_t j = i; j < c->override_num; j++) {
            const struct config_override *p = &c->overrides[j];
            if (strcmp(p->network, o->network) == 0 &&
                strcmp(opt_info(p->id)->section, section) == 0)
                put_value(out, p->id, &p->value);
        }
    }
}

/* A pipe would end a table's cell. */
static void put_cell(struct buf *out, const char *text)
{
    for (; *text != 0; text++) {
        if (*text == '|')
            buf_put_str(out, ", ");
        else
            buf_put_u8(out, (uint8_t)*text);
    }
}

static void put_env_name(struct buf *out, const char *name)
{
    buf_put_str(out, "METISD_");
    for (; *name != 0; name++) {
        char c = *name;
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 32);
        buf_put_u8(out, (uint8_t)(c == '.' || c == '-' ? '_' : c));
    }
}

static void put_range(struct buf *out, const struct opt_info *o)
{
    bool text = o->type == OPT_STRING || o->type == OPT_LIST || o->type == OPT_PATH;
    if (o->type == OPT_ENUM)
        put_cell(out, o->choices);
    else if (o->type == OPT_BOOL || text)
        buf_put_str(out, type_word(o));
    else
        buf_printf(out, "%s, %llu to %llu", type_word(o), (unsigned long long)o->min,
                   (unsigned long long)o->max);
}

void config_docs_options(struct buf *out)
{
    buf_put_str(
        out,
        "# Options\n"
        "Made from `src/node/options.def` by `scripts/gen.sh`; do not edit.\n\n"
        "Each option has three spellings: the flag `--section.key`, the line `key = "
        "value`\n"
        "under `[section]` in the file given with `--config`, and the variable\n"
        "`METISD_SECTION_KEY`. A flag beats a variable, a variable beats the file, the "
        "file\n"
        "beats the default; `metisd config print` shows every value with its origin. "
        "Where\n"
        "the column *network* says yes, `[network.section]` in the file and\n"
        "`--network.section.key` give a value for one network. *SIGHUP* says whether "
        "the\n"
        "file is read again for this option on that signal. Ranges are in bytes and\n"
        "milliseconds.\n");
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        const struct opt_info *o = opt_info((enum opt)i);
        struct opt_name name = opt_name((enum opt)i);
        if (new_section(i))
            buf_printf(
                out,
                "\n## [%s]\n| flag | also | variable | default | values | network | "
                "SIGHUP | what it does |\n|---|---|---|---|---|---|---|---|\n",
                o->section);
        buf_printf(out, "| `--%s` | ", name.s);
        if (o->alias[0] != 0)
            buf_printf(out, "`--%s`", o->alias);
        buf_put_str(out, " | `");
        put_env_name(out, name.s);
        buf_printf(out, "` | %s | ", o->def[0] != 0 ? o->def : "(empty)");
        put_range(out, o);
        buf_printf(out, " | %s | %s | ", o->scope == OPT_NETWORK ? "yes" : "no",
                   o->reload == OPT_LIVE ? "yes" : "no");
        put_cell(out, o->help);
        buf_put_str(out, " |\n");
    }
}

void config_docs_metrics(struct buf *out)
{
    buf_put_str(
        out,
        "# Metrics\n"
        "Made from `include/metis/base/metrics.h` by `scripts/gen.sh`; do not edit.\n\n"
        "`GET /metrics` on the RPC port answers in the Prometheus text format. Series of "
        "a\n"
        "network carry the label `network`. A series appears when it is first used.\n"
        "Histograms have the buckets 10 us * 4^i, i = 0..11.\n\n"
        "| metric | kind | meaning |\n|---|---|---|\n");
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        struct metric_info m = metric_info((enum metric)i);
        buf_printf(out, "| `metis_%s` | %s | %s |\n", m.name, m.kind, m.help);
    }
}

void config_docs_file(struct buf *out)
{
    buf_put_str(
        out, "# metisd.conf: every option with its default. `metisd run --config FILE` "
             "reads it;\n"
             "# `metisd config check --config FILE` tells whether it is right.\n"
             "# A line is a comment when it begins with # or ;, and what follows \" ;\" "
             "in a line is\n"
             "# one too. Lines have at most 198 bytes. An unknown or repeated key is an "
             "error.\n"
             "# [network.section] gives a value for one network, as [andromeda.rpc].\n");
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        const struct opt_info *o = opt_info((enum opt)i);
        struct opt_name name = opt_name((enum opt)i);
        if (new_section(i))
            buf_printf(out, "\n[%s]\n", o->section);
        buf_printf(out, "# %s\n# Values: ", o->help);
        put_range(out, o);
        if (o->reload == OPT_LIVE)
            buf_put_str(out, ". Read again on SIGHUP");
        buf_printf(out, ".\n#%s = %s\n", strchr(name.s, '.') + 1, o->def);
    }
}
