/* Small valid files of moving pictures, made by the video module itself. */
#ifndef TRIPOINT_TESTS_VIDEO_CORPUS_H
#define TRIPOINT_TESTS_VIDEO_CORPUS_H

#include "media/video.h"

#define CORPUS_FRAMES 6u

/* A file in memory, read and written through the module's calls. */
struct memory_file {
    uint8_t *bytes;
    size_t size, room;
};

struct corpus_kind {
    const char *name;  /* its ending tells the container */
    const char *codec; /* NULL: by the ending */
    bool alpha;
    uint32_t width, height;
};

extern const struct corpus_kind corpus_kinds[];
extern const size_t corpus_kind_count;

struct trii_video_file corpus_file(struct memory_file *memory, const char *name, bool is_pipe);
/* TRI_UNSUPPORTED: there is no such encoder here. Aborts on anything else that fails. */
tri_status corpus_make(const struct trii_video_module *module, const struct corpus_kind *kind, struct memory_file *out);

#endif
