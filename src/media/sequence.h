/* Names of images that belong together: "frame-%04d.png" counts, "frames/b*.jpg" is every file that matches, by name. */
#ifndef TRIPOINT_MEDIA_SEQUENCE_H
#define TRIPOINT_MEDIA_SEQUENCE_H

#include <tripoint/error.h>

struct trii_sequence;

bool trii_sequence_is(const char *path);
/* For reading: the images must be there. A number begins at the lowest of 0 to 9 that exists. */
tri_status trii_sequence_open(const char *path, struct trii_sequence **out, struct tri_error *err);
/* For writing, from 1 on: one number and no pattern. */
tri_status trii_sequence_create(const char *path, struct trii_sequence **out, struct tri_error *err);
/* How many there are; 0: unknown. */
uint64_t trii_sequence_count(const struct trii_sequence *sequence);
/* The name of image `index` from 0, valid until the next call with the same sequence; NULL past the last. */
const char *trii_sequence_name(struct trii_sequence *sequence, uint64_t index);
void trii_sequence_close(struct trii_sequence **sequence);

#endif
