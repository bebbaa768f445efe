"""ONNX Runtime on the host: the CPU provider. It has no reference kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeimg.prepare.hosts import Session, check_shapes

PACKAGE = "onnxruntime"
MODES = ("default",)

Tensor = Mapping[str, Any]


def open_model(
    model: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor], mode: str, threads: int
) -> Session:
    """See `edgeimg.prepare.hosts`.

    Raises:
        Exception: of ONNX Runtime's own kinds: it does not take the model.
    """
    return _Session(model, inputs, outputs, threads)


class _Session:
    def __init__(
        self, model: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor], threads: int
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(model), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._inputs = inputs
        self._outputs = outputs
        self._names = [tensor["name"] for tensor in outputs]
        self._feed: dict[str, Any] = {}
        self._made: list[Any] = []

    def feed(self, frame: bytes) -> None:
        import numpy as np

        position = 0
        for tensor in self._inputs:
            kind = np.dtype(tensor["type"])
            count = int(np.prod(tensor["shape"], dtype=np.int64))
            values = np.frombuffer(frame, kind, count, position)
            self._feed[tensor["name"]] = values.reshape(tensor["shape"])
            position += count * kind.itemsize

    def invoke(self) -> None:
        self._made = self._session.run(self._names, self._feed)

    def outputs(self) -> list[bytes]:
        import numpy as np

        check_shapes(self._outputs, [made.shape for made in self._made])
        return [np.ascontiguousarray(output).tobytes() for output in self._made]
