/*
 * Any bytes as a video: opened and decoded, or refused with a sentence; never a crash, never a byte past the memory that
 * is lent, and all of it given back.
 *
 * As a test it makes a small file of each kind (video_corpus.c) and reads it whole, cut at many places, with seeded
 * changes, and with pieces of other files; as a file and as a pipe. What can be read is encoded again now and then, with
 * the streams that pass. `video_fuzz N` makes N times as many changes, each run of another seed with `video_fuzz N SEED`.
 * With -DTRIPOINT_LIBFUZZER and -fsanitize=fuzzer it is driven by libFuzzer. Without the video module it is skipped.
 */
#include "random.h"
#include "video_corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PIXELS (UINT64_C(1) << 20) /* larger pictures are within the library's limits, not within a test's patience */
#define MOST_FRAMES 40u
#define HOLDS 3u
#define GUARD_BYTES 64u
#define GUARD 0xa5

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct trii_video_module *module;
static int64_t lent; /* buffers that the module has; one thread decodes */
static uint64_t opened, frames, damaged, lost, refused, rescaled; /* what came of it all */

static void fail(const char *what, const char *message) {
    fprintf(stderr, "%s: %s\n", what, message);
    abort();
}

/* ---- memory, with guards before and behind ---- */

struct block {
    uint64_t bytes;
    uint8_t before[GUARD_BYTES - sizeof(uint64_t)];
};

static uint8_t *take(void *user, uint64_t bytes) {
    (void)user;
    if (bytes > 8 * MOST_PIXELS)
        return NULL; /* the module then uses memory of its own */
    struct block *block = aligned_alloc(64, (sizeof *block + (size_t)bytes + GUARD_BYTES + 63) & ~(size_t)63);
    if (!block)
        fail("malloc", "no memory");
    block->bytes = bytes;
    memset(block->before, GUARD, sizeof block->before);
    memset((uint8_t *)(block + 1) + bytes, GUARD, GUARD_BYTES);
    lent++;
    return (uint8_t *)(block + 1);
}

static void give(void *user, uint8_t *at) {
    struct block *block = (struct block *)(void *)(at - sizeof *block);
    (void)user;
    for (size_t i = 0; i < sizeof block->before; i++)
        if (block->before[i] != GUARD)
            fail("memory", "written before its beginning");
    for (size_t i = 0; i < GUARD_BYTES; i++)
        if (at[block->bytes + i] != GUARD)
            fail("memory", "written past its end");
    free(block);
    lent--;
}

/* ---- one file ---- */

static void check_refusal(tri_status status, const struct tri_error *err) {
    if (status != TRI_BAD_IMAGE && status != TRI_LIMIT && status != TRI_UNSUPPORTED && status != TRI_NO_MEMORY)
        fail(tri_status_name(status), err->message);
    if (strncmp(err->message, "fuzz", 4) != 0 && !strstr(err->message, " fuzz"))
        fail("the sentence does not say which file", err->message);
    refused++;
}

static void check_info(const struct trii_video_info *info) {
    if (!info->width || !info->height || info->stored_width < info->width || info->stored_height < info->height ||
        info->rotation % 90 || info->rotation < 0 || info->rotation > 270)
        fail("info", "out of range");
    if (info->seconds < 0 || info->frames_per_second < 0)
        fail("info", "times that can't be");
}

/* Every byte that is promised is looked at. */
static uint32_t sum(const struct trii_video_frame *frame, const struct trii_video_info *info) {
    const uint64_t slack = info->kind == TRI_KIND_I420 ? TRII_VIDEO_SLACK_BYTES : 0;
    uint32_t sum = 0;
    for (uint64_t i = 0; i < TRII_VIDEO_STORED_BYTES(info) - slack; i++)
        sum += frame->at[i];
    return sum;
}

/* The frames into another file, with the streams that pass. */
static struct trii_video_writer *begin_copy(struct trii_video_reader *reader, const struct trii_video_info *info,
                                            const struct trii_video_file *to) {
    const struct trii_video_encode encode = {.codec = "mpeg4",
                                             .width = info->width,
                                             .height = info->height,
                                             .threads = 1,
                                             .passes_other_streams = true};
    struct trii_video_writer *writer = NULL;
    struct tri_error err = {0};
    enum tri_kind wants;
    if (module->create(to, reader, &encode, &writer, &wants, &err) != TRI_OK)
        return NULL; /* 1 x 1 pixels, a rate that no codec takes */
    if (wants != TRI_KIND_IMAGE)
        fail("mpeg4", "was to want RGBA");
    return writer;
}

static void read_frames(struct trii_video_reader *reader, const struct trii_video_info *info,
                        struct trii_video_writer *writer, uint8_t *rgba) {
    struct trii_video_frame held[HOLDS];
    uint64_t count = 0;
    bool end = false;
    while (count < MOST_FRAMES) {
        struct tri_error err = {0};
        struct trii_video_frame frame = {0};
        tri_status status = module->read(reader, &frame, &end, &err);
        if (status != TRI_OK)
            check_refusal(status, &err);
        if (status != TRI_OK || end)
            break;
        if (count >= HOLDS)
            module->give(reader, &held[count % HOLDS]);
        held[count++ % HOLDS] = frame;
        damaged += frame.damaged;
        rescaled += frame.rescaled;
        rgba[0] = (uint8_t)sum(&frame, info);
        if (writer && module->write(writer, rgba, frame.pts, frame.duration, &err) != TRI_OK)
            check_refusal(TRI_BAD_IMAGE, &err);
    }
    for (uint64_t i = count < HOLDS ? 0 : count - HOLDS; i < count; i++)
        module->give(reader, &held[i % HOLDS]);
    frames += count;
    lost += module->lost(reader);
}

