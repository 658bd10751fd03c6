/* Exceptions: one class a status, made from the list in error.h, so that a new status has its class by compiling. */
#include "binding.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
    tri_status status;
} statuses[] = {
#define ENTRY(name, value, exit_code, text) {#name, text, value},
    TRI_STATUS_LIST(ENTRY)
#undef ENTRY
};
#define STATUS_COUNT (sizeof statuses / sizeof statuses[0])

static PyObject *base;
static PyObject *classes[STATUS_COUNT];

/* "BAD_HANDLE" -> "tripoint.BadHandleError" */
static void class_name(const char *name, char *out) {
    strcpy(out, "tripoint.");
    out += strlen(out);
    bool upper = true;
    for (; *name; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        *out++ = (char)(upper || *name < 'A' || *name > 'Z' ? *name : *name - 'A' + 'a');
        upper = false;
    }
    strcpy(out, "Error");
}

/* Python's own exceptions that mean the same are bases, too. */
static PyObject *also(tri_status status) {
    switch (status) {
    case TRI_INVALID_ARGUMENT: return PyExc_ValueError;
    case TRI_NO_MEMORY: return PyExc_MemoryError;
    case TRI_TIMEOUT: return PyExc_TimeoutError;
    case TRI_PERMISSION: return PyExc_PermissionError;
    default: return NULL;
    }
}

static int add_class(PyObject *module, size_t i) {
    char name[96];
    PyObject *twin = also(statuses[i].status), *bases;
    class_name(statuses[i].name, name);
    bases = twin ? PyTuple_Pack(2, base, twin) : PyTuple_Pack(1, base);
    PyObject *number = bases ? PyLong_FromLong(statuses[i].status) : NULL;
    PyObject *text = number ? PyUnicode_FromString(statuses[i].name) : NULL;
    PyObject *dict = text ? Py_BuildValue("{s:O,s:O}", "status", number, "status_name", text) : NULL;
    if (dict)
        classes[i] = PyErr_NewExceptionWithDoc(name, statuses[i].text, bases, dict);
    Py_XDECREF(dict);
    Py_XDECREF(text);
    Py_XDECREF(number);
    Py_XDECREF(bases);
    return classes[i] ? PyModule_AddObjectRef(module, strchr(name, '.') + 1, classes[i]) : -1;
}

int tripy_errors_add(PyObject *module) {
    PyObject *none = Py_BuildValue("{s:i,s:s,s:s,s:s,s:s,s:i}", "status", TRI_INTERNAL, "status_name", "INTERNAL",
                                   "stage", "", "region", "", "engine", "", "engine_code", 0);
    if (none)
        base = PyErr_NewExceptionWithDoc("tripoint.TripointError",
                                         "What went wrong: status, stage, region and engine ('' where none).", NULL,
                                         none);
    Py_XDECREF(none);
    if (!base || PyModule_AddObjectRef(module, "TripointError", base) < 0)
        return -1;
    for (size_t i = 0; i < STATUS_COUNT; i++)
        if (statuses[i].status != TRI_OK && add_class(module, i) < 0)
            return -1;
    return 0;
}

/* Sets a text attribute; messages may be cut within a character. */
static int set_text(PyObject *exception, const char *name, const char *text) {
    PyObject *value = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    int failed = value ? PyObject_SetAttrString(exception, name, value) : -1;
    Py_XDECREF(value);
    return failed;
}

PyObject *tripy_exception(const struct tri_error *err) {
    PyObject *class = base;
    for (size_t i = 0; i < STATUS_COUNT; i++)
        if (statuses[i].status == err->status && classes[i])
            class = classes[i];
    PyObject *message = PyUnicode_DecodeUTF8(err->message, (Py_ssize_t)strlen(err->message), "replace");
    PyObject *exception = message ? PyObject_CallFunctionObjArgs(class, message, NULL) : NULL;
    PyObject *code = exception ? PyLong_FromLong(err->engine_code) : NULL;
    if (!code || PyObject_SetAttrString(exception, "engine_code", code) < 0 ||
        set_text(exception, "stage", err->stage) < 0 || set_text(exception, "region", err->region) < 0 ||
        set_text(exception, "engine", err->engine) < 0)
        Py_CLEAR(exception);
    Py_XDECREF(code);
    Py_XDECREF(message);
    return exception;
}

PyObject *tripy_raise(const struct tri_error *err) {
    PyObject *exception = tripy_exception(err);
    if (exception)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    return NULL;
}

PyObject *tripy_raise_status(tri_status status, const char *message) {
    struct tri_error err = {.status = status};
    snprintf(err.message, sizeof err.message, "%s", message);
    return tripy_raise(&err);
}
