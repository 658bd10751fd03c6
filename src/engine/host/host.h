/*
 * The host engine's inside: a table of recipes, one an operation. A file of this folder binds one operation, or a family
 * of them, to the kernels of ops/host; list.h lists them.
 *
 * Threads: the front door serialises calls, except submit; one job runs at most once at a time, its rows divided among
 * the threads of the crew.
 */
#ifndef TRIPOINT_ENGINE_HOST_HOST_H
#define TRIPOINT_ENGINE_HOST_HOST_H

#include "engine/contract.h"
#include "engine/host/list.h"

#include "kernels.h"

/* A prepared stage. */
struct trii_host_job {
    const struct trii_kernels *kernels;
    const struct trii_stage *stage;
    void *shared; /* as many bytes as the recipe asked for, on a cache line, zeroed when prepared, kept between runs */
};

/* Bytes; SIZE_MAX: too much for any memory. */
typedef size_t trii_host_bytes(const struct trii_stage *stage);

struct trii_host_recipe {
    /* What all rows and all runs of a stage share; NULL: nothing. */
    trii_host_bytes *shared;
    /* What who works on rows needs for himself, its contents of no value before and after; NULL: nothing. */
    trii_host_bytes *scratch;
    /* Fills `shared`; NULL where nothing is to be filled. */
    tri_status (*prepare)(struct trii_host_job *job, struct tri_error *err);
    /* The rows by which the work may be divided; NULL: it may not, and `run` is told of no rows. */
    uint32_t (*rows)(const struct trii_stage *stage);
    /* A part reads what its neighbours read too and costs more than its share: it is divided into one part a thread, and
     * not at all in place. */
    bool has_margins;
    /* The work on some rows, perhaps beside other threads that work on others: allocates nothing, can't fail. */
    void (*run)(const struct trii_host_job *job, struct trii_rows rows, void *scratch);
};

#define TRII_HOST_EXTERN(NAME, name) extern const struct trii_host_recipe trii_host_##name;
TRII_HOST_LIST(TRII_HOST_EXTERN)
#undef TRII_HOST_EXTERN

/* NULL: the host does not do it. */
const struct trii_host_recipe *trii_host_recipe_of(const struct trii_op *op);

/* Width and height of an image or a mask. */
static inline struct trii_size trii_host_size(const struct trii_operand *operand) {
    return (struct trii_size){.width = (uint32_t)operand->layout.shape[1],
                              .height = (uint32_t)operand->layout.shape[0]};
}

/* Rows of the first output: what most work is divided by. */
static inline uint32_t trii_host_rows(const struct trii_stage *stage) {
    return (uint32_t)stage->operands[trii_op_inputs(stage->op)].layout.shape[0];
}

#endif
