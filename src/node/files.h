/* Private to node: folders and files. */
#ifndef METIS_NODE_FILES_H
#define METIS_NODE_FILES_H

#include "metis/base.h"

#define FILES_PATH_MAX 4096u

struct file_path {
    char s[FILES_PATH_MAX];
};

/* The genesis file of a --network word: the word itself when it has a `/` or ends in
 * ".json", else NAME.json in the configuration folder (beside the sources of a build, or
 * the installed one). MT_ENOTFOUND lists where it was looked for. */
mt_err files_find_genesis(const char *word, struct file_path *out, struct mt_diag *diag);

/* Makes a folder and those above it, mode 0700. */
mt_err files_make_dir(const char *path, struct mt_diag *diag);

/* A new empty folder in $TMPDIR or /tmp. */
mt_err files_temp_dir(struct file_path *out, struct mt_diag *diag);

/* Removes a folder with all in it; does not follow links. Failures are logged. */
void files_remove_tree(const char *path);

/* dir/name; MT_ELIMIT when it is too long. */
mt_err files_join(const char *dir, const char *name, struct file_path *out,
                  struct mt_diag *diag);

#endif
