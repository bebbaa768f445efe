"""Write the trained digits network as TFLite (int8, float32) and ONNX, and run it.

All three files come from the same weights. `ai_edge_litert.schema_py_generated`
is the object API of TFLite's flatbuffer schema.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

DESCRIPTION = "edgeimg example: handwritten digits, 8x8 pixels"
INPUT_SCALE = 1 / 255  # a sample s of 0..255 becomes the integer s - 128
INPUT_ZERO = -128
STRIDES = {"stride_w": 1, "stride_h": 1}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A convolution: weights [out, h, w, in], biases [out], the range of its output."""

    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Scale:
    """real = (integer - zero) * scale; `scale` is float32 as in the file."""

    scale: np.float32
    zero: int

    @classmethod
    def spanning(cls, low: float, high: float) -> Scale:
        """The int8 scale whose -128..127 covers low..high and holds 0 exactly."""
        low, high = min(low, 0.0), max(high, 0.0)
        step = np.float32((high - low) / 255)
        return cls(scale=step, zero=int(np.rint(-128 - low / float(step))))


@dataclass(frozen=True)
class AlignedBuffer:
    """A BufferT at a multiple of 16 bytes: the schema asks for it, its Python API forgets."""

    content: bytes = b""

    def Pack(self, builder: Any) -> int:  # noqa: N802
        """Write the buffer and return its offset; the object API calls this."""
        if not self.content:
            return int(schema.BufferT().Pack(builder))
        size = len(self.content)
        builder.StartVector(1, size, 16)
        builder.head -= size
        builder.Bytes[builder.head : builder.head + size] = self.content
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


class Writer:
    """Collects the tensors, operators and buffers of a TFLite model of one graph."""

    def __init__(self) -> None:
        """An empty model."""
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = DESCRIPTION
        self.model.operatorCodes = []
        self.model.buffers = [AlignedBuffer()]  # buffer 0 is the empty one, by convention
        self.graph = schema.SubGraphT()
        self.graph.name = "main"
        self.graph.tensors = []
        self.graph.operators = []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        kind: int,
        quantization: Any = None,
        content: NDArray[Any] | None = None,
    ) -> int:
        """Add a tensor, constant when it has content; returns its index."""
        tensor = schema.TensorT()
        tensor.name = name
        tensor.shape = list(shape)
        tensor.type = kind
        tensor.buffer = 0
        tensor.quantization = quantization
        if content is not None:
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(AlignedBuffer(content.tobytes()))
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(
        self, kind: str, version: int, options: Any, inputs: list[int], output: int
    ) -> None:
        """Add an operator; `kind` is its name in BuiltinOperator."""
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = version
        known = [(c.builtinCode, c.version) for c in self.model.operatorCodes]
        if (code.builtinCode, version) not in known:
            known.append((code.builtinCode, version))
            self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = known.index((code.builtinCode, version))
        operator.inputs = inputs
        operator.outputs = [output]
        union = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, union)
        operator.builtinOptions = options
        self.graph.operators.append(operator)

    def finish(self, first: int, last: int) -> bytes:
        """The file."""
        self.graph.inputs = [first]
        self.graph.outputs = [last]
        builder = flatbuffers.Builder(16384)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def options(kind: type[Any], **values: Any) -> Any:
    """An options table with these fields set."""
    table = kind()
    for name, value in values.items():
        if not hasattr(table, camel(name)):
            raise AttributeError(name)
        setattr(table, camel(name), value)
    return table