static void one(const uint8_t *bytes, size_t size, bool is_pipe, bool copies) {
    struct memory_file memory = {(uint8_t *)(uintptr_t)bytes, size, size}, out = {0};
    const struct trii_video_file file = corpus_file(&memory, "fuzz", is_pipe), to = corpus_file(&out, "fuzz.mkv", false);
    const struct trii_video_memory lender = {.take = take, .give = give};
    struct trii_video_reader *reader = NULL;
    struct trii_video_writer *writer = NULL;
    struct trii_video_info info = {0};
    struct tri_error err = {0};
    tri_status status = module->open(&file, &lender, 1, &reader, &info, &err);
    if (status != TRI_OK)
        check_refusal(status, &err);
    if (status == TRI_OK)
        check_info(&info);
    if (status == TRI_OK && (uint64_t)info.stored_width * info.stored_height <= MOST_PIXELS) {
        uint8_t *rgba = calloc((size_t)info.width * info.height, 4);
        if (!rgba)
            fail("calloc", "no memory");
        writer = copies ? begin_copy(reader, &info, &to) : NULL;
        opened++;
        read_frames(reader, &info, writer, rgba);
        if (writer && module->finish(writer, &err) != TRI_OK && !err.message[0])
            fail("finish", "failed without a sentence");
        module->destroy(&writer);
        free(rgba);
    }
    module->close(&reader);
    free(out.bytes);
    if (lent != 0)
        fail("memory", "not all of it was given back");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct tri_error err = {0};
    if (!module && trii_video_module(&module, &err) != TRI_OK)
        fail("module", err.message);
    one(bytes, size, false, size % 8 == 0);
    return 0;
}

#ifndef TRIPOINT_LIBFUZZER
enum { CUTS = 16, CHANGES = 60 };

/* Most damage hides in the first bytes: headers. */
static size_t some_place(size_t size) {
    uint32_t most = (uint32_t)size;
    return random_below(2) ? random_below(most) : random_below(most < 600 ? most : 600);
}

static void change(uint8_t *bytes, size_t size, const struct memory_file *other) {
    for (uint32_t n = 1 + random_below(4); n > 0; n--) {
        size_t at = some_place(size), run = 1 + random_below(32);
        run = run < size - at ? run : size - at;
        switch (random_below(6)) {
        case 0:
            bytes[at] = (uint8_t)random_below(256);
            break;
        case 1:
            bytes[at] ^= (uint8_t)(1u << random_below(8));
            break;
        case 2:
            bytes[at] = random_below(2) ? 0xff : 0x7f;
            break;
        case 3:
            memset(bytes + at, random_below(2) ? 0 : 0xff, run);
            break;
        case 4:
            memmove(bytes + at, bytes + some_place(size - run + 1), run);
            break;
        default:
            memcpy(bytes + at, other->bytes + random_below((uint32_t)(other->size > run ? other->size - run : 1)),
                   run < other->size ? run : other->size);
        }
    }
}

static void replay(const struct memory_file *file, const struct memory_file *other, uint32_t times) {
    uint8_t *bytes = malloc(file->size);
    if (!bytes)
        fail("malloc", "no memory");
    for (size_t i = 0; i < CUTS; i++)
        one(file->bytes, file->size * i / CUTS, i % 2, i % 4 == 0);
    for (uint32_t i = 0; i < CHANGES * times; i++) {
        memcpy(bytes, file->bytes, file->size);
        change(bytes, file->size, other);
        one(bytes, file->size, i % 3 == 0, i % 5 == 0);
    }
    free(bytes);
}

/* What is whole gives all its frames: the corpus is what it is meant to be. */
static void check_whole(const struct corpus_kind *kind, const struct memory_file *file) {
    const uint64_t before = frames, lost_before = lost, damaged_before = damaged;
    one(file->bytes, file->size, false, true);
    if (frames != before + CORPUS_FRAMES || lost != lost_before || damaged != damaged_before)
        fail(kind->name, "a whole file does not give all its frames whole");
}

int main(int argc, char **argv) {
    struct memory_file files[32] = {{0}};
    const uint32_t times = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    size_t count = 0;
    struct tri_error err = {0};
    seed += argc > 2 ? (uint64_t)atoi(argv[2]) * 7919u : 0;
    if (trii_video_module(&module, &err) != TRI_OK) {
        printf("skipped because %s\n", err.message);
        return 77;
    }
    for (size_t i = 0; i < corpus_kind_count; i++) {
        if (corpus_make(module, &corpus_kinds[i], &files[count]) != TRI_OK) {
            printf("%s is left out: there is no encoder %s here\n", corpus_kinds[i].name, corpus_kinds[i].codec);
            continue;
        }
        check_whole(&corpus_kinds[i], &files[count]);
        opened = frames = damaged = lost = refused = rescaled = 0;
        replay(&files[count], &files[count ? count - 1 : 0], times);
        printf("%-11s %6zu bytes: opened %" PRIu64 ", refused %" PRIu64 ", frames %" PRIu64 ", of these damaged %" PRIu64
               ", rescaled %" PRIu64 "; packets lost %" PRIu64 "\n", corpus_kinds[i].name, files[count].size, opened,
               refused, frames, damaged, rescaled, lost);
        fflush(stdout);
        count++;
    }
    for (size_t i = 0; i < count; i++)
        free(files[i].bytes);
    return 0;
}
#endif
