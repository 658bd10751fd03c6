/*
 * Where a decoded row goes when the photo has an EXIF orientation.
 *
 *   1 upright              the row's own place
 *   4 upside down mirror   another row's place: nothing is moved
 *   2, 3                   the row's (other row's) place, then mirrored in place: counted
 *   5 6 7 8 quarter turns  a strip of 16 rows, then turned into the target: counted
 *
 * Rows are decoded in any order for 1 to 4, in rising order for 5 to 8.
 */
#ifndef TRIPOINT_MEDIA_TURN_H
#define TRIPOINT_MEDIA_TURN_H

#include "base/ledger.h"

#define TRII_TURN_STRIP_ROWS 16u

struct trii_turn {
    uint32_t *target;
    uint32_t *strip; /* quarter turns only */
    uint32_t width, height; /* as stored */
    uint32_t orientation;
    struct trii_move move;
};

/* TRI_NO_MEMORY when the strip can't be had. `region` must outlive the turn. */
tri_status trii_turn_begin(struct trii_turn *turn, uint8_t *target, uint32_t width, uint32_t height,
                           uint32_t orientation, struct trii_ledger *ledger, const char *region,
                           struct tri_error *err);
/* Where row y is to be decoded. */
uint8_t *trii_turn_row(struct trii_turn *turn, uint32_t y);
/* Row y is decoded. */
void trii_turn_done(struct trii_turn *turn, uint32_t y);
/* Instead of rows, for quarter turns: the whole picture, tight. */
void trii_turn_whole(struct trii_turn *turn, const uint32_t *picture);
void trii_turn_end(struct trii_turn *turn);

#endif
