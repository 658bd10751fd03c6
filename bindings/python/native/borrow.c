/*
 * Borrow: the claim that `with region.read()` and `with region.write()` hold.
 *
 *   IDLE --(enter)--> ENTERING --(claimed)--> HELD --(exit | last reference)--> IDLE
 *                        +-----(failed)-----> IDLE
 */
#include "binding.h"

#include <math.h>

/* A wait without an end looks for Ctrl-C this often. It queues anew each time, which only costs a writer its place. */
#define LOOK_NS 200000000u

enum borrow_state { IDLE, ENTERING, HELD };

struct borrow {
    PyObject_HEAD
    struct tripy_region *region;
    enum tri_access access;
    uint64_t timeout_ns;
    enum borrow_state state;
    struct tri_host_view view;
};

PyTypeObject *tripy_borrow_type;

int tripy_timeout(PyObject *seconds, uint64_t *out_ns) {
    *out_ns = TRI_FOREVER;
    if (seconds == Py_None)
        return 0;
    double value = PyFloat_AsDouble(seconds);
    if (value == -1.0 && PyErr_Occurred())
        return -1;
    if (!(value >= 0)) {
        PyErr_SetString(PyExc_ValueError, "timeout is in seconds from 0, or None to wait for ever");
        return -1;
    }
    if (value < 1e9)
        *out_ns = (uint64_t)(value * 1e9);
    return 0;
}

PyObject *tripy_borrow_new(struct tripy_region *region, enum tri_access access, PyObject *timeout) {
    uint64_t timeout_ns;
    if (tripy_region_check(region) < 0 || tripy_timeout(timeout, &timeout_ns) < 0)
        return NULL;
    struct borrow *borrow = tripy_object_new(tripy_borrow_type);
    if (borrow) {
        borrow->region = (struct tripy_region *)Py_NewRef((PyObject *)region);
        borrow->access = access;
        borrow->timeout_ns = timeout_ns;
    }
    return (PyObject *)borrow;
}

static int begin(struct borrow *borrow) {
    struct tri_arena *arena = tripy_arena_of(borrow->region->arena);
    struct tri_host_view view;
    struct tri_error err = {0};
    tri_status status;
    if (tripy_region_check(borrow->region) < 0)
        return -1;
    bool for_ever = borrow->timeout_ns == TRI_FOREVER;
    const struct tri_wait wait = {.timeout_ns = for_ever ? LOOK_NS : borrow->timeout_ns};
    do {
        if (PyErr_CheckSignals() < 0)
            return -1;
        Py_BEGIN_ALLOW_THREADS
        status = tri_host_view_begin(arena, borrow->region->handle, borrow->access, &wait, &view, &err);
        Py_END_ALLOW_THREADS
    } while (for_ever && status == TRI_TIMEOUT);
    if (status != TRI_OK) {
        tripy_raise(&err);
        return -1;
    }
    borrow->view = view;
    return 0;
}

static tri_status end(struct borrow *borrow, struct tri_error *err) {
    borrow->state = IDLE;
    return tri_host_view_end(tripy_arena_of(borrow->region->arena), &borrow->view, err);
}

static PyObject *borrow_enter(PyObject *self, PyObject *unused) {
    (void)unused;
    struct borrow *borrow = (struct borrow *)self;
    if (borrow->state != IDLE)
        return tripy_raise_status(TRI_BAD_CLAIM, "this borrow is entered already; ask the region for another");
    borrow->state = ENTERING;
    if (begin(borrow) < 0) {
        borrow->state = IDLE;
        return NULL;
    }
    borrow->state = HELD;
    PyObject *array = tripy_as_array(self);
    if (!array) {
        tri_status status = end(borrow, NULL);
        (void)status;
    }
    return array;
}

static PyObject *borrow_exit(PyObject *self, PyObject *args) {
    (void)args;
    struct borrow *borrow = (struct borrow *)self;
    struct tri_error err = {0};
    if (borrow->state != HELD)
        return tripy_raise_status(TRI_BAD_CLAIM, "this borrow is not entered");
    if (end(borrow, &err) != TRI_OK)
        return tripy_raise(&err);
    Py_RETURN_FALSE;
}

static void borrow_dealloc(PyObject *self) {
    struct borrow *borrow = (struct borrow *)self;
    if (borrow->state == HELD) {
        tri_status status = end(borrow, NULL);
        (void)status;
    }
    Py_XDECREF((PyObject *)borrow->region);
    tripy_object_free(self);
}

static int check_held(const struct borrow *borrow) {
    if (borrow->state == HELD)
        return tripy_region_check(borrow->region);
    tripy_raise_status(TRI_BAD_CLAIM, "the claim is not held: use the borrow within its with-block");
    return -1;
}

static int borrow_getbuffer(PyObject *self, Py_buffer *view, int flags) {
    struct borrow *borrow = (struct borrow *)self;
    view->obj = NULL;
    return check_held(borrow) < 0 ? -1
                                  : tripy_export_buffer(self, borrow->region, borrow->access == TRI_ACCESS_READ, view,
                                                        flags);
}

static void borrow_releasebuffer(PyObject *self, Py_buffer *view) {
    tripy_release_buffer(((struct borrow *)self)->region, view);
}

static PyObject *borrow_dlpack(PyObject *self, PyObject *args, PyObject *kwargs) {
    struct borrow *borrow = (struct borrow *)self;
    return check_held(borrow) < 0
               ? NULL
               : tripy_export_dlpack(borrow->region, borrow->access == TRI_ACCESS_READ, args, kwargs);
}

static PyObject *borrow_dlpack_device(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    return Py_BuildValue("ii", 1, 0); /* kDLCPU */
}

static PyMethodDef borrow_methods[] = {
    {"__enter__", borrow_enter, METH_NOARGS, NULL},
    {"__exit__", borrow_exit, METH_VARARGS, NULL},
    {"__dlpack__", (PyCFunction)(void (*)(void))borrow_dlpack, METH_VARARGS | METH_KEYWORDS, NULL},
    {"__dlpack_device__", borrow_dlpack_device, METH_NOARGS, NULL},
    {"__array__", (PyCFunction)(void (*)(void))tripy_array_method, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot borrow_slots[] = {
    {Py_tp_doc, "A claim on a region, held within a with-block."},
    {Py_tp_dealloc, (void *)borrow_dealloc},
    {Py_tp_methods, borrow_methods},
    {Py_bf_getbuffer, (void *)borrow_getbuffer},
    {Py_bf_releasebuffer, (void *)borrow_releasebuffer},
    {0, NULL},
};
static PyType_Spec borrow_spec = {
    "tripoint.Borrow", sizeof(struct borrow), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, borrow_slots};

int tripy_borrow_add(PyObject *module) {
    tripy_borrow_type = tripy_type_add(module, &borrow_spec);
    return tripy_borrow_type ? 0 : -1;
}
