/*
 * Models ready to run. The file's bytes are hashed and parsed from one mapping, so that what was checked is what runs;
 * the conversion of u8 RGBX pixels and the resize to the model's own size are folded into the graph.
 */
#include "engine/webnn/webnn.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/paths.h"
#include "base/status.h"
#include "base/sys.h"

#include <fcntl.h>
#include <string.h>

#define GRAPH "graph 3"

/* ---- the file ---- */

struct file {
    void *bytes;
    uint64_t size;
};

static void close_file(struct file *file) {
    if (file->bytes)
        trii_sys_unmap(file->bytes, file->size);
    *file = (struct file){0};
}

static tri_status check_hash(const struct trii_model *info, const struct file *file, const char *path,
                             struct tri_error *err) {
    char found[65];
    trii_sha256_hex(file->bytes, (size_t)file->size, found);
    if (strcmp(found, info->sha256) != 0)
        return trii_fail(err, TRI_BAD_MODEL, "%s is not the model '%s' that ships: its SHA-256 begins %.12s, not %.12s",
                         path, info->name, found, info->sha256);
    return TRI_OK;
}

static tri_status map_whole(const char *path, struct file *out, struct tri_error *err) {
    struct file file = {0};
    int fd, failed = trii_sys_open(AT_FDCWD, path, O_RDONLY, 0, &fd);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "the model %s can't be opened", path);
    failed = trii_sys_file_size(fd, &file.size);
    if (!failed && file.size > 0)
        failed = trii_sys_map_file(fd, file.size, &file.bytes);
    trii_sys_close(fd);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "the model %s can't be read", path);
    if (file.size == 0)
        return trii_fail(err, TRI_BAD_MODEL, "the model %s is an empty file", path);
    *out = file;
    return TRI_OK;
}

static tri_status open_file(const struct trii_model *info, struct file *out, struct tri_error *err) {
    char *path;
    tri_status status = trii_path_data(info->file, &path, err);
    if (status != TRI_OK)
        return status;
    status = map_whole(path, out, err);
    if (status == TRI_OK) {
        status = check_hash(info, out, path, err);
        if (status != TRI_OK)
            close_file(out);
    }
    trii_free(path);
    return status;
}

/* ---- the graph ---- */

/* The parts of a preprocessor: freed together, in this order's reverse. */
struct folding {
    struct ov_preprocess_prepostprocessor *whole;
    struct ov_preprocess_input_info *input;
    struct ov_preprocess_input_tensor_info *tensor;
    struct ov_preprocess_input_model_info *model;
    struct ov_preprocess_preprocess_steps *steps;
    struct ov_layout *nhwc;
};

static void unfold(const struct trii_openvino *ov, struct folding *f) {
    if (f->nhwc)
        ov->layout_free(f->nhwc);
    if (f->steps)
        ov->preprocess_preprocess_steps_free(f->steps);
    if (f->model)
        ov->preprocess_input_model_info_free(f->model);
    if (f->tensor)
        ov->preprocess_input_tensor_info_free(f->tensor);
    if (f->input)
        ov->preprocess_input_info_free(f->input);
    if (f->whole)
        ov->preprocess_prepostprocessor_free(f->whole);
}

/* u8 RGBX [1,height,width,4] -> f32 (RGB - mean) / scale of the model's size. That the resize works on f32 is part of `segment`'s
 * definition: on bytes it would round. A change of the graph is a change of GRAPH in the cache's key. */
