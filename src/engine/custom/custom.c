/* The life of an operation that is a file, and what all formats have in common. */
#include "engine/custom/custom.h"

#include "base/alloc.h"
#include "base/cache.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"
#include "engine/contract.h"
#include "engine/custom/file.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct trii_custom_kind *const kinds[] = {&trii_custom_wgsl, &trii_custom_guest, &trii_custom_model,
                                                &trii_custom_native};

/* ---- names ---- */

/* "./fx.wasm#blur" -> the length of "./fx.wasm". */
static size_t path_length(const char *operation) {
    return strcspn(operation, "#");
}

static bool ends_in(const char *text, size_t length, const char *ending) {
    size_t n = strlen(ending);
    return length > n && memcmp(text + length - n, ending, n) == 0;
}

static const struct trii_custom_kind *kind_of(const char *operation) {
    size_t length = path_length(operation);
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t e = 0; e < COUNT(kinds[k]->extensions) && kinds[k]->extensions[e]; e++)
            if (ends_in(operation, length, kinds[k]->extensions[e]))
                return kinds[k];
    return NULL;
}

bool trii_custom_is_file(const char *operation) {
    return memchr(operation, '/', path_length(operation)) || kind_of(operation);
}

static tri_status unknown_kind(const char *operation, struct tri_error *err) {
    char list[128] = "";
    size_t used = 0;
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t e = 0; e < COUNT(kinds[k]->extensions) && kinds[k]->extensions[e] && used < sizeof list; e++)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", kinds[k]->extensions[e]);
    return trii_fail(err, TRI_UNSUPPORTED, "%.120s is no operation from a file: its name must end in one of %s", operation,
                     list);
}

/* What stands after '#' and a name for people; a stage that has no name is called by the file, without its ending. */
static tri_status name_it(struct trii_custom *custom, const char *operation, struct tri_error *err) {
    size_t length = path_length(operation), n = 0;
    const char *base = operation;
    for (size_t i = 0; i < length; i++)
        if (operation[i] == '/')
            base = operation + i + 1;
    custom->path = trii_strdup(operation);
    if (!custom->path)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the path %.120s", operation);
    custom->path[length] = '\0';
    trii_name_copy(custom->name, sizeof custom->name, base);
    if (operation[length] == '#')
        trii_name_copy(custom->entry, sizeof custom->entry, operation + length + 1);
    for (const char *c = base; *c && *c != '.' && *c != '#' && n + 1 < sizeof custom->stem; c++)
        if (isascii((unsigned char)*c) && (isalnum((unsigned char)*c) || *c == '_' || *c == '-'))
            custom->stem[n++] = *c;
    if (!isalpha((unsigned char)custom->stem[0]))
        snprintf(custom->stem, sizeof custom->stem, "stage");
    return TRI_OK;
}

/* ---- building blocks for the formats ---- */

const char *trii_custom_keep(struct trii_custom *custom, const char *text, size_t length) {
    char *copy = custom->text_count < TRII_CUSTOM_TEXTS_MAX ? trii_calloc(length + 1, 1) : NULL;
    if (!copy)
        return NULL;
    memcpy(copy, text, length); /* not payload: a name */
    custom->texts[custom->text_count++] = copy;
    return copy;
}

static tri_status no_memory(const struct trii_custom *custom, struct tri_error *err) {
    return trii_fail(err, TRI_NO_MEMORY, "no memory for the operands of %s", custom->name);
}

tri_status trii_custom_add_operand(struct trii_custom *custom, const char *name, enum tri_access access,
                                   enum tri_kind kind, const char *help, struct tri_error *err) {
    size_t n = custom->op.info.operand_count;
    if (n == TRII_OP_OPERANDS_MAX)
        return trii_fail(err, TRI_LIMIT, "%s has more than %d operands", custom->name, TRII_OP_OPERANDS_MAX);
    const char *kept = trii_custom_keep(custom, name, strlen(name));
    const char *helped = trii_custom_keep(custom, help, strlen(help));
    if (!kept || !helped)
        return no_memory(custom, err);
    custom->operands[n] = (struct tri_operand_info){.name = kept, .access = access, .kind = kind, .help = helped};
    custom->op.info.operand_count++;
    return TRI_OK;
}

tri_status trii_custom_add_param(struct trii_custom *custom, const struct tri_param_info *info, struct tri_error *err) {
    struct tri_param_info kept = *info;
    const char **const texts[] = {&kept.name, &kept.default_text, &kept.choices, &kept.help};
    size_t n = custom->op.info.param_count;
    if (n == TRII_OP_PARAMS_MAX)
        return trii_fail(err, TRI_LIMIT, "%s has more than %d parameters", custom->name, TRII_OP_PARAMS_MAX);
    for (size_t i = 0; i < n; i++)
        if (strcmp(custom->params[i].name, info->name) == 0)
            return trii_fail(err, TRI_UNSUPPORTED, "%s: two parameters are called '%s'", custom->name, info->name);
    for (size_t i = 0; i < COUNT(texts); i++)
        if (*texts[i] && !(*texts[i] = trii_custom_keep(custom, *texts[i], strlen(*texts[i]))))
            return no_memory(custom, err);
    custom->params[n] = kept;
    custom->op.info.param_count++;
    return TRI_OK;
}

