"""What the readers say of small files made for one question each."""

from __future__ import annotations

from collections.abc import Hashable
from types import ModuleType
from typing import Any

import pytest

from edgeimg.errors import UserError
from edgeimg.model.errors import SplitError
from edgeimg.model.graph import Operator, count_nonzero, peak_live_bytes, tensor_bytes
from edgeimg.model.info import ModelInfo

np = pytest.importorskip("numpy")


def one_operator(
    export: ModuleType,
    kind: str,
    options: Any,
    shapes: list[tuple[int, ...]],
    output: tuple[int, ...],
    constant: int | None = None,
) -> ModelInfo:
    """A float model of one operator; the input at index `constant` is a constant."""
    from edgeimg.model import tflite_reader

    writer = export.Writer()
    kind_of = export.schema.TensorType.FLOAT32
    inputs = [
        writer.tensor(
            f"in{index}",
            shape,
            kind_of,
            content=np.zeros(shape, "<f4") if index == constant else None,
        )
        for index, shape in enumerate(shapes)
    ]
    made = writer.tensor("out", output, kind_of)
    writer.operator(kind, 1, options, inputs, made)
    return tflite_reader.read(writer.finish(inputs[0], made))


def test_macs_of_tflite_operators(export: ModuleType) -> None:
    schema = export.schema
    depthwise = one_operator(
        export,
        "DEPTHWISE_CONV_2D",
        schema.DepthwiseConv2DOptionsT(),
        [(1, 6, 6, 4), (1, 3, 3, 4)],
        (1, 4, 4, 4),
        constant=1,
    )
    assert depthwise.macs == 4 * 4 * 4 * 9
    assert depthwise.parameters == 36
    dense = one_operator(
        export,
        "FULLY_CONNECTED",
        schema.FullyConnectedOptionsT(),
        [(2, 30), (7, 30)],
        (2, 7),
        constant=1,
    )
    assert dense.macs == 2 * 7 * 30
    upwards = one_operator(
        export,
        "TRANSPOSE_CONV",
        schema.TransposeConvOptionsT(),
        [(4,), (5, 3, 3, 2), (1, 4, 4, 2)],
        (1, 8, 8, 5),
        constant=1,
    )
    assert upwards.macs == 4 * 4 * 2 * 3 * 3 * 5
    for transposed, left in ((False, (2, 3, 11)), (True, (2, 11, 3))):
        options = schema.BatchMatMulOptionsT()
        options.adjX = transposed
        shapes: list[tuple[int, ...]] = [left, (2, 11, 5)]
        product = one_operator(export, "BATCH_MATMUL", options, shapes, (2, 3, 5))
        assert product.macs == 2 * 3 * 5 * 11
    steps = one_operator(
        export,
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        schema.SequenceRNNOptionsT(),
        [(2, 10, 8), (12, 8)],
        (2, 10, 12),
        constant=1,
    )
    assert steps.macs == 2 * 10 * 12 * 8
    added = one_operator(export, "ADD", schema.AddOptionsT(), [(1, 4), (1, 4)], (1, 4))
    assert added.macs == 0


def test_macs_of_a_convolution_of_volumes(export: ModuleType) -> None:
    from edgeimg.model import tflite_reader

    schema, writer = export.schema, export.Writer()
    kind = schema.TensorType.FLOAT32
    image = writer.tensor("in", (1, 4, 5, 6, 3), kind)
    weights = writer.tensor("w", (2, 2, 2, 3, 4), kind, content=np.zeros((2, 2, 2, 3, 4), "<f4"))
    made = writer.tensor("out", (1, 3, 4, 5, 4), kind)
    writer.operator("CONV_2D", 1, schema.Conv2DOptionsT(), [image, weights], made)
    model = schema.ModelT.InitFromPackedBuf(writer.finish(image, made))
    (code,) = model.operatorCodes
    code.builtinCode, code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_3D, 127
    builder = export.flatbuffers.Builder(256)
    builder.Finish(model.Pack(builder), b"TFL3")
    info = tflite_reader.read(bytes(builder.Output()))
    assert [(use.name, use.macs) for use in info.operators] == [("CONV_3D", 240 * 24)]


def test_outputs_that_are_one_tensor_are_named(export: ModuleType) -> None:
    from edgeimg.model import tflite_reader

    writer = export.Writer()
    kind = export.schema.TensorType.FLOAT32
    read, made = (writer.tensor(name, (1, 4), kind) for name in ("in", "out"))
    writer.operator("ABS", 1, export.schema.AbsOptionsT(), [read], made)
    data = writer.finish(read, made)
    assert tflite_reader.read(data).shared_outputs == ()
    twice = export.schema.ModelT.InitFromPackedBuf(data)
    twice.subgraphs[0].outputs = [made, read, made]
    builder = export.flatbuffers.Builder(256)
    builder.Finish(twice.Pack(builder), b"TFL3")
    assert tflite_reader.read(bytes(builder.Output())).shared_outputs == ("in", "out")


