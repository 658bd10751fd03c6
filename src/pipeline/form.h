/*
 * The JSON form of a pipeline: text in, a bound flow out. docs/pipelines.md is its manual.
 *
 * Ownership: a form owns its flow and copies of what it keeps of the text. {0} is an empty form.
 * Errors:    TRI_PARSE: `cutout.json:8:18: stages[1].params.widht: unknown key; known: ...`;
 *            TRI_BAD_PIPELINE when stages do not fit together; TRI_LIMIT when the text is too long.
 */
#ifndef TRIPOINT_PIPELINE_FORM_H
#define TRIPOINT_PIPELINE_FORM_H

#include "pipeline/flow.h"

#define TRII_FORM_BYTES_MAX ((size_t)1 << 20)

/* What an input may hold. */
struct trii_form_input {
    uint32_t region;
    enum tri_kind kind;
    bool any_dtype;
    enum tri_dtype dtype;
    uint64_t channels; /* images: the last dimension; 0 for any */
};

struct trii_form {
    const struct trii_custom_place *place; /* while it is read */
    char name[TRI_LABEL_BYTES];
    struct trii_flow flow;
    struct trii_form_input *inputs; /* in the text's order, at least one; so with outputs */
    size_t input_count;
    uint32_t *outputs; /* regions of the flow */
    size_t output_count;
};

/* `place` says which files the text may name; NULL: none. It is not kept. */
tri_status trii_form_parse_at(const char *text, size_t bytes, const char *origin, const struct trii_custom_place *place,
                              struct trii_form *out, struct tri_error *err);
tri_status trii_form_parse(const char *text, size_t bytes, const char *origin, struct trii_form *out,
                           struct tri_error *err);
void trii_form_finish(struct trii_form *form);

/* "stage.key=value": the stage by name or by number from 0. */
tri_status trii_form_set(struct trii_form *form, const char *assignment, struct tri_error *err);

/* States the layout of an input; it must be of the kind, dtype and channels that the text asks for. */
tri_status trii_form_set_input(struct trii_form *form, const char *region, const struct tri_layout *layout,
                               struct tri_error *err);

#endif
