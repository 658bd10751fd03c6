/* decode_faces on the host: the arithmetic of the guest (ops/wasm/faces.h), scores one by one. */
#include "faces.h"

#include "effects.h"

static uint32_t faces_next(const float *scores, uint32_t from, uint32_t count, float least) {
    while (from < count && !(scores[from] >= least))
        from++;
    return from;
}

uint32_t trii_faces_tiles(struct trii_size size, uint32_t levels) {
    return faces_squares(size.width, size.height, levels);
}

struct trii_tile trii_faces_tile(struct trii_size size, uint32_t i) {
    const struct faces_square square = faces_square_at(size.width, size.height, i);
    return (struct trii_tile){square.x, square.y, square.side};
}

size_t trii_faces_scratch(void) {
    return sizeof(struct faces_work);
}

void trii_faces_find(const float *raw, const float *scores, uint32_t tiles, struct trii_size size, float least,
                     uint32_t capacity, float *boxes, void *scratch) {
    faces_find(scratch, raw, scores, tiles, size.width, size.height, least, capacity, boxes);
}
