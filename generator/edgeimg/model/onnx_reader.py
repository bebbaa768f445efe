"""Read an ONNX file. Needs the optional `onnx` package."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, TypeVar

from edgeimg.model.errors import BROKEN_FILE, BROKEN_HINT, ModelError, SplitError
from edgeimg.model.graph import (
    Operator,
    Parameters,
    count_operators,
    count_parameters,
    elements,
    peak_live_bytes,
    shared,
    tensor_bytes,
)
from edgeimg.model.info import ModelInfo, TensorInfo
from edgeimg.model.onnx_package import bodies, element_type, first_line, package
from edgeimg.model.onnx_weights import drop_large_constants, outside, parameters

if TYPE_CHECKING:
    import onnx

T = TypeVar("T")
CONVOLUTIONS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}  # where the weights are
RECURRENT = {"GRU", "LSTM", "RNN"}
PRODUCTS = {"Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"}
UNKNOWN_SHAPE = (-1,)


def check(data: bytes) -> None:
    """Let onnx's own checker look at the file.

    Raises:
        ModelError: what it found.
    """
    onnx = package()
    try:
        onnx.checker.check_model(_with_shapes(data))
    except (onnx.checker.ValidationError, *BROKEN_FILE) as error:
        raise ModelError(
            f"onnx's checker rejects the file: {first_line(error)}", hint=BROKEN_HINT
        ) from error


def _with_shapes(data: bytes) -> bytes:
    """The model with a shape for each tensor at its ends.

    The checker wants one. tf2onnx writes none where the rank is unknown, and inference needs none.
    """
    model = package().ModelProto.FromString(data)
    untold = [
        value.type.tensor_type
        for value in (*model.graph.input, *model.graph.output)
        if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape")
    ]
    for kind in untold:
        kind.shape.SetInParent()
    return bytes(model.SerializeToString()) if untold else data


def read(data: bytes) -> ModelInfo:
    """What an ONNX file says, with shapes inferred where the file does not state them.

    Raises:
        ModelError: the file is not ONNX or is damaged, or `onnx` is not installed.
    """
    return _parsed(data, lambda model, parameters: _info(data, model, parameters))


def named_operators(data: bytes) -> list[tuple[str, str, Operator]]:
    """The operators of the outermost graph, each with a name and its output's element type.

    The name is its own, or that of the first tensor that it makes.

    Raises:
        ModelError: as `read`.
    """
    return _parsed(data, lambda model, _: list(_named(model)))


def _named(model: onnx.ModelProto) -> Iterator[tuple[str, str, Operator]]:
    opsets = {item.domain or "ai.onnx": item.version for item in model.opset_import}
    shapes: dict[str, TensorInfo] = {}
    operators = _operators(model.graph, opsets, shapes)
    for node, operator in zip(model.graph.node, operators, strict=True):
        made = node.output[0] if node.output else ""
        yield node.name or made, shapes[made].type if made in shapes else "", operator


def _parsed(data: bytes, use: Callable[[onnx.ModelProto, Parameters], T]) -> T:
    """What `use` makes of a file with its shapes inferred."""
    onnx = package()
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(data)
        if not model.ir_version or not model.graph.node:
            raise ModelError("not an ONNX model", hint=BROKEN_HINT)
        if model.functions:  # operators that the file itself makes of others
            model = onnx.inliner.inline_local_functions(model)
        if files := outside(model.graph):
            raise SplitError(files)
        counted = count_parameters(parameters(model.graph))
        drop_large_constants(model.graph)
        model = onnx.shape_inference.infer_shapes(model)
        return use(model, counted)
    except ModelError:
        raise
    except (DecodeError, onnx.shape_inference.InferenceError, *BROKEN_FILE) as error:
        if "alloc failed" in str(error):  # protobuf's way to say MemoryError
            raise MemoryError from error
        raise ModelError(
            f"the ONNX file is damaged ({first_line(error)})", hint=BROKEN_HINT
        ) from error


def _info(data: bytes, model: onnx.ModelProto, parameters: Parameters) -> ModelInfo:
    graph = model.graph
    opsets = {item.domain or "ai.onnx": item.version for item in model.opset_import}
    constants = {constant.name for constant in graph.initializer}
    values = [value for value in graph.input if value.name not in constants]
    shapes: dict[str, TensorInfo] = {}
    operators = list(_operators(graph, opsets, shapes))
    uses = count_operators([*operators, *_inner_operators(graph, opsets, shapes)])
    constants |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    sizes: dict[Hashable, int] = {
        name: tensor_bytes(tensor.type, tensor.shape)
        for name, tensor in shapes.items()
        if name not in constants
    }
    inputs = tuple(_tensor(value) for value in values)
    outputs = tuple(_tensor(value) for value in graph.output)
    return ModelInfo(
        format="onnx",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        inputs=inputs,
        outputs=outputs,
        operators=uses,
        macs=sum(use.macs for use in uses),
        peak_live_bytes=peak_live_bytes(
            sizes,
            operators,
            [tensor.name for tensor in inputs],
            [tensor.name for tensor in outputs],
        ),
        parameters=parameters.count,
        parameter_types=parameters.types,
        zero_parameters=parameters.zeros,
        opset=opsets.get("ai.onnx"),
        metadata=_metadata(model),
        shared_outputs=tuple(
            shared([tensor.name for tensor in inputs], [tensor.name for tensor in outputs])
        ),
    )


def _operators(
    graph: onnx.GraphProto, opsets: dict[str, int], shapes: dict[str, TensorInfo]
) -> Iterator[Operator]:
    """The operators of one graph; adds its tensors to `shapes`."""
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = _tensor(value)
    for constant in graph.initializer:
        shapes[constant.name] = TensorInfo(
            name=constant.name, type=element_type(constant.data_type), shape=tuple(constant.dims)
        )
    constants = {constant.name for constant in graph.initializer}
    for node in graph.node:
        domain = node.domain or "ai.onnx"
        named = [name for name in (*node.input, *node.output) if name not in constants]
        yield Operator(
            name=node.op_type if domain == "ai.onnx" else f"{domain}.{node.op_type}",
            version=opsets.get(domain, 0),
            macs=_macs(node, shapes),
            reads=tuple(name for name in (*node.input, *_outer_names(node)) if name),
            makes=tuple(name for name in node.output if name),
            activations=tuple(
                (shapes[name].type, shapes[name].shape) for name in named if name in shapes
            ),
        )


def _inner_operators(
    graph: onnx.GraphProto, opsets: dict[str, int], shapes: dict[str, TensorInfo]
) -> Iterator[Operator]:
    """The operators of the graphs inside a graph. A body sees the names around it."""
    for node in graph.node:
        for body in bodies(node):
            visible = dict(shapes)
            yield from _operators(body, opsets, visible)
            yield from _inner_operators(body, opsets, visible)


def _outer_names(node: onnx.NodeProto) -> Iterator[str]:
    """Every name that the bodies of a node read: those of the graph around are alive."""
    for body in bodies(node):
        for inner in body.node:
            yield from inner.input
            yield from _outer_names(inner)


def _macs(node: onnx.NodeProto, shapes: dict[str, TensorInfo]) -> int:
    """Multiply-accumulates of one operator; 0 when a shape is unknown."""

    def shape(index: int) -> tuple[int, ...]:
        return shapes[node.input[index]].shape

    if node.domain not in {"", "ai.onnx"} or not node.output:
        return 0
    try:
        made = elements(shapes[node.output[0]].shape)
        if node.op_type in CONVOLUTIONS:  # weights [out, in / group, ...]
            return made * elements(shape(CONVOLUTIONS[node.op_type])[1:])
        if node.op_type == "ConvTranspose":  # weights [in, out / group, ...]
            return elements(shape(0)) * elements(shape(1)[1:])
        if node.op_type in RECURRENT:  # [steps, batch, in], and two weights of each direction
            return elements(shape(0)[:-1]) * (elements(shape(1)) + elements(shape(2)))
        if node.op_type in PRODUCTS:
            left = shape(0)
            return made * elements(left[-2:-1] if _is_transposed(node) else left[-1:])
    except (KeyError, IndexError):
        return 0
    return 0


def _is_transposed(node: onnx.NodeProto) -> bool:
    """Whether a Gemm takes its left side transposed."""
    return any(attribute.name == "transA" and attribute.i for attribute in node.attribute)


def _tensor(value: onnx.ValueInfoProto) -> TensorInfo:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        name = (kind or "unknown").removesuffix("_type")
        return TensorInfo(name=_text(value.name), type=name, shape=UNKNOWN_SHAPE)
    tensor = value.type.tensor_type
    shape: tuple[int, ...] = UNKNOWN_SHAPE
    if tensor.HasField("shape"):
        shape = tuple(
            size.dim_value if size.HasField("dim_value") and size.dim_value >= 0 else -1
            for size in tensor.shape.dim
        )
    return TensorInfo(name=_text(value.name), type=element_type(tensor.elem_type), shape=shape)


def _metadata(model: onnx.ModelProto) -> dict[str, str]:
    found = {entry.key: entry.value for entry in model.metadata_props}
    own = {
        "description": model.doc_string,
        "domain": model.domain,
        "graph": model.graph.name,
        "ir_version": str(model.ir_version),
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
    }
    return {
        _text(key): _text(value) for key, value in (found | own).items() if value or key in found
    }


def _text(value: str | bytes) -> str:
    # protobuf gives a string that is not UTF-8 as bytes.
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
