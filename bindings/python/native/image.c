/*
 * ImagePipeline: beneath tripoint.Pipeline. Planned for the size of the image that came last; one frame at a time,
 * other threads wait their turn. Fields below `running` are guarded by it, not by the GIL.
 */
#include "binding.h"

#include <string.h>

struct image {
    PyObject_HEAD
    struct tripy_arena *arena;
    PyThread_type_lock running;
    struct tri_pipeline *pipeline;
    struct tri_layout taken, made; /* what it is planned for and what comes of it; taken.rank 0: nothing yet */
    tri_handle input, output;
};

/* Each assignment is text like "resize.width=256". */
static tri_status set_all(struct image *image, PyObject *assignments, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (Py_ssize_t i = 0; status == TRI_OK && i < PyTuple_Size(assignments); i++) {
        const char *text = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(assignments, i), NULL);
        if (!text)
            return TRI_INVALID_ARGUMENT; /* Python's exception is set */
        status = tri_pipeline_set(image->pipeline, text, err);
    }
    return status;
}

static PyObject *image_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    PyObject *arena, *assignments;
    const char *name;
    struct tri_error err = {0};
    tri_status status;
    if (!PyArg_ParseTuple(args, "O!sO!", tripy_arena_type, &arena, &name, &PyTuple_Type, &assignments))
        return NULL;
    struct image *image = tripy_object_new(type);
    if (!image)
        return NULL;
    image->arena = (struct tripy_arena *)Py_NewRef(arena);
    image->running = PyThread_allocate_lock();
    if (!image->running) {
        Py_DECREF((PyObject *)image);
        return PyErr_NoMemory();
    }
    Py_BEGIN_ALLOW_THREADS
    status = tri_pipeline_load(image->arena->runtime, name, &image->pipeline, &err);
    Py_END_ALLOW_THREADS
    if (status == TRI_OK)
        status = set_all(image, assignments, &err);
    if (status != TRI_OK) {
        if (!PyErr_Occurred())
            tripy_raise(&err);
        Py_CLEAR(image);
    }
    return (PyObject *)image;
}

static void image_dealloc(PyObject *self) {
    struct image *image = (struct image *)self;
    Py_BEGIN_ALLOW_THREADS
    tri_pipeline_destroy(&image->pipeline);
    Py_END_ALLOW_THREADS
    if (image->running)
        PyThread_free_lock(image->running);
    Py_XDECREF((PyObject *)image->arena);
    tripy_object_free(self);
}

/* ---- without the GIL, with `running` ---- */

