/*
 * Region: a handle that is freed with its last reference.
 *
 *   LIVE --(free | last reference)--> FREED, pages given back at once
 *    |
 *    +--(free while arrays live)----> PARTED: stale in Python, pages given back with the last array
 */
#include "binding.h"

PyTypeObject *tripy_region_type;

/* The pages' address, by a borrow that nobody else can be in the way of. */
static tri_status learn_address(struct tripy_region *region, struct tri_error *err) {
    struct tri_arena *arena = tripy_arena_of(region->arena);
    struct tri_host_view view;
    tri_status status = tri_host_view_begin(arena, region->handle, TRI_ACCESS_WRITE, NULL, &view, err);
    if (status != TRI_OK)
        return status;
    region->bytes = view.write;
    return tri_host_view_end(arena, &view, err);
}

PyObject *tripy_region_new(struct tripy_arena *arena, tri_handle handle) {
    struct tripy_region *region = tripy_object_new(tripy_region_type);
    struct tri_error err = {0};
    if (!region) {
        tri_status status = tri_arena_free_shared(tripy_arena_of(arena), handle, NULL);
        (void)status;
        return NULL;
    }
    region->arena = (struct tripy_arena *)Py_NewRef((PyObject *)arena);
    region->handle = handle;
    if (learn_address(region, &err) != TRI_OK) {
        tripy_raise(&err);
        Py_CLEAR(region);
    }
    return (PyObject *)region;
}

int tripy_region_check(const struct tripy_region *region) {
    if (!region->freed)
        return 0;
    tripy_raise_status(TRI_BAD_HANDLE, "the region was freed; allocate another");
    return -1;
}

/* Refused only in a forked child, which has no part in the arena. */
static tri_status give_back(struct tripy_region *region, struct tri_error *err) {
    return tri_arena_free_shared(tripy_arena_of(region->arena), region->handle, err);
}

void tripy_region_unexport(struct tripy_region *region) {
    if (--region->exports == 0 && region->freed) {
        region->arena->parted--;
        tri_status status = give_back(region, NULL);
        (void)status;
    }
}

static PyObject *region_free(PyObject *self, PyObject *unused) {
    (void)unused;
    struct tripy_region *region = (struct tripy_region *)self;
    struct tri_error err = {0};
    if (tripy_region_check(region) < 0)
        return NULL;
    if (region->exports > 0)
        region->arena->parted++;
    else if (give_back(region, &err) != TRI_OK)
        return tripy_raise(&err);
    region->freed = true;
    Py_RETURN_NONE;
}

/* Frees what was forgotten, and says so where ResourceWarning is shown (python -X dev). */
static void region_dealloc(PyObject *self) {
    struct tripy_region *region = (struct tripy_region *)self;
    if (region->arena && !region->freed) {
        PyObject *type, *value, *traceback;
        struct tri_region_info info = {.size_bytes = 0};
        PyErr_Fetch(&type, &value, &traceback);
        if (tri_region_info(tripy_arena_of(region->arena), region->handle, &info, NULL) == TRI_OK &&
            PyErr_WarnFormat(PyExc_ResourceWarning, 1, "region '%s' of %llu bytes was forgotten: free() it", info.label,
                             (unsigned long long)info.size_bytes) < 0)
            PyErr_WriteUnraisable(NULL);
        tri_status status = give_back(region, NULL);
        (void)status;
        PyErr_Restore(type, value, traceback);
    }
    Py_XDECREF((PyObject *)region->arena);
    tripy_object_free(self);
}

/* ---- numpy ---- */

/* numpy.asarray, or NULL without an exception where numpy is absent. */
static PyObject *find_asarray(void) {
    static PyObject *asarray;
    if (!asarray) {
        PyObject *numpy = PyImport_ImportModule("numpy");
        if (numpy)
            asarray = PyObject_GetAttrString(numpy, "asarray");
        else if (PyErr_ExceptionMatches(PyExc_ImportError))
            PyErr_Clear();
        Py_XDECREF(numpy);
    }
    return asarray;
}

PyObject *tripy_as_array(PyObject *exporter) {
    PyObject *view = PyMemoryView_FromObject(exporter), *asarray = view ? find_asarray() : NULL;
    if (!view || (!asarray && PyErr_Occurred())) {
        Py_XDECREF(view);
        return NULL;
    }
    if (!asarray)
        return view;
    PyObject *array = PyObject_CallFunctionObjArgs(asarray, view, NULL);
    Py_DECREF(view);
    return array;
}

/* numpy asks here when it could not have the buffer, and so hears why. */
PyObject *tripy_array_method(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"dtype", "copy", NULL};
    PyObject *dtype = Py_None, *copy = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO", names, &dtype, &copy))
        return NULL;
    PyObject *array = tripy_as_array(self), *made = NULL;
    if (!array)
        return NULL;
    if (dtype != Py_None)
        made = PyObject_CallMethod(array, "astype", "O", dtype);
    else
        made = copy == Py_True ? PyObject_CallMethod(array, "copy", NULL) : Py_NewRef(array);
    Py_DECREF(array);
    return made;
}

