/* tripoint._core: the extension module. Stable ABI of Python 3.11: one build serves every later version. */
#include "binding.h"

#include <string.h>

PyTypeObject *tripy_type_add(PyObject *module, PyType_Spec *spec) {
    PyTypeObject *type = (PyTypeObject *)PyType_FromSpec(spec);
    if (type && PyModule_AddType(module, type) < 0)
        Py_CLEAR(type);
    return type;
}

static PyMethodDef functions[] = {
    {"execute", tripy_execute, METH_O,
     "execute(stages): checks, prepares and runs stages over regions; a copy between stages is CopyRefusedError."},
    {"operations", tripy_operations, METH_NOARGS,
     "operations(): what stages can name, with operands, parameters and the technologies that have it."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "tripoint._core", "Tripoint's C library for Python.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void) {
    if (strcmp(tri_version(), TRI_VERSION_STRING) != 0)
        return PyErr_Format(PyExc_ImportError, "tripoint was built for libtripoint %s and found %s", TRI_VERSION_STRING,
                            tri_version());
    PyObject *module = PyModule_Create(&definition);
    if (module && (PyModule_AddStringConstant(module, "version", TRI_VERSION_STRING) < 0 ||
                   tripy_errors_add(module) < 0 || tripy_arena_add(module) < 0 || tripy_region_add(module) < 0 ||
                   tripy_borrow_add(module) < 0 || tripy_stages_add(module) < 0 || tripy_pipeline_add(module) < 0))
        Py_CLEAR(module);
    return module;
}
