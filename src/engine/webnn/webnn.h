/*
 * The webnn engine's inside: OpenVINO's CPU plugin over arena pages.
 *
 *   openvino.c  the library: loading, checks, errors
 *   engine.c    open, close, info
 *   view.c      tensors over regions, found by region number
 *   model.c     models ready to run, shared by the stages that want the same one
 *   store.c     compiled models and in-place verdicts in the cache
 *   segment.c   prepare, submit, release; the thread that infers
 *   faces.c     an inference a square of an image
 *   file.c      stages that name a model of a user's; bind.c finds out how it fits them, graph.c makes it fit
 *   byte.c      one byte through an inference
 *
 * Threads: the front door serialises calls on one engine. Who waits for an inference runs it, else one thread of ours does
 * ("infer"); at most `streams` at a time. `mutex` guards what they share: the queue, `closing`, and each model's `unsaved`.
 */
#ifndef TRIPOINT_ENGINE_WEBNN_WEBNN_H
#define TRIPOINT_ENGINE_WEBNN_WEBNN_H

#include "engine/contract.h"

#include "base/cache.h"
#include "engine/webnn/openvino.h"

#include <pthread.h>

struct trii_nn_view;

/* A compiled model for one input size. Lives as long as a prepared stage uses it. */
struct trii_nn_model {
    struct trii_nn_model *next;
    uint32_t users;
    const struct trii_model *info;
    uint64_t height, width; /* of the input image */
    struct ov_compiled_model *compiled;
    struct trii_cached blob; /* what it was imported from: the compiled model points into it */
    char *key;               /* its name in the cache */
    bool unsaved;            /* compiled here, not yet in the cache */
    void *weights;           /* of a file in two parts: the compiled model points into them */
    bool in_place;           /* found bit-identical in place, now or by an earlier run */
};

/* Tensors over the operands of detect_faces: one square of the image, and what the model says of it. */
struct trii_nn_square {
    struct ov_tensor *image, *raw, *scores;
};

struct trii_prepared {
    struct trii_prepared *next; /* in the queue */
    struct trii_nn_model *model;
    struct ov_infer_request *request;
    struct trii_nn_square *squares; /* the request runs once for each; NULL: it runs once, on what it is bound to */
    size_t square_count;
    uint8_t *constants; /* values of a file's inputs that are parameters */
    struct trii_fence *fence; /* of the submission in flight */
};

/* An inference of one byte: out = 255 - in. Compiled at the first peek or poke. */
struct trii_nn_byte {
    struct ov_compiled_model *compiled;
    struct ov_infer_request *request;
    uint8_t scratch;
};

struct trii_nn {
    struct tri_engine head;
    struct trii_openvino ov;
    struct ov_core *core;
    char version[TRII_OPENVINO_VERSION_BYTES];
    char device[96];
    char driver[64];
    char precision[64]; /* what the device says after it was told */
    char *library_path;
    char *machine; /* all that decides what a compiled model looks like, but for the model: begins each cache key */
    struct trii_cache *cache;
    struct trii_nn_view **views; /* by region number */
    struct trii_nn_model *models;
    struct trii_nn_byte byte;

    uint32_t threads; /* of an inference */
    uint32_t streams; /* inferences at once */
    struct trii_thread *thread;
    bool has_mutex;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* the queue has something, or closing */
    pthread_cond_t idle; /* nothing is being saved */
    struct trii_prepared *first, **last;
    uint32_t inferring; /* how many are: the thread, or waiters */
    bool inferred;  /* at least once */
    struct trii_nn_model *saving;
    bool closing;
    bool settling; /* somebody waits for models to be saved */
};

/* ---- view.c ---- */
tri_status trii_nn_view(struct tri_engine *engine, const struct trii_region *region, const struct tri_layout *layout,
                        void **native, struct tri_error *err);
void trii_nn_forget(struct tri_engine *engine, uint32_t index, uint32_t generation);
void trii_nn_forget_all(struct trii_nn *nn);

/* ---- model.c ---- */
/* Finds, imports or compiles. The caller becomes a user. */
tri_status trii_nn_model_get(struct trii_nn *nn, const struct trii_model *info, uint64_t height, uint64_t width,
                             struct trii_nn_model **out, struct tri_error *err);
/* The model of a key, which is taken: one in use, the cache's, or compiled from `graph`; then `*weights` is taken too. */
tri_status trii_nn_model_by_key(struct trii_nn *nn, char *key, const struct ov_model *graph, void **weights,
                                struct trii_nn_model **out, struct tri_error *err);
void trii_nn_model_put(struct trii_nn *nn, struct trii_nn_model *model);
/* Compiles a model file's bytes for u8 RGBX images of height x width; `info` says the model's own size. */
tri_status trii_nn_compile(struct trii_nn *nn, const struct trii_model *info, const void *bytes, size_t size,
                           uint64_t height, uint64_t width, struct ov_compiled_model **out, struct tri_error *err);
/* A request with its tensors over `input` and `output`. */
tri_status trii_nn_request(struct trii_nn *nn, const struct trii_nn_model *model, void *input, void *output,
                           struct ov_infer_request **out, struct tri_error *err);
/* Runs the model apart and in place on random images, unless an earlier run did: TRI_UNSUPPORTED if they differ. */
tri_status trii_nn_model_check_in_place(struct trii_nn *nn, struct trii_nn_model *model, struct tri_error *err);

/* ---- store.c ---- */
/* Looks a compiled model up. False: not there, or OpenVINO does not take it. */
bool trii_nn_store_import(struct trii_nn *nn, struct trii_nn_model *model);
/* Puts it there, or leaves it: a cache is no obligation. */
void trii_nn_store_export(struct trii_nn *nn, const struct trii_nn_model *model);
bool trii_nn_store_knows_in_place(struct trii_nn *nn, const struct trii_nn_model *model);
void trii_nn_store_in_place(struct trii_nn *nn, const struct trii_nn_model *model);

/* ---- segment.c ---- */
tri_status trii_nn_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                           struct tri_error *err);
tri_status trii_nn_submit(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                          struct tri_error *err);
tri_status trii_nn_wait(struct tri_engine *engine, struct trii_fence *fence, uint64_t timeout_ns);
void trii_nn_release(struct tri_engine *engine, struct trii_prepared *prepared);
/* Has what was compiled saved now, and waits for it. */
void trii_nn_settle(struct tri_engine *engine);
/* The thread that infers, and, when it has nothing to infer, saves. Ends when `closing` and all is saved. */
void trii_nn_infer_thread(void *nn);

/* ---- faces.c ---- */
tri_status trii_nn_prepare_faces(struct trii_nn *nn, const struct trii_stage *stage, struct trii_prepared *prepared,
                                 struct tri_error *err);
/* OpenVINO's code. */
int trii_nn_infer_faces(struct trii_nn *nn, const struct trii_prepared *prepared);
void trii_nn_release_faces(struct trii_nn *nn, struct trii_prepared *prepared);

/* ---- file.c ---- */
tri_status trii_nn_reflect(struct tri_engine *engine, struct trii_custom *custom, struct tri_error *err);
tri_status trii_nn_prepare_file(struct trii_nn *nn, const struct trii_stage *stage, struct trii_prepared *prepared,
                                struct tri_error *err);

/* ---- byte.c ---- */
tri_status trii_nn_peek(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                        struct tri_error *err);
tri_status trii_nn_poke(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t value,
                        struct tri_error *err);
void trii_nn_byte_close(struct trii_nn *nn);

#endif
