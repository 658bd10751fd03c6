/*
 * Built-in operations: one definition each, shared by every engine that has it. The public face is
 * struct tri_operation_info in <tripoint/engine.h>.
 */
#ifndef TRIPOINT_ENGINE_OP_H
#define TRIPOINT_ENGINE_OP_H

#include <tripoint/engine.h>

#define TRII_OP_OPERANDS_MAX 8
#define TRII_OP_PARAMS_MAX 12

enum trii_op_id { TRII_OP_RESIZE, TRII_OP_SEGMENT, TRII_OP_APPLY_MASK, TRII_OP_VIGNETTE, TRII_OP_COUNT };

/* An operation's parameters, complete: given ones checked, the others at their defaults. value[i] belongs to
 * info->params[i]; texts point into the operation's choices or into the caller's arguments. */
struct trii_args {
    struct {
        double number;
        const char *text;
    } value[TRII_OP_PARAMS_MAX];
};

struct trii_op {
    enum trii_op_id id;
    struct tri_operation_info info;
    /* Output layouts from input layouts and parameters. `in` holds one layout an input operand in order, `out` receives
     * one an output operand. Says what does not fit and what would. */
    tri_status (*infer)(const struct trii_args *args, const struct tri_layout *in, struct tri_layout *out,
                        struct tri_error *err);
};

const struct trii_op *trii_op_find(const char *name);
const struct trii_op *trii_op_get(enum trii_op_id id);
size_t trii_op_inputs(const struct trii_op *op);
size_t trii_op_outputs(const struct trii_op *op);

/* Completes parameters. An unknown name, a number out of range, a choice that does not exist: TRI_INVALID_ARGUMENT
 * with the list of what would be right. Texts are borrowed. */
tri_status trii_args_resolve(const struct trii_op *op, const struct tri_param *params, size_t count,
                             struct trii_args *out, struct tri_error *err);
/* By parameter name; the parameter must exist. */
double trii_args_number(const struct trii_op *op, const struct trii_args *args, const char *name);
const char *trii_args_text(const struct trii_op *op, const struct trii_args *args, const char *name);

/* The segmentation models that ship, by the `model` parameter of `segment`. */
struct trii_model {
    const char *name;     /* "selfie" */
    const char *file;     /* below the data folder */
    const char *sha256;   /* of the file: a different one is refused */
    uint32_t height, width; /* the network's own input and mask size */
};
const struct trii_model *trii_model_find(const char *name);

#endif
