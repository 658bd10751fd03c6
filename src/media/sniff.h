/* What a file is, by its first bytes: whatever its name says. */
#ifndef TRIPOINT_MEDIA_SNIFF_H
#define TRIPOINT_MEDIA_SNIFF_H

#include <tripoint/media.h>

/* A format that is read; else UNKNOWN, and *what is "a GIF image", or NULL for bytes that nobody knows. */
enum tri_image_format trii_image_sniff(const uint8_t *bytes, size_t size, const char **what);

#endif
