/* What the tests of the webnn engine share: an arena with an engine, regions, and a `segment` stage to run. */
#ifndef TRIPOINT_TESTS_WEBNN_KIT_H
#define TRIPOINT_TESTS_WEBNN_KIT_H

#include "kit.h"

#include "engine/webnn/webnn.h"

struct nn {
    struct tri_arena *arena;
    struct tri_engine *engine;
};

/* A folder of this test's own for the cache, gone at the end. The first call is made before there are threads. */
static inline const char *nn_cache(void) {
    static char path[] = "/tmp/tripoint-webnn-XXXXXX";
    static bool made;
    if (!made) { /* by the main thread, before there are others */
        assert_non_null(mkdtemp(path));
        made = true;
    }
    return path;
}

static inline int nn_remove_cache(void **state) {
    char command[96];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", nn_cache());
    return system(command);
}

static inline tri_status nn_try_open(struct nn *nn, uint32_t threads, const char *cache, struct tri_error *err) {
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .threads = threads, .cache_dir = cache};
    *nn = (struct nn){0};
    tri_status status = tri_arena_create(NULL, &nn->arena, err);
    if (status == TRI_OK)
        status = tri_engine_open(nn->arena, TRI_TECHNOLOGY_WEBNN, &params, &nn->engine, err);
    if (status != TRI_OK)
        tri_arena_destroy(&nn->arena);
    return status;
}

static inline void nn_close(struct nn *nn) {
    tri_engine_close(&nn->engine);
    tri_arena_destroy(&nn->arena);
}

static inline struct nn nn_open(uint32_t threads, const char *cache) {
    struct nn nn;
    struct tri_error err = {0};
    tri_status status = nn_try_open(&nn, threads, cache, &err);
    if (status == TRI_ENGINE_UNAVAILABLE)
        skip_because("%s", err.message);
    assert_ok(status);
    return nn;
}

/* A stage over regions of its own; `mask` is the same region as `image` when in place. */
struct nn_stage {
    struct nn *nn;
    tri_handle image, mask;
    struct trii_stage stage;
    struct trii_task *task;
};

static inline void nn_stage_init(struct nn_stage *s, struct nn *nn, const char *model, uint64_t height, uint64_t width,
                                 bool in_place) {
    const struct trii_op *op = trii_op_find("segment");
    const struct trii_model *info = trii_model_find(model);
    const struct tri_param param = {.name = "model", .text = model};
    const uint64_t mask_bytes = (uint64_t)info->height * info->width * 4, image_bytes = height * width * 4;
    struct tri_error err = {0};
    *s = (struct nn_stage){.nn = nn, .stage = {.name = "find", .op = op, .operand_count = 2, .in_place = in_place}};
    assert_ok(tri_arena_allocate_shared(nn->arena, in_place && mask_bytes > image_bytes ? mask_bytes : image_bytes,
                                        &s->image, &err));
    s->mask = s->image;
    if (!in_place)
        assert_ok(tri_arena_allocate_shared(nn->arena, mask_bytes, &s->mask, &err));
    assert_ok(trii_args_resolve(op, &param, 1, &s->stage.args, &err));
    const tri_handle handles[] = {s->image, s->mask};
    const struct tri_layout layouts[] = {tri_layout_image(height, width, 4, TRI_DTYPE_U8),
                                         tri_layout_mask(info->height, info->width)};
    for (size_t i = 0; i < 2; i++) {
        s->stage.operands[i].info = &op->info.operands[i];
        s->stage.operands[i].layout = layouts[i];
        assert_ok(trii_arena_resolve(nn->arena, handles[i], &s->stage.operands[i].region, &err));
    }
}

static inline void nn_stage_finish(struct nn_stage *s) {
    struct tri_error err = {0};
    trii_task_release(&s->task);
    if (s->mask != s->image)
        assert_ok(tri_arena_free_shared(s->nn->arena, s->mask, &err));
    assert_ok(tri_arena_free_shared(s->nn->arena, s->image, &err));
}

static inline uint8_t *nn_image(struct nn_stage *s) {
    return s->stage.operands[0].region.bytes;
}

static inline float *nn_mask(struct nn_stage *s) {
    return (float *)(void *)s->stage.operands[1].region.bytes;
}

static inline size_t nn_mask_bytes(const struct nn_stage *s) {
    const struct tri_layout *layout = &s->stage.operands[1].layout;
    return (size_t)(layout->shape[0] * layout->shape[1] * sizeof(float));
}

static inline void nn_prepare(struct nn_stage *s) {
    struct tri_error err = {0};
    assert_ok(trii_task_prepare(s->nn->engine, &s->stage, &s->task, &err));
}

static inline void nn_run(struct nn_stage *s) {
    struct tri_error err = {0};
    struct trii_fence fence;
    trii_fence_init(&fence);
    assert_ok(trii_task_submit(s->task, &fence, &err));
    assert_ok(trii_task_wait(s->task, &fence, TRI_FOREVER, &err));
}

/* Something that is neither flat nor noise: the same for the same numbers. */
static inline void nn_draw(struct nn_stage *s, unsigned seed) {
    const struct tri_layout *layout = &s->stage.operands[0].layout;
    uint64_t height = layout->shape[0], width = layout->shape[1];
    for (uint64_t y = 0; y < height; y++)
        for (uint64_t x = 0; x < width; x++)
            for (uint64_t c = 0; c < 4; c++)
                nn_image(s)[(y * width + x) * 4 + c] =
                    (uint8_t)((x * 255 / width * (c + 1) + y * 255 / height * (4 - c) + seed * 37) >> 2);
}

#endif
