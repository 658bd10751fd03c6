/* Any bytes as a Wasm module that a stage names: see custom.h. What it says of itself is read too. */
#include "custom.h"

#define NAME "x.wasm"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const size_t counts[][2] = {{1, 1}, {2, 2}, {TRII_CUSTOM_NATURAL, TRII_CUSTOM_NATURAL}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct trii_custom *custom = fuzz_open(bytes, size, i == 1 ? NAME "#act" : NAME, NAME);
        if (custom)
            fuzz_use(custom, counts[i][0], counts[i][1], NAME, NULL);
    }
    return 0;
}

#ifndef TRIPOINT_LIBFUZZER
int main(int argc, char **argv) {
    static const char likely[] = "\0\1\2\7\10\x7f\x80\xff; \n-#*|opinout";
    return replay_files(argc, argv, 400, 4000, likely, sizeof likely - 1);
}
#endif
