"""What the tests against the real Buildroot and the real BitBake share (make test-upstream)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.locks import fake_lock
from tests.upstream.yocto.kit import Checkouts, checkouts

from edgeimg.builders import BUILDERS
from edgeimg.manifest.select import select
from edgeimg.plan.plan import Plan
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.write import write


@pytest.fixture(scope="session")
def buildroot() -> Path:
    """The checkout that the environment variable BUILDROOT names."""
    named = os.environ.get("BUILDROOT")
    if not named:
        pytest.skip("BUILDROOT names no checkout of Buildroot (make test-upstream BUILDROOT=dir)")
    return Path(named).resolve()


@pytest.fixture(scope="session")
def yocto() -> Checkouts:
    """The checkouts that the environment variables OE_CORE, BITBAKE and LAYERS name."""
    return checkouts()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one output folder of Buildroot and one copy of each toolchain are kept."""
    return tmp_path_factory.mktemp("buildroot")


@dataclass(frozen=True, kw_only=True)
class Project:
    """An emitted project, and Buildroot's output folder for it."""

    plan: Plan
    folder: Path
    output: Path
    buildroot: Path

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the project's own Makefile."""
        command = ["make", "--no-print-directory", "-C", str(self.folder)]
        command += [f"BUILDROOT={self.buildroot}", f"OUTPUT={self.output}", *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def upstream(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs Buildroot's Makefile as it is configured for the project."""
        command = ["make", "--no-print-directory", "-s", "-C", str(self.buildroot)]
        command += [f"O={self.output}", f"BR2_EXTERNAL={self.folder / 'external'}", *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def emit(
    tmp_path: Path, session_cache: Path, shared: Path, buildroot: Path
) -> Callable[..., Project]:
    """Writes the project of a product: `emit(board="qemu-arm64", runtime="litert")`."""

    def call(**product: Any) -> Project:
        file = tmp_path / "edgeimg.yaml"
        given = {"version": 1, "name": "upstream", "builder": "buildroot", **product}
        file.write_text(yaml.safe_dump(given))
        chosen = select(file=file)
        plan = resolve(chosen.product, chosen.source, session_cache)
        folder = tmp_path / "project"
        write(BUILDERS["buildroot"].render(plan, Inputs(lock=fake_lock(plan))), folder)
        # The copy of a compiler is the same for every project.
        (folder / "build").mkdir()
        toolchain = shared / plan.architecture.gnu
        toolchain.mkdir(exist_ok=True)
        (folder / "build/toolchain").symlink_to(toolchain)
        return Project(plan=plan, folder=folder, output=shared / "output", buildroot=buildroot)

    return call