def test_the_first_signature_is_run_and_counted(export: ModuleType) -> None:
    from edgeimg.model import tflite_reader

    schema = export.schema
    writer = export.Writer()
    read, made = (writer.tensor(name, (1, 4), schema.TensorType.FLOAT32) for name in ("in", "out"))
    kind, weights = schema.TensorType.FLOAT32, np.ones((4, 4), "<f4")
    constant = writer.tensor("w", (4, 4), kind, content=weights)
    options = schema.FullyConnectedOptionsT()
    writer.operator("FULLY_CONNECTED", 1, options, [read, constant], made)
    data = writer.finish(read, made)

    def with_signatures(*graphs: int) -> bytes:
        model = schema.ModelT.InitFromPackedBuf(data)
        model.subgraphs *= 2
        model.signatureDefs = []
        for graph in graphs:
            one = schema.SignatureDefT()
            one.signatureKey, one.inputs, one.outputs = f"of{graph}", [], []
            one.subgraphIndex = graph
            model.signatureDefs.append(one)
        builder = export.flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    assert tflite_reader.read(data).macs == 16
    info = tflite_reader.read(with_signatures(0, 1))
    assert (info.macs, info.metadata["signatures"]) == (16, "of0, of1")
    with pytest.raises(UserError, match="its first signature, 'of1', is not that of its first"):
        tflite_reader.read(with_signatures(1, 0))


def test_a_dynamic_dimension_is_minus_one(export: ModuleType) -> None:
    from edgeimg.model import tflite_reader

    writer = export.Writer()
    kind = export.schema.TensorType.UINT8
    first = writer.tensor("a", (1, 4), kind, export.quantization([0.5], [3]))
    last = writer.tensor("b", (1, 4), kind)
    writer.graph.tensors[first].shapeSignature = [-1, 4]
    writer.operator("RELU", 1, export.schema.ReshapeOptionsT(), [first], last)
    info = tflite_reader.read(writer.finish(first, last))
    assert info.inputs[0].shape == (-1, 4)
    assert info.inputs[0].fixed_shape == (1, 4)
    assert info.inputs[0].quantization is not None
    assert info.outputs[0].quantization is None
    assert info.peak_live_bytes == 8


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -0.5])
def test_an_impossible_scale_is_an_error(export: ModuleType, scale: float) -> None:
    from edgeimg.model import tflite_reader

    writer = export.Writer()
    kind = export.schema.TensorType.INT8
    first = writer.tensor("a", (1, 4), kind, export.quantization([scale], [3]))
    with pytest.raises(UserError, match="a: the scale is"):
        tflite_reader.read(writer.finish(first, first))


def test_an_input_quantized_by_channel_is_an_error(export: ModuleType) -> None:
    from edgeimg.model import tflite_reader

    writer = export.Writer()
    kind = export.schema.TensorType.INT8
    first = writer.tensor("a", (1, 2), kind, export.quantization([0.5, 0.25], [0, 0]))
    with pytest.raises(UserError, match="quantized by channel"):
        tflite_reader.read(writer.finish(first, first))


@pytest.mark.parametrize("index", [-5, 1, 1000])
def test_a_tensor_that_is_not_there(export: ModuleType, index: int) -> None:
    from edgeimg.model import tflite_reader

    writer = export.Writer()
    writer.tensor("a", (1, 2), export.schema.TensorType.INT8)
    with pytest.raises(UserError, match="no such tensor"):
        tflite_reader.read(writer.finish(index, 0))


