"""Read a TFLite flatbuffer.

The `tflite` package reads without verifying: a damaged file makes it follow any
offset. So every count is held against the file's size before it is looped over,
and whatever the package raises means that the file is damaged.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import tflite

from edgeimg.model.errors import BROKEN_FILE, BROKEN_HINT, ModelError
from edgeimg.model.graph import (
    Operator,
    count_nonzero,
    count_operators,
    count_parameters,
    elements,
    peak_live_bytes,
    shared,
    tensor_bytes,
)
from edgeimg.model.info import ModelInfo, Quantization, TensorInfo

T = TypeVar("T")

IDENTIFIER = b"TFL3"
MAX_RANK = 16
MAX_NAME = 1 << 16

TYPES = {
    value: name.lower()
    for name, value in vars(tflite.TensorType).items()
    if not name.startswith("_")
}
OPERATORS = {
    value: name for name, value in vars(tflite.BuiltinOperator).items() if not name.startswith("_")
}
RECURRENT = frozenset(
    {
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_RNN",
        "LSTM",
        "RNN",
        "SVDF",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
    }
)
INTEGERS = frozenset({"int4", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"})


def read(data: bytes) -> ModelInfo:
    """What a TFLite file says.

    Raises:
        ModelError: the file is not TFLite, or is damaged.
    """
    return walk(data, Reader.info)


def walk(data: bytes, use: Callable[[Reader], T]) -> T:
    """What `use` finds in a TFLite file.

    Raises:
        ModelError: the file is not TFLite, or is damaged.
    """
    if data[4:8] != IDENTIFIER:
        raise ModelError("not a TFLite model", hint=BROKEN_HINT)
    try:
        return use(Reader(data))
    except ModelError:
        raise
    except BROKEN_FILE as error:
        cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ModelError(f"the TFLite file is damaged ({cause})", hint=BROKEN_HINT) from error


@dataclass(frozen=True, kw_only=True)
class _Tensor:
    """A tensor: `shape` as planned when the file was made, `signature` with its -1."""

    name: str
    type: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    buffer: int
    constant: bool
    table: Any

    @cached_property
    def info(self) -> TensorInfo:
        return TensorInfo(
            name=self.name,
            type=self.type,
            shape=self.signature,
            quantization=_quantization(self.table) if self.type in INTEGERS else None,
        )

    @property
    def is_parameter(self) -> bool:
        """A weight or a bias, and not a shape, an axis or an index."""
        return self.constant and (self.type not in INTEGERS or _scale_count(self.table) > 0)


class Reader:
    """Walks a flatbuffer; `spend` ends the walk of one that repeats itself without end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.model = tflite.Model.GetRootAs(data, 0)
        self.left = len(data)

    def spend(self, count: int) -> range:
        """The range of a vector's indices, when the file can be that long.

        Tables and vectors may be shared, so a damaged file of n bytes can describe
        some n * n of them; a sound one has more bytes than things.
        """
        self.left -= count
        if self.left < 0:
            raise ModelError("the TFLite file is damaged (impossible counts)", hint=BROKEN_HINT)
        return range(count)

    def info(self) -> ModelInfo:
        """Everything."""
        model = self.model
        if model.SubgraphsLength() == 0:
            raise ModelError("the TFLite file has no graph", hint=BROKEN_HINT)
        codes = [self.code(index) for index in self.spend(model.OperatorCodesLength())]
        graphs = [model.Subgraphs(index) for index in self.spend(model.SubgraphsLength())]
        tensors = [self.tensors(graph) for graph in graphs]
        operators = [
            self.operators(graph, table, codes)
            for graph, table in zip(graphs, tensors, strict=True)
        ]
        main = tensors[0]
        inputs = self.indices(graphs[0], "Inputs", len(main))
        outputs = self.indices(graphs[0], "Outputs", len(main))
        idle = self.idle()
        uses = count_operators(
            replace(operator, macs=0) if index in idle else operator
            for index, graph in enumerate(operators)
            for operator in graph
        )
        constants = {
            tensor.buffer: tensor for graph in tensors for tensor in graph if tensor.is_parameter
        }
        parameters = count_parameters(
            (one.type, elements(one.shape), self.nonzero(one)) for one in constants.values()
        )
        sizes: dict[Hashable, int] = {
            index: tensor_bytes(tensor.type, tensor.shape)
            for index, tensor in enumerate(main)
            if not tensor.constant
        }
        return ModelInfo(
            format="tflite",
            sha256=hashlib.sha256(self.data).hexdigest(),
            size=len(self.data),
            inputs=tuple(main[index].info for index in inputs),
            outputs=tuple(main[index].info for index in outputs),
            operators=uses,
            macs=sum(use.macs for use in uses),
            peak_live_bytes=peak_live_bytes(sizes, operators[0], inputs, outputs),
            parameters=parameters.count,
            parameter_types=parameters.types,
            zero_parameters=parameters.zeros,
            metadata=self.metadata(),
            shared_outputs=tuple(main[index].name for index in shared(inputs, outputs)),
        )

    def idle(self) -> set[int]:
        """The graphs of other signatures than the first, which is run.

        LiteRT runs the first signature, TensorFlow Lite the first graph: they must be the same.
        """
        signatures = [
            self.model.SignatureDefs(index)
            for index in self.spend(self.model.SignatureDefsLength())
        ]
        graphs = [signature.SubgraphIndex() for signature in signatures]
        if graphs and graphs[0] != 0:
            name = _text(signatures[0].SignatureKey())[:60]
            raise ModelError(
                f"its first signature, '{name}', is not that of its first graph",
                hint="Export it with the signature and the graph first that are to be run.",
            )
        return {*graphs} - {0}

    def code(self, index: int) -> tuple[str, int]:
        """Name and version of an operator code."""
        code = self.model.OperatorCodes(index)
        # Codes above 127 do not fit the deprecated field, old files lack the new one.
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if builtin == tflite.BuiltinOperator.CUSTOM:
            return _text(code.CustomCode()) or "CUSTOM", code.Version()
        return OPERATORS.get(builtin, f"BUILTIN_{builtin}"), code.Version()

    def tensors(self, graph: Any) -> list[_Tensor]:
        """The tensors of a graph."""
        return [self.tensor(graph.Tensors(index)) for index in self.spend(graph.TensorsLength())]

    def tensor(self, table: Any) -> _Tensor:
        """One tensor."""
        shape = _shape(table.ShapeLength(), table.ShapeAsNumpy())
        signature = _shape(table.ShapeSignatureLength(), table.ShapeSignatureAsNumpy())
        buffer = table.Buffer()
        if buffer >= self.model.BuffersLength():
            raise ModelError("the TFLite file is damaged (no such buffer)", hint=BROKEN_HINT)
        content = self.model.Buffers(buffer)
        # Files above 2 GiB keep constants behind the flatbuffer, at an offset.
        constant = content.DataLength() > 0 or content.Size() > 0
        kind = TYPES.get(table.Type())
        if kind is None:
            raise ModelError(
                f"the TFLite file has a tensor of the unknown type {table.Type()}",
                hint="It is damaged, or needs a newer edgeimg.",
            )
        return _Tensor(
            name=_text(table.Name()),
            type=kind,
            shape=shape,
            signature=signature or shape,
            buffer=buffer,
            constant=constant,
            table=table,
        )

    def nonzero(self, tensor: _Tensor) -> int | None:
        """How many elements of a constant are not zero; None where that is not known."""
        content = self.model.Buffers(tensor.buffer)
        start, size = content.Offset(), content.Size()
        outside = memoryview(self.data)[start : start + size]
        data = content.DataAsNumpy() if content.DataLength() else outside
        # A sparse tensor holds only the blocks that are not all zero.
        packed = None if tensor.table.Sparsity() is not None else elements(tensor.shape)
        table = tensor.table.Quantization()
        zero = int(table.ZeroPoint(0)) if table is not None and table.ZeroPointLength() else 0
        return count_nonzero(data, tensor.type, packed, zero)

    def indices(self, table: Any, field: str, count: int) -> list[int]:
        """A vector of indices of `count` tensors, without the -1 of optional ones."""
        length = getattr(table, f"{field}Length")()
        if length == 0:
            return []
        self.spend(length)
        found = [int(value) for value in getattr(table, f"{field}AsNumpy")() if value != -1]
        if not all(0 <= index < count for index in found):
            raise ModelError("the TFLite file is damaged (no such tensor)", hint=BROKEN_HINT)
        return found

    def operators(
        self, graph: Any, tensors: list[_Tensor], codes: list[tuple[str, int]]
    ) -> list[Operator]:
        """The operators of a graph, in the order in which they run."""
        found = []
        for index in self.spend(graph.OperatorsLength()):
            operator = graph.Operators(index)
            reads = self.indices(operator, "Inputs", len(tensors))
            makes = self.indices(operator, "Outputs", len(tensors))
            scratch = self.indices(operator, "Intermediates", len(tensors))
            name, version = codes[operator.OpcodeIndex()]
            found.append(
                Operator(
                    name=name,
                    version=version,
                    macs=_macs(name, operator, tensors, reads, makes),
                    reads=tuple(reads),
                    makes=(*makes, *scratch),
                    activations=tuple(
                        (tensors[each].type, tensors[each].signature)
                        for each in (*reads, *makes)
                        if not tensors[each].constant
                    ),
                    per_channel=any(
                        tensors[each].constant and _scale_count(tensors[each].table) > 1
                        for each in reads
                    ),
                )
            )
        return found

    def metadata(self) -> dict[str, str]:
        """The description, the names of the metadata, and of the signatures."""
        model = self.model
        found = {"description": _text(model.Description())}
        entries = [model.Metadata(index) for index in self.spend(model.MetadataLength())]
        found["metadata"] = ", ".join(sorted(_text(entry.Name()) for entry in entries))
        for entry in entries:
            if entry.Name() == b"min_runtime_version":
                buffer = model.Buffers(entry.Buffer())
                version = bytes(buffer.DataAsNumpy()) if buffer.DataLength() else b""
                found["min_runtime_version"] = _text(version[:32].rstrip(b"\0"))
        signatures = [
            _text(model.SignatureDefs(index).SignatureKey())
            for index in self.spend(model.SignatureDefsLength())
        ]
        found["signatures"] = ", ".join(signatures)
        return {key: value for key, value in found.items() if value}


