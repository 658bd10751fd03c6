/*
 * The effects' kernels: the two sets agree to the bit on random shapes, and they do what they should - a blur is close to
 * a Gaussian, what is composed is what whole numbers say, a mask moves to the image's edge, what is in a box is gone.
 */
#include "kit.h"
#include "random.h"

#include "effects.h"
#include "engine/op.h"

#include <math.h>

static void *noise(size_t bytes) {
    uint8_t *out = malloc(bytes ? bytes : 1);
    assert_non_null(out);
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)random_below(256);
    return out;
}

static float *fractions(size_t count) {
    float *out = malloc((count ? count : 1) * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < count; i++)
        out[i] = (float)random_below(1u << 24) / (float)((1u << 24) - 1);
    return out;
}

static size_t pixels(struct trii_size size) {
    return (size_t)size.width * size.height;
}

/* ---- both sets ---- */

struct scene {
    struct trii_size size, other;
    uint8_t *image, *second;
    float *mask;
    double sigma;
    struct trii_blur blur;
    struct trii_refine refine;
    struct trii_hide hide;
    float boxes[4 * 5];
    struct trii_tile tiles[2];
    void *scratch;
};

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

static void make_scene(struct scene *s) {
    *s = (struct scene){.size = {1 + random_below(90), 1 + random_below(70)}, .other = {1 + random_below(40), 1 + random_below(50)}};
    s->image = noise(pixels(s->size) * 4);
    s->second = noise(pixels(s->size) * 4);
    s->mask = fractions(pixels(s->other));
    s->sigma = random_below(4) ? random_below(1000) / 50.0 : random_below(300);
    s->blur = trii_blur_plan(s->sigma, s->size);
    s->refine = trii_refine_plan(1 + random_below(6), 0.02 + random_below(100) / 500.0, 0.1, 0.8);
    s->hide = (struct trii_hide){4, 1 + random_below(12), (float)random_below(100) / 100.0f, random_below(2), random_below(2)};
    for (int i = 0; i < 20; i++)
        s->boxes[i] = (float)random_below(1000) / 1000.0f + (i % 5 == 4 ? 0.1f : -0.1f);
    s->tiles[0] = trii_faces_tile(s->size, 0);
    s->tiles[1] = trii_faces_tile(s->size, 1);
    size_t bytes = trii_blur_scratch(&s->blur, s->size);
    bytes = most(bytes, trii_refine_scratch(s->size, s->other, s->refine.radius));
    bytes = most(bytes, trii_blend_scratch(s->size, s->other));
    s->scratch = calloc(1, most(bytes, trii_hide_scratch(&s->hide)));
    assert_non_null(s->scratch);
}

static void free_scene(struct scene *s) {
    free(s->image);
    free(s->second);
    free(s->mask);
    free(s->scratch);
}

enum { BLUR, COMPOSITE, FLATTEN, BLEND, OUTSIDE, UNMIX, COVER, REFINE, STEADY, TILES, HIDE, EFFECTS };
static const char *const names[EFFECTS] = {"blur",  "composite", "flatten", "blend", "apply outside", "unmix",
                                           "cover", "refine",    "steady",  "tiles", "hide"};

static size_t result_bytes(const struct scene *s, int effect) {
    return effect == COVER    ? pixels(s->other) * 4
           : effect == STEADY ? pixels(s->other) * 8
           : effect == TILES  ? (size_t)2 * TRII_TILE_SIDE * TRII_TILE_SIDE * 4
                              : pixels(s->size) * 4;
}

static void run_rows(const struct trii_effects *set, const struct scene *s, int effect, struct trii_rows rows, uint8_t *out) {
    switch (effect) {
    case BLUR:
        set->blur(s->image, s->size, &s->blur, out, rows, s->scratch);
        break;
    case BLEND:
        set->blend(s->image, s->second, s->size.width % 2 ? 255 : 0, s->size, s->mask, s->other, out, rows, s->scratch);
        break;
    case OUTSIDE:
        set->apply_outside(s->image, s->size, s->mask, s->other, out, rows, s->scratch);
        break;
    case UNMIX:
        set->unmix(&(struct trii_unmix){s->image, s->second, s->image}, s->size, s->mask, s->other, out, rows,
                   s->scratch);
        break;
    default:
        set->cover(s->image, s->size, out, s->other, rows);
    }
}

