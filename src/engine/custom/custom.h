/*
 * Operations that are files: a shader, a guest, a model, a shared object that a stage names.
 *
 * Opening reads the file once, hashes it, and finds out what it offers without an engine (wgsl.c, guest.c, describe.c)
 * or with the library's help (a model, a shared object). The result is a struct trii_op like a built-in one, but made for
 * one stage: operands in order, parameters, and a rule for each output's layout.
 *
 *   open --given(how many operands the stage names)--> complete --infer, prepare ...--> close
 *
 * Where files may lie: those that a pipeline names, beside it and in folders below, links included (a link out of the
 * folder is refused); those that the caller of the library names, anywhere. A shared object is loaded only when the caller
 * allows it, whatever a pipeline says.
 *
 * Ownership: a custom operation belongs to the stage that named it and owns the file's bytes and every text that its
 *            info shows. Engines keep what they made of it by its hash.
 * Threads:   opened and completed by one thread; constant afterwards, but for what reflect adds under the engine's lock.
 * Errors:    TRI_NOT_FOUND, TRI_IO, TRI_DENIED for the file; TRI_BAD_SHADER, TRI_BAD_MODULE, TRI_BAD_MODEL, TRI_UNSUPPORTED
 *            for what is in it; TRI_BAD_PIPELINE when it does not fit its operands.
 */
#ifndef TRIPOINT_ENGINE_CUSTOM_CUSTOM_H
#define TRIPOINT_ENGINE_CUSTOM_CUSTOM_H

#include "engine/op.h"

enum trii_custom_format { TRII_CUSTOM_WGSL, TRII_CUSTOM_GUEST, TRII_CUSTOM_MODEL, TRII_CUSTOM_NATIVE };

#define TRII_CUSTOM_NAME_BYTES 64
#define TRII_CUSTOM_TEXTS_MAX 96

/* What an output holds. */
enum trii_output_rule {
    TRII_OUTPUT_OWN,   /* what the file says, or else like the first input */
    TRII_OUTPUT_LIKE,  /* the shape of an input */
    TRII_OUTPUT_STATED /* the whole layout is given */
};
struct trii_custom_output {
    enum trii_output_rule rule;
    uint32_t like;      /* LIKE: which input */
    bool has_kind, has_dtype;
    uint64_t channels;  /* LIKE: another last dimension; 0: the input's */
    struct tri_layout layout; /* STATED: all of it; else what has_kind and has_dtype say */
};

struct trii_custom {
    struct trii_op op; /* op.custom is this struct */
    enum trii_custom_format format;
    char *path;                          /* as it was named */
    char name[TRII_CUSTOM_NAME_BYTES];   /* "glow.wgsl", "fx.wasm#blur": op.info.name */
    char stem[TRI_LABEL_BYTES];          /* "glow": what a stage without a name is called */
    char entry[TRII_CUSTOM_NAME_BYTES];  /* the function: after '#', or the only one there is */
    uint8_t *bytes;                      /* the file; a NUL follows its last byte */
    size_t size;
    int file;                            /* opened; while it is read */
    uint8_t *weights;                    /* of a model in two files */
    size_t weights_size;
    char hash[65];                       /* SHA-256 of both */
    struct tri_operand_info operands[TRII_OP_OPERANDS_MAX];
    struct tri_param_info params[TRII_OP_PARAMS_MAX];
    struct trii_custom_output outputs[TRII_OP_OPERANDS_MAX];
    bool only_in_place;                  /* its first input and first output must be one region */
    bool isolated;                       /* its code must not run in this process: set before trii_custom_given() */
    bool open_params;                    /* any name is taken for a parameter until the engine knows better */
    void *inside;                        /* the format's own */
    char *texts[TRII_CUSTOM_TEXTS_MAX];  /* what the infos point to */
    size_t text_count;
};

#define TRII_CUSTOM_ANYWHERE (-1)  /* a caller's own name: from the current folder, anywhere */
#define TRII_CUSTOM_NO_FOLDER (-2) /* a text's: `files` only */

