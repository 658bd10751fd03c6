/* What the library knows: its constants straight from the headers, layouts, states, the ledger, its operations. */
#include "addon.h"

#include <stdlib.h>
#include <string.h>

struct named {
    const char *name;
    int value;
};

static const struct named statuses[] = {
#define STATUS(name, value, exit_code, text) {#name, value},
    TRI_STATUS_LIST(STATUS)
#undef STATUS
};

static const struct named dtypes[] = {
#define DTYPE(name, value, bytes, text) {text, value},
    TRI_DTYPE_LIST(DTYPE)
#undef DTYPE
};

static bool set_named(napi_env env, napi_value constants, const char *what, const struct named *list, size_t count) {
    napi_value object = NULL;
    if (napi_create_object(env, &object) != napi_ok)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!set_number(env, object, list[i].name, list[i].value))
            return false;
    return set_value(env, constants, what, object);
}

static bool set_names(napi_env env, napi_value constants) {
    struct named technologies[TRI_TECHNOLOGY_COUNT], states[TRI_SYNC_HOST_WRITING + 1], kinds[TRI_KIND_COUNT];
    for (int i = 0; i < TRI_TECHNOLOGY_COUNT; i++)
        technologies[i] = (struct named){tri_technology_name((enum tri_technology)i), i};
    for (int i = 0; i <= TRI_SYNC_HOST_WRITING; i++)
        states[i] = (struct named){tri_sync_state_name((enum tri_sync_state)i), i};
    for (int i = 0; i < TRI_KIND_COUNT; i++)
        kinds[i] = (struct named){tri_kind_name((enum tri_kind)i), i};
    return set_named(env, constants, "status", statuses, sizeof statuses / sizeof *statuses) &&
           set_named(env, constants, "dtype", dtypes, sizeof dtypes / sizeof *dtypes) &&
           set_named(env, constants, "technology", technologies, TRI_TECHNOLOGY_COUNT) &&
           set_named(env, constants, "state", states, TRI_SYNC_HOST_WRITING + 1) &&
           set_named(env, constants, "kind", kinds, TRI_KIND_COUNT);
}

static napi_value constants(napi_env env, napi_callback_info info) {
    napi_value object = NULL;
    (void)info;
    if (napi_create_object(env, &object) != napi_ok || !set_text(env, object, "version", tri_version()) ||
        !set_text(env, object, "headers", TRI_VERSION_STRING) || !set_names(env, object) ||
        !set_number(env, object, "pageBytes", TRI_PAGE_BYTES) ||
        !set_number(env, object, "segmentMaxBytes", (double)TRI_SEGMENT_MAX_BYTES) ||
        !set_number(env, object, "maxRank", TRI_LAYOUT_MAX_RANK) ||
        !set_number(env, object, "maxOperands", TRI_STAGE_OPERANDS_MAX) ||
        !set_number(env, object, "maxStages", TRI_STAGES_MAX))
        return NULL;
    return object;
}

/* setLayout(region, dtype, kind, shape) */
static napi_value set_layout(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[4];
    struct region *region;
    struct tri_layout layout;
    struct tri_error err = {0};
    if (!take_args(env, info, 4, args, &addon) || !(region = region_of(addon, args[0])) ||
        !get_layout(addon, args[1], args[2], args[3], &layout))
        return NULL;
    if (tri_region_set_layout(arena_of(region->runtime), region->handle, &layout, &err) != TRI_OK)
        return throw_error(addon, &err);
    return undefined_value(env);
}

static napi_value layout_of(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg, object, shape, number;
    struct region *region;
    struct tri_layout layout;
    struct tri_error err = {0};
    if (!take_args(env, info, 1, &arg, &addon) || !(region = any_region_of(addon, arg)))
        return NULL;
    if (tri_region_layout(arena_of(region->runtime), region->handle, &layout, &err) != TRI_OK)
        return throw_error(addon, &err);
    if (napi_create_object(env, &object) != napi_ok ||
        napi_create_array_with_length(env, layout.rank, &shape) != napi_ok)
        return NULL;
    for (uint32_t i = 0; i < layout.rank; i++)
        if (napi_create_double(env, (double)layout.shape[i], &number) != napi_ok ||
            napi_set_element(env, shape, i, number) != napi_ok)
            return NULL;
    if (!set_value(env, object, "shape", shape) || !set_number(env, object, "dtype", layout.dtype) ||
        !set_number(env, object, "kind", layout.kind))
        return NULL;
    return object;
}

