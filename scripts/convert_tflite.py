#!/usr/bin/env python3
"""Makes ops/models/*.onnx from MediaPipe's TFLite files.

    convert_tflite.py selfie_segmentation.tflite selfie_segmentation.onnx
    convert_tflite.py face_detection_short_range.tflite face_detection_short_range.onnx

Where the files come from: ops/models/README.md. The selfie models hold one custom operation that no general converter
knows, Convolution2DTransposeBias; it becomes an ONNX ConvTranspose with a bias. The face detector is plain, but
OpenVINO reads TFLite from a path only, and what is run here is what was hashed in memory. Weights are stored as f16 and
become f32, which changes no value. Images in and out stay NHWC, as in the TFLite file; inside it is NCHW, ONNX's order.

Needs numpy, onnx and tflite from PyPI (with 2.4.6, 1.23.2 and 2.18.0 the committed files come out bit for bit).
Prints the SHA-256 of what it wrote.
"""
import hashlib
import struct
import sys

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
OPERATORS = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
NAMES = {1: ("selfie", ["mask"]), 2: ("faces", ["raw", "scores"])}  # of a graph with so many outputs, and of these
RELU, RELU6 = tflite.ActivationFunctionType.RELU, tflite.ActivationFunctionType.RELU6


class Model:
    """A TFLite file, with what its accessors do not give in one call."""

    def __init__(self, data):
        self.model = tflite.Model.GetRootAsModel(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.constants = {}
        for index in range(self.graph.TensorsLength()):
            tensor = self.graph.Tensors(index)
            buffer = self.model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                values = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[tensor.Type()])
                self.constants[index] = values.reshape(self.shape(index))

    def shape(self, index):
        tensor = self.graph.Tensors(index)
        return [int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength())]

    def operators(self):
        for index in range(self.graph.OperatorsLength()):
            yield Operator(self, self.graph.Operators(index))


class Operator:
    def __init__(self, model, operator):
        code = model.model.OperatorCodes(operator.OpcodeIndex())
        self.name = OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if self.name == "CUSTOM":
            self.name = code.CustomCode().decode()
        self.inputs = [operator.Inputs(i) for i in range(operator.InputsLength())]
        self.output = operator.Outputs(0)
        self.raw = operator

    def options(self, kind):
        table = self.raw.BuiltinOptions()
        options = kind()
        options.Init(table.Bytes, table.Pos)
        return options


