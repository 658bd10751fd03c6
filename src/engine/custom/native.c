/*
 * A shared object as an operation: loaded only when the caller said so, never closed again. The file was opened beneath its
 * folder before; the loader gets the path of what was opened.
 *
 *   read --given--> loaded        (in this process)
 *   read --described--> --given   (isolated: a worker has loaded it and tells what it says of itself)
 */
#include "engine/custom/native.h"

#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Bytes that were handed over (a worker's) lie under no path. The loader takes what it gets under one path for one library,
 * so their descriptor stays open and its number is not used again; the same bytes are loaded once. */
struct kept {
    struct kept *next;
    char hash[65];
    void *library;
};
static struct kept *all_kept;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static void *load_kept(const struct trii_custom *custom, struct trii_native *native, char *why, size_t why_bytes) {
    char path[32];
    void *library = NULL;
    pthread_mutex_lock(&kept_lock);
    for (const struct kept *k = all_kept; k && !library; k = k->next)
        if (strcmp(k->hash, custom->hash) == 0)
            library = k->library;
    struct kept *k = library ? NULL : trii_calloc(1, sizeof *k);
    snprintf(why, why_bytes, "no memory to remember it");
    if (k) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", native->file);
        library = k->library = trii_sys_library(path, why, why_bytes);
        snprintf(k->hash, sizeof k->hash, "%s", custom->hash);
        native->file = -1;
        k->next = all_kept;
        if (library)
            all_kept = k;
        else
            trii_free(k);
    }
    pthread_mutex_unlock(&kept_lock);
    return library;
}

static tri_status load(const struct trii_custom *custom, struct trii_native *native, const struct tri_native_module **out,
                       struct tri_error *err) {
    char path[512], why[256];
    tri_native_entry entry;
    int failed = trii_sys_path_of(native->file, path, sizeof path);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "can't find where %s lies", custom->path);
    void *library = strncmp(path, "/memfd:", 7) == 0 ? load_kept(custom, native, why, sizeof why)
                                                     : trii_sys_library(path, why, sizeof why);
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
    native->words = text ? trii_custom_keep(custom, text, strlen(text)) : NULL;
    trii_free(text);
    if (!native->words)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the description of %s", custom->name);
    return trii_describe(custom, native->words, strlen(native->words), &native->description, err);
}

static tri_status read(struct trii_custom *custom, struct tri_error *err) {
    struct trii_native *native = trii_calloc(1, sizeof *native);
    custom->inside = native;
    custom->op.info.summary = "native code of a shared object";
    if (!native)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to load %s", custom->name);
    native->file = custom->file;
    custom->file = -1;
    return TRI_OK;
}

static void let_go(struct trii_native *native) {
    if (native->file >= 0)
        trii_sys_close(native->file);
    native->file = -1;
}

static tri_status load_here(struct trii_custom *custom, struct trii_native *native, struct tri_error *err) {
    const struct tri_native_module *module;
    const struct tri_native_operation *operation;
    tri_status status = load(custom, native, &module, err);
    let_go(native);
    if (status == TRI_OK)
        status = choose(custom, module, &operation, err);
    if (status != TRI_OK)
        return status;
    native->run = operation->run;
    return describe(custom, operation, native, err);
}

static tri_status given(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err) {
    struct trii_native *native = custom->inside;
    tri_status status = custom->isolated ? TRI_OK : load_here(custom, native, err);
    if (status != TRI_OK || native->description.found || inputs == TRII_CUSTOM_NATURAL)
        return status;
    return trii_custom_any_operands(custom, inputs, outputs, err);
}

const char *trii_custom_description(const struct trii_custom *custom) {
    const struct trii_native *native = custom->format == TRII_CUSTOM_NATIVE ? custom->inside : NULL;
    return native && native->words ? native->words : "";
}

tri_status trii_custom_described(struct trii_custom *custom, const char *entry, const char *text, struct tri_error *err) {
    struct trii_native *native = custom->inside;
    let_go(native);
    trii_name_copy(custom->entry, sizeof custom->entry, entry);
    return trii_describe(custom, text, strlen(text), &native->description, err);
}

static tri_status fit(const struct trii_custom *custom, const struct trii_args *args, const struct tri_layout *in,
                      struct tri_layout *out, struct tri_error *err) {
    const struct trii_native *native = custom->inside;
    (void)args;
    return trii_description_fit(custom, &native->description, in, out, err);
}

static void finish(struct trii_custom *custom) {
    if (custom->inside)
        let_go(custom->inside);
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
