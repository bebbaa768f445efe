"""TensorFlow Lite on the host, by its successor's `Interpreter`, one thread.

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

PACKAGE = "ai-edge-litert"
MODES = ("reference", "default")

Tensor = Mapping[str, Any]


def infer(
    model: Path,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    frames: Sequence[bytes],
    mode: str,
) -> list[list[bytes]]:
    """See `edgeimg.prepare.hosts`. Tensors are in the order of the model's graph.

    Raises:
        ValueError, RuntimeError: the interpreter does not take the model or a frame.
    """
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kinds = {
        "reference": OpResolverType.BUILTIN_REF,
        "default": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    }
    interpreter = Interpreter(str(model), experimental_op_resolver_type=kinds[mode], num_threads=1)
    fed, made = interpreter.get_input_details(), interpreter.get_output_details()
    if len(fed) != len(inputs) or len(made) != len(outputs):
        raise ValueError("it has other inputs or outputs than the planned ones")
    for found, tensor in zip(fed, inputs, strict=True):
        if list(found["shape"]) != list(tensor["shape"]):
            interpreter.resize_tensor_input(found["index"], tensor["shape"])
    interpreter.allocate_tensors()
    results = []
    for frame in frames:
        position = 0
        for found, tensor in zip(fed, inputs, strict=True):
            count = int(np.prod(tensor["shape"], dtype=np.int64))
            values = np.frombuffer(frame, tensor["type"], count, position)
            interpreter.set_tensor(found["index"], values.reshape(tensor["shape"]))
            position += values.nbytes
        interpreter.invoke()
        results.append([interpreter.get_tensor(each["index"]).tobytes() for each in made])
    return results
