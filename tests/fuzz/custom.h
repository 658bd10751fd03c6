/*
 * Any bytes as an operation's file: read, given operands, asked for layouts; or refused with a sentence that names the file.
 * The layouts it is asked with are odd, too small, or of another type than it wants.
 */
#ifndef TRIPOINT_TESTS_FUZZ_CUSTOM_H
#define TRIPOINT_TESTS_FUZZ_CUSTOM_H

#include "base/sys.h"
#include "engine/custom/custom.h"
#include "replay.h"

static inline void fuzz_refused(tri_status status, const struct tri_error *err, const char *name) {
    if (status == TRI_OK)
        return;
    if (status != TRI_BAD_SHADER && status != TRI_BAD_MODULE && status != TRI_BAD_PIPELINE && status != TRI_LIMIT &&
        status != TRI_UNSUPPORTED && status != TRI_INVALID_ARGUMENT && status != TRI_IO)
        fuzz_fail(tri_status_name(status), err->message);
    if (!strstr(err->message, name))
        fuzz_fail("the sentence does not say which file", err->message);
}

/* Opens the bytes under the operation's name ("x.wgsl", "x.wgsl#main"); NULL when they are refused. */
static inline struct trii_custom *fuzz_open(const uint8_t *bytes, size_t size, const char *operation,
                                            const char *name) {
    struct trii_custom *custom = NULL;
    struct tri_error err = {0};
    char path[32];
    int file;
    if (trii_sys_scratch_file("fuzz", &file) != 0 || trii_sys_write(file, bytes, size) != 0)
        fuzz_fail("no scratch file", operation);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const struct tri_file lent = {name, path};
    const struct trii_custom_place place = {.folder = TRII_CUSTOM_NO_FOLDER, .files = &lent, .file_count = 1};
    tri_status status = trii_custom_open(&place, operation, &custom, &err);
    if (!(status == TRI_IO && size == 0))
        fuzz_refused(status, &err, size ? name : path);
    trii_sys_close(file);
    return status == TRI_OK ? custom : NULL;
}

static const struct tri_layout fuzz_layouts[] = {
    {.dtype = TRI_DTYPE_U8, .rank = 3, .shape = {5, 7, 4}, .kind = TRI_KIND_IMAGE},
    {.dtype = TRI_DTYPE_F32, .rank = 1, .shape = {1}, .kind = TRI_KIND_TENSOR},
    {.dtype = TRI_DTYPE_U32, .rank = 4, .shape = {1, 3, 9, 2}, .kind = TRI_KIND_TENSOR},
    {.dtype = TRI_DTYPE_U8, .rank = 0, .kind = TRI_KIND_BYTES},
};
#define FUZZ_LAYOUTS (sizeof fuzz_layouts / sizeof *fuzz_layouts)

/* Gives an opened operation `inputs` and `outputs` (or what it has itself) and asks it for layouts; `use` then does what the
 * engine would with them. Closes it. */
static inline void fuzz_use(struct trii_custom *custom, size_t inputs, size_t outputs, const char *name,
                            void (*use)(const struct trii_custom *custom, const struct trii_args *args,
                                        const struct tri_layout *layouts)) {
    struct tri_error err = {0};
    struct trii_args args;
    tri_status status = trii_custom_given(custom, inputs, outputs, &err);
    if (status == TRI_OK)
        status = trii_args_resolve(&custom->op, NULL, 0, &args, &err);
    fuzz_refused(status, &err, name);
    for (size_t turn = 0; status == TRI_OK && turn < 2 * FUZZ_LAYOUTS; turn++) {
        struct tri_layout layouts[TRII_OP_OPERANDS_MAX];
        const size_t in = trii_op_inputs(&custom->op), all = custom->op.info.operand_count;
        for (size_t i = 0; i < all; i++) {
            layouts[i] = fuzz_layouts[(turn + i * (turn / FUZZ_LAYOUTS)) % FUZZ_LAYOUTS];
            if (i >= in && turn % 2) {
                custom->outputs[i - in].rule = TRII_OUTPUT_STATED;
                custom->outputs[i - in].layout = layouts[i];
            }
        }
        tri_status fits = custom->op.infer(&custom->op, &args, layouts, layouts + in, &err);
        fuzz_refused(fits, &err, custom->name);
        for (size_t i = 0; fits == TRI_OK && i < all; i++)
            if (layouts[i].rank > TRI_LAYOUT_MAX_RANK)
                fuzz_fail("a layout with a rank that is none", name);
        if (fits == TRI_OK && use)
            use(custom, &args, layouts);
    }
    trii_custom_close(&custom);
}

#endif
