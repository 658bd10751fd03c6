/*
 * Folders that are ours alone: owned by the effective user, mode 0700, opened without following a link. What is
 * executed, and who may connect to us, is looked for only there.
 */
#ifndef TRIPOINT_BASE_FOLDER_H
#define TRIPOINT_BASE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Opens the folder; `make` creates it first, and those above it, each 0700. Gives 0, or an errno value and a reason
 * ("it is a link"): EPERM for a folder that is there but can't be trusted. */
int trii_folder_open(const char *path, bool make, int *fd, char *reason, size_t reason_bytes);

#endif
