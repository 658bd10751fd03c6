/* resize and letterbox: the same sampling into a box of the output, which is all of it for resize. */
#include "engine/host/host.h"
#include "engine/ops/geometry.h"

static struct trii_size size_in(const struct trii_stage *stage) {
    return trii_host_size(&stage->operands[0]);
}

static struct trii_size size_out(const struct trii_stage *stage) {
    const struct trii_box box = trii_box_of(stage);
    return (struct trii_size){box.width, box.height};
}

static bool filter_is(const struct trii_stage *stage, const char *filter) {
    return trii_args_is(stage->op, &stage->args, "filter", filter);
}

/* ---- lanczos: all rows share the weights along x and y ---- */

struct weights {
    uint32_t *spans[2];
    float *values[2];
    struct trii_weights across, down;
    size_t bytes; /* of all of it */
};

static struct weights weights_in(const struct trii_stage *stage, void *memory) {
    const struct trii_size in = size_in(stage), out = size_out(stage);
    const uint32_t taps[2] = {trii_lanczos_taps(in.width, out.width), trii_lanczos_taps(in.height, out.height)};
    const size_t sides[2] = {out.width, out.height};
    struct weights w = {0};
    uint32_t *at = memory; /* words of four bytes; NULL only to count them */
    size_t words = 0;
    for (size_t i = 0; i < 2; i++) {
        w.spans[i] = at ? at + words : NULL;
        words += 2 * sides[i];
        w.values[i] = at ? (float *)(void *)(at + words) : NULL;
        words += sides[i] * taps[i];
    }
    w.across = (struct trii_weights){taps[0], w.spans[0], w.values[0]};
    w.down = (struct trii_weights){taps[1], w.spans[1], w.values[1]};
    w.bytes = words * 4;
    return w;
}

/* ---- the recipe ---- */

static size_t shared(const struct trii_stage *stage) {
    return filter_is(stage, "lanczos") ? weights_in(stage, NULL).bytes : 0;
}

static size_t scratch_bytes(const struct trii_stage *stage) {
    const struct trii_size in = size_in(stage), out = size_out(stage);
    if (!filter_is(stage, "lanczos"))
        return trii_kernels_scratch(out, in);
    const size_t floats = trii_kernels_weighted(in, out, trii_lanczos_taps(in.height, out.height));
    return floats > SIZE_MAX / sizeof(float) ? SIZE_MAX : floats * sizeof(float);
}

static tri_status prepare(struct trii_host_job *job, struct tri_error *err) {
    const struct trii_size in = size_in(job->stage), out = size_out(job->stage);
    (void)err;
    if (filter_is(job->stage, "lanczos")) {
        const struct weights w = weights_in(job->stage, job->shared);
        trii_lanczos_fill(in.width, out.width, w.spans[0], w.values[0]);
        trii_lanczos_fill(in.height, out.height, w.spans[1], w.values[1]);
    }
    return TRI_OK;
}

/* `rows` are those of the box. */
static void scale(const struct trii_host_job *job, uint8_t *dst, size_t pitch, struct trii_rows rows, void *scratch) {
    const struct trii_kernels *k = job->kernels;
    const struct trii_size in = size_in(job->stage), out = size_out(job->stage);
    const uint8_t *src = job->stage->operands[0].region.bytes;
    if (filter_is(job->stage, "lanczos")) {
        const struct weights w = weights_in(job->stage, job->shared);
        k->resize_weighted(src, in, dst, out, pitch, &w.across, &w.down, rows, scratch);
        return;
    }
    (filter_is(job->stage, "area")      ? k->resize_area
     : filter_is(job->stage, "nearest") ? k->resize_nearest
                                        : k->resize_bilinear)(src, in, dst, out, pitch, rows, scratch);
}

static void fill(uint8_t *to, const uint8_t colour[4], size_t pixels) {
    for (size_t i = 0; i < pixels * 4; i++)
        to[i] = colour[i % 4];
}

/* Of a row of the output: its number in the box, held at the box's ends. */
static uint32_t in_box(uint32_t y, const struct trii_box *box) {
    const uint32_t below = y > box->top ? y - box->top : 0;
    return below < box->height ? below : box->height;
}

static void run(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_size out = trii_host_size(&job->stage->operands[1]);
    const struct trii_box box = trii_box_of(job->stage);
    const size_t pitch = (size_t)out.width * 4;
    uint8_t *const dst = job->stage->operands[1].region.bytes;
    for (size_t y = rows.begin; y < rows.end; y++) {
        uint8_t *row = dst + y * pitch;
        if (y < box.top || y >= (size_t)box.top + box.height) {
            fill(row, box.colour, out.width);
            continue;
        }
        fill(row, box.colour, box.left);
        fill(row + ((size_t)box.left + box.width) * 4, box.colour, out.width - box.left - box.width);
    }
    scale(job, dst + box.top * pitch + (size_t)box.left * 4, pitch,
          (struct trii_rows){in_box(rows.begin, &box), in_box(rows.end, &box)}, scratch);
}

const struct trii_host_recipe trii_host_resize = {
    .shared = shared, .scratch = scratch_bytes, .prepare = prepare, .rows = trii_host_rows, .run = run};
const struct trii_host_recipe trii_host_letterbox = {
    .shared = shared, .scratch = scratch_bytes, .prepare = prepare, .rows = trii_host_rows, .run = run};
