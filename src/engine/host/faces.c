/* face_tiles, decode_faces, hide_boxes: from an image to its faces, and what becomes of them. */
#include "engine/host/host.h"

#include "effects.h"

static uint32_t whole(const struct trii_stage *stage, const char *name) {
    return (uint32_t)trii_args_number(stage->op, &stage->args, name);
}

static const float *numbers(const struct trii_stage *stage, size_t i) {
    return (const float *)(const void *)stage->operands[i].region.bytes;
}

/* ---- face_tiles: what is shared is the list of tiles; they are the rows ---- */

static uint32_t tile_count(const struct trii_stage *stage) {
    return trii_faces_tiles(trii_host_size(&stage->operands[0]), whole(stage, "levels"));
}

static size_t tiles_shared(const struct trii_stage *stage) {
    return tile_count(stage) * sizeof(struct trii_tile);
}

static tri_status prepare_tiles(struct trii_host_job *job, struct tri_error *err) {
    const struct trii_size size = trii_host_size(&job->stage->operands[0]);
    const uint32_t count = tile_count(job->stage);
    struct trii_tile *tiles = job->shared;
    (void)err;
    for (uint32_t i = 0; i < count; i++)
        tiles[i] = trii_faces_tile(size, i);
    return TRI_OK;
}

static void run_tiles(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_operand *in = &job->stage->operands[0], *out = &job->stage->operands[1];
    const size_t tile_bytes = (size_t)TRII_TILE_SIDE * TRII_TILE_SIDE * 4;
    (void)scratch;
    trii_effects_best()->tiles(in->region.bytes, trii_host_size(in), (const struct trii_tile *)job->shared + rows.begin,
                               rows.end - rows.begin, out->region.bytes + rows.begin * tile_bytes);
}

/* ---- decode_faces ---- */

static size_t decode_scratch(const struct trii_stage *stage) {
    (void)stage;
    return trii_faces_scratch();
}

static void run_decode(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    (void)rows;
    const struct trii_stage *stage = job->stage;
    trii_faces_find(numbers(stage, 0), numbers(stage, 1), (uint32_t)stage->operands[1].layout.shape[0],
                    trii_host_size(&stage->operands[2]), (float)trii_args_number(stage->op, &stage->args, "score"),
                    whole(stage, "capacity"), (float *)(void *)stage->operands[3].region.bytes, scratch);
}

/* ---- hide_boxes ---- */

static struct trii_hide hide_of(const struct trii_stage *stage) {
    return (struct trii_hide){.boxes = (uint32_t)stage->operands[1].layout.shape[0],
                              .cells = whole(stage, "cells"),
                              .grow = (float)trii_args_number(stage->op, &stage->args, "grow"),
                              .smooth = trii_args_is(stage->op, &stage->args, "style", "blur"),
                              .ellipse = trii_args_is(stage->op, &stage->args, "shape", "ellipse")};
}

static size_t hide_scratch(const struct trii_stage *stage) {
    const struct trii_hide hide = hide_of(stage);
    return trii_hide_scratch(&hide);
}

static void run_hide(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    (void)rows;
    const struct trii_stage *stage = job->stage;
    const struct trii_hide hide = hide_of(stage);
    trii_effects_best()->hide(stage->operands[0].region.bytes, trii_host_size(&stage->operands[0]), numbers(stage, 1),
                              &hide, stage->operands[2].region.bytes, scratch);
}

const struct trii_host_recipe trii_host_face_tiles = {
    .shared = tiles_shared, .prepare = prepare_tiles, .rows = tile_count, .run = run_tiles};
const struct trii_host_recipe trii_host_decode_faces = {.scratch = decode_scratch, .run = run_decode};
const struct trii_host_recipe trii_host_hide_boxes = {.scratch = hide_scratch, .run = run_hide};
