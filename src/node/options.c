/* The option table: names, the nearest name to a wrong one, values from text. */
#include "config.h"

static const struct opt_info table[OPT_COUNT] = {
#define X(section, key, type, def, min, max, choices, scope, reload, alias, help)        \
    {#section, #key,        OPT_##type,   def,   min, max,                               \
     choices,  OPT_##scope, OPT_##reload, alias, help},
#include "options.def"
#undef X
};

const struct opt_info *opt_info(enum opt id)
{
    MT_ASSERT((unsigned)id < OPT_COUNT);
    return &table[id];
}

static void put_key(char *out, size_t size, const char *key)
{
    size_t n = mt_fmt(out, size, "%s", key);
    for (size_t i = 0; i < n; i++) {
        if (out[i] == '_')
            out[i] = '-';
    }
}

struct opt_name opt_name(enum opt id)
{
    struct opt_name name;
    size_t n = mt_fmt(name.s, sizeof name.s, "%s.", opt_info(id)->section);
    put_key(name.s + n, sizeof name.s - n, opt_info(id)->key);
    return name;
}

/* Keys may be written with `_` as well. */
static bool same_key(const char *name, const char *key, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] == 0 || (name[i] != key[i] && (name[i] != '-' || key[i] != '_')))
            return false;
    }
    return name[len] == 0;
}

enum opt opt_find(const char *section, size_t section_len, const char *key,
                  size_t key_len)
{
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        struct opt_name name = opt_name((enum opt)i);
        size_t n = strlen(table[i].section);
        if (n == section_len && memcmp(name.s, section, n) == 0 &&
            same_key(name.s + n + 1, key, key_len))
            return (enum opt)i;
    }
    return OPT_COUNT;
}

/* ---- the nearest name ---- */

#define WORD_MAX 64u

/* Edit distance with insertions, deletions, replacements and swaps of neighbours. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[3][WORD_MAX + 1];
    size_t na = strlen(a), nb = strlen(b);
    if (na > WORD_MAX || nb > WORD_MAX)
        return WORD_MAX;
    unsigned *before = row[0], *last = row[1], *now = row[2];
    for (unsigned j = 0; j <= nb; j++)
        last[j] = j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned d = last[j - 1] + (a[i - 1] != b[j - 1]);
            d = MT_MIN(d, MT_MIN(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d = MT_MIN(d, before[j - 2] + 1);
            now[j] = d;
        }
        unsigned *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[nb];
}

const char *opt_nearest(const char *text)
{
    static struct opt_name best_name; /* written by the one thread that reads options */
    unsigned best = WORD_MAX;
    const char *found = NULL;
    size_t len = strlen(text);
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        struct opt_name name = opt_name((enum opt)i);
        const char *key = strchr(name.s, '.') + 1;
        unsigned d = distance(text, name.s);
        if (strchr(text, '.') == NULL)
            d = MT_MIN(d, distance(text, key) + 1); /* the section was left out */
        if (d < best) {
            best = d;
            best_name = name;
            found = best_name.s;
        }
        if (table[i].alias[0] != 0 && distance(text, table[i].alias) < best) {
            best = distance(text, table[i].alias);
            found = table[i].alias;
        }
    }
    return best <= 1 + len / 3 ? found : NULL;
}

/* ---- values ---- */

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit sizes[] = {{"b", 1},           {"kb", 1u << 10},
                                    {"mb", 1u << 20},   {"gb", 1u << 30},
                                    {"tb", 1ull << 40}, {"", 1}};
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

/* Digits, then nothing (units NULL) or one of the units. */
static mt_err parse_number(const char *text, const struct unit *units, size_t unit_num,
                           const char *wanted, uint64_t *out, struct mt_diag *diag)
{
    uint64_t v = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return mt_fail(diag, MT_EINVAL, "%s is too large", text);
    }
    if (p == text)
        return mt_fail(diag, MT_EINVAL, "\"%s\" is not %s", text, wanted);
    if (units == NULL ? *p == 0 : v == 0 && *p == 0) {
        *out = v;
        return MT_OK;
    }
    for (size_t i = 0; i < unit_num; i++) {
        if (strcmp(p, units[i].name) != 0)
            continue;
        if (__builtin_mul_overflow(v, units[i].factor, out))
            return mt_fail(diag, MT_EINVAL, "%s is too large", text);
        return MT_OK;
    }
    return mt_fail(diag, MT_EINVAL, "\"%s\" is not %s", text, wanted);
}

static mt_err parse_bool(const char *text, uint64_t *out, struct mt_diag *diag)
{
    static const char *const words[] = {"false", "true", "no", "yes",
                                        "off",   "on",   "0",  "1"};
    for (size_t i = 0; i < MT_ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i % 2;
            return MT_OK;
        }
    }
    return mt_fail(diag, MT_EINVAL, "\"%s\" is not true or false", text);
}

static mt_err parse_enum(const char *choices, const char *text, uint64_t *out,
                         struct mt_diag *diag)
{
    size_t len = strlen(text);
    uint64_t at = 0;
    for (const char *p = choices;; at++) {
        size_t n = strcspn(p, "|");
        if (n == len && len != 0 && memcmp(p, text, n) == 0) {
            *out = at;
            return MT_OK;
        }
        if (p[n] == 0)
            return mt_fail(diag, MT_EINVAL, "\"%s\" is not one of %s", text, choices);
        p += n + 1;
    }
}

static mt_err parse_text(const struct opt_info *o, const char *text, struct mt_diag *diag)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return mt_fail(diag, MT_EINVAL, "the value has a control character");
    }
    if (len > o->max || len < o->min)
        return mt_fail(diag, MT_EINVAL, "the value must have %llu to %llu characters",
                       (unsigned long long)o->min, (unsigned long long)o->max);
    return MT_OK;
}

mt_err opt_parse(enum opt id, const char *text, uint64_t *num, struct mt_diag *diag)
{
    const struct opt_info *o = opt_info(id);
    uint64_t v = 0;
    switch (o->type) {
    case OPT_BOOL:
        return parse_bool(text, num, diag);
    case OPT_ENUM:
        return parse_enum(o->choices, text, num, diag);
    case OPT_STRING:
    case OPT_LIST:
    case OPT_PATH:
        *num = 0;
        return parse_text(o, text, diag);
    case OPT_U64:
        MT_TRY(parse_number(text, NULL, 0, "a number", &v, diag));
        break;
    case OPT_SIZE:
        MT_TRY(parse_number(text, sizes, MT_ARRAY_LEN(sizes), "a size such as 64mb", &v,
                            diag));
        break;
    case OPT_DURATION:
        MT_TRY(parse_number(text, durations, MT_ARRAY_LEN(durations),
                            "a time such as 500ms or 10s", &v, diag));
        break;
    }
    if (v < o->min || v > o->max)
        return mt_fail(diag, MT_EINVAL, "%s is out of range (%llu to %llu)", text,
                       (unsigned long long)o->min, (unsigned long long)o->max);
    *num = v;
    return MT_OK;
}