/* state(region): who reads and writes it now, and what poisoned it */
static napi_value state_of(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg, object, readers;
    struct region *region;
    struct tri_sync_info is;
    struct tri_error err = {0}, cause = {0};
    if (!take_args(env, info, 1, &arg, &addon) || !(region = region_of(addon, arg)))
        return NULL;
    struct tri_sync *sync = tri_arena_sync(arena_of(region->runtime));
    if (tri_sync_inspect(sync, region->index, &is, &err) != TRI_OK)
        return throw_error(addon, &err);
    if (napi_create_object(env, &object) != napi_ok || napi_create_object(env, &readers) != napi_ok)
        return NULL;
    for (int i = 0; i < TRI_TECHNOLOGY_COUNT; i++)
        if (!set_number(env, readers, tri_technology_name((enum tri_technology)i), is.readers[i]))
            return NULL;
    if (!set_number(env, object, "state", is.state) || !set_text(env, object, "name", tri_sync_state_name(is.state)) ||
        !set_value(env, object, "readers", readers) || !set_number(env, object, "waitingReaders", is.waiting_readers) ||
        !set_number(env, object, "waitingWriters", is.waiting_writers) ||
        !set_flag(env, object, "poisoned", is.poisoned))
        return NULL;
    if (is.poisoned && tri_sync_poison_cause(sync, region->index, &cause) &&
        !set_value(env, object, "cause", make_error(addon, &cause)))
        return NULL;
    return object;
}

/* reset(region): lifts its poison */
static napi_value reset(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg;
    struct region *region;
    struct tri_error err = {0};
    if (!take_args(env, info, 1, &arg, &addon) || !(region = region_of(addon, arg)))
        return NULL;
    if (tri_sync_reset(tri_arena_sync(arena_of(region->runtime)), region->index, &err) != TRI_OK)
        return throw_error(addon, &err);
    return undefined_value(env);
}

static napi_value info_of(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg, object;
    struct region *region;
    struct tri_region_info is;
    struct tri_error err = {0};
    if (!take_args(env, info, 1, &arg, &addon) || !(region = region_of(addon, arg)))
        return NULL;
    if (tri_region_info(arena_of(region->runtime), region->handle, &is, &err) != TRI_OK)
        return throw_error(addon, &err);
    if (napi_create_object(env, &object) != napi_ok || !set_number(env, object, "size", (double)is.size_bytes) ||
        !set_number(env, object, "mappedBytes", (double)is.mapped_bytes) ||
        !set_number(env, object, "index", is.index) || !set_text(env, object, "label", is.label))
        return NULL;
    return object;
}

static bool set_place(napi_env env, napi_value object, const char *name, const struct tri_arena *arena,
                      enum tri_ledger_place place) {
    napi_value sums = NULL;
    return napi_create_object(env, &sums) == napi_ok &&
           set_number(env, sums, "bytes", (double)tri_ledger_bytes(arena, place)) &&
           set_number(env, sums, "copies", (double)tri_ledger_copies(arena, place)) &&
           set_value(env, object, name, sums);
}

static napi_value ledger_line(napi_env env, const struct tri_ledger_line *line) {
    napi_value object = NULL;
    if (napi_create_object(env, &object) != napi_ok ||
        !set_text(env, object, "place", line->place == TRI_LEDGER_BORDER ? "border" : "between") ||
        !set_text(env, object, "stage", line->stage) || !set_text(env, object, "region", line->region) ||
        !set_text(env, object, "cause", line->cause) || !set_number(env, object, "bytes", (double)line->bytes) ||
        !set_number(env, object, "copies", (double)line->copies))
        return NULL;
    return object;
}

static napi_value ledger(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg, object, lines;
    struct runtime *runtime;
    struct tri_ledger_line told[128];
    if (!take_args(env, info, 1, &arg, &addon) || !(runtime = runtime_of(addon, arg)))
        return NULL;
    const struct tri_arena *arena = arena_of(runtime);
    const size_t all = tri_ledger_lines(arena, told, 128), count = all < 128 ? all : 128;
    if (napi_create_object(env, &object) != napi_ok || napi_create_array(env, &lines) != napi_ok ||
        !set_place(env, object, "border", arena, TRI_LEDGER_BORDER) ||
        !set_place(env, object, "between", arena, TRI_LEDGER_BETWEEN) || !set_value(env, object, "lines", lines))
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        napi_value line = ledger_line(env, &told[i]);
        if (!line || napi_set_element(env, lines, i, line) != napi_ok)
            return NULL;
    }
    return object;
}

static napi_value ledger_reset(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg;
    struct runtime *runtime;
    if (!take_args(env, info, 1, &arg, &addon) || !(runtime = runtime_of(addon, arg)))
        return NULL;
    tri_ledger_reset(arena_of(runtime));
    return undefined_value(env);
}

