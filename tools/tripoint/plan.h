/* What `tripoint plan` shows: a plan, told three ways by plan_text.c, plan_dot.c and plan_json.c. */
#ifndef TRIPOINT_CLI_PLAN_H
#define TRIPOINT_CLI_PLAN_H

#include "cli.h"

#include <stdio.h>

struct plan_view {
    const char *name;            /* the pipeline's */
    const struct tri_plan *plan;
    struct tri_plan_info info;
};

/* "A", ..., "Z", "AA": what a block is called. Writes into `text` (at least 8 bytes) and returns it. */
char *plan_block_name(size_t block, char *text);
/* Does the stage read (write) the value? */
bool plan_touches(const struct tri_plan_stage *stage, size_t value, enum tri_access access);

void plan_print_text(const struct plan_view *view, FILE *to);
void plan_print_dot(const struct plan_view *view, FILE *to);
int plan_print_json(const struct plan_view *view, FILE *to); /* 0 or an exit code */

#endif
