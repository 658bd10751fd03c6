/*
 * PNG's row filters, each a subtraction of a prediction from neighbours already seen.
 *
 * The choice among them is the usual one: the filter whose differences have the smallest sum of magnitudes. Every
 * function has a plain twin that defines it; the fast one is compared with it in tests/unit/media_filter_test.c.
 */
#ifndef TRIPOINT_MEDIA_PNG_FILTER_H
#define TRIPOINT_MEDIA_PNG_FILTER_H

#include <stddef.h>
#include <stdint.h>

enum trii_filter { TRII_FILTER_NONE, TRII_FILTER_SUB, TRII_FILTER_UP, TRII_FILTER_AVERAGE, TRII_FILTER_PAETH };
#define TRII_FILTER_COUNT 5

/* Writes `bytes` filtered bytes to `out`. `above` is the row before, or NULL for the first one; `distance` is how many
 * bytes a pixel has, at most 8. */
void trii_filter_row(enum trii_filter filter, uint8_t *out, const uint8_t *row, const uint8_t *above, size_t bytes,
                     size_t distance);
void trii_filter_row_plain(enum trii_filter filter, uint8_t *out, const uint8_t *row, const uint8_t *above, size_t bytes,
                           size_t distance);

/* The sums of magnitudes that SUB, UP, AVERAGE and PAETH would leave (NONE is not looked at: costs[0] is 0). */
void trii_filter_costs(uint64_t costs[TRII_FILTER_COUNT], const uint8_t *row, const uint8_t *above, size_t bytes,
                       size_t distance);
void trii_filter_costs_plain(uint64_t costs[TRII_FILTER_COUNT], const uint8_t *row, const uint8_t *above, size_t bytes,
                             size_t distance);

#endif
