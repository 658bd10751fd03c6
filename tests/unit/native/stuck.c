/* A shared object whose loading never ends. */
#include <tripoint/native.h>

#include <unistd.h>

__attribute__((constructor)) static void never_end(void) {
    for (;;)
        pause();
}

static int nothing(const struct tri_native_call *call) {
    (void)call;
    return 0;
}

static const struct tri_native_operation operations[] = {{"nothing", NULL, nothing}};
TRI_NATIVE_MODULE(operations)
