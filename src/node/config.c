/* Where values come from: defaults, the command, a file, the environment, flags. */
#include "config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXTS_MAX (4u << 20) /* all texts of a configuration */
#define FILE_MAX  (1u << 20)

void config_init(struct config *c)
{
    memset(c, 0, sizeof *c);
    arena_init(&c->arena, TEXTS_MAX);
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        struct opt_value *v = &c->general[i];
        v->text = opt_info((enum opt)i)->def;
        v->place = "";
        mt_err err = opt_parse((enum opt)i, v->text, &v->num, NULL);
        MT_ASSERT(err == MT_OK);
    }
}

void config_fini(struct config *c)
{
    arena_fini(&c->arena);
}

static const char *keep(struct config *c, const char *text)
{
    const char *p = arena_copy(&c->arena, text, strlen(text) + 1);
    return p != NULL ? p : ""; /* the arena's cap is far above what the sources allow */
}

void config_command_default(struct config *c, enum opt id, const char *text)
{
    struct opt_value *v = &c->general[id];
    if (v->origin > ORIGIN_COMMAND)
        return;
    v->origin = ORIGIN_COMMAND;
    v->text = text;
    mt_err err = opt_parse(id, text, &v->num, NULL);
    MT_ASSERT(err == MT_OK);
}

static struct opt_value *find_override(struct config *c, const char *network, enum opt id)
{
    for (size_t i = 0; i < c->override_num; i++) {
        struct config_override *o = &c->overrides[i];
        if (o->id == id && strcmp(o->network, network) == 0)
            return &o->value;
    }
    return NULL;
}

const struct opt_value *config_value(const struct config *c, const char *network,
                                     enum opt id)
{
    const struct opt_value *v = &c->general[id];
    if (network == NULL)
        return v;
    /* looking changes nothing */
    struct config *mine = (struct config *)(uintptr_t)c;
    const struct opt_value *o = find_override(mine, network, id);
    return o != NULL && o->origin >= v->origin ? o : v;
}

/* ---- setting one value ---- */

struct setting {
    char network[CONFIG_NAME_MAX]; /* empty: general */
    enum opt id;
    enum origin origin;
    const char *place;
    unsigned line;
    const char *text;
};

static mt_err place_fail(const struct setting *s, struct mt_diag *diag, const char *what)
{
    if (s->origin == ORIGIN_FILE)
        return mt_fail(diag, MT_EINVAL, "%s:%u: %s: %s", s->place, s->line,
                       opt_name(s->id).s, what);
    return mt_fail(diag, MT_EINVAL, "%s: %s", s->place, what);
}

static mt_err target_of(struct config *c, const struct setting *s, struct opt_value **out,
                        struct mt_diag *diag)
{
    *out = &c->general[s->id];
    if (s->network[0] == 0)
        return MT_OK;
    if (opt_info(s->id)->scope != OPT_NETWORK)
        return place_fail(s, diag, "this option has one value for all networks");
    *out = find_override(c, s->network, s->id);
    if (*out != NULL)
        return MT_OK;
    if (c->override_num == CONFIG_OVERRIDES_MAX)
        return place_fail(s, diag, "too many values for single networks");
    struct config_override *o = &c->overrides[c->override_num++];
    *o = (struct config_override){.id = s->id};
    memcpy(o->network, s->network, sizeof o->network);
    *out = &o->value;
    return MT_OK;
}

static mt_err apply(struct config *c, const struct setting *s, struct mt_diag *diag)
{
    struct opt_value *v;
    struct mt_diag inner = {0};
    uint64_t num;
    if (opt_parse(s->id, s->text, &num, &inner) != MT_OK)
        return place_fail(s, diag, inner.text);
    MT_TRY(target_of(c, s, &v, diag));
    const char *text = s->text;
    char joined[2048];
    if (v->origin == s->origin) {
        if (s->origin == ORIGIN_FILE)
            return mt_fail(diag, MT_EINVAL, "%s:%u: %s was already set in line %u",
                           s->place, s->line, opt_name(s->id).s, v->line);
        if (opt_info(s->id)->type != OPT_LIST)
            return place_fail(s, diag, "given twice");
        size_t n = mt_fmt(joined, sizeof joined, "%s,%s", v->text, s->text);
        if (n + 1 == sizeof joined || n > opt_info(s->id)->max)
            return place_fail(s, diag, "the list is too long");
        text = joined;
    }
    *v = (struct opt_value){s->origin, keep(c, s->place), s->line, num, keep(c, text)};
    return MT_OK;
}

