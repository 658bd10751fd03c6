/*
 * Pipeline: beneath tripoint.Pipeline. Planned for the inputs that came last; one frame at a time, other threads wait
 * their turn. Fields below `running` are guarded by it, not by the GIL.
 */
#include "binding.h"

#include <string.h>

#define VALUES_MAX TRI_STAGE_OPERANDS_MAX

struct pipeline {
    PyObject_HEAD
    struct tripy_arena *arena;
    PyThread_type_lock running;
    struct tri_pipeline *it;
    struct planned {
        char name[48];
        struct tri_layout layout;
    } planned[VALUES_MAX];
    Py_ssize_t planned_count; /* 0: for nothing yet */
    bool is_ready;            /* for `planned` */
};

/* An input with its bytes, or an output with a place for them. Names and buffers are kept by the caller's tuple. */
struct value {
    const char *name;
    Py_buffer view; /* .obj NULL: only the layout is of interest */
    struct tri_layout layout;
};

struct frame {
    struct value inputs[VALUES_MAX], outputs[VALUES_MAX];
    Py_ssize_t input_count, output_count;
};

static void frame_finish(struct frame *frame) {
    for (Py_ssize_t i = 0; i < frame->input_count; i++)
        PyBuffer_Release(&frame->inputs[i].view);
    for (Py_ssize_t i = 0; i < frame->output_count; i++)
        PyBuffer_Release(&frame->outputs[i].view);
}

/* ---- made ---- */

/* Each assignment is text like "resize.width=256". */
static tri_status set_all(struct pipeline *pipeline, PyObject *assignments, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (Py_ssize_t i = 0; status == TRI_OK && i < PyTuple_Size(assignments); i++) {
        const char *text = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(assignments, i), NULL);
        if (!text)
            return TRI_INVALID_ARGUMENT; /* Python's exception is set */
        status = tri_pipeline_set(pipeline->it, text, err);
    }
    return status;
}

/* Pipeline(arena, name, json, assignments): json is None, or the pipeline itself, which errors call by name */
static PyObject *pipeline_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    PyObject *arena, *assignments;
    const char *name, *json;
    Py_ssize_t json_bytes;
    struct tri_error err = {0};
    tri_status status;
    if (!PyArg_ParseTuple(args, "O!sz#O!", tripy_arena_type, &arena, &name, &json, &json_bytes, &PyTuple_Type,
                          &assignments))
        return NULL;
    struct pipeline *pipeline = tripy_object_new(type);
    if (!pipeline)
        return NULL;
    pipeline->arena = (struct tripy_arena *)Py_NewRef(arena);
    pipeline->running = PyThread_allocate_lock();
    if (!pipeline->running) {
        Py_DECREF((PyObject *)pipeline);
        return PyErr_NoMemory();
    }
    struct tri_runtime *runtime = pipeline->arena->runtime;
    Py_BEGIN_ALLOW_THREADS
    status = json ? tri_pipeline_parse(runtime, json, (size_t)json_bytes, name, &pipeline->it, &err)
                  : tri_pipeline_load(runtime, name, &pipeline->it, &err);
    Py_END_ALLOW_THREADS
    if (status == TRI_OK)
        status = set_all(pipeline, assignments, &err);
    if (status != TRI_OK) {
        if (!PyErr_Occurred())
            tripy_raise(&err);
        Py_CLEAR(pipeline);
    }
    return (PyObject *)pipeline;
}

static void pipeline_dealloc(PyObject *self) {
    struct pipeline *pipeline = (struct pipeline *)self;
    Py_BEGIN_ALLOW_THREADS
    tri_pipeline_destroy(&pipeline->it);
    Py_END_ALLOW_THREADS
    if (pipeline->running)
        PyThread_free_lock(pipeline->running);
    Py_XDECREF((PyObject *)pipeline->arena);
    tripy_object_free(self);
}

/* ---- without the GIL, with `running` ---- */

