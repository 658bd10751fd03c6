/*
 * How a user's model fits the stage that names it, told from its ports and the stage's layouts alone: no library is asked.
 * graph.c does to the graph what is found here. The model is a stranger's: its names, types and dimensions are anything.
 *
 * Ownership: everything is the caller's. Threads: nothing is kept.
 * Errors:    TRI_BAD_PIPELINE with both sides, TRI_UNSUPPORTED for element types.
 */
#ifndef TRIPOINT_ENGINE_WEBNN_BIND_H
#define TRIPOINT_ENGINE_WEBNN_BIND_H

#include "engine/webnn/graph.h"

/* Where an image's height, width and channels stand in a port. */
struct trii_nn_places {
    uint32_t h, w, c;
    bool batch;
};

bool trii_nn_is_real(unsigned element);
/* `mean` and `scale` are numbers. */
tri_status trii_nn_check_numbers(const struct trii_custom *custom, const struct trii_args *args, struct tri_error *err);
/* Which input is an operand, and which a parameter. */
tri_status trii_nn_match(const struct trii_custom *custom, struct trii_nn_graph *g, struct tri_error *err);
/* False: the port is no image's. */
bool trii_nn_find_places(const struct trii_custom *custom, const struct trii_args *args,
                         const struct trii_model_port *port, struct trii_nn_places *out);
/* Every dimension of every input, and the values of those that are parameters. */
tri_status trii_nn_fix(const struct trii_custom *custom, const struct trii_args *args, const struct tri_layout *in,
                       struct trii_nn_graph *g, int64_t fixed[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX],
                       uint32_t ranks[TRII_MODEL_INPUTS_MAX], struct tri_error *err);
/* What an output's elements will be: what is asked for, or the model's own where a region can hold it. */
tri_status trii_nn_choose_elements(const struct trii_custom *custom, struct trii_nn_graph *g,
                                   const struct tri_layout *out, struct tri_error *err);
/* `port` is output j once the inputs are fixed: fills a layout of rank UINT32_MAX, or holds it against the port. */
tri_status trii_nn_check_output(const struct trii_custom *custom, struct trii_nn_graph *g, size_t j,
                                const struct trii_model_port *port, struct tri_layout *out, struct tri_error *err);

#endif
