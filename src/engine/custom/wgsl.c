/* A shader as an operation: its bindings are operands, its constants and its uniform's members are parameters. */
#include "engine/custom/wgsl.h"

#include "base/alloc.h"
#include "base/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GRID_HELP                                                                                                      \
    "invocations: auto (a pixel of the first output each, or an element), pixels, elements, or numbers such as 640 480"

static struct trii_wgsl *of(const struct trii_custom *custom) {
    return custom->inside;
}

static tri_status read(struct trii_custom *custom, struct tri_error *err) {
    custom->inside = trii_calloc(1, sizeof(struct trii_wgsl));
    if (!custom->inside)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to read %s", custom->name);
    custom->op.info.summary = "a WebGPU compute shader";
    return trii_wgsl_parse(custom, of(custom), err);
}

static void finish(struct trii_custom *custom) {
    trii_free(custom->inside);
}

/* ---- operands ---- */

/* Bindings in order of their numbers. */
static void sort_bindings(struct trii_wgsl *w) {
    for (size_t i = 1; i < w->binding_count; i++)
        for (size_t j = i; j > 0 && w->bindings[j].binding < w->bindings[j - 1].binding; j--) {
            struct trii_wgsl_binding swap = w->bindings[j];
            w->bindings[j] = w->bindings[j - 1];
            w->bindings[j - 1] = swap;
        }
}

static size_t count_space(const struct trii_wgsl *w, enum trii_wgsl_space space) {
    size_t n = 0;
    for (size_t i = 0; i < w->binding_count; i++)
        n += w->bindings[i].used && w->bindings[i].space == space;
    return n;
}

static tri_status check_bindings(const struct trii_custom *custom, struct tri_error *err) {
    const struct trii_wgsl *w = of(custom);
    for (size_t i = 0; i < w->binding_count; i++) {
        const struct trii_wgsl_binding *b = &w->bindings[i];
        if (b->used && b->space == TRII_WGSL_OTHER)
            return trii_fail(err, TRI_BAD_SHADER,
                             "%s:%u: the binding '%s' is %s; a stage binds regions, which are var<storage, read> and "
                             "var<storage, read_write>, and one var<uniform>",
                             custom->name, b->line, b->name, b->type_text);
        if (b->used && b->group != 0)
            return trii_fail(err, TRI_BAD_SHADER, "%s:%u: the binding '%s' is in group %u; a stage binds group 0 only",
                             custom->name, b->line, b->name, b->group);
    }
    if (count_space(w, TRII_WGSL_READ_WRITE) == 0)
        return trii_fail(err, TRI_BAD_SHADER, "%s writes nothing: '%s' uses no var<storage, read_write>", custom->name,
                         custom->entry);
    return TRI_OK;
}

/* Adds an operand for each used binding of a space, at most `limit`. */
static tri_status add_operands(struct trii_custom *custom, enum trii_wgsl_space space, enum tri_access access,
                               size_t limit, struct tri_error *err) {
    struct trii_wgsl *w = of(custom);
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < w->binding_count && limit > 0; i++) {
        struct trii_wgsl_binding *b = &w->bindings[i];
        char help[128];
        if (!b->used || b->space != space)
            continue;
        snprintf(help, sizeof help, "binding %u, %s", b->binding, b->type_text);
        b->operand = (uint32_t)custom->op.info.operand_count; /* an output's number stays, where it is an input too */
        status = trii_custom_add_operand(custom, b->name, access, TRI_KIND_BYTES, help, err);
        limit--;
    }
    return status;
}

/* ---- parameters ---- */

static const struct {
    const char *name;
    enum trii_wgsl_extent extent;
} extents[] = {{"width", TRII_WGSL_WIDTH}, {"height", TRII_WGSL_HEIGHT}, {"channels", TRII_WGSL_CHANNELS},
               {"count", TRII_WGSL_COUNT}};

