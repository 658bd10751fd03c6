/*
 * Stages from Python: dicts {technology, operation, input, output, params, name}, executed at once or kept as a Plan.
 * Everything that C is pointed to is kept by a list: other threads may change the dicts while the stages run.
 */
#include "binding.h"

enum key { TECHNOLOGY, OPERATION, INPUT, OUTPUT, PARAMS, NAME, KEY_COUNT };
static const char *const key_names[KEY_COUNT] = {"technology", "operation", "input", "output", "params", "name"};
static PyObject *keys[KEY_COUNT];

struct bundle {
    tri_handle inputs[TRI_STAGE_OPERANDS_MAX], outputs[TRI_STAGE_OPERANDS_MAX];
    struct tri_param *params;
};

struct stages {
    struct tri_stage *stages;
    struct bundle *bundles;
    Py_ssize_t count;
    PyObject *keep;
    struct tripy_arena *arena; /* of the first region; kept by it */
};

static void stages_finish(struct stages *stages) {
    for (Py_ssize_t i = 0; stages->bundles && i < stages->count; i++)
        PyMem_Free(stages->bundles[i].params);
    PyMem_Free(stages->bundles);
    PyMem_Free(stages->stages);
    Py_XDECREF(stages->keep);
}

/* A kept text; NULL with an exception when it is none. */
static const char *read_text(struct stages *stages, PyObject *object, const char *what) {
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "a stage's %s must be text, not %R", what, (PyObject *)Py_TYPE(object));
        return NULL;
    }
    return PyList_Append(stages->keep, object) < 0 ? NULL : PyUnicode_AsUTF8AndSize(object, NULL);
}

static int read_region(struct stages *stages, PyObject *object, const char *what, tri_handle *out) {
    struct tripy_region *region = (struct tripy_region *)object;
    if (Py_TYPE(object) != tripy_region_type) {
        PyErr_Format(PyExc_TypeError, "a stage's %s must be a Region or a list of them, not %R", what,
                     (PyObject *)Py_TYPE(object));
        return -1;
    }
    if (tripy_region_check(region) < 0 || PyList_Append(stages->keep, object) < 0)
        return -1;
    if (!stages->arena)
        stages->arena = region->arena;
    *out = region->handle;
    return 0;
}

/* One region, several, or None: bound by kind. */
static int read_regions(struct stages *stages, PyObject *object, const char *what, tri_handle *out, size_t *count) {
    if (!object || object == Py_None)
        return 0;
    if (Py_TYPE(object) == tripy_region_type) {
        *count = 1;
        return read_region(stages, object, what, out);
    }
    if (!PyList_Check(object) && !PyTuple_Check(object))
        return read_region(stages, object, what, out);
    PyObject *items = PySequence_Tuple(object); /* a list may change under us */
    if (!items)
        return -1;
    Py_ssize_t size = PyTuple_Size(items);
    int failed = 0;
    if (size > TRI_STAGE_OPERANDS_MAX) {
        PyErr_Format(PyExc_ValueError, "a stage's %s has %zd regions, the most is %d", what, size,
                     TRI_STAGE_OPERANDS_MAX);
        failed = -1;
    }
    for (Py_ssize_t i = 0; failed == 0 && i < size; i++)
        failed = read_region(stages, PyTuple_GetItem(items, i), what, &out[i]);
    *count = (size_t)size;
    Py_DECREF(items);
    return failed;
}

/* [1, 0.5] -> "1.0 0.5": how a parameter that is a vector is written. */
static const char *read_vector(struct stages *stages, PyObject *sides) {
    PyObject *text = PyUnicode_FromString("");
    for (Py_ssize_t i = 0; text && i < PySequence_Size(sides); i++) {
        PyObject *item = PySequence_GetItem(sides, i), *longer = NULL;
        if (item && !PyFloat_CheckExact(item) && !PyLong_CheckExact(item) && !PyBool_Check(item))
            PyErr_SetString(PyExc_TypeError, "a vector's elements must be numbers");
        else if (item) {
            PyObject *number = PyNumber_Float(item);
            longer = number ? PyUnicode_FromFormat(i ? "%U %R" : "%U%R", text, number) : NULL;
            Py_XDECREF(number);
        }
        Py_XDECREF(item);
        Py_DECREF(text);
        text = longer;
    }
    const char *kept = text ? read_text(stages, text, "parameter") : NULL;
    Py_XDECREF(text);
    return kept;
}

/* Only exact kinds of numbers: nothing of Python's runs while the dict is walked. */
static int read_param(struct stages *stages, PyObject *name, PyObject *value, struct tri_param *out) {
    if (!(out->name = read_text(stages, name, "parameter's name")))
        return -1;
    if (PyUnicode_Check(value))
        return (out->text = read_text(stages, value, "parameter")) ? 0 : -1;
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value))
        return (out->text = read_vector(stages, value)) ? 0 : -1;
    if (PyFloat_Check(value))
        out->number = PyFloat_AsDouble(value);
    else if (PyLong_Check(value))
        out->number = PyLong_AsDouble(value);
    else
        PyErr_Format(PyExc_TypeError, "parameter '%s' must be an int, a float, text or a list of numbers", out->name);
    return PyErr_Occurred() ? -1 : 0;
}