/* The plain set makes all rows at once, the fast one in parts that begin anywhere; in place (blur reads what is beside a
 * part) it is one. */
static void run(const struct trii_effects *set, const struct scene *s, int effect, uint8_t *out) {
    static const uint8_t rgb[3] = {10, 200, 77};
    float *numbers = (float *)(void *)out;
    const uint32_t height = effect == COVER ? s->other.height : s->size.height;
    const uint32_t cut = set == &trii_effects_plain || out == s->image ? 0 : random_below(height + 1);
    switch (effect) {
    case BLUR:
    case BLEND:
    case OUTSIDE:
    case UNMIX:
    case COVER:
        run_rows(set, s, effect, (struct trii_rows){cut, height}, out);
        run_rows(set, s, effect, (struct trii_rows){0, cut}, out);
        break;
    case COMPOSITE:
        set->composite(s->image, s->second, s->size, out);
        break;
    case FLATTEN:
        set->flatten(s->image, rgb, s->size, out);
        break;
    case REFINE:
        set->refine(s->image, s->size, s->mask, s->other, &s->refine, numbers, s->scratch);
        break;
    case STEADY:
        for (size_t i = 0; i < pixels(s->other); i++)
            numbers[pixels(s->other) + i] = i % 3 ? 1.5f : 0.0f;
        set->steady(s->mask, pixels(s->other), 0.2f, 2.5f, numbers, numbers + pixels(s->other));
        break;
    case TILES:
        set->tiles(s->image, s->size, s->tiles, 2, out);
        break;
    default:
        set->hide(s->image, s->size, s->boxes, &s->hide, out, s->scratch);
    }
}

static void the_fast_set_agrees_with_the_plain_one(void **state) {
    (void)state;
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2"))
        skip_because("this processor has no AVX2");
    for (int round = 0; round < 150; round++) {
        struct scene s;
        make_scene(&s);
        for (int effect = 0; effect < EFFECTS; effect++) {
            const size_t bytes = result_bytes(&s, effect);
            uint8_t *plain = noise(bytes), *fast = noise(bytes);
            run(&trii_effects_plain, &s, effect, plain);
            run(&trii_effects_avx2, &s, effect, fast);
            for (size_t i = 0; i < bytes; i++)
                if (plain[i] != fast[i])
                    fail_msg("%s, %ux%u, %ux%u, sigma %g: byte %zu is %d, wanted %d", names[effect], s.size.width,
                             s.size.height, s.other.width, s.other.height, s.sigma, i, fast[i], plain[i]);
            free(plain);
            free(fast);
        }
        free_scene(&s);
    }
#else
    skip_because("there is no fast set for this processor");
#endif
}

static void in_place_is_the_same(void **state) {
    static const int effects[] = {BLUR, COMPOSITE, FLATTEN, BLEND, OUTSIDE, UNMIX, HIDE};
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct scene s;
        make_scene(&s);
        for (size_t k = 0; k < sizeof effects / sizeof *effects; k++) {
            const size_t bytes = result_bytes(&s, effects[k]);
            uint8_t *apart = noise(bytes), *kept = malloc(bytes);
            memcpy(kept, s.image, bytes);
            run(trii_effects_best(), &s, effects[k], apart);
            run(trii_effects_best(), &s, effects[k], s.image);
            if (memcmp(apart, s.image, bytes) != 0)
                fail_msg("%s differs in place at %ux%u", names[effects[k]], s.size.width, s.size.height);
            memcpy(s.image, kept, bytes);
            free(apart);
            free(kept);
        }
        free_scene(&s);
    }
}