const struct tri_param_info *trii_custom_open_param(struct trii_custom *custom, const char *name, bool number) {
    const struct tri_param_info info = {.name = name,
                                        .type = number ? "number" : "text",
                                        .default_number = NAN,
                                        .minimum = -INFINITY,
                                        .maximum = INFINITY,
                                        .help = ""};
    if (!custom->open_params || trii_custom_add_param(custom, &info, NULL) != TRI_OK)
        return NULL;
    return &custom->params[custom->op.info.param_count - 1];
}

tri_status trii_custom_any_operands(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err) {
    char name[32];
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < inputs; i++) {
        snprintf(name, sizeof name, inputs == 1 ? "input" : "input%zu", i);
        status = trii_custom_add_operand(custom, name, TRI_ACCESS_READ, TRI_KIND_BYTES, "anything", err);
    }
    for (size_t i = 0; status == TRI_OK && i < outputs; i++) {
        snprintf(name, sizeof name, outputs == 1 ? "output" : "output%zu", i);
        status = trii_custom_add_operand(custom, name, TRI_ACCESS_WRITE, TRI_KIND_BYTES, "anything", err);
    }
    return status;
}

bool trii_custom_has_arg(const struct trii_custom *custom, const struct trii_args *args, size_t param) {
    const char *type = custom->params[param].type;
    return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0 ? !isnan(args->value[param].number)
                                                                       : args->value[param].text != NULL;
}

/* A choice's position in "bilinear|area"; -1 when it is none of them. */
static double position(const char *choices, const char *text) {
    const size_t length = strlen(text);
    double n = 0;
    for (const char *at = choices;; n++) {
        const size_t bytes = strcspn(at, "|");
        if (bytes == length && memcmp(at, text, bytes) == 0)
            return n;
        if (!at[bytes])
            return -1;
        at += bytes + 1;
    }
}

double trii_custom_param_number(const struct trii_custom *custom, const struct trii_args *args, size_t param) {
    const struct tri_param_info *info = &custom->params[param];
    return info->choices ? position(info->choices, args->value[param].text) : args->value[param].number;
}

size_t trii_custom_numbers(const char *text, double *out, size_t max) {
    size_t n = 0;
    for (const char *at = text + strspn(text, " ,"); *at; at += strspn(at, " ,")) {
        char *end;
        double value = strtod(at, &end);
        if (end == at || !isfinite(value) || n == max || !strchr(" ,", *end))
            return SIZE_MAX;
        out[n++] = value;
        at = end;
    }
    return n;
}

/* ---- layouts ---- */

static enum tri_kind own_kind(const struct trii_custom *custom, size_t j) {
    return custom->operands[trii_op_inputs(&custom->op) + j].kind;
}

enum tri_kind trii_custom_output_kind(const struct trii_custom *custom, size_t j, const enum tri_kind *in) {
    const struct trii_custom_output *output = &custom->outputs[j];
    if (output->rule == TRII_OUTPUT_STATED || output->has_kind)
        return output->layout.kind;
    if (output->rule == TRII_OUTPUT_LIKE)
        return in[output->like];
    if (own_kind(custom, j) != TRI_KIND_BYTES)
        return own_kind(custom, j);
    if (custom->format == TRII_CUSTOM_MODEL || trii_op_inputs(&custom->op) == 0)
        return TRI_KIND_TENSOR;
    return in[0];
}

static tri_status like(const struct trii_custom *custom, size_t j, const struct tri_layout *from,
                       struct tri_layout *out, struct tri_error *err) {
    const struct trii_custom_output *output = &custom->outputs[j];
    *out = *from;
    if (output->has_dtype)
        out->dtype = output->layout.dtype;
    if (output->has_kind)
        out->kind = output->layout.kind;
    if (output->channels && out->rank == 0)
        return trii_fail(err, TRI_BAD_PIPELINE, "%s: an output with other channels can't be like a single number",
                         custom->name);
    if (output->channels)
        out->shape[out->rank - 1] = output->channels;
    return TRI_OK;
}

/* What the rules say before the file is asked: stated, like an input, or like the first input where the file is silent.
 * Rank UINT32_MAX: the file decides. */
static tri_status begin_output(const struct trii_custom *custom, size_t j, const struct tri_layout *in,
                               struct tri_layout *out, struct tri_error *err) {
    const struct trii_custom_output *output = &custom->outputs[j];
    if (output->rule == TRII_OUTPUT_STATED)
        *out = output->layout;
    else if (output->rule == TRII_OUTPUT_LIKE)
        return like(custom, j, &in[output->like], out, err);
    else if (custom->format != TRII_CUSTOM_MODEL && trii_op_inputs(&custom->op) > 0)
        return like(custom, j, &in[0], out, err);
    else
        *out = (struct tri_layout){.rank = UINT32_MAX, .kind = TRI_KIND_TENSOR};
    return TRI_OK;
}

