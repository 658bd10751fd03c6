/*
 * A model file as an operation: custom->inside. What it takes and gives is known to the engine alone, which fills this in
 * trii_engine_reflect().
 */
#ifndef TRIPOINT_ENGINE_CUSTOM_MODEL_H
#define TRIPOINT_ENGINE_CUSTOM_MODEL_H

#include "engine/custom/custom.h"

#define TRII_MODEL_INPUTS_MAX (TRII_OP_OPERANDS_MAX + TRII_OP_PARAMS_MAX)
#define TRII_MODEL_RANK_MAX 8

/* The parameters that every model has, in this order; further ones are inputs of the model's own, by name. */
enum {
    TRII_MODEL_MEAN,
    TRII_MODEL_SCALE,
    TRII_MODEL_RANGE,
    TRII_MODEL_COLOR,
    TRII_MODEL_RESIZE,
    TRII_MODEL_LAYOUT,
    TRII_MODEL_PARAMS
};

struct trii_model_port {
    char name[TRII_CUSTOM_NAME_BYTES];
    unsigned element; /* the library's number */
    uint32_t rank;    /* UINT32_MAX: not even that is known */
    int64_t dims[TRII_MODEL_RANK_MAX]; /* -1: any */
};

struct trii_model_file {
    bool read; /* the ports are filled */
    struct trii_model_port inputs[TRII_MODEL_INPUTS_MAX], outputs[TRII_OP_OPERANDS_MAX];
    size_t input_count, output_count;
    /* Asks the library what comes out: layouts of rank UINT32_MAX in `out` are filled, others are held against the model. */
    tri_status (*shapes)(struct tri_engine *engine, const struct trii_custom *custom, const struct trii_args *args,
                         const struct tri_layout *in, struct tri_layout *out, struct tri_error *err);
    struct tri_engine *engine;
    /* What it answered last: planning and preparing ask the same. */
    bool answered;
    char *args;       /* as text; owned */
    struct tri_layout in[TRII_OP_OPERANDS_MAX], asked[TRII_OP_OPERANDS_MAX], answer[TRII_OP_OPERANDS_MAX];
};

/* Every parameter with its value, as fresh text (trii_free); NULL when there is no memory. */
char *trii_model_args_text(const struct trii_custom *custom, const struct trii_args *args);
/* "f32 [1,3,?,224]"; `element` is the library's name for the type. */
char *trii_model_port_format(const struct trii_model_port *port, const char *element, char *text, size_t bytes);

#endif