/* "width" is the first output's; "mask_width" that of the binding `mask`. */
static bool is_extent(const struct trii_custom *custom, struct trii_wgsl_value *value) {
    const struct trii_wgsl *w = of(custom);
    if (value->count != 1)
        return false;
    for (size_t e = 0; e < sizeof extents / sizeof *extents; e++) {
        value->extent = extents[e].extent;
        value->operand = (uint32_t)trii_op_inputs(&custom->op);
        if (strcmp(value->name, extents[e].name) == 0)
            return true;
        for (size_t i = 0; i < w->binding_count; i++) {
            char name[2 * TRI_LABEL_BYTES];
            snprintf(name, sizeof name, "%s_%s", w->bindings[i].name, extents[e].name);
            value->operand = w->bindings[i].operand;
            if (w->bindings[i].used && w->bindings[i].space != TRII_WGSL_UNIFORM && strcmp(value->name, name) == 0)
                return true;
        }
    }
    return false;
}

static tri_status add_value(struct trii_custom *custom, struct trii_wgsl_value *value, const char *what,
                            struct tri_error *err) {
    static const char *const names[] = {['f'] = "f32", ['h'] = "f16", ['u'] = "u32", ['i'] = "i32", ['b'] = "bool"};
    char help[64];
    if (is_extent(custom, value)) {
        value->source = TRII_WGSL_LAYOUT;
        return TRI_OK;
    }
    if (value->name[0] == '_') { /* padding */
        value->source = TRII_WGSL_ZERO;
        return TRI_OK;
    }
    if (value->count > 1)
        snprintf(help, sizeof help, "%u numbers; %s, line %u", value->count, what, value->line);
    else
        snprintf(help, sizeof help, "%s %s, line %u", what, names[(unsigned char)value->base], value->line);
    struct tri_param_info info = {.name = value->name,
                                  .type = value->count > 1                                  ? "text"
                                          : value->base == 'f' || value->base == 'h' ? "number"
                                                                                            : "integer",
                                  .default_number = value->value,
                                  .minimum = value->base == 'i' ? -2147483648.0 : 0,
                                  .maximum = value->base == 'i' ? 2147483647.0 : value->base == 'b' ? 1 : 4294967295.0,
                                  .help = help};
    if (strcmp(info.type, "number") == 0) {
        info.minimum = value->base == 'h' ? -65504 : -3.402823466e38;
        info.maximum = -info.minimum;
    }
    value->source = TRII_WGSL_PARAM;
    value->param = (uint32_t)custom->op.info.param_count;
    return trii_custom_add_param(custom, &info, err);
}

static tri_status add_params(struct trii_custom *custom, struct tri_error *err) {
    struct trii_wgsl *w = of(custom);
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < w->constant_count; i++)
        status = add_value(custom, &w->constants[i], "override", err);
    for (size_t i = 0; status == TRI_OK && i < w->member_count; i++)
        status = add_value(custom, &w->members[i], "uniform", err);
    w->grid = (uint32_t)custom->op.info.param_count;
    if (status == TRI_OK)
        status = trii_custom_add_param(
            custom, &(struct tri_param_info){.name = "grid", .type = "text", .default_text = "auto", .help = GRID_HELP},
            err);
    return status;
}

/* One input more than there are bindings that are only read: the first one is worked on in place. */
static tri_status given(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err) {
    struct trii_wgsl *w = of(custom);
    (void)outputs; /* too few or too many are told when the stage is bound */
    sort_bindings(w);
    tri_status status = check_bindings(custom, err);
    const size_t reads = count_space(w, TRII_WGSL_READ);
    custom->only_in_place = custom->op.info.in_place = inputs == reads + 1;
    if (status == TRI_OK && custom->only_in_place)
        status = add_operands(custom, TRII_WGSL_READ_WRITE, TRI_ACCESS_READ, 1, err);
    if (status == TRI_OK)
        status = add_operands(custom, TRII_WGSL_READ, TRI_ACCESS_READ, SIZE_MAX, err);
    if (status == TRI_OK)
        status = add_operands(custom, TRII_WGSL_READ_WRITE, TRI_ACCESS_WRITE, SIZE_MAX, err);
    return status == TRI_OK ? add_params(custom, err) : status;
}

