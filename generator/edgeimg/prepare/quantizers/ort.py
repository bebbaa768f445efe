"""ONNX models, by onnxruntime.quantization: weights by channel, QuantizeLinear pairs.

On x86-64 without VNNI, the kernels for int8 weights add two products in 16 bits and saturate:
the answers are wrong there (digits: 16% of the largest value), and not those of the device.
So static int8 weights have 7 bits, and dynamic ones are uint8, whose kernels do not saturate.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeimg.prepare.quantizers.child import Frames


def quantize(request: Mapping[str, Any], frames: Frames) -> None:
    """See `edgeimg.prepare.quantizers`. Inputs and outputs stay float.

    Raises:
        Exception: of the package's own kinds: it does not take the model.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    # It asks for the preparation that was made, for want of a note about symbolic shapes.
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="edgeimg-quantize-") as folder:
        prepared = Path(folder, "prepared.onnx")
        quant_pre_process(request["model"], str(prepared), skip_symbolic_shape=True)
        if request["kind"] == "dynamic":
            quantize_dynamic(prepared, request["target"], weight_type=QuantType.QUInt8)
            return
        quantize_static(
            prepared,
            request["target"],
            _Reader(frames, [one["name"] for one in request["inputs"]]),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,
        )


class _Reader:
    """The calibration frames, one at a time."""

    def __init__(self, frames: Frames, names: Sequence[str]) -> None:
        self._frames, self._names = iter(frames), names

    def get_next(self) -> dict[str, Any] | None:
        frame = next(self._frames, None)
        return None if frame is None else dict(zip(self._names, frame, strict=True))
