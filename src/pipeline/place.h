/*
 * Placement: the engines of stages that leave them open ("technology": "auto"), chosen by measuring (choose.h, measure.h)
 * and remembered: by the runtime, so that the pipelines of one stream are alike, and in the user's cache.
 *
 * What decides the answer makes the key (place_key.c): the machine, the engines' files, our own, the stages with their
 * parameters and layouts, what is preferred. What is found in the cache is believed only if it speaks of exactly these
 * stages and candidates (place_record.c); else it is measured again.
 *
 * Ownership: a placement belongs to its pipeline. {0} is an empty one.
 * Threads:   one placement of a runtime is measured at a time; processes may do so at once, the last one is kept.
 */
#ifndef TRIPOINT_PIPELINE_PLACE_H
#define TRIPOINT_PIPELINE_PLACE_H

#include "pipeline/choose.h"
#include "pipeline/flow.h"

struct trii_placement {
    struct tri_plan_placement info;
    struct trii_choice choice; /* one entry a stage; those whose engine is fixed have one candidate */
    char *key;                 /* NULL: nothing was open */
};

/* Whether a stage leaves its engine open. */
bool trii_place_is_open(const struct trii_flow *flow);

/* Chooses, and sets the technologies of the flow's stages. `handles`: its memory, in which nothing is yet. */
tri_status trii_place(struct tri_runtime *runtime, struct trii_flow *flow, const tri_handle *handles,
                      const struct tri_placement_params *params, struct trii_placement *out, struct tri_error *err);
/* A chosen engine turned out not to work: the next process measures again. */
void trii_place_forget(struct tri_runtime *runtime, const struct trii_placement *placement);
void trii_placement_finish(struct trii_placement *placement);

/* ---- place_key.c ---- */
/* Everything that decides the answer, as a text to be freed; NULL when there is no memory. */
char *trii_place_key(struct tri_runtime *runtime, const struct trii_flow *flow, const struct tri_placement_params *params,
                     uint32_t slots);

/* ---- place_record.c ---- */
/* A text to be freed; NULL when there is no memory. */
char *trii_place_write(const struct trii_placement *placement);
/* Fills a placement whose candidates are listed. False, and nothing is changed, when the text is not sound or speaks of
 * other stages or candidates. */
bool trii_place_read(const char *text, size_t bytes, struct trii_placement *placement);

/* ---- runtime.c: what a runtime remembers; between lock and unlock ---- */
void trii_runtime_lock_placing(struct tri_runtime *runtime);
void trii_runtime_unlock_placing(struct tri_runtime *runtime);
const char *trii_runtime_placed(struct tri_runtime *runtime, const char *key); /* a record; NULL: not known */
void trii_runtime_place(struct tri_runtime *runtime, const char *key, const char *record);
const struct tri_engine_params *trii_runtime_engine_params(const struct tri_runtime *runtime, enum tri_technology technology);

#endif
