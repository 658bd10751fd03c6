/*
 * A pool of regions for a decoder. A region is claimed for writing when the decoder takes it, and only read from the
 * moment its frame comes out: the decoder predicts later frames from it while stages read it. It is free again when the
 * decoder has let go of it. Regions are made when they are first needed; a stream that runs makes no more.
 */
#include "media/stream.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/status.h"

#include <pthread.h>
#include <stdio.h>

enum { ABSENT, FREE, TAKEN };

struct buffer {
    _Atomic uint32_t state;
    tri_handle region;
    _Atomic(uint8_t *) at; /* the same in every life of the buffer */
    struct tri_host_view view; /* of who has taken it */
};

struct trii_pool {
    struct tri_arena *arena;
    struct tri_layout layout;
    uint64_t bytes;
    pthread_mutex_t lock; /* for making another buffer */
    struct buffer buffers[TRII_POOL_MAX];
};

tri_status trii_pool_create(struct tri_arena *arena, const struct tri_layout *layout, uint64_t bytes,
                            struct trii_pool **out, struct tri_error *err) {
    struct trii_pool *pool = trii_calloc(1, sizeof *pool);
    if (!pool)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for decoded frames");
    *pool = (struct trii_pool){.arena = arena, .layout = *layout, .bytes = bytes};
    pthread_mutex_init(&pool->lock, NULL);
    *out = pool;
    return TRI_OK;
}

static void release(struct trii_pool *pool, struct buffer *buffer) {
    (void)!tri_host_view_end(pool->arena, &buffer->view, NULL); /* can't fail: it is this buffer's claim */
}

void trii_pool_destroy(struct trii_pool **out) {
    struct trii_pool *pool = *out;
    if (!pool)
        return;
    for (size_t i = 0; i < TRII_POOL_MAX; i++) {
        struct buffer *buffer = &pool->buffers[i];
        uint32_t state = trii_load_acquire(&buffer->state);
        if (state == TAKEN)
            release(pool, buffer);
        if (state != ABSENT)
            (void)!tri_arena_free_shared(pool->arena, buffer->region, NULL);
    }
    pthread_mutex_destroy(&pool->lock);
    trii_free(pool);
    *out = NULL;
}

/* Becomes the only one who has a free buffer, or makes one. */
static struct buffer *find(struct trii_pool *pool) {
    for (size_t i = 0; i < TRII_POOL_MAX; i++) {
        uint32_t expected = FREE;
        if (trii_load_relaxed(&pool->buffers[i].state) == FREE &&
            trii_cas_acquire(&pool->buffers[i].state, &expected, TAKEN)) /* pairs with the release in give() */
            return &pool->buffers[i];
    }
    return NULL;
}

static struct buffer *make(struct trii_pool *pool) {
    struct buffer *made = NULL;
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < TRII_POOL_MAX && !made; i++) {
        struct buffer *buffer = &pool->buffers[i];
        char label[32];
        const struct tri_region_params params = {
            .struct_bytes = sizeof params, .size_bytes = pool->bytes, .label = label, .owner = 1};
        if (trii_load_relaxed(&buffer->state) != ABSENT)
            continue;
        snprintf(label, sizeof label, "decoded %zu", i);
        if (tri_region_allocate(pool->arena, &params, &buffer->region, NULL) != TRI_OK)
            break;
        if (tri_region_set_layout(pool->arena, buffer->region, &pool->layout, NULL) != TRI_OK) {
            (void)!tri_arena_free_shared(pool->arena, buffer->region, NULL);
            break;
        }
        trii_store_release(&buffer->state, TAKEN);
        made = buffer;
    }
    pthread_mutex_unlock(&pool->lock);
    return made;
}

uint8_t *trii_pool_take(void *user, uint64_t bytes) {
    struct trii_pool *pool = user;
    if (bytes > pool->bytes)
        return NULL;
    struct buffer *buffer = find(pool);
    if (!buffer)
        buffer = make(pool);
    if (!buffer)
        return NULL;
    /* Whoever read the frame before has released it: nobody else knows the region. */
    const struct tri_wait wait = {.timeout_ns = UINT64_C(5000000000)};
    if (tri_host_view_begin(pool->arena, buffer->region, TRI_ACCESS_WRITE, &wait, &buffer->view, NULL) == TRI_OK) {
        trii_store_relaxed(&buffer->at, buffer->view.write);
        return buffer->view.write;
    }
    trii_store_release(&buffer->state, FREE);
    return NULL;
}

static struct buffer *buffer_of(struct trii_pool *pool, const uint8_t *at) {
    for (size_t i = 0; i < TRII_POOL_MAX; i++)
        if (trii_load_acquire(&pool->buffers[i].state) == TAKEN && trii_load_relaxed(&pool->buffers[i].at) == at)
            return &pool->buffers[i];
    return NULL;
}

void trii_pool_give(void *user, uint8_t *at) {
    struct trii_pool *pool = user;
    struct buffer *buffer = buffer_of(pool, at);
    if (!buffer)
        return;
    release(pool, buffer);
    trii_store_release(&buffer->state, FREE);
}

uint32_t trii_pool_show(struct trii_pool *pool, const uint8_t *at) {
    struct buffer *buffer = buffer_of(pool, at);
    if (!buffer)
        return TRII_POOL_MAX;
    (void)!tri_sync_downgrade(tri_arena_sync(pool->arena), buffer->view.claim, NULL); /* BAD_CLAIM: shown before */
    return (uint32_t)(buffer - pool->buffers);
}

tri_handle trii_pool_region(const struct trii_pool *pool, uint32_t buffer) {
    return pool->buffers[buffer].region;
}
