/*
 * How a guest or a shared object describes its operations: a text of statements, ended by ';' or the end of a line.
 *
 *   op NAME [- what it does]                    begins an operation
 *   in NAME KIND [DTYPE [DIM ...]] [- help]     an input, in order
 *   out NAME KIND [DTYPE [DIM ...]] [- help]    an output
 *   inplace                                     the first output may be the first input
 *   number NAME DEFAULT MIN MAX [- help]        a parameter; so are
 *   integer NAME DEFAULT MIN MAX [- help]
 *   choice NAME DEFAULT A|B|C [- help]
 *
 * KIND is image, mask, tensor, boxes, bytes, another kind's name, or any; DTYPE is u8, f32, ... or any; DIM is a number
 * or *. An output's * is the first input's dimension at that place, and an output without dimensions is like the first
 * input. `# ...` is a comment.
 *
 * Ownership: a description is a format's own (custom->inside). Threads: constant once read.
 */
#ifndef TRIPOINT_ENGINE_CUSTOM_DESCRIBE_H
#define TRIPOINT_ENGINE_CUSTOM_DESCRIBE_H

#include "engine/custom/custom.h"

#define TRII_DESCRIBE_BYTES_MAX ((size_t)64 << 10)

struct trii_described_operand {
    bool any_kind, any_dtype, any_shape;
    enum tri_dtype dtype;
    uint32_t rank;
    uint64_t shape[TRI_LAYOUT_MAX_RANK]; /* 0: any, or the input's */
};

struct trii_description {
    bool found; /* the text describes the operation */
    struct trii_described_operand operands[TRII_OP_OPERANDS_MAX];
};

/* Reads what the text says about custom->entry: operands and parameters of `custom`, and the description. Not found is no
 * error. A statement that is none is TRI_BAD_MODULE, with the statement. */
tri_status trii_describe(struct trii_custom *custom, const char *text, size_t bytes, struct trii_description *out,
                         struct tri_error *err);
/* Shapes outputs that are the file's own, and holds every layout against the description. */
tri_status trii_description_fit(const struct trii_custom *custom, const struct trii_description *description,
                                const struct tri_layout *in, struct tri_layout *out, struct tri_error *err);

#endif