static int read_params(struct stages *stages, PyObject *dict, Py_ssize_t i) {
    struct tri_stage *stage = &stages->stages[i];
    if (!dict || dict == Py_None)
        return 0;
    if (!PyDict_Check(dict)) {
        PyErr_SetString(PyExc_TypeError, "a stage's params must be a dict");
        return -1;
    }
    Py_ssize_t size = PyDict_Size(dict), at = 0;
    PyObject *name, *value;
    struct tri_param *params = stages->bundles[i].params = PyMem_Calloc((size_t)size + 1, sizeof *params);
    if (!params) {
        PyErr_NoMemory();
        return -1;
    }
    stage->params = params;
    while (stage->param_count < (size_t)size && PyDict_Next(dict, &at, &name, &value))
        if (read_param(stages, name, value, &params[stage->param_count++]) < 0)
            return -1;
    return 0;
}

/* A key that is none of ours: a slip of the pen would otherwise be a default. */
static int refuse_unknown(PyObject *dict) {
    PyObject *list = PyDict_Keys(dict);
    for (Py_ssize_t i = 0; list && i < PyList_Size(list); i++) {
        int known = 0;
        for (int key = 0; key < KEY_COUNT && known == 0; key++)
            known = PyObject_RichCompareBool(PyList_GetItem(list, i), keys[key], Py_EQ);
        if (known == 0)
            PyErr_Format(PyExc_TypeError, "a stage has no key %R: technology, operation, input, output, params, name",
                         PyList_GetItem(list, i));
        if (known != 1)
            break;
    }
    Py_XDECREF(list);
    return PyErr_Occurred() ? -1 : 0;
}

static int read_stage(struct stages *stages, PyObject *dict, Py_ssize_t i) {
    PyObject *found[KEY_COUNT];
    Py_ssize_t count = 0;
    if (!PyDict_Check(dict)) {
        PyErr_Format(PyExc_TypeError, "a stage must be a dict, not %R", (PyObject *)Py_TYPE(dict));
        return -1;
    }
    for (int key = 0; key < KEY_COUNT; key++) {
        found[key] = PyDict_GetItemWithError(dict, keys[key]);
        if (found[key] && PyList_Append(stages->keep, found[key]) < 0)
            return -1;
        count += found[key] != NULL;
        if (PyErr_Occurred())
            return -1;
    }
    if (count != PyDict_Size(dict) && refuse_unknown(dict) < 0)
        return -1;
    if (!found[TECHNOLOGY] || !found[OPERATION]) {
        PyErr_SetString(PyExc_TypeError, "a stage needs technology and operation");
        return -1;
    }
    struct tri_stage *stage = &stages->stages[i];
    struct bundle *bundle = &stages->bundles[i];
    *stage = (struct tri_stage){.struct_bytes = sizeof *stage, .inputs = bundle->inputs, .outputs = bundle->outputs};
    if (!read_text(stages, found[TECHNOLOGY], "technology") || !(stage->operation = read_text(stages, found[OPERATION], "operation")))
        return -1;
    if (tripy_technology(found[TECHNOLOGY], &stage->technology) < 0)
        return -1;
    if (found[NAME] && found[NAME] != Py_None && !(stage->name = read_text(stages, found[NAME], "name")))
        return -1;
    if (read_regions(stages, found[INPUT], "input", bundle->inputs, &stage->input_count) < 0 ||
        read_regions(stages, found[OUTPUT], "output", bundle->outputs, &stage->output_count) < 0)
        return -1;
    if (stage->input_count == 0) /* none listed: bound by kind */
        stage->inputs = NULL;
    if (stage->output_count == 0)
        stage->outputs = NULL;
    return read_params(stages, found[PARAMS], i);
}

static int stages_init(struct stages *stages, PyObject *given) {
    *stages = (struct stages){.keep = PyList_New(0)};
    PyObject *items = stages->keep ? PySequence_Tuple(given) : NULL;
    if (!items)
        return -1;
    Py_ssize_t count = PyTuple_Size(items);
    int failed = 0;
    if (count < 1 || count > TRI_STAGES_MAX) {
        PyErr_Format(PyExc_ValueError, "%zd stages were given, 1 to %d are possible", count, TRI_STAGES_MAX);
        failed = -1;
    }
    if (failed == 0) {
        stages->stages = PyMem_Calloc((size_t)count, sizeof *stages->stages);
        stages->bundles = PyMem_Calloc((size_t)count, sizeof *stages->bundles);
        stages->count = count;
        failed = stages->stages && stages->bundles ? PyList_Append(stages->keep, items) : (PyErr_NoMemory(), -1);
    }
    for (Py_ssize_t i = 0; failed == 0 && i < count; i++)
        failed = read_stage(stages, PyTuple_GetItem(items, i), i);
    if (failed == 0 && !stages->arena) {
        PyErr_SetString(PyExc_ValueError, "no stage names a region");
        failed = -1;
    }
    Py_DECREF(items);
    return failed;
}

