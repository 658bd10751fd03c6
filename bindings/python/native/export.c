/* Exports: a region's pages as a Python buffer and as a DLPack tensor. Never a copy. */
#include "binding.h"
#include "dlpack.h"

#include <string.h>

/* By the names in view.h: a new dtype there does not compile before it has its line here. */
#define NUMPY_U8 "uint8", "B", DLPACK_UINT
#define NUMPY_I8 "int8", "b", DLPACK_INT
#define NUMPY_U16 "uint16", "H", DLPACK_UINT
#define NUMPY_I16 "int16", "h", DLPACK_INT
#define NUMPY_F16 "float16", "e", DLPACK_FLOAT
#define NUMPY_U32 "uint32", "I", DLPACK_UINT
#define NUMPY_I32 "int32", "i", DLPACK_INT
#define NUMPY_F32 "float32", "f", DLPACK_FLOAT
#define NUMPY_U64 "uint64", "Q", DLPACK_UINT
#define NUMPY_I64 "int64", "q", DLPACK_INT
#define NUMPY_F64 "float64", "d", DLPACK_FLOAT

static const struct dtype {
    enum tri_dtype dtype;
    uint8_t bytes;
    const char *name, *format;
    enum dlpack_code code;
} dtypes[] = {
#define ENTRY(name, value, bytes, text) {TRI_DTYPE_##name, bytes, NUMPY_##name},
    TRI_DTYPE_LIST(ENTRY)
#undef ENTRY
};

static const struct dtype *find(enum tri_dtype dtype) {
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (dtypes[i].dtype == dtype)
            return &dtypes[i];
    return NULL;
}

const char *tripy_dtype_name(enum tri_dtype dtype) {
    const struct dtype *found = find(dtype);
    return found ? found->name : "?";
}

const char *tripy_dtype_format(enum tri_dtype dtype) {
    const struct dtype *found = find(dtype);
    return found ? found->format : "?";
}

static int parse_name(const char *name, enum tri_dtype *out) {
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            *out = dtypes[i].dtype;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "'%s' is no element type here: int8 … int64, uint8 … uint64, float16, float32 and "
                                   "float64 are", name);
    return -1;
}

bool tripy_dtype_of_format(const char *format, enum tri_dtype *out) {
    if (!format)
        format = "B";
    if (format[0] == '@' || format[0] == '=' || format[0] == '<')
        format++;
    if (strcmp(format, "l") == 0 || strcmp(format, "L") == 0) /* numpy's 64 bits on Linux */
        format = format[0] == 'l' ? "q" : "Q";
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (strcmp(dtypes[i].format, format) == 0) {
            *out = dtypes[i].dtype;
            return true;
        }
    return false;
}

/* "float32", numpy.float32 or numpy.dtype("float32"). Short names are refused: "u8" is 8 bits to Tripoint and 8 bytes
 * to numpy. */
int tripy_dtype_parse(PyObject *object, enum tri_dtype *out) {
    const char *text;
    if (PyUnicode_Check(object))
        return (text = PyUnicode_AsUTF8AndSize(object, NULL)) ? parse_name(text, out) : -1;
    PyObject *numpy = PyImport_ImportModule("numpy");
    PyObject *dtype = numpy ? PyObject_CallMethod(numpy, "dtype", "O", object) : NULL;
    PyObject *native = dtype ? PyObject_GetAttrString(dtype, "isnative") : NULL;
    PyObject *name = native ? PyObject_GetAttrString(dtype, "name") : NULL;
    int failed = -1;
    if (name && native == Py_False)
        PyErr_SetString(PyExc_ValueError, "elements must be in the machine's byte order");
    else if (name && (text = PyUnicode_AsUTF8AndSize(name, NULL)))
        failed = parse_name(text, out);
    Py_XDECREF(name);
    Py_XDECREF(native);
    Py_XDECREF(dtype);
    Py_XDECREF(numpy);
    return failed;
}

/* A region's pages as they are now. */
struct pages {
    void *bytes;
    uint64_t size_bytes; /* from the first to past the last element */
    struct tri_layout layout;
    const struct dtype *dtype;
};

