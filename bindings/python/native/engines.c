/* What engines are and have: their names, their operations, and their own views of a region. */
#include "binding.h"

#include <string.h>

int tripy_technology(PyObject *object, enum tri_technology *out) {
    const char *name = PyUnicode_Check(object) ? PyUnicode_AsUTF8AndSize(object, NULL) : NULL;
    if (name && tri_technology_from_name(name, out))
        return 0;
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_ValueError, "%R is no technology: host, wasm, webgpu or webnn", object);
    return -1;
}

static tri_status open_engine(struct tripy_arena *arena, enum tri_technology technology, struct tri_engine **out,
                              struct tri_error *err) {
    return tri_runtime_engine(arena->runtime, technology, out, err);
}

PyObject *tripy_engine_info(PyObject *self, PyObject *name) {
    enum tri_technology technology;
    struct tri_engine *engine;
    struct tri_engine_info info;
    struct tri_error err = {0};
    tri_status status;
    if (tripy_technology(name, &technology) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = open_engine((struct tripy_arena *)self, technology, &engine, &err);
    Py_END_ALLOW_THREADS
    if (status != TRI_OK)
        return tripy_raise(&err);
    tri_engine_info(engine, &info);
    return Py_BuildValue("{s:s,s:s,s:s,s:s,s:s,s:s,s:O,s:s}", "technology", info.name, "library", info.library, "version",
                         info.version, "library_path", info.library_path, "device", info.device, "driver", info.driver,
                         "shares_memory", info.shares_memory ? Py_True : Py_False, "sharing", info.sharing);
}

/* ---- native views ---- */

PyObject *tripy_native_view(PyObject *self, enum tri_technology technology) {
    struct tripy_region *region = (struct tripy_region *)self;
    struct tri_engine *engine;
    struct tri_error err = {0};
    void *object = NULL;
    uint32_t address = 0;
    tri_status status;
    if (tripy_region_check(region) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = open_engine(region->arena, technology, &engine, &err);
    if (status == TRI_OK && technology == TRI_TECHNOLOGY_WEBGPU)
        status = tri_gpu_view(engine, region->handle, &object, &err);
    else if (status == TRI_OK && technology == TRI_TECHNOLOGY_WEBNN)
        status = tri_npu_view(engine, region->handle, &object, &err);
    else if (status == TRI_OK)
        status = tri_wasm_view(engine, region->handle, &address, &err);
    Py_END_ALLOW_THREADS
    if (status != TRI_OK)
        return tripy_raise(&err);
    return object ? PyLong_FromVoidPtr(object) : PyLong_FromUnsignedLong(address);
}

/* One byte through the engine's own view; read when `value` is negative. */
static PyObject *touch(PyObject *self, PyObject *name, unsigned long long offset, int value) {
    struct tripy_region *region = (struct tripy_region *)self;
    enum tri_technology technology;
    struct tri_engine *engine;
    struct tri_error err = {0};
    uint8_t byte = (uint8_t)value;
    tri_status status;
    if (tripy_region_check(region) < 0 || tripy_technology(name, &technology) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = open_engine(region->arena, technology, &engine, &err);
    if (status == TRI_OK)
        status = value < 0 ? tri_engine_peek(engine, region->handle, offset, &byte, &err)
                           : tri_engine_poke(engine, region->handle, offset, byte, &err);
    Py_END_ALLOW_THREADS
    return status == TRI_OK ? PyLong_FromLong(byte) : tripy_raise(&err);
}

PyObject *tripy_peek(PyObject *self, PyObject *args) {
    PyObject *name;
    Py_ssize_t offset;
    if (!PyArg_ParseTuple(args, "On", &name, &offset))
        return NULL;
    return touch(self, name, (unsigned long long)offset, -1);
}

PyObject *tripy_poke(PyObject *self, PyObject *args) {
    PyObject *name, *done;
    Py_ssize_t offset;
    unsigned char value;
    if (!PyArg_ParseTuple(args, "Onb", &name, &offset, &value) ||
        !(done = touch(self, name, (unsigned long long)offset, value)))
        return NULL;
    Py_DECREF(done);
    Py_RETURN_NONE;
}

/* ---- operations ---- */

static PyObject *told_param(const struct tri_param_info *param) {
    if (strcmp(param->type, "choice") == 0 || strcmp(param->type, "text") == 0)
        return Py_BuildValue("{s:s,s:s,s:z,s:z,s:s}", "name", param->name, "type", param->type, "default",
                             param->default_text, "choices", param->choices, "help", param->help);
    return Py_BuildValue("{s:s,s:s,s:d,s:d,s:d,s:s}", "name", param->name, "type", param->type, "default",
                         param->default_number, "minimum", param->minimum, "maximum", param->maximum, "help",
                         param->help);
}

static PyObject *told_operand(const struct tri_operand_info *operand) {
    return Py_BuildValue("{s:s,s:s,s:s,s:s}", "name", operand->name, "access",
                         operand->access == TRI_ACCESS_READ ? "read" : "write", "kind", tri_kind_name(operand->kind),
                         "help", operand->help);
}

static PyObject *told_operands(const struct tri_operation_info *operation) {
    PyObject *list = PyList_New((Py_ssize_t)operation->operand_count);
    for (size_t i = 0; list && i < operation->operand_count; i++) {
        PyObject *operand = told_operand(&operation->operands[i]);
        if (!operand || PyList_SetItem(list, (Py_ssize_t)i, operand) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *told_params(const struct tri_operation_info *operation) {
    PyObject *list = PyList_New((Py_ssize_t)operation->param_count);
    for (size_t i = 0; list && i < operation->param_count; i++) {
        PyObject *param = told_param(&operation->params[i]);
        if (!param || PyList_SetItem(list, (Py_ssize_t)i, param) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *told_technologies(uint32_t bits) {
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < TRI_TECHNOLOGY_COUNT; i++) {
        if (!(bits >> i & 1u))
            continue;
        PyObject *name = PyUnicode_FromString(tri_technology_name((enum tri_technology)i));
        if (!name || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *told_operation(const struct tri_operation_info *operation) {
    PyObject *operands = told_operands(operation), *params = operands ? told_params(operation) : NULL;
    PyObject *technologies = params ? told_technologies(operation->technologies) : NULL;
    if (!technologies) {
        Py_XDECREF(operands);
        Py_XDECREF(params);
        return NULL;
    }
    return Py_BuildValue("{s:s,s:s,s:s,s:O,s:d,s:N,s:N,s:N}", "name", operation->name, "summary", operation->summary,
                         "definition", operation->definition, "in_place", operation->in_place ? Py_True : Py_False,
                         "tolerance", operation->tolerance, "operands", operands, "params", params, "technologies", technologies);
}

PyObject *tripy_operations(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && tri_operation_at(i); i++) {
        PyObject *operation = told_operation(tri_operation_at(i));
        if (!operation || PyList_Append(list, operation) < 0)
            Py_CLEAR(list);
        Py_XDECREF(operation);
    }
    return list;
}
