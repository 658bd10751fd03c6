#include "video_corpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct corpus_kind corpus_kinds[] = {
    {"h264.mp4", "libx264", false, 64, 48},    {"h264.mkv", "libx264", false, 66, 50},
    {"h264.ts", "libx264", false, 64, 48},     {"hevc.mp4", "libx265", false, 64, 64},
    {"vp9.webm", "libvpx-vp9", false, 64, 48}, {"vp8.webm", "libvpx", false, 34, 18},
    {"av1.mkv", "libaom-av1", false, 64, 64},  {"mpeg4.avi", "mpeg4", false, 64, 48},
    {"mpeg2.mpg", "mpeg2video", false, 64, 48},{"mjpeg.avi", "mjpeg", false, 48, 32},
    {"ffv1.mkv", "ffv1", false, 33, 17},       {"prores.mov", "prores_ks", true, 64, 48},
    {"png.mov", "png", true, 33, 17},          {"flv.flv", "flv", false, 64, 48},
    {"huff.avi", "huffyuv", false, 32, 16},    {"raw.y4m", NULL, false, 16, 16},
};
const size_t corpus_kind_count = sizeof corpus_kinds / sizeof *corpus_kinds;

static int64_t read_at(void *user, uint64_t at, void *bytes, size_t size) {
    const struct memory_file *memory = user;
    if (at >= memory->size)
        return 0;
    size_t left = memory->size - (size_t)at, n = size < left ? size : left;
    memcpy(bytes, memory->bytes + at, n);
    return (int64_t)n;
}

static int64_t write_at(void *user, uint64_t at, const void *bytes, size_t size) {
    struct memory_file *memory = user;
    if (at + size > memory->room) {
        size_t room = 2 * ((size_t)at + size);
        uint8_t *larger = realloc(memory->bytes, room);
        if (!larger)
            return -ENOMEM;
        memset(larger + memory->room, 0, room - memory->room);
        memory->bytes = larger;
        memory->room = room;
    }
    memcpy(memory->bytes + at, bytes, size);
    if (at + size > memory->size)
        memory->size = (size_t)at + size;
    return (int64_t)size;
}

struct trii_video_file corpus_file(struct memory_file *memory, const char *name, bool is_pipe) {
    return (struct trii_video_file){.user = memory,
                                    .name = name,
                                    .read = read_at,
                                    .write = write_at,
                                    .size = is_pipe ? -1 : (int64_t)memory->size};
}

/* A slope that moves, with a square on it: something to predict. */
static void draw(uint8_t *bytes, const struct corpus_kind *kind, bool planes, uint32_t frame) {
    const size_t w = kind->width, h = kind->height, step = planes ? 1 : 4;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w * step; x++)
            bytes[y * w * step + x] = (uint8_t)(x / step * 3 + y * 2 + frame * 5 + (x % step) * 40);
    for (size_t y = 4; y < 12; y++)
        memset(bytes + (y * w + 2 * frame) * step, 250, 8 * step);
    if (planes)
        memset(bytes + w * h, (int)(100 + frame * 10), w * h / 2);
}

tri_status corpus_make(const struct trii_video_module *module, const struct corpus_kind *kind, struct memory_file *out) {
    const struct trii_video_encode encode = {.codec = kind->codec,
                                             .alpha = kind->alpha,
                                             .width = kind->width,
                                             .height = kind->height,
                                             .frames_per_second = 25,
                                             .threads = 1};
    struct trii_video_writer *writer = NULL;
    struct tri_error err = {0};
    enum tri_kind wants;
    *out = (struct memory_file){0};
    const struct trii_video_file file = corpus_file(out, kind->name, false);
    tri_status status = module->create(&file, NULL, &encode, &writer, &wants, &err);
    if (status == TRI_UNSUPPORTED)
        return status;
    uint8_t *picture = malloc((size_t)kind->width * kind->height * 4);
    for (uint32_t i = 0; picture && status == TRI_OK && i < CORPUS_FRAMES; i++) {
        draw(picture, kind, wants == TRI_KIND_I420, i);
        status = module->write(writer, picture, i, 1, &err);
    }
    if (status == TRI_OK)
        status = module->finish(writer, &err);
    free(picture);
    if (status != TRI_OK || !picture) {
        fprintf(stderr, "%s can't be made: %s\n", kind->name, err.message);
        abort();
    }
    module->destroy(&writer);
    return TRI_OK;
}
