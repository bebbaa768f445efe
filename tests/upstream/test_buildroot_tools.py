"""The emitted external tree before Buildroot's own tools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeimg.resources import data

pytestmark = pytest.mark.upstream

PACKAGES = sorted(path.name for path in (data("buildroot-external") / "package").iterdir())
FEATURES: dict[str, Any] = {
    "network": {"ntp": ["ntp.example"]},
    "read-only-root": {},
    "serial-console": {},
    "ssh": {
        "authorized_keys": [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ000000000000000000000000000000000000000000"
        ]
    },
}


@pytest.mark.parametrize("model", ["digits", "digits-onnx"])
@pytest.mark.parametrize("board", ["qemu-arm64", "raspberrypi5"])
def test_check_package_finds_nothing(
    board: str, model: str, emit: Callable[..., Any], buildroot: Path
) -> None:
    pytest.importorskip("magic", reason="check-package needs python-magic (make test-upstream)")
    project = emit(
        board=board,
        models=[model],
        packages=PACKAGES,
        summary="Hostile: ${@os.system('x')} $(shell touch ran) `x` <b> | \\ # ü",
        features={**FEATURES, "systemd": {}},
    )
    external = project.folder / "external"
    files = [path for path in sorted(external.rglob("*")) if path.is_file()]
    assert {path.parent.name for path in files} >= set(PACKAGES)
    # check-package looks for flake8 in PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, str(buildroot / "utils/check-package"), "-b", *map(str, files)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stdout


@pytest.mark.parametrize("model", ["digits", "digits-onnx"])
def test_show_info_and_sbom(model: str, emit: Callable[..., Any]) -> None:
    project = emit(board="qemu-arm64", models=[model], features=FEATURES)
    ours = {"edge-infer", "edge-model", project.plan.runtime.name}
    done = project.make("sbom", "OFFLINE=yes")
    assert done.returncode == 0, done.stdout + done.stderr
    sbom = json.loads((project.folder / "build/images/sbom.cdx.json").read_text())
    assert {component["name"] for component in sbom["components"]} >= ours
    info = json.loads(project.upstream("show-info").stdout)
    assert set(info) >= ours
    assert info["edge-infer"]["licenses"] == "Apache-2.0"
    assert set(info["edge-infer"]["dependencies"]) >= {"json-for-modern-cpp", "libpng"}