static int find_pages(const struct tripy_region *region, struct pages *out) {
    struct tri_arena *arena = tripy_arena_of(region->arena);
    struct tri_error err = {0};
    if (tripy_region_check(region) < 0)
        return -1;
    if (tri_region_layout(arena, region->handle, &out->layout, &err) != TRI_OK ||
        tri_layout_bytes_needed(&out->layout, &out->size_bytes, &err) != TRI_OK) {
        tripy_raise(&err);
        return -1;
    }
    out->bytes = region->bytes;
    out->dtype = find(out->layout.dtype);
    return 0;
}

/* Strides in bytes, also where the layout leaves them out. */
static void fill_strides(const struct tri_layout *layout, uint8_t element_bytes, int64_t *strides) {
    bool given = false;
    for (uint32_t i = 0; i < layout->rank; i++)
        given = given || layout->strides_bytes[i] != 0;
    uint64_t tight = element_bytes;
    for (uint32_t i = layout->rank; i-- > 0; tight *= layout->shape[i])
        strides[i] = (int64_t)(given ? layout->strides_bytes[i] : tight);
}

/* ---- the buffer protocol ---- */

struct sides {
    Py_ssize_t shape[TRI_LAYOUT_MAX_RANK], strides[TRI_LAYOUT_MAX_RANK];
};

static int refuse(Py_buffer *view, const char *why) {
    view->obj = NULL;
    PyErr_SetString(PyExc_BufferError, why);
    return -1;
}

int tripy_export_buffer(PyObject *exporter, struct tripy_region *region, bool read_only, Py_buffer *view, int flags) {
    struct pages pages;
    int64_t strides[TRI_LAYOUT_MAX_RANK];
    view->obj = NULL;
    if (find_pages(region, &pages) < 0)
        return -1;
    if (read_only && (flags & PyBUF_WRITABLE) == PyBUF_WRITABLE)
        return refuse(view, "the region is borrowed for reading: take region.write() to change it");
    bool tight = tri_layout_is_tight(&pages.layout);
    if (!tight && (flags & PyBUF_STRIDES) != PyBUF_STRIDES)
        return refuse(view, "the region's rows are not tight: ask for a buffer with strides");
    if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && !(tight && pages.layout.rank <= 1))
        return refuse(view, "the region's last dimension is the fastest: it is no Fortran array");
    struct sides *sides = PyMem_Calloc(1, sizeof *sides);
    if (!sides) {
        PyErr_NoMemory();
        return -1;
    }
    fill_strides(&pages.layout, pages.dtype->bytes, strides);
    Py_ssize_t count = 1;
    for (uint32_t i = 0; i < pages.layout.rank; i++) {
        sides->shape[i] = (Py_ssize_t)pages.layout.shape[i];
        sides->strides[i] = (Py_ssize_t)strides[i];
        count *= sides->shape[i];
    }
    bool has_shape = (flags & PyBUF_ND) == PyBUF_ND;
    *view = (Py_buffer){
        .buf = pages.bytes,
        .obj = Py_NewRef(exporter),
        .len = count * pages.dtype->bytes,
        .itemsize = pages.dtype->bytes,
        .readonly = read_only,
        .ndim = has_shape ? (int)pages.layout.rank : 1,
        .format = (flags & PyBUF_FORMAT) == PyBUF_FORMAT ? (char *)(uintptr_t)pages.dtype->format : NULL,
        .shape = has_shape ? sides->shape : NULL,
        .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? sides->strides : NULL,
        .internal = sides,
    };
    region->exports++;
    return 0;
}

void tripy_release_buffer(struct tripy_region *region, Py_buffer *view) {
    PyMem_Free(view->internal);
    view->internal = NULL;
    tripy_region_unexport(region);
}

/* ---- DLPack ---- */

struct tensor {
    union {
        struct dlpack_managed managed;
        struct dlpack_versioned versioned;
    } as;
    struct tripy_region *region;
    int64_t shape[TRI_LAYOUT_MAX_RANK], strides[TRI_LAYOUT_MAX_RANK];
};

/* From any thread, with or without the GIL; after the interpreter's end the process's end cleans up. */
static void tensor_end(struct tensor *tensor) {
    if (!Py_IsInitialized())
        return;
    PyGILState_STATE state = PyGILState_Ensure();
    tripy_region_unexport(tensor->region);
    Py_DECREF((PyObject *)tensor->region);
    PyMem_Free(tensor);
    PyGILState_Release(state);
}

