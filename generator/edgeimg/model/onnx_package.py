"""The onnx package, and what is read in one way of every part of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edgeimg.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

TYPES = {"float": "float32", "double": "float64"}


def package() -> Any:
    """The onnx package, with the modules used here."""
    try:
        import onnx
        import onnx.checker
        import onnx.external_data_helper
        import onnx.inliner
        import onnx.numpy_helper
        import onnx.shape_inference
    except ModuleNotFoundError as error:
        raise ModelError(
            "to read an ONNX model, the Python package 'onnx' is needed",
            hint="pip install 'edgeimg[onnx]'",
        ) from error
    return onnx


def first_line(error: BaseException) -> str:
    """The first line of an error's text, for it may hold a whole graph."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs inside a loop or a branch."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def element_type(number: int) -> str:
    """An ONNX element type as we call it: FLOAT -> float32."""
    onnx = package()
    name = str(onnx.TensorProto.DataType.Name(number)).lower()
    return TYPES.get(name, name)
