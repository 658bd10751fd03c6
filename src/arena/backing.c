#include "arena/backing.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/status.h"
#include "base/sys.h"

#include <errno.h>
#include <string.h>

#define PAGE_SHIFT 12u
#define HUGE_SHIFT 21u
/* The first segment; each later one doubles what there is, up to TRI_SEGMENT_MAX_BYTES. */
#define FIRST_SEGMENT_BYTES ((uint64_t)64 << 20)
/* From this size on scrubbing asks first which pages there are: zeroing one that was never touched would bring it in. */
#define SPARSE_BYTES ((uint64_t)256 << 10)
#define LOOK_PAGES 512u /* so many at a time */

static uint64_t bytes_of(const struct trii_backing *backing, uint64_t units) {
    return units << backing->unit_shift;
}

static tri_status no_memory(const struct trii_backing *backing, int failed, const char *what, uint64_t bytes,
                            struct tri_error *err) {
    const char *advice = failed == EFBIG    ? " (is there a limit on file sizes? See ulimit -f)"
                         : failed == ENOMEM ? " (is there a limit on address space? See ulimit -v)"
                         : failed == EMFILE ? " (is there a limit on open files? See ulimit -n)"
                                            : "";
    return trii_fail_errno(err, TRI_NO_MEMORY, failed, "arena \"%s\": the system refused %s of %llu bytes%s",
                           backing->label, what, (unsigned long long)bytes, advice);
}

int trii_backing_table(uint64_t bytes, void **out) {
    void *at = NULL;
    int failed = trii_sys_reserve(bytes, &at);
    if (failed)
        return failed;
    failed = trii_sys_map_private(at, bytes, TRII_PROT_READ_WRITE);
    if (failed) {
        trii_sys_unmap(at, bytes);
        return failed;
    }
    *out = at;
    return 0;
}

/* True when the system has a pool of huge pages from which one can be mapped: the unit then is a huge page. */
static bool pool_answers(const struct trii_backing *backing) {
    uint64_t bytes = (uint64_t)1 << HUGE_SHIFT;
    void *at = NULL;
    int fd = -1;
    if (trii_sys_memfd(backing->label, bytes, true, &fd) != 0)
        return false;
    bool answers = false;
    if (trii_sys_reserve(2 * bytes, &at) == 0) {
        void *aligned = (void *)(((uintptr_t)at + bytes - 1) & ~(uintptr_t)(bytes - 1));
        answers = trii_sys_map_fd(aligned, bytes, fd, 0, TRII_PROT_READ_WRITE, false) == 0;
        trii_sys_unmap(at, 2 * bytes);
    }
    trii_sys_close(fd);
    return answers;
}

/* The addresses for all units, and the list of segments. */
static tri_status reserve(struct trii_backing *backing, uint64_t align, struct tri_error *err) {
    backing->reserved_bytes = bytes_of(backing, backing->units) + align;
    int failed = trii_sys_reserve(backing->reserved_bytes, &backing->reserved);
    if (failed)
        return no_memory(backing, failed, "a reservation of address space", backing->reserved_bytes, err);
    backing->base = (uint8_t *)(((uintptr_t)backing->reserved + align - 1) & ~(uintptr_t)(align - 1));
    backing->segments = trii_calloc(TRII_SEGMENTS_MAX, sizeof *backing->segments);
    if (!backing->segments) {
        tri_status status = no_memory(backing, ENOMEM, "a table", TRII_SEGMENTS_MAX * sizeof *backing->segments, err);
        trii_backing_close(backing, false);
        return status;
    }
    return TRI_OK;
}