/* ---- layouts ---- */

static uint64_t extent_of(const struct tri_layout *layout, enum trii_wgsl_extent extent) {
    const uint64_t *s = layout->shape;
    const uint32_t r = layout->rank;
    uint64_t count = 1;
    for (uint32_t i = 0; i < r; i++)
        count *= s[i];
    switch (extent) {
    case TRII_WGSL_WIDTH:
        return r >= 2 ? s[r == 2 ? 1 : r - 2] : r == 1 ? s[0] : 1;
    case TRII_WGSL_HEIGHT:
        return r >= 2 ? s[r == 2 ? 0 : r - 3] : 1;
    case TRII_WGSL_CHANNELS:
        return r >= 3 ? s[r - 1] : 1;
    case TRII_WGSL_COUNT:
        break;
    }
    return count;
}

static bool suits(char base, enum tri_dtype dtype) {
    switch (base) {
    case 'f':
        return dtype == TRI_DTYPE_F32;
    case 'h':
        return dtype == TRI_DTYPE_F16;
    case 'u':
        return dtype != TRI_DTYPE_F32 && dtype != TRI_DTYPE_I32;
    case 'i':
        return dtype != TRI_DTYPE_F32 && dtype != TRI_DTYPE_U32;
    default:
        return true; /* a struct of several, or what we don't understand: only the size is looked at */
    }
}

static const char *advice(const struct tri_layout *layout) {
    if (layout->dtype == TRI_DTYPE_F32)
        return "declare it of f32";
    return tri_dtype_bytes(layout->dtype) < 4 ? "declare it of u32, and unpack the smaller elements from its words"
                                              : "declare it of u32 or i32";
}

static tri_status fit_binding(const struct trii_custom *custom, const struct trii_wgsl_binding *b,
                              const struct tri_layout *layout, struct tri_error *err) {
    char text[96];
    uint64_t bytes;
    const struct trii_wgsl_type *type = &b->type;
    tri_status status = tri_layout_bytes_needed(layout, &bytes, err);
    if (status != TRI_OK)
        return status;
    tri_layout_format(layout, text, sizeof text);
    if (!suits(type->base, layout->dtype))
        return trii_fail(err, TRI_BAD_PIPELINE, "%s:%u: '%s' is %s, and its region holds %s: %s", custom->name, b->line,
                         b->name, b->type_text, text, advice(layout));
    bytes = (bytes + 3) & ~(uint64_t)3;
    if (type->base && !type->stride && bytes < type->size)
        return trii_fail(err, TRI_BAD_PIPELINE, "%s:%u: '%s' is %s of %llu bytes, and its region holds %s, %llu bytes",
                         custom->name, b->line, b->name, b->type_text, (unsigned long long)type->size, text,
                         (unsigned long long)bytes);
    if (type->stride && (bytes < type->size + type->stride || (bytes - type->size) % type->stride))
        return trii_fail(err, TRI_BAD_PIPELINE,
                         "%s:%u: '%s' is %s with elements of %llu bytes, and its region holds %s, %llu bytes: no whole "
                         "number of them",
                         custom->name, b->line, b->name, b->type_text, (unsigned long long)type->stride, text,
                         (unsigned long long)bytes);
    return TRI_OK;
}

static tri_status fit_value(const struct trii_custom *custom, const struct trii_wgsl_value *value,
                            const struct trii_args *args, struct tri_error *err) {
    double numbers[4];
    if (value->source != TRII_WGSL_PARAM)
        return TRI_OK;
    if (!trii_custom_has_arg(custom, args, value->param))
        return value->has_default ? TRI_OK
                                  : trii_fail(err, TRI_BAD_PIPELINE,
                                              "%s:%u: '%s' has no default: give it in \"params\"", custom->name,
                                              value->line, value->name);
    if (value->count > 1 && trii_custom_numbers(args->value[value->param].text, numbers, 4) != value->count)
        return trii_fail(err, TRI_BAD_PIPELINE, "%s:%u: '%s' takes %u numbers, not '%.60s'", custom->name, value->line,
                         value->name, value->count, args->value[value->param].text);
    return TRI_OK;
}