/* ---- what they should do ---- */

/* A row of a true Gaussian's response: the image is f(x) in every row. */
static void a_blur_is_a_gaussian(void **state) {
    enum { WIDE = 600, HIGH = 300 };
    static const double sigmas[] = {1, 2, 3.9, 4, 6, 8, 15.9, 16, 32};
    uint8_t *image = malloc(WIDE * HIGH * 4), *out = malloc(WIDE * HIGH * 4);
    const struct trii_size size = {WIDE, HIGH};
    (void)state;
    for (size_t i = 0; i < WIDE * HIGH; i++) { /* a step, and thin lines beside it */
        const size_t x = i % WIDE;
        const uint8_t v = x >= 300 || x == 250 || x == 200 || x == 201 ? 255 : 0;
        memcpy(image + i * 4, (uint8_t[4]){v, (uint8_t)(255 - v), 80, 255}, 4);
    }
    for (size_t k = 0; k < sizeof sigmas / sizeof *sigmas; k++) {
        const struct trii_blur blur = trii_blur_plan(sigmas[k], size);
        void *scratch = malloc(trii_blur_scratch(&blur, size));
        trii_effects_best()->blur(image, size, &blur, out, trii_all_rows(size), scratch);
        for (int x = 100; x < 500; x++) {
            double sum = 0, weights = 0;
            for (int i = 0; i < WIDE; i++) {
                const double d = (i - x) / sigmas[k], w = exp(-d * d / 2);
                sum += w * image[(150 * WIDE + i) * 4];
                weights += w;
            }
            const uint8_t *got = out + (150 * WIDE + x) * 4;
            if (fabs(got[0] - sum / weights) > 3 || fabs(got[1] - (255 - sum / weights)) > 3)
                fail_msg("sigma %g, x %d: %d, a Gaussian gives %.2f", sigmas[k], x, got[0], sum / weights);
            assert_int_equal(got[2], 80);
            assert_int_equal(got[3], 255);
        }
        free(scratch);
    }
    free(image);
    free(out);
}

static void what_is_transparent_does_not_bleed(void **state) {
    static const double sigmas[] = {2, 20};
    const struct trii_size size = {120, 60};
    uint8_t *image = malloc(pixels(size) * 4);
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const struct trii_blur blur = trii_blur_plan(sigmas[k], size);
        void *scratch = malloc(trii_blur_scratch(&blur, size));
        for (size_t i = 0; i < pixels(size); i++)
            memcpy(image + i * 4, i % 120 < 60 ? (uint8_t[4]){200, 100, 50, 255} : (uint8_t[4]){0, 255, 255, 0}, 4);
        trii_effects_best()->blur(image, size, &blur, image, trii_all_rows(size), scratch);
        for (size_t i = 0; i < pixels(size); i++)
            if (image[i * 4 + 3] > 0 && (image[i * 4] != 200 || image[i * 4 + 1] != 100 || image[i * 4 + 2] != 50))
                fail_msg("sigma %g: %d %d %d", sigmas[k], image[i * 4], image[i * 4 + 1], image[i * 4 + 2]);
        free(scratch);
    }
    free(image);
}

static void composing_is_whole_numbers(void **state) {
    enum { COUNT = 1 << 16 };
    uint8_t *front = noise(COUNT * 4), *behind = noise(COUNT * 4), *out = noise(COUNT * 4);
    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) { /* every pair of alphas */
        front[i * 4 + 3] = (uint8_t)(i & 255);
        behind[i * 4 + 3] = (uint8_t)(i >> 8);
    }
    for (int set = 0; set < 2; set++) {
        (set ? trii_effects_best() : &trii_effects_plain)->composite(front, behind, (struct trii_size){256, 256}, out);
        for (uint32_t i = 0; i < COUNT; i++) {
            const uint8_t *f = front + i * 4, *b = behind + i * 4;
            const uint32_t wf = f[3] * 255u, wb = b[3] * (255u - f[3]), n = wf + wb;
            assert_int_equal(out[i * 4 + 3], (n + 127) / 255);
            for (int c = 0; c < 3; c++)
                assert_int_equal(out[i * 4 + (uint32_t)c], n ? (f[c] * wf + b[c] * wb + n / 2) / n : 0);
        }
    }
    free(front);
    free(behind);
    free(out);
}

