/*
 * A handle: | arena 16 | index 16 | generation 32 |. An arena's number is never 0 and no two living arenas have the
 * same; a region's generation counts how often its index was given out, from 1. So 0 is never a handle, and neither a
 * stale nor a foreign one can equal a living one.
 */
#ifndef TRIPOINT_ARENA_HANDLE_H
#define TRIPOINT_ARENA_HANDLE_H

#include <tripoint/common.h>

static inline tri_handle trii_handle_make(uint16_t arena, uint32_t index, uint32_t generation) {
    return (uint64_t)arena << 48 | (uint64_t)(index & 0xFFFFu) << 32 | generation;
}

static inline uint16_t trii_handle_arena(tri_handle handle) {
    return (uint16_t)(handle >> 48);
}

static inline uint32_t trii_handle_index(tri_handle handle) {
    return (uint32_t)(handle >> 32) & 0xFFFFu;
}

static inline uint32_t trii_handle_generation(tri_handle handle) {
    return (uint32_t)handle;
}

#endif
