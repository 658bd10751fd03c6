/*
 * webnn: `detect_faces` on the portrait - the face is where it is, each square gives the same alone as among others, a
 * stage runs again without allocating, and every allocation of prepare may fail.
 */
#include "webnn_kit.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "effects.h"

#include <tripoint/media.h>

#include <math.h>

struct faces {
    struct nn nn;
    struct trii_size size;      /* of the picture */
    tri_handle image;
    tri_handle operands[3];     /* tiles, raw, scores */
    uint32_t squares;
    struct trii_stage stage;
    struct trii_task *task;
};

static struct trii_operand operand(struct faces *f, size_t i, const struct tri_layout *layout) {
    struct trii_operand out = {.info = &f->stage.op->info.operands[i], .layout = *layout};
    struct tri_error err = {0};
    uint64_t bytes;
    assert_ok(tri_layout_bytes_needed(layout, &bytes, &err));
    assert_ok(tri_arena_allocate_shared(f->nn.arena, bytes, &f->operands[i], &err));
    assert_ok(trii_arena_resolve(f->nn.arena, f->operands[i], &out.region, &err));
    return out;
}

/* The portrait cut into the squares of some levels. */
static void begin(struct faces *f, uint32_t levels) {
    struct tri_error err = {0};
    struct tri_layout out[2];
    struct tri_image *image;
    struct trii_region pixels;
    *f = (struct faces){.nn = nn_open(0, nn_cache()), .size = {512, 512}};
    f->squares = trii_faces_tiles(f->size, levels);
    f->stage = (struct trii_stage){.name = "look", .op = trii_op_find("detect_faces"), .operand_count = 3};
    const struct tri_layout tiles = tri_layout_image(f->squares * TRII_TILE_SIDE, TRII_TILE_SIDE, 4, TRI_DTYPE_U8);
    assert_ok(f->stage.op->infer(f->stage.op, &f->stage.args, &tiles, out, &err));
    f->stage.operands[0] = operand(f, 0, &tiles);
    f->stage.operands[1] = operand(f, 1, &out[0]);
    f->stage.operands[2] = operand(f, 2, &out[1]);
    assert_ok(tri_arena_allocate_shared(f->nn.arena, 512 * 512 * 4, &f->image, &err));
    assert_ok(trii_arena_resolve(f->nn.arena, f->image, &pixels, &err));
    assert_ok(tri_image_open_file(TEST_SAMPLES "/astronaut.png", &image, &err));
    assert_ok(tri_image_decode(image, f->nn.arena, f->image, &err));
    tri_image_close(&image);
    for (uint32_t i = 0; i < f->squares; i++) {
        const struct trii_tile tile = trii_faces_tile(f->size, i);
        trii_effects_best()->tiles(pixels.bytes, f->size, &tile, 1,
                                   f->stage.operands[0].region.bytes + (size_t)i * TRII_TILE_SIDE * TRII_TILE_SIDE * 4);
    }
}

static void end(struct faces *f) {
    trii_task_release(&f->task);
    nn_close(&f->nn);
}

static void run(struct faces *f) {
    struct tri_error err = {0};
    struct trii_fence fence;
    trii_fence_init(&fence);
    assert_ok(trii_task_submit(f->task, &fence, &err));
    assert_ok(trii_task_wait(f->task, &fence, TRI_FOREVER, &err));
}

static const float *numbers(const struct faces *f, size_t i) {
    return (const float *)(const void *)f->stage.operands[i].region.bytes;
}

static void the_face_is_where_it_is(void **state) {
    struct tri_error err = {0};
    (void)state;
    for (uint32_t levels = 1; levels <= 2; levels++) {
        struct faces f;
        float boxes[8 * 5];
        begin(&f, levels);
        void *scratch = malloc(trii_faces_scratch());
        assert_ok(trii_task_prepare(f.nn.engine, &f.stage, &f.task, &err));
        run(&f);
        trii_faces_find(numbers(&f, 1), numbers(&f, 2), f.squares, f.size, 0.7f, 8, boxes, scratch);
        /* 174, 72, 104 by 104 of 512 with MediaPipe's own graph; our squares are scaled a little differently. */
        assert_true(fabsf(boxes[0] * 512 - 175) < 8 && fabsf(boxes[1] * 512 - 76) < 8);
        assert_true(fabsf(boxes[2] * 512 - 99) < 10 && fabsf(boxes[3] * 512 - 99) < 10);
        assert_true(boxes[4] > 0.85f);
        assert_true(boxes[9] == 0.0f); /* nobody else */
        free(scratch);
        end(&f);
    }
}

