/* A sink that keeps what is written in memory, and whose disk is full at the write that the test says. */
#ifndef TRIPOINT_TESTS_MEMORY_SINK_H
#define TRIPOINT_TESTS_MEMORY_SINK_H

#include "images.h"
#include "kit.h"

#include "media/sink.h"

struct target {
    struct kit_bytes file;
    uint64_t writes, fail_at; /* the write that fails; UINT64_MAX: none */
};

static inline tri_status collect(void *user, const void *bytes, size_t size, struct tri_error *err) {
    struct target *target = user;
    if (target->writes++ == target->fail_at) {
        if (err)
            snprintf(err->message, sizeof err->message, "the disk is full");
        return TRI_IO;
    }
    target->file.bytes = realloc(target->file.bytes, target->file.size + size);
    assert_non_null(target->file.bytes);
    memcpy(target->file.bytes + target->file.size, bytes, size);
    target->file.size += size;
    return TRI_OK;
}

#endif
