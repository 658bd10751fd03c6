/* The webnn engine: bringing OpenVINO's CPU plugin up, telling about it, and taking it down in the right order. */
#include "engine/webnn/webnn.h"

#include "base/alloc.h"
#include "base/paths.h"
#include "base/status.h"
#include "base/sys.h"
#include "engines_lock.h"

#include <stdio.h>
#include <string.h>

#define LIBRARY TRII_OPENVINO_FOLDER "/libs/libopenvino_c.so.2641"

static tri_status find_library(struct trii_nn *nn, const struct tri_engine_params *params, struct tri_error *err) {
    if (!params->library_path)
        return trii_path_engine(LIBRARY, &nn->library_path, err);
    nn->library_path = trii_strdup(params->library_path);
    return nn->library_path ? TRI_OK : trii_fail(err, TRI_NO_MEMORY, "no memory for the library's path");
}

/*
 * How models are compiled and run. They are set for the device, not for a model: an import takes no properties.
 *   f32         where the CPU has bf16 OpenVINO would compute in it: masks differ by up to 0.3
 *   threads     of an inference. Of several frames in flight as many are inferred at once as there are processors for, each
 *               in a stream of the plugin's; with all processors as threads, which is the default, that is one at a time
 *   no pinning  the threads that call us belong to the application
 *   no snippets the plugin's second compiler, for chains of small operations: without it these models load in 52 ms
 *               instead of 63 and run 1 to 2 % slower (docs/decisions/0051-bring-up.md)
 */
static tri_status set_properties(struct trii_nn *nn, struct tri_error *err) {
    char count[16], streams[16];
    snprintf(count, sizeof count, "%u", nn->threads * nn->streams); /* of all streams together */
    snprintf(streams, sizeof streams, "%u", nn->streams);
    const struct trii_ov_property properties[] = {
        {"INFERENCE_PRECISION_HINT", "f32"},
        {"PERFORMANCE_HINT", nn->streams > 1 ? "THROUGHPUT" : "LATENCY"},
        {"NUM_STREAMS", streams},
        {"INFERENCE_NUM_THREADS", count},
        {"ENABLE_CPU_PINNING", "NO"},
        {"SNIPPETS_MODE", "DISABLE"},
    };
    int code = nn->ov.core_set_properties(nn->core, "CPU", sizeof properties / sizeof *properties, properties);
    return code == TRII_OV_OK ? TRI_OK
                              : trii_openvino_fail(&nn->ov, code, err, TRI_ENGINE_UNAVAILABLE,
                                                   "OpenVINO refuses its settings");
}

/* Asking the device for its name loads the CPU plugin: here, rather than in the first prepare. */
static tri_status ask(struct trii_nn *nn, const char *key, char **out, struct tri_error *err) {
    int code = nn->ov.core_get_property(nn->core, "CPU", key, out);
    return code == TRII_OV_OK ? TRI_OK
                              : trii_openvino_fail(&nn->ov, code, err, TRI_ENGINE_UNAVAILABLE,
                                                   "OpenVINO has no CPU device");
}

static void name_driver(struct trii_nn *nn) {
    const int n = snprintf(nn->driver, sizeof nn->driver, "OpenVINO's CPU plugin, %u thread%s", nn->threads,
                           nn->threads == 1 ? "" : "s");
    if (nn->streams > 1 && n > 0 && (size_t)n < sizeof nn->driver)
        snprintf(nn->driver + n, sizeof nn->driver - (size_t)n, ", %u at once", nn->streams);
}

static tri_status know_machine(struct trii_nn *nn, struct tri_error *err) {
    char *name = NULL, *abilities = NULL, *precision = NULL;
    tri_status status = ask(nn, "FULL_DEVICE_NAME", &name, err);
    if (status == TRI_OK)
        status = ask(nn, "OPTIMIZATION_CAPABILITIES", &abilities, err);
    if (status == TRI_OK)
        status = ask(nn, "INFERENCE_PRECISION_HINT", &precision, err);
    if (status == TRI_OK) {
        trii_name_copy(nn->device, sizeof nn->device, name);
        snprintf(nn->precision, sizeof nn->precision, "%s, as the device says of itself", precision);
        name_driver(nn);
        nn->machine = trii_format("OpenVINO %s on %s (%s), f32, %u threads, %u streams, no snippets", nn->version, name,
                                  abilities, nn->threads, nn->streams);
        if (!nn->machine)
            status = trii_fail(err, TRI_NO_MEMORY, "no memory for the machine's name");
    }
    nn->ov.free(name);
    nn->ov.free(abilities);
    nn->ov.free(precision);
    return status;
}

