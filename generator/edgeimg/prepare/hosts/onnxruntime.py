"""ONNX Runtime on the host: the CPU provider, one thread. It has no reference kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PACKAGE = "onnxruntime"
MODES = ("default",)

Tensor = Mapping[str, Any]


def infer(
    model: Path,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    frames: Sequence[bytes],
    mode: str,
) -> list[list[bytes]]:
    """See `edgeimg.prepare.hosts`.

    Raises:
        Exception: of ONNX Runtime's own kinds: it does not take the model or a frame.
    """
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(model), sess_options=options, providers=["CPUExecutionProvider"]
    )
    names = [tensor["name"] for tensor in outputs]
    results = []
    for frame in frames:
        feed = {}
        position = 0
        for tensor in inputs:
            kind = np.dtype(tensor["type"])
            count = int(np.prod(tensor["shape"], dtype=np.int64))
            values = np.frombuffer(frame, kind, count, position)
            feed[tensor["name"]] = values.reshape(tensor["shape"])
            position += count * kind.itemsize
        made = session.run(names, feed)
        results.append([np.ascontiguousarray(output).tobytes() for output in made])
    return results
