#include "pipeline.h"

#include "base/sys.h"
#include "engine/webnn/webnn.h"
#include "measure.h"

#include <stdlib.h>
#include <string.h>

struct bench_nn {
    struct trii_nn *engine;
    struct ov_infer_request *in_place, *owning;
    void *input, *output; /* of `owning`, OpenVINO's own memory */
};

static void check(int code, const char *what) {
    if (code != TRII_OV_OK)
        bench_die(what, "OpenVINO fails");
}

/* Where OpenVINO put the tensors of a request that was given none. The engine never asks this: found by name. */
static void find_tensors(struct bench_nn *nn) {
    int (*input)(struct ov_infer_request *, struct ov_tensor **) = NULL;
    int (*output)(struct ov_infer_request *, struct ov_tensor **) = NULL;
    struct ov_tensor *tensor;
    char why[256];
    void *library = trii_sys_library(nn->engine->library_path, why, sizeof why);
    if (!library || !trii_sys_symbol(library, "ov_infer_request_get_input_tensor", &input) ||
        !trii_sys_symbol(library, "ov_infer_request_get_output_tensor", &output))
        bench_die("OpenVINO's own tensors", "no such functions");
    check(input(nn->owning, &tensor), "its input");
    check(nn->engine->ov.tensor_data(tensor, &nn->input), "its input's address");
    nn->engine->ov.tensor_free(tensor);
    check(output(nn->owning, &tensor), "its output");
    check(nn->engine->ov.tensor_data(tensor, &nn->output), "its output's address");
    nn->engine->ov.tensor_free(tensor);
}

struct bench_nn *bench_nn_open(struct tri_engine *engine, const struct bench_job *job) {
    struct tri_error err = {0};
    struct bench_nn *nn = calloc(1, sizeof *nn);
    if (!nn)
        bench_die("webnn", "out of memory");
    nn->engine = (struct trii_nn *)engine;
    const struct trii_nn_model *model = nn->engine->models; /* the one that the pipeline prepared */
    bench_check(trii_nn_request(nn->engine, model, job->work_bytes, job->work_bytes, &nn->in_place, &err), &err);
    check(nn->engine->ov.compiled_model_create_infer_request(model->compiled, &nn->owning), "a request");
    find_tensors(nn);
    return nn;
}

void bench_nn_close(struct bench_nn **nn) {
    if (!*nn)
        return;
    (*nn)->engine->ov.infer_request_free((*nn)->in_place);
    (*nn)->engine->ov.infer_request_free((*nn)->owning);
    free(*nn);
    *nn = NULL;
}

void bench_nn_segment(struct bench_nn *nn) {
    check(nn->engine->ov.infer_request_infer(nn->in_place), "an inference");
}

void bench_nn_segment_copying(struct bench_nn *nn, const uint8_t *work, float *mask) {
    memcpy(nn->input, work, WORK_BYTES);
    check(nn->engine->ov.infer_request_infer(nn->owning), "an inference");
    memcpy(mask, nn->output, MASK_BYTES);
}
