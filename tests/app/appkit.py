"""The app built for this machine, and configurations for it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeimg.manifest.model import Camera, Tolerance
from edgeimg.model.info import ModelInfo, TensorInfo
from edgeimg.plan.plan import PlannedInput, PlannedModel, PlannedOutput
from edgeimg.prepare.hosts import find_host
from edgeimg.render.app_config import app_config

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/app-test"
DIGITS = ROOT / "models/digits"
# LiteRT never frees what it allocates while it is loaded.
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}

NO_MODEL = ModelInfo(
    format="tflite",
    sha256="",
    size=0,
    inputs=(),
    outputs=(),
    operators=(),
    macs=0,
    peak_live_bytes=0,
    parameters=0,
    opset=None,
    metadata={},
)


@functools.cache
def build(kind: str) -> Path:
    """The folder of a build, brought up to date: `litert`, `onnxruntime`, `tflite` or `release`."""
    flag = "--build-release" if kind == "release" else "--build-only"
    done = subprocess.run(
        [ROOT / "tests/app/run", flag, sys.executable], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return BUILD / kind


def runtime_library(folder: Path) -> Path:
    """The runtime library that a build was linked with."""
    for line in (folder / "CMakeCache.txt").read_text().splitlines():
        if line.startswith("EDGE_INFER_RUNTIME_LIBRARY:"):
            return Path(line.split("=", 1)[1])
    raise AssertionError(f"{folder} has no runtime library")


def environment(folder: Path) -> dict[str, str]:
    """Variables with which the programs of a build find the runtime library."""
    links = folder / "tests/lib"  # made where the library's file name is not what it is linked by
    library = links if links.is_dir() else runtime_library(folder).parent
    return {**os.environ, **SANITIZERS, "LD_LIBRARY_PATH": str(library)}


def write_config(
    path: Path,
    *,
    model: Path | None = None,
    inputs: Sequence[PlannedInput],
    outputs: Sequence[PlannedOutput],
    delegate: dict[str, Any] | None = None,
    camera: Camera | None = None,
) -> None:
    """Writes a configuration as the renderer does, for a model that lies on this machine."""
    planned = PlannedModel(
        name="test",
        summary="",
        license="",
        manifest=path,
        path=path,
        info=NO_MODEL,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        samples=(),
        tolerance=Tolerance(),
        camera=camera,
    )
    config = {
        **app_config(planned, 1),
        "model": str(model or path),
        "source": None,
        "delegate": delegate,
    }
    path.write_text(json.dumps(config))


def noise(inputs: Sequence[TensorInfo], random: np.random.Generator) -> bytes:
    """One raw frame."""
    parts = []
    for tensor in inputs:
        if tensor.type == "float32":
            parts.append(random.normal(0, 1, tensor.shape).astype("<f4").tobytes())
        else:
            limits = np.iinfo(tensor.type)
            values = random.integers(limits.min, limits.max + 1, tensor.shape, dtype="i8")
            parts.append(values.astype(tensor.type).tobytes())
    return b"".join(parts)


def on_device(
    folder: Path,
    work: Path,
    model: Path,
    tensors: tuple[Sequence[TensorInfo], Sequence[TensorInfo]],
    frames: Sequence[bytes],
    mode: str,
    delegate: dict[str, Any] | None = None,
) -> list[list[bytes]]:
    """Raw outputs of each frame, by the app of that build."""
    inputs, outputs = tensors
    config, raw = work / "config.json", work / f"raw-{mode}"
    raw.mkdir()
    write_config(
        config,
        model=model,
        inputs=[PlannedInput(tensor=each, image=None) for each in inputs],
        outputs=[PlannedOutput(tensor=each, softmax=False, top_k=0, labels=()) for each in outputs],
        delegate=delegate,
    )
    arguments: list[str | Path] = ["--config", config, "--kernels", mode, "--raw-output", raw]
    for index, frame in enumerate(frames):
        (work / f"{index}.raw").write_bytes(frame)
        arguments += ["--input", work / f"{index}.raw"]
    done = subprocess.run(
        [folder / "edge-infer", *arguments],
        capture_output=True,
        text=True,
        env=environment(folder),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(frames)
    return [
        [(raw / f"{index}.raw.{o}.bin").read_bytes() for o in range(len(outputs))]
        for index in range(len(frames))
    ]


def on_host(
    model: Path,
    tensors: tuple[Sequence[TensorInfo], Sequence[TensorInfo]],
    frames: Sequence[bytes],
    mode: str,
    name: str = "litert",
) -> list[list[bytes]]:
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    return find_host(name, wanted=None).run(model, sha256, *tensors, frames, mode)
