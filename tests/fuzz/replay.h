/*
 * A fuzzer as a test: every file that it is given is tried whole, cut at many places, and with seeded changes that keep much of
 * its structure. Built with -DTRIPOINT_LIBFUZZER and -fsanitize=fuzzer the program is driven by libFuzzer instead.
 */
#ifndef TRIPOINT_TESTS_FUZZ_REPLAY_H
#define TRIPOINT_TESTS_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static inline void fuzz_fail(const char *what, const char *message) {
    fprintf(stderr, "%s: %s\n", what, message);
    abort();
}

#ifndef TRIPOINT_LIBFUZZER
/* A fresh block of exactly the size, so that a sanitizer sees the first byte too far. */
static void replay_one(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        fuzz_fail("replay", "no memory");
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static uint32_t replay_next(uint32_t *seed) {
    return *seed = *seed * 1664525u + 1013904223u;
}

/* Bytes replaced, by `likely` ones half of the time; stretches left out or doubled. */
static void replay_changed(const uint8_t *bytes, size_t size, unsigned rounds, const char *likely, size_t likely_count) {
    uint32_t seed = 2463534242u;
    uint8_t *copy = malloc(2 * size + 1);
    if (!copy)
        fuzz_fail("replay", "no memory");
    for (unsigned i = 0; i < rounds && size; i++) {
        size_t n = size;
        memcpy(copy, bytes, size);
        for (uint32_t k = replay_next(&seed) >> 30; k < 4; k++)
            copy[replay_next(&seed) % n] = replay_next(&seed) >> 31
                                               ? (uint8_t)likely[(replay_next(&seed) >> 8) % likely_count]
                                               : (uint8_t)(replay_next(&seed) >> 24);
        size_t from = (replay_next(&seed) >> 4) % n, length = (replay_next(&seed) >> 4) % (n - from) % 64;
        if (replay_next(&seed) >> 31) {
            memmove(copy + from, copy + from + length, n - from - length);
            n -= length;
        } else {
            memmove(copy + from + length, copy + from, n - from);
            n += length;
        }
        replay_one(copy, n);
    }
    free(copy);
}

static int replay_files(int argc, char **argv, size_t cuts, unsigned rounds, const char *likely, size_t likely_count) {
    static uint8_t bytes[1 << 16];
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file)
            fuzz_fail(argv[i], "can't be opened");
        size_t size = fread(bytes, 1, sizeof bytes, file), step = size / cuts + 1;
        fclose(file);
        for (size_t cut = 0; cut < size; cut += step)
            replay_one(bytes, cut);
        replay_one(bytes, size);
        replay_changed(bytes, size, rounds, likely, likely_count);
    }
    if (argc < 2)
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
    return argc < 2 ? 2 : 0;
}
#endif

#endif
