/*
 * The flow of values through a pipeline: which stage makes what, who reads it, and where it lies.
 *
 * A *region* here is a name. It holds one *value* after another, each made by a stage (or there before the first
 * stage). A value lies in a *slot*. A name has one slot as long as each stage that writes it may overwrite what is
 * there; a stage that reads the name's value and can't work in place gets another slot behind the same name. Slots of
 * the planner's own whose values are never needed at the same time share a *block*, which becomes a region of the arena.
 *
 * Two passes: trii_flow_bind() needs names and kinds only and is done once; trii_flow_infer() works out layouts,
 * sizes and blocks and is done again whenever an input's layout changes. Neither needs an engine or memory of the arena.
 *
 * Ownership: a flow owns everything it points to but built-in operations. {0} is an empty flow.
 */
#ifndef TRIPOINT_PIPELINE_FLOW_H
#define TRIPOINT_PIPELINE_FLOW_H

#include <tripoint/pipeline.h>

#include "engine/custom/custom.h"
#include "pipeline/locate.h"

#define TRII_FLOW_NONE UINT32_MAX
#define TRII_FLOW_REGIONS_MAX 512u

struct trii_flow_region {
    char name[TRI_LABEL_BYTES];
    struct trii_spot spot;    /* where the text first names it; line 0 without a text */
    bool owned;               /* the planner's own: another slot may be put behind the name */
    bool output;              /* what it holds at the end is a result of the pipeline */
    bool input;               /* holds a value before the first stage, whose layout is `layout` */
    bool bindable;            /* an input that an operand may be bound to by kind */
    bool given_up;            /* an input whose bytes may be overwritten by a stage that works in place */
    bool known;               /* inputs: the whole layout is known, not just its kind */
    struct tri_layout layout;
    bool stated;              /* the first value that a stage writes must have layout `statement` */
    struct tri_layout statement;
    tri_handle handle;        /* a caller's region */
    uint64_t capacity_bytes;  /* a caller's region: its size */
    uint32_t value;           /* bound: the value it holds at the end; TRII_FLOW_NONE before the first */
    uint32_t spare_slot;      /* bound: a slot whose value nobody can name any more */
};

struct trii_flow_stage {
    char name[TRI_LABEL_BYTES];
    struct trii_spot spot;
    enum tri_technology technology; /* of several candidates: the first, until placement has chosen */
    enum tri_technology candidates[TRI_TECHNOLOGY_COUNT]; /* in the order of preference among equals */
    uint32_t streams;       /* of webnn, when placement chose it so; 0: the engine that is opened for all */
    size_t candidate_count; /* 0: the text names one engine, and that is it */
    const struct trii_op *op;
    struct trii_custom *custom; /* what `op` is part of, owned; NULL: a built-in operation */
    struct tri_param params[TRII_OP_PARAMS_MAX]; /* as given; names and texts are owned */
    size_t param_count;
    struct trii_args args; /* complete; texts point into `params` */
    uint32_t given_in[TRII_OP_OPERANDS_MAX], given_out[TRII_OP_OPERANDS_MAX]; /* regions; NONE: bind by kind */
    size_t given_in_count, given_out_count;
    uint32_t in[TRII_OP_OPERANDS_MAX], out[TRII_OP_OPERANDS_MAX]; /* bound: values, in the operation's order */
    bool in_place;
    bool isolate; /* it names a file, which runs in a worker process */
    bool offered; /* inferred: it is in place because its input was given up, under another name */
};

struct trii_flow_value {
    uint32_t region, slot;
    uint32_t stage; /* that makes it; TRII_FLOW_NONE: there before the first */
    enum tri_kind kind;
    struct tri_layout layout; /* inferred */
    uint64_t bytes;           /* inferred: what the layout needs */
    uint32_t last;            /* inferred: the last stage that reads it; TRII_FLOW_NONE: none does */
    bool mark;                /* scratch */
};

struct trii_flow_slot {
    uint32_t region;
    uint64_t bytes; /* inferred: the most that any of its values needs */
    uint32_t block; /* inferred */
    uint32_t over;  /* inferred: the slot whose bytes it replaces in place, TRII_FLOW_NONE: its own */
};

/* Memory: one slot, or several of the planner's own that take turns. */
struct trii_flow_block {
    uint64_t bytes; /* of its largest slot */
    uint32_t slot;  /* its first */
};

struct trii_flow {
    const char *origin; /* what errors call the text; NULL without one; owned */
    struct trii_flow_region *regions;
    size_t region_count;
    struct trii_flow_stage *stages;
    size_t stage_count;
    struct trii_flow_value *values;
    size_t value_count;
    struct trii_flow_slot *slots;
    size_t slot_count;
    bool apart; /* every slot is to be a block of its own */
    struct trii_flow_block *blocks;
    size_t block_count;
};

void trii_flow_finish(struct trii_flow *flow);

/* Appends a region (owned, no value). TRI_LIMIT beyond TRII_FLOW_REGIONS_MAX. */
tri_status trii_flow_add_region(struct trii_flow *flow, const char *name, uint32_t *out, struct tri_error *err);
/* The region of that name, appended when there is none yet. */
tri_status trii_flow_region(struct trii_flow *flow, const char *name, uint32_t *out, struct tri_error *err);
uint32_t trii_flow_find(const struct trii_flow *flow, const char *name);
/* Appends a zeroed stage. TRI_LIMIT beyond TRI_STAGES_MAX. */
tri_status trii_flow_add_stage(struct trii_flow *flow, struct trii_flow_stage **out, struct tri_error *err);

/* Sets or replaces one parameter and completes the arguments anew; unchanged on failure. */
tri_status trii_flow_set_param(struct trii_flow_stage *stage, const struct tri_param *param, struct tri_error *err);

/* Binds every operand to a value and every value to a slot. TRI_BAD_PIPELINE says what does not fit. */
tri_status trii_flow_bind(struct trii_flow *flow, struct tri_error *err);
/* Fills layouts and slot sizes of a bound flow, and the blocks. */
tri_status trii_flow_infer(struct trii_flow *flow, struct tri_error *err);
/* Its last step: which slots share memory (alias.c). */
tri_status trii_flow_share(struct trii_flow *flow, struct tri_error *err);
/* Part of it: stages that work in place on inputs that were given up (offer.c). */
void trii_flow_offer(struct trii_flow *flow);
/* "a+b": the names whose slots lie in a block. Writes into `text` and returns it. */
char *trii_flow_label(const struct trii_flow *flow, uint32_t block, char *text, size_t text_bytes);
/* The block in which a value lies. */
uint32_t trii_flow_block_of(const struct trii_flow *flow, uint32_t value);
/* Are a value's bytes still there after the last stage? */
bool trii_flow_survives(const struct trii_flow *flow, uint32_t value);

/* Fails with `cutout.json:8:5: stage "resize": <sentence>`, as far as place and stage are known. */
tri_status trii_flow_fail(const struct trii_flow *flow, const struct trii_flow_stage *stage, struct tri_error *err,
                          tri_status status, const char *format, ...) TRI_PRINTF(5, 6);

#endif
