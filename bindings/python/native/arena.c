/* Arena: a runtime, that is one block of shared memory and the engines that look at it. */
#include "binding.h"

#include <string.h>

PyTypeObject *tripy_arena_type;
static PyTypeObject *line_type, *ledger_type;

struct tri_arena *tripy_arena_of(const struct tripy_arena *arena) {
    return tri_runtime_arena(arena->runtime);
}

static int read_capacity(PyObject *object, uint64_t *out) {
    if (object == Py_None)
        return 0;
    *out = PyLong_AsUnsignedLongLong(object);
    return *out == (uint64_t)-1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *arena_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"capacity", "backing", "label", "choose_driver", "cpu_driver", "threads", NULL};
    PyObject *capacity = Py_None;
    const char *backing = "memfd", *label = NULL;
    int choose = 1, cpu = 0;
    Py_ssize_t threads = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$szppn", names, &capacity, &backing, &label, &choose, &cpu,
                                     &threads))
        return NULL;
    if (threads < 0 || threads > 1024)
        return PyErr_Format(PyExc_ValueError, "threads must be 0 (the network's own choice) to 1024, not %zd", threads);
    const struct tri_engine_params gpu = {.struct_bytes = sizeof gpu, .cpu_driver = cpu};
    const struct tri_engine_params nn = {.struct_bytes = sizeof nn, .threads = (uint32_t)threads};
    struct tri_arena_params params = {.struct_bytes = sizeof params, .label = label};
    if (read_capacity(capacity, &params.capacity_bytes) < 0)
        return NULL;
    if (strcmp(backing, "private") == 0)
        params.backing = TRI_BACKING_PRIVATE;
    else if (strcmp(backing, "memfd") != 0)
        return PyErr_Format(PyExc_ValueError, "backing must be 'memfd' or 'private', not '%s'", backing);
    /* With the GIL, like os.environ: no other Python thread looks at the environment meanwhile. Without a driver only
     * stages of webgpu fail, and they say so. */
    if (choose && tri_engine_choose_driver(&gpu, NULL) != TRI_OK)
        choose = 0;
    struct tripy_arena *arena = tripy_object_new(type);
    if (!arena)
        return NULL;
    struct tri_error err = {0};
    const struct tri_runtime_params runtime = {
        .struct_bytes = sizeof runtime,
        .arena = &params,
        .engines = {[TRI_TECHNOLOGY_WEBGPU] = &gpu, [TRI_TECHNOLOGY_WEBNN] = &nn}};
    if (tri_runtime_create(&runtime, &arena->runtime, &err) != TRI_OK) {
        Py_DECREF(arena);
        return tripy_raise(&err);
    }
    return (PyObject *)arena;
}

static void arena_dealloc(PyObject *self) {
    struct tri_runtime *runtime = ((struct tripy_arena *)self)->runtime;
    Py_BEGIN_ALLOW_THREADS
    tri_runtime_destroy(&runtime);
    Py_END_ALLOW_THREADS
    tripy_object_free(self);
}

/* ---- allocate ---- */

static int read_side(PyObject *object, uint64_t *out) {
    PyObject *number = PyNumber_Index(object);
    if (!number)
        return -1;
    *out = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    return *out == (uint64_t)-1 && PyErr_Occurred() ? -1 : 0;
}

static int read_shape(PyObject *shape, struct tri_layout *layout) {
    layout->rank = 1;
    if (PyIndex_Check(shape))
        return read_side(shape, &layout->shape[0]);
    if (!PySequence_Check(shape) || PyUnicode_Check(shape)) {
        PyErr_Format(PyExc_TypeError, "a shape is an int or a tuple of ints, not %R", (PyObject *)Py_TYPE(shape));
        return -1;
    }
    PyObject *sides = PySequence_Tuple(shape);
    if (!sides)
        return -1;
    Py_ssize_t rank = PyTuple_Size(sides);
    int failed = 0;
    if (rank > TRI_LAYOUT_MAX_RANK) {
        PyErr_Format(PyExc_ValueError, "a shape of %zd dimensions was given, the most is %d", rank,
                     TRI_LAYOUT_MAX_RANK);
        failed = -1;
    }
    for (Py_ssize_t i = 0; failed == 0 && i < rank; i++)
        failed = read_side(PyTuple_GetItem(sides, i), &layout->shape[i]);
    layout->rank = (uint32_t)rank;
    Py_DECREF(sides);
    return failed;
}

static enum tri_kind guess_kind(const struct tri_layout *layout) {
    const uint64_t *shape = layout->shape;
    if (layout->rank == 3 && shape[2] == 1 && layout->dtype == TRI_DTYPE_F32)
        return TRI_KIND_MASK;
    if (layout->rank == 3 && shape[2] <= 4 && (layout->dtype == TRI_DTYPE_U8 || layout->dtype == TRI_DTYPE_F32))
        return TRI_KIND_IMAGE;
    return layout->rank == 1 && layout->dtype == TRI_DTYPE_U8 ? TRI_KIND_BYTES : TRI_KIND_TENSOR;
}