/* ---- borrowing and exporting ---- */

static PyObject *borrow(PyObject *self, PyObject *args, PyObject *kwargs, enum tri_access access) {
    static char *names[] = {"timeout", NULL};
    PyObject *timeout = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O", names, &timeout))
        return NULL;
    return tripy_borrow_new((struct tripy_region *)self, access, timeout);
}

static PyObject *region_read(PyObject *self, PyObject *args, PyObject *kwargs) {
    return borrow(self, args, kwargs, TRI_ACCESS_READ);
}

static PyObject *region_write(PyObject *self, PyObject *args, PyObject *kwargs) {
    return borrow(self, args, kwargs, TRI_ACCESS_READ_WRITE);
}

static PyObject *region_dlpack(PyObject *self, PyObject *args, PyObject *kwargs) {
    return tripy_export_dlpack((struct tripy_region *)self, false, args, kwargs);
}

static PyObject *region_dlpack_device(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    return Py_BuildValue("ii", 1, 0); /* kDLCPU */
}

static int region_getbuffer(PyObject *self, Py_buffer *view, int flags) {
    return tripy_export_buffer(self, (struct tripy_region *)self, false, view, flags);
}

static void region_releasebuffer(PyObject *self, Py_buffer *view) {
    tripy_release_buffer((struct tripy_region *)self, view);
}

/* ---- what it is ---- */

static int look(PyObject *self, struct tri_region_info *info, struct tri_layout *layout) {
    struct tripy_region *region = (struct tripy_region *)self;
    struct tri_error err = {0};
    if (tripy_region_check(region) < 0)
        return -1;
    struct tri_arena *arena = tripy_arena_of(region->arena);
    if (tri_region_info(arena, region->handle, info, &err) == TRI_OK &&
        tri_region_layout(arena, region->handle, layout, &err) == TRI_OK)
        return 0;
    tripy_raise(&err);
    return -1;
}

enum property { SHAPE, DTYPE, KIND, LABEL, NBYTES, STATE, POISON };

PyObject *tripy_shape_tuple(const struct tri_layout *layout) {
    PyObject *shape = PyTuple_New((Py_ssize_t)layout->rank);
    for (uint32_t i = 0; shape && i < layout->rank; i++) {
        PyObject *side = PyLong_FromUnsignedLongLong(layout->shape[i]);
        if (!side || PyTuple_SetItem(shape, (Py_ssize_t)i, side) < 0)
            Py_CLEAR(shape);
    }
    return shape;
}

static PyObject *region_property(PyObject *self, void *closure) {
    const struct tripy_region *region = (struct tripy_region *)self;
    struct tri_region_info info;
    struct tri_layout layout;
    uint64_t bytes;
    struct tri_error err = {0};
    if (look(self, &info, &layout) < 0)
        return NULL;
    switch ((enum property)(intptr_t)closure) {
    case SHAPE: return tripy_shape_tuple(&layout);
    case DTYPE: return PyUnicode_FromString(tripy_dtype_name(layout.dtype));
    case KIND: return PyUnicode_FromString(tri_kind_name(layout.kind));
    case LABEL: return PyUnicode_DecodeFSDefault(info.label);
    case NBYTES:
        return tri_layout_bytes_needed(&layout, &bytes, &err) == TRI_OK ? PyLong_FromUnsignedLongLong(bytes)
                                                                        : tripy_raise(&err);
    case POISON:
        return tri_sync_poison_cause(tri_arena_sync(tripy_arena_of(region->arena)), info.index, &err)
                   ? tripy_exception(&err)
                   : Py_NewRef(Py_None);
    case STATE:
        return PyUnicode_FromString(
            tri_sync_state_name(tri_sync_state(tri_arena_sync(tripy_arena_of(region->arena)), info.index)));
    }
    return NULL;
}

static PyObject *region_reset(PyObject *self, PyObject *unused) {
    (void)unused;
    const struct tripy_region *region = (struct tripy_region *)self;
    struct tri_region_info info;
    struct tri_layout layout;
    struct tri_error err = {0};
    if (look(self, &info, &layout) < 0)
        return NULL;
    if (tri_sync_reset(tri_arena_sync(tripy_arena_of(region->arena)), info.index, &err) != TRI_OK)
        return tripy_raise(&err);
    Py_RETURN_NONE;
}

static PyObject *region_wasm_view(PyObject *self, PyObject *unused) {
    (void)unused;
    return tripy_native_view(self, TRI_TECHNOLOGY_WASM);
}

static PyObject *region_gpu_view(PyObject *self, PyObject *unused) {
    (void)unused;
    return tripy_native_view(self, TRI_TECHNOLOGY_WEBGPU);
}

static PyObject *region_npu_view(PyObject *self, PyObject *unused) {
    (void)unused;
    return tripy_native_view(self, TRI_TECHNOLOGY_WEBNN);
}

