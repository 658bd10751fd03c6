/*
 * The ledger's inside: the only place where payload bytes may be copied. Lives in an arena; the
 * public face is <tripoint/ledger.h>.
 */
#ifndef TRIPOINT_BASE_LEDGER_H
#define TRIPOINT_BASE_LEDGER_H

#include <tripoint/ledger.h>

#include <pthread.h>

#define TRII_LEDGER_LINES 128

struct trii_ledger {
    pthread_mutex_t lock;
    _Atomic uint64_t bytes[2];  /* by enum tri_ledger_place */
    _Atomic uint64_t copies[2];
    size_t line_count;
    struct tri_ledger_line lines[TRII_LEDGER_LINES];
};

/* What is copied, and why: the words of the line. Strings are read during the call only. */
struct trii_copy {
    enum tri_ledger_place place;
    const char *stage;  /* NULL is "" */
    const char *region; /* NULL is "" */
    const char *cause;
};

void trii_ledger_init(struct trii_ledger *ledger);
void trii_ledger_finish(struct trii_ledger *ledger);

/* Copies `bytes` from `from` to `to` (they must not overlap) and writes the line. */
void trii_ledger_copy(struct trii_ledger *ledger, const struct trii_copy *copy, void *to, const void *from,
                      uint64_t bytes);
/* Writes the line of a copy that a library made at our request (GPU readback, ...). */
void trii_ledger_count(struct trii_ledger *ledger, const struct trii_copy *copy, uint64_t bytes);

/* A copy made piecemeal, pixel by pixel in another order: one line of one copy when it ends. Pixels are 4 bytes. */
struct trii_move {
    struct trii_ledger *ledger;
    struct trii_copy copy;
    uint64_t bytes;
};
void trii_move_begin(struct trii_move *move, struct trii_ledger *ledger, const struct trii_copy *copy);
/* Pixels from one row to another. */
void trii_move_row(struct trii_move *move, void *to, const void *from, uint32_t pixels);
/* Reverses the order of a row's pixels in place. */
void trii_move_mirror(struct trii_move *move, uint32_t *row, uint32_t pixels);
/* Pixel (x, y) of `from`, whose rows are `width` pixels and tight, goes to to[x * x_step + y * y_step]. */
void trii_move_turn(struct trii_move *move, uint32_t *to, ptrdiff_t x_step, ptrdiff_t y_step, const uint32_t *from,
                    uint32_t width, uint32_t height);
/* Writes the line if anything was moved. */
void trii_move_end(struct trii_move *move);

#endif
