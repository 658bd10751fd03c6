/* webnn: segment against stored expectations, in place, at many sizes, from the cache, and from several threads. */
#include "webnn_kit.h"

#include "base/alloc.h"

#include <pthread.h>

static void decode_portrait(struct nn_stage *s) {
    struct tri_image *image;
    struct tri_error err = {0};
    assert_ok(tri_image_open_file(TEST_SAMPLES "/astronaut.png", &image, &err));
    assert_ok(tri_image_decode(image, s->nn->arena, s->image, &err));
    tri_image_close(&image);
}

/* Computed apart from OpenVINO: the photo resized with numpy (two taps, half-pixel centres, no antialiasing), / 255,
 * then the ONNX file in ONNX Runtime 1.32. Samples are on the mask's edge, where a wrong channel order, scale or
 * precision shows first; 1e-3 is more than what another CPU's rounding does. */
static const struct {
    const char *model;
    float mean, area;
    int first_row;
    struct {
        int y, x;
        float value;
    } sample[6];
} golden[] = {
    {"selfie", 0.544346f, 0.544998f, 7,
     {{235, 123, 0.729896f}, {185, 0, 0.218415f}, {253, 87, 0.812311f}, {179, 5, 0.195522f}, {10, 10, 0.0f},
      {128, 128, 1.0f}}},
    {"selfie-landscape", 0.553067f, 0.546414f, 4,
     {{118, 244, 0.590097f}, {93, 216, 0.406862f}, {138, 96, 0.734711f}, {91, 205, 0.518517f}, {10, 10, 0.0f},
      {72, 128, 1.0f}}},
};

static void assert_golden(struct nn_stage *s, size_t which) {
    const struct tri_layout *layout = &s->stage.operands[1].layout;
    const int height = (int)layout->shape[0], width = (int)layout->shape[1];
    const float *mask = nn_mask(s);
    double sum = 0;
    int area = 0;
    int first = height;
    for (int i = 0; i < height * width; i++) {
        assert_true(mask[i] >= 0.0f && mask[i] <= 1.0f);
        sum += (double)mask[i];
        area += mask[i] > 0.5f ? 1 : 0;
        if (mask[i] > 0.5f && i / width < first)
            first = i / width;
    }
    assert_float_equal((float)(sum / (height * width)), golden[which].mean, 1e-4f);
    assert_float_equal((float)area / (float)(height * width), golden[which].area, 2e-4f);
    assert_int_equal(first, golden[which].first_row);
    for (int i = 0; i < 6; i++)
        assert_float_equal(mask[golden[which].sample[i].y * width + golden[which].sample[i].x],
                           golden[which].sample[i].value, 1e-3f);
}

static void the_portrait_gives_the_stored_mask(void **state) {
    (void)state;
    struct nn nn = nn_open(0, nn_cache());
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct nn_stage s;
        nn_stage_init(&s, &nn, golden[i].model, 512, 512, false);
        nn_prepare(&s);
        decode_portrait(&s);
        nn_run(&s);
        assert_golden(&s, i);
        nn_stage_finish(&s);
    }
    nn_close(&nn);
}

static void in_place_gives_the_same_bits(void **state) {
    (void)state;
    struct nn nn = nn_open(0, nn_cache());
    struct nn_stage apart, same;
    nn_stage_init(&apart, &nn, "selfie", 512, 512, false);
    nn_stage_init(&same, &nn, "selfie", 512, 512, true);
    nn_prepare(&apart);
    nn_prepare(&same);
    for (unsigned i = 0; i < 8; i++) {
        nn_draw(&apart, i);
        nn_draw(&same, i);
        nn_run(&apart);
        nn_run(&same);
        assert_memory_equal(nn_mask(&apart), nn_mask(&same), nn_mask_bytes(&apart));
    }
    nn_stage_finish(&apart);
    nn_stage_finish(&same);
    nn_close(&nn);
}

