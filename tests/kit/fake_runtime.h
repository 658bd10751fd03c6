/* One runtime a test, with the fake engine in it: begin() and end() are its set-up and teardown. */
#ifndef TRIPOINT_TESTS_FAKE_RUNTIME_H
#define TRIPOINT_TESTS_FAKE_RUNTIME_H

#include "fake_engine.h"

static struct tri_runtime *runtime;
static struct tri_arena *arena;
static struct tri_error err;

static int begin(void **state) {
    (void)state;
    memset(&fake, 0, sizeof fake);
    memset(&err, 0, sizeof err);
    if (tri_runtime_create(NULL, &runtime, &err) != TRI_OK)
        return -1;
    arena = tri_runtime_arena(runtime);
    return 0;
}
static int end(void **state) {
    (void)state;
    tri_runtime_destroy(&runtime);
    return 0;
}

#endif
