/* The parts of DLPack 1.0's ABI that are used (github.com/dmlc/dlpack, dlpack.h): layouts fixed by that standard. */
#ifndef TRIPOINT_PYTHON_DLPACK_H
#define TRIPOINT_PYTHON_DLPACK_H

#include <stdint.h>

#define DLPACK_CPU 1
#define DLPACK_FLAG_READ_ONLY 1u

enum dlpack_code { DLPACK_INT = 0, DLPACK_UINT = 1, DLPACK_FLOAT = 2 };

struct dlpack_tensor {
    void *data;
    struct { int32_t type, id; } device;
    int32_t rank;
    struct { uint8_t code, bits; uint16_t lanes; } dtype;
    int64_t *shape, *strides; /* in elements */
    uint64_t byte_offset;
};

/* Before 1.0: cannot say that it is read-only. */
struct dlpack_managed {
    struct dlpack_tensor tensor;
    void *context;
    void (*deleter)(struct dlpack_managed *self);
};

struct dlpack_versioned {
    struct { uint32_t major, minor; } version;
    void *context;
    void (*deleter)(struct dlpack_versioned *self);
    uint64_t flags;
    struct dlpack_tensor tensor;
};

#endif
