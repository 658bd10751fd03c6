/* What the verbs share about placement: its options, what is shown while it is measured, and how it is told. */
#ifndef TRIPOINT_CLI_PLACE_H
#define TRIPOINT_CLI_PLACE_H

#include "cli.h"

#include <jansson.h>
#include <stdio.h>

struct cli_placement {
    bool has_prefer;
    enum tri_prefer prefer;
    bool measure;
};

#define CLI_PLACEMENT_HELP                                                                                             \
    "      --prefer latency     stages that leave their engine open (\"auto\") run where one frame is done soonest;\n"     \
    "      --prefer throughput  ... where most frames a second are done (the default for moving pictures)\n"            \
    "      --measure            measure it anew, whatever the cache says\n"

/* 0, or the exit code of a wrong command line. */
int cli_take_prefer(const char *verb, struct cli_placement *placement, const char *text);

/* What is shown on a terminal while placement is measured; zero it first. */
struct cli_placing {
    bool terminal, shown;
};
/* Hands the options to a pipeline. `slots`: frames in flight, 0 for the default; `otherwise`: when nothing was said. */
tri_status cli_set_placement(struct tri_pipeline *pipeline, const struct cli_placement *placement,
                             enum tri_prefer otherwise, uint32_t slots, bool require_zero_copy,
                             struct tri_cancel *cancel, struct cli_placing *placing, struct tri_error *err);
/* Takes the line away again. */
void cli_placing_done(struct cli_placing *placing);

/* An object to append to a report; NULL when no stage leaves its engine open. */
json_t *cli_placement_json(const struct tri_plan *plan);
/* The candidates of a stage; NULL: none. */
json_t *cli_candidates_json(const struct tri_plan *plan, size_t stage);
/* A table; nothing when no stage leaves its engine open. */
void cli_placement_text(const struct tri_plan *plan, FILE *to);

#endif