def camel(name: str) -> str:
    """stride_w -> strideW, as the object API spells it."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def quantization(scales: list[float], zeros: list[int]) -> Any:
    """A quantization table; more than one scale means one for each output channel."""
    return options(schema.QuantizationParametersT, scale=scales, zero_point=zeros)


def tflite_float(layers: list[Layer]) -> bytes:
    """The network in float32: input `image` [1, 8, 8, 1], output `scores` [1, 10]."""
    return _tflite(layers, quantized=False)


def tflite_int8(layers: list[Layer]) -> bytes:
    """The network in int8, weights with one scale a channel; shapes as in float32."""
    return _tflite(layers, quantized=True)


def _tflite(layers: list[Layer], *, quantized: bool) -> bytes:
    writer = Writer()
    kind = schema.TensorType.INT8 if quantized else schema.TensorType.FLOAT32
    image = Scale(scale=np.float32(INPUT_SCALE), zero=INPUT_ZERO)
    scales = [image, *(Scale.spanning(layer.low, layer.high) for layer in layers)]

    def activation(name: str, shape: tuple[int, ...], scale: Scale) -> int:
        table = quantization([float(scale.scale)], [scale.zero]) if quantized else None
        return writer.tensor(name, shape, kind, table)

    def convolution(index: int, source: int, target: int) -> None:
        relu = index < 2
        weights, biases = _constants(writer, index, layers[index], scales[index], quantized)
        table = options(
            schema.Conv2DOptionsT,
            padding=schema.Padding.SAME if relu else schema.Padding.VALID,
            fused_activation_function=getattr(
                schema.ActivationFunctionType, "RELU" if relu else "NONE"
            ),
            **STRIDES,
        )
        version = 3 if quantized else 1
        writer.operator("CONV_2D", version, table, [source, weights, biases], target)

    first = activation("image", (1, 8, 8, 1), scales[0])
    one = activation("conv1", (1, 8, 8, 12), scales[1])
    two = activation("conv2", (1, 8, 8, 20), scales[2])
    pool = activation("pool", (1, 4, 4, 20), scales[2])  # pooling keeps the scale
    three = activation("conv3", (1, 1, 1, 10), scales[3])
    convolution(0, first, one)
    convolution(1, one, two)
    window = options(schema.Pool2DOptionsT, stride_w=2, stride_h=2, filter_width=2, filter_height=2)
    window.padding = schema.Padding.VALID
    writer.operator("AVERAGE_POOL_2D", 2 if quantized else 1, window, [two], pool)
    convolution(2, pool, three)
    last = activation("scores", (1, 10), scales[3])
    int32 = schema.TensorType.INT32
    shape = writer.tensor("shape", (2,), int32, content=np.array([1, 10], "<i4"))
    table = options(schema.ReshapeOptionsT, new_shape=[1, 10])
    writer.operator("RESHAPE", 1, table, [three, shape], last)
    return writer.finish(first, last)


def _constants(
    writer: Writer, index: int, layer: Layer, source: Scale, quantized: bool
) -> tuple[int, int]:
    """The tensors of a layer's weights and biases; `source` is its input's scale."""
    names = f"conv{index + 1}/weights", f"conv{index + 1}/biases"
    if not quantized:
        kind = schema.TensorType.FLOAT32
        arrays = layer.weights.astype("<f4"), layer.biases.astype("<f4")
        first, second = (
            writer.tensor(name, array.shape, kind, content=array)
            for name, array in zip(names, arrays, strict=True)
        )
        return first, second
    steps = (np.abs(layer.weights).max(axis=(1, 2, 3)) / 127).astype(np.float32)
    wide = steps.astype(np.float64)
    weights = np.rint(layer.weights / wide[:, None, None, None]).clip(-127, 127).astype(np.int8)
    bias_steps = (np.float32(source.scale) * steps).astype(np.float32)
    biases = np.rint(layer.biases / bias_steps.astype(np.float64)).astype("<i4")
    zeros = [0] * len(steps)
    return (
        writer.tensor(
            names[0],
            weights.shape,
            schema.TensorType.INT8,
            quantization(steps.tolist(), zeros),
            weights,
        ),
        writer.tensor(
            names[1],
            biases.shape,
            schema.TensorType.INT32,
            quantization(bias_steps.tolist(), zeros),
            biases,
        ),
    )


def onnx_float(layers: list[Layer]) -> bytes:
    """The network as ONNX, opset 17: input `image` [1, 1, 8, 8], output `scores` [1, 10]."""
    from onnx import TensorProto, helper, numpy_helper

    constants = []
    for number, layer in enumerate(layers, start=1):
        weights = np.ascontiguousarray(layer.weights.transpose(0, 3, 1, 2).astype(np.float32))
        constants.append(numpy_helper.from_array(weights, f"conv{number}/weights"))
        biases = layer.biases.astype(np.float32)
        constants.append(numpy_helper.from_array(biases, f"conv{number}/biases"))

    def convolution(number: int, source: str, target: str, pad: int) -> onnx.NodeProto:
        names = [source, f"conv{number}/weights", f"conv{number}/biases"]
        return helper.make_node("Conv", names, [target], name=f"conv{number}", pads=[pad] * 4)

    nodes = [
        convolution(1, "image", "sums1", 1),
        helper.make_node("Relu", ["sums1"], ["relu1"], name="relu1"),
        convolution(2, "relu1", "sums2", 1),
        helper.make_node("Relu", ["sums2"], ["relu2"], name="relu2"),
        helper.make_node(
            "AveragePool", ["relu2"], ["pool"], name="pool", kernel_shape=[2, 2], strides=[2, 2]
        ),
        convolution(3, "pool", "sums3", 0),
        helper.make_node("Flatten", ["sums3"], ["scores"], name="flatten"),
    ]
    graph = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])],
        constants,
    )
    model = helper.make_model(
        graph,
        ir_version=8,
        opset_imports=[helper.make_opsetid("", 17)],
        producer_name="edgeimg",
        doc_string=DESCRIPTION,
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def answers(content: bytes, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The digit that a model file sees in each picture of [n, 8, 8]."""
    run = _tflite_runner(content) if content[4:8] == b"TFL3" else _onnx_runner(content)
    return np.array([int(np.argmax(run(picture))) for picture in pixels])


def _tflite_runner(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    target = interpreter.get_output_details()[0]["index"]

    def run(picture: NDArray[np.uint8]) -> Any:
        if source["dtype"] == np.int8:
            frame = (picture.astype(np.int16) + INPUT_ZERO).astype(np.int8)
        else:
            frame = (picture / 255.0).astype(np.float32)
        interpreter.set_tensor(source["index"], frame.reshape(1, 8, 8, 1))
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return run


def _onnx_runner(content: bytes) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(picture: NDArray[np.uint8]) -> Any:
        frame = (picture / 255.0).astype(np.float32).reshape(1, 1, 8, 8)
        return session.run(["scores"], {"image": frame})[0]

    return run


def line(name: str, content: bytes, right: int, total: int) -> str:
    """What main prints of a file."""
    digest = hashlib.sha256(content).hexdigest()
    return f"{name}: {len(content)} bytes, {right}/{total} right, sha256 {digest}"