static bool is_planned(const struct pipeline *pipeline, const struct frame *frame) {
    bool same = pipeline->is_ready && pipeline->planned_count == frame->input_count;
    for (Py_ssize_t i = 0; same && i < frame->input_count; i++)
        same = strcmp(pipeline->planned[i].name, frame->inputs[i].name) == 0 &&
               pipeline->planned[i].layout.kind == frame->inputs[i].layout.kind &&
               tri_layout_equal(&pipeline->planned[i].layout, &frame->inputs[i].layout);
    return same;
}

/* An input that is left out would be what it was the last time, or zero when sizes changed meanwhile. */
static tri_status want_all(const struct pipeline *pipeline, const struct frame *frame, struct tri_error *err) {
    for (Py_ssize_t i = 0; i < pipeline->planned_count; i++) {
        bool given = false;
        for (Py_ssize_t k = 0; k < frame->input_count; k++)
            given = given || strcmp(pipeline->planned[i].name, frame->inputs[k].name) == 0;
        if (!given) {
            *err = (struct tri_error){.status = TRI_INVALID_ARGUMENT};
            PyOS_snprintf(err->message, sizeof err->message, "input \"%s\" was left out: name every input in each run",
                          pipeline->planned[i].name);
            return err->status;
        }
    }
    return TRI_OK;
}