/* What from_dlpack() beneath the package does: the ledger tells the copy. */
static PyObject *region_fill(PyObject *self, PyObject *from) {
    struct tripy_region *region = (struct tripy_region *)self;
    struct tri_error err = {0};
    tri_status status;
    Py_buffer view;
    if (tripy_region_check(region) < 0 || PyObject_GetBuffer(from, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = tri_region_write(tripy_arena_of(region->arena), region->handle, 0, view.buf, (uint64_t)view.len, NULL, NULL,
                              &err);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    if (status != TRI_OK)
        return tripy_raise(&err);
    Py_RETURN_NONE;
}

static PyObject *region_freed(PyObject *self, void *closure) {
    (void)closure;
    return PyBool_FromLong(((struct tripy_region *)self)->freed);
}

static PyObject *region_arena(PyObject *self, void *closure) {
    (void)closure;
    return Py_NewRef((PyObject *)((struct tripy_region *)self)->arena);
}

static PyObject *region_repr(PyObject *self) {
    struct tri_region_info info;
    struct tri_layout layout;
    char text[96];
    if (((struct tripy_region *)self)->freed)
        return PyUnicode_FromString("<tripoint.Region, freed>");
    return look(self, &info, &layout) < 0
               ? NULL
               : PyUnicode_FromFormat("<tripoint.Region '%s' %s>", info.label,
                                      tri_layout_format(&layout, text, sizeof text));
}

static PyMethodDef region_methods[] = {
    {"read", (PyCFunction)(void (*)(void))region_read, METH_VARARGS | METH_KEYWORDS,
     "read(timeout=None): `with region.read() as a:` claims the region for reading; a is a read-only array over it."},
    {"write", (PyCFunction)(void (*)(void))region_write, METH_VARARGS | METH_KEYWORDS,
     "write(timeout=None): `with region.write() as a:` claims the region alone; a is an array over it."},
    {"free", region_free, METH_NOARGS, "Frees the region; its pages go back when the last array over them is gone."},
    {"reset", region_reset, METH_NOARGS, "Lifts the poison that a failed stage left."},
    {"wasm_view", region_wasm_view, METH_NOARGS, "The guest's address of the region."},
    {"gpu_view", region_gpu_view, METH_NOARGS, "The address of the WGPUBuffer over the region's pages."},
    {"npu_view", region_npu_view, METH_NOARGS, "The address of the ov_tensor_t over the region's pages."},
    {"peek", tripy_peek, METH_VARARGS,
     "peek(technology, offset): one byte as the technology itself sees it, through its native view."},
    {"poke", tripy_poke, METH_VARARGS, "poke(technology, offset, value): one byte, written by the technology itself."},
    {"_fill", region_fill, METH_O, NULL},
    {"__dlpack__", (PyCFunction)(void (*)(void))region_dlpack, METH_VARARGS | METH_KEYWORDS,
     "The pages for numpy.from_dlpack, torch.from_dlpack and their like. Takes no claim."},
    {"__dlpack_device__", region_dlpack_device, METH_NOARGS, NULL},
    {"__array__", (PyCFunction)(void (*)(void))tripy_array_method, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef region_properties[] = {
    {"shape", region_property, NULL, "What it holds now: stages may change it.", (void *)(intptr_t)SHAPE},
    {"dtype", region_property, NULL, "The element type under numpy's name.", (void *)(intptr_t)DTYPE},
    {"kind", region_property, NULL, "bytes, image, mask, tensor, boxes, nv12 or i420.", (void *)(intptr_t)KIND},
    {"label", region_property, NULL, "Its name in errors.", (void *)(intptr_t)LABEL},
    {"nbytes", region_property, NULL, NULL, (void *)(intptr_t)NBYTES},
    {"state", region_property, NULL, "IDLE, HOST_READING, GPU_WRITING, …", (void *)(intptr_t)STATE},
    {"poison", region_property, NULL, "Why nobody may read it: the exception of the stage that failed, or None.",
     (void *)(intptr_t)POISON},
    {"freed", region_freed, NULL, NULL, NULL},
    {"arena", region_arena, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot region_slots[] = {
    {Py_tp_doc, "Pages of an arena that every technology sees. Made by Arena.allocate()."},
    {Py_tp_dealloc, (void *)region_dealloc},
    {Py_tp_repr, (void *)region_repr},
    {Py_tp_methods, region_methods},
    {Py_tp_getset, region_properties},
    {Py_bf_getbuffer, (void *)region_getbuffer},
    {Py_bf_releasebuffer, (void *)region_releasebuffer},
    {0, NULL},
};
static PyType_Spec region_spec = {
    "tripoint.Region", sizeof(struct tripy_region), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, region_slots};

int tripy_region_add(PyObject *module) {
    tripy_region_type = tripy_type_add(module, &region_spec);
    return tripy_region_type ? 0 : -1;
}
