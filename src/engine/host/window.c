/* crop and pad. */
#include "engine/host/host.h"
#include "engine/ops/geometry.h"

#include "window.h"

static void run(const struct trii_host_job *job) {
    const struct trii_operand *in = &job->stage->operands[0], *out = &job->stage->operands[1];
    const struct trii_window window = trii_window_of(job->stage);
    const struct trii_window_job work = {.src = in->region.bytes,
                                         .in = trii_host_size(in),
                                         .dst = out->region.bytes,
                                         .out = trii_host_size(out),
                                         .left = window.left,
                                         .top = window.top,
                                         .pixel_bytes = window.pixel_bytes,
                                         .fill = window.edge ? NULL : window.fill};
    trii_window_plain(&work);
}

const struct trii_host_recipe trii_host_crop = {.run = run}, trii_host_pad = {.run = run};
