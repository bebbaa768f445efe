"""The device and the host feed the model the same bytes."""

from __future__ import annotations

import subprocess
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image
from tests.app.appkit import build, environment, write_config
from tests.app.pictures import KINDS, picture

from edgeimg.errors import UserError
from edgeimg.manifest.model import ImageInput
from edgeimg.model.info import Quantization, TensorInfo
from edgeimg.plan.plan import PlannedInput, PlannedOutput
from edgeimg.prepare.pictures import decode
from edgeimg.prepare.preprocess import frame_of

CASES = 24  # of each kind of picture
TYPES = ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool")
RESIZES: tuple[Literal["fit", "crop", "letterbox", "none"], ...]
RESIZES = ("fit", "crop", "letterbox", "none")
LAYOUTS: tuple[Literal["nhwc", "nchw"], ...] = ("nhwc", "nchw")
COLORS: tuple[Literal["gray", "rgb", "bgr"], ...] = ("gray", "rgb", "bgr")
OUTPUT = PlannedOutput(
    tensor=TensorInfo(name="o", type="int8", shape=(1,)), softmax=False, top_k=0, labels=()
)


def planned(case: int, random: np.random.Generator) -> tuple[PlannedInput, tuple[int, int]]:
    """An input, and the size of a picture for it. All modes and types come in turn."""
    kind = TYPES[case % len(TYPES)]
    resize = RESIZES[case // 2 % 4]
    layout = LAYOUTS[case % 2]
    color = COLORS[int(random.integers(3))]
    channels = 1 if color == "gray" else 3
    width, height = (int(size) for size in random.integers(1, 33, 2))
    quantization = None
    if "int" in kind and random.random() < 0.7:
        scale = float(np.float32(random.uniform(0.002, 0.05)))
        quantization = Quantization(scale=scale, zero_point=int(random.integers(-128, 128)))
    # A picture of another size does not fit `none`: both sides must say so.
    same = resize == "none" and random.random() < 0.8
    size = (width, height) if same else picture_size(case, (width, height), random)
    tensor = TensorInfo(
        name="i",
        type=kind,
        shape=(1, height, width, channels) if layout == "nhwc" else (1, channels, height, width),
        quantization=quantization,
    )
    image = ImageInput(
        color=color,
        layout=layout,
        resize=resize,
        mean=tuple(float(random.uniform(0, 140)) for _ in range(channels)),
        std=tuple(float(random.choice([1, 58.395, 127.5, 255])) for _ in range(channels)),
    )
    return PlannedInput(tensor=tensor, image=image), size


def picture_size(
    case: int, target: tuple[int, int], random: np.random.Generator
) -> tuple[int, int]:
    """In turn: small, large, and about as large as allows the next reduction."""
    if case % 3 == 2:
        less = int(random.choice([2, 4, 8]))
        width, height = (less * side + int(random.integers(-1, 2)) for side in target)
    else:
        width, height = (int(each) for each in random.integers(1, (60, 300)[case % 3], 2))
    return width, height


def host(path: Path, given: PlannedInput) -> bytes | None:
    try:
        return frame_of(path.read_bytes(), [given], place=str(path))
    except UserError as error:
        assert "broken sample" in error.message
        return None


@pytest.mark.parametrize("kind", KINDS)
def test_same_bytes(kind: str, tmp_path: Path) -> None:
    folder = build("litert")
    random = np.random.default_rng(KINDS.index(kind))
    config, file = tmp_path / "config.json", tmp_path / "picture"
    fed = 0
    for case in range(CASES):
        given, (width, height) = planned(case, random)
        file.write_bytes(picture(kind, width, height, random))
        write_config(config, inputs=[given], outputs=[OUTPUT])
        device = subprocess.run(
            [folder / "tests/preprocess_dump", config, file],
            capture_output=True,
            env=environment(folder),
            check=False,
        )
        wanted = host(file, given)
        what = f"{given} {width}x{height} {device.stderr.decode()}"
        if wanted is None:
            assert device.returncode == 3, what
            continue
        assert device.returncode == 0, what
        assert device.stdout == wanted, what
        fed += 1
    assert fed == 0 if kind == "jpeg-cmyk" else fed > CASES // 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("bmp")])
def test_bmp_is_what_pillow_reads(kind: str) -> None:
    data = picture(kind, 7, 5, np.random.default_rng(3))
    wanted = np.asarray(Image.open(BytesIO(data)).convert("RGB"))
    assert (decode(data) == wanted).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "jpeg-cmyk"])
def test_cut_short(kind: str, tmp_path: Path) -> None:
    """What one side takes for broken, so does the other."""
    folder = build("litert")
    random = np.random.default_rng(KINDS.index(kind))
    config, file = tmp_path / "config.json", tmp_path / "picture"
    tensor = TensorInfo(name="i", type="uint8", shape=(1, 8, 8, 1))
    given = PlannedInput(tensor=tensor, image=ImageInput(color="gray"))
    write_config(config, inputs=[given], outputs=[OUTPUT])
    whole = picture(kind, 23, 17, random)
    for length in sorted({0, 1, 3, 10, len(whole) // 2, len(whole) * 9 // 10}):
        file.write_bytes(whole[:length])
        device = subprocess.run(
            [folder / "tests/preprocess_dump", config, file],
            capture_output=True,
            env=environment(folder),
            check=False,
        )
        what = f"{length} of {len(whole)} bytes: {device.stderr.decode()}"
        assert host(file, given) is None, what
        assert device.returncode == 3, what
