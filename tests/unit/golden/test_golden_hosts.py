"""The host interpreter for runtime tflite."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.app.small_models import tflite_sum

from edgeimg.errors import UserError
from edgeimg.model.read import read_model
from edgeimg.prepare.hosts import find_host, pack, unpack

DIGITS = Path(__file__).resolve().parents[3] / "models/digits"


def answers(name: str, model: Path, frames: list[bytes], mode: str) -> list[list[bytes]]:
    """Of the model with its open dimensions at 5."""
    info = read_model(model)
    inputs, outputs = (
        [
            replace(each, shape=tuple(5 if size < 0 else size for size in each.shape))
            for each in side
        ]
        for side in (info.inputs, info.outputs)
    )
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    return find_host(name, wanted=None).run(model, digest, inputs, outputs, frames, mode)


@pytest.mark.parametrize("name", ["digits_int8", "digits_float"])
def test_reference_kernels_are_litert_s(name: str) -> None:
    random = np.random.default_rng(8)
    if name == "digits_int8":
        frames = [random.integers(-128, 128, 64).astype("i1").tobytes() for _ in range(4)]
    else:
        frames = [random.normal(0, 1, 64).astype("<f4").tobytes() for _ in range(4)]
    model = DIGITS / f"{name}.tflite"
    reference = answers("tflite", model, frames, "reference")
    assert reference == answers("litert", model, frames, "reference")
    default = answers("tflite", model, frames, "default")
    if name == "digits_int8":
        assert default == reference
    else:  # another order of the sums: optimised kernels really ran
        assert default != reference


def test_why_a_runtime_refuses_is_not_cut_off(tmp_path: Path) -> None:
    """ONNX Runtime says where it was, with whole C++ signatures, and why at the end."""
    words = ["The beginning.", *["void ns::where::it::was(int)"] * 40, "The reason."]
    module = tmp_path / "onnxruntime.py"
    module.write_text(f"raise RuntimeError({' '.join(words)!r})\n")
    header = {
        "host": "onnxruntime",
        "cpu_seconds": 60,
        "models": [
            {
                "path": str(DIGITS / "digits_float.onnx"),
                "sha256": hashlib.sha256((DIGITS / "digits_float.onnx").read_bytes()).hexdigest(),
                "inputs": [],
                "outputs": [],
                "mode": "default",
                "threads": 1,
            }
        ],
    }
    request, answer = tmp_path / "request", tmp_path / "answer"
    request.write_bytes(pack(header, []))
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    subprocess.run(
        [sys.executable, "-m", "edgeimg.prepare.hosts.child", request, answer],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
    )
    told, _ = unpack(answer.read_bytes())
    assert told["error"].startswith("The beginning.")
    assert told["error"].endswith("The reason.")
    assert len(told["error"]) <= 500


def test_open_dimensions(tmp_path: Path) -> None:
    model = tmp_path / "sum.tflite"
    model.write_bytes(tflite_sum(open_rows=True))
    values = np.arange(24, dtype="<f4")
    matrix, row = values[:20].reshape(5, 4), values[20:]
    for mode in ("reference", "default"):
        made = answers("tflite", model, [values.tobytes()], mode)
        assert made == [[(matrix + row).tobytes(), (matrix - row).tobytes()]]


def test_what_it_does_not_take(tmp_path: Path) -> None:
    model = tmp_path / "digits.tflite"
    model.write_bytes((DIGITS / "digits_int8.tflite").read_bytes())
    info = read_model(model)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    host = find_host("tflite", wanted=None)
    with pytest.raises(UserError, match="other inputs or outputs than the planned ones"):
        host.run(model, digest, info.inputs * 2, info.outputs, [bytes(128)], "reference")
