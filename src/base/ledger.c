#include "base/ledger.h"

#include "base/atomic.h"
#include "base/status.h"
#include "base/trace.h"

#include <string.h>

void trii_ledger_init(struct trii_ledger *ledger) {
    *ledger = (struct trii_ledger){.line_count = 0};
    pthread_mutex_init(&ledger->lock, NULL);
}

void trii_ledger_finish(struct trii_ledger *ledger) {
    pthread_mutex_destroy(&ledger->lock);
}

static bool same(const struct tri_ledger_line *a, const struct tri_ledger_line *b) {
    return a->place == b->place && strcmp(a->stage, b->stage) == 0 && strcmp(a->region, b->region) == 0 &&
           strcmp(a->cause, b->cause) == 0;
}

/* Finds the line, or makes it; the last slot is kept for "other". Called with the lock held. */
static struct tri_ledger_line *line_for(struct trii_ledger *ledger, const struct tri_ledger_line *key) {
    for (size_t i = 0; i < ledger->line_count; i++)
        if (same(&ledger->lines[i], key))
            return &ledger->lines[i];
    if (ledger->line_count < TRII_LEDGER_LINES - 2) {
        ledger->lines[ledger->line_count] = *key;
        return &ledger->lines[ledger->line_count++];
    }
    /* two last slots, one a place */
    struct tri_ledger_line other = {.place = key->place, .cause = "other"};
    for (size_t i = TRII_LEDGER_LINES - 2; i < ledger->line_count; i++)
        if (same(&ledger->lines[i], &other))
            return &ledger->lines[i];
    ledger->lines[ledger->line_count] = other;
    return &ledger->lines[ledger->line_count++];
}

/* `began` is when the copying began; 0 while no trace is on. */
static void count(struct trii_ledger *ledger, const struct trii_copy *copy, uint64_t bytes, uint64_t began) {
    struct tri_ledger_line key = {.place = copy->place};
    trii_name_copy(key.stage, sizeof key.stage, copy->stage ? copy->stage : "");
    trii_name_copy(key.region, sizeof key.region, copy->region ? copy->region : "");
    trii_name_copy(key.cause, sizeof key.cause, copy->cause ? copy->cause : "unnamed");
    trii_add_relaxed(&ledger->bytes[copy->place], bytes);
    trii_add_relaxed(&ledger->copies[copy->place], 1);
    pthread_mutex_lock(&ledger->lock);
    struct tri_ledger_line *line = line_for(ledger, &key);
    line->bytes += bytes;
    line->copies++;
    pthread_mutex_unlock(&ledger->lock);
    if (began)
        trii_trace_add(&(struct trii_span){.track = TRII_TRACK_COPY,
                                           .name = copy->stage && copy->stage[0] ? copy->stage : "border",
                                           .region = copy->region,
                                           .cause = copy->cause,
                                           .bytes = bytes,
                                           .begin_ns = began});
}

void trii_ledger_count(struct trii_ledger *ledger, const struct trii_copy *copy, uint64_t bytes) {
    count(ledger, copy, bytes, trii_trace_now());
}

void trii_ledger_copy(struct trii_ledger *ledger, const struct trii_copy *copy, void *to, const void *from,
                      uint64_t bytes) {
    uint64_t began = trii_trace_now();
    memcpy(to, from, (size_t)bytes); /* the one copy of payload in the library */
    count(ledger, copy, bytes, began);
}

void trii_move_begin(struct trii_move *move, struct trii_ledger *ledger, const struct trii_copy *copy) {
    *move = (struct trii_move){.ledger = ledger, .copy = *copy};
}

void trii_move_row(struct trii_move *move, void *to, const void *from, uint32_t pixels) {
    memcpy(to, from, (size_t)pixels * 4);
    move->bytes += (uint64_t)pixels * 4;
}

void trii_move_mirror(struct trii_move *move, uint32_t *row, uint32_t pixels) {
    for (uint32_t left = 0, right = pixels; left + 1 < right; left++) {
        uint32_t kept = row[left];
        row[left] = row[--right];
        row[right] = kept;
    }
    move->bytes += (uint64_t)pixels * sizeof *row;
}

void trii_move_turn(struct trii_move *move, uint32_t *to, ptrdiff_t x_step, ptrdiff_t y_step, const uint32_t *from,
                    uint32_t width, uint32_t height) {
    /* Rows innermost: in the target, whose lines are far apart, neighbours are written together. */
    for (uint32_t x = 0; x < width; x++, to += x_step)
        for (uint32_t y = 0; y < height; y++)
            to[(ptrdiff_t)y * y_step] = from[(size_t)y * width + x];
    move->bytes += (uint64_t)width * height * sizeof *from;
}

void trii_move_end(struct trii_move *move) {
    if (move->bytes)
        trii_ledger_count(move->ledger, &move->copy, move->bytes);
    move->bytes = 0;
}