tri_status trii_backing_open(struct trii_backing *backing, const struct tri_arena_params *params,
                             uint64_t capacity_bytes, struct tri_error *err) {
    *backing = (struct trii_backing){
        .kind = params->backing, .want_huge = params->huge_pages, .sealed = params->readers};
    trii_name_copy(backing->label, sizeof backing->label, params->label && params->label[0] ? params->label : "arena");
    backing->huge_pool = backing->want_huge && backing->kind == TRI_BACKING_MEMFD && pool_answers(backing);
    backing->unit_shift = backing->huge_pool ? HUGE_SHIFT : PAGE_SHIFT;
    uint64_t unit = (uint64_t)1 << backing->unit_shift;
    backing->units = (uint32_t)((capacity_bytes + unit - 1) >> backing->unit_shift);

    return reserve(backing, backing->want_huge ? (uint64_t)1 << HUGE_SHIFT : unit, err);
}

void trii_backing_close(struct trii_backing *backing, bool inherited) {
    if (backing->reserved && !inherited)
        trii_sys_unmap(backing->reserved, backing->reserved_bytes);
    for (uint32_t i = 0; i < backing->segment_count; i++)
        trii_sys_close(backing->segments[i].fd);
    trii_free(backing->segments);
    *backing = (struct trii_backing){.segment_count = 0};
}

/* Maps one segment behind the last, from the pool of huge pages or from ordinary ones. */
static int add_segment(struct trii_backing *backing, uint32_t units, bool pool, const char **what) {
    uint64_t bytes = bytes_of(backing, units);
    uint8_t *at = trii_backing_at(backing, backing->backed);
    int fd = -1, failed;
    *what = "a memfd";
    if (backing->kind == TRI_BACKING_MEMFD) {
        failed = backing->sealed ? trii_sys_memfd_unsealed(backing->label, bytes, pool, &fd)
                                 : trii_sys_memfd(backing->label, bytes, pool, &fd);
        if (failed)
            return failed;
    }
    *what = "a mapping";
    if (fd >= 0)
        failed = trii_sys_map_fd(at, bytes, fd, 0, TRII_PROT_READ_WRITE, false);
    else
        failed = trii_sys_map_private(at, bytes, TRII_PROT_READ_WRITE);
    if (!failed && (failed = trii_sys_keep_from_child(at, bytes)) != 0)
        trii_sys_unreserve(at, bytes);
    if (!failed && backing->sealed && (failed = trii_sys_seal_writing(fd)) != 0) {
        *what = "a seal against writers";
        trii_sys_unreserve(at, bytes);
    }
    if (failed) {
        trii_sys_close(fd);
        return failed;
    }
    if (backing->want_huge && !pool &&
        (!trii_sys_huge_policy(fd >= 0) || trii_sys_advise_huge(at, bytes) != 0))
        backing->huge_refused = true;
    backing->segments[backing->segment_count++] =
        (struct trii_segment){.fd = fd, .first = backing->backed, .units = units};
    backing->backed += units;
    return 0;
}

tri_status trii_backing_adopt(struct trii_backing *backing, const char *label, uint32_t unit_shift,
                              const uint32_t *units, const int *fds, uint32_t count, bool read_only,
                              struct tri_error *err) {
    *backing = (struct trii_backing){.kind = TRI_BACKING_MEMFD, .unit_shift = unit_shift};
    trii_name_copy(backing->label, sizeof backing->label, label);
    for (uint32_t i = 0; i < count; i++)
        backing->units += units[i];
    tri_status status = reserve(backing, (uint64_t)1 << unit_shift, err);
    int failed = 0;
    for (uint32_t i = 0; status == TRI_OK && !failed && i < count; i++) {
        uint8_t *at = trii_backing_at(backing, backing->backed);
        failed = trii_sys_map_fd(at, bytes_of(backing, units[i]), fds[i], 0,
                                 read_only ? TRII_PROT_READ : TRII_PROT_READ_WRITE, false);
        if (!failed)
            failed = trii_sys_keep_from_child(at, bytes_of(backing, units[i]));
        backing->segments[i] = (struct trii_segment){.fd = fds[i], .first = backing->backed, .units = units[i]};
        backing->backed += units[i];
    }
    if (status == TRI_OK && failed) {
        status = no_memory(backing, failed, "a mapping", bytes_of(backing, backing->units), err);
        trii_backing_close(backing, false); /* no segment is counted yet: the descriptors stay the caller's */
    }
    if (status == TRI_OK)
        backing->segment_count = count;
    return status;
}

