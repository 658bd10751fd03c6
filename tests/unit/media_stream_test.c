/* A stream from y4m to y4m: once its frames flow, our code allocates nothing and copies nothing. */
#include "kit.h"

#include "base/alloc.h"

#include <unistd.h>

enum { WIDTH = 64, HEIGHT = 48, FRAMES = 60, WARM = 20 };

static const char pipeline_text[] =
    "{\"name\": \"dim\", \"inputs\": {\"input\": {\"kind\": \"image\", \"dtype\": \"u8\", \"channels\": 4}},\n"
    " \"outputs\": [\"output\"], \"stages\": [\n"
    " {\"technology\": \"host\", \"operation\": \"vignette\", \"input\": \"input\", \"output\": \"output\"}]}";

struct counts {
    uint64_t warm, end, frames, copied;
};

static tri_status open_pipeline(void *user, struct tri_runtime *runtime, struct tri_pipeline **out,
                                struct tri_error *err) {
    (void)user;
    return tri_pipeline_parse(runtime, pipeline_text, strlen(pipeline_text), "dim.json", out, err);
}

static void count(void *user, const struct tri_video_progress *progress) {
    struct counts *counts = user;
    counts->frames = progress->frames;
    counts->copied = progress->bytes_between;
    if (progress->frames == WARM)
        counts->warm = trii_alloc_count();
    if (progress->frames == FRAMES)
        counts->end = trii_alloc_count();
}

static void write_frames(const char *path) {
    static uint8_t frame[WIDTH * HEIGHT * 3 / 2];
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C420jpeg\n", WIDTH, HEIGHT);
    for (int i = 0; i < FRAMES; i++) {
        memset(frame, 16 + i * 3, sizeof frame);
        fprintf(file, "FRAME\n");
        assert_int_equal(fwrite(frame, 1, sizeof frame, file), sizeof frame);
    }
    assert_int_equal(fclose(file), 0);
}

static void frames_that_flow_allocate_nothing(void **state) {
    struct tri_error err = {0};
    struct tri_runtime *runtime = NULL;
    struct counts counts = {0};
    struct tri_video_report report;
    char folder[] = "/tmp/tripoint-stream-XXXXXX", in[64], out[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(in, sizeof in, "%s/in.y4m", folder);
    snprintf(out, sizeof out, "%s/out.y4m", folder);
    write_frames(in);
    assert_ok(tri_runtime_create(NULL, &runtime, &err));
    const struct tri_video_params params = {.struct_bytes = sizeof params,
                                            .open = open_pipeline,
                                            .input = in,
                                            .output = out,
                                            .slots = 1, /* whose turn it is does not depend on time */
                                            .require_zero_copy = true,
                                            .progress = count,
                                            .user = &counts};
    tri_status status = tri_video_run(runtime, &params, &report, &err);
    tri_runtime_destroy(&runtime);
    unlink(in);
    unlink(out);
    rmdir(folder);
    if (status == TRI_UNSUPPORTED)
        skip_because("%s", err.message);
    assert_ok(status);
    assert_int_equal(counts.frames, FRAMES);
    assert_int_equal(counts.end - counts.warm, 0);
    assert_int_equal(counts.copied, 0);
    assert_int_equal(report.lost + report.dropped + report.damaged, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(frames_that_flow_allocate_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
