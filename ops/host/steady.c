/* Steady: a mask from one frame to the next, see effects.h. */
#include "effects_inside.h"

void TRII_EFFECT(steady)(const float *mask, size_t count, float base, float motion, float *dst, float *state) {
    for (size_t i = 0; i < count; i++) {
        const float m = trii_minf(trii_maxf(mask[i], 0.0f), 1.0f), seen = state[i], before = seen - 1.0f;
        const float difference = m - before, apart = difference < 0.0f ? -difference : difference;
        const float rate = base + (1.0f - base) * trii_minf(apart * motion, 1.0f);
        const float out = seen > 0.0f ? before + difference * rate : m;
        dst[i] = out;
        state[i] = out + 1.0f;
    }
}
