/*
 * What a WGSL file offers, read from its text by a small reader of our own: bindings, override constants, uniforms,
 * entry points. Only declarations are understood; bodies are skipped, but for the names in them, which tell what an entry
 * point uses. Whether the shader is right is Dawn's business.
 *
 * Ownership: custom->inside. Threads: constant once read.
 */
#ifndef TRIPOINT_ENGINE_CUSTOM_WGSL_H
#define TRIPOINT_ENGINE_CUSTOM_WGSL_H

#include "engine/custom/custom.h"

#define TRII_WGSL_BINDINGS_MAX 16
#define TRII_WGSL_VALUES_MAX 48

enum trii_wgsl_space { TRII_WGSL_UNIFORM, TRII_WGSL_READ, TRII_WGSL_READ_WRITE, TRII_WGSL_OTHER };

/* The type of a binding, as much as a region's bytes can be held against. */
struct trii_wgsl_type {
    char base;        /* 'f' f32, 'h' f16, 'u' u32, 'i' i32, 'b' bool; '*' several, 0 not understood */
    uint64_t align;
    uint64_t size;    /* of what has a size: the head before a runtime-sized array, or all */
    uint64_t stride;  /* of a runtime-sized array's elements; 0: there is none */
    uint32_t count;   /* scalars in a vector; 1 for a scalar; 0 for others */
};

struct trii_wgsl_binding {
    char name[TRI_LABEL_BYTES];
    char type_text[64];
    uint32_t group, binding, line;
    enum trii_wgsl_space space;
    struct trii_wgsl_type type;
    bool used;            /* by the entry point */
    uint32_t operand;     /* storage: which operand's region it shows */
};

/* Where the value of a constant or of a uniform's member comes from. */
enum trii_wgsl_source { TRII_WGSL_PARAM, TRII_WGSL_LAYOUT, TRII_WGSL_ZERO };
enum trii_wgsl_extent { TRII_WGSL_WIDTH, TRII_WGSL_HEIGHT, TRII_WGSL_CHANNELS, TRII_WGSL_COUNT };

struct trii_wgsl_value {
    char name[TRI_LABEL_BYTES];
    char key[TRI_LABEL_BYTES]; /* overrides: what Dawn calls it: the name, or the number of @id */
    uint32_t line;
    char base;
    uint32_t count;       /* scalars */
    uint64_t offset;      /* uniforms: in the buffer */
    bool has_default;
    double value;         /* the default, NaN when it is an expression */
    enum trii_wgsl_source source;
    uint32_t param;       /* PARAM */
    uint32_t operand;     /* LAYOUT */
    enum trii_wgsl_extent extent;
};

struct trii_wgsl {
    struct trii_wgsl_binding bindings[TRII_WGSL_BINDINGS_MAX];
    size_t binding_count;
    struct trii_wgsl_value constants[TRII_WGSL_VALUES_MAX]; /* overrides */
    size_t constant_count;
    struct trii_wgsl_value members[TRII_WGSL_VALUES_MAX];   /* of the uniform */
    size_t member_count;
    uint64_t uniform_bytes; /* 0: there is none */
    struct {
        uint32_t number;
        uint32_t constant; /* index + 1; 0: `number` */
    } workgroup[3];
    uint32_t grid;        /* the parameter "grid" */
};

/* wgsl_read.c: fills bindings (used ones marked), constants, members, workgroup, and custom->entry. */
tri_status trii_wgsl_parse(struct trii_custom *custom, struct trii_wgsl *out, struct tri_error *err);

/* For the engine. `layouts` holds one layout an operand. */

/* The value of an override; false: the shader's own default is meant. */
bool trii_wgsl_constant(const struct trii_custom *custom, size_t i, const struct trii_args *args,
                        const struct tri_layout *layouts, double *out);
/* Fills the uniform buffer's `uniform_bytes` bytes. */
void trii_wgsl_uniform(const struct trii_custom *custom, const struct trii_args *args,
                       const struct tri_layout *layouts, uint8_t *out);
/* How many workgroups; TRI_BAD_PIPELINE when a dimension needs more than `groups_max`. */
tri_status trii_wgsl_groups(const struct trii_custom *custom, const struct trii_args *args,
                            const struct tri_layout *layouts, uint32_t groups_max, uint32_t out[3],
                            struct tri_error *err);

#endif
