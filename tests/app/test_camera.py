"""The pictures of cameras: YUV to RGB, word by word from docs/design.md; and cameras that fail."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.app.appkit import DIGITS, build, environment, write_config

from edgeimg.manifest.model import Camera, ImageInput
from edgeimg.model.info import TensorInfo
from edgeimg.model.read import read_model
from edgeimg.plan.plan import PlannedInput, PlannedOutput
from edgeimg.prepare.preprocess import frame_of

Samples = npt.NDArray[np.uint8]


def rgb(camera: Camera, data: bytes) -> Samples:
    """The contract's conversion of one frame."""
    width, height = camera.width, camera.height
    frame = np.frombuffer(data, np.uint8).astype(np.int64)
    if camera.format == "yuyv":
        pairs = frame.reshape(height, width // 2, 4)
        y = pairs[:, :, [0, 2]].reshape(height, width)
        u, v = (np.repeat(pairs[:, :, i], 2, axis=1) for i in (1, 3))
    else:
        y = frame[: width * height].reshape(height, width)
        colour = frame[width * height :].reshape(height // 2, width // 2, 2)
        u, v = (colour[:, :, i].repeat(2, axis=0).repeat(2, axis=1) for i in (0, 1))
    c, d, e = 298 * (y - 16) + 128, u - 128, v - 128
    planes = [(c + 409 * e) >> 8, (c - 100 * d - 208 * e) >> 8, (c + 516 * d) >> 8]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def config(path: Path, given: PlannedInput, camera: Camera) -> None:
    output = TensorInfo(name="o", type="int8", shape=(1,))
    write_config(
        path,
        inputs=[given],
        outputs=[PlannedOutput(tensor=output, softmax=False, top_k=0, labels=())],
        camera=camera,
    )


@pytest.mark.parametrize("kind", ["yuyv", "nv12"])
def test_same_bytes(kind: Any, tmp_path: Path) -> None:
    folder = build("litert")
    random = np.random.default_rng(3)
    for case in range(24):
        width, height = (2 * int(each) for each in random.integers(1, 40, 2))
        camera = Camera(format=kind, width=width, height=height)
        image = ImageInput(
            color=("gray", "rgb", "bgr")[case % 3],
            resize=("fit", "crop", "letterbox")[case // 3 % 3],
        )
        shape = (1, *(int(each) for each in random.integers(1, 33, 2)), image.channels)
        given = PlannedInput(tensor=TensorInfo(name="i", type="uint8", shape=shape), image=image)
        data = random.bytes(width * height * 2 if kind == "yuyv" else width * height * 3 // 2)
        (tmp_path / f"frame.{kind}").write_bytes(data)
        config(tmp_path / "config.json", given, camera)
        device = subprocess.run(
            [
                folder / "tests/preprocess_dump",
                tmp_path / "config.json",
                tmp_path / f"frame.{kind}",
            ],
            capture_output=True,
            env=environment(folder),
            check=True,
        )
        ppm = f"P6 {width} {height} 255\n".encode() + rgb(camera, data).tobytes()
        assert device.stdout == frame_of(ppm, [given], place="frame"), case


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The app with the digits model and a camera of 8x8."""
    info = read_model(DIGITS / "digits_int8.tflite")
    write_config(
        folder / "config.json",
        model=DIGITS / "digits_int8.tflite",
        inputs=[
            PlannedInput(tensor=each, image=ImageInput(color="gray", std=(255,)))
            for each in info.inputs
        ],
        outputs=[
            PlannedOutput(tensor=each, softmax=False, top_k=1, labels=()) for each in info.outputs
        ],
        camera=Camera(format="yuyv", width=8, height=8),
    )
    app = build("litert")
    return subprocess.run(
        [app / "edge-infer", "--config", folder / "config.json", *arguments],
        capture_output=True,
        text=True,
        env=environment(app),
        check=False,
    )


def test_a_recording_is_answered_frame_by_frame(tmp_path: Path) -> None:
    (tmp_path / "two.yuyv").write_bytes(bytes(2 * 128) + bytes(60))
    done = run(tmp_path, "--input", tmp_path / "two.yuyv")
    assert done.returncode == 3
    frames = [json.loads(line)["frame"] for line in done.stdout.splitlines()]
    assert frames == ["two.yuyv.0", "two.yuyv.1"]
    assert "frame two.yuyv.2: truncated: 60 of 128 bytes" in done.stderr


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("/dev/video99", "there is no such camera: it is not plugged in, or its driver is not"),
        ("/dev/null", "not a camera"),
    ],
)
def test_a_camera_that_cannot_be_read(device: str, words: str, tmp_path: Path) -> None:
    done = run(tmp_path, "--input", device)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.splitlines()[-1].startswith(f"edge-infer: camera {device}: {words}")
