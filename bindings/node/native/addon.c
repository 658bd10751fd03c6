/* The addon's beginning and end in one environment. */
#include "addon.h"

#include <stdlib.h>

bool export_functions(napi_env env, napi_value exports, const napi_property_descriptor *functions, size_t count) {
    return napi_define_properties(env, exports, count, functions) == napi_ok;
}

/* start(makeError, says, mayChooseDriver): what the JavaScript side hands over, once */
static napi_value start(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[3];
    napi_valuetype type;
    bool choose;
    if (!take_args(env, info, 3, args, &addon) || !get_flag(addon, args[1], "says", &addon->says) ||
        !get_flag(addon, args[2], "mayChooseDriver", &choose))
        return NULL;
    if (addon->make_error || napi_typeof(env, args[0], &type) != napi_ok || type != napi_function ||
        napi_create_reference(env, args[0], 1, &addon->make_error) != napi_ok)
        return throw_text(addon, TRI_INVALID_ARGUMENT, "start wants a function, once");
    /* On the main thread, at once: what assigning to process.env would do. A machine without the driver says so later,
     * to who wants it. */
    if (choose)
        (void)!tri_engine_choose_driver(NULL, NULL);
    return undefined_value(env);
}

static void end(void *data) {
    struct addon *addon = data;
    addon->ending = true;
    pool_join(addon);
    memory_end(addon);
    pool_destroy(addon);
}

/* After `end`. What is still wrapped may be finalized later: the last of it takes the addon along. */
static void forget(napi_env env, void *data, void *hint) {
    struct addon *addon = data;
    (void)env;
    (void)hint;
    addon->forgotten = true;
    if (!addon->runtimes)
        free(addon);
}

NAPI_MODULE_INIT() {
    const napi_property_descriptor functions[] = {FUNCTION("start", start)};
    struct addon *addon = calloc(1, sizeof *addon);
    if (!addon)
        return NULL;
    addon->env = env;
    if (napi_set_instance_data(env, addon, forget, NULL) != napi_ok) {
        free(addon);
        return NULL;
    }
    if (!pool_create(addon) || napi_add_env_cleanup_hook(env, end, addon) != napi_ok ||
        !export_functions(env, exports, functions, 1) || !export_memory(env, exports) ||
        !export_border(env, exports) || !export_work(env, exports) || !export_pipeline(env, exports) ||
        !export_tell(env, exports))
        return NULL;
    return exports;
}
