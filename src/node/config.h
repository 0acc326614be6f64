/* Private to node: the options' values and where each came from.
 *
 * Sources in order of strength: flag, environment, file, what the command sets, default.
 * A value for one network beats a general value of the same source only. */
#ifndef METIS_NODE_CONFIG_H
#define METIS_NODE_CONFIG_H

#include "metis/base.h"

enum opt_type {
    OPT_BOOL,
    OPT_U64,
    OPT_SIZE,     /* bytes; text with b, kb, mb, gb, tb (powers of 1024) */
    OPT_DURATION, /* milliseconds; text with ms, s, m, h */
    OPT_STRING,
    OPT_LIST, /* words separated by commas */
    OPT_ENUM,
    OPT_PATH
};

enum opt_scope { OPT_NODE, OPT_NETWORK };
enum opt_reload { OPT_FIXED, OPT_LIVE };

enum opt {
#define X(section, key, type, def, min, max, choices, scope, reload, alias, help)        \
    OPT_##section##_##key,
#include "options.def"
#undef X
    OPT_COUNT
};

struct opt_info {
    const char *section;
    const char *key; /* as written: period-ms */
    enum opt_type type;
    const char *def;
    uint64_t min, max;
    const char *choices;
    enum opt_scope scope;
    enum opt_reload reload;
    const char *alias;
    const char *help;
};
const struct opt_info *opt_info(enum opt id);

/* "section.key" of an option, NUL-terminated. */
struct opt_name {
    char s[64];
};
struct opt_name opt_name(enum opt id);

enum origin { ORIGIN_DEFAULT, ORIGIN_COMMAND, ORIGIN_FILE, ORIGIN_ENV, ORIGIN_FLAG };

struct opt_value {
    enum origin origin;
    const char *place; /* file name, flag or variable as it was written */
    unsigned line;     /* of the file */
    uint64_t num;      /* bool, u64, size, duration, position of an enum */
    const char *text;  /* as given, without blanks at the ends; words of a list joined */
};

#define CONFIG_OVERRIDES_MAX 256u
#define CONFIG_NAME_MAX      32u  /* of a network, with the NUL */
#define INI_LINE_MAX         198u /* what libinih takes, without the newline */

struct config_override {
    char network[CONFIG_NAME_MAX];
    enum opt id;
    struct opt_value value;
};

struct config {
    struct arena arena; /* all texts */
    struct opt_value general[OPT_COUNT];
    struct config_override overrides[CONFIG_OVERRIDES_MAX];
    size_t override_num;
};

/* All defaults. */
void config_init(struct config *c);
void config_fini(struct config *c);

/* What a command sets other than the defaults; weaker than all that the user says. text
 * must outlive the configuration. */
void config_command_default(struct config *c, enum opt id, const char *text);

/* One INI file, at most 1 MiB. MT_EINVAL with "file:line: …" in diag; MT_EIO. */
mt_err config_read_file(struct config *c, const char *path, struct mt_diag *diag);

/* The text of such a file; path, for the messages, outlives the configuration. */
mt_err config_read_text(struct config *c, slice text, const char *path,
                        struct mt_diag *diag);

/* All variables that begin with METISD_; one that names no option is an error. */
mt_err config_read_env(struct config *c, char *const *env, struct mt_diag *diag);

/* One flag of the command line from args[*at]; moves *at past what was used. The flag may
 * be --section.key, --network.section.key or an alias. sections (NULL: all) is a list of
 * the sections the command knows. */
mt_err config_read_flag(struct config *c, int argc, char *const *argv, int *at,
                        const char *const *sections, struct mt_diag *diag);

/* The value that holds for a network (NULL: the program). Never NULL. */
const struct opt_value *config_value(const struct config *c, const char *network,
                                     enum opt id);

static inline uint64_t config_num(const struct config *c, const char *network,
                                  enum opt id)
{
    return config_value(c, network, id)->num;
}

static inline bool config_bool(const struct config *c, const char *network, enum opt id)
{
    return config_value(c, network, id)->num != 0;
}

static inline const char *config_text(const struct config *c, const char *network,
                                      enum opt id)
{
    return config_value(c, network, id)->text;
}

/* The words of a list as a NULL-terminated array in the config's arena; *num may be
 * NULL. */
const char *const *config_list(struct config *c, const char *network, enum opt id,
                               size_t *num);

/* Hands log.modules ("rpc=debug,chain=warn") to the log. MT_EINVAL. */
mt_err config_log_modules(struct config *c, struct mt_diag *diag);

/* Takes the LIVE values of a file that was read again (fresh: defaults and file) over
 * into c where nothing stronger was said, and logs each change. */
void config_take_live(struct config *c, const struct config *fresh);

/* Every value with its origin, as a file that could be read again. */
void config_print(const struct config *c, struct buf *out);

/* Where a value came from, as text. */
void config_origin_text(const struct opt_value *v, char *out, size_t size);

/* docs/OPTIONS.md, docs/METRICS.md, conf/metisd.conf. */
void config_docs_options(struct buf *out);
void config_docs_metrics(struct buf *out);
void config_docs_file(struct buf *out);

/* ---- names and values, exposed for the tests ---- */

/* The option called name ("rpc.port"), or OPT_COUNT. */
enum opt opt_find(const char *section, size_t section_len, const char *key,
                  size_t key_len);

/* The name nearest to text among all option names and aliases; NULL when none is near. */
const char *opt_nearest(const char *text);

/* Checks and converts text; MT_EINVAL with the reason (without place) in diag. */
mt_err opt_parse(enum opt id, const char *text, uint64_t *num, struct mt_diag *diag);

#endif
