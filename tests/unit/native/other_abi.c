/* A shared object of a later ABI. */
#include <tripoint/native.h>

const struct tri_native_module *tripoint_native(void);
__attribute__((visibility("default"))) const struct tri_native_module *tripoint_native(void) {
    static const struct tri_native_module module = {.abi = 99};
    return &module;
}
