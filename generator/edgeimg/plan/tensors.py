"""Sizes and types of a model's tensors: what the file says, what the manifest adds, what goes."""

from __future__ import annotations

import json
from dataclasses import replace

from edgeimg.model.graph import tensor_bytes
from edgeimg.model.info import TensorInfo, written

# Element types that the app and the host have code for (app/src/tensor.cc).
KNOWN_TYPES = ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool")
MAX_BYTES = (1 << 31) - 1


class UnfitError(ValueError):
    """A tensor that the app cannot have.

    Attributes:
        message, hint: for the user.
        given: it is the manifest's `shape` that does not go, else the file.
    """

    def __init__(self, message: str, hint: str, *, given: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.given = given


def fixed(
    tensor: TensorInfo,
    what: str,
    given: tuple[int, ...] | None,
    *,
    batch: bool,
    resized: bool = False,
) -> TensorInfo:
    """The tensor with the manifest's sizes, or else a batch of one, if that may be open.

    Args:
        what: `input` or `output`.
        given: the manifest's `shape`.
        batch: whether an open first size is the batch.
        resized: of an output, whether what the file says of it may be of another size of an open
            input, as litert-torch writes it: the manifest knows better.

    Raises:
        UnfitError: its sizes are open, none, too many, not those given, or its type is unknown.
    """
    if given is not None:
        tensor = replace(tensor, shape=given) if resized else _shaped(tensor, what, given)
    called = f"{what} '{tensor.name[:60]}'"
    shape = written(tensor.shape)
    closed = tensor.shape[1:] if batch and tensor.shape[:1] < (0,) else tensor.shape
    if any(size < 0 for size in closed):
        raise UnfitError(f"{called} has the shape {shape}", _open_hint(tensor, what))
    if 0 in closed:
        raise UnfitError(
            f"{called} has the shape {shape}, which holds nothing", "Export the model without it."
        )
    if tensor.type not in KNOWN_TYPES:
        raise UnfitError(f"{called} holds {tensor.type}", _type_hint(tensor.type, what))
    if tensor_bytes(tensor.type, tensor.shape) > MAX_BYTES:
        raise UnfitError(
            f"{called} has the shape {shape}, which is more than 2 GiB",
            "Is that the right model?",
        )
    return replace(tensor, shape=tensor.fixed_shape)


def known(tensor: TensorInfo) -> bool:
    """Whether it has sizes, and so many bytes; what it lacks is told once."""
    return min(tensor.shape, default=1) > 0


def _shaped(tensor: TensorInfo, what: str, given: tuple[int, ...]) -> TensorInfo:
    # In ONNX one open size may be a shape of unknown rank. TFLite's detection operator tells
    # the shapes of its outputs to the runtime, and the file has none.
    untold = tensor.shape == (-1,) or (what == "output" and not tensor.shape)
    fits = untold or (
        len(given) == len(tensor.shape)
        and all(size in (-1, one) for size, one in zip(tensor.shape, given, strict=True))
    )
    if not fits:
        raise UnfitError(
            f"{written(given)} does not go with the file's {written(tensor.shape)}",
            "Only sizes that are open there (?) can be chosen; export the model with these open.",
            given=True,
        )
    return replace(tensor, shape=given)


def _type_hint(kind: str, what: str) -> str:
    if kind == "string" and what == "input":
        return "Export the part of the model that begins with numbers, and make these of the text."
    if kind == "string":
        return (
            "Export the model without it; onnx.utils.extract_model leaves it out of an ONNX file."
        )
    if kind in ("sequence", "map", "optional"):
        return "Export it as a tensor; skl2onnx does that with the option zipmap=False."
    return f"The app has code for {', '.join(KNOWN_TYPES)}; cast it in the model."


def _open_hint(tensor: TensorInfo, what: str) -> str:
    """How the manifest says the sizes of a tensor that has open ones."""
    sizes = ", ".join(str(size) if size > 0 else "?" for size in tensor.shape)
    given = f"`{what}s: [{{name: {json.dumps(tensor.name[:60])}, shape: [{sizes}]}}]`"
    if what == "input":
        return f"Give numbers for all: {given}."
    return f"Give those that come out: {given}; `edgeimg model run` says when they differ."
