#include <tripoint/common.h>

#include <string.h>

static const char *const names[TRI_TECHNOLOGY_COUNT] = {"host", "wasm", "webgpu", "webnn"};

const char *tri_technology_name(enum tri_technology technology) {
    return (unsigned)technology < TRI_TECHNOLOGY_COUNT ? names[technology] : "unknown";
}

bool tri_technology_from_name(const char *name, enum tri_technology *out) {
    for (unsigned i = 0; name && i < TRI_TECHNOLOGY_COUNT; i++)
        if (strcmp(name, names[i]) == 0) {
            if (out)
                *out = (enum tri_technology)i;
            return true;
        }
    return false;
}

const char *tri_version(void) {
    return TRI_VERSION_STRING;
}
