/* Reports for scripts. */
#ifndef TRIPOINT_CLI_JSON_H
#define TRIPOINT_CLI_JSON_H

#include <jansson.h>
#include <stdio.h>

struct tri_layout;

/* [1080, 1920, 4]; {kind, dtype, shape}. */
json_t *cli_shape_json(const struct tri_layout *layout);
json_t *cli_layout_json(const struct tri_layout *layout);

/* Prints `all` with a line's end and lets go of it. The exit code: out of memory when it is NULL, TRI_IO's when it could
 * not be written. */
int cli_print_json(json_t *all, FILE *to);

#endif
