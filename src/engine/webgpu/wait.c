/* Waiting for Dawn, and whose errors are whose. */
#include "engine/webgpu/webgpu.h"

#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"

#include <stdio.h>
#include <string.h>

/* Between two looks at what can't be waited for: Dawn's letting go of pages, and an instance that has no timeouts (an
 * application's, opened without TimedWaitAny). */
#define POLL_NS 50000

WGPUStringView trii_gpu_text(const char *text) {
    return (WGPUStringView){text, strlen(text)};
}

void trii_gpu_words(WGPUStringView message, char *out, size_t out_bytes) {
    const char *from = message.data ? message.data : "";
    size_t length = message.length == SIZE_MAX ? strlen(from) : message.data ? message.length : 0;
    size_t used = 0;
    bool told = false; /* ":12:5 error: unresolved value 'x'"; the line itself and a pointer into it follow */
    for (size_t i = 0; i < length && used + 1 < out_bytes; i++) {
        told = told || (length - i > 7 && memcmp(from + i, "error: ", 7) == 0);
        if (from[i] == '\n' && told)
            break;
        if (from[i] == '\n' && i + 1 < length && (from[i + 1] == '\n' || strncmp(from + i + 1, " - ", 3) == 0 ||
                                                  strncmp(from + i + 1, "    at ", 7) == 0))
            break; /* where in Dawn it was noticed */
        const char c = from[i] == '\n' || from[i] == '\t' ? ' ' : from[i];
        if (c != ' ' || (used && out[used - 1] != ' '))
            out[used++] = c;
    }
    while (used && (out[used - 1] == ' ' || out[used - 1] == '.'))
        used--;
    out[used] = '\0';
}

static void nap(void) {
    _Atomic uint32_t never = 0;
    (void)trii_sys_futex_wait(&never, 0, POLL_NS, false);
}

bool trii_gpu_await(struct trii_gpu *gpu, WGPUFuture future, uint64_t timeout_ns) {
    const uint64_t deadline = trii_sys_deadline(timeout_ns);
    WGPUFutureWaitInfo info = {.future = future};
    trii_gpu_settle_loss(gpu);
    WGPUWaitStatus status = gpu->dawn.InstanceWaitAny(gpu->instance, 1, &info, gpu->foreign ? 0 : timeout_ns);
    while (status != WGPUWaitStatus_Success) {
        if (trii_sys_now_ns() >= deadline)
            return false;
        nap();
        status = gpu->dawn.InstanceWaitAny(gpu->instance, 1, &info, 0);
    }
    return true;
}

static void on_idle(WGPUQueueWorkDoneStatus status, WGPUStringView message, void *userdata1, void *userdata2) {
    (void)status;
    (void)message;
    (void)userdata1;
    (void)userdata2;
}

bool trii_gpu_idle(struct trii_gpu *gpu, uint64_t timeout_ns) {
    WGPUFuture done = gpu->dawn.QueueOnSubmittedWorkDone(
        gpu->queue, (WGPUQueueWorkDoneCallbackInfo){.mode = WGPUCallbackMode_AllowProcessEvents, .callback = on_idle});
    return trii_gpu_await(gpu, done, timeout_ns);
}

void trii_gpu_pump(struct trii_gpu *gpu) {
    trii_gpu_settle_loss(gpu);
    gpu->dawn.InstanceProcessEvents(gpu->instance);
}

void trii_gpu_breathe(struct trii_gpu *gpu) {
    trii_gpu_pump(gpu);
    nap();
}

static const WGPUErrorFilter filters[] = {WGPUErrorFilter_Internal, WGPUErrorFilter_OutOfMemory,
                                          WGPUErrorFilter_Validation};
#define FILTERS (sizeof filters / sizeof *filters)

struct popped {
    WGPUErrorType type;
    char words[TRII_GPU_TEXT_BYTES];
};

void trii_gpu_scope_begin(struct trii_gpu *gpu) {
    for (size_t i = 0; i < FILTERS; i++)
        gpu->dawn.DevicePushErrorScope(gpu->device, filters[i]);
}

static void on_popped(WGPUPopErrorScopeStatus status, WGPUErrorType type, WGPUStringView message, void *userdata1,
                      void *userdata2) {
    struct popped *popped = userdata1;
    (void)status;
    (void)userdata2;
    if (type == WGPUErrorType_NoError || popped->type != WGPUErrorType_NoError)
        return;
    popped->type = type;
    trii_gpu_words(message, popped->words, sizeof popped->words);
}

tri_status trii_gpu_scope_end(struct trii_gpu *gpu, tri_status status, const char *doing, struct tri_error *err) {
    struct popped popped = {.type = WGPUErrorType_NoError};
    for (size_t i = 0; i < FILTERS; i++) {
        WGPUFuture future = gpu->dawn.DevicePopErrorScope(
            gpu->device, (WGPUPopErrorScopeCallbackInfo){.mode = WGPUCallbackMode_AllowProcessEvents,
                                                         .callback = on_popped,
                                                         .userdata1 = &popped});
        (void)trii_gpu_await(gpu, future, TRI_FOREVER);
    }
    tri_status alive = trii_gpu_alive(gpu, err);
    if (alive != TRI_OK)
        return alive;
    if (popped.type == WGPUErrorType_NoError)
        return TRI_OK;
    status = trii_fail(err, popped.type == WGPUErrorType_OutOfMemory ? TRI_NO_MEMORY : status, "%s: %s", doing,
                       popped.words);
    if (err)
        err->engine_code = (int32_t)popped.type;
    return status;
}
