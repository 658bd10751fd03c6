/*
 * Operations: one definition each, shared by every engine that has it. The public face is struct tri_operation_info in
 * <tripoint/engine.h>.
 *
 * The built-in ones are constants, ops/<operation>.c, listed in ops/list.h; each engine has a table of what it does, by
 * id. An operation may also be made at run time (a stage that names a file): its id is TRII_OP_CUSTOM, which is in no
 * table, and `custom` leads to what its engine needs to know.
 *
 * Ownership: built-in operations live for ever; who makes a custom one keeps it until its stages are released.
 * Threads:   all of it is constant once made.
 */
#ifndef TRIPOINT_ENGINE_OP_H
#define TRIPOINT_ENGINE_OP_H

#include <tripoint/engine.h>

#include "engine/ops/list.h"

#define TRII_OP_OPERANDS_MAX 8
#define TRII_OP_PARAMS_MAX 12

enum trii_op_id {
#define TRII_OP_ID(NAME, name) TRII_OP_##NAME,
    TRII_OP_LIST(TRII_OP_ID)
#undef TRII_OP_ID
    TRII_OP_COUNT,
    TRII_OP_CUSTOM = TRII_OP_COUNT /* not in the table: look at `custom` */
};

/* An operation's parameters, complete: given ones checked, the others at their defaults. value[i] belongs to
 * info->params[i]; texts point into the operation's choices or into the caller's arguments. */
struct trii_args {
    struct {
        double number;
        const char *text;
    } value[TRII_OP_PARAMS_MAX];
};

struct trii_custom; /* belongs to who made the operation */

struct trii_op {
    enum trii_op_id id;
    const struct trii_custom *custom; /* NULL: built in */
    struct tri_operation_info info;
    /* Output layouts from input layouts and parameters. `in` holds one layout an input operand in order, `out` receives
     * one an output operand. Says what does not fit and what would. */
    tri_status (*infer)(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err);
};

#define TRII_OP_EXTERN(NAME, name) extern const struct trii_op trii_##name##_op;
TRII_OP_LIST(TRII_OP_EXTERN)
#undef TRII_OP_EXTERN

const struct trii_op *trii_op_find(const char *name);
/* NULL for TRII_OP_CUSTOM. */
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
/* Whether a choice or text is this one. */
bool trii_args_is(const struct trii_op *op, const struct trii_args *args, const char *name, const char *text);

/* The models that ship: those of `segment`, by its parameter `model`, and the one of `detect_faces`. A network is given
 * (RGB - mean) / scale of pixels 0 ... 255. */
struct trii_model {
    const char *name;     /* "selfie" */
    const char *file;     /* below the data folder */
    const char *sha256;   /* of the file: a different one is refused */
    uint32_t height, width; /* the network's own input size, and that of a mask */
    float mean, scale;
};
const struct trii_model *trii_model_find(const char *name);
const struct trii_model *trii_model_of_faces(void);

#endif
