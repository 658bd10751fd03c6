/*
 * The host engine's inside: a table of recipes, one an operation. A file of this folder binds one operation, or a family
 * of them, to the kernels of ops/host; list.h lists them.
 *
 * Threads: the front door serialises calls; one job runs at most once at a time.
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
    void *scratch; /* as many bytes as the recipe asked for, on a cache line, zeroed when prepared, kept between runs */
};

struct trii_host_recipe {
    /* Bytes of scratch; NULL: none are needed. SIZE_MAX: too much for any memory. */
    size_t (*scratch)(const struct trii_stage *stage);
    /* Fills the scratch with what every run shares; NULL where nothing is. */
    tri_status (*prepare)(struct trii_host_job *job, struct tri_error *err);
    /* The work: allocates nothing, can't fail. */
    void (*run)(const struct trii_host_job *job);
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

#endif
