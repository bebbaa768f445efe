"""Raw outputs to what `edge-infer` writes of them, by the arithmetic of docs/design.md."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

from edgeimg.plan.plan import PlannedOutput
from edgeimg.prepare.golden import read_values


def answers(made: Sequence[bytes], outputs: Sequence[PlannedOutput]) -> list[dict[str, Any]]:
    """The `outputs` of one JSON line.

    Args:
        made: the raw bytes of each output, in the model's order.
    """
    return [_answer(data, output) for data, output in zip(made, outputs, strict=True)]


def _answer(data: bytes, output: PlannedOutput) -> dict[str, Any]:
    tensor = output.tensor
    raw = read_values(data, tensor.type)
    values: list[float] = list(raw)
    quantization = tensor.quantization
    if quantization is not None and not tensor.type.startswith("float"):
        values = [(value - quantization.zero_point) * quantization.scale for value in raw]
    if output.softmax:
        values = _softmax(values)
    if output.top_k == 0:
        computed = output.softmax or quantization is not None
        shown = [_short(value, "" if computed else tensor.type) for value in values]
        return {"name": tensor.name, "values": shown}
    top = []
    for index in _largest(values)[: output.top_k]:
        entry: dict[str, Any] = {"index": index}
        if output.labels:
            entry["label"] = output.labels[index]
        top.append({**entry, "score": _short(values[index], "")})
    return {"name": tensor.name, "top": top}


def _softmax(values: Sequence[float]) -> list[float]:
    largest = max(values, default=0.0)
    powers = [math.exp(value - largest) for value in values]
    total = sum(powers)
    return [power / total for power in powers]


def _largest(values: Sequence[float]) -> list[int]:
    """Indices by value, the largest first, the first of equal ones first, NaN last."""
    return sorted(
        range(len(values)),
        key=lambda index: (math.isnan(values[index]), -values[index], index),
    )


def _short(value: float, kind: str) -> float | int | None:
    """A finite number; a float32 by the fewest digits that say it, 0.1 and not 0.10000000149."""
    if isinstance(value, int) or not math.isfinite(value):
        return value if isinstance(value, int) else None
    if kind != "float32":
        return value
    packed = struct.pack("<f", value)
    for digits in range(1, 10):
        shorter = float(f"{value:.{digits}g}")
        if struct.pack("<f", shorter) == packed:
            return shorter
    return value
