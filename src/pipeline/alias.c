/*
 * Third pass of the planner: slots that are never needed at the same time share a block.
 *
 * A slot is busy in a stage when a value in it is written there, read there, or between the two; an input's slot always
 * (the pipeline runs again on the same input), a result's from its stage to the end. Two slots of the planner's own
 * that are never busy in the same stage may lie in the same memory: the stage that begins to use it overwrites it
 * whole. Largest first, each into the smallest block that is free when it needs one: no block grows, so sharing never
 * takes more memory than keeping apart. A caller's region is never shared.
 */
#include "pipeline/flow.h"

#include "base/alloc.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS (TRI_STAGES_MAX / 64u)

/* The stages in which memory is in use, a bit each. */
struct busy {
    uint64_t in[WORDS];
};

struct turn {
    struct busy busy;
    uint64_t bytes;
    uint32_t slot;
    bool alone;
};

static void use(struct busy *busy, size_t first, size_t last) {
    for (size_t s = first; s <= last; s++)
        busy->in[s / 64] |= UINT64_C(1) << (s % 64);
}

static bool collide(const struct busy *a, const struct busy *b) {
    for (size_t i = 0; i < WORDS; i++)
        if (a->in[i] & b->in[i])
            return true;
    return false;
}

static void find_last_readers(struct trii_flow *flow) {
    for (size_t v = 0; v < flow->value_count; v++)
        flow->values[v].last = TRII_FLOW_NONE;
    for (size_t s = 0; s < flow->stage_count; s++)
        for (size_t i = 0; i < trii_op_inputs(flow->stages[s].op); i++)
            flow->values[flow->stages[s].in[i]].last = (uint32_t)s;
}

static void find_turns(const struct trii_flow *flow, struct turn *turns) {
    for (size_t s = 0; s < flow->slot_count; s++) {
        const struct trii_flow_region *region = &flow->regions[flow->slots[s].region];
        turns[s] = (struct turn){
            .slot = (uint32_t)s, .bytes = flow->slots[s].bytes, .alone = !region->owned || region->input};
    }
    for (size_t v = 0; v < flow->value_count; v++) {
        const struct trii_flow_value *value = &flow->values[v];
        const struct trii_flow_region *region = &flow->regions[value->region];
        bool kept = region->output && region->value == v;
        if (value->stage != TRII_FLOW_NONE)
            use(&turns[value->slot].busy, value->stage,
                kept ? flow->stage_count - 1 : value->last == TRII_FLOW_NONE ? value->stage : value->last);
    }
}

/* The largest first; of two alike the earlier slot, so that a plan is the same every time. */
static int by_size(const void *a, const void *b) {
    const struct turn *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->slot < y->slot ? -1 : 1;
}

/* The smallest block that is free whenever the slot needs one; TRII_FLOW_NONE: there is none. */
static uint32_t find_room(const struct trii_flow *flow, const struct turn *turn, const struct busy *blocks,
                          const bool *closed) {
    uint32_t best = TRII_FLOW_NONE;
    for (uint32_t b = 0; !turn->alone && !flow->apart && b < flow->block_count; b++)
        if (!closed[b] && !collide(&blocks[b], &turn->busy) &&
            (best == TRII_FLOW_NONE || flow->blocks[b].bytes < flow->blocks[best].bytes))
            best = b;
    return best;
}

/* Blocks are numbered in the order of their first slots. */
static void number_blocks(struct trii_flow *flow, uint32_t *fresh) {
    uint32_t count = 0;
    for (size_t b = 0; b < flow->block_count; b++)
        fresh[b] = TRII_FLOW_NONE;
    for (size_t s = 0; s < flow->slot_count; s++)
        if (fresh[flow->slots[s].block] == TRII_FLOW_NONE)
            fresh[flow->slots[s].block] = count++;
    for (size_t b = 0; b < flow->block_count; b++)
        flow->blocks[b] = (struct trii_flow_block){.slot = TRII_FLOW_NONE};
    for (uint32_t s = 0; s < flow->slot_count; s++) {
        struct trii_flow_block *block = &flow->blocks[flow->slots[s].block = fresh[flow->slots[s].block]];
        if (block->slot == TRII_FLOW_NONE)
            block->slot = s;
        if (flow->slots[s].bytes > block->bytes)
            block->bytes = flow->slots[s].bytes;
    }
}

