"""Built from source, booted in QEMU, golden checked; with this machine's cross compiler.

Sources come from Buildroot's mirrors. Where they cannot be had, BUILDROOT_PRODUCT names a
YAML file with keys for the product, laid over the test's own: for one

    buildroot: {primary_site: "file:///srv/sources", config: {BR2_PACKAGE_OVERRIDE_FILE: ...}}
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.upstream.products import product

from edgeimg.resources import data_root

pytestmark = [pytest.mark.upstream, pytest.mark.slow]


@pytest.mark.parametrize("model", ["digits", "digits-onnx"])
@pytest.mark.parametrize("board", ["qemu-arm64", "qemu-x86-64"])
def test_verify(board: str, model: str, buildroot: Path) -> None:
    # Kept from run to run, so that the second one is quick.
    work = data_root() / "build" / "test-upstream" / f"{board}-{model}"
    work.mkdir(parents=True, exist_ok=True)
    (work / "edgeimg.yaml").write_text(product(board, model))
    cache = data_root() / "build" / "test-cache"
    cache.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "edgeimg", "verify", "--output", "json"],
        check=False,
        cwd=work,
        env={**os.environ, "EDGEIMG_CACHE": str(cache), "EDGEIMG_BUILDROOT": str(buildroot)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["passed"] is True