static void managed_deleter(struct dlpack_managed *self) {
    tensor_end(self->context);
}

static void versioned_deleter(struct dlpack_versioned *self) {
    tensor_end(self->context);
}

/* A consumer renames the capsule: one that still has its name was not adopted. */
static void capsule_end(PyObject *capsule) {
    if (PyCapsule_IsValid(capsule, "dltensor")) {
        struct dlpack_managed *managed = PyCapsule_GetPointer(capsule, "dltensor");
        managed->deleter(managed);
    } else if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
        struct dlpack_versioned *versioned = PyCapsule_GetPointer(capsule, "dltensor_versioned");
        versioned->deleter(versioned);
    }
}

static void fill_tensor(struct tensor *tensor, const struct pages *pages, struct dlpack_tensor *out) {
    fill_strides(&pages->layout, pages->dtype->bytes, tensor->strides);
    for (uint32_t i = 0; i < pages->layout.rank; i++) {
        tensor->shape[i] = (int64_t)pages->layout.shape[i];
        tensor->strides[i] /= pages->dtype->bytes;
    }
    *out = (struct dlpack_tensor){
        .data = pages->bytes,
        .device = {DLPACK_CPU, 0},
        .rank = (int32_t)pages->layout.rank,
        .dtype = {(uint8_t)pages->dtype->code, (uint8_t)(pages->dtype->bytes * 8), 1},
        .shape = tensor->shape,
        .strides = tensor->strides,
    };
}

/* The consumer's wishes: *versioned when it knows DLPack 1. -1: they can't be met. */
static int read_wishes(PyObject *args, PyObject *kwargs, bool *versioned) {
    static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
    PyObject *stream = Py_None, *version = Py_None, *device = Py_None, *copy = Py_None;
    int type = DLPACK_CPU, id = 0, major = 0, minor = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO", names, &stream, &version, &device, &copy))
        return -1;
    if (version != Py_None && !(PyTuple_Check(version) && PyArg_ParseTuple(version, "ii", &major, &minor)))
        goto wrong;
    if (device != Py_None && !(PyTuple_Check(device) && PyArg_ParseTuple(device, "ii", &type, &id)))
        goto wrong;
    *versioned = major >= 1;
    if (type == DLPACK_CPU && copy != Py_True)
        return 0;
    PyErr_SetString(PyExc_BufferError, copy == Py_True ? "a region is never copied: copy the array that you make of it"
                                                       : "a region lies in the CPU's memory: device (1, 0)");
    return -1;
wrong:
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "max_version and dl_device are pairs of integers");
    return -1;
}

PyObject *tripy_export_dlpack(struct tripy_region *region, bool read_only, PyObject *args, PyObject *kwargs) {
    struct pages pages;
    bool versioned = false;
    if (read_wishes(args, kwargs, &versioned) < 0 || find_pages(region, &pages) < 0)
        return NULL;
    if (read_only && !versioned) {
        PyErr_SetString(PyExc_BufferError, "a read-only region needs a consumer that knows DLPack 1.0");
        return NULL;
    }
    struct tensor *tensor = PyMem_Calloc(1, sizeof *tensor);
    if (!tensor)
        return PyErr_NoMemory();
    tensor->region = region;
    PyObject *capsule;
    if (versioned) {
        struct dlpack_versioned *made = &tensor->as.versioned;
        *made = (struct dlpack_versioned){.version = {1, 0}, .context = tensor, .deleter = versioned_deleter,
                                          .flags = read_only ? DLPACK_FLAG_READ_ONLY : 0};
        fill_tensor(tensor, &pages, &made->tensor);
        capsule = PyCapsule_New(made, "dltensor_versioned", capsule_end);
    } else {
        struct dlpack_managed *made = &tensor->as.managed;
        *made = (struct dlpack_managed){.context = tensor, .deleter = managed_deleter};
        fill_tensor(tensor, &pages, &made->tensor);
        capsule = PyCapsule_New(made, "dltensor", capsule_end);
    }
    if (!capsule) {
        PyMem_Free(tensor);
        return NULL;
    }
    region->exports++;
    Py_INCREF((PyObject *)region);
    return capsule;
}
