/*
 * `segment`: an inference on tensors bound to the regions' pages once, at prepare.
 *
 * Inferences run on a thread of ours rather than by OpenVINO's start_async: through the C API a callback is not told
 * whether the inference failed, and a request started again before the previous callback has returned can lose its
 * callback (docs/decisions/0050-inference-thread.md). Frames in flight are inferred side by side by those who wait for
 * them, each in its own thread (docs/decisions/0151-streams.md).
 */
#include "engine/webnn/webnn.h"

#include "base/alloc.h"
#include "base/busy.h"
#include "base/status.h"

static const struct trii_operand *image_of(const struct trii_stage *stage) {
    return &stage->operands[0];
}

static const struct trii_operand *mask_of(const struct trii_stage *stage) {
    return &stage->operands[1];
}

static tri_status prepare(struct trii_nn *nn, const struct trii_stage *stage, struct trii_prepared *prepared,
                          struct tri_error *err) {
    const struct trii_model *info = trii_model_find(trii_args_text(stage->op, &stage->args, "model"));
    const struct tri_layout *image = &image_of(stage)->layout;
    tri_status status = trii_nn_model_get(nn, info, image->shape[0], image->shape[1], &prepared->model, err);
    if (status == TRI_OK && stage->in_place)
        status = trii_nn_model_check_in_place(nn, prepared->model, err);
    if (status == TRI_OK)
        status = trii_nn_request(nn, prepared->model, image_of(stage)->region.bytes, mask_of(stage)->region.bytes,
                                 &prepared->request, err);
    return status;
}

tri_status trii_nn_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                           struct tri_error *err) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    struct trii_prepared *prepared = trii_calloc(1, sizeof *prepared);
    if (!prepared)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to prepare an inference");
    tri_status status = stage->op->custom                          ? trii_nn_prepare_file(nn, stage, prepared, err)
                        : stage->op->id == TRII_OP_DETECT_FACES ? trii_nn_prepare_faces(nn, stage, prepared, err)
                                                              : prepare(nn, stage, prepared, err);
    if (status != TRI_OK)
        trii_nn_release(engine, prepared);
    else
        *out = prepared;
    return status;
}

void trii_nn_release(struct tri_engine *engine, struct trii_prepared *prepared) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    trii_nn_release_faces(nn, prepared);
    if (prepared->request)
        nn->ov.infer_request_free(prepared->request);
    if (prepared->model)
        trii_nn_model_put(nn, prepared->model);
    trii_free(prepared->constants);
    trii_free(prepared);
}

tri_status trii_nn_submit(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                          struct tri_error *err) {
    (void)err;
    struct trii_nn *nn = (struct trii_nn *)engine;
    prepared->fence = fence;
    prepared->next = NULL;
    pthread_mutex_lock(&nn->mutex);
    *nn->last = prepared;
    nn->last = &prepared->next;
    pthread_cond_signal(&nn->wake);
    pthread_mutex_unlock(&nn->mutex);
    return TRI_OK;
}

/* ---- who infers: the waiter where it can, else the thread ---- */

/* Once the fence is signalled the submission belongs to the caller again: it is not looked at after that. */
static void infer(struct trii_nn *nn, struct trii_prepared *prepared) {
    struct trii_fence *fence = prepared->fence;
    struct tri_error error = {0};
    tri_status status = TRI_OK;
    int code = prepared->squares ? trii_nn_infer_faces(nn, prepared) : nn->ov.infer_request_infer(prepared->request);
    if (code != TRII_OV_OK)
        status = trii_openvino_fail(&nn->ov, code, &error, TRI_ENGINE_FAILED, "the inference failed");
    trii_fence_signal(fence, status, status == TRI_OK ? NULL : &error);
}

static struct trii_nn_model *unsaved(const struct trii_nn *nn) {
    struct trii_nn_model *model = nn->models;
    while (model && !model->unsaved)
        model = model->next;
    return model;
}

/* With the mutex held, which is let go of meanwhile: takes what `at` points to out of the queue and runs it. */
static void infer_at(struct trii_nn *nn, struct trii_prepared **at) {
    struct trii_prepared *prepared = *at;
    *at = prepared->next;
    if (!*at)
        nn->last = at;
    nn->inferring++;
    pthread_mutex_unlock(&nn->mutex);
    trii_busy_add(nn->threads);
    infer(nn, prepared);
    trii_busy_sub(nn->threads);
    pthread_mutex_lock(&nn->mutex);
    nn->inferring--;
    nn->inferred = true;
}

/* Where in the queue this fence's inference may be taken from: the first place only where one runs at a time, and their
 * order is that of submission. NULL: it is not there, or another's turn. */
static struct trii_prepared **turn_of(struct trii_nn *nn, const struct trii_fence *fence) {
    if (nn->inferring >= nn->streams)
        return NULL;
    for (struct trii_prepared **at = &nn->first; *at; at = &(*at)->next) {
        if ((*at)->fence == fence)
            return at;
        if (nn->streams == 1)
            return NULL;
    }
    return NULL;
}

/* Who has to wait anyway infers itself, when it is its turn: that spares waking a thread and moving to its core. An
 * inference takes milliseconds and can't be broken off, so it does not look at the time. */
tri_status trii_nn_wait(struct tri_engine *engine, struct trii_fence *fence, uint64_t timeout_ns) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    pthread_mutex_lock(&nn->mutex);
    struct trii_prepared **mine = timeout_ns > 0 ? turn_of(nn, fence) : NULL;
    if (mine) {
        infer_at(nn, mine);
        if (nn->first || unsaved(nn)) /* the thread goes on with the rest */
            pthread_cond_signal(&nn->wake);
    }
    pthread_mutex_unlock(&nn->mutex);
    return mine ? TRI_OK : trii_fence_wait(fence, timeout_ns);
}

/* With the mutex held, which is let go of meanwhile. */
static void save(struct trii_nn *nn, struct trii_nn_model *model) {
    nn->saving = model;
    pthread_mutex_unlock(&nn->mutex);
    trii_nn_store_export(nn, model);
    pthread_mutex_lock(&nn->mutex);
    model->unsaved = false;
    nn->saving = NULL;
    pthread_cond_broadcast(&nn->idle);
}

void trii_nn_settle(struct tri_engine *engine) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    pthread_mutex_lock(&nn->mutex);
    nn->settling = true;
    pthread_cond_signal(&nn->wake);
    while (unsaved(nn))
        pthread_cond_wait(&nn->idle, &nn->mutex);
    nn->settling = false;
    pthread_mutex_unlock(&nn->mutex);
}

/* A model compiled here is saved after its first inference, so that the first result does not wait for it. */
void trii_nn_infer_thread(void *user) {
    struct trii_nn *nn = user;
    pthread_mutex_lock(&nn->mutex);
    for (;;) {
        struct trii_nn_model *model;
        if (nn->first && nn->inferring < nn->streams)
            infer_at(nn, &nn->first);
        else if (!nn->first && (nn->inferred || nn->settling || nn->closing) && (model = unsaved(nn)))
            save(nn, model);
        else if (nn->closing && !nn->first)
            break;
        else
            pthread_cond_wait(&nn->wake, &nn->mutex);
    }
    pthread_mutex_unlock(&nn->mutex);
}