class Converter:
    """Walks the operators in order and writes the ONNX nodes of each."""

    def __init__(self, model):
        self.model = model
        self.nodes, self.initializers = [], []
        self.values = {}  # TFLite tensor -> name of the ONNX value that holds it, in NCHW
        self.fresh_names = 0

    # ---- writing ----

    def fresh(self):
        self.fresh_names += 1
        return f"x{self.fresh_names}"

    def constant(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"{output}_{kind}", **attributes))
        return output

    def value(self, index):
        """The ONNX value of a tensor; a constant becomes an initializer at its first use."""
        if index not in self.values:
            array = self.model.constants[index].astype(np.float32)
            if array.ndim == 4:
                array = array.transpose(0, 3, 1, 2)
            self.values[index] = self.constant(f"t{index}c", array)
        return self.values[index]

    def finish(self, operator, activation, write):
        """`write(name)` writes the operator's nodes; its activation, if any, gets the tensor's own name."""
        output = f"t{operator.output}"
        result = write(self.fresh() if activation else output)
        if activation == RELU:
            result = self.node("Relu", [result], output)
        elif activation == RELU6:
            low = self.constant(self.fresh(), np.float32(0))
            high = self.constant(self.fresh(), np.float32(6))
            result = self.node("Clip", [result, low, high], output)
        elif activation:
            sys.exit(f"{operator.name}: activation {activation} is not known here")
        self.values[operator.output] = result

    # ---- operators ----

    def dequantize(self, operator):
        self.model.constants[operator.output] = self.model.constants[operator.inputs[0]].astype(np.float32)

    def convolution(self, operator):
        depthwise = operator.name == "DEPTHWISE_CONV_2D"
        options = operator.options(tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions)
        weights = self.model.constants[operator.inputs[1]].astype(np.float32)
        weights = weights.transpose(3, 0, 1, 2) if depthwise else weights.transpose(0, 3, 1, 2)
        _, height, width, channels = self.model.shape(operator.inputs[0])
        strides = [options.StrideH(), options.StrideW()]
        kernel = list(weights.shape[2:])
        pads = [0, 0, 0, 0]
        if options.Padding() == tflite.Padding.SAME:
            pads = same_padding([height, width], kernel, strides)
        inputs = [self.value(operator.inputs[0]), self.constant(f"t{operator.output}w", weights)]
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            bias = self.model.constants[operator.inputs[2]].astype(np.float32)
            inputs.append(self.constant(f"t{operator.output}b", bias))
        self.finish(operator, options.FusedActivationFunction(), lambda name: self.node(
            "Conv", inputs, name, strides=strides, pads=pads, group=channels if depthwise else 1, kernel_shape=kernel))

    def transposed_convolution(self, operator):
        """MediaPipe's own: options are padding, stride width, stride height; weights are OHWI. The kernel is as large
        as the stride in these models, so that nothing overlaps and no padding is needed."""
        _, stride_w, stride_h = struct.unpack("<3i", operator.raw.CustomOptionsAsNumpy().tobytes()[:12])
        weights = self.model.constants[operator.inputs[1]].astype(np.float32).transpose(3, 0, 1, 2)
        bias = self.model.constants[operator.inputs[2]].astype(np.float32)
        kernel, strides = list(weights.shape[2:]), [stride_h, stride_w]
        if kernel != strides:
            sys.exit(f"Convolution2DTransposeBias: a kernel of {kernel} with strides {strides} is not known here")
        inputs = [self.value(operator.inputs[0]), self.constant(f"t{operator.output}w", weights),
                  self.constant(f"t{operator.output}b", bias)]
        self.finish(operator, 0, lambda name: self.node(
            "ConvTranspose", inputs, name, strides=strides, kernel_shape=kernel))

    def arithmetic(self, operator):
        kind, options = {"ADD": ("Add", tflite.AddOptions), "MUL": ("Mul", tflite.MulOptions)}[operator.name]
        inputs = [self.value(index) for index in operator.inputs[:2]]
        self.finish(operator, operator.options(options).FusedActivationFunction(),
                    lambda name: self.node(kind, inputs, name))

    def function(self, operator):
        kind = {"RELU": "Relu", "LOGISTIC": "Sigmoid", "HARD_SWISH": "HardSwish"}[operator.name]
        self.finish(operator, 0, lambda name: self.node(kind, [self.value(operator.inputs[0])], name))

    def global_average(self, operator):
        if self.model.shape(operator.output)[1:3] != [1, 1]:
            sys.exit(f"{operator.name}: only a mean over the whole image is known here")
        self.finish(operator, 0, lambda name: self.node("GlobalAveragePool", [self.value(operator.inputs[0])], name))

    def resize(self, operator):
        options = operator.options(tflite.ResizeBilinearOptions)
        _, height, width, channels = self.model.shape(operator.output)
        mode = ("align_corners" if options.AlignCorners()
                else "half_pixel" if options.HalfPixelCenters() else "asymmetric")
        image = self.value(operator.inputs[0])
        size = self.constant(f"t{operator.output}sz", np.array([1, channels, height, width], np.int64))
        self.finish(operator, 0, lambda name: self.node(
            "Resize", [image, "", "", size], name, mode="linear", coordinate_transformation_mode=mode))

    def pad(self, operator):
        (_, _), height, width, channels = self.model.constants[operator.inputs[1]].tolist()
        before, after = zip((0, 0), channels, height, width)
        pads = self.constant(f"t{operator.output}p", np.array(before + after, np.int64))
        self.finish(operator, 0, lambda name: self.node("Pad", [self.value(operator.inputs[0]), pads], name))

    def largest(self, operator):
        options = operator.options(tflite.Pool2DOptions)
        _, height, width, _ = self.model.shape(operator.inputs[0])
        kernel, strides = [options.FilterHeight(), options.FilterWidth()], [options.StrideH(), options.StrideW()]
        pads = [0, 0, 0, 0]
        if options.Padding() == tflite.Padding.SAME:
            pads = same_padding([height, width], kernel, strides)
        self.finish(operator, options.FusedActivationFunction(), lambda name: self.node(
            "MaxPool", [self.value(operator.inputs[0])], name, kernel_shape=kernel, strides=strides, pads=pads))

    def reshape(self, operator):
        """Of an image to rows of numbers, which are in the image's own order."""
        rows = self.node("Transpose", [self.value(operator.inputs[0])], self.fresh(), perm=[0, 2, 3, 1])
        shape = self.constant(f"t{operator.output}sh", np.array(self.model.shape(operator.output), np.int64))
        self.finish(operator, 0, lambda name: self.node("Reshape", [rows, shape], name))

    def concatenation(self, operator):
        axis = operator.options(tflite.ConcatenationOptions).Axis()
        if len(self.model.shape(operator.output)) == 4:
            sys.exit("CONCATENATION: only rows of numbers are known here")
        inputs = [self.value(index) for index in operator.inputs]
        self.finish(operator, 0, lambda name: self.node("Concat", inputs, name, axis=axis))

    HANDLERS = {
        "DEQUANTIZE": dequantize,
        "CONV_2D": convolution,
        "DEPTHWISE_CONV_2D": convolution,
        "Convolution2DTransposeBias": transposed_convolution,
        "ADD": arithmetic,
        "MUL": arithmetic,
        "RELU": function,
        "LOGISTIC": function,
        "HARD_SWISH": function,
        "AVERAGE_POOL_2D": global_average,
        "MEAN": global_average,
        "RESIZE_BILINEAR": resize,
        "PAD": pad,
        "MAX_POOL_2D": largest,
        "RESHAPE": reshape,
        "CONCATENATION": concatenation,
    }

    # ---- the whole ----

    def convert(self):
        image = self.model.graph.Inputs(0)
        outputs = [self.model.graph.Outputs(i) for i in range(self.model.graph.OutputsLength())]
        title, names = NAMES[len(outputs)]
        self.values[image] = self.node("Transpose", ["input"], f"t{image}", perm=[0, 3, 1, 2])
        for operator in self.model.operators():
            handler = self.HANDLERS.get(operator.name)
            if not handler:
                sys.exit(f"the operator {operator.name} is not known here")
            handler(self, operator)
        for index, name in zip(outputs, names):
            if len(self.model.shape(index)) == 4:
                self.node("Transpose", [self.values[index]], name, perm=[0, 2, 3, 1])
            else:
                self.node("Identity", [self.values[index]], name)
        graph = helper.make_graph(
            self.nodes, title,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, self.model.shape(image))],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, self.model.shape(index))
             for index, name in zip(outputs, names)],
            self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def same_padding(size, kernel, strides):
    """TFLite's SAME as ONNX pads: what does not halve goes to the end."""
    total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, strides)]
    before = [t // 2 for t in total]
    return before + [t - b for t, b in zip(total, before)]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        model = Converter(Model(file.read())).convert()
    data = model.SerializeToString()
    with open(sys.argv[2], "wb") as file:
        file.write(data)
    print(f"{hashlib.sha256(data).hexdigest()}  {sys.argv[2]}")


if __name__ == "__main__":
    main()