def test_macs_of_onnx_operators() -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    from edgeimg.model import onnx_reader

    def constant(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(np.zeros(shape, np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "grouped"], ["a"], group=2, pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["a", "up"], ["b"], strides=[2, 2]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "dense"], ["d"], transB=1),
        helper.make_node("MatMul", ["d", "matrix"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            constant("grouped", 6, 2, 3, 3),
            constant("up", 6, 3, 2, 2),
            constant("dense", 9, 300),
            constant("matrix", 9, 2),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    info = onnx_reader.read(model.SerializeToString())
    assert {use.name: use.macs for use in info.operators} == {
        "Conv": 25 * 6 * 2 * 9,
        "ConvTranspose": 25 * 6 * 3 * 4,
        "Flatten": 0,
        "Gemm": 9 * 300,
        "MatMul": 2 * 9,
    }
    assert info.inputs[0].shape == (-1, 4, 5, 5)
    assert info.outputs[0].shape == (-1, 2)
    assert info.parameters == 6 * 2 * 9 + 6 * 3 * 4 + 9 * 300 + 9 * 2
    assert onnx.__version__


def test_macs_of_a_recurrent_onnx_operator() -> None:
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    from edgeimg.model import onnx_reader

    graph = helper.make_graph(
        [helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=6)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [7, 2, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.zeros((1, 24, 5), np.float32), "w"),
            numpy_helper.from_array(np.zeros((1, 24, 6), np.float32), "r"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    assert onnx_reader.read(model.SerializeToString()).macs == 7 * 2 * 24 * (5 + 6)


def test_weights_in_other_files_are_named() -> None:
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    from edgeimg.model import onnx_reader

    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    weights.data_location = TensorProto.EXTERNAL
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    node = helper.make_node("Add", ["x", "w"], ["y"])
    model = helper.make_model(helper.make_graph([node], "g", [entry], [result], [weights]))
    with pytest.raises(UserError, match="is damaged"):
        onnx_reader.read(model.SerializeToString())
    model.graph.initializer[0].external_data.add(key="location", value="w.data")
    with pytest.raises(SplitError) as caught:
        onnx_reader.read(model.SerializeToString())
    assert caught.value.files == ("w.data",)


def test_peak_of_a_branch() -> None:
    """x (10) makes a (20), which waits for b (5): all but x live at the last step."""

    def operator(reads: str, makes: str) -> Operator:
        return Operator(name="OP", version=1, macs=0, reads=tuple(reads), makes=tuple(makes))

    sizes: dict[Hashable, int] = {"x": 10, "a": 20, "b": 5, "y": 1}
    steps = [operator("x", "a"), operator("x", "b"), operator("ab", "y")]
    assert peak_live_bytes(sizes, steps, "x", "y") == 10 + 20 + 5
    assert peak_live_bytes(sizes, steps[:1], "x", "x") == 30
    assert peak_live_bytes(sizes, [], "x", "y") == 11


def test_bytes_of_a_tensor() -> None:
    assert tensor_bytes("int4", (3,)) == 2
    assert tensor_bytes("float32", (-1, 5)) == 20
    assert tensor_bytes("string", (4,)) == 0
    assert tensor_bytes("float32", ()) == 4


@pytest.mark.parametrize(
    ("values", "kind", "zero", "nonzero"),
    [
        ([0.0, -0.0, 1.5, 0.0], "<f4", 0, 1),
        ([0, 3, 3, -3], "i1", 3, 2),
        ([128, 127, 128, 0], "u1", 128, 2),
    ],
)
def test_zeros_are_at_the_zero_point(values: list[Any], kind: str, zero: int, nonzero: int) -> None:
    names = {"<f4": "float32", "i1": "int8", "u1": "uint8"}
    data = np.array(values, kind).tobytes()
    assert count_nonzero(data, names[kind], 4, zero) == nonzero
    assert count_nonzero(data, names[kind], 5, zero) is None  # not what the shape says


def test_zeros_of_four_bits() -> None:
    assert count_nonzero(bytes([0x10, 0x00, 0x0F]), "int4", 5, 0) == 2
    assert count_nonzero(b"12345678", "resource", 2, 0) is None


def test_a_pruned_tflite_model_shows_it(export: ModuleType) -> None:
    info = one_operator(
        export,
        "FULLY_CONNECTED",
        export.schema.FullyConnectedOptionsT(),
        [(1, 8), (4, 8)],
        (1, 4),
        constant=1,
    )
    assert (info.parameters, info.zero_parameters, info.sparsity) == (32, 32, 1.0)
    assert info.parameter_types == {"float32": 32}
    assert not info.quantized


def test_a_pruned_onnx_model_shows_it() -> None:
    onnx = pytest.importorskip("onnx")
    from edgeimg.model import onnx_reader

    helper, tensor = onnx.helper, onnx.TensorProto
    weights = np.array([[0, 2], [5, 0], [0, 0]], "f4")
    packed = np.array([[128, 2], [128, 0], [128, 128]], "u1")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
            helper.make_node("MatMul", ["x", "d"], ["z"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", tensor.FLOAT, [1, 3])],
        [
            helper.make_tensor_value_info("y", tensor.FLOAT, [1, 2]),
            helper.make_tensor_value_info("z", tensor.FLOAT, [1, 2]),
        ],
        [
            onnx.numpy_helper.from_array(weights, "w"),
            onnx.numpy_helper.from_array(packed, "q"),
            onnx.numpy_helper.from_array(np.array(0.1, "f4"), "scale"),
            onnx.numpy_helper.from_array(np.array(128, "u1"), "zero"),
        ],
    )
    info = onnx_reader.read(helper.make_model(graph).SerializeToString())
    assert info.parameter_types == {"float32": 7, "uint8": 7}
    assert info.zero_parameters == 4 + 4
