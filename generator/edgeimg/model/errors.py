"""The one error of a model file that cannot be used."""

from __future__ import annotations

import struct

from edgeimg.errors import UserError


class ModelError(UserError):
    """A model file that is broken, of another kind, or not readable here."""


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
