/* The table of operations, and how parameters are completed. Definitions: one file each, ops/<operation>.c. */
#include "engine/op.h"

#include "base/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct trii_op *const ops[TRII_OP_COUNT] = {
#define ENTRY(NAME, name) [TRII_OP_##NAME] = &trii_##name##_op,
    TRII_OP_LIST(ENTRY)
#undef ENTRY
};

const struct trii_op *trii_op_get(enum trii_op_id id) {
    return (unsigned)id < TRII_OP_COUNT ? ops[id] : NULL;
}

const struct trii_op *trii_op_find(const char *name) {
    for (size_t i = 0; name && i < TRII_OP_COUNT; i++)
        if (strcmp(ops[i]->info.name, name) == 0)
            return ops[i];
    return NULL;
}

const struct tri_operation_info *tri_operation_at(size_t index) {
    return index < TRII_OP_COUNT ? &ops[index]->info : NULL;
}

const struct tri_operation_info *tri_operation_find(const char *name) {
    const struct trii_op *op = trii_op_find(name);
    return op ? &op->info : NULL;
}

static size_t count_access(const struct trii_op *op, enum tri_access access) {
    size_t n = 0;
    for (size_t i = 0; i < op->info.operand_count; i++)
        n += op->info.operands[i].access == access;
    return n;
}

size_t trii_op_inputs(const struct trii_op *op) {
    return count_access(op, TRI_ACCESS_READ);
}

size_t trii_op_outputs(const struct trii_op *op) {
    return count_access(op, TRI_ACCESS_WRITE);
}

/* ---- parameters ---- */

static size_t param_index(const struct trii_op *op, const char *name) {
    for (size_t i = 0; i < op->info.param_count; i++)
        if (strcmp(op->info.params[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

double trii_args_number(const struct trii_op *op, const struct trii_args *args, const char *name) {
    return args->value[param_index(op, name)].number;
}

const char *trii_args_text(const struct trii_op *op, const struct trii_args *args, const char *name) {
    return args->value[param_index(op, name)].text;
}

bool trii_args_is(const struct trii_op *op, const struct trii_args *args, const char *name, const char *text) {
    return strcmp(trii_args_text(op, args, name), text) == 0;
}

static tri_status unknown_param(const struct trii_op *op, const char *name, struct tri_error *err) {
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < op->info.param_count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", op->info.params[i].name);
    if (op->info.param_count == 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s has no parameters, so not '%s' either", op->info.name, name);
    return trii_fail(err, TRI_INVALID_ARGUMENT, "%s has no parameter '%s'; it has: %s", op->info.name, name, known);
}

/* Whether `text` is one of "a|b|c". */
static bool is_choice(const char *choices, const char *text) {
    size_t n = strlen(text);
    for (const char *c = choices; c && n; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strncmp(c, text, n) == 0 && (c[n] == '|' || c[n] == '\0'))
            return true;
    return false;
}

static tri_status take_number(const struct trii_op *op, const struct tri_param_info *info, double number, double *out,
                              struct tri_error *err) {
    const bool whole = strcmp(info->type, "integer") == 0;
    if (!(number >= info->minimum && number <= info->maximum) || (whole && number != floor(number)))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is %g, it must be %s from %g to %g", op->info.name,
                         info->name, number, whole ? "a whole number" : "a number", info->minimum, info->maximum);
    *out = number;
    return TRI_OK;
}

static tri_status take(const struct trii_op *op, size_t i, const struct tri_param *param, struct trii_args *out,
                       struct tri_error *err) {
    const struct tri_param_info *info = &op->info.params[i];
    const bool numeric = strcmp(info->type, "integer") == 0 || strcmp(info->type, "number") == 0;
    if (numeric && param->text)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is the text '%s', it must be a number from %g to %g",
                         op->info.name, info->name, param->text, info->minimum, info->maximum);
    if (numeric)
        return take_number(op, info, param->number, &out->value[i].number, err);
    if (!param->text)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is a number, it must be a text%s%s", op->info.name,
                         info->name, info->choices ? ": " : "", info->choices ? info->choices : "");
    if (info->choices && !is_choice(info->choices, param->text))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is '%s', it must be one of %s", op->info.name, info->name,
                         param->text, info->choices);
    out->value[i].text = param->text;
    return TRI_OK;
}

tri_status trii_args_resolve(const struct trii_op *op, const struct tri_param *params, size_t count,
                             struct trii_args *out, struct tri_error *err) {
    struct trii_args args = {0};
    bool given[TRII_OP_PARAMS_MAX] = {false};
    for (size_t i = 0; i < op->info.param_count; i++) {
        args.value[i].number = op->info.params[i].default_number;
        args.value[i].text = op->info.params[i].default_text;
    }
    for (size_t i = 0; i < count; i++) {
        if (!params[i].name)
            return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: parameter %zu has no name", op->info.name, i);
        size_t at = param_index(op, params[i].name);
        if (at == SIZE_MAX)
            return unknown_param(op, params[i].name, err);
        if (given[at])
            return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is given twice", op->info.name, params[i].name);
        given[at] = true;
        tri_status status = take(op, at, &params[i], &args, err);
        if (status != TRI_OK)
            return status;
    }
    *out = args;
    return TRI_OK;
}
