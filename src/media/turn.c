#include "media/turn.h"

#include "base/alloc.h"
#include "base/status.h"

static bool is_quarter(uint32_t orientation) {
    return orientation >= 5;
}

tri_status trii_turn_begin(struct trii_turn *turn, uint8_t *target, uint32_t width, uint32_t height,
                           uint32_t orientation, struct trii_ledger *ledger, const char *region,
                           struct tri_error *err) {
    *turn = (struct trii_turn){.target = (uint32_t *)(void *)target, .width = width, .height = height,
                               .orientation = orientation};
    struct trii_copy copy = {.place = TRI_LEDGER_BORDER, .region = region, .cause = "EXIF orientation"};
    trii_move_begin(&turn->move, ledger, &copy);
    if (is_quarter(orientation)) {
        turn->strip = trii_calloc((size_t)width * TRII_TURN_STRIP_ROWS, sizeof *turn->strip);
        if (!turn->strip)
            return trii_fail(err, TRI_NO_MEMORY, "out of memory for the rows that are being turned");
    }
    return TRI_OK;
}

static uint32_t *row_in_target(const struct trii_turn *turn, uint32_t y) {
    bool upside_down = turn->orientation == 3 || turn->orientation == 4;
    return turn->target + (size_t)(upside_down ? turn->height - 1 - y : y) * turn->width;
}

uint8_t *trii_turn_row(struct trii_turn *turn, uint32_t y) {
    if (is_quarter(turn->orientation))
        return (uint8_t *)(turn->strip + (size_t)(y % TRII_TURN_STRIP_ROWS) * turn->width);
    return (uint8_t *)row_in_target(turn, y);
}

/* Rows first … first + rows - 1, at `from`, go where they belong; the target is `height` pixels wide. */
static void turn_rows(struct trii_turn *turn, const uint32_t *from, uint32_t first, uint32_t rows) {
    ptrdiff_t line = turn->height;
    bool right = turn->orientation == 6 || turn->orientation == 7; /* the first row becomes the last column */
    bool up = turn->orientation == 7 || turn->orientation == 8;    /* the first column becomes the last row */
    uint32_t *to = turn->target + (right ? turn->height - 1 - first : first);
    if (up)
        to += (size_t)(turn->width - 1) * turn->height;
    trii_move_turn(&turn->move, to, up ? -line : line, right ? -1 : 1, from, turn->width, rows);
}

void trii_turn_done(struct trii_turn *turn, uint32_t y) {
    if (turn->orientation == 2 || turn->orientation == 3)
        trii_move_mirror(&turn->move, row_in_target(turn, y), turn->width);
    else if (is_quarter(turn->orientation)) {
        uint32_t filled = y % TRII_TURN_STRIP_ROWS + 1;
        if (filled == TRII_TURN_STRIP_ROWS || y == turn->height - 1)
            turn_rows(turn, turn->strip, y + 1 - filled, filled);
    }
}

void trii_turn_whole(struct trii_turn *turn, const uint32_t *picture) {
    turn_rows(turn, picture, 0, turn->height);
}

void trii_turn_end(struct trii_turn *turn) {
    trii_move_end(&turn->move);
    trii_free(turn->strip);
    turn->strip = NULL;
}