static tri_status start_core(struct trii_nn *nn, struct tri_error *err) {
    int code = nn->ov.core_create(&nn->core);
    if (code != TRII_OV_OK)
        return trii_openvino_fail(&nn->ov, code, err, TRI_ENGINE_UNAVAILABLE, "OpenVINO does not start");
    tri_status status = set_properties(nn, err);
    return status == TRI_OK ? know_machine(nn, err) : status;
}

static tri_status start_thread(struct trii_nn *nn, struct tri_error *err) {
    pthread_mutex_init(&nn->mutex, NULL);
    pthread_cond_init(&nn->wake, NULL);
    pthread_cond_init(&nn->idle, NULL);
    nn->has_mutex = true;
    nn->last = &nn->first;
    int failed = trii_sys_thread_start(&nn->thread, "tripoint-infer", trii_nn_infer_thread, nn);
    return failed ? trii_fail_errno(err, TRI_NO_MEMORY, failed, "the thread that infers can't be started") : TRI_OK;
}

static tri_status open(struct tri_engine *engine, const struct tri_engine_params *params, struct tri_error *err) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    const uint32_t processors = trii_sys_processors();
    nn->threads = params->threads ? params->threads : processors;
    nn->streams = nn->threads < processors ? processors / nn->threads : 1;
    nn->views = trii_calloc(TRI_REGION_MAX, sizeof *nn->views);
    if (!nn->views)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the table of tensors");
    tri_status status = find_library(nn, params, err);
    if (status == TRI_OK)
        status = trii_openvino_open(&nn->ov, nn->library_path, nn->version, err);
    if (status == TRI_OK)
        status = start_core(nn, err);
    if (status == TRI_OK)
        status = start_thread(nn, err);
    if (status == TRI_OK)
        nn->cache = trii_cache_open(params->cache_dir, "openvino", NULL, 0);
    return status;
}

static void stop_thread(struct trii_nn *nn) {
    if (!nn->has_mutex)
        return;
    pthread_mutex_lock(&nn->mutex);
    nn->closing = true;
    pthread_cond_signal(&nn->wake);
    pthread_mutex_unlock(&nn->mutex);
    trii_sys_thread_join(&nn->thread);
    pthread_cond_destroy(&nn->idle);
    pthread_cond_destroy(&nn->wake);
    pthread_mutex_destroy(&nn->mutex);
}

static void close(struct tri_engine *engine) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    stop_thread(nn);
    trii_nn_forget_all(nn);
    if (nn->core) {
        trii_sys_keep_libraries(); /* TBB's workers use and close its helpers after this */
        trii_nn_byte_close(nn);
        nn->ov.core_free(nn->core);
    }
    trii_cache_close(&nn->cache);
    trii_free(nn->views);
    trii_free(nn->machine);
    trii_free(nn->library_path);
}

static void info(const struct tri_engine *engine, struct tri_engine_info *out) {
    const struct trii_nn *nn = (const struct trii_nn *)engine;
    *out = (struct tri_engine_info){
        .technology = TRI_TECHNOLOGY_WEBNN,
        .name = "webnn",
        .library = "OpenVINO",
        .version = nn->version,
        .library_path = nn->library_path,
        .device = nn->device,
        .driver = nn->driver,
        .shares_memory = true,
        .sharing = "tensors over the arena's own pages",
        .precision = nn->precision,
        .permissions = "none: models run in this process and are trusted",
    };
}

static bool has(const struct tri_engine *engine, const struct trii_op *op) {
    (void)engine;
    return op->id == TRII_OP_SEGMENT || op->id == TRII_OP_DETECT_FACES;
}

const struct trii_engine_vtable trii_webnn_engine = {
    .version = TRII_ENGINE_CONTRACT_VERSION,
    .technology = TRI_TECHNOLOGY_WEBNN,
    .name = "webnn",
    .engine_bytes = sizeof(struct trii_nn),
    .open = open,
    .close = close,
    .info = info,
    .has = has,
    .view = trii_nn_view,
    .forget = trii_nn_forget,
    .reflect = trii_nn_reflect,
    .prepare = trii_nn_prepare,
    .submit = trii_nn_submit,
    .wait = trii_nn_wait,
    .release = trii_nn_release,
    .settle = trii_nn_settle,
    .peek = trii_nn_peek,
    .poke = trii_nn_poke,
};
