#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* The larger of what the two tables need: an entry of 16 bytes an output column (and one more), and for area as much a
 * column of the source, for resize; the mask's row and three tables of four bytes a pixel for apply_mask. */
size_t trii_kernels_scratch(struct trii_size out, struct trii_size in) {
    const size_t columns = ((size_t)out.width + 1 + in.width) * 16;
    const size_t mask = ((size_t)in.width + 8 + 16 + 3 * ((size_t)out.width + 8)) * 4;
    return columns > mask ? columns : mask;
}

size_t trii_kernels_weighted(struct trii_size in, struct trii_size out, uint32_t taps_down) {
    size_t rows, all;
    if (__builtin_mul_overflow((size_t)taps_down * 4, (size_t)out.width, &rows) ||
        __builtin_add_overflow(rows, (size_t)in.width * 4, &all) || all > SIZE_MAX / sizeof(float))
        return SIZE_MAX;
    return all;
}

bool trii_kernels_fast(void) {
#if defined(__x86_64__)
    unsigned a, b, c = 0, d; /* clang's __builtin_cpu_supports() does not know f16c before release 15 */
    return __builtin_cpu_supports("avx2") && __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
#else
    return false;
#endif
}

const struct trii_kernels *trii_kernels_best(void) {
#if defined(__x86_64__)
    if (trii_kernels_fast())
        return &trii_kernels_avx2;
#endif
    return &trii_kernels_plain;
}