static tri_status fit_grid(const struct trii_custom *custom, const struct trii_args *args, struct tri_error *err) {
    const char *grid = args->value[of(custom)->grid].text;
    double numbers[3];
    if (strcmp(grid, "auto") == 0 || strcmp(grid, "pixels") == 0 || strcmp(grid, "elements") == 0)
        return TRI_OK;
    const size_t n = trii_custom_numbers(grid, numbers, 3);
    bool good = n >= 1 && n <= 3;
    for (size_t i = 0; good && i < n; i++)
        good = numbers[i] >= 1 && numbers[i] <= 4294967295.0 && numbers[i] == floor(numbers[i]);
    if (!good)
        return trii_fail(err, TRI_BAD_PIPELINE,
                         "%s: grid is '%.60s', it must be auto, pixels, elements, or one to three whole numbers of at "
                         "least 1",
                         custom->name, grid);
    return TRI_OK;
}

static tri_status fit(const struct trii_custom *custom, const struct trii_args *args, const struct tri_layout *in,
                      struct tri_layout *out, struct tri_error *err) {
    const struct trii_wgsl *w = of(custom);
    const size_t inputs = trii_op_inputs(&custom->op);
    tri_status status = fit_grid(custom, args, err);
    for (size_t i = 0; status == TRI_OK && i < w->constant_count; i++)
        status = fit_value(custom, &w->constants[i], args, err);
    for (size_t i = 0; status == TRI_OK && i < w->member_count; i++)
        status = fit_value(custom, &w->members[i], args, err);
    for (size_t i = 0; status == TRI_OK && i < w->binding_count; i++) {
        const struct trii_wgsl_binding *b = &w->bindings[i];
        if (!b->used || b->space == TRII_WGSL_UNIFORM)
            continue;
        const struct tri_layout *layout = b->operand < inputs ? &in[b->operand] : &out[b->operand - inputs];
        if (layout->rank != UINT32_MAX)
            status = fit_binding(custom, b, layout, err);
    }
    if (status == TRI_OK && custom->only_in_place && !tri_layout_equal(&in[0], &out[0])) {
        char is[96], was[96];
        return trii_fail(err, TRI_BAD_PIPELINE, "%s works in place: it can't make %s out of %s", custom->name,
                         tri_layout_format(&out[0], is, sizeof is), tri_layout_format(&in[0], was, sizeof was));
    }
    return status;
}

/* ---- for the engine ---- */

static bool number_of(const struct trii_custom *custom, const struct trii_wgsl_value *value,
                      const struct trii_args *args, const struct tri_layout *layouts, double out[4]) {
    out[0] = out[1] = out[2] = out[3] = 0;
    if (value->source == TRII_WGSL_LAYOUT)
        out[0] = (double)extent_of(&layouts[value->operand], value->extent);
    if (value->source != TRII_WGSL_PARAM)
        return true;
    if (!trii_custom_has_arg(custom, args, value->param))
        return false;
    if (value->count > 1)
        return trii_custom_numbers(args->value[value->param].text, out, 4) == value->count;
    out[0] = args->value[value->param].number;
    return true;
}

bool trii_wgsl_constant(const struct trii_custom *custom, size_t i, const struct trii_args *args,
                        const struct tri_layout *layouts, double *out) {
    double numbers[4];
    bool given = number_of(custom, &of(custom)->constants[i], args, layouts, numbers);
    *out = numbers[0];
    return given;
}

static uint32_t word_of(char base, double number) {
    const float f = (float)number;
    uint32_t word = 0;
    if (base == 'f')
        memcpy(&word, &f, sizeof word); /* not payload: a parameter's bits */
    else if (base == 'i')
        word = (uint32_t)(int32_t)fmin(fmax(number, -2147483648.0), 2147483647.0);
    else
        word = (uint32_t)fmin(fmax(number, 0), 4294967295.0);
    return word;
}

