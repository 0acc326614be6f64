/* Private to node: the parts of `metisd attach`.
 *   cmd_attach.c  lines -> requests -> printed results
 *   attach_link.c one request there, one reply back: unix socket, HTTP or HTTPS
 *   line_edit.c   a line from a terminal: keys, history, completion */
#ifndef METIS_NODE_ATTACH_H
#define METIS_NODE_ATTACH_H

#include "metis/base.h"

/* ---- attach_link.c ---- */

struct attach_link;

struct attach_options {
    const char *target;   /* a path, or http[s]://host[:port][/path] */
    const char *jwt_file; /* each request carries a token made with its secret, or NULL */
    const char *ca_file;  /* trusted for https, or NULL: the system's */
};

mt_err attach_open(const struct attach_options *opt, struct attach_link **out,
                   struct mt_diag *diag);
/* reply is one JSON text; it may be another message than the answer (a notification) on a
 * unix socket, whose answer is then fetched with an empty request. */
mt_err attach_call(struct attach_link *l, slice request, struct buf *reply,
                   struct mt_diag *diag);
void attach_close(struct attach_link *l);

/* ---- line_edit.c ---- */

#define LINE_EDIT_MAX 65536u

struct line_edit;

/* words: what the first word of a line is completed from, in order. */
struct line_edit *line_edit_new(const char *prompt, const char *const *words,
                                size_t word_num);
/* A line without its newline, valid until the next call; NULL at the end of input. The
 * terminal is as before when it returns. */
const char *line_edit_read(struct line_edit *e);
void line_edit_free(struct line_edit *e);

#endif