static const struct trii_custom_kind *kind_by_format(enum trii_custom_format format) {
    size_t k = 0;
    while (kinds[k]->format != format)
        k++;
    return kinds[k];
}

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    const struct trii_custom *custom = op->custom;
    tri_status status = TRI_OK;
    for (size_t j = 0; status == TRI_OK && j < trii_op_outputs(op); j++)
        status = begin_output(custom, j, in, &out[j], err);
    if (status == TRI_OK)
        status = kind_by_format(custom->format)->fit(custom, args, in, out, err);
    for (size_t j = 0; status == TRI_OK && j < trii_op_outputs(op); j++)
        if (out[j].rank == UINT32_MAX)
            return trii_fail(err, TRI_BAD_PIPELINE,
                             "%s: nothing says what its output \"%s\" holds; state shape, dtype and kind of the region in "
                             "\"outputs\" or \"regions\"",
                             custom->name, custom->operands[trii_op_inputs(op) + j].name);
    return status;
}

bool trii_custom_needs_engine(const struct trii_custom *custom) {
    if (custom->format != TRII_CUSTOM_MODEL)
        return false;
    for (size_t j = 0; j < trii_op_outputs(&custom->op); j++)
        if (custom->outputs[j].rule == TRII_OUTPUT_OWN)
            return true;
    return false;
}

/* ---- life ---- */

tri_status trii_custom_open(const struct trii_custom_place *place, const char *operation, struct trii_custom **out,
                            struct tri_error *err) {
    const struct trii_custom_kind *kind = kind_of(operation);
    if (!kind)
        return unknown_kind(operation, err);
    struct trii_custom *custom = trii_calloc(1, sizeof *custom);
    if (!custom)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the operation %.120s", operation);
    custom->format = kind->format;
    custom->op = (struct trii_op){.id = TRII_OP_CUSTOM, .custom = custom, .infer = infer};
    custom->op.info = (struct tri_operation_info){.name = custom->name,
                                                  .summary = "",
                                                  .definition = "what the file says",
                                                  .technologies = 1u << kind->technology,
                                                  .operands = custom->operands,
                                                  .params = custom->params};
    tri_status status = name_it(custom, operation, err);
    custom->file = -1;
    if (status == TRI_OK)
        status = trii_custom_file_read(place, kind, custom, err);
    if (status == TRI_OK)
        status = kind->read(custom, err);
    if (custom->file >= 0)
        trii_sys_close(custom->file);
    custom->file = -1;
    if (status != TRI_OK) {
        trii_custom_close(&custom);
        return status;
    }
    *out = custom;
    return TRI_OK;
}

tri_status trii_custom_given(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err) {
    return kind_by_format(custom->format)->given(custom, inputs, outputs, err);
}

/* ---- from outside ---- */

tri_status tri_operation_open(const struct tri_operation_params *given, struct tri_operation **out,
                              struct tri_error *err) {
    struct tri_operation_params params = {.struct_bytes = sizeof params};
    struct trii_custom *custom = NULL;
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_operation_params", err);
    if (status != TRI_OK)
        return status;
    if (!params.file || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_operation_open wants a file and a place for the operation");
    const struct trii_custom_place place = {.folder = TRII_CUSTOM_ANYWHERE, .allow_native = params.allow_native};
    status = trii_custom_open(&place, params.file, &custom, err);
    if (status == TRI_OK && params.webnn && custom->format == TRII_CUSTOM_MODEL)
        status = trii_engine_reflect(params.webnn, custom, err);
    if (status == TRI_OK)
        status = trii_custom_given(custom, TRII_CUSTOM_NATURAL, TRII_CUSTOM_NATURAL, err);
    if (status != TRI_OK) {
        trii_custom_close(&custom);
        return status;
    }
    *out = (struct tri_operation *)custom;
    return TRI_OK;
}

const struct tri_operation_info *tri_operation_info(const struct tri_operation *operation) {
    return operation ? &((const struct trii_custom *)(const void *)operation)->op.info : NULL;
}

void tri_operation_close(struct tri_operation **operation) {
    struct trii_custom *custom = operation ? (struct trii_custom *)*operation : NULL;
    trii_custom_close(&custom);
    if (operation)
        *operation = NULL;
}

void trii_custom_close(struct trii_custom **custom) {
    if (!custom || !*custom)
        return;
    struct trii_custom *c = *custom;
    kind_by_format(c->format)->finish(c);
    while (c->text_count > 0)
        trii_free(c->texts[--c->text_count]);
    trii_free(c->bytes);
    trii_free(c->weights);
    trii_free(c->path);
    trii_free(c);
    *custom = NULL;
}
