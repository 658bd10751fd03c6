/* Any bytes as a shader that a stage names: see custom.h. Its uniform is filled and its workgroups are counted too. */
#include "custom.h"

#include "engine/custom/wgsl.h"

#define NAME "x.wgsl"

static void use(const struct trii_custom *custom, const struct trii_args *args, const struct tri_layout *layouts) {
    const struct trii_wgsl *w = custom->inside;
    struct tri_error err = {0};
    uint32_t groups[3];
    double value;
    if (w->uniform_bytes > 65536)
        fuzz_fail("a uniform that no device has", NAME);
    if (w->uniform_bytes) {
        uint8_t *uniform = malloc((size_t)w->uniform_bytes);
        if (!uniform)
            fuzz_fail("no memory for a uniform", NAME);
        trii_wgsl_uniform(custom, args, layouts, uniform);
        free(uniform);
    }
    for (size_t i = 0; i < w->constant_count; i++)
        (void)trii_wgsl_constant(custom, i, args, layouts, &value);
    fuzz_refused(trii_wgsl_groups(custom, args, layouts, 65535, groups, &err), &err, NAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const size_t counts[][2] = {{1, 1}, {2, 1}, {TRII_CUSTOM_NATURAL, TRII_CUSTOM_NATURAL}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct trii_custom *custom = fuzz_open(bytes, size, i == 1 ? NAME "#main" : NAME, NAME);
        if (custom)
            fuzz_use(custom, counts[i][0], counts[i][1], NAME, use);
    }
    return 0;
}

#ifndef TRIPOINT_LIBFUZZER
int main(int argc, char **argv) {
    static const char likely[] = "{}[]()<>,;:@=._-/*0123456789 \nuvf";
    return replay_files(argc, argv, 400, 4000, likely, sizeof likely - 1);
}
#endif
