/* What every test program begins with: cmocka and its prerequisites, and a few words of our own. */
#ifndef TRIPOINT_TESTS_KIT_H
#define TRIPOINT_TESTS_KIT_H

/* cmocka.h wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tripoint/tripoint.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka wants to catch crashes with handlers of its own, set with signal() around every case. They would hide the
 * sanitizers' reports, and they would replace Wasmtime's, which are installed once a process and which every guest's
 * trap needs. So cmocka's calls end here: a crash ends the program, and Meson tells of it. Tests use sigaction(). */
__attribute__((weak)) void (*signal(int number, void (*handler)(int)))(int) {
    (void)number;
    (void)handler;
    return SIG_DFL;
}

/* Passes when `call` succeeds; else prints the sentence. `err` is a struct tri_error in scope. */
#define assert_ok(call)                                                                          \
    do {                                                                                         \
        tri_status kit_status_ = (call);                                                         \
        if (kit_status_ != TRI_OK)                                                               \
            fail_msg("%s: %s: %s", #call, tri_status_name(kit_status_), err.message);            \
    } while (0)

#define assert_status(call, wanted)                                                              \
    do {                                                                                         \
        tri_status kit_status_ = (call);                                                         \
        if (kit_status_ != (wanted))                                                             \
            fail_msg("%s: got %s, wanted %s: %s", #call, tri_status_name(kit_status_),           \
                     tri_status_name(wanted), err.message);                                      \
    } while (0)

/* Skips aloud: the reason is printed, the case is counted as skipped. */
#define skip_because(...)                                                                        \
    do {                                                                                         \
        print_message("skipped because ");                                                       \
        print_message(__VA_ARGS__);                                                              \
        print_message("\n");                                                                     \
        skip();                                                                                  \
    } while (0)

#endif