/* A pixel that is half a red subject and half a blue background becomes red; what is all subject stays as it is. */
static void unmixing_gives_the_subject_back(void **state) {
    const struct trii_size size = {40, 1};
    uint8_t image[40 * 4], inner[40 * 4], outer[40 * 4], out[40 * 4], scratch[4096];
    float mask[40];
    (void)state;
    for (int i = 0; i < 40; i++) {
        mask[i] = (float)i / 39.0f;
        for (int c = 0; c < 3; c++)
            image[i * 4 + c] = (uint8_t)((c == 0 ? 200 : c == 2 ? 20 : 40) * mask[i] +
                                         (c == 0 ? 10 : c == 2 ? 220 : 40) * (1 - mask[i]) + 0.5f);
        image[i * 4 + 3] = (uint8_t)(i + 1);
        memcpy(inner + i * 4, (uint8_t[4]){200, 40, 20, 255}, 4);
        memcpy(outer + i * 4, (uint8_t[4]){10, 40, 220, 255}, 4);
    }
    trii_effects_best()->unmix(&(struct trii_unmix){image, inner, outer}, size, mask, size, out, trii_all_rows(size),
                               scratch);
    for (int i = 0; i < 40; i++) {
        assert_true(abs(out[i * 4] - 200) <= 1 && abs(out[i * 4 + 1] - 40) <= 1 && abs(out[i * 4 + 2] - 20) <= 1);
        assert_int_equal(out[i * 4 + 3], i + 1);
    }
    inner[20 * 4 + 3] = 0; /* nothing is known of the subject there */
    trii_effects_best()->unmix(&(struct trii_unmix){image, inner, outer}, size, mask, size, out, trii_all_rows(size),
                               scratch);
    assert_memory_equal(out + 20 * 4, image + 20 * 4, 4);
}

/* The mask's edge is a cell, 4 pixels, off the image's: refined, it lies there. */
static void a_refined_mask_lies_on_the_edge(void **state) {
    const struct trii_size size = {256, 256}, coarse = {64, 64};
    const struct trii_refine refine = trii_refine_plan(4, 0.02, 0.1, 0.9);
    uint8_t *image = malloc(pixels(size) * 4);
    float *mask = malloc(pixels(coarse) * sizeof *mask), *out = malloc(pixels(size) * sizeof *out);
    void *scratch = malloc(trii_refine_scratch(size, coarse, refine.radius));
    (void)state;
    for (size_t i = 0; i < pixels(size); i++)
        memcpy(image + i * 4, i % 256 < 132 ? (uint8_t[4]){180, 60, 40, 255} : (uint8_t[4]){30, 90, 160, 255}, 4);
    for (size_t i = 0; i < pixels(coarse); i++)
        mask[i] = i % 64 < 32 ? 1.0f : 0.0f;
    trii_effects_best()->refine(image, size, mask, coarse, &refine, out, scratch);
    for (size_t y = 40; y < 216; y++) {
        assert_true(out[y * 256 + 115] > 0.95f && out[y * 256 + 131] > 0.6f);
        assert_true(out[y * 256 + 132] < 0.05f && out[y * 256 + 150] < 0.05f);
    }
    free(image);
    free(mask);
    free(out);
    free(scratch);
}