/* Nothing is kept of a plan that did not work out, but its inputs' names. */
static tri_status plan_for(struct pipeline *pipeline, const struct frame *frame, struct tri_error *err) {
    if (is_planned(pipeline, frame))
        return TRI_OK;
    tri_status status = want_all(pipeline, frame, err);
    pipeline->is_ready = false;
    for (Py_ssize_t i = 0; status == TRI_OK && i < frame->input_count; i++)
        status = tri_pipeline_set_input(pipeline->it, frame->inputs[i].name, &frame->inputs[i].layout, err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(pipeline->it, err);
    if (status == TRI_OK)
        status = tri_pipeline_prepare(pipeline->it, err);
    if (status != TRI_OK)
        return status;
    for (Py_ssize_t i = 0; i < frame->input_count; i++) { /* the library took the names, so they are short enough */
        strncpy(pipeline->planned[i].name, frame->inputs[i].name, sizeof pipeline->planned[i].name - 1);
        pipeline->planned[i].layout = frame->inputs[i].layout;
    }
    pipeline->planned_count = frame->input_count;
    pipeline->is_ready = true;
    return TRI_OK;
}

static tri_status learn_outputs(struct pipeline *pipeline, struct frame *frame, struct tri_error *err) {
    tri_handle handle;
    tri_status status = TRI_OK;
    for (Py_ssize_t i = 0; status == TRI_OK && i < frame->output_count; i++)
        status = tri_pipeline_region(pipeline->it, frame->outputs[i].name, &handle, &frame->outputs[i].layout, err);
    return status;
}

static tri_status copy_in(struct pipeline *pipeline, const struct value *input, struct tri_error *err) {
    tri_handle handle;
    tri_status status = tri_pipeline_region(pipeline->it, input->name, &handle, NULL, err);
    return status == TRI_OK ? tri_region_write(tripy_arena_of(pipeline->arena), handle, 0, input->view.buf,
                                               (uint64_t)input->view.len, "pixels in", NULL, err)
                            : status;
}

static tri_status copy_out(struct pipeline *pipeline, const struct value *output, struct tri_error *err) {
    tri_handle handle;
    tri_status status = tri_pipeline_region(pipeline->it, output->name, &handle, NULL, err);
    return status == TRI_OK ? tri_region_read(tripy_arena_of(pipeline->arena), handle, 0, output->view.buf,
                                              (uint64_t)output->view.len, "pixels out", NULL, err)
                            : status;
}

static tri_status run(struct pipeline *pipeline, const struct frame *frame, const struct tri_run_params *params,
                      struct tri_error *err) {
    tri_status status = TRI_OK;
    for (Py_ssize_t i = 0; status == TRI_OK && i < frame->input_count; i++)
        status = copy_in(pipeline, &frame->inputs[i], err);
    if (status == TRI_OK)
        status = tri_pipeline_run(pipeline->it, params, err);
    for (Py_ssize_t i = 0; status == TRI_OK && i < frame->output_count; i++)
        status = copy_out(pipeline, &frame->outputs[i], err);
    return status;
}

/* The first output that has no right place; -1 when all have. */
static Py_ssize_t misfit(const struct frame *frame) {
    for (Py_ssize_t i = 0; i < frame->output_count; i++) {
        const Py_buffer *view = &frame->outputs[i].view;
        const struct tri_layout *layout = &frame->outputs[i].layout;
        enum tri_dtype dtype;
        bool fits = view->ndim == (int)layout->rank && tripy_dtype_of_format(view->format, &dtype) &&
                    dtype == layout->dtype && tri_layout_is_tight(layout);
        for (uint32_t k = 0; fits && k < layout->rank; k++)
            fits = (uint64_t)view->shape[k] == layout->shape[k];
        if (!fits)
            return i;
    }
    return -1;
}

/* ---- with the GIL ---- */

static int read_layout(const Py_buffer *view, const char *kind, struct tri_layout *layout) {
    *layout = (struct tri_layout){.rank = (uint32_t)view->ndim};
    if (view->ndim > TRI_LAYOUT_MAX_RANK || !tripy_dtype_of_format(view->format, &layout->dtype)) {
        PyErr_Format(PyExc_ValueError, "an input of format '%s' and %d dimensions is none that regions have",
                     view->format ? view->format : "B", view->ndim);
        return -1;
    }
    for (int i = 0; i < view->ndim; i++)
        layout->shape[i] = (uint64_t)view->shape[i];
    return tripy_read_kind(kind, layout);
}

/* inputs: ((name, buffer, kind or None), …) */
static int read_inputs(PyObject *inputs, struct frame *frame) {
    const Py_ssize_t count = PyTuple_Size(inputs);
    if (count < 1 || count > VALUES_MAX) {
        PyErr_Format(PyExc_ValueError, "1 to %d inputs are possible, not %zd", VALUES_MAX, count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        struct value *input = &frame->inputs[i];
        PyObject *buffer;
        const char *kind;
        if (!PyArg_ParseTuple(PyTuple_GetItem(inputs, i), "sOz", &input->name, &buffer, &kind) ||
            PyObject_GetBuffer(buffer, &input->view, PyBUF_ND | PyBUF_FORMAT) < 0)
            return -1;
        frame->input_count++;
        if (read_layout(&input->view, kind, &input->layout) < 0)
            return -1;
    }
    return 0;
}

/* outputs: ((name, writable buffer or None), …) */
static int read_outputs(PyObject *outputs, struct frame *frame) {
    const Py_ssize_t count = PyTuple_Size(outputs);
    if (count > VALUES_MAX) {
        PyErr_Format(PyExc_ValueError, "at most %d outputs are possible, not %zd", VALUES_MAX, count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        struct value *output = &frame->outputs[i];
        PyObject *buffer;
        if (!PyArg_ParseTuple(PyTuple_GetItem(outputs, i), "sO", &output->name, &buffer) ||
            (buffer != Py_None &&
             PyObject_GetBuffer(buffer, &output->view, PyBUF_ND | PyBUF_FORMAT | PyBUF_WRITABLE) < 0))
            return -1;
        frame->output_count++;
    }
    return 0;
}

static PyObject *told_results(const struct frame *frame) {
    PyObject *list = PyList_New(frame->output_count);
    for (Py_ssize_t i = 0; list && i < frame->output_count; i++) {
        const struct tri_layout *layout = &frame->outputs[i].layout;
        PyObject *told = Py_BuildValue("Ns", tripy_shape_tuple(layout), tripy_dtype_name(layout->dtype));
        if (!told || PyList_SetItem(list, i, told) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static int read_frame(PyObject *args, PyObject *kwargs, struct frame *frame, struct tri_run_params *params) {
    static char *names[] = {"inputs", "outputs", "timeout", "require_zero_copy", NULL};
    PyObject *inputs, *outputs, *timeout = Py_None;
    int zero_copy = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!|Op", names, &PyTuple_Type, &inputs, &PyTuple_Type, &outputs,
                                     &timeout, &zero_copy) ||
        read_inputs(inputs, frame) < 0 || read_outputs(outputs, frame) < 0)
        return -1;
    *params = (struct tri_run_params){.struct_bytes = sizeof *params, .require_zero_copy = zero_copy};
    if (timeout != Py_None && tripy_timeout(timeout, &params->timeout_ns) < 0)
        return -1;
    if (timeout != Py_None && params->timeout_ns == 0)
        params->timeout_ns = 1; /* 0 means the default to C */
    return 0;
}

/* results(inputs, outputs) -> [(shape, dtype), …]; run(inputs, outputs): the outputs' buffers are filled. */
static PyObject *frame_call(PyObject *self, PyObject *args, PyObject *kwargs, bool runs) {
    struct pipeline *pipeline = (struct pipeline *)self;
    struct frame frame = {.input_count = 0};
    struct tri_run_params params;
    struct tri_error err = {0};
    tri_status status = TRI_OK;
    Py_ssize_t wrong = -1;
    PyObject *done = NULL;
    if (read_frame(args, kwargs, &frame, &params) == 0) {
        Py_BEGIN_ALLOW_THREADS
        PyThread_acquire_lock(pipeline->running, WAIT_LOCK);
        status = plan_for(pipeline, &frame, &err);
        if (status == TRI_OK)
            status = learn_outputs(pipeline, &frame, &err);
        if (status == TRI_OK && runs && (wrong = misfit(&frame)) < 0)
            status = run(pipeline, &frame, &params, &err);
        PyThread_release_lock(pipeline->running);
        Py_END_ALLOW_THREADS
        char text[96];
        if (status != TRI_OK)
            tripy_raise(&err);
        else if (wrong >= 0)
            PyErr_Format(PyExc_ValueError, "out must have the result's layout: %s",
                         tri_layout_format(&frame.outputs[wrong].layout, text, sizeof text));
        else
            done = runs ? Py_NewRef(Py_None) : told_results(&frame);
    }
    frame_finish(&frame);
    return done;
}

static PyObject *pipeline_results(PyObject *self, PyObject *args, PyObject *kwargs) {
    return frame_call(self, args, kwargs, false);
}

static PyObject *pipeline_run(PyObject *self, PyObject *args, PyObject *kwargs) {
    return frame_call(self, args, kwargs, true);
}

enum property { NAME, INPUT, OUTPUT };

static PyObject *pipeline_property(PyObject *self, void *closure) {
    const struct tri_pipeline *it = ((struct pipeline *)self)->it;
    switch ((enum property)(intptr_t)closure) {
    case NAME: return PyUnicode_FromString(tri_pipeline_name(it));
    case INPUT: return PyUnicode_FromString(tri_pipeline_input(it));
    case OUTPUT: return PyUnicode_FromString(tri_pipeline_output(it));
    }
    return NULL;
}

static PyMethodDef pipeline_methods[] = {
    {"results", (PyCFunction)(void (*)(void))pipeline_results, METH_VARARGS | METH_KEYWORDS,
     "results(inputs, outputs) -> [(shape, dtype), …]: what would come of these inputs"},
    {"run", (PyCFunction)(void (*)(void))pipeline_run, METH_VARARGS | METH_KEYWORDS,
     "run(inputs, outputs, timeout=None, require_zero_copy=False): inputs are (name, buffer, kind), outputs (name, buffer)"},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef pipeline_properties[] = {
    {"name", pipeline_property, NULL, NULL, (void *)(intptr_t)NAME},
    {"input", pipeline_property, NULL, "The first input's name.", (void *)(intptr_t)INPUT},
    {"output", pipeline_property, NULL, "The first output's name.", (void *)(intptr_t)OUTPUT},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot pipeline_slots[] = {
    {Py_tp_new, (void *)pipeline_new},
    {Py_tp_dealloc, (void *)pipeline_dealloc},
    {Py_tp_methods, pipeline_methods},
    {Py_tp_getset, pipeline_properties},
    {0, NULL},
};
static PyType_Spec pipeline_spec = {"tripoint._core.Pipeline", sizeof(struct pipeline), 0,
                                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, pipeline_slots};

int tripy_pipeline_add(PyObject *module) {
    return tripy_type_add(module, &pipeline_spec) ? 0 : -1;
}
