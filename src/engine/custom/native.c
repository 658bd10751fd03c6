/*
 * A shared object as an operation: loaded only when the caller said so, never closed again. The file was opened beneath its
 * folder before; the loader gets the path of what was opened.
 */
#include "engine/custom/native.h"

#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"

#include <stdio.h>
#include <string.h>

static tri_status load(const struct trii_custom *custom, const struct tri_native_module **out, struct tri_error *err) {
    char path[512], why[256];
    tri_native_entry entry;
    int failed = trii_sys_path_of(custom->file, path, sizeof path);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "can't find where %s lies", custom->path);
    void *library = trii_sys_library(path, why, sizeof why);
    if (!library)
        return trii_fail(err, TRI_BAD_MODULE, "%s can't be loaded: %s", custom->name, why);
    if (!trii_sys_symbol(library, "tripoint_native", &entry))
        return trii_fail(err, TRI_BAD_MODULE, "%s exports no function 'tripoint_native' (TRI_NATIVE_MODULE of "
                                              "tripoint/native.h)", custom->name);
    const struct tri_native_module *module = entry();
    if (!module || module->abi != TRI_NATIVE_ABI)
        return trii_fail(err, TRI_BAD_MODULE, "%s was built for native ABI %u, this Tripoint speaks %d", custom->name,
                         module ? module->abi : 0, TRI_NATIVE_ABI);
    if (module->operation_bytes < sizeof(struct tri_native_operation) || module->operation_count == 0 ||
        !module->operations)
        return trii_fail(err, TRI_BAD_MODULE, "%s has no operations", custom->name);
    *out = module;
    return TRI_OK;
}

/* Later versions of the table may have larger entries. */
static const struct tri_native_operation *at(const struct tri_native_module *module, size_t i) {
    return (const void *)((const char *)module->operations + i * module->operation_bytes);
}

static tri_status choose(struct trii_custom *custom, const struct tri_native_module *module,
                         const struct tri_native_operation **out, struct tri_error *err) {
    char list[160] = "";
    size_t used = 0;
    *out = module->operation_count == 1 && !custom->entry[0] ? at(module, 0) : NULL;
    for (size_t i = 0; i < module->operation_count && !*out; i++) {
        const char *name = at(module, i)->name ? at(module, i)->name : "?";
        if (strcmp(name, custom->entry) == 0)
            *out = at(module, i);
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", name);
    }
    if (*out && (*out)->run && (*out)->name) {
        trii_name_copy(custom->entry, sizeof custom->entry, (*out)->name);
        return TRI_OK;
    }
    if (*out)
        return trii_fail(err, TRI_BAD_MODULE, "%s has an operation without a name or a function", custom->name);
    return custom->entry[0] ? trii_fail(err, TRI_BAD_MODULE, "%s has no operation '%s'; it has: %s", custom->path,
                                        custom->entry, list)
                            : trii_fail(err, TRI_BAD_MODULE, "%s has several operations: %s; name one after '#'",
                                        custom->name, list);
}

static tri_status describe(struct trii_custom *custom, const struct tri_native_operation *operation,
                           struct trii_native *native, struct tri_error *err) {
    if (!operation->description)
        return TRI_OK;
    char *text = trii_format("op %s %s", custom->entry, operation->description);
    if (!text)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the description of %s", custom->name);
    tri_status status = trii_describe(custom, text, strlen(text), &native->description, err);
    trii_free(text);
    return status;
}

static tri_status read(struct trii_custom *custom, struct tri_error *err) {
    const struct tri_native_module *module;
    const struct tri_native_operation *operation;
    struct trii_native *native = trii_calloc(1, sizeof *native);
    custom->inside = native;
    custom->op.info.summary = "native code of a shared object";
    if (!native)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to load %s", custom->name);
    tri_status status = load(custom, &module, err);
    if (status == TRI_OK)
        status = choose(custom, module, &operation, err);
    if (status != TRI_OK)
        return status;
    native->run = operation->run;
    return describe(custom, operation, native, err);
}

static tri_status given(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err) {
    const struct trii_native *native = custom->inside;
    if (native->description.found || inputs == TRII_CUSTOM_NATURAL)
        return TRI_OK;
    return trii_custom_any_operands(custom, inputs, outputs, err);
}

static tri_status fit(const struct trii_custom *custom, const struct trii_args *args, const struct tri_layout *in,
                      struct tri_layout *out, struct tri_error *err) {
    const struct trii_native *native = custom->inside;
    (void)args;
    return trii_description_fit(custom, &native->description, in, out, err);
}

static void finish(struct trii_custom *custom) {
    trii_free(custom->inside);
}

const struct trii_custom_kind trii_custom_native = {.extensions = {".so"},
                                                    .format = TRII_CUSTOM_NATIVE,
                                                    .technology = TRI_TECHNOLOGY_HOST,
                                                    .bytes_max = (size_t)256 << 20,
                                                    .read = read,
                                                    .given = given,
                                                    .fit = fit,
                                                    .finish = finish};
