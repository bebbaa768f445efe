"""The shipped digits example: made by its script, as its manifests and README say."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from edgeimg.model import ModelInfo, Quantization, read_model

MANIFESTS = ("digits.yaml", "digits-float.yaml", "digits-onnx.yaml")
PARAMETERS = 5510
MACS = 8 * 8 * 12 * 9 + 8 * 8 * 20 * 9 * 12 + 10 * 16 * 20


def manifest_of(folder: Path, name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((folder / name).read_text())
    assert isinstance(loaded, dict)
    return loaded


def read(folder: Path, name: str) -> ModelInfo:
    if name.endswith(".onnx"):
        pytest.importorskip("onnx")
    return read_model(folder / name)


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest_names_the_files_that_are_there(digits: Path, name: str) -> None:
    manifest = manifest_of(digits, name)
    content = (digits / manifest["file"]).read_bytes()
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(manifest["samples"]) == 16
    assert {sample["label"] for sample in manifest["samples"]} == set("0123456789")
    for sample in manifest["samples"]:
        assert (digits / sample["file"]).read_bytes()[:11] == b"P5\n8 8\n255\n"
    assert (digits / "labels.txt").read_text().split() == list("0123456789")


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest_names_the_tensors_of_the_file(digits: Path, name: str) -> None:
    manifest = manifest_of(digits, name)
    info = read(digits, manifest["file"])
    assert [tensor["name"] for tensor in manifest["inputs"]] == [t.name for t in info.inputs]
    assert [tensor["name"] for tensor in manifest["outputs"]] == [t.name for t in info.outputs]
    nchw = manifest["inputs"][0]["image"]["layout"] == "nchw"
    assert info.inputs[0].shape == ((1, 1, 8, 8) if nchw else (1, 8, 8, 1))


def test_int8_file(digits: Path) -> None:
    info = read(digits, "digits_int8.tflite")
    image, scores = info.inputs[0], info.outputs[0]
    assert (info.format, info.opset, info.macs, info.parameters) == (
        "tflite",
        None,
        MACS,
        PARAMETERS,
    )
    assert (image.type, scores.type, scores.shape) == ("int8", "int8", (1, 10))
    # a sample s becomes the integer s - 128
    assert image.quantization == Quantization(scale=0.003921568859368563, zero_point=-128)
    counts = {use.name: use.count for use in info.operators}
    assert counts == {"AVERAGE_POOL_2D": 1, "CONV_2D": 3, "RESHAPE": 1}
    # the second convolution reads 8*8*12 bytes and makes 8*8*20
    assert info.peak_live_bytes == 8 * 8 * (12 + 20)


def test_float_files_say_the_same(digits: Path) -> None:
    tflite, onnx = read(digits, "digits_float.tflite"), read(digits, "digits_float.onnx")
    assert tflite.macs == onnx.macs == MACS
    assert tflite.parameters == onnx.parameters == PARAMETERS
    assert tflite.outputs == onnx.outputs
    assert tflite.inputs[0].quantization is None
    assert tflite.peak_live_bytes == 4 * 8 * 8 * (12 + 20)
    # ONNX has its ReLU as an operator of its own: its input and output live together
    assert onnx.peak_live_bytes == 4 * 8 * 8 * (20 + 20)
    assert onnx.opset == 17
    assert onnx.metadata["ir_version"] == "8"


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_sample_is_answered_right(digits: Path, export: ModuleType, name: str) -> None:
    np = pytest.importorskip("numpy")
    manifest = manifest_of(digits, name)
    if manifest["file"].endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    samples = [(digits / sample["file"]).read_bytes()[-64:] for sample in manifest["samples"]]
    pixels = np.frombuffer(b"".join(samples), np.uint8).reshape(-1, 8, 8)
    answers = export.answers((digits / manifest["file"]).read_bytes(), pixels)
    assert [str(answer) for answer in answers] == [s["label"] for s in manifest["samples"]]


def test_constants_are_aligned(digits: Path) -> None:
    """ARM's vector loads, and the schema's force_align, want 16 bytes."""
    tflite = pytest.importorskip("tflite")
    data = (digits / "digits_int8.tflite").read_bytes()
    model = tflite.Model.GetRootAs(data, 0)
    starts = []
    for index in range(1, model.BuffersLength()):
        table = model.Buffers(index)._tab
        starts.append(table.Vector(table.Offset(4)))
    assert len(starts) == 7
    assert [start % 16 for start in starts] == [0] * 7


def test_training_again_gives_the_same_bytes(digits: Path, tmp_path: Path) -> None:
    for package in ("sklearn", "onnx", "onnxruntime", "ai_edge_litert", "flatbuffers"):
        pytest.importorskip(package)
    # another BLAS kernel and another number of threads than the files were made with
    environment = dict(os.environ, OPENBLAS_CORETYPE="Nehalem", OPENBLAS_NUM_THREADS="1")
    subprocess.run(
        [sys.executable, digits / "train.py", "--output", tmp_path],
        env=environment,
        check=True,
        capture_output=True,
    )
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert len(made) == 20
    for path in made:
        assert (tmp_path / path).read_bytes() == (digits / path).read_bytes(), path