static void share(struct trii_flow *flow, struct turn *turns, struct busy *blocks, bool *closed, uint32_t *fresh) {
    find_turns(flow, turns);
    qsort(turns, flow->slot_count, sizeof *turns, by_size);
    flow->block_count = 0;
    for (size_t i = 0; i < flow->slot_count; i++) {
        if (flow->slots[turns[i].slot].over != TRII_FLOW_NONE)
            continue;
        uint32_t block = find_room(flow, &turns[i], blocks, closed);
        if (block == TRII_FLOW_NONE) {
            block = (uint32_t)flow->block_count++;
            blocks[block] = (struct busy){{0}};
            closed[block] = turns[i].alone;
            flow->blocks[block].bytes = turns[i].bytes;
        }
        for (size_t w = 0; w < WORDS; w++)
            blocks[block].in[w] |= turns[i].busy.in[w];
        flow->slots[turns[i].slot].block = block;
    }
    for (size_t s = 0; s < flow->slot_count; s++)
        if (flow->slots[s].over != TRII_FLOW_NONE)
            flow->slots[s].block = flow->slots[flow->slots[s].over].block;
    number_blocks(flow, fresh);
}

tri_status trii_flow_share(struct trii_flow *flow, struct tri_error *err) {
    struct trii_flow_block *list = trii_calloc(flow->slot_count, sizeof *list);
    struct turn *turns = trii_calloc(flow->slot_count, sizeof *turns);
    struct busy *blocks = trii_calloc(flow->slot_count, sizeof *blocks);
    bool *closed = trii_calloc(flow->slot_count, sizeof *closed);
    uint32_t *fresh = trii_calloc(flow->slot_count, sizeof *fresh);
    tri_status status = TRI_OK;
    if (list && turns && blocks && closed && fresh) {
        trii_free(flow->blocks);
        flow->blocks = list;
        list = NULL;
        find_last_readers(flow);
        trii_flow_offer(flow);
        share(flow, turns, blocks, closed, fresh);
    } else {
        status = trii_fail(err, TRI_NO_MEMORY, "no memory to plan %zu regions", flow->slot_count);
    }
    trii_free(list);
    trii_free(turns);
    trii_free(blocks);
    trii_free(closed);
    trii_free(fresh);
    return status;
}

char *trii_flow_label(const struct trii_flow *flow, uint32_t block, char *text, size_t text_bytes) {
    char joined[TRI_LABEL_BYTES * 4];
    size_t used = 0;
    joined[0] = '\0';
    for (size_t s = flow->blocks[block].slot; s < flow->slot_count && used < sizeof joined - 1; s++) {
        bool told = flow->slots[s].block != block;
        for (size_t before = flow->blocks[block].slot; before < s && !told; before++)
            told = flow->slots[before].block == block && flow->slots[before].region == flow->slots[s].region;
        if (!told)
            used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s", used ? "+" : "",
                                     flow->regions[flow->slots[s].region].name);
    }
    trii_name_copy(text, text_bytes, joined);
    return text;
}

uint32_t trii_flow_block_of(const struct trii_flow *flow, uint32_t value) {
    return flow->slots[flow->values[value].slot].block;
}

bool trii_flow_survives(const struct trii_flow *flow, uint32_t value) {
    if (flow->values[value].stage == TRII_FLOW_NONE) /* where an input is put must be known, given up or not */
        return true;
    for (uint32_t v = value + 1; v < flow->value_count; v++) /* values stand in the order in which they are made */
        if (trii_flow_block_of(flow, v) == trii_flow_block_of(flow, value))
            return false;
    return true;
}