def _text(value: bytes | None) -> str:
    """A flatbuffer string. Strings of a sound file are UTF-8 and short."""
    if value is None:
        return ""
    if len(value) > MAX_NAME:
        raise ModelError("the TFLite file is damaged (an endless name)", hint=BROKEN_HINT)
    return value.decode()


def _shape(length: int, values: Any) -> tuple[int, ...]:
    if length == 0:
        return ()
    if length > MAX_RANK:
        raise ModelError(
            f"the TFLite file is damaged (a shape of {length} dimensions)", hint=BROKEN_HINT
        )
    shape = tuple(int(value) for value in values)
    if any(size < -1 for size in shape):
        raise ModelError("the TFLite file is damaged (a negative dimension)", hint=BROKEN_HINT)
    return shape


def _scale_count(tensor: Any) -> int:
    table = tensor.Quantization()
    return 0 if table is None else int(table.ScaleLength())


def _quantization(tensor: Any) -> Quantization | None:
    """The scale and zero point of an input or output of integers."""
    count = _scale_count(tensor)
    if count == 0:
        return None
    if count > 1:
        raise ModelError(
            f"{_text(tensor.Name())}: an input or output is quantized by channel",
            hint="Export it with one scale for the tensor.",
        )
    table = tensor.Quantization()
    scale = float(table.Scale(0))
    if not math.isfinite(scale) or scale < 0:
        raise ModelError(f"{_text(tensor.Name())}: the scale is {scale}", hint=BROKEN_HINT)
    zero_point = int(table.ZeroPoint(0)) if table.ZeroPointLength() else 0
    # TFLite itself takes a scale of 0 as "not quantized".
    return Quantization(scale=scale, zero_point=zero_point) if scale else None


