/* Pipeline texts: by path, or by name among those that are shipped. */
#ifndef TRIPOINT_PIPELINE_FIND_H
#define TRIPOINT_PIPELINE_FIND_H

#include <tripoint/error.h>

/* The whole text (trii_free), what errors call it (trii_free): the file's name, and the folder where it lies, opened. TRI_NOT_FOUND lists the shipped
 * ones; TRI_LIMIT when the file is larger than a pipeline may be. */
tri_status trii_find_pipeline(const char *name_or_path, char **text, size_t *bytes, char **origin,
                              int *folder, struct tri_error *err);

#endif