PyObject *tripy_execute(PyObject *module, PyObject *given) {
    (void)module;
    struct stages stages;
    struct tri_error err = {0};
    tri_status status = TRI_OK;
    int failed = stages_init(&stages, given);
    if (failed == 0) {
        Py_BEGIN_ALLOW_THREADS
        status = tri_execute_zero_copy(stages.arena->runtime, stages.stages, (size_t)stages.count, &err);
        Py_END_ALLOW_THREADS
    }
    stages_finish(&stages);
    if (failed < 0)
        return NULL;
    if (status != TRI_OK)
        return tripy_raise(&err);
    Py_RETURN_NONE;
}

/* ---- Plan ---- */

struct plan {
    PyObject_HEAD
    struct tripy_arena *arena;
    PyObject *keep; /* the regions: a plan over freed ones would only fail */
    struct tri_plan *plan;
    PyThread_type_lock running; /* one frame at a time */
};

static PyObject *plan_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"stages", NULL};
    PyObject *given;
    struct stages stages;
    struct tri_error err = {0};
    tri_status status;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O", names, &given))
        return NULL;
    struct plan *plan = NULL;
    if (stages_init(&stages, given) == 0 && (plan = tripy_object_new(type))) {
        plan->arena = (struct tripy_arena *)Py_NewRef((PyObject *)stages.arena);
        plan->keep = Py_NewRef(stages.keep);
        plan->running = PyThread_allocate_lock();
        Py_BEGIN_ALLOW_THREADS
        status = tri_plan_create(stages.arena->runtime, stages.stages, (size_t)stages.count, &plan->plan, &err);
        Py_END_ALLOW_THREADS
        if (!plan->running)
            PyErr_NoMemory();
        else if (status != TRI_OK)
            tripy_raise(&err);
        if (PyErr_Occurred())
            Py_CLEAR(plan);
    }
    stages_finish(&stages);
    return (PyObject *)plan;
}

static void plan_dealloc(PyObject *self) {
    struct plan *plan = (struct plan *)self;
    Py_BEGIN_ALLOW_THREADS
    tri_plan_destroy(&plan->plan);
    Py_END_ALLOW_THREADS
    if (plan->running)
        PyThread_free_lock(plan->running);
    Py_XDECREF(plan->keep);
    Py_XDECREF((PyObject *)plan->arena);
    tripy_object_free(self);
}

static PyObject *plan_run(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"timeout", "require_zero_copy", NULL};
    struct plan *plan = (struct plan *)self;
    PyObject *timeout = Py_None;
    int zero_copy = 1;
    struct tri_run_params params = {.struct_bytes = sizeof params};
    struct tri_error err = {0};
    tri_status status;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$p", names, &timeout, &zero_copy))
        return NULL;
    if (timeout != Py_None && tripy_timeout(timeout, &params.timeout_ns) < 0)
        return NULL;
    if (timeout != Py_None && params.timeout_ns == 0)
        params.timeout_ns = 1; /* 0 means the default to C */
    params.require_zero_copy = zero_copy;
    Py_BEGIN_ALLOW_THREADS
    PyThread_acquire_lock(plan->running, WAIT_LOCK);
    status = tri_plan_run(plan->plan, &params, &err);
    PyThread_release_lock(plan->running);
    Py_END_ALLOW_THREADS
    if (status != TRI_OK)
        return tripy_raise(&err);
    Py_RETURN_NONE;
}

static PyMethodDef plan_methods[] = {
    {"run", (PyCFunction)(void (*)(void))plan_run, METH_VARARGS | METH_KEYWORDS,
     "run(timeout=None, *, require_zero_copy=True): waits `timeout` seconds a stage, 30 when None."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot plan_slots[] = {
    {Py_tp_doc, "Plan(stages)\n\nStages checked and prepared once, to be run often."},
    {Py_tp_new, (void *)plan_new},
    {Py_tp_dealloc, (void *)plan_dealloc},
    {Py_tp_methods, plan_methods},
    {0, NULL},
};
static PyType_Spec plan_spec = {"tripoint.Plan", sizeof(struct plan), 0,
                                Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, plan_slots};

int tripy_stages_add(PyObject *module) {
    for (int key = 0; key < KEY_COUNT; key++)
        if (!(keys[key] = PyUnicode_InternFromString(key_names[key])))
            return -1;
    return tripy_type_add(module, &plan_spec) ? 0 : -1;
}
