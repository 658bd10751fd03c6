#include "base/alloc.h"

#include "base/atomic.h"
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t allocations;

void *trii_calloc(size_t count, size_t bytes) {
    trii_add_relaxed(&allocations, 1);
    if (trii_fault_now(TRII_FAULT_ALLOC))
        return NULL;
    return calloc(count ? count : 1, bytes ? bytes : 1);
}

void *trii_realloc(void *old, size_t count, size_t bytes) {
    trii_add_relaxed(&allocations, 1);
    if (trii_fault_now(TRII_FAULT_ALLOC))
        return NULL;
    return reallocarray(old, count ? count : 1, bytes ? bytes : 1);
}

char *trii_strdup(const char *text) {
    if (!text)
        return NULL;
    size_t n = strlen(text) + 1;
    char *copy = trii_calloc(n, 1);
    if (copy)
        memcpy(copy, text, n); /* not payload: a name */
    return copy;
}

char *trii_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return NULL;
    char *text = trii_calloc((size_t)n + 1, 1);
    if (text) {
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
    }
    return text;
}

void trii_free(void *memory) {
    free(memory);
}

uint64_t trii_alloc_count(void) {
    return trii_load_relaxed(&allocations);
}
