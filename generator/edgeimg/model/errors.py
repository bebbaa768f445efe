"""The one error of a model file that cannot be used."""

from __future__ import annotations

import struct

from edgeimg.errors import UserError


class ModelError(UserError):
    """A model file that is broken, of another kind, or not readable here."""


class SplitError(ModelError):
    """An ONNX file whose weights are in other files.

    Attributes:
        files: their names, relative to its folder.
    """

    def __init__(self, files: tuple[str, ...], *, place: str = "") -> None:
        super().__init__(
            "the model's weights are in other files",
            hint='Save it as one: python3 -c "import onnx; '
            "onnx.save(onnx.load('FILE'), 'one.onnx')\".",
            place=place,
        )
        self.files = files


def not_kept(error: OSError) -> ModelError:
    """A copy in one piece that cannot be written."""
    return ModelError(
        f"its weights are in other files, and a copy in one cannot be kept: {error.strerror}",
        hint="Make room, or set EDGEIMG_CACHE to a folder elsewhere.",
    )


BROKEN_FILE: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    LookupError,
    RuntimeError,  # and RecursionError
    TypeError,
    ValueError,  # and UnicodeError
    struct.error,
)
"""What the flatbuffer and protobuf readers were seen to raise, or can, on damaged bytes.

Not MemoryError: a sound file may just be too large for the limit; `child` tells of it.
"""

BROKEN_HINT = "Export or download the file again."
