/*
 * Any bytes as what comes out of the socket, on either side: a request to the owner, an answer to each verb of the peer.
 * What is let through holds what protocol.h promises; everything else is refused.
 *
 * Built with -DTRIPOINT_LIBFUZZER and -fsanitize=fuzzer it is driven by libFuzzer. As a test it replays the files that
 * it is given: whole, cut at every place, and with seeded changes.
 */
#include "share/protocol.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static unsigned long let_through;

static void must(bool holds, const char *what) {
    if (holds)
        return;
    fprintf(stderr, "share_fuzz: %s\n", what);
    abort();
}

static void look_at_region(const struct trii_wire_region *wire) {
    struct tri_shared_region region;
    uint64_t needed;
    char text[96];
    must(trii_region_from_wire(wire, TRI_HANDLE_NONE, &region), "a region is sound once and not twice");
    must(region.handle != TRI_HANDLE_NONE && region.info.index < TRI_REGION_MAX, "a region without a number");
    must(region.info.size_bytes > 0 && region.info.size_bytes <= region.info.mapped_bytes, "a size beyond its pages");
    must(region.info.mapped_bytes <= TRI_SEGMENT_MAX_BYTES &&
             region.info.segment_offset_bytes <= TRI_SEGMENT_MAX_BYTES - region.info.mapped_bytes,
         "pages beyond a segment");
    must(region.info.segment < TRII_SHARE_SEGMENTS, "a segment's number");
    must(tri_layout_bytes_needed(&region.layout, &needed, NULL) == TRI_OK && needed <= region.info.size_bytes,
         "a layout beyond its region");
    must(strcmp(tri_sync_state_name(region.sync.state), "?") != 0, "a state that is none");
    must(strlen(region.info.label) < TRI_LABEL_BYTES && tri_layout_format(&region.layout, text, sizeof text)[0] != 0,
         "texts without an end");
}

static void look_at_answer(enum trii_verb verb, const struct trii_answer *answer) {
    let_through++;
    if (answer->status != TRI_OK) {
        const struct tri_error *error = &answer->body.error;
        must(strcmp(tri_status_name(answer->status), "UNKNOWN") != 0 && error->status == answer->status &&
                 strlen(error->message) < sizeof error->message && strlen(error->stage) < sizeof error->stage &&
                 strlen(error->engine) < sizeof error->engine && strlen(error->region) < sizeof error->region,
             "an error that is none");
        return;
    }
    if (verb == TRII_VERB_NEXT || verb == TRII_VERB_FIND || verb == TRII_VERB_REGION)
        look_at_region(&answer->body.region);
    if (verb == TRII_VERB_HOLDERS)
        for (uint64_t i = 0; i < answer->body.holders.count; i++)
            must(i < TRI_HOLDERS_MAX && answer->body.holders.holders[i].technology < TRI_TECHNOLOGY_COUNT,
                 "a holder of no technology");
    if (verb == TRII_VERB_SEGMENT)
        must(answer->body.segment.bytes > 0 && answer->body.segment.bytes <= TRI_SEGMENT_MAX_BYTES, "a segment's size");
    if (verb == TRII_VERB_CAUSE)
        must(answer->body.cause.status != TRI_OK &&
                 strcmp(tri_status_name(answer->body.cause.status), "UNKNOWN") != 0 &&
                 memchr(answer->body.cause.message, 0, sizeof answer->body.cause.message) != NULL &&
                 memchr(answer->body.cause.stage, 0, sizeof answer->body.cause.stage) != NULL,
             "a cause that is none");
    if (verb == TRII_VERB_HELLO)
        must(strlen(answer->body.hello.label) < TRI_LABEL_BYTES, "a label without an end");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct trii_answer answer;
    struct trii_request request;
    if (trii_request_read(bytes, size, &request)) {
        let_through++;
        must(request.verb >= TRII_VERB_HELLO && request.verb <= TRII_VERB_CAUSE &&
                 strlen(request.label) < sizeof request.label,
             "a request that is none");
    }
    for (int verb = TRII_VERB_HELLO; verb <= TRII_VERB_CAUSE; verb++)
        if (trii_answer_read(bytes, size, (enum trii_verb)verb, &answer))
            look_at_answer((enum trii_verb)verb, &answer);
    return 0;
}

#ifndef TRIPOINT_LIBFUZZER
/* A fresh block of exactly the size, so that a sanitizer sees the first byte too far. */
static void one(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    must(copy != NULL, "no memory");
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(const char *path) {
    static const uint8_t likely[] = {0, 1, 2, 5, 6, 7, 8, 9, 0x10, 0x7f, 0x80, 0xff};
    uint8_t bytes[sizeof(struct trii_answer) + 16], changed[sizeof bytes];
    uint32_t seed = 2463534242u;
    FILE *file = fopen(path, "rb");
    must(file != NULL, path);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    unsigned long before = let_through;
    one(bytes, size);
    must(let_through == before + 1, "a sound packet of the corpus is refused, or taken for two");
    for (size_t cut = 0; cut <= size; cut++)
        one(bytes, cut);
    for (int i = 0; i < 40000; i++) {
        memcpy(changed, bytes, size);
        for (int k = 0; k <= i % 3; k++) {
            seed = seed * 1664525u + 1013904223u;
            changed[(seed >> 8) % size] = seed & 64 ? (uint8_t)(seed >> 24) : likely[(seed >> 20) % sizeof likely];
        }
        one(changed, size);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    return 0;
}
#endif
