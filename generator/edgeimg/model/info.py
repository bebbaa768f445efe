"""What a model file says of itself: frozen types, and their JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Told = TypeVar("Told")

SMALL_INTEGERS = ("int2", "int4", "int8", "int16", "uint2", "uint4", "uint8", "uint16")


def written(shape: Iterable[int]) -> str:
    """A shape for people: `1x3x?x?` with a dynamic dimension as `?`; `scalar` without any."""
    return "x".join(str(size) if size >= 0 else "?" for size in shape) or "scalar"


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """real = (integer - zero_point) * scale, with one scale for the tensor.

    `scale` is the file's float32 widened to double.
    """

    scale: float
    zero_point: int


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """An input or an output.

    Attributes:
        name: the tensor's name in the file.
        type: `float32`, `float16`, `int8`, `uint8`, `int16`, `int32`, `int64`, `bool` ...
        shape: a dynamic dimension is -1. A shape of unknown rank, which only ONNX
            has, is `(-1,)`.
        quantization: None for a tensor that has none.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    quantization: Quantization | None = None

    @property
    def fixed_shape(self) -> tuple[int, ...]:
        """The shape with each dynamic dimension as 1, as a TFLite runtime starts with it."""
        return tuple(1 if size < 0 else size for size in self.shape)


@dataclass(frozen=True, kw_only=True)
class OperatorUse:
    """One kind of operator in all graphs of the model, on one kind of tensors.

    Attributes:
        name: `CONV_2D`, `Conv`; a custom operator's own name; with its domain for
            an ONNX operator outside the standard one.
        version: of the operator (TFLite), or of its domain's operator set (ONNX).
        count: how many there are.
        macs: multiply-accumulates of all of them.
        types: element types of what they read and make, constants aside; sorted.
        fixed: whether all of these sizes are known; the first one, the batch, may be open.
        batch: the largest product of the sizes before a tensor's last three; an open one is 1.
        per_channel: whether a constant of theirs has a scale for each channel, as far as the
            format says so beside the tensor (TFLite).
    """

    name: str
    version: int
    count: int
    macs: int
    types: tuple[str, ...] = ()
    fixed: bool = True
    batch: int = 1
    per_channel: bool = False


def summed(rows: Iterable[tuple[Told, OperatorUse]]) -> dict[Told, tuple[int, int]]:
    """Count and MACs of uses that differ in nothing that is told of them, such as the batch."""
    sums: dict[Told, tuple[int, int]] = {}
    for told, use in rows:
        count, macs = sums.get(told, (0, 0))
        sums[told] = (count + use.count, macs + use.macs)
    return sums


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A model file, read.

    Attributes:
        format: `tflite` or `onnx`.
        sha256: of the file, hexadecimal.
        size: of the file, in bytes.
        inputs: in the file's order, without constants.
        outputs: in the file's order.
        operators: sorted by name, version and types.
        macs: multiply-accumulates of one inference: convolutions, transposed and
            depthwise ones, matrix products, recurrent layers. Others count 0; a dynamic
            dimension counts as 1, and the body of a loop or of a branch once. The graphs
            of further signatures do not run.
        peak_live_bytes: the most bytes of activations that live at the same time,
            when the main graph's operators run in the file's order and none works
            in place. A floor for the memory that a runtime needs beside the file.
        parameters: elements of the constants, but not of unquantized integer ones,
            which are shapes, axes and indices.
        parameter_types: the same by element type.
        zero_parameters: those that are zero: integers at their zero point. A pruned model
            has many.
        opset: of ONNX's standard operators; None for TFLite.
        metadata: what else the file says: description, producer, names of metadata.
        shared_outputs: names of outputs that are an input, or an earlier output, too.
    """

    format: str
    sha256: str
    size: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: tuple[OperatorUse, ...]
    macs: int
    peak_live_bytes: int
    parameters: int
    parameter_types: Mapping[str, int] = field(default_factory=dict)
    zero_parameters: int = 0
    opset: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    shared_outputs: tuple[str, ...] = ()

    @property
    def open_operators(self) -> tuple[str, ...]:
        """Names of operators with sizes that the file leaves open, the batch aside."""
        return tuple(sorted({use.name for use in self.operators if not use.fixed}))

    @property
    def resizes_outputs(self) -> bool:
        """Whether a size of an input is open, and the outputs' are then what comes out.

        TFLite's interpreter works them out, whatever the file says of them; ONNX Runtime fills
        no output of another shape than the file's.
        """
        return self.opset is None and any(-1 in tensor.shape for tensor in self.inputs)

    @property
    def sparsity(self) -> float:
        """The share of parameters that are zero, 0 to 1."""
        return self.zero_parameters / self.parameters if self.parameters else 0.0

    @property
    def quantized(self) -> bool:
        """Whether most of the parameters are small integers already."""
        small = sum(self.parameter_types.get(kind, 0) for kind in SMALL_INTEGERS)
        return 2 * small >= max(self.parameters, 1)

    def to_json(self) -> dict[str, Any]:
        """The same as plain dicts, lists, strings and numbers."""
        return {
            "format": self.format,
            "sha256": self.sha256,
            "size": self.size,
            "inputs": [_tensor_to_json(tensor) for tensor in self.inputs],
            "outputs": [_tensor_to_json(tensor) for tensor in self.outputs],
            "operators": [{**vars(use), "types": list(use.types)} for use in self.operators],
            "macs": self.macs,
            "peak_live_bytes": self.peak_live_bytes,
            "parameters": self.parameters,
            "parameter_types": dict(sorted(self.parameter_types.items())),
            "zero_parameters": self.zero_parameters,
            "opset": self.opset,
            "metadata": dict(sorted(self.metadata.items())),
            "shared_outputs": list(self.shared_outputs),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelInfo:
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: the data is not what `to_json` made.
        """
        opset = data["opset"]
        return cls(
            format=str(data["format"]),
            sha256=str(data["sha256"]),
            size=int(data["size"]),
            inputs=tuple(_tensor_from_json(tensor) for tensor in data["inputs"]),
            outputs=tuple(_tensor_from_json(tensor) for tensor in data["outputs"]),
            operators=tuple(
                OperatorUse(**{**use, "types": tuple(use["types"])}) for use in data["operators"]
            ),
            macs=int(data["macs"]),
            peak_live_bytes=int(data["peak_live_bytes"]),
            parameters=int(data["parameters"]),
            parameter_types={str(k): int(v) for k, v in dict(data["parameter_types"]).items()},
            zero_parameters=int(data["zero_parameters"]),
            opset=None if opset is None else int(opset),
            metadata={str(key): str(value) for key, value in dict(data["metadata"]).items()},
            shared_outputs=tuple(str(name) for name in data["shared_outputs"]),
        )


def _tensor_to_json(tensor: TensorInfo) -> dict[str, Any]:
    quantization = tensor.quantization
    return {
        "name": tensor.name,
        "type": tensor.type,
        "shape": list(tensor.shape),
        "quantization": None
        if quantization is None
        else {"scale": quantization.scale, "zero_point": quantization.zero_point},
    }


def _tensor_from_json(data: Mapping[str, Any]) -> TensorInfo:
    quantization = data["quantization"]
    return TensorInfo(
        name=str(data["name"]),
        type=str(data["type"]),
        shape=tuple(int(size) for size in data["shape"]),
        quantization=None
        if quantization is None
        else Quantization(
            scale=float(quantization["scale"]), zero_point=int(quantization["zero_point"])
        ),
    )
