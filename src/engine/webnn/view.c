/* Tensors over regions. A region may have one for each layout it has had; all go when it is freed. */
#include "engine/webnn/webnn.h"

#include "base/alloc.h"
#include "base/status.h"

struct trii_nn_view {
    struct trii_nn_view *next;
    uint32_t generation;
    struct tri_layout layout;
    struct ov_tensor *tensor;
};

static struct trii_nn_view *find(const struct trii_nn *nn, const struct trii_region *region,
                                 const struct tri_layout *layout) {
    struct trii_nn_view *view = nn->views[region->index];
    while (view && (view->generation != region->generation || !tri_layout_equal(&view->layout, layout)))
        view = view->next;
    return view;
}

static tri_status make(struct trii_nn *nn, const struct trii_region *region, const struct tri_layout *layout,
                       struct trii_nn_view **out, struct tri_error *err) {
    struct trii_region pinned;
    struct trii_nn_view *view = trii_calloc(1, sizeof *view);
    if (!view)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a tensor over the region");
    int code = trii_openvino_tensor(&nn->ov, layout, false, region->bytes, &view->tensor);
    tri_status status = code == TRII_OV_OK ? trii_arena_pin(nn->head.arena, region->handle, &pinned, err)
                                           : trii_openvino_fail(&nn->ov, code, err, TRI_ENGINE_FAILED,
                                                                "OpenVINO makes no tensor over the region");
    if (status != TRI_OK) {
        if (view->tensor)
            nn->ov.tensor_free(view->tensor);
        trii_free(view);
        return status;
    }
    view->generation = region->generation;
    view->layout = *layout;
    view->next = nn->views[region->index];
    nn->views[region->index] = view;
    trii_arena_count_views(nn->head.arena, 1);
    *out = view;
    return TRI_OK;
}

tri_status trii_nn_view(struct tri_engine *engine, const struct trii_region *region, const struct tri_layout *layout,
                        void **native, struct tri_error *err) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    char text[96];
    if (!tri_layout_is_tight(layout))
        return trii_fail(err, TRI_UNSUPPORTED,
                         "OpenVINO's tensors over memory of ours have no strides: %s must be tight",
                         tri_layout_format(layout, text, sizeof text));
    struct trii_nn_view *view = find(nn, region, layout);
    if (!view) {
        tri_status status = make(nn, region, layout, &view, err);
        if (status != TRI_OK)
            return status;
    }
    *native = view->tensor;
    return TRI_OK;
}

/* The region's pages may be reused as soon as the last pin is gone: the tensor goes first. */
static void drop(struct trii_nn *nn, uint32_t index, struct trii_nn_view *view) {
    nn->ov.tensor_free(view->tensor);
    trii_free(view);
    trii_arena_count_views(nn->head.arena, -1);
    trii_arena_unpin(nn->head.arena, index);
}

void trii_nn_forget(struct tri_engine *engine, uint32_t index, uint32_t generation) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    for (struct trii_nn_view **at = &nn->views[index]; *at;) {
        struct trii_nn_view *view = *at;
        if (view->generation == generation) {
            *at = view->next;
            drop(nn, index, view);
        } else
            at = &view->next;
    }
}

void trii_nn_forget_all(struct trii_nn *nn) {
    for (uint32_t index = 0; nn->views && index < TRI_REGION_MAX; index++)
        while (nn->views[index]) {
            struct trii_nn_view *view = nn->views[index];
            nn->views[index] = view->next;
            drop(nn, index, view);
        }
}
