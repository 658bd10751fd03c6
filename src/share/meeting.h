/*
 * Where owners and peers meet: a folder of sockets, one a name. The folder is the user's alone (base/folder.h), so who
 * can reach a socket is the user; names in it change only under its lock, so two owners can't take one name.
 */
#ifndef TRIPOINT_SHARE_MEETING_H
#define TRIPOINT_SHARE_MEETING_H

#include <tripoint/error.h>

struct trii_meeting {
    int folder;    /* -1: none */
    int listening;
    uint64_t number; /* of the socket's file */
    char name[64];
};

/* Listens at `name`. A socket that a dead owner left is replaced. */
tri_status trii_meeting_open(const char *name, struct trii_meeting *out, struct tri_error *err);
/* Takes the name away, if it is still ours; in a forked child (`inherited`) it stays. */
void trii_meeting_close(struct trii_meeting *meeting, bool inherited);

/* Connects to `name`; the owner is of the same user. */
tri_status trii_meeting_join(const char *name, int *fd, struct tri_error *err);

#endif