int tripy_read_kind(const char *kind, struct tri_layout *layout) {
    layout->kind = guess_kind(layout);
    if (!kind || tri_kind_from_name(kind, &layout->kind))
        return 0;
    PyErr_Format(PyExc_ValueError, "'%s' is no kind: bytes, image, mask, tensor, boxes, nv12 or i420 is meant", kind);
    return -1;
}

static int read_layout(PyObject *shape, PyObject *dtype, const char *kind, struct tri_layout *layout) {
    if (dtype && tripy_dtype_parse(dtype, &layout->dtype) < 0)
        return -1;
    if (read_shape(shape, layout) < 0)
        return -1;
    return tripy_read_kind(kind, layout);
}

static PyObject *arena_allocate(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"shape", "dtype", "kind", "label", NULL};
    struct tripy_arena *arena = (struct tripy_arena *)self;
    PyObject *shape, *dtype = NULL;
    const char *kind = NULL, *label = NULL;
    struct tri_layout layout = {.dtype = TRI_DTYPE_U8};
    struct tri_region_params params = {.struct_bytes = sizeof params};
    struct tri_error err = {0};
    tri_handle handle;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O$zz", names, &shape, &dtype, &kind, &label) ||
        read_layout(shape, dtype, kind, &layout) < 0)
        return NULL;
    params.label = label;
    if (tri_layout_bytes_needed(&layout, &params.size_bytes, &err) != TRI_OK)
        return tripy_raise(&err);
    tri_status status;
    Py_BEGIN_ALLOW_THREADS /* pages that held other bytes are zeroed */
    status = tri_region_allocate(tripy_arena_of(arena), &params, &handle, &err);
    Py_END_ALLOW_THREADS
    if (status != TRI_OK)
        return tripy_raise(&err);
    status = tri_region_set_layout(tripy_arena_of(arena), handle, &layout, &err);
    if (status == TRI_OK)
        return tripy_region_new(arena, handle);
    tripy_raise(&err);
    status = tri_arena_free_shared(tripy_arena_of(arena), handle, NULL);
    (void)status;
    return NULL;
}

/* ---- ledger and statistics ---- */

static PyObject *line_new(const struct tri_ledger_line *line) {
    PyObject *made = PyStructSequence_New(line_type);
    if (!made)
        return NULL;
    const char *place = line->place == TRI_LEDGER_BETWEEN ? "between" : "border";
    const char *texts[] = {place, line->stage, line->region, line->cause};
    for (Py_ssize_t i = 0; i < 4; i++)
        PyStructSequence_SetItem(made, i, PyUnicode_DecodeUTF8(texts[i], (Py_ssize_t)strlen(texts[i]), "replace"));
    PyStructSequence_SetItem(made, 4, PyLong_FromUnsignedLongLong(line->bytes));
    PyStructSequence_SetItem(made, 5, PyLong_FromUnsignedLongLong(line->copies));
    if (PyErr_Occurred()) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}

static int append_line(PyObject *list, const struct tri_ledger_line *line) {
    PyObject *made = line_new(line);
    int failed = made ? PyList_Append(list, made) : -1;
    Py_XDECREF(made);
    return failed;
}

/* The library's lines, and one of the binding's own: images that it repacked. */
static PyObject *ledger_lines(const struct tripy_arena *arena) {
    size_t capacity = tri_ledger_lines(tripy_arena_of(arena), NULL, 0);
    struct tri_ledger_line *lines = PyMem_Calloc(capacity + 1, sizeof *lines);
    PyObject *list = lines ? PyList_New(0) : PyErr_NoMemory();
    if (list) {
        size_t count = tri_ledger_lines(tripy_arena_of(arena), lines, capacity);
        int failed = 0;
        for (size_t i = 0; failed == 0 && i < (count < capacity ? count : capacity); i++)
            failed = append_line(list, &lines[i]);
        const struct tri_ledger_line own = {.place = TRI_LEDGER_BORDER,
                                            .cause = "repacked in Python",
                                            .bytes = arena->converted_bytes,
                                            .copies = arena->conversions};
        if (failed == 0 && own.copies > 0)
            failed = append_line(list, &own);
        if (failed < 0)
            Py_CLEAR(list);
    }
    PyMem_Free(lines);
    return list;
}

