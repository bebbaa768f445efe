"""Real builds and boots. They share a cache in `build/`, so a second run is quick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from edgeimg.resources import data_root

PRODUCT = """\
version: 1
name: digits
board: {board}
models: [{models}]
features: {{read-only-root: {{}}}}
"""


@dataclass(frozen=True)
class Run:
    """What a real command said."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.stdout)
        return value


def environment() -> dict[str, str]:
    """The user's environment, with the tests' cache."""
    cache = data_root() / "build" / "test-cache"
    cache.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "EDGEIMG_CACHE": str(cache)}


def run_edgeimg(folder: Path, *arguments: str | Path, timeout: float = 600) -> Run:
    done = subprocess.run(
        [sys.executable, "-m", "edgeimg", *map(str, arguments)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def write_product(folder: Path, *, board: str, models: str = "digits", more: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "edgeimg.yaml"
    path.write_text(PRODUCT.format(board=board, models=models) + more)
    return path


@dataclass(frozen=True)
class Built:
    """A product that was built once for all tests of a session."""

    folder: Path
    project: Path

    @property
    def images(self) -> Path:
        return self.project / "build" / "images"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Built:
    """qemu-arm64 with the shipped model, built by the first process of pytest that wants it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "digits"
    with FileLock(shared.with_suffix(".lock")):
        if not (shared / "done").exists():
            write_product(shared, board="qemu-arm64")
            done = run_edgeimg(shared, "build")
            assert done.status == 0, done.stderr
            (shared / "done").touch()
    # Each process has a copy: tests take things out of it.
    folder = tmp_path_factory.mktemp("digits")
    subprocess.run(["cp", "-a", f"{shared}/.", folder], check=True)
    return Built(folder=folder, project=folder / "build" / "digits-qemu-arm64")


@pytest.fixture
def variant(built: Built, tmp_path: Path) -> Callable[..., Path]:
    """A product like `built` with something changed; it shares the lock and build folder copy."""

    def make(more: str = "", **overlay: str | bytes) -> Path:
        folder = tmp_path / "variant"
        write_product(folder, board="qemu-arm64", more=more + "overlay: overlay\n")
        subprocess.run(["cp", "-a", built.folder / "edgeimg.lock", folder], check=True)
        project = folder / "build" / built.project.name
        project.parent.mkdir()
        # What was built already need not be built again; the overlay is what differs.
        subprocess.run(["cp", "-a", built.project, project], check=True)
        (folder / "overlay").mkdir()
        for name, content in overlay.items():
            path = folder / "overlay" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            path.chmod(0o755)
        return folder

    return make
