/* The tiles of an output: every pixel in exactly one of them, within what a binding and a dispatch allow. */
#include "kit.h"

#include "engine/webgpu/webgpu.h"

struct limits {
    uint64_t binding_bytes;
    uint32_t groups_max, pixels, words;
};

static void check(const struct limits *limits, uint64_t width, uint64_t height) {
    struct trii_gpu_cut cut;
    uint64_t covered = 0, next = 0;
    const struct trii_gpu_pass pass = {.width = width, .height = height, .pixels = limits->pixels, .words = limits->words};
    trii_gpu_cut(limits->binding_bytes, limits->groups_max, &pass, &cut);
    for (uint64_t i = 0; i < cut.across * cut.down; i++) {
        struct trii_gpu_tile tile = {0};
        trii_gpu_tile(&cut, i, &tile);
        const struct trii_gpu_job *job = &tile.job;
        const uint64_t first = (tile.offset / 4 + job->base) / limits->words; /* as the shader counts */
        assert_int_equal((tile.offset / 4 + job->base) % limits->words, 0);
        const uint64_t last = first + (uint64_t)(job->extent[1] - 1) * job->pitch + job->extent[0] - 1;
        assert_int_equal(first, (uint64_t)job->origin[1] * width + job->origin[0]);
        assert_int_equal(first, next); /* tiles follow each other in memory */
        next = last + 1;
        assert_int_equal(tile.offset % 256, 0);
        assert_true(tile.bytes <= limits->binding_bytes);
        assert_int_equal(tile.offset + tile.bytes, (last + 1) * 4 * limits->words);
        assert_true(job->extent[0] == width || job->extent[1] == 1);
        assert_in_range(tile.groups[0], 1, limits->groups_max);
        assert_in_range(tile.groups[1], 1, limits->groups_max);
        assert_true((uint64_t)tile.groups[0] * 256 * limits->pixels >= job->extent[0]);
        assert_int_equal(tile.groups[1], job->extent[1]);
        if (width % 4 == 0) {
            assert_int_equal(job->base % 4, 0);
            assert_int_equal(job->extent[0] % 4, 0);
        }
        covered += (uint64_t)job->extent[0] * job->extent[1];
    }
    assert_int_equal(covered, width * height);
    assert_int_equal(next, width * height);
}

static void every_pixel_once(void **state) {
    static const struct limits limits[] = {
        {(uint64_t)128 << 20, 65535, 1, 1}, {(uint64_t)128 << 20, 65535, 8, 1}, {4096, 65535, 1, 1},
        {4096, 3, 8, 1},                    {1024, 1, 1, 1},                    {512, 2, 8, 1},
        {4294967295u, 65535, 8, 1},         {4096, 3, 1, 3},                    {(uint64_t)128 << 20, 65535, 4, 4},
    };
    static const uint64_t sizes[][2] = {
        {1, 1},     {1, 8000},     {8000, 1},      {255, 257},       {256, 256},         {1919, 1079},
        {333, 7},   {1920, 1080},  {8192, 8192},   {32768, 4096},    {1, 1u << 27},      {1u << 27, 1},
        {63, 1000}, {64, 1000},    {65, 1000},     {(1u << 25) + 1, 3}, {16777216, 2},
    };
    (void)state;
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            if (limits[l].binding_bytes > 1u << 20 || sizes[s][0] * sizes[s][1] < 1u << 22)
                check(&limits[l], sizes[s][0], sizes[s][1]);
}

static void nothing_has_no_tiles(void **state) {
    struct trii_gpu_cut cut;
    (void)state;
    struct trii_gpu_pass pass = {.width = 0, .height = 7, .pixels = 1, .words = 1};
    trii_gpu_cut(4096, 65535, &pass, &cut);
    assert_int_equal(cut.across * cut.down, 0);
    pass = (struct trii_gpu_pass){.width = 7, .height = 0, .pixels = 1, .words = 1};
    trii_gpu_cut(4096, 65535, &pass, &cut);
    assert_int_equal(cut.across * cut.down, 0);
}

/* The shaders read it as WGSL lays it out: vec2u at 0 and 8, u32 at 16 and 20; what a recipe adds, from 24 on. */
static void the_uniform_is_laid_out_as_in_wgsl(void **state) {
    (void)state;
    assert_int_equal(offsetof(struct trii_gpu_job, origin), 0);
    assert_int_equal(offsetof(struct trii_gpu_job, extent), 8);
    assert_int_equal(offsetof(struct trii_gpu_job, base), 16);
    assert_int_equal(offsetof(struct trii_gpu_job, pitch), 20);
    assert_int_equal(offsetof(struct trii_gpu_job, values), 24);
    assert_int_equal(sizeof(struct trii_gpu_job), 256);
    assert_int_equal(offsetof(struct trii_gpu_sampling, source), 0);
    assert_int_equal(offsetof(struct trii_gpu_sampling, scale), 8);
    assert_int_equal(offsetof(struct trii_gpu_sampling, share), 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pixel_once),
        cmocka_unit_test(nothing_has_no_tiles),
        cmocka_unit_test(the_uniform_is_laid_out_as_in_wgsl),
    };
    return cmocka_run_group_tests_name("webgpu_plan", tests, NULL, NULL);
}
