/* Structs of parameters begin with `size_t struct_bytes`: the one reader of what a caller filled. The rule stands in
 * tripoint/common.h. */
#ifndef TRIPOINT_BASE_PARAMS_H
#define TRIPOINT_BASE_PARAMS_H

#include <tripoint/error.h>

/* Copies the caller's struct over the defaults at `to`, whose struct_bytes becomes `to_bytes`; NULL leaves the defaults.
 * `name` is the struct's, for errors. */
tri_status trii_params_read(void *to, size_t to_bytes, const void *from, const char *name, struct tri_error *err);

#endif
