#include "base/params.h"

#include "base/status.h"

#include <string.h>

/* No struct of parameters comes near this: a larger number was never set. */
#define STRUCT_BYTES_MAX 4096u

tri_status trii_params_read(void *to, size_t to_bytes, const void *from, const char *name, struct tri_error *err) {
    size_t given;
    if (!from)
        return TRI_OK;
    memcpy(&given, from, sizeof given); /* not payload: parameters */
    if (given <= sizeof given || given > STRUCT_BYTES_MAX)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s.struct_bytes is %zu; set it to sizeof(struct %s)", name, given,
                         name);
    for (size_t i = to_bytes; i < given; i++)
        if (((const unsigned char *)from)[i] != 0)
            return trii_fail(err, TRI_INVALID_ARGUMENT,
                             "%s: struct_bytes is %zu, this version's is %zu, and a field that only the larger one has "
                             "is set",
                             name, given, to_bytes);
    memcpy(to, from, given < to_bytes ? given : to_bytes); /* not payload: parameters */
    memcpy(to, &to_bytes, sizeof to_bytes);                /* not payload: parameters */
    return TRI_OK;
}
