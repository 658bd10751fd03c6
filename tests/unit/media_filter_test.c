/* media/png_filter.h: the fast filters are the plain ones; checksums of parts combine to that of the whole. */
#include "kit.h"

#include "media/png_filter.h"
#include "media/png_strip.h"

#include <isa-l/igzip_lib.h>

enum { MOST = 70, GUARD = 16 };

static uint32_t seed = 7;

static uint8_t any(void) {
    seed = seed * 1664525u + 1013904223u;
    return (uint8_t)(seed >> 24);
}

/* Extremes are where saturating arithmetic goes wrong: half the bytes are 0, 1, 127, 128, 254 or 255. */
static void fill(uint8_t *bytes, size_t size) {
    static const uint8_t extremes[8] = {0, 1, 127, 128, 254, 255, 0, 255};
    for (size_t i = 0; i < size; i++)
        bytes[i] = any() & 1 ? extremes[any() & 7] : any();
}

static void fast_filters_are_the_plain_ones(void **state) {
    (void)state;
    static const size_t distances[] = {1, 2, 3, 4, 6, 8};
    uint8_t row[MOST * 4 + 3], above[MOST * 4 + 3], fast[MOST * 4 + GUARD], plain[MOST * 4 + GUARD];
    for (size_t bytes = 1; bytes <= MOST * 4; bytes++)
        for (int round = 0; round < 18; round++) {
            size_t a = any() % 3, b = any() % 3, distance = distances[round % 6]; /* misaligned by up to 2 bytes */
            const uint8_t *up = round % 4 ? above + b : NULL;
            if (bytes % distance)
                continue;
            fill(row, sizeof row);
            fill(above, sizeof above);
            for (int f = 0; f < TRII_FILTER_COUNT; f++) {
                memset(fast, 0xaa, sizeof fast);
                memset(plain, 0xaa, sizeof plain);
                trii_filter_row((enum trii_filter)f, fast, row + a, up, bytes, distance);
                trii_filter_row_plain((enum trii_filter)f, plain, row + a, up, bytes, distance);
                assert_memory_equal(fast, plain, sizeof fast); /* and nothing past the end */
            }
            uint64_t one[TRII_FILTER_COUNT], other[TRII_FILTER_COUNT];
            trii_filter_costs(one, row + a, up, bytes, distance);
            trii_filter_costs_plain(other, row + a, up, bytes, distance);
            assert_memory_equal(one, other, sizeof one);
        }
}

static void every_triple_of_neighbours_gives_the_same_paeth(void **state) {
    (void)state;
    /* 16 pixels: left and corner come from pixel 0, `here` is 0, so the output is minus the prediction. */
    for (int left = 0; left < 256; left += 3)
        for (int corner = 0; corner < 256; corner++) {
            uint8_t row[80], above[80], fast[80], plain[80];
            for (int i = 0; i < 80; i++) {
                row[i] = (uint8_t)left;
                above[i] = (uint8_t)(i / 4 % 2 ? corner * 7 + i * 13 : corner);
            }
            trii_filter_row(TRII_FILTER_PAETH, fast, row, above, 80, 4);
            trii_filter_row_plain(TRII_FILTER_PAETH, plain, row, above, 80, 4);
            assert_memory_equal(fast, plain, sizeof fast);
        }
}

static void adler32_of_two_parts_is_that_of_the_whole(void **state) {
    (void)state;
    static uint8_t bytes[100000];
    for (int round = 0; round < 300; round++) {
        size_t size = (size_t)(any() << 8 | any()) + (size_t)(round % 2 ? 30000 : 0);
        memset(bytes, round % 3 ? 255 : 0, sizeof bytes);
        if (round % 5 == 0)
            fill(bytes, sizeof bytes);
        size_t cut = size ? (size_t)(any() << 8 | any()) % (size + 1) : 0;
        uint32_t a = isal_adler32(1, bytes, cut), b = isal_adler32(1, bytes + cut, size - cut);
        assert_int_equal(trii_adler32_combine(a, b, size - cut), isal_adler32(1, bytes, size));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_filters_are_the_plain_ones),
        cmocka_unit_test(every_triple_of_neighbours_gives_the_same_paeth),
        cmocka_unit_test(adler32_of_two_parts_is_that_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