static void steady_follows_what_moves(void **state) {
    const float flicker[4] = {0.50f, 0.58f, 0.46f, 0.55f};
    float held = 0, still_state = 0, moving_state = 0, out = 0;
    (void)state;
    for (int frame = 0; frame < 4; frame++) {
        trii_effects_best()->steady(&flicker[frame], 1, 0.2f, 2.5f, &held, &still_state);
        if (frame == 0)
            assert_true(held == flicker[0]); /* the first one passes */
        else
            assert_true(fabsf(held - 0.5f) < 0.05f);
    }
    trii_effects_best()->steady(&(float){0.1f}, 1, 0.2f, 2.5f, &out, &moving_state);
    trii_effects_best()->steady(&(float){0.9f}, 1, 0.2f, 2.5f, &out, &moving_state);
    assert_true(fabsf(out - 0.9f) < 1e-6f); /* a change of 0.4 or more is taken over at once */
}

static void what_is_in_a_box_is_gone(void **state) {
    const struct trii_size size = {200, 160};
    const float boxes[3 * 5] = {0.25f, 0.25f, 0.25f, 0.25f, 0.9f, 0, 0, 0, 0, 0, 0.7f, 0.7f, 0.1f, 0.1f, 0.9f};
    uint8_t *image = noise(pixels(size) * 4), *out = malloc(pixels(size) * 4);
    (void)state;
    for (uint32_t style = 0; style < 4; style++) {
        const struct trii_hide hide = {3, 4, 0.1f, style & 1, style >> 1};
        void *scratch = malloc(trii_hide_scratch(&hide));
        trii_effects_best()->hide(image, size, boxes, &hide, out, scratch);
        for (uint32_t y = 0; y < size.height; y++)
            for (uint32_t x = 0; x < size.width; x++) {
                const uint8_t *was = image + (y * size.width + x) * 4, *is = out + (y * size.width + x) * 4;
                assert_int_equal(is[3], was[3]);
                if (x > 65 && x < 85 && y > 55 && y < 65) /* means of noise are grey */
                    assert_true(abs(is[0] - 128) < 45 && abs(is[1] - 128) < 45 && abs(is[2] - 128) < 45);
                if (x < 44 || x > 106 || y < 35 || y > 85) /* the list ends before the last box */
                    assert_memory_equal(is, was, 4);
            }
        free(scratch);
    }
    free(image);
    free(out);
}

/* Levels of an image: how many squares, and that they cover it. */
static void squares_cover_the_image(void **state) {
    static const struct trii_size sizes[] = {{512, 512}, {1600, 1000}, {1, 1}, {7, 300}, {4000, 3000}};
    (void)state;
    assert_int_equal(trii_faces_tiles(sizes[0], 1), 1);
    assert_int_equal(trii_faces_tiles(sizes[0], 2), 10);
    assert_int_equal(trii_faces_tiles(sizes[0], 3), 59);
    assert_int_equal(trii_faces_tiles(sizes[0], 4), 284);
    assert_int_equal(trii_faces_tiles(sizes[1], 2), 7);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const uint32_t first = trii_faces_tiles(sizes[i], 2), end = trii_faces_tiles(sizes[i], 3);
        const float side = trii_faces_tile(sizes[i], first).side;
        for (uint32_t y = 0; y < 20; y++)
            for (uint32_t x = 0; x < 20; x++) {
                const float px = (float)sizes[i].width * ((float)x + 0.5f) / 20, py = (float)sizes[i].height * ((float)y + 0.5f) / 20;
                bool seen = false;
                for (uint32_t t = first; t < end && !seen; t++) {
                    const struct trii_tile tile = trii_faces_tile(sizes[i], t);
                    seen = px >= tile.x && px <= tile.x + side && py >= tile.y && py <= tile.y + side;
                }
                assert_true(seen);
            }
    }
}

