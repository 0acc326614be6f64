/* A line from a terminal, in raw mode: one row that scrolls sideways. Keys: arrows, Home,
 * End, Delete, Ctrl-A E B F K U W L P N, Tab for the first word, Ctrl-C drops the line,
 * Ctrl-D on an empty one ends. When input is no terminal lines are just read. */
#include "attach.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define HISTORY_MAX 200u
#define KEY_DELETE  (-2)
#define KEY_NONE    (-3)
#define LIST_MAX    200u

struct line_edit {
    const char *prompt;
    const char *const *words;
    size_t word_num;
    char line[LINE_EDIT_MAX];
    size_t len, at;
    char *history[HISTORY_MAX]; /* a ring, oldest at history_head */
    size_t history_head, history_num;
    size_t history_at; /* counted from the newest; 0: the line itself */
    bool tabbed;
};

struct line_edit *line_edit_new(const char *prompt, const char *const *words,
                                size_t word_num)
{
    struct line_edit *e = mt_alloc(sizeof *e);
    e->prompt = prompt;
    e->words = words;
    e->word_num = word_num;
    return e;
}

void line_edit_free(struct line_edit *e)
{
    for (size_t i = 0; i < HISTORY_MAX; i++)
        mt_free(e->history[i]);
    mt_free(e);
}

/* ---- drawing ---- */

static size_t columns(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < 20)
        return 80;
    return w.ws_col;
}

static void draw(const struct line_edit *e)
{
    size_t room = columns() - MT_MIN(strlen(e->prompt), 15u) - 1;
    size_t from = e->at >= room ? e->at - room + 1 : 0;
    size_t shown = MT_MIN(e->len - from, room);
    printf("\r%s%.*s\x1b[K", e->prompt, (int)shown, e->line + from);
    if (e->at - from < shown)
        printf("\x1b[%zuD", shown - (e->at - from));
    fflush(stdout);
}

/* ---- keys ---- */

static int read_byte(void)
{
    unsigned char b;
    return read(STDIN_FILENO, &b, 1) == 1 ? b : -1;
}

/* ESC [ A and its like become the control keys that do the same. */
static int read_escape(void)
{
    int a = read_byte();
    if (a != '[' && a != 'O')
        return a < 0 ? -1 : KEY_NONE;
    int b = read_byte();
    if (b >= '0' && b <= '9') {
        int end = read_byte();
        if (end != '~')
            return end < 0 ? -1 : KEY_NONE;
        return b == '3'               ? KEY_DELETE
               : b == '1' || b == '7' ? CTRL('A')
               : b == '4' || b == '8' ? CTRL('E')
                                      : KEY_NONE;
    }
    switch (b) {
    case 'A':
        return CTRL('P');
    case 'B':
        return CTRL('N');
    case 'C':
        return CTRL('F');
    case 'D':
        return CTRL('B');
    case 'H':
        return CTRL('A');
    case 'F':
        return CTRL('E');
    default:
        return b < 0 ? -1 : KEY_NONE;
    }
}

static void insert(struct line_edit *e, const char *text, size_t n)
{
    if (e->len + n >= LINE_EDIT_MAX)
        return;
    memmove(e->line + e->at + n, e->line + e->at, e->len - e->at);
    memcpy(e->line + e->at, text, n);
    e->at += n;
    e->len += n;
}

static void cut(struct line_edit *e, size_t from, size_t to)
{
    memmove(e->line + from, e->line + to, e->len - to);
    e->len -= to - from;
    e->at = from;
}

/* ---- history ---- */

static void remember(struct line_edit *e)
{
    size_t newest = (e->history_head + e->history_num + HISTORY_MAX - 1) % HISTORY_MAX;
    if (e->len == 0 || (e->history_num > 0 && strcmp(e->history[newest], e->line) == 0))
        return;
    size_t slot = (e->history_head + e->history_num) % HISTORY_MAX;
    if (e->history_num == HISTORY_MAX)
        e->history_head = (e->history_head + 1) % HISTORY_MAX;
    else
        e->history_num++;
    mt_free(e->history[slot]);
    e->history[slot] = mt_alloc(e->len + 1);
    memcpy(e->history[slot], e->line, e->len + 1);
}

static void recall(struct line_edit *e, int by)
{
    if (by > 0 ? e->history_at == e->history_num : e->history_at == 0)
        return;
    e->history_at = by > 0 ? e->history_at + 1 : e->history_at - 1;
    e->len = 0;
    if (e->history_at > 0) {
        size_t slot = (e->history_head + e->history_num - e->history_at) % HISTORY_MAX;
        e->len = strlen(e->history[slot]);
        memcpy(e->line, e->history[slot], e->len);
    }
    e->at = e->len;
}