/* Sizes below, at and above the model's own; one pixel; thin ones; in place where the mask is larger than the image.
 * Alpha does not matter, and nothing behind the mask is written. */
static void any_size_works_and_alpha_is_ignored(void **state) {
    static const uint64_t sizes[][2] = {{256, 256}, {1, 1}, {1, 300}, {300, 1}, {97, 131}, {720, 1280}};
    (void)state;
    struct nn nn = nn_open(0, "");
    float first[256 * 256];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct nn_stage s;
        nn_stage_init(&s, &nn, "selfie", sizes[i][0], sizes[i][1], false);
        nn_prepare(&s);
        nn_draw(&s, 3);
        nn_run(&s);
        memcpy(first, nn_mask(&s), sizeof first);
        for (uint64_t p = 0; p < sizes[i][0] * sizes[i][1]; p++)
            nn_image(&s)[p * 4 + 3] ^= 0x5a;
        nn_run(&s);
        assert_memory_equal(first, nn_mask(&s), sizeof first);
        nn_stage_finish(&s);
        nn_stage_init(&s, &nn, "selfie", sizes[i][0], sizes[i][1], true);
        nn_prepare(&s);
        nn_draw(&s, 3);
        nn_run(&s);
        assert_memory_equal(first, nn_mask(&s), sizeof first);
        nn_stage_finish(&s);
    }
    nn_close(&nn);
}

/* A model from the cache is the model that was compiled; an entry that is damaged anywhere is compiled again. */
static void the_cache_changes_nothing(void **state) {
    (void)state;
    char damage[160];
    float first[144 * 256];
    for (int round = 0; round < 4; round++) {
        struct nn nn = nn_open(1, nn_cache());
        struct nn_stage s;
        nn_stage_init(&s, &nn, "selfie-landscape", 200, 300, round % 2);
        nn_prepare(&s);
        nn_draw(&s, 5);
        nn_run(&s);
        if (round == 0)
            memcpy(first, nn_mask(&s), sizeof first);
        assert_memory_equal(first, nn_mask(&s), sizeof first);
        assert_int_equal(((struct trii_nn *)nn.engine)->models->blob.bytes != NULL, round == 1 || round == 3);
        nn_stage_finish(&s);
        nn_close(&nn);
        if (round == 1) { /* every entry loses its middle */
            snprintf(damage, sizeof damage,
                     "for f in '%s'/openvino/*; do "
                     "printf broken | dd of=\"$f\" bs=1 seek=4100 conv=notrunc 2>/dev/null; done", nn_cache());
            assert_int_equal(system(damage), 0);
        }
    }
}

/* Before a process ends without closing: what was compiled is in the cache, whether or not there was an inference. */
static void settling_saves(void **state) {
    (void)state;
    for (int infer = 0; infer < 2; infer++) {
        struct nn nn = nn_open(1, nn_cache());
        struct trii_nn *inside = (struct trii_nn *)nn.engine;
        struct trii_cached entry;
        struct nn_stage s;
        nn_stage_init(&s, &nn, "selfie", 121, 130 + (unsigned)infer, false);
        nn_prepare(&s);
        assert_true(inside->models->unsaved);
        if (infer)
            nn_run(&s);
        trii_engine_settle(nn.engine);
        assert_false(inside->models->unsaved);
        assert_true(trii_cache_find(inside->cache, inside->models->key, &entry));
        trii_cached_release(&entry);
        trii_engine_settle(nn.engine); /* nothing left to do */
        nn_stage_finish(&s);
        nn_close(&nn);
    }
}