void trii_wgsl_uniform(const struct trii_custom *custom, const struct trii_args *args,
                       const struct tri_layout *layouts, uint8_t *out) {
    const struct trii_wgsl *w = of(custom);
    memset(out, 0, (size_t)w->uniform_bytes);
    for (size_t i = 0; i < w->member_count; i++) {
        const struct trii_wgsl_value *value = &w->members[i];
        double numbers[4];
        (void)number_of(custom, value, args, layouts, numbers);
        for (uint32_t n = 0; n < value->count; n++) {
            const uint32_t word = word_of(value->base, numbers[n]);
            memcpy(out + value->offset + 4 * n, &word, 4); /* not payload: a parameter */
        }
    }
}

/* What the first output's binding counts as elements. */
static uint64_t elements_of(const struct trii_custom *custom, const struct tri_layout *layout) {
    const struct trii_wgsl *w = of(custom);
    uint64_t bytes = extent_of(layout, TRII_WGSL_COUNT) * tri_dtype_bytes(layout->dtype);
    for (size_t i = 0; i < w->binding_count; i++) {
        const struct trii_wgsl_type *type = &w->bindings[i].type;
        if (w->bindings[i].used && w->bindings[i].operand == trii_op_inputs(&custom->op) && type->stride)
            return (((bytes + 3) & ~(uint64_t)3) - type->size) / type->stride;
    }
    return extent_of(layout, TRII_WGSL_COUNT);
}

tri_status trii_wgsl_groups(const struct trii_custom *custom, const struct trii_args *args,
                            const struct tri_layout *layouts, uint32_t groups_max, uint32_t out[3],
                            struct tri_error *err) {
    const struct trii_wgsl *w = of(custom);
    const struct tri_layout *output = &layouts[trii_op_inputs(&custom->op)];
    const char *grid = args->value[w->grid].text;
    const bool picture = (output->kind == TRI_KIND_IMAGE || output->kind == TRI_KIND_MASK) && output->rank == 3;
    double invocations[3] = {1, 1, 1};
    if (strcmp(grid, "pixels") == 0 || (strcmp(grid, "auto") == 0 && picture)) {
        invocations[0] = (double)extent_of(output, TRII_WGSL_WIDTH);
        invocations[1] = (double)extent_of(output, TRII_WGSL_HEIGHT);
    } else if (strcmp(grid, "elements") == 0 || strcmp(grid, "auto") == 0) {
        invocations[0] = (double)elements_of(custom, output);
    } else {
        (void)trii_custom_numbers(grid, invocations, 3);
    }
    for (size_t d = 0; d < 3; d++) {
        double size = w->workgroup[d].number;
        if (w->workgroup[d].constant && !trii_wgsl_constant(custom, w->workgroup[d].constant - 1, args, layouts, &size))
            size = w->constants[w->workgroup[d].constant - 1].value;
        if (!(size >= 1))
            return trii_fail(err, TRI_BAD_SHADER, "%s: the workgroup's size %zu is not known before the shader runs",
                             custom->name, d);
        const double groups = ceil(invocations[d] / size);
        if (groups > groups_max)
            return trii_fail(err, TRI_BAD_PIPELINE,
                             "%s: %.0f invocations in workgroups of %.0f are %.0f groups along %c, this device does %u: "
                             "use a larger workgroup, or another \"grid\"",
                             custom->name, invocations[d], size, groups, (char)('x' + d), groups_max);
        out[d] = (uint32_t)groups;
    }
    return TRI_OK;
}

const struct trii_custom_kind trii_custom_wgsl = {.extensions = {".wgsl"},
                                                  .format = TRII_CUSTOM_WGSL,
                                                  .technology = TRI_TECHNOLOGY_WEBGPU,
                                                  .bytes_max = (size_t)1 << 20,
                                                  .read = read,
                                                  .given = given,
                                                  .fit = fit,
                                                  .finish = finish};
