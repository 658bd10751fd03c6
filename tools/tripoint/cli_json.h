/* Reports for scripts. */
#ifndef TRIPOINT_CLI_JSON_H
#define TRIPOINT_CLI_JSON_H

#include <jansson.h>
#include <stdio.h>

/* Prints `all` with a line's end and lets go of it. The exit code: out of memory when it is NULL, TRI_IO's when it could
 * not be written. */
int cli_print_json(json_t *all, FILE *to);

#endif
