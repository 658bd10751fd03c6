/*
 * Where something stands in a JSON text, for error messages: the parser that the library uses gives values without
 * positions, so the place is looked up afterwards, in text that is known to be valid.
 */
#ifndef TRIPOINT_PIPELINE_LOCATE_H
#define TRIPOINT_PIPELINE_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One step down: a key of an object, or with key NULL an element of an array. */
struct trii_step {
    const char *key;
    size_t index;
};

/* Both from 1; columns count characters, not bytes. */
struct trii_spot {
    uint32_t line, column;
};

/* The line and column of a byte offset; an offset past the end is the end. */
struct trii_spot trii_spot_at(const char *text, size_t bytes, size_t offset);

/* Where the value at the end of the path begins, or, with `of_key`, its key. When a step is not there: where the
 * deepest value that was found begins. Any text is safe to scan. */
struct trii_spot trii_locate(const char *text, size_t bytes, const struct trii_step *path, size_t depth, bool of_key);

#endif