/* An anchor with no offset, as large as 40 of 128, says where the face is. */
static void a_detection_becomes_a_box_in_the_image(void **state) {
    const struct trii_size size = {640, 320}; /* in its square: 160 rows of black above and below */
    float *raw = calloc(896 * 16, sizeof *raw), *scores = malloc(896 * sizeof *scores), boxes[3 * 5];
    void *scratch = malloc(trii_faces_scratch());
    (void)state;
    for (int i = 0; i < 896; i++)
        scores[i] = -20.0f;
    raw[(8 * 16 + 4) * 2 * 16 + 2] = raw[(8 * 16 + 4) * 2 * 16 + 3] = 40.0f; /* of the 16 x 16 grid: column 4, row 8 */
    scores[(8 * 16 + 4) * 2] = 3.0f;
    raw[(8 * 16 + 4) * 2 * 16 + 16 + 2] = raw[(8 * 16 + 4) * 2 * 16 + 16 + 3] = 38.0f; /* the other anchor there */
    scores[(8 * 16 + 4) * 2 + 1] = 1.0f;
    trii_faces_find(raw, scores, 1, size, 0.5f, 3, boxes, scratch);
    const double w = (40 * 0.952574 + 38 * 0.731059) / (0.952574 + 0.731059) / 128;
    assert_true(fabs(boxes[0] - (4.5 / 16 - w / 2)) < 1e-4 && fabs(boxes[2] - w) < 1e-4);
    assert_true(fabs(boxes[1] - ((8.5 / 16 - w / 2) * 640 - 160) / 320) < 1e-4 && fabs(boxes[3] - 2 * w) < 1e-4);
    assert_true(fabs(boxes[4] - 0.952574) < 1e-5);
    for (int i = 5; i < 15; i++)
        assert_true(boxes[i] == 0.0f);
    trii_faces_find(raw, scores, 1, size, 0.96f, 3, boxes, scratch);
    assert_true(boxes[4] == 0.0f);
    free(raw);
    free(scores);
    free(scratch);
}

/* What has no pixels can't be sampled: refused when a pipeline is planned. */
static void nothing_is_sampled_where_nothing_is(void **state) {
    static const struct {
        const char *op;
        size_t empty;
    } cases[] = {{"blur", 0},   {"blend", 2},      {"unmix", 3},      {"cover", 0},
                 {"refine", 1}, {"hide_boxes", 0}, {"apply_mask", 1}, {"face_tiles", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct trii_op *op = trii_op_find(cases[i].op);
        struct tri_layout in[8], out[8];
        struct trii_args args;
        struct tri_error err = {0};
        assert_ok(trii_args_resolve(op, NULL, 0, &args, &err));
        for (size_t k = 0; k < trii_op_inputs(op); k++) {
            const enum tri_kind kind = op->info.operands[k].kind;
            const uint64_t side = k == cases[i].empty ? 0 : 4;
            in[k] = kind == TRI_KIND_MASK    ? tri_layout_mask(4, side)
                    : kind == TRI_KIND_IMAGE ? tri_layout_image(side, 4, 4, TRI_DTYPE_U8)
                                             : (struct tri_layout){.dtype = TRI_DTYPE_F32,
                                                                   .kind = kind,
                                                                   .rank = 2,
                                                                   .shape = {3, 5}};
        }
        if (op->infer(op, &args, in, out, &err) != TRI_BAD_PIPELINE)
            fail_msg("%s takes what is empty", cases[i].op);
        assert_true(strlen(err.message) > 20);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fast_set_agrees_with_the_plain_one),
        cmocka_unit_test(in_place_is_the_same),
        cmocka_unit_test(a_blur_is_a_gaussian),
        cmocka_unit_test(what_is_transparent_does_not_bleed),
        cmocka_unit_test(composing_is_whole_numbers),
        cmocka_unit_test(unmixing_gives_the_subject_back),
        cmocka_unit_test(a_refined_mask_lies_on_the_edge),
        cmocka_unit_test(steady_follows_what_moves),
        cmocka_unit_test(what_is_in_a_box_is_gone),
        cmocka_unit_test(nothing_is_sampled_where_nothing_is),
        cmocka_unit_test(squares_cover_the_image),
        cmocka_unit_test(a_detection_becomes_a_box_in_the_image),
    };
    return cmocka_run_group_tests_name("effects", tests, NULL, NULL);
}
