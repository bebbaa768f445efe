"""The constants of an ONNX model: how many there are, of which types, and in which files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgeimg.model.errors import BROKEN_FILE, ModelError
from edgeimg.model.graph import TYPE_BITS, count_others, elements
from edgeimg.model.onnx_package import bodies, element_type, first_line, package

if TYPE_CHECKING:
    import onnx

# Where a quantized operator has its weights, and where their zero point.
ZERO_POINTS = {
    "ConvInteger": (1, 3),
    "DequantizeLinear": (0, 2),
    "MatMulInteger": (1, 3),
    "QLinearConv": (3, 5),
    "QLinearMatMul": (3, 5),
}
NOT_PARAMETERS = {"bool", "int64", "string"}  # shapes, axes, masks
LARGE_CONSTANT = 1024  # elements; smaller ones may be shapes, which inference needs


def parameters(graph: onnx.GraphProto) -> Iterator[tuple[str, int, int | None]]:
    """Type, number of elements, and how many are not zero, of each constant."""
    return _parameters(graph, _zero_points(graph))


def _parameters(
    graph: onnx.GraphProto, zero_points: Mapping[str, int]
) -> Iterator[tuple[str, int, int | None]]:
    for constant in graph.initializer:
        yield _weight(constant, zero_points.get(constant.name, 0))
    for constant in graph.sparse_initializer:
        held = elements(constant.values.dims)
        yield element_type(constant.values.data_type), elements(constant.dims), held
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.HasField("t"):
                yield _weight(attribute.t, 0)
        for body in bodies(node):
            yield from _parameters(body, zero_points)


def _zero_points(graph: onnx.GraphProto) -> dict[str, int]:
    """Zero points of the main graph's constants, by the constant's name."""
    small = {one.name: one for one in graph.initializer if elements(one.dims) == 1}
    found = {}
    for node in graph.node:
        weights, zero = ZERO_POINTS.get(node.op_type, (0, len(node.input)))
        if zero < len(node.input) and node.input[zero] in small:
            value = package().numpy_helper.to_array(small[node.input[zero]])
            found[node.input[weights]] = int(value.reshape(-1)[0])
    return found


def _weight(constant: onnx.TensorProto, zero_point: int) -> tuple[str, int, int | None]:
    kind = element_type(constant.data_type)
    count = 0 if kind in NOT_PARAMETERS else elements(constant.dims)
    if not count:
        return kind, 0, 0
    held = None
    if kind in TYPE_BITS and TYPE_BITS[kind] >= 8 and kind != "bfloat16":
        values = package().numpy_helper.to_array(constant)
        held = count_others(values.reshape(-1), zero_point)
    return kind, count, held


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every constant, those of the graphs inside too."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
        for body in bodies(node):
            yield from _tensors(body)


def outside(graph: onnx.GraphProto) -> tuple[str, ...]:
    """The files that hold constants, where the model itself does not."""
    told = [
        {entry.key: entry.value for entry in constant.external_data}
        for constant in _tensors(graph)
        if constant.data_location == constant.EXTERNAL
    ]
    return tuple(sorted({entries["location"] for entries in told}))


def in_one_piece(path: Path) -> bytes:
    """A model with the weights that are in files beside it.

    Raises:
        ModelError: they are not what it says.
    """
    onnx = package()
    from google.protobuf.message import DecodeError, EncodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
        return bytes(model.SerializeToString(deterministic=True))
    except (DecodeError, EncodeError, OSError, onnx.checker.ValidationError, *BROKEN_FILE) as error:
        raise ModelError(
            f"its weights cannot be taken from the files beside it: {first_line(error)}",
            hint="Do these belong to it? Export them together again.",
        ) from error


def drop_large_constants(graph: onnx.GraphProto) -> None:
    """Weights are most of the file, and shape inference copies them: keep their shapes."""
    for constant in graph.initializer:
        if elements(constant.dims) > LARGE_CONSTANT:
            constant.ClearField("raw_data")
