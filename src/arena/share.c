/*
 * Export and import: one message over a Unix socket, with the control segment and all segments as descriptors.
 *
 * Who imports checks everything that arrived before it maps anything: the other end is the same user, each descriptor is
 * a memfd of exactly the announced size and sealed against shrinking, so that no later touch can be a SIGBUS.
 */
#include "arena/inside.h"

#include "base/alloc.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x414e455241495254) /* "TRIARENA" */
#define VERSION 1u
#define SEGMENTS_MAX (TRII_SOCKET_FDS_MAX - 1u)
_Static_assert(TRI_SHARED_MAX_BYTES / TRI_SEGMENT_MAX_BYTES <= SEGMENTS_MAX, "all segments fit into one message");

struct hello {
    uint64_t magic;
    uint32_t version;
    uint32_t id;
    uint32_t unit_shift;
    uint32_t segment_count;
    uint32_t units[SEGMENTS_MAX];
    char label[TRI_LABEL_BYTES];
};

/* What came with a hello, until an arena has taken it over. */
struct received {
    struct hello hello;
    int fds[TRII_SOCKET_FDS_MAX]; /* the control segment, then the segments */
    size_t count;
};

static tri_status check_peer(int socket, const char *doing, struct tri_error *err) {
    uint32_t uid = 0;
    int failed = trii_sys_socket_peer_uid(socket, &uid);
    if (failed)
        return trii_fail_errno(err, TRI_INVALID_ARGUMENT, failed, "arena: %s needs a connected Unix socket, not %d",
                               doing, socket);
    if (uid != geteuid())
        return trii_fail(err, TRI_PERMISSION, "arena: %s is refused: user %u is at the other end, this process is of "
                         "user %u",
                         doing, uid, (unsigned)geteuid());
    return TRI_OK;
}

tri_status tri_arena_export(struct tri_arena *arena, int socket, struct tri_error *err) {
    struct hello hello = {.magic = MAGIC, .version = VERSION};
    int fds[TRII_SOCKET_FDS_MAX];
    if (!arena)
        return trii_report_null("the arena", err);
    if (!arena->control.entries || arena->imported)
        return trii_fail(err, TRI_UNSUPPORTED,
                         "arena \"%s\" can't be exported: only one that this process made with "
                         "tri_arena_params.shared can",
                         arena->label);
    if (trii_arena_is_inherited(arena))
        return trii_fail(err, TRI_PERMISSION, "arena \"%s\" belongs to the process that made it", arena->label);
    tri_status status = check_peer(socket, "export", err);
    if (status != TRI_OK)
        return status;
    const struct trii_backing *backing = &arena->backing; /* complete since the arena was made */
    hello.id = arena->id;
    hello.unit_shift = backing->unit_shift;
    hello.segment_count = backing->segment_count;
    trii_name_copy(hello.label, sizeof hello.label, arena->label);
    fds[0] = arena->control.fd;
    for (uint32_t i = 0; i < backing->segment_count; i++) {
        hello.units[i] = backing->segments[i].units;
        fds[i + 1] = backing->segments[i].fd;
    }
    int failed = trii_sys_socket_send(socket, &hello, sizeof hello, fds, backing->segment_count + (size_t)1);
    return failed ? trii_fail_errno(err, TRI_IO, failed, "arena \"%s\": can't be sent over socket %d", arena->label,
                                    socket)
                  : TRI_OK;
}

static tri_status damaged(const char *what, struct tri_error *err) {
    return trii_fail(err, TRI_PARSE, "arena: what came over the socket is no arena of this version: %s", what);
}

static tri_status check_fd(int fd, uint64_t bytes, const char *what, struct tri_error *err) {
    uint64_t has = 0;
    bool is_fixed = false;
    if (trii_sys_memfd_inspect(fd, &has, &is_fixed) != 0)
        return damaged("a descriptor is no memfd", err);
    if (!is_fixed)
        return damaged("a segment is not sealed against shrinking and growing", err);
    return has == bytes ? TRI_OK : damaged(what, err);
}