/* OpenVINO itself refuses what is no compiled model; a sound entry with such content is compiled over. */
static void a_foreign_blob_is_not_taken(void **state) {
    (void)state;
    struct nn nn = nn_open(1, nn_cache());
    struct trii_nn *inside = (struct trii_nn *)nn.engine;
    struct nn_stage s;
    nn_stage_init(&s, &nn, "selfie", 111, 111, false);
    static uint8_t nonsense[50000];
    for (size_t i = 0; i < sizeof nonsense; i++)
        nonsense[i] = (uint8_t)(i * i >> 3);
    nn_prepare(&s); /* once, to learn the key; it is saved when it is released */
    char *key = trii_strdup(inside->models->key);
    trii_task_release(&s.task);
    assert_true(trii_cache_store(inside->cache, key, nonsense, sizeof nonsense));
    nn_prepare(&s);
    assert_string_equal(inside->models->key, key);
    assert_null(inside->models->blob.bytes);
    nn_run(&s);
    trii_free(key);
    nn_stage_finish(&s);
    nn_close(&nn);
}

static void a_run_allocates_nothing(void **state) {
    (void)state;
    struct nn nn = nn_open(0, nn_cache());
    struct nn_stage s;
    nn_stage_init(&s, &nn, "selfie", 512, 512, true);
    nn_prepare(&s);
    nn_run(&s);
    struct trii_nn *inside = (struct trii_nn *)nn.engine;
    pthread_mutex_lock(&inside->mutex); /* a model that was compiled here is saved after its first run */
    while (inside->models->unsaved)
        pthread_cond_wait(&inside->idle, &inside->mutex);
    pthread_mutex_unlock(&inside->mutex);
    uint64_t before = trii_alloc_count();
    for (int i = 0; i < 20; i++)
        nn_run(&s);
    assert_int_equal(trii_alloc_count(), before);
    assert_int_equal(tri_ledger_copies(nn.arena, TRI_LEDGER_BETWEEN), 0);
    nn_stage_finish(&s);
    nn_close(&nn);
}

/* Stages of one model share it; what is in flight at once ends in order, each with its own mask. */
static void many_stages_in_flight_share_a_model(void **state) {
    enum { COUNT = 6 };
    (void)state;
    struct nn nn = nn_open(0, nn_cache());
    struct nn_stage s[COUNT];
    struct trii_fence fences[COUNT];
    struct tri_error err = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        nn_stage_init(&s[i], &nn, "selfie", 256, 256, false);
        nn_prepare(&s[i]);
        nn_draw(&s[i], i % 2);
    }
    assert_int_equal(((struct trii_nn *)nn.engine)->models->users, COUNT);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            trii_fence_init(&fences[i]);
            assert_ok(trii_task_submit(s[i].task, &fences[i], &err));
        }
        assert_ok(trii_task_wait(s[COUNT - 1].task, &fences[COUNT - 1], TRI_FOREVER, &err));
        for (int i = 0; i < COUNT; i++) {
            assert_true(trii_fence_is_done(&fences[i]));
            assert_int_equal(fences[i].status, TRI_OK);
            assert_memory_equal(nn_mask(&s[i]), nn_mask(&s[i % 2]), nn_mask_bytes(&s[i]));
        }
        assert_memory_not_equal(nn_mask(&s[0]), nn_mask(&s[1]), nn_mask_bytes(&s[0]));
    }
    for (int i = 0; i < COUNT; i++)
        nn_stage_finish(&s[i]);
    assert_null(((struct trii_nn *)nn.engine)->models);
    nn_close(&nn);
}

struct runner {
    struct nn_stage stage;
    uint8_t *expected;
    bool same;
    pthread_t thread;
};

static void *run_often(void *user) {
    struct runner *r = user;
    r->same = true;
    for (int i = 0; i < 12; i++) {
        memset(nn_mask(&r->stage), 0, nn_mask_bytes(&r->stage));
        nn_run(&r->stage);
        r->same = r->same && memcmp(nn_mask(&r->stage), r->expected, nn_mask_bytes(&r->stage)) == 0;
    }
    return NULL;
}