/* "section" or "network.section": the part after the last point is the section. */
static bool split_section(const char *name, size_t len, char network[CONFIG_NAME_MAX],
                          const char **section, size_t *section_len)
{
    size_t at = len;
    while (at > 0 && name[at - 1] != '.')
        at--;
    network[0] = 0;
    *section = name + at;
    *section_len = len - at;
    if (at == 0)
        return true;
    if (at - 1 == 0 || at - 1 >= CONFIG_NAME_MAX)
        return false;
    memcpy(network, name, at - 1);
    network[at - 1] = 0;
    return true;
}

static mt_err unknown(struct mt_diag *diag, const char *place, const char *what,
                      const char *name, const char *prefix)
{
    const char *near = opt_nearest(name);
    if (near == NULL)
        return mt_fail(diag, MT_EINVAL, "%s%s %s%s", place, what, prefix, name);
    return mt_fail(diag, MT_EINVAL, "%s%s %s%s; did you mean %s%s?", place, what, prefix,
                   name, prefix, near);
}

/* ---- the file ---- */

/* libinih as Debian builds it cuts lines at 199 bytes, gives no line number to the
 * handler and goes on after an error; the reader below counts lines, refuses what libinih
 * would misread, and ends the file after the first error. */
struct ini_source {
    struct config *config;
    const char *path;
    const char *next;
    const char *end;
    unsigned line;
    mt_err err;
    struct mt_diag *diag;
};

static mt_err line_fail(struct ini_source *s, const char *what)
{
    s->err = mt_fail(s->diag, MT_EINVAL, "%s:%u: %s", s->path, s->line, what);
    return s->err;
}

static char *read_line(char *out, int size, void *stream)
{
    struct ini_source *s = stream;
    if (s->err != MT_OK || s->next == s->end)
        return NULL;
    const char *start = s->next;
    const char *stop = memchr(start, '\n', (size_t)(s->end - start));
    size_t len = stop != NULL ? (size_t)(stop - start) : (size_t)(s->end - start);
    s->next = stop != NULL ? stop + 1 : s->end;
    s->line++;
    if (len > 0 && start[len - 1] == '\r')
        len--;
    if (len > INI_LINE_MAX || len + 2 > (size_t)size) {
        line_fail(s, "the line is longer than 198 bytes");
        return NULL;
    }
    if (memchr(start, 0, len) != NULL) {
        line_fail(s, "the line has a NUL byte");
        return NULL;
    }
    size_t blank = 0;
    while (blank < len && (start[blank] == ' ' || start[blank] == '\t'))
        blank++;
    bool comment = blank < len && (start[blank] == ';' || start[blank] == '#');
    if (blank > 0 && blank < len && !comment) {
        line_fail(s, "the line begins with a blank");
        return NULL;
    }
    memcpy(out, start, len);
    memcpy(out + len, "\n", 2);
    return out;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct ini_source *s = user;
    struct setting set = {
        .origin = ORIGIN_FILE, .place = s->path, .line = s->line, .text = value};
    const char *sec;
    size_t sec_len;
    char full[256], place[300];
    if (s->err != MT_OK)
        return 0;
    if (!split_section(section, strlen(section), set.network, &sec, &sec_len)) {
        line_fail(s, "the section's network name is empty or too long");
        return 0;
    }
    set.id = opt_find(sec, sec_len, name, strlen(name));
    if (set.id == OPT_COUNT) {
        mt_fmt(full, sizeof full, "%.*s%s%s", (int)sec_len, sec, sec_len != 0 ? "." : "",
               name);
        mt_fmt(place, sizeof place, "%s:%u: ", s->path, s->line);
        s->err = unknown(s->diag, place, "unknown key", full, "");
        return 0;
    }
    s->err = apply(s->config, &set, s->diag);
    return s->err == MT_OK;
}

static mt_err read_whole(const char *path, struct buf *out, struct mt_diag *diag)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return mt_fail(diag, MT_EIO, "%s: %s", path, strerror(errno));
    mt_err err = MT_OK;
    for (;;) {
        uint8_t part[4096];
        size_t n = fread(part, 1, sizeof part, f);
        buf_put(out, part, n);
        if (n < sizeof part)
            break;
    }
    if (ferror(f))
        err = mt_fail(diag, MT_EIO, "%s: cannot be read", path);
    else if (!buf_ok(out))
        err = mt_fail(diag, MT_EINVAL, "%s: larger than 1 MiB", path);
    fclose(f);
    return err;
}

