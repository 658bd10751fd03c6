/* A loaded shared object's operation: custom->inside of an operation that is one. */
#ifndef TRIPOINT_ENGINE_CUSTOM_NATIVE_H
#define TRIPOINT_ENGINE_CUSTOM_NATIVE_H

#include <tripoint/native.h>

#include "engine/custom/describe.h"

struct trii_native {
    struct trii_description description;
    int (*run)(const struct tri_native_call *call);
};

#endif