def _macs(
    name: str, operator: Any, tensors: list[_Tensor], reads: list[int], makes: list[int]
) -> int:
    """Multiply-accumulates of one operator; 0 for those that are not counted."""
    if name in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
        weights = tensors[reads[1]].shape  # [out, h, w, in] or [1, h, w, channels]
        window = weights[1:] if name == "CONV_2D" else weights[1:3]
        return elements(tensors[makes[0]].shape) * elements(window)
    if name == "FULLY_CONNECTED":
        return elements(tensors[makes[0]].shape) * elements(tensors[reads[1]].shape[-1:])
    if name == "CONV_3D":  # weights [d, h, w, in, out]
        return elements(tensors[makes[0]].shape) * elements(tensors[reads[1]].shape[:4])
    if name in RECURRENT:  # each step of each sequence takes every matrix once
        constants = (tensors[each].shape for each in reads if tensors[each].constant)
        steps = elements(tensors[reads[0]].shape[:-1])
        return steps * sum(elements(shape) for shape in constants if len(shape) == 2)
    if name == "TRANSPOSE_CONV":  # reads the output's shape, weights [out, h, w, in], image
        return elements(tensors[reads[2]].shape) * elements(tensors[reads[1]].shape[:3])
    if name == "BATCH_MATMUL":
        left = tensors[reads[0]].shape
        depth = left[-2:-1] if _is_transposed(operator) else left[-1:]
        return elements(tensors[makes[0]].shape) * elements(depth)
    return 0


def _is_transposed(operator: Any) -> bool:
    """Whether a BATCH_MATMUL takes its left side transposed."""
    union = operator.BuiltinOptions()
    if union is None or operator.BuiltinOptionsType() != tflite.BuiltinOptions.BatchMatMulOptions:
        return False
    options = tflite.BatchMatMulOptions()
    options.Init(union.Bytes, union.Pos)
    return bool(options.AdjX())