mt_err config_read_text(struct config *c, slice text, const char *path,
                        struct mt_diag *diag)
{
    if (text.len == 0)
        return MT_OK;
    struct ini_source s = {.config = c,
                           .path = path,
                           .next = (const char *)text.ptr,
                           .end = (const char *)text.ptr + text.len,
                           .diag = diag};
    int bad = ini_parse_stream(read_line, &s, take_pair, &s);
    if (bad > 0 && (s.err == MT_OK || (unsigned)bad < s.line)) {
        s.line = (unsigned)bad;
        line_fail(&s, "expected [section] or key = value");
    }
    return s.err;
}

mt_err config_read_file(struct config *c, const char *path, struct mt_diag *diag)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    mt_err err = read_whole(path, &text, diag);
    if (err == MT_OK)
        err = config_read_text(c, buf_slice(&text), path, diag);
    buf_fini(&text);
    return err;
}

/* ---- environment ---- */

/* METISD_RPC_EVM_TIMEOUT: the option whose name, in capitals and with `_` for every other
 * character, is this. */
static enum opt env_option(const char *name, size_t len)
{
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        struct opt_name n = opt_name((enum opt)i);
        size_t at = 0;
        for (; at < len && n.s[at] != 0; at++) {
            char up = n.s[at] >= 'a' && n.s[at] <= 'z' ? (char)(n.s[at] - 32) : n.s[at];
            if (up == '.' || up == '-')
                up = '_';
            if (up != name[at])
                break;
        }
        if (at == len && n.s[at] == 0)
            return (enum opt)i;
    }
    return OPT_COUNT;
}

mt_err config_read_env(struct config *c, char *const *env, struct mt_diag *diag)
{
    static const char prefix[] = "METISD_";
    const size_t skip = sizeof prefix - 1;
    for (; *env != NULL; env++) {
        if (strncmp(*env, prefix, skip) != 0)
            continue;
        char name[128], lower[128];
        size_t len = strcspn(*env, "=");
        mt_fmt(name, sizeof name, "%.*s", (int)len, *env);
        if (len >= sizeof name)
            return mt_fail(diag, MT_EINVAL, "%s…: unknown variable", name);
        struct setting set = {.origin = ORIGIN_ENV, .place = name};
        set.id = env_option(*env + skip, len - skip);
        set.text = (*env)[len] == '=' ? *env + len + 1 : "";
        if (set.id == OPT_COUNT) {
            size_t n = mt_fmt(lower, sizeof lower, "%s", name + skip);
            for (size_t i = 0; i < n; i++)
                lower[i] = (char)(lower[i] == '_'                      ? '-'
                                  : lower[i] >= 'A' && lower[i] <= 'Z' ? lower[i] + 32
                                                                       : lower[i]);
            char *dash = strchr(lower, '-');
            if (dash != NULL)
                *dash = '.';
            return unknown(diag, name, ": no option is called", lower, "");
        }
        MT_TRY(apply(c, &set, diag));
    }
    return MT_OK;
}

/* ---- flags ---- */

static enum opt flag_option(const char *name, size_t len, char network[CONFIG_NAME_MAX])
{
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        const char *alias = opt_info((enum opt)i)->alias;
        if (alias[0] != 0 && strlen(alias) == len && memcmp(alias, name, len) == 0)
            return (enum opt)i;
    }
    size_t dot = len;
    while (dot > 0 && name[dot - 1] != '.')
        dot--;
    const char *section;
    size_t section_len;
    if (dot == 0 || !split_section(name, dot - 1, network, &section, &section_len))
        return OPT_COUNT;
    return opt_find(section, section_len, name + dot, len - dot);
}

static bool section_known(const char *const *sections, const char *section)
{
    if (sections == NULL)
        return true;
    for (; *sections != NULL; sections++) {
        if (strcmp(*sections, section) == 0)
            return true;
    }
    return false;
}