static int fold(const struct trii_openvino *ov, struct folding *f, const struct trii_model *info,
                struct ov_model *model, uint64_t height, uint64_t width, struct ov_model **out) {
    bool resize = height != info->height || width != info->width;
    int code = 0;
#define STEP(call)                                                                                                     \
    if ((code = ov->call) != TRII_OV_OK)                                                                               \
        return code;
    STEP(preprocess_prepostprocessor_create(model, &f->whole))
    STEP(preprocess_prepostprocessor_get_input_info_by_index(f->whole, 0, &f->input))
    STEP(preprocess_input_info_get_tensor_info(f->input, &f->tensor))
    STEP(preprocess_input_info_get_model_info(f->input, &f->model))
    STEP(preprocess_input_info_get_preprocess_steps(f->input, &f->steps))
    STEP(layout_create("NHWC", &f->nhwc))
    STEP(preprocess_input_tensor_info_set_element_type(f->tensor, TRII_OV_U8))
    STEP(preprocess_input_tensor_info_set_layout(f->tensor, f->nhwc))
    STEP(preprocess_input_model_info_set_layout(f->model, f->nhwc))
    STEP(preprocess_input_tensor_info_set_color_format(f->tensor, TRII_OV_RGBX))
    if (resize)
        STEP(preprocess_input_tensor_info_set_spatial_static_shape(f->tensor, (size_t)height, (size_t)width))
    /* Dropping X first, on bytes, is a few per cent faster, but the plugin does it by memcpy from the region. */
    STEP(preprocess_preprocess_steps_convert_element_type(f->steps, TRII_OV_F32))
    STEP(preprocess_preprocess_steps_convert_color(f->steps, TRII_OV_RGB))
    if (resize)
        STEP(preprocess_preprocess_steps_resize(f->steps, TRII_OV_RESIZE_LINEAR))
    if (info->mean != 0)
        STEP(preprocess_preprocess_steps_mean(f->steps, info->mean))
    STEP(preprocess_preprocess_steps_scale(f->steps, info->scale))
    STEP(preprocess_prepostprocessor_build(f->whole, out))
#undef STEP
    return code;
}

tri_status trii_nn_compile(struct trii_nn *nn, const struct trii_model *info, const void *bytes, size_t size,
                           uint64_t height, uint64_t width, struct ov_compiled_model **out, struct tri_error *err) {
    const struct trii_openvino *ov = &nn->ov;
    struct folding folding = {0};
    struct ov_model *model = NULL, *folded = NULL;
    int code = ov->core_read_model_from_memory_buffer(nn->core, bytes, size, NULL, &model);
    if (code != TRII_OV_OK)
        return trii_openvino_fail(ov, code, err, TRI_BAD_MODEL, "OpenVINO can't read the model");
    tri_status status = TRI_OK;
    code = fold(ov, &folding, info, model, height, width, &folded);
    if (code != TRII_OV_OK)
        status = trii_openvino_fail(ov, code, err, TRI_BAD_MODEL, "the model does not take images");
    else if ((code = ov->core_compile_model_props(nn->core, folded, "CPU", 0, NULL, out)) != TRII_OV_OK)
        status = trii_openvino_fail(ov, code, err, TRI_ENGINE_FAILED, "OpenVINO can't compile the model");
    unfold(ov, &folding);
    if (folded)
        ov->model_free(folded);
    ov->model_free(model);
    return status;
}

tri_status trii_nn_request(struct trii_nn *nn, const struct trii_nn_model *model, void *input, void *output,
                           struct ov_infer_request **out, struct tri_error *err) {
    const struct trii_openvino *ov = &nn->ov;
    const struct tri_layout image = tri_layout_image(model->height, model->width, 4, TRI_DTYPE_U8);
    const struct tri_layout mask = tri_layout_mask(model->info->height, model->info->width);
    struct ov_infer_request *request = NULL;
    struct ov_tensor *in = NULL, *to = NULL;
    int code = ov->compiled_model_create_infer_request(model->compiled, &request);
    if (code == TRII_OV_OK)
        code = trii_openvino_tensor(ov, &image, true, input, &in);
    if (code == TRII_OV_OK)
        code = trii_openvino_tensor(ov, &mask, true, output, &to);
    if (code == TRII_OV_OK)
        code = ov->infer_request_set_input_tensor(request, in);
    if (code == TRII_OV_OK)
        code = ov->infer_request_set_output_tensor(request, to);
    tri_status status = TRI_OK;
    if (code != TRII_OV_OK)
        status = trii_openvino_fail(ov, code, err, TRI_BAD_MODEL, "the model does not fit its operands");
    if (in)
        ov->tensor_free(in); /* the request holds its own reference */
    if (to)
        ov->tensor_free(to);
    if (status == TRI_OK)
        *out = request;
    else if (request)
        ov->infer_request_free(request);
    return status;
}

