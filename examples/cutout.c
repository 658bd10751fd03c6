/* The README's program: RGBA in, RGBA out, two copies in all. Reads raw pixels: cutout WIDTH HEIGHT < in > out */
#include <stdio.h>
#include <stdlib.h>
#include <tripoint/tripoint.h>

int main(int argc, char **argv) {
    struct tri_error err = {0};
    struct tri_image_pipeline *cutout = NULL;
    uint32_t width = argc > 2 ? (uint32_t)atoi(argv[1]) : 512, height = argc > 2 ? (uint32_t)atoi(argv[2]) : 512;
    size_t bytes = (size_t)width * height * 4;
    uint8_t *pixels = malloc(bytes);
    if (!pixels || fread(pixels, 1, bytes, stdin) != bytes)
        return 1;
    if (tri_engine_choose_driver(NULL, &err) != TRI_OK || /* before there are threads */
        tri_image_pipeline_create(NULL, "cutout", &cutout, &err) != TRI_OK ||
        tri_image_pipeline_process(cutout, pixels, width, height, pixels, &err) != TRI_OK) {
        fprintf(stderr, "%s\n", err.message);
        return tri_status_exit_code(err.status);
    }
    fwrite(pixels, 1, bytes, stdout);
    tri_image_pipeline_destroy(&cutout);
    free(pixels);
    return 0;
}
