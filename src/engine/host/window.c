/* crop and pad. */
#include "engine/host/host.h"
#include "engine/ops/geometry.h"

#include "window.h"

/* Rows of the output are an output of their own, further down. */
static void run(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_operand *in = &job->stage->operands[0], *out = &job->stage->operands[1];
    const struct trii_window window = trii_window_of(job->stage);
    const uint32_t width = trii_host_size(out).width;
    (void)scratch;
    const struct trii_window_job work = {.src = in->region.bytes,
                                         .in = trii_host_size(in),
                                         .dst = out->region.bytes + (size_t)rows.begin * width * window.pixel_bytes,
                                         .out = {width, rows.end - rows.begin},
                                         .left = window.left,
                                         .top = (int64_t)window.top + rows.begin,
                                         .pixel_bytes = window.pixel_bytes,
                                         .fill = window.edge ? NULL : window.fill};
    trii_window_plain(&work);
}

const struct trii_host_recipe trii_host_crop = {.rows = trii_host_rows, .run = run};
const struct trii_host_recipe trii_host_pad = {.rows = trii_host_rows, .run = run};
