/*
 * A user's model, made to fit a stage: its inputs matched with operands and parameters, its dynamic dimensions fixed by
 * their layouts, and conversions folded into the graph, so that the plugin's own code reads and writes the regions.
 */
#ifndef TRIPOINT_ENGINE_WEBNN_GRAPH_H
#define TRIPOINT_ENGINE_WEBNN_GRAPH_H

#include "engine/custom/model.h"
#include "engine/webnn/webnn.h"

#define TRII_GRAPH_CONSTANT_BYTES 256

struct trii_nn_graph {
    struct trii_model_file ports;                    /* of the model as it is in the file */
    struct {
        uint32_t operand;                            /* UINT32_MAX: a constant */
        uint32_t param;
        int64_t dims[TRII_MODEL_RANK_MAX + 1];       /* of the tensor that is bound */
        uint32_t rank;
        unsigned element;
        uint8_t constant[TRII_GRAPH_CONSTANT_BYTES]; /* its value */
    } inputs[TRII_MODEL_INPUTS_MAX];
    struct {
        int64_t dims[TRII_MODEL_RANK_MAX];
        uint32_t rank;
        unsigned element;
    } outputs[TRII_OP_OPERANDS_MAX];
    void *weights;                                   /* a copy of the file's: the graph points into it */
    struct ov_model *model, *folded;
};

/* Reads the ports of a file's model. */
tri_status trii_nn_ports(struct trii_nn *nn, const struct trii_custom *custom, struct trii_model_file *out,
                         struct tri_error *err);
/* Fits the model; fills output layouts of rank UINT32_MAX in `out`, and holds the others against it. {0} at first. */
tri_status trii_nn_graph_make(struct trii_nn *nn, const struct trii_custom *custom, const struct trii_args *args,
                              const struct tri_layout *in, struct tri_layout *out, struct trii_nn_graph *graph,
                              struct tri_error *err);
void trii_nn_graph_drop(struct trii_nn *nn, struct trii_nn_graph *graph);

#endif