/* ---- in place ---- */

/* White noise above, noise in blocks of 32 pixels below, which moves the mask more. Always the same bytes. */
static void fill_random(uint8_t *pixels, uint64_t height, uint64_t width) {
    uint32_t *to = (uint32_t *)(void *)pixels; /* RGBX; of whole pages */
    for (uint64_t y = 0; y < height; y++)
        for (uint64_t x = 0; x < width; x++) {
            uint64_t at = y < height / 2 ? y * width + x : (y / 32) * 131071 + x / 32;
            uint32_t h = ((uint32_t)at ^ 0x7265u) * 2654435761u;
            h = (h ^ h >> 15) * 2246822519u;
            to[y * width + x] = h ^ h >> 13;
        }
}

struct scratch {
    void *pages;
    uint64_t bytes;
    uint8_t *image;
    float *mask;
    struct ov_infer_request *apart, *in_place;
};

static void free_scratch(struct trii_nn *nn, struct scratch *s) {
    if (s->apart)
        nn->ov.infer_request_free(s->apart);
    if (s->in_place)
        nn->ov.infer_request_free(s->in_place);
    if (s->pages)
        trii_sys_unmap(s->pages, s->bytes);
}

static tri_status make_scratch(struct trii_nn *nn, const struct trii_nn_model *model, struct scratch *s,
                               struct tri_error *err) {
    uint64_t mask = (uint64_t)model->info->height * model->info->width * sizeof(float);
    uint64_t image = trii_max_u64(model->height * model->width * 4, mask);
    trii_align_up(image, TRI_PAGE_BYTES, &image); /* both are below TRI_SEGMENT_MAX_BYTES */
    trii_align_up(mask, TRI_PAGE_BYTES, &mask);
    s->bytes = image + mask;
    int failed = trii_sys_reserve(s->bytes, &s->pages);
    if (!failed)
        failed = trii_sys_map_private(s->pages, s->bytes, TRII_PROT_READ_WRITE);
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no memory to try the model in place");
    s->image = s->pages;
    s->mask = (float *)(void *)(s->image + image);
    tri_status status = trii_nn_request(nn, model, s->image, s->mask, &s->apart, err);
    return status == TRI_OK ? trii_nn_request(nn, model, s->image, s->image, &s->in_place, err) : status;
}

static tri_status compare(struct trii_nn *nn, const struct trii_nn_model *model, const struct scratch *s,
                          struct tri_error *err) {
    size_t mask = (size_t)model->info->height * model->info->width * sizeof(float);
    fill_random(s->image, model->height, model->width);
    int code = nn->ov.infer_request_infer(s->apart);
    if (code == TRII_OV_OK) {
        fill_random(s->image, model->height, model->width);
        code = nn->ov.infer_request_infer(s->in_place);
    }
    if (code != TRII_OV_OK)
        return trii_openvino_fail(&nn->ov, code, err, TRI_ENGINE_FAILED, "trying the model in place failed");
    if (memcmp(s->image, s->mask, mask) != 0)
        return trii_fail(err, TRI_UNSUPPORTED,
                         "the model '%s' gives another mask in place than apart on this machine: "
                         "give segment an output region of its own", model->info->name);
    return TRI_OK;
}

tri_status trii_nn_model_check_in_place(struct trii_nn *nn, struct trii_nn_model *model, struct tri_error *err) {
    if (!model->in_place)
        model->in_place = trii_nn_store_knows_in_place(nn, model);
    if (model->in_place)
        return TRI_OK;
    struct scratch scratch = {0};
    tri_status status = make_scratch(nn, model, &scratch, err);
    if (status == TRI_OK)
        status = compare(nn, model, &scratch, err);
    free_scratch(nn, &scratch);
    if (status == TRI_OK) {
        model->in_place = true;
        trii_nn_store_in_place(nn, model);
    }
    return status;
}

/* ---- ready models ---- */

static void free_model(struct trii_nn *nn, struct trii_nn_model *model) {
    if (model->compiled)
        nn->ov.compiled_model_free(model->compiled);
    trii_cached_release(&model->blob); /* only now: the compiled model pointed into it */
    trii_free(model->weights);
    trii_free(model->key);
    trii_free(model);
}