/* With streams inferences run at once: each caller still gets its own mask, and all submissions end. */
static void streams_infer_at_once(void **state) {
    enum { COUNT = 4 };
    (void)state;
    struct nn nn = nn_open(1, nn_cache()); /* a thread each, so that as many infer as there are processors */
    struct runner runners[COUNT];
    struct trii_fence fences[COUNT];
    struct tri_error err = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        struct nn_stage *s = &runners[i].stage;
        nn_stage_init(s, &nn, "selfie", 256, 256, false);
        nn_prepare(s);
        nn_draw(s, i);
        nn_run(s);
        runners[i].expected = malloc(nn_mask_bytes(s));
        assert_non_null(runners[i].expected);
        memcpy(runners[i].expected, nn_mask(s), nn_mask_bytes(s));
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(pthread_create(&runners[i].thread, NULL, run_often, &runners[i]), 0);
    for (int i = 0; i < COUNT; i++) {
        pthread_join(runners[i].thread, NULL);
        assert_true(runners[i].same);
    }
    for (int i = 0; i < COUNT; i++) { /* and by nobody in particular */
        trii_fence_init(&fences[i]);
        assert_ok(trii_task_submit(runners[i].stage.task, &fences[i], &err));
    }
    for (int i = COUNT; i-- > 0;)
        assert_ok(trii_task_wait(runners[i].stage.task, &fences[i], TRI_FOREVER, &err));
    for (int i = 0; i < COUNT; i++) {
        free(runners[i].expected);
        nn_stage_finish(&runners[i].stage);
    }
    nn_close(&nn);
}

/* A tensor a layout, found again, over the region's bytes; none left when the region is freed. */
static void tensors_live_as_long_as_their_region(void **state) {
    (void)state;
    struct nn nn = nn_open(1, "");
    const struct trii_openvino *ov = &((struct trii_nn *)nn.engine)->ov;
    const struct tri_layout image = tri_layout_image(3, 5, 4, TRI_DTYPE_U8);
    struct tri_error err = {0};
    struct tri_arena_stats stats;
    struct trii_region resolved;
    struct trii_ov_shape shape = {0};
    void *flat, *shaped, *again, *data;
    tri_handle region;
    assert_ok(tri_arena_allocate_shared(nn.arena, 8000, &region, &err));
    assert_ok(trii_arena_resolve(nn.arena, region, &resolved, &err));
    assert_ok(tri_npu_view(nn.engine, region, &flat, &err));
    assert_ok(tri_region_set_layout(nn.arena, region, &image, &err));
    assert_ok(tri_npu_view(nn.engine, region, &shaped, &err));
    assert_ok(tri_npu_view(nn.engine, region, &again, &err));
    assert_ptr_not_equal(shaped, flat);
    assert_ptr_equal(again, shaped);
    assert_int_equal(ov->tensor_data(shaped, &data), TRII_OV_OK);
    assert_ptr_equal(data, resolved.bytes);
    assert_int_equal(ov->tensor_get_shape(shaped, &shape), TRII_OV_OK);
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.dims[0], 3);
    assert_int_equal(shape.dims[1], 5);
    ov->shape_free(&shape);
    tri_arena_stats(nn.arena, &stats);
    assert_int_equal(stats.views, 2);
    assert_ok(tri_arena_free_shared(nn.arena, region, &err));
    tri_arena_stats(nn.arena, &stats);
    assert_int_equal(stats.views, 0);
    assert_int_equal(stats.doomed, 0);
    nn_close(&nn);
}

static void every_byte_is_seen_through_an_inference(void **state) {
    (void)state;
    struct nn nn = nn_open(1, "");
    struct tri_error err = {0};
    struct trii_region bytes;
    tri_handle region;
    assert_ok(tri_arena_allocate_shared(nn.arena, 300, &region, &err));
    assert_ok(trii_arena_resolve(nn.arena, region, &bytes, &err));
    for (unsigned i = 0; i < 256; i++) {
        uint8_t seen = 0;
        assert_ok(tri_engine_poke(nn.engine, region, 20 + i, (uint8_t)i, &err));
        assert_int_equal(bytes.bytes[20 + i], i);
        bytes.bytes[20 + i] ^= 0x81;
        assert_ok(tri_engine_peek(nn.engine, region, 20 + i, &seen, &err));
        assert_int_equal(seen, i ^ 0x81);
    }
    assert_int_equal(bytes.bytes[19] + bytes.bytes[276], 0);
    nn_close(&nn);
}

