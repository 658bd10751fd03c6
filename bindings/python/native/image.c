/* ImagePipeline: RGBA in, RGBA out, beneath tripoint.Pipeline. One frame at a time; other threads wait their turn. */
#include "binding.h"

struct image {
    PyObject_HEAD
    struct tripy_arena *arena;
    struct tri_image_pipeline *pipeline;
    PyThread_type_lock running;
};

static PyObject *image_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    PyObject *arena;
    const char *name;
    struct tri_error err = {0};
    tri_status status;
    if (!PyArg_ParseTuple(args, "O!s", tripy_arena_type, &arena, &name))
        return NULL;
    struct image *image = tripy_object_new(type);
    if (!image)
        return NULL;
    image->arena = (struct tripy_arena *)Py_NewRef(arena);
    image->running = PyThread_allocate_lock();
    Py_BEGIN_ALLOW_THREADS
    status = tri_image_pipeline_create(image->arena->runtime, name, &image->pipeline, &err);
    Py_END_ALLOW_THREADS
    if (!image->running)
        PyErr_NoMemory();
    else if (status != TRI_OK)
        tripy_raise(&err);
    if (PyErr_Occurred())
        Py_CLEAR(image);
    return (PyObject *)image;
}

static void image_dealloc(PyObject *self) {
    struct image *image = (struct image *)self;
    Py_BEGIN_ALLOW_THREADS
    tri_image_pipeline_destroy(&image->pipeline);
    Py_END_ALLOW_THREADS
    if (image->running)
        PyThread_free_lock(image->running);
    Py_XDECREF((PyObject *)image->arena);
    tripy_object_free(self);
}

/* u8 [height, width, 4], tight. */
static int check(const Py_buffer *buffer, const char *what) {
    if (buffer->ndim == 3 && buffer->itemsize == 1 && buffer->shape && buffer->shape[2] == 4 &&
        buffer->shape[0] <= INT32_MAX && buffer->shape[1] <= INT32_MAX)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s must be uint8 [height, width, 4]", what);
    return -1;
}

static PyObject *process(struct image *image, const Py_buffer *pixels, const Py_buffer *result) {
    struct tri_error err = {0};
    tri_status status;
    if (check(pixels, "the image") < 0 || check(result, "out") < 0)
        return NULL;
    if (pixels->shape[0] != result->shape[0] || pixels->shape[1] != result->shape[1]) {
        PyErr_SetString(PyExc_ValueError, "out must be as high and as wide as the image");
        return NULL;
    }
    uint32_t height = (uint32_t)pixels->shape[0], width = (uint32_t)pixels->shape[1];
    Py_BEGIN_ALLOW_THREADS
    PyThread_acquire_lock(image->running, WAIT_LOCK);
    status = tri_image_pipeline_process(image->pipeline, pixels->buf, width, height, result->buf, &err);
    PyThread_release_lock(image->running);
    Py_END_ALLOW_THREADS
    if (status != TRI_OK)
        return tripy_raise(&err);
    Py_RETURN_NONE;
}

static PyObject *image_process(PyObject *self, PyObject *args) {
    PyObject *from, *to, *done = NULL;
    Py_buffer pixels, result;
    if (!PyArg_ParseTuple(args, "OO", &from, &to) || PyObject_GetBuffer(from, &pixels, PyBUF_ND) < 0)
        return NULL;
    if (PyObject_GetBuffer(to, &result, PyBUF_ND | PyBUF_WRITABLE) == 0) {
        done = process((struct image *)self, &pixels, &result);
        PyBuffer_Release(&result);
    }
    PyBuffer_Release(&pixels);
    return done;
}

static PyMethodDef image_methods[] = {
    {"process", image_process, METH_VARARGS, "process(pixels, out): uint8 [height, width, 4], tight."},
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
