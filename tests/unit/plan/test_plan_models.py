"""A model that the app or the host could not run is refused before anything is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeimg.errors import UserErrors
from edgeimg.manifest.model import Camera
from edgeimg.model.info import ModelInfo, TensorInfo
from edgeimg.model.read import read_model
from edgeimg.plan import models
from edgeimg.plan.tensors import UnfitError, fixed
from edgeimg.render.app_config import app_config
from edgeimg.resources import data_root

CASE = data_root() / "tests/errors/model-disagrees"
MANIFEST = (
    "version: 1\nname: m\nsummary: s\nlicense: MIT\nfile: m.tflite\nsamples: [{file: a.bin}]\n"
)


def _tensor(kind: str, *shape: int) -> TensorInfo:
    return TensorInfo(name="t", type=kind, shape=shape)


def _said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: TensorInfo, answer: TensorInfo
) -> str:
    info = replace(read_model(CASE / "m.tflite", load=False), inputs=(given,), outputs=(answer,))

    def read(path: Path, cache_dir: Path | None) -> tuple[Path, ModelInfo]:
        return path, info

    monkeypatch.setattr(models, "read_whole", read)
    for name, content in (("m.yaml", MANIFEST), ("m.tflite", "x"), ("a.bin", "1234")):
        (tmp_path / name).write_text(content)
    try:
        models.plan_model(tmp_path / "m.yaml", None)
    except UserErrors as error:
        return "\n".join(one.message for one in error.errors)
    return ""


GOOD = _tensor("float32", 1)


def test_what_is_told_of_strings_is_no_cast() -> None:
    """A classifier of scikit-learn's has its labels as strings."""
    for what, way in (("output", "leaves it out of an ONNX file"), ("input", "with numbers")):
        with pytest.raises(UnfitError) as refusal:
            fixed(_tensor("string", 1), what, None, batch=False)
        assert way in refusal.value.hint


@pytest.mark.parametrize(
    ("given", "answer", "expected"),
    [
        (GOOD, GOOD, ""),
        (_tensor("float32", -1, 1), _tensor("float32", -1, 10), ""),
        (_tensor("int32"), GOOD, ""),
        (_tensor("string", 1), GOOD, "file: input 't' holds string"),
        (_tensor("sequence", -1), GOOD, "file: input 't' holds sequence"),
        (GOOD, _tensor("complex64", 1), "file: output 't' holds complex64"),
        (GOOD, _tensor("float32", 1, 0), "file: output 't' has the shape 1x0, which holds nothing"),
        (GOOD, _tensor("float32", 0), "file: output 't' has the shape 0, which holds nothing"),
        (GOOD, _tensor("float32", -1, 4), "file: output 't' has the shape ?x4"),
        (GOOD, _tensor("float32", 1, -1), "file: output 't' has the shape 1x?"),
        (
            GOOD,
            _tensor("int64", 1 << 40, 1 << 40),
            f"file: output 't' has the shape {1 << 40}x{1 << 40}, which is more than 2 GiB",
        ),
        (
            _tensor("float32", 2),
            GOOD,
            "samples.0.file: a.bin has 4 bytes and the inputs 8",
        ),
    ],
)
def test_what_the_app_has_no_code_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: TensorInfo,
    answer: TensorInfo,
    expected: str,
) -> None:
    assert _said(tmp_path, monkeypatch, given, answer) == expected


def test_a_camera_is_read_in_place_of_the_samples() -> None:
    planned = models.plan_model(data_root() / "models/digits/digits.yaml", None)
    config = app_config(planned, 1)
    assert config["source"] == "/usr/share/edge-infer/digits/samples"
    assert "camera" not in config
    camera = Camera(device="/dev/v4l/by-id/usb-cam", format="nv12", width=640, height=480)
    config = app_config(replace(planned, camera=camera), 1)
    assert config["source"] == "/dev/v4l/by-id/usb-cam"
    assert config["camera"] == {"format": "nv12", "width": 640, "height": 480, "rate": None}


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ({"format": "yuyv", "width": 641, "height": 480}, "width: must be even for yuyv"),
        ({"format": "nv12", "width": 640, "height": 481}, "height: must be even for nv12"),
        ({"format": "mjpeg", "width": 641, "height": 481}, ""),
    ],
)
def test_sizes_of_cameras(size: dict[str, object], words: str) -> None:
    if words:
        with pytest.raises(ValueError, match=words):
            Camera.model_validate(size)
    else:
        Camera.model_validate(size)
