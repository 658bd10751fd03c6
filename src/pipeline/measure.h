/*
 * What an assignment of engines to stages costs: whole frames, run over the pipeline's own memory before anything is in
 * it, and over further sets of such memory when several frames are in flight. Each stage is prepared once for each engine.
 *
 * Ownership: who opened it closes it; the regions' contents are zero afterwards.
 * Threads:   one; for throughput it starts one a frame in flight, which end before the call returns.
 */
#ifndef TRIPOINT_PIPELINE_MEASURE_H
#define TRIPOINT_PIPELINE_MEASURE_H

#include "pipeline/choose.h"
#include "pipeline/plan.h"

#include <tripoint/frames.h>

struct trii_measure_params {
    struct tri_runtime *runtime;
    struct trii_flow *flow;    /* its technologies are changed meanwhile */
    const tri_handle *handles; /* one a block */
    const struct trii_choice *choice;
    uint32_t slots;            /* frames in flight; 1: one after the other */
    bool require_zero_copy;
    struct tri_cancel *cancel;
};

struct trii_measure;

tri_status trii_measure_open(const struct trii_measure_params *params, struct trii_measure **out, struct tri_error *err);
/* For trii_choose(). */
tri_status trii_measure_assignment(void *measure, const uint8_t *candidate, struct trii_cost *cost, struct tri_error *err);
/* How many frames there was memory for. */
uint32_t trii_measure_slots(const struct trii_measure *measure);
/* From now on with so many frames in flight. */
void trii_measure_use(struct trii_measure *measure, uint32_t slots);
void trii_measure_close(struct trii_measure **measure);

#endif
