"""The app built for this machine, and configurations for it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeimg.manifest.model import Tolerance
from edgeimg.model.info import ModelInfo
from edgeimg.plan.plan import PlannedInput, PlannedModel, PlannedOutput
from edgeimg.render.app_config import app_config

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/app-test"
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
    """The folder of a build, brought up to date: `litert`, `onnxruntime` or `release`."""
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
    )
    config = {**app_config(planned, 1), "model": str(model or path), "source": None}
    path.write_text(json.dumps(config))