static tri_status check_hello(struct received *received, struct tri_error *err) {
    struct hello *hello = &received->hello;
    if (hello->magic != MAGIC || hello->version != VERSION)
        return damaged("it begins otherwise", err);
    if (hello->id == 0 || hello->id > UINT16_MAX || (hello->unit_shift != 12 && hello->unit_shift != 21))
        return damaged("its numbers are out of range", err);
    if (hello->segment_count == 0 || hello->segment_count > SEGMENTS_MAX ||
        received->count != hello->segment_count + (size_t)1)
        return damaged("it has another number of segments than of descriptors", err);
    hello->label[sizeof hello->label - 1] = '\0';
    tri_status status = check_fd(received->fds[0], trii_control_bytes(), "the control segment has another size", err);
    for (uint32_t i = 0; status == TRI_OK && i < hello->segment_count; i++) {
        uint64_t bytes = (uint64_t)hello->units[i] << hello->unit_shift;
        if (bytes == 0 || bytes > TRI_SEGMENT_MAX_BYTES)
            return damaged("a segment's size is out of range", err);
        status = check_fd(received->fds[i + 1], bytes, "a segment has another size than was announced", err);
    }
    return status;
}

static void close_received(struct received *received) {
    while (received->count > 0)
        trii_sys_close(received->fds[--received->count]);
}

/* Takes the descriptors over one by one: what the arena has is no longer in `received`. */
static tri_status adopt(struct tri_arena *arena, struct received *received, bool read_only, struct tri_error *err) {
    const struct hello *hello = &received->hello;
    tri_status status = trii_backing_adopt(&arena->backing, hello->label, hello->unit_shift, hello->units,
                                           received->fds + 1, hello->segment_count, read_only, err);
    if (status != TRI_OK)
        return status;
    received->count = 1;
    trii_name_copy(arena->label, sizeof arena->label, hello->label);
    arena->id = (uint16_t)hello->id;
    arena->imported = true;
    arena->read_only = read_only;
    arena->capacity_bytes = (uint64_t)arena->backing.units << arena->backing.unit_shift;
    status = trii_arena_open_tables(arena, err);
    if (status == TRI_OK)
        status = trii_control_adopt(arena, received->fds[0], err);
    if (status == TRI_OK)
        received->count = 0;
    return status;
}

tri_status tri_arena_import(int socket, const struct tri_import_params *given, struct tri_arena **out,
                            struct tri_error *err) {
    struct tri_import_params params = {.struct_bytes = sizeof params};
    struct received received = {.count = 0};
    if (!out)
        return trii_report_null("the place for the arena", err);
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_import_params", err);
    if (status == TRI_OK)
        status = check_peer(socket, "import", err);
    if (status != TRI_OK)
        return status;
    int failed = trii_sys_socket_receive(socket, &received.hello, sizeof received.hello, received.fds, &received.count);
    if (failed == EPROTO)
        return damaged("it has another size", err);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "arena: nothing could be received over socket %d", socket);
    struct tri_arena *arena = NULL;
    status = check_hello(&received, err);
    if (status == TRI_OK)
        status = trii_arena_new(&arena, err);
    if (status == TRI_OK)
        status = adopt(arena, &received, params.read_only, err);
    close_received(&received);
    if (status != TRI_OK) {
        if (arena)
            trii_arena_discard(arena);
        return status;
    }
    *out = arena;
    return TRI_OK;
}

static size_t add_handle(const struct tri_arena *arena, uint32_t index, uint64_t word, tri_handle *handles,
                         size_t capacity, size_t count) {
    if (trii_word_state(word) != TRII_SLOT_LIVE || trii_word_generation(word) == 0)
        return count;
    if (count < capacity)
        handles[count] = trii_handle_make(arena->id, index, trii_word_generation(word));
    return count + 1;
}

size_t tri_arena_regions(const struct tri_arena *arena, tri_handle *handles, size_t capacity) {
    size_t count = 0;
    if (!arena || trii_arena_is_inherited(arena))
        return 0;
    uint32_t slots = TRI_REGION_MAX;
    if (!arena->imported) {
        pthread_mutex_t *lock = (pthread_mutex_t *)&arena->lock;
        pthread_mutex_lock(lock);
        slots = arena->slot_count; /* also of slots that another thread is still filling: later ones may live */
        pthread_mutex_unlock(lock);
    }
    for (uint32_t i = 0; i < slots; i++) {
        uint64_t word = arena->imported ? trii_load_acquire(&arena->control.entries[i].word)
                                        : trii_load_acquire(&arena->slots[i].word);
        count = add_handle(arena, i, word, handles, capacity, count);
    }
    return count;
}
