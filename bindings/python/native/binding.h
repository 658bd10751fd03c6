/*
 * The binding's inside: what its files share.
 *
 * An Arena is a runtime. A Region is a handle that keeps its Arena. Arrays over a region's pages are *exports*: each
 * keeps its Region, and a region that is freed while exports live gives its pages back with the last of them. A Borrow
 * is a claim (what `with region.read()` holds); it ends while arrays made under it live on: they are safe to touch, not
 * promised to be undisturbed.
 *
 * Ownership: objects hold references downward only (Plan, Pipeline, Region -> Arena; Borrow -> Region): no cycles.
 * Threads:   fields are guarded by the interpreter's lock (GIL), which is given up around every call that can wait.
 * Errors:    functions return NULL or -1 with an exception set; a tri_status becomes an exception in tripy_raise().
 */
#ifndef TRIPOINT_PYTHON_BINDING_H
#define TRIPOINT_PYTHON_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <tripoint/tripoint.h>

struct tripy_arena {
    PyObject_HEAD
    struct tri_runtime *runtime;
    uint32_t parted;      /* regions freed in Python whose pages arrays still hold */
    uint64_t conversions; /* images repacked by the binding on their way in or out, and their bytes */
    uint64_t converted_bytes;
};

struct tripy_region {
    PyObject_HEAD
    struct tripy_arena *arena;
    tri_handle handle;
    void *bytes; /* learnt at birth: regions never move */
    Py_ssize_t exports;
    bool freed;
};

extern PyTypeObject *tripy_arena_type, *tripy_region_type, *tripy_borrow_type;

/* errors.c */
int tripy_errors_add(PyObject *module);
PyObject *tripy_raise(const struct tri_error *err); /* always NULL */
PyObject *tripy_exception(const struct tri_error *err); /* the exception, not raised */
PyObject *tripy_raise_status(tri_status status, const char *message);

/* arena.c */
int tripy_arena_add(PyObject *module);
struct tri_arena *tripy_arena_of(const struct tripy_arena *arena);
int tripy_read_kind(const char *kind, struct tri_layout *layout); /* NULL: what an array of this shape most likely is */

/* region.c */
int tripy_region_add(PyObject *module);
PyObject *tripy_region_new(struct tripy_arena *arena, tri_handle handle); /* takes the handle, also on failure */
int tripy_region_check(const struct tripy_region *region); /* -1 and an exception when it was freed */
void tripy_region_unexport(struct tripy_region *region);   /* an array is gone; the last one frees a PARTED region */
PyObject *tripy_as_array(PyObject *exporter);              /* numpy's array over a buffer; a memoryview without numpy */
PyObject *tripy_array_method(PyObject *self, PyObject *args, PyObject *kwargs);

/* export.c: the buffer protocol and DLPack over a region */
int tripy_export_buffer(PyObject *exporter, struct tripy_region *region, bool read_only, Py_buffer *view, int flags);
void tripy_release_buffer(struct tripy_region *region, Py_buffer *view);
PyObject *tripy_export_dlpack(struct tripy_region *region, bool read_only, PyObject *args, PyObject *kwargs);
const char *tripy_dtype_name(enum tri_dtype dtype);        /* numpy's name: "uint8" */
const char *tripy_dtype_format(enum tri_dtype dtype);      /* the buffer protocol's: "B" */
PyObject *tripy_shape_tuple(const struct tri_layout *layout);
int tripy_dtype_parse(PyObject *object, enum tri_dtype *out);
bool tripy_dtype_of_format(const char *format, enum tri_dtype *out); /* NULL: bytes */

/* borrow.c */
int tripy_borrow_add(PyObject *module);
PyObject *tripy_borrow_new(struct tripy_region *region, enum tri_access access, PyObject *timeout);
int tripy_timeout(PyObject *seconds, uint64_t *out_ns);    /* None: TRI_FOREVER */

/* stages.c */
int tripy_stages_add(PyObject *module);
PyObject *tripy_execute(PyObject *module, PyObject *stages);

/* engines.c */
int tripy_technology(PyObject *name, enum tri_technology *out);
PyObject *tripy_engine_info(PyObject *arena, PyObject *name);
PyObject *tripy_native_view(PyObject *region, enum tri_technology technology);
PyObject *tripy_peek(PyObject *region, PyObject *args);
PyObject *tripy_poke(PyObject *region, PyObject *args);
PyObject *tripy_operations(PyObject *module, PyObject *unused);

/* pipeline.c */
int tripy_pipeline_add(PyObject *module);

/* A heap object's end: frees it and lets its type go. */
static inline void tripy_object_free(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF((PyObject *)type);
}

/* An object whose fields are zero. */
static inline void *tripy_object_new(PyTypeObject *type) {
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return allocate(type, 0);
}

/* Makes a type and adds it under its name; NULL on failure. */
PyTypeObject *tripy_type_add(PyObject *module, PyType_Spec *spec);

#endif
