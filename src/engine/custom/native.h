/* A loaded shared object's operation: custom->inside of an operation that is one. */
#ifndef TRIPOINT_ENGINE_CUSTOM_NATIVE_H
#define TRIPOINT_ENGINE_CUSTOM_NATIVE_H

#include <tripoint/native.h>

#include "engine/custom/describe.h"

struct trii_native {
    int file; /* opened, until it is loaded; else -1 */
    const char *words; /* its description with the operation's name; NULL: none */
    struct trii_description description;
    int (*run)(const struct tri_native_call *call); /* NULL while it is not loaded here: a worker has it */
};

#endif