static PyObject *arena_ledger(PyObject *self, void *closure) {
    (void)closure;
    struct tripy_arena *arena = (struct tripy_arena *)self;
    PyObject *lines = ledger_lines(arena), *ledger = lines ? PyStructSequence_New(ledger_type) : NULL;
    if (!ledger) {
        Py_XDECREF(lines);
        return NULL;
    }
    const struct tri_arena *inner = tripy_arena_of(arena);
    uint64_t border = tri_ledger_bytes(inner, TRI_LEDGER_BORDER) + arena->converted_bytes;
    PyStructSequence_SetItem(ledger, 0, PyLong_FromUnsignedLongLong(tri_ledger_bytes(inner, TRI_LEDGER_BETWEEN)));
    PyStructSequence_SetItem(ledger, 1, PyLong_FromUnsignedLongLong(border));
    PyStructSequence_SetItem(ledger, 2, lines);
    return ledger;
}

static PyObject *arena_reset_ledger(PyObject *self, PyObject *unused) {
    (void)unused;
    struct tripy_arena *arena = (struct tripy_arena *)self;
    tri_ledger_reset(tripy_arena_of(arena));
    arena->conversions = arena->converted_bytes = 0;
    Py_RETURN_NONE;
}

static PyObject *arena_account(PyObject *self, PyObject *args) {
    struct tripy_arena *arena = (struct tripy_arena *)self;
    unsigned long long bytes;
    if (!PyArg_ParseTuple(args, "K", &bytes))
        return NULL;
    arena->conversions++;
    arena->converted_bytes += bytes;
    Py_RETURN_NONE;
}

static PyObject *arena_stats(PyObject *self, void *closure) {
    (void)closure;
    const struct tripy_arena *arena = (struct tripy_arena *)self;
    struct tri_arena_stats stats;
    tri_arena_stats(tripy_arena_of(arena), &stats);
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:k,s:k,s:k,s:k,s:O}", "capacity_bytes", stats.capacity_bytes,
                         "segment_bytes", stats.segment_bytes, "used_bytes", stats.used_bytes, "high_water_bytes",
                         stats.high_water_bytes, "largest_free_bytes", stats.largest_free_bytes, "regions",
                         (unsigned long)(stats.regions - arena->parted), "doomed",
                         (unsigned long)(stats.doomed + arena->parted), "segments", (unsigned long)stats.segments,
                         "views", (unsigned long)stats.views, "huge_pages", stats.huge_pages ? Py_True : Py_False);
}

static PyMethodDef arena_methods[] = {
    {"allocate", (PyCFunction)(void (*)(void))arena_allocate, METH_VARARGS | METH_KEYWORDS,
     "allocate(shape, dtype='uint8', *, kind=None, label=None) -> Region of zeroes"},
    {"engine", tripy_engine_info, METH_O,
     "engine(technology): opens the engine, where it is not open, and tells what it is, as a dict."},
    {"reset_ledger", arena_reset_ledger, METH_NOARGS, "Starts the account of copies anew."},
    {"_account", arena_account, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef arena_properties[] = {
    {"ledger", arena_ledger, NULL, "Every byte copied: between_bytes, border_bytes, lines.", NULL},
    {"stats", arena_stats, NULL, "How full the arena is.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot arena_slots[] = {
    {Py_tp_doc, "Arena(capacity=None, *, backing='memfd', label=None, choose_driver=True, cpu_driver=False, "
                "threads=0)\n\n"
                "One block of shared memory and the engines that look at it."},
    {Py_tp_new, (void *)arena_new},
    {Py_tp_dealloc, (void *)arena_dealloc},
    {Py_tp_methods, arena_methods},
    {Py_tp_getset, arena_properties},
    {0, NULL},
};
static PyType_Spec arena_spec = {"tripoint.Arena", sizeof(struct tripy_arena), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, arena_slots};

static PyStructSequence_Field line_fields[] = {
    {"place", "'border' or 'between'"}, {"stage", NULL}, {"region", NULL}, {"cause", NULL},
    {"bytes", NULL},                    {"copies", NULL}, {NULL, NULL},
};
static PyStructSequence_Desc line_desc = {"tripoint.LedgerLine", "Copies of one cause, summed.", line_fields, 6};
static PyStructSequence_Field ledger_fields[] = {
    {"between_bytes", "between stages: what zero-copy promises not to do"},
    {"border_bytes", "entering or leaving the arena"},
    {"lines", "a list of LedgerLine"},
    {NULL, NULL},
};
static PyStructSequence_Desc ledger_desc = {"tripoint.Ledger", "The account of every byte copied.", ledger_fields, 3};

int tripy_arena_add(PyObject *module) {
    tripy_arena_type = tripy_type_add(module, &arena_spec);
    line_type = PyStructSequence_NewType(&line_desc);
    ledger_type = PyStructSequence_NewType(&ledger_desc);
    if (!tripy_arena_type || !line_type || !ledger_type ||
        PyModule_AddObjectRef(module, "LedgerLine", (PyObject *)line_type) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Ledger", (PyObject *)ledger_type);
}
