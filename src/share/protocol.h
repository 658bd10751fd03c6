/*
 * What owner and peer say to each other: one packet asks, one answers. A packet is a struct of fixed fields, copied
 * out of the socket before anything is looked at; nothing in it is an address. Both sides check what the other says
 * with the functions below, and only what they have let through is used.
 *
 *   HELLO                      -> hello
 *   ARENA                      -> nothing, and then what tri_arena_export() sends    (trusted peers)
 *   SEGMENT number             -> segment, with its memfd                            (readers)
 *   NEXT index | FIND label | REGION handle -> region
 *   HOLDERS handle             -> holders
 *   ACQUIRE handle             -> claim                     (readers; never waits)
 *   RELEASE claim              -> nothing
 *   CAUSE handle               -> cause                     (of its poison)
 *
 * Any of them -> error. A packet that is no request ends the connection.
 */
#ifndef TRIPOINT_SHARE_PROTOCOL_H
#define TRIPOINT_SHARE_PROTOCOL_H

#include <tripoint/share.h>

#define TRII_SHARE_MAGIC 0x31495254u /* "TRI1": the layouts below */
#define TRII_SHARE_SEGMENTS 4096u    /* numbers of segments are below */

enum trii_verb {
    TRII_VERB_HELLO = 1,
    TRII_VERB_SEGMENT = 2,
    TRII_VERB_NEXT = 3,
    TRII_VERB_FIND = 4,
    TRII_VERB_REGION = 5,
    TRII_VERB_HOLDERS = 6,
    TRII_VERB_ACQUIRE = 7,
    TRII_VERB_RELEASE = 8,
    TRII_VERB_ARENA = 9,
    TRII_VERB_CAUSE = 10
};

struct trii_request {
    uint32_t magic;
    uint32_t verb;
    uint64_t value; /* index, handle, segment or claim */
    char label[TRI_LABEL_BYTES];
};

struct trii_wire_hello {
    int32_t pid;
    uint32_t sharing;
    char label[TRI_LABEL_BYTES];
};

struct trii_wire_segment {
    uint64_t bytes;
};

struct trii_wire_region {
    uint64_t handle;
    uint64_t size_bytes, mapped_bytes, offset_bytes, segment_offset_bytes;
    uint64_t shape[TRI_LAYOUT_MAX_RANK], strides_bytes[TRI_LAYOUT_MAX_RANK];
    uint32_t segment;
    uint32_t dtype, kind, rank;
    uint32_t state, readers[TRI_TECHNOLOGY_COUNT], waiting_readers, waiting_writers, poisoned;
    char label[TRI_LABEL_BYTES];
};

struct trii_wire_holder {
    uint64_t age_ns;
    int32_t pid;
    uint16_t technology;
    uint8_t writes, waits;
};

struct trii_wire_holders {
    uint64_t count;
    struct trii_wire_holder holders[TRI_HOLDERS_MAX];
};

struct trii_answer {
    uint32_t magic;
    uint32_t verb;
    int32_t status; /* not TRI_OK: the body is an error */
    uint32_t body_bytes;
    union {
        struct tri_error error;
        struct trii_wire_hello hello;
        struct trii_wire_segment segment;
        struct trii_wire_region region;
        struct trii_wire_holders holders;
        uint64_t claim;
        struct tri_error cause;
    } body;
};
#define TRII_ANSWER_HEAD_BYTES offsetof(struct trii_answer, body)

/* Checks the owner's side: false for anything that is not exactly a request. */
bool trii_request_read(const void *bytes, size_t size, struct trii_request *out);

/* Checks the peer's side: false for anything that is not an answer to `verb` within every limit. Error texts and labels
 * come out terminated; of holders, their number fits the packet. */
bool trii_answer_read(const void *bytes, size_t size, enum trii_verb verb, struct trii_answer *out);
/* How many bytes an answer without an error has. */
uint32_t trii_answer_bytes(enum trii_verb verb, uint64_t holders);

/* A region's numbers into the wire's form; and back, where they are sound and of the region that was asked for
 * (TRI_HANDLE_NONE: any). */
void trii_region_to_wire(const struct tri_shared_region *region, struct trii_wire_region *out);
bool trii_region_from_wire(const struct trii_wire_region *wire, tri_handle asked, struct tri_shared_region *out);

bool trii_serve_name_is_sound(const char *name);

#endif
