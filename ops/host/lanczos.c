/* Weights of the Lanczos filter, in double precision: the host's kernels and the GPU's get the same numbers. */
#include "kernels.h"

#include <math.h>

#define LOBES 3.0
#define PI 3.14159265358979323846

static double lanczos(double x) {
    const double t = PI * x;
    if (x <= -LOBES || x >= LOBES)
        return 0;
    return fabs(x) < 1e-9 ? 1 : LOBES * sin(t) * sin(t / LOBES) / (t * t);
}

static double stretch_of(uint32_t in, uint32_t out) {
    const double scale = (double)in / (double)out;
    return scale > 1 ? scale : 1;
}

uint32_t trii_lanczos_taps(uint32_t in, uint32_t out) {
    const double taps = ceil(2 * LOBES * stretch_of(in, out)) + 1;
    return taps < in ? (uint32_t)taps : in;
}

void trii_lanczos_fill(uint32_t in, uint32_t out, uint32_t *spans, float *values) {
    const double scale = (double)in / (double)out, stretch = stretch_of(in, out), reach = LOBES * stretch;
    const uint32_t taps = trii_lanczos_taps(in, out);
    for (uint32_t i = 0; i < out; i++, spans += 2, values += taps) {
        const double centre = (i + 0.5) * scale;
        const double first = fmax(floor(centre - reach + 0.5), 0), end = fmin(floor(centre + reach + 0.5), in);
        double sum = 0;
        spans[0] = (uint32_t)first;
        spans[1] = (uint32_t)(end - first) < taps ? (uint32_t)(end - first) : taps;
        for (uint32_t k = 0; k < spans[1]; k++)
            sum += lanczos((first + k + 0.5 - centre) / stretch);
        for (uint32_t k = 0; k < spans[1]; k++)
            values[k] = (float)(lanczos((first + k + 0.5 - centre) / stretch) / sum);
    }
}
