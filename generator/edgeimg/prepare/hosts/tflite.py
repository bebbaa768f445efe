"""TensorFlow Lite on the host, by its successor's `Interpreter`.

No package has the guest's own release: tflite-runtime ends at 2.14, for Python up to 3.11
and NumPy before 2. On the models tried, both kernel modes of LiteRT 2.1.6 answer as
TensorFlow Lite 2.11 without XNNPACK does, byte for byte; but MEAN changed after 2.11 and
FULLY_CONNECTED after 2.14, the latter by up to two steps in few models. Default kernels are
the optimised ones without XNNPACK, which takes int8 in newer releases only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeimg.prepare.hosts import Session
from edgeimg.prepare.hosts.litert import Interpreted

PACKAGE = "ai-edge-litert"
MODES = ("reference", "default")
OPERATORS = {"reference": "BUILTIN_REF", "default": "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}

Tensor = Mapping[str, Any]


def open_model(
    model: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor], mode: str, threads: int
) -> Session:
    """See `edgeimg.prepare.hosts`. Tensors are in the order of the model's graph.

    Raises:
        ValueError, RuntimeError: the interpreter does not take the model.
    """
    return Interpreted(model, inputs, outputs, OPERATORS[mode], threads)
