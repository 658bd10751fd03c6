/* Opening OpenVINO and checking that it is what the declarations in openvino.h say; its errors in one line. */
#include "engine/webnn/openvino.h"

#include "base/status.h"
#include "base/sys.h"
#include "engines_lock.h"

#include <stdio.h>
#include <string.h>

/* The element types' numbers moved in the past when new ones were put between, and shapes are passed by value: a
 * tensor of each type over bytes of ours must tell the size, the shape and the address that were given. */
static bool probe(const struct trii_openvino *ov, enum tri_dtype dtype) {
    uint64_t bytes[6] = {0};
    const struct tri_layout layout = {.dtype = dtype, .rank = 2, .shape = {2, 3}};
    struct ov_tensor *tensor = NULL;
    struct trii_ov_shape shape = {0};
    size_t size = 0;
    void *data = NULL;
    if (trii_openvino_tensor(ov, &layout, false, bytes, &tensor) != TRII_OV_OK)
        return false;
    bool right = ov->tensor_get_byte_size(tensor, &size) == TRII_OV_OK && size == 6 * tri_dtype_bytes(dtype) &&
                 ov->tensor_data(tensor, &data) == TRII_OV_OK && data == bytes &&
                 ov->tensor_get_shape(tensor, &shape) == TRII_OV_OK && shape.rank == 2 && shape.dims &&
                 shape.dims[0] == 2 && shape.dims[1] == 3;
    ov->shape_free(&shape);
    ov->tensor_free(tensor);
    return right;
}

static tri_status check_declarations(const struct trii_openvino *ov, const char *path, const char *version,
                                     struct tri_error *err) {
#define CHECK_DTYPE(name, value, bytes, text)                                                                          \
    if (!probe(ov, TRI_DTYPE_##name))                                                                                  \
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE,                                                                  \
                         "%s is OpenVINO %s, whose " text " tensors are not as declared here; OpenVINO "               \
                         TRII_OPENVINO_VERSION " is right", path, version);
    TRI_DTYPE_LIST(CHECK_DTYPE)
#undef CHECK_DTYPE
    return TRI_OK;
}

/* Another year's release may have changed what no probe shows. */
static tri_status check_version(const struct trii_openvino *ov, const char *path,
                                char version[TRII_OPENVINO_VERSION_BYTES], struct tri_error *err) {
    struct trii_ov_version found = {0};
    int code = ov->get_openvino_version(&found);
    if (code != TRII_OV_OK || !found.build)
        return trii_openvino_fail(ov, code, err, TRI_ENGINE_UNAVAILABLE, "OpenVINO does not tell its version");
    trii_name_copy(version, TRII_OPENVINO_VERSION_BYTES, found.build);
    ov->version_free(&found);
    size_t year = strcspn(TRII_OPENVINO_VERSION, ".") + 1;
    if (strncmp(version, TRII_OPENVINO_VERSION, year) != 0)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "%s is OpenVINO %s; %.*sx is needed (" TRII_OPENVINO_VERSION
                         " is what is tested)", path, version, (int)year, TRII_OPENVINO_VERSION);
    return TRI_OK;
}

tri_status trii_openvino_open(struct trii_openvino *ov, const char *path, char version[TRII_OPENVINO_VERSION_BYTES],
                              struct tri_error *err) {
    char why[256];
    void *library = trii_sys_library(path, why, sizeof why);
    if (!library)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "OpenVINO can't be loaded: %s", why);
#define FIND(name, result, parameters)                                                                                 \
    if (!trii_sys_symbol(library, "ov_" #name, &ov->name))                                                             \
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE,                                                                  \
                         "%s has no function ov_" #name ": it is not OpenVINO's C library of release "                 \
                         TRII_OPENVINO_VERSION, path);
    TRII_OPENVINO_FUNCTIONS(FIND)
#undef FIND
    tri_status status = check_version(ov, path, version, err);
    return status == TRI_OK ? check_declarations(ov, path, version, err) : status;
}

/* The library's reasons have many lines, most of which name its own source files. */
static void one_line(char *to, size_t to_bytes, const char *from) {
    size_t n = 0;
    while (*from) {
        size_t line = strcspn(from, "\n");
        if (strncmp(from, "Exception from ", 15) != 0)
            for (size_t i = 0; i <= line && from[i] && n + 1 < to_bytes; i++) {
                char c = from[i] == '\n' || from[i] == '\t' ? ' ' : from[i];
                if (c != ' ' || (n > 0 && to[n - 1] != ' '))
                    to[n++] = c;
            }
        from += from[line] ? line + 1 : line;
    }
    while (n > 0 && (to[n - 1] == ' ' || to[n - 1] == '.'))
        n--;
    to[n] = '\0';
}

tri_status trii_openvino_fail(const struct trii_openvino *ov, int code, struct tri_error *err, tri_status status,
                              const char *words) {
    char line[256] = "";
    const char *reason = ov->get_last_err_msg();
    if (reason) {
        one_line(line, sizeof line, reason);
        ov->free(reason);
    }
    trii_fail(err, status, "%s: %s", words, line[0] ? line : ov->get_error_info(code));
    if (err)
        err->engine_code = code;
    return status;
}

unsigned trii_openvino_element(enum tri_dtype dtype) {
    static const unsigned elements[] = {
        [TRI_DTYPE_U8] = TRII_OV_U8,   [TRI_DTYPE_I8] = TRII_OV_I8,   [TRI_DTYPE_U16] = TRII_OV_U16,
        [TRI_DTYPE_I16] = TRII_OV_I16, [TRI_DTYPE_F16] = TRII_OV_F16, [TRI_DTYPE_U32] = TRII_OV_U32,
        [TRI_DTYPE_I32] = TRII_OV_I32, [TRI_DTYPE_F32] = TRII_OV_F32, [TRI_DTYPE_U64] = TRII_OV_U64,
        [TRI_DTYPE_I64] = TRII_OV_I64, [TRI_DTYPE_F64] = TRII_OV_F64,
    };
    return (size_t)dtype < sizeof elements / sizeof *elements ? elements[dtype] : 0;
}

int trii_openvino_tensor(const struct trii_openvino *ov, const struct tri_layout *layout, bool batch, void *bytes,
                         struct ov_tensor **out) {
    int64_t dims[TRI_LAYOUT_MAX_RANK + 1] = {1};
    struct trii_ov_shape shape = {.rank = (int64_t)layout->rank + (batch ? 1 : 0), .dims = dims};
    for (uint32_t i = 0; i < layout->rank; i++)
        dims[i + (batch ? 1 : 0)] = (int64_t)layout->shape[i];
    return ov->tensor_create_from_host_ptr(trii_openvino_element(layout->dtype), shape, bytes, out);
}