/* Nothing is kept of a plan that did not work out. */
static tri_status plan_for(struct image *image, const struct tri_layout *layout, struct tri_error *err) {
    struct tri_pipeline *pipeline = image->pipeline;
    if (image->taken.rank > 0 && tri_layout_equal(&image->taken, layout))
        return TRI_OK;
    image->taken.rank = 0;
    tri_status status = tri_pipeline_set_input(pipeline, tri_pipeline_input(pipeline), layout, err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(pipeline, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(pipeline, tri_pipeline_input(pipeline), &image->input, NULL, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(pipeline, tri_pipeline_output(pipeline), &image->output, &image->made, err);
    if (status == TRI_OK)
        status = tri_pipeline_prepare(pipeline, err);
    if (status == TRI_OK)
        image->taken = *layout;
    return status;
}

static tri_status run(struct image *image, const Py_buffer *pixels, const Py_buffer *result, struct tri_error *err) {
    struct tri_arena *arena = tripy_arena_of(image->arena);
    tri_status status = tri_region_write(arena, image->input, 0, pixels->buf, (uint64_t)pixels->len, "pixels in", NULL,
                                         err);
    if (status == TRI_OK)
        status = tri_pipeline_run(image->pipeline, NULL, err);
    return status == TRI_OK ? tri_region_read(arena, image->output, 0, result->buf, (uint64_t)result->len, "pixels out",
                                              NULL, err)
                            : status;
}

/* ---- with the GIL ---- */

static bool fits(const struct tri_layout *layout, const Py_buffer *buffer) {
    const char *format = buffer->format ? buffer->format : "B";
    bool same = buffer->ndim == (int)layout->rank && strcmp(format, tripy_dtype_format(layout->dtype)) == 0;
    for (uint32_t i = 0; same && i < layout->rank; i++)
        same = (uint64_t)buffer->shape[i] == layout->shape[i];
    return same && tri_layout_is_tight(layout);
}

/* (shape, dtype) of the result for an image of that height and width. */
static PyObject *image_result(PyObject *self, PyObject *args) {
    struct image *image = (struct image *)self;
    unsigned long long height, width;
    struct tri_error err = {0};
    struct tri_layout made;
    tri_status status;
    if (!PyArg_ParseTuple(args, "KK", &height, &width))
        return NULL;
    const struct tri_layout layout = tri_layout_image(height, width, 4, TRI_DTYPE_U8);
    Py_BEGIN_ALLOW_THREADS
    PyThread_acquire_lock(image->running, WAIT_LOCK);
    status = plan_for(image, &layout, &err);
    made = image->made;
    PyThread_release_lock(image->running);
    Py_END_ALLOW_THREADS
    return status == TRI_OK ? Py_BuildValue("Ns", tripy_shape_tuple(&made), tripy_dtype_name(made.dtype))
                            : tripy_raise(&err);
}

static PyObject *process(struct image *image, const Py_buffer *pixels, const Py_buffer *result) {
    struct tri_error err = {0};
    tri_status status;
    bool fitting = false;
    struct tri_layout layout = {.rank = 0};
    if (pixels->ndim == 3)
        layout = tri_layout_image((uint64_t)pixels->shape[0], (uint64_t)pixels->shape[1], 4, TRI_DTYPE_U8);
    if (!fits(&layout, pixels))
        return PyErr_Format(PyExc_ValueError, "the image must be uint8 [height, width, 4]");
    Py_BEGIN_ALLOW_THREADS
    PyThread_acquire_lock(image->running, WAIT_LOCK);
    status = plan_for(image, &layout, &err);
    if (status == TRI_OK && (fitting = fits(&image->made, result)))
        status = run(image, pixels, result, &err);
    layout = image->made;
    PyThread_release_lock(image->running);
    Py_END_ALLOW_THREADS
    if (status != TRI_OK)
        return tripy_raise(&err);
    if (!fitting) {
        char text[96];
        return PyErr_Format(PyExc_ValueError, "out must have the result's layout: %s",
                            tri_layout_format(&layout, text, sizeof text));
    }
    Py_RETURN_NONE;
}

static PyObject *image_process(PyObject *self, PyObject *args) {
    PyObject *from, *to, *done = NULL;
    Py_buffer pixels, result;
    if (!PyArg_ParseTuple(args, "OO", &from, &to) || PyObject_GetBuffer(from, &pixels, PyBUF_ND | PyBUF_FORMAT) < 0)
        return NULL;
    if (PyObject_GetBuffer(to, &result, PyBUF_ND | PyBUF_FORMAT | PyBUF_WRITABLE) == 0) {
        done = process((struct image *)self, &pixels, &result);
        PyBuffer_Release(&result);
    }
    PyBuffer_Release(&pixels);
    return done;
}

static PyMethodDef image_methods[] = {
    {"result", image_result, METH_VARARGS, "result(height, width) -> (shape, dtype)"},
    {"process", image_process, METH_VARARGS, "process(pixels, out): pixels are uint8 [height, width, 4], tight."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot image_slots[] = {
    {Py_tp_new, (void *)image_new},
    {Py_tp_dealloc, (void *)image_dealloc},
    {Py_tp_methods, image_methods},
    {0, NULL},
};
static PyType_Spec image_spec = {"tripoint._core.ImagePipeline", sizeof(struct image), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, image_slots};

int tripy_image_add(PyObject *module) {
    return tripy_type_add(module, &image_spec) ? 0 : -1;
}
