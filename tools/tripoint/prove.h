/* What `tripoint prove` was asked and what it found: shared by the doing (cmd_prove.c) and the telling (prove_report.c). */
#ifndef TRIPOINT_CLI_PROVE_H
#define TRIPOINT_CLI_PROVE_H

#include "cli.h"

struct prove_options {
    const char *pipeline, *input;
    struct cli_sets sets;
    struct cli_files files;
    struct cli_inputs inputs;
    uint32_t mappings_max;
    bool json, no_limits, no_system_calls;
};

struct prove {
    struct prove_options options;
    struct tri_runtime *runtime;
    struct tri_pipeline *pipeline;
    struct tri_image *image;
    struct tri_image_info image_info;
    struct tri_proof *proof;
    tri_handle input;
    uint64_t bytes_between; /* by the ledger */
    double decode_ms, run_ms; /* with the pages closed */
    bool copied;            /* a copy sits between stages: `culprit` says which */
    struct tri_error culprit;
};

void prove_report_text(const struct prove *prove);
int prove_report_json(const struct prove *prove);

#endif