/* How a file may be found. */
struct trii_custom_place {
    int folder;                          /* the pipeline's, opened; or one of the above */
    bool allow_native;
    const struct tri_file *files;        /* names with places of the caller's choice */
    size_t file_count;
    bool isolate;                        /* every file runs in a worker process */
    const char *const *isolated;         /* those of these stages do: by name, or by number from 0 */
    size_t isolated_count;
    /* Asks a worker what a shared object that will run there offers; NULL: there are no workers. */
    tri_status (*describe)(void *user, struct trii_custom *custom, struct tri_error *err);
    void *user;
};

/* Whether the text of an "operation" names a file: it has a '/' or an extension that is known. */
bool trii_custom_is_file(const char *operation);
tri_status trii_custom_open(const struct trii_custom_place *place, const char *operation, struct trii_custom **out,
                            struct tri_error *err);
#define TRII_CUSTOM_NATURAL SIZE_MAX /* no stage: as many operands as the file itself has */
/* The stage names so many operands; the operation is complete afterwards. */
tri_status trii_custom_given(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err);
/* A parameter that a file which takes any gets (open_params); NULL when there are too many. */
const struct tri_param_info *trii_custom_open_param(struct trii_custom *custom, const char *name, bool number);
/* The kind of output j, given the inputs' kinds. */
enum tri_kind trii_custom_output_kind(const struct trii_custom *custom, size_t j, const enum tri_kind *in);
/* A shared object's words about itself, as trii_describe() reads them: "" when it has none. */
const char *trii_custom_description(const struct trii_custom *custom);
/* What a worker has told of a shared object that is isolated; before trii_custom_given(). */
tri_status trii_custom_described(struct trii_custom *custom, const char *entry, const char *text, struct tri_error *err);
/* True when its outputs can't be told before an engine has looked at it (trii_engine_reflect). */
bool trii_custom_needs_engine(const struct trii_custom *custom);
void trii_custom_close(struct trii_custom **custom);

/* ---- for the formats ---- */

struct trii_custom_kind {
    const char *extensions[4];
    enum trii_custom_format format;
    enum tri_technology technology;
    size_t bytes_max;
    /* Looks into the bytes: info.summary, entry, params, operands as far as they are known. */
    tri_status (*read)(struct trii_custom *custom, struct tri_error *err);
    tri_status (*given)(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err);
    /* Fills the layouts of outputs whose rule is OWN (others are filled), and holds all against what the file says. */
    tri_status (*fit)(const struct trii_custom *custom, const struct trii_args *args, const struct tri_layout *in,
                      struct tri_layout *out, struct tri_error *err);
    void (*finish)(struct trii_custom *custom);
};
extern const struct trii_custom_kind trii_custom_wgsl, trii_custom_guest, trii_custom_model, trii_custom_native;

/* A copy of a text that lives as long as the operation; NULL when there is no memory. */
const char *trii_custom_keep(struct trii_custom *custom, const char *text, size_t length);
/* Adds an operand or a parameter; `name` is copied. TRI_LIMIT past the last one. */
tri_status trii_custom_add_operand(struct trii_custom *custom, const char *name, enum tri_access access,
                                   enum tri_kind kind, const char *help, struct tri_error *err);
tri_status trii_custom_add_param(struct trii_custom *custom, const struct tri_param_info *info, struct tri_error *err);
/* Operands as the stage names them, of any kind: for files that do not describe themselves. */
tri_status trii_custom_any_operands(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err);
/* Was a value given for the parameter? (Numbers without a default are NaN.) */
bool trii_custom_has_arg(const struct trii_custom *custom, const struct trii_args *args, size_t param);
/* A parameter as a number: a choice is its position. */
double trii_custom_param_number(const struct trii_custom *custom, const struct trii_args *args, size_t param);
/* "0.5 1 2" -> numbers; how many there are, or SIZE_MAX when the text is none or has more than `max`. */
size_t trii_custom_numbers(const char *text, double *out, size_t max);

#endif
