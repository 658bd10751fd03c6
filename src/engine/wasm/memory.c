#include "engine/wasm/memory.h"

#include "base/alloc.h"
#include "base/sys.h"

/* One guest's memory. Created by Wasmtime's call, deleted with the store. */
struct linear {
    const struct trii_wasmtime *w;
    void *map; /* MAP_BYTES; base is the first multiple of ALIGN in it */
    uint8_t *base;
    size_t bytes; /* memory.size */
};

#define MAP_BYTES (TRII_WASM_ALIGN + TRII_WASM_SPACE + TRII_WASM_GUARD)

static uint8_t *linear_get(void *env, size_t *bytes, size_t *capacity) {
    struct linear *linear = env;
    *bytes = linear->bytes;
    *capacity = (size_t)TRII_WASM_SPACE;
    return linear->base;
}

/* A refusal becomes the -1 of memory.grow. */
static wasmtime_error_t *linear_grow(void *env, size_t bytes) {
    struct linear *linear = env;
    if (bytes > TRII_WASM_HEAP_MAX)
        return linear->w->wasmtime_error_new("a guest's own memory is limited to 256 MiB");
    if (bytes > linear->bytes) {
        if (trii_sys_protect(linear->base + linear->bytes, bytes - linear->bytes, TRII_PROT_READ_WRITE) != 0)
            return linear->w->wasmtime_error_new("no memory to let the guest's memory grow");
        linear->bytes = bytes;
    }
    return NULL;
}

static void linear_free(void *env) {
    struct linear *linear = env;
    trii_sys_unmap(linear->map, MAP_BYTES);
    trii_free(linear);
}

static wasmtime_error_t *linear_new(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                    size_t reserved, size_t guard, wasmtime_linear_memory_t *out) {
    const struct trii_wasmtime *w = env;
    void *map;
    (void)type;
    (void)maximum;
    if (reserved != TRII_WASM_SPACE || guard != TRII_WASM_GUARD)
        return w->wasmtime_error_new("the library lays linear memories out differently than it was told to");
    if (minimum > TRII_WASM_HEAP_MAX)
        return w->wasmtime_error_new("the guest begins with more memory than the 256 MiB it may have");
    struct linear *linear = trii_calloc(1, sizeof *linear);
    if (!linear)
        return w->wasmtime_error_new("no memory for a guest's memory");
    if (trii_sys_reserve(MAP_BYTES, &map) != 0) {
        trii_free(linear);
        return w->wasmtime_error_new("no address space for a guest's memory (8 GiB; is there a ulimit -v?)");
    }
    uint8_t *base = (uint8_t *)(((uintptr_t)map + TRII_WASM_ALIGN - 1) & ~(uintptr_t)(TRII_WASM_ALIGN - 1));
    *linear = (struct linear){.w = w, .map = map, .base = base, .bytes = minimum};
    if (minimum > 0 && trii_sys_protect(base, minimum, TRII_PROT_READ_WRITE) != 0) {
        linear_free(linear);
        return w->wasmtime_error_new("no memory to open a guest's memory");
    }
    *out = (wasmtime_linear_memory_t){
        .env = linear, .get_memory = linear_get, .grow_memory = linear_grow, .finalizer = linear_free};
    return NULL;
}

/* The library only hands env back: the cast drops no promise. */
wasmtime_memory_creator_t trii_wasm_memory_creator(const struct trii_wasmtime *w) {
    return (wasmtime_memory_creator_t){.env = (void *)(uintptr_t)w, .new_memory = linear_new};
}
