/*
 * Which stages run in worker processes: those whose text says "isolate", those that the caller names, or all that name files.
 *
 * Ownership: nothing is kept. Threads: as the pipeline that is read.
 */
#ifndef TRIPOINT_PIPELINE_ISOLATE_H
#define TRIPOINT_PIPELINE_ISOLATE_H

#include "pipeline/form.h"

/* What the runtime says: whether there are workers, and whether every file runs in one. */
void trii_isolate_place(struct tri_runtime *runtime, struct trii_custom_place *place);
/* Decides it for one stage, whose operation and name are known and whose operands are not yet given; `asked`: it says so
 * itself. TRI_UNSUPPORTED without workers, TRI_BAD_PIPELINE for a built-in operation. */
tri_status trii_isolate_stage(const struct trii_custom_place *place, struct trii_flow_stage *stage, size_t index, bool asked,
                              struct tri_error *err);
/* Every stage that the caller names exists. */
tri_status trii_isolate_known(const struct trii_custom_place *place, const struct trii_form *form, struct tri_error *err);

#endif
