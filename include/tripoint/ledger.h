/*
 * tripoint/ledger.h - the account of every byte copied.
 *
 * A *copy* moves payload without computing new values: staging, readback, repacking, a
 * defensive clone. Decoding, converting, resizing and encoding make new values: that is work,
 * not a copy. The library has exactly one function that copies payload, and it writes a line
 * here; a test checks that no other file of the library calls memcpy on payload.
 *
 * A line belongs either to the *border* (bytes that enter or leave, e.g. the two copies of
 * tri_image_pipeline_process()) or lies *between stages*, where the promise is zero.
 *
 * Ownership: the ledger belongs to its arena and lives as long.
 * Threads:   totals may be read at any time from any thread; lines are appended under a lock.
 * Errors:    counting never fails; when the table of distinct lines is full, further causes are
 *            summed in one line whose cause is "other".
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_LEDGER_H
#define TRIPOINT_LEDGER_H

#include <tripoint/common.h>
#include <tripoint/error.h>

TRI_BEGIN_DECLS

struct tri_arena;

/** Where in the life of a frame a copy happened. */
enum tri_ledger_place {
    TRI_LEDGER_BORDER = 0, /**< entering or leaving the arena */
    TRI_LEDGER_BETWEEN = 1 /**< between two stages, or inside one: what zero-copy promises not to do */
};

#define TRI_LEDGER_NAME_BYTES 48

/** One line: all copies with the same stage, region and cause, summed. */
struct tri_ledger_line {
    enum tri_ledger_place place;
    char stage[TRI_LEDGER_NAME_BYTES];  /**< "" at the border */
    char region[TRI_LEDGER_NAME_BYTES]; /**< the region's label */
    char cause[TRI_LEDGER_NAME_BYTES];  /**< e.g. "pixels in", "staging: driver refuses memfd" */
    uint64_t bytes;
    uint64_t copies;
};

/** Bytes copied at `place` since the arena was made or tri_ledger_reset() was called. */
TRI_API uint64_t tri_ledger_bytes(const struct tri_arena *arena, enum tri_ledger_place place);

/** Copies (not bytes) at `place`. */
TRI_API uint64_t tri_ledger_copies(const struct tri_arena *arena, enum tri_ledger_place place);

/**
 * Fills `lines` with up to `capacity` lines in order of first appearance and returns how many
 * lines there are in all (which may be more than `capacity`). `lines` may be NULL when `capacity` is 0.
 */
TRI_API size_t tri_ledger_lines(const struct tri_arena *arena, struct tri_ledger_line *lines, size_t capacity);

/** Starts the account anew. */
TRI_API void tri_ledger_reset(struct tri_arena *arena);

TRI_END_DECLS

#endif