/* ---- completion ---- */

static void list_words(const struct line_edit *e, size_t first, size_t num)
{
    size_t width = columns(), used = 0;
    printf("\r\n");
    for (size_t i = first; i < first + MT_MIN(num, LIST_MAX); i++) {
        size_t n = strlen(e->words[i]) + 2;
        if (used > 0 && used + n > width) {
            printf("\r\n");
            used = 0;
        }
        printf("%s  ", e->words[i]);
        used += n;
    }
    printf("\r\n");
}

/* The words are in order, so those with a prefix stand together. */
static void complete(struct line_edit *e)
{
    size_t first = 0, num = 0;
    if (memchr(e->line, ' ', e->at) != NULL)
        return;
    while (first < e->word_num && strncmp(e->words[first], e->line, e->at) != 0)
        first++;
    while (first + num < e->word_num &&
           strncmp(e->words[first + num], e->line, e->at) == 0)
        num++;
    if (num == 0)
        return;
    const char *a = e->words[first], *z = e->words[first + num - 1];
    size_t common = 0;
    while (a[common] != 0 && a[common] == z[common])
        common++;
    if (common > e->at)
        insert(e, a + e->at, common - e->at);
    else if (num > 1 && e->tabbed)
        list_words(e, first, num);
    if (num == 1)
        insert(e, " ", 1);
    e->tabbed = true;
}

/* ---- a line ---- */

static void erase_word(struct line_edit *e)
{
    size_t to = e->at, from = e->at;
    while (from > 0 && e->line[from - 1] == ' ')
        from--;
    while (from > 0 && e->line[from - 1] != ' ')
        from--;
    cut(e, from, to);
}

/* False: the line is over. */
static bool edit_key(struct line_edit *e, int key)
{
    e->tabbed = e->tabbed && key == '\t';
    switch (key) {
    case '\r':
    case '\n':
        return false;
    case '\t':
        complete(e);
        break;
    case CTRL('A'):
        e->at = 0;
        break;
    case CTRL('E'):
        e->at = e->len;
        break;
    case CTRL('B'):
        e->at -= e->at > 0;
        break;
    case CTRL('F'):
        e->at += e->at < e->len;
        break;
    case CTRL('P'):
        recall(e, 1);
        break;
    case CTRL('N'):
        recall(e, -1);
        break;
    case CTRL('K'):
        e->len = e->at;
        break;
    case CTRL('U'):
        cut(e, 0, e->at);
        break;
    case CTRL('W'):
        erase_word(e);
        break;
    case CTRL('L'):
        printf("\x1b[H\x1b[2J");
        break;
    case 0x7f:
    case CTRL('H'):
        if (e->at > 0)
            cut(e, e->at - 1, e->at);
        break;
    case KEY_DELETE:
    case CTRL('D'):
        if (e->at < e->len)
            cut(e, e->at, e->at + 1);
        break;
    default:
        if (key >= 0x20) {
            char c = (char)key;
            insert(e, &c, 1);
        }
        break;
    }
    return true;
}

static bool edit(struct line_edit *e)
{
    for (;;) {
        draw(e);
        int key = read_byte();
        if (key == 0x1b)
            key = read_escape();
        if (key == -1 || (key == CTRL('D') && e->len == 0))
            return false;
        if (key == CTRL('C')) {
            printf("^C\r\n");
            e->len = e->at = 0;
        } else if (!edit_key(e, key)) {
            return true;
        }
    }
}

static bool read_plain(struct line_edit *e)
{
    int c;
    while ((c = getchar()) != EOF && c != '\n')
        if (e->len + 1 < LINE_EDIT_MAX)
            e->line[e->len++] = (char)c;
    return c != EOF || e->len > 0;
}

const char *line_edit_read(struct line_edit *e)
{
    struct termios before, raw;
    bool ok;
    e->len = e->at = e->history_at = 0;
    e->tabbed = false;
    if (isatty(STDIN_FILENO) == 0 || tcgetattr(STDIN_FILENO, &before) != 0) {
        ok = read_plain(e);
    } else {
        raw = before;
        raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON | BRKINT | INPCK | ISTRIP);
        raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
        ok = edit(e);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
        printf("\n");
    }
    e->line[e->len] = 0;
    if (ok)
        remember(e);
    return ok ? e->line : NULL;
}