tri_status trii_backing_grow(struct trii_backing *backing, uint32_t units, struct tri_error *err) {
    uint32_t room = backing->units - backing->backed;
    if (units > room || backing->segment_count == TRII_SEGMENTS_MAX)
        return TRI_LIMIT;
    uint64_t most = TRI_SEGMENT_MAX_BYTES >> backing->unit_shift;
    uint64_t want = trii_max_u64(backing->backed, FIRST_SEGMENT_BYTES >> backing->unit_shift);
    want = trii_min_u64(trii_min_u64(trii_max_u64(want, units), most), room);
    const char *what = "";
    bool pool = backing->huge_pool;
    int failed = add_segment(backing, (uint32_t)want, pool, &what);
    if (failed && want > units) /* the pool, or a limit on files, may still have this much */
        failed = add_segment(backing, units, pool, &what);
    if (failed && pool)
        failed = add_segment(backing, (uint32_t)want, false, &what);
    return failed ? no_memory(backing, failed, what, bytes_of(backing, units), err) : TRI_OK;
}

/* Zeroes what there is of an absent-looking stretch: nothing, or pages that were swapped out. */
static void clear_swapped(const struct trii_segment *segment, uint8_t *at, uint64_t offset, uint64_t bytes) {
    uint64_t data = offset;
    if (trii_sys_next_data(segment->fd, offset, &data) != 0 || data < offset)
        data = offset;
    if (data < offset + bytes)
        memset(at + (data - offset), 0, offset + bytes - data);
}

/* Zeroes a large run of a memfd, leaving pages absent that nobody ever touched. */
static void clear_sparse(const struct trii_segment *segment, uint8_t *at, uint64_t offset, uint64_t bytes) {
    unsigned char present[LOOK_PAGES];
    for (uint64_t done = 0; done < bytes;) {
        uint64_t pages = trii_min_u64((bytes - done) / TRI_PAGE_BYTES, LOOK_PAGES);
        if (trii_sys_present(at + done, pages * TRI_PAGE_BYTES, present) != 0)
            memset(present, 1, sizeof present);
        for (uint64_t i = 0, run; i < pages; i += run) {
            for (run = 1; i + run < pages && (present[i + run] & 1) == (present[i] & 1); run++)
                ;
            uint64_t from = done + i * TRI_PAGE_BYTES, length = run * TRI_PAGE_BYTES;
            if (present[i] & 1)
                memset(at + from, 0, length);
            else
                clear_swapped(segment, at + from, offset + from, length);
        }
        done += pages * TRI_PAGE_BYTES;
    }
}

/*
 * Writing zeros costs a fifteenth of punching a hole, and the pages need not be brought in again (docs/memory.md has
 * the measurement).
 */
void trii_backing_clear(struct trii_backing *backing, const struct trii_segment *segment, uint32_t first,
                        uint32_t units) {
    uint64_t bytes = bytes_of(backing, units);
    uint8_t *at = trii_backing_at(backing, first);
    if (bytes < SPARSE_BYTES)
        memset(at, 0, bytes);
    else if (segment->fd >= 0)
        clear_sparse(segment, at, bytes_of(backing, first - segment->first), bytes);
    else if (trii_sys_discard(at, bytes) != 0) /* nothing tells cheaply which private pages there are */
        memset(at, 0, bytes);
}

int trii_backing_prefault(struct trii_backing *backing, uint32_t first, uint32_t units) {
    uint8_t *at = trii_backing_at(backing, first);
    int failed = trii_sys_populate(at, bytes_of(backing, units));
    if (failed != EINVAL)
        return failed;
    for (uint64_t i = 0; i < bytes_of(backing, units); i += TRI_PAGE_BYTES) { /* Linux before 5.14 */
        volatile uint8_t *byte = at + i;
        *byte = *byte; /* nobody else has these pages yet */
    }
    return 0;
}
