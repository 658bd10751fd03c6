/* Structs of parameters begin with `size_t struct_bytes`: reading one that an older or newer caller filled. */
#ifndef TRIPOINT_BASE_PARAMS_H
#define TRIPOINT_BASE_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Copies the caller's struct over the zeroed one at `to`; fields that the caller does not know stay zero, and fields
 * that we do not know must be. False when struct_bytes was not set or something is asked that this version lacks. */
static inline bool trii_params_read(void *to, size_t to_bytes, const void *from) {
    size_t given;
    memcpy(&given, from, sizeof given); /* not payload: parameters */
    if (given <= sizeof given)
        return false;
    for (size_t i = to_bytes; i < given; i++)
        if (((const unsigned char *)from)[i] != 0)
            return false;
    memcpy(to, from, given < to_bytes ? given : to_bytes); /* not payload: parameters */
    return true;
}

#endif
