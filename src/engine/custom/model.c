#include "engine/custom/model.h"

#include "base/alloc.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

char *trii_model_port_format(const struct trii_model_port *port, const char *element, char *text, size_t bytes) {
    size_t used = (size_t)snprintf(text, bytes, "%s [", element);
    for (uint32_t d = 0; port->rank != UINT32_MAX && d < port->rank && used < bytes; d++)
        used += port->dims[d] < 0 ? (size_t)snprintf(text + used, bytes - used, "%s?", d ? "," : "")
                                  : (size_t)snprintf(text + used, bytes - used, "%s%lld", d ? "," : "",
                                                     (long long)port->dims[d]);
    if (used < bytes)
        snprintf(text + used, bytes - used, port->rank == UINT32_MAX ? "...]" : "]");
    return text;
}

static tri_status read(struct trii_custom *custom, struct tri_error *err) {
    custom->op.info.summary = "a neural network";
    custom->open_params = true;
    custom->inside = trii_calloc(1, sizeof(struct trii_model_file));
    if (!custom->inside)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to read %s", custom->name);
    if (custom->entry[0])
        return trii_fail(err, TRI_BAD_MODEL, "%s#%s: a model has no parts to choose from", custom->path, custom->entry);
    return TRI_OK;
}

static void finish(struct trii_custom *custom) {
    struct trii_model_file *file = custom->inside;
    if (file)
        trii_free(file->args);
    trii_free(file);
}

static tri_status add_params(struct trii_custom *custom, struct tri_error *err) {
    static const struct tri_param_info params[TRII_MODEL_PARAMS] = {
        [TRII_MODEL_MEAN] = {"mean", "text", 0, 0, 0, "0", NULL,
                             "images: what is subtracted, one number or one a channel, after bringing u8 to the range"},
        [TRII_MODEL_SCALE] = {"scale", "text", 0, 0, 0, "1", NULL, "images: what is then divided by, likewise"},
        [TRII_MODEL_RANGE] = {"range", "number", 1, 1e-6, 1e6, NULL, NULL,
                              "images: what white is for the model: 1 or 255 (before mean and scale)"},
        [TRII_MODEL_COLOR] = {"color", "choice", 0, 0, 0, "rgb", "rgb|bgr", "images: the order of the model's channels"},
        [TRII_MODEL_RESIZE] = {"resize", "choice", 0, 0, 0, "linear", "linear|nearest|cubic",
                               "images: how they are scaled to the model's size"},
        [TRII_MODEL_LAYOUT] = {"layout", "choice", 0, 0, 0, "auto", "auto|nhwc|nchw",
                               "images: where the model's channels stand"},
    };
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < TRII_MODEL_PARAMS; i++)
        status = trii_custom_add_param(custom, &params[i], err);
    return status;
}

static tri_status add_ports(struct trii_custom *custom, const struct trii_model_port *ports, size_t count,
                            enum tri_access access, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < count; i++) {
        char help[96];
        trii_model_port_format(&ports[i], "the model says", help, sizeof help);
        status = trii_custom_add_operand(custom, ports[i].name, access, TRI_KIND_BYTES, help, err);
    }
    return status;
}

static tri_status given(struct trii_custom *custom, size_t inputs, size_t outputs, struct tri_error *err) {
    const struct trii_model_file *file = custom->inside;
    tri_status status = TRI_OK;
    if (inputs != TRII_CUSTOM_NATURAL)
        status = trii_custom_any_operands(custom, inputs, outputs, err);
    else if (file->read) {
        status = add_ports(custom, file->inputs, file->input_count, TRI_ACCESS_READ, err);
        if (status == TRI_OK)
            status = add_ports(custom, file->outputs, file->output_count, TRI_ACCESS_WRITE, err);
    }
    return status == TRI_OK ? add_params(custom, err) : status;
}

char *trii_model_args_text(const struct trii_custom *custom, const struct trii_args *args) {
    char *text = trii_strdup("");
    for (size_t i = 0; text && i < custom->op.info.param_count; i++) {
        const char *value = args->value[i].text;
        char *more = value ? trii_format("%s %s=%s;", text, custom->params[i].name, value)
                           : trii_format("%s %s=%.17g;", text, custom->params[i].name, args->value[i].number);
        trii_free(text);
        text = more;
    }
    return text;
}

static bool same_layouts(const struct tri_layout *a, const struct tri_layout *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (a[i].rank == UINT32_MAX || b[i].rank == UINT32_MAX) {
            if (a[i].rank != b[i].rank)
                return false;
        } else if (a[i].kind != b[i].kind || !tri_layout_equal(&a[i], &b[i]))
            return false;
    }
    return true;
}

static bool answered(struct trii_model_file *file, const char *args, const struct tri_layout *in, size_t inputs,
                     struct tri_layout *out, size_t outputs) {
    if (!file->answered || strcmp(file->args, args) != 0 || !same_layouts(in, file->in, inputs) ||
        !same_layouts(out, file->asked, outputs))
        return false;
    for (size_t j = 0; j < outputs; j++)
        out[j] = file->answer[j];
    return true;
}

/* Without the engine's word (all outputs are stated, and it is not yet up) preparing the stage holds them against it. */
static tri_status fit(const struct trii_custom *custom, const struct trii_args *args, const struct tri_layout *in,
                      struct tri_layout *out, struct tri_error *err) {
    struct trii_model_file *file = custom->inside;
    const size_t inputs = trii_op_inputs(&custom->op), outputs = trii_op_outputs(&custom->op);
    struct tri_layout asked[TRII_OP_OPERANDS_MAX];
    if (!file->shapes)
        return TRI_OK;
    char *text = trii_model_args_text(custom, args);
    if (!text)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to ask what %s makes", custom->name);
    if (answered(file, text, in, inputs, out, outputs)) {
        trii_free(text);
        return TRI_OK;
    }
    for (size_t j = 0; j < outputs; j++)
        asked[j] = out[j];
    tri_status status = file->shapes(file->engine, custom, args, in, out, err);
    if (status != TRI_OK) {
        trii_free(text);
        return status;
    }
    trii_free(file->args);
    file->args = text;
    file->answered = true;
    for (size_t i = 0; i < inputs; i++)
        file->in[i] = in[i];
    for (size_t j = 0; j < outputs; j++) {
        file->asked[j] = asked[j];
        file->answer[j] = out[j];
    }
    return TRI_OK;
}

const struct trii_custom_kind trii_custom_model = {.extensions = {".onnx", ".tflite", ".xml"},
                                                   .format = TRII_CUSTOM_MODEL,
                                                   .technology = TRI_TECHNOLOGY_WEBNN,
                                                   .bytes_max = (size_t)1 << 30,
                                                   .read = read,
                                                   .given = given,
                                                   .fit = fit,
                                                   .finish = finish};