/* The thread that waits for a fence may release what the submitting thread acquired. */
struct waiter {
    struct nn_stage *s;
    struct trii_fence *fence;
    tri_claim claim;
    tri_status status;
};

static void *wait_and_release(void *user) {
    struct waiter *w = user;
    struct tri_error err = {0};
    w->status = trii_task_wait(w->s->task, w->fence, TRI_FOREVER, &err);
    if (w->status == TRI_OK)
        w->status = tri_sync_release(tri_arena_sync(w->s->nn->arena), w->claim, &err);
    return NULL;
}

static void another_thread_may_release_the_claim(void **state) {
    (void)state;
    struct nn nn = nn_open(0, nn_cache());
    struct nn_stage s;
    struct trii_fence fence;
    struct tri_error err = {0};
    struct waiter waiter = {.s = &s, .fence = &fence};
    pthread_t thread;
    nn_stage_init(&s, &nn, "selfie", 256, 256, true);
    nn_prepare(&s);
    trii_fence_init(&fence);
    assert_ok(tri_sync_acquire_write(tri_arena_sync(nn.arena), s.stage.operands[0].region.index,
                                     TRI_TECHNOLOGY_WEBNN, NULL, &waiter.claim, &err));
    assert_ok(trii_task_submit(s.task, &fence, &err));
    assert_int_equal(pthread_create(&thread, NULL, wait_and_release, &waiter), 0);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.status, TRI_OK);
    nn_stage_finish(&s);
    nn_close(&nn);
}

/* Engines over arenas of their own, each opened, used and closed by its own thread. */
static void *life(void *user) {
    struct nn nn;
    struct nn_stage s;
    struct tri_error err = {0};
    tri_status *status = user;
    *status = nn_try_open(&nn, 1, nn_cache(), &err);
    if (*status != TRI_OK)
        return NULL;
    nn_stage_init(&s, &nn, "selfie", 64, 64, false);
    nn_draw(&s, 1);
    *status = trii_task_prepare(nn.engine, &s.stage, &s.task, &err);
    for (int i = 0; i < 3 && *status == TRI_OK; i++) {
        struct trii_fence fence;
        trii_fence_init(&fence);
        *status = trii_task_submit(s.task, &fence, &err);
        if (*status == TRI_OK)
            *status = trii_task_wait(s.task, &fence, TRI_FOREVER, &err);
    }
    nn_stage_finish(&s);
    nn_close(&nn);
    return NULL;
}

static void engines_live_beside_each_other(void **state) {
    (void)state;
    struct nn nn = nn_open(1, nn_cache());
    pthread_t threads[3];
    tri_status status[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, life, &status[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(status[i], TRI_OK);
    }
    nn_close(&nn);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_portrait_gives_the_stored_mask),
        cmocka_unit_test(in_place_gives_the_same_bits),
        cmocka_unit_test(any_size_works_and_alpha_is_ignored),
        cmocka_unit_test(the_cache_changes_nothing),
        cmocka_unit_test(settling_saves),
        cmocka_unit_test(a_foreign_blob_is_not_taken),
        cmocka_unit_test(a_run_allocates_nothing),
        cmocka_unit_test(many_stages_in_flight_share_a_model),
        cmocka_unit_test(streams_infer_at_once),
        cmocka_unit_test(tensors_live_as_long_as_their_region),
        cmocka_unit_test(every_byte_is_seen_through_an_inference),
        cmocka_unit_test(another_thread_may_release_the_claim),
        cmocka_unit_test(engines_live_beside_each_other),
    };
    (void)nn_cache();
    return cmocka_run_group_tests(tests, NULL, nn_remove_cache);
}
