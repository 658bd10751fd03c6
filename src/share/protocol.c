#include "share/protocol.h"

#include "arena/handle.h"
#include "base/checked.h"
#include "base/status.h"

#include <string.h>

_Static_assert(sizeof(struct trii_request) == 64, "a request has no padding");
_Static_assert(TRII_ANSWER_HEAD_BYTES == 16, "an answer's head has no padding");
_Static_assert(sizeof(struct trii_wire_region) % 8 == 0 && sizeof(struct trii_wire_holder) == 16, "no hidden bytes");

static bool is_terminated(const char *text, size_t bytes) {
    return memchr(text, '\0', bytes) != NULL;
}

bool trii_request_read(const void *bytes, size_t size, struct trii_request *out) {
    struct trii_request request;
    if (size != sizeof request)
        return false;
    memcpy(&request, bytes, sizeof request); /* not payload: a request */
    if (request.magic != TRII_SHARE_MAGIC || request.verb < TRII_VERB_HELLO || request.verb > TRII_VERB_CAUSE ||
        !is_terminated(request.label, sizeof request.label))
        return false;
    *out = request;
    return true;
}

uint32_t trii_answer_bytes(enum trii_verb verb, uint64_t holders) {
    switch (verb) {
    case TRII_VERB_HELLO:
        return sizeof(struct trii_wire_hello);
    case TRII_VERB_SEGMENT:
        return sizeof(struct trii_wire_segment);
    case TRII_VERB_NEXT:
    case TRII_VERB_FIND:
    case TRII_VERB_REGION:
        return sizeof(struct trii_wire_region);
    case TRII_VERB_HOLDERS:
        return (uint32_t)(offsetof(struct trii_wire_holders, holders) + holders * sizeof(struct trii_wire_holder));
    case TRII_VERB_ACQUIRE:
        return sizeof(uint64_t);
    case TRII_VERB_CAUSE:
        return sizeof(struct tri_error);
    case TRII_VERB_RELEASE:
    case TRII_VERB_ARENA:
        break;
    }
    return 0;
}

static bool is_sound_error(struct tri_error *error) {
    if (error->status == TRI_OK || strcmp(tri_status_name(error->status), "UNKNOWN") == 0)
        return false;
    error->message[sizeof error->message - 1] = '\0';
    error->engine[sizeof error->engine - 1] = '\0';
    error->stage[sizeof error->stage - 1] = '\0';
    error->region[sizeof error->region - 1] = '\0';
    return error->message[0] != '\0';
}

static bool read_error(struct trii_answer *answer) {
    return answer->body_bytes == sizeof answer->body.error && answer->body.error.status == answer->status &&
           is_sound_error(&answer->body.error);
}

static bool is_sound_hello(const struct trii_wire_hello *hello) {
    return (hello->sharing == TRI_SHARING_TRUSTED || hello->sharing == TRI_SHARING_READERS) &&
           is_terminated(hello->label, sizeof hello->label);
}

static bool is_sound_holders(const struct trii_answer *answer) {
    if (answer->body_bytes < offsetof(struct trii_wire_holders, holders))
        return false;
    const struct trii_wire_holders *holders = &answer->body.holders;
    if (holders->count > TRI_HOLDERS_MAX || answer->body_bytes != trii_answer_bytes(TRII_VERB_HOLDERS, holders->count))
        return false;
    for (uint64_t i = 0; i < holders->count; i++)
        if (holders->holders[i].technology >= TRI_TECHNOLOGY_COUNT)
            return false;
    return true;
}

static bool is_sound_body(enum trii_verb verb, struct trii_answer *answer) {
    struct tri_shared_region region;
    if (verb == TRII_VERB_HOLDERS)
        return is_sound_holders(answer);
    if (answer->body_bytes != trii_answer_bytes(verb, 0))
        return false;
    switch (verb) {
    case TRII_VERB_HELLO:
        return is_sound_hello(&answer->body.hello);
    case TRII_VERB_SEGMENT:
        return answer->body.segment.bytes > 0 && answer->body.segment.bytes <= TRI_SEGMENT_MAX_BYTES &&
               answer->body.segment.bytes % TRI_PAGE_BYTES == 0;
    case TRII_VERB_NEXT:
    case TRII_VERB_FIND:
    case TRII_VERB_REGION:
        return trii_region_from_wire(&answer->body.region, TRI_HANDLE_NONE, &region);
    case TRII_VERB_CAUSE:
        return is_sound_error(&answer->body.cause);
    case TRII_VERB_HOLDERS:
    case TRII_VERB_ACQUIRE:
    case TRII_VERB_RELEASE:
    case TRII_VERB_ARENA:
        break;
    }
    return true;
}

