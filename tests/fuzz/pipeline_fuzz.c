/*
 * Any bytes as a pipeline's text: read, bound, inferred, or refused with a sentence; never a crash, never more work
 * than its length allows.
 *
 * Built with -DTRIPOINT_LIBFUZZER and -fsanitize=fuzzer it is driven by libFuzzer. As a test it replays the files that
 * it is given: whole, cut at every place, and with seeded changes.
 */
#include "pipeline/form.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void fail(const char *what, const char *message) {
    fprintf(stderr, "%s: %s\n", what, message);
    abort();
}

static void use(struct trii_form *form) {
    static const char *const assignments[] = {"0.width=3", "1.filter=area", "resize.height=5", "2.model=selfie"};
    struct tri_error err = {0};
    for (size_t i = 0; i < sizeof assignments / sizeof *assignments; i++)
        if (trii_form_set(form, assignments[i], &err) != TRI_OK && err.message[0] == '\0')
            fail("set", "failed without a sentence");
    for (size_t i = 0; i < form->input_count; i++) {
        const struct trii_form_input *input = &form->inputs[i];
        struct tri_layout layout = tri_layout_image(7, 5, input->channels ? input->channels : 4,
                                                    input->any_dtype ? TRI_DTYPE_U8 : input->dtype);
        layout.kind = input->kind;
        tri_status status = trii_form_set_input(form, form->flow.regions[input->region].name, &layout, &err);
        if (status != TRI_OK && status != TRI_LIMIT && status != TRI_INVALID_ARGUMENT) /* channels of any number */
            fail("an input that fits is refused", err.message);
    }
    if (trii_flow_infer(&form->flow, &err) != TRI_OK && err.message[0] == '\0')
        fail("infer", "failed without a sentence");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct tri_error err = {0};
    struct trii_form form;
    tri_status status = trii_form_parse((const char *)bytes, size, "fuzz", &form, &err);
    if (status == TRI_OK) {
        use(&form);
        trii_form_finish(&form);
    } else if (status != TRI_PARSE && status != TRI_BAD_PIPELINE && status != TRI_LIMIT) {
        fail(tri_status_name(status), err.message);
    } else if (strncmp(err.message, "fuzz", 4) != 0) {
        fail("the sentence does not say which text", err.message);
    }
    return 0;
}

#ifndef TRIPOINT_LIBFUZZER
/* A fresh block of exactly the size, so that a sanitizer sees the first byte too far. */
static void one(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        fail("replay", "no memory");
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static uint32_t next(uint32_t *seed) {
    return *seed = *seed * 1664525u + 1013904223u;
}

/* Changes that keep much of the structure: bytes replaced, stretches left out or doubled. */
static void changed(const uint8_t *bytes, size_t size, unsigned rounds) {
    static const char likely[] = "{}[]\",:0-.eE\\ u\xc3tfn";
    uint32_t seed = 2463534242u;
    uint8_t *copy = malloc(2 * size + 1);
    if (!copy)
        fail("replay", "no memory");
    for (unsigned i = 0; i < rounds && size; i++) {
        size_t n = size;
        memcpy(copy, bytes, size);
        for (uint32_t k = next(&seed) >> 30; k < 4; k++)
            copy[next(&seed) % n] = next(&seed) >> 31 ? (uint8_t)likely[(next(&seed) >> 8) % (sizeof likely - 1)]
                                                      : (uint8_t)(next(&seed) >> 24);
        size_t from = (next(&seed) >> 4) % n, length = (next(&seed) >> 4) % (n - from) % 64;
        if (next(&seed) >> 31) {
            memmove(copy + from, copy + from + length, n - from - length);
            n -= length;
        } else {
            memmove(copy + from + length, copy + from, n - from);
            n += length;
        }
        one(copy, n);
    }
    free(copy);
}

static void replay(const char *path) {
    static uint8_t bytes[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file)
        fail(path, "can't be opened");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 0; cut <= size; cut++)
        one(bytes, cut);
    changed(bytes, size, 20000);
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
