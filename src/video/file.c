/* Files of ours as libav wants them: no protocol of libav's own is ever used, so a file can't make us open others. */
#include "inside.h"

#include <errno.h>

#define BUFFER_BYTES 65536

static int read_some(void *user, uint8_t *bytes, int size) {
    struct stream_file *file = user;
    int64_t got = file->file.read(file->file.user, file->at, bytes, (size_t)size);
    if (got < 0 && !file->failed)
        file->failed = (int)-got;
    if (got <= 0)
        return got < 0 ? AVERROR((int)-got) : AVERROR_EOF;
    file->at += (uint64_t)got;
    return (int)got;
}

static int write_some(void *user, uint8_t *bytes, int size) {
    struct stream_file *file = user;
    int64_t put = file->file.write(file->file.user, file->at, bytes, (size_t)size);
    if (put < 0) {
        if (!file->failed)
            file->failed = (int)-put;
        return AVERROR((int)-put);
    }
    file->at += (uint64_t)put;
    return (int)put;
}

static int64_t move(void *user, int64_t offset, int whence) {
    struct stream_file *file = user;
    if (whence == AVSEEK_SIZE)
        return file->file.size;
    int64_t from = whence == SEEK_CUR ? (int64_t)file->at : whence == SEEK_END ? file->file.size : 0;
    if (offset > INT64_MAX - from || from + offset < 0)
        return AVERROR(EINVAL);
    file->at = (uint64_t)(from + offset);
    return (int64_t)file->at;
}

int video_file_open(struct stream_file *file, const struct trii_video_file *from, bool writes) {
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    *file = (struct stream_file){.file = *from};
    if (buffer)
        file->io = avio_alloc_context(buffer, BUFFER_BYTES, writes, file, writes ? NULL : read_some,
                                      writes ? write_some : NULL, from->size >= 0 ? move : NULL);
    if (!file->io)
        av_free(buffer);
    return file->io ? 0 : AVERROR(ENOMEM);
}

void video_file_close(struct stream_file *file) {
    if (!file->io)
        return;
    av_freep(&file->io->buffer);
    avio_context_free(&file->io);
}

tri_status video_io_status(const struct stream_file *file, tri_status otherwise) {
    return file->failed ? TRI_IO : otherwise;
}
