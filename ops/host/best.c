#include "kernels.h"

/* The larger of what the two tables need: an entry of 16 bytes an output column (and one more) for resize; the mask's
 * row and three tables of four bytes a pixel for apply_mask. */
size_t trii_kernels_scratch(struct trii_size out, struct trii_size in) {
    const size_t columns = ((size_t)out.width + 1) * 16;
    const size_t mask = ((size_t)in.width + 8 + 16 + 3 * ((size_t)out.width + 8)) * 4;
    return columns > mask ? columns : mask;
}

const struct trii_kernels *trii_kernels_best(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return &trii_kernels_avx2;
#endif
    return &trii_kernels_plain;
}