static napi_value stats(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg, object;
    struct runtime *runtime;
    struct tri_arena_stats is;
    if (!take_args(env, info, 1, &arg, &addon) || !(runtime = runtime_of(addon, arg)))
        return NULL;
    tri_arena_stats(arena_of(runtime), &is);
    if (napi_create_object(env, &object) != napi_ok ||
        !set_number(env, object, "capacityBytes", (double)is.capacity_bytes) ||
        !set_number(env, object, "segmentBytes", (double)is.segment_bytes) ||
        !set_number(env, object, "usedBytes", (double)is.used_bytes) ||
        !set_number(env, object, "highWaterBytes", (double)is.high_water_bytes) ||
        !set_number(env, object, "largestFreeBytes", (double)is.largest_free_bytes) ||
        !set_number(env, object, "regions", is.regions) || !set_number(env, object, "doomed", is.doomed) ||
        !set_number(env, object, "segments", is.segments) || !set_number(env, object, "views", is.views) ||
        !set_number(env, object, "runningMost", addon->running_most))
        return NULL;
    return object;
}

static bool set_operand(napi_env env, napi_value list, uint32_t at, const struct tri_operand_info *operand) {
    napi_value object = NULL;
    return napi_create_object(env, &object) == napi_ok && set_text(env, object, "name", operand->name) &&
           set_text(env, object, "access", operand->access == TRI_ACCESS_READ ? "read" : "write") &&
           set_text(env, object, "kind", tri_kind_name(operand->kind)) && set_text(env, object, "help", operand->help) &&
           napi_set_element(env, list, at, object) == napi_ok;
}

/* {name, type, help} and what its type has: default, minimum and maximum, choices */
static bool set_param(napi_env env, napi_value list, uint32_t at, const struct tri_param_info *param) {
    napi_value object = NULL;
    const bool is_text = strcmp(param->type, "choice") == 0 || strcmp(param->type, "text") == 0;
    return napi_create_object(env, &object) == napi_ok && set_text(env, object, "name", param->name) &&
           set_text(env, object, "type", param->type) && set_text(env, object, "help", param->help) &&
           (is_text ? set_text(env, object, "default", param->default_text) &&
                          (!param->choices || set_text(env, object, "choices", param->choices))
                    : set_number(env, object, "default", param->default_number) &&
                          set_number(env, object, "minimum", param->minimum) &&
                          set_number(env, object, "maximum", param->maximum)) &&
           napi_set_element(env, list, at, object) == napi_ok;
}

static napi_value operation_told(napi_env env, const struct tri_operation_info *operation) {
    napi_value object = NULL, operands, params, technologies, name;
    uint32_t count = 0;
    if (napi_create_object(env, &object) != napi_ok || napi_create_array(env, &operands) != napi_ok ||
        napi_create_array(env, &technologies) != napi_ok || napi_create_array(env, &params) != napi_ok)
        return NULL;
    for (uint32_t i = 0; i < operation->operand_count; i++)
        if (!set_operand(env, operands, i, &operation->operands[i]))
            return NULL;
    for (uint32_t i = 0; i < operation->param_count; i++)
        if (!set_param(env, params, i, &operation->params[i]))
            return NULL;
    for (int i = 0; i < TRI_TECHNOLOGY_COUNT; i++)
        if ((operation->technologies >> i & 1u) &&
            (napi_create_string_utf8(env, tri_technology_name((enum tri_technology)i), NAPI_AUTO_LENGTH, &name) !=
                 napi_ok ||
             napi_set_element(env, technologies, count++, name) != napi_ok))
            return NULL;
    if (!set_text(env, object, "name", operation->name) || !set_text(env, object, "summary", operation->summary) ||
        !set_text(env, object, "definition", operation->definition) ||
        !set_number(env, object, "tolerance", operation->tolerance) ||
        !set_flag(env, object, "inPlace", operation->in_place) || !set_value(env, object, "operands", operands) ||
        !set_value(env, object, "params", params) || !set_value(env, object, "technologies", technologies))
        return NULL;
    return object;
}

static napi_value operations(napi_env env, napi_callback_info info) {
    napi_value list = NULL;
    (void)info;
    if (napi_create_array(env, &list) != napi_ok)
        return NULL;
    for (uint32_t i = 0; tri_operation_at(i); i++) {
        napi_value operation = operation_told(env, tri_operation_at(i));
        if (!operation || napi_set_element(env, list, i, operation) != napi_ok)
            return NULL;
    }
    return list;
}

bool export_tell(napi_env env, napi_value exports) {
    const napi_property_descriptor functions[] = {
        FUNCTION("constants", constants), FUNCTION("setLayout", set_layout), FUNCTION("layout", layout_of),
        FUNCTION("state", state_of),      FUNCTION("reset", reset),          FUNCTION("info", info_of),
        FUNCTION("ledger", ledger),       FUNCTION("resetLedger", ledger_reset),
        FUNCTION("stats", stats),         FUNCTION("operations", operations),
    };
    return export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