/* What a square gives does not depend on what was looked at before. */
static void squares_do_not_know_each_other(void **state) {
    struct tri_error err = {0};
    struct faces whole, one;
    (void)state;
    begin(&whole, 2);
    begin(&one, 1);
    assert_ok(trii_task_prepare(whole.nn.engine, &whole.stage, &whole.task, &err));
    assert_ok(trii_task_prepare(one.nn.engine, &one.stage, &one.task, &err));
    run(&whole);
    for (uint32_t i = 0; i < whole.squares; i += 3) {
        memcpy(one.stage.operands[0].region.bytes,
               whole.stage.operands[0].region.bytes + (size_t)i * TRII_TILE_SIDE * TRII_TILE_SIDE * 4,
               TRII_TILE_SIDE * TRII_TILE_SIDE * 4);
        run(&one);
        assert_memory_equal(numbers(&one, 1), numbers(&whole, 1) + (size_t)i * 896 * 16, 896 * 16 * sizeof(float));
        assert_memory_equal(numbers(&one, 2), numbers(&whole, 2) + (size_t)i * 896, 896 * sizeof(float));
    }
    const uint64_t before = trii_alloc_count();
    run(&whole);
    assert_int_equal(trii_alloc_count() - before, 0);
    end(&one);
    end(&whole);
}

static void every_allocation_of_prepare_fails_once(void **state) {
    struct faces f;
    (void)state;
    begin(&f, 2);
    for (unsigned n = 0;; n++) {
        struct tri_error err = {0};
        assert_true(n < 100);
        trii_fault_arm(TRII_FAULT_ALLOC, n);
        const tri_status status = trii_task_prepare(f.nn.engine, &f.stage, &f.task, &err);
        if (!trii_fault_disarm(TRII_FAULT_ALLOC)) {
            assert_ok(status);
            break;
        }
        if (status == TRI_OK) /* the cache's: it is no obligation */
            trii_task_release(&f.task);
        else
            assert_true(strlen(err.message) > 10);
    }
    run(&f);
    end(&f);
}

/* What does not fit is told with what would. */
static void squares_of_another_size_are_refused(void **state) {
    const struct trii_op *op = trii_op_find("detect_faces"), *decode = trii_op_find("decode_faces");
    const struct tri_layout wrong[] = {tri_layout_image(128, 64, 4, TRI_DTYPE_U8), tri_layout_image(200, 128, 4, TRI_DTYPE_U8)};
    struct tri_layout out[2], in[3];
    struct trii_args args;
    struct tri_error err = {0};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_status(op->infer(op, &args, &wrong[i], out, &err), TRI_BAD_PIPELINE);
        assert_non_null(strstr(err.message, "face_tiles makes them"));
    }
    const struct tri_layout tiles = tri_layout_image(7 * 128, 128, 4, TRI_DTYPE_U8);
    assert_ok(op->infer(op, &args, &tiles, in, &err));
    in[2] = tri_layout_image(1000, 1600, 4, TRI_DTYPE_U8); /* 7 squares at 2 levels */
    assert_ok(trii_args_resolve(decode, NULL, 0, &args, &err));
    assert_ok(decode->infer(decode, &args, in, out, &err));
    in[2] = tri_layout_image(512, 512, 4, TRI_DTYPE_U8); /* 1, 10, 59, 284 */
    assert_status(decode->infer(decode, &args, in, out, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "1, 10, 59 or 284"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_face_is_where_it_is),
        cmocka_unit_test(squares_do_not_know_each_other),
        cmocka_unit_test(every_allocation_of_prepare_fails_once),
        cmocka_unit_test(squares_of_another_size_are_refused),
    };
    (void)nn_cache();
    return cmocka_run_group_tests_name("webnn_faces", tests, NULL, nn_remove_cache);
}