static tri_status load(struct trii_nn *nn, struct trii_nn_model *model, struct tri_error *err) {
    struct file file = {0};
    tri_status status = open_file(model->info, &file, err);
    if (status != TRI_OK)
        return status;
    if (!trii_nn_store_import(nn, model)) {
        status = trii_nn_compile(nn, model->info, file.bytes, (size_t)file.size, model->height, model->width,
                                 &model->compiled, err);
        model->unsaved = status == TRI_OK && nn->cache;
    }
    close_file(&file);
    return status;
}

static struct trii_nn_model *find(const struct trii_nn *nn, const struct trii_model *info, uint64_t height,
                                  uint64_t width) {
    struct trii_nn_model *model = nn->models;
    while (model && (model->info != info || model->height != height || model->width != width))
        model = model->next;
    return model;
}

/* A model that has just become ready joins the list, with one user. */
static struct trii_nn_model *keep(struct trii_nn *nn, struct trii_nn_model *model) {
    model->users = 1;
    pthread_mutex_lock(&nn->mutex);
    model->next = nn->models;
    nn->models = model;
    pthread_mutex_unlock(&nn->mutex);
    return model;
}

tri_status trii_nn_model_get(struct trii_nn *nn, const struct trii_model *info, uint64_t height, uint64_t width,
                             struct trii_nn_model **out, struct tri_error *err) {
    struct trii_nn_model *model = find(nn, info, height, width);
    if (model) {
        model->users++;
        *out = model;
        return TRI_OK;
    }
    model = trii_calloc(1, sizeof *model);
    if (model)
        model->key = trii_format("%s; " GRAPH "; %s %s for RGBX u8 %llux%llu", nn->machine, info->name, info->sha256,
                                 (unsigned long long)height, (unsigned long long)width);
    if (!model || !model->key) {
        trii_free(model);
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the model '%s'", info->name);
    }
    model->info = info;
    model->height = height;
    model->width = width;
    tri_status status = load(nn, model, err);
    if (status != TRI_OK) {
        free_model(nn, model);
        return status;
    }
    *out = keep(nn, model);
    return TRI_OK;
}

static tri_status compile_graph(struct trii_nn *nn, const struct ov_model *graph, struct trii_nn_model *model,
                                struct tri_error *err) {
    int code = nn->ov.core_compile_model_props(nn->core, graph, "CPU", 0, NULL, &model->compiled);
    model->unsaved = code == TRII_OV_OK && nn->cache;
    return code == TRII_OV_OK
               ? TRI_OK
               : trii_openvino_fail(&nn->ov, code, err, TRI_ENGINE_FAILED, "OpenVINO can't compile the model");
}

tri_status trii_nn_model_by_key(struct trii_nn *nn, char *key, const struct ov_model *graph, void **weights,
                                struct trii_nn_model **out, struct tri_error *err) {
    struct trii_nn_model *model = nn->models;
    tri_status status = TRI_OK;
    while (model && strcmp(model->key, key) != 0)
        model = model->next;
    if (model) {
        trii_free(key);
        model->users++;
        *out = model;
        return TRI_OK;
    }
    model = trii_calloc(1, sizeof *model);
    if (!model) {
        trii_free(key);
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a model");
    }
    model->key = key;
    if (!trii_nn_store_import(nn, model))
        status = compile_graph(nn, graph, model, err);
    if (status != TRI_OK) {
        free_model(nn, model);
        return status;
    }
    model->weights = *weights;
    *weights = NULL;
    *out = keep(nn, model);
    return TRI_OK;
}

void trii_nn_model_put(struct trii_nn *nn, struct trii_nn_model *model) {
    if (--model->users > 0)
        return;
    struct trii_nn_model **at = &nn->models;
    pthread_mutex_lock(&nn->mutex);
    while (nn->saving == model)
        pthread_cond_wait(&nn->idle, &nn->mutex);
    while (*at != model)
        at = &(*at)->next;
    *at = model->next;
    pthread_mutex_unlock(&nn->mutex);
    if (model->unsaved)
        trii_nn_store_export(nn, model);
    free_model(nn, model);
}