bool trii_answer_read(const void *bytes, size_t size, enum trii_verb verb, struct trii_answer *out) {
    struct trii_answer answer = {.magic = 0};
    if (size < TRII_ANSWER_HEAD_BYTES || size > sizeof answer)
        return false;
    memcpy(&answer, bytes, size); /* not payload: an answer */
    if (answer.magic != TRII_SHARE_MAGIC || answer.verb != (uint32_t)verb ||
        answer.body_bytes != size - TRII_ANSWER_HEAD_BYTES)
        return false;
    if (answer.status != TRI_OK ? !read_error(&answer) : !is_sound_body(verb, &answer))
        return false;
    *out = answer;
    return true;
}

void trii_region_to_wire(const struct tri_shared_region *region, struct trii_wire_region *out) {
    *out = (struct trii_wire_region){
        .handle = region->handle,
        .size_bytes = region->info.size_bytes,
        .mapped_bytes = region->info.mapped_bytes,
        .offset_bytes = region->info.offset_bytes,
        .segment_offset_bytes = region->info.segment_offset_bytes,
        .segment = region->info.segment,
        .dtype = (uint32_t)region->layout.dtype,
        .kind = (uint32_t)region->layout.kind,
        .rank = region->layout.rank,
        .state = (uint32_t)region->sync.state,
        .waiting_readers = region->sync.waiting_readers,
        .waiting_writers = region->sync.waiting_writers,
        .poisoned = region->sync.poisoned,
    };
    for (size_t i = 0; i < TRI_LAYOUT_MAX_RANK; i++) {
        out->shape[i] = region->layout.shape[i];
        out->strides_bytes[i] = region->layout.strides_bytes[i];
    }
    for (size_t i = 0; i < TRI_TECHNOLOGY_COUNT; i++)
        out->readers[i] = region->sync.readers[i];
    trii_name_copy(out->label, sizeof out->label, region->info.label);
}

static bool is_sound_place(const struct trii_wire_region *wire) {
    return wire->size_bytes > 0 && wire->size_bytes <= wire->mapped_bytes &&
           wire->mapped_bytes % TRI_PAGE_BYTES == 0 && wire->segment_offset_bytes % TRI_PAGE_BYTES == 0 &&
           wire->segment < TRII_SHARE_SEGMENTS &&
           trii_range_fits(wire->segment_offset_bytes, wire->mapped_bytes, TRI_SEGMENT_MAX_BYTES);
}

static bool layout_from_wire(const struct trii_wire_region *wire, struct tri_layout *out) {
    uint64_t needed;
    *out = (struct tri_layout){
        .dtype = (enum tri_dtype)(wire->dtype & 0xffu),
        .kind = (enum tri_kind)(wire->kind & 0xffu),
        .rank = wire->rank};
    if (wire->dtype > 0xff || wire->kind > 0xff || wire->rank > TRI_LAYOUT_MAX_RANK)
        return false;
    for (size_t i = 0; i < TRI_LAYOUT_MAX_RANK; i++) {
        out->shape[i] = wire->shape[i];
        out->strides_bytes[i] = wire->strides_bytes[i];
    }
    return strcmp(tri_kind_name(out->kind), "?") != 0 && tri_layout_bytes_needed(out, &needed, NULL) == TRI_OK &&
           needed <= wire->size_bytes;
}

bool trii_region_from_wire(const struct trii_wire_region *wire, tri_handle asked, struct tri_shared_region *out) {
    struct tri_shared_region region = {
        .handle = wire->handle,
        .info = {.size_bytes = wire->size_bytes,
                 .mapped_bytes = wire->mapped_bytes,
                 .offset_bytes = wire->offset_bytes,
                 .index = trii_handle_index(wire->handle),
                 .segment = wire->segment,
                 .segment_offset_bytes = wire->segment_offset_bytes},
        .sync = {.waiting_readers = wire->waiting_readers,
                 .waiting_writers = wire->waiting_writers,
                 .poisoned = wire->poisoned != 0},
    };
    if (wire->handle == TRI_HANDLE_NONE || (asked != TRI_HANDLE_NONE && wire->handle != asked) ||
        !is_sound_place(wire) || !is_terminated(wire->label, sizeof wire->label) ||
        wire->state > TRI_SYNC_HOST_WRITING || !layout_from_wire(wire, &region.layout))
        return false;
    region.sync.state = (enum tri_sync_state)wire->state;
    for (size_t i = 0; i < TRI_TECHNOLOGY_COUNT; i++)
        region.sync.readers[i] = wire->readers[i];
    trii_name_copy(region.info.label, sizeof region.info.label, wire->label);
    *out = region;
    return true;
}

bool trii_serve_name_is_sound(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t length = name ? strlen(name) : 0;
    return length > 0 && length < TRI_SERVE_NAME_BYTES && name[0] != '.' && strspn(name, letters) == length;
}