mt_err config_read_flag(struct config *c, int argc, char *const *argv, int *at,
                        const char *const *sections, struct mt_diag *diag)
{
    const char *arg = argv[*at];
    if (strncmp(arg, "--", 2) != 0 || arg[2] == 0)
        return mt_fail(diag, MT_EINVAL, "unknown flag %.100s", arg);
    size_t len = strcspn(arg + 2, "=");
    char name[128];
    struct setting set = {.origin = ORIGIN_FLAG, .place = name};
    size_t n = mt_fmt(name, sizeof name, "--%.*s", (int)MT_MIN(len, 120u), arg + 2);
    if (n < len + 2)
        return mt_fail(diag, MT_EINVAL, "unknown flag %s…", name);
    set.id = flag_option(arg + 2, len, set.network);
    if (set.id == OPT_COUNT)
        return unknown(diag, "", "unknown flag", name + 2, "--");
    if (!section_known(sections, opt_info(set.id)->section))
        return mt_fail(diag, MT_EINVAL, "%s: this command has no use for it", name);
    *at += 1;
    if (arg[2 + len] == '=') {
        set.text = arg + 3 + len;
    } else if (opt_info(set.id)->type == OPT_BOOL) {
        set.text = "true";
    } else if (*at >= argc) {
        return mt_fail(diag, MT_EINVAL, "%s needs a value", name);
    } else {
        set.text = argv[*at];
        *at += 1;
    }
    return apply(c, &set, diag);
}

/* ---- lists ---- */

const char *const *config_list(struct config *c, const char *network, enum opt id,
                               size_t *num)
{
    static const char *const none[] = {NULL};
    char *text = arena_copy(&c->arena, config_text(c, network, id),
                            strlen(config_text(c, network, id)) + 1);
    size_t most = 2, n = 0;
    for (const char *p = text; p != NULL && *p != 0; p++)
        most += *p == ',';
    const char **words = arena_zalloc(&c->arena, most, sizeof *words);
    if (num != NULL)
        *num = 0;
    if (text == NULL || words == NULL)
        return none;
    for (char *p = text; *p != 0;) {
        size_t len = strcspn(p, ",");
        bool more = p[len] != 0;
        char *word = p + strspn(p, " ");
        char *end = p + len;
        p += len + more;
        while (end > word && end[-1] == ' ')
            end--;
        *end = 0;
        if (*word != 0)
            words[n++] = word;
    }
    if (num != NULL)
        *num = n;
    return words;
}

mt_err config_log_modules(struct config *c, struct mt_diag *diag)
{
    const char *const *words = config_list(c, NULL, OPT_log_modules, NULL);
    for (; *words != NULL; words++) {
        char module[CONFIG_NAME_MAX];
        enum log_level level;
        const char *eq = strchr(*words, '=');
        if (eq == NULL || eq == *words || (size_t)(eq - *words) >= sizeof module ||
            log_level_parse(eq + 1, &level) != MT_OK)
            return mt_fail(diag, MT_EINVAL, "log.modules: \"%s\" is not module=level",
                           *words);
        mt_fmt(module, sizeof module, "%.*s", (int)(eq - *words), *words);
        if (log_module_level(module, level) != MT_OK)
            return mt_fail(diag, MT_EINVAL,
                           "log.modules: \"%s\": no such module or too "
                           "many",
                           *words);
    }
    return MT_OK;
}

/* ---- reading again ---- */

static void take_value(struct config *c, const char *network, enum opt id,
                       struct opt_value *to, const struct opt_value *from)
{
    if (strcmp(to->text, from->text) != 0)
        log_info("node", "option changed", KV_STR("option", opt_name(id).s),
                 KV_STR("network", network), KV_STR("from", to->text),
                 KV_STR("to", from->text), KV_END);
    *to = *from;
    to->text = keep(c, from->text);
    to->place = keep(c, from->place);
}

static bool live_from_file(enum opt id, const struct opt_value *v)
{
    return opt_info(id)->reload == OPT_LIVE && v->origin <= ORIGIN_FILE;
}

void config_take_live(struct config *c, const struct config *fresh)
{
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        if (live_from_file((enum opt)i, &c->general[i]) &&
            c->general[i].origin != ORIGIN_COMMAND)
            take_value(c, "", (enum opt)i, &c->general[i], &fresh->general[i]);
    }
    size_t kept = 0;
    for (size_t i = 0; i < c->override_num; i++) {
        struct config_override *o = &c->overrides[i];
        if (!live_from_file(o->id, &o->value))
            c->overrides[kept++] = *o;
    }
    c->override_num = kept;
    for (size_t i = 0; i < fresh->override_num; i++) {
        const struct config_override *o = &fresh->overrides[i];
        if (opt_info(o->id)->reload != OPT_LIVE ||
            c->override_num == CONFIG_OVERRIDES_MAX)
            continue;
        if (find_override(c, o->network, o->id) != NULL)
            continue; /* the environment or a flag said more */
        struct config_override *to = &c->overrides[c->override_num++];
        *to = *o;
        to->value.text = "";
        take_value(c, o->network, o->id, &to->value, &o->value);
    }
}
