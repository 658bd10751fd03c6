/*
 * Reading a file that a stage names: where it may lie, and all of it at once.
 */
#ifndef TRIPOINT_ENGINE_CUSTOM_FILE_H
#define TRIPOINT_ENGINE_CUSTOM_FILE_H

#include "engine/custom/custom.h"

/* Fills bytes, size, hash and file (and weights) of `custom` from the file that custom->path names, as `place` allows. */
tri_status trii_custom_file_read(const struct trii_custom_place *place, const struct trii_custom_kind *kind,
                                 struct trii_custom *custom, struct tri_error *err);

#endif
