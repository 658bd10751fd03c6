/*
 * One byte as OpenVINO sees it: an inference of out = 255 - in over tensors of one element, one of them the byte of
 * the region, the other ours. Subtracting, rather than passing through, makes the plugin's own kernels compute: what is
 * read was loaded by them from the region's page, what is written was stored by them.
 */
#include "engine/webnn/webnn.h"

#include "base/status.h"

#include <string.h>

#define PORT(id, precision) "<port id=\"" #id "\" precision=\"" precision "\"><dim>1</dim></port>"
#define LAYER(id, name, type, data) "<layer id=\"" #id "\" name=\"" name "\" type=\"" type "\" version=\"opset1\">" data
#define EDGE(from, from_port, to, to_port)                                                                             \
    "<edge from-layer=\"" #from "\" from-port=\"" #from_port "\" to-layer=\"" #to "\" to-port=\"" #to_port "\"/>"

static const char graph[] =
    "<?xml version=\"1.0\"?><net name=\"byte\" version=\"11\"><layers>" /* OpenVINO IR */
    LAYER(0, "in", "Parameter", "<data shape=\"1\" element_type=\"u8\"/><output>" PORT(0, "U8") "</output></layer>")
    LAYER(1, "wide", "Convert", "<data destination_type=\"f32\"/><input>" PORT(0, "U8") "</input><output>"
                                PORT(1, "FP32") "</output></layer>")
    LAYER(2, "most", "Const", "<data element_type=\"f32\" shape=\"1\" offset=\"0\" size=\"4\"/><output>"
                              PORT(0, "FP32") "</output></layer>")
    LAYER(3, "rest", "Subtract", "<data auto_broadcast=\"numpy\"/><input>" PORT(0, "FP32") PORT(1, "FP32")
                                 "</input><output>" PORT(2, "FP32") "</output></layer>")
    LAYER(4, "narrow", "Convert", "<data destination_type=\"u8\"/><input>" PORT(0, "FP32") "</input><output>"
                                  PORT(1, "U8") "</output></layer>")
    LAYER(5, "out", "Result", "<input>" PORT(0, "U8") "</input></layer>")
    "</layers><edges>" EDGE(0, 0, 1, 0) EDGE(2, 0, 3, 0) EDGE(1, 1, 3, 1) EDGE(3, 2, 4, 0) EDGE(4, 1, 5, 0)
    "</edges></net>";

static int compile(struct trii_nn *nn, struct ov_tensor *weights) {
    struct ov_model *model = NULL;
    int code = nn->ov.core_read_model_from_memory_buffer(nn->core, graph, sizeof graph - 1, weights, &model);
    if (code == TRII_OV_OK)
        code = nn->ov.core_compile_model_props(nn->core, model, "CPU", 0, NULL, &nn->byte.compiled);
    if (code == TRII_OV_OK)
        code = nn->ov.compiled_model_create_infer_request(nn->byte.compiled, &nn->byte.request);
    if (model)
        nn->ov.model_free(model);
    return code;
}

static tri_status need(struct trii_nn *nn, struct tri_error *err) {
    static float most = 255.0f; /* stays: the compiled model may keep pointing to it */
    const struct tri_layout layout = tri_layout_bytes(sizeof most);
    struct ov_tensor *weights = NULL;
    if (nn->byte.request)
        return TRI_OK;
    int code = trii_openvino_tensor(&nn->ov, &layout, false, &most, &weights);
    if (code == TRII_OV_OK) {
        code = compile(nn, weights);
        nn->ov.tensor_free(weights);
    }
    if (code == TRII_OV_OK)
        return TRI_OK;
    trii_openvino_fail(&nn->ov, code, err, TRI_ENGINE_FAILED, "OpenVINO can't compile the graph of one byte");
    trii_nn_byte_close(nn);
    return TRI_ENGINE_FAILED;
}

void trii_nn_byte_close(struct trii_nn *nn) {
    if (nn->byte.request)
        nn->ov.infer_request_free(nn->byte.request);
    if (nn->byte.compiled)
        nn->ov.compiled_model_free(nn->byte.compiled);
    nn->byte = (struct trii_nn_byte){0};
}

static tri_status run(struct trii_nn *nn, uint8_t *from, uint8_t *to, struct tri_error *err) {
    const struct trii_openvino *ov = &nn->ov;
    const struct tri_layout byte = tri_layout_bytes(1);
    struct ov_tensor *input = NULL, *output = NULL;
    int code = trii_openvino_tensor(ov, &byte, false, from, &input);
    if (code == TRII_OV_OK)
        code = trii_openvino_tensor(ov, &byte, false, to, &output);
    if (code == TRII_OV_OK)
        code = ov->infer_request_set_input_tensor(nn->byte.request, input);
    if (code == TRII_OV_OK)
        code = ov->infer_request_set_output_tensor(nn->byte.request, output);
    if (code == TRII_OV_OK)
        code = ov->infer_request_infer(nn->byte.request);
    tri_status status = TRI_OK;
    if (code != TRII_OV_OK)
        status = trii_openvino_fail(ov, code, err, TRI_ENGINE_FAILED, "the inference of one byte failed");
    if (input)
        ov->tensor_free(input);
    if (output)
        ov->tensor_free(output);
    return status;
}

tri_status trii_nn_peek(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                        struct tri_error *err) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    tri_status status = need(nn, err);
    if (status == TRI_OK)
        status = run(nn, region->bytes + offset, &nn->byte.scratch, err);
    if (status == TRI_OK)
        *out = (uint8_t)(255 - nn->byte.scratch);
    return status;
}

tri_status trii_nn_poke(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t value,
                        struct tri_error *err) {
    struct trii_nn *nn = (struct trii_nn *)engine;
    tri_status status = need(nn, err);
    nn->byte.scratch = (uint8_t)(255 - value);
    return status == TRI_OK ? run(nn, &nn->byte.scratch, region->bytes + offset, err) : status;
}
